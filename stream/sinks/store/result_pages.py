"""Results of the past by pages, newest first: anomalies, incidents, windows of all devices, hotspot maps.

A page ends with a key, and the next one begins behind it (Winand, *Paging through results*, use-the-index-luke.com):
however far back, a page costs what it holds, and what is written meanwhile moves nothing. Alerts have a search of their
own (`stream.sinks.store.alert_tables`).
"""

import base64
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Annotated, Any, Final, TypeVar

import msgspec

from ingest.vocabulary import KIND_NAMES
from stream.sinks.store.reader import Row, StoreReader
from stream.sinks.store.window_view import fold

K = TypeVar("K", bound=tuple[Any, ...])
_MOST_AFTER: Final = 400
_CODES: Final = {name: code for code, name in KIND_NAMES.items()}
_END: Final = 2**63 - 1
_Number = Annotated[int, msgspec.Meta(ge=-_END, le=_END)]
_WINDOWS: Final = """
WITH RECURSIVE starts (start) AS (
    SELECT max(start) FROM windows WHERE start >= ? AND start < ? AND start <= ?
    UNION ALL
    SELECT (SELECT max(w.start) FROM windows w WHERE w.start >= ? AND w.start < starts.start)
    FROM starts WHERE starts.start IS NOT NULL
), page AS (
    SELECT starts.start, s.id AS series FROM starts CROSS JOIN series s
    WHERE (starts.start < ? OR s.id > ?) AND {series}
    AND EXISTS (SELECT 1 FROM windows w WHERE w.start = starts.start AND w.series = s.id) LIMIT ?
)
SELECT s.beat, s.device, s.kind, s.metric, w.*
FROM page CROSS JOIN series s CROSS JOIN windows w
WHERE s.id = page.series AND w.start = page.start AND w.series = page.series
"""
"""As `window_view` finds those of one device: from start to start by index, and each series by its key."""


class PageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which results. What is empty lets all through; of several, any will do."""

    since_ms: int | None = None
    until_ms: int | None = None
    """``since_ms <= time < until_ms``, epoch ms."""
    kinds: tuple[str, ...] = ()
    """Of anomalies and windows; of incidents, categories."""
    beats: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    provenances: tuple[str, ...] = ()
    """Of incidents."""
    limit: int = 200
    after: str = ""
    """What the page before gave as next; empty: the first page."""

    @property
    def span(self) -> tuple[int, int]:
        """From and until when."""
        return -_END if self.since_ms is None else self.since_ms, _END if self.until_ms is None else self.until_ms


class ResultPage(msgspec.Struct, frozen=True):
    """Some results, and where those behind them begin."""

    rows: list[Row]
    next: str | None
    """For `PageAsked.after`; None: these were the last."""


def anomalies(reader: StoreReader, asked: PageAsked) -> ResultPage:
    """Return anomalies with their sentences, newest onset first. All raise ValueError for an `after` that is none."""
    key = ("ts", "device", "metric", "kind")
    conditions, values = _within("ts", key, asked, tuple[_Number, str, str, str])
    _either(conditions, values, "kind", asked.kinds)
    _either(conditions, values, "json_extract(body, '$.beat')", asked.beats)
    _either(conditions, values, "device", asked.devices)
    _either(conditions, values, "metric", asked.metrics)
    rows = reader.bodies(_select("body", "anomalies", conditions, key), [*values, asked.limit + 1], "text")
    return _page(rows, asked.limit, lambda row: [row[name] for name in key])


def incidents(reader: StoreReader, asked: PageAsked) -> ResultPage:
    """Return incidents as they were told, with their ``ts`` as epoch ms, newest first."""
    conditions, values = _within("ts", ("ts", "id"), asked, tuple[_Number, str])
    _either(conditions, values, "json_extract(body, '$.category')", asked.kinds)
    _either(conditions, values, "json_extract(body, '$.provenance')", asked.provenances)
    _either(conditions, values, "json_extract(body, '$.beat')", asked.beats)
    found = reader.query(_select("ts, body", "incidents", conditions, ("ts", "id")), [*values, asked.limit + 1])
    rows = [{**msgspec.json.decode(body), "ts": ts} for ts, body in found]
    return _page(rows, asked.limit, lambda row: [row["ts"], row["id"]])


def windows(reader: StoreReader, asked: PageAsked) -> ResultPage:
    """Return windows as `StoreReader.windows` does, with ``beat`` and ``device``: newest first, then by series."""
    last, series = key_of(asked.after, tuple[_Number, _Number]) if asked.after else (_END, _END)
    conditions: list[str] = []
    values: list[object] = []
    _either(conditions, values, "beat", asked.beats)
    _either(conditions, values, "device", asked.devices)
    _either(conditions, values, "metric", asked.metrics)
    _either(conditions, values, "kind", [_CODES.get(kind, -1) for kind in asked.kinds])
    # Their numbers first: to walk through a year for a device that is not there would hold up everybody else.
    chosen = reader.query(f"SELECT id FROM series WHERE {' AND '.join(conditions) or '1'} ORDER BY id", values)
    ids = ", ".join(str(row[0]) for row in chosen)
    since, until = asked.span
    found = reader.query(
        _WINDOWS.format(series=f"s.id IN ({ids})"),
        (since, until, last, since, last, series, asked.limit + 1),
    )
    found.sort(key=lambda row: (-row[5], row[4], row[6]))
    rows = fold(found, named=True)
    keys = [key for key, _ in groupby((row[5], row[4]) for row in found)]
    return ResultPage(rows[: asked.limit], mark(*keys[asked.limit - 1]) if len(rows) > asked.limit else None)


def maps(reader: StoreReader, asked: PageAsked) -> ResultPage:
    """Return hotspot maps as `StoreReader.hotspots` does, newest first; of some `beats` their cells alone."""
    conditions, values = _within("ts", ("ts",), asked, tuple[_Number])
    statement = _select("ts, horizon_s, cell_m", "hotspot_maps", conditions, ("ts",))
    heads = reader.query(statement, [*values, asked.limit + 1])
    rows = [{"ts": ts, "horizon_s": horizon_s, "cell_m": cell_m} for ts, horizon_s, cell_m in heads]
    for row in rows[: asked.limit]:
        conditions, values = ["ts = ?"], [row["ts"]]
        _either(conditions, values, "json_extract(body, '$.beat')", asked.beats)
        where = " AND ".join(conditions)
        row["cells"] = reader.bodies(f"SELECT body FROM hotspots WHERE {where} ORDER BY rank, cell", values, "drivers")
    return _page(rows, asked.limit, lambda row: [row["ts"]])


def mark(*key: object) -> str:
    """Return a place in an order, as text for an address.

    >>> key_of(mark(5, "cam-1"), tuple[int, str])
    (5, 'cam-1')
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key_of(after: str, kind: type[K]) -> K:
    """Return the place that a `mark` names. Raises ValueError for what is no mark of this order."""
    try:
        given = after[:_MOST_AFTER]
        found: K = msgspec.json.decode(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)), type=kind)
    except ValueError as error:  # msgspec's and base64's are, too
        raise ValueError(f"after is {after[:40]!r}, expected what an earlier answer gave as next") from error
    return found


def _within(
    time: str, key: Sequence[str], asked: PageAsked, kind: type[tuple[Any, ...]]
) -> tuple[list[str], list[object]]:
    """Return the conditions of the span and of the page, and their values."""
    conditions: list[str] = []
    values: list[object] = []
    for condition, value in ((f"{time} >= ?", asked.since_ms), (f"{time} < ?", asked.until_ms)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if asked.after:
        conditions.append(f"({', '.join(key)}) < ({', '.join('?' * len(key))})")
        values += key_of(asked.after, kind)
    return conditions, values


def _either(conditions: list[str], values: list[object], column: str, wanted: Sequence[object]) -> None:
    if wanted:
        conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
        values += wanted


def _select(columns: str, table: str, conditions: Sequence[str], key: Sequence[str]) -> str:
    where = " AND ".join(conditions) or "1"
    return f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {', '.join(f'{name} DESC' for name in key)} LIMIT ?"


def _page(rows: list[Row], limit: int, key: Callable[[Row], Sequence[object]]) -> ResultPage:
    return ResultPage(rows[:limit], mark(*key(rows[limit - 1])) if len(rows) > limit else None)
