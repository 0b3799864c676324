"""The log on Kafka: one topic a site, one partition a shard, one Kafka record a record.

What holds, exactly:

- `KafkaLog.append` returns when every in-sync replica has every record of the call (``acks=all``). The producer is
  idempotent, so what it retries by itself is not written twice.
- The records of a call that fails may be in Kafka all the same, some or all of them: only its answer is missing. The
  gateway repeats the call with the same numbers, and the pipeline drops what it has had by number, by id, or because a
  tick brings nothing new. So a record may be in the topic twice, and counts once. (Transactions would make a call
  whole. They would cost one more round trip to every broker, and every reader would wait for the slowest gateway.)
- Records of one shard are in the order in which one gateway appended them. Several gateways write to the same
  partitions; between them there is no order but Kafka's.
- A record's position is its offset + 1. Each shard has positions of its own: those of two shards cannot be compared.

aiokafka lives in a loop and a thread of its own here, because the gateway's writer is a thread that waits.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors

from ingest.frame import FrameError
from ingest.log.kafka_address import MAX_RECORD_BYTES, KafkaAddress
from ingest.log.kafka_client import KafkaLogError, KafkaTopicError, explained, note_error, stop_now
from ingest.log.records import Record, decode_record, encode_record

_log = logging.getLogger(__name__)
_BATCH_BYTES: Final = 1 << 20
_READ_BYTES: Final = 64 << 20
"""`KafkaLog.read` stops after this many payload bytes, so that a long backlog does not fill the memory."""
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
        The site's records, see `ingest.log.kafka_address`. It is never made here.
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
        self._consumer: AIOKafkaConsumer | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = threading.Event()
        self._thread = LoopThread(f"kafka-{topic}")
        self._sending, self._reading = asyncio.Lock(), asyncio.Lock()

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

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, after: int, *, limit: int, shard: int | None = None) -> list[Record]:
        """Return up to `limit` records (and about 64 MB) of a shard with a position greater than `after`, in order.

        Without `shard` only where there is one. Values that are no records are left out, and named in the log file:
        the worker, not this method, brings them to quarantine.
        """
        if shard is None and self.shards > 1:
            raise ValueError(f"{self._where}: name the shard to read; there is no order between {self.shards} shards")
        return self._call(self._read(shard or 0, after, limit))

    def head(self, shard: int = 0) -> int:
        """Return the newest position of a shard, 0 for an empty one."""
        return self._call(self._end(shard))

    def close(self) -> None:
        """Leave Kafka; appended records stay."""
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
                    future.add_done_callback(note_error)
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
            raise kafka_errors.UnknownTopicOrPartitionError
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

    async def _reader(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **self._options, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
                max_partition_fetch_bytes=MAX_RECORD_BYTES, fetch_max_bytes=_READ_BYTES, fetch_max_wait_ms=_FETCH_MS,
            )  # fmt: skip
            try:
                await consumer.start()
                await self._check_topic(consumer._client)  # noqa: SLF001 - no public way to ask for partitions now
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer

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
                        _log.warning("%s, shard %d, position %d: %s", self._where, shard, message.offset + 1, error)
                        continue
                    records.append(record)
                    size += len(record.payload)
            return records

    async def _leave(self) -> None:
        async with self._sending, self._reading:  # not in the middle of a connection: it would be left half open
            self._retire_producer()
            if self._consumer is not None:
                await self._consumer.stop()
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


class LoopThread:
    """An event loop in a thread of its own, for threads that call coroutines and wait."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
        """Run a coroutine in the loop and return its result. Raises its error, or TimeoutError; it is then cancelled.

        Raises RuntimeError where the thread has been stopped, or is stopped meanwhile.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()  # it will never be awaited
            raise
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise
        except CancelledError:
            raise RuntimeError("stopped meanwhile") from None

    def stop(self) -> None:
        """Cancel what still runs, and end the thread. A second call does nothing."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        while True:
            self.loop.run_until_complete(asyncio.sleep(0))  # what was called just before becomes a task
            left = asyncio.all_tasks(self.loop)
            if not left:
                return
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
