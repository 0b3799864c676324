"""What a message comes to that a device publishes: the gateway's own intake is asked, and nothing is kept.

For people who set a device up, before the places file knows it and whether or not a node runs. What the pipeline would
refuse afterwards is asked of its limits (`ingest.clock.ClockGuard`). Number plates leave here as tokens only.
"""

import os
import statistics
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final

import msgspec

from ingest import topics
from ingest.clock import Clock, ClockGuard
from ingest.codecs.site_dialects import Dialects
from ingest.codecs.words import RULE_UNITS, WordError, reading_of
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log import Record, RecordKind
from ingest.log.batch import COLUMNS, open_batch
from ingest.places import CLOCK_OFFSET, Device, Places
from ingest.vocabulary import DIRECTION_NAMES, KIND_NAMES, Flag, Kind, Reason

_SAID: Final = frozenset(
    {RecordKind.STATUS, RecordKind.INCIDENT, RecordKind.COMMAND, RecordKind.DID, RecordKind.HEALTH}
)
_ZONE_S: Final = 1_800
_ZONE_SLACK_S: Final = 60
_LEAST_MS: Final = 10_000
"""A rate is told of longer times only."""
_OFFSETS: Final = 20
_REMEMBERED: Final = 4_096
_TYPES: Final = {
    "count": "camera", "gate": "gate", "noise": "noise", "smoke": "smoke", "water": "water", "door": "door",
    "cover": "manhole", "video": "camera", "barrier": "gate",
}  # fmt: skip
"""What a device sends → its type in the places file, as a proposal."""


class HeardRow(msgspec.Struct, frozen=True):
    """One observation, as the log would have it."""

    kind: str
    ts_ms: int
    metric: str
    """What is measured; who was counted; which vehicle."""
    text: str
    """A level's unit, a state's word, a passage's token."""
    a: float
    b: float
    interval_s: float
    boot: str
    seq: int | None
    """None: the gateway numbers it."""
    backfill: bool
    timeless: bool
    """The device gave no time that can be read; it counts as of its receipt."""
    odd_unit: bool = False
    """The metric has a rule, and its unit is none that is known for it."""

    @property
    def direction(self) -> str:
        """Which way a vehicle passed."""
        return DIRECTION_NAMES.get(int(self.a), "unknown")


class Refused(msgspec.Struct, frozen=True):
    """Why something is not taken."""

    reason: str
    detail: str


class Heard(msgspec.Struct, kw_only=True):
    """One message, and what becomes of it."""

    at_ms: int
    topic: str
    beat: str = ""
    device: str = ""
    """Device or officer; empty for what concerns neither."""
    leaf: str
    retained: bool = False
    size: int
    payload: str
    """As it came, without plates."""
    rows: list[HeardRow] = []
    other: list[str] = []
    """What is no observation and is taken: ``status``, ``incident``, ``command``, ``did``."""
    repeats: int = 0
    """Observations that have been said before; they change nothing."""
    refused: list[Refused] = []
    unknown: bool = False
    """`rows` would be stored if the places file knew the device in this beat."""
    belongs: str = ""
    """The topic on which the device should publish, where this is another."""
    newest_ms: int | None = None
    """Newest time that it says it is, also of what is refused for that; None where it says none, or says old things.
    What the places file says of its clock (`clock_offset_s`) is taken off."""

    @property
    def ignored(self) -> bool:
        """Whether it is on a topic that no gateway reads."""
        return not (self.rows or self.other or self.refused or self.repeats)

    @property
    def offset_s(self) -> float | None:
        """How far the device's clock seems to be ahead of the site's, in seconds; None where it does not show."""
        return None if self.newest_ms is None else (self.newest_ms - self.at_ms) / 1000


class Hearing:
    """Says of messages what a site's gateway would do with them.

    Parameters
    ----------
    site, settings, clock, command_keys, zone
        As the site's node has them.
    plates
        Makes tokens; without one, with a key that is forgotten.
    """

    def __init__(
        self,
        site: str,
        settings: GatewaySettings,
        clock: Clock,
        plates: Plates | None = None,
        command_keys: Sequence[bytes] = (),
        zone: tzinfo = UTC,
    ) -> None:
        self._zone = zone
        self.site, self._settings, self._clock, self._command_keys = site, settings, clock, command_keys
        self._guard = ClockGuard(settings.clock_ahead_s, settings.backfill_days * 86_400)
        self._plates = plates or Plates([(os.urandom(2).hex(), os.urandom(32))])
        self.go_by(None)

    def go_by(self, places: Places | None) -> None:
        """Take the places that are known now; None where there are none yet."""
        self.places = places or Places({}, {})
        self._if_known = self._asked(None)
        self._intake = self._asked(self.places)
        self._said: dict[tuple[str, str, int], HeardRow] = {}

    def hear(self, topic: str, payload: bytes, *, retained: bool = False) -> Heard:
        """Return what becomes of a message."""
        parts = topic.removeprefix(f"{topics.ROOT}/{self.site}/").split("/")
        officer = topics.officer_of(topic, self.site)
        parsed = topics.parse_device_topic(topic) or topics.below_device(topic)
        device = parsed.device if parsed else officer or (parts[1] if len(parts) == 3 else "")
        speaks = self._routes.speaks(topic)  # there may be names in it, and pictures of people
        shown = "" if speaks else self._plates.hidden_payload(payload[: 64 << 10]).decode("utf-8", "backslashreplace")
        heard = Heard(
            at_ms=self._clock.now_ms(), topic=self._plates.hidden_text(topic), device=device, leaf=parts[-1],
            beat=parsed.beat if parsed else "", retained=retained, size=len(payload), payload=shown,
        )  # fmt: skip
        self._take(heard, self._intake, topic, payload)
        if any(one.reason in {Reason.UNKNOWN_DEVICE, Reason.TOPIC} for one in heard.refused):
            known = self.known(device, *topic.split("/"))
            if known is not None:
                heard.device, heard.belongs = known.id, topics.observations(self.site, known.beat, known.id)
            if parsed and heard.refused[0].reason == Reason.UNKNOWN_DEVICE:
                heard.unknown = True
                self._take(heard, self._if_known, topic, payload)
        return heard

    def known(self, *names: str) -> Device | None:
        """Return the device of the places file that one of some names means, however it is written."""
        known = {name.lower(): place for name, place in self.places.devices.items()}
        return next((known[name.strip().lower()] for name in names if name.strip().lower() in known), None)

    def feature(self, heard: Heard) -> dict[str, Any] | None:
        """Return what the places file needs for a device that it does not know; None where it knows it."""
        if not heard.unknown or heard.device in self.places.devices:
            return None
        said = [row.metric if row.kind in {"level", "state"} else row.kind for row in heard.rows]
        kind = next((_TYPES[one] for one in said if one in _TYPES), "environment")
        properties = {"kind": "device", "id": heard.device, "beat": heard.beat, "type": kind, "name": heard.device}
        geometry = {"type": "Point", "coordinates": self._middle(heard.beat)}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    def _asked(self, places: Places | None) -> Intake:
        unknown = places is None or self._settings.accept_unknown
        routes = self._routes = Routes(self.site, places, accept_unknown=unknown, dialects=True)
        dialects = Dialects(self.site, self._zone)
        dialects.go_by({} if places is None else places.devices)
        return Intake(
            routes=routes,
            clock=self._clock,
            plates=self._plates,
            settings=self._settings,
            command_keys=self._command_keys,
            dialects=dialects,
        )

    def _take(self, heard: Heard, intake: Intake, topic: str, payload: bytes) -> None:
        repeats = intake.counts.repeats
        intake.begin()
        intake.take(topic, payload, retained=heard.retained)
        taken = intake.finish()
        heard.repeats += intake.counts.repeats - repeats
        heard.refused += [Refused(str(one.reason), one.detail) for one in taken.refusals]
        for record in taken.records:
            if record.kind in _SAID and not heard.refused:
                heard.other.append(record.kind.name.lower())
            for row in rows_of(record) if record.kind is RecordKind.OBSERVATIONS else ():
                if not (heard.retained or row.backfill or row.timeless):
                    heard.newest_ms = max(heard.newest_ms or 0, row.ts_ms - self._ahead_ms(heard.device))
                wrong = self._wrong_time(heard, row)
                if wrong:
                    heard.refused.append(Refused(str(Reason.CLOCK), wrong))
                elif self._repeated(heard.device, row):
                    heard.repeats += 1
                else:
                    heard.rows.append(row)

    def _wrong_time(self, heard: Heard, row: HeardRow) -> str:
        """Return why the pipeline would refuse a count or a passage for its time; empty where it would not."""
        ts_ms = row.ts_ms - self._ahead_ms(heard.device)
        earliest, latest = self._guard.limits(heard.at_ms)
        counted = row.kind in {KIND_NAMES[Kind.COUNT], KIND_NAMES[Kind.GATE]}
        return self._guard.reason(ts_ms, heard.at_ms) if counted and not earliest <= ts_ms <= latest else ""

    def _ahead_ms(self, device: str) -> int:
        """Return how far ahead the places file says that a device's clock is."""
        place = self.places.devices.get(device)
        ahead_s = place.overrides.get(CLOCK_OFFSET, 0) if place else 0
        return round(1000 * ahead_s) if isinstance(ahead_s, int | float) else 0

    def _repeated(self, device: str, row: HeardRow) -> bool:
        if row.seq is None:
            return False
        key = device, row.boot, row.seq
        before = self._said.pop(key, None)
        self._said[key] = row
        if len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]
        return before == row

    def _middle(self, beat: str) -> list[float]:
        found = self.places.beats.get(beat)
        points: Iterable[tuple[float, float]] = found.polygon if found else ()
        points = list(points) or [(place.lon, place.lat) for place in self.places.devices.values()] or [(0.0, 0.0)]
        return [round(statistics.fmean(point[axis] for point in points), 6) for axis in (0, 1)]


class DeviceTally:
    """What one device has sent since somebody listens."""

    def __init__(self, at_ms: int) -> None:
        self.first_ms = self.last_ms = at_ms
        self.messages = self.observations = self.repeats = 0
        self.refused: Counter[str] = Counter()
        self.status = ""
        self._offsets: deque[float] = deque(maxlen=_OFFSETS)

    def add(self, heard: Heard) -> None:
        """Count a message."""
        self.last_ms = heard.at_ms
        self.messages += 1
        self.observations += 0 if heard.unknown else len(heard.rows)
        self.repeats += heard.repeats
        self.refused.update(one.reason for one in heard.refused)
        if heard.offset_s is not None:
            self._offsets.append(heard.offset_s)

    @property
    def per_minute(self) -> float | None:
        """Observations a minute; None before there are two, and some seconds."""
        gone_ms = self.last_ms - self.first_ms
        return None if gone_ms < _LEAST_MS or self.observations < 2 else (self.observations - 1) * 60_000 / gone_ms

    @property
    def offset_s(self) -> float | None:
        """How far its clock is ahead (below 0: behind), the median of the newest messages; None: it does not show."""
        return statistics.median(self._offsets) if self._offsets else None


def zone_of(offset_s: float) -> float | None:
    """Return by how many seconds of a time zone a clock seems to be off; None where it is not such a number.

    >>> zone_of(28_790.0), zone_of(-3_590.0), zone_of(400.0), zone_of(-4.0)
    (28800.0, -3600.0, None, None)
    """
    zone = round(offset_s / _ZONE_S) * _ZONE_S
    return float(zone) if zone and abs(offset_s - zone) <= _ZONE_SLACK_S else None


def concerns(topic: str, device: str) -> bool:
    """Tell whether a topic names a device on any of its levels, however it is written.

    >>> concerns("Zigbee2MQTT/Door-1", "door-1"), concerns("patrolgrid/v1/s/b/door-10/obs", "door-1")
    (True, False)
    """
    return device.lower() in (level.strip().lower() for level in topic.split("/"))


def rows_of(record: Record, device: str = "") -> list[HeardRow]:
    """Return the observations in a record, only a device's where one is named."""
    batch = open_batch(record.payload)
    wanted = {number for number, one in enumerate(batch.sources) if device in {"", one.device}}
    if not wanted:
        return []
    columns = {name: batch.columns[name].values() for name in COLUMNS}
    return [
        _row(batch.sources, batch.strings, {name: column[at] for name, column in columns.items()})
        for at in range(batch.rows)
        if columns["source"][at] in wanted
    ]


def _row(sources: Sequence[Any], strings: Sequence[str], at: dict[str, Any]) -> HeardRow:
    kind, metric, text = KIND_NAMES[at["kind"]], strings[at["metric"]], strings[at["text"]]
    flags = Flag(at["flags"])
    return HeardRow(
        kind=kind, ts_ms=at["ts"], metric=metric, text=text.partition(" ")[0] if kind == "gate" else text, a=at["a"],
        b=at["b"], interval_s=at["interval"], boot=sources[at["source"]].boot,
        seq=None if Flag.NUMBERED_HERE in flags else at["seq"], backfill=Flag.BACKFILL in flags,
        timeless=Flag.TIMELESS in flags, odd_unit=kind == "level" and _odd(metric, text),
    )  # fmt: skip


def _odd(metric: str, unit: str) -> bool:
    try:
        return metric in RULE_UNITS and reading_of(metric, unit).odd
    except WordError:
        return True
