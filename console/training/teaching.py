"""Giving history to a site's node: where it comes from, and how it goes in through the log, little by little."""

import argparse
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from console.common import FoundSite, bad_rows_json, progress_bar, zone_of
from console.errors import CommandError
from console.training.history_csv import read_history
from console.training.model_health import KINDS
from console.training.saved_state import read_saved
from deploy.node.lock import PRIVATE
from deploy.settings import Settings
from deploy.wiring import open_kafka_log, open_log
from ingest.clock import wall_ms
from ingest.codecs.csv_files import BadRows
from ingest.log import HistorySeries, Log, LogFullError, Record, RecordKind
from ingest.places import Places
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError
from stream.training import PastWindows, Piece, fitted, joined, pieces, stored_windows

_DAY_MS: Final = 86_400_000
_AHEAD: Final = 3
"""Records that wait for the node at a time: what is live comes in between."""
_POLL_S: Final = 0.05
_STALL_S: Final = 120.0
"""A node that gets no further for so long has something else to do, or a sink that fails."""
_STATUS_S: Final = 10.0


@dataclass(slots=True)
class HistorySource:
    """Where history comes from."""

    name: str
    windows: Iterator[PastWindows]
    """Oldest first."""
    first_ms: int
    last_ms: int
    """End of the newest window."""
    bad: BadRows = field(default_factory=BadRows)
    missing: int = 0
    gone: list[str] = field(default_factory=list)
    """Devices of the store that are not in the places file any more."""
    reader: StoreReader | None = None

    def close(self) -> None:
        """Release the store."""
        if self.reader is not None:
            self.reader.close()


def history_of(options: argparse.Namespace, settings: Settings, site: FoundSite, places: Places) -> HistorySource:
    """Return the history that the options name: a CSV file, or what the site's store holds.

    Raises `CommandError` where there is no store yet, or nothing of the file can be used.
    """
    return _of_file(options, settings, places) if options.file else _of_store(options, settings, site, places)


def _of_store(options: argparse.Namespace, settings: Settings, site: FoundSite, places: Places) -> HistorySource:
    if not site.store.exists():
        raise CommandError(f"site {site.id} has no store yet; name a CSV file to learn from", 2)
    reader = StoreReader(site.store)
    window_ms = settings.pipeline.window_s * 1000
    names, gone = stored_series(reader, places, accept_unknown=settings.gateway.accept_unknown)
    span = reader.span() or (0, -window_ms)
    end = span[1] + window_ms
    since = span[0] if options.days is None else max(span[0], end - round(options.days * _DAY_MS))
    windows = stored_windows(reader, window_ms, since, end, names) if names else iter(())
    return HistorySource(str(site.store), windows, since, end, gone=gone, reader=reader)


def stored_series(
    reader: StoreReader, places: Places, *, accept_unknown: bool
) -> tuple[dict[int, HistorySeries], list[str]]:
    """Return the counts and levels of a store, by their numbers there, and the devices that the site has no more."""
    kinds = {name: int(kind) for kind, name in KINDS.items()}
    names: dict[int, HistorySeries] = {}
    gone: set[str] = set()
    for row in reader.series():
        if row["kind"] not in kinds:
            continue
        device = places.devices.get(row["device"])
        if device is None and not accept_unknown:
            gone.add(row["device"])
            continue
        beat = row["beat"] if device is None else device.beat
        names[row["id"]] = HistorySeries(beat, row["device"], kinds[row["kind"]], row["metric"])
    return names, sorted(gone)


def _of_file(options: argparse.Namespace, settings: Settings, places: Places) -> HistorySource:
    zone = zone_of(options, settings)
    try:
        found = read_history(options.file, places, zone, metric=options.metric, interval_s=options.interval)
    except OSError as error:
        raise CommandError(f"{options.file}: {error.strerror or error}") from error
    window_ms = settings.pipeline.window_s * 1000
    parts: list[PastWindows] = []
    for interval_ms in np.unique(found.interval_ms).tolist():
        rows = found.interval_ms == interval_ms
        parts.append(
            fitted(found.names, found.which[rows], found.start_ms[rows], found.value[rows], interval_ms, window_ms)
        )
    first, last = int(found.start_ms.min()), int((found.start_ms + found.interval_ms).max())
    windows = joined(parts)
    if len(parts) > 1:  # the window in which a device changed its interval is in two of them
        windows = windows.chosen(np.unique(np.stack((windows.number, windows.which)), axis=1, return_index=True)[1])
    return HistorySource(str(options.file), iter([windows]), first, last, bad=found.bad, missing=found.missing)


def log_time(log: Log, reader: StoreReader | None, *, kafka: bool) -> int:
    """Return the log's own time, which a replay's or a demo's clock may have set: who adds to it must not move it."""
    newest = [] if kafka else log.read(log.head() - 1, limit=1)
    if newest:
        return newest[-1].received_ms
    stored = reader.progress()["now_ms"] if reader is not None else 0
    return int(stored) or wall_ms()


class Teaching:
    """Gives history to a site's node through its log, a few records ahead of it."""

    def __init__(self, options: argparse.Namespace, settings: Settings, site: FoundSite, source: HistorySource) -> None:
        self.options, self.settings, self.site, self.source = options, settings, site, source
        self.window_ms = settings.pipeline.window_s * 1000
        self.saved = read_saved(site.folder / "state", settings.pipeline.window_s)
        self.kafka = bool(settings.kafka.bootstrap) and not (site.folder / "log.db").exists()
        """Whether workers on Kafka do what elsewhere one node does; nobody waits for them."""
        self.running = bool(site.node()["running"])
        self.windows = self.known = self.records = self.position = 0
        self.series: set[HistorySeries] = set()
        self.learned: int | None = None
        """What the node says that it learned, and what it had learned meanwhile; None where it was not asked."""
        self.passed_over = 0
        self.done = False
        """Whether the node has worked everything off."""
        self._reached, self._stalled = -1, False

    def run(self, texts: Sentences) -> None:
        """Do it, with a progress bar where somebody looks on.

        Raises `CommandError` where the log is full; what went in before then is learned, and not sent again.
        """
        source, options = self.source, self.options
        days = max(-(-(source.last_ms - source.first_ms) // _DAY_MS), 1)
        before = self.site.status()
        looks = {"total": days, "desc": texts("train-reading"), "unit": "d", "leave": False}
        with ExitStack() as stack:
            progress = stack.enter_context(progress_bar(options, **looks))

            def reached(end_ms: int) -> None:
                progress((end_ms - source.first_ms) // _DAY_MS)

            if options.dry_run:
                for piece in self._pieces():
                    self.windows, self.records = self.windows + piece.windows, self.records + 1
                    reached(piece.end_ms)
                return
            self.site.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            opened = open_kafka_log(self.settings, "patrolgrid-train") if self.kafka else open_log(self.settings)
            log: Log = stack.enter_context(closing(opened))
            self.received_ms = log_time(log, self.source.reader, kafka=self.kafka)
            reader = stack.enter_context(closing(StoreReader(self.site.store)))
            waiting: deque[tuple[int, int]] = deque()
            for piece in self._pieces():
                self._append(log, piece)
                waiting.append((self.position, piece.end_ms))
                while len(waiting) > _AHEAD and self._wait(reader, waiting[0][0]):
                    reached(waiting.popleft()[1])
            while waiting and self._wait(reader, waiting[0][0]):
                reached(waiting.popleft()[1])
            self.done = bool(self.records) and not waiting
        if self.done:
            self._ask(before)

    def _wait(self, reader: StoreReader, position: int) -> bool:
        """Wait until the node has worked off the record at a position; tell whether it has.

        Nobody waits for workers on Kafka, for a node that stopped, and after one got no further for `_STALL_S`.
        """
        if self.kafka or self.options.no_wait:
            return False
        moved = time.monotonic()
        while not self._stalled:
            self.running = self.running and bool(self.site.node()["running"])
            if not self.running:
                return False
            before = self._reached
            try:
                self._reached = int(reader.progress()["position"])
            except StoreError:  # a node that has just been started makes its store
                self._reached = -1
            if self._reached >= position:
                return True
            if self._reached > before:
                moved = time.monotonic()
            self._stalled = time.monotonic() - moved > _STALL_S
            time.sleep(_POLL_S)
        return False

    def _pieces(self) -> Iterator[Piece]:
        return pieces(
            self.source.windows,
            self.window_ms,
            shards=self.settings.kafka.shards if self.kafka else 1,
            again=self.options.again,
            keep=self._worth_sending,
        )

    def _worth_sending(self, portion: PastWindows) -> NDArray[np.bool_]:
        """Leave out what the saved state knows. The node looks again, with what it has learned since."""
        known = self.saved.knows(portion.names, portion.which, portion.number)
        if self.options.again:
            known[:] = False
        self.known += int(known.sum())
        self.series.update(portion.names[index] for index in set(portion.which[~known].tolist()))
        fresh: NDArray[np.bool_] = ~known
        return fresh

    def _append(self, log: Log, piece: Piece) -> None:
        try:
            self.position = log.append([Record(RecordKind.HISTORY, self.received_ms, piece.payload, piece.shard)])
        except LogFullError as error:
            raise CommandError(
                f"{error}; {self.windows} windows were given to the node before, and are left out when you train again"
            ) from error
        self.windows, self.records = self.windows + piece.windows, self.records + 1

    def _ask(self, before: dict[str, Any]) -> None:
        """Ask the node's status, made after it was done, what it has learned."""
        since_ms, deadline = wall_ms(), time.monotonic() + _STATUS_S
        while time.monotonic() < deadline:
            status = self.site.status()
            if int(status.get("wall_ms", 0)) > since_ms and "learning" in status:
                was, now = before.get("learning") or {}, status["learning"]
                # History that waited from before is in these numbers, too.
                self.learned = min(int(now["taught"]) - int(was.get("taught", 0)), self.windows)
                self.passed_over = min(int(now["known"]) - int(was.get("known", 0)), self.windows - self.learned)
                return
            time.sleep(_POLL_S)

    def document(self) -> dict[str, Any]:
        """Return what was done, for JSON."""
        source = self.source
        return {
            "site": self.site.id,
            "source": source.name,
            "first_ms": source.first_ms,
            "last_ms": source.last_ms,
            "windows": self.windows,
            "series": len(self.series),
            "records": self.records,
            "position": self.position,
            "known": self.known,
            "missing": source.missing,
            **bad_rows_json(source.bad),
            "gone": source.gone,
            "dry_run": bool(self.options.dry_run),
            "running": self.running,
            "done": self.done,
            "learnt": self.learned,
            "passed_over": self.passed_over,
        }
