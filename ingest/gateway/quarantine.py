"""What could not be decoded, checked or processed: kept with its bytes, its topic, the reason and the time.

Bounded by rows and bytes. The oldest entries are dropped, but never the counts: for every reason the file says how
many came, how many were dropped and how many were replayed.
"""

import errno
import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from ingest import sqlite
from ingest.refusal import Refusal

_APPLICATION: Final = 0x50475141  # "PGQA"
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    received_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    payload BLOB NOT NULL,
    size INTEGER NOT NULL,
    count INTEGER NOT NULL,
    replayed_ms INTEGER
);
CREATE TABLE totals (
    reason TEXT PRIMARY KEY,
    total INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    replayed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE held (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO held VALUES (1, 0, 0)
"""
_TOPIC_CHARACTERS: Final = 512
_DETAIL_CHARACTERS: Final = 400
MAX_PAYLOAD: Final = 64 << 10
"""Bytes kept of a payload."""
_ENTRY_BYTES: Final = 160
"""What an entry takes beside its payload, about."""


class Entry(msgspec.Struct, frozen=True):
    """One entry of the quarantine; ``count`` equal ones (same topic, reason and payload) share it."""

    id: int
    received_ms: int
    last_ms: int
    topic: str
    reason: str
    detail: str
    payload: bytes
    size: int
    count: int
    replayed_ms: int | None

    @property
    def whole(self) -> bool:
        """Whether all its bytes are here: only then can it be replayed."""
        return len(self.payload) >= self.size


class Totals(msgspec.Struct, frozen=True):
    """What became of all that came for one reason, since the file was made."""

    total: int
    dropped: int
    """Came, were counted, and had to make room."""
    replayed: int


class Quarantine:
    """A quarantine in one SQLite file; safe across threads and processes.

    Parameters
    ----------
    path
        The file; made with its folder where absent.
    max_rows, max_bytes
        Bounds on entries and on their bytes; beyond them the oldest go, and are counted.
    max_payload
        Bytes kept of one payload; ``Entry.size`` is how many there were.
    """

    def __init__(
        self, path: Path, *, max_rows: int = 50_000, max_bytes: int = 128 << 20, max_payload: int = MAX_PAYLOAD
    ) -> None:
        if min(max_rows, max_bytes, max_payload) < 1:
            raise ValueError(f"quarantine {path}: bounds {max_rows}, {max_bytes}, {max_payload}: expected above 0")
        self.path, self.max_rows, self.max_bytes, self.max_payload = path, max_rows, max_bytes, max_payload
        self._lock = threading.Lock()
        self._connection = sqlite.connect(path, application_id=_APPLICATION, version=_VERSION, schema=_SCHEMA)

    def add_many(self, refusals: Iterable[Refusal]) -> None:
        """Store refusals in one transaction; they are on disk when this returns.

        Raises OSError when the disk is full or fails; none of them is then stored.
        """
        rows: dict[bytes, _Row] = {}
        for refusal in refusals:
            row = self._row(refusal)
            known = rows.get(row.digest)
            if known is not None:
                row = known._replace(last_ms=row.received_ms, times=known.times + row.times)
            rows[row.digest] = row
        if rows:
            with self._locked(), sqlite.transaction(self._connection):
                self._store(list(rows.values()))

    def list(
        self, *, reason: str | None = None, limit: int = 100, after: int = 0, waiting: bool = False
    ) -> list[Entry]:
        """Return entries in the order in which they first came, from the first whose id is greater than `after`.

        `reason` chooses one reason; `waiting` leaves out what has been replayed since it last came.
        """
        rows = self._query(
            "SELECT id, received_ms, last_ms, topic, reason, detail, payload, size, count, replayed_ms FROM entries "
            "WHERE id > ? AND reason = coalesce(?, reason) AND (NOT ? OR replayed_ms IS NULL) ORDER BY id LIMIT ?",
            (after, reason, waiting, limit),
        )
        return [Entry(*row) for row in rows]

    def get(self, entry_id: int) -> Entry | None:
        """Return one entry, None where there is none (any more)."""
        found = self.list(after=entry_id - 1, limit=1)
        return found[0] if found and found[0].id == entry_id else None

    def mark_replayed(self, ids: Sequence[int], at_ms: int | None) -> int:
        """Remember when entries were published again, None where they could not be; return how many have changed.

        Mark before publishing: what is wrong still comes in as the same entry, and is waiting then.
        """
        changed = 0
        replayed = at_ms is not None
        with self._locked(), sqlite.transaction(self._connection):
            for entry_id in ids:
                for (reason,) in self._connection.execute(
                    "UPDATE entries SET replayed_ms = ? WHERE id = ? AND (replayed_ms IS NULL) = ? RETURNING reason",
                    (at_ms, entry_id, replayed),
                ).fetchall():
                    changed += 1
                    self._connection.execute(
                        "UPDATE totals SET replayed = replayed + ? WHERE reason = ?", (1 if replayed else -1, reason)
                    )
        return changed

    def counts(self) -> dict[str, int]:
        """Return how many came for every reason, dropped and replayed ones included."""
        return {reason: totals.total for reason, totals in self.totals().items()}

    def totals(self) -> dict[str, Totals]:
        """Return, for every reason, what became of all that came."""
        rows = self._query("SELECT reason, total, dropped, replayed FROM totals ORDER BY reason")
        return {row[0]: Totals(*row[1:]) for row in rows}

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._connection.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other threads out, and name the file where the disk fails."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                number = errno.ENOSPC if sqlite.is_full(error) else errno.EIO
                text = f"the quarantine cannot be read or written: {error}"
                raise sqlite.StorageError(number, text, str(self.path)) from error

    def _row(self, refusal: Refusal) -> "_Row":
        topic = _printable(refusal.topic, _TOPIC_CHARACTERS)
        payload = refusal.payload
        digest = hashlib.blake2b(payload, digest_size=16)
        digest.update(f"\0{refusal.reason}\0{topic}".encode())
        return _Row(
            digest=digest.digest(),
            received_ms=refusal.received_ms,
            last_ms=refusal.received_ms,
            topic=topic,
            reason=str(refusal.reason),
            detail=_printable(refusal.detail, _DETAIL_CHARACTERS),
            payload=payload[: self.max_payload],
            size=max(refusal.size, len(payload)),
            times=refusal.times,
        )

    def _store(self, rows: "Sequence[_Row]") -> None:
        execute = self._connection.execute
        totals: Counter[str] = Counter()
        entries = size = 0
        for row in rows:
            totals[row.reason] += row.times
            inserted = execute(
                "INSERT INTO entries (digest, received_ms, last_ms, topic, reason, detail, payload, size, count) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                row,
            ).rowcount
            if inserted:
                entries += 1
                size += len(row.payload) + len(row.topic) + len(row.detail) + _ENTRY_BYTES
            else:
                execute(
                    "UPDATE entries SET count = count + ?, last_ms = ?, replayed_ms = NULL WHERE digest = ?",
                    (row.times, row.last_ms, row.digest),
                )
        for reason, count in totals.items():
            execute(
                "INSERT INTO totals (reason, total) VALUES (?, ?) ON CONFLICT (reason) DO UPDATE SET total = total + ?",
                (reason, count, count),
            )
        execute("UPDATE held SET entries = entries + ?, bytes = bytes + ?", (entries, size))
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        execute = self._connection.execute
        entries, size = execute("SELECT entries, bytes FROM held").fetchone()
        if entries <= self.max_rows and size <= self.max_bytes:
            return
        dropped: Counter[str] = Counter()
        through = 0
        oldest = execute(
            "SELECT id, reason, count, length(payload) + length(topic) + length(detail) FROM entries ORDER BY id"
        )
        for entry_id, reason, count, stored in oldest:
            if entries <= self.max_rows and size <= self.max_bytes:
                break
            dropped[reason] += count
            entries, size, through = entries - 1, size - stored - _ENTRY_BYTES, entry_id
        oldest.close()
        execute("DELETE FROM entries WHERE id <= ?", (through,))
        for reason, count in dropped.items():
            execute("UPDATE totals SET dropped = dropped + ? WHERE reason = ?", (count, reason))
        execute("UPDATE held SET entries = ?, bytes = ?", (entries, size))

    def _query(self, query: str, values: tuple[object, ...] = ()) -> Sequence[tuple[Any, ...]]:
        with self._locked():
            return self._connection.execute(query, values).fetchall()


class _Row(NamedTuple):
    """What is inserted, in the order of the statement in `Quarantine._store`."""

    digest: bytes
    received_ms: int
    last_ms: int
    topic: str
    reason: str
    detail: str
    payload: bytes
    size: int
    times: int


def _printable(text: str, limit: int) -> str:
    """Return a text that SQLite can store and a terminal can show, whatever a device put into it."""
    clean = text[:limit].encode("utf-8", "replace").decode()
    return clean if clean.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in clean)
