"""Better plans out of a plan: officers' routes made again, one after another, around those of the others."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.patrols.routes import RouteSearch
from models.patrols.task import Task, Visit

_MOVES_A_SECOND: Final = 14e6
"""Moves that one core of an ordinary machine weighs in a second; only the default of effort rests on it."""
PLANS: Final = 8
"""Plans of which one is drawn."""
LEAST: Final = 0.94
"""What each of them covers at least, as a share of the best."""
AIM: Final = 0.96
"""And what they cover on average, about."""
_BLOCK_MIN: Final = 60
_TOLL: Final = 4.0
"""How much a way from place to place may cost at random, in what a stop covers, at a spread of one."""
_STRENGTH: Final = 10.0
"""What a way costs in what a stop covers, at first, where one place has always followed the other,"""
_GAIN: Final = 20.0
"""How fast tolls rise while more than `AIM` is covered."""
_LOOSE: Final = 0.05
"""and on average at random, so that the first plans differ."""
_TOGETHER: Final = 3
"""Officers whose routes are taken out at once."""


class PlanSearch:
    """Large neighbourhood search (Shaw 1998), one route of a few officers at a time, each by `RouteSearch`.

    Deterministic: effort is counted in moves weighed, never in time.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.luck = task, np.random.default_rng(seed)
        self.routes = RouteSearch(task)
        self.officers = list(range(len(task.officers)))

    def best(self, start: Sequence[Visit], effort_s: float) -> list[Visit]:
        """Return the best plan found; never worse than `start`."""
        left = effort_s * _MOVES_A_SECOND
        plan, value = list(start), self.task.value(start)
        if not self.officers or not self.task.places:
            return plan
        many, fails = len(self.officers), 0
        while left > 0:
            size = many if plan is start else int(self.luck.integers(1, min(_TOGETHER, many) + 1))
            chosen = self.luck.permutation(many)[:size].tolist()
            stuck = fails > many
            new = self.again(plan, chosen, 0.25 if stuck else 0.0, everybody=stuck and fails % 2 == 0)
            left -= sum(self.routes.cost(number) for number in chosen)
            worth = self.task.value(new)
            fails = 0 if worth > value else fails + 1
            if worth >= value:
                plan, value = new, worth
        return plan

    def near_best(
        self, best: Sequence[Visit], seen: NDArray[np.int64] | None = None, many: int = PLANS, least: float = LEAST
    ) -> list[list[Visit]]:
        """Return plans that cover at least `least` of what `best` does, `best` first; fewer than `many` others at most.

        Each is made anew, officer by officer, with a toll on every way from place to place: the more often the other
        place has followed the one, in `seen` (candidates, candidates) and in the plans made here, the dearer. So no
        place has a usual successor. Tolls rise while plans are better than they need be, and fall when they are not.
        Which ways are open at all is drawn for each plan: by the nearest ones alone, who follows an officer has few
        places to guess among.
        """
        found, strength, places = [list(best)], _STRENGTH, self.task.places
        ways = np.zeros((places, places)) if seen is None else seen.astype(np.float64)
        most = self._cover(best)
        usual, missing = most / max(len(best), 1), self.task.weight * float(self.task.left(best).sum())
        for _ in range(2 * many if self.officers and places and most > 0 else 0):
            share = ways / (ways.sum(axis=1, keepdims=True) + 1.0)
            toll = usual * (strength * share + self.luck.exponential(_LOOSE, (places, places)))
            new: list[Visit] = []
            routes = RouteSearch(self.task, self.luck)
            for number in self.luck.permutation(len(self.officers)).tolist():
                new += routes.best(number, self.task.cover(new), self.task.left(new), toll)[0]
            value = (self.task.value(new) + missing) / most
            strength *= float(np.exp(np.clip(_GAIN * (value - AIM), -0.7, 0.7)))
            if value >= least:
                found.append(new)
                ways += self.ways(new)
            if len(found) > many:
                break
        return found

    def ways(self, plan: Sequence[Visit]) -> NDArray[np.int64]:
        """Return how often each candidate follows each on an officer's route, (candidates, candidates)."""
        found = np.zeros((self.task.places, self.task.places), dtype=np.int64)
        for one, then in pairwise(sorted(plan, key=lambda visit: (visit.officer, visit.arrive))):
            found[one.place, then.place] += one.officer == then.officer
        return found

    def again(
        self, plan: Sequence[Visit], chosen: Sequence[int], spread: float, *, everybody: bool = False
    ) -> list[Visit]:
        """Return a plan in which the chosen officers' routes are made again, in that order.

        With a `spread` they go by risks that differ so much at random; the last one only with `everybody`.
        """
        kept = [visit for visit in plan if visit.officer not in chosen]
        for number in chosen:
            cover = self.task.cover(kept)
            if spread > 0 and (everybody or number != chosen[-1]):
                shape = (len(self.task.rate), -(-self.task.horizon // _BLOCK_MIN))
                cover = cover.tasted(self.luck.gamma(1 / spread**2, spread**2, shape), _BLOCK_MIN)
            toll = None
            if everybody:
                # Other ways cost nothing: without a toll on them the same tours come again and again.
                usual = self._cover(plan) / max(len(plan), 1)
                toll = self.luck.exponential(_TOLL * spread * usual, (self.task.places, self.task.places))
            own, _ = self.routes.best(number, cover, self.task.left(kept), toll)
            kept += own
        return kept

    def _cover(self, plan: Sequence[Visit]) -> float:
        return float(self.task.rate.sum() - self.task.cover(plan).rate.sum())
