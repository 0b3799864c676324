"""The embedded engine: drives one pipeline from a log, in one thread of one process.

In what order, so that nothing is lost and nothing counts twice:

1. read records after the position reached;
2. `Pipeline.process` each, in order;
3. hand the results to `stream.sinks.delivery`, which brings them into every sink, each at its own pace;
4. now and then, take a snapshot of the pipeline, and write it when every sink has the results up to its position: not
   by the clock, which would wear out a card under an idle node, but when reading the log again from the last one would
   take seconds (`stream.engines.snapshot_files.CrashCost`);
5. then commit to the log the position of the *older* of the two snapshots kept, so that retention leaves what a
   damaged newest snapshot would need.

Ended at any moment, the next start loads the newest whole snapshot, reads the log from its position, and, because the
pipeline is deterministic, gets the same results; sinks pass over what they have. While a sink fails no snapshot is
written, and the log keeps what follows the last one. When it works again and has missed results, they are made again
for it alone (`stream.engines.again`), beside the engine, which goes on.

A record that makes the pipeline fail is *poison*: it is noted in a small file, the engine goes back to its last
snapshot, because the failure may have left the state half changed, and passes the record by when it comes to it again:
the record goes to the quarantine. So does one that ended the process itself (`ingest.setup.crash_marker`).
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ingest.log import ConsumedLog, Record
from ingest.refusal import Refusal
from ingest.setup.crash_marker import CrashMarker, no_longer_than
from stream.engines.again import results_again
from stream.engines.cold_start import ColdStartNote
from stream.engines.idle_results import IdleResults
from stream.engines.poison_notes import PoisonNotes
from stream.engines.snapshot_files import MOST_BYTES, CrashCost, PendingSnapshot, SnapshotFiles
from stream.engines.stats import EngineStats
from stream.engines.unlogged import Unlogged
from stream.pipeline.pipeline import Pipeline
from stream.results import Results
from stream.sinks.delivery import Delivery, QuarantineSink, Sink, rows_of
from stream.sinks.result_rows import NOTHING_WRITTEN, after, order

_LOG = logging.getLogger(__name__)
CONSUMER: Final = "embedded"
_MAX_RECORDS: Final = 256
_MAX_ROWS: Final = 50_000
"""Result rows gathered before the sinks get them."""
_IDLE_S: Final = 0.5
_RETRY_S: Final = 1.0
_STILL_S: Final = 2.5
"""A planned stop waits no longer than this for sinks that fail, or wait for somebody else."""
_RECORD_S: Final = 120.0
"""Processor time after which a record is taken for one that never ends: a month of history takes seconds."""
_ENDED: Final = "the process ended while it processed this record"
_SLOW_S: Final = 1.0
"""So long the engine waits for a sink that is slow, each time: alarms must not wait longer."""
_PENDING_S: Final = 0.05
"""How often to look, while nothing comes, whether a snapshot may be written."""


class EmbeddedEngine:
    """Runs a pipeline over a log.

    Parameters
    ----------
    log
        Where records come from.
    make_pipeline
        Returns a new, empty pipeline.
    sinks
        Where results go.
    state_dir
        Folder of snapshots, this engine's own.
    quarantine
        Keeps durably what the pipeline refused.
    snapshot_every_s
        Least wall-clock seconds between snapshots; more where writing one takes long (at most a twentieth of the time).
    snapshot_bytes
        Most bytes of records that the log has to keep for a crash, about.
    hold_s
        See `stream.engines.idle_results`.
    """

    def __init__(
        self,
        log: ConsumedLog,
        make_pipeline: Callable[[], Pipeline],
        sinks: Sequence[Sink],
        state_dir: Path,
        *,
        quarantine: Callable[[Sequence[Refusal]], None],
        snapshot_every_s: float = 10.0,
        snapshot_bytes: int = MOST_BYTES,
        hold_s: float = 0.0,
    ) -> None:
        self._log, self._make_pipeline = log, make_pipeline
        self._files = SnapshotFiles(state_dir)
        self.delivery = Delivery([*sinks, QuarantineSink(quarantine)], self._again)
        self._in_hand = CrashMarker(state_dir / "processing.mark")
        self._cold_start = ColdStartNote(state_dir)
        self._unlogged = Unlogged(make_pipeline)
        self._every_s = snapshot_every_s
        self._cost = CrashCost(snapshot_every_s, snapshot_bytes)
        self._idle = IdleResults(hold_s)
        self._stop = threading.Event()
        self._drain = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        """What ended the engine, if anything did."""
        self._poison = PoisonNotes(state_dir)
        self._pending: PendingSnapshot | None = None
        self._counted = NOTHING_WRITTEN
        """The `order` of the newest results that are in the stats."""
        self.stats = EngineStats()
        self.pipeline = make_pipeline()

    @property
    def position(self) -> int:
        """Log position up to which every sink has the results."""
        held, delivery = self._idle.held, self.delivery
        return held.position if held and delivery.reached >= delivery.newest else max(delivery.position, 0)

    @property
    def failing(self) -> dict[str, str]:
        """Part → its last error, while it fails: sinks, the log, the snapshots."""
        return self.delivery.failing | self.stats.failing

    def recover(self) -> int:
        """Load the newest snapshot and return the position it belongs to (0 without one)."""
        self._poison.read()
        self._pending = None
        self.pipeline = self._restored()
        head = self._log.head()
        if self.pipeline.position > head:
            raise EngineStateError(
                f"the state saved in {self._files.folder} belongs to log position {self.pipeline.position}, but the "
                f"log ends at {head}: the log was replaced. Put the old log back, or move the whole site folder away."
            )
        return self.pipeline.position

    def _recovered(self) -> int:
        """Recover, however long the log cannot be read."""
        while True:
            try:
                return self.recover()
            except OSError as error:
                self._note("log", error, _RETRY_S)
                self._rest(_RETRY_S)
                if self._stop.is_set():
                    return self.pipeline.position

    def _restored(self) -> Pipeline:
        """Return a pipeline with the newest state that can be read; an empty one where none can.

        A state of another version (after an upgrade) or of other settings is put aside: the pipeline then learns again
        from what the log still holds, and the sinks pass over what they have.
        """
        reason = "no snapshot is whole" if self._files.paths() else ""
        for position, data in self._files.candidates():
            pipeline = self._make_pipeline()
            try:
                pipeline.restore(data)
            except (ValueError, KeyError, TypeError) as error:
                _LOG.warning("the state saved at log position %d is put aside: %s", position, error)
                self._files.put_aside(position)
                reason = str(error)
                continue
            self.stats.cold_start = self._cold_start.read()
            return pipeline
        if reason:
            self._cold_start.write(reason)
        self.stats.cold_start = self._cold_start.read()
        return self._make_pipeline()

    def run(self) -> None:
        """Recover, then process until `stop`; with a drain, until the log has nothing more. Ends with a snapshot."""
        position = self._recovered()
        self.delivery.start(position)
        self._cost.put_off()
        try:
            self._work(position)
        finally:
            self.delivery.close()

    def _work(self, position: int) -> None:
        while not self._stop.is_set():
            draining = self._drain.is_set()  # asked first: what came before is read
            try:
                records = self._log.read(position, limit=_MAX_RECORDS)
                if not records:
                    self._unlogged.tell(self.pipeline, self.delivery.tell)
                    if not draining:
                        self._log.wait(
                            position, _IDLE_S if self._pending is None and not self._unlogged.telling else _PENDING_S
                        )
            except OSError as error:
                self._note("log", error, _RETRY_S)
                self._rest(_RETRY_S)
                continue
            self.stats.failing.pop("log", None)
            if not records and draining:
                self._finish()
                break
            if records:
                self._unlogged.forget()
            position = self._step(position, records)
            self._unlogged.tell(self.pipeline, self.delivery.tell)
            self._snapshot_if_due()

    def tell_unlogged(self, records: list[Record]) -> None:
        """Have hazards told that are in records which the log cannot take yet; callable in any thread."""
        self._unlogged.put(records)

    def _rest(self, wait_s: float) -> None:
        """Wait where the log cannot be read; hazards are told meanwhile."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end and not self._stop.wait(_PENDING_S):
            self._unlogged.tell(self.pipeline, self.delivery.tell)

    def _again(self, anew: bool) -> Iterator[list[Results]]:  # noqa: FBT001 - `stream.sinks.delivery.Again`
        """Make results again, see `stream.engines.again`."""
        return results_again(self._log, self._make_pipeline, self._files, self._poison.known, anew=anew)

    def _finish(self) -> None:
        """Let the sinks take all there is, then save the state, for a planned stop."""
        while not self.delivery.wait_until_settled(_IDLE_S):
            if self._stop.is_set():
                return
        self._give([self.pipeline.flush()])
        while not self.delivery.wait_until_reached(self.delivery.newest, _IDLE_S):
            if self._stop.is_set():
                return
        self._save(self._captured())

    def _step(self, position: int, records: list[Record]) -> int:
        """Process some records; return the position reached."""
        gathered: list[Results] = []
        rows = 0
        began = time.monotonic()
        for record in records:
            why = self._poison.known.get(record.position) or self._deadly(record)
            self._cost.size += len(record.payload)
            try:
                with no_longer_than(_RECORD_S, timer=signal.ITIMER_VIRTUAL):
                    results = self.pipeline.process(record) if why is None else self.pipeline.pass_by(record, why)
            except Exception as error:  # noqa: BLE001 - any failure makes the record poison, and is logged
                _LOG.exception("record at log position %d cannot be processed", record.position)
                self._give(gathered)
                self._note_poison(record.position, f"{type(error).__name__}: {error}")
                return self._recovered()
            self._in_hand.end()
            gathered.append(results)
            position = record.position
            rows += rows_of(results) + results.accepted
            if rows > _MAX_ROWS:
                self._cost.work_s += time.monotonic() - began
                self._give(gathered)
                gathered, rows, began = [], 0, time.monotonic()
        self._cost.work_s += time.monotonic() - began
        self._give(gathered)
        return position

    def _deadly(self, record: Record) -> str | None:
        """Mark a record; return why it is passed by, where the process died of it and a copy of the process does too.

        Nothing of the state is changed then, so there is no snapshot to go back to.
        """
        in_hand = self._in_hand
        suspect = in_hand.begin(f"record {record.position}".encode())
        if not suspect or not in_hand.judge(lambda: self.pipeline.process(record), _RECORD_S):
            return None
        _LOG.error("the record at log position %d ended the process; it is passed by", record.position)
        self._note_poison(record.position, _ENDED)
        return _ENDED

    def _note_poison(self, position: int, why: str) -> None:
        self._poison.add(position, why)
        self.stats.poison += 1

    def _give(self, gathered: list[Results]) -> None:
        """Hand results to the sinks, count them, and wait where a sink cannot keep up."""
        self.delivery.put(self._idle.passed(gathered))
        for results in after(gathered, self._counted):
            self._count(results)
        if not self.delivery.wait_for_room(_SLOW_S):
            _LOG.debug("a slow sink is not waited for any longer")

    def _count(self, results: Results) -> None:
        stats, taught = self.stats, results.taught
        self._counted = order(results)
        stats.budget = results.budget or stats.budget
        stats.now_ms, stats.watermark_ms = results.now_ms, results.watermark_ms
        if taught is None:
            return
        stats.taught += taught.learned
        stats.known += taught.known
        if (taught.learned or taught.known) and stats.cold_start is not None:  # what was lost is there again
            self._cold_start.clear()
            stats.cold_start = None
        _LOG.info(
            "history at log position %d: learned %d windows, %d were known, %d are not over yet",
            results.position, taught.learned, taught.known, taught.early,
        )  # fmt: skip

    def _note(self, name: str, error: Exception, wait_s: float) -> None:
        """Tell that a part fails, in the status and in the log file."""
        why = f"{type(error).__name__}: {error}"
        level = logging.DEBUG if self.stats.failing.get(name) == why else logging.WARNING
        self.stats.failing[name] = why
        _LOG.log(level, "%s fails, again in %.1f s: %s", name, wait_s, error)

    def _snapshot_if_due(self) -> None:
        if self._pending is None and self._cost.due() and self.pipeline.position > 0:
            self._pending = self._captured()
        if self._pending is not None and self.delivery.reached >= self._pending.reached:
            self._save(self._pending)
            self._pending = None

    def _captured(self) -> PendingSnapshot:
        began = time.monotonic()
        self.delivery.put(self._idle.released())
        data = self.pipeline.snapshot()
        self._cost.taken()
        pipe, took_s = self.pipeline, time.monotonic() - began
        return PendingSnapshot(pipe.position, pipe.now_ms, self.delivery.newest, data, took_s)

    def _save(self, snapshot: PendingSnapshot) -> None:
        began = time.monotonic()
        try:
            self._files.save(snapshot.position, snapshot.data, snapshot.now_ms)
            sure_ms = self.pipeline.now_ms if self.pipeline.sure else None
            self._log.commit(CONSUMER, self._files.oldest_position(), sure_ms)
        except OSError as error:
            # Not having saved costs time at the next start, nothing else; stopping would cost the service.
            self._note("snapshot", error, self._every_s)
            self._cost.put_off()
            return
        self.stats.failing.pop("snapshot", None)
        self.stats.checkpoints += 1
        self._cost.saved(time.monotonic() - began + snapshot.took_s)

    # -- as a thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run_noting_failure, name="engine", daemon=True)
        self._thread.start()

    def _run_noting_failure(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self.failure = error
            _LOG.exception("the engine ended")
            raise

    def alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self, *, drain: bool = True, timeout_s: float = 60.0) -> None:
        """End the thread: with `drain` after the log's last record and a snapshot, else at once.

        A drain in which nothing moves for some seconds (a sink that does not come back), or that does not end in time,
        becomes a stop at once; nothing is lost.
        """
        if drain:
            self._drain.set()
            self._wait_while_it_moves(timeout_s)
        for name, why in self.failing.items():
            _LOG.warning("stopped while %s was failing: %s", name, why)
        self._stop.set()
        if self._thread is not None:
            self._thread.join(40.0)

    def _wait_while_it_moves(self, timeout_s: float) -> None:
        now = time.monotonic()
        until, moved, before = now + timeout_s, now, None
        while self.alive() and (now := time.monotonic()) < min(until, moved + _STILL_S):
            reached = self.pipeline.position, self.delivery.newest, self.delivery.reached
            if reached != before or self.delivery.at_work:
                before, moved = reached, now
            if self._thread is not None:
                self._thread.join(_PENDING_S)


class EngineStateError(RuntimeError):
    """The saved state and the log do not belong together."""
