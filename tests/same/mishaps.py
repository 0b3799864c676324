"""What goes wrong in the recorded day beyond the simulator's faults; each at a fixed share of the day."""

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import msgspec

from simulators.devices.messages import SimulatedMessage
from simulators.world.neighbourhood import Neighbourhood

Event = list[Any]

_ROOT: Final = "patrolgrid/v1"
_REBOOTS: Final = {"camera-02": 0.3, "gate-01": 0.45, "noise-03": 0.7}
"""Device → when it starts again, with a new boot and its numbers from 0."""
_CUT_OFF: Final = {"camera-05": (0.40, 0.46, 0.52), "camera-16": (0.40, 0.43, 0.50), "noise-01": (0.40, 0.44, 0.50)}
"""Device → from when to when it is cut off, and when it sends what it has kept. One of them cannot number."""
_AHEAD: Final = (0.60, 0.61, 25 * 60_000)
"""From when to when the gateway's clock is ahead, and by how much: then it is set back, further than is ignored."""
_CROWDS: Final = {
    "old-market": (0.80, 0.83, {"person": 4.0, "vehicle": 1.0}),
    "lantern-street": (0.85, 0.87, {"person": 2.5, "vehicle": 1.5}),
    "creekside": (0.88, 0.90, {"person": 3.0, "vehicle": 2.0}),
    "garden-estate": (0.92, 0.94, {"person": 3.0, "vehicle": 1.0}),
    "east-station": (0.68, 0.73, {"person": 0.6, "vehicle": 1.6}),
}
"""Beat → from when to when all its cameras see so many times as much: neighbours that fire together, a day over its
budget of alerts, and last a mix that is unusual without any camera saying so."""
_FIRE: Final = (0.32, 0.33, {"smoke-07": 9.0, "heat-03": 71.0})
"""From when to when two detectors of one place read what they read in a fire."""


class Mishaps:
    """Changes messages on their way, and adds events of its own.

    Parameters
    ----------
    site_id, site
        Who speaks.
    origin, length
        First instant and length of the day, ms.
    set_back
        Whether the gateway's clock is ahead for a while.
    """

    def __init__(self, site_id: str, site: Neighbourhood, origin: int, length: int, *, set_back: bool) -> None:
        self._site, self._origin, self._length = site_id, origin, length
        self._ahead = _AHEAD if set_back else (2.0, 2.0, 0)
        self._beats = {spec.device.id: spec.device.beat for spec in site.specs}
        self._first: dict[str, int] = {}
        self._kept: dict[str, list[tuple[str, bytes]]] = {}
        self._numbered = {spec.device.id: spec.numbered for spec in site.specs}
        self._newest: tuple[str, bytes] | None = None
        """What came last of a device that cannot number."""
        self._planned: list[tuple[int, int, Callable[[int], list[Event]]]] = []
        self._number = 0
        self.at(0.15, self._malformed)
        self.at(0.20, lambda now: [self._status("smoke-02", "offline", now), self._status("camera-07", "offline", now)])
        self.at(0.21, lambda now: [self._status("camera-07", "offline", now, retained=True)])
        self.at(0.22, lambda now: [self._status("smoke-02", "online", now), self._status("camera-07", "online", now)])
        self.at(0.23, lambda now: [self._agent("camera-05", now, undervoltage=True), self._agent("smoke-02", now)])
        self.at(0.24, lambda now: [self._agent("camera-05", now)])
        self.at(0.25, self._restart)
        self.at(0.65, self._poison)
        self.at(0.75, self._restart)
        for device, (_, _, back) in _CUT_OFF.items():
            self.at(back, partial(self._hand_over, device))

    def at(self, share: float, what: Callable[[int], list[Event]]) -> None:
        """Plan events for the first flush after a share of the day."""
        self._number += 1
        self._planned.append((self._origin + round(share * self._length), self._number, what))
        self._planned.sort(key=lambda one: one[:2])

    def due(self, now_ms: int, shown_ms: int) -> Iterator[Event]:
        """Give what is due; `shown_ms` is what the gateway's clock shows."""
        while self._planned and self._planned[0][0] <= now_ms:
            yield from self._planned.pop(0)[2](shown_ms)

    def ahead_ms(self, now_ms: int) -> int:
        """Return how far the gateway's clock is ahead."""
        since, until, by = self._ahead
        return by if since <= (now_ms - self._origin) / self._length < until else 0

    def on_the_way(self, message: SimulatedMessage) -> list[bytes]:
        """Return what arrives of a message now: it, nothing, or it with other numbers."""
        device = message.topic.split("/")[-2]
        payload = message.payload
        share = (message.at - self._origin) / self._length
        if message.course in {"sent", "repeated"}:
            payload = self._grown(device, share, payload)
        if share >= _REBOOTS.get(device, 2.0) and message.course in {"sent", "repeated"}:
            payload = self._renumbered(device, payload)
        since, until, _ = _CUT_OFF.get(device, (2.0, 2.0, 2.0))
        if since <= share < until:
            self._kept.setdefault(device, []).append((message.topic, payload))
            return []
        if not self._numbered.get(device, True):
            self._newest = message.topic, payload
        return [payload]

    def _grown(self, device: str, share: float, payload: bytes) -> bytes:
        """Return a message as it would be in a crowd, or in a fire."""
        since, until, readings = _FIRE
        reading = readings.get(device) if since <= share < until else None
        since, until, factors = _CROWDS.get(self._beats.get(device, ""), (2.0, 2.0, {}))
        crowd = since <= share < until and device.startswith("camera")
        if reading is None and not crowd:
            return payload
        said = msgspec.json.decode(payload)
        for one in said if isinstance(said, list) else [said]:
            if reading is not None and one["type"] == "level":
                one["value"] = reading
            elif crowd and one["type"] == "count":
                one |= {way: round(one[way] * factors[one["of"]]) for way in ("in", "out")}
        return msgspec.json.encode(said)

    def _renumbered(self, device: str, payload: bytes) -> bytes:
        said = msgspec.json.decode(payload)
        for one in said if isinstance(said, list) else [said]:
            # What was numbered before and comes late keeps its number: it is of the boot before.
            first = self._first.setdefault(device, one["seq"])
            if one["seq"] >= first:
                one |= {"seq": one["seq"] - first, "boot": f"again-{device}"}
        return msgspec.json.encode(said)

    def _hand_over(self, device: str, now: int) -> list[Event]:
        return [_message(now, topic, payload) for topic, payload in self._kept.pop(device, [])]

    def _restart(self, now: int) -> list[Event]:
        """Start again; the broker then sends again what it thinks was not acknowledged, and nobody has numbered it."""
        again = [] if self._newest is None else [_message(now, *self._newest)]
        return [["flush", now], *again, ["flush", now], ["restart", now], *again]

    def _agent(self, device: str, now: int, **trouble: object) -> Event:
        """Return what an edge agent says of itself, with something that is bound to nothing."""
        said = {"ts": now, "version": "1", "strangers": [{"codec": "tasmota", "match": f"lamp-{device}"}]} | trouble
        return _message(now, f"{_ROOT}/{self._site}/{self._beats[device]}/{device}/health", json.dumps(said).encode())

    def _status(self, device: str, state: str, now: int, *, retained: bool = False) -> Event:
        payload = json.dumps({"state": state, "ts": self._origin}).encode()
        return _message(now, f"{_ROOT}/{self._site}/{self._beats[device]}/{device}/status", payload, retained=retained)

    def _malformed(self, now: int) -> list[Event]:
        """Return messages of which every one has a fault of another kind."""
        device = "camera-02"
        topic = f"{_ROOT}/{self._site}/{self._beats[device]}/{device}/obs"
        count = {"type": "count", "ts": now, "seq": 1_000_000, "boot": "x", "of": "person", "in": 1, "out": 0}
        count["interval_s"] = 60
        good = {**count, "boot": "beside-a-bad-one"}
        incident = {"id": "plate-1", "ts": now, "lon": 121.47, "lat": 31.23, "category": "theft"}
        incident["text"] = "吉A·12345 seen"
        wrong: list[tuple[str, Any]] = [
            (topic, b"{not json"),
            (topic, b"\xff\xfe"),
            (topic, b""),
            (topic, b"[" * 40 + b"]" * 40),
            (topic, [good, {**count, "in": -1}, {**count, "of": "three words here"}, {"type": "count"}]),
            (topic, [{**count, "seq": number} for number in range(1_001)]),
            (topic, {**count, "ts": now + 3_600_000}),
            (topic, {**count, "ts": now - 40 * 86_400_000}),
            (topic, b" " * (300 << 10)),
            (topic.replace(device, "camera-999"), count),
            (topic.replace(f"/{self._beats[device]}/", "/nowhere/"), count),
            (topic.replace(f"/{self._site}/", "/elsewhere/"), count),
            ("patrolgrid/v2/x", count),
            (topic.replace("/obs", "/status"), {"state": "asleep"}),
            (f"{_ROOT}/{self._site}/incidents", {**incident, "lat": 99}),
            (f"{_ROOT}/{self._site}/incidents", incident),
            (f"{_ROOT}/{self._site}/incidents", incident),
            (f"{_ROOT}/{self._site}/commands", {"id": "c", "action": "dance", "alert": "a", "by": "ada", "ts": now}),
        ]
        sent = [(where, said if isinstance(said, bytes) else json.dumps(said).encode()) for where, said in wrong]
        return [_message(now, where, payload) for where, payload in sent]

    @staticmethod
    def _poison(now: int) -> list[Event]:
        """Return records that no gateway writes: what a damaged disk or a program of later would leave in a log."""
        kinds = ("OBSERVATIONS", "INCIDENT", "COMMAND", "STATUS", "MODEL", "HISTORY")
        return [["poison", now, kind, base64.b64encode(b"\x01poison").decode()] for kind in kinds]


def _message(now: int, topic: str, payload: bytes, *, retained: bool = False) -> Event:
    return ["message", now, topic, base64.b64encode(payload).decode(), retained]
