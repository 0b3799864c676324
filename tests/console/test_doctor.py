"""The doctor finds nothing in a station that is well, and names what is broken, in both languages."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest

from console.cli.main import main
from console.doctor import machine, mosquitto_conf, servers
from console.doctor.broker_queue import Measured
from console.doctor.reached import Place, reached
from console.people.pki import BOARD_DAYS, Pki
from deploy.processes.supervisor import Supervisor
from deploy.settings import Settings, with_values
from ingest.login import BrokerAddress
from tests.console.ward import BREAKS, Hospital, Ward
from tests.support import free_port

HERE = {"clock", "disk"}
"""What may be amiss on any machine that tests run on: nobody keeps its clock, its disk is full."""


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital")
    with Supervisor(folder) as supervisor:
        yield Hospital(folder, supervisor)


@pytest.fixture
def ward(tmp_path, hospital, monkeypatch):
    # Ten thousand messages are measured in test_broker_queue.py.
    monkeypatch.setattr(servers, "measure", lambda _broker: Measured(10_000, 10_000, 0))
    monkeypatch.setattr(servers, "_HEARD_S", 0.5)
    conf = hospital.conf.read_text(encoding="utf-8")
    yield Ward(tmp_path, hospital)
    hospital.conf.write_text(conf, encoding="utf-8")


def doctor(ward, capsys, language="en"):
    """Return the exit code and the checks that are not ok."""
    code = main(["doctor", "--config", str(ward.config), "--json", "--lang", language])
    found = json.loads(capsys.readouterr().out)["checks"]
    assert not [one for one in found if "doctor-" in one["text"] + one["do"]], "a sentence is missing"
    return code, [one for one in found if one["state"] != "ok"]


def test_a_station_that_is_well_has_no_finding_and_gets_no_file(ward, capsys):
    before = sorted(ward.folder.rglob("*"))
    code, found = doctor(ward, capsys)
    assert {one["check"] for one in found} <= HERE, found
    assert code == int(any(one["state"] == "fail" for one in found))
    assert sorted(ward.folder.rglob("*")) == before


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_named_with_what_to_do(ward, capsys, name):
    broken = BREAKS[name]
    broken.do(ward)
    code, found = doctor(ward, capsys)
    named = [one for one in found if one["check"] == broken.check and broken.says in one["text"]]
    assert [one["state"] for one in named] == [broken.state], found
    assert named[0]["do"], "each finding says what to do"
    assert code == 1 or broken.state == "warn"


def test_what_is_broken_is_named_in_chinese_too(ward, capsys):
    for name in ("no places file", "a chat server that is away", "a file of another user", "a damaged plate key"):
        BREAKS[name].do(ward)
    _, found = doctor(ward, capsys, "zh-CN")
    said = {one["check"]: one["text"] + one["do"] for one in found}
    assert said.keys() >= {"places", "channels", "files", "secrets"}
    assert "未找到点位文件" in said["places"]
    assert "无法连接" in said["channels"]


def test_packages_are_missed_where_the_settings_need_them(monkeypatch, tmp_path):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in {"aiokafka", "numpy"} else known(name)
    )
    settings = with_values(Settings(), data={"dir": tmp_path})
    assert machine.packages(None, station=False).state == "warn", "an edge device needs no numpy"
    found = machine.packages(settings, station=True)
    assert (found.state, found.values["names"]) == ("fail", "numpy")
    assert found.values["command"].endswith("[stream]'")
    found = machine.packages(with_values(settings, kafka={"bootstrap": "127.0.0.1:9092"}), station=True)
    assert "aiokafka" in found.values["names"]


def test_a_disk_without_names_for_files_is_full(monkeypatch, tmp_path):
    settings = with_values(Settings(), data={"dir": tmp_path}, log={"min_free_mb": 0, "max_mb": 16})

    class Few:
        f_files, f_favail, f_blocks, f_bfree, f_bavail, f_frsize = 1_000_000, 12, 1_000, 500, 500, 1 << 20

    monkeypatch.setattr(os, "statvfs", lambda _path: Few)
    (found,) = machine.disk(settings)
    assert (found.state, found.code) == ("fail", "names")
    full = machine.disk(with_values(settings, log={"min_free_mb": 501}))
    assert [(one.state, one.code) for one in full] == [("fail", "low"), ("fail", "names")]


def test_the_file_that_mosquitto_runs_with_is_found_by_its_port_and_read(hospital, tmp_path):
    assert mosquitto_conf.running_conf(BrokerAddress(port=hospital.port)) == hospital.conf
    assert mosquitto_conf.running_conf(BrokerAddress(port=free_port())) is None
    assert mosquitto_conf.running_conf(BrokerAddress(host="10.0.0.5", port=hospital.port)) is None
    assert mosquitto_conf.short_of(hospital.conf) == []
    bare = tmp_path / "mosquitto.conf"
    bare.write_text("# as it comes\nlistener 1883\n", encoding="utf-8")
    assert mosquitto_conf.short_of(bare) == [
        "max_queued_messages 1000", "max_inflight_messages 20", "persistence false", "autosave_interval 1800"
    ]  # fmt: skip


def test_a_server_is_reached_without_a_word_and_its_key_is_not_shown():
    place = Place.of_url(f"https://127.0.0.1:{free_port()}/robot?key=secret")
    assert place is not None
    assert reached(place).trouble == "nobody listens there"
    assert "secret" not in str(place)
    assert Place.of_url("") is None


def test_a_certificate_that_ends_soon_is_named(tmp_path):
    now = datetime.now(UTC)
    for days_left, code in ((9, "soon"), (200, "ok")):
        pki = Pki(tmp_path / str(days_left))
        pki.make_authority("s1", now=now - timedelta(days=400))
        pki.issue_board(["localhost"], ["127.0.0.1"], now - timedelta(days=BOARD_DAYS - days_left))
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        served.load_cert_chain(pki.board, pki.board_key)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            answering = threading.Thread(target=handshake, args=(listener, served))
            answering.start()
            broker = {"port": port, "tls": True, "tls_ca": pki.authority}
            (found,) = servers.certificates(with_values(Settings(), data={"dir": tmp_path}, broker=broker))
            answering.join(60)
        assert found.code == code
        assert code == "ok" or found.values["names"] in {"broker (8)", "broker (9)"}
    assert servers.certificates(with_values(Settings(), data={"dir": tmp_path}))[0].code == "none"
    own = with_values(Settings(), data={"dir": tmp_path}, board={"tls_cert": pki.board, "tls_key": pki.board_key})
    assert servers.certificates(own)[0].code == "ok", "what the board itself shows counts too"


def handshake(listener, context):
    """Answer one connection as far as its handshake."""
    connection, _ = listener.accept()
    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
        secure.recv(1)
