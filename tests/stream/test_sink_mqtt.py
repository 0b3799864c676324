"""Alerts on the wire: what happens when the broker, the power or the file is not there."""

from __future__ import annotations

import json

import pytest

from ingest.login import BrokerAddress
from stream.sinks.mqtt_sink import MqttSink, MqttSinkError
from tests.ingest.brokers import ScriptedBroker
from tests.stream.make_results import T0, alert, hotspot_map, results
from tests.stream.sink_tools import Broker, Listener, Wire, eventually
from tests.support import free_port


@pytest.fixture(scope="module")
def broker():
    broker = Broker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker):
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture
def opened(broker, tmp_path, request):
    """Opens sinks of one site and file, and closes what a test left open."""
    sinks = []

    def make(**more):
        settings = {"delivered_path": tmp_path / "state" / "delivered.json", "backoff_s": (1, 1)} | more
        address = settings.pop("address", None) or BrokerAddress(port=settings.pop("port", broker.port))
        sink = MqttSink(address, request.node.name, **settings)
        sinks.append(sink)
        return sink

    yield make
    for sink in sinks:
        sink._session.close()


def delivered(sink):
    """The log position that the sink's file says was delivered whole; -1 without a file."""
    return json.loads(sink._path.read_bytes())["position"] if sink._path.exists() else -1


def ids(listener, site):
    return [(row["id"], row["revision"]) for row in listener.alerts(site)]


def test_each_change_is_heard_once_and_in_order(listener, opened, request):
    sink = opened()
    written = [results(n, alerts=[alert("a", n), alert("b", n, beat="b2")]) for n in range(1, 30)]
    sink.write(written)
    sink.write(written[3:])
    sink.flush()
    sink.write(written)
    sink.flush()
    site = request.node.name
    eventually(lambda: len(ids(listener, site)), 58)
    assert [row["revision"] for row in listener.heard[site]["b2", "alerts"]] == list(range(1, 30))
    assert listener.heard[site]["b1", "alerts"][0]["place"] == {"en": "West gate", "zh-CN": "西门"}


def test_reading_the_log_again_rings_no_phone_for_what_was_delivered(listener, opened, request):
    written = [results(n, alerts=[alert("a", n)]) for n in range(1, 6)]
    sink = opened()
    sink.write(written[:3])
    sink.flush()
    sink._session.close()  # killed: no more is written to its file
    again = opened()
    assert delivered(again) == 3
    again.write(written)
    again.flush()
    eventually(lambda: ids(listener, request.node.name), [("a", n) for n in range(1, 6)])


def test_hotspots_are_retained_and_emptied(broker, opened, request):
    sink = opened(beats=["b1", "b3"])
    sink.write([results(1, maps=[hotspot_map(T0, ("c1", "b1"), ("c2", "b2"))])])
    sink.flush()
    sink._session.close()
    sink = opened()
    sink.write([results(2, maps=[hotspot_map(T0 + 5, ("c2", "b2"), ("c3", "b2"))])])
    sink.close()
    late = Listener(broker.port)  # hears what was retained
    eventually(lambda: late.cells(request.node.name), {"b1": [], "b2": ["c2", "c3"], "b3": []})
    first = late.heard[request.node.name]["b2", "hotspots"][0][0]
    assert (first["ts"], first["horizon_s"], first["rank"]) == (T0 + 5, 7200, 1)
    late.close()


@pytest.fixture
def wire(broker):
    """The sink's way to the broker, not joined yet."""
    wire = Wire(broker.port)
    yield wire
    wire.cut()


def test_a_map_published_before_a_crash_is_emptied_after_it(broker, opened, request):
    first, second = (
        results(1, maps=[hotspot_map(T0, ("c1", "b1"))]),
        results(2, maps=[hotspot_map(T0 + 5, ("c2", "b2"))]),
    )
    sink = opened()
    sink.write([first])
    while sink._waiting:
        sink._await_ack()
    sink._session.close()  # killed before its file said so
    sink = opened()
    sink.write([first, second])  # read again in one go, so that the first map is passed over
    sink.close()
    late = Listener(broker.port)
    eventually(lambda: late.cells(request.node.name), {"b1": [], "b2": ["c2"]})
    late.close()


def test_a_broker_that_is_away_is_an_error_and_nothing_is_lost(listener, wire, opened, tmp_path, request):
    sink = opened(port=wire.port, timeout_s=0.3)
    one = [results(1, alerts=[alert("a", 1)])]
    sink.write(one)
    with pytest.raises(MqttSinkError, match=f"127.0.0.1:{wire.port}: 1 messages not acknowledged, none for 0.3 s"):
        sink.flush()
    assert not (tmp_path / "state" / "delivered.json").exists()
    wire.join()
    sink._timeout_s = 60
    sink.write(one)  # as the engine does
    sink.flush()
    eventually(lambda: ids(listener, request.node.name), [("a", 1)])

    wire.cut()
    sink._timeout_s = 0.3
    sink.write([results(2, alerts=[alert("a", 2)])])
    with pytest.raises(MqttSinkError, match="tried again"):
        sink.flush()
    assert delivered(sink) == 1
    wire.join()
    sink._timeout_s = 60
    sink.close()
    # What was under way when the wire was cut may come twice: at least once is what is promised.
    eventually(lambda: set(ids(listener, request.node.name)), {("a", 1), ("a", 2)})


def test_closing_without_a_broker_raises_and_lets_go(opened):
    sink = opened(port=free_port(), timeout_s=0.2)
    sink.close()  # nothing to deliver
    sink = opened(port=free_port(), timeout_s=0.2)
    sink.write([results(1, alerts=[alert()])])
    with pytest.raises(MqttSinkError, match=r"cannot be reached|not connected"):
        sink.close()
    assert not sink._session.up
    assert not sink._session._thread.is_alive()


def test_a_broker_that_forgets_to_acknowledge_gets_a_new_connection(opened):
    with ScriptedBroker() as silent:
        silent.answer = lambda _topic: None
        sink = opened(address=silent.address, timeout_s=0.5, backoff_s=(0.05, 0.1))
        sink.write([results(1, alerts=[alert("a", 1), alert("a", 2, beat="b2")])])
        with pytest.raises(MqttSinkError, match=r"connected, but .* does not acknowledge"):
            sink.flush()
        silent.answer, sink._timeout_s = lambda _topic: 0, 60
        sink.flush()
        assert silent.topics[0] == silent.topics[-1]
        assert len(silent.topics[0]) == 2
        assert delivered(sink) == 1


def test_a_refused_message_is_an_error_that_names_the_topic(opened):
    with ScriptedBroker() as strict:
        strict.answer = lambda _topic: 0x87
        sink = opened(address=strict.address, timeout_s=60, backoff_s=(0.05, 0.1))
        sink.write([results(1, alerts=[alert()])])
        with pytest.raises(MqttSinkError, match=r"refused patrolgrid/v1/.*/b1/alerts: Not authorized"):
            sink.flush()
        assert delivered(sink) == -1
        strict.answer = lambda _topic: 0  # the access list was put right
        sink._refused = 1_000  # whatever was refused meanwhile is known
        sink.flush()
        assert delivered(sink) == 1


def test_a_file_that_cannot_be_read_means_sending_again(opened, tmp_path, caplog):
    path = tmp_path / "state" / "delivered.json"
    path.parent.mkdir()
    path.write_bytes(b'{"site":"s')
    sink = opened()
    assert sink._taken < 0
    assert "alerts may be sent a second time" in caplog.text
    path.write_bytes(b'{"site":"elsewhere","position":4,"beats":[]}')
    with pytest.raises(ValueError, match="is of site 'elsewhere', expected 'test_a_file"):
        opened()


def test_positions_without_messages_cost_no_disk(opened, tmp_path):
    sink = opened()
    sink.write([results(n) for n in range(1, 9)])
    sink.flush()
    assert not (tmp_path / "state").exists()
