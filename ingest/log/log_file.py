"""The log's file on SQLite: its tables, files of earlier versions, and what can be saved of a damaged one."""

import errno
import logging
import sqlite3
import zlib
from pathlib import Path
from struct import pack
from typing import Final

from ingest import salvage, sqlite
from ingest.log.records import Record, RecordKind

_LOG: Final = logging.getLogger(__name__)
APPLICATION: Final = 0x50474C47  # "PGLG"
VERSION: Final = 3
_UNCHECKED_VERSION: Final = 2
"""Its records have no check sum of their own."""
_FIRST_VERSION: Final = 1
"""Of 0.1, whose records nothing can read any more; the tables are the same."""
SCHEMA: Final = """
CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    shard INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    sum INTEGER
);
CREATE TABLE consumers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID
"""
_READ_BYTES: Final = 64 << 20
"""`read_records` stops after this many payload bytes, so that a long backlog does not fill the memory."""
KINDS: Final = frozenset(map(int, RecordKind))
_RECEIVED: Final = range(1 << 43)
"""Times of receipt that are believed of a record without a check sum: up to the year 2248."""


def check_sum(kind: int, shard: int, received_ms: int, payload: bytes) -> int:
    """Return the check sum over all that is written of a record."""
    return zlib.crc32(payload, zlib.crc32(pack("<qqq", kind, shard, received_ms)))


def read_records(
    connection: sqlite3.Connection, path: Path, after: int, limit: int, shard: int | None = None
) -> list[Record]:
    """Return up to `limit` records (and about 64 MB) with a position greater than `after`, in order.

    One whose bytes are not those that were written gets the time of receipt of its neighbour.
    """
    where = "position > ?" if shard is None else "position > ? AND shard = ?"
    values = (after, limit) if shard is None else (after, shard, limit)
    records, size = list[Record](), 0
    rows = connection.execute(
        f"SELECT kind, received_ms, payload, shard, position, sum FROM records WHERE {where} ORDER BY position LIMIT ?",
        values,
    )
    try:
        for kind, received_ms, payload, of_shard, position, check in rows:
            if kind in KINDS and (check is None or check == check_sum(kind, of_shard, received_ms, payload)):
                record = Record(RecordKind(kind), received_ms, payload, of_shard, position)
            else:
                record = _changed(connection, path, payload, records[-1] if records else None, position)
            records.append(record)
            size += len(payload)
            if size >= _READ_BYTES:
                break
    finally:
        rows.close()
    return records


def _changed(
    connection: sqlite3.Connection, path: Path, payload: bytes, before: Record | None, position: int
) -> Record:
    """Return a record whose bytes are not those that were written; the pipeline looks whether its payload is."""
    _LOG.error("%s: the record at position %d has changed on the disk", path, position)
    if before is not None:
        received_ms = before.received_ms
    else:
        query = "SELECT received_ms FROM records WHERE position < ? ORDER BY position DESC LIMIT 1"
        row = connection.execute(query, (position,)).fetchone()
        received_ms = 0 if row is None else row[0]
    return Record(RecordKind.OBSERVATIONS, received_ms, payload, 0, position)


def raise_to(connection: sqlite3.Connection, position: int) -> None:
    """Let the next position be above this one."""
    changed = connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'records'", (position,)).rowcount
    if not changed:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('records', ?)", (position,))


def rescue(connection: sqlite3.Connection, kept: Path) -> tuple[int, str]:
    """Copy the records that stand whole in the pages of a log that was put aside, and how far consumers were."""
    with sqlite.transaction(connection):
        saved, highest, changed = 0, 0, 0
        for position, values in salvage.rows(kept, 5, 6):
            _, shard, kind, received_ms, payload, *rest = values
            if not (
                position > 0
                and isinstance(shard, int)
                and isinstance(kind, int)
                and isinstance(received_ms, int)
                and isinstance(payload, bytes)
                and kind in KINDS
                and received_ms in _RECEIVED
            ):
                continue
            check = rest[0] if rest else None
            if check is not None and check != check_sum(kind, shard, received_ms, payload):
                changed += 1
                continue
            statement = "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?)"
            saved += connection.execute(statement, (position, shard, kind, received_ms, payload, check)).rowcount
            highest = max(highest, position)
        for _, (name, seq) in salvage.rows(kept, 2):
            if name == "records" and isinstance(seq, int) and seq < 1 << 53:
                highest = max(highest, seq)
        if highest > (connection.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0] or 0):
            raise_to(connection, highest)
        connection.executemany("INSERT OR IGNORE INTO consumers VALUES (?, ?)", _consumers(kept, highest))
    lost = highest - saved
    return saved, f"of positions up to {highest}, {lost} are lost or had been dropped before" if lost or changed else ""


def _consumers(kept: Path, highest: int) -> list[tuple[str, int]]:
    """Return how far the consumers of a log were that was put aside; nothing where that cannot be read."""
    found = sqlite.readable(kept, "SELECT name, position FROM consumers") or []
    return [(name, position) for name, position in found if isinstance(position, int) and position <= highest]


def upgrade(path: Path) -> None:
    """Take over a log of an earlier version.

    Of one of 0.1, drop what every consumer has, for its results are in the store, and go on behind it. Records that
    nobody has had stay. They are refused one by one when they are read, so that the quarantine has them.
    """
    for version in (_FIRST_VERSION, _UNCHECKED_VERSION):
        if not path.is_file() or not path.stat().st_size:
            return
        try:
            old = sqlite.connect(path, application_id=APPLICATION, version=version, schema="")
        except sqlite.StorageError:
            continue  # of another version, or refused by name when it is opened
        try:
            dropped = _upgraded(old, version)
        except sqlite3.Error as error:
            if not sqlite.is_damaged(error):
                raise sqlite.StorageError(errno.EIO, f"cannot be brought up to date: {error}", str(path)) from error
            return
        finally:
            old.close()
        if dropped:
            _LOG.warning(
                "%s is of version 0.1: %d records whose results are in the store were dropped; "
                "`patrolgrid train --from-store` brings back what the models knew", path, dropped,
            )  # fmt: skip


def _upgraded(old: sqlite3.Connection, version: int) -> int:
    dropped = 0
    with sqlite.transaction(old):
        if version == _FIRST_VERSION:
            had = "(SELECT min(position) FROM consumers)"
            dropped = old.execute(f"DELETE FROM records WHERE position <= {had}").rowcount
        elif not old.execute("SELECT 1 FROM pragma_table_info('records') WHERE name = 'sum'").fetchone():
            old.execute("ALTER TABLE records ADD COLUMN sum INTEGER")
        old.execute(f"PRAGMA user_version={version + 1}")
    return dropped
