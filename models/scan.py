"""The last windows of every series: sums over several of them, and a verdict on each once the next ones are known.

An event that lasts an hour shows in the hour's sum long before it shows in one window. And a window is learnt from
only when it leaves this ring: by then it is known whether it belonged to an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.rows import put, some_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.rows import Rows, Seen

    Floats = NDArray[np.floating[Any]]

TOTAL, EXPOSURE, MEAN, BASE, UP, LOW = range(6)
_FIELDS: Final = 6
NEVER: Final = np.iinfo(np.int64).min


def scales_for(window_s: int) -> tuple[int, ...]:
    """Return how many windows are summed up: one, and about a quarter of an hour, half an hour, an hour."""
    return tuple(max(rank + 1, round(length / window_s)) for rank, length in enumerate((0, 900, 1800, 3600)))


class Ring:
    """The newest windows per series: arrays (slots, …, series); a window lives in slot (start // window) % slots."""

    def __init__(self, window_s: int, scales: tuple[int, ...], size: int = 0) -> None:
        self.window_ms, self.scales = window_s * 1000, scales
        self.slots = max(scales)
        self.start = np.full((self.slots, size), NEVER, dtype=np.int64)
        self.value = np.zeros((self.slots, _FIELDS, size), dtype=np.float32)

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        more = size - self.start.shape[-1]
        if more > 0:
            self.start = np.concatenate([self.start, np.full((self.slots, more), NEVER, dtype=np.int64)], axis=-1)
            self.value = np.concatenate([self.value, np.zeros((self.slots, _FIELDS, more), np.float32)], axis=-1)

    def slot(self, start_ms: int) -> int:
        """Return the slot of a window."""
        return (start_ms // self.window_ms) % self.slots

    def held(self, rows: Rows, start_ms: int) -> list[Seen]:
        """Return, for each of the windows before one, which rows still hold it; None where all do."""
        out: list[Seen] = []
        for back in range(1, self.slots):
            at = start_ms - back * self.window_ms
            there = self.start[self.slot(at)][rows] == at
            out.append(None if there.all() else there)
        return out

    def sums(self, rows: Rows, start_ms: int, total: Floats, mean: Floats, held: list[Seen]) -> tuple[Floats, Floats]:
        """Return (totals, means) over the scales (scales, rows): the given window and the ones before it."""
        y, m = total.copy(), mean.copy()
        totals = np.empty((len(self.scales), len(y)), dtype=np.float32)
        means = np.empty_like(totals)
        for rank, scale in enumerate(self.scales):
            for back in range(self.scales[rank - 1] if rank else 1, scale):
                value, there = self.value[self.slot(start_ms - back * self.window_ms)], held[back - 1]
                y += value[TOTAL, rows] if there is None else value[TOTAL, rows] * there
                m += value[MEAN, rows] if there is None else value[MEAN, rows] * there
            totals[rank], means[rank] = y, m
        return totals, means

    def judge(self, rows: Rows, start_ms: int, up: Floats, low: Floats, held: list[Seen], least: float) -> None:
        """Tell every window the worst residuals (scales, rows) of the sums it is part of.

        Residuals are not negative, nothing was seen where they are zero; lows up to `least` are of no interest.
        """
        self._raise(UP, rows, start_ms, up, held)
        odd = low.max(axis=0) > least
        if odd.any():
            there = [None if one is None else one[odd] for one in held]
            self._raise(LOW, some_of(rows, odd), start_ms, low[:, odd], there)

    def _raise(self, which: int, rows: Rows, start_ms: int, residuals: Floats, held: list[Seen]) -> None:
        worst = residuals[-1]
        rank = len(self.scales) - 1
        for back in range(self.slots - 1, -1, -1):
            while rank > 0 and self.scales[rank - 1] > back:
                rank -= 1
                worst = np.maximum(worst, residuals[rank])
            value = self.value[self.slot(start_ms - back * self.window_ms), which]
            there = held[back - 1] if back else None
            value[rows] = np.maximum(value[rows], worst if there is None else worst * there)

    def put(self, rows: Rows, start_ms: int, fields: tuple[Floats, Floats, Floats, Floats], seen: Seen) -> None:
        """Write the newest window (total, exposure, mean, base) over the one that leaves: digest that one first."""
        slot = self.slot(start_ms)
        put(self.start[slot], rows, start_ms, seen)
        value = self.value[slot]
        for which, values in zip((TOTAL, EXPOSURE, MEAN, BASE), fields, strict=True):
            put(value[which], rows, values, seen)
        for which in (UP, LOW):
            put(value[which], rows, 0.0, seen)
