"""A note beside the snapshots: no saved state could be used, so the baselines learn anew.

It stays over restarts, until history has taught something: a node whose alarms are few because it knows nothing yet
must not look like one that has nothing to report.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

import msgspec

_LOG = logging.getLogger(__name__)
ADVICE: Final = "`patrolgrid train --from-store` brings back what they knew"


class Anew(msgspec.Struct, frozen=True):
    """Since when (wall clock, epoch ms) the baselines learn anew, and why."""

    since_ms: int
    reason: str


class AnewNote:
    """The note's file, in a folder of snapshots."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "anew.json"

    def read(self) -> Anew | None:
        """Return what is noted; None where nothing is, or where it cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Anew)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _LOG.warning("%s cannot be read: %s", self._path, error)
            return None

    def write(self, reason: str) -> None:
        """Note that the state was lost, and say in the log what brings it back. A full disk loses only the note."""
        _LOG.warning("the baselines learn anew from what the log still holds (%s); %s", reason, ADVICE)
        unfinished = self._path.with_suffix(".tmp")
        try:
            unfinished.write_bytes(msgspec.json.encode(Anew(time.time_ns() // 1_000_000, reason)))
            unfinished.replace(self._path)
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self._path, error)

    def clear(self) -> None:
        """Forget the note: the baselines have been taught."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("%s cannot be removed: %s", self._path, error)
