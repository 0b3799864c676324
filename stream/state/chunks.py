"""Long messages in pieces: a topic takes records up to a size, and a day of recalled history is longer.

A piece is ``b"PGP"``, one version byte, four ``u32`` (whose message it is, the piece's number, how many there are, the
CRC-32 of the whole), and then its bytes. A message that fits is sent as it is, without any of that.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

MAGIC: Final = b"PGP"
VERSION: Final = 1
_HEAD: Final = struct.Struct("<3sBIIII")
LIMIT: Final = 4 << 20
"""Bytes of a piece: well below what the topics take."""


class ParcelError(ValueError):
    """A piece is of a version not known here, or was cut short, or those of a message do not fit each other."""


@dataclass(slots=True)
class _Open:
    count: int
    check: int
    since: int
    """Where the message begins."""
    pieces: dict[int, bytes] = field(default_factory=dict)


def split(message: bytes, source: int = 0, limit: int = LIMIT) -> list[bytes]:
    """Return a message of a source as one value, or as pieces of `limit` bytes and their head."""
    if len(message) <= limit and message[:3] != MAGIC:
        return [message]
    pieces = [message[start : start + limit] for start in range(0, len(message), limit)]
    check, count = zlib.crc32(message), len(pieces)
    return [_HEAD.pack(MAGIC, VERSION, source, number, count, check) + piece for number, piece in enumerate(pieces)]


class Joiner:
    """Puts the pieces of messages together again.

    A source that was ended in between begins its message anew, and for a while two processes may send the same: pieces
    of equal messages are equal. A message that never becomes whole is dropped when its source sends the next one.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    @property
    def since(self) -> int | None:
        """Where the oldest message begins that is not whole yet, None where there is none."""
        return min((parcel.since for parcel in self._open.values()), default=None)

    def join(self, value: bytes, at: int) -> bytes | None:
        """Take the next value, which stands at offset `at`; return it, or the message that is whole with it, or None.

        Raises `ParcelError`; what its source had sent is then dropped.
        """
        if value[:3] != MAGIC:
            return value
        if len(value) <= _HEAD.size:
            raise ParcelError(f"a piece of {len(value)} bytes was cut short")
        _, version, source, number, count, check = _HEAD.unpack_from(value)
        if version > VERSION:
            raise ParcelError(f"a piece of version {version}, expected at most {VERSION}: a newer program wrote it")
        parcel = self._open.get(source)
        if parcel is None or (parcel.count, parcel.check) != (count, check):
            parcel = self._open[source] = _Open(count, check, at)
        parcel.pieces[number] = value[_HEAD.size :]
        if len(parcel.pieces) < count:
            return None
        del self._open[source]
        message = b"".join(parcel.pieces[place] for place in sorted(parcel.pieces))
        if zlib.crc32(message) != check:
            raise ParcelError(f"the check sum of a message in {count} pieces differs")
        return message
