"""How this project opens SQLite files that several processes share and that must survive SIGKILL and power loss.

A file that cannot be used (damaged, of another kind or version, with the wrong rights, a folder in its place) is put
aside under a name with the date, and a new one takes its place: `connect` does so where it is given a `rescue`, which
copies what can still be read. What the disk does not let us do (a full or a read-only disk, a lock that somebody
holds) is no damage: the error is raised, and goes away by itself.
"""

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ingest.files import PutAside, all_put_aside, note_put_aside, put_aside

_LOG: Final = logging.getLogger(__name__)

BUSY_TIMEOUT_S: Final = 30.0
"""How long a writer waits for another process's transaction before it gives up."""
_READ_WAIT_S: Final = 5.0
_WAL_PAGES: Final = 4000
"""Write-ahead pages (16 MB) between checkpoints: fewer file syncs under load than SQLite's 1,000, still little disk."""
_WAL_BYTES: Final = 64 << 20
CHECKED_BYTES: Final = 32 << 20
"""A database is checked as a whole at every start up to this size."""


class StorageError(OSError):
    """A database file cannot be read or written; the text names the file."""


class UnusableError(StorageError):
    """The file itself is why: it is damaged, of another kind or version, or may not be opened."""


Rescue = Callable[[sqlite3.Connection, Path], tuple[int, str]]
"""Copies what can be read of a database that was put aside into its new, empty successor; returns how many entries
that were, and what is lost."""


def connect(
    path: Path, *, application_id: int, version: int, schema: str, rescue: Rescue | None = None
) -> sqlite3.Connection:
    """Open or create a database in WAL mode, synced to the disk at every commit.

    ``application_id`` and ``version`` are stored in the file, so that a file of another kind, or of a later version,
    is recognised instead of being misread. ``schema`` is run where the file is new.

    A file that cannot be used is put aside where there is a `rescue`, and `UnusableError` is raised where there is
    none. `StorageError` says that the disk is at fault.
    """

    def prepare(connection: sqlite3.Connection) -> None:
        _make(connection, application_id, version, schema)
        _check_identity(connection, path, application_id, version)
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")

    def made() -> sqlite3.Connection:
        try:
            return opened(path, prepare, wait_s=BUSY_TIMEOUT_S, whole=rescue is not None)
        except StorageError:
            raise
        except (sqlite3.Error, OSError) as error:
            kind = UnusableError if isinstance(error, sqlite3.Error) and is_damaged(error) else StorageError
            raise kind(errno.EIO, f"cannot open the database: {error}", str(path)) from error

    try:
        connection = made()
    except UnusableError as error:
        if rescue is None:
            raise
        put_aside(path, error.strerror or str(error), done=False)
        connection = made()
    if rescue is not None:
        for one in all_put_aside(path.parent):
            if one.file == path.name and not one.done:  # also after a crash in the middle of it
                _save(connection, path, one, rescue)
    return connection


def _save(connection: sqlite3.Connection, path: Path, one: PutAside, rescue: Rescue) -> None:
    try:
        saved, lost = rescue(connection, path.with_name(one.kept))
    except (sqlite3.Error, OSError, ValueError) as error:
        rollback(connection)
        saved, lost = 0, f"nothing could be saved: {error}"
    note_put_aside(path.parent, msgspec.structs.replace(one, saved=saved, lost=lost, done=True))
    _LOG.warning("%s: a new one has begun, with %d entries saved%s", path, saved, f"; {lost}" if lost else "")


def opened(
    path: Path, prepare: Callable[[sqlite3.Connection], None], *, wait_s: float, whole: bool
) -> sqlite3.Connection:
    """Open a file, or make it, for a writer that waits `wait_s` seconds for others; `prepare` looks at it first.

    With `whole` a small file is checked as a whole. Raises `UnusableError` for a file that is damaged or none, OSError
    and sqlite3.Error where the disk does not let us, and what `prepare` raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_usable(path)
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        _look_closely(connection)
        if whole:
            _check_small(connection, path)
        prepare(connection)  # before anything is changed: it may be somebody else's
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def _look_closely(connection: sqlite3.Connection) -> None:
    """Let SQLite check every page when it is read, instead of taking junk in it for rows."""
    connection.execute("PRAGMA cell_size_check=ON")


def _check_small(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `UnusableError` where a file that is soon read is damaged anywhere.

    A larger one would hold up the start; `patrolgrid doctor` checks it, and damage is found when it is come upon.
    """
    if path.stat().st_size > CHECKED_BYTES:
        return
    try:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        found = [str(error)] if is_damaged(error) else ["ok"]
    if found != ["ok"]:
        raise UnusableError(errno.EIO, f"is damaged: {found[0].splitlines()[-1]}", str(path))


def _check_usable(path: Path) -> None:
    """Raise `UnusableError` where something other than a file that we may read and write stands in a database's place.

    What SQLite puts beside a database is made anew where it is a folder.
    """
    for part in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + part)
        if beside.exists() and not beside.is_file():
            if part:
                put_aside(beside, "is no file")
            else:
                raise UnusableError(errno.EISDIR, "is no file", str(path))
    wal = path.with_name(f"{path.name}-wal")
    if path.exists() and not path.stat().st_size and wal.exists() and wal.stat().st_size:
        # SQLite would delete what is written ahead.
        raise UnusableError(errno.EINVAL, "is empty, though more was written", str(path))
    if path.exists() and not os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK):
        raise UnusableError(errno.EACCES, "may not be read and written: is it another user's?", str(path))


def _make(connection: sqlite3.Connection, application_id: int, version: int, schema: str) -> None:
    if _is_new(connection):
        with transaction(connection):  # two processes may open a new file at the same moment
            if _is_new(connection):
                for statement in schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={application_id}")
                connection.execute(f"PRAGMA user_version={version}")


def _check_identity(connection: sqlite3.Connection, path: Path, application_id: int, version: int) -> None:
    found, found_version = _identity(connection)
    if found != application_id:
        raise UnusableError(errno.EINVAL, f"is a database of another kind ({found:#x})", str(path))
    if found_version != version:
        raise UnusableError(errno.EINVAL, f"is of version {found_version}, expected {version}", str(path))


def _is_new(connection: sqlite3.Connection) -> bool:
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return empty and _identity(connection) == (0, 0)


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


_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_UNREADABLE: Final = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
"""A sector of the disk that cannot be read."""


def is_damaged(error: sqlite3.Error) -> bool:
    """Tell whether an error says that the file is damaged, and will stay so.

    A database without its tables, or with tables of another shape, is one: part of its first page is gone.
    """
    code = getattr(error, "sqlite_errorcode", 0) or 0
    if code & 0xFF in _DAMAGE or code in _UNREADABLE:
        return True
    return code == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column", "table "))


def damage(why: str) -> sqlite3.DatabaseError:
    """Return an error as SQLite raises it for a damaged file: for damage that only the values show."""
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def read_only(path: Path, options: str = "") -> sqlite3.Connection:
    """Open a database that others may be writing, for reading alone. Raises sqlite3.Error.

    One thread at a time may use it, not always the same. `options` are more of SQLite's own, as they stand in its URI.
    """
    address = f"file:{quote(str(path.resolve()))}?mode=ro{options}"
    connection = sqlite3.connect(address, uri=True, timeout=_READ_WAIT_S, isolation_level=None, check_same_thread=False)
    _look_closely(connection)
    return connection


def untouched(path: Path) -> sqlite3.Connection:
    """Open a database for reading, and leave nothing beside it, not even where nobody else has it open.

    For a look that is soon over: what is written by somebody who opens the file meanwhile may not be seen.
    Raises sqlite3.Error.
    """
    alone = not path.with_name(f"{path.name}-wal").exists()
    return read_only(path, "&immutable=1" if alone else "")


def readable(path: Path, query: str) -> list[Any] | None:
    """Return the rows of a database that was put aside, without changing it; None where it cannot be read.

    What stands in its write-ahead file is not looked at.
    """
    try:
        with closing(read_only(path, "&immutable=1")) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return None


def rollback(connection: sqlite3.Connection) -> None:
    """End a failed transaction. SQLite has ended it by itself after some errors, such as a full disk."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
