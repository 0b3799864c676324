"""``patrolgrid backtest patrols``: shifts of the past, patrolled as plans say and in other ways."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from console.common import progress_bar
from console.errors import CommandError
from ingest.codecs.csv_files import read_rows
from ingest.codecs.csv_values import number, wall_ms
from models.backtests.patrol_backtest import PatrolReport, patrols
from models.backtests.patrol_guesser import guess_next, guess_places
from stream.sentences.catalogue import Sentences


def add_patrol_arguments(part: argparse.ArgumentParser) -> None:
    """Add the arguments of the backtest."""
    part.add_argument("file", type=Path, metavar="INCIDENTS")
    part.add_argument("--domain", type=Path, required=True, metavar="CSV", help="lon,lat of points of the area")
    part.add_argument("--train-until", required=True, metavar="DATE", help="the first plan is for the day after")
    part.add_argument("--officers", type=int, default=3, metavar="N", help="on duty in each shift (default: 3)")
    part.add_argument("--every", type=int, default=1, metavar="N", help="every so manieth day only (default: 1)")
    part.add_argument(
        "--effort", type=float, default=1.0, metavar="SECONDS", help="of search for each shift's plan (default: 1)"
    )
    part.add_argument(
        "--checks", type=int, default=5, metavar="N", help="shifts held against optimum and bound (default: 5)"
    )
    part.add_argument("--seed", type=int, default=0, help="of calls and draws (default: 0)")


def report_patrols(options: argparse.Namespace) -> dict[str, Any]:
    """Run the backtest. Raises `CommandError` naming the file or option that is wrong."""
    try:
        until = datetime.fromisoformat(options.train_until).replace(tzinfo=UTC) + timedelta(days=1)
    except ValueError as error:
        raise CommandError(f"--train-until {options.train_until!r}: expected a date such as 2017-12-31", 2) from error
    if options.officers < 1 or options.every < 1:
        raise CommandError("--officers and --every: expected 1 or more", 2)

    def incident(_line: int, row: dict[str, str]) -> tuple[float, float, float]:
        return wall_ms(row["timestamp"]), number(row["lon"], "lon"), number(row["lat"], "lat")

    def point(_line: int, row: dict[str, str]) -> tuple[float, float]:
        return number(row["lon"], "lon"), number(row["lat"], "lat")

    incidents = np.array(list(read_rows(options.file, ("timestamp", "lon", "lat"), incident)), dtype=np.float64)
    domain = np.array(list(read_rows(options.domain, ("lon", "lat"), point)), dtype=np.float64)
    if not incidents.size or not domain.size:
        raise CommandError(f"{options.domain if incidents.size else options.file}: no rows")
    try:
        with progress_bar(options, unit="days", leave=False) as progress:
            found = patrols(
                incidents[:, 0].astype(np.int64),
                incidents[:, 1].copy(),
                incidents[:, 2].copy(),
                (domain[:, 0], domain[:, 1]),
                round(until.timestamp() * 1000),
                officers=options.officers,
                every=options.every,
                effort_s=options.effort,
                checks=options.checks,
                seed=options.seed,
                progress=progress,
            )
    except ValueError as error:
        raise CommandError(f"{options.file}: {error}") from error
    return {"file": str(options.file), "kind": "patrols", **_numbers(found)}


def print_patrols(report: dict[str, Any], texts: Sentences) -> None:
    """Print the report for people."""
    print(texts("backtest-patrols", **{name: report[name] for name in ("shifts", "officers", "incidents")}))
    for way, part in report["ways"].items():
        numbers = {"covered": 1000 * part["covered"], "hit": part["hit"], "stops": part["stops"]}
        print("  " + texts("backtest-patrol-way", way=way, **numbers))
    for way, part in report["plan_against"].items():
        (ratio, low, high), (hits, hits_low, hits_high) = part["covered"], part["hit"]
        numbers = {"ratio": ratio, "low": low, "high": high, "hits": hits, "hits_low": hits_low, "hits_high": hits_high}
        print("  " + texts("backtest-patrol-against", way=way, **numbers))
    print(texts("backtest-patrol-cost", **{name: report[name] for name in ("cost", "of_best", "of_bound")}))
    for what in ("guess_places", "guess_next"):
        if report[what]["guesses"]:
            print(texts("backtest-patrol-guess", what=what, **report[what]))


def _numbers(found: PatrolReport) -> dict[str, Any]:
    others = [way for way in found.scores if way != "plan"]
    guessers = {"guess_places": found.guesses(guess_places), "guess_next": found.guesses(guess_next)}
    return {
        "shifts": found.shifts,
        "officers": found.officers,
        "incidents": found.incidents,
        "ways": {
            way: {"covered": float(np.mean(part.covered)), "hit": sum(part.hit), "stops": float(np.mean(part.stops))}
            for way, part in found.scores.items()
        },
        "plan_against": {way: {what: found.ratio("plan", way, what) for what in ("covered", "hit")} for way in others},
        "cost": float(np.mean(found.cost or [0.0])),
        "of_best": float(min(found.of_best, default=0.0)),
        "of_bound": float(np.mean(found.of_bound or [0.0])),
        **{
            name: {
                "guesses": one.made,
                "by_visits": one.by_visits / max(one.made, 1),
                "by_order": one.by_order / max(one.made, 1),
                "ratio": one.ratio,
            }
            for name, one in guessers.items()
        },
    }
