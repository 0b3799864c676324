"""``patrolgrid device``: puts devices in, moves, replaces and retires them, with accounts and a sheet for each."""

import argparse
import getpass
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, print_json, print_table, safe, settings_of_site, texts_of
from console.devices.claim_book import CLAIMS, ClaimBook, give_out
from console.devices.credentials import Credentials
from console.devices.device_list import BEFORE, DeviceList
from console.devices.device_sheet import Way, device_sheet
from console.devices.waiting import Unbound, waiting
from console.errors import CommandError
from console.people.audit import Audit
from console.people.people_file import PeopleFile, has_file
from console.people.pki import PkiError, read_certificate
from deploy.settings import Settings
from deploy.station.station_accounts import accounts_of
from deploy.station.station_files import station_of
from ingest import topics
from ingest.clock import wall_ms
from ingest.codecs.bindings import Binding
from ingest.files import replace_file
from ingest.places import DEVICE_TYPES, Device, Point
from stream.sentences.catalogue import Sentences

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
    "list": "show devices, how they connect, and what waits for approval",
    "sheet": "make a technician's page with a code that works once",
}
_HOURS: Final = 7 * 24.0
_MOST_HOURS: Final = 90 * 24.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions, children = parser.add_subparsers(dest="action", required=True, metavar="ACTION"), {}
    for name, summary in _SUMMARIES.items():
        children[name] = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(children[name], site=True)
    for name in ("add", "replace", "retire", "move", "sheet"):
        children[name].add_argument("id", metavar="ID", help="the device's id: in topics, and its account")
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
        "--hours", type=float, default=_HOURS, metavar="N", help="how long the code works (default: 168)"
    )
    child.add_argument("--account", action="store_true", help="user name and password on the page, and no code")
    child.add_argument("--out", type=Path, metavar="FILE", help="the page (default: ID.sheet.html here)")


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Raises `CommandError`, `PkiError`."""
    settings, site = settings_of_site(options, new=True)
    work = _Work(settings, DeviceList(settings), texts_of(options, settings), site.folder)
    if options.action == "list":
        return _list(options, work)
    if options.action != "approve":
        device = options.id
    match options.action:
        case "add":
            work.devices.add(device, options.type, at=_point(options.at), beat=options.beat, name=options.name)
            work.begin(device)
        case "approve":
            device = _approve(options, work)
        case "move":
            beat = work.devices.move(device, at=_point(options.at), beat=options.beat)
            print(work.texts("device-moved", device=device, beat=beat, topic=work.topic(device)))
        case "replace":
            work.known(device)
            work.credentials().take(device, options.why)
            ClaimBook(work.claims).end(device)
            work.credentials().give_password(device)
            print(work.texts("device-replaced", device=device))
        case "retire":
            work.devices.remove(device)
            work.retire(device, options.why)
            print(work.texts("device-retired", device=device, before=BEFORE))
        case _:
            work.known(device)
    work.note(f"device-{options.action}", device, why=getattr(options, "why", ""))
    if options.action == "sheet" or getattr(options, "sheet", False):
        _sheet(options, work, device)
    return 0


@dataclass(frozen=True, slots=True)
class _Work:
    """What all actions need."""

    settings: Settings
    devices: DeviceList
    texts: Sentences
    site_dir: Path

    @property
    def claims(self) -> Path:
        """The file of codes."""
        return self.settings.plate_key_file.with_name(CLAIMS)

    def credentials(self) -> Credentials:
        """Return the accounts. Raises `PkiError` where `init` has made none."""
        return Credentials.of(self.settings)

    def known(self, device: str) -> Device:
        """Return a device. Raises `CommandError`."""
        found = self.devices.places.devices.get(device)
        if found is None:
            raise CommandError(f"there is no device {device!r}; `patrolgrid device list` shows who there is")
        return found

    def topic(self, device: str) -> str:
        """Return where a device publishes."""
        return topics.observations(self.settings.site.id, self.known(device).beat, device)

    def begin(self, device: str) -> None:
        """Make a new device's account, and say where it publishes."""
        print(self.texts("device-added", device=device, beat=self.known(device).beat, topic=self.topic(device)))
        station = station_of(self.settings)
        if station is None:
            print(self.texts("device-by-hand", device=device))
            return
        station.add_devices([device])
        self.credentials().tell()
        print(self.texts("device-account", device=device, file=str(self.credentials().password_file(device))))

    def retire(self, device: str, why: str) -> None:
        """Take a device's account away, where there are accounts."""
        if station_of(self.settings) is not None:
            ClaimBook(self.claims).end(device)
            self.credentials().take(device, why)

    def note(self, what: str, device: str, **detail: object) -> None:
        """Write into the audit log, where the site has one."""
        if not has_file(self.site_dir):
            return
        with closing(PeopleFile(self.site_dir)) as file:
            said = {key: value for key, value in detail.items() if value}
            Audit(file).note(f"cli:{getpass.getuser()}", what, device, **said)


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


def _approve(options: argparse.Namespace, work: _Work) -> str:
    """Take in something that waits; return the device that it is, or belongs to."""
    found = waiting(work.site_dir, work.devices.places)
    if not 1 <= options.number <= len(found):
        raise CommandError(
            f"nothing waits under the number {options.number}; `patrolgrid device list --waiting` shows what does"
        )
    one = found[options.number - 1]
    device = str(options.to or options.id or one.calls_itself)
    if not device or (options.id and options.to):
        raise CommandError("expected --id ID for a new device, or --to ID for one that is there", 2)
    if one.native and device != one.calls_itself:
        raise CommandError(f"it speaks as {one.calls_itself!r}; another id has to be set in the device itself", 2)
    bindings = [] if one.native else [Binding(one.codec, device, one.match, one.part)]
    if options.to:
        work.known(device)
        for binding in bindings:
            work.devices.bind(device, binding)
        print(work.texts("device-bound", device=device, what=safe(one.shown)))
        return device
    kind = options.type or one.guess
    if not kind:
        raise CommandError(f"nobody can tell what {one.shown} is, expected --type {', '.join(DEVICE_TYPES)}", 2)
    beat = options.beat or ("" if options.at else one.beat)
    work.devices.add(device, kind, at=_point(options.at), beat=beat, name=options.name or one.name, bindings=bindings)
    work.begin(device)
    return device


def _list(options: argparse.Namespace, work: _Work) -> int:
    places, texts = work.devices.places, work.texts
    strange = waiting(work.site_dir, places)
    rows = [] if options.waiting else _rows(work)
    if options.json:
        print_json({"devices": rows, "waiting": [one.document(number) for number, one in enumerate(strange, 1)]})
        return 0
    if rows:
        names = ("id", "type", "beat", "connects", "days", "code")
        ways = [" + ".join(texts(f"device-by-{one}") for one in row["connects"].split(" + ") if one) for row in rows]
        told = [{**row, "connects": way} for row, way in zip(rows, ways, strict=True)]
        shown = [[row[name] if row[name] is not None else "" for name in names] for row in told]
        print_table([texts(f"device-col-{name}") for name in names], shown)
    if strange:
        print(texts("device-waiting"))
        zone = ZoneInfo(work.settings.site.timezone)
        header = [texts(f"device-col-{name}") for name in ("number", "codec", "match", "part", "guess", "via", "last")]
        print_table(header, [[number, *_cells(one, zone)] for number, one in enumerate(strange, 1)])
    elif options.waiting:
        print(texts("device-none-waiting"))
    return 0


def _cells(one: Unbound, zone: ZoneInfo) -> list[str]:
    last = f"{datetime.fromtimestamp(one.last_ms / 1000, zone):%m-%d %H:%M}"
    return [safe(text) for text in (one.codec, one.match, one.part, one.guess, one.device, last)]


def _rows(work: _Work) -> list[dict[str, Any]]:
    """Return what is told of each device."""
    station, now = station_of(work.settings), wall_ms()
    accounts = accounts_of(station.broker / "devices.passwd") if station is not None else set[str]()
    certificates = work.credentials().certificates.newest() if station is not None else {}
    codes = {one.device for one in ClaimBook(work.claims).all() if one.is_open(now)}
    rows = []
    for device in work.devices.places.devices.values():
        issued = certificates.get(device.id)
        ways = [name for name, has in (("certificate", issued), ("password", device.id in accounts)) if has]
        rows.append(
            {
                "id": device.id, "type": device.type, "beat": device.beat, "connects": " + ".join(ways),
                "days": issued.days_left(now) if issued is not None else None,
                "code": work.texts("device-open") if device.id in codes else "",
            }
        )  # fmt: skip
    return rows


def _sheet(options: argparse.Namespace, work: _Work, device: str) -> None:
    """Write a technician's page."""
    if not 0 < options.hours <= _MOST_HOURS:
        raise CommandError(f"--hours {options.hours:g}: expected more than 0 and at most {_MOST_HOURS:g}", 2)
    credentials, texts, settings = work.credentials(), work.texts, work.settings
    way, until = _way(options, work, credentials, device)
    found = work.known(device)
    name = texts.pick(work.devices.places.name) if work.devices.places.name else settings.site.id
    fingerprint = read_certificate(credentials.station.broker / "ca.crt").fingerprint if way.tls else ""
    page = device_sheet(
        found, work.devices.places.beats[found.beat], name, work.topic(device), way, fingerprint, texts.language
    )
    out = cast("Path", options.out or Path(f"{device}.sheet.html"))
    replace_file(out, page.encode(), mode=0o600)
    print(texts("device-sheet", file=str(out)))
    if until:
        print(texts("device-code", code=way.code, until=until, ticket=way.ticket))


def _way(options: argparse.Namespace, work: _Work, credentials: Credentials, device: str) -> tuple[Way, str]:
    """Return what brings a device in, and until when, as people read it; empty for good."""
    if options.account:
        file, door = credentials.password_file(device), credentials.door()
        if not file.exists() or device not in credentials.accounts():
            raise PkiError(f"{file}: device {device!r} has no password; `patrolgrid device replace` makes one")
        password = file.read_text(encoding="utf-8").strip()
        return Way(host=door.host, port=door.port, tls=door.tls, username=device, password=password), ""
    for path, lines in credentials.outdated().items():
        raise PkiError(
            f"{path}: is of an earlier version and lets no code be used, it lacks {lines[0]!r}; move it away, call "
            f"`patrolgrid init {credentials.station.folder}` and restart the broker"
        )
    ticket, claim = give_out(credentials, ClaimBook(work.claims), work.settings.site.id, device, options.hours)
    until = f"{datetime.fromtimestamp(claim.ends_ms / 1000, ZoneInfo(work.settings.site.timezone)):%Y-%m-%d %H:%M}"
    door = credentials.door()
    return Way(str(ticket), ticket.code, until, door.host, door.port, door.tls), until
