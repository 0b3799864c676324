"""Habits over feasts and clock changes: eight odd days teach no Sundays, and a rush stays at its hour on the wall."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.baselines.counts import CountBaseline
from models.calendar import REST, Calendar
from tests.models.traffic import T0, Neighbourhood, warm


@pytest.mark.parametrize("left", [0.15, 2.5])
def test_a_festival_does_not_spoil_the_sundays_after_it(left: float):
    """Eight days off from the fifth Monday on, in which a street is nearly empty, or has a fair."""
    monday = date(2026, 12, 21)
    calendar = Calendar("Asia/Shanghai", None, [monday + timedelta(days=n) for n in range(8)])
    place = Neighbourhood(8, window_s=7200, mean=240.0)
    place.calendar = calendar
    model = warm(CountBaseline(7200, calendar, 8), place, days=28)
    expected, alarms = [], 0
    for step in range(28 * 12, 65 * 12):
        start = T0 + step * 7_200_000
        day = calendar.day(calendar.day_number(start))
        count = place.count(start) * (left if day.holiday else 1.0)
        test = model.step(np.arange(8), start, np.rint(count), np.ones(8))
        if not day.holiday:
            alarms += int(test.alarm.sum())
            if day.day_class == REST:
                expected.append(test.expected / place.mean(start))
    assert len(expected) == 4 * 12
    assert np.median(expected, axis=1) == pytest.approx(np.ones(4 * 12), abs=0.25)
    assert alarms <= 1


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_a_clock_change_does_not_shift_a_habit(change: str):
    """A rush at eight by the clock on the wall, in a country that changes its clocks, is at eight afterwards, too."""
    calendar, rng = Calendar("Europe/Berlin", None), np.random.default_rng(4)
    zone, sunday = ZoneInfo("Europe/Berlin"), datetime.fromisoformat(change)
    begin, end = (round((sunday + timedelta(days=day)).replace(tzinfo=zone).timestamp() * 1000) for day in (-27, 6))
    model, rows, alarms, rush = CountBaseline(3600, calendar, 4), np.arange(4), 0, []
    for start in range(begin, end, 3_600_000):
        _, second = calendar.instant(start)
        test = model.step(rows, start, rng.poisson(400 if second == 8 * 3600 else 40, 4), np.ones(4))
        if start >= round(sunday.replace(tzinfo=zone).timestamp() * 1000):
            alarms += int(test.alarm.sum())
            if second == 8 * 3600:
                rush.append(test.expected)
    assert alarms == 0
    assert len(rush) == 6
    assert np.mean(rush) == pytest.approx(400, rel=0.1)
