"""Backtests of counts and levels: the shipped models, row by row, without looking ahead; and how they are scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.baselines import counts
from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.levels import level_bars
from models.levels import level_baseline as levels
from models.levels.level_baseline import LevelBaseline

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
_CUT_MS: Final = 4 * 3_600_000
"""A longer alarm counts as several."""
_TRIES: Final = 200
"""Thresholds that `best_within` tries, at most."""


@dataclass
class Scores:
    """What a model said of a table; arrays (times, devices)."""

    surprise: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    expected: NDArray[np.float64]
    state: NDArray[np.uint8]


@dataclass(frozen=True)
class BacktestScore:
    """How one threshold did on one file."""

    threshold: float
    found: int
    """Events that an alarm overlapped."""
    events: int
    false: int
    """Alarms that overlapped no event."""
    weeks: float
    delay_s: float
    """Median time from an event's beginning to the end of the window that found it; NaN where none was found."""

    @property
    def share(self) -> float:
        """Share of the events found."""
        return self.found / self.events if self.events else float("nan")

    @property
    def false_per_week(self) -> float:
        """False alarms a week."""
        return self.false / self.weeks if self.weeks > 0 else float("nan")


def run(
    kind: str,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    calendar: Calendar,
    window_s: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Scores:
    """Run the shipped model over a table, row by row.

    Parameters
    ----------
    kind
        ``counts`` or ``levels``.
    times
        Starts of windows, epoch ms, increasing, (times,).
    values
        (times, devices); NaN is missing.
    calendar, window_s
        The site's calendar; seconds between rows.
    progress
        Called with (rows done, rows) now and then.

    Raises
    ------
    ValueError
        Where the shapes differ, or times do not increase.
    """
    if values.ndim != 2 or times.shape != values.shape[:1]:
        raise ValueError(f"times has the shape {times.shape} and values {values.shape}, expected (n,) and (n, devices)")
    if len(times) > 1 and (np.diff(times) <= 0).any():
        raise ValueError("times must increase from row to row")
    size = values.shape[1]
    model: CountBaseline | LevelBaseline
    if kind == "counts":
        model = CountBaseline(window_s, calendar, size)
    else:
        model = LevelBaseline(window_s, calendar, size, bin_s=max(levels.BIN_S, window_s))
    rows = np.arange(size)
    shape = values.shape
    out = Scores(np.zeros(shape), np.zeros(shape, np.bool_), np.zeros(shape), np.zeros(shape, np.uint8))
    for at, start in enumerate(times.tolist()):
        row = values[at]
        test = model.step(rows, start, row, np.isfinite(row).astype(np.float64))
        for name, column in vars(out).items():
            column[at] = getattr(test, name)
        if progress is not None and at % 256 == 0:
            progress(at, len(times))
    return out


def shipped_threshold(kind: str) -> float:
    """Return the surprise from which the shipped model of ``counts`` or ``levels`` raises an alarm."""
    return counts.THRESHOLD if kind == "counts" else level_bars.THRESHOLD


def alarms(
    times: NDArray[np.int64],
    score: NDArray[np.float64],
    threshold: float,
    window_s: int,
    *,
    join_s: float = 1800.0,
) -> list[tuple[int, int]]:
    """Return alarms (begin, end) in ms: runs of rows at or over the threshold, near ones joined, long ones cut."""
    step = window_s * 1000
    over = times[score >= threshold]
    if len(over) == 0:
        return []
    gaps = np.flatnonzero(np.diff(over) - step >= join_s * 1000)
    begins = over[np.concatenate([[0], gaps + 1])].tolist()
    ends = (over[np.concatenate([gaps, [len(over) - 1]])] + step).tolist()
    out = []
    for begin, end in zip(begins, ends, strict=True):
        out += [(at, min(at + _CUT_MS, end)) for at in range(begin, end, _CUT_MS)]
    return out


def score(
    times: NDArray[np.int64],
    surprise: NDArray[np.float64],
    events: Sequence[tuple[int, int]],
    threshold: float,
    window_s: int,
    *,
    join_s: float = 1800.0,
    warm_up_days: float = 14.0,
) -> BacktestScore:
    """Score one threshold: which events were found, how many alarms were false, how soon.

    Parameters
    ----------
    times, surprise
        (times,); of several devices give the largest.
    events
        (begin, end) in ms; those that begin in the warm-up are left out.
    """
    first = int(times[0]) + round(warm_up_days * DAY_MS)
    use = times >= first
    times, surprise = times[use], surprise[use]
    wanted = [event for event in events if event[0] >= first]
    weeks = (int(times[-1]) + window_s * 1000 - first) / WEEK_MS if len(times) else 0.0
    raised = alarms(times, surprise, threshold, window_s, join_s=join_s)
    false = 0
    delays: dict[tuple[int, int], int] = {}
    for begin, end in raised:
        hit = [event for event in wanted if begin < event[1] and end > event[0]]
        false += not hit
        for event in hit:
            # The alarm can have begun before the event: it is then known as soon as the event is.
            delays.setdefault(event, max(begin + window_s * 1000, event[0]) - event[0])
    delay = float(np.median(list(delays.values()))) / 1000 if delays else float("nan")
    return BacktestScore(threshold, len(delays), len(wanted), false, weeks, delay)


def best_within(
    times: NDArray[np.int64],
    surprise: NDArray[np.float64],
    events: Sequence[tuple[int, int]],
    budgets: Sequence[float],
    window_s: int,
    *,
    join_s: float = 1800.0,
    warm_up_days: float = 14.0,
) -> dict[float, BacktestScore]:
    """Return, per budget of false alarms a week, the threshold that finds most events within it.

    One number for the whole file, as a site would set it.
    """
    late = surprise[times >= times[0] + round(warm_up_days * DAY_MS)]
    positive = np.unique(late[late > 0])
    if len(positive) == 0:
        positive = np.ones(1)
    if len(positive) > _TRIES:
        positive = np.unique(np.quantile(positive, 1.0 - np.geomspace(1e-4, 0.4, _TRIES)))
    found = [
        score(times, surprise, events, float(t), window_s, join_s=join_s, warm_up_days=warm_up_days)
        for t in positive[::-1]
    ]
    out = {}
    for budget in budgets:
        within = [d for d in found if d.false_per_week <= budget]
        none = BacktestScore(float("inf"), 0, found[0].events, 0, found[0].weeks, float("nan"))
        out[budget] = max(within, key=lambda d: (d.found, -d.false), default=none)
    return out
