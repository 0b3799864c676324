"""Tumbling windows of event time: sums per series, in a ring of the newest windows."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array, value
from stream.windows.axes import SERIES
from stream.windows.columns import Prepared

_COLUMNS: Final = ("n", "sum_a", "sum_b", "low", "high", "exposure", "expected", "lower", "upper", "p", "state")


class Cells(NamedTuple):
    """Some windows' contents, all arrays of shape (cells,)."""

    series: NDArray[np.int32]
    number: NDArray[np.int64]
    """Window number: start = number * window length."""
    fields: dict[str, NDArray[Any]]


class Windows(Saved):
    """Accumulators of shape (ring, series): one ring column a window number, the newest numbers in memory.

    Windows below `open_from` are closed. In memory are the numbers from ``open_from - keep`` to
    ``open_from - keep + ring - 1``; `move` shifts that range.
    """

    n = array(np.int32, "ring", SERIES)
    sum_a = array(np.float64, "ring", SERIES)
    sum_b = array(np.float64, "ring", SERIES)
    low = array(np.float64, "ring", SERIES, fill=np.inf)
    high = array(np.float64, "ring", SERIES, fill=-np.inf)
    exposure = array(np.float32, "ring", SERIES)
    # What the model said when the window closed, kept for rows that are written again.
    expected = array(np.float32, "ring", SERIES, fill=np.nan)
    lower = array(np.float32, "ring", SERIES, fill=np.nan)
    upper = array(np.float32, "ring", SERIES, fill=np.nan)
    p = array(np.float32, "ring", SERIES, fill=np.nan)
    state = array(np.uint8, "ring", SERIES)
    _dirty = array(np.bool_, "ring", SERIES)
    open_from = value(int, -1)
    """First window number not closed; -1 before the first."""
    first = value(int)
    """Windows before this one have another length: what is observed of them is not for the ring."""
    _kept = value(int)
    """How many closed windows the ring held, for whoever reads the state with other settings."""

    def __init__(self, *, ring: int, keep: int) -> None:
        self.ring, self.keep = ring, keep
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Note how many closed windows are kept from now on."""
        self._kept = self.keep

    def clear(self) -> None:
        """Forget all windows, as before the first one; the series stay."""
        self.wipe(...)
        self.open_from, self.first = -1, 0

    def holds(self, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which window numbers are in memory."""
        oldest = self.open_from - self.keep
        return (number >= max(oldest, self.first)) & (number < oldest + self.ring)

    def move(self, open_from: int) -> None:
        """Close the windows below `open_from` and forget the oldest. Never moves back."""
        if self.open_from < 0:
            self.open_from = open_from
        steps = min(open_from - self.open_from, self.ring)
        oldest = open_from - self.keep
        for number in range(oldest + self.ring - steps, oldest + self.ring):
            self.wipe(number % self.ring)
        self.open_from = max(self.open_from, open_from)

    def add(self, new: Prepared, rows: slice | NDArray[np.intp]) -> None:
        """Add some new observations, at least one, to windows that `holds` says are in memory."""
        cell = (new.number[rows] % self.ring) * self._dirty.shape[1] + new.series[rows]
        n, sum_a, sum_b, low, high, covered = (
            one.reshape(-1) for one in (self.n, self.sum_a, self.sum_b, self.low, self.high, self.exposure)
        )
        # One sort serves every accumulator: reduceat over runs of equal cells costs what is touched, not what exists.
        order = np.argsort(cell, kind="stable")
        cell = cell[order]
        starts = np.flatnonzero(np.concatenate(([True], cell[1:] != cell[:-1])))
        touched = cell[starts]
        n[touched] += np.diff(np.append(starts, len(cell))).astype(np.int32)
        sum_a[touched] += np.add.reduceat(new.sum_a[rows][order], starts)
        sum_b[touched] += np.add.reduceat(new.sum_b[rows][order], starts)
        covered[touched] += np.add.reduceat(new.exposure[rows][order], starts).astype(np.float32)
        value = new.value[rows][order]
        low[touched] = np.minimum(low[touched], np.minimum.reduceat(value, starts))
        high[touched] = np.maximum(high[touched], np.maximum.reduceat(value, starts))
        self._dirty.reshape(-1)[touched] = True

    def column(self, number: int) -> dict[str, NDArray[Any]]:
        """Return views, shape (series,), of one window in memory; writing to them changes it."""
        at = number % self.ring, slice(self.size_of(SERIES))
        return {name: getattr(self, name)[at] for name in _COLUMNS}

    def take(self, series: NDArray[np.integer[Any]], number: int) -> Cells:
        """Return one window's cells of some series, and count them as written."""
        self._dirty[number % self.ring, series] = False
        fields = {name: values[series] for name, values in self.column(number).items()}
        return Cells(series.astype(np.int32), np.full(len(series), number, dtype=np.int64), fields)

    def changed(self, number: int) -> NDArray[np.int64]:
        """Return the series whose window changed since it was last taken."""
        return np.flatnonzero(self._dirty[number % self.ring, : self.size_of(SERIES)])

    def numbers(self) -> range:
        """Return the window numbers in memory, oldest first; empty before the first window."""
        if self.open_from < 0:
            return range(0)
        oldest = self.open_from - self.keep
        return range(oldest, oldest + self.ring)
