"""Cold start: no saved state could be used, so the baselines learn from nothing.

The note of it stays over restarts, until history has taught something: a node that raises few alarms because it knows
nothing yet must not look like one that has nothing to report. The embedded engine keeps the note in a file beside its
snapshots, a partition worker with the state itself.
"""

import logging
import time
from pathlib import Path
from typing import Final

import msgspec

from ingest.files import replace_file

_LOG = logging.getLogger(__name__)
ADVICE: Final = "`patrolgrid train --from-store` brings back what they knew"


class ColdStart(msgspec.Struct, frozen=True):
    """Since when (wall clock, epoch ms) the baselines learn from nothing, and why."""

    since_ms: int
    reason: str


def begin_cold_start(reason: str) -> ColdStart:
    """Return a cold start that begins now, and say in the log file what ends it."""
    _LOG.warning("the baselines learn again from what the log still holds (%s); %s", reason, ADVICE)
    return ColdStart(time.time_ns() // 1_000_000, reason)


class ColdStartNote:
    """The note's file, in a folder of snapshots."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cold_start.json"

    def read(self) -> ColdStart | None:
        """Return what is noted; None where nothing is, or where it cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=ColdStart)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _LOG.warning("%s cannot be read: %s", self._path, error)
            return None

    def write(self, reason: str) -> None:
        """Note that the state was lost. A full disk loses only the note."""
        try:
            replace_file(self._path, msgspec.json.encode(begin_cold_start(reason)))
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self._path, error)

    def clear(self) -> None:
        """Remove the note: the baselines have been taught."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("%s cannot be removed: %s", self._path, error)
