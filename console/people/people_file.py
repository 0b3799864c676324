"""The database of a site's people: who they are, what they hold, and what they did, in one file.

It is never put aside by itself where it is damaged: a site that had accounts yesterday must not open itself to
everybody because of a bad sector. The board then does not start, and says so; a backup takes the file's place.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ingest import sqlite

NAME: Final = "people.db"
APPLICATION: Final = 0x5047504C  # "PGPL"
VERSION: Final = 1
"""Raised where a program that knows only the version before would misread the file; a table more it does not see."""
_SCHEMA: Final = """
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    what TEXT NOT NULL,
    about TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE TABLE people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, language TEXT NOT NULL, officer TEXT NOT NULL,
    addresses TEXT NOT NULL, active INTEGER NOT NULL, password TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE links (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, purpose TEXT NOT NULL, about TEXT NOT NULL,
    made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL, revoked_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY, person TEXT NOT NULL, link TEXT NOT NULL,
    begun_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE attempts (at_ms INTEGER NOT NULL, person TEXT NOT NULL, place TEXT NOT NULL)
"""
_TOKENS: Final = """
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    made_ms INTEGER NOT NULL, ends_ms INTEGER NOT NULL, used_ms INTEGER, revoked_ms INTEGER
) WITHOUT ROWID
"""
"""A file of version 0.2 gets it when it is opened."""
_WAIT_S: Final = 5.0
"""How long to wait for another process's transaction: nobody holds one for longer than a few milliseconds."""


class PeopleFile:
    """The file, open; several threads and processes may use it at once.

    Parameters
    ----------
    site_dir
        The site's folder. The file is made in it where there is none, for its owner's eyes only.

    Raises
    ------
    ingest.sqlite.StorageError
        Where the file cannot be opened or is damaged; by every method, where it cannot be read or written.
    """

    def __init__(self, site_dir: Path) -> None:
        self.path = site_dir / NAME
        site_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))
        if self.path.is_file() and self.path.stat().st_mode & 0o077:
            self.path.chmod(0o600)  # before what SQLite puts beside it, which gets the same rights
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite.connect(self.path, application_id=APPLICATION, version=VERSION, schema=_SCHEMA)
        # What somebody has put in that is no text must not hide the entries beside it.
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        self._connection.execute(f"PRAGMA busy_timeout={round(_WAIT_S * 1000)}")
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'tokens'"):
            with self.change() as connection:
                connection.execute(_TOKENS)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Write all that the body writes, or nothing. Inside another `change` it is part of that one."""
        with self._lock, self._named():
            self._depth += 1
            try:
                if self._depth > 1:
                    yield self._connection
                else:
                    with sqlite.transaction(self._connection):
                        yield self._connection
            finally:
                self._depth -= 1

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return the rows that a query finds."""
        with self._lock, self._named():
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:  # the latter: a number that somebody has put in
            raise sqlite.StorageError(f"{self.path}: {error}") from error


def has_file(site_dir: Path) -> bool:
    """Tell whether a site has, or had, accounts."""
    return (site_dir / NAME).exists()
