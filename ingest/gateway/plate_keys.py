"""Files of keys: those that plate tokens are made with, that open sealed plates, that commands are signed with.

The first and the last are made at the first start, the second when somebody asks for its public half. All live outside
the data folder: whoever carries off the data, or a backup of it, has tokens that lead back to nobody.
"""

import logging
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec

from ingest.clock import wall_ms
from ingest.files import replace_file
from ingest.gateway.plates import LINK_DAYS, PlateKeyError, Plates
from ingest.setup.extras import load

_log = logging.getLogger(__name__)
_KEY_BYTES: Final = 32
_DAY_MS: Final = 86_400_000


class _Key(msgspec.Struct, frozen=True):
    id: str
    created_ms: int
    secret: bytes

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{4}", self.id) or len(self.secret) < _KEY_BYTES:
            raise ValueError(f"key {self.id!r} needs an id of 4 hexadecimal digits and {_KEY_BYTES} secret bytes")


class _KeyFile(msgspec.Struct, frozen=True):
    keys: list[_Key]


class FilePlates(Plates):
    """Plates whose keys are in files; a running gateway sees by `refresh` that there are others."""

    def __init__(self, path: Path, now_ms: int, seal_path: Path | None = None) -> None:
        """Read the keys. Raises `PlateKeyError`."""
        self._path, self._seal_path = path, seal_path
        self._seen: tuple[int, int] = 0, 0
        self._until_ms = 0
        self._open = None
        self._read(now_ms)

    def refresh(self, now_ms: int) -> None:
        """Read the file again where it has changed, or where a link is over.

        A file that cannot be read is told in the program's log, once; the keys before stay in use.
        """
        seen = _changed(self._path), _changed(self._seal_path)
        if not seen[0] or (seen == self._seen and now_ms < self._until_ms):
            return
        try:
            self._read(now_ms)
        except PlateKeyError as error:
            self._seen, self._until_ms = seen, now_ms + _DAY_MS
            _log.error("%s; the keys before stay in use", error)

    def _read(self, now_ms: int) -> None:
        keys = read_keys(self._path)
        seal_seen = _changed(self._seal_path)
        if self._seal_path is not None and seal_seen:
            self._open = load("ingest.sealing").PrivateKeys([key.secret for key in read_keys(self._seal_path)]).open
        self._seen = _changed(self._path), seal_seen
        # A key is linked until 28 days after the one that replaced it was made.
        ends = [after.created_ms + LINK_DAYS * _DAY_MS for after in keys[1:]]
        live = [end for end in ends if end > now_ms]
        self._until_ms = min(live, default=1 << 62)
        self._use([(key.id, key.secret) for key in keys], len(live))


def load_plates(path: Path, *, was: Path | None = None, seal_path: Path | None = None) -> Plates:
    """Read the key file, making one with a fresh key (mode 0600) where there is none.

    `was` is where earlier versions kept it: a file there is moved. `seal_path` is where the keys are that sealed plates
    are opened with. Raises `PlateKeyError`, and `ingest.setup.extras.MissingExtraError` where there are such keys and
    the extra seal is not installed.
    """
    if was is not None and was != path and was.exists() and not path.exists():
        _move(was, path)
    if not path.exists():
        _write(path, [_new_key()], create_only=True)
    return FilePlates(path, wall_ms(), seal_path)


def rotate(path: Path) -> str:
    """Add a fresh key to the file, and return its id. Raises `PlateKeyError`.

    Keys stay for as long as their tokens are linked to newer ones: then nobody can make those tokens any more. Running
    gateways use the fresh key within seconds.
    """
    keys, now_ms = (read_keys(path) if path.exists() else []), wall_ms()
    fresh = _new_key()
    after = [*keys, fresh][1:]
    keys = [key for key, next_ in zip(keys, after, strict=True) if next_.created_ms + LINK_DAYS * _DAY_MS > now_ms]
    _write(path, [*keys, fresh])
    return fresh.id


def add_seal_key(path: Path) -> str:
    """Add a fresh key that plates can be sealed to, and return its id.

    All older ones stay: nobody knows which edge device still seals to which. Raises `PlateKeyError`, and
    `ingest.setup.extras.MissingExtraError` without the extra seal.
    """
    sealing = load("ingest.sealing")
    keys = read_keys(path) if path.exists() else []
    secret: bytes = sealing.new_secret()
    fresh = _Key(sealing.PrivateKeys([secret]).public[0].id, wall_ms(), secret)
    _write(path, [*(key for key in keys if key.id != fresh.id), fresh])
    return fresh.id


def public_seal_keys(path: Path) -> list[str]:
    """Return the lines that edge devices need, oldest key first, none without a file. Raises as `add_seal_key`."""
    if not path.exists():
        return []
    return [str(key) for key in load("ingest.sealing").PrivateKeys([key.secret for key in read_keys(path)]).public]


def command_keys(path: Path) -> tuple[bytes, ...]:
    """Return the secrets that the board signs commands with, newest last; makes one where there is none.

    Whoever comes first makes it, the board or a gateway. Raises `PlateKeyError`.
    """
    if not path.exists():
        _write(path, [_new_key()], create_only=True)
    return tuple(key.secret for key in read_keys(path))


def read_keys(path: Path) -> list[_Key]:
    """Return the keys of a file, oldest first. Raises `PlateKeyError`."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise PlateKeyError(f"key file {path}: cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise PlateKeyError(f"key file {path}: mode {mode:o} lets others read it, expected 600: chmod 600 {path}")
    try:
        keys = msgspec.json.decode(content, type=_KeyFile).keys
    except msgspec.MsgspecError as error:
        raise PlateKeyError(f"key file {path}: {error}; restore it from a backup, or move it away") from error
    if not keys or len({key.id for key in keys}) < len(keys):
        raise PlateKeyError(f"key file {path}: expected at least one key, and every id once")
    return sorted(keys, key=lambda key: key.created_ms)


def _changed(path: Path | None) -> int:
    """Return when a file was changed, 0 where there is none."""
    try:
        return 0 if path is None else path.stat().st_mtime_ns
    except OSError:
        return 0


def _move(was: Path, path: Path) -> None:
    _write(path, read_keys(was), create_only=True)
    was.unlink()
    _log.warning("the plate key was moved out of the data folder, from %s to %s", was, path)


def _new_key() -> _Key:
    return _Key(secrets.token_hex(2), wall_ms(), secrets.token_bytes(_KEY_BYTES))


def _write(path: Path, keys: list[_Key], *, create_only: bool = False) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, msgspec.json.encode(_KeyFile(keys)), mode=0o600, create_only=create_only)
    except OSError as error:
        raise PlateKeyError(
            f"key file {path}: cannot be written: {error.strerror}; the settings may name another place"
        ) from error
