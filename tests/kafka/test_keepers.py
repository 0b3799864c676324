"""Keepers on real Kafka, without Faust: what they pass by, where they go on, and who may write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ingest import frame
from ingest.frame import FrameKind
from ingest.log.kafka_topics import records_topic, site_topic
from ingest.log.records import Record, encode_record
from stream.config import PipelineConfig
from stream.engines import workers as keepers
from stream.engines.kafka_state import read_partition
from stream.engines.partition_worker import Keeper
from stream.engines.worker_types import Delivery
from stream.engines.workers import KafkaSite, Outlets, ShardKeeper, SiteKeeper
from stream.pipeline.shard import ShardPipeline
from stream.results_codec import decode_results
from stream.sinks.memory_sink import MemorySink
from tests.kafka.servers import Kafka
from tests.stream.build import MINUTE, NOON, Writer, places

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
    """What the site's keeper writes to."""

    def __init__(self) -> None:
        self.sink, self.refusals = MemorySink(), []

    def open(self, _closing: object) -> Outlets:
        return Outlets([self.sink], self.refusals.extend)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def site(kafka: Kafka, outside: Outside) -> KafkaSite:
    config = PipelineConfig(site=kafka.new_site(), country=None, emit_open_s=0.0)
    return KafkaSite(kafka.address, config, places(), 1, outside.open, checkpoint_s=0.2)


def a_log(minutes: int = 12) -> list[Record]:
    log = Writer()
    found = []
    for minute in range(minutes):
        log.count("cam-1", NOON + minute * MINUTE, minute + 1).level("noise-1", NOON + minute * MINUTE, 50.0)
        log.state("door-1", NOON + minute * MINUTE, "open")
        found.append(log.record())
    return found


async def write(site: KafkaSite, topic: str, values: list[bytes | None]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=site.address.bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"0", partition=0)


async def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(keeper: Keeper) -> AsyncIterator[Keeper]:
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.stop(save=False)


class Feed:
    """Deliveries as Faust would make them, and what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []

    async def give(self, keeper: Keeper, offset: int, value: bytes | None) -> None:
        await keeper.offer(Delivery(offset, value, lambda: self.acknowledged.append(offset)))


async def results_of(site: KafkaSite) -> list[Any]:
    return [
        decode_results(value) async for _, _, value in read_partition(site.address, site_topic(site.config.site), 0)
    ]


def state(pipeline: ShardPipeline) -> bytes:
    meta = pipeline.meta()
    meta.pop("position")  # what is passed by moves the keeper's, not the pipeline's
    return frame.encode(FrameKind.SNAPSHOT, meta, pipeline.arrays())


def test_bad_records_are_named_and_passed_by(site, outside, monkeypatch):
    monkeypatch.setattr(keepers, "ShardPipeline", Fragile)
    good = a_log()
    poison = Writer().count("cam-1", NOON + 6 * MINUTE, POISON, seq=900).record()
    encoded = [encode_record(record) for record in good]
    bad = [encode_record(poison), encoded[0][:30], b"PGre\x09" + encoded[0][5:], b"not ours", None]
    values = [*encoded[:6], *bad, *encoded[6:]]

    async def scenario() -> ShardPipeline:
        await write(site, records_topic(site.config.site), values)
        feed = Feed()
        async with running(ShardKeeper(site, 0)) as keeper:
            for offset, value in enumerate(values):
                await feed.give(keeper, offset, value)
            await until(lambda: len(feed.acknowledged) == len(values))
            assert feed.acknowledged == sorted(feed.acknowledged)
            assert (keeper.stats.poison, keeper.stats.restarts) == (1, 1)
            shard = keeper.pipeline
        async with running(SiteKeeper(site)) as keeper:
            topic = site_topic(site.config.site)
            await until(lambda: keeper.ready)
            found = [(offset, value) async for offset, _, value in read_partition(site.address, topic, 0)]
            for offset, value in [*found, (len(found), b"PGrs\x09 are results of tomorrow"), (len(found) + 1, None)]:
                await feed.give(keeper, offset, value)
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
    assert outside.refusals[0].topic == f"{records_topic(site.config.site)}/0 offset 6"
    assert outside.refusals[0].payload == bad[0]
    undisturbed = ShardPipeline(site.config, site.places)
    for record in good:
        undisturbed.process(record)
    assert state(shard) == state(undisturbed)
    assert outside.sink.accepted == 3 * len(good)


def test_the_next_keeper_goes_on_where_the_state_is(site):
    values = [encode_record(record) for record in a_log(20)]

    async def scenario() -> tuple[bytes, list[Any]]:
        await write(site, records_topic(site.config.site), values)
        feed = Feed()
        async with running(ShardKeeper(site, 0)) as keeper:
            for offset in range(8):
                await feed.give(keeper, offset, values[offset])
            await until(lambda: feed.acknowledged == list(range(8)))
            keeper._checkpoint_s = keeper._next_save = 1e12  # what follows is never saved: it is "killed"
            for offset in range(8, 12):
                await feed.give(keeper, offset, values[offset])
            await until(lambda: keeper.position == 12)
            await keeper.settle(idle=False)
        async with running(ShardKeeper(site, 0)) as keeper:
            await until(lambda: keeper.ready)
            assert keeper.position == 8
            await feed.give(keeper, 3, values[3])  # the offset committed may be older than the state
            await feed.give(keeper, 15, values[15])  # or newer, when the state was given up
            await until(lambda: keeper.position == 16)
            assert keeper.stats.repeated == 7
            for offset in range(16, 20):
                await feed.give(keeper, offset, values[offset])
            await until(lambda: keeper.position == 20)
            await keeper.stop(save=True)
            assert keeper.stats.saved == 20
            saved = state(keeper.pipeline)
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


def test_who_was_thought_dead_cannot_write_any_more(site):
    values = [encode_record(record) for record in a_log(6)]

    async def scenario() -> None:
        await write(site, records_topic(site.config.site), values)
        feed = Feed()
        async with running(ShardKeeper(site, 0)) as old:
            await feed.give(old, 0, values[0])
            await until(lambda: feed.acknowledged == [0])
            async with running(ShardKeeper(site, 0)) as new:
                await until(lambda: new.ready)
                await feed.give(old, 1, values[1])
                await until(lambda: old.stats.failing == "another worker has taken over")
                assert old.stats.saved == 1
                await feed.give(new, 1, values[1])
                await until(lambda: new.stats.saved == 2)

    asyncio.run(scenario())


def test_a_state_of_other_settings_is_learnt_anew_and_one_of_a_newer_program_is_kept(site, monkeypatch):
    values = [encode_record(record) for record in a_log(6)]

    async def scenario() -> None:
        await write(site, records_topic(site.config.site), values)
        feed = Feed()
        async with running(ShardKeeper(site, 0)) as keeper:
            for offset in range(4):
                await feed.give(keeper, offset, values[offset])
            await until(lambda: len(feed.acknowledged) == 4)
        other = replace(site, config=replace(site.config, window_s=600))
        async with running(ShardKeeper(other, 0)) as keeper:
            await feed.give(keeper, 4, values[4])
            await until(lambda: keeper.stats.saved == 5)
            assert keeper.stats.repeated == 4
            assert "window_s" in keeper.anew.reason
        monkeypatch.setattr(keepers, "STATE_VERSION", keepers.STATE_VERSION - 1)
        async with running(ShardKeeper(other, 0)) as keeper:
            await until(lambda: "newer program" in keeper.stats.failing)
        monkeypatch.undo()
        async with running(ShardKeeper(other, 0)) as keeper:
            await until(lambda: keeper.ready)
            assert keeper.position == 5
            assert keeper.anew is not None

    asyncio.run(scenario())
