"""What the API answers about the site: its places, how it is now, the plan of the shift."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from console.board.document.alert_answers import AlertRow, BriefAlert
from console.board.document.plain_answers import Names
from console.board.document.result_answers import HealthRow, MapRow, SeriesWindow
from console.board.freshness import Freshness, FreshnessState
from ingest.places import Beat, Landmark
from ingest.places.background import Background
from stream.patrol_results import StopNow


class PlacedDevice(msgspec.Struct, frozen=True):
    """A device on the map."""

    id: str
    beat: str
    type: str
    name: Names
    lon: float
    lat: float
    heading: float | None
    """Where a camera looks, in degrees clockwise from north."""


class SiteAnswer(msgspec.Struct, frozen=True):
    """The site: what changes only where people edit it."""

    id: str
    name: Names
    timezone: str
    language: str
    languages: dict[str, str]
    simulated: bool
    places: str
    """What tells these places from others."""
    kinds: dict[str, Names]
    """Kind of alert → its title."""
    site_ms: int
    """The site's time now, epoch ms."""
    map_link: str
    bounds: Sequence[float] | None
    """West, south, east, north."""
    beats: list[Beat]
    devices: list[PlacedDevice]
    streets: dict[str, Any]
    """GeoJSON."""
    landmarks: list[Landmark]
    background: Background | None
    """A picture that lies under the map."""


class DeviceNow(msgspec.Struct, frozen=True):
    """A device at a glance."""

    series: list[SeriesWindow]
    """The newest window of each."""
    health: HealthRow | None
    trouble: list[str]


class ToldNow(msgspec.Struct, frozen=True):
    """What became of the newest message of one channel."""

    channel: str
    state: str
    at_ms: int
    reason: Names


class DeliveryNow(msgspec.Struct, frozen=True):
    """Whether alerts reach people's phones."""

    state: Literal["none", "ok", "trouble", "fault", "stopped"]
    since_ms: int
    channels: list[str]


class OverviewAnswer(msgspec.Struct, frozen=True):
    """Everything at a glance."""

    generation: int
    partial: bool
    """Whether devices has only those that changed."""
    places: str
    server_ms: int
    site_ms: int
    clock_speed: float
    freshness: Freshness
    status: dict[str, Any] | None
    """What the node says of itself."""
    open_alerts: int
    """How many are open in all."""
    ended: list[AlertRow]
    """Critical ones of the last day that ended without anybody having taken them up."""
    told: dict[str, list[ToldNow]]
    """Open alert → what became of its messages."""
    delivery: DeliveryNow | None
    hotspots: MapRow | None
    devices: dict[str, DeviceNow]
    alerts: list[AlertRow] = []
    """Open ones, the most severe and newest; left out of an event where they are as they were."""
    more_alerts: list[BriefAlert] = []
    """Open ones behind those, without sentences."""


class HealthAnswer(msgspec.Struct, frozen=True):
    """Whether the board works."""

    ok: bool
    data: FreshnessState = "waiting"
    parts: list[str] = []


class PlanShift(msgspec.Struct, frozen=True):
    """A shift."""

    shift: str
    name: str
    begin_ms: int
    end_ms: int
    made_ms: int
    solver: str


class PlanOfficer(msgspec.Struct, frozen=True):
    """An officer's stops of the shift, planned against delivered minutes."""

    id: str
    name: str
    away_ms: int | None
    planned_min: float
    delivered_min: float
    stops: list[StopNow]


class PlanBeat(msgspec.Struct, frozen=True):
    """A beat, planned against delivered."""

    id: str
    stops: int
    planned_min: float
    delivered_min: float
    planned: int
    arrived: int
    done: int
    skipped: int
    missed: int
    patrol: float | None
    """Its share of patrol, 0-1."""
    reported: float | None
    """Its share of reports, 0-1."""


class PlanAnswer(msgspec.Struct, frozen=True):
    """The plan of the shift that runs, else of the next one, else of the last one."""

    now_ms: int
    shift: PlanShift | None
    officers: list[PlanOfficer]
    beats: list[PlanBeat]
    staffing: dict[str, Any] | None
    failed: str
    """Why no new plan can be made; empty where it can."""
    audit: str | None
