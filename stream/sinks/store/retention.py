"""How long the store keeps what, and the deleting of what is older, in small portions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from typing import Final

DAY_MS: Final = 86_400_000
PORTION: Final = 20_000
"""Rows of one table that one call deletes at most: detection must not wait for housekeeping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days that each kind of result is kept. Raises `ValueError` for a number that is not above 0."""

    windows_days: float = 180
    gates_days: float = 30
    """Passages carry plate tokens, so they go first."""
    states_days: float = 180
    anomalies_days: float = 730
    alerts_days: float = 730
    """Since the last change. An alert that is still open stays however old it is."""
    hotspots_days: float = 30
    """The newest map always stays."""
    health_days: float = 30
    """The newest row of each device always stays."""
    incidents_days: float = 1095
    """Since it was received: an import of old incidents is kept as long as new ones."""

    def __post_init__(self) -> None:
        for field in fields(self):
            days = getattr(self, field.name)
            if not days > 0:
                raise ValueError(f"retention {field.name} is {days!r}, expected a number of days above 0")


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
    ):
        bound = _bound(connection, table, column, cutoff(days), portion)
        if bound is not None:
            connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (bound,))  # noqa: S608 - names from above
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
    ids = connection.execute(f"SELECT id FROM alerts WHERE {closed}", old).fetchall()  # noqa: S608 - constant text
    connection.executemany("DELETE FROM alert_history WHERE id = ?", ids)
    connection.executemany("DELETE FROM alerts WHERE id = ?", ids)
    seen = connection.execute(
        "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE seen_ms < ? LIMIT ?)",
        (cutoff(retention.incidents_days), portion),
    ).rowcount
    return more or len(ids) == portion or seen == portion


def _bound(connection: sqlite3.Connection, table: str, column: str, cutoff: int, portion: int) -> int | None:
    """Return the time before which at most about `portion` rows stand, at most `cutoff`; None where there is none.

    Rows of one time go together, so a single time with more than `portion` rows makes a larger portion.
    """
    oldest = connection.execute(f"SELECT min({column}) FROM {table}").fetchone()[0]  # noqa: S608 - callers' constants
    if oldest is None or oldest >= cutoff:
        return None
    row = connection.execute(
        f"SELECT {column} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT 1 OFFSET ?",  # noqa: S608 - same
        (cutoff, portion),
    ).fetchone()
    return cutoff if row is None else max(int(row[0]), int(oldest) + 1)
