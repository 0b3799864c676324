"""The node's clock, and the limits that a time of receipt sets to event times.

Live nodes use the system's clock; demos run faster; replays follow the data.
"""

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from ingest.observations import LATEST_MS


class Clock(Protocol):
    """Tells what time it is at the site."""

    live: bool
    """Whether time passes by itself (ticks are wanted); False when it follows the data."""

    def now_ms(self) -> int:
        """Return the site's time as epoch milliseconds."""

    def observe(self, event_ms: int) -> None:
        """Tell the clock the newest event time of a message just received."""


def wall_ms() -> int:
    """Return the wall clock as epoch milliseconds."""
    return time.time_ns() // 1_000_000


class SystemClock:
    """The wall clock."""

    live = True

    def now_ms(self) -> int:
        """Return the wall clock as epoch milliseconds."""
        return wall_ms()

    def observe(self, event_ms: int) -> None:
        """Take no notice: devices do not set the station's clock."""


class ScaledClock:
    """A clock that showed ``origin_ms`` when the wall clock showed ``started_ms``, and runs ``speed`` times as fast.

    Before ``started_ms`` it stands still at the origin. Every process of a demo is given the same three numbers, so
    that they agree on the time, however long each takes to start.
    """

    live = True

    def __init__(self, origin_ms: int, started_ms: int, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"clock speed is {speed}, expected a number above 0")
        self.origin_ms, self.started_ms, self.speed = origin_ms, started_ms, speed

    def now_ms(self) -> int:
        """Return the scaled time as epoch milliseconds."""
        return round(self.origin_ms + max(time.time_ns() / 1_000_000 - self.started_ms, 0.0) * self.speed)

    def observe(self, event_ms: int) -> None:
        """Take no notice: devices do not set the demo's clock."""


class DataClock:
    """Shows the newest event time seen, or what a recording says: for replaying recorded data at any speed."""

    live = False

    def __init__(self) -> None:
        self._now = 0
        self._told = False
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return the newest event time observed, 0 before the first."""
        return self._now

    def observe(self, event_ms: int) -> None:
        """Move forward to `event_ms`, never back, where no recording has told the time."""
        if not self._told:
            self._show(event_ms)

    def tell(self, received_ms: int) -> None:
        """Move forward to when a recording received what follows; event times move the clock no more."""
        self._told = True
        self._show(received_ms)

    def _show(self, ms: int) -> None:
        with self._lock:
            self._now = max(self._now, ms)


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """The limits on event time: one camera that lives in 2099 must not close everybody's windows."""

    ahead_s: float
    """How far ahead of its time of receipt an event may be, in seconds."""
    backfill_s: float
    """How old one may be, in seconds: devices that were cut off send what they kept."""

    @property
    def ahead_ms(self) -> int:
        """How far ahead an event may be, in milliseconds."""
        return round(self.ahead_s * 1000)

    @property
    def backfill_ms(self) -> int:
        """How old one may be, in milliseconds."""
        return round(self.backfill_s * 1000)

    def limits(self, received_ms: int) -> tuple[int, int]:
        """Return the earliest and the latest event time allowed, epoch ms, both included."""
        return max(received_ms - self.backfill_ms, 0), min(received_ms + self.ahead_ms, LATEST_MS)

    def reason(self, ts_ms: int, received_ms: int) -> str:
        """Return what is wrong with an event time outside the limits, for people."""
        if not 0 <= ts_ms <= LATEST_MS:
            return f"{ts_ms} is not between 1970 and 2100"
        ahead_s = (ts_ms - received_ms) / 1000
        if ahead_s > 0:
            return f"{ahead_s:.0f} s ahead of the node's clock, at most {self.ahead_s:.0f} s are allowed"
        return f"{-ahead_s / 86_400:.1f} days old, at most {self.backfill_s / 86_400:.1f} are taken"
