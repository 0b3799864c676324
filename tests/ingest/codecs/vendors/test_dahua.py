"""Dahua: events in their three forms, clocks that are eight hours off, and pushes of plate cameras."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.gateway.plates import normalise
from ingest.observations import Count, Level, State
from ingest.vocabulary import Reason
from tests.ingest.codecs.cases import Feed

ZONE, ITSAPI = ZoneInfo("Asia/Shanghai"), "/NotificationInfo/TollgateInfo"


def ms(clock):
    return round(datetime.fromisoformat(f"2026-11-20T{clock}").replace(tzinfo=ZONE).timestamp() * 1000)


LOCAL = ms("08:02:10") // 1000 + 8 * 3600


def feed(path="/dh", **more):
    return Feed("dahua", [Binding("dahua", "d-1", path, **more)])


def coded(code, data=None, *, action="Start", index=0):
    text = f"Code={code};action={action};index={index}"
    return text if data is None else f"{text};data={json.dumps(data, ensure_ascii=False, indent=3)}"


def lines(code, data, *, action="Start"):
    said = [
        f"Events[0].EventBaseInfo.Code={code}",
        f"Events[0].EventBaseInfo.Action={action}",
        "Events[0].EventBaseInfo.Index=0",
    ]

    def walk(path, value):
        if isinstance(value, dict):
            for name, one in value.items():
                walk(f"{path}.{name}", one)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                walk(f"{path}[{number}]", one)
        else:
            said.append(f"{path}={value}")

    walk("Events[0]", data)
    return "\r\n".join(said)


def as_json(code, data, *, action="Start"):
    return json.dumps({"Code": code, "Action": action, "Index": 0, "Data": data}, ensure_ascii=False)


def as_events(code, data, *, action="Start"):
    return json.dumps({"Events": [{"Code": code, "Action": action, "Data": data}]}, ensure_ascii=False)


def multipart(code, data, *, action="Start"):
    head = "--myboundary\r\nContent-Type: text/plain\r\nContent-Length:9\r\n\r\n"
    return f"{head}{coded(code, data, action=action)}\r\n\r\n"


FORMS = [coded, lines, as_json, as_events, multipart]


def say(to, text, *, path="/dh", received="09:00:00", retained=False, sender=""):
    payload = text if isinstance(text, bytes) else text.encode()
    kind = {"content-type": "multipart/x-mixed-replace; boundary=myboundary"} if payload.startswith(b"--") else {}
    return to(VendorMessage(path, payload, ms(received), retained, kind, sender))


def crossing(direction="LeftToRight", kind="Human", **more):
    return {
        "Direction": direction,
        "EventID": 1,
        "LocaleTime": "2026-11-20 08:02:10",
        "Name": "Door",
        "Object": {"ObjectID": 5, "ObjectType": kind, "Confidence": 0},
        **more,
    }


WAYS = {"LeftToRight": "in", "RightToLeft": "out"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("direction", "wanted"), [("LeftToRight", (1, 0)), ("RightToLeft", (0, 1))])
def test_a_crossing_is_one_in_every_form(form, direction, wanted):
    ((device, said),) = say(feed(directions=WAYS), form("CrossLineDetection", crossing(direction))).observations
    assert (device, said) == ("d-1", Count(ms("08:02:10"), 1.0, wanted[0], wanted[1], "person"))


@pytest.mark.parametrize("form", FORMS)
def test_a_stop_is_no_second_crossing_and_the_same_again_none(form):
    to = feed(directions=WAYS)
    heard = [say(to, form("CrossLineDetection", crossing(), action=action)) for action in ("Start", "Start", "Stop")]
    assert [len(one.observations) for one in heard] == [1, 0, 0]


def test_two_people_in_one_second_are_two():
    to = feed(directions=WAYS)
    heard = [say(to, coded("CrossLineDetection", crossing(EventID=number))) for number in (1, 2)]
    assert [len(one.observations) for one in heard] == [1, 1]


def test_what_is_not_counted_there_is_left_out_and_a_direction_without_a_meaning_refused():
    to = feed(directions=WAYS, of="person")
    assert say(to, coded("CrossLineDetection", crossing(kind="Vehicle"))).observations == []
    meaning = say(to, coded("CrossLineDetection", crossing("Approach")))
    assert [one.reason for one in meaning.refusals] == [Reason.RANGE]
    ((_, said),) = say(feed(), coded("CrossLineDetection", crossing("Approach", "Vehicle"))).observations
    assert (said.in_, said.of) == (1, "vehicle")


@pytest.mark.parametrize(("clocks", "wanted"), [
    ({"RealUTC": ms("08:02:10") // 1000, "UTC": LOCAL, "LocaleTime": "2026-11-20 03:00:00"}, "08:02:10"),
    ({"UTC": LOCAL, "LocaleTime": "2026-11-20 08:02:10"}, "08:02:10"), ({"UTC": LOCAL}, "08:02:10"),
    ({"UTC": "2026-11-20 08:02:10"}, "08:02:10"), ({"UTC": ms("08:59:58") // 1000}, "08:59:58"),
    ({"RealUTC": 0, "UTC": 0}, "09:00:00"), ({}, "09:00:00"), ({"RealUTC": str(ms("08:02:10") // 1000)}, "08:02:10"),
])  # fmt: skip
def test_utc_is_local_time_and_realutc_is_right(clocks, wanted):
    data = {**crossing(), "LocaleTime": "", **clocks}
    ((_, said),) = say(feed(), coded("CrossLineDetection", data)).observations
    assert said.ts == ms(wanted)


def subtotal(came, went, at, wrap):
    return {"EnteredSubtotal": wrap(came), "ExitedSubtotal": wrap(went), "AreaID": 1, "RealUTC": ms(at) // 1000}


@pytest.mark.parametrize(
    "wrap", [int, str, lambda number: {"Total": number, "Today": 1, "Hour": 0}, lambda number: {"Today": number}]
)
def test_subtotals_are_running_totals_as_numbers_and_as_objects(wrap):
    to, heard = feed(), []
    for came, went, at in [(100, 90, "08:00:00"), (103, 91, "08:01:00"), (103, 91, "08:01:00"), (2, 0, "08:02:00")]:
        to.restart()
        heard += say(to, coded("NumberStat", subtotal(came, went, at, wrap), action="Pulse")).observations
    assert [(one.in_, one.out) for _, one in heard] == [(3, 1), (2, 0)]


def test_subtotals_may_be_of_an_interval_by_the_binding():
    ((_, said),) = say(
        feed(meaning="interval"), coded("NumberStat", {**subtotal(3, 1, "08:00:00", int), "Cycle": 60}, action="Pulse")
    ).observations
    assert said == Count(ms("08:00:00"), 60.0, 3, 1, "person")


def test_areas_that_count_the_same_in_the_same_second_are_several():
    to = feed(meaning="interval")
    said = [coded("NumberStat", {**subtotal(3, 1, "08:00:00", int), "AreaID": area}, action="Pulse") for area in (1, 2)]
    assert [len(say(to, one).observations) for one in (*said, *said)] == [1, 1, 0, 0]


def test_what_merely_appears_in_a_region_is_no_news():
    meaning = say(feed(directions={"Enter": "in"}), coded("CrossRegionDetection", {"Action": "Appear"}))
    assert (meaning.observations, meaning.refusals, dict(meaning.told)) == ([], [], {"no_news": 1})


def junction(plate="京B23456", **more):
    return {
        "RealUTC": ms("07:31:15") // 1000,
        "UTC": ms("07:31:15") // 1000 + 28800,
        "EventID": 9,
        "Lane": 1,
        "Object": {"ObjectType": "Plate", "Text": plate},
        "TrafficCar": {"PlateNumber": plate, "VehicleType": "Motor"},
        **more,
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("plate", ["京B23456", "京AD12345", "未识别", "无车牌", "unknown"])
def test_a_vehicle_passes_in_every_form(form, plate):
    ((_, said),) = say(feed(direction="in"), form("TrafficJunction", junction(plate), action="Pulse")).observations
    assert (said.ts, said.direction, said.vehicle, normalise(said.plate)) == (
        ms("07:31:15"),
        "in",
        "car",
        plate if plate[0] == "京" else "",
    )


def test_gbk_and_pictures_beside_an_event():
    text = lines("TrafficJunction", junction(), action="Pulse").encode("gbk")
    picture = b"--myboundary\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n\r\n\xff\xd8\xff\xe0--my\r\n"
    body = b"--myboundary\r\nContent-Type: text/plain\r\n\r\n" + text + b"\r\n" + picture + b"--myboundary--\r\n"
    ((_, said),) = say(feed(), body).observations
    assert said.plate == "京B23456"


def test_pictures_of_one_passage_are_one_passage():
    to = feed()
    heard = [
        say(
            to,
            coded(
                "TrafficJunction",
                junction(GroupID=7, CountInGroup=3, IndexInGroup=index, UTCMS=index * 100, EventID=index),
                action="Pulse",
            ),
        )
        for index in (1, 2, 3)
    ]
    assert [len(one.observations) for one in heard] == [1, 0, 0]
    assert (
        len(
            say(
                to, coded("TrafficJunction", junction(GroupID=8, CountInGroup=3, IndexInGroup=1), action="Pulse")
            ).observations
        )
        == 1
    )


def test_a_lane_a_rule_or_a_channel_may_be_a_device():
    to = Feed(
        "dahua",
        [Binding("dahua", f"d-{part[-1]}", "/dh", part) for part in ("lane 1", "lane 2", "channel 3", "Door 4")],
    )
    heard = [say(to, coded("TrafficJunction", junction(Lane=lane), action="Pulse")) for lane in (1, 2)]
    heard += [
        say(to, coded("CrossLineDetection", crossing(Name="x"), index=3)),
        say(to, coded("CrossLineDetection", crossing(Name="Door 4"))),
    ]
    assert [device for one in heard for device, _ in one.observations] == ["d-1", "d-2", "d-3", "d-4"]
    assert [one.part for one in say(to, coded("TrafficJunction", junction(Lane=5))).strangers]


def tollgate(plate="京AD12345", **snap):
    return {
        "Picture": {
            "CutoutPic": {"Content": "/9j/4AAQ"},
            "Plate": {"IsExist": True, "PlateNumber": plate, "Channel": 0},
            "SnapInfo": {
                "AccurateTime": "2026-11-20 07:44:51.207",
                "SnapTime": "2026-11-20 07:44:51",
                "Direction": "Obverse",
                "DeviceID": "DEMO1",
                "LanNo": 1,
                **snap,
            },
            "Vehicle": {"VehicleType": "SaloonCar"},
        }
    }


@pytest.mark.parametrize(("snap", "wanted"), [
    ({}, ("in", None, False)), ({"Direction": "Reverse"}, ("out", None, False)),
    ({"AllowUser": False}, ("in", None, False)),
    ({"AllowUser": True}, ("in", True, False)), ({"BlockUser": True}, ("in", False, False)),
    ({"AccurateTime": ""}, ("in", None, False)),
])  # fmt: skip
def test_a_pushed_vehicle(snap, wanted):
    to = feed("DEMO1", directions={"Obverse": "in", "Reverse": "out"})
    meaning = say(to, json.dumps(tollgate(**snap)), path=ITSAPI)
    ((_, said),) = meaning.observations
    assert (said.ts // 1000, said.plate, said.vehicle) == (ms("07:44:51") // 1000, "京AD12345", "car")
    assert (said.direction, said.allowed, said.backfill) == wanted
    assert (meaning.reply.status, json.loads(meaning.reply.body)["Result"]) == (200, True)


def test_a_pushed_keep_alive_is_the_devices_status():
    meaning = say(
        feed("DEMO1"), json.dumps({"Active": "keepAlive", "DeviceID": "DEMO1"}), path="/NotificationInfo/KeepAlive"
    )
    assert (meaning.statuses, meaning.observations, meaning.reply.status) == ([("d-1", "online")], [], 200)
    assert say(feed(), "--myboundary\r\nContent-Type: text/plain\r\n\r\nHeartbeat\r\n").statuses == [("d-1", "online")]


def test_alarms_of_cameras_and_their_inputs():
    heard = [
        say(feed(), coded(code, {"LocaleTime": "2026-11-20 08:02:10"}, action=action)).observations
        for code, action in [
            ("VideoBlind", "Start"),
            ("FireWarning", "Start"),
            ("FireWarning", "Stop"),
            ("VideoMotion", "Start"),
        ]
    ]
    assert [[(one.metric, one.value) for _, one in some] for some in heard] == [
        [("video", "blocked")],
        [("smoke", "alarm")],
        [("smoke", "ok")],
        [],
    ]
    to = feed(metric="door", states={"Start": "open", "Stop": "closed"})
    assert say(to, coded("AlarmLocal", action="Start")).observations == [("d-1", State(ms("09:00:00"), "door", "open"))]
    assert say(feed(), coded("ManNumDetection", {"Number": 4})).observations == [
        ("d-1", Level(ms("09:00:00"), "occupancy", 4.0))
    ]


@pytest.mark.parametrize("text", [
    coded("FaceRecognition", {"Candidates": [{"Person": {"Name": "x"}}]}), coded("AccessControl", {"CardNo": "1"}),
    lines("CrossLineDetection", crossing(Candidates=[{"Person": {"Name": "x"}}])),
    as_json("HumanTrait", {"Face": {"Age": 20}}), coded("TrafficJunction", {"TrafficCar": {"OwnerName": "测试甲"}}),
    json.dumps({"Picture": {"SnapInfo": {"OwnerPhone": "10000000000"}, "Plate": {}, "Vehicle": {}}}),
    json.dumps({"Picture": {"SnapInfo": {}, "Plate": {"PlateNumber": "京A12345"}, "Vehicle": {"MasterOfCar": "x"}}}),
])  # fmt: skip
def test_messages_about_persons_are_refused_whole(text):
    meaning = say(feed(), text)
    assert ([one.reason for one in meaning.refusals], meaning.observations) == ([Reason.PERSONAL], [])


@pytest.mark.parametrize(("text", "reason"), [
    ('Code=NumberStat;action=Pulse;index=0;data={"a":', Reason.JSON), ("Code=x", Reason.TYPE), ("hello", Reason.TYPE),
    (coded("NumberStat", {"EnteredSubtotal": -1}, action="Pulse"), Reason.RANGE), ("{", Reason.JSON),
    ("[]", Reason.TYPE),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(text, reason):
    meaning = say(feed(), text)
    assert [one.reason for one in meaning.refusals] == [reason]


def test_what_is_left_of_the_stream_behind_an_event_is_passed_over():
    text = coded("CrossLineDetection", crossing()) + "\r\n\r\n--myboundary\r\n"
    assert len(say(feed(), text).observations) == 1


def test_half_signs_in_a_plate_can_be_written_to_the_spool():
    text = as_json("TrafficJunction", junction("x"), action="Pulse").replace('"x"', r'"\ud800京A1"')
    ((_, said),) = say(feed(), text).observations
    assert json.loads(msgspec.json.encode(said))["plate"] == "?京A1"
