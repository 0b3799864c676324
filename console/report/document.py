"""What a report says: figures and codes, no sentence. The page, the file and the message are made of it.

docs/report.md has the definition of each figure.
"""

from typing import Final, Literal

import msgspec

Names = dict[str, str]
"""Language → what people call it."""
SPANS: Final = (4, 8)
"""Over how many weeks before means are taken."""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """A count in the weeks before."""

    weeks: int
    """How many weeks back it goes."""
    known: int
    """How many of them are known well enough to count."""
    mean: float | None = None
    """None where none is known."""
    least: int | None = None
    most: int | None = None


class PastWeek(msgspec.Struct, frozen=True, kw_only=True):
    """A week before."""

    week: str
    begin_ms: int
    until_ms: int
    unknown_h: float
    alerts: int | None
    """None for one that is left out: what was raised in it is no measure."""


class BeatAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of one beat."""

    beat: str
    name: Names
    count: int
    hours: list[int]
    """By local hour, (24)."""
    mean_hours: list[float] | None
    """The same of the weeks before; None where none is known."""
    before: list[Before]


class KindAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of one kind."""

    kind: str
    count: int
    before: list[Before]


class AlertPart(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts there were, where and when."""

    total: int
    high: int | None
    """So many there may have been, where hours are unknown; None where all are known, or too few to tell."""
    before: list[Before]
    severities: dict[str, int]
    states: dict[str, int]
    kinds: list[KindAlerts]
    beats: list[BeatAlerts]
    days: list[list[int]]
    """By local weekday and hour, (7, 24)."""
    mean_days: list[list[float]] | None


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took."""

    n: int
    median_s: float | None = None
    p90_s: float | None = None


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that nobody has taken up."""

    id: str
    raised_ms: int
    kind: str
    severity: str
    beat: str
    beat_name: Names
    device: str
    """Empty where the alert is about a place, or a person."""
    name: Names
    """Of the device, else of the place."""
    state: str


class ToldSums(msgspec.Struct, frozen=True, kw_only=True):
    """Who was told."""

    alerts: int
    messages: int
    open: int
    """Messages that wait, or were refused."""


class AnswerPart(msgspec.Struct, frozen=True, kw_only=True):
    """How soon people took alerts up, and which nobody did."""

    acknowledge: Spread
    clear: Spread
    severities: dict[str, Spread]
    unanswered: int
    named: list[Unanswered]
    told: ToldSums | None


class FalsePart(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that were none."""

    total: int
    reasons: dict[str, int]
    ended: int
    """Alerts that a person has ended."""
    without: int
    """Those of them without a reason: they were none, or nobody said."""


class PatrolSum(msgspec.Struct, frozen=True, kw_only=True):
    """Planned against delivered."""

    id: str
    """Of the beat, or the shift's name."""
    name: Names
    stops: int
    planned_min: float
    delivered_min: float
    done: int
    skipped: int
    missed: int


class PatrolPart(msgspec.Struct, frozen=True, kw_only=True):
    """What patrols were to do, and what they did."""

    beats: list[PatrolSum]
    shifts: list[PatrolSum]
    stops: int
    planned_min: float
    delivered_min: float


class StaffPart(msgspec.Struct, frozen=True, kw_only=True):
    """Officer-hours by local weekday and hour, (7, 24)."""

    needed: list[list[float]]
    asked: list[list[float]] | None
    there: list[list[float]] | None
    """None where nothing was planned: nobody knows who was there."""
    needed_h: float
    asked_h: float | None
    there_h: float | None
    short_h: float | None
    """Officer-hours that were missing in the hours with fewer there than asked for, or than needed without a sheet;
    since the first plan of all."""
    since_ms: int | None
    """When that begins, where it is in this week: nobody knows who was there before."""


class DeviceWeek(msgspec.Struct, frozen=True, kw_only=True):
    """How a device did."""

    device: str
    name: Names
    beat: str
    dark_h: float
    longest_h: float
    longest_ms: int | None
    """When the longest silence began."""
    still: bool
    """Whether it was dark in its last window."""
    stuck_h: float
    quality: float


class DevicesPart(msgspec.Struct, frozen=True, kw_only=True):
    """Devices that were silent or wrong."""

    known: int
    since_ms: int | None
    """From when on it is known; None where that is all of the week."""
    dark_h: float
    rows: list[DeviceWeek]
    """Those with any trouble, the longest dark first."""
    never: list[str]


class QualityPart(msgspec.Struct, frozen=True, kw_only=True):
    """What came, and how."""

    received: int
    late: int
    duplicate: int
    missing: int
    late_share: float | None
    duplicate_share: float | None
    missing_share: float | None
    quality: float | None


class SeriesOf(msgspec.Struct, frozen=True, kw_only=True):
    """What one device measures."""

    beat: str
    device: str
    name: Names
    metric: str


class AcceptedWord(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word that how it is now is usual."""

    at_ms: int
    device: str
    name: Names
    metric: str
    since_ms: int


class KnownRush(msgspec.Struct, frozen=True, kw_only=True):
    """A rush that a model knows."""

    device: str
    name: Names
    metric: str
    begin: str
    end: str
    weekdays: list[int]
    new: bool
    """Whether the report of the week before did not have it; false, too, where there was none."""


class LearntPart(msgspec.Struct, frozen=True, kw_only=True):
    """What the models learnt anew."""

    grown: list[SeriesOf]
    young: int
    accepted: list[AcceptedWord]
    rhythms: list[KnownRush] | None
    compared: bool
    """Whether there was a report of the week before to tell new rhythms by."""


class UnknownPart(msgspec.Struct, frozen=True, kw_only=True):
    """What is not known of the week."""

    week_h: float
    hours: float
    away_h: float
    blank_h: float
    away: list[tuple[int, int]]
    """Spans (epoch ms) in which nothing ran here; the longest 50."""


class WeekReport(msgspec.Struct, frozen=True, kw_only=True):
    """A week."""

    site: str
    name: Names
    timezone: str
    week: str
    begin_ms: int
    end_ms: int
    until_ms: int
    made_ms: int
    """When, by the site's time."""
    began_ms: int | None
    """When somebody listened first; None where nobody knows."""
    state: Literal["over", "running"]
    simulated: bool
    compared: list[PastWeek]
    left_out: list[PastWeek]
    unknown: UnknownPart
    alerts: AlertPart
    answers: AnswerPart
    false_alarms: FalsePart
    patrol: PatrolPart
    staffing: StaffPart
    devices: DevicesPart | None
    """None where health is not kept so long; so is `quality`."""
    quality: QualityPart | None
    learnt: LearntPart

    @property
    def nothing_known(self) -> bool:
        """Whether no hour of the week is known and no alert is kept: that nothing was counted then says nothing."""
        return not self.alerts.total and self.unknown.hours >= self.unknown.week_h
