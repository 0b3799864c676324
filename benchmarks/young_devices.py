"""What new devices borrow from their kind: how soon they are judged, how well, and how often wrongly.

``python -m benchmarks.young_devices`` lets sixty cameras of a kind be watched for two weeks, adds forty new ones, which
look alike but are not the same, and follows these for three ordinary days: once as members of the kind, once alone.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ingest.vocabulary import HiddenState
from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.state import ROW

T0 = 1_795_363_200_000
"""Midnight of Monday, 2026-11-23, in Shanghai."""
OLD, NEW, WINDOW_S = 60, 40, 300
PER_DAY = 86_400 // WINDOW_S


class Street:
    """Cameras of one kind: one daily rhythm with two peaks, to which each is true in its own way."""

    def __init__(self, seed: int, calendar: Calendar) -> None:
        self.rng = np.random.default_rng(seed)
        self.calendar, size = calendar, OLD + NEW
        self.scale = 15.0 * np.exp(self.rng.normal(0.0, 0.8, size))
        self.shift = self.rng.normal(0.0, 0.7, size)
        self.evening = np.exp(self.rng.normal(0.0, 0.3, size))
        self.rest = np.exp(self.rng.normal(-0.4, 0.25, size))

    def mean(self, start_ms: int) -> np.ndarray:
        day_class, second = self.calendar.local(start_ms)
        hour = (int(second) + WINDOW_S / 2) / 3600 + self.shift
        peaks = np.exp(-0.5 * ((hour - 8) / 1.5) ** 2) + self.evening * np.exp(-0.5 * ((hour - 18) / 2.5) ** 2)
        means: np.ndarray = self.scale * (0.08 + peaks) * (self.rest if int(day_class) else 1.0)
        return means

    def count(self, start_ms: int) -> np.ndarray:
        busy = self.rng.gamma(20.0, 1 / 20.0, OLD + NEW)
        return self.rng.poisson(self.mean(start_ms) * busy).astype(np.float64)


def follow(
    seed: int, begin_h: float, days: float, member: Callable[[int], int], calendar: Calendar
) -> dict[str, list[float]]:
    """Return, by day of the new devices' life, the share judged, the error of what is expected, and false alarms."""
    street = Street(seed, calendar)
    model = CountBaseline(WINDOW_S, calendar)
    model.grow(ROW, OLD)
    model.set_kinds(np.arange(OLD), np.zeros(OLD, dtype=np.int64))
    begin = round((14 * 24 + begin_h) * 3600 / WINDOW_S)
    for step in range(begin):
        at = T0 + step * WINDOW_S * 1000
        model.step(np.arange(OLD), at, street.count(at)[:OLD], np.ones(OLD))
    model.grow(ROW, OLD + NEW)
    model.set_kinds(OLD + np.arange(NEW), [member(row) for row in range(NEW)])
    everyone, new = np.arange(OLD + NEW), slice(OLD, None)
    out: dict[str, list[float]] = {"judged": [], "error": [], "false alarms": []}
    before = np.zeros(NEW, dtype=bool)
    for day in range(round(days)):
        judged, errors, alarms = [], [], 0
        for step in range(PER_DAY):
            at = T0 + (begin + day * PER_DAY + step) * WINDOW_S * 1000
            test = model.step(everyone, at, street.count(at), np.ones(OLD + NEW))
            known = test.state[new] != HiddenState.YOUNG
            judged.append(known.mean())
            errors.append(np.abs(np.log(test.expected[new] / street.mean(at)[new])))
            alarms += int((test.alarm[new] & ~before).sum())
            before = test.alarm[new]
        out["judged"].append(float(np.mean(judged)))
        out["error"].append(float(np.median(np.concatenate(errors))))
        out["false alarms"].append(alarms / NEW)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.young_devices", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    calendar = Calendar("Asia/Shanghai", "CN")
    report = {}
    print("installed at 10:00 on a Monday, three days; error: median |log(expected / truth)|")
    print(f"{'':<16}{'judged, by day':<24}{'error, by day':<24}false alarms per device, by day")
    for label, member in (("alone", lambda _: -1), ("with its kind", lambda _: 0)):
        runs = [follow(seed, 10.0, 3, member, calendar) for seed in range(options.seeds)]
        means = {name: np.mean([run[name] for run in runs], axis=0).tolist() for name in runs[0]}
        report[label] = means
        shown = ["  ".join(f"{value:.2f}" for value in means[name]) for name in ("judged", "error", "false alarms")]
        print(f"{label:<16}" + "".join(f"{text:<24}" for text in shown))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
