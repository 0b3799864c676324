"""What the board shows on a station's screens, in both languages: all at once, and nothing good without knowledge."""

import json
import threading
import time

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.deliver.outbox_file import STATUS
from ingest.login import BrokerAddress
from stream.sentences import Why
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import SITE, Node, places
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well
from tests.stream import make_results as make
from tests.support import wait_for

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SCREENS = ((1366, 768), (1920, 1080))
SERIES = Why("series", {"category": "burglary", "count": 3, "metres": 300.0, "hours": 72.0})
GREEN = """[...document.querySelectorAll("body *")].filter((node) => {
    const { color, stroke, fill, backgroundColor } = getComputedStyle(node);
    const own = node.children.length === 0 && node.getClientRects().length && !node.closest(".advice, #legend");
    return own && [color, stroke, fill, backgroundColor].includes("rgb(116, 217, 167)");
}).map((node) => node.outerHTML)"""
"""All that is green and no arrow to what is to be done."""


class Wall:
    """A board over a store, in this process, with an hour of data and three open alerts."""

    def __init__(self, folder):
        self.folder, self.node, self.url = folder, Node(folder), ""
        self.node.fill()
        series = {"kind": "burglary_series", "device": "r001c001", "why": SERIES, "cause_ms": make.T0 + 30_000}
        series |= {"lon": 116.4052, "lat": 39.9052, "raised_ms": make.T0 + 30_000}
        self.node.write(
            health=[make.health("gate-1")],
            incidents=[
                make.incident(f"in-{n}", ts=make.T0 + n * 10_000, lon=116.405 + n * 1e-4, lat=39.905) for n in (1, 2, 3)
            ],
            alerts=[
                make.alert("al-2", 1, device="noise-1", beat="b2", kind="noise_high", raised_ms=make.T0 + 20_000),
                make.alert("al-3", 1, **series),
            ],
        )
        self.well = True
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell)
        self._teller.start()

    def _tell(self):
        """Say that the node is well, as it does every few seconds, for as long as it is."""
        while not self._over.wait(0.5):
            if self.well:
                self.node.status()

    def delivery(self, age_s, **channels):
        said = {"at_ms": round((time.time() - age_s) * 1000), "fault": "", "channels": channels}
        (self.folder / STATUS).write_text(json.dumps(said), encoding="utf-8")

    def close(self):
        self._over.set()
        self._teller.join()
        self.node.close()


@pytest.fixture(scope="module")
def wall(tmp_path_factory):
    made = Wall(tmp_path_factory.mktemp("site"))
    config = BoardConfig(
        site=SITE, store_path=str(made.node.store_path), places_path="", broker=BrokerAddress(), language="en"
    )
    reader = StoreReader(made.node.store_path)
    with served(make_app(reader, as_file(places()), lambda _command: None, config)) as client:
        made.url = str(client.base_url)
        yield made
    reader.close()
    made.close()


@pytest.fixture
def open_page(chromium, wall):
    contexts = []

    def made(size=SCREENS[0], language="en", script=""):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.add_init_script(script)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(wall.url)
        page.wait_for_selector('#link[data-state="live"]')
        page.wait_for_selector('[data-alert="al-3"]')
        return page

    yield made
    for context in contexts:
        context.close()


def in_sight(page, selector):
    """Tell of every element of a kind whether all of it is on the screen, and in whatever scrolls around it."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((node) => {
            const box = node.getBoundingClientRect();
            const around = node.closest("#alerts, .hotspots")?.getBoundingClientRect() ?? box;
            const bottom = Math.min(innerHeight, around.bottom) + 1;
            return box.height > 0 && box.top >= 0 && box.bottom <= bottom && box.right <= innerWidth + 1;
        })""",
        selector,
    )


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_alerts_places_and_map_are_all_on_the_screen(open_page, language):
    page = open_page(SCREENS[0], language)
    assert page.evaluate("document.documentElement.lang") == language, "the browser's language, not the site's"
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        wait_for(lambda: all(in_sight(page, ".card")), "all cards are in sight")
        assert len(in_sight(page, ".card")) == 3
        assert in_sight(page, ".spot") == [True, True]
        assert in_sight(page, "#map") == [True]
        assert page.locator("#map").bounding_box()["height"] > 0.75 * height, "no empty dock takes its room"
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        assert page.locator(".street-name").count() == 1
    page.click("#tab-recent")
    page.wait_for_selector("#panel-recent li")
    reads_well(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#dock.closed")


def test_a_series_is_on_the_map_with_its_incidents_and_its_marker_opens_its_card(open_page):
    page = open_page()
    page.wait_for_selector("path.series-area", state="attached")
    assert page.locator("path.series-ring").count() == 3
    for one in ("al-1", "al-2"):
        page.locator(f'[data-alert="{one}"] .fold').click()
    card = page.locator('[data-alert="al-3"]')
    if "folded" not in card.get_attribute("class"):
        card.locator(".fold").click()
    page.locator('[data-alert-mark="al-3"]').click()
    page.wait_for_selector('[data-alert="al-3"]:not(.folded):focus')
    assert "3 burglaries within 300 m" in card.inner_text()


def test_without_fresh_data_nothing_is_green_and_the_page_says_what_it_waits_for(open_page, wall):
    page = open_page()
    page.locator('[data-device="gate-1"]').click()
    page.wait_for_selector('[data-device="gate-1"] .is-normal')
    page.wait_for_selector('[data-device="door-1"] .is-unknown')
    page.locator("#panel-device dd", has_text="Normal").wait_for()
    assert page.evaluate(GREEN) != [], "live is green"
    wall.well = False
    wall.node.status(age_s=60)
    page.wait_for_selector("#stale:visible")
    assert "technical support starts the service patrolgrid" in page.locator("#stale").inner_text()
    page.wait_for_selector('[data-device="gate-1"] .is-outdated')
    page.locator("#panel-device dd", has_text="Not known now").wait_for()
    assert page.evaluate(GREEN) == []
    page.click('[data-language="zh-CN"]')
    wait_for(lambda: "请技术人员启动" in page.locator("#stale").inner_text(), "the same in Chinese")
    wall.node.status(counters={"received": 0})
    page.wait_for_selector('#stale[data-kind="begins"]')
    assert page.locator("#alerts-count").inner_text() == "3", "what is known to be open stays"
    assert "—条处置中" in page.locator("#tally").inner_text()
    assert "尚无设备上报" in page.locator("#stale").inner_text()
    assert page.evaluate(GREEN) == []
    wall.well = True
    page.wait_for_selector("#stale", state="hidden")
    page.wait_for_selector('[data-device="gate-1"] .is-normal')


def test_an_empty_list_is_no_green_tick_while_devices_are_not_heard(open_page, wall):
    page = open_page()
    ended = [("al-1", "cam-1", "critical"), ("al-2", "noise-1", "warning"), ("al-3", "r001c001", "warning")]
    wall.node.write(
        alerts=[make.alert(one, 7, device=device, severity=how, state="expired") for one, device, how in ended]
    )
    page.locator('[data-alert="al-1"] [data-action="seen"]').click()
    page.wait_for_selector(".all-calm:not([hidden])")
    assert page.locator(".all-calm .sign-unknown").count() == 1
    assert "of 4 devices are not heard" in page.locator(".all-calm").inner_text()
    assert page.locator("#tally").get_attribute("data-level") == "unknown"
    page.click("#tab-recent")
    row = page.locator("#panel-recent li", has_text="Nobody took it up")
    row.wait_for()
    assert row.locator(".sign-ended").count() == 1
    assert page.locator("#panel-recent .sign-acknowledged").count() == 1, "somebody had to do with one: al-0"
    wall.node.write(alerts=[make.alert(one, 8, device=device, severity=how) for one, device, how in ended])


def test_delivery_that_is_down_is_said(open_page, wall):
    page = open_page()
    wall.delivery(60)
    page.wait_for_selector('[data-problem="delivery"]')
    assert "NOBODY IS TOLD ON PHONES since" in page.locator('[data-problem="delivery"]').inner_text()
    wall.delivery(0, wecom={"trouble": "the server refuses it"}, sms={"trouble": ""})
    wait_for(lambda: "WeCom" in page.locator("#problems").inner_text(), "the channel that does not work")
    assert "text message" not in page.locator("#problems").inner_text()
    (wall.folder / STATUS).unlink()
    page.wait_for_selector('[data-problem="delivery"]', state="detached")


HELD = """
window.AudioContext = class {
  state = "suspended";
  resume() { return Promise.resolve(); }
};
"""


def test_a_loudspeaker_that_the_browser_holds_back_is_not_shown_as_on(open_page):
    page = open_page(script=HELD)
    page.locator("#site-name").click()
    assert page.locator("#sound").get_attribute("aria-pressed") == "false"
    assert "holds sound back" in page.locator("#sound").get_attribute("title")
    page.evaluate("AudioContext.prototype.resume = function () { this.state = 'running'; return Promise.resolve(); }")
    page.locator("#sound").click()
    page.wait_for_selector('#sound[aria-pressed="true"]')
