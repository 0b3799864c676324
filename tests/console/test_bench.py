"""The engineer's bench: scenarios ordered and judged, what-if runs begun and read, on API and page."""

import json
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from iotcore import Broker

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.board.commands import MqttCommandPublisher, UnconfirmedError
from console.cli.main import main
from console.long_work import LongWork
from ingest.login import BrokerAddress
from simulators.devices.ordered import Happening, RefusedOrder, taking_orders
from simulators.world import neighbourhood
from simulators.world.ordered_scenario import OrderedScenario
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import KINDS, Schedule, Truth
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.station import Station
from tests.console.stores import SITE, Node, places
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well
from tests.stream import make_results as make
from tests.support import free_port, wait_for

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
HEADERS = {"X-PatrolGrid": "board", "Content-Type": "application/json"}
WHY: dict[str, Any] = {"code": "surge", "args": {}}
DIFFERENCE: dict[str, Any] = {
    "kind": "surge",
    "severity": "warning",
    "beat": "b1",
    "device": "cam-1",
    "devices": ["cam-1"],
}
DIFFERENCE |= {"id": "x", "state": "cleared", "why": WHY, "ended_ms": make.T0 + 600_000, "raised_ms": make.T0}
DIFFERENCE |= {"text": {"en": "120 people, 40 expected", "zh-CN": "行人120人次，预期40"}, "since_ms": make.T0}
RESULT = {
    "from_ms": make.T0 - 86_400_000, "to_ms": make.T0 + 3_600_000, "alerts": {"now": 2, "then": 1}, "passed_by": {},
    "begun": {"with": "snapshot", "ms": make.T0 - 86_400_000},
    "new": [{**DIFFERENCE, "device": "noise-1", "devices": ["noise-1"], "beat": "b2", "because": "unnoticed"}],
    "gone": [{**DIFFERENCE, "because": "budget"}],
    "different": [{"fields": ["raised_ms"], "now": DIFFERENCE, "then": {**DIFFERENCE, "raised_ms": make.T0 + 60_000}}],
}  # fmt: skip
SCRIPT = f"""
import json, pathlib, sys, time
if "--models=none" in sys.argv:
    pathlib.Path(sys.argv[-1]).write_text(json.dumps({{"share": 0.4}}))
    time.sleep(300)
if "--set=alerts.per_day=no" in sys.argv:
    sys.exit("alerts.per_day is 'no', expected a number")
print({json.dumps(RESULT)!r})
"""


def truth(identifier, name="crowd_surge", *, start, minutes=10, device="cam-1", order=""):
    kind = KINDS[name]
    devices = (device,) if device else ()
    return Truth(
        id=identifier, name=name, beat="b1", devices=devices, start=start, end=start + minutes * 60_000,
        kinds=kind.finds, also=kind.also, tolerance_s=kind.tolerance_s, lon=116.4, lat=39.9, order=order,
    )  # fmt: skip


class Simulator:
    """Answers orders as it is told."""

    def __init__(self):
        self.ordered, self.error, self.truths, self.refused, self.said_ms = [], None, [], [], 0

    @property
    def happening(self):
        wall = self.said_ms or round(time.time() * 1000)
        return Happening(wall_ms=wall, truths=self.truths, refused=self.refused)

    def order(self, order):
        if self.error:
            raise self.error
        self.ordered.append(order)
        if order.scenario == "stranger_vehicle":
            self.refused.append(RefusedOrder(order=order.id, code="by_day"))
        else:
            self.truths.append(truth("t-1", order.scenario, start=make.T0 + 60_000, order=order.id))


class Bench:
    """A board over a store with two alerts, with a simulator and what-if runs of our making."""

    def __init__(self, folder):
        self.folder, self.node, self.simulator = folder, Node(folder), Simulator()
        self.app: Any = None
        self.client: Any = None
        self.url = ""
        self.node.fill()
        at, surge = make.T0 - 1_000_000, {"kind": "surge", "device": "cam-1", "beat": "b1"}
        self.node.write(alerts=[make.alert("al-9", 1, raised_ms=at, changed_ms=at, **surge)])
        self.node.status()
        self.settings = folder / "board.toml"
        self.settings.write_text(f'[site]\nid = "{SITE}"\n[alerts]\nper_day = 7\n')


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("site"))
    config = BoardConfig(
        site=SITE, store_path=str(made.node.store_path), places_path=str(made.node.places_path), language="en",
        broker=BrokerAddress(),
        settings_file=str(made.settings), simulated=True,
    )  # fmt: skip
    reader = StoreReader(made.node.store_path)
    app = make_app(reader, as_file(places()), lambda _: None, config, simulator=made.simulator)
    made.app, app.state.board.work = app, LongWork(made.folder, (sys.executable, "-c", SCRIPT))
    with served(app) as client:
        made.client, made.url = client, str(client.base_url).rstrip("/")
        yield made
    reader.close()
    made.node.close()


@pytest.fixture
def simulator(bench):
    bench.simulator.__init__()
    return bench.simulator


def post(bench, path, body):
    return bench.client.post(path, content=json.dumps(body), headers=HEADERS)


def ended(bench, identifier):
    def now():
        return bench.client.get(f"/api/work/{identifier}").json()

    wait_for(lambda: now()["work"]["state"] != "running", "it has ended")
    return now()


def test_what_has_happened_is_judged_by_the_alerts_of_the_store(bench, simulator):
    ago = make.T0 - 1_120_000
    simulator.truths = [
        truth("found", start=ago),
        truth("missed", start=make.T0 - 9_000_000),
        truth("elsewhere", start=ago, device="gate-1"),
        truth("coming", start=make.T0 + 7_200_000),
    ]
    found = {one["truth"]["id"]: one for one in bench.client.get("/api/bench").json()["happened"]}
    assert {name: one["state"] for name, one in found.items()} == {
        "found": "found", "missed": "missed", "elsewhere": "missed", "coming": "planned",
    }  # fmt: skip
    assert (found["found"]["after_s"], found["found"]["alert"]) == (120.0, "al-9")
    assert found["missed"]["alert"] is None


def test_every_scenario_is_told_in_both_languages_and_settings_with_what_they_are_now(bench, simulator):
    answer = bench.client.get("/api/bench", headers={"Accept-Language": "zh-CN"}).json()
    assert [one["name"] for one in answer["scenarios"]] == [*KINDS]
    assert all(one["does"]["en"] != one["does"]["zh-CN"] != "" for one in answer["scenarios"])
    settings = {one["key"]: one for one in answer["settings"]}
    assert settings["alerts.per_day"]["now"] == 7
    assert "告警" in settings["alerts.per_day"]["means"]
    assert all(one["means"] for one in settings.values())
    assert not {"site.id", "site.places"} & {*settings}


def test_an_order_goes_to_the_simulator_and_nowhere_where_there_is_none(bench, simulator):
    body = {"scenario": "smoke", "after_min": 5, "strength": 3, "minutes": 4, "beat": "b1"}
    answer = post(bench, "/api/bench/scenarios", body)
    assert answer.status_code == 202
    (order,) = simulator.ordered
    assert (order.id, order.scenario, order.strength, order.minutes, order.beat) == (
        answer.json()["order"], "smoke", 3.0, 4.0, "b1",
    )  # fmt: skip
    assert 290_000 <= order.at - bench.app.state.board.hub.site_ms() <= 300_000
    assert post(bench, "/api/bench/scenarios", {"scenario": "earthquake"}).json()["error"] == "no_scenario"
    for wrong in ({}, {"scenario": "smoke", "after_min": -1}, {"scenario": "smoke", "wish": 1}):
        assert post(bench, "/api/bench/scenarios", wrong).status_code == 422
    simulator.error = UnconfirmedError("nothing came back")
    assert post(bench, "/api/bench/scenarios", {"scenario": "smoke"}).json()["error"] == "unconfirmed"
    simulator.said_ms = 1
    assert post(bench, "/api/bench/scenarios", {"scenario": "smoke"}).json()["error"] == "no_simulator"
    assert bench.client.get("/api/bench").json()["simulator"] == "silent"
    bench.app.state.board.simulator = None
    assert post(bench, "/api/bench/scenarios", {"scenario": "smoke"}).json()["error"] == "no_simulator"
    assert bench.client.get("/api/bench").json()["simulator"] == "none"
    bench.app.state.board.simulator = simulator


def test_a_run_is_begun_kept_cancelled_and_says_why_it_failed(bench):
    begun = post(bench, "/api/bench/whatif", {"set": {"alerts.per_day": "1"}, "places": "{}"})
    assert begun.status_code == 202
    done = ended(bench, begun.json()["id"])
    assert (done["work"]["state"], done["result"]) == ("done", RESULT)
    failed = ended(bench, post(bench, "/api/bench/whatif", {"set": {"alerts.per_day": "no"}}).json()["id"])
    assert (failed["work"]["why"], failed["result"]) == ("alerts.per_day is 'no', expected a number", None)
    slow = post(bench, "/api/bench/whatif", {"models": "none"}).json()["id"]
    assert post(bench, "/api/bench/whatif", {"models": "none"}).json()["error"] == "busy"
    assert bench.client.post(f"/api/work/{slow}/cancel", headers=HEADERS).status_code == 200
    assert ended(bench, slow)["work"]["state"] == "cancelled"
    assert bench.client.post(f"/api/work/{slow}/cancel", headers=HEADERS).json()["error"] == "no_work"
    assert post(bench, "/api/bench/whatif", {}).json()["error"] == "nothing_to_try"
    assert post(bench, "/api/bench/whatif", {"models": "none", "from": "--set=x"}).status_code == 422
    assert [one["id"] for one in bench.client.get("/api/work").json()["work"]][:1] == [slow]


def test_what_the_board_asks_is_what_the_command_takes(bench, tmp_path, capsys, monkeypatch):
    station = Station(tmp_path)
    station.live(1)
    board, echo = bench.app.state.board, "import json, sys; print(json.dumps(sys.argv[1:]))"
    monkeypatch.setattr(board, "work", LongWork(tmp_path, (sys.executable, "-c", echo)))
    monkeypatch.setattr(board, "config", msgspec.structs.replace(board.config, settings_file=str(station.config)))
    places_file = station.config.with_name("places.geojson").read_text()
    body = {"set": {"alerts.group_m": "0"}, "models": "none", "places": places_file}
    begun = post(bench, "/api/bench/whatif", {**body, "from": "2000-01-01", "to": "2100-01-01T00:00"}).json()
    arguments = ended(bench, begun["id"])["result"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == {"alerts.group_m": {"now": 200.0, "then": 0.0}}
    assert (found["models"], found["places"].endswith("places.geojson")) == ("none", True)
    assert 0 <= json.loads(Path(arguments[-1]).read_bytes())["share"] <= 1


def test_orders_of_the_board_reach_a_simulator_over_the_broker_and_only_where_there_is_one():
    site, keys = neighbourhood.quarter(), (b"secret",)
    schedule = Schedule(site, LocalDays(site.timezone, site.country), seed=3, origin_ms=make.T0, alone=False)
    with Broker(port=free_port(), listen="127.0.0.1") as broker:
        address = BrokerAddress(port=broker.port)
        real = MqttCommandPublisher("quarter", address, keys)
        board = MqttCommandPublisher("quarter", address, keys, simulated=True)
        with closing(real), closing(board), taking_orders(schedule, address, "quarter", keys, lambda: make.T0):
            wait_for(lambda: board.happening is not None and real.connected, "the simulator is heard")
            board.order(OrderedScenario(id="a", scenario="manhole_open"))
            wait_for(lambda: board.happening and board.happening.truths, "the order is answered")
            assert [one.order for one in schedule.truths] == ["a"]
            assert real.happening is None, "a board of real devices does not listen to simulators"


SCREENS = ((1366, 768), (390, 844))


@pytest.fixture
def open_page(chromium, bench):
    contexts = []

    def made(path, size=SCREENS[0], language="en", theme="dark"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.add_init_script(f'localStorage.setItem("patrolgrid.theme", "{theme}")')
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(bench.url + path)
        page.wait_for_selector("#panel-scenarios form, #panel-whatif form, #panel-rhythms select", state="attached")
        return page

    yield made
    for context in contexts:
        context.close()


def fits(page):
    wide = """[...document.querySelectorAll("main *")]
        .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
        .map((node) => node.outerHTML.slice(0, 120)).slice(0, 3)"""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth") or page.evaluate(wide)


def test_an_engineer_orders_a_crowd_and_reads_what_came_of_it(bench, simulator, open_page):
    simulator.truths = [truth("found", start=make.T0 - 1_120_000)]
    page = open_page("/bench")
    page.wait_for_selector('tr[data-state="found"]')
    assert page.inner_text('tr[data-state="found"] .bench-state').strip() == "found after 2 min"
    page.select_option("#scenario-name", "crowd_surge")
    page.select_option("#scenario-where", "device:cam-1")
    page.fill("#scenario-strength", "2.5")
    page.click("#panel-scenarios button[type=submit]")
    page.wait_for_selector("#scenario-said >> text=/^It (happens|has begun) at/")
    (order,) = simulator.ordered
    assert (order.device, order.strength, order.minutes) == ("cam-1", 2.5, None)
    page.wait_for_selector('tr[data-row="t-1"]')
    page.select_option("#scenario-name", "stranger_vehicle")
    page.click("#panel-scenarios button[type=submit]")
    page.wait_for_selector("#scenario-said.failed")
    assert page.inner_text("#scenario-said").startswith("By day nobody minds")
    assert "scenario=stranger_vehicle" in page.url
    reads_well(page)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_on_a_phone_nothing_is_wider_than_it_in_both_languages(simulator, open_page, language):
    simulator.truths = [truth("found", start=make.T0 - 1_120_000)]
    page = open_page("/bench", SCREENS[1], language, "light")
    page.wait_for_selector('tr[data-state="found"]')
    assert page.inner_text("#tab-whatif") == {"en": "What if", "zh-CN": "假设分析"}[language]
    assert fits(page) is True
    reads_well(page)
    page.click("#tab-whatif")
    page.wait_for_selector("#whatif-begin")
    assert fits(page) is True
    reads_well(page)


def test_what_differs_stands_on_map_and_list(bench, simulator, open_page):
    page = open_page("/bench?tab=whatif")
    page.fill("[id='try-alerts.per_day']", "1")
    page.click("#whatif-begin")
    page.wait_for_selector(".difference.gone")
    assert "2 alerts now, 1 then" in page.inner_text("#whatif-counts")
    assert page.locator(".difference").count() == page.locator(".plain-mark").count() == 3
    assert "held back by the budget" in page.inner_text(".difference.gone")
    assert "run=" in page.url, "so that it can be sent to a colleague"
    page.focus(".plain-mark.new")
    page.keyboard.press("Enter")
    assert page.locator(".difference.new.chosen").count() == 1
    page.click(".plain-mark.gone")  # two marks at one place do not hide each other
    assert page.locator(".difference.gone.chosen").count() == page.locator(".chosen.difference").count() == 1
    reads_well(page)
    page.select_option("#whatif-models", "none")
    page.fill("[id='try-alerts.per_day']", "")
    page.click("#whatif-begin")
    page.wait_for_selector(".bench-progress >> text=40 % done")
    page.click("#whatif-cancel")
    page.wait_for_selector("#whatif-outcome >> text=cancelled")
    wait_for(lambda: page.locator(".bench-progress").count() == 0, "it is over")


def test_the_rhythm_of_a_simulated_device_is_shown_with_what_was_learnt(bench, simulator, open_page):
    truth = bench.client.get("/api/bench/rhythms/noise-1").json()
    assert [(one["metric"], one["day_class"], len(one["expected"])) for one in truth["days"]] == [
        ("noise", kind, 86_400 // truth["step_s"]) for kind in range(3)
    ]
    assert bench.client.get("/api/bench/rhythms/door-1").json()["error"] == "no_rhythm"
    page = open_page("/bench?tab=rhythms&device=noise-1", SCREENS[1], "zh-CN")
    page.wait_for_selector(".rhythm .rhythm-truth")
    assert "其模型还没有学到什么" in page.inner_text("#panel-rhythms")
    page.select_option("#rhythm-device", "cam-1")
    page.wait_for_selector('[data-row="count/person"]')
    assert "device=cam-1" in page.url
    assert fits(page) is True
    reads_well(page)


def test_where_there_is_no_simulator_the_page_says_so_and_what_if_is_there(bench, simulator, open_page):
    bench.app.state.board.simulator = None
    try:
        page = open_page("/bench?tab=scenarios")
        page.wait_for_selector(".bench-note")
        assert page.is_disabled("#panel-scenarios button[type=submit]")
    finally:
        bench.app.state.board.simulator = simulator
