"""Zigbee2MQTT: door contacts, smoke and water detectors, climate sensors behind a Zigbee stick.

A device publishes its whole state on ``zigbee2mqtt/FRIENDLY NAME`` whatever of it has changed, and the bridge publishes
the states that it remembers when it starts. Availability is always retained, on ``…/availability``.
Source: the project's documentation, "MQTT topics and messages" and the devices' "exposes".
"""

from typing import ClassVar, Final

from ingest.codecs.bindings import part_of
from ingest.codecs.codec import Codec, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_STATES: Final = {
    "smoke": ("smoke", "alarm", "ok", "smoke"),
    "gas": ("gas", "alarm", "ok", "smoke"),
    "carbon_monoxide": ("carbon_monoxide", "alarm", "ok", "smoke"),
    "water_leak": ("water", "alarm", "ok", "water"),
    "contact": ("door", "closed", "open", "door"),
    "tamper": ("tamper", "alarm", "ok", ""),
    "vibration": ("vibration", "alarm", "ok", ""),
    "occupancy": ("occupancy", "occupied", "clear", ""),
    "presence": ("presence", "occupied", "clear", ""),
}
"""Attribute → metric, word for true, word for false, type of device that has it. ``contact`` true is closed."""
_LEVELS: Final = {
    "noise": "dB", "temperature": "°C", "humidity": "%", "illuminance": "lx", "illuminance_lux": "lx",
    "pm25": "µg/m³", "co2": "ppm", "pressure": "hPa",
}  # fmt: skip
"""Attribute → unit. Those without a unit of their own (smoke_density) could meet a rule in another one: left out."""


class Zigbee2Mqtt(Codec):
    """States and readings of Zigbee devices."""

    name = "zigbee2mqtt"
    binds: ClassVar = {
        "match": "the device's topic: `zigbee2mqtt/FRIENDLY NAME`",
        "part": "one attribute, such as `contact`, where only that is meant; else left out",
    }
    topics = ("zigbee2mqtt/#",)

    def read(self, message: VendorMessage) -> None:
        """Say every attribute that has a meaning here."""
        topic, available = message.topic, message.topic.endswith("/availability")
        if "/bridge/" in topic or topic.endswith(("/set", "/get")):
            return
        said = read_json(message.payload)
        bound = self.bindings.find(self.name, topic.removesuffix("/availability"))
        if available:
            state = said.get("state") if isinstance(said, dict) else said
            for device in {one.device for one in bound}:
                self.status(device, "offline" if state == "offline" else "online")
            return
        if not isinstance(said, dict):
            raise UnreadableError(Reason.TYPE, "no object, expected one with the device's attributes")
        if not bound:
            guess = next((known[3] for name, known in _STATES.items() if name in said and known[3]), "")
            self.stranger(topic, guess=guess or ("noise" if "noise" in said else "environment"))
            return
        ts = instant_ms(said.get("last_seen"), self.zone)
        for name, (metric, yes, no, _) in _STATES.items():
            binding = part_of(bound, name)
            if binding is not None and isinstance(said.get(name), bool):
                self.state(binding, ts, metric, yes if said[name] else no)
        for name, unit in _LEVELS.items():
            binding = part_of(bound, name)
            number = self.number(said.get(name))
            if binding is not None and number is not None:
                self.level(binding, ts, name.removesuffix("_lux"), number, unit)
