"""Observations that wait for the broker: what an edge agent keeps through power cuts, full disks and broken networks.

Everything waits in memory and, as lines, in a file; a long queue is moved to further files (``.000001``…), which are
read again when their turn comes. One thread does all writing, so that a disk that is full, slow or broken keeps nobody
waiting: the queue then goes on in memory, within a bound, and is written when the disk takes it.

When something is on the disk is decided by what a card can bear. An observation is given to the system at once: the end
of this process does not lose it, a power cut may. What has waited for `SYNC_S` seconds is synced, a hazard at once.
What the broker has acknowledged before that costs no sync; it is taken out of the file some seconds later.

Numbers begin at 0 under a new boot id whenever a spool is opened: a card that forgets its last writes, or that was
copied, never gives a number twice. What is still in the file keeps the number and the boot id that it had.
"""

import contextlib
import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ingest.backoff import Backoff
from ingest.edge import old_spool
from ingest.edge.spool_file import (
    DISK_ERRORS,
    PRIVATE,
    SpoolError,
    SpoolFile,
    further_file,
    further_files,
    lines,
    read_lines,
    read_through,
    take_lock,
)
from ingest.edge.spool_queue import News, Queue, Segment, SpooledRow, SpoolStats
from ingest.files import replace_file
from ingest.observations import Observation

logger = logging.getLogger(__name__)
SYNC_S: Final = 8.0
"""What has waited so long is synced: with the time that a sync may take, a power cut costs ten seconds at most."""
_TIDY_S: Final = 20.0
"""Between two looks for what can be taken out of the files."""
_SHRINK_S: Final = 600.0
"""After so long a file is written without what was acknowledged, even where most of it is still wanted."""
_PATIENCE_S: Final = 2.0
"""How long `Spool.settle` waits for a slow disk."""
_CLOSE_S: Final = 3.0
_DECODER: Final = msgspec.json.Decoder(Observation)


class Spool:
    """The queue of one device. Safe to use from several threads, by one process at a time.

    Parameters
    ----------
    path
        The first file; others stand beside it. Made with its folder where missing, for nobody but its owner.
    max_bytes
        Bound of all that is kept. Beyond it the oldest go: acknowledged ones unnoticed, others counted.
    memory_bytes
        Bound of what is kept while the disk takes nothing.
    file_bytes
        Where a file has so many, the next is begun; an eighth of `max_bytes` at most.
    hold_s
        How long an acknowledged observation is kept.
    protect
        What makes an observation fit for a disk that may be stolen; raises ValueError where that cannot be done.

    Raises `SpoolError` where another process uses it, or where the path cannot be used. A disk that is full or broken
    is no reason: the queue then begins in memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 64 << 20,
        memory_bytes: int = 8 << 20,
        file_bytes: int = 1 << 20,
        hold_s: float = 10.0,
        protect: Callable[[Observation], Observation] = lambda observation: observation,
    ) -> None:
        self.path, self.max_bytes, self.memory_bytes, self.hold_s = path, max_bytes, memory_bytes, hold_s
        self.boot = secrets.token_hex(6)
        """Boot id of the numbers given since the start."""
        self.trouble = ""
        """Why the disk takes nothing; empty while it does."""
        self.protect, self._file_bytes = protect, min(file_bytes, max_bytes // 8)
        self._changed = threading.Condition()
        """Guards all below but the file, which belongs to the writer."""
        self._queue, self._file = Queue(), SpoolFile(path)
        self._seq = self._written = self._synced = self._files = self._dropped = 0
        """The next number; the first place that is not in a file, and not on disk; files made, rows dropped."""
        self._urgent = 0
        """What comes before this place must be on disk at once."""
        self._reader = -1
        self._sync_due = self._tidy_due = self._retry_due = math.inf
        self._slow = self._closing = False
        self._shrunk = time.monotonic()
        self._backoff = Backoff(1.0, 10.0)
        self._news = News()
        self._lock: int | None = None
        try:
            self._open()
        except BaseException:
            self._release()
            raise
        self._writer = threading.Thread(target=self._run, name="spool", daemon=True)
        self._writer.start()

    # -- for any thread ------------------------------------------------------------------------------------------------

    def put(self, observations: Sequence[Observation]) -> list[int]:
        """Take all observations under new numbers, or none, and return their numbers.

        Raises ValueError naming the first that breaks a limit of its type.
        """
        with self._changed:
            payloads: list[bytes] = []
            for number, observation in enumerate(observations):
                numbered = msgspec.structs.replace(observation, seq=self._seq + number, boot=self.boot)
                try:
                    payloads.append(msgspec.json.encode(self.protect(numbered)))
                    _DECODER.decode(payloads[-1])  # a struct built in Python has not had its limits checked
                except ValueError as error:
                    raise ValueError(f"observation {number} of {len(observations)}: {error}") from error
            now = time.monotonic()
            self._queue.add(payloads, now)
            self._seq += len(payloads)
            if self._news.has_news(observations, now):
                self._urgent = self._queue.next
            dropped = self._queue.make_room(self.max_bytes, self.memory_bytes)
            if dropped:
                self._dropped, self._tidy_due = self._dropped + dropped, now
                because = self.trouble or "the spool is full"
                logger.warning("%s: dropped the %d oldest observations: %s", self.path, dropped, because)
            self._sync_due = min(self._sync_due, now + SYNC_S)
            self._changed.notify_all()
            return list(range(self._seq - len(payloads), self._seq))

    def settle(self) -> bool:
        """Wait until what was put is in the file, and a hazard on the disk; tell whether it was so in time.

        It is not where the disk is full, broken, or slower than two seconds: then all is in memory, and goes on.
        """
        with self._changed:
            end = self._queue.next

            def is_there() -> bool:
                return self._written >= end and self._synced >= min(self._urgent, end)

            self._changed.wait_for(lambda: self.trouble or self._slow or is_there(), _PATIENCE_S)
            if not (self.trouble or self._slow or is_there()):
                self._slow = True
                logger.warning("%s: the disk is slow; observations go on in memory until it has caught up", self.path)
            return is_there()

    def waiting(self, after: int, *, limit: int, max_bytes: int) -> list[SpooledRow]:
        """Return observations not acknowledged, at places above `after`, in order; at least one where there is one.

        For one thread, which may have to wait for the disk where the queue is long.
        """
        found: list[SpooledRow] = []
        size = 2
        with self._changed:
            segments = self._queue.after(after)
        for segment in segments:
            if not segment.is_read:
                self._load(segment)
            with self._changed:
                for place, row in segment.waiting(after + 1, self._queue.next):
                    size += len(row.payload) + 1
                    if found and (size > max_bytes or len(found) == limit):
                        return found
                    found.append(SpooledRow(place, row.payload))
                    self._reader = max(self._reader, place)
        return found

    def acknowledge(self, places: Iterable[int]) -> None:
        """Note that the broker has these, and take them out of the file when they have been held long enough.

        Only memory knows of it: after a restart what is still in the file is sent again under its numbers.
        """
        with self._changed:
            now = time.monotonic()
            self._queue.acknowledge(places, now)
            if math.isinf(self._tidy_due):
                self._tidy_due = now + self.hold_s + _TIDY_S
                self._changed.notify_all()

    def rewind(self) -> int:
        """Let everything that is still held wait again, and return how many: for after a reconnect."""
        with self._changed:
            now = time.monotonic()
            self._queue.forget(now - self.hold_s)
            self._sync_due, self._synced, self._reader = now, 0, -1  # what was acknowledged may not have been synced
            self._changed.notify_all()
            return self._queue.rewind()

    def is_empty(self) -> bool:
        """Tell whether nothing waits."""
        with self._changed:
            return not self._queue.waiting

    def stats(self) -> SpoolStats:
        """Return what is in it."""
        with self._changed:
            unwritten = sum(1 for _ in self._queue.last.waiting(self._written, self._queue.next))
            return SpoolStats(self._queue.waiting, self._queue.held, self._dropped, unwritten, self._queue.size)

    def close(self) -> None:
        """Write what can be written, take out of the files what was acknowledged, and release them."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join(_CLOSE_S)
        if lost := self.stats().unwritten:
            logger.error("%s: %d observations are lost: %s", self.path, lost, self.trouble or "the disk hangs")
        self._release()

    # -- opening -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = take_lock(self.path)
            old_spool.convert(self.path, self._file_bytes, self.protect)
            self._read()
        except SpoolError:
            raise
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise SpoolError(
                    f"{self.path}: cannot be used: {error.strerror}; expected a file in a folder that can be written"
                ) from error
            self._failed(error)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self) -> None:
        """Take over what an agent before this one has left."""
        for number, path in further_files(self.path):
            content = read_through(path)
            self._queue.add_file(path, content.count(b"\n"), len(content))
            self._files = number
        if self.path.exists():
            self._queue.add(read_lines(self.path), time.monotonic())
        self._written = self._synced = self._queue.next
        self._file.append(b"")
        if self._file.size != self._queue.last.size:
            self._file.rewrite(lines(self._queue.last.payloads()), in_place=False)
        elif self._file.size:
            self._file.sync()

    def _load(self, segment: Segment) -> None:
        """Read a file of the queue; what the disk does not give is passed over, and the log says so."""
        payloads: list[bytes] = []
        try:
            payloads = read_lines(segment.path or self.path)
        except OSError as error:
            logger.warning("%s: %d observations cannot be read: %s", segment.path, segment.count, error.strerror)
        with self._changed:
            self._queue.fill(segment, payloads)

    # -- the writer ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        done = False
        while not done:
            with self._changed:
                while not self._closing and (wait_s := self._wait_s()) > 0.0:
                    self._changed.wait(None if math.isinf(wait_s) else wait_s)
                done = self._closing
            try:
                self._work()
            except Exception as error:
                if not isinstance(error, OSError):  # a fault of ours: what waits still goes out
                    logger.exception("%s: the writer's turn failed", self.path)
                self._failed(error)
        self._file.close()

    def _wait_s(self) -> float:
        if not self.trouble and self._written < self._queue.next:
            return 0.0
        due = self._retry_due if self.trouble else min(self._sync_due, self._tidy_due)
        return due - time.monotonic()

    def _work(self) -> None:
        """Bring the disk up to date."""
        queue = self._queue
        with self._changed:
            now, last, end, failing = time.monotonic(), queue.last, queue.next, bool(self.trouble)
            if tidy := self._closing or now >= self._tidy_due:
                queue.forget(now if self._closing else now - self.hold_s)
            content = lines(row.payload for _, row in last.waiting(self._written, end))
            rewrite = failing or (tidy and self._is_worth_it(self._file.size + len(content), last.size, now))
            # Where nothing waits nothing can be lost, and a card is spared a new file.
            safely = rewrite and (failing or next(last.waiting(0, end), None) is not None)
            content, sync = lines(last.payloads()) if rewrite else content, self._must_sync(now, end)
        if rewrite:
            self._file.rewrite(content, in_place=not safely)
        else:
            self._file.append(content)
        with self._changed:
            self._written = end
            self._changed.notify_all()
        if sync and not safely:
            self._file.sync()
        with self._changed:
            if sync or safely:
                self._synced = end
            if failing:
                logger.warning("%s: the disk takes observations again", self.path)
                self.trouble = ""
                self._backoff.reset()
            self._changed.notify_all()
        if tidy:
            self._tidy(now)
        self._slow = False
        if self._file.size >= self._file_bytes and not self._closing:
            self._move(end)

    def _must_sync(self, now: float, end: int) -> bool:
        """Tell whether it is time to sync, and note when it will be."""
        if self._synced < self._urgent:
            return True
        oldest = next(self._queue.last.waiting(self._synced, end), None)
        if oldest is None:
            self._synced, self._sync_due = end, math.inf
            return False
        self._synced, self._sync_due = oldest[0], oldest[1].put + SYNC_S
        return self._closing or now >= self._sync_due

    def _is_worth_it(self, on_disk: int, wanted: int, now: float) -> bool:
        """Tell whether a file is to be written without what was acknowledged."""
        return on_disk > wanted and (self._closing or on_disk >= 2 * wanted or now >= self._shrunk + _SHRINK_S)

    def _tidy(self, now: float) -> None:
        """Take what was acknowledged out of the files behind the first, and set the time of the next look."""
        queue = self._queue
        with self._changed:
            emptied = queue.emptied()
            shrunk = [
                (segment, segment.path, lines(segment.payloads()))
                for segment in queue.segments[:-1]
                if segment.path and segment.is_read and self._is_worth_it(segment.on_disk, segment.size, now)
            ]
            if now >= self._shrunk + _SHRINK_S:
                self._shrunk = now
            oldest = queue.oldest_held()
            self._tidy_due = now + _TIDY_S if oldest is None else max(oldest + self.hold_s, now) + _TIDY_S
            if oldest is None and self._file.size == queue.last.size and not queue.segments[:-1]:
                self._tidy_due = math.inf
        for path in emptied:
            with contextlib.suppress(OSError):  # it is sent once more after the next start
                path.unlink()
        for segment, path, content in shrunk:
            replace_file(path, content, mode=PRIVATE)
            segment.on_disk = len(content)

    def _move(self, end: int) -> None:
        """Close the file that is appended to, since it is long, and begin another."""
        self._files += 1
        target, size = further_file(self.path, self._files), self._file.size
        self._file.move(target)
        with self._changed:
            closed = self._queue.split(end, target, size)
            self._synced = max(self._synced, end)
            if self._reader < closed.first:  # nobody has asked for it yet, so it cannot be acknowledged
                closed.is_read, closed.rows = False, {}

    def _failed(self, error: Exception) -> None:
        text = getattr(error, "strerror", None) or str(error)
        with self._changed:
            if text != self.trouble:
                logger.error(
                    "%s: the disk takes nothing: %s; observations are kept in memory, up to %d MB, and are lost if this"
                    " process ends before there is a connection", self.path, text, self.memory_bytes >> 20,
                )  # fmt: skip
            self.trouble, self._written = text, min(self._written, self._synced)
            self._retry_due = time.monotonic() + self._backoff.next_s()
            self._changed.notify_all()
