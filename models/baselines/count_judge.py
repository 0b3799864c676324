"""A window of counts, and the sums it ends, against what was expected: residuals, tails, surprise."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.baselines import negbin
from models.baselines.rows import Rows
from models.baselines.scan import Ring

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

WIDEST: Final = 1e4
"""Largest dispersion: a band so wide that nothing is strange."""
_DEFICIT_WEIGHT: Final = 0.5
"""A deficit counts for less than a surge as rare: covered lenses, rain and holidays make them all the time."""
ODD: Final = 2.5
"""Residual from which a sum can be what is strangest about a window, and a count may have to be cut."""


@dataclass
class CountTest:
    """What the baseline says of one window per row; all arrays (rows,)."""

    expected: Doubles
    lower: Doubles
    """Central 99 % band, with `upper`."""
    upper: Doubles
    p_upper: Doubles
    """Mid-p probability of at least what was seen."""
    p_lower: Doubles
    surprise: Doubles
    """About -log10 of the probability that ordinary days bring something as strange; higher is stranger."""
    alarm: NDArray[np.bool_]
    state: NDArray[np.uint8]
    """`HiddenState`."""
    onset_ms: NDArray[np.int64]
    """Start of the current episode that is not normal, else 0."""
    grounds: Doubles
    """What an alarm rests on, (rows, 4): count, expected count, windows watched and tail probability of the shortest
    period that is an alarm by itself; zeros where there is none. The direction is that of count and expected."""


@dataclass
class Prediction:
    """What is expected before looking; arrays (rows,)."""

    base: Floats
    """Seasonal mean."""
    mean: Floats
    """With the slow level."""
    uncertain: Floats
    """Relative variance of the mean."""
    own: Floats
    """Evidence of its own, in windows."""
    group: Floats
    """φ and α per scale, (scales, rows)."""
    busy: Floats
    misfit: Floats
    """What the α of single windows lacks, (rows,)."""

    def spread(self, rank: int, mean: Floats, windows: int) -> Floats:
        """Dispersion a of sums (rows,) of a scale, Var = μ + aμ², all doubts included."""
        wide: Floats = self.group[rank] / mean
        wide += self.busy[rank]
        wide += self.uncertain
        # Over several windows it evens out; what they have in common is in φ and α.
        wide += self.misfit * (1.0 / windows)
        np.maximum(wide, negbin.LEAST_DISPERSION, out=wide)
        np.minimum(wide, WIDEST, out=wide)
        return wide


@dataclass
class Comparison:
    """A window, and the sums it ends, against what was expected."""

    upper: Doubles
    """Mid-p tails of the window alone, (rows,)."""
    lower: Doubles
    surprise: Doubles
    rising: NDArray[np.bool_]
    sums: "list[Sum]"
    """The window itself, and the sums that it ends."""
    held: NDArray[np.bool_] | None
    """Which earlier windows the sums could use."""


class Sum(NamedTuple):
    """A count over one or more windows against what was expected; arrays (rows,).

    One scale at a time: all of them together would leave the processor's cache.
    """

    total: Floats
    mean: Floats
    spread: Floats
    """Its dispersion."""
    z: Floats
    """Its residual."""

    def pick(self, some: NDArray[np.intp]) -> "Sum":
        """Return some of the rows."""
        return Sum(*(values[some] for values in self))


def grounds(ring: Ring, rows: Rows, start_ms: int, exposure: Floats, found: Comparison, least: float) -> Doubles:
    """Return what the alarms rest on, see `CountTest.grounds`; an alarm is a surprise of `least`.

    People act on the newest number that is strange by itself: five minutes tell more of a crowd than their hour does.
    """
    out = np.zeros((len(found.surprise), 4))
    places = (found.surprise >= least).nonzero()[0]
    if not len(places):
        return out
    best, scale = np.full(len(places), -np.inf), np.zeros(len(places), dtype=np.int64)
    for windows, one in zip(ring.scales, found.sums, strict=True):
        picked = one.pick(places)
        upper, lower = negbin.quick_tails(*picked)
        surprise = np.maximum(negbin.rarity(upper), _DEFICIT_WEIGHT * negbin.rarity(lower)) - np.log10(2.0)
        p = np.where(picked.total > picked.mean, upper, lower)
        # (rounding apart, what made the alarm is an alarm here, too)
        better = ((surprise > best) & (best < least - 1e-3)).nonzero()[0]
        best[better], scale[better] = surprise[better], windows
        for column, values in ((0, picked.total), (1, picked.mean), (3, p)):
            out[places[better], column] = values[better]
    every = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    out[places, 2] = exposure[places] + ring.watched(every[places], start_ms, scale)
    return out


def compare(ring: Ring, at: Rows, start_ms: int, y: Floats, prediction: Prediction) -> Comparison:
    """Compare a window, and the sums it ends, with what was expected."""
    held = ring.held(at, start_ms)
    sums = []
    for rank, (total, mean) in enumerate(ring.sums(at, start_ms, y, prediction.mean, held)):
        spread = prediction.spread(rank, mean, ring.scales[rank])
        sums.append(Sum(total, mean, spread, negbin.residual(total, mean, spread)))
    upper, lower = negbin.quick_tails(*sums[0])
    up, down = negbin.rarity(upper), negbin.rarity(lower)
    # Sums are looked at only where they could matter: most are ordinary.
    places = [(np.abs(one.z) > ODD).nonzero()[0] for one in sums[1:]]
    place = np.concatenate(places)
    if len(place):
        odd = [one.pick(some) for one, some in zip(sums[1:], places, strict=True)]
        more, less = negbin.quick_tails(*(np.concatenate(parts) for parts in zip(*odd, strict=True)))
        np.maximum.at(up, place, negbin.rarity(more))
        np.maximum.at(down, place, negbin.rarity(less))
    down *= _DEFICIT_WEIGHT
    # The best of several looks is rarer than it seems: about twice, as the looks overlap.
    surprise = np.maximum(np.maximum(up, down) - np.log10(2.0), 0.0)
    return Comparison(upper, lower, surprise, up >= down, sums, held)
