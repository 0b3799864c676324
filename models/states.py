"""The hidden state of a count series: normal, surge, deficit or dead, filtered forward one window at a time.

In the spirit of the Markov-modulated Poisson process of Ihler, Hutchins and Smyth (KDD 2006), but online, with a
negative binomial instead of a Poisson, and with events as a small mixture of sizes instead of a sampled one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import negbin

if TYPE_CHECKING:
    from numpy.typing import NDArray

NORMAL, SURGE, DEFICIT, DEAD, YOUNG = range(5)
STATES: Final = 4


@dataclass(frozen=True)
class FilterConfig:
    """How often states begin and how long they last."""

    every_s: tuple[float, float, float] = (4 * 86_400.0, 8 * 86_400.0, 60 * 86_400.0)
    """Mean time between the beginnings of surge, deficit, dead."""
    lasts_s: tuple[float, float, float] = (5_400.0, 5_400.0, 86_400.0)
    """Mean length of surge, deficit, dead."""
    surge_sizes: tuple[float, ...] = (2.0, 4.0, 8.0)
    """Sizes of surges, in standard deviations of the normal state."""
    deficit_shares: tuple[float, ...] = (0.25, 0.6)
    """What is left of the expected count in a deficit."""


def transition(config: FilterConfig, window_s: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (probability of beginning, probability of staying) per window for surge, deficit, dead."""
    begin = 1.0 - np.exp(-window_s / np.asarray(config.every_s))
    stay = np.exp(-window_s / np.asarray(config.lasts_s))
    return begin, stay


def ahead(
    pi: NDArray[np.float64], begin: NDArray[np.float64], stay: NDArray[np.float64], windows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move state probabilities (4, rows) ahead by a number of windows (rows,), without looking.

    Each event state is a two-state chain with normal (events rarely overlap): exact for one window, and relaxing to
    the stationary share over many.
    """
    rest = (begin / (begin + 1.0 - stay))[:, None]
    relax = (stay - begin)[:, None].clip(0.0, 1.0)
    if (windows != 1.0).any():
        relax = relax ** windows[None, :]
    events = rest + (pi[1:] - rest) * relax
    events = np.clip(events, 1e-12, 1.0)
    total = events.sum(axis=0)
    scale = np.where(total > 0.999, 0.999 / total, 1.0)
    events *= scale
    return np.concatenate([(1.0 - events.sum(axis=0))[None, :], events])


def log_likelihoods(
    y: NDArray[np.float64], mean: NDArray[np.float64], dispersion: NDArray[np.float64], config: FilterConfig
) -> NDArray[np.float64]:
    """Return log likelihoods (4, rows) relative to the normal state."""
    deviation = np.sqrt(mean + dispersion * mean * mean)
    surge = _mixture([negbin.log_ratio(y, mean + size * deviation, mean, dispersion) for size in config.surge_sizes])
    deficit = _mixture([negbin.log_ratio(y, share * mean, mean, dispersion) for share in config.deficit_shares])
    r = 1.0 / dispersion
    # A dead camera says nothing but zeros; one count in a thousand windows is let through, not more.
    dead = np.where(y > 0, -6.9, r * np.log1p(mean / r))
    return np.stack([np.zeros_like(y), surge, deficit, dead])


def update(pi: NDArray[np.float64], log_likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply state probabilities by likelihoods and normalise; both (4, rows)."""
    logs = np.log(pi) + log_likelihood
    logs -= logs.max(axis=0)
    out = np.exp(logs)
    out /= out.sum(axis=0)
    return np.clip(out, 1e-12, 1.0)


def _mixture(logs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    stacked = np.stack(logs)
    top = stacked.max(axis=0)
    mixed: NDArray[np.float64] = top + np.log(np.exp(stacked - top).mean(axis=0))
    return mixed
