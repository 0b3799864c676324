"""Tumbling windows of event time: sums per series, in a ring of the newest windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.state.arrays import grown

_FIELDS: Final[dict[str, tuple[str, float]]] = {
    "n": ("i4", 0),
    "sum_a": ("f8", 0),
    "sum_b": ("f8", 0),
    "low": ("f8", np.inf),
    "high": ("f8", -np.inf),
    "exposure": ("f4", 0),
}
"""Accumulator → (type, value of an empty window)."""
_TESTED: Final[dict[str, tuple[str, float]]] = {
    "expected": ("f4", np.nan),
    "lower": ("f4", np.nan),
    "upper": ("f4", np.nan),
    "p": ("f4", np.nan),
    "state": ("u1", 0),
}
"""What the model said when the window closed, kept for rows that are written again."""


class Cells(NamedTuple):
    """Some windows' contents, all arrays of shape (cells,)."""

    series: NDArray[np.int32]
    number: NDArray[np.int64]
    """Window number: start = number * window length."""
    fields: dict[str, NDArray[Any]]


class Windows:
    """Accumulators of shape (ring, series): one ring column a window number, the newest numbers in memory.

    Windows below `open_from` are closed. In memory are the numbers from ``open_from - keep`` to
    ``open_from - keep + ring - 1``; `move` shifts that range.
    """

    def __init__(self, *, ring: int, keep: int) -> None:
        self.ring, self.keep = ring, keep
        self.size = 0
        self.open_from = -1
        """First window number not closed; -1 before the first."""
        self._data = {
            name: np.full((ring, 0), fill, dtype=dtype) for name, (dtype, fill) in {**_FIELDS, **_TESTED}.items()
        }
        self._dirty = np.zeros((ring, 0), dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for series below `size`."""
        if size <= self.size:
            return
        for name, (_, fill) in {**_FIELDS, **_TESTED}.items():
            self._data[name] = grown(self._data[name], size, fill, axis=1)
        self._dirty = grown(self._dirty, size, axis=1)
        self.size = size

    def clear(self) -> None:
        """Forget all windows, as before the first one; the series stay."""
        for name, (_, fill) in {**_FIELDS, **_TESTED}.items():
            self._data[name].fill(fill)
        self._dirty.fill(0)
        self.open_from = -1

    def holds(self, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which window numbers are in memory."""
        oldest = self.open_from - self.keep
        return (number >= oldest) & (number < oldest + self.ring)

    def move(self, open_from: int) -> None:
        """Close the windows below `open_from` and forget the oldest. Never moves back."""
        if self.open_from < 0:
            self.open_from = open_from
        steps = min(open_from - self.open_from, self.ring)
        oldest = open_from - self.keep
        for number in range(oldest + self.ring - steps, oldest + self.ring):
            column = number % self.ring
            for name, (_, fill) in {**_FIELDS, **_TESTED}.items():
                self._data[name][column] = fill
            self._dirty[column] = False
        self.open_from = max(self.open_from, open_from)

    def add(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Add observations, shape (rows,), to windows that `holds` says are in memory."""
        width = self._dirty.shape[1]
        cell = (number % self.ring) * width + series
        flat = {name: self._data[name].reshape(-1) for name in _FIELDS}
        # One sort serves every accumulator: reduceat over runs of equal cells costs what is touched, not what exists.
        order = np.argsort(cell, kind="stable")
        cell = cell[order]
        starts = np.flatnonzero(np.concatenate(([True], cell[1:] != cell[:-1])))
        touched = cell[starts]
        flat["n"][touched] += np.diff(np.append(starts, len(cell))).astype(np.int32)
        flat["sum_a"][touched] += np.add.reduceat(a[order], starts)
        flat["sum_b"][touched] += np.add.reduceat(b[order], starts)
        flat["exposure"][touched] += np.add.reduceat(exposure[order], starts).astype(np.float32)
        value = value[order]
        flat["low"][touched] = np.minimum(flat["low"][touched], np.minimum.reduceat(value, starts))
        flat["high"][touched] = np.maximum(flat["high"][touched], np.maximum.reduceat(value, starts))
        self._dirty.reshape(-1)[touched] = True

    def column(self, number: int) -> dict[str, NDArray[Any]]:
        """Return views, shape (series,), of one window in memory; writing to them changes it."""
        return {name: array[number % self.ring, : self.size] for name, array in self._data.items()}

    def take(self, series: NDArray[np.integer[Any]], number: int) -> Cells:
        """Return one window's cells of some series, and count them as written."""
        self._dirty[number % self.ring, series] = False
        fields = {name: array[series] for name, array in self.column(number).items()}
        return Cells(series.astype(np.int32), np.full(len(series), number, dtype=np.int64), fields)

    def changed(self, number: int) -> NDArray[np.int64]:
        """Return the series whose window changed since it was last taken."""
        return np.flatnonzero(self._dirty[number % self.ring, : self.size])

    def numbers(self) -> range:
        """Return the window numbers in memory, oldest first; empty before the first window."""
        if self.open_from < 0:
            return range(0)
        oldest = self.open_from - self.keep
        return range(oldest, oldest + self.ring)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        state = {name: array[:, : self.size].copy() for name, array in self._data.items()}
        return {
            **state,
            "dirty": self._dirty[:, : self.size].copy(),
            "open_from": np.array([self.open_from], dtype=np.int64),
        }

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave.

        Raises ValueError where the ring is of another length (the window settings changed).
        """
        if arrays["n"].shape[0] != self.ring:
            raise ValueError(f"snapshot has {arrays['n'].shape[0]} windows in memory, settings ask for {self.ring}")
        self._data = {name: arrays[name].copy() for name in self._data}
        self._dirty = arrays["dirty"].copy()
        self.size = self._dirty.shape[1]
        self.open_from = int(arrays["open_from"][0])
