"""Hazards are told while the log cannot be written, and the same alerts come again when it can."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ingest.clock import SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.plate_keys import load_plates
from ingest.gateway.quarantine import Quarantine
from ingest.log.records import LogFullError
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress
from stream.engines.embedded import EmbeddedEngine
from stream.pipeline.pipeline import Pipeline
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.configs import gateway_with, pipeline_with
from tests.ingest.brokers import Broker, Publisher
from tests.stream.build import places
from tests.stream.sink_tools import Listener
from tests.support import wait_for

SITE = "unlogged"
DEVICES = {"cam-1": "camera", **{f"smoke-{n}": "smoke" for n in range(40)}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker("mosquitto", 5, tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


class Site:
    """A gateway and an engine on one log whose disk can be full, with a store and MQTT behind them."""

    def __init__(self, folder: Path, broker: Broker, listener: Listener, publisher: Publisher) -> None:
        self.folder, self.broker, self.listener, self.publisher = folder, broker, listener, publisher
        self.seq = 0
        self.full = False

    @contextmanager
    def running(self, **settings: int) -> Iterator[Site]:
        address, folder, known = BrokerAddress(port=self.broker.port, protocol="5"), self.folder, places(DEVICES)
        self.log = SqliteLog(folder / "log.db", min_free_bytes=0)
        honest = self.log.append

        def append(records):
            if self.full:
                raise LogFullError(28, "no room, on purpose")
            return honest(records)

        setattr(self.log, "append", append)  # noqa: B010 - in place of the method
        store = StoreSink(folder / "store.db", SITE)
        mqtt = MqttSink(address, SITE, delivered_path=folder / "delivered.json", backoff_s=(1, 1))
        config = pipeline_with(site=SITE, country="", emit_open_s=0.0)
        with closing(Quarantine(folder / "quarantine.db")) as quarantine, closing(self.log):
            self.engine = EmbeddedEngine(
                self.log, lambda: Pipeline(config, known), [store, mqtt], folder / "state",
                quarantine=quarantine.add_many,
            )  # fmt: skip
            config_of_gateway = gateway_with(SITE, broker=address, client_id=folder.name[:40], **settings)
            self.gateway = Gateway(
                config_of_gateway, known, self.log, quarantine, SystemClock(), load_plates(folder / "plates.key"),
                self.engine.tell_unlogged,
            )  # fmt: skip
            self.engine.start()
            self.gateway.start()
            wait_for(lambda: self.gateway.stats().connected, "it is connected")
            try:
                yield self
            finally:
                self.gateway.stop()
                self.engine.stop()
                store.close()
                mqtt.close()

    def say(self, device: str, **what: object) -> None:
        self.seq += 1
        ts = time.time_ns() // 1_000_000
        body = json.dumps({"boot": "b", "seq": self.seq, "ts": ts, **what}).encode()
        self.publisher.send(f"patrolgrid/v1/{SITE}/b1/{device}/obs", body)

    def smoke(self, device: str, value: str) -> None:
        self.say(device, type="state", metric="smoke", value=value)

    def heard(self) -> list[dict]:
        return [one for one in self.listener.alerts(SITE) if one["kind"] == "smoke"]

    def stored(self) -> list[tuple[str, str]]:
        reader = StoreReader(self.folder / "store.db")
        return [(one["id"], one["state"]) for one in reader.alerts()]


@pytest.fixture
def site(tmp_path: Path, broker: Broker) -> Iterator[Site]:
    listener, publisher = Listener(broker.port), Publisher(broker.port)
    yield Site(tmp_path, broker, listener, publisher)
    publisher.close()
    listener.close()


def test_an_alarm_is_told_while_nothing_can_be_logged_and_has_the_same_id_afterwards(site):
    with site.running():
        site.smoke("smoke-0", "ok")
        wait_for(lambda: site.gateway.stats().appended == 1, "the log works")
        site.full = True
        for device in ("smoke-0", "smoke-1"):
            site.smoke(device, "alarm")
        wait_for(lambda: len(site.heard()) >= 2, "both are told")
        site.smoke("smoke-0", "ok")
        wait_for(lambda: [one["state"] for one in site.heard()].count("cleared") >= 1, "the end is told")
        assert site.gateway.stats().log_full
        assert site.gateway.stats().appended == 1, "nothing is in the log"
        told = {(one["id"], one["state"]) for one in site.heard()}
        site.full = False
        wait_for(lambda: site.gateway.stats().appended >= 4, "the log works again")
        wait_for(lambda: len(site.stored()) == 2, "the store has them")
        wait_for(lambda: set(site.stored()) <= told, "under the same ids, as they were told")
        site.smoke("smoke-2", "alarm")
        wait_for(lambda: any(one["device"] == "smoke-2" for one in site.heard()), "what follows is told as ever")
    assert {(one["id"], one["state"]) for one in site.heard() if one["device"] != "smoke-2"} == told
    assert site.log is not None


def test_alarms_are_heard_when_the_broker_sends_nothing_more_without_an_acknowledgement(site):
    with site.running(receive_maximum=5):
        site.full = True
        site.smoke("smoke-9", "ok")
        wait_for(lambda: site.gateway._ear.up, "it has another way to hear")
        for _ in range(30):
            site.say("cam-1", type="count", interval_s=1, **{"in": 1, "out": 0, "of": "person"})
        site.smoke("smoke-3", "alarm")
        wait_for(lambda: any(one["device"] == "smoke-3" for one in site.heard()), "it is told")
        assert site.gateway.stats().appended == 0
        told = [one["id"] for one in site.heard()]
        site.full = False
        wait_for(site.stored, "the store has it")
        wait_for(lambda: StoreReader(site.folder / "store.db").totals()["observations"] == 32, "and every count, once")
        assert [one for one, _ in site.stored()] == told[:1]


def test_what_was_told_and_not_logged_comes_again_after_a_crash(site):
    with site.running():
        site.full = True
        site.smoke("smoke-4", "alarm")
        wait_for(site.heard, "it is told")
    assert site.log is not None
    site.full = False
    with site.running():
        wait_for(site.stored, "the broker had kept it")
        assert len(site.stored()) == 1


def test_a_quarantine_that_fails_holds_up_no_alarm_and_nothing_refused_is_lost(site, monkeypatch):
    honest, full = Quarantine.add_many, [True]

    def add_many(self, refusals):
        if full[0]:
            raise OSError("no room, on purpose")
        honest(self, refusals)

    monkeypatch.setattr(Quarantine, "add_many", add_many)
    with site.running():
        site.publisher.send(f"patrolgrid/v1/{SITE}/b1/cam-1/obs", b'{"type": "none"}')
        wait_for(lambda: "on purpose" in site.gateway.stats().quarantine_full, "it is told")
        site.smoke("smoke-5", "alarm")
        wait_for(site.heard, "the alarm is told")
        wait_for(lambda: site.gateway.stats().appended == 1, "and logged")
        full[0] = False
        wait_for(lambda: not site.gateway.stats().quarantine_full, "the quarantine works again")
        wait_for(lambda: site.gateway.stats().waiting == 0, "all is acknowledged")
    with closing(Quarantine(site.folder / "quarantine.db")) as quarantine:
        assert sum(quarantine.counts().values()) == 1
