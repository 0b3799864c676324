"""A store that fails for a while: full, damaged, or away. Shared by the tests of delivery on both engines."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from stream.sinks.store.store_sink import StoreSink

TABLES = ("windows", "totals", "gates", "states", "anomalies", "alerts", "alert_history", "hotspot_maps", "hotspots")


class FullStore(StoreSink):
    """SQLite finds no room for another page while `full` is set."""

    full = False

    def _prepare(self, connection: sqlite3.Connection) -> None:
        super()._prepare(connection)
        self.limit(connection)

    def limit(self, connection: sqlite3.Connection) -> None:
        """Set the limit, and let every write need a page: rows may still find room in those that there are."""
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if self.full else 1_000_000_000}")
        connection.execute("DROP TRIGGER IF EXISTS temp.needs_room")
        if self.full:
            connection.execute(
                "CREATE TEMP TRIGGER needs_room AFTER UPDATE ON main.progress "
                "BEGIN INSERT INTO meta VALUES ('ballast', zeroblob(100000)); END"
            )

    def fill(self, *, full: bool) -> None:
        """Let the disk be full, or not any more."""
        self.full = full
        with self._lock:
            self.limit(self._opened())


def damage(path: Path) -> Path:
    """Write junk over all of a closed store but its header; return a copy of what it was."""
    kept = path.with_suffix(".kept")
    shutil.copy(path, kept)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    return kept


def contents(path: Path) -> dict[str, list[Any]]:
    """Return what a store holds, table by table, except when it last looked for what is too old."""
    with sqlite3.connect(path) as connection:
        found = {
            table: sorted(map(repr, connection.execute(f"SELECT * FROM {table}").fetchall()))  # noqa: S608 - of ours
            for table in (*TABLES, "health", "health_now", "incidents", "series")
        }
        columns = "site, reached, now_ms, watermark_ms, accepted, duplicates, late"
        found["progress"] = connection.execute(f"SELECT {columns} FROM progress").fetchall()  # noqa: S608 - of ours
    connection.close()
    return found
