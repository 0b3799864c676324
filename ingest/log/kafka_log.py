"""The log on Kafka: one topic a site, one partition a shard, one Kafka record a record.

What holds, exactly:

- `KafkaLog.append` returns when every in-sync replica has every record of the call (``acks=all``). The producer is
  idempotent, so what it retries by itself is not written twice.
- A call that fails may have been written in part, or in whole: Kafka was not heard to say so. The gateway sends all of
  it again, with the same numbers, and the pipeline drops what it has had by number, by id, or because a tick says
  nothing new. So a record may stand in the topic twice, and counts once. (Transactions would make a call whole, at the
  price of a round trip to every broker more, and of every reader waiting for the slowest gateway.)
- Records of one shard stand in the order in which one gateway appended them. Several gateways write to the same
  partitions; between them there is no order but Kafka's.
- A record's position is its offset + 1, and positions are the shard's own: those of two shards cannot be compared.

aiokafka lives in a loop and a thread of its own here, because the gateway's writer is a thread that waits.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.structs import OffsetAndMetadata

from ingest.frame import FrameError
from ingest.log.kafka_client import MAX_RECORD_BYTES, KafkaAddress, LoopThread
from ingest.log.kafka_errors import KafkaLogError, KafkaTopicError, explained
from ingest.log.kafka_producer import stop_now
from ingest.log.records import Record, decode_record, encode_record

_log = logging.getLogger(__name__)
_BATCH_BYTES: Final = 1 << 20
_READ_BYTES: Final = 64 << 20
"""`KafkaLog.read` stops after this many payload bytes, so that a long backlog does not fill the memory."""
_POLL_S: Final = 0.05
_FETCH_MS: Final = 100
"""How long Kafka holds a fetch at the end of a partition: so long may the next read wait behind it."""
_T = TypeVar("_T")


class KafkaLog:
    """Implements `ingest.log.records.Log` for each shard of a topic; safe across threads. Connects when first used.

    Every method raises `KafkaAwayError` where Kafka cannot be reached or does not answer in time, and
    `KafkaTopicError` where the topic is missing, has another number of partitions, or may not be used; both are
    OSError, and name the address and the topic.

    Parameters
    ----------
    address
        How to reach Kafka.
    topic
        The site's records, see `ingest.log.kafka_topics`. It is never made here.
    shards
        How many partitions it must have: with another number, beats would come to other shards than those that the
        workers know them in.
    timeout_s
        Longest wait for an answer. While Kafka is away an append fails after this time, and the gateway tries again.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        *,
        shards: int = 1,
        client_id: str = "patrolgrid",
        timeout_s: float = 10.0,
    ) -> None:
        if shards < 1 or timeout_s <= 0:
            raise ValueError(f"log {topic}: {shards} shards, timeout {timeout_s} s: expected at least 1 and above 0")
        self.topic, self.shards, self._timeout_s = topic, shards, timeout_s
        self._where = f"Kafka at {address.bootstrap}, topic {topic}"
        self._options = {
            **address.options(),
            "client_id": client_id,
            # Half, because aiokafka may wait for a batch's time and then for a request's.
            "request_timeout_ms": round(timeout_s * 500),
        }
        self._producer: AIOKafkaProducer | None = None
        self._readers: dict[str, AIOKafkaConsumer] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = threading.Event()
        self._thread = LoopThread(f"kafka-{topic}")
        self._sending, self._reading = asyncio.Lock(), asyncio.Lock()
        self.unreadable = 0
        """Values that `read` passed over because they are no records that this version can read."""

    # -- writing -----------------------------------------------------------------------------------------------------

    def append(self, records: list[Record]) -> int:
        """Return the last record's position when Kafka has acknowledged all; see the module for what an error means.

        Raises `LogFullError` where a broker's disk refuses, ValueError for a record that no topic takes.
        """
        values = [encode_record(record) for record in records]
        for record, value in zip(records, values, strict=True):
            if not 0 <= record.shard < self.shards:
                raise ValueError(f"{self._where}: shard {record.shard}, expected 0 to {self.shards - 1}")
            if len(value) > MAX_RECORD_BYTES:
                raise ValueError(f"{self._where}: a record of {len(value)} bytes, at most {MAX_RECORD_BYTES} are taken")
        if not records:
            return self.head()
        return self._call(self._send([record.shard for record in records], values))

    def commit(self, consumer: str, position: int, *, shard: int = 0) -> None:
        """Remember in Kafka that `consumer` needs nothing of a shard up to `position` again; never goes back.

        Raises ValueError for a position that no record has had yet.
        """
        head = self.head(shard)
        if not 0 <= position <= head:
            raise ValueError(f"{self._where}: {consumer!r} commits {position}, expected 0 to {head}")
        if position > self.committed(consumer, shard=shard):
            self._call(self._commit(consumer, shard, position))

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, after: int, *, limit: int, shard: int | None = None) -> list[Record]:
        """Return up to `limit` records (and about 64 MB) of a shard with a position greater than `after`, in order.

        Without `shard` only where there is one. Values that are no records are passed over, and told in the log file:
        the worker, not this, brings them to quarantine.
        """
        if shard is None and self.shards > 1:
            raise ValueError(f"{self._where}: name the shard to read; there is no order between {self.shards} shards")
        return self._call(self._read(shard or 0, after, limit))

    def wait(self, after: int, timeout_s: float, *, shard: int = 0) -> bool:
        """Block until a shard has a record after `after`, or the time is over; tell which. Looks every 50 ms."""
        deadline = time.monotonic() + timeout_s
        while not self._closed.is_set():
            try:
                if self.head(shard) > after:
                    return True
            except KafkaLogError:
                if self._closed.is_set():
                    return False
                raise
            remaining = deadline - time.monotonic()
            if remaining <= 0 or self._closed.wait(min(_POLL_S, remaining)):
                return False
        return False

    def committed(self, consumer: str, *, shard: int = 0) -> int:
        """Return the committed position of a shard, 0 for a consumer never seen."""
        return self._call(self._committed(consumer, shard))

    def head(self, shard: int = 0) -> int:
        """Return the newest position of a shard, 0 for an empty one."""
        return self._call(self._end(shard))

    def close(self) -> None:
        """Leave Kafka; appended records stay. Waiting readers return."""
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            self._thread.call(self._leave(), self._timeout_s)
        except (kafka_errors.KafkaError, TimeoutError, OSError) as error:
            _log.warning("%s: left without its answer (%s)", self._where, error)
        self._thread.stop()

    # -- in the loop -------------------------------------------------------------------------------------------------

    async def _send(self, shards: list[int], values: list[bytes]) -> int:
        async with self._sending:
            try:
                producer = await self._connected()
                waiting = []
                for shard, value in zip(shards, values, strict=True):
                    future = await producer.send(self.topic, value, key=b"%d" % shard, partition=shard)
                    future.add_done_callback(_look_at)
                    waiting.append(future)
                await asyncio.wait(waiting)
                offsets = [int(future.result().offset) for future in waiting]
            except BaseException:
                # What it still holds would come after what is sent next, and its numbers may no longer fit Kafka's.
                self._retire_producer()
                raise
            return offsets[-1] + 1

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._options, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES,
                max_request_size=MAX_RECORD_BYTES + 1024,
            )  # fmt: skip
            try:
                await producer.start()
                await self._check_topic(producer.client)
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _check_topic(self, client: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
        await client.set_topics([self.topic])
        found = client.cluster.partitions_for_topic(self.topic)
        if not found:
            raise KafkaTopicError(
                errno.ENOENT, f"{self._where}: there is no such topic; `patrolgrid topics create` makes it"
            )
        if len(found) != self.shards:
            raise KafkaTopicError(
                errno.EINVAL,
                f"{self._where}: it has {len(found)} partitions, the settings ask for {self.shards} (kafka.shards); "
                "`patrolgrid topics check` says what to do",
            )

    def _retire_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            task = self._thread.loop.create_task(stop_now(producer))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _reader(self, group: str | None = None) -> AIOKafkaConsumer:
        """Return a consumer: of a group for its committed positions, else the one that reads."""
        name = group or ""
        consumer = self._readers.get(name)
        if consumer is None:
            consumer = AIOKafkaConsumer(
                **self._options, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
                max_partition_fetch_bytes=MAX_RECORD_BYTES, fetch_max_bytes=_READ_BYTES, fetch_max_wait_ms=_FETCH_MS,
            )  # fmt: skip
            try:
                await consumer.start()
                await self._check_topic(consumer._client)  # noqa: SLF001 - no public way to ask for partitions now
            except BaseException:
                await consumer.stop()
                raise
            self._readers[name] = consumer
        return consumer

    async def _end(self, shard: int) -> int:
        async with self._reading:
            reader = await self._reader()
            partition = TopicPartition(self.topic, shard)
            return int((await reader.end_offsets([partition]))[partition])

    async def _read(self, shard: int, after: int, limit: int) -> list[Record]:
        async with self._reading:
            reader = await self._reader()
            partition = TopicPartition(self.topic, shard)
            end = (await reader.end_offsets([partition]))[partition]
            start = max(after, (await reader.beginning_offsets([partition]))[partition])
            records: list[Record] = []
            if start >= end:
                return records
            if reader.assignment() != {partition}:  # one at a time: nothing is fetched ahead of those not asked for
                reader.assign([partition])
            reader.seek(partition, start)
            size = 0
            while len(records) < limit and size < _READ_BYTES and await reader.position(partition) < end:
                found = await reader.getmany(partition, timeout_ms=500, max_records=limit - len(records))
                for message in found.get(partition, ()):
                    try:
                        record = decode_record(message.value, shard=shard, position=message.offset + 1)
                    except FrameError as error:
                        self.unreadable += 1
                        _log.warning("%s, shard %d, position %d: %s", self._where, shard, message.offset + 1, error)
                        continue
                    records.append(record)
                    size += len(record.payload)
            return records

    async def _commit(self, consumer: str, shard: int, position: int) -> None:
        async with self._reading:
            member = await self._reader(self._group(consumer))
            partition = TopicPartition(self.topic, shard)
            member.assign([partition])
            await member.commit({partition: OffsetAndMetadata(position, "")})

    async def _committed(self, consumer: str, shard: int) -> int:
        async with self._reading:
            member = await self._reader(self._group(consumer))
            return int(await member.committed(TopicPartition(self.topic, shard)) or 0)

    def _group(self, consumer: str) -> str:
        return f"{self.topic}.{consumer}"

    async def _leave(self) -> None:
        async with self._sending, self._reading:  # not in the middle of a connection: it would be left half open
            self._retire_producer()
            for consumer in self._readers.values():
                await consumer.stop()
            self._readers.clear()
            await asyncio.gather(*self._retiring, return_exceptions=True)

    # -- between the threads -----------------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._closed.is_set():
            work.close()
            raise KafkaLogError(errno.EBADF, f"{self._where}: the log is closed")
        try:
            return self._thread.call(work, self._timeout_s)
        except (kafka_errors.KafkaError, TimeoutError, OSError, RuntimeError) as error:
            if self._closed.is_set():
                raise KafkaLogError(errno.EBADF, f"{self._where}: the log is closed") from error
            raise explained(error, self._where) from error


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not future.cancelled():
        future.exception()
