"""``patrolgrid plan``: the stops of the running shift, and the officers that a week needs."""

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from console.common import (
    FoundSite,
    add_settings_arguments,
    in_words,
    local_time,
    print_json,
    print_table,
    safe,
    settings_of_site,
    texts_of,
    time_of,
)
from console.errors import CommandError
from console.training.offered_load import read_load, rules_of
from deploy.settings import Settings
from deploy.wiring import days_of, open_places
from ingest.codecs.csv_files import CsvError, RowError
from ingest.days.patrol_settings import roster_of
from ingest.places import Places
from ingest.setup.extras import load
from models.calendar import Calendar
from stream.patrol.staffing_sheet import SERVED, WEEKS, PastLoad, keep_sheet, load_of_alerts, monday_of, staffing_sheet
from stream.patrol_results import OfficerPlan
from stream.sentences.catalogue import Sentences
from stream.sinks.store.patrol_tables import delivered, read_plans
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid plan shift                            who is to stop where and when, and what was done
  patrolgrid plan shift --ics > shift.ics          for a phone's calendar
  patrolgrid plan week                             officers asked for by hour, and the shifts that bring them there
  patrolgrid plan week --load load.csv --served 0.9 --least 2 --csv
  patrolgrid plan week --from 2026-12-21 --json

A week rests on the alerts that the store has, or on a file `hour,beat,officer_hours`. docs/patrols.md tells how it is
reckoned.
"""
_COLUMNS: Final = (
    "stop", "officer", "arrive", "leave", "lon", "lat", "beat", "place", "kind", "state", "delivered_min",
)  # fmt: skip
_STOP_COLUMNS: Final = ("officer", "time", "place", "beat", "kind", "state", "minutes", "stop", "note")
_FORMS: Final = ("json", "geojson", "csv", "ics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    shift = kinds.add_parser("shift", help="the stops of the running shift, or of the next one")
    shift.add_argument("--officer", metavar="OFFICER", help="only this officer's")
    week = kinds.add_parser("week", help="how many officers a week needs when, and shifts that bring them there")
    week.add_argument("--load", type=Path, metavar="CSV", help="past load as hour,beat,officer_hours (default: alerts)")
    week.add_argument("--from", dest="begin", metavar="DATE", help="a day of the week planned (default: next week)")
    week.add_argument("--served", type=float, default=SERVED, metavar="SHARE", help="of the load, 0-1 (default: 0.95)")
    week.add_argument("--least", type=int, metavar="N", help="officers there at any hour (default: patrol.least)")
    week.add_argument("--lengths", default="8", metavar="HOURS", help="of shifts, such as 6,8,10 (default: 8)")
    week.add_argument("--starts", type=int, default=5, metavar="N", help="different hours of beginning (default: 5)")
    for part in (shift, week):
        add_settings_arguments(part, site=True)
        form = part.add_mutually_exclusive_group()
        for name in _FORMS:
            form.add_argument(f"--{name}", action="store_const", dest="form", const=name, help=f"print {name}")


def run(options: argparse.Namespace) -> int:
    """Print the plan. Raises `CommandError` for what cannot be planned."""
    settings, site = settings_of_site(options)
    return (_shift if options.what == "shift" else _week)(options, settings, site)


def _week(options: argparse.Namespace, settings: Settings, site: FoundSite) -> int:
    texts, calendar = texts_of(options, settings), days_of(settings)
    places = open_places(settings, site.folder).load()
    zone = site.zone(settings)
    if not 0 < options.served <= 1:
        raise CommandError(f"--served is {options.served:g}, expected a share above 0 and up to 1, such as 0.95", 2)
    with closing(StoreReader(site.store)) as reader:
        now_ms = _now_ms(reader)
        past = _past(options, settings, calendar, places, reader, now_ms)
    begin_ms = now_ms + 7 * 86_400_000 if options.begin is None else time_of(options.begin, "--from", zone)
    try:
        least = settings.patrol.least if options.least is None else options.least
        rules = rules_of(options.lengths, options.starts, least)
        sheet = staffing_sheet(past, calendar, monday_of(calendar, begin_ms), rules, share=options.served)
    except ValueError as error:
        raise CommandError(f"site {site.id}: {error}") from error
    sheet["made_ms"] = now_ms
    keep_sheet(site.folder, sheet)
    if options.form == "json":
        print_json(sheet)
    elif options.form == "csv":
        rows = [(one["begin_ms"], one["end_ms"], one["officers"], _breaks(one, zone)) for one in sheet["shifts"]]
        _csv(("begin", "end", "officers", "breaks"), [(_iso(a, zone), _iso(b, zone), n, c) for a, b, n, c in rows])
    elif options.form == "ics":
        _ics(
            [
                (one["begin_ms"], one["end_ms"], texts("plan-shift-of", officers=one["officers"]), _breaks(one, zone))
                for one in sheet["shifts"]
            ],
            site.id,
            now_ms,
        )
    elif options.form == "geojson":
        print_json(_beats(sheet, places))
    else:
        _print_week(sheet, texts, zone)
    return 0


def _past(
    options: argparse.Namespace,
    settings: Settings,
    calendar: Calendar,
    places: Places,
    reader: StoreReader,
    now_ms: int,
) -> PastLoad:
    """Return the load that the week rests on."""
    if options.load is None:
        return load_of_alerts(
            reader,
            calendar,
            list(places.beats),
            now_ms,
            weeks=WEEKS,
            answer_min=settings.patrol.answer_min,
            routine_h=settings.patrol.routine_h,
        )
    try:
        return read_load(options.load, calendar)
    except (CsvError, RowError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options.load}: {error.strerror}") from error


def _print_week(sheet: dict[str, Any], texts: Sentences, zone: ZoneInfo) -> None:
    asked, there = (
        np.array([one[name] for one in sheet["beats"]]).sum(axis=0).reshape(7, 24) for name in ("asked", "there")
    )
    print(texts("plan-week", time=local_time(sheet["begin_ms"], zone, "%Y-%m-%d"), days=sheet["days"]))
    rows = []
    for day in range(7):
        at_ms = sheet["begin_ms"] + (day * 24 + 12) * 3_600_000
        for start in range(0, 24, 2):
            now = slice(start, start + 2)
            rows.append(
                (
                    local_time(at_ms, zone, "%m-%d") if start == 0 else "",
                    f"{start:02d}-{start + 2:02d}",
                    f"{asked[day, now].mean():.1f}",
                    f"{there[day, now].mean():.1f}",
                )
            )
    print_table([texts(f"plan-{name}") for name in ("day", "hours", "asked", "there")], rows)
    print(texts("plan-shifts"))
    for _, alike in groupby(sheet["shifts"], lambda one: local_time(one["begin_ms"], zone, "%m-%d")):
        group = list(alike)
        spans = (f"{_span(one['begin_ms'], one['end_ms'], zone)} ×{one['officers']}" for one in group)
        print(f"  {local_time(group[0]['begin_ms'], zone, '%m-%d')}  {'  '.join(spans)}")
    print(texts("plan-served", share=sheet["served"], hours=sheet["officer_hours"]))
    if sheet["equal_hours"] is not None:
        print(texts("plan-equal", officers=sheet["equal_officers"], hours=sheet["equal_hours"]))


def _shift(options: argparse.Namespace, settings: Settings, site: FoundSite) -> int:
    texts = texts_of(options, settings)
    zone = site.zone(settings)
    with closing(StoreReader(site.store)) as reader:
        found = read_plans(reader.query, at_ms=_now_ms(reader), officer=options.officer)
        plans = msgspec.convert(found, list[OfficerPlan])
        if not plans:
            raise CommandError(texts("plan-none", site=site.id))
        begin_ms, end_ms = min(plan.begin_ms for plan in plans), max(plan.end_ms for plan in plans)
        sums = delivered(reader.query, begin_ms, end_ms, by="officer")
    stops = [one for plan in plans for one in plan.stops if one.state != "replaced"]
    places = [one.place.get(texts.language) or next(iter(one.place.values()), one.cell) for one in stops]
    made_ms = max(plan.made_ms for plan in plans)
    if options.form == "json":
        print_json(msgspec.to_builtins(plans))
    elif options.form == "csv":
        rows = [
            (
                one.id, one.officer, _iso(one.arrive_ms, zone), _iso(one.leave_ms, zone), one.lon, one.lat, one.beat,
                place, one.kind, one.state, round(one.delivered_min, 1),
            )
            for one, place in zip(stops, places, strict=True)
        ]  # fmt: skip
        _csv(_COLUMNS, rows)
    elif options.form == "ics":
        titled = zip(stops, places, strict=True)
        _ics(
            [
                (one.arrive_ms, one.leave_ms, f"{one.officer}: {place}", texts(f"stop-{one.kind}"))
                for one, place in titled
            ],
            site.id,
            made_ms,
        )
    elif options.form == "geojson":
        print_json(
            _collection(
                ({"type": "Point", "coordinates": [one.lon, one.lat]}, msgspec.to_builtins(one)) for one in stops
            )
        )
    else:
        first = plans[0]
        times = {
            name: local_time(at_ms, zone, "%Y-%m-%d %H:%M")
            for name, at_ms in (("begin", first.begin_ms), ("end", first.end_ms))
        }
        solver = in_words(texts, "board-solver", first.solver)
        print(texts("plan-of-shift", name=safe(first.name), solver=solver, **times))
        print_table(
            [texts(f"plan-{name}") for name in _STOP_COLUMNS],
            [
                (
                    one.officer,
                    _span(one.arrive_ms, one.leave_ms, zone),
                    safe(place),
                    one.beat,
                    texts(f"stop-{one.kind}"),
                    texts(f"stop-{one.state}"),
                    f"{one.delivered_min:.0f}/{(one.leave_ms - one.arrive_ms) / 60_000:.0f}",
                    one.id,
                    safe(one.note),
                )
                for one, place in zip(stops, places, strict=True)
            ],
        )
        known = roster_of(settings.patrol).officers
        for one in sums:
            if options.officer in {None, one["officer"]}:
                names = {"done": one["done"], "stops": one["stops"]}
                spent = {name: round(one[f"{name}_min"]) for name in ("delivered", "planned")}
                print(texts("plan-sum", officer=safe(known.get(one["officer"], one["officer"])), **names, **spent))
    return 0


def _breaks(shift: dict[str, Any], zone: ZoneInfo) -> str:
    return " ".join(f"{local_time(at_ms, zone, '%H:%M')}×{officers}" for at_ms, officers in shift["breaks"])


def _now_ms(reader: StoreReader) -> int:
    """Return the site's time, or this machine's where nothing has passed there yet."""
    return int(reader.progress()["now_ms"] or datetime.now(UTC).timestamp() * 1000)


def _collection(features: Iterable[tuple[object, dict[str, Any]]]) -> dict[str, Any]:
    """Return GeoJSON (RFC 7946) of shapes with what is known of them."""
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": shape, "properties": known} for shape, known in features],
    }


def _span(begin_ms: int, end_ms: int, zone: ZoneInfo) -> str:
    return "-".join(local_time(at_ms, zone, "%H:%M") for at_ms in (begin_ms, end_ms))


def _iso(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).isoformat()


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    print(text.getvalue(), end="")


def _ics(events: Iterable[tuple[int, int, str, str]], site: str, made_ms: int) -> None:
    """Print a calendar (RFC 5545); an event has begin, end (epoch ms), what it is, and a remark."""
    icalendar = load("icalendar")
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//PatrolGrid//plan//")
    calendar.add("version", "2.0")
    for number, (begin_ms, end_ms, title, remark) in enumerate(events):
        event = icalendar.Event()
        # The same stop or shift keeps its id when the plan is printed again, so that a phone does not have it twice.
        event.add("uid", f"{site}-{begin_ms}-{end_ms}-{number}@patrolgrid")
        event.add("summary", title)
        event.add("description", remark)
        for name, at_ms in (("dtstart", begin_ms), ("dtend", end_ms), ("dtstamp", made_ms)):
            event.add(name, datetime.fromtimestamp(at_ms / 1000, UTC))
        calendar.add_component(event)
    print(calendar.to_ical().decode(), end="")


def _beats(sheet: dict[str, Any], places: Places) -> dict[str, Any]:
    """Return the beats as GeoJSON, each with the officer-hours of the week that are asked for and there."""
    features = []
    for one in sheet["beats"]:
        beat = places.beats.get(one["id"])
        shape = None if beat is None else {"type": "Polygon", "coordinates": [[list(point) for point in beat.polygon]]}
        features.append((shape, {"id": one["id"], **{name: round(sum(one[name]), 1) for name in ("asked", "there")}}))
    return _collection(features)
