"""A node's log as somebody else sees it, who reads beside the node, or while it is stopped, and leaves no trace."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from ingest import sqlite
from ingest.log.log_file import APPLICATION, VERSION, read_records
from ingest.log.records import Record, RecordKind

T = TypeVar("T")
_TRIES: Final = 3


class LogView:
    """Reads the log that `SqliteLog` writes. Every question opens the file for itself, so that it holds up nobody.

    Every method raises `ingest.sqlite.StorageError` for a file that is not there, is no log, is of another version, or
    cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def span(self) -> tuple[int, int] | None:
        """Return the positions of the oldest and the newest record; None for an empty log."""
        oldest, newest = self._ask(
            lambda one: one.execute("SELECT min(position), max(position) FROM records").fetchone()
        )
        return None if oldest is None else (oldest, newest)

    def received_ms(self, position: int) -> int:
        """Return when the first record from a position on was received, epoch ms; 0 where there is none."""
        query = "SELECT received_ms FROM records WHERE position >= ? ORDER BY position LIMIT 1"
        found = self._ask(lambda one: one.execute(query, (position,)).fetchone())
        return 0 if found is None else int(found[0])

    def first_from(self, ms: int) -> int:
        """Return the position of the first record that was received at `ms` or later; behind the newest for none.

        Found by halving, as times of receipt rise but for clocks that were put back.
        """
        span = self.span()
        if span is None:
            return 1
        low, high = span[0], span[1] + 1
        while low < high:
            middle = (low + high) // 2
            if self.received_ms(middle) < ms:
                low = middle + 1
            else:
                high = middle
        return low

    def read(self, after: int, limit: int) -> list[Record]:
        """Return up to `limit` records (and about 64 MB) behind a position, in order."""
        return self._ask(lambda one: read_records(one, self.path, after, limit))

    def of_kind(self, kind: RecordKind, since_ms: int, until_ms: int) -> list[tuple[int, bytes]]:
        """Return time of receipt (epoch ms) and payload of the records of a kind that came in a span of time.

        Every record of the log is looked at, though not what it holds: it is for kinds of which there are few.
        """
        query = "SELECT received_ms, payload FROM records WHERE kind = ? AND received_ms >= ? AND received_ms < ?"
        return self._ask(lambda one: one.execute(query, (int(kind), since_ms, until_ms)).fetchall())

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        for left in reversed(range(_TRIES)):
            try:
                return self._answer(question)
            except sqlite3.Error as error:  # once more: a node that starts or stops just now changes how it is read
                if not left:
                    raise sqlite.StorageError(errno.EIO, f"cannot be read: {error}", str(self.path)) from error
        raise AssertionError("unreachable")

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if not self.path.is_file():
            raise sqlite.StorageError(errno.ENOENT, "there is no log yet", str(self.path))
        with closing(sqlite.untouched(self.path)) as connection:
            kind = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if (kind, version) != (APPLICATION, VERSION):
                raise sqlite.StorageError(
                    errno.EINVAL,
                    f"is of version {version}, expected {VERSION}; start the node once, which brings it up to date"
                    if kind == APPLICATION
                    else "is not a log",
                    str(self.path),
                )
            return question(connection)
