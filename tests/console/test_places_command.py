"""``patrolgrid places``: what an administrator reads, and what is written and what is not."""

import json

import pytest

from console.cli.main import main
from ingest.places import load_places

ROWS = "id,type,name,lon,lat\nmine,camera,Mine,121.4681,31.2301\nbad,airship,Bad,121.4681,31.2301\n"


@pytest.fixture
def station(tmp_path, monkeypatch, capsys):
    """Make a station and go into its folder, as an administrator does."""
    folder = tmp_path / "station"
    assert main(["init", str(folder), "--yes", "--at=121.47,31.23", "--lang", "en"]) == 0
    monkeypatch.chdir(folder)
    (folder / "list.csv").write_text(ROWS, encoding="utf-8")
    capsys.readouterr()
    return folder


def said(capsys):
    return json.loads(capsys.readouterr().out)


def test_good_rows_are_taken_and_bad_ones_named(station, capsys):
    assert main(["places", "import", "list.csv", "--json"]) == 1
    assert said(capsys) == {
        "added": ["mine"], "changed": [], "same": 0, "removed": [], "accounts": ["mine"], "written": True, "change": 1,
        "bad": [{"line": 3, "why": "type is 'airship', expected one of camera, gate, noise, smoke, heat, water, door, "
                 "manhole, environment"}],
        "ids": [],
    }  # fmt: skip
    assert load_places(station / "places.geojson").devices["mine"].beat == "old-market"
    assert "mine:" in (station / "mosquitto" / "devices.passwd").read_text()
    assert (station / "secrets" / "devices" / "mine.password").stat().st_mode & 0o077 == 0
    written = (station / "places.geojson").read_bytes()
    assert main(["places", "import", "list.csv"]) == 1
    assert "list.csv, line 3: type is 'airship'" in capsys.readouterr().out
    assert (station / "places.geojson").read_bytes() == written


def test_an_id_that_had_to_be_another_is_told_by_line(station, capsys):
    rows = "id,type,name,lon,lat\n后门1,door,菜场后门,121.468,31.23\n,smoke,三号楼,121.468,31.23\n"
    (station / "list.csv").write_text(rows, encoding="utf-8")
    assert main(["places", "import", "list.csv"]) == 0
    shown = capsys.readouterr().out
    devices = {device.name["en"]: device.id for device in load_places(station / "places.geojson").devices.values()}
    assert (
        f"list.csv, line 2: 后门1 cannot be an id; its id, in its topic and as its account, is {devices['菜场后门']}"
        in shown
    )
    assert (
        f"list.csv, line 3: 三号楼 cannot be an id; its id, in its topic and as its account, is {devices['三号楼']}"
        in shown
    )


def test_a_dry_run_writes_nothing(station, capsys):
    before = {path: path.read_bytes() for path in station.rglob("*") if path.is_file() and path.suffix != ".db"}
    assert main(["places", "import", "list.csv", "--dry-run", "--without-example"]) == 1
    shown = capsys.readouterr().out
    assert "added: 1" in shown
    assert "creekside" in shown
    assert {path: path.read_bytes() for path in station.rglob("*") if path in before} == before


def test_a_file_that_is_wrong_already_is_put_right_first(station, capsys):
    file = station / "places.geojson"
    file.write_text(file.read_text("utf-8").replace('"type":"gate"', '"type":"fence"'), encoding="utf-8")
    assert main(["places", "import", "list.csv"]) == 1
    told = capsys.readouterr()
    assert "line 9: feature 7 ('gate-01') has type 'fence'" in told.out
    assert "has to be put right first" in told.err
    assert not (station / "places.changes.db").exists()


def test_a_check_names_what_the_rules_refuse_and_what_is_odd(station, capsys):
    file = station / "places.geojson"
    text = file.read_text("utf-8").replace('"id":"noise-01"', '"id":"noise-01","overrides":{"noise_on":"loud"}')
    file.write_text(text, encoding="utf-8")
    assert main(["places", "check", "--json"]) == 1
    found = said(capsys)
    assert not found["ok"]
    assert [(one["line"], one["error"]) for one in found["findings"]] == [(2, False), (10, True)]
    assert "'noise-01'" in found["findings"][1]["text"]


def test_a_device_that_the_broker_would_not_let_in_is_named(station, capsys):
    file = station / "places.geojson"
    file.write_text(file.read_text("utf-8").replace('"id":"noise-01"', '"id":"noise-02"'), encoding="utf-8")
    assert main(["places", "check", "--json"]) == 0
    assert "device noise-02 has no account at the broker" in said(capsys)["findings"][1]["text"]


def test_a_file_of_no_site_can_be_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.geojson").write_text('{"type": "FeatureCollection", "features": [\n{}]}', encoding="utf-8")
    assert main(["places", "check", "new.geojson", "--lang", "en"]) == 1
    assert capsys.readouterr().out.startswith("wrong  new.geojson, line 2: feature 0 needs 'properties'")
    assert main(["places", "check", "none.geojson"]) == 1
    assert "none.geojson" in capsys.readouterr().err


def test_the_chinese_officer_reads_chinese(station, capsys):
    main(["places", "check", "--lang", "zh-CN"])
    shown = capsys.readouterr().out
    assert shown.startswith("可疑  places.geojson 第2行")
    assert "2个网格、9台设备、2条街道" in shown


def test_who_changed_what_is_shown_and_taken_back(station, capsys):
    before = load_places(station / "places.geojson")
    assert main(["places", "changes", "--lang", "en"]) == 0
    assert "nobody has changed" in capsys.readouterr().out
    assert main(["places", "import", "list.csv", "--lang", "en"]) == 1
    assert "`patrolgrid places undo 1` takes it back" in capsys.readouterr().out
    assert main(["places", "changes", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    assert "cli:" in shown
    assert "imported from list.csv: device mine" in shown
    assert main(["places", "undo", "1", "--json"]) == 0
    assert (said(capsys)["undoes"], load_places(station / "places.geojson")) == (1, before)
    assert main(["places", "undo", "1"]) == 2
    assert "change 1 has been taken back already" in capsys.readouterr().err
    assert main(["places", "changes", "--lang", "zh-CN"]) == 0
    assert "撤销第 1 号修改：设备 mine" in capsys.readouterr().out
