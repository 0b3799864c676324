"""One suite that every estimator must pass.

Causal, deterministic, state round-trips byte for byte, missing input, zeros, huge values, one series or many the same,
no warning from numpy (pytest turns warnings into errors).
"""

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.hotspots.forecast import Forecast
from models.hotspots.near_repeats import NearRepeats
from models.levels.level_baseline import LevelBaseline
from models.rules.defaults import StateRule, ThresholdRule
from models.rules.gates import GateRules
from models.rules.hazards import HazardRules
from models.state import ROW, StateError

CALENDAR = Calendar("Asia/Shanghai", "CN")
T0 = 1_795_363_200_000
WINDOW_S = 1800


class Counts:
    """Counts of `size` series, window by window."""

    name = "counts"
    model: Any

    def __init__(self, size: int) -> None:
        self.size, self.model = size, CountBaseline(WINDOW_S, CALENDAR, size)

    def fresh(self) -> "Counts":
        return type(self)(self.size)

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        exposure = np.isfinite(values).astype(np.float64)
        test = self.model.step(rows, T0 + step * WINDOW_S * 1000, values, exposure)
        return [np.asarray(column) for column in vars(test).values()]

    per_row = True


class Levels(Counts):
    name = "levels"

    def __init__(self, size: int) -> None:
        self.size, self.model = size, LevelBaseline(WINDOW_S, CALENDAR, size)

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        test = self.model.step(rows, T0 + step * WINDOW_S * 1000, values, np.isfinite(values).astype(int))
        return [np.asarray(column) for column in vars(test).values()]


class Hazards(Counts):
    name = "hazards"
    per_row = False

    def __init__(self, size: int) -> None:
        self.size, self.model = size, HazardRules()
        for row in range(size):
            self.model.set_rule(row, ThresholdRule("noise_high", 40.0, 30.0, 1800.0))
            self.model.set_rule(row, StateRule("door_open", {"open": 3600.0}))

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        ts = np.full(len(rows), T0 + step * WINDOW_S * 1000)
        words = ["open" if value > 20 else "closed" for value in values.tolist()]
        found = self.model.levels(rows, ts, values) + self.model.states(rows, ts, words)
        return [astuple(event) for event in found + self.model.tick(int(ts[0]) + 1)]


class Gates(Counts):
    name = "gates"
    per_row = False

    def __init__(self, size: int) -> None:
        self.size, self.model = size, GateRules(learn_days=0.0)

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        ts = T0 + step * WINDOW_S * 1000 + np.arange(len(rows)) * 1000
        token = np.nan_to_num(np.minimum(values, 1e12)).astype(np.uint64)
        way, allowed = (token % 2).astype(np.int64), (token % 3).astype(np.int64) - 1
        found = self.model.passes(rows % 3, ts, way, allowed, token, np.full(len(rows), True))
        return [astuple(event) for event in found + self.model.tick(int(ts[-1]))]


class Hotspots(Counts):
    name = "hotspots"
    per_row = False

    def __init__(self, size: int) -> None:
        self.size, self.model = size, Forecast((121.40, 31.20, 121.45, 31.24), 200.0)

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        now = T0 + step * WINDOW_S * 1000
        lon, lat = 121.40 + (rows % 50) * 0.001, 31.20 + (rows % 40) * 0.001
        self.model.add(lon, lat, now, values, rows % 3)
        return [self.model.risk(now), self.model.expected(now, now + 3_600_000), self.model.drivers(np.arange(9), now)]


class Incidents(Counts):
    name = "incidents"
    per_row = False

    def __init__(self, size: int) -> None:
        self.size, self.model = size, NearRepeats()

    def feed(self, step: int, rows: np.ndarray, values: np.ndarray) -> Any:
        now = T0 + step * WINDOW_S * 1000
        found = [self.model.add("burglary", 121.4 + 0.001 * (int(row) % 9), 31.2, now) for row in rows[:5]]
        return [astuple(series) for series in found if series is not None]


ESTIMATORS = [Counts, Levels, Hazards, Gates, Hotspots, Incidents]
every = pytest.mark.parametrize("make", ESTIMATORS, ids=lambda cls: cls.name)


def stream(size: int, steps: int, seed: int = 3) -> np.ndarray:
    """Readings with a season, gaps, zeros and a few huge values: (steps, size)."""
    rng = np.random.default_rng(seed)
    phase = np.arange(steps)[:, None] * WINDOW_S / 86_400 * 2 * np.pi
    values = rng.poisson(15 * np.exp(0.8 * np.sin(phase + np.arange(size)))).astype(np.float64)
    values[rng.random(values.shape) < 0.03] = np.nan
    values[rng.random(values.shape) < 0.02] = 0.0
    values[rng.random(values.shape) < 0.002] = 1e12
    return values


def same(a: Any, b: Any) -> bool:
    """Equality down to the last bit (NaN equals NaN)."""
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(a == b or (a != a and b != b))  # noqa: PLR0124 - NaN


@every
def test_same_input_gives_the_same_output(make: type[Counts]) -> None:
    values, rows = stream(5, 120), np.arange(5)
    one, two = make(5), make(5)
    for step in range(len(values)):
        assert same(one.feed(step, rows, values[step]), two.feed(step, rows, values[step]))


@every
def test_what_comes_later_changes_nothing_before(make: type[Counts]) -> None:
    values, rows = stream(4, 120), np.arange(4)
    other = values.copy()
    other[80:] = 7.0
    one, two = make(4), make(4)
    for step in range(80):
        assert same(one.feed(step, rows, values[step]), two.feed(step, rows, other[step]))


@every
def test_state_survives_byte_for_byte(make: type[Counts]) -> None:
    values, rows = stream(6, 140), np.arange(6)
    model = make(6)
    for step in range(100):
        model.feed(step, rows, values[step])
    saved = model.model.capture()
    again = model.fresh()
    again.model.restore(saved)
    restored = again.model.capture()
    assert (list(saved.arrays), saved.values) == (list(restored.arrays), restored.values)
    for name, array in saved.arrays.items():
        assert array.dtype == restored.arrays[name].dtype, name
        assert array.shape == restored.arrays[name].shape, name
        assert array.tobytes() == restored.arrays[name].tobytes(), name
    for step in range(100, 140):
        assert same(model.feed(step, rows, values[step]), again.feed(step, rows, values[step]))


@every
def test_a_state_that_does_not_fit_is_named(make: type[Counts]) -> None:
    model = make(3)
    model.feed(0, np.arange(3), np.array([1.0, 2.0, 3.0]))
    saved = model.model.capture()
    fields: tuple[dict[str, Any], ...] = (saved.arrays, saved.values)
    for held in fields:
        for name in list(held):
            left = held.pop(name)
            with pytest.raises(StateError, match=f"{name!r} is missing"):
                model.fresh().model.restore(saved)
            held[name] = left


@every
@pytest.mark.parametrize("value", [0.0, np.nan, 1e12, -5.0, 1e308, np.inf])
def test_odd_values_do_no_harm(make: type[Counts], value: float) -> None:
    model, rows = make(3), np.arange(3)
    for step in range(60):
        model.feed(step, rows, np.full(3, value))
    out = model.feed(60, rows, np.array([3.0, 4.0, 5.0]))
    if model.per_row:
        assert np.isfinite(out[0]).all()


@pytest.mark.parametrize("make", [Counts, Levels], ids=lambda cls: cls.name)
def test_one_series_or_many_is_the_same(make: type[Counts]) -> None:
    values = stream(1, 150)
    alone, crowd = make(1), make(300)
    everyone = np.arange(300)
    for step in range(len(values)):
        one = alone.feed(step, np.array([0]), values[step])
        many = crowd.feed(step, everyone, np.repeat(values[step], 300))
        for a, b in zip(one, many, strict=True):
            np.testing.assert_allclose(b.astype(float), np.repeat(a, 300, axis=0).astype(float), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [Counts, Levels], ids=lambda cls: cls.name)
def test_rows_in_any_order_and_number_are_the_same(make: type[Counts]) -> None:
    values = stream(7, 100)
    whole, parts = make(7), make(7)
    shuffled, rest = np.array([5, 0, 3]), np.array([6, 1, 2, 4])
    for step in range(len(values)):
        all_at_once = whole.feed(step, np.arange(7), values[step])
        first, second = parts.feed(step, shuffled, values[step][shuffled]), parts.feed(step, rest, values[step][rest])
        for a, b, c in zip(all_at_once, first, second, strict=True):
            np.testing.assert_allclose(b.astype(float), a[shuffled].astype(float), rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(c.astype(float), a[rest].astype(float), rtol=1e-9, atol=1e-9)


def test_kinds_learn_the_same_however_the_windows_were_handed_over() -> None:
    values, groups = stream(8, 160), np.array([0, 0, 1, 1, 0, -1, 1, 0])
    at_once, in_parts = Counts(8).model, Counts(8).model
    at_once.set_kinds(np.arange(8), groups)
    in_parts.set_kinds(np.arange(8), groups)
    parts = [np.array([7, 1, 4]), np.array([0, 2]), np.array([6, 5, 3])]
    history = T0 - (np.arange(96) + 1) * WINDOW_S * 1000
    for model, rows in ((at_once, [np.arange(8)]), (in_parts, parts)):
        for some in rows:
            total = np.tile(np.nan_to_num(values[0]), (96, 1))[:, some]
            model.amend(np.tile(some, 96), np.repeat(history, len(some)), total.ravel(), np.ones(total.size))
    for step in range(len(values)):
        start, seen = T0 + step * WINDOW_S * 1000, np.isfinite(values[step]).astype(float)
        whole = at_once.step(np.arange(8), start, values[step], seen)
        for some in parts:
            part = in_parts.step(some, start, values[step][some], seen[some])
            for name, column in vars(part).items():
                np.testing.assert_allclose(column, getattr(whole, name)[some], rtol=1e-4, atol=1e-5, err_msg=name)
    kinds = {name: values for name, values in at_once.capture().arrays.items() if "/kinds/" in name}
    assert kinds["rates/kinds/shown"].any()
    for name, array in in_parts.capture().arrays.items():
        if name in kinds:
            np.testing.assert_allclose(array, kinds[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("make", [Counts, Levels], ids=lambda cls: cls.name)
def test_missing_windows_change_nothing(make: type[Counts]) -> None:
    model = make(2)
    for step in range(100):
        model.feed(step, np.arange(2), np.array([10.0, 12.0]) + step % 3)
    before = model.model.capture().arrays
    out = model.feed(100, np.arange(2), np.array([np.nan, np.nan]))
    after = model.model.capture().arrays
    assert not out[6].any()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


@pytest.mark.parametrize("make", [Counts, Levels], ids=lambda cls: cls.name)
def test_growing_keeps_what_was_learned(make: type[Counts]) -> None:
    values = stream(2, 120)
    steady, growing = make(2), make(2)
    for step in range(len(values)):
        if step == 60:
            growing.model.grow(ROW, 5000)
        a, b = steady.feed(step, np.arange(2), values[step]), growing.feed(step, np.arange(2), values[step])
        assert same(a, b)
