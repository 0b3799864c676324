"""Links that stand for a person: signed, with an end, for one purpose, and revocable one by one.

A token is an id and a signature (HMAC-SHA-256, 160 bits) over all that the link is; that itself stands in the table
``links``. So a token tells nothing, a row that was edited is worth nothing, and a copy of the database without the
key file makes no links.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

import msgspec

from console.people.people_file import PeopleFile
from console.people.rights import Purpose
from ingest.files import replace_file

KEY_FILE: Final = "people.key"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 9
_MAC_BYTES: Final = 20
_KEPT_MS: Final = 30 * 86_400_000
"""For how long after its end a link is remembered, so that whoever opens it reads that it is too old."""


class LinkError(ValueError):
    """A link that opens nothing, and whose it was.

    `why` is ``forged``, ``expired``, ``revoked``, ``purpose`` (it is for another one) or ``other`` (somebody else is
    signed in).
    """

    def __init__(self, why: str, person: str = "") -> None:
        super().__init__(f"this link opens nothing: {why}")
        self.why, self.person = why, person


class Link(msgspec.Struct, frozen=True):
    """A link as it was made; all but `revoked_ms` is signed."""

    id: str
    person: str
    purpose: Purpose
    about: str
    """What it is for, such as an alert's id; may be empty."""
    made_ms: int
    ends_ms: int
    revoked_ms: int | None = None


class Links:
    """The table ``links``, and the key that links are signed with, which is in a file beside it."""

    def __init__(self, file: PeopleFile) -> None:
        self._file, self._key = file, _key(file.path.with_name(KEY_FILE))

    def make(self, person: str, purpose: Purpose, about: str, now_ms: int, ends_ms: int) -> tuple[Link, str]:
        """Make a link; return it with its token, which is nowhere else."""
        token = secrets.token_bytes(_ID_BYTES)
        link = Link(_text(token), person, purpose, about, now_ms, ends_ms)
        with self._file.change() as connection:
            connection.execute("DELETE FROM links WHERE ends_ms < ?", (now_ms - _KEPT_MS,))
            connection.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(link))
        return link, _text(token + self.sign(msgspec.structs.astuple(link)[:-1])[:_MAC_BYTES])

    def opened(self, token: str, now_ms: int) -> Link:
        """Return the link of a token. Raises `LinkError` for one that is forged, expired or revoked."""
        raw = _bytes(token)
        link = self.get(_text(raw[:_ID_BYTES])) if len(raw) == _ID_BYTES + _MAC_BYTES else None
        if link is None:
            raise LinkError("forged")
        signature = self.sign(msgspec.structs.astuple(link)[:-1])[:_MAC_BYTES]
        if not hmac.compare_digest(signature, raw[_ID_BYTES:]):
            raise LinkError("forged")
        if link.revoked_ms is not None:
            raise LinkError("revoked", link.person)
        if now_ms >= link.ends_ms:
            raise LinkError("expired", link.person)
        return link

    def get(self, link: str) -> Link | None:
        """Return a link by its id."""
        found = self._file.rows("SELECT * FROM links WHERE id = ?", link)
        return Link(*found[0]) if found else None

    def open_now(self, now_ms: int, person: str | None = None) -> list[Link]:
        """Return the links, of one person or of all, that still open something; the newest first."""
        query = "SELECT * FROM links WHERE revoked_ms IS NULL AND ends_ms > ? AND person = coalesce(?, person)"
        return [Link(*row) for row in self._file.rows(query + " ORDER BY made_ms DESC", now_ms, person)]

    def revoke(self, link: str, now_ms: int) -> None:
        """Let a link open nothing from now on."""
        with self._file.change() as connection:
            connection.execute("UPDATE links SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (now_ms, link))

    def sign(self, what: object) -> bytes:
        """Return the signature of a value (32 bytes)."""
        return hmac.digest(self._key, msgspec.json.encode(what), hashlib.sha256)


def _key(path: Path) -> bytes:
    """Return the key in a file, which is made where there is none. Raises ValueError for a file that is no key."""
    if not path.exists():
        replace_file(path, secrets.token_bytes(_KEY_BYTES), mode=0o600, create_only=True)
    path.chmod(0o600)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise ValueError(f"{path}: is no key of {_KEY_BYTES} bytes; restore it, or remove it: links end with it")
    return key


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return b""
