"""Where to be, and when: expected incidents per cell and coming period, from a mix that learns which city it is in.

What happened is spread by kernels (`kernels`) whose shares, and trees over them, follow from the site's own history
(`mixing`); hours of the day and kinds of day from how incidents nearby fell; what sensors notice raises the risk around
them for a day.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special

from models.hotspots import mixing
from models.hotspots.grid import Grid, distance_m
from models.hotspots.kernels import DAY_MS, KERNELS, LIVE_TAU, NEVER, TAUS, KernelMaps, over_period
from models.hotspots.mixing import USUAL, Fit, History
from models.state import FREE, Saved, State, array, part, value

_HOUR_MS: Final = 3_600_000
_CLASSES: Final = 3
_SLOTS: Final = 24 * _CLASSES
"""Hours of the three classes of day, class by class."""
_CLASS_DAYS: Final = np.repeat([5.0, 1.0, 1.0], 24) / 7.0 / 24.0
"""Share of the time that a slot is."""
_AREA_M: Final = 500.0
"""Side of the areas that have hours of their own."""
_FLAT: Final = 30.0
"""Events that an even day weighs beside a site's hours,"""
_LIKE_SITE: Final = 300.0
"""and these beside an area's: areas' hours differ little, and noise moves the map."""
_YOUNG: Final = 100.0
"""So many (weighted) incidents make a history of a site's own."""
_KEPT: Final = 65_536
"""Events kept one by one, the newest."""
_RECENT: Final = 4096
"""Events kept for `recent_counts`."""
_MOST_WEIGHT: Final = 1e6
"""Nothing real weighs as much, and sums stay finite."""
_LIVE_GAIN: Final = 0.2
"""Incidents that a sensor's notice of weight 1 stands for."""
_DRIVEN_TAU: Final = 180.0
_DRIVEN_SIGMA: Final = 125.0
"""Days and metres over which events drive a cell."""
LocalTime = Callable[[NDArray[np.int64]], tuple[NDArray[np.int8], NDArray[np.int32]]]
"""From epoch ms (n,) to (day class, second of the local day), as `models.calendar.Calendar.local`."""


def utc(start_ms: NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """Return (day class, second of the day) of a place without a calendar, in UTC."""
    day, ms = np.divmod(start_ms, round(DAY_MS))
    weekday = (day + 3) % 7
    return np.where(weekday < 5, 0, weekday - 4).astype(np.int8), (ms // 1000).astype(np.int32)


class Forecast(Grid, Saved):
    """A grid with a forecast on it.

    Parameters
    ----------
    bounds, cell_m
        Of the `Grid`.
    drivers
        Number of classes of drivers that are kept apart (burglary, surge, …; the caller numbers them).
    local
        The site's local time; UTC without one.
    domain
        Cells that are forecast over; all without it.
    more
        Features of these cells that are known beforehand, (features, domain cells): how much is there to be burgled.

    Notes
    -----
    An event costs its neighbourhood, a map O(cells); trees are asked once a day. Weights are the caller's: what patrols
    find themselves must weigh less, or the map sends them where they have been (Ensign et al., FAT* 2018). It cannot
    see what nobody reports.
    """

    maps: KernelMaps = part()
    _position = array(np.float64, 2, FREE)
    """Longitude and latitude of events, in order of time."""
    _ts = array(np.int64, FREE)
    _weight = array(np.float64, FREE)
    _driver = array(np.int64, FREE)
    _slot = array(np.uint8, FREE)
    """Hour and class of day."""
    _fit = value(bytes)
    _factor = array(np.float64, "domain_cells", fill=1.0)
    """What trees said at the beginning of the day."""
    _factor_day = value(int, NEVER)
    _recent_ms = array(np.int64, _RECENT, fill=NEVER)
    _recent_cell = array(np.int64, _RECENT, fill=-1)
    _recent_driver = array(np.int64, _RECENT)
    _recent_live = array(np.float64, _RECENT)
    """Weight of what sensors noticed; 0 for incidents."""
    _recent_next = value(int)
    _ground = value(list[float])
    """What the cells are: west, south, east, north in degrees, and their side in metres."""

    def __init__(
        self,
        bounds: tuple[float, float, float, float],
        cell_m: float,
        drivers: int = 8,
        local: LocalTime = utc,
        domain: NDArray[np.int64] | None = None,
        more: NDArray[np.float64] | None = None,
    ) -> None:
        Grid.__init__(self, bounds, cell_m)
        self.driver_classes, self._local = drivers, local
        self.domain = np.arange(self.cells) if domain is None else domain
        self.domain_cells = len(self.domain)
        self._more = np.zeros((0, self.domain_cells)) if more is None else more
        self.maps = KernelMaps(self)
        block = max(1, round(_AREA_M / self.cell_m))
        self._area_rows, self._area_columns = -(-self.rows // block), -(-self.columns // block)
        row, column = np.divmod(np.arange(self.cells), self.columns)
        self._area = row // block * self._area_columns + column // block
        Saved.__init__(self)
        self._ground = [*self.bounds, self.cell_m]
        self.restored()

    def restored(self) -> None:
        """Read the fit that the state has."""
        self.found = Fit.decode(self._fit) if self._fit else Fit(made_ms=NEVER, events=0, share=USUAL.tolist())
        self._share = np.array(self.found.share)
        self._hours: NDArray[np.float64] | None = None
        self._period = (0, 0, np.zeros(_SLOTS))
        """Begin and end of the period that was last asked for, and its days in each slot."""

    @property
    def fitted_ms(self) -> int:
        """When the fit was made that the forecast goes by; 0 without one."""
        return self.found.made_ms if self._fit else 0

    def add(self, lon: ArrayLike, lat: ArrayLike, ts_ms: ArrayLike, weight: ArrayLike, driver: ArrayLike) -> int:
        """Add incidents, scalars or arrays (n,); returns how many lay on the map. Any order in time."""
        x, y, ts, w, d = np.broadcast_arrays(
            np.atleast_1d(np.asarray(lon, dtype=np.float64)),
            np.asarray(lat, dtype=np.float64),
            np.asarray(ts_ms, dtype=np.int64),
            np.asarray(weight, dtype=np.float64),
            np.asarray(driver, dtype=np.int64),
        )
        good = (self.cell_of(x, y) >= 0) & np.isfinite(w) & (w > 0) & (d >= 0) & (d < self.driver_classes)
        if not good.any():
            return 0
        x, y, ts, w, d = x[good], y[good], ts[good], np.minimum(w[good], _MOST_WEIGHT), d[good]
        self.maps.add(x, y, ts, w)
        every = np.concatenate([self._ts, ts])
        order = np.argsort(every, kind="stable")[-_KEPT:]
        self._ts = every[order]
        self._position = np.concatenate([self._position, [x, y]], axis=1)[:, order]
        self._weight = np.concatenate([self._weight, w])[order]
        self._driver = np.concatenate([self._driver, d])[order]
        self._slot = np.concatenate([self._slot, self._slots(ts)])[order]
        self._hours = None
        self._remember(self.cell_of(x, y), ts, d, 0.0)
        return len(ts)

    def find_kinds_of_day(self) -> None:
        """Find anew which kind of day events fell on: the calendar behind the local time has changed."""
        self._slot, self._hours, self._period = self._slots(self._ts), None, (0, 0, np.zeros(_SLOTS))

    def _slots(self, ts_ms: NDArray[np.int64]) -> NDArray[np.uint8]:
        day_class, second = self._local(ts_ms)
        return (day_class.astype(np.int64) * 24 + second // 3600).astype(np.uint8)

    def excite(self, lon: float, lat: float, ts_ms: int, weight: float, driver: int) -> bool:
        """Let what sensors noticed raise the risk around them for a day; tells whether it lay on the map."""
        cell = self.cell_of([lon], [lat])
        if cell[0] < 0 or not (np.isfinite(weight) and weight > 0 and 0 <= driver < self.driver_classes):
            return False
        weight = min(weight, _MOST_WEIGHT)
        self.maps.excite(lon, lat, ts_ms, weight)
        self._remember(cell, np.array([ts_ms]), np.array([driver]), weight)
        return True

    def intensity(self, now_ms: int) -> NDArray[np.float64]:
        """Return expected incidents a day per cell now, whatever the hour, (cells,)."""
        return self._rate(now_ms, 0.0)

    def risk(self, now_ms: int) -> NDArray[np.float64]:
        """Return 0-1 per cell, relative to the highest cell; zeros while nothing is known."""
        if self.knows() == "prior":
            return np.zeros(self.cells)
        rate = self.intensity(now_ms)
        return rate / max(float(rate.max(initial=0.0)), 1e-300)

    def expected(self, begin_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return expected (weighted) incidents per cell in a coming period, (cells,)."""
        spent = self._spent(begin_ms, end_ms)
        mean: NDArray[np.float64] = self._rate(begin_ms, spent.sum()) * (self._profile() @ spent)[self._area]
        return mean

    def by_hour(self, cells: ArrayLike, begin_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return what `expected` does of some cells, by local hour of day, (cells, 24)."""
        at, spent = np.asarray(cells, dtype=np.int64), self._spent(begin_ms, end_ms)
        hours = (self._profile() * spent).reshape(-1, _CLASSES, 24).sum(axis=1)[self._area[at]]
        split: NDArray[np.float64] = self._rate(begin_ms, spent.sum())[at][:, None] * hours
        return split

    def spread(
        self, begin_ms: int, end_ms: int, places: Sequence[ArrayLike] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds between which the expected number lies with 90 %, two of (cells,).

        With `places`, groups of cells, the bounds are of each group's sum, two of (places,). Gamma-Poisson: as sure as
        the number of events behind the rate makes it, and no surer.
        """
        mean = self.expected(begin_ms, end_ms)
        watched = 0.0 if self.maps.first_ms == NEVER else max((begin_ms - self.maps.first_ms) / DAY_MS, 1.0)
        memory = self._share[:KERNELS].reshape(len(TAUS), -1).sum(axis=1) @ -(TAUS * np.expm1(-watched / TAUS))
        behind = self._rate(begin_ms, 0.0) * memory
        if places is not None:
            groups = [np.asarray(group, dtype=np.int64) for group in places]
            mean = np.array([mean[group].sum() for group in groups])
            behind = np.array([behind[group].sum() for group in groups])
        shape = 0.5 + behind
        low, high = (special.gammaincinv(shape, share) / shape * mean for share in (0.05, 0.95))
        return np.minimum(low, mean), np.maximum(high, mean)

    def knows(self) -> str:
        """Return what the forecast rests on: ``prior``, ``sensors`` (only), ``young`` or ``own`` (history)."""
        if not len(self._ts):
            return "sensors" if self._recent_next or (self._recent_cell >= 0).any() else "prior"
        return "own" if self._weight.sum() >= _YOUNG else "young"

    def history(self) -> History:
        """Return a copy of the events that are remembered one by one."""
        lon, lat = self._position.copy()
        return History(lon, lat, self._ts.copy(), self._weight.copy(), self._driver.copy())

    def fit(self, history: History, now_ms: int) -> Fit:
        """Return what a history says of the mix, made at `now_ms`; a pure function that takes seconds to a minute.

        It goes by this grid's cells and local time, and by nothing that the grid remembers.
        """
        _, second = self._local(np.array([now_ms]))
        offset_ms = (int(second[0]) * 1000 - now_ms) % int(DAY_MS)
        return mixing.fit(self, history, now_ms, self.domain, self._more, offset_ms)

    def take(self, fit: Fit) -> None:
        """Go by a fit from now on. Raises ValueError for one of another mix."""
        payload = fit.encode()
        self.found = Fit.decode(payload)
        self._fit, self._share, self._factor_day = payload, np.array(fit.share), NEVER
        # A fit without trees asks none, and must not keep what those of the fit before it said.
        self._factor = np.ones(self.domain_cells)

    def fitted(self, state: State) -> State:
        """Return what another grid has saved as this one would have it: events stay where they were on earth.

        Raises KeyError and `models.state.StateError` for a state that is not whole.
        """
        ground = state.get("ground", list[float])
        if ground == self._ground:
            return state
        here = self._empty()
        lon, lat = state.arrays["position"]
        here.add(lon, lat, state.arrays["ts"], state.arrays["weight"], state.arrays["driver"])
        fit = state.get("fit", bytes)
        if fit:
            here.take(Fit.decode(fit))
        if ground:
            west, south, east, north, cell_m = ground
            centres = Grid((west, south, east, north), cell_m).centres()
            cell, weight = state.arrays["recent_cell"], state.arrays["recent_live"]
            for at in np.flatnonzero((cell >= 0) & (weight > 0)).tolist():
                lon, lat = (float(one[cell[at]]) for one in centres)
                ts_ms, driver = int(state.arrays["recent_ms"][at]), int(state.arrays["recent_driver"][at])
                here.excite(lon, lat, ts_ms, float(weight[at]), driver)
        return here.capture()

    def take_over(self, other: "Forecast") -> None:
        """Take what another grid, of other bounds, remembers; what lay outside these bounds is forgotten."""
        self.restore(self.fitted(other.capture()))

    def drivers(self, cells: ArrayLike, now_ms: int) -> NDArray[np.float64]:
        """Return each driver class's share of the risk of the cells, (cells, drivers); rows of zeros where none."""
        lon, lat = self.centres()
        out = np.zeros((np.size(cells), self.driver_classes))
        age = np.clip((now_ms - self._ts) / DAY_MS, 0.0, None)
        held = self._weight * np.exp(-age / _DRIVEN_TAU) / _DRIVEN_TAU
        live = np.flatnonzero((self._recent_live > 0) & (self._recent_cell >= 0))
        days = np.clip((now_ms - self._recent_ms[live]) / DAY_MS, 0.0, None)
        noticed = _LIVE_GAIN * self._recent_live[live] * np.exp(-days / LIVE_TAU) / LIVE_TAU
        at = self._recent_cell[live]
        for row, cell in enumerate(np.ravel(np.asarray(cells, dtype=np.int64)).tolist()):
            here = lon[cell], lat[cell]
            near = np.exp(
                -0.5 * (distance_m(self._position[0], self._position[1], here[0], here[1]) / _DRIVEN_SIGMA) ** 2
            )
            out[row] = np.bincount(self._driver, held * near, self.driver_classes)
            near = np.exp(-0.5 * (distance_m(lon[at], lat[at], here[0], here[1]) / _DRIVEN_SIGMA) ** 2)
            out[row] += np.bincount(self._recent_driver[live], noticed * near, self.driver_classes)
        whole = out.sum(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.divide(out, whole, out=np.zeros_like(out), where=whole > 0)
        return shares

    def recent_counts(self, cells: ArrayLike, now_ms: int, hours: float = 72.0) -> NDArray[np.int64]:
        """Return how many events of each class lay in or next to each cell lately, (cells, drivers)."""
        index = np.asarray(cells, dtype=np.int64)
        live = (self._recent_cell >= 0) & (self._recent_ms > now_ms - hours * _HOUR_MS)
        live &= self._recent_ms <= now_ms
        row, column = np.divmod(self._recent_cell[live], self.columns)
        at_row, at_column = np.divmod(index, self.columns)
        near = (np.abs(row[None, :] - at_row[:, None]) <= 1) & (np.abs(column[None, :] - at_column[:, None]) <= 1)
        one = np.eye(self.driver_classes, dtype=np.int64)[self._recent_driver[live]]
        counts: NDArray[np.int64] = near.astype(np.int64) @ one
        return counts

    def _empty(self) -> "Forecast":
        return Forecast(self.bounds, self.cell_m, self.driver_classes, self._local, self.domain, self._more)

    def _rate(self, now_ms: int, days: float) -> NDArray[np.float64]:
        """Return incidents a day per cell, now or as a mean over the coming days, (cells,)."""
        even = self._share[-1] * self.maps.mean_rate(now_ms) / self.domain_cells
        weights = self._share[:KERNELS] * (over_period(days) if days > 0 else 1.0)
        if self.found.members or self.found.power != 1.0:
            self._ask_trees(now_ms, even)
        rate = np.zeros(self.cells)
        rate[self.domain] = self._factor * (self.maps.mixed(now_ms, weights) + even)[self.domain]
        live = LIVE_TAU / days * -np.expm1(-days / LIVE_TAU) if days > 0 else 1.0
        return rate + _LIVE_GAIN * live * self.maps.live(now_ms)

    def _ask_trees(self, now_ms: int, even: float) -> None:
        """Ask the trees where a new day has begun."""
        _, second = self._local(np.array([now_ms]))
        midnight = now_ms - int(second[0]) * 1000 - now_ms % 1000
        if midnight == self._factor_day:
            return
        rates = self.maps.rates(now_ms, self.domain)
        mix = self._share[:KERNELS] @ rates + even
        self._factor = mixing.factor(self.found, mix, mixing.features(rates, self._more))
        self._factor_day = midnight

    def _spent(self, begin_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Return the days of a period that lie in each slot, (slots,); of the same period again the same array."""
        if self._period[:2] == (begin_ms, end_ms):
            return self._period[2]
        first = begin_ms - begin_ms % _HOUR_MS + _HOUR_MS
        edges = np.unique(np.concatenate([[begin_ms], np.arange(first, end_ms, _HOUR_MS), [max(end_ms, begin_ms)]]))
        slot = self._slots(edges[:-1].astype(np.int64))
        spent = np.asarray(np.bincount(slot, np.diff(edges) / DAY_MS, _SLOTS), dtype=np.float64)
        self._period = begin_ms, end_ms, spent
        return spent

    def _profile(self) -> NDArray[np.float64]:
        """Return how busy each slot is in each area, relative to its mean, (areas, slots)."""
        if self._hours is None:
            areas = self._area_rows * self._area_columns
            at = (
                self._area[self.cell_of(self._position[0], self._position[1])]
                if len(self._ts)
                else np.zeros(0, dtype=np.int64)
            )
            held = np.bincount(at * _SLOTS + self._slot, self._weight, areas * _SLOTS).astype(np.float64)
            hourly = ndimage.convolve1d(held.reshape(-1, _CLASSES, 24), [0.25, 0.5, 0.25], axis=2, mode="wrap")
            by_area = hourly.reshape(self._area_rows, self._area_columns, _SLOTS)
            site = by_area.sum(axis=(0, 1)) + _FLAT * _CLASS_DAYS
            site /= site.sum()
            for axis in (0, 1):
                by_area = ndimage.convolve1d(by_area, [0.5, 1.0, 0.5], axis=axis, mode="constant")
            near = by_area.reshape(areas, _SLOTS)
            area = (near + _LIKE_SITE * site) / (near.sum(axis=1, keepdims=True) + _LIKE_SITE)
            self._hours = area / _CLASS_DAYS
        return self._hours

    def _remember(self, cell: NDArray[np.int64], ts: NDArray[np.int64], driver: NDArray[np.int64], live: float) -> None:
        size = len(self._recent_ms)
        cell, ts, driver = cell[-size:], ts[-size:], driver[-size:]
        at = (self._recent_next + np.arange(len(cell))) % size
        self._recent_ms[at], self._recent_cell[at], self._recent_driver[at] = ts, cell, driver
        self._recent_live[at] = live
        self._recent_next = (self._recent_next + len(cell)) % size
