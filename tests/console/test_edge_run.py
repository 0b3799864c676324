"""``patrolgrid edge run``: what it prints, what it refuses, and its place in a station's `patrolgrid up`."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from console import edge_run
from console.cli.main import main
from console.running import Running
from deploy.settings import Settings, with_values

SMALL = """
[agent]
site = "s1"
folder = "kept"
[[devices]]
device = "door-1"
beat = "b1"
"""


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "edge.toml"
    found.write_text(SMALL, encoding="utf-8")
    return found


def test_the_settings_are_checked_without_running(path, capsys):
    assert main(["edge", "run", "--config", str(path), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "site": "s1", "broker": "127.0.0.1:1883", "devices": ["door-1"], "sources": [], "bindings": 0,
    }  # fmt: skip
    assert not (path.parent / "kept").exists()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "devices: door-1\nsources: -"), ("zh-CN", "设备：door-1\n数据来源：-")]
)
def test_what_the_settings_come_to_is_told_in_the_readers_language(path, capsys, monkeypatch, language, said):
    monkeypatch.setenv("PATROLGRID_LANG", language)
    assert main(["edge", "run", "--config", str(path), "--check"]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('password_file = "door.password"', "door.password"),
        ('tls_cert = "door.crt"', "tls_cert"),
        ('[[sources]]\nkind = "dir"\npath = "inbox"\ndevice = "door-1"', "inbox"),
        ('[[sources]]\nkind = "mqtt"\ncodecs = ["zigbee2mqtt"]\npassword_file = "b.password"', "b.password"),
        ('[[sources]]\nkind = "http"\naccounts = [{name = "c", password_file = "c.h", codecs = ["dahua"]}]', "c.h"),
        ('[[sources]]\nkind = "mqtt"\ncodecs = ["gat1400"]', "there is no topic to subscribe to"),
    ],
)  # fmt: skip
def test_what_the_start_would_miss_is_told_by_the_check(path, capsys, more, said):
    path.write_text(f"{SMALL}{more}\n", encoding="utf-8")
    assert main(["edge", "run", "--config", str(path), "--check"]) == 2
    assert said in capsys.readouterr().err


def test_an_open_port_is_refused_in_the_readers_language(path, capsys, monkeypatch):
    monkeypatch.setenv("PATROLGRID_LANG", "zh-CN")
    account = '[{name = "c", password_file = "c.h", codecs = ["dahua"]}]'
    path.write_text(f'{SMALL}[[sources]]\nkind = "http"\nhost = "0.0.0.0"\naccounts = {account}\n', encoding="utf-8")
    assert main(["edge", "run", "--config", str(path), "--check"]) == 2
    assert "没有 TLS" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_wrong_key_ends_it_with_two_and_is_named(path, capsys, monkeypatch, language):
    monkeypatch.setenv("PATROLGRID_LANG", language)
    path.write_text(SMALL.replace("beat", "beet"), encoding="utf-8")
    assert main(["edge", "run", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert "devices[0].beet" in said
    assert ("did you mean beat?" in said) == (language == "en")


@pytest.mark.parametrize(("language", "word"), [("en", "an edge agent"), ("zh-CN", "边缘代理的设置")])
def test_the_example_is_printed_in_the_reader_s_language_and_says_the_same(monkeypatch, capsys, language, word):
    monkeypatch.setenv("PATROLGRID_LANG", language)
    assert main(["edge", "run", "--example"]) == 0
    said = capsys.readouterr().out
    assert word in said
    keys = [line for line in said.splitlines() if not line.startswith(("# ", "## "))]
    english = edge_run.example_file("en").read_text(encoding="utf-8").splitlines()
    assert [line for line in keys if line] == [line for line in english if line and not line.startswith(("# ", "## "))]


def test_without_run_all_of_one_device_must_be_named(capsys):
    assert main(["edge", "--site", "s1", "--device", "d"]) == 2
    assert "--beat, --spool is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({}, 0.0), ({"WATCHDOG_USEC": "60000000"}, 60.0), ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0)],
)
def test_the_watchdog_is_fed_where_systemd_wants_it_of_this_process(monkeypatch, environment, seconds):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert edge_run._ping_s() == seconds


def test_a_station_runs_its_own_agent_where_the_settings_name_one(tmp_path):
    started = {}

    def start(name, command, **options):
        started[name] = (command[1:], options["last_code"])

    supervisor = SimpleNamespace(start=start)
    for file in (None, Path("edge.toml")):
        settings = with_values(Settings(), edge={"file": file}, data={"dir": tmp_path})
        Running(settings, None, supervisor, None).start_edge()  # type: ignore[arg-type]
        if file is None:
            assert started == {}
    command = ["-m", "console.cli", "edge", "run", "--config", str(Path("edge.toml").resolve())]
    assert started == {"edge": (command, None)}, "whatever it ends of, it is begun again and the station goes on"
