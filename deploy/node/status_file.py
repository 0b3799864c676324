"""``status.json`` in a site's folder: how a node is, in a place of its own, for when the store itself fails.

The same status stands in the store, where the board and ``patrolgrid status`` read it; they read this file when the
store cannot be read. It is never synced.
"""

import contextlib
import errno
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ingest.files import read_json, replace_file

_LOG: Final = logging.getLogger(__name__)
STATUS_FILE: Final = "status.json"
_BLOCK: Final = 4096
_OLDER_MS: Final = 3_000


class StatusFile:
    """Writes the file of one site."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATUS_FILE
        self.trouble = ""
        """Why it cannot be written; empty while it can."""

    def put(self, status: Mapping[str, Any]) -> None:
        """Write a status. Never raises: the log file tells."""
        content = json.dumps(status, ensure_ascii=False, default=str).encode()
        content += b"\n"
        # Whole blocks, so that a later one finds room in them when the disk is full.
        content = content.ljust(-(-len(content) // _BLOCK) * _BLOCK)
        try:
            try:
                replace_file(self._path, content, durable=False)
            except OSError as error:
                if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    raise
                self._overwrite(content, error)
        except OSError as error:
            if str(error) != self.trouble:
                _LOG.error(
                    "%s cannot be written: %s; the node says: failing %s", self._path, error, sorted(status["failing"])
                )
            self.trouble = str(error)
        else:
            self.trouble = ""

    def _overwrite(self, content: bytes, full: OSError) -> None:
        """Write into the blocks that the file has already: no whole file is put in its place, but a full disk can."""
        with contextlib.suppress(FileNotFoundError), self._path.open("r+b") as file:
            room = os.fstat(file.fileno()).st_size
            if room >= len(content):
                file.write(content.ljust(room))
                return
        raise full


def read_status(folder: Path) -> dict[str, Any]:
    """Return the status that a node last wrote into its file; empty where there is none that can be read."""
    path = folder / STATUS_FILE
    for _ in range(2):  # it may be in the middle of being written over
        found = read_json(path)
        if found or not path.exists():
            return found
        time.sleep(0.01)
    return read_json(path)


def newest_status(folder: Path, stored: dict[str, Any] | None) -> dict[str, Any]:
    """Return the newer of the status in a store and of that in the file: on a full disk the store's does not change."""
    told = read_status(folder)
    if not stored or int(told.get("wall_ms") or 0) > int(stored.get("wall_ms") or 0) + _OLDER_MS:
        return told or stored or {}
    return stored
