"""Accounts at a station's Mosquitto: its password files, and each account's password in a file of its own.

Mosquitto keeps PBKDF2 (RFC 8018, 5.2) with SHA-512: ``user:$7$ITERATIONS$SALT$HASH``, as `mosquitto_passwd` writes it.
Passwords are random; what is hashed need not be slow.
"""

import base64
import contextlib
import hashlib
import os
import secrets
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ingest.files import locked, make_folder, replace_file
from ingest.login import BrokerAddress
from ingest.mqtt import Session
from ingest.topics import patrol_did, patrol_plan

_ITERATIONS: Final = 101
"""As `mosquitto_passwd` has it; Mosquitto checks a password at every connection."""
_PASSWORD_BYTES: Final = 18
_TELL_TIMES, _TRIES, _TRY_S, _CONNECT_S = 20, 4, 0.05, 2.0
CONF: Final = "patrolgrid.conf"
"""In the broker's folder: what Mosquitto runs with."""
PROBE: Final = "reading.done"
"""The account by which it is known what Mosquitto has read; no id of a device has a point in it."""
PID_FILE: Final = "mosquitto.pid"
"""In the broker's folder: the process to tell of new accounts."""


def password_line(user: str, password: str, salt: bytes | None = None) -> str:
    """Return a line of a password file.

    >>> password_line("camera-01", "x", bytes(12))[:42]
    'camera-01:$7$101$AAAAAAAAAAAAAAAA$u5ZujTT0'
    """
    salt = secrets.token_bytes(12) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def accounts_of(file: Path) -> set[str]:
    """Return the accounts in a password file; none where there is no file."""
    if not file.exists():
        return set()
    return {line.partition(":")[0] for line in file.read_text(encoding="utf-8").splitlines() if ":" in line}


def add_accounts(file: Path, users: Iterable[str], folder: Path) -> list[str]:
    """Make the accounts that are missing in a password file, and return them.

    Each one's password is in ``USER.password`` in `folder`, for its owner's eyes only; one that is there already is
    taken. Raises OSError where a file cannot be written.
    """
    with locked(file):
        known = accounts_of(file)
        new = [user for user in dict.fromkeys(users) if user not in known]
        if new or not file.exists():
            _write(file, _lines(file) + [password_line(user, _password(folder / f"{user}.password")) for user in new])
    return new


def set_account(file: Path, user: str, password: str) -> None:
    """Let an account have this password from now on; make it where there is none. Raises OSError."""
    with locked(file):
        _write(file, [*_others(file, {user}), password_line(user, password)])


def renew_account(file: Path, user: str, folder: Path) -> str:
    """Give an account a fresh password, which stands in ``USER.password`` in `folder` then, and return it.

    Raises OSError. The file is written first: a password that nobody knows would shut its device out.
    """
    (folder / f"{user}.password").unlink(missing_ok=True)
    password = _password(folder / f"{user}.password")
    set_account(file, user, password)
    return password


def remove_accounts(file: Path, users: Iterable[str]) -> None:
    """Take accounts out of a password file. Raises OSError."""
    gone = set(users)
    with locked(file):
        if accounts_of(file) & gone:
            _write(file, _others(file, gone))


def add_officers(file: Path, officers: Iterable[str]) -> list[str]:
    """Write the lines of officers that are missing in an access list, and return these. Raises OSError.

    An officer reads the own plan and says what was done of it; what officers say is no device's business.
    """
    with locked(file):
        lines = _lines(file)
        known = {line.split()[1] for line in lines if line.startswith("user ") and len(line.split()) == 2}
        new = [one for one in dict.fromkeys(officers) if one not in known]
        for one in new:
            rights = (("user", one), ("topic", "read", patrol_plan("+", one)), ("topic", "write", patrol_did("+", one)))
            lines += ["", *(" ".join(words) for words in rights)]
        if new:
            _write(file, lines)
    return new


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _others(file: Path, users: set[str]) -> list[str]:
    return [line for line in _lines(file) if line.partition(":")[0] not in users]


def _write(file: Path, lines: list[str]) -> None:
    replace_file(file, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)


def _password(file: Path) -> str:
    if not file.exists():
        make_folder(file.parent, 0o700)
        replace_file(file, f"{secrets.token_urlsafe(_PASSWORD_BYTES)}\n".encode(), mode=0o600)
    return file.read_text(encoding="utf-8").partition("\n")[0]


def listeners_of(conf: Path) -> list[dict[str, str]]:
    """Return the listeners of a Mosquitto configuration: each with its keys, ``listener`` first. Raises OSError."""
    found, current = list[dict[str, str]](), dict[str, str]()
    for line in conf.read_text(encoding="utf-8").splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "listener":
            current = {}
            found.append(current)
        if key and not key.startswith("#"):
            current[key] = value.strip()
    return found


def tell_broker(folder: Path) -> bool | None:
    """Let the Mosquitto of a broker's folder read its accounts anew, and return when it has.

    A signal that comes while Mosquitto reads is lost: it takes its flag down when it has read. So an account of our own
    gets a fresh password first, and what is in the files has been read when that lets somebody in.

    Returns None where it does not run, False where it may not be told by this user, or does not read.
    """
    conf, passwords = folder / CONF, folder / "devices.passwd"
    told = _signalled(folder, 0 if conf.exists() and passwords.exists() else signal.SIGHUP)
    if told is not True or not conf.exists() or not passwords.exists():
        return told
    doors = [
        one for one in listeners_of(conf) if "certfile" not in one and one.get("use_username_as_clientid") == "true"
    ]
    if not doors:
        return _signalled(folder, signal.SIGHUP)
    port, _, host = doors[0]["listener"].partition(" ")
    with locked(folder / "reading"):
        word = secrets.token_urlsafe(_PASSWORD_BYTES)
        set_account(passwords, PROBE, word)
        address = BrokerAddress(host=host or "127.0.0.1", port=int(port), username=PROBE, password=word)
        for _ in range(_TELL_TIMES):
            _signalled(folder, signal.SIGHUP)
            for _ in range(_TRIES):
                time.sleep(_TRY_S)
                if _is_let_in(address):
                    return True
    return False


def _is_let_in(address: BrokerAddress) -> bool:
    session = Session(address, PROBE)
    try:
        session.connect(_CONNECT_S)
    except (ConnectionError, OSError):
        return False
    session.close()
    return True


def _signalled(folder: Path, number: int) -> bool | None:
    """Send a signal; returns None where it does not run, False where it may not be told by this user."""
    try:
        process = int((folder / PID_FILE).read_text(encoding="ascii"))
        name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    if name != "mosquitto":
        return None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)
        return True
    return False
