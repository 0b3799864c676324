"""Number plates become tokens before anything is stored: the same vehicle gives the same token, nobody can go back.

A token is ``h1:``, 4 hexadecimal digits that name the key, and 32 that are the first 128 bits of HMAC-SHA-256 of the
normalised plate. 128 bits is the least that RFC 2104 (section 5) advises for a hash of 256; among ten million plates
two share a token with probability 1.5e-25. A plain hash would not do: all plates of a country can be tried in
seconds, so it is the secret key that protects them, and it stays out of every data store.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ingest.gateway import plate_forms as forms
from ingest.observations import Gate, Observation
from ingest.refusal import Refusal

_TOKEN: Final = re.compile(r"h1:[0-9A-Za-z_-]{12,60}\Z")
_PREFIX: Final = "h1:"
_HASH_DIGITS: Final = 32
_PROVEN: Final = re.compile(r"(h1:[0-9A-Za-z_-]{12,60})~([0-9a-f]{16})\Z")
"""A token that stands in the place of a plate in quarantine, with proof that this site made it."""
SEALED: Final = re.compile(r"s1:[0-9a-f]{4}[A-Za-z0-9_-]{150}\Z")
"""A plate that an edge agent has sealed (`ingest.sealing`)."""
MOST_SEALED: Final = 200
"""In a message, four times what an edge agent sends: opening one takes as long as fifty readings."""
_SEALED_PREFIX: Final = "s1:"
LINK_DAYS: Final = 28
"""So long after a new key a vehicle's older tokens are given beside its new one; `models.rules.gates` remembers a
vehicle for as long."""
_NO_PLATE: Final = re.compile(
    r"(?:[蓝黄绿白黑]{0,2}(?:[无未没非][^\W\d_a-zA-Z]{0,8})?|车牌|默认|UNKNOWN|UNRECOGNIZED|UNLICENSED|NOPLATE|NONE|NULL|NA|0{5,16})\Z"
)
"""What cameras write when they read no plate, normalised."""
_COLOUR: Final = re.compile(r"(?:新能源)?(?:蓝|黄|黄绿|黄绿双拼|绿|渐变绿|白|黑)色?(?=[^\W\d_a-zA-Z][A-Z])")
"""What some firmware writes before a plate: `蓝京A12345`."""
_BEFORE: Final = 16
_HALF_A_PLATE: Final = 64
"""Bytes that a plate has at most, in any encoding."""
_NAME_BYTES: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_HIDDEN: Final = b"(plate-removed)"
_MOST_COVERED: Final = 1_000
"""Plates of one payload that get a token in quarantine; more are left out, which costs less time."""
_DOCUMENT: Final = frozenset("{=:%&\\")
"""Signs of a text that is a document of its own: JSON in a string, a query."""


class PlateKeyError(ValueError):
    """The key file is missing, unreadable, open to others, or malformed; the text names it and says what to do."""


class SealedPlateError(ValueError):
    """A sealed plate cannot be opened; the text says why."""


def is_token(text: str) -> bool:
    """Tell whether a text looks like a token, whoever made it."""
    return _TOKEN.match(text) is not None


def normalise(plate: str) -> str:
    """Return a plate without what readers write differently; empty where there is none.

    >>> normalise("吉A·12345"), normalise(" 吉a—12345 "), normalise("无牌车"), normalise("蓝吉A12345")
    ('吉A12345', '吉A12345', '', '吉A12345')
    """
    text = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", plate))).upper()
    if not text.isascii() and (colour := _COLOUR.match(text)):
        text = text[colour.end() :]
    return "" if _NO_PLATE.match(text) else text


class Plates:
    """Makes tokens with the newest of its keys, and puts them in the place of plates wherever those are found.

    Parameters
    ----------
    keys
        (key id, secret) pairs, oldest first. Raises `PlateKeyError` where there is none.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._use(keys)
        self._open: Callable[[str], str] | None = None
        """Opens sealed plates, where there is a key; raises ValueError."""

    def _use(self, keys: Sequence[tuple[str, bytes]], linked: int = 0) -> None:
        """Go by keys; `linked` older ones still give a token beside the newest one's, see `LINK_DAYS`."""
        if not keys:
            raise PlateKeyError("no plate key: at least one is needed")
        self._covered = 0
        self._newest, *older = reversed(keys)
        self._all, self._linked = [self._newest, *older], older[:linked]

    def refresh(self, now_ms: int) -> None:
        """Take up what has changed since; nothing where the keys came from no file."""

    def token(self, plate: str, *, trusted: bool = False) -> str:
        """Return the token of a raw plate; no plate gives an empty text.

        A token stays as it is where a `trusted` device made it, and where `hidden_payload` did. From others it is
        hashed like any text: nobody can pass for another vehicle by its token. Raises `SealedPlateError`.
        """
        return self.logged(plate, trusted=trusted).partition(" ")[0]

    def logged(self, plate: str, *, trusted: bool = False) -> str:
        """Return the `token` of a raw plate, and behind it those of older keys that are still linked, with blanks."""
        plate = self._opened(plate)
        ready = self._ready(plate, trusted=trusted)
        if ready is not None:
            return ready
        text = normalise(plate)
        return " ".join(_token(key, text) for key in (self._newest, *self._linked)) if text else ""

    def _opened(self, plate: str) -> str:
        """Return what a sealed plate holds, and any other as it is."""
        if not plate.startswith(_SEALED_PREFIX):
            return plate
        if not SEALED.match(plate):
            raise SealedPlateError(f"plate begins with {_SEALED_PREFIX} and is no sealed one: cut short?")
        if self._open is None:
            raise SealedPlateError("plate is sealed, and this gateway has no key: 'patrolgrid plates keys' makes one")
        try:
            return self._open(plate)
        except ValueError as error:
            raise SealedPlateError(str(error)) from error

    def _ready(self, plate: str, *, trusted: bool) -> str | None:
        """Return a token that may stay as it is, None for a plate and for what only looks like a token."""
        if not plate.startswith(_PREFIX):
            return None
        if trusted and _TOKEN.match(plate):
            return plate
        proven = _PROVEN.match(plate)
        if proven and any(hmac.compare_digest(_proof(key, proven[1]), proven[2]) for key in self._all):
            return proven[1]
        return None

    def _cover(self, plate: str) -> str:
        """Return what stands in quarantine in the place of a plate: its token with proof, or what is no plate.

        A sealed one stays: it tells nothing, and can be replayed when the gateway has the key.
        """
        if SEALED.match(plate) or _TOKEN.match(plate) or self._ready(plate, trusted=False) is not None:
            return plate
        self._covered += 1
        if self._covered > _MOST_COVERED:
            return _HIDDEN.decode()
        token = _token(self._newest, normalise(plate))
        return f"{token}~{_proof(self._newest, token)}" if token else ""

    def hidden_text(self, value: str) -> str:
        """Return a text with whatever looks like a plate replaced by its token."""
        if not forms.holds_plate(value):
            return value
        if forms.holds_abroad(value):
            value = forms.PLATE_BEFORE.sub(lambda match: self.token(match[0]), value)
        return forms.PLATE.sub(lambda match: self.token(match[0]), value)

    def hidden_refusal(self, refusal: Refusal, most: int) -> Refusal:
        """Return a refusal with texts and bytes without raw plates, of the bytes at most so many."""
        payload = self.hidden_payload(refusal.payload[:most])
        if len(refusal.payload) > most:  # where it was cut, half a plate may stand
            payload = payload[:-_HALF_A_PLATE]
        detail, topic = self.hidden_text(refusal.detail), self.hidden_text(refusal.topic)
        return msgspec.structs.replace(refusal, payload=payload, detail=detail, topic=topic)

    def hidden_payload(self, raw: bytes) -> bytes:
        """Return a payload without raw plates: byte for byte as it came where it holds none.

        What can be decoded is decoded, and plates are replaced by their tokens, so that a payload can be replayed with
        the same result. What cannot be decoded is searched for field names that vendors use for plates, whatever the
        bytes around them are, and for the shape of a Chinese plate; also as the other encodings that it may be in, and
        where one of these holds a plate, the text read so stands in its place.
        """
        self._covered = 0
        try:
            document = msgspec.json.decode(raw)
            clean = self._walk(document, named=False)
            # A name can hide behind \u escapes and a repeated key, which decoding resolves: the bytes are rewritten.
            if clean != document or b"\\u" in raw:
                return msgspec.json.encode(clean)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError, TypeError):
            raw = forms.unescaped(raw)
            for reading, text in forms.readings(raw):
                hidden = self._search(reading, gbk=not text)
                if hidden != reading:
                    return hidden
        return self._search(raw)

    def _walk(self, value: object, *, named: bool) -> object:
        if isinstance(value, str):
            return self._cover(value) if named and value else self._inside(value)
        if isinstance(value, dict):
            return {
                self._inside(key): self._walk(item, named=named or forms.names_plate(key))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._walk(item, named=named) for item in value]
        if named and isinstance(value, int | float) and not isinstance(value, bool):
            return self._cover(str(value))
        return value

    def _inside(self, text: str) -> str:
        """Hide the plates in one text of a payload, which may be a document of its own."""
        if not _DOCUMENT.isdisjoint(text):
            raw = text.encode("utf-8", "surrogatepass")
            for reading, certain in (*forms.readings(raw), (raw, False)):
                hidden = self._search(reading, gbk=not certain)
                if hidden != reading:
                    return hidden.decode("utf-8", "replace")
        return self._shapes(text)

    def _shapes(self, text: str) -> str:
        text = self.hidden_text(text)
        return forms.BARE.sub(lambda match: self.token(match[0]) if forms.is_bare(match[0]) else match[0], text)

    def _search(self, raw: bytes, *, gbk: bool = True) -> bytes:
        lowered = raw.lower()
        clean = raw
        if any(name in lowered for name in forms.NAMES):
            clean = forms.NAMED.sub(self._hide, raw)
        if clean.isascii():
            return self._shapes(clean.decode()).encode()
        # What is no UTF-8 is read as GBK first: its letters would else be taken for a plate without its province.
        foreign = forms.is_foreign(clean)
        if foreign and forms.holds_gbk_plate(clean):
            clean = self._without_gbk(clean)
        decoded = clean.decode("utf-8", "surrogateescape")  # keeps every byte, also of what is not UTF-8
        hidden = self._shapes(decoded)
        if hidden != decoded:
            clean = hidden.encode("utf-8", "surrogateescape")
        if foreign or not gbk or clean.isascii() or not forms.holds_gbk_plate(clean):
            return clean
        return self._without_gbk(clean)

    def _without_gbk(self, raw: bytes) -> bytes:
        if forms.holds_abroad(raw):
            raw = forms.PLATE_BEFORE_GBK.sub(self._token_of_gbk, raw)
        return forms.PLATE_GBK.sub(self._token_of_gbk, raw)

    def _token_of_gbk(self, match: re.Match[bytes]) -> bytes:
        try:
            return self.token(match[0].decode("gb18030")).encode()
        except UnicodeDecodeError:
            return _HIDDEN

    def _hide(self, match: re.Match[bytes]) -> bytes:
        head, value = match["head"], match["value"]
        before = match.string[max(0, match.start() - _BEFORE) : match.start()]
        prefix = before[len(before.rstrip(_NAME_BYTES)) :]
        if forms.HARMLESS.search((prefix + head).decode("latin-1")):
            return match[0]
        quote = value[:1] if value[:1] in {b'"', b"'"} else b""
        inner = value.strip(quote) if quote else value
        if inner == _HIDDEN:
            return match[0]
        try:
            token = self._cover(inner.decode()).encode()
        except UnicodeDecodeError:
            token = _HIDDEN
        closing = quote if quote and value.endswith(quote) and len(value) > 1 else b""
        return head + quote + token + closing


def _token(key: tuple[str, bytes], text: str) -> str:
    """Return the token of a normalised plate under a key, an empty text for none."""
    if not text:
        return ""
    digest = hmac.digest(key[1], text.encode("utf-8", "surrogatepass"), "sha256")
    return f"{_PREFIX}{key[0]}{digest.hex()[:_HASH_DIGITS]}"


def _proof(key: tuple[str, bytes], token: str) -> str:
    return hmac.digest(key[1], b"made here " + token.encode(), "sha256").hex()[:16]


def too_many_sealed(observations: Sequence[Observation]) -> bool:
    """Tell whether a message has more sealed plates than `MOST_SEALED`."""
    return (
        len(observations)
        > MOST_SEALED
        < sum(isinstance(one, Gate) and SEALED.match(one.plate) is not None for one in observations)
    )
