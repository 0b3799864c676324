"""How much more than a Poisson counts vary: Var = (1 + φ)μ + αμ², learnt robustly for many series and time scales.

φ stands for people and cars that come in groups, α for days that are busier than others. Both follow from forgetting
least squares of (y-μ)² - μ on (μ, μ²). Squares are cut at the variance itself and scaled up again (Huber's Proposal 2
with c = 1): events, which are what is looked for, hardly widen the band they must leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

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


def solve(sums: Floats, config: DispersionConfig) -> tuple[Floats, Floats]:
    """Return (φ, α) of sums with the first axis `SUMS`."""
    a11, a12, a22 = sums[0] + config.group_worth, sums[1], sums[2] + config.busy_worth
    b1 = sums[3] + config.group_worth * config.group
    b2 = sums[4] + config.busy_worth * config.busy
    scale = 1.0 / (a11 * a22 - a12 * a12)
    group = (a22 * b1 - a12 * b2) * scale
    busy = (a11 * b2 - a12 * b1) * scale
    # Neither is negative: where one would be, the other explains it all.
    np.copyto(busy, np.maximum(b2, 0.0) / a22, where=group < 0)
    np.copyto(group, b1 / a11, where=busy < 0)
    return np.maximum(group, config.group), np.maximum(busy, 0.0)


def observe(
    sums: Floats,
    y: Floats,
    mean: Floats,
    variance: Floats,
    uncertain: Floats,
    keep: float,
    seen: NDArray[np.bool_] | None = None,
) -> None:
    """Add one more window to the sums, in place.

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
        (rows,): windows that count; None for all.
    """
    # Everything relative to the variance: fourth powers of large counts would leave single precision.
    e1 = mean / variance
    e2 = e1 * mean
    square = np.minimum((y - mean) ** 2 / variance, 1.0) * _CONSISTENT - e1 - uncertain * e2
    # Below a few counts a cut square says more of the cut than of the spread.
    trust = mean / (mean + 2.0)
    trust *= trust
    if seen is None:
        sums *= keep
    else:
        trust *= seen
        sums *= np.where(seen, np.float32(keep), np.float32(1.0))
    a1, a2 = trust * e1, trust * e2
    for which, more in enumerate((a1 * e1, a1 * e2, a2 * e2, a1 * square, a2 * square)):
        sums[which] += more
