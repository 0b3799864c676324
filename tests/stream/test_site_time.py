"""The site's time under clocks that step: it goes on, and follows only what somebody else confirms."""

import random
from functools import partial

import numpy as np
import pytest

from stream.windows.site_time import SiteTime, Votes
from tests.stream.build import NOON

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


class Station:
    """A gateway that ticks each second, and devices with clocks of their own that report each five seconds."""

    def __init__(self, devices=6):
        self.time, self.true_ms, self.ahead_ms = SiteTime(), NOON, 0
        self.skews = dict.fromkeys(range(devices), 0)
        self.backs, self.worst_ms = 0, 0

    def run(self, seconds, *, ahead_ms=None, talking=True, away=False):
        if ahead_ms is not None:
            self.ahead_ms = ahead_ms
        for _ in range(seconds):
            self.true_ms += SECOND
            devices = np.array(list(self.skews) if talking and self.true_ms % (5 * SECOND) == 0 else [], dtype=np.int64)
            newest = np.array([self.true_ms - self.skews[device] for device in devices.tolist()], dtype=np.int64)
            votes = Votes(devices, newest, np.zeros(len(devices), dtype=np.int64))
            self.backs += self.time.read(self.true_ms + self.ahead_ms, away=away, votes=partial(Votes, *votes))
            self.worst_ms = max(self.worst_ms, abs(self.time.now_ms - self.true_ms))
        return self

    def gone(self, ms):
        self.true_ms += ms
        return self

    def error_ms(self):
        return self.time.now_ms - self.true_ms


@pytest.fixture
def station():
    made = Station().run(120)
    assert (made.error_ms(), made.time.sure) == (0, True)
    return made


@pytest.mark.parametrize("ahead", [-2 * HOUR, -9 * MINUTE, -DAY, 400 * DAY, 50 * MINUTE, 8 * HOUR, -40 * 365 * DAY])
@pytest.mark.parametrize("seconds", [4, 60, 900])
def test_a_clock_that_steps_and_is_put_right_moves_nothing(station, ahead, seconds):
    listened = station.time.listened_ms
    station.run(seconds, ahead_ms=ahead)
    if not 0 < ahead <= HOUR:  # which could be an absence, until the devices speak
        assert (station.worst_ms <= SECOND, station.time.sure) == (True, False)
    station.run(60, ahead_ms=0)
    assert (abs(station.error_ms()) <= SECOND, station.time.sure) == (True, True)
    assert station.time.listened_ms - listened >= (seconds + 60 - 20) * SECOND


@pytest.mark.parametrize("ahead", [8 * HOUR, -DAY, 400 * DAY])
def test_no_device_speaks_while_the_clock_is_wrong(station, ahead):
    station.run(240, ahead_ms=ahead, talking=False).run(60, ahead_ms=0, talking=False)
    assert max(station.worst_ms, abs(station.error_ms())) <= SECOND


@pytest.mark.parametrize("gap", [20 * SECOND, 10 * MINUTE, 5 * HOUR, 30 * DAY])
def test_an_absence_is_believed_and_nothing_was_heard_meanwhile(station, gap):
    listened = station.time.listened_ms
    station.gone(gap).run(30)
    assert (station.error_ms(), station.time.sure) == (0, True)
    assert station.time.listened_ms - listened <= 31 * SECOND


def test_a_long_absence_is_believed_without_devices_after_a_while(station):
    station.gone(5 * HOUR).run(540, talking=False)
    assert abs(station.error_ms() + 5 * HOUR) <= SECOND
    station.run(120, talking=False)
    assert (station.error_ms(), station.time.sure) == (0, True)


def test_the_backlog_of_a_long_absence_shows_that_time_has_passed(station):
    """What the broker has kept begins with words of the time at which the node went."""
    went_ms, time = station.true_ms, station.time
    station.gone(5 * HOUR)
    for step in range(10):
        newest = np.full(6, went_ms + step * MINUTE)
        votes = Votes(np.arange(6), newest, np.zeros(6, dtype=np.int64))
        time.read(station.true_ms + step, votes=partial(Votes, *votes))
    assert time.now_ms == station.true_ms + 9


def test_a_site_that_begins_with_a_slow_clock_follows_it_when_it_is_put_right():
    station = Station().run(120, ahead_ms=-2 * HOUR)
    assert not station.time.sure
    station.run(10, ahead_ms=0)
    assert (station.error_ms(), station.time.sure, station.backs) == (0, True, 0)


def test_a_site_that_begins_years_ahead_is_put_back_once():
    station = Station().run(120, ahead_ms=200 * DAY).run(10, ahead_ms=0)
    assert (station.error_ms(), station.time.sure, station.backs) == (0, True, 1)


def test_two_gateways_with_clocks_apart_are_told_apart(station):
    time = station.time
    for second in range(600):
        station.run(1)
        assert not time.read(station.true_ms - 2 * MINUTE)
        assert abs(station.error_ms()) <= 3 * SECOND
        assert time.listened_ms >= (second - 20) * SECOND


def test_time_without_a_connection_is_not_listened_to(station):
    listened = station.time.listened_ms
    station.run(600, away=True, talking=False)
    assert station.time.listened_ms == listened
    assert station.error_ms() == 0
    station.run(10)
    assert station.time.listened_ms - listened <= 10 * SECOND


def test_one_device_of_six_that_agrees_with_a_wrong_clock_is_not_believed(station):
    station.skews[0] = -8 * HOUR
    station.run(300, ahead_ms=8 * HOUR)
    assert abs(station.error_ms()) <= SECOND


@pytest.mark.parametrize("seed", range(20))
def test_clocks_that_step_at_random(seed):
    """The gateway's clock steps every few minutes; two of six devices' clocks are wrong, too."""
    rng = random.Random(seed)
    station = Station().run(120)
    station.skews |= {0: rng.randrange(-DAY, DAY), 1: rng.randrange(-DAY, DAY)}
    for _ in range(12):
        ahead = rng.choice([0, rng.randrange(-2 * DAY, 2 * DAY), rng.randrange(-10 * MINUTE, 10 * MINUTE), 400 * DAY])
        station.run(rng.randrange(2, 400), ahead_ms=ahead)
    station.run(60, ahead_ms=0)
    assert (abs(station.error_ms()) <= 12 * SECOND, station.time.sure) == (True, True)
    # Longer than the least step that can be an absence is never believed, and that only until the devices speak.
    assert station.worst_ms <= HOUR
