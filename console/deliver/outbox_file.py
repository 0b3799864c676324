"""The outbox's file, `deliver.db` in the site's folder."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ingest.files import put_aside, sync_folder
from ingest.sqlite import CHECKED_BYTES, connect, damage, is_damaged, read_only, readable, transaction

APPLICATION_ID: Final = 0x5047444C
"""``PGDL``: marks a SQLite file as an outbox of ours."""
VERSION: Final = 1
FILE: Final = "deliver.db"
STATUS: Final = "deliver.json"
"""Beside it: which channels there are, what is wrong with them, and whether the outbox had to be made anew."""
_PARTS: Final = ("", "-wal", "-shm")

SCHEMA: Final = """
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    called_ms INTEGER NOT NULL, reminded INTEGER NOT NULL, escalated INTEGER NOT NULL, round INTEGER NOT NULL,
    body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, alert TEXT NOT NULL, revision INTEGER NOT NULL, channel TEXT NOT NULL,
    address TEXT NOT NULL, persons TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
    act TEXT NOT NULL DEFAULT 'call', had TEXT NOT NULL DEFAULT '', round INTEGER NOT NULL DEFAULT 0,
    follows INTEGER NOT NULL, chain INTEGER NOT NULL, handed INTEGER NOT NULL DEFAULT 0,
    rank INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', why TEXT NOT NULL DEFAULT '',
    said TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, queued_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL,
    UNIQUE (alert, revision, channel, address, round));
CREATE INDEX messages_open ON messages (channel, rank, queued_ms) WHERE state IN ('waiting', 'failed');
CREATE INDEX messages_at ON messages (at_ms);
CREATE TABLE mutes (
    number INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL, beat TEXT NOT NULL, kind TEXT NOT NULL,
    device TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE begun (one INTEGER PRIMARY KEY CHECK (one = 1))
"""


Marks = tuple[tuple[int, int] | None, ...]
"""Which file on which disk stands under each of the names of a database."""


def open_outbox(path: Path) -> sqlite3.Connection:
    """Open the file, or make it; one that is damaged is put aside. Raises OSError where it cannot be opened."""
    connection = connect(path, application_id=APPLICATION_ID, version=VERSION, schema=SCHEMA, rescue=_rescue)
    path.chmod(0o600)
    return connection


def _marks_of(path: Path) -> Marks:
    """Return by what it shows that the files of a database are still those that were opened."""
    found: list[tuple[int, int] | None] = []
    for part in _PARTS:
        try:
            stat = path.with_name(path.name + part).stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_dev, stat.st_ino))
    return tuple(found)


def _copied(source: sqlite3.Connection, path: Path) -> bool:
    """Copy an outbox into a new file; tell whether all of it could be read. Raises `sqlite3.Error` for a bad disk."""
    for part in _PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as copy:
            path.chmod(0o600)
            source.backup(copy)
            return bool(copy.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error as error:
        if not is_damaged(error):
            raise
        return False


def _save_mutes(connection: sqlite3.Connection, old: Path) -> int:
    """Copy the mutes of a file that was put aside, as far as they can be read; return how many those are."""
    found = readable(
        old, "SELECT until_ms, beat, kind, device, by, why FROM mutes WHERE beat <> '' OR kind <> '' OR device <> ''"
    )
    known = set(connection.execute("SELECT until_ms, beat, kind, device, by, why FROM mutes").fetchall())
    new = [row for row in found or () if row not in known]
    with transaction(connection):
        connection.executemany(
            "INSERT INTO mutes (until_ms, beat, kind, device, by, why) VALUES (?, ?, ?, ?, ?, ?)", new
        )
    return len(new)


def _rescue(new: sqlite3.Connection, old: Path) -> tuple[int, str]:
    """Save mutes alone: of what is half there nobody could tell who was told, so all that is open is told again."""
    new.execute("INSERT OR IGNORE INTO begun VALUES (1)")
    return _save_mutes(new, old), "what was to be told and is not yet; alerts that are open are told again"


class OutboxFile:
    """The open file: it goes on in memory while the disk takes nothing, and is made anew where it is gone or damaged.

    Threads may share it. Raises OSError where it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._path = path
        self.anew = not path.exists() and path.with_name(STATUS).exists()
        """Whether the file was gone though somebody had delivered: what waited in it is lost."""
        self._file: sqlite3.Connection | None = None
        """The file, while the disk takes nothing and all goes on in memory."""
        self._damage = ""
        self._fresh: dict[str, int] = {}
        """What is known since the transaction began that is not over yet."""
        self._open()
        if self.anew:
            self.begin()

    def _open(self) -> None:
        self._db = open_outbox(self._path)
        self._known: dict[str, int] = dict(self._db.execute("SELECT id, revision FROM alerts").fetchall())
        self._marks = _marks_of(self._path)

    def close(self) -> None:
        """Close the file; what is in memory alone is written where the disk takes it by now."""
        self.to_disk()
        with self._lock:
            self._db.close()
            if self._file is not None:
                self._file.close()

    def trouble(self) -> str:
        """Return why the file can be used no more; nothing where it stands in its place and no damage was found."""
        with self._lock:
            now = _marks_of(self._path)
            if self._damage or now == self._marks:
                return self._damage
            return "is another file now" if now[0] and now[0] != self._marks[0] else "was removed"

    def check(self) -> None:
        """Look for damage on the disk, which what is kept in memory hides until the next start."""
        if self._path.stat().st_size > CHECKED_BYTES:
            return
        try:
            with closing(read_only(self._path)) as opened:
                found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise damage(str(found))
        except sqlite3.Error as error:
            if is_damaged(error):
                self.to_memory(error)

    def renew(self, why: str) -> bool:
        """Make the file anew; tell whether all that stood in it is kept. Who else has it open closes it before.

        Raises OSError and `sqlite3.Error` where the disk does not let us.
        """
        with self._lock:
            fresh = self._path.with_name(f"{self._path.name}.new")
            kept = _copied(self._db, fresh)
            for connection in (self._db, self._file):
                if connection is not None:
                    connection.close()
            other = put_aside(self._path, why, done=kept) if self._path.exists() else None
            for part in _PARTS:  # what was written ahead of a file that is gone must not be taken for the new one's
                self._path.with_name(self._path.name + part).unlink(missing_ok=True)
            if kept:
                fresh.replace(self._path)
                sync_folder(self._path.parent)
            fresh.unlink(missing_ok=True)
            self._file, self._damage = None, ""
            self._open()
            if kept and other is not None:
                _save_mutes(self._db, self._path.with_name(other.kept))
            elif not kept:
                self.begin()
            return kept

    def to_memory(self, error: sqlite3.Error) -> None:
        """Go on in memory, with all that the file has as far as it can be read: the disk takes nothing any more.

        Not where the error says that the file is damaged: it has to be made anew, see `trouble`.
        """
        with self._lock:
            if self._file is not None:
                return
            if is_damaged(error):
                self._damage = f"is damaged: {error}"
                return
            memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            try:
                self._db.backup(memory)
            except sqlite3.Error:  # then at least what comes from now on
                memory.close()
                memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                for statement in SCHEMA.split(";"):
                    memory.execute(statement)
            self._file, self._db = self._db, memory

    def to_disk(self) -> bool:
        """Write back what was kept in memory; tell whether the file is in use again."""
        with self._lock:
            if self._file is None:
                return True
            try:
                self._db.backup(self._file)
            except sqlite3.Error:
                return False
            self._db.close()
            self._db, self._file = self._file, None
            return True

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all that the body does, or nothing, with one wait for the disk. Other threads wait for its end."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                with transaction(self._db):
                    yield
                self._known |= self._fresh
            finally:
                self._fresh = {}

    @property
    def new(self) -> bool:
        """Whether the alerts that were there before it have not all been taken yet; see `begin`."""
        with self._lock:
            return self._db.execute("SELECT one FROM begun").fetchone() is None

    def begin(self) -> None:
        """Note that everything which was there before has been taken: from now on what is new to it is told."""
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO begun VALUES (1)")

    def knows(self, alert: str, revision: int) -> bool:
        """Tell whether a revision of an alert, or a later one, was taken."""
        return max(self._known.get(alert, -1), self._fresh.get(alert, -1)) >= revision
