"""The history page in a browser: filters that stay in the address, days as headings, a table, on desk and phone."""

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
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
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DESK, PHONE = (1366, 768), (390, 844)


def past(node):
    """An hour with many alerts two days ago, one false alarm the day before, one a month ago."""
    day = make.T0 - 2 * DAY_MS
    node.write(
        alerts=[
            *(make.alert(f"many-{n:03}", raised_ms=day + n * 10_000, state="expired") for n in range(120)),
            make.alert("wrong", device="noise-1", beat="b2", kind="noise_high", raised_ms=make.T0 - DAY_MS,
                       state="cleared", by="Li Wei 李伟", reason="animal", note="一只狗", severity="critical"),
            make.alert("old", device="door-1", beat="b2", kind="door_open", raised_ms=make.T0 - 35 * DAY_MS,
                       state="cleared", by="Zhang"),
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("site"))
    node.fill()
    past(node)
    config = BoardConfig(site=SITE, store_path=str(node.store_path), places_path="", broker=BrokerAddress())
    reader = StoreReader(node.store_path)
    with served(make_app(reader, as_file(places()), lambda _command: None, config)) as client:
        yield node, str(client.base_url)
    reader.close()
    node.close()


@pytest.fixture
def open_page(chromium, board):
    contexts, complaints = [], []

    def made(query="", size=DESK, language="en", theme="dark"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(f'localStorage.setItem("patrolgrid.theme", "{theme}")')
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{board[1]}/history{query}")
        found(page)
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


def address(page):
    return page.evaluate("location.search")


def found(page):
    """Wait for the answer, and return the ids that are shown by day."""
    page.wait_for_selector("#main:not([aria-busy]) #found:not(:empty)")
    return page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("#days section")].map((day) => [day.dataset.day,
            [...day.querySelectorAll("[data-alert]")].map((row) => row.dataset.alert)]))"""
    )


def test_the_last_week_stands_under_its_days_and_more_is_asked_for(open_page):
    page = open_page()
    days = found(page)
    assert list(days) == ["2026-11-23", "2026-11-22", "2026-11-21"]
    assert (days["2026-11-22"], len(days["2026-11-21"])) == (["wrong"], 97)
    heads = page.locator("#days h2").all_inner_texts()
    assert "120 alerts" in heads[2], "counted whole, not what is shown so far"
    assert page.locator("#found").inner_text() == "123 alerts · Critical 2 · Warning 121 · 1 false alarm"
    page.click("#more")
    wait_for(lambda: len(found(page)["2026-11-21"]) == 120, "the rest is shown")
    assert page.locator("#more").is_hidden()
    assert page.locator("[data-alert=old]").count() == 0


def test_what_is_asked_for_stays_in_the_address(open_page):
    page = open_page()
    page.select_option("[name=severity]", "critical")
    page.select_option("[name=person]", "Li Wei 李伟")
    wait_for(lambda: [*found(page).values()] == [["wrong"]], "the filters are in force")
    page.locator("#table").focus()
    page.keyboard.press("/")
    page.keyboard.type("狗")
    wait_for(lambda: "text=" in address(page), "the word is in the address")
    page.click("text=All >> nth=0")
    wait_for(lambda: "from=" in address(page).replace("from=2026", ""), "all days are")
    page.reload()
    assert found(page) == {"2026-11-22": ["wrong"]}
    assert page.input_value("[type=search]") == "狗"
    assert page.input_value("[name=person]") == "Li Wei 李伟"
    assert "False alarm: an animal · 一只狗" in page.locator("[data-alert=wrong]").inner_text()
    page.click("text=Clear filters")
    wait_for(lambda: "severity" not in address(page), "the filters are gone")
    assert "text=" in address(page)


def test_an_empty_list_says_why_and_a_month_ago_is_found(open_page):
    page = open_page("?from=2026-01-01&to=2026-01-31")
    assert page.locator("#found").inner_text() == "No alerts on these days."
    assert page.locator("#table").is_hidden()
    page.click("text=Last month")
    wait_for(lambda: found(page) == {"2026-10-19": ["old"]}, "the month before is shown")
    assert "from=2026-10-01&to=2026-10-31" in address(page)
    page.select_option("[name=beat]", "b1")
    wait_for(lambda: "fit the filters" in page.locator("#found").inner_text(), "the filters are said to be why")


def test_the_table_has_what_the_page_shows_and_so_has_paper(open_page):
    page = open_page("?reason=any")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.locator("#filters").is_hidden()
    assert page.locator("[data-alert=wrong]").bounding_box()["height"] < 60, "a line or two, as on the screen of a desk"
    page.emulate_media(media="screen")
    with page.expect_download() as waiting:
        page.click("#table")
    assert waiting.value.suggested_filename == "alerts-2026-11-17.csv"
    assert "Li Wei" in waiting.value.path().read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("size", "language", "theme"), [(DESK, "zh-CN", "light"), (PHONE, "en", "light"), (PHONE, "zh-CN", "dark")]
)
def test_it_reads_well_everywhere(open_page, size, language, theme):
    page = open_page("?severity=critical", size, language, theme)
    if size == PHONE:
        page.click("#filters summary")
    assert "history-" not in page.inner_text("body")
    reads_well(page)


def test_something_new_comes_in_by_itself(open_page, board):
    page = open_page("?beat=b2")
    board[0].write(alerts=[make.alert("new", device="noise-1", beat="b2", raised_ms=make.T0 + HOUR_MS)])
    page.wait_for_selector("[data-alert=new]")
    page.click('[data-language="zh-CN"]')
    wait_for(lambda: "告警记录" in page.title(), "in Chinese too")
