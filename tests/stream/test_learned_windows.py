"""What was learned is remembered as intervals, and never less of it than there was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.detect.learned_windows import Intervals, LearnedWindows
from tests.support import examples

HOUR = 12
"""Windows of five minutes in an hour."""


def column(*values):
    return np.array(values, dtype=np.int64)


def knows(learned: LearnedWindows, series: int, *numbers: int) -> list[bool]:
    return learned.knows(np.full(len(numbers), series), column(*numbers)).tolist()


@given(
    added=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.integers(1, 40)), max_size=25),
    gap=st.integers(0, 20),
)
@settings(max_examples=examples(40))
def test_intervals_hold_what_was_added_and_little_more(added, gap):
    intervals, numbers = Intervals(), {series: set() for series in range(4)}
    for series, low, length in added:
        intervals.add(column(series), column(low), column(low + length), gap)
        numbers[series] |= set(range(low, low + length))
    every = np.arange(-1, 400)
    for series, inside in numbers.items():
        held = set(every[intervals.holds(np.full(len(every), series), every)].tolist())
        assert inside <= held
        extra = held - inside
        assert all(any(number - step in inside for step in range(gap + 1)) for number in extra), "only gaps are filled"
        spans = intervals.of(series)
        assert all(high + gap < low for (_, high), (low, _) in pairwise(spans)), "sorted and apart"
    again = Intervals()
    again.restore(intervals.capture())
    assert again.of(0) == intervals.of(0)


def test_intervals_stay_few_whatever_comes():
    intervals = Intervals()
    rng = np.random.default_rng(1)
    for _ in range(300):
        number = rng.integers(0, 1 << 30, 5)
        intervals.add(rng.integers(0, 3, 5), number, number + 1)
    assert len(intervals) <= 64 + 16 * 3
    assert intervals.holds(column(0, 1, 2), column(-1, -1, -1)).tolist() == [False] * 3


def test_windows_learned_live_are_known_also_across_a_night_but_not_across_days():
    learned = LearnedWindows(300)
    for number in (1000, 1001, 1000 + 10 * HOUR):
        learned.live(column(0, 2), number)
    assert knows(learned, 0, 999, 1000, 1000 + 5 * HOUR, 1001 + 10 * HOUR) == [False, True, True, False]
    later = 1000 + 100 * HOUR
    learned.live(column(0), later)
    assert knows(learned, 0, 1000, 1000 + 50 * HOUR, later, later + 1) == [True, False, True, False]
    assert knows(learned, 2, 1000, later) == [True, False]
    assert knows(learned, 1, 1000) == knows(learned, 9, 1000) == knows(learned, -1, 1000) == [False]
    assert learned.spans(0)["observed"] == [(1000, 1001 + 10 * HOUR), (later, later + 1)]


def test_history_and_observations_are_told_apart():
    learned = LearnedWindows(300)
    learned.history(np.zeros(3, dtype=np.int64), column(10, 11, 12 + HOUR))
    learned.late(np.zeros(2, dtype=np.int64), column(500, 900))
    assert knows(learned, 0, 9, 10, 15, 12 + HOUR, 13 + HOUR, 500, 700, 900) == [
        False, True, True, True, False, True, False, True,
    ]  # fmt: skip
    assert learned.from_history(np.zeros(2, dtype=np.int64), column(10, 500)).tolist() == [True, False]
    assert learned.spans(0) == {"observed": [(500, 501), (900, 901)], "history": [(10, 13 + HOUR)]}


def test_the_state_comes_back():
    learned = LearnedWindows(300)
    learned.live(column(0, 3), 100)
    learned.live(column(3), 2000)
    learned.history(column(1, 1), column(5, 6))
    learned.late(column(2), column(7))
    again = LearnedWindows(300)
    again.restore(learned.capture())
    for name, values in learned.capture().arrays.items():
        assert np.array_equal(values, again.capture().arrays[name]), name
    assert [again.spans(series) for series in range(5)] == [learned.spans(series) for series in range(5)]
    empty = LearnedWindows(300)
    empty.restore(LearnedWindows(300).capture())
    assert knows(empty, 0, 1) == [False]
