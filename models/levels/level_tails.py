"""The far tails of a level series: a generalised Pareto law over a moving threshold, on either side.

SPOT, and DSPOT where the location drifts (Siffer et al., KDD 2017): rare stays rare whatever the shape of the noise.
What is judged here are residuals in scales. Arrays of shape (5, 2, rows): threshold, rate, weight, mean and mean square
of the excesses; upper side, lower side.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Places = slice | NDArray[np.intp]

EMPTY: Final = np.array([2.5, 0.0, 0.0, 0.0, 0.0])[:, None, None]
_PEAK_SHARE: Final = 0.02
"""Share of windows whose residual counts as a peak."""
_PEAK_LIMIT: Final = 1.0 / (1.0 - 0.5 ** (1.0 / 200.0))
"""After 200 peaks an old one has half its weight."""
_PRIOR: Final = 20.0
"""The tail begins as an exponential one, which weighs so many peaks."""
_CUT: Final = 5.0
"""An excess is learned up to so many times the usual one: an event is not to become what is usual by itself."""


def places(index: NDArray[np.intp]) -> Places:
    """Return rows that follow each other as a slice, which copies nothing."""
    if len(index) and index[-1] - index[0] == len(index) - 1 and bool((np.diff(index) == 1).all()):
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


def survival(peaks: Doubles, watched: Doubles, z: Doubles) -> Doubles:
    """Return P(at least as far out as z, on its side), (rows,): a logistic body, and the Pareto tail over it.

    Parameters
    ----------
    peaks
        What `of_side` took for these rows, (5, rows).
    watched
        Windows each series has been watched for.
    z
        Residuals in scales.
    """
    start, rate, sigma, gamma = _pareto(peaks, watched)
    far = np.abs(z)
    body = 1.0 / (1.0 + np.exp(np.minimum(np.log(1.0 / rate - 1.0) / start * far, 500.0)))
    outside = np.flatnonzero(far > start)
    if len(outside):
        start, rate, sigma, gamma = (one[outside] for one in (start, rate, sigma, gamma))
        over = (far[outside] - start) / sigma
        body[outside] = np.maximum(rate * (1.0 + gamma * over) ** (-1.0 / gamma), 1e-300)
    return body


def nearest(away: Doubles, *usual: Doubles) -> Doubles:
    """Return how far a residual lies from the nearest of what is usual (0 among it); 0 where it lies between them."""
    least, most = np.minimum(np.minimum.reduce(usual), 0.0), np.maximum(np.maximum.reduce(usual), 0.0)
    return np.where(away > most, away - most, np.where(away < least, away - least, 0.0))


def of_side(peaks: Doubles, lower: NDArray[np.bool_]) -> Doubles:
    """Return what the side of each row knows, (5, rows), of `peaks` (5, 2, rows)."""
    return np.where(lower, peaks[:, 1], peaks[:, 0])


def quantile(peaks: Doubles, watched: Doubles, p: float) -> Doubles:
    """Return how many scales out the probability is `p`; `peaks` of one side, (5, rows)."""
    start, rate, sigma, gamma = _pareto(peaks, watched)
    over = start + sigma / gamma * (np.maximum(p / rate, 1e-12) ** (-gamma) - 1.0)
    body = np.log(1.0 / p - 1.0) * start / np.log(1.0 / rate - 1.0)
    return np.where(rate > p, over, body)


def learn(peaks: Doubles, watched: Doubles, z: Doubles, trust: Doubles) -> Doubles:
    """Return `peaks` (5, 2, rows) with one window more; `trust` is 1, or 0 where the window is not to be learned."""
    signed = np.stack([z, -z])
    start, rate, have, mean, square = peaks
    peak = ((signed > start) & (watched >= 20)) * trust
    limit = _CUT * (mean * have + 0.5 * _PRIOR) / (have + _PRIOR)
    excess = np.clip(signed - start, 0.0, limit) * peak
    have = np.where(peak > 0, np.minimum(have + 1.0, _PEAK_LIMIT), have)
    gain = peak / np.maximum(have, 1.0)
    rate = rate + trust / np.maximum(watched, 20.0) * (peak - rate)
    # The threshold climbs and sinks until the wanted share of windows lies over it.
    moved = np.clip(start + 0.02 * trust * (peak - _PEAK_SHARE), 1.5, 6.0)
    return np.stack([moved, rate, have, mean + gain * (excess - mean), square + gain * (excess**2 - square)])


def _pareto(peaks: Doubles, watched: Doubles) -> tuple[Doubles, ...]:
    """Return threshold, rate, scale and shape by moments, with an exponential tail as a prior."""
    start, rate, weight, mean, square = peaks
    mean = (mean * weight + 0.5 * _PRIOR) / (weight + _PRIOR)
    square = (square * weight + 0.5 * _PRIOR) / (weight + _PRIOR)
    variance = np.maximum(square - mean**2, 0.05 * mean**2)
    gamma = np.clip(0.5 * (1.0 - mean**2 / variance), 0.02, 0.4)
    share = np.clip((rate * watched + 0.01 * 200.0) / (watched + 200.0), 1e-4, 0.2)
    return start, share, mean * (1.0 - gamma), gamma
