"""The hidden state of a count series: normal, surge, deficit or dead, filtered forward one window at a time.

In the spirit of the Markov-modulated Poisson process of Ihler, Hutchins and Smyth (KDD 2006), but online, with a
negative binomial instead of a Poisson, and with events as a small mixture of sizes instead of a sampled one.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import HiddenState
from models.baselines import negbin

Floats = NDArray[np.floating[Any]]

NORMAL, SURGE, DEFICIT, DEAD, YOUNG = (int(state) for state in HiddenState)
"""As plain numbers: numpy is slower with members of an enumeration."""
STATES: Final = 4
LEAST: Final = 1e-12
"""No state is ever ruled out."""
_MOST: Final = 0.999
"""Largest probability of surge, deficit and dead together before a window is looked at."""


_EVERY_S: Final = (4 * 86_400.0, 8 * 86_400.0, 60 * 86_400.0)
"""Mean time between the beginnings of surge, deficit, dead."""
_LASTS_S: Final = (5_400.0, 5_400.0, 86_400.0)
"""Mean length of surge, deficit, dead."""
_SURGE_SIZES: Final = np.array([[2.0], [4.0], [8.0]], dtype=np.float32)
"""Sizes of surges, in standard deviations of the normal state."""
_DEFICIT_SHARES: Final = np.array([[0.25], [0.6]], dtype=np.float32)
"""What is left of the expected count in a deficit."""


def transition(window_s: int) -> tuple[Floats, Floats]:
    """Return (share in the long run, what is left of a difference from it after one window), each (3, 1).

    For surge, deficit and dead. Each is a two-state chain with normal: events rarely overlap.
    """
    begin = 1.0 - np.exp(-window_s / np.asarray(_EVERY_S))
    stay = np.exp(-window_s / np.asarray(_LASTS_S))
    share, left = begin / (begin + 1.0 - stay), np.maximum(stay - begin, 0.0)
    return share[:, None].astype(np.float32), left[:, None].astype(np.float32)


def ahead(pi: Floats, chain: tuple[Floats, Floats], gaps: NDArray[np.intp], windows: Floats) -> Floats:
    """Move state probabilities (4, rows) ahead without looking.

    By one window; by `windows` (gaps,) in the rows `gaps`. Exact for one, relaxing to the share in the long run.
    """
    share, left = chain
    out = np.empty_like(pi)
    moved = np.multiply(pi[1:], left, out=out[1:])
    moved += share * (1.0 - left)
    np.maximum(moved, LEAST, out=moved)
    if len(gaps):
        passed = np.clip(windows, 1.0, 10_000.0).astype(np.float32)
        out[1:, gaps] = np.maximum((pi[1:, gaps] - share) * left**passed + share, LEAST)
    total = out[1] + out[2] + out[3]
    crowded = (total > _MOST).nonzero()[0]
    if len(crowded):
        out[1:, crowded] *= _MOST / total[crowded]
        total[crowded] = _MOST
    np.subtract(1.0, total, out=out[NORMAL])
    return out


def log_likelihoods(y: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Return log likelihoods (3, rows) of surge, deficit and dead, relative to the normal state."""
    deviation = np.sqrt(negbin.variance(mean, dispersion))
    others = np.concatenate([mean + _SURGE_SIZES * deviation, _DEFICIT_SHARES * mean])
    logs = negbin.log_ratio(y, others, mean, dispersion)
    surge, deficit = _mixture(logs[: len(_SURGE_SIZES)]), _mixture(logs[len(_SURGE_SIZES) :])
    # A dead camera says nothing but zeros; one count in a thousand windows is let through, not more.
    dead = np.where(y > 0, -6.9, np.log(1.0 + mean * dispersion) / dispersion)
    return np.stack([surge, deficit, dead])


def update(pi: Floats, log_likelihood: Floats) -> Floats:
    """Multiply state probabilities (4, rows) by likelihoods relative to the first (3, rows), and normalise."""
    # Beyond e^60 no state comes back in a window anyway, and single precision ends at e^88.
    out = pi.copy()
    likelihood = np.minimum(np.maximum(log_likelihood, -60.0), 60.0)
    out[1:] *= np.exp(likelihood, out=likelihood)
    out /= out.sum(axis=0)
    return np.maximum(out, LEAST, out=out)


def _mixture(logs: Floats) -> Floats:
    top = logs.max(axis=0)
    mixed: Floats = top + np.log(np.exp(logs - top).sum(axis=0) / len(logs))
    return mixed
