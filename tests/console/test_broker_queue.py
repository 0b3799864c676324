"""The doctor measures what a broker keeps for a node that is away, and says what to set."""

from __future__ import annotations

import json

import pytest

from console.cli.main import main
from console.doctor.broker_queue import measure
from deploy.processes.broker import mosquitto_command
from deploy.processes.supervisor import Supervisor, listening
from ingest.login import BrokerAddress
from tests.ingest.brokers import Broker
from tests.support import free_port, require_program


@pytest.fixture
def short(tmp_path):
    """Mosquitto as it is by default: 1,000 messages."""
    require_program("mosquitto", "run: make services")
    port, config = free_port(), tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nsys_interval 1\n", "utf-8")
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("broker", mosquitto_command(config), ready=lambda: listening("127.0.0.1", port))
        yield port


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_a_short_queue_is_measured_and_nothing_is_left_behind(short, protocol):
    broker = BrokerAddress(port=short, protocol=protocol)
    found = measure(broker, 3_000)
    assert found.sent == 3_000
    assert 1_000 <= found.kept < 1_200
    again = measure(broker, 500)
    assert again[:2] == (500, 500)
    assert again.dropped >= found.sent - found.kept, "the broker tells what it has dropped"


@pytest.mark.parametrize("version", [3, 5])
def test_the_shipped_configuration_keeps_all(tmp_path, version):
    broker = Broker("mosquitto", version, tmp_path)
    assert measure(broker.address, 3_000) == (3_000, 3_000, 0)
    broker.stop()


def doctor(folder, port, capsys):
    config = folder / "patrolgrid.toml"
    config.write_text(f'[site]\nid = "s"\n[data]\ndir = "data"\n[broker]\nport = {port}\n', "utf-8")
    main(["doctor", "--config", str(config), "--json", "--lang", "en"])
    return {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}


def test_the_doctor_says_what_to_set(short, tmp_path, capsys):
    found = doctor(tmp_path, short, capsys)["queue"]
    assert found["state"] == "warn"
    assert found["text"].startswith("of 10,000 messages for a client that is away it kept 1,0")
    assert "max_queued_messages 1000000" in found["do"]


def test_the_doctor_is_content_with_the_shipped_configuration(tmp_path, capsys):
    broker = Broker("mosquitto", 3, tmp_path / "broker")
    found = doctor(tmp_path, broker.port, capsys)["queue"]
    broker.stop()
    assert (found["state"], found["text"]) == ("ok", "it keeps at least 10,000 messages while the node is away")
