"""What the API answers, as types: its document is made of them, and tests hold the answers against it.

The answers themselves are dicts as they come from the store, for there is no need to build objects of them. What is
said below a field here stands in the document, too.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from console.board.freshness import Freshness, FreshnessState
from console.deliver.receipts import Receipt
from console.people.rights import Purpose, Right, Role
from ingest.events import Provenance
from ingest.places import Beat, Landmark
from ingest.places.background import Background
from ingest.vocabulary import AnomalyDirection, Severity
from stream.patrol_results import StopNow
from stream.results import Alert, AlertState, HotspotCell, HotspotPlace
from stream.sentences import Why

Names = dict[str, str]
"""Language → text."""
Series = Literal["count", "gate", "level", "state"]


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not answered as asked."""

    error: str
    """A word for programs."""
    message: str
    """A sentence for people, in the language of ?lang=, else of Accept-Language, else of the site."""


class Done(msgspec.Struct, frozen=True):
    """Nothing but that it was done."""


class AlertRow(Alert, frozen=True, kw_only=True):
    """An alert, or one change of it. Times are epoch ms."""

    text: Names
    """What it says."""
    advice: Names
    """What to do."""
    false_alarm: Names | None = None
    """Why it was a false alarm; left out where nobody has said that it was one."""
    observed: float | None = None
    """What was counted or measured; null where its rule has no number."""
    expected: float | None = None
    """What the model expected; null for rules."""
    p: float | None = None
    """Tail probability of what was observed; null for rules."""


class AlertsAnswer(msgspec.Struct, frozen=True):
    """A page of alerts."""

    alerts: list[AlertRow]
    next: str | None
    """For after; null: these were the last."""


class AlertAnswer(AlertRow, frozen=True, kw_only=True):
    """An alert as it stands, how it came to that, and who has been told."""

    history: list[AlertRow]
    receipts: list[Receipt] | None = None
    """null: they cannot be read."""


class CommandAnswer(msgspec.Struct, frozen=True):
    """What was sent to the node."""

    id: str
    """Of the press, as it came."""
    command: str
    """Id of the command."""
    alert: str
    action: Literal["acknowledge", "clear"]
    by: str


class IncidentRow(msgspec.Struct, frozen=True):
    """An incident as it was told."""

    id: str
    ts: int
    lon: float
    lat: float
    category: str
    provenance: Provenance
    text: str = ""
    beat: str = ""
    """The beat that it lies in; empty for none."""
    backfill: bool = False
    """It is history, sent on purpose."""


class IncidentsAnswer(msgspec.Struct, frozen=True):
    """A page of incidents."""

    incidents: list[IncidentRow]
    next: str | None
    since_ms: int | None
    """From when on was asked."""
    categories: dict[str, Names]
    """Category → what people call it."""


class AnomalyRow(msgspec.Struct, frozen=True):
    """Something that a model or a rule finds unlikely."""

    beat: str
    device: str
    metric: str
    kind: str
    direction: AnomalyDirection
    severity: Severity
    ts: int
    """When it began, epoch ms."""
    observed: float | None
    expected: float | None
    p: float | None
    """Tail probability; null for rules."""
    duration_s: float | None
    confidence: float | None
    """0-1, lowered by the device's data quality."""
    text: Names
    why: Why = Why("")


class AnomaliesAnswer(msgspec.Struct, frozen=True):
    """A page of anomalies."""

    anomalies: list[AnomalyRow]
    next: str | None


class SeriesWindow(msgspec.Struct, frozen=True, rename={"into": "in"}):
    """One window of one thing that a device measures, and what was expected of it."""

    start: int
    """Epoch ms."""
    metric: str
    kind: Series
    n: int
    """Observations in it."""
    into: int | None
    """Counts and gates; null for others, as is out."""
    out: int | None
    mean: float | None
    """Of levels."""
    low: float | None
    high: float | None
    expected: float | None
    """By the model; null where there is none, as are lower, upper and p."""
    lower: float | None
    upper: float | None
    p: float | None
    """Tail probability of what was seen."""
    state: str
    status: str
    """open, closed, revised (something was added after its end), late."""
    exposure: float | None = None
    """Share of the window that was observed, 0-1 (counts)."""


class WindowRow(SeriesWindow, frozen=True, kw_only=True):
    """The same, and whose it is."""

    beat: str
    device: str


class WindowsAnswer(msgspec.Struct, frozen=True):
    """A page of windows."""

    windows: list[WindowRow]
    next: str | None


class SpotRow(HotspotPlace, frozen=True, kw_only=True):
    """What is said of a hotspot's place."""

    amount: Names
    sure: Names
    text: Names
    """All of it."""


class CellRow(HotspotCell, frozen=True, kw_only=True):
    """One cell of a hotspot map."""

    drivers: Names
    """What drives it, in words."""
    place: Names
    """What people call the place it is in."""
    spot: SpotRow | None = None


class MapRow(msgspec.Struct, frozen=True):
    """A hotspot map: its cells, highest risk first."""

    ts: int
    horizon_s: int
    cell_m: float
    cells: list[CellRow]


class HotspotsAnswer(msgspec.Struct, frozen=True):
    """The newest map."""

    hotspots: MapRow | None
    """null before the first."""


class MapsAnswer(msgspec.Struct, frozen=True):
    """A page of maps."""

    maps: list[MapRow]
    next: str | None


class HealthRow(msgspec.Struct, frozen=True):
    """A device's data quality over one window."""

    start: int
    received: int
    late: int
    missing: int
    duplicate: int
    stuck: bool
    silent: bool
    skew_s: float | None
    quality: float | None
    """0-1."""
    online: bool
    beat: str = ""
    device: str = ""


class StateRow(msgspec.Struct, frozen=True):
    """A change of state."""

    metric: str
    ts: int
    value: str


class PassageRow(msgspec.Struct, frozen=True):
    """A vehicle that has passed a gate."""

    beat: str
    device: str
    ts: int
    seq: int
    boot: str
    direction: str
    allowed: bool | None
    vehicle: str
    plate: str
    """A token, never the number."""


class DeviceSeries(msgspec.Struct, frozen=True):
    """The windows of one thing that a device measures."""

    metric: str
    kind: Series
    windows: list[SeriesWindow]


class DeviceAnswer(msgspec.Struct, frozen=True):
    """A device's last hours."""

    id: str
    since_ms: int
    until_ms: int
    series: list[DeviceSeries]
    states: list[StateRow]
    gates: list[PassageRow]
    alerts: list[AlertRow]
    health: HealthRow | None
    agent: dict[str, Any] | None
    """How the edge agent is that speaks through it."""
    trouble: list[str]
    """What is wrong with it; empty where all is well."""


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


class BriefAlert(msgspec.Struct, frozen=True):
    """An open alert, as a list and the map need it."""

    id: str
    revision: int
    kind: str
    beat: str
    device: str
    devices: list[str] | None
    severity: Severity
    state: AlertState
    raised_ms: int
    changed_ms: int
    heard_ms: int | None
    by: str | None
    place: Names
    lon: float
    lat: float


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


class PersonRow(msgspec.Struct, frozen=True):
    """An account."""

    id: str
    name: str
    role: Role
    language: str
    officer: str


class LinkRow(msgspec.Struct, frozen=True):
    """A personal link that is open."""

    id: str
    purpose: Purpose
    ends_ms: int


class PersonWithLinks(PersonRow, frozen=True, kw_only=True):
    """An account, with its links."""

    active: bool
    links: list[LinkRow]


class PeopleAnswer(msgspec.Struct, frozen=True):
    """Who there is."""

    people: list[PersonWithLinks]


class SiteName(msgspec.Struct, frozen=True):
    """What a page needs of the site before anybody has signed in."""

    name: Names
    language: str
    timezone: str
    languages: dict[str, str]


class OwnShift(msgspec.Struct, frozen=True):
    """A shift of somebody's own."""

    name: str
    usual: str
    """day or night, of a shift without a name."""
    begin_ms: int
    end_ms: int


class MeAnswer(msgspec.Struct, frozen=True):
    """Who asks."""

    accounts: bool
    """Whether the site has any."""
    person: PersonRow | None
    rights: list[Right]
    purpose: str | None
    about: str
    ends_ms: int | None
    left_ms: int | None
    home: str
    menu: list[str]
    shift: OwnShift | None
    """For which somebody has signed in."""
    demo: dict[str, str] | None
    site: SiteName


class BegunAnswer(msgspec.Struct, frozen=True):
    """A session has begun."""

    home: str
    person: PersonRow | None


class HomeAnswer(msgspec.Struct, frozen=True):
    """Where to go on."""

    home: str
    person: PersonRow | None = None


class NewLinkAnswer(msgspec.Struct, frozen=True):
    """A link that was made."""

    url: str
    svg: str
    """Its QR code."""


class DidAnswer(msgspec.Struct, frozen=True):
    """What was said."""

    id: str
    officer: str
    what: str
    stop: str
