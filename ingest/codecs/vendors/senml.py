"""SenML: lists of measurements as JSON or CBOR, which many sensors send.

What a record leaves out, the base fields before it say: its name is that behind the base name, its time is relative to
the base time, and that to the time of receipt where it is below 2**28.
Source: RFC 8428 (sections 4 and 6); RFC 9100 for versions.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import ClassVar, Final, NamedTuple

import cbor2

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.times import instant_ms
from ingest.codecs.vendors.named_values import guess_of, metric_of, say
from ingest.vocabulary import Reason

_LABELS: Final = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_VERSIONS: Final = frozenset({*range(1, 11), 26})
"""10 is that of the RFC, 26 the same with more units; those below were drafts of the same fields."""
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Of text in UTF-8 and UTF-16."""
_RELATIVE: Final = 1 << 28
_SIGNS: Final = ":/._-"
"""What may stand between the name of a device and that of what it measures."""
_MOST_RECORDS: Final = 2_000
_IS_CBOR: Final = b"\xd9\xd9\xf7"
"""The tag that says so (RFC 8949, section 3.4.6)."""
_NOT_MEASURED: Final = frozenset({"lon", "lat", "%EL", "EL"})
"""Units of places and batteries: taken only where a binding names their part."""

_Number = Callable[[object], float | None]


class Resolved(NamedTuple):
    """One record with the base fields worked in."""

    base: str
    name: str
    """Behind the base."""
    time: float | None
    """Epoch seconds, or seconds from receipt below 2**28; None: at receipt."""
    unit: str
    value: float | bool | str | None
    total: float | None


class Senml(Codec):
    """Readings, states and totals of whatever sends SenML."""

    name = "senml"
    binds: ClassVar = {
        "match": "the base name of the device, such as `urn:dev:mac:0024befffe804ff1:`, or the topic",
        "part": "the name behind it, such as `temp`, where only that is meant; else left out",
        "directions": "the last part of a counter's name → which way it counts, such as `In` → `in`, `Out` → `out`",
        "meaning": "`total`, `interval`, `crossings` or `occupancy`, where a number is none that is measured",
    }
    topics = ("senml/#",)

    def read(self, message: VendorMessage) -> None:
        """Say every record that is bound."""
        unread = 0
        for record in resolved(_pack(message.payload), self.number):
            binding = self._binding(record, message.topic)
            meant = record.total if binding is not None and binding.meaning == "total" else None
            value = meant if meant is not None else record.total if record.value is None else record.value
            full = record.base + record.name
            if value is None:
                unread += 1
                continue
            if binding is None:
                self._unbound(record)
            elif binding.part or record.unit not in _NOT_MEASURED:
                ts = self._ts(record.time, message.received_ms)
                say(self, binding, full, ts, value, record.unit)
        if unread:
            self.refuse(Reason.TYPE, f"{unread} records whose value is no number")

    def _ts(self, time: float | None, received_ms: int) -> int | None:
        if time is None:
            return None
        return received_ms + round(time * 1000) if time < _RELATIVE else instant_ms(time, self.zone)

    def _binding(self, record: Resolved, topic: str) -> Binding | None:
        full = record.base + record.name
        for match in (*_beginnings(full, record.base), topic):
            found = self.bindings.find(self.name, match)
            rest = full.removeprefix(match).lstrip(_SIGNS) if match != topic else full
            binding = part_of(found, rest, record.name, metric_of(full)) if found else None
            if binding is not None:
                return binding
        return None

    def _unbound(self, record: Resolved) -> None:
        base, name = record.base, record.name
        if not base or not name:  # all in one: the last sign divides it
            full = base + name
            at = max(full.rfind(sign) for sign in _SIGNS[:2]) + 1
            base, name = full[:at], full[at:]
        if base:
            self.stranger(base, name, guess=guess_of(name or base, record.unit))
        else:
            self.stranger(self._message.topic, name, guess=guess_of(name or base, record.unit))


def _pack(payload: bytes) -> list[Json]:
    """Return the records of a pack. Raises `UnreadableError`."""
    first = payload.lstrip()[:1]
    if first == b"<":
        raise UnreadableError(Reason.TYPE, "SenML in XML, expected JSON or CBOR")
    said = _cbor(payload) if first >= b"\x80" and not payload.startswith(_MARKS) else read_json(payload)
    if isinstance(said, dict):
        said = [said]
    if not isinstance(said, list):
        raise UnreadableError(Reason.TYPE, "no array, expected one of SenML records")
    if len(said) > _MOST_RECORDS:
        raise UnreadableError(Reason.SIZE, f"{len(said)} records, at most {_MOST_RECORDS} are taken")
    return said


def _cbor(payload: bytes) -> Json:
    try:
        said = cbor2.loads(payload.removeprefix(_IS_CBOR))
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError):
        raise UnreadableError(Reason.JSON, "no CBOR, or it breaks off") from None
    if isinstance(said, dict):
        said = [said]
    return [_labelled(one) if isinstance(one, dict) else one for one in said] if isinstance(said, list) else said


def _labelled(record: dict[Json, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for label, value in record.items():
        name = _LABELS.get(label) if isinstance(label, int) and not isinstance(label, bool) else label
        if isinstance(name, str):
            found.setdefault(name, float(value) if isinstance(value, Decimal) else value)
    return found


def resolved(pack: list[Json], number: _Number) -> Iterator[Resolved]:
    """Give the records with what the base fields before them say (RFC 8428, section 4.6). Raises `UnreadableError`."""
    name, unit, time, value, total = "", "", None, None, None
    for record in pack:
        if not isinstance(record, dict):
            raise UnreadableError(Reason.TYPE, "a record that is no object")
        if any(key.endswith("_") for key in record):
            raise UnreadableError(Reason.TYPE, "a field that must be understood (its name ends with _) and is not")
        if "bver" in record and number(record["bver"]) not in _VERSIONS:
            raise UnreadableError(Reason.TYPE, "bver is of a later version, expected 10")
        name, unit = _text(record, "bn", name), _text(record, "bu", unit)
        time = number(record["bt"]) if "bt" in record else time
        value = number(record["bv"]) if "bv" in record else value
        total = number(record["bs"]) if "bs" in record else total
        own = _text(record, "n", "")
        if any(field in record for field in ("v", "vb", "vs", "s")):
            if not name + own:
                raise UnreadableError(Reason.TYPE, "a record without a name, expected n or bn")
            later = number(record.get("t"))
            yield Resolved(
                name,
                own,
                None if time is None and later is None else (time or 0.0) + (later or 0.0),
                _text(record, "u", unit),
                _value(record, value, number),
                _sum(number(record.get("s")), total),
            )


def _value(record: dict[str, Json], base: float | None, number: _Number) -> float | bool | str | None:
    if isinstance(record.get("vb"), bool):
        return bool(record["vb"])
    if isinstance(record.get("vs"), str):
        return str(record["vs"])
    return _sum(number(record.get("v")), base)


def _sum(own: float | None, base: float | None) -> float | None:
    return None if own is None else own + (base or 0.0)


def _text(record: dict[str, Json], key: str, otherwise: str) -> str:
    said = record.get(key, otherwise)
    if not isinstance(said, str) or len(said) > 400:
        raise UnreadableError(Reason.TYPE, f"{key} is no text, or too long")
    return said


def _beginnings(full: str, base: str) -> list[str]:
    """Return what a binding may name of a full name: all of it, the base, and what ends where a part may end."""
    found = {full: None, base: None, base.rstrip(_SIGNS): None}
    for at in range(len(full) - 1, 0, -1):
        if full[at] in _SIGNS:
            found |= {full[: at + 1]: None, full[:at]: None}
            if len(found) > 40:
                break
    return [match for match in found if match]
