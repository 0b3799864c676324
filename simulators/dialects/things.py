"""Small things: contacts, detectors and sensors on boards and behind gateways."""

import json
from datetime import tzinfo
from struct import pack
from typing import Any, ClassVar, Final

import msgspec

from ingest.codecs.bindings import Binding
from ingest.places import Device
from simulators.devices.messages import Spoken
from simulators.dialects.speaker import Speaker
from simulators.world.vehicles import Body

_CONTACTS: Final = {"door": "state/door", "manhole": "state/cover"}
_UNITS: Final = {"noise": "dB", "temperature": "°C", "water": "cm", "Smoke/Density": "%/m"}
_WARM: Final = ("level/temperature",)


def _json(said: object) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()


def _metric(device: Device) -> str:
    return {"door": "door", "manhole": "cover"}.get(device.type, "")


class ZigbeeSpeaker(Speaker):
    """What stands behind a Zigbee stick: a device says all of its state whatever of it has changed."""

    name = "zigbee2mqtt"
    says: ClassVar = {
        **{kind: (said,) for kind, said in _CONTACTS.items()},
        "smoke": ("state/smoke",), "noise": ("level/noise",), "environment": _WARM, "heat": _WARM,
    }  # fmt: skip

    def bindings(self, device: Device) -> list[Binding]:
        """Map its topic."""
        metric = "cover" if device.type == "manhole" else ""
        return [Binding(self.name, device.id, f"zigbee2mqtt/{device.id}", metric=metric)]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say a state or a reading."""
        said = {"battery": 97, "linkquality": 128, "last_seen": self.local(ts).isoformat(timespec="milliseconds")}
        if body["type"] == "level":
            said[body["metric"]] = body["value"]
        elif body["metric"] == "smoke":
            said["smoke"] = body["value"] == "alarm"
        else:
            said["contact"] = body["value"] == "closed"
        return [Spoken(f"zigbee2mqtt/{device}", _json(said))]


class TasmotaSpeaker(Speaker):
    """Boards with a switch or a thermometer; their times are local and have whole seconds."""

    name = "tasmota"
    says: ClassVar = {**{kind: (said,) for kind, said in _CONTACTS.items()}, "environment": _WARM, "heat": _WARM}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the board's name."""
        if not _metric(device):
            return [Binding(self.name, device.id, device.id)]
        states = {"ON": "open", "OFF": "closed"}
        return [Binding(self.name, device.id, device.id, "Switch1", metric=_metric(device), states=states)]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say a switch or a reading."""
        said: dict[str, Any] = {"Time": self.local(ts).strftime("%Y-%m-%dT%H:%M:%S")}
        if body["type"] == "level":
            said |= {"DS18B20": {"Id": "00000000ABCD", "Temperature": body["value"]}, "TempUnit": "C"}
        else:
            said["Switch1"] = "ON" if body["value"] == "open" else "OFF"
        return [Spoken(f"tele/{device}/SENSOR", _json(said))]


class ShellySpeaker(Speaker):
    """Devices of the second generation: they notify what has changed, and nothing else."""

    name = "shelly"
    says: ClassVar = TasmotaSpeaker.says

    def bindings(self, device: Device) -> list[Binding]:
        """Map the device's id."""
        if not _metric(device):
            return [Binding(self.name, device.id, device.id)]
        states = {"true": "open", "false": "closed"}
        return [Binding(self.name, device.id, device.id, "input:0", metric=_metric(device), states=states)]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say an input or a reading."""
        if body["type"] == "level":
            tenths = body["value"]
            change = {"temperature:0": {"id": 0, "tC": tenths, "tF": round(tenths * 1.8 + 32, 2)}}
        else:
            change = {"input:0": {"id": 0, "state": body["value"] == "open"}}
        said = {"src": device, "dst": device, "method": "NotifyStatus", "params": {"ts": ts / 1000, **change}}
        return [Spoken(f"{device}/events/rpc", _json(said))]


class EspHomeSpeaker(Speaker):
    """Boards with ESPHome: a topic for each thing, a bare word, and no time."""

    name = "esphome"
    says: ClassVar = {**TasmotaSpeaker.says, "smoke": ("state/smoke",), "noise": ("level/noise",)}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the topic of the state."""
        metric = _metric(device) or {"smoke": "smoke", "noise": "noise"}.get(device.type, "temperature")
        topic = self._topic(device.id, metric)
        return [Binding(self.name, device.id, topic, metric=metric, unit=_UNITS.get(metric, ""))]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say a state or a reading."""
        del ts
        word = str(body["value"]) if body["type"] == "level" else "ON" if body["value"] in {"open", "alarm"} else "OFF"
        return [Spoken(self._topic(device, body["metric"]), word.encode(), "text/plain")]

    @staticmethod
    def _topic(device: str, metric: str) -> str:
        kind = "sensor" if metric in {"noise", "temperature"} else "binary_sensor"
        return f"{device}/{kind}/{metric}/state"


class SenmlSpeaker(Speaker):
    """Sensors that send SenML (RFC 8428): packs with a base name and a base time."""

    name = "senml"
    says: ClassVar = {
        "door": ("state/door",), "manhole": ("state/cover",), "smoke": ("state/smoke", "level/smoke"),
        "noise": ("level/noise",), "environment": _WARM, "heat": _WARM, "water": ("level/water",),
    }  # fmt: skip
    _UNITS: Final = {"°C": "Cel"}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the base name."""
        return [Binding(self.name, device.id, self._base(device.id))]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say a value: numbers with their unit, words as texts."""
        record: dict[str, Any] = {
            "bn": self._base(device),
            "bt": ts / 1000 - 5,
            "bver": 10,
            "t": 5,
            "n": body["metric"],
        }
        if body["type"] == "level":
            record |= {"v": body["value"], "u": self._UNITS.get(body["unit"], body["unit"])}
        else:
            record["vs"] = body["value"]
        return [Spoken(f"senml/{device}", _json([record]), "application/senml+json")]

    @staticmethod
    def _base(device: str) -> str:
        return f"urn:dev:ops:000000-sim-{device}:"


class SparkplugSpeaker(Speaker):
    """Devices behind nodes that say, once born, numbers in the place of names; the sequence goes round at 255."""

    name = "sparkplug"
    says: ClassVar = {
        **SenmlSpeaker.says, "camera": ("count/person", "count/vehicle", "state/video"),
    }  # fmt: skip
    _INT64, _DOUBLE, _STRING = 4, 10, 12
    _NAMES: Final = {
        "door": ("door",), "manhole": ("cover",), "smoke": ("smoke", "Smoke/Density"), "noise": ("noise",),
        "environment": ("temperature",), "heat": ("temperature",), "water": ("water",),
        "camera": ("person/in", "person/out", "vehicle/in", "vehicle/out", "video"),
    }  # fmt: skip
    _WORDS: Final = ("open", "closed", "alarm", "ok", "blocked", "lost")

    def __init__(self, zone: tzinfo) -> None:
        super().__init__(zone)
        self._born: dict[str, list[str]] = {}
        self._types: dict[str, str] = {}

    def bindings(self, device: Device) -> list[Binding]:
        """Map its metrics by their names."""
        self._types[device.id] = device.type
        return [self._binding(device.id, name) for name in self._NAMES.get(device.type, ())]

    def _binding(self, device: str, name: str) -> Binding:
        of, _, way = name.partition("/")
        match = f"sim/{device}/sensor"
        if way in {"in", "out"}:
            given = {"codec": self.name, "device": device, "match": match, "part": name, "of": of, "direction": way}
            return msgspec.convert(given, Binding)
        unit = _UNITS.get(name, "")
        if name == "Smoke/Density":
            return Binding(self.name, device, match, name, metric="smoke", unit=unit)
        states = {} if unit else {word: word for word in self._WORDS}
        return Binding(self.name, device, match, name, metric=name, unit=unit, states=states)

    def can_say(self, device: Device, body: Body) -> bool:
        """Tell whether a device of its type says this; remember the type, for its birth names all metrics."""
        self._types[device.id] = device.type
        return super().can_say(device, body)

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say the numbers of what changed, after a birth for the first."""
        said: list[Spoken] = []
        if device not in self._born:
            names = self._born[device] = list(self._NAMES[self._types[device]])
            start = ts - round(body.get("interval_s", 0) * 1000)
            births = [self._metric(name, self._first(name), alias, start) for alias, name in enumerate(names, 1)]
            said = [
                self._message(device, "NBIRTH", [self._metric("bdSeq", 0, None, start)], start),
                self._message(device, "DBIRTH", births, start),
            ]
        changed: list[bytes] = []
        for name, value in self._values(device, body):
            changed.append(self._metric("", value, self._born[device].index(name) + 1, ts))
        return [*said, self._message(device, "DDATA", changed, ts)]

    def _values(self, device: str, body: Body) -> list[tuple[str, float | str]]:
        if body["type"] == "count":
            return list(self.add(device, {f"{body['of']}/{way}": body[way] for way in ("in", "out")}).items())
        if body["type"] == "level":
            return [("Smoke/Density" if body["metric"] == "smoke" else body["metric"], float(body["value"]))]
        return [(body["metric"], body["value"])]

    @staticmethod
    def _first(name: str) -> int | None:
        return 0 if name.endswith(("/in", "/out")) else None

    def _message(self, device: str, what: str, metrics: list[bytes], ts: int) -> Spoken:
        seq = (self.next(device) - 1) % 256
        whole = _field(1, ts) + b"".join(_field(2, one) for one in metrics) + _field(3, seq)
        end = "" if what.startswith("N") else "/sensor"
        return Spoken(f"spBv1.0/sim/{what}/{device}{end}", whole, "application/octet-stream")

    def _metric(self, name: str, value: float | str | None, alias: int | None, ts: int) -> bytes:
        raw = (_field(1, name) if name else b"") + (b"" if alias is None else _field(2, alias)) + _field(3, ts)
        if value is None:
            return raw + _field(7, 1)
        if isinstance(value, str):
            return raw + _field(4, self._STRING) + _field(15, value)
        if isinstance(value, int):
            return raw + _field(4, self._INT64) + _field(11, value)
        return raw + _field(4, self._DOUBLE) + _varint(13 << 3 | 1) + pack("<d", value)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _field(number: int, value: int | str | bytes) -> bytes:
    """Return a field of protobuf: whole numbers as they are, texts and bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw
