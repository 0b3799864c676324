"""Tokens by which programs ask the API for a person: random, with a scope and an end, shown once.

Of a token the table ``tokens`` keeps a hash. It has 256 random bits, so that nobody finds it from that, and no slow
hash is needed. A token opens the API alone, never more than its person's role may now, and never anything by which
somebody comes in another way.
"""

import contextlib
import hashlib
import math
import secrets
from collections.abc import Collection
from typing import Any, Final

import msgspec

from console.people.attempts import Attempts
from console.people.people import People, PeopleError, SignInError, Visitor
from console.people.rights import RIGHTS, ROLES, Right
from ingest.sqlite import StorageError

MARK: Final = "pgt_"
"""Begins every token, so that one that got into a repository or a log is found."""
NEVER: Final[frozenset[Right]] = frozenset({"links"})
"""Rights that no token has: making a link is another way in."""
_ID_BYTES: Final = 9
_MOST_NAME: Final = 64
_MOST_LENGTH: Final = 200
_DAY_MS: Final = 86_400_000
_SEEN_MS: Final = 60_000
"""How exactly it is noted when a token was last used."""
_KEPT_MS: Final = 30 * _DAY_MS
"""For how long after its end a token is remembered, so that whoever carries it is told that it is too old."""
_PLACE: Final = "token:"
"""Wrong tokens are counted apart from wrong passwords: a program that goes on asking locks out no officer who signs in
from the same address."""


class TokenError(Exception):
    """A token that opens nothing: ``unknown``, ``expired`` or ``revoked``."""

    def __init__(self, why: str, person: str = "", token: str = "") -> None:
        super().__init__(f"this token opens nothing: {why}")
        self.why, self.person, self.token = why, person, token


class Token(msgspec.Struct, frozen=True):
    """A token as it was made; what opens something is not in it."""

    id: str
    person: str
    name: str
    """What it is for, in its maker's words."""
    scope: tuple[Right, ...]
    made_ms: int
    ends_ms: int
    used_ms: int | None
    revoked_ms: int | None


class Tokens:
    """The tokens of a site's people. Every method raises StorageError where the file cannot be read or written."""

    def __init__(self, people: People) -> None:
        self._people = people

    def make(self, person: str, scope: Collection[Right], valid_s: float, name: str = "", *, by: str) -> str:
        """Make a token for what a person may do, and return it; it is nowhere else. Raises `PeopleError`."""
        found = self._people.person(person)
        if found is None or not found.active:
            raise PeopleError(f"there is no person {person!r} in use")
        allowed = ROLES[found.role] - NEVER
        if not scope or not allowed.issuperset(scope):
            known = ", ".join(right for right in RIGHTS if right in allowed)
            raise PeopleError(f"scope is {', '.join(scope)!r}, expected some of what role {found.role} may: {known}")
        if len(name) > _MOST_NAME or not name.isprintable():
            raise PeopleError(f"name is {name!r}, expected at most {_MOST_NAME} characters that can be read")
        now_ms = self._people.now_ms()
        identifier, token = secrets.token_urlsafe(_ID_BYTES), MARK + secrets.token_urlsafe(32)
        rights = [right for right in RIGHTS if right in scope]
        ends_ms = now_ms + round(valid_s * 1000)
        row = (identifier, _hash(token), person, name, " ".join(rights), now_ms, ends_ms)
        with self._people.file.change() as connection:
            connection.execute("DELETE FROM tokens WHERE ends_ms < ?", (now_ms - _KEPT_MS,))
            connection.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
            told = {"person": person, "scope": ",".join(rights), "ends_ms": ends_ms, "name": name}
            self._people.audit.note(by, "token-make", identifier, **told)
        return token

    def all(self, person: str | None = None) -> list[Token]:
        """Return the tokens, of one person or of all, that still open something; the newest first."""
        query = "SELECT * FROM tokens WHERE revoked_ms IS NULL AND ends_ms > ? AND person = coalesce(?, person)"
        rows = self._people.file.rows(query + " ORDER BY made_ms DESC, id", self._people.now_ms(), person)
        return [_token(row) for row in rows]

    def revoke(self, identifier: str, by: str) -> bool:
        """Let a token open nothing more; tell whether there is one of that id."""
        found = self._people.file.rows("SELECT * FROM tokens WHERE id = ?", identifier)
        if not found:
            return False
        with self._people.file.change() as connection:
            now_ms = self._people.now_ms()
            update = "UPDATE tokens SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL"
            connection.execute(update, (now_ms, identifier))
            self._people.audit.note(by, "token-revoke", identifier, person=_token(found[0]).person)
        return True

    def visitor(self, token: str) -> Visitor:
        """Return whom a token stands for, and what they may do by it now. Raises `TokenError`. Notes nothing."""
        found = self._people.file.rows("SELECT * FROM tokens WHERE hash = ?", _hash(token[:_MOST_LENGTH]))
        if not found:
            raise TokenError("unknown")
        known, now_ms = _token(found[0]), self._people.now_ms()
        person = self._people.person(known.person)
        if known.revoked_ms is not None or person is None or not person.active:
            raise TokenError("revoked", known.person, known.id)
        if now_ms >= known.ends_ms:
            raise TokenError("expired", known.person, known.id)
        self._use(known, now_ms)
        rights = ROLES[person.role] & frozenset(known.scope) - NEVER
        return Visitor(person, rights, known.ends_ms, "token", token=known.id)

    def bearer(self, token: str, where: str) -> Visitor:
        """Return the same for a request that came from an address, and note it where it was refused.

        Raises `TokenError`, and `SignInError` after too many that were none.
        """
        try:
            return self.visitor(token)
        except TokenError as error:
            place = _PLACE + where
            wait_ms = Attempts(self._people.file).begin("", place, self._people.now_ms())
            if wait_ms:
                self._people.note_locked(error.person, place)
                raise SignInError("locked", math.ceil(wait_ms / 1000)) from error
            self._people.audit.note(error.person, "token-refused", error.token, why=error.why, where=where)
            raise

    def _use(self, token: Token, now_ms: int) -> None:
        """Note that a token is used, and in the audit log the first time on a day."""
        before = token.used_ms
        if before is not None and now_ms < before + _SEEN_MS:
            return
        # A full disk ends no token before its time.
        with contextlib.suppress(StorageError), self._people.file.change() as connection:
            connection.execute("UPDATE tokens SET used_ms = ? WHERE id = ?", (now_ms, token.id))
            if before is None or before // _DAY_MS != now_ms // _DAY_MS:
                self._people.audit.note(token.person, "token-use", token.id)


def _token(row: tuple[Any, ...]) -> Token:
    identifier, _, person, name, scope, *times = row
    words = str(scope).split()
    return Token(identifier, person, name, tuple(right for right in RIGHTS if right in words), *times)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
