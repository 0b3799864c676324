"""What people and systems say, beside devices: incidents, commands on alerts, patrols, and a device's status."""

from typing import Annotated, Final, Literal

import msgspec

from ingest.observations import Backfill, EpochMs, Instant

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")]
MaybeId = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:-]{0,63})?\Z")]
"""The same, or empty."""
Status = Literal["online", "offline"]
Text = Annotated[str, msgspec.Meta(max_length=280)]
Provenance = Literal["reported", "sensor", "patrol_discovered"]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something reported with a place and a category, on ``patrolgrid/v1/{site}/incidents``.

    ``id`` makes a repeat harmless; ``provenance`` decides its weight in the hotspot map (what patrols discover is
    weighed down, because they find more where they are sent: Ensign et al., FAT* 2018).
    """

    id: Id
    ts: Instant
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    category: Annotated[str, msgspec.Meta(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9_-]{1,48}\Z")]
    provenance: Provenance = "reported"
    text: Text = ""
    backfill: Backfill = False
    """It is history, sent on purpose: the map learns from it, however old it is, and nobody is alerted."""


FalseAlarm = Literal["nothing", "ordinary", "weather", "animal", "works", "device"]
"""Why an alert was none, as who was there says it."""


Action = Literal["acknowledge", "clear", "note", "hand_over", "take"]
BOOK_ACTIONS: Final[frozenset[Action]] = frozenset({"note", "hand_over", "take"})
"""What goes into the shift book, and changes no alert."""
MOST_HANDED: Final = 60
NOTE: Final = 280
LONG_NOTE: Final = 1_000
"""Characters of a note on an alert, and of one in the shift book."""


class StillOpen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was still open when a shift was handed over."""

    what: Literal["alert", "device", "mute", "works"]
    id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Of the alert or the device."""
    where: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Of a mute or of planned works: ids of beats and devices, and the kind of alerts that is muted."""
    until_ms: int = 0
    text: Annotated[str, msgspec.Meta(max_length=80)] = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did about an alert or wrote into the shift book, on ``patrolgrid/v1/{site}/commands``.

    ``id`` makes a repeat harmless. A note may be about an alert, or about none; a shift is handed over; what was handed
    over is read and taken.
    """

    id: Id
    action: Action
    alert: MaybeId = ""
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Who: the id of an account, or where a site has none, a name."""
    ts: Instant
    note: Annotated[str, msgspec.Meta(max_length=LONG_NOTE)] = ""
    """At most 280 characters on an alert."""
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """What people call them; empty: as in `by`."""
    reason: FalseAlarm | Literal[""] = ""
    """It was a false alarm, and why."""
    about: MaybeId = ""
    """Which shift is handed over (``early-2026-11-26``), or the id of the hand-over that is taken."""
    to: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """To whom it is handed over, as people call them; empty: to whoever comes."""
    handed: Annotated[tuple[StillOpen, ...], msgspec.Meta(max_length=MOST_HANDED)] = ()
    """What is open then, the worst first."""
    more: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How much more was open."""

    def __post_init__(self) -> None:
        """Raise ValueError where something is missing that the action is about."""
        if self.action in BOOK_ACTIONS:
            if self.action != "note" and not self.about:
                raise ValueError(f"about is empty, expected what the {self.action} is about")
            if self.action == "note" and not self.note:
                raise ValueError("note is empty, expected what is to stand in the shift book")
            return
        if not self.alert:
            raise ValueError(f"alert is empty, expected the id of the one to {self.action}")
        if len(self.note) > NOTE:
            raise ValueError(f"note has {len(self.note)} characters, expected at most {NOTE}")

    @property
    def shown(self) -> str:
        """What people read."""
        return self.name or self.by


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word that what a device measures since some time is how it is now (`patrolgrid models --accept`)."""

    beat: str
    device: Id
    metric: str = ""
    """Only what the device measures of this; empty: everything."""
    since_ms: int
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A device's retained status or last will, with the device filled in from the topic by the gateway."""

    beat: str
    device: str
    state: Status
    ts: int


class _StatusMessage(msgspec.Struct, frozen=True):
    state: str


def read_status(payload: bytes) -> Status:
    """Return the state in a status; a plain word will do, as many devices' last wills have it.

    Raises `msgspec.MsgspecError`.

    >>> read_status(b'{"state":"Online","ts":1.5}'), read_status(b"OFFLINE")
    ('online', 'offline')
    """
    try:
        state = msgspec.json.decode(payload, type=_StatusMessage).state
    except msgspec.MsgspecError:
        state = payload[:32].decode("ascii", "replace").strip('"')
    found: Status = msgspec.convert(state.strip().lower(), Status)
    return found


Fault = Literal[
    "rate", "bytes", "boots", "metrics", "refused", "crash", "codes",
    "drops", "power", "disk", "source", "heat", "settings", "certificate", "time",
]  # fmt: skip
"""What a device has too much of: observations, bytes, starts, names of metrics, refusals; or it ended the gateway.

Or it sends a code for a fault again and again, in place of readings or counts. Or what its edge agent says of itself
(`ingest.health`): it gives up observations, its power supply is weak, its disk is full, a source of it is away, it is
hot, does not take the station's settings, its certificate ends, its clock is wrong. These the pipeline finds, and no
gateway.
"""


class DeviceFault(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway has to say of a device that sends more than its share; told again while it lasts."""

    beat: str
    device: str
    what: Fault
    refused: int
    """How much was not taken since it was told last."""
    limit: float
    """What is allowed, where there is a number: observations or bytes a second, starts an hour, metrics; else 0."""


Lon = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Lat = Annotated[float, msgspec.Meta(ge=-90, le=90)]
DidWhat = Literal["arrived", "done", "skipped", "help", "away", "back"]


class PatrolDid(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer has done, on ``patrolgrid/v1/{site}/patrol/{officer}/did``. A repeat changes nothing."""

    what: DidWhat
    """arrived at, done with, or has skipped a stop; needs help; is called away, or is back."""
    stop: MaybeId = ""
    """Of the plan; not needed for help, away and back."""
    ts: Instant | None = None
    """When; without it, when it was received."""
    note: Text = ""
    """Why it was skipped, what is going on."""
    officer: str = ""
    """Filled in from the topic by the gateway; what a message says here is not believed."""


StopKind = Literal["risk", "committed", "minimum", "exploration"]


class PatrolStop(msgspec.Struct, frozen=True, kw_only=True):
    """One stop of a plan."""

    id: Id
    """Another one whenever place, officer or time is another."""
    officer: str
    lon: Lon
    lat: Lat
    arrive_ms: EpochMs
    leave_ms: EpochMs
    kind: StopKind = "risk"
    """Why: most risk covered, agreed upon beforehand, the beat's minimum, or drawn at random so that the map learns."""
    cell: str = ""
    """The map's cell; empty for a committed stop outside it."""
    beat: str = ""
    place: dict[str, str] = {}
    """Language → what people call it."""

    @property
    def planned_min(self) -> float:
        """How long it is to take, in minutes."""
        return max(self.leave_ms - self.arrive_ms, 0) / 60_000


class PatrolPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A shift's plan from `made_ms` on: stops that were begun before are not in it again. JSON in the log."""

    shift: Id
    """Which shift of which day, such as ``early-2026-11-26``: plans of one shift follow one another."""
    name: str = ""
    """What people call the shift."""
    begin_ms: EpochMs
    end_ms: EpochMs
    made_ms: EpochMs
    solver: str = ""
    """Who made it: ``pyvrp`` or ``greedy``."""
    officers: tuple[str, ...] = ()
    """All of the shift, those without stops included."""
    stops: tuple[PatrolStop, ...] = ()
    covered: float = 0.0
    """Expected (weighted) incidents that the stops cover."""
    best: float | None = None
    """What the best plan that was found covers: this one was drawn from many near it, so that nobody can guess it."""
