"""A site's people: who they are, how they sign in, and what was let in for whom.

All of it is in one file (`people_file`) together with the audit log: what is done here and its entry there are one
transaction. Where there is no file, or nobody in it, the site has no accounts.
"""

import hashlib
import math
import secrets
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from console.people import passwords
from console.people.attempts import KNOWN, Attempts
from console.people.audit import Audit
from console.people.links import KEY_FILE, Link, LinkError, Links
from console.people.people_file import NAME as PEOPLE_FILE
from console.people.people_file import PeopleFile, has_file
from console.people.rights import PURPOSES, ROLES, Purpose, Right, Role
from console.people.sessions import Sessions
from ingest.clock import wall_ms
from ingest.sqlite import StorageError
from ingest.topics import ID_PATTERN
from stream.sentences.languages import LANGUAGES

_MOST_KNOWN: Final = 10
"""People whom one browser is known for."""
_MOST_NAME: Final = 64
_CHANGE: Final = "UPDATE people SET name=?, role=?, language=?, officer=?, addresses=?, active=? WHERE id = ?"


class Person(msgspec.Struct, frozen=True):
    """An account."""

    id: str
    name: str
    role: Role
    language: str = "zh-CN"
    officer: str = ""
    """The officer's id in the settings of patrols, where the person is one."""
    addresses: dict[str, str] = {}
    """Channel's id → how the person is named there (a mention, an address)."""
    active: bool = True


class PeopleError(ValueError):
    """An account that cannot be made or changed as asked; the text says why."""


class SignInError(Exception):
    """Nobody was let in: ``wrong`` id or password, or ``locked`` for `wait_s` seconds after too many attempts."""

    def __init__(self, why: str, wait_s: int = 0) -> None:
        super().__init__("wrong id or password" if why == "wrong" else f"too many attempts: wait {wait_s} s")
        self.why, self.wait_s = why, wait_s


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who was let in, by a password or by a link, and what they may do."""

    person: Person
    rights: frozenset[Right]
    ends_ms: int
    purpose: Purpose | Literal["token"] | None = None
    """What their link is for; ``token``: it is a program of theirs; None where they signed in."""
    about: str = ""
    """The one thing that their link is about."""
    token: str = ""
    """Id of the program's token."""

    def may(self, right: Right, about: str = "") -> bool:
        """Tell whether the visitor has a right, on something where it is about one thing."""
        return right in self.rights and (not self.about or self.about == about)


class People:
    """The accounts, sessions and links of a site.

    Threads may share it, and processes the file. Every method raises `ingest.sqlite.StorageError` where the file cannot
    be read or written. `by` is who does something, for the audit log: a person's id, or ``cli:USER``.
    """

    def __init__(self, site_dir: Path, clock: Callable[[], int] = wall_ms) -> None:
        self._folder, self.now_ms = site_dir, clock

    @cached_property
    def file(self) -> PeopleFile:
        """The file, which is made where there is none."""
        return PeopleFile(self._folder)

    @cached_property
    def audit(self) -> Audit:
        """The log of who saw and did what."""
        return Audit(self.file, self.now_ms)

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self.file)

    @cached_property
    def _attempts(self) -> Attempts:
        return Attempts(self.file)

    @cached_property
    def _links(self) -> Links:
        return Links(self.file)

    def anybody(self) -> bool:
        """Tell whether the site has accounts, in use or not: nobody gets in without one then.

        A file that is gone, and whose key is still there, opens nothing to everybody: it is an error.
        """
        if not has_file(self._folder) and self._folder.joinpath(KEY_FILE).exists():
            name = self._folder / PEOPLE_FILE
            raise StorageError(f"{name}: is not there, but its {KEY_FILE} is; bring it back, or remove both")
        return has_file(self._folder) and bool(self.file.rows("SELECT 1 FROM people LIMIT 1"))

    def all(self) -> list[Person]:
        """Return all accounts, by id."""
        if not has_file(self._folder):
            return []
        return [_person(row) for row in self.file.rows("SELECT * FROM people ORDER BY id")]

    def person(self, identifier: str) -> Person | None:
        """Return the account of an id."""
        found = self.file.rows("SELECT * FROM people WHERE id = ?", identifier) if has_file(self._folder) else []
        return _person(found[0]) if found else None

    def add(self, person: Person, by: str, password: str = "") -> None:
        """Make an account; without a password, a link for the purpose sets one.

        Raises `PeopleError`, `console.people.passwords.PasswordError`.
        """
        kept = self._kept(person, password) if password else ""
        with self.file.change() as connection:
            if self.person(person.id) is not None:
                raise PeopleError(f"there is a person {person.id!r} already")
            self._check(person)
            connection.execute("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*_row(person), kept))
            self.audit.note(by, "person-add", person.id, **_told(person))

    def change(self, person: Person, by: str) -> None:
        """Put an account in the place of that with the same id. One that is no longer in use loses what is open.

        Raises `PeopleError`.
        """
        with self.file.change() as connection:
            if self.person(person.id) is None:
                raise PeopleError(f"there is no person {person.id!r}")
            self._check(person)
            connection.execute(_CHANGE, (*_row(person)[1:], person.id))
            if not person.active:
                self._shut_out(person.id)
            self.audit.note(by, "person-change", person.id, **_told(person))

    def set_password(self, person: str, password: str, by: str, keep: str = "") -> None:
        """Give a person a password, and end their sessions but the one of the token `keep`.

        Raises `PeopleError`, `console.people.passwords.PasswordError`.
        """
        found = self.person(person)
        if found is None or not found.active:
            raise PeopleError(f"there is no person {person!r} in use")
        kept = self._kept(found, password)
        with self.file.change() as connection:
            connection.execute("UPDATE people SET password = ? WHERE id = ?", (kept, person))
            self._sessions.end(person=person, but=keep)
            self._attempts.forget(person)
            for link in self._links.open_now(self.now_ms(), person):
                if link.purpose == "password":  # another one that is still out would set it once more
                    self._links.revoke(link.id, self.now_ms())
            self.audit.note(by, "password", person)

    def revoke(self, what: str, by: str) -> None:
        """Let a link open nothing more, or an account no longer be in use; both end at once. Raises `PeopleError`."""
        person, link = self.person(what), self._links.get(what)
        if person is not None:
            self.change(msgspec.structs.replace(person, active=False), by)
        elif link is not None:
            with self.file.change():
                self._links.revoke(link.id, self.now_ms())
                self._sessions.end(link=link.id)
                self.audit.note(by, "link-revoke", link.id, person=link.person, purpose=link.purpose)
        else:
            raise PeopleError(f"there is no person and no link {what!r}")

    def sign_in(self, identifier: str, password: str, where: str, known: str = "") -> str:
        """Begin a session for whoever knows a password; return its token.

        `where` is the address that it comes from, `known` what `recognise` gave to the browser. Raises `SignInError`.
        """
        identifier = passwords.plain(identifier).strip()[:_MOST_NAME]
        place = self._proved(identifier, password, where, known)
        with self.file.change():
            self._attempts.succeeded(identifier, place)
            token = self._sessions.begin(identifier, self.now_ms())
            self.audit.note(identifier, "sign-in", identifier, where=where)
        return token

    def change_password(self, person: str, old: str, new: str, where: str, keep: str) -> None:
        """Give whoever knows their password another one, and end their sessions but the one of the token `keep`.

        Raises `SignInError`, `console.people.passwords.PasswordError`.
        """
        self._proved(person, old, where, "")
        self.set_password(person, new, person, keep)

    def _proved(self, identifier: str, password: str, where: str, known: str) -> str:
        """Return the place that an attempt was counted for, where the password is right. Raises `SignInError`."""
        found, place, browser = self.person(identifier), where, known.partition(".")[0]
        if found is not None and self._mark(found.id, browser) in known.split(".")[1:]:
            place = KNOWN + browser
        told = found.id if found is not None else ""  # an id that nobody has may be somebody's password
        wait_ms = self._attempts.begin(identifier, place, self.now_ms())
        if wait_ms:
            self.note_locked(told, where)
            raise SignInError("locked", math.ceil(wait_ms / 1000))
        kept = self.file.rows("SELECT password FROM people WHERE id = ? AND active", identifier)
        if not passwords.matches(password, kept[0][0] if kept else ""):
            self.audit.note(told, "sign-in-refused", told, where=where)
            raise SignInError("wrong")
        return place

    def recognise(self, person: str, known: str) -> str:
        """Return what a browser keeps that somebody has signed in with, beside whom it was `known` for already.

        It lets nobody in; it only keeps others' failures from locking the person out of this browser.
        """
        browser, *marks = known.split(".")[: _MOST_KNOWN + 1]
        if not marks:
            browser = secrets.token_urlsafe(12)
        mark = self._mark(person, browser)
        return ".".join([browser, mark, *(one for one in marks if one != mark)][: _MOST_KNOWN + 1])

    def visitor(self, token: str) -> Visitor | None:
        """Return who a session's token stands for, and what they may do now; None where it is over."""
        if not token or not has_file(self._folder):
            return None
        now_ms = self.now_ms()
        session = self._sessions.of(token, now_ms)
        person = None if session is None else self.person(session.person)
        if session is None or person is None or not person.active:
            return None
        if not session.link:
            return Visitor(person, ROLES[person.role], session.ends_ms)
        link = self._links.get(session.link)
        if link is None or link.revoked_ms is not None:
            return None
        return Visitor(person, ROLES[person.role] & PURPOSES[link.purpose], link.ends_ms, link.purpose, link.about)

    def of_session(self, token: str) -> Person | None:
        """Return whose session a token is of; None where it is over."""
        visitor = self.visitor(token)
        return None if visitor is None else visitor.person

    def sign_out(self, token: str) -> None:
        """End a session."""
        person = self.of_session(token)
        if person is not None:
            with self.file.change():
                self._sessions.end(token=token)
                self.audit.note(person.id, "sign-out", person.id)

    def link(self, person: str, purpose: Purpose, valid_s: float, about: str = "", *, by: str) -> str:
        """Make a link that stands for a person, for one purpose and a time; return its token. Raises `PeopleError`."""
        found = self.person(person)
        if found is None or not found.active:
            raise PeopleError(f"there is no person {person!r} in use")
        if purpose == "patrol" and "did" not in ROLES[found.role]:
            raise PeopleError(f"the role of {person!r} is {found.role}, which has no patrol's page for a link to open")
        now_ms = self.now_ms()
        with self.file.change():
            link, token = self._links.make(person, purpose, about, now_ms, now_ms + round(valid_s * 1000))
            self.audit.note(by, "link-make", link.id, person=person, purpose=purpose, on=about, ends_ms=link.ends_ms)
        return token

    def links(self, person: str | None = None) -> list[Link]:
        """Return the links, of one person or of all, that still open something."""
        return self._links.open_now(self.now_ms(), person) if has_file(self._folder) else []

    def of_link(self, token: str, purpose: Purpose, where: str = "") -> Person:
        """Return whom a link stands for. Raises `LinkError` for one that is forged, expired, revoked or for another."""
        return self._of_link(token, purpose, where)[1]

    def open_link(self, token: str, where: str, *, beside: Person | None = None) -> str:
        """Begin a session with a link; return its token. Whoever is signed in is `beside` it.

        Raises `LinkError`, for another person's too, and `SignInError` after too many that were none.
        """
        try:
            link, person = self._checked(self._links.opened(token, self.now_ms()), None)
        except LinkError as error:
            # Nobody guesses a link; those that are none are counted so that they fill no log, and others' wrong
            # passwords from the same address keep nobody's link from opening.
            wait_ms = self._attempts.begin("", where, self.now_ms())
            if wait_ms:
                self.note_locked("", where)
                raise SignInError("locked", math.ceil(wait_ms / 1000)) from error
            self._refused_link(error, where)
            raise
        if beside is not None and beside.id != person.id:
            self.audit.note(beside.id, "link-refused", link.id, why="other", person=person.id)
            raise LinkError("other", person.id)
        with self.file.change():
            begun = self._sessions.begin(person.id, self.now_ms(), link=link.id, ends_ms=link.ends_ms)
            self.audit.note(person.id, "link-open", link.id, purpose=link.purpose, on=link.about, where=where)
        return begun

    def set_by_link(self, token: str, password: str) -> str:
        """Give the person of a session, begun by a link for it, a password, once; return a session's token for them.

        Raises `LinkError`, `console.people.passwords.PasswordError`.
        """
        session = self._sessions.of(token, self.now_ms())
        visitor = self.visitor(token)
        if session is None or visitor is None or visitor.purpose != "password":
            raise LinkError("purpose")
        person = visitor.person.id
        with self.file.change():
            self.set_password(person, password, person)
            begun = self._sessions.begin(person, self.now_ms())
            self.audit.note(person, "sign-in", person, by_link=session.link)
        return begun

    def _of_link(self, token: str, purpose: Purpose | None, where: str) -> tuple[Link, Person]:
        try:
            return self._checked(self._links.opened(token, self.now_ms()), purpose)
        except LinkError as error:
            self._refused_link(error, where)
            raise

    def _refused_link(self, error: LinkError, where: str) -> None:
        self.audit.note(error.person, "link-refused", "", why=error.why, where=where)

    def _checked(self, link: Link, purpose: Purpose | None) -> tuple[Link, Person]:
        person = self.person(link.person)
        if person is None or not person.active:
            raise LinkError("revoked", link.person)
        if purpose is not None and link.purpose != purpose:
            raise LinkError("purpose", link.person)
        return link, person

    def note_locked(self, person: str, where: str) -> None:
        """Note that somebody has to wait, once in a while: whoever goes on trying fills no disk."""
        since = "SELECT 1 FROM audit WHERE what = 'sign-in-locked' AND by = ? AND at_ms > ? AND detail = ? LIMIT 1"
        detail = msgspec.json.encode({"where": where}).decode()
        if not self.file.rows(since, person, self.now_ms() - 60_000, detail):
            self.audit.note(person, "sign-in-locked", person, where=where)

    def _mark(self, person: str, browser: str) -> str:
        return hashlib.blake2s(self._links.sign(["known", person, browser]), digest_size=9).hexdigest()

    def _shut_out(self, person: str) -> None:
        now_ms = self.now_ms()
        for link in self._links.open_now(now_ms, person):
            self._links.revoke(link.id, now_ms)
        with self.file.change() as connection:
            connection.execute("DELETE FROM tokens WHERE person = ?", (person,))
        self._sessions.end(person=person)

    def _kept(self, person: Person, password: str) -> str:
        passwords.check(password, person.id, person.name)
        return passwords.hashed(password)

    def _check(self, person: Person) -> None:
        if not ID_PATTERN.match(person.id):
            raise PeopleError(f"id is {person.id!r}, expected letters, digits, - and _, at most 48")
        if person.officer and not ID_PATTERN.match(person.officer):
            raise PeopleError(f"officer is {person.officer!r}, expected an id of the settings, patrol.officers")
        if not person.name.strip() or len(person.name) > _MOST_NAME or not person.name.isprintable():
            raise PeopleError(f"name is {person.name!r}, expected 1 to {_MOST_NAME} characters that can be read")
        if person.role not in ROLES:
            raise PeopleError(f"role is {person.role!r}, expected {', '.join(ROLES)}")
        if person.language not in LANGUAGES:
            raise PeopleError(f"language is {person.language!r}, expected {', '.join(LANGUAGES)}")
        for other in self.all():
            if other.id != person.id and other.active and person.active and other.name == person.name:
                raise PeopleError(f"{other.id!r} is called {person.name!r} too: nobody could tell who did what")


def _person(row: tuple[Any, ...]) -> Person:
    identifier, name, role, language, officer, addresses, active, _ = row
    found = msgspec.json.decode(addresses, type=dict[str, str])
    return Person(identifier, name, role, language, officer, found, bool(active))


def _row(person: Person) -> tuple[str | int, ...]:
    addresses = msgspec.json.encode(person.addresses).decode()
    return person.id, person.name, person.role, person.language, person.officer, addresses, int(person.active)


def _told(person: Person) -> dict[str, Any]:
    """Return what the audit log has of an account: not its addresses, which are phone numbers as like as not."""
    return {"name": person.name, "role": person.role, "officer": person.officer, "active": person.active}
