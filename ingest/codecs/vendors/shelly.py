"""Shelly: inputs, flood and smoke detectors, door sensors, thermometers; of both generations.

The first generation has a topic for each value (`shellies/ID/sensor/flood`: `true`), mostly retained. The second sends
`NotifyStatus` on `ID/events/rpc` with what has changed only, the component in the key (`input:0`), and may send each
component's status on `ID/status/input:0`. Sensors with Bluetooth come through a gateway's events (`shelly-blu`).
Source: the vendor's API documentation, "Gen1" and "Gen2+", "MQTT", "Notifications".
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.signs import bare, own_names, say_state, say_status, truth
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_FIRST: Final = {
    "sensor/state": ("door", "door"),
    "sensor/flood": ("water", "water"),
    "sensor/smoke": ("smoke", "smoke"),
    "sensor/gas": ("gas", "smoke"),
    "sensor/vibration": ("vibration", ""),
    "sensor/motion": ("motion", ""),
    "sensor/temperature": ("temperature", "environment"),
    "sensor/humidity": ("humidity", "environment"),
    "sensor/lux": ("illuminance", "environment"),
    "ext_temperature": ("temperature", "environment"),
    "ext_humidity": ("humidity", "environment"),
    "input": ("input", "door"),
    "relay": ("relay", ""),
}
"""Topic below a device of the first generation, without a number at its end → metric, type of device."""
_GAS: Final = {"none": "ok", "mild": "alarm", "heavy": "alarm", "test": "ok"}
_UNITS: Final = {"temperature": "°C", "humidity": "%", "illuminance": "lx"}
_STATES: Final = {
    "smoke": ("alarm", "smoke", "smoke"),
    "flood": ("alarm", "water", "water"),
    "input": ("state", "input", "door"),
    "presence": ("state", "presence", ""),
    "presencezone": ("state", "presence", ""),
    "switch": ("output", "switch", ""),
    "bthomesensor": ("value", "bthomesensor", ""),
}
"""Component → field, metric, type of device."""
_LEVELS: Final = {
    "temperature": ("tC", "temperature"),
    "humidity": ("rh", "humidity"),
    "illuminance": ("lux", "illuminance"),
}
_BLUE: Final = {"window": "door", "motion": "motion", "smoke": "smoke", "water": "water", "vibration": "vibration"}
_ONLY_NAMED: Final = frozenset({"relay", "switch", "bthomesensor"})
"""What means nothing unless a binding names it."""


class Shelly(Codec):
    """States and readings of Shelly devices."""

    name = "shelly"
    binds: ClassVar = {
        "match": "the device's id in its topics, such as `shellyplusi4-00005e005361`; a Bluetooth sensor's address",
        "part": "a component: `input:0`, `temperature:100`; of the first generation `input/0`, `sensor/flood`; left "
        "out: all that has a meaning of its own",
        "metric": "what an input tells: `door`, `cover` …",
        "states": "`true` → `open` …",
        "direction": "of a counter: `in` or `out`",
    }
    topics = ("shellies/#", "+/events/rpc", "+/status/#", "+/online")

    def read(self, message: VendorMessage) -> None:
        """Say what each component is."""
        topic, payload = message.topic, message.payload
        first, _, rest = topic.partition("shellies/")
        if not payload:
            self.tell("no_news")
        elif not first and rest:
            device, _, what = rest.partition("/")
            self._first(self.bindings.find(self.name, device, f"shellies/{device}"), device, what, payload)
        elif f"/{topic}".endswith("/online"):
            say_status(self, self._bound(topic[: -len("/online")]), bare(payload))
        elif f"/{topic}".endswith("/events/rpc"):
            self._notified(topic[: -len("/events/rpc")], _object(payload))
        elif "/status/" in f"/{topic}":
            device, _, component = f"/{topic}".rpartition("/status/")
            self._component(self._bound(device[1:]), device[1:], component, _object(payload), None)
        elif self.bindings.on(self.name, topic):
            self._notified(topic, _object(payload))
        else:
            self.tell("no_news")

    def _bound(self, name: str, *others: str) -> Sequence[Binding]:
        matches = (name, *others)
        found = self.bindings.find(self.name, *matches, *(match.rpartition("/")[2] for match in matches))
        return found or (() if name else self.bindings.only(self.name))

    # -- the second generation ---------------------------------------------------------------------------------------

    def _notified(self, device: str, said: dict[str, Json]) -> None:
        params, source = said.get("params"), said.get("src")
        if not isinstance(params, dict):
            self.tell("no_news")
            return
        bound = self._bound(device, *([source] if isinstance(source, str) else []))
        ts = instant_ms(params.get("ts"), self.zone)
        if str(said.get("method")) in {"NotifyStatus", "NotifyFullStatus"}:
            for component, body in params.items():
                if isinstance(body, dict):
                    self._component(bound, device, component, body, ts)
            return
        events = params.get("events")
        for event in events if isinstance(events, list) else ():
            data = event.get("data") if isinstance(event, dict) else None
            if isinstance(data, dict) and isinstance(data.get("address"), str):
                self._blue(data, ts)
            else:
                self.tell("no_news")

    def _component(
        self, bound: Sequence[Binding], device: str, component: str, body: dict[str, Json], ts: int | None
    ) -> None:
        kind = component.partition(":")[0]
        if not bound:
            if kind in _STATES and kind not in _ONLY_NAMED:
                self.stranger(device, component, guess=_STATES[kind][2])
            elif kind in _LEVELS:
                self.stranger(device, component, guess="environment")
            return
        binding = part_of(bound, component)
        if binding is None or binding.meaning == "ignore" or (kind in _ONLY_NAMED and not binding.part):
            return
        counts = body.get("counts")
        if isinstance(counts, dict) and binding.part:
            self._counter(binding, component, counts.get("total"), ts)
        elif kind in _LEVELS:
            field, metric = _LEVELS[kind]
            self._reading(own_names(binding), ts, metric, body.get(field))
        elif kind in _STATES:
            field, metric, _ = _STATES[kind]
            value = body.get(field)
            if kind == "bthomesensor" and not binding.states and not isinstance(value, bool):
                self._reading(binding, ts, metric, value)
            elif value is not None:
                # A detector's alarm is its own; a metric for all parts is meant for the first input.
                binding = binding if component == "input:0" else own_names(binding)
                metric = component.replace(":", "-") if metric == "input" else metric
                say_state(self, binding, ts, metric, value)

    def _counter(self, binding: Binding, component: str, said: Json, ts: int | None) -> None:
        total, when = self.number(said), ts or self._message.received_ms
        if total is None or total < 0:
            return
        if counted := increment(self, f"{binding.device}/{component}", when, {"": int(total)}):
            amount = counted.counted[""]
            came, went = (0, amount) if binding.way() == "out" else (amount, 0)
            self.count(binding, when, interval_s=counted.interval_s, came=came, went=went, of_total=True)

    def _reading(self, binding: Binding, ts: int | None, metric: str, said: Json) -> None:
        number = self.number(said)
        if number is not None:
            self.level(binding, ts, metric, number, _UNITS.get(metric, ""))

    def _blue(self, data: dict[str, Json], ts: int | None) -> None:
        address = data["address"][:40].lower()
        bound = self.bindings.find(self.name, address, address.upper())
        for name, metric in _BLUE.items():
            if name in data and not bound:
                self.stranger(address, guess=metric if metric in {"door", "smoke", "water"} else "")
            elif name in data and (binding := part_of(bound, name)) is not None:
                say_state(self, binding if name == "window" else own_names(binding), ts, metric, data[name])
        for name in ("temperature", "humidity", "illuminance"):
            binding = part_of(bound, name)
            if binding is not None:
                self._reading(own_names(binding), ts, name, data.get(name))

    # -- the first generation ----------------------------------------------------------------------------------------

    def _first(self, bound: Sequence[Binding], device: str, what: str, payload: bytes) -> None:
        kind = what.rstrip("0123456789").rstrip("/")
        if what == "online":
            say_status(self, bound, bare(payload))
        elif what == "status":
            said = _object(payload)
            ts = instant_ms(said.get("timestamp"), self.zone)
            for name in ("motion", "vibration"):
                binding = part_of(bound, f"sensor/{name}", name)
                if binding is not None and truth(said.get(name)) is not None:
                    say_state(self, own_names(binding), ts, name, said[name])
        elif kind not in _FIRST:
            self.tell("no_news")
        elif not bound:
            if kind not in _ONLY_NAMED:
                self.stranger(device, what, guess=_FIRST[kind][1])
        else:
            binding, metric = part_of(bound, what), _FIRST[kind][0]
            if binding is None or binding.meaning == "ignore" or (kind in _ONLY_NAMED and not binding.part):
                return
            said_word = bare(payload)
            if metric in _UNITS:
                self._reading(own_names(binding), None, metric, said_word)
            elif metric == "gas" and not binding.states:
                say_state(self, own_names(binding), None, metric, _GAS.get(said_word, said_word))
            else:
                main = what in {"input", "input/0", "sensor/state"}
                metric = what.replace("/", "-") if metric == "input" else metric
                say_state(self, binding if main else own_names(binding), None, metric, said_word)


def _object(payload: bytes) -> dict[str, Json]:
    said = read_json(payload)
    if not isinstance(said, dict):
        raise UnreadableError(Reason.TYPE, "no object, expected one with the device's components")
    return said
