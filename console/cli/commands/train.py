"""``patrolgrid train``: the models learn from the store's past, or from a file of counts or readings.

History goes in through the site's log, like everything that changes state, and the node learns from it in its turn. So
it does not matter whether the node runs, and nothing is learned twice: the node remembers what it has learned.
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_json,
    settings_of_site,
    tell_bad_rows,
    texts_of,
)
from console.errors import CommandError
from console.training.teaching import HistorySource, Teaching, history_of
from deploy.settings import Settings
from ingest.clock import wall_ms
from ingest.gateway.plate_keys import load_plates
from ingest.gateway.quarantine import Quarantine
from ingest.places import load_places
from ingest.refusal import Refusal
from ingest.vocabulary import Reason
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid train                                       from all that the site's store still holds
  patrolgrid train --from-store --days 56
  patrolgrid train counts.csv                            columns timestamp,device,count; local times
  patrolgrid train noise.csv --metric noise              columns timestamp,device,value
  patrolgrid train counts.csv --dry-run                  only say what would be learned

Works while the node runs and while it is stopped. What was learned before is left out. docs/models.md tells more,
docs/csv.md what a CSV may look like.
"""
_SHOWN: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    add = parser.add_argument
    add("file", nargs="?", type=Path, metavar="FILE", help="a CSV (default: the site's own store)")
    add("--from-store", action="store_true", help="learn from the windows that the site's store holds")
    add("--days", type=float, metavar="N", help="from the store: only the last days (default: all it holds)")
    add("--metric", metavar="NAME", help="CSV: what is counted or measured (default: person, or by device type)")
    add("--interval", type=float, metavar="SECONDS", help="CSV: what a row covers (default: found out)")
    add("--timezone", metavar="ZONE", help="CSV: zone of local times (default: the site's)")
    add("--again", action="store_true", help="learn also what was learned before")
    add("--dry-run", action="store_true", help="say what would be learned, and change nothing")
    add("--no-wait", action="store_true", help="do not wait until the node has learned")
    add("--quiet", action="store_true", help="no progress bar")
    add("--json", action="store_true", help="print what was done as JSON")


def run(options: argparse.Namespace) -> int:
    """Give the node what there is to learn, wait for it, and say what came of it."""
    if options.file is not None and (options.from_store or options.days is not None):
        raise CommandError("--from-store and --days go without a FILE", 2)
    if options.days is not None and not options.days > 0:
        raise CommandError(f"--days is {options.days:g}, expected a number above 0", 2)
    settings, site = settings_of_site(options, new=options.file is not None)
    texts = texts_of(options, settings)
    places = load_places(settings.places_file)
    with closing(history_of(options, settings, site, places)) as source:
        teaching = Teaching(options, settings, site, source)
        teaching.run(texts)
    if source.bad and not options.dry_run:
        _quarantine(source, settings, site)
    if options.json:
        print_json(teaching.document())
    else:
        _tell(teaching, texts, site, ZoneInfo(settings.site.timezone))
    return 0


def _quarantine(source: HistorySource, settings: Settings, site: FoundSite) -> None:
    """Keep the rows that taught nothing, without plates, where everything is kept that was not accepted."""
    plates = load_plates(settings.plate_key_file, was=site.folder / "plates.key")
    name, now_ms = Path(source.name).name, wall_ms()
    with closing(Quarantine(site.quarantine)) as quarantine:
        quarantine.add_many(
            Refusal(
                topic=f"{name}, line {row.line}",
                reason=Reason.HISTORY,
                detail=plates.hidden_text(row.why),
                payload=plates.hidden_payload(row.text.encode("utf-8", "replace")),
                received_ms=now_ms,
            )
            for row in source.bad
        )


def _tell(teaching: Teaching, texts: Sentences, site: FoundSite, zone: ZoneInfo) -> None:
    source = teaching.source
    figures = {
        "windows": teaching.windows,
        "series": len(teaching.series),
        "known": teaching.known,
        "first": local_time(source.first_ms, zone, "%Y-%m-%d"),
        "last": local_time(source.last_ms - 1, zone, "%Y-%m-%d"),
    }
    if teaching.options.dry_run:
        print(texts("train-would", **figures))
    elif not teaching.windows:
        print(texts("train-nothing" if teaching.known else "train-empty", known=teaching.known))
    else:
        print(texts("train-sent", **figures))
        if teaching.known:
            print(texts("train-known", known=teaching.known))
        _tell_node(teaching, texts, site)
    if source.gone:
        print(texts("train-gone", count=len(source.gone), devices=", ".join(source.gone[:_SHOWN])))
    if source.bad:
        tell_bad_rows(texts, source.name, source.bad)
        if not teaching.options.dry_run:
            print(texts("train-kept", site=site.id), file=sys.stderr)


def _tell_node(teaching: Teaching, texts: Sentences, site: FoundSite) -> None:
    if teaching.kafka:
        print(texts("train-kafka"))
    elif not teaching.running and not teaching.done:
        print(texts("train-later", site=site.id))
    elif teaching.learned is not None:
        print(texts("train-learned", windows=teaching.learned))
        if teaching.passed_over:
            print(texts("train-node_known", known=teaching.passed_over))
        left = teaching.windows - teaching.learned - teaching.passed_over
        if left > 0:
            print(texts("train-refused", count=left, site=site.id))
    elif teaching.done or teaching.options.no_wait:
        print(texts("train-not_waited"))
    else:
        print(texts("train-slow"))
