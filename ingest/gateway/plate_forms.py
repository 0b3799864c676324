"""What number plates look like, in texts and in bytes that nobody could decode.

All patterns are applied to bytes that anybody may have sent. No repetition in them is unbounded, and what may stand
between two signs of a plate is never a sign of a plate: a search takes time that is linear in the length.

The forms: civil plates (GA 36-2018) with five or six signs after the letter, also of students, police, Hong Kong and
Macau, trailers and rescue; armed police (WJ), the older plates of the forces (空A…), embassies, civil aviation; and
plates without their province, as many readers give them. Foreign plates are found by the name of their field only.
"""

import html
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_OTHERS: Final = "使领学警港澳民航应急军空海北沈兰济南广成"
"""Signs before the letter on plates of embassies, police, civil aviation, rescue, and of the forces until 2013."""
_SIGN: Final = "A-Za-z0-9Ａ-Ｚａ-ｚ０-９"
_BETWEEN: Final = r"""(?:[^\w"'{}\[\]:,<>=&;\\]|_){0,3}+"""
_TAIL: Final = "挂学警港澳领使试超临"
_REST: Final = (
    rf"(?:[{_SIGN}]{{4,6}}(?![{_SIGN}])|(?:[{_SIGN}]{_BETWEEN}){{3,5}}[{_SIGN}])(?:{_BETWEEN}(?:[{_TAIL}]|应急))?"
)
PLATE: Final = re.compile(
    rf"[{_PROVINCES}{_OTHERS}]{_BETWEEN}[A-Za-zＡ-Ｚａ-ｚ]{_BETWEEN}临?{_REST}"
    rf"|(?<![{_SIGN}])[WwＷｗ]{_BETWEEN}[JjＪｊ]{_BETWEEN}"
    rf"(?:[{_PROVINCES}]{_BETWEEN}{_REST}|(?:[0-9０-９]{_BETWEEN}){{4,6}}[{_SIGN}]?)"
    rf"|[使领]{_BETWEEN}(?:[0-9０-９]{_BETWEEN}){{5}}[0-9０-９]"
    rf"|民航{_BETWEEN}{_REST}"
)
"""A Chinese plate, with or without separators of any kind, in narrow or wide letters."""
_ABROAD: Final = "使领"
PLATE_BEFORE: Final = re.compile(rf"(?:[0-9０-９]{_BETWEEN}){{6}}[{_ABROAD}]")
"""An older embassy's plate, whose sign stands behind. Apart, because every digit would else be the beginning of one."""
_MAYBE_ASCII: Final = re.compile(r"[Ww][^\w]{0,3}_?[Jj]")
"""Without this, a text in ASCII holds nothing that `PLATE` finds."""
_HEADS: Final = frozenset(_PROVINCES + _OTHERS + "WwＷｗ")
"""Whatever `PLATE` matches has one of these."""
BARE: Final = re.compile(r"(?<![A-Za-z0-9])[A-HJ-NP-Z][ ._·•‧\udc80-\udcff-]{0,2}[A-Z0-9]{5,6}(?![A-Za-z0-9])")
"""A plate without its province; it also has `_BARE_DIGITS` digits."""
_BARE_DIGITS: Final = 3

_GBK_BETWEEN: Final = rb"(?:[\s.\-_*/~|]|[\xa1\xa8][\xa1-\xfe@-Z]){0,3}"
_GBK_SIGN: Final = rb"(?:[A-Za-z0-9]|\xa3[\xb0-\xb9\xc1-\xda\xe1-\xfa])"
_GBK_PARTS: Final = {
    b"between": _GBK_BETWEEN,
    b"sign": _GBK_SIGN,
    b"digit": rb"(?:[0-9]|\xa3[\xb0-\xb9])",
    b"words": b"|".join(re.escape(sign.encode("gb18030")) for sign in _PROVINCES + _OTHERS),
    b"abroad": b"|".join(re.escape(sign.encode("gb18030")) for sign in "使领"),
    b"tail": b"|".join(re.escape(sign.encode("gb18030")) for sign in (*_TAIL, "应急")),
}
_GBK_HEADS: Final = tuple(sign.encode("gb18030") for sign in sorted(_HEADS))
PLATE_GBK: Final = re.compile(
    rb"(?:(?:%(words)b)%(between)b(?:[A-Za-z]|\xa3[\xc1-\xda\xe1-\xfa])"
    rb"|(?:[Ww]|\xa3[\xd7\xf7])(?:[Jj]|\xa3[\xca\xea])(?:%(between)b(?:%(words)b))?)"
    rb"%(between)b(?:%(sign)b{4,6}(?!%(sign)b)|(?:%(sign)b%(between)b){3,5}%(sign)b)(?:%(tail)b)?"
    rb"|(?:%(abroad)b)%(between)b(?:%(digit)b%(between)b){5}%(digit)b" % _GBK_PARTS
)
PLATE_BEFORE_GBK: Final = re.compile(rb"%(digit)b{6}(?:%(abroad)b)" % _GBK_PARTS)
"""The same in GBK, which older Chinese gates send."""

_KEY: Final = re.compile(
    r"(?:^|[^a-z])(?:licen[cs]e|number|car|vehicle|veh|plate)?[_ -]?(?:plate|lpn?|lpr)[_ -]?"
    r"(?:no|num|number|text|str|string|value|id|code|license|raw)?$|号牌|车牌|hphm|"
    r"(?:^|[^a-z])(?:car|vehicle|veh|licen[cs]e)[_ -]?(?:no|num|number)$|(?:^|[^a-z])cphm?$|(?:^|[^a-z])licen[cs]e$",
    re.IGNORECASE,
)
"""A field name that holds a plate: plate, plateNo, PlateNumber, license_plate, carNo, 车牌号, hphm (GA/T 1400)…"""
HARMLESS: Final = re.compile(r"colou?r|type|has|confidence|reliab|score|rect|class|count|template", re.IGNORECASE)
"""Parts of plate fields that hold no plate: PlateColor, HasPlate, plateType…"""
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
NAMED: Final = re.compile(
    rb"""(?P<head>(?:plate|lpn|lpr|hphm|\bcphm?\b|(?:car|veh|vehicle|licen[cs]e)[_ -]?(?:no|num|number)\b|"""
    rb"""\xe8\xbd\xa6\xe7\x89\x8c|\xe5\x8f\xb7\xe7\x89\x8c|\xb3\xb5\xc5\xc6|\xba\xc5\xc5\xc6)"""
    rb"""[^"'<>:=,{}\[\]]{0,24}+["']?\s{0,8}+[:=>]\s{0,8}+)(?P<value>"(?:[^"\\]|\\.){0,256}+"?|'[^']{0,256}+'?|[^\s"',;&<>{}\[\]]{1,256})""",
    re.IGNORECASE | re.DOTALL,
)
"""``plate…: value`` in JSON, query strings, logs and XML; Chinese names in UTF-8 and in GBK."""
NAMES: Final = (
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
"""Whatever `NAMED` matches contains one of these: a search for them is a hundred times as fast."""

_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")
_BLANK: Final = re.compile(rb"\\[tnrfb]")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_INFLATED: Final = 1 << 20
"""Bytes that are looked at of what was compressed."""


def holds_plate(text: str) -> bool:
    """Tell quickly whether `PLATE` may find anything in a text."""
    return _MAYBE_ASCII.search(text) is not None if text.isascii() else not _HEADS.isdisjoint(text)


def holds_abroad(text: str | bytes) -> bool:
    """Tell quickly whether `PLATE_BEFORE`, of bytes `PLATE_BEFORE_GBK`, may find anything."""
    if isinstance(text, bytes):
        return any(sign.encode("gb18030") in text for sign in _ABROAD)
    return any(sign in text for sign in _ABROAD)


def holds_gbk_plate(raw: bytes) -> bool:
    """Tell quickly whether `PLATE_GBK` may find anything in bytes."""
    return any(head in raw for head in _GBK_HEADS)


def is_bare(text: str) -> bool:
    """Tell whether what `BARE` found has as many digits as a plate."""
    return sum(sign.isdigit() for sign in text) >= _BARE_DIGITS


@lru_cache(4096)
def names_plate(key: str) -> bool:
    """Tell whether a field of this name holds a plate."""
    return len(key) <= 64 and HARMLESS.search(key) is None and _KEY.search(_CAMEL.sub("_", key)) is not None


def is_foreign(raw: bytes) -> bool:
    """Tell whether bytes are no UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


def unescaped(raw: bytes) -> bytes:
    r"""Return bytes with JSON's ``\u`` escapes resolved."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), raw)


def readings(raw: bytes) -> Iterator[tuple[bytes, bool]]:
    """Return what bytes may mean in another way: UTF-16, UTF-32, escaped blanks, percent signs, entities, compressed.

    With each, whether it is text for certain: then there is nothing in it that could be GBK.
    """
    nul = b"\0" in raw
    if nul or is_foreign(raw):
        for code in ("utf-16-le", "utf-16-be", *(("utf-32-le", "utf-32-be") if nul else ())):
            for start in range(4 if "32" in code else 2):
                yield raw[start:].decode(code, "ignore").encode("utf-8", "ignore"), True
    if (plain := _BLANK.sub(b" ", raw)) != raw:
        yield plain, False
    if b"%" in raw and (plain := unquote_to_bytes(raw)) != raw:
        yield plain, False
    if b"&#" in raw:
        yield html.unescape(raw.decode("utf-8", "replace")).encode("utf-8", "replace"), False
    if raw[:2] == b"\x1f\x8b" or (raw[:1] == b"\x78" and len(raw) > 1 and raw[1] in b"\x01\x5e\x9c\xda"):
        yield _inflated(raw), False


def _inflated(raw: bytes) -> bytes:
    found = b""
    with suppress(zlib.error):
        while raw and len(found) < _INFLATED:  # of gzip there may be several, one behind the other
            inflating = zlib.decompressobj(_GZIP_OR_ZLIB)
            found += inflating.decompress(raw, _INFLATED - len(found))
            raw = inflating.unused_data
    return found
