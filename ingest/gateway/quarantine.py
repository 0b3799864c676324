"""What could not be decoded, checked or processed: kept with its bytes, its topic, the reason and the time.

Bounded by rows and bytes. The oldest entries are dropped, but never the counts: for every reason the file says how
many came, how many were dropped and how many were replayed.
"""

import errno
import hashlib
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ingest import salvage, sqlite
from ingest.files import put_aside
from ingest.gateway.quotas import in_turn, source_of
from ingest.refusal import Refusal

T = TypeVar("T")
_LOG: Final = logging.getLogger(__name__)
APPLICATION: Final = 0x50475141  # "PGQA"
VERSION: Final = 1
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
_DIGEST_BYTES: Final = 16
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
    mends
        Whether a file that cannot be used is put aside, and a new one begun with the entries that can be read of it;
        only the process that holds the site's lock may do that. A disk that cannot be used is then no reason not to
        start, either: what is to be kept is refused until it can be.

    Raises
    ------
    ingest.sqlite.StorageError
        Where the file cannot be opened and may not be replaced; by every method, where it cannot be read or written.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_rows: int = 50_000,
        max_bytes: int = 128 << 20,
        max_payload: int = MAX_PAYLOAD,
        mends: bool = False,
    ) -> None:
        if min(max_rows, max_bytes, max_payload) < 1:
            raise ValueError(f"quarantine {path}: bounds {max_rows}, {max_bytes}, {max_payload}: expected above 0")
        self.path, self.max_rows, self.max_bytes, self.max_payload = path, max_rows, max_bytes, max_payload
        self._lock = threading.Lock()
        self._rescue = _rescue if mends else None
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        """None after a failure: the file is opened again then."""
        try:
            self._opened()
        except sqlite.StorageError as error:
            if not mends:
                raise
            _LOG.error("%s; what is refused waits", error)

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
            self._using(lambda connection: self._store(connection, list(rows.values())))

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
        replayed = at_ms is not None

        def mark(connection: sqlite3.Connection) -> int:
            changed = 0
            with sqlite.transaction(connection):
                for entry_id in ids:
                    for (reason,) in connection.execute(
                        "UPDATE entries SET replayed_ms = ? WHERE id = ? AND (replayed_ms IS NULL) = ? "
                        "RETURNING reason",
                        (at_ms, entry_id, replayed),
                    ).fetchall():
                        changed += 1
                        connection.execute(
                            "UPDATE totals SET replayed = replayed + ? WHERE reason = ?",
                            (1 if replayed else -1, reason),
                        )
            return changed

        return self._using(mark)

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
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # -- inside ------------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        if self._closed:
            raise sqlite.StorageError(errno.EBADF, "the quarantine is closed", str(self.path))
        if self._connection is None:
            self._connection = sqlite.connect(
                self.path, application_id=APPLICATION, version=VERSION, schema=_SCHEMA, rescue=self._rescue
            )
        return self._connection

    def _using(self, use: Callable[[sqlite3.Connection], T], *, again: bool = True) -> T:
        """Use the file while other threads do not; where it turns out to be damaged, replace it and use it again."""
        with self._lock:
            try:
                return use(self._opened())
            except sqlite3.Error as error:
                problem = error
            if self._rescue is not None and self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._rescue is not None and again and sqlite.is_damaged(problem):
                put_aside(self.path, f"is damaged: {problem}", done=False)
            else:
                number = errno.ENOSPC if sqlite.is_full(problem) else errno.EIO
                text = f"the quarantine cannot be read or written: {problem}"
                raise sqlite.StorageError(number, text, str(self.path)) from problem
        return self._using(use, again=False)

    def _row(self, refusal: Refusal) -> "_Row":
        topic = _printable(refusal.topic, _TOPIC_CHARACTERS)
        payload = refusal.payload
        return _Row(
            digest=_digest(payload, refusal.reason, topic),
            received_ms=refusal.received_ms,
            last_ms=refusal.received_ms,
            topic=topic,
            reason=str(refusal.reason),
            detail=_printable(refusal.detail, _DETAIL_CHARACTERS),
            payload=payload[: self.max_payload],
            size=max(refusal.size, len(payload)),
            times=refusal.times,
        )

    def _store(self, connection: sqlite3.Connection, rows: "Sequence[_Row]") -> None:
        with sqlite.transaction(connection):
            execute = connection.execute
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
                    "INSERT INTO totals (reason, total) VALUES (?, ?) "
                    "ON CONFLICT (reason) DO UPDATE SET total = total + ?",
                    (reason, count, count),
                )
            execute("UPDATE held SET entries = entries + ?, bytes = bytes + ?", (entries, size))
            self._drop_oldest(connection)

    def _drop_oldest(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest of whoever has most: one device's flood does not push out what others have here."""
        execute = connection.execute
        held = execute("SELECT entries, bytes FROM held").fetchone()
        if held is None:
            raise sqlite.damage("the table of what it holds is empty")
        entries, size = held
        if entries <= self.max_rows and size <= self.max_bytes:
            return
        rows = execute(
            "SELECT id, topic, reason, count, length(payload) + length(topic) + length(detail) FROM entries ORDER BY id"
        ).fetchall()
        weights = (10**9 // self.max_rows + 10**9 * (row[4] + _ENTRY_BYTES) // self.max_bytes for row in rows)
        turns = in_turn([(source_of(row[1]), weight) for row, weight in zip(rows, weights, strict=True)])
        # A little more than needed, so that this is not done for every entry.
        most = self.max_rows - self.max_rows // 100, self.max_bytes - self.max_bytes // 100
        dropped: Counter[str] = Counter()
        gone: list[tuple[int]] = []
        while entries > most[0] or size > most[1]:
            entry_id, _, reason, count, stored = rows[next(turns)]
            gone.append((entry_id,))
            dropped[reason] += count
            entries, size = entries - 1, size - stored - _ENTRY_BYTES
        connection.executemany("DELETE FROM entries WHERE id = ?", gone)
        for reason, count in dropped.items():
            execute("UPDATE totals SET dropped = dropped + ? WHERE reason = ?", (count, reason))
        execute("UPDATE held SET entries = ?, bytes = ?", (entries, size))

    def _query(self, query: str, values: tuple[object, ...] = ()) -> Sequence[tuple[Any, ...]]:
        return self._using(lambda connection: connection.execute(query, values).fetchall())


def _digest(payload: bytes, reason: str, topic: str) -> bytes:
    digest = hashlib.blake2b(payload, digest_size=_DIGEST_BYTES)
    digest.update(f"\0{reason}\0{topic}".encode())
    return digest.digest()


def _rescue(connection: sqlite3.Connection, kept: Path) -> tuple[int, str]:
    """Copy the entries that stand whole in the pages of a quarantine that was put aside, and its totals.

    Totals that cannot be read are those of the entries, and then too low.
    """
    found: dict[bytes, tuple[int, tuple[salvage.Value, ...]]] = {}
    for entry_id, values in salvage.rows(kept, 11):
        _, digest, received, last, *texts, payload, size, count, replayed = values
        if (
            isinstance(digest, bytes)
            and len(digest) == _DIGEST_BYTES
            and all(isinstance(number, int) for number in (received, last, size, replayed or 0))
            and all(isinstance(text, str) for text in texts)
            and isinstance(payload, bytes)
            and isinstance(count, int)
            and (len(payload) < int(str(size)) or digest == _digest(payload, str(texts[1]), str(texts[0])))
            and (digest not in found or count > int(str(found[digest][1][9])))
        ):
            found[digest] = entry_id, values
    with sqlite.transaction(connection):
        for entry_id, values in sorted(found.values()):
            row = (entry_id, *values[1:])
            connection.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        counted = {
            reason: (total, dropped, replayed)
            for reason, total, dropped, replayed in sqlite.readable(
                kept, "SELECT reason, total, dropped, replayed FROM totals"
            )
            or ()
            if isinstance(reason, str) and all(isinstance(one, int) and one >= 0 for one in (total, dropped, replayed))
        }
        held = connection.execute("SELECT reason, sum(count) FROM entries GROUP BY reason").fetchall()
        low = [reason for reason, count in held if counted.get(reason, (0, 0, 0))[0] < count]
        counted |= {reason: (count, 0, 0) for reason, count in held if reason in low}
        connection.executemany(
            "INSERT OR IGNORE INTO totals VALUES (?, ?, ?, ?)",
            [(reason, *numbers) for reason, numbers in counted.items()],
        )
        lost = f"the totals of {', '.join(low)} are those of the entries that were saved" if low else ""
        connection.execute(
            "UPDATE held SET (entries, bytes) = (SELECT count(*), coalesce(sum(length(payload) + length(topic) + "
            "length(detail) + ?), 0) FROM entries)", (_ENTRY_BYTES,),
        )  # fmt: skip
    return len(found), lost


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
