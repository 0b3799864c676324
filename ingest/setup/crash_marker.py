"""What a process had in hand when it died, so that one message or record cannot end it again and again.

An exception is caught where it arises. What cannot be caught is a memory that is used up, a library that crashes, a
calculation without an end: the process is gone, the broker or the log gives the same thing again, and the next process
dies of it too. So a process leaves a *mark*: that it runs, or what it has in hand. The mark is a page of a file that is
mapped into memory: marking copies a few bytes and waits for no disk, and the system keeps the page however the process
ends. (Only a power cut may lose it, and then it was not the thing's fault.) A mark names a thing without its content.

At the next start what may have been in hand is first *tried* in a copy of the process, which may die in its place. So
what was only in hand by chance when somebody ended the process is not blamed for it.
"""

import faulthandler
import mmap
import os
import resource
import signal
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

_PAGE: Final = 4096
_HEAD: Final = 3
"""Bytes before a mark: its length, and how often it has been tried in vain."""
_PACK: Final = struct.Struct("<HB").pack
MOST: Final = _PAGE - _HEAD
"""Bytes that a mark may have; of longer ones the beginning is kept."""
RUNNING: Final = b"(running)"
_TRIES: Final = 3
"""So often a process may die while it tries the suspect; by then it was no chance."""
_LOOK_S: Final = 0.005
_PATIENCE_S: Final = 10.0


class CrashMarker:
    """One mark; for one thread. Without a path it is kept in memory, and nothing is known of the process before.

    Raises OSError where the file cannot be made.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._page: bytearray | mmap.mmap = bytearray(_PAGE)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.ftruncate(file, _PAGE)
                self._page = mmap.mmap(file, _PAGE)
            finally:
                os.close(file)
        self.suspect, self._tries = self._in_hand(), self._page[2]
        """What was in hand when the process before died, until it has been looked at; `RUNNING` where that is not
        known; None after an orderly end."""

    def begin(self, mark: bytes = RUNNING) -> bool:
        """Mark a thing before it is taken in hand; tell whether it is the suspect, which `judge` must see first."""
        self._put(mark[:MOST], 0)
        return mark[:MOST] == self.suspect

    def end(self) -> None:
        """Note that nothing is in hand: what follows, and an end, are nobody's fault."""
        self._page[:_HEAD] = bytes(_HEAD)

    def judge(self, work: Callable[[], object], cpu_s: float) -> bool:
        """Tell whether a process dies of `work` on the suspect, which has just begun; it is then none any more."""
        mark = self.suspect or RUNNING
        found = self.deadly([mark], lambda _: work(), cpu_s)
        self.begin(mark)
        return bool(found)

    def deadly(self, marks: Sequence[bytes], work: Callable[[int], object], cpu_s: float) -> set[int]:
        """Return the places of the things of which a process dies that does `work` on one after the other.

        Where whole processes ended while they tried one, again and again, it is not tried once more. Afterwards the
        mark says that the process runs.
        """
        last, self.suspect, tries = self.suspect, None, self._tries
        found = {place for place, mark in enumerate(marks) if mark[:MOST] == last} if tries >= _TRIES else set[int]()

        def try_all() -> None:
            for place, mark in enumerate(marks):
                if place not in found:
                    self._put(mark[:MOST], tries + 1)
                    work(place)

        while not survives(try_all, cpu_s):
            died = self._in_hand()
            place = next((at for at, mark in enumerate(marks) if at not in found and mark[:MOST] == died), None)
            if place is None:  # of something else, such as a signal from outside
                break
            found.add(place)
        self._tries = 0
        self.begin()
        return found

    def _in_hand(self) -> bytes | None:
        length = int.from_bytes(self._page[:2], "little")
        return bytes(self._page[_HEAD:][:length]) if 0 < length <= MOST else None

    def _put(self, mark: bytes, tries: int) -> None:
        self._page[: len(mark) + _HEAD] = _PACK(len(mark), tries) + mark


def survives(work: Callable[[], object], cpu_s: float) -> bool:
    """Do work in a copy of this process, without effect on this one; tell whether the copy came to its end.

    An exception counts as an end: it can be caught. The copy may use `cpu_s` seconds of processor time, and dies first
    where memory is short. One that waits for something (a lock of a thread that it does not have) is ended and proves
    nothing.
    """
    child = os.fork()
    if child == 0:
        _try(work, cpu_s)
    give_up = time.monotonic() + 3 * cpu_s + _PATIENCE_S
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        if time.monotonic() > give_up:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(_LOOK_S)


def _try(work: Callable[[], object], cpu_s: float) -> NoReturn:
    try:
        os.closerange(3, 65_536)  # a lock that this process holds must end with it
        seconds = max(round(cpu_s), 1)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        with suppress(BaseException):
            work()
    finally:
        os._exit(0)


_TIMERS: Final = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_VIRTUAL: signal.SIGVTALRM}


def allow_watchdogs() -> None:
    """Let `no_longer_than` write where the process was, before it ends it. For the main thread of a program."""
    for number in _TIMERS.values():
        faulthandler.register(number, chain=True)


@contextmanager
def no_longer_than(cpu_s: float, *, timer: int = signal.ITIMER_PROF) -> Iterator[None]:
    """End the process where the block takes this much processor time (of all threads): by signal, like a crash.

    A calculation without an end may never give the interpreter back, so no thread of Python could end it. There are
    two timers a process, ``ITIMER_PROF`` and ``ITIMER_VIRTUAL``: one block at a time may use each.
    """
    signal.setitimer(timer, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
