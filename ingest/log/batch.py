"""The columnar batch: what the gateway appends to the log and the pipeline reads without decoding again.

Layout (little-endian): ``b"PGB"``, one version byte, ``u32`` header length, a MessagePack header, padding to 8 bytes,
then the columns one after another, each padded to 8 bytes, and last a ``u32`` CRC-32 of all that stands before it.
The header names every column with its type code and offset, so that a later version can add columns that an earlier
reader passes over. No numpy here: an edge device writes the same format with `array.array`.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

import msgspec

MAGIC: Final = b"PGB"
VERSION: Final = 1
_PREFIX: Final = struct.Struct("<3sBI")

COLUMNS: Final[dict[str, str]] = {
    "kind": "B",
    "source": "I",
    "seq": "q",
    "ts": "q",
    "received": "q",
    "a": "d",
    "b": "d",
    "interval": "f",
    "metric": "I",
    "text": "I",
    "flags": "B",
}
"""Column name → `array` type code. What each holds per kind is told in `Kind`.

``source`` indexes `Batch.sources`; ``metric`` and ``text`` index `Batch.strings`; ``seq`` is the device's number;
``ts`` is event time and ``received`` the gateway's time, both epoch milliseconds; ``interval`` is in seconds.
"""


class Kind(IntEnum):
    """Observation kinds, and what their columns hold."""

    COUNT = 0
    """a = in, b = out, interval, metric = person | vehicle."""
    GATE = 1
    """a = direction (0 in, 1 out, 2 unknown), b = allowed (1, 0, -1 unknown), metric = vehicle class, text = token."""
    LEVEL = 2
    """a = value, metric, text = unit."""
    STATE = 3
    """metric, text = value."""


class Flag(IntFlag):
    """Marks on one observation."""

    NUMBERED_HERE = 1
    """The device cannot number; the gateway gave boot and seq."""
    BACKFILL = 2
    """Recorded earlier and sent later on purpose; raises no live alert."""


class Source(NamedTuple):
    """Who sent an observation: a device of a beat, and the boot that its numbers belong to."""

    beat: str
    device: str
    boot: str


class BatchError(ValueError):
    """A batch's bytes are not a batch, or not one of a version that is known here."""


class Batch:
    """Columns of observations with their tables of sources and strings.

    Build one with the plain lists' ``append`` (`columns[name].append`) and `source_index` / `string_index`; write it
    with `encode`. All columns have the same length.
    """

    __slots__ = ("_source_index", "_string_index", "columns", "sources", "strings")

    def __init__(self) -> None:
        self.columns: dict[str, array[int] | array[float]] = {name: array(code) for name, code in COLUMNS.items()}
        self.sources: list[Source] = []
        self.strings: list[str] = []
        self._source_index: dict[Source, int] = {}
        self._string_index: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.columns["kind"])

    def source_index(self, source: Source) -> int:
        """Return the index of a source, adding it where it is new."""
        index = self._source_index.get(source)
        if index is None:
            index = self._source_index[source] = len(self.sources)
            self.sources.append(source)
        return index

    def string_index(self, text: str) -> int:
        """Return the index of a text, adding it where it is new."""
        index = self._string_index.get(text)
        if index is None:
            index = self._string_index[text] = len(self.strings)
            self.strings.append(text)
        return index

    def encode(self) -> bytes:
        """Return the batch in the layout told at the top of this module."""
        rows, offset, layout, parts = len(self), 0, [], []
        for name, code in COLUMNS.items():
            column = self.columns[name]
            if len(column) != rows:
                raise BatchError(f"column {name!r} has {len(column)} rows, expected {rows}")
            if sys.byteorder == "big":
                column = array(code, column)
                column.byteswap()
            raw = column.tobytes()
            layout.append((name, code, offset))
            padding = -len(raw) % 8
            parts += [raw, b"\0" * padding]
            offset += len(raw) + padding
        header = msgspec.msgpack.encode((rows, layout, self.sources, self.strings))
        head = _PREFIX.pack(MAGIC, VERSION, len(header)) + header
        body = b"".join([head, b"\0" * (-len(head) % 8), *parts])
        return body + zlib.crc32(body).to_bytes(4, "little")


class EncodedBatch(NamedTuple):
    """A decoded header and, for every column, where its bytes lie: nothing is copied."""

    rows: int
    sources: list[Source]
    strings: list[str]
    columns: dict[str, tuple[str, memoryview]]
    """Column name → (type code, its bytes)."""


_HEADER = msgspec.msgpack.Decoder(tuple[int, list[tuple[str, str, int]], list[Source], list[str]])
_SIZES: Final = {"B": 1, "I": 4, "q": 8, "d": 8, "f": 4, "H": 2}


def open_batch(payload: bytes) -> EncodedBatch:
    """Check a batch's frame and return views of its columns.

    Raises `BatchError` that says what was found and what was expected, for bytes that are no batch, were cut short or
    altered, are of a later version, or lack a column this version needs.
    """
    if len(payload) < _PREFIX.size + 4:
        raise BatchError(f"{len(payload)} bytes are too few for a batch, expected at least {_PREFIX.size + 4}")
    magic, version, header_length = _PREFIX.unpack_from(payload)
    if magic != MAGIC:
        raise BatchError(f"starts with {magic!r}, expected {MAGIC!r}")
    if version > VERSION:
        raise BatchError(f"is of version {version}, expected at most {VERSION}: upgrade this node")
    view = memoryview(payload)
    if zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
        raise BatchError("check sum differs: the batch was cut short or altered")
    try:
        rows, layout, sources, strings = _HEADER.decode(view[_PREFIX.size : _PREFIX.size + header_length])
    except msgspec.MsgspecError as error:
        raise BatchError(f"header cannot be read: {error}") from error
    start = _PREFIX.size + header_length
    start += -start % 8
    columns: dict[str, tuple[str, memoryview]] = {}
    for name, code, offset in layout:
        if code not in _SIZES:
            continue
        end = start + offset + rows * _SIZES[code]
        if rows < 0 or offset < 0 or end > len(payload) - 4:
            raise BatchError(f"column {name!r} reaches beyond the batch's {len(payload)} bytes")
        columns[name] = (code, view[start + offset : end])
    for name, code in COLUMNS.items():
        if name not in columns or columns[name][0] != code:
            raise BatchError(f"column {name!r} of type {code!r} is missing")
    return EncodedBatch(rows, sources, strings, columns)
