"""The whole agent over real brokers: devices' words in, observations and health at the station, settings from afar."""

import json
import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from functools import partial

import msgspec
import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest import topics
from ingest.edge.service import EdgeService
from ingest.edge.signed_settings import SignedSettings, key_text, settings_key, write_settings
from ingest.health import read_health
from ingest.observations import Gate, Observation
from ingest.setup.settings import SettingsError
from tests.ingest.brokers import Broker, Publisher
from tests.support import free_port, wait_for

DECODER = msgspec.json.Decoder(Observation | list[Observation])
KEY = settings_key(b"the station's secret", "door-1")
SETTINGS = topics.settings("s1", "b1", "door-1")
FILE = """
[agent]
site = "s1"
folder = "kept"
settings_key_file = "settings.key"
[broker]
port = {station}
[[devices]]
device = "door-1"
beat = "b1"
[[devices]]
device = "noise-1"
beat = "b1"
[[sources]]
kind = "mqtt"
codecs = ["zigbee2mqtt"]
port = {beside}
[[bindings]]
codec = "zigbee2mqtt"
device = "door-1"
match = "zigbee2mqtt/door"
"""


class Heard:
    """Everything that comes to the station."""

    def __init__(self, port):
        self.last, self.said, self.ready = {}, defaultdict(list), threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "station")
        self.client.on_connect = lambda client, *_: client.subscribe("patrolgrid/v1/#", 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(60)

    def _message(self, _client, _userdata, message):
        self.last[message.topic] = message.payload
        if message.topic.endswith("/obs") and message.payload:
            found = DECODER.decode(message.payload)
            self.said[message.topic.split("/")[-2]] += found if isinstance(found, list) else [found]

    def health(self, device="door-1"):
        payload = self.last.get(topics.health("s1", "b1", device))
        return read_health(payload) if payload else None

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Asked:
    """A stop that a test sets."""

    def __init__(self):
        self._event = threading.Event()

    @property
    def asked(self):
        return self._event.is_set()

    def ask(self):
        self._event.set()

    def wait(self, timeout_s):
        return self._event.wait(min(timeout_s, 0.02))


@contextmanager
def running(path, **options):
    stop = Asked()
    words: list[object] = []
    with closing(EdgeService(path, gap_s=0.1, **options)) as service:
        thread = threading.Thread(target=lambda: words.append(service.run(stop, words.append, 0.5)))
        thread.start()
        try:
            yield service, words
        finally:
            stop.ask()
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def brokers(tmp_path_factory):
    two = [Broker("mosquitto", 3, tmp_path_factory.mktemp("broker")) for _ in range(2)]
    yield two
    for one in two:
        one.stop()


@pytest.fixture
def station(brokers):
    with closing(Heard(brokers[0].port)) as heard:
        yield heard
        heard.client.publish(SETTINGS, b"", 1, retain=True).wait_for_publish(10)


@pytest.fixture
def beside(brokers):
    publisher = Publisher(brokers[1].port)
    yield publisher
    publisher.close()


@pytest.fixture
def path(tmp_path, brokers):
    found = tmp_path / "edge.toml"
    found.write_text(FILE.format(station=brokers[0].port, beside=brokers[1].port), encoding="utf-8")
    (tmp_path / "settings.key").write_text(key_text(KEY), encoding="ascii")
    return found


def hears_beside(service):
    wait_for(lambda: all(source.up for source in service._house.sources), "the agent hears the broker beside it")


def test_a_door_beside_the_agent_is_said_at_the_station_by_its_own_device(path, station, beside):
    with running(path) as (service, words):
        hears_beside(service)
        beside.send("zigbee2mqtt/door", b'{"contact":true}', b'{"contact":false}')
        wait_for(lambda: len(station.said["door-1"]) == 2, "the door's states arrive")
        assert [one.value for one in station.said["door-1"]] == ["closed", "open"]
        beside.send("zigbee2mqtt/somebody", b'{"smoke":true}')
        beside.send("zigbee2mqtt/京A12345", b'{"smoke":true}')
        beside.send("zigbee2mqtt/door", b"{")
        wait_for(lambda: station.health() and len(service._house.desk.refused) > 1, "the agent says how it is")
        found = service.health()
        assert (found.devices, dict(found.refused)) == (("door-1", "noise-1"), {"json": 1, "plate": 1})
        assert [(one.match, one.guess) for one in found.strangers] == [("zigbee2mqtt/somebody", "smoke")]
        assert found.disk_free_mb
        assert found.memory_mb
        assert found.queue == 0
        assert station.health().devices == ("door-1", "noise-1"), "the birth"
        beside.send("zigbee2mqtt/door/availability", b'{"state":"offline"}', retain=True)
        status = topics.status("s1", "b1", "door-1")
        wait_for(lambda: b"offline" in station.last[status], "what its own bridge has lost is offline")
        assert b"online" in station.last[topics.status("s1", "b1", "noise-1")]
        beside.send("zigbee2mqtt/door/availability", b"", retain=True)
    wait_for(lambda: b"offline" in station.last[topics.status("s1", "b1", "noise-1")], "the agent is gone")
    assert words[0] == "READY=1"
    assert "WATCHDOG=1" in words
    assert words[-2:] == ["STOPPING=1", True]


def test_what_the_broker_beside_kept_while_the_agent_was_away_is_taken_once(path, station, beside):
    with running(path) as (service, _):
        hears_beside(service)
        beside.send("zigbee2mqtt/door", b'{"contact":true}')
        wait_for(lambda: station.said["door-1"], "the door's state arrives")
    beside.send("zigbee2mqtt/door", b'{"contact":false}', b'{"contact":true}')
    with running(path):
        wait_for(lambda: len(station.said["door-1"]) == 3, "what the broker had kept arrives")
    assert [one.value for one in station.said["door-1"]] == ["closed", "open", "closed"]


def signed(version, settings, key=KEY, topic=SETTINGS):
    return write_settings(SignedSettings(device="door-1", version=version, made_ms=1, settings=settings), topic, key)


def taken(service, version):
    return service.health().settings == version


def send(station, payload):
    station.client.publish(SETTINGS, payload, 1, retain=True).wait_for_publish(10)


def test_settings_of_the_station_are_tried_and_taken_and_outlive_a_restart(path, station, beside):
    bindings = [{"codec": "zigbee2mqtt", "device": "noise-1", "match": "zigbee2mqtt/noise"}]
    with running(path) as (service, _):
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        send(station, signed(3, {"bindings": bindings}))
        wait_for(lambda: service.health().settings == 3, lambda: service.health().settings_problem)
        hears_beside(service)
        beside.send("zigbee2mqtt/noise", b'{"noise":61.5}')
        wait_for(lambda: station.said["noise-1"], "what is bound now arrives")
    with running(path) as (service, _):
        assert [one.device for one in service.file.bindings] == ["noise-1"]
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        send(station, signed(4, {}))
        wait_for(partial(taken, service, 4), "an empty version goes back to the agent's own")
        assert [one.device for one in service.file.bindings] == ["door-1"]


def test_settings_with_which_nothing_connects_are_taken_back(path, station):
    with running(path, trial_s=0.5) as (service, _):
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        send(station, signed(2, {"broker": {"port": free_port()}}))
        wait_for(lambda: service.health().settings_refused == 2, "they are taken back")
        found = service.health()
        assert found.settings == 0
        assert "could not connect with them" in found.settings_problem
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "the devices are back")
        wait_for(lambda: station.health().settings_refused == 2, "the station is told")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (signed(5, {"devices": []}), "devices cannot be set from afar"),
        (signed(5, {"bindings": [{"codec": "zigbee2mqtt", "device": "x-9", "match": "m"}]}), "expected one of door-1"),
        (signed(5, {}, key=settings_key(b"another secret", "door-1")), "not signed with this agent's key"),
        (signed(5, {}, topic=topics.settings("s1", "b1", "cam-1")), "not signed with this agent's key"),
        (signed(5, {}).replace(b'"version":5', b'"version":6'), "not signed with this agent's key"),
        (b"{", "not signed with this agent's key"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_or_forged_change_nothing_and_the_station_is_told(path, station, payload, said):
    with running(path) as (service, _):
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        before = service.file
        send(station, payload)
        wait_for(lambda: said in (station.health() or service.health()).settings_problem, "the station is told")
        assert service.file is before
        assert service.health().settings == 0


def test_settings_that_are_sent_again_later_are_known(path, station):
    with running(path) as (service, _):
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        for version in (1, 2):
            send(station, signed(version, {"health_s": 30 + version}))
            wait_for(partial(taken, service, version), "they are taken")
        send(station, signed(1, {"health_s": 31}))
        wait_for(lambda: "sent again" in service.health().settings_problem, "an old version is refused")
        assert (service.health().settings, service.file.agent.health_s) == (2, 32)


def test_a_version_that_ended_the_process_is_not_tried_again(path, tmp_path):
    keep(tmp_path, tried=7)
    with closing(EdgeService(path)) as service:
        found = service.health()
        assert (found.settings, found.settings_refused) == (0, 7)
        assert "ended while it tried them" in found.settings_problem


def keep(tmp_path, **said):
    (tmp_path / "kept").mkdir(exist_ok=True)
    kept = {"version": 0, "settings": {}, "tried": 0, "refused": 0, "problem": "", **said}
    (tmp_path / "kept" / "settings.json").write_text(json.dumps(kept), encoding="utf-8")


def test_settings_in_force_that_no_longer_fit_the_agent_s_own_file_are_taken_back(path, tmp_path):
    bindings = [{"codec": "zigbee2mqtt", "device": "gone-1", "match": "m"}]
    keep(tmp_path, version=3, tried=3, settings={"bindings": bindings})
    with closing(EdgeService(path)) as service:
        found = service.health()
        assert (found.settings, found.settings_refused) == (0, 3)
        assert "gone-1" in found.settings_problem
        assert [one.device for one in service.file.bindings] == ["door-1"]


def test_an_agent_that_is_asked_to_end_during_a_trial_tries_again(path, station):
    with running(path, trial_s=60.0) as (service, _):
        wait_for(lambda: service._connected >= {"door-1", "noise-1"}, "both devices are connected")
        send(station, signed(4, {"broker": {"port": free_port()}}))
        wait_for(lambda: service._trial, "they are tried")
    with running(path, trial_s=0.3) as (service, _):
        wait_for(lambda: service.health().settings_refused == 4, "they are tried again, and taken back")


def test_settings_are_proved_by_the_device_that_brought_them(path, station):
    with closing(EdgeService(path, trial_s=0.2)) as service:

        def turned(done):
            service.turn(time.monotonic())
            return done()

        wait_for(partial(turned, lambda: service._connected >= {"door-1", "noise-1"}), "both devices are connected")
        service._connected = frozenset()  # as when the connection broke right after they had come
        wanted = SignedSettings(device="door-1", version=9, made_ms=1, settings={"broker": {"port": free_port()}})
        service._try(wanted, time.monotonic())
        wait_for(
            partial(turned, lambda: service.health().settings_refused == 9), "nobody is missed, and it is not taken"
        )


def test_plates_without_a_key_to_seal_them_are_left_out_and_the_station_is_told(path, tmp_path, brokers):
    away = path.read_text(encoding="utf-8").replace(f"port = {brokers[0].port}", f"port = {free_port()}")
    path.write_text(away, encoding="utf-8")
    with closing(EdgeService(path)) as service:
        service._house.desk.observe("door-1", [Gate(ts=1_790_000_000_000, plate="粤B12345")])
        assert service.health().told == {"unsealed": 1}
    kept = b"".join(one.read_bytes() for one in (tmp_path / "kept").iterdir())
    assert b'"gate"' in kept
    assert b"12345" not in kept


def test_a_key_that_is_none_is_told_at_the_start(path, tmp_path):
    (tmp_path / "settings.key").write_text("secret", encoding="ascii")
    with pytest.raises(SettingsError, match=r"settings_key_file: .* is no key"):
        EdgeService(path)
