"""A site's beats and streets inside the dashboards themselves, for a Grafana that does not have the places file.

A browser reads them from a ``data:`` address, so nothing has to be put on Grafana's disk. (A Grafana with
``content_security_policy`` switched on needs ``data:`` in its ``connect-src``, or the file.)
"""

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from deploy.grafana.panels import Json
from ingest.places import Places
from stream.sentences.catalogue import Sentences

LABEL: Final = "label"
MOST: Final = 200_000
"""Characters that outlines may add to a dashboard; above it first the streets are left out, then all."""
_DIGITS: Final = 5
"""Of a degree: about a metre."""


def outlines(places: Places, language: str) -> str | None:
    """Return the outlines of a site as an address, None where they would be too large."""
    say = Sentences(language)
    beats = [
        _feature(
            "Polygon", [_line(beat.polygon)],
            kind="beat", label=say.pick(beat.name) or beat.id,
        )
        for beat in places.beats.values()
    ]  # fmt: skip
    streets = [_feature("LineString", _line(street.line), kind="street") for street in places.streets]
    for features in ([*streets, *beats], beats):
        document = {"type": "FeatureCollection", "features": features}
        address = "data:application/json," + quote(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
        if len(address) <= MOST:
            return address
    return None


def _feature(kind_of: str, coordinates: object, **properties: str) -> Json:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind_of, "coordinates": coordinates},
    }


def _line(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[round(lon, _DIGITS), round(lat, _DIGITS)] for lon, lat in points]
