"""Baselines of counts (people, vehicles) for many series at once: expected, band, tail probability, hidden state.

Expected is a seasonal rate (`models.baselines.seasonal`) times a slow level; the spread is over-dispersed
(`models.baselines.dispersion`); tails are exact (`models.baselines.negbin`). A window is judged alone and in the sums
it ends (`models.baselines.scan`); the surprise is the rarest of these. What nearly every visit of a season brought is
ordinary (`models.baselines.routines.routine`), whatever the rate says. A hidden-state filter
(`models.baselines.hidden_states`) gives state, onset and persistence. docs/detection.md has the formulas, the sources,
and what it reaches on real data.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.baselines import dispersion, negbin, scan
from models.baselines import hidden_states as states
from models.baselines.clean_counts import clean, not_counted
from models.baselines.count_judge import ODD, Comparison, CountTest, Prediction, compare, grounds, within
from models.baselines.count_state import USUAL_DOUBT, CountMemory
from models.baselines.routines.routine import Routine
from models.baselines.rows import Rows, Seen, as_run, columns, drawn, fade, nearly_a_run, picked, put, some_of
from models.baselines.seasonal import KIND
from models.calendar import REST, Calendar
from models.state import ROW

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

BAND_Z: Final = 2.5758
"""Half of a percent on either side."""
THRESHOLD: Final = 5.0
"""Surprise from which a window is an alarm."""
_LEAST_VISITS: Final = 2.0
"""Windows seen about this time of day before a series stops being young."""
_LEVEL_HALF_LIFE_S: Final = 10_800.0
_LEVEL_SPREAD: Final = 0.1
"""How far (standard deviation, relative) the slow level usually strays from 1."""
_DOUBT_UP: Final = 0.8
"""Residual above which a window is learned from less and less. Events add people, so the lower of two habits is the
baseline, also where events are as frequent as their absence (a stadium with a game every other Sunday)."""
_DOUBT_LOW: Final = 6.0
"""The same below the baseline: only what looks like a broken counter is doubted."""
_HABIT_HALF_LIFE_S: Final = 3 * 86_400.0
"""How long it takes until what was doubted day and night is believed."""
_LEAN: Final = 0.25
"""What doubting one side takes from the mean of ordinary windows, in standard deviations; it is given back."""
_LEAN_BUSY: Final = 0.6
"""How much more it takes per unit of α, where the distribution has a long upper side."""
_NEW_HABIT: Final = 0.6
"""Where more is doubted for days on end, it is no event: it is how things are now."""
_CROWD: Final = 100.0
"""Where few are expected, up to so many are no outlier: how many come when some do is all that there is to learn."""
_CERTAIN: Final = 0.98
"""A little over what is normal in the long run: below it, every window is asked what it says of the state."""
_NOBODY: Final = np.zeros(0, dtype=np.intp)


class CountBaseline(CountMemory):
    """Seasonal over-dispersed baselines with a hidden state, for many series at once.

    Parameters
    ----------
    window_s, calendar
        Length of a window, 1 to 86,400 seconds (ValueError otherwise), and the site's calendar.
    size
        Series to begin with; ``grow(ROW, size)`` adds more.

    Notes
    -----
    Fails where a series has a season that `models.baselines.routines.routine` does not ask for (the first Thursday of a
    month is a surge each time), in the first days after a lasting change of habit (a new entrance: alarms for some
    days, then it is learned), and where nearly nothing is ever counted. Costs about half a microsecond per series and
    window.
    """

    def __init__(self, window_s: int, calendar: Calendar, size: int = 0) -> None:
        if not 1 <= window_s <= 86_400:
            raise ValueError(f"window_s is {window_s}, expected 1 to 86400 seconds")
        super().__init__(window_s)
        self.calendar = calendar
        self._chain = states.transition(window_s)
        self._routine = Routine(self.visits, calendar, window_s)
        self._level_keep = 0.5 ** (window_s / _LEVEL_HALF_LIFE_S)
        self._doubt_keep = 0.5 ** (window_s / _HABIT_HALF_LIFE_S)
        self.grow(ROW, size)

    def set_kinds(self, rows: NDArray[np.int64], kinds: ArrayLike) -> None:
        """Say which kind, from 0, each of some series (rows,) belongs to; -1 for none."""
        self.kind[rows] = kinds
        self.rates.kinds.grow(KIND, int(np.max(kinds, initial=-1)) + 1)

    def test(self, rows: ArrayLike, start_ms: int, total: ArrayLike, exposure: ArrayLike) -> CountTest:
        """Judge (partly) observed windows without learning from them.

        Parameters
        ----------
        rows, total, exposure
            Series, counts and observed shares (0, 1] of the window; each (rows,).
        start_ms
            Start of the window, epoch ms.
        """
        return self._run(rows, start_ms, total, exposure, learn=False)

    def step(self, rows: ArrayLike, start_ms: int, total: ArrayLike, exposure: ArrayLike) -> CountTest:
        """Judge a closed window, move the hidden state, then learn. Call once per (row, window), in time order.

        The judgement never uses the window itself. Rows with no exposure are missing: nothing is learned. A window's
        total enters the baseline about an hour later, once it is known whether it was part of an event.
        """
        return self._run(rows, start_ms, total, exposure, learn=True)

    def amend(self, rows: ArrayLike, start_ms: ArrayLike, total: ArrayLike, exposure: ArrayLike) -> None:
        """Learn from late or backfilled windows, in any order, several per row allowed; hidden states stay.

        Windows are learned oldest first, with the same care as live ones; a part of a window counts by its exposure.
        What a kind learns from them shows from the next `step` on.
        """
        index, starts = np.asarray(rows, dtype=np.intp), np.asarray(start_ms, dtype=np.int64)
        totals, shares, _ = clean(np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64))
        if len(index) == 0:
            return
        window_ms = self.window_s * 1000
        starts = starts // window_ms * window_ms
        unique, local = np.unique(index, return_inverse=True)
        # The live ring holds the live windows; backfill gets one of its own.
        ring = scan.Ring(self.window_s, len(unique))
        order = np.argsort(starts, kind="stable")
        times, first = np.unique(starts[order], return_index=True)
        for at, part in zip(times.tolist(), np.split(order, first[1:]), strict=True):
            here, where = np.unique(local[part], return_inverse=True)
            y = np.bincount(where, totals[part]).astype(np.float32)
            e = np.minimum(np.bincount(where, shares[part]), 1.0).astype(np.float32)
            use = (e > 0) & ~not_counted(self, unique[here], at, y, e)
            if use.any():
                self._backfill(ring, as_run(here[use]), as_run(unique[here[use]]), at, y[use], e[use])
        everyone, everywhere = slice(0, len(unique)), as_run(unique)
        for back in range(ring.slots - 1, -1, -1):
            self._digest(ring, int(times[-1]) - back * window_ms, everyone, everywhere, None, level=False)

    def _run(self, rows: ArrayLike, start_ms: int, total: ArrayLike, exposure: ArrayLike, *, learn: bool) -> CountTest:
        index = np.asarray(rows, dtype=np.intp)
        y, e, seen = clean(np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64))
        if y.shape != index.shape:
            raise ValueError(f"rows has the shape {index.shape} and total {y.shape}, expected the same")
        start_ms = start_ms // (self.window_s * 1000) * self.window_s * 1000
        if learn:
            coded = not_counted(self, index, start_ms, y, e)
            if coded.any():
                seen &= ~coded
                y[coded] = e[coded] = 0.0
        run = nearly_a_run(index)
        if run is None:
            return self._look(as_run(index), start_ms, y, e, seen, learn=learn)
        if run.stop - run.start == len(index):
            return self._look(run, start_ms, y, e, seen, learn=learn)
        place = index - run.start
        wide = [np.zeros(run.stop - run.start, dtype=values.dtype) for values in (y, e, seen)]
        for values, given in zip(wide, (y, e, seen), strict=True):
            values[place] = given
        test = self._look(run, start_ms, wide[0], wide[1], wide[2], learn=learn)
        return CountTest(*(values[place] for values in vars(test).values()))

    def _look(
        self, rows: Rows, start_ms: int, y: Floats, exposure: Floats, there: NDArray[np.bool_], *, learn: bool
    ) -> CountTest:
        """Test or step `rows`, of which those that are not `there` were not seen."""
        seen = None if there.all() else there
        learn = learn and bool(there.any())
        if learn:
            self.rates.kinds.settle(start_ms)
            self._digest(self.ring, start_ms, rows, rows, seen, level=True)
        prediction = self._predict(rows, start_ms, exposure if seen is None else np.where(seen, exposure, 1.0))
        comparison = compare(self.ring, rows, start_ms, y, prediction)
        pi = self._filter(rows, start_ms, y, there, comparison)
        young = prediction.own < _LEAST_VISITS
        surprise = comparison.surprise
        if seen is not None or young.any():
            surprise = surprise * (there & ~young)
        alarm = surprise >= THRESHOLD
        found = np.zeros(len(y), dtype=np.uint8)
        odd = (pi[states.NORMAL] < 0.5).nonzero()[0]
        found[odd] = columns(pi, odd).argmax(axis=0)
        # What the sums see, the filter may not have followed yet.
        ahead = (alarm & (found == states.NORMAL)).nonzero()[0]
        found[ahead] = np.where(comparison.rising[ahead], states.SURGE, states.DEFICIT)
        onset = np.zeros(len(y), dtype=np.int64)
        odd = (found != states.NORMAL).nonzero()[0]
        before = self.onset_ms[rows][odd]
        onset[odd] = np.where(before > 0, before, start_ms)
        if learn:
            put(self.pi, rows, pi, seen)
            put(self.onset_ms, rows, onset, seen)
            put(self.last_ms, rows, start_ms, seen)
            put(self.routine_ms, picked(rows, prediction.spoke), start_ms)
            self._note(self.ring, rows, rows, start_ms, y, exposure, prediction, comparison, seen)
        lower, upper = prediction.band(BAND_Z, comparison.based[0].spread)
        if seen is not None:
            comparison.upper[~seen] = comparison.lower[~seen] = 0.5
        found[young], onset[young] = states.YOUNG, 0
        comparison.surprise = surprise
        return CountTest(
            expected=prediction.usual.astype(np.float64),
            lower=np.floor(lower, out=lower).astype(np.float64),
            upper=np.ceil(upper, out=upper).astype(np.float64),
            p_upper=comparison.upper,
            p_lower=comparison.lower,
            surprise=surprise,
            alarm=alarm,
            state=found,
            onset_ms=onset,
            grounds=grounds(self.ring, rows, start_ms, exposure, comparison, THRESHOLD),
        )

    def _predict(self, rows: Rows, start_ms: int, exposure: Floats, *, level: bool = True) -> Prediction:
        group, busy = self.solved[:, :, rows]
        day_class, second = self.calendar.instant(start_ms)
        misfit = self.misfit[rows] * dispersion.AMENDS
        holiday = self.calendar.is_holiday(start_ms)
        known = (second, group[0], busy[0] + misfit)
        rate, uncertain, own = self.rates.predict(rows, self.kind[rows], day_class, *known, holiday=holiday)
        base = np.maximum(rate * exposure, negbin.LEAST_MEAN)
        mean = base
        if level:
            prior = 1.0 / _LEVEL_SPREAD**2
            counted, expected = self.level[:, rows]
            mean = np.maximum(base * (counted + prior) / (expected + prior), negbin.LEAST_MEAN)
        prediction = Prediction(base, mean, uncertain, own, group, busy, misfit, mean, mean, mean, _NOBODY, _NOBODY)
        if level:
            lately = start_ms - self.routine_ms[rows] < self.ring.slots * self.ring.window_ms
            resting = None
            if self.calendar.day(self.calendar.day_number(start_ms)).bridge:
                resting = self.rates.predict(rows, self.kind[rows], REST, *known)[0] * exposure
            self._routine.speak(prediction, rows, start_ms, (rate, exposure), lately, resting)
            prediction.rhythm = self.strays.usual(rows, self.calendar, start_ms)
        return prediction

    def _filter(
        self,
        rows: Rows,
        start_ms: int,
        y: Floats,
        there: NDArray[np.bool_],
        comparison: Comparison,
    ) -> Floats:
        """Return the probabilities of the hidden states after this window, (4, rows)."""
        before = self.last_ms[rows]
        gaps = (before != start_ms - 1000 * self.window_s).nonzero()[0]
        pi = states.ahead(self.pi[:, rows], self._chain, gaps, (start_ms - before[gaps]) / (1000.0 * self.window_s))
        # Most windows are ordinary and say nothing new of a state that is certain: they cost no logarithms.
        odd = (there & ((np.abs(comparison.sums[0].z) > 1.5) | (y == 0) | (pi[states.NORMAL] < _CERTAIN))).nonzero()[0]
        if not len(odd):
            return pi
        _, mean, spread, _ = comparison.sums[0].pick(odd)
        logs = states.log_likelihoods(y[odd], mean, spread)
        # Windows of one hour resemble each other: where sums stray further than single windows tell, each tells less.
        last = comparison.sums[-1]
        hour = 1.0 + last.spread[odd] * last.mean[odd]
        temper = np.minimum(np.maximum((1.0 + spread * mean) / hour, 0.2), 1.0)
        for state, new in zip(pi, states.update(columns(pi, odd), logs * temper), strict=True):
            state[odd] = new
        return pi

    def _note(  # noqa: PLR0917 - one column each
        self,
        ring: scan.Ring,
        at: Rows,
        rows: Rows,
        start_ms: int,
        y: Floats,
        exposure: Floats,
        prediction: Prediction,
        comparison: Comparison,
        seen: Seen = None,
    ) -> None:
        """Take a judged window into the ring and learn of its spread."""
        # What is expected of a kind of day not seen yet tells nothing of how warm the evening is, or of the spread.
        unseen = (prediction.own < _LEAST_VISITS) & (self.rates.overall[1, rows] * self.window_s > 86_400.0)
        base = np.where(unseen, np.float32(0.0), prediction.base) if unseen.any() else prediction.base
        fields = (y, prediction.mean, exposure, base, prediction.least, prediction.most)
        ring.put(at, start_ms, fields, seen)
        local = self.calendar.day_number(start_ms), self.calendar.instant(start_ms)[1]
        self.visits.remember(ring, at, rows, start_ms, local, seen)
        self._routine.keep(rows, start_ms, seen)
        total, _, spread, z = comparison.scales
        self.strays.put(rows, local, z, seen)
        # One count less: in small numbers the next whole number must not look like doubt.
        more = total + 0.375
        more *= 1.0 + spread * more
        up = np.subtract(z, np.divide(1.0, np.sqrt(more, out=more), out=more), out=more)
        np.maximum(up, 0.0, out=up)
        if seen is not None:
            up *= seen
        ring.judge(at, start_ms, up, z, comparison.held, _DOUBT_LOW, seen)
        # Longer sums overlap from window to window and tell little new: one of them is drawn, and counts for all.
        others = len(comparison.sums) - 1
        if len(prediction.routine) or unseen.any():
            # What is ordinary by routine tells nothing of how far counts stray from the base.
            seen = ~unseen if seen is None else seen & ~unseen
            seen[prediction.routine] = False
        for rank, times in ((0, 1), (1 + drawn(start_ms // (1000 * self.window_s)) % others, others)):
            total, mean, spread, _ = comparison.based[rank]
            known = self.spread[:, rank, rows]
            variance = negbin.variance(mean, spread)
            dispersion.observe(known, total, mean, variance, prediction.uncertain, times, seen)
            self.solve(rank, rows, known)
        one, last = comparison.based[0], ring.before(at, start_ms, comparison.held)
        found = dispersion.misfit(self.misfit[rows], one.total, one.mean, one.spread, last)
        put(self.misfit, rows, found, seen)

    def _backfill(self, ring: scan.Ring, at: Rows, rows: Rows, start_ms: int, y: Floats, e: Floats) -> None:
        self._digest(ring, start_ms, at, rows, None, level=False)
        prediction = self._predict(rows, start_ms, e, level=False)
        comparison = compare(ring, at, start_ms, y, prediction)
        self._note(ring, at, rows, start_ms, y, e, prediction, comparison)

    def _digest(self, ring: scan.Ring, start_ms: int, at: Rows, rows: Rows, seen: Seen, *, level: bool) -> None:
        """Learn from the windows that lie where the one of `start_ms` will be written."""
        slot = ring.slot(start_ms)
        starts = ring.start[slot][at]
        usual = int((starts if seen is None else starts[seen]).max())
        if usual == scan.NEVER:
            return
        due = starts == usual if seen is None else (starts == usual) & seen
        everyone = bool(due.all())
        self._learn(ring, slot, usual, at, rows, None if everyone else due, level=level)
        # Few, if any: devices that were silent an hour ago.
        late = starts[:0] if everyone else starts[~due if seen is None else ~due & seen]
        for start in sorted(set(late.tolist()) - {scan.NEVER}):
            due = starts == start if seen is None else (starts == start) & seen
            self._learn(ring, slot, start, some_of(at, due), some_of(rows, due), None, level=level)
        put(ring.start[slot], at, scan.NEVER, seen)

    def _learn(
        self, ring: scan.Ring, slot: int, start_ms: int, at: Rows, rows: Rows, seen: Seen, *, level: bool
    ) -> None:
        """Add one settled window per row to the seasonal rates and the slow level."""
        y, mean, e, base, up, low = ring.value[slot][: scan.LEAST, at]
        if seen is not None:
            mean = np.maximum(mean, negbin.LEAST_MEAN)
        group, busy = self.solved[:, 0, rows]
        busy = busy + self.misfit[rows] * dispersion.AMENDS
        spread = within(group / mean + busy)
        deviation = np.sqrt(negbin.variance(mean, spread))
        habit = self.doubted[rows]
        doubt = _doubt(up, _DOUBT_UP)
        if low.max() > 0:  # (a first day off looks like a broken counter)
            doubt *= np.where(base > 0, _doubt(low, _DOUBT_LOW), 1.0)
        weight = habit - _NEW_HABIT
        weight *= 5.0
        np.maximum(doubt, np.minimum(np.maximum(weight, 0.02, out=weight), 1.0, out=weight), out=weight)
        if level:
            alive = 1.0 - self.pi[states.DEAD, rows]  # what a dead counter says is no habit
            weight *= alive
        cut = y.copy()
        odd = ((np.abs(negbin.residual(y, mean, spread)) > ODD) | negbin.crowd(y, mean)).nonzero()[0]
        if len(odd):
            low_cut, high_cut = negbin.band(3.0, mean[odd], spread[odd])
            low_cut *= base[odd] > 0
            high_cut = np.where(mean[odd] < negbin.SMALL, np.maximum(high_cut, _CROWD), high_cut)
            cut[odd] = np.minimum(np.maximum(y[odd], low_cut), high_cut + 1.0)
        # A young series knows too little to cut: its own first days are all it has.
        watched = self.rates.overall[1, rows] * (self.window_s / 3600.0)
        young = (watched < 48.0).nonzero()[0]
        if len(young):
            cut[young] = np.minimum(y[young], mean[young] + 10.0 * deviation[young] + 10.0)
            # At first nothing is known to cut by but the windows around: a counter can begin with its lifetime total.
            new = (watched < 0.25).nonzero()[0]
            cut[new], weight[new] = ring.believed(picked(at, new), slot), 0.3
        # A band that is too wide for now doubts nobody, and then there is nothing to give back.
        habit = habit + (1.0 - self._doubt_keep) * (1.0 - doubt - habit)
        put(self.doubted, rows, habit, seen)
        lean = _LEAN + _LEAN_BUSY * np.minimum(busy, 1.0)
        lean *= deviation
        cut += lean * np.minimum(mean, 1.0) * np.minimum(habit / USUAL_DOUBT, 1.0)
        day_class, second = self.calendar.instant(start_ms)
        holiday = self.calendar.is_holiday(start_ms)
        self.rates.learn(
            rows, self.kind[rows], start_ms, day_class, second, cut, e, weight, spread, seen, holiday=holiday
        )
        if level:
            # A rush of routine says nothing of how warm the evening is.
            plain = (ring.value[slot][scan.LEAST, at] == mean) & (ring.value[slot][scan.MOST, at] == mean)
            worth = alive / (1.0 + spread * mean)
            worth *= np.logical_and(plain, base > 0, out=plain)
            deviation *= 2.0
            inside = np.minimum(np.maximum(y, mean - deviation), mean + deviation)
            for level_sum, part in zip(self.level, (inside, base), strict=True):
                fade(level_sum, rows, self._level_keep, worth * part, seen)


def _doubt(z: Floats, limit: float) -> Floats:
    """Weight of a residual: 1 up to the limit, then falling with its sixth power.

    Improved Farrington falls with the second: enough for outbreaks, which are rare, not for events of every week.
    """
    ratio = limit / np.maximum(z, limit)
    ratio *= ratio * ratio
    ratio *= ratio
    return ratio
