"""Whether the files of a site are whole: read only, while a node works with them or not."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from console.people import people_file
from ingest import frame
from ingest.codecs import site_dialects
from ingest.files import all_put_aside
from ingest.frame import FrameKind
from ingest.gateway import quarantine
from ingest.log import log_file
from ingest.setup.extras import load
from ingest.sqlite import read_only
from stream.sinks.store import tables

DATABASES: Final = {
    "log.db": (log_file.APPLICATION, log_file.VERSION),
    "store.db": (tables.APPLICATION_ID, tables.VERSION),
    "quarantine.db": (quarantine.APPLICATION, quarantine.VERSION),
    site_dialects.FILE: (site_dialects.APPLICATION, site_dialects.VERSION),
    "influx.db": None,
    people_file.NAME: (people_file.APPLICATION, people_file.VERSION),
}
"""File → its kind and version."""
_DOCUMENTS: Final = ("node.json", "delivered.json", "training.json", "gateway.json", "gateway.copy.json", "status.json")
_STATES: Final = ("cold_start.json", "poison.json")


class Fault(NamedTuple):
    """What is wrong with one file."""

    file: str
    """Relative to the site's folder."""
    why: str
    """In the words of who found it."""
    code: str = "damaged"
    """``damaged``; ``passed`` where the node goes on without it, or writes it again; ``rights`` where it may not be
    read and written; ``aside`` where it was put aside before."""


def examine_files(folder: Path) -> Iterator[Fault]:
    """Yield what is wrong with the files of a site's folder. Raises OSError where the folder cannot be looked at."""
    for name in DATABASES:
        path = folder / name
        if path.exists():
            yield from _faults(name, path, check_database(path), "damaged")
    for name in _DOCUMENTS:
        yield from _faults(name, folder / name, _unreadable(folder / name, _read_json))
    state = folder / "state"
    for name in _STATES:
        yield from _faults(f"state/{name}", state / name, _unreadable(state / name, _read_json))
    for path in sorted(state.glob("*.pgs")):
        yield from _faults(f"state/{path.name}", path, _unreadable(path, _read_snapshot))
    model = folder / "model.pgb"
    yield from _faults("model.pgb", model, _unreadable(model, _read_forest))
    for one in all_put_aside(folder):
        yield Fault(one.kept, one.why, "aside")


def _faults(name: str, path: Path, found: str, code: str = "passed") -> Iterator[Fault]:
    if path.exists() and not path.is_file():
        yield Fault(name, "is no file", code)
    elif path.exists() and not os.access(path, os.R_OK | os.W_OK):
        yield Fault(name, f"belongs to user {path.stat().st_uid}, mode {path.stat().st_mode & 0o777:o}", "rights")
    elif found:
        yield Fault(name, found, code)


def check_database(path: Path) -> str:
    """Return what is wrong with a database, or nothing. Every page is read, and every record of a log is checked."""
    if not path.is_file():
        return "is no file"
    if not path.stat().st_size:
        return "is empty"
    try:
        with closing(read_only(path)) as opened:
            found = [row[0] for row in opened.execute("PRAGMA quick_check(1)")]
            if found != ["ok"]:
                return str(found[0]).splitlines()[-1]
            expected = DATABASES.get(path.name)
            kind = tuple(opened.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
            if expected is not None and (kind[0] != expected[0] or kind[1] > expected[1]):
                return f"is of kind {kind[0]:#x} and version {kind[1]}, expected {expected[0]:#x} and {expected[1]}"
            return _changed_records(opened) if path.name == "log.db" else ""
    except (sqlite3.Error, TypeError) as error:
        return str(error)


def _changed_records(opened: sqlite3.Connection) -> str:
    """Return which records of a log are not what was written."""
    changed = [
        position
        for position, shard, kind, received_ms, payload, check in opened.execute(
            "SELECT position, shard, kind, received_ms, payload, sum FROM records WHERE sum IS NOT NULL"
        )
        if check != log_file.check_sum(kind, shard, received_ms, payload)
    ]
    shown = ", ".join(map(str, changed[:5]))
    return f"{len(changed)} records have changed since they were written, at positions {shown}" if changed else ""


def _unreadable(path: Path, read: Callable[[Path], object]) -> str:
    try:
        read(path)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _read_json(path: Path) -> None:
    json.loads(path.read_bytes())


def _read_forest(path: Path) -> None:
    frame.decode(FrameKind.FOREST, path.read_bytes(), msgspec.Raw)


def _read_snapshot(path: Path) -> None:
    snapshots = load("stream.engines.snapshot_files")  # an edge device has no numpy
    frame.decode(FrameKind.SNAPSHOT, snapshots.read_snapshot(path), msgspec.Raw)
