"""What a vendor's device says, as observations: the interface between sources (MQTT, HTTP, files) and dialects.

A codec is fed one `VendorMessage` after another and returns what each came to (`Meaning`). It has no clock, no network
and no disk: what it must remember (totals, what was counted already, who has registered) is in its `Memory`, which the
caller saves together with the observations. A codec that is killed and fed its last messages again says the same.

To write one, derive from `Codec`, list what it binds to in `binds`, and write `read`. `docs/devices.md` does so step by
step.
"""

import json
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import blake2b
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias

import msgspec

from ingest.codecs.bindings import Binding, Bindings, part_of
from ingest.codecs.lenient import UnreadableError, text_of, whole_number, whole_signs
from ingest.codecs.memory import Memory
from ingest.codecs.native import explain
from ingest.codecs.times import OLDEST_MS, NearZone
from ingest.codecs.words import WordError, WordForms
from ingest.events import Status
from ingest.health import Stranger
from ingest.observations import LATEST_MS, MAX_COUNT, MAX_INTERVAL_S, Count, Gate, Level, Observation, State
from ingest.refusal import Refusal
from ingest.vocabulary import Reason

_log = logging.getLogger(__name__)
MOST_BYTES: Final = 4 << 20
"""Of one message: a plate's picture in base64 is under three megabytes."""
_MOST_SIGNS: Final = 50_000
"""Commas and brackets of JSON: reading more would hold everybody else up."""
_MOST_SAID: Final = 1_000
"""Observations of one message."""
REGISTERED: Final = "registered/"
"""Beginning of the key under which it is remembered when a sender registered, or last spoke."""
Json: TypeAlias = Any
"""Whatever JSON can hold."""
_FORMS: Final = WordForms([Count, Gate, Level, State])
Way = Literal["in", "out", "unknown"]


class VendorMessage(NamedTuple):
    """What a source received."""

    topic: str
    """An MQTT topic, or the path of an HTTP request, without its query."""
    payload: bytes
    received_ms: int
    """When it came, by the receiver's clock, epoch ms."""
    retained: bool = False
    """The broker kept it and showed it at the subscription."""
    headers: Mapping[str, str] = {}
    """Of an HTTP request; the names in lower case."""
    sender: str = ""
    """The account that has proved itself to the source; empty where nobody has to, or nobody did."""
    method: str = ""
    """Of an HTTP request, in upper case."""
    devices: frozenset[str] = frozenset()
    """Those that the account may speak for. Empty: the one that has its name, else all that are bound."""


class Reply(NamedTuple):
    """The answer to an HTTP request. With status 401 the source adds its challenge."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class _Kept(msgspec.Struct, array_like=True):
    """Of a state or a reading that a broker keeps."""

    mark: str
    """Of what was taken last; empty where a live word has come since."""
    renewed: bool = False
    """Another one was kept before: its sender renews it."""


@dataclass(slots=True)
class Meaning:
    """What one message came to."""

    observations: list[tuple[str, Observation]] = field(default_factory=list)
    """(device, observation), without numbers; a hazard before what is not."""
    statuses: list[tuple[str, Status]] = field(default_factory=list)
    """(device, online or offline)."""
    refusals: list[Refusal] = field(default_factory=list)
    """Why all of it, or a part, was not taken. They hold no byte of it: there may be pictures and names in it."""
    strangers: list[Stranger] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    """How often something was left out, or noted, on purpose: `Told`."""
    reply: Reply | None = None
    """The answer that the dialect wants; None leaves it to the source."""


Told = Literal["retained", "repeat", "resent", "reset", "wrap", "restart", "jump", "gap", "no_news"]
"""retained: passages a broker kept; repeat: said before; resent: a total older than the newest; reset, wrap, restart:
of a total; jump: a total that cannot be; gap: messages are missing; no_news: a stop, an end, a keep-alive."""


class Codec(ABC):
    """One dialect. Not for use by several threads at once.

    Parameters
    ----------
    bindings
        Which of the things that speak is which device.
    memory
        What was remembered before; `Memory.changes` has what is to be saved after each message.
    zone
        Of times that name none: the site's.
    """

    name: ClassVar[str]
    """In settings and on the command line: lower-case letters and digits."""
    binds: ClassVar[Mapping[str, str]]
    """Key of a binding (``match``, ``part`` ...) → what to write there, in a few words, for the docs."""
    topics: ClassVar[tuple[str, ...]] = ()
    """MQTT filters that its devices publish on as they leave the factory."""
    paths: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the HTTP paths that are its alone."""
    named_in: ClassVar[str] = ""
    """Header in which the sender of an HTTP request names itself, where the dialect has it prove that only once: a
    source may believe it of an address from which it was proved lately."""
    most_bytes: ClassVar[int] = MOST_BYTES

    def __init__(self, bindings: Bindings, memory: Memory, zone: tzinfo) -> None:
        self.bindings, self.memory, self.zone = bindings, memory, NearZone(zone)
        self._every = bindings
        self._devices = bindings.devices()
        self._message = VendorMessage("", b"", 0)
        self._meaning = Meaning()
        self._same: Counter[str] = Counter()

    def decode(self, message: VendorMessage) -> Meaning:
        """Return what a message comes to. Never raises for what it holds."""
        meaning = self._meaning = Meaning()
        self._message, self._same, self.zone.near_ms = message, Counter(), message.received_ms
        if len(message.payload) > self.most_bytes:
            self.refuse(Reason.SIZE, f"{len(message.payload)} bytes, at most {self.most_bytes} are taken")
            return meaning
        own = message.devices or self._devices & {message.sender} if message.method else frozenset()
        self.bindings = self._every.of(own) if own else self._every
        try:
            self._read_whole(message)
        except UnreadableError as error:
            meaning.observations.clear()
            self.refuse(error.reason, error.detail)
        if own:
            self._tell_others()
        meaning.observations.sort(key=lambda said: isinstance(said[1], Count | Gate))
        return meaning

    def _tell_others(self) -> None:
        """Refuse what is bound to devices that the account does not speak for: to the codec it was a stranger."""
        strangers = self._meaning.strangers
        others = [one for one in strangers if part_of(self._every.find(self.name, one.match), one.part) is not None]
        if others:
            self._meaning.strangers = [one for one in strangers if one not in others]
            self.refuse(Reason.AUTH, "what another account's device is bound to")

    def _read_whole(self, message: VendorMessage) -> None:
        try:
            with self.memory.whole():
                self.read(message)
                _check(self._meaning)
        except UnreadableError:
            raise
        except Exception as error:  # noqa: BLE001 - hostile bytes raise many types
            reason, detail = explain(error)
            if reason == Reason.PROCESSING:
                _log.warning("%s: %s could not be read: %s", self.name, message.topic, type(error).__name__)
                detail = type(error).__name__  # its text may quote the message
            raise UnreadableError(reason, detail) from None

    @property
    def received_ms(self) -> int:
        """When the message came that is being read, by the receiver's clock."""
        return self._message.received_ms

    @abstractmethod
    def read(self, message: VendorMessage) -> None:
        """Say what a message holds by the methods below.

        Raises `UnreadableError` to refuse all of it: nothing of it is then taken, and nothing remembered.
        """

    def welcome(self, sender: str, now_ms: int) -> None:
        """Take a sender for one that has registered, where the dialect wants that: for trying a message alone."""
        if self.named_in:
            self.memory.put(REGISTERED + sender, now_ms)

    @staticmethod
    def number(value: object) -> float | None:
        """Return a number that may stand in a text, None for what is none.

        >>> Codec.number("21.4"), Codec.number(None), Codec.number(True), Codec.number("1e999")
        (21.4, None, None, None)
        """
        if isinstance(value, str) and len(value) <= 40:
            try:
                value = float(value)
            except ValueError:
                return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if -1e15 < value < 1e15 else None

    # -- for `read` --------------------------------------------------------------------------------------------------

    def count(
        self,
        binding: Binding,
        ts_ms: int | None,
        *,
        interval_s: float | None = None,
        came: int = 0,
        went: int = 0,
        of: Literal["person", "vehicle"] | None = None,
        backfill: bool = False,
        identity: str = "",
        of_total: bool = False,
    ) -> None:
        """Say that so many passed, once: the same again is left out, and so is what a broker kept.

        Parameters
        ----------
        ts_ms
            End of the interval; None or a time before 2005 is that of receipt.
        interval_s
            None for a single crossing.
        of
            Where the message says it; else the binding does, or it is people.
        identity
            The vendor's number of the event, where it has one: two people may pass in one second.
        of_total
            It is the increment of a total (`ingest.codecs.meters`), which knows what is new; a broker may have kept it.
        """
        if not (came or went or interval_s):
            return
        if not 0 <= came <= MAX_COUNT or not 0 <= went <= MAX_COUNT:
            raise UnreadableError(Reason.RANGE, f"{came} in and {went} out, expected 0 to {MAX_COUNT}")
        interval_s = min(max(interval_s or 1.0, 0.001), MAX_INTERVAL_S)
        said = Count(self._time(ts_ms), interval_s, came, went, binding.of or of or "person", backfill=backfill)
        if of_total:
            self._meaning.observations.append((binding.device, said))
        else:
            self._passed(binding, said, identity, timeless=not _is_time(ts_ms))

    def gate(
        self,
        binding: Binding,
        ts_ms: int | None,
        *,
        way: Way = "unknown",
        plate: str = "",
        vehicle: str = "unknown",
        allowed: bool | None = None,
        backfill: bool = False,
        identity: str = "",
    ) -> None:
        """Say that a vehicle passed; as `count`. The plate as it was read: what makes plates equal comes later."""
        given = {
            "type": "gate", "ts": self._time(ts_ms), "direction": way, "plate": whole_signs(plate), "vehicle": vehicle,
            "allowed": allowed, "backfill": backfill,
        }  # fmt: skip
        self._passed(binding, msgspec.convert(given, Gate), identity, timeless=not _is_time(ts_ms))

    def level(
        self, binding: Binding, ts_ms: int | None, metric: str, value: float, unit: str = "", *, backfill: bool = False
    ) -> None:
        """Say a reading. The binding's metric and unit, where it has them, go before these."""
        given = {
            "type": "level", "ts": self._time(ts_ms), "metric": binding.metric or metric, "value": value,
            "unit": binding.unit or unit, "backfill": backfill,
        }  # fmt: skip
        self._said(binding, given, Level)

    def state(self, binding: Binding, ts_ms: int | None, metric: str, value: str, *, backfill: bool = False) -> None:
        """Say what something is. The binding's metric, where it has one, goes before this."""
        metric = binding.metric or metric
        given = {"type": "state", "ts": self._time(ts_ms), "metric": metric, "value": value, "backfill": backfill}
        self._said(binding, given, State)

    def status(self, device: str, state: Status) -> None:
        """Say that a device is online or offline."""
        self._meaning.statuses.append((device, state))

    def stranger(self, match: str, part: str = "", *, guess: str = "", name: str = "") -> None:
        """Say that something speaks which is bound to no device."""
        match, part, name = whole_signs(match), whole_signs(part), whole_signs(name)
        one = Stranger(self.name, match[:200], part[:64], guess, name[:64])
        if one not in self._meaning.strangers and len(self._meaning.strangers) < 100:
            self._meaning.strangers.append(one)

    def tell(self, what: Told, times: int = 1) -> None:
        """Count what was left out on purpose, or is worth knowing."""
        self._meaning.told[what] += times

    def refuse(self, reason: Reason, detail: str) -> None:
        """Refuse a part of the message. The text quotes nothing that may be personal."""
        size = len(self._message.payload)
        self._meaning.refusals.append(
            Refusal(reason, whole_signs(detail), b"", self._message.topic, self._message.received_ms, size)
        )

    def reply(self, status: int, body: object = None, content_type: str = "application/json") -> None:
        """Set the answer to an HTTP request; what is no bytes is encoded as JSON."""
        encoded = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        self._meaning.reply = Reply(status, encoded, content_type)

    # ----------------------------------------------------------------------------------------------------------------

    def _time(self, ts_ms: int | None) -> int:
        if ts_ms is None or not _is_time(ts_ms):
            return self._message.received_ms
        if ts_ms > LATEST_MS:
            raise UnreadableError(Reason.CLOCK, f"{ts_ms} is a time after 2100")
        return ts_ms

    def _passed(self, binding: Binding, said: Count | Gate, identity: str, *, timeless: bool) -> None:
        if self._message.retained:
            self.tell("retained")
            return
        # Sent again as backfill it is the same. Without a time and a number of its own it is, too, within the
        # millisecond in which it came; later it is another.
        plain = msgspec.structs.replace(said, backfill=False)
        what = f"{self.name} {identity} {'' if identity and timeless else plain}"
        self._same[what] += 1
        if not self.memory.once(binding.device, f"{what} {self._same[what]}"):
            self.tell("repeat")
            return
        self._meaning.observations.append((binding.device, said))

    def _said(self, binding: Binding, given: Mapping[str, Any], kind: type[Level | State]) -> None:
        if self._kept_before(f"{binding.device}/{given['metric']}", str(given["value"])):
            return
        try:
            self._meaning.observations.append((binding.device, _FORMS.settled(msgspec.convert(given, kind))))
        except (WordError, msgspec.ValidationError) as error:
            self.refuse(Reason.RANGE, f"{binding.device}: {given['metric'][:40]!r} {error}")

    def _kept_before(self, what: str, value: str) -> bool:
        """Tell whether the broker has kept this since it was last taken: brokers show it at each subscription.

        Where the sender renews what is kept, a live word that differs ends that: the kept one may have come back since.
        One that is never renewed is somebody's old word, which must not come back with every connection.
        """
        key, topic = f"kept/{what[:100]}", self._message.topic
        before = self.memory.get(key, _Kept)
        if before is None and not self._message.retained:
            return False
        now = blake2b(f"{topic}\n{value}".encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        if before is not None and before.mark == now:
            if self._message.retained:
                self.tell("retained")
            return self._message.retained
        if self._message.retained:
            self.memory.put(key, _Kept(now, renewed=before is not None))
        elif before is not None and before.renewed and before.mark:
            self.memory.put(key, _Kept("", renewed=True))
        return False


def _check(meaning: Meaning) -> None:
    if len(meaning.observations) > _MOST_SAID:
        raise UnreadableError(Reason.SIZE, f"more than {_MOST_SAID} observations in one message")


def _is_time(ts_ms: int | None) -> bool:
    return ts_ms is not None and ts_ms >= OLDEST_MS


def read_json(payload: bytes, charset: str = "") -> Json:
    """Return what a payload of JSON holds. Raises `UnreadableError` for what is none, or too deep; also for GBK.

    Numbers keep what JSON gives them; a number that no float can hold is refused.
    """
    if sum(map(payload.count, (b",", b"[", b"{"))) > _MOST_SIGNS:
        raise UnreadableError(Reason.SIZE, f"more than {_MOST_SIGNS} values in one message")
    text = text_of(payload, charset)
    try:
        # NaN and Infinity are no readings.
        return json.loads(text.strip("\0 \t\r\n"), parse_int=whole_number, parse_constant=lambda _: None, strict=False)
    except RecursionError:
        raise UnreadableError(Reason.DEPTH, "nested too deeply to be read") from None
    except ValueError as error:
        where = f" at position {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableError(Reason.JSON, f"no JSON, or it breaks off{where}") from None
