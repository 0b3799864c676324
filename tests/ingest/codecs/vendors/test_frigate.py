"""Frigate: one passage for an object that enters, whatever is said of it, and how many are there."""

import pytest

from tests.ingest.codecs.vendors.listener import NOON, Listener

EVENTS = "frigate/events"
LANE = {"match": "gate_cam", "part": "lane", "direction": "in"}


def event(kind="update", number="1795161300.475377-demo01", zones=("lane",), label="car", **more):
    after = {
        "id": number, "camera": "gate_cam", "frame_time": NOON / 1000 + 4.5, "label": label, "false_positive": False,
        "entered_zones": list(zones), "current_zones": [], "sub_label": "A name", **more,
    }  # fmt: skip
    return {"type": kind, "before": after, "after": after}


@pytest.fixture
def gate():
    return Listener("frigate", LANE)


def test_an_object_passes_once(gate):
    assert gate.hear(EVENTS, event("new", zones=())) == []
    assert gate.hear(EVENTS, event(recognized_license_plate="京L12340")) == [("in", "京L12340", "car")]
    for kind in ("update", "update", "end", "end"):
        assert gate.hear(EVENTS, event(kind, recognized_license_plate="京L12345", frame_time=NOON / 1000 + 9)) == []
    assert gate.hear(EVENTS, event(number="other-1", label="truck")) == [("in", "", "truck")]


def test_a_plate_may_come_with_its_score_and_an_emptied_topic_is_no_news(gate):
    assert gate.hear(EVENTS, event(recognized_license_plate=["京L12340", 0.9])) == [("in", "京L12340", "car")]
    assert Listener("frigate", {"match": "frigate/yard/person"}).hear("frigate/yard/person", "", retained=True) == []


def test_an_object_that_stands_for_hours_is_still_known_when_it_ends(gate):
    assert gate.hear(EVENTS, event())
    for number in range(100):
        assert gate.hear(EVENTS, event(number=f"{number}")), number
        assert gate.hear(EVENTS, event("end", number=f"{number}")) == []
    gate.restart()
    assert gate.hear(EVENTS, event("end")) == []


def test_a_first_word_that_is_the_last_still_counts(gate):
    assert gate.hear(EVENTS, event("end")) == [("in", "", "car")]


@pytest.mark.parametrize(
    "more",
    [{"false_positive": True}, {"zones": ("street",)}, {"label": "dog"}, {"stationary": True}, {"camera": "other"}],
)
def test_what_is_no_passage(gate, more):
    assert gate.hear(EVENTS, event(**more)) == []


def test_a_parked_car_that_drives_off_did_not_come_in(gate):
    assert gate.hear(EVENTS, event(stationary=True)) == []
    assert gate.hear(EVENTS, event(stationary=False)) == []


def test_a_false_positive_may_become_a_true_one(gate):
    assert gate.hear(EVENTS, event(false_positive=True)) == []
    assert gate.hear(EVENTS, event()) == [("in", "", "car")]


def test_people_are_counted_and_vehicles_where_the_binding_says_so(gate):
    assert gate.hear(EVENTS, event(label="person")) == [("person", 1, 0)]
    vehicles = Listener("frigate", {**LANE, "of": "vehicle", "direction": "out"})
    assert vehicles.hear(EVENTS, event(label="bus")) == [("vehicle", 0, 1)]
    assert vehicles.hear(EVENTS, event(number="2", label="person")) == []


def test_the_zone_before_tells_the_direction():
    both = Listener("frigate", {"match": "gate_cam", "part": "lane", "directions": {"street": "in", "yard": "out"}})
    ways = [(("street", "lane"), "in"), (("yard", "lane"), "out"), (("lane",), "unknown")]
    for number, (zones, way) in enumerate(ways):
        assert both.hear(EVENTS, event(number=f"{number}", zones=zones)) == [(way, "", "car")]


def test_zones_of_one_camera_are_devices_of_their_own():
    listener = Listener("frigate", LANE, {"match": "gate_cam", "part": "yard", "device": "yard-1", "of": "person"})
    assert listener.hear(EVENTS, event(zones=("lane", "yard"))) == [("in", "", "car")]
    assert listener.hear(EVENTS, event(number="2", label="person", zones=("yard",))) == [("yard-1", "person", 1, 0)]


def test_two_recorders_have_prefixes():
    listener = Listener("frigate", {"match": "east/gate_cam", "part": "lane"})
    assert listener.hear("west/events", event()) == []
    assert listener.hear("east/events", event()) == [("unknown", "", "car")]


def test_plates_that_are_read_may_be_the_passages():
    listener = Listener("frigate", {"match": "gate_cam", "part": "plates", "direction": "out"})
    read = {"type": "lpr", "id": "a-1", "name": "A name", "plate": "京A12345", "camera": "gate_cam", "timestamp": 0.5}
    assert listener.hear("frigate/tracked_object_update", read) == [("out", "京A12345", "unknown")]
    assert listener.hear("frigate/tracked_object_update", {**read, "plate": "京A12346"}) == []
    assert listener.hear(EVENTS, event()) == []
    assert Listener("frigate", LANE).hear("frigate/tracked_object_update", read) == []


def test_a_face_is_refused_and_a_description_is_nothing(gate):
    assert gate.reason("frigate/tracked_object_update", {"type": "face", "id": "1", "name": "A name"}) == ["personal"]
    assert gate.hear("frigate/tracked_object_update", {"type": "description", "description": "a man"}) == []


def test_retained_passages_are_dropped_and_the_live_one_counts(gate):
    heard = gate.meaning(EVENTS, event(), retained=True)
    assert not heard.observations
    assert heard.told["retained"] == 1
    assert gate.hear(EVENTS, event()) == [("in", "", "car")]


def test_a_number_is_how_many_are_there():
    yard = Listener("frigate", {"match": "frigate/yard/person"})
    assert yard.hear("frigate/yard/person", "3") == [("occupancy", 3.0, "")]
    assert yard.hear("frigate/yard/person", "3", at=5) == [("occupancy", 3.0, "")]
    assert yard.hear("frigate/yard/person", "0", retained=True) == [("occupancy", 0.0, "")]
    assert yard.hear("frigate/yard/person", "0", retained=True) == []
    assert yard.hear("frigate/yard/car", "2") == []
    assert yard.reason("frigate/yard/person", "ON") == ["type"]
    assert yard.hear("frigate/yard/person/snapshot", b"\xff\xd8\xff\xe0" * 100) == []


def test_a_retained_online_proves_nothing(gate):
    assert gate.status("frigate/available", "online", retained=True) == []
    assert gate.status("frigate/available", "online") == [("d", "online")]
    for word in ("offline", "stopped"):
        assert gate.status("frigate/available", word, retained=True) == [("d", "offline")]
    assert gate.status("frigate/gate_cam/status/detect", "offline") == [("d", "offline")]
    assert gate.status("frigate/gate_cam/status/record", "offline") == []


def test_strangers():
    listener = Listener("frigate")
    assert listener.strangers("frigate/yard/person", "1") == [("frigate/yard/person", "", "camera")]
    assert listener.strangers(EVENTS, event()) == [("gate_cam", "", "gate")]
    assert listener.strangers("frigate/yard/motion", "ON") == []


@pytest.mark.parametrize("said", [{}, [], {"after": None}, {"after": {"id": 7}}])
def test_what_is_no_event_is_refused(gate, said):
    assert gate.reason(EVENTS, said) == ["type"]
