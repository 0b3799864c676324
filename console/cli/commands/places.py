"""``patrolgrid places``: what is wrong in a places file, by line; and devices, beats and streets from other files."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from console.common import add_settings_arguments, print_json, safe, settings_of, settings_of_site, texts_of
from console.devices.device_list import BEFORE
from console.errors import CommandError
from deploy.settings import Settings
from deploy.station.station_accounts import accounts_of, tell_broker
from deploy.station.station_files import station_of
from deploy.wiring import check_places
from ingest.codecs.csv_files import BadRows, CsvError
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file
from ingest.places import Places
from ingest.places.importing import Called, Incoming, Merged, dump, in_beats, merge, read_devices, read_features
from ingest.places.place_findings import ACCOUNTS, PlaceFinding, find_all
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid places check                                the site's file: all that is wrong or odd, by line
  patrolgrid places check new.geojson
  patrolgrid places import devices.csv --dry-run         id,type,name,lon,lat,beat; 设备编号,类型,名称,经度,纬度,网格
  patrolgrid places import devices.csv --without-example
  patrolgrid places import beats.geojson                 outlines and streets drawn in another program

What comes with the id of something that is there changes it; all else is added. Devices that are new get an account at
the broker where `patrolgrid init` made its files. Exit code 1 where something is wrong or was not taken.
"""
_EMPTY: Final[dict[str, Any]] = {"type": "FeatureCollection", "features": []}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="tell what is wrong or odd in a places file")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the site's")
    taken = actions.add_parser("import", help="put what is in a CSV or a GeoJSON into the site's places file")
    taken.add_argument("file", type=Path, metavar="FILE", help="FILE.csv, or FILE.geojson")
    taken.add_argument("--without-example", action="store_true", help="take out what is left of `init`'s example")
    taken.add_argument("--dry-run", action="store_true", help="tell what would change, and write nothing")
    for child in (check, taken):
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Check or import. Raises `CommandError`."""
    alone = options.action == "check" and options.file is not None  # a file that is of no site yet
    settings = settings_of(options) if alone else settings_of_site(options, new=True)[0]
    texts = texts_of(options, settings)
    return (_check if options.action == "check" else _import)(options, settings, texts)


def _check(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    path = options.file or settings.places_file
    places, found = _find(_read(path), path, settings)
    if places is not None and path == settings.places_file:
        found += _without_account(places, settings)
    wrong = any(not one.code for one in found)
    if options.json:
        shown = [{"line": one.line, "error": not one.code, "text": _text(path, one, texts)} for one in found]
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


def _text(path: Path, one: PlaceFinding, texts: Sentences) -> str:
    if one.code:
        return texts(f"places-odd-{one.code}", **one.values)
    return safe(texts.told(one.error).removeprefix(str(path)).lstrip(":： "))


def _print(path: Path, found: list[PlaceFinding], texts: Sentences) -> None:
    for one in found:
        where = texts("places-line", file=str(path), line=str(one.line)) if one.line else str(path)
        print(f"{texts('places-odd' if one.code else 'places-wrong')}  {where}: {_text(path, one, texts)}")


def _import(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    target = settings.places_file
    before = _read(target) if target.exists() else dump(_EMPTY)
    places, wrong = find_all(before, str(target))
    if places is None or any(not one.code for one in wrong):
        _print(target, [one for one in wrong if not one.code], texts)
        raise CommandError(texts("places-first", file=str(target)))
    faults: list[tuple[int, str]] = []
    coming = in_beats(_sources(options.file, faults), places, str(options.file), faults)
    merged = merge(msgspec.json.decode(before), coming, without_example=options.without_example)
    content = dump(merged.document)
    found = [one for one in _find(content, options.file, settings)[1] if not one.code]
    if found:  # each is right alone, and together they are not
        faults += [(0, one.error) for one in found]
        merged = merged._replace(added=[], changed=[], gone=[])
    written = bool(merged.added or merged.changed or merged.gone) and not options.dry_run
    accounts: list[str] = []
    if written:
        if target.exists():
            replace_file(target.with_name(BEFORE), before)
        replace_file(target, content)
        accounts = _accounts(settings, merged)
    renamed = [(one.line, one.written, one.key[1]) for one in coming if one.written]
    _tell_import(options, settings, texts, merged, faults, renamed, accounts if written else None)
    return 1 if faults else 0


def _sources(file: Path, faults: list[tuple[int, str]]) -> list[Incoming]:
    try:
        if file.suffix.lower() in {".geojson", ".json"}:
            return read_features(file)
        bad = BadRows()
        found = read_devices(file, bad)
    except CsvError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    faults += [(row.line, row.why) for row in bad]
    return found


def _called(one: Called, texts: Sentences) -> str:
    return texts.pick(one) if isinstance(one, dict) else one


def _accounts(settings: Settings, merged: Merged) -> list[str]:
    """Make the accounts of devices that have none, where the station was made by `patrolgrid init`."""
    station = station_of(settings)
    if station is None:
        return []
    features = merged.document["features"]
    devices = [one["properties"]["id"] for one in features if one["properties"].get("kind") == "device"]
    return station.add_devices(devices)


def _tell_import(
    options: argparse.Namespace,
    settings: Settings,
    texts: Sentences,
    merged: Merged,
    faults: list[tuple[int, str]],
    renamed: list[tuple[int, str, str]],
    accounts: list[str] | None,
) -> None:
    """Say what became of a file.

    `renamed` has (line, what was written, the id that was made of it): a device that speaks under the first is not
    known. `accounts` are those that were made, None where nothing was written.
    """
    if options.json:
        names = {"added": merged.added, "changed": merged.changed, "removed": merged.gone}
        shown = {key: [_called(one, texts) for one in some] for key, some in names.items()} | {"same": merged.same}
        bad = [{"line": line, "why": why} for line, why in sorted(faults)]
        made = [{"line": line, "written": written, "id": own} for line, written, own in renamed]
        print_json({**shown, "ids": made, "accounts": accounts or [], "written": accounts is not None, "bad": bad})
        return
    _print(options.file, [PlaceFinding(line, "", why) for line, why in sorted(faults)], texts)
    for line, written, own in renamed:
        where = texts("places-line", file=str(options.file), line=str(line)) if line else str(options.file)
        print(f"{where}: {texts('places-id', written=safe(written), id=own)}")
    print(texts("places-import", added=len(merged.added), changed=len(merged.changed), same=merged.same))
    if merged.gone:
        print(texts("places-gone", names=", ".join(_called(one, texts) for one in merged.gone)))
    if accounts is not None:
        print(texts("places-written", file=str(settings.places_file), before=BEFORE))
    station = station_of(settings)
    if accounts and station is not None:
        print(texts("places-accounts", names=", ".join(accounts), folder=str(station.secrets / "devices")))
        if tell_broker(station.broker):
            print(texts("init-broker-told"))
