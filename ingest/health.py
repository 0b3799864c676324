"""What an edge agent says of itself once a minute, on ``patrolgrid/v1/{site}/{beat}/{device}/health``; and strangers.

An agent says it on the topic of one of its devices, of all whom it speaks for. QoS 1 and not retained: an old word says
nothing of now. It never goes through the spool.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from ingest.events import Fault, Id
from ingest.observations import EpochMs

MOST_BYTES: Final = 32 << 10
MOST_STRANGERS: Final = 50
"""In one message. An agent with more says others each time."""
_EVERY_MS: Final = 5_000
"""So long after the last one an agent's word is taken again."""
_AGAIN_MS: Final = 600_000
"""So long after it was told a stranger of the gateway's is told again."""
_MOST_HEARD: Final = 1_000
_LATELY_S: Final = 600.0
_FULL, _FULL_MB = 0.05, 200.0
_HOT_C: Final = 80.0
"""From here on a Raspberry Pi slows itself down (its documentation, "Frequency management and thermal control")."""
_OFF_S: Final = 120.0
CERTIFICATE_DAYS: Final = 21
"""So long before its end a certificate is told."""
_Times = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Word = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f<>]{0,64}\Z")]
_Amount = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Sums = Annotated[dict[_Word, _Times], msgspec.Meta(max_length=64)]


class Stranger(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that speaks and is bound to no device: it waits for a person's word."""

    codec: str
    match: str
    """What a binding would have as its ``match``."""
    part: str = ""
    guess: str = ""
    """A type of the places file (`ingest.places.DEVICE_TYPES`), as far as the message tells."""
    name: str = ""
    """What it calls itself: no person's name."""


class AgentHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an agent is. Whatever it cannot know is left out; counts are of the time since `started_ms`."""

    ts: EpochMs = 0
    """Its clock, epoch ms: the station finds by how much that is off. 0: it is no agent's word, but the station's own
    about a certificate, or that of a device with other things to say, which are passed over."""
    started_ms: EpochMs = 0
    version: _Word = ""
    devices: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1_000)] = ()
    """Whom it speaks for."""
    queue: _Times = 0
    """Observations that wait for the broker, of all its devices."""
    queue_mb: _Amount = 0.0
    oldest_s: _Amount = 0.0
    """Age of the oldest that waits, seconds."""
    dropped: Sums = {}
    """Kind (count, level, gate, state, hazard ...) → observations given up for want of room, or too old; in all, over
    restarts, so that none goes untold."""
    dropped_s: _Amount | None = None
    """Seconds since it gave up one last; None: never since it started."""
    refused: Sums = {}
    """`ingest.vocabulary.Reason` → what vendors' devices sent and was not taken."""
    told: Sums = {}
    """`ingest.codecs.codec.Told` → what was left out on purpose."""
    disk_free_mb: _Amount | None = None
    """Where the spool lies."""
    disk_free: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """The same as a share of the disk."""
    written_mb: _Amount | None = None
    """Written to disk."""
    memory_mb: _Amount | None = None
    temperature_c: Annotated[float, msgspec.Meta(ge=-100, le=200)] | None = None
    undervoltage: bool | None = None
    """Whether its power supply was too weak since its last word."""
    clock_synced: bool | None = None
    """Whether its operating system has set its clock by another one."""
    settings: _Times = 0
    """Version of the station's settings that it goes by; 0: its own file."""
    settings_refused: _Times = 0
    """Version of those that it did not take, or has taken back; 0: none."""
    settings_problem: Annotated[str, msgspec.Meta(max_length=400)] = ""
    """Why, as a sentence."""
    sources: Annotated[dict[_Word, Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=16)] = {}
    """Name of a source that takes nothing at present (a broker beside it, a port, a serial line) → why."""
    certificate_days: Annotated[int, msgspec.Meta(ge=-100_000, le=100_000)] | None = None
    """Whole days until the first of its certificates ends; below zero it is over."""
    strangers: Annotated[tuple[Stranger, ...], msgspec.Meta(max_length=MOST_STRANGERS)] = ()
    """What speaks to it and is bound to no device: those seen within the last ten minutes."""


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(AgentHealth)


def encode_health(health: AgentHealth) -> bytes:
    """Return a message's payload."""
    return _ENCODER.encode(health)


def read_health(payload: bytes) -> AgentHealth:
    """Return what a message says. Raises `msgspec.MsgspecError`; what is not known here is passed over."""
    return _DECODER.decode(payload)


class Trouble(NamedTuple):
    """What is wrong with an agent."""

    what: Fault
    amount: int
    """Observations given up, megabytes left, seconds, °C, the version of settings, days."""
    side: Literal["", "ahead", "behind", "left", "over"] = ""
    """Of a clock, and of a certificate."""


class AgentReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the log keeps of an agent's word, and of strangers that the gateway itself has met."""

    beat: str
    device: str
    """On whose topic it came; empty: on that of no device that is known."""
    ts: EpochMs
    """When it came."""
    health: AgentHealth | None = None
    """None: it is no agent's, and only about `strangers`."""
    strangers: tuple[Stranger, ...] = ()

    @property
    def met(self) -> tuple[Stranger, ...]:
        """All strangers in it."""
        return (*self.strangers, *(self.health.strangers if self.health else ()))

    @property
    def ahead_s(self) -> float:
        """The agent's clock less the time of receipt, seconds. Below zero it may also have been long on the way."""
        return (self.health.ts - self.ts) / 1000 if self.health and self.health.ts else 0.0

    def troubles(self) -> list[Trouble]:
        """Return what is wrong with the agent, the worst first.

        A clock is wrong where it is ahead, or where it is behind and the agent itself says that nobody sets it: a word
        that was long on the way looks like a clock that is behind.
        """
        health, found = self.health, list[Trouble]()
        if health is None:
            return found
        if health.dropped_s is not None and health.dropped_s < _LATELY_S:
            found.append(Trouble("drops", sum(health.dropped.values())))
        if health.undervoltage:
            found.append(Trouble("power", 0))
        free, free_mb = health.disk_free, health.disk_free_mb
        if (free is not None and free < _FULL) or (free_mb is not None and free_mb < _FULL_MB):
            found.append(Trouble("disk", round(free_mb or 0)))
        if health.sources:
            found.append(Trouble("source", len(health.sources)))
        if self.ahead_s > _OFF_S:
            found.append(Trouble("time", round(self.ahead_s), "ahead"))
        if health.clock_synced is False and self.ahead_s < -_OFF_S:
            found.append(Trouble("time", round(-self.ahead_s), "behind"))
        if health.temperature_c is not None and health.temperature_c >= _HOT_C:
            found.append(Trouble("heat", round(health.temperature_c)))
        if health.settings_refused or health.settings_problem:
            found.append(Trouble("settings", health.settings_refused))
        if health.certificate_days is not None and health.certificate_days <= CERTIFICATE_DAYS:
            left = health.certificate_days
            found.append(Trouble("certificate", abs(left), "over" if left < 0 else "left"))
        return found


class AgentReports:
    """What a gateway has to say of agents and strangers since it was last asked. Bounded, whoever speaks."""

    def __init__(self) -> None:
        self._taken_ms: dict[str, int] = {}
        """Device → when its agent's word was taken last."""
        self._told_ms: dict[tuple[str, Stranger], int] = {}
        self._reports: dict[str, AgentReport] = {}
        self._met: dict[tuple[str, str], list[Stranger]] = {}

    def take(self, beat: str, device: str, health: AgentHealth, now_ms: int) -> bool:
        """Take an agent's word; False where it says more than one in five seconds: then it is not taken."""
        report = AgentReport(beat=beat, device=device, ts=now_ms, health=health)
        if not health.ts and not report.troubles():
            return True
        who = device if health.ts else f"{device}/"
        before = self._taken_ms.get(who)
        if before is not None and 0 <= now_ms - before < _EVERY_MS:
            return False
        if before is None and len(self._taken_ms) >= _MOST_HEARD:
            self._taken_ms.clear()
        self._taken_ms[who] = now_ms
        self._reports[who] = report
        return True

    def meet(self, beat: str, device: str, strangers: Iterable[Stranger], now_ms: int) -> None:
        """Take note of what speaks through a device's topics, or without one, and is bound to nothing."""
        for one in strangers:
            told_ms = self._told_ms.get((device, one))
            if told_ms is not None and 0 <= now_ms - told_ms < _AGAIN_MS:
                continue
            if told_ms is None and len(self._told_ms) >= _MOST_HEARD:
                self._told_ms = {key: ms for key, ms in self._told_ms.items() if 0 <= now_ms - ms < _AGAIN_MS}
                if len(self._told_ms) >= _MOST_HEARD:
                    return
            self._told_ms[device, one] = now_ms
            self._met.setdefault((beat, device), []).append(one)

    def reports(self, now_ms: int) -> list[AgentReport]:
        """Return what is new, and begin anew."""
        found = [*self._reports.values()]
        found += [
            AgentReport(beat=beat, device=device, ts=now_ms, strangers=tuple(met))
            for (beat, device), met in self._met.items()
        ]
        if found:
            self._reports, self._met = {}, {}
        return found
