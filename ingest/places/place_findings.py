"""All that is wrong or odd in a places file, by line: for whoever is making one.

A node stops at the first error of a file. Whoever edits one wants to see all of them, and what is allowed and hardly
meant: a device that stands outside its beat, a beat whose outline crosses itself.
"""

import math
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import msgspec

from ingest.places.beats_beside import METRES, beside, is_inside
from ingest.places.site_places import Beat, Places, PlacesError, Point, decoded, parse_places

ACCOUNTS: Final = frozenset({"console", "node", "board"})
"""Accounts at a station's broker that have rights of their own: no device may be called so."""
EXPLAINED: Final = "explained"
"""A property of the features that `patrolgrid init` makes, which says what each is for; nobody reads it."""
_MOST_SIDES: Final = 1_000
"""Of an outline that is looked at for knots, each against each."""
_OUTSIDE_M: Final = 20.0
"""A device at the edge of its beat may stand so far outside."""


class PlaceFinding(msgspec.Struct, frozen=True):
    """One thing that is wrong, or odd."""

    line: int
    """Where its feature begins, from 1; 0 where it is none alone."""
    code: str
    """What is odd; empty where `error` says what is wrong."""
    error: str = ""
    values: dict[str, Any] = {}
    """The numbers and names of the code's sentence."""


class _Document(msgspec.Struct):
    features: list[msgspec.Raw] = []


def lines_of(content: bytes) -> list[int]:
    r"""Return in which line each feature of a GeoJSON file begins, from 1; nothing where it is none.

    >>> lines_of(b'{"features": [\n{},\n\n{"a": 1},\n{}]}')
    [2, 4, 5]
    """
    try:
        features = msgspec.json.decode(content.removeprefix(BOM_UTF8), type=_Document).features
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    at, seen, line, found = 0, 0, 1, []
    for raw in features:
        start = content.find(bytes(raw), at)
        line += content.count(b"\n", seen, start)
        found.append(line)
        at, seen = start + len(bytes(raw)), start
    return found


def find_all(
    content: bytes, name: str, check: Callable[[Places], None] = lambda _: None
) -> tuple[Places | None, list[PlaceFinding]]:
    """Return the places of a file as far as they can be read (None: not at all), and all findings by line.

    Parameters
    ----------
    name
        That of the file; errors begin with it.
    check
        Raises `PlacesError` for what can be read and still cannot be worked with; then each device is asked for.
    """
    faults: list[PlacesError] = []
    try:
        document: Any = decoded(content, name)
        places = parse_places(document, name, faults)
    except PlacesError as error:
        return None, [PlaceFinding(0, "", str(error))]
    lines = lines_of(content)
    found = [PlaceFinding(_at(lines, error.feature), "", str(error)) for error in faults]
    where = _lines_by_id(document["features"], lines)
    found += _refused(places, check, where)
    found += [*odd(places, where), *_examples(document["features"], lines)]
    return places, sorted(found, key=lambda one: one.line)


def _refused(
    places: Places, check: Callable[[Places], None], where: dict[tuple[str, str], int]
) -> Iterator[PlaceFinding]:
    """Give what a check refuses: by device where it is one, else of the whole."""
    if not places.beats and not places.devices:
        return
    try:
        check(places)
    except PlacesError as error:
        alone = False
        for device in places.devices.values():
            try:
                check(replace(places, devices={device.id: device}))
            except PlacesError as its:
                alone = True
                yield PlaceFinding(where.get(("device", device.id), 0), "", str(its))
        if not alone:
            yield PlaceFinding(0, "", str(error))


def odd(places: Places, lines: dict[tuple[str, str], int]) -> Iterator[PlaceFinding]:
    """Give what is allowed and hardly meant; `lines` has the line of each beat and device, by kind and id."""
    knotted = {beat.id for beat in places.beats.values() if _crosses(beat.polygon)}
    for beat in sorted(knotted):
        yield PlaceFinding(lines.get(("beat", beat), 0), "crosses", values={"beat": beat})
    for two in beside([beat for beat in places.beats.values() if beat.id not in knotted]):
        area, (lon, lat) = round(two.square_m), two.at
        values = {"beat": two.one, "other": two.other, "area": area, "metres": max(round(two.metres), 1)}
        at = {"lon": round(lon, 6), "lat": round(lat, 6)}
        yield PlaceFinding(lines.get(("beat", two.one), 0), two.code, values=values | at)
    for device in places.devices.values():
        line, point = lines.get(("device", device.id), 0), (device.lon, device.lat)
        if device.id in ACCOUNTS:
            yield PlaceFinding(line, "account", values={"device": device.id})
        away_m = outside_m(places.beats[device.beat], point)
        if away_m > _OUTSIDE_M:
            other = beat_at(places.beats.values(), point)
            values = {"device": device.id, "beat": device.beat, "metres": round(away_m), "other": other or ""}
            yield PlaceFinding(line, "elsewhere" if other else "outside", values=values)


def beat_at(beats: Iterable[Beat], point: Point) -> str | None:
    """Return the id of the first beat that a point lies in."""
    return next((beat.id for beat in beats if is_inside(beat.polygon, point)), None)


def outside_m(beat: Beat, point: Point) -> float:
    """Return how far a point lies outside a beat, in metres; 0 inside."""
    if is_inside(beat.polygon, point):
        return 0.0
    narrow = METRES * math.cos(math.radians(point[1]))
    ring = [((lon - point[0]) * narrow, (lat - point[1]) * METRES) for lon, lat in beat.polygon]
    return min(_from_origin(one, other) for one, other in pairwise([*ring, ring[0]]))


def _from_origin(one: Point, other: Point) -> float:
    """Return the distance of a segment from (0, 0)."""
    across, up = other[0] - one[0], other[1] - one[1]
    length = across * across + up * up
    share = 0.0 if length == 0 else min(max(-(one[0] * across + one[1] * up) / length, 0.0), 1.0)
    return math.hypot(one[0] + share * across, one[1] + share * up)


def _crosses(ring: Sequence[Point]) -> bool:
    """Tell whether two sides of a ring cross each other; of a ring with very many nobody looks."""
    corners = ring if ring[0] == ring[-1] else (*ring, ring[0])
    sides = list(pairwise(corners))
    if len(sides) > _MOST_SIDES:
        return False
    return any(
        _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0
        for number, (a, b) in enumerate(sides)
        for c, d in sides[number + 2 :]
    )


def _side(a: Point, b: Point, c: Point) -> float:
    """Return on which side of the line from a to b the point c lies."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _examples(features: list[Any], lines: list[int]) -> Iterator[PlaceFinding]:
    """Give one finding for all features that still are those of the example."""
    left = [number for number, one in enumerate(features) if EXPLAINED in _properties(one)]
    if left:
        yield PlaceFinding(_at(lines, left[0]), "example", values={"count": len(left)})


def _lines_by_id(features: list[Any], lines: list[int]) -> dict[tuple[str, str], int]:
    found = {}
    for number, one in enumerate(features):
        said = _properties(one)
        found[str(said.get("kind")), str(said.get("id"))] = _at(lines, number)
    return found


def _properties(feature: object) -> dict[str, Any]:
    found = feature.get("properties") if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _at(lines: list[int], number: int | None) -> int:
    return 0 if number is None or number >= len(lines) else lines[number]
