"""``patrolgrid whatif``: which alerts would differ, beside a node that runs and while it is stopped."""

from __future__ import annotations

import gzip
import json
import shutil
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.cli.main import main
from console.training.raw_records import observations_behind
from ingest.gateway.places_file import PlacesFile
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress
from stream.alerts.budget import STEP
from stream.engines.snapshot_files import SnapshotFiles
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from tests.configs import pipeline_with
from tests.console.serving import served
from tests.console.station import SITE, WINDOW, Station
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well
from tests.stream.build import MINUTE, NOON, places
from tests.support import wait_for

__all__ = ["chromium"]
pytestmark = pytest.mark.xdist_group("whatif")  # one worker makes the site once
DAY = 1440 * MINUTE
LAST = {NOON + 11 * WINDOW: 120, NOON + 20 * WINDOW: 900}
"""A crowd and a great one on the last day, by the end of their window."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A site that was stopped before its last day, which only its log has; not to be changed."""
    station = Station(tmp_path_factory.mktemp("lived"))
    station.live(5)
    with station.node():
        pass
    busy_fortnight(station)
    station.live(1, until=NOON + DAY, crowds=LAST)
    return station


def busy_fortnight(station: Station) -> None:
    """Let the saved budget know of six findings a day, each stranger than the lesser crowd and less than the other."""
    files = SnapshotFiles(station.folder / "state")
    (position, data), *_ = files.candidates()
    config = pipeline_with(site=SITE, country="", window_s=WINDOW // 1000)
    pipeline = Pipeline(config, places(devices={"cam-1": "camera", "noise-1": "noise"}))
    pipeline.restore(data)
    budget = pipeline.site.budget
    for back in range(1, 15):
        row = (budget._today - back) % len(budget._days)
        budget._days[row] = budget._today - back
        budget._counts[row, round(30 / STEP)] = 6
    files.save(position, pipeline.snapshot())


@pytest.fixture
def station(lived, tmp_path):
    """The same, to be changed."""
    shutil.copytree(lived.config.parent, tmp_path, dirs_exist_ok=True)
    return Station(tmp_path)


@pytest.fixture(scope="module")
def young(tmp_path_factory):
    """A site of one day; not to be changed."""
    station = Station(tmp_path_factory.mktemp("young"))
    station.live(1)
    return station


def asked(station: Station, capsys, *arguments: str) -> dict:
    code = main(["whatif", *arguments, "--config", str(station.config), "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def files(station: Station) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(station.folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in station.folder.rglob("*")
        if path.is_file()
    }


def test_a_smaller_budget_holds_back_the_lesser_crowd_and_nothing_else(lived, capsys):
    before = files(lived)
    found = asked(lived, capsys, "--from", utc(NOON), "--set", "alerts.per_day=1")
    assert (found["begun"]["with"], found["begun"]["position"], found["records"]) == ("snapshot", 5 * 24, 24)
    assert found["settings"] == {"alerts.per_day": {"now": 20, "then": 1}}
    assert found["alerts"]["then"] == found["alerts"]["now"] - 1 > 0
    assert (found["new"], found["different"]) == ([], [])
    (gone,) = found["gone"]
    assert (gone["kind"], gone["device"], gone["because"]) == ("surge", "cam-1", "budget")
    assert gone["since_ms"] == NOON + 10 * WINDOW
    assert "120 people" in gone["text"]["en"]
    assert files(lived) == before, "nothing is written beside a stopped node, not even by SQLite"

    arguments = ["whatif", "--from", utc(NOON), "--set", "alerts.per_day=1", "--config", str(lived.config)]
    assert main([*arguments, "--lang", "zh-CN"]) == 0
    said = capsys.readouterr().out
    assert "新增 0，消失 1，不同 0。" in said
    assert "[因告警限额不发]" in said
    assert "行人120人次" in said


def test_beside_a_running_node_nothing_of_it_is_touched(tmp_path, capsys):
    station = Station(tmp_path)
    station.live(1)
    with station.node() as node:
        wait_for(lambda: node.engine.delivery.position >= 24, "everything is in the store")
        node.quiet()
        before = files(station)
        found = asked(station, capsys, "--set", "alerts.group_m=0", "--set", "pipeline.silent_s=600")
        assert found["records"] == 24
        after = files(station)
        assert {name for name in after if after[name] != before.get(name)} <= {"log.db-shm", "store.db-shm"}, (
            "but for the marks of readers in memory that SQLite shares"
        )
        assert node.engine.alive()


def test_an_older_state_that_is_kept_will_do_and_models_may_be_other_ones(station, capsys):
    (newest,) = (station.folder / "state").glob("*.pgs")
    (station.folder / "state" / "days").mkdir()
    newest.replace(station.folder / "state" / "days" / f"{newest.stem}-{NOON:014d}.pgs")
    none = asked(station, capsys, "--from", utc(NOON), "--models", "none")
    assert (none["begun"]["with"], none["begun"]["ms"]) == ("snapshot", NOON)
    assert none["alerts"]["now"] > none["alerts"]["then"] == 0, "young models tell nothing"
    assert {one["because"] for one in none["gone"]} == {"unnoticed"}
    anew = asked(station, capsys, "--from", utc(NOON), "--models", "store")
    assert (anew["models"], anew["alerts"]["now"]) == ("store", none["alerts"]["now"])
    assert anew["alerts"]["then"] > 0


def test_without_a_state_the_store_teaches_what_the_log_does_not_reach(station, capsys):
    shutil.rmtree(station.folder / "state")
    log = SqliteLog(station.folder / "log.db")
    log._writer.execute("DELETE FROM records WHERE position <= ?", (5 * 24,))
    log.close()
    arguments = ["--from", "2026-01-01", "--set", "alerts.per_day=0"]
    found = asked(station, capsys, *arguments)
    assert found["begun"]["with"] == "store"
    assert found["begun"]["windows"] in {2 * 5 * 48 - 2, 2 * 5 * 48}, "but for the windows that were open"
    assert found["alerts"]["now"] > 0
    assert main(["whatif", *arguments, "--config", str(station.config), "--lang", "en"]) == 0
    assert "The log is kept for 14 days (log.max_age_days) and begins at 2026-11-23 13:00" in capsys.readouterr().out


def test_other_places_are_tried(young, capsys, tmp_path):
    document = json.loads((young.config.parent / "places.geojson").read_text())
    for feature in document["features"]:
        if feature["properties"]["id"] == "noise-1":
            feature["properties"]["overrides"] = {"noise_on": 45.0, "noise_off": 40.0, "noise_hold_s": 0}
    (tmp_path / "other.geojson").write_text(json.dumps(document))
    found = asked(young, capsys, "--places", str(tmp_path / "other.geojson"))
    (new,) = found["new"]
    assert (new["kind"], new["device"], new["because"], new["ended_ms"]) == ("noise_high", "noise-1", "", None)
    assert (found["gone"], found["different"]) == ([], [])
    assert main(["whatif", "--places", "none.geojson", "--config", str(young.config)]) != 0
    assert "none.geojson" in capsys.readouterr().err


def test_another_calendar_is_tried(lived, capsys):
    """Roadworks that somebody forgot to write down: the counts of that day are neither judged nor learned."""
    found = asked(lived, capsys, "--from", utc(NOON), "--set", "calendar.maintenance=daily @ cam-1: roadworks")
    assert found["alerts"]["now"] > found["alerts"]["then"] == 0
    assert {one["because"] for one in found["gone"]} == {"unnoticed"}
    assert main(["whatif", "--set", "calendar.events=whenever", "--config", str(lived.config)]) == 2
    assert "calendar.events has 'whenever'" in capsys.readouterr().err


def test_a_record_that_cannot_be_processed_is_passed_by_in_both(young, capsys, monkeypatch):
    process = Pipeline.process

    def failing(self, record):
        if record.position == 20:
            raise ZeroDivisionError("a defect")
        return process(self, record)

    monkeypatch.setattr(Pipeline, "process", failing)
    found = asked(young, capsys, "--set", "alerts.per_day=1")
    assert found["passed_by"] == {"20": "ZeroDivisionError: a defect"}
    assert found["alerts"]["then"] == found["alerts"]["now"]


def test_a_recording_is_run_again_without_a_site(tmp_path, capsys):
    """Three smoke alarms of a device that the recording brings with it."""
    path = tmp_path / "night.pgr.gz"
    rows: list[dict] = [{"patrolgrid_recording": 1, "started_ms": NOON}]
    for number, (second, value) in enumerate(((0, "ok"), (60, "alarm"), (120, "ok"), (900, "ok"))):
        observation = {
            "type": "state", "boot": "a", "seq": number, "ts": NOON + 1000 * second, "metric": "smoke", "value": value,
        }  # fmt: skip
        topic = "patrolgrid/v1/other/b1/smoke-1/obs"
        rows.append({"t": second, "topic": topic, "p": json.dumps(observation)})
    with gzip.open(path, "wb") as file:
        file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
    arguments = ["whatif", str(path), "--data-dir", str(tmp_path / "no"), "--set", "pipeline.flap_s=0"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["site"], found["begun"]["with"]) == (None, "nothing")
    assert found["alerts"] == {"now": 1, "then": 1}
    assert found["source_to_ms"] == NOON + 900_000
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ([], 2, "nothing to try: give --set"),
        (["--set", "alerts.per_day"], 2, "expected KEY=VALUE"),
        (["--set", "alerts.per_day=many"], 2, "alerts.per_day is 'many', expected a whole number from 0 to 10000"),
        (["--set", "alerts.perday=3"], 2, "there is no key alerts.perday; did you mean alerts.per_day?"),
        (["--set", "alerts.per_day=20"], 2, "alerts.per_day has these values already"),
        (["--set", "board.port=80"], 2, "--set board.port: no alert goes by it; expected one of site.timezone"),
        (["--set", "site.places=x"], 2, "give --places FILE"),
        (["--set", "alerts.per_day=1", "--from", "soon"], 2, "--from is 'soon', expected one like"),
        (["--set", "alerts.per_day=1", "--to", "2020-01-01"], 2, "leave nothing of it"),
        (["--set", "alerts.per_day=1", "none.pgr.gz"], 1, "there is no file none.pgr.gz"),
    ],
)
def test_wrong_use_is_one_line(young, capsys, arguments, code, error):
    assert main(["whatif", *arguments, "--config", str(young.config)]) == code
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1


@pytest.fixture(scope="module")
def told(lived, tmp_path_factory):
    """The same site after its node has told the alerts of the last day."""
    folder = tmp_path_factory.mktemp("told")
    shutil.copytree(lived.config.parent, folder, dirs_exist_ok=True)
    station = Station(folder)
    with station.node() as node:
        wait_for(lambda: node.engine.delivery.position >= 24 * 6, "everything is in the store")
    return station


def crowd_of(station: Station) -> dict:
    with closing(StoreReader(station.folder / "store.db")) as reader:
        return next(row for row in reader.alerts() if row["cause_ms"] == NOON + 10 * WINDOW)


def test_an_alert_run_again_comes_out_as_it_was_told(told, capsys):
    alert = crowd_of(told)
    found = asked(told, capsys, "--alert", alert["id"])
    assert found["alert"]["differs"] == []
    assert found["alert"]["again"] == found["alert"]["told"]
    assert found["alert"]["told"]["id"] == alert["id"]
    assert "120 people" in found["alert"]["again"]["text"]["en"]
    assert main(["whatif", "--alert", alert["id"], "--config", str(told.config), "--lang", "zh-CN"]) == 0
    assert "得到同一告警" in capsys.readouterr().out


def test_with_another_budget_the_alert_is_not_told(told, capsys):
    found = asked(told, capsys, "--alert", crowd_of(told)["id"], "--set", "alerts.per_day=1")["alert"]
    assert (found["differs"], found["then"]) == ([], None)


def test_an_alert_that_nobody_knows_is_named(told, capsys):
    assert main(["whatif", "--alert", "al-none", "--config", str(told.config)]) == 2
    assert "'al-none'" in capsys.readouterr().err
    assert main(["whatif", "--alert", "al-none", "--config", str(told.config), "--from", "2026-01-01"]) == 2


def test_the_observations_behind_an_alert_are_in_the_log(told):
    alert = crowd_of(told)
    behind = observations_behind(told.folder / "log.db", ["cam-1"], alert["cause_ms"], alert["raised_ms"])
    assert (behind["state"], behind["more"], behind["whole"]) == ("there", 0, True)
    crowds = [row for row in behind["rows"] if row["said"]["in"] + row["said"]["out"] == 120]
    assert [row["ts"] - row["said"]["interval_s"] * 1000 for row in crowds] == [NOON + 10 * WINDOW]
    assert {(row["device"], row["kind"], row["metric"]) for row in behind["rows"]} == {("cam-1", "count", "person")}
    assert all(alert["cause_ms"] <= row["ts"] <= alert["raised_ms"] and row["position"] > 0 for row in behind["rows"])
    old = observations_behind(told.folder / "log.db", ["cam-1"], 0, 1_000)
    assert (old["state"], old["rows"]) == ("gone", [])
    assert observations_behind(told.folder / "none.db", ["cam-1"], 0, 1)["state"] == "elsewhere"
    (told.folder / "bad.db").write_bytes(b"no log at all" * 100)
    assert observations_behind(told.folder / "bad.db", ["cam-1"], 0, 1)["state"] == "unreadable"


@pytest.mark.browser
def test_the_alerts_page_shows_how_it_came_about_and_runs_it_again(told, chromium):
    alert = crowd_of(told)
    config = BoardConfig(
        site=SITE,
        store_path=str(told.folder / "store.db"),
        places_path=str(told.config.parent / "places.geojson"),
        settings_file=str(told.config),
        broker=BrokerAddress(),
        language="en",
    )
    reader = StoreReader(told.folder / "store.db")
    file = PlacesFile(told.config.parent / "places.geojson", told.folder / "places.good.geojson")
    file.load()
    with served(make_app(reader, file, lambda _command: None, config)) as client:
        page = chromium.new_page(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{client.base_url}/alert?id={alert['id']}")
        assert "120" in page.inner_text(".case .why")
        assert page.locator(".raw tbody tr").count() >= 2
        assert "进" in page.locator(".raw tbody").inner_text()
        reads_well(page)
        page.select_option("select[name=key]", "alerts.per_day")
        page.fill("input[name=value]", "1")
        page.click(".again button")
        page.wait_for_selector(".again .outcome", timeout=120_000)
        assert page.inner_text(".again .outcome").splitlines()[0] == "得到同一告警。"
        assert "按试验的设置，没有该告警" in page.inner_text(".again .outcome")
        page.set_viewport_size({"width": 390, "height": 844})
        reads_well(page)
        page.get_by_role("button", name="EN").click()
        page.wait_for_selector("text=The same alert comes out.")
        page.goto(f"{client.base_url}/alert?id=none")
        page.wait_for_selector("main >> text=/none/")
        page.close()
        assert complaints == []
    reader.close()
