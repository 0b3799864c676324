"""A neighbourhood of six beats and 99 devices, for 5,000 residents and three officers; and larger ones made of blocks.

`quarter` is what demos and tests walk through: ``simulators/data/quarter.geojson`` says where its devices are and how
busy they are. `load` reads any places file, and gives habits to devices that the file gives none. `scale` makes sites
of any size for benchmarks. All are free of chance. The quarter, its streets and its people are invented; only the spot
on the globe is real, so that a map can show it.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ingest.places import Beat, Device, DeviceType, Places, PlacesError, load_places
from simulators.world.ground import Point, shifted

Profile = Literal["residential", "commuter", "market", "school", "nightlife", "office", "park", "through", "shifts"]
_PROFILES: Final[tuple[Profile, ...]] = (
    "residential", "commuter", "market", "school", "nightlife", "office", "park", "through",
)  # fmt: skip
"""Those that devices without habits have; where shifts change the file says so."""
TIMEZONE: Final = "Asia/Shanghai"
COUNTRY: Final = "CN"
QUARTER: Final = Path(__file__).parents[1] / "data" / "quarter.geojson"
"""The places file of the built-in neighbourhood."""
_CENTRE: Final[Point] = (121.4700, 31.2300)
_TURN: Final = math.radians(-9.0)
_BATCH_MS: Final[dict[DeviceType, int]] = {"noise": 20_000, "heat": 20_000}


class Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a device behaves: the property ``habits`` of its feature in a places file."""

    profile: Profile
    people_h: float = 0.0
    """People an hour past a camera when its profile is at its height, both directions together."""
    vehicles_h: float = 0.0
    numbered: bool = True
    """Whether it can number its observations (`seq`, `boot`)."""
    text_time: bool = False
    """Sends RFC 3339 text instead of epoch milliseconds."""


class Spec(Habits, frozen=True, kw_only=True):
    """A device and its habits."""

    device: Device

    @property
    def batch_ms(self) -> int:
        """Observations this close together go out as one message; 0 sends each alone."""
        return _BATCH_MS.get(self.device.type, 0)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Places with the habits of their devices, in the order of the places file."""

    places: Places
    specs: tuple[Spec, ...]
    timezone: str = TIMEZONE
    country: str = COUNTRY
    households_cars: int = 640
    """Residents' cars of the whole site, shared out over the beats with gates."""

    def only(self, devices: Iterable[str]) -> "Neighbourhood":
        """Return the same site with only these devices speaking. Raises ValueError naming an unknown one."""
        wanted = set(devices)
        unknown = sorted(wanted - set(self.places.devices))
        if unknown:
            raise ValueError(f"no such device in the site: {', '.join(unknown[:5])}")
        return Neighbourhood(self.places, tuple(spec for spec in self.specs if spec.device.id in wanted))


def places_geojson() -> dict[str, Any]:
    """Return the quarter as a GeoJSON document that `ingest.places.parse_places` accepts."""
    document: dict[str, Any] = msgspec.json.decode(QUARTER.read_bytes())
    return document


def quarter() -> Neighbourhood:
    """Return the built-in neighbourhood."""
    return load(QUARTER)


def load(path: Path) -> Neighbourhood:
    """Read a places file for simulation.

    A device without the property ``habits`` gets habits that its id decides. Raises `ingest.places.PlacesError` and
    OSError.
    """
    places = load_places(path)
    habits: dict[str, Habits] = {}
    for feature in msgspec.json.decode(path.read_bytes())["features"]:
        properties = feature["properties"]
        if "habits" in properties:
            try:
                habits[properties["id"]] = msgspec.convert(properties["habits"], Habits)
            except msgspec.ValidationError as error:
                raise PlacesError(f"{path}: the habits of {properties.get('id')!r}: {error}") from error
    return _neighbourhood(places, habits)


def _neighbourhood(places: Places, habits: dict[str, Habits]) -> Neighbourhood:
    specs = (
        Spec(device=device, **msgspec.structs.asdict(habits.get(device.id) or _usual(device)))
        for device in places.devices.values()
    )
    return Neighbourhood(places, tuple(specs))


def _usual(device: Device) -> Habits:
    """Return habits that depend on the device's id alone."""
    mark = zlib.crc32(device.id.encode())
    profile = _PROFILES[mark % len(_PROFILES)] if device.type == "camera" else "residential"
    return Habits(profile, 150.0 + mark // 8 % 12 * 90.0, 150.0 if mark % 3 == 0 else 0.0)


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
        ring = tuple(_to_lonlat(x + dx, y + dy) for dx, dy in corners)
        beats[beat] = Beat(beat, {"en": beat}, ring, residents=1500, officers=1, community=f"c{number // 4:03d}")
        for slot in range(min(per_beat, n_devices - number * per_beat)):
            kind = _MIX[slot % len(_MIX)]
            device = f"{kind}-{number:04d}-{slot:02d}"
            lon, lat = _to_lonlat(x + 16.0 + slot % 10 * 32.0, y + 16.0 + slot // 10 * 32.0)
            devices[device] = Device(device, beat, kind, {"en": device}, lon, lat)
    return _neighbourhood(Places(beats, devices), {})


def _to_lonlat(x: float, y: float) -> Point:
    """Return (lon, lat) of metres from the quarter's centre, along its streets, rounded to a decimetre."""
    east = x * math.cos(_TURN) - y * math.sin(_TURN)
    north = x * math.sin(_TURN) + y * math.cos(_TURN)
    return shifted(_CENTRE, east, north)
