"""Messages on their way to a broker: in order, a few in flight, and sent again after a reconnect.

A broker that is killed forgets what it had acknowledged and not saved. So what was acknowledged within the last
`hold_s` seconds is sent again after a reconnect, before what was never acknowledged. Some time after the reconnect,
what was acknowledged since is sent once more: a broker that was started again may acknowledge what nobody is subscribed
to yet. (Mosquitto keeps subscriptions on disk, but not shared ones; what comes before the gateways are back has no
destination.) Receivers drop repeats by their number, so a repeat does no harm and a gap would.

`Outbox` decides what goes out and when. Where messages wait is a `Storage`: `MemoryStorage` here, the spool on disk in
`ingest.edge`.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Protocol

SETTLED: Final = 0.8
"""Share of `hold_s` after which a reconnect is thought to be over: what was acknowledged since is still held then."""

MOST_HELD: Final = 5_000


@dataclass(slots=True)
class Outbound:
    """A message with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
    source: Any = None
    """What it was made from; the outbox does not look at it."""
    number: int = 0
    """Place in the order of `MemoryStorage.put`."""
    acknowledged: bool = False
    """Whether the broker has acknowledged it, however often it is sent afterwards."""
    refusal: str = ""
    """Why the broker would not take it (only MQTT 5 says so)."""


class Storage(Protocol):
    """Where messages wait until they are acknowledged, oldest first. Called in the session's thread."""

    hold_s: float
    """How long an acknowledged message is kept."""
    due: float
    """When there may be a message although `take` found none (monotonic)."""

    def take(self) -> Outbound | None:
        """Return the next message and pass over it, None where there is none."""

    def acknowledge(self, message: Outbound) -> None:
        """Hold a message that was taken, or forget it where nothing is held."""

    def rewind(self, in_flight: Iterable[Outbound]) -> int:
        """Let everything held, and what is in flight, be taken again in its order; return how many were held."""


class MemoryStorage:
    """Keeps messages in memory. `put` may be called in any thread; at most `MOST_HELD` are held, the newest."""

    def __init__(self, *, hold_s: float = 0.0) -> None:
        self.hold_s, self.due = hold_s, math.inf
        self._waiting: deque[Outbound] = deque()
        self._held: deque[tuple[float, Outbound]] = deque(maxlen=MOST_HELD)
        self._lock = threading.Lock()
        # The first is changed by those who put, the second by the session's thread.
        self._put = self._done = 0

    def __len__(self) -> int:
        """Messages that the broker has not acknowledged since they were last queued."""
        return self._put - self._done

    def put(self, message: Outbound) -> Outbound:
        """Queue a message behind all others and return it."""
        with self._lock:
            message.number = self._put
            self._put += 1
            self._waiting.append(message)
        return message

    def take(self) -> Outbound | None:
        """Return the next message, None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def acknowledge(self, message: Outbound) -> None:
        """Hold a message, and forget those that were held long enough."""
        if self.hold_s > 0.0:
            now = time.monotonic()
            self._held.append((now, message))
            self._forget(now)
        self._done += 1

    def rewind(self, in_flight: Iterable[Outbound]) -> int:
        """Queue what is held and what is in flight before everything else, in order; return how many were held."""
        self._forget(time.monotonic())
        held = [message for _, message in self._held]
        self._held.clear()
        self._done -= len(held)
        self._waiting.extendleft(sorted([*held, *in_flight], key=attrgetter("number"), reverse=True))
        return len(held)

    def _forget(self, now: float) -> None:
        while self._held and self._held[0][0] < now - self.hold_s:
            self._held.popleft()


class Outbox:
    """What is sent over a session. Only `wait` and the counts may be used in threads other than the session's.

    Parameters
    ----------
    storage
        Where the messages wait.
    window
        Most messages in flight.
    ack_timeout_s
        A connection on which nothing was acknowledged for so long is given up, seconds: only a new one makes a broker
        take up what it has forgotten.
    keep_refused
        Whether a message that the broker refuses is sent again on the next connection, after a wait.
    on_acknowledged
        Called with a message when the broker acknowledges it for the first time.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        window: int = 20,
        ack_timeout_s: float = 30.0,
        keep_refused: bool = True,
        on_acknowledged: Callable[[Outbound], None] | None = None,
    ) -> None:
        self.storage, self.window, self.ack_timeout_s, self.keep_refused = storage, window, ack_timeout_s, keep_refused
        self.in_flight: dict[int, Outbound] = {}
        """By message id, in the order in which they were sent."""
        self.sent = self.acknowledged = self.resent = self.refused = 0
        """Messages published, acknowledged, queued again after they had been acknowledged, and refused."""
        self.refusal = ""
        """The last refused message's topic, and why."""
        self._on_acknowledged = on_acknowledged
        self._changed, self._awaited = threading.Condition(), False
        self._progress = 0.0
        self._settles_at = math.inf

    def send(self, publish: Callable[[Outbound], int]) -> None:
        """Publish what the window allows, in order; `publish` returns the message id."""
        now = time.monotonic()
        if now >= self._settles_at and not self.in_flight:
            self._rewind()
        while not self._paused(now) and (message := self.storage.take()) is not None:
            if not self.in_flight:
                self._progress = now
            self.in_flight[publish(message)] = message
            self.sent += 1

    def _paused(self, now: float) -> bool:
        """Tell whether nothing may be sent before there are answers: once a reconnect is over, none goes twice."""
        return len(self.in_flight) >= (self.window if now < self._settles_at else 1)

    def acknowledge(self, mid: int) -> None:
        """Take a message out of flight. An id that is not one of its own is passed over."""
        message = self.in_flight.pop(mid, None)
        if message is None:
            return
        first, message.acknowledged = not message.acknowledged, True
        self.storage.acknowledge(message)
        self.acknowledged += 1
        self._progress = time.monotonic()
        if first and self._on_acknowledged is not None:
            self._on_acknowledged(message)
        self._notify()

    def refuse(self, mid: int, reason: str) -> bool:
        """Note that the broker would not take a message; return whether it is to be sent on a new connection."""
        self.refused += 1
        message = self.in_flight.get(mid)
        if message is not None:
            message.refusal, self.refusal = reason, f"{message.topic}: {reason}"
            if not self.keep_refused:
                self.storage.acknowledge(self.in_flight.pop(mid))
        self._notify()
        return self.keep_refused

    def reconnected(self) -> None:
        """Queue again what a new connection has to send again."""
        self._rewind()
        if self.storage.hold_s > 0.0:
            self._settles_at = time.monotonic() + self.storage.hold_s * SETTLED

    def _rewind(self) -> None:
        self._settles_at = math.inf
        self.resent += self.storage.rewind(self.in_flight.values())
        self.in_flight.clear()

    @property
    def is_settled(self) -> bool:
        """Whether a reconnect is over: what is sent now does not go once more."""
        return math.isinf(self._settles_at)

    def stalled(self, now: float) -> bool:
        """Tell whether something is in flight and nothing was acknowledged for `ack_timeout_s`."""
        return bool(self.in_flight) and now - self._progress > self.ack_timeout_s

    def due(self) -> float:
        """Return the time (monotonic) at which something is to be done although nothing has come."""
        due = self._progress + self.ack_timeout_s if self.in_flight else self._settles_at
        return due if self._paused(time.monotonic()) else min(due, self.storage.due)

    def wait(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Block until something holds, looking after each answer of the broker; tell whether it was in time."""
        self._awaited = True
        with self._changed:
            return self._changed.wait_for(done, timeout_s)

    def interrupt(self) -> None:
        """Have `wait` look again, for another reason than an answer. For any thread."""
        with self._changed:
            self._changed.notify_all()

    def _notify(self) -> None:
        if self._awaited:  # set before `done` is looked at, so nothing that happens meanwhile is missed
            with self._changed:
                self._changed.notify_all()
