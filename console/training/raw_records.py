"""The raw observations behind an alert, out of the node's log: what devices said, as the log has it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

import numpy as np

from ingest.log import Record, RecordKind
from ingest.log.log_view import LogView
from ingest.sqlite import StorageError
from ingest.vocabulary import DIRECTION_NAMES, KIND_NAMES, PERMIT_VALUES, Flag, Kind
from stream.windows.columns import Columns, opened_batch

MOST_ROWS: Final = 500
_MOST_RECORDS: Final = 20_000
_READ: Final = 512
_GRACE_MS: Final = 60_000
"""So much later than it happened something may have been received, and still be looked for."""


class RawObservation(TypedDict):
    """One observation as the log has it."""

    position: int
    """Of its record in the log."""
    received_ms: int
    ts: int
    """Event time, epoch ms."""
    device: str
    boot: str
    seq: int
    kind: str
    metric: str
    said: dict[str, Any]
    """What it says, by the names of the observation payload (docs/devices.md)."""
    backfill: bool


class Behind(TypedDict):
    """What the log has of some devices in a span of time."""

    state: Literal["there", "gone", "elsewhere", "unreadable"]
    """``gone``: the log begins later; ``elsewhere``: the site has no log of its own on this machine (a city's)."""
    oldest_ms: int | None
    """When the oldest record of the log was received."""
    rows: list[RawObservation]
    """The oldest first."""
    more: int
    """How many there are beside the newest `MOST_ROWS`, which are given."""
    whole: bool
    """Whether the span was read to its end: a city's worth of records is not."""


def observations_behind(log: Path, devices: Sequence[str], since_ms: int, until_ms: int) -> Behind:
    """Return what devices said with event times in ``since_ms <= ts <= until_ms``.

    A log that cannot be read is said in `Behind`, never raised: the rest of what is known is worth showing.
    """
    nothing = Behind(state="elsewhere", oldest_ms=None, rows=[], more=0, whole=True)
    if not log.is_file():
        return nothing
    view = LogView(log)
    try:
        span = view.span()
        oldest_ms = None if span is None else view.received_ms(span[0])
        if oldest_ms is None or oldest_ms > until_ms + _GRACE_MS:
            return {**nothing, "state": "gone", "oldest_ms": oldest_ms}
        return _read(view, {*devices}, since_ms, until_ms, oldest_ms)
    except StorageError:
        return {**nothing, "state": "unreadable"}


def _read(view: LogView, devices: set[str], since_ms: int, until_ms: int, oldest_ms: int) -> Behind:
    rows: list[RawObservation] = []
    names = [device.encode() for device in devices]
    position, read = view.first_from(since_ms) - 1, 0
    while read < _MOST_RECORDS and (records := view.read(position, _READ)):
        position, read = records[-1].position, read + len(records)
        for record in records:
            # A batch has its devices' ids as they are: nine of ten need not be opened.
            if record.kind is RecordKind.OBSERVATIONS and any(name in record.payload for name in names):
                rows += _rows_of(record, devices, since_ms, until_ms)
        if records[-1].received_ms > until_ms + _GRACE_MS:
            break
    state: Literal["there", "gone"] = "there" if rows or oldest_ms <= since_ms else "gone"
    more = max(0, len(rows) - MOST_ROWS)
    return Behind(state=state, oldest_ms=oldest_ms, rows=rows[more:], more=more, whole=read < _MOST_RECORDS)


def _rows_of(record: Record, devices: set[str], since_ms: int, until_ms: int) -> list[RawObservation]:
    columns = opened_batch(record)
    if not isinstance(columns, Columns) or not columns.rows:
        return []
    mine = np.array([source.device in devices for source in columns.sources], bool)
    chosen = mine[columns.source] & (columns.ts >= since_ms) & (columns.ts <= until_ms)
    return [_row(record, columns, int(at)) for at in np.flatnonzero(chosen)]


def _row(record: Record, columns: Columns, at: int) -> RawObservation:
    source, kind = columns.sources[columns.source[at]], Kind(int(columns.kind[at]))
    return RawObservation(
        position=record.position,
        received_ms=int(columns.received[at]),
        ts=int(columns.ts[at]),
        device=source.device,
        boot=source.boot,
        seq=int(columns.seq[at]),
        kind=KIND_NAMES.get(kind, str(kind)),
        metric=columns.strings[columns.metric[at]],
        said=_said(columns, at, kind),
        backfill=bool(columns.flags[at] & int(Flag.BACKFILL)),
    )


def _said(columns: Columns, at: int, kind: Kind) -> dict[str, Any]:
    a, b, text = float(columns.a[at]), float(columns.b[at]), columns.strings[columns.text[at]]
    if kind is Kind.COUNT:
        return {"in": round(a), "out": round(b), "interval_s": float(columns.interval[at])}
    if kind is Kind.GATE:
        plate = text if text.startswith("h1:") else ""
        way, permit = DIRECTION_NAMES.get(int(a), "unknown"), PERMIT_VALUES.get(int(b))
        return {"direction": way, "allowed": permit, "plate": plate}
    return {"value": a} if kind is Kind.LEVEL else {"value": text}
