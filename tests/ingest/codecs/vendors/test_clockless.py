"""Devices whose clock was never set: what they say is of now, and said twice it is still once."""

import pytest

from tests.ingest.codecs.vendors.listener import Listener, second

ALERT = (
    "<EventNotificationAlert><dateTime>{}</dateTime><eventType>{}</eventType><eventState>active</eventState>{}"
    "</EventNotificationAlert>"
)


def plate(clock):
    return ALERT.format(clock, "ANPR", "<ANPR><licensePlate>京A12345</licensePlate></ANPR>")


def interval(clock):
    span = f"<TimeRange><startTime>1970-01-01T08:00:00+08:00</startTime><endTime>{clock}</endTime></TimeRange>"
    inner = f"<statisticalMethods>timeRange</statisticalMethods>{span}<enter>3</enter><exit>1</exit>"
    return ALERT.format(clock, "PeopleCounting", f"<peopleCounting>{inner}</peopleCounting>")


def junction(clock):
    car = {"PlateNumber": "京A12345"}
    return {"Code": "TrafficJunction", "Action": "Pulse", "Data": {"LocaleTime": clock, "TrafficCar": car}}


def tollgate(clock):
    return {"Picture": {"SnapInfo": {"SnapTime": clock}, "Plate": {"PlateNumber": "京A12345"}, "Vehicle": {}}}


def lines(clock):
    data = [{"line": 1, "total": {"in": 3, "out": 1}}, {"line": 2, "total": {"in": 3, "out": 1}}]
    times = {"start_time": "1970-01-01T08:00:00+08:00", "end_time": clock}
    return {"report_type": "interval", "time_info": times, "line_periodic_data": data}


def vehicle(clock):
    return {"MotorVehicleObjectList": [{"DeviceID": "1", "PassTime": clock, "PlateNo": "京A12345"}]}


@pytest.mark.parametrize("year", ["1970", "2000"])
@pytest.mark.parametrize(("dialect", "message", "number"), [
    ("hikvision", plate, 1), ("hikvision", interval, 1), ("dahua", junction, 1), ("dahua", tollgate, 1),
    ("milesight", lines, 2), ("gat1400", vehicle, 1),
])  # fmt: skip
def test_a_message_twice_is_one_and_the_next_is_another(dialect, message, number, year):
    to = Listener(dialect, {"match": "x"})
    heard = [
        to.hear("x", message(f"{year}-01-01T08:{minute}:00"), at=at)
        for minute, at in [("01", 0), ("01", 0), ("01", 30), ("02", 60), ("02", 61)]
    ]
    assert [len(one) for one in heard] == [number, 0, 0, number, 0]


@pytest.mark.parametrize("clock", ["1970-01-01T08:00:05+08:00", "2000-01-01T08:00:05+08:00", ""])
def test_a_fire_is_one_of_now(clock):
    assert second(Listener("hikvision", {"match": "x"}), "x", ALERT.format(clock, "fireDetection", ""), at=9) == 9


def test_a_heartbeat_is_a_sign_of_life():
    beat = ALERT.format("2026-11-20T12:00:00+08:00", "heartBeat", "")
    assert Listener("hikvision", {"match": "x"}).status("x", beat) == [("d", "online")]
