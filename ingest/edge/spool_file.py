"""The bytes of a spool: lines with a check sum, and the file that they are appended to.

A line is eight hexadecimal digits (CRC-32 of the observation), a blank, the observation as JSON, and a line feed, which
JSON never holds. So a file that was cut anywhere, or that has a damaged block, still gives every line that is whole.
"""

import contextlib
import fcntl
import logging
import os
import re
from collections.abc import Iterable
from errno import EDQUOT, EIO, ENODEV, ENOENT, ENOSPC, ENXIO, EROFS, ESTALE
from pathlib import Path
from typing import Final
from zlib import crc32

from ingest.clock import wall_ms
from ingest.files import replace_file, sync_folder

logger = logging.getLogger(__name__)
OVERHEAD: Final = 10
"""Bytes of a line beside its observation."""
PRIVATE: Final = 0o600
_ASIDE: Final = 5
_BLOCK: Final = 4096


DISK_ERRORS: Final = frozenset({ENOSPC, EDQUOT, EROFS, EIO, ENXIO, ENODEV, ESTALE})
"""A disk is full or broken. Other errors are a wrong path or missing rights, which a person has to put right."""


class SpoolError(OSError):
    """The spool cannot be opened; the text names the file and what to do."""


def lines(payloads: Iterable[bytes]) -> bytes:
    r"""Return observations as lines.

    >>> lines([b'{"type":"level"}'])
    b'6f44820b {"type":"level"}\n'
    """
    return b"".join(b"%08x %b\n" % (crc32(payload), payload) for payload in payloads)


def further_file(path: Path, number: int) -> Path:
    """Return the path of one of the files that a long queue has."""
    return path.with_name(f"{path.name}.{number:06d}")


def further_files(path: Path) -> list[tuple[int, Path]]:
    """Return the number and path of all that are there, oldest first; delete files that were never finished."""
    name = re.compile(rf"{re.escape(path.name)}\.(?:([0-9]{{6}})|[0-9]{{1,20}}\.new)\Z")
    found = []
    for entry in sorted(path.parent.iterdir()):
        match = name.match(entry.name)
        if match and match[1]:
            found.append((int(match[1]), entry))
        elif match:
            with contextlib.suppress(OSError):
                entry.unlink()
    return found


def take_lock(path: Path) -> int | None:
    """Keep other processes from a spool, until the returned file is closed; None where the disk takes nothing.

    Raises `SpoolError` where another has it.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        if error.errno in DISK_ERRORS:
            return None
        raise
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise SpoolError(f"{path}: in use by another process; one agent at a time may own a spool") from error
    return file


def read_lines(path: Path) -> list[bytes]:
    """Return the observations of a file, in order. Raises OSError where it cannot be opened.

    What is no whole line is named in the log. The end that a power cut took is usual; a file that has more wrong with
    it is copied, with the ending ``.broken-<time>``, and written again without that. At most `_ASIDE` copies are made.
    """
    content = read_through(path)
    *whole, end = content.split(b"\n")
    found = [line[9:] for line in whole if line[:9] == b"%08x " % crc32(line[9:])]
    wrong = len(content) - sum(map(len, found)) - OVERHEAD * len(found)
    if wrong > len(end) or (wrong and not found):
        aside = path.with_name(f"{path.name}.broken-{wall_ms()}")
        logger.error(
            "%s: damaged: %d bytes hold no observations; the other %d observations are saved, a copy of the file is %s",
            path, wrong, len(found), aside.name,
        )  # fmt: skip
        try:
            if len(list(path.parent.glob("*.broken-*"))) < _ASIDE:
                replace_file(aside, content, mode=PRIVATE)
            replace_file(path, lines(found), mode=PRIVATE)
        except OSError as error:
            logger.warning("%s: the copy cannot be written: %s", aside, error.strerror)
    elif wrong:
        logger.warning("%s: the last %d bytes were not written whole; all before them is there", path, wrong)
    return found


def read_through(path: Path) -> bytes:
    """Return a file's content, with zeros for blocks that the disk cannot read."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno != EIO:
            raise
    with path.open("rb", buffering=0) as file:
        blocks = []
        for start in range(0, os.fstat(file.fileno()).st_size, _BLOCK):
            try:
                blocks.append(os.pread(file.fileno(), _BLOCK, start))
            except OSError:
                blocks.append(bytes(_BLOCK))
        return b"".join(blocks)


class SpoolFile:
    """The file that is appended to. For one thread. Methods raise OSError.

    After one that failed nothing is known of the file's end: `rewrite` it.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._file: int | None = None
        self._entered = False
        """Whether the folder's entry is on disk."""

    def append(self, data: bytes) -> None:
        """Write behind what is there. It survives the end of this process, not that of the machine."""
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE)
            with contextlib.suppress(PermissionError):  # what a card is formatted with may have no rights
                os.fchmod(self._file, PRIVATE)
            self.size, self._entered = os.fstat(self._file).st_size, False
        _write(self._file, data)
        self.size += len(data)

    def sync(self) -> None:
        """Return when everything is on disk."""
        if self._file is not None:
            if not os.path.samestat(self.path.stat(), os.fstat(self._file)):
                raise FileNotFoundError(ENOENT, "somebody has put another file in its place")
            os.fsync(self._file)
            if not self._entered:
                sync_folder(self.path.parent)
                self._entered = True

    def rewrite(self, data: bytes, *, in_place: bool) -> None:
        """Replace the content: in place, or so that a power cut leaves either content whole, and on disk.

        In place costs the disk nearly nothing, but the moment it takes can lose everything: for what may be lost.
        """
        if in_place and self._file is not None:
            os.ftruncate(self._file, 0)
            _write(self._file, data)
        else:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.path, data, mode=PRIVATE)
            self.close()
            self.append(b"")
            self._entered = True
        self.size = len(data)

    def move(self, target: Path) -> None:
        """Sync what is there, give it another name, and begin again with nothing."""
        self.sync()
        self.path.rename(target)
        sync_folder(self.path.parent)
        self.close()
        self.append(b"")

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)
        self._file, self.size = None, 0


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
