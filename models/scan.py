"""The last windows of every series: sums over several of them, and a verdict on each once the next ones are known.

An event that lasts an hour shows in the hour's sum long before it shows in one window. And a window is learnt from
only when it leaves this ring: by then it is known whether it belonged to an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    def sums(
        self, rows: NDArray[np.intp] | slice, start_ms: int, total: NDArray[np.float64], mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (totals, means) over the scales (scales, rows): the given window and the ones before it."""
        y, m = total.copy(), mean.copy()
        totals, means = np.empty((len(self.scales), len(y))), np.empty((len(self.scales), len(y)))
        rank = 0
        for back in range(self.slots):
            if back:
                at = start_ms - back * self.window_ms
                slot = self.slot(at)
                held = self.start[slot][rows] == at
                value = self.value[slot][:, rows]
                y += np.where(held, value[TOTAL], 0.0)
                m += np.where(held, value[MEAN], 0.0)
            while rank < len(self.scales) and self.scales[rank] == back + 1:
                totals[rank], means[rank] = y, m
                rank += 1
        return totals, means

    def judge(
        self,
        rows: NDArray[np.intp] | slice,
        start_ms: int,
        up: NDArray[np.float64],
        low: NDArray[np.float64],
    ) -> None:
        """Tell every window the worst residuals (scales, rows) of the sums it is part of."""
        worst_up, worst_low = up[-1].astype(np.float32), low[-1].astype(np.float32)
        rank = len(self.scales) - 1
        for back in range(self.slots - 1, -1, -1):
            while rank > 0 and self.scales[rank - 1] > back:
                rank -= 1
                worst_up = np.maximum(worst_up, up[rank]).astype(np.float32)
                worst_low = np.maximum(worst_low, low[rank]).astype(np.float32)
            at = start_ms - back * self.window_ms
            slot = self.slot(at)
            held = self.start[slot][rows] == at
            value = self.value[slot]
            value[UP, rows] = np.where(held, np.maximum(value[UP, rows], worst_up), value[UP, rows])
            value[LOW, rows] = np.where(held, np.maximum(value[LOW, rows], worst_low), value[LOW, rows])

    def put(
        self,
        rows: NDArray[np.intp] | slice,
        start_ms: int,
        total: NDArray[np.float64],
        exposure: NDArray[np.float64],
        mean: NDArray[np.float64],
        base: NDArray[np.float64],
    ) -> None:
        """Write the newest window over the one that leaves; take that out first, with `leaving`."""
        slot = self.slot(start_ms)
        self.start[slot][rows] = start_ms
        none = np.zeros_like(total)
        self.value[slot][:, rows] = np.stack([total, exposure, mean, base, none, none])
