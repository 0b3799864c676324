"""``patrolgrid places``: what is wrong in a places file, by line; what comes from other files; who changed what."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    safe,
    settings_of,
    settings_of_site,
    texts_of,
)
from console.devices.changes_told import change_in_words, finding_in_words
from console.devices.place_accounts import Settled, settle_accounts
from console.errors import CommandError
from console.people.audit import note_here, person_here
from deploy.settings import Settings
from deploy.station.station_accounts import accounts_of
from deploy.station.station_files import station_of
from deploy.wiring import check_places, open_book
from ingest.codecs.csv_files import CsvError
from ingest.days.patrol_settings import roster_of
from ingest.places import Places, parse_places
from ingest.places.importing import Brought, Called, bring
from ingest.places.patches import Document
from ingest.places.place_findings import ACCOUNTS, PlaceFinding, find_all
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid places check                                the site's file: all that is wrong or odd, by line
  patrolgrid places check new.geojson
  patrolgrid places import devices.csv --dry-run         id,type,name,lon,lat,beat; 设备编号,类型,名称,经度,纬度,网格
  patrolgrid places import devices.csv --without-example
  patrolgrid places import beats.geojson                 outlines and streets drawn in another program
  patrolgrid places changes                              who changed what, and when
  patrolgrid places undo 12                              take one of them back; what came after it stays

What comes with the id of something that is there changes it; all else is added. Devices that are new get an account at
the broker where `patrolgrid init` made its files. Exit code 1 where something is wrong or was not taken.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="tell what is wrong or odd in a places file")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the site's")
    taken = actions.add_parser("import", help="put what is in a CSV or a GeoJSON into the site's places file")
    taken.add_argument("file", type=Path, metavar="FILE", help="FILE.csv, or FILE.geojson")
    taken.add_argument("--without-example", action="store_true", help="take out what is left of `init`'s example")
    taken.add_argument("--dry-run", action="store_true", help="tell what would change, and write nothing")
    changes = actions.add_parser("changes", help="show who has changed the site's places file, and what")
    changes.add_argument("--limit", type=int, default=20, metavar="N", help="how many, the newest first (default: 20)")
    undo = actions.add_parser("undo", help="take a change of the site's places file back")
    undo.add_argument("number", type=int, metavar="NUMBER", help="as `places changes` shows it")
    for child in (check, taken, changes, undo):
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Raises `CommandError`, `PlacesError`."""
    alone = options.action == "check" and options.file is not None  # a file that is of no site yet
    settings = settings_of(options) if alone else settings_of_site(options, new=True)[0]
    texts = texts_of(options, settings)
    actions = {"check": _check, "import": _import, "changes": _changes, "undo": _undo}
    return actions[options.action](options, settings, texts)


def _check(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    path = options.file or settings.places_file
    places, found = _find(_read(path), path, settings)
    if places is not None and path == settings.places_file:
        found += _without_account(places, settings)
    wrong = any(not one.code for one in found)
    if options.json:
        shown = [{"line": one.line, "error": not one.code, "text": finding_in_words(path, one, texts)} for one in found]
        print_json({"ok": not wrong, "findings": shown})
        return 1 if wrong else 0
    _print(path, found, texts)
    if places is not None:
        print(texts("places-has", beats=len(places.beats), devices=len(places.devices), streets=len(places.streets)))
    return 1 if wrong else 0


def _find(content: bytes, path: Path, settings: Settings) -> tuple[Places | None, list[PlaceFinding]]:
    """Return the places of a file and all findings, also of what only the rules and the map know."""
    return find_all(content, str(path), lambda places: check_places(places, settings, path))


def _without_account(places: Places, settings: Settings) -> Iterator[PlaceFinding]:
    """Give the devices that the broker of a station made by `init` would not let in."""
    station = station_of(settings)
    known = accounts_of(station.broker / "devices.passwd") if station is not None else set(places.devices)
    for device in places.devices.keys() & roster_of(settings.patrol).officers.keys():
        yield PlaceFinding(0, "account", values={"device": device})
    for device in places.devices.keys() - known - ACCOUNTS:
        yield PlaceFinding(0, "login", values={"device": device, "folder": str(settings.places_file.parent)})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


def _print(path: Path, found: list[PlaceFinding], texts: Sentences) -> None:
    for one in found:
        where = texts("places-line", file=str(path), line=str(one.line)) if one.line else str(path)
        print(f"{texts('places-odd' if one.code else 'places-wrong')}  {where}: {finding_in_words(path, one, texts)}")


def _import(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    book, file = open_book(settings), options.file
    now = book.read()
    if now.wrong:
        _print(book.path, [one for one in now.findings if not one.code], texts)
        raise CommandError(texts("places-first", file=str(book.path)))

    def brought(document: Document) -> Brought:
        places = parse_places(document, str(book.path))
        return bring(document, places, file, str(file), without_example=options.without_example)

    done = None
    try:
        found = brought(now.document)
        then, patches = book.tried(lambda _: found.merged.document)
        if then.wrong:  # each is right alone, and together they are not
            faults = found.faults + [(0, text.replace(str(book.path), str(file))) for text in then.wrong]
            found = found._replace(faults=faults, merged=found.merged._replace(added=[], changed=[], gone=[]))
        elif patches and not options.dry_run:
            done = book.change(
                lambda document: brought(document).merged.document, person_here(), "import", file=file.name
            )
    except CsvError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or file}: {error.strerror or error}") from error
    accounts = Settled([], told=False)
    if done is not None:
        note_here(settings.site_dir, "places-import", file.name, change=done.number)
        accounts = settle_accounts(settings, done.patches)
    _tell_import(options, settings, texts, found, accounts, done.number if done is not None else 0)
    return 1 if found.faults else 0


def _changes(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    found = open_book(settings).changes(limit=options.limit)
    if options.json:
        print_json(msgspec.to_builtins(found))
        return 0
    if not found:
        print(texts("places-changes-none"))
    zone = ZoneInfo(settings.site.timezone)
    header = [texts(f"places-changes-{name}") for name in ("number", "at", "by", "what")]
    rows = [
        (
            one.number,
            local_time(one.at_ms, zone),
            safe(one.by or texts("place-nobody")),
            safe(change_in_words(one, texts)),
        )
        for one in found
    ]
    print_table(header, rows)
    return 0


def _undo(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    done = open_book(settings).undo(options.number, person_here())
    note_here(settings.site_dir, "places-undo", str(options.number), change=done.number)
    settle_accounts(settings, done.patches)
    if options.json:
        print_json(msgspec.to_builtins(done))
    else:
        print(texts("places-undone", number=str(options.number), by=str(done.number)))
    return 0


def _called(one: Called, texts: Sentences) -> str:
    return texts.pick(one) if isinstance(one, dict) else one


def _tell_import(
    options: argparse.Namespace, settings: Settings, texts: Sentences, found: Brought, accounts: Settled, number: int
) -> None:
    """Say what became of a file; `accounts` are those that were made, `number` is the change's, 0 for none."""
    merged, faults, renamed = found
    if options.json:
        names = {"added": merged.added, "changed": merged.changed, "removed": merged.gone}
        shown = {key: [_called(one, texts) for one in some] for key, some in names.items()} | {"same": merged.same}
        bad = [{"line": line, "why": why} for line, why in sorted(faults)]
        made = [{"line": line, "written": written, "id": own} for line, written, own in renamed]
        print_json(
            {**shown, "ids": made, "accounts": accounts.made, "written": bool(number), "change": number, "bad": bad}
        )
        return
    _print(options.file, [PlaceFinding(line, "", why) for line, why in sorted(faults)], texts)
    for line, written, own in renamed:
        where = texts("places-line", file=str(options.file), line=str(line)) if line else str(options.file)
        print(f"{where}: {texts('places-id', written=safe(written), id=own)}")
    print(texts("places-import", added=len(merged.added), changed=len(merged.changed), same=merged.same))
    if merged.gone:
        print(texts("places-gone", names=", ".join(_called(one, texts) for one in merged.gone)))
    if number:
        print(texts("places-written", file=str(settings.places_file), number=str(number)))
    station = station_of(settings)
    if accounts.made and station is not None:
        print(texts("places-accounts", names=", ".join(accounts.made), folder=str(station.secrets / "devices")))
    if accounts.told:
        print(texts("init-broker-told"))
