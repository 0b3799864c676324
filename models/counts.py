"""Baselines of counts (people, vehicles) for many series at once: expected, band, tail probability, hidden state.

Expected is a seasonal rate (`models.seasonal`) times a slow level; the spread is over-dispersed (`models.dispersion`);
tails are exact (`models.negbin`). A window is judged alone and in the sums it ends (`models.scan`); the surprise is
the rarest of these. A hidden-state filter (`models.states`) gives state, onset and persistence. docs/detection.md has
the formulas, the sources, and what it reaches on real data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models import dispersion, negbin, scan, states
from models.count_types import CountConfig, CountTest
from models.seasonal import SeasonalConfig, SeasonalRates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from models.calendar import Calendar

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp] | slice

__all__ = ["CountBaseline", "CountConfig", "CountTest"]

MAX_TOTAL: Final = 1e9
"""Larger totals are cut: no place on earth passes a thousand million people in a window."""
BAND_Z: Final = 2.5758
"""Half of a percent on either side."""
_USUAL_DOUBT: Final = 0.2
"""Share of weight that is doubted in ordinary windows, at least."""
_NEW_HABIT: Final = 0.6
"""Where more is doubted for days on end, it is no event: it is how things are now."""
_WIDEST: Final = 1e4
"""Largest dispersion: a band so wide that nothing is strange."""


@dataclass
class _Prediction:
    """What is expected before looking; arrays (rows,)."""

    base: Floats
    """Seasonal mean."""
    mean: Floats
    """With the slow level."""
    spread: Floats
    """Dispersion a of one window, Var = μ + aμ², all doubts included."""
    uncertain: Floats
    """Relative variance of the mean."""
    own: Floats
    group: Floats
    """φ and α per scale, (scales, rows)."""
    busy: Floats

    def at(self, means: Floats) -> Floats:
        """Dispersion of sums with these means (scales, rows)."""
        wide = self.group / np.maximum(means, negbin.LEAST_MEAN) + self.busy + self.uncertain
        return np.clip(wide, negbin.LEAST_DISPERSION, _WIDEST)


@dataclass
class _Verdict:
    upper: Floats
    lower: Floats
    surprise: Floats
    rising: NDArray[np.bool_]
    totals: Floats
    means: Floats
    spreads: Floats
    z: Floats


class CountBaseline:
    """Seasonal over-dispersed baselines with a hidden state, for many series at once.

    Parameters
    ----------
    config, calendar
        Settings, and the site's calendar.
    size
        Series to begin with; `grow` adds more.

    Notes
    -----
    Fails where a series has a season the calendar does not know (a market every second Thursday is a surge each time),
    in the first days after a lasting change of habit (a new entrance: alarms for some days, then it is learnt), and
    where nearly nothing is ever counted. Costs about a microsecond per series and window.
    """

    def __init__(self, config: CountConfig, calendar: Calendar, size: int = 0) -> None:
        self.config, self.calendar = config, calendar
        self.rates = SeasonalRates(config.seasonal or SeasonalConfig(bin_s=max(config.window_s, 300)), config.window_s)
        self.scales = scan.scales_for(config.window_s)
        self.ring = scan.Ring(config.window_s, self.scales)
        self._begin, self._stay = states.transition(config.filter, config.window_s)
        self._level_keep = 0.5 ** (config.window_s / config.level_half_life_s)
        self._doubt_keep = 0.5 ** (config.window_s / config.habit_half_life_s)
        self._spread_keep = 0.5 ** (1.0 / config.dispersion.half_life)
        self.size = 0
        self._state = self._empty(0)
        self.grow(size)

    def grow(self, size: int, groups: ArrayLike | None = None) -> None:
        """Make room for `size` series; `groups` (size,) names the kind each belongs to (-1: none).

        Never shrinks. Raises ValueError where `groups` has another length.
        """
        if size > self.size:
            self.rates.grow(size)
            if self.rates.capacity > self.ring.start.shape[-1]:
                self.ring.grow(self.rates.capacity)
                state = self._empty(self.rates.capacity)
                for name, values in self._state.items():
                    state[name][..., : self.size] = values[..., : self.size]
                self._state = state
            self.size = size
        if groups is not None:
            kinds = np.asarray(groups, dtype=np.int64)
            if kinds.shape != (self.size,):
                raise ValueError(f"groups has the shape {kinds.shape}, expected ({self.size},)")
            self._state["kind"][: self.size] = kinds
            self.rates.grow_kinds(int(kinds.max(initial=-1)) + 1)

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

        The judgement never uses the window itself. Rows with no exposure are missing: nothing is learnt. A window's
        total enters the baseline about an hour later, once it is known whether it was part of an event.
        """
        return self._run(rows, start_ms, total, exposure, learn=True)

    def amend(self, rows: ArrayLike, start_ms: ArrayLike, total: ArrayLike, exposure: ArrayLike) -> None:
        """Learn from late or backfilled windows, in any order, several per row allowed; hidden states stay.

        Windows are learnt oldest first, with the same care as live ones; a part of a window counts by its exposure.
        """
        index, starts = np.asarray(rows, dtype=np.intp), np.asarray(start_ms, dtype=np.int64)
        totals, shares, _ = _clean(np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64))
        if len(index) == 0:
            return
        window_ms = self.config.window_s * 1000
        starts = starts // window_ms * window_ms
        unique, local = np.unique(index, return_inverse=True)
        # The live ring holds the live windows; backfill gets one of its own.
        ring = scan.Ring(self.config.window_s, self.scales, len(unique))
        order = np.argsort(starts, kind="stable")
        times, first = np.unique(starts[order], return_index=True)
        for at, part in zip(times.tolist(), np.split(order, first[1:]), strict=True):
            here, where = np.unique(local[part], return_inverse=True)
            y = np.bincount(where, totals[part]).astype(np.float64)
            e = np.minimum(np.bincount(where, shares[part]).astype(np.float64), 1.0)
            use = e > 0
            if use.any():
                self._backfill(ring, here[use], unique[here[use]], at, y[use], e[use])
        everyone = np.arange(len(unique))
        for back in range(ring.slots - 1, -1, -1):
            self._digest(ring, ring.slot(int(times[-1]) - back * window_ms), everyone, unique, level=False)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole state as arrays, trimmed to size."""
        return {name: values[..., : self._width(name)].copy() for name, values in self._holders().items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over a state made by `arrays`. Raises ValueError naming the array that does not fit."""
        for name in ("onset_ms", "kinds"):
            if name not in arrays or np.ndim(arrays[name]) == 0:
                raise ValueError(f"state of counts: array {name!r} is missing or has no axis")
        fresh = CountBaseline(self.config, self.calendar, int(np.shape(arrays["onset_ms"])[-1]))
        fresh.rates.grow_kinds(int(np.shape(arrays["kinds"])[-1]))
        for name, holder in fresh._holders().items():
            given = np.asarray(arrays[name]) if name in arrays else None
            width = fresh._width(name)
            shape = (*holder.shape[:-1], width)
            if given is None or given.shape != shape or given.dtype != holder.dtype:
                found = "missing" if given is None else f"{given.dtype}{given.shape}"
                raise ValueError(f"state of counts: array {name!r} is {found}, expected {holder.dtype}{shape}")
            holder[..., :width] = given
        self.rates, self.ring, self.size = fresh.rates, fresh.ring, fresh.size
        self._state = fresh._state

    def _holders(self) -> dict[str, NDArray[Any]]:
        """All arrays of the state by name, as they lie in memory."""
        rates, ring = self.rates, self.ring
        return self._state | {
            "fine": rates.fine,
            "coarse": rates.coarse,
            "overall": rates.overall,
            "kinds": rates.kinds,
            "ring_start": ring.start,
            "ring_value": ring.value,
        }

    def _width(self, name: str) -> int:
        return self.rates.kinds.shape[-1] if name == "kinds" else self.size

    def _empty(self, size: int) -> dict[str, NDArray[Any]]:
        pi = np.full((states.STATES, size), 1e-4)
        pi[states.NORMAL] = 1.0 - 3e-4
        return {
            "pi": pi,
            "onset_ms": np.zeros(size, dtype=np.int64),
            "last_ms": np.zeros(size, dtype=np.int64),
            "level": np.zeros((2, size)),
            "spread": np.zeros((dispersion.SUMS, len(self.scales), size)),
            "kind": np.full(size, -1, dtype=np.int64),
            "doubted": np.full(size, _USUAL_DOUBT),
        }

    def _local(self, start_ms: int) -> tuple[int, int]:
        day_class, second = self.calendar.local(start_ms)
        return int(day_class), int(second)

    def _predict(self, rows: Rows, start_ms: int, exposure: Floats, *, level: bool) -> _Prediction:
        state = self._state
        group, busy = dispersion.solve(state["spread"][:, :, rows], self.config.dispersion)
        day_class, second = self._local(start_ms)
        rate, uncertain, own = self.rates.predict(rows, state["kind"][rows], day_class, second, group[0], busy[0])
        base = np.maximum(rate * exposure, negbin.LEAST_MEAN)
        mean = base
        if level:
            prior = 1.0 / self.config.level_spread**2
            mean = np.maximum(base * (state["level"][0, rows] + prior) / (state["level"][1, rows] + prior), 1e-6)
        spread = np.clip(group[0] / mean + busy[0] + uncertain, negbin.LEAST_DISPERSION, _WIDEST)
        return _Prediction(base, mean, spread, uncertain, own, group, busy)

    def _judge(self, ring: scan.Ring, at: Rows, start_ms: int, y: Floats, prediction: _Prediction) -> _Verdict:
        """Compare a window, and the sums it ends, with what was expected."""
        totals, means = ring.sums(at, start_ms, y, prediction.mean)
        spreads = prediction.at(means)
        z = negbin.residual(totals, means, spreads)
        upper, lower = negbin.quick_tails(y, means[0], spreads[0], z[0])
        up, down = -np.log10(upper), -np.log10(lower)
        # Sums are looked at exactly only where they could matter: most are ordinary, and exact tails are dear.
        scale, place = np.nonzero(np.abs(z[1:]) > 2.5)
        if len(place):
            scale = scale + 1
            more, less = negbin.tails(totals[scale, place], means[scale, place], spreads[scale, place])
            np.maximum.at(up, place, -np.log10(more))
            np.maximum.at(down, place, -np.log10(less))
        down = down * self.config.deficit_weight
        # The best of several looks is rarer than it seems: about twice, as the looks overlap.
        surprise = np.maximum(np.maximum(up, down) - np.log10(2.0), 0.0)
        return _Verdict(upper, lower, surprise, up >= down, totals, means, spreads, z)

    def _note(
        self,
        ring: scan.Ring,
        at: Rows,
        rows: Rows,
        start_ms: int,
        y: Floats,
        exposure: Floats,
        prediction: _Prediction,
        verdict: _Verdict,
    ) -> None:
        """Take a judged window into the ring and learn of its spread; all rows were seen."""
        ring.put(at, start_ms, y, exposure, prediction.mean, prediction.base)
        # One count less: in small numbers the next whole number must not look like doubt.
        more = verdict.totals + 0.375
        cautious = verdict.z - 1.0 / np.sqrt(more * (1.0 + verdict.spreads * more))
        ring.judge(at, start_ms, np.maximum(cautious, 0.0), np.maximum(-verdict.z, 0.0))
        means = verdict.means
        sums = self._state["spread"]
        sums[:, :, rows] = dispersion.observe(
            sums[:, :, rows],
            verdict.totals,
            means,
            means + verdict.spreads * means**2,
            prediction.uncertain,
            self._spread_keep,
            exposure > 0,
        )

    def _backfill(
        self, ring: scan.Ring, at: NDArray[np.intp], rows: NDArray[np.intp], start_ms: int, y: Floats, e: Floats
    ) -> None:
        self._digest(ring, ring.slot(start_ms), at, rows, level=False)
        prediction = self._predict(rows, start_ms, e, level=False)
        self._note(ring, at, rows, start_ms, y, e, prediction, self._judge(ring, at, start_ms, y, prediction))

    def _run(self, rows: ArrayLike, start_ms: int, total: ArrayLike, exposure: ArrayLike, *, learn: bool) -> CountTest:
        index = np.asarray(rows, dtype=np.intp)
        y, e, seen = _clean(np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64))
        if y.shape != index.shape:
            raise ValueError(f"rows has the shape {index.shape} and total {y.shape}, expected the same")
        config, state = self.config, self._state
        start_ms = start_ms // (config.window_s * 1000) * config.window_s * 1000
        if learn and seen.any():
            present = index[seen]
            self._digest(self.ring, self.ring.slot(start_ms), present, present, level=True)
        view = _view(index)
        prediction = self._predict(view, start_ms, np.where(seen, e, 1.0), level=True)
        verdict = self._judge(self.ring, view, start_ms, y, prediction)
        pi = self._filter(view, start_ms, y, seen, prediction, verdict)
        young = prediction.own < config.least_visits
        surprise = np.where(seen & ~young, verdict.surprise, 0.0)
        alarm = surprise >= config.threshold
        found = pi.argmax(axis=0).astype(np.uint8)
        # What the sums see, the filter may not have followed yet.
        found = np.where(alarm & (found == states.NORMAL), np.where(verdict.rising, 1, 2), found).astype(np.uint8)
        before = state["onset_ms"][view]
        onset = np.where(found == states.NORMAL, 0, np.where(before > 0, before, start_ms))
        if learn and seen.any():
            self._keep(index, seen, start_ms, y, e, prediction, verdict, pi, onset)
        lower, upper = negbin.band(BAND_Z, prediction.mean, prediction.spread)
        return CountTest(
            expected=prediction.mean,
            lower=np.floor(lower),
            upper=np.ceil(upper),
            p_upper=np.where(seen, verdict.upper, 0.5),
            p_lower=np.where(seen, verdict.lower, 0.5),
            surprise=surprise,
            alarm=alarm,
            state=np.where(young, states.YOUNG, found).astype(np.uint8),
            onset_ms=np.where(young, 0, onset),
        )

    def _filter(
        self,
        rows: Rows,
        start_ms: int,
        y: Floats,
        seen: NDArray[np.bool_],
        prediction: _Prediction,
        verdict: _Verdict,
    ) -> Floats:
        """Return the probabilities of the hidden states after this window, (4, rows)."""
        state, config = self._state, self.config
        windows = np.clip((start_ms - state["last_ms"][rows]) / (1000.0 * config.window_s), 1.0, 10_000.0)
        pi = states.ahead(state["pi"][:, rows], self._begin, self._stay, windows)
        # Most windows are ordinary and say nothing new of a state that is certain: they cost no logarithms.
        told = np.flatnonzero(seen & ((np.abs(verdict.z[0]) > 1.5) | (y == 0) | (pi[states.NORMAL] < 0.99)))
        if not len(told):
            return pi
        mean, spread = prediction.mean[told], prediction.spread[told]
        logs = states.log_likelihoods(y[told], mean, spread, config.filter)
        # Windows of one hour resemble each other: where sums stray further than single windows tell, each tells less.
        last = 1.0 + verdict.spreads[-1, told] * verdict.means[-1, told]
        temper = np.clip((1.0 + spread * mean) / last, 0.2, 1.0)
        pi[:, told] = states.update(pi[:, told], logs * temper)
        return pi

    def _keep(  # noqa: PLR0917 - one column each
        self,
        index: NDArray[np.intp],
        seen: NDArray[np.bool_],
        start_ms: int,
        y: Floats,
        exposure: Floats,
        prediction: _Prediction,
        verdict: _Verdict,
        pi: Floats,
        onset: NDArray[np.int64],
    ) -> None:
        """Store what a closed window has changed, for the rows that were seen."""
        if not seen.all():
            index, y, exposure, pi, onset = index[seen], y[seen], exposure[seen], pi[:, seen], onset[seen]
            prediction = _Prediction(*(values[..., seen] for values in vars(prediction).values()))
            verdict = _Verdict(*(values[..., seen] for values in vars(verdict).values()))
        rows = _view(index)
        state = self._state
        state["pi"][:, rows], state["onset_ms"][rows], state["last_ms"][rows] = pi, onset, start_ms
        self._note(self.ring, rows, rows, start_ms, y, exposure, prediction, verdict)

    def _digest(self, ring: scan.Ring, slot: int, at: NDArray[np.intp], rows: NDArray[np.intp], *, level: bool) -> None:
        """Learn from the windows that a slot still holds, before they are overwritten."""
        starts = ring.start[slot][at]
        first = int(starts[0])
        if (starts == first).all():
            if first != scan.NEVER:
                self._learn(ring, slot, first, at, rows, level=level)
        else:
            for start in np.unique(starts[starts != scan.NEVER]).tolist():
                part = starts == start
                self._learn(ring, slot, start, at[part], rows[part], level=level)
        ring.start[slot][at] = scan.NEVER

    def _learn(
        self, ring: scan.Ring, slot: int, start_ms: int, at: NDArray[np.intp], rows: NDArray[np.intp], *, level: bool
    ) -> None:
        """Add one settled window per row to the seasonal rates and the slow level."""
        config, state, view = self.config, self._state, _view(rows)
        y, e, mean, base, up, low = ring.value[slot][:, _view(at)].astype(np.float64)
        group, busy = dispersion.solve(state["spread"][:, 0, view], config.dispersion)
        spread = np.clip(group / mean + busy, negbin.LEAST_DISPERSION, _WIDEST)
        deviation = np.sqrt(mean + spread * mean**2)
        known = state["kind"][view]
        day_class, second = self._local(start_ms)
        young = self.rates.overall[1][view] < 2.0 * 86_400 / config.window_s
        doubt = _doubt(up, config.doubt_up) * _doubt(low, config.doubt_low)
        believed = np.clip((state["doubted"][view] - _NEW_HABIT) * 5.0, 0.02, 1.0)
        weight = np.maximum(doubt, believed) * (1.0 - state["pi"][states.DEAD, view] * (0.0 if not level else 1.0))
        low_cut, high_cut = negbin.band(3.0, mean, spread)
        cut = np.clip(y, low_cut, high_cut + 1.0)
        # A young series knows too little to cut: its own first days are all it has.
        cut = np.where(young, np.minimum(y, mean + 10.0 * deviation + 10.0), cut)
        # A band that is too wide for now doubts nobody, and then there is nothing to give back.
        habit = state["doubted"]
        habit[view] += (1.0 - self._doubt_keep) * (1.0 - doubt - habit[view])
        cut += config.lean * deviation * np.minimum(mean, 1.0) * np.minimum(habit[view] / _USUAL_DOUBT, 1.0)
        self.rates.learn(view, known, day_class, second, cut, e, weight)
        if level:
            worth = 1.0 / (1.0 + spread * mean)
            inside = np.clip(y, mean - 2.0 * deviation, mean + 2.0 * deviation)
            slow = state["level"]
            slow[:, view] = slow[:, view] * self._level_keep + worth * np.stack([inside, base])


def _doubt(z: Floats, limit: float) -> Floats:
    """Weight of a residual: 1 up to the limit, then falling with its sixth power.

    Improved Farrington falls with the second: enough for outbreaks, which are rare, not for events of every week.
    """
    ratio = np.minimum(limit / np.maximum(z, 1e-9), 1.0)
    weight: Floats = (ratio * ratio * ratio) ** 2
    return weight


def _view(index: NDArray[np.intp]) -> Rows:
    """Return a slice where the rows are a run: numpy then reads memory in place."""
    if len(index) and index[-1] - index[0] == len(index) - 1 and bool((np.diff(index) == 1).all()):
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


def _clean(total: Floats, exposure: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return usable totals and exposures, and which windows were seen at all."""
    if total.shape != exposure.shape:
        raise ValueError(f"total has the shape {total.shape} and exposure {exposure.shape}, expected the same")
    seen = np.isfinite(total) & np.isfinite(exposure) & (exposure > 0) & (total >= 0)
    y = np.where(seen, np.clip(total, 0.0, MAX_TOTAL), 0.0)
    return np.rint(y), np.where(seen, np.clip(exposure, 0.0, 1.0), 0.0), seen
