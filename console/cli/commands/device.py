"""``patrolgrid device``: puts devices in, moves, replaces and retires them, with accounts and a sheet for each."""

import argparse
import getpass
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, print_json, print_table, safe, settings_of_site, texts_of
from console.devices.registry import CODE_HOURS, Registry, Row
from console.devices.waiting import Unbound
from console.errors import CommandError
from console.people.audit import Audit
from console.people.people_file import PeopleFile, has_file
from ingest.files import replace_file
from ingest.places import DEVICE_TYPES, Point
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import ENGLISH

EXAMPLES: Final = """\
examples:
  patrolgrid device add cam-07 --type camera --at 121.47,31.23 --sheet
  patrolgrid device list --waiting                       what speaks and is not known yet, with a guess
  patrolgrid device approve 1 --id door-03 --beat old-market
  patrolgrid device approve 2 --to cam-07                more of a device that is there
  patrolgrid device sheet cam-07                         the technician's page with a code that works once
  patrolgrid device sheet cam-07 --account               for what cannot take a code: its user name and password
  patrolgrid device replace cam-07 --sheet               the old one gets in no more; a code for the new one
  patrolgrid device move cam-07 --at 121.471,31.231
  patrolgrid device name cam-07 "East gate" --chinese 东门
  patrolgrid device retire cam-07

Each changes the site's places file, which running nodes follow, and the accounts at the broker that `patrolgrid init`
has made. A sheet is a page for a browser's printer; whoever has it has the code, until that is used or ends.
"""
_SUMMARIES: Final = {
    "add": "put a device into the places file, with an account",
    "approve": "take in what waits: as a new device, or as a part of one that is there",
    "replace": "take the account of a device away and make a fresh one: it was stolen, lost or exchanged",
    "retire": "take a device out, with its account and certificates",
    "move": "put a device to another place or beat",
    "name": "say what people call a device",
    "list": "show devices, how they connect, and what waits for approval",
    "sheet": "make a technician's page with a code that works once",
}
_CHINESE: Final = "zh-CN"
_COLUMNS: Final = ("id", "type", "beat", "connects", "days", "code")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions, children = parser.add_subparsers(dest="action", required=True, metavar="ACTION"), {}
    for name, summary in _SUMMARIES.items():
        children[name] = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(children[name], site=True)
    for name in ("add", "replace", "retire", "move", "name", "sheet"):
        children[name].add_argument("id", metavar="ID", help="the device's id: in topics, and its account")
    children["name"].add_argument("name", metavar="NAME", help="its name: in English, or in all languages")
    children["name"].add_argument("--chinese", default="", metavar="NAME", help="its name in Chinese")
    children["add"].add_argument("--type", required=True, choices=DEVICE_TYPES, help="what it is")
    approve = children["approve"]
    approve.add_argument("number", type=int, metavar="NUMBER", help="as `device list --waiting` shows it")
    approve.add_argument("--id", metavar="ID", help="what the new device is to be called")
    approve.add_argument("--to", metavar="ID", help="a device that is there: this is one more of its parts")
    approve.add_argument("--type", choices=DEVICE_TYPES, help="what it is (default: the guess)")
    for name in ("add", "approve", "move"):
        children[name].add_argument("--at", metavar="LON,LAT", help="where it is, in degrees (WGS 84)")
        children[name].add_argument("--beat", default="", metavar="ID", help="its beat (default: the one it stands in)")
    for name in ("add", "approve"):
        children[name].add_argument("--name", default="", metavar="NAME", help="what people call it (default: the id)")
    for name in ("add", "approve", "replace"):
        children[name].add_argument("--sheet", action="store_true", help="make the technician's page, too")
    for name in ("add", "approve", "replace", "sheet"):
        _sheet_arguments(children[name])
    for name in ("replace", "retire"):
        children[name].add_argument("--why", default="", metavar="TEXT", help="for the audit log: stolen, broken …")
    children["list"].add_argument("--waiting", action="store_true", help="only what waits for approval")
    children["list"].add_argument("--json", action="store_true", help="print JSON")


def _sheet_arguments(child: argparse.ArgumentParser) -> None:
    child.add_argument(
        "--hours", type=float, default=CODE_HOURS, metavar="N", help="how long the code works (default: 168)"
    )
    child.add_argument("--account", action="store_true", help="user name and password on the page, and no code")
    child.add_argument("--out", type=Path, metavar="FILE", help="the page (default: ID.sheet.html here)")


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Raises `CommandError`, `PkiError`."""
    settings, site = settings_of_site(options, new=True)
    by = f"cli:{getpass.getuser()}"
    texts, registry = texts_of(options, settings), Registry(settings, site.folder, by, partial(_note, site.folder, by))
    if options.action == "list":
        return _list(options, registry, texts)
    device = "" if options.action == "approve" else str(options.id)
    match options.action:
        case "add":
            registry.add(device, options.type, at=_point(options.at), beat=options.beat, name=options.name)
            _tell_added(registry, texts, device)
        case "approve":
            device = _approve(options, registry, texts)
        case "move":
            beat = registry.move(device, at=_point(options.at), beat=options.beat)
            print(texts("device-moved", device=device, beat=beat, topic=registry.topic(device)))
        case "name":
            registry.rename(device, {ENGLISH: options.name, _CHINESE: options.chinese or options.name})
            print(texts("device-named", device=device, name=safe(texts.pick(registry.known(device).name))))
        case "replace":
            registry.replace(device, options.why)
            print(texts("device-replaced", device=device))
        case "retire":
            registry.retire(device, options.why)
            print(texts("device-retired", device=device))
    if options.action == "sheet" or getattr(options, "sheet", False):
        _sheet(options, registry, texts, device)
    return 0


def _note(site_dir: Path, by: str, what: str, device: str, detail: Mapping[str, object]) -> None:
    """Write into the audit log, where the site has one."""
    if has_file(site_dir):
        with closing(PeopleFile(site_dir)) as file:
            Audit(file).note(by, what, device, **detail)


def _tell_added(registry: Registry, texts: Sentences, device: str) -> None:
    """Say where a new device publishes, and how it gets in."""
    topic = registry.topic(device)
    print(texts("device-added", device=device, beat=registry.known(device).beat, topic=topic))
    if registry.has_accounts:
        print(texts("device-account", device=device, file=str(registry.credentials().password_file(device))))
    else:
        print(texts("device-by-hand", device=device))


def _point(text: str | None) -> Point | None:
    """Return the position that an option names. Raises `CommandError`."""
    if text is None:
        return None
    try:
        lon, lat = map(float, text.replace("，", ",").split(","))
    except ValueError:
        lon = lat = 1e9
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise CommandError(f"--at {text!r}: expected longitude and latitude in degrees, such as 121.47,31.23", 2)
    return lon, lat


def _approve(options: argparse.Namespace, registry: Registry, texts: Sentences) -> str:
    """Take in something that waits; return the device that it is, or belongs to."""
    found = registry.waiting()
    if not 1 <= options.number <= len(found):
        raise CommandError(
            f"nothing waits under the number {options.number}; `patrolgrid device list --waiting` shows what does"
        )
    if options.id and options.to:
        raise CommandError("expected --id ID for a new device, or --to ID for one that is there", 2)
    one = found[options.number - 1]
    device = registry.approve(
        one, device=options.to or options.id or "", there=bool(options.to), kind=options.type or "",
        at=_point(options.at), beat=options.beat, name=options.name,
    )  # fmt: skip
    if options.to:
        print(texts("device-bound", device=device, what=safe(one.shown)))
    else:
        _tell_added(registry, texts, device)
    return device


def _list(options: argparse.Namespace, registry: Registry, texts: Sentences) -> int:
    strange = registry.waiting()
    rows = [] if options.waiting else [_shown(row, texts) for row in registry.rows()]
    if options.json:
        print_json({"devices": rows, "waiting": [one.document(number) for number, one in enumerate(strange, 1)]})
        return 0
    if rows:
        ways = [" + ".join(texts(f"device-by-{one}") for one in row["connects"].split(" + ") if one) for row in rows]
        told = [{**row, "connects": way} for row, way in zip(rows, ways, strict=True)]
        shown = [["" if row[name] is None else row[name] for name in _COLUMNS] for row in told]
        print_table([texts(f"device-col-{name}") for name in _COLUMNS], shown)
    if strange:
        print(texts("device-waiting"))
        zone = ZoneInfo(registry.settings.site.timezone)
        header = [texts(f"device-col-{name}") for name in ("number", "codec", "match", "part", "guess", "via", "last")]
        print_table(header, [[number, *_cells(one, zone)] for number, one in enumerate(strange, 1)])
    elif options.waiting:
        print(texts("device-none-waiting"))
    return 0


def _shown(row: Row, texts: Sentences) -> dict[str, Any]:
    code = texts("device-open") if row.code_until_ms else ""
    return {
        "id": row.id, "type": row.type, "beat": row.beat, "connects": " + ".join(row.connects), "days": row.days,
        "code": code,
    }  # fmt: skip


def _cells(one: Unbound, zone: ZoneInfo) -> list[str]:
    last = f"{datetime.fromtimestamp(one.last_ms / 1000, zone):%m-%d %H:%M}"
    return [safe(text) for text in (one.codec, one.match, one.part, one.guess, one.device, last)]


def _sheet(options: argparse.Namespace, registry: Registry, texts: Sentences, device: str) -> None:
    """Write a technician's page."""
    sheet = registry.sheet(device, texts, hours=options.hours, account=options.account)
    out = cast("Path", options.out or Path(f"{device}.sheet.html"))
    replace_file(out, sheet.page.encode(), mode=0o600)
    print(texts("device-sheet", file=str(out)))
    if sheet.until:
        print(texts("device-code", code=sheet.code, until=sheet.until, ticket=sheet.ticket))
