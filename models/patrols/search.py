"""Better plans out of a plan: officers' routes made again, one after another, around those of the others."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from models.patrols.routes import RouteSearch
from models.patrols.task import Task, Visit

_MOVES_A_SECOND: Final = 14e6
"""Moves that one core of an ordinary machine weighs in a second; only the default of effort rests on it."""
PLANS: Final = 50
"""Plans of which one is drawn."""
LEAST: Final = 0.95
"""What each of them covers at least, as a share of the best."""
_BLOCK_MIN: Final = 60
_TOLL: Final = 4.0
"""How much a way from place to place may cost at random, in what a stop covers, at a spread of one."""
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

    def near_best(self, best: Sequence[Visit], many: int = PLANS, least: float = LEAST) -> list[list[Visit]]:
        """Return plans that cover at least `least` of what `best` does: a walk among them, two routes a step.

        Each step goes by risks that differ at random by place and hour, and with a random toll on every way from
        place to place; both are the larger the more steps were good enough.
        Fewer than `many` where few are near enough; the best is always among them.
        """
        found, plan, spread = [list(best)], list(best), 0.4
        everyone = len(self.officers)
        floor = self._cover(best) * least - self.task.weight * float(self.task.left(best).sum())
        for _ in range(2 * many if everyone and self.task.places else 0):
            chosen = self.luck.permutation(everyone)[: max(2, everyone // 4)].tolist()
            new = self.again(plan, chosen, spread, everybody=True)
            good = self.task.value(new) >= floor
            spread = min(spread * 1.1, 1.5) if good else spread * 0.8
            if good:
                plan = new
                found.append(new)
            if len(found) == many:
                break
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
