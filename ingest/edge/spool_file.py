"""The bytes of a spool: lines with a check sum, the file that they are appended to, and the tally of all its files.

A line is eight hexadecimal digits (CRC-32 of the rest), a blank, and what was put at once: fields with a tab between
them, which JSON never holds. A field is the id of a device, an observation of the device named last (JSON), or, behind
``=``, what a codec remembers since; ``==`` stands before all that is remembered. So a file that was cut anywhere, or
that has a damaged block, gives what was put at once as a whole or not at all.
"""

import contextlib
import fcntl
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from errno import EDQUOT, EIO, ENODEV, ENOENT, ENOSPC, ENXIO, EROFS, ESTALE
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from ingest.clock import wall_ms
from ingest.files import replace_file, sync_folder

logger = logging.getLogger(__name__)
_MEMORY: Final = msgspec.json.Decoder(dict[str, bytes | None])
OVERHEAD: Final = 10
"""Bytes of a line beside its fields."""
ROW: Final = b'{"type":"'
"""What begins every observation, and stands nowhere else."""
PRIVATE: Final = 0o600
_ASIDE: Final = 5
_BLOCK: Final = 4096
_COPY: Final = 64 << 10


DISK_ERRORS: Final = frozenset({ENOSPC, EDQUOT, EROFS, EIO, ENXIO, ENODEV, ESTALE})
"""A disk is full or broken. Other errors are a wrong path or missing rights, which a person has to put right."""


Memory = Mapping[str, bytes | None]
"""Key → what is remembered under it; None: nothing any more."""


class Filed(NamedTuple):
    """One observation of a file."""

    device: str
    payload: bytes
    at: int
    """Where the payload begins in the file."""


class SpoolTally(msgspec.Struct):
    """What a spool's files are known to hold, so that nothing is lost from them without being counted.

    It is changed before acknowledged observations leave a file, and after dropped ones do: a process that is killed in
    between finds the latter missing, and counts them.
    """

    rows: dict[int, int] = {}
    """Number of a file (0: the one that is appended to) → observations in it."""
    dropped: dict[str, int] = {}
    """Why and what → observations given up or lost since the spool was made."""
    ran_s: int = 0
    """How long agents have run on this spool."""
    closed_s: dict[int, int] = {}
    """Number of a file → `ran_s` when nothing more was appended to it: a clock may be wrong."""

    def lose(self, why: str, count: int) -> None:
        """Count what is given up or lost."""
        if count:
            self.dropped[why] = self.dropped.get(why, 0) + count

    def leave(self, number: int) -> None:
        """Forget a file."""
        self.rows.pop(number, None)
        self.closed_s.pop(number, None)


class SpoolError(OSError):
    """The spool cannot be opened; the text names the file and what to do."""


def lines(contents: Iterable[bytes]) -> bytes:
    r"""Return contents as lines.

    >>> lines([b'{"type":"level"}'])
    b'6f44820b {"type":"level"}\n'
    """
    return b"".join(b"%08x %b\n" % (crc32(content), content) for content in contents)


def together(rows: Iterable[tuple[str, bytes]], memory: Memory | None = None, *, whole: bool = False) -> bytes:
    r"""Return the content of a line: observations of devices, and what is remembered since, or (`whole`) at all.

    >>> together([("cam-1", b'{"type":"count"}'), ("cam-1", b'{"type":"gate"}')], {"a": b"7", "b": None})
    b'cam-1\t{"type":"count"}\t{"type":"gate"}\t={"a":"Nw==","b":null}'
    """
    fields, before = list[bytes](), None
    for device, payload in rows:
        if device != before:
            fields.append(device.encode())
            before = device
        fields.append(payload)
    if memory or whole:
        fields.append((b"==" if whole else b"=") + msgspec.json.encode(memory))
    return b"\t".join(fields)


def rows_of(contents: Iterable[tuple[int, bytes]], owner: str) -> Iterator[Filed]:
    """Yield the observations of a file.

    `contents` are lines and where each begins in the file; `owner` is the device of observations that name none.
    """
    for start, content in contents:
        device, at = owner, start
        for part in content.split(b"\t"):
            if part.startswith(b"{"):
                yield Filed(device, part, at)
            elif not part.startswith(b"="):
                device = part.decode(errors="replace")
            at += len(part) + 1


def memory_of(contents: Iterable[tuple[int, bytes]]) -> dict[str, bytes] | None:
    """Return what codecs remembered at the end of a file; None where no line says."""
    memory, known = dict[str, bytes](), False
    for _, content in contents:
        at = 0 if content.startswith(b"=") else content.find(b"\t=") + 1
        if at or content.startswith(b"="):
            part = content[at:]
            if part.startswith(b"=="):
                memory.clear()
            remember(memory, _remembered(part))
            known = True
    return memory if known else None


def remember(memory: dict[str, bytes], changes: Memory) -> None:
    """Take changes over into what is remembered."""
    for key, value in changes.items():
        if value is None:
            memory.pop(key, None)
        else:
            memory[key] = value


def _remembered(part: bytes) -> dict[str, bytes | None]:
    try:
        return _MEMORY.decode(part.lstrip(b"="))
    except msgspec.MsgspecError:
        return {}


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


def read_lines(path: Path) -> list[tuple[int, bytes]]:
    """Return the contents of a file's lines, in order, and where each begins. Raises OSError where it cannot be opened.

    What is no whole line is named in the log. The end that a power cut took is usual; a file that has more wrong with
    it is copied, with the ending ``.broken-<time>``, and written again without that. At most `_ASIDE` copies are made.
    """
    content = read_through(path)
    found, at, wrong = list[tuple[int, bytes]](), 0, len(content)
    while (end := content.find(b"\n", at)) >= 0:
        text = content[at + 9 : end]
        if content[at : at + 9] == b"%08x " % crc32(text) and at + 9 <= end:
            found.append((at + 9, text))
            wrong -= end + 1 - at
        at = end + 1
    if wrong > len(content) - at or (wrong and not found):
        aside = path.with_name(f"{path.name}.broken-{wall_ms()}")
        logger.error(
            "%s: damaged: %d bytes hold no observations; the other %d lines are saved, a copy of the file is %s",
            path, wrong, len(found), aside.name,
        )  # fmt: skip
        try:
            if len(list(path.parent.glob("*.broken-*"))) < _ASIDE:
                replace_file(aside, content, mode=PRIVATE)
            replace_file(path, lines(text for _, text in found), mode=PRIVATE)
        except OSError as error:
            logger.warning("%s: the copy cannot be written: %s", aside, error.strerror)
        else:
            ends = accumulate((len(text) + OVERHEAD for _, text in found), initial=9)
            found = [(start, text) for start, (_, text) in zip(ends, found, strict=False)]
    elif wrong:
        logger.warning("%s: the last %d bytes were not written whole; all before them is there", path, wrong)
    return found


def read_tally(lock: int | None) -> SpoolTally:
    """Return what the lock's file says of all files; an empty one where it says nothing that can be read."""
    for start in (0, _COPY):
        if lock is None:
            break
        with contextlib.suppress(OSError, ValueError):
            line = os.pread(lock, _COPY, start).partition(b"\n")[0]
            if line[:9] == b"%08x " % crc32(line[9:]):
                return msgspec.json.decode(line[9:], type=SpoolTally)
    return SpoolTally()


def write_tally(lock: int | None, tally: SpoolTally, *, twice: bool) -> None:
    """Write it in the lock's file. A disk that takes nothing loses only this.

    `twice` for what must outlive a damaged block: every further write wears a card out.
    """
    line = lines([msgspec.json.encode(tally)])
    if lock is not None and len(line) <= _COPY:
        with contextlib.suppress(OSError):
            for start in (0, _COPY) if twice else (0,):
                os.pwrite(lock, line, start)


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

    def move(self, target: Path, head: bytes) -> None:
        """Sync what is there, give it another name, and begin again with `head`."""
        self.sync()
        self.path.rename(target)
        self.close()
        if head:
            self.rewrite(head, in_place=False)
            return
        sync_folder(self.path.parent)
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
