"""How long the store keeps what, and the deleting of what is older, in small portions."""

import sqlite3
from typing import Annotated, Final

from msgspec import Meta

from ingest.setup.settings import Section

DAY_MS: Final = 86_400_000
_STEP_MS: Final = DAY_MS
"""How far one look for what is too old goes on at most."""
PORTION: Final = 20_000
"""Rows of one table that one call deletes at most: detection must not wait for housekeeping."""


Days = Annotated[float, Meta(ge=0.01)]


class Retention(Section, frozen=True, kw_only=True):
    """How long the node's own store keeps its results."""

    windows_days: Days = 180.0
    """Days that windows are kept."""
    gates_days: Days = 30.0
    """Days that passages of gates are kept; they carry plate tokens."""
    states_days: Days = 180.0
    """Days that changes of state are kept."""
    anomalies_days: Days = 730.0
    """Days that anomalies are kept."""
    alerts_days: Days = 730.0
    """Days that alerts are kept after their last change; open ones stay."""
    hotspots_days: Days = 30.0
    """Days that hotspot maps are kept; the newest stays."""
    health_days: Days = 30.0
    """Days that data quality is kept; the newest of each device stays."""
    incidents_days: Days = 1_095.0
    """Days that incidents are kept after they came in."""
    patrols_days: Days = 1_095.0
    """Days that plans, and what was done of them, are kept."""
    book_days: Days = 1_095.0
    """Days that the shift book is kept."""


class Pruning:
    """Looks now and then for what is too old, by a time that is confirmed, and a step further at a time.

    A time that is wrong although several clocks agree on it (devices may have it from the node) then deletes a day's
    rows a look at most, those that would have been next.
    """

    def __init__(self, retention: Retention, every_s: float) -> None:
        self._retention, self._every_ms = retention, round(every_s * 1000)
        self._looked_ms = 0
        self.deleted = False
        """Whether the last look has deleted rows."""

    def look(self, connection: sqlite3.Connection, sure_ms: int, pruned_ms: int) -> int:
        """Delete a portion where it is time to look; return up to which time it was looked, `pruned_ms` before.

        `sure_ms` is the time that is confirmed, epoch ms; 0 where none is.
        """
        self.deleted = False
        if sure_ms <= 0 or abs(sure_ms - self._looked_ms) < self._every_ms:
            return pruned_ms
        until_ms = min(sure_ms, pruned_ms + _STEP_MS) if pruned_ms > 0 else sure_ms
        if until_ms > pruned_ms > 0:
            self.deleted = True
            if prune(connection, self._retention, until_ms):
                return pruned_ms
        self._looked_ms = sure_ms
        return until_ms


def prune(connection: sqlite3.Connection, retention: Retention, now_ms: int, portion: int = PORTION) -> bool:
    """Delete up to `portion` rows a table that are older than `retention` allows at `now_ms` (epoch ms).

    Runs inside the caller's transaction. Returns whether there may be more to delete. Table ``totals`` is
    left alone: totals stay what the devices sent. Nothing newer than its cutoff is touched.
    """

    def cutoff(days: float) -> int:
        return now_ms - round(days * DAY_MS)

    more = False
    for table, column, days in (
        ("windows", "start", retention.windows_days),
        ("gates", "ts", retention.gates_days),
        ("states", "ts", retention.states_days),
        ("anomalies", "ts", retention.anomalies_days),
        ("health", "start", retention.health_days),
        ("officer_plans", "end_ms", retention.patrols_days),
        ("patrol_stops", "arrive_ms", retention.patrols_days),
        ("beat_shares", "ts", retention.patrols_days),
        ("book", "ts", retention.book_days),
        ("watched", "until_ms", retention.alerts_days),
    ):
        bound = _bound(connection, table, column, cutoff(days), portion)
        if bound is not None:
            connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (bound,))
            more = more or bound < cutoff(days)
    newest = connection.execute("SELECT max(ts) FROM hotspot_maps").fetchone()[0]
    if newest is not None:
        bound = _bound(connection, "hotspots", "ts", min(cutoff(retention.hotspots_days), newest), portion)
        if bound is not None:
            more = more or bound < min(cutoff(retention.hotspots_days), newest)
            connection.execute("DELETE FROM hotspots WHERE ts < ?", (bound,))
        # A map without cells has no rows in hotspots, so maps go by their own bound: all whose cells are gone.
        oldest = connection.execute("SELECT min(ts) FROM hotspots").fetchone()[0]
        limit = min(value for value in (cutoff(retention.hotspots_days), newest, oldest) if value is not None)
        connection.execute("DELETE FROM hotspot_maps WHERE ts < ?", (limit,))
    old = (cutoff(retention.alerts_days), portion)
    closed = "changed_ms < ? AND state IN ('cleared', 'expired') LIMIT ?"
    ids = connection.execute(f"SELECT id FROM alerts WHERE {closed}", old).fetchall()
    for table in ("alert_history", "alert_search", "alerts"):
        connection.executemany(f"DELETE FROM {table} WHERE id = ?", ids)
    seen = connection.execute(
        "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE seen_ms < ? LIMIT ?)",
        (cutoff(retention.incidents_days), portion),
    ).rowcount
    return more or len(ids) == portion or seen == portion


def _bound(connection: sqlite3.Connection, table: str, column: str, cutoff: int, portion: int) -> int | None:
    """Return the time before which at most about `portion` rows stand, at most `cutoff`; None where there is none.

    Rows of one time go together, so a single time with more than `portion` rows makes a larger portion.
    """
    oldest = connection.execute(f"SELECT min({column}) FROM {table}").fetchone()[0]
    if oldest is None or oldest >= cutoff:
        return None
    row = connection.execute(
        f"SELECT {column} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT 1 OFFSET ?",
        (cutoff, portion),
    ).fetchone()
    return cutoff if row is None else max(int(row[0]), int(oldest) + 1)
