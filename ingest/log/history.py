"""History for the baselines to learn from: the payload of a `RecordKind.HISTORY`.

A record of history teaches and writes nothing: the windows it is made of stand in the store already, or belong to a
time before the site was there. `patrolgrid train` makes such records; the pipeline learns from them in the order of the
log, like from everything else, so that reading the log again gives the same baselines.

Layout (little-endian): ``b"PGH"``, one version byte, ``u32`` length of the header, a MessagePack header, the columns
one after another, compressed with zlib, and last a ``u32`` CRC-32 of all that stands before it. No numpy here, as
everywhere in this room.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

MAGIC: Final = b"PGH"
VERSION: Final = 1
MAX_ROWS: Final = 1 << 20
"""Rows of one record; `patrolgrid train` writes far fewer, so that what is live need not wait long."""
_PREFIX: Final = struct.Struct("<3sBI")
_LEVEL: Final = 1
"""Of zlib: columns sorted by time shrink to a tenth, and a higher level hardly gains anything."""

COLUMNS: Final[dict[str, str]] = {"series": "I", "window": "I", "value": "d", "exposure": "f"}
"""Column name → `array` type code.

``series`` indexes `EncodedHistory.series`; ``window`` counts windows from `EncodedHistory.first`; ``value`` is the
total of a count (in and out) or the mean of a level; ``exposure`` is the share of the window that was observed, up to 1
(levels: 1).
"""
_SIZES: Final = {"I": 4, "d": 8, "f": 4}
_ROW_BYTES: Final = sum(_SIZES[code] for code in COLUMNS.values())


class HistoryError(ValueError):
    """Bytes are no history, or not of a version that is known here."""


class HistorySeries(NamedTuple):
    """What one device measures."""

    beat: str
    device: str
    kind: int
    """`ingest.log.batch.Kind`: COUNT or LEVEL."""
    metric: str


class EncodedHistory(NamedTuple):
    """A decoded record of history; the columns are bytes still."""

    window_ms: int
    """Length of a window."""
    first: int
    """Number of the window from which the column ``window`` counts; a window starts at ``number * window_ms``."""
    again: bool
    """Whether to learn also what was learnt before."""
    series: list[HistorySeries]
    rows: int
    columns: dict[str, bytes]
    """Column name → its values, of the type code in `COLUMNS`, little-endian."""


class _Header(msgspec.Struct, array_like=True):
    window_ms: int
    first: int
    again: bool
    rows: int
    series: list[HistorySeries]


class History:
    """Gathers windows of history and writes them as one payload. All windows have the same length.

    Parameters
    ----------
    window_ms
        Length of a window, epoch milliseconds; has to be the site's.
    again
        Whether to learn also what was learnt before, on purpose.
    """

    def __init__(self, window_ms: int, *, again: bool = False) -> None:
        if window_ms <= 0:
            raise HistoryError(f"windows of {window_ms} ms, expected more than 0")
        self.window_ms, self.again = window_ms, again
        self._series: dict[HistorySeries, int] = {}
        self._which, self._number = array("I"), array("q")
        self._value, self._exposure = array("d"), array("f")

    def __len__(self) -> int:
        """Return the number of windows gathered."""
        return len(self._number)

    def add(self, series: HistorySeries, number: int, value: float, exposure: float = 1.0) -> None:
        """Gather one window: its number (start / length), its total or mean, and the share that was observed."""
        self._which.append(self._series.setdefault(series, len(self._series)))
        self._number.append(number)
        self._value.append(value)
        self._exposure.append(exposure)

    def extend(
        self,
        names: Sequence[HistorySeries],
        which: Iterable[int],
        number: Iterable[int],
        value: Iterable[float],
        exposure: Iterable[float],
    ) -> None:
        """Gather many windows, as `add` does; `which` indexes `names`. All columns have the same length."""
        index = [self._series.setdefault(series, len(self._series)) for series in names]
        self._which.extend(index[place] for place in which)
        self._number.extend(number)
        self._value.extend(value)
        self._exposure.extend(exposure)

    def encode(self) -> bytes:
        """Return the payload. Raises `HistoryError` where there are too many rows, or windows too far apart."""
        rows = len(self)
        if rows > MAX_ROWS or not len(self._which) == rows == len(self._value) == len(self._exposure):
            raise HistoryError(f"{rows} windows of history, expected whole rows and at most {MAX_ROWS} of them")
        first = min(self._number, default=0)
        last = max(self._number, default=0)
        if first < 0 or last - first >= 1 << 32:
            raise HistoryError(f"windows {first} to {last}, expected none before 1970 and fewer than 2**32 in between")
        window = array("I", (number - first for number in self._number))
        header = msgspec.msgpack.encode(_Header(self.window_ms, first, self.again, rows, list(self._series)))
        columns = (self._which, window, self._value, self._exposure)
        body = zlib.compress(b"".join(_little(column) for column in columns), _LEVEL)
        payload = _PREFIX.pack(MAGIC, VERSION, len(header)) + header + body
        return payload + zlib.crc32(payload).to_bytes(4, "little")


def open_history(payload: bytes) -> EncodedHistory:
    """Check a payload's frame and return what it holds; whether the values make sense is the reader's to check.

    Raises `HistoryError` that says what was found and what was expected, for bytes that are no history, were cut short
    or altered, are of a later version, or claim more rows than one record may have. Never unpacks more than it claims.
    """
    if len(payload) < _PREFIX.size + 4:
        raise HistoryError(f"{len(payload)} bytes are too few for history, expected at least {_PREFIX.size + 4}")
    magic, version, length = _PREFIX.unpack_from(payload)
    if magic != MAGIC:
        raise HistoryError(f"starts with {magic!r}, expected {MAGIC!r}")
    if version > VERSION:
        raise HistoryError(f"is of version {version}, expected at most {VERSION}: upgrade this node")
    view = memoryview(payload)
    if zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
        raise HistoryError("check sum differs: the history was cut short or altered")
    try:
        header = msgspec.msgpack.decode(view[_PREFIX.size : _PREFIX.size + length], type=_Header)
    except msgspec.MsgspecError as error:
        raise HistoryError(f"header cannot be read: {error}") from error
    if not 0 <= header.rows <= MAX_ROWS:
        raise HistoryError(f"claims {header.rows} windows, expected at most {MAX_ROWS}")
    if header.window_ms <= 0 or not 0 <= header.first < 1 << 62:
        raise HistoryError(f"windows of {header.window_ms} ms from number {header.first}, expected more than 0")
    expected = header.rows * _ROW_BYTES
    raw = _unpacked(view[_PREFIX.size + length : -4], expected)
    columns, offset = {}, 0
    for name, code in COLUMNS.items():
        end = offset + header.rows * _SIZES[code]
        columns[name] = raw[offset:end]
        offset = end
    return EncodedHistory(header.window_ms, header.first, header.again, header.series, header.rows, columns)


def _unpacked(body: memoryview, expected: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        # One byte more than expected tells that there is too much, without unpacking it.
        raw = unpacker.decompress(body, expected + 1)
    except zlib.error as error:
        raise HistoryError(f"columns cannot be unpacked: {error}") from error
    if len(raw) != expected or not unpacker.eof or unpacker.unused_data:
        raise HistoryError(f"columns unpack to other than the {expected} bytes that its rows need")
    return raw


def _little(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
