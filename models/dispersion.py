"""How much more than a Poisson counts vary: Var = (1 + φ)μ + αμ², learnt robustly for many series and time scales.

φ stands for people and cars that come in groups, α for days that are busier than others. Both follow from forgetting
least squares of (y-μ)² - μ on (μ, μ²). Squares are cut at the variance itself and scaled up again (Huber's Proposal 2
with c = 1): events, which are what is looked for, hardly widen the band they must leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUMS: Final = 5
"""Normal equations of one series and scale: a11, a12, a22, b1, b2."""
_CONSISTENT: Final = 1.93776
"""1 / E[min(Z², 1)] for a standard normal Z: makes the cut squares unbiased in the body."""


@dataclass(frozen=True)
class DispersionConfig:
    """Where φ and α start, and what that is worth."""

    group: float = 0.4
    """φ of a series that nothing is known of, and the least of any: people and cars come in groups, and a camera that
    seems to count like dice has only not shown it yet."""
    busy: float = 0.005
    """α of one."""
    group_worth: float = 500.0
    """Windows that the starting φ counts for."""
    busy_worth: float = 5e4
    """Squared counts that the starting α counts for: small series cannot tell α from φ."""
    half_life: float = 4000.0
    """In windows."""


def solve(sums: NDArray[np.float64], config: DispersionConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (φ, α) of sums with the first axis `SUMS`."""
    a11, a12, a22 = sums[0] + config.group_worth, sums[1], sums[2] + config.busy_worth
    b1 = sums[3] + config.group_worth * config.group
    b2 = sums[4] + config.busy_worth * config.busy
    determinant = a11 * a22 - a12 * a12
    group = (a22 * b1 - a12 * b2) / determinant
    busy = (a11 * b2 - a12 * b1) / determinant
    busy = np.where(group < 0, np.maximum(b2, 0.0) / a22, busy)
    group = np.where(busy < 0, np.maximum(b1, 0.0) / a11, np.maximum(group, 0.0))
    return np.maximum(group, config.group), np.maximum(busy, 0.0)


def observe(
    sums: NDArray[np.float64],
    y: NDArray[np.float64],
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    uncertain: NDArray[np.float64],
    keep: float,
    seen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the sums with one more window each.

    Parameters
    ----------
    sums
        (SUMS, …, rows).
    y, mean, variance
        (…, rows): what was counted, expected, and the variance that was expected (with `uncertain`).
    uncertain
        (rows,): relative variance of the mean itself; that part is not the series' own.
    keep
        Share of the past that is kept.
    seen
        (rows,): windows that count.
    """
    square = np.minimum((y - mean) ** 2, variance) * _CONSISTENT - mean - uncertain * mean**2
    # Below a few counts a cut square says more of the cut than of the spread.
    trust = np.where(seen, (mean / (mean + 2.0)) ** 2, 0.0) / variance**2
    e1, e2 = mean, mean * mean
    fresh = np.stack([trust * e1 * e1, trust * e1 * e2, trust * e2 * e2, trust * e1 * square, trust * e2 * square])
    return sums * np.where(seen, keep, 1.0) + fresh
