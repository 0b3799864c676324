"""One record of the log as the value of one Kafka record.

Layout (little-endian): ``b"PGR"``, one version byte, one byte for the kind, three zero bytes, ``i64`` received_ms,
``u32`` payload length, ``u32`` zero, the payload (it begins at byte 24, so that a batch's columns stay aligned), and
last a ``u32`` CRC-32 of all that stands before it. Shard and position are not written: they are the partition and the
offset.

Everything that can be wrong with a value has an error of its own, because people do different things about them: a
record of a future version waits for this node to be upgraded, a truncated or altered one is a fault somewhere.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from ingest.log.records import Record, RecordKind

MAGIC: Final = b"PGR"
VERSION: Final = 1
_HEAD: Final = struct.Struct("<3sBB3xqI4x")
_CRC: Final = struct.Struct("<I")
OVERHEAD: Final = _HEAD.size + _CRC.size
"""Bytes that a record takes beside its payload."""


class RecordError(ValueError):
    """A value is no record that can be read here; the text says what was found and what was expected."""


class NotARecordError(RecordError):
    """The value does not begin as a record does: somebody else wrote it into our topic."""


class FutureRecordError(RecordError):
    """The record is of a later version, or of a kind that this version does not know: upgrade this node."""


class TruncatedRecordError(RecordError):
    """The record ends before its payload does."""


class AlteredRecordError(RecordError):
    """The record's check sum, or its length, is not that of what it holds."""


def encode(record: Record) -> bytes:
    """Return the value that stands for a record."""
    head = _HEAD.pack(MAGIC, VERSION, record.kind, record.received_ms, len(record.payload))
    crc = zlib.crc32(record.payload, zlib.crc32(head))
    return b"".join((head, record.payload, _CRC.pack(crc)))


def decode(value: bytes | None, *, shard: int = 0, position: int = 0) -> Record:
    """Return the record that a value stands for, with the shard and the position it was read at.

    Raises
    ------
    NotARecordError, FutureRecordError, TruncatedRecordError, AlteredRecordError
        All of them `RecordError`, for whatever is not exactly what `encode` gives.
    """
    if value is None:
        raise NotARecordError("there is no value (a tombstone), expected a record")
    if value[:3] != MAGIC[: len(value)] or not value:
        raise NotARecordError(f"starts with {value[:8]!r}, expected {MAGIC!r}")
    if len(value) > 3 and value[3] > VERSION:
        raise FutureRecordError(f"is of version {value[3]}, expected at most {VERSION}: upgrade this node")
    if len(value) < OVERHEAD:
        raise TruncatedRecordError(f"{len(value)} bytes are too few, expected at least {OVERHEAD}: it was cut short")
    _, version, kind, received_ms, length = _HEAD.unpack_from(value)
    if version < 1:
        raise AlteredRecordError(f"is of version {version}, expected 1 to {VERSION}")
    if len(value) < length + OVERHEAD:
        raise TruncatedRecordError(f"{len(value)} bytes, expected {length + OVERHEAD}: it was cut short")
    if len(value) > length + OVERHEAD:
        raise AlteredRecordError(f"{len(value)} bytes, expected {length + OVERHEAD}: something follows the record")
    if zlib.crc32(memoryview(value)[: -_CRC.size]) != _CRC.unpack_from(value, len(value) - _CRC.size)[0]:
        raise AlteredRecordError("check sum differs: the record was altered")
    try:
        known = RecordKind(kind)
    except ValueError:
        kinds = f"{min(RecordKind)} to {max(RecordKind)}"
        raise FutureRecordError(f"is of kind {kind}, known are {kinds}: upgrade this node") from None
    return Record(known, received_ms, value[_HEAD.size : -_CRC.size], shard, position)
