"""Signing in as an officer does it, in a real browser: in both languages, on the board's screen and on a phone."""

import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace

from console.people.people import Person
from ingest.clock import wall_ms
from tests.console.test_board_browser import browser as chromium
from tests.people.test_doors import WORDS, link_of, open_board, quick_hashes
from tests.stream import make_results as make
from tests.support import wait_for

__all__ = ["chromium", "quick_hashes"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SIZES = {"screen": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}
SAYS = {
    "en": ("This page shows NO alerts", "The account or the password is wrong.", "Duty officer · wang", "Acknowledge"),
    "zh-CN": ("本页不显示任何告警", "账号或密码错误。", "值班民警 · wang", "签收"),
}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with open_board(tmp_path_factory.mktemp("site")) as (_, people, sent, app):
        people.add(Person("wang", "王磊", "duty"), "cli:root", WORDS)
        people.add(Person("p1", "Li Wei", "patrol", "en", officer="p1"), "cli:root", WORDS)
        people.add(Person("hu", "Hu", "partner"), "cli:root", WORDS)
        yield people, sent, app


@pytest.fixture
def watched(chromium, board):
    """Make pages that note every request and every complaint of the console."""
    contexts, requests, complaints = [], [], []

    def open_page(path, wanted, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{board[2].state.url}{path}")
        page.wait_for_selector(wanted)
        return page

    yield open_page, complaints
    assert {urlsplit(url).netloc for url in requests} <= {urlsplit(board[2].state.url).netloc}
    for context in contexts:
        context.close()


def sign_in(page, who="wang", password=WORDS):
    page.fill("[name=id]", who)
    page.fill("[name=password]", password)
    page.click("button[type=submit]")


def fits(page):
    """Nothing is cut off to the right, and axe-core finds nothing serious for people who see or move badly."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}] == []


@pytest.mark.parametrize(("size", "language"), [("screen", "zh-CN"), ("phone", "en")])
def test_an_officer_signs_in_acknowledges_and_signs_out(board, watched, size, language):
    (open_page, complaints), (people, sent, app) = watched, board
    unseen, wrong, role, acknowledge = SAYS[language]
    with people.file.change() as connection:
        connection.execute("DELETE FROM attempts")
    page = open_page("/plan", "[name=id]", viewport=SIZES[size])
    page.click(f'[data-language="{language}"]')
    page.wait_for_selector(f'#unseen:has-text("{unseen}")')
    sign_in(page, "wang", "guess number one")
    page.wait_for_selector(".failed:not(:empty)")
    assert page.locator(".failed").inner_text() == wrong
    assert len(complaints) == 1, "the browser notes the refusal itself"
    fits(page)
    sign_in(page)
    page.wait_for_url("**/plan")
    page.wait_for_selector("#person summary")
    fits(page)
    page.goto(f"{app.state.url}/")
    alert = f"al-{size}-{language}"
    app.state.node.write(alerts=[make.alert(alert, 1, severity="critical", raised_ms=make.T0 + 1)])
    app.state.node.status()
    card = page.locator(f'[data-alert="{alert}"]')
    card.wait_for()
    fits(page)
    assert page.locator("#officer").is_hidden()
    card.get_by_role("button", name=acknowledge).click()
    wait_for(lambda: [one for one in sent.commands if one.alert == alert], "the command is sent")
    command = sent.commands[-1]
    assert (command.action, command.by, command.name) == ("acknowledge", "wang", "王磊")
    page.click("#person summary")
    fits(page)
    assert page.locator("#person .menu .muted").first.inner_text() == role
    page.click("#person .menu button >> nth=-1")
    page.wait_for_url("**/signin")
    page.go_back()
    page.wait_for_selector("[name=id]")
    assert page.locator(".card").count() == 0
    assert len(complaints) <= 2, complaints


def test_a_session_ends_by_the_boards_clock_and_then_the_page_says_that_it_shows_nothing(board, watched, monkeypatch):
    (open_page, _), (people, _, _) = watched, board
    monkeypatch.setattr("console.board.who._CHECK_MS", 0)
    monkeypatch.setattr("console.board.routes.api_routes.HEARTBEAT_S", 0.2)
    people.add(Person("gone", "Gone", "duty"), "cli:root", WORDS)
    page = open_page("/signin", "[name=id]")
    page.add_init_script("const now = Date.now; Date.now = () => now() + 20 * 3_600_000")  # the browser's is wrong
    sign_in(page, "gone")
    page.wait_for_selector(".card")
    assert page.locator("#session").is_hidden()
    with people.file.change() as connection:
        connection.execute("UPDATE sessions SET ends_ms = ? WHERE person = 'gone'", (wall_ms() + 1_700_000,))
    page.reload()
    page.wait_for_selector("#session:not([hidden])")
    people.revoke("gone", "cli:root")
    page.wait_for_url("**/signin?next=/")
    page.wait_for_selector("#unseen:not([hidden])")


def test_a_link_shows_an_alert_and_only_the_button_acts(board, watched):
    (open_page, complaints), (people, sent, app) = watched, board
    app.state.node.write(alerts=[make.alert("al-link", 1, severity="warning", raised_ms=make.T0 + 1)])
    page = open_page(f"/go#{link_of(people, 'p1', 'alert', about='al-link')}", ".told", viewport=SIZES["phone"])
    assert page.url.endswith("/go"), "the token does not stay where somebody reads it"
    assert "For Li Wei" in page.locator("#door").inner_text()
    assert not [one for one in sent.commands if one.alert == "al-link"]
    fits(page)
    page.get_by_role("button", name="Acknowledge").click()
    wait_for(lambda: [one for one in sent.commands if one.alert == "al-link"], "the command is sent")
    assert sent.commands[-1].by == "p1"
    app.state.node.write(alerts=[make.alert("al-link", 2, state="acknowledged", by="Li Wei", raised_ms=make.T0 + 1)])
    page.wait_for_selector(".good:not(:empty)")
    assert re.search(r"Acknowledged by Li Wei", page.locator(".good").inner_text())
    assert complaints == []


def test_a_password_is_set_by_a_link_on_a_phone(board, watched):
    (open_page, _), (people, _, _) = watched, board
    page = open_page(f"/go#{link_of(people, 'p1', 'password')}", "[name=new]", viewport=SIZES["phone"])
    fits(page)
    page.fill("[name=new]", "1234567890")
    page.click("button[type=submit]")
    page.wait_for_selector(".failed:not(:empty)")
    page.fill("[name=new]", "fog over a river")
    page.click("button[type=submit]")
    page.click("text=Go on")
    page.wait_for_selector(".card")
    assert people.sign_in("p1", "fog over a river", "h")


def test_a_partner_has_a_page_without_alerts_and_without_complaints(board, watched):
    open_page, complaints = watched
    page = open_page("/signin", "[name=id]", viewport=SIZES["screen"])
    sign_in(page, "hu")
    page.wait_for_selector("#hotspots-list li")
    for part in ("#alerts", "#dock", "#tally", "#sound", 'a[href="/plan"]'):
        assert page.locator(part).is_hidden(), part
    fits(page)
    assert complaints == []


@pytest.mark.parametrize(("size", "language"), [("phone", "zh-CN"), ("screen", "en")])
def test_a_demo_says_whom_to_be_and_one_button_does_it(board, watched, monkeypatch, size, language):
    (open_page, complaints), (_, _, app) = watched, board
    demo = {"id": "wang", "password": WORDS, "chat": "http://127.0.0.1:9/"}
    monkeypatch.setattr(app.state.board, "config", replace(app.state.board.config, demo=demo))
    page = open_page("/", ".demo", viewport=SIZES[size])
    page.click(f'[data-language="{language}"]')
    page.wait_for_selector(f'.demo:has-text("{WORDS}")')
    fits(page)
    page.click(".demo button[type=submit]")
    page.wait_for_selector(".card")
    assert complaints == []
