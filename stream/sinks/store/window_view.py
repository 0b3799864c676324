"""Finding a device's windows in the store, and adding up the parts of each."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ingest.vocabulary import KIND_NAMES, STATUS_NAMES, Kind, WindowStatus, state_name
from stream.results import RECALLED

Row = dict[str, Any]

# Windows stand by start, then series. The inner select walks from each start to the one before it by index, newest
# first, and so needs two look-ups a window, where a scan would read every device's rows. CROSS JOIN keeps that order
# of loops in SQLite, and rows come out newest window first.
_FIND: Final = """
WITH RECURSIVE starts (start) AS (
    SELECT max(start) FROM windows WHERE start >= :since AND start < :until
    UNION ALL
    SELECT (SELECT max(w.start) FROM windows w WHERE w.start >= :since AND w.start < starts.start)
    FROM starts WHERE starts.start IS NOT NULL
)
SELECT s.beat, s.device, s.kind, s.metric, w.*
FROM starts CROSS JOIN series s CROSS JOIN windows w
WHERE s.device = :device AND (:metric IS NULL OR s.metric = :metric) AND w.start = starts.start AND w.series = s.id
"""


def window_rows(
    connection: sqlite3.Connection, device: str, metric: str | None, span: tuple[int, int], limit: int
) -> list[tuple[Any, ...]]:
    """Return the rows of a device's newest `limit` windows that start in ``span[0] <= start < span[1]``, oldest first.

    A row is ``beat, device, kind, metric`` and then the columns of the table ``windows``.
    """
    rows: list[tuple[Any, ...]] = []
    found: set[tuple[int, int]] = set()
    cursor = connection.execute(_FIND, {"device": device, "metric": metric, "since": span[0], "until": span[1]})
    for row in cursor:
        found.add(row[4:6])
        if len(found) > limit:
            break
        rows.append(row)
    cursor.close()
    rows.sort(key=lambda row: (row[5], row[4], row[6]))
    return rows


def fold(rows: Iterable[tuple[Any, ...]], *, named: bool) -> list[Row]:
    """Add up the rows of each window (the parts of one stand together, in order) and name what they hold.

    `named` puts ``beat`` and ``device`` in front.
    """
    windows: list[Row] = []
    key: tuple[int, int] | None = None
    parts: list[tuple[Any, ...]] = []
    for row in rows:
        if row[4:6] != key and parts:
            windows.append(_window(parts, named=named))
            parts = []
        key = row[4:6]
        parts.append(row)
    if parts:
        windows.append(_window(parts, named=named))
    return windows


PART_COLUMNS: Final = (
    "part", "status", "n", "sum_a", "sum_b", "low", "high", "exposure", "expected", "lower", "upper", "p", "state",
)  # fmt: skip
Part = tuple[Any, ...]
"""Columns `PART_COLUMNS` of one row; None where there is no number."""


def whole(parts: Sequence[Part]) -> Part:
    """Return a window as the sum of its parts, without their number: ``status, n, sum_a, …, p, state``."""
    # What the model said stands in part 0, or else in what it recalls: a window whose counts all came after its end, as
    # those just before a node's first start, has a part 0 that no model has judged. Later additions have no say.
    said = next((part for part in parts if part[0] == 0), parts[0])
    if said[0] == 0 and said[8] is None and parts[0][0] == RECALLED:
        said = (*said[:8], *parts[0][8:11], *said[11:])
    status = said[1]
    if status == WindowStatus.CLOSED and parts[-1][0] > 0:
        status = WindowStatus.REVISED
    n, sum_a, sum_b = (sum(part[column] or 0 for part in parts) for column in (2, 3, 4))
    low = min((part[5] for part in parts if part[5] is not None), default=None)
    high = max((part[6] for part in parts if part[6] is not None), default=None)
    return (status, n, sum_a, sum_b, low, high, *(said[7:13] if said[0] in {0, RECALLED} else (None,) * 6))


def _window(parts: list[tuple[Any, ...]], *, named: bool) -> Row:
    beat, device, kind, metric, _series, start, *_ = parts[0]
    status, n, sum_a, sum_b, low, high, *model = whole([row[6:] for row in parts])
    exposure, expected, lower, upper, p, state = model
    passing = kind in (Kind.COUNT, Kind.GATE)
    window: Row = {"beat": beat, "device": device} if named else {}
    return window | {
        "start": start,
        "metric": metric,
        "kind": KIND_NAMES.get(kind, str(kind)),
        "n": n,
        "in": round(sum_a) if passing else None,
        "out": round(sum_b) if passing else None,
        "mean": sum_a / n if kind == Kind.LEVEL and n else None,
        "low": low,
        "high": high,
        "exposure": exposure,
        "expected": expected,
        "lower": lower,
        "upper": upper,
        "p": p,
        "state": "young" if state is None else state_name(kind, state),
        "status": STATUS_NAMES.get(status, str(status)),
    }
