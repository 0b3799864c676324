"""Cameras: counters with running totals, and readers of number plates."""

import json
from datetime import tzinfo
from hashlib import blake2b
from typing import Any, ClassVar, Final, Literal

from ingest.codecs.bindings import Binding
from ingest.places import Device
from simulators.devices.messages import Posting, Spoken
from simulators.dialects.speaker import PICTURE, Speaker
from simulators.world.vehicles import Body

_DECLARED: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_ALERT: Final = b"EventNotificationAlert"
_WAYS: Final[tuple[Literal["in", "out"], ...]] = ("in", "out")
_KINDS: Final[tuple[Literal["person", "vehicle"], ...]] = ("person", "vehicle")


def _json(said: object) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode()


def _mac(device: str) -> str:
    return "00:00:5e:00:53:" + blake2b(device.encode(), digest_size=1).hexdigest()


class HikvisionSpeaker(Speaker):
    """Cameras that post XML: running totals of people, plates beside a picture."""

    name, posts = "hikvision", True
    says: ClassVar = {"camera": ("count/person",), "gate": ("gate",)}
    _VEHICLES: Final = {
        "car": "vehicle", "truck": "truck", "bus": "largeBus", "van": "van", "motorcycle": "twoWheelVehicle",
        "bicycle": "nonmotorVehicle",
    }  # fmt: skip
    _LISTS: Final = {True: "whiteList", False: "blackList", None: "otherList"}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the path to which it posts."""
        return [Binding(self.name, device.id, f"hik/{device.id}", directions={"forward": "in", "reverse": "out"})]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say totals, or a plate."""
        if body["type"] == "gate":
            return [self._plate(device, body, ts)]
        first = (device, "in") not in self._totals
        before = [self._people(device, self.add(device, {"in": 0, "out": 0}), ts - body["interval_s"] * 1000)]
        now = self._people(device, self.add(device, {way: body[way] for way in _WAYS}), ts)
        return [*before, now] if first else [now]

    def _people(self, device: str, totals: dict[str, int], ts: int) -> Spoken:
        when = self.local(ts).isoformat(timespec="milliseconds")
        inner = (
            f"<peopleCounting><statisticalMethods>realTime</statisticalMethods><RealTime><time>{when}</time></RealTime>"
            f"<enter>{totals['in']}</enter><exit>{totals['out']}</exit><pass>7</pass></peopleCounting>"
        )
        return Spoken(f"hik/{device}", self._alert(device, "PeopleCounting", when, inner), "application/xml")

    def _plate(self, device: str, body: Body, ts: int) -> Spoken:
        when = self.local(ts).isoformat(timespec="milliseconds")
        plate = body["plate"] or "unknown"
        way = {"in": "forward", "out": "reverse"}.get(body["direction"], "unknown")
        inner = (
            f"<ANPR><licensePlate>{plate}</licensePlate><line>1</line><direction>{way}</direction>"
            f"<vehicleType>{self._VEHICLES.get(body['vehicle'], 'unknown')}</vehicleType>"
            f"<originalLicensePlate>{plate}</originalLicensePlate>"
            f"<vehicleListName>{self._LISTS[body.get('allowed')]}</vehicleListName></ANPR>"
            f"<UUID>{device}-{self.next(device):08d}</UUID><isDataRetransmission>false</isDataRetransmission>"
        )
        head = b'--boundary\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n\r\n'
        parts = (
            (b"anpr.xml", b'application/xml; charset="UTF-8"', self._alert(device, "ANPR", when, inner)),
            (b"licensePlatePicture.jpg", b"image/jpeg", PICTURE),
        )
        whole = b"".join(head % (name, name, kind) + content + b"\r\n" for name, kind, content in parts)
        return Spoken(f"hik/{device}", whole + b"--boundary--\r\n", "multipart/form-data;boundary=boundary")

    def _alert(self, device: str, kind: str, when: str, inner: str) -> bytes:
        fields = (("eventType", kind), ("eventState", "active"), ("channelName", "In & out"))
        text = "".join(f"<{name}>{value}</{name}>" for name, value in fields)
        head = f"<macAddress>{_mac(device)}</macAddress><channelID>1</channelID><dateTime>{when}</dateTime>"
        return b"%s<%s>%s</%s>" % (_DECLARED, _ALERT, f"{head}{text}{inner}".encode(), _ALERT)


class DahuaSpeaker(Speaker):
    """Cameras with a rule for people and one for vehicles, and ITSAPI's pushes of plates with pictures in them."""

    name, posts = "dahua", True
    says: ClassVar = {"camera": ("count/person", "count/vehicle", "state/video"), "gate": ("gate",)}
    _RULES: ClassVar[dict[str, str]] = {"person": "People", "vehicle": "Vehicles"}
    _VEHICLES: Final = {
        "car": "SaloonCar", "truck": "LargeTruck", "bus": "Bus", "van": "MicroBus", "motorcycle": "Motorcycle",
        "bicycle": "Bicycle",
    }  # fmt: skip
    _VIDEO: Final = {"blocked": ("VideoBlind", "Start"), "lost": ("VideoLoss", "Start"), "ok": ("VideoLoss", "Stop")}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the rules of a camera, the number of a plate reader."""
        if device.type == "gate":
            return [Binding(self.name, device.id, device.id, directions={"Obverse": "in", "Reverse": "out"})]
        return [
            Binding(self.name, device.id, f"dahua/{device.id}"),
            *(Binding(self.name, device.id, f"dahua/{device.id}", self._RULES[of], of) for of in _KINDS),
        ]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say totals, what the video is, or a vehicle."""
        if body["type"] == "gate":
            return [self._vehicle(device, body, ts)]
        if body["type"] == "state":
            code, action = self._VIDEO[body["value"]]
            return [self._event(device, code, action, {}, ts)]
        names = {way: f"{body['of']}/{way}" for way in _WAYS}
        first = (device, names["in"]) not in self._totals
        before = self._totals_of(device, body, self.add(device, dict.fromkeys(names.values(), 0)), 0)
        now = self._totals_of(device, body, self.add(device, {names[way]: body[way] for way in _WAYS}), 1)
        start = self._event(device, "NumberStat", "Pulse", before, ts - round(body["interval_s"] * 1000))
        return [*([start] if first else []), self._event(device, "NumberStat", "Pulse", now, ts)]

    def _totals_of(self, device: str, body: Body, totals: dict[str, int], number: int) -> dict[str, Any]:
        del device
        came, went = totals.values()
        # Both forms are met in the street.
        wrapped = (lambda total: {"Total": total, "Today": total, "Hour": 0}) if number else (lambda total: total)
        return {"Name": self._RULES[body["of"]], "EnteredSubtotal": wrapped(came), "ExitedSubtotal": wrapped(went)}

    def _event(self, device: str, code: str, action: str, data: dict[str, Any], ts: int) -> Spoken:
        local = self.local(ts)
        shift = local.utcoffset()
        data |= {
            "RealUTC": ts // 1000, "UTC": ts // 1000 + (0 if shift is None else round(shift.total_seconds())),
            "UTCMS": ts % 1000, "LocaleTime": local.strftime("%Y-%m-%d %H:%M:%S"),
        }  # fmt: skip
        said = json.dumps(data, indent=3, ensure_ascii=False)
        return Spoken(f"dahua/{device}", f"Code={code};action={action};index=0;data={said}".encode(), "text/plain")

    def _vehicle(self, device: str, body: Body, ts: int) -> Spoken:
        local = self.local(ts)
        allowed = body.get("allowed")
        snap = {
            "AccurateTime": f"{local:%Y-%m-%d %H:%M:%S}.{ts % 1000:03d}", "SnapTime": f"{local:%Y-%m-%d %H:%M:%S}",
            "DeviceID": device, "LanNo": 1, "AllowUser": allowed is True, "BlockUser": allowed is False,
            "Direction": {"in": "Obverse", "out": "Reverse"}.get(body["direction"], "Unknown"),
            "SnapID": str(self.next(device)),
        }  # fmt: skip
        plate = {"IsExist": bool(body["plate"]), "PlateNumber": body["plate"] or "未识别", "Channel": 0}
        said = {
            "CutoutPic": {"Content": "/9j/4AAQSkZJRgBkdW1teQ0KLS14e33/2Q=="}, "Plate": plate, "SnapInfo": snap,
            "Vehicle": {"VehicleType": self._VEHICLES.get(body["vehicle"], "Unknown")},
        }  # fmt: skip
        return Spoken("NotificationInfo/TollgateInfo", _json({"Picture": said}))


class MilesightSpeaker(Speaker):
    """Counters that report each interval beside their totals; line 1 counts people, line 2 vehicles."""

    name = "milesight"
    says: ClassVar = {"camera": ("count/person", "count/vehicle")}

    def bindings(self, device: Device) -> list[Binding]:
        """Map its lines."""
        topic = f"milesight/{device.id}"
        return [
            Binding(self.name, device.id, topic, "1", "person"),
            Binding(self.name, device.id, topic, "2", "vehicle"),
        ]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say an interval."""
        line = 1 if body["of"] == "person" else 2
        totals = self.add(device, {f"{line}/{way}": body[way] for way in _WAYS})
        start, end = (
            self.local(when).strftime("%Y/%m/%d %H:%M:%S.%f")[:-3] for when in (ts - body["interval_s"] * 1000, ts)
        )
        said = {
            "event": "Line Crossing People Counting", "report_type": "interval",
            "device_info": {"device_sn": f"SIM-{device}", "device_mac": _mac(device), "running_time": ts // 1000},
            "network_info": {"network_status": "true", "imei": "000000000000000"},
            "line_periodic_data": [{"line": line, "total": {way: body[way] for way in _WAYS}}],
            "line_total_data": [
                {"line": line, "total": {f"{way}_counted": totals[f"{line}/{way}"] for way in _WAYS}}
            ],
            "time_info": {"start_time": start, "end_time": end},
        }  # fmt: skip
        return [Spoken(f"milesight/{device}", _json(said))]


class AxisSpeaker(Speaker):
    """Object Analytics: scenario 1 counts who comes, scenario 2 who goes; all numbers are texts."""

    name = "axis"
    says: ClassVar = {"camera": ("count/person", "count/vehicle")}
    _TOTALS: Final = {"person": "totalHuman", "vehicle": "totalCar"}

    def __init__(self, zone: tzinfo) -> None:
        super().__init__(zone)
        self._since: dict[str, str] = {}

    def bindings(self, device: Device) -> list[Binding]:
        """Map its scenarios."""
        ways = enumerate(_WAYS, 1)
        return [
            Binding(self.name, device.id, _serial(device.id), f"Device1Scenario{number}", direction=way)
            for number, way in ways
        ]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say the totals of a scenario for each way that somebody went."""
        said: list[Spoken] = []
        before = ts - round(body["interval_s"] * 1000)
        if device not in self._since:
            self._since[device] = self.local(before).isoformat(timespec="milliseconds")
            said = [self._scenario(device, number, {"person": 0, "vehicle": 0}, before) for number in (1, 2)]
        for number, way in enumerate(_WAYS, 1):
            totals = self.add(device, {f"{of}/{way}": body[way] * (of == body["of"]) for of in self._TOTALS})
            said.append(self._scenario(device, number, {of: totals[f"{of}/{way}"] for of in self._TOTALS}, ts))
        return said

    def _scenario(self, device: str, number: int, totals: dict[str, int], ts: int) -> Spoken:
        data = {
            "startTime": self._since[device], "reason": "human", "scenario": "Scenario " + str(number),
            "scenarioType": "crosslinecounting", "total": str(sum(totals.values())),
            **{self._TOTALS[of]: str(total) for of, total in totals.items()},
        }  # fmt: skip
        topic = f"axis/{_serial(device)}/event/CameraApplicationPlatform/ObjectAnalytics/Device1Scenario{number}"
        message = {"source": {}, "key": {}, "data": data}
        return Spoken(topic, _json({"timestamp": ts, "serial": _serial(device), "message": message}))


def _serial(device: str) -> str:
    return "00005E" + blake2b(device.encode(), digest_size=3).hexdigest().upper()


class OnvifSpeaker(Speaker):
    """Cameras with a counting rule for each way and kind."""

    name = "onvif"
    says: ClassVar = {"camera": ("count/person", "count/vehicle")}

    def bindings(self, device: Device) -> list[Binding]:
        """Map its rules."""
        return [Binding(self.name, device.id, device.id, f"{of} {way}", of, way) for of in _KINDS for way in _WAYS]

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say the totals of both ways."""
        said: list[Spoken] = []
        before = ts - round(body["interval_s"] * 1000)
        for way in _WAYS:
            rule = f"{body['of']} {way}"
            if (device, rule) not in self._totals:
                said.append(self._counter(device, rule, 0, before))
            said.append(self._counter(device, rule, self.add(device, {rule: body[way]})[rule], ts))
        return said

    def _counter(self, device: str, rule: str, total: int, ts: int) -> Spoken:
        when = self.local(ts).isoformat(timespec="milliseconds")
        source, data = {"VideoSource": "1", "Rule": rule}, {"Count": str(total)}
        topic = f"{device}/onvif-ej/RuleEngine/CountAggregation/Counter/&1/2/{rule}"
        return Spoken(topic, _json({"UtcTime": when, "Source": source, "Data": data}))


class ViidSpeaker(Speaker):
    """A platform's list of vehicles in the form of GA/T 1400, with a picture in base64."""

    name, posts = "gat1400", True
    says: ClassVar = {"gate": ("gate",)}
    _CLASSES: Final = {"car": "K33", "truck": "H11", "bus": "K11", "motorcycle": "M21"}
    _LIST: Final = "VIID/MotorVehicles"

    def bindings(self, device: Device) -> list[Binding]:
        """Map its number at the platform, and the compass codes of the street."""
        number = self._number(device.id)
        return [
            Binding(self.name, device.id, match, number, directions={"1": "in", "2": "out"})
            for match in (self._LIST, number)  # by MQTT; by HTTP, where it has an account
        ]

    def posting(self, device: str, spoken: Spoken) -> Posting:
        """Say who it is as GA/T 1400 has it; whoever is not known registers."""
        del spoken
        number = self._number(device)
        register = Spoken("VIID/System/Register", _json({"RegisterObject": {"DeviceID": number}}))
        return Posting(number, (("User-Identify", number), ("content-type", "application/VIID+JSON")), register)

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say a vehicle."""
        number, when = self._number(device), self.local(ts).strftime("%Y%m%d%H%M%S")
        bare = body["vehicle"] == "bicycle"
        one = {
            "MotorVehicleID": f"{number}02{when}{self.next(device) % 100_000:05d}02{0:05d}", "InfoKind": "1",
            "DeviceID": number, "HasPlate": "1" if body["plate"] else "0", "PlateNo": body["plate"] or "无车牌",
            "PassTime": when, "Direction": {"in": "1", "out": "2"}.get(body["direction"], "9"),
            "VehicleClass": self._CLASSES.get(body["vehicle"], "X99"),
            "SubImageList": {"SubImageInfoObject": [{"ImageID": "1", "Data": "/9j/4AAQSkZJRgBkdW1teQ=="}]},
        }  # fmt: skip
        if bare:
            one["NonMotorVehicleID"] = one.pop("MotorVehicleID")
        kind = "NonMotorVehicle" if bare else "MotorVehicle"
        return [Spoken(self._LIST, _json({f"{kind}ListObject": {f"{kind}Object": [one]}}))]

    @staticmethod
    def _number(device: str) -> str:
        digits = int.from_bytes(blake2b(device.encode(), digest_size=4).digest(), "big") % 10**7
        return f"999999000013{1:01d}{digits:07d}"


class FrigateSpeaker(Speaker):
    """A recorder that follows objects: each is said when it is new, and again at its end."""

    name = "frigate"
    says: ClassVar = {"camera": ("count/person",), "gate": ("gate",)}
    _FROM: Final = {"in": "street", "out": "yard", "unknown": "elsewhere"}

    def bindings(self, device: Device) -> list[Binding]:
        """Map the zone at the gate, and from where one enters it."""
        return [
            Binding(
                self.name, device.id, device.id, "gate", "person" if device.type == "camera" else None,
                directions={"street": "in", "yard": "out"},
            )
        ]  # fmt: skip

    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Say each person, or a vehicle."""
        if body["type"] == "gate":
            return self._object(device, body["vehicle"], body["direction"], ts, body["plate"])
        return [
            spoken for way in _WAYS for _ in range(body[way]) for spoken in self._object(device, "person", way, ts, "")
        ]

    def _object(self, device: str, label: str, way: str, ts: int, plate: str) -> list[Spoken]:
        number = f"{ts / 1000:.6f}-{self.next(device):06d}"
        after = {
            "id": number, "camera": device, "frame_time": ts / 1000, "label": label, "false_positive": False,
            "start_time": ts / 1000, "end_time": None, "current_zones": ["gate"], "stationary": False,
            "entered_zones": [self._FROM[way], "gate"], "recognized_license_plate": plate or None,
        }  # fmt: skip
        ended = after | {"end_time": ts / 1000 + 4}
        return [
            Spoken("frigate/events", _json({"type": kind, "before": said, "after": said}))
            for kind, said in (("new", after), ("end", ended))
        ]
