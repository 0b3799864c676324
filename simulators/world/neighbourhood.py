"""A neighbourhood of six beats and 99 devices, for 5,000 residents and three officers; and larger ones made of blocks.

`quarter` is what demos and tests walk through; `scale` makes sites of any size for benchmarks; `from_places` gives a
habit to every device of somebody's own places file. All three are free of chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ingest.places import Beat, Device, DeviceType, Places, Street, load_places, parse_places
from simulators.world import street_plan as plan

Profile = Literal["residential", "commuter", "market", "school", "nightlife", "office", "park", "through"]
TIMEZONE: Final = "Asia/Shanghai"
COUNTRY: Final = "CN"
PLACES_FILE: Final = Path(__file__).parents[1] / "data" / "quarter.geojson"
"""What `places_geojson` gives, kept beside the code so that it can be opened without running anything."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A device and its habits."""

    device: Device
    profile: Profile
    people_h: float = 0.0
    """People an hour past a camera when its profile is at its height, both directions together."""
    vehicles_h: float = 0.0
    numbered: bool = True
    """Whether it can number its observations (`seq`, `boot`)."""
    batch_ms: int = 0
    """Observations this close together go out as one message; 0 sends each alone."""
    text_time: bool = False
    """Sends RFC 3339 text instead of epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Places with the habits of their devices, in the order of the places file."""

    places: Places
    specs: tuple[Spec, ...]
    timezone: str = TIMEZONE
    country: str = COUNTRY
    households_cars: int = 640
    """Residents' cars of the whole site, shared out over the beats with gates."""
    index: dict[str, int] = field(default_factory=dict)
    """Device id → position in `specs`."""

    def only(self, devices: Iterable[str]) -> Neighbourhood:
        """Return the same site with only these devices speaking. Raises ValueError naming an unknown one."""
        wanted = set(devices)
        unknown = sorted(wanted - set(self.places.devices))
        if unknown:
            raise ValueError(f"no such device in the site: {', '.join(unknown[:5])}")
        return _site(self.places, [spec for spec in self.specs if spec.device.id in wanted])


def _site(places: Places, specs: Iterable[Spec]) -> Neighbourhood:
    kept = tuple(specs)
    return Neighbourhood(places, kept, index={spec.device.id: position for position, spec in enumerate(kept)})


_Area = tuple[str, plan.Name, str, tuple[int, int, int, int], int, int]
NAME: Final[plan.Name] = ("Qingwu Quarter", "青梧片区")
_BEATS: Final[tuple[_Area, ...]] = (
    ("lantern-street", ("Lantern Street", "灯笼街"), "青梧社区 Qingwu", (2, 0, 4, 1), 520, 1),
    ("creekside", ("Creekside", "溪滨里"), "青梧社区 Qingwu", (0, 0, 2, 2), 1130, 0),
    ("old-market", ("Old Market", "老菜场"), "青梧社区 Qingwu", (2, 1, 4, 2), 610, 1),
    ("garden-estate", ("Garden Estate", "花园新村"), "向阳社区 Xiangyang", (0, 2, 2, 4), 1380, 0),
    ("academy", ("Academy", "学府坊"), "向阳社区 Xiangyang", (2, 2, 4, 4), 840, 0),
    ("east-station", ("East Station", "东站"), "向阳社区 Xiangyang", (4, 0, 5, 4), 520, 1),
)

_Spot = tuple[float, float, Profile, float, float]
_CAMERAS: Final[dict[str, tuple[_Spot, ...]]] = {
    "lantern-street": (
        (2.0, 0.0, "nightlife", 620, 130),
        (2.5, 0.0, "nightlife", 840, 0),
        (3.0, 0.0, "nightlife", 760, 150),
        (3.5, 0.0, "park", 260, 0),
        (2.0, 1.0, "nightlife", 980, 210),
        (2.5, 1.0, "nightlife", 1240, 0),
        (3.0, 1.0, "nightlife", 1400, 260),
        (3.5, 1.0, "nightlife", 900, 240),
        (2.5, 0.5, "nightlife", 700, 0),
    ),
    "creekside": (
        (0.0, 0.0, "park", 180, 60),
        (0.5, 0.0, "park", 240, 0),
        (1.0, 0.0, "residential", 260, 80),
        (0.0, 1.0, "through", 160, 320),
        (1.0, 1.0, "residential", 320, 140),
        (1.0, 1.5, "residential", 210, 0),
        (0.5, 0.5, "residential", 150, 0),
    ),
    "old-market": (
        (3.0, 1.5, "commuter", 1500, 300),
        (2.0, 1.5, "market", 620, 90),
        (2.5, 2.0, "market", 1320, 0),
        (3.0, 2.0, "market", 1100, 240),
        (3.5, 2.0, "market", 760, 170),
        (2.0, 2.0, "market", 820, 200),
        (2.5, 1.5, "market", 900, 0),
    ),
    "garden-estate": (
        (0.0, 2.0, "through", 140, 300),
        (1.0, 2.0, "residential", 360, 120),
        (0.0, 3.0, "residential", 240, 90),
        (1.0, 3.0, "residential", 420, 110),
        (0.5, 3.5, "residential", 180, 0),
        (1.0, 4.0, "residential", 300, 100),
        (1.5, 3.5, "park", 260, 0),
    ),
    "academy": (
        (2.0, 3.0, "school", 520, 140),
        (2.5, 3.0, "school", 900, 0),
        (3.0, 3.0, "school", 760, 180),
        (3.5, 2.5, "school", 420, 0),
        (2.0, 4.0, "residential", 260, 110),
        (3.0, 4.0, "residential", 300, 130),
        (3.5, 3.0, "office", 480, 160),
    ),
    "east-station": (
        (4.0, 1.0, "commuter", 1300, 420),
        (4.5, 1.0, "commuter", 1600, 0),
        (5.0, 1.0, "through", 260, 520),
        (4.0, 2.0, "commuter", 900, 380),
        (5.0, 2.0, "through", 180, 480),
        (4.0, 3.0, "office", 520, 300),
        (5.0, 3.0, "through", 150, 420),
        (4.5, 4.0, "residential", 220, 90),
    ),
}
"""Beat → (column, row, profile, people an hour, vehicles an hour) at the height of the day."""

_OTHERS: Final[tuple[tuple[DeviceType, str, float, float, Profile], ...]] = (
    ("gate", "creekside", 0.5, 1.0, "residential"),
    ("gate", "creekside", 1.5, 0.0, "residential"),
    ("gate", "garden-estate", 0.5, 2.0, "residential"),
    ("gate", "garden-estate", 1.5, 4.0, "residential"),
    ("gate", "garden-estate", 0.0, 3.5, "residential"),
    ("gate", "academy", 2.5, 4.0, "residential"),
    ("gate", "lantern-street", 3.5, 0.5, "residential"),
    ("gate", "east-station", 4.5, 3.0, "office"),
    ("noise", "lantern-street", 2.25, 1.0, "nightlife"),
    ("noise", "lantern-street", 3.0, 0.75, "nightlife"),
    ("noise", "lantern-street", 2.75, 0.0, "nightlife"),
    ("noise", "old-market", 2.75, 2.0, "market"),
    ("noise", "old-market", 3.0, 1.25, "commuter"),
    ("noise", "creekside", 0.75, 0.0, "park"),
    ("noise", "garden-estate", 1.25, 3.0, "residential"),
    ("noise", "academy", 2.75, 3.0, "school"),
    ("noise", "east-station", 4.25, 1.0, "commuter"),
    ("noise", "east-station", 5.0, 2.5, "through"),
    ("smoke", "lantern-street", 2.6, 0.8, "nightlife"),
    ("smoke", "lantern-street", 3.4, 0.9, "nightlife"),
    ("smoke", "old-market", 2.4, 1.8, "market"),
    ("smoke", "old-market", 3.4, 1.8, "market"),
    ("smoke", "creekside", 0.6, 1.6, "residential"),
    ("smoke", "creekside", 1.6, 0.6, "residential"),
    ("smoke", "garden-estate", 0.6, 2.6, "residential"),
    ("smoke", "garden-estate", 1.6, 3.6, "residential"),
    ("smoke", "academy", 2.6, 2.6, "school"),
    ("smoke", "east-station", 4.4, 2.4, "commuter"),
    ("heat", "lantern-street", 2.7, 0.8, "nightlife"),
    ("heat", "old-market", 2.5, 1.8, "market"),
    ("heat", "garden-estate", 0.7, 2.6, "residential"),
    ("heat", "academy", 2.7, 2.6, "school"),
    ("heat", "east-station", 4.5, 2.4, "commuter"),
    ("water", "creekside", 0.25, 0.0, "park"),
    ("water", "creekside", 1.25, 0.0, "park"),
    ("water", "lantern-street", 3.25, 0.0, "park"),
    ("water", "east-station", 4.75, 1.0, "commuter"),
    ("door", "lantern-street", 2.4, 0.6, "nightlife"),
    ("door", "lantern-street", 3.6, 0.6, "nightlife"),
    ("door", "old-market", 2.6, 1.6, "market"),
    ("door", "creekside", 1.4, 1.4, "residential"),
    ("door", "garden-estate", 0.4, 3.4, "residential"),
    ("door", "garden-estate", 1.4, 2.6, "residential"),
    ("door", "academy", 2.4, 3.4, "school"),
    ("door", "academy", 3.6, 2.6, "school"),
    ("door", "east-station", 4.6, 2.6, "commuter"),
    ("manhole", "lantern-street", 2.75, 1.0, "nightlife"),
    ("manhole", "old-market", 2.25, 2.0, "market"),
    ("manhole", "creekside", 0.0, 0.5, "through"),
    ("manhole", "creekside", 1.0, 0.5, "residential"),
    ("manhole", "garden-estate", 1.0, 2.5, "residential"),
    ("manhole", "academy", 3.0, 2.5, "school"),
    ("manhole", "east-station", 5.0, 0.5, "through"),
    ("manhole", "east-station", 4.0, 3.5, "office"),
)
_LABELS: Final[dict[str, plan.Name]] = {
    "camera": ("Camera", "摄像机"),
    "gate": ("Vehicle gate", "车辆道闸"),
    "noise": ("Noise sensor", "噪声传感器"),
    "smoke": ("Smoke detector", "烟雾探测器"),
    "heat": ("Heat detector", "温感探测器"),
    "water": ("Water level sensor", "水位传感器"),
    "door": ("Fire door", "消防门"),
    "manhole": ("Manhole cover", "井盖"),
    "environment": ("Environment sensor", "环境传感器"),
}
_UNNUMBERED: Final = frozenset({"smoke-09", "water-02", "noise-06", "camera-16"})
_TEXT_TIME: Final = frozenset({"camera-12", "heat-03", "noise-08"})
_BATCHING: Final[dict[DeviceType, int]] = {"noise": 20_000, "heat": 20_000}


def places_geojson() -> dict[str, Any]:
    """Return the quarter as a GeoJSON document that `ingest.places.parse_places` accepts."""
    features = [
        _feature("Polygon", [[list(plan.to_lonlat(point)) for point in plan.block(*corners)]], {
            "kind": "beat", "id": beat, "name": _names(name), "community": community,
            "residents": residents, "officers": officers,
        })
        for beat, name, community, corners, residents, officers in _BEATS
    ]  # fmt: skip
    features += [
        _feature("LineString", [list(plan.to_lonlat(point)) for point in line.points], {
            "kind": "street", "name": _names(line.name),
        })
        for line in plan.lines()
    ]  # fmt: skip
    spots: list[tuple[DeviceType, str, float, float]] = [
        ("camera", beat, spot[0], spot[1]) for beat, found in _CAMERAS.items() for spot in found
    ]
    spots += [(kind, beat, column, row) for kind, beat, column, row, _ in _OTHERS]
    numbers: dict[str, int] = {}
    seen: dict[tuple[str, plan.Name], int] = {}
    for kind, beat, column, row in spots:
        number = numbers[kind] = numbers.get(kind, 0) + 1
        label, where = _LABELS[kind], plan.address(column, row)
        same = seen[kind, where] = seen.get((kind, where), 0) + 1
        nth = f" {same}" if same > 1 else ""
        x, y = plan.node(column, row)
        properties: dict[str, Any] = {
            "kind": "device",
            "id": f"{kind}-{number:02d}",
            "beat": beat,
            "type": kind,
            "name": {"en": f"{label[0]}{nth}, {where[0]}", "zh-CN": f"{where[1]}{label[1]}{nth.strip()}"},
        }
        if kind == "door":
            properties["overrides"] = {"open_s": 120}
        features.append(_feature("Point", list(plan.to_lonlat((x + 4.0, y + 4.0))), properties))
    return {"type": "FeatureCollection", "name": _names(NAME), "features": features}


def _names(name: plan.Name) -> dict[str, str]:
    return {"en": name[0], "zh-CN": name[1]}


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def places() -> Places:
    """Return the quarter's checked places."""
    return parse_places(places_geojson(), "quarter")


def quarter() -> Neighbourhood:
    """Return the built-in neighbourhood with its habits."""
    found = places()
    habits: list[tuple[Profile, float, float]] = [
        (profile, people, vehicles) for spots in _CAMERAS.values() for _, _, profile, people, vehicles in spots
    ]
    habits += [(profile, 0.0, 0.0) for *_, profile in _OTHERS]
    return _site(found, [_spec(device, *habit) for device, habit in zip(found.devices.values(), habits, strict=True)])


def _spec(device: Device, profile: Profile, people: float, vehicles: float) -> Spec:
    return Spec(
        device,
        profile,
        people,
        vehicles,
        numbered=device.id not in _UNNUMBERED,
        batch_ms=_BATCHING.get(device.type, 0),
        text_time=device.id in _TEXT_TIME,
    )


_PROFILES: Final[tuple[Profile, ...]] = (
    "residential", "commuter", "market", "school", "nightlife", "office", "park", "through",
)  # fmt: skip


def from_places(found: Places) -> Neighbourhood:
    """Give every device of a places file a habit, chosen by its id, so that it can be simulated."""
    specs = []
    for device in found.devices.values():
        mark = zlib.crc32(device.id.encode())
        profile = _PROFILES[mark % len(_PROFILES)] if device.type == "camera" else "residential"
        people = 150.0 + mark // 8 % 12 * 90.0
        specs.append(_spec(device, profile, people, 150.0 if mark % 3 == 0 else 0.0))
    return _site(found, specs)


def load_site(path: Path) -> Neighbourhood:
    """Read a places file and give its devices habits. Raises `ingest.places.PlacesError` and OSError."""
    return from_places(load_places(path))


_MIX: Final[tuple[DeviceType, ...]] = (
    "camera", "camera", "camera", "camera", "camera", "camera", "noise", "gate", "smoke", "door", "manhole", "water",
)  # fmt: skip
"""Half cameras, the rest shared out, as a site with thousands of devices is."""


def scale(n_devices: int) -> Neighbourhood:
    """Return a synthetic site with this many devices, 100 to a beat, on a square grid of blocks.

    Raises ValueError for fewer than one device.
    """
    if n_devices < 1:
        raise ValueError(f"a site of {n_devices} devices was asked for, expected at least 1")
    per_beat, block_m = 100, 320.0
    beats_n = -(-n_devices // per_beat)
    side = max(1, int(beats_n**0.5 + 0.999))
    beats: dict[str, Beat] = {}
    devices: dict[str, Device] = {}
    for number in range(beats_n):
        x, y = (number % side - side / 2) * block_m, (number // side - side / 2) * block_m
        beat = f"b{number:04d}"
        corners = ((0.0, 0.0), (block_m, 0.0), (block_m, block_m), (0.0, block_m), (0.0, 0.0))
        ring = tuple(plan.to_lonlat((x + dx, y + dy)) for dx, dy in corners)
        name = {"en": f"Beat {number + 1}", "zh-CN": f"第{number + 1}网格"}
        beats[beat] = Beat(beat, name, ring, residents=1500, officers=1, community=f"c{number // 4:03d}")
        for slot in range(min(per_beat, n_devices - number * per_beat)):
            kind = _MIX[slot % len(_MIX)]
            device = f"{kind}-{number:04d}-{slot:02d}"
            lon, lat = plan.to_lonlat((x + 16.0 + slot % 10 * 32.0, y + 16.0 + slot // 10 * 32.0))
            label = _LABELS[kind]
            text = {"en": f"{label[0]} {number + 1}/{slot + 1}", "zh-CN": f"{label[1]}{number + 1}-{slot + 1}"}
            devices[device] = Device(device, beat, kind, text, lon, lat)
    streets = tuple(
        Street(
            {"en": f"Row {row + 1}", "zh-CN": f"{row + 1}号路"},
            tuple(plan.to_lonlat((edge * side * block_m / 2, (row - side / 2) * block_m)) for edge in (-1, 1)),
        )
        for row in range(side + 1)
    )
    return from_places(Places(beats, devices, streets))


def to_geojson(found: Places) -> dict[str, Any]:
    """Return any places as a GeoJSON document that `ingest.places.parse_places` reads back equal."""
    features = [
        _feature("Polygon", [[list(point) for point in beat.polygon]], {
            "kind": "beat", "id": beat.id, "name": beat.name, "community": beat.community,
            "residents": beat.residents, "officers": beat.officers,
        })
        for beat in found.beats.values()
    ]  # fmt: skip
    features += [
        _feature("LineString", [list(point) for point in street.line], {"kind": "street", "name": street.name})
        for street in found.streets
    ]
    for device in found.devices.values():
        properties: dict[str, Any] = {
            "kind": "device", "id": device.id, "beat": device.beat, "type": device.type, "name": device.name,
        }  # fmt: skip
        if device.overrides:
            properties["overrides"] = device.overrides
        features.append(_feature("Point", [device.lon, device.lat], properties))
    document: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    return {**document, "name": found.name} if found.name else document


def write_places(path: Path, document: dict[str, Any] | None = None) -> None:
    """Write a places document (the quarter's by default), one feature a line so that changes can be read."""
    chosen = places_geojson() if document is None else document
    rows = ",\n".join(msgspec.json.encode(feature).decode() for feature in chosen["features"])
    name = msgspec.json.encode(chosen.get("name", {})).decode()
    path.write_text(f'{{"type":"FeatureCollection","name":{name},"features":[\n{rows}\n]}}\n', encoding="utf-8")
