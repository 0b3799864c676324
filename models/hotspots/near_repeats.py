"""Series of incidents: several of one category close together in space and time (near repeats)."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.hotspots.grid import distance_m
from models.state import Saved, array, value

RADIUS_M: Final = 300.0
HOURS: Final = 72.0
LEAST: Final = 3
"""Incidents that make a series."""
_CAPACITY: Final = 4096
_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class IncidentSeries:
    """A series, as it stands after the newest incident."""

    count: int
    lon: float
    """Middle of its incidents, with `lat`."""
    lat: float


class NearRepeats(Saved):
    """Finds `LEAST` incidents of one category within `RADIUS_M` and `HOURS` of the newest one.

    After a burglary the risk nearby is raised for days (Townsley et al. 2003; Johnson et al. 2007), so that three in
    three days within a few streets are rarely chance. Fails where places are rounded to districts.
    """

    _ts = array(np.int64, _CAPACITY, fill=_NEVER)
    _place = array(np.float64, 2, _CAPACITY)
    _category = array(np.dtype("S48"), _CAPACITY)
    _next = value(int)
    """Where the next incident is written."""

    def add(self, category: str, lon: float, lat: float, ts_ms: int) -> IncidentSeries | None:
        """Add an incident; return the series it belongs to, if any. Any order in time."""
        at = self._next
        self._ts[at], self._category[at] = ts_ms, category.encode()
        self._place[:, at] = lon, lat
        self._next = (at + 1) % _CAPACITY
        near = np.flatnonzero(
            (self._category == category.encode()[:48])
            & (self._ts > ts_ms - int(HOURS * 3_600_000))
            & (self._ts <= ts_ms)
            & (distance_m(self._place[0], self._place[1], lon, lat) <= RADIUS_M)
        )
        if len(near) < LEAST:
            return None
        middle = self._place[:, near].mean(axis=1)
        return IncidentSeries(len(near), float(middle[0]), float(middle[1]))
