"""How well probabilities keep their word: of windows said to come once in a hundred times, one in a hundred should.

A model is calibrated where the probability integral transform (PIT) F(y) of what came is uniform. Counts jump, so each
window stands for the interval from F(y - 1) to F(y), as in the non-randomised PIT of Czado, Gneiting and Held
(Biometrics, 2009); for readings the interval is a point. The distance from uniform is that of Kolmogorov and Smirnov.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

BAND: Final = 0.99
"""What share of windows the band that is shown should hold."""
ENOUGH: Final = 288
"""Windows below which no verdict is given: a day of five minutes each."""
_BAND_Z: Final = 2.5758
_GRID: Final = np.linspace(0.0, 1.0, 41)[1:-1]
_LEAST: Final = 1e-4
_NARROW: Final = 2.5
"""With so many times more rare windows than expected, people are alerted to ordinary things."""
_WIDE: Final = 0.25
"""So much fewer rare windows than said, and something strange can pass."""
_FAR: Final = 0.1
"""Distance from uniform from which the middle of the forecast is wrong, too."""


def count_intervals(total: Floats, expected: Floats, upper: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Return the PIT intervals (F(y - 1), F(y)) of counts that were judged before.

    Parameters
    ----------
    total, expected, upper
        Count, mean and upper end of the central 99 % band, each (windows,).
    p
        The smaller of the two mid-p tail probabilities.

    Notes
    -----
    The tail probability gives the middle of the interval. Its width is the probability of the count itself: exactly
    2 p at zero; elsewhere that of a negative binomial whose dispersion follows from the band (the inverse of
    `models.baselines.negbin.residual`).
    """
    y, mean = np.rint(np.maximum(total, 0.0)), np.maximum(expected, 1e-6)
    end = np.maximum(upper - 0.5, mean)  # the band was rounded up
    middle = 0.25 * (np.sqrt(end + 0.375) + np.sqrt(mean + 0.375)) ** 2
    dispersion = np.clip((((end - mean) / _BAND_Z) ** 2 / middle - 1.0) / middle, _LEAST, 1e4)
    r = 1.0 / dispersion
    q = mean / (mean + r)
    at_least = np.where(y > 0, special.betainc(np.maximum(y, 1.0), r, q), 1.0)
    more = special.betainc(y + 1.0, r, q)
    point = np.where(y > 0, at_least - more, 2.0 * p)
    rising = (y > 0) & (0.5 * (at_least + more) < 0.5)
    centre = np.where(rising, 1.0 - p, p)
    return np.clip(centre - 0.5 * point, 0.0, 1.0), np.clip(centre + 0.5 * point, 0.0, 1.0)


def level_intervals(mean: Floats, expected: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Return the PIT of readings as intervals without width; arguments as in `count_intervals`."""
    at = np.where(mean > expected, 1.0 - p, p)
    return at, at


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a series' probabilities were worth over some time."""

    windows: int
    below_1pct: float
    """Share of windows that were as strange as one in a hundred should be (either side)."""
    below_5pct: float
    inside: float
    """Share of windows inside the band, of which `BAND` should be."""
    distance: float
    """Largest distance of the PIT's distribution from the uniform one, 0-1 (Kolmogorov-Smirnov)."""

    @property
    def verdict(self) -> str:
        """``little`` (to judge by), ``narrow`` (too many surprises), ``wide`` (too few), ``shifted`` or ``good``."""
        if self.windows < ENOUGH:
            return "little"
        # A handful of windows more or less is chance: three standard deviations of a share of one in a hundred.
        chance = 3.0 * float(np.sqrt(0.01 * 0.99 / self.windows))
        if self.below_1pct > _NARROW * 0.01 + chance:
            return "narrow"
        if self.distance > _FAR:
            return "wide" if self.below_5pct < _WIDE * 0.05 else "shifted"
        return "good"


class Tally:
    """Adds up windows of many series, a portion at a time; memory does not grow with the windows."""

    def __init__(self, series: int) -> None:
        self._sums = np.zeros((4, series))
        """Windows; those below 1 % and 5 %; those inside the band."""
        self._below = np.zeros((len(_GRID), series))
        """Windows whose PIT lies below each point of the grid, by share."""

    def add(
        self,
        series: NDArray[np.int64],
        interval: tuple[Floats, Floats],
        p: Floats,
        inside: NDArray[np.bool_],
    ) -> None:
        """Add windows, arrays (windows,): series, PIT interval, smaller tail probability, inside the band or not."""
        size = self._sums.shape[1]
        low, high = interval
        parts = (np.ones(len(series)), 2.0 * p < 0.01, 2.0 * p < 0.05, inside)
        for row, part in enumerate(parts):
            self._sums[row] += np.bincount(series, part, size)
        width = np.maximum(high - low, 1e-12)
        for row, point in enumerate(_GRID):
            self._below[row] += np.bincount(series, np.clip((point - low) / width, 0.0, 1.0), size)

    def figures(self, series: int) -> Calibration | None:
        """Return the figures of one series, None where it has no window."""
        n, below_1, below_5, inside = self._sums[:, series].tolist()
        if not n:
            return None
        distance = float(np.abs(self._below[:, series] / n - _GRID).max())
        return Calibration(round(n), below_1 / n, below_5 / n, inside / n, distance)
