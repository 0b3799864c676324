"""Files that are whole or absent, whenever the power fails; and files that cannot be used, put out of the way."""

import contextlib
import errno
import fcntl
import io
import json
import logging
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.clock import wall_ms

_LOG: Final = logging.getLogger(__name__)


def keep_private() -> None:
    """Let others neither read nor write what this process makes from now on: files 0640, folders 0750 at most."""
    os.umask(os.umask(0o077) | 0o027)


def make_private(folder: Path) -> None:
    """Take the rights of others from the files of a folder, which an earlier version may have left open."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            mode = path.stat().st_mode
            if path.is_file() and mode & 0o027:
                path.chmod(mode & 0o7750)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries (files made, renamed, removed) on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder that is missing, and those that it is in; what root makes is whose the folder around it is.

    `mode` has its rights, from which the process's umask takes away. Raises OSError.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    _hand_over(folder, folder.parent)


def _hand_over(path: Path | int, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        if owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid)


def replace_file(
    path: Path, content: bytes, *, durable: bool = True, mode: int = 0o666, create_only: bool = False
) -> None:
    """Replace a file's content, or make the file: readers, and the next start, see the old content or the new.

    A folder that stands in its place is put aside. What root writes in another's folder is that one's: a station has to
    read what an administrator has changed. Raises OSError where it cannot be written; the old content then
    stays.

    Parameters
    ----------
    durable
        Return only when the content is on disk. Without it a power cut may bring the old content back.
    mode
        Rights of the file, from which the process's umask takes away.
    create_only
        Leave a file alone that is there already, or that another process makes at the same time.
    """
    with replacing(path, durable=durable, mode=mode, create_only=create_only) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(
    path: Path, *, durable: bool = True, mode: int = 0o666, create_only: bool = False
) -> Iterator[io.BufferedWriter]:
    """Give a file whose content takes the path's place when the body is done, as `replace_file` does.

    Where the body raises, nothing is changed and nothing is left behind; a process that is killed leaves a file
    ``PATH.PID.new``.
    """
    make_folder(path.parent)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            yield file
            _hand_over(file.fileno(), path.parent)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if create_only:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        else:
            if path.is_dir():
                put_aside(path, "is a folder, expected a file")
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one thread of one process at a time change a file; a file ``PATH.lock`` stays beside it. Raises OSError."""
    make_folder(path.parent, 0o700)
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _hand_over(handle, path.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def replace_json(path: Path, document: object) -> None:
    """Replace a file by a document as JSON, without a wait for the disk."""
    replace_file(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(), durable=False)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of JSON in a file; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class PutAside(msgspec.Struct, frozen=True):
    """A file that could not be used and was moved out of the way; a note of it stands beside it."""

    file: str
    """The name it had."""
    kept: str
    """The name it has now, in the same folder."""
    why: str
    at_ms: int
    """When, by the machine's clock (epoch ms)."""
    saved: int = 0
    """Entries that were read from it and are in use again."""
    lost: str = ""
    """What of it could not be read, as far as that is known."""
    done: bool = True
    """Whether all that can be read was saved; else the next start goes on with it."""


_MARK: Final = ".damaged-"
_NOTE: Final = ".note"
_PARTS: Final = ("-wal", "-shm", "-journal")
"""What SQLite puts beside a database."""
PUT_ASIDE_MOST: Final = 20
"""Copies of one file that are put aside at most within an hour: a disk that fails must not be filled with them."""
_HOUR_MS: Final = 3_600_000


def put_aside(path: Path, why: str, *, done: bool = True) -> PutAside:
    """Move a file or folder that cannot be used out of the way, with what SQLite put beside it. Nothing is deleted.

    `done` is False where somebody is about to save what can be read of it. Raises OSError where it cannot be moved, or
    where that has been done too often within the last hour.
    """
    now_ms = wall_ms()
    recent = [one for one in all_put_aside(path.parent) if one.file == path.name and now_ms - one.at_ms < _HOUR_MS]
    if len(recent) >= PUT_ASIDE_MOST:
        text = f"was put aside {len(recent)} times within an hour, and is damaged again ({why}): is the disk failing?"
        raise OSError(errno.EIO, text, str(path))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ms / 1000))
    kept, number = path.with_name(f"{path.name}{_MARK}{stamp}"), 1
    while kept.exists() or kept.is_symlink():
        number += 1
        kept = path.with_name(f"{path.name}{_MARK}{stamp}.{number}")
    path.rename(kept)
    for part in _PARTS:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(kept.with_name(kept.name + part))
    one = PutAside(path.name, kept.name, why, now_ms, done=done)
    note_put_aside(path.parent, one)
    _LOG.error("%s: %s; it is put aside as %s, and nothing of it is deleted", path, why, kept.name)
    return one


def note_put_aside(folder: Path, one: PutAside) -> None:
    """Write the note of what was put aside again, with what came of it. A full disk loses only the note."""
    try:
        replace_file(folder / f"{one.kept}{_NOTE}", msgspec.json.encode(one), durable=False)
    except OSError as error:
        _LOG.warning("the note of %s cannot be written: %s", one.kept, error)


def all_put_aside(folder: Path) -> list[PutAside]:
    """Return what was put aside in a folder and still stands there, oldest first."""
    found = []
    for kept in folder.glob(f"*{_MARK}*"):
        if kept.name.endswith((_NOTE, *_PARTS, ".new")):
            continue
        try:
            note = msgspec.json.decode((folder / f"{kept.name}{_NOTE}").read_bytes(), type=PutAside)
        except (OSError, msgspec.MsgspecError):
            at_ms = kept.lstat().st_mtime_ns // 1_000_000
            note = PutAside(kept.name.partition(_MARK)[0], kept.name, "", at_ms)
        found.append(note)
    return sorted(found, key=lambda one: (one.at_ms, one.kept))


def unpacked(packed: bytes | memoryview, most: int) -> bytes:
    """Return what zlib has packed. Takes no more memory than `most` bytes, whatever it claims to be.

    Raises ValueError where it is not whole, is longer, or has something behind it.
    """
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(found) > most or not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"it was cut short, or is other than at most {most} bytes")
    return found
