"""The records that make the pipeline fail, noted in a small file beside the snapshots."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from ingest.files import replace_file

_LOG: Final = logging.getLogger(__name__)


class PoisonNotes:
    """Log positions of records that are passed by, each with the reason."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "poison.json"
        self.known: dict[int, str] = {}

    def add(self, position: int, why: str) -> None:
        """Note a record; where the file cannot be written it is noted at its next failure."""
        self.known[position] = why
        try:
            replace_file(self._path, msgspec.json.encode(sorted(self.known.items())))
        except OSError as error:
            _LOG.warning("%s cannot be written: %s", self._path, error)

    def read(self) -> None:
        """Know also what was noted before."""
        try:
            noted = dict(msgspec.json.decode(self._path.read_bytes(), type=list[tuple[int, str]]))
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            _LOG.warning("%s cannot be read (%s): records that fail are noted again", self._path, error)
            return
        for position, why in noted.items():
            self.known.setdefault(position, why)
