"""A window of counts, and the sums it ends, against what was expected: residuals, tails, surprise."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.baselines import negbin
from models.baselines.rows import Rows, picked
from models.baselines.scan import Ring

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

WIDEST: Final = 1e4
"""Largest dispersion: a band so wide that nothing is strange."""
_DEFICIT_WEIGHT: Final = 0.5
"""A deficit counts for less than a surge as rare: covered lenses, rain and holidays make them all the time."""
_BEYOND: Final = 0.01
"""Relative variance of the ends of what is ordinary: the next visit may be a little beyond all that came before."""
_CLEAR: Final = 8.0
"""Residual from which nothing hangs on how large it is."""
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


class Sum(NamedTuple):
    """A count over one or more windows against what was expected; arrays (rows,), or (scales, rows) for all scales."""

    total: Floats
    mean: Floats
    spread: Floats
    """Its dispersion."""
    z: Floats
    """Its residual."""

    def pick(self, some: NDArray[np.intp]) -> "Sum":
        """Return some of the rows."""
        return Sum(*(values[some] for values in self))

    def put(self, some: NDArray[np.intp], found: "Sum") -> None:
        """Compare some of the rows with something else."""
        self.mean[some], self.spread[some], self.z[some] = found.mean, found.spread, found.z


class Rhythm(NamedTuple):
    """Rows that stray hour after hour, and to which residuals they usually do, (scales, those rows)."""

    rows: NDArray[np.intp]
    residuals: Floats


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
    least: Floats
    """What is ordinary by routine, from the least to the most; elsewhere the mean is both."""
    usual: Floats
    most: Floats
    routine: NDArray[np.intp]
    """Rows in whose last hour the routine spoke; in increasing order."""
    spoke: NDArray[np.intp]
    """Rows for whose window it does."""
    rhythm: Rhythm | None = None
    """To which residuals it is ordinary that some rows stray."""

    def spread(self, mean: Floats, windows: tuple[int, ...]) -> Floats:
        """Dispersion a of sums (scales, rows) over so many `windows`, Var = μ + aμ², all doubts included."""
        wide: Floats = self.group / mean
        wide += self.busy
        wide += self.uncertain
        # Over several windows it evens out; what they have in common is in φ and α.
        wide += self.misfit * np.array([[1.0 / one] for one in windows], dtype=np.float32)
        return within(wide)

    def by_routine(self, rank: int, based: Sum, ends: Floats, windows: int) -> Sum:
        """Return a sum of the rows `routine` against what is ordinary by routine, `ends` (least or most, routine).

        A count is compared with what is ordinary and nearest to it.
        """
        least, most = ends
        mean = np.maximum(np.minimum(np.maximum(based.total, least), most), negbin.LEAST_MEAN)
        wide = self._beyond(rank, based.mean, mean, windows)
        return Sum(based.total, mean, wide, _residual(based.total, mean, wide))

    def band(self, deviations: float, spread: Floats) -> tuple[Floats, Floats]:
        """Return the band (rows,) of what is ordinary, so many `deviations` wide; the base's dispersion is `spread`."""
        lower, upper = negbin.band(deviations, self.mean, spread)
        if len(some := self.routine):
            for which, ends, found in ((0, self.least, lower), (1, self.most, upper)):
                end = np.maximum(ends[some], negbin.LEAST_MEAN)
                wide = self._beyond(0, self.mean[some], end, 1, some)
                found[some] = negbin.band(deviations, end, wide)[which]
        if self.rhythm is not None:
            some = self.rhythm.rows
            top = np.maximum(_top(self.rhythm.residuals[0], self.mean[some], spread[some]), self.least[some])
            wide = self._beyond(0, self.mean[some], top, 1, some)
            upper[some] = negbin.band(deviations, top, wide)[1]
        return lower, upper

    def by_rhythm(self, rank: int, based: list[Sum], rhythm: Rhythm, low: Floats, windows: int) -> Sum:
        """Return a sum of the rows of a rhythm against the most that it strays to; `low` is the least by routine.

        Where bursts come hour after hour, the busiest of each ten minutes of each day say nothing of sums.
        """
        some, usual = rhythm
        total, mean, spread, _ = based[rank].pick(some)
        # One burst is ordinary in every sum, and several are where the sums have shown it.
        single = based[0].pick(some)
        burst = _top(usual[0], single.mean, single.spread) - single.mean
        high = np.maximum(np.maximum(_top(usual[rank], mean, spread), mean + burst), low)
        end = np.maximum(np.minimum(np.maximum(total, low), high), negbin.LEAST_MEAN)
        wide = self._beyond(rank, mean, end, windows, some)
        return Sum(total, end, wide, _residual(total, end, wide))

    def _beyond(
        self, rank: int, based: Floats, mean: Floats, windows: int, some: NDArray[np.intp] | None = None
    ) -> Floats:
        """Return the dispersion of rows around what is ordinary, where the base expects `based`."""
        some = self.routine if some is None else some
        wide = self.group[rank][some] / mean + self.busy[rank][some] + self.misfit[some] * (1.0 / windows)
        share = np.minimum(based / mean, 1.0)
        wide += self.uncertain[some] * share * share + _BEYOND
        return within(wide)


@dataclass
class Comparison:
    """A window, and the sums it ends, against what was expected."""

    upper: Doubles
    """Mid-p tails of the window alone, (rows,)."""
    lower: Doubles
    surprise: Doubles
    rising: NDArray[np.bool_]
    sums: list[Sum]
    """The window itself, and the sums that it ends, against what is ordinary."""
    based: list[Sum]
    """The same against the base alone."""
    scales: Sum
    """`based` as one."""
    held: NDArray[np.bool_] | None
    """Which earlier windows the sums could use."""


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
    total, mean = ring.sums(at, start_ms, y, prediction.mean, held)
    spread = prediction.spread(mean, ring.scales)
    if held is not None:
        for rank in range(1, len(spread)):
            # A sum of which windows are missing is no steadier than what is there of it.
            gaps = ~ring.whole(start_ms, ring.scales[rank], held)
            np.maximum(spread[rank], spread[rank - 1], out=spread[rank], where=gaps)
    every = Sum(total, mean, spread, _residual(total, mean, spread))
    based = sums = [Sum(*values) for values in zip(*every, strict=True)]
    if len(prediction.routine) or prediction.rhythm is not None:
        sums = _by_routine(ring, at, start_ms, prediction, based, held)
    # Sums are looked at only where they could matter: most are ordinary.
    places = [(np.abs(one.z) > ODD).nonzero()[0] for one in sums[1:]]
    judged = [sums[0], *(one.pick(some) for one, some in zip(sums[1:], places, strict=True))]
    upper, lower = negbin.quick_tails(*(np.concatenate(parts) for parts in zip(*judged, strict=True)))
    up, down = negbin.rarity(upper), negbin.rarity(lower)
    place = np.concatenate(places)
    size = len(y)
    np.maximum.at(up, place, up[size:])
    np.maximum.at(down, place, down[size:])
    upper, lower, up, down = (values[:size] for values in (upper, lower, up, down))
    down *= _DEFICIT_WEIGHT
    # The best of several looks is rarer than it seems: about twice, as the looks overlap.
    surprise = np.maximum(np.maximum(up, down) - np.log10(2.0), 0.0)
    return Comparison(upper, lower, surprise, up >= down, sums, based, every, held)


def _by_routine(
    ring: Ring, at: Rows, start_ms: int, prediction: Prediction, based: list[Sum], held: NDArray[np.bool_] | None
) -> list[Sum]:
    """Return sums against what is ordinary: where the routine spoke lately it says that, elsewhere the base."""
    some = prediction.routine
    ends = ring.between(
        picked(at, some),
        start_ms,
        (prediction.least[some], prediction.most[some]),
        None if held is None else held[:, some],
    )
    rhythm = prediction.rhythm
    sums = []
    for rank, (one, reach, windows) in enumerate(zip(based, ends, ring.scales, strict=True)):
        new = Sum(one.total, one.mean.copy(), one.spread.copy(), one.z.copy())
        new.mean[some] = reach[0]
        low = None if rhythm is None else new.mean[rhythm.rows]
        new.put(some, prediction.by_routine(rank, one.pick(some), reach, windows))
        if rhythm is not None and low is not None:
            new.put(rhythm.rows, prediction.by_rhythm(rank, based, rhythm, low, windows))
        sums.append(new)
    return sums


def _residual(total: Floats, mean: Floats, spread: Floats) -> Floats:
    """Return the residual; of a crowd where few are expected that of a normal variable as rare."""
    z = negbin.residual(total, mean, spread)
    crowd = np.flatnonzero(negbin.crowd(total, mean))
    crowd = crowd[np.abs(z.take(crowd)) < _CLEAR]
    if len(crowd):
        upper, _ = negbin.tails(*(values.take(crowd).astype(np.float64) for values in (total, mean, spread)))
        z.reshape(-1)[crowd] = np.maximum(z.take(crowd), -special.ndtri(upper))
    return z


def _top(residuals: Floats, mean: Floats, spread: Floats) -> Floats:
    """Return the counts that have some residuals."""
    top = negbin.band(residuals.astype(np.float64), mean.astype(np.float64), spread.astype(np.float64))[1]
    return np.maximum(top, mean).astype(np.float32)


def within(wide: Floats) -> Floats:
    """Keep dispersions within what the tails can be worked out for; in place."""
    return np.minimum(np.maximum(wide, negbin.LEAST_DISPERSION, out=wide), WIDEST, out=wide)
