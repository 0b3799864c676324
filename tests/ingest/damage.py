"""Ways in which a file on a disk goes wrong, shared by the tests of all that must go on then."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

PAGE = 4096


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def half_zeroed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def head_zeroed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes(min(PAGE, len(content))) + content[PAGE:])


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 7])


def junk(path: Path) -> None:
    """Junk in every page but the first, as `field/11` has it: heads of pages stay, the lists of their rows do not."""
    content = bytearray(path.read_bytes())
    for start in range(PAGE, len(content), PAGE):
        content[start + 8 : start + 400] = b"\xa5" * len(content[start + 8 : start + 400])
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def text(path: Path) -> None:
    path.write_text("this is not what it was, whatever its name says; " * 200)


def of_another_kind(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id=7")
        connection.execute("CREATE TABLE t (x)")
        connection.commit()


def of_a_later_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


WAYS: dict[str, Callable[[Path], None]] = {
    way.__name__: way for way in (emptied, zeroed, half_zeroed, head_zeroed, truncated, junk, a_folder, text)
}
DATABASE_WAYS = WAYS | {way.__name__: way for way in (of_another_kind, of_a_later_version)}


def without_root_of(table: str) -> Callable[[Path], None]:
    """Junk in the root page of one table: SQLite then finds no row of it, though all other pages are whole."""

    def ruin(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        with path.open("r+b") as file:
            file.seek((root - 1) * PAGE)
            file.write(b"\xa5" * PAGE)

    return ruin


def flipped(path: Path, what: bytes, index: int = 0) -> None:
    """Flip one bit of the first place where some bytes stand."""
    content = bytearray(path.read_bytes())
    content[content.index(what) + index] ^= 4
    path.write_bytes(content)


def copy_open(path: Path, to: Path) -> None:
    """Copy a database as a power cut would leave it: with what is only written ahead."""
    to.parent.mkdir(parents=True, exist_ok=True)
    for part in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + part)
        if beside.exists():
            shutil.copy(beside, to.with_name(to.name + part))
