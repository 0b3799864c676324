"""State on Kafka: read to its end when a partition is taken over, written in one transaction a checkpoint.

Transactions do two things here: the entries of a checkpoint are all there or none is, and whoever opens the state
*fences* the one before, which then cannot write any more: a worker that was thought dead, and comes back, does no harm.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ingest.log.kafka_address import MAX_RECORD_BYTES, KafkaAddress
from ingest.log.kafka_client import note_error, stop_now
from stream.state.changelog import META_KEY

_LOG: Final = logging.getLogger(__name__)
_FETCH_BYTES: Final = 16 << 20
_STALLED_S: Final = 30.0
"""So long may a partition give nothing before its end is reached."""
_BREATH: Final = 200
"""Entries between two chances for the rest of the process."""
_TRANSACTION_MS: Final = 60_000


class StalledError(OSError):
    """A partition gave nothing more before its end, or took nothing for too long."""


class StateTopic:
    """The state of one partition: a compacted topic's partition of the same number.

    Parameters
    ----------
    address
        How to reach Kafka.
    topic, partition
        Where the entries are.
    name
        Its one writer's: whoever opens it under the same name takes over from whoever had it.
    timeout_s
        How long Kafka may need for an answer.
    plain
        For brokers without transactions (Tansu, for tests): nobody is fenced, and a checkpoint is whole because its
        ``meta`` entry is written last, unless the process is killed just then.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topic: str,
        partition: int,
        name: str,
        timeout_s: float = 30.0,
        *,
        plain: bool = False,
    ) -> None:
        self._address, self.topic, self.partition, self._name = address, topic, partition, name
        self._timeout_s, self._plain = timeout_s, plain
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> dict[bytes, bytes]:
        """Take over, and return the newest entry of every key. What the writer before had begun is undone.

        Raises aiokafka's errors and OSError where Kafka does not answer.
        """
        more = {} if self._plain else {"transactional_id": self._name, "transaction_timeout_ms": _TRANSACTION_MS}
        self._producer = await _start_producer(self._address, self._name, self._timeout_s, linger_ms=5, **more)
        entries: dict[bytes, bytes] = {}
        reading = read_partition(self._address, self.topic, self.partition, committed=not self._plain)
        async for _, key, value in reading:
            if value is None:
                entries.pop(key or b"", None)
            else:
                entries[key or b""] = value
        return entries

    async def write(self, entries: Mapping[bytes, bytes | None]) -> None:
        """Write entries, all or none; None removes a key. Raises aiokafka's errors, ProducerFenced among them."""
        producer = self._producer
        if producer is None:
            raise RuntimeError(f"state {self._name} is written before it is opened")
        try:
            async with asyncio.timeout(_TRANSACTION_MS / 1000):
                if self._plain:
                    await self._send(producer, {key: value for key, value in entries.items() if key != META_KEY})
                    await self._send(producer, {key: value for key, value in entries.items() if key == META_KEY})
                else:
                    async with producer.transaction():
                        await self._send(producer, entries)
        except TimeoutError as error:
            seconds = _TRANSACTION_MS / 1000
            raise StalledError(f"Kafka did not take the state {self._name} within {seconds:.0f} s") from error

    async def _send(self, producer: AIOKafkaProducer, entries: Mapping[bytes, bytes | None]) -> None:
        sent = []
        for number, (key, value) in enumerate(entries.items(), 1):
            future = await producer.send(self.topic, value, key=key, partition=self.partition)
            future.add_done_callback(note_error)
            sent.append(future)
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*sent)

    async def close(self) -> None:
        """Leave, without waiting for what Kafka has not taken. A second call does nothing."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_now(producer)
            manager = producer._txn_manager  # noqa: SLF001 - who was fenced leaves an error there that nobody looks at
            waiting = None if manager is None else manager._transaction_waiter  # noqa: SLF001 - same
            if waiting is not None:
                waiting.add_done_callback(note_error)


class ResultsTopic:
    """Where results of shards go: sent in order, each once (idempotent), known to be there after `flush`."""

    def __init__(
        self, address: KafkaAddress, topic: str, name: str, timeout_s: float = 30.0, *, plain: bool = False
    ) -> None:
        self._address, self.topic, self._name, self._timeout_s = address, topic, name, timeout_s
        self._plain = plain
        self._producer: AIOKafkaProducer | None = None
        self._sent: list[asyncio.Future[Any]] = []
        self._bytes = 0

    async def open(self) -> None:
        """Connect. Raises aiokafka's errors."""
        self._producer = await _start_producer(
            self._address, self._name, self._timeout_s, linger_ms=2, enable_idempotence=not self._plain
        )

    async def send(self, key: bytes, value: bytes) -> None:
        """Send a value; waits where much is under way. Raises what an earlier one has failed with."""
        if self._producer is None:
            raise RuntimeError(f"{self._name} sends before it is opened")
        future = await self._producer.send(self.topic, value, key=key, partition=0)
        future.add_done_callback(note_error)
        self._sent.append(future)
        self._bytes += len(value)
        if len(self._sent) >= 1_000 or self._bytes > 32 << 20:
            await self.flush()

    async def flush(self) -> None:
        """Wait until Kafka has everything sent so far. Raises aiokafka's errors: some of it may then be there."""
        sent, self._sent, self._bytes = self._sent, [], 0
        if sent:
            await asyncio.gather(*sent)

    async def close(self) -> None:
        """Leave, without waiting for what Kafka has not taken. A second call does nothing."""
        producer, self._producer = self._producer, None
        self._sent = []
        if producer is not None:
            await stop_now(producer)


async def _start_producer(address: KafkaAddress, name: str, timeout_s: float, **more: object) -> AIOKafkaProducer:
    options: dict[str, Any] = address.options() | more
    producer = AIOKafkaProducer(
        **options,
        client_id=name,
        acks="all",
        max_batch_size=1 << 20,
        max_request_size=MAX_RECORD_BYTES + 1024,
        request_timeout_ms=round(timeout_s * 1000),
    )
    await producer.start()
    return producer


async def read_partition(
    address: KafkaAddress,
    topic: str,
    partition: int,
    start: int = 0,
    end: int | None = None,
    *,
    committed: bool = False,
) -> AsyncGenerator[tuple[int, bytes | None, bytes | None], None]:
    """Yield (offset, key, value) of a partition from `start`, or where it begins now, up to `end` or its present end.

    With `committed` only what belongs to transactions that were committed. Raises aiokafka's errors, and
    `StalledError` where nothing comes for 30 s.
    """
    consumer = AIOKafkaConsumer(
        **address.options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=100,
    )
    at = start
    try:
        await consumer.start()
        place = TopicPartition(topic, partition)
        consumer.assign([place])
        first = (await consumer.beginning_offsets([place]))[place]
        if end is None:
            end = (await consumer.end_offsets([place]))[place]
        if first > start > 0:
            _LOG.warning(
                "%s/%d begins at offset %d, wanted %d: what was between is gone", topic, partition, first, start
            )
        start = max(start, first)
        if start >= end:
            return
        consumer.seek(place, start)
        while (at := await consumer.position(place)) < end:
            async with asyncio.timeout(_STALLED_S):
                while not (found := await consumer.getmany(place, timeout_ms=200)):
                    if await consumer.position(place) >= end:
                        return
            for message in found[place]:
                if message.offset >= end:
                    return
                yield message.offset, message.key, message.value
    except TimeoutError as error:
        raise StalledError(f"{topic}/{partition} gives nothing from offset {at}, its end is {end}") from error
    finally:
        await consumer.stop()
