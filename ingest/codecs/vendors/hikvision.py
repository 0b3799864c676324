"""Hikvision: people counting, number plates, covered cameras and fire, as cameras and recorders push them.

A camera posts an ``EventNotificationAlert`` as XML or JSON, alone or as a part of multipart with pictures; one that is
listened to (``alertStream``) sends the same. Sources: the vendor's ISAPI documents ("EventNotificationAlert",
"peopleCounting", "ANPR"), and what public receivers of them have met.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from ingest.codecs.bindings import Binding, part_of
from ingest.codecs.bodies import charset_of, inside, lowered, names_in, objects, parts_of, read_xml
from ingest.codecs.codec import Codec, Json, VendorMessage, read_json
from ingest.codecs.lenient import UnreadableError
from ingest.codecs.meters import increment
from ingest.codecs.times import instant_ms
from ingest.codecs.vendors.viid_objects import names_somebody
from ingest.vocabulary import Reason

_VEHICLES: Final = {
    "vehicle": "car", "smallcar": "car", "minicar": "car", "suvmpv": "car", "suv": "car", "mpv": "car", "sedan": "car",
    "coupe": "car", "hatchback": "car", "saloon": "car", "motorvehicle": "car",
    "businessvehicle": "car", "largebus": "bus", "mediumbus": "bus", "bus": "bus", "coach": "bus",
    "truck": "truck", "buggy": "truck", "lighttruck": "truck", "mediumtruck": "truck", "heavytruck": "truck",
    "minitruck": "truck", "largetruck": "truck", "smalltruck": "truck", "pickup": "truck", "pickuptruck": "truck",
    "containertruck": "truck", "oiltanktruck": "truck", "slagtruck": "truck",
    "van": "van", "minivan": "van",
    "twowheelvehicle": "motorcycle", "threewheelvehicle": "motorcycle", "motorcycle": "motorcycle",
    "twowheeler": "motorcycle", "tricycle": "motorcycle",
    "nonmotor": "bicycle", "nonmotorvehicle": "bicycle", "bicycle": "bicycle",
}  # fmt: skip
_LISTS: Final = {
    "whitelist": True, "white": True, "allowlist": True, "blacklist": False, "black": False, "blocklist": False,
}  # fmt: skip
"""``otherList`` is a vehicle that the camera does not know: whether it may in is not said."""
_STATES: Final = {
    "shelteralarm": ("video", "blocked"), "tamperdetection": ("video", "blocked"), "videoloss": ("video", "lost"),
    "firedetection": ("smoke", "alarm"), "smokedetection": ("smoke", "alarm"), "fireescape": ("smoke", "alarm"),
    "smokeandfiredetection": ("smoke", "alarm"),
}  # fmt: skip
_PERSONAL: Final = {
    "facesnap", "facesnapmatch", "facecapture", "facedetection", "alarmresult", "facecontrast", "accesscontrollerevent",
    "faces", "employeeno", "employeenostring", "cardno", "cardid", "certificateno", "certificatenumber",
    "idcardinfoevent", "faceinfo", "face", "idnum", "identityinfo", "personinfo", "facelibtype", "humanname",
}  # fmt: skip
"""Events about one person, and names of what they hold."""
_END: Final = b"</EventNotificationAlert>"
_MOST_ALERTS: Final = 64
_HOUR_MS: Final = 3_600_000
_ENDS: Final = (("in", "enter"), ("out", "exit"))
_LANE: Final = "line "
_YES: Final = {"1", "true", "history", "yes"}


class Hikvision(Codec):
    """Counts, plates and states of cameras, also behind a recorder."""

    name = "hikvision"
    binds: ClassVar = {
        "match": "the path or topic that the camera sends to, its MAC address in small letters, or its account",
        "part": "behind a recorder the camera's number (its channel 34 is 2); `line 2` for one lane of a plate camera; "
        "else left out",
        "directions": "`forward` and `reverse` of a plate camera: which is in and which is out",
        "meaning": "`total` or `interval` to take only that, where a camera counts both ways",
    }

    def read(self, message: VendorMessage) -> None:
        """Say every event of a body."""
        found = False
        for content, content_type in parts_of(message.payload, message.headers.get("content-type", "")):
            start = content.lstrip(b"\xef\xbb\xbf\0 \t\r\n")[:1]
            charset = charset_of(content_type)
            if start in {b"{", b"["}:
                events = objects(lowered(read_json(content, charset)))
            else:
                events = [read_xml(one, charset) for one in _alerts(content)]
            for event in events:
                for alert in objects(event.get("eventnotificationalert", event)):
                    found = True
                    self._event(alert)
        if not found:
            raise UnreadableError(Reason.TYPE, "no event, expected an EventNotificationAlert")

    def _event(self, event: Json) -> None:
        kind = _text(inside(event, "eventtype")).lower()
        if kind in _PERSONAL or not _PERSONAL.isdisjoint(names_in(event)) or names_somebody(event):
            raise UnreadableError(Reason.PERSONAL, "faces, cards or names of people, of which nothing is taken")
        if not kind:
            raise UnreadableError(Reason.TYPE, "no eventType, expected an EventNotificationAlert")
        active = _text(event.get("eventstate")).lower() != "inactive"
        mac = _text(event.get("macaddress")).lower().replace("-", ":")
        channel = _channel(event)
        sender, topic, address = self._message.sender, self._message.topic, _text(event.get("ipaddress"))
        bound = self.bindings.find(self.name, *filter(None, (sender, topic, topic.removeprefix("/"), mac, address)))
        if not bound:
            self.stranger(mac or topic, channel, guess="gate" if kind == "anpr" else "camera")
            return
        if kind == "heartbeat" or (kind == "videoloss" and not active):
            self._alive(bound, channel)
        lane = _text(inside(event, "anpr", "line"))
        parts = [f"{channel} {_LANE}{lane}", _LANE + lane] if lane else []
        binding = part_of(bound, *parts, channel, _text(event.get("dynchannelid")) or _text(event.get("channelid")))
        if binding is None:
            if channel:
                self.stranger(mac or topic, channel)
            return
        if binding.meaning != "ignore":
            self._bound_event(binding, event, kind, f"{mac or topic}/{channel}", active=active)

    def _bound_event(self, binding: Binding, event: Json, kind: str, source: str, *, active: bool) -> None:
        ts = instant_ms(event.get("datetime"), self.zone)
        resent = _text(event.get("isdataretransmission")).lower() in _YES
        if kind == "peoplecounting":
            for said in _some(event, "peoplecounting"):
                self._people(binding, said, ts, source, resent=resent)
        elif kind == "anpr":
            for said in _some(event, "anpr"):
                self._plate(binding, event, said, ts, resent=resent)
        elif kind in _STATES:
            self._condition(binding, kind, ts, active=active, backfill=resent)
        else:
            self.tell("no_news")

    def _alive(self, bound: Sequence[Binding], channel: str) -> None:
        """Take the word that comes every ten seconds; a recorder's own says nothing of the cameras behind it."""
        for device in sorted({one.device for one in bound if one.part in {"", channel} or one.part[:5] == _LANE}):
            self.status(device, "online")

    def _people(self, binding: Binding, said: Json, ts: int | None, key: str, *, resent: bool) -> None:
        totals = {way: _whole(said[name]) for way, name in _ENDS if _text(said.get(name))}
        if not totals:
            raise UnreadableError(Reason.TYPE, "enter or exit is missing, or no whole number")
        span = said.get("timerange")
        method = _text(said.get("statisticalmethods")).lower() or ("timerange" if span else "realtime")
        meaning = "interval" if method == "timerange" else "total"
        if binding.meaning in {"total", "interval"} and binding.meaning != meaning:
            self.tell("no_news")
            return
        key = f"{binding.device}/{key[:80]}"
        until = self.memory.get(f"until/{self.name}/{key}", int) or 0
        if meaning == "total":
            known = instant_ms(inside(said, "realtime", "time"), self.zone) or ts
            now = known or self._message.received_ms
            step = increment(self, key, now, totals)
            # A clock that is years ahead must not shut intervals out for good.
            self.memory.put(f"until/{self.name}/{key}", max(until, min(now, self.received_ms + _HOUR_MS)))
            if step is not None and (known or any(step.counted.values())):
                self.count(
                    binding, now, interval_s=step.interval_s, came=step.counted.get("in", 0),
                    went=step.counted.get("out", 0), of_total=True, backfill=resent,
                )  # fmt: skip
            return
        start, end = (instant_ms(inside(span, name), self.zone) for name in ("starttime", "endtime"))
        end = end or ts
        if start is not None and start < until:
            self.tell("repeat")  # the camera counts both ways: its totals have these people
            return
        seconds = (end - start) / 1000 if start and end and end > start else None
        self.count(
            binding, end, interval_s=seconds, came=totals.get("in", 0), went=totals.get("out", 0), backfill=resent,
            identity="" if end else f"{_text(inside(span, 'starttime'))} {_text(inside(span, 'endtime'))}",
        )  # fmt: skip

    def _plate(self, binding: Binding, event: Json, said: Json, ts: int | None, *, resent: bool) -> None:
        kind = _text(said.get("vehicletype")).lower().replace(" ", "").replace("_", "")
        if kind == "pedestrian":
            self.tell("no_news")
            return
        clock = "" if ts else _text(event.get("datetime"))  # one that was never set still tells two apart
        old = _text(said.get("alarmdatatype")).lower() in _YES
        names = _text(said.get("vehiclelistname")) or _text(said.get("listtype")) or _text(said.get("vehiclelist"))
        self.gate(
            binding, ts,
            way=binding.way(_text(said.get("direction"))),
            plate=(_text(said.get("licenseplate")) or _text(said.get("originallicenseplate")))[:32],
            vehicle=_VEHICLES.get(kind, "unknown"),
            allowed=_LISTS.get(names.lower()),
            backfill=resent or old,
            identity=f"{_text(event.get('uuid'))}{_text(inside(said, 'vehicleinfo', 'index'))}{clock}",
        )  # fmt: skip

    def _condition(self, binding: Binding, kind: str, ts: int | None, *, active: bool, backfill: bool) -> None:
        """Say that a camera is covered, or sees fire; and once that it is over, for `inactive` also means alive."""
        metric, word = _STATES[kind]
        key = f"active/{self.name}/{binding.device}/{kind}"
        if not active and self.memory.get(key, bool) is None:
            self.tell("no_news")
            return
        self.memory.put(key, True if active else None)
        self.state(binding, ts, metric, word if active else "ok", backfill=backfill)


def _alerts(content: bytes) -> list[bytes]:
    """Return the documents in a piece of a stream, without what stands around them."""
    pieces = content.split(_END)
    if len(pieces) > _MOST_ALERTS:
        raise UnreadableError(Reason.SIZE, f"more than {_MOST_ALERTS} events in one message")
    return [one[max(one.find(b"<"), 0) :] + _END for one in pieces[:-1]] or pieces


def _text(value: Json) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _some(event: Json, name: str) -> Iterator[Json]:
    found = objects(event.get(name))
    if not found:
        raise UnreadableError(Reason.TYPE, f"no {name} in an event of that type")
    yield from found


def _whole(value: Json) -> int:
    number = Codec.number(value)
    if number is None or number != int(number):
        raise UnreadableError(Reason.TYPE, "enter or exit is missing, or no whole number")
    if number < 0:
        raise UnreadableError(Reason.RANGE, "enter or exit is below 0")
    return int(number)


def _channel(event: Json) -> str:
    """Return the number of a camera: behind a recorder those over 32 are IP cameras, which it numbers from 33."""
    said = _text(event.get("dynchannelid")) or _text(event.get("channelid"))
    if said.isdecimal() and len(said) < 6:
        number = int(said)
        return str(number - 32 if number > 32 else number)
    return said[:32]
