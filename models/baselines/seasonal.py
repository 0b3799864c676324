"""Seasonal rates: what a series usually shows for a kind of day and a time of it, with how sure we are.

Sums are kept time first, series last: `(classes, bins, capacity)`, so that one tick, which touches one bin of every
series, reads memory in a row.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Rows, Seen, drawn, fade
from models.calendar import DAY_CLASSES
from models.state import ROW, Axis, Saved, array, part, value

Floats = NDArray[np.floating[Any]]

DAY_S: Final = 86_400
HOUR_S: Final = 3600


LEAST_BIN_S: Final = 300
_HALF_LIFE_VISITS: Final = (14.0, 8.0, 8.0)
"""For a working day, Saturday, rest day: visits after which a bin's memory has halved."""
_SMOOTH_S: Final = 300.0
"""Standard deviation of the kernel over neighbouring bins, in seconds; bins wider than it stand alone."""
# Relative variances: how much a rate may differ from the one it leans on.
_SPREAD_KIND: Final = 0.6
"""Between a series and its kind."""
_SPREAD_CLASS: Final = 0.5
"""Between a class of day and all days at that time."""
_SPREAD_BIN: Final = 0.03
"""Between a bin of five minutes and the hours around it; grows with the width of the bin (a random walk)."""
_SPREAD_HOLIDAY: Final = 0.3
"""Between a holiday and a rest day, at a time of it."""
_LEAST_HOLIDAY: Final = 0.05
"""Between one holiday and the next, whatever has been seen of them: Spring Festival empties a street that Labour Day
fills."""
_HOLIDAY_VISITS: Final = 3.0
"""Holidays after which the memory of them has halved."""


_DAY_MS: Final = 86_400_000
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
    """What the devices of one kind have in common: how busy they are at a time, relative to themselves.

    A new camera in a park knows nothing of its Sunday mornings, but the other cameras in parks do.
    Forgetting sums over the series of a kind: their rate relative to their own, and how much was seen of it.

    Forgetting goes by event time, and what is learned shows from the next window on, so that it does not matter in how
    many calls, or in what order, the series of a window are handed over.
    """

    shown = array(np.float64, 2, DAY_CLASSES, "bins", KIND)
    """(ratio or exposure, class, coarse bin, kind), as of `as_of`: what predictions see."""
    fresh = array(np.float64, 2, DAY_CLASSES, "bins", KIND)
    """What has been learned since."""
    strays = array(np.float64, 2, 2, KIND)
    """(as shown, fresh), (squared distance of series from their kind, windows), kind."""
    as_of = value(int)
    """Epoch ms that the sums refer to; 0 before anything was learned."""

    def __init__(self, bins: int, half_life_visits: tuple[float, ...]) -> None:
        visits = np.asarray(half_life_visits) * 7.0 / np.asarray(_A_WEEK_HAS)
        self._half_life_ms = (visits * _DAY_MS)[:, None, None]
        self.bins = bins
        super().__init__()

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return int(self.shown.shape[-1])

    def settle(self, start_ms: int) -> None:
        """Show what was learned before a window to the predictions of that window, and forget up to it."""
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
        if not use.all():
            kind = kind[use]
            ratio, profile, noise, exposure, weight = (
                values[use] for values in (ratio, profile, noise, exposure, weight)
            )
        if not len(kind):
            return
        if self.as_of == 0:
            self.as_of = start_ms
        # Weights refer to the same instant as the sums: late windows count for less, as if they had come in time.
        worth = 0.5 ** ((self.as_of - start_ms) / self._half_life_ms[day_class, 0, 0]) * weight
        cut = np.minimum(ratio, _MOST * exposure)
        self.fresh[0, day_class, hour] += np.bincount(kind, cut * worth, self.count)
        self.fresh[1, day_class, hour] += np.bincount(kind, exposure * worth, self.count)
        # Where chance alone scatters a window widely, it tells nothing of the distance: it counts for less.
        away = cut / (profile * np.maximum(exposure, 1e-3)) - 1.0
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
        return _of_kind((sums[0] + _ORDINARY) / (sums[1] + _ORDINARY), 1.0, kind)

    def stray(self, kind: NDArray[np.int64]) -> Floats:
        """Return how far (relative variance) series of the kind of each row stray from it."""
        squares, windows = self.strays[0]
        found = np.maximum((squares + _STRAY * _STRAY_WORTH) / (windows + _STRAY_WORTH), _LEAST_STRAY)
        return _of_kind(found, _STRAY, kind)

    def known(self, kind: NDArray[np.int64], day_class: int, hours: tuple[int, int]) -> NDArray[np.bool_]:
        """Return for each row whether enough is known of what its kind shows at a time."""
        least = np.minimum(self.shown[1, day_class, hours[0]], self.shown[1, day_class, hours[1]])
        return _of_kind(least, 0.0, kind) >= _KNOWN


def _of_kind(values: Floats, other: float, kind: NDArray[np.int64]) -> Floats:
    """Return for each row the value (kinds,) of its kind; `other` for those without one (-1)."""
    known = np.empty(len(values) + 1, dtype=np.float32)
    known[:-1], known[-1] = values, other
    found: Floats = known.take(kind)
    return found


_VISIT_TELLS: Final = 3.0
"""Windows that one visit to this time on this class of day counts for, as evidence."""


_FEW_DAYS: Final = 5.0
"""So long a series is young on a kind of day, at a time of it, that it has not seen: an office put up on a Saturday."""


class SeasonalRates(Saved):
    """Forgetting sums of amounts and exposures by day class and time of day, fine and coarse.

    The rate of a bin is a chain of Gamma posteriors, each the prior of the next: the series' kind (or its overall
    rate) → this time on all days → the hours around on this class of day → the bin and its neighbours. A young
    series so leans on wider averages, and an old one on its own.
    """

    fine = array(np.float32, 2, DAY_CLASSES, "bins", ROW)
    """(amount or exposure, class, bin, series)."""
    coarse = array(np.float32, 2, DAY_CLASSES, "coarse_bins", ROW)
    holiday = array(np.float32, 2, "coarse_bins", ROW)
    """Amount and exposure of holidays, which teach nothing else: eight days of an empty street are no Sundays."""
    overall = array(np.float32, 3, ROW)
    """Amount, exposure, and exposure × what the kind usually shows at that time, over all times."""
    kinds: Kinds = part()

    def __init__(self, window_s: int) -> None:
        bin_s = self.bin_s = max(window_s, LEAST_BIN_S)
        self.visit = window_s / bin_s
        """What a whole window is of a visit to its bin: windows may be shorter than bins."""
        self.bins = -(-DAY_S // bin_s)
        self.coarse_s = min(max(3600, 3 * bin_s), DAY_S)
        self.coarse_bins = -(-DAY_S // self.coarse_s)
        self.decay = np.array([0.5 ** (1 / visits) for visits in _HALF_LIFE_VISITS])
        reach = int(2.5 * _SMOOTH_S / bin_s) if bin_s <= _SMOOTH_S else 0
        self._kernel = np.exp(-0.5 * (np.arange(1, reach + 1) * bin_s / _SMOOTH_S) ** 2).tolist()
        """Weights of a bin's neighbours to either side, by their distance; its own is one."""
        self.kinds = Kinds(self.coarse_bins, _HALF_LIFE_VISITS)
        super().__init__()

    def predict(
        self,
        rows: Rows,
        kind: NDArray[np.int64],
        day_class: int,
        second: int,
        group: Floats,
        busy: Floats,
        *,
        holiday: bool = False,
    ) -> tuple[Floats, Floats, Floats]:
        """Return (rate per unit of exposure, its relative variance, evidence in windows), each (rows,).

        A holiday is as its class of day, by as much more or less as holidays have been in the hours around.

        `group` and `busy` are φ and α of `models.baselines.dispersion`: over-dispersed counts say less of their mean.
        The evidence is the series' own about this time of day; a known kind vouches for its series after their first
        hour.
        """
        between = self._between(second)
        profile = self.kinds.profile(kind, day_class, *between)
        overall = self._overall(rows)
        rate = np.maximum(overall if profile is None else overall * profile, 1e-9)
        (low, high), (left, right) = between
        around = np.float32(left) * self.coarse[:, :, low, rows]
        around += np.float32(right) * self.coarse[:, :, high, rows]
        everyday = around[:, 0] + around[:, 1] + around[:, 2]
        watched = self.overall[1, rows]
        hour = HOUR_S / (self.visit * self.bin_s)
        if profile is None:
            first = np.full_like(rate, 1.0 / _SPREAD_KIND)
        else:
            # The series strays from its kind now, and did when its own rate was seen: the more hours, the less.
            doubt = np.maximum(watched, 0.1 * hour)
            np.divide(hour, doubt, out=doubt)
            doubt += 1.0
            doubt *= self.kinds.stray(kind) + busy
            first = self.overall[0, rows] + 1.0
            np.divide(1.0, first, out=first)
            first += doubt
            np.divide(1.0, first, out=first)
            first[kind < 0] = 1.0 / _SPREAD_KIND
        group = 1.0 + group
        strength, rate = _posterior(first, rate, everyday[0], everyday[1], group, busy)
        np.minimum(strength, 1.0 / _SPREAD_CLASS, out=strength)
        strength, rate = _posterior(strength, rate, around[0, day_class], around[1, day_class], group, busy)
        usual = rate
        # What the hours around say of one bin is limited: rates change within them.
        strength = np.minimum(strength, 1.0 / (_SPREAD_BIN * self.bin_s / 300.0))
        position = int(second) // self.bin_s
        fine = self.fine[:, day_class]
        near = fine[:, position, rows]
        for away, share in enumerate(self._kernel, 1):
            either = fine[:, (position - away) % self.bins, rows] + fine[:, (position + away) % self.bins, rows]
            either *= share
            near = np.add(near, either, out=either)
        strength, rate = _posterior(strength, rate, near[0], near[1], group, busy)
        if holiday:
            amount, exposure = (
                np.float32(left) * self.holiday[:, low, rows] + np.float32(right) * self.holiday[:, high, rows]
            )
            strength = np.minimum(strength, 1.0 / _SPREAD_HOLIDAY)
            strength, rate = _posterior(strength, rate, amount, exposure * usual / rate, group, busy)
            strength = np.minimum(strength, 1.0 / _LEAST_HOLIDAY)
        evidence = everyday[1] + near[1]
        # A series of a few days knows a kind of day when it has been there.
        few = (watched < _FEW_DAYS * self.bins).nonzero()[0]
        visits = near[1, few] * (_VISIT_TELLS / (1.0 + 2.0 * sum(self._kernel)))
        evidence[few] = np.minimum(evidence[few], visits)
        if profile is not None:
            vouched = self.kinds.known(kind, day_class, between[0]) & (watched >= hour)
            evidence = np.maximum(evidence, watched if vouched.all() else watched * vouched)
        return rate, 1.0 / strength, evidence

    def learn(  # noqa: PLR0917 - one column each
        self,
        rows: Rows,
        kind: NDArray[np.int64],
        start_ms: int,
        day_class: int,
        second: int,
        amount: Floats,
        exposure: Floats,
        weight: Floats,
        spread: Floats,
        seen: Seen = None,
        *,
        holiday: bool = False,
    ) -> None:
        """Add one (partly) observed window per row; `rows` must not repeat.

        `weight` 0-1 says how much to trust it, `spread` is the dispersion α of a window. A holiday's teaches holidays
        only.
        """
        position, hour = int(second) // self.bin_s, int(second) // self.coarse_s
        # Whole windows, which are most, need no powers.
        whole = bool((exposure == 1.0).all())
        keep = float(self.decay[day_class]) ** (self.visit if whole else self.visit * exposure)
        slow = keep ** (self.bin_s / self.coarse_s)
        if holiday:
            sums = self.holiday[:, hour]
            keep = slow ** (_HALF_LIFE_VISITS[day_class] / _HOLIDAY_VISITS)
            for total, more in zip(sums, (amount * weight, exposure * weight), strict=True):
                fade(total, rows, keep, more, seen)
            return
        worth = exposure * weight
        relative = self.kinds.profile(kind, day_class, (hour, hour), (1.0, 0.0))
        add = (amount * weight, worth, worth if relative is None else worth * relative)
        for sums, factor in (
            (self.fine[:, day_class, position], keep),
            (self.coarse[:, day_class, hour], slow),
            (self.overall, slow ** (1.0 / self.coarse_bins)),
        ):
            for total, more in zip(sums, add, strict=False):
                fade(total, rows, factor, more, seen)
        # A kind has many series and its profile is coarse: a window in a quarter of an hour says enough.
        window_ms = int(1000 * self.visit * self.bin_s)
        if relative is not None and drawn(start_ms // window_ms) % max(900_000 // window_ms, 1) == 0:
            usual = self._overall(rows)
            noise = spread + 1.0 / np.maximum(usual * relative * exposure, 1e-3)
            ratio = amount / usual
            self.kinds.add(kind, start_ms, day_class, hour, ratio, relative, noise, exposure, weight, seen)

    def _overall(self, rows: Rows) -> Floats:
        """Amount per unit of exposure over all times, as it would be if all times had been seen alike."""
        rate: Floats = (self.overall[0, rows] + 0.05) / (self.overall[2, rows] + 0.1)
        return rate

    def _between(self, second: int) -> tuple[tuple[int, int], tuple[float, float]]:
        """Coarse bins on both sides of a time and their weights (linear)."""
        at = (second + 0.5 * self.bin_s) / self.coarse_s - 0.5
        low = int(np.floor(at))
        share = at - low
        return (low % self.coarse_bins, (low + 1) % self.coarse_bins), (1.0 - share, share)


def _posterior(
    strength: Floats, rate: Floats, amount: Floats, exposure: Floats, group: Floats, busy: Floats
) -> tuple[Floats, Floats]:
    """Gamma prior (shape `strength`, mean `rate`) → posterior, with over-dispersed data discounted to their worth.

    `group` is 1 + φ.
    """
    worth = busy * rate
    worth += group
    np.divide(1.0, worth, out=worth)
    shape = worth * amount
    shape += strength
    scale = strength / rate
    scale += np.multiply(worth, exposure, out=worth)
    return shape, np.divide(shape, scale, out=scale)
