"""Stops in the time that a plan leaves over: where nothing more would be covered, officers are still seen."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.patrols.task import HOLD_MIN, Task, Visit

_AVOID: Final = 10.0
"""How much less likely a place is drawn that has always come next."""
_SOON_MIN: Final = 20
"""Nobody stops where somebody was or will be within so many minutes."""


def fill(
    task: Task, visits: Sequence[Visit], luck: np.random.Generator | None = None, seen: NDArray[np.int64] | None = None
) -> list[Visit]:
    """Return the plan with stops where officers would wait: at places of much risk that were not visited lately.

    What is there stays as it is, so that nothing is covered less. With `luck` they are drawn, the more likely the more
    they are worth, and the less the more often they came next in `seen` (candidates, candidates).
    """
    ways = np.zeros((task.places, task.places)) if seen is None else seen / (seen.sum(axis=1, keepdims=True) + 1.0)
    found = list(visits)
    risk = task.ground.covers @ task.rate.sum(axis=1) + 1e-12 if task.places else np.zeros(0)
    for number in range(len(task.officers)):
        own = sorted((visit for visit in visits if visit.officer == number), key=lambda visit: visit.arrive)
        where = task.start(number)
        while not where.ended and task.places:
            ahead = own[0] if own else None
            limit = task.deadline[number][where.block]
            blocks = task.blocks[number]
            if ahead is not None and (where.block == len(blocks) or ahead.arrive < blocks[where.block].begin):
                limit = np.minimum(limit, ahead.arrive - task.minutes[: task.places, ahead.place])
            else:
                ahead = None
            arrive, _ = task.reachable(number, where)
            fits = arrive + task.stop_min <= limit
            ago = _ago(task, found, arrive)
            worth = risk * np.minimum(ago, HOLD_MIN) / (arrive + task.stop_min - where.minute)
            worth = np.where(fits & (ago >= _SOON_MIN), worth, 0.0)
            if luck is not None:
                usual = ways[where.point] if where.point < task.places else 0.0
                worth *= np.exp(-_AVOID * usual) / luck.exponential(1.0, task.places)
            best = int(np.argmax(worth))
            if worth[best] > 0:
                found.append(Visit(number, best, int(arrive[best])))
                where = task.after(where, found[-1])
            elif ahead is not None:
                where = task.after(where, own.pop(0))
            else:
                where = task.skip(number, where)
    return found


def _ago(task: Task, visits: Sequence[Visit], arrive: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many minutes lie between a stop at each place then and the nearest that the plan has there."""
    found = np.full(task.places, np.inf)
    for visit in visits:
        gap = abs(visit.arrive - int(arrive[visit.place])) - task.stop_min
        found[visit.place] = min(found[visit.place], gap)
    return found
