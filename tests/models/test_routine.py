"""What came on most of the last visits is ordinary; what exceeds it, breaks it, or comes on another day is told."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from models.baselines.counts import CountBaseline
from models.baselines.routines.visits import DAYS, Visits, agreement, decode, encode, extent
from models.calendar import Calendar
from models.state import ROW
from tests.models.traffic import T0

HALF_HOUR_MS, HOUR_MS, PER_DAY, WEEKS = 1_800_000, 3_600_000, 48, 6
CALENDAR = Calendar("Asia/Shanghai")
RUSH = 16
"""Half past seven to eight, and the half hour after it: 8:00 is the 16th."""


def day(week: int, weekday: int) -> int:
    return week * 7 + weekday


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (alarm, expected, lower), (windows, series), of six weeks of streets with a quiet base of 30 a window.

    0: a rush on working days. 1: on Fridays. 2: every second Saturday. 3: shut on Mondays. 4: on days of chance.
    """
    rng = np.random.default_rng(3)
    weekday = np.arange(WEEKS * 7) % 7
    mean = np.full((WEEKS * 7, PER_DAY, 5), 30.0)
    mean[weekday < 5, RUSH : RUSH + 2, 0] += 170.0
    mean[weekday == 4, RUSH : RUSH + 2, 1] += 170.0
    mean[(weekday == 5) & (np.arange(WEEKS * 7) // 7 % 2 == 0), RUSH : RUSH + 2, 2] += 170.0
    mean[weekday == 0, :, 3] = 0.1
    mean[:, RUSH : RUSH + 2, 4] += 170.0 * (rng.random((WEEKS * 7, 1)) < 0.3)
    mean[day(5, 4), RUSH : RUSH + 2, 4] = 200.0
    mean[day(5, 1), RUSH : RUSH + 2, 0] = 460.0  # twice the usual
    mean[day(5, 3), RUSH : RUSH + 2, 0] = 30.0  # it stays away
    mean[day(5, 6), RUSH : RUSH + 2, 0] = 200.0  # on a Sunday
    mean[day(5, 2), RUSH : RUSH + 2, 1] = 200.0  # on a Wednesday
    counts = rng.poisson(mean * np.exp(rng.normal(0.0, 0.05, (WEEKS * 7, 1, 5)))).reshape(-1, 5)
    model = CountBaseline(1800, CALENDAR, 5)
    rows, whole, found = np.arange(5), np.ones(5), []
    for at, row in enumerate(counts.astype(float)):
        test = model.step(rows, T0 + at * HALF_HOUR_MS, row, whole)
        found.append((test.alarm, test.expected, test.lower))
    alarm, expected, lower = (np.array(values).reshape(WEEKS * 7, PER_DAY, 5) for values in zip(*found, strict=True))
    return alarm, expected, lower


def test_a_rush_of_every_visit_is_expected_at_its_size(judged):
    alarm, expected, lower = judged
    usual = [day(week, weekday) for week in (3, 4) for weekday in range(5)]
    assert not alarm[usual, RUSH : RUSH + 3, 0].any()
    assert expected[day(5, 0), RUSH, 0] == pytest.approx(200.0, rel=0.15)
    assert lower[day(5, 0), RUSH, 0] > 60.0
    assert expected[day(5, 5), RUSH, 0] == pytest.approx(30.0, rel=0.4)  # a class leans on all days a little


@pytest.mark.parametrize(
    ("when", "series"),
    [(day(5, 1), 0), (day(5, 3), 0), (day(5, 6), 0), (day(5, 2), 1), (day(5, 4), 4)],
    ids=["twice the usual", "stays away", "on a Sunday", "on another weekday", "on days of chance"],
)
def test_what_exceeds_or_breaks_a_routine_is_told(judged, when, series):
    assert judged[0][when, RUSH : RUSH + 2, series].any()


def test_weekdays_and_second_weeks_are_routines_too(judged):
    alarm, expected, _ = judged
    assert not alarm[day(4, 4), :, 1].any()
    assert not alarm[day(5, 4), :, 1].any()
    assert expected[day(5, 4), RUSH, 1] == pytest.approx(200.0, rel=0.2)
    assert expected[day(5, 3), RUSH, 1] == pytest.approx(30.0, rel=0.3)
    assert alarm[day(2, 5), RUSH : RUSH + 2, 2].any()  # nobody can know yet
    assert expected[day(5, 5), RUSH, 2] == pytest.approx(30.0, rel=0.3)


def test_a_closed_day_of_the_week_is_no_deficit(judged):
    alarm, expected, _ = judged
    assert not alarm[[day(4, 0), day(5, 0)], :, 3].any()
    assert expected[day(5, 0), RUSH, 3] < 3.0
    assert not alarm[[day(4, 1), day(5, 1)], :, 3].any()


def test_a_few_people_are_told_where_nights_are_empty_by_routine():
    """Twenty within twenty minutes, where one in an hour is usual: sums are looked at though residuals saturate."""
    rng, model, alarms = np.random.default_rng(3), CountBaseline(300, CALENDAR, 1), []
    for number in range(18):
        for window in range(24, 48):  # from two to four
            count = 5 if number == 17 and 36 <= window < 40 else rng.poisson(0.05)
            start = T0 + (number * 288 + window) * 300_000
            alarms.append(bool(model.step(np.arange(1), start, [float(count)], np.ones(1)).alarm[0]))
    assert not any(alarms[: 17 * 24 + 12])
    assert alarms[17 * 24 + 13]
    assert model.routine_ms[0] > 0


def test_agreement_is_what_nearly_all_visits_reached_early_or_late():
    """Ten visits, of which two had no rush and the others had it ten minutes early, in time, or late."""
    memory = Visits(300)
    memory.grow(ROW, 300)
    for number in range(10):
        shown = np.full(memory.slots, 10.0)
        if number not in {4, 7}:
            shown[50 + number % 3 - 1] = 100.0
        for slot in range(48, 53):
            memory.put(slice(0, 300), number, slot, np.full(300, shown[slot], dtype=np.float32), None)
    visits = memory.around(list(range(10)), 50, np.arange(300))
    assert visits.high.tolist() == memory.highest(list(range(10)), 50)[0].tolist()
    assert decode(agreement(visits.high).reached) == pytest.approx(np.full(300, 100.0), rel=0.03)
    assert decode(extent(visits).usual) == pytest.approx(np.full(300, 10.0), rel=0.05)
    few = agreement(memory.highest([0, 1, 2], 50)[0])
    assert not few.reached.any()  # three visits are not enough


def test_a_day_is_forgotten_eight_weeks_later_and_older_ones_are_not_taken():
    memory = Visits(1800)
    memory.grow(ROW, 1)
    row, five = slice(0, 1), np.array([5.0], dtype=np.float32)
    memory.put(row, 100, 3, five, None)
    memory.put(row, 100 - DAYS, 3, 2 * five, None)
    assert decode(memory.code[100 % DAYS, 3]) == pytest.approx([5.0], rel=0.06)
    memory.put(row, 100 + DAYS, 4, five, None)
    assert memory.code[100 % DAYS, 3].tolist() == [0]


def test_codes_are_within_a_twentieth():
    counts = np.geomspace(1.0, 2e5, 500).astype(np.float32)
    assert decode(encode(counts)) == pytest.approx(counts, rel=0.055, abs=0.06)
    assert encode(np.zeros(1, dtype=np.float32)).tolist() == [1]


def test_an_old_day_that_late_windows_change_is_looked_at_again():
    memory = Visits(1800)
    memory.grow(ROW, 1)
    row, five = slice(0, 1), np.array([5.0], dtype=np.float32)
    memory.put(row, 100, 3, five, None)
    known = memory.version
    memory.put(row, 100, 4, five, None)
    assert memory.version == known  # today makes no routine yet
    memory.put(row, 99, 3, five, None)
    assert memory.version != known


def hours(calendar: Calendar, shown: np.ndarray, seed: int) -> np.ndarray:
    """Return which hours are alarms, (days, 24, series), where (days, 24, series) are expected."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(shown * np.exp(rng.normal(0.0, 0.05, (len(shown), 1, shown.shape[2]))))
    model, rows, whole = (
        CountBaseline(3600, calendar, shown.shape[2]),
        np.arange(shown.shape[2]),
        np.ones(shown.shape[2]),
    )
    each = enumerate(counts.reshape(-1, shown.shape[2]))
    return np.array([model.step(rows, T0 + at * HOUR_MS, row, whole).alarm for at, row in each]).reshape(shown.shape)


def test_what_was_routine_may_come_back():
    days = np.arange(6 * 7)
    weekday, week = days % 7, days // 7
    mean = np.full((len(days), 24, 2), 30.0)
    # Three weeks of school, two of holidays that no calendar knows, then school again; beside it nothing of the kind.
    mean[(weekday < 5) & ((week < 3) | (week == 5)), 7, 0] += 170.0
    mean[day(5, 0), 7, 1] += 170.0
    mean[day(5, 3), 7, 0] = 600.0
    alarm = hours(CALENDAR, mean, 4)[:, 7]
    assert not alarm[[day(5, one) for one in (0, 1, 2, 4)], 0].any()
    assert alarm[day(5, 3), 0]
    assert alarm[day(5, 0), 1]


def test_what_was_routine_months_ago_is_again_after_one_visit():
    """Five weeks of school, nine of holidays that no calendar knows, and school again; and so once a fortnight."""
    rng, days = np.random.default_rng(5), np.arange(15 * 7)
    week = days // 7
    mean = np.full((len(days), 4, 3), 30.0)  # the hours from 6 to 9
    mean[(days % 7 < 5) & ((week < 5) | (week == 14)), 1, 0] = 200.0
    mean[day(14, 3), 1, 0] = 600.0
    mean[(days % 7 == 2) & (week % 2 == 0), 1, 1] = 200.0
    mean[[day(14, 0), day(14, 1)], 1, 1:] = 200.0
    counts = rng.poisson(mean * np.exp(rng.normal(0.0, 0.05, (len(days), 1, 3)))).astype(float)
    model, rows, alarm = CountBaseline(3600, CALENDAR, 3), np.arange(3), np.zeros(mean.shape, dtype=bool)
    for number, hour in np.ndindex(len(days), 4):
        start = T0 + (number * 24 + 6 + hour) * HOUR_MS
        alarm[number, hour] = model.step(rows, start, counts[number, hour], np.ones(3)).alarm
    assert alarm[[day(14, 0), day(14, 3)], 1, 0].all()  # it is back; and thrice as many
    assert not alarm[[day(14, 1), day(14, 2), day(14, 4)], 1, 0].any()
    assert alarm[[day(14, 0), day(14, 1)], 1, 1:].all()  # nothing of the kind came day after day


def test_what_all_visits_of_four_weeks_reached_is_kept_for_three_quarters_of_a_year():
    memory, row = Visits(3600), slice(0, 1)
    memory.grow(ROW, 1)
    first = CALENDAR.day_number(T0)
    for number in range(first, first + 35):
        today = CALENDAR.day(number)
        memory.put(row, number, 7, np.array([50.0 if today.weekday < 5 else 5.0], dtype=np.float32), None)
        alike = [one for one in map(CALENDAR.day, memory.before(number)) if one.day_class == today.day_class]
        memory.keep(row, today, alike, 7, None)
        if number == first + 28:  # the fifth Monday
            assert memory.once(today, 7).tolist() == [0]
    monday, saturday = CALENDAR.day(first + 98), CALENDAR.day(first + 103)
    assert decode(memory.once(monday, 7)) == pytest.approx([50.0], rel=0.06)
    assert decode(memory.once(saturday, 7)) == pytest.approx([5.0], rel=0.06)
    assert memory.once(monday, 8).tolist() == [0]
    assert memory.once(CALENDAR.day(first + 400), 7).tolist() == [0]


def test_a_day_between_feasts_is_as_a_working_day_or_as_a_rest_day():
    """The Monday before a holiday."""
    monday = day(3, 0)
    feast = date(1970, 1, 1) + timedelta(days=CALENDAR.day_number(T0) + monday + 1)
    mean = np.where(np.arange(monday + 1) % 7 < 5, 200.0, 60.0)[:, None, None] * np.ones((1, 24, 3))
    mean[monday] = [60.0, 200.0, 600.0]
    known, unknown = (
        hours(one, mean, 5)[-1].any(axis=0) for one in (Calendar("Asia/Shanghai", None, [feast]), CALENDAR)
    )
    assert known.tolist() == [False, False, True]
    assert unknown.tolist() == [True, False, True]
