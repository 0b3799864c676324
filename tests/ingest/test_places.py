"""A places file is read whole, or refused with the feature that is wrong."""

import copy
import json
from typing import Any

import pytest

from ingest.places import Landmark, PlacesError, load_places, parse_places

SQUARE = [[121.0, 31.0], [121.1, 31.0], [121.1, 31.1], [121.0, 31.0]]
GOOD: dict[str, Any] = {
    "type": "FeatureCollection",
    "name": {"zh-CN": "青梧片区"},
    "features": [
        {
            "properties": {"kind": "beat", "id": "b1", "name": "Beat", "residents": 10, "officers": 1},
            "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
        },
        {
            "properties": {"kind": "device", "id": "cam-1", "beat": "b1", "type": "camera", "name": {"en": "Cam"}},
            "geometry": {"type": "Point", "coordinates": [121.05, 31.05]},
        },
        {
            "properties": {"kind": "street", "name": "A street"},
            "geometry": {"type": "LineString", "coordinates": SQUARE[:2]},
        },
        {
            "properties": {"kind": "landmark", "name": {"en": "Market", "zh-CN": "菜场"}},
            "geometry": {"type": "Point", "coordinates": [121.06, 31.02]},
        },
    ],
}


def test_reads_beats_devices_streets_landmarks_and_names(tmp_path):
    path = tmp_path / "places.geojson"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    places = load_places(path)
    assert places.name == {"en": "青梧片区", "zh-CN": "青梧片区"}
    assert places.beats["b1"].residents == 10
    assert (places.devices["cam-1"].lon, places.devices["cam-1"].name["zh-CN"]) == (121.05, "Cam")
    assert len(places.streets) == 1
    assert places.landmarks == (Landmark({"en": "Market", "zh-CN": "菜场"}, 121.06, 31.02),)
    assert places.bounds() == (121.0, 31.0, 121.1, 31.1)


@pytest.mark.parametrize(
    ("feature", "section", "key", "value", "told"),
    [
        (0, "properties", "id", "no space", "feature 0 .*'no space'.*expected letters"),
        (0, "properties", "id", "incidents", "reserved topic word"),
        (0, "properties", "residents", -1, "residents -1, expected a whole number"),
        (0, "geometry", "type", "Point", "expected Polygon"),
        (0, "geometry", "coordinates", [SQUARE[:2]], "has 2 points, expected at least 4"),
        (1, "properties", "beat", "b9", "device 'cam-1' belongs to beat 'b9'.*beats are b1"),
        (1, "properties", "type", "drone", "'drone', expected one of camera"),
        (1, "properties", "overrides", [1], "overrides"),
        (1, "properties", "bindings", {"codec": "x"}, "has wrong bindings are .*, expected a list of bindings"),
        (1, "properties", "bindings", [{"codec": "x"}], "wrong bindings, number 1: .* missing required field `match`"),
        (
            1,
            "properties",
            "bindings",
            [{"codec": "x", "match": "a", "device": "d"}],
            "device is 'd', expected 'cam-1' or none",
        ),
        (1, "properties", "name", 7, "has name 7"),
        (1, "geometry", "coordinates", [121.0, 91.0], r"expected \[lon, lat\]"),
        (1, "geometry", "coordinates", ["a", "b"], r"expected \[lon, lat\]"),
        (
            1,
            "geometry",
            "coordinates",
            [12.05, 31.05],
            r"device 'cam-1' .*\[12.05, 31.05\]: 10,\d{3} km from the middle",
        ),
        (0, "geometry", "coordinates", [[*SQUARE[:2], [121.1, 13.1], SQUARE[3]]], r"beat 'b1' .* km from the middle"),
        (2, "properties", "kind", "river", "'kind' is 'river', expected beat, device, street or landmark"),
        (3, "geometry", "type", "Polygon", "expected Point"),
        (3, "properties", "name", 7, "has name 7"),
    ],
)
def test_names_the_feature_that_is_wrong(feature, section, key, value, told):
    document = copy.deepcopy(GOOD)
    document["features"][feature][section][key] = value
    with pytest.raises(PlacesError, match=rf"^file\.geojson: .*{told}"):
        parse_places(document, "file.geojson")


@pytest.mark.parametrize(
    "document", [[], {}, {"type": "FeatureCollection"}, {"type": "FeatureCollection", "features": [1]}]
)
def test_refuses_what_is_no_collection(document):
    with pytest.raises(PlacesError):
        parse_places(document)


def test_refuses_the_same_id_twice():
    document = copy.deepcopy(GOOD)
    document["features"].append(document["features"][1])
    with pytest.raises(PlacesError, match="'cam-1' is used twice"):
        parse_places(document)


def test_says_what_is_no_json(tmp_path):
    path = tmp_path / "places.geojson"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(PlacesError, match=r"places\.geojson: not JSON"):
        load_places(path)


@pytest.mark.parametrize(
    ("heading", "right"), [(0, True), (359.5, True), (None, True), (361, False), ("N", False), (True, False)]
)
def test_where_a_camera_looks_is_degrees_from_north(heading, right):
    document = copy.deepcopy(GOOD)
    device = next(one for one in document["features"] if one["properties"]["kind"] == "device")
    device["properties"]["heading"] = heading
    if right:
        assert parse_places(document).devices[device["properties"]["id"]].heading == heading
    else:
        with pytest.raises(PlacesError, match="expected degrees clockwise from north"):
            parse_places(document)
