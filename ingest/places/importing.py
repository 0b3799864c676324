"""Takes devices from a CSV, and beats, devices, streets and landmarks from a GeoJSON of another program.

What comes is brought to the form of the places file and put into it: what has the id of something that is there changes
it, everything else is added. Nothing else of the file is touched.
"""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ingest.codecs.csv_files import BadRows, RowError, read_rows
from ingest.codecs.csv_values import number
from ingest.codecs.words import WordError, plain
from ingest.places.patches import key_of
from ingest.places.place_findings import ACCOUNTS, EXPLAINED, beat_at, lines_of
from ingest.places.site_places import DEVICE_TYPES, Beat, FeatureParser, Places, PlacesError, decoded, parse_places
from ingest.topics import id_of

_TYPES: Final = {
    **{name: name for name in DEVICE_TYPES},
    "摄像头": "camera", "摄像机": "camera", "攝像機": "camera", "监控": "camera", "球机": "camera", "枪机": "camera",
    "人流": "camera", "客流": "camera", "counter": "camera", "cctv": "camera",
    "卡口": "gate", "车辆卡口": "gate", "道闸": "gate", "闸机": "gate", "barrier": "gate", "anpr": "gate",
    "噪声": "noise", "噪音": "noise", "噪声仪": "noise", "噪声传感器": "noise", "sound": "noise", "microphone": "noise",
    "烟感": "smoke", "烟雾": "smoke", "烟雾报警器": "smoke", "烟感探测器": "smoke", "smokedetector": "smoke",
    "温感": "heat", "感温": "heat", "温度": "heat", "感温探测器": "heat", "temperature": "heat", "heatdetector": "heat",
    "水位": "water", "水位计": "water", "积水": "water", "waterlevel": "water",
    "门": "door", "门磁": "door", "门禁": "door", "井盖": "manhole", "manholecover": "manhole", "cover": "manhole",
    "环境": "environment", "环境监测": "environment", "空气": "environment", "air": "environment",
}  # fmt: skip
"""What lists of devices call a type, in small letters without blanks → type."""
_KINDS: Final = {"Polygon": "beat", "MultiPolygon": "beat", "LineString": "street", "MultiLineString": "street"}
"""Geometry → what it is, where nothing says so; a point is a device where it has a type, else a landmark."""


Called = str | dict[str, str]
"""How people call a feature: its id, else its name, or its names by language."""


class Incoming(NamedTuple):
    """A feature that comes, in the form of the places file, and where it stands in the file that it comes from."""

    line: int
    feature: dict[str, Any]
    written: str = ""
    """What it was called there, where that cannot be an id and another was made of it."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others: its kind, and its id or name."""
        return key_of(self.feature)


class Merged(NamedTuple):
    """What became of the places file."""

    document: dict[str, Any]
    added: list[Called]
    changed: list[Called]
    same: int
    """So many were there already, as they are."""
    gone: list[Called]
    """What was taken out with the example."""


class Brought(NamedTuple):
    """What a file brings into a places file."""

    merged: Merged
    faults: list[tuple[int, str]]
    """Line and why of what is not taken."""
    renamed: list[tuple[int, str, str]]
    """Line, what was written, and the id that was made of it: a device that speaks under the first is not known."""


def bring(document: dict[str, Any], places: Places, file: Path, name: str, *, without_example: bool = False) -> Brought:
    """Return what the devices of a CSV, or the features of a GeoJSON, make of a places file; `name` is that of theirs.

    Raises `ingest.codecs.csv_files.CsvError`, `PlacesError`, OSError for a file of which nothing can be read.
    """
    faults: list[tuple[int, str]] = []
    if file.suffix.lower() in {".geojson", ".json"}:
        sources = take_features(file.read_bytes(), name)
    else:
        bad = BadRows()
        sources = read_devices(file, bad)
        faults += [(row.line, row.why) for row in bad]
    coming = in_beats(sources, places, name, faults)
    renamed = [(one.line, one.written, one.key[1]) for one in coming if one.written]
    return Brought(merge(document, coming, without_example=without_example), faults, renamed)


def read_devices(path: Path, bad: BadRows) -> list[Incoming]:
    """Return the devices of a CSV with the columns ``id,type,name,lon,lat,beat``, or other names of them.

    Of `id` and `name` one is enough. Rows that are wrong are noted in `bad`. Raises
    `ingest.codecs.csv_files.CsvError`, OSError.
    """
    return list(read_rows(path, ("type", "lon", "lat"), _device, bad, optional=("device_id", "name", "beat")))


def _device(line: int, row: dict[str, str]) -> Incoming:
    """Return the device of a row. Raises `RowError`."""
    name = row.get("name", "")
    identifier = row.get("device_id", "") or name
    if not identifier:
        raise RowError("has neither an id nor a name, expected one of them")
    properties: dict[str, Any] = {"kind": "device", "id": id_of(identifier), "type": _type_of(row["type"])}
    if properties["type"] not in DEVICE_TYPES:
        raise RowError(f"type is {row['type']!r}, expected one of {', '.join(DEVICE_TYPES)}")
    properties |= {key: text for key, text in (("name", name or identifier), ("beat", row.get("beat", ""))) if text}
    point = [number(row["lon"], "lon", most=180.0), number(row["lat"], "lat", most=90.0)]
    feature = {"type": "Feature", "properties": properties, "geometry": _point(point)}
    return Incoming(line, feature, _instead_of(identifier, properties["id"]))


def take_features(content: bytes, name: str) -> list[Incoming]:
    """Return the features of a GeoJSON file, brought to the form of the places file as far as they can be understood.

    Raises `PlacesError` where it is none.
    """
    document = decoded(content, name)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise PlacesError(f"{name}: expected a GeoJSON FeatureCollection")
    lines = lines_of(content) or [0] * len(features)
    return [_formed(line, feature) for line, feature in zip(lines, features, strict=True)]


def _formed(line: int, feature: object) -> Incoming:
    """Return a feature with a kind, an id and a name, as far as it says any; the rest is for the checks."""
    found = copy.deepcopy(feature) if isinstance(feature, dict) else {}
    properties = found.setdefault("properties", {})
    geometry = found.get("geometry")
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        return Incoming(line, found)
    shape, parts = str(geometry.get("type")), geometry.get("coordinates")
    if shape in {"MultiPolygon", "MultiLineString"} and isinstance(parts, list) and len(parts) == 1:
        found["geometry"] = {"type": shape.removeprefix("Multi"), "coordinates": parts[0]}
    type_ = _type_of(properties.get("type"))
    kind = properties.setdefault("kind", _KINDS.get(shape, "device" if type_ in DEVICE_TYPES else "landmark"))
    if not isinstance(kind, str):
        return Incoming(line, found)
    if kind == "device":
        properties["type"] = type_
    name = _name_of(properties)
    if name:
        properties["name"] = name
    own = properties.get("id") or found.get("id") or (next(iter(name.values()), "") if isinstance(name, dict) else name)
    if kind in {"beat", "device"} and own:
        properties["id"] = id_of(str(own), kind)
        return Incoming(line, found, _instead_of(str(own), properties["id"]))
    return Incoming(line, found)


def _instead_of(written: str, identifier: str) -> str:
    return "" if written == identifier else written


def _name_of(properties: dict[str, Any]) -> object:
    """Return a feature's name: a text, or texts by language where a map has them as ``name:zh``."""
    tagged = {"en": properties.pop("name:en", None), "zh-CN": properties.pop("name:zh", None)}
    known = {language: text for language, text in tagged.items() if isinstance(text, str) and text}
    name = properties.get("name") or properties.get("名称")
    return name if not known or isinstance(name, dict) else ({"zh-CN": name, **known} if name else known)


def _type_of(word: object) -> object:
    if not isinstance(word, str):
        return word
    try:
        text = plain(word).casefold()
    except WordError:
        return word
    return _TYPES.get("".join(text.split()).replace("_", "").replace("-", ""), word)


def merge(document: dict[str, Any], sources: Sequence[Incoming], *, without_example: bool) -> Merged:
    """Return the places file's document with what comes put into it; the features that come must be right.

    Without the example, its beats stay that other devices are in.
    """
    features: list[dict[str, Any]] = copy.deepcopy(document["features"])
    gone: list[Called] = []
    if without_example:
        coming = {one.key for one in sources}
        own = [one for one in features if EXPLAINED not in one["properties"]]
        used = {str(one["properties"].get("beat")) for one in (*own, *(source.feature for source in sources))}
        kept = coming | {("beat", beat) for beat in used}
        left = [one for one in features if EXPLAINED not in one["properties"] or key_of(one) in kept]
        gone = [_shown(one) for one in features if one not in left]
        features = left
    places = {key_of(one): at for at, one in enumerate(features)}
    added: list[Called] = []
    changed: list[Called] = []
    same = 0
    for one in sources:
        at = places.get(one.key)
        if at is None:
            places[one.key] = len(features)
            features.append(one.feature)
            added.append(_shown(one.feature))
            continue
        before = features[at]
        said = {**before["properties"], **one.feature["properties"]}
        said.pop(EXPLAINED, None)
        after = {**before, "properties": said, "geometry": one.feature["geometry"]}
        features[at] = after
        if after == before:
            same += 1
        else:
            changed.append(_shown(after))
    return Merged({**document, "features": features}, added, changed, same, gone)


def in_beats(sources: Sequence[Incoming], places: Places, name: str, faults: list[tuple[int, str]]) -> list[Incoming]:
    """Return what can be put beside the places of a site, its devices in a beat; `faults` takes (line, why) of others.

    `name` is that of the file; errors of single features begin with it. A device's beat may be named by its id or its
    name; where it is not named, it is the one that it stands in.
    """
    right = list(_each_alone(sources, name, faults))
    beats = dict(places.beats)
    for one in right:
        if one.key[0] == "beat":
            beats.update(parse_places({"type": "FeatureCollection", "features": [one.feature]}).beats)
    names = {name: beat.id for beat in beats.values() for name in beat.name.values()}
    found, seen = [], dict[tuple[str, str], int]()
    for one in right:
        properties, key = one.feature["properties"], one.key
        if key in seen and key[0] in {"beat", "device"}:
            faults.append((one.line, f"the id {key[1]!r} is used twice; the first is line {seen[key]}"))
            continue
        seen[key] = one.line
        if key[0] == "device":
            why = _put_into_beat(properties, one.feature["geometry"]["coordinates"], places, beats, names)
            if why:
                faults.append((one.line, why))
                continue
        found.append(one)
    return found


def _put_into_beat(
    properties: dict[str, Any], at: list[float], places: Places, beats: dict[str, Beat], names: dict[str, str]
) -> str:
    """Name a device's beat; return why that cannot be done, or nothing."""
    known = places.devices.get(properties["id"])
    named = str(properties.get("beat", ""))
    beat = named if named in beats else names.get(named) if named else beat_at(beats.values(), (at[0], at[1]))
    if beat is None and not named and known is not None:
        beat = known.beat
    if beat is None:
        shown = ", ".join(sorted(beats)) or "none"
        return (
            f"beat is {named!r}, which is not there; beats are {shown}"
            if named
            else f"the coordinates {at[:2]} lie in no beat; name one of {shown}, or draw one around it"
        )
    properties["beat"] = beat
    return ""


def _each_alone(sources: Sequence[Incoming], name: str, faults: list[tuple[int, str]]) -> Iterator[Incoming]:
    """Give the features that are right by themselves, whatever the others are."""
    for at, one in enumerate(sources):
        try:
            FeatureParser(name).take(at, one.feature)
        except PlacesError as error:
            faults.append((one.line, str(error)))
            continue
        if one.key[0] == "device" and one.key[1] in ACCOUNTS:
            faults.append((one.line, f"id is {one.key[1]!r}, an account with rights of its own at the broker"))
        else:
            yield one


def dump(document: dict[str, Any]) -> bytes:
    """Return a places file with a feature a line, so that a line names it."""
    head = {key: value for key, value in document.items() if key != "features"}
    features = b",\n".join(msgspec.json.encode(feature) for feature in document["features"])
    return msgspec.json.encode(head)[:-1] + b',"features":[\n' + features + b"\n]}\n"


def _shown(feature: dict[str, Any]) -> Called:
    properties = feature["properties"]
    found: Called = properties.get("id") or properties.get("name", "")
    return found


def _point(coordinates: list[float]) -> dict[str, Any]:
    return {"type": "Point", "coordinates": coordinates}
