"""Number plates become tokens before anything is stored: the same vehicle gives the same token, nobody can go back.

A token is ``h1:``, 4 hexadecimal digits that name the key, and 32 that are the first 128 bits of HMAC-SHA-256 of the
normalised plate. 128 bits is the least that RFC 2104 (section 5) advises for a hash of 256; among ten million plates
two share a token with probability 1.5e-25. A plain hash would not do: all plates of a country can be tried in
seconds, so it is the secret key that protects them, and it stays out of every data store.
"""

import hmac
import os
import re
import secrets
import stat
import time
import unicodedata
from pathlib import Path
from typing import Final

import msgspec

from ingest.files import replace_file

_PREFIX: Final = "h1:"
_TOKEN: Final = re.compile(r"h1:[0-9A-Za-z_-]{12,60}\Z")
_HASH_DIGITS: Final = 32
_KEY_BYTES: Final = 32
_SEPARATORS: Final = re.compile(r"[\s.\-_·•・‧∙]{1,64}+")
_NO_PLATE: Final = frozenset(
    {"", "无牌", "无牌车", "无车牌", "未识别", "未知", "UNKNOWN", "NOPLATE", "NONE", "NULL", "NA", "N/A"}
)
"""What cameras write when they read no plate."""

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领学警港澳民航应急"
# No pattern here repeats without a bound, and none can split one text in two ways (``+`` behind a repetition forbids
# going back): the time for hostile bytes grows with their number, not with its square.
_SHAPE: Final = re.compile(
    rf"[{_PROVINCES}]\s{{0,4}}+[A-Za-zＡ-Ｚａ-ｚ][\s.·•・‧∙-]{{0,8}}+"
    r"(?:[A-HJ-NP-Za-hj-np-z0-9０-９][\s.·•-]?){4,6}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳领]?"
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
    rb"""[^"'<>:=,{}\[\]]{0,24}+["']?\s{0,8}+[:=>]\s{0,8}+)(?P<value>"(?:[^"\\]|\\.){0,256}+"?|'[^']{0,256}+'?|[^\s"',;&<>{}\[\]]{1,256})""",
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
"""Whatever `_NAMED_BYTES` matches contains one of these: a search for them is a hundred times as fast."""
_BEFORE: Final = 16
_NAME_BYTES: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_HIDDEN: Final = b"(plate-removed)"
_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")


class PlateKeyError(ValueError):
    """The key file is missing, unreadable, open to others, or malformed; the text names it and says what to do."""


class _Key(msgspec.Struct, frozen=True):
    id: str
    created_ms: int
    secret: bytes

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{4}", self.id) or len(self.secret) < _KEY_BYTES:
            raise ValueError(f"key {self.id!r} needs an id of 4 hexadecimal digits and {_KEY_BYTES} secret bytes")


class _KeyFile(msgspec.Struct, frozen=True):
    keys: list[_Key]


def normalise(plate: str) -> str:
    """Return a plate without what readers write differently; empty where there is none.

    >>> normalise("吉A·12345"), normalise(" 吉a 12345 "), normalise("无牌车")
    ('吉A12345', '吉A12345', '')
    """
    text = _SEPARATORS.sub("", unicodedata.normalize("NFKC", plate)).upper()
    return "" if text in _NO_PLATE else text


class Plates:
    """Makes tokens with the newest of its keys, and puts them in the place of plates wherever those are found.

    Older keys stay in the file for as long as somebody entitled must match old tokens. Rotating cuts the link between
    a vehicle's passes before and after: that is its purpose.
    """

    def __init__(self, keys: list[tuple[str, bytes]]) -> None:
        """Take (key id, secret) pairs, oldest first. Raises `PlateKeyError` where there is none."""
        if not keys:
            raise PlateKeyError("no plate key: at least one is needed")
        self._id, self._secret = keys[-1]

    def token(self, plate: str) -> str:
        """Return the token of a raw plate; a token stays as it is, and no plate gives an empty text."""
        if _TOKEN.match(plate):
            return plate
        text = normalise(plate)
        if not text:
            return ""
        digest = hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256")
        return f"{_PREFIX}{self._id}{digest.hex()[:_HASH_DIGITS]}"

    def hidden_text(self, value: str) -> str:
        """Return a text with whatever looks like a plate replaced by its token."""
        if value.isascii():
            return value
        return _SHAPE.sub(lambda match: self.token(match[0]), value)

    def hidden_payload(self, raw: bytes) -> bytes:
        """Return a payload without raw plates: byte for byte as it came where it holds none.

        What can be decoded is decoded, and plates are replaced by their tokens, so that a payload can be replayed with
        the same result. What cannot be decoded is searched for field names that vendors use for plates, whatever the
        bytes around them are, and for the shape of a Chinese plate.
        """
        try:
            document = msgspec.json.decode(raw)
            clean = self._walk(document, named=False)
            # A name can hide behind \u escapes and a repeated key, which decoding resolves: the bytes are rewritten.
            if clean != document or b"\\u" in raw:
                return msgspec.json.encode(clean)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError):
            raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)).encode("utf-8", "replace"), raw)
        return self._search(raw)

    def _walk(self, value: object, *, named: bool) -> object:
        if isinstance(value, str):
            return self.token(value) if named and value else self.hidden_text(value)
        if isinstance(value, dict):
            return {
                self.hidden_text(key): self._walk(item, named=named or _names_plate(key)) for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, named=named) for item in value]
        if named and isinstance(value, int | float) and not isinstance(value, bool):
            return self.token(str(value))
        return value

    def _search(self, raw: bytes) -> bytes:
        lowered = raw.lower()
        clean = raw
        if any(word in lowered for word in _WORDS):
            clean = _NAMED_BYTES.sub(self._hide, raw)
        if clean.isascii():
            return clean
        decoded = clean.decode("utf-8", "surrogateescape")  # keeps every byte, also of what is not UTF-8
        hidden = self.hidden_text(decoded)
        if hidden != decoded:
            clean = hidden.encode("utf-8", "surrogateescape")
        return _SHAPE_GBK.sub(self._token_of_gbk, clean)

    def _token_of_gbk(self, match: re.Match[bytes]) -> bytes:
        try:
            return self.token(match[0].decode("gb18030")).encode()
        except UnicodeDecodeError:
            return _HIDDEN

    def _hide(self, match: re.Match[bytes]) -> bytes:
        head, value = match["head"], match["value"]
        before = match.string[max(0, match.start() - _BEFORE) : match.start()]
        prefix = before[len(before.rstrip(_NAME_BYTES)) :]
        if _HARMLESS.search((prefix + head).decode("latin-1")):
            return match[0]
        quote = value[:1] if value[:1] in {b'"', b"'"} else b""
        inner = value.strip(quote) if quote else value
        if inner == _HIDDEN:
            return match[0]
        try:
            token = self.token(inner.decode()).encode()
        except UnicodeDecodeError:
            token = _HIDDEN
        closing = quote if quote and value.endswith(quote) and len(value) > 1 else b""
        return head + quote + token + closing


def _names_plate(key: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[:65])
    return len(key) <= 64 and _HARMLESS.search(key) is None and _KEY.search(words) is not None


def load_plates(path: Path) -> Plates:
    """Read the key file, making one with a fresh key (mode 0600) where there is none. Raises `PlateKeyError`."""
    if not path.exists():
        _write(path, [_new_key()], create_only=True)
    return Plates([(key.id, key.secret) for key in _read(path)])


def rotate(path: Path, keep: int = 3) -> str:
    """Add a fresh key to the file, keep the newest `keep`, and return the new key's id. Raises `PlateKeyError`.

    Running gateways use it after their next start.
    """
    keys = [*_read(path), _new_key()][-max(keep, 1) :] if path.exists() else [_new_key()]
    _write(path, keys)
    return keys[-1].id


def _new_key() -> _Key:
    return _Key(secrets.token_hex(2), time.time_ns() // 1_000_000, secrets.token_bytes(_KEY_BYTES))


def _read(path: Path) -> list[_Key]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise PlateKeyError(f"plate key file {path}: cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise PlateKeyError(f"plate key file {path}: mode {mode:o} lets others read it, expected 600: chmod 600 {path}")
    try:
        keys = msgspec.json.decode(content, type=_KeyFile).keys
    except msgspec.MsgspecError as error:
        raise PlateKeyError(f"plate key file {path}: {error}; restore it from a backup, or move it away") from error
    if not keys or len({key.id for key in keys}) < len(keys):
        raise PlateKeyError(f"plate key file {path}: expected at least one key, and every id once")
    return sorted(keys, key=lambda key: key.created_ms)


def _write(path: Path, keys: list[_Key], *, create_only: bool = False) -> None:
    replace_file(path, msgspec.json.encode(_KeyFile(keys)), mode=0o600, create_only=create_only)
