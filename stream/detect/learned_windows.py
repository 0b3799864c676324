"""What waits to be learned, and which windows the baselines have learned, so that no history teaches twice by accident.

What was learned is kept as intervals of window numbers per series. Two sources are kept apart: what came as
observations (live or late), and what came as history (`ingest.log.history`). History is refused where either has been;
late observations, which come in parts, only where history has been.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.state import FREE, ROW, Saved, array, part
from stream.windows.axes import SERIES

_SPAN: Final = 40
"""Bits of a window number: windows of a second reach to the year 36,800."""
_PER_SERIES: Final = 16
"""Intervals per series, on average, above which near ones are joined: memory stays bounded, whatever devices send."""
_NEVER: Final = -1
FULL: Final = 500_000
"""Late observations from which waiting would cost more memory than it saves time."""
AT_ONCE: Final = 500
"""Windows learned at once, about a quarter of a second's work: what a device sends of a month must not hold up an
alarm; the rest is learned at the next chance, a second later."""
HISTORY: Final = 1_000
"""Observations learned at once from which they are a history to look at, and not just a few that were late."""


class Intervals(Saved):
    """Intervals of window numbers of many series, sorted and apart; series and number share one 63-bit key."""

    _low = array(np.int64, FREE)
    _high = array(np.int64, FREE)
    """First key behind each interval."""

    def __len__(self) -> int:
        """Return the number of intervals."""
        return len(self._low)

    def add(self, series: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], gap: int = 0) -> None:
        """Add [low, high) of each series; intervals of a series no more than `gap` apart become one."""
        base = series << _SPAN
        lows = np.concatenate([self._low, base + low])
        highs = np.concatenate([self._high, base + high])
        order = np.argsort(lows, kind="stable")
        self._low, self._high = lows[order], highs[order]
        self._join(gap)
        tolerance = max(gap, 1)
        while len(self) > 64 + _PER_SERIES * len(np.unique(self._low >> _SPAN)):
            tolerance *= 4
            self._join(tolerance)

    def _join(self, gap: int) -> None:
        if not len(self):
            return
        reach = np.maximum.accumulate(self._high)
        # No gap reaches from one series to the next: numbers are far below what a key has room for.
        start = np.concatenate(([True], self._low[1:] > reach[:-1] + gap))
        first = np.flatnonzero(start | ~np.concatenate(([False], self._low[1:] >> _SPAN == self._low[:-1] >> _SPAN)))
        self._low, self._high = self._low[first], np.maximum.reduceat(self._high, first)

    def holds(self, series: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which windows lie in an interval of their series."""
        key = (series << _SPAN) + number
        place = np.searchsorted(self._low, key, side="right") - 1
        inside = np.zeros(len(key), dtype=np.bool_)
        there = place >= 0
        inside[there] = key[there] < self._high[place[there]]
        return inside

    def of(self, series: int) -> list[tuple[int, int]]:
        """Return the intervals [low, high) of one series, oldest first."""
        base = series << _SPAN
        begin, end = np.searchsorted(self._low, (base, base + (1 << _SPAN)))
        return [
            (low - base, high - base)
            for low, high in zip(self._low[begin:end].tolist(), self._high[begin:end].tolist(), strict=True)
        ]


class LearnedWindows(Saved):
    """What a shard's baselines have learned of count and level series.

    Parameters
    ----------
    window_s
        Length of a window, seconds.
    """

    _observed: Intervals = part()
    _history: Intervals = part()
    # What is learned live grows by a window at a time: it waits here until it breaks off, so that a close is cheap.
    _live = array(np.int64, 2, SERIES, fill=_NEVER)

    def __init__(self, window_s: int) -> None:
        self._hour = max(3600 // window_s, 1)
        self._observed, self._history = Intervals(), Intervals()
        super().__init__()

    def live(self, series: NDArray[np.int64], number: int) -> None:
        """Note that these series have learned a closed window; windows close in order."""
        if not len(series):
            return
        self.grow(SERIES, int(series.max()) + 1)
        low, high = self._live[0, series], self._live[1, series]
        # A device may be silent at night; after days it may have missed what a history still can teach.
        broken = (high != _NEVER) & (number > high + 24 * self._hour)
        if broken.any():
            self._observed.add(series[broken], low[broken], high[broken])
        self._live[0, series] = np.where(broken | (low == _NEVER), number, np.minimum(low, number))
        self._live[1, series] = np.maximum(high, number + 1)

    def late(self, series: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        """Note that windows were learned from observations that came late."""
        fresh = ~self.knows(series, number)
        self._note(self._observed, series[fresh], number[fresh])

    def history(self, series: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        """Note that windows were learned from history."""
        self._note(self._history, series, number)

    def _note(self, where: Intervals, series: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        if len(series):
            key = np.unique((series << _SPAN) + number)
            begin = np.flatnonzero(np.concatenate(([True], np.diff(key) > self._hour)))
            end = np.append(begin[1:], len(key)) - 1
            series = key[begin] >> _SPAN
            where.add(series, key[begin] - (series << _SPAN), key[end] - (series << _SPAN) + 1, self._hour)

    def from_history(self, series: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which windows were learned from history."""
        return self._history.holds(series, number)

    def knows(self, series: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which windows were learned, from whatever source. `series` below 0 are known to nobody."""
        known = self._history.holds(series, number) | self._observed.holds(series, number)
        has = (series >= 0) & (series < self._live.shape[1])
        low, high = (
            self._live[:, np.where(has, series, 0)] if self._live.shape[1] else np.full((2, len(series)), _NEVER)
        )
        lately: NDArray[np.bool_] = has & (low != _NEVER) & (number >= low) & (number < high)
        return lately | (known & (series >= 0))

    def spans(self, series: int) -> dict[str, list[tuple[int, int]]]:
        """Return the intervals of window numbers that a series has learned: ``observed`` and ``history``."""
        observed = self._observed.of(series)
        if series < self._live.shape[1] and self._live[1, series] != _NEVER:
            observed.append((int(self._live[0, series]), int(self._live[1, series])))
        return {"observed": observed, "history": self._history.of(series)}


class Late(Saved):
    """Observations of one kind that wait to be learned; arrays of shape (rows,).

    Late and backfilled observations wait here, so that the baselines learn from many at once. Learning costs by the
    window, not by the observation: a fortnight of history comes in thousands of messages, a few windows of one device
    each, and learning it message by message would visit every window once for every device.
    """

    _series = array(np.int64, ROW)
    _number = array(np.int64, ROW)
    _value = array(np.float64, ROW)
    _exposure = array(np.float64, ROW)

    @property
    def rows(self) -> int:
        """How many wait."""
        return self.size_of(ROW)

    def add(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Keep observations for later, in order of arrival."""
        new = slice(self.rows, self.rows + len(series))
        self.grow(ROW, new.stop)
        self._series[new], self._number[new], self._value[new], self._exposure[new] = series, number, value, exposure

    def take(self) -> dict[str, NDArray[Any]]:
        """Return what waits of the oldest windows, no more than `AT_ONCE`, by the names of `add`, and forget it."""
        held = {name: getattr(self, f"_{name}")[: self.rows] for name in ("series", "number", "value", "exposure")}
        numbers = np.unique(held["number"])
        self.reset()
        if len(numbers) <= AT_ONCE:
            return held
        parts = -(-len(numbers) // AT_ONCE)  # of one size: the last is as much of a history as the others
        now = held["number"] < numbers[-(-len(numbers) // parts)]
        self.add(**{name: values[~now] for name, values in held.items()})
        return {name: values[now] for name, values in held.items()}
