"""The page in a real browser: an alert arrives, is acknowledged by a click, nothing leaves the machine."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from urllib.parse import urlsplit

import msgspec
import paho.mqtt.client as mqtt
import pytest
from axe_playwright_python.sync_playwright import Axe
from paho.mqtt.enums import CallbackAPIVersion

from console.cli.main import main
from console.deliver.message_box import MessageBox
from console.deliver.outbox_file import FILE
from deploy.processes.broker import embedded_command
from ingest import topics
from ingest.events import Command, PatrolDid, PatrolPlan, PatrolStop
from stream.patrol.patrol_stage import PatrolStage
from stream.patrol.staffing_sheet import SHEET
from stream.sentences import Why, literal
from tests.configs import pipeline_with
from tests.console.stores import HOSTILE, SITE, Node
from tests.stream import make_results as make
from tests.support import free_port, require_program, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
CHROMIUM = "run `make services` (Debian: apt-get install chromium)"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Station:
    """A broker, a board process over a real store, and what people's commands look like on MQTT."""

    def __init__(self, folder):
        self.folder = folder
        self.node = Node(folder, camera_name=f"Camera {HOSTILE}")
        self.node.fill()
        self.commands, self.said, self._subscribed = [], [], threading.Event()
        self.port = port = free_port()
        self.broker = subprocess.Popen(embedded_command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.listener = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="test-node")
        heard = [(topics.commands(SITE), 1), (topics.patrol_did(SITE, "+"), 1)]
        self.listener.on_connect = lambda client, *_: client.subscribe(heard)
        self.listener.on_subscribe = lambda *_: self._subscribed.set()
        self.listener.on_message = lambda _client, _data, message: self._take(message)
        self.listener.reconnect_delay_set(1, 1)
        wait_for(lambda: self._try_connect(port), "the broker answers")
        self.listener.loop_start()
        assert self._subscribed.wait(60)
        config, told = folder / "board.json", folder / "address"
        settings = {
            "store_path": str(self.node.store_path),
            "places_path": str(self.node.places_path),
            "site": SITE,
            "site_name": {"en": "Lakeside Station", "zh-CN": "湖滨派出所"},
            "language": "en",
            "officers": {"p1": "Li Wei 李伟"},
            "broker": {"port": port},
            "port": 0,
            "address_file": str(told),
        }
        config.write_text(json.dumps(settings), encoding="utf-8")
        self.board = subprocess.Popen(
            [sys.executable, "-m", "console.board", "--config-json", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(told.exists, "the board tells its address")
        self.url = told.read_text(encoding="utf-8").strip()

    def _take(self, message):
        if message.topic == topics.commands(SITE):
            self.commands.append(msgspec.json.decode(message.payload, type=Command))
        else:
            did = msgspec.json.decode(message.payload, type=PatrolDid)
            self.said.append(msgspec.structs.replace(did, officer=message.topic.split("/")[-2]))

    def _try_connect(self, port):
        try:
            return self.listener.connect("127.0.0.1", port) == 0
        except OSError:
            return False

    def close(self):
        self.listener.disconnect()
        self.listener.loop_stop()
        for process in (self.board, self.broker):
            process.terminate()
            process.wait(60)
        self.node.close()


@pytest.fixture
def station(tmp_path):
    (tmp_path / SITE).mkdir()
    made = Station(tmp_path / SITE)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    path = require_program("chromium", CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield started
        started.close()


@pytest.fixture
def watched(browser, station):
    """Make pages that note every request and every complaint of the console."""
    contexts, requests, complaints = [], [], []

    def open_page(path="", wanted=".card", script="", **options):
        context = browser.new_context(**options)
        context.add_init_script(script)
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        station.node.status()
        page.goto(f"{station.url}{path}")
        page.wait_for_selector(wanted)
        return page

    yield open_page, requests, complaints
    for context in contexts:
        context.close()


def assert_safe(station, page, requests, complaints):
    """No text of a device or a person ran, every request stayed on this machine, and the console is clean."""
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0
    here = urlsplit(station.url).netloc
    assert {urlsplit(url).netloc for url in requests} == {here}
    assert complaints == []


def test_an_alert_that_has_doubled_calls_again_and_one_whose_numbers_have_grown_does_not(station, watched):
    open_page, _, _ = watched
    page = open_page(viewport={"width": 1440, "height": 900})
    page.wait_for_selector('#link[data-state="live"]')

    def told(people, revision, heard, **more):
        """Tell of a crowd, and return its card when it is on the page."""
        grown = Why("surge", make.SURGE.args | {"observed": people})
        at = {"raised_ms": make.T0, "changed_ms": make.T0 + revision * 1000, "heard_ms": make.T0 + heard * 1000}
        station.node.write(alerts=[make.alert("al-8", revision, severity="critical", why=grown, **at, **more)])
        station.node.status()
        card = page.locator('[data-alert="al-8"]', has_text=f"{people:.0f} people")
        card.wait_for()
        return card

    assert "fresh" in told(160.0, 1, 1).get_attribute("class")
    assert "fresh" not in told(220.0, 2, 1).get_attribute("class")
    assert "fresh" not in told(230.0, 4, 3, state="acknowledged", by="li").get_attribute("class")
    assert "fresh" in told(330.0, 5, 5).get_attribute("class")


def test_an_alert_arrives_and_is_acknowledged_by_a_click(station, watched):
    open_page, requests, complaints = watched
    page = open_page(viewport={"width": 1440, "height": 900})
    assert page.locator("#site-name").inner_text() == "Lakeside Station"
    page.wait_for_selector('#link[data-state="live"]')
    assert page.locator(".card.fresh").count() == 0
    assert page.locator("#urgent").inner_text() == ""

    hostile = {"en": f"Smoke {HOSTILE}", "zh-CN": f"烟雾{HOSTILE}"}
    more = {"severity": "critical", "kind": "smoke", "why": literal(hostile), "place": hostile}
    station.node.write(alerts=[make.alert("al-7", 1, raised_ms=make.T0 + 59_000, **more)])
    station.node.status()
    card = page.locator('[data-alert="al-7"]')
    card.wait_for()
    assert HOSTILE in card.inner_text()
    assert "fresh" in card.get_attribute("class")
    assert "New alert" in page.locator("#urgent").inner_text()
    assert page.locator(".card").first.get_attribute("data-alert") == "al-7"

    card.locator('[data-action="acknowledge"]').click()
    card.locator('input[name="officer"]').fill(f"Wang Lei {HOSTILE}"[:40])
    card.locator('button[type="submit"]').click()
    wait_for(lambda: station.commands, "the command arrives at the broker")
    (command,) = station.commands
    assert (command.action, command.alert, command.by) == ("acknowledge", "al-7", f"Wang Lei {HOSTILE}"[:40])

    taken = {"state": "acknowledged", "by": command.by, "changed_ms": make.T0 + 60_000}
    station.node.write(alerts=[make.alert("al-7", 2, **more, **taken)])
    page.wait_for_selector('[data-alert="al-7"].calm')
    assert "Acknowledged by Wang Lei <img" in card.inner_text()
    assert card.locator('[data-action="acknowledge"]').count() == 0

    card.locator('[data-action="clear"]').click()
    card.locator(".chip").first.click()
    card.locator('button[type="submit"]').click()
    wait_for(lambda: len(station.commands) == 2, "the second command arrives")
    assert (station.commands[1].action, station.commands[1].note) == ("clear", "Handled on site")
    station.node.write(alerts=[make.alert("al-7", 3, **more, **taken | {"state": "cleared"})])
    card.wait_for(state="detached")

    assert_safe(station, page, requests, complaints)


def test_a_device_the_panels_and_the_other_language(station, watched):
    open_page, requests, complaints = watched
    page = open_page(viewport={"width": 1440, "height": 900})
    page.locator('[data-device="cam-1"]').click()
    page.wait_for_selector("#panel-device .chart path.seen")
    assert HOSTILE in page.locator("#panel-device h3").inner_text()
    assert page.locator("#panel-device .mark-surge").count() == 1
    for tab in ("quality", "recent", "node"):
        page.click(f"#tab-{tab}")
        page.wait_for_selector(f"#panel-{tab} :is(li, .figure)")

    page.click('[data-language="zh-CN"]')
    page.wait_for_selector('html[lang="zh-CN"]')
    assert page.locator("#alerts-title").inner_text() == "未结告警"
    assert page.locator("#site-name").inner_text() == "湖滨派出所"
    page.reload()
    page.wait_for_selector(".card")
    assert page.locator("#alerts-title").inner_text() == "未结告警"

    assert_safe(station, page, requests, complaints)


def test_the_page_says_loudly_that_it_knows_nothing_new(station, watched):
    open_page, _, _ = watched
    page = open_page(viewport={"width": 1440, "height": 900})
    station.node.status()
    page.wait_for_selector("#stale", state="hidden")
    station.node.status(age_s=60)
    page.wait_for_selector("#stale:visible")
    assert page.locator("#stale").inner_text().startswith("NO DATA since 16:01")
    station.node.status()
    page.wait_for_selector("#stale", state="hidden")
    station.board.terminate()
    page.wait_for_selector("#stale:visible")
    assert "NO CONNECTION since" in page.locator("#stale").inner_text()


def test_a_phone_shows_alerts_first_and_never_scrolls_sideways(watched):
    open_page, _, complaints = watched
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="zh-CN")
    for language in ("zh-CN", "en"):
        page.click(f'[data-language="{language}"]')
        page.wait_for_selector(f'html[lang="{language}"]')
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
    first_card, the_map = page.locator(".card").first.bounding_box(), page.locator("#map").bounding_box()
    assert first_card["y"] < the_map["y"]
    small = page.evaluate(
        """[...document.querySelectorAll("button, summary, input, .leaflet-bar a")]
        .filter((node) => node.offsetParent && node.getBoundingClientRect().height < 43.5)
        .map((node) => node.outerHTML)"""
    )
    assert small == []
    assert complaints == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_phones_head_is_readable_while_no_data_comes(station, watched, language):
    open_page, _, _ = watched
    page = open_page(viewport={"width": 390, "height": 844}, locale=language)
    station.node.status(age_s=60)
    page.wait_for_selector("#stale:visible")
    over = page.evaluate(
        """() => { const [side, link] = [".clock-side", "#link"].map((one) => document.querySelector(one)
            .getBoundingClientRect()); return link.width > 0 && link.left < side.right && link.top < side.bottom; }"""
    )
    assert not over, "the pill lies over the date"
    assert "`" not in page.inner_text("body")


# -- the plan ------------------------------------------------------------------------------------------------------

MINUTE = 60_000


def shift_plan(stops=12):
    """Two officers' stops from `make.T0` on."""
    return PatrolPlan(
        shift="late-1", name="Evening 晚班", begin_ms=make.T0, end_ms=make.T0 + 8 * 60 * MINUTE, made_ms=make.T0,
        solver="search", officers=("p1", "p2"),
        stops=tuple(
            PatrolStop(
                id=f"{officer}-{n}", officer=officer, lon=116.403, lat=39.904, beat=("b1", "b2")[n % 2], cell="r1c1",
                arrive_ms=make.T0 + 20 * n * MINUTE, leave_ms=make.T0 + (20 * n + 12) * MINUTE,
                place={"en": f"Long Street by Hall {n} {HOSTILE}", "zh-CN": f"长街（会堂{n}旁）{HOSTILE}"},
            )
            for officer in ("p1", "p2")
            for n in range(stops)
        ),
    )  # fmt: skip


def sheet():
    """A staffing sheet of a week in which the evenings lack officers."""
    asked = [1.8 if hour % 24 >= 19 else 0.4 for hour in range(168)]
    return {
        "begin_ms": make.T0 - make.T0 % 86_400_000, "hours": 168, "served": 0.95, "officer_hours": 400,
        "equal_hours": 504, "beats": [{"id": beat, "asked": asked, "there": [1.0] * 168} for beat in ("b1", "b2")],
        "shifts": [{"begin_ms": make.T0, "end_ms": make.T0 + 8 * 60 * MINUTE, "officers": 2, "breaks": []}],
    }  # fmt: skip


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_plan_prints_on_one_sheet_and_shows_what_was_delivered(station, watched, tmp_path):
    open_page, requests, complaints = watched
    stage = PatrolStage(pipeline_with(site=SITE))
    station.node.write(patrols=stage.plan(shift_plan(), make.T0))
    (tmp_path / SITE / SHEET).write_text(json.dumps(sheet()), encoding="utf-8")
    screens = [
        (language, open_page("plan", ".officer", viewport={"width": wide, "height": high}, locale=language))
        for language, wide, high in (("zh-CN", 1366, 768), ("en", 390, 844))
    ]

    def say(action, stop, minute):
        where = ("--data-dir", str(tmp_path), "--site", SITE, "--broker", f"127.0.0.1:{station.port}")
        before = len(station.said)
        assert main(["patrol", action, "p1", stop, *where]) == 0
        wait_for(lambda: len(station.said) > before, "the officer's word arrives")
        station.node.write(patrols=stage.did(station.said[-1], make.T0 + minute * MINUTE))
        station.node.status()

    for language, page in screens:
        page.click(f'[data-language="{language}"]')
        page.wait_for_selector(f'html[lang="{language}"]')
        assert page.locator('[data-officer="p1"] h3').inner_text() == {"zh-CN": "李伟", "en": "Li Wei"}[language]
        assert page.locator("td.short").count() > 0
        assert page.locator('[data-row="p1"] .delivered').inner_text() == "0"
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        assert pages_of(page.pdf(prefer_css_page_size=True)) == 1

    say("arrive", "p1-0", 1)
    for _, page in screens:
        page.wait_for_selector('.stop.arrived[data-stop="p1-0"]')
    say("done", "p1-0", 10)
    for _, page in screens:
        page.wait_for_selector('.stop.done[data-stop="p1-0"]')
        assert page.locator('[data-row="p1"] .planned').inner_text() == "144"
        assert page.locator('[data-row="p1"] .delivered').inner_text() == "9"
        assert page.locator('[data-row="b1"] .delivered').inner_text() == "9"
    (chinese, english) = (page.locator('[data-stop="p1-0"] .stop-state').inner_text() for _, page in screens)
    assert (chinese, english) == ("9/12分钟", "9 of 12 min")
    assert_safe(station, screens[0][1], requests, complaints)


def reads_well(page):
    """Nothing is cut off to the right, and axe-core finds nothing serious for people who see or move badly."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}] == []


def test_who_was_told_stands_on_the_card_and_an_alert_that_ended_unseen_stays_until_it_is_seen(station, watched):
    open_page, requests, complaints = watched
    page = open_page(viewport={"width": 1366, "height": 768}, wanted='[data-alert="al-1"]')
    card = page.locator('[data-alert="al-1"]')
    assert card.locator(".told-who").count() == 0, "nobody delivers here"
    MessageBox(station.folder / FILE).close()
    with closing(sqlite3.connect(station.folder / FILE)) as written:
        for channel, state, why in (("duty", "accepted", ""), ("mail", "waiting", "hangs"), ("sms", "waiting", "")):
            row = ("al-1", channel, state, why, "", b"", 1, 0, 0, 1, 1, 1, 1)
            written.execute(
                "INSERT INTO messages (alert, channel, state, why, address, body, revision, follows, chain, rank, "
                "queued_ms, due_ms, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        written.commit()
    card.locator(".told-who").wait_for()
    assert card.locator(".told-who").inner_text().splitlines() == [
        "Told: duty", "Not told: mail (does not answer in time)", "Being told: text message",
    ]  # fmt: skip
    reads_well(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator('[data-language="zh-CN"]').click()
    wait_for(lambda: "未能通知：邮件（" in card.inner_text(), "the same in Chinese")
    page.locator('[data-language="en"]').click()

    gone = {"state": "expired", "changed_ms": make.T0 + 60_000, "severity": "critical"}
    station.node.write(alerts=[make.alert("al-1", 2, **gone), make.alert("al-9", 1, by="li", **gone)])
    card.locator('[data-action="seen"]').wait_for()
    assert "nobody had taken it up" in card.inner_text()
    reads_well(page)
    assert page.locator('[data-alert="al-9"]').count() == 0, "somebody had seen that one"
    assert card.locator('[data-action="acknowledge"]').count() == 0
    page.reload()
    card.locator('[data-action="seen"]').click()
    card.wait_for(state="detached")
    page.reload()
    page.wait_for_selector(".all-calm:not([hidden])")
    assert card.count() == 0
    assert_safe(station, page, requests, complaints)


NOTES = """
window.notes = 0;
window.AudioContext = class {
  currentTime = 0;
  state = "running";
  resume() {}
  createOscillator() { window.notes++; return { frequency: {}, connect: (to) => to, start() {}, stop() {} }; }
  createGain() {
    return { gain: { setValueAtTime() {}, linearRampToValueAtTime() {} }, connect: (to) => to };
  }
};
"""


def test_sound_is_on_from_the_first_click_and_comes_again(station, watched):
    open_page, _, _ = watched
    page = open_page(viewport={"width": 390, "height": 844}, script=NOTES)
    page.wait_for_selector('#link[data-state="live"]')
    assert page.evaluate("window.notes") == 0
    page.locator("#site-name").click()
    assert page.locator("#sound").get_attribute("aria-pressed") == "true"
    station.node.write(alerts=[make.alert("al-7", 1, raised_ms=make.T0 + 59_000, severity="critical")])
    wait_for(lambda: page.evaluate("window.notes") >= 4, "a critical alert sounds")
    before = page.evaluate("window.notes")
    page.evaluate("const now = performance.now.bind(performance); performance.now = () => now() + 61_000")
    wait_for(lambda: page.evaluate("window.notes") >= before + 4, "it sounds again while nobody has taken it up")
    for one in ("al-1", "al-7"):
        station.node.write(alerts=[make.alert(one, 9, severity="critical", state="acknowledged", by="li")])
    page.wait_for_selector('[data-alert="al-7"].calm')
    page.wait_for_selector('[data-alert="al-1"].calm')
    before = page.evaluate("window.notes")
    station.node.status(connected=False)
    page.wait_for_selector('#link:not([data-state="live"])', state="attached")
    page.evaluate("const then = performance.now.bind(performance); performance.now = () => then() + 11_000")
    wait_for(lambda: page.evaluate("window.notes") >= before + 4, "lost data sounds, too")
    page.locator("#sound").click()
    page.reload()
    page.locator("#site-name").click()
    assert page.locator("#sound").get_attribute("aria-pressed") == "false", "whoever switched it off is left in peace"
