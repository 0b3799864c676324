"""The rhythm that a model has learnt: what it expects of each window of an ordinary week, and how far that may stray.

Read off the newest saved state beside the node, for the series of one device, so that it is what the node judges by.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from console.training.rushes import Rush, ordinary_days, rushes_of
from console.training.saved_state import Name, SavedState
from ingest.vocabulary import KIND_NAMES, Kind
from models.baselines.counts import CountBaseline
from models.calendar import DAY_CLASSES, Calendar
from models.levels.level_baseline import BIN_S, LevelBaseline
from models.state import ROW, State, StateError

_DAY_S: Final = 86_400
_STEP_S: Final = 600
_WEEK: Final = 7
_BLOCKS: Final = 48
_BARS: Final = " ▁▂▃▄▅▆▇█"
_KNOWN_DAYS: Final = 0.3
"""Less of a kind of day is not worth calling learnt."""
Model = CountBaseline | LevelBaseline


class DayCurve(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one weekday; each list has a value for each step of the day, per window."""

    weekday: int
    """0 is Monday."""
    kind: int
    """Kind of day: 0 working day, 1 Saturday, 2 day of rest."""
    midnight_ms: int
    """When the next such day begins, epoch ms."""
    expected: list[float]
    lower: list[float]
    """Central 99 % band, with `upper`."""
    upper: list[float]


class LearntWeek(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one series' week."""

    kind: str
    """count or level."""
    metric: str
    step_s: int
    learnt_days: list[float]
    """Days of each kind that the model remembers; what it has forgotten does not count."""
    unknown: list[int]
    """Kinds of day that it has not learnt, and so judges by others."""
    days: list[DayCurve]
    rushes: list[Rush]


class _Learnt(NamedTuple):
    """The models of one kind that a device has, as the rows of one."""

    names: list[Name]
    model: Model


def rhythms(saved: SavedState, calendar: Calendar, window_s: int, device: str) -> list[LearntWeek]:
    """Return what is known of the weeks of a device's series; nothing for what has no model."""
    return [one for learnt in _models(saved, calendar, window_s, device) for one in _weeks(saved, calendar, learnt)]


def blocks(one: LearntWeek) -> tuple[list[str], float]:
    """Return a line for each weekday, a block for half an hour (or a window), and what the highest block stands for."""
    week = np.array([day.expected for day in one.days])
    parts = np.array_split(week, min(_BLOCKS, week.shape[1]), axis=1)
    means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    low, high = 0.0 if one.kind == KIND_NAMES[Kind.COUNT] else float(means.min()), float(means.max())
    heights = np.rint((means - low) / max(high - low, 1e-9) * (len(_BARS) - 1)).astype(int).tolist()
    return ["".join(_BARS[height] for height in row) for row in heights], high


def _models(saved: SavedState, calendar: Calendar, window_s: int, device: str) -> Iterator[_Learnt]:
    for kind, portions in ((Kind.COUNT, saved.counting), (Kind.LEVEL, saved.leveling)):
        for names, state in portions:
            rows = [row for row, name in enumerate(names) if name[0] == device]
            if not rows:
                continue
            model: Model = (CountBaseline if kind is Kind.COUNT else LevelBaseline)(window_s, calendar)
            try:
                model.restore(_some_of(state, model, rows))
            except (StateError, ValueError, TypeError, KeyError):
                continue  # of another version: `SavedState.problem` says so where nothing else can be read
            yield _Learnt([names[row] for row in rows], model)


def _some_of(state: State, model: Model, rows: list[int]) -> State:
    """Return the state of some series: a large site's models as a whole are hundreds of megabytes."""
    columns = model.capture().columns
    dims = {path: one.dim for path, one in columns.items() if one.axis == ROW.name}
    return State(
        state.values,
        {path: held.take(rows, axis=dims[path]) if path in dims else held for path, held in state.arrays.items()},
    )


def _weeks(saved: SavedState, calendar: Calendar, learnt: _Learnt) -> Iterator[LearntWeek]:
    model = learnt.model
    step_s = max(model.window_s, _STEP_S if isinstance(model, CountBaseline) else BIN_S)
    weekdays = sorted(ordinary_days(calendar, saved.now_ms).items())
    curves = [_day(model, midnight, step_s, len(learnt.names)) for _, midnight in weekdays]
    for row, name in enumerate(learnt.names):
        week = []
        for (weekday, midnight), curve in zip(weekdays, curves, strict=True):
            expected, lower, upper = np.round(curve[..., row], 3).tolist()
            kind = int(calendar.local(midnight + _DAY_S * 500)[0])
            week.append(
                DayCurve(weekday=weekday, kind=kind, midnight_ms=midnight, expected=expected, lower=lower, upper=upper)
            )
        known = saved.models.get(name)
        days = [0.0] * DAY_CLASSES
        if known is not None:
            seen = known.evidence.reshape(DAY_CLASSES, -1).sum(axis=1) * model.window_s / _DAY_S
            days = [round(float(one), 1) for one in seen]
        counts = isinstance(model, CountBaseline) and len(week) == _WEEK
        yield LearntWeek(
            kind=KIND_NAMES[Kind(name[1])],
            metric=name[2],
            step_s=step_s,
            learnt_days=days,
            unknown=[number for number, one in enumerate(days) if one < _KNOWN_DAYS],
            days=week,
            rushes=rushes_of(np.array([one.expected for one in week]), step_s) if counts else [],
        )


def _day(model: Model, midnight: int, step_s: int, rows: int) -> NDArray[np.float64]:
    """Return what is expected of the windows of a day, (expected, lower, upper) × steps × rows."""
    every, none, whole = np.arange(rows), np.zeros(rows), np.ones(rows)
    found = []
    for at in range(midnight, midnight + _DAY_S * 1000, step_s * 1000):
        if isinstance(model, CountBaseline):
            count = model.test(every, at, none, whole)
            found.append((count.expected, count.lower, count.upper))
        else:
            level = model.unseen(every, at)
            found.append((level.expected, level.lower, level.upper))
    return np.array(found, dtype=np.float64).transpose(1, 0, 2)
