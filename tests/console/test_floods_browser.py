"""A flood of alerts on the board: folded by cause, none hidden, taken up and ended together, and what fails is told."""

import threading

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.board.commands import BrokerAwayError
from ingest.login import BrokerAddress
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
DESK, PHONE = (1366, 768), (390, 844)
STATES = {"acknowledge": "acknowledged", "clear": "cleared"}


class Flooded:
    """A board in this process, and a node that does at once what it is told."""

    def __init__(self, folder):
        self.node, self.alerts, self.commands = Node(folder), {}, []
        self.most, self._lock = 10_000, threading.Lock()
        self.url = ""
        self.node.fill()
        self.node.status()

    def raise_all(self, *alerts):
        self.alerts.update({one.id: one for one in alerts})
        with self._lock:
            self.node.write(alerts=list(alerts))
            self.node.status()

    def publish(self, command):
        if len(self.commands) >= self.most:
            raise BrokerAwayError("no broker")
        self.commands.append(command)
        before = self.alerts[command.alert]
        said = {"by": command.by, "note": command.note, "reason": command.reason}
        after = make.alert(
            before.id, before.revision + 1, kind=before.kind, beat=before.beat, device=before.device,
            severity=before.severity, raised_ms=before.raised_ms, state=STATES[command.action], **said,
        )  # fmt: skip
        self.raise_all(after)


@pytest.fixture
def flooded(tmp_path):
    made = Flooded(tmp_path)
    config = BoardConfig(site=SITE, store_path=str(made.node.store_path), places_path="", broker=BrokerAddress())
    reader = StoreReader(made.node.store_path)
    with served(make_app(reader, as_file(places()), made.publish, config)) as client:
        made.url = str(client.base_url)
        yield made
    reader.close()
    made.node.close()


@pytest.fixture
def open_page(chromium, flooded):
    contexts, complaints = [], []

    def made(size=DESK, language="en", name="Li Wei"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(f'localStorage.setItem("patrolgrid.officer", "{name}")')
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(flooded.url)
        page.wait_for_selector(".card")
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


def silent(n, begin=0, **more):
    """Devices of one beat that fall silent within seconds."""
    usual = {"kind": "silent", "beat": "b2", "device": "noise-1", "severity": "warning"} | more
    return [make.alert(f"s-{begin + i:03}", raised_ms=make.T0 + (begin + i) * 100, **usual) for i in range(n)]


def titles(page):
    return page.locator(".card:not(.calm) h3").all_inner_texts()


def test_three_hundred_at_once_are_one_card_of_which_none_is_missing(open_page, flooded):
    page = open_page()
    flooded.raise_all(*silent(300), *(make.alert(f"other-{n}", raised_ms=make.T0 + n) for n in range(3)))
    flood = page.locator(".flood")
    flood.wait_for()
    assert titles(page)[:2] == ["Unusual crowd or traffic", "300 × Device silent"], "what is critical comes first"
    assert page.locator("#alerts-count").inner_text() == "304"
    assert page.locator("#tally strong").inner_text() == "304"
    said = flood.inner_text()
    assert "Beat b2" in said
    assert "16:00" in said
    assert "Check power and network" in said
    assert page.locator("#polite").inner_text().startswith("303 new alerts. The worst: Warning: Device silent")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.click('[data-language="zh-CN"]')
    flood.locator("text=设备失联 × 300").wait_for()
    reads_well(page)
    flood.get_by_text("全部展开").click()
    for shown in (100, 200, 300):
        assert page.locator(".flood-rows li").count() == shown
        if shown < 300:
            flood.get_by_text("显示更多").click()
    assert page.locator('[data-alert="s-000"] a').get_attribute("href") == "/alert?id=s-000"
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_a_flood_is_taken_up_and_ended_by_one_press_each(open_page, flooded, monkeypatch):
    monkeypatch.setattr("console.board.overview.MAX_OPEN_ALERTS", 10)  # so that most are those without sentences
    page = open_page()
    flooded.raise_all(*silent(25))
    page.locator("h3 >> text=25 × Device silent").wait_for()
    page.locator(".flood [data-action=acknowledge]").click()
    page.wait_for_selector(".flood.calm")
    wait_for(lambda: page.locator(".flood").count() == 1, "all are taken up")
    assert {one.alert for one in flooded.commands} == {f"s-{n:03}" for n in range(25)}
    flood = page.locator(".flood.calm")
    assert "Acknowledged by Li Wei" in flood.inner_text()
    flood.locator("[data-action=clear]").click()
    flood.locator("[data-focus=false]").click()
    flood.locator("[type=submit]").click()
    assert len(flooded.commands) == 25, "why it was false must be said"
    flood.locator("[data-focus=false-works]").click()
    flood.locator("[type=submit]").click()
    page.wait_for_selector(".flood", state="detached")
    assert {one.reason for one in flooded.commands if one.action == "clear"} == {"works"}


def test_how_far_it_came_is_told_and_the_rest_can_be_sent_again(open_page, flooded):
    page = open_page()
    flooded.raise_all(*silent(30, severity="critical"))
    flooded.most = 12
    page.locator(".flood [data-action=acknowledge]").click()
    assert "Acknowledge 30 alerts?" in page.locator(".flood .ask").inner_text(), "of critical ones it is asked"
    page.locator(".flood [type=submit]").click()
    page.wait_for_selector(".flood .failed")
    assert "12 of 30 sent. " in page.locator(".flood .failed").inner_text()
    wait_for(lambda: "18 × Device silent" in titles(page), "those that were sent are taken up")
    flooded.most = 100
    page.locator(".flood:not(.calm) [data-action=acknowledge]").click()
    page.locator(".flood [type=submit]").click()
    wait_for(lambda: len({one.alert for one in flooded.commands}) == 30, "the rest is sent")
    wait_for(lambda: not any("Device silent" in one for one in titles(page)), "and taken up")


def test_what_somebody_is_writing_stays_while_a_flood_comes(open_page, flooded):
    page = open_page()
    flooded.raise_all(*silent(3))
    card = page.locator('[data-alert="s-001"]')
    card.locator(".fold").click()
    card.locator("[data-action=clear]").click()
    card.locator("[data-focus=false]").click()
    card.locator("[data-focus=false-animal]").click()
    card.locator("[name=note]").fill("a cat")
    flooded.raise_all(*silent(20, begin=3))
    page.wait_for_selector(".flood")
    assert titles(page).count("22 × Device silent") == 1
    card.locator("[type=submit]").click()
    wait_for(lambda: flooded.commands, "it is sent")
    assert [(one.alert, one.reason, one.note) for one in flooded.commands] == [("s-001", "animal", "a cat")]


def test_floods_part_by_beat_kind_and_time(open_page, flooded):
    page = open_page()
    later = [make.alert(f"late-{n}", kind="silent", beat="b1", raised_ms=make.T0 + 3_600_000 + n) for n in range(5)]
    few = silent(4, begin=40, kind="door_open")
    flooded.raise_all(*silent(6), *silent(5, begin=10, kind="dead"), *silent(7, begin=20, beat="b1"), *few, *later)
    page.wait_for_selector(".flood")
    floods = [one.inner_text().splitlines() for one in page.locator(".flood").all()]
    told = sorted((one[2] if "×" in one[2] else one[1], "Beat b1" in one) for one in floods)
    assert told == [
        ("5 × Counter has gone dead", False),
        ("5 × Device silent", True),
        ("6 × Device silent", False),
        ("7 × Device silent", True),
    ]
    assert titles(page).count("Door left open") == 4


def test_a_flood_that_ended_unseen_stays_until_it_is_seen(open_page, flooded):
    ended = silent(8, severity="critical", state="expired", changed_ms=make.T0 + 60_000)
    flooded.raise_all(*ended)
    page = open_page()
    flood = page.locator(".flood")
    flood.wait_for()
    assert "8 × Device silent" in flood.inner_text()
    assert "nobody had taken them up" in flood.inner_text()
    flood.locator("[data-action=seen]").click()
    flood.wait_for(state="detached")
    page.reload()
    page.wait_for_selector(".card")
    assert page.locator(".flood").count() == 0
