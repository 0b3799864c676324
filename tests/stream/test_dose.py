"""What patrols find because they were sent there must not send them there again and again (Ensign et al. 2018)."""

import numpy as np
import pytest

from models.state import State
from stream.patrol.dose import Dose

DAY_MS = 86_400_000
APART = 0.02
"""Degrees between two places: far beyond what a stop covers."""
PLACES = 12
POINTS = np.column_stack([np.arange(PLACES) * APART, np.zeros(PLACES)])


def months_of_patrol(*, guard: bool, seed: int, days: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """Patrols go where the map is hottest, and find more where they go; returns true and believed shares by place.

    A tenth of the stops is drawn at random. People report little, everywhere alike.
    """
    draw = np.random.default_rng(seed)
    true = draw.permutation(np.linspace(0.15, 0.45, PLACES))
    dose, believed = Dose(28.0), np.full(PLACES, 1.0)
    for day in range(days):
        now_ms = day * DAY_MS
        believed *= 2 ** (-1 / 60)
        believed += draw.poisson(0.01, PLACES)
        hottest = np.argsort(-believed, kind="stable")[:3]
        for stop in range(10):
            place = int(draw.integers(PLACES) if stop < 1 else hottest[stop % 3])
            found = draw.random() < true[place]
            share = dose.share(place * APART, 0.0, now_ms, POINTS)
            dose.add(f"b{place}", place * APART, 0.0, now_ms, 12.0)
            if found:
                believed[place] += 1.0 - share if guard and share is not None else 1.0
    return true / true.sum(), believed / believed.sum()


def test_the_map_runs_away_without_the_guard_and_not_with_it():
    true, wild = months_of_patrol(guard=False, seed=1)
    _, calm = months_of_patrol(guard=True, seed=1)
    assert wild[np.argsort(-wild)[:3]].sum() > 0.8, "three places have nearly all of the map, whatever the truth"
    assert np.abs(calm - true).sum() < 0.5 * np.abs(wild - true).sum()
    assert calm.max() < 2 * true.max()


def test_two_regions_are_weighed_as_published():
    dose = Dose(28.0)
    for _ in range(3):
        dose.add("a", 0.0, 0.0, 0, 10.0)
    dose.add("b", APART, 0.0, 0, 10.0)
    assert dose.share(0.0, 0.0, 0, POINTS[:2]) == pytest.approx(0.75)
    assert dose.share(APART, 0.0, 0, POINTS[:2]) == pytest.approx(0.25)


def test_older_minutes_count_less_and_nobody_anywhere_says_nothing():
    dose = Dose(28.0)
    assert dose.share(0.0, 0.0, 0, POINTS) is None
    dose.add("a", 0.0, 0.0, 0, 10.0)
    dose.add("b", APART, 0.0, 28 * DAY_MS, 10.0)
    assert dose.share(0.0, 0.0, 28 * DAY_MS, POINTS[:2]) == pytest.approx(1 / 3)
    assert dose.share(5 * APART, 0.0, 28 * DAY_MS, POINTS[:2]) == 0.0
    assert dose.by_beat(28 * DAY_MS)["a"][0] == pytest.approx(5.0)
    assert dose.by_beat(28 * DAY_MS)["b"] == pytest.approx((10.0, 0.0))


def test_what_came_late_counts_as_old_and_a_state_goes_on():
    dose, late = Dose(28.0), Dose(28.0)
    dose.add("a", 0.0, 0.0, 0, 8.0)
    dose.reported("b", 28 * DAY_MS)
    late.reported("b", 28 * DAY_MS)
    late.add("a", 0.0, 0.0, 0, 8.0)
    assert dose.by_beat(28 * DAY_MS) == late.by_beat(28 * DAY_MS) == {"a": (4.0, 0.0), "b": (0.0, 1.0)}
    again = Dose(28.0)
    state = dose.capture()
    again.restore(State(state.values, state.arrays))
    assert again.by_beat(56 * DAY_MS) == dose.by_beat(56 * DAY_MS)
