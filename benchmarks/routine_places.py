"""Places with routines: twelve weeks of made-up counts, in which six things happen that are none.

``python -m benchmarks.routine_places`` watches a school's gate, a factory, a market, a bar street and others, all at
once, through the shipped counts model. Printed are, from the fifth week on, the alarms a week that touch no event (rows
of alarm joined within an hour), and how many of the six events each seed found.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.backtests import series_backtest as backtest
from models.calendar import Calendar

T0 = 1_772_409_600_000
"""Midnight of Monday, 2026-03-02, UTC."""
WEEKS, STEP_MIN = 12, 5
DAYS, PER_DAY = WEEKS * 7, 1440 // STEP_MIN
EVENTS = (
    (5, 6, 7.5, 40, 3.0, 90.0),
    (6, 2, 13.0, 45, 3.0, 70.0),
    (7, 1, 7.5, 40, 2.4, 150.0),
    (8, 4, 22.5, 60, 4.0, 60.0),
    (9, 3, 2.0, 40, 6.0, 30.0),
    (10, 0, 10.5, 40, 3.0, 80.0),
)
"""Week, weekday, hour, minutes, times the usual, at least."""


class Street:
    """What is expected of each window of a street with quiet nights, (days, windows)."""

    def __init__(self, rng: np.random.Generator) -> None:
        hour = np.arange(PER_DAY) * STEP_MIN / 60.0
        awake = 1.0 / (1.0 + np.exp(-(hour - 7.0) * 1.5)) / (1.0 + np.exp((hour - 21.5) * 1.2))
        self.rng = rng
        self.mean = 12.0 * (0.15 + 0.85 * awake) * np.exp(rng.normal(0.0, 0.08, (DAYS, 1)))

    def add(self, day: int, begin: float, end: float, more: float) -> None:
        """Add people a window between two hours of a day."""
        if day < DAYS:
            self.mean[day, round(begin * 12) : round(end * 12)] += more


Routine = Callable[[int, Street], None]
"""Adds what is usual on a day."""


def school(day: int, street: Street) -> None:
    if day % 7 < 5:
        for hour in (7.5, 16.5):
            street.add(day, hour, hour + 0.5, 110.0)


def loose_school(day: int, street: Street) -> None:
    """Up to ten minutes early or late, and a fifth more or less from time to time."""
    if day % 7 < 5:
        for hour in (7.5, 16.5):
            begin = hour + street.rng.integers(-2, 3) / 12.0
            street.add(day, begin, begin + 0.5, 110.0 * float(np.exp(street.rng.normal(0.0, 0.2))))


def school_with_holidays(day: int, street: Street) -> None:
    """A week off in between: that the rush stays away is told, and counts as wrong here."""
    if day // 7 != 6:
        school(day, street)


def factory(day: int, street: Street) -> None:
    for hour in (5.75, 13.75, 21.75):
        street.add(day, hour, hour + 0.5, 80.0)


def market(day: int, street: Street) -> None:
    if day % 7 == 5:
        street.add(day, 6.5, 11.0, 90.0)


def second_market(day: int, street: Street) -> None:
    if day % 14 == 5:
        street.add(day, 6.5, 11.0, 90.0)


def shifts(day: int, street: Street) -> None:
    """Early in one week, late in the next."""
    if day % 7 < 5:
        hour = 6.5 if day // 7 % 2 else 14.5
        street.add(day, hour, hour + 1.0, 90.0)


def bars(day: int, street: Street) -> None:
    if day % 7 == 4:
        street.add(day, 19.0, 24.0, 60.0)
        street.add(day + 1, 0.0, 2.0, 60.0)


def shop(day: int, street: Street) -> None:
    """Shut on Mondays."""
    if day % 7 != 0:
        street.add(day, 8.0, 18.0, 30.0 * float(np.exp(street.rng.normal(0.0, 0.1))))


PLACES = (school, loose_school, school_with_holidays, factory, market, second_market, shifts, bars, shop)


def made(routine: Routine, seed: int) -> np.ndarray:
    """Return counts of a place, (windows,)."""
    rng = np.random.default_rng([seed, PLACES.index(routine)])
    street = Street(rng)
    for day in range(DAYS):
        routine(day, street)
    mean = street.mean
    for week, weekday, hour, minutes, times, least in EVENTS:
        part = mean[week * 7 + weekday, round(hour * 12) : round(hour * 12) + minutes // STEP_MIN]
        part[:] = np.maximum(part * times, least)
    return rng.negative_binomial(50.0, 50.0 / (50.0 + mean)).ravel().astype(np.float64)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routine_places",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--window-min", type=int, default=STEP_MIN, help="a multiple of five")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    columns = [(place, seed) for place in PLACES for seed in range(1, options.seeds + 1)]
    counts = np.stack([made(place, seed) for place, seed in columns], axis=1)
    counts = counts.reshape(-1, options.window_min // STEP_MIN, len(columns)).sum(axis=1)
    window_s = options.window_min * 60
    times = T0 + np.arange(len(counts)) * window_s * 1000
    scores = backtest.run("counts", times, counts, Calendar("UTC"), window_s)
    minute = 60_000
    begins = [
        T0 + (week * 7 + weekday) * backtest.DAY_MS + round(hour * 60) * minute for week, weekday, hour, *_ in EVENTS
    ]
    events = [
        (begin - 5 * minute, begin + (length + 30) * minute)
        for begin, (_, _, _, length, *_) in zip(begins, EVENTS, strict=True)
    ]
    report = {}
    for place in PLACES:
        found = [
            backtest.score(
                times, scores.alarm[:, at].astype(float), events, 0.5, window_s, join_s=3600.0, warm_up_days=28.0
            )
            for at, (which, _) in enumerate(columns)
            if which is place
        ]
        rate = float(np.mean([one.false_per_week for one in found]))
        report[place.__name__] = {"false_per_week": rate, "found": [one.found for one in found]}
        print(f"{place.__name__:<22}{rate:6.2f} alarms a week outside the events; found {[one.found for one in found]}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
