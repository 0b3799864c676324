"""The negative binomial in the (mean, dispersion) form: exact tails, a fast band, likelihood ratios.

Y has mean μ and variance μ + αμ²; r = 1/α is its size and μ/(μ+r) the success probability. All functions are
vectorised and give no numpy warning for μ ≥ `LEAST_MEAN`, α ≥ `LEAST_DISPERSION`. Single precision is enough for all
but the exact tails, and three to eight times as fast. Where ten thousand series pass at every tick, sums and products
are written in place: half of the price of a plain one is that of the new array.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

LEAST_MEAN: Final = 1e-6
LEAST_DISPERSION: Final = 1e-4
"""Below it the distribution is a Poisson to within a thousandth for means up to ten, and r stays a sane number."""
LEAST_P: Final = 1e-300
_NEAR: Final = 2.8
"""Residual up to which tails are approximated: beyond, about one ordinary window in 200, they are exact."""
_FEW: Final = 6
_ALWAYS: Final = 2.5
_TIMES: Final = 4.0
"""Up to so many, and so many times the mean, a count is no crowd."""
SMALL: Final = 2.0
"""Means below it have a band that is summed up."""
_MANY: Final = 40
_AT_ONCE: Final = 6
"""So many counts are summed up in one step: nearly all bands of small means end among the first."""
_WIDE: Final = 1.0
"""Above it the normal approximation is worse than 0.01."""
_ROUNDING: Final = 1e-7
_RARE: Final = 1e-3
_ROOT: Final = 0.3989422804014327
"""1 / √(2π)."""


def tails(y: Doubles, mean: Doubles, dispersion: Doubles) -> tuple[Doubles, Doubles]:
    """Return the mid-p tails (upper, lower) of whole numbers `y`; give it double precision.

    P(Y ≥ y) = I_q(y, r) with q = μ/(μ+r), the regularised incomplete beta function. The mid-p takes half of the
    point's own probability, which makes tails of discrete counts uniform on average (Lancaster, 1961). Precise to
    machine accuracy for the upper tail; the lower one loses precision below 1e-15 and is floored there.
    """
    r = 1.0 / dispersion
    q = mean / (mean + r)
    at_least = np.where(y > 0, special.betainc(np.maximum(y, 1.0), r, q), 1.0)
    # Far out the point is a difference of large logarithms; it is never more than what it is a part of.
    upper = np.clip(at_least - 0.5 * np.minimum(_point(y, r, q), at_least), LEAST_P, 1.0)
    return upper, np.clip(1.0 - upper, 1e-16, 1.0)


def crowd(y: Floats, mean: Floats) -> NDArray[np.bool_]:
    """Tell where a count is far more than the few that were expected.

    Near zero the `residual` saturates: at a mean of 0.06 no number is two deviations from it. There it is the exact
    tail that says how rare a count is; this says where it must be asked.
    """
    most = _TIMES * mean
    most += _ALWAYS
    more: NDArray[np.bool_] = y > most
    return more


def quick_tails(y: Floats, mean: Floats, dispersion: Floats, z: Floats) -> tuple[Doubles, Doubles]:
    """Return what `tails` does at a twentieth of its price: exact where `z` (the `residual`) is beyond 2.8 either way.

    In ordinary windows nothing hangs on the third digit. Up to `_FEW` counts their tail is a sum of the probabilities
    of 0, 1, 2, …; above, it is Paulson's normal approximation (1942) to the same beta, within 0.003 for α up to
    0.4 and 0.01 up to one.
    """
    single = _cube_root(y, mean, dispersion)
    far, few = (np.abs(z) >= _NEAR) | crowd(y, mean), y <= _FEW
    some = (few & ~far).nonzero()[0]
    if len(some):
        single[some] = _summed(y[some], mean[some], dispersion[some])
    np.minimum(np.maximum(single, _ROUNDING, out=single), 1.0 - _ROUNDING, out=single)
    upper = single.astype(np.float64)
    lower = 1.0 - upper
    rare = (far | ((dispersion >= _WIDE) & ~few)).nonzero()[0]
    if len(rare):
        upper[rare], lower[rare] = tails(*(values[rare].astype(np.float64) for values in (y, mean, dispersion)))
    return upper, lower


def rarity(p: Doubles) -> Doubles:
    """Return -log10 of probabilities: to single precision for those that are not rare."""
    single = p.astype(np.float32)
    np.log(np.maximum(single, np.float32(1e-37), out=single), out=single)
    single *= np.float32(-1.0 / np.log(10.0))
    out = single.astype(np.float64)
    rare = (p < _RARE).nonzero()[0]
    out[rare] = -np.log10(p[rare])
    return out


def _summed(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Upper mid-p tail of small counts: P(0) = (1 + αμ)^(-1/α), P(k+1) = P(k) · (1 + αk)/(k + 1) · μ/(1 + αμ)."""
    order = np.argsort(y.astype(np.uint8), kind="stable")
    mean, dispersion = mean[order], dispersion[order]
    inner = dispersion * mean
    step = mean / (1.0 + inner)
    growth = dispersion * step
    point = np.exp(-_log1p(inner) / dispersion)
    lower = np.zeros_like(point)
    ends = np.cumsum(np.bincount(y.astype(np.intp))).tolist()
    for k, (begin, end) in enumerate(pairwise([0, *ends])):
        # One for what lies below y, a half for y itself, nothing above.
        lower[begin:end] += 0.5 * point[begin:end]
        lower[end:] += point[end:]
        point[end:] *= growth[end:] * (k / (k + 1)) + step[end:] * (1 / (k + 1))
    out = np.empty_like(lower)
    out[order] = 1.0 - lower
    return out


def _cube_root(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Upper mid-p tail of larger counts, from Paulson's normal deviate of the variance ratio, between the counts.

    Y ≤ k just when an F with 2(k + 1) and 2/α degrees of freedom exceeds μ/(k + 1). The mid-p is the mean of the
    tails half a count to either side: to second order the tail in the middle, less an eighth of its curvature.
    """
    middle = y + 0.5
    # (far out the cube root of nothing would be: those tails are exact anyway)
    own, other = (1.0 / 9.0) / middle, dispersion * (1.0 / 9.0)
    root = mean / middle
    np.log(root, out=root)
    root *= 1.0 / 3.0
    np.exp(root, out=root)
    deviate = 1.0 - other
    deviate *= root
    deviate -= 1.0 - own
    other *= root
    other *= root
    other += own
    deviate /= np.sqrt(other, out=other)
    size = np.abs(deviate)
    density = -0.5 * size
    density *= size
    np.exp(density, out=density)
    density *= _ROOT
    # Abramowitz and Stegun 26.2.17, within 7.5e-8.
    t = 0.2316419 * size
    t += 1.0
    np.divide(1.0, t, out=t)
    series = t * 1.330274429
    for coefficient in (-1.821255978, 1.781477937, -0.356563782):
        series += coefficient
        series *= t
    series += 0.319381530
    series *= np.multiply(density, t, out=t)
    curve = dispersion * middle
    curve += 1.0
    middle *= 8.0
    curve *= middle
    density *= size
    density /= curve
    series += density
    upper: Floats = np.subtract(0.5, series, out=series)
    np.copysign(upper, deviate, out=upper)
    upper += 0.5
    return upper


def _log1p(x: Floats) -> Floats:
    """log(1 + x) for x ≥ 0 to the last digit; numpy's own has no vector instructions."""
    whole = 1.0 + x
    logs: Floats = np.log(whole) - ((whole - 1.0) - x) / whole
    return logs


def _point(y: Doubles, r: Doubles, q: Doubles) -> Doubles:
    """P(Y = y)."""
    logs = special.gammaln(y + r) - special.gammaln(r) - special.gammaln(y + 1.0) + y * np.log(q) + r * np.log1p(-q)
    point: Doubles = np.exp(np.minimum(logs, 0.0))
    return point


def variance(mean: Floats, dispersion: Floats) -> Floats:
    """Return μ + αμ²."""
    wide: Floats = dispersion * mean
    wide *= mean
    wide += mean
    return wide


def residual(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Return the variance-stabilised residual ∫ du/√(u + αu²) from μ to y (Anscombe, 1948; both raised by 3/8).

    By the midpoint rule on the square-root scale: within a hundredth of (2/√α)[asinh √(αy) - asinh √(αμ)] up to
    three deviations, at a third of its price.
    """
    middle, root = y + 0.375, mean + 0.375
    np.sqrt(middle, out=middle)
    middle += np.sqrt(root, out=root)
    middle *= middle
    middle *= 0.25
    wide = np.multiply(dispersion, middle, out=root)
    wide += 1.0
    wide *= middle
    z: Floats = np.subtract(y, mean, out=middle)
    z /= np.sqrt(wide, out=wide)
    return z


def band(z: float | Floats, mean: Floats, dispersion: Floats) -> tuple[Floats, Floats]:
    """Return the counts (lower, upper) whose `residual` is -z and z: quantiles to within about one count.

    The upper end of small means is summed up: the residual, which saturates there, says hundreds of thousands. The
    others follow from sinh(t ± d) = sinh t cosh d ± cosh t sinh d, so that no inverse function is needed.
    """
    inner = mean + 0.375
    inner *= dispersion
    sine = np.sqrt(inner)
    inner += 1.0
    cosine = np.sqrt(inner, out=inner)
    step = np.sqrt(dispersion)
    step *= 0.5 * z
    np.exp(np.minimum(step, 15.0, out=step), out=step)
    back = 1.0 / step
    sine *= 0.5 * (step + back)
    cosine *= 0.5 * (step - back)
    low, high = sine - cosine, np.add(sine, cosine, out=sine)
    np.maximum(low, 0.0, out=low)
    low *= low
    high *= high
    # A count of 1e15 is beyond any camera.
    lower, upper = np.maximum(low / dispersion - 0.375, 0.0), np.minimum(high / dispersion - 0.375, 1e15)
    few = (mean < SMALL).nonzero()[0]
    if len(few):
        beyond = special.ndtr(-np.asarray(z))
        upper[few] = _quantile(beyond[few] if beyond.ndim else beyond, mean[few], dispersion[few])
    return lower, upper


def _quantile(beyond: Doubles, mean: Floats, dispersion: Floats) -> Floats:
    """Return the smallest counts, up to `_MANY`, above which lies no more than `beyond`."""
    inner = dispersion * mean
    step = mean / (1.0 + inner)
    point = np.exp(-_log1p(inner) / dispersion)
    left, end = 1.0 - point, np.zeros_like(point)
    which = np.arange(len(point))
    for first in range(1, _MANY, _AT_ONCE):
        k = np.arange(first, min(first + _AT_ONCE, _MANY), dtype=mean.dtype)[:, None]
        points = dispersion * (k - 1.0)
        points += 1.0
        points /= k
        points *= step
        beyond_each = np.empty_like(points)
        for one, out in zip(points, beyond_each, strict=True):
            # (one row after the other: numpy's own accumulate goes down the columns)
            out[:] = left
            left = np.subtract(left, np.multiply(one, point, out=one))
            point = one
        end[which] += np.add.reduce((beyond_each > beyond).view(np.uint8), axis=0, dtype=np.uint8)
        more = (left > beyond).nonzero()[0]
        if not len(more):
            break
        which, left, point = which[more], left[more], point[more]
        step, dispersion = step[more], dispersion[more]
        beyond = beyond[more] if beyond.ndim else beyond
    return end


def log_ratio(
    y: Floats,
    other: Floats,
    mean: Floats,
    dispersion: Floats,
) -> Floats:
    """Return log f(y; other) - log f(y; mean) at the same dispersion; there may be several others, (others, rows).

    The gamma functions cancel.
    """
    r = 1.0 / dispersion
    grown = other + r
    grown /= mean + r
    np.log(grown, out=grown)
    ratio: Floats = other / mean
    np.log(ratio, out=ratio)
    ratio -= grown
    ratio *= y
    ratio -= np.multiply(grown, r, out=grown)
    return ratio
