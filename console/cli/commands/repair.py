"""``patrolgrid repair``: does what can be done for damaged files of a site whose node is stopped."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_json,
    safe,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from console.integrity import Fault, check_database, examine_files
from console.people import people_file
from deploy.node.lock import LockedError, site_lock
from deploy.settings import Settings
from deploy.wiring import open_log
from ingest.files import PutAside, all_put_aside, note_put_aside, put_aside
from ingest.gateway.quarantine import Quarantine
from ingest.log import SqliteLog
from stream.sentences.catalogue import Sentences
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError

EXAMPLES: Final = """\
examples:
  patrolgrid repair --config patrolgrid.toml             what was saved, and what is lost
  patrolgrid repair --rewrite-store                      the next node writes the store again from the log
  patrolgrid repair --json

Refuses while the node runs: that mends what it comes upon by itself. Nothing is deleted: what cannot be used is put
aside under a name with the date. Exit code 1 where something is left that only a person can correct.
"""
_BOTH: Final = ("log.db", "quarantine.db")
"""Files out of which single entries are saved."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--rewrite-store", action="store_true", help="put the store aside although it looks whole, to have it rewritten"
    )


def run(options: argparse.Namespace) -> int:
    """Repair, print what came of it, and return 1 where something is left."""
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    try:
        with site_lock(site.folder):
            done, oldest_ms = repair(settings, site, rewrite_store=options.rewrite_store)
            left = [fault for fault in examine_files(site.folder) if fault.code in {"damaged", "rights"}]
    except LockedError as error:
        raise CommandError(texts("repair-running", site=site.id), 2) from error
    if options.json:
        print_json(
            {"ok": not left, "site": site.id, "aside": [_told(one) for one in done], "log_from_ms": oldest_ms,
             "left": [fault._asdict() for fault in left]}
        )  # fmt: skip
    else:
        _print(done, left, texts, local_time(oldest_ms, site.zone(settings)))
    return 1 if left else 0


def repair(settings: Settings, site: FoundSite, *, rewrite_store: bool = False) -> tuple[list[PutAside], int]:
    """Put aside what is damaged, and save what can be saved, also out of what was put aside before.

    Returns what stands aside now, with what came of it, and the time of the log's first record (epoch ms, 0 for none).
    The file of people stays where it is: without it the board would be open to everybody. A saved one takes its place.
    The caller holds the site's lock. Raises OSError for a disk that cannot be used.
    """
    folder = site.folder
    for fault in list(examine_files(folder)):
        path = folder / fault.file
        if fault.code == "damaged" and not _changed_only(path) and path.name != people_file.NAME:
            put_aside(path, fault.why, done=path.name not in _BOTH)
    if rewrite_store and (folder / "store.db").exists():
        put_aside(folder / "store.db", "was put aside to be written again from the log")
    _try_again(folder)
    with closing(open_log(settings, mends=True)) as log, closing(Quarantine(folder / "quarantine.db", mends=True)):
        oldest_ms = _oldest_ms(log)
    try:
        StoreSink(folder / "store.db", site.id, mends=True).close()
    except StoreError as error:
        raise CommandError(str(error)) from error
    return all_put_aside(folder), oldest_ms


def _changed_only(path: Path) -> bool:
    """Tell whether a log is whole but for records that have changed: those are passed by, one by one."""
    return path.name == "log.db" and "have changed" in check_database(path)


def _try_again(folder: Path) -> None:
    """Let entries be saved out of all that stands aside: a person may have corrected its rights, or its disk."""
    for one in all_put_aside(folder):
        if one.file in _BOTH and (folder / one.kept).is_file():
            note_put_aside(folder, PutAside(one.file, one.kept, one.why, one.at_ms, done=False))


def _oldest_ms(log: SqliteLog) -> int:
    first = log.read(0, limit=1)
    return first[0].received_ms if first else 0


def _told(one: PutAside) -> dict[str, Any]:
    return {"file": one.file, "kept": one.kept, "why": one.why, "saved": one.saved, "lost": one.lost}


def _print(done: list[PutAside], left: list[Fault], texts: Sentences, oldest: str) -> None:
    for one in done:
        code = "entries" if one.file in _BOTH else "store" if one.file == "store.db" else "other"
        said = {"file": one.file, "kept": one.kept, "why": safe(one.why or "?"), "saved": one.saved, "time": oldest}
        print(texts(f"repair-{code}", lost=safe(one.lost or "-"), **said))
    for fault in left:
        print(texts(f"repair-left-{fault.code}", file=fault.file, why=safe(fault.why)))
    if not left:
        print(texts("repair-good" if done else "repair-nothing"))
