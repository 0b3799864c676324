"""Sessions: a browser that somebody has signed in with, or opened a link with.

The table ``sessions`` keeps a hash of each token: who reads the file cannot go on with anybody's session.
"""

import contextlib
import hashlib
import secrets
from typing import Final

import msgspec

from console.people.people_file import PeopleFile
from ingest.sqlite import StorageError

LASTS_MS: Final = 14 * 3_600_000
"""A shift and its hand-over; after it somebody signs in again, so that no name stays on across shifts."""
IDLE_MS: Final = 2 * 3_600_000
"""Without a request; a page that is open makes them. A link's session goes on: its phone is in a pocket for hours."""
_SEEN_MS: Final = 60_000
"""How exactly it is noted when a session was last used."""
_MOST: Final = 20
"""That one person has signed in with, and that one link has begun; the oldest gives way. So a chat program that opens
a link again and again fills nothing, and whoever has got hold of a link ends no session but that link's."""
_GIVES_WAY: Final = """
DELETE FROM sessions WHERE person = ? AND link = ? AND hash NOT IN
    (SELECT hash FROM sessions WHERE person = ? AND link = ? ORDER BY begun_ms DESC, seen_ms DESC LIMIT ?)
"""


class OpenSession(msgspec.Struct, frozen=True):
    """A session as it stands in the table."""

    hash: bytes
    person: str
    link: str
    """Id of the link that it was opened with; empty where somebody signed in."""
    begun_ms: int
    seen_ms: int
    ends_ms: int


class Sessions:
    """The table ``sessions``."""

    def __init__(self, file: PeopleFile) -> None:
        self._file = file

    def begin(self, person: str, now_ms: int, *, link: str = "", ends_ms: int | None = None) -> str:
        """Begin a session, which ends after a shift, or with its link; return its token."""
        token = secrets.token_urlsafe(32)
        row = (_hash(token), person, link, now_ms, now_ms, now_ms + LASTS_MS if ends_ms is None else ends_ms)
        with self._file.change() as connection:
            connection.execute("DELETE FROM sessions WHERE ends_ms <= ?", (now_ms,))
            connection.execute(_GIVES_WAY, (person, link, person, link, _MOST - 1))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", row)
        return token

    def of(self, token: str, now_ms: int) -> OpenSession | None:
        """Return a token's session, and note that it is used; None where it is over."""
        found = self._file.rows("SELECT * FROM sessions WHERE hash = ?", _hash(token))
        if not found:
            return None
        session = OpenSession(*found[0])
        idle = not session.link and now_ms >= session.seen_ms + IDLE_MS
        if now_ms >= session.ends_ms or idle:
            self.end(token=token)
            return None
        if now_ms >= session.seen_ms + _SEEN_MS:
            # A full disk ends no session before its time.
            with contextlib.suppress(StorageError), self._file.change() as connection:
                connection.execute("UPDATE sessions SET seen_ms = ? WHERE hash = ?", (now_ms, session.hash))
        return session

    def end(self, *, token: str = "", link: str = "", person: str = "", but: str = "") -> None:
        """End a session, or all of a link or a person; of a person all `but` the session of that token."""
        with self._file.change() as connection:
            if token:
                connection.execute("DELETE FROM sessions WHERE hash = ?", (_hash(token),))
            if link:
                connection.execute("DELETE FROM sessions WHERE link = ?", (link,))
            if person:
                connection.execute("DELETE FROM sessions WHERE person = ? AND hash != ?", (person, _hash(but)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
