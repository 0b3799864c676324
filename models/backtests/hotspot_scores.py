"""How good forecasts of hotspots are: hit rates, paired intervals, what they expect of themselves, and the ceiling."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

SHARES: Final = (0.01, 0.03, 0.05, 0.10)
"""Shares of the area that scores are given for."""
_DRAWS: Final = 4000
_WEEK: Final = 7


def top(cells: int, share: float) -> int:
    """Return how many cells a share of the area is."""
    return max(1, round(share * cells))


def hits_of(risk: NDArray[np.float32], hits: NDArray[np.int32], share: float) -> NDArray[np.int64]:
    """Return how many incidents of each day lay in the riskiest share of the cells, (days,)."""
    count = top(risk.shape[1], share)
    best = np.argsort(-risk, axis=1, kind="stable")[:, :count]
    found: NDArray[np.int64] = np.take_along_axis(hits, best, axis=1).sum(axis=1, dtype=np.int64)
    return found


def hit_rates(risk: NDArray[np.float32], hits: NDArray[np.int32]) -> dict[float, float]:
    """Return the share of incidents inside the riskiest cells of their day, by share of the area."""
    return {share: float(hits_of(risk, hits, share).sum()) / max(int(hits.sum()), 1) for share in SHARES}


def pei(risk: NDArray[np.float32], hits: NDArray[np.int32], share: float) -> float:
    """Return PEI*: incidents found over the most that so many cells of each day held."""
    return float(hits_of(risk, hits, share).sum()) / max(int(hits_of(hits.astype(np.float32), hits, share).sum()), 1)


def expects(risk: NDArray[np.float32], share: float) -> float:
    """Return the hit rate that forecasts expect of themselves."""
    count = top(risk.shape[1], share)
    best = -np.partition(-risk, count - 1, axis=1)[:, :count]
    return float(best.sum(dtype=np.float64) / max(float(risk.sum(dtype=np.float64)), 1e-300))


def difference(one: NDArray[np.int64], other: NDArray[np.int64], came: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the difference of two hit rates and its 95 % interval, of daily hits and incidents (days,) each.

    Whole weeks are drawn, of both alike (a paired block bootstrap, Künsch 1989), so that what is good or bad luck for
    both does not count, and days that lean on each other stay together.
    """
    weeks = np.arange(len(came)) // _WEEK
    gained, total = (np.bincount(weeks, days) for days in (one - other, came))
    drawn = np.random.default_rng(1).integers(0, len(total), (_DRAWS, len(total)))
    rates = gained[drawn].sum(axis=1) / np.maximum(total[drawn].sum(axis=1), 1)
    low, high = np.quantile(rates, (0.025, 0.975))
    return float(gained.sum() / max(total.sum(), 1)), float(low), float(high)


def ceiling(counts: NDArray[np.int64]) -> dict[float, float]:
    """Return the hit rates of somebody who knew each cell's true mean rate, given the cells' counts (cells,).

    The distribution of the rates is the mixture of Poisson distributions that is likeliest to give these counts (Laird
    1978), found by expectation-maximisation. It knows nothing of rates that change, so that near repeats come on top.
    """
    rates = np.append(1e-6, np.geomspace(0.02, max(2.0 * float(counts.max(initial=1)), 1.0), 250))
    values, number = np.unique(counts, return_counts=True)
    log = values[:, None] * np.log(rates) - rates - special.gammaln(values + 1.0)[:, None]
    likely = np.exp(log - log.max(axis=1, keepdims=True))
    weight = np.full(len(rates), 1.0 / len(rates))
    for _ in range(2000):
        duty = likely * weight
        duty /= np.maximum(duty.sum(axis=1, keepdims=True), 1e-300)
        weight = number @ duty / number.sum()
    mass, area = (weight * rates)[::-1].cumsum(), weight[::-1].cumsum()
    found = {share: float(np.interp(share, np.append(0.0, area), np.append(0.0, mass))) for share in SHARES}
    return {share: one / max(float(mass[-1]), 1e-300) for share, one in found.items()}


def score(risk: NDArray[np.float32], hits: NDArray[np.int32]) -> dict[str, dict[str, float]]:
    """Return ``hit_rate``, ``pai`` (hit rate over the share of the area) and ``pei`` by share of the area."""
    rates = hit_rates(risk, hits)
    return {
        "hit_rate": {f"{share:g}": rate for share, rate in rates.items()},
        "pai": {f"{share:g}": rate / share for share, rate in rates.items()},
        "pei": {f"{share:g}": pei(risk, hits, share) for share in SHARES},
    }


def compare(
    risk: NDArray[np.float32], other: NDArray[np.float32], hits: NDArray[np.int32]
) -> dict[str, dict[str, float | str]]:
    """Return by share of the area how much more is hit, ``by``, its interval, and ``better``, ``worse`` or ``none``."""
    came = hits.sum(axis=1, dtype=np.int64)
    found: dict[str, dict[str, float | str]] = {}
    for share in SHARES:
        by, low, high = difference(hits_of(risk, hits, share), hits_of(other, hits, share), came)
        told = "better" if low > 0 else "worse" if high < 0 else "none"
        found[f"{share:g}"] = {"by": by, "low": low, "high": high, "difference": told}
    return found
