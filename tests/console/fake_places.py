"""An invented neighbourhood of five beats and forty devices for the board's tests and previews."""

import math
from pathlib import Path

from ingest.gateway.places_file import PlacesFile
from ingest.places import Places, parse_places

LON, LAT = 120.6190, 31.3020
DX, DY = 1 / (111_320 * math.cos(math.radians(LAT))), 1 / 110_900
TILT = math.radians(9)


def at(x: float, y: float) -> list[float]:
    """Degrees of a place x metres east and y metres north of the centre, on a street plan turned by nine degrees."""
    east, north = x * math.cos(TILT) - y * math.sin(TILT), x * math.sin(TILT) + y * math.cos(TILT)
    return [round(LON + east * DX, 6), round(LAT + north * DY, 6)]


BEATS = [
    ("north-market", "North Market", "北市场", [(-900, 150), (-60, 150), (-60, 760), (-780, 820), (-900, 500)]),
    ("river-gardens", "River Gardens", "滨河花园", [(-60, 150), (820, 150), (900, 420), (640, 800), (-60, 760)]),
    ("old-town", "Old Town", "老城里", [(-900, -420), (-300, -420), (-300, 150), (-900, 150)]),
    ("station-square", "Station Square", "站前广场", [(-300, -420), (350, -420), (350, 150), (-300, 150)]),
    ("mill-lanes", "Mill Lanes", "磨坊里弄", [(350, -420), (880, -380), (820, 150), (350, 150)]),
]
STREETS = [
    ("People's Road", "人民路", [(-900, 150), (-300, 150), (350, 150), (820, 150)]),
    ("Station Street", "车站大街", [(-300, -420), (-300, 150), (-330, 480), (-340, 790)]),
    ("Mill Street", "磨坊街", [(350, -420), (350, 150), (340, 460), (330, 780)]),
    ("Canal Street", "运河街", [(-60, 150), (-60, 760)]),
    ("Lantern Lane", "灯笼巷", [(-900, -130), (-620, -120), (-300, -130)]),
    ("South Ring", "南环路", [(-900, -420), (-300, -420), (350, -420), (880, -380)]),
    ("Garden Road", "花园路", [(-60, 470), (340, 460), (880, 430)]),
    ("Market Road", "市场路", [(-900, 480), (-330, 480), (-60, 470)]),
    ("Weaver Lane", "织造巷", [(350, -140), (610, -130), (850, -110)]),
    ("Bell Tower Street", "钟楼街", [(-620, -420), (-620, -120), (-610, 150)]),
    ("Square West", "广场西路", [(20, -420), (20, 150)]),
    ("Willow Road", "柳岸路", [(610, -400), (600, 150), (600, 450), (590, 790)]),
]
NAMES = {
    "camera": ("Camera", "摄像头"),
    "gate": ("Vehicle gate", "车辆道闸"),
    "noise": ("Noise sensor", "噪声传感器"),
    "smoke": ("Smoke detector", "烟雾探测器"),
    "heat": ("Heat sensor", "温度传感器"),
    "water": ("Water level", "水位计"),
    "door": ("Fire door", "消防门"),
    "manhole": ("Manhole cover", "井盖"),
    "environment": ("Weather mast", "环境监测站"),
}
SPOTS = {
    "camera": [(-300, 150), (350, 150), (-60, 470), (-620, -120), (20, -140), (600, -130), (-330, 480), (600, 450),
               (-620, 150), (180, -420), (-780, 640), (120, 20)],
    "gate": [(-60, 620), (820, 150), (350, -300), (-900, -130), (-300, 700)],
    "noise": [(-480, 480), (60, -300), (470, -140), (300, 620)],
    "smoke": [(-470, -130), (-700, 300), (500, 60), (150, -60)],
    "heat": [(-520, -250), (720, -240)],
    "water": [(120, 750), (720, 620)],
    "door": [(-150, -330), (250, 330), (-760, -300), (460, 330)],
    "manhole": [(-300, -250), (340, 300), (-800, 150), (610, -300)],
    "environment": [(760, 330)],
}  # fmt: skip


def beat_of(x: float, y: float) -> str:
    """The beat that a place of `SPOTS` lies in, by the plan's straight inner borders."""
    if y >= 150:
        return "north-market" if x < -60 else "river-gardens"
    return "old-town" if x < -300 else "station-square" if x < 350 else "mill-lanes"


def neighbourhood() -> Places:
    """The places, checked as a site's file would be."""
    features: list[dict[str, object]] = []
    for index, (identifier, en, zh, ring) in enumerate(BEATS):
        properties = {
            "kind": "beat",
            "id": identifier,
            "name": {"en": en, "zh-CN": zh},
            "residents": 2400 + 700 * index,
        }
        properties |= {"officers": 2, "community": en}
        points = [at(x, y) for x, y in [*ring, ring[0]]]
        features.append({"properties": properties, "geometry": {"type": "Polygon", "coordinates": [points]}})
    for en, zh, line in STREETS:
        geometry = {"type": "LineString", "coordinates": [at(x, y) for x, y in line]}
        features.append({"properties": {"kind": "street", "name": {"en": en, "zh-CN": zh}}, "geometry": geometry})
    beats = {identifier: (en, zh) for identifier, en, zh, _ in BEATS}
    for kind, spots in SPOTS.items():
        for number, (x, y) in enumerate(spots, 1):
            beat = beat_of(x, y)
            en, zh = NAMES[kind]
            name = {"en": f"{beats[beat][0]} {en.lower()} {number}", "zh-CN": f"{beats[beat][1]}{zh}{number}号"}
            properties = {"kind": "device", "id": f"{kind}-{number:02d}", "beat": beat, "type": kind, "name": name}
            features.append({"properties": properties, "geometry": {"type": "Point", "coordinates": at(x + 8, y + 8)}})
    return parse_places({"type": "FeatureCollection", "features": features})


def as_file(places: Places) -> PlacesFile:
    """A places file that holds some places, for a board."""
    file = PlacesFile(Path("/nowhere/places.geojson"), Path("/nowhere/good.geojson"))
    file.places = places
    return file
