"""The one way by which the places file is changed: checked as a whole, under a lock, with who and when in a journal.

The journal is a database beside the file, ``NAME.changes.db``. An entry has what became of each feature, so that any of
them can be undone, also another person's and also after a restart. Order of a change, for a crash at any point:

1. The lock is taken, and the file read. What was done to it by hand since becomes an entry of its own.
2. The new content is checked as a node checks it; where it is wrong, nothing is written.
3. The entry is written, not yet ``done``.
4. The file is replaced. A running node sees it, and finds in the journal who that was, for the log.
5. The entry is ``done``. One that is not, is so when the file is what it says, and else is deleted.
"""

import errno
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.clock import wall_ms
from ingest.files import locked, replace_file, unpacked
from ingest.places.importing import dump
from ingest.places.patches import Document, Key, OtherFeature, Patch, PlacesConflictError, differing, patched
from ingest.places.place_findings import PlaceFinding, find_all
from ingest.places.site_places import Places, PlacesError, decoded
from ingest.sqlite import StorageError, connect, readable, transaction, untouched

BY_HAND: Final = "by-hand"
"""What was done to the file itself, by nobody knows whom."""
UNDO: Final = "undo"
EMPTY: Final = b'{"type":"FeatureCollection","features":[]}\n'
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
_MOST_CHANGES: Final = 10_000
"""Entries that are kept; the oldest go."""
_LAST: Final = 500
"""Changes that are looked through for who has changed something last."""
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


class Read(msgspec.Struct, frozen=True):
    """A places file as it is, or as it would be."""

    version: str
    """What tells this content from others: 16 hexadecimal digits; empty where there is no file yet."""
    content: bytes
    document: Document
    places: Places
    """As far as they can be read."""
    findings: list[PlaceFinding]
    """All that is wrong with it, or odd."""

    @property
    def wrong(self) -> list[str]:
        """What is wrong: with this no node would work."""
        return [one.error for one in self.findings if not one.code]


Edit = Callable[[Document], Document]
"""Takes the document of the file, a copy of its own, and returns what it is to be. May raise `PlacesError`."""


class NoChangeError(PlacesError):
    """There is no change of a number in the journal."""


class PlacesBook:
    """A places file and the journal of its changes; several threads and processes may use it at once.

    Parameters
    ----------
    path
        The file. It need not be there yet.
    check
        Raises `PlacesError` for places that can be read and still cannot be worked with: `deploy.wiring.check_places`.

    Raises
    ------
    PlacesError
        By every method that reads the file, where that is no JSON of places.
    OSError
        Where file or journal cannot be read or written; nothing is changed then.
    """

    def __init__(self, path: Path, check: Callable[[Places], None] = lambda _: None) -> None:
        self.path, self.journal = path, journal_of(path)
        self._check = check

    def read(self) -> Read:
        """Return the file as it is, also where something is wrong in it."""
        return self._read(self._content())

    def tried(self, edit: Edit) -> tuple[Read, list[Patch]]:
        """Return what the file would be after an edit, and what would differ. Nothing is written.

        Raises `PlacesConflictError` where `edit` does, with who has changed the same last.
        """
        now = self.read()
        then = self._read(dump(self._edited(edit, now)))
        return then, differing(now.document, then.document)

    def change(
        self, edit: Edit, by: str, what: str, *, base: str = "", undoes: int = 0, **about: object
    ) -> PlacesChange | None:
        """Change the file, and return the entry; None where it stays as it is.

        Parameters
        ----------
        by
            A person's id, or ``cli:USER``.
        what
            A word for it, see `PlacesChange`.
        base
            The version that was looked at when the edit was made up. Where the same features have been changed since,
            `PlacesConflictError` is raised; without it they are only overwritten where `edit` does so.
        about
            What the list of changes is to say of it; no secrets.

        Raises
        ------
        PlacesConflictError
            Somebody else has changed the same.
        PlacesError
            The file would be wrong, or is wrong already.
        """
        with locked(self.path), self._opened() as journal:
            now = self._known(journal)
            document = self._edited(edit, now)
            patches = differing(now.document, document)
            if not patches:
                return None
            self._look_for_others(journal, base, now, patches)
            then = self._read(dump(document))
            if then.wrong:
                raise PlacesError(then.wrong[0])
            number = _note(journal, (wall_ms(), by, what, about, undoes), now.version, then.version, patches)
            mode = self.path.stat().st_mode & 0o777 if now.version else 0o640
            replace_file(self.path, then.content, mode=mode)
            with transaction(journal):
                journal.execute("UPDATE changes SET done = 1 WHERE number = ?", (number,))
                _keep(journal, then.content)
            return _change(journal, number)

    def undo(self, number: int, by: str) -> PlacesChange:
        """Take a change back, whoever made it, with what has been changed since left as it is.

        Raises `PlacesConflictError` where the same was changed since, `PlacesError` where there is no such change,
        where it has been taken back, and where the file would be wrong without it.
        """
        with self._opened() as journal:
            wanted = _change(journal, number)
        back = [one.undone() for one in reversed(wanted.patches)]
        done = self.change(lambda document: patched(document, back), by, UNDO, undoes=number, what_was=wanted.what)
        if done is None:
            raise PlacesError(f"change {number} has been taken back already")
        return done

    def changes(self, *, limit: int = 100, before: int = 1 << 62) -> list[PlacesChange]:
        """Return the newest changes, newest first, below a number where given; what each did to features is left out.

        What was done by hand since the last change is among them.
        """
        with suppress(OSError), locked(self.path), self._opened() as journal:  # where nobody may write, nobody does
            self._known(journal)
        return self._newest(limit, before)

    def one(self, number: int) -> PlacesChange:
        """Return a change with what it did to each feature. Raises `PlacesError` where there is none of that number."""
        with self._opened() as journal:
            return _change(journal, number)

    def unwritable(self) -> str:
        """Return why the file cannot be changed; empty where it can."""
        folder = self.path.parent
        if self.path.exists() and not os.access(self.path, os.W_OK):
            return f"{self.path}: {os.strerror(errno.EACCES)}"
        if not os.access(folder, os.W_OK):  # it is replaced, not written over, so that no reader sees half of it
            return f"{folder}: {os.strerror(errno.EACCES)}"
        return ""

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""

    def _read(self, content: bytes) -> Read:
        document: Any = decoded(content or EMPTY, str(self.path))
        places, findings = find_all(content or EMPTY, str(self.path), self._check if content else lambda _: None)
        if places is None:
            raise PlacesError(findings[0].error)
        return Read(version_of(content), content, document, places, findings)

    def _newest(self, limit: int, before: int = 1 << 62) -> list[PlacesChange]:
        if not self.journal.exists():
            return []
        try:
            with closing(untouched(self.journal)) as journal:
                rows = journal.execute(f"{_ENTRIES} AND number < ? ORDER BY number DESC LIMIT ?", (before, limit))
                return [_entry(row, whole=False) for row in rows]
        except sqlite3.Error as error:
            raise StorageError(f"{self.journal}: {error}") from error

    def _edited(self, edit: Edit, now: Read) -> Document:
        try:
            return edit(_copy(now.document))
        except PlacesConflictError as error:
            last: dict[Key, tuple[str, int]] = {}
            for one in self._newest(_LAST):
                last = dict.fromkeys(one.keys, (one.by, one.at_ms)) | last
            differs = [
                one._replace(by=by, at_ms=at) for one in error.differs for by, at in [last.get(one.key, ("", 0))]
            ]
            raise PlacesConflictError(differs, now.version) from error

    def _known(self, journal: sqlite3.Connection) -> Read:
        """Return the file as it is, which the journal then knows."""
        now = self.read()
        with transaction(journal):
            last = journal.execute(
                "SELECT number, after FROM changes WHERE done = 0 ORDER BY number DESC LIMIT 1"
            ).fetchone()
            if last is not None and last[1] == now.version:  # killed between file and journal
                journal.execute("UPDATE changes SET done = 1 WHERE number = ?", last[:1])
                _keep(journal, now.content)
            journal.execute("DELETE FROM changes WHERE done = 0")
            row = journal.execute("SELECT content FROM known").fetchone()
        before = now.content if row is None else unpacked(row[0], _MOST_BYTES)
        if before != now.content:
            patches = differing(decoded(before or EMPTY, "known"), now.document)  # type: ignore[arg-type]
            at_ms = self.path.stat().st_mtime_ns // 1_000_000 if now.version else wall_ms()
            _note(journal, (at_ms, "", BY_HAND, {}, 0), version_of(before), now.version, patches, done=True)
        if row is None or before != now.content:
            with transaction(journal):
                _keep(journal, now.content)
        return now

    def _look_for_others(self, journal: sqlite3.Connection, base: str, now: Read, patches: list[Patch]) -> None:
        """Raise `PlacesConflictError` where features that are to be changed were changed since a version."""
        if base in {"", now.version}:
            return
        row = journal.execute("SELECT max(number) FROM changes WHERE after = ?", (base,)).fetchone()
        first = journal.execute("SELECT min(number) - 1 FROM changes WHERE before = ?", (base,)).fetchone()
        since = row[0] if row[0] is not None else first[0]
        others: dict[Key, tuple[str, int]] = {}
        for keys, by, at_ms in journal.execute(
            "SELECT keys, by, at_ms FROM changes WHERE number > ? ORDER BY number", (since or 0,)
        ):
            others |= dict.fromkeys(map(tuple, msgspec.json.decode(keys)), (by, at_ms))
        differs = [
            OtherFeature(one.key, one.before, one.after, *others.get(one.key, ("", 0)))
            for one in patches
            if since is None or one.keys & others.keys()
        ]
        if differs:
            raise PlacesConflictError(differs, now.version)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self.journal.exists():  # whose the folder is, that one's is the file, also where root makes it
                replace_file(self.journal, b"", mode=0o640, create_only=True)
            journal = connect(
                self.journal, application_id=_APPLICATION, version=_VERSION, schema=_SCHEMA, rescue=_rescue
            )
            with closing(journal):
                yield journal
        except sqlite3.Error as error:
            raise StorageError(f"{self.journal}: {error}") from error


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


def _note(
    journal: sqlite3.Connection,
    said: tuple[int, str, str, dict[str, Any], int],
    before: str,
    after: str,
    patches: list[Patch],
    *,
    done: bool = False,
) -> int:
    """Write an entry and return its number; `said` has its time, who, what, more of it, and what it undoes."""
    at_ms, by, what, about, undoes = said
    keys = list(dict.fromkeys(key for one in patches for key in sorted(one.keys)))
    packed = zlib.compress(msgspec.json.encode(patches), 6)
    row = (at_ms, by, what, _text(about), undoes, before, after, done, _text(keys), packed)
    with transaction(journal):
        number = journal.execute(
            "INSERT INTO changes (at_ms, by, what, about, undoes, before, after, done, keys, patches)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        ).lastrowid
        journal.execute("DELETE FROM changes WHERE number <= ?", ((number or 0) - _MOST_CHANGES,))
    return number or 0


def _keep(journal: sqlite3.Connection, content: bytes) -> None:
    journal.execute("INSERT OR REPLACE INTO known VALUES (1, ?)", (zlib.compress(content, 6),))


def _change(journal: sqlite3.Connection, number: int) -> PlacesChange:
    row = journal.execute(f"{_ENTRIES} AND number = ? ORDER BY number", (number,)).fetchone()
    if row is None:
        raise NoChangeError(f"there is no change {number} in the journal of the places file")
    return _entry(row, whole=True)


def _entry(row: tuple[Any, ...], *, whole: bool) -> PlacesChange:
    number, at_ms, by, what, about, undoes, before, after, keys, packed = row
    patches = msgspec.json.decode(unpacked(packed, _MOST_BYTES), type=list[Patch]) if whole else []
    found = [(str(kind), str(own)) for kind, own in msgspec.json.decode(keys)]
    return PlacesChange(number, at_ms, by, what, msgspec.json.decode(about), undoes, before, after, found, patches)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _copy(document: Document) -> Document:
    found: Document = msgspec.json.decode(msgspec.json.encode(document))
    return found


def _rescue(connection: sqlite3.Connection, kept: Path) -> tuple[int, str]:
    """Copy what can be read of a journal that was put aside."""
    rows = readable(kept, f"{_ENTRIES} ORDER BY number") or []
    with transaction(connection):
        for row in rows:
            connection.execute(_SAVED, row)
    return len(rows), "" if rows else "no change could be read"
