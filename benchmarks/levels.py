"""What the shipped threshold finds in level series of many kinds, how soon, and which faults it calls what they are.

``python -m benchmarks.levels`` makes the series of `benchmarks.level_series`, six weeks of five minutes each, several
of every kind, runs them through the shipped baseline, and scores the last four weeks: events found, false alarms a
week, median minutes from an event's beginning to the end of the window that told of it, and faults named as what they
are.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.level_series import DAY, HOUR, KINDS, SIZE, START_MS, WINDOW_S, Known, made
from ingest.vocabulary import LevelState
from models.calendar import Calendar
from models.levels.level_baseline import LevelBaseline

SCORED = 14 * DAY
"""The first window that is scored."""
JOIN = HOUR // 2
"""Alarms with fewer windows between them are one."""
LATE = 2 * DAY
"""So long after its end a fault may still be named."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.levels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=6, help="series of every kind")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    which = [(kind, seed) for kind in KINDS for seed in range(options.seeds)]
    series = [made(kind, seed) for kind, seed in which]
    alarm, state = judged(np.array([one.values for one in series]).T)
    out: dict[str, Any] = {}
    print("| kind | events found | false a week (worst) | delay, min | faults named |\n|---|---|---|---|---|")
    for kind in KINDS:
        mine = [at for at, (own, _) in enumerate(which) if own == kind]
        found = out[kind] = scored([(series[at].known, alarm[:, at], state[:, at]) for at in mine])
        print(
            f"| {kind} | {found['found']} of {found['events']} | {found['false']:.2f} ({found['worst']:.2f}) "
            f"| {found['delay_min']:.0f} | {found['named']} of {found['faults']} |"
        )
    if options.json:
        options.json.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
    return 0


def judged(values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Return alarms and states of series, (windows, series) each."""
    size = values.shape[1]
    model, rows, full = LevelBaseline(WINDOW_S, Calendar("UTC"), size), np.arange(size), np.ones(size)
    alarm, state = np.zeros(values.shape, np.bool_), np.zeros(values.shape, np.uint8)
    for at in tqdm(range(len(values)), leave=False):
        test = model.step(rows, START_MS + at * WINDOW_S * 1000, values[at], full)
        alarm[at], state[at] = test.alarm, test.state
    return alarm, state


def scored(of: list[tuple[list[Known], NDArray[np.bool_], NDArray[np.uint8]]]) -> dict[str, Any]:
    """Return the figures of one kind's series."""
    events, delays, false, faults, named = 0, [], [], 0, 0
    for known, alarm, state in of:
        over = np.flatnonzero(alarm[SCORED:]) + SCORED
        runs = np.split(over, np.flatnonzero(np.diff(over) > JOIN) + 1) if len(over) else []
        false.append(sum(not any(run[0] < one.end and run[-1] >= one.begin for one in known) for run in runs))
        for one in known:
            if one.kind == "event":
                events += 1
                hits = [max(int(run[0]), one.begin) for run in runs if run[0] < one.end and run[-1] >= one.begin]
                delays += [hits[0] + 1 - one.begin] if hits else []
            else:
                faults += 1
                named += bool((state[one.begin : one.end + LATE] == LevelState[one.kind.upper()]).any())
    weeks = (SIZE - SCORED) / (7 * DAY)
    return {
        "events": events,
        "found": len(delays),
        "false": float(np.mean(false)) / weeks,
        "worst": max(false) / weeks,
        "delay_min": float(np.median(delays)) * WINDOW_S / 60 if delays else float("nan"),
        "faults": faults,
        "named": named,
    }


if __name__ == "__main__":
    raise SystemExit(main())
