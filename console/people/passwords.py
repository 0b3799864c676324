"""Passwords: what is kept of them, and which are too easy.

Argon2id with the second recommended setting of RFC 9106, section 4 (64 MiB, 3 passes, 4 lanes).
"""

import re
import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

LEAST: Final = 10
MOST: Final = 200
"""In characters; what is longer is refused before anything is computed of it."""
_DISTINCT: Final = 5
_RUNS: Final = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_HASHER: Final = PasswordHasher()
_ONE: Final = threading.Lock()
"""One at a time: many attempts at once take neither the memory nor all processors of a small machine."""
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=4$mUU83mUi0vP+eXHDEQBkmA$dj8Wnyisfoj4yoe5Xq8uziMkY1EGsu7eIi60ZT4d/vQ"
"""Of a password that nobody knows: an id that nobody has takes as long to refuse as one that somebody has."""


class PasswordError(ValueError):
    """A password that is too easy; `why` is the code of the sentence behind ``people-password-``."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this password is refused: {why}")
        self.why = why


def check(password: str, *names: str) -> None:
    """Raise `PasswordError` for a password that is too short, too long, or among the first that anybody tries.

    `names` are what the password must not be made of, such as the person's own.
    """
    typed = plain(password).casefold()
    if not LEAST <= len(typed) <= MOST:
        raise PasswordError("short" if len(typed) < LEAST else "long")
    without = re.sub(r"[\W\d_]", "", typed)
    named = any(len(name) > 2 and name.casefold() in typed and len(typed) - len(name) < LEAST for name in names)
    run = any(typed[:8] in line or typed[:8] in line[::-1] for line in _RUNS)
    if len(set(typed)) < _DISTINCT or named or run or without in {"password", "patrolgrid", "admin", "mima", "police"}:
        raise PasswordError("easy")


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _ONE:
        return _HASHER.hash(plain(password))


def matches(password: str, kept: str) -> bool:
    """Tell whether a password is the one of which something was kept.

    Where nothing is kept (nobody has that id, or no password yet) it takes as long to say no.
    """
    if len(password) > MOST:
        return False
    try:
        with _ONE:
            _HASHER.verify(kept or _NOBODYS, plain(password))
    except (Argon2Error, InvalidHashError):
        return False
    return bool(kept)


def plain(typed: str) -> str:
    """Return what was typed in one form, however the keyboard composed it, and whether wide or narrow.

    A Chinese input method types ``ｗａｎｇ`` as easily as ``wang``.
    """
    return unicodedata.normalize("NFKC", typed)
