"""Backtest of the hotspot map: one forecast a day, each made from what had happened by then, and nothing later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.hotspots.forecast import Forecast
from models.hotspots.grid import METRES_PER_DEGREE, Grid

DAY_MS: Final = 86_400_000
SHARES: Final = (0.01, 0.03, 0.05, 0.10)
"""Shares of the area that hit rates are given for."""


@dataclass
class HotspotForecasts:
    """Forecasts and what came; the first axis is the day."""

    day_ms: NDArray[np.int64]
    """Local midnight of each day, as epoch ms of a zone-less clock."""
    lon: NDArray[np.float64]
    """Cell centres, (cells,)."""
    lat: NDArray[np.float64]
    risk: NDArray[np.float32]
    """(days, cells)."""
    hits: NDArray[np.int32]
    """(days, cells): incidents of that day in the cell."""
    outside: int
    """Incidents of the forecast days that lay in no cell of the domain."""


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


def hotspots(
    ts_ms: NDArray[np.int64],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    domain: tuple[NDArray[np.float64], NDArray[np.float64]],
    train_until_ms: int,
    *,
    cell_m: float = 250.0,
    progress: Callable[[int, int], None] | None = None,
) -> HotspotForecasts:
    """Forecast every day from `train_until_ms` to the last incident.

    Parameters
    ----------
    ts_ms, lon, lat
        Incidents, (n,), in any order; times are local, as if UTC. Rows that are not finite are left out.
    domain
        (lon, lat) of points; cells with a point are forecast over.
    train_until_ms
        Midnight of the first day forecast.
    progress
        Called with (days done, days).

    Returns
    -------
    HotspotForecasts
        The forecast of a day knows the incidents before its midnight only.
    """
    grid, cells = domain_of(*domain, cell_m)
    model = Forecast(grid.bounds, cell_m, drivers=1)
    good = np.isfinite(lon) & np.isfinite(lat)
    ts_ms, lon, lat = ts_ms[good], lon[good], lat[good]
    order = np.argsort(ts_ms, kind="stable")
    ts_ms, lon, lat = ts_ms[order], lon[order], lat[order]
    place = np.full(grid.cells, -1, dtype=np.int64)
    place[cells] = np.arange(len(cells))
    if len(ts_ms) == 0 or ts_ms[-1] < train_until_ms:
        raise ValueError("no incident lies on or after the date of the first forecast")
    first_day = int(ts_ms[0]) // DAY_MS
    days = np.arange(train_until_ms // DAY_MS, int(ts_ms[-1]) // DAY_MS + 1)
    # Shares of kernels are learned day by day from the start, as they would have been.
    all_days = np.arange(min(first_day, int(days[0])), int(days[-1]) + 1)
    edges = np.searchsorted(ts_ms, np.append(all_days, all_days[-1] + 1) * DAY_MS)
    risk = np.zeros((len(days), len(cells)), dtype=np.float32)
    hits = np.zeros((len(days), len(cells)), dtype=np.int32)
    outside = 0
    for number, day in enumerate(all_days.tolist()):
        begin, end = int(edges[number]), int(edges[number + 1])
        at = day - int(days[0])
        # The map is looked at every day, also before the first forecast: that is how it learns what to trust.
        rate = model.intensity(day * DAY_MS)
        if at >= 0:
            risk[at] = rate[cells]
            where = grid.cell_of(lon[begin:end], lat[begin:end])
            known = place[np.maximum(where, 0)]
            inside = (where >= 0) & (known >= 0)
            outside += int((~inside).sum())
            np.add.at(hits[at], known[inside], 1)
        if end > begin:
            model.add(lon[begin:end], lat[begin:end], ts_ms[begin:end], 1.0, 0)
        if progress is not None:
            progress(number + 1, len(all_days))
    centre_lon, centre_lat = grid.centres()
    return HotspotForecasts(days * DAY_MS, centre_lon[cells], centre_lat[cells], risk, hits, outside)


def hit_rates(forecasts: HotspotForecasts, shares: tuple[float, ...] = SHARES) -> dict[float, float]:
    """Return, for each share of the cells, the share of incidents inside the riskiest so many cells of their day."""
    total = int(forecasts.hits.sum())
    order = np.argsort(-forecasts.risk, axis=1, kind="stable")
    ranked = np.take_along_axis(forecasts.hits, order, axis=1).sum(axis=0).cumsum()
    cells = forecasts.risk.shape[1]
    return {share: float(ranked[max(1, round(share * cells)) - 1]) / max(total, 1) for share in shares}
