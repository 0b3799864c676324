"""The files of a spool that nothing is appended to any more: what is in them, and how it leaves them."""

import logging
import os
import threading
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from errno import EIO
from pathlib import Path
from typing import Final

from ingest.edge.spool_file import PRIVATE, Filed, lines, read_lines, read_tally, rows_of, together, write_tally
from ingest.edge.spool_queue import SPAN, WAITING, Queue, Segment, line_size, span, span_start
from ingest.files import replace_file

logger = logging.getLogger(__name__)
_INDEXED: Final = 64
"""Files of which the index is kept in memory."""


class FurtherFiles:
    """The queue, and the files of its segments. What is not private may be used by who holds `changed`.

    Parameters
    ----------
    path, owner
        See `ingest.edge.spool.Spool`.
    lock
        The file that keeps others away, and holds the tally.
    """

    def __init__(self, path: Path, lock: int | None, owner: str) -> None:
        self.path, self.owner = path, owner
        self.changed, self._looking = threading.Condition(), threading.Lock()
        self.queue, self._indexed = Queue(), deque[Segment]()
        self.tally = read_tally(lock)
        self.noted = self.tally.rows.get(0, 0)
        """Rows of the file that is appended to, as the tally was written last."""
        self.trouble = ""
        """Why the disk takes nothing; empty while it does."""
        self._lock, self._began, self._ran_s = lock, time.monotonic(), self.tally.ran_s

    # -- for who holds `changed` ---------------------------------------------------------------------------------------

    def lose(self, count: int) -> None:
        """Count what cannot be read."""
        self.tally.lose("damaged", count)
        self.note()

    def ran_s(self) -> float:
        """Return how long agents have run on this spool."""
        return self._ran_s + time.monotonic() - self._began

    def oldest_s(self) -> float:
        """Return how long something has waited, at least."""
        now, last = time.monotonic(), self.queue.last
        for segment in self.queue.segments[:-1]:
            if segment.left:
                return self.ran_s() - self.tally.closed_s.get(segment.number, 0.0)
        first = next(last.waiting(), None)
        return 0.0 if first is None else now - max(last.puts[first], self._began)

    def tell(self, dropped: Counter[str]) -> None:
        """Say in the log what is given up."""
        if dropped:
            kinds = ", ".join(f"{why} {count}" for why, count in sorted(dropped.items()))
            because = self.trouble or "the spool is full, or they are too old"
            logger.warning("%s: dropped %d observations (%s): %s", self.path, dropped.total(), kinds, because)

    def note(self, *, twice: bool = True) -> None:
        """Write the tally."""
        self.tally.ran_s = round(self.ran_s())
        self.noted = self.tally.rows.get(0, 0)
        write_tally(self._lock, self.tally, twice=twice)

    # -- for any thread, without `changed` -----------------------------------------------------------------------------

    def look_into(self, segment: Segment) -> None:
        """Index a file; what the disk does not give is counted as lost, and the log says so."""
        with self._looking:  # several want to know of one file, and memory is short
            path, version = segment.path or self.path, segment.version
            if segment.is_indexed:
                return
            try:
                rows = rows_of(read_lines(path), self.owner)
            except OSError as error:
                logger.warning("%s: %d observations cannot be read: %s", path, segment.left, error.strerror)
                rows = iter(())
            with self.changed:
                if segment.version == version:
                    self._fill(segment, rows)
                    self._indexed.append(segment)
                while len(self._indexed) > _INDEXED:
                    oldest = self._indexed.popleft()
                    if oldest.is_indexed and oldest is not segment:
                        self.queue.forget_index(oldest)

    def _fill(self, segment: Segment, rows: Iterable[Filed]) -> None:
        known = self.tally.rows.get(segment.number, len(segment.state))
        self.queue.fill(segment, rows)
        self.tally.lose("damaged", max(known - len(segment.state), 0))
        self.tally.rows[segment.number] = len(segment.state)
        self.note()

    def payloads(self, segment: Segment, places: Sequence[int]) -> list[bytes]:
        """Return observations of a file that is no longer appended to. Raises OSError."""
        while True:
            if not segment.is_indexed and segment.path is not None:
                self.look_into(segment)
            with self.changed:
                path, version = segment.path, segment.version
                if path is not None and not segment.is_indexed:
                    continue
                found = (segment.find(place) for place in places)
                spans = [segment.spans[position] for position in found if position is not None]
            if path is None or not spans:
                return []
            start, end = span_start(spans[0]), span_start(spans[-1]) + (spans[-1] & SPAN)
            with path.open("rb", buffering=0) as file:
                content = os.pread(file.fileno(), end - start, start)
            with self.changed:
                if segment.version == version:
                    begins = (span_start(one) - start for one in spans)
                    return [content[at : at + (one & SPAN)] for at, one in zip(begins, spans, strict=True)]

    # -- for the thread that writes ------------------------------------------------------------------------------------

    def drop(self, segment: Segment, worths: Iterable[int], why: str) -> None:
        """Give up what a file has of some worths."""
        if not segment.is_indexed:
            self.look_into(segment)
        with self.changed:
            victims = [victim for worth in worths for victim in self.queue.victims(segment, worth)]
        if victims or not segment.left:
            self.rewrite(segment, victims, why)

    def rewrite(self, segment: Segment, victims: list[tuple[str, int]], why: str) -> None:
        """Write a file without what is gone, and without what is given up; delete it where nothing is left."""
        path, tally, number = segment.path, self.tally, segment.number
        if segment.left and not segment.is_indexed:
            self.look_into(segment)
        with self.changed:
            before = len(segment.state)
            dropped = self.queue.drop(segment, victims, why)
            kept = segment.wanted()
            tally.rows[number] = min(tally.rows.get(number, before), len(kept) + dropped.total())
            self.note()
        try:
            spans = self._write_again(path, kept, before) if path is not None and kept else None
            if path is not None and not kept:
                path.unlink(missing_ok=True)
        except OSError:
            with self.changed:
                for device, position in victims:
                    self.queue.turn(device, segment, position, WAITING)
            raise
        with self.changed:
            segment.compact(kept)
            if spans is not None:
                segment.spans, segment.size = spans
                tally.rows[number] = len(kept)
            else:
                self.queue.segments.remove(segment)
                tally.leave(number)
            for reason, count in dropped.items():
                tally.lose(reason, count)
            self.tell(dropped)
            self.note()

    def _write_again(self, path: Path, kept: list[int], before: int) -> tuple["array[int]", int]:
        """Write some of a file's rows in its place; return where each payload is now, and the size."""
        rows = list(rows_of(read_lines(path), self.owner))
        if len(rows) != before:
            raise OSError(EIO, "it holds other observations than were written")
        spans, at = array("Q"), 0
        for row in map(rows.__getitem__, kept):
            size = line_size(row.device, row.payload)
            spans.append(span(at + size - 1 - len(row.payload), len(row.payload)))
            at += size
        replace_file(path, lines(together([rows[one][:2]]) for one in kept), mode=PRIVATE)
        return spans, at
