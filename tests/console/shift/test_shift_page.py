"""The shift's page in a real browser: written, handed over, taken, printed on one sheet; both languages and sizes."""

import re
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe

from console.people.people import Person
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import pages_of
from tests.people.test_doors import WORDS, open_board, quick_hashes
from tests.people.test_doors_browser import sign_in
from tests.stream import make_results as make

__all__ = ["chromium", "quick_hashes"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SIZES = {"screen": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}
SAYS = {
    "en": (
        "Nothing was reported.",
        "Handed over by 王磊 to Li Na",
        "Read and taken over by Li Na",
        "nobody has taken it up",
    ),
    "zh-CN": ("没有警情。", "交班给Li Na", "Li Na于", "无人签收"),
}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with open_board(tmp_path_factory.mktemp("site")) as (_, people, sent, app):
        people.add(Person("wang", "王磊", "duty"), "cli:root", WORDS)
        people.add(Person("li", "Li Na", "duty"), "cli:root", WORDS)
        lock = threading.Lock()

        def publish(command):
            """Do at once what a node does a moment later."""
            sent.publish(command)
            with lock:
                app.state.node.write(book=[command])

        app.state.board.publish = publish
        yield people, sent, app


@pytest.fixture
def opened(chromium, board):
    contexts, complaints = [], []

    def open_page(who, path="/shift", **options):
        with board[0].file.change() as connection:
            connection.execute("DELETE FROM attempts")
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{board[2].state.url}{path}")
        page.wait_for_selector("[name=id]")
        sign_in(page, who)
        page.wait_for_selector("#alerts h3")
        return page

    yield open_page
    for context in contexts:
        context.close()
    # What a page asks while its session ends with the hand-over is answered with 401.
    assert [one for one in complaints if "401" not in one] == []


@pytest.mark.parametrize(("size", "language"), [("screen", "zh-CN"), ("phone", "en")])
def test_a_shift_is_written_handed_over_with_one_press_and_taken_by_the_next(board, opened, size, language):
    nothing, handed, taken, unanswered = SAYS[language]
    page = opened("wang", locale=language, viewport=SIZES[size])
    assert page.inner_text("#reports").endswith(nothing)
    assert unanswered in page.inner_text("#open")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}] == []

    page.click("#open .add-note")
    page.wait_for_selector(".aim:not([hidden])")
    page.fill("#note-form [name=note]", f"the key is with the neighbour, {language}")
    page.click("#note-form button.main")
    page.wait_for_selector(f'#notes .said:has-text("neighbour, {language}")')
    assert page.input_value("#note-form [name=note]") == ""
    page.fill("#hand-over [name=to]", "Li Na")
    page.fill("#hand-over [name=note]", f"the gate sticks, {language}")
    other = "EN" if language == "zh-CN" else "中文"
    page.click(f'.languages button:has-text("{other}")')
    page.wait_for_function("lang => document.documentElement.lang !== lang", arg=language)
    assert page.input_value("#hand-over [name=note]") == f"the gate sticks, {language}", "what is typed stays"
    page.click('#hand-over button[value="out"]')
    page.wait_for_selector("[name=password]")

    shift = board[1].commands[-1].about
    page = opened("li", f"/shift?shift={shift}", locale=language, viewport=SIZES[size])
    mine = page.locator(f'#handed .hand-over:has-text("the gate sticks, {language}")')
    assert handed in mine.inner_text()
    answer = page.evaluate(
        """id => fetch("/api/shift/take", {method: "POST", body: JSON.stringify({hand_over: id}),
        headers: {"Content-Type": "application/json", "X-PatrolGrid": "board"}}).then((one) => one.status)""",
        mine.get_attribute("data-hand-over"),
    )
    assert answer == 202
    page.wait_for_selector(f'#handed .hand-over[data-taken="true"] .taken:has-text("{taken}")')


def test_however_much_happened_it_prints_on_one_sheet(board, opened):
    node = board[2].state.node
    node.write(
        alerts=[make.alert(f"many-{n}", 1, raised_ms=make.T0 + n, changed_ms=make.T0 + n) for n in range(80)],
        book=[make.note(f"long-{n}", make.T0 + n, note="a line\n" * 9) for n in range(9)],
    )
    page = opened("wang", viewport=SIZES["screen"], locale="zh-CN")
    page.wait_for_selector("#alerts .all")
    assert page.locator("#alerts .line").count() == 25, "a flood is folded"
    page.click("#alerts .all button")
    page.wait_for_function("document.querySelectorAll('#alerts .line').length > 80")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    assert page.locator("#alerts .line").count() > 80, "after printing all is there again"
    assert re.search(r"printing", page.get_attribute("body", "class") or "") is None


def test_an_earlier_shift_is_found_by_its_day_and_stands_in_the_address(opened):
    page = opened("wang", viewport=SIZES["screen"], locale="en")
    page.click("#before")
    page.wait_for_selector('#as-of:has-text("As it was known at its end")')
    assert "shift=night-2026-11-22" in page.url
    assert page.locator("#note-form form").count() == 0, "what is over is written no more"
    page.fill("#day", "2026-11-21")
    page.click('#of-day a:has-text("Day shift")')
    page.wait_for_selector('#shift:has-text("November 21")')
    assert "shift=day-2026-11-21" in page.url
