"""One process for each part of a site: an advisory lock, which the system takes back when the process ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ingest.files import make_private, put_aside

_ATTEMPTS: Final = 5
PRIVATE: Final = 0o700
"""Mode of a site's folder where it is made: who passed which gate is in it."""


class LockedError(RuntimeError):
    """Another process already does this for the folder; the text names the folder and its process id."""


@contextmanager
def site_lock(folder: Path, part: str = "node") -> Iterator[None]:
    """Hold the lock of a site's part until the block is left or the process ends. Raises `LockedError`."""
    path = folder / f"{part}.lock"
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    if path.is_dir():
        put_aside(path, "is a folder, expected a file")
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(0.05)  # `is_locked` holds the shared lock for a moment
                    continue
                holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
                raise LockedError(
                    f"{folder}: another {part} (process {holder}) already works here; stop it first"
                ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
        make_private(folder)
        yield
    finally:
        os.close(file)


def is_locked(folder: Path, part: str = "node") -> bool:
    """Tell whether a node, or another part of a site, works on a folder."""
    try:
        file = os.open(folder / f"{part}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A shared lock is refused exactly while a part holds its exclusive one.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
