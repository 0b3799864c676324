"""What waits for InfluxDB: batches of lines in one SQLite file, oldest first.

Putting lines in and noting how far the log is in is one transaction, synced to the disk: what `append` returned for
survives SIGKILL and power loss, and is in once. Taking out is not synced: after a power loss the last batches are sent
a second time, and InfluxDB writes the same points over themselves.
"""

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ingest import sqlite
from stream.sinks.result_rows import NOTHING_WRITTEN

_APPLICATION: Final = 0x50474958
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lines INTEGER NOT NULL, put_ms INTEGER NOT NULL, packed INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1), reached INTEGER NOT NULL, now_ms INTEGER NOT NULL,
    dropped INTEGER NOT NULL
);
CREATE TABLE late (start INTEGER, series INTEGER, PRIMARY KEY (start, series)) WITHOUT ROWID;
CREATE TABLE alerts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
"""
_PACKED, _APART = 1, 2
"""Bits of the column ``packed``."""
_PACK_FROM: Final = 32
"""Batches that wait before new ones are compressed: with InfluxDB at hand they are gone before it would pay."""


class LineBatch(NamedTuple):
    """One batch that waits."""

    id: int
    lines: int
    body: bytes
    apart: bool = False
    """No two lines are of one point, so its lines may be sent in any order."""


class BacklogSize(NamedTuple):
    """What waits in all."""

    batches: int
    lines: int
    size: int
    oldest_s: float
    """Wall-clock seconds since the oldest was put in."""
    dropped: int
    """Lines that had to make room, since the file was made."""


class Backlog:
    """A queue on disk, safe to use from several threads.

    Parameters
    ----------
    path
        The file; made with its folder where absent.
    max_bytes
        Bytes of batches above which the oldest are dropped, and counted. They still stand in the store.

    Raises
    ------
    ingest.sqlite.StorageError
        The file cannot be opened, read or written.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self.path, self.max_bytes = path, max_bytes
        self._lock = threading.Lock()
        self._fresh: dict[int, LineBatch] = {}
        """Batches that were put in uncompressed, at most `_PACK_FROM`: so that they need not be read back."""
        self._connection = sqlite.connect(path, application_id=_APPLICATION, version=_VERSION, schema=_SCHEMA)
        with self._lock, self._connection as connection:
            connection.execute("INSERT OR IGNORE INTO progress VALUES (1, ?, 0, 0)", (NOTHING_WRITTEN,))
            self.reached, self.now_ms, self.dropped = connection.execute(
                "SELECT reached, now_ms, dropped FROM progress"
            ).fetchone()
            self._batches, self._lines, self._bytes = connection.execute(
                "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(length(body)), 0) FROM batches"
            ).fetchone()
            self.remembered: dict[str, Any] = {
                name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM alerts")
            }
            """What the sink wants to know of the points before: see `append`."""

    def append(
        self,
        batches: Sequence[Sequence[str]],
        *,
        apart: int = 0,
        reached: int | None = None,
        now_ms: int = 0,
        late: Iterable[tuple[int, int]] = (),
        remember: dict[str, Any] | None = None,
    ) -> None:
        """Put batches of lines in, with what has to be remembered beside them; durable when this returns.

        Within each of the first `apart` batches no two lines are of one point.
        `reached` is the `stream.sinks.result_rows.order` of the results, `late` gives (start, series) of windows with
        parts, `remember` is added to `remembered`.
        """
        pack = self._batches + len(batches) > _PACK_FROM
        put_ms = time.time_ns() // 1_000_000
        bodies = ["\n".join(lines).encode("utf-8", "replace") for lines in batches]
        rows = [
            (len(lines), put_ms, pack * _PACKED | (at < apart) * _APART, zlib.compress(body, 1) if pack else body)
            for at, (lines, body) in enumerate(zip(batches, bodies, strict=True))
        ]
        with self._lock:
            try:
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    ids = self._put(rows, reached, now_ms, late, remember or {})
                    self._connection.execute("COMMIT")
                finally:
                    sqlite.rollback(self._connection)
            except sqlite3.Error as error:
                raise sqlite.StorageError(5, f"the backlog cannot be written: {error}", str(self.path)) from error
            if not pack:
                self._fresh |= {
                    one: LineBatch(one, row[0], body, bool(row[2] & _APART))
                    for one, row, body in zip(ids, rows, bodies, strict=True)
                }
            self._batches += len(rows)
            self._lines += sum(row[0] for row in rows)
            self._bytes += sum(len(row[3]) for row in rows)
            if reached is not None:
                self.reached, self.now_ms = reached, now_ms
            self.remembered |= remember or {}
            if self._bytes > self.max_bytes:
                self._make_room()

    def _put(
        self,
        rows: list[tuple[int, int, int, bytes]],
        reached: int | None,
        now_ms: int,
        late: Iterable[tuple[int, int]],
        remember: dict[str, Any],
    ) -> list[int]:
        connection = self._connection
        insert = "INSERT INTO batches (lines, put_ms, packed, body) VALUES (?, ?, ?, ?)"
        ids = [connection.execute(insert, row).lastrowid or 0 for row in rows]
        if reached is not None:
            connection.execute("UPDATE progress SET reached = ?, now_ms = ?", (reached, now_ms))
        connection.executemany("INSERT OR IGNORE INTO late (start, series) VALUES (?, ?)", late)
        connection.executemany(
            "INSERT OR REPLACE INTO alerts (name, value) VALUES (?, ?)",
            ((name, json.dumps(value)) for name, value in remember.items()),
        )
        return ids

    def _make_room(self) -> None:
        """Drop the oldest batches. The lock is held."""
        while self._bytes > self.max_bytes and self._batches > 1:
            identifier, lines, size = self._connection.execute(
                "SELECT id, lines, length(body) FROM batches ORDER BY id LIMIT 1"
            ).fetchone()
            self._connection.execute("DELETE FROM batches WHERE id = ?", (identifier,))
            self._fresh.pop(identifier, None)
            self._connection.execute("UPDATE progress SET dropped = dropped + ?", (lines,))
            self._batches, self._lines, self._bytes = self._batches - 1, self._lines - lines, self._bytes - size
            self.dropped += lines

    def late_series(self, starts: Iterable[int]) -> list[tuple[int, int]]:
        """Return (series, start) of the windows that have parts, among those that start then."""
        with self._lock:
            found = []
            for start in starts:
                query = self._connection.execute("SELECT series FROM late WHERE start = ?", (start,))
                found += [(int(series), start) for (series,) in query]
            return found

    def oldest(self) -> LineBatch | None:
        """Return the oldest batch, None where nothing waits."""
        with self._lock:
            first = self._connection.execute("SELECT min(id) FROM batches").fetchone()[0]
            if first is None:
                return None
            if first in self._fresh:
                return self._fresh[first]
            row = self._connection.execute(
                "SELECT id, lines, packed, body FROM batches WHERE id = ?", (first,)
            ).fetchone()
        return LineBatch(row[0], row[1], zlib.decompress(row[3]) if row[2] & _PACKED else row[3], bool(row[2] & _APART))

    def remove(self, batch: LineBatch) -> None:
        """Take a batch out: InfluxDB has it. Nothing happens where it had to make room meanwhile."""
        with self._lock:
            self._fresh.pop(batch.id, None)
            self._connection.execute("PRAGMA synchronous = NORMAL")
            for lines, size in self._connection.execute(
                "DELETE FROM batches WHERE id = ? RETURNING lines, length(body)", (batch.id,)
            ).fetchall():
                self._batches, self._lines, self._bytes = self._batches - 1, self._lines - lines, self._bytes - size

    def forget_late(self, before_ms: int) -> None:
        """Forget which windows that start before a time have parts: nothing comes for them any more."""
        with self._lock:
            self._connection.execute("DELETE FROM late WHERE start < ?", (before_ms,))

    def start_over(self) -> None:
        """Forget the log's position: the results are of a new log. What waits stays."""
        with self._lock:
            self._connection.execute("UPDATE progress SET reached = ?, now_ms = 0", (NOTHING_WRITTEN,))
            self._connection.execute("DELETE FROM late")
            self.reached, self.now_ms = NOTHING_WRITTEN, 0

    def waiting(self) -> BacklogSize:
        """Return what waits."""
        with self._lock:
            row = self._connection.execute("SELECT put_ms FROM batches ORDER BY id LIMIT 1").fetchone()
            age_s = max(time.time_ns() // 1_000_000 - row[0], 0) / 1000 if row else 0.0
            return BacklogSize(self._batches, self._lines, self._bytes, age_s, self.dropped)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()
