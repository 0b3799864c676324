"""The staffing sheet of a week, and the file of past load."""

import json
from datetime import date, timedelta
from pathlib import Path

import icalendar
import numpy as np
import pytest

from console.cli.main import main
from console.training.offered_load import read_load, rules_of
from ingest.codecs.csv_files import RowError
from models.calendar import Calendar
from models.patrols.staffing import HOLIDAY, WORKED
from stream.patrol.staffing_sheet import kinds_of, monday_of, staffing_sheet
from stream.patrol_results import OfficerPlan, StopNow
from tests.console.stores import Node
from tests.stream import make_results as make

CHINA = Calendar("Asia/Shanghai", "CN")
DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)


def _write(path: Path, days: int) -> Path:
    rows = ["hour,beat,officer_hours"]
    for day in range(days):
        when = date(2026, 3, 2) + timedelta(days=day)
        for hour in range(24):
            rows += [
                f"{when} {hour:02d}:00,{beat},{(0.2, 1.2)[hour >= 18] * size}" for beat, size in (("a", 2), ("b", 1))
            ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_kinds_of_days_follow_the_calendar():
    """Chinese New Year of 2026: free until 23 February; the Saturdays before and after are worked for it."""
    first = (date(2026, 2, 14) - _EPOCH).days
    kinds = kinds_of(CHINA, first, 15)
    assert (kinds[2:10] == HOLIDAY).all()
    assert kinds[0] == kinds[14] == WORKED
    assert kinds[10] == 1  # Tuesday the 24th


def test_sheet_gives_beats_by_hours_and_shifts(tmp_path: Path):
    past = read_load(_write(tmp_path / "load.csv", 21), CHINA)
    assert past.beats == ("a", "b")
    assert past.load.shape == (21, 24, 2)
    now_ms = 1_774_400_000_000
    sheet = staffing_sheet(past, CHINA, monday_of(CHINA, now_ms), rules_of("8", 5, 1), share=0.9)
    assert sheet["begin_ms"] == 1_774_195_200_000  # Monday, 23 March 2026, midnight in Shanghai
    assert [one["id"] for one in sheet["beats"]] == ["a", "b"]
    asked = np.array([one["asked"] for one in sheet["beats"]])
    assert asked.shape == (2, 168)
    assert asked[:, 20] == pytest.approx([2.4, 1.2], abs=0.05)
    assert sheet["served"] >= 0.9
    assert sheet["officer_hours"] == sum(8 * one["officers"] for one in sheet["shifts"])
    assert sheet["officer_hours"] < sheet["equal_hours"]
    there = np.array([one["there"] for one in sheet["beats"]]).sum(axis=0)
    assert there[20] > there[4]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-03-02 01:00,a,-1", "officer_hours is -1, expected 0 or more"),
        ("2026-03-02 01:00,,1", "beat is empty"),
        ("1971-03-02 01:00,a,1\n2026-03-02 01:00,a,1", "one has a wrong year"),
    ],
)
def test_what_is_wrong_in_a_file_of_load_is_named(tmp_path: Path, row: str, said: str):
    path = tmp_path / "load.csv"
    path.write_text(f"hour,beat,officer_hours\n{row}\n", encoding="utf-8")
    with pytest.raises((RowError, ValueError), match=said):
        read_load(path, CHINA)


def test_backtest_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(_write(tmp_path / "load.csv", 22))
    options = ["--country", "CN", "--timezone", "Asia/Shanghai", "--learn", "2", "--quiet", "--lang", "en"]
    assert main(["backtest", "staffing", path, *options]) == 0
    said = capsys.readouterr().out
    assert "three equal shifts of 3 (the first at" in said
    assert "fewer hours" in said


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Settings of a site with three weeks of alerts in beat b1 at eight in the evening, and a running plan."""
    config = tmp_path / "patrolgrid.toml"
    folder = tmp_path / "data" / "s1"
    folder.mkdir(parents=True)
    node = Node(folder)
    config.write_text(f'[site]\nid = "s1"\nplaces = "{node.places_path}"\n[data]\ndir = "{tmp_path / "data"}"\n')
    evening = make.T0 - make.T0 % DAY_MS + 12 * 3_600_000
    alerts = [make.alert(id=f"a{day}", beat="b1", raised_ms=evening - day * DAY_MS) for day in range(1, 22)]
    stop = StopNow(
        id="p1-1", officer="p1", lon=116.404, lat=39.903, arrive_ms=make.T0, leave_ms=make.T0 + 720_000, cell="r1c1",
        beat="b1", place={"en": "Long Street", "zh-CN": "长街"},
    )  # fmt: skip
    plan = OfficerPlan(
        shift="late", name="late", officer="p1", begin_ms=make.T0 - 60_000, end_ms=make.T0 + DAY_MS // 3,
        made_ms=make.T0, solver="search", changed_ms=make.T0, stops=[stop],
    )  # fmt: skip
    node.write(alerts=alerts, patrols=[plan])
    node.sink.close()
    return config


def _said(site: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", *arguments, "--config", str(site)]) == 0
    return capsys.readouterr().out


def test_week_from_the_alerts_of_the_store(site: Path, capsys: pytest.CaptureFixture[str]):
    sheet = json.loads(_said(site, capsys, "week", "--served", "0.8", "--json"))
    asked = np.array([one["asked"] for one in sheet["beats"]])
    assert sheet["days"] == 21
    assert asked[0, 20] == pytest.approx(0.6, abs=0.05)  # half an hour for the alert beside routine duty
    assert asked[1, 20] == pytest.approx(0.1, abs=0.01)
    assert json.loads((site.parent / "data" / "s1" / "staffing.json").read_bytes())["shifts"] == sheet["shifts"]
    assert "20-22" in _said(site, capsys, "week", "--lang", "en")
    calendar = icalendar.Calendar.from_ical(_said(site, capsys, "week", "--ics", "--lang", "zh-CN"))
    assert "民警" in str(calendar.walk("VEVENT")[0]["summary"])
    assert _said(site, capsys, "week", "--csv").startswith("begin,end,officers,breaks\n")
    features = json.loads(_said(site, capsys, "week", "--geojson"))["features"]
    assert [one["properties"]["id"] for one in features] == ["b1", "b2"]


def test_stops_of_the_running_shift(site: Path, capsys: pytest.CaptureFixture[str]):
    said = _said(site, capsys, "shift", "--lang", "en")
    assert "Long Street" in said
    assert "0/12" in said
    assert "0 of 1 stops done, 0 of 12 minutes delivered" in said
    assert main(["plan", "shift", "--officer", "p9", "--config", str(site)]) == 1
    capsys.readouterr()
    said = _said(site, capsys, "shift", "--lang", "zh-CN")
    assert "长街" in said
    assert "待到达" in said
    assert json.loads(_said(site, capsys, "shift", "--json"))[0]["stops"][0]["id"] == "p1-1"
    assert json.loads(_said(site, capsys, "shift", "--geojson"))["features"][0]["geometry"]["coordinates"][0] == 116.404
    assert len(_said(site, capsys, "shift", "--csv").splitlines()) == 2
    assert "BEGIN:VEVENT" in _said(site, capsys, "shift", "--ics")


def test_share_that_cannot_be_is_refused(site: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", "week", "--served", "95", "--config", str(site)]) == 2
    assert "--served is 95, expected a share above 0 and up to 1" in capsys.readouterr().err
