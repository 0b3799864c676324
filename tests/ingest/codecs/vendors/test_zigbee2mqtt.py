"""Zigbee2MQTT's messages in the forms that its settings and versions give them."""

import pytest

from tests.ingest.codecs.vendors.listener import Listener, second

DOOR = "zigbee2mqtt/stairs/门"


@pytest.fixture
def door():
    return Listener("zigbee2mqtt", {"match": DOOR})


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ({"contact": True, "battery": 97, "linkquality": 3, "voltage": 3015}, [("door", "closed")]),
        ({"contact": "false"}, [("door", "open")]),
        ({"contact": None, "smoke": None, "temperature": None}, []),
        ({"gas": True, "gas_value": 12}, [("gas", "alarm")]),
        ({"carbon_monoxide": False}, [("carbon_monoxide", "ok")]),
        ({"presence": True}, [("presence", "occupied")]),
        ({"vibration": True, "action": "drop"}, [("vibration", "alarm")]),
        ({"illuminance": 21000, "illuminance_lux": 125}, [("illuminance", 125.0, "lx")]),
        ({"temperature": "21.4", "humidity": 55, "pressure": 1013.2}, [
            ("temperature", 21.4, "°C"), ("humidity", 55.0, "%"), ("pressure", 1013.2, "hPa"),
        ]),
        ({"battery_low": True, "state": "ON", "power": 12, "device": {"model": "x", "contact": True}}, []),
        ({"temperature": "nan", "humidity": 1e300}, []),
        ({"smoke_density": 3, "smoke_density_dbm": 0.1}, [("smoke", 2.276278, "%/m")]),
        ({"update": {"state": "idle"}, "smoke_density": 40}, []),
    ],
)  # fmt: skip
def test_attributes_mean_what_they_say(door, said, heard):
    assert sorted(door.hear(DOOR, said)) == sorted(heard)


def test_a_hazard_stands_before_what_is_none():
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/s"})
    assert listener.hear("zigbee2mqtt/s", {"temperature": 20, "smoke": True})[0] == ("smoke", "alarm")


def test_an_attribute_may_have_a_topic_of_its_own(door):
    assert door.hear(f"{DOOR}/contact", "true") == [("door", "closed")]
    assert door.hear(f"{DOOR}/temperature", "21.5") == [("temperature", 21.5, "°C")]
    assert door.hear(f"{DOOR}/linkquality", "12") == []


@pytest.mark.parametrize("said", ["offline", '"offline"', '{"state":"offline"}', '{"state": "Offline"}'])
def test_availability_is_an_object_or_a_word_and_always_retained(door, said):
    for _ in range(2):
        assert door.status(f"{DOOR}/availability", said, retained=True) == [("d", "offline")]


def test_what_says_nothing_of_the_place_is_left_out(door):
    for topic in ("zigbee2mqtt/bridge/state", f"{DOOR}/set", f"{DOOR}/get", "zigbee2mqtt/bridge/logging"):
        heard = door.meaning(topic, '{"contact":true,"state":"online"}')
        assert [heard.observations, heard.statuses, heard.strangers, heard.refusals] == [[], [], [], []], topic
    assert door.hear(DOOR, "") == []


def test_a_name_may_hold_the_bridges_words():
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/river/bridge/level"})
    assert listener.hear("zigbee2mqtt/river/bridge/level", {"water_leak": True}) == [("water", "alarm")]


def test_a_contact_on_a_cover_mounted_the_other_way():
    states = {"true": "open", "false": "closed"}
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/c", "metric": "cover", "states": states})
    # The device's own name is for its contact, not for its temperature and its lid.
    heard = listener.hear("zigbee2mqtt/c", {"contact": True, "tamper": True, "temperature": 12})
    assert heard == [("cover", "open"), ("tamper", "alarm"), ("temperature", 12.0, "°C")]


def test_a_name_for_all_parts_is_not_that_of_the_lid_which_speaks_alone():
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/c", "metric": "cover"})
    for said in ({"tamper": True, "linkquality": 3}, {"tamper": True, "temperature": 3}):
        assert listener.hear("zigbee2mqtt/c", said)[0] == ("tamper", "alarm")
    assert listener.hear("zigbee2mqtt/c/tamper", "true") == [("tamper", "alarm")]
    assert listener.hear("zigbee2mqtt/c/temperature", "3") == [("temperature", 3.0, "°C")]
    assert listener.hear("zigbee2mqtt/c/contact", "false") == [("cover", "open")]


def test_words_for_one_of_two_leave_the_other_as_it_is():
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/c", "states": {"true": "shut"}})
    assert listener.hear("zigbee2mqtt/c", {"contact": False}) == [("door", "open")]
    assert listener.hear("zigbee2mqtt/c", {"contact": True}) == [("door", "closed")]


def test_one_part_of_a_device_alone():
    listener = Listener("zigbee2mqtt", {"match": "zigbee2mqtt/c", "part": "humidity", "metric": "cellar"})
    assert listener.hear("zigbee2mqtt/c", {"contact": True, "humidity": 80}) == [("cellar", 80.0, "%")]


@pytest.mark.parametrize(
    ("seen", "after_noon"),
    [
        (1795147198000, -2),
        ("2026-11-20T11:59:58+08:00", -2),
        ("2026-11-20T03:59:58.000Z", -2),
        ("N/A", 7),
        (1330, 7),
        (None, 7),
    ],
)
def test_when_it_was_last_seen(door, seen, after_noon):
    assert second(door, DOOR, {"contact": True, "last_seen": seen}, at=7) == after_noon


def test_a_retained_state_sets_the_state_once_also_after_a_restart(door):
    assert door.hear(DOOR, {"contact": False}, retained=True) == [("door", "open")]
    door.restart()
    assert door.hear(DOOR, {"contact": False}, retained=True, at=60) == []
    assert door.hear(DOOR, {"contact": False}, at=90) == [("door", "open")]


def test_an_alarm_that_came_back_while_nobody_listened_is_heard(door):
    """The sender renews what the broker keeps, so that the same word again is news after another one."""
    for said, word in (({"smoke": False}, "ok"), ({"smoke": True}, "alarm")):
        assert door.hear(DOOR, said, retained=True) == [("smoke", word)]
    assert door.hear(DOOR, {"smoke": False}) == [("smoke", "ok")]
    door.restart()
    assert door.hear(DOOR, {"smoke": True}, retained=True) == [("smoke", "alarm")]
    assert door.hear(DOOR, {"smoke": True}, retained=True) == []


def test_an_old_word_that_nobody_renews_does_not_come_back_with_every_connection(door):
    assert door.hear(DOOR, {"contact": False}, retained=True) == [("door", "open")]
    for _ in range(3):
        assert door.hear(DOOR, {"contact": True}) == [("door", "closed")]
        assert door.hear(DOOR, {"contact": False}, retained=True) == []


def test_strangers_are_told_with_a_guess():
    listener = Listener("zigbee2mqtt")
    for said, guess in (
        ({"smoke": False, "battery": 3}, "smoke"), ({"contact": True}, "door"), ({"water_leak": False}, "water"),
        ({"noise": 50}, "noise"), ({"temperature": 20}, "environment"),
    ):  # fmt: skip
        assert listener.strangers("zigbee2mqtt/new", said) == [("zigbee2mqtt/new", "", guess)]
    assert listener.strangers("zigbee2mqtt/plug", {"state": "ON", "power": 3}) == []


def test_what_is_no_object_is_refused(door):
    assert door.reason(DOOR, "[1]") == ["type"]
    assert door.reason(DOOR, '{"contact":') == ["json"]
