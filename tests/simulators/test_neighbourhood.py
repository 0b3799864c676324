import msgspec
import pytest

from ingest.places import PlacesError
from ingest.topics import ID_PATTERN
from simulators.world import neighbourhood


def test_the_quarter_is_as_large_as_promised():
    site = neighbourhood.quarter()
    beats = site.places.beats.values()
    assert len(site.places.beats) >= 5
    assert len(site.specs) >= 80
    assert sum(beat.residents for beat in beats) == 5_000
    assert sum(beat.officers for beat in beats) == 3
    kinds = {spec.device.type for spec in site.specs}
    assert kinds >= {"camera", "gate", "noise", "smoke", "heat", "water", "door", "manhole"}
    assert all(beat.name["en"] and beat.name["zh-CN"] for beat in beats)
    assert any(not spec.numbered for spec in site.specs)


def test_every_name_is_its_own():
    names = [device.name["en"] for device in neighbourhood.quarter().places.devices.values()]
    assert len(set(names)) == len(names)


def test_a_places_file_may_say_how_busy_its_devices_are(tmp_path):
    document = neighbourhood.places_geojson()
    path = tmp_path / "places.geojson"
    by_id = {feature["properties"].get("id"): feature["properties"] for feature in document["features"]}
    assert by_id["camera-01"].pop("habits")["profile"] == "nightlife"
    path.write_bytes(msgspec.json.encode(document))
    first, second, *_ = neighbourhood.load(path).specs
    assert second == neighbourhood.quarter().specs[1]
    assert first.people_h >= 150
    by_id["camera-02"]["habits"]["people_h"] = "many"
    path.write_bytes(msgspec.json.encode(document))
    with pytest.raises(PlacesError, match=r"places\.geojson: the habits of 'camera-02': .*people_h"):
        neighbourhood.load(path)


def test_devices_stand_in_their_beat_or_on_its_edge():
    found = neighbourhood.quarter().places
    for device in found.devices.values():
        ring = found.beats[device.beat].polygon
        lons, lats = [point[0] for point in ring], [point[1] for point in ring]
        assert min(lons) - 0.0003 <= device.lon <= max(lons) + 0.0003, device.id
        assert min(lats) - 0.0003 <= device.lat <= max(lats) + 0.0003, device.id


@pytest.mark.parametrize("n", [1, 99, 100, 101, 1234])
def test_scale_gives_as_many_devices_as_asked(n):
    site = neighbourhood.scale(n)
    assert len(site.specs) == n
    assert {device.beat for device in site.places.devices.values()} == set(site.places.beats)
    assert all(ID_PATTERN.match(device) for device in site.places.devices)


def test_scale_refuses_no_devices():
    with pytest.raises(ValueError, match="at least 1"):
        neighbourhood.scale(0)


def test_a_part_of_a_site_names_what_it_does_not_know():
    with pytest.raises(ValueError, match="camera-999"):
        neighbourhood.quarter().only(["camera-01", "camera-999"])
