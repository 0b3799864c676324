"""The store: results in one SQLite file that the board and the command line read while the node writes.

How it stays right
------------------
1. One `write` is one transaction, and how far the log is in stands in the same transaction. Results are a pure
   function of the log, so whatever is at or before that point is in, whole, and is passed over when it comes again.
   That makes the counters (accepted, duplicates, late) and the totals exact with one addition a write, and no row
   ever goes back to what an older record said of it.
2. ``synchronous = FULL``: a commit returns when the write-ahead log is on disk. `flush` has nothing left to do.
3. WAL mode: readers see the last commit and never block the writer.
4. A file that is damaged, or on a full disk, does not keep anybody from starting: `write` raises until it can be used.
   After every failure the file is opened again, so that one that was put in its place is taken up. With `mends` a file
   that is damaged, or is none of ours, is put aside, and a new one begins: it `lacks` what the old one had, and
   `stream.sinks.delivery` gives it that again from the log.
5. Another process may have written meanwhile, where a worker was thought dead and comes back: every transaction begins
   by looking how far the store is by now, and passes over what is in.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.events import Incident
from ingest.observations import epoch_ms
from stream.results import Results, SeriesKey
from stream.sinks.result_rows import (
    NOTHING_WRITTEN,
    WINDOW_COLUMNS,
    after,
    check_series,
    merge_windows,
    order,
    plain,
    position_of,
)
from stream.sinks.store.agent_tables import write_agents
from stream.sinks.store.alert_tables import write_alerts
from stream.sinks.store.book_table import write_book
from stream.sinks.store.patrol_tables import write_patrols
from stream.sinks.store.retention import Pruning, Retention
from stream.sinks.store.series_ids import SeriesIds, SeriesMatch
from stream.sinks.store.store_file import StoreFile
from stream.sinks.store.tables import StoreDamagedError, StoreError, StoreMismatchError, migrate
from stream.sinks.store.totals import WindowTotals, put_back
from stream.sinks.store.watched import write_watched

_LOG: Final = logging.getLogger(__name__)
_META_S: Final = 1.0
_UNIQUE_WINDOWS: Final = (
    f"INSERT OR REPLACE INTO windows ({', '.join(WINDOW_COLUMNS)}) VALUES ({', '.join('?' * len(WINDOW_COLUMNS))})"
)
_Committed = tuple[int, int, int, "NDArray[np.int64]"]
"""How far the store is after a write: order reached, time, time of the last pruning, and newest window per series."""
_encode = msgspec.json.Encoder(order="deterministic").encode


def _body(value: object) -> str:
    return _encode(value).decode()


class StoreSink:
    """Writes the results of one pipeline to a SQLite file, made where there is none.

    Parameters
    ----------
    path
        The file; its folder is made. ``-wal`` and ``-shm`` files stand beside it while it is open.
    site
        The site's id. A store belongs to one site and one log.
    retention
        How long each kind is kept, in days of the log's time.
    prune_every_s
        Seconds of the log's time between looks for what is too old. Each goes on by a day at most, and only where the
        results are sure of the time.
    mends
        Whether a file that cannot be used is put aside, and a new one begun. Only where the log can be read again.

    Raises
    ------
    StoreVersionError
        The file is of a later version.
    StoreMismatchError
        The file is another site's; by `write`: the results are of another log than those it holds.
    StoreError
        The file is of something else. By `write` and `put_meta`: it cannot be opened or written; the write is then
        undone, whole.

    Notes
    -----
    Safe to call from several threads: the engine writes while the node puts its status with `put_meta`.
    """

    name = "store"

    def __init__(
        self,
        path: Path,
        site: str,
        *,
        retention: Retention | None = None,
        prune_every_s: float = 3600,
        mends: bool = False,
    ) -> None:
        self.path, self.site = path, site
        self._pruning = Pruning(retention or Retention(), prune_every_s)
        self._lock = threading.RLock()
        self._file = StoreFile(path, self._prepare, mends=mends)
        self._reached, self._now_ms = NOTHING_WRITTEN, 0
        self._highest_ms = 0
        """The latest time ever written, from before the site's time was put back."""
        try:
            self._opened()
        except StoreDamagedError as error:
            _LOG.error("%s; results wait until it is repaired", error)

    def _opened(self) -> sqlite3.Connection:
        """Return the connection, opening the file where that has not worked yet or something failed."""
        return self._file.opened()

    def mend(self, error: BaseException) -> None:
        """Put the file aside where an error of somebody who read it says that it is damaged."""
        with self._lock:
            self._file.mend(error)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        execute = connection.execute
        migrate(connection, self.path)
        execute("PRAGMA cache_size = -32000")
        execute(
            "INSERT OR IGNORE INTO progress VALUES (1, ?, ?, 0, 0, 0, 0, 0, 0)",
            (self.site, NOTHING_WRITTEN),
        )
        self._look(connection)

    def _look(self, connection: sqlite3.Connection) -> None:
        """Learn from the store how far it is, and which series it has."""
        execute = connection.execute
        try:
            found = execute("SELECT site, reached, now_ms, pruned_ms FROM progress").fetchone()
            site, self._reached, self._now_ms, self._pruned_ms = msgspec.convert(found, tuple[str, int, int, int])
            highest = execute("SELECT value FROM meta WHERE key = 'highest_ms'").fetchone()
            self._highest_ms = 0 if highest is None else msgspec.json.decode(highest[0], type=int)
        except msgspec.ValidationError as error:
            raise StoreDamagedError(f"{self.path}: is damaged: what it says of its progress is {found}") from error
        if site != self.site:
            raise StoreMismatchError(f"{self.path}: belongs to site {site!r}, expected {self.site!r}")
        rows = execute("SELECT beat, device, kind, metric, newest FROM series ORDER BY id").fetchall()
        self._newest = np.array([-1 if row[4] is None else row[4] for row in rows], dtype=np.int64)
        self._totals = WindowTotals(connection)
        self._ids = SeriesIds([SeriesKey(*row[:4]) for row in rows])

    @property
    def position(self) -> int:
        """Newest log position written, -1 before the first."""
        return position_of(self._reached)

    def write(self, results: Sequence[Results]) -> None:
        """Write what is new in one transaction. On an exception nothing of it went in."""
        if not results:
            return
        with self._lock:
            connection = self._opened()
            self._check_log(results)
            fresh = after(results, self._reached)
            if not fresh:
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    committed = self._write_fresh(connection, results)
                    connection.execute("COMMIT")
                except BaseException:
                    self._totals.forget()
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                self._file.failed(error)
                raise StoreError(
                    f"{self.path}: results of log positions {fresh[0].position} to {fresh[-1].position} "
                    f"could not be written: {error}"
                ) from error
            if committed is not None:
                (self._reached, self._now_ms, self._pruned_ms, self._newest), match = committed
                self._ids.accept(match)

    def lacks(self, reached: int) -> bool:
        """Tell whether it has less than the results up to some `stream.sinks.result_rows.order`.

        Raises `StoreError` where it cannot be opened.
        """
        with self._lock:
            self._opened()
            return max(self.position, 0) < position_of(reached)

    def flush(self) -> None:
        """Return at once: every `write` that returned is on disk."""

    def put_meta(self, key: str, value: object) -> None:
        """Keep a JSON-able value under a key for readers, replacing the one before; not durable against power loss.

        Does not wait long for a write that is under way.
        """
        self.put_metas({key: value})

    def put_metas(self, entries: Mapping[str, object]) -> None:
        """Keep several values as `put_meta` does, in one transaction."""
        if not self._lock.acquire(timeout=_META_S):
            raise StoreError(f"{self.path}: meta {[*entries]} could not be written: a write is under way for long")
        try:
            self._file.put_metas({key: _body(value) for key, value in entries.items()}, wait_s=_META_S)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        with self._lock:
            self._file.close()

    def _check_log(self, results: Sequence[Results]) -> None:
        """Raise `StoreMismatchError` where the results can only be of another log than the store's."""
        for result in results:
            # Everything up to the stored position was received by then, so a later time tells that the log is new.
            if order(result) <= self._reached and result.now_ms > max(self._now_ms, self._highest_ms):
                raise StoreMismatchError(
                    f"{self.path}: holds log positions up to {self.position}, received up to {self._now_ms} ms, and "
                    f"position {result.position} now comes with {result.now_ms} ms: the log was replaced; "
                    f"move the store away, or bring its log back"
                )

    def _write_fresh(
        self, connection: sqlite3.Connection, results: Sequence[Results]
    ) -> tuple[_Committed, SeriesMatch] | None:
        """Write what the store does not have, in the transaction that has begun; None where it has all by now."""
        if connection.execute("SELECT reached FROM progress").fetchone()[0] != self._reached:
            self._look(connection)
            self._check_log(results)
        fresh = after(results, self._reached)
        if not fresh:
            return None
        check_series(fresh)
        match = self._ids.match(fresh[-1].catalog)
        return self._write(fresh, match), match

    def _write(self, results: list[Results], match: SeriesMatch) -> _Committed:
        self._many(
            "INSERT INTO series (id, beat, device, kind, metric) VALUES (?, ?, ?, ?, ?)",
            ((number, key.beat, key.device, int(key.kind), key.metric) for number, key in match.added),
        )
        self._many("UPDATE series SET beat = ? WHERE id = ?", ((key.beat, number) for number, key in match.moved))
        newest = self._write_windows(results, match)
        newest = self._put_back(results, newest)
        self._write_events(results, match.ids)
        write_alerts(self._opened(), results)
        self._write_hotspots(results)
        write_patrols(self._opened(), results)
        write_agents(self._opened(), results)
        write_book(self._opened(), results)
        write_watched(self._opened(), results)
        reached = max(order(result) for result in results)
        since = [result for result in results[_last_put_back(results) :] if not result.closing] or results[-1:]
        now_ms = max(0 if since[0].put_back else self._now_ms, *(result.now_ms for result in since))
        watermark_ms = max(result.watermark_ms for result in since)
        self._opened().execute(
            """UPDATE progress SET reached = ?, now_ms = ?, watermark_ms = max(watermark_ms * NOT ?, ?),
            accepted = accepted + ?, duplicates = duplicates + ?, late = late + ?""",
            (
                reached,
                now_ms,
                since[0].put_back,
                watermark_ms,
                sum(result.accepted for result in results),
                sum(result.duplicates for result in results),
                sum(result.late for result in results),
            ),
        )
        return reached, now_ms, self._prune(results), newest

    def _write_windows(self, results: list[Results], match: SeriesMatch) -> NDArray[np.int64]:
        newest = np.concatenate([self._newest, np.full(len(match.added), -1, dtype=np.int64)])
        rows = merge_windows(results)
        if rows is None:
            return newest
        rows = replace(rows, series=match.ids[rows.series])
        self._totals.add(rows, len(newest))
        self._many(_UNIQUE_WINDOWS, zip(*(plain(getattr(rows, name)) for name in WINDOW_COLUMNS), strict=True))
        before = newest.copy()
        np.maximum.at(newest, rows.series, rows.start)
        moved = np.flatnonzero(newest != before)
        self._many(
            "UPDATE series SET newest = ? WHERE id = ?", zip(newest[moved].tolist(), moved.tolist(), strict=True)
        )
        return newest

    def _put_back(self, results: list[Results], newest: NDArray[np.int64]) -> NDArray[np.int64]:
        """Let nothing stand as the newest that was given a time which was too far ahead; return the newest windows."""
        last = _last_put_back(results)
        if not results[last].put_back:
            return newest
        highest_ms = max(self._highest_ms, self._now_ms, *(result.now_ms for result in results))
        self._opened().execute("INSERT OR REPLACE INTO meta VALUES ('highest_ms', ?)", (_body(highest_ms),))
        return put_back(self._opened(), newest, results[last].now_ms)

    def _write_events(self, results: list[Results], ids: NDArray[np.int32]) -> None:
        for result in results:
            for gates in result.gates:
                numbers = [plain(column) for column in (gates.ts, gates.direction, gates.allowed)]
                self._many(
                    "INSERT OR REPLACE INTO gates (series, boot, seq, ts, direction, allowed, vehicle, plate) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    zip(
                        plain(ids[gates.series]),
                        gates.boot,
                        plain(gates.seq),
                        *numbers,
                        gates.vehicle,
                        gates.plate,
                        strict=True,
                    ),
                )
            for states in result.states:
                self._many(
                    "INSERT OR REPLACE INTO states (series, ts, value) VALUES (?, ?, ?)",
                    zip(plain(ids[states.series]), plain(states.ts), states.value, strict=True),
                )
        self._many(
            "INSERT OR REPLACE INTO anomalies (device, metric, kind, ts, body) VALUES (?, ?, ?, ?, ?)",
            ((a.device, a.metric, a.kind, a.ts, _body(a)) for result in results for a in result.anomalies),
        )
        self._many(
            "INSERT OR REPLACE INTO incidents (id, ts, seen_ms, body) VALUES (?, ?, ?, ?)",
            (
                (incident.id, epoch_ms(incident.ts), result.now_ms, _incident_body(incident))
                for result in results
                for incident in result.incidents
            ),
        )
        health = [(row.start, row.device, _body(row)) for result in results for row in result.health]
        self._many("INSERT OR REPLACE INTO health (start, device, body) VALUES (?, ?, ?)", health)
        self._many(
            """INSERT INTO health_now (start, device, body) VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE
            SET start = excluded.start, body = excluded.body WHERE excluded.start >= start""",
            health,
        )

    def _write_hotspots(self, results: list[Results]) -> None:
        for hotspots in (hotspots for result in results for hotspots in result.maps):
            # The map of one time is replaced whole: a cell that left it must not stay.
            self._opened().execute("DELETE FROM hotspots WHERE ts = ?", (hotspots.ts,))
            self._opened().execute(
                "INSERT OR REPLACE INTO hotspot_maps (ts, horizon_s, cell_m) VALUES (?, ?, ?)",
                (hotspots.ts, hotspots.horizon_s, hotspots.cell_m),
            )
            self._many(
                "INSERT OR REPLACE INTO hotspots (ts, cell, rank, body) VALUES (?, ?, ?, ?)",
                ((hotspots.ts, cell.cell, cell.rank, _body(cell)) for cell in hotspots.cells),
            )

    def _prune(self, results: list[Results]) -> int:
        """Delete a portion of what is too old where it is time to look; return the time up to which it was looked."""
        connection = self._opened()
        sure_ms = next((min(one.now_ms, one.watermark_ms) for one in reversed(results) if one.sure), 0)
        pruned_ms = self._pruning.look(connection, sure_ms, self._pruned_ms)
        if pruned_ms != self._pruned_ms:
            connection.execute("UPDATE progress SET pruned_ms = ?", (pruned_ms,))
        if self._pruning.deleted:
            self._totals.forget()  # rows it remembers may be gone
        return pruned_ms

    def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._opened().executemany(statement, rows)


def _last_put_back(results: Sequence[Results]) -> int:
    """Return the place of the last results with which the site's time was put back; 0 where there are none."""
    return next((at for at in range(len(results) - 1, -1, -1) if results[at].put_back), 0)


def _incident_body(incident: Incident) -> str:
    return _body(msgspec.structs.replace(incident, ts=epoch_ms(incident.ts)))
