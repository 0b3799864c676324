import pytest

from ingest.places import load_places, parse_places
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
    names = [device.name["en"] for device in neighbourhood.places().devices.values()]
    assert len(set(names)) == len(names)


def test_the_file_beside_the_code_is_what_the_code_makes():
    assert load_places(neighbourhood.PLACES_FILE) == neighbourhood.places()


def test_devices_stand_in_their_beat_or_on_its_edge():
    found = neighbourhood.places()
    for device in found.devices.values():
        ring = found.beats[device.beat].polygon
        lons, lats = [point[0] for point in ring], [point[1] for point in ring]
        assert min(lons) - 0.0003 <= device.lon <= max(lons) + 0.0003, device.id
        assert min(lats) - 0.0003 <= device.lat <= max(lats) + 0.0003, device.id


def test_places_survive_writing(tmp_path):
    site = neighbourhood.scale(250)
    path = tmp_path / "places.geojson"
    neighbourhood.write_places(path, neighbourhood.to_geojson(site.places))
    assert load_places(path) == site.places
    assert neighbourhood.load_site(path).specs == site.specs


@pytest.mark.parametrize("n", [1, 99, 100, 101, 1234])
def test_scale_gives_as_many_devices_as_asked(n):
    site = neighbourhood.scale(n)
    assert len(site.specs) == n
    assert parse_places(neighbourhood.to_geojson(site.places)) == site.places


def test_scale_refuses_no_devices():
    with pytest.raises(ValueError, match="at least 1"):
        neighbourhood.scale(0)


def test_a_part_of_a_site_names_what_it_does_not_know():
    with pytest.raises(ValueError, match="camera-999"):
        neighbourhood.quarter().only(["camera-01", "camera-999"])
