"""How rare a score is: the scores of ordinary days, and a generalised Pareto law where they become few.

Over a high threshold u, the excesses of almost any distribution follow P(X - u > x | X > u) = (1 + ξx/σ)^(-1/ξ)
(Pickands 1975; Balkema and de Haan 1974). ξ and σ are estimated by probability-weighted moments (Hosking and Wallis,
Technometrics 1987), which are steady where there are only some dozens of excesses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BODY: Final = 257
_SHARE: Final = 0.01
_FEWEST: Final = 40
"""Excesses that the tail is fitted to, at least."""
_CLAIM: Final = 0.05
"""Of one in n: no probability is claimed that is smaller than this, whatever the law says."""


@dataclass(frozen=True, slots=True)
class ScoreTail:
    """P(score of an ordinary window ≥ s), for any s.

    Raises ValueError, naming what is wrong, where the numbers are no such law.
    """

    body: NDArray[np.float64]
    """Evenly spaced quantiles of the scores up to the threshold, rising."""
    share: float
    """P(score > threshold); the threshold is the last of `body`."""
    scale: float
    shape: float
    least: float
    """Smallest probability that is claimed."""

    def __post_init__(self) -> None:
        body = self.body
        if body.ndim != 1 or len(body) < 2 or not np.isfinite(body).all() or (np.diff(body) < 0).any():
            raise ValueError("tail: the quantiles are not rising numbers")
        if not 0.0 < self.share < 1.0:
            raise ValueError(f"tail: the share over the threshold is {self.share}, expected between 0 and 1")
        if not (1e-9 <= self.scale <= 1e9 and -10.0 <= self.shape <= 10.0):
            raise ValueError(f"tail: scale {self.scale} and shape {self.shape} are no generalised Pareto law")
        if not 0.0 < self.least <= self.share:
            raise ValueError(f"tail: the smallest probability is {self.least}, expected up to {self.share}")

    @classmethod
    def fit(cls, scores: NDArray[np.floating[Any]]) -> "ScoreTail":
        """Fit to scores of ordinary windows that the model was not grown from. Raises ValueError for fewer than 400."""
        ordered = np.sort(np.asarray(scores, dtype=np.float64))
        n = len(ordered)
        if n < 10 * _FEWEST:
            raise ValueError(f"{n} scores are too few for a tail, expected at least {10 * _FEWEST}")
        share = max(_SHARE, _FEWEST / n)
        body = np.quantile(ordered, np.linspace(0.0, 1.0 - share, _BODY))
        excess = ordered[ordered > body[-1]] - body[-1]
        if len(excess) < _FEWEST // 2:  # so many equal scores that there is nothing to fit
            spread = max(float(ordered[-1] - body[-1]), 1e-6)
            return cls(body, share, spread, 0.0, _CLAIM / n)
        # Excesses rise here; the second moment weighs each by the share that lies over it.
        over = 1.0 - (np.arange(1, len(excess) + 1) - 0.35) / len(excess)
        first, second = float(excess.mean()), float((over * excess).mean())
        gap = max(first - 2.0 * second, 1e-3 * first)
        shape = float(np.clip(2.0 - first / gap, -2.0, 0.5))
        scale = max((1.0 - shape) * first, 1e-9)
        return cls(body, float(len(excess) / n), scale, shape, _CLAIM / n)

    def p(self, score: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the tail probability of each score, `least` to 1."""
        s = np.asarray(score, dtype=np.float64)
        grid = np.linspace(1.0, self.share, len(self.body))
        ordinary = np.interp(s, self.body, grid)
        over = np.maximum(s - self.body[-1], 0.0) / self.scale
        if abs(self.shape) < 1e-6:
            beyond = np.exp(-np.minimum(over, 700.0))
        else:
            beyond = np.maximum(1.0 + self.shape * over, 1e-300) ** (-1.0 / self.shape)
        probability: NDArray[np.float64] = np.where(over > 0, self.share * beyond, ordinary)
        return np.clip(probability, self.least, 1.0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` takes."""
        return {"body": self.body, "law": np.array([self.share, self.scale, self.shape, self.least])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ScoreTail":
        """Take what `arrays` gave. Raises ValueError where it is no law."""
        body, law = arrays.get("body"), arrays.get("law")
        if body is None or body.dtype != np.float64 or law is None or law.dtype != np.float64 or law.shape != (4,):
            raise ValueError("tail: expected the arrays 'body' and, of four numbers, 'law'")
        return cls(body, *law.tolist())
