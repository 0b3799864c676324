"""Baselines of counts (people, vehicles) for many series at once: expected, band, tail probability, hidden state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from models import negbin, states
from models.seasonal import SeasonalConfig, SeasonalRates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from models.calendar import Calendar

MAX_TOTAL: Final = 1e9
"""Larger totals are cut: no place on earth passes a thousand million people in a window."""
BAND_Z: Final = 2.5758
"""Half of a percent on either side."""


@dataclass(frozen=True)
class CountConfig:
    """Settings of a `CountBaseline`; times in seconds.

    The defaults were chosen from the nature of counts, see docs/detection.md.
    """

    window_s: int = 300
    seasonal: SeasonalConfig | None = None
    """None: derived from `window_s`."""
    filter: states.FilterConfig = field(default_factory=states.FilterConfig)
    level_half_life_s: float = 5_400.0
    level_spread: float = 0.15
    """How far (standard deviation, relative) the slow level usually strays from 1."""
    dispersion: float = 0.08
    """Where dispersion starts, worth `dispersion_worth` windows."""
    dispersion_worth: float = 50.0
    dispersion_half_life: float = 2_000.0
    """In windows."""
    least_visits: float = 2.0
    """Evidence (windows seen about this time of day) before a series stops being young."""
    threshold: float = 5.0
    """Surprise from which a window is an alarm."""

    def __post_init__(self) -> None:
        if not 1 <= self.window_s <= 86_400:
            raise ValueError(f"window_s is {self.window_s}, expected 1 to 86400 seconds")


@dataclass
class CountTest:
    """What the baseline says of one window per row; all arrays (rows,)."""

    expected: NDArray[np.float64]
    lower: NDArray[np.float64]
    """Central 99 % band, with `upper`."""
    upper: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    """Mid-p probability of at least what was seen."""
    p_lower: NDArray[np.float64]
    surprise: NDArray[np.float64]
    """Calibrated: about -log10 of a probability; higher is stranger."""
    alarm: NDArray[np.bool_]
    state: NDArray[np.uint8]
    """0 normal, 1 surge, 2 deficit, 3 dead, 4 young."""
    onset_ms: NDArray[np.int64]
    """Start of the current episode that is not normal, else 0."""


@dataclass
class _Prediction:
    mean: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    own: NDArray[np.float64]
    relative_variance: NDArray[np.float64]
    base: NDArray[np.float64]


class CountBaseline:
    """Seasonal over-dispersed baselines with a hidden state, for many series at once."""

    def __init__(self, config: CountConfig, calendar: Calendar, size: int = 0) -> None:
        self.config, self.calendar = config, calendar
        seasonal = config.seasonal or SeasonalConfig(
            bin_s=max(config.window_s, 300), smooth_s=min(300.0, config.window_s)
        )
        self.rates = SeasonalRates(seasonal)
        self._begin, self._stay = states.transition(config.filter, config.window_s)
        self._level_keep = 0.5 ** (config.window_s / config.level_half_life_s)
        self._dispersion_keep = 0.5 ** (1.0 / config.dispersion_half_life)
        self.size = 0
        self._state = _empty(0)
        self.grow(size)

    def grow(self, size: int, groups: ArrayLike | None = None) -> None:
        """Make room for `size` series; `groups` (size,) names the kind each belongs to (-1: none).

        Never shrinks. Raises ValueError where `groups` has another length.
        """
        if size > self.size:
            self.rates.grow(size)
            state = _empty(self.rates.capacity)
            for name, values in self._state.items():
                state[name][..., : self.size] = values[..., : self.size]
            self._state, self.size = state, size
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

        The judgement never uses the window itself. Rows with no exposure are missing: nothing is learnt.
        """
        return self._run(rows, start_ms, total, exposure, learn=True)

    def amend(self, rows: ArrayLike, start_ms: ArrayLike, total: ArrayLike, exposure: ArrayLike) -> None:
        """Learn from late or backfilled windows, in any order, several per row allowed; hidden states stay.

        Windows are learnt oldest first; a part of a window counts by its exposure.
        """
        index, starts = np.asarray(rows, dtype=np.intp), np.asarray(start_ms, dtype=np.int64)
        totals, shares = np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64)
        order = np.lexsort((index, starts))
        index, starts, totals, shares = index[order], starts[order], totals[order], shares[order]
        _, first, counts = np.unique(starts, return_index=True, return_counts=True)
        for begin, count in zip(first.tolist(), counts.tolist(), strict=True):
            part = slice(begin, begin + count)
            row, where = np.unique(index[part], return_inverse=True)
            y = np.bincount(where, np.where(shares[part] > 0, totals[part], 0.0))
            e = np.minimum(np.bincount(where, np.maximum(shares[part], 0.0)), 1.0)
            y, e, _ = _clean(y, e)
            at = int(starts[begin])
            day_class, second = self._local(at)
            prediction = self._predict(row, day_class, second, e, level=False)
            weight = _weight(negbin.residual(y, prediction.mean, prediction.dispersion)) * (e > 0)
            self._learn(row, day_class, second, y, e, prediction, weight)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the whole state as arrays, trimmed to size."""
        out: dict[str, NDArray[np.generic]] = {k: v[..., : self.size].copy() for k, v in self._state.items()}
        rates = self.rates
        out["fine"], out["coarse"] = rates.fine[..., : self.size].copy(), rates.coarse[..., : self.size].copy()
        out["overall"], out["kinds"] = rates.overall[..., : self.size].copy(), rates.kinds.copy()
        return out

    def load(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over a state made by `arrays`. Raises ValueError naming the array that does not fit."""
        size = int(np.shape(arrays["onset_ms"])[-1]) if "onset_ms" in arrays else -1
        if size < 0:
            raise ValueError("state of counts: array 'onset_ms' is missing")
        fresh = CountBaseline(self.config, self.calendar, size)
        kinds = np.asarray(arrays.get("kinds", fresh.rates.kinds))
        fresh.rates.grow_kinds(kinds.shape[-1] if kinds.ndim else 0)
        expected = fresh.arrays()
        for name, like in expected.items():
            if name not in arrays:
                raise ValueError(f"state of counts: array {name!r} is missing")
            given = np.asarray(arrays[name])
            if given.shape != like.shape or given.dtype != like.dtype:
                raise ValueError(
                    f"state of counts: array {name!r} is {given.dtype}{given.shape}, expected {like.dtype}{like.shape}"
                )
            target = fresh._target(name)  # noqa: SLF001 - the same class
            target[..., : given.shape[-1]] = given
        self.rates, self._state, self.size = fresh.rates, fresh._state, size  # noqa: SLF001 - the same class

    def _target(self, name: str) -> NDArray[np.generic]:
        if name in self._state:
            return self._state[name]
        found: NDArray[np.generic] = getattr(self.rates, name)
        return found

    def _local(self, start_ms: int) -> tuple[int, int]:
        day_class, second = self.calendar.local(start_ms)
        return int(day_class), int(second)

    def _predict(
        self, rows: NDArray[np.intp], day_class: int, second: int, exposure: NDArray[np.float64], *, level: bool
    ) -> _Prediction:
        config, state = self.config, self._state
        dispersion = (state["spread"][0, rows] + config.dispersion * config.dispersion_worth) / (
            state["spread"][1, rows] + config.dispersion_worth
        )
        dispersion = np.clip(dispersion, 0.002, 4.0)
        rate, relative, own = self.rates.predict(rows, state["kind"][rows], day_class, second, dispersion)
        base = rate * exposure
        if level:
            prior = 1.0 / config.level_spread**2
            now = (state["level"][0, rows] + prior) / (state["level"][1, rows] + prior)
        else:
            now = np.ones(len(rows))
        mean = np.maximum(base * now, negbin.LEAST_MEAN)
        return _Prediction(mean, np.clip(dispersion + relative, negbin.LEAST_DISPERSION, 8.0), own, relative, base)

    def _learn(
        self,
        rows: NDArray[np.intp],
        day_class: int,
        second: int,
        y: NDArray[np.float64],
        exposure: NDArray[np.float64],
        prediction: _Prediction,
        weight: NDArray[np.float64],
    ) -> None:
        """Add windows to the baseline and the dispersion, cut to what the prediction holds possible."""
        state = self._state
        cut = np.clip(
            y,
            negbin.quantile(-3.0, prediction.mean, prediction.dispersion),
            negbin.quantile(3.0, prediction.mean, prediction.dispersion) + 1.0,
        )
        self.rates.learn(rows, state["kind"][rows], day_class, second, cut, exposure, weight)
        variance = prediction.mean + prediction.dispersion * prediction.mean**2
        square = np.minimum((y - prediction.mean) ** 2, 9.0 * variance) * 1.02
        excess = square - prediction.mean - prediction.relative_variance * prediction.mean**2
        # Each window tells of the dispersion by μ²/V: little where counts are small.
        tells = weight * (exposure > 0) / variance**2 * prediction.mean**4
        keep = np.where(exposure > 0, self._dispersion_keep, 1.0)
        spread = state["spread"]
        spread[0, rows] = spread[0, rows] * keep + tells * excess / np.maximum(prediction.mean**2, 1e-12)
        spread[1, rows] = spread[1, rows] * keep + tells

    def _run(
        self, rows: ArrayLike, start_ms: int, total: ArrayLike, exposure: ArrayLike, *, learn: bool
    ) -> CountTest:
        index = np.asarray(rows, dtype=np.intp)
        y, e, seen = _clean(np.asarray(total, dtype=np.float64), np.asarray(exposure, dtype=np.float64))
        config, state = self.config, self._state
        day_class, second = self._local(start_ms)
        prediction = self._predict(index, day_class, second, np.where(seen, e, 1.0), level=True)
        mean, dispersion = prediction.mean, prediction.dispersion
        upper, lower = negbin.tails(y, mean, dispersion)
        upper, lower = np.where(seen, upper, 0.5), np.where(seen, lower, 0.5)
        last = state["last_ms"][index]
        windows = np.clip((start_ms - last) / (1000.0 * config.window_s), 1.0, 10_000.0)
        pi = states.ahead(state["pi"][:, index], self._begin, self._stay, windows)
        log_likelihood = np.where(seen, states.log_likelihoods(y, mean, dispersion, config.filter), 0.0)
        pi = states.update(pi, log_likelihood)
        found = pi.argmax(axis=0).astype(np.uint8)
        young = prediction.own < config.least_visits
        surprise = np.maximum(-np.log10(np.minimum(upper, lower) * 2.0), -np.log10(pi[states.NORMAL]))
        surprise = np.where(seen & ~young, np.maximum(surprise, 0.0), 0.0)
        onset = np.where(found == states.NORMAL, 0, np.where(state["onset_ms"][index] > 0, state["onset_ms"][index], start_ms))
        if learn:
            self._follow(index[seen], start_ms, y[seen], prediction, pi, onset, seen)
            weight = np.where(seen, 0.05 + 0.95 * pi[states.NORMAL], 0.0) * _weight(negbin.residual(y, mean, dispersion))
            self._learn(index, day_class, second, y, e, prediction, weight)
        shown = np.where(young, states.YOUNG, found).astype(np.uint8)
        return CountTest(
            expected=mean,
            lower=np.floor(negbin.quantile(-BAND_Z, mean, dispersion)),
            upper=np.ceil(negbin.quantile(BAND_Z, mean, dispersion)),
            p_upper=upper,
            p_lower=lower,
            surprise=surprise,
            alarm=surprise >= config.threshold,
            state=shown,
            onset_ms=np.where(young, 0, onset),
        )

    def _follow(
        self,
        rows: NDArray[np.intp],
        start_ms: int,
        y: NDArray[np.float64],
        prediction: _Prediction,
        pi: NDArray[np.float64],
        onset: NDArray[np.int64],
        seen: NDArray[np.bool_],
    ) -> None:
        """Move the hidden state and the slow level of the rows that were seen."""
        state = self._state
        state["pi"][:, rows], state["onset_ms"][rows], state["last_ms"][rows] = pi[:, seen], onset[seen], start_ms
        mean, dispersion = prediction.mean[seen], prediction.dispersion[seen]
        worth = pi[states.NORMAL, seen] / (1.0 + dispersion * mean)
        base = prediction.base[seen]
        cut = np.clip(y, negbin.quantile(-2.0, mean, dispersion), negbin.quantile(2.0, mean, dispersion))
        level = state["level"]
        level[0, rows] = level[0, rows] * self._level_keep + worth * cut
        level[1, rows] = level[1, rows] * self._level_keep + worth * base


def _empty(size: int) -> dict[str, NDArray[np.generic]]:
    pi = np.full((states.STATES, size), 1e-4)
    pi[0] = 1.0 - 3e-4
    return {
        "pi": pi,
        "onset_ms": np.zeros(size, dtype=np.int64),
        "last_ms": np.zeros(size, dtype=np.int64),
        "level": np.zeros((2, size)),
        "spread": np.zeros((2, size)),
        "kind": np.full(size, -1, dtype=np.int64),
    }


def _clean(
    total: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return usable totals and exposures, and which windows were seen at all."""
    if total.shape != exposure.shape:
        raise ValueError(f"total has the shape {total.shape} and exposure {exposure.shape}, expected the same")
    seen = np.isfinite(total) & np.isfinite(exposure) & (exposure > 0) & (total >= 0)
    y = np.where(seen, np.minimum(np.nan_to_num(total), MAX_TOTAL), 0.0)
    return np.rint(y), np.where(seen, np.minimum(np.nan_to_num(exposure), 1.0), 0.0), seen


def _weight(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Robust weight of a residual: 1 inside the 99 % band, then falling (improved Farrington: Noufaily 2013)."""
    return np.minimum(1.0, (2.58 / np.maximum(np.abs(z), 1e-9)) ** 2)
