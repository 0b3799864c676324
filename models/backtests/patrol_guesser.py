"""How much someone learns who has watched past shifts: guesses of where the next stop is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PAST: Final = 30
"""Shifts that the guesser has watched."""
_BLOCK_MIN: Final = 60


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
    """Right, of one who knows only how often each place is visited at that hour of the shift."""
    by_order: int
    """Right, of one who also knows where that officer stands, and what came after that place before."""

    @property
    def ratio(self) -> float:
        """How many times as often right the one is who watches the order."""
        return self.by_order / max(self.by_visits, 1)


def guess(shifts: Sequence[Sequence[SeenStop]], past: int = PAST) -> Guesses:
    """Guess every next stop of every officer of each shift after the first `past`, from the `past` shifts before it.

    A first-order Markov chain: the place that most often came after the one where the officer stands, and among equals
    the one most visited at that hour. Places are compared within an hour of the shift; one guess a stop.
    """
    made = by_visits = by_order = 0
    places = 1 + max((stop.place for shift in shifts for stop in shift), default=0)
    blocks = 1 + max((stop.arrive for shift in shifts for stop in shift), default=0) // _BLOCK_MIN
    for number in range(past, len(shifts)):
        visits = np.zeros((blocks, places))
        order: dict[int, NDArray[np.float64]] = {}
        for shift in shifts[number - past : number]:
            for stop, then in _pairs(shift):
                visits[then.arrive // _BLOCK_MIN, then.place] += 1
                order.setdefault(stop.place, np.zeros(places))[then.place] += 1
        for stop, then in _pairs(shifts[number]):
            usual = visits[then.arrive // _BLOCK_MIN]
            usual = usual / max(usual.sum(), 1.0)
            made += 1
            by_visits += int(np.argmax(usual)) == then.place
            by_order += int(np.argmax(order.get(stop.place, 0.0) + usual)) == then.place
    return Guesses(made, by_visits, by_order)


def _pairs(shift: Sequence[SeenStop]) -> list[tuple[SeenStop, SeenStop]]:
    stops = sorted(shift, key=lambda stop: (stop.officer, stop.arrive))
    return [(a, b) for a, b in pairwise(stops) if a.officer == b.officer]
