"""Where to be next: a map that remembers events and forgets them, at several speeds and widths at once.

λ(cell, t) = Σ_k θ_k Σ_i w_i · exp(-(t-t_i)/τ_k)/τ_k · K_σk(cell, x_i): a mix of exponentially forgetting Gaussian
kernels, in the family of self-exciting point processes (Mohler et al., JASA 2015). The shares θ_k follow from how well
each kernel predicted the places of later events (expectation-maximisation, one step an event, forgetting).
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special

from models.hotspots.grid import Grid
from models.state import Saved, State, array, value

_DAY_MS: Final = 86_400_000.0
_HOUR_MS: Final = 3_600_000
_YOUNG: Final = 100.0
"""So many (weighted) incidents make a history of a site's own."""
LocalTime = Callable[[NDArray[np.int64]], tuple[NDArray[np.int8], NDArray[np.int32]]]
"""From epoch ms (n,) to (day class, second of the local day), as `models.calendar.Calendar.local`."""
_NEVER: Final = np.iinfo(np.int64).min
_REBASE: Final = 200.0
"""Half-lives in exponents after which sums are scaled again; exp(700) is where float64 ends."""


_TAU_MS: Final = np.array([5.0, 45.0, 200.0]) * _DAY_MS
"""How quickly each kernel forgets: days, weeks and seasons."""
_KERNELS: Final = len(_TAU_MS)
_SIGMA_M: Final = 100.0
"""How far an event spreads."""
_RECENT: Final = 4096
"""Events kept for `recent_counts`."""


class History(NamedTuple):
    """Events that a fit goes by, in order of time; arrays (n,)."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    ts_ms: NDArray[np.int64]
    weight: NDArray[np.float64]
    driver: NDArray[np.int64]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What a site's own history says of the mix."""

    made_ms: int
    """The fit knows events before this time only."""
    events: int
    share: list[float]

    def encode(self) -> bytes:
        """Return the fit as a record of the log carries it."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> "Fit":
        """Return a fit from a record. Raises ValueError where it is none."""
        return msgspec.msgpack.decode(payload, type=cls)


def utc(start_ms: NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Return (day class, second of the day) of a place without a calendar, in UTC."""
    day, ms = np.divmod(start_ms, round(_DAY_MS))
    weekday = (day + 3) % 7
    return np.where(weekday < 5, 0, weekday - 4).astype(np.int8), (ms // 1000).astype(np.int32)


class Forecast(Grid, Saved):
    """A grid with a hotspot map on it.

    Parameters
    ----------
    bounds, cell_m
        Of the `Grid`.
    drivers
        Number of classes of drivers that are kept apart (burglary, surge, …; the caller numbers them).
    local
        The site's local time; UTC without one.

    Notes
    -----
    Adding costs O(events), evaluating O(cells). Weights are the caller's: what patrols find themselves must weigh
    less, or the map sends them where they have been (Ensign et al., FAT* 2018). The map tells where, hardly when: it
    knows neither hours of the day nor reasons, and it cannot see what nobody reports.
    """

    _sums = array(np.float64, _KERNELS, "driver_classes", "cells")
    """Scaled by exp((base - now)/tau): adding needs no pass over the cells."""
    _base = value(int, _NEVER)
    _first = value(int, _NEVER)
    _share = array(np.float64, _KERNELS, fill=1.0 / _KERNELS)
    _seen = value(float)
    _ahead = array(np.float64, _KERNELS, "cells")
    _recent_ms = array(np.int64, _RECENT, fill=_NEVER)
    _recent_cell = array(np.int64, _RECENT, fill=-1)
    _recent_driver = array(np.int64, _RECENT)
    _recent_next = value(int)
    _ground = value(list[float])
    """What the cells are: west, south, east, north in degrees, and their side in metres."""

    def __init__(
        self, bounds: tuple[float, float, float, float], cell_m: float, drivers: int = 8, local: LocalTime = utc
    ) -> None:
        Grid.__init__(self, bounds, cell_m)
        self.driver_classes, self._local = drivers, local
        Saved.__init__(self)
        self._ground = [*self.bounds, self.cell_m]

    def add(self, lon: ArrayLike, lat: ArrayLike, ts_ms: ArrayLike, weight: ArrayLike, driver: ArrayLike) -> int:
        """Add events, scalars or arrays (n,); returns how many lay on the map. Any order in time."""
        x, y, ts, w, d = np.broadcast_arrays(
            np.atleast_1d(np.asarray(lon, dtype=np.float64)),
            np.asarray(lat, dtype=np.float64),
            np.asarray(ts_ms, dtype=np.int64),
            np.asarray(weight, dtype=np.float64),
            np.asarray(driver, dtype=np.int64),
        )
        cell = self.cell_of(x, y)
        good = (cell >= 0) & np.isfinite(w) & (w > 0) & (d >= 0) & (d < self.driver_classes)
        if not good.any():
            return 0
        x, y, ts, w, d, cell = x[good], y[good], ts[good], w[good], d[good], cell[good]
        if self._base == _NEVER:
            self._base = self._first = int(ts.min())
        self._first = min(self._first, int(ts.min()))
        self._learn_shares(cell, w)
        self._rebase(int(ts.max()))
        age = (ts - self._base)[None, :] / _TAU_MS[:, None]
        # One event weighs at most a million: nothing real does, and sums stay finite.
        scaled = np.minimum(w, 1e6) * np.exp(np.maximum(age, -700.0)) / (_TAU_MS[:, None] / _DAY_MS)
        for corner, share in self._corners(x, y):
            for k in range(_KERNELS):
                np.add.at(self._sums[k], (d, corner), scaled[k] * share)
        self._remember(cell, ts, d)
        return len(cell)

    def fitted(self, state: State) -> State:
        """Return what another grid has saved as this one would have: events stay where they were on earth.

        Raises KeyError and `models.state.StateError` for a state that is not whole.
        """
        ground = state.get("ground", list[float])
        if ground == self._ground:
            return state
        west, south, east, north, cell_m = ground or self._ground
        here = Forecast(self.bounds, self.cell_m, self.driver_classes, self._local)
        if not ground and state.arrays["ahead"].shape[-1] != self.cells:  # version 3 did not say what they were
            return here.capture()
        there = Forecast((west, south, east, north), cell_m, self.driver_classes, self._local)
        there.restore(state)
        here.take_over(there)
        return here.capture()

    def take_over(self, other: "Forecast") -> None:
        """Take what another grid, of other bounds, remembers: events stay where they were on earth.

        What lay outside these bounds is forgotten. Costs as much as adding an event in every cell.
        """
        state = other.capture()
        lon, lat = other.centres()
        here = self.cell_of(lon, lat)
        inside = np.flatnonzero(here >= 0)
        for name in ("sums", "ahead"):
            before = state.arrays[name]
            maps = np.zeros((before[..., 0].size, self.cells))
            for corner, share in self._corners(lon[inside], lat[inside]):
                for row, held in enumerate(before.reshape(len(maps), -1)):
                    maps[row] += np.bincount(corner, held[inside] * share, self.cells)
            state.arrays[name] = maps.reshape(*before.shape[:-1], self.cells)
        cell = state.arrays["recent_cell"]
        state.arrays["recent_cell"] = np.where(cell >= 0, here[np.maximum(cell, 0)], -1)
        state.put("ground", self._ground)
        self.restore(state)

    def intensity(self, now_ms: int) -> NDArray[np.float64]:
        """Return expected events a day per cell now, (cells,)."""
        per_kernel = self._per_kernel(now_ms)
        self._ahead[:] = per_kernel
        mixed: NDArray[np.float64] = self._share @ per_kernel
        return mixed

    def risk(self, now_ms: int) -> NDArray[np.float64]:
        """Return 0-1 per cell, relative to the highest cell; zeros while nothing is known."""
        rate = self.intensity(now_ms)
        top = rate.max(initial=0.0)
        return rate / top if top > 0 else rate

    def expected(self, begin_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return expected (weighted) incidents per cell in a coming period, (cells,)."""
        total: NDArray[np.float64] = self.by_hour(np.arange(self.cells), begin_ms, end_ms).sum(axis=1)
        return total

    def by_hour(self, cells: ArrayLike, begin_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return what `expected` does of some cells, by local hour of day, (cells, 24)."""
        rate = (self._share @ self._per_kernel(begin_ms))[np.asarray(cells, dtype=np.int64)]
        edges = np.unique(np.append(np.arange(begin_ms, end_ms, _HOUR_MS), end_ms))
        hour = self._local(edges[:-1])[1] // 3600
        spent = np.bincount(hour, np.diff(edges) / _DAY_MS, 24)
        hours: NDArray[np.float64] = rate[:, None] * spent
        return hours

    def spread(
        self, begin_ms: int, end_ms: int, places: Sequence[ArrayLike] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds between which the expected number lies with 90 %, two of (cells,).

        With `places`, groups of cells, the bounds are of each group's sum, two of (places,).
        """
        mean = self.expected(begin_ms, end_ms)
        behind = self._per_kernel(begin_ms)[-1] * (_TAU_MS[-1] / _DAY_MS)
        if places is not None:
            groups = [np.asarray(group, dtype=np.int64) for group in places]
            mean = np.array([mean[group].sum() for group in groups])
            behind = np.array([behind[group].sum() for group in groups])
        shape = 0.5 + behind
        low, high = (special.gammaincinv(shape, share) / shape * mean for share in (0.05, 0.95))
        return np.minimum(low, mean), np.maximum(high, mean)

    def knows(self) -> str:
        """Return what the forecast rests on: ``prior``, ``sensors`` (only), ``young`` or ``own`` (history)."""
        if self._first == _NEVER:
            return "prior"
        return "own" if self._seen >= _YOUNG else "young"

    def history(self) -> History:
        """Return a copy of the events that are remembered one by one."""
        order = np.argsort(self._recent_ms, kind="stable")
        order = order[self._recent_cell[order] >= 0]
        lon, lat = self.centres()
        cell = self._recent_cell[order]
        return History(lon[cell], lat[cell], self._recent_ms[order], np.ones(len(cell)), self._recent_driver[order])

    def fit(self, history: History, now_ms: int) -> Fit:
        """Return what a history says of the mix, made at `now_ms`; a pure function that takes seconds.

        It goes by this grid's cells and local time, and by nothing that the grid remembers.
        """
        known = history.ts_ms < now_ms
        return Fit(made_ms=now_ms, events=int(known.sum()), share=self._share.tolist())

    def take(self, fit: Fit) -> None:
        """Go by a fit from now on. Raises ValueError for one of another mix."""
        if len(fit.share) != _KERNELS:
            raise ValueError(f"a fit of {len(fit.share)} kernels, expected {_KERNELS}")
        self._share[:] = fit.share

    def drivers(self, cells: ArrayLike, now_ms: int) -> NDArray[np.float64]:
        """Return each driver class's share of the risk of the cells, (cells, drivers); rows of zeros where none."""
        index = np.asarray(cells, dtype=np.int64)
        total = np.zeros((self.driver_classes, self.cells))
        fade = self._fade(now_ms)
        for k in range(_KERNELS):
            total += self._share[k] * fade[k] * self._smooth(self._sums[k])
        picked = total[:, index].T
        whole = picked.sum(axis=1, keepdims=True)
        out: NDArray[np.float64] = np.divide(picked, whole, out=np.zeros_like(picked), where=whole > 0)
        return out

    def recent_counts(self, cells: ArrayLike, now_ms: int, hours: float = 72.0) -> NDArray[np.int64]:
        """Return how many events of each class lay in or next to each cell lately, (cells, drivers)."""
        index = np.asarray(cells, dtype=np.int64)
        live = (self._recent_cell >= 0) & (self._recent_ms > now_ms - hours * 3_600_000)
        live &= self._recent_ms <= now_ms
        row, column = np.divmod(self._recent_cell[live], self.columns)
        at_row, at_column = np.divmod(index, self.columns)
        near = (np.abs(row[None, :] - at_row[:, None]) <= 1) & (np.abs(column[None, :] - at_column[:, None]) <= 1)
        one = np.eye(self.driver_classes, dtype=np.int64)[self._recent_driver[live]]
        counts: NDArray[np.int64] = near.astype(np.int64) @ one
        return counts

    def _fade(self, now_ms: int) -> NDArray[np.float64]:
        """Factor from the stored sums to the intensity now, corrected for kernels longer than what was watched."""
        if self._base == _NEVER:
            return np.zeros(_KERNELS)
        watched = max(now_ms - self._first, _DAY_MS)
        fade: NDArray[np.float64] = np.exp(np.clip(-(now_ms - self._base) / _TAU_MS, -700.0, 700.0))
        return fade / -np.expm1(-watched / _TAU_MS)

    def _per_kernel(self, now_ms: int) -> NDArray[np.float64]:
        fade = self._fade(now_ms)
        return np.stack([fade[k] * self._smooth(self._sums[k].sum(axis=0, keepdims=True))[0] for k in range(_KERNELS)])

    def _smooth(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        maps = sums.reshape(-1, self.rows, self.columns)
        sigma = _SIGMA_M / self.cell_m
        smooth = ndimage.gaussian_filter(maps, (0.0, sigma, sigma), mode="constant", truncate=4.0)
        return np.asarray(smooth, dtype=np.float64).reshape(len(maps), -1)

    def _rebase(self, newest: int) -> None:
        """Keep exponents small: move the base time forward when it lies far behind."""
        ahead = newest - self._base
        if ahead > _REBASE * _TAU_MS.min():
            self._sums *= np.exp(np.maximum(-ahead / _TAU_MS, -700.0))[:, None, None]
            self._base = newest

    def _corners(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Spread a point over the four nearest cell centres, by nearness: a grid's origin then matters little."""
        row, column = self.position(lon, lat)
        row, column = row - 0.5, column - 0.5
        low_row, low_column = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
        out = []
        for up in (0, 1):
            for right in (0, 1):
                r = np.clip(low_row + up, 0, self.rows - 1)
                c = np.clip(low_column + right, 0, self.columns - 1)
                share = np.abs(1 - up - (row - low_row)) * np.abs(1 - right - (column - low_column))
                out.append((r * self.columns + c, share))
        return out

    def _learn_shares(self, cell: NDArray[np.int64], weight: NDArray[np.float64]) -> None:
        """Take one EM step: ask which kernel's last map had expected these events."""
        predicted = self._share[:, None] * self._ahead[:, cell]
        total = predicted.sum(axis=0)
        known = total > 0
        if not known.any():
            return
        duty = (predicted[:, known] / total[known] * np.minimum(weight[known], 1.0)).sum(axis=1)
        # A prior of 30 events a kernel keeps a small site from believing the first few.
        self._seen = min(self._seen + float(duty.sum()), 2000.0)
        step = duty.sum() / (30.0 * _KERNELS + self._seen)
        self._share += min(step, 1.0) * (duty / duty.sum() - self._share)

    def _remember(self, cell: NDArray[np.int64], ts: NDArray[np.int64], driver: NDArray[np.int64]) -> None:
        size = len(self._recent_ms)
        at = (self._recent_next + np.arange(len(cell))) % size
        self._recent_ms[at], self._recent_cell[at], self._recent_driver[at] = ts, cell, driver
        self._recent_next = (self._recent_next + len(cell)) % size
