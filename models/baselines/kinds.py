"""What the devices of one kind have in common: how busy they are at a time, relative to themselves.

A new camera in a park knows nothing of its Sunday mornings, but the other cameras in parks do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Seen
from models.calendar import DAY_CLASSES
from models.state import Axis, Saved, array, value

Floats = NDArray[np.floating[Any]]

DAY_MS: Final = 86_400_000
KIND: Final = Axis("kind", exact=True)
_A_WEEK_HAS: Final = (5, 1, 1)
"""Working days, Saturdays, rest days: a visit is one of them."""
_MOST: Final = 20.0
"""One series cannot pull its kind far: its ratio is cut, as the kind is only a starting point."""
_ORDINARY: Final = 4.0
"""Windows of ordinary time (a ratio of one) that a kind begins with."""
_STRAY: Final = 0.6
"""How far (relative variance) a series strays from its kind, as long as nothing is known of that."""
_STRAY_WORTH: Final = 200.0
"""Windows that this counts for."""
_LEAST_STRAY: Final = 0.02
_FARTHEST: Final = 4.0
_KNOWN: Final = 70.0
"""Windows at an hour from which a kind is known well enough to judge others by."""


class Kinds(Saved):
    """Forgetting sums over the series of a kind: their rate relative to their own, and how much was seen of it.

    Forgetting goes by event time, and what is learnt shows from the next window on, so that it does not matter in how
    many calls, or in what order, the series of a window are handed over.
    """

    shown = array(np.float64, 2, DAY_CLASSES, "bins", KIND)
    """(ratio or exposure, class, coarse bin, kind), as of `as_of`: what predictions see."""
    fresh = array(np.float64, 2, DAY_CLASSES, "bins", KIND)
    """What has been learnt since."""
    strays = array(np.float64, 2, 2, KIND)
    """(as shown, fresh), (squared distance of series from their kind, windows), kind."""
    as_of = value(int)
    """Epoch ms that the sums refer to; 0 before anything was learnt."""

    def __init__(self, bins: int, half_life_visits: tuple[float, ...]) -> None:
        visits = np.asarray(half_life_visits) * 7.0 / np.asarray(_A_WEEK_HAS)
        self._half_life_ms = (visits * DAY_MS)[:, None, None]
        self.bins = bins
        super().__init__()

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return int(self.shown.shape[-1])

    def settle(self, start_ms: int) -> None:
        """Show what was learnt before a window to the predictions of that window, and forget up to it."""
        if self.count == 0 or start_ms <= self.as_of:
            return
        if self.as_of > 0:
            keep = 0.5 ** ((start_ms - self.as_of) / self._half_life_ms)
            self.shown = (self.shown + self.fresh) * keep
            self.fresh[:] = 0.0
            self.strays[0] = (self.strays[0] + self.strays[1]) * keep[0, 0, 0]
            self.strays[1] = 0.0
        self.as_of = start_ms

    def add(  # noqa: PLR0917 - one column each
        self,
        kind: NDArray[np.int64],
        start_ms: int,
        day_class: int,
        hour: int,
        ratio: Floats,
        profile: Floats,
        noise: Floats,
        exposure: Floats,
        weight: Floats,
        seen: Seen,
    ) -> None:
        """Add windows (rows,) that began at `start_ms`.

        `ratio` is the amount relative to what the series shows over all times, `profile` what the kind shows, `noise`
        the relative variance that chance gives the amount.
        """
        use = kind >= 0 if seen is None else (kind >= 0) & seen
        kind, exposure = kind[use], exposure[use]
        if not len(kind):
            return
        if self.as_of == 0:
            self.as_of = start_ms
        # Weights refer to the same instant as the sums: late windows count for less, as if they had come in time.
        worth = 0.5 ** ((self.as_of - start_ms) / self._half_life_ms[day_class, 0, 0]) * weight[use]
        cut = np.minimum(ratio[use], _MOST * exposure)
        self.fresh[0, day_class, hour] += np.bincount(kind, cut * worth, self.count)
        self.fresh[1, day_class, hour] += np.bincount(kind, exposure * worth, self.count)
        # Where chance alone scatters a window widely, it tells nothing of the distance: it counts for less.
        noise, away = noise[use], cut / (profile[use] * np.maximum(exposure, 1e-3)) - 1.0
        trust = worth / (1.0 + 4.0 * noise) ** 2
        self.strays[1, 0] += np.bincount(kind, (np.minimum(away * away, _FARTHEST) - noise) * trust, self.count)
        self.strays[1, 1] += np.bincount(kind, trust, self.count)

    def profile(
        self, kind: NDArray[np.int64], day_class: int, hours: tuple[int, int], weights: tuple[float, float]
    ) -> Floats | None:
        """Return how busy the kind of each row is at a time, relative to its own usual; None where there are no kinds.

        Between two coarse bins it is their mean by `weights`. A row without a kind (-1) gets one.
        """
        if self.count == 0:
            return None
        sums = weights[0] * self.shown[:, day_class, hours[0]] + weights[1] * self.shown[:, day_class, hours[1]]
        shape = np.append((sums[0] + _ORDINARY) / (sums[1] + _ORDINARY), 1.0).astype(np.float32)
        profile: Floats = shape[kind]
        return profile

    def stray(self, kind: NDArray[np.int64]) -> Floats:
        """Return how far (relative variance) series of the kind of each row stray from it."""
        squares, windows = self.strays[0]
        found = np.maximum((squares + _STRAY * _STRAY_WORTH) / (windows + _STRAY_WORTH), _LEAST_STRAY)
        stray: Floats = np.append(found, _STRAY).astype(np.float32)[kind]
        return stray

    def known(self, kind: NDArray[np.int64], day_class: int, hours: tuple[int, int]) -> NDArray[np.bool_]:
        """Return for each row whether enough is known of what its kind shows at a time."""
        least = np.minimum(self.shown[1, day_class, hours[0]], self.shown[1, day_class, hours[1]])
        known: NDArray[np.bool_] = np.append(least >= _KNOWN, False)[kind]
        return known
