"""Ending on request: SIGINT and SIGTERM set an event instead of interrupting whatever runs.

And its opposite: telling systemd that everything has begun to run.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = 2.0


class StopRequest:
    """While entered, SIGINT and SIGTERM ask for an orderly end; a third one ends the process at once.

    Enter it in the main thread: only there does Python take signals.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._count = 0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask to stop, as a signal would."""
        self._asked.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until somebody asks to stop, or the time is over; tell which."""
        # In slices: a wait without an end keeps Python from running signal handlers on some systems.
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            if self._asked.wait(min(left, 0.5)):
                return True
        return self._asked.is_set()

    def retry(self, work: Callable[[], object], away: type[Exception], waits: Callable[[str], None]) -> bool:
        """Do some work, and retry while it raises `away`; return False where somebody asked to stop before it was done.

        `waits` is called with what is waited for; the log file has it once.
        """
        reason = ""
        while True:
            try:
                work()
            except away as error:
                if reason != str(error):
                    _LOG.error("waiting: %s", error)
                reason = str(error)
                waits(reason)
                if self.wait(_RETRY_S):
                    return False
            else:
                return True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        self._asked.set()
        if self._count >= 3:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)


def tell_started(word: str = "READY=1") -> None:
    """Tell systemd, where it has started this process and listens (``Type=notify``), that everything runs.

    Or another word of its own, such as ``WATCHDOG=1``.

    Source: sd_notify(3). Nobody hears it elsewhere.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        told.send(word.encode())
