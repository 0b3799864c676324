"""One node a site: an advisory lock on its folder, which the system takes back when the process ends."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_NAME: Final = "node.lock"
_ATTEMPTS: Final = 5
PRIVATE: Final = 0o700
"""Mode of a site's folder where it is made: who passed which gate, and the key of the plate tokens, are in it."""


class LockedError(RuntimeError):
    """Another node already works on this folder; the text names the folder and its process id."""


class SiteLock:
    """Holds the lock of a site's folder until it is closed or the process ends. Raises `LockedError`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self._file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(0.05)  # `is_locked` holds the shared lock for a moment
                    continue
                holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
                os.close(self._file)
                raise LockedError(
                    f"{folder}: another node (process {holder}) already works here; stop it first"
                ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def close(self) -> None:
        """Give the lock back. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.close()


def is_locked(folder: Path) -> bool:
    """Tell whether a node works on a folder."""
    try:
        file = os.open(folder / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # A shared lock is refused exactly while a node holds its exclusive one.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
