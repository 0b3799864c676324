"""The pages of devices in a browser: put in, heard, named, printed, approved; what somebody may not is not offered."""

from __future__ import annotations

import re

import pytest

from ingest.clock import wall_ms
from ingest.log import Record
from ingest.log.sqlite_log import SqliteLog
from ingest.places import load_places
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well
from tests.devices.boards import board_of, quick_hashes
from tests.stream.build import Writer
from tests.support import wait_for

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
COOKIE = "patrolgrid-session"
DESK, PHONE = (1366, 768), (390, 844)


@pytest.fixture(scope="module")
def boards(station, tmp_path_factory):
    board = board_of(station, tmp_path_factory.mktemp("board"), "lamp-8")
    with pytest.MonkeyPatch.context() as patch, quick_hashes(patch), board as found:
        yield found


@pytest.fixture
def open_page(chromium, boards):
    url, browsers = boards
    contexts, complaints = [], []

    def made(path, person="engineer", size=DESK, language="en", theme="dark"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(20_000)
        context.add_init_script(f'localStorage.setItem("patrolgrid.theme", "{theme}")')
        context.add_cookies([{"name": COOKIE, "value": browsers[person].cookies[COOKIE], "url": url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url + path)
        return page

    yield made
    for context in contexts:
        context.close()
    assert complaints == []


def devices(station):
    return load_places(station.settings.places_file).devices


def test_a_device_is_put_in_heard_named_and_gets_its_sheet(station, open_page):
    say(station, "camera-01", 1)
    page = open_page("/devices?at=121.4665,31.2335&type=camera")
    form = page.locator("dialog.device-form")
    form.locator('input[name="id"]').fill("cam-41")
    form.locator('input[name="zh"]').fill("东门")
    assert form.locator('input[name="lon"]').input_value() == "121.4665"
    reads_well(page)
    form.get_by_role("button", name="Put a device in").click()
    form.get_by_text("patrolgrid/v1/s/old-market/cam-41/obs").wait_for()
    form.get_by_role("link", name="To its page").click()
    page.wait_for_url("**/device?id=cam-41")
    page.get_by_role("heading", name="东门").wait_for()  # the board has taken the places up, and the page begun anew
    page.get_by_text("Nothing was heard of it lately.").wait_for()
    say(station, "cam-41", 12)
    page.locator('.just[data-heard="now"]').wait_for()
    page.get_by_text("People: in 12, out 0 in 60 s").wait_for()
    assert "mosquitto_pub -h 127.0.0.2 -p" in page.locator("#connects").inner_text()
    assert station.password("cam-41") not in page.content()
    reads_well(page)

    page.get_by_role("button", name="Name", exact=True).click()
    form.locator('input[name="en"]').fill("East gate")
    form.get_by_role("button", name="Name", exact=True).click()
    form.get_by_role("button", name="Close").click()
    wait_for(lambda: devices(station)["cam-41"].name == {"en": "East gate", "zh-CN": "东门"}, "it is named")
    page.get_by_role("heading", name="East gate").wait_for()

    page.get_by_role("button", name="Sheet for the technician").click()
    form.get_by_role("button", name="Make the sheet").click()
    paper = page.locator(".sheet-paper")
    paper.locator("svg").wait_for()
    (code,) = re.findall(r"The code (\S+) works once", form.inner_text())
    assert paper.locator(".secret").inner_text() == code
    page.emulate_media(media="print")
    assert not page.locator("#who").is_visible()
    assert paper.locator("h1").bounding_box()["y"] >= 0, "from its title"
    away = paper.locator(".note").last.bounding_box()
    assert away["y"] + away["height"] < 1046, "to its last line, on one side of A4 with a centimetre around"
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    assert len(sheets) == 1
    page.emulate_media(media="screen")
    form.get_by_role("button", name="Close").click()
    wait_for(lambda: code not in page.content(), "the code is shown once")
    page.get_by_text("a code is out until").wait_for()


def say(station, device, people):
    writer = Writer()
    writer.count(device, wall_ms(), people)
    record = writer.record()
    log = SqliteLog(station.settings.site_dir / "log.db")
    log.append([Record(record.kind, wall_ms(), record.payload)])
    log.close()


def test_what_waits_is_taken_in_by_thumb_in_chinese(station, open_page):
    page = open_page("/devices", size=PHONE, language="zh-CN", theme="light")
    page.locator("#waiting .waits").wait_for()
    assert "lamp-8" in page.locator("#waiting").inner_text()
    reads_well(page)
    row = page.locator("#waiting li").filter(has_text="lamp-8")
    assert row.get_by_role("button").bounding_box()["height"] >= 44
    row.get_by_role("button", name="批准").click()
    form = page.locator("dialog.device-form")
    form.locator('input[name="id"]').fill("door-41")
    reads_well(page)
    form.get_by_role("button", name="批准").click()
    form.get_by_text("door-41 已加入").wait_for()
    assert len(devices(station)["door-41"].bindings) == 1
    form.get_by_role("button", name="关闭").click()
    page.get_by_role("link", name="lamp-8").or_(page.locator('tr[data-row="door-41"] a')).first.wait_for()


def test_what_is_wrong_is_said_where_it_was_typed(open_page):
    page = open_page("/devices")
    page.get_by_role("button", name="Put a device in").click()
    form = page.locator("dialog.device-form")
    form.locator('input[name="id"]').fill("camera-01")
    form.locator('select[name="beat"]').select_option("old-market")
    form.get_by_role("button", name="Put a device in").click()
    form.get_by_role("alert").filter(has_text="is there already").wait_for()
    assert form.locator('input[name="id"]').input_value() == "camera-01", "nothing typed is lost"


def test_who_is_no_engineer_is_offered_nothing_to_change(open_page):
    page = open_page("/devices?q=gate-01", person="duty")
    page.locator('tr[data-row="gate-01"]').wait_for()
    assert page.locator("#devices tbody tr").count() == 1
    assert not page.locator("#put-in").is_visible()
    assert not page.locator("#waiting").is_visible()
    page.locator('tr[data-row="gate-01"] a').click()
    page.wait_for_url("**/device?id=gate-01")
    page.get_by_text("No data in this time.").wait_for()
    assert page.locator("#who .actions button").count() == 0
    assert not page.locator("#connects").is_visible()
    assert page.locator(".standing-normal").count() == 0, "nothing is known of it"
