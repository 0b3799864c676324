"""Backtests of whole files: each series is judged in windows of its own length.

Series of one length are judged together, in one table whose rows are windows, as the devices of a site are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.backtests import series_backtest
from models.calendar import Calendar


@dataclass(frozen=True, slots=True)
class PastSeries:
    """What one device counted or measured; arrays of shape (rows,)."""

    times: NDArray[np.int64]
    """Starts of intervals, epoch ms; they rise."""
    values: NDArray[np.float64]
    """NaN is missing."""
    interval_ms: int
    """What a row covers."""


@dataclass(slots=True)
class FileScores:
    """What the models said of a file."""

    surprise: list[NDArray[np.float64]]
    """Of each series, shape (its rows,). Where several rows lie in one window, the last of them bears its score."""
    alarm: list[NDArray[np.bool_]]
    state: list[NDArray[np.uint8]]
    """`HiddenState` or `LevelState`, of each series as above."""
    times: NDArray[np.int64]
    """Starts of all windows, epoch ms, (windows,)."""
    highest: NDArray[np.float64]
    """The highest surprise of any series, (windows,)."""
    any_alarm: NDArray[np.bool_]
    """Whether any series was in alarm, (windows,)."""
    missing: int
    """Windows of series without a value, while others of the same length had one."""


def run_file(
    kind: str,
    series: Sequence[PastSeries],
    calendar: Calendar,
    window_s: int | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FileScores:
    """Run the shipped model over all series of a file, row by row.

    Parameters
    ----------
    kind
        ``counts`` or ``levels``.
    series
        In any number; each is judged in windows as long as its interval.
    window_s
        Another length for all; rows of one window are summed (levels: averaged).
    progress
        Called with (windows done, windows) now and then.
    """
    scores = FileScores(
        [np.zeros(len(one.times)) for one in series],
        [np.zeros(len(one.times), dtype=np.bool_) for one in series],
        [np.zeros(len(one.times), dtype=np.uint8) for one in series],
        *(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.bool_)),
        missing=0,
    )
    lengths = [max(one.interval_ms, (window_s or 0) * 1000) for one in series]
    numbers = [_numbers(one, length) for one, length in zip(series, lengths, strict=True)]
    groups: dict[tuple[int, int], list[int]] = {}
    for at, (one, length) in enumerate(zip(series, lengths, strict=True)):
        if one.interval_ms == length and (np.diff(numbers[at]) < 1).any():
            numbers[at] = np.arange(len(one.times))  # its rows keep no time that others could share
            groups[length, at] = [at]
        else:
            groups.setdefault((length, -1), []).append(at)
    tables = [_table(kind, [series[at] for at in group], [numbers[at] for at in group]) for group in groups.values()]
    total, done = sum(len(table.times) for table in tables), 0
    found: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]] = []
    for group, table in zip(groups.values(), tables, strict=True):

        def tell(rows: int, _rows: int, before: int = done) -> None:
            if progress is not None:
                progress(before + rows, total)

        length = window_s or max(lengths[group[0]] // 1000, 1)
        said = series_backtest.run(kind, table.times, table.values, calendar, length, progress=tell)
        for column, at in enumerate(group):
            row = table.rows[column]
            last = np.append(row[1:] != row[:-1], True)
            scores.surprise[at][last] = said.surprise[row[last], column]
            scores.alarm[at][last] = said.alarm[row[last], column]
            scores.state[at][last] = said.state[row[last], column]
        found.append((table.times, said.surprise.max(axis=1), np.logical_or.reduce(said.alarm, axis=1)))
        scores.missing += int((~np.isfinite(table.values)).sum())
        done += len(table.times)
    scores.times, where = np.unique(np.concatenate([times for times, _, _ in found]), return_inverse=True)
    scores.highest, scores.any_alarm = np.zeros(len(scores.times)), np.zeros(len(scores.times), dtype=np.bool_)
    np.maximum.at(scores.highest, where, np.concatenate([highest for _, highest, _ in found]))
    np.logical_or.at(scores.any_alarm, where, np.concatenate([alarm for _, _, alarm in found]))
    return scores


@dataclass(slots=True)
class _Table:
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    """(windows, series)."""
    rows: list[NDArray[np.int64]]
    """Of each series: the window of each of its rows."""


def _numbers(one: PastSeries, length_ms: int) -> NDArray[np.int64]:
    """Return the number of the window that each row of a series lies in, (rows,).

    A device that reports at minutes 2, 17, 32 and 47 has windows from there on: it shares the numbers of those that
    report on the hour, each with its own beginning. A row may be half an interval early or late.
    """
    begin = int(one.times[0]) % length_ms if one.interval_ms == length_ms else 0
    numbers: NDArray[np.int64] = (one.times - begin + min(one.interval_ms, length_ms) // 2) // length_ms
    return numbers


def _table(kind: str, series: Sequence[PastSeries], numbers: Sequence[NDArray[np.int64]]) -> _Table:
    """Put series into one table, whose rows are windows by their numbers."""
    windows, place = np.unique(np.concatenate(numbers), return_inverse=True)
    rows = np.split(place, np.cumsum([len(one) for one in numbers])[:-1])
    times = np.full(len(windows), np.iinfo(np.int64).max)
    values = np.full((len(windows), len(series)), np.nan)
    for column, (one, row) in enumerate(zip(series, rows, strict=True)):
        np.minimum.at(times, row, one.times)
        good = np.isfinite(one.values)
        number = np.bincount(row[good], minlength=len(windows))
        total = np.bincount(row[good], one.values[good], len(windows))
        known = number > 0
        values[known, column] = total[known] if kind == "counts" else total[known] / number[known]
    # Rows that come early or late by half an interval could put the beginnings of two windows into disorder.
    steps = np.arange(len(times))
    return _Table(np.maximum.accumulate(times - steps) + steps, values, list(rows))
