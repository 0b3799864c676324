"""The stops of a shift: where each officer stands, and when, so that the most risk is covered."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.patrols.draw import draw
from models.patrols.filling import fill
from models.patrols.ground import REACH_M, Ground
from models.patrols.search import PlanSearch
from models.patrols.shift import Committed, Minimum, Officer, Plan, Stop
from models.patrols.task import Task, Visit, make_task
from models.patrols.travel import Travel, flat, straight_minutes

__all__ = ["Committed", "Minimum", "Officer", "Plan", "Stop", "plan"]

STOP_MIN: Final = 12
"""Koper (1995): 10 to 15 minutes keep a place quiet for longest after the officer has left."""


def plan(
    ground: Ground,
    officers: Sequence[Officer],
    *,
    committed: Sequence[Committed] = (),
    minima: Sequence[Minimum] = (),
    kept: Sequence[Stop] = (),
    watched: Sequence[Sequence[Stop]] = (),
    stop_min: int = STOP_MIN,
    travel: Travel = straight_minutes,
    seed: int = 0,
    effort_s: float = 2.0,
    solver: str = "best",
    draw_seed: int | None = None,
) -> Plan:
    """Make the plan of a shift, or of the rest of one. Pure: the same arguments give the same plan on any machine.

    Parameters
    ----------
    ground
        Places and risks; its first period begins at minute 0.
    officers
        Who is there from when until when. To plan again from now, `begin_min` is now (or when the stop under way
        ends) and the place is where the officer is (or that stop), while minute 0 stays the shift's begin.
    committed
        Promised stops that are still to come; where two cannot both be kept, the first in the list is.
    minima
        At least so many minutes for a beat; met before risk counts, or named in `Plan.unmet`.
    kept
        Stops done or under way: what they cover is covered, what they count towards a minimum counts. They are not in
        the plan that is returned.
    watched
        Plans of such shifts before, which somebody may have watched: with `draw_seed` officers go other ways.
    stop_min
        Length of a stop.
    travel
        Minutes between points: `straight_minutes`, or `street_travel(...)`.
    seed
        Where equal choices fall.
    effort_s
        Seconds of one core that the search may take, about: it is turned into a number of rounds, never timed.
    solver
        ``best``, or ``greedy`` for the first step alone.
    draw_seed
        Makes the plan unpredictable: one of some that cover at least 94 % of the best is drawn with this seed,
        which nobody must know beforehand. None: the best plan that was found.

    Raises
    ------
    ValueError
        For an officer whose duty ends before it begins, two of one name, or a stop of no length.
    """
    task = make_task(ground, officers, committed, minima, kept, stop_min, travel)
    visits = greedy(task)
    if solver == "greedy":
        return told(task, fill(task, visits), solver)
    search = PlanSearch(task, seed)
    visits = search.best(visits, effort_s)
    made = told(task, fill(task, visits), "search")
    if draw_seed is None:
        return made
    luck = np.random.default_rng(draw_seed)
    search = PlanSearch(task, int(luck.integers(1 << 62)))
    seen = _ways(task, watched)
    chosen = draw(search.near_best(visits, seen), task.places, luck)
    drawn = told(task, fill(task, chosen, luck, seen), "search")
    return msgspec.structs.replace(drawn, best=made.covered)


def greedy(task: Task) -> list[Visit]:
    """Return a plan made forward in time: whoever is free first goes where most is covered a minute with the way."""
    cover, needs = task.cover(), task.needs.copy()
    visits: list[Visit] = []
    state = [task.start(number) for number in range(len(task.officers))] if task.places else []
    while state and not all(where.ended for where in state):
        number = min(range(len(state)), key=lambda at: (state[at].ended, state[at].minute, at))
        where = state[number]
        arrive, possible = task.reachable(number, where)
        if not possible.any():
            state[number] = task.skip(number, where)
            continue
        gain = cover.gains(arrive) + task.bonus(needs)
        best = int(np.argmax(np.where(possible, gain / (arrive + task.stop_min - where.minute), -1.0)))
        visits.append(Visit(number, best, int(arrive[best])))
        cover.add(best, visits[-1].arrive)
        needs = np.maximum(needs - task.member[best], 0)
        state[number] = task.after(where, visits[-1])
    return visits


def _ways(task: Task, watched: Sequence[Sequence[Stop]]) -> NDArray[np.int64]:
    """Return how often officers went from candidate to candidate, (candidates, candidates).

    A stop stands for the candidate nearest to it, within `REACH_M`.
    """
    found = np.zeros((task.places, task.places), dtype=np.int64)
    stops = [(number, stop) for number, made in enumerate(watched) for stop in made]
    if not task.places or not stops:
        return found
    base = task.ground.lonlat[0]
    where = flat(np.array([(stop.lon, stop.lat) for _, stop in stops]), base)
    metres, place = (np.asarray(one) for one in cKDTree(flat(task.ground.lonlat, base)).query(where))
    near = np.where(metres <= REACH_M, place, -1).tolist()
    known = [(number, stop.officer, stop.arrive_min, at) for (number, stop), at in zip(stops, near, strict=True)]
    for one, then in pairwise(sorted(known)):
        if one[:2] == then[:2] and min(one[3], then[3]) >= 0:
            found[one[3], then[3]] += 1
    return found


def told(task: Task, visits: Sequence[Visit], solver: str) -> Plan:
    """Return the plan that visits make, with the promised stops."""
    ground, needs = task.ground, task.needs.copy()
    cover = task.cover()
    stops = [
        _stop(task.officers[number].id, -1, task.committed[block.committed], block.begin, block.end, "committed")
        for number, blocks in enumerate(task.blocks)
        for block in blocks
        if block.committed >= 0
    ]
    gains = []
    for visit in sorted(visits, key=lambda visit: (visit.arrive, visit.officer)):
        gain = float(cover.gains(np.full(task.places, visit.arrive))[visit.place])
        cover.add(visit.place, visit.arrive)
        gains.append((gain, visit))
    usual = float(np.mean([gain for gain, _ in gains])) if gains else 0.0
    for gain, visit in gains:
        lon, lat = ground.lonlat[visit.place].tolist()
        wanted = bool((task.member[visit.place] & (needs > 0)).any())
        needs = np.maximum(needs - task.member[visit.place], 0)
        kind = "exploration" if ground.explore[visit.place] else "minimum" if wanted and gain < usual / 2 else "risk"
        officer, leave = task.officers[visit.officer].id, visit.arrive + task.stop_min
        name = f"{officer}-{visit.arrive}-{visit.place}"
        stops.append(Stop(name, officer, visit.place, lon, lat, visit.arrive, leave, kind))
    stops.sort(key=lambda stop: (stop.arrive_min, stop.officer))
    unmet = sorted({int(beat) for beat in task.need_beats[needs > 0] if beat >= 0})
    everything = float(ground.risk.sum())
    return Plan(tuple(stops), solver, everything - float(cover.rate.sum()), None, tuple(unmet), tuple(task.missed))


def _stop(officer: str, place: int, at: Committed, begin: int, end: int, kind: str) -> Stop:
    return Stop(f"{officer}-{begin}-{at.name}", officer, place, at.lon, at.lat, begin, end, kind)
