"""The codes that rooms share: one table each, so that no number and no name is repeated by hand.

Numbers stand in columns (batches, windows, the store); names stand in messages, files and sentences. No numpy here.
"""

from enum import IntEnum, IntFlag, StrEnum
from typing import Final, Literal, NamedTuple


class Kind(IntEnum):
    """Observation kinds, and what their columns hold."""

    COUNT = 0
    """a = in, b = out, interval, metric = person | vehicle."""
    GATE = 1
    """a = `Direction`, b = `Permit`, metric = vehicle class, text = token."""
    LEVEL = 2
    """a = value, metric, text = unit."""
    STATE = 3
    """metric, text = value."""


KIND_NAMES: Final = {kind.value: kind.name.lower() for kind in Kind}
HAZARD_LEVELS: Final = {"noise": 85.0, "smoke": 4.0, "temperature": 57.0, "water": 30.0}
"""Metric of a level → the value from which on it is a hazard, where a device's entry in the places says no other."""
STATES_WITH_RULES: Final = (
    "smoke", "heat", "gas", "carbon_monoxide", "water", "door", "cover", "video", "barrier", "tamper",
)  # fmt: skip
WITH_RULES: Final = frozenset(
    {
        *((Kind.LEVEL, metric) for metric in HAZARD_LEVELS),
        *((Kind.STATE, metric) for metric in STATES_WITH_RULES),
    }
)
"""(kind, metric) of everything that has a hazard rule: no quota may lose an alarm of these."""
MODELLED: Final = (Kind.COUNT, Kind.LEVEL)
"""Kinds with baselines; only their windows can be history."""


class Flag(IntFlag):
    """Marks on one observation."""

    NUMBERED_HERE = 1
    """The device cannot number; the gateway gave boot and seq."""
    BACKFILL = 2
    """Recorded earlier and sent later on purpose: its passages raise nothing, its hazards end nothing newer."""
    TIMELESS = 4
    """The device gave no time that can be read: ``ts`` is the time of receipt."""
    RETAINED = 8
    """The broker kept it and showed it at a subscription: it may have been counted long ago."""


class Direction(IntEnum):
    """Which way a vehicle passed a gate."""

    IN = 0
    OUT = 1
    UNKNOWN = 2


DIRECTION_NAMES: Final = {way.value: way.name.lower() for way in Direction}


class Permit(IntEnum):
    """Whether a gate's list allows a vehicle."""

    UNKNOWN = -1
    NO = 0
    YES = 1


PERMIT_VALUES: Final[dict[int, bool | None]] = {Permit.YES: True, Permit.NO: False, Permit.UNKNOWN: None}


class WindowStatus(IntEnum):
    """How final a window row is."""

    OPEN = 0
    CLOSED = 1
    REVISED = 2
    """Late observations came in after it was closed."""
    LATE = 3
    """An addition older than the windows kept in memory; key `part` tells additions apart."""


STATUS_NAMES: Final = {status.value: status.name.lower() for status in WindowStatus}


class HiddenState(IntEnum):
    """The hidden state of a count series. Column `state` of its windows holds it."""

    NORMAL = 0
    SURGE = 1
    DEFICIT = 2
    DEAD = 3
    YOUNG = 4
    """Too little history to judge."""


STATE_NAMES: Final = {state.value: state.name.lower() for state in HiddenState}


class LevelState(IntEnum):
    """What the baseline says of a level series. Column `state` of its windows holds it."""

    NORMAL = 0
    HIGH = 1
    LOW = 2
    STUCK = 3
    """The reading has not changed for too long."""
    YOUNG = 4
    """Too little history to judge."""
    STEP = 5
    """The level changed for good, a day ago."""
    DRIFT = 6
    """The level has crept away for days."""


LEVEL_STATE_NAMES: Final = {state.value: state.name.lower() for state in LevelState}


def state_name(kind: int, state: int) -> str:
    """Return the word for the state of a window: the same number means another thing of counts than of readings.

    >>> state_name(Kind.COUNT, 1), state_name(Kind.LEVEL, 1), state_name(Kind.LEVEL, 5)
    ('surge', 'high', 'step')
    """
    names = LEVEL_STATE_NAMES if kind == Kind.LEVEL else STATE_NAMES
    return names.get(state, str(state))


AnomalyDirection = Literal["surge", "deficit", "hazard", "dead"]
Severity = Literal["info", "warning", "critical"]
SEVERITY_RANK: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "critical": 2}


Together = Literal["alone", "near", "beat"]


class AlertKind(NamedTuple):
    """What all alerts and anomalies of a kind have in common."""

    severity: Severity
    by_model: bool = False
    """Found by a model, so it counts in the alert budget; what a rule finds is alerted."""
    together: Together = "near"
    """Findings at which devices of a beat may be one alert: those near each other (`alerts.group_m`), or all; alone:
    every device has its own, and is told anew each time that it returns."""


ALERT_KINDS: Final[dict[str, AlertKind]] = {
    # counts and readings against their baselines, a beat against its past
    "surge": AlertKind("warning", by_model=True),
    "deficit": AlertKind("info", by_model=True),
    "dead": AlertKind("warning", by_model=True),
    "level_high": AlertKind("warning", by_model=True),
    "level_low": AlertKind("info", by_model=True),
    "context": AlertKind("info", by_model=True, together="beat"),
    # hazards
    "smoke": AlertKind("critical", together="alone"),
    "heat": AlertKind("critical", together="alone"),
    "fire": AlertKind("critical", together="alone"),
    "gas": AlertKind("critical", together="alone"),
    "water": AlertKind("warning"),
    "noise_high": AlertKind("warning", together="beat"),
    "door_open": AlertKind("warning"),
    "cover_open": AlertKind("critical", together="alone"),
    "camera_fault": AlertKind("warning", together="beat"),
    "gate_stuck": AlertKind("warning"),
    "tamper": AlertKind("warning", together="alone"),
    # vehicles at gates
    "stranger_vehicle": AlertKind("warning"),
    "tailgating": AlertKind("info"),
    "circling": AlertKind("warning"),
    "wrong_way": AlertKind("warning"),
    "overstay": AlertKind("info"),
    "convoy": AlertKind("warning"),
    # sensors that no longer measure what they did
    "level_stuck": AlertKind("warning"),
    "level_step": AlertKind("info"),
    "level_drift": AlertKind("info"),
    # devices that send too much
    "device_fault": AlertKind("warning", together="beat"),
    # devices that send nothing
    "silent": AlertKind("info", together="beat"),
    "feed_lost": AlertKind("critical", together="beat"),
    "never_heard": AlertKind("info", together="alone"),
    # devices whose times cannot be believed
    "clock_wrong": AlertKind("warning", together="beat"),
    "own_clock": AlertKind("warning", together="beat"),
    # incidents
    "burglary_series": AlertKind("warning", together="beat"),
    "incident_series": AlertKind("warning", together="beat"),
    # patrols
    "officer_help": AlertKind("critical", together="alone"),
}
DEVICE_TROUBLES: Final = frozenset(
    {
        "dead", "camera_fault", "level_stuck", "level_step", "level_drift", "device_fault", "silent", "feed_lost",
        "never_heard", "clock_wrong", "own_clock",
    }
)  # fmt: skip
"""Alert kinds that say something of the devices and nothing of the street."""
COUNT_ALERTS: Final = {HiddenState.SURGE: "surge", HiddenState.DEFICIT: "deficit", HiddenState.DEAD: "dead"}
"""Hidden state → the alert kind of its episode."""


class Reason(StrEnum):
    """The reasons. The values stand in the quarantine file, in status reports and on the command line."""

    JSON = "json"
    """The payload is not JSON (or not UTF-8)."""
    TYPE = "type"
    """A field is missing or of another type, or the observation type is unknown."""
    RANGE = "range"
    """A value is of the right type, but outside what is allowed: too large, too long, a word that is not one."""
    TOPIC = "topic"
    """The topic is none of the topic tree."""
    SIZE = "size"
    """The payload has too many bytes, or too many observations."""
    DEPTH = "depth"
    """The payload is nested too deeply."""
    CLOCK = "clock"
    """The event time is ahead of the node's clock, or older than the backfill limit."""
    UNKNOWN_DEVICE = "unknown_device"
    """The device is not in the places file, or belongs to another beat."""
    INCIDENT = "incident"
    """An incident report that cannot be read."""
    COMMAND = "command"
    """A command on an alert that cannot be read."""
    PATROL = "patrol"
    """An officer's word, or a plan, that cannot be read or is about a stop that nobody knows."""
    STATUS = "status"
    """A device status that cannot be read."""
    HISTORY = "history"
    """A row of a file, or a record, of history that nothing can be learned from."""
    SEQUENCE = "sequence"
    """The pipeline refused the observation's number."""
    BATCH = "batch"
    """A record of observations whose bytes cannot be read."""
    METRICS = "metrics"
    """One device reports more different metrics than are allowed."""
    PLATE = "plate"
    """A sealed plate that the gateway cannot open."""
    QUOTA = "quota"
    """The device sends more than its share: what is over it is not taken."""
    CRASH = "crash"
    """The process ended while it read this, and a copy of it did too: it is passed by. Please report it."""
    MODEL = "model"
    """A trained model that cannot be read, or is not one for this site."""
    PLACES = "places"
    """Edited places in the log that cannot be read."""
    CALENDAR = "calendar"
    """A calendar of the site that cannot be read."""
    RECORD = "record"
    """What came from Kafka is no record of ours, was cut short or altered, or was written by a later version."""
    PERSONAL = "personal"
    """A register of people, faces, or names: refused whole, before anything is stored."""
    XML = "xml"
    """The payload is no XML that may be read: malformed, too deep, with entities or a document type."""
    AUTH = "auth"
    """Whoever sent it has not proved who it is."""
    BIRTH_MISSING = "birth_missing"
    """The message uses numbers for names that only an earlier one, which was not heard, explains."""
    PROCESSING = "processing"
    """A fault of ours: an unexpected error while the input was handled. Please report it."""


INCIDENT_CATEGORIES: Final = (
    "burglary", "theft", "robbery", "fight", "dispute", "fraud", "vandalism", "traffic", "noise", "noise_complaint",
    "lost_property", "fire",
)  # fmt: skip
"""Categories of incidents that have a name. Others are taken as they are told, and are no series of their own."""
