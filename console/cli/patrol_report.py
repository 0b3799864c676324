"""``patrolgrid backtest patrols``: shifts of the past, patrolled as plans say and in other ways."""

import argparse
from typing import Any

import numpy as np

from console.cli.hotspot_report import read_incidents
from console.common import progress_bar
from console.errors import CommandError
from models.backtests.patrol_backtest import PatrolReport, patrols
from models.backtests.patrol_guesser import guess_next, guess_places
from stream.sentences.catalogue import Sentences


def add_patrol_arguments(part: argparse.ArgumentParser) -> None:
    """Add the arguments of the backtest."""
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
    if options.officers < 1 or options.every < 1:
        raise CommandError("--officers and --every: expected 1 or more", 2)
    with progress_bar(options, unit="days", leave=False) as progress:
        found = patrols(
            read_incidents(options),
            officers=options.officers,
            every=options.every,
            effort_s=options.effort,
            checks=options.checks,
            seed=options.seed,
            progress=progress,
        )
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
