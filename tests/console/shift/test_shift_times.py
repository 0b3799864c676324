"""Which shifts a site has: of the plan, and what lies between them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.shift.shift_times import ShiftTimes
from ingest.days.patrol_settings import PatrolSettings

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
HOUR = 3_600_000
OFFICERS = ("p1: Li Wei", "p2: Zhao")
THREE = ("daily 06:00-14:00 @ p1: early", "daily 06:00-14:00 @ p2: cars", "daily 14:00-22:00 @ p2: late")


def times(*shifts, zone=SHANGHAI):
    return ShiftTimes(PatrolSettings(officers=OFFICERS, shifts=shifts), zone)


def ms(text, zone=SHANGHAI):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def told(shift, zone=SHANGHAI):
    begin, end = (datetime.fromtimestamp(one / 1000, zone) for one in (shift.begin_ms, shift.end_ms))
    return shift.id, shift.name or shift.usual, f"{begin:%d %H:%M}", f"{end:%d %H:%M}"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-26T07:59:59", ("night-2026-11-25", "night", "25 20:00", "26 08:00")),
        ("2026-11-26T08:00", ("day-2026-11-26", "day", "26 08:00", "26 20:00")),
        ("2026-11-26T23:00", ("night-2026-11-26", "night", "26 20:00", "27 08:00")),
    ],
)
def test_without_a_plan_there_are_days_and_nights(at, expected):
    assert told(times().at(ms(at))) == expected


def test_shifts_of_the_plan_with_the_same_hours_are_one_and_the_rest_is_one_too():
    found = times(*THREE).between(ms("2026-11-26T06:00"), ms("2026-11-27T06:00"))
    assert [told(one) for one in found] == [
        ("early-2026-11-26", "early · cars", "26 06:00", "26 14:00"),
        ("late-2026-11-26", "late", "26 14:00", "26 22:00"),
        ("night-2026-11-26", "night", "26 22:00", "27 06:00"),
    ]
    assert found[0].officers == ("p1", "p2")


def test_a_weekend_without_a_plan_has_days_and_nights():
    found = times("Mon-Fri 08:00-18:00 @ p1: day").between(ms("2026-11-27T12:00"), ms("2026-11-30T09:00"))
    assert [told(one)[1:] for one in found] == [
        ("day", "27 08:00", "27 18:00"),
        ("day", "27 18:00", "27 20:00"),
        ("night", "27 20:00", "28 08:00"),
        ("day", "28 08:00", "28 20:00"),
        ("night", "28 20:00", "29 08:00"),
        ("day", "29 08:00", "29 20:00"),
        ("night", "29 20:00", "30 08:00"),
        ("day", "30 08:00", "30 18:00"),
    ]
    assert [one.id for one in found][:2] == ["day-2026-11-27", "day-2026-11-27-1800"]


def test_overlapping_shifts_run_beside_each_other_and_the_later_one_is_the_running_one():
    found = times("daily 06:00-14:30 @ p1: early", "daily 14:00-22:00 @ p2: late")
    assert found.at(ms("2026-11-26T14:10")).id == "late-2026-11-26"
    early = found.find("early-2026-11-26")
    assert early is not None
    before, after = found.beside(early)
    assert (before and before.id, after and after.id) == ("night-2026-11-25", "late-2026-11-26")


@pytest.mark.parametrize(
    "identifier", ["", "day", "day-2026-13-01", "day-9999-12-31", "x-2026-11-26", "day-0001-01-01"]
)
def test_what_is_no_shift_is_not_found(identifier):
    assert times().find(identifier) is None


def test_hours_follow_the_clock_on_the_wall():
    night = times(zone=BERLIN).find("night-2026-10-24")
    assert night is not None
    assert told(night, BERLIN)[2:] == ("24 20:00", "25 08:00")
    assert night.end_ms - night.begin_ms == 13 * HOUR


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["daily", "Mon-Fri", "Sat Sun"]), st.integers(0, 23), st.integers(1, 23)), max_size=4
    ),
    st.integers(ms("2026-01-01T00:00"), ms("2026-12-31T00:00")),
)
def test_no_time_is_left_out_and_every_shift_is_found_by_its_id(plan, now_ms):
    found = times(*(f"{when} {begin:02}:00-{(begin + long) % 24:02}:00 @ p1: s{begin}" for when, begin, long in plan))
    reached = now_ms
    shifts = found.between(now_ms, now_ms + 48 * HOUR)
    for shift in shifts:
        assert shift.begin_ms <= reached
        reached = max(reached, shift.end_ms)
        assert found.find(shift.id) == shift
    assert reached >= now_ms + 48 * HOUR
    assert found.at(now_ms) in shifts
