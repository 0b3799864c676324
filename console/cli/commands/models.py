"""``patrolgrid models``: what each device's model has learned, what it lacks, and how far it can be believed."""

import argparse
from contextlib import closing
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    progress_bar,
    safe,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from console.training.model_health import ModelHealth, model_health, summary
from console.training.saved_state import SavedState, read_saved
from deploy.settings import Settings
from models.calendar import Calendar
from stream.sentences import Why
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid models                                      every device's model, those that need a look first
  patrolgrid models --device cam-3 --days 28
  patrolgrid models --json | jq '.models[] | select(.needs != "")'

docs/models.md tells what the columns mean and what to do.
"""
_ORDER: Final = ("stuck", "unseen", "young", "narrow", "shifted", "wide", "missing", "")
"""What is shown first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--device", metavar="ID", help="only this device")
    parser.add_argument(
        "--days", type=float, default=14.0, metavar="N", help="days that calibration looks back on (default: 14)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Print the report. Raises `CommandError` for a device that the site does not have."""
    if not options.days > 0:
        raise CommandError(f"--days is {options.days:g}, expected a number above 0", 2)
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    saved = read_saved(site.folder / "state", settings.pipeline.window_s)
    with closing(StoreReader(site.store)) as reader:
        models = _gather(options, settings, reader, saved)
        status = reader.meta("status") or {}
    if options.device is not None:
        models = [model for model in models if model.device == options.device]
        if not models:
            raise CommandError(f"site {site.id} has no counts or levels of a device {options.device!r}")
    models.sort(key=lambda model: (_ORDER.index(model.needs), model.device, model.metric))
    whole = summary(models)
    anew = (status.get("learning") or {}).get("anew")
    if options.json:
        documents = [{**msgspec.to_builtins(model), "needs": model.needs} for model in models]
        print_json({"site": site.id, "summary": whole, "anew": anew, "state": saved.problem, "models": documents})
        return 0
    zone = site.zone(settings)
    _print(models, texts, zone)
    _print_summary(whole, texts, options.days)
    if anew:
        since = local_time(anew["since_ms"], zone, "%Y-%m-%d %H:%M")
        print(texts("models-anew", time=since, reason=safe(anew["reason"])))
    if saved.problem:
        print(texts("models-state", problem=safe(saved.problem)))
    return 0


def _gather(
    options: argparse.Namespace, settings: Settings, reader: StoreReader, saved: SavedState
) -> list[ModelHealth]:
    holidays = tuple(date.fromisoformat(day) for day in settings.site.holidays)
    calendar = Calendar(settings.site.timezone, settings.site.country or None, holidays)
    with progress_bar(options, unit="d", leave=False) as progress:
        return model_health(
            reader, saved, calendar, settings.pipeline.window_s * 1000, days=options.days, progress=progress
        )


def _print(models: list[ModelHealth], texts: Sentences, zone: ZoneInfo) -> None:
    if not models:
        print(texts("models-none"))
        return
    header = ("device", "metric", "weeks", "days", "state", "rare", "inside", "verdict", "learned", "needs")
    print_table([texts(f"models-col-{name}") for name in header], [_row(model, texts, zone) for model in models], "")


def _row(model: ModelHealth, texts: Sentences, zone: ZoneInfo) -> list[object]:
    days, figures = model.days, model.calibration
    missing = [Why(f"models-class-{name}") for name in model.missing]
    needs = [texts(f"models-needs-{model.needs}")] if model.needs not in {"", "missing"} else []
    if missing and model.state not in {
        "young",
        "unseen",
    }:  # for who lacks everything, each kind of day says nothing more
        needs.append(texts("models-needs-missing", classes=missing))
    return [
        model.device,
        safe(model.metric),
        f"{model.weeks:.1f}",
        f"{days['working']}/{days['saturday']}/{days['sunday']}/{days['holiday']}",
        texts(f"models-state-{model.state}"),
        "-" if figures is None else f"{figures['below_1pct']:.1%}",
        "-" if figures is None else f"{figures['inside']:.1%}",
        texts(f"models-verdict-{model.verdict}"),
        local_time(model.last_learnt_ms, zone, "%m-%d %H:%M"),
        texts("models-semicolon").join(needs) or "-",
    ]


def _print_summary(whole: dict[str, Any], texts: Sentences, days: float) -> None:
    if not whole["series"]:
        return
    states, verdicts = whole["states"], whole["verdicts"]
    young = sum(states.get(name, 0) for name in ("young", "partly"))
    wrong = sum(verdicts.get(name, 0) for name in ("narrow", "wide", "shifted"))
    print()
    print(
        texts(
            "models-summary",
            series=whole["series"],
            devices=whole["devices"],
            judged=states.get("judged", 0),
            young=young,
            unseen=states.get("unseen", 0),
            wrong=wrong,
            lacking=sum(whole["needs"].get(name, 0) for name in ("missing", "stuck")),
        )
    )
    if whole["windows"]:
        print(
            texts(
                "models-figures",
                windows=whole["windows"],
                days=days,
                rare=whole["below_1pct"],
                rarer=whole["below_5pct"],
                inside=whole["inside"],
                band=whole["band"],
            )
        )
