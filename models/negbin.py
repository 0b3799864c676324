"""The negative binomial in the (mean, dispersion) form: exact tails, a fast band, likelihood ratios.

Y has mean μ and variance μ + αμ²; r = 1/α is its size and μ/(μ+r) the success probability. All functions are
vectorised, take float64 arrays and give no numpy warning for μ ≥ `LEAST_MEAN`, α ≥ `LEAST_DISPERSION`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_MEAN: Final = 1e-6
LEAST_DISPERSION: Final = 1e-4
"""Below it the distribution is a Poisson to within a thousandth for means up to ten, and r stays a sane number."""
LEAST_P: Final = 1e-300


def tails(
    y: NDArray[np.float64], mean: NDArray[np.float64], dispersion: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mid-p tails (upper, lower) of whole numbers `y`.

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


def quick_tails(
    y: NDArray[np.float64], mean: NDArray[np.float64], dispersion: NDArray[np.float64], z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `tails` does at a third of its price: exact where `z` (the `residual`) is beyond 2 either way.

    Ordinary windows, where nothing hangs on the third digit, take the normal approximation of Peizer and Pratt (1968)
    to the tail of the same beta: within 0.001 for the means and dispersions it is used for.
    """
    usual = (np.abs(z) < 2.0) & (mean > 4.0) & (dispersion < 0.4)
    upper, lower = np.empty_like(y), np.empty_like(y)
    rare = np.flatnonzero(~usual)
    if len(rare):
        upper[rare], lower[rare] = tails(y[rare], mean[rare], dispersion[rare])
    body = np.flatnonzero(usual)
    if len(body):
        r = 1.0 / dispersion[body]
        q = mean[body] / (mean[body] + r)
        k = y[body]
        n, held, rest = k + r, k + 0.5, r - 0.5
        expected = n * q
        away = held - expected
        deviance = held * np.log(held / expected) + rest * np.log(rest / (n - expected))
        shift = k + 2.0 / 3.0 - (n + 1.0 / 3.0) * q + 0.02 * ((1.0 - q) / (k + 1.0) - q / r + (q - 0.5) / (n + 1.0))
        # At the middle both are zero; there their ratio is that of a plain standard deviation.
        flat = np.abs(away) < 1e-3
        ratio = np.sqrt(2.0 * np.maximum(deviance, 0.0) / (1.0 + 1.0 / (6.0 * n))) / np.where(flat, 1.0, np.abs(away))
        ratio = np.where(flat, 1.0 / np.sqrt(expected * (1.0 - q)), ratio)
        upper[body] = special.ndtr(-shift * ratio) + 0.5 * _point(k, r, q)
        lower[body] = 1.0 - upper[body]
    return upper, lower


def _point(y: NDArray[np.float64], r: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(Y = y)."""
    logs = special.gammaln(y + r) - special.gammaln(r) - special.gammaln(y + 1.0) + y * np.log(q) + r * np.log1p(-q)
    point: NDArray[np.float64] = np.exp(np.minimum(logs, 0.0))
    return point


def residual(y: NDArray[np.float64], mean: NDArray[np.float64], dispersion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance-stabilised residual ∫ du/√(u + αu²) from μ to y (Anscombe, 1948; both raised by 3/8).

    By the midpoint rule on the square-root scale: within a hundredth of (2/√α)[asinh √(αy) - asinh √(αμ)] up to
    three deviations, at a third of its price.
    """
    middle = 0.25 * (np.sqrt(y + 0.375) + np.sqrt(mean + 0.375)) ** 2
    z: NDArray[np.float64] = (y - mean) / np.sqrt(middle * (1.0 + dispersion * middle))
    return z


def band(
    z: float, mean: NDArray[np.float64], dispersion: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the counts (lower, upper) whose `residual` is -z and z: quantiles to within about one count.

    From sinh(t ± d) = sinh t cosh d ± cosh t sinh d, so that no inverse function is needed.
    """
    inner = dispersion * (mean + 0.375)
    sine, cosine = np.sqrt(inner), np.sqrt(1.0 + inner)
    step = np.exp(np.minimum(0.5 * z * np.sqrt(dispersion), 300.0))
    even, odd = 0.5 * (step + 1.0 / step), 0.5 * (step - 1.0 / step)
    low = np.maximum(sine * even - cosine * odd, 0.0) ** 2 / dispersion - 0.375
    high = (sine * even + cosine * odd) ** 2 / dispersion - 0.375
    # A count of 1e15 is beyond any camera.
    return np.clip(low, 0.0, 1e15), np.clip(high, 0.0, 1e15)


def log_ratio(
    y: NDArray[np.float64],
    other: NDArray[np.float64],
    mean: NDArray[np.float64],
    dispersion: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return log f(y; other) - log f(y; mean) at the same dispersion: the gamma functions cancel."""
    r = 1.0 / dispersion
    grown = np.log((other + r) / (mean + r))
    ratio: NDArray[np.float64] = y * (np.log(other / mean) - grown) - r * grown
    return ratio
