"""Runs every ``benchmarks/*_bench.py``, prints a table, and writes JSON.

A benchmark module has ``run(quick: bool) -> dict`` that returns measurements by name. A measurement is a number, or a
dict with ``value`` and any of ``unit``, ``target`` (a number), ``at_most`` (true where less is better) and ``note``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_OURS = {"ingest", "stream", "models", "deploy", "simulators", "console", "tests", "benchmarks"}


def modules(wanted: list[str]) -> list[str]:
    """Return the benchmarks' names, without ``_bench``, in alphabetical order; those wanted, or all."""
    names = sorted(path.stem.removesuffix("_bench") for path in HERE.glob("*_bench.py"))
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise SystemExit(f"no such benchmark: {', '.join(unknown)}; there is {', '.join(names) or 'none'}")
    return [name for name in names if not wanted or name in wanted]


def machine() -> dict[str, Any]:
    """Return what a reader has to know to compare figures."""
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def judge(measured: Any) -> tuple[dict[str, Any], str]:
    """Return a measurement in its long form, and ``ok``, ``below`` or nothing where there is no target."""
    entry: dict[str, Any] = dict(measured) if isinstance(measured, dict) else {"value": measured}
    target, value = entry.get("target"), entry.get("value")
    if target is None or value is None:
        return entry, ""
    entry["met"] = value <= target if entry.get("at_most") else value >= target
    return entry, "ok" if entry["met"] else "below" if not entry.get("at_most") else "above"


def shown(value: Any) -> str:
    """Return a number as people read it: three digits where it is small, thousands apart where it is large."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, rougher figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine(), "quick": options.quick, "benchmarks": {}}
    print(", ".join(f"{key} {value}" for key, value in report["machine"].items()))
    failed = 0
    for name in modules(options.names):
        began = time.monotonic()
        print(f"\n{name}", flush=True)
        try:
            found = importlib.import_module(f"benchmarks.{name}_bench").run(options.quick)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in _OURS:
                raise
            report["benchmarks"][name] = {"skipped": str(error)}
            print(f"  skipped: {error.name} is not installed")
            continue
        except Exception as error:  # noqa: BLE001 - one benchmark that cannot run does not hide the others
            failed += 1
            report["benchmarks"][name] = {"error": f"{type(error).__name__}: {error}"}
            print(f"  failed: {type(error).__name__}: {error}")
            continue
        entries = {}
        for label, measured in found.items():
            entry, verdict = judge(measured)
            entries[label] = entry
            if "value" not in entry:  # a table of its own: for readers of the JSON
                continue
            target = f"target {'<=' if entry.get('at_most') else '>='} {shown(entry['target'])}" if verdict else ""
            line = f"  {label:<44} {shown(entry['value']):>12} {entry.get('unit', ''):<18} {verdict:<6} {target}"
            print(line.rstrip() + (f"   {entry['note']}" if entry.get("note") else ""))
        report["benchmarks"][name] = entries
        print(f"  ({time.monotonic() - began:.1f} s)", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten to {options.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
