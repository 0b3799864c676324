"""The backtest of plans: what is covered is counted once, calls take officers away, and a guesser is no magician."""

from functools import partialmethod

import numpy as np
import pytest

from models.backtests.hotspot_backtest import DAY_MS, IncidentFile
from models.backtests.patrol_backtest import patrols
from models.backtests.patrol_guesser import SeenStop, guess_next, guess_places
from models.backtests.patrol_rules import Called, Hottest, Told
from models.patrols.ground import simple_ground
from models.patrols.search import LEAST, PlanSearch
from tests.models.test_patrol_plan import CENTRE, town


@pytest.fixture(scope="module")
def report():
    luck = np.random.default_rng(0)
    many = 400
    ts = np.sort(luck.integers(0, 40 * DAY_MS, many))
    hot = CENTRE + np.array([[0.0, 0.0], [0.012, 0.01], [-0.013, 0.008]])
    where = np.where(luck.random((many, 1)) < 0.7, hot[luck.integers(0, 3, many)], CENTRE) + luck.normal(
        0, 0.004, (many, 2)
    )
    grid = np.stack(np.meshgrid(np.arange(-9, 10), np.arange(-9, 10)), -1).reshape(-1, 2) * 0.0026 + CENTRE
    few = partialmethod(PlanSearch.near_best, many=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlanSearch, "near_best", few)  # fifty take seconds
        file = IncidentFile(ts, where[:, 0], where[:, 1], (grid[:, 0], grid[:, 1]), 39 * DAY_MS)
        return patrols(file, officers=1, effort_s=0.01, places=5, checks=0)


def test_every_way_patrols_the_same_shifts(report):
    assert report.shifts == 3
    assert {len(score.covered) for score in report.scores.values()} == {3}
    assert all(stops > 0 for score in report.scores.values() for stops in score.stops)
    ratio, low, high = report.ratio("plan", "rounds")
    assert 1.0 < low <= ratio <= high
    assert all(hit <= report.incidents for score in report.scores.values() for hit in score.hit)


def test_the_cost_of_drawing_is_told(report):
    assert len(report.cost) == 3
    assert all(-1e-9 <= cost <= 1 - LEAST + 1e-9 for cost in report.cost)
    assert report.guesses(guess_places).made == 0


def test_a_call_takes_the_officer_away_and_brings_him_back_elsewhere():
    told = Told(1, 240, 12, CENTRE)
    call = Called(0, 50, 120, 121.475, 31.233)
    without, with_call = (told.run(Hottest(town()), calls) for calls in ([], [call]))
    assert any(50 < begin < 120 for _, _, begin, _ in without)
    assert not any(end > 50 and begin < 120 for _, _, begin, end in with_call)
    assert any(begin >= 120 for _, _, begin, _ in with_call)


def test_who_follows_a_fixed_round_learns_it():
    places = [0, 1, 2, 3, 4, 5]
    fixed = [[SeenStop(0, places[(at + day) % 6], 40 * at) for at in range(12)] for day in range(40)]
    assert guess_next(fixed).by_order == guess_next(fixed).made
    assert guess_next(fixed).ratio > 2
    assert guess_places(fixed).ratio > 1.2


def test_nobody_learns_from_stops_at_random():
    luck = np.random.default_rng(0)
    loose = [[SeenStop(0, int(luck.integers(6)), 40 * at) for at in range(12)] for _ in range(120)]
    assert guess_places(loose).ratio < 1.2
    assert guess_next(loose).ratio < 1.2


def test_hottest_first_goes_to_the_hottest():
    ground = simple_ground(np.array([[1.0], [3.0], [2.0]]), CENTRE + np.array([[0, 0], [0.01, 0], [0, 0.01]]))
    first = Told(1, 60, 12, CENTRE).run(Hottest(ground), [])[0]
    assert first[0] == pytest.approx(121.48)
