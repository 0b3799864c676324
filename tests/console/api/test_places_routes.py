"""The API of the map editor: read, tried, changed, taken back; imports that change nothing yet; pictures."""

from __future__ import annotations

import json

import httpx
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from ingest.gateway.places_file import PlacesFile
from ingest.login import BrokerAddress
from ingest.places import load_places
from stream.sinks.store.reader import StoreReader
from tests.console.serving import served
from tests.ingest.test_background import png
from tests.ingest.test_places import GOOD
from tests.ingest.test_places_book import AT, BEAT, DEVICE, feature

HEAD = {"X-PatrolGrid": "board"}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "places.geojson"
    file.write_text(json.dumps(GOOD), encoding="utf-8")
    return file


@pytest.fixture
def board(path):
    site = path.parent / "site"
    config = BoardConfig(
        site="s", store_path=str(site / "store.db"), places_path=str(path), broker=BrokerAddress(), language="en"
    )
    file = PlacesFile(path, site / "places.good.geojson")
    file.load()
    reader = StoreReader(site / "store.db")
    with served(make_app(reader, file, lambda _command: None, config)) as client:
        client.headers.update(HEAD)
        yield client
    reader.close()


def patch_of(document, own, **changes):
    before = feature(document, own)
    after = json.loads(json.dumps(before))
    after["properties"] |= {key: value for key, value in changes.items() if key != "at"}
    if "at" in changes:
        after["geometry"]["coordinates"] = changes["at"]
    return {"before": before, "after": after, "at": document["features"].index(before)}


def save(board, answer, *patches, **more):
    return board.post("/api/places", json={"base": answer["version"], "patches": patches, "by": "Ling", **more})


def test_what_is_drawn_is_written_listed_and_taken_back(board, path):
    first = board.get("/api/places").json()
    assert (first["unwritable"], [one["wrong"] for one in first["findings"] if one["wrong"]]) == ("", [])
    done = save(board, first, patch_of(first["document"], DEVICE, name="North gate", heading=90)).json()
    assert (done["change"], done["trouble"], done["accounts"]) == (1, "", [])
    device = load_places(path).devices[DEVICE]
    assert (device.name["en"], device.heading) == ("North gate", 90)
    (entry,) = board.get("/api/places/changes").json()["changes"]
    assert (entry["by"], entry["text"]) == ("Ling", f"edited on the map: device {DEVICE}")
    chinese = board.get("/api/places/changes?lang=zh-CN").json()["changes"][0]
    assert chinese["text"] == f"在地图上修改：设备 {DEVICE}"
    whole = board.get("/api/places/changes/1").json()
    assert whole["patches"][0]["after"]["properties"]["heading"] == 90
    assert board.post("/api/places/changes/1/undo", json={"by": "Wu"}).json()["change"] == 2
    assert board.get("/api/places").json()["document"] == first["document"]
    refused = board.post("/api/places/changes/1/undo", json={})
    assert (refused.status_code, refused.json()["error"]) == (422, "places_wrong")
    assert board.post("/api/places/changes/9/undo", json={}).status_code == 404
    assert board.get("/api/places/changes?before=2").json()["changes"] == [entry]


def test_what_somebody_else_has_changed_is_told_and_not_written_over(board, path):
    first = board.get("/api/places").json()
    assert save(board, first, patch_of(first["document"], DEVICE, name="North gate")).status_code == 200
    content = path.read_bytes()
    mine = patch_of(first["document"], DEVICE, name="South gate")
    refused = save(board, first, mine)
    assert (refused.status_code, refused.json()["error"]) == (409, "places_changed")
    assert f"device {DEVICE}" in refused.json()["message"]
    tried = board.post("/api/places/try", json={"patches": [mine]}).json()
    (other,) = tried["others"]
    assert (other["key"], other["by"], other["now"]["properties"]["name"]) == (["device", DEVICE], "Ling", "North gate")
    assert path.read_bytes() == content
    elsewhere = patch_of(first["document"], BEAT, residents=77)
    assert save(board, first, elsewhere).status_code == 200, "what others did elsewhere holds up nobody"


def test_what_would_be_wrong_or_odd_is_told_before_and_refused_after(board, path):
    first = board.get("/api/places").json()
    far = patch_of(first["document"], DEVICE, at=[AT[0] + 0.5, AT[1] + 0.5])
    tried = board.post("/api/places/try", json={"patches": [far]}).json()
    assert [(one["wrong"], ["device", DEVICE] in one["keys"]) for one in tried["findings"]] == [(False, True)]
    wrong = patch_of(first["document"], DEVICE, beat="nowhere")
    tried = board.post("/api/places/try", json={"patches": [wrong]}).json()
    assert any(one["wrong"] and "nowhere" in one["text"] for one in tried["findings"])
    content = path.read_bytes()
    assert save(board, first, wrong).json()["error"] == "places_wrong"
    assert path.read_bytes() == content
    same = {"before": wrong["before"], "after": wrong["before"]}
    assert save(board, first, same).json()["error"] == "nothing_changed"


def test_a_file_shows_what_it_would_bring_and_brings_it_when_it_is_taken(board, path):
    rows = f"id,type,name,lon,lat\nnew-1,camera,New,{AT[0]},{AT[1]}\nbad,airship,Bad,{AT[0]},{AT[1]}\n"
    content = path.read_bytes()
    answer = board.post("/api/places/import?name=list.csv", content=rows, headers={"Content-Type": "text/csv"})
    found = answer.json()
    assert (found["added"], found["changed"], [one["line"] for one in found["bad"]]) == (["new-1"], [], [3])
    assert path.read_bytes() == content
    first = board.get("/api/places").json()
    assert save(board, first, *found["patches"], file="list.csv").status_code == 200
    assert load_places(path).devices["new-1"].beat == BEAT
    assert board.get("/api/places/changes").json()["changes"][0]["text"] == "imported from list.csv: device new-1"
    refused = board.post("/api/places/import", content="{}", headers={"Content-Type": "application/geo+json"})
    assert refused.json()["error"] == "places_wrong"
    assert board.post("/api/places/import", content="x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_picture_is_kept_laid_under_the_map_and_only_a_picture(board, path):
    taken = board.post("/api/places/images", content=png(), headers={"Content-Type": "image/png"}).json()
    assert (taken["width"], taken["height"]) == (30, 20)
    first = board.get("/api/places").json()
    corners = [[121.0, 31.1], [121.1, 31.1], [121.1, 31.0], [121.0, 31.0]]
    members = {key: value for key, value in first["document"].items() if key != "features"}
    laid = {"image": taken["image"], "corners": corners, "opacity": 0.5, "shown": True}
    patch = {
        "before": {"type": "site", "properties": members},
        "after": {"type": "site", "properties": {**members, "background": laid}},
    }
    assert save(board, first, patch).status_code == 200
    background = load_places(path).background
    assert background is not None
    assert background.image == taken["image"]
    shown = board.get(f"/api/places/images/{taken['image']}")
    assert (shown.content, shown.headers["content-type"]) == (png(), "image/png")
    assert board.get("/api/places/images/..%2Fplaces.geojson").status_code == 404
    for content in (b"<svg/>", b""):
        refused = board.post("/api/places/images", content=content, headers={"Content-Type": "image/png"})
        assert (refused.status_code, refused.json()["error"]) == (422, "no_picture")


def test_a_file_that_cannot_be_written_says_so(board, path, monkeypatch):
    monkeypatch.setattr("ingest.places.places_book.os.access", lambda *_: False)
    assert "Permission denied" in board.get("/api/places").json()["unwritable"]

    def full(*_args, **_more):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("ingest.places.places_book.replace_file", full)
    first = board.get("/api/places").json()
    refused: httpx.Response = save(board, first, patch_of(first["document"], DEVICE, name="x"))
    assert (refused.status_code, refused.json()["error"]) == (503, "places_file")
