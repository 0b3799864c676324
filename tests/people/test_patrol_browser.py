"""A patrol's page in a browser: a stop arrived and done, also without a line; false alarms; the code on the board."""

import msgspec
import pytest

from console.people.people import Person
from ingest.clock import wall_ms
from ingest.observations import epoch_ms
from tests.console.test_board_browser import browser as chromium
from tests.people.test_doors import WORDS, link_of, open_board, quick_hashes
from tests.people.test_doors_browser import SIZES, fits, sign_in, watched
from tests.stream import make_results as make
from tests.support import wait_for

__all__ = ["chromium", "quick_hashes", "watched"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SAYS = {
    "en": {"arrived": "Arrived", "done": "Done", "skip": "Skip", "help": "Help", "clear": "Clear"},
    "zh-CN": {"arrived": "到达", "done": "完成", "skip": "跳过", "help": "求助", "clear": "解除"},
}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with open_board(tmp_path_factory.mktemp("site")) as (_, people, sent, app):
        people.add(Person("wang", "Wang", "duty", "en"), "cli:root", WORDS)
        for officer, language in (("p1", "en"), ("p2", "zh-CN"), ("p9", "en")):
            people.add(Person(officer, f"Officer {officer}", "patrol", language, officer=officer), "cli:root", WORDS)
        yield people, sent, app


@pytest.fixture
def plan(board):
    """Write an officer's stops: two in the hours to come, changed as a node changes them."""
    people, sent, app = board
    sent.__init__()
    with people.file.change() as connection:
        connection.execute("DELETE FROM attempts")

    def write(officer, **first):
        one = make.stop(f"{officer}-1", slot=1, officer=officer, lon=116.409, lat=39.9032)
        two = make.stop(f"{officer}-2", slot=3, officer=officer, lon=116.403, beat="b1")
        one = msgspec.structs.replace(one, **first)
        gone = make.stop({"p1": "a", "p2": "b"}[officer], officer=officer, state="replaced")
        app.state.node.write(patrols=[make.officer_plan(gone, one, two, officer=officer, changed_ms=wall_ms())])
        app.state.node.status()

    return write


def words_of(sent, officer):
    return [(did.what, did.stop, did.note) for who, did in sent.said if who == officer]


@pytest.mark.parametrize(("officer", "language", "size"), [("p1", "en", "phone"), ("p2", "zh-CN", "screen")])
def test_a_stop_is_arrived_at_without_a_line_and_done_with_one(board, watched, plan, officer, language, size):
    (open_page, _), (people, sent, _), says = watched, board, SAYS[language]
    plan(officer)
    page = open_page(f"/go#{link_of(people, officer)}", ".stop-card", viewport=SIZES[size], locale=language)
    assert page.url.endswith("/patrol")
    page.locator(f'[data-stop="{officer}-1"] .sketch-street').first.wait_for(state="attached")
    for _ in range(2):
        fits(page)
        page.click("#light")
    page.context.set_offline(True)
    page.wait_for_selector("#stale:not([hidden])")
    page.locator("#thumb").get_by_role("button", name=says["arrived"], exact=True).click()
    page.locator("#thumb").get_by_role("button", name=says["done"], exact=True).wait_for()
    page.wait_for_selector("#waiting:not([hidden])")
    assert words_of(sent, officer) == []
    fits(page)
    arrived_ms = page.evaluate("JSON.parse(localStorage['patrolgrid.pressed'])[0].body.at_ms")
    page.context.set_offline(False)
    wait_for(lambda: words_of(sent, officer), "what was pressed is sent")
    page.wait_for_selector("#waiting", state="hidden")
    page.wait_for_selector("#stale", state="hidden")
    assert [(who, epoch_ms(did.ts)) for who, did in sent.said] == [(officer, arrived_ms)]
    plan(officer, state="arrived", arrived_ms=arrived_ms)
    page.locator(".row.arrived").wait_for()
    page.locator("#thumb").get_by_role("button", name=says["done"], exact=True).click()
    wait_for(lambda: len(words_of(sent, officer)) > 1, "done is sent")
    plan(officer, state="done", arrived_ms=arrived_ms, done_ms=arrived_ms + 60_000)
    page.locator(f'[data-stop="{officer}-2"] .sketch-way').wait_for(state="attached")
    fits(page)
    page.locator("#thumb").get_by_role("button", name=says["skip"], exact=True).click()
    page.locator(".ask input[value=access]").check()
    page.locator(".ask input[name=note]").fill("locked")
    fits(page)
    page.locator(".ask [type=submit]").click()
    wait_for(lambda: len(words_of(sent, officer)) > 2, "skipped is sent")
    said = words_of(sent, officer)
    assert said[:2] == [("arrived", f"{officer}-1", ""), ("done", f"{officer}-1", "")]
    assert said[2][:2] == ("skipped", f"{officer}-2")
    assert said[2][2].endswith(" · locked")
    wait_for(lambda: page.evaluate("localStorage['patrolgrid.pressed']") == "[]", "nothing is left to send")


def test_an_answer_that_got_lost_says_nothing_twice_and_a_refusal_is_told(board, watched, plan):
    (open_page, _), (people, sent, _) = watched, board
    plan("p1")
    page = open_page(f"/go#{link_of(people, 'p1')}", ".stop-card", viewport=SIZES["phone"])
    lost = []

    def lose(route):
        route.fetch()
        lost.append(route.request.post_data_json["id"])
        route.abort()

    page.route("**/api/did", lose, times=1)
    page.locator("#thumb").get_by_role("button", name="Help").click()
    assert words_of(sent, "p1") == [], "one tap calls nobody"
    page.locator(".ask input[name=note]").fill("two men")
    page.locator(".ask [type=submit]").click()
    page.wait_for_selector('#waiting[data-kind="help"]:not([hidden])')
    page.wait_for_selector('#waiting[data-kind="sent"]')
    assert len(lost) == 1
    assert words_of(sent, "p1") == [("help", "", "two men")]
    page.evaluate(
        """localStorage['patrolgrid.pressed'] = JSON.stringify([
          {id: "1", person: "p2", path: "/api/did", body: {what: "away"}, at: 0},
          {id: "2", person: "p1", path: "/api/did", body: {what: "done", stop: "p2-1"}, at: 0}])"""
    )
    page.reload()
    page.wait_for_selector('#refused:has-text("You have no stop p2-1.")')
    assert [one["id"] for one in page.evaluate("JSON.parse(localStorage['patrolgrid.pressed'])")] == ["1"]
    assert len(sent.said) == 1, "another officer's words wait for that officer"


def test_an_alert_is_taken_up_and_was_a_false_alarm(board, watched, plan):
    (open_page, complaints), (people, sent, app) = watched, board
    plan("p1")
    app.state.node.write(alerts=[make.alert("al-far", 1, beat="b2", severity="warning", raised_ms=make.T0 + 1)])
    help_of = {"kind": "officer_help", "severity": "critical", "raised_ms": make.T0 + 2}
    calls = [make.alert(f"al-{one}", 1, device=one, **help_of) for one in ("p1", "p2")]
    app.state.node.write(alerts=calls)
    page = open_page(f"/go#{link_of(people, 'p1')}", "[data-alert=al-1]", viewport=SIZES["phone"])
    buttons = {one: page.locator(f"[data-alert=al-{one}] button").all_inner_texts() for one in ("p1", "p2")}
    assert buttons == {"p1": ["Clear"], "p2": ["Clear", "Acknowledge"]}, "nobody takes up their own call for help"
    assert page.locator("[data-alert=al-far]").count() == 0
    assert "1 more open alert" in page.locator(".elsewhere").inner_text()
    card = page.locator("[data-alert=al-1]")
    card.get_by_role("button", name="Acknowledge").click()
    wait_for(lambda: sent.commands, "the command is sent")
    app.state.node.write(alerts=[make.alert("al-1", 2, severity="critical", state="acknowledged", by="Officer p1")])
    card.get_by_role("button", name="Acknowledge").wait_for(state="detached")
    card.get_by_role("button", name="Clear").click()
    fits(page)
    page.locator("input[value=false-weather]").check()
    page.locator(".ask [type=submit]").click()
    wait_for(lambda: len(sent.commands) > 1, "the command is sent")
    assert [(one.action, one.by, one.reason) for one in sent.commands] == [
        ("acknowledge", "p1", ""),
        ("clear", "p1", "weather"),
    ]
    assert complaints == []


def test_a_flood_is_one_card_and_its_press_waits_for_the_line(board, watched, plan):
    (open_page, complaints), (people, sent, app) = watched, board
    plan("p1")
    flood = [make.alert(f"fl-{n}", 1, kind="silent", severity="warning", raised_ms=make.T0 + n) for n in range(50)]
    app.state.node.write(alerts=flood)
    page = open_page(f"/go#{link_of(people, 'p1')}", "[data-flood]", viewport=SIZES["phone"])
    card = page.locator("[data-flood]")
    assert "50 × Device silent" in card.inner_text()
    card.get_by_role("button", name="Show all").click()
    assert page.locator("[data-alert^=fl-]").count() == 40
    page.get_by_role("button", name="Show more (10 left)").click()
    assert page.locator("[data-alert^=fl-]").count() == 50
    card.get_by_role("button", name="Fold").click()
    fits(page)
    before = len(sent.commands)
    page.route("**/api/alerts/acknowledge", lambda route: route.abort(), times=1)
    card.get_by_role("button", name="Acknowledge all 50").click()
    page.wait_for_selector("#waiting:not([hidden])")
    wait_for(lambda: len(sent.commands) == before + 50, "all are sent when the line is there again")
    taken = [make.alert(one.id, 2, kind="silent", severity="warning", state="acknowledged", by="Officer p1",
                        raised_ms=one.raised_ms) for one in flood]  # fmt: skip
    app.state.node.write(alerts=taken)
    card.get_by_role("button", name="Acknowledge all 50").wait_for(state="detached")
    card.get_by_role("button", name="Clear all").click()
    page.locator("input[value=false-device]").check()
    page.locator(".ask [type=submit]").click()
    wait_for(lambda: len(sent.commands) == before + 100, "all are cleared")
    assert {one.reason for one in sent.commands[before + 50 :]} == {"device"}
    app.state.node.write(alerts=[msgspec.structs.replace(one, revision=3, state="cleared") for one in taken])
    card.wait_for(state="detached")
    assert complaints == ["Failed to load resource: net::ERR_FAILED"], "of the line alone"


def test_without_a_plan_the_page_shows_hotspots(board, watched, plan):
    (open_page, complaints), (people, _, _) = watched, board
    plan("p1")
    page = open_page(f"/go#{link_of(people, 'p9')}", "[data-spot]", viewport=SIZES["phone"])
    assert page.locator("#thumb button").all_inner_texts() == ["Help"]
    fits(page)
    assert complaints == []


def test_whoever_may_make_links_shows_a_code_on_the_board_and_withdraws_it(board, watched, plan):
    (open_page, complaints), (people, _, _) = watched, board
    plan("p1")
    page = open_page("/signin", "[name=id]", viewport=SIZES["screen"])
    sign_in(page)
    page.click("#person summary")
    page.click("#person .menu button >> nth=0")
    row = page.locator("[data-person=p9]")
    before = {link.id for link in people.links()}
    row.get_by_role("button", name="Show code").click()
    row.locator("img").wait_for()
    assert row.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert "/go#" in row.locator("div p").inner_text()
    fits(page)
    (made,) = (link for link in people.links() if link.id not in before)
    assert (made.person, made.purpose) == ("p9", "patrol")
    page.keyboard.press("Escape")
    page.click("#person summary")
    page.click("#person .menu button >> nth=0")
    row.get_by_role("button", name="Withdraw").click()
    row.get_by_role("button", name="Withdraw").wait_for(state="detached")
    assert [link for link in people.links() if link.person == "p9"] == []
    assert complaints == []
