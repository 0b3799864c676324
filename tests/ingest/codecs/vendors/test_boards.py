"""Tasmota, Shelly, ESPHome and Home Assistant: states, readings and counters of boards, in the forms they have."""

import pytest

from tests.ingest.codecs.vendors.listener import Listener, second

SENSOR = "tele/lamp-7/SENSOR"
DOOR = {"match": "lamp-7", "part": "Switch1", "metric": "door", "states": {"ON": "open", "OFF": "closed"}}
PLUS = "shellyplusi4-00005e005361"
RPC = f"{PLUS}/events/rpc"


# -- Tasmota ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (SENSOR, {"Time": "2026-11-20T11:59:50", "Switch1": "ON", "Switch2": "OFF"}),
        (SENSOR, {"Switch1": "on"}),
        ("stat/lamp-7/RESULT", {"Switch1": {"Action": "ON"}}),
        ("stat/lamp-7/RESULT", {"SWITCH1": {"STATE": "ON"}}),
        ("stat/lamp-7/SWITCH1", "ON"),
        ("stat/lamp-7/SWITCH1", {"Action": "ON"}),
        ("stat/lamp-7/STATUS8", {"StatusSNS": {"Time": "2026-11-20T11:59:50", "Switch1": "ON"}}),
        ("stat/lamp-7/STATUS10", {"StatusSNS": {"Switch1": "ON"}}),
        ("lamp-7/tele/SENSOR", {"Switch1": "ON"}),
    ],
)
def test_a_switch_in_every_form(topic, said):
    assert Listener("tasmota", DOOR).hear(topic, said) == [("door", "open")]


@pytest.mark.parametrize(
    ("words", "heard"), [({"true": "closed"}, "closed"), ({"on": "closed"}, "closed"), ({}, "open")]
)
def test_words_may_be_bound_in_other_forms_or_be_the_metrics_own(words, heard):
    listener = Listener("tasmota", {**DOOR, "states": words})
    assert listener.hear(SENSOR, {"Switch1": "ON"}) == [("door", heard)]
    assert listener.hear(SENSOR, {"Switch1": "TOGGLE"}) == []


@pytest.mark.parametrize(
    ("said", "after_noon"),
    [("2026-11-20T11:59:50", -10), ("2026-11-20T11:59:50+08:00", -10), ("1970-01-01T00:00:08", 5), (None, 5)],
)
def test_local_time_and_none(said, after_noon):
    assert second(Listener("tasmota", DOOR), SENSOR, {"Time": said, "Switch1": "ON"}, at=5) == after_noon


def test_the_unit_at_the_end_changes_what_stands_before_it():
    listener = Listener("tasmota", {"match": "lamp-7", "unit": "°C"})
    said = {"AM2301": {"Temperature": 68.0, "Humidity": 40.1, "DewPoint": 43.0}, "TempUnit": "F"}
    assert listener.hear(SENSOR, said) == [("temperature", 20.0, "°C"), ("humidity", 40.1, "%")]
    assert listener.hear(SENSOR, {**said, "TempUnit": "C"})[0] == ("temperature", 68.0, "°C")


def test_the_boards_own_heat_is_no_reading_of_the_place():
    listener = Listener("tasmota", {"match": "lamp-7"})
    said = {"ESP32": {"Temperature": 61.7}, "ENERGY": {"Power": 5}, "BH1750": {"Illuminance": 28}}
    assert listener.hear(SENSOR, said) == [("illuminance", 28.0, "lx")]


def test_sensors_and_readings_may_be_bound_alone():
    listener = Listener(
        "tasmota",
        {"match": "lamp-7", "part": "DS18B20-1", "metric": "temperature", "device": "a"},
        {"match": "lamp-7", "part": "DS18B20-2", "metric": "pipe", "device": "b"},
        {"match": "lamp-7", "part": "AM2301", "metric": "temperature", "device": "c"},
        {"match": "lamp-7", "part": "SR04.Distance", "metric": "free", "unit": "cm", "device": "e"},
    )
    said = {
        "DS18B20-1": {"Id": "0", "Temperature": 20.5}, "DS18B20-2": {"Id": "1", "Temperature": 212},
        "AM2301": {"Humidity": 50, "Temperature": 19}, "SR04": {"Distance": 12.5}, "TempUnit": "C",
    }  # fmt: skip
    assert listener.hear(SENSOR, said) == [
        ("a", "temperature", 20.5, "°C"), ("b", "pipe", 212.0, "°C"), ("c", "temperature", 19.0, "°C"),
        ("e", "free", 12.5, "cm"),
    ]  # fmt: skip
    said["TempUnit"] = "F"  # also a metric without a rule is in °C here
    assert ("b", "pipe", 100.0, "°C") in listener.hear(SENSOR, said)


def test_a_sensor_by_its_number_and_with_another_index():
    listener = Listener(
        "tasmota",
        {"match": "lamp-7", "part": "0316A279F2FF", "metric": "pipe", "device": "a"},
        {"match": "lamp-7", "part": "DS18B20-2", "metric": "room", "device": "b"},
    )
    said = {"DS18B20_1": {"Id": "7", "Temperature": 1}, "DS18B20_2": {"Id": "0316A279F2FF", "Temperature": 2}}
    assert listener.hear(SENSOR, said) == [("a", "pipe", 2.0, "°C")]
    said = {"DS18B20_2": {"Id": "7", "Temperature": 1}, "DS18B20-1": {"Id": "0316A279F2FF", "Temperature": 2}}
    assert listener.hear(SENSOR, said) == [("b", "room", 1.0, "°C"), ("a", "pipe", 2.0, "°C")]


def test_a_name_for_all_parts_is_that_of_the_first_alone():
    tasmota = Listener("tasmota", {"match": "lamp-7", "metric": "door"})
    assert tasmota.hear(SENSOR, {"Switch1": "ON", "Switch2": "ON"}) == [("door", "open"), ("switch2", "on")]
    assert tasmota.hear("stat/lamp-7/RESULT", {"Switch2": {"Action": "ON"}}) == [("switch2", "on")]
    shelly = Listener("shelly", {"match": PLUS, "metric": "door"})
    assert shelly.hear(RPC, notify(**{"input:1": {"state": True}})) == [("input-1", "on")]
    assert shelly.hear(RPC, notify(**{"input:0": {"state": True}})) == [("door", "open")]


def test_a_pulse_counter_counts_up():
    listener = Listener("tasmota", {"match": "lamp-7", "part": "COUNTER.C1", "direction": "out"})
    assert listener.hear(SENSOR, {"COUNTER": {"C1": 118, "C2": 4}}) == []
    assert listener.hear(SENSOR, {"COUNTER": {"C1": 121}}, at=300) == [("person", 0, 3)]
    listener.restart()
    assert listener.hear(SENSOR, {"COUNTER": {"C1": 2}}, at=600) == [("person", 0, 2)]


def test_tasmotas_will():
    listener = Listener("tasmota", DOOR)
    assert listener.status("tele/lamp-7/LWT", "Offline", retained=True) == [("d", "offline")]
    assert listener.status("tele/lamp-7/LWT", "Online") == [("d", "online")]
    assert listener.status("tele/lamp-8/LWT", "Offline") == []


def test_what_of_tasmota_is_no_news():
    listener = Listener("tasmota", DOOR)
    for topic in ("tele/lamp-7/STATE", "tele/lamp-7/INFO1", "cmnd/lamp-7/POWER", "stat/lamp-7/POWER"):
        assert listener.hear(topic, '{"POWER":"ON","Wifi":{"SSId":"home"}}' if "STATE" in topic else "ON") == []
    assert Listener("tasmota").strangers(SENSOR, {"Switch1": "ON", "AM2301": {"Temperature": 1}}) == [
        ("lamp-7", "Switch1", "door"), ("lamp-7", "AM2301", "environment"),
    ]  # fmt: skip


# -- Shelly ----------------------------------------------------------------------------------------------------------


def notify(method="NotifyStatus", ts=1795147190.5, **params):
    return {"src": PLUS, "dst": f"{PLUS}/events", "method": method, "params": {"ts": ts, **params}}


def test_an_input_of_a_gateway_with_a_topic_of_its_own():
    listener = Listener("shelly", {"match": PLUS, "part": "input:0", "metric": "door"})
    said = notify(**{"input:0": {"id": 0, "state": False}, "input:1": {"id": 1, "state": True}})
    assert listener.hear("house/door/events/rpc", said) == [("door", "closed")]
    assert second(listener, RPC, said, at=3) == -10
    assert second(listener, RPC, notify(ts=1.33, **{"input:0": {"state": True}}), at=3) == 3
    assert listener.hear(f"{PLUS}/status/input:0", {"id": 0, "state": True}) == [("door", "open")]
    assert listener.hear(RPC, notify(**{"input:0": {"id": 0, "state": None}})) == []


def test_detectors_mean_what_they_are_and_chips_are_no_thermometers():
    listener = Listener("shelly", {"match": PLUS, "metric": "door"})
    said = notify(
        "NotifyFullStatus",
        **{
            "smoke:0": {"alarm": True, "mute": False}, "flood:0": {"alarm": False}, "temperature:0": {"tC": 21.4},
            "humidity:0": {"rh": 55}, "illuminance:0": {"lux": 12}, "temperature:100": {"tC": None, "errors": ["read"]},
            "switch:0": {"output": True, "temperature": {"tC": 66}}, "devicepower:0": {"battery": 3}, "sys": {},
        },
    )  # fmt: skip
    assert listener.hear(RPC, said) == [
        ("smoke", "alarm"), ("water", "ok"), ("temperature", 21.4, "°C"), ("humidity", 55.0, "%"),
        ("illuminance", 12.0, "lx"),
    ]  # fmt: skip


def test_an_input_that_counts():
    listener = Listener("shelly", {"match": PLUS, "part": "input:100", "direction": "in", "of": "vehicle"})
    assert listener.hear(RPC, notify(**{"input:100": {"counts": {"total": 10}}})) == []
    assert listener.hear(RPC, notify(ts=1795147250, **{"input:100": {"counts": {"total": 14}}})) == [("vehicle", 4, 0)]


def test_a_button_pressed_is_no_news_and_a_bluetooth_door_is():
    listener = Listener("shelly", {"match": "00:00:5e:00:53:02"})
    press = {"component": "input:0", "id": 0, "event": "single_push", "ts": 1795147190.5}
    assert listener.hear(RPC, notify("NotifyEvent", events=[press])) == []
    data = {"pid": 1, "battery": 100, "illuminance": 0, "window": 1, "rotation": 0, "address": "00:00:5E:00:53:02"}
    blue = notify("NotifyEvent", events=[{"component": "script:1", "event": "shelly-blu", "data": data}])
    assert listener.hear(RPC, blue) == [("door", "open"), ("illuminance", 0.0, "lx")]
    assert Listener("shelly").strangers(RPC, blue) == [("00:00:5e:00:53:02", "", "door")]


@pytest.mark.parametrize(
    ("what", "said", "heard"),
    [
        ("sensor/state", "open", [("door", "open")]),
        ("sensor/state", "close", [("door", "closed")]),
        ("sensor/flood", "true", [("water", "alarm")]),
        ("sensor/gas", "mild", [("gas", "alarm")]),
        ("sensor/gas", "none", [("gas", "ok")]),
        ("sensor/temperature", "21.4", [("temperature", 21.4, "°C")]),
        ("ext_temperature/1", "4.5", [("temperature", 4.5, "°C")]),
        ("sensor/battery", "99", []),
        ("temperature", "58.1", []),
        ("input/0", "1", [("input-0", "on")]),
        ("relay/0", "on", []),
        ("status", '{"motion":true,"vibration":false,"lux":3}', [("motion", "occupied"), ("vibration", "ok")]),
        ("info", '{"mac":"x"}', []),
    ],
)
def test_the_first_generation(what, said, heard):
    assert Listener("shelly", {"match": "shellydw2-5361"}).hear(f"shellies/shellydw2-5361/{what}", said) == heard


def test_shellys_will_and_strangers():
    listener = Listener("shelly", {"match": PLUS}, {"match": "shellydw2-5361", "device": "old"})
    assert listener.status(f"{PLUS}/online", "false", retained=True) == [("d", "offline")]
    assert listener.status("shellies/shellydw2-5361/online", "true") == [("old", "online")]
    assert listener.strangers("new/events/rpc", notify(**{"src": "x", "flood:0": {"alarm": False}})) == []
    assert Listener("shelly").strangers(RPC, notify(**{"flood:0": {"alarm": False}})) == [(PLUS, "flood:0", "water")]


# -- ESPHome and Home Assistant --------------------------------------------------------------------------------------

PORCH = "porch/binary_sensor/front_door/state"
LEAK = "homeassistant/binary_sensor/cellar_leak"


@pytest.mark.parametrize(
    ("metric", "said", "word"),
    [
        ("door", "OFF", "closed"), ("water", "on", "alarm"), ("smoke", "off", "ok"), ("occupancy", "ON", "occupied"),
        ("pump", "ON", "on"), ("door", "open", "open"), ("cover", "closed", "closed"),
    ],
)  # fmt: skip
def test_a_word_is_what_the_metric_calls_it(metric, said, word):
    assert Listener("esphome", {"match": PORCH, "metric": metric}).hear(PORCH, said) == [(metric, word)]


@pytest.mark.parametrize("said", ["unknown", "None", "", "nan", "京A12345", "Zhang San"])
def test_words_without_a_meaning_are_no_states(said):
    assert Listener("esphome", {"match": PORCH, "metric": "door"}).hear(PORCH, said) == []


def test_home_assistant_tells_what_a_thing_is():
    listener = Listener("esphome", {"match": f"{LEAK}/state"})
    assert listener.hear(f"{LEAK}/device_class", '"moisture"', retained=True) == []
    listener.restart()
    assert listener.hear(f"{LEAK}/state", "on") == [("water", "alarm")]
    assert listener.hear(f"{LEAK}/friendly_name", '"Cellar"') == []


def test_discovery_tells_what_a_thing_is():
    topic = "porch/sensor/outside/state"
    listener = Listener("esphome", {"match": topic, "unit": "°C"})
    config = {"dev_cla": "temperature", "unit_of_meas": "°F", "stat_t": "~/sensor/outside/state", "~": "porch"}
    assert listener.hear("homeassistant/sensor/porch/outside/config", config) == []
    assert listener.hear(topic, "68") == [("temperature", 20.0, "°C")]
    other = {**config, "value_template": "{{ value_json.x }}", "unit_of_meas": "K"}
    assert listener.hear("homeassistant/sensor/porch/other/config", other) == []
    assert listener.hear(topic, "68") == [("temperature", 20.0, "°C")]


def test_numbers_are_readings_totals_or_occupancy():
    topic = "hall/sensor/people/state"
    assert Listener("esphome", {"match": topic}).hear(topic, "21.5") == [("people", 21.5, "")]
    assert Listener("esphome", {"match": topic, "meaning": "occupancy"}).hear(topic, "7") == [("occupancy", 7.0, "")]
    total = Listener("esphome", {"match": topic, "meaning": "total", "direction": "out"})
    assert total.hear(topic, "118.0", retained=True) == []
    assert total.hear(topic, "121", at=60) == [("person", 0, 3)]
    assert total.hear(topic, "123", at=90, retained=True) == [("person", 0, 2)]
    interval = Listener("esphome", {"match": topic, "meaning": "interval"})
    assert interval.hear(topic, "4") == [("person", 4, 0)]
    assert interval.reason(topic, "-4") == ["range"]


def test_wills_and_things_that_are_gone():
    listener = Listener("esphome", {"match": PORCH, "metric": "door"}, {"match": f"{LEAK}/state", "device": "leak"})
    assert listener.status("porch/status", "offline", retained=True) == [("d", "offline")]
    assert listener.status("porch/status", "online") == [("d", "online")]
    assert listener.status(f"{LEAK}/state", "unavailable") == [("leak", "offline")]
    assert listener.status(f"{LEAK}/state", "off") == [("leak", "online")]
    assert listener.status(f"{LEAK}/state", "off") == []
    assert listener.status("other/status", "offline") == []


def test_a_retained_state_sets_the_state_once():
    listener = Listener("esphome", {"match": f"{LEAK}/state", "metric": "water"})
    assert listener.hear(f"{LEAK}/state", "on", retained=True) == [("water", "alarm")]
    assert listener.hear(f"{LEAK}/state", "on", retained=True) == []
    assert listener.hear(f"{LEAK}/state", "on") == [("water", "alarm")]


def test_strangers_of_esphome():
    listener = Listener("esphome")
    listener.hear(f"{LEAK}/device_class", '"moisture"')
    assert listener.strangers(f"{LEAK}/state", "on") == [(f"{LEAK}/state", "", "water")]
    assert listener.strangers("homeassistant/automation/x/state", "on") == []
