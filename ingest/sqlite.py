"""How this project opens SQLite files that several processes share and that must survive SIGKILL and power loss."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUSY_TIMEOUT_S: Final = 30.0
"""How long a writer waits for another process's transaction before it gives up."""
_WAL_PAGES: Final = 4000
"""Write-ahead pages (16 MB) between checkpoints: fewer file syncs under load than SQLite's 1,000, still little disk."""
_WAL_BYTES: Final = 64 << 20


class StorageError(OSError):
    """A database file cannot be read or written; the text names the file."""


def connect(path: Path, *, application_id: int, version: int, schema: str) -> sqlite3.Connection:
    """Open or create a database in WAL mode, synced to the disk at every commit.

    ``application_id`` and ``version`` are stored in the file, so that a file of another kind, or of a later version,
    is refused with a `StorageError` instead of being misread. ``schema`` is run where the file is new.
    """
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        _prepare(connection, path, application_id, version, schema)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StorageError):
            raise
        raise StorageError(errno.EIO, f"cannot open the database: {error}", str(path)) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, application_id: int, version: int, schema: str) -> None:
    if _identity(connection) == (0, 0):
        with transaction(connection):  # two processes may open a new file at the same moment
            if _identity(connection) == (0, 0):
                for statement in schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={application_id}")
                connection.execute(f"PRAGMA user_version={version}")
    found, found_version = _identity(connection)
    if found != application_id:
        raise StorageError(errno.EINVAL, f"is a database of another kind ({found:#x})", str(path))
    if found_version != version:
        raise StorageError(errno.EINVAL, f"is of version {found_version}, expected {version}", str(path))


def _identity(connection: sqlite3.Connection) -> tuple[int, int]:
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    return kind, connection.execute("PRAGMA user_version").fetchone()[0]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all that the body writes, or nothing, while no other process writes."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        rollback(connection)


def is_full(error: sqlite3.Error) -> bool:
    """Tell whether an error says that there is no room on the disk."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def rollback(connection: sqlite3.Connection) -> None:
    """End a failed transaction. SQLite has ended it by itself after some errors, such as a full disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
