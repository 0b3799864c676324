"""Compares the speed of two trees in turns: the same recording through both, processor time by part of the way.

    python -m tests.same.speed --base COMMIT --turns 10 --hours 4        (`make speed BASE=COMMIT`)

The parts are gateway (decoding, checking, numbering), pipeline (records), tick (records that only tell the time), store
and snapshot. Beside them the two trees' own benchmarks of many devices run in turns. A ratio above 1 means that this
tree is faster. The interval is that of the median: the second and the ninth of ten ratios enclose it with a probability
of 98 % (order statistics; Conover, Practical Nonparametric Statistics, 3.2).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.same.__main__ import ROOT, checkout, drive
from tests.same.record import record, write

_BENCHMARKS: Final = ("pipeline", "models")


def turn(tree: Path, recording: Path, folder: Path) -> dict[str, float]:
    """Return how much work a tree did a second of processor time, by part."""
    seconds = folder / "seconds.json"
    drive(tree, recording, folder / "dump.jsonl.gz", 1, seconds=seconds)
    return {part: 1.0 / value for part, value in json.loads(seconds.read_text("utf-8")).items()}


def benchmarks(tree: Path, folder: Path) -> dict[str, float]:
    """Return the figures of a tree's own benchmarks, each so that more is better."""
    file = folder / "benchmarks.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file), *_BENCHMARKS]
    subprocess.run(command, check=True, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True)
    found: dict[str, float] = {}
    for name, entries in json.loads(file.read_text("utf-8"))["benchmarks"].items():
        for label, entry in entries.items():
            value = entry.get("value") if isinstance(entry, dict) else None
            if isinstance(value, int | float) and value > 0:
                unit = str(entry.get("unit", ""))
                less_is_better = entry.get("at_most") or unit in {"ms", "s", "s of CPU", "MB", "kB"}
                found[f"{name}: {label}"] = 1.0 / value if less_is_better else float(value)
    return found


def compared(own: list[dict[str, float]], base: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Return the paired ratios own / base: median, and the interval of the median."""
    found = {}
    for part in own[0]:
        if part not in base[0]:
            continue
        ratios = sorted(mine[part] / other[part] for mine, other in zip(own, base, strict=True))
        low, high = (1, len(ratios) - 2) if len(ratios) >= 6 else (0, len(ratios) - 1)
        found[part] = {
            "median": round(statistics.median(ratios), 3),
            "interval": [round(ratios[low], 3), round(ratios[high], 3)],
            "turns": len(ratios),
        }
    return found


def main() -> int:
    """Run the turns and print the ratios; return 1 where a median of the recording's parts lies below `--least`."""
    parser = argparse.ArgumentParser(prog="python -m tests.same.speed", description="Compares the speed of two trees.")
    parser.add_argument("--base", required=True, help="the commit to compare with")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--least", type=float, default=0.97, help="the lowest median that passes")
    parser.add_argument("--no-benchmarks", action="store_true", help="the recording only")
    parser.add_argument("--report", type=Path, help="write the ratios here, as JSON")
    options = parser.parse_args()
    results: dict[str, tuple[list[dict[str, float]], list[dict[str, float]]]] = {"recording": ([], [])}
    with tempfile.TemporaryDirectory(prefix="patrolgrid-speed-") as beside, checkout(options.base) as base:
        folder = Path(beside)
        recording = folder / "recording.jsonl.gz"
        write(recording, *record(options.hours, options.seed))
        for number in range(options.turns):
            # Who comes first changes, so that neither always finds the machine warm.
            for tree in (ROOT, base) if number % 2 else (base, ROOT):
                results["recording"][tree is base].append(turn(tree, recording, folder))
                if not options.no_benchmarks:
                    results.setdefault("benchmarks", ([], []))[tree is base].append(benchmarks(tree, folder))
            sys.stderr.write(f"turn {number + 1} of {options.turns}\n")
    report = {kind: compared(own, base) for kind, (own, base) in results.items()}
    for kind, rows in report.items():
        sys.stdout.write(f"{kind}\n")
        for part, row in rows.items():
            low, high = row["interval"]
            sys.stdout.write(f"  {part:<70} {row['median']:>6.3f}  [{low:.3f}, {high:.3f}]\n")
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return int(min(row["median"] for row in report["recording"].values()) < options.least)


if __name__ == "__main__":
    sys.exit(main())
