"""What a station sends its edge agents: signed, one version after the other, and heard at the broker."""

from __future__ import annotations

import argparse
import json
import shlex
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from console.cli.commands import edge
from console.errors import CommandError
from ingest import topics
from ingest.codecs.bindings import BindingError
from ingest.edge.signed_settings import SettingsRefusedError, read_key, read_settings
from ingest.health import AgentHealth, AgentReport
from ingest.setup.settings import SettingsError
from stream.sinks.store.store_sink import StoreSink
from tests.ingest.brokers import Broker, Publisher
from tests.stream import make_results as make
from tests.stream.make_results import T0
from tests.support import wait_for

TOPIC = topics.settings("s1", "b1", "pi-1")
BINDING = {"codec": "zigbee2mqtt", "device": "door-1", "match": "zigbee2mqtt/hall", "part": "contact"}
SQUARE = [[121.47, 31.23], [121.48, 31.23], [121.48, 31.24], [121.47, 31.24], [121.47, 31.23]]


def feature(shape: str, coordinates: list[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    one = Broker("embedded", 3, tmp_path_factory.mktemp("broker"))
    yield one
    one.stop()


@pytest.fixture
def station(tmp_path, broker, capsys):
    """Runs the command in a folder with settings, and gives what it printed."""
    places = [feature("Polygon", [SQUARE], kind="beat", id="b1", name="B")]
    for device, more in (("pi-1", {}), ("door-1", {"bindings": [BINDING]})):
        places.append(feature("Point", [121.475, 31.235], kind="device", id=device, beat="b1", type="door", **more))
    (tmp_path / "places.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": places}))
    (tmp_path / "patrolgrid.toml").write_text(
        f'[site]\nid = "s1"\nplaces = "places.geojson"\n[broker]\nmode = "external"\nport = {broker.port}\n'
        '[data]\ndir = "data"\n[plates]\nkey_file = "keys/plates.key"\n'
    )

    def run(line: str):
        parser = argparse.ArgumentParser()
        edge.add_arguments(parser)
        options = parser.parse_args([*shlex.split(line), "--config", str(tmp_path / "patrolgrid.toml")])
        assert edge.run(options) == 0
        return capsys.readouterr().out

    return run


def test_each_word_of_the_station_is_a_higher_version_that_its_agent_alone_takes(station, tmp_path, broker):
    (tmp_path / "pi-1.key").write_text(station("key pi-1"))
    key = read_key(tmp_path / "pi-1.key")
    assert station("key pi-1") == (tmp_path / "pi-1.key").read_text() != station("key door-1")
    (tmp_path / "new.toml").write_text("health_s = 30\n")
    heard: list[bytes] = []
    listener = Publisher(broker.port)
    listener.client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    listener.client.subscribe(TOPIC, qos=1)
    for line, settings in ((f"settings pi-1 {tmp_path / 'new.toml'}", {"health_s": 30}), ("settings pi-1 --none", {})):
        before = len(heard)
        assert json.loads(station(f"{line} --json"))["version"] == before + 1
        wait_for(partial(heard.__getitem__, slice(before, None)), "the agent hears it")
        found = read_settings(heard[-1], TOPIC, key, above=before)
        assert (found.version, found.settings, found.device) == (before + 1, settings, "pi-1")
    with pytest.raises(SettingsRefusedError, match="sent again"):
        read_settings(heard[0], TOPIC, key, above=2)
    assert "settings 2 were sent last; no agent that speaks through it has told of itself yet" in station(
        "settings pi-1 --lang en"
    )
    listener.close()


def test_what_the_agent_says_counts_too_and_bindings_come_from_the_places(station, tmp_path):
    said = AgentHealth(ts=T0, devices=("pi-1", "door-1"), settings=6, settings_refused=7, settings_problem="no broker")
    with closing(StoreSink(tmp_path / "data/s1/store.db", "s1")) as sink:
        sink.write([make.results(1, agents=[AgentReport(beat="b1", device="pi-1", ts=T0, health=said)])])
    shown = station("settings pi-1 --lang en")
    assert "no settings were sent from here; the agent goes by settings 6" in shown
    assert "It has not taken what was sent: no broker" in shown
    sent = json.loads(station("settings pi-1 --places --json"))
    assert sent == {"device": "pi-1", "version": 8, "settings": {"bindings": [BINDING]}}


def test_what_cannot_be_meant_is_refused_by_name_and_nothing_is_sent(station, tmp_path):
    (tmp_path / "bad.toml").write_text('[agent]\nsite = "other"\n')
    (tmp_path / "junk.toml").write_text("health_s = = 3")
    for line, error, why in (
        (f"settings pi-1 {tmp_path / 'bad.toml'}", SettingsError, "agent cannot be set from afar"),
        (f"settings pi-1 {tmp_path / 'junk.toml'}", SettingsError, r"junk\.toml: .*line 1"),
        ("settings nobody --none", CommandError, "nobody is no device of"),
        ("settings pi-1 --places", BindingError, "no bindings for pi-1"),
    ):
        with pytest.raises(error, match=why):
            station(line)
    assert not (tmp_path / "data/s1/settings").exists()
