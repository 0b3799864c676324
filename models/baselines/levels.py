"""Baselines of readings: noise, smoke density, water, temperature.

They know what is usual at this time, how far it strays, and whether the sensor is stuck. Where a series has a season,
the residual from a robust seasonal location is judged by a robust scale; its far tail follows a generalised Pareto law
fitted to the peaks over a high threshold (SPOT, and DSPOT where the location drifts: Siffer et al., KDD 2017), so that
rare stays rare whatever the shape of the noise.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingest.vocabulary import LevelState
from models.calendar import DAY_CLASSES, Calendar
from models.state import ROW, Saved, array

Doubles = NDArray[np.float64]

THRESHOLD: Final = 5.0
"""Surprise from which a window is an alarm."""
MAX_VALUE: Final = 1e9
BIN_S: Final = 1800
_HALF_LIFE_VISITS: Final = 40.0
"""Windows of one bin after which its location and scale have half forgotten."""
_SLOW_HALF_LIFE_S: Final = 14_400.0
"""Half-life of the slow level, which follows the weather, for instance."""
_LEAST_WINDOWS: Final = 72.0
"""Windows before a series stops being young."""
_PEAK_SHARE: Final = 0.02
"""Share of windows whose residual counts as a peak."""
_PEAK_HALF_LIFE: Final = 200.0
"""Peaks after which an old one has half its weight."""
_STUCK_MS: Final = 21_600_000
"""A reading that usually varies and has not changed for this long is stuck."""
_EPS: Final = 1e-9
_SHOWN: Final = [int(state) for state in (LevelState.YOUNG, LevelState.STUCK, LevelState.HIGH, LevelState.LOW)]


@dataclass
class LevelTest:
    """What the baseline says of one window per row; all arrays (rows,)."""

    expected: Doubles
    lower: Doubles
    """Central 99 % band, with `upper`."""
    upper: Doubles
    p_upper: Doubles
    """Probability of at least what was seen."""
    p_lower: Doubles
    surprise: Doubles
    """-log10 of the probability of something as strange, on either side."""
    alarm: NDArray[np.bool_]
    state: NDArray[np.uint8]
    """`LevelState`."""
    stuck: NDArray[np.bool_]
    onset_ms: NDArray[np.int64]
    """Start of the current episode that is not normal, else 0."""


class LevelBaseline(Saved):
    """Robust seasonal baselines of readings, for many series at once.

    The location of a bin is an M-estimate by stochastic steps with Huber's ψ, its scale a forgetting mean of cut
    squares. Both are shrunk towards the series' overall location and scale while it is young.
    """

    season = array(np.float32, 3, DAY_CLASSES, "bins", ROW)
    """Weight, location, scale² by class and bin."""
    overall = array(np.float64, 3, ROW)
    slow = array(np.float64, ROW)
    """Slow level of the residual."""
    peaks = array(np.float64, 5, 2, ROW, fill=np.array([2.5, 0.0, 0.0, 0.0, 0.0])[:, None, None])
    """Threshold in scales, rate, weight, mean and mean square of excesses; upper then lower."""
    same_since = array(np.int64, ROW)
    last = array(np.float64, ROW, fill=np.nan)
    last_ms = array(np.int64, ROW)
    onset_ms = array(np.int64, ROW)

    def __init__(self, window_s: int, calendar: Calendar, size: int = 0, bin_s: int = BIN_S) -> None:
        if window_s < 1 or bin_s < 1:
            raise ValueError(f"window_s {window_s}, bin_s {bin_s}: expected from 1 second")
        self.window_s, self.bin_s, self.calendar = window_s, bin_s, calendar
        self.bins = -(-86_400 // bin_s)
        super().__init__()
        self.grow(ROW, size)

    def step(self, rows: ArrayLike, start_ms: int, mean: ArrayLike, n: ArrayLike) -> LevelTest:
        """Judge closed windows, then learn. Once per (row, window), in time order.

        Parameters
        ----------
        rows, mean, n
            Series, mean reading of the window and how many there were (0: missing); each (rows,).
        start_ms
            Start of the window, epoch ms.
        """
        index = np.asarray(rows, dtype=np.intp)
        x = np.asarray(mean, dtype=np.float64)
        seen = (np.asarray(n) > 0) & np.isfinite(x)
        x = np.where(seen, np.clip(np.nan_to_num(x), -MAX_VALUE, MAX_VALUE), 0.0)
        day_class, second = self.calendar.instant(start_ms)
        position = second // self.bin_s
        location, scale = self._season(index, day_class, second)
        # The slow level fades when nothing is heard.
        gap = np.clip((start_ms - self.last_ms[index]) / 1000.0, 0.0, 1e9)
        slow = self.slow[index] * 0.5 ** (np.maximum(gap - self.window_s, 0.0) / _SLOW_HALF_LIFE_S)
        expected = location + slow
        z = np.where(seen, (x - expected) / scale, 0.0)
        p_upper = np.where(seen, self._tail(index, z, 0), 0.5)
        p_lower = np.where(seen, self._tail(index, -z, 1), 0.5)
        young = self.overall[0, index] < _LEAST_WINDOWS
        surprise = np.where(seen & ~young, -np.log10(np.minimum(2.0 * np.minimum(p_upper, p_lower), 1.0)), 0.0)
        same = seen & (x == self.last[index]) & (self.same_since[index] > 0)
        stuck = same & (start_ms - self.same_since[index] >= _STUCK_MS)
        stuck &= self.overall[2, index] > 1e-12
        alarm = surprise >= THRESHOLD
        shown = np.select([young, stuck, alarm & (z > 0), alarm & (z < 0)], _SHOWN, 0).astype(np.uint8)
        before = self.onset_ms[index]
        onset = np.where(young | (shown == 0), 0, np.where(before > 0, before, start_ms))
        r, xs = index[seen], x[seen]
        self.same_since[r] = np.where(same[seen], self.same_since[r], start_ms)
        self.last[r], self.last_ms[r], self.onset_ms[r] = xs, start_ms, onset[seen]
        self._learn(r, day_class, position, xs, location[seen], scale[seen], slow[seen], z[seen], ~stuck[seen])
        above, below = self._quantile(index, 0.005)
        lower, upper = expected - below * scale, expected + above * scale
        return LevelTest(expected, lower, upper, p_upper, p_lower, surprise, alarm, shown, stuck, onset)

    def amend(self, rows: ArrayLike, start_ms: ArrayLike, mean: ArrayLike, n: ArrayLike) -> None:
        """Learn from late or backfilled windows, in any order; oldest first, seasons and tails only."""
        index, starts = np.asarray(rows, dtype=np.intp), np.asarray(start_ms, dtype=np.int64)
        values, counts = np.asarray(mean, dtype=np.float64), np.asarray(n, dtype=np.float64)
        good = np.isfinite(values) & (counts > 0)
        index, starts, values = index[good], starts[good], np.clip(values[good], -MAX_VALUE, MAX_VALUE)
        for at in np.unique(starts).tolist():
            part = starts == at
            row, first = np.unique(index[part], return_index=True)
            x = values[part][first]
            day_class, second = self.calendar.instant(at)
            location, scale = self._season(row, day_class, second)
            z, slow, trust = (x - location) / scale, self.slow[row], np.ones(len(row), dtype=bool)
            self._learn(row, day_class, second // self.bin_s, x, location, scale, np.zeros(len(row)), z, trust)
            self.slow[row] = slow

    def _season(self, rows: NDArray[np.intp], day_class: int, second: int) -> tuple[Doubles, Doubles]:
        """Location and scale, between the bins on both sides, leaning on the whole series while young."""
        at = second / self.bin_s - 0.5
        low = int(np.floor(at))
        share = at - low
        overall = self.overall[:, rows]
        spread = overall[2] + _EPS + 1e-6 * overall[1] ** 2
        weight = np.full(len(rows), 3.0)
        location, square = overall[1] * 3.0, spread * 3.0
        for other, trust in [(c, 1.0 if c == day_class else 0.1) for c in range(DAY_CLASSES)]:
            for where, part in ((low, 1.0 - share), (low + 1, share)):
                w, m, v = self.season[:, other, where % self.bins][:, rows].astype(np.float64)
                w = w * part * trust
                weight, location, square = weight + w, location + w * m, square + w * v
        scale = np.sqrt(square / weight + 1e-4 * spread)
        # The location itself is only known so well.
        return location / weight, scale * np.sqrt(1.0 + 1.0 / weight)

    def _tail(self, rows: NDArray[np.intp], z: Doubles, side: int) -> Doubles:
        """P(Z ≥ z): logistic body up to the peaks' threshold, a generalised Pareto tail over it."""
        start, rate, sigma, gamma = self._pareto(rows, side)
        slope = np.log(1.0 / rate - 1.0) / start
        body = 1.0 / (1.0 + np.exp(np.clip(slope * z, -500, 500)))
        over = np.maximum(z - start, 0.0) / sigma
        tail = rate * np.maximum(1.0 + gamma * over, 1e-12) ** (-1.0 / gamma)
        return np.clip(np.where(z > start, tail, body), 1e-300, 1.0)

    def _quantile(self, rows: NDArray[np.intp], p: float) -> tuple[Doubles, Doubles]:
        out = []
        for side in (0, 1):
            start, rate, sigma, gamma = self._pareto(rows, side)
            over = start + sigma / gamma * (np.maximum(p / rate, 1e-12) ** (-gamma) - 1.0)
            body = np.log(1.0 / p - 1.0) * start / np.log(1.0 / rate - 1.0)
            out.append(np.where(rate > p, over, body))
        return out[0], out[1]

    def _pareto(self, rows: NDArray[np.intp], side: int) -> tuple[Doubles, ...]:
        """Threshold, rate, scale and shape by moments, with 20 peaks of an exponential tail as a prior."""
        start, rate, weight, mean, square = self.peaks[:, side][:, rows]
        mean = (mean * weight + 0.5 * 20.0) / (weight + 20.0)
        square = (square * weight + 0.5 * 20.0) / (weight + 20.0)
        variance = np.maximum(square - mean**2, 0.05 * mean**2)
        gamma = np.clip(0.5 * (1.0 - mean**2 / variance), 0.02, 0.4)
        watched = self.overall[0, rows]
        share = np.clip((rate * watched + 0.01 * 200.0) / (watched + 200.0), 1e-4, 0.2)
        return start, share, mean * (1.0 - gamma), gamma

    def _learn(  # noqa: PLR0917 - one column each
        self,
        rows: NDArray[np.intp],
        day_class: int,
        position: int,
        x: Doubles,
        location: Doubles,
        scale: Doubles,
        slow: Doubles,
        z: Doubles,
        trust: NDArray[np.bool_],
    ) -> None:
        t = trust.astype(np.float64)
        overall = self.overall
        first = overall[0, rows] == 0
        overall[1, rows] = np.where(first, x, overall[1, rows])
        weight = np.minimum(overall[0, rows] + t, 2000.0)
        spread = np.sqrt(overall[2, rows]) + _EPS
        rest = x - overall[1, rows]
        # Early on the scale is unknown, and cutting by it would keep it small for ever.
        cut = np.where(weight < 20, np.inf, 3.0 * spread)
        psi = np.clip(rest, -cut, cut)
        gain = t / np.maximum(weight, 1.0)
        overall[0, rows] = weight
        overall[1, rows] += gain * psi
        overall[2, rows] += gain * (np.minimum(psi**2, 9.0 * MAX_VALUE) - overall[2, rows])
        season = self.season[:, day_class, position]
        w, m, v = season[:, rows].astype(np.float64)
        limit = 1.0 / (1.0 - 0.5 ** (1.0 / _HALF_LIFE_VISITS))
        grown = np.minimum(w + t, limit)
        step = t / np.maximum(grown, 1.0)
        # What the slow level explains does not belong to the season, but most of it must, or the season never learns.
        inside = np.clip(x - 0.5 * slow - location, -2.5 * scale, 2.5 * scale)
        m_new = np.where(w == 0, location + inside, m + step * (location + inside - m))
        noise = np.clip(x - location - slow, -3.0 * scale, 3.0 * scale) ** 2 * 1.02
        v_new = np.where(w == 0, noise, v + step * (noise - v))
        season[:, rows] = np.stack([grown, m_new, np.minimum(v_new, 1e30)])
        keep = 0.5 ** (self.window_s / _SLOW_HALF_LIFE_S)
        away = np.clip(x - location, -3.0 * scale, 3.0 * scale)
        self.slow[rows] = np.where(trust, keep * slow + (1 - keep) * 0.8 * away, slow)
        self._learn_peaks(rows, z, t, weight)

    def _learn_peaks(self, rows: NDArray[np.intp], z: Doubles, t: Doubles, weight: Doubles) -> None:
        """Excesses over the threshold, on both sides; an alarm's own excess is cut, not learned whole."""
        peaks = self.peaks
        limit = 1.0 / (1.0 - 0.5 ** (1.0 / _PEAK_HALF_LIFE))
        for side, signed in ((0, z), (1, -z)):
            start, rate, have, mean, square = peaks[:, side][:, rows]
            peak = ((signed > start) & (weight >= 20)).astype(np.float64) * t
            excess = np.clip(signed - start, 0.0, 6.0) * peak
            have = np.where(peak > 0, np.minimum(have + 1.0, limit), have)
            gain = peak / np.maximum(have, 1.0)
            mean, square = mean + gain * (excess - mean), square + gain * (excess**2 - square)
            rate = rate + t / np.maximum(weight, 20.0) * (peak - rate)
            # The threshold climbs and sinks until the wanted share of windows lies over it.
            start = np.clip(start + 0.02 * t * (peak - _PEAK_SHARE), 1.5, 6.0)
            peaks[:, side, rows] = np.stack([start, rate, have, mean, square])

    def believe(self, rows: NDArray[np.intp], since_ms: int) -> NDArray[np.bool_]:
        """Take for usual what some series (rows,), which must not repeat, have read since a time, epoch ms.

        Returns of which of them something was read since.
        """
        read = self.last_ms[rows] >= since_ms
        row = rows[read]
        self.season[1][..., row] += self.slow[row]
        self.overall[1, row] += self.slow[row]
        self.slow[row] = 0.0
        self.onset_ms[row] = 0
        return read
