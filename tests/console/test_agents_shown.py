"""Edge agents where people look: `patrolgrid status`, the doctor, the board's list and its page of a device."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.board.overview import take
from console.cli.commands.status import _print, gather
from console.common import FoundSite
from console.doctor.agents import agents
from deploy.settings import load_settings, with_values
from ingest.health import AgentHealth, AgentReport, Stranger
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make
from tests.stream.make_results import T0

ILL: dict[str, Any] = {"undervoltage": True, "dropped": {"level": 3}, "dropped_s": 5.0}
STRANGER = Stranger("tasmota", "tele/lamp-7/SENSOR", "Switch1", guess="door")


def site(tmp_path, *, after_ms: int = 1_000, strangers: tuple[Stranger, ...] = (), **health: Any):
    """A site whose agent spoke at T0, as it is some time later."""
    settings = with_values(load_settings(), data={"dir": tmp_path})
    said: dict[str, Any] = {"ts": T0, "version": "1.2", "queue": 7, "strangers": strangers} | health
    report = AgentReport(beat="b1", device="cam-1", ts=T0, health=AgentHealth(**said))
    with closing(StoreSink(settings.site_dir / "store.db", settings.site.id)) as sink:
        sink.write([make.results(1, agents=[report])])
        sink.write([make.results(2, now_ms=T0 + after_ms, health=[make.health()])])
    return settings


@pytest.mark.parametrize(
    ("more", "code", "names"),
    [
        ({}, "ok", None),
        (ILL, "trouble", "cam-1 (agent gave up data, agent's power supply too weak)"),
        ({"after_ms": 400_000}, "away", "cam-1"),
        ({"strangers": (STRANGER,)}, "strangers", "tasmota tele/lamp-7/SENSOR Switch1"),
        ({"strangers": (STRANGER,), "after_ms": 90_000_000}, "away", "cam-1"),
    ],
    ids=["well", "ill", "away", "stranger", "an old stranger"],
)  # fmt: skip
def test_the_doctor_names_what_is_amiss(tmp_path, more, code, names):
    (found,) = agents(Sentences("en"), site(tmp_path, **more))
    assert (found.code, found.values.get("names")) == (code, names)
    assert found.state == ("ok" if code == "ok" else "warn")


def test_the_doctor_has_nothing_to_say_where_there_is_no_store(tmp_path):
    (found,) = agents(Sentences("en"), with_values(load_settings(), data={"dir": tmp_path}))
    assert (found.state, found.code) == ("ok", "none")


@pytest.mark.parametrize(
    ("language", "row", "strangers"),
    [
        ("en", ("1.2", "agent gave up data"), "One thing speaks that is bound to no device: `patrolgrid device list"),
        ("zh-CN", ("1.2", "代理舍弃了数据"), "有1个来源在发送消息但未绑定设备"),
    ],
)
def test_status_shows_every_agent_and_that_strangers_wait(tmp_path, capsys, language, row, strangers):
    settings = site(tmp_path, dropped={"level": 3}, dropped_s=5.0, strangers=(STRANGER,))
    with closing(StoreReader(settings.site_dir / "store.db")) as reader:
        document = gather(FoundSite(settings.site.id, settings.site_dir), reader)
    assert [(one["device"], one["queue"]) for one in document["agents"]] == [("cam-1", 7)]
    assert [one["match"] for one in document["strangers"]] == ["tele/lamp-7/SENSOR"]
    _print(document, Sentences(language), ZoneInfo(settings.site.timezone))
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "cam-1" in line and row[0] in line]
    assert row[1] in line
    assert strangers in out


def test_the_board_lists_an_agent_that_is_not_well_among_the_devices_in_trouble(tmp_path):
    settings = site(tmp_path, undervoltage=True)
    with closing(StoreReader(settings.site_dir / "store.db")) as reader:
        device = take(reader).devices["cam-1"]
    assert device["trouble"][-1] == "agent_power"
    assert device["health"]["quality"] == 0.8


@pytest.mark.parametrize(("after_ms", "trouble"), [(150_000, []), (151_000, ["agent_away"])])
def test_an_agent_that_was_well_and_is_silent_is_not_called_well(tmp_path, capsys, after_ms, trouble):
    settings = site(tmp_path, after_ms=after_ms)
    with closing(StoreReader(settings.site_dir / "store.db")) as reader:
        assert [one for one in take(reader).devices["cam-1"]["trouble"] if one.startswith("agent_")] == trouble
        document = gather(FoundSite(settings.site.id, settings.site_dir), reader)
    _print(document, Sentences("en"), ZoneInfo(settings.site.timezone))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "cam-1" in line and "1.2" in line]
    assert ("agent not heard" in line) == bool(trouble)
