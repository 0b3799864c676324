"""When a site's calendar says something is: days, recurring times, and the hours that the clocks skip or repeat."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.days.site_calendar import CalendarEntry, CalendarSettings, entries_of
from models.calendar import REST, WORKING, Calendar

BERLIN = ZoneInfo("Europe/Berlin")


def ms(zone: ZoneInfo, year: int, month: int, day: int, hour: int = 0) -> int:
    return round(datetime(year, month, day, hour, tzinfo=zone).timestamp() * 1000)


def calendar(zone: str = "Europe/Berlin", country: str | None = None, holidays=(), **settings) -> Calendar:
    return Calendar(zone, country, entries=entries_of(CalendarSettings(**settings), holidays))


def test_a_market_is_at_nine_in_summer_and_in_winter():
    market = calendar(events=("Sat 09:00-13:00 @ b1: market day",))
    for day in (date(2026, 3, 28), date(2026, 4, 4), date(2026, 10, 24), date(2026, 10, 31)):  # both changes between
        hours = [
            bool(market.planned(start, start + 3_600_000))
            for start in (ms(BERLIN, day.year, day.month, day.day, hour) for hour in (8, 9, 12, 13))
        ]
        assert hours == [False, True, True, False]
    friday = ms(BERLIN, 2026, 3, 27, 10)
    assert market.planned(friday, friday + 3_600_000) == []


def test_what_takes_place_over_the_hour_that_is_repeated_or_skipped_takes_its_time_on_the_wall():
    night = calendar(events=("2026-10-25 01:00-04:00: repeated", "2026-03-29 01:00-04:00: skipped"))
    autumn, spring = (
        night.planned(ms(BERLIN, 2026, month, day, 0), ms(BERLIN, 2026, month, day, 12))
        for month, day in ((10, 25), (3, 29))
    )
    assert [(one.end_ms - one.start_ms) / 3_600_000 for one in (*autumn, *spring)] == [4, 2]


def test_an_event_over_the_end_of_the_year_is_one():
    found = calendar(events=("2026-12-31 20:00/2027-01-01 02:00: New Year's Eve",))
    assert len(found.planned(ms(BERLIN, 2026, 12, 31, 23), ms(BERLIN, 2027, 1, 1, 1))) == 1
    assert len(found.planned(ms(BERLIN, 2027, 1, 1, 1), ms(BERLIN, 2027, 1, 1, 3))) == 1
    assert found.planned(ms(BERLIN, 2027, 1, 1, 2), ms(BERLIN, 2027, 1, 1, 3)) == []


def test_a_rule_in_another_zone_and_what_it_leaves_out():
    shanghai = "Asia/Shanghai"
    entry = CalendarEntry(
        "event", "2026-11-03T20:00:00", 3600, zone=shanghai, rule="FREQ=MONTHLY;BYDAY=1TU", but=("2026-12-01T20:00:00",)
    )
    found = Calendar("Europe/Berlin", entries=(entry,))
    starts = [one.start_ms for one in found.planned(ms(BERLIN, 2026, 10, 1), ms(BERLIN, 2027, 3, 1))]
    assert starts == [ms(ZoneInfo(shanghai), *day, 20) for day in ((2026, 11, 3), (2027, 1, 5), (2027, 2, 2))]


def test_rest_days_worked_days_and_school_holidays():
    found = calendar(
        "Asia/Shanghai",
        "CN",
        ("2027-03-01",),
        worked_days=("2027-02-20", "2027-10-01"),
        school_holidays=("2027-01-23/2027-02-21",),
    )
    classes = {day: found.day_class(date.fromisoformat(day)) for day in ("2027-03-01", "2027-02-20", "2027-10-01")}
    assert classes == {"2027-03-01": REST, "2027-02-20": WORKING, "2027-10-01": WORKING}
    school = [found.day((date(2027, month, day) - date(1970, 1, 1)).days).school for month, day in
              ((1, 22), (1, 23), (2, 21), (2, 22))]  # fmt: skip
    assert school == [False, True, True, False]


def test_chinas_worked_weekends_end_with_the_library_unless_the_site_knows_more():
    today = date(2026, 11, 26)
    known = calendar("Asia/Shanghai", "CN").ends(today)
    assert known is not None
    later = date(known.year + 1, 2, 20)
    assert calendar("Asia/Shanghai", "CN", worked_days=(str(later),)).ends(today) == date(known.year + 1, 12, 31)
    assert calendar("Europe/Berlin", "DE").ends(today) is None


@pytest.mark.parametrize("count", [1, 400])
def test_a_rule_that_counts_is_followed_from_its_beginning(count: int):
    entry = CalendarEntry("event", "2020-01-01T10:00:00", 3600, rule=f"FREQ=WEEKLY;BYDAY=WE;COUNT={count}")
    found = Calendar("UTC", entries=(entry,)).planned(
        ms(ZoneInfo("UTC"), 2026, 1, 1), ms(ZoneInfo("UTC"), 2026, 12, 31)
    )
    assert len(found) == (52 if count == 400 else 0)
