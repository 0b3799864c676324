"""One thread a channel: it sends what is due, one at a time, keeps the channel's rate, and waits after failures.

A channel that is slow or dead holds up its own worker and nobody else.
"""

import logging
import sqlite3
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from console.deliver.channel import Channel, ChannelRefusedError, ChannelSettings, LaterError
from console.deliver.message_box import MessageBox
from console.deliver.orders import Message
from ingest.clock import wall_ms
from ingest.setup.backoff import Backoff, spread

_LOG: Final = logging.getLogger(__name__)
_MINUTE_MS: Final = 60_000
_IDLE_S: Final = 5.0
REFUSED_S: Final = 300.0
"""After so long a refused message is tried again: somebody may have put the channel right."""
_FIRST_S: Final = 0.5
_LONGEST_S: Final = 60.0
_DISK_S: Final = 1.0
FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    msgspec.MsgspecError,
)  # fmt: skip
"""What a fault of ours, or of a library, raises: it costs one message's attempt, and is told."""


class Worker:
    """Sends one channel's messages in a thread of its own.

    Parameters
    ----------
    name
        The channel's id.
    settings
        Of the channel.
    open_channel
        Makes the channel, in the worker's thread; it is tried again where that fails.
    box
        What is due.
    """

    def __init__(
        self, name: str, settings: ChannelSettings, open_channel: Callable[[], Channel], box: MessageBox
    ) -> None:
        self.name, self._settings, self._open, self._box = name, settings, open_channel, box
        self._backoff = Backoff(_FIRST_S, _LONGEST_S)
        self._wait_until = 0
        self._tried: deque[int] = deque()
        self._bell, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"deliver-{name}", daemon=True)
        self.trouble = ""
        """Why the last attempt came to nothing; empty after one that succeeded."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def ring(self) -> None:
        """Say that there may be something to send."""
        self._bell.set()

    def ask(self) -> None:
        """Ask the worker to end; what waits stays in the outbox."""
        self._stopping.set()
        self._bell.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end; a message that is on its way may take as long as the channel's attempt may."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        channel: Channel | None = None
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                self._tried = self._tried or self._tried_before()
                channel = channel or self._open()
                wait_s = self._step(channel)
            except sqlite3.Error as error:
                self._note(f"the disk takes nothing: {error}")
                self._box.to_memory(error)
                wait_s = _DISK_S
            except FAULTS as error:  # a channel that cannot be made must not end the others
                self._note(self._clean(f"{type(error).__name__}: {error}"))
                wait_s = spread(self._backoff.next_s())
            if wait_s > 0:
                self._bell.wait(wait_s)
        if channel is not None:
            channel.close()

    def _step(self, channel: Channel) -> float:
        """Send a message where one is due and may go; return after how many seconds to look again."""
        now_ms, spent_ms = wall_ms(), _spent_ms()
        pause_ms = max(self._wait_until, self._free_ms(spent_ms)) - spent_ms
        if pause_ms > 0:
            self._stopping.wait(min(pause_ms / 1000, _IDLE_S))
            return 0.0
        message = self._box.next(self.name, now_ms)
        if message is None:
            due_ms = self._box.due_ms(self.name)
            return _IDLE_S if due_ms is None else min(max((due_ms - now_ms) / 1000, 0.001), _IDLE_S)
        self._tried.append(spent_ms)
        self._attempt(channel, message)
        return 0.0

    def _tried_before(self) -> deque[int]:
        """Return when the attempts of the last minute were, those of an earlier run too."""
        wall, spent = wall_ms(), _spent_ms()
        return deque(spent - max(wall - at_ms, 0) for at_ms in self._box.tried_since(self.name, wall - _MINUTE_MS))

    def _free_ms(self, now_ms: int) -> int:
        """Return when the channel's rate allows another message."""
        while self._tried and self._tried[0] <= now_ms - _MINUTE_MS:
            self._tried.popleft()
        if len(self._tried) < self._settings.per_minute:
            return 0
        return self._tried[-self._settings.per_minute] + _MINUTE_MS

    def _attempt(self, channel: Channel, message: Message) -> None:
        try:
            said = self._clean(channel.send(message), message)
        except LaterError as error:
            wait_s = max(spread(self._backoff.next_s()), error.after_s)
            wait_ms = round(wait_s * 1000)
            self._wait_until = _spent_ms() + wait_ms
            self._missed(message, wall_ms() + wait_ms, error.why, error.said)
        except ChannelRefusedError as error:
            self._missed(message, wall_ms() + round(spread(REFUSED_S) * 1000), error.why, error.said, refused=True)
        except FAULTS as error:
            trace = self._clean("".join(traceback.format_exception(error)), message)
            _LOG.error("channel %s: an unexpected error; please report it\n%s", self.name, trace)
            due_ms = wall_ms() + round(spread(REFUSED_S) * 1000)
            self._missed(message, due_ms, "fault", type(error).__name__, refused=True)
        else:
            self._backoff.reset()
            if self.trouble:
                _LOG.info("channel %s: works again", self.name)
            self.trouble = ""
            self._keep(lambda: self._box.accepted(message, wall_ms(), said))

    def _missed(self, message: Message, due_ms: int, why: str, said: str, *, refused: bool = False) -> None:
        said = self._clean(said, message)
        self._note(f"{why} ({said})")
        self._keep(lambda: self._box.not_accepted(message, wall_ms(), due_ms, why, said, refused=refused))

    def _keep(self, note: Callable[[], None]) -> None:
        """Note what became of a message, in memory where the disk does not let it; before that nothing more is sent."""
        while True:
            try:
                note()
            except sqlite3.Error as error:
                self._note(f"the disk takes nothing: {error}")
                self._box.to_memory(error)
                if self._stopping.wait(_DISK_S):
                    return
            else:
                return

    def _clean(self, said: str, message: Message | None = None) -> str:
        """Return what a channel said without its secrets and people's addresses, which servers like to repeat."""
        for secret in (*self._settings.secrets(), *(message.to.split() if message else ())):
            said = said.replace(secret, "…")
        return said

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            _LOG.warning("channel %s: %s", self.name, trouble)
        self.trouble = trouble


def _spent_ms() -> int:
    """Return a time that nobody sets back: rates and pauses go by it."""
    return time.monotonic_ns() // 1_000_000
