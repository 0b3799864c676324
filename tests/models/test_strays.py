"""Bursts hour after hour, at whatever minutes, are ordinary; a lone rush, and what lasts, are no such rhythm."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from models.baselines.counts import CountBaseline
from models.baselines.rebin import rebin_counts
from models.baselines.routines.strays import Strays
from models.calendar import Calendar
from models.state import ROW
from tests.models.traffic import T0

CALENDAR = Calendar("Asia/Shanghai")
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
BURST, BLOCK, CALM = (8.0, 5.0, 4.0, 3.5), (8.0, 10.0, 12.0, 12.0), (1.0, 1.0, 1.0, 1.0)
"""What single windows and longer sums stray by: in a burst, in a rush that lasts, and usually."""


def usual(hours: range, what=BURST, missing: tuple[int, ...] = (), today: int = 14, at: int = 10) -> np.ndarray:
    """Return what is usual at an hour of a day (0 is a Monday) after days with such hours, but for those missing."""
    strays = Strays(300, 4)
    strays.grow(ROW, 2)
    first = CALENDAR.day_number(T0)
    for day in range(today):
        for hour in range(24):
            strayed = what if hour in hours and day not in missing else CALM
            residuals = np.array([[z, 1.0] for z in strayed], dtype=np.float32)
            strays.put(slice(0, 2), (first + day, hour * 3600), residuals, None)
    found = strays.usual(slice(0, 2), CALENDAR, T0 + today * DAY_MS + at * HOUR_MS)
    usually = np.zeros(2)
    if found is not None:
        usually[found.rows] = found.residuals[0]
    return usually


def test_it_begins_on_a_monday():
    assert CALENDAR.day(CALENDAR.day_number(T0)).weekday == 0
    assert CALENDAR.instant(T0)[1] == 0


@pytest.mark.parametrize("at", [6, 14, 21])
def test_what_every_hour_of_most_days_strayed_by_is_usual(at):
    burst, calm = usual(range(6, 22), missing=(3,), at=at)
    assert 6.0 < burst < 8.0  # a little less than the largest: chance is reckoned with apart
    assert calm == 0.0


@pytest.mark.parametrize(
    ("hours", "what", "missing", "at"),
    [
        (range(7, 9), BURST, (), 7),
        (range(6, 22), BLOCK, (), 10),
        (range(6, 22), BURST, (7, 8, 9), 10),
        (range(6, 22), BURST, (), 2),
    ],
    ids=["a lone rush", "what lasts", "not on three of the last ten days", "the night"],
)
def test_what_is_no_rhythm_is_not(hours, what, missing, at):
    assert usual(hours, what, missing, at=at).tolist() == [0.0, 0.0]


def test_a_saturday_goes_by_all_days_if_the_last_two_were_alike():
    assert usual(range(6, 22), today=19)[0] > 6.0
    assert usual(range(6, 22), today=19, missing=(5, 12))[0] == 0.0


def test_longer_windows_have_no_bursts_and_remember_none():
    strays = Strays(1800, 4)
    strays.grow(ROW, 3)
    strays.put(slice(0, 3), (20_000, 36_000), np.ones((4, 3), dtype=np.float32), None)
    assert strays.code.size == 0
    assert strays.usual(slice(0, 3), CALENDAR, T0) is None


def test_a_burst_is_ordinary_where_bursts_come_and_one_far_larger_is_told():
    model = CountBaseline(300, CALENDAR, 2)
    for sums in (model.rates.fine, model.rates.coarse, model.rates.overall):
        sums[0], sums[1:] = 100_000.0, 10_000.0  # ten a window, at all times
    first = CALENDAR.day_number(T0)
    for day in range(14):
        for hour in range(6, 22):
            # the first one's bursts are of about fifty
            residuals = np.array([[z, 1.0] for z in BURST], dtype=np.float32)
            model.strays.put(slice(0, 2), (first + day, hour * 3600), residuals, None)
    now, both = T0 + 14 * DAY_MS + 10 * HOUR_MS, np.arange(2)
    found = model.test(both, now, [50.0, 50.0], [1.0, 1.0])
    assert found.alarm.tolist() == [False, True]
    assert found.upper[0] > 50.0 > found.upper[1]  # what people see, too
    assert model.test(both, now, [400.0, 10.0], [1.0, 1.0]).alarm.tolist() == [True, False]
    assert model.test(both, now - 8 * HOUR_MS, [50.0, 10.0], [1.0, 1.0]).alarm.tolist() == [True, False]


def test_for_windows_of_another_length_nothing_is_remembered():
    model = CountBaseline(900, CALENDAR, 1)
    found = rebin_counts(model.capture(), 900, 300)
    later = CountBaseline(300, CALENDAR)
    later.restore(found)
    assert later.strays.code.shape == (16, 24, 4, 1)


def test_days_are_local_and_a_calendar_that_changes_is_asked_again():
    strays = Strays(300, 4)
    strays.grow(ROW, 1)
    calendar = Calendar("Asia/Shanghai")
    first = calendar.day_number(T0)
    for day in range(14):
        for hour in range(24):
            strays.put(slice(0, 1), (first + day, hour * 3600), np.array(BURST, dtype=np.float32)[:, None], None)
    now = T0 + 14 * DAY_MS + 10 * HOUR_MS
    assert strays.usual(slice(0, 1), calendar, now) is not None
    today = date(1970, 1, 1).toordinal() + first + 14
    other = Calendar("Asia/Shanghai", extra_holidays=[date.fromordinal(today)])
    other.edition = calendar.edition + 1
    assert strays.usual(slice(0, 1), other, now) is None  # nothing is known of holidays
