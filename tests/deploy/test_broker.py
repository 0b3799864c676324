"""Both brokers: what the demo starts and what a station runs."""

import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import MAX_PAYLOAD, MOSQUITTO_DIR, embedded_command, start_broker, write_mosquitto
from deploy.processes.supervisor import ChildError, Supervisor, free_port
from deploy.settings.load import at_broker, with_values
from deploy.settings.sections import Settings
from deploy.station.station_accounts import add_officers
from ingest.login import parse_address
from ingest.mqtt.outbox import Outbound
from ingest.mqtt.publisher import publish_all
from ingest.mqtt.session import Session
from ingest.setup.settings import SettingsError
from tests.support import require_program, wait_for


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request, tmp_path):
    if request.param == "mosquitto":
        require_program("mosquitto", "run: make services")
    port = free_port()
    with Supervisor(tmp_path) as supervisor:
        start_broker(supervisor, request.param, port, tmp_path / "broker")
        yield with_values(Settings(), broker={"port": port})


def test_large_messages_arrive_and_are_acknowledged(broker):
    heard = []
    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _c, _u, message: heard.append(len(message.payload))
    client.connect("127.0.0.1", broker.broker.port)
    client.loop_start()
    client.subscribe("patrolgrid/v1/#", qos=1)
    assert subscribed.wait(60)
    sizes = [10, 30_000, 300_000, MAX_PAYLOAD - 1_000]
    assert publish_all(broker.broker, [Outbound("patrolgrid/v1/s/b/d/obs", b"x" * size) for size in sizes]) == 4
    wait_for(lambda: len(heard) == 4, "all four messages")
    client.disconnect()
    client.loop_stop()
    assert heard == sizes


def test_a_broker_that_answers_is_told_from_one_that_does_not(broker):
    session = Session(broker.broker, "")
    session.connect()
    session.close()
    nobody = Session(with_values(broker, broker={"port": free_port()}).broker, "")
    with pytest.raises(ConnectionError, match=r"cannot be reached: .*refused"):
        nobody.connect()
    assert not nobody.refused


def test_only_this_machine_is_heard(broker):
    from pathlib import Path

    port = f":{broker.broker.port:04X}"
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    local = [line.split()[1] for line in lines if line.split()[3] == "0A" and line.split()[1].endswith(port)]
    assert local == [f"0100007F{port}"]


def test_a_broker_on_a_taken_port_says_so(broker, tmp_path):
    # Not `start_broker`: its readiness is true at once, because the first one answers.
    command = embedded_command(broker.broker.port)
    with Supervisor(tmp_path / "second") as supervisor, pytest.raises(ChildError, match="in use"):
        supervisor.start("broker", command, ready=lambda: False)


def test_the_production_configuration_keeps_what_it_promises(tmp_path):
    text = (MOSQUITTO_DIR / "patrolgrid.conf").read_text(encoding="utf-8")
    active = [line for line in text.splitlines() if line and not line.startswith("#")]
    for line in (
        "listener 1883 127.0.0.1",
        "allow_anonymous false",
        "persistence true",
        f"max_packet_size {MAX_PAYLOAD}",
        "max_queued_messages 1000000",
    ):
        assert line in active
    scratch = write_mosquitto(tmp_path, 12345).read_text(encoding="utf-8")
    assert "listener 12345 127.0.0.1" in scratch
    assert "/var/lib" not in scratch
    assert "password_file" not in scratch


def test_who_may_write_what_at_a_station(tmp_path):
    """A device below its own id, an officer about the own plan, the node no command, the board what people do."""
    program = require_program("mosquitto", "run: make services")
    passwd = require_program("mosquitto_passwd", "run: make services")
    import subprocess

    port, bound = free_port(), free_port()
    config = write_mosquitto(tmp_path, port, anonymous=False, ports={1884: bound})
    assert add_officers(tmp_path / "devices.acl", ["p1"]) == ["p1"]
    accounts = {"patrolgrid": ("node", "board"), "devices": ("cam-1", "p1", "console")}
    for file, user in [(file, user) for file, users in accounts.items() for user in users]:
        (tmp_path / f"{file}.passwd").touch(mode=0o600)
        subprocess.run(
            [passwd, "-b", str(tmp_path / f"{file}.passwd"), user, f"pw-{user}"], check=True, capture_output=True
        )
    heard, plans = [], []

    def client(user):
        made = mqtt.Client(CallbackAPIVersion.VERSION2)
        made.username_pw_set(user, f"pw-{user}")
        made.connect("127.0.0.1", port if user in {"node", "board"} else bound)
        made.loop_start()
        return made

    with Supervisor(tmp_path) as supervisor:
        from deploy.processes.supervisor import listening

        ports = port, bound
        supervisor.start(
            "broker", [program, "-c", str(config)], ready=lambda: all(listening("127.0.0.1", one) for one in ports)
        )
        for one in ports:
            stranger = Session(with_values(Settings(), broker={"port": one}).broker, "")
            with pytest.raises(ConnectionError, match=r"refused the connection: Not authorized"):
                stranger.connect()
            assert stranger.refused
        clients = client("node"), client("board"), client("cam-1"), client("p1"), client("console")
        node, board, camera, officer, console = clients
        subscribed = threading.Event()
        node.on_subscribe = lambda *_: subscribed.set()
        node.on_message = lambda _c, _u, message: heard.append(message.topic)
        node.subscribe("patrolgrid/v1/#", qos=1)
        assert subscribed.wait(60)
        for topic in ("s/b/cam-2/obs", "s/commands", "s/b/alerts", "s/b/cam-1/obs"):
            camera.publish(f"patrolgrid/v1/{topic}", b"x", qos=1).wait_for_publish(60)
        people = ("s/commands", "s/patrol/p1/did", "s/audit/head")
        for topic in ("s/b/cam-1/obs", *people, "s/incidents"):
            console.publish(f"patrolgrid/v1/{topic}", b"x", qos=1).wait_for_publish(60)
        for made, topics in ((node, people), (board, ("s/b/alerts", "s/b/cam-1/obs", *people))):
            for topic in topics:
                made.publish(f"patrolgrid/v1/{topic}", b"x", qos=1).wait_for_publish(60)
        for topic in ("s/commands", "s/patrol/p2/did", "s/patrol/p1/did"):
            officer.publish(f"patrolgrid/v1/{topic}", b"x", qos=1).wait_for_publish(60)
        officer.on_message = lambda _c, _u, message: plans.append(message.topic)
        officer.subscribe([(f"patrolgrid/v1/s/patrol/{whose}/plan", 1) for whose in ("p2", "p1")])
        for whose in ("p2", "p1"):
            node.publish(f"patrolgrid/v1/s/patrol/{whose}/plan", b"x", qos=1, retain=True).wait_for_publish(60)
        wait_for(
            lambda: heard.count("patrolgrid/v1/s/patrol/p1/did") == 2 and plans, "the officer's word, and the plan"
        )
        for made in clients:
            made.disconnect()
            made.loop_stop()
    said = [topic.removeprefix("patrolgrid/v1/s/") for topic in heard if not topic.endswith("/plan")]
    assert said == ["b/cam-1/obs", "incidents", "commands", "patrol/p1/did", "audit/head", "patrol/p1/did"]
    assert plans == ["patrolgrid/v1/s/patrol/p1/plan"]


def test_addresses():
    assert parse_address("[::1]:1883") == ("::1", 1883)
    for wrong in ("localhost", "host:", "host:0", "host:99999", ":1883"):
        with pytest.raises(SettingsError, match="HOST:PORT"):
            parse_address(wrong)
    node = {"broker": {"host": "10.0.0.9", "port": 1999}}
    assert at_broker(Settings(), None, node).broker.port == 1999
    assert at_broker(Settings(), "h:1", node).broker.host == "h"
    assert at_broker(Settings(), None).broker.port == 1883
