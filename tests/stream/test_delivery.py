"""Delivery: a sink that fails silences no other, and gets what it missed in order, on the embedded engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ingest.files import all_put_aside
from ingest.log.records import Record
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress
from stream.engines.embedded import CONSUMER, EmbeddedEngine
from stream.pipeline.pipeline import Pipeline
from stream.sinks import delivery as delivery_module
from stream.sinks.delivery import Delivery, Sink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError
from tests.configs import pipeline_with
from tests.ingest import damage as damage_of
from tests.ingest.brokers import Broker
from tests.stream.build import MINUTE, NOON, Writer, forget, places
from tests.stream.make_results import alert, results
from tests.stream.sink_tools import Listener
from tests.stream.troubled_store import FullStore, contents, damage
from tests.support import wait_for

CONFIG = pipeline_with(site="test", country="", emit_open_s=0.0)
DEVICES = {"cam-1": "camera", **{f"smoke-{n}": "smoke" for n in range(6)}}


class Story:
    """Minutes of counts, and now and then a smoke alarm, written to a log."""

    def __init__(self, log: SqliteLog) -> None:
        self.log, self.writer, self.minute, self.alarms = log, Writer(), 0, 0

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.writer.count("cam-1", NOON + self.minute * MINUTE, self.minute % 7)
            self.minute += 1
            self._append()

    def alarm(self) -> float:
        """Let another detector raise an alarm; return when it was in the log."""
        self.writer.state(f"smoke-{self.alarms}", NOON + self.minute * MINUTE, "alarm", metric="smoke")
        self.alarms += 1
        self._append()
        return time.monotonic()

    def _append(self) -> None:
        record = self.writer.record()
        self.log.append([Record(kind=record.kind, received_ms=record.received_ms, payload=record.payload)])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker("mosquitto", 3, tmp_path_factory.mktemp("broker"))
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.db")
    yield log
    log.close()


def engine_of(log: SqliteLog, sinks: list[Sink], folder: Path) -> EmbeddedEngine:
    return EmbeddedEngine(
        log, lambda: Pipeline(CONFIG, places(DEVICES)), sinks, folder / "state", quarantine=forget,
        snapshot_every_s=0.05,
    )  # fmt: skip


@contextmanager
def running(log: SqliteLog, sinks: list[Sink], folder: Path) -> Iterator[EmbeddedEngine]:
    """An engine at work, that is stopped after its log's last record."""
    engine = engine_of(log, sinks, folder.parent)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()
        for sink in sinks:
            sink.close()
    assert engine.failure is None


def mqtt_sink(broker: Broker, site: str, folder: Path) -> MqttSink:
    return MqttSink(BrokerAddress(port=broker.port), site, delivered_path=folder / "delivered.json", backoff_s=(1, 1))


def alarm_is_heard(story: Story, listener: Listener) -> float:
    """Raise an alarm, wait until it is heard over MQTT, and return how long that took, seconds."""
    before = len(listener.alerts("test"))
    since = story.alarm()
    wait_for(lambda: len(listener.alerts("test")) > before, "the alert is heard")
    return time.monotonic() - since


def settled(engine: EmbeddedEngine, log: SqliteLog) -> bool:
    return engine.position == log.head()


def undisturbed(log: SqliteLog, folder: Path) -> dict[str, list[object]]:
    folder.mkdir()
    with running(log, [StoreSink(folder / "store.db", "test")], folder / "state") as engine:
        wait_for(lambda: settled(engine, log), "everything is in")  # a stop does not wait where nothing moves
    return contents(folder / "store.db")


def numbers_undisturbed(log: SqliteLog, folder: Path) -> dict[str, list[object]]:
    undisturbed(log, folder)
    return numbers(folder / "store.db")


@pytest.mark.parametrize("rows", [delivery_module.QUEUE_ROWS, 20], ids=["short", "long"])
def test_with_a_full_store_alerts_go_out_and_it_gets_what_it_missed(log, broker, listener, tmp_path, monkeypatch, rows):
    """A short outage is bridged by the queue; after a long one the log is read again from the last snapshot."""
    monkeypatch.setattr(delivery_module, "QUEUE_ROWS", rows)
    store, story = FullStore(tmp_path / "store.db", "test"), Story(log)
    with running(log, [store, mqtt_sink(broker, "test", tmp_path)], tmp_path / "state") as engine:
        story.minutes(20)
        wait_for(lambda: settled(engine, log), "everything is in")
        before = engine.position
        store.fill(full=True)
        story.minutes(30)
        wait_for(lambda: "full" in engine.failing.get("store", ""), "the status names the store")
        took = [alarm_is_heard(story, listener) for _ in range(4)]
        assert min(took) < 5.0  # a second is promised, on a machine that is not busy
        story.minutes(30)
        assert set(engine.failing) == {"store"}
        assert engine.position <= before + 30
        assert log.committed(CONSUMER) <= before + 30, "no state is saved that the store is behind"
        store.fill(full=False)
        wait_for(lambda: settled(engine, log), "the store has caught up")
        assert engine.failing == {}
        alarm_is_heard(story, listener)
    assert [one["device"] for one in listener.alerts("test") if one["state"] == "raised"] == [
        f"smoke-{n}" for n in range(5)
    ], "nothing is told twice"
    assert contents(tmp_path / "store.db") == undisturbed(log, tmp_path / "again")


def test_with_a_damaged_store_a_node_starts_and_tells_and_a_repaired_one_is_taken_up(log, broker, listener, tmp_path):
    path, story = tmp_path / "store.db", Story(log)
    with running(log, [StoreSink(path, "test")], tmp_path / "state"):
        story.minutes(40)
    kept = damage(path)
    with running(log, [StoreSink(path, "test"), mqtt_sink(broker, "test", tmp_path)], tmp_path / "state") as engine:
        story.minutes(5)
        wait_for(lambda: "store" in engine.failing, "the status names the store")
        assert "malformed" in engine.failing["store"]
        took = [alarm_is_heard(story, listener) for _ in range(4)]
        assert min(took) < 5.0  # a second is promised, on a machine that is not busy
        story.minutes(20)
        kept.replace(path)
        wait_for(lambda: settled(engine, log), "the store has caught up")
    assert contents(path) == undisturbed(log, tmp_path / "again")


def numbers(path: Path) -> dict[str, list[object]]:
    """What a store that was written again must have in common with one that was never damaged."""
    found = contents(path)
    del found["hotspots"], found["hotspot_maps"]  # of the times at which the log was read
    found["windows"] = [row.split(", ")[:8] for row in map(str, found["windows"])]
    return found


@pytest.mark.parametrize("way", damage_of.DATABASE_WAYS)
def test_a_damaged_store_is_put_aside_and_written_again_from_the_log(log, tmp_path, way):
    path, story = tmp_path / "store.db", Story(log)
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state"):
        story.minutes(40)
        story.alarm()
    damage_of.DATABASE_WAYS[way](path)
    story.minutes(5)
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state") as engine:
        wait_for(lambda: settled(engine, log), "the store is written again")
        story.minutes(5)
    assert numbers(path) == numbers_undisturbed(log, tmp_path / "again")
    assert [one.file for one in all_put_aside(tmp_path)] == ([] if way == "emptied" else ["store.db"])


@pytest.mark.parametrize("table", ["windows", "progress", "totals", "alerts", "meta"])
def test_a_page_of_the_store_that_goes_bad_while_it_is_used_stops_nobody(log, broker, listener, tmp_path, table):
    path, story = tmp_path / "store.db", Story(log)
    store = StoreSink(path, "test", mends=True)
    with running(log, [store, mqtt_sink(broker, "test", tmp_path)], tmp_path / "state") as engine:
        story.minutes(40)
        wait_for(lambda: settled(engine, log), "everything is in")
        damage_of.without_root_of(table)(path)
        story.minutes(1)
        alarm_is_heard(story, listener)
        if table == "meta":
            with suppress(StoreError):
                store.put_meta("status", {})
        story.minutes(20)
        wait_for(lambda: settled(engine, log), "the store is written again")
        assert not engine.failing
    assert numbers(path) == numbers_undisturbed(log, tmp_path / "again")


def test_a_store_that_is_being_written_again_holds_up_no_alarm_and_survives_a_restart(
    log, broker, listener, tmp_path, monkeypatch
):
    path, story = tmp_path / "store.db", Story(log)
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state"):
        story.minutes(40)
    path.unlink()
    gate = threading.Event()
    honest = StoreSink.write

    def slow(sink: StoreSink, written):
        gate.wait(60)
        honest(sink, written[:7])
        raise OSError("cut short")

    monkeypatch.setattr(StoreSink, "write", slow)
    engine = engine_of(log, [StoreSink(path, "test", mends=True), mqtt_sink(broker, "test", tmp_path)], tmp_path)
    engine.start()
    try:
        alarm_is_heard(story, listener)
        gate.set()
        wait_for(lambda: StoreReader(path).progress()["position"] == 7, "a part is in")
        assert log.committed(CONSUMER) <= 40, "no state is saved that the store is behind"
    finally:
        engine.stop(drain=False)
    monkeypatch.setattr(StoreSink, "write", honest)
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state"):
        story.minutes(5)
    assert numbers(path) == numbers_undisturbed(log, tmp_path / "again")


def test_alerts_that_are_open_are_those_of_the_state_also_where_the_log_no_longer_has_their_beginning(log, tmp_path):
    path, story = tmp_path / "store.db", Story(log)
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state"):
        story.alarm()
        story.minutes(10)
    before = StoreReader(path).alerts(open_only=True)
    assert len(before) == 1
    log._writer.execute("DELETE FROM records WHERE position < 4")
    path.unlink()
    with running(log, [StoreSink(path, "test", mends=True)], tmp_path / "state"):
        pass
    assert StoreReader(path).alerts(open_only=True) == before
    assert StoreReader(path).totals()["observations"] == 8, "what the log still has"


def test_ended_while_the_store_is_full_the_next_start_brings_it_the_rest(log, tmp_path):
    store, story = FullStore(tmp_path / "store.db", "test"), Story(log)
    engine = EmbeddedEngine(
        log, lambda: Pipeline(CONFIG, places(DEVICES)), [store], tmp_path / "state", quarantine=forget
    )
    engine.start()
    story.minutes(10)
    wait_for(lambda: settled(engine, log), "everything is in")
    store.fill(full=True)
    story.minutes(30)
    wait_for(lambda: engine.failing, "the store fails")
    engine.stop(timeout_s=0.2)
    store.close()
    with running(log, [StoreSink(tmp_path / "store.db", "test")], tmp_path / "state"):
        pass
    assert contents(tmp_path / "store.db") == undisturbed(log, tmp_path / "again")


class Gate:
    """A sink that waits at a gate, or fails there."""

    def __init__(self, name: str = "gate") -> None:
        self.name, self.open, self.error = name, threading.Event(), ""
        self.taken: list[int] = []

    def write(self, written):
        self.open.wait(60)
        if self.error:
            raise OSError(self.error)
        self.taken += [one.position for one in written]

    def flush(self):
        pass

    def close(self):
        pass


@contextmanager
def started(*sinks: Gate, position: int = 0) -> Iterator[Delivery]:
    delivery = Delivery(sinks)
    delivery.start(position)
    try:
        yield delivery
    finally:
        for sink in sinks:
            sink.error = ""
            sink.open.set()
        delivery.close()


def test_a_slow_sink_holds_the_engine_up_and_no_other_sink(monkeypatch):
    monkeypatch.setattr(delivery_module, "QUEUE_ROWS", 10)
    slow, quick = Gate("slow"), Gate("quick")
    quick.open.set()
    with started(slow, quick) as delivery:
        delivery.put([results(n, alerts=[alert()]) for n in range(1, 8)])
        wait_for(lambda: len(quick.taken) == 7, "the quick sink has them")
        assert delivery.full
        assert not delivery.wait_for_room(0.01)
        assert delivery.position == 0
        slow.open.set()
        assert delivery.wait_for_room(60)
        assert delivery.wait_until_reached(delivery.newest, 60)
    assert slow.taken == quick.taken == list(range(1, 8))


def test_a_sink_that_hangs_counts_as_failing(monkeypatch):
    monkeypatch.setattr(delivery_module, "QUEUE_ROWS", 10)
    monkeypatch.setattr(delivery_module, "_HANGS_S", 0.0)
    with started(Gate()) as delivery:
        delivery.put([results(n, alerts=[alert()]) for n in range(1, 8)])
        wait_for(lambda: "has not answered" in delivery.failing.get("gate", ""), "it is named")
        assert not delivery.full


def test_what_a_failing_sink_had_no_room_for_is_asked_for_when_it_works_again(monkeypatch):
    monkeypatch.setattr(delivery_module, "QUEUE_ROWS", 3)
    sink, other = Gate(), Gate("other")
    sink.error = "away"
    sink.open.set()
    other.open.set()
    with started(sink, other, position=5) as delivery:
        delivery.put([results(6)])
        wait_for(lambda: delivery.failing == {"gate": "OSError: away"}, "it is named")
        for number in range(7, 20):
            delivery.put([results(number)])
        wait_for(lambda: len(other.taken) == 14, "the other sink has all")
        assert not delivery.behind
        sink.error = ""
        wait_for(lambda: delivery.behind, "it works again, and has missed results")
        assert sink.taken == [6, 7, 8]
        assert delivery.position == 8
        delivery.start(5)
        delivery.put([results(number) for number in range(6, 22)])
        assert delivery.wait_until_reached(delivery.newest, 60)
        assert not delivery.behind
    assert sink.taken == other.taken == list(range(6, 22)), "each once, in order"
