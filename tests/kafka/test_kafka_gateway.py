"""Gateways that write to Kafka: every beat in its shard, time in each of them, nothing lost and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.log.batch import open_batch
from ingest.log.kafka_address import records_topic
from ingest.log.kafka_log import KafkaLog
from ingest.log.records import RecordKind
from ingest.shards import ShardMap
from simulators.world.neighbourhood import places_geojson
from tests.configs import gateway_with
from tests.ingest.brokers import Broker, Publisher
from tests.support import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
PLATES = Plates([("aaaa", b"a" * 32)])
SHARDS = 3


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = Broker("mosquitto", 5, tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def publisher(broker):
    client = Publisher(broker.port, 5)
    yield client
    client.close()


def count(seq: int, now_ms: int | None = None) -> bytes:
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return json.dumps({"type": "count", "boot": "a", "seq": seq, "ts": now_ms, "interval_s": 1, "in": 1}).encode()


def records(log: KafkaLog):
    return {shard: log.read(0, limit=10_000, shard=shard) for shard in range(log.shards)}


def rows(log: KafkaLog) -> Counter[tuple[str, str, int]]:
    """How often each (beat, device, number) stands in the log; a beat in a wrong shard fails."""
    shards, found = ShardMap(log.shards), Counter()
    for shard, held in records(log).items():
        for record in held:
            if record.kind is RecordKind.OBSERVATIONS:
                batch = open_batch(record.payload)
                sources = batch.columns["source"].values()
                for source, seq in zip(sources, batch.columns["seq"].values(), strict=True):
                    beat, device, _ = batch.sources[source]
                    assert shards.shard_of(beat) == shard
                    found[beat, device, seq] += 1
    return found


class Site:
    """One gateway in this process, for a site of its own."""

    def __init__(self, kafka, broker, folder, **options) -> None:
        self.site = kafka.new_site(SHARDS)
        topic, timeout_s = records_topic(self.site), options.pop("timeout", 30)
        self.log = KafkaLog(kafka.address, topic, shards=SHARDS, timeout_s=timeout_s)
        self.quarantine = Quarantine(folder / "quarantine.db")
        config = gateway_with(self.site, broker.address, shards=SHARDS, backoff_s=(0.1, 30.0), **options)
        self.gateway = Gateway(config, None, self.log, self.quarantine, SystemClock(), PLATES)
        self.gateway.start()
        wait_for(lambda: self.gateway.stats().connected, "the gateway connects")

    def topic(self, beat: str) -> str:
        return topics.observations(self.site, beat, f"cam-{beat}")

    def close(self) -> None:
        self.gateway.stop()
        self.log.close()
        self.quarantine.close()


def test_every_beat_comes_to_its_shard_and_time_passes_in_all(kafka, broker, publisher, tmp_path):
    site = Site(kafka, broker, tmp_path, tick_s=0.2)
    beats = [f"beat-{n}" for n in range(12)]
    for beat in beats:
        publisher.send(site.topic(beat), count(1), count(2), b"nonsense")
        publisher.send(topics.status(site.site, beat, f"cam-{beat}"), b'{"state":"online"}')
    incident = {"id": "i", "ts": time.time_ns() // 1_000_000, "lon": 1, "lat": 2, "category": "theft"}
    publisher.send(topics.incidents(site.site), json.dumps(incident).encode())
    wait_for(lambda: site.gateway.stats().incidents == 1, "the incident is taken")

    def ticks():
        return {shard for shard, held in records(site.log).items() for r in held if r.kind is RecordKind.TICK}

    site.gateway.change_calendar(b"{}")
    wait_for(lambda: len(ticks()) == SHARDS, "time passes in every shard")
    wait_for(lambda: site.gateway.calendar == b"{}", "the calendar is logged")
    held = records(site.log)
    assert rows(site.log) == {(beat, f"cam-{beat}", seq): 1 for beat in beats for seq in (1, 2)}
    shards = ShardMap(SHARDS)
    for shard, found in held.items():
        kinds = Counter(record.kind for record in found)
        assert kinds[RecordKind.TICK] > 0
        assert kinds[RecordKind.CALENDAR] == 1
        assert kinds[RecordKind.INCIDENT] == (1 if shard == 0 else 0)
        assert kinds[RecordKind.STATUS] == sum(shards.shard_of(beat) == shard for beat in beats)
        times = [record.received_ms for record in found]
        assert times == sorted(times)
    assert site.gateway.stats().quarantined == {"json": 12}
    site.close()


def test_while_kafka_does_not_answer_nothing_is_acknowledged_and_nothing_is_lost(kafka, broker, publisher, tmp_path):
    site = Site(kafka, broker, tmp_path, timeout=1)
    publisher.send(site.topic("b1"), count(1))
    wait_for(lambda: site.gateway.stats().appended == 1, "the first is in Kafka")
    pid = kafka.node.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        publisher.send(site.topic("b1"), count(2), count(3))  # the broker has them, the gateway must not say so
        wait_for(lambda: site.gateway.stats().log_full, "the gateway says that Kafka does not answer")
        assert kafka.node.bootstrap in site.gateway.stats().log_full
        assert site.gateway.stats().appended == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: site.gateway.stats().appended == 3, "the gateway goes on by itself")
    assert set(rows(site.log)) == {("b1", "cam-b1", seq) for seq in (1, 2, 3)}
    assert site.gateway.stats().log_full == ""
    site.close()


def test_a_gateway_that_is_stopped_while_kafka_is_away_leaves_its_messages_to_the_broker(
    kafka, broker, publisher, tmp_path
):
    site = Site(kafka, broker, tmp_path, timeout=1)
    pid = kafka.node.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        publisher.send(site.topic("b1"), *[count(n) for n in range(50)])
        wait_for(lambda: site.gateway.stats().log_full, "the gateway says that Kafka does not answer")
        site.gateway.stop()
    finally:
        os.kill(pid, signal.SIGCONT)
    again = Gateway(site.gateway.config, None, site.log, site.quarantine, SystemClock(), PLATES)
    wait_for(lambda: _starts(again), "Kafka answers again")
    wait_for(lambda: len(rows(site.log)) == 50, "the broker sends all again")
    again.stop()
    site.log.close()
    site.quarantine.close()


def _starts(gateway: Gateway) -> bool:
    try:
        gateway.start()
    except OSError:
        return False
    return True


class Process:
    """``patrolgrid gateway`` as a process of its own."""

    def __init__(self, config: Path, name: str, folder: Path) -> None:
        self.name, self.port, self.log = name, free_port(), folder / f"{name}.log"
        self.command = [
            sys.executable, "-m", "console.cli", "gateway", "--config", str(config), "--name", name,
            "--metrics-port", str(self.port),
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def ready(self) -> bool:
        assert self.child.poll() is None, self.log.read_text()[-2000:]
        return self.get("/readyz") == (200, "ready\n")

    def end(self, how: signal.Signals) -> int:
        self.child.send_signal(how)
        return self.child.wait(60)


def test_two_gateways_share_and_one_is_killed(kafka, broker, publisher, tmp_path):
    site = kafka.new_site(SHARDS)
    (tmp_path / "places.geojson").write_text(json.dumps(places_geojson()), encoding="utf-8")
    config = tmp_path / "patrolgrid.toml"
    config.write_text(
        f"""
        site = {{ id = "{site}", places = "places.geojson" }}
        data = {{ dir = "data" }}
        broker = {{ port = {broker.port}, protocol = "5" }}
        gateway = {{ shared_group = "city", accept_unknown = true }}
        kafka = {{ bootstrap = "{kafka.node.bootstrap}", shards = {SHARDS} }}
        """,
        encoding="utf-8",
    )
    gateways = [Process(config, name, tmp_path) for name in ("a", "b")]
    try:
        for gateway in gateways:
            wait_for(gateway.ready, f"gateway {gateway.name} is ready")
        sent = [(f"b{n % 9}", n) for n in range(900)]
        for half, part in enumerate((sent[:450], sent[450:])):
            for beat, seq in part:
                publisher.send(topics.observations(site, beat, f"cam-{beat}"), count(seq))
                if half == 0 and seq == 300:
                    gateways[0].end(signal.SIGKILL)
        gateways[0].start()  # what was its share waits for it at the broker
        wait_for(gateways[0].ready, "the killed one is ready again")
        log = KafkaLog(kafka.address, records_topic(site), shards=SHARDS)
        truth = {(beat, f"cam-{beat}", seq) for beat, seq in sent}
        wait_for(lambda: len(rows(log)) == len(truth), "all are in Kafka")
        assert set(rows(log)) == truth
        log.close()
        status, text = gateways[1].get("/metrics")
        label = f'{{gateway="patrolgrid-gateway-{site}-b",site="{site}"}}'
        assert status == 200
        assert f"patrolgrid_gateway_ready{label} 1.0" in text
        taken = float(text.partition(f"patrolgrid_gateway_observations_total{label} ")[2].split("\n", 1)[0])
        assert 300 < taken < 900, "the other one took part of them"
        assert "process_resident_memory_bytes" in text
    finally:
        ended = [gateway.end(signal.SIGTERM) for gateway in gateways]
    assert ended == [0, 0]
