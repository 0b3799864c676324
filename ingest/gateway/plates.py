"""Number plates become tokens before anything is stored: the same vehicle gives the same token, nobody can go back.

A token is ``h1:``, 4 hexadecimal digits that name the key, and 32 that are the first 128 bits of HMAC-SHA-256 of the
normalised plate. 128 bits is the least that RFC 2104 (section 5) advises for a hash of 256; among ten million plates
two share a token with probability 1.5e-25. A plain hash would not do: all plates of a country can be tried in
seconds, so it is the secret key that protects them, and it stays out of every data store.
"""

from __future__ import annotations

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

PREFIX: Final = "h1:"
_TOKEN: Final = re.compile(r"h1:[0-9A-Za-z_-]{12,60}\Z")
_HASH_DIGITS: Final = 32
_KEY_BYTES: Final = 32
_SEPARATORS: Final = re.compile(r"[\s.\-_·•・‧∙]+")
_NO_PLATE: Final = frozenset(
    {"", "无牌", "无牌车", "无车牌", "未识别", "未知", "UNKNOWN", "NOPLATE", "NONE", "NULL", "NA", "N/A"}
)
"""What cameras write when they read no plate."""


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


def is_token(plate: str) -> bool:
    """Tell whether a plate has been hashed already, here or by an edge agent."""
    return _TOKEN.match(plate) is not None


class Plates:
    """Makes tokens with the newest of its keys.

    Older keys stay in the file for as long as somebody entitled must match old tokens (`tokens`). Rotating cuts the
    link between a vehicle's passes before and after: that is its purpose.
    """

    def __init__(self, keys: list[tuple[str, bytes]]) -> None:
        """Take (key id, secret) pairs, oldest first. Raises `PlateKeyError` where there is none."""
        if not keys:
            raise PlateKeyError("no plate key: at least one is needed")
        self._keys = keys
        self._id, self._secret = keys[-1]

    def token(self, plate: str) -> str:
        """Return the token of a raw plate; a token stays as it is, and no plate gives an empty text."""
        if _TOKEN.match(plate):
            return plate
        text = normalise(plate)
        return _token(self._id, self._secret, text) if text else ""

    def tokens(self, plate: str) -> list[str]:
        """Return the tokens of a plate under every key, newest first: to look for a vehicle across rotations."""
        text = normalise(plate)
        return [_token(key_id, secret, text) for key_id, secret in reversed(self._keys)] if text else []


def _token(key_id: str, secret: bytes, text: str) -> str:
    return (
        f"{PREFIX}{key_id}{hmac.digest(secret, text.encode('utf-8', 'surrogatepass'), 'sha256').hex()[:_HASH_DIGITS]}"
    )


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
