"""The one thread that writes a spool's files, so that a disk that is full, slow or broken keeps nobody waiting."""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from ingest.edge.spool_file import Memory, SpoolFile, further_file, lines, remember, together
from ingest.edge.spool_queue import GONE, Worth, line_size
from ingest.edge.spool_reader import Reader
from ingest.edge.spool_segments import FurtherFiles
from ingest.setup.backoff import Backoff

logger = logging.getLogger(__name__)
SYNC_S: Final = 8.0
"""What has waited so long is synced: with the time that a sync may take, a power cut costs ten seconds at most."""
PATIENCE_S: Final = 2.0
"""How long a slow disk is waited for."""
_MEMORY_SYNC_S: Final = 30.0
"""The same for what codecs remember, where the observations beside it have arrived."""
_TIDY_S: Final = 20.0
"""Between two looks for what can be taken out of the files."""
_SHRINK_S: Final = 600.0
"""After so long a file is written without what was acknowledged, even where most of it is still wanted."""
_AGE_STEPS: Final = 16
"""A file holds at most this part of the time that an observation may wait."""


class _Turn(NamedTuple):
    """What is to be written."""

    now: float
    content: bytes
    rows: int
    """In the segment that is appended to, at this time."""
    kept: list[int] | None
    """Positions of all that the file is to have; None where it is appended to."""
    safely: bool
    tidy: bool
    dropped: Counter[str]


class SpoolWriter(FurtherFiles):
    """Brings the files up to date with the queue. What is not private may be used by who holds `changed`.

    Parameters
    ----------
    path, owner, max_bytes, max_age_s, memory_bytes, file_bytes, hold_s
        See `ingest.edge.spool.Spool`.
    lock
        The file that keeps others away, and holds the tally.
    """

    def __init__(
        self,
        path: Path,
        lock: int | None,
        *,
        owner: str,
        max_bytes: int,
        max_age_s: float,
        memory_bytes: int,
        file_bytes: int,
        hold_s: float,
    ) -> None:
        super().__init__(path, lock, owner)
        self.hold_s = hold_s
        self.max_bytes, self.memory_bytes, self._max_age_s, self.file_bytes = (
            max_bytes, memory_bytes, max_age_s, file_bytes,
        )  # fmt: skip
        self.readers: dict[str, Reader] = {}
        self.memory: dict[str, bytes] = {}
        """What codecs remember, as far as it is in a file or will be with the next write."""
        self.pending: list[tuple[bytes, Memory]] = []
        """Contents of lines that are in no file yet, and what is remembered since."""
        self.dropped: Counter[str] = Counter()
        """Given up, and perhaps still in the file that is appended to."""
        self.must_rewrite = False
        self.written = self.synced = 0
        """The first place that is not in a file, and not on disk."""
        self.behind_since = math.inf
        """Since when something waits to be written (monotonic)."""
        self.woken: set[str] = set()
        """Devices of which something was put that may not be sent yet."""
        self.puts = self.puts_written = 0
        """How often something was put, and how much of that is in a file."""
        self.urgent = 0
        """What comes before this place must be on disk at once."""
        self.sync_due = self.tidy_due = self.memory_due = self._retry_due = math.inf
        self.slow = self.closing = False
        self.file, self.files = SpoolFile(path), 0
        self._shrunk = self._began
        self._backoff = Backoff(1.0, 10.0)
        self.thread = threading.Thread(target=self._run, name="spool", daemon=True)

    # -- for who holds `changed` ---------------------------------------------------------------------------------------

    def remember_soon(self, now: float) -> None:
        """Have what codecs remember synced before long."""
        self.memory_due = min(self.memory_due, now + _MEMORY_SYNC_S)

    def reach(self, now: float) -> int:
        """Return the first place that may not be sent yet.

        What is in no file would be put again, and counted twice, where its source has not been told before this process
        is killed. A disk that fails or is slow is not waited for.
        """
        is_waiting = not self.trouble and not self.slow and now - self.behind_since < PATIENCE_S
        return self.written if is_waiting else self.queue.next

    def tidy_soon(self, now: float) -> None:
        """Have what was acknowledged taken out of the files when it has been held long enough."""
        due = now + self.hold_s + _TIDY_S
        if due < self.tidy_due:
            self.tidy_due = due
            self.changed.notify_all()

    def begin(self, numbers: Collection[int], *, is_whole: bool) -> None:
        """Take up the files that have been read into the queue; `is_whole`: the last may be appended to as it is."""
        queue, tally = self.queue, self.tally
        last, found = queue.last, len(queue.last.state)
        for number in tally.rows.keys() - numbers - {0}:
            tally.lose("damaged", tally.rows[number])
            tally.leave(number)
        tally.lose("damaged", max(tally.rows.get(0, 0) - found, 0))
        tally.rows[0] = found
        for number in numbers:
            tally.closed_s.setdefault(number, self.tally.ran_s)
        self.written = self.synced = queue.next
        if found or numbers:
            self.tidy_due = time.monotonic() + _TIDY_S
        self.file.append(b"")
        if not is_whole:
            content = lines(together([row]) for row in zip(last.devices, last.payloads, strict=True))
            self.file.rewrite(self._head() + content, in_place=False)
        elif self.file.size:
            self.file.sync()
        self.note()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        done = False
        while not done:
            with self.changed:
                while not self.closing and (wait_s := self._wait_s()) > 0.0:
                    self.changed.wait(None if math.isinf(wait_s) else wait_s)
                done = self.closing
            try:
                self._work()
            except Exception as error:
                if not isinstance(error, OSError):  # a fault of ours: what waits still goes out
                    logger.exception("%s: the writer's turn failed", self.path)
                self.failed(error)
        self.file.close()

    def _wait_s(self) -> float:
        if not self.trouble and self.pending:
            return 0.0
        due = self._retry_due if self.trouble else min(self.sync_due, self.memory_due, self.tidy_due)
        return due - time.monotonic()

    def _work(self) -> None:
        """Bring the disk up to date."""
        if not self.trouble:
            self._make_room()
        with self.changed:
            turn = self._plan(time.monotonic())
            last, end, puts, failing = self.queue.last, self.queue.next, self.puts, bool(self.trouble)
            sync, has_memory = self._must_sync(turn.now, end), self.memory_due < math.inf
        try:
            self._write(turn, added=turn.rows - last.position(self.written))
        except OSError:
            self.must_rewrite |= turn.kept is not None
            raise
        with self.changed:
            if turn.kept is not None:
                last.compact([*turn.kept, *range(turn.rows, len(last.state))])
            self.written, self.puts_written = end, puts
            self.behind_since = time.monotonic() if self.pending else math.inf
            self.changed.notify_all()
        self.wake()
        if sync and not turn.safely:
            self.file.sync()
        with self.changed:
            if sync or turn.safely:
                self.synced = end
                if has_memory:
                    self.memory_due = time.monotonic() + _MEMORY_SYNC_S if self.pending else math.inf
            if failing:
                logger.warning("%s: the disk takes observations again", self.path)
                self.trouble = ""
                self._backoff.reset()
            self.changed.notify_all()
        if turn.tidy:
            self._tidy(turn.now)
        self.slow = False
        is_old = len(last.puts) and turn.now - max(last.puts[0], self._began) > self._max_age_s / _AGE_STEPS
        if (self.file.size >= self.file_bytes or is_old) and not self.closing:
            self._move(end)

    def _plan(self, now: float) -> "_Turn":
        """Return what is to be written, and note that it is under way."""
        last, failing, kept, safely = self.queue.last, bool(self.trouble), None, False
        if tidy := self.closing or now >= self.tidy_due:
            for reader in self.readers.values():
                if self.closing or reader.is_up():
                    reader.forget(now if self.closing else now - self.hold_s)
        for _, changes in self.pending:
            remember(self.memory, changes)
        rows = len(last.state)
        if failing or self.must_rewrite or (tidy and self._is_worth_it(rows - last.left, rows, now)):
            kept, head = last.wanted(), self._head()
            # Where nothing waits nothing can be lost, and a card is spared a new file.
            safely = failing or bool(head) or next(last.waiting(), None) is not None
            content = head + lines(together([(last.devices[at], last.payloads[at])]) for at in kept)
        else:
            content = lines(text for text, _ in self.pending)
        self.pending, self.must_rewrite = [], False
        return _Turn(now, content, rows, kept, safely, tidy, Counter(self.dropped))

    def _head(self) -> bytes:
        return lines([together([], self.memory, whole=True)]) if self.memory else b""

    def _write(self, turn: "_Turn", added: int) -> None:
        """Write the file that is appended to; the tally before and behind it (see `SpoolTally`)."""
        tally, kept, lost = self.tally, turn.kept, turn.dropped.total()
        if kept is not None:
            tally.rows[0] = min(tally.rows.get(0, 0), len(kept) + lost)
            if lost or self.noted > tally.rows[0]:
                self.note(twice=lost > 0)
            self.file.rewrite(turn.content, in_place=not turn.safely)
            with self.changed:
                tally.rows[0] = len(kept)
                self.dropped -= turn.dropped
                for why, count in turn.dropped.items():
                    tally.lose(why, count)
                if lost:
                    self.note()
        elif turn.content:
            self.file.append(turn.content)
            tally.rows[0] = tally.rows.get(0, 0) + added
            if self.queue.waiting > added or self.closing:  # while all before it has arrived, a card is spared this
                self.note(twice=self.closing)

    def _must_sync(self, now: float, end: int) -> bool:
        """Tell whether it is time to sync, and note when it will be."""
        if self.synced < self.urgent or now >= self.memory_due:
            return True
        last = self.queue.last
        oldest = next(last.waiting(last.position(self.synced)), None)
        if oldest is None:
            self.synced, self.sync_due = end, math.inf
            return self.closing and self.memory_due < math.inf
        self.synced, self.sync_due = last.place(oldest), last.puts[oldest] + SYNC_S
        return self.closing or now >= self.sync_due

    def _is_worth_it(self, gone: int, rows: int, now: float) -> bool:
        """Tell whether a file is to be written without what is gone of its rows."""
        return gone > 0 and (self.closing or 2 * gone >= rows or now >= self._shrunk + _SHRINK_S)

    def _tidy(self, now: float) -> None:
        """Take what was acknowledged out of the files behind the first, and set the time of the next look."""
        queue, aged = self.queue, self.ran_s() - self._max_age_s
        for segment in queue.segments[:-1]:
            if self.tally.closed_s.get(segment.number, math.inf) < aged:
                self.drop(segment, range(-1, len(Worth)), "old")
            elif not segment.left or self._is_worth_it(segment.state.count(GONE), len(segment.state), now):
                self.rewrite(segment, [], "")
        with self.changed:
            if now >= self._shrunk + _SHRINK_S:
                self._shrunk = now
            held = [at for reader in self.readers.values() if (at := reader.oldest_held()) is not None]
            self.tidy_due = max(min(held, default=now) + self.hold_s, now) + _TIDY_S
            if not held and not queue.segments[:-1] and not queue.last.state:
                self.tidy_due = math.inf

    def _make_room(self) -> None:
        """Give up what is worth least, and of that the oldest, until all is within its bound."""
        queue = self.queue
        with self.changed:
            size = queue.size
        most = self.max_bytes - self.max_bytes // 100
        if size <= self.max_bytes:
            return
        for worth in range(-1, len(Worth)):
            for segment in list(queue.segments[:-1]):
                self.drop(segment, [worth], "full")
                with self.changed:
                    if queue.size <= most:
                        return
            with self.changed:
                self.drop_last(most - sum(segment.size for segment in queue.segments[:-1]), [worth], "full")
                if queue.size <= most:
                    return

    def drop_last(self, most: int, worths: Iterable[int], why: str) -> None:
        """Give up rows of the last segment until it has no more than so many bytes; for who holds `changed`."""
        queue, last, dropped = self.queue, self.queue.last, Counter[str]()
        for worth in worths:
            for device, position in queue.victims(last, worth) if last.size > most else ():
                if last.size <= most:
                    break
                last.size -= line_size(device, last.payloads[position])
                dropped += queue.drop(last, [(device, position)], why)
                self.must_rewrite = True
        if self.must_rewrite:  # what was given up is not to be written first
            self.pending = [(b"", changes) for _, changes in self.pending]
        self.dropped += dropped
        self.tell(dropped)

    def _move(self, end: int) -> None:
        """Close the file that is appended to, since it is long, and begin another."""
        number = self.files + 1
        target, size = further_file(self.path, number), self.file.size
        count, self.tally.rows[0] = self.tally.rows.get(0, 0), 0
        self.note()  # of a process that is killed between these lines no file is thought to have lost something
        self.file.move(target, self._head())
        with self.changed:
            self.files = number
            self.tally.rows[number], self.tally.closed_s[number] = count, round(self.ran_s())
            self.queue.close_last(number, target, size, end)
            self.note()
            self.synced = max(self.synced, end)

    def wake(self) -> None:
        """Have sent what may be sent now; without `changed`."""
        with self.changed:
            readers = [self.readers[device] for device in self.woken & self.readers.keys()]
            self.woken.clear()
        for reader in readers:
            reader.wake()

    def failed(self, error: Exception) -> None:
        """Go on in memory, and try again later."""
        text = getattr(error, "strerror", None) or str(error)
        with self.changed:
            if text != self.trouble:
                logger.error(
                    "%s: the disk takes nothing: %s; observations are kept in memory, up to %d MB, and are lost if this"
                    " process ends before there is a connection", self.path, text, self.memory_bytes >> 20,
                )  # fmt: skip
            self.trouble, self.written = text, min(self.written, self.synced)
            self._retry_due = time.monotonic() + self._backoff.next_s()
            self.changed.notify_all()
        self.wake()
