"""``patrolgrid models``: what each device's model has learned, what it lacks, and how far it can be believed."""

import argparse
import getpass
from contextlib import closing
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    progress_bar,
    safe,
    settings_of_site,
    texts_of,
    time_of,
    with_word,
)
from console.errors import CommandError
from console.training.acceptance import accept
from console.training.learnt_week import LearntWeek, blocks, rhythms
from console.training.model_health import ModelHealth, model_health, summary
from console.training.rushes import Rush
from console.training.saved_state import SavedState, read_saved
from console.width import cells
from deploy.settings import Settings
from deploy.wiring import days_of, open_places
from stream.sentences import Why
from stream.sentences.catalogue import Sentences, in_all_languages
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid models                                      every device's model, those that need a look first
  patrolgrid models --device cam-3 --days 28
  patrolgrid models --accept cam-3 --since 2026-11-24T12:00    what it counts since then is how it is now
  patrolgrid models --json | jq '.models[] | select(.needs != "")'

docs/models.md tells what the columns mean and what to do.
"""
_ORDER: Final = ("stuck", "unseen", "young", "narrow", "shifted", "wide", "missing", "")
"""What is shown first."""
_ADVISED: Final = 30
"""So many models get a line of their own."""
_NAME: Final = 14
_DAYS: Final = {(0, 1, 2, 3, 4): "working", (5, 6): "weekends", (0, 1, 2, 3, 4, 5, 6): "all"}
"""Weekdays that have a name together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--device", metavar="ID", help="only this device")
    parser.add_argument(
        "--days", type=float, default=14.0, metavar="N", help="days that calibration looks back on (default: 14)"
    )
    parser.add_argument("--accept", metavar="ID", help="tell the models of this device that how it is now is usual")
    parser.add_argument("--metric", metavar="NAME", help="with --accept: only this of it (default: all it measures)")
    parser.add_argument("--since", metavar="TIME", help="with --accept: since when it is so (default: three days ago)")
    parser.add_argument("--by", metavar="NAME", help="with --accept: who says so (default: your login)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Print the report. Raises `CommandError` for a device that the site does not have."""
    if not options.days > 0:
        raise CommandError(f"--days is {options.days:g}, expected a number above 0", 2)
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    if options.accept is not None:
        return _accept(options, settings, site, texts)
    if options.metric or options.since or options.by:
        raise CommandError("--metric, --since and --by go with --accept ID", 2)
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
        zone = site.zone(settings)
        documents = [
            {**msgspec.to_builtins(model), "needs": model.needs, "advice": in_all_languages(_advice(model, zone))}
            for model in models
        ]
        more = {} if options.device is None else {"rhythms": msgspec.to_builtins(_rhythms(options, settings, saved))}
        print_json(
            {"site": site.id, "summary": whole, "anew": anew, "state": saved.problem, "models": documents} | more
        )
        return 0
    zone = site.zone(settings)
    _print(models, texts, zone)
    _print_advice(models, texts, zone)
    if options.device is not None:
        _print_rhythms(_rhythms(options, settings, saved), texts)
    _print_summary(whole, texts, options.days)
    if anew:
        since = local_time(anew["since_ms"], zone, "%Y-%m-%d %H:%M")
        print(texts("models-anew", time=since, reason=safe(anew["reason"])))
    if saved.problem:
        print(texts("models-state", problem=safe(saved.problem)))
    return 0


def _accept(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> int:
    """Tell the models of a device that how it is now is usual."""
    zone = site.zone(settings)
    since_ms = None if options.since is None else time_of(options.since, "--since", zone)
    by = options.by or getpass.getuser()
    if not by.isprintable() or len(by) > 64:
        raise CommandError(f"--by is {by!r}, expected a name of up to 64 characters", 2)
    places = open_places(settings, site.folder).load()
    with closing(StoreReader(site.store)) as reader:
        done = accept(
            settings, site, places, reader, device=options.accept, metric=options.metric, since_ms=since_ms, by=by
        )
    if options.json:
        print_json({"site": site.id, **msgspec.to_builtins(done)})
        return 0
    since = local_time(done.since_ms, zone, "%Y-%m-%d %H:%M")
    print(texts("models-accepted", device=done.device, metrics=", ".join(done.metrics), time=since, by=safe(by)))
    when = "kafka" if done.kafka else "now" if done.running else "later"
    print(texts(f"models-accepted-{when}", site=site.id))
    return 0


def _gather(
    options: argparse.Namespace, settings: Settings, reader: StoreReader, saved: SavedState
) -> list[ModelHealth]:
    calendar = days_of(settings)
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


def _print_advice(models: list[ModelHealth], texts: Sentences, zone: ZoneInfo) -> None:
    """Print of each model in a line what a person can do about it; of many, those that need something."""
    shown = models if len(models) <= _ADVISED else [model for model in models if model.needs][:_ADVISED]
    if shown:
        print()
    for model in shown:
        advice = texts.why(_advice(model, zone))
        print(texts("models-advice", device=model.device, metric=safe(model.metric), advice=advice))


def _advice(model: ModelHealth, zone: ZoneInfo) -> Why:
    """Return what a person can do about a model, and what it has learned of the place."""
    device, needs = model.device, model.needs
    since = local_time(model.learnt_since_ms, zone, "%Y-%m-%d")
    args: dict[str, Any] = {"device": device, "since": since, "rushes": [_rush(one) for one in model.rushes]}
    if needs == "missing":
        args["classes"] = [Why(f"models-class-{name}") for name in model.missing]
    learned = "rushes" if model.rushes else "learnt" if model.learnt_since_ms else "nothing"
    return Why(f"models-do-{needs or 'well'}", {**args, "learned": Why(f"models-{learned}", args)})


def _rush(rush: Rush) -> Why:
    days = rush.weekdays
    on = [Why(f"models-on-{name}") for name in ([_DAYS[days]] if days in _DAYS else days)]
    return Why("models-rush", {"begin": rush.begin, "end": rush.end, "days": on})


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
        safe(with_word(texts, "board-metric", model.metric)),
        f"{model.weeks:.1f}",
        f"{days['working']}/{days['saturday']}/{days['sunday']}/{days['holiday']}",
        texts(f"models-state-{model.state}"),
        "-" if figures is None else f"{figures['below_1pct']:.1%}",
        "-" if figures is None else f"{figures['inside']:.1%}",
        texts(f"models-verdict-{model.verdict}"),
        local_time(model.last_learnt_ms, zone, "%m-%d %H:%M"),
        texts("models-semicolon").join(needs) or "-",
    ]


def _rhythms(options: argparse.Namespace, settings: Settings, saved: SavedState) -> list[LearntWeek]:
    return rhythms(saved, days_of(settings), settings.pipeline.window_s, options.device)


def _print_rhythms(found: list[LearntWeek], texts: Sentences) -> None:
    """Print what is expected of each weekday, from midnight to midnight."""
    for one in found:
        lines, most = blocks(one)
        print()
        print(texts("models-rhythm", metric=safe(with_word(texts, "board-metric", one.metric)), most=f"{most:.4g}"))
        for day, line in zip(one.days, lines, strict=True):
            name = texts(f"models-on-{day.weekday}")
            print(f"  {name}{' ' * max(_NAME - cells(name), 1)}{line}")


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
