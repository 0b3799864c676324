"""Maps of forgetting kernels: what happened, spread over space on exact positions and fading at many speeds.

Kernel (τ, σ) of a cell: Σᵢ wᵢ exp(-(t-tᵢ)/τ)/τ ∫cell N(x; xᵢ, σ²) dx, events a day. The integral over a cell is a
product of differences of the error function, so that the cells' size and origin matter little.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.hotspots.grid import Grid
from models.state import Saved, array, value

DAY_MS: Final = 86_400_000.0
NEVER: Final = np.iinfo(np.int64).min
TAUS: Final = np.array([3.0, 10.0, 30.0, 90.0, 300.0, 1500.0, 6000.0])
"""How quickly kernels forget, in days: from near repeats to counts of all years."""
SIGMAS: Final = np.array([0.0, 62.0, 125.0, 250.0, 700.0])
"""How far an event spreads, in metres; 0: over its cell only, which makes counts of the cell."""
KERNELS: Final = len(TAUS) * len(SIGMAS)
_TAU_OF: Final = np.repeat(TAUS, len(SIGMAS))
LIVE_TAU: Final = 0.5
"""Days after which what sensors noticed is forgotten (to a third)."""
LIVE_SIGMA: Final = 150.0
_TAUS_MS: Final = TAUS * DAY_MS
_REBASE: Final = 200.0
"""Sums are scaled again after so many of the shortest time; exp(700) is where float64 ends."""
_REACH: Final = 6.0
"""Standard deviations after which a kernel is nothing."""
_BATCH: Final = 48
"""From so many events on, whole maps are multiplied; below, each event adds to its neighbourhood only."""
_CHUNK: Final = 1024


class KernelMaps(Saved):
    """The maps of all kernels over a grid; kernels are numbered τ by τ, shape (`KERNELS`, cells)."""

    _sums = array(np.float64, KERNELS, "cells")
    """Scaled by exp((base - now)/τ), so that adding needs no pass over time."""
    _live = array(np.float64, "cells")
    _base = value(int, NEVER)
    _live_base = value(int, NEVER)
    first_ms = value(int, NEVER)
    """Time of the oldest event."""
    total = value(float)
    """Weight of all events."""

    def __init__(self, grid: Grid) -> None:
        self.grid, self.cells = grid, grid.cells
        super().__init__()

    def add(
        self,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        ts_ms: NDArray[np.int64],
        weight: NDArray[np.float64],
    ) -> None:
        """Add events that lie on the grid, arrays (n,), in any order in time."""
        if not len(ts_ms):
            return
        oldest, newest = int(ts_ms.min()), int(ts_ms.max())
        if self._base == NEVER:
            self._base = self.first_ms = oldest
        self.first_ms, self.total = min(self.first_ms, oldest), self.total + float(weight.sum())
        if newest - self._base > _REBASE * _TAUS_MS[0]:
            fade = np.exp(np.maximum((self._base - newest) / _TAUS_MS, -700.0))
            self._sums *= np.repeat(fade, len(SIGMAS))[:, None]
            self._base = newest
        row, column = self.grid.position(lon, lat)
        scaled = weight * np.exp(np.clip((ts_ms - self._base) / _TAUS_MS[:, None], -700.0, 700.0))
        maps = self._sums.reshape(len(TAUS), len(SIGMAS), self.grid.rows, self.grid.columns)
        for number, sigma in enumerate(SIGMAS.tolist()):
            if len(ts_ms) >= _BATCH:
                for begin in range(0, len(ts_ms), _CHUNK):
                    part = slice(begin, begin + _CHUNK)
                    up = self._shares(row[part], sigma, 0, self.grid.rows)
                    along = self._shares(column[part], sigma, 0, self.grid.columns)
                    for tau in range(len(TAUS)):
                        maps[tau, number] += (up * scaled[tau, part, None]).T @ along
            else:
                for one in range(len(ts_ms)):
                    self._spread(maps[:, number], row[one], column[one], sigma, scaled[:, one])

    def excite(self, lon: float, lat: float, ts_ms: int, weight: float) -> None:
        """Add what sensors noticed: it fades within a day or two and teaches the other kernels nothing."""
        if self._live_base == NEVER:
            self._live_base = ts_ms
        ahead = (ts_ms - self._live_base) / (LIVE_TAU * DAY_MS)
        if ahead > _REBASE:
            self._live *= np.exp(-min(ahead, 700.0))
            self._live_base, ahead = ts_ms, 0.0
        row, column = self.grid.position(lon, lat)
        maps = self._live.reshape(1, self.grid.rows, self.grid.columns)
        self._spread(maps, float(row), float(column), LIVE_SIGMA, np.array([weight * np.exp(max(ahead, -700.0))]))

    def rates(self, now_ms: int, cells: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Return what each kernel expects a day, (`KERNELS`, cells), or of some cells.

        Kernels longer than what was watched are corrected, so that a steady process is expected from its start on.
        """
        sums = self._sums if cells is None else self._sums[:, cells]
        rates: NDArray[np.float64] = self.fade(now_ms)[:, None] * sums
        return rates

    def mixed(self, now_ms: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of `rates`, each times a weight (`KERNELS`,), (cells,)."""
        total: NDArray[np.float64] = (weights * self.fade(now_ms)) @ self._sums
        return total

    def fade(self, now_ms: int) -> NDArray[np.float64]:
        """Return the factors from the sums to `rates`, (`KERNELS`,)."""
        if self._base == NEVER:
            return np.zeros(KERNELS)
        watched = max((now_ms - self.first_ms) / DAY_MS, 1.0)
        fade = np.exp(np.clip(-(now_ms - self._base) / _TAUS_MS, -700.0, 700.0)) / (-np.expm1(-watched / TAUS) * TAUS)
        return np.asarray(np.repeat(fade, len(SIGMAS)), dtype=np.float64)

    def live(self, now_ms: int) -> NDArray[np.float64]:
        """Return what sensors' notices add a day, (cells,), in the caller's weights."""
        if self._live_base == NEVER:
            return np.zeros(self.cells)
        faded = np.exp(-np.clip((now_ms - self._live_base) / (LIVE_TAU * DAY_MS), -700.0, 700.0)) / LIVE_TAU
        live: NDArray[np.float64] = self._live * faded
        return live

    def mean_rate(self, now_ms: int) -> float:
        """Return events a day over the whole grid, with a month of a prior: one event a km² in a hundred days."""
        watched = 0.0 if self.first_ms == NEVER else max((now_ms - self.first_ms) / DAY_MS, 0.0)
        prior = 0.01 * self.cells * (self.grid.cell_m / 1000.0) ** 2
        return (self.total + 30.0 * prior) / (watched + 30.0)

    def _spread(
        self, maps: NDArray[np.float64], row: float, column: float, sigma: float, scaled: NDArray[np.float64]
    ) -> None:
        """Add one event to its neighbourhood in maps (n, rows, columns), weighed `scaled` (n,)."""
        reach = int(np.ceil(_REACH * sigma / self.grid.cell_m))
        at_row, at_column = min(int(row), self.grid.rows - 1), min(int(column), self.grid.columns - 1)
        top, bottom = max(at_row - reach, 0), min(at_row + reach + 1, self.grid.rows)
        left, right = max(at_column - reach, 0), min(at_column + reach + 1, self.grid.columns)
        up = self._shares(np.array([row]), sigma, top, bottom)[0]
        along = self._shares(np.array([column]), sigma, left, right)[0]
        maps[:, top:bottom, left:right] += scaled[:, None, None] * (up[:, None] * along)

    def _shares(self, at: NDArray[np.float64], sigma: float, begin: int, end: int) -> NDArray[np.float64]:
        """Return how much of each event lies in each row (or column) from `begin` to `end`, (n, end - begin)."""
        if sigma <= 0:
            last = np.minimum(np.floor(at), end - 1)
            return np.asarray(last[:, None] == np.arange(begin, end), dtype=np.float64)
        edges = (np.arange(begin, end + 1) - at[:, None]) * (self.grid.cell_m / (sigma * np.sqrt(2.0)))
        shares: NDArray[np.float64] = 0.5 * np.diff(special.erf(edges), axis=1)
        return shares


def over_period(days: float) -> NDArray[np.float64]:
    """Return the mean of each kernel over the coming days, relative to now, (`KERNELS`,)."""
    mean: NDArray[np.float64] = -np.expm1(-days / _TAU_OF) * _TAU_OF / days
    return mean
