"""A person's word that how it is now is usual: the baseline of counts moves to the last days at once."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.vocabulary import HiddenState
from models.baselines.count_state import believe
from models.baselines.counts import CountBaseline
from models.calendar import Calendar

WINDOW = 1800
STEP = WINDOW * 1000
DAY = 86_400_000
MONDAY = 1_793_577_600_000
"""2026-11-02, midnight in UTC."""


def usual(start_ms: int) -> float:
    """A street: busy by day, and on Saturdays half as much."""
    hour = start_ms % DAY / 3_600_000
    saturday = (start_ms // DAY + 3) % 7 == 5
    return (4.0 + 40.0 * np.exp(-(((hour - 13) / 4) ** 2))) * (0.5 if saturday else 1.0)


def lived(until_ms: int, change, since_ms: int, series: int = 2) -> tuple[CountBaseline, np.random.Generator]:
    rng = np.random.default_rng(5)
    model = CountBaseline(WINDOW, Calendar("UTC"), series)
    rows, whole = np.arange(series), np.ones(series)
    for start in range(MONDAY, until_ms, STEP):
        mean = np.full(series, usual(start))
        if start >= since_ms:
            mean[0] = change(start)
        model.step(rows, start, rng.poisson(mean), whole)
    return model, rng


@pytest.mark.parametrize(("factor", "later_h"), [(3.0, 0), (0.3, 0), (1.0, 8)])
def test_what_is_counted_since_then_is_usual_at_once_and_nobody_elses_changes(factor, later_h):
    """Times and heights of a camera that was turned, three days later: over a Saturday, which has not come since."""

    def change(start):
        return usual(start + later_h * 3_600_000) * factor

    changed, now = MONDAY + 15 * DAY, MONDAY + 17 * DAY + 12 * 3_600_000
    model, rng = lived(now, change, changed)
    doubter = CountBaseline(WINDOW, model.calendar, 2)
    doubter.restore(model.capture())
    assert believe(model, 0, changed, now, model.calendar)
    off, alarms = [], 0
    for start in range(now, now + 3 * DAY, STEP):
        mean = np.array([change(start), usual(start)])
        count = rng.poisson(mean)
        found, other = (one.step(np.arange(2), start, count, np.ones(2)) for one in (model, doubter))
        off.append([*np.abs(np.log(found.expected / mean)), *np.abs(np.log(other.expected / mean))])
        alarms += int(found.alarm[0])
        assert found.state[0] != HiddenState.YOUNG
        assert found.expected[1] == other.expected[1]
    mine, neighbour, doubted, _ = np.median(off, axis=0)
    assert alarms == 0
    assert mine < max(0.25, 2 * neighbour)
    if later_h:
        assert doubted > 2 * mine


def test_a_street_where_nobody_was_shows_what_is_counted_now():
    changed, now = MONDAY + 15 * DAY, MONDAY + 17 * DAY
    model, _ = lived(now, lambda _start: 30.0, changed, series=1)
    model.rates.fine[0] *= 0.001
    model.rates.coarse[0] *= 0.001
    model.rates.overall[0] *= 0.001
    assert believe(model, 0, changed, now, model.calendar)
    found = model.test([0], now, [30.0], [1.0])
    assert found.expected[0] == pytest.approx(30.0, rel=0.25)


def test_where_nothing_was_counted_since_then_nothing_is_believed():
    now = MONDAY + 3 * DAY
    model, _ = lived(now, usual, now)
    before = model.capture()
    assert not believe(model, 0, now, now, model.calendar)
    after = model.capture()
    assert all(np.array_equal(before.arrays[name], after.arrays[name], equal_nan=True) for name in before.arrays)
