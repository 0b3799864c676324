"""What a dashboard says of its own site: the beats' outlines and names on maps, their names elsewhere, the map's view.

A browser reads outlines from a ``data:`` address, so nothing has to be put on Grafana's disk. (A Grafana with
``content_security_policy`` switched on needs ``data:`` in its ``connect-src``, or the file.)
"""

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from deploy.grafana import panels as p
from deploy.grafana.panels import Json, override
from ingest.places import Beat, Places
from stream.sentences.catalogue import Sentences

LABEL: Final = "label"
MOST: Final = 200_000
"""Characters that outlines may add to a dashboard; above it first the streets are left out, then all."""
_DIGITS: Final = 5
"""Of a degree: about a metre."""
_FROM_TOP: Final = 0.2
"""Share of its height from the top of a beat at which its name stands: cells with a high risk lie in the middle."""


def with_places(panel: Json, places: Places, language: str) -> Json:
    """Return a panel with the site's beats: on a map in their places, elsewhere by their names instead of ids."""
    found = names(places, language)
    looks = []
    if panel["type"] == "geomap":
        shapes, dots = outlines(places, language), _address(_labels(places, found))
        if shapes is not None and places.beats:
            panel = p.with_site(panel, shapes, dots, LABEL, _bounds(places.beats.values()))
    if panel["type"] in {"geomap", "table"}:
        called = {beat: {"text": name, "index": number} for number, (beat, name) in enumerate(found.items())}
        looks.append(override("beat", mappings=[{"type": "value", "options": called}]))
    elif any(target.get("alias") == "$tag_beat" for target in panel["targets"]):
        looks += [override(beat, displayName=name) for beat, name in found.items()]
    panel["fieldConfig"]["overrides"] = [*panel["fieldConfig"]["overrides"], *looks]
    return panel


def names(places: Places, language: str) -> dict[str, str]:
    """Return beat → its name in a language."""
    say = Sentences(language)
    return {beat.id: say.pick(beat.name) or beat.id for beat in places.beats.values()}


def outlines(places: Places, language: str) -> str | None:
    """Return the outlines of a site as an address, None where they would be too large."""
    found = names(places, language)
    beats = [
        _feature("Polygon", [_line(beat.polygon)], kind="beat", label=found[beat.id]) for beat in places.beats.values()
    ]
    streets = [_feature("LineString", _line(street.line), kind="street") for street in places.streets]
    for features in ([*streets, *beats], beats):
        address = _address(features)
        if len(address) <= MOST:
            return address
    return None


def _labels(places: Places, found: dict[str, str]) -> list[Json]:
    """Return a point for each beat's name: in the upper part of it, above where its cells mostly lie."""
    made = []
    for beat in places.beats.values():
        west, south, east, north = _bounds([beat])
        lat = north - _FROM_TOP * (north - south)
        crossed = sorted(
            a + (lat - c) / (d - c) * (b - a)
            for (a, c), (b, d) in zip(beat.polygon, (*beat.polygon[1:], beat.polygon[0]), strict=True)
            if (c > lat) != (d > lat)
        )
        # In the middle of the widest stretch of that latitude within it: bounds of a slanted beat reach into others.
        stretches = zip(crossed[::2], crossed[1::2], strict=True)
        west, east = max(stretches, key=lambda one: one[1] - one[0], default=(west, east))
        made.append(_feature("Point", _line([((west + east) / 2, lat)])[0], kind="name", label=found[beat.id]))
    return made


def _bounds(beats: Iterable[Beat]) -> tuple[float, float, float, float]:
    """Return west, south, east and north of beats, in degrees."""
    lons, lats = zip(*(point for beat in beats for point in beat.polygon), strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def _address(features: list[Json]) -> str:
    document = {"type": "FeatureCollection", "features": features}
    return "data:application/json," + quote(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def _feature(kind_of: str, coordinates: object, **properties: str) -> Json:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind_of, "coordinates": coordinates},
    }


def _line(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[round(lon, _DIGITS), round(lat, _DIGITS)] for lon, lat in points]
