"""``patrolgrid backtest``: files in, files and JSON out, errors that name the line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from console.cli.main import main


def write(path: Path, header: str, rows: list[str]) -> str:
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def counts(path: Path, days: int = 16) -> str:
    rng = np.random.default_rng(0)
    rows = []
    for step in range(days * 24):
        day, hour = divmod(step, 24)
        value = "" if step == 30 else str(rng.poisson(300 if (day, hour) == (15, 12) else 20))
        rows.append(f"2026-03-{day + 1:02d} {hour:02d}:00:00,door,{value}")
    return write(path, "timestamp,device,count", rows)


def test_counts_with_events_and_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    events = write(tmp_path / "events.csv", "start,end", ["2026-03-16 12:00:00,2026-03-16 14:00:00"])
    scores = tmp_path / "scores.csv"
    code = main(
        ["backtest", "counts", counts(tmp_path / "c.csv"), "--events", events, "--scores", str(scores), "--json"]
    )
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (report["window_s"], report["rows"], report["missing"], report["events"]) == (3600, 383, 1, 1)
    assert report["found_within"]["1"]["share"] == 1.0
    assert report["shipped"]["found"] == 1
    with scores.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["timestamp", "device", "score", "alarm"]
    assert len(rows) == 384
    assert rows[15 * 24 + 12]["alarm"] == "1"
    assert float(rows[15 * 24 + 12]["score"]) == max(float(row["score"]) for row in rows)


def test_the_settings_calendar_is_gone_by_and_options_take_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    config, file = tmp_path / "site.toml", counts(tmp_path / "c.csv")
    config.write_text('[site]\ntimezone = "UTC"\n[calendar]\nevents = ["2026-03-16 12:00-13:00 @ door: sale"]\n')
    calendar = tmp_path / "days.ics"
    calendar.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    told = []
    for more in (["--config", str(config)], ["--config", str(config), "--calendar", str(calendar)], []):
        assert main(["backtest", "counts", file, "--json", *more]) == 0
        report = json.loads(capsys.readouterr().out)
        told.append((report["planned"], report["devices"]["door"]["alarm_rows"] > 0))
    assert told == [(1, False), (0, True), (0, True)]


def test_levels(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [f"2026-03-{d:02d}T{h:02d}:00:00+08:00,mic,{50 + h + (d % 3)}" for d in range(1, 8) for h in range(24)]
    assert main(["backtest", "levels", write(tmp_path / "l.csv", "timestamp,device,value", rows)]) == 0
    assert "mic: 0 rows in alarm" in capsys.readouterr().out


def test_hotspots(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(0)
    lon, lat = rng.normal(121.42, 0.005, 300), rng.normal(31.21, 0.004, 300)
    rows = [f"2026-{1 + n // 100:02d}-{1 + n % 28:02d} 12:00:00,{lon[n]},{lat[n]},burglary" for n in range(300)]
    incidents = write(tmp_path / "i.csv", "timestamp,lon,lat,category", rows)
    domain = write(tmp_path / "d.csv", "lon,lat", [f"{x},{y}" for x, y in zip(lon, lat, strict=True)])
    out = tmp_path / "out.npz"
    arguments = ["--domain", domain, "--train-until", "2026-02-28", "--save", str(out), "--json"]
    assert main(["backtest", "hotspots", incidents, *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    with np.load(out, allow_pickle=False) as made:
        assert made["days"][0] == "2026-03-01"
        assert made["risk"].dtype == np.float32
        assert made["risk"].shape == made["hits"].shape == (report["days"], report["cells"])
        assert made["lon"].shape == made["lat"].shape == (report["cells"],)
        assert made["hits"].sum() == report["incidents"] == 100
    assert report["hit_rate"]["0.1"] == pytest.approx(report["pai"]["0.1"] * 0.1)
    assert set(report["baselines"]) == {"counts-1", "counts-2", "counts-all", "density", "promap", "etas"}
    assert report["baselines"]["promap"]["compared"]["0.05"]["difference"] in {"better", "worse", "none"}
    assert main(["backtest", "hotspots", incidents, *arguments[:-1]]) == 0
    assert "kernel density\n  riskiest 1%: " in capsys.readouterr().out


def test_patrols(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(0)
    lon, lat = rng.normal(121.42, 0.005, 100), rng.normal(31.21, 0.004, 100)
    rows = [f"2026-03-{1 + n % 28:02d} {n % 24:02d}:00:00,{lon[n]},{lat[n]},burglary" for n in range(100)]
    incidents = write(tmp_path / "i.csv", "timestamp,lon,lat,category", rows)
    domain = write(tmp_path / "d.csv", "lon,lat", [f"{x},{y}" for x, y in zip(lon[:9], lat[:9], strict=True)])
    arguments = ["--domain", domain, "--officers", "1", "--effort", "0", "--checks", "0", "--quiet"]
    assert main(["backtest", "patrols", incidents, *arguments, "--train-until", "2026-03-27", "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 shifts of 1, ")
    assert "equal rounds of all beats: " in said
    assert main(["backtest", "patrols", incidents, *arguments, "--train-until", "soon"]) == 2
    assert "expected a date such as 2017-12-31" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "timestamp,count\n2026-01-01,1\n",
            "line 1: has the columns 'timestamp', 'count'; expected timestamp,device,count",
        ),
        ("timestamp,device,count\nyesterday,a,1\n", "line 2: timestamp is 'yesterday'"),
        ("timestamp,device,count\n2026-01-01,a,many\n", "line 2: count is 'many', expected a whole number from 0"),
        ("timestamp,device,count\n2026-01-01,a\n", "line 2: has 2 fields, expected 3"),
        ("timestamp,device,count\n", "no rows"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, error: str):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["backtest", "counts", str(path)]) == 1
    assert error in capsys.readouterr().err


def test_a_missing_file_and_a_bad_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["backtest", "counts", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
    assert main(["backtest", "counts", counts(tmp_path / "c.csv", 1), "--timezone", "Mars"]) == 2
    assert "'Mars'" in capsys.readouterr().err
