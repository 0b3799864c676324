"""What the pipeline finds: columns where there is much, small structs where there is little.

Every result has a key that is the same when the log is processed again, so that writing it twice changes nothing.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.events import Command, FalseAlarm, Incident, PatrolDid, PatrolPlan
from ingest.health import AgentReport
from ingest.refusal import Refusal
from ingest.vocabulary import ALERT_KINDS, AnomalyDirection, Severity
from stream.patrol_results import BeatShare, ComingRisk, OfficerPlan
from stream.sentences import OUTSIDE, Why

Names = dict[str, str]
"""Language → what a place is called in it, from the places file."""


class SeriesKey(msgspec.Struct, frozen=True, array_like=True):
    """One thing one device measures: the unit of windows and baselines."""

    beat: str
    device: str
    kind: int
    """`ingest.vocabulary.Kind`."""
    metric: str
    """person, vehicle (counts); noise, … (levels); door, … (states); gate (gates)."""


RECALLED: Final = -1
"""`WindowRows.part` of rows without observations: what the model expects of a window that it knows from late data only.
What it said when the window closed (part 0) goes before."""


@dataclass(slots=True)
class WindowRows:
    """Rows of windows; key (series, start, part). All arrays have shape (rows,)."""

    series: NDArray[np.int32]
    """Index into `Results.catalog`."""
    start: NDArray[np.int64]
    """Start of the window, epoch ms."""
    part: NDArray[np.int64]
    """0, or for `WindowStatus.LATE` the log position it came from (also for windows begun again after the gateway's
    clock was set back). A window is the sum of its parts."""
    status: NDArray[np.uint8]
    n: NDArray[np.int32]
    """Observations applied: summed over all rows this is what `stored` means."""
    sum_a: NDArray[np.float64]
    """Counts: in. Levels: sum of values (mean = sum_a / n). Gates: passes in. States: observations."""
    sum_b: NDArray[np.float64]
    """Counts: out. Gates: passes out."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    exposure: NDArray[np.float32]
    """Share of the window that was observed, 0-1 (counts)."""
    expected: NDArray[np.float32]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    p: NDArray[np.float32]
    """Tail probability of what was seen; NaN where there is no model. Same for expected, lower, upper."""
    state: NDArray[np.uint8]
    """`HiddenState` of counts, `LevelState` of levels."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.series)


@dataclass(slots=True)
class GateRows:
    """One row a passing vehicle; key (series, boot, seq)."""

    series: NDArray[np.int32]
    ts: NDArray[np.int64]
    seq: NDArray[np.int64]
    boot: list[str]
    direction: NDArray[np.uint8]
    allowed: NDArray[np.int8]
    vehicle: list[str]
    plate: list[str]


@dataclass(slots=True)
class StateRows:
    """One row a change of state; key (series, ts)."""

    series: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: list[str]


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """Something the model finds unlikely; key (device, metric, kind, ts)."""

    beat: str
    device: str
    metric: str
    kind: str
    """A key of `ingest.vocabulary.ALERT_KINDS`."""
    direction: AnomalyDirection
    severity: Severity
    ts: int
    """Event time of its onset (epoch ms)."""
    observed: float
    expected: float
    p: float
    """Tail probability; NaN for rules."""
    duration_s: float
    confidence: float
    """0-1, lowered by the device's data quality."""
    why: Why


NO_REASON: Final = Why("")
"""Of a notice that only says that a condition is over."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A condition at a device, or at a beat, has begun or gone on (rise), or is over (fall).

    What a shard tells the site, whose alert book makes alerts of it.
    """

    act: Literal["rise", "fall"]
    beat: str
    device: str
    """A device's id, or the beat's where no single device is the cause."""
    kind: str
    at_ms: int
    """Received time of the record that it follows from."""
    lonlat: tuple[float, float] = (0.0, 0.0)
    place: Names = msgspec.field(default_factory=dict)
    why: Why = NO_REASON
    confidence: float = 1.0
    surprise: float = 0.0
    """-log10 of the tail probability, for findings of a model."""
    cause_ms: int = 0
    """Event time of its beginning; for a fall, of its end (0: not known)."""
    cause_seq: int = -1
    ends: bool = True
    """Whether a fall will follow; otherwise the alert expires, and every rise is an event of its own."""
    about: str = ""
    """What neighbours must have in common, beside the kind, to be one cause: which level is high, which fault it is."""
    quiet: bool = False
    """Only what it says has changed: there is nothing that people would have to hear."""
    devices: tuple[str, ...] = ()
    """All devices that it concerns, where a rule has combined several; `device` is the first."""
    by: str = ""
    """Of a fall: who has said that it is over, because it is how things are now."""
    takes: tuple[tuple[str, str], ...] = ()
    """(device, kind) of findings whose alerts this one takes the place of."""

    @property
    def by_model(self) -> bool:
        """Whether a model found it, so that it takes part in the budget and in grouping; rules are alerted at once."""
        return ALERT_KINDS[self.kind].by_model

    @property
    def severity(self) -> Severity:
        """How severe conditions of its kind are."""
        return ALERT_KINDS[self.kind].severity


AlertState = Literal["raised", "acknowledged", "cleared", "expired"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an alert; key (id, revision). The newest revision is the alert as it stands."""

    id: str
    revision: int
    site: str
    beat: str
    device: str
    kind: str
    state: AlertState
    severity: Severity
    raised_ms: int
    changed_ms: int
    lon: float
    lat: float
    place: Names
    why: Why
    confidence: float = 1.0
    by: str = ""
    """Who acknowledged or cleared it; empty where the system did."""
    note: str = ""
    reason: FalseAlarm | Literal[""] = ""
    """Why it was a false alarm, where somebody has said so; stays when it ends by itself after that."""
    cause_ms: int = 0
    """Event time of the observation that raised it."""
    cause_seq: int = -1
    """Its sequence number, -1 where a window raised it."""
    devices: tuple[str, ...] = ()
    """All devices it concerns, the first being `device`, where neighbours make one alert; empty for one alone."""
    heard_ms: int = 0
    """When people were last called for it, or took it up. Equal to `changed_ms` but for revisions that only bring its
    numbers or devices up to date: for them nobody's phone need ring."""

    @property
    def quiet(self) -> bool:
        """Whether this revision calls nobody."""
        return 0 < self.heard_ms < self.changed_ms


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """How a site's alert budget stands; see `stream.alerts.budget`."""

    per_day: int
    """Alerts of models a day that are asked for; 0: no budget."""
    day: str
    """The local day, as an ISO date."""
    threshold: float
    """Surprise below which nothing is alerted today; 0: as the models are shipped."""
    raised: int
    """Findings of models today that became alerts; neighbours together count once."""
    held: int
    """Those that did not, for the budget's sake."""


class HotspotPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of neighbouring cells that people know as one place; the first of them has it.

    Its name is `HotspotCell.where`, what drives it `HotspotCell.why`.
    """

    cells: list[str]
    """All cells of it, highest risk first."""
    lon: float
    """Its middle, with `lat`."""
    lat: float
    hours: tuple[int, int] | None
    """From and until which local hour most is expected; None where it is all hours alike."""
    period_s: int
    """The coming period that `expected` is about: in `hours` of its days only."""
    category: str
    """What `expected` counts; empty for incidents of all kinds."""
    expected: float
    low: float
    """`expected` is probably between `low` and `high`."""
    high: float
    times: float | None
    """So many times as much is expected in each of its cells as in a cell of the beat, in the same hours."""
    known: str
    """What the map knows: prior, sensors, young, own."""
    why_amount: Why
    why_sure: Why


class HotspotCell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the hotspot map."""

    cell: str
    """Stable id, e.g. ``r012c034``."""
    beat: str
    lon: float
    lat: float
    risk: float
    """0-1, relative to the highest cell of the map."""
    rank: int
    """1 is the highest."""
    expected: float
    """Expected events in the coming period (see `HotspotMap.horizon_s`)."""
    why: Why
    """What drives it."""
    where: Why = OUTSIDE
    """What people call the place it is in."""
    lead: str = ""
    """The first cell of the place it is in."""
    spot: HotspotPlace | None = None
    """What is said of that place, in its first cell."""


class HotspotMap(msgspec.Struct, frozen=True, kw_only=True):
    """The top cells at one time; key (site, ts, cell)."""

    ts: int
    horizon_s: int
    cell_m: float
    cells: list[HotspotCell]


class PlacedIncident(Incident, frozen=True, kw_only=True):
    """An incident that was not seen before; key id."""

    beat: str = ""
    """The beat that it lies in, empty for none."""


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A device's data quality over one closed window; key (device, start)."""

    beat: str
    device: str
    start: int
    received: int
    late: int
    missing: int
    duplicate: int
    stuck: bool
    silent: bool
    skew_s: float
    """Median-like difference of received and event time, seconds; positive is behind."""
    quality: float
    """0-1."""
    online: bool


class Taught(msgspec.Struct, frozen=True):
    """What became of the windows of one record of history."""

    learned: int = 0
    known: int = 0
    """Learned before, and so passed over."""
    early: int = 0
    """Not over yet when the record came."""


@dataclass(slots=True)
class RecordOutput:
    """What a record gave that goes from its shard to the sinks as it is. Lists are in the order of what happened."""

    position: int
    """Log position of the record."""
    now_ms: int
    """Its received time."""
    watermark_ms: int
    catalog: list[SeriesKey]
    """All series known so far, shared by all that a shard, or the site, gives; only ever grows."""
    windows: list[WindowRows] = field(default_factory=list)
    gates: list[GateRows] = field(default_factory=list)
    states: list[StateRows] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    health: list[DeviceHealth] = field(default_factory=list)
    agents: list[AgentReport] = field(default_factory=list)
    """What edge agents say of themselves, and strangers."""
    refusals: list[Refusal] = field(default_factory=list)
    accepted: int = 0
    """Observations applied (late ones included)."""
    duplicates: int = 0
    late: int = 0
    taught: Taught | None = None
    """What became of a record of history."""
    sure: bool = False
    """Whether the devices' clocks, or a long time without a step, have confirmed `now_ms`: else nothing may be deleted
    by it."""
    put_back: bool = False
    """Whether the site's time was ahead and has been put right with this record: what is of later times is wrong."""
    closing: bool = False
    """Not what a record gave, but what was still unwritten at a planned stop behind it: rows of open windows."""


@dataclass(slots=True)
class ShardOutput(RecordOutput):
    """What a shard gives its site."""

    commands: list[Command] = field(default_factory=list)
    """What people said."""
    notices: list[Notice] = field(default_factory=list)
    """What has begun and ended."""
    incidents: list[Incident] = field(default_factory=list)
    """All that came."""
    plans: list[PatrolPlan] = field(default_factory=list)
    dids: list[PatrolDid] = field(default_factory=list)
    fits: list[bytes] = field(default_factory=list)
    """Weights for the hotspot forecast, fitted beside the pipeline."""
    places: bytes = b""
    """The record of places that came, see `ingest.places.encode_places`."""
    calendar: bytes = b""
    """The record of the calendar that came, see `ingest.days.site_calendar.encode_calendar`."""
    shard: int = 0


@dataclass(slots=True)
class Results(RecordOutput):
    """What a site gives its sinks."""

    alerts: list[Alert] = field(default_factory=list)
    incidents: list[PlacedIncident] = field(default_factory=list)
    """Those not seen before."""
    patrols: list[OfficerPlan] = field(default_factory=list)
    """Those that have changed."""
    shares: list[BeatShare] = field(default_factory=list)
    """Of all beats, now and then."""
    coming: ComingRisk | None = None
    """Where it is new."""
    maps: list[HotspotMap] = field(default_factory=list)
    """Of hotspots, the oldest first: several may fall due at once."""
    budget: BudgetState | None = None
    """Where it has changed."""
    book: list[Command] = field(default_factory=list)
    """What people wrote into the shift book; ``ts`` is when it was received."""
