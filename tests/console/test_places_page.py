"""The map editor in a browser: drawn, snapped, checked, saved, taken back; two people at once; files and a picture."""

from __future__ import annotations

import json

import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.gateway.places_file import PlacesFile
from ingest.login import BrokerAddress
from ingest.places import load_places
from ingest.places.places_book import PlacesBook
from stream.sinks.store.reader import StoreReader
from tests.console.serving import served
from tests.console.stores import SITE, Node
from tests.console.test_board_browser import browser as chromium
from tests.console.test_board_browser import reads_well
from tests.ingest.test_background import png
from tests.support import wait_for

__all__ = ["chromium"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
WEST, MIDDLE, EAST, SOUTH, NORTH = 116.400, 116.405, 116.410, 39.900, 39.904


def feature(kind, geometry, **properties):
    return {"type": "Feature", "properties": {"kind": kind, **properties}, "geometry": geometry}


def beat(own, west, east):
    ring = [[west, SOUTH], [east, SOUTH], [east, NORTH], [west, NORTH], [west, SOUTH]]
    return feature(
        "beat", {"type": "Polygon", "coordinates": [ring]}, id=own, name={"en": own.upper(), "zh-CN": f"网格{own}"}
    )


def device(own, lon, lat, kind="camera"):
    name = {"en": f"Camera {own}", "zh-CN": f"摄像头{own}"}
    return feature("device", {"type": "Point", "coordinates": [lon, lat]}, id=own, beat="b1", type=kind, name=name)


PLACES = {
    "type": "FeatureCollection",
    "name": {"en": "Lakeside", "zh-CN": "湖滨"},
    "features": [beat("b1", WEST, MIDDLE), beat("b2", MIDDLE, EAST), device("cam-1", 116.402, 39.902)],
}


SEEN = """(() => {
    let known;
    const take = (leaflet) => {
        known = leaflet;
        leaflet.Map?.addInitHook(function () { window.theMap = this; });
    };
    Object.defineProperty(window, "L", { get: () => known, set: take });
})()"""
"""Keeps the map where a test finds it."""
POINT = """([lon, lat]) => {
    const { x, y } = theMap.latLngToContainerPoint([lat, lon]);
    const { left, top } = theMap.getContainer().getBoundingClientRect();
    return [left + x, top + y];
}"""


class Site:
    url = ""

    def __init__(self, folder):
        self.path = folder / "places.geojson"
        self.book = PlacesBook(self.path)
        self.begin()

    def begin(self):
        self.path.write_text(json.dumps(PLACES), encoding="utf-8")

    @property
    def places(self):
        return load_places(self.path)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editor")
    (folder / "data").mkdir()
    site, node = Site(folder), Node(folder / "data")
    node.fill()
    node.status()
    config = BoardConfig(
        site=SITE, store_path=str(node.store_path), places_path=str(site.path), broker=BrokerAddress(), language="en"
    )
    file = PlacesFile(site.path, folder / "data" / "places.good.geojson")
    file.load()
    reader = StoreReader(node.store_path)
    with served(make_app(reader, file, lambda _command: None, config)) as client:
        site.url = str(client.base_url)
        yield site
    reader.close()
    node.close()


@pytest.fixture
def site(board):
    board.begin()
    return board


@pytest.fixture
def open_page(chromium, site):
    contexts = []

    def made(size=(1366, 768), language="en", path="/places"):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(30_000)
        context.add_init_script(SEEN)
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(site.url + path)
        page.wait_for_selector(".draft-line")
        return page

    yield made
    for context in contexts:
        context.close()


def at(page, lon, lat):
    """Return where on the screen a place of the map is."""
    return page.evaluate(POINT, [lon, lat])


def drag(page, source, target):
    page.mouse.move(*source)
    page.mouse.down()
    page.mouse.move((source[0] + target[0]) / 2, (source[1] + target[1]) / 2)
    page.mouse.move(*target)
    page.mouse.up()


def save(page):
    page.locator("#save:not([disabled])").click()
    page.locator(".draft .good").wait_for()


def pick(page, name):
    page.locator(".feature-list button", has_text=name).first.click()


def test_a_corner_is_dragged_with_its_neighbours_saved_and_taken_back(site, open_page):
    page = open_page()
    pick(page, "B1")
    page.locator(".corner:not(.between)").nth(3).wait_for()
    from_, to = at(page, MIDDLE, SOUTH), at(page, MIDDLE + 0.001, SOUTH)
    drag(page, from_, to)
    page.locator(".draft-line .bad", has_text="2 changes").wait_for()
    assert site.places.beats["b1"].polygon[1][0] == MIDDLE, "nothing is taken before it is saved"
    save(page)
    both = site.places.beats
    assert both["b1"].polygon[1] == both["b2"].polygon[0]
    assert both["b1"].polygon[1][0] == pytest.approx(MIDDLE + 0.001, abs=2e-4)
    page.locator("#tab-changes").click()
    page.locator("[data-change] button", has_text="Take back").first.click()
    page.locator(".draft .good", has_text="taken back").wait_for()
    assert site.places.beats["b1"].polygon[1][0] == MIDDLE


def test_a_beat_is_drawn_snaps_to_its_neighbours_and_an_overlap_is_told(site, open_page):
    page = open_page()
    page.locator(".leaflet-control-zoom-out").click()
    page.locator('[data-draw="beat"]').click()
    for lon, lat in ((EAST, SOUTH), (EAST + 0.003, SOUTH), (EAST + 0.003, NORTH), (EAST - 0.002, NORTH)):
        x, y = at(page, lon, lat)
        page.mouse.click(x + 3, y - 3)
    page.keyboard.press("Enter")
    page.locator(".form input[type=text]").first.wait_for()
    page.locator(".draft summary", has_text="odd").click()
    page.locator(".findings .odd", has_text="both cover").wait_for()
    page.locator(".form input[type=text]").first.fill("harbour")
    page.locator(".form label", has_text="Residents").locator("input").fill("1200")
    save(page)
    made = site.places.beats["harbour"]
    assert (made.polygon[0], made.residents) == ((EAST, SOUTH), 1200), "its corner is that of its neighbour"


def test_steps_are_undone_and_what_is_discarded_is_gone(site, open_page):
    page = open_page()
    page.locator('[data-draw="beat"]').focus()
    page.keyboard.press("Enter")
    page.locator(".draft-line .bad", has_text="One change").wait_for()
    page.locator(".form textarea").fill("116.411, 39.900\n116.415, 39.900\n116.415, 39.904")
    page.locator(".form textarea").blur()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.locator(".draft-line .muted").wait_for()
    page.keyboard.press("Control+y")
    page.locator(".draft-line .bad", has_text="One change").wait_for()
    page.locator(".draft-line button", has_text="Discard").click()
    page.locator(".draft-line .muted").wait_for()
    assert list(site.places.beats) == ["b1", "b2"]


def test_a_device_moves_turns_and_goes_to_the_beat_that_it_then_stands_in(site, open_page):
    page = open_page(path="/places?device=cam-1")
    page.locator(".turn").wait_for()
    page.locator('.turn button[aria-label^="Turn right"]').click()
    page.locator('.turn button[aria-label^="Turn right"]').click()
    drag(page, at(page, 116.402, 39.902), at(page, 116.408, 39.902))
    page.locator(".draft-line .bad").wait_for()
    save(page)
    found = site.places.devices["cam-1"]
    assert (found.beat, found.heading) == ("b2", 30)
    assert found.lon == pytest.approx(116.408, abs=3e-4)
    assert page.url.endswith("?device=cam-1")
    assert page.locator('.form a[href="/device?id=cam-1"]').count() == 1


def test_two_people_do_not_overwrite_each_other_and_keep_what_is_theirs(site, open_page):
    page = open_page()
    pick(page, "B2")
    page.locator(".form label", has_text="Residents").locator("input").fill("900")
    page.locator(".form label", has_text="Community").locator("input").fill("Harbour")

    def other(document):
        document["features"][1]["properties"]["residents"] = 5
        document["features"][0]["properties"]["officers"] = 3
        return document

    site.book.change(other, "wu", "edit")
    page.locator(".findings button", has_text="Keep mine").wait_for()
    assert page.locator("#save").is_disabled()
    page.locator(".findings button", has_text="Keep mine").click()
    save(page)
    beats = site.places.beats
    assert (beats["b2"].residents, beats["b2"].community, beats["b1"].officers) == (900, "Harbour", 3)


def test_a_file_shows_what_it_would_bring_and_is_saved_with_the_draft(site, open_page):
    page = open_page()
    page.locator("#tab-import").click()
    rows = "id,type,name,lon,lat\nnew-1,camera,New,116.401,39.901\nbad,airship,Bad,116.401,39.901\n"
    page.locator("input[type=file]").set_input_files(
        [{"name": "list.csv", "mimeType": "text/csv", "buffer": rows.encode()}]
    )
    page.locator(".bad-lines", has_text="Line 3").wait_for()
    page.locator("button", has_text="Take to the map").click()
    page.locator("[data-uid] >> nth=1").wait_for()
    assert "new-1" not in site.places.devices
    save(page)
    assert site.places.devices["new-1"].beat == "b1"
    assert site.book.changes()[0].about == {"file": "list.csv"}


def test_a_picture_is_laid_under_the_map_by_its_corners_and_by_points(site, open_page):
    page = open_page()
    page.locator("#tab-picture").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": "plan.png", "mimeType": "image/png", "buffer": png(300, 200)}]
    )
    page.locator(".corner.picture >> nth=4").wait_for()
    page.locator("label", has_text="On the board").locator("input").check()
    page.locator("button", has_text="two to four points").click()
    boxes = [page.locator(".corner.picture").nth(number).bounding_box() for number in (0, 1)]
    for box, place in zip(boxes, ((WEST, NORTH), (EAST, NORTH)), strict=True):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.click(*at(page, *place))
    page.locator("button", has_text="Lay the picture").click()
    save(page)
    laid = site.places.background
    assert laid is not None
    assert laid.shown
    for found, wanted in zip(laid.corners[:2], ((WEST, NORTH), (EAST, NORTH)), strict=True):
        assert found == pytest.approx(wanted, abs=2e-4)
    page.goto(site.url)
    picture = page.locator("img.ground-picture:not([hidden])")
    picture.wait_for()
    wait_for(lambda: "matrix3d" in (picture.get_attribute("style") or ""), "it lies on the board's map")


@pytest.mark.parametrize(("size", "language"), [((1366, 768), "zh-CN"), ((390, 844), "en")])
def test_the_page_reads_well(site, open_page, size, language):
    page = open_page(size=size, language=language)
    pick(page, "cam-1")
    page.locator(".turn").wait_for()
    if language == "zh-CN":
        page.locator("#tab-picture").click()
    reads_well(page)
    for tab in ("import", "changes", "feature"):
        page.locator(f"#tab-{tab}").click()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_where_nothing_can_be_written_the_page_says_why(site, open_page, monkeypatch):
    monkeypatch.setattr(PlacesBook, "unwritable", lambda _self: "/etc/station: Permission denied")
    page = open_page()
    page.locator(".draft .failed", has_text="Permission denied").wait_for()
    pick(page, "B1")
    page.locator(".form label", has_text="Residents").locator("input").fill("900")
    page.locator(".form label", has_text="Officers").locator("input").focus()
    page.locator(".draft-line .bad").wait_for()
    assert page.locator("#save").is_disabled()
