"""Delivery on Kafka: with the store full, the site's worker still tells; then the store gets what it missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ingest.log.kafka_address import site_topic
from ingest.login import BrokerAddress
from stream.engines.partition_worker import PartitionWorker
from stream.engines.workloads import KafkaSite, SiteWorkload
from stream.output_codec import encode_output
from stream.pipeline.pipeline import Pipeline
from stream.pipeline.shard import ShardPipeline
from stream.sinks import delivery as delivery_module
from stream.sinks.delivery import QuarantineSink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with
from tests.ingest.brokers import Broker
from tests.kafka.servers import Kafka
from tests.kafka.test_partition_worker import Feed, running, until, write
from tests.stream.build import MINUTE, NOON, Writer, forget, places
from tests.stream.sink_tools import Listener
from tests.stream.troubled_store import FullStore, contents

DEVICES = {"cam-1": "camera", **{f"smoke-{n}": "smoke" for n in range(6)}}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker("mosquitto", 3, tmp_path)
    yield broker
    broker.stop()


@pytest.mark.parametrize("rows", [delivery_module.QUEUE_ROWS, 20], ids=["short", "long"])
def test_with_a_full_store_alerts_go_out_and_it_gets_what_it_missed(kafka: Kafka, broker, tmp_path, monkeypatch, rows):
    """A short outage is bridged by the queue; after a long one Kafka is read again from the saved state."""
    monkeypatch.setattr(delivery_module, "QUEUE_ROWS", rows)
    name = kafka.new_site()
    config = pipeline_with(site=name, country="", emit_open_s=0.0)
    store, listener = FullStore(tmp_path / "store.db", name), Listener(broker.port)
    mqtt = MqttSink(BrokerAddress(port=broker.port), name, delivered_path=tmp_path / "delivered.json")
    site = KafkaSite(
        kafka.address, config, places(DEVICES), 1, lambda *_: [store, mqtt, QuarantineSink(forget)], checkpoint_s=0.1
    )
    shard, writer, records = ShardPipeline(config, places(DEVICES)), Writer(), []

    def heard_more_than(number: int) -> bool:
        return len(listener.alerts(name)) > number

    async def scenario() -> list[float]:
        feed, took = Feed(), []
        async with running(PartitionWorker(SiteWorkload(site))) as worker:

            async def give(alarm: str = "") -> None:
                at = NOON + len(records) * MINUTE
                writer.count("cam-1", at, len(records) % 7)
                if alarm:
                    writer.state(alarm, at, "alarm", metric="smoke")
                records.append(writer.record())
                value = encode_output(shard.process(records[-1]))
                await write(site, site_topic(name), [value])
                await feed.give(worker, len(records) - 1, value)

            for _ in range(10):
                await give()
            await until(lambda: worker.saved == 10)
            store.fill(full=True)
            for _ in range(15):
                await give()
            await until(lambda: "full" in worker.failing.get("store", ""))
            for number in range(4):
                since = time.monotonic()
                await give(f"smoke-{number}")
                await until(partial(heard_more_than, number))
                took.append(time.monotonic() - since)
            for _ in range(15):
                await give()
            assert worker.ready
            assert set(worker.failing) == {"store"}
            assert len(feed.acknowledged) <= 25, "nothing is acknowledged that the store does not have"
            store.fill(full=False)
            await until(lambda: worker.saved == len(records) and not worker.failing)
            await give("smoke-4")
            await until(lambda: worker.saved == len(records))
            assert feed.acknowledged == list(range(len(records)))
        return took

    took = asyncio.run(scenario())
    listener.close()
    mqtt.close()
    store.close()
    assert min(took) < 5.0  # a second is promised, on a machine that is not busy
    raised = [one["device"] for one in listener.alerts(name) if one["state"] == "raised"]
    assert raised == [f"smoke-{n}" for n in range(5)], "nothing is told twice"
    other, pipeline = StoreSink(tmp_path / "other.db", name), Pipeline(config, places(DEVICES))
    other.write([pipeline.process(record) for record in records])
    other.close()
    assert contents(tmp_path / "store.db") == contents(tmp_path / "other.db"), "as the embedded engine has it"
