"""Shared by the simulator's tests: worlds at a known time, and a subscriber that keeps what it hears."""

import threading
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.observations import Observation
from simulators.devices.faults import FaultRates, skews
from simulators.devices.messages import Post
from simulators.world import neighbourhood
from simulators.world.life import World
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import Schedule

SITE = neighbourhood.quarter()
NO_FAULTS = FaultRates(loss=0.0, duplicate=0.0, late=0.0, spoilt=0.0, skewed=0.0)
DECODER = msgspec.json.Decoder(Observation | list[Observation])


def at(text):
    """Local time of the quarter as epoch ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(SITE.timezone)).timestamp() * 1000)


EVENING = at("2026-11-20 21:45")


def world(*, seed=7, origin=EVENING, scenarios=True, rates=None, site=SITE):
    """Return a world and its post."""
    rates = NO_FAULTS if rates is None else rates
    calendar = LocalDays(site.timezone, site.country)
    schedule = None
    if scenarios:
        spared = frozenset(skews(site, rates, seed))
        schedule = Schedule(site, calendar, seed=seed, origin_ms=origin, spared=spared)
    post = Post(site, site_id="quarter", seed=seed, origin_ms=origin, rates=rates)
    return World(site, calendar, seed=seed, origin_ms=origin, schedule=schedule), post


def observations(payload):
    """Decode a payload as the gateway does, into a list."""
    found = DECODER.decode(payload)
    return found if isinstance(found, list) else [found]


class Ear:
    """Subscribes and keeps every message."""

    def __init__(self, port, *filters):
        self.heard = []
        self._ready = threading.Event()
        self._filters = filters or ("patrolgrid/v1/#",)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"ear-{id(self)}", protocol=mqtt.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe([(name, 1) for name in self._filters])
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _c, _u, message: self.heard.append(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()
