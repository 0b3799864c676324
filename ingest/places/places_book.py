"""The one way by which the places file is changed: checked as a whole, under a lock, with who and when in a journal.

Order of a change, for a crash at any point:

1. The lock is taken, and the file read. What was done to it by hand since becomes an entry of its own.
2. The new content is checked as a node checks it; where it is wrong, nothing is written.
3. The entry is written into the journal (`ingest.places.places_journal`), not yet ``done``.
4. The file is replaced. A running node sees it, and finds in the journal who that was, for the log.
5. The entry is ``done``. One that is not, is so when the file is what it says, and else is deleted.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ingest.clock import wall_ms
from ingest.files import locked, replace_file
from ingest.places.importing import dump
from ingest.places.patches import Document, Key, OtherFeature, Patch, PlacesConflictError, differing, patched
from ingest.places.place_findings import PlaceFinding, find_all
from ingest.places.places_journal import (
    BY_HAND,
    UNDO,
    PlacesChange,
    PlacesJournal,
    newest,
    open_journal,
    version_of,
)
from ingest.places.site_places import Places, PlacesError, decoded

EMPTY: Final = b'{"type":"FeatureCollection","features":[]}\n'
_LAST: Final = 500
"""Changes that are looked through for who has changed something last."""


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


class _Now(NamedTuple):
    """A file as it is, not looked at closely."""

    version: str
    content: bytes
    document: Document


Edit = Callable[[Document], Document]
"""Takes the document of the file, a copy of its own, and returns what it is to be. May raise `PlacesError`."""


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
        self.path, self._check = path, check

    def read(self) -> Read:
        """Return the file as it is, also where something is wrong in it."""
        return self._read(self._content())

    def tried(self, edit: Edit) -> tuple[Read, list[Patch]]:
        """Return what the file would be after an edit, and what would differ. Nothing is written.

        Raises `PlacesConflictError` where `edit` does, with who has changed the same last.
        """
        now = self._now()
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
        with locked(self.path), open_journal(self.path) as journal:
            now = self._known(journal)
            document = self._edited(edit, now)
            patches = differing(now.document, document)
            if not patches:
                return None
            self._look_for_others(journal, base, now, patches)
            then = self._read(dump(document))
            if then.wrong:
                raise PlacesError(then.wrong[0])
            if not then.places.beats and not then.places.devices:
                self._check(then.places)  # which a node refuses
            change = _change(wall_ms(), by, what, about, undoes, now.version, then.version, patches)
            number = journal.note(change)
            mode = self.path.stat().st_mode & 0o777 if now.version else 0o640
            replace_file(self.path, then.content, mode=mode)
            journal.done(number, then.content)
            return msgspec.structs.replace(change, number=number)

    def undo(self, number: int, by: str) -> PlacesChange:
        """Take a change back, whoever made it, with what has been changed since left as it is.

        Raises `PlacesConflictError` where the same was changed since, `PlacesError` where there is no such change,
        where it has been taken back, and where the file would be wrong without it.
        """
        with open_journal(self.path) as journal:
            wanted = journal.change(number)
        back = [one.undone() for one in wanted.patches]
        done = self.change(lambda document: patched(document, back), by, UNDO, undoes=number, what_was=wanted.what)
        if done is None:
            raise PlacesError(f"change {number} has been taken back already")
        return done

    def changes(self, *, limit: int = 100, before: int = 1 << 62) -> list[PlacesChange]:
        """Return the newest changes, newest first, below a number where given; what each did to features is left out.

        What was done by hand since the last change is among them.
        """
        # Where nobody may write, nobody does; and a file that is broken hides nothing of what was done before.
        with suppress(OSError, PlacesError), locked(self.path), open_journal(self.path) as journal:
            self._known(journal)
        return newest(self.path, limit, before)

    def one(self, number: int) -> PlacesChange:
        """Return a change with what it did to each feature. Raises `PlacesError` where there is none of that number."""
        with open_journal(self.path) as journal:
            return journal.change(number)

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

    def _now(self) -> _Now:
        content = self._content()
        found: Any = decoded(content or EMPTY, str(self.path))
        if not isinstance(found, dict) or not isinstance(found.get("features"), list):
            raise PlacesError(f"{self.path}: expected a GeoJSON FeatureCollection")
        return _Now(version_of(content), content, found)

    def _edited(self, edit: Edit, now: _Now) -> Document:
        try:
            return edit(_copy(now.document))
        except PlacesConflictError as error:
            last: dict[Key, tuple[str, int]] = {}
            for one in newest(self.path, _LAST):
                last = dict.fromkeys(one.keys, (one.by, one.at_ms)) | last
            differs = [
                one._replace(by=by, at_ms=at) for one in error.differs for by, at in [last.get(one.key, ("", 0))]
            ]
            raise PlacesConflictError(differs, now.version) from error

    def _known(self, journal: PlacesJournal) -> _Now:
        """Return the file as it is, which the journal then knows."""
        now = self._now()
        before = journal.settle(now.version, now.content)
        if before != now.content:
            patches = differing(decoded(before or EMPTY, "known"), now.document)  # type: ignore[arg-type]
            at_ms = self.path.stat().st_mtime_ns // 1_000_000 if now.version else wall_ms()
            change = _change(at_ms, "", BY_HAND, {}, 0, version_of(before), now.version, patches)
            journal.done(journal.note(change), now.content)
        return now

    def _look_for_others(self, journal: PlacesJournal, base: str, now: _Now, patches: list[Patch]) -> None:
        """Raise `PlacesConflictError` where features that are to be changed were changed since a version."""
        if base in {"", now.version}:
            return
        others = journal.since(base)
        differs = [
            OtherFeature(one.key, one.before, one.after, *(others or {}).get(one.key, ("", 0)))
            for one in patches
            if others is None or one.keys & others.keys()
        ]
        if differs:
            raise PlacesConflictError(differs, now.version)


def _change(
    at_ms: int, by: str, what: str, about: dict[str, Any], undoes: int, before: str, after: str, patches: list[Patch]
) -> PlacesChange:
    keys = list(dict.fromkeys(key for one in patches for key in sorted(one.keys)))
    return PlacesChange(0, at_ms, by, what, about, undoes, before, after, keys, patches)


def _copy(document: Document) -> Document:
    found: Document = msgspec.json.decode(msgspec.json.encode(document))
    return found
