"""A places file that is edited: what is whole is taken, of what is broken the last good one stays, and it is told."""

from __future__ import annotations

import copy
import json
import logging
import os
from dataclasses import replace

import pytest

from ingest.gateway.places_file import PlacesFile, differences
from ingest.places import PlacesError
from tests.ingest.test_places import GOOD


class Taker:
    """A gateway, as far as its places go; `stuck` while its log takes nothing."""

    def __init__(self, places=None):
        self.places, self.given, self.stuck = places, [], False

    def change_places(self, places, by="", at_ms=0):
        self.said = by, at_ms
        self.given.append(places)
        if not self.stuck:
            self.places = places


class Site:
    def __init__(self, folder, document=GOOD):
        self.path, self.good = folder / "places.geojson", folder / "site" / "places.good.geojson"
        self.write(document)
        self.file = self.opened()
        self.gateway = Taker(self.file.load())

    def opened(self):
        return PlacesFile(self.path, self.good)

    def write(self, document):
        self.path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")

    def look(self, times=2):
        for _ in range(times):
            self.file.follow(self.gateway)


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.look()
    assert made.gateway.given == []
    assert made.good.read_bytes() == made.path.read_bytes()
    return made


def document(**changes):
    made = copy.deepcopy(GOOD)
    made["features"][1]["properties"] |= changes
    return made


def test_an_edit_goes_into_the_log_once_and_is_kept(site):
    site.write(document(overrides={"silent_s": 60}))
    site.look(5)
    assert [places.devices["cam-1"].overrides for places in site.gateway.given] == [{"silent_s": 60}]
    assert site.good.read_bytes() == site.path.read_bytes()
    assert site.file.problem == ""


BROKEN = {
    "cut": json.dumps(GOOD)[:-40],
    "empty": "",
    "blank": " \n",
    "a list": "[]",
    "twice": json.dumps(GOOD | {"features": [*GOOD["features"], GOOD["features"][1]]}),
    "coordinate": document(name="x") | {"features": [*GOOD["features"][:1], {
        "properties": {"kind": "device", "id": "cam-7", "beat": "b1", "type": "camera"},
        "geometry": {"type": "Point", "coordinates": [121.05, 131.05]},
    }]},
    "deep": "[" * 100_000,
    "nothing in it": {"type": "FeatureCollection", "features": []},
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_edit_keeps_the_last_good_places_and_says_why(site, what, caplog):
    def check(places):
        places.bounds()

    site.file._check = check
    with caplog.at_level(logging.INFO):
        site.write(BROKEN[what])
        site.look(1)
        assert site.file.problem == "", "an editor may still be writing"
        site.look(4)
    assert site.file.problem
    assert [record.levelname for record in caplog.records] == ["ERROR"], "it is said once"
    if what == "coordinate":
        assert "feature 1 ('cam-7') has the coordinates [121.05, 131.05], expected [lon, lat]" in site.file.problem
    assert site.gateway.given == []
    again = PlacesFile(site.path, site.good, check)
    with caplog.at_level(logging.ERROR):
        assert again.load() == site.gateway.places, "a start with it goes on with the last good ones"
    assert "the last good places are used" in caplog.text
    assert again.problem == site.file.problem
    site.write(document(name="Camera one"))
    site.look()
    assert site.file.problem == ""
    assert [places.devices["cam-1"].name["en"] for places in site.gateway.given] == ["Camera one"]


def test_a_file_that_is_gone_for_a_moment_is_nothing_to_speak_of_and_for_longer_it_is(site):
    content = site.path.read_bytes()
    site.path.unlink()
    site.look(1)
    site.path.write_bytes(content)
    site.look(3)
    assert (site.file.problem, site.gateway.given) == ("", [])
    site.path.unlink()
    site.look(2)
    assert "No such file" in site.file.problem
    site.path.write_bytes(content)
    site.look(2)
    assert (site.file.problem, site.gateway.given) == ("", [])


def test_an_edit_that_changes_neither_time_nor_size_is_seen_too(site):
    stat = site.path.stat()
    site.path.write_bytes(site.path.read_bytes().replace(b'"Cam"', b'"Cat"'))
    os.utime(site.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    site.look(10)
    assert [places.devices["cam-1"].name["en"] for places in site.gateway.given] == ["Cat"]


def test_what_does_not_get_into_the_log_is_not_kept_and_comes_again_after_a_restart(site):
    site.gateway.stuck = True
    site.write(document(name="Other"))
    site.look(3)
    again = site.opened()
    places = again.load()
    assert places.devices["cam-1"].name["en"] == "Other"
    assert again.kept is not None
    assert again.kept != places, "so it is logged first"
    site.gateway.stuck = False
    site.gateway.places = places
    again.follow(site.gateway)
    assert again.kept == places


def test_without_any_good_places_there_is_no_start(tmp_path):
    path = tmp_path / "places.geojson"
    with pytest.raises(FileNotFoundError):
        PlacesFile(path, tmp_path / "good").load()
    path.write_text("{")
    (tmp_path / "good").write_text("[")
    with pytest.raises(PlacesError, match=r"places\.geojson: not JSON"):
        PlacesFile(path, tmp_path / "good").load()


def test_differences_are_counted(site):
    places = site.file.places
    cam, beat = places.devices["cam-1"], places.beats["b1"]
    more = replace(places, devices={"cam-1": replace(cam, beat="b2"), "cam-2": cam}, beats={"b2": beat})
    assert differences(places, more) == "1 devices new, 1 in another beat, 1 beats new, 1 beats gone"
    assert differences(places, replace(places, name={})) == "names and lines only"
