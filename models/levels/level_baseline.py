"""Baselines of readings: noise, smoke density, water, temperature.

They know what is usual at this time, how far it strays, and whether the sensor is stuck. Where a series has a season,
the residual from a robust seasonal location is judged by a robust scale; its far tail follows a generalised Pareto law
fitted to the peaks over a high threshold (SPOT, and DSPOT where the location drifts: Siffer et al., KDD 2017), so that
rare stays rare whatever the shape of the noise.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingest.vocabulary import LevelState
from models.calendar import DAY_CLASSES, Calendar
from models.codes import HARD, may_be_code
from models.levels import level_tails as tails
from models.levels.level_bars import QUIET_MS, THRESHOLD, LevelBars
from models.levels.level_faults import LevelFaults
from models.levels.level_tails import Doubles, Places
from models.levels.level_test import LevelTest
from models.state import ROW, Saved, array, part

MAX_VALUE: Final = 1e9
BIN_S: Final = 1800
_HALF_LIFE_VISITS: Final = 40.0
"""Windows of one bin after which its location and scale have half forgotten, at least."""
_HALF_LIFE_DAYS: Final = 10.0
_PRIOR: Final = 3.0
"""What the series as a whole weighs beside a bin of its season, in windows; for its location, in sixths of a bin."""
_SLOW_HALF_LIFE_S: Final = 14_400.0
"""Half-life of the slow level, which follows the weather, for instance."""
_RUN_HALF_LIFE_S: Final = 1800.0
"""Half-life of the mean of the last residuals, which sees what is small and lasts."""
_SPIKE: Final = 6.0
"""A window counts so many scales at most in that mean: a spike is one window's affair."""
_EXACT_S: Final = np.array([[300.0], [1200.0]])
"""The threshold is meant for windows of so long, and means of the last ones so far apart: nearer ones are the same."""
_STILL_OUT: Final = 0.5  # a reading that is out by less than so much of the mean of the last ones is back
_LEAST_WINDOWS: Final = 72.0
"""Windows before a series stops being young."""
_FIRST: Final = 5
"""First readings, of which the middle one begins the series: any of them may be a code or a spike."""
_TIDES_H: Final = (12.4206, 12.6583, 25.8193)
"""Periods of the moon's tides (M2, N2, O1); those of the sun are of the season."""
_LEAST_TIDE: Final = 0.5
"""Waves smaller than so many scales are taken for chance."""
_EPISODE_H: Final = 24.0
"""For so long the spread learns little of an episode."""
_PAST_MS: Final = 7 * 86_400_000
"""For so long after a step the old level is not strange."""
_CODE_Z: Final = 4.0
"""So many scales out a reading that may be a code is one: few real ones have just that value, and fewer so far out."""
_EPS: Final = 1e-9
_SHOWN: Final = [
    int(state)
    for state in (
        LevelState.YOUNG, LevelState.STUCK, LevelState.STEP, LevelState.DRIFT, LevelState.HIGH, LevelState.LOW,
    )
]  # fmt: skip


class LevelBaseline(Saved):
    """Robust seasonal baselines of readings, for many series at once.

    The location of a bin is an M-estimate by stochastic steps with Huber's ψ, its scale a forgetting mean of cut
    squares. Both are shrunk towards the series' overall location and scale while it is young.
    """

    season = array(np.float32, 3, DAY_CLASSES, "bins", ROW)
    """Weight, location, scale² by class and bin."""
    overall = array(np.float64, 3, ROW)
    """Windows, location and scale² of the series as a whole."""
    first = array(np.float64, _FIRST, ROW)
    slow = array(np.float64, ROW)
    """Slow level of the residual."""
    shift = array(np.float64, ROW)
    """Steps and drifts that are believed: added to what the season expects."""
    past = array(np.float64, ROW)
    """Where the level was before the last step, seen from the new one."""
    past_ms = array(np.int64, ROW)
    """Until when that is not strange."""
    tide = array(np.float32, 2 * len(_TIDES_H), ROW)
    """Cosine and sine of each of the moon's tides."""
    run = array(np.float64, 2, ROW, fill=np.array([0.0, 0.25])[:, None])
    """Mean of the last residuals, in scales, and its mean square."""
    peaks = array(np.float64, 5, 2, ROW, fill=tails.EMPTY)
    run_peaks = array(np.float64, 5, 2, ROW, fill=tails.EMPTY)
    """Tails of a window and of the mean of the last ones, see `level_tails`."""
    bars: LevelBars = part()
    faults: LevelFaults = part()
    last = array(np.float64, ROW, fill=np.nan)
    last_ms = array(np.int64, ROW)
    onset_ms = array(np.int64, ROW)
    strange_ms = array(np.int64, ROW)
    """When the current episode was last strange."""

    def __init__(self, window_s: int, calendar: Calendar, size: int = 0, bin_s: int = BIN_S) -> None:
        if window_s < 1 or bin_s < 1:
            raise ValueError(f"window_s {window_s}, bin_s {bin_s}: expected from 1 second")
        self.window_s, self.bin_s, self.calendar = window_s, bin_s, calendar
        self.bins = -(-86_400 // bin_s)
        visits = max(_HALF_LIFE_VISITS, _HALF_LIFE_DAYS * bin_s / window_s)
        self._most = 1.0 / (1.0 - 0.5 ** (1.0 / visits))
        self._prior = _PRIOR * min(bin_s / (6.0 * window_s), 1.0)
        self._chances = np.minimum(_EXACT_S / window_s, 1.0)
        self.bars, self.faults = LevelBars(window_s), LevelFaults(window_s)
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
        seen &= ~self.coded(index, start_ms, np.where(seen, x, 0.0))
        if seen.all():
            return self._step(index, start_ms, np.clip(x, -MAX_VALUE, MAX_VALUE))
        test = self.unseen(index, start_ms)
        found = self._step(index[seen], start_ms, np.clip(x[seen], -MAX_VALUE, MAX_VALUE))
        for name, column in vars(test).items():
            column[seen] = getattr(found, name)
        return test

    def coded(self, rows: NDArray[np.intp], start_ms: int, x: Doubles) -> NDArray[np.bool_]:
        """Return which readings are a device's codes for a fault and no measurement.

        A series that is known says so; one that is not yet is not to begin with one.
        """
        coded = may_be_code(x)
        at = np.flatnonzero(coded)
        if len(at):
            row, values = rows[at], x[at]
            location, scale, _ = self._season(row, start_ms)
            slow = self._slow(row, start_ms)
            out = np.abs(tails.nearest(values - location, slow)) > _CODE_Z * scale
            coded[at] = np.where(self.overall[0, row] >= _FIRST, out, np.abs(values) >= HARD)
        return coded

    def unseen(self, rows: ArrayLike, start_ms: int) -> LevelTest:
        """Return what is expected of a window in which nothing was read; nothing is learnt from it."""
        index = np.asarray(rows, dtype=np.intp)
        location, scale, _ = self._season(index, start_ms)
        expected = location + self._slow(index, start_ms)
        lower, upper = self._band(index, expected, scale)
        state = np.where(self.overall[0, index] < _LEAST_WINDOWS, LevelState.YOUNG, LevelState.NORMAL).astype(np.uint8)
        half, (surprise, moved) = np.full((3, len(index)), 0.5), np.zeros((2, len(index)))
        alarm, stuck, step, drift = np.zeros((4, len(index)), np.bool_)
        return LevelTest(
            expected, lower, upper, half[0], half[1], half[2], surprise, alarm, state, stuck, step, drift, moved,
            self.onset_ms[index],
        )  # fmt: skip

    def _step(self, index: NDArray[np.intp], start_ms: int, x: Doubles) -> LevelTest:
        at = tails.places(index)
        location, scale, base = self._season(at, start_ms)
        slow, away = self._slow(at, start_ms), x - location
        expected = location + slow
        past = np.where(self.past_ms[at] > start_ms, self.past[at], 0.0)
        rest = (away - slow) / scale
        # To be at the habit's level again, or where it was before a step, is not strange, whatever the slow level says;
        # and half of the sensor's smallest step may be rounding.
        grain = self.faults.half_step(at)
        z = tails.nearest(away, slow - grain, slow + grain, past - grain, past + grain, -grain, grain) / scale
        watched = self.overall[0, at].copy()
        young = watched < _LEAST_WINDOWS
        run = self._run(at, np.clip(tails.nearest(away, slow, past) / scale, -_SPIKE, _SPIKE), start_ms)
        # What is over is over: once the reading is back, the mean of the last residuals says nothing, and forgets.
        back = z * run < _STILL_OUT * run**2
        run = np.where(back & (np.abs(run) > 1.0), 0.5 * run, run)
        run_z = run / np.sqrt(self.run[1, at])
        peaks, said = self.peaks[:, :, at], rest < 0
        p = tails.survival(tails.of_side(peaks, said), watched, rest)
        p_far = np.where(z == rest, p, tails.survival(tails.of_side(peaks, z < 0), watched, z))
        p_run = tails.survival(tails.of_side(self.run_peaks[:, :, at], run_z < 0), watched, run_z)
        p_run = np.where(back, 0.5, p_run)
        raised = np.minimum(p_far, p_run)
        below = np.where(p_run < p_far, run_z, z) < 0
        was_stuck = self.faults.stuck[at].copy()
        stuck = self.faults.stands_still(at, x, self.last[at], location, scale, start_ms)
        usable = (~stuck & (watched >= _FIRST)).astype(np.float64)
        steps, drifts = self.faults.strays_for_good(at, away, usable, start_ms)
        step, drift, moved = steps != 0, drifts != 0, steps + drifts
        odds = np.minimum(2.0 * np.stack([p_far, p_run]) * self._chances, 1.0)
        raw = np.where(young | stuck, 0.0, -np.log10(odds))
        strange = raw.max(axis=0) >= THRESHOLD
        surprise, alarm = self.bars.judge(at, raw, self.strange_ms[at], start_ms)
        over = surprise >= THRESHOLD
        shown = np.select([young, stuck, step, drift, over & ~below, over & below], _SHOWN, 0).astype(np.uint8)
        onset = self._onset(at, start_ms, shown, strange)
        lower, upper = self._band(at, expected, scale)
        trust = (~stuck).astype(np.float64)
        # An episode is one thing that happened, however many windows it lasts: the tails learn its first.
        once = np.where((onset > 0) & (onset < start_ms), 0.0, trust)
        self._learn_tails(at, (rest, run, run_z), watched, once)
        self._learn_tide(at, away, scale, trust, start_ms)
        lasted_h = np.where(onset > 0, (start_ms - onset) / 3_600_000.0, 0.0)
        self._learn(at, start_ms, x, base, location, scale, slow, trust, lasted_h)
        self.last[at], self.last_ms[at] = x, start_ms
        if moved.any():
            self._believe(index[step | drift], moved[step | drift], start_ms)
        return LevelTest(
            np.where(step | drift, location, expected), lower, upper, np.where(said, 1.0 - p, p),
            np.where(said, p, 1.0 - p), raised, surprise, alarm | step | drift | (stuck & ~was_stuck), shown,
            stuck, step, drift, moved, onset,
        )  # fmt: skip

    def _slow(self, at: Places, start_ms: int) -> Doubles:
        """Return the slow level, which fades when nothing is heard."""
        silent_s = np.clip((start_ms - self.last_ms[at]) / 1000.0 - self.window_s, 0.0, 1e9)
        return np.asarray(self.slow[at] * 0.5 ** (silent_s / _SLOW_HALF_LIFE_S))

    def _run(self, at: Places, z: Doubles, start_ms: int) -> Doubles:
        """Return the mean of the last residuals with one more."""
        silent_s = np.clip((start_ms - self.last_ms[at]) / 1000.0 - self.window_s, 0.0, 1e9)
        keep = 0.5 ** ((self.window_s + silent_s) / _RUN_HALF_LIFE_S)
        return np.asarray(self.run[0, at] * keep + (1.0 - 0.5 ** (self.window_s / _RUN_HALF_LIFE_S)) * z)

    def _band(self, at: Places, expected: Doubles, scale: Doubles) -> tuple[Doubles, Doubles]:
        """Return the central 99 % band."""
        peaks, watched = self.peaks[:, :, at], self.overall[0, at]
        above, below = (tails.quantile(peaks[:, side], watched, 0.005) for side in (0, 1))
        return expected - below * scale, expected + above * scale

    def _onset(self, at: Places, start_ms: int, shown: NDArray[np.uint8], over: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return when the episode that goes on began, else 0; a pause that is not strange for an hour ends it."""
        began, strange = self.onset_ms[at], np.where(over, start_ms, self.strange_ms[at])
        lasts = (began > 0) & (start_ms - strange <= QUIET_MS)
        onset = np.where(lasts, began, np.where(over | (shown != LevelState.NORMAL), start_ms, 0))
        onset = np.where(shown == LevelState.STUCK, self.faults.same_since[at], onset)
        onset = np.where(shown == LevelState.YOUNG, 0, onset)
        self.onset_ms[at], self.strange_ms[at] = onset, strange
        return onset

    def believe(self, rows: NDArray[np.intp], since_ms: int) -> NDArray[np.bool_]:
        """Take for usual what some series (rows,), which must not repeat, have read since a time, epoch ms.

        Returns of which of them something was read since.
        """
        read = self.last_ms[rows] >= since_ms
        row = rows[read]
        if len(row):
            now_ms = int(self.last_ms[row].max())
            lately = self.faults.lately(row, since_ms, now_ms)
            self._believe(row, np.where(np.isfinite(lately), lately, self.slow[row]), now_ms)
            self.past_ms[row] = self.onset_ms[row] = self.strange_ms[row] = 0
            self.faults.forget(row)
        return np.asarray(read)

    def _believe(self, rows: NDArray[np.intp], by: Doubles, start_ms: int) -> None:
        """Take a level that was found for the usual one; for some days the old one is not strange either."""
        self.bars.forgive(rows)
        self.shift[rows] += by
        self.slow[rows] = self.run[0, rows] = 0.0
        self.past[rows], self.past_ms[rows] = -by, start_ms + _PAST_MS

    def _learn_tails(self, at: Places, residuals: tuple[Doubles, ...], watched: Doubles, trust: Doubles) -> None:
        """Learn how far a window, and the mean of the last ones, are out."""
        z, run, run_z = residuals
        square = self.run[1, at]
        gain = trust * (watched >= _LEAST_WINDOWS / 2) / np.clip(watched, 20.0, 2000.0)
        self.run[:, at] = run, square + gain * (np.minimum(run**2, 9.0 * square) - square)
        self.peaks[:, :, at] = tails.learn(self.peaks[:, :, at], watched, z, trust)
        self.run_peaks[:, :, at] = tails.learn(self.run_peaks[:, :, at], watched, run_z, trust)

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
            good = ~self.coded(row, at, x)
            row, x = row[good], x[good]
            location, scale, base = self._season(row, at)
            z, slow, trust, zeros = (x - location) / scale, self.slow[row], np.ones(len(row)), np.zeros(len(row))
            self.peaks[:, :, row] = tails.learn(self.peaks[:, :, row], self.overall[0, row], z, trust)
            self._learn_tide(row, x - location, scale, trust, at)
            self._learn(row, at, x, base, location, scale, zeros, trust, zeros)
            self.slow[row] = slow

    def _season(self, at: Places, start_ms: int) -> tuple[Doubles, Doubles, Doubles]:
        """Return location and scale, and what of the location is no season.

        Between the bins on both sides, leaning on the whole series while young.
        """
        day_class, second = self.calendar.instant(start_ms)
        middle = second / self.bin_s - 0.5
        low = int(np.floor(middle))
        share = middle - low
        overall = self.overall[:, at]
        grain = self.faults.half_step(at) ** 2
        spread = overall[2] + _EPS + 1e-12 * overall[1] ** 2
        weight, known, location, square = np.zeros((4, overall.shape[1]))
        for other, trust in [(c, 1.0 if c == day_class else 0.1) for c in range(DAY_CLASSES)]:
            for where, near in ((low, 1.0 - share), (low + 1, share)):
                w, m, v = self.season[:, other, where % self.bins, at]
                w = w * near
                known += w
                w = w * trust
                weight += w
                location += w * m
                square += w * v
        # What a series is on the whole is soon no guide to an hour; how far it strays remains one for longer.
        # What other kinds of day are at this hour is a better one.
        prior = self._prior / (1.0 + known / 6.0)
        location = (location + prior * overall[1]) / (weight + prior)
        # The location itself is only known so well.
        sure = 1.0 + 1.0 / (weight + np.maximum(prior, self._prior / 2.0))
        weight += _PRIOR
        scale = np.sqrt((square + _PRIOR * spread) / weight + 1e-4 * spread + grain) * np.sqrt(sure)
        base = self._base(at, scale, start_ms)
        return location + base, scale, base

    def _base(self, at: Places, scale: Doubles, start_ms: int) -> Doubles:
        """Return what is expected beside the season: the believed shift, and the moon's tides where there are any."""
        tide = self.tide[:, at].astype(np.float64)
        size2 = (tide**2).reshape(len(_TIDES_H), 2, -1).sum(axis=1)
        # Chance alone fits a small wave to anything.
        share = np.maximum(1.0 - (_LEAST_TIDE * scale) ** 2 / np.maximum(size2, 1e-30), 0.0)
        waves = (tide * _waves(start_ms)[:, None]).reshape(len(_TIDES_H), 2, -1).sum(axis=1)
        return np.asarray(self.shift[at] + (waves * share).sum(axis=0))

    def _learn_tide(self, at: Places, rest: Doubles, scale: Doubles, trust: Doubles, start_ms: int) -> None:
        """Turn the waves a little towards what they did not explain (least mean squares)."""
        gain = 2.0 * trust / np.clip(self.overall[0, at], 2 * 86_400 / self.window_s, 2000.0)
        self.tide[:, at] += _waves(start_ms)[:, None] * (gain * np.clip(rest, -3.0 * scale, 3.0 * scale))

    def _learn(  # noqa: PLR0917 - one column each
        self,
        at: Places,
        start_ms: int,
        x: Doubles,
        base: Doubles,
        location: Doubles,
        scale: Doubles,
        slow: Doubles,
        t: Doubles,
        lasted_h: Doubles,
    ) -> None:
        count, middle, square = self.overall[:, at]
        weight = np.minimum(count + t, 2000.0)
        early, number = count < _FIRST, count.astype(np.intp)
        spread = np.sqrt(square) + _EPS
        rest = x - base - middle
        psi = np.clip(rest, -3.0 * spread, 3.0 * spread)
        gain = t / np.maximum(weight, 1.0)
        self.overall[:, at] = weight, middle + gain * psi, square + gain * (psi**2 - square)
        if early.any():
            self._begin(at, early, x, number)
        day_class, second = self.calendar.instant(start_ms)
        season = self.season[:, day_class, second // self.bin_s]
        w, m, v = season[:, at].astype(np.float64)
        t = np.where(early, 0.0, t)
        grown = np.minimum(w + t, self._most)
        step = t / np.maximum(grown, 1.0)
        # What the slow level explains does not belong to the season, but most of it must, or the season never learns;
        # in its first days all of it must, as the slow level explains the season itself.
        share = 0.5 * np.minimum(3.0 * w / self._most, 1.0)
        inside = location - base + np.clip(x - share * slow - location, -2.5 * scale, 2.5 * scale)
        m_new = np.where((w == 0) & (t > 0), inside, m + step * (inside - m))
        step = np.where((lasted_h > 0) & (lasted_h < _EPISODE_H), 0.2 * step, step)
        noise = np.clip(x - location - slow, -3.0 * scale, 3.0 * scale) ** 2 * 1.02
        v_new = np.where((w == 0) & (t > 0), noise, v + step * (noise - v))
        season[:, at] = grown, m_new, np.minimum(v_new, 1e30)
        keep = 0.5 ** (self.window_s / _SLOW_HALF_LIFE_S)
        # What lasts is followed, however large it is.
        cut = 3.0 * scale * (1.0 + lasted_h)
        away = np.clip(x - location, -cut, cut)
        self.slow[at] = np.where(t > 0, keep * slow + (1 - keep) * 0.8 * away, slow)

    def _begin(self, at: Places, early: NDArray[np.bool_], x: Doubles, number: NDArray[np.intp]) -> None:
        """Take the first readings; the middle one, and how far the others are from it, begin the series."""
        rows = np.arange(self.overall.shape[1])[at][early] if isinstance(at, slice) else at[early]
        number = number[early]
        self.first[number, rows] = x[early]
        taken = np.arange(_FIRST)[:, None] <= number
        values = np.sort(np.where(taken, self.first[:, rows], np.inf), axis=0)
        middle = values[number // 2, np.arange(len(rows))]
        far = np.sort(np.where(taken, np.abs(self.first[:, rows] - middle), np.inf), axis=0)
        square = (1.5 * far[number // 2, np.arange(len(rows))]) ** 2
        self.overall[1, rows], self.overall[2, rows] = middle, np.minimum(square, MAX_VALUE**2)


def _waves(start_ms: int) -> Doubles:
    """Return cosine and sine of each tide's phase, (2 · tides,)."""
    phase = 2.0 * np.pi * (start_ms / 3_600_000.0 / np.array(_TIDES_H) % 1.0)
    return np.stack([np.cos(phase), np.sin(phase)], axis=1).ravel()
