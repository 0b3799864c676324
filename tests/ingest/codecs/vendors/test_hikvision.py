"""Hikvision: what cameras and recorders push, in the ways that their firmware differs."""

import base64
import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.gateway.plates import normalise
from ingest.observations import Count, Gate, State
from ingest.vocabulary import Reason
from tests.ingest.codecs.cases import Feed

ZONE, MAC = ZoneInfo("Asia/Shanghai"), "00:00:5e:00:53:11"
DAY = "2026-11-20T"


def ms(clock):
    return round(datetime.fromisoformat(f"{DAY}{clock}").replace(tzinfo=ZONE).timestamp() * 1000)


def feed(**more):
    return Feed("hikvision", [Binding("hikvision", "d-1", "/hik", **more)])


def xml(kind, inner, *, at="08:15:00", head="<channelID>1</channelID>", zone="+08:00"):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><EventNotificationAlert version="2.0"><macAddress>{MAC}</macAddress>'
        f"{head}<dateTime>{DAY}{at}{zone}</dateTime><eventType>{kind}</eventType><eventState>active</eventState>"
        f"<channelName>A & B</channelName>{inner}</EventNotificationAlert>"
    )


def people(came, went, *, at="08:15:00", **more):
    when = f"<RealTime><time>{DAY}{at}+08:00</time></RealTime>"
    inner = f"<statisticalMethods>realTime</statisticalMethods>{when}<enter>{came}</enter><exit>{went}</exit>"
    return xml(
        "PeopleCounting",
        f"<peopleCounting>{inner}<childCounting><enter>9</enter></childCounting></peopleCounting>",
        at=at,
        **more,
    )


def interval(came, went, start, end, *, head="<channelID>1</channelID>"):
    when = f"<TimeRange><startTime>{DAY}{start}+08:00</startTime><endTime>{DAY}{end}+08:00</endTime></TimeRange>"
    inner = f"<statisticalMethods>timeRange</statisticalMethods>{when}<enter>{came}</enter><exit>{went}</exit>"
    return xml("PeopleCounting", f"<peopleCounting>{inner}</peopleCounting>", at=end, head=head)


def anpr(plate="京A12345", *, at="08:15:00", head="", **more):
    fields = {"licensePlate": plate, "line": 1, "direction": "forward", "vehicleType": "vehicle", **more}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return xml("ANPR", f"<ANPR>{inner}</ANPR>{head}", at=at)


def say(to, text, received="09:00:00", path="/hik", sender="", content_type="application/xml"):
    payload = text if isinstance(text, bytes) else text.encode()
    return to(VendorMessage(path, payload, ms(received), headers={"content-type": content_type}, sender=sender))


def counts(*meanings):
    said = [one for meaning in meanings for _, one in meaning.observations if isinstance(one, Count)]
    return sum(one.in_ for one in said), sum(one.out for one in said)


def test_totals_become_increments_over_resets_restarts_and_words_sent_again():
    to, heard = feed(), []
    for came, went, at in [
        (15, 14, "08:00:00"),
        (18, 15, "08:00:42"),
        (18, 15, "08:00:42"),
        (20, 15, "08:10:00"),
        (16, 14, "08:00:10"),
        (2, 1, "08:30:00"),
        (5, 1, "08:31:00"),
    ]:
        to.restart()
        heard.append(say(to, people(came, went, at=at)))
    assert counts(*heard) == (5 + 5, 1 + 1)
    assert heard[5].told["reset"]
    assert heard[4].told["resent"] == heard[2].told["resent"] == 1
    assert heard[1].observations == [("d-1", Count(ms("08:00:42"), 42.0, 3, 1, "person"))]


def test_a_camera_that_was_replaced_begins_anew():
    to = feed()
    say(to, people(15, 14, at="08:00:00"))
    assert counts(say(to, people(900, 800, at="09:00:00").replace(MAC, "00:00:5e:00:53:99"))) == (0, 0)


def test_an_interval_sent_again_as_retransmission_is_counted_once_and_a_late_one_is_backfill():
    to = feed()
    again = interval(21, 17, "08:00:00", "08:15:00").replace(
        "<channelName>", "<isDataRetransmission>true</isDataRetransmission><channelName>"
    )
    assert counts(say(to, interval(21, 17, "08:00:00", "08:15:00"))) == (21, 17)
    assert say(to, again).told["repeat"] == 1
    (late,) = say(feed(), again).observations
    assert late == ("d-1", Count(ms("08:15:00"), 900.0, 21, 17, "person", backfill=True))


def test_a_camera_that_counts_both_ways_is_not_counted_twice():
    to = feed()
    heard = [
        say(to, people(10, 10, at="08:00:00")),
        say(to, people(13, 11, at="08:10:00")),
        say(to, interval(3, 1, "08:00:00", "08:15:00")),
    ]
    assert counts(*heard) == (3, 1)
    for meaning, wanted in (("total", (3, 1)), ("interval", (4, 2))):
        to = feed(meaning=meaning)
        heard = [
            say(to, people(10, 10, at="08:00:00")),
            say(to, people(13, 11, at="08:10:00")),
            say(to, interval(4, 2, "08:00:00", "08:15:00")),
        ]
        assert counts(*heard) == wanted


@pytest.mark.parametrize(("head", "device"), [
    ("<dynChannelID>34</dynChannelID>", "d-2"), ("<channelID>34</channelID>", "d-2"),
    ("<channelID>2</channelID>", "d-2"),
    ("<dynChannelID>33</dynChannelID><channelID/>", "d-1"), ("<channelID>1</channelID>", "d-1"),
    ("<channelID>35</channelID>", None),
])  # fmt: skip
def test_a_recorders_channels_over_32_are_ip_cameras(head, device):
    to = Feed("hikvision", [Binding("hikvision", f"d-{number}", "/hik", str(number)) for number in (1, 2)])
    say(to, people(1, 1, at="08:00:00", head=head))
    meaning = say(to, people(2, 1, at="08:01:00", head=head))
    assert [one for one, _ in meaning.observations] == [device] * (device is not None)
    assert [(one.match, one.part) for one in meaning.strangers] == [(MAC, "3")] * (device is None)


def test_cameras_behind_one_recorder_have_totals_of_their_own():
    to = Feed("hikvision", [Binding("hikvision", "d-1", "/hik")])
    heard = [
        say(to, people(came, 0, at=at, head=f"<channelID>{channel}</channelID>"))
        for channel, came, at in [
            (33, 5, "08:00:00"),
            (34, 900, "08:00:01"),
            (33, 7, "08:01:00"),
            (34, 903, "08:01:01"),
        ]
    ]
    assert counts(*heard) == (5, 0)


@pytest.mark.parametrize("wrap", [False, True])
def test_json_says_the_same_as_xml(wrap):
    to = feed()
    for came, at in ((15, "08:00:00"), (18, "08:01:00")):
        said = {
            "ipAddress": "192.0.2.11",
            "macAddress": MAC,
            "channelID": 1,
            "dateTime": f"{DAY}{at}+08:00",
            "eventType": "PeopleCounting",
            "eventState": "active",
            "peopleCounting": {
                "statisticalMethods": "realTime",
                "RealTime": {"time": f"{DAY}{at}+08:00"},
                "enter": came,
                "exit": "3",
            },
        }
        text = json.dumps({"EventNotificationAlert": said} if wrap else said)
        head = 'Content-Disposition: form-data; name="x"\r\nContent-Type: application/json; charset="UTF-8"'
        payload = f"--MIME_boundary\r\n{head}\r\n\r\n{text}\r\n--MIME_boundary--\r\n"
        heard = say(to, payload, content_type="multipart/form-data; boundary=MIME_boundary")
    assert heard.observations == [("d-1", Count(ms("08:01:00"), 60.0, 3, 0, "person"))]


def test_a_time_without_a_zone_is_the_sites_and_a_clock_of_1970_none():
    (said,) = say(feed(), anpr(at="07:00:00").replace("+08:00", "")).observations
    assert said[1].ts == ms("07:00:00")
    (said,) = say(feed(), anpr().replace(DAY, "1970-01-01T")).observations
    assert said[1].ts == ms("09:00:00")


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030"])
@pytest.mark.parametrize("declared", ["UTF-8", "GB2312"])
@pytest.mark.parametrize("province", ["京", "鲁", "豫"])
def test_plates_are_read_in_gbk_with_their_colour_before_them(encoding, declared, province):
    text = anpr("蓝京A12345").replace('encoding="UTF-8"', f'encoding="{declared}"')
    text = text.replace("京", province)
    ((_, said),) = say(feed(directions={"forward": "in"}), text.encode(encoding)).observations
    wanted = (f"{province}A12345", "in", "car", None)
    assert (normalise(said.plate), said.direction, said.vehicle, said.allowed) == wanted


def test_two_letters_that_are_utf_8_too_are_read_in_gbk_whatever_is_declared():
    ((_, said),) = say(feed(), anpr("鲁B12345").encode("gbk")).observations
    assert said.plate == "鲁B12345"


@pytest.mark.parametrize("plate", ["unknown", "无车牌", "UNRECOGNIZED", "_无_", "", "车牌"])
def test_words_for_no_plate_make_none(plate):
    ((_, said),) = say(feed(), anpr(plate)).observations
    assert normalise(said.plate) == ""


@pytest.mark.parametrize(("fields", "wanted"), [
    ({"vehicleType": "largeBus"}, ("unknown", "bus", None, False)),
    ({"vehicleType": "twoWheelVehicle", "direction": "reverse"}, ("out", "motorcycle", None, False)),
    ({"vehicleType": "spaceship", "direction": "unknown"}, ("unknown", "unknown", None, False)),
    ({"vehicleListName": "whiteList"}, ("unknown", "car", True, False)),
    ({"vehicleListName": "blackList"}, ("unknown", "car", False, False)),
    ({"alarmDataType": "1"}, ("unknown", "car", None, True)),
])  # fmt: skip
def test_fields_of_a_plate(fields, wanted):
    ((_, said),) = say(feed(directions={"reverse": "out"}), anpr(**fields)).observations
    assert (said.direction, said.vehicle, said.allowed, said.backfill) == wanted


def test_two_vehicles_without_plates_in_one_second_are_two_and_one_sent_again_is_one():
    to = feed()
    heard = [
        say(to, anpr("unknown", head=f"<UUID>{uuid}</UUID>{more}"))
        for uuid, more in [("a", ""), ("b", ""), ("a", "<isDataRetransmission>true</isDataRetransmission>")]
    ]
    assert [len(one.observations) for one in heard] == [1, 1, 0]


def test_a_keep_alive_is_no_loss_of_video_and_a_loss_is_told_until_it_ends():
    to = feed()
    lost = xml("videoloss", "")
    over = lost.replace("active", "inactive")
    assert (say(to, over).observations, say(to, over).statuses) == ([], [("d-1", "online")])
    heard = [say(to, lost), say(to, over), say(to, over)]
    assert [[one.value for _, one in meaning.observations] for meaning in heard] == [["lost"], ["ok"], []]
    assert say(to, xml("fireDetection", "")).observations == [("d-1", State(ms("08:15:00"), "smoke", "alarm"))]


def test_lanes_may_be_devices_of_their_own_and_an_account_goes_before_what_a_message_claims():
    to = Feed(
        "hikvision",
        [
            Binding("hikvision", "in-1", "cam-a", "line 1"),
            Binding("hikvision", "out-1", "cam-a", "line 2"),
            Binding("hikvision", "d-9", MAC),
        ],
    )
    heard = [
        say(to, anpr(line=line), sender=sender, path="/x") for line, sender in [(1, "cam-a"), (2, "cam-a"), (2, "")]
    ]
    assert [[device for device, _ in one.observations] for one in heard] == [["in-1"], ["out-1"], ["d-9"]]


@pytest.mark.parametrize("inner", [
    "<FaceCapture><faces><name>x</name></faces></FaceCapture>",
    "<AccessControllerEvent><cardNo>1</cardNo></AccessControllerEvent>",
])  # fmt: skip
@pytest.mark.parametrize("kind", ["faceSnap", "AccessControllerEvent", "PeopleCounting"])
def test_messages_about_persons_are_refused_whole(inner, kind):
    meaning = say(feed(), xml(kind, inner))
    assert [one.reason for one in meaning.refusals] == [Reason.PERSONAL]
    assert not meaning.observations


@pytest.mark.parametrize("inner", [
    "<ownerName>测试甲</ownerName>", "<phoneNo>10000000000</phoneNo>", "<driverInfo><name>测试甲</name></driverInfo>",
])  # fmt: skip
def test_a_plate_with_its_owner_beside_it_is_refused_whole(inner):
    to = feed()
    meaning = say(to, anpr().replace("<line>", f"{inner}<line>"))
    assert [one.reason for one in meaning.refusals] == [Reason.PERSONAL]
    assert (meaning.observations, to.saved) == ([], {})
    empty = re.sub(">[^<>]+</", "></", inner)
    harmless = f"<uphone>no</uphone><deviceName>x</deviceName>{empty}<line>"
    assert len(say(to, anpr().replace("<line>", harmless)).observations) == 1


@pytest.mark.parametrize("boundary", ["boundary", "a b", "----WebKitFormBoundary7MA"])
@pytest.mark.parametrize("lines", ["\r\n", "\n", "mixed"])
def test_parts_are_found_whatever_is_between_them(boundary, lines):
    end, blank = ("\r\n", "\n\n") if lines == "mixed" else (lines, 2 * lines)
    picture = "Content-Type: image/jpeg" + blank
    body = f"--{boundary}{end}Content-Type: application/xml{blank}{anpr()}{end}--{boundary}{end}{picture}".encode()
    body += b"\xff\xd8\xff--x\n\n--x\xff\xd9" + f"{end}--{boundary}--{end}".encode()
    heard = say(feed(), body, content_type=f"multipart/form-data; boundary={boundary}")
    assert [said.plate for _, said in heard.observations] == ["京A12345"]


def test_directions_are_known_in_any_letters():
    to = feed(directions={"forward": "in", "Reverse": "out"})
    heard = [say(to, anpr(at=f"08:00:0{at}", direction=word)) for at, word in enumerate(["Forward", "reverse", "up"])]
    assert [said.direction for one in heard for _, said in one.observations] == ["in", "out", "unknown"]


@pytest.mark.parametrize(("text", "reason"), [
    (xml("PeopleCounting", ""), Reason.TYPE),
    (xml("PeopleCounting", "<peopleCounting><enter>x</enter><exit>1</exit></peopleCounting>"), Reason.TYPE),
    (people(-1, 0), Reason.RANGE), ("<ResponseStatus><statusCode>1</statusCode></ResponseStatus>", Reason.TYPE),
    ("[]", Reason.TYPE), ("", Reason.XML), (base64.b64decode("/9j/4AAQ"), Reason.TYPE),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(text, reason):
    meaning = say(feed(), text)
    assert [one.reason for one in meaning.refusals] == [reason]


def test_what_is_bound_to_nothing_waits_with_a_guess():
    (stranger,) = say(feed(), anpr(), path="/other").strangers
    assert (stranger.match, stranger.part, stranger.guess) == (MAC, "1", "gate")
    assert isinstance(say(feed(), anpr()).observations[0][1], Gate)


def test_a_clock_that_was_years_ahead_ends_no_counting_once_it_is_set():
    to = feed()
    say(to, people(15, 14).replace(DAY, "2037-01-01T"), received="08:00:00")
    heard = [say(to, people(16, 14, at=at), received=at) for at in ("08:10:00", "09:10:00")]
    heard.append(say(to, people(19, 14, at="09:20:00"), received="09:20:00"))
    assert counts(*heard) == (4, 0)


def test_a_camera_that_counts_one_way_only_says_no_exit():
    to = feed()
    heard = [say(to, people(came, "", at=at)) for came, at in ((3, "08:00:00"), (7, "08:01:00"))]
    assert counts(*heard) == (4, 0)


def test_a_path_may_be_mapped_with_its_slash_or_without():
    for path in ("/hik", "hik"):
        to = Feed("hikvision", [Binding("hikvision", "d-1", path)])
        assert len(say(to, anpr()).observations) == 1


def test_a_piece_of_a_stream_has_several_events_and_something_around_them():
    to = feed(directions={"forward": "in"})
    head = 'Content-Type: application/xml; charset="UTF-8"\r\nContent-Length: 7\r\n\r\n'
    text = f"{head}{anpr()}\r\n--boundary\r\n{head}{anpr('京B23456')}\r\n--bound"
    assert [one.plate for _, one in say(to, text).observations] == ["京A12345", "京B23456"]
    bomb = anpr().replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>', 1)
    for some in (bomb, bomb.partition("?>")[2]):
        assert [one.reason for one in say(feed(), some).refusals] == [Reason.XML]
    assert [one.reason for one in say(feed(), anpr() * 100).refusals] == [Reason.SIZE]


def test_totals_of_a_clock_that_is_years_ahead_shut_out_no_intervals():
    to = feed()
    say(to, people(15, 14).replace(DAY, "2037-01-01T"), received="08:00:00")
    assert counts(say(to, interval(3, 1, "09:15:00", "09:30:00"), received="09:30:00")) == (3, 1)


def test_a_keep_alive_is_of_all_lanes_of_a_camera_but_of_no_camera_behind_a_recorder():
    word = xml("videoloss", "", head="<channelID/>").replace("active", "inactive")
    for parts, wanted in ((("line 1", "line 2"), ["d-1", "d-2"]), (("1", "2"), [])):
        to = Feed("hikvision", [Binding("hikvision", f"d-{part[-1]}", "/hik", part) for part in parts])
        assert [device for device, _ in say(to, word).statuses] == wanted
