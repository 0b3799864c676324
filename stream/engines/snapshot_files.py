"""Snapshots as files: written whole or not at all, the two newest kept, a damaged one passed over.

Of those that have become older one a day stays for a while, in a folder of its own: `patrolgrid whatif` begins with
them. They are moved there, so that nothing is written for them.

A station's are compressed: most of their tables are empty, and a card wears out by the bytes. Those of a city's shard
are not, because the engine waits for it.
"""

import logging
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest import frame
from ingest.files import put_aside, replace_file, unpacked
from ingest.frame import FrameError, FrameKind

_LOG = logging.getLogger(__name__)
_SUFFIX: Final = ".pgs"
KEPT: Final = 2
_DAYS: Final = "days"
"""Folder of the older ones, below that of the snapshots; named by log position and time."""
_APART_MS: Final = 20 * 3_600_000
"""They are so far apart, by the site's time."""
_MOST_DAYS: Final = 14
_MOST_KEPT_BYTES: Final = 256 << 20
_PACKED_BELOW: Final = 16 << 20
"""Snapshots of fewer bytes are compressed, which takes a tenth of a second at most."""
_PACKED: Final = b"\x78"
"""How zlib's streams begin, and no frame."""
_MOST_WORK_S: Final = 3.0
"""A snapshot is due when the records since the last one took so long to process, and would again after a crash;"""
MOST_BYTES: Final = 32 << 20
"""when they have so many bytes, which the log has to keep;"""
_AT_LATEST_S: Final = 3600.0
"""or when the last one is so old. At first it is ten seconds, then twenty, so that a new log soon has something that it
may drop."""


def read_snapshot(path: Path) -> bytes:
    """Return a snapshot that `SnapshotFiles` has written. Raises `ingest.frame.FrameError` and OSError."""
    data = path.read_bytes()
    if data[:1] != _PACKED:
        return data
    try:
        return unpacked(data, _PACKED_BELOW)  # whatever the file says, no more than was ever packed
    except ValueError as error:
        raise FrameError(f"the snapshot cannot be unpacked: {error}") from error


class KeptSnapshot(NamedTuple):
    """One that is kept of some day."""

    position: int
    now_ms: int
    path: Path


def kept_snapshots(folder: Path) -> list[KeptSnapshot]:
    """Return the older snapshots that are kept below a folder of snapshots, newest first."""
    found = []
    for path in (folder / _DAYS).glob(f"*{_SUFFIX}"):
        position, _, now_ms = path.stem.partition("-")
        if position.isdigit() and now_ms.isdigit():
            found.append(KeptSnapshot(int(position), int(now_ms), path))
    return sorted(found, reverse=True)


class PendingSnapshot(NamedTuple):
    """A snapshot that is to be written when every sink has the results up to there."""

    position: int
    now_ms: int
    """The site's time."""
    reached: int
    """The `stream.sinks.result_rows.order` of the newest results that the pipeline had given then."""
    data: bytes
    took_s: float


class SnapshotFiles:
    """Snapshots of one pipeline in a folder, named by the log position they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._now_ms: dict[int, int] = {}
        """Position → the site's time then, of what this process has saved."""

    def save(self, position: int, data: bytes, now_ms: int = 0) -> None:
        """Write a snapshot durably; when this returns it survives a power cut.

        Older ones but one are removed, or kept for a fortnight, where they are the first in a day by the site's time
        `now_ms`.
        """
        self._now_ms[position] = now_ms
        replace_file(self._path(position), zlib.compress(data, 1) if len(data) < _PACKED_BELOW else data)
        for old in self.paths()[KEPT:]:
            if old.is_dir():
                put_aside(old, "is a folder, expected a snapshot")
            elif not self._keep(old):
                old.unlink(missing_ok=True)

    def _keep(self, old: Path) -> bool:
        """Move a snapshot to the older ones where it is the first in a day, and let go of what is too much of them."""
        now_ms = self._now_ms.pop(int(old.stem), 0) if old.stem.isdigit() else 0
        kept = kept_snapshots(self.folder)
        if now_ms <= 0 or (kept and abs(now_ms - kept[0].now_ms) < _APART_MS):
            return False
        try:
            moved = self.folder / _DAYS / f"{old.stem}-{now_ms:014d}{_SUFFIX}"
            moved.parent.mkdir(exist_ok=True)
            old.replace(moved)
            size = 0
            for number, one in enumerate(kept_snapshots(self.folder)):
                size += one.path.stat().st_size
                if number >= _MOST_DAYS or size > _MOST_KEPT_BYTES:
                    one.path.unlink(missing_ok=True)
        except OSError as error:  # a comfort for people who tune: nothing depends on it
            _LOG.warning("%s cannot be kept for later: %s", old, error)
            return False
        return True

    def paths(self) -> list[Path]:
        """Return the snapshots, newest first."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"), reverse=True)

    def oldest_position(self) -> int:
        """Return the position that the log must keep everything after, 0 where there is no snapshot."""
        paths = self.paths()
        return int(paths[-1].stem) if len(paths) >= KEPT else 0

    def candidates(self) -> Iterator[tuple[int, bytes]]:
        """Yield the snapshots that are whole, newest first, each with its position."""
        for path in self.paths():
            try:
                data = read_snapshot(path)
                frame.decode(FrameKind.SNAPSHOT, data, msgspec.Raw)
            except (OSError, FrameError) as error:
                _LOG.warning("snapshot %s: %s; trying the one before", path.name, error)
                continue
            yield int(path.stem), data

    def put_aside(self, position: int) -> None:
        """Keep a snapshot that cannot be used for people to look at, out of the way."""
        path = self._path(position)
        path.replace(path.with_suffix(".unusable"))

    def _path(self, position: int) -> Path:
        return self.folder / f"{position:020d}{_SUFFIX}"


class CrashCost:
    """What a crash would cost now: the work since the last snapshot."""

    def __init__(self, every_s: float, most_bytes: int) -> None:
        self._every_s, self._most_bytes = every_s, most_bytes
        self._saved = 0
        """Snapshots since the start."""
        self.work_s, self.size = 0.0, 0
        self._least_at = self._latest_at = time.monotonic() + every_s

    def due(self) -> bool:
        """Tell whether a snapshot should be taken."""
        now = time.monotonic()
        much = self.work_s >= _MOST_WORK_S or self.size >= self._most_bytes
        return now >= self._latest_at or (much and now >= self._least_at)

    def put_off(self) -> None:
        """Note that a snapshot failed: the next attempt comes after the least wait."""
        self._least_at = self._latest_at = time.monotonic() + self._every_s

    def taken(self) -> None:
        """Begin to count again: a snapshot was captured."""
        self.work_s, self.size = 0.0, 0

    def saved(self, took_s: float) -> None:
        """Note that a snapshot is on disk, and how long capturing and writing it took."""
        self._saved += 1
        now, least_s = time.monotonic(), max(self._every_s, 20 * took_s)
        self._least_at = now + least_s
        self._latest_at = now + max(least_s, min(self._every_s * 2.0 ** min(self._saved, 20), _AT_LATEST_S))
