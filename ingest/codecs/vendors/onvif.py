"""ONVIF events as JSON over MQTT (`PREFIX/onvif-ej/TOPIC/SOURCE`): line crossings, counters, plates, inputs, faults.

Numbers and truth values come as text or as such. A counter is counted up since its reset. The rule's name is a level of
the topic, and stands in `Source` under one of several names. Vendors' own topics carry namespaces (`tnssamsung:`).
Source: ONVIF Core Specification ("Event handling by MQTT"), Analytics Service Specification, Profile M.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import ClassVar, Final
from urllib.parse import unquote

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.signs import own_names, say_state, truth
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_MARK: Final = "onvif-ej"
_CROSSED: Final = ("LineDetector/Crossed", "WiseAI/LineCrossing")
_COUNTER: Final = "CountAggregation/Counter"
_THERE: Final = ("CountAggregation/OccupancyCounter", "ObjectDetector/Count")
_PLATE: Final = "Recognition/LicensePlate"
_PERSONAL: Final = ("Recognition/Face", "Recognition/Human", "FaceRecognition", "FaceDetection")
_STATES: Final = {
    "FieldDetector/ObjectsInside": ("IsInside", "occupancy", ("occupied", "clear")),
    "TamperDetector/Tamper": ("IsTamper", "tamper", ("alarm", "ok")),
    "VideoSource/SignalLoss": ("State", "video", ("lost", "ok")),
    "VideoSource/VideoLoss": ("State", "video", ("lost", "ok")),
    "VideoSource/GlobalSceneChange": ("State", "video", ("blocked", "ok")),
    "VideoSource/ImageTooDark": ("State", "video", ("blocked", "ok")),
    "Trigger/DigitalInput": ("LogicalState", "input", None),
    "Trigger/Relay": ("LogicalState", "relay", None),
}
"""Topic → field of `Data`, metric, our words for true and false; None: what it means is in the binding."""
_RULES: Final = ("Rule", "RuleName", "InputToken", "RelayToken", "Token")
_VEHICLES: Final = {
    "car": "car", "truck": "truck", "bus": "bus", "bicycle": "bicycle", "bike": "bicycle", "motorcycle": "motorcycle",
    "motorbike": "motorcycle", "van": "van",
}  # fmt: skip
_CLASSES: Final = {
    "human": "person", "person": "person", "face": "person", "vehicle": "vehicle", "licenseplate": "vehicle",
    **dict.fromkeys(_VEHICLES, "vehicle"), "animal": "animal",
}  # fmt: skip
_TEXT: Final = frozenset({"#text", "_", "$", "$t", "value", "Value", "text"})
"""Names under which what made JSON of XML has an element's text."""
_DEEPEST: Final = 12


class Onvif(Codec):
    """Events of cameras that speak ONVIF over MQTT: Bosch, Hanwha and others."""

    name = "onvif"
    binds: ClassVar = {
        "match": "what stands before `/onvif-ej/` in the topic: the camera's prefix",
        "part": "the rule's name (`Entry Counter`), or an input's; left out: all of the camera's",
        "of": "`person` or `vehicle`, where the events do not say",
        "direction": "which way a rule counts",
        "directions": "the rule's name, or its word for a direction (`Right`) → `in` or `out`",
        "metric": "what an input tells: `door`, `cover` …",
        "states": "of an input: `true` → `open` …",
    }
    topics = ("+/onvif-ej/#",)

    def read(self, message: VendorMessage) -> None:
        """Say what an event means, by its topic."""
        prefix, mark, rest = f"/{message.topic}".partition(f"/{_MARK}/")
        plainly = not mark and bool(self.bindings.on(self.name, message.topic))
        if not (mark or plainly) or not message.payload:
            self.tell("no_news")
            return
        prefix = prefix[1:] or _MARK
        kind = "/".join(level.rpartition(":")[2] for level in rest.split("/"))
        if any(one in kind for one in _PERSONAL):
            raise UnreadableError(Reason.PERSONAL, "a face or a person that was recognised")
        said = read_json(message.payload)
        if not isinstance(said, dict):
            raise UnreadableError(Reason.TYPE, "no object, expected one with UtcTime, Source and Data")
        source, data = _items(said.get("Source")), _items(said.get("Data"))
        rule = next((str(source[name]) for name in _RULES if source.get(name)), unquote(rest.rpartition("/")[2]))
        kind = _kind(data) if plainly else kind
        if said.get("PropertyOperation") == "Deleted":
            self.tell("no_news")
            return
        bound = self.bindings.find(self.name, prefix, message.topic)
        bound = bound or (self.bindings.only(self.name) if prefix == _MARK else ())
        if not bound:
            self._unknown(prefix, rule, kind)
            return
        binding = part_of(bound, rule)
        if binding is None or binding.meaning == "ignore":
            self.tell("no_news")
            return
        self._event(binding, kind, rule, data, instant_ms(said.get("UtcTime"), UTC))

    def _unknown(self, prefix: str, rule: str, kind: str) -> None:
        if kind.find(_PLATE) >= 0:
            self.stranger(prefix, rule, guess="gate")
        elif any(one in kind for one in (*_CROSSED, _COUNTER, *_THERE, "FieldDetector/ObjectsInside")):
            self.stranger(prefix, rule, guess="camera")
        elif "Trigger/DigitalInput" in kind:
            self.stranger(prefix, rule, guess="door")

    def _event(self, binding: Binding, kind: str, rule: str, data: dict[str, Json], ts: int | None) -> None:
        if any(one in kind for one in _CROSSED):
            self._crossed(binding, rule, data, ts)
        elif any(one in kind for one in _THERE) or (_COUNTER in kind and binding.meaning == "occupancy"):
            number = self.number(data.get("Count"))
            if number is not None:
                self.level(own_names(binding), ts, "occupancy", number)
        elif _COUNTER in kind:
            self._counter(binding, rule, data, ts)
        elif _PLATE in kind:
            self._plate(binding, data, ts)
        else:
            for topic, (field, metric, words) in _STATES.items():
                if topic in kind:
                    self._state(binding, metric, words, data.get(field, data.get("State")), ts)
                    return
            self.tell("no_news")

    def _state(self, binding: Binding, metric: str, words: Sequence[str] | None, value: Json, ts: int | None) -> None:
        yes = truth(value)
        if words is None:
            if metric == "input" or binding.part:
                say_state(self, binding, ts, metric, "true" if value == "active" else value)
        elif yes is not None:
            self.state(own_names(binding), ts, metric, words[not yes])

    def _crossed(self, binding: Binding, rule: str, data: dict[str, Json], ts: int | None) -> None:
        if truth(data.get("State")) is False:
            self.tell("no_news")  # the end of a crossing that was said at its beginning
            return
        word = next((data[name] for name in ("Direction", "Action") if isinstance(data.get(name), str)), rule)
        way = binding.way(word if word in binding.directions else rule)
        kinds = data.get("ClassTypes", data.get("ObjectType", ""))
        of: Json = next((_CLASSES[one] for one in str(kinds).lower().split() if one in _CLASSES), None)
        if of == "animal" or (binding.of and of and binding.of != of):
            self.tell("no_news")
            return
        number = str(data.get("ObjectId", ""))[:64]
        self.count(binding, ts, came=int(way != "out"), went=int(way == "out"), of=of, identity=f"{rule[:64]} {number}")

    def _counter(self, binding: Binding, rule: str, data: dict[str, Json], ts: int | None) -> None:
        total, when = self.number(data.get("Count")), ts or self._message.received_ms
        if total is None or total < 0:
            raise UnreadableError(Reason.TYPE, "no Count, expected a number of 0 or more")
        if counted := increment(self, f"{binding.device}/{rule[:64]}", when, {"": int(total)}):
            amount = counted.counted[""]
            came, went = (0, amount) if binding.way(rule) == "out" else (amount, 0)
            self.count(binding, when, interval_s=counted.interval_s, came=came, went=went, of_total=True)

    def _plate(self, binding: Binding, data: dict[str, Json], ts: int | None) -> None:
        plate = next((text for name, text in _texts(data) if name == "PlateNumber"), "")
        kinds = (text.lower() for name, text in _texts(data) if name == "Type")
        vehicle = next((_VEHICLES[kind] for kind in kinds if kind in _VEHICLES), "unknown")
        word = next((text for name, text in _texts(data) if name == "Direction"), None)
        number = str(data.get("ObjectId", ""))[:64]
        self.gate(binding, ts, way=binding.way(word), plate=plate[:40], vehicle=vehicle, identity=number)


def _kind(data: dict[str, Json]) -> str:
    """Return what an event is that comes on a topic of its own, by what is in it."""
    fields = {_PLATE: "LicensePlateInfo", _COUNTER: "Count", _CROSSED[0]: "ObjectId"}
    fields |= {topic: field for topic, (field, _, _) in _STATES.items() if field != "State"}
    return next((topic for topic, field in fields.items() if field in data), "")


def _items(said: Json) -> dict[str, Json]:
    """Return a part of an event as name → value; some write it as the XML has it, with a list of items."""
    if not isinstance(said, dict):
        return {}
    items = said.get("SimpleItem", said.get("SimpleItems"))
    found = dict(said)
    for item in [items] if isinstance(items, dict) else items[:100] if isinstance(items, list) else []:
        if isinstance(item, dict):
            name = item.get("@Name", item.get("Name"))
            found[str(name)] = item.get("@Value", item.get("Value"))
    return found


def _texts(said: Json, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of what XML turned to JSON holds: a text, or an object with it under ``#text`` or the like."""
    if isinstance(said, str):
        yield name, said
    elif isinstance(said, dict) and depth < _DEEPEST:
        for key, value in said.items():
            yield from _texts(value, name if key in _TEXT else key.rpartition(":")[2], depth + 1)
    elif isinstance(said, list) and depth < _DEEPEST:
        for value in said[:100]:
            yield from _texts(value, name, depth + 1)
