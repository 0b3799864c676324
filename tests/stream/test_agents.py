"""What edge agents say of themselves: told as a fault while it lasts, kept for people, carried by both engines."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec
import pytest

from ingest.health import AgentHealth, AgentReport, Stranger
from ingest.log import RecordKind
from stream.output_codec import decode_output, encode_output
from stream.sinks.influx.points import agent_line
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results
from tests.stream.build import MINUTE, NOON, Writer, text_of
from tests.stream.test_pipeline import pipeline

DOOR = Stranger("zigbee2mqtt", "zigbee2mqtt/hall", guess="door")


def report(at: int = NOON, device: str = "cam-1", beat: str = "b1", **health: Any) -> AgentReport:
    said: dict[str, Any] = {"ts": at, "version": "1.2.3", "devices": ("cam-1", "door-1")} | health
    return AgentReport(beat=beat, device=device, ts=at, health=AgentHealth(**said))


def record(log: Writer, said: AgentReport):
    return log.json(RecordKind.HEALTH, said.ts, **msgspec.to_builtins(said))


WELL: dict[str, Any] = {
    "dropped": {"level": 9}, "dropped_s": 9_000.0, "undervoltage": False, "disk_free": 0.4, "disk_free_mb": 9_000.0,
    "temperature_c": 61.0, "clock_synced": True, "settings": 4, "certificate_days": 200,
}  # fmt: skip


@pytest.mark.parametrize(
    ("health", "what", "english", "chinese"),
    [
        ({"dropped": {"level": 5_000, "count": 7}, "dropped_s": 12.0}, "drops", "gave up 5,007", "5007条"),
        ({"undervoltage": True}, "power", "power supply", "供电"),
        ({"disk_free": 0.01, "disk_free_mb": 250.0}, "disk", "250 MB", "250 MB"),
        ({"disk_free_mb": 20.0}, "disk", "20 MB", "20 MB"),
        ({"ts": NOON + 400_000}, "time", "clock of its edge agent is 400 s ahead", "400秒"),
        ({"ts": NOON - 400_000, "clock_synced": False}, "time", "clock of its edge agent is 400 s behind", "400秒"),
        ({"sources": {"mqtt-1": "refused"}}, "source", "A source of its edge agent takes nothing", "1个数据源中断"),
        ({"temperature_c": 84.0}, "heat", "84 °C", "84°C"),
        ({"settings_refused": 7, "settings": 6}, "settings", "settings 7", "第7版"),
        ({"settings_problem": "not signed"}, "settings", "has not signed", "未经本站签名"),
        ({"certificate_days": 5}, "certificate", "ends in 5 days", "5天"),
        ({"certificate_days": -2}, "certificate", "has ended", "已过期"),
    ],
)
def test_an_agent_that_is_not_well_is_told_as_its_devices_fault(health, what, english, chinese):
    pipe, log = pipeline(), Writer()
    said = report(**WELL | health)
    assert [found.what for found in said.troubles()] == [what]
    (raised,) = pipe.process(record(log, said)).alerts
    assert (raised.kind, raised.device, raised.state) == ("device_fault", "cam-1", "raised")
    assert english in text_of(raised)["en"]
    assert chinese in text_of(raised)["zh-CN"]
    again = report(NOON + MINUTE, **WELL | health | {"ts": health.get("ts", NOON) + MINUTE})
    assert pipe.process(record(log, again)).alerts == []
    ended = [change for minute in (3, 4, 5) for change in pipe.process(log.tick(NOON + minute * MINUTE)).alerts]
    assert [(change.kind, change.state) for change in ended] == [("device_fault", "cleared")]


@pytest.mark.parametrize("health", [WELL, {}, {"ts": NOON - 3_600_000}, {"ts": NOON - 3_600_000, "clock_synced": True}])
def test_one_that_is_well_or_whose_word_came_late_is_not(health):
    assert report(**health).troubles() == []
    results = pipeline().process(record(Writer(), report(**health)))
    assert (results.alerts, results.refusals) == ([], [])
    assert [one.health.version for one in results.agents] == ["1.2.3"]


def test_strangers_alone_and_words_that_cannot_be_read_raise_nothing():
    pipe, log = pipeline(), Writer()
    alone = AgentReport(beat="", device="", ts=NOON, strangers=(DOOR,))
    assert pipe.process(record(log, alone)).alerts == []
    refused = pipe.process(log.json(RecordKind.HEALTH, NOON, beat=7))
    assert [one.reason for one in refused.refusals] == ["status"]


def test_they_are_carried_and_kept_as_they_last_were(tmp_path):
    first, newest = report(queue=3), report(NOON + MINUTE, queue=0, strangers=(DOOR,))
    older = make_results.results(1, agents=[first])
    newer = make_results.results(2, agents=[newest, report(NOON, "door-1", queue=9)])
    assert decode_output(encode_output(make_results.shard_output(newer))).agents == newer.agents
    with closing(StoreSink(tmp_path / "s.db", "s1")) as sink:
        sink.write([older])
        sink.write([newer])
    with closing(StoreReader(tmp_path / "s.db")) as reader:
        agents = {one["device"]: one for one in reader.agents()}
        assert {name: one["queue"] for name, one in agents.items()} == {"cam-1": 0, "door-1": 9}
        assert (agents["cam-1"]["at_ms"], agents["cam-1"]["ahead_s"], agents["cam-1"]["version"]) == (
            NOON + MINUTE,
            0,
            "1.2.3",
        )
        (waiting,) = reader.strangers()
        assert (waiting["match"], waiting["guess"], waiting["device"], waiting["last_ms"]) == (
            "zigbee2mqtt/hall", "door", "cam-1", NOON + MINUTE,
        )  # fmt: skip


def test_a_stranger_is_one_row_and_is_forgotten_after_a_week(tmp_path):
    week = 7 * 86_400_000
    with closing(StoreSink(tmp_path / "s.db", "s1")) as sink:
        for number, at in enumerate((NOON, NOON + MINUTE, NOON + MINUTE + week + 1), 1):
            who = DOOR if number < 3 else Stranger("native", "patrolgrid/v1/s/b/new/obs")
            sink.write(
                [make_results.results(number, agents=[AgentReport(beat="b1", device="", ts=at, strangers=(who,))])]
            )
            with closing(StoreReader(tmp_path / "s.db")) as reader:
                rows = reader.strangers()
            assert [(row["codec"], row["last_ms"]) for row in rows] == [(who.codec, at)]
    assert rows[0]["first_ms"] == rows[0]["last_ms"]


def test_a_point_says_what_is_known_and_nothing_else():
    line = agent_line("s", report(queue=3, disk_free_mb=12, dropped={"a": 1, "b": 2}))
    assert line.startswith("device_health,beat=b1,device=cam-1,site=s ")
    assert {"queue=3i", "dropped=3i", "disk_free_mb=12.0", 'version="1.2.3"'} <= {*line.split(" ")[1].split(",")}
    assert "temperature" not in line
    assert line.endswith(f" {NOON // 1000}")
