"""Who may draw the map: an engineer, under the name of the account; nobody else, not even to look."""

from __future__ import annotations

import contextlib
import json

import httpx
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.people.people import People, Person
from ingest.gateway.places_file import PlacesFile
from ingest.login import BrokerAddress
from stream.sinks.store.reader import StoreReader
from tests.console.api.test_places_routes import patch_of, save
from tests.console.serving import served
from tests.ingest.test_background import png
from tests.ingest.test_places import GOOD
from tests.ingest.test_places_book import DEVICE
from tests.people.test_doors import WORDS, quick_hashes

__all__ = ["quick_hashes"]
HEAD = {"X-PatrolGrid": "board"}


@pytest.fixture
def board(tmp_path):
    path, site = tmp_path / "places.geojson", tmp_path / "site"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    people = People(site)
    for one in (Person("sun", "Sun 孙", "engineer"), Person("wang", "Wang", "duty")):
        people.add(one, "test", WORDS)
    config = BoardConfig(
        site="s", store_path=str(site / "store.db"), places_path=str(path), broker=BrokerAddress(), language="en"
    )
    file, reader = PlacesFile(path, site / "places.good.geojson"), StoreReader(site / "store.db")
    file.load()
    app = make_app(reader, file, lambda _command: None, config)
    with served(app) as client:
        yield client, people
    reader.close()
    people.file.close()
    app.state.board.doors.people.file.close()


@contextlib.contextmanager
def signed_in(board, person):
    with httpx.Client(base_url=board[0].base_url, headers=HEAD, timeout=60) as client:
        assert client.post("/api/sign-in", json={"id": person, "password": WORDS}).status_code == 200
        yield client


def test_a_change_is_the_account_s_in_the_list_and_in_the_audit_log(board):
    with signed_in(board, "sun") as sun:
        assert "/places" in sun.get("/api/me").json()["menu"]
        first = sun.get("/api/places").json()
        patch = patch_of(first["document"], DEVICE, name="North gate")
        assert save(sun, first, patch).json()["error"] == "name_by_hand"
        body = {"base": first["version"], "patches": [patch]}
        assert sun.post("/api/places", json=body).status_code == 200
        (entry,) = sun.get("/api/places/changes").json()["changes"]
        assert (entry["by"], entry["name"]) == ("sun", "Sun 孙")
        assert sun.post("/api/places/changes/1/undo", json={}).status_code == 200
        picture = sun.post("/api/places/images", content=png(), headers={"Content-Type": "image/png"})
        assert picture.status_code == 200
    noted = [(one.by, one.what, one.about) for one in board[1].audit.entries() if one.what.startswith("places-")]
    assert noted == [
        ("sun", "places-image", picture.json()["image"]),
        ("sun", "places-undo", "1"),
        ("sun", "places-edit", "1"),
    ]


def test_whoever_may_not_draw_neither_sees_the_file_nor_changes_it(board):
    with signed_in(board, "wang") as wang:
        assert wang.get("/places").status_code == 303
        asked = [wang.get(f"/api/places{path}") for path in ("", "/changes", "/changes/1")]
        asked += [wang.post(f"/api/places{path}", json={"patches": []}) for path in ("", "/try", "/changes/1/undo")]
        asked.append(wang.post("/api/places/import", content="id", headers={"Content-Type": "text/csv"}))
        asked.append(wang.post("/api/places/images", content=png(), headers={"Content-Type": "image/png"}))
        assert {(one.status_code, one.json()["error"]) for one in asked} == {(403, "no_right")}
    nobody = board[0].get("/api/places")
    assert nobody.status_code == 401
