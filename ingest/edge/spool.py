"""Observations that wait for the broker: what an edge agent keeps through power cuts, full disks and broken networks.

One spool has the observations of all the devices of an agent. Everything waits in memory and, as lines, in a file; a
long queue is moved to further files (``.000001``…), of which only an index is kept in memory. One thread does all
writing (`ingest.edge.spool_writer`), so that a disk that is full, slow or broken keeps nobody waiting: the queue then
goes on in memory, within a bound, and is written when the disk takes it.

When something is on the disk is decided by what a card can bear. An observation is given to the system at once: the end
of this process does not lose it, a power cut may. What has waited for `SYNC_S` seconds is synced, a hazard at once.
What the broker has acknowledged before that costs no sync; it is taken out of the file some seconds later.

What a codec remembers is put together with the observations that it has made: both are in the spool, or neither.

Numbers begin at 0 under new boot ids whenever a spool is opened: a card that forgets its last writes, or that was
copied, never gives a number twice. What is still in the file keeps the number and the boot id that it had. A device has
two boot ids at a time, one for what detectors say and one for all the rest, which is sent behind it.
"""

import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest.edge import old_spool, spool_writer
from ingest.edge.spool_file import (
    DISK_ERRORS,
    OVERHEAD,
    ROW,
    SpoolError,
    further_files,
    memory_of,
    read_lines,
    read_through,
    remember,
    rows_of,
    take_lock,
    together,
)
from ingest.edge.spool_queue import (
    HELD,
    LANES,
    TAKEN,
    WORDS,
    Key,
    News,
    Segment,
    SpoolStats,
    Worth,
    payload_worth,
    worth_of,
)
from ingest.edge.spool_reader import NextRows, Reader
from ingest.edge.spool_writer import SYNC_S, SpoolWriter
from ingest.observations import Observation

logger = logging.getLogger(__name__)
_CLOSE_S: Final = 3.0
_LOOK_S: Final = 600.0
"""What waits is looked at so often, whether it is too old."""
_OBSERVATION: Final = msgspec.json.Decoder(Observation)
_OBSERVATIONS: Final = msgspec.json.Decoder(list[Observation])
_LIVE, _LATE = b'"backfill":false', b'"backfill":true'


class Sending(NamedTuple):
    """Observations of one device that go to the broker together."""

    places: Sequence[int]
    payloads: list[bytes]
    """JSON, with numbers and boot id."""


class Spool:
    """The queue of an agent. Safe to use from several threads, by one process at a time.

    Parameters
    ----------
    path
        The first file; others stand beside it. Made with its folder where missing, for nobody but its owner.
    owner
        The device of observations that an earlier version wrote without one.
    max_bytes
        Bound of all that is kept. Beyond it what is worth least goes (`Worth`), and of that the oldest: acknowledged
        ones unnoticed, others counted.
    max_age_s
        What has waited for so long, by the time that agents have run, goes.
    memory_bytes
        Bound of what is kept while the disk takes nothing.
    file_bytes
        Where a file has so many, the next is begun; an eighth of `max_bytes` at most.
    hold_s
        How long an acknowledged observation is kept.
    protect
        What makes an observation fit for a disk that may be stolen; raises ValueError where that cannot be done.

    Raises `SpoolError` where another process uses it, or where the path cannot be used. A disk that is full or broken
    is no reason: the queue then begins in memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        owner: str = "",
        max_bytes: int = 64 << 20,
        max_age_s: float = 30 * 86_400.0,
        memory_bytes: int = 8 << 20,
        file_bytes: int = 256 << 10,
        hold_s: float = 10.0,
        protect: Callable[[Observation], Observation] = lambda observation: observation,
    ) -> None:
        self.path, self.hold_s, self.protect = path, hold_s, protect
        self.boot = secrets.token_hex(6)
        """Boot id of what detectors say since the start; that of all else has an ``r`` behind it."""
        self._boots = (self.boot, f"{self.boot}r")
        self._numbers: dict[Key, int] = {}
        self._news, self._lock = News(), None
        failure: OSError | None = None
        try:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = take_lock(path)
            except SpoolError:
                raise
            except OSError as error:
                failure = error
            self._writer = SpoolWriter(
                path, self._lock, owner=owner, max_bytes=max_bytes, max_age_s=max_age_s, memory_bytes=memory_bytes,
                file_bytes=min(file_bytes, max_bytes // 8), hold_s=hold_s,
            )  # fmt: skip
            self._changed = self._writer.changed
            self._open(failure)
        except BaseException:
            self._release()
            raise
        self._writer.thread.start()

    # -- for any thread ------------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """Why the disk takes nothing; empty while it does."""
        return self._writer.trouble

    def memory(self) -> dict[str, bytes]:
        """Return what codecs remember."""
        with self._changed:
            memory = dict(self._writer.memory)
            for _, changes in self._writer.pending:
                remember(memory, changes)
            return memory

    def check(self, device: str, observation: Observation) -> None:
        """Raise ValueError where an observation breaks a limit of its type, or cannot be protected."""
        self._encoded(device, observation, 0)

    def put(
        self, said: Sequence[tuple[str, Observation]], memory: Mapping[str, bytes | None] | None = None
    ) -> list[int]:
        """Take all observations of devices under new numbers, and what is remembered since; return the numbers.

        Raises ValueError naming the first that breaks a limit of its type; nothing is then taken.
        """
        writer, queue = self._writer, self._writer.queue
        with self._changed:
            rows: list[tuple[str, Worth, bytes]] = []
            given, numbers = dict[Key, int](), list[int]()
            for index, (device, observation) in enumerate(said):
                worth = worth_of(observation)
                key = device, LANES[worth]
                number = given.get(key, self._numbers.get(key, 0))
                try:
                    rows.append((device, worth, self._encoded(device, observation, number, key[1])))
                except ValueError as error:
                    raise ValueError(f"observation {index} of {len(said)}: {error}") from error
                given[key] = number + 1
                numbers.append(number)
            now, changes = time.monotonic(), memory or {}
            self._numbers.update(given)
            if rows:
                queue.add(rows, now)
            if rows or changes:
                named = [(device, payload) for device, _, payload in rows]
                # Where nothing is remembered, nothing has to go together, and damage costs less.
                parts = [named] if changes else [[one] for one in named]
                writer.pending += [(b"" if writer.trouble else together(part, changes), changes) for part in parts]
                writer.puts += 1
            if changes:
                writer.remember_soon(now)
            if self._news.has_news(said, now):
                writer.urgent = queue.next
            bound = min(writer.memory_bytes, writer.max_bytes)
            if queue.last.size > bound:
                # A disk that has just become well again has not taken yet what memory holds.
                why = "memory" if writer.trouble or bound < writer.max_bytes else "full"
                writer.drop_last(bound - bound // 100, range(-1, len(Worth)), why)
            if rows:
                writer.sync_due = min(writer.sync_due, now + SYNC_S)
                writer.tidy_due = min(writer.tidy_due, now + _LOOK_S)
            writer.woken.update(dict(said))
            writer.behind_since = min(writer.behind_since, now)
            self._changed.notify_all()
        if writer.trouble or writer.slow:
            writer.wake()
        return numbers

    def settle(self) -> bool:
        """Wait until what was put is in the file, and a hazard on the disk; tell whether it was so in time.

        It is not where the disk is full, broken, or slower than two seconds: then all is in memory, and goes on.
        """
        writer = self._writer
        with self._changed:
            end, puts = writer.queue.next, writer.puts

            def is_there() -> bool:
                is_written = writer.written >= end and writer.puts_written >= puts
                return is_written and writer.synced >= min(writer.urgent, end)

            self._changed.wait_for(lambda: writer.trouble or writer.slow or is_there(), spool_writer.PATIENCE_S)
            if not (writer.trouble or writer.slow or is_there()):
                writer.slow = True
                logger.warning("%s: the disk is slow; observations go on in memory until it has caught up", self.path)
            found = is_there()
        if writer.slow:
            writer.wake()
        return found

    def stats(self) -> SpoolStats:
        """Return what is in it."""
        writer, queue = self._writer, self._writer.queue
        with self._changed:
            last = queue.last
            unwritten = sum(1 for _ in last.waiting(last.position(writer.written)))
            drops = dict(writer.dropped)
            for why, count in writer.tally.dropped.items():
                drops[why] = drops.get(why, 0) + count
            return SpoolStats(
                queue.waiting, queue.held, sum(drops.values()), unwritten, queue.size, drops, writer.oldest_s()
            )

    def close(self) -> None:
        """Write what can be written, take out of the files what was acknowledged, and release them."""
        with self._changed:
            self._writer.closing = True
            self._changed.notify_all()
        self._writer.thread.join(_CLOSE_S)
        if lost := self.stats().unwritten:
            logger.error("%s: %d observations are lost: %s", self.path, lost, self.trouble or "the disk hangs")
        self._release()

    def waiting(self, reader: Reader) -> int:
        """Return how many observations of a device wait; those of files not looked into yet may be others'."""
        with self._changed:
            return reader.waiting

    # -- for the connections of devices --------------------------------------------------------------------------------

    def reader(self, device: str, wake: Callable[[], None] = lambda: None) -> Reader:
        """Return the view of one device, which has one; `wake` is called when something of it was put.

        What the one before had on its way, or held, waits again.
        """
        for segment in list(self._writer.queue.segments) if device in self._writer.readers else ():
            if not segment.is_indexed and (TAKEN in segment.state or HELD in segment.state):
                self._writer.look_into(segment)
            with self._changed:
                self._writer.queue.wait_again(device, segment)
        with self._changed:
            reader = Reader(self._writer.queue, device, self.hold_s, wake)
            self._writer.readers[device] = reader
            return reader

    def take(
        self, reader: Reader, *, limit: int, max_bytes: int, is_settled: bool = True, may_wait: bool = False
    ) -> Sending | None:
        """Return what is to be sent next, None where there is nothing.

        For one thread a device, which may have to wait for the disk where the queue is long.

        Parameters
        ----------
        limit, max_bytes
            Of a batch, which has at least one observation.
        is_settled
            Whether the connection is known to be good: no more than a little of a backlog is sent before.
        may_wait
            Return an empty batch where it could become fuller, and nothing in it is a hazard.
        """
        writer = self._writer
        while True:
            with self._changed:
                found = reader.next(limit, writer.reach(time.monotonic()), is_settled=is_settled)
                if found is None:
                    return None
                if isinstance(found, NextRows):
                    if may_wait and found.is_live and len(found.positions) < limit and not found.has_hazard:
                        return Sending((), [])
                    segment = found.segment
                    places = reader.take(found, found.fitting(max_bytes))
                    payloads = None
                    if segment.path is None:
                        payloads = [segment.payloads[position] for position in found.positions[: len(places)]]
            if isinstance(found, Segment):
                writer.look_into(found)
                continue
            if payloads is None:
                payloads = self._read(reader, segment, places)
            if payloads and found.is_late:
                payloads = [one.replace(_LIVE, _LATE, 1) for one in payloads]
            if payloads:
                return Sending(places, payloads)

    def acknowledge(self, reader: Reader, places: Sequence[int]) -> None:
        """Note that the broker has these, and take them out of the file when they have been held long enough.

        Only memory knows of it: after a restart what is still in the file is sent again under its numbers.
        """
        with self._changed:
            now = time.monotonic()
            reader.acknowledge(places, now)
            reader.forget(now - self.hold_s)
            self._writer.tidy_soon(now)

    def rewind(self, reader: Reader, in_flight: Iterable[Sequence[int]] = ()) -> int:
        """Let everything that is still held wait again, and return how many: for after a reconnect."""
        with self._changed:
            # What was acknowledged may not have been synced.
            self._writer.sync_due, self._writer.synced = time.monotonic(), 0
            self._changed.notify_all()
            return reader.rewind(in_flight)

    def _encoded(self, device: str, observation: Observation, number: int, lane: int = WORDS) -> bytes:
        if not device or not device.isprintable() or device[0] in "{=":
            raise ValueError(f"device is {device!r}, expected an id")
        numbered = msgspec.structs.replace(observation, seq=number, boot=self._boots[lane])
        payload = msgspec.json.encode(self.protect(numbered))
        _OBSERVATION.decode(payload)  # a struct built in Python has not had its limits checked
        return payload

    def _read(self, reader: Reader, segment: Segment, places: Sequence[int]) -> list[bytes]:
        """Return observations of a file; what it has no longer is counted as lost."""
        try:
            payloads = self._writer.payloads(segment, places)
            _OBSERVATIONS.decode(b"[" + b",".join(payloads) + b"]")
            if len(payloads) == len(places):
                return payloads
        except (OSError, ValueError) as error:
            logger.warning("%s: %d observations cannot be read: %s", segment.path, len(places), error)
        with self._changed:
            self._writer.lose(reader.give_up(places))
        return []

    # -- opening -------------------------------------------------------------------------------------------------------

    def _open(self, failure: OSError | None) -> None:
        writer = self._writer
        try:
            if failure is not None:
                raise failure
            old_spool.convert(self.path, writer.file_bytes, self.protect)
            self._read_files()
        except SpoolError:
            raise
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise SpoolError(
                    f"{self.path}: cannot be used: {error.strerror}; expected a file in a folder that can be written"
                ) from error
            writer.failed(error)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read_files(self) -> None:
        """Take over what an agent before this one has left."""
        writer, queue, files = self._writer, self._writer.queue, further_files(self.path)
        found, size = list[tuple[int, bytes]](), 0
        for writer.files, path in files:
            content = read_through(path)
            queue.add_file(writer.files, path, content.count(ROW), len(content))
        if self.path.exists():
            size, found = self.path.stat().st_size, read_lines(self.path)
        rows, memory = list(rows_of(found, writer.owner)), memory_of(found)
        is_whole = size == sum(len(text) + OVERHEAD for _, text in found)
        if files and not found:  # its first line was not written any more
            memory = memory_of(read_lines(files[-1][1]))
            is_whole &= not memory
        writer.memory = memory or {}
        if rows:
            queue.add([(row.device, payload_worth(row.payload), row.payload) for row in rows], -math.inf)
        writer.begin({number for number, _ in files}, is_whole=is_whole)
