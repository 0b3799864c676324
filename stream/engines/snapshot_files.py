"""Snapshots as files: written whole or not at all, the two newest kept, a damaged one passed over."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from ingest import frame
from ingest.files import replace_file
from ingest.frame import FrameError, FrameKind

_LOG = logging.getLogger(__name__)
_SUFFIX: Final = ".pgs"
KEPT: Final = 2


class SnapshotFiles:
    """Snapshots of one pipeline in a folder, named by the log position they belong to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, position: int, data: bytes) -> None:
        """Write a snapshot durably; when this returns it survives a power cut. Older ones but one are removed."""
        replace_file(self._path(position), data)
        for old in self.paths()[KEPT:]:
            old.unlink(missing_ok=True)

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
                data = path.read_bytes()
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
