"""``patrolgrid whatif``: which alerts some past days would have had with other settings, places or models.

Reads beside the node and changes nothing: what is tried comes into force only where it is written into the settings.
"""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    FoundSite,
    add_progress_argument,
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    progress_bar,
    safe,
    settings_of,
    settings_of_site,
    sites,
    texts_of,
    time_of,
)
from console.errors import CommandError
from console.training.alert_again import StoredAlert, found_again, stored_alert
from console.training.record_sources import CityLogSource, LoggedSource, RecordedSource, RecordSource
from console.training.tried import NOT_TRIED, TRIED
from console.training.what_if import Outcome, Trial, try_out
from deploy.settings import Settings, with_texts
from deploy.wiring import check_places, open_calendar, open_kafka_log, open_places
from ingest.days.site_calendar import SiteCalendar, encode_calendar
from ingest.log.kafka_address import records_topic
from ingest.places import Places, load_places, parse_places
from simulators.replay.recording import RecordingTrack
from stream.engines.side_by_side import AlertDifference, ToldAlert
from stream.sentences.catalogue import Sentences, in_all_languages

EXAMPLES: Final = """\
examples:
  patrolgrid whatif --from 2026-11-19 --to 2026-11-26 --set alerts.per_day=10
  patrolgrid whatif --from 2026-11-25T18:00 --set alerts.group_m=80 --set pipeline.silent_s=900
  patrolgrid whatif --from 2026-11-24 --places new-places.geojson
  patrolgrid whatif --from 2026-11-24 --models store       as if the models learned anew from the store
  patrolgrid whatif night.pgr.gz --set alerts.per_day=0    a recording, instead of the node's log
  patrolgrid whatif --alert al-7f3a                        run one alert again: does it still come out?

Works while the node runs and while it is stopped, and changes nothing. docs/models.md tells how to tune with it.
"""
_WEEK_MS: Final = 7 * 86_400_000
_DAYS: Final = {"site.country", "site.holidays", "site.timezone"}
"""Further keys that the calendar follows from."""
_BAR: Final = "{l_bar}{bar}| {elapsed}"
_WHAT: Final = ("new", "gone", "different")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    add = parser.add_argument
    add("file", nargs="?", type=Path, metavar="FILE", help="a recording (default: the log of the site's node)")
    add("--from", dest="since", metavar="TIME", help="from when on (default: a week before --to, or the file's start)")
    add("--to", dest="until", metavar="TIME", help="until when (default: the end)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting to try, such as alerts.per_day=10")
    add("--places", type=Path, metavar="FILE", help="a places file to try")
    add(
        "--models",
        choices=("kept", "store", "none"),
        default="kept",
        help="as they were; learned anew from the store; or young (default: kept)",
    )
    add("--alert", metavar="ID", help="run this alert again, with --set also with another setting")
    add("--json", action="store_true", help="print JSON")
    add("--quiet", action="store_true", help="no progress bar")
    add_progress_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, and print. Raises `CommandError`, `SettingsError` and `PlacesError` for what cannot be tried."""
    settings, site = _site(options)
    texts = texts_of(options, settings)
    other, changed = _tried(options, settings)
    alert = _alert(options, site)
    if alert is None and not changed and options.places is None and options.models == "kept":
        raise CommandError("nothing to try: give --set KEY=VALUE, --places FILE or --models; see --help", 2)
    source, places = _source(options, settings, site)
    with closing(source):
        trial = Trial(settings, other, places, models=options.models, site=site)
        if options.places is not None:
            trial.other_places = load_places(options.places)
            check_places(trial.other_places, other, options.places)
        folder = settings.site_dir if site is None else site.folder
        trial.calendar = encode_calendar(_calendar(settings, folder))
        if any(key.startswith("calendar.") or key in _DAYS for key in changed):
            trial.other_calendar = encode_calendar(_calendar(other, folder))
        zone = ZoneInfo(settings.site.timezone)
        since_ms, until_ms, bounded = _span(options, source, zone, alert)
        with progress_bar(options, desc=texts("whatif-progress"), bar_format=_BAR, leave=False) as progress:
            outcome = try_out(trial, source, since_ms, until_ms, progress)
    if options.json:
        document = _document(outcome, source, site, changed, options, zone)
        print_json(document | ({"alert": _again(alert, outcome, zone)} if alert is not None else {}))
        return 0
    texts = Sentences(texts.language, zone)
    _print(outcome, source, changed, options, settings, texts, zone, bounded=bounded)
    if alert is not None:
        _print_again(found_again(alert.told, outcome), texts, zone, tried=bool(changed))
    return 0


def _alert(options: argparse.Namespace, site: FoundSite | None) -> StoredAlert | None:
    """Return the alert that is asked for."""
    if options.alert is None:
        return None
    if options.file is not None or options.since is not None or options.until is not None or site is None:
        raise CommandError("--alert runs an alert of the site's own log: leave FILE, --from and --to out", 2)
    return stored_alert(site.store, options.alert)


def _again(alert: StoredAlert, outcome: Outcome, zone: ZoneInfo) -> dict[str, Any]:
    found = found_again(alert.told, outcome)
    return {"differs": found["differs"]} | {name: _shown_alert(found[name], zone) for name in ("told", "again", "then")}


def _print_again(found: dict[str, Any], texts: Sentences, zone: ZoneInfo, *, tried: bool) -> None:
    print()
    header = [texts(f"whatif-col-{name}") for name in ("mark", "raised", "ended", "kind", "device", "text")]
    names = ("told", "again", "then") if tried else ("told", "again")
    rows = [[texts(f"whatif-as-{name}"), *_row(found[name], texts, zone)] for name in names if found[name] is not None]
    print_table(header, rows, "")
    if found["again"] is None:
        print(texts("whatif-not_again"))
    elif not found["differs"]:
        print(texts("whatif-same_again"))
    if tried and found["then"] is None:
        print(texts("whatif-not_then"))


def _site(options: argparse.Namespace) -> tuple[Settings, FoundSite | None]:
    """Return the settings of the site and its data; a recording needs none of these."""
    if options.file is not None and options.site is None and not sites(settings_of(options)):
        return settings_of(options), None
    settings, site = settings_of_site(options)
    return settings, site


def _tried(options: argparse.Namespace, settings: Settings) -> tuple[Settings, dict[str, dict[str, Any]]]:
    """Return the settings to try, and what differs by key: as it is ``now`` and ``then``."""
    texts: dict[str, str] = {}
    for text in options.set:
        key, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"--set {text!r}, expected KEY=VALUE such as alerts.per_day=10", 2)
        texts[key.strip()] = value.strip()
    other = with_texts(settings, texts)
    for key in texts:
        if key not in TRIED or key in NOT_TRIED:
            expected = ", ".join(name for name in TRIED if name not in NOT_TRIED)
            raise CommandError(
                f"--set {key}: no alert goes by it{NOT_TRIED.get(key, '')}; expected one of {expected}", 2
            )
    changed = {}
    for key in texts:
        section, _, name = key.partition(".")
        now, then = (getattr(getattr(one, section), name) for one in (settings, other))
        if now != then:
            changed[key] = {"now": now, "then": then}
    if texts and not changed and options.places is None and options.models == "kept":
        same = ", ".join(texts)
        raise CommandError(f"nothing to try: {same} {'has' if len(texts) == 1 else 'have'} these values already", 2)
    return other, changed


def _source(options: argparse.Namespace, settings: Settings, site: FoundSite | None) -> tuple[RecordSource, Places]:
    """Return where the records come from, and the site's places."""
    folder = settings.site_dir if site is None else site.folder
    if options.file is None:
        if settings.kafka.bootstrap and not (folder / "log.db").exists():
            log, shards = open_kafka_log(settings, "patrolgrid-whatif"), settings.kafka.shards
            topic = f"{records_topic(settings.site.id)} on {settings.kafka.bootstrap}"
            try:
                return CityLogSource(log, shards, topic), open_places(settings, folder).load()
            except BaseException:
                log.close()
                raise
        return LoggedSource(folder / "log.db"), open_places(settings, folder).load()
    if not options.file.is_file():
        raise CommandError(f"there is no file {options.file}; expected a recording made by `patrolgrid record`")
    track = RecordingTrack(options.file, settings.site.id, settings.site.timezone)
    if settings.places_file.is_file():
        places = open_places(settings, folder).load()
    else:  # of a site that is not here
        places = parse_places(track.places_geojson(), str(options.file))
    return RecordedSource(track, settings, places), places


def _calendar(settings: Settings, folder: Path) -> SiteCalendar:
    """Return the calendar that settings name. Raises `CommandError` for a file that cannot be used."""
    file = open_calendar(settings, folder)
    found = file.load()
    if file.problem:
        raise CommandError(file.problem, 2)
    return found


def _span(
    options: argparse.Namespace, source: RecordSource, zone: ZoneInfo, alert: StoredAlert | None
) -> tuple[int, int, bool]:
    """Return the span to compare, and whether it begins later than asked for: the log reaches no further back."""
    if alert is not None:
        if alert.told.raised_ms < source.first_ms:
            day = local_time(source.first_ms, zone, "%Y-%m-%d %H:%M")
            raise CommandError(f"the alert is older than {source.name}, which begins at {day}: it cannot be run again")
        until_ms = min(alert.until_ms or source.last_ms + 1, source.last_ms + 1)
        return max(alert.since_ms, source.first_ms), until_ms, False
    until = None if options.until is None else time_of(options.until, "--to", zone)
    until = source.last_ms + 1 if until is None else min(until, source.last_ms + 1)
    since = None if options.since is None else time_of(options.since, "--from", zone)
    asked = since
    if since is None:
        since = source.first_ms if options.file is not None else until - _WEEK_MS
    since = max(since, source.first_ms)
    if since >= until:
        first, last = (local_time(ms, zone, "%Y-%m-%d %H:%M") for ms in (source.first_ms, source.last_ms))
        raise CommandError(f"{source.name} reaches from {first} to {last}, and --from and --to leave nothing of it", 2)
    return since, until, asked is not None and asked < since


def _shown_alert(one: ToldAlert | None, zone: ZoneInfo) -> dict[str, Any] | None:
    return None if one is None else {**msgspec.to_builtins(one), "text": in_all_languages(one.why, zone)}


def _document(
    outcome: Outcome,
    source: RecordSource,
    site: FoundSite | None,
    changed: dict[str, dict[str, Any]],
    options: argparse.Namespace,
    zone: ZoneInfo,
) -> dict[str, Any]:
    begun, found = outcome.begun, outcome.differences

    def only(what: str) -> list[dict[str, Any]]:
        return [
            {**(_shown_alert(one.now or one.then, zone) or {}), "because": one.because}
            for one in found
            if one.what == what
        ]

    return {
        "site": None if site is None else site.id,
        "source": source.name,
        "source_from_ms": source.first_ms,
        "source_to_ms": source.last_ms,
        "from_ms": outcome.since_ms,
        "to_ms": outcome.until_ms,
        "begun": {
            "with": begun.how,
            "position": begun.position,
            "ms": begun.ms,
            "windows": begun.windows,
            "problems": begun.problems,
        },
        "settings": changed,
        "places": None if options.places is None else str(options.places),
        "models": options.models,
        "records": outcome.records,
        "passed_by": {str(position): why for position, why in outcome.passed_by.items()},
        "alerts": {"now": len(outcome.now), "then": len(outcome.then)},
        "new": only("new"),
        "gone": only("gone"),
        "different": [
            {"fields": list(one.fields), "now": _shown_alert(one.now, zone), "then": _shown_alert(one.then, zone)}
            for one in found
            if one.what == "different"
        ],
    }


def _print(
    outcome: Outcome,
    source: RecordSource,
    changed: dict[str, dict[str, Any]],
    options: argparse.Namespace,
    settings: Settings,
    texts: Sentences,
    zone: ZoneInfo,
    *,
    bounded: bool,
) -> None:
    begun = outcome.begun

    def day(ms: int) -> str:
        return local_time(ms, zone, "%Y-%m-%d %H:%M")

    for key, values in changed.items():
        print(texts("whatif-set", key=key, now=safe(_shown(values["now"])), then=safe(_shown(values["then"]))))
    if options.places is not None:
        print(texts("whatif-places", file=safe(options.places)))
    if options.models != "kept":
        print(texts(f"whatif-models-{options.models}"))
    print(texts("whatif-span", first=day(outcome.since_ms), last=day(outcome.until_ms), records=outcome.records))
    if bounded:
        days, key = settings.log.max_age_days, "log.max_age_days"
        if isinstance(source, CityLogSource):
            days, key = settings.kafka.retention_h / 24, "kafka.retention_h"
        name = "whatif-bounded" if options.file is None else "whatif-file"
        print(texts(name, first=day(source.first_ms), days=days, key=key))
    print(texts(f"whatif-begun-{begun.how}", time=day(begun.ms), windows=begun.windows))
    for problem in begun.problems:
        print(texts("whatif-unusable", problem=safe(problem)))
    if outcome.passed_by:
        print(texts("whatif-passed", count=len(outcome.passed_by)))
    counts = {what: sum(one.what == what for one in outcome.differences) for what in _WHAT}
    print(texts("whatif-counts", now=len(outcome.now), then=len(outcome.then), **counts))
    if outcome.differences:
        print()
        header = [texts(f"whatif-col-{name}") for name in ("mark", "raised", "ended", "kind", "device", "text")]
        print_table(header, [row for one in outcome.differences for row in _rows(one, texts, zone)], "")


def _rows(one: AlertDifference, texts: Sentences, zone: ZoneInfo) -> list[list[object]]:
    """Return the line of a difference, or two lines where an alert differs: as it is, and as it would be."""
    if one.now is None or one.then is None:
        alert = one.now or one.then
        why = texts(f"whatif-because-{one.what}-{one.because}") + " " if one.because else ""
        return [] if alert is None else [[texts(f"whatif-{one.what}"), *_row(alert, texts, zone, why)]]
    return [
        [texts("whatif-different"), *_row(one.now, texts, zone)],
        [texts("whatif-would"), *_row(one.then, texts, zone)],
    ]


def _row(alert: ToldAlert, texts: Sentences, zone: ZoneInfo, why: str = "") -> list[object]:
    return [
        local_time(alert.raised_ms, zone, "%m-%d %H:%M"),
        local_time(alert.ended_ms, zone, "%m-%d %H:%M"),
        texts("kind", kind=alert.kind),
        alert.device if len(alert.devices) < 2 else f"{alert.device} +{len(alert.devices) - 1}",
        why + safe(texts.why(alert.why)),
    ]


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
