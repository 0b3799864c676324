"""What people call a point of the map: its street, a landmark beside it, or what else the places file knows nearby."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.places import Places, Point
from models.hotspots.grid import METRES_PER_DEGREE
from stream.sentences import Why, literal

_STREET_M: Final = 140.0
"""A point this close to a street is called after it: the middle of a block is, too."""
_AROUND_M: Final = 500.0
"""Outside all beats a street this close is better than nothing."""
_CORNER_M: Final = 45.0
"""Closer than this to a second street it is at the corner of both."""
_LANDMARK_M: Final = 130.0
"""A landmark this close is named beside the street."""
_DEVICE_M: Final = 150.0
_COMPASS: Final = ("east", "north_east", "north", "north_west", "west", "south_west", "south", "south_east")


class PlaceNames:
    """Names of points of one site, as codes: each language has its own sentence for them.

    Parameters
    ----------
    places
        Streets and landmarks where the file has them; devices and beats stand in for them.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        lines = [street.line for street in places.streets]
        self._start = _points([point for line in lines for point in line[:-1]])
        self._end = _points([point for line in lines for point in line[1:]])
        self._street = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines])
        self._landmarks = _points([(mark.lon, mark.lat) for mark in places.landmarks])
        self._devices = list(places.devices.values())
        self._device_points = _points([(device.lon, device.lat) for device in self._devices])

    def name(self, lon: float, lat: float, beat: str = "") -> Why:
        """Return what a point is called: street and landmark, corner, street, landmark, device, part of the beat."""
        streets = self._near_streets(lon, lat)
        mark, away = _nearest(self._landmarks, lon, lat)
        landmark = literal(self._places.landmarks[mark].name) if away <= _LANDMARK_M else None
        if streets and streets[0][0] <= _STREET_M:
            street = literal(self._places.streets[streets[0][1]].name)
            if landmark is not None:
                return Why("place-street-landmark", {"street": street, "landmark": landmark})
            if len(streets) > 1 and streets[1][0] <= _CORNER_M:
                other = literal(self._places.streets[streets[1][1]].name)
                return Why("place-corner", {"street": street, "other": other})
            return street
        if landmark is not None:
            return Why("place-landmark", {"landmark": landmark})
        if beat not in self._places.beats and streets and streets[0][0] <= _AROUND_M:
            return Why("place-landmark", {"landmark": literal(self._places.streets[streets[0][1]].name)})
        return self._rough(lon, lat, beat)

    def _rough(self, lon: float, lat: float, beat: str) -> Why:
        """Return a name where neither a street nor a landmark is near."""
        area = self._places.beats.get(beat)
        number, away = _nearest(self._device_points, lon, lat)
        if away <= _DEVICE_M:
            return Why("place-device", {"device": literal(self._devices[number].name)})
        if area is None:
            return Why("outside")
        corners = _points(area.polygon)
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        east, north = _metres(np.array([lon, lat]), middle[0], middle[1])
        wide, high = _metres(corners.max(axis=0), middle[0], middle[1])
        if abs(east) < wide / 3 and abs(north) < high / 3:
            direction = "middle"
        else:
            direction = _COMPASS[round(np.arctan2(north, east) / (np.pi / 4)) % 8]
        return Why("place-beat", {"beat": literal(area.name), "direction": direction})

    def _near_streets(self, lon: float, lat: float) -> list[tuple[float, int]]:
        """Return the two nearest streets as (metres, number), the nearest first."""
        if not len(self._street):
            return []
        start, end = _metres(self._start, lon, lat), _metres(self._end, lon, lat)
        along = end - start
        length = (along**2).sum(axis=1)
        share = np.clip(-(start * along).sum(axis=1) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        away = np.hypot(*(start + share[:, None] * along).T)
        nearest = np.full(len(self._places.streets), np.inf)
        np.minimum.at(nearest, self._street, away)
        return [(float(nearest[street]), street) for street in np.argsort(nearest, kind="stable")[:2].tolist()]


def _points(points: Sequence[Point]) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _metres(points: NDArray[np.float64], lon: float, lat: float) -> NDArray[np.float64]:
    """Return metres east and north of a point, of the shape of `points`."""
    scale = METRES_PER_DEGREE * np.array([np.cos(np.radians(lat)), 1.0])
    away: NDArray[np.float64] = (points - np.array([lon, lat])) * scale
    return away


def _nearest(points: NDArray[np.float64], lon: float, lat: float) -> tuple[int, float]:
    """Return the number of the nearest of some points and its distance in metres; infinity where there is none."""
    if not len(points):
        return -1, float("inf")
    away = np.hypot(*_metres(points, lon, lat).T)
    best = int(away.argmin())
    return best, float(away[best])
