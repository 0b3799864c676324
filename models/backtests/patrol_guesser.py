"""How much someone learns who has watched past shifts: guesses of where the next stop is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAST: Final = 30
"""Shifts that the guesser has watched."""
_BLOCK_MIN: Final = 30
_FIRM: Final = 3.0
"""So many visits as usual stand beside what was seen to follow a place."""


class SeenStop(NamedTuple):
    """A stop as somebody in the street sees it."""

    officer: int
    place: int
    """The same number for the same place in every shift."""
    arrive: int


class Guesses(NamedTuple):
    """Guesses made, and how many were right."""

    made: int
    by_visits: int
    """Right, of one who knows only how often each place is visited at that time of the shift."""
    by_order: int
    """Right, of one who also knows what was visited just before, and what came after it in the past."""

    @property
    def ratio(self) -> float:
        """How many times as often right the one is who watches the order."""
        return self.by_order / max(self.by_visits, 1)


def guess_places(shifts: Sequence[Sequence[SeenStop]], past: int = PAST) -> Guesses:
    """Guess which places will be visited in each half hour of each shift, from the `past` shifts before it.

    As many guesses as there will be visits. The one goes by how often each place was visited in that half hour; the
    other is a first-order Markov chain: from each place visited in the half hour before, how much more often than
    usual each place was visited in the next (averaged as logarithms, on top of the former).
    """
    made = by_visits = by_order = 0
    maps = _maps(shifts)
    for number in range(past, len(maps)):
        seen, now = maps[number - past : number], maps[number]
        visits = seen.mean(axis=0)
        usual = visits.mean(axis=0)
        then = np.einsum("nbp,nbq->pq", seen[:, :-1], seen[:, 1:])
        often = (then + _FIRM * usual) / (seen[:, :-1].sum(axis=(0, 1))[:, None] + _FIRM)
        more = np.log(often / np.maximum(usual, 1e-3) + 1e-3)
        for block in range(1, len(now)):
            before, came = now[block - 1] > 0, now[block]
            many = int(came.sum())
            score = np.log(visits[block] + 0.02)
            made += many
            by_visits += int(came[np.argsort(-visits[block], kind="stable")[:many]].sum())
            score += more[before].mean(axis=0) if before.any() else 0.0
            by_order += int(came[np.argsort(-score, kind="stable")[:many]].sum())
    return Guesses(made, by_visits, by_order)


def guess_next(shifts: Sequence[Sequence[SeenStop]], past: int = PAST) -> Guesses:
    """Guess every next stop of every officer, as one who follows that officer through the streets would.

    The one names the place most visited at that hour of the shift; the other the place that most often came after the
    one where the officer stands. Ways are short, so whoever follows an officer knows much: see docs/patrols.md.
    """
    made = by_visits = by_order = 0
    places = 1 + max((stop.place for shift in shifts for stop in shift), default=0)
    blocks = 1 + max((stop.arrive for shift in shifts for stop in shift), default=0) // 60
    for number in range(past, len(shifts)):
        visits = np.zeros((blocks, places))
        order: dict[int, NDArray[np.float64]] = {}
        for shift in shifts[number - past : number]:
            for stop, then in _pairs(shift):
                visits[then.arrive // 60, then.place] += 1
                order.setdefault(stop.place, np.zeros(places))[then.place] += 1
        for stop, then in _pairs(shifts[number]):
            usual = visits[then.arrive // 60]
            usual = usual / max(usual.sum(), 1.0)
            made += 1
            by_visits += int(np.argmax(usual)) == then.place
            by_order += int(np.argmax(order.get(stop.place, 0.0) + usual)) == then.place
    return Guesses(made, by_visits, by_order)


def _maps(shifts: Sequence[Sequence[SeenStop]]) -> NDArray[np.float64]:
    """Return whether each place was visited in each half hour, (shifts, half hours, places)."""
    stops = [(number, *stop) for number, shift in enumerate(shifts) for stop in shift]
    if not stops:
        return np.zeros((0, 0, 0))
    number, _, place, arrive = np.array(stops).T
    _, place = np.unique(place, return_inverse=True)
    found = np.zeros((len(shifts), int(arrive.max()) // _BLOCK_MIN + 1, int(place.max()) + 1))
    found[number, arrive // _BLOCK_MIN, place.ravel()] = 1.0
    return found


def _pairs(shift: Sequence[SeenStop]) -> list[tuple[SeenStop, SeenStop]]:
    stops = sorted(shift, key=lambda stop: (stop.officer, stop.arrive))
    return [(a, b) for a, b in pairwise(stops) if a.officer == b.officer]
