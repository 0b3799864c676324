"""``patrolgrid incidents``: history into the hotspot map, through broker and log as if it were reported; and a list."""

import argparse
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, get_args

import msgspec

from console.common import (
    add_settings_arguments,
    bad_rows_json,
    local_time,
    print_json,
    print_table,
    progress_bar,
    safe,
    settings_of_site,
    tell_bad_rows,
    texts_of,
    time_of,
    zone_of,
)
from console.errors import CommandError
from deploy.settings import at_broker
from ingest import topics
from ingest.codecs.csv_files import BadRows, CsvError, RowError, read_rows
from ingest.codecs.csv_values import Instants, number
from ingest.events import Incident, Provenance
from ingest.mqtt import Outbound, publish_all
from ingest.topics import id_of
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import ENGLISH
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

EXAMPLES: Final = """\
examples:
  patrolgrid incidents import calls.csv                  timestamp,lon,lat,category; id, provenance, text if there
  patrolgrid incidents import calls.csv --provenance sensor --dry-run
  patrolgrid incidents list --since 2026-11-01 --limit 50

A row's id makes it known when it comes again; without one, rows with the same time, place and category are one. What
is imported teaches the map, however old it is, and alerts nobody.
"""
_BATCH: Final = 400
"""Incidents in a message."""
_CATEGORIES: Final = {
    "入室盗窃": "burglary", "盗窃": "theft", "扒窃": "theft", "打架斗殴": "fight", "打架": "fight", "抢劫": "robbery",
    "噪声扰民": "noise", "火情": "fire", "火警": "fire", "诈骗": "fraud", "电信诈骗": "fraud",
    "故意损毁财物": "vandalism", "纠纷": "dispute", "交通事故": "traffic", "物品遗失": "lost_property",
}  # fmt: skip
_PROVENANCES: Final = {"上报": "reported", "群众报警": "reported", "传感器": "sensor", "巡逻发现": "patrol_discovered"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    load = actions.add_parser("import", help="let the map learn from a file")
    load.add_argument("file", type=Path, metavar="FILE.csv")
    load.add_argument("--timezone", metavar="ZONE", help="of times without a zone (default: the site's)")
    load.add_argument(
        "--provenance",
        choices=get_args(Provenance),
        default="reported",
        help="of rows that say none (default: reported)",
    )
    load.add_argument("--broker", metavar="HOST:PORT", help="broker (default: the running node's)")
    load.add_argument("--dry-run", action="store_true", help="read the file and send nothing")
    load.add_argument("--quiet", action="store_true", help="show no progress")
    shown = actions.add_parser("list", help="the newest incidents")
    shown.add_argument("--since", metavar="TIME", help="only those from then on")
    shown.add_argument("--limit", type=int, default=50, metavar="N", help="most of them (default: 50)")
    for child in (load, shown):
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Import or list. Raises `CommandError`."""
    return _import(options) if options.action == "import" else _list(options)


def _import(options: argparse.Namespace) -> int:
    settings, site = settings_of_site(options, new=True)
    texts = texts_of(options, settings)
    bad = BadRows()
    instants = Instants(zone_of(options, settings))
    try:
        rows = list(
            read_rows(
                options.file,
                ("timestamp", "lon", "lat", "category"),
                lambda _line, row: _incident(row, instants, options.provenance),
                bad,
                optional=("id", "provenance", "text"),
            )
        )
    except CsvError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{options.file}: {error.strerror}") from error
    unique = {incident.id: incident for incident in rows}
    known = _known(site.store)
    new = [incident for incident in unique.values() if incident.id not in known]
    if new and not options.dry_run:
        node = site.node()
        settings = at_broker(settings, options.broker, node if node["running"] else None)
        with progress_bar(options, unit=" incidents", desc=str(options.file)) as show:
            show(0, len(new))
            publish_all(settings.broker, _messages(settings.site.id, new, show))
    found = {
        "rows": len(rows) + bad.total,
        "new": len(new),
        "twice": len(rows) - len(unique),
        "known": len(unique) - len(new),
    }
    if options.json:
        print_json({**found, "sent": bool(new) and not options.dry_run, **bad_rows_json(bad)})
        return 0
    tell_bad_rows(texts, options.file, bad)
    print(texts("incidents-found", **found))
    if new and not options.dry_run:
        print(texts("incidents-sent", count=len(new), host=settings.broker.host, port=str(settings.broker.port)))
    return 0


def _incident(row: dict[str, str], instants: Instants, provenance: str) -> Incident:
    """Return the incident of a row. Raises `RowError`."""
    ts_ms = instants.first(row["timestamp"])
    lon, lat = number(row["lon"], "lon", most=180.0), number(row["lat"], "lat", most=90.0)
    word = row["category"]
    if not word:
        raise RowError("category is empty")
    category = _CATEGORIES.get(word) or (word if word.isascii() and " " not in word else id_of(word, "category"))
    said = row.get("provenance", "")
    given = _PROVENANCES.get(said, said) or provenance
    identifier = row.get("id", "")
    key = identifier or f"{ts_ms}/{lon:.6f}/{lat:.6f}/{category}"
    digest = hashlib.blake2b(key.encode(), digest_size=10).hexdigest()
    try:
        return msgspec.convert(
            {
                "id": f"csv:{id_of(identifier, 'case')[:48]}" if identifier else f"csv:{digest}",
                "ts": ts_ms,
                "lon": lon,
                "lat": lat,
                "category": id_of(category, "category")[:48],
                "provenance": given,
                "text": row.get("text", "")[:280],
                "backfill": True,
            },
            Incident,
        )
    except msgspec.ValidationError as error:
        raise RowError(str(error)) from error


def _known(store: Path) -> set[str]:
    """Return the ids of the incidents that a store has; none where there is no store here."""
    with closing(StoreReader(store)) as reader:
        try:
            return {identifier for (identifier,) in reader.query("SELECT id FROM incidents")}
        except StoreError:
            return set()


def _messages(site: str, incidents: Sequence[Incident], show: Callable[[int], None]) -> Iterator[Outbound]:
    for begin in range(0, len(incidents), _BATCH):
        part = incidents[begin : begin + _BATCH]
        yield Outbound(topics.incidents(site), msgspec.json.encode(part))
        show(begin + len(part))


def _list(options: argparse.Namespace) -> int:
    settings, site = settings_of_site(options)
    texts, zone = texts_of(options, settings), site.zone(settings)
    since = None if options.since is None else time_of(options.since, "--since", zone)
    with closing(StoreReader(site.store)) as reader:
        found = reader.incidents(limit=options.limit, since_ms=since)
    if options.json:
        print_json(found)
        return 0
    if not found:
        print(texts("incidents-none", site=site.id))
        return 0
    names = ("time", "category", "provenance", "beat", "place", "id")
    print_table(
        [texts(f"incidents-col-{name}") for name in names],
        [
            (
                local_time(one["ts"], zone),
                safe(_category(one["category"], texts)),
                texts(f"incidents-from-{one['provenance']}"),
                safe(one.get("beat", "")) or "-",
                f"{one['lon']:.5f} {one['lat']:.5f}",
                safe(one["id"]),
            )
            for one in found
        ],
        indent="",
    )
    return 0


def _category(code: str, texts: Sentences) -> str:
    return code if texts.language == ENGLISH else texts("incidents", count=1, category=code)
