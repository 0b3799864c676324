"""Backtest of the forecast: one a day, each made from what had happened by then, and nothing later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.hotspots.forecast import Forecast
from models.hotspots.grid import METRES_PER_DEGREE, Grid
from models.hotspots.mixing import Fit, History

DAY_MS: Final = 86_400_000
_AROUND: Final = 1.5
"""Cells over which the points of the domain are spread, to see how much there is around."""


@dataclass
class HotspotForecasts:
    """Forecasts and what came; the first axis is the day."""

    day_ms: NDArray[np.int64]
    """Local midnight of each day, as epoch ms of a zone-less clock."""
    lon: NDArray[np.float64]
    """Cell centres, (cells,)."""
    lat: NDArray[np.float64]
    risk: NDArray[np.float32]
    """(days, cells): incidents expected that day."""
    hits: NDArray[np.int32]
    """(days, cells): incidents of that day in the cell."""
    outside: int
    """Incidents of the forecast days that lay in no cell of the domain."""
    fit: Fit


class IncidentFile:
    """Incidents in order of time, on the cells of a domain.

    Parameters
    ----------
    ts_ms, lon, lat
        Incidents, (n,), in any order; times are local, as if UTC. Rows that are not finite are left out.
    domain
        (lon, lat) of points; cells with a point are forecast over.
    train_until_ms
        Midnight of the first day forecast.

    Raises
    ------
    ValueError
        Where the domain has no point, or no incident lies on or after that day.
    """

    def __init__(
        self,
        ts_ms: NDArray[np.int64],
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        domain: tuple[NDArray[np.float64], NDArray[np.float64]],
        train_until_ms: int,
        cell_m: float = 250.0,
    ) -> None:
        self.grid, self.cells = domain_of(*domain, cell_m)
        good = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat))
        good = good[np.argsort(ts_ms[good], kind="stable")]
        self.ts_ms, self.lon, self.lat = ts_ms[good], lon[good], lat[good]
        if not len(good) or self.ts_ms[-1] < train_until_ms:
            raise ValueError("no incident lies on or after the date of the first forecast")
        place = np.full(self.grid.cells + 1, -1, dtype=np.int64)
        place[self.cells] = np.arange(len(self.cells))
        self.place = place[self.grid.cell_of(self.lon, self.lat)]
        """Place of each incident among the cells; -1 outside."""
        self.day = self.ts_ms // DAY_MS
        self.first, self.last = train_until_ms // DAY_MS, int(self.day[-1])
        """Days (since 1970) of the first and the last forecast."""
        points = np.bincount(self.grid.cell_of(*domain)[np.isfinite(domain[0] + domain[1])], minlength=self.grid.cells)
        around = ndimage.gaussian_filter(
            points.reshape(self.grid.rows, self.grid.columns).astype(np.float64), _AROUND, mode="constant"
        )
        self.more = np.log(0.5 + np.stack([points[self.cells], around.ravel()[self.cells]]))
        """How many points each cell has, and how many there are around, (2, cells), as logarithms."""

    def history(self) -> History:
        """Return what happened before the first forecast."""
        mine = slice(0, int(np.searchsorted(self.day, self.first)))
        count = mine.stop
        return History(
            self.lon[mine], self.lat[mine], self.ts_ms[mine], np.ones(count), np.zeros(count, dtype=np.int64)
        )

    def counts(self, first: int, end: int) -> NDArray[np.int32]:
        """Return how many incidents each day, from `first` to before `end`, has in each cell, (days, cells)."""
        mine = (self.place >= 0) & (self.day >= first) & (self.day < end)
        size = (end - first) * len(self.cells)
        at = (self.day[mine] - first) * len(self.cells) + self.place[mine]
        return np.bincount(at, minlength=size).reshape(-1, len(self.cells)).astype(np.int32)


def domain_of(lon: NDArray[np.float64], lat: NDArray[np.float64], cell_m: float) -> tuple[Grid, NDArray[np.int64]]:
    """Return a grid around points and the cells of it that hold one. Raises ValueError where there is no point."""
    good = np.isfinite(lon) & np.isfinite(lat)
    if not good.any():
        raise ValueError("the domain has no usable point, expected columns lon,lat with numbers")
    lon, lat = lon[good], lat[good]
    # A little air, so that no point lies on the edge by rounding.
    air = 1.0 / METRES_PER_DEGREE
    grid = Grid((lon.min() - air, lat.min() - air, lon.max() + air, lat.max() + air), cell_m)
    return grid, np.unique(grid.cell_of(lon, lat))


def hotspots(file: IncidentFile, progress: Callable[[int, int], None] | None = None) -> HotspotForecasts:
    """Forecast every day, with a fit on what happened before the first one only.

    The forecast of a day knows the incidents before its midnight. `progress` is called with (days done, days).
    """
    model = Forecast(file.grid.bounds, file.grid.cell_m, drivers=1, domain=file.cells, more=file.more)
    past = file.history()
    model.add(past.lon, past.lat, past.ts_ms, past.weight, past.driver)
    model.take(model.fit(past, file.first * DAY_MS))
    days = np.arange(file.first, file.last + 1)
    edges = np.searchsorted(file.day, np.append(days, file.last + 1)).tolist()
    risk = np.zeros((len(days), len(file.cells)), dtype=np.float32)
    for number, day in enumerate(days.tolist()):
        begin, end = edges[number], edges[number + 1]
        # The mean over the day ahead, so that what fades quickly is not expected all day.
        risk[number] = model.expected(day * DAY_MS, (day + 1) * DAY_MS)[file.cells]
        model.add(file.lon[begin:end], file.lat[begin:end], file.ts_ms[begin:end], 1.0, 0)
        if progress is not None:
            progress(number + 1, len(days))
    lon, lat = file.grid.centres()
    hits = file.counts(file.first, file.last + 1)
    outside = int(((file.place < 0) & (file.day >= file.first)).sum())
    return HotspotForecasts(days * DAY_MS, lon[file.cells], lat[file.cells], risk, hits, outside, model.found)
