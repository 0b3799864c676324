"""Bars of level series: one of any shape is told of about once a week, what is stranger is told still, and once."""

import numpy as np

from models.levels.level_bars import THRESHOLD, LevelBars
from models.state import ROW

HOUR_MS = 3_600_000
DAY, WEEK = 24, 168
AT = np.zeros(1, np.intp)


class Watched:
    """Bars of one series with a window an hour."""

    def __init__(self) -> None:
        self.bars, self.now_ms, self.strange_ms = LevelBars(3600), 10**12, np.zeros(1, np.int64)
        self.bars.grow(ROW, 1)

    def hour(self, window: float = 0.0, run: float = 0.0) -> bool:
        """Return whether an hour with these surprises is an alarm."""
        self.now_ms += HOUR_MS
        _, alarm = self.bars.judge(AT, np.array([[window], [run]]), self.strange_ms, self.now_ms)
        if max(window, run) >= THRESHOLD:
            self.strange_ms[0] = self.now_ms
        return bool(alarm[0])

    def live(self, surprises: np.ndarray) -> int:
        """Return how many alarms windows of these surprises are."""
        return sum(self.hour(one) for one in surprises.tolist())


def strange(rng: np.random.Generator, weeks: int, a_week: float, excess: float) -> np.ndarray:
    """Return hours of which so many a week are strange, by so much over the threshold on average."""
    size = weeks * WEEK
    over = rng.random(size) < a_week / WEEK
    return np.where(over, THRESHOLD + rng.exponential(excess, size), 1.0)


def test_a_series_of_any_shape_is_told_of_once_a_week_at_most():
    rng, weeks, shapes = np.random.default_rng(5), 8, [(3, 0.5), (3, 6.0), (12, 0.5), (12, 3.0), (40, 1.0)]
    each = np.array([strange(rng, 2 + weeks, *shape) for shape in shapes for _ in range(4)]).T
    bars, strange_ms, rows = LevelBars(3600), np.zeros(each.shape[1], np.int64), np.arange(each.shape[1])
    bars.grow(ROW, len(rows))
    alarms = np.zeros(len(rows))
    for at, row in enumerate(each):
        _, alarm = bars.judge(rows, np.stack([row, row]), strange_ms, at * HOUR_MS)
        strange_ms[row >= THRESHOLD] = at * HOUR_MS
        alarms += alarm & (at >= 2 * WEEK)
    a_week = alarms.reshape(len(shapes), -1).mean(axis=1) / weeks
    assert ((a_week > 0.1) & (a_week <= 1.0)).all(), a_week


def test_a_quiet_series_has_no_bar_and_the_exact_threshold():
    one = Watched()
    one.live(np.ones(3 * WEEK))
    assert not one.hour(THRESHOLD - 0.01)
    assert one.hour(THRESHOLD + 0.01)


def test_what_is_far_stranger_is_told_of_a_restless_series_too():
    one, rng = Watched(), np.random.default_rng(1)
    one.live(strange(rng, 4, 12, 0.5))
    one.live(np.ones(3))
    assert not one.hour(THRESHOLD + 0.3)
    one.live(np.ones(3))
    assert one.hour(THRESHOLD + 5)


def test_spikes_raise_the_bar_of_spikes_and_not_of_what_lasts():
    one, rng = Watched(), np.random.default_rng(2)
    one.live(strange(rng, 4, 20, 2.0))
    one.live(np.ones(3))
    assert not one.hour(window=THRESHOLD + 1)
    one.live(np.ones(3))
    assert one.hour(window=THRESHOLD + 1, run=THRESHOLD + 1)


def test_an_episode_is_told_early_and_once_and_again_where_it_is_stranger():
    one = Watched()
    one.live(np.ones(DAY))
    assert [one.hour(5) for _ in range(DAY)] == [True] * 4 + [False] * (DAY - 4)
    assert one.hour(8)


def test_a_lasting_change_that_was_named_does_not_raise_the_bar():
    one, other = Watched(), Watched()
    for _ in range(6):
        for watched in (one, other):
            watched.live(np.ones(2 * DAY))
            watched.hour(9)
        one.bars.forgive(AT)
    for watched in (one, other):
        watched.live(np.ones(DAY))
    assert one.hour(THRESHOLD + 0.2)
    assert not other.hour(THRESHOLD + 0.2)
