"""Series of incidents: several of one category close together in space and time (near repeats)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.hotspots.grid import distance_m
from models.state import Saved, array, value

_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Series:
    """A series, as it stands after the newest incident."""

    category: str
    number: int
    """The same for every incident of one series; counts from 1."""
    new: bool
    """Whether this incident made it a series."""
    count: int
    lon: float
    """Middle of its incidents, with `lat`."""
    lat: float
    first_ms: int
    last_ms: int


class IncidentSeries(Saved):
    """Finds `least` incidents of one category within `radius_m` and `hours` of the newest one.

    After a burglary the risk nearby is raised for days (Townsley et al. 2003; Johnson et al. 2007), so that three in
    three days within a few streets are rarely chance. Fails where places are rounded to districts.
    """

    _ts = array(np.int64, "capacity", fill=_NEVER)
    _place = array(np.float64, 2, "capacity")
    _category = array(np.dtype("S48"), "capacity")
    _series = array(np.int64, "capacity")
    _next = value(int)
    """Where the next incident is written."""
    _count = value(int)
    """Series found so far."""

    def __init__(self, radius_m: float = 300.0, hours: float = 72.0, least: int = 3, capacity: int = 4096) -> None:
        if radius_m <= 0 or hours <= 0 or least < 2:
            raise ValueError(f"radius_m {radius_m}, hours {hours}, least {least}: expected above 0, above 0, from 2")
        self.radius_m, self.hours, self.least, self.capacity = radius_m, hours, least, capacity
        super().__init__()

    def add(self, category: str, lon: float, lat: float, ts_ms: int) -> Series | None:
        """Add an incident; returns the series it belongs to, if any. Any order in time."""
        at = self._next
        self._ts[at], self._category[at], self._series[at] = ts_ms, category.encode(), 0
        self._place[:, at] = lon, lat
        self._next = (at + 1) % len(self._ts)
        span = int(self.hours * 3_600_000)
        near = np.flatnonzero(
            (self._category == category.encode()[:48])
            & (self._ts > ts_ms - span)
            & (self._ts <= ts_ms)
            & (distance_m(self._place[0], self._place[1], lon, lat) <= self.radius_m)
        )
        if len(near) < self.least:
            return None
        known = self._series[near]
        new = not known.any()
        if new:
            self._count += 1
        number = self._count if new else int(known[known > 0].min())
        self._series[near] = number
        times = self._ts[near]
        middle = self._place[:, near].mean(axis=1)
        return Series(
            category, number, new, len(near), float(middle[0]), float(middle[1]), int(times.min()), int(times.max())
        )
