"""Staffing: what is asked for when, and the fewest officer-hours that serve it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.backtests.staffing_backtest import staffing
from models.patrols.staffing import (
    HOLIDAY,
    LoadForecast,
    Shift,
    ShiftRules,
    cover,
    equal_shifts,
    served,
    there_of,
)

DAY = np.r_[np.full(7, 0.5), np.full(12, 1.5), np.full(5, 4.0)]
"""Officer-hours asked for by hour: quiet nights, busy evenings."""


def _weeks(days: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.gamma(8.0, DAY[None, :, None] / 8.0 / 2, (days, 24, 2)), np.arange(days) % 7


def test_forecast_is_the_mean_of_the_kind_of_day_and_leans_on_days_like_it():
    load, kinds = _weeks(70)
    load[kinds == 4, 20:] *= 2.0
    forecast = LoadForecast(load, kinds)
    assert forecast.of(np.array([4]))[0, 21].sum() == pytest.approx(8.0, rel=0.25)
    assert forecast.of(np.array([1]))[0, 21].sum() == pytest.approx(4.0, rel=0.2)
    # There was no holiday yet: it is taken for a day of a weekend.
    assert forecast.of(np.array([HOLIDAY]))[0, 10].sum() == pytest.approx(1.5, rel=0.2)
    assert np.mean(forecast.ratios) == pytest.approx(1.0, abs=0.05)


def test_forecast_skips_what_is_unknown_and_refuses_what_has_no_day():
    load, kinds = _weeks(28)
    load[:14] = np.nan
    assert LoadForecast(load, kinds).of(kinds[:7]).sum(axis=2).mean() == pytest.approx(DAY.mean(), rel=0.15)
    with pytest.raises(ValueError, match=r"\(0, 24, 2\) for 0 days, expected \(days, 24, beats\)"):
        LoadForecast(load[:0], kinds[:0])


def test_fewer_hours_serve_as_much_as_equal_shifts():
    likely = np.tile(DAY, 7)[:, None] * np.linspace(0.6, 1.4, 9)
    equal = equal_shifts(likely, 3, 0, ShiftRules())
    plan = cover(likely, equal.served, ShiftRules())
    assert plan.served >= equal.served
    assert equal.officer_hours == 3 * 24 * 7
    assert plan.bound <= plan.officer_hours <= 0.9 * equal.officer_hours
    assert len({one.begin % 24 for one in plan.shifts}) <= 5


def test_small_case_is_as_cheap_as_trying_all():
    """One day, two hours of beginning, up to three officers each: the best of all 4^2 is known."""
    rules = ShiftRules(lengths_h=(12,), starts_h=(0, 12), least=0)
    likely = np.r_[np.full(12, 1.2), np.full(12, 2.4)][:, None]
    best = {}
    for a, b in itertools.product(range(4), repeat=2):
        problem = [Shift(begin, 12, n, ((begin + 5, n),)) for begin, n in ((0, a), (12, b)) if n]
        best[a, b] = served(likely, there_of(problem, np.zeros(24)))
    for share in (0.5, 0.8, 0.9):
        cheapest = min(a + b for (a, b), got in best.items() if got >= share)
        assert cover(likely, share, rules).officer_hours == 12 * cheapest


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.floats(0, 6), min_size=24, max_size=24),
    st.floats(0.3, 0.97),
    st.integers(0, 2),
    st.sampled_from([(8,), (6, 8, 10), (12,)]),
)
def test_plans_keep_the_rules(day: list[float], share: float, least: int, lengths: tuple[int, ...]):
    rules = ShiftRules(lengths_h=lengths, most_starts=4, least=least)
    likely = np.tile(np.array(day), 2)[:, None]
    plan = cover(likely, share, rules)
    assert plan.served >= share - 1e-6
    there = np.zeros(48)
    for one in plan.shifts:
        assert one.length_h in lengths
        assert one.officers > 0
        there[one.begin : one.begin + one.length_h] += one.officers
        inside = [hour for hour, _ in one.breaks]
        assert all(one.begin < hour < one.begin + one.length_h - 1 for hour in inside)
        if one.begin + one.length_h <= 48:
            assert sum(n for _, n in one.breaks) == one.officers
    starts = {one.begin % 24 for one in plan.shifts}
    first = min(starts, default=0)
    assert len(starts) <= 4
    assert (there[first:] >= least).all()
    assert (plan.there <= there).all()


def test_hours_that_no_shift_reaches_are_named():
    with pytest.raises(ValueError, match=r"shifts of \[8\] hours that begin at \[6, 14\] o'clock leave hours"):
        cover(np.ones((48, 1)), 0.5, ShiftRules(starts_h=(6, 14)))


def test_backtest_plans_each_week_from_earlier_ones_only():
    load, kinds = _weeks(36)
    score = staffing(load, kinds, 3, ShiftRules(), learn_weeks=4)
    assert score.equal_hours == 3 * 24 * 7
    assert score.hours <= 0.9 * score.equal_hours
    assert score.share >= score.equal_share - 0.04
    other = load.copy()
    other[35:] *= 10.0  # after the last planned week
    assert staffing(other, kinds, 3, ShiftRules(), learn_weeks=4) == score
