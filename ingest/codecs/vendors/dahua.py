"""Dahua: line crossings, people counting, number plates and alarms, as cameras say them and as ITSAPI pushes them.

An event is ``Code=…;action=…;index=…;data={…}``, alone or in multipart; or lines ``Events[0].name=value`` beside a
picture; or JSON. A plate camera that pushes posts to ``/NotificationInfo/TollgateInfo``. ``UTC`` in an event is the
local time as if it were UTC; ``RealUTC`` is right and is often missing, and then ``LocaleTime`` is gone by.
Sources: the vendor's HTTP API ("eventManager", "snapManager"), its ITSAPI document, and what public receivers have met.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, NamedTuple

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.bodies import charset_of, inside, lowered, names_in, objects, parts_of
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError, text_of
from ingest.codecs.meters import increment
from ingest.codecs.times import instant_ms
from ingest.codecs.vendors.viid_objects import names_somebody
from ingest.vocabulary import Reason

_HEAD: Final = re.compile(r"Code=([^;\r\n]{1,64});action=([^;\r\n]{1,32})(?:;index=([0-9]{1,5}))?", re.IGNORECASE)
_DATA: Final = re.compile(r"\s{0,20};\s{0,20}data=", re.IGNORECASE)
_LINE: Final = re.compile(r"\s{0,20}Events\[([0-9]{1,2})\]\.([A-Za-z0-9_.\[\]]{1,200})\s{0,5}=(.{0,2000})")
_STEPS: Final = re.compile(r"[^.\[\]]{1,64}")
_MOST_LINES: Final = 3_000
_DEEPEST: Final = 12
_NEAR_MS: Final = 600_000
"""``UTC`` that is so near to the receipt is right: local time would be hours off."""
_GROUP_MS: Final = 30_000
"""Pictures of one passage come within this time."""
_PASSAGES: Final = {"trafficjunction", "trafficgate", "traffictollgate", "trafficpasscar", "trafficcarpass"}
_CROSSINGS: Final = {"crosslinedetection", "crossregiondetection", "crossfencedetection"}
_NO_WAY: Final = {"appear", "disappear", "inside", "cross", "stay"}
"""What an object does in a region that is neither way."""
_COUNTS: Final = {"numberstat", "videostat", "numberstatgroup"}
_INSIDE: Final = {"mannumdetection", "numberstatinarea"}
_STATES: Final = {
    "videoblind": ("video", "blocked"), "videoloss": ("video", "lost"), "videoabnormaldetection": ("video", "blocked"),
    "smokedetection": ("smoke", "alarm"), "firewarning": ("smoke", "alarm"),
    "firedetection": ("smoke", "alarm"),
}  # fmt: skip
_PERSONAL: Final = {
    "facerecognition", "facedetection", "faceanalysis", "accesscontrol", "citizenpicturecompare", "humantrait",
    "_doorface_", "doorface", "candidates", "face", "faces", "cardno", "cardname", "certificateid", "citizenid",
    "personinfo", "idcardinfo", "masterofcar",
}  # fmt: skip
"""Events about one person, and names of what they hold."""
_VEHICLES: Final = {
    "motor": "car", "saloncar": "car", "salooncar": "car", "saloon": "car", "suv": "car", "suvmpv": "car", "mpv": "car",
    "car": "car", "passengercar": "car", "smallcar": "car", "microcar": "car", "minicar": "car", "sedan": "car",
    "microbus": "van", "minibus": "van", "van": "van", "lightvan": "van",
    "bus": "bus", "midpassengercar": "bus", "mediumbus": "bus", "midbus": "bus", "largebus": "bus", "bigbus": "bus",
    "truck": "truck", "largetruck": "truck", "midtruck": "truck", "microtruck": "truck", "heavytruck": "truck",
    "lighttruck": "truck", "pickup": "truck", "tankcar": "truck", "dumptruck": "truck", "mixertruck": "truck",
    "motorcycle": "motorcycle", "tricycle": "motorcycle", "twowheelvehicle": "motorcycle",
    "nonmotor": "bicycle", "non-motor": "bicycle", "bicycle": "bicycle", "bike": "bicycle",
    "ambulance": "emergency", "fireengine": "emergency", "policecar": "emergency", "fireenginecar": "emergency",
}  # fmt: skip
_KINDS: Final[dict[str, Literal["person", "vehicle"]]] = {
    "human": "person", "person": "person", "vehicle": "vehicle", "nonmotor": "vehicle", "car": "vehicle",
}  # fmt: skip


class _Event(NamedTuple):
    code: str
    action: str
    """In lower-case letters: start, stop, pulse, state."""
    channel: str
    """Its number, from 0."""
    data: Json


class Dahua(Codec):
    """Counts, passages and alarms of cameras."""

    name = "dahua"
    binds: ClassVar = {
        "match": "the path or topic that the camera sends to, its DeviceID, or its account",
        "part": "the rule's name, `lane 1`, or `channel 0` (as the messages number them); else left out",
        "directions": "`LeftToRight`, `RightToLeft`, `Enter`, `Leave`, or of plates `Obverse`, `Reverse`: in or out",
        "of": "`person` or `vehicle`: what else crosses is not counted",
        "meaning": "`interval` where NumberStat says what came since the last word; else it is a running total",
        "metric": "for an alarm input (AlarmLocal): `door`, `smoke` ...; `states` has its words for Start and Stop",
    }
    paths = ("/NotificationInfo/", "/cgi-bin/eventManager.cgi", "/cgi-bin/snapManager.cgi")

    def read(self, message: VendorMessage) -> None:
        """Say every event of a body."""
        pushed, found = message.topic.lower().startswith("/notificationinfo/"), False
        for content, content_type in parts_of(message.payload, message.headers.get("content-type", "")):
            charset = charset_of(content_type)
            if content.lstrip(b"\xef\xbb\xbf\0 \t\r\n")[:1] in {b"{", b"["}:
                for said in objects(lowered(read_json(content, charset))):
                    found = True
                    if "picture" in said or pushed:
                        self._pushed(said)
                        continue
                    for one in objects(said.get("events", said)):
                        self._event(_event_of(one))
            else:
                found = True
                self._text(text_of(content, charset).strip("\ufeff\0 \t\r\n"))
        if not found:
            raise UnreadableError(Reason.TYPE, "no event, expected Code=…, lines of Events[0], or JSON")
        if pushed:
            self.reply(200, {"Result": True, "Message": ""})

    def _text(self, text: str) -> None:
        if text[:9].lower() == "heartbeat":
            for binding in self._bound():
                self.status(binding.device, "online")
            return
        events = list(_coded(text) if text[:5].lower() == "code=" else _lines(text))
        if not events:
            raise UnreadableError(Reason.TYPE, "no event, expected Code=…, lines of Events[0], or JSON")
        for event in events:
            self._event(event)

    def _bound(self, *names: str) -> list[Binding]:
        topic = self._message.topic
        wanted = (self._message.sender, topic, topic.removeprefix("/"), *names)
        return list(self.bindings.find(self.name, *filter(None, wanted)))

    def _binding(self, guess: str, parts: list[str], *names: str) -> Binding | None:
        """Return what a message is bound to; who is bound to nothing waits as a stranger."""
        bound = self._bound(*names)
        binding = part_of(bound, *filter(None, parts))
        if binding is None:
            self.stranger(next(filter(None, (*names, self._message.topic))), parts[0] if bound else "", guess=guess)
        elif binding.meaning == "ignore":
            return None
        return binding

    def _event(self, event: _Event) -> None:
        code, action, index, data = event
        if code in _PERSONAL or _is_personal(data):
            raise UnreadableError(Reason.PERSONAL, "faces, cards or names of people, of which nothing is taken")
        if not code:
            raise UnreadableError(Reason.TYPE, "an event without a code")
        guess = "gate" if code in _PASSAGES else "camera"
        lane = _word(data.get("lane")) or _word(inside(data, "trafficcar", "lane"))
        parts = [
            _word(data.get("name")),
            _word(data.get("rulename")),
            "lane " + lane if lane else "",
            "channel " + index,
        ]
        names = [_word(data.get(name)) for name in ("deviceid", "machineaddress", "serialno")]
        binding = self._binding(guess, parts, *names)
        if binding is None:
            return
        ts = self._when(data)
        if code in _PASSAGES and action != "stop":
            self._passage(binding, data, ts)
        elif code in _CROSSINGS and action != "stop":
            self._crossing(binding, code, data, ts)
        elif code in _COUNTS and ("enteredsubtotal" in data or "exitedsubtotal" in data):
            area = _word(data.get("areaid")) or _word(data.get("name"))
            self._total(binding, data, ts, f"{binding.device}/{index}/{area}"[:100])
        elif (
            code in _INSIDE and (number := self.number(_one_of(data, "number", "mannum", "insidesubtotal"))) is not None
        ):
            self.level(binding, ts, "occupancy", number)
        elif code == "alarmlocal" and binding.metric and action in {"start", "stop"}:
            self.state(binding, ts, "", binding.word(action.capitalize()))
        elif _STATES.get(code, ("",))[0] and action in {"start", "stop", "pulse"}:
            metric, word = _STATES[code]
            self.state(binding, ts, metric, "ok" if action == "stop" else word)
        else:
            self.tell("no_news")

    def _passage(self, binding: Binding, data: Json, ts: int | None) -> None:
        car = objects(data.get("trafficcar"))[:1] or [{}]
        plate = _word(car[0].get("platenumber")) or _plate_in(data)
        group, now = self.number(data.get("groupid")), ts or self._message.received_ms
        if group is not None and (self.number(data.get("countingroup")) or 0) > 1:
            key = f"group/{self.name}/{binding.device}"
            last = self.memory.get(key, tuple[float, int])
            if last is not None and last[0] == group and abs(now - last[1]) <= _GROUP_MS:
                self.tell("repeat")  # another picture of the same vehicle
                return
            self.memory.put(key, (group, now))
        ways = (data.get("direction"), car[0].get("direction"), *_list(car[0].get("drivingdirection")))
        kinds = (inside(data, "vehicle", "category"), car[0].get("category"), car[0].get("vehicletype"))
        self.gate(
            binding, ts, way=_way(binding, *ways), plate=plate[:32], vehicle=_vehicle(*kinds),
            backfill=_resent(data), identity=_identity(data),
        )  # fmt: skip

    def _crossing(self, binding: Binding, code: str, data: Json, ts: int | None) -> None:
        thing = inside(data, "object", "objecttype") or inside(data, "objects", "objecttype")
        of = _KINDS.get(_word(thing).lower())
        word = _word(data.get("direction")) or (_word(data.get("action")) if code != "crosslinedetection" else "")
        if binding.of and of and of != binding.of:
            self.tell("no_news")
            return
        way = _way(binding, word)
        if way == "unknown" and (binding.directions or code != "crosslinedetection"):
            if word and binding.directions and word.lower() not in _NO_WAY:
                self.refuse(Reason.RANGE, f"{binding.device}: the binding does not say which way its direction is")
            else:
                self.tell("no_news")
            return
        self.count(
            binding,
            ts,
            came=int(way != "out"),
            went=int(way == "out"),
            of=of,
            backfill=_resent(data),
            identity=_identity(data),
        )

    def _total(self, binding: Binding, data: Json, ts: int | None, key: str) -> None:
        totals = {
            way: _subtotal(data[name])
            for way, name in (("in", "enteredsubtotal"), ("out", "exitedsubtotal"))
            if data.get(name) not in (None, "")
        }
        if binding.meaning == "interval":
            self.count(
                binding, ts, came=totals.get("in", 0), went=totals.get("out", 0),
                interval_s=self.number(_one_of(data, "cycle", "period")), backfill=_resent(data),
                identity=_identity(data),
            )  # fmt: skip
            return
        step = increment(self, key, ts or self._message.received_ms, totals)
        if step is not None and (ts or any(step.counted.values())):
            self.count(
                binding, ts, interval_s=step.interval_s, came=step.counted.get("in", 0),
                went=step.counted.get("out", 0), of_total=True, backfill=_resent(data),
            )  # fmt: skip

    def _pushed(self, said: Json) -> None:
        """Take what ITSAPI pushes: a vehicle with its pictures, or a word that the camera is there."""
        if _is_personal(said):
            raise UnreadableError(Reason.PERSONAL, "faces, cards or names of people, of which nothing is taken")
        picture = inside(said, "picture")
        snap, plate = inside(picture, "snapinfo") or {}, inside(picture, "plate") or {}
        if not isinstance(picture, dict) or not isinstance(snap, dict) or not isinstance(plate, dict):
            device = _word(said.get("deviceid")) or _word(said.get("serialno"))
            for one in self._bound(device):
                self.status(one.device, "online")
            self.tell("no_news")
            return
        lane = _word(snap.get("lanno")) or _word(snap.get("laneno"))
        parts = ["lane " + lane if lane else "", "channel " + _word(plate.get("channel"))]
        binding = self._binding("gate", parts, _word(snap.get("deviceid")), _word(said.get("deviceid")))
        if binding is None:
            return
        ts = instant_ms(_one_of(snap, "accuratetime", "snaptime"), self.zone)
        ts = ts or instant_ms(snap.get("snaptime"), self.zone)
        exists = _word(plate.get("isexist")).lower() not in {"false", "0"}
        self.gate(
            binding, ts,
            way=_way(binding, snap.get("direction"), snap.get("driveway")),
            plate=_word(plate.get("platenumber"))[:32] if exists else "",
            vehicle=_vehicle(inside(picture, "vehicle", "vehicletype"), inside(picture, "vehicle", "type")),
            # Not on the camera's list is not the same as refused.
            allowed=False if _true(snap.get("blockuser")) else True if _true(snap.get("allowuser")) else None,
            backfill=_resent(snap) or _resent(said),
            identity=_word(snap.get("snapid")) or _word(plate.get("plateid")) or _word(snap.get("snaptime")),
        )  # fmt: skip

    def _when(self, data: Json) -> int | None:
        part = self.number(data.get("utcms")) or 0
        millis = int(part) if 0 <= part < 1000 else 0
        ts = instant_ms(self.number(data.get("realutc")), self.zone) or instant_ms(data.get("localetime"), self.zone)
        if ts is None:
            said = data.get("utc")
            number = self.number(said)
            plain = instant_ms(said if number is None else number, UTC)
            if plain is None:
                return None
            if number is not None and abs(plain - self._message.received_ms) <= _NEAR_MS:
                return plain + millis
            ts = instant_ms(datetime.fromtimestamp(plain / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"), self.zone)
        return None if ts is None else ts - ts % 1000 + millis if millis else ts


def _is_personal(said: Json) -> bool:
    return not _PERSONAL.isdisjoint(names_in(said)) or names_somebody(said)


def _event_of(said: Json) -> _Event:
    """Return an event that is an object, with lower-case names."""
    data = next((one for one in map(said.get, ("data", "info")) if isinstance(one, dict)), said)
    base = inside(said, "eventbaseinfo") or {}
    code, action, index = (_word(said.get(name)) or _word(inside(base, name)) for name in ("code", "action", "index"))
    return _Event(code.lower(), action.lower() or "pulse", index or "0", data)


def _coded(text: str) -> Iterator[_Event]:
    """Yield the events of a text that begins with ``Code=``: what is behind ``data=`` is JSON."""
    for said in re.split(r"[\r\n]{1,4}(?=Code=)", text)[:_MOST_LINES]:
        head = _HEAD.match(said)
        if head is None:
            raise UnreadableError(Reason.TYPE, "an event that does not begin with Code=…;action=…")
        data: Json = {}
        if begin := _DATA.match(said, head.end()):
            # Behind it there may be what is left of the stream that it was cut from.
            body = said[begin.end() :].rpartition("}")
            data = lowered(read_json((body[0] + body[1]).encode("utf-8", "surrogatepass")))
        yield _Event(
            head[1].strip().lower(), head[2].strip().lower(), head[3] or "0", data if isinstance(data, dict) else {}
        )


def _lines(text: str) -> Iterator[_Event]:
    """Yield the events of lines ``Events[0].TrafficCar.Lane=1``; what is numbered is found by its number."""
    events: dict[str, Json] = {}
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        raise UnreadableError(Reason.SIZE, f"more than {_MOST_LINES} lines")
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        node, steps = events.setdefault(found[1], {}), _STEPS.findall(found[2].lower())
        for step in steps[: min(len(steps) - 1, _DEEPEST)]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                break
        else:
            node[steps[-1]] = found[3].strip()
    yield from map(_event_of, events.values())


def _word(value: Json) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()[:64]


def _true(value: Json) -> bool:
    return _word(value).lower() in {"1", "true", "yes"}


def _resent(data: Json) -> bool:
    return any(
        _true(data.get(name)) for name in ("offline", "isoffline", "isretransmission", "retransmission", "ishistory")
    )


def _one_of(data: Json, *names: str) -> Json:
    return next((data[name] for name in names if data.get(name) not in (None, "")), None)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]


def _way(binding: Binding, *words: Json) -> Literal["in", "out", "unknown"]:
    return next((way for said in map(_word, words) if (way := binding.mapped(said))), binding.way())


def _vehicle(*kinds: Json) -> str:
    folded = (_word(kind).lower().replace(" ", "") for kind in kinds)
    return next((_VEHICLES[kind] for kind in folded if kind in _VEHICLES), "unknown")


def _identity(data: Json) -> str:
    names = ("eventid", "groupid", "ruleid", "areaid", "localetime")
    return "/".join([*(_word(data.get(name)) for name in names), _word(inside(data, "object", "objectid"))]).strip("/")


def _plate_in(data: Json) -> str:
    thing = inside(data, "object")
    return _word(inside(thing, "text")) if _word(inside(thing, "objecttype")).lower() == "plate" else ""


def _subtotal(value: Json) -> int:
    """Return a total: a number, or the widest of an object's."""
    if isinstance(value, dict):
        value = _one_of(value, "total", "today", "osd", "hour")
    number = Codec.number(value)
    if number is None or number != int(number) or number < 0:
        raise UnreadableError(Reason.RANGE, "EnteredSubtotal or ExitedSubtotal is no whole number from 0")
    return int(number)
