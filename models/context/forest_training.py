"""Training of a beat's forest, with a tail probability that holds for days it has not seen."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from models.calendar import Calendar
from models.context import beat_forest as context
from models.context import isolation
from models.context.score_tail import ScoreTail

Floats = NDArray[np.float64]

TREES: Final = 100
SAMPLES: Final = 1_024
"""Points a tree is grown from. The 256 that are usual leave too few steps to tell rare from very rare."""
LEAST_DAYS: Final = 4
LEAST_ROWS: Final = 2_000
_MOST_ROWS: Final = 250_000
"""A forest is grown from samples, so more teach little; scoring them for calibration would take longer and longer."""
_FOLDS: Final = 4
_BINS: Final = 8
_BINNED: Final = 400
"""Windows of one beat and channel from which its two kinds of spread can be separated."""


class TooLittleError(ValueError):
    """There is not enough history to train on; the text says how much there is and how much it takes."""


@dataclass(frozen=True, slots=True)
class BeatHistory:
    """Closed windows of a site's beats, in order of time."""

    beats: tuple[str, ...]
    start_ms: NDArray[np.int64]
    """(windows,), rising; windows may be missing."""
    sums: Floats
    """(windows, `context.SUMS`, channels, beats), see `context.sums`."""
    alarmed: NDArray[np.bool_]
    """(windows, beats): a device of the beat was itself in alarm; such windows are not learned from."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is trained on, one row a beat and window; arrays (rows,) or (channels, rows)."""

    found: context.Deviation
    beat: NDArray[np.intp]
    day: NDArray[np.int64]
    day_class: NDArray[np.int8]
    second: NDArray[np.int32]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "_Rows":
        found = self.found.pick(chosen)
        return _Rows(found, self.beat[chosen], self.day[chosen], self.day_class[chosen], self.second[chosen])


def train(
    history: BeatHistory,
    calendar: Calendar,
    window_s: int,
    *,
    trees: int = TREES,
    samples: int = SAMPLES,
    seed: int = 0,
    least_days: int = LEAST_DAYS,
) -> context.BeatForest:
    """Train on a site's history.

    Scales and forest are trained on all of it. The tail probability comes from scores of days that were held out: the
    days are dealt to four parts, and each part is scored by scales and a forest trained on the other three.

    The same history and seed give the same bytes. Raises `TooLittleError` for less than `least_days` days (or
    `LEAST_DAYS`) or `LEAST_ROWS` rows.
    """
    rows = _rows(history, calendar, window_s)
    days, part = np.unique(rows.day, return_inverse=True)
    least_days = max(least_days, LEAST_DAYS)
    if len(days) < least_days or len(rows.beat) < LEAST_ROWS:
        raise TooLittleError(
            f"{len(days)} days with {len(rows.beat)} ordinary windows of beats, "
            f"expected at least {least_days} days with {LEAST_ROWS}"
        )
    rng = np.random.default_rng(seed)
    if len(rows.beat) > _MOST_ROWS:
        chosen = np.sort(rng.choice(len(rows.beat), _MOST_ROWS, replace=False))
        rows, part = rows.take(chosen), part[chosen]
    fold = rng.permutation(len(days))[part] % _FOLDS
    beats = len(history.beats)
    held_out = np.empty(len(rows.beat))
    for number in range(_FOLDS):
        inside = fold == number
        learned, judged = rows.take(~inside), rows.take(inside)
        scales = fit_scales(learned.found, learned.beat, beats)
        forest = grow(_features(learned, scales), trees=trees, samples=samples, seed=seed + 1 + number)
        held_out[inside] = forest.score(_features(judged, scales))
    scales = fit_scales(rows.found, rows.beat, beats)
    return context.BeatForest(
        grow(_features(rows, scales), trees=trees, samples=samples, seed=seed),
        ScoreTail.fit(held_out),
        scales,
        history.beats,
        window_s=window_s,
        from_ms=int(history.start_ms[0]),
        to_ms=int(history.start_ms[-1]),
        rows=len(rows.beat),
    )


def grow(x: NDArray[np.floating[Any]], *, trees: int = 100, samples: int = 1024, seed: int = 0) -> isolation.Forest:
    """Grow a forest on points (rows, features) with scikit-learn's `IsolationForest`.

    The same points and seed give the same forest. Raises ValueError for fewer than two points or one that is not
    finite.
    """
    points = np.ascontiguousarray(x, dtype=np.float32)
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"points have the shape {points.shape}, expected at least two rows of features")
    model = IsolationForest(n_estimators=trees, max_samples=min(samples, len(points)), random_state=seed).fit(points)
    return isolation.export(model)


def fit_scales(found: context.Deviation, beat: NDArray[np.intp], beats: int) -> context.Scales:
    """Return the scales of deviations (channels, rows); `beat` (rows,) is below `beats`.

    Spreads are taken between quantiles, so that days with something in them do not widen what is ordinary. A beat with
    few windows has the scales of all beats together.
    """
    shape = (len(context.CHANNELS), beats)
    location, own, shared = np.zeros(shape), np.ones(shape), np.zeros(shape)
    order = np.argsort(beat, kind="stable")
    ends = np.searchsorted(beat[order], np.arange(beats + 1))
    for channel in range(len(context.CHANNELS)):
        z, weight, known = found.z[channel], found.weight[channel], found.known[channel]
        together = _spread(z[known], weight[known])
        for number in range(beats):
            mine = order[ends[number] : ends[number + 1]]
            mine = mine[known[mine]]
            fitted = _spread(z[mine], weight[mine]) if len(mine) >= _BINNED else together
            location[channel, number], own[channel, number], shared[channel, number] = fitted
    return context.Scales(location, own, shared)


def _spread(z: Floats, weight: Floats) -> tuple[float, float, float]:
    """Return (location, own, shared) so that the variance of z is about own + shared * weight."""
    if len(z) < _BINNED:
        return 0.0, 1.0, 0.0
    location = float(np.median(z))
    z = z - location
    edges = np.quantile(weight, np.linspace(0.0, 1.0, _BINS + 1))
    if edges[-1] - edges[0] < 1e-9:
        return location, max(_variance(z), context.LEAST_SPREAD), 0.0
    place = np.clip(np.searchsorted(edges, weight, side="right") - 1, 0, _BINS - 1)
    groups = [place == number for number in range(_BINS) if (place == number).sum() >= _BINNED // _BINS // 2]
    variance = np.array([_variance(z[group]) for group in groups])
    middle = np.array([weight[group].mean() for group in groups])
    # Errors of a variance grow with it: least squares in relative terms.
    worth = 1.0 / np.maximum(variance, 0.1)
    design = np.column_stack([np.ones(len(groups)), middle]) * worth[:, None]
    own, shared = np.linalg.lstsq(design, variance * worth, rcond=None)[0].tolist()
    if shared < 0:
        own, shared = float(variance.mean()), 0.0
    return location, max(own, context.LEAST_SPREAD), shared


def _variance(z: Floats) -> float:
    """Variance of the ordinary nine tenths, as if they were Gaussian."""
    low, high = np.quantile(z, [0.05, 0.95])
    return float(((high - low) / (2 * 1.6449)) ** 2)


def _features(rows: _Rows, scales: context.Scales) -> Floats:
    return context.features(scales.apply(rows.found, rows.beat), rows.day_class, rows.second)


def _rows(history: BeatHistory, calendar: Calendar, window_s: int) -> _Rows:
    """Return one row per beat and window in which no device was in alarm and at least two channels are known."""
    recent = context.Recent(window_s, len(history.beats))
    columns: list[tuple[context.Deviation, NDArray[np.intp], NDArray[np.intp]]] = []
    for at, start in enumerate(history.start_ms.tolist()):
        found = context.deviation(recent.push(start, history.sums[at]))
        beat = np.flatnonzero((found.known.sum(axis=0) >= 2) & ~history.alarmed[at])
        columns.append((found.pick(beat), beat, np.full(len(beat), at)))
    if not columns:
        raise TooLittleError("no closed window of a beat with two of people, vehicles and noise")
    window = np.concatenate([at for *_, at in columns])
    starts = history.start_ms[window]
    day_class, second = calendar.local(starts)
    parts = [(found.z, found.weight, found.known) for found, *_ in columns]
    return _Rows(
        context.Deviation(*(np.concatenate(values, axis=1) for values in zip(*parts, strict=True))),
        np.concatenate([beat for _, beat, _ in columns]),
        starts // 1000 - second.astype(np.int64),  # local midnights tell days apart
        day_class,
        second,
    )
