"""What is not quite a payload: cut into elements, and each read as far as what it means is beyond doubt.

The native codec comes here where its one call fails. Taken is what can only be meant one way: `12.0` and `"12"` for
12, a time in seconds or nanoseconds, `+0800`, a mark or a NUL around the text, several objects without an array.
Refused, by the field's name, is what could be meant otherwise or not at all: `1.5` people, NaN, a count's time without
a zone. A level or a state whose time or number cannot be read is taken without (`NO_TIME`): an alarm must not be lost
for its clock, and what does not know its time counts as of its receipt.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from ingest.codecs.words import WordError, plain
from ingest.observations import LATEST_MS, MAX_SEQ, SECONDS_FROM, Count, Gate, Level, Observation, State
from ingest.vocabulary import Reason

NO_TIME: Final = 0
"""The time of a level or state that does not know it: the first moment of 1970, as clocks show that were never set."""
_AROUND: Final = b" \t\r\n\v\f\0\x1e"
_MARK: Final = b"\xef\xbb\xbf"
_STRUCTURE: Final = re.compile(rb"[\[{}\],]")
_STEP: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b",": 0}
_LARGEST: Final = 10.0**300
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?\Z")
_QUANTITY: Final = re.compile(r"([+-]?[0-9]{1,20}(?:[.,][0-9]{0,20})?) ?([^0-9.,+ eExX-][^\x00-\x1f]{0,30})?\Z")
"""A number with its unit behind it. A comma with one or two digits behind it is no thousands separator."""
_TIME: Final = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt ]{1,2}([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?([Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?\Z"
)
_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x78\x9c": "zlib", b"\x78\xda": "zlib"}
_PROVINCE: Final = re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领]\s?[A-Z]")
_PLATE: Final = re.compile(r"[鲁豫][A-Z][A-Z0-9]{4}")
"""Of these two GBK is UTF-8, too."""
_CHINESE: Final = {"gb2312", "gbk", "gb18030", "cp936", "ms936", "gb_2312-80", "x-gbk"}
_ASCII: Final = bytes(range(128))
_SHOWN: Final = 40
_DEEPEST: Final = 1_000
"""Brackets in brackets after which nothing is looked for."""
_SIGNS: Final = 64
"""Brackets and commas of a piece, on average, after which nothing is looked for: an observation has a dozen."""


class UnreadableError(ValueError):
    """Something cannot be taken: the reason and the sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Cut(NamedTuple):
    """A payload in pieces."""

    elements: list[bytes]
    """Objects, or whatever else stands between the commas of an array."""
    left: bytes
    """What is behind the last whole one: the beginning of another, or what is no JSON."""
    too_many: bool = False


def text_of(raw: bytes, declared: str = "") -> str:
    r"""Return bytes as text: UTF-8, UTF-16 with its mark, or GBK, whatever is declared. Raises `UnreadableError`.

    Firmware declares one and sends the other. Chinese in UTF-8 takes three bytes a letter, which GBK hardly ever is by
    chance; two bytes (`鲁` in GBK) may be either, and then it counts what is declared, or which gives a number plate.

    >>> text_of("鲁A12345".encode("gbk")), text_of("京A".encode(), "gbk"), text_of(b"\xef\xbb\xbfok")
    ('鲁A12345', '京A', 'ok')
    """
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise UnreadableError(Reason.JSON, "text in UTF-16 that breaks off") from None
    try:
        text: str | None = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is not None and (text.isascii() or max(raw.translate(None, _ASCII)) >= 0xE0):  # three bytes a letter
        return text
    try:
        chinese = raw.decode("gb18030")
    except UnicodeDecodeError:
        if text is None:
            raise UnreadableError(Reason.JSON, "text that is neither UTF-8 nor GBK") from None
        return text
    if text is None or declared.lower() in _CHINESE or (_PLATE if declared else _PROVINCE).search(chinese):
        return chinese
    return text


def trimmed(payload: bytes) -> bytes:
    """Return a payload without blanks, NULs and a byte order mark around it."""
    return payload.strip(_AROUND).removeprefix(_MARK).strip(_AROUND)


def other_text(payload: bytes) -> str | None:
    """Return what bytes are that are no text in UTF-8, and what is expected; None for what may be such a text."""
    for head, name in _COMPRESSED.items():
        if payload.startswith(head):
            return f"compressed with {name}, expected JSON as plain text in UTF-8: switch the compression off"
    if payload[:2] in {b"\xff\xfe", b"\xfe\xff"} or (
        len(payload) > 3 and 0 in payload[:2] and payload[:4].strip(b"\0")
    ):
        return "text in UTF-16 or UTF-32, expected UTF-8: set the device's encoding to UTF-8"
    return None


def cut(payload: bytes, most: int) -> Cut:
    """Return the elements of arrays and the objects that stand one after another, of at most `most` pieces."""
    masked = without_strings(payload)
    elements: list[bytes] = []
    level, array, at, pieces = 0, False, 0, 0
    for match in islice(_STRUCTURE.finditer(masked), _SIGNS * most):
        sign, end, before = match[0], match.end(), level
        level += _STEP[sign]
        if not 0 <= level <= _DEEPEST:
            break
        if sign == b"[" and before == 0 and not masked[at : end - 1].strip():
            array, at = True, end
        # What is cut ends with a comma or the end of the array it is in, or else with its own bracket.
        if not (level == array if sign == b"," else level < before == 1):
            continue
        piece = payload[at : end if sign != b"," and not array else end - 1].strip(_AROUND)
        at, array, pieces = end, array and sign == b",", pieces + 1
        if pieces > most:
            return Cut([], b"", too_many=True)
        if piece:
            elements.append(piece)
    left = payload[at:].strip(_AROUND)
    if array and level == 1 and left[-1:] in {b"}", b"]"}:  # only the array's end is missing
        return Cut([*elements, left], b"")
    return Cut(elements, left)


def without_strings(payload: bytes) -> bytes:
    """Return bytes of the same length with letters for what stands in strings."""
    parts = payload.replace(rb"\\", b"xx").replace(rb"\"", b"xx").split(b'"')
    return b'"'.join(b"x" * len(part) if odd % 2 else part for odd, part in enumerate(parts))


def unwrapped(payload: bytes) -> bytes | None:
    """Return the text of a JSON string, None for what is none: some programs encode an object twice."""
    try:
        text = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return text.encode("utf-8", "replace") if isinstance(text, str) else None


def read(raw: bytes) -> Observation:
    """Return the observation in the bytes of one element. Raises as `observed`."""
    return observed(parsed(raw))


def parsed(raw: bytes) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return what stands in the bytes of one element. Raises `UnreadableError`."""
    try:
        return json.loads(raw.decode(), parse_int=whole_number, strict=False)
    except UnicodeDecodeError:
        raise UnreadableError(Reason.JSON, "text that is not UTF-8 (GBK?): set the device to UTF-8") from None
    except RecursionError:
        raise UnreadableError(Reason.DEPTH, "nested too deeply to be read") from None
    except ValueError as error:
        raise UnreadableError(Reason.JSON, f"JSON is malformed: {error}") from None


def observed(item: object) -> Observation:
    """Return the observation that an object of JSON means.

    Raises `UnreadableError`, and msgspec.ValidationError for what breaks a limit of its type.
    """
    if not isinstance(item, dict):
        raise UnreadableError(Reason.TYPE, f"{_said(item)}, expected an object with type, ts and the type's fields")
    if "type" not in item:
        raise UnreadableError(Reason.TYPE, "object without the field type, expected count, gate, level or state")
    said = item["type"]
    found = _TYPES.get(said.strip().lower()) if isinstance(said, str) else None
    if found is None:
        raise UnreadableError(Reason.TYPE, f"type is {_said(said)}, expected count, gate, level or state")
    model, fields = found
    given: dict[str, Any] = {"type": model.__struct_config__.tag}
    for name, mend in fields.items():
        value = item.get(name)
        if value is None and (name not in item or name in _MAY_BE_NULL):
            continue
        given[name] = mend(name, value)
    if model is Level and isinstance(given.get("value"), tuple):
        given["value"], unit = given["value"]
        given["unit"] = given.get("unit") or unit
    if model in {Level, State}:
        given |= {"ts": _time_or_none(item.get("ts")), **_numbers_or_none(item)}
    return msgspec.convert(given, model)


def whole_signs(text: str) -> str:
    """Return a text without halves of signs, which JSON can hold and nothing can write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def whole_number(digits: str) -> int | float:
    """Return a number; one of many digits, for which Python would take long, as it is after rounding."""
    return int(digits) if len(digits) <= 25 else float(digits)


def _said(value: object) -> str:
    text = {True: "true", False: "false", None: "null"}.get(value) if value is None or isinstance(value, bool) else None
    text = text or (value if isinstance(value, str) else repr(value))
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return repr(text) if isinstance(value, str) else text


def _number(name: str, value: object, expected: str) -> int | float:
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value[:80]).strip()
        if _NUMBER.match(text):
            value = float(text) if not text.lstrip("+-").isdecimal() else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, expected {expected}")
    if not -_LARGEST < value < _LARGEST:  # also whole numbers that no float can hold
        raise UnreadableError(Reason.RANGE, f"{name} is {_said(value)}, expected {expected}")
    return value


def _real(name: str, value: object) -> float:
    return float(_number(name, value, "a number"))


def _reading(name: str, value: object) -> float | tuple[float, str]:
    """Return a level's value, with its unit where the text has it: ``"95.5 ℃"``, ``"95,5"``."""
    text = unicodedata.normalize("NFKC", value[:80]).strip() if isinstance(value, str) else ""
    found = None if _NUMBER.match(text) else _QUANTITY.match(text)
    if found is None:
        return _real(name, value)
    whole, _, fraction = found[1].partition(",")
    if len(fraction) > 2:
        return _real(name, value)
    return float(f"{whole}.{fraction}" if fraction else whole), found[2] or ""


def _whole(name: str, value: object) -> int:
    number = _number(name, value, "a whole number")
    if number != int(number):
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, expected a whole number")
    return int(number)


def _text(name: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, expected text")
    try:
        return plain(value[: 4 * _SHOWN])
    except WordError as error:
        raise UnreadableError(Reason.RANGE, f"{name} {error}") from None


def _plate(name: str, value: object) -> str:
    """Return a plate as it is: what makes plates equal is the gateway's business."""
    if not isinstance(value, str):
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, expected text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnreadableError(Reason.RANGE, f"{name} holds half a character, expected whole ones") from None
    return value


def _word(name: str, value: object) -> str:
    """Return a state's word; truth values and numbers as texts, of which `words.word_of` makes words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _text(name, value)


def _choice(name: str, value: object) -> str:
    return _text(name, value).lower()


def _truth(name: str, value: object) -> bool:
    said = value.strip().lower() if isinstance(value, str) else value
    if said in (True, "true", "1", "yes"):  # 1 and 1.0 equal True
        return True
    if said in (False, "false", "0", "no"):
        return False
    raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, expected true or false")


def _mark(_name: str, value: object) -> bool:
    """Return whether a mark is set: one that cannot be read is, so that an old word cannot pass for a new one."""
    try:
        return _truth("", value)
    except UnreadableError:
        return True


# -- times -----------------------------------------------------------------------------------------------------------


def instant(name: str, value: object) -> int:
    """Return a time as epoch milliseconds, whatever it was given in. Raises `UnreadableError`."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value[:80]).strip()
        value = float(text) if _NUMBER.match(text) else _of_text(name, text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(value)}, {_EXPECTED_TIME}")
    if not -_LARGEST < value < _LARGEST:  # also whole numbers that no float can hold
        raise UnreadableError(Reason.RANGE, f"{name} is no time: the number is too large; {_EXPECTED_TIME}")
    for unit in (1_000, 1, 0.001, 0.000_001):  # seconds, milliseconds, microseconds, nanoseconds
        if unit == 1 and 0 <= value < LATEST_MS:
            return round(value)
        if SECONDS_FROM * 1000 <= value * unit < LATEST_MS:
            return round(value * unit)
    raise UnreadableError(
        Reason.RANGE,
        f"{name} is {_said(value)}, which is no time between 2000 and 2100 in seconds, milliseconds, microseconds or "
        f"nanoseconds; {_EXPECTED_TIME}",
    )


_EXPECTED_TIME: Final = "expected epoch milliseconds, or text like 2026-11-23T08:05:00Z or …+08:00"


def _of_text(name: str, text: str) -> float:
    """Return a written time as epoch milliseconds."""
    found = _TIME.match(text)
    if found is None:
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(text)}, {_EXPECTED_TIME}")
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    second, fraction, zone = int(found[6] or 0), found[7] or "", found[8]
    if zone is None:
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(text)}, a time without a zone; {_EXPECTED_TIME}")
    leap, midnight = second == 60, (hour, minute, second) == (24, 0, 0)
    try:
        when = datetime(year, month, day, 0 if midnight else hour, minute, 59 if leap else second, tzinfo=_zone(zone))
        when += timedelta(seconds=leap, days=midnight)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(Reason.TYPE, f"{name} is {_said(text)}: {error}; {_EXPECTED_TIME}") from None
    return round((when - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) + round(
        1000 * float(f"0.{fraction or 0}")
    )


def _zone(said: str) -> timezone:
    if said in {"Z", "z", "UTC", "GMT"}:
        return UTC
    digits = said[1:].replace(":", "")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-away if said[0] == "-" else away)


def _time_or_none(value: object) -> int:
    try:
        return instant("ts", value)
    except UnreadableError:
        return NO_TIME


def _numbers_or_none(item: dict[str, object]) -> dict[str, object]:
    """Return a level's or state's number and boot; without a number that can be kept, the gateway gives one."""
    try:
        seq = None if item.get("seq") is None else _whole("seq", item["seq"])
        boot = "" if item.get("boot") is None else _text("boot", item["boot"])
    except UnreadableError:
        return {}
    return {"seq": seq, "boot": boot} if seq is None or 0 <= seq <= MAX_SEQ else {}


Mend = Callable[[str, object], Any]
_NUMBERED: Final[dict[str, Mend]] = {"backfill": _mark, "seq": _whole, "boot": _text}
_MAY_BE_NULL: Final = frozenset({"backfill", "seq", "boot", "unit", "plate", "vehicle", "direction", "allowed", "of"})
_TYPES: Final[dict[str, tuple[type[Count | Gate | Level | State], dict[str, Mend]]]] = {
    "count": (Count, {"ts": instant, "interval_s": _real, "in": _whole, "out": _whole, "of": _choice, **_NUMBERED}),
    "gate": (
        Gate,
        {
            "ts": instant,
            "direction": _choice,
            "plate": _plate,
            "vehicle": _choice,
            "allowed": _truth,
            **_NUMBERED,
        },
    ),
    "level": (Level, {"metric": _text, "value": _reading, "unit": _text, "backfill": _mark}),
    "state": (State, {"metric": _text, "value": _word, "backfill": _mark}),
}
"""Type → its struct, and what mends each of its fields; time and number of levels and states are mended apart."""
