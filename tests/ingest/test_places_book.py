"""The journal of the places file: what is written is checked, who and when, kept apart, and taken back."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest

from ingest.files import replace_file
from ingest.gateway.places_file import PlacesFile
from ingest.places import PlacesError, load_places
from ingest.places.patches import PlacesConflictError, differing, patched
from ingest.places.places_book import PlacesBook
from ingest.places.places_journal import BY_HAND, UNDO, changed_by, journal_of
from tests.ingest.test_places import GOOD
from tests.ingest.test_places_file import Taker


def feature(document, own):
    return next(one for one in document["features"] if one["properties"].get("id") == own)


def named(own, name, **more):
    def edit(document):
        feature(document, own)["properties"] |= {"name": name, **more}
        return document

    return edit


def moved(own, lon, lat):
    def edit(document):
        feature(document, own)["geometry"]["coordinates"] = [lon, lat]
        return document

    return edit


def without(own):
    def edit(document):
        return {**document, "features": [one for one in document["features"] if one["properties"].get("id") != own]}

    return edit


@pytest.fixture
def book(tmp_path):
    (tmp_path / "places.geojson").write_text(json.dumps(GOOD), encoding="utf-8")
    return PlacesBook(tmp_path / "places.geojson")


def ids():
    beat, device = (next(one for one in GOOD["features"] if one["properties"]["kind"] == kind) for kind in KINDS)
    return beat["properties"]["id"], device["properties"]["id"], device["geometry"]["coordinates"]


KINDS = ("beat", "device")
BEAT, DEVICE, AT = ids()
LAST = {**next(one["properties"] for one in GOOD["features"] if one["properties"].get("id") == DEVICE), "id": "last"}


def test_a_change_is_written_with_who_and_when_and_taken_back_by_somebody_else(book):
    before = book.read()
    done = book.change(named(DEVICE, "North gate"), "ling", "device-name", why="asked for")
    assert (done.by, done.what, done.about, done.keys) == (
        "ling", "device-name", {"why": "asked for"}, [("device", DEVICE)],
    )  # fmt: skip
    assert load_places(book.path).devices[DEVICE].name["en"] == "North gate"
    assert changed_by(book.path, book.path.read_bytes()) == ("ling", done.at_ms)
    again = PlacesBook(book.path)
    back = again.undo(done.number, "wu")
    assert again.read().document == before.document
    assert [(one.by, one.what, one.undoes) for one in again.changes()] == [
        ("wu", UNDO, done.number),
        ("ling", "device-name", 0),
    ]
    with pytest.raises(PlacesError, match="taken back already"):
        again.undo(done.number, "wu")
    again.undo(back.number, "ling")
    assert load_places(book.path).devices[DEVICE].name["en"] == "North gate", "what was taken back comes again"


def test_an_undo_leaves_what_was_changed_since_and_refuses_where_it_is_the_same(book):
    first = book.change(named(DEVICE, "North gate"), "ling", "device-name")
    book.change(moved(DEVICE, AT[0] + 0.0001, AT[1]), "wu", "device-move")
    book.undo(first.number, "wu")
    now = feature(book.read().document, DEVICE)
    assert now["geometry"]["coordinates"] == [AT[0] + 0.0001, AT[1]]
    assert now["properties"]["name"] == feature(GOOD, DEVICE)["properties"]["name"]
    second = book.change(named(DEVICE, "South gate"), "ling", "device-name")
    book.change(named(DEVICE, "West gate"), "wu", "device-name")
    content = book.path.read_bytes()
    with pytest.raises(PlacesConflictError) as told:
        book.undo(second.number, "ling")
    assert [one.key for one in told.value.differs] == [("device", DEVICE)]
    assert book.path.read_bytes() == content


def test_what_was_taken_out_comes_back_where_it_stood_however_much_it_was(book):
    begun = book.read().document
    devices = [one for one in begun["features"] if one["properties"]["kind"] == "device"]
    more = [json.loads(json.dumps(devices[0]).replace(DEVICE, f"more-{number}")) for number in range(6)]
    book.change(
        lambda document: {**document, "features": [*more[:3], *document["features"], *more[3:]]}, "ling", "edit"
    )
    before = book.read().document
    kept = [one for number, one in enumerate(before["features"]) if one not in more or number % 2]
    done = book.change(
        lambda document: {**document, "features": [*kept, devices[0] | {"properties": LAST}]}, "ling", "edit"
    )
    back = book.undo(done.number, "wu")
    assert book.read().document == before
    after = patched(before, differing(before, begun))
    assert after == begun
    book.undo(back.number, "ling")
    assert [one["properties"].get("id") for one in book.read().document["features"]][-1] == LAST["id"]


def test_what_would_be_wrong_is_not_written_and_leaves_no_entry(book):
    content = book.path.read_bytes()
    with pytest.raises(PlacesError, match="belongs to beat"):
        book.change(without(BEAT), "ling", "edit")
    assert (book.path.read_bytes(), book.changes()) == (content, [])
    checked = PlacesBook(book.path, lambda places: (_ for _ in ()).throw(PlacesError("no grid")))
    with pytest.raises(PlacesError, match="no grid"):
        checked.change(named(DEVICE, "x"), "ling", "edit")
    assert book.path.read_bytes() == content


def test_two_who_began_with_the_same_version_do_not_overwrite_each_other(book):
    base = book.read().version
    book.change(named(DEVICE, "North gate"), "ling", "device-name", base=base)
    with pytest.raises(PlacesConflictError) as told:
        book.change(named(DEVICE, "South gate"), "wu", "device-name", base=base)
    (one,) = told.value.differs
    assert one.now is not None
    assert (one.key, one.by, one.now["properties"]["name"]) == (("device", DEVICE), "ling", "North gate")
    assert told.value.version == book.read().version
    book.change(named(BEAT, "Old town"), "wu", "beat-name", base=base)
    names = {one["properties"].get("id"): one["properties"].get("name") for one in book.read().document["features"]}
    assert (names[DEVICE], names[BEAT]) == ("North gate", "Old town"), "another feature is nobody else's business"
    with pytest.raises(PlacesConflictError):
        book.change(named(BEAT, "New town"), "wu", "beat-name", base="0123456789abcdef")


def test_what_was_done_by_hand_is_an_entry_of_its_own_and_can_be_taken_back(book):
    book.change(named(DEVICE, "North gate"), "ling", "device-name")
    document = json.loads(book.path.read_bytes())
    feature(document, BEAT)["properties"]["residents"] = 77
    book.path.write_text(json.dumps(document), encoding="utf-8")
    by_hand, _ = book.changes()
    assert (by_hand.by, by_hand.what, by_hand.keys) == ("", BY_HAND, [("beat", BEAT)])
    assert changed_by(book.path, book.path.read_bytes()) == ("", by_hand.at_ms)
    book.undo(by_hand.number, "wu")
    assert feature(book.read().document, BEAT)["properties"].get("residents") != 77


@pytest.mark.parametrize("written", [False, True])
def test_killed_in_a_change_the_journal_says_what_the_file_says(book, monkeypatch, written):
    honest = replace_file

    def killed(path, content, **more):
        if path == book.path:
            if written:
                honest(path, content, **more)
            raise KeyboardInterrupt
        honest(path, content, **more)

    with monkeypatch.context() as patch:
        patch.setattr("ingest.places.places_book.replace_file", killed)
        with pytest.raises(KeyboardInterrupt):
            book.change(named(DEVICE, "North gate"), "ling", "device-name")
    found = [(one.by, one.what) for one in PlacesBook(book.path).changes()]
    assert found == ([("ling", "device-name")] if written else [])
    assert (load_places(book.path).devices[DEVICE].name["en"] == "North gate") == written
    with closing(sqlite3.connect(journal_of(book.path))) as journal:
        assert journal.execute("SELECT count(*) FROM changes WHERE NOT done").fetchone() == (0,)


def test_threads_that_change_at_the_same_time_lose_nothing(book):
    def work(number):
        book.change(lambda document: {**document, f"x{number}": number}, f"p{number}", "edit")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {f"x{number}" for number in range(8)} <= book.read().document.keys()
    assert {one.by for one in book.changes()} == {f"p{number}" for number in range(8)}


def test_the_log_is_told_who_changed_the_places(book, tmp_path):
    file = PlacesFile(book.path, tmp_path / "site" / "places.good.geojson")
    taker = Taker(file.load())
    done = book.change(named(DEVICE, "North gate"), "ling", "device-name")
    for _ in range(2):
        file.follow(taker)
    assert taker.said == ("ling", done.at_ms)
    document = copy.deepcopy(book.read().document)
    book.path.write_text(json.dumps(named(DEVICE, "by hand")(document)), encoding="utf-8")
    for _ in range(2):
        file.follow(taker)
    assert taker.said == ("", 0)


def test_a_damaged_journal_is_put_aside_and_the_file_can_be_changed(book):
    book.change(named(DEVICE, "North gate"), "ling", "device-name")
    journal_of(book.path).write_bytes(b"no database" * 500)
    assert changed_by(book.path, book.path.read_bytes()) == ("", 0)
    done = book.change(named(DEVICE, "South gate"), "wu", "device-name")
    assert [one.number for one in book.changes()] == [done.number]
    assert list(book.path.parent.glob("places.changes.db.damaged-*"))


def test_only_so_many_changes_are_kept(book, monkeypatch):
    monkeypatch.setattr("ingest.places.places_journal._MOST_CHANGES", 3)
    for number in range(6):
        book.change(named(DEVICE, f"gate {number}"), "ling", "device-name")
    assert [one.number for one in book.changes()] == [6, 5, 4]


def test_patches_of_names_that_are_used_twice_and_of_the_site_itself():
    line: dict[str, Any] = {"type": "LineString", "coordinates": [[121.4, 31.2], [121.5, 31.2]]}
    street: dict[str, Any] = {"type": "Feature", "properties": {"kind": "street", "name": "Canal"}, "geometry": line}
    other = copy.deepcopy(street)
    other["geometry"]["coordinates"][1] = [121.6, 31.2]
    before: dict[str, Any] = {"type": "FeatureCollection", "features": [street, other]}
    changed = copy.deepcopy(other)
    changed["geometry"]["coordinates"][0] = [121.45, 31.2]
    after = {**before, "name": {"en": "Canal side"}, "features": [street, changed]}
    patches = differing(before, after)
    assert [one.key[0] for one in patches] == ["site", "street"]
    assert patched(before, patches) == after
    assert patched(after, [one.undone() for one in reversed(patches)]) == before


def test_a_file_that_is_broken_hides_no_changes_and_is_not_written_over(book):
    done = book.change(named(DEVICE, "North gate"), "ling", "device-name")
    for broken in (b'{"type":', b"[1]", b'{"features": 1}'):
        book.path.write_bytes(broken)
        assert [one.number for one in book.changes()] == [done.number]
        with pytest.raises(PlacesError):
            book.change(named(DEVICE, "x"), "ling", "device-name")
        with pytest.raises(PlacesError):
            book.undo(done.number, "ling")
        assert book.path.read_bytes() == broken


def test_a_file_is_not_emptied(tmp_path):
    def bounds(places):
        places.bounds()

    book = PlacesBook(tmp_path / "places.geojson", bounds)
    made = book.change(lambda document: {**document, **GOOD}, "ling", "import")
    assert made is not None
    with pytest.raises(PlacesError, match="no beat and no device"):
        book.undo(made.number, "ling")
    assert len(book.read().places.devices) == len(load_places(book.path).devices) > 0
