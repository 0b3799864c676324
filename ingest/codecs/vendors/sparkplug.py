"""Sparkplug B: what industrial gateways and small controllers publish, in protobuf.

A node's birth names its metrics and gives them numbers (aliases); what comes later may use these alone. A birth of the
node makes those of its devices void. A message that uses a number which no birth has explained is refused, and told.
Source: Eclipse Sparkplug 3.0 (sections 4 to 6, and its protobuf schema).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from hashlib import blake2b
from struct import unpack_from
from typing import ClassVar, Final, NamedTuple

import msgspec

from ingest.codecs.bindings import Binding, Bindings, fits, part_of
from ingest.codecs.codec import Codec, VendorMessage
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.memory import Memory
from ingest.codecs.times import instant_ms
from ingest.codecs.vendors.named_values import guess_of, metric_of, say
from ingest.events import Status
from ingest.vocabulary import Reason

_NAMESPACE: Final = "spBv1.0"
_BIRTHS: Final = frozenset({"NBIRTH", "DBIRTH"})
_DATA: Final = frozenset({"NDATA", "DDATA"})
_DEATHS: Final = frozenset({"NDEATH", "DDEATH"})
_OWN: Final = ("bdSeq", "Node Control/", "Device Control/", "Node Info/", "Properties/")
"""What a node says of itself: no measurement, unless a binding names it."""
_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types that are whole numbers with a sign: they come as if they had none."""
_DATE, _NO_BITS = 13, 0
_BAD: Final = frozenset({0, 500})
"""Qualities of a value that is not to be believed: bad, stale."""
_MOST_FIELDS: Final = 20_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_MOST_RANGES: Final = 200
_MOST_NODES: Final = 1_000
_FLOATS: Final = {(_FOUR, 12): "<f", (_EIGHT, 13): "<d"}
Raw = int | float | bool | str


class Metric(NamedTuple):
    """One metric of a payload. What is not in it is None, or empty."""

    name: str
    alias: int | None
    ts: int | None
    kind: int | None
    historical: bool
    value: Raw | None
    unit: str
    bad: bool


class Payload(NamedTuple):
    """What stands in a message."""

    ts: int | None
    seq: int | None
    metrics: list[Metric]


class _Node(msgspec.Struct, array_like=True):
    born: str = ""
    """Which birth it was."""
    number: int = -1
    """The number of its connection (bdSeq): a death of another one is an old one."""
    alive: bool = True


class _Birth(msgspec.Struct, array_like=True):
    born: str
    """The node's birth that it belongs to."""
    bound: str
    """What was bound then."""
    metrics: dict[str, tuple[int, int, str]]
    """Name → alias (-1: none), data type, unit; of those that are bound."""
    others: list[int]
    """Aliases of the rest: first and last of each row of them."""


class Sparkplug(Codec):
    """Readings, states and totals of nodes and of devices behind them."""

    name = "sparkplug"
    binds: ClassVar = {
        "match": "a device behind a node, `GROUP/NODE/DEVICE`, or the node itself, `GROUP/NODE`",
        "part": "the name of a metric, such as `Count/In`",
        "directions": "the last part of a counter's name → which way it counts, such as `In` → `in`, `Out` → `out`",
        "direction": "with it (or with `of`) a number without a `meaning` is a running total",
        "meaning": "`total`, `interval`, `crossings` or `occupancy`, where a number is none that is measured",
    }
    topics = ("spBv1.0/#",)
    most_bytes = 262_144

    def __init__(self, bindings: Bindings, memory: Memory, zone: tzinfo) -> None:
        super().__init__(bindings, memory, zone)
        self._numbers: dict[str, int] = {}
        """Node → number of its newest message, as far as this process has heard it."""

    def read(self, message: VendorMessage) -> None:
        """Say what is bound of births and data, and who has come or gone."""
        group, what, node, device = _parts(message.topic)
        where = f"{group}/{node}"
        if what not in _BIRTHS | _DATA | _DEATHS:
            return
        payload = read_payload(message.payload)
        if what == "NDEATH":
            self._node_ends(where, payload)
            return
        self._follow(where, what, payload.seq)
        bound = self.bindings.find(self.name, f"{where}/{device}" if device else where)
        behind = [one for one in self.bindings.find(self.name, where) if one.part.startswith(f"{device}/")]
        if what == "DDEATH":
            self.memory.put(_birth_key(where, device), None)
            self._tell_all([*bound, *behind], "offline")
            return
        if what == "NBIRTH":
            self._node_begins(where, payload)
        if what in _BIRTHS:
            self._tell_all(bound or behind, "online")
        if not bound and not behind:
            self._unbound(where, device, payload)
            return
        self._say(where, device, what, payload, bound, behind)

    def _follow(self, where: str, what: str, number: int | None) -> None:
        """Count where messages of a node are missing; they are numbered from its birth on, and after 255 comes 0."""
        before = self._numbers.get(where)
        if number is None or (before is None and len(self._numbers) >= _MOST_NODES):
            return
        if what != "NBIRTH" and before is not None and number not in {before, (before + 1) % 256}:
            self.tell("gap")
        self._numbers[where] = number

    # -- births and deaths -------------------------------------------------------------------------------------------

    def _node_begins(self, where: str, payload: Payload) -> None:
        number = _connection(payload)
        self.memory.put(f"spb/{where[:180]}", _Node(f"{number}/{payload.ts}", number))

    def _node_ends(self, where: str, payload: Payload) -> None:
        known = self.memory.get(f"spb/{where[:180]}", _Node)
        number = _connection(payload)
        if known is not None and number != known.number and -1 not in {number, known.number}:
            self.tell("no_news")
            return
        some = [one for one in self.bindings.all if one.codec == self.name and _is_of(one.match, where)]
        if some:
            self.memory.put(f"spb/{where[:180]}", _Node(known.born if known else "", number, alive=False))
        self._tell_all(some, "offline")

    def _tell_all(self, bindings: Sequence[Binding], state: Status) -> None:
        for device in dict.fromkeys(one.device for one in bindings):
            self.status(device, state)

    def _unbound(self, where: str, device: str, payload: Payload) -> None:
        match = f"{where}/{device}" if device else where
        named = [metric for metric in payload.metrics if metric.name and not metric.name.startswith(_OWN)]
        for metric in named[:20]:
            self.stranger(match, metric.name, guess=guess_of(metric.name, metric.unit))
        if not named and not any(one.codec == self.name and _is_of(one.match, where) for one in self.bindings.all):
            self.stranger(match)

    # -- metrics -----------------------------------------------------------------------------------------------------

    def _say(
        self,
        where: str,
        device: str,
        what: str,
        payload: Payload,
        bound: Sequence[Binding],
        behind: Sequence[Binding],
    ) -> None:
        named = {metric.name: self._binding(metric.name, device, bound, behind) for metric in payload.metrics}
        marks = blake2b("\n".join(sorted(f"{one.match} {one.part}" for one in (*bound, *behind))).encode())
        node = self.memory.get(f"spb/{where[:180]}", _Node) or _Node()
        birth = self.memory.get(_birth_key(where, device), _Birth)
        if what in _BIRTHS:
            birth = _birth(payload, node.born, marks.hexdigest()[:12], named)
            self.memory.put(_birth_key(where, device), birth)
        elif birth is not None and (birth.born != node.born or birth.bound != marks.hexdigest()[:12] or not node.alive):
            birth = None
        by_alias = {alias: name for name, (alias, _, _) in birth.metrics.items()} if birth else {}
        missing = 0
        for metric in payload.metrics:
            name = metric.name
            if not name:
                if metric.alias is None:
                    continue
                if metric.alias not in by_alias:
                    missing += birth is None or not _among(birth.others, metric.alias)
                    continue
                name = by_alias[metric.alias]
            binding = named[name] if name in named else self._binding(name, device, bound, behind)
            if binding is None or metric.bad:
                continue
            _, kind, unit = birth.metrics.get(name, (-1, -1, "")) if birth else (-1, -1, "")
            value = _typed(metric.value, kind if metric.kind is None else metric.kind)
            if value is None:
                continue
            say(
                self, binding, f"{where}/{device}/{name}", instant_ms(metric.ts or payload.ts, self.zone), value,
                metric.unit or unit, backfill=metric.historical, birth=what in _BIRTHS,
            )  # fmt: skip
        if missing:
            self.refuse(Reason.BIRTH_MISSING, f"{missing} metrics by numbers that no birth has explained")

    def _binding(self, name: str, device: str, bound: Sequence[Binding], behind: Sequence[Binding]) -> Binding | None:
        if not name:
            return None
        found = part_of(bound, name, metric_of(name)) or (part_of(behind, f"{device}/{name}") if device else None)
        return None if found is None or (not found.part and name.startswith(_OWN)) else found


def _parts(topic: str) -> tuple[str, str, str, str]:
    """Return group, type of message, node and device of a topic; type empty for one that is of no node."""
    levels = topic.split("/")
    if _NAMESPACE not in levels[:8]:
        raise UnreadableError(Reason.TOPIC, f"expected {_NAMESPACE}/GROUP/TYPE/NODE or …/DEVICE")
    levels = levels[levels.index(_NAMESPACE) + 1 :]
    if len(levels) < 3:
        return "", "", "", ""
    group, what, node, *device = levels
    return group, what if bool(device) == (what[:1] == "D") else "", node, "/".join(device)


def _birth_key(where: str, device: str) -> str:
    return f"spb/{where[:120]}/{device[:60]}/born"


def _connection(payload: Payload) -> int:
    """Return the number of a node's connection, -1 where it tells none."""
    found = next((metric.value for metric in payload.metrics if metric.name == "bdSeq"), None)
    return int(found) if isinstance(found, int) else -1


def _is_of(match: str, where: str) -> bool:
    return fits("/".join(match.split("/")[:2]), where)


def _birth(payload: Payload, born: str, bound: str, named: Mapping[str, Binding | None]) -> _Birth:
    metrics: dict[str, tuple[int, int, str]] = {}
    others: list[int] = []
    for metric in payload.metrics:
        if named.get(metric.name) is not None:
            alias = -1 if metric.alias is None else metric.alias
            metrics[metric.name] = alias, -1 if metric.kind is None else metric.kind, metric.unit[:16]
        elif metric.alias is not None:
            others.append(metric.alias)
    return _Birth(born, bound, metrics, _rows(others))


def _rows(numbers: list[int]) -> list[int]:
    """Return first and last of each row of numbers that follow one another; too many are joined."""
    found: list[int] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1] + 1:
            found[-1] = number
        elif len(found) < 2 * _MOST_RANGES:
            found += [number, number]
        else:
            found[-1] = number
    return found


def _among(rows: list[int], number: int) -> bool:
    return any(first <= number <= last for first, last in zip(rows[::2], rows[1::2], strict=True))


def _typed(value: Raw | None, kind: int) -> Raw | None:
    """Return a value by its data type: whole numbers come without a sign, times are none that is measured."""
    bits = _BITS.get(kind, _NO_BITS)
    if kind == _DATE:
        return None
    if bits and isinstance(value, int) and not isinstance(value, bool):
        value &= (1 << bits) - 1
        return value - (1 << bits) if value >> (bits - 1) else value
    return bool(value) if kind == 11 and isinstance(value, int) else value


# -- protobuf ---------------------------------------------------------------------------------------------------------


def read_payload(raw: bytes) -> Payload:
    """Return what stands in the bytes of a payload. Raises `UnreadableError`."""
    left = [_MOST_FIELDS]
    ts = seq = None
    metrics: list[Metric] = []
    for field, kind, value, end in _fields(raw, 0, len(raw), left):
        if field == 1 and kind == _VARINT:
            ts = value
        elif field == 3 and kind == _VARINT:
            seq = value
        elif field == 2 and kind == _BYTES:
            metrics.append(_metric(raw, value, end, left))
        elif field == 4 and kind == _BYTES and raw[value:end].endswith(b"_COMPRESSED"):
            raise UnreadableError(Reason.TYPE, "compressed, expected a plain payload: switch the compression off")
    return Payload(ts, seq, metrics)


def _fields(raw: bytes, at: int, end: int, left: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """Give number, wire type, and value of each field; of what has bytes, where they begin and end.

    `left` counts down over all of a payload. Raises `UnreadableError`.
    """
    try:
        while at < end:
            left[0] -= 1
            if left[0] < 0:
                raise UnreadableError(Reason.SIZE, f"more than {_MOST_FIELDS} fields in one payload")
            tag, at = _varint(raw, at)
            kind = tag & 7
            if kind == _VARINT:
                value, at = _varint(raw, at)
                yield tag >> 3, kind, value, at
                continue
            if kind == _BYTES:
                size, at = _varint(raw, at)
            elif kind in {_EIGHT, _FOUR}:
                size = 8 if kind == _EIGHT else 4
            else:
                raise UnreadableError(Reason.JSON, "no protobuf, or it breaks off")
            if at + size > end:
                raise UnreadableError(Reason.JSON, "no protobuf, or it breaks off")
            yield tag >> 3, kind, at, at + size
            at += size
        if at > end:
            raise UnreadableError(Reason.JSON, "no protobuf, or it breaks off")
    except IndexError:
        raise UnreadableError(Reason.JSON, "no protobuf, or it breaks off") from None


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = raw[at]
    at += 1
    if value < 0x80:
        return value, at
    value, shift = value & 0x7F, 7
    while shift < 70:
        one = raw[at]
        at += 1
        value |= (one & 0x7F) << shift
        if one < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise UnreadableError(Reason.JSON, "no protobuf, or it breaks off")


def _metric(raw: bytes, at: int, end: int, left: list[int]) -> Metric:
    whole: dict[int, int] = {}
    texts: dict[int, str] = {}
    floats: dict[int, float | None] = {}
    properties: dict[str, int | str] = {}
    for field, wire, said, stop in _fields(raw, at, end, left):
        if wire == _VARINT:
            whole[field] = said
        elif wire == _BYTES and field in {1, 15}:
            texts[field] = _text(raw, said, stop)
        elif wire == _BYTES and field == 9:
            properties = _properties(raw, said, stop, left)
        elif (wire, field) in _FLOATS:
            floats[field] = Codec.number(unpack_from(_FLOATS[wire, field], raw, said)[0])
    value: Raw | None = whole.get(10, whole.get(11, floats.get(12, floats.get(13, texts.get(15)))))
    if 14 in whole:
        value = bool(whole[14])
    unit, bad = str(properties.get("engUnit", "")), properties.get("Quality") in _BAD
    return Metric(
        texts.get(1, ""), whole.get(2), whole.get(3), whole.get(4), bool(whole.get(5)),
        None if whole.get(7) else value, unit, bad,
    )  # fmt: skip


def _properties(raw: bytes, at: int, end: int, left: list[int]) -> dict[str, int | str]:
    """Return a metric's properties that are whole numbers or texts."""
    keys: list[str] = []
    values: list[int | str | None] = []
    for field, wire, said, stop in _fields(raw, at, end, left):
        if wire == _BYTES and field == 1:
            keys.append(_text(raw, said, stop))
        elif wire == _BYTES and field == 2:
            found: int | str | None = None
            for inner, kind, one, last in _fields(raw, said, stop, left):
                if kind == _VARINT and inner in {3, 4}:
                    found = one
                elif kind == _BYTES and inner == 8:
                    found = _text(raw, one, last)
            values.append(found)
    return {key: value for key, value in zip(keys, values, strict=False) if value is not None}


def _text(raw: bytes, at: int, end: int) -> str:
    if end - at > 1_000:
        raise UnreadableError(Reason.SIZE, f"a text of {end - at} bytes, at most 1000 are taken")
    return raw[at:end].decode()
