"""Kinds of days and local times, across clock changes and worked weekends."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import REST, SATURDAY, WORKING, Calendar
from tests.support import examples


def ms(zone: str, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return round(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ((2025, 9, 26), WORKING),
        ((2025, 9, 27), SATURDAY),
        ((2025, 9, 28), WORKING),  # a Sunday worked for the National Day holiday
        ((2025, 10, 2), REST),
        ((2025, 10, 11), WORKING),  # a Saturday worked for the same
        ((2025, 10, 12), REST),
        ((2025, 10, 18), SATURDAY),
    ],
)
def test_chinas_worked_weekends_and_holidays(day: tuple[int, int, int], kind: int):
    calendar = Calendar("Asia/Shanghai", "CN")
    day_class, second = calendar.local(ms("Asia/Shanghai", *day, 8, 30))
    assert int(day_class) == kind
    assert int(second) == 8 * 3600 + 1800


def test_the_day_is_the_local_one_and_the_clock_changes():
    calendar = Calendar("America/Los_Angeles", "US")
    # 2026-03-08 02:00 does not exist; 2026-11-01 01:30 exists twice.
    assert int(calendar.local(ms("America/Los_Angeles", 2026, 3, 8, 1, 59))[1]) == 7140
    assert int(calendar.local(ms("America/Los_Angeles", 2026, 3, 8, 1, 59) + 60_000)[1]) == 10_800
    first = ms("America/Los_Angeles", 2026, 11, 1, 1, 30)
    assert [int(calendar.local(first + hour * 3_600_000)[1]) for hour in (0, 1)] == [5400, 5400]


def test_extra_holidays_and_no_country():
    calendar = Calendar("UTC", extra_holidays=[date(2026, 11, 24)])
    day_class, _ = calendar.local(np.array([ms("UTC", 2026, 11, day, 12) for day in (23, 24, 28, 29)]))
    assert day_class.tolist() == [WORKING, REST, SATURDAY, REST]
    assert calendar.weekday(ms("UTC", 2026, 11, 29)).item() == 6


@settings(max_examples=examples(40))
@given(st.lists(st.integers(0, 4_000_000_000_000), min_size=1, max_size=20))
def test_arrays_and_single_times_agree(times: list[int]):
    calendar = Calendar("Europe/Berlin", "DE")
    day_class, second = calendar.local(np.array(times))
    for at, time in enumerate(times):
        one = calendar.local(time)
        assert (int(one[0]), int(one[1])) == (day_class[at], second[at])
        local = datetime.fromtimestamp(time / 1000, ZoneInfo("Europe/Berlin"))
        assert second[at] == local.hour * 3600 + local.minute * 60 + local.second


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="'Mars/Base' is not known"):
        Calendar("Mars/Base")
    with pytest.raises(ValueError, match="'XX' has no calendar"):
        Calendar("UTC", "XX")


def test_a_part_of_a_country_has_holidays_of_its_own():
    """Auckland's Anniversary Day of 2024 was Monday, 29 January: a holiday there and nowhere else."""
    for code, of_auckland in (("NZ", False), ("NZ-AUK", True)):
        assert (Calendar("Pacific/Auckland", code).day_class(date(2024, 1, 29)) == REST) is of_auckland
    with pytest.raises(ValueError, match="'NZ-XYZ' has no calendar"):
        Calendar("Pacific/Auckland", "NZ-XYZ")


def test_absurd_times_do_no_harm():
    assert Calendar("Asia/Shanghai", "CN").local(np.array([-(2**62), 2**62]))[1].shape == (2,)


def day_of(calendar: Calendar, at_ms: int):
    return calendar.day(calendar.day_number(at_ms))


def test_what_a_habit_may_go_by():
    calendar = Calendar("Asia/Shanghai", "CN")
    festival = [day_of(calendar, ms("Asia/Shanghai", 2026, 2, day, 12)) for day in range(14, 26)]
    # Saturday 14 is worked, Sunday 15 an ordinary one; Saturday 21 and Sunday 22 lie within the festival.
    assert [day.holiday for day in festival] == [False] * 2 + [True] * 8 + [False] * 2
    assert not any(day.bridge for day in festival)
    assert [day.day_class for day in festival] == [WORKING] + [REST] * 9 + [WORKING] * 2
    assert [day.weekday for day in festival[:3]] == [5, 6, 0]


def test_working_days_between_days_off_are_bridges():
    calendar = Calendar("Pacific/Auckland", "NZ")
    christmas = [day_of(calendar, ms("Pacific/Auckland", 2024, 12, day, 12)) for day in range(16, 32)]
    # Christmas is on a Wednesday: two days before it and all up to New Year's Day are bridges, where they are worked.
    assert [day.number - christmas[0].number + 16 for day in christmas if day.bridge] == [23, 24, 27, 30, 31]
    june = [day_of(calendar, ms("Pacific/Auckland", 2024, 6, day, 12)) for day in range(3, 15)]  # from a holiday on
    assert june[0].holiday
    assert not any(day.bridge for day in june)


def test_a_weekend_beside_a_holiday_is_an_ordinary_one():
    calendar = Calendar("America/Los_Angeles", "US")
    july = [day_of(calendar, ms("America/Los_Angeles", 2025, 7, day, 12)) for day in (4, 5, 6)]  # from a Friday on
    assert [(day.holiday, day.day_class) for day in july] == [(True, REST), (False, SATURDAY), (False, REST)]


def test_weeks_take_turns_over_the_end_of_a_year_of_53():
    calendar = Calendar("UTC")
    mondays = [
        day_of(calendar, ms("UTC", *date.fromordinal(date(2026, 12, 21).toordinal() + 7 * n).timetuple()[:3])).week
        for n in range(4)
    ]
    assert np.diff(mondays).tolist() == [1, 1, 1]
    sunday, monday = (day_of(calendar, ms("UTC", 2027, 1, day, 12)).week for day in (3, 4))
    assert monday == sunday + 1
