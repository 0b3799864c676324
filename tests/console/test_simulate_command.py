"""``patrolgrid simulate``: scenarios listed, ordered from the command line, and refused in words."""

import json

import msgspec
import pytest
from iotcore import Broker

from console.cli.main import main
from ingest.gateway.plate_keys import command_keys
from ingest.login import BrokerAddress
from simulators.devices.ordered import taking_orders
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import KINDS, Schedule, Truth
from tests.simulators.worlds import SITE, at
from tests.support import free_port

NOON = at("2026-11-20 12:05")


@pytest.fixture
def broker():
    with Broker(port=free_port(), listen="127.0.0.1") as found:
        yield found


@pytest.mark.parametrize(("language", "word"), [("en", "Fight"), ("zh-CN", "消防门")])
def test_every_scenario_is_listed_in_both_languages(language, word, capsys):
    assert main(["simulate", "--list-scenarios", "--lang", language]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in KINDS)
    assert word.lower() in said.lower()
    assert "{" not in said


def test_what_is_ordered_on_the_command_line_happens_and_nothing_else(broker, tmp_path):
    truth, arguments = tmp_path / "truth.jsonl", ["--site", "quarter", "--port", str(broker.port)]
    arguments += ["--connections", "2", "--speed", "max", "--duration", "600", "--origin-ms", str(NOON), "--no-faults"]
    arguments += [
        "--scenario",
        "smoke",
        "--at",
        "+2",
        "--strength",
        "3",
        "--scenario",
        "manhole_open",
        "--minutes",
        "4",
    ]
    assert main(["simulate", *arguments, "--truth", str(truth)]) == 0
    found = [msgspec.json.decode(line, type=Truth) for line in truth.read_bytes().splitlines()]
    smoke, cover = sorted(found, key=lambda one: one.name, reverse=True)
    assert [one.name for one in (smoke, cover)] == ["smoke", "manhole_open"]
    assert (smoke.start, smoke.strength) == (NOON + 120_000, 3.0)
    assert cover.end - cover.start == 240_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "smoke", "--beat", "nowhere"], "没有网格 nowhere"),
        (["--scenario", "smoke", "--at", "soon"], "soon"),
        (["--at", "+5"], "--scenario"),
        (["--running"], "--order-key"),
    ],
)
def test_what_cannot_be_ordered_is_said_before_anything_is_sent(arguments, said, capsys, caplog):
    arguments = ["simulate", "--port", str(free_port()), "--lang", "zh-CN", "--origin-ms", str(NOON), *arguments]
    with pytest.raises(SystemExit, match="2"):
        raise SystemExit(main(arguments))
    assert said in capsys.readouterr().err + caplog.text


def test_a_running_simulator_is_told_and_its_answer_is_said(broker, tmp_path, capsys):
    key = tmp_path / "commands.key"
    keys = command_keys(key)
    schedule = Schedule(SITE, LocalDays(SITE.timezone, SITE.country), seed=3, origin_ms=NOON, alone=False)
    arguments = ["simulate", "--port", str(broker.port), "--site", "quarter", "--lang", "en", "--running"]
    arguments += ["--order-key", str(key), "--scenario", "smoke", "--at", "+5"]
    with taking_orders(schedule, BrokerAddress(port=broker.port), "quarter", keys, lambda: NOON):
        assert main(arguments) == 0
        assert "begins 12:10:00" in capsys.readouterr().out
        assert main([*arguments, "--scenario", "stranger_vehicle"]) == 1
        assert "By day nobody minds" in capsys.readouterr().out
    assert [truth.name for truth in schedule.truths] == ["smoke", "smoke"]
    assert main(arguments) == 1
    assert "No simulator takes orders" in capsys.readouterr().err
    assert json.loads(key.read_bytes())["keys"]
