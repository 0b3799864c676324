"""History for the baselines to learn from: the payload of a `RecordKind.HISTORY`.

A record of history teaches and writes nothing: its windows are in the store already, or belong to a time before the
site was there. `patrolgrid train` makes such records. The pipeline learns from them in the order of the log, as from
everything else, so that the same log always gives the same baselines.

It is a frame (`ingest.frame`) whose arrays are the columns, each compressed with zlib. There is no numpy here, as
everywhere in this room.
"""

import zlib
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from ingest import frame
from ingest.files import unpacked
from ingest.frame import Buffer, FrameArray, FrameError, FrameKind

MAX_ROWS: Final = 1 << 20
"""Rows of one record; `patrolgrid train` writes far fewer, so that what is live need not wait long."""
_LEVEL: Final = 1
"""Of zlib: columns sorted by time shrink to a tenth, and a higher level hardly gains anything."""

COLUMNS: Final[dict[str, str]] = {"series": "u4", "window": "u4", "value": "f8", "exposure": "f4"}
"""Column name → code of its values, see `ingest.frame`.

``series`` indexes `HistoryMeta.series`; ``window`` counts windows from `HistoryMeta.first`; ``value`` is the
total of a count (in and out) or the mean of a level; ``exposure`` is the share of the window that was observed, up to 1
(levels: 1).
"""


class HistorySeries(NamedTuple):
    """What one device measures."""

    beat: str
    device: str
    kind: int
    """`ingest.vocabulary.Kind`: COUNT or LEVEL."""
    metric: str


class HistoryMeta(msgspec.Struct, array_like=True):
    """What a record of history holds beside its columns."""

    window_ms: int
    """Length of a window."""
    first: int
    """Number of the window from which the column ``window`` counts; a window starts at ``number * window_ms``."""
    again: bool
    """Whether to learn also what was learned before."""
    rows: int
    series: list[HistorySeries]


def encode_history(
    window_ms: int,
    series: list[HistorySeries],
    which: Sequence[int],
    number: Sequence[int],
    value: Sequence[float],
    exposure: Sequence[float],
    *,
    again: bool = False,
) -> bytes:
    """Return the payload that holds windows of history, all of `window_ms`.

    Parameters
    ----------
    series, which
        What is measured, and for every window its place in `series`.
    number
        Number of the window: its start divided by its length.
    value, exposure
        See `COLUMNS`.
    again
        Whether to learn also what was learned before, on purpose.

    Raises
    ------
    ingest.frame.FrameError
        For columns of different lengths, too many rows, or windows too far apart.
    """
    rows, first, last = len(number), min(number, default=0), max(number, default=0)
    if rows > MAX_ROWS or not len(which) == rows == len(value) == len(exposure):
        raise FrameError(f"{rows} windows of history, expected whole rows and at most {MAX_ROWS} of them")
    if window_ms <= 0 or first < 0 or last - first >= 1 << 32:
        raise FrameError(
            f"windows of {window_ms} ms, number {first} to {last}: expected more than 0 ms, none before 1970, "
            "and fewer than 2**32 in between"
        )
    columns: dict[str, array[int] | array[float]] = {
        "series": array("I", which),
        "window": array("I", (one - first for one in number)),
        "value": array("d", value),
        "exposure": array("f", exposure),
    }
    packed = {name: zlib.compress(memoryview(column), _LEVEL) for name, column in columns.items()}
    return frame.encode(FrameKind.HISTORY, HistoryMeta(window_ms, first, again, rows, series), packed)


def open_history(payload: Buffer) -> tuple[HistoryMeta, dict[str, FrameArray]]:
    """Return what a record of history holds, and its columns; whether the values make sense is the reader's to check.

    Raises `ingest.frame.FrameError` for bytes that are no history, and for columns that are missing, or longer or
    shorter than they claim. Never unpacks more than what they claim, or than one record may have.
    """
    meta, packed = frame.decode(FrameKind.HISTORY, payload, HistoryMeta)
    if not 0 <= meta.rows <= MAX_ROWS:
        raise FrameError(f"the record of history claims {meta.rows} windows, expected at most {MAX_ROWS}")
    if meta.window_ms <= 0 or not 0 <= meta.first < 1 << 62:
        raise FrameError(
            f"the record of history has windows of {meta.window_ms} ms from number {meta.first}, expected more than 0"
        )
    columns: dict[str, FrameArray] = {}
    for name, code in COLUMNS.items():
        if name not in packed:
            raise FrameError(f"column {name!r} of the record of history is missing")
        size = meta.rows * int(code[1])
        try:
            raw = unpacked(packed[name].data, size)
        except ValueError as error:
            raise FrameError(f"column {name!r} of the record of history cannot be unpacked: {error}") from error
        if len(raw) != size:
            raise FrameError(f"column {name!r} of the record of history unpacks to {len(raw)} bytes, expected {size}")
        columns[name] = FrameArray(code, (meta.rows,), memoryview(raw))
    return meta, columns
