"""Partition workers on real Kafka, without Faust: what they pass by, where they go on, and who may write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from ingest.days.site_calendar import CalendarSettings, SiteCalendar, encode_calendar, entries_of
from ingest.events import Belief
from ingest.log.history import HistorySeries
from ingest.log.kafka_address import records_topic, site_topic
from ingest.log.records import Record, RecordKind, encode_record
from ingest.vocabulary import Kind
from stream.engines import workloads
from stream.engines.kafka_state import read_partition
from stream.engines.partition_worker import PartitionRecord, PartitionWorker
from stream.engines.workloads import KafkaSite, ShardWorkload, SiteWorkload
from stream.output_codec import decode_output
from stream.pipeline.shard import ShardPipeline
from stream.sinks.delivery import QuarantineSink, Sink
from stream.state.snapshot import STATE_VERSION, pack
from tests.configs import pipeline_with
from tests.kafka.servers import Kafka
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places
from tests.stream.memory_sink import MemorySink

POISON = 66.0
"""A count that makes the pipeline of these tests fail."""


class Fragile(ShardPipeline):
    """A pipeline with a defect."""

    def process(self, record: Record) -> Any:
        out = super().process(record)
        if any((rows.sum_a == POISON).any() for rows in out.windows):
            raise ZeroDivisionError("one count too many")
        return out


class Outside:
    """What the site's worker writes to."""

    def __init__(self) -> None:
        self.sink, self.refusals = MemorySink(), []

    def open(self, _closing: object, _places: object) -> list[Sink]:
        return [self.sink, QuarantineSink(self.refusals.extend)]


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def site(kafka: Kafka, outside: Outside) -> KafkaSite:
    config = pipeline_with(site=kafka.new_site(), country="", emit_open_s=0.0)
    return KafkaSite(kafka.address, config, places(), 1, outside.open, checkpoint_s=0.2)


def a_log(minutes: int = 12) -> list[Record]:
    log = Writer()
    found = []
    for minute in range(minutes):
        log.count("cam-1", NOON + minute * MINUTE, minute + 1).level("noise-1", NOON + minute * MINUTE, 50.0)
        log.state("door-1", NOON + minute * MINUTE, "open")
        found.append(log.record())
    return found


async def write(site: KafkaSite, topic: str, values: Sequence[bytes | None]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=site.address.bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"0", partition=0)


async def until(condition: Callable[[], Any], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(worker: PartitionWorker) -> AsyncIterator[PartitionWorker]:
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(save=False)


def pipeline_of(worker: PartitionWorker) -> ShardPipeline:
    assert isinstance(worker.workload, ShardWorkload)
    return worker.workload.pipeline


class Feed:
    """Deliveries as Faust would make them, and what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    async def give(self, worker: PartitionWorker, offset: int, value: bytes | None) -> None:
        await worker.offer(PartitionRecord(offset, value, lambda: self.acknowledged.append(offset)))


async def results_of(site: KafkaSite) -> list[Any]:
    return [
        decode_output(value) async for _, _, value in read_partition(site.address, site_topic(site.config.site.id), 0)
    ]


def state(pipeline: ShardPipeline) -> bytes:
    state = pipeline.capture()
    state.values.pop("position")  # what is passed by moves the worker's, not the pipeline's
    return pack({}, {"0": state})


def test_bad_records_are_named_and_passed_by(site, outside, monkeypatch):
    monkeypatch.setattr(workloads, "ShardPipeline", Fragile)
    good = a_log()
    poison = Writer().count("cam-1", NOON + 6 * MINUTE, POISON, seq=900).record()
    encoded = [encode_record(record) for record in good]
    bad = [encode_record(poison), encoded[0][:30], b"PGre\x09" + encoded[0][5:], b"not ours", None]
    values = [*encoded[:6], *bad, *encoded[6:]]

    async def scenario() -> ShardPipeline:
        await write(site, records_topic(site.config.site.id), values)
        feed = Feed()
        async with running(PartitionWorker(ShardWorkload(site, 0))) as worker:
            for offset, value in enumerate(values):
                await feed.give(worker, offset, value)
            await until(lambda: len(feed.acknowledged) == len(values))
            assert feed.acknowledged == sorted(feed.acknowledged)
            assert (worker.stats.poison, worker.stats.restarts) == (1, 1)
            shard = pipeline_of(worker)
        async with running(PartitionWorker(SiteWorkload(site))) as worker:
            topic = site_topic(site.config.site.id)
            await until(lambda: worker.ready)
            found = [(offset, value) async for offset, _, value in read_partition(site.address, topic, 0)]
            for offset, value in [*found, (len(found), b"PGrs\x09 are results of tomorrow"), (len(found) + 1, None)]:
                await feed.give(worker, offset, value)
            await until(lambda: len(outside.refusals) == 7)
        return shard

    shard = asyncio.run(scenario())
    told = [(refusal.reason, refusal.detail) for refusal in outside.refusals]
    assert told[0] == ("processing", "ZeroDivisionError: one count too many")
    for (reason, detail), words in zip(
        told[1:],
        ("cut short", "upgrade this node", "expected b'PGre'", "tombstone", "newer program", "tombstone"),
        strict=True,
    ):
        assert reason == "record"
        assert words in detail
    assert outside.refusals[0].topic == f"{records_topic(site.config.site.id)}/0 offset 6"
    assert outside.refusals[0].payload == bad[0]
    undisturbed = ShardPipeline(site.config, site.places)
    for record in good:
        undisturbed.process(record)
    assert state(shard) == state(undisturbed)
    assert outside.sink.accepted == 3 * len(good)


def test_the_next_worker_goes_on_where_the_state_is(site):
    values = [encode_record(record) for record in a_log(20)]

    async def scenario() -> tuple[bytes, list[Any]]:
        await write(site, records_topic(site.config.site.id), values)
        feed = Feed()
        async with running(PartitionWorker(ShardWorkload(site, 0))) as worker:
            for offset in range(8):
                await feed.give(worker, offset, values[offset])
            await until(lambda: feed.acknowledged == list(range(8)))
            worker._checkpoint_s = worker._next_save = 1e12  # what follows is never saved: it is "killed"
            for offset in range(8, 12):
                await feed.give(worker, offset, values[offset])
            await until(lambda: worker.position == 12)
            await worker.workload.settle()
        async with running(PartitionWorker(ShardWorkload(site, 0))) as worker:
            await until(lambda: worker.ready)
            assert worker.position == 8
            await feed.give(worker, 3, values[3])  # the offset committed may be older than the state
            await feed.give(worker, 15, values[15])  # or newer, when the state was given up
            await until(lambda: worker.position == 16)
            assert worker.stats.repeated == 7
            for offset in range(16, 20):
                await feed.give(worker, offset, values[offset])
            await until(lambda: worker.position == 20)
            await worker.stop(save=True)
            assert worker.saved == 20
            saved = state(pipeline_of(worker))
        return saved, await results_of(site)

    saved, results = asyncio.run(scenario())
    undisturbed, once = ShardPipeline(site.config, site.places), {}
    for record in a_log(20):
        out = undisturbed.process(record)
        once[out.position] = out
    assert saved == state(undisturbed)
    assert [out.position for out in results] == [*range(1, 13), *range(9, 21)]
    for out in results:  # those given again are the same
        assert (out.accepted, len(out.windows), out.watermark_ms) == (
            once[out.position].accepted,
            len(once[out.position].windows),
            once[out.position].watermark_ms,
        )


def words_and_days() -> list[Record]:
    """Three weeks of history; a crowd at two cameras, a market at one of them; a word that it is usual at the other."""
    built = HistoryBuilder(5 * MINUTE)
    for step in range(21 * 48):
        number = NOON // (5 * MINUTE) - (21 - step // 48) * 288 - 24 + step % 48
        for device in ("cam-1", "cam-2"):
            built.add(HistorySeries("b1", device, Kind.COUNT, "person"), number, 8 + step % 5)
    market = CalendarSettings(events=("2026-11-23 12:00-14:00 @ cam-1: market day",))
    log = Writer()
    found = [log._next(RecordKind.HISTORY, built.encode(), NOON)]
    found.append(log._next(RecordKind.CALENDAR, encode_calendar(SiteCalendar("", entries_of(market, ()))), NOON))
    for minute in range(5, 91, 5):
        for device in ("cam-1", "cam-2"):
            log.count(device, NOON + minute * MINUTE, 200, interval=300.0)
        found.append(log.record())
        if minute == 75:
            word = Belief(beat="b1", device="cam-2", metric="", since_ms=NOON, by="Wang Wei")
            found.append(log._next(RecordKind.BELIEF, msgspec.json.encode(word), log.newest))
    return found


def test_a_calendar_and_a_persons_word_are_in_the_state_that_the_next_worker_finds(site):
    site = replace(site, places=places({"cam-1": "camera", "cam-2": "camera"}))
    records = words_and_days()
    values = [encode_record(record) for record in records]
    ends = (7, next(at for at, one in enumerate(records, 1) if one.kind is RecordKind.BELIEF), len(values))

    def reached(worker: PartitionWorker, position: int) -> bool:
        return worker.position == position

    async def scenario() -> tuple[bytes, list[Any]]:
        await write(site, records_topic(site.config.site.id), values)
        begin = 0
        for end in ends:  # a worker of its own for each part
            feed = Feed()
            async with running(PartitionWorker(ShardWorkload(site, 0))) as worker:
                for offset in range(begin, end):
                    await feed.give(worker, offset, values[offset])
                await until(partial(reached, worker, end))
                await worker.stop(save=True)
                saved, begin = state(pipeline_of(worker)), end
        return saved, await results_of(site)

    saved, results = asyncio.run(scenario())
    whole = ShardPipeline(site.config, site.places)
    expected = [whole.process(record) for record in records]
    assert saved == state(whole)
    assert [one.anomalies for one in results] == [one.anomalies for one in expected]
    assert [one.notices for one in results] == [one.notices for one in expected]
    assert [one for out in results for one in out.refusals] == []
    told = [(one.device, one.why.code) for out in results for one in out.anomalies]
    assert {device for device, _ in told} == {"cam-2"}, "a market is expected"
    assert told[-1] == ("cam-2", "believed"), "and what somebody calls usual is told no more"


def test_who_was_thought_dead_cannot_write_any_more(site):
    values = [encode_record(record) for record in a_log(6)]

    async def scenario() -> None:
        await write(site, records_topic(site.config.site.id), values)
        feed = Feed()
        async with running(PartitionWorker(ShardWorkload(site, 0))) as old:
            await feed.give(old, 0, values[0])
            await until(lambda: feed.acknowledged == [0])
            async with running(PartitionWorker(ShardWorkload(site, 0))) as new:
                await until(lambda: new.ready)
                await feed.give(old, 1, values[1])
                await until(lambda: old.trouble == "another worker has taken over")
                assert old.saved == 1
                await feed.give(new, 1, values[1])
                await until(lambda: new.saved == 2)

    asyncio.run(scenario())


def test_a_state_of_other_settings_is_learned_again_and_one_of_a_newer_program_is_kept(site, monkeypatch):
    values = [encode_record(record) for record in a_log(6)]

    async def scenario() -> None:
        await write(site, records_topic(site.config.site.id), values)
        feed = Feed()
        async with running(PartitionWorker(ShardWorkload(site, 0))) as worker:
            for offset in range(4):
                await feed.give(worker, offset, values[offset])
            await until(lambda: len(feed.acknowledged) == 4)
        longer = replace(site, config=pipeline_with(site.config.site.id, country="", emit_open_s=0.0, window_s=600))
        async with running(PartitionWorker(ShardWorkload(longer, 0))) as worker:
            await until(lambda: worker.ready)
            assert (worker.position, worker.stats.cold_start) == (4, None)
        other = replace(longer, shards=site.shards + 1)
        async with running(PartitionWorker(ShardWorkload(other, 0))) as worker:
            await feed.give(worker, 4, values[4])
            await until(lambda: worker.saved == 5)
            assert worker.stats.repeated == 4
            assert worker.stats.cold_start is not None
            assert "shards" in worker.stats.cold_start.reason
        monkeypatch.setattr(workloads, "STATE_VERSION", STATE_VERSION - 1)
        async with running(PartitionWorker(ShardWorkload(other, 0))) as worker:
            await until(lambda: "newer program" in worker.trouble)
        monkeypatch.undo()
        async with running(PartitionWorker(ShardWorkload(other, 0))) as worker:
            await until(lambda: worker.ready)
            assert worker.position == 5
            assert worker.stats.cold_start is not None

    asyncio.run(scenario())
