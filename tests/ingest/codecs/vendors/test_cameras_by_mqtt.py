"""ONVIF's and Axis's events: counters, crossings, plates, inputs, in the forms that cameras give them."""

import pytest

from tests.ingest.codecs.vendors.listener import NOON, Listener, second

CAM = "cam-11/onvif-ej"
AREA = "axis/00005E005341/event/tns:axis/CameraApplicationPlatform/ObjectAnalytics"


def said(rule="Door", *, when="2026-11-20T03:59:30Z", source="Rule", **data):
    return {"UtcTime": when, "Source": {"VideoSource": "1", source: rule}, "Data": data}


# -- ONVIF -----------------------------------------------------------------------------------------------------------

DOOR = {"match": "cam-11", "directions": {"Entry Counter": "in", "Exit Counter": "out", "Right": "in", "Left": "out"}}


@pytest.fixture
def camera():
    return Listener("onvif", DOOR)


@pytest.mark.parametrize(
    ("rule", "counts", "heard"),
    [
        ("Entry Counter", ("118", 121), ("person", 3, 0)),
        ("Exit Counter", (118, "120"), ("person", 0, 2)),
        ("Entry Counter", ("118", "4"), ("person", 4, 0)),
        ("Entry Counter", (65530, 2), ("person", 8, 0)),
        ("Other", ("5.0", 6.0), ("person", 1, 0)),
    ],
)
def test_a_counter_counts_since_its_reset(camera, rule, counts, heard):
    topic = f"{CAM}/RuleEngine/CountAggregation/Counter/&1/{rule}"
    assert camera.hear(topic, said(rule, Count=counts[0]), retained=True) == []
    camera.restart()
    assert camera.hear(topic, said(rule, when="2026-11-20T04:00:30Z", Count=counts[1])) == [heard]
    assert camera.hear(topic, said(rule, when="2026-11-20T04:00:30Z", Count=counts[1])) == []


def test_an_event_as_the_xml_has_it(camera):
    item = [{"@Name": "Rule", "@Value": "Exit Counter"}, {"@Name": "VideoSource", "@Value": "1"}]
    message = {"UtcTime": "2026-11-20T03:59:30", "Source": {"SimpleItem": item}}
    topic = f"{CAM}/RuleEngine/CountAggregation/Counter/&1/Exit%20Counter"
    assert camera.hear(topic, message | {"Data": {"SimpleItem": {"@Name": "Count", "@Value": "7"}}}) == []
    message |= {"UtcTime": "2026-11-20T03:59:40", "Data": {"SimpleItem": {"Name": "Count", "Value": "9"}}}
    assert second(camera, topic, message) == -20
    del message["Source"]
    assert camera.hear(topic, message | {"UtcTime": "2026-11-20T03:59:50Z", "Data": {"Count": 10}}) == [
        ("person", 0, 1)
    ]
    assert camera.hear(topic, {**message, "PropertyOperation": "Deleted"}) == []


def test_occupancy_is_no_counter(camera):
    topic = f"{CAM}/RuleEngine/CountAggregation/OccupancyCounter/&1/Hall"
    assert camera.hear(topic, said("Hall", Count="4")) == [("occupancy", 4.0, "")]


@pytest.mark.parametrize(
    ("topic", "message", "heard"),
    [
        ("RuleEngine/LineDetector/Crossed/&1/2/Door", said(ObjectId="15"), [("person", 1, 0)]),
        ("RuleEngine/LineDetector/Crossed/&1/2/Door", said(ObjectId=15, ClassTypes="Human Face"), [("person", 1, 0)]),
        ("tns1:RuleEngine/LineDetector/Crossed/&1/D", said(ClassTypes="Car", Direction="Left"), [("vehicle", 0, 1)]),
        ("OpenApp/WiseAI/LineCrossing/&vs-0/bike", said("bike", source="RuleName", State="true", Action="Right"), [
            ("person", 1, 0),
        ]),
        ("OpenApp/WiseAI/LineCrossing/&vs-0/bike", said("bike", State="false", Action="Right"), []),
    ],
)  # fmt: skip
def test_a_line_is_crossed_once(camera, topic, message, heard):
    assert camera.hear(f"{CAM}/{topic}", message) == heard
    assert camera.hear(f"{CAM}/{topic}", message) == []


def test_retained_crossings_are_dropped(camera):
    topic = f"{CAM}/RuleEngine/LineDetector/Crossed/&1/2/Door"
    assert camera.hear(topic, said(ObjectId="1"), retained=True) == []


def test_only_what_is_bound_is_counted():
    listener = Listener("onvif", {"match": "cam-11", "part": "Fence", "of": "vehicle", "direction": "out"})
    topic = f"{CAM}/RuleEngine/LineDetector/Crossed/&1/2"
    assert listener.hear(f"{topic}/Door", said("Door", ObjectId="1")) == []
    assert listener.hear(f"{topic}/Fence", said("Fence", ObjectId="1", ClassTypes="Human")) == []
    assert listener.hear(f"{topic}/Fence", {"Data": {"ObjectId": "2"}}) == [("vehicle", 0, 1)]
    assert listener.hear(f"{topic}/Fence", said("Fence", ObjectId="3", ClassTypes="Vehicle")) == [("vehicle", 0, 1)]
    assert listener.hear(f"{topic}/Fence", said("Fence", ObjectId="4", ClassTypes="Animal")) == []


@pytest.mark.parametrize(
    ("info", "heard"),
    [
        (
            {"LicensePlateInfo": {"LicensePlateInfo": {"PlateNumber": {"@Likelihood": 1, "#text": "京K01234"}}}},
            "京K01234",
        ),
        ({"LicensePlateInfo": {"PlateNumber": {"#text": "京K01234"}}}, "京K01234"),
        ({"LicensePlateInfo": {"PlateNumber": "京K01234"}}, "京K01234"),
        ({"LicensePlateInfo": {"tt:PlateNumber": {"_": "京K01234", "$": {"Likelihood": "0.9"}}}}, "京K01234"),
        ({"LicensePlateInfo": {"PlateNumber": {"@Likelihood": "0.9", "value": "京K01234"}}}, "京K01234"),
        ({"PlateNumber": ["京K01234"]}, "京K01234"),
        ({"LicensePlateInfo": {"PlateNumber": None}}, ""),
    ],
)
def test_a_plate_wherever_it_hides(camera, info, heard):
    message = said("LPR-1", **info, VehicleInfo={"VehicleInfo": {"Type": {"#text": "Truck"}}}, Direction="Left")
    assert camera.hear(f"{CAM}/RuleEngine/Recognition/LicensePlate/&1/LPR-1", message) == [("out", heard, "truck")]


def test_faces_are_refused(camera):
    for topic in ("RuleEngine/Recognition/Face/&1/R", "tns1:RuleEngine/tns1:Recognition/tns1:Face/1"):
        assert camera.reason(f"{CAM}/{topic}", said(Likelihood="1")) == ["personal"]


@pytest.mark.parametrize(
    ("topic", "data", "heard"),
    [
        ("VideoSource/SignalLoss/&1", {"State": "true"}, [("video", "lost")]),
        ("VideoSource/GlobalSceneChange/AnalyticsService/&1", {"State": False}, [("video", "ok")]),
        ("VideoSource/ImageTooDark/ImagingService/&1", {"State": 1}, [("video", "blocked")]),
        ("RuleEngine/TamperDetector/Tamper/&1/x", {"IsTamper": "1"}, [("tamper", "alarm")]),
        ("RuleEngine/FieldDetector/ObjectsInside/&1/2/Yard", {"IsInside": "true"}, [("occupancy", "occupied")]),
        ("Device/tns1:Trigger/tnssamsung:DigitalInput/&0/1", {"State": "true"}, [("input", "on")]),
        ("VideoSource/MotionAlarm/&1", {"State": "true"}, []),
        ("Monitoring/ProcessorUsage", {"Value": "12"}, []),
    ],
)
def test_inputs_and_faults(camera, topic, data, heard):
    assert camera.hear(f"{CAM}/{topic}", said(**data)) == heard


def test_a_door_at_an_input():
    door = {"match": "cam-11", "part": "0", "metric": "door", "states": {"true": "closed", "false": "open"}}
    message = said("0", source="InputToken", LogicalState="false")
    assert Listener("onvif", door).hear(f"{CAM}/Device/Trigger/DigitalInput/&0", message) == [("door", "open")]


def test_a_camera_without_a_clock_still_counts(camera):
    topic = f"{CAM}/RuleEngine/LineDetector/Crossed/&1/2/Door"
    assert second(camera, topic, said(when="1970-01-01T00:00:01Z", ObjectId="1"), at=9) == 9
    assert second(camera, topic, said(when="2026-11-20T03:59:30.9Z", ObjectId="1"), at=9) == -30


def test_strangers_of_onvif():
    listener = Listener("onvif")
    for kind, guess in (("LineDetector/Crossed", "camera"), ("Recognition/LicensePlate", "gate")):
        assert listener.strangers(f"{CAM}/RuleEngine/{kind}/&1/R", said("R")) == [("cam-11", "R", guess)]
    assert listener.strangers("onvif-ej/Device/Trigger/DigitalInput/&0", said("0")) == [("onvif-ej", "0", "door")]
    assert listener.strangers(f"{CAM}/VideoSource/MotionAlarm/&1", said("R")) == []


def test_a_counter_without_a_number_is_refused(camera):
    assert camera.reason(f"{CAM}/RuleEngine/CountAggregation/Counter/&1/R", said("R", Count="many")) == ["type"]


# -- Axis ------------------------------------------------------------------------------------------------------------


def seen(at=0, **data):
    inner = {"source": {}, "key": {}, "data": data}
    return {"topic": "axis:x", "timestamp": NOON + 1000 * at, "serial": "00005E005341", "message": inner}


def line(at, since="2026-11-19T16:00:00.000Z", **totals):
    return seen(at, startTime=since, reason="human", scenario="S", scenarioType="crosslinecounting", **totals)


@pytest.fixture
def axis():
    return Listener("axis", {"match": "00005E005341", "direction": "in"})


def test_classes_are_counted_by_their_totals(axis):
    topic = f"{AREA}/Device1Scenario1"
    assert axis.hear(topic, line(0, total="30", totalHuman="10", totalCar="11", totalBus="5", totalBike="4")) == []
    heard = axis.hear(topic, line(30, total="35", totalHuman="10", totalCar="12", totalBus="7", totalBike="6"))
    assert heard == [("vehicle", 5, 0)]
    assert axis.hear(topic, line(30, total="35", totalHuman="10", totalCar="12", totalBus="7", totalBike="6")) == []


def test_a_reset_may_show_in_its_time_only(axis):
    topic = f"{AREA}/Device1Scenario1"
    assert axis.hear(topic, line(0, total="5", totalHuman="5")) == []
    assert axis.hear(topic, line(60, since="2026-11-20T03:59:50.000Z", total="7", totalHuman="7")) == [("person", 7, 0)]


def test_the_binding_may_want_one_class():
    listener = Listener("axis", {"match": "00005E005341", "part": "2", "of": "person", "direction": "out"})
    topic = f"{AREA}/Device1Scenario2"
    assert listener.hear(topic, line(0, total=30, totalHuman=10, totalCar=20)) == []
    assert listener.hear(topic, line(9, total=33, totalHuman=11, totalCar=22)) == [("person", 0, 1)]
    assert listener.hear(f"{AREA}/Device1Scenario1", line(0, total="1")) == []


def test_old_cameras_tell_a_sum_only(axis):
    topic = "axis/00005E005341/event/CameraApplicationPlatform/ObjectAnalytics/Device1Scenario1"
    assert axis.hear(topic, seen(0, startTime="2022-12-08T16:52:26.000Z", total="20960")) == []
    assert axis.hear(topic, seen(9, startTime="2022-12-08T16:52:26.000Z", total="20961")) == [("person", 1, 0)]


def test_all_scenarios_again_are_not_counted_again(axis):
    for name in ("Device1ScenarioANY", "xinternal_data", "Device1Scenario1Extra"):
        assert axis.hear(f"{AREA}/{name}", line(0, total="1", totalHuman="1")) == []
        assert axis.hear(f"{AREA}/{name}", line(9, total="2", totalHuman="2")) == []


@pytest.mark.parametrize(
    ("of", "data", "heard"),
    [
        (None, {"total": "4", "human": "4"}, 4.0),
        ("person", {"total": "6", "human": "4", "car": "2", "scenarioType": "OccupancyInArea"}, 4.0),
        ("vehicle", {"total": "6", "human": "1", "car": "3", "truck": "2"}, 5.0),
        ("vehicle", {"total": "6", "totalHuman": "1", "totalCar": "5", "scenarioType": "OccupancyInArea"}, 5.0),
        (None, {"total": 0, "scenarioType": "occupancyInArea", "reason": "human"}, 0.0),
    ],
)
def test_how_many_are_there(of, data, heard):
    listener = Listener("axis", {"match": "00005E005341", **({"of": of} if of else {})})
    assert listener.hear(f"{AREA}/Device1Scenario3", seen(**data)) == [("occupancy", heard, "")]


def test_somebody_is_in_an_area_and_somebody_crossed(axis):
    topic = f"{AREA}/Device1Scenario3"
    assert axis.hear(topic, seen(active="1", classTypes="human")) == [("occupancy", "occupied")]
    assert axis.hear(topic, seen(active="0")) == [("occupancy", "clear")]
    crossed = seen(active="1", classTypes="human", scenarioType="crossline", objectId="7")
    assert axis.hear(topic, crossed) == [("person", 1, 0)]
    assert axis.hear(topic, crossed) == []
    assert axis.hear(topic, seen(active="0", scenarioType="crossline", objectId="7")) == []


def test_inputs_and_faults_of_axis():
    listener = Listener("axis", {"match": "00005E005341", "part": "2", "metric": "door"}, {"match": "00005E005341"})
    port = seen(state="1")
    port["message"]["source"] = {"port": "2"}
    assert listener.hear("axis/00005E005341/event/tns:onvif/Device/tns:axis/IO/Port", port) == [("door", "open")]
    scene = "axis/00005E005341/event/tns:onvif/VideoSource/GlobalSceneChange/ImagingService"
    assert listener.hear(scene, seen(State="1")) == [("video", "blocked")]
    assert listener.hear("axis/00005E005341/event/tns:axis/Storage/Disruption", seen(disruption="1")) == []


def test_axis_without_a_clock_strangers_and_wills(axis):
    topic = f"{AREA}/Device1Scenario3"
    early = {**seen(active="1"), "timestamp": 1330}
    assert second(axis, topic, early, at=8) == 8
    assert Listener("axis").strangers(topic, line(0, total="1")) == [("00005E005341", "Device1Scenario3", "camera")]
    assert axis.status("axis/00005E005341/connection", '{"connected": false}', retained=True) == [("d", "offline")]
    assert axis.reason(topic, "[]") == ["type"]
    assert axis.reason(topic, line(0, totalHuman="-4")) == ["type"]
