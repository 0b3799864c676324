"""Keeps observations of wrong clocks out: one camera that lives in 2099 must not close everybody's windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AHEAD_S: Final = 120.0
BACKFILL_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """The limits on event time, relative to the node's clock."""

    ahead_s: float = AHEAD_S
    """How far ahead an event may be, in seconds."""
    backfill_s: float = BACKFILL_S
    """How old one may be, in seconds: devices that were cut off send what they kept."""

    def limits(self, now_ms: int) -> tuple[int, int]:
        """Return the earliest and the latest event time allowed now, epoch ms, both included."""
        return now_ms - round(self.backfill_s * 1000), now_ms + round(self.ahead_s * 1000)

    def fault(self, ts_ms: int, now_ms: int) -> str | None:
        """Return what is wrong with an event time, None where nothing is."""
        earliest, latest = self.limits(now_ms)
        if ts_ms > latest:
            return (
                f"{(ts_ms - now_ms) / 1000:.0f} s ahead of the node's clock, at most {self.ahead_s:.0f} s are allowed"
            )
        if ts_ms < earliest:
            return f"{(now_ms - ts_ms) / 86_400_000:.1f} days old, at most {self.backfill_s / 86_400:.1f} are taken"
        return None
