"""The rushes that a model of counts knows: when it expects many more than around that time, on which weekdays.

They are read off what the model expects of the coming week, so they are what it judges by, wherever it knows it from.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

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
_LONGEST_OF_DAY_S: Final = 21_600
"""The same of what other weekdays have not: a market's morning."""
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


class _Found(NamedTuple):
    """A rush in steps of a day."""

    begin: int
    end: int
    days: set[int]
    most: float


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
                some = rushes_of(part[..., row], step_s)
                if some:
                    found[name] = some
    return found


def _week(
    model: CountBaseline, calendar: Calendar, now_ms: int, rows: int, progress: Callable[[int, int], None] | None
) -> NDArray[np.float64]:
    """Return what is expected of windows on the next ordinary day of each weekday, (weekdays, times, rows)."""
    step_s = max(model.window_s, _STEP_S)
    steps = _DAY_S // step_s
    expected, days = np.zeros((7, steps, rows)), ordinary_days(calendar, now_ms)
    every, whole = np.arange(rows), np.ones(rows)
    for done, (weekday, midnight) in enumerate(days.items(), 1):
        for step in range(steps):
            test = model.test(every, midnight + step * step_s * 1000, np.zeros(rows), whole)
            expected[weekday, step] = test.expected
        if progress is not None:
            progress(done, len(days))
    return expected


def ordinary_days(calendar: Calendar, now_ms: int) -> dict[int, int]:
    """Return the next ordinary day of each weekday (0 is Monday), as its midnight (epoch ms)."""
    days: dict[int, int] = {}
    for ahead in range(1, _SEARCHED_DAYS):
        noon = now_ms + ahead * _DAY_S * 1000
        day = calendar.day(calendar.day_number(noon))
        if day.as_usual and not day.holiday and not day.bridge:
            days.setdefault(day.weekday, noon - calendar.instant(noon)[1] * 1000 - noon % 1000)
    return days


def rushes_of(expected: NDArray[np.float64], step_s: int) -> list[Rush]:
    """Return the rushes of one series, whose `expected` is (7, steps of a day)."""
    reach = max(_AROUND_S // step_s, 1)
    week = expected.reshape(-1)
    around = np.median(sliding_window_view(np.pad(week, reach, mode="wrap"), 2 * reach + 1), axis=-1)
    found = np.zeros(expected.shape, dtype=np.bool_)
    grouped: list[_Found] = []
    for usual, longest_s in (
        (np.median(expected, axis=0), _LONGEST_OF_DAY_S),
        (around.reshape(found.shape), _LONGEST_S),
    ):
        high = (expected > _TIMES * usual) & (expected > usual + _LEAST) & ~found
        for weekday, begin, end in _runs(high):
            if (end - begin) * step_s > longest_s:
                continue
            found[weekday, begin:end] = True
            new = _Found(begin, end, {weekday}, float(expected[weekday, begin:end].max()))
            same = next((one for one in grouped if abs(one.begin - begin) * step_s <= _SAME_S), None)
            if same is None:
                grouped.append(new)
            else:
                at = grouped.index(same)
                grouped[at] = _Found(
                    min(same.begin, begin), max(same.end, end), same.days | new.days, max(same.most, new.most)
                )
    return [
        Rush(
            begin=_time(one.begin * step_s),
            end=_time(one.end * step_s),
            weekdays=tuple(sorted(one.days)),
            expected=round(one.most, 1),
        )
        for one in sorted(grouped, key=lambda one: (one.begin, one.end))
    ]


def _runs(high: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Give (weekday, begin, end) of every run, all days over."""
    for weekday, day in enumerate(high):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], day, [False])).astype(np.int8)))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            yield weekday, begin, end


def _time(second: int) -> str:
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}"
