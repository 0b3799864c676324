"""Reads a store, for the board and the command line: plain dicts and lists, ready for JSON.

A reader never blocks the node that writes. Times are epoch milliseconds; what is not known is None.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.sqlite import read_only, untouched
from ingest.vocabulary import DIRECTION_NAMES, KIND_NAMES, PERMIT_VALUES, SEVERITY_RANK, Kind
from stream.sentences.catalogue import with_texts
from stream.sinks.result_rows import NOTHING_WRITTEN, position_of
from stream.sinks.store.agent_tables import read_agents, read_strangers
from stream.sinks.store.tables import VERSION, StoreError, StoreMissingError, StoreVersionError, stored_version
from stream.sinks.store.window_view import PART_COLUMNS, Part, fold, window_rows

Row = dict[str, Any]
_TEXTS_KEPT: Final = 2048
"""Rows whose sentences are made once: the board asks for the same ones again and again."""
_END: Final = 2**63 - 1
_OPEN: Final = "state IN ('raised', 'acknowledged')"
_SEVERITY: Final = (
    "CASE severity " + " ".join(f"WHEN '{name}' THEN {rank}" for name, rank in SEVERITY_RANK.items()) + " END"
)
_COUNTED: Final = {
    "anomalies": "anomalies",
    "alerts": "alerts",
    "hotspots": "hotspot_maps",
    "incidents": "incidents",
    "gates": "gates",
    "states": "states",
    "series": "series",
}


class StoreReader:
    """A read-only view of a store.

    Nothing is opened before the first question, so a reader may be made before the node has made the store.

    Parameters
    ----------
    path
        The store's file.
    zone
        Zone of the times in texts: the site's.
    untouched
        Leave nothing beside the file, for a look that is soon over (`ingest.sqlite.untouched`).

    Raises
    ------
    StoreMissingError
        By every method, as long as there is no store.
    StoreVersionError
        By every method, where the store is of another version than this program's.
    StoreError
        By every method, where the file is no store or cannot be read.

    Notes
    -----
    Threads may share a reader: each question has a connection to itself. When the file is replaced by a new one, the
    next `version` sees that, and the reader goes over to the new file.
    """

    def __init__(self, path: Path, zone: tzinfo = UTC, *, untouched: bool = False) -> None:
        self.path, self._untouched = path, untouched
        self._texts = lru_cache(_TEXTS_KEPT)(partial(_with_texts, zone))
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._watch: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._generation = 0

    def close(self) -> None:
        """Close all connections. The reader opens new ones if it is asked again."""
        with self._lock:
            self._forget()

    def version(self) -> int:
        """Return a number that changes whenever the store has: cheap enough to ask ten times a second."""
        with self._lock:
            try:
                stat = self.path.stat()
            except OSError as error:
                raise StoreMissingError(f"{self.path}: there is no store yet; start the node first") from error
            if self._watch is None or (stat.st_dev, stat.st_ino) != self._file:
                self._forget()
                self._watch = self._connect()
                self._file = (stat.st_dev, stat.st_ino)
            return self._generation << 32 | int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def meta(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value that `StoreSink.put_meta` keeps under a key, or `default`."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return msgspec.json.decode(rows[0][0]) if rows else default

    def window_lengths(self) -> list[tuple[int, int, int]]:
        """Return since when (epoch ms, rising) windows have which length in seconds; empty where nobody has said.

        The third number is the log position from which additions to older windows are counted in that length.
        """
        return msgspec.convert(self.meta("windows", []), list[tuple[int, int, int]])

    def progress(self) -> Row:
        """Return ``position``, ``now_ms``, ``watermark_ms`` (how far the log is in) and ``site``."""
        rows = self.query("SELECT site, reached, now_ms, watermark_ms FROM progress")
        if not rows:
            raise StoreMissingError(f"{self.path}: the store is being made; ask again")
        site, reached, now_ms, watermark_ms = rows[0]
        return {"site": site, "position": position_of(reached), "now_ms": now_ms, "watermark_ms": watermark_ms}

    def reached(self) -> int:
        """Return how far the log is in, as `stream.sinks.result_rows.order` has it."""
        rows = self.query("SELECT reached FROM progress")
        return int(rows[0][0]) if rows else NOTHING_WRITTEN

    def counters(self) -> Row:
        """Return ``accepted``, ``duplicates`` and ``late``: observations, over all that was ever written."""
        rows = self.query("SELECT accepted, duplicates, late FROM progress") or [(0, 0, 0)]
        return dict(zip(("accepted", "duplicates", "late"), rows[0], strict=True))

    def series(self) -> list[Row]:
        """Return all series: ``id, beat, device, kind, metric``."""
        rows = self.query("SELECT id, beat, device, kind, metric FROM series ORDER BY id")
        return [
            {"id": number, "beat": beat, "device": device, "kind": KIND_NAMES.get(kind, str(kind)), "metric": metric}
            for number, beat, device, kind, metric in rows
        ]

    def windows(
        self,
        device: str,
        metric: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 2000,
    ) -> list[Row]:
        """Return a device's newest `limit` windows with ``since_ms <= start < until_ms``, oldest first.

        Each is the sum of its parts: ``start, metric, kind, n, in, out, mean, low, high, expected, lower, upper, p,
        state, status``. ``in`` and ``out`` are None but for counts and gates, ``mean`` but for levels.
        """
        since, until = since_ms or 0, _END if until_ms is None else until_ms
        rows = self._ask(lambda connection: window_rows(connection, device, metric, (since, until), limit))
        return fold(rows, named=False)

    def parts(self, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[Part]]:
        """Return the parts of windows by (series, start), as `stream.sinks.store.window_view.whole` takes them.

        Windows that are not in the store are left out.
        """
        statement = f"SELECT {', '.join(PART_COLUMNS)} FROM windows WHERE start = ? AND series = ? ORDER BY part"

        def ask(connection: sqlite3.Connection) -> list[Any]:
            return [connection.execute(statement, (start, series)).fetchall() for series, start in keys]

        return {key: rows for key, rows in zip(keys, self._ask(ask), strict=True) if rows}

    def span(self) -> tuple[int, int] | None:
        """Return the start of the oldest and of the newest window; None where there is no window."""
        oldest, newest = self.query("SELECT min(start), max(start) FROM windows")[0]
        return None if oldest is None else (oldest, newest)

    def parts_between(self, since_ms: int, until_ms: int) -> list[tuple[Any, ...]]:
        """Return the rows of all series' windows with ``since_ms <= start < until_ms``, as columns stand.

        Each is ``series, start, part, status, n, sum_a, sum_b, exposure, expected, lower, upper, p, state``, in the
        order of start, series and part; None where there is no number. For programs that look at much: the caller
        chooses a span that fits into memory.
        """
        return self.query(
            """SELECT series, start, part, status, n, sum_a, sum_b, exposure, expected, lower, upper, p, state
            FROM windows WHERE start >= ? AND start < ? ORDER BY start, series, part""",
            (since_ms, until_ms),
        )

    def series_between(self, since_ms: int, until_ms: int) -> list[int]:
        """Return the numbers of the series with observations in windows of ``since_ms <= start < until_ms``."""
        rows = self.query(
            "SELECT DISTINCT series FROM windows WHERE start >= ? AND start < ? AND n > 0", (since_ms, until_ms)
        )
        return [row[0] for row in rows]

    def windows_by_series(self) -> dict[int, int]:
        """Return how many windows every series has had, those deleted since included."""
        return dict(self.query("SELECT series, windows FROM totals"))

    def latest(self) -> list[Row]:
        """Return the newest window of every series, as `windows` does, with ``beat`` and ``device``."""
        rows = self.query(
            """SELECT s.beat, s.device, s.kind, s.metric, w.* FROM series s
            JOIN windows w ON w.start = s.newest AND w.series = s.id ORDER BY s.id, w.part"""
        )
        return fold(rows, named=True)

    def totals(self) -> Row:
        """Return what was stored in all, also of windows deleted since.

        ``observations`` (sum of n), ``windows`` (distinct series and start) and ``by_device``: device → ``n, in, out``.
        Exact, and cheap: the sink keeps them in the same transactions as the windows.
        """
        rows = self.query(
            """SELECT s.device, s.kind, t.n, t.sum_a, t.sum_b, t.windows
            FROM totals t JOIN series s ON s.id = t.series ORDER BY t.series"""
        )
        devices: dict[str, Row] = {}
        observations = windows = 0
        for device, kind, n, sum_a, sum_b, distinct in rows:
            entry = devices.setdefault(device, {"n": 0, "in": 0, "out": 0})
            entry["n"] += n
            observations += n
            windows += distinct
            if kind in {Kind.COUNT, Kind.GATE}:
                entry["in"] += round(sum_a)
                entry["out"] += round(sum_b)
        return {"observations": observations, "windows": windows, "by_device": devices}

    def counts(self) -> Row:
        """Return how many rows of each kind there are; ``hotspots`` counts maps, ``open_alerts`` those not closed."""
        counted = {name: self.query(f"SELECT count(*) FROM {table}")[0][0] for name, table in _COUNTED.items()}
        counted["open_alerts"] = self.more_open_alerts(0, 0)[1]
        counted["windows"] = self.totals()["windows"]
        return counted

    def alerts(self, *, open_only: bool = False, limit: int = 200, since_ms: int | None = None) -> list[Row]:
        """Return alerts as they stand: open ones first, the most severe on top, then newest first.

        `since_ms` leaves out those that last changed before it. Of others than these: `alert_tables.search_alerts`.
        """
        found = f"INDEXED BY alerts_open WHERE {_OPEN} AND" if open_only else "WHERE"
        return self.bodies(
            f"""SELECT body FROM alerts {found} changed_ms >= ? ORDER BY {_OPEN} DESC,
            CASE WHEN {_OPEN} THEN {_SEVERITY} ELSE 0 END DESC, raised_ms DESC, id LIMIT ?""",
            (since_ms or 0, limit),
            "text",
        )

    def more_open_alerts(self, beyond: int, limit: int) -> tuple[list[Row], int]:
        """Return the open alerts behind the first `beyond` of `alerts`, without sentences, and how many are open."""
        found = f"FROM alerts INDEXED BY alerts_open WHERE {_OPEN}"
        total = self.query(f"SELECT count(*) {found}")[0][0]
        order = f"ORDER BY {_SEVERITY} DESC, raised_ms DESC, id LIMIT ? OFFSET ?"
        return self.bodies(f"SELECT body {found} {order}", (limit, beyond)) if total > beyond else [], total

    def ended_alone(self, since_ms: int, limit: int = 50) -> list[Row]:
        """Return critical alerts that have ended since then without anybody having taken them up, newest first."""
        rows = self.bodies(
            """SELECT body FROM alerts WHERE state IN ('cleared', 'expired') AND severity = 'critical'
            AND changed_ms >= ? ORDER BY changed_ms DESC, id LIMIT ?""",
            (since_ms, limit),
            "text",
        )
        return [row for row in rows if not row.get("by")]

    def alert(self, identifier: str) -> Row | None:
        """Return one alert as it stands, or None."""
        found = self.bodies("SELECT body FROM alerts WHERE id = ?", (identifier,), "text")
        return found[0] if found else None

    def alert_history(self, identifier: str) -> list[Row]:
        """Return all revisions of an alert, oldest first."""
        return self.bodies("SELECT body FROM alert_history WHERE id = ? ORDER BY revision", (identifier,), "text")

    def anomalies(self, limit: int = 200) -> list[Row]:
        """Return anomalies, newest onset first."""
        return self.bodies(
            "SELECT body FROM anomalies ORDER BY ts DESC, device, metric, kind LIMIT ?", (limit,), "text"
        )

    def health(self) -> list[Row]:
        """Return the newest data quality of every device, by device."""
        return self.bodies("SELECT body FROM health_now ORDER BY device")

    def agents(self) -> list[Row]:
        """Return every edge agent as it last said; see `stream.sinks.store.agent_tables.read_agents`."""
        return read_agents(self.query)

    def strangers(self) -> list[Row]:
        """Return what waits to be bound to a device; see `stream.sinks.store.agent_tables.read_strangers`."""
        return read_strangers(self.query)

    def hotspots(self) -> Row | None:
        """Return the newest map (``ts, horizon_s, cell_m, cells`` by rank), or None before the first."""
        rows = self.query(
            """SELECT m.ts, m.horizon_s, m.cell_m, h.body
            FROM (SELECT * FROM hotspot_maps ORDER BY ts DESC LIMIT 1) m
            LEFT JOIN hotspots h ON h.ts = m.ts ORDER BY h.rank, h.cell"""
        )
        if not rows:
            return None
        cells = [{**self._texts(body, "drivers")} for *_, body in rows if body is not None]
        return {"ts": rows[0][0], "horizon_s": rows[0][1], "cell_m": rows[0][2], "cells": cells}

    def incidents(self, limit: int = 200, since_ms: int | None = None) -> list[Row]:
        """Return incidents as they were told, with their ``ts`` as epoch ms, newest first."""
        rows = self.query(
            "SELECT ts, body FROM incidents WHERE ts >= ? ORDER BY ts DESC, id LIMIT ?",
            (-_END if since_ms is None else since_ms, limit),
        )
        return [{**msgspec.json.decode(body), "ts": ts} for ts, body in rows]

    def gates(self, device: str | None = None, limit: int = 200) -> list[Row]:
        """Return passages, newest first: ``beat, device, ts, seq, boot, direction, allowed, vehicle, plate``."""
        rows = self.query(
            f"""SELECT s.beat, s.device, g.ts, g.seq, g.boot, g.direction, g.allowed, g.vehicle, g.plate
            FROM gates g JOIN series s ON s.id = g.series {"" if device is None else "WHERE s.device = ?"}
            ORDER BY g.ts DESC, g.series, g.seq LIMIT ?""",
            (limit,) if device is None else (device, limit),
        )
        names = ("beat", "device", "ts", "seq", "boot", "direction", "allowed", "vehicle", "plate")
        return [
            dict(
                zip(
                    names,
                    (*row[:5], DIRECTION_NAMES.get(row[5], "unknown"), PERMIT_VALUES.get(row[6]), *row[7:]),
                    strict=True,
                )
            )
            for row in rows
        ]

    def states(self, device: str, limit: int = 200) -> list[Row]:
        """Return a device's changes of state, newest first: ``metric, ts, value``."""
        rows = self.query(
            """SELECT s.metric, t.ts, t.value FROM series s JOIN states t ON t.series = s.id
            WHERE s.device = ? ORDER BY t.ts DESC, s.metric LIMIT ?""",
            (device, limit),
        )
        return [{"metric": metric, "ts": ts, "value": value} for metric, ts, value in rows]

    def bodies(self, statement: str, values: Sequence[object] = (), text: str = "") -> list[Row]:
        """Return the rows of a SELECT of one column from their JSON, with their sentences under the name of `text`."""
        rows = self.query(statement, values)
        return [{**self._texts(row[0], text)} if text else msgspec.json.decode(row[0]) for row in rows]

    def query(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a SELECT, for what this class has no method for."""
        return self._ask(lambda connection: connection.execute(statement, values).fetchall())

    def _ask(self, question: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
        """Answer a question with an idle connection, or with a new one where all are in use."""
        with self._lock:
            generation = self._generation
            connection = self._idle.pop() if self._idle else self._connect()
        try:
            answer = question(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"{self.path}: cannot be read: {error}") from error
        with self._lock:
            if generation == self._generation:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _connect(self) -> sqlite3.Connection:
        if not self.path.is_file():
            raise StoreMissingError(f"{self.path}: there is no store yet; start the node first")
        try:
            connection = (untouched if self._untouched else read_only)(self.path)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be opened for reading: {error}") from error
        try:
            self._check(stored_version(connection, self.path))
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, version: int) -> None:
        if version == 0:
            raise StoreMissingError(f"{self.path}: the store is still empty; start the node first")
        if version < VERSION:
            raise StoreVersionError(
                f"{self.path}: is a store of version {version}, expected {VERSION}: start the node once, "
                f"which brings it up to date"
            )

    def _forget(self) -> None:
        """Drop all idle connections; those in use close when they are given back. The lock is held."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._generation += 1


def _with_texts(zone: tzinfo, body: str, name: str) -> Row:
    return with_texts(msgspec.json.decode(body), zone, name)
