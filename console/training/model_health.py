"""What is known of each series' model: how much it has seen and learned, what is missing, how far it can be believed.

Read from the store and the newest saved state, beside the node.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from console.training.rushes import Rush, rushes
from console.training.saved_state import Name, SavedState
from ingest.vocabulary import KIND_NAMES, MODELLED, HiddenState, Kind, LevelState, WindowStatus
from models.backtests.calibration import BAND, Calibration, Tally, count_intervals, level_intervals
from models.calendar import DAY_CLASSES, REST, SATURDAY, WORKING, Calendar
from stream.sinks.store.reader import StoreReader

DAY_MS: Final = 86_400_000
CLASSES: Final = {WORKING: "working", SATURDAY: "saturday", REST: "rest"}
"""The classes of day that baselines tell apart; ``rest`` is a Sunday or a holiday."""
KINDS: Final = {kind: KIND_NAMES[kind] for kind in MODELLED}
_LOOKED_AT_H: Final = (3, 11, 19)
"""Hours of a day that are looked at to see whether a device was there: whole days of a long history are many rows."""
_SUNDAY: Final = 6
_LEARNT_DAYS: Final = 0.3
"""Less of a class of day is not worth calling learned. (A day full of events, which are doubted, counts for half.)"""
_PORTION_MS: Final = 6 * 3_600_000


class ModelHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The model of one series: what one device measures."""

    beat: str
    device: str
    kind: str
    """count or level."""
    metric: str
    windows: int
    """Windows in the store, over all time."""
    first_ms: int
    """First and last day (local midnight, epoch ms) with data in the store; 0 for none."""
    last_ms: int
    weeks: float
    days: dict[str, int]
    """Days with data in the store: ``working, saturday, sunday, holiday``."""
    learnt_days: dict[str, float] | None
    """Days that the baseline remembers (what it has forgotten does not count): ``working, saturday, rest``; None where
    there is no saved state."""
    missing: list[str]
    """Classes of day the baseline has not learned, and so judges by other days."""
    history_windows: int
    """Windows that it learned from `patrolgrid train`."""
    last_learnt_ms: int
    """End of the newest window that it learned, 0 for none."""
    state: str
    """``judged``, ``partly`` (young at some times of day), ``young``, or ``unseen`` (nothing lately)."""
    young: float
    """Share of the last day's windows for which it was too young."""
    stuck: bool
    calibration: dict[str, float] | None
    """``windows, below_1pct, below_5pct, inside, distance``; None without a judged window."""
    verdict: str
    """``good, narrow, wide, shifted``, or ``little`` where there is too little to judge by."""
    learnt_since_ms: int
    """Start of the oldest window that it learned, 0 for none."""
    rushes: list[Rush]
    """When it expects many more than around that time."""

    @property
    def needs(self) -> str:
        """What is to be looked at first: ``stuck, unseen, young, narrow, shifted, wide, missing``, or nothing."""
        if self.stuck:
            return "stuck"
        if self.state in {"unseen", "young"}:
            return self.state
        if self.verdict in {"narrow", "shifted", "wide"}:
            return self.verdict
        return "missing" if self.missing else ""


class _Days:
    """The local days from that of the first window to that of the last; arrays of shape (days,)."""

    def __init__(self, calendar: Calendar, span: tuple[int, int]) -> None:
        found = []
        at = _midnight(calendar, span[0])
        while at <= span[1]:
            found.append(at)
            at = _midnight(calendar, at + 36 * 3_600_000)  # a day has 23 to 25 hours
        self.midnight = np.array(found, dtype=np.int64)
        noon = self.midnight + DAY_MS // 2
        sunday, rest = calendar.weekday(noon) == _SUNDAY, calendar.local(noon)[0]
        self.of = {
            "working": rest == WORKING,
            "saturday": rest == SATURDAY,
            "sunday": (rest == REST) & sunday,
            "holiday": (rest == REST) & ~sunday,
        }

    def seen(self, reader: StoreReader, size: int, progress: Callable[[int, int], None] | None) -> NDArray[np.bool_]:
        """Tell on which days each series had data; shape (days, series)."""
        seen = np.zeros((len(self.midnight), size), dtype=np.bool_)
        for index, midnight in enumerate(self.midnight.tolist()):
            for hour in _LOOKED_AT_H:
                start = midnight + hour * 3_600_000
                found = [number for number in reader.series_between(start, start + 3_600_000) if number < size]
                seen[index, found] = True
            if progress is not None:
                progress(index + 1, len(self.midnight))
        return seen


@dataclass(slots=True)
class _Lately:
    """What the windows of the last days say; arrays of shape (series,)."""

    tally: Tally
    judged: NDArray[np.int64]
    """Windows of the last day that were judged, and those for which the model was too young."""
    young: NDArray[np.int64]
    last: NDArray[np.int64]
    """Start of the newest window."""
    state: NDArray[np.int64]
    """Its state."""


def model_health(
    reader: StoreReader,
    saved: SavedState,
    calendar: Calendar,
    window_ms: int,
    *,
    days: float = 14.0,
    progress: Callable[[int, int], None] | None = None,
) -> list[ModelHealth]:
    """Return the health of every count and level series of a store, in the store's order.

    Parameters
    ----------
    saved
        What `console.training.saved_state.read_saved` gave.
    window_ms
        Length of a window.
    days
        How far back calibration is looked at.
    progress
        Called with the days looked at, and how many there are.

    Raises
    ------
    stream.sinks.store.tables.StoreError
        As the reader does.
    """
    series = [row for row in reader.series() if row["kind"] in KINDS.values()]
    span = reader.span()
    if not series or span is None:
        return []
    size = max(row["id"] for row in series) + 1
    is_count = np.zeros(size, dtype=np.bool_)
    is_count[[row["id"] for row in series if row["kind"] == KINDS[Kind.COUNT]]] = True
    local = _Days(calendar, span)
    seen = local.seen(reader, size, progress)
    lately = _lately(reader, span, is_count, days)
    totals = reader.windows_by_series()
    known = rushes(saved, calendar, window_ms // 1000, progress)
    return [
        _health(row, saved, local, seen[:, row["id"]], lately, window_ms, totals.get(row["id"], 0), known)
        for row in series
    ]


def _midnight(calendar: Calendar, ms: int) -> int:
    _, second = calendar.local(ms)
    return ms - int(second) * 1000 - ms % 1000


def _lately(reader: StoreReader, span: tuple[int, int], is_count: NDArray[np.bool_], days: float) -> _Lately:
    size = len(is_count)
    none = np.zeros(size, dtype=np.int64)
    lately = _Lately(Tally(size), none.copy(), none.copy(), none.copy(), none.copy())
    end = span[1] + 1
    for start in range(max(span[0], span[1] - round(days * DAY_MS)), end, _PORTION_MS):
        rows = reader.parts_between(start, min(start + _PORTION_MS, end))
        if rows:
            _count(lately, np.array(rows, dtype=np.float64), is_count, span[1] - DAY_MS)
    return lately


def _count(lately: _Lately, table: NDArray[np.float64], is_count: NDArray[np.bool_], day_ms: int) -> None:
    """Add a portion of windows: those that stand as they were judged, without what came later."""
    size = len(is_count)
    series, start, status = (table[:, column].astype(np.int64) for column in (0, 1, 3))
    known = (series < size) & (status != WindowStatus.LATE) & (table[:, 4] > 0)
    lately_rows = known & (status != WindowStatus.OPEN)
    np.maximum.at(lately.last, series[lately_rows], start[lately_rows])
    newest = lately_rows & (start == lately.last[np.minimum(series, size - 1)])
    lately.state[series[newest]] = table[newest, 12].astype(np.int64)
    judged = known & (status == WindowStatus.CLOSED) & np.isfinite(table[:, [8, 9, 10, 11]]).all(axis=1)
    young = table[:, 12] == HiddenState.YOUNG
    day = judged & (start > day_ms)
    lately.judged += np.bincount(series[day & ~young], minlength=size)[:size]
    lately.young += np.bincount(series[day & young], minlength=size)[:size]
    counted = is_count[np.minimum(series, size - 1)]
    for rows, counts in ((judged & ~young & counted, True), (judged & ~young & ~counted, False)):
        n, sum_a, sum_b, exposure, expected, lower, upper, p = (table[rows, column] for column in range(4, 12))
        p = np.clip(p, 0.0, 0.5)
        if counts:
            value, windows = sum_a + sum_b, np.maximum(exposure, 1.0)
            interval = count_intervals(value / windows, expected / windows, upper / windows, p)
        else:
            value = sum_a / n
            interval = level_intervals(value, expected, p)
        lately.tally.add(series[rows], interval, p, (value >= lower) & (value <= upper))


def _health(
    row: dict[str, Any],
    saved: SavedState,
    local: _Days,
    seen: NDArray[np.bool_],
    lately: _Lately,
    window_ms: int,
    windows: int,
    known: dict[Name, list[Rush]],
) -> ModelHealth:
    number = row["id"]
    kind = Kind.COUNT if row["kind"] == KINDS[Kind.COUNT] else Kind.LEVEL
    midnights = local.midnight[seen].tolist()
    days = {name: int((seen & of).sum()) for name, of in local.of.items()}
    model = saved.models.get((row["device"], int(kind), row["metric"]))
    learned: dict[str, float] | None = None
    history, last_learnt, since = 0, 0, 0
    if model is not None:
        share = model.evidence.reshape(DAY_CLASSES, -1).sum(axis=1) * window_ms / DAY_MS
        learned = {name: round(float(share[index]), 1) for index, name in CLASSES.items()}
        history = sum(high - low for low, high in model.spans["history"])
        ends = [high * window_ms for spans in model.spans.values() for _, high in spans]
        last_learnt = max(ends, default=0)
        since = min((low * window_ms for spans in model.spans.values() for low, _ in spans), default=0)
    have = learned if learned is not None else {**days, "rest": days["sunday"] + days["holiday"]}
    judged, young = int(lately.judged[number]), int(lately.young[number])
    figures = lately.tally.figures(number)
    return ModelHealth(
        beat=row["beat"],
        device=row["device"],
        kind=row["kind"],
        metric=row["metric"],
        windows=windows,
        first_ms=midnights[0] if midnights else 0,
        last_ms=midnights[-1] if midnights else 0,
        weeks=round((midnights[-1] - midnights[0] + DAY_MS) / (7 * DAY_MS), 1) if midnights else 0.0,
        days=days,
        learnt_days=learned,
        missing=[name for name in CLASSES.values() if have[name] < _LEARNT_DAYS],
        history_windows=history,
        last_learnt_ms=last_learnt,
        state=_state(judged, young),
        young=round(young / (judged + young), 3) if judged + young else 0.0,
        stuck=(kind == Kind.LEVEL and int(lately.state[number]) == LevelState.STUCK)
        or (model is not None and model.stuck),
        calibration=None if figures is None else _rounded(figures),
        verdict="little" if figures is None else figures.verdict,
        learnt_since_ms=since,
        rushes=known.get((row["device"], int(kind), row["metric"]), []),
    )


def _rounded(figures: Calibration) -> dict[str, float]:
    return {
        "windows": figures.windows,
        "below_1pct": round(figures.below_1pct, 5),
        "below_5pct": round(figures.below_5pct, 5),
        "inside": round(figures.inside, 5),
        "distance": round(figures.distance, 4),
    }


def _state(judged: int, young: int) -> str:
    if not judged + young:
        return "unseen"
    if young > judged:
        return "young"
    return "partly" if young else "judged"


def summary(models: list[ModelHealth]) -> dict[str, Any]:
    """Return the report in a few numbers: series in all, by state and by verdict, and what needs a look.

    The shares are over all judged windows of all series.
    """
    figures = [model.calibration for model in models if model.calibration is not None]
    windows = sum(figure["windows"] for figure in figures)

    def share(name: str) -> float | None:
        return round(sum(figure[name] * figure["windows"] for figure in figures) / windows, 5) if windows else None

    def by(names: list[str]) -> dict[str, int]:
        return {name: names.count(name) for name in sorted(set(names))}

    return {
        "series": len(models),
        "devices": len({model.device for model in models}),
        "states": by([model.state for model in models]),
        "verdicts": by([model.verdict for model in models]),
        "needs": by([model.needs for model in models if model.needs]),
        "missing": by([name for model in models for name in model.missing]),
        "windows": int(windows),
        "below_1pct": share("below_1pct"),
        "below_5pct": share("below_5pct"),
        "inside": share("inside"),
        "band": BAND,
    }
