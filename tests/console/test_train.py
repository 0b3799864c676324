"""``patrolgrid train`` and ``patrolgrid models``, beside a node that runs and beside one that is stopped."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

from console.cli.main import main
from ingest.events import Belief
from ingest.gateway.quarantine import Quarantine
from ingest.log.history import open_history
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.shards import ShardMap
from tests.console.station import SITE, WINDOW, Station
from tests.stream.build import MINUTE, NOON

pytestmark = pytest.mark.xdist_group("train")  # one worker makes the site once
DAYS = 4
EACH = DAYS * 48
"""Windows of a device."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A site that has lived for some days; not to be changed."""
    station = Station(tmp_path_factory.mktemp("lived"))
    station.live(DAYS)
    with station.node():
        pass
    return station


@pytest.fixture
def station(lived, tmp_path):
    """The same, to be changed."""
    shutil.copytree(lived.config.parent, tmp_path, dirs_exist_ok=True)
    return Station(tmp_path)


def call(station: Station, capsys, *arguments: str, code: int = 0) -> str:
    assert main([*arguments, "--config", str(station.config), "--lang", "en"]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def asked(station: Station, capsys, *arguments: str) -> dict:
    return json.loads(call(station, capsys, *arguments, "--json"))


def test_a_state_that_was_lost_comes_back_from_the_store(station, capsys):
    assert "Nothing to learn: all" in call(station, capsys, "train")
    station.lose_state()
    with station.node() as node:
        pass
    assert node.engine.stats.cold_start is not None
    report = asked(station, capsys, "models")
    assert report["anew"]["reason"] == "no snapshot is whole"
    assert [model["learnt_days"] for model in report["models"]] == [None, None]
    for command in ("models", "status"):
        assert "`patrolgrid train --from-store` brings back what they knew" in call(station, capsys, command)

    found = asked(station, capsys, "train", "--from-store")
    assert found["windows"] in {2 * EACH - 2, 2 * EACH}, "but for the windows that were open"
    assert (found["running"], found["done"], found["learnt"], found["known"]) == (False, False, None, 0)
    assert "learns from them when it starts next" in call(station, capsys, "train", "--from-store", "--again")
    with station.node() as node:
        pass
    assert (node.engine.stats.taught, node.engine.stats.cold_start) == (2 * found["windows"], None), (
        "once more by --again"
    )
    report = asked(station, capsys, "models")
    assert report["anew"] is None
    assert [model["history_windows"] for model in report["models"]] == [found["windows"] // 2] * 2
    assert [model["learnt_days"]["working"] > 1.5 for model in report["models"]] == [True, True]
    assert "Nothing to learn: all" in call(station, capsys, "train")


def test_a_running_node_learns_at_once_and_says_what(station, capsys):
    with station.node():
        found = asked(station, capsys, "train", "--from-store", "--again", "--days", "2")
        assert (found["running"], found["done"], found["passed_over"]) == (True, True, 0)
        assert found["learnt"] == found["windows"]
        assert 2 * 2 * 48 - 4 <= found["windows"] <= 2 * 2 * 48 + 4
        text = call(station, capsys, "train", "--again", "--days", "1")
        assert "The node has learned " in text
        text = call(station, capsys, "train", "--again", "--days", "1", "--no-wait")
        assert "The node learns from them now." in text


def past_file(station: Station, more: str = "") -> str:
    """Three days by the hour, from before the site was there."""
    start = NOON - 20 * 1440 * MINUTE
    path = station.config.parent / "past.csv"
    rows = "".join(f"{_utc(start + hour * 60 * MINUTE)},cam-1,{80 + hour % 24}\n" for hour in range(72))
    path.write_text("timestamp,device,count\n" + rows + more)
    return str(path)


def _utc(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def test_a_file_teaches_what_was_before_the_site_and_its_bad_rows_are_kept(station, capsys):
    path = past_file(station, "yesterday,cam-1,3\n2026-11-02,京A12345,9\n")
    would = asked(station, capsys, "train", path, "--dry-run")
    assert (would["windows"], would["records"], would["dry_run"], would["position"]) == (144, 4, True, 0)
    with station.node():
        found = asked(station, capsys, "train", path)
        assert (found["learnt"], found["known"], found["series"]) == (144, 0, 1)
        assert [row["line"] for row in found["bad"]] == [74, 75]
    again = asked(station, capsys, "train", path)
    assert (again["windows"], again["known"]) == (0, 144)
    main(["train", path, "--config", str(station.config), "--lang", "zh-CN"])
    out, err = capsys.readouterr()
    assert "无需学习：144 个窗口此前均已学过" in out
    assert "第74行：timestamp 为 'yesterday'" in err
    assert "quarantine list" in err
    quarantine = Quarantine(station.folder / "quarantine.db")
    kept = quarantine.list(reason="history")
    quarantine.close()
    assert next((entry.topic, entry.payload) for entry in kept) == ("past.csv, line 74", b"yesterday,cam-1,3")
    assert "京A12345" not in kept[1].payload.decode()
    assert "京A12345" not in kept[1].detail


def test_a_file_can_be_there_before_the_node(tmp_path, capsys):
    station = Station(tmp_path)
    found = asked(station, capsys, "train", past_file(station))
    assert (found["windows"], found["running"], found["bad"]) == (144, False, [])
    with station.node() as node:
        pass
    assert node.engine.stats.taught == 144


class Taken:
    """A log that only takes."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, records: list[Record]) -> int:
        self.records += records
        return len(self.records)

    def close(self) -> None:
        pass


def test_on_kafka_history_goes_to_the_shard_of_its_beat(tmp_path, capsys, monkeypatch):
    station, log = Station(tmp_path), Taken()
    path = past_file(station)
    with station.config.open("a") as file:
        file.write('[kafka]\nbootstrap = "127.0.0.1:9"\nshards = 3\n')
    monkeypatch.setattr("console.training.teaching.open_kafka_log", lambda *_: log)
    assert "workers on Kafka learn from them" in call(station, capsys, "train", path)
    shard = ShardMap(3).shard_of("b1")
    assert {(record.kind, record.shard) for record in log.records} == {(RecordKind.HISTORY, shard)}
    assert sum(open_history(record.payload)[0].rows for record in log.records) == 144


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["train", "x.csv", "--from-store"], 2, "go without a FILE"),
        (["train", "--days", "0"], 2, "--days is 0"),
        (["train", "none.csv"], 1, "none.csv: No such file"),
        (["train", "none.csv", "--timezone", "Mars/Up"], 2, "'Mars/Up' is not known"),
        (["train", "--site", "s9"], 1, "no data of a site 's9'"),
        (["models", "--days", "-1"], 2, "--days is -1"),
        (["models", "--accept", "cam-9"], 1, "no counts or levels of a device 'cam-9'"),
        (["models", "--accept", "cam-1", "--metric", "x"], 1, "of x of a device 'cam-1'; it has person"),
        (["models", "--accept", "cam-1", "--since", "2100-01-01"], 2, "--since is a time to come"),
        (["models", "--accept", "cam-1", "--by", "a\nb"], 2, "expected a name"),
        (["models", "--metric", "person"], 2, "go with --accept"),
        (["models", "--device", "cam-9"], 1, "no counts or levels of a device 'cam-9'"),
    ],
)
def test_wrong_use_is_one_line(lived, capsys, arguments, code, error):
    assert main([*arguments, "--config", str(lived.config)]) == code
    assert error in capsys.readouterr().err


def test_devices_that_are_gone_and_a_site_without_a_store_are_told(station, capsys):
    document = json.loads((station.config.parent / "places.geojson").read_text())
    document["features"] = [part for part in document["features"] if part["properties"]["id"] != "noise-1"]
    (station.config.parent / "places.geojson").write_text(json.dumps(document))
    assert asked(station, capsys, "train", "--again", "--dry-run")["gone"] == ["noise-1"]
    assert "noise-1" in call(station, capsys, "train", "--dry-run")
    (station.folder / "store.db").unlink()
    assert main(["train", "--config", str(station.config)]) == 2
    assert "no store yet; name a CSV" in capsys.readouterr().err


def test_a_full_log_is_told(lived, capsys, monkeypatch):
    from ingest.log import sqlite_log

    monkeypatch.setattr(sqlite_log.SqliteLog, "_make_room", _full)
    assert main(["train", "--again", "--config", str(lived.config)]) == 1
    assert "the log is full" in capsys.readouterr().err


def _full(_log, _incoming):
    from ingest.log.records import LogFullError

    raise LogFullError(28, "the log is full")


def test_the_report_tells_what_each_model_knows(lived, capsys):
    report = asked(lived, capsys, "models")
    camera, noise = sorted(report["models"], key=lambda model: model["device"])
    assert report["site"] == SITE
    assert (camera["device"], camera["kind"], camera["metric"]) == ("cam-1", "count", "person")
    assert EACH - 2 <= camera["windows"] <= EACH
    # From Thursday noon to Monday noon.
    assert camera["days"] == {"working": 3, "saturday": 1, "sunday": 1, "holiday": 0}
    assert camera["missing"] == []
    assert camera["weeks"] == pytest.approx(0.7)
    assert NOON - 3 * WINDOW <= camera["last_learnt_ms"] <= NOON
    assert noise["stuck"] is False
    assert report["summary"]["series"] == 2
    assert set(report["summary"]["states"]) <= {"judged", "partly", "young"}
    assert camera["calibration"]["windows"] > 30  # what was seen before: no Saturday, no Sunday yet
    assert camera["calibration"]["inside"] > 0.9
    text = call(lived, capsys, "models", "--device", "cam-1")
    assert "3/1/1/0" in text
    assert "1 model of 1 device" in text
    assert camera["advice"]["en"].startswith("Learnt since 2026-11-19.") or camera["needs"]
    assert f"cam-1, person: {camera['advice']['en']}" in text
    main(["models", "--config", str(lived.config), "--lang", "zh-CN"])
    assert "工作日/周六/周日/节假日" in capsys.readouterr().out


def test_a_person_may_say_that_how_it_is_now_is_usual(station, capsys):
    since = _utc(NOON - 600 * MINUTE)
    done = asked(station, capsys, "models", "--accept", "cam-1", "--since", since, "--by", "Wang Wei")
    assert (done["device"], done["metrics"], done["by"]) == ("cam-1", ["person"], "Wang Wei")
    assert (done["since_ms"], done["running"]) == (NOON - 600 * MINUTE, False)
    log = SqliteLog(station.folder / "log.db")
    (record,) = log.read(done["position"] - 1, limit=2)
    log.close()
    assert (record.kind, record.received_ms) == (RecordKind.BELIEF, NOON), "at the log's own time"
    assert msgspec.json.decode(record.payload, type=Belief) == Belief(
        beat="b1", device="cam-1", since_ms=NOON - 600 * MINUTE, by="Wang Wei"
    )
    said = call(station, capsys, "models", "--accept", "noise-1", "--metric", "noise")
    assert "noise-1 (noise): what it shows since" in said
    assert "its models go by it when it starts next" in said
    with station.node() as node:
        pass
    assert node.engine.pipeline.position == done["position"] + 1


def test_on_kafka_such_a_word_goes_to_the_shard_of_its_beat(station, capsys, monkeypatch):
    log = Taken()
    with station.config.open("a") as file:
        file.write('[kafka]\nbootstrap = "127.0.0.1:9"\nshards = 3\n')
    (station.folder / "log.db").unlink()
    monkeypatch.setattr("console.training.acceptance.open_kafka_log", lambda *_: log)
    assert "workers on Kafka go by it" in call(station, capsys, "models", "--accept", "cam-1")
    assert [(one.kind, one.shard) for one in log.records] == [(RecordKind.BELIEF, ShardMap(3).shard_of("b1"))]
