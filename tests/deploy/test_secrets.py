"""Passwords and tokens: never in clear by mistake, and in no output, log, file, command line or error."""

from __future__ import annotations

import json
import os
import pprint
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from console.board.board_config import BoardConfig, BoardConfigError
from deploy.settings import SECRETS, load_settings, with_values
from deploy.settings.sections import Settings
from ingest.edge.agent import EdgeSettings
from ingest.gateway.gateway_settings import GatewayConfig
from ingest.login import BrokerAddress
from ingest.mqtt.session import Session
from ingest.setup.settings import SettingsError
from simulators.devices.fleet import FleetSettings
from simulators.world.neighbourhood import places_geojson
from tests.support import free_port, wait_for

CLI = [sys.executable, "-m", "console.cli"]


def variable(name: str) -> str:
    return "PATROLGRID_" + name.replace(".", "__").upper()


def marks() -> dict[str, str]:
    """Every secret of the settings → a value that is found wherever it appears."""
    return {variable(name): f"hush{number}-{name.replace('.', '-')}-secret" for number, name in enumerate(SECRETS)}


def write(folder: Path, text: str) -> Path:
    path = folder / "patrolgrid.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("section", ["broker", "kafka"])
@pytest.mark.parametrize("key", ["tls_ca", "tls_cert", "tls_key"])
def test_a_certificate_without_tls_is_refused(tmp_path, section, key):
    """The password would go in clear, although somebody meant it not to."""
    path = write(tmp_path, f'[{section}]\n{key} = "ca.crt"\n')
    with pytest.raises(SettingsError, match=rf"{path}: {section}\.{key} is set and tls is false, so nothing"):
        load_settings(path, {})
    with pytest.raises(SettingsError, match=f"the command line: {section}.{key} is set and tls is false"):
        with_values(Settings(), **{section: {key: "ca.crt"}})
    both = f'[{section}]\ntls = true\ntls_cert = "c"\n{key} = "ca.crt"\n' if key != "tls_cert" else ""
    load_settings(write(tmp_path, both), {})


def test_it_is_refused_wherever_an_address_is_used(tmp_path):
    wrong = BrokerAddress(tls_ca=tmp_path / "ca.crt")
    with pytest.raises(SettingsError, match="tls_ca is set and tls is false"):
        Session(wrong, "c")
    with pytest.raises(BoardConfigError, match=r"broker\.tls_ca is set"):
        BoardConfig(store_path="x", places_path="x", site="s", broker=wrong).check()


def test_a_key_without_its_certificate_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="tls_key is set and tls_cert is not"):
        load_settings(write(tmp_path, '[broker]\ntls = true\ntls_key = "k"\n'), {})


@pytest.mark.parametrize("name", ["influx.url", "grafana.url", "grafana.influx_url"])
@pytest.mark.parametrize(
    "url", ["http://me:hush@10.0.0.5:8086", "https://hush@host", "http://h:1/?u=me&p=hush", "http://h#hush"]
)
def test_an_address_with_a_login_in_it_is_refused_and_not_repeated(tmp_path, name, url):
    section, key = name.split(".")
    with pytest.raises(SettingsError, match=rf"{section}\.{key} has a login or a query in it") as error:
        load_settings(write(tmp_path, f'[{section}]\n{key} = "{url}"\n'), {})
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8086", "ftp://host", "http://", "http://h:99999"])
def test_what_is_no_address_is_refused(tmp_path, url):
    with pytest.raises(SettingsError, match=r"influx\.url is no address"):
        load_settings(write(tmp_path, f'[influx]\nurl = "{url}"\n'), {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"broker": {"host": "10.0.0.5"}}, ["broker"]),
        ({"broker": {"host": "broker.station"}}, ["broker"]),
        ({"broker": {"host": "10.0.0.5", "tls": True}}, []),
        ({"kafka": {"bootstrap": "127.0.0.1:9092"}}, []),
        ({"kafka": {"bootstrap": "127.0.0.1:9092,10.0.0.5:9092"}}, ["kafka"]),
        ({"influx": {"url": "http://10.0.0.5:8086"}}, ["influx"]),
        ({"influx": {"url": "https://10.0.0.5:8086"}}, []),
        ({"grafana": {"url": "http://grafana.station:3000"}}, ["grafana"]),
        ({"grafana": {"url": "http://[::1]:3000"}}, []),
    ],
)
def test_secrets_that_go_in_clear_are_known(values, expected):
    assert with_values(load_settings(None, marks()), **values).in_clear() == expected
    assert with_values(Settings(), **values).in_clear() == [], "without a secret there is none to lose"


def test_a_session_says_that_its_password_goes_in_clear(caplog):
    Session(BrokerAddress(host="10.0.0.5", username="u", password="hush"), "c")  # noqa: S106 - no real one
    assert "the password goes over the network in clear: set tls = true" in caplog.text
    assert "hush" not in caplog.text
    caplog.clear()
    Session(BrokerAddress(host="127.0.0.1", username="u", password="hush"), "c")  # noqa: S106 - same
    assert not caplog.text


def test_no_secret_is_in_the_text_of_what_holds_it(tmp_path):
    settings = load_settings(None, marks())
    broker = settings.broker
    held = [
        settings,
        settings.influx,
        settings.kafka,
        settings.grafana,
        broker,
        GatewayConfig(site="s", broker=broker),
        BoardConfig(store_path="x", places_path="x", site="s", broker=broker),
        EdgeSettings(site="s", beat="b", device="d", spool=tmp_path, broker=broker),
        FleetSettings(broker=broker),
        Session(broker, "c"),
    ]
    for one in held:
        error = traceback.format_exception(ValueError(one))
        assert "hush" not in " ".join([repr(one), str(one), pprint.pformat(one), *error]), type(one)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site that runs with every secret in its environment."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "places.geojson").write_text(json.dumps(places_geojson()), "utf-8")
    config = write(
        folder,
        f"""
        [site]
        id = "s"
        places = "places.geojson"
        [data]
        dir = "data"
        [broker]
        mode = "embedded"
        port = {free_port()}
        username = "node"
        [influx]
        url = "http://127.0.0.1:{free_port()}"
        version = "1"
        username = "writer"
        [grafana]
        url = "http://127.0.0.1:{free_port()}"
        [kafka]
        bootstrap = "127.0.0.1:{free_port()}"
        username = "node"
        [board]
        port = {free_port()}
        """,
    )
    environment = os.environ | marks() | {"PATROLGRID_CONFIG": str(config), "PYTHONPATH": str(Path.cwd())}
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([*CLI, "up"], cwd=folder, env=environment, stdout=out, stderr=out)
        wait_for(lambda: (folder / "data/s/board.url").exists() or process.poll() is not None, "it runs")
        log = folder / "data/s/node.log"
        wait_for(lambda: "InfluxDB" in log.read_text("utf-8", "replace"), "it has tried InfluxDB, and failed")
        yield folder, environment, process
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def children(pid: int) -> list[int]:
    found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return [pid, *(more for child in found for more in children(child))]


def test_no_secret_is_on_a_command_line(site):
    _, _, process = site
    pids = children(process.pid)
    assert len(pids) >= 4, "supervisor, broker, node and board"
    for pid in pids:
        assert b"hush" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        ["settings"], ["settings", "--json"], ["doctor"], ["doctor", "--json"], ["status"], ["status", "--json"],
        ["grafana", "sync"], ["influx", "setup"], ["topics", "create"], ["record", "x.pgr.gz", "--duration", "0.1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_secret_is_in_what_a_command_prints(site, command):
    folder, environment, _ = site
    done = subprocess.run([*CLI, *command], cwd=folder, env=environment, capture_output=True, timeout=60, check=False)
    assert done.stdout + done.stderr
    assert b"hush" not in done.stdout + done.stderr


def test_no_secret_is_in_a_file_of_the_site(site):
    folder, _, _ = site
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if b"hush" in path.read_bytes()] == []
