"""Level baselines: tails, alarms, and faults of the sensor told apart from what it measures."""

import numpy as np
import pytest

from models.calendar import Calendar
from models.levels.level_baseline import LevelBaseline
from models.state import State

CALENDAR = Calendar("Asia/Shanghai", "CN")
T0 = 1_795_363_200_000
STEP = 1800
DAY = 48
"""Windows."""


def usual(step: int, rng: np.random.Generator, size: int) -> np.ndarray:
    return 55 + 8 * np.sin(2 * np.pi * step / DAY) + rng.standard_t(6, size) * 1.5


SIZE, BEGIN = 40, 14 * DAY


@pytest.fixture(scope="module")
def learned() -> State:
    """What a model knows after a fortnight."""
    model, rng = LevelBaseline(STEP, CALENDAR, SIZE), np.random.default_rng(0)
    for step in range(BEGIN):
        model.step(np.arange(SIZE), T0 + step * STEP * 1000, usual(step, rng, SIZE), np.ones(SIZE))
    return model.capture()


@pytest.fixture
def model(learned: State) -> LevelBaseline:
    again = LevelBaseline(STEP, CALENDAR)
    again.restore(learned)
    return again


def test_tails_are_right_for_heavy_noise_and_alarms_rare(model: LevelBaseline):
    rng, tails, alarms = np.random.default_rng(1), [], 0
    for step in range(BEGIN, BEGIN + 7 * DAY):
        test = model.step(np.arange(SIZE), T0 + step * STEP * 1000, usual(step, rng, SIZE), np.ones(SIZE))
        tails.append(test.p_upper)
        alarms += int(test.alarm.sum())
    p = np.concatenate(tails)
    assert (p < 0.5).mean() == pytest.approx(0.5, abs=0.05)
    assert (p < 0.1).mean() == pytest.approx(0.1, abs=0.04)
    assert (p < 0.01).mean() < 0.03
    assert alarms / SIZE <= 1.0


def test_a_loud_night_is_an_alarm_with_an_onset(model: LevelBaseline):
    at = T0 + BEGIN * STEP * 1000
    x = usual(BEGIN, np.random.default_rng(1), 3)
    test = model.step(np.arange(3), at, x + np.array([40, 0, -40]), np.ones(3))
    assert test.alarm.tolist() == [True, False, True]
    assert test.state.tolist() == [1, 0, 2]
    assert test.onset_ms.tolist() == [at, 0, at]


def test_a_stuck_sensor_is_stuck_and_not_an_alarm(model: LevelBaseline):
    states = []
    for step in range(BEGIN, BEGIN + 20):
        test = model.step([0], T0 + step * STEP * 1000, [55.0], [1])
        states.append(bool(test.stuck[0]))
    assert not any(states[:10])
    assert states[-1]
    assert test.state[0] == 3


def test_backfill_gives_a_baseline():
    rng = np.random.default_rng(1)
    model = LevelBaseline(STEP, CALENDAR, 1)
    steps = np.arange(14 * DAY)
    values = np.array([usual(step, rng, 1)[0] for step in steps.tolist()])
    model.amend(np.zeros(len(steps), dtype=int), T0 + steps * STEP * 1000, values, np.ones(len(steps)))
    noon = T0 + (14 * DAY + DAY // 4) * STEP * 1000
    test = model.step([0], noon, [55.0 + 8], [1])
    assert test.expected[0] == pytest.approx(63.0, abs=2.5)
    assert test.state[0] == 0


def test_history_with_codes_teaches_what_it_teaches_without():
    steps, rng = np.arange(7 * DAY), np.random.default_rng(1)
    values = np.array([usual(step, rng, 1)[0] for step in steps.tolist()])
    spoilt = np.where(steps % 5 == 0, -999.0, values)
    expected = []
    for one in (values, spoilt):
        model = LevelBaseline(STEP, CALENDAR, 1)
        model.amend(np.zeros(len(steps), dtype=int), T0 + steps * STEP * 1000, one, np.ones(len(steps)))
        expected.append(model.step([0], T0 + 7 * DAY * STEP * 1000, [55.0], [1]).expected[0])
    assert expected[1] == pytest.approx(expected[0], abs=1.0)


def test_a_series_does_not_begin_with_codes():
    model = LevelBaseline(STEP, CALENDAR, 1)
    for step, value in enumerate([-127.0] * 6 + [21.0, 21.5] * 10):
        test = model.step([0], T0 + step * STEP * 1000, [value], [1])
    assert test.expected[0] == pytest.approx(21.2, abs=0.5)


@pytest.mark.parametrize("code", [65_535.0, -999.0, -1.0])
def test_a_code_of_a_known_series_is_passed_by(model: LevelBaseline, code: float):
    before = model.capture().arrays
    test = model.step([0], T0 + BEGIN * STEP * 1000, [code], [1])
    assert not test.alarm[0]
    after = model.capture().arrays
    assert all(np.array_equal(before[path], after[path], equal_nan=True) for path in before)
