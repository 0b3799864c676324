"""Beats and devices of a site, from one GeoJSON file, checked on load with errors that name the feature."""

import math
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

import msgspec

from ingest.codecs.bindings import Binding, BindingError, read_bindings
from ingest.places.background import Background, read_background
from ingest.topics import ID_PATTERN, RESERVED_BEATS

DeviceType = Literal["camera", "gate", "noise", "smoke", "heat", "water", "door", "manhole", "environment"]
DEVICE_TYPES: Final = ("camera", "gate", "noise", "smoke", "heat", "water", "door", "manhole", "environment")
PLATE_TOKENS: Final = "plate_tokens"
"""The override (true or false) that lets a gate send tokens of plates which it has made itself."""
CLOCK_OFFSET: Final = "clock_offset_s"
"""The override that corrects a device's clock: by how many seconds it is ahead, below 0 where it is behind."""
MOST_OFFSET_S: Final = 366 * 86_400
Point = tuple[float, float]
"""(lon, lat) in degrees, WGS 84."""
_FARTHEST_KM: Final = 200.0
"""Nothing of a site lies so far from its middle: such a coordinate has a digit wrong."""
_KM_PER_DEGREE: Final = 111.32


class PlacesError(ValueError):
    """The places file is wrong; the text names the file, the feature, what was wrong and what was expected."""

    def __init__(self, text: str, feature: int | None = None) -> None:
        super().__init__(text)
        self.feature = feature
        """Number of the feature that is wrong, from 0; None where it is none alone."""


@dataclass(frozen=True, slots=True)
class Beat:
    """A patrol area: a polygon with residents, officers and a community it belongs to."""

    id: str
    name: dict[str, str]
    """Language code (``en``, ``zh-CN``) → name."""
    polygon: tuple[Point, ...]
    residents: int = 0
    officers: int = 0
    community: str = ""
    shard: int | None = None
    """The shard that shall have it, so that neighbours can be together; None leaves it to `ingest.shards`."""


@dataclass(frozen=True, slots=True)
class Device:
    """A camera, a gate or a sensor at a place in a beat."""

    id: str
    beat: str
    type: DeviceType
    name: dict[str, str]
    lon: float
    lat: float
    overrides: dict[str, Any] = field(default_factory=dict)
    """Per-device settings of rules, e.g. ``{"open_s": 120}`` for a door."""
    bindings: tuple[Binding, ...] = ()
    """What it says in a vendor's dialect, and what that means."""
    heading: float | None = None
    """Where a camera looks, in degrees clockwise from north; only maps go by it. None where nobody has said so."""


@dataclass(frozen=True, slots=True)
class Street:
    """A line that people walk along; hotspots and stops are named after it."""

    name: dict[str, str]
    line: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Landmark:
    """A point that everybody there knows: a market, a school, a bridge."""

    name: dict[str, str]
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Places:
    """All beats, devices, streets and landmarks of a site. Devices keep the order of the file."""

    beats: dict[str, Beat]
    devices: dict[str, Device]
    streets: tuple[Street, ...] = ()
    name: dict[str, str] = field(default_factory=dict)
    """Language code → name of the site for people; empty where the file gives none."""
    landmarks: tuple[Landmark, ...] = ()
    background: Background | None = None
    """A picture under the map."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) in degrees, around every beat and device."""
        points = [point for beat in self.beats.values() for point in beat.polygon]
        points += [(device.lon, device.lat) for device in self.devices.values()]
        if not points:
            raise PlacesError("the places file has no beat and no device, so there are no bounds")
        lons, lats = [p[0] for p in points], [p[1] for p in points]
        return min(lons), min(lats), max(lons), max(lats)


def load_places(path: Path) -> Places:
    """Read and check a GeoJSON places file.

    A FeatureCollection; each feature's ``properties.kind`` is ``beat`` (Polygon), ``device`` (Point), ``street``
    (LineString) or ``landmark`` (Point); ``id``, ``name`` (text, or an object by language) and the fields of `Beat` and
    `Device` stand in ``properties``. The document may have a ``name`` of its own, what people call the site, and a
    ``background``, see `read_background`.

    Raises `PlacesError` naming the file and the feature, OSError where it cannot be read.
    """
    return read_places(path.read_bytes(), str(path))


def read_places(content: bytes, name: str) -> Places:
    """Read and check the content of a places file; `name` stands in errors. Raises `PlacesError`, and nothing else."""
    return parse_places(decoded(content, name), name)


def decoded(content: bytes, name: str) -> object:
    """Return the document in the content of a file, also with the mark that Windows begins it with.

    Raises `PlacesError` for what is no JSON; `name` stands in it.
    """
    try:
        document: object = msgspec.json.decode(content.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlacesError(f"{name}: not JSON: {error}" if content.strip() else f"{name}: the file is empty") from error
    return document


def parse_places(document: object, name: str = "places", faults: list[PlacesError] | None = None) -> Places:
    """Check a decoded GeoJSON document; `name` stands in errors.

    Raises `PlacesError` for the first feature that is wrong. With `faults`, that list takes all of them instead, and
    the places are those of the other features; only a document that is no FeatureCollection is raised then.
    """
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise PlacesError(f"{name}: expected a GeoJSON FeatureCollection")
    features = document.get("features")
    if not isinstance(features, list):
        raise PlacesError(f"{name}: expected a list under 'features'")
    parser = FeatureParser(name)
    for number, feature in enumerate(features):
        try:
            parser.take(number, feature)
        except PlacesError as error:
            if faults is None:
                raise
            faults.append(error)
    title = _names(document.get("name", {}))
    found = [*parser.strays(), *parser.far_away()]
    if title is None:
        found.append(PlacesError(f"{name}: 'name' is {document['name']!r}, {_EXPECTED_NAME}"))
    background = None
    if document.get("background") is not None:
        try:
            background = read_background(document["background"])
        except ValueError as error:
            found.append(PlacesError(f"{name}: 'background' {error}"))
    if found and faults is None:
        raise found[0]
    for wrong in found:
        parser.drop(wrong.feature)
    if faults is not None:
        faults += found
    lines, marks = tuple(parser.streets), tuple(parser.landmarks)
    return Places(parser.beats, parser.devices, lines, title or {}, marks, background)


class FeatureParser:
    """Takes the features of one document, one after the other."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.beats: dict[str, Beat] = {}
        self.devices: dict[str, Device] = {}
        self.streets: list[Street] = []
        self.landmarks: list[Landmark] = []
        self._wrong: set[str] = set()
        """Ids of beats that are wrong: what belongs to them is, for now, right."""
        self._numbers: dict[tuple[str, str], int] = {}
        """Kind and id of a beat or device → number of its feature."""

    def take(self, number: int, feature: object) -> None:
        """Take a feature. Raises `PlacesError`."""
        reader = _FeatureReader(self.name, number, feature)
        kind = reader.properties.get("kind")
        if kind == "beat":
            self._wrong.add(str(reader.properties.get("id")))
            beat = reader.beat()
            if beat.id in self.beats:
                raise reader.error(f"beat id {beat.id!r} is used twice")
            self._wrong.discard(beat.id)
            self.beats[beat.id] = beat
            self._numbers["beat", beat.id] = number
        elif kind == "device":
            device = reader.device()
            if device.id in self.devices:
                raise reader.error(f"device id {device.id!r} is used twice; ids are unique in the site")
            self.devices[device.id] = device
            self._numbers["device", device.id] = number
        elif kind == "street":
            self.streets.append(Street(reader.names(), reader.line("LineString", 2)))
        elif kind == "landmark":
            self.landmarks.append(Landmark(reader.names(), *reader.position()))
        else:
            raise reader.error(f"'kind' is {kind!r}, expected beat, device, street or landmark")

    def strays(self) -> Iterator[PlacesError]:
        """Give an error for each device whose beat is not there; devices of a beat that is wrong are left out."""
        for device in list(self.devices.values()):
            if device.beat in self._wrong - self.beats.keys():
                del self.devices[device.id]
            elif device.beat not in self.beats:
                yield PlacesError(
                    f"{self.name}: device {device.id!r} belongs to beat {device.beat!r}, which is not in the file; "
                    f"beats are {', '.join(sorted(self.beats)) or 'none'}",
                    self._numbers["device", device.id],
                )

    def far_away(self) -> Iterator[PlacesError]:
        """Give an error for each beat or device that cannot belong to the site, the farthest first."""
        points = [(("beat", beat.id), point) for beat in self.beats.values() for point in beat.polygon]
        points += [(("device", device.id), (device.lon, device.lat)) for device in self.devices.values()]
        if not points:
            return
        lon, lat = (median(point[axis] for _, point in points) for axis in (0, 1))
        narrow = math.cos(math.radians(lat))

        def away_km(point: Point) -> float:
            return _KM_PER_DEGREE * math.hypot((point[0] - lon) * narrow, point[1] - lat)

        told = set()
        for (kind, identifier), point in sorted(points, key=lambda one: -away_km(one[1])):
            if away_km(point) <= _FARTHEST_KM:
                return
            if (kind, identifier) not in told:
                told.add((kind, identifier))
                yield PlacesError(
                    f"{self.name}: {kind} {identifier!r} has the coordinates {list(point)}: {away_km(point):,.0f} km "
                    f"from the middle of the others ({lon:.4f} {lat:.4f}), expected at most {_FARTHEST_KM:.0f} km",
                    self._numbers[kind, identifier],
                )

    def drop(self, number: int | None) -> None:
        """Leave a beat or device out that was taken before."""
        for (kind, identifier), one in self._numbers.items():
            if one == number:
                (self.beats if kind == "beat" else self.devices).pop(identifier, None)


_EXPECTED_NAME: Final = "expected text or an object like {'en': …, 'zh-CN': …}"


def _names(value: object) -> dict[str, str] | None:
    """Return names by language, the first standing in for English and Chinese; {} for {}, None for what is no name."""
    if isinstance(value, str):
        return {"en": value, "zh-CN": value}
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        if not value:
            return {}
        fallback = next(iter(value.values()))
        return {"en": fallback, "zh-CN": fallback, **value}
    return None


class _FeatureReader:
    """Reads one GeoJSON feature; every error it makes names the file and the feature."""

    def __init__(self, name: str, number: int, feature: object) -> None:
        self.name, self.number = name, number
        self.properties: dict[str, Any] = {}
        if not isinstance(feature, dict):
            raise self.error("is not an object")
        properties, geometry = feature.get("properties"), feature.get("geometry")
        if not isinstance(properties, dict) or not isinstance(geometry, dict):
            raise self.error("needs 'properties' and 'geometry'")
        self.properties, self.geometry = properties, geometry

    def error(self, what: str) -> PlacesError:
        label = self.properties.get("id")
        text = f"{self.name}: feature {self.number}{f' ({label!r})' if label else ''} {what}"
        return PlacesError(text, self.number)

    def identifier(self) -> str:
        value = self.properties.get("id")
        if not isinstance(value, str) or not ID_PATTERN.match(value):
            raise self.error(f"has id {value!r}, expected letters, digits, - and _, at most 48, no leading -")
        return value

    def names(self) -> dict[str, str]:
        value = self.properties.get("name", self.properties.get("id", ""))
        found = _names(value)
        if not found:
            raise self.error(f"has name {value!r}, {_EXPECTED_NAME}")
        return found

    def point(self, value: object) -> Point:
        if (
            isinstance(value, list)
            and len(value) >= 2
            and all(isinstance(x, int | float) and not isinstance(x, bool) for x in value[:2])
            and abs(value[0]) <= 180  # false for what is not a number
            and abs(value[1]) <= 90
        ):
            return float(value[0]), float(value[1])
        raise self.error(f"has the coordinates {value!r}, expected [lon, lat] in degrees")

    def position(self) -> Point:
        if self.geometry.get("type") != "Point":
            raise self.error(f"has a geometry of type {self.geometry.get('type')!r}, expected Point")
        return self.point(self.geometry.get("coordinates"))

    def line(self, kind: str, least: int) -> tuple[Point, ...]:
        coordinates = self.geometry.get("coordinates")
        if self.geometry.get("type") != kind or not isinstance(coordinates, list):
            raise self.error(f"has a geometry of type {self.geometry.get('type')!r}, expected {kind}")
        if kind == "Polygon":
            coordinates = coordinates[0] if coordinates and isinstance(coordinates[0], list) else []
        if len(coordinates) < least:
            raise self.error(f"has {len(coordinates)} points, expected at least {least}")
        return tuple(self.point(value) for value in coordinates)

    def whole(self, key: str) -> int:
        value = self.properties.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(f"has {key} {value!r}, expected a whole number from 0")
        return value

    def heading(self) -> float | None:
        value = self.properties.get("heading")
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 360):
            return value
        raise self.error(f"has heading {value!r}, expected degrees clockwise from north, 0 to 360")

    def beat(self) -> Beat:
        identifier = self.identifier()
        if identifier in RESERVED_BEATS:
            raise self.error(f"has an id that is a reserved topic word ({', '.join(sorted(RESERVED_BEATS))})")
        return Beat(
            id=identifier,
            name=self.names(),
            polygon=self.line("Polygon", 4),
            residents=self.whole("residents"),
            officers=self.whole("officers"),
            community=str(self.properties.get("community", "")),
            shard=self.whole("shard") if "shard" in self.properties else None,
        )

    def device(self) -> Device:
        lon, lat = self.position()
        kind, overrides = self.properties.get("type"), self.properties.get("overrides", {})
        if kind not in DEVICE_TYPES:
            raise self.error(f"has type {kind!r}, expected one of {', '.join(DEVICE_TYPES)}")
        if not isinstance(overrides, dict):
            raise self.error(f"has overrides {overrides!r}, expected an object")
        identifier = self.identifier()
        try:
            bindings = read_bindings(self.properties.get("bindings", []), "bindings", identifier)
        except BindingError as error:
            raise self.error(f"has wrong {error}") from error
        return Device(
            id=identifier,
            beat=str(self.properties.get("beat", "")),
            type=kind,
            name=self.names(),
            lon=lon,
            lat=lat,
            overrides=overrides,
            bindings=bindings,
            heading=self.heading(),
        )
