"""What the API answers about results: incidents, anomalies, windows, hotspots, devices."""

from typing import Any, Literal

import msgspec

from console.board.document.alert_answers import AlertRow
from console.board.document.plain_answers import Names
from ingest.events import Provenance
from ingest.vocabulary import AnomalyDirection, Severity
from stream.results import HotspotCell, HotspotPlace
from stream.sentences import Why

Series = Literal["count", "gate", "level", "state"]


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
