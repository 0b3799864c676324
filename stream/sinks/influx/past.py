"""What a store holds, as lines: for results that were made before InfluxDB was named, or while it was switched off.

The same makers of lines as the sink's, so the same points: writing them again changes nothing.
"""

import math
from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from stream.results import Alert, Anomaly, DeviceHealth, HotspotCell, HotspotMap, SeriesKey, StateRows, WindowRows
from stream.sentences.catalogue import with_why
from stream.sinks.influx.points import (
    SeriesHeads,
    TextFields,
    alert_line,
    alert_second,
    anomaly_line,
    health_line,
    map_lines,
    state_lines,
    window_lines,
    with_whole,
)
from stream.sinks.result_rows import WINDOW_COLUMNS
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.window_view import Part

_T = TypeVar("_T")
CHUNK_MS: Final = 6 * 3_600_000
"""Of a site with ten thousand series about 700,000 rows, which fit into memory."""
_TYPES: Final[dict[str, type]] = {
    "series": np.int32, "start": np.int64, "part": np.int64, "status": np.uint8, "n": np.int32, "state": np.uint8,
    **dict.fromkeys(("sum_a", "sum_b", "low", "high"), np.float64),
    **dict.fromkeys(("exposure", "expected", "lower", "upper", "p"), np.float32),
}  # fmt: skip


class Span(NamedTuple):
    """Some hours, and what happened in them."""

    since_ms: int
    until_ms: int
    lines: list[str]


class Past:
    """Reads a store for its lines. The node may go on writing meanwhile.

    Parameters
    ----------
    path
        The store's file.
    site
        The site's id, a tag of every point.

    Raises
    ------
    stream.sinks.store.tables.StoreError
        There is no store, it is of another version, or it cannot be read.
    """

    def __init__(self, path: Path, site: str, zone: tzinfo = UTC) -> None:
        self.site = site
        self._store = StoreReader(path)
        self._heads, self._sentence = SeriesHeads(site), TextFields(zone)

    def close(self) -> None:
        """Release the file."""
        self._store.close()

    def extent(self) -> tuple[int, int] | None:
        """Return the times of the first result and right behind the last, epoch ms; None where there is none."""
        edges = [
            edge
            for table, column in _TIMES
            for edge in self._store.query(f"SELECT min({column}), max({column}) FROM {table}")[0]
            if edge is not None
        ]
        return (min(edges), max(edges) + 1) if edges else None

    def spans(self, since_ms: int, until_ms: int) -> Iterator[Span]:
        """Give the lines of all results in ``since_ms <= time < until_ms``, some hours at a time, oldest first."""
        for begin in range(since_ms // CHUNK_MS * CHUNK_MS, until_ms, CHUNK_MS):
            span = max(begin, since_ms), min(begin + CHUNK_MS, until_ms)
            yield Span(*span, self.lines(*span))

    def lines(self, since_ms: int, until_ms: int) -> list[str]:
        """Return the lines of all results in ``since_ms <= time < until_ms``, as they stand now."""
        self._heads.follow(self._catalog())
        span = (since_ms, until_ms)
        lines = self._windows(span)
        rows = self._store.query("SELECT series, ts, value FROM states WHERE ts >= ? AND ts < ? ORDER BY ts", span)
        if rows:
            series, times, values = zip(*rows, strict=True)
            places = np.array([self._places[one] for one in series], np.int32)
            lines += state_lines(self._heads, StateRows(places, np.array(times, np.int64), list(values)))
        lines += (
            anomaly_line(self.site, one, self._sentence) for one in self._structs(Anomaly, "anomalies", "ts", span)
        )
        lines += self._alerts(span)
        lines += self._maps(span)
        lines += (health_line(self.site, one) for one in self._structs(DeviceHealth, "health", "start", span))
        return [line for line in lines if line]

    def _catalog(self) -> list[SeriesKey]:
        rows = self._store.query("SELECT id, beat, device, kind, metric FROM series ORDER BY id")
        self._places = {row[0]: place for place, row in enumerate(rows)}
        return [SeriesKey(*row[1:]) for row in rows]

    def _windows(self, span: tuple[int, int]) -> list[str]:
        found = self._store.query(
            f"SELECT {', '.join(WINDOW_COLUMNS)} FROM windows WHERE start >= ? AND start < ? "
            "ORDER BY start, series, part",
            span,
        )
        if not found:
            return []
        table = [(self._places[row[0]], *row[1:]) for row in found]
        rows = WindowRows(
            **{
                name: np.array(column, _TYPES[name])
                for name, column in zip(WINDOW_COLUMNS, zip(*table, strict=True), strict=True)
            }
        )
        parts: dict[tuple[int, int], list[Part]] = {}
        for row in table:
            parts.setdefault((int(row[0]), int(row[1])), []).append(row[2:])
        several = {key: made for key, made in parts.items() if len(made) > 1 or made[0][0] != 0}
        return window_lines(self._heads, with_whole(rows, several) if several else rows)

    def _alerts(self, span: tuple[int, int]) -> Iterator[str]:
        before: dict[str, list[Any]] = {}
        # A change that came right before may have moved one of these by a second.
        for alert in self._structs(
            Alert, "alert_history", "changed_ms", (span[0] - 60_000, span[1]), then=", id, revision"
        ):
            name, before[name] = alert_second(alert, before)
            if alert.changed_ms >= span[0]:
                yield alert_line(alert, before[name][0], self._sentence)

    def _maps(self, span: tuple[int, int]) -> Iterator[str]:
        """Give the lines of maps; the one before the first tells which cells left."""
        start = self._store.query("SELECT max(ts) FROM hotspot_maps WHERE ts < ?", span[:1])[0][0]
        times = self._store.query("SELECT ts FROM hotspot_maps WHERE ts >= ? AND ts < ? ORDER BY ts", span)
        before: list[list[str]] = [] if start is None else [[cell.cell, cell.beat] for cell in self._cells(start)]
        for (at,) in times:
            makers, before = map_lines(
                self.site, HotspotMap(ts=at, horizon_s=0, cell_m=0, cells=self._cells(at)), before, self._sentence
            )
            yield from (make() for make in makers)

    def _cells(self, at: int) -> list[HotspotCell]:
        rows = self._store.query("SELECT body FROM hotspots WHERE ts = ? ORDER BY rank, cell", (at,))
        return [_struct(HotspotCell, body) for (body,) in rows]

    def _structs(
        self, kind: type[_T], table: str, column: str, span: tuple[int, int], *, then: str = ""
    ) -> Iterator[_T]:
        query = f"SELECT body FROM {table} WHERE {column} >= ? AND {column} < ? ORDER BY {column}{then}"
        return (_struct(kind, body) for (body,) in self._store.query(query, span))


_TIMES: Final = (
    ("windows", "start"), ("states", "ts"), ("anomalies", "ts"), ("alert_history", "changed_ms"),
    ("hotspot_maps", "ts"), ("health", "start"),
)  # fmt: skip


def _struct(kind: type[_T], body: str) -> _T:
    """Return a result from its JSON, in which a number that is none stands as null."""
    document = with_why(msgspec.json.decode(body))
    floats = {field.name for field in msgspec.structs.fields(kind) if field.type is float}  # type: ignore[arg-type]
    filled = {name: math.nan if value is None and name in floats else value for name, value in document.items()}
    return msgspec.convert(filled, kind)
