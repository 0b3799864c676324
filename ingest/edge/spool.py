"""Observations on disk until the broker has them: what an edge agent keeps through power cuts and broken networks.

One SQLite file (WAL, every commit synced) holds the observations that wait, and those that were acknowledged only a
moment ago. The row number is the observation's sequence number; the file makes its own boot id when it is created. So
numbers continue through restarts. They begin at 0, under a new boot id, only when the file is gone.
"""

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest.observations import Observation
from ingest.sqlite import transaction

logger = logging.getLogger(__name__)
VERSION: Final = 1
_ROW_OVERHEAD: Final = 24
"""Bytes that SQLite adds to a row of this table, roughly."""
_MAX_REFUSALS: Final = 1_000
_DECODER: Final = msgspec.json.Decoder(Observation)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spool (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL, acked_ms INTEGER);
CREATE INDEX IF NOT EXISTS spool_acked ON spool (acked_ms) WHERE acked_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS rejects (id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER, reason TEXT, payload BLOB);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


class SpoolError(OSError):
    """The spool cannot be opened or written; the text names the file and what to do."""


class SpooledRow(NamedTuple):
    """One observation that waits."""

    seq: int
    payload: bytes
    """JSON, with number and boot id."""


class SpoolStats(NamedTuple):
    """Counts of observations, and bytes."""

    waiting: int
    held: int
    """Acknowledged, and kept in case the broker forgets."""
    dropped: int
    """Never acknowledged, and pushed out because the spool was full; counted over the life of the file."""
    refused: int
    size: int
    """Bytes of observations in the file."""


class Spool:
    """The durable queue of one device. Safe to use from several threads, by one process at a time.

    Parameters
    ----------
    path
        The file; made with its folder where missing. A file that SQLite cannot read is put aside with the ending
        ``.broken-<time>``, and a new one is begun under a new boot id.
    max_bytes
        Bound of the observations kept. Beyond it the oldest go: acknowledged ones unnoticed, others counted.
    hold_s
        How long an acknowledged observation is kept.

    Raises `SpoolError` where the file is in use or the folder cannot be written.
    """

    def __init__(self, path: Path, *, max_bytes: int = 64 << 20, hold_s: float = 10.0) -> None:
        self.path, self.max_bytes, self.hold_s = path, max_bytes, hold_s
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._open()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise SpoolError(f"{path}: in use by another process; one agent at a time may own a spool") from error
            raise SpoolError(f"{path}: cannot be opened: {error}; check the folder and the disk") from error
        except OSError as error:
            raise SpoolError(f"{path}: cannot be made: {error}; check the folder's rights") from error
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{path.name}.broken-{time.time_ns() // 1_000_000}")
            logger.error("%s: %s; put aside as %s, a new spool is begun", path, error, aside.name)  # noqa: TRY400 - no trace needed
            for ending in ("-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            path.rename(aside)
            self._db = self._open()
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        self.boot: str = meta["boot"]
        """Boot id of the numbers in this file."""
        self._dropped: int = meta["dropped"]
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'spool'").fetchone()
        self._last: int = row[0] if row else -1
        self._size: int = self._db.execute(
            "SELECT coalesce(sum(length(payload) + ?), 0) FROM spool", (_ROW_OVERHEAD,)
        ).fetchone()[0]

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            with transaction(db):
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                first = (("version", VERSION), ("boot", secrets.token_hex(6)), ("dropped", 0))
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", first)
            version = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()[0]
        except BaseException:
            db.close()
            raise
        if version > VERSION:
            db.close()
            raise SpoolError(f"{self.path}: is of version {version}, expected at most {VERSION}: upgrade this agent")
        return db

    def append(self, observations: Sequence[Observation]) -> list[int]:
        """Take all observations under new numbers, or none; when this returns they are on disk.

        Returns their numbers. Raises ValueError naming the first that breaks a limit of its type, `SpoolError` where
        the disk does not take them.
        """
        with self._lock:
            rows, first = [], self._last + 1
            for number, observation in enumerate(observations):
                numbered = msgspec.structs.replace(observation, seq=first + number, boot=self.boot)
                payload = msgspec.json.encode(numbered)
                try:
                    _DECODER.decode(payload)  # a struct built in Python has not had its limits checked
                except msgspec.ValidationError as error:
                    raise ValueError(f"observation {number} of {len(observations)}: {error}") from error
                rows.append((first + number, payload))
            if not rows:
                return []
            added = sum(len(payload) + _ROW_OVERHEAD for _, payload in rows)
            try:
                with transaction(self._db):
                    freed, dropped = self._make_room(added)
                    self._db.executemany("INSERT INTO spool (seq, payload) VALUES (?, ?)", rows)
                    if dropped:
                        self._db.execute("UPDATE meta SET value = value + ? WHERE key = 'dropped'", (dropped,))
            except sqlite3.Error as error:
                raise SpoolError(f"{self.path}: observations cannot be written: {error}; is the disk full?") from error
            self._size += added - freed
            self._dropped += dropped
            self._last = rows[-1][0]
            if dropped:
                logger.warning("%s: full; dropped the %d oldest observations", self.path, dropped)
            return [seq for seq, _ in rows]

    def _make_room(self, wanted: int) -> tuple[int, int]:
        """Delete the oldest rows until `wanted` bytes fit, and return (bytes freed, observations dropped)."""
        over = self._size + wanted - self.max_bytes
        if over <= 0:
            return 0, 0
        over += self.max_bytes // 100  # some more, so that a full spool does not delete for every observation
        freed, dropped, last = 0, 0, -1
        for seq, length, acked in self._db.execute("SELECT seq, length(payload), acked_ms FROM spool ORDER BY seq"):
            freed += length + _ROW_OVERHEAD
            dropped += acked is None
            last = seq
            if freed >= over:
                break
        self._db.execute("DELETE FROM spool WHERE seq <= ?", (last,))
        return freed, dropped

    def waiting(self, after: int, *, limit: int, max_bytes: int) -> list[SpooledRow]:
        """Return observations not acknowledged, numbered above `after`, in order; at least one where there is one."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, payload FROM spool WHERE seq > ? AND acked_ms IS NULL ORDER BY seq LIMIT ?", (after, limit)
            ).fetchall()
        found: list[SpooledRow] = []
        size = 2
        for seq, payload in rows:
            size += len(payload) + 1
            if found and size > max_bytes:
                break
            found.append(SpooledRow(seq, payload))
        return found

    def acknowledge(self, seqs: Iterable[int]) -> None:
        """Note that the broker has these, and delete what has been held long enough.

        Not lost by a crash in a way that matters: what was acknowledged is then sent again under its number.
        """
        now = time.time_ns() // 1_000_000
        with self._lock:
            with transaction(self._db):
                self._db.executemany("UPDATE spool SET acked_ms = ? WHERE seq = ?", [(now, seq) for seq in seqs])
                freed = self._forget(now)
            self._size -= freed

    def rewind(self) -> int:
        """Let everything that is still held wait again, and return how many: for after a reconnect."""
        with self._lock:
            with transaction(self._db):
                freed = self._forget(time.time_ns() // 1_000_000)
                held = self._db.execute("UPDATE spool SET acked_ms = NULL WHERE acked_ms IS NOT NULL").rowcount
            self._size -= freed
        return held

    def _forget(self, now: int) -> int:
        """Delete what has been held long enough, and return the bytes that this freed."""
        lengths = self._db.execute(
            "DELETE FROM spool WHERE acked_ms <= ? RETURNING length(payload)", (now - round(self.hold_s * 1000),)
        )
        return sum(length + _ROW_OVERHEAD for (length,) in lengths)

    def refuse(self, payload: bytes, reason: str) -> None:
        """Keep input that is no observation, with the reason; the newest thousand are kept."""
        with self._lock:
            self._db.execute(
                "INSERT INTO rejects (at_ms, reason, payload) VALUES (?, ?, ?)",
                (time.time_ns() // 1_000_000, reason[:500], payload[:65_536]),
            )
            self._db.execute("DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?", (_MAX_REFUSALS,))

    def refusals(self) -> list[tuple[str, bytes]]:
        """Return (reason, input) of what was refused, newest last."""
        with self._lock:
            return self._db.execute("SELECT reason, payload FROM rejects ORDER BY id").fetchall()

    def stats(self) -> SpoolStats:
        """Return what is in it."""
        with self._lock:
            waiting, held = self._db.execute("SELECT count(*) - count(acked_ms), count(acked_ms) FROM spool").fetchone()
            refused = self._db.execute("SELECT coalesce(max(id), 0) FROM rejects").fetchone()[0]
        return SpoolStats(waiting, held, self._dropped, refused, self._size)

    def close(self) -> None:
        """Release the file. What is in it stays."""
        with self._lock:
            self._db.close()
