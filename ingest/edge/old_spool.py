"""Spools of version 0.2, which were SQLite files: what waits in one is taken over once, and the file is deleted."""

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from ingest.edge.spool_file import OVERHEAD, PRIVATE, SpoolError, further_file, lines, read_through
from ingest.files import replace_file
from ingest.observations import Observation
from ingest.setup.extras import load

logger = logging.getLogger(__name__)
_HEADER: Final = b"SQLite format 3\0"
_ROW: Final = re.compile(rb'(?<![ \t])\{"type":[^{}\0]{1,2000}\}')
"""An observation that neither blank nor tab stands before, as they do in a line."""
_DECODER: Final = msgspec.json.Decoder(Observation)


def convert(path: Path, file_bytes: int, protect: Callable[[Observation], Observation]) -> None:
    """Write what an old spool holds into files of the new kind (``.000001``…), and delete it. Does nothing for others.

    Raises `SpoolError` where an agent of the old version uses it, or where there is no room.
    """
    try:
        content = read_through(path)
    except FileNotFoundError:
        return
    if not content.startswith(_HEADER) and not _ROW.search(content):
        return
    logger.info("%s: a spool of an older version; what waits in it is taken over", path)
    number, part, size = 0, list[bytes](), 0
    try:
        for observation in _observations(path):
            try:
                part.append(msgspec.json.encode(protect(observation)))
            except ValueError as error:
                logger.warning("%s: an observation is left out: %s", path, error)
                continue
            size += len(part[-1]) + OVERHEAD
            if size >= file_bytes:
                number, size = number + 1, 0
                replace_file(further_file(path, number), lines(part), mode=PRIVATE)
                part.clear()
        if part:
            replace_file(further_file(path, number + 1), lines(part), mode=PRIVATE)
        for ending in ("-wal", "-shm", ""):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, SpoolError):
            raise
        raise SpoolError(
            f"{path}: a spool of an older version, which cannot be taken over: {error.strerror}; it needs"
            f" {len(content) >> 20} MB of room, once"
        ) from error


def _observations(path: Path) -> Iterator[Observation]:
    """Yield observations under the numbers and boot ids that they had; some may have been acknowledged."""
    sqlite3 = load("sqlite3")  # a megabyte that few need
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1.0)) as db:
            for (payload,) in db.execute("SELECT payload FROM spool ORDER BY seq"):
                yield _DECODER.decode(payload)
    except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
        if "locked" in str(error):
            raise SpoolError(f"{path}: in use by another process; one agent at a time may own a spool") from error
        logger.warning("%s: damaged (%s); what can be read of it is taken over", path, error)
        # Repeats are dropped by their number, so that all that looks like an observation is taken.
        for name in (path, path.with_name(f"{path.name}-wal")):
            for match in _ROW.finditer(read_through(name) if name.exists() else b""):
                with contextlib.suppress(ValueError):
                    observation = _DECODER.decode(match[0])
                    if observation.seq is not None and observation.boot:
                        yield observation
