"""Figures of calibration: honest models pass, others are told what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from models.backtests.calibration import Calibration, Tally, count_intervals, level_intervals
from models.baselines import negbin

RNG = np.random.default_rng(11)


def counted(
    mean: float, spread: float, *, said_mean: float = 0.0, said_spread: float = 0.0, n: int = 6000
) -> Calibration:
    """Figures of counts with one mean and dispersion, judged by a model that says another."""
    size = 1.0 / spread
    y = RNG.negative_binomial(size, size / (size + mean), n).astype(np.float64)
    told, width = np.full(n, said_mean or mean), np.full(n, said_spread or spread)
    upper_tail, lower_tail = negbin.tails(y, told, width)
    p = np.minimum(upper_tail, lower_tail)
    low, high = negbin.band(2.5758, told, width)
    tally = Tally(2)
    inside = (y >= np.floor(low)) & (y <= np.ceil(high))
    tally.add(np.ones(n, dtype=np.int64), count_intervals(y, told, np.ceil(high), p), p, inside)
    assert tally.figures(0) is None
    found = tally.figures(1)
    assert found is not None
    return found


@pytest.mark.parametrize("mean", [0.05, 0.6, 3.0, 25.0, 400.0])
@pytest.mark.parametrize("spread", [0.002, 0.1, 0.6])
def test_counts_from_the_model_itself_are_calibrated_however_few(mean, spread):
    found = counted(mean, spread)
    assert found.distance < 0.05
    assert found.below_1pct < 0.02
    assert found.inside > 0.95, "the band is a quick one"
    assert found.verdict == "good"


def test_what_is_wrong_is_told():
    assert counted(25.0, 0.3, said_spread=0.01).verdict == "narrow"
    assert counted(25.0, 0.01, said_spread=1.0).verdict == "wide"
    assert counted(25.0, 0.05, said_mean=32.0, said_spread=0.12).verdict == "shifted"
    assert counted(25.0, 0.05, n=200).verdict == "little"


def test_readings_are_points():
    z = RNG.normal(size=5000)
    p = np.minimum(special.ndtr(z), special.ndtr(-z))
    for scale, verdict in ((1.0, "good"), (3.0, "wide")):
        q = np.minimum(special.ndtr(z / scale), special.ndtr(-z / scale))
        tally = Tally(1)
        tally.add(
            np.zeros(5000, dtype=np.int64), level_intervals(50 + z, np.full(5000, 50.0), q), q, np.abs(z) < 2.5758
        )
        found = tally.figures(0)
        assert found is not None
        assert found.verdict == verdict
    assert (2 * p < 0.01).mean() == pytest.approx(0.01, abs=0.006)


def test_portions_add_up():
    whole, parts = Tally(3), Tally(3)
    series, p = RNG.integers(0, 3, 300), RNG.uniform(0, 0.5, 300)
    interval, inside = (p, p + 0.1), p > 0.01
    whole.add(series, interval, p, inside)
    for begin in range(0, 300, 70):
        cut = slice(begin, begin + 70)
        parts.add(series[cut], (interval[0][cut], interval[1][cut]), p[cut], inside[cut])
    for index in range(3):
        one, other = whole.figures(index), parts.figures(index)
        assert one is not None
        assert other is not None
        assert one.windows == other.windows
        assert one.distance == pytest.approx(other.distance)
