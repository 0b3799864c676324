"""Plans of patrols: what any plan keeps to, whatever made it."""

from functools import partialmethod

import numpy as np
import pytest
from numpy.typing import NDArray

from models.backtests.patrol_guesser import SeenStop, guess_next
from models.patrols.bound import optimum, upper_bound
from models.patrols.draw import weights
from models.patrols.ground import Ground, choose_places, simple_ground
from models.patrols.plan import Committed, Minimum, Officer, Plan, Stop, plan
from models.patrols.search import LEAST, PlanSearch
from models.patrols.task import Visit, make_task
from models.patrols.travel import straight_minutes

CENTRE = np.array([121.47, 31.23])


def town(*, places: int = 12, periods: int = 4, seed: int = 0) -> Ground:
    """A few square kilometres with places of very different risk, two beats: west and east."""
    luck = np.random.default_rng(seed)
    lonlat = CENTRE + luck.uniform(-0.015, 0.015, (places, 2))
    risk = luck.gamma(0.5, 0.02, (places, 1)) * luck.gamma(4.0, 0.25, (places, periods))
    return simple_ground(risk, lonlat, (lonlat[:, 0] > CENTRE[0]).astype(np.int64))


def officer(name: str = "a", begin: int = 0, end: int = 240, away: tuple[tuple[int, int], ...] = ()) -> Officer:
    return Officer(name, begin, end, 121.47, 31.23, away)


def check(made: Plan, ground: Ground, officers: list[Officer]) -> None:
    """Nobody is in two places, moves faster than allowed, or works in a break or off duty."""
    for who in officers:
        place, free = (who.lon, who.lat), who.begin_min
        for stop in (one for one in made.stops if one.officer == who.id):
            points = np.array([place, (stop.lon, stop.lat)])
            way = int(straight_minutes(points)[0, 1])
            gaps = [free, *(end for _, end in who.away if free <= end <= stop.arrive_min)]
            ends = [stop.arrive_min, *(begin for begin, _ in who.away if free <= begin <= stop.arrive_min)]
            assert any(
                end - begin >= way and not any(a < end and begin < b for a, b in who.away)
                for begin in gaps
                for end in ends
            ), (stop, place, free)
            assert stop.leave_min <= who.end_min
            assert not any(a < stop.leave_min and stop.arrive_min < b for a, b in who.away)
            place, free = (stop.lon, stop.lat), stop.leave_min
    assert len({stop.id for stop in made.stops}) == len(made.stops)
    assert made.covered <= ground.risk.sum() * (1 + 1e-9)


@pytest.mark.parametrize("solver", ["greedy", "best"])
@pytest.mark.parametrize("seed", range(3))
def test_a_plan_keeps_breaks_promises_and_ways(solver, seed):
    ground = town(seed=seed)
    officers = [officer("a", away=((60, 90),)), officer("b", 30, 200), officer("c", 0, 240, ((100, 130), (180, 190)))]
    school = Committed("school", 121.475, 31.233, 95, 20)
    made = plan(ground, officers, committed=[school], solver=solver, effort_s=0.02)
    check(made, ground, officers)
    kept = [stop for stop in made.stops if stop.kind == "committed"]
    assert [(stop.arrive_min, stop.leave_min, stop.candidate) for stop in kept] == [(95, 115, -1)]
    assert made.missed == ()
    again = plan(ground, officers, committed=[school], solver=solver, effort_s=0.02)
    assert again == made


def test_search_covers_at_least_what_greedy_does():
    ground, officers = town(), [officer("a"), officer("b")]
    greedy, best = (plan(ground, officers, solver=solver, effort_s=0.05) for solver in ("greedy", "best"))
    assert (greedy.solver, best.solver) == ("greedy", "search")
    assert best.covered >= greedy.covered


def test_minima_are_met_or_named():
    luck = np.random.default_rng(1)
    lonlat = CENTRE + np.column_stack([np.linspace(-0.015, 0.015, 8), np.zeros(8)])
    risk = np.where(np.arange(8) < 4, 1.0, 0.0)[:, None] * luck.uniform(1, 2, (8, 4))
    ground = simple_ground(risk, lonlat, (np.arange(8) >= 4).astype(np.int64))
    made = plan(ground, [officer()], minima=[Minimum(1, 30)], effort_s=0.02)
    east = [stop for stop in made.stops if stop.candidate >= 4]
    assert len(east) == 3
    assert {stop.kind for stop in east} == {"minimum"}
    assert made.unmet == ()
    short = plan(ground, [officer(end=30)], minima=[Minimum(1, 30)], effort_s=0.02)
    assert short.unmet == (1,)


def test_a_promise_nobody_can_keep_is_named():
    far = Committed("far", 122.5, 31.23, 10, 10)
    night = Committed("night", 121.47, 31.23, 300, 10)
    other = Committed("other", 121.47, 31.23, 100, 10, officer="z")
    made = plan(town(), [officer()], committed=[far, night, other], effort_s=0.02)
    assert sorted(made.missed) == ["far", "night", "other"]


def test_what_stands_first_among_promises_is_kept():
    school = Committed("school", 121.48, 31.24, 120, 15)
    before, after = (Committed(name, 121.46, 31.22, begin, 12) for name, begin in (("before", 105), ("after", 137)))
    made = plan(town(), [officer()], committed=[school, before, after], effort_s=0.02)
    assert sorted(made.missed) == ["after", "before"]
    check(made, town(), [officer()])
    made = plan(town(), [officer()], committed=[before, school, after], effort_s=0.02)
    assert sorted(made.missed) == ["school"]


def test_what_was_done_counts_when_it_is_planned_again():
    ground = simple_ground(np.array([[1.0, 1.0], [0.4, 0.4]]), CENTRE + np.array([[0, 0], [0.004, 0]]))
    done = Stop("x", "b", 0, 121.47, 31.23, 20, 32, "risk")
    made = plan(ground, [officer("a", 40, 60)], kept=[done], effort_s=0.02)
    assert [(stop.candidate, stop.arrive_min) for stop in made.stops] == [(1, 48)]
    # Late enough to hold until the end.
    # The first place until an hour after the stop that was done, the second for an hour on either side of its own.
    assert made.covered == pytest.approx(92 / 60 + 0.4 * 120 / 60)


def test_places_are_chosen_so_that_what_they_share_counts_once():
    side = np.arange(6) * 250.0 / 111_320
    lonlat = CENTRE + np.stack(np.meshgrid(side / np.cos(np.radians(31.23)), side), axis=-1).reshape(-1, 2)
    risk = np.zeros((36, 2))
    risk[14] = 1.0
    risk[15] = 0.9
    risk[0] = 0.1
    ground = choose_places(lonlat, risk, 250.0, places=3, explore=2, seed=5)
    assert ground.cell[0] in (14, 15)
    assert ground.risk.sum() <= risk.sum() + 1e-9
    assert ground.explore.sum() == 2
    assert not ground.explore[:-2].any()
    # All of its own cell, and the nearest third of the next.
    assert ground.place_risk[0].tolist() == pytest.approx([1.3, 1.3])


@pytest.mark.parametrize(
    ("officers", "stop_min", "words"),
    [
        ([officer(), officer()], 12, "each once"),
        ([officer(begin=10, end=5)], 12, "before it begins"),
        ([officer()], 0, "0 minutes"),
    ],
)
def test_nonsense_is_refused(officers, stop_min, words):
    with pytest.raises(ValueError, match=words):
        plan(town(), officers, stop_min=stop_min)


def test_nobody_and_nowhere_is_a_plan_without_stops():
    nowhere = simple_ground(np.zeros((0, 4)), np.zeros((0, 2)))
    assert plan(nowhere, [officer()], effort_s=0.02).stops == ()
    assert plan(town(), [], effort_s=0.02).stops == ()


def test_a_drawn_plan_costs_little_and_can_be_drawn_again():
    ground, officers = town(places=6, periods=2), [officer("a", end=80)]
    draws = [plan(ground, officers, effort_s=0.02, draw_seed=seed) for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len({made.stops for made in draws}) > 1
    for made in draws:
        check(made, ground, officers)
        assert made.best is not None
        assert made.covered >= LEAST * made.best - 1e-9


def test_plans_are_drawn_so_that_places_keep_their_visits():
    often, rarely = [Visit(0, 0, 0)] * 3, [Visit(0, 1, 0)] * 3
    found = weights([often, rarely, often, rarely], 2)
    assert found.sum() == pytest.approx(1)
    assert found[0] == 0  # the first is the best plan, which would be the same every day
    assert found[2] > 1 / 3 > found[1] > 0  # its places are visited more
    assert weights([often] * 4, 2).tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    assert weights([often], 2).tolist() == [1]


def test_who_has_watched_past_plans_knows_no_more_of_the_next_stop(monkeypatch):
    monkeypatch.setattr(PlanSearch, "near_best", partialmethod(PlanSearch.near_best, many=3))
    ground, officers = town(places=10, seed=3), [officer(end=180)]
    known: dict[bool, list[Plan]] = {False: [], True: []}
    for learns, made in known.items():
        for seed in range(16):
            watched = [one.stops for one in made[-8:]] if learns else []
            made.append(plan(ground, officers, effort_s=0, draw_seed=seed, watched=watched))
    alone, told = (
        guess_next([[SeenStop(ord(s.officer), s.candidate, s.arrive_min) for s in one.stops] for one in made], 8)
        for made in known.values()
    )
    assert told.by_order <= 1.2 * told.by_visits
    assert told.by_order < 0.75 * alone.by_order
    assert all(one.best and one.covered >= LEAST * one.best - 1e-9 for one in known[True])


def test_the_search_comes_near_what_highs_proves_to_be_the_best():
    luck = np.random.default_rng(3)
    lonlat = CENTRE + luck.uniform(-0.02, 0.02, (4, 2))
    ground = simple_ground(luck.gamma(0.7, 1, (4, 1)) * luck.gamma(4, 0.25, (4, 2)), lonlat)

    def ways(points: NDArray[np.float64]) -> NDArray[np.int64]:
        return -(-straight_minutes(points) // 6) * 6

    officers = [officer(end=84)]
    made = plan(ground, officers, travel=ways, effort_s=0.1)
    task = make_task(ground, officers, [], [], [], 12, ways)
    best, proved = optimum(task, 6)
    assert best == pytest.approx(proved)
    assert 0.9 * best <= made.covered <= best + 1e-9
    assert best - 1e-9 <= upper_bound(task, made.covered, 20) <= ground.risk.sum() + 1e-9


def test_officers_with_nothing_more_to_cover_are_still_seen():
    lonlat = CENTRE + np.array([[0, 0], [0.004, 0], [0, 0.004]])
    ground = simple_ground(np.ones((3, 4)), lonlat)
    made = plan(ground, [officer("a"), officer("b")], effort_s=0.02)
    check(made, ground, [officer("a"), officer("b")])
    assert made.covered == pytest.approx(12)
    assert len(made.stops) > 12  # six would cover everything
