"""What the beats' forest costs: scoring against scikit-learn's own in the same run, a closed window, and training."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest

from models.calendar import Calendar
from models.context import beat_forest as context
from models.context import isolation
from models.context.beat_forest import BeatForest, Recent
from models.context.forest_training import SAMPLES, TREES, BeatHistory, train

CALENDAR = Calendar("Asia/Shanghai", "CN")
T0 = 1_795_363_200_000
WINDOW_S = 300
BATCHES = (6, 100, 1_000, 10_000)


def best_s(work: Callable[[], Any], repeats: int) -> float:
    """CPU time of the quickest of some runs: other programs only ever make a run slower."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def history(beats: int, days: int) -> BeatHistory:
    """Ordinary windows, drawn straight from their law."""
    rng = np.random.default_rng(1)
    steps = days * 86_400 // WINDOW_S
    mean = np.array([120.0, 40.0, 55.0])[:, None] * np.ones(beats)
    spread = np.array([14.0, 8.0, 0.4])[:, None] * np.ones(beats)
    sums = np.empty((steps, context.SUMS, len(context.CHANNELS), beats))
    sums[:, context.OBSERVED] = np.maximum(mean + spread * rng.standard_normal((steps, *mean.shape)), 0.0)
    sums[:, context.EXPECTED], sums[:, context.VARIANCE], sums[:, context.DEVICES] = mean, spread**2, 8.0
    start = T0 + np.arange(steps, dtype=np.int64) * WINDOW_S * 1000
    return BeatHistory(
        tuple(f"b{number}" for number in range(beats)), start, sums, np.zeros((steps, beats), dtype=bool)
    )


def scoring(repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    points = rng.standard_normal((20_000, len(context.FEATURES))).astype(np.float32)
    model = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(points)
    forest = isolation.export(model)
    out: dict[str, Any] = {}
    differs = float(np.abs(forest.score(points[:2_000]) + model.score_samples(points[:2_000])).max())
    out["context: largest difference to score_samples"] = {"value": differs, "target": 1e-12, "at_most": True}
    for rows in BATCHES:
        batch = points[:rows]
        ours = best_s(partial(forest.score, batch), repeats)
        theirs = best_s(partial(model.score_samples, batch), repeats)
        out[f"context: rows a second, {rows:,} at once"] = {"value": rows / ours, "unit": "rows/s"}
        out[f"context: rows a second of scikit-learn, {rows:,} at once"] = {"value": rows / theirs, "unit": "rows/s"}
        out[f"context: against scikit-learn, {rows:,} at once"] = {"value": theirs / ours, "unit": "times"}
    return out


def closing(forest: BeatForest, made: BeatHistory, repeats: int) -> float:
    """CPU seconds to take and judge one window of all beats."""
    recent, places = Recent(WINDOW_S, len(made.beats)), forest.index(made.beats)
    windows = iter(zip(made.start_ms.tolist(), made.sums, strict=True))

    def work() -> None:
        at, sums = next(windows)
        forest.judge(places, at, recent.push(at, sums), CALENDAR)

    return best_s(work, repeats)


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - as all benchmarks have it
    repeats = 5 if quick else 20
    out = scoring(repeats)
    made = history(6, 28)
    begin = time.process_time()
    forest = train(made, CALENDAR, WINDOW_S)
    out["context: training on 6 beats, 4 weeks"] = {"value": time.process_time() - begin, "unit": "s of CPU"}
    out["context: size of the model"] = {"value": len(forest.pack()) / 1024, "unit": "KiB"}
    begin = time.process_time()
    BeatForest.load(forest.pack())
    out["context: loading the model"] = {"value": (time.process_time() - begin) * 1000, "unit": "ms"}
    out["context: a closed window of 6 beats"] = {"value": closing(forest, made, repeats) * 1000, "unit": "ms"}
    city = history(100, 7)
    begin = time.process_time()
    large = train(city, CALENDAR, WINDOW_S)
    out["context: training on 100 beats, 1 week"] = {"value": time.process_time() - begin, "unit": "s of CPU"}
    cost = closing(large, city, repeats) * 1000
    out["context: a closed window of 100 beats (10,000 devices)"] = {
        "value": cost,
        "unit": "ms",
        "target": 10.0,
        "at_most": True,
    }
    return out


def main() -> None:
    for name, measured in run(quick=False).items():
        print(f"{name}: {measured['value']:,.6g} {measured.get('unit', '')}")


if __name__ == "__main__":
    main()
