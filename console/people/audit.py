"""The audit log: who saw and did what, each entry chained to the one before, so that a change shows.

An entry's hash is SHA-256 over the hash of the one before (32 zero bytes before the first) and the entry as JSON:
``[number,at_ms,by,what,about,detail]``, UTF-8, without blanks. So an entry that was changed, moved or taken out of the
middle breaks the chain where it stood (the idea of Schneier and Kelsey, *Secure audit logs*, 1999, without their keys).
Whoever may write the file can still cut off its end, or make the whole chain anew. That shows by a *head*, the number
and hash of the newest entry, which is kept elsewhere: at the broker as a retained message, and on paper.
"""

import getpass
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from console.people.people_file import PeopleFile, has_file
from ingest.clock import wall_ms

_BEGINNING: Final = bytes(32)
_BY, _ABOUT, _DETAIL = 80, 200, 4_000
_WHAT: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z")
_HEAD: Final = re.compile(r"(\d{1,12}) {0,3}[:·-] {0,3}([0-9a-fA-F ]{16,80})\Z")
_SHORT: Final = 20
"""Hexadecimal digits of a hash on paper: 80 bits, which nobody finds a second chain for."""
BROKEN: Final = "log-broken"
"""What the board notes where the log has not the entry whose head the broker has kept."""
_BATCH: Final = 10_000
_COLUMNS: Final = "SELECT number, at_ms, by, what, about, detail, hash FROM audit"

FaultKind = Literal["changed", "missing", "cut", "other", "noted", "foreign"]


class Head(NamedTuple):
    """The newest entry of a log; number 0 and no hash before the first."""

    number: int
    hash: str
    """Hexadecimal; of one that was read from paper its first digits alone."""

    def __str__(self) -> str:
        """Return what is printed: the number and the first digits, in groups that can be read out.

        >>> str(Head(12, "9f3c21ab00ffee0012345678" + "0" * 40))
        '12: 9f3c 21ab 00ff ee00 1234'
        """
        return f"{self.number}: {' '.join(re.findall('.{1,4}', self.hash[:_SHORT]))}".rstrip()


class AuditEntry(NamedTuple):
    """One entry."""

    number: int
    at_ms: int
    """When, by the machine's clock."""
    by: str
    """A person's id, ``cli:USER`` or the part that noticed something."""
    what: str
    about: str
    detail: dict[str, Any]


class AuditFault(NamedTuple):
    """What is wrong with a log, and where."""

    kind: FaultKind
    """changed: its hash does not follow from what it says and the one before; missing: entries before it are gone;
    cut: a head that was kept elsewhere is newer than the whole log; other: the head's entry was another one; noted: the
    board has found at this entry that it was cut or made anew; foreign: the file has a trigger or a view, which could
    delete rows or show others, and which is never ours."""
    number: int
    name: str = ""
    """Of what is foreign."""


class Audit:
    """The audit log of a site's `PeopleFile`; several threads and processes may write it at once."""

    def __init__(self, file: PeopleFile, clock: Callable[[], int] = wall_ms) -> None:
        self._file, self._clock = file, clock

    def note(self, by: str, what: str, about: str = "", **detail: object) -> int:
        """Add an entry and return its number; it is on disk then.

        Inside `PeopleFile.change` it is written with what is done there, or neither is. Texts that are too long are
        cut. Raises ValueError where `what` is no word of lower-case letters, digits, - and _, and StorageError where
        the disk does not take it.
        """
        if not _WHAT.match(what):
            raise ValueError(f"audit entry {what!r}: expected a word of lower-case letters, digits, - and _")
        body = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), default=str, sort_keys=True)
        if len(body) > _DETAIL:
            body = json.dumps({"cut": body[:_DETAIL]}, ensure_ascii=False)
        with self._file.change() as connection:
            row = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
            number, before = (row[0] + 1, _stored(row[1])) if row else (1, _BEGINNING)
            entry = (number, self._clock(), _clean(by, _BY), what, _clean(about, _ABOUT), _clean(body, 2 * _DETAIL))
            connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (*entry, _hash(before, entry)))
        return int(number)

    def note_all(self, by: str, what: str, about: Mapping[str, Mapping[str, object]]) -> None:
        """Add an entry each about many things, in one transaction: the disk is waited for once."""
        with self._file.change():
            for one, detail in about.items():
                self.note(by, what, one, **detail)

    def head(self) -> Head:
        """Return the newest entry's number and hash."""
        found = self._file.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        return Head(int(found[0][0]), _stored(found[0][1]).hex()) if found else Head(0, "")

    def holds(self, head: Head) -> bool:
        """Tell whether the log has the entry whose head was kept elsewhere, as it was then."""
        found = self._file.rows("SELECT hash FROM audit WHERE number = ?", head.number)
        return bool(found) and _stored(found[0][0]).hex().startswith(head.hash.lower())

    def entries(self, *, limit: int = 100, by: str = "", about: str = "", before: int = 1 << 62) -> list[AuditEntry]:
        """Return the newest entries, newest first; only of a person, about something, before a number where given."""
        wanted = "number < ? AND (? = '' OR by = ?) AND (? = '' OR about = ?) ORDER BY number DESC LIMIT ?"
        found = self._file.rows(f"{_COLUMNS} WHERE {wanted}", before, by, by, about, about, limit)
        return [AuditEntry._make((*row[:5], _read(row[5]))) for row in found]

    def noted(self, what: str) -> list[tuple[str, dict[str, Any]]]:
        """Return about what, and with what detail, something of one kind was noted, oldest first."""
        found = self._file.rows("SELECT about, detail FROM audit WHERE what = ? ORDER BY number", what)
        return [(str(about), _read(detail)) for about, detail in found]

    def verify(self, *witnesses: Head) -> list[AuditFault]:
        """Return what is wrong with the log, oldest first; nothing where it is whole.

        `witnesses` are heads that were kept elsewhere. An entry that does not fit is named once: the chain is followed
        on from the hash that stands in it.
        """
        query = "SELECT type || ' ' || name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
        faults = [AuditFault("foreign", 0, str(name)) for (name,) in self._file.rows(query)]
        kept = {witness.number: witness for witness in witnesses if witness.number > 0}
        last, before = 0, _BEGINNING
        for row in self._rows():
            number, stored = row[0], _stored(row[6])
            if number != last + 1:
                faults.append(AuditFault("missing", number))
            elif not hmac.compare_digest(stored, _hash(before, row[:6])):
                faults.append(AuditFault("changed", number))
            if row[3] == BROKEN:
                faults.append(AuditFault("noted", number))
            if number in kept and not stored.hex().startswith(kept[number].hash.lower()):
                faults.append(AuditFault("other", number))
            last, before = number, stored
        return faults + [AuditFault("cut", number) for number in sorted(kept) if number > last]

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        """Yield all rows in their order, some thousands at a time, so that nobody waits for a long log."""
        last = -(1 << 62)
        while found := self._file.rows(f"{_COLUMNS} WHERE number > ? ORDER BY number LIMIT ?", last, _BATCH):
            yield from found
            last = found[-1][0]


def person_here() -> str:
    """Return who is at this machine, as the audit log names them: ``cli:USER``."""
    return f"cli:{getpass.getuser()}"


def note_here(site_dir: Path, what: str, about: str, **detail: object) -> None:
    """Write what is done at this machine into the audit log of a site, where it has one."""
    if has_file(site_dir):
        with closing(PeopleFile(site_dir)) as file:
            Audit(file).note(person_here(), what, about, **detail)


def read_head(text: str) -> Head:
    """Return the head that somebody read from paper, or pasted whole. Raises ValueError.

    >>> read_head("12: 9f3c 21ab 00ff ee00 1234")
    Head(number=12, hash='9f3c21ab00ffee001234')
    """
    found = _HEAD.match(text.strip())
    digits = found[2].replace(" ", "").lower() if found else ""
    if found is None or not 16 <= len(digits) <= 64:
        raise ValueError(f"{text!r} is no head of an audit log, expected one such as '12: 9f3c 21ab 00ff ee00 1234'")
    return Head(int(found[1]), digits)


def _hash(before: bytes, entry: tuple[Any, ...]) -> bytes:
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), default=repr)
    return sha256(before + text.encode("utf-8", "replace")).digest()


def _stored(value: object) -> bytes:
    """Return the hash that stands in an entry; nothing where somebody has put something else there."""
    return value if isinstance(value, bytes) else b""


def _clean(text: str, limit: int) -> str:
    """Return a text that can be stored and shown, whoever wrote it."""
    shown = text[:limit].encode("utf-8", "replace").decode()
    return shown if shown.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)


def _read(body: object) -> dict[str, Any]:
    try:
        found = json.loads(str(body))
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": str(body)}
