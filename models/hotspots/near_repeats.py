"""Series of incidents: several of one category close together in space and time (near repeats)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.hotspots.grid import distance_m

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


class IncidentSeries:
    """Finds `least` incidents of one category within `radius_m` and `hours` of the newest one.

    After a burglary the risk nearby is raised for days (Townsley et al. 2003; Johnson et al. 2007), so that three in
    three days within a few streets are rarely chance. Fails where places are rounded to districts.
    """

    def __init__(self, radius_m: float = 300.0, hours: float = 72.0, least: int = 3, capacity: int = 4096) -> None:
        if radius_m <= 0 or hours <= 0 or least < 2:
            raise ValueError(f"radius_m {radius_m}, hours {hours}, least {least}: expected above 0, above 0, from 2")
        self.radius_m, self.hours, self.least = radius_m, hours, least
        self._state: dict[str, NDArray[Any]] = {
            "ts": np.full(capacity, _NEVER, dtype=np.int64),
            "place": np.zeros((2, capacity)),
            "category": np.zeros(capacity, dtype="S48"),
            "series": np.zeros(capacity, dtype=np.int64),
            "next": np.zeros(2, dtype=np.int64),
        }

    def add(self, category: str, lon: float, lat: float, ts_ms: int) -> Series | None:
        """Add an incident; returns the series it belongs to, if any. Any order in time."""
        state = self._state
        at = int(state["next"][0])
        state["ts"][at], state["category"][at], state["series"][at] = ts_ms, category.encode(), 0
        state["place"][:, at] = lon, lat
        state["next"][0] = (at + 1) % len(state["ts"])
        span = int(self.hours * 3_600_000)
        near = np.flatnonzero(
            (state["category"] == category.encode()[:48])
            & (state["ts"] > ts_ms - span)
            & (state["ts"] <= ts_ms)
            & (distance_m(state["place"][0], state["place"][1], lon, lat) <= self.radius_m)
        )
        if len(near) < self.least:
            return None
        known = state["series"][near]
        new = not known.any()
        if new:
            state["next"][1] += 1
        number = int(state["next"][1]) if new else int(known[known > 0].min())
        state["series"][near] = number
        times = state["ts"][near]
        middle = state["place"][:, near].mean(axis=1)
        return Series(
            category, number, new, len(near), float(middle[0]), float(middle[1]), int(times.min()), int(times.max())
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole state as arrays."""
        return {name: values.copy() for name, values in self._state.items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `arrays` gave. Raises ValueError naming the array that does not fit."""
        for name, like in self._state.items():
            given = np.asarray(arrays[name]) if name in arrays else None
            if given is None or given.shape != like.shape or given.dtype != like.dtype:
                shape = None if given is None else f"{given.dtype}{given.shape}"
                raise ValueError(f"state of incidents: array {name!r} is {shape}, expected {like.dtype}{like.shape}")
        self._state = {name: np.array(arrays[name]) for name in self._state}
