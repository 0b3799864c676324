"""One device's history in a browser: what was seen against what was expected, and the states that it was in."""

from __future__ import annotations

from itertools import pairwise

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.login import BrokerAddress
from tests.console.fake_places import as_file
from tests.console.fake_reader import FakeReader
from tests.console.serving import served
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    reader = FakeReader()
    reader.running = False
    config = BoardConfig(
        store_path=str(tmp_path_factory.mktemp("site") / "store.db"), places_path="", broker=BrokerAddress(),
        site="demo", language="en",
    )  # fmt: skip
    with served(make_app(reader, as_file(reader.places), lambda _command: None, config)) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def open_page(chromium, url):
    contexts, complaints = [], []

    def made(path, size=(1366, 768), language="en"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url + path)
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_crowd_stands_in_the_history_with_its_state(open_page):
    page = open_page("/device?id=camera-05")
    page.locator(".mark-surge").first.wait_for()
    odd = page.locator("#history .odd-times li").first
    assert "unusually many" in odd.inner_text()
    assert "expected" in odd.inner_text()
    page.get_by_role("button", name="3 h", exact=True).click()
    page.wait_for_url("**hours=3")
    page.locator("#alerts li").first.wait_for()
    href = page.locator("#alerts li a").first.get_attribute("href")
    assert href.startswith("/alert?id=")
    page.get_by_text("There is no log on this machine").wait_for()
    reads_well(page)
    page.get_by_role("link", name="On the board").click()
    page.locator("#panel-device .facts").get_by_role("link", name="camera-05").click()
    page.wait_for_url("**/device?id=camera-05")


def test_on_a_phone_in_chinese_all_is_below_each_other(open_page):
    page = open_page("/device?id=camera-08&hours=12", (390, 844), "zh-CN")
    page.locator(".mark-dead").first.wait_for()
    assert "12小时" in page.locator('.ranges [aria-pressed="true"]').inner_text()
    assert page.locator("#history .odd-times li").count() > 0
    boxes = [page.locator(one).bounding_box() for one in ("#who", "#heard", "#history", "#rhythm", "#alerts")]
    assert all(after["y"] >= before["y"] + before["height"] for before, after in pairwise(boxes))
    reads_well(page)


def test_filters_of_the_list_stay_in_the_address(open_page):
    page = open_page("/devices?stands=trouble")
    page.locator('tr[data-row="camera-08"]').wait_for()
    # Until the first overview nothing is known of any device.
    page.locator('tr[data-row="camera-01"]').wait_for(state="detached")
    page.locator("#search").fill("noise")
    page.wait_for_url("**q=noise**")
    page.locator('tr[data-row="camera-08"]').wait_for(state="detached")
    page.reload()
    page.locator('tr[data-row="noise-03"]').wait_for()
    assert page.locator("#search").input_value() == "noise"
    page.locator("#search").fill("nothing at all")
    page.get_by_text("No device fits these filters.").wait_for()
