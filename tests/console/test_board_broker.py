"""The board's way to a broker as stations run it: passwords, access rules, TLS, MQTT 5."""

import subprocess
import threading
from contextlib import closing

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from console.board.board_config import PASSWORD_VARIABLE, BoardConfig
from console.board.commands import MqttCommandPublisher, UnconfirmedError
from deploy.processes.broker import write_mosquitto
from deploy.processes.supervisor import Supervisor, listening
from deploy.settings.load import with_values
from deploy.settings.sections import Settings
from ingest import topics
from ingest.events import Command, PatrolDid
from ingest.login import BrokerAddress
from simulators.replay.recording import Recorder
from tests.support import free_port, require_program, wait_for

COMMAND = Command(id="c-1", action="acknowledge", alert="al-1", by="Li", ts=0)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """Mosquitto with the production configuration over TLS; (the node's port, certificate, the devices' port)."""
    program = require_program("mosquitto", "run: make services")
    passwd = require_program("mosquitto_passwd", "run: make services")
    openssl = require_program("openssl", "install it with the system's packages")
    folder = tmp_path_factory.mktemp("station")
    port, certificate, key = free_port(), folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = write_mosquitto(folder, port, anonymous=False, ports={1884: (devices := free_port())})
    tls = f"certfile {certificate}\nkeyfile {key}\nallow_anonymous"
    config.write_text(config.read_text("utf-8").replace("allow_anonymous", tls), "utf-8")
    for file, user in (("patrolgrid", "node"), ("patrolgrid", "board"), ("devices", "alerts")):
        passwords = folder / f"{file}.passwd"
        passwords.touch(mode=0o600)
        subprocess.run([passwd, "-b", str(passwords), user, f"pw-{user}"], check=True, capture_output=True)
    with Supervisor(folder) as supervisor:
        supervisor.start("broker", [program, "-c", str(config)], ready=lambda: listening("127.0.0.1", port))
        yield port, certificate, devices


def configuration(station, account="board", **more):
    port, certificate, _ = station
    broker = BrokerAddress(port=port, username=account, tls=True, tls_ca=certificate, **more)
    return BoardConfig(store_path="x", places_path="x", site="s", broker=broker)


def publisher(config, **more):
    return MqttCommandPublisher(config.site, config.login(), **more)


def heard_by(station, topic):
    port, certificate, _ = station
    heard, subscribed = [], threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("node", "pw-node")
    client.tls_set(ca_certs=str(certificate))
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _c, _u, message: heard.append(message.topic)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(topic, qos=1)
    assert subscribed.wait(60)
    return client, heard


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_command_of_the_board_passes_the_access_rules(station, monkeypatch, protocol):
    monkeypatch.setenv(PASSWORD_VARIABLE, "pw-board")
    listener, heard = heard_by(station, "patrolgrid/v1/#")
    board = publisher(configuration(station, protocol=protocol))
    try:
        wait_for(lambda: board.connected, "the board connects")
        board.publish(COMMAND)
        board.say("p1", PatrolDid(what="help"))
        board.tell(topics.audit_head("s"), b"")  # nothing is kept of an empty one
        wait_for(lambda: len(heard) == 3, "all of it arrives")
        assert heard == [f"patrolgrid/v1/s/{topic}" for topic in ("commands", "patrol/p1/did", "audit/head")]
    finally:
        board.close()
        listener.disconnect()
        listener.loop_stop()


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_command_that_the_broker_throws_away_is_no_success(station, monkeypatch, protocol):
    """By MQTT 3.1.1 the broker acknowledges it all the same: the account of the node may give no commands."""
    monkeypatch.setenv(PASSWORD_VARIABLE, "pw-node")
    monkeypatch.setattr("console.board.commands.CONFIRM_S", 0.5)
    board = publisher(configuration(station, account="node", protocol=protocol))
    try:
        wait_for(lambda: board.connected, "the board connects")
        for act in (lambda: board.publish(COMMAND), lambda: board.say("p1", PatrolDid(what="help"))):
            with pytest.raises(UnconfirmedError, match=r"to nobody: may the account node|[Nn]ot authorized"):
                act()
    finally:
        board.close()


def test_a_device_cannot_raise_alerts_whatever_it_is_called(station):
    _, certificate, devices = station
    listener, heard = heard_by(station, "patrolgrid/v1/#")
    device = mqtt.Client(CallbackAPIVersion.VERSION2)
    device.username_pw_set("alerts", "pw-alerts")
    device.tls_set(ca_certs=str(certificate))
    device.connect("127.0.0.1", devices)
    device.loop_start()
    for topic in ("s/b/alerts", "s/alerts/hotspots", "s/b/alerts/obs"):
        device.publish(f"patrolgrid/v1/{topic}", b"x", qos=1).wait_for_publish(60)
    wait_for(lambda: heard, "what the device may say")
    for client in (device, listener):
        client.disconnect()
        client.loop_stop()
    assert heard == ["patrolgrid/v1/s/b/alerts/obs"]


def test_a_station_s_broker_can_be_recorded(station, tmp_path):
    port, certificate, _ = station
    secret = tmp_path / "secret"
    secret.write_text("pw-node\n", encoding="utf-8")
    broker = {"port": port, "username": "node", "password_file": str(secret), "tls": True, "tls_ca": str(certificate)}
    settings = with_values(Settings(), broker=broker)
    listener, _ = heard_by(station, "x")
    path = tmp_path / "night.pgr.gz"
    with closing(Recorder(path, settings.broker)) as recorder:
        listener.publish("patrolgrid/v1/s/b/cam/obs", b"{}", qos=1).wait_for_publish(60)
        wait_for(lambda: recorder.messages == 1, "the message is recorded")
    listener.disconnect()
    listener.loop_stop()
    secret.write_text("wrong\n", encoding="utf-8")
    with pytest.raises(ConnectionError, match=r"refused the connection: Not authorized"):
        Recorder(tmp_path / "no.pgr.gz", settings.broker)
    assert not (tmp_path / "no.pgr.gz").exists()


def test_the_environment_s_password_comes_first(tmp_path, monkeypatch):
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    file = tmp_path / "secret"
    file.write_text("from-file \nsecond line\n", encoding="utf-8")
    config = BoardConfig(store_path="x", places_path="x", site="s", broker=BrokerAddress(password_file=file))
    assert config.login().secret() == "from-file"
    monkeypatch.setenv(PASSWORD_VARIABLE, "from-environment")
    assert config.login().secret() == "from-environment"
