"""The embedded engine: drives one pipeline from a log, in one thread of one process.

In what order, so that nothing is lost and nothing counts twice:

1. read records after the position reached;
2. `Pipeline.process` each, in order;
3. write the results to every sink, and wait until each says they are durable (`flush`);
4. now and then, write a snapshot of the pipeline durably: it carries the position reached;
5. then commit to the log the position of the *older* of the two snapshots kept, so that retention leaves what a
   damaged newest snapshot would need.

Ended at any moment, the next start loads the newest whole snapshot, reads the log from its position, and, because the
pipeline is deterministic, writes the same rows over themselves. A sink that fails is tried again, with the same
results, until it takes them; meanwhile nothing further is read and the log grows on disk.

A record that makes the pipeline fail is *poison*: it is quarantined, noted in a small file, and passed by; the pipeline
goes back to its last snapshot, because the failure may have left its state half changed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from ingest.log.records import Log, Record
from stream.engines.checkpoints import SnapshotFiles
from stream.engines.cold_start import Anew, AnewNote
from stream.pipeline.pipeline import Pipeline
from stream.results import BudgetState, Reject, Results
from stream.sinks.base import Sink
from stream.state.snapshot import SnapshotError

_LOG = logging.getLogger(__name__)
CONSUMER: Final = "embedded"
_MAX_RECORDS: Final = 256
_MAX_ROWS: Final = 50_000
"""Result rows gathered before the sinks get them."""
_IDLE_S: Final = 0.5
_RETRY_S: Final = 1.0


class Rejected(Protocol):
    """Where the pipeline's rejects go."""

    def __call__(self, rejects: Sequence[Reject]) -> None:
        """Keep them durably."""
        ...


@dataclass(slots=True)
class EngineStats:
    """What the engine did since it started; read by the node's status."""

    position: int = 0
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    rejected: int = 0
    windows: int = 0
    anomalies: int = 0
    alerts: int = 0
    snapshots: int = 0
    poison: int = 0
    now_ms: int = 0
    watermark_ms: int = 0
    budget: BudgetState | None = None
    """How the alert budget stands."""
    failing: dict[str, str] = field(default_factory=dict)
    """Sink name → its last error, while it fails."""
    taught: int = 0
    """Windows that history taught the baselines."""
    known: int = 0
    """Windows of history that they had learnt before."""
    anew: Anew | None = None
    """Set while the baselines learn anew because no saved state could be used."""


class EmbeddedEngine:
    """Runs a pipeline over a log.

    Parameters
    ----------
    log
        Where records come from.
    make_pipeline
        Returns a new, empty pipeline.
    sinks
        Where results go, in this order.
    state_dir
        Folder of snapshots, this engine's own.
    rejected
        Takes what the pipeline would not apply.
    snapshot_every_s
        Wall-clock seconds between snapshots; more where writing one takes long (at most a twentieth of the time).
    on_results
        Called after the sinks have the results; for tests and live views.
    """

    def __init__(
        self,
        log: Log,
        make_pipeline: Callable[[], Pipeline],
        sinks: Sequence[Sink],
        state_dir: Path,
        *,
        rejected: Rejected,
        snapshot_every_s: float = 10.0,
        on_results: Callable[[Sequence[Results]], None] | None = None,
    ) -> None:
        self._log, self._make_pipeline, self._sinks = log, make_pipeline, list(sinks)
        self._files = SnapshotFiles(state_dir)
        self._poison_path = state_dir / "poison.json"
        self._anew = AnewNote(state_dir)
        self._rejected, self._on_results = rejected, on_results
        self._every_s = snapshot_every_s
        self._stop = threading.Event()
        self._drain = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._poison: set[int] = set()
        self._next_snapshot = 0.0
        self.stats = EngineStats()
        self.pipeline = make_pipeline()

    def recover(self) -> int:
        """Load the newest snapshot and return the position it belongs to (0 without one)."""
        self._poison = self._read_poison()
        self.pipeline = self._restored()
        head = self._log.head()
        if self.pipeline.position > head:
            raise EngineStateError(
                f"the state saved in {self._files.folder} belongs to log position {self.pipeline.position}, but the "
                f"log ends at {head}: the log was replaced. Put the old log back, or move the whole site folder away."
            )
        self.stats.position = self.pipeline.position
        return self.pipeline.position

    def _restored(self) -> Pipeline:
        """Return a pipeline with the newest state that can be read; an empty one where none can.

        A state of another version (after an upgrade) or of other settings is put aside: the pipeline then learns anew
        from what the log still holds, and the sinks pass over what they have.
        """
        reason = "no snapshot is whole" if self._files.paths() else ""
        for position, data in self._files.candidates():
            pipeline = self._make_pipeline()
            try:
                pipeline.restore(data)
            except (SnapshotError, ValueError, KeyError, TypeError) as error:
                _LOG.warning("the state saved at log position %d is put aside: %s", position, error)
                self._files.put_aside(position)
                reason = str(error)
                continue
            self.stats.anew = self._anew.read()
            return pipeline
        if reason:
            self._anew.write(reason)
        self.stats.anew = self._anew.read()
        return self._make_pipeline()

    def run(self) -> None:
        """Recover, then process until `stop`; with a drain, until the log has nothing more. Ends with a snapshot."""
        position = self.recover()
        self._next_snapshot = time.monotonic() + self._every_s
        while not self._stop.is_set():
            try:
                records = self._log.read(position, limit=_MAX_RECORDS)
                if not records and not self._drain.is_set():
                    self._log.wait(position, _IDLE_S)
            except OSError as error:
                self._note("log", error, _RETRY_S)
                self._stop.wait(_RETRY_S)
                continue
            self.stats.failing.pop("log", None)
            if not records and self._drain.is_set():
                break
            position = self._step(position, records)
        if self._drain.is_set() and not self._stop.is_set():
            self._deliver([self.pipeline.flush()])
            self._save()

    def _step(self, position: int, records: list[Record]) -> int:
        """Process some records; return the position reached."""
        gathered: list[Results] = []
        rows = 0
        for record in records:
            if record.position in self._poison:
                position = record.position
                continue
            try:
                results = self.pipeline.process(record)
            except Exception as error:  # noqa: BLE001 - any failure makes the record poison, and is logged
                _LOG.exception("record at log position %d cannot be processed", record.position)
                self._deliver(gathered)
                return self._pass_by(record, error)
            gathered.append(results)
            position = record.position
            rows += sum(len(part) for part in results.windows) + results.accepted
            if rows > _MAX_ROWS:
                self._deliver(gathered)
                gathered, rows = [], 0
        self._deliver(gathered)
        if time.monotonic() >= self._next_snapshot and self.pipeline.position > 0:
            self._save()
        return position

    def _pass_by(self, record: Record, error: Exception) -> int:
        """Note a record as poison and go back to the last snapshot."""
        self._poison.add(record.position)
        self._until_done("snapshot", self._write_poison)
        self.stats.poison += 1
        reject = Reject(
            topic=f"log position {record.position}",
            reason="processing",
            detail=f"{type(error).__name__}: {error}",
            payload=record.payload,
            received_ms=record.received_ms,
        )
        self._until_done("quarantine", partial(self._rejected, [reject]))
        return self.recover()

    def _write_poison(self) -> None:
        unfinished = self._poison_path.with_suffix(".tmp")
        unfinished.write_bytes(msgspec.json.encode(sorted(self._poison)))
        unfinished.replace(self._poison_path)

    def _read_poison(self) -> set[int]:
        try:
            return set(msgspec.json.decode(self._poison_path.read_bytes(), type=list[int]))
        except FileNotFoundError:
            return set()
        except msgspec.MsgspecError as error:
            _LOG.warning("%s cannot be read (%s): records that fail are noted again", self._poison_path, error)
            return set()

    def _deliver(self, gathered: Sequence[Results]) -> None:
        """Bring results into every sink, trying again until they are in or the engine is stopped."""
        if not gathered:
            return
        for sink in self._sinks:
            self._until_done(sink.name, partial(self._bring, sink, gathered))
        rejects = [reject for results in gathered for reject in results.rejects]
        if rejects:
            self._until_done("quarantine", partial(self._rejected, rejects))
        stats = self.stats
        for results in gathered:
            stats.accepted += results.accepted
            stats.duplicates += results.duplicates
            stats.late += results.late
            stats.rejected += len(results.rejects)
            stats.windows += sum(len(part) for part in results.windows)
            stats.anomalies += len(results.anomalies)
            stats.alerts += len(results.alerts)
            stats.budget = results.budget or stats.budget
            self._count_taught(results)
        stats.position = gathered[-1].position
        stats.now_ms, stats.watermark_ms = gathered[-1].now_ms, gathered[-1].watermark_ms
        if self._on_results is not None:
            self._on_results(gathered)

    def _count_taught(self, results: Results) -> None:
        taught = results.taught
        if taught is None:
            return
        self.stats.taught += taught.learnt
        self.stats.known += taught.known
        if (taught.learnt or taught.known) and self.stats.anew is not None:  # what it would have taught is there
            self._anew.clear()
            self.stats.anew = None
        _LOG.info(
            "history at log position %d: learnt %d windows, %d were known, %d are not over yet",
            results.position, taught.learnt, taught.known, taught.early,
        )  # fmt: skip

    def _until_done(self, name: str, write: Callable[[], None]) -> None:
        """Try to write until it succeeds; raise `EngineStoppedError` where the engine is stopped before."""
        wait_s = 0.1
        while True:
            try:
                write()
            except Exception as error:
                self._note(name, error, wait_s)
                if self._stop.wait(wait_s):
                    raise EngineStoppedError(f"stopped while {name} was failing: {error}") from error
                wait_s = min(wait_s * 2, 10.0)
            else:
                self.stats.failing.pop(name, None)
                return

    def _note(self, name: str, error: Exception, wait_s: float) -> None:
        """Tell that a part fails, in the status and in the log file."""
        self.stats.failing[name] = f"{type(error).__name__}: {error}"
        _LOG.warning("%s fails, again in %.1f s: %s", name, wait_s, error)

    @staticmethod
    def _bring(sink: Sink, gathered: Sequence[Results]) -> None:
        sink.write(gathered)
        sink.flush()

    def _save(self) -> None:
        began = time.monotonic()
        try:
            self._files.save(self.pipeline.position, self.pipeline.snapshot())
            self._log.commit(CONSUMER, self._files.oldest_position())
        except OSError as error:
            # Not having saved costs time at the next start, nothing else; stopping would cost the service.
            self._note("snapshot", error, self._every_s)
            self._next_snapshot = began + self._every_s
            return
        self.stats.failing.pop("snapshot", None)
        self.stats.snapshots += 1
        took = time.monotonic() - began
        self._next_snapshot = time.monotonic() + max(self._every_s, 20 * took)

    # -- as a thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run_noting_failure, name="engine", daemon=True)
        self._thread.start()

    def _run_noting_failure(self) -> None:
        try:
            self.run()
        except EngineStoppedError as error:
            _LOG.warning("%s; the next start writes the results again", error)
        except BaseException as error:
            self._failure = error
            _LOG.exception("the engine ended")
            raise

    @property
    def failure(self) -> BaseException | None:
        """What ended the engine, if anything did."""
        return self._failure

    def alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self, *, drain: bool = True, timeout_s: float = 60.0) -> None:
        """End the thread: with `drain` after the log's last record and a snapshot, else at once.

        A drain that does not end in time (a sink that does not come back) becomes a stop at once; nothing is lost.
        """
        if drain:
            self._drain.set()
            if self._thread is not None:
                self._thread.join(timeout_s)
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10.0)


class EngineStoppedError(RuntimeError):
    """The engine was told to stop before a sink took what it was given."""


class EngineStateError(RuntimeError):
    """The saved state and the log do not belong together."""
