"""One plan out of many: an outsider who has seen thirty shifts should not know where the next stop is."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.patrols.task import Visit

_STEPS: Final = 400
_FIRM: Final = 3.0
"""How much more keeping visits counts than being even."""


def weights(plans: Sequence[Sequence[Visit]], places: int) -> NDArray[np.float64]:
    """Return with which probability each plan is drawn, (plans,).

    The most even distribution (of the highest entropy) under which every place is expected to be visited as often as
    in the first plan, the best one, as nearly as the plans allow: minimise Σ w log w + c |A w - a|² on the simplex by
    exponentiated gradient steps (Kivinen and Warmuth 1997). So who watches long learns how often each place is
    visited, which is what the risk asks for, and as little as possible else. The best one itself, which goes the same
    ways whenever risks are the same, is drawn only where there is no other.
    """
    if len(plans) == 1:
        return np.ones(1)
    visits = np.zeros((len(plans), places))
    for row, made in enumerate(plans):
        np.add.at(visits[row], [visit.place for visit in made], 1.0)
    off = visits[1:] - visits[0]
    scale = _FIRM / max(float((off**2).sum(axis=1).mean()), 1e-9)
    found = np.full(len(off), 1.0 / len(off))
    for step in range(_STEPS):
        slope = np.log(np.maximum(found, 1e-12)) + 2 * scale * off @ (off.T @ found)
        found *= np.exp(-(slope - slope @ found) * 0.3 / (1 + step / 50))
        found /= found.sum()
    return np.append(0.0, found)


def draw(plans: Sequence[Sequence[Visit]], places: int, luck: np.random.Generator) -> Sequence[Visit]:
    """Return one of the plans, drawn by `weights`."""
    return plans[int(luck.choice(len(plans), p=weights(plans, places)))]
