"""Barriers that say they are down while vehicles pass: broken off, taken off, or with a sensor that lies.

A barrier that says nothing, or only now and then, proves nothing. Only one that has been seen to say "up" around
vehicles is watched, and only passes well away from any "up" count: words and passes may come out of order.
"""

from dataclasses import dataclass, field
from typing import Final

from models.state import Saved, value

NEED: Final = 3
"""So many passes in a row under a barrier that is said to be down."""
_SEEN: Final = 20
"""So many vehicles must have passed while it was said to be up, before its words are believed."""
_SLACK_MS: Final = 30_000
_JUDGED_MS: Final = 60_000
"""A pass is judged when this much time has passed, and words that belong to it have come."""
_WAITING: Final = 8
_NEVER: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class BarrierEvent:
    """A barrier began (`on`) to be passed while down, or works again."""

    row: int
    on: bool
    ts: int
    """Event time of the first of the passes, or of the word "up"."""
    passes: int


@dataclass(slots=True)
class _Barrier:
    up: bool = False
    up_ms: int = _NEVER
    """When it was last said to go up."""
    down_ms: int = _NEVER
    """When it was last said not to be up any more."""
    seen: int = 0
    under: int = 0
    """Passes in a row while it was down."""
    first_ms: int = 0
    active: bool = False
    waiting: list[int] = field(default_factory=list)
    """Event times of passes that are not judged yet."""


class Barriers(Saved):
    """All barriers of a shard, by row (a gate's device). One pass or word at a time: there are few."""

    _barriers = value(dict[int, _Barrier])

    def says(self, row: int, ts: int, word: str) -> list[BarrierEvent]:
        """Take the newest word of a barrier, and its event time."""
        barrier = self._barriers.setdefault(row, _Barrier())
        if word == "up" and not barrier.up:
            barrier.up_ms = ts
        elif word != "up" and barrier.up:
            barrier.down_ms = ts
        barrier.up = word == "up"
        self._explain(barrier)
        if word != "up" or not barrier.active:
            return []
        barrier.active, barrier.under = False, 0
        return [BarrierEvent(row, on=False, ts=ts, passes=0)]

    def passed(self, row: int, ts: int) -> None:
        """Take a vehicle's pass; `tick` judges it. Gates without a barrier that speaks are passed over."""
        barrier = self._barriers.get(row)
        if barrier is not None:
            barrier.waiting = [*barrier.waiting[-_WAITING + 1 :], ts]
            self._explain(barrier)

    def tick(self, now_ms: int) -> list[BarrierEvent]:
        """Judge the passes of which all words must have come by now."""
        events = []
        for row, barrier in self._barriers.items():
            ripe = [ts for ts in barrier.waiting if ts <= now_ms - _JUDGED_MS]
            if not ripe:
                continue
            barrier.waiting = [ts for ts in barrier.waiting if ts > now_ms - _JUDGED_MS]
            if barrier.seen < _SEEN:
                continue
            if not barrier.under:
                barrier.first_ms = min(ripe)
            barrier.under += len(ripe)
            if barrier.under >= NEED and not barrier.active:
                barrier.active = True
                events.append(BarrierEvent(row, on=True, ts=barrier.first_ms, passes=barrier.under))
        return events

    def active(self, row: int) -> bool:
        """Tell whether a barrier is being passed while it is down."""
        barrier = self._barriers.get(row)
        return barrier is not None and barrier.active

    @staticmethod
    def _explain(barrier: _Barrier) -> None:
        """Let go of the passes that an open barrier explains."""
        if barrier.up_ms == _NEVER:
            return
        open_from = barrier.up_ms - _SLACK_MS
        open_until = 2**62 if barrier.up else barrier.down_ms + _SLACK_MS
        left = [ts for ts in barrier.waiting if not open_from <= ts <= open_until]
        if len(left) < len(barrier.waiting):
            barrier.seen = min(barrier.seen + len(barrier.waiting) - len(left), _SEEN)
            barrier.under = 0
            barrier.waiting = left
