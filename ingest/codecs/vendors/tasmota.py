"""Tasmota: switches, door contacts, thermometers and pulse counters on small boards.

`tele/NAME/SENSOR` comes every five minutes though nothing has changed, `stat/NAME/RESULT` at a change. `Time` is the
board's local time without a zone; `TempUnit` at the end of a message says what the numbers before it mean.
Source: the project's documentation, "MQTT", "Buttons and switches", "Counters".
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.signs import bare, own_names, say_state, say_status
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_LEVELS: Final = {
    "temperature": ("temperature", "°C"),
    "humidity": ("humidity", "%"),
    "illuminance": ("illuminance", "lx"),
    "pressure": ("pressure", "hPa"),
    "carbondioxide": ("co2", "ppm"),
    "pm2.5": ("pm25", "µg/m³"),
}
"""Name of a reading in small letters → metric, unit."""
_SWITCH: Final = re.compile(r"switch[0-9]{0,2}\Z")
_FIRST: Final = frozenset({"switch", "switch1"})
_CHIP: Final = "ESP"
"""Beginning of the names of the board's own thermometer: no reading of a place."""
_PARTS: Final = frozenset({"SENSOR", "STATE", "RESULT", "STATUS8", "STATUS10"})
_BARE: Final = re.compile(r"(?:SWITCH|POWER)[0-9]{0,2}\Z")


class _Value(NamedTuple):
    group: str
    """The name that it stands under: a sensor's; empty at the top."""
    name: str
    value: Json
    address: str = ""
    """The sensor's own number, which stays when the order of several changes."""


class Tasmota(Codec):
    """States, readings and counters of boards with Tasmota."""

    name = "tasmota"
    binds: ClassVar = {
        "match": "the board's name in its topics: `lamp-7` of `tele/lamp-7/SENSOR`",
        "part": "`Switch1`, a sensor such as `DS18B20-1` or its `Id`, one reading such as `DS18B20-1.Temperature`, a "
        "counter such as `COUNTER.C1`, or `POWER`; left out: all switches and readings",
        "metric": "what an input tells: `door`, `cover` …",
        "states": "`ON` → `open` …",
        "direction": "of a counter: `in` or `out`",
    }
    topics = ("tele/#", "stat/#")

    def read(self, message: VendorMessage) -> None:
        """Say switches, readings and counters."""
        levels = message.topic.split("/")
        last = levels.pop()
        if not message.payload or "cmnd" in levels:
            self.tell("no_news")
            return
        name = "/".join(level for level in levels if level not in {"tele", "stat"})
        bound = self.bindings.find(self.name, name, message.topic) or (() if name else self.bindings.only(self.name))
        if last == "LWT":
            say_status(self, bound, bare(message.payload))
        elif _BARE.match(last):
            plainly = message.payload.lstrip()[:1] != b"{"
            self._say(bound, {last: bare(message.payload) if plainly else read_json(message.payload)})
        elif last not in _PARTS and not self.bindings.on(self.name, message.topic):
            self.tell("no_news")
        else:
            said = read_json(message.payload)
            if not isinstance(said, dict):
                raise UnreadableError(Reason.TYPE, "no object, expected one with Time and what was measured")
            inner = said.get("StatusSNS")
            said = inner if isinstance(inner, dict) else said
            if bound:
                self._say(bound, said)
            elif name and last != "RESULT":
                self._unknown(name, said)

    def _unknown(self, name: str, said: dict[str, Json]) -> None:
        for one in _values(said):
            if _SWITCH.match(one.name.lower()):
                self.stranger(name, one.name.capitalize(), guess="door")
            elif one.name.lower() in _LEVELS and not one.group.startswith(_CHIP):
                self.stranger(name, one.group, guess="environment")

    def _say(self, bound: Sequence[Binding], said: dict[str, Json]) -> None:
        ts = instant_ms(said.get("Time"), self.zone)
        units = {"temperature": "°F" if said.get("TempUnit") == "F" else "°C", "pressure": said.get("PressureUnit")}
        grouped = set[str]()
        for one in _values(said):
            binding = _bound(bound, one)
            if binding is None or binding.meaning == "ignore":
                continue
            low, exact = one.name.lower(), binding.part not in {"", *_groups(one)}
            if _SWITCH.match(low) or (binding.part and low.startswith("power")):
                # A name for all parts is that of the first switch, also where only another one has changed.
                say_state(self, binding if low in _FIRST else own_names(binding), ts, low, one.value)
            elif binding.part and one.group == "COUNTER":
                self._counter(binding, one, ts)
            elif low in _LEVELS or (exact and (binding.metric or binding.states)):
                if binding.part and not exact and binding.metric:
                    # One name for a sensor of several readings: it is that of the first, or of the one called so.
                    wanted = _LEVELS[low][0] == binding.metric or binding.metric not in _METRICS
                    if not wanted or one.group in grouped:
                        continue
                    grouped.add(one.group)
                if one.group.startswith(_CHIP) and not exact:
                    continue
                self._reading(own_names(binding), one, ts, units)

    def _reading(self, binding: Binding, one: _Value, ts: int | None, units: dict[str, Json]) -> None:
        number, low = self.number(one.value), one.name.lower()
        metric, unit = _LEVELS.get(low, (low, ""))
        if number is None or binding.states:
            if one.value is not None and binding.states:
                say_state(self, binding, ts, metric, one.value)
            return
        said = units.get(low)
        unit = said if isinstance(said, str) else unit
        if unit == "°F":
            number, unit = round((number - 32) / 1.8, 6), "°C"
        self.level(binding, ts, metric, number, unit)

    def _counter(self, binding: Binding, one: _Value, ts: int | None) -> None:
        total = self.number(one.value)
        if total is None or total < 0:
            return
        way = binding.way(one.name)
        when = ts or self._message.received_ms
        if counted := increment(self, f"{binding.device}/{one.name}", when, {"": int(total)}):
            amount = counted.counted[""]
            came, went = (0, amount) if way == "out" else (amount, 0)
            self.count(binding, when, interval_s=counted.interval_s, came=came, went=went, of_total=True)


_METRICS: Final = frozenset(metric for metric, _ in _LEVELS.values())


def _bound(bound: Sequence[Binding], one: _Value) -> Binding | None:
    groups = _groups(one)
    names = [one.name, one.name.capitalize()]
    return part_of(bound, *(f"{group}.{one.name}" for group in groups), *names, *groups)


def _groups(one: _Value) -> list[str]:
    """Return what a sensor may be called in a binding: its number, its name, its name with the usual index."""
    return [group for group in dict.fromkeys((one.address, one.group, one.group.replace("_", "-"))) if group]


def _values(said: dict[str, Json]) -> Iterator[_Value]:
    """Yield what stands at the top and one level below; of a switch that says what it did, what it is."""
    for group, value in said.items():
        if not isinstance(value, dict):
            yield _Value("", group, value)
            continue
        low = {name.lower(): one for name, one in value.items()}
        if _SWITCH.match(group.lower()):
            yield _Value("", group, low.get("action", low.get("state")))
            continue
        for name, inner in value.items():
            if not isinstance(inner, dict):
                yield _Value(group, name, inner, str(low.get("id", "")))
