"""Files that are whole or absent, whenever the power fails."""

import contextlib
import json
import os
from pathlib import Path


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


def replace_file(
    path: Path, content: bytes, *, durable: bool = True, mode: int = 0o666, create_only: bool = False
) -> None:
    """Replace a file's content, or make the file: readers, and the next start, see the old content or the new.

    Raises OSError where it cannot be written; the old content then stays.

    Parameters
    ----------
    durable
        Return only when the content is on disk. Without it a power cut may bring the old content back.
    mode
        Rights of the file, from which the process's umask takes away.
    create_only
        Leave a file alone that is there already, or that another process makes at the same time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if create_only:
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        else:
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def replace_json(path: Path, document: object) -> None:
    """Replace a file by a document as JSON, without a wait for the disk."""
    replace_file(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(), durable=False)
