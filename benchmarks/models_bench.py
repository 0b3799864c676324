"""What the models cost: one tick of ten thousand series, memory per series, and half-space trees beside it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from models.calendar import Calendar
from models.counts import CountBaseline, CountConfig
from models.hazards import HazardRules
from models.hotspots import HotspotGrid
from models.levels import LevelBaseline, LevelConfig

SERIES = 10_000
T0 = 1_795_363_200_000


def best_ms(work: Callable[[int], Any], repeats: int) -> float:
    """CPU time of the quickest of some runs: other programs only ever make a run slower."""
    times = []
    for number in range(repeats):
        begin = time.process_time()
        work(number)
        times.append(time.process_time() - begin)
    return min(times) * 1000


def count_model(size: int) -> tuple[CountBaseline, Callable[[int], Any]]:
    model = CountBaseline(CountConfig(), Calendar("Asia/Shanghai", "CN"), size)
    model.grow(size, np.arange(size) % 4)
    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 10.0, size)
    counts = rng.poisson(mean * rng.gamma(20.0, 1 / 20.0, (64, size))).astype(np.float64)
    rows, full = np.arange(size), np.ones(size)
    step = iter(range(1_000_000))

    def tick(_: int) -> None:
        now = next(step)
        model.step(rows, T0 + now * 300_000, counts[now % 64], full)

    for number in range(40):
        tick(number)
    return model, tick


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - as all benchmarks have it
    repeats = 20 if quick else 100
    model, tick = count_model(SERIES)
    counts_ms = best_ms(tick, repeats)
    rate = SERIES / counts_ms * 1000
    size = sum(array.nbytes for array in model.arrays().values()) / SERIES
    rows, full = np.arange(SERIES), np.ones(SERIES)
    test_ms = best_ms(lambda _: model.test(rows, T0 + 200 * 300_000, np.full(SERIES, 9.0), full * 0.4), repeats)
    few = np.arange(50)
    few_ms = best_ms(lambda _: model.test(few, T0 + 200 * 300_000, np.full(50, 9.0), np.full(50, 0.4)), repeats)

    levels = LevelBaseline(LevelConfig(), Calendar("Asia/Shanghai", "CN"), SERIES)
    noise = 60 + 5 * np.random.default_rng(2).standard_normal((64, SERIES))
    levels_ms = best_ms(lambda n: levels.step(rows, T0 + n * 300_000, noise[n % 64], noise[n % 64], full), repeats)

    hazards = HazardRules()
    for row in range(SERIES):
        hazards.set_threshold(row, "noise_high", 85.0, 75.0, 10.0)
    hazards_ms = best_ms(lambda n: hazards.levels(rows, np.full(SERIES, T0 + n), noise[n % 64]), repeats)

    grid = HotspotGrid((121.40, 31.20, 121.48, 31.26), 100.0)
    rng = np.random.default_rng(3)
    grid.add(rng.uniform(121.4, 121.48, 5000), rng.uniform(31.2, 31.26, 5000), T0, 1.0, rng.integers(0, 8, 5000))
    risk_ms = best_ms(lambda n: grid.risk(T0 + n * 1000), repeats)

    out: dict[str, Any] = {
        "counts: one tick of 10,000 series": {"value": counts_ms, "unit": "ms", "target": 10.0, "at_most": True},
        "counts: windows a second": {"value": rate, "unit": "windows/s"},
        "counts: memory per series": {"value": size, "unit": "bytes", "target": 20_000, "at_most": True},
        "counts: test of 10,000 open windows": {"value": test_ms, "unit": "ms"},
        "counts: test of 50 open windows": {"value": few_ms, "unit": "ms"},
        "levels: one tick of 10,000 series": {"value": levels_ms, "unit": "ms"},
        "hazards: 10,000 ordinary values": {"value": hazards_ms, "unit": "ms"},
        f"hotspots: risk of {grid.grid.cells:,} cells": {"value": risk_ms, "unit": "ms"},
    }
    trees = half_space_trees(2_000 if quick else 10_000)
    if trees is None:
        out["half-space trees"] = {"value": None, "note": "river is not installed: pip install river"}
    else:
        out["half-space trees (river)"] = {"value": trees, "unit": "windows/s"}
        out["counts against half-space trees"] = {"value": rate / trees, "unit": "times", "target": 100.0}
    return out


def half_space_trees(windows: int) -> float | None:
    """Windows a second that river's HalfSpaceTrees scores and learns; None where river is missing."""
    try:
        from river.anomaly import HalfSpaceTrees  # noqa: PLC0415 - not a dependency
    except ImportError:
        return None
    model = HalfSpaceTrees(seed=1, limits={"count": (0, 100), "time": (0, 1)})
    values = np.random.default_rng(4).poisson(20, windows).tolist()
    begin = time.process_time()
    for number, value in enumerate(values):
        point = {"count": float(value), "time": (number % 288) / 288}
        model.score_one(point)
        model.learn_one(point)
    return windows / (time.process_time() - begin)
