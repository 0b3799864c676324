"""The gateway's client id: nobody guesses it, it outlives restarts, and what waits under one of before is taken."""

from __future__ import annotations

import json
import stat
import threading

import pytest

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.identity import Identity
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress
from ingest.mqtt.session import Session
from tests.configs import gateway_with
from tests.ingest.brokers import Broker, Publisher
from tests.ingest.test_gateway import count, seqs
from tests.support import wait_for

OBS = topics.observations("s", "b1", "cam")
BEFORE = "patrolgrid-gateway-s"


@pytest.fixture(params=[3, 5])
def broker(request, tmp_path):
    running = Broker("mosquitto", request.param, tmp_path / "broker")
    yield running
    running.stop()


class Node:
    """A gateway with its folder, as a node has it."""

    def __init__(self, folder, broker, **options):
        address = BrokerAddress(port=broker.port, protocol="5" if broker.version == 5 else "3.1.1")
        config = gateway_with("s", address, backoff_s=(0.1, 0.5), identity=folder / "gateway.json", **options)
        self.log, self.quarantine = SqliteLog(folder / "log.db", min_free_bytes=0), Quarantine(folder / "q.db")
        plates = Plates([("aaaa", b"a" * 32)])
        self.gateway = Gateway(config, None, self.log, self.quarantine, SystemClock(), plates)

    def __enter__(self):
        self.gateway.start()
        wait_for(lambda: self.gateway._session.up, "the gateway connects")
        return self

    def __exit__(self, *_exc):
        self.gateway.stop()
        self.log.close()
        self.quarantine.close()


def leaves(folder):
    return json.loads((folder / "gateway.json").read_bytes())["leave"]


def test_the_id_has_a_random_part_that_is_kept(tmp_path):
    path = tmp_path / "gateway.json"
    first, again = Identity(path, "name"), Identity(path, "name")
    assert first.client_id == again.client_id
    assert first.client_id.startswith("name-")
    assert len(first.client_id) >= len("name-") + 16
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.client_id != Identity(tmp_path / "other.json", "name").client_id


def test_an_id_that_was_set_and_is_no_longer_is_left(tmp_path):
    path = tmp_path / "gateway.json"
    assert Identity(path, "name", "chosen").leave == ("name",)
    now = Identity(path, "name")
    assert now.leave == ("name", "chosen")
    now.left("name")
    assert Identity(path, "name").leave == ("chosen",)


@pytest.mark.parametrize("content", [b"", bytes(40), b"{}", b"[1]", None], ids=repr)
def test_a_damaged_file_costs_nothing_as_long_as_its_copy_is_whole(content, tmp_path, caplog):
    path, copy = tmp_path / "gateway.json", tmp_path / "gateway.copy.json"
    first = Identity(path, "name").client_id
    for one, other in ((path, copy), (copy, path), (path, copy)):
        one.unlink()
        one.write_bytes(content) if content is not None else one.mkdir()
        assert Identity(path, "name").client_id == first
        assert one.read_bytes() == other.read_bytes()
    assert str(path) in caplog.text or content == b"{}"
    for one in (path, copy):
        one.unlink()
        one.write_bytes(bytes(40))
    assert Identity(path, "name").client_id not in {first, "name"}
    assert "stays at the broker" in caplog.text


def test_what_waits_under_the_id_of_before_is_taken_in_order_and_the_session_is_removed(broker, tmp_path):
    old = Session(BrokerAddress(port=broker.port), BEFORE, filters=topics.inputs("s"), persistent=True, expiry_s=3_600)
    old.connect()
    old.close()
    publisher = Publisher(broker.port, broker.version)
    publisher.send(OBS, *[count(n) for n in range(300)])
    going = threading.Event()
    sender = threading.Thread(target=lambda: [publisher.send(OBS, count(n)) for n in range(300, 600)] and going.set())
    with Node(tmp_path, broker) as node:
        sender.start()
        assert going.wait(60)
        wait_for(lambda: not leaves(tmp_path), "the old session is left")
        publisher.send(OBS, count(600))
        wait_for(lambda: 600 in seqs(node.log), "the new session goes on")
        taken = seqs(node.log)
        assert sorted(set(taken)) == list(range(601))
        assert taken[:300] == list(range(300))
        assert node.quarantine.list() == []
    sender.join()
    publisher.close()
    after = Session(BrokerAddress(port=broker.port), BEFORE, persistent=True)
    after.connect()
    assert not after.resumed
    after.close()


def test_a_client_under_the_id_of_before_takes_nothing_away(broker, tmp_path):
    """As in the field: a device's client id was the gateway's, and 400 acknowledged messages were gone."""
    with Node(tmp_path, broker):
        wait_for(lambda: not leaves(tmp_path), "the old session is left")
    publisher = Publisher(broker.port, broker.version)
    publisher.send(OBS, *[count(n) for n in range(400)])
    Publisher(broker.port, broker.version, name=BEFORE).close()
    with Node(tmp_path, broker) as node:
        wait_for(lambda: len(seqs(node.log)) == 400, "all that was acknowledged is there")
        Publisher(broker.port, broker.version, name=BEFORE).close()
        publisher.send(OBS, count(400))
        wait_for(lambda: len(seqs(node.log)) == 401, "the gateway is still connected")
        assert node.gateway.stats().connections == 1
    publisher.close()


def test_a_gateway_is_told_that_somebody_uses_its_id_and_that_its_queue_is_gone(broker, tmp_path):
    with Node(tmp_path, broker, client_id="known") as node:
        wait_for(lambda: not leaves(tmp_path), "the old session is left")
        thief = Session(node.gateway.config.broker, "known", backoff_s=(0.05, 0.1))
        thief.start()
        wait_for(lambda: node.gateway.stats().conflict, "the second client is seen")
        thief.close()
        wait_for(lambda: node.gateway.stats().forgotten, "the broker has forgotten")
        assert "'known'" in node.gateway.stats().conflict


def test_a_gateway_without_a_broker_stops(tmp_path):
    class Nobody:
        port, version = 9, 3

    node = Node(tmp_path, Nobody)
    node.gateway.start()
    wait_for(lambda: "cannot be reached" in node.gateway.stats().last_error, "there is none")
    node.__exit__()
    assert leaves(tmp_path) == [BEFORE]


def test_a_gateway_says_that_it_is_connected_only_when_it_hears(broker, tmp_path):
    """Between the connection and the subscription nothing that devices say would be kept."""
    node = Node(tmp_path, broker)
    node.gateway.start()
    wait_for(lambda: node.gateway.stats().connected, "it says so")
    publisher = Publisher(broker.port, broker.version)
    publisher.send(OBS, count(0))
    wait_for(lambda: seqs(node.log) == [0], "it has heard")
    publisher.close()
    node.__exit__()
