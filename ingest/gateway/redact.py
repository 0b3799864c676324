"""Takes number plates out of payloads, topics and texts that are stored as they came (quarantine, incident texts).

What can be decoded is decoded, and plates are replaced by their tokens, so that a payload can be replayed with the
same result. What cannot be decoded is searched for field names that vendors use for plates, whatever the bytes around
them are, and for the shape of a Chinese plate.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ingest.gateway.plates import Plates

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领学警港澳民航应急"
_SHAPE: Final = re.compile(
    rf"[{_PROVINCES}]\s*[A-Za-zＡ-Ｚａ-ｚ]\s*[\s.·•・‧∙-]?\s*(?:[A-HJ-NP-Za-hj-np-z0-9０-９][\s.·•-]?){{4,6}}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳领]?"
)
"""A Chinese plate, written with or without separators, in narrow or wide letters."""
_SHAPE_GBK: Final = re.compile(
    rb"(?:%s)\s?[A-Za-z]\s?(?:\xa1\xa4|[.-])?\s?(?:[A-HJ-NP-Za-hj-np-z0-9][.-]?){4,6}"
    % b"|".join(re.escape(letter.encode("gb18030")) for letter in _PROVINCES)
)
"""The same in GBK, which older Chinese gates send."""
_KEY: Final = re.compile(
    r"(?:^|[^a-z])(?:licen[cs]e|number|car|vehicle|veh|plate)?[_ -]?(?:plate|lpn?|lpr)[_ -]?"
    r"(?:no|num|number|text|str|string|value|id|code|license|raw)?$|号牌|车牌|hphm|"
    r"(?:^|[^a-z])(?:car|vehicle|veh|licen[cs]e)[_ -]?(?:no|num|number)$|(?:^|[^a-z])cphm?$|(?:^|[^a-z])licen[cs]e$",
    re.IGNORECASE,
)
"""A field name that holds a plate: plate, plateNo, PlateNumber, license_plate, carNo, 车牌号, hphm (GA/T 1400)…"""
_HARMLESS: Final = re.compile(r"colou?r|type|has|confidence|reliab|score|rect|class|count|template", re.IGNORECASE)
"""Parts of plate fields that hold no plate: PlateColor, HasPlate, plateType…"""
_NAMED_BYTES: Final = re.compile(
    rb"""(?P<head>(?:plate|lpn|lpr|hphm|\bcphm?\b|(?:car|veh|vehicle|licen[cs]e)[_ -]?(?:no|num|number)\b|"""
    rb"""\xe8\xbd\xa6\xe7\x89\x8c|\xe5\x8f\xb7\xe7\x89\x8c|\xb3\xb5\xc5\xc6|\xba\xc5\xc5\xc6)"""
    rb"""[^"'<>:=,{}\[\]]{0,24}["']?\s{0,8}[:=>]\s{0,8})(?P<value>"(?:[^"\\]|\\.){0,256}"?|'[^']{0,256}'?|[^\s"',;&<>{}\[\]]{1,256})""",
    re.IGNORECASE | re.DOTALL,
)
"""``plate…: value`` in JSON, query strings, logs and XML; Chinese names in UTF-8 and in GBK."""
_WORDS: Final = (
    b"plate",
    b"lpn",
    b"lpr",
    b"hphm",
    b"cph",
    b"carn",
    b"car_n",
    b"car-n",
    b"car n",
    b"veh",
    b"licen",
    *("车牌".encode(code) for code in ("utf-8", "gb18030")),
    *("号牌".encode(code) for code in ("utf-8", "gb18030")),
)
"""One of these stands in whatever `_NAMED_BYTES` matches: looking for them is a hundred times as fast."""
_PREFIX: Final = 16
_NAME_BYTES: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_HIDDEN: Final = b"(plate-removed)"
_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")


def text(plates: Plates, value: str) -> str:
    """Return a text with whatever looks like a plate replaced by its token."""
    if value.isascii():
        return value
    return _SHAPE.sub(lambda match: plates.token(match[0]), value)


def payload(plates: Plates, raw: bytes) -> bytes:
    """Return a payload without raw plates: byte for byte as it came where it holds none."""
    try:
        document = msgspec.json.decode(raw)
        clean = _walk(plates, document, named=False)
        # A name can hide behind \u escapes and a repeated key, which decoding resolves: then the bytes are rewritten.
        if clean != document or b"\\u" in raw:
            return msgspec.json.encode(clean)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError):
        raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), raw)
    return _search(plates, raw)


def _walk(plates: Plates, value: object, *, named: bool) -> object:
    if isinstance(value, str):
        return plates.token(value) if named and value else text(plates, value)
    if isinstance(value, dict):
        return {text(plates, key): _walk(plates, item, named=named or _names_plate(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(plates, item, named=named) for item in value]
    if named and isinstance(value, int | float) and not isinstance(value, bool):
        return plates.token(str(value))
    return value


def _names_plate(key: str) -> bool:
    return len(key) <= 64 and _HARMLESS.search(key) is None and _KEY.search(_split_words(key)) is not None


def _split_words(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)


def _search(plates: Plates, raw: bytes) -> bytes:
    lowered = raw.lower()
    clean = raw
    if any(word in lowered for word in _WORDS):
        clean = _NAMED_BYTES.sub(lambda match: _hide(plates, match), raw)
    if clean.isascii():
        return clean
    decoded = clean.decode("utf-8", "surrogateescape")  # keeps every byte, also of what is not UTF-8
    hidden = text(plates, decoded)
    if hidden != decoded:
        clean = hidden.encode("utf-8", "surrogateescape")
    return _SHAPE_GBK.sub(lambda match: _token_of_gbk(plates, match[0]), clean)


def _token_of_gbk(plates: Plates, plate: bytes) -> bytes:
    try:
        return plates.token(plate.decode("gb18030")).encode()
    except UnicodeDecodeError:
        return _HIDDEN


def _hide(plates: Plates, match: re.Match[bytes]) -> bytes:
    head, value = match["head"], match["value"]
    before = match.string[max(0, match.start() - _PREFIX) : match.start()]
    prefix = before[len(before.rstrip(_NAME_BYTES)) :]
    if _HARMLESS.search((prefix + head).decode("latin-1")):
        return match[0]
    quote = value[:1] if value[:1] in {b'"', b"'"} else b""
    inner = value.strip(quote) if quote else value
    if inner == _HIDDEN:
        return match[0]
    try:
        token = plates.token(inner.decode()).encode()
    except UnicodeDecodeError:
        token = _HIDDEN
    closing = quote if quote and value.endswith(quote) and len(value) > 1 else b""
    return head + quote + token + closing
