"""Zigbee2MQTT: door contacts, smoke and water detectors, climate sensors behind a Zigbee stick.

A device publishes its whole state on ``zigbee2mqtt/FRIENDLY NAME`` whatever of it has changed, and the bridge publishes
the states that it remembers when it starts. With ``output: attribute`` each attribute has a topic below that, with a
bare value. Availability is always retained, on ``…/availability``, as an object or, in old versions, as a bare word.
Source: the project's documentation, "MQTT topics and messages" and the devices' "exposes".
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.signs import bare, own_names, say_state, say_status, truth
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_STATES: Final = {
    "smoke": ("smoke", "smoke"),
    "gas": ("gas", "smoke"),
    "carbon_monoxide": ("carbon_monoxide", "smoke"),
    "water_leak": ("water", "water"),
    "contact": ("door", "door"),
    "tamper": ("tamper", ""),
    "vibration": ("vibration", ""),
    "occupancy": ("occupancy", ""),
    "presence": ("presence", ""),
}
"""Attribute → metric, and the type of device that has it. ``contact`` true is closed."""
_LEVELS: Final = {
    "noise": ("noise", "dB"),
    "smoke_density_dbm": ("smoke", "dB/m"),
    "temperature": ("temperature", "°C"),
    "humidity": ("humidity", "%"),
    "illuminance_lux": ("illuminance", "lx"),
    "illuminance": ("illuminance", "lx"),
    "pm25": ("pm25", "µg/m³"),
    "co2": ("co2", "ppm"),
    "pressure": ("pressure", "hPa"),
}
"""Attribute → metric, unit. Those without a unit of their own (smoke_density) could meet a rule in another one: left
out. Devices that have ``illuminance_lux`` have a raw number, no lux, in ``illuminance``."""
_MADE_BY_BRIDGE: Final = ("/set", "/get")


class Zigbee2Mqtt(Codec):
    """States and readings of Zigbee devices."""

    name = "zigbee2mqtt"
    binds: ClassVar = {
        "match": "the device's topic: `zigbee2mqtt/FRIENDLY NAME`",
        "part": "one attribute, such as `contact`, where only that is meant; else left out",
        "metric": "what it is called here, such as `cover` for a contact on a manhole; left out: `door`, `smoke` …",
        "states": "where a contact is mounted the other way round: `true` → `open`, `false` → `closed`",
    }
    topics = ("zigbee2mqtt/#",)

    def read(self, message: VendorMessage) -> None:
        """Say every attribute that has a meaning here."""
        topic = message.topic
        bound, payload = self.bindings.find(self.name, topic), message.payload
        if not payload or (not bound and ("/bridge/" in topic or topic.endswith(_MADE_BY_BRIDGE))):
            self.tell("no_news")
            return
        if not bound and topic.endswith("/availability"):
            self._availability(topic.removesuffix("/availability"), payload)
            return
        whole, _, attribute = topic.rpartition("/")
        if not bound and (attribute in _STATES or attribute in _LEVELS):
            bound = self.bindings.find(self.name, whole)
            if bound:
                self._say(bound, {attribute: bare(payload)}, alone=True)
                return
        if not bound and b"{" not in payload[:20]:
            self.tell("no_news")  # an attribute that has no meaning here
            return
        said = read_json(payload)
        if not isinstance(said, dict):
            raise UnreadableError(Reason.TYPE, "no object, expected one with the device's attributes")
        if bound:
            self._say(bound, said)
        elif guess := _guess(said):
            self.stranger(topic, guess=guess)

    def _availability(self, topic: str, payload: bytes) -> None:
        said: Json = bare(payload)
        if said.startswith("{"):
            said = read_json(payload)
            said = said.get("state") if isinstance(said, dict) else None
        say_status(self, self.bindings.find(self.name, topic), said)

    def _say(self, bound: Sequence[Binding], said: dict[str, Json], *, alone: bool = False) -> None:
        ts = instant_ms(said.get("last_seen"), self.zone)
        main = True
        for name, (metric, kind) in _STATES.items():
            binding, yes = part_of(bound, name), truth(said.get(name))
            if binding is None or yes is None:
                continue
            may = bool(kind) if alone else name != "tamper"
            say_state(self, binding if main and may else own_names(binding), ts, metric, yes, turned=name == "contact")
            main = main and not may
        main = main and not alone
        levels = {metric: (name, unit) for name, (metric, unit) in reversed(_LEVELS.items()) if name in said}
        for metric, (name, unit) in levels.items():
            binding, number = part_of(bound, name), self.number(said[name])
            if binding is not None and number is not None and binding.meaning != "ignore":
                self.level(binding if main else own_names(binding), ts, metric, number, unit)
                main = False


def _guess(said: dict[str, Json]) -> str:
    """Return the type of device that has these attributes; none for a group, a plug or a button."""
    guess = next((known[1] for name, known in _STATES.items() if name in said and known[1]), "")
    if guess or "noise" in said:
        return guess or "noise"
    return "environment" if any(name in said for name in (*_STATES, *_LEVELS)) else ""
