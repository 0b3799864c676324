"""How much more than a Poisson counts vary: Var = (1 + φ)μ + αμ², learned robustly for many series and time scales.

φ stands for people and cars that come in groups, α for days that are busier than others. Both follow from forgetting
least squares of (y-μ)² - μ on (μ, μ²). Squares are cut at the variance itself and scaled up again (Huber's Proposal 2
with c = 1): events, which are what is looked for, hardly widen the band they must leave.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

SUMS: Final = 5
"""Normal equations of one series and scale: a11, a12, a22, b1, b2."""
_USUAL: Final = 0.51606
"""E[min(Z², 1)] for a standard normal Z: what the cut leaves of a square, in variances."""
_SKEWED: Final = 0.11
"""`_USUAL` is smaller by this, per unit of α, for differences of negative binomials (by simulation)."""
_SLACK: Final = 0.03
"""A variance counts as too small only where more than this is left of the square; less where less can be seen."""
_BLIND: Final = 1.5
"""Up to so many expected, what is left of a square is the same whatever α is."""
AMENDS: Final = 1.75
"""So, where the steps have found something missing, three quarters as much again are."""
_CONSISTENT: Final = 1.93776
"""1 / E[min(Z², 1)] for a standard normal Z: makes the cut squares unbiased in the body."""


_GROUP: Final = 0.4
"""φ of a series that nothing is known of: people and cars come in groups."""
_LEAST_GROUP: Final = 0.1
"""The least φ of any: a camera that seems to count like dice has only not shown it yet."""
_BUSY: Final = 0.005
"""α of a series that nothing is known of."""
_GROUP_WORTH: Final = 500.0
"""Windows that the starting φ counts for."""
_MOST_WORTH: Final = 100.0
"""The starting α counts for the same windows, of counts that large at most (their mean square): in small ones a window
says less of it."""
MISFIT: Final = 0.05
"""What is added to α as long as nothing has been seen: a new camera gets a wide band, not false alarms."""
_MISFIT_RATE: Final = 0.03
"""How quickly that follows, relative to the variance, per window."""
_HALF_LIFE: Final = 4000.0
"""Windows after which an old one has half its weight."""


def solve(sums: Floats) -> tuple[Floats, Floats]:
    """Return (φ, α) of sums with the first axis `SUMS`."""
    # (the sums of both are in the ratio of the squared mean)
    worth = sums[2] + _MOST_WORTH
    worth /= sums[0] + 1.0
    np.minimum(worth, _MOST_WORTH, out=worth)
    worth *= _GROUP_WORTH
    a11, a12, a22 = sums[0] + _GROUP_WORTH, sums[1], sums[2] + worth
    b1 = sums[3] + _GROUP_WORTH * _GROUP
    worth *= _BUSY
    b2 = np.add(sums[4], worth, out=worth)
    scale, group, busy = a11 * a22, a22 * b1, a11 * b2
    scale -= a12 * a12
    group -= a12 * b2
    busy -= a12 * b1
    group *= np.divide(1.0, scale, out=scale)
    busy *= scale
    # Neither is negative: where one would be, the other explains it all.
    odd = (group < 0).nonzero()
    busy[odd] = np.maximum(b2[odd], 0.0) / a22[odd]
    odd = (busy < 0).nonzero()
    group[odd] = b1[odd] / a11[odd]
    return np.maximum(group, _LEAST_GROUP, out=group), np.maximum(busy, 0.0, out=busy)


def observe(
    sums: Floats,
    y: Floats,
    mean: Floats,
    variance: Floats,
    uncertain: Floats,
    times: int = 1,
    seen: NDArray[np.bool_] | None = None,
) -> None:
    """Add one more window to the sums, in place; it counts `times`.

    Parameters
    ----------
    sums
        (SUMS, …, rows).
    y, mean, variance
        (…, rows): what was counted, expected, and the variance that was expected (with `uncertain`).
    uncertain
        (rows,): relative variance of the mean itself; that part is not the series' own.
    seen
        (rows,): windows that count; None for all.
    """
    # Everything relative to the variance: fourth powers of large counts would leave single precision.
    e1 = mean / variance
    e2 = e1 * mean
    square = y - mean
    square *= square
    square /= variance
    np.minimum(square, 1.0, out=square)
    square *= _CONSISTENT
    square -= e1
    more = uncertain * e2
    square -= more
    # Below a few counts a cut square says more of the cut than of the spread.
    trust = mean / np.add(mean, 2.0, out=more)
    trust *= np.multiply(trust, times, out=more)
    keep = 0.5 ** (times / _HALF_LIFE)
    if seen is None:
        sums *= keep
    else:
        trust *= seen
        sums *= np.where(seen, np.float32(keep), np.float32(1.0))
    a1, a2 = trust * e1, trust * e2
    for which, (one, other) in enumerate(((a1, e1), (a1, e2), (a2, e2), (a1, square), (a2, square))):
        sums[which] += np.multiply(one, other, out=more)


def misfit(found: Floats, y: Floats, mean: Floats, spread: Floats, before: tuple[Floats, Floats]) -> Floats:
    """Return what single windows (rows,) lack of α beside what `solve` gives, after one more of them.

    In `solve` windows from when the variance was far too small outweigh all others, and what the cut leaves of squares
    lets it grow for months. So what is missing is also found by steps (Robbins and Monro, 1951), as for a quantile:
    up where more is left of a square, in variances, than would be if the variance were right, down where less. The
    squares are those of differences between neighbouring windows (von Neumann, 1941), which hours of an event and
    closed days do not change. `before` is what the window before was and was expected to be, nothing where unknown.
    """
    wide = spread - (AMENDS - 1.0) * found
    relative = wide + 1.0 / mean
    last = np.maximum(before[1], 1e-6)
    left = y / mean
    left -= before[0] / last
    left *= left
    left *= 0.5
    left /= relative
    np.minimum(left, 1.0, out=left)
    least = np.minimum(mean, before[1])
    trust = least - _BLIND
    least += 2.0
    trust = np.divide(np.maximum(trust, 0.0, out=trust), least, out=trust)
    skewed, slack = np.minimum(wide, 1.0, out=wide), mean * mean
    # Small counts and long sides leave about the same of a square whether it is too wide or not.
    slack /= slack + 9.0
    slack *= _SLACK
    slack *= 1.0 - 0.6 * skewed
    left -= _USUAL
    left -= slack
    skewed *= _SKEWED
    left += skewed
    trust *= _MISFIT_RATE
    trust *= left
    trust *= relative
    trust += found
    grown: Floats = np.minimum(np.maximum(trust, 0.0, out=trust), 10.0, out=trust)
    return grown
