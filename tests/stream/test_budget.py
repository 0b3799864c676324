"""The alert budget makes alarms fewer, never more; a wild day does not blind the next; what is held is counted."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alerts.budget import BINS, STEP, AlertBudget, Noted
from tests.stream.build import NOON
from tests.support import examples

DAY = 86_400_000
ZONE = ZoneInfo("Asia/Shanghai")


def lived(per_day, days):
    """A budget that has seen some days, each a list of surprises, and stands at the noon after them."""
    budget = AlertBudget(per_day, ZONE)
    for number, surprises in enumerate(days):
        budget.roll(NOON + number * DAY)
        for surprise in surprises:
            budget.note(Noted(), surprise)
    budget.roll(NOON + len(days) * DAY)
    return budget


def told(budget, surprise):
    return budget.note(Noted(), surprise)


def threshold(budget):
    return budget.state().threshold


def test_quiet_days_leave_the_models_as_they_are_shipped():
    assert threshold(lived(3, [[5.1, 6.0], [9.0], []] * 5)) == 0.0


def test_too_many_findings_a_day_raise_the_threshold_until_the_budget_is_kept():
    day = [5.0 + 0.5 * number for number in range(10)]
    budget = lived(3, [day] * 10)
    assert threshold(budget) == 8.25
    assert [surprise for surprise in day if told(budget, surprise)] == [8.5, 9.0, 9.5]
    state = budget.state()
    assert (state.per_day, state.raised, state.held, state.day) == (3, 3, 7, "2026-12-03")


def test_without_a_budget_everything_is_told():
    assert threshold(lived(0, [[5.0] * 500] * 10)) == 0.0


def test_a_flood_does_not_blind_the_days_after_it():
    fair = [20.0] * 1000
    assert threshold(lived(3, [[6.0]] * 7 + [fair])) == 0.0
    assert threshold(lived(3, [[6.0]] * 7 + [fair] * 2)) == 0.0
    assert threshold(lived(3, [fair])) == 0.0
    assert threshold(lived(3, [fair] * 10)) > 20.0


def test_what_was_is_forgotten():
    noisy = [[8.0] * 10] * 14
    assert threshold(lived(3, noisy)) > 8.0
    assert threshold(lived(3, noisy + [[]] * 8)) == 0.0


def test_a_finding_counts_once_with_its_highest_surprise_and_is_told_when_it_rises():
    budget = lived(2, [[9.0] * 8] * 8)
    noted = Noted()
    assert [budget.note(noted, surprise) for surprise in (5.0, 7.0, 6.0, 9.5, 5.0)] == [False, False, False, True, True]
    state = budget.state()
    assert (state.raised, state.held) == (1, 0)
    assert int(budget.capture().arrays["counts"].sum()) == 8 * 8 + 1


def test_what_goes_on_over_midnight_counts_where_it_began():
    budget = lived(1, [[]])
    noted = Noted()
    budget.note(noted, 5.0)
    budget.roll(NOON + 2 * DAY)
    assert budget.note(noted, 7.0)
    counts, days = (budget.capture().arrays[name] for name in ("counts", "days"))
    assert int(counts[days == days.max()].sum()) == 0
    assert counts[days == days.max() - 1].nonzero()[1].tolist() == [int(7.0 / STEP)]


def test_what_nothing_explains_is_always_told():
    budget = lived(1, [[500.0] * 50] * 10)
    assert threshold(budget) == (BINS - 1) * STEP
    assert told(budget, 500.0)
    assert told(budget, float("inf"))
    assert not told(budget, float("nan"))
    assert not told(budget, -1.0)


def test_a_clock_that_ran_ahead_and_was_put_right_leaves_no_days_to_come():
    budget = lived(2, [[9.0] * 8] * 8)
    budget.roll(NOON + 400 * DAY)
    told(budget, 9.0)
    assert threshold(budget) == 0.0
    budget.roll(NOON + 9 * DAY)
    assert budget.state().day == "2026-12-02"
    state = budget.capture()
    assert int(state.arrays["days"].max()) == state.get("today")


@settings(max_examples=examples(30))
@given(
    st.lists(st.lists(st.floats(0, 120), max_size=12), min_size=1, max_size=20),
    st.integers(1, 6),
    st.integers(0, 20),
)
def test_goes_on_from_its_state_and_never_tells_more_than_the_models_do(days, per_day, cut):
    whole = lived(per_day, days)
    first = lived(per_day, days[:cut])
    second = AlertBudget(per_day, ZONE)
    second.restore(first.capture())
    for number, surprises in enumerate(days[cut:], len(days[:cut])):
        second.roll(NOON + number * DAY)
        for surprise in surprises:
            second.note(Noted(), surprise)
    second.roll(NOON + len(days) * DAY)
    assert second.state() == whole.state()
    counts = whole.capture().arrays["counts"]
    assert (second.capture().arrays["counts"] == counts).all()
    assert counts.min() >= 0
    assert threshold(whole) >= 0.0
