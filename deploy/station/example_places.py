"""The places file of a station that has just been made: one of everything, each with what it is for.

Two beats, two streets, two landmarks and a device of every type around a point, so that the first message of a device
is understood, the board has a map, and whoever draws the real one sees what goes where.
"""

import math
from collections.abc import Callable
from importlib import resources
from typing import Any, Final

from ingest.places import DEVICE_TYPES
from ingest.places.place_findings import EXPLAINED

_METRES: Final = 111_320.0
_NAMES: Final = {
    "old-market": ("Old Market (example)", "老菜场（示例）"),
    "creekside": ("Creekside (example)", "溪滨里（示例）"),
    "street": ("Lantern Street (example)", "灯笼街（示例）"),
    "lane": ("Well Lane (example)", "水井巷（示例）"),
    "station": ("Police station (example)", "派出所（示例）"),
    "market": ("Market hall (example)", "菜场大厅（示例）"),
    "camera": ("Camera at the market (example)", "菜场摄像头（示例）"),
    "gate": ("Vehicle gate (example)", "车辆道闸（示例）"),
    "noise": ("Noise sensor (example)", "噪声传感器（示例）"),
    "smoke": ("Smoke detector (example)", "烟感探测器（示例）"),
    "heat": ("Heat detector (example)", "感温探测器（示例）"),
    "water": ("Water level (example)", "水位计（示例）"),
    "door": ("Back door (example)", "后门门磁（示例）"),
    "manhole": ("Manhole cover (example)", "井盖传感器（示例）"),
    "environment": ("Air sensor (example)", "环境传感器（示例）"),
}
"""What things are called in English and in Chinese."""
_AT: Final = {
    "camera": (-150, 20), "gate": (-330, -15), "noise": (-90, 60), "smoke": (-200, 120), "heat": (-195, 118),
    "door": (-230, -90), "water": (-300, -120), "manhole": (-60, -15), "environment": (200, 90),
}  # fmt: skip
"""Metres to the east and to the north of the middle."""
_IDS: Final = {"manhole": "cover-01"}


def example_places(name: str, lon: float, lat: float, explain: Callable[[str], str]) -> dict[str, Any]:
    """Return the document of a places file around a point.

    Parameters
    ----------
    name
        What people call the site.
    explain
        Tells what a feature is for: ``beat``, ``device``, ``street``, ``landmark``, or a type of device.
    """

    def at(east: float, north: float) -> list[float]:
        narrow = _METRES * math.cos(math.radians(lat))
        return [round(lon + east / narrow, 6), round(lat + north / _METRES, 6)]

    def feature(kind: str, called: str, shape: str, coordinates: object, **more: object) -> dict[str, Any]:
        english, chinese = _NAMES[called]
        properties = {"kind": kind, "name": {"en": english, "zh-CN": chinese}, **more}
        properties[EXPLAINED] = explain(called if kind == "device" else kind)
        geometry = {"type": shape, "coordinates": coordinates}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    features = []
    for identifier, west, east, residents in (("old-market", -400, 0, 3_000), ("creekside", 0, 400, 2_000)):
        ring = [at(west, -200), at(east, -200), at(east, 200), at(west, 200), at(west, -200)]
        features.append(
            feature("beat", identifier, "Polygon", [ring], id=identifier, residents=residents, officers=1, community="")
        )
    features.append(feature("street", "street", "LineString", [at(-400, 0), at(0, 0), at(400, 0)]))
    features.append(feature("street", "lane", "LineString", [at(-160, -200), at(-160, 0), at(-160, 200)]))
    features.append(feature("landmark", "station", "Point", at(0, 30)))
    features.append(feature("landmark", "market", "Point", at(-170, 40)))
    for type_ in DEVICE_TYPES:
        east, north = _AT[type_]
        beat = "old-market" if east < 0 else "creekside"
        identifier = _IDS.get(type_, f"{type_}-01")
        features.append(feature("device", type_, "Point", at(east, north), id=identifier, beat=beat, type=type_))
    return {"type": "FeatureCollection", "name": name, "features": features}


def zone_hint(zone: str) -> tuple[str, float, float] | None:
    """Return the country of a time zone, and longitude and latitude of its city; None where nobody knows.

    Source: ``zone.tab`` of the IANA time zone database, whose positions are written as in ISO 6709.
    """
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line.startswith("#") or line.split("\t")[2] != zone:
            continue
        country, position = line.split("\t")[:2]
        cut = max(position.rfind("+"), position.rfind("-"))
        return country, _degrees(position[cut:], 3), _degrees(position[:cut], 2)
    return None


def _degrees(text: str, digits: int) -> float:
    """Return degrees of ±DDMM, ±DDMMSS, or with three digits of degrees.

    >>> _degrees("+3114", 2), _degrees("-0740023", 3)
    (31.2333, -74.0064)
    """
    sign, numbers = -1 if text[0] == "-" else 1, text[1:]
    minutes, seconds = int(numbers[digits : digits + 2]), int(numbers[digits + 2 :] or 0)
    return round(sign * (int(numbers[:digits]) + minutes / 60 + seconds / 3600), 4)
