"""``patrolgrid backtest hotspots``: the forecast beside what it is measured against, as JSON and as lines."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from console.common import progress_bar
from console.errors import CommandError
from ingest.codecs.csv_files import read_rows
from ingest.codecs.csv_values import number, wall_ms
from models.backtests.hotspot_backtest import IncidentFile, hotspots
from models.backtests.hotspot_baselines import baselines
from models.backtests.hotspot_scores import SHARES, ceiling, compare, expects, score
from stream.sentences.catalogue import Sentences


def read_incidents(options: argparse.Namespace) -> IncidentFile:
    """Return the incidents and the domain of a backtest; its first day is the one after ``--train-until``.

    Raises `CommandError` naming the file and the line that is wrong.
    """
    try:
        until = datetime.fromisoformat(options.train_until).replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError as error:
        raise CommandError(f"--train-until {options.train_until!r}: expected a date such as 2017-12-31", 2) from error

    def incident(_line: int, row: dict[str, str]) -> tuple[float, float, float]:
        # Local times: whatever zone they are of, days are cut at their midnight.
        return wall_ms(row["timestamp"]), number(row["lon"], "lon"), number(row["lat"], "lat")

    def point(_line: int, row: dict[str, str]) -> tuple[float, float]:
        return number(row["lon"], "lon"), number(row["lat"], "lat")

    incidents = np.array(list(read_rows(options.file, ("timestamp", "lon", "lat"), incident)), dtype=np.float64)
    domain = np.array(list(read_rows(options.domain, ("lon", "lat"), point)), dtype=np.float64)
    if not incidents.size or not domain.size:
        raise CommandError(f"{options.domain if incidents.size else options.file}: no rows")
    points = domain[:, 0].copy(), domain[:, 1].copy()
    ts_ms, lon, lat = incidents[:, 0].astype(np.int64), incidents[:, 1].copy(), incidents[:, 2].copy()
    try:
        return IncidentFile(ts_ms, lon, lat, points, round(until.timestamp() * 1000), options.cell)
    except ValueError as error:
        raise CommandError(f"{options.file}: {error}") from error


def run_hotspots(options: argparse.Namespace) -> dict[str, Any]:
    """Run the backtest and return its report. Raises `CommandError` naming the file and the line that is wrong."""
    file = read_incidents(options)
    try:
        with progress_bar(options, unit="days", leave=False) as progress:
            made = hotspots(file, progress)
    except ValueError as error:
        raise CommandError(f"{options.file}: {error}") from error
    days = [datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() for ms in made.day_ms.tolist()]
    if options.save:
        with options.save.open("wb") as out:
            np.savez_compressed(out, days=np.array(days), lon=made.lon, lat=made.lat, risk=made.risk, hits=made.hits)
    others = {
        name: score(maps, made.hits) | {"compared": compare(made.risk, maps, made.hits)}
        for name, maps in baselines(file).items()
    }
    reached = ceiling(made.hits.sum(axis=0, dtype=np.int64))
    return {
        "file": str(options.file),
        "kind": "hotspots",
        "days": len(days),
        "first_day": days[0],
        "cells": len(made.lon),
        "incidents": int(made.hits.sum()),
        "outside": made.outside,
        "trained_on": made.fit.events,
        "power": made.fit.power,
        "expected": float(made.risk.sum(dtype=np.float64)),
        **score(made.risk, made.hits),
        "expects": {f"{share:g}": expects(made.risk, share) for share in SHARES},
        "ceiling": {f"{share:g}": reached[share] for share in SHARES},
        "baselines": others,
    }


def print_hotspots(report: dict[str, Any], texts: Sentences) -> None:
    """Print the report: the forecast, what it expects of itself, the ceiling, and each baseline."""
    print(texts("backtest-days", **{name: report[name] for name in ("days", "first_day", "cells", "incidents")}))
    for share, rate in report["hit_rate"].items():
        more = {name: report[name][share] for name in ("pai", "pei", "expects", "ceiling")}
        print("  " + texts("backtest-area", share=float(share), rate=rate, **more))
    for key, other in report["baselines"].items():
        print(texts(f"backtest-baseline-{key}"))
        for share, found in other["compared"].items():
            numbers = {name: 100 * found[name] for name in ("by", "low", "high")}
            scores = {name: other[one][share] for name, one in (("rate", "hit_rate"), ("pai", "pai"), ("pei", "pei"))}
            said = texts("backtest-baseline", share=float(share), told=found["difference"], **scores, **numbers)
            print("  " + said)
