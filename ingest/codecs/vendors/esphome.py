"""ESPHome boards, and Home Assistant's statestream: one topic for each thing, with a bare word or number.

Both publish `…/COMPONENT/OBJECT/state`. What a thing is (its device class) and its unit stand in other topics: in Home
Assistant's discovery (`…/config`), or beside the state (`…/device_class`, `…/unit_of_measurement`): both are kept.
ESPHome's `PREFIX/status` is its birth and its last will.
Source: the projects' documentation, "MQTT Client Component", "MQTT Statestream", "MQTT Discovery", "Binary sensor".
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import tzinfo
from typing import ClassVar, Final

import msgspec

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.memory import Memory
from ingest.codecs.meters import increment
from ingest.codecs.signs import bare, say_state, say_status
from ingest.vocabulary import Reason

_CLASSES: Final = {
    **dict.fromkeys(("door", "window", "garage_door", "opening", "lock"), "door"),
    **dict.fromkeys(("motion", "occupancy", "presence"), "occupancy"),
    "moisture": "water", "smoke": "smoke", "gas": "gas", "carbon_monoxide": "carbon_monoxide", "tamper": "tamper",
    "vibration": "vibration", "heat": "heat", "sound_pressure": "noise", "carbon_dioxide": "co2",
}  # fmt: skip
"""Home Assistant's device class → metric; others are metrics by themselves."""
_GUESSES: Final = {"door": "door", "water": "water", "smoke": "smoke", "gas": "smoke", "noise": "noise"}
_GONE: Final = frozenset({"unavailable", "unknown", "none", "nan", "null", ""})
_STATES: Final = frozenset({"binary_sensor", "switch", "cover", "lock", "text_sensor", "input_boolean", "valve"})
_LEVELS: Final = frozenset({"sensor", "number", "input_number", "counter"})
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_]{0,40}\Z")
_MOST_UNBOUND: Final = 1_000
_MOST_LEARNT: Final = 200
"""Characters of a topic whose class is worth remembering."""


class _Known(msgspec.Struct, array_like=True):
    device_class: str = ""
    unit: str = ""


class EspHome(Codec):
    """States and readings of ESPHome, and of Home Assistant's statestream."""

    name = "esphome"
    binds: ClassVar = {
        "match": "the topic of the state: `porch/binary_sensor/front_door/state`; Home Assistant's the same: "
        "`homeassistant/binary_sensor/cellar_leak/state`",
        "metric": "what it is: `door`, `water`, `smoke`, `temperature` …; left out where Home Assistant tells the "
        "device class",
        "states": "where the words are others than on and off",
        "unit": "of a reading, where no message says it",
        "meaning": "of a number: `total` where it is counted up, `interval` where it was counted since the last word, "
        "`occupancy` where it is how many are there",
        "direction": "of a counter: `in` or `out`",
    }
    topics = (
        "+/binary_sensor/+/state", "+/sensor/+/state", "+/status", "homeassistant/#",
    )  # fmt: skip

    def __init__(self, bindings: Bindings, memory: Memory, zone: tzinfo) -> None:
        super().__init__(bindings, memory, zone)
        self._below: dict[str, list[Binding]] = defaultdict(list)
        """Beginning of a topic, of any length → what is bound below it: a board's will is for all of its things."""
        self._unbound: dict[str, _Known] = {}
        """What is bound to nothing, for a guess: told again at each connection, so not worth being saved."""
        for one in bindings.all:
            if one.codec == self.name:
                levels = one.match.split("/")
                for length in range(1, len(levels)):
                    self._below["/".join(levels[:length])].append(one)

    def read(self, message: VendorMessage) -> None:
        """Say a state or a reading, or remember what a thing is."""
        whole, _, last = message.topic.rpartition("/")
        if not message.payload:
            self.tell("no_news")
        elif last == "config":
            self._discovered(read_json(message.payload))
        elif last in {"device_class", "unit_of_measurement"}:
            self._learn(f"{whole}/state", last, bare(message.payload))
        elif last in {"status", "availability"} and whole in self._below:
            say_status(self, self._below[whole], bare(message.payload))
        elif bound := self.bindings.find(self.name, message.topic):
            if bound[0].meaning != "ignore":
                self._heard(bound[0], message)
        elif last == "state" and whole.count("/") >= 2:
            known = self._known(message.topic)
            kind = whole.split("/")[-2]
            if kind in {"binary_sensor", "sensor"}:
                metric = _CLASSES.get(known.device_class, known.device_class)
                guess = _GUESSES.get(metric, "environment" if metric == "temperature" else "")
                self.stranger(message.topic, guess=guess)
        else:
            self.tell("no_news")

    def _heard(self, binding: Binding, message: VendorMessage) -> None:
        said = bare(message.payload)
        levels = message.topic.split("/")
        kind, thing = (levels[-3], levels[-2]) if len(levels) > 2 else ("", "")
        if said.lower() in _GONE:
            if said.lower() == "unavailable":
                self.status(binding.device, "offline")
                self.memory.put(f"gone/{binding.device}", value=True)
            self.tell("no_news")
            return
        if self.memory.get(f"gone/{binding.device}", bool):
            self.memory.put(f"gone/{binding.device}", None)
            self.status(binding.device, "online")
        known = self._known(message.topic)
        metric = _CLASSES.get(known.device_class, known.device_class) or thing[:64] or "state"
        number = self.number(said)
        if number is None or binding.states or kind in _STATES:
            say_state(self, binding, None, metric, said)
        elif binding.meaning in {"total", "interval"}:
            self._counted(binding, number)
        else:
            metric = "occupancy" if binding.meaning == "occupancy" else metric
            unit = known.unit or binding.unit  # what the thing says of itself is truer than what was written down
            self.level(msgspec.structs.replace(binding, unit=""), None, metric, number, unit)

    def _counted(self, binding: Binding, number: float) -> None:
        amount, seconds, now = int(number), 0.0, self._message.received_ms
        if number < 0:
            raise UnreadableError(Reason.RANGE, f"{number} counted, expected 0 or more")
        if binding.meaning == "total":
            counted = increment(self, f"{binding.device}/{binding.match}", now, {"": amount})
            if counted is None:
                return
            amount, seconds = counted.counted[""], counted.interval_s
        came, went = (0, amount) if binding.way() == "out" else (amount, 0)
        total = binding.meaning == "total"
        self.count(binding, None, interval_s=seconds, came=came, went=went, of_total=total)

    # -- what things are ---------------------------------------------------------------------------------------------

    def _discovered(self, said: Json) -> None:
        for one in _things(said):
            topic = one.get("state_topic", one.get("stat_t"))
            base = one.get("~")
            if isinstance(topic, str) and isinstance(base, str):
                topic = topic.replace("~", base[:_MOST_LEARNT], 1)
            # With a template the topic holds more than the state: another dialect's, such as Zigbee2MQTT's.
            if not isinstance(topic, str) or "value_template" in one or "val_tpl" in one:
                continue
            for last, names in (
                ("device_class", ("device_class", "dev_cla")),
                ("unit_of_measurement", ("unit_of_measurement", "unit_of_meas")),
            ):
                self._learn(topic, last, next((one[name] for name in names if isinstance(one.get(name), str)), ""))

    def _learn(self, topic: str, what: str, said: str) -> None:
        if not said or len(topic) > _MOST_LEARNT:
            return
        known = self._known(topic)
        if what == "device_class" and _PLAIN.match(said):
            known.device_class = said
        elif what == "unit_of_measurement" and len(said) <= 16 and said.isprintable():
            known.unit = said
        if self.bindings.find(self.name, topic):
            self.memory.put(f"class/{topic}", known)
        elif len(self._unbound) < _MOST_UNBOUND:
            self._unbound[topic] = known

    def _known(self, topic: str) -> _Known:
        return self.memory.get(f"class/{topic}", _Known) or self._unbound.get(topic) or _Known()


def _things(said: Json) -> Iterator[dict[str, Json]]:
    """Yield what a message of discovery tells of: one thing, or a device's components."""
    if not isinstance(said, dict):
        raise UnreadableError(Reason.TYPE, "no object, expected what discovery tells of a thing")
    yield said
    components = said.get("components", said.get("cmps"))
    if isinstance(components, dict):
        yield from (one for one in components.values() if isinstance(one, dict))
