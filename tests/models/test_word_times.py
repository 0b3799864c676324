"""When a word was said: within what receipt and order leave possible, by its device's clock."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.word_times import Arrival, WordClock, latest_times

SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
NOON = 1_795_406_400_000


def say(clock: WordClock, ts: int, received: int, seen: int = 0) -> int:
    return clock.when(ts, received, received, seen)[0]


def test_a_delayed_word_of_a_right_clock_was_said_when_it_says():
    clock = WordClock()
    assert say(clock, NOON, NOON) == NOON
    assert say(clock, NOON + HOUR, NOON + HOUR + 400 * SECOND) == NOON + HOUR


@pytest.mark.parametrize("ahead", [90 * SECOND, HOUR, 400 * DAY])
def test_a_fast_clock_is_known_at_once_and_believed_again_when_it_is_put_right(ahead):
    clock = WordClock()
    assert say(clock, NOON + ahead, NOON) == NOON
    assert say(clock, NOON + HOUR, NOON + HOUR + SECOND) == NOON + HOUR
    assert clock.shift == 0


@pytest.mark.parametrize("behind", [60 * SECOND, HOUR, 8 * HOUR, 20 * DAY])
def test_the_same_delay_twice_is_a_slow_clock_and_moves_what_began_before(behind):
    clock = WordClock()
    assert say(clock, NOON - behind, NOON) == NOON - behind
    at, moved = clock.when(NOON + HOUR - behind, NOON + HOUR, NOON + HOUR, NOON - behind)
    assert (at, moved) == (NOON + HOUR, behind)
    assert say(clock, NOON + 2 * HOUR, NOON + 2 * HOUR, at) == NOON + 2 * HOUR  # put right


def test_an_unset_clock_is_never_believed():
    clock = WordClock()
    assert say(clock, 5_000, NOON) == NOON
    assert say(clock, 65_000, NOON + 60_000, NOON) == NOON + 60_000


def test_two_words_of_one_outage_are_no_slow_clock():
    clock = WordClock()
    assert say(clock, NOON, NOON + HOUR) == NOON
    assert clock.when(NOON + SECOND, NOON + HOUR, NOON + HOUR, NOON) == (NOON + SECOND, 0)


@given(st.integers(-DAY, 400 * DAY), st.lists(st.integers(0, HOUR), min_size=1, max_size=8))
def test_what_one_boot_said_in_one_batch_keeps_its_distances(off, steps):
    ts = NOON + off + np.cumsum(steps)
    rows = np.zeros(len(ts), dtype=np.int64)
    received = np.full(len(ts), NOON)
    latest = latest_times(rows, rows, ts, received)
    assert latest[-1] == NOON
    assert np.array_equal(np.diff(latest), np.diff(ts))


def test_what_another_boot_said_bounds_nothing():
    rows, boot = np.zeros(3, dtype=np.int64), np.array([0, 1, 0])
    latest = latest_times(rows, boot, np.array([10, 90_000, 30]), np.full(3, NOON))
    assert latest == [NOON - 20, NOON, NOON]


def test_some_of_the_receipts_are_those_of_some_words():
    column = np.arange(4)
    how = Arrival(column, column + 10, column % 2 == 0, column - 5, column > 2)
    some = how.where(np.array([True, False, False, True]))
    assert [one.tolist() for one in some] == [[0, 3], [10, 13], [True, False], [-5, -2], [False, True]]
