"""Faults of a sensor, told apart from what it measures: stuck, a step for good, a drift.

*Stuck*: the very same value for longer than the series ever was still, where it should have changed. A gauge at the
value at which it nearly always rests is not stuck, nor is a coarse thermometer in a cellar where nothing changes.

*Step* and *drift* are seen in the means of six hours of what the season does not explain. A step: a day that lies as a
whole outside the three days before it, far enough, and reached at once. A drift: the daily means go one way for six
days, far enough, and no single day makes up most of it. Both are told once; then the new level is what is usual.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.levels.level_tails import Doubles, Places
from models.state import ROW, Saved, array

Flags = NDArray[np.bool_]

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_STILL_MS: Final = 6 * _HOUR_MS
"""Nothing is stuck before."""
_LONGER: Final = 3.0
"""A reading is stuck when it stands still so many times longer than it ever did."""
_REST_MS: Final = 3 * _DAY_MS
"""A value that leads all others together by so much time is where the series rests."""
_REST_SHARE: Final = 0.25
"""Or, in its first days, by such a share of them before it stood still: it came back there by itself."""
_COARSE: Final = 0.3
"""Share of windows without a change from which a series is a coarse one: it says little by standing still."""
_BLOCK_MS: Final = 6 * _HOUR_MS
_BLOCKS: Final = 24
"""Means kept: six days."""
_DAY: Final = 4
"""Blocks of a day."""
_FAR_DRIFT: Final = 2.5
_FAR: Final = 3.0
"""A step or drift is so many times what a block usually differs from the day before."""
_MOST_SQUARE: Final = 3.0
"""A square counts for so many usual ones at most, or the drift to be found would be what is usual."""
_ROAMS: Final = 2.2
"""And a drift so many times what a day usually differs from that five days before."""
_BEYOND: Final = 0.25
"""So much of a step or drift lies beyond every day there was before: what the weather brings comes back."""
_AGAIN: Final = 0.9
"""And it is so many times all told before, forgotten alike: a series that steps by itself is not told each time."""
_SEEN_BLOCKS: Final = 28 * _DAY
"""After so many blocks what was seen has half been forgotten."""


class LevelFaults(Saved):
    """What is known of how a series stands still and strays."""

    same_since = array(np.int64, ROW)
    """Start of the run of the same value, epoch ms."""
    longest = array(np.float32, ROW)
    """Longest run, in ms, that ended by itself, at no resting value; forgotten by half in four weeks."""
    still = array(np.float32, ROW, fill=1.0)
    """Share of windows without a change; a series is a coarse one until it is known."""
    quantum = array(np.float32, ROW, fill=np.inf)
    """Smallest change seen."""
    first_ms = array(np.int64, ROW)
    """Start of the first window."""
    rest = array(np.float64, ROW, fill=np.nan)
    """Value that has more than half of the time, if one has (Boyer and Moore's vote)."""
    rest_ms = array(np.float64, ROW)
    """By how much time it leads."""
    stuck = array(np.bool_, ROW)
    swing = array(np.float32, 2, ROW)
    """Lowest and highest of what the season expected during the run."""
    block = array(np.int64, ROW, fill=-1)
    """Number of the block that is being filled."""
    filled = array(np.float64, 2, ROW)
    """Windows in it, and the sum of their residuals."""
    means = array(np.float32, _BLOCKS, ROW, fill=np.nan)
    """Means of the last blocks, the newest last."""
    extent = array(np.float32, 3, ROW, fill=np.array([np.inf, -np.inf, 0.0])[:, None])
    """Lowest and highest day that was, but for the last five; sum of steps and drifts told. Forgotten in weeks."""
    strays = array(np.float32, 3, ROW)
    """Blocks watched; mean squares of how far a block is from the day before it, and a day from the fifth before."""

    def __init__(self, window_s: int) -> None:
        self._window_ms = window_s * 1000.0
        self._keep_longest = 0.5 ** (self._window_ms / (28 * _DAY_MS))
        self._keep_still = 0.5 ** (self._window_ms / _DAY_MS)
        super().__init__()

    def stands_still(
        self, at: Places, x: Doubles, last: Doubles, expected: Doubles, scale: Doubles, start_ms: int
    ) -> Flags:
        """Return which series are stuck, and learn how still they usually stand; once a window.

        Parameters
        ----------
        x, last
            The reading and the one before it, NaN for none; each (rows,).
        expected, scale
            What the season expects, and how far that strays.
        start_ms
            Start of the window.
        """
        change = np.abs(x - last)
        change = np.where(change > 1e-9 * np.abs(x), change, 0.0)  # sums of the same readings differ in the last digit
        same = change == 0
        run = np.where(same | (change > 0), start_ms - self.same_since[at], 0.0)
        low, high = np.where(same, self.swing[:, at], expected)
        low, high = np.minimum(low, expected), np.maximum(high, expected)
        quantum, rest, rest_ms = self.quantum[at], self.rest[at], self.rest_ms[at]
        coarse = self.still[at] > _COARSE
        first = np.where(self.first_ms[at] > 0, self.first_ms[at], start_ms)
        young_rest = np.maximum(_REST_SHARE * (start_ms - run - first), 2 * _STILL_MS)
        rests = rest_ms >= _REST_MS
        back = rests | (rest_ms - run >= young_rest)
        gauge = rests & (start_ms - first >= 14 * _DAY_MS) & (rest_ms >= 0.7 * (start_ms - first))
        bound = np.maximum(np.where(coarse, 2 * _STILL_MS, _STILL_MS), _LONGER * self.longest[at])
        # A coarse series is only stuck where the season says that it should have moved, or away from where it rests.
        should = ~coarse | (high - low > np.maximum(2.5 * quantum, scale)) | (gauge & (run >= 2 * _DAY_MS))
        stuck = same & (run >= bound) & should & np.isfinite(quantum) & ~(back & (rest == x))
        ended = (change > 0) & (last != rest) & (run < np.maximum(bound, _DAY_MS))
        self.first_ms[at] = first
        self.longest[at] = np.where(ended, np.maximum(self.longest[at], run), self.longest[at]) * self._keep_longest
        self.quantum[at] = np.where(change > 0, np.minimum(quantum, change), quantum)
        # How long it stands still says how coarse it is no more than that it does: a stuck one is not to become coarse.
        keep = np.where(run > _STILL_MS / 2, 1.0, self._keep_still)
        self.still[at] = self.still[at] * keep + (1.0 - keep) * same
        self.same_since[at] = np.where(same, self.same_since[at], start_ms)
        self.swing[:, at] = low, high
        leads = rest == x
        fewer = rest_ms - self._window_ms
        takes = ~leads & (fewer < 0)
        lead_ms = np.where(leads, np.minimum(rest_ms + self._window_ms, 28 * _DAY_MS), np.abs(fewer))
        self.rest[at] = np.where(takes & ~stuck, x, rest)
        self.rest_ms[at] = np.where(stuck, rest_ms, lead_ms)
        self.stuck[at] = stuck
        return np.asarray(stuck)

    def half_step(self, at: Places) -> Doubles:
        """Return half of the smallest change seen, 0 for none yet."""
        quantum = self.quantum[at].astype(np.float64)
        return np.where(np.isfinite(quantum), 0.5 * quantum, 0.0)

    def strays_for_good(self, at: Places, rest: Doubles, trust: Doubles, start_ms: int) -> tuple[Doubles, Doubles]:
        """Add what the season does not explain; at the end of six hours return by how much it has stepped and drifted.

        Parameters
        ----------
        rest
            Reading less what the season expects, (rows,).
        trust
            1, or 0 where the window is not to be used.
        start_ms
            Start of the window.

        Returns
        -------
        tuple
            Steps and drifts, (rows,) each, 0 for none.
        """
        number = start_ms // _BLOCK_MS
        block = self.block[at]
        new = block != number
        found = self._close(at, new, number) if new.any() else (np.zeros(len(rest)), np.zeros(len(rest)))
        self.filled[:, at] += np.stack([trust, trust * rest])
        return found

    def lately(self, rows: NDArray[np.intp], since_ms: int, now_ms: int) -> Doubles:
        """Return the mean of what the season did not explain since then (six days at most), NaN for nothing read."""
        blocks = min(max(now_ms // _BLOCK_MS - -(-since_ms // _BLOCK_MS), 0), _BLOCKS)
        n, total = self.filled[:, rows]
        means = self.means[_BLOCKS - blocks :, rows].astype(np.float64)
        whole = _BLOCK_MS / self._window_ms
        weight = n + whole * np.isfinite(means).sum(axis=0)
        total = total + whole * np.where(np.isfinite(means), means, 0.0).sum(axis=0)
        return np.where(weight > 0, total / np.maximum(weight, 1.0), np.nan)

    def forget(self, rows: NDArray[np.intp]) -> None:
        """Forget how the level was: steps and drifts are looked for anew."""
        self.means[:, rows], self.filled[:, rows] = np.nan, 0.0

    def _close(self, at: Places, new: Flags, number: int) -> tuple[Doubles, Doubles]:
        rows = np.arange(len(self.block))[at] if isinstance(at, slice) else at
        steps, drifts = np.zeros(len(rows)), np.zeros(len(rows))
        place = np.flatnonzero(new)
        rows = rows[place]
        n, total = self.filled[:, rows]
        mean = np.where(n * self._window_ms >= _BLOCK_MS / 4, total / np.maximum(n, 1.0), np.nan)
        gone = np.where(self.block[rows] < 0, 0, np.clip(number - self.block[rows], 0, _BLOCKS))
        means = self.means[:, rows]
        for _ in range(int(gone.max(initial=0))):
            means = np.where(gone > 0, np.concatenate([means[1:], mean[None]]), means)
            mean, gone = np.full(len(rows), np.nan), gone - 1
        self.block[rows], self.filled[:, rows] = number, 0.0
        self._learn_extent(rows, means)
        step = self._step(rows, means)
        means[-_DAY:] -= step.astype(np.float32)
        means[-_DAY - 1] = np.where(step != 0, np.nan, means[-_DAY - 1])
        drift = np.where(step == 0, self._drift(rows, means), 0.0)
        means = np.where(drift != 0, np.float32(np.nan), means)
        self.extent[2, rows] += np.abs(step + drift)
        self.means[:, rows] = means
        self._learn_strays(rows, means)
        steps[place], drifts[place] = step, drift
        return steps, drifts

    def _usual(self, rows: NDArray[np.intp]) -> Doubles:
        watched, square, _ = self.strays[:, rows].astype(np.float64)
        quantum = self.quantum[rows].astype(np.float64)
        # Blocks of a day resemble each other: a few days of them are few.
        usual = np.sqrt(square * (1.0 + 24.0 / np.maximum(watched, 1.0)))
        usual = np.maximum(usual, np.where(np.isfinite(quantum), quantum, np.inf))
        return np.where(watched >= 3 * _DAY, usual, np.inf)

    def _step(self, rows: NDArray[np.intp], means: NDArray[np.float32]) -> Doubles:
        """Return by how much the last day lies outside the three days before it, where it does so as a whole."""
        now, before = means[-_DAY:].astype(np.float64), means[-4 * _DAY - 1 : -_DAY - 1].astype(np.float64)
        full = np.isfinite(now).all(axis=0) & (np.isfinite(before).sum(axis=0) >= 2 * _DAY)
        seen = np.where(np.isfinite(before), before, np.nan)
        by = now.mean(axis=0) - np.where(full, _middle(seen), 0.0)
        up = now.min(axis=0) > np.where(np.isfinite(seen), seen, -np.inf).max(axis=0)
        down = now.max(axis=0) < np.where(np.isfinite(seen), seen, np.inf).min(axis=0)
        # What has crept that way for days is none.
        first, day = _mean(before[:_DAY]), _mean(before[-_DAY:])
        edge = np.where(np.isfinite(before[-1]), before[-1], 0.0)
        at_once = (np.abs(now[0] - edge) > 0.6 * np.abs(by)) & ((day - first) * np.sign(by) < 0.4 * np.abs(by))
        steady = np.ptp(now, axis=0) < 0.6 * np.abs(by)
        far = (np.abs(by) > _FAR * self._usual(rows)) & self._beyond(rows, now.mean(axis=0), by)
        return np.where(full & (up | down) & at_once & steady & far, by, 0.0)

    def _drift(self, rows: NDArray[np.intp], means: NDArray[np.float32]) -> Doubles:
        """Return by how much the level has drifted in six days, where it went one way all the time."""
        days = means.reshape(-1, _DAY, len(rows)).astype(np.float64)
        full = (np.isfinite(days).sum(axis=1) >= _DAY - 1).all(axis=0)
        daily = np.where(np.isfinite(days), days, 0.0).sum(axis=1) / np.maximum(np.isfinite(days).sum(axis=1), 1)
        by = daily[-1] - daily[0]
        one_way = (np.sign(daily[2:] - daily[:-2]) == np.sign(by)).all(axis=0)
        no_step = np.abs(np.diff(daily, axis=0)).max(axis=0) < 0.45 * np.abs(by)
        watched, _, far = self.strays[:, rows].astype(np.float64)
        known = watched >= _BLOCKS + 2 * _DAY
        least = np.maximum(_FAR_DRIFT * self._usual(rows), _ROAMS * np.sqrt(far))
        far = (np.abs(by) > least) & self._beyond(rows, daily[-1], by)
        return np.where(full & known & one_way & no_step & far, by, 0.0)

    def _beyond(self, rows: NDArray[np.intp], day: Doubles, by: Doubles) -> Flags:
        """Return where a day lies beyond all that were seen, and the way there is longer than all told before."""
        low, high, told = self.extent[:, rows].astype(np.float64)
        out = np.where(by > 0, day - high, low - day)
        return np.asarray((out > _BEYOND * np.abs(by)) & (np.abs(by) > _AGAIN * told))

    def _learn_extent(self, rows: NDArray[np.intp], means: NDArray[np.float32]) -> None:
        """Learn how far days go: the oldest one that is kept, so that a drift does not hide itself."""
        low, high, told = self.extent[:, rows]
        day = means[:_DAY].mean(axis=0)
        good, keep = np.isfinite(day), np.float32(0.5 ** (1.0 / _SEEN_BLOCKS))
        low, high = np.fmin(day + (low - day) * keep, day), np.fmax(day + (high - day) * keep, day)
        self.extent[:, rows] = (
            np.where(good, low, self.extent[0, rows]),
            np.where(good, high, self.extent[1, rows]),
            told * keep,
        )

    def _learn_strays(self, rows: NDArray[np.intp], means: NDArray[np.float32]) -> None:
        """Learn how far a block usually is from the day before it; a step counts as a multiple of what is usual."""
        days = means.reshape(-1, _DAY, len(rows)).astype(np.float64).mean(axis=1)
        watched, near, far = self.strays[:, rows].astype(np.float64)
        away = means[-1].astype(np.float64) - days[-2]
        good = np.isfinite(away)
        grown = np.where(good, np.minimum(watched + 1.0, 21 * _DAY), watched)
        # Of blocks the later ones say more: at first the season is not known yet.
        near = _mean_square(near, away, 0.5 * (grown + 1.0), early=watched < 2 * _DAY)
        far = _mean_square(far, days[-1] - days[0], np.maximum(grown - _BLOCKS, 1.0), early=watched < _BLOCKS + _DAY)
        self.strays[:, rows] = grown, near, far


def _mean_square(held: Doubles, away: Doubles, n: Doubles, *, early: Flags) -> Doubles:
    """Return a running mean square over n; what is far out counts as a multiple of what is usual, but for the first."""
    squared = np.minimum(np.where(np.isfinite(away), away, 0.0) ** 2, np.where(early, np.inf, _MOST_SQUARE * held))
    return np.where(np.isfinite(away), held + (squared - held) / np.maximum(n, 1.0), held)


def _mean(values: Doubles) -> Doubles:
    """Return the mean over the first axis of what is finite; 0 where nothing is."""
    good = np.isfinite(values)
    return np.asarray(np.where(good, values, 0.0).sum(axis=0) / np.maximum(good.sum(axis=0), 1))


def _middle(values: Doubles) -> Doubles:
    """Return the median over the first axis of what is finite; NaN sorts to the end."""
    ordered = np.sort(values, axis=0)
    n = np.isfinite(values).sum(axis=0)
    return np.asarray(np.take_along_axis(ordered, np.maximum(n - 1, 0)[None] // 2, axis=0)[0])
