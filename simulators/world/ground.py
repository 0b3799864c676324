"""Distances on the ground, good to a part in a thousand over a city."""

from __future__ import annotations

import math
from typing import Final

METRES_PER_DEGREE: Final = 111_320.0
Point = tuple[float, float]
"""(lon, lat) in degrees."""


def distance_m(first: Point, second: Point) -> float:
    """Return the distance of two points in metres (flat earth about their mean latitude)."""
    east = (second[0] - first[0]) * math.cos(math.radians((first[1] + second[1]) / 2))
    return METRES_PER_DEGREE * math.hypot(east, second[1] - first[1])


def shifted(point: Point, east_m: float, north_m: float) -> Point:
    """Return a point moved by metres, rounded to a decimetre."""
    lon = point[0] + east_m / (METRES_PER_DEGREE * math.cos(math.radians(point[1])))
    return round(lon, 6), round(point[1] + north_m / METRES_PER_DEGREE, 6)
