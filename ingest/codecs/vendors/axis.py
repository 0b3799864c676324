"""Axis cameras with AXIS Object Analytics, by MQTT: crossings since the last reset, how many are in an area, inputs.

All numbers are texts. A crossing says the totals of all classes, and its `reason` the class that just passed: words may
be lost, so the totals count. `total` is their sum. `startTime` is that of the last reset. An area says how many are
there now under the same topic, with `total` again.
Source: the vendor's developer documentation, "AXIS Object Analytics counting data", "MQTT event bridge".
"""

import re
from datetime import UTC
from typing import ClassVar, Final

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.signs import bare, own_names, say_state, say_status, truth
from ingest.codecs.times import instant_ms
from ingest.vocabulary import Reason

_ANALYTICS: Final = "/ObjectAnalytics/"
_SCENARIO: Final = re.compile(r"Device[0-9]{1,3}Scenario([0-9]{1,4})\Z")
_TOTALS: Final = {
    "totalHuman": "person", "totalCar": "vehicle", "totalTruck": "vehicle", "totalBus": "vehicle",
    "totalBike": "vehicle", "totalMotorcycle": "vehicle", "totalBicycle": "vehicle", "totalOtherVehicle": "vehicle",
}  # fmt: skip
_ALL_VEHICLES: Final = "totalVehicle"
"""Of cameras that do not tell vehicles apart."""
_THERE: Final = {"person": ("human",), "vehicle": ("vehicle", "car", "truck", "bus", "bike", "otherVehicle")}
_STATES: Final = {
    "/IO/Port": ("input", None), "/IO/VirtualInput": ("input", None), "/Casing/Open": ("tamper", ("alarm", "ok")),
    "/Tampering": ("tamper", ("alarm", "ok")), "/GlobalSceneChange": ("video", ("blocked", "ok")),
}  # fmt: skip
_VALUES: Final = ("state", "active", "Open", "LogicalState", "State", "tampering")


class AxisCamera(Codec):
    """Counts, occupancy and inputs of Axis cameras."""

    name = "axis"
    binds: ClassVar = {
        "match": "the camera's serial number, `00005E005341`",
        "part": "the scenario, `Device1Scenario1`, or an input's port; left out: all of the camera's",
        "of": "`person` or `vehicle`: only these are taken; left out: both, each as what it is",
        "direction": "which way the scenario's line counts",
        "meaning": "`occupancy` or `total`, where the messages do not tell a scenario's type",
        "metric": "what an input tells: `door`, `cover` …",
    }
    topics = ("axis/#",)

    def read(self, message: VendorMessage) -> None:
        """Say what an event means, by its topic."""
        levels = message.topic.split("/")
        serial = levels[levels.index("event") - 1] if "event" in levels[1:] else levels[-2] if len(levels) > 1 else ""
        if not message.payload:
            self.tell("no_news")
            return
        if not message.payload.lstrip().startswith((b"{", b"[")) and levels[-1] in {"connection", "status", "lwt"}:
            say_status(self, self.bindings.find(self.name, serial), bare(message.payload))
            return
        said = read_json(message.payload)
        if not isinstance(said, dict):
            raise UnreadableError(Reason.TYPE, "no object, expected an event of the camera")
        inner = said.get("message")
        if not isinstance(inner, dict):
            word = said.get("connected", said.get("state", said.get("status", said.get("clientStatus"))))
            say_status(self, self.bindings.find(self.name, serial), word)
            return
        own = said.get("serial")
        serial = own[:64] if isinstance(own, str) and own else serial
        data, source = (one if isinstance(one, dict) else {} for one in (inner.get("data"), inner.get("source")))
        ts = instant_ms(said.get("timestamp"), self.zone)
        if self.bindings.on(self.name, message.topic) and isinstance(said.get("topic"), str):
            levels = said["topic"][:200].split("/")
        kind = "/".join(level.rpartition(":")[2] for level in levels)
        if _ANALYTICS in kind:
            self._scenario(serial, kind.rpartition("/")[2], data, ts)
            return
        for end, (metric, words) in _STATES.items():
            if end in kind:
                self._state(serial, metric, words, source, data, ts)
                return
        self.tell("no_news")

    def _scenario(self, serial: str, name: str, data: dict[str, Json], ts: int | None) -> None:
        found = _SCENARIO.match(name)
        if found is None:  # ScenarioANY says all of them again; others are the camera's own business
            self.tell("no_news")
            return
        bound = self.bindings.find(self.name, serial, self._message.topic)
        binding = part_of(bound, name, found[1], str(data.get("scenario", "")))
        if binding is None or binding.meaning == "ignore":
            if not bound:
                self.stranger(serial, name, guess="camera")
            self.tell("no_news")
            return
        kind = str(data.get("scenarioType", "")).lower()
        if "total" not in data and not any(name in data for name in (*_TOTALS, _ALL_VEHICLES)):
            self._happened(binding, kind, data, ts)
        elif binding.meaning == "occupancy" or (binding.meaning != "total" and _is_occupancy(kind, data)):
            self._occupancy(binding, data, ts)
        else:
            self._crossings(binding, name, data, ts)

    def _crossings(self, binding: Binding, name: str, data: dict[str, Json], ts: int | None) -> None:
        when = ts or self._message.received_ms
        named = {**_TOTALS, _ALL_VEHICLES: "vehicle"} if not any(one in data for one in _CARS) else _TOTALS
        totals = {one: int(number) for one in named if (number := self.number(data.get(one))) is not None}
        if not totals and (number := self.number(data.get("total"))) is not None:
            totals, named = {"total": int(number)}, {"total": binding.of or "person"}
        if not totals or min(totals.values()) < 0:
            raise UnreadableError(Reason.TYPE, "no totals, expected numbers of 0 or more")
        since = instant_ms(data.get("startTime", data.get("resetTime")), UTC) or 0
        counted = increment(self, f"{binding.device}/{name}", when, totals, epoch_ms=since)
        for of in ("person", "vehicle") if counted else ():
            amounts = [amount for one, amount in counted.counted.items() if named.get(one) == of] if counted else []
            if counted is None or not amounts or binding.of not in {None, of} or not sum(amounts):
                continue
            came, went = (0, sum(amounts)) if binding.way() == "out" else (sum(amounts), 0)
            kind: Json = of
            self.count(binding, when, interval_s=counted.interval_s, came=came, went=went, of=kind, of_total=True)

    def _occupancy(self, binding: Binding, data: dict[str, Json], ts: int | None) -> None:
        said = data.get("total")
        if binding.of:
            names = _THERE[binding.of]
            if not any(one in data for one in names):
                names = tuple(f"total{one[0].upper()}{one[1:]}" for one in names)
            numbers = [number for one in names if (number := self.number(data.get(one))) is not None]
            said = sum(numbers) if numbers else said
        number = self.number(said)
        if number is not None:
            self.level(binding, ts, "occupancy", number)

    def _happened(self, binding: Binding, kind: str, data: dict[str, Json], ts: int | None) -> None:
        """Say what a scenario without numbers tells: somebody is in an area, or has crossed a line."""
        active = truth(data.get("active"))
        if active is None:
            self.tell("no_news")
        elif binding.meaning == "crossings" or kind in {"crossline", "fence"}:
            of: Json = {"human": "person"}.get(str(data.get("classTypes", "")).lower())
            if active:
                way = binding.way()
                number = str(data.get("objectId", ""))[:64]
                self.count(binding, ts, came=int(way != "out"), went=int(way == "out"), of=of, identity=number)
        else:
            say_state(self, binding, ts, "occupancy", active)

    def _state(
        self, serial: str, metric: str, words: tuple[str, str] | None, source: dict[str, Json], data: dict[str, Json],
        ts: int | None,
    ) -> None:  # fmt: skip
        port = next((str(source[one]) for one in ("port", "Port", "channel") if source.get(one) is not None), "")
        bound = self.bindings.find(self.name, serial, self._message.topic)
        binding = part_of(bound, f"{metric}:{port}", port)
        yes = next((truth(data[one]) for one in _VALUES if one in data), None)
        if binding is None or yes is None or binding.meaning == "ignore":
            if not bound and metric == "input":
                self.stranger(serial, port, guess="door")
            self.tell("no_news")
        elif words is None:
            say_state(self, binding, ts, metric, yes)
        else:
            self.state(own_names(binding), ts, metric, words[not yes])


_CARS: Final = tuple(one for one, of in _TOTALS.items() if of == "vehicle")


def _is_occupancy(kind: str, data: dict[str, Json]) -> bool:
    if kind:
        return "occupancy" in kind
    return "startTime" not in data and "reason" not in data and not any(name in data for name in _TOTALS)
