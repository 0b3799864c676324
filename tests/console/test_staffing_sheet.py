"""The staffing sheet of a week, and the file of past load."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from console.cli.main import main
from console.training.offered_load import read_load, rules_of
from ingest.codecs.csv_files import RowError
from models.calendar import Calendar
from models.patrols.staffing import HOLIDAY, WORKED
from stream.patrol.staffing_sheet import kinds_of, monday_of, staffing_sheet

CHINA = Calendar("Asia/Shanghai", "CN")
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
    path = str(_write(tmp_path / "load.csv", 29))
    options = ["--country", "CN", "--timezone", "Asia/Shanghai", "--learn", "3", "--quiet", "--lang", "en"]
    assert main(["backtest", "staffing", path, *options]) == 0
    said = capsys.readouterr().out
    assert "three equal shifts of 3 (the first at" in said
    assert "fewer hours" in said
