"""Frigate: a video recorder that finds people and vehicles, and publishes how many and which by MQTT.

The numbers of a zone or a camera are how many are there now. A passage is a tracked object that enters the bound zone
for the first time; Frigate says the same object again with every change of it, and at its end.
Source: the project's documentation, "MQTT".
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.signs import bare, say_status
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_VEHICLES: Final = {
    "car": "car", "truck": "truck", "bus": "bus", "motorcycle": "motorcycle", "bicycle": "bicycle", "van": "van",
    "ambulance": "emergency", "fire_truck": "emergency", "police_car": "emergency",
}  # fmt: skip
_COUNTED: Final = frozenset({"person", "all", *_VEHICLES})
_PLATES: Final = "plates"
_EVENTS: Final = frozenset({"available", "events", "tracked_object_update"})
_MOST_OBJECTS: Final = 200
"""Of a camera that are followed at once; those that never end because Frigate was killed leave so."""


class Frigate(Codec):
    """How many are in a zone, who enters it, and which plates were read."""

    name = "frigate"
    binds: ClassVar = {
        "match": "of a number its topic, such as `frigate/yard/person`; of passages the camera's name in Frigate",
        "part": "of passages the zone, or `plates` where every plate that is read is one; left out: the whole picture",
        "of": "`person` or `vehicle`: only these are taken, and counted; left out: people are counted, vehicles are "
        "passages at a gate",
        "direction": "which way everything goes that enters the zone",
        "directions": "the zone that was entered before it → `in` or `out`",
    }
    topics = ("frigate/#",)

    def read(self, message: VendorMessage) -> None:
        """Say numbers as occupancy, and objects that enter."""
        topic, payload = message.topic, message.payload
        prefix, _, last = topic.rpartition("/")
        bound = () if last in _EVENTS else self.bindings.find(self.name, topic)
        if not payload:
            self.tell("no_news")
        elif bound and payload.lstrip()[:1] == b"{":
            said = read_json(payload)
            (self._event if isinstance(said, dict) and "after" in said else self._update)(prefix, said)
        elif bound:
            number = self.number(bare(payload))
            if number is None:
                raise UnreadableError(Reason.TYPE, "no number, expected how many are there")
            if bound[0].meaning != "ignore":
                self.level(bound[0], None, "occupancy", number)
        elif last == "available":
            self._here(bare(payload), [one for one in self.bindings.all if self._behind(one, prefix)])
        elif last == "events":
            self._event(prefix, read_json(payload))
        elif last == "tracked_object_update":
            self._update(prefix, read_json(payload))
        elif last == "detect" and prefix.endswith("/status"):
            base, _, camera = prefix.removesuffix("/status").rpartition("/")
            self._here(bare(payload), self.bindings.find(self.name, f"{base}/{camera}", camera))
        elif last in _COUNTED and prefix.count("/") and len(payload) < 9 and self.number(bare(payload)) is not None:
            self.stranger(topic, guess="camera")
        else:
            self.tell("no_news")

    def _behind(self, binding: Binding, prefix: str) -> bool:
        whole = not prefix or "/" not in binding.match or binding.match.startswith(f"{prefix}/")
        return binding.codec == self.name and whole

    def _here(self, said: str, bound: Sequence[Binding]) -> None:
        if self._message.retained and said == "online":
            self.tell("retained")  # the broker has kept it since a start: that proves nothing
            return
        say_status(self, bound, said)

    def _event(self, prefix: str, said: Json) -> None:
        after = said.get("after") if isinstance(said, dict) else None
        if not isinstance(after, dict) or not isinstance(after.get("id"), str):
            raise UnreadableError(Reason.TYPE, "no object with an id under `after`, expected an event of Frigate")
        camera, label = str(after.get("camera", "")), str(after.get("label", ""))
        of: Json = "person" if label == "person" else "vehicle" if label in _VEHICLES else None
        bound = self.bindings.find(self.name, f"{prefix}/{camera}", camera, self._message.topic)
        if not bound and of:
            self.stranger(camera, guess="gate" if of == "vehicle" else "camera")
        for binding in bound:
            if of is None or binding.part == _PLATES or binding.meaning == "ignore" or binding.of not in {None, of}:
                self.tell("no_news")
            else:
                self._entered(binding, after, of, ended=said.get("type") == "end")

    def _entered(self, binding: Binding, after: dict[str, Json], of: Json, *, ended: bool) -> None:
        entered = after.get("entered_zones")
        zones = [str(zone) for zone in entered] if isinstance(entered, list) else []
        if after.get("false_positive") is True or (binding.part and binding.part not in zones):
            self.tell("no_news")
        elif self._message.retained:
            self.tell("retained")
        elif self._first(binding, after["id"], ended=ended) and after.get("stationary") is not True:
            place = zones.index(binding.part) if binding.part else 0
            way = binding.way(zones[place - 1] if place else None)
            ts = instant_ms(after.get("frame_time"), self.zone)
            if of == "person" or binding.of == "vehicle":
                self.count(binding, ts, came=int(way != "out"), went=int(way == "out"), of=of, identity=after["id"])
                return
            plate = after.get("recognized_license_plate")
            plate = plate[0] if isinstance(plate, list) and plate else plate  # with its score
            self.gate(
                binding, ts, way=way, plate=plate if isinstance(plate, str) else "",
                vehicle=_VEHICLES[after["label"]], identity=after["id"],
            )  # fmt: skip
        else:
            self.tell("repeat")

    def _first(self, binding: Binding, number: str, *, ended: bool) -> bool:
        """Tell whether an object is new in a zone: those that stand there for hours are said again and again."""
        key = f"objects/{binding.device}/{binding.part}"
        there = self.memory.get(key, list[str]) or []
        known = number[:64] in there
        if ended and known:
            self.memory.put(key, [one for one in there if one != number[:64]] or None)
        elif not ended and not known:
            self.memory.put(key, [*there, number[:64]][-_MOST_OBJECTS:])
        return self.memory.once(binding.device, f"{binding.part} {number}") and not known

    def _update(self, prefix: str, said: Json) -> None:
        kind = said.get("type") if isinstance(said, dict) else None
        if kind == "face":
            raise UnreadableError(Reason.PERSONAL, "a face that was recognised")
        if kind != "lpr":
            self.tell("no_news")
            return
        camera, number, plate = (said.get(name) for name in ("camera", "id", "plate"))
        for binding in self.bindings.find(self.name, f"{prefix}/{camera}", str(camera), self._message.topic):
            if binding.part != _PLATES or not isinstance(number, str) or not isinstance(plate, str):
                self.tell("no_news")
            elif self._message.retained:
                self.tell("retained")
            elif self.memory.once(binding.device, f"{_PLATES} {number}"):
                ts = instant_ms(said.get("timestamp"), self.zone)
                self.gate(binding, ts, way=binding.way(), plate=plate, identity=number)
            else:
                self.tell("repeat")
