"""Level baselines: tails, alarms, and faults of the sensor told apart from what it measures."""

import numpy as np
import pytest

from models.calendar import Calendar
from models.levels.level_baseline import LevelBaseline

CALENDAR = Calendar("Asia/Shanghai", "CN")
T0 = 1_795_363_200_000
STEP = 900


def usual(step: int, rng: np.random.Generator, size: int) -> np.ndarray:
    return 55 + 8 * np.sin(2 * np.pi * step / 96) + rng.standard_t(6, size) * 1.5


def watched(size: int, days: int, seed: int = 0) -> tuple[LevelBaseline, np.random.Generator, int]:
    model, rng = LevelBaseline(STEP, CALENDAR, size), np.random.default_rng(seed)
    for step in range(days * 96):
        x = usual(step, rng, size)
        model.step(np.arange(size), T0 + step * STEP * 1000, x, np.ones(size))
    return model, rng, days * 96


def test_tails_are_right_for_heavy_noise_and_alarms_rare():
    size = 40
    model, rng, begin = watched(size, 14)
    tails, alarms = [], 0
    for step in range(begin, begin + 7 * 96):
        x = usual(step, rng, size)
        test = model.step(np.arange(size), T0 + step * STEP * 1000, x, np.ones(size))
        tails.append(test.p_upper)
        alarms += int(test.alarm.sum())
    p = np.concatenate(tails)
    assert (p < 0.5).mean() == pytest.approx(0.5, abs=0.05)
    assert (p < 0.1).mean() == pytest.approx(0.1, abs=0.04)
    assert (p < 0.01).mean() < 0.03
    assert alarms / size <= 1.2


def test_a_loud_night_is_an_alarm_with_an_onset():
    model, rng, begin = watched(3, 21)
    at = T0 + begin * STEP * 1000
    x = usual(begin, rng, 3)
    test = model.step(np.arange(3), at, x + np.array([40, 0, -40]), np.ones(3))
    assert test.alarm.tolist() == [True, False, True]
    assert test.state.tolist() == [1, 0, 2]
    assert test.onset_ms.tolist() == [at, 0, at]


def test_a_stuck_sensor_is_stuck_and_not_an_alarm():
    model, _, begin = watched(1, 14)
    states = []
    for step in range(begin, begin + 40):
        test = model.step([0], T0 + step * STEP * 1000, [55.0], [1])
        states.append(bool(test.stuck[0]))
    assert not any(states[:20])
    assert states[-1]
    assert test.state[0] == 3


def test_backfill_gives_a_baseline():
    rng = np.random.default_rng(1)
    model = LevelBaseline(STEP, CALENDAR, 1)
    steps = np.arange(14 * 96)
    values = np.array([usual(step, rng, 1)[0] for step in steps.tolist()])
    model.amend(np.zeros(len(steps), dtype=int), T0 + steps * STEP * 1000, values, np.ones(len(steps)))
    noon = T0 + (14 * 96 + 24) * STEP * 1000
    test = model.step([0], noon, [55.0 + 8], [1])
    assert test.expected[0] == pytest.approx(63.0, abs=2.5)
    assert test.state[0] == 0
