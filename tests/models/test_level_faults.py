"""Faults of level sensors: stuck, a step for good, a drift; and what is none. Weeks of many kinds, in one run."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.signal import lfilter

from ingest.vocabulary import LevelState
from models.calendar import Calendar
from models.levels.level_baseline import LevelBaseline

CALENDAR = Calendar("Asia/Shanghai", "CN")
T0 = 1_772_380_800_000
"""Monday 2 March 2026, midnight in Shanghai."""
STEP = 1800
HOUR = 2
DAY = 24 * HOUR
WEEK = 7 * DAY
SIZE = 3 * WEEK + 5 * DAY
CHANGE = 2 * WEEK + 2 * DAY + 9 * HOUR
"""When something happens: a Wednesday, 9:00."""


class Lived(NamedTuple):
    """What was said of each kind's series; arrays (windows,)."""

    alarm: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    moved: dict[str, np.ndarray]

    def when(self, kind: str, state: LevelState) -> list[int]:
        return np.flatnonzero(self.state[kind] == state).tolist()


def weather(rng: np.random.Generator, sd: float, hours: float) -> np.ndarray:
    keep = np.exp(-1 / (hours * HOUR))
    noise = rng.normal(0, sd * np.sqrt(1 - keep**2), SIZE + WEEK)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise)[WEEK:])


def series() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    hour = np.arange(SIZE) / HOUR % 24
    street = 53 - 9 * np.cos((hour - 3) / 12 * np.pi) + weather(rng, 1.2, 3) + rng.normal(0, 1.5, SIZE)
    room = 21 + 2.5 * np.cos((hour - 15) / 12 * np.pi) + weather(rng, 0.8, 30)
    clean = np.round(np.abs(0.1 + rng.normal(0, 0.03, SIZE)), 3)
    rain = np.zeros(SIZE)
    for at, peak in ((9 * DAY + 15 * HOUR, 3.0), (CHANGE, 18.0)):
        rain[at : at + 5 * HOUR] += peak * np.sin(np.linspace(0, np.pi, 5 * HOUR))
    after = np.arange(SIZE) >= CHANGE
    week = np.clip((np.arange(SIZE) - CHANGE) / WEEK, 0, 1)
    stuck = clean.copy()
    stuck[CHANGE : CHANGE + DAY] = stuck[CHANGE]
    frozen = np.round(2 * room) / 2
    frozen[CHANGE : CHANGE + 3 * DAY] = frozen[CHANGE]
    pressed = (hour > 9) & (hour < 17) & (np.arange(SIZE) % WEEK // DAY < 5) & (rng.random(SIZE) < 0.7)
    keys = np.round(rng.exponential(3.0, SIZE) * pressed, 2)
    first = np.round(street + 2, 1)
    first[0] = 65_535.0
    return {
        "street": np.round(street, 1),
        "louder": np.round(street + 8 * after, 1),
        "quieter": np.round(street - 8 * after, 1),
        "drifts": np.round(2 * (room + 8 * week)) / 2,
        "sinks": np.round(room - 8 * week, 1),
        "room": np.round(2 * room) / 2,
        "underpass": np.round(rain),
        "cellar": np.round(2 * (14.2 + 0.4 * np.sin(np.arange(SIZE) * np.pi / WEEK) + rng.normal(0, 0.03, SIZE))) / 2,
        "smoke": clean,
        "stuck": stuck,
        "frozen": frozen,
        "keys": keys,
        "code first": first,
    }


@pytest.fixture(scope="module")
def lived() -> Lived:
    kinds = series()
    values = np.array(list(kinds.values())).T
    model, rows, full = LevelBaseline(STEP, CALENDAR, len(kinds)), np.arange(len(kinds)), np.ones(len(kinds))
    said = [model.step(rows, T0 + at * STEP * 1000, values[at], full) for at in range(SIZE)]

    def of(name: str) -> dict[str, np.ndarray]:
        table = np.array([getattr(test, name) for test in said])
        return {kind: table[:, at] for at, kind in enumerate(kinds)}

    return Lived(*(of(name) for name in Lived._fields))


@pytest.mark.parametrize(("kind", "by"), [("louder", 8.0), ("quieter", -8.0)])
def test_a_level_that_changes_for_good_is_an_alarm_at_once_and_one_step_a_day_later(lived: Lived, kind: str, by: float):
    assert lived.alarm[kind][CHANGE : CHANGE + 3 * HOUR].any()
    (at,) = lived.when(kind, LevelState.STEP)
    assert CHANGE + 0.9 * DAY <= at <= CHANGE + 1.5 * DAY
    assert lived.moved[kind][at] == pytest.approx(by, abs=1.5)
    assert lived.alarm[kind][at]
    assert not lived.alarm[kind][at + 1 :].any(), "the new level is usual"
    assert not lived.when(kind, LevelState.DRIFT)


@pytest.mark.parametrize(("kind", "by"), [("drifts", 8.0), ("sinks", -8.0)])
def test_eight_degrees_in_a_week_are_a_drift(lived: Lived, kind: str, by: float):
    at = lived.when(kind, LevelState.DRIFT)
    assert len(at) == 1
    assert CHANGE < at[0] <= CHANGE + WEEK + DAY
    assert np.sign(lived.moved[kind][at[0]]) == np.sign(by)
    assert not lived.when(kind, LevelState.STEP)


def test_a_detector_that_has_stuck_is_stuck_until_it_moves(lived: Lived):
    stuck = lived.when("stuck", LevelState.STUCK)
    assert stuck == list(range(CHANGE + 6 * HOUR, CHANGE + DAY))
    assert np.flatnonzero(lived.alarm["stuck"][CHANGE : CHANGE + DAY]).tolist() == [6 * HOUR], "told once"


def test_half_degrees_that_should_have_moved_with_the_day_are_stuck(lived: Lived):
    stuck = lived.when("frozen", LevelState.STUCK)
    assert CHANGE + 11 * HOUR <= stuck[0] <= CHANGE + 36 * HOUR
    assert stuck[-1] == CHANGE + 3 * DAY - 1


@pytest.mark.parametrize(
    "kind", ["street", "room", "underpass", "cellar", "smoke", "keys", "code first", "louder", "drifts"]
)
def test_what_stands_still_by_its_nature_is_not_stuck(lived: Lived, kind: str):
    assert not lived.when(kind, LevelState.STUCK)


@pytest.mark.parametrize("kind", ["street", "room", "cellar", "smoke", "code first"])
def test_ordinary_weeks_have_no_fault_and_hardly_an_alarm(lived: Lived, kind: str):
    assert not lived.when(kind, LevelState.STEP) + lived.when(kind, LevelState.DRIFT)
    alarm = np.flatnonzero(lived.alarm[kind])
    assert (np.diff(alarm, prepend=-SIZE) > HOUR).sum() <= 3


def test_rain_is_found_early_and_told_once(lived: Lived):
    alarm = np.flatnonzero(lived.alarm["underpass"][CHANGE : CHANGE + 2 * DAY])
    assert 0 < alarm[0] <= HOUR
    assert alarm[-1] < 6 * HOUR
    assert not lived.alarm["underpass"][CHANGE + 2 * DAY :].any()


def test_a_code_as_the_first_reading_does_not_spoil_the_season(lived: Lived):
    second_day = slice(DAY, 2 * DAY)
    off = lived.expected["code first"][second_day] - lived.expected["street"][second_day]
    assert np.abs(off - 2).max() < 3
