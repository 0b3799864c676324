"""Where patrols were, and for how long: so that what they find there because they were sent does not count as more."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import FREE, Saved, array, value

_RADIUS_M: Final = 250.0
"""A patrol sees what happens so far away."""
_M_PER_DEGREE: Final = 111_195.0
_MOST: Final = 4_096
"""Stops that are remembered: weeks of a station's."""
_DAY_MS: Final = 86_400_000.0


class Delivered(NamedTuple):
    """Minutes that were spent at a place."""

    beat: str
    lon: float
    lat: float
    ts_ms: int
    minutes: float


class Dose(Saved):
    """Delivered minutes by place, and by beat beside what people reported there; older ones count less.

    Parameters
    ----------
    half_days
        After so many days minutes and reports count half.

    Notes
    -----
    Ensign et al. (FAT* 2018) keep an incident that a patrol has discovered in one of two regions with the probability
    1 - p, p being the region's share of the patrols: what is added is then in proportion to the true rates, and not to
    where the patrols were. On a map of many cells every share is small, and 1 - p would do nothing. So a place is
    compared with the usual other one: `share` is d / (d + d'), with d the minutes within 250 m, and d' the median of
    the minutes within 250 m of other points of the site (but a tenth of their mean at least). For two regions that is
    p; for many it weighs by about 1 / d, which is what an incident is worth where the chance to see it is in proportion
    to d. A place that is never patrolled tells nothing in this way: so some stops are drawn at random.
    """

    _lon = array(np.float64, FREE)
    _lat = array(np.float64, FREE)
    _ts = array(np.int64, FREE)
    _minutes = array(np.float64, FREE)
    _by_beat = value(dict[str, tuple[float, float]])
    """Beat -> minutes and reports, as of `_as_of_ms`."""
    _as_of_ms = value(int)

    def __init__(self, half_days: float) -> None:
        self._half_ms = half_days * _DAY_MS
        super().__init__()

    def add(self, beat: str, lon: float, lat: float, ts_ms: int, minutes: float) -> None:
        """Note delivered minutes."""
        for name, new in (("_lon", lon), ("_lat", lat), ("_ts", ts_ms), ("_minutes", minutes)):
            held = getattr(self, name)
            setattr(self, name, np.append(held[-_MOST + 1 :], np.array([new], dtype=held.dtype)))
        self._count(beat, ts_ms, minutes, 0.0)

    def reported(self, beat: str, ts_ms: int) -> None:
        """Note that people have reported something in a beat."""
        self._count(beat, ts_ms, 0.0, 1.0)

    def _count(self, beat: str, ts_ms: int, minutes: float, reports: float) -> None:
        if ts_ms > self._as_of_ms:
            faded = self._faded(ts_ms - self._as_of_ms)
            self._by_beat = {one: (a * faded, b * faded) for one, (a, b) in self._by_beat.items()}
            self._as_of_ms = ts_ms
        faded = self._faded(self._as_of_ms - ts_ms)
        before = self._by_beat.get(beat, (0.0, 0.0))
        self._by_beat[beat] = before[0] + minutes * faded, before[1] + reports * faded

    def _faded(self, age_ms: float) -> float:
        return float(2.0 ** -min(max(age_ms, 0.0) / self._half_ms, 1000.0))

    def share(self, lon: float, lat: float, now_ms: int, points: NDArray[np.float64]) -> float | None:
        """Return how much a place was patrolled beside others, 0-1: 0.5 as much as others; None where nobody was.

        `points` are places all over the site, (points, 2) in degrees.
        """
        counts = self._minutes * np.exp2(-np.clip((now_ms - self._ts) / self._half_ms, 0.0, 1000.0))
        if counts.sum() <= 0:
            return None
        narrow, spots = math.cos(math.radians(lat)), np.concatenate([np.array([[lon, lat]]), points])
        east = (self._lon - spots[:, :1]) * narrow
        near = np.hypot(east, self._lat - spots[:, 1:]) * _M_PER_DEGREE <= _RADIUS_M
        minutes = near @ counts
        away = np.hypot((points[:, 0] - lon) * narrow, points[:, 1] - lat) * _M_PER_DEGREE > _RADIUS_M
        others = minutes[1:][away]
        usual = max(float(np.median(others)), 0.1 * float(others.mean())) if len(others) else 0.0
        whole = float(minutes[0]) + usual
        return float(minutes[0]) / whole if whole > 0 else 0.0

    def by_beat(self, now_ms: int) -> dict[str, tuple[float, float]]:
        """Return minutes and reports by beat, as they count now."""
        faded = self._faded(now_ms - self._as_of_ms)
        return {beat: (minutes * faded, reports * faded) for beat, (minutes, reports) in self._by_beat.items()}
