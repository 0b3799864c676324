"""The durable log in one SQLite file: appended by the gateway, read by the engine, each in a process of its own.

What holds where the file is damaged, found when it is opened or while it is used:

1. it is put aside under a name with the date, and a new file takes its place at once, without a restart;
2. the records that still stand whole in its pages are in the new file, at their positions (`ingest.salvage`);
3. positions go on above the highest that was ever given: what is in the sinks, or in a snapshot, of a record that is
   lost stays, and nothing new is mistaken for it. `floor` says what others know of that;
4. a record that is read carries a check sum over all it has: one whose bytes have changed is given with the time of
   receipt of its neighbour, and the pipeline refuses it by name where its payload is no longer whole.
"""

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from ingest import sqlite
from ingest.files import put_aside
from ingest.log.log_file import APPLICATION, SCHEMA, VERSION, check_sum, raise_to, read_records, rescue, upgrade
from ingest.log.records import LogFullError, Record

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)
_ROW_BYTES: Final = 48
"""What a row takes beside its payload, about."""
_POLL_S: Final = 0.02
"""How often `SqliteLog.wait` looks for records that another process appended."""
_SLACK_BYTES: Final = 8 << 20
"""How much more than needed is dropped when the allowance is reached, so that not every append has to."""
_DROP_ROWS: Final = 2_000
"""Most records dropped in one transaction: an append never waits long for old records to go."""
_LOCKED_MS: Final = 1_000
"""How long a node's append waits for another process that writes: meanwhile no hazard is told."""
_AGE_EVERY_S: Final = 10.0
SMALLEST_ALLOWANCE: Final = 256 << 10


class SqliteLog:
    """A log in one SQLite file (WAL, ``synchronous=FULL``). An `ingest.log.records.ConsumedLog`; safe across threads.

    Parameters
    ----------
    path
        The file; made with its folder where absent.
    max_bytes
        Allowance of live data. When it is reached, the oldest records that *every* consumer has committed go; where
        none may go, `append` raises `LogFullError`. The file keeps its largest size and reuses freed pages.
    max_age_s
        Records that every consumer has committed go when they are this much older than the time that a consumer is
        sure of (`commit`), a portion at a time: a clock that is wrong for a while deletes nothing. It is time of the
        log's records, so that a replay of old data keeps them as long as live data would.
    min_free_bytes
        Room on the disk that the log leaves to others (and to SQLite's own write-ahead file).
    floor
        Returns the highest position that others have seen of this log. With it a file that cannot be used is replaced;
        only the process that holds the site's lock may do that. Without it such a file is refused.

    Raises
    ------
    StorageError
        When the file is no log, is of another version, or cannot be opened, and may not be replaced.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 2 << 30,
        max_age_s: float = 7 * 86_400.0,
        min_free_bytes: int = 64 << 20,
        floor: Callable[[], int] | None = None,
    ) -> None:
        if max_bytes < SMALLEST_ALLOWANCE:
            raise ValueError(f"log {path}: max_bytes is {max_bytes}, expected at least {SMALLEST_ALLOWANCE}")
        if max_age_s <= 0 or min_free_bytes < 0:
            raise ValueError(
                f"log {path}: max_age_s {max_age_s}, min_free_bytes {min_free_bytes}: expected > 0 and >= 0"
            )
        self.path, self.max_bytes, self.max_age_s, self.min_free_bytes = path, max_bytes, max_age_s, min_free_bytes
        self._floor = floor
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        self._grown = threading.Condition()
        self._newest = 0
        self._aged_at = -_AGE_EVERY_S
        self._sure_ms: int | None = None
        self._closed = threading.Event()
        self._inode = 0
        """Of the open file; 0 where none is open, because the disk does not let it be."""
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        try:
            self._open_file()
        except sqlite.UnusableError:
            raise
        except OSError as error:
            if floor is None:
                raise
            self._writer = self._reader = sqlite3.connect(":memory:", check_same_thread=False)  # until the file opens
            _LOG.error("%s: it is tried again", error)

    def _open_file(self) -> None:
        """Open the file, or what takes its place, and see to it that positions only ever rise."""
        upgrade(self.path)
        # Two connections: readers do not wait while an append waits for the disk.
        self._writer = sqlite.connect(
            self.path,
            application_id=APPLICATION,
            version=VERSION,
            schema=SCHEMA,
            rescue=None if self._floor is None else rescue,
        )
        self._reader = sqlite.connect(self.path, application_id=APPLICATION, version=VERSION, schema=SCHEMA)
        if self._floor is not None:  # who holds the site's lock takes what nobody else will: it must not wait long
            self._writer.execute(f"PRAGMA busy_timeout={_LOCKED_MS}")
        self._page_bytes = int(self._writer.execute("PRAGMA page_size").fetchone()[0])
        row = self._writer.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'records'").fetchone()
        head = row[0] or 0
        floor = max(self._newest, 0 if self._floor is None else self._floor())
        if head < floor:
            _LOG.error(
                "%s ends at position %d, and positions up to %d were given: what is missing is lost to the log, and "
                "stays in the store; the log goes on behind them", self.path, head, floor,
            )  # fmt: skip
            raise_to(self._writer, floor)
        self._newest = max(head, floor)
        self._inode = self.path.stat().st_ino

    def _using(self, lock: threading.Lock, use: Callable[[], T]) -> T:
        """Use the file; where it turns out to be damaged it is replaced, and used once more."""
        if not self._inode:
            self._renew(0)
        with lock:
            inode = self._inode
            try:
                return use()
            except sqlite3.Error as error:
                problem = error
        if self._floor is None or self._closed.is_set() or not sqlite.is_damaged(problem):
            raise self._disk_error(problem) from problem
        self._renew(inode, f"is damaged: {problem}")
        with lock:
            try:
                return use()
            except sqlite3.Error as error:
                raise self._disk_error(error) from error

    def _renew(self, inode: int, why: str = "") -> None:
        """Open the file again, after putting it aside where there is a reason to, unless another thread has done it."""
        with self._write_lock, self._read_lock:
            if self._inode != inode or self._closed.is_set():
                return
            self._inode = 0
            self._reader.close()
            self._writer.close()
            if why:
                put_aside(self.path, why, done=False)
            self._open_file()

    # -- writing -----------------------------------------------------------------------------------------------------

    def append(self, records: list[Record]) -> int:
        """Write all records or none in one transaction that is on disk when this returns; return the last position.

        Raises `LogFullError` when the allowance or the disk is full, OSError when the disk fails; nothing is written
        in either case.
        """
        if not records:
            return self.head()
        incoming = sum(self._stored_bytes(len(record.payload)) for record in records)
        last = self._using(self._write_lock, lambda: self._append(records, incoming))
        with self._grown:
            self._newest = last
            self._grown.notify_all()
        return last

    def _append(self, records: list[Record], incoming: int) -> int:
        if self._closed.is_set():
            raise sqlite.StorageError(errno.EBADF, "the log is closed", str(self.path))
        last = 0
        with sqlite.transaction(self._writer):
            self._make_room(incoming)
            for record in records:
                kind, shard, received_ms, payload = int(record.kind), record.shard, record.received_ms, record.payload
                cursor = self._writer.execute(
                    "INSERT INTO records (shard, kind, received_ms, payload, sum) VALUES (?, ?, ?, ?, ?)",
                    (shard, kind, received_ms, payload, check_sum(kind, shard, received_ms, payload)),
                )
                last = cursor.lastrowid or last
            self._drop_aged()
        return last

    def commit(self, consumer: str, position: int, sure_ms: int | None = None) -> None:
        """Remember durably that `consumer` has done with all up to `position`; an older position changes nothing.

        `sure_ms` is the time of the log's records, epoch ms, where the consumer has it confirmed: old ones go by it.
        Raises ValueError for a position that no record has had yet: what comes later would be lost to the consumer.
        """
        if not 0 <= position <= self.head():
            raise ValueError(f"log {self.path}: {consumer!r} commits {position}, expected 0 to {self.head()}")
        self._sure_ms = sure_ms
        statement = (
            "INSERT INTO consumers VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)"
        )
        self._using(self._write_lock, lambda: self._writer.execute(statement, (consumer, position)))

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, after: int, *, limit: int, shard: int | None = None) -> list[Record]:
        """Return up to `limit` records (and about 64 MB) with a position greater than `after`, in order."""
        return self._using(self._read_lock, lambda: read_records(self._reader, self.path, after, limit, shard))

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is a record after `after`, or the time is over; return which.

        Wakes at once for an append of this process, and within 20 ms for one of another process.
        """
        deadline = time.monotonic() + timeout_s
        while not self._closed.is_set():
            try:
                if self.head() > after:
                    return True
            except sqlite.StorageError:
                if self._closed.is_set():  # closed while this thread looked
                    return False
                raise
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            with self._grown:
                if self._newest <= after and not self._closed.is_set():
                    self._grown.wait(min(_POLL_S, remaining))
        return False

    def committed(self, consumer: str) -> int:
        """Return the committed position, 0 for a consumer never seen."""
        return self._number("SELECT position FROM consumers WHERE name = ?", consumer)

    def head(self, shard: int = 0) -> int:
        """Return the newest position ever given (retention may have dropped its record), 0 for a new log."""
        del shard  # all shards are numbered together
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'records'")

    def close(self) -> None:
        """Release the file. Waiting readers return; appended records stay."""
        self._closed.set()
        with self._grown:
            self._grown.notify_all()
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    # -- room --------------------------------------------------------------------------------------------------------

    def _make_room(self, incoming: int) -> None:
        """Drop what may go until `incoming` bytes fit. Runs inside the append's transaction."""
        live = self._live_bytes(self._writer)
        disk = os.statvfs(self.path.parent)
        free = disk.f_bavail * disk.f_frsize
        need = live + incoming - self.max_bytes
        if free < self.min_free_bytes:  # the file must not grow: only pages it has already may be used
            need = max(need, incoming - self._free_pages(self._writer) * self._page_bytes)
        if need <= 0:
            return
        self._drop_oldest(need + min(_SLACK_BYTES, self.max_bytes // 8))
        if live - self._live_bytes(self._writer) >= need:
            return
        positions = dict(self._writer.execute("SELECT name, position FROM consumers").fetchall())
        raise LogFullError(
            errno.ENOSPC,
            f"the log is full: it holds {live} of {self.max_bytes} bytes, {free} bytes are free on the disk "
            f"({self.min_free_bytes} are kept), and only records that every consumer has committed may go "
            f"(committed: {positions or 'by nobody yet'}, newest {self._newest})",
            str(self.path),
        )

    def _drop_oldest(self, need: int) -> None:
        freed = 0
        through = 0
        rows = self._writer.execute(
            "SELECT position, length(payload) FROM records "
            "WHERE position <= (SELECT min(position) FROM consumers) ORDER BY position"
        )
        for position, size in rows:
            through, freed = position, freed + self._stored_bytes(size)
            if freed >= need:
                break
        rows.close()
        self._writer.execute("DELETE FROM records WHERE position <= ?", (through,))

    def _drop_aged(self) -> None:
        """Drop a portion of the oldest records, up to the first that is not old; times of some may be wrong."""
        if self._sure_ms is None or time.monotonic() < self._aged_at + _AGE_EVERY_S:
            return
        self._aged_at = time.monotonic()
        oldest_ms = self._sure_ms - round(self.max_age_s * 1000)
        through = 0
        for position, received_ms in self._writer.execute(
            "SELECT position, received_ms FROM records "
            "WHERE position <= (SELECT min(position) FROM consumers) ORDER BY position LIMIT ?", (_DROP_ROWS,)
        ).fetchall():  # fmt: skip
            if oldest_ms <= received_ms <= self._sure_ms:
                break
            if received_ms < oldest_ms:
                through = position
        if through:
            self._writer.execute("DELETE FROM records WHERE position <= ?", (through,))

    def _stored_bytes(self, payload: int) -> int:
        """Return about what a payload takes in the file: large ones fill pages of their own."""
        return payload + _ROW_BYTES if payload < 1024 else -(-(payload + _ROW_BYTES) // 4096) * 4096

    def _live_bytes(self, connection: sqlite3.Connection) -> int:
        pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
        return (pages - self._free_pages(connection)) * self._page_bytes

    def _free_pages(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA freelist_count").fetchone()[0])

    def _number(self, query: str, *values: str) -> int:
        row = self._using(self._read_lock, lambda: self._reader.execute(query, values).fetchone())
        return 0 if row is None else int(row[0])

    def _disk_error(self, error: sqlite3.Error) -> OSError:
        if sqlite.is_full(error):
            return LogFullError(errno.ENOSPC, f"the disk is full: {error}", str(self.path))
        return sqlite.StorageError(errno.EIO, f"the log cannot be read or written: {error}", str(self.path))
