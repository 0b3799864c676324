"""Places with bindings: what no codec can use, and what a city's gateways cannot go by, is refused as they are read."""

import pytest

from deploy.settings import Settings
from deploy.wiring import check_places
from ingest.codecs.bindings import Binding
from ingest.places import Beat, Device, Places, PlacesError
from stream.config import Site

SQUARE = ((121.0, 31.0), (121.01, 31.0), (121.01, 31.01), (121.0, 31.0))


def places(codec):
    door = Device(
        "door-1", "b1", "door", {}, 121.005, 31.001, bindings=(Binding(codec, "door-1", "zigbee2mqtt/front"),)
    )
    return Places({"b1": Beat("b1", {}, SQUARE)}, {"door-1": door})


def test_a_station_takes_bindings_and_a_city_refuses_them(tmp_path):
    station = Settings(site=Site(id="s"))
    check_places(places("zigbee2mqtt"), station, tmp_path / "places.geojson")
    with pytest.raises(PlacesError, match=r"places\.geojson: device 'door-1': .* codec is 'zigbee', expected one of"):
        check_places(places("zigbee"), station, tmp_path / "places.geojson")
    city = Settings(site=Site(id="s"), kafka=type(station.kafka)(bootstrap="127.0.0.1:9092"))
    with pytest.raises(PlacesError, match="'door-1' has bindings, which a city's gateways do not go by"):
        check_places(places("zigbee2mqtt"), city, tmp_path / "places.geojson")
