"""Points on the ground, with distances good to a part in a thousand over a city, and the GeoJSON of a map."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

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


def polygon(ring: Iterable[Point], **properties: object) -> dict[str, Any]:
    """Return the feature of an area; the ring's last point is its first."""
    return _feature("Polygon", [[list(point) for point in ring]], properties)


def line(points: Iterable[Point], **properties: object) -> dict[str, Any]:
    """Return the feature of a street."""
    return _feature("LineString", [list(point) for point in points], properties)


def spot(point: Point, **properties: object) -> dict[str, Any]:
    """Return the feature of a device."""
    return _feature("Point", list(point), properties)


def _feature(shape: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


def collection(features: list[dict[str, Any]], name: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a document that `ingest.places.parse_places` reads; `name` is language → name of the site."""
    named = {"name": dict(name)} if name else {}
    return {"type": "FeatureCollection", **named, "features": features}


def square(
    beat: str, devices: Mapping[str, str], south_west: Point, *, device_type: str, **properties: object
) -> tuple[list[dict[str, Any]], Point]:
    """Return a square beat with devices on a grid, for devices of which only the names are known (id → name).

    Each device has 0.001 degrees of room; `properties` are the beat's. The second value is the square's south-eastern
    corner, where the next can begin.
    """
    side, step = max(math.ceil(math.sqrt(len(devices))), 1), 0.001
    (west, south), (east, north) = south_west, (south_west[0] + side * step, south_west[1] + side * step)
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    features = [polygon(ring, kind="beat", id=beat, **properties)]
    features += [
        spot(
            (west + (number % side + 0.5) * step, south + (number // side + 0.5) * step),
            kind="device", id=device, beat=beat, type=device_type, name=name,
        )
        for number, (device, name) in enumerate(devices.items())
    ]  # fmt: skip
    return features, (east, south)
