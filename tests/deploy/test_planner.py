"""The planner beside a node: a shift's plan is made, and made again from now when officers are called away."""

import sqlite3
from contextlib import ExitStack, closing
from functools import partial

import msgspec
import pytest

from console.common import failing_parts
from deploy.node.planner import Planner
from deploy.settings import with_values
from deploy.settings.sections import Settings
from deploy.wiring import pipeline_config
from ingest.log import RecordKind
from stream.patrol.shift_planner import ShiftPlanner
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.patrol_tables import delivered, plans_between, read_plans
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.support import wait_for

STATION = {
    "officers": ["p1: Li Wei", "p2: Wang Fang"],
    "shifts": ["daily 12:00-20:00 @ p1 p2: late"],
    "committed": ["daily 16:30-16:45 @ 121.475 31.235: 学校门口"],
    "effort_s": 0,
}


class Station:
    """A pipeline with its store; what is appended to the log is processed at once."""

    live = True

    def __init__(self, folder, **patrol):
        self.settings = with_values(
            Settings(), data={"dir": folder}, site={"id": "s", "country": ""}, patrol=STATION | patrol
        )
        self.settings.site_dir.mkdir(parents=True)
        self.writer, self.plans = Writer(), []
        self.pipeline = Pipeline(pipeline_config(self.settings), places())
        self.store = StoreSink(self.settings.site_dir / "store.db", "s")
        self.time_ms = NOON
        self.where = places()
        self.planner = self.new_planner()
        self.reader = StoreReader(self.store.path)

    def new_planner(self):
        return Planner(self.settings, self, self, lambda: self.where)  # type: ignore[arg-type] # enough of both

    def now_ms(self):
        return self.time_ms

    def append(self, records):
        for record in records:
            assert record.kind is RecordKind.PLAN
            self.plans.append(record)
            self.take(self.writer._next(record.kind, record.payload, record.received_ms))

    def take(self, record):
        out = self.pipeline.process(record)
        self.store.write([out])
        return out

    def tick(self, minutes=0.0):
        self.time_ms += round(minutes * MINUTE)
        return self.take(self.writer.tick(self.time_ms))

    def did(self, officer, what, stop="", **more):
        return self.take(
            self.writer.json(
                RecordKind.DID, self.time_ms, officer=officer, what=what, stop=stop, ts=self.time_ms, **more
            )
        )

    def look(self):
        self.planner.look(self.reader)
        return len(self.plans)

    def stops(self, officer=None, **more):
        plans = plans_between(self.reader.query, NOON, NOON + 1, officer=officer, **more)
        return [stop for plan in plans for stop in plan["stops"]]

    def close(self):
        self.reader.close()
        self.store.close()


@pytest.fixture
def station(tmp_path):
    with closing(Station(tmp_path)) as found:
        found.tick()
        yield found


def test_a_plan_is_made_once_and_stands_in_the_store(station):
    assert station.look() == 1
    assert station.look() == 1
    stops = station.stops()
    assert {stop["officer"] for stop in stops} == {"p1", "p2"}
    (school,) = [stop for stop in stops if stop["kind"] == "committed"]
    assert (school["place"]["en"], (school["arrive_ms"] - NOON) // MINUTE) == ("学校门口", 270)
    assert {stop["kind"] for stop in stops} >= {"committed", "exploration"}
    assert all(NOON <= stop["arrive_ms"] < stop["leave_ms"] <= NOON + 8 * 60 * MINUTE for stop in stops)
    assert len({stop["id"] for stop in stops}) == len(stops)
    assert station.planner.status()["state"] == "planned"
    plan = read_plans(station.reader.query, at_ms=station.time_ms)[0]
    assert (plan["name"], plan["officer"], plan["over"]) == ("late", "p1", False)


def test_it_is_made_again_from_now_when_an_officer_is_called_away_and_comes_back(station):
    station.look()
    explored = [stop["kind"] for stop in station.stops()].count("exploration")
    first = station.stops("p1")[0]
    station.time_ms = first["arrive_ms"]
    station.did("p1", "arrived", first["id"])
    station.tick(12)
    station.did("p1", "done", first["id"])
    station.did("p1", "away", note="fight at the market")
    assert station.look() == 2
    assert station.look() == 2
    away_ms = station.time_ms
    busy = [stop for stop in station.stops("p1") if stop["state"] == "planned"]
    assert min(stop["arrive_ms"] for stop in busy) >= away_ms + 45 * MINUTE
    assert station.stops("p1")[0]["state"] == "done"
    station.tick(10)
    station.did("p1", "back")
    assert station.look() == 3
    planned = [stop for stop in station.stops("p1") if stop["state"] == "planned"]
    assert min(stop["arrive_ms"] for stop in planned) < away_ms + 45 * MINUTE
    assert "replaced" in {stop["state"] for stop in station.stops("p1", replaced=True)}
    kinds = [stop["kind"] for stop in station.stops()]
    assert kinds.count("exploration") >= explored - 1, "what was replaced and is planned once more is planned"


def test_a_skipped_stop_makes_a_plan_again_and_a_new_process_does_not(station):
    station.look()
    stop = station.stops("p2")[1]
    station.did("p2", "skipped", stop["id"], note="street closed")
    assert station.look() == 2
    kept = {one["id"]: one for one in station.stops()}[stop["id"]]
    assert (kept["state"], kept["note"]) == ("skipped", "street closed")
    planned = [one for one in station.stops() if one["state"] == "planned"]
    soon = [one for one in planned if abs(one["arrive_ms"] - stop["arrive_ms"]) < 30 * MINUTE]
    assert stop["cell"] not in {one["cell"] for one in soon}
    station.planner = station.new_planner()
    assert station.look() == 2


def test_a_plan_that_was_logged_twice_changes_nothing(station):
    station.look()
    before = station.stops()
    out = station.take(station.writer._next(RecordKind.PLAN, station.plans[0].payload, station.time_ms))
    assert (out.patrols, out.refusals) == ([], [])
    assert station.stops() == before


def test_planned_against_delivered_and_the_end_of_a_shift(tmp_path):
    with closing(Station(tmp_path, shifts=["daily 12:00-13:00 @ p1 p2: late"])) as station:
        station.tick()
        check_the_end(station)


def check_the_end(station):
    station.look()
    stop = station.stops("p1")[0]
    station.time_ms = stop["arrive_ms"] + MINUTE
    station.did("p1", "arrived", stop["id"])
    station.tick(9)
    out = station.did("p1", "done", stop["id"])
    assert [one.delivered_min for one in out.patrols[0].stops if one.id == stop["id"]] == [9.0]
    for _ in range(2):  # over a bad network the same comes again
        assert not station.did("p1", "done", stop["id"]).patrols
    told = []
    while station.time_ms < NOON + 60 * MINUTE:
        told += station.tick(1).patrols
    over = [plan for plan in told if plan.over]
    assert [plan.officer for plan in over] == ["p1", "p2"]
    (late,) = delivered(station.reader.query, NOON, NOON + 60 * MINUTE, by="shift")
    assert (late["done"], late["delivered_min"], late["planned"]) == (1, 9.0, 0)
    assert late["missed"] == late["stops"] - 1


def test_without_a_forecast_or_with_an_edited_map_a_plan_is_made_all_the_same(tmp_path):
    with closing(Station(tmp_path, beat_min=0)) as station:
        station.take(station.writer.tick(NOON))
        with station.store._lock:
            station.store._opened().execute("DELETE FROM meta WHERE key = 'coming_risk'")
            station.store._opened().commit()
        assert station.look() == 1
        assert {stop["kind"] for stop in station.stops()} == {"committed", "exploration"}
        assert "no forecast yet" in station.planner.status()["detail"]
    plan = msgspec.json.decode(station.plans[0].payload)
    assert plan["officers"] == ["p1", "p2"]


def test_a_planner_that_fails_says_so_goes_on_and_the_plan_before_stays(station, monkeypatch, caplog):
    station.look()
    before = station.stops()
    broken, planned = [sqlite3.OperationalError("disk I/O error"), KeyError("street")], ShiftPlanner.plan

    def fails(*given):
        if broken:
            raise broken[0]
        return planned(*given)

    def said(why):
        return (station.planner.status()["state"], station.planner.status()["detail"]) == ("failed", why)

    monkeypatch.setattr(ShiftPlanner, "plan", fails)
    monkeypatch.setattr("deploy.node.planner._RETRY_S", 0.01)
    station.did("p1", "away")
    station.planner.start()
    with ExitStack() as ending:
        ending.callback(station.planner.stop)
        while broken:
            why = f"{type(broken[0]).__name__}: {broken[0]}"
            wait_for(partial(said, why), f"the status says {why}")
            assert failing_parts({"failing": {}, "planning": station.planner.status()}) == {"planning": why}
            assert station.stops() == before
            broken.pop(0)
        wait_for(lambda: station.planner.status()["state"] == "planned", "what fails no longer is tried again")
        wait_for(lambda: len(station.plans) == 2, "the plan is made again")
    assert "the one before stays" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_planner_whose_thread_has_ended_is_told(station, monkeypatch):
    def ends(_reader):
        raise SystemExit

    monkeypatch.setattr(station.planner, "look", ends)
    assert station.planner.status()["state"] == "off"
    station.planner.start()
    wait_for(lambda: station.planner.status()["state"] == "failed", "the thread's end is told")
    assert "start the node again" in station.planner.status()["detail"]
    station.planner.stop()


def test_a_sheet_of_staff_is_written_once_there_is_a_past(station):
    station.look()
    sheet = station.settings.site_dir / "staffing.json"
    assert not sheet.exists()
    alerts = [
        make.alert(f"a{day}", 1, site="s", raised_ms=NOON + day * 86_400_000, changed_ms=NOON + day * 86_400_000)
        for day in range(-60, 0)
    ]
    station.writer.position += 1
    station.store.write([make.results(station.writer.position, catalog=[], now_ms=NOON + 1, alerts=alerts)])
    station.time_ms += 25 * 60 * MINUTE
    station.look()
    assert msgspec.json.decode(sheet.read_bytes())["made_ms"] == station.time_ms
