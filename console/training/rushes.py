"""The rushes that a model of counts knows: when it expects many more than around that time, on which weekdays.

They are read off what the model expects of the coming week, so they are what it judges by, wherever it knows it from.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from console.training.saved_state import Name, SavedState
from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.state import StateError

_DAY_S: Final = 86_400
_STEP_S: Final = 600
_AROUND_S: Final = 9_000
"""A rush is compared with the median of so long before and after it."""
_LONGEST_S: Final = 10_800
"""What lasts longer is the day's work, and no rush."""
_TIMES: Final = 1.6
_LEAST: Final = 5.0
"""A rush is so many times, and by so many a window, more than is expected around it."""
_SAME_S: Final = 1_200
"""Rushes of several days that begin no further apart are one."""
_ROWS: Final = 128
_SEARCHED_DAYS: Final = 28


class Rush(msgspec.Struct, frozen=True, kw_only=True):
    """Many at one time of day."""

    begin: str
    """Local time, such as ``07:30``."""
    end: str
    weekdays: tuple[int, ...]
    """0 is Monday."""
    expected: float
    """The most that is expected of a window in it."""


def rushes(
    saved: SavedState, calendar: Calendar, window_s: int, progress: Callable[[int, int], None] | None = None
) -> dict[Name, list[Rush]]:
    """Return the rushes of every count series of a saved state, in the order of their times; none for most."""
    found: dict[Name, list[Rush]] = {}
    for names, state in saved.counting:
        model = CountBaseline(window_s, calendar)
        try:
            model.restore(state)
        except (StateError, ValueError, TypeError, KeyError):
            continue  # of another version: `SavedState.problem` says so where nothing else can be read
        expected = _week(model, calendar, saved.now_ms, len(names), progress)
        step_s = _DAY_S // expected.shape[1]
        for first in range(0, len(names), _ROWS):
            part = expected[..., first : first + _ROWS]
            for row, name in enumerate(names[first : first + _ROWS]):
                some = _of_series(part[..., row], step_s)
                if some:
                    found[name] = some
    return found


def _week(
    model: CountBaseline, calendar: Calendar, now_ms: int, rows: int, progress: Callable[[int, int], None] | None
) -> NDArray[np.float64]:
    """Return what is expected of windows on the next ordinary day of each weekday, (weekdays, times, rows)."""
    step_s = max(model.window_s, _STEP_S)
    steps = _DAY_S // step_s
    expected = np.zeros((7, steps, rows))
    days: dict[int, int] = {}
    for ahead in range(1, _SEARCHED_DAYS):
        noon = now_ms + ahead * _DAY_S * 1000
        day = calendar.day(calendar.day_number(noon))
        if day.as_usual and not day.holiday and not day.after:
            days.setdefault(day.weekday, noon - calendar.instant(noon)[1] * 1000)
    every, whole = np.arange(rows), np.ones(rows)
    for done, (weekday, midnight) in enumerate(days.items(), 1):
        for step in range(steps):
            test = model.test(every, midnight + step * step_s * 1000, np.zeros(rows), whole)
            expected[weekday, step] = test.expected
        if progress is not None:
            progress(done, len(days))
    return expected


def _of_series(expected: NDArray[np.float64], step_s: int) -> list[Rush]:
    reach = max(_AROUND_S // step_s, 1)
    week = expected.reshape(-1)
    around = np.median(sliding_window_view(np.pad(week, reach, mode="wrap"), 2 * reach + 1), axis=-1)
    high = ((week > _TIMES * around) & (week > around + _LEAST)).reshape(expected.shape)
    grouped: list[tuple[int, int, list[int], float]] = []
    for weekday, day in enumerate(high):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], day, [False])).astype(np.int8)))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if (end - begin) * step_s > _LONGEST_S:
                continue
            most = float(expected[weekday, begin:end].max())
            same = next((one for one in grouped if abs(one[0] - begin) * step_s <= _SAME_S), None)
            if same is None:
                grouped.append((begin, end, [weekday], most))
            else:
                where = grouped.index(same)
                grouped[where] = (min(same[0], begin), max(same[1], end), [*same[2], weekday], max(same[3], most))
    return [
        Rush(begin=_time(begin * step_s), end=_time(end * step_s), weekdays=tuple(days), expected=round(most, 1))
        for begin, end, days, most in sorted(grouped)
    ]


def _time(second: int) -> str:
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}"
