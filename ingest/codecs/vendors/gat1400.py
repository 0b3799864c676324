"""GA/T 1400: cameras, gates and whole platforms that push what they saw by HTTP, as Chinese public security asks for.

A system registers (HTTP Digest), keeps alive, and posts lists of objects. Vehicles become passes, people become counts.
Registers of residents and their cars, faces, and whatever else names somebody are refused whole: one such object beside
vehicles is enough. Pictures, and the logins of cameras, which stand in their lists in clear, are left where they are.
Source: GA/T 1400.3-2017 (objects) and GA/T 1400.4-2017 (paths, status codes) as public servers and samples show them.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.codec import REGISTERED, Codec, Json, VendorMessage, Way, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.times import instant_ms
from ingest.codecs.vendors.viid_objects import (
    KINDS,
    PERSONAL,
    TIMES,
    Seen,
    bare_name,
    camera_of,
    code_of,
    is_empty,
    is_vague,
    objects,
    text_of,
)
from ingest.events import Status
from ingest.vocabulary import Reason

_LAPSES_MS: Final = 300_000
"""A registration lapses without a word for so long. Systems keep alive every 90 s; three may be lost."""
_REFRESH_MS: Final = 30_000
_ID: Final = re.compile(r"[0-9A-Za-z]{20}\Z")
_PICTURE: Final = re.compile(rb'"[0-9A-Za-z+/=\\]{512,8388608}+(?<!\\)"')
"""A text in base64: left out before anything is read, which would take four times its room."""
_MANY: Final = 16
_OK: Final = 0
_INVALID_OPERATION: Final = 4
_BAD_JSON: Final = 7
_BAD_CONTENT: Final = 8
_STATUS: Final = {
    _OK: "OK", _INVALID_OPERATION: "Invalid Operation", _BAD_JSON: "Invalid JSON Format",
    _BAD_CONTENT: "Invalid JSON Content",
}  # fmt: skip
"""Status code → its text (GA/T 1400.3, type ConfirmStatus)."""
_QUIET: Final = frozenset({
    "apss", "lanes", "images", "videoslices", "files", "things", "scenes", "cases", "videolabels", "analysisrules",
    "subscribenotifications", "dispositionnotifications",
})  # fmt: skip
"""Last part of the paths of the standard that need not hold anything for us."""
_WAYS: Final[Mapping[str, Way]] = {
    "in": "in", "entry": "in", "enter": "in", "进": "in", "入": "in", "进场": "in", "入场": "in", "驶入": "in",
    "out": "out", "exit": "out", "leave": "out", "出": "out", "离": "out", "出场": "out", "离场": "out", "驶出": "out",
}  # fmt: skip
_CLASSES: Final = (
    ("K1", "bus"), ("K2", "bus"), ("K", "car"), ("D", "bus"), ("H", "truck"), ("Q", "truck"), ("B", "truck"),
    ("G", "truck"), ("Z", "truck"), ("M", "motorcycle"),
)  # fmt: skip
"""Beginning of a vehicle's class (GA/T 16.4) → ours."""
_ONLINE: Final[Mapping[str, Status]] = {"1": "online", "2": "offline", "true": "online", "false": "offline"}


class Gat1400(Codec):
    """Passes and counts from what is pushed in the form of GA/T 1400."""

    name = "gat1400"
    binds: ClassVar = {
        "match": "the 20 digits by which the system registers (`User-Identify`); over MQTT the topic",
        "part": "the camera or gate: its `DeviceID` or `TollgateID`; of several lanes `DeviceID/LANE`, such as `…/2`;"
        " of several kinds `DeviceID/motor`, `/nonmotor` or `/person`; left out for all that the system sends",
        "direction": "`in` or `out` where everything passes one way",
        "directions": 'the vendor\'s compass code → `in` or `out`, such as `{1 = "in", 2 = "out"}`',
        "of": "`vehicle` where vehicles are counted rather than told apart (a street camera)",
    }
    paths = ("/VIID/",)
    named_in = "user-identify"

    def read(self, message: VendorMessage) -> None:
        """Answer the system's housekeeping, and say what its lists hold."""
        if not message.method:
            self._take(message, message.topic, read_json(message.payload), "")
            return
        steps = [step.lower() for step in message.topic.strip("/").split("/")[1:]]
        ident = message.headers.get(self.named_in, "").strip() or message.sender
        if not message.sender:
            self._answer(_INVALID_OPERATION, ident, http=401)
            raise UnreadableError(Reason.AUTH, "who sent this has not proved who it is")
        if ident != message.sender:
            self._answer(_INVALID_OPERATION, "", http=403)
            raise UnreadableError(Reason.AUTH, "User-Identify is another one than the account that was used")
        if steps[:1] == ["system"]:
            self._housekeeping(message, steps[-1], ident)
            return
        self._registered(ident)
        if message.method == "DELETE":
            self._answer(_OK, ident)
            self.tell("no_news")
            return
        if message.method not in {"POST", "PUT"}:
            self._answer(_INVALID_OPERATION, ident, http=405)
            raise UnreadableError(Reason.TYPE, f"{message.method}, expected POST: nothing is given out here")
        said = self._json(message.payload, ident)
        self._take(message, ident, said, "/".join(steps))

    # -- the system ----------------------------------------------------------------------------------------------------

    def _housekeeping(self, message: VendorMessage, what: str, ident: str) -> None:
        if what == "time":
            now = self._local(message.received_ms)
            zone = datetime.fromtimestamp(message.received_ms / 1000, self.zone).strftime("%z")
            self.reply(
                200, {"SystemTimeObject": {"VIIDServerID": ident, "TimeMode": "1", "LocalTime": now, "TimeZone": zone}}
            )
            self.tell("no_news")
            return
        if what not in {"register", "unregister", "keepalive"}:
            self._answer(_INVALID_OPERATION, ident, http=404)
            raise UnreadableError(Reason.TYPE, "no path of GA/T 1400 below /VIID/System")
        said = self._json(message.payload, ident) if message.payload.strip() else {}
        inner = next((one for one in said.values() if isinstance(one, dict)), said) if isinstance(said, dict) else {}
        if text_of(inner.get("DeviceID")) not in {"", ident}:
            self._answer(_INVALID_OPERATION, ident, http=403)
            raise UnreadableError(Reason.AUTH, "DeviceID is another one than the account that was used")
        if not _ID.match(ident):
            self._answer(_BAD_CONTENT, ident)
            raise UnreadableError(Reason.TYPE, "User-Identify has not the 20 digits of GA/T 1400")
        key = REGISTERED + ident
        if what == "register":
            self.memory.put(key, message.received_ms)
        else:
            self._registered(ident)
        if what == "unregister":
            self.memory.put(key, None)
        for device in {one.device for one in self.bindings.find(self.name, ident)}:
            self.status(device, "offline" if what == "unregister" else "online")
        self._answer(_OK, ident, with_time=what == "register")
        self.tell("no_news")

    def _registered(self, ident: str) -> None:
        """Note that a registered system is there. Raises `UnreadableError` for one that is not, or not any more."""
        now, last = self._message.received_ms, self.memory.get(REGISTERED + ident, int)
        if last is None or now - last > _LAPSES_MS:
            self._answer(_INVALID_OPERATION, ident, http=401)
            raise UnreadableError(Reason.AUTH, "the system is not registered, or was silent for too long since")
        if not 0 <= now - last < _REFRESH_MS:
            self.memory.put(REGISTERED + ident, now)

    def _json(self, payload: bytes, ident: str) -> Json:
        try:
            return read_json(_PICTURE.sub(b'"picture"', payload))
        except UnreadableError:
            self._answer(_BAD_JSON, ident)
            raise

    def _local(self, ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone).strftime("%Y%m%d%H%M%S")

    def _answer(self, code: int, *idents: str, http: int = 200, with_time: bool = False) -> None:
        """Set the answer: an object for one thing, a list for several (GA/T 1400.4, ResponseStatus)."""
        said: list[dict[str, str]] = [
            {
                "RequestURL": self._message.topic,
                "StatusCode": str(code),
                "StatusString": _STATUS[code],
                "Id": ident,
                **({"LocalTime": self._local(self._message.received_ms)} if with_time else {}),
            }
            for ident in idents or ("",)
        ]
        several = {"ResponseStatusListObject": {"ResponseStatusObject": said}}
        self.reply(http, {"ResponseStatusObject": said[0]} if len(said) == 1 else several)

    # -- what was seen -------------------------------------------------------------------------------------------------

    def _take(self, message: VendorMessage, match: str, said: Json, path: str) -> None:
        """Say what a message holds that came below a path, or over MQTT."""
        last = path.rsplit("/", 1)[-1]
        try:
            found = list(objects(said, "face" if bare_name(last) in PERSONAL else KINDS.get(bare_name(last), "")))
        except UnreadableError:
            self._answer(_BAD_CONTENT, match)
            raise
        if not found and last not in _QUIET and (bare_name(last) not in KINDS or not is_empty(said)):
            self._answer(_BAD_CONTENT, match)
            raise UnreadableError(Reason.TYPE, "nothing that GA/T 1400 lists there: vehicles, persons, cameras, gates")
        if message.method == "PUT":  # of what was posted before
            self.tell("no_news")
        else:
            self._list(found, match)
        if not self._meaning.observations:
            self.tell("no_news")
        self._answer(_OK, *(one.name for one in found))

    def _list(self, found: Sequence[Seen], match: str) -> None:
        bound = self.bindings.find(self.name, match)
        # Of one device the last passages are known again; a list may be longer than that.
        if bound and len(found) > _MANY:
            names = "\n".join(f"{one.name} {self._when(one.it)}" for one in found)
            if not self.memory.once(f"{match[:100]}/lists", names):
                self.tell("repeat", len(found))
                return
        taken: set[tuple[str, str]] = set()
        for one in found:
            if not one.name or (one.kind, one.name) not in taken:
                taken.add((one.kind, one.name))
                self._object(one, match, bound)

    def _object(self, seen: Seen, match: str, bound: Sequence[Binding]) -> None:
        kind, it = seen.kind, seen.it
        camera = camera_of(seen)
        ts = self._when(it)
        if ts is None and not any((seen.name, camera, it.get("PlateNo"), it.get("TollgateID"))):
            self.refuse(Reason.TYPE, f"{kind}: no number, no time and no camera")
            return
        if kind in {"camera", "tollgate", "door", "status"}:
            self._thing(seen, match, bound)
            return
        tollgate, lane = text_of(it.get("TollgateID")), code_of(it.get("LaneNo"))
        ends = (f"/{kind}", *([f"/{lane}"] if lane else []), "")
        parts = [f"{place}{end}" for place in (camera, tollgate) if place for end in ends]
        binding = part_of(bound, *parts, kind)
        if binding is None and len(bound) == 1 and not tollgate and is_vague(seen):
            binding = bound[0]
        if binding is None:
            self.stranger(match, camera or tollgate, guess="camera" if kind == "person" else "gate")
            return
        of: Literal["person", "vehicle"] = "person" if kind == "person" else "vehicle"
        if binding.meaning == "ignore" or binding.of not in {None, of}:
            return
        way = _way(binding, it)
        name = seen.name or ("" if ts else next(filter(None, (text_of(it.get(key)) for key in TIMES)), ""))
        if kind == "person" or binding.of:
            self.count(
                binding, ts, came=int(way != "out"), went=int(way == "out"), of=of, identity=name
            )  # fmt: skip
            return
        plate = text_of(it.get("PlateNo")) if _is_there(it.get("HasPlate")) else ""
        self.gate(binding, ts, way=way, plate=plate[:32], vehicle=_vehicle(kind, it), identity=name)

    def _thing(self, seen: Seen, match: str, bound: Sequence[Binding]) -> None:
        """Take note of a camera, a gate or a door in a list: it waits for a binding, or may be on- or offline."""
        it, camera = seen.it, seen.name
        binding = part_of([one for one in bound if one.part], camera)
        if binding is not None:
            state = _ONLINE.get(code_of(it.get("IsOnline")).lower())
            if state is not None:
                self.status(binding.device, state)
        elif seen.kind != "status" and part_of(bound, camera) is None:
            guess = {"tollgate": "gate", "door": "door"}.get(seen.kind, "camera")
            if seen.kind == "camera" and code_of(it.get("FunctionType")) == "1":
                guess = "gate"
            self.stranger(match, camera, guess=guess, name=text_of(it.get("Name")))

    def _when(self, it: Mapping[str, Json]) -> int | None:
        for key in TIMES:
            ts = instant_ms(text_of(it.get(key)), self.zone)
            if ts is not None:
                return ts
        images = it.get("SubImageList")
        inner = images.get("SubImageInfoObject") if isinstance(images, dict) else images
        first = inner[0] if isinstance(inner, list) and inner else inner
        return instant_ms(first.get("ShotTime"), self.zone) if isinstance(first, dict) else None


def _is_there(has_plate: Json) -> bool:
    """Tell whether a vehicle may have a plate, as far as the camera says."""
    return text_of(has_plate).lower() not in {"0", "0.0", "false", "no", "否"}


def _way(binding: Binding, it: Mapping[str, Json]) -> Way:
    said = text_of(it.get("InOut")).lower()
    if said:
        way = binding.directions.get(text_of(it.get("InOut"))) or binding.directions.get(said) or _WAYS.get(said)
        if way is not None:
            return way
    direction = text_of(it.get("Direction"))
    return binding.way(direction if direction in binding.directions else code_of(direction))


def _vehicle(kind: str, it: Mapping[str, Json]) -> str:
    said = text_of(it.get("VehicleClass")).upper()
    found = next((ours for begin, ours in _CLASSES if said.startswith(begin)), "")
    return found or ("bicycle" if kind == "nonmotor" else "unknown")
