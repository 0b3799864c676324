"""False alarms and tail probabilities on simulated ordinary data, for every kind of it on its own.

``python -m benchmarks.calibration`` watches devices whose counts are Poisson (α = 0) or negative binomial, small and
large, for four weeks, with nothing ever happening. Printed are false alarms a device-week at the shipped threshold, and
how often tail probabilities below 1 % and above 99 % came in the last two weeks, where once in a hundred is right.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from models.baselines.counts import CountBaseline
from models.calendar import Calendar

T0 = 1_795_363_200_000
"""Midnight of Monday, 2026-11-23, in Shanghai."""
MEANS, DISPERSIONS = (0.5, 3.0, 30.0, 300.0), (0.0, 0.05, 0.2, 0.5)
WEEKS = 4


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--devices", type=int, default=100, help="of every kind; two weeks of 100 are 200 device-weeks")
    parser.add_argument("--window-s", type=int, default=900)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    calendar, rng = Calendar("Asia/Shanghai", "CN"), np.random.default_rng(options.seed)
    kinds = [(mean, dispersion) for mean in MEANS for dispersion in DISPERSIONS]
    which = np.repeat(np.arange(len(kinds)), options.devices)
    size, per_week = len(which), 7 * 86_400 // options.window_s
    usual = np.array([mean for mean, _ in kinds])[which] * rng.uniform(0.7, 1.4, size)
    shape = 1.0 / np.maximum(np.array([dispersion for _, dispersion in kinds])[which], 1e-9)
    phase = rng.uniform(0.0, 2.0 * np.pi, size)
    model = CountBaseline(options.window_s, calendar, size)
    alarms, before = np.zeros((WEEKS, size)), np.zeros(size, dtype=np.bool_)
    tails: list[np.ndarray] = []
    for step in range(WEEKS * per_week):
        start = T0 + step * options.window_s * 1000
        day_class, second = calendar.local(start)
        turn = 2.0 * np.pi * int(second) / 86_400 + phase
        mean = usual * np.exp(0.9 * np.sin(turn)) * (1.0, 0.8, 0.6)[int(day_class)]
        total = rng.poisson(mean * np.where(shape < 1e8, rng.gamma(shape, 1.0 / shape), 1.0)).astype(np.float64)
        test = model.step(np.arange(size), start, total, np.ones(size))
        alarms[step // per_week] += test.alarm & ~before
        before = test.alarm
        if step >= 2 * per_week:
            tails.append(test.p_upper.astype(np.float32))
    p = np.array(tails)
    report: list[dict[str, object]] = []
    print(f"{'mean':>6}{'α':>6}   {'false alarms a device-week, by week':<38}{'p < 1 %':>9}{'p > 99 %':>9}")
    for number, (usually, dispersion) in enumerate(kinds):
        mine = which == number
        weekly = alarms[:, mine].mean(axis=1).tolist()
        low, high = float((p[:, mine] < 0.01).mean()), float((p[:, mine] > 0.99).mean())
        shown = "  ".join(f"{rate:.2f}" for rate in weekly)
        print(f"{usually:>6g}{dispersion:>6g}   {shown:<38}{low:>9.1%}{high:>9.1%}")
        report.append({"mean": usually, "dispersion": dispersion, "false_alarms": weekly, "low": low, "high": high})
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
