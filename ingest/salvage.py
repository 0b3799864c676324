"""Rows of a SQLite file that SQLite itself can no longer read: whatever its pages still hold, one page at a time.

SQLite finds a row by walking down a tree of pages, so one damaged page takes everything below it away. Here no tree is
walked: every page is looked at by itself, and the rows that stand whole in it are given. The layout is that of SQLite's
file format, https://www.sqlite.org/fileformat2.html (sections 1.3 to 1.6, 2.1, 4).

What this cannot know is whether a row is still wanted: an older copy of it may stand in a page that is no longer in
use. Who reads must say by the values which rows are believed, and take the same row twice without harm.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import Final

Value = int | float | str | bytes | None
_MAGIC: Final = b"SQLite format 3\0"
_HEADER: Final = 100
_PAGE: Final = 4096
"""Of every database that this project makes; taken where the file's own header is gone."""
_TABLE_LEAF: Final = 0x0D
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_LONGEST: Final = 64 << 20
"""Bytes of a row above which its length is not believed."""


def rows(path: Path, *columns: int) -> Iterator[tuple[int, tuple[Value, ...]]]:
    """Yield (row id, values) of every whole row with so many columns, in no order; a row may come more than once.

    Several numbers where columns were added to a table: a row that was written before has fewer.

    What a write-ahead file beside it holds is looked at first. Raises OSError for a file that cannot be read at all.
    """
    with path.open("rb") as file:
        yield from _Pages(file.fileno(), _write_ahead(path)).rows(columns)


def _write_ahead(path: Path) -> bytes:
    try:
        return path.with_name(f"{path.name}-wal").read_bytes()
    except OSError:
        return b""


class _NotARow(Exception):  # noqa: N818 - no error: most bytes are no row
    """The bytes looked at are no whole row."""


class _Pages:
    def __init__(self, file: int, wal: bytes) -> None:
        self._file, self._wal = file, wal
        head = self._read(0, 18)
        size = int.from_bytes(head[16:] if head[:16] == _MAGIC else wal[10:12], "big")
        self._size = 65_536 if size == 1 else size
        if not 512 <= self._size <= 65_536 or self._size & (self._size - 1):
            self._size = _PAGE
        self._newest = self._frames()
        self._pages = max(os.fstat(file).st_size // self._size, max(self._newest, default=0))

    def _frames(self) -> dict[int, int]:
        """Return page → where its newest committed copy stands in the write-ahead file."""
        wal, found, pending = self._wal, dict[int, int](), dict[int, int]()
        if len(wal) < _WAL_HEADER or unpack_from(">I", wal)[0] not in _WAL_MAGIC:
            return found
        salts, step = wal[16:24], _FRAME_HEADER + self._size
        for at in range(_WAL_HEADER, len(wal) - step + 1, step):
            if wal[at + 8 : at + 16] != salts:
                break  # what stands behind is older
            page, commit = unpack_from(">II", wal, at)
            pending[page] = at + _FRAME_HEADER
            if commit:
                found.update(pending)
                pending.clear()
        return found

    def _page(self, number: int) -> bytes:
        at = self._newest.get(number)
        if at is not None:
            return self._wal[at : at + self._size]
        return self._read((number - 1) * self._size, self._size)

    def _read(self, at: int, size: int) -> bytes:
        try:
            return os.pread(self._file, size, at)
        except OSError:  # a sector that the disk cannot read; mapped into memory it would end the process
            return b""

    def rows(self, columns: tuple[int, ...]) -> Iterator[tuple[int, tuple[Value, ...]]]:
        """Yield the rows of all pages."""
        unused = self._free()
        for number in range(1, self._pages + 1):
            page, head = self._page(number), _HEADER if number == 1 else 0
            if number in unused or len(page) < self._size or page[head] != _TABLE_LEAF:
                continue
            for at in self._cells(page, head):
                try:
                    yield self._row(page, at, columns)[:2]
                except (_NotARow, IndexError, UnicodeDecodeError):
                    continue

    def _free(self) -> set[int]:
        """Return the pages that are not in use, as far as the list of them can be read."""
        found: set[int] = set()
        trunk = int.from_bytes(self._page(1)[32:36], "big")
        while 0 < trunk <= self._pages and trunk not in found:
            found.add(trunk)
            page = self._page(trunk)
            count = min(int.from_bytes(page[4:8], "big"), self._size // 4 - 2)
            found.update(unpack_from(f">{count}I", page, 8) if len(page) == self._size else ())
            trunk = int.from_bytes(page[:4], "big")
        return found

    def _cells(self, page: bytes, head: int) -> Iterator[int]:
        """Yield where the cells of a page begin: as it says, or, where that is damaged, one behind the other."""
        count, start = unpack_from(">HH", page, head + 3)
        start = start or 65_536
        if head + 8 + 2 * count <= min(start, self._size):
            cells = unpack_from(f">{count}H", page, head + 8)
            if all(start <= at < self._size for at in cells):
                yield from cells
                return
        for _ in range(count):
            yield start
            try:
                *_, start = self._row(page, start, ())
            except (_NotARow, IndexError, UnicodeDecodeError):
                return

    def _row(self, page: bytes, at: int, columns: tuple[int, ...]) -> tuple[int, tuple[Value, ...], int]:
        """Return the row of a cell, and where the cell ends; without `columns` no values."""
        size, at = _varint(page, at)
        row_id, at = _varint(page, at)
        most = self._size - 35
        local = size
        if size > most:
            least = (self._size - 12) * 32 // 255 - 23
            local = least + (size - least) % (self._size - 4)
            local = local if local <= most else least
        end = at + local + (4 if local < size else 0)
        if size > _LONGEST or end > self._size:
            raise _NotARow
        if not columns:
            return row_id, (), end
        payload = page[at : at + local]
        if local < size:
            payload += self._overflow(int.from_bytes(page[at + local : end], "big"), size - local)
        return row_id - (row_id >> 63 << 64), _values(payload, columns), end

    def _overflow(self, number: int, size: int) -> bytes:
        parts = []
        while size > 0:
            page = self._page(number) if 0 < number <= self._pages else b""
            if len(page) < self._size:
                raise _NotARow
            parts.append(page[4 : 4 + size])
            size -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9


_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Serial type → bytes of an integer."""


def _values(payload: bytes, columns: tuple[int, ...]) -> tuple[Value, ...]:
    head, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < head and len(kinds) < max(columns):
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != head or len(kinds) not in columns:
        raise _NotARow
    found: list[Value] = []
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= 12 else 8 if kind == 7 else _INTEGERS.get(kind, 0)
        part = payload[at : at + size]
        at += size
        if kind in {10, 11} or len(part) < size:
            raise _NotARow
        if kind >= 12:
            found.append(part.decode() if kind % 2 else part)
        elif kind == 7:
            found.append(unpack_from(">d", part)[0])
        else:
            found.append(None if not kind else kind - 8 if kind >= 8 else int.from_bytes(part, "big", signed=True))
    if at != len(payload):
        raise _NotARow
    return tuple(found)
