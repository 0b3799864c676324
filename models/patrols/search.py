"""Better plans out of a plan: officers' routes made again, one after another, around those of the others."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.patrols.routes import RouteSearch
from models.patrols.task import Task, Visit

_MOVES_A_SECOND: Final = 14e6
"""Moves that one core of an ordinary machine weighs in a second; only the default of effort rests on it."""
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
            new = self.again(plan, chosen, self.taste(0.25) if fails > many else None)
            left -= sum(self.routes.cost(number) for number in chosen)
            worth = self.task.value(new)
            fails = 0 if worth > value else fails + 1
            if worth >= value:
                plan, value = new, worth
        return plan

    def again(self, plan: Sequence[Visit], chosen: Sequence[int], taste: NDArray[np.float64] | None) -> list[Visit]:
        """Return a plan in which the chosen officers' routes are made again, in that order.

        All but the last follow `taste`, where it is given.
        """
        kept = [visit for visit in plan if visit.officer not in chosen]
        for number in chosen:
            liked = None if number == chosen[-1] else taste
            own, _ = self.routes.best(number, self.task.cover(kept), self.task.left(kept), liked)
            kept += own
        return kept

    def taste(self, spread: float) -> NDArray[np.float64]:
        """Return how much more or less than its risk each place counts, (candidates,), one on average."""
        return self.luck.gamma(1 / spread**2, spread**2, self.task.places)
