"""Detection on real data: the shipped counts model against simpler ones, in one run, scored the same way.

``python -m benchmarks.detection ../shared/data --json docs/img/detection.json --plots docs/img``

The folder holds ``NAME_counts.csv`` (timestamp,device,count) and ``NAME_events.csv`` (start,end). Every method is
causal: its score of a row knows that row and earlier ones. Of several devices the largest surprise counts.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.figure import Figure
from scipy import special
from sklearn.ensemble import IsolationForest

from benchmarks import trees
from console.cli.commands.backtest import known_events
from ingest.codecs.csv_series import read_series
from models.backtests import series_backtest as backtest
from models.calendar import DAY_CLASSES, Calendar

BUDGETS = (1.0, 2.0, 5.0)
JOIN_S = {"dodgers": 1800.0, "calit2": 3600.0}
MARKS = {"dodgers": (0.78, 0.90, 0.93), "calit2": (0.80, 0.95, 1.00)}


@dataclass
class Table:
    name: str
    times: np.ndarray
    values: np.ndarray
    events: list[tuple[int, int]]
    window_s: int
    day_class: np.ndarray
    bin: np.ndarray
    bins: int


Method = Callable[[Table, np.ndarray], np.ndarray]
"""(table, one device's counts) → score per row."""


def load(folder: Path, name: str, calendar: Calendar) -> Table:
    found = read_series(folder / f"{name}_counts.csv", ZoneInfo("UTC"), kinds=("count",))
    times = np.unique(np.concatenate([one.times for one in found.series]))
    devices = sorted({one.name.device for one in found.series})
    values = np.full((len(times), len(devices)), np.nan)
    for one in found.series:
        values[np.searchsorted(times, one.times), devices.index(one.name.device)] = one.values
    window_s = int(np.median(np.diff(times))) // 1000
    day_class, second = calendar.local(times)
    events = known_events(folder / f"{name}_events.csv", calendar)
    pairs = [(begin, end) for begin, end, _ in events]
    return Table(name, times, values, pairs, window_s, day_class, second // window_s, 86_400 // window_s)


def poisson(table: Table, y: np.ndarray) -> np.ndarray:
    """Mean of the class of day and time so far, Poisson upper or lower tail."""
    total, seen = np.zeros((DAY_CLASSES, table.bins)), np.zeros((DAY_CLASSES, table.bins))
    mean = np.full(len(y), np.nan)
    for at, (kind, place, value) in enumerate(zip(table.day_class, table.bin, y, strict=True)):
        if seen[kind, place]:
            mean[at] = max(total[kind, place] / seen[kind, place], 0.05)
        if np.isfinite(value):
            total[kind, place] += value
            seen[kind, place] += 1
    good = np.isfinite(mean) & np.isfinite(y)
    out = np.zeros(len(y))
    v, m = y[good], mean[good]
    upper = np.where(v > 0, special.gammainc(np.maximum(v, 1), m), 1.0)
    lower = special.gammaincc(v + 1, m)
    out[good] = -np.log10(np.clip(np.minimum(upper, lower), 1e-300, 1))
    return out


def ewma(table: Table, y: np.ndarray) -> np.ndarray:
    """Distance from an exponentially forgetting mean (half a day), in deviations."""
    keep = 0.5 ** (table.window_s / 43_200)
    mean, variance, out = np.nan, 1.0, np.zeros(len(y))
    for at, value in enumerate(y.tolist()):
        if not np.isfinite(value):
            continue
        if not np.isfinite(mean):
            mean = value
        rest = value - mean
        out[at] = abs(rest) / np.sqrt(variance + 1.0)
        mean += (1 - keep) * rest
        variance = keep * (variance + (1 - keep) * rest * rest)
    return out


def median_mad(table: Table, y: np.ndarray) -> np.ndarray:
    """Distance from the median of the same class of day and time (last 20 visits, neighbours too), in MADs."""
    past: dict[tuple[int, int], list[float]] = {}
    out = np.zeros(len(y))
    for at, (kind, place, value) in enumerate(
        zip(table.day_class.tolist(), table.bin.tolist(), y.tolist(), strict=True)
    ):
        if not np.isfinite(value):
            continue
        near = [v for step in (-1, 0, 1) for v in past.get((kind, (place + step) % table.bins), ())[-20:]]
        if len(near) >= 3:
            middle = float(np.median(near))
            out[at] = abs(value - middle) / (1.4826 * float(np.median(np.abs(np.array(near) - middle))) + 1.0)
        past.setdefault((kind, place), []).append(value)
    return out


def isolation_forest(table: Table, y: np.ndarray) -> np.ndarray:
    """scikit-learn's IsolationForest on (value, time of day), trained again each day on the past four weeks."""
    turn = 2 * np.pi * table.bin / table.bins
    features = np.column_stack([y, np.sin(turn), np.cos(turn), table.day_class])
    good = np.isfinite(y)
    out, per_day = np.zeros(len(y)), table.bins
    for begin in range(7 * per_day, len(y), per_day):
        past = features[max(0, begin - 28 * per_day) : begin]
        past = past[np.isfinite(past[:, 0])]
        today = np.arange(begin, min(begin + per_day, len(y)))
        today = today[good[today]]
        if len(past) < 100 or not len(today):
            continue
        forest = IsolationForest(random_state=0, n_estimators=50).fit(past)
        out[today] = -forest.score_samples(features[today])
    return out


def half_space_trees(table: Table, y: np.ndarray) -> np.ndarray:
    """river's HalfSpaceTrees on (value, time of day), online. Raises ImportError where river is not installed."""
    first = y[: 7 * table.bins]
    top = float(np.nanmax(first)) * 1.5 + 1 if np.isfinite(first).any() else 100.0
    model = trees.half_space_trees(
        n_trees=25, height=8, window_size=7 * table.bins // 2, limits={"v": (0, top), "t": (0, 1)}
    )
    if model is None:
        raise ImportError(trees.MISSING)
    out = np.zeros(len(y))
    for at, (value, place) in enumerate(zip(y.tolist(), table.bin.tolist(), strict=True)):
        if np.isfinite(value):
            point = {"v": min(value, top), "t": place / table.bins}
            out[at] = model.score_one(point)
            model.learn_one(point)
    return out


SIMPLE: dict[str, Method] = {
    "Poisson threshold": poisson,
    "EWMA z": ewma,
    "seasonal median/MAD": median_mad,
    "IsolationForest": isolation_forest,
    "HalfSpaceTrees": half_space_trees,
}


def measure(table: Table, calendar: Calendar) -> tuple[dict[str, Any], backtest.Scores]:
    join_s = JOIN_S.get(table.name, 1800.0)
    out: dict[str, Any] = {}

    def judge(label: str, surprise: np.ndarray, seconds: float) -> None:
        best = backtest.best_within(table.times, surprise, table.events, BUDGETS, table.window_s, join_s=join_s)
        out[label] = {
            "found": {f"{budget:g}": found.share for budget, found in best.items()},
            "delay_s": {f"{budget:g}": found.delay_s for budget, found in best.items()},
            "seconds": seconds,
        }

    began = time.perf_counter()
    scores = backtest.run("counts", table.times, table.values, calendar, table.window_s)
    judge("PatrolGrid", scores.surprise.max(axis=1), time.perf_counter() - began)
    raised = np.asarray(scores.alarm.any(axis=1), dtype=np.float64)
    shipped = backtest.score(table.times, raised, table.events, 0.5, table.window_s, join_s=join_s)
    out["PatrolGrid"]["shipped"] = {
        "found": shipped.share,
        "false_per_week": shipped.false_per_week,
        "delay_s": shipped.delay_s,
    }
    for label, method in SIMPLE.items():
        began = time.perf_counter()
        try:
            score = np.column_stack([method(table, table.values[:, d]) for d in range(table.values.shape[1])])
        except ImportError as error:
            out[label] = {"skipped": str(error)}
            continue
        judge(label, score.max(axis=1), time.perf_counter() - began)
    return out, scores


def plot(table: Table, scores: backtest.Scores, path: Path) -> None:
    """Draw the week with most events: counts, expected, surprise, known events."""
    week = 7 * backtest.DAY_MS
    starts = [int(t) for t in table.times[:: table.bins] if t >= table.times[0] + 2 * week]
    begin = max(starts, key=lambda s: sum(s <= event[0] < s + week for event in table.events))
    part = (table.times >= begin) & (table.times < begin + week)
    day = (table.times[part] - begin) / backtest.DAY_MS
    figure = Figure(figsize=(11, 5))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot(day, table.values[part, 0], lw=0.7, color="#345", label="counted")
    above.plot(day, scores.expected[part, 0], lw=1.2, color="#d62", label="expected")
    below.plot(day, scores.surprise[part].max(axis=1), lw=0.8, color="#345", label="surprise")
    below.axhline(backtest.shipped_threshold("counts"), color="#d62", lw=0.8, label="shipped threshold")
    for first, last in table.events:
        for axes in (above, below):
            if begin <= first < begin + week:
                axes.axvspan(
                    (first - begin) / backtest.DAY_MS, (last - begin) / backtest.DAY_MS, color="#fc6", alpha=0.4
                )
    title = datetime.fromtimestamp(begin / 1000, UTC).date().isoformat()
    above.set_title(f"{table.name}, week from {title}; known events shaded")
    below.set_xlabel("days")
    above.legend(loc="upper right")
    below.legend(loc="upper right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="names of files")
    parser.add_argument("--country", default="US")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path)
    options = parser.parse_args()
    names = sorted(path.name.removesuffix("_counts.csv") for path in options.folder.glob("*_counts.csv"))
    calendar = Calendar("UTC", options.country)
    report: dict[str, Any] = {}
    for name in names:
        if options.only and name not in options.only:
            continue
        table = load(options.folder, name, calendar)
        report[name], scores = measure(table, calendar)
        print(f"\n{name}: events found at no more than 1 / 2 / 5 false alarms a week; marks {MARKS.get(name, '-')}")
        for label, found in report[name].items():
            if "found" not in found:
                print(f"  {label:<22} {found['skipped']}")
                continue
            shares = " / ".join(f"{share:.2f}" for share in found["found"].values())
            delays = " / ".join(f"{delay / 60:.0f}" for delay in found["delay_s"].values())
            print(f"  {label:<22} {shares}   median delay {delays} min   ({found['seconds']:.1f} s)")
        shipped = report[name]["PatrolGrid"]["shipped"]
        print(f"  shipped threshold: {shipped['found']:.2f} found, {shipped['false_per_week']:.2f} false alarms a week")
        if options.plots:
            options.plots.mkdir(parents=True, exist_ok=True)
            plot(table, scores, options.plots / f"detection-{name}.png")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
