"""GA/T 1400: registration, answers, and the shapes in which systems really send their lists."""

import json

import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.observations import Count, Gate
from tests.ingest.codecs.cases import Feed, plain

START = 1_795_133_114_000
"""2026-11-20 08:05:14 in Shanghai."""
SYSTEM, CAMERA = "99999900005030000001", "99999900001190000001"
NUMBER = "999999000011900000010220261120080512000010200001"
MOTOR = {"MotorVehicleID": NUMBER, "DeviceID": CAMERA, "HasPlate": "1", "PlateNo": "京A12345", "Direction": "1",
         "VehicleClass": "K33", "PassTime": "20261120080512"}  # fmt: skip
BINDING = Binding("gat1400", "gate-1", SYSTEM, CAMERA, directions={"1": "in", "2": "out"})


def post(feed, path, said, *, at=START, sender=SYSTEM, ident=SYSTEM, method="POST"):
    payload = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
    headers = {"user-identify": ident} if ident else {}
    return feed(VendorMessage(f"/VIID/{path}", payload, at, headers=headers, sender=sender, method=method))


def registered(*bindings):
    feed = Feed("gat1400", bindings or (BINDING,))
    meaning = post(feed, "System/Register", {"RegisterObject": {"DeviceID": SYSTEM}})
    assert code(meaning) == (200, "0")
    return feed


def code(meaning):
    """Return the HTTP status and the status code of the (first) answer."""
    said = json.loads(meaning.reply.body)
    one = said.get("ResponseStatusObject") or said["ResponseStatusListObject"]["ResponseStatusObject"][0]
    return meaning.reply.status, one["StatusCode"]


def passes(meaning):
    return [plain(*one) for one in meaning.observations]


def motor(**changes):
    return {"MotorVehicleListObject": {"MotorVehicleObject": [{**MOTOR, **changes}]}}


def one_pass(said, path="MotorVehicles", *bindings):
    meaning = post(registered(*bindings), path, said)
    assert not meaning.refusals
    assert code(meaning) == (200, "0")
    (found,) = passes(meaning)
    return found


@pytest.mark.parametrize("path", ["UnRegister", "Unregister", "UNREGISTER"])
def test_whoever_signs_off_has_to_register_again(path):
    feed = registered()
    gone = post(feed, f"System/{path}", {"UnRegisterObject": {"DeviceID": ""}})
    assert code(gone) == (200, "0")
    assert gone.statuses == [("gate-1", "offline")]
    after = post(feed, "MotorVehicles", motor())
    assert (code(after)[0], [one.reason for one in after.refusals]) == (401, ["auth"])
    assert not after.observations


def test_a_registration_lasts_as_long_as_the_system_speaks():
    feed = registered()
    for minute in range(1, 20, 4):
        alive = post(feed, "System/Keepalive", {"KeepaliveObject": {"DeviceID": SYSTEM}}, at=START + minute * 60_000)
        assert code(alive) == (200, "0")
        assert alive.statuses == [("gate-1", "online")]
        feed.restart()
    late = post(feed, "System/Keepalive", {"KeepaliveObject": {"DeviceID": SYSTEM}}, at=START + 23 * 60_000)
    assert code(late)[0] == 401
    assert not late.statuses


def test_nobody_speaks_for_another_system():
    feed = registered()
    for said in (
        post(feed, "MotorVehicles", motor(), ident="99999900005030000002"),
        post(feed, "System/Register", {"RegisterObject": {"DeviceID": "99999900005030000002"}}),
        post(feed, "System/UnRegister", {"UnRegisterObject": {"DeviceID": "99999900005030000002"}}),
    ):
        assert code(said)[0] == 403
        assert [one.reason for one in said.refusals] == ["auth"]
        assert not said.observations
    # A camera of one system is none of another's, even where that one has registered, too.
    other = "99999900005030000002"
    post(feed, "System/Register", {"RegisterObject": {"DeviceID": other}}, sender=other, ident=other)
    stolen = post(feed, "MotorVehicles", motor(), sender=other, ident=other)
    assert not stolen.observations
    assert [(one.match, one.part) for one in stolen.strangers] == [(other, CAMERA)]


def test_a_number_that_has_not_20_digits_does_not_register():
    feed = Feed("gat1400", ())
    meaning = post(feed, "System/Register", {"RegisterObject": {"DeviceID": "7"}}, sender="7", ident="7")
    assert code(meaning) == (200, "8")
    assert [one.reason for one in meaning.refusals] == ["type"]


def test_the_time_is_the_site_s():
    said = json.loads(post(registered(), "System/Time", b"", method="GET").reply.body)["SystemTimeObject"]
    assert (said["LocalTime"], said["TimeZone"]) == ("20261120080514", "+0800")


@pytest.mark.parametrize(
    ("payload", "path", "wanted"),
    [
        (b"{", "MotorVehicles", "7"),
        (b"<a/>", "System/Keepalive", "7"),
        (b"7", "MotorVehicles", "8"),
        (b'{"foo": 1}', "MotorVehicles", "8"),
        (b'{"MotorVehicleListObject": {"MotorVehicleObject": []}}', "MotorVehicles", "0"),
        (b'{"ImageListObject": {"Image": [{"Data": "/9j/"}]}}', "Images", "0"),
        (b'{"a": 1}', "Elsewhere", "8"),
    ],
)
def test_what_cannot_be_used_is_answered_so_that_the_camera_need_not_try_again(payload, path, wanted):
    meaning = post(registered(), path, payload)
    assert code(meaning) == (200, wanted)
    assert bool(meaning.refusals) == (wanted != "0")
    assert not meaning.observations


@pytest.mark.parametrize(
    "said",
    [
        motor(),
        {"MotorVehicleObjectList": [MOTOR]},
        {"MotorVehicleList": {"MotorVehicleObject": MOTOR}},
        [MOTOR],
        MOTOR,
        {"MotorVehicleObject": [MOTOR, MOTOR]},
        {"motorVehicleListObject": {"motorVehicleObject": [MOTOR]}, "FaceListObject": {"FaceObject": []}},
    ],
)
def test_a_passage_is_found_however_it_is_wrapped(said):
    wanted = {"type": "gate", "ts": START // 1000 - 2, "direction": "in", "plate": "京A12345", "vehicle": "car"}
    assert one_pass(said) == {**wanted, "allowed": None, "backfill": False, "seq": None, "boot": ""}
    for inner in ({"MotorVehicleObjectList": [MOTOR]}, {"MotorVehicleObjectList": {"MotorVehicleObject": [MOTOR]}}):
        told = {"NotificationID": "1", "Title": "t", "InfoIDs": NUMBER, "FaceObjectList": None, **inner}
        for notified in (
            {"SubscribeNotificationListObject": {"SubscribeNotificationObject": [told]}},
            [told],
            {"DispositionNotificationObject": [{"MotorVehicleObject": MOTOR}]},
        ):
            assert one_pass(notified, "SubscribeNotifications")["plate"] == "京A12345"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"InOut": "out"}, {"direction": "out"}),
        ({"InOut": "进", "Direction": "2"}, {"direction": "in"}),
        ({"InOut": "", "Direction": 2}, {"direction": "out"}),
        ({"Direction": "02"}, {"direction": "out"}),
        ({"Direction": 1.0}, {"direction": "in"}),
        ({"Direction": ""}, {"direction": "unknown"}),
        ({"Direction": None}, {"direction": "unknown"}),
        ({"Direction": True}, {"direction": "unknown"}),
        ({"HasPlate": True}, {"plate": "京A12345"}),
        ({"HasPlate": ""}, {"plate": "京A12345"}),
        ({"HasPlate": 0, "PlateNo": "车牌"}, {"plate": ""}),
        ({"HasPlate": "1", "PlateNo": "未识别车牌"}, {"plate": ""}),
        ({"PlateNo": "00000000"}, {"plate": ""}),
        ({"PlateNo": None}, {"plate": ""}),
        ({"PlateNo": "蓝京A12345"}, {"plate": "京A12345"}),
        ({"VehicleClass": ""}, {"vehicle": "unknown"}),
        ({"VehicleClass": "H11"}, {"vehicle": "truck"}),
        ({"VehicleClass": "k11"}, {"vehicle": "bus"}),
        ({"VehicleClass": "M21"}, {"vehicle": "motorcycle"}),
        ({"VehicleClass": 1}, {"vehicle": "unknown"}),
        ({"PassTime": "2026-11-20 08:05:10"}, {"ts": START // 1000 - 4}),
        ({"PassTime": "", "AppearTime": "20261120080511"}, {"ts": START // 1000 - 3}),
        ({"PassTime": "19700101000005"}, {"ts": START // 1000}),
        ({"PassTime": 20261120080512}, {"ts": START // 1000 - 2}),
        ({"PassTime": "yesterday"}, {"ts": START // 1000}),
        ({"DeviceID": ""}, {"plate": "京A12345"}),
        ({"DeviceID": "", "TollgateID": CAMERA}, {"direction": "in"}),
        ({"CallingPhone": 1, "OwnerName": "", "OwnerPhone": None}, {"plate": "京A12345"}),
    ],
)
def test_numbers_come_as_anything(changes, wanted):
    found = one_pass(motor(**changes))
    assert {key: found[key] for key in wanted} == wanted


def test_the_bound_part_may_be_a_lane_a_kind_or_everything():
    lane = Binding("gat1400", "gate-2", SYSTEM, f"{CAMERA}/2", direction="out")
    bikes = Binding("gat1400", "gate-3", SYSTEM, f"{CAMERA}/nonmotor", meaning="ignore")
    rest = Binding("gat1400", "gate-4", SYSTEM)
    feed = registered(lane, bikes, rest)
    said = {
        **motor(LaneNo="02"),
        "NonMotorVehicleListObject": {"NonMotorVehicleObject": [{"NonMotorVehicleID": "1", "DeviceID": CAMERA}]},
        "MotorVehicleList": [{**MOTOR, "MotorVehicleID": "2", "DeviceID": ""}],
    }
    heard = post(feed, "SubscribeNotifications", said)
    assert sorted((device, one.direction) for device, one in heard.observations) == [
        ("gate-2", "out"), ("gate-4", "unknown"),
    ]  # fmt: skip


def test_who_names_no_camera_is_the_only_one_that_is_bound():
    vague = motor(DeviceID="", TollgateID="", SourceID="", MotorVehicleID="99999900001210000118", InOut="in")
    assert one_pass(vague)["direction"] == "in"
    two = registered(BINDING, Binding("gat1400", "gate-2", SYSTEM, "99999900001190000009"))
    assert not post(two, "MotorVehicles", vague).observations
    other = motor(DeviceID="", MotorVehicleID=NUMBER.replace("9", "8"))
    assert not post(registered(), "MotorVehicles", other).observations


def test_a_camera_over_a_street_counts():
    counted = Binding("gat1400", "camera-1", SYSTEM, CAMERA, of="vehicle", direction="in")
    found = one_pass(motor(), "MotorVehicles", counted)
    assert (found["type"], found["of"], found["in"], found["out"]) == ("count", "vehicle", 1, 0)
    people = {"PersonListObject": {"PersonObject": [{"PersonID": "1", "DeviceID": CAMERA}]}}
    assert not post(registered(counted), "Persons", people).observations


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("MotorVehicles", {"FaceListObject": {"FaceObject": [{"FaceID": "1"}]}}),
        ("MotorVehicles", {"faceobjectlist": ["x"]}),
        ("MotorVehicles", {"PersonInfoListObject": {"PersonInfoObject": {"a": "b"}}}),
        ("MotorVehicles", {"CarInfoList": {"CarInfo": [{"CarInfoID": "1", "OwnerName": ""}]}}),
        ("MotorVehicles", {"a": [[{"b": {"OwnerIDNumber": "000000190001010008"}}]]}),
        ("MotorVehicles", {"ownerphone": 10000000000}),
        ("MotorVehicles", {"Owner_Tel": "10000000000"}),
        ("MotorVehicles", {"HolderName": "测试甲"}),
        ("MotorVehicles", {"身份证号": "x"}),
        ("MotorVehicles", {"Remark": "证号000000190001010008,已核"}),
        ("MotorVehicles", {"DriverFaceUrl": "/pictures/1.jpg"}),
        ("MotorVehicles", {"PersonList": {"PersonObject": [{"PersonID": "1", "Name": "测试甲"}]}}),
        ("SubscribeNotifications", {"x": {"FaceObjectList": [{"FaceID": "1"}]}}),
        ("Community/CarInfos", {}),
        ("Community/PersonInfos", {}),
        ("Faces", {}),
    ],
)
def test_one_person_beside_the_vehicles_and_all_of_it_is_refused(path, beside):
    feed = registered()
    before = dict(feed.saved)
    meaning = post(feed, path, {**motor(), **beside})
    assert [one.reason for one in meaning.refusals] == ["personal"]
    assert code(meaning) == (200, "8")
    assert not meaning.observations
    assert not meaning.strangers
    assert feed.saved == before
    assert "测试甲" not in str(meaning)


def test_who_sits_in_a_vehicle_has_not_come_on_foot_and_may_have_no_name():
    people = Binding("gat1400", "door-1", SYSTEM, f"{CAMERA}/person", of="person", direction="in")
    gate = Binding("gat1400", "gate-1", SYSTEM, CAMERA)
    for rider, wanted in (({"PersonID": "1"}, ["gate-1"]), ({"Name": "测试甲"}, [])):
        it = {**MOTOR, "DeviceID": CAMERA, "PersonList": {"PersonObject": [{"DeviceID": CAMERA, **rider}]}}
        meaning = post(registered(gate, people), "MotorVehicles", {"MotorVehicleObjectList": [it]})
        assert [device for device, _ in meaning.observations] == wanted
        assert [one.reason for one in meaning.refusals] == ["personal"] * (not wanted)


@pytest.mark.parametrize(
    "beside",
    [{"RecordNo": "202611200805120001"}, {"FlowID": "110101190001010008"}, {"DriverPhone": 1}, {"OwnerName": "无"}],
)
def test_numbers_of_records_and_codes_are_nobody(beside):
    assert len(post(registered(), "MotorVehicles", {**motor(), **beside}).observations) == 1


def test_cameras_in_a_list_wait_and_their_passwords_do_not():
    cameras = [
        {"ApeID": CAMERA, "Name": "南车库入", "IsOnline": "2", "UserId": "admin", "Password": "not-a-real-secret"},
        {"ApeID": "99999900001190000002", "Name": "北门", "FunctionType": 1, "Password": "not-a-real-secret"},
    ]
    feed = registered()
    meaning = post(feed, "APEs", {"APEListObject": {"APEObject": cameras}})
    assert meaning.statuses == [("gate-1", "offline")]
    assert [(one.match, one.part, one.guess, one.name) for one in meaning.strangers] == [
        (SYSTEM, "99999900001190000002", "gate", "北门"),
    ]  # fmt: skip
    assert "not-a-real-secret" not in f"{meaning} {feed.saved}"
    gates = {"TollgateListObject": {"TollgateObject": [{"TollgateID": "99999900001210000009", "Name": "西门"}]}}
    assert [(one.part, one.guess) for one in post(feed, "Tollgates", gates).strangers] == [
        ("99999900001210000009", "gate"),
    ]  # fmt: skip


def test_every_passage_of_a_long_list_counts_once_however_often_it_is_sent():
    feed = registered()
    many = [{**MOTOR, "MotorVehicleID": f"{number:048}", "DeviceID": CAMERA} for number in range(150)]
    said = {"MotorVehicleListObject": {"MotorVehicleObject": many}}
    assert len(post(feed, "MotorVehicles", said).observations) == 150
    feed.restart()
    again = post(feed, "MotorVehicles", said)
    assert not again.observations
    assert len(json.loads(again.reply.body)["ResponseStatusListObject"]["ResponseStatusObject"]) == 150
    corrected = post(feed, "MotorVehicles", motor(), method="PUT")
    assert not corrected.observations


def test_over_mqtt_the_broker_s_account_is_enough():
    feed = Feed("gat1400", [Binding("gat1400", "gate-1", "gat1400/vehicle", CAMERA)])
    heard = feed(VendorMessage("gat1400/vehicle", json.dumps(motor()).encode(), START))
    assert [type(one) for _, one in heard.observations] == [Gate]
    people = {"PersonObject": {"PersonID": "1", "DeviceID": CAMERA, "PersonAppearTime": "20261120080512"}}
    heard = feed(VendorMessage("gat1400/vehicle", json.dumps(people).encode(), START))
    assert [type(one) for _, one in heard.observations] == [Count]


def test_far_too_much_is_refused_and_takes_no_time():
    meaning = post(registered(), "MotorVehicles", {"MotorVehicleObject": [{}] * 30_000})
    assert [one.reason for one in meaning.refusals] == ["size"]
    deep = b'{"MotorVehicleObject":' * 400 + b"{}" + b"}" * 400
    assert not post(registered(), "MotorVehicles", deep).observations
