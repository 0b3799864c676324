"""Lists of devices and outlines of other programs, put into a places file; and all that is wrong in one, by line."""

import json

import pytest

from deploy.station.example_places import example_places
from ingest.codecs.csv_files import BadRows
from ingest.places import parse_places, read_places
from ingest.places.importing import dump, in_beats, merge, read_devices, take_features
from ingest.places.place_findings import beat_at, find_all, outside_m

EXAMPLE = example_places("Station", 121.47, 31.23, lambda what: f"what a {what} is for")
EAST, WEST = [121.4721, 31.2301], [121.4681, 31.2301]


def put(tmp_path, name, content, *, without_example=False):
    """Import a file into the example; return what became of it, and what was not taken."""
    path, faults = tmp_path / name, []
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    bad = BadRows()
    found = read_devices(path, bad) if name.endswith(".csv") else take_features(path.read_bytes(), str(path))
    faults += [(row.line, row.why) for row in bad]
    found = in_beats(found, parse_places(EXAMPLE), name, faults)
    merged = merge(EXAMPLE, found, without_example=without_example)
    read_places(dump(merged.document), name)  # what is written can be read
    return merged, sorted(faults)


def device(merged, identifier):
    return next(one["properties"] for one in merged.document["features"] if one["properties"].get("id") == identifier)


def test_a_list_from_a_chinese_office_is_understood(tmp_path):
    merged, faults = put(
        tmp_path,
        "设备.csv",
        f"设备编号;类型;名称;经度;纬度;网格\nkx-1;摄像头;东门;{EAST[0]};{EAST[1]};\nkx-2;车辆卡口;南门;{WEST[0]};{WEST[1]};溪滨里（示例）\n"
        f";烟感;3号楼;{WEST[0]};{WEST[1]};old-market\n".encode("gbk"),
    )
    assert faults == []
    assert merged.added[:2] == ["kx-1", "kx-2"]
    assert device(merged, "kx-1") == {
        "kind": "device", "id": "kx-1", "type": "camera", "name": "东门", "beat": "creekside",
    }  # fmt: skip
    assert (device(merged, "kx-2")["type"], device(merged, "kx-2")["beat"]) == ("gate", "creekside")
    assert merged.added[2].startswith("3-"), "an id is made of the name"


def test_rows_that_are_wrong_are_named_by_line_and_the_others_taken(tmp_path):
    rows = [
        "a,camera,A,121.468,31.23,", "b,airship,B,121.468,31.23,", "c,camera,C,12.468,31.23,", "d,camera,D,121.468,91,",
        "a,camera,again,121.468,31.23,", "console,camera,E,121.468,31.23,", "f,camera,F,121.468,31.23,harbour",
        ",camera,,121.468,31.23,",
    ]  # fmt: skip
    merged, faults = put(tmp_path, "list.csv", "\n".join(["id,type,name,lon,lat,beat", *rows]))
    assert merged.added == ["a"]
    assert faults == [
        (3, "type is 'airship', expected one of camera, gate, noise, smoke, heat, water, door, manhole, environment"),
        (4, "the coordinates [12.468, 31.23] lie in no beat; name one of creekside, old-market, or draw one around it"),
        (5, "lat is '91', expected a number of at most 90"),
        (6, "the id 'a' is used twice; the first is line 2"),
        (7, "id is 'console', an account with rights of its own at the broker"),
        (8, "beat is 'harbour', which is not there; beats are creekside, old-market"),
        (9, "has neither an id nor a name, expected one of them"),
    ]


def test_what_is_there_is_changed_and_keeps_what_the_list_does_not_say(tmp_path):
    before = device(merge(EXAMPLE, [], without_example=False), "smoke-01")
    before["overrides"] = {"room": "stairs"}
    merged, _ = put(tmp_path, "list.csv", f"id,type,name,lon,lat\nsmoke-01,smoke,Attic,{EAST[0]},{EAST[1]}\n")
    assert (merged.added, merged.changed) == ([], ["smoke-01"])
    found = device(merged, "smoke-01")
    assert (found["name"], found["beat"]) == ("Attic", "creekside")
    assert "explained" not in found, "it is the station's own now"
    coming = in_beats(read_devices(tmp_path / "list.csv", BadRows()), parse_places(EXAMPLE), "", [])
    again = merge(merged.document, coming, without_example=False)
    assert (again.added, again.changed, again.same) == ([], [], 1)


def test_a_map_of_another_program_becomes_beats_streets_landmarks_and_devices(tmp_path):
    ring = [[121.475, 31.228], [121.48, 31.228], [121.48, 31.232], [121.475, 31.232], [121.475, 31.228]]
    features = [
        {"id": 7, "properties": {"name": "Harbour"}, "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]}},
        {
            "properties": {"name": "码头路", "name:en": "Quay Road"},
            "geometry": {"type": "LineString", "coordinates": ring[:2]},
        },
        {"properties": {"name": "Lighthouse"}, "geometry": {"type": "Point", "coordinates": ring[0]}},
        {
            "properties": {"name": "Quay", "type": "摄像机"},
            "geometry": {"type": "Point", "coordinates": [121.477, 31.23]},
        },
        {"properties": {"name": "Nowhere"}, "geometry": None},
        7,
    ]
    text = '{"type": "FeatureCollection", "features": [\n' + ",\n".join(map(json.dumps, features)) + "]}"
    merged, faults = put(tmp_path, "map.geojson", text)
    places = parse_places(merged.document)
    assert merged.added == ["7", {"en": "Quay Road", "zh-CN": "码头路"}, "Lighthouse", "Quay"]
    assert places.devices["Quay"].beat == "7"
    assert places.streets[-1].name == {"en": "Quay Road", "zh-CN": "码头路"}
    assert places.landmarks[-1].name["en"] == "Lighthouse"
    assert [line for line, _ in faults] == [6, 7]


def test_the_example_goes_but_for_the_beats_that_are_used(tmp_path):
    merged, _ = put(
        tmp_path, "list.csv", f"id,type,name,lon,lat\nmine,camera,Mine,{WEST[0]},{WEST[1]}\n", without_example=True
    )
    places = parse_places(merged.document)
    assert (list(places.beats), list(places.devices), places.streets, places.landmarks) == (
        ["old-market"], ["mine"], (), (),
    )  # fmt: skip
    assert {"creekside", "camera-01"} <= {one for one in merged.gone if isinstance(one, str)}
    assert {"en": "Lantern Street (example)", "zh-CN": "灯笼街（示例）"} in merged.gone


def test_all_that_is_wrong_or_odd_is_told_by_line():
    ring = [[121.47, 31.228], [121.474, 31.228], [121.474, 31.232], [121.47, 31.232]]
    document = merge(EXAMPLE, [], without_example=False).document
    for one in document["features"]:
        one["properties"].pop("explained")
    features = document["features"]
    features[1]["geometry"]["coordinates"] = [[*ring, [121.4705, 31.2279], ring[0]]]
    features[6]["geometry"]["coordinates"] = [121.4735, 31.2301]  # camera-01, of the old market
    features[7]["properties"]["type"] = "gatehouse"
    features[8]["geometry"]["coordinates"] = [121.4681, 31.24]  # noise-01
    features[9]["properties"]["beat"] = "harbour"
    features[10]["properties"]["id"] = "board"
    features[11]["geometry"]["coordinates"] = [12.4681, 31.23]
    features[14]["properties"]["explained"] = "of the example"
    places, found = find_all(dump(document), "x.geojson")
    assert places is not None
    told = [(one.line, one.code, one.error) for one in found]
    assert [(line, code) for line, code, _ in told] == [
        (3, "crosses"), (8, "elsewhere"), (9, ""), (10, "outside"), (11, ""), (12, "account"), (13, ""),
        (16, "example"),
    ]  # fmt: skip
    assert "feature 7 ('gate-01') has type 'gatehouse'" in told[2][2]
    assert "belongs to beat 'harbour'" in told[4][2]
    assert "km from the middle" in told[6][2]
    assert found[3].values["metres"] == pytest.approx(890, abs=60)
    assert not {"gate-01", "smoke-01", "water-01"} & places.devices.keys(), "what is wrong is left out"


def test_a_beat_that_is_wrong_is_one_finding_and_not_one_for_each_of_its_devices():
    document = merge(EXAMPLE, [], without_example=False).document
    document["features"][0]["properties"]["residents"] = -1
    places, found = find_all(dump(document), "x.geojson")
    assert {(one.line, one.code) for one in found} == {(2, ""), (2, "example")}
    assert len(found) == 2
    assert places is not None
    assert {one.beat for one in places.devices.values()} == {"creekside"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"type":"FeatureCollection"}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_places_file_is_one_finding(content):
    places, found = find_all(content, "x.geojson")
    assert places is None
    assert [(one.line, bool(one.error)) for one in found] == [(0, True)]


def test_the_example_is_a_places_file_without_a_fault():
    places, found = find_all(dump(EXAMPLE), "x.geojson")
    assert [(one.code, one.values) for one in found] == [("example", {"count": len(EXAMPLE["features"])})]
    assert places is not None
    for one in places.devices.values():
        assert outside_m(places.beats[one.beat], (one.lon, one.lat)) == 0
        assert beat_at(places.beats.values(), (one.lon, one.lat)) == one.beat
