"""The journal of a places file: who has changed what, and when, in a database beside it.

An entry has what became of each feature, and the versions of the file before and after. The journal also holds the
content that the file had after the newest of them, so that what was done by hand since shows.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.files import replace_file, unpacked
from ingest.places.patches import Key, Patch
from ingest.places.site_places import PlacesError
from ingest.sqlite import StorageError, connect, readable, transaction, untouched

BY_HAND: Final = "by-hand"
"""What was done to the file itself, by nobody knows whom."""
UNDO: Final = "undo"
_APPLICATION: Final = 0x50475043  # "PGPC"
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL,
    about TEXT NOT NULL, undoes INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, done INTEGER NOT NULL,
    keys TEXT NOT NULL, patches BLOB NOT NULL);
CREATE INDEX changes_after ON changes (after);
CREATE TABLE known (one INTEGER PRIMARY KEY CHECK (one = 1), content BLOB NOT NULL)
"""
_ENTRIES: Final = "SELECT number, at_ms, by, what, about, undoes, before, after, keys, patches FROM changes WHERE done"
_SAVED: Final = """INSERT INTO changes (number, at_ms, by, what, about, undoes, before, after, keys, patches, done)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"""
_NEW: Final = """INSERT INTO changes (at_ms, by, what, about, undoes, before, after, keys, patches, done)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_MOST_CHANGES: Final = 10_000
"""Entries that are kept; the oldest go."""
_MOST_BYTES: Final = 256 << 20
"""Of a file, and of the patches of one change, unpacked."""


class PlacesChange(msgspec.Struct, frozen=True):
    """An entry of the journal."""

    number: int
    at_ms: int
    """When, by the machine's clock (epoch ms)."""
    by: str
    """A person's id, or ``cli:USER``; empty where nobody knows."""
    what: str
    """In a word: ``device-add``, ``device-move``, ``import``, ``edit``, `BY_HAND`, `UNDO` …"""
    about: dict[str, Any]
    """More of it, as whoever changed it gave it."""
    undoes: int
    """The number of the entry that this takes back; 0 for none."""
    before: str
    """The version of the file before."""
    after: str
    """… and after."""
    keys: list[Key]
    """Kind and id (or name) of each feature that is now otherwise, was added or taken out."""
    patches: list[Patch]
    """What became of them; empty in a list."""


class NoChangeError(PlacesError):
    """There is no change of a number in the journal."""


class PlacesJournal:
    """The journal, open for whoever holds the lock of the places file; see `open_journal`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def settle(self, version: str, content: bytes) -> bytes:
        """Bring the journal to what the file is after a crash; return what the file held when it was changed last.

        That is its content now where it was never changed.
        """
        with transaction(self._connection):
            query = "SELECT number, after FROM changes WHERE done = 0 ORDER BY number DESC LIMIT 1"
            last = self._connection.execute(query).fetchone()
            if last is not None and last[1] == version:  # killed between file and journal
                self._end(last[0], content)
            self._connection.execute("DELETE FROM changes WHERE done = 0")
            row = self._connection.execute("SELECT content FROM known").fetchone()
            if row is None:
                self._keep(content)
        return content if row is None else unpacked(row[0], _MOST_BYTES)

    def note(self, one: PlacesChange) -> int:
        """Write an entry that is not done yet, and return its number; that of `one` is not looked at."""
        packed = zlib.compress(msgspec.json.encode(one.patches), 6)
        said = (one.at_ms, one.by, one.what, _text(one.about), one.undoes, one.before, one.after)
        with transaction(self._connection):
            number = self._connection.execute(_NEW, (*said, _text(one.keys), packed, False)).lastrowid or 0
            self._connection.execute("DELETE FROM changes WHERE number <= ?", (number - _MOST_CHANGES,))
        return number

    def done(self, number: int, content: bytes) -> None:
        """Say that the file holds what an entry says."""
        with transaction(self._connection):
            self._end(number, content)

    def change(self, number: int) -> PlacesChange:
        """Return an entry. Raises `NoChangeError`."""
        row = self._connection.execute(f"{_ENTRIES} AND number = ? ORDER BY number", (number,)).fetchone()
        if row is None:
            raise NoChangeError(f"there is no change {number} in the journal of the places file")
        return _entry(row, whole=True)

    def since(self, version: str) -> dict[Key, tuple[str, int]] | None:
        """Return who changed which features since a version of the file, and when; None where nobody knows it."""
        query = """SELECT max(number) FROM
        (SELECT number FROM changes WHERE after = ?1 UNION SELECT number - 1 FROM changes WHERE before = ?1)"""
        first = self._connection.execute(query, (version,)).fetchone()[0]
        found: dict[Key, tuple[str, int]] = {}
        query = "SELECT keys, by, at_ms FROM changes WHERE number > ? ORDER BY number"
        for keys, by, at_ms in self._connection.execute(query, (first or 0,)):
            found |= dict.fromkeys(_keys(keys), (by, at_ms))
        return None if first is None else found

    def _end(self, number: int, content: bytes) -> None:
        self._connection.execute("UPDATE changes SET done = 1 WHERE number = ?", (number,))
        self._keep(content)

    def _keep(self, content: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO known VALUES (1, ?)", (zlib.compress(content, 6),))


@contextmanager
def open_journal(path: Path) -> Iterator[PlacesJournal]:
    """Open the journal of a places file, or make it; one that is damaged is put aside. Raises OSError."""
    journal = journal_of(path)
    try:
        if not journal.exists():  # whose the folder is, that one's is the file, also where root makes it
            replace_file(journal, b"", mode=0o640, create_only=True)
        connection = connect(journal, application_id=_APPLICATION, version=_VERSION, schema=_SCHEMA, rescue=_rescue)
        with closing(connection):
            yield PlacesJournal(connection)
    except sqlite3.Error as error:
        raise StorageError(f"{journal}: {error}") from error


def newest(path: Path, limit: int, before: int = 1 << 62) -> list[PlacesChange]:
    """Return the newest entries, newest first, without what each did to features. Raises OSError."""
    journal = journal_of(path)
    if not journal.exists():
        return []
    try:
        with closing(untouched(journal)) as connection:
            rows = connection.execute(f"{_ENTRIES} AND number < ? ORDER BY number DESC LIMIT ?", (before, limit))
            return [_entry(row, whole=False) for row in rows]
    except sqlite3.Error as error:
        raise StorageError(f"{journal}: {error}") from error


def journal_of(path: Path) -> Path:
    """Return where the journal of a places file is."""
    return path.with_name(f"{path.stem}.changes.db")


def version_of(content: bytes) -> str:
    """Return what tells the content of a file from others; empty for none."""
    return sha256(content).hexdigest()[:16] if content else ""


def changed_by(path: Path, content: bytes) -> tuple[str, int]:
    """Return who gave the places file this content, and when; ("", 0) where nobody knows, or no journal can be read."""
    query = "SELECT by, at_ms FROM changes WHERE after = ? ORDER BY number DESC LIMIT 1"
    if not journal_of(path).exists():
        return "", 0
    try:
        with closing(untouched(journal_of(path))) as journal:
            row = journal.execute(query, (version_of(content),)).fetchone()
    except (sqlite3.Error, OSError):
        return "", 0
    return (str(row[0]), int(row[1])) if row else ("", 0)


def _entry(row: tuple[Any, ...], *, whole: bool) -> PlacesChange:
    number, at_ms, by, what, about, undoes, before, after, keys, packed = row
    patches = msgspec.json.decode(unpacked(packed, _MOST_BYTES), type=list[Patch]) if whole else []
    about = msgspec.json.decode(about)
    return PlacesChange(number, at_ms, by, what, about, undoes, before, after, _keys(keys), patches)


def _keys(text: str) -> list[Key]:
    return msgspec.json.decode(text, type=list[Key])


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _rescue(connection: sqlite3.Connection, kept: Path) -> tuple[int, str]:
    """Copy what can be read of a journal that was put aside."""
    rows = readable(kept, f"{_ENTRIES} ORDER BY number") or []
    with transaction(connection):
        for row in rows:
            connection.execute(_SAVED, row)
    return len(rows), "" if rows else "no change could be read"
