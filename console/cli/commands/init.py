"""``patrolgrid init``: makes a station's folder, and says what comes next."""

import argparse
import getpass
import ipaddress
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from console.common import time_zone_here
from console.devices.credentials import CRL
from console.devices.device_certificates import DeviceCertificates
from console.errors import CommandError
from console.people.people import People, Person
from console.people.pki import Pki, is_private, own_names
from deploy.settings import Settings, load_settings, with_values
from deploy.settings.sections import BoardSettings, Broker
from deploy.station import station_files
from deploy.station.example_places import zone_hint
from deploy.station.station_accounts import CONF, tell_broker
from deploy.station.station_files import Choices, StationFolder
from ingest.files import replace_file
from ingest.setup.extras import load
from ingest.setup.settings import SettingsError
from ingest.topics import ID_PATTERN, observations
from stream.config import Site
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES, language_of

EXAMPLES: Final = """\
examples:
  patrolgrid init                                        asks, and makes the folder `station`
  patrolgrid init --yes                                  takes what it would propose
  patrolgrid init station --yes --site qingwu --name 青梧所 --at 121.47,31.23
  patrolgrid init station --address 10.1.2.3             devices and phones reach this machine there, over TLS
  patrolgrid init station                                later: accounts for devices that have come

What is there is never overwritten: a second call makes what is missing. README.md goes through all of it.
"""
_SHANGHAI: Final = ("", 121.4667, 31.2333)
_OF_SETTINGS: Final = ("site", "name", "timezone", "country", "at", "address", "broker_port", "board_port")
"""Options that only a settings file that is not there yet can take."""
_LINK_S: Final = 24 * 3600.0
_FIRST: Final = "camera-01"
_LAST_PORT: Final = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("station"), metavar="FOLDER", help="default: station"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: take options, and defaults for the rest")
    parser.add_argument("--site", metavar="ID", help="the site's name in topics and files (default: station-1)")
    parser.add_argument("--name", metavar="NAME", help="what people call it")
    parser.add_argument("--timezone", metavar="ZONE", help="such as Asia/Shanghai (default: this machine's)")
    parser.add_argument("--country", metavar="CODE", help="whose holidays count (default: the time zone's)")
    parser.add_argument("--at", metavar="LON,LAT", help="where the station is: the example is drawn around it")
    parser.add_argument(
        "--address", metavar="ADDR", help="this machine's address for devices and phones (default: this machine only)"
    )
    parser.add_argument("--chief", metavar="'ID NAME'", help="the first account (default: chief)")
    parser.add_argument(
        "--broker-port", type=int, metavar="PORT", help="of the node (default: 1883); devices: the next"
    )
    parser.add_argument("--board-port", type=int, metavar="PORT", help="default: 8060")
    parser.add_argument("--lang", choices=LANGUAGES, help="language of the station (default: that of LANG)")


class _Answers(NamedTuple):
    """Where answers come from: the options, a person, or the defaults."""

    options: argparse.Namespace
    texts: Sentences

    def get(self, name: str, default: str, check: Callable[[str], object]) -> str:
        """Return a checked answer. Raises `CommandError` for an option that is wrong."""
        given = getattr(self.options, name)
        if given is not None or self.options.yes:
            text = default if given is None else given
            try:
                check(text)
            except ValueError as error:
                raise CommandError(f"--{name} {text!r}: {error}", 2) from error
            return text
        while True:
            try:
                text = input(f"{self.texts(f'init-ask-{name}')} [{default or '-'}] ").strip() or default
            except EOFError as error:
                raise CommandError("no answer; nothing was made", 2) from error
            text = "" if text == "-" else text
            try:
                check(text)
            except ValueError as error:
                print(f"  {self.texts.told(str(error))}")
            else:
                return text


def run(options: argparse.Namespace) -> int:
    """Make what is missing of a station's folder. Raises `CommandError`."""
    folder = options.folder.resolve()
    try:
        station_files.check_folder(folder)
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    station = StationFolder(folder)
    before = _read(station.settings) if station.settings.exists() else None
    texts = Sentences(language_of(options.lang, None if before is None else before.site.language))
    answers = _Answers(options, texts)
    given = [f"--{name.replace('_', '-')}" for name in _OF_SETTINGS if getattr(options, name) is not None]
    if before is not None and given:
        raise CommandError(texts("init-kept", file=str(station.settings), options=", ".join(given)), 2)
    if before is None and not options.yes and not sys.stdin.isatty():
        raise CommandError("there is nobody to ask here; --yes takes the defaults", 2)
    choices = _choices(answers) if before is None else None
    site_dir = station.folder / "data" / choices.site if choices is not None else _read(station.settings).site_dir
    nobody = not People(site_dir).anybody()
    if options.chief is not None and not nobody:
        raise CommandError(
            "--chief is for the first account, and there are accounts; `patrolgrid people add` makes more", 2
        )
    account = _account(answers.get("chief", texts("init-chief"), _account)) if nobody else None
    made = [] if choices is None else _begin(station, choices, texts)
    settings, user = _read(station.settings), getpass.getuser()
    address = settings.board.host if settings.board.tls_cert is not None else ""
    if address and not (station.broker / CONF).exists():
        made += _network(station, settings, address)
    made += station_files.write_broker(station, settings, address, user)
    made += station_files.write_units(station, user)
    link = "" if account is None else _first_account(settings, *account)
    _tell(station, settings, made, link, texts)
    if user == "root":
        print(texts("init-root"), file=sys.stderr)
    return 0


def _begin(station: StationFolder, choices: Choices, texts: Sentences) -> list[Path]:
    """Write what a new station begins with; return it. Raises `PkiError` for an address that is not private."""
    pki, made = Pki(station.folder / "data.keys" / choices.site / "tls"), []
    if choices.address:
        made += _certificates(choices, pki)
    station_files.write_settings(station, choices, (pki.board, pki.board_key) if choices.address else None, texts)
    made.append(station.settings)
    if station_files.write_places(station, choices, texts):
        made.append(station.places)
    return made


def _read(path: Path) -> Settings:
    """Return what the station's file says; the environment is whoever's who calls this."""
    return load_settings(path, {})


def _choices(answers: _Answers) -> Choices:
    options, texts = answers.options, answers.texts
    broker_port, board_port = _ports(options)
    site = answers.get("site", "station-1", lambda text: _checked("id", text))
    name = answers.get("name", site, _some)
    here = time_zone_here()
    here = Site().timezone if here == "UTC" and texts.language == "zh-CN" else here  # a machine that nobody told
    zone = answers.get("timezone", here, lambda text: _checked("timezone", text))
    country, lon, lat = zone_hint(zone) or _SHANGHAI
    country = answers.get("country", country if _has_holidays(country) else "", _country)
    at = answers.get("at", f"{lon:g},{lat:g}", _position)
    lon, lat = _position(at)
    address = answers.get("address", "", _address)
    return Choices(
        site=site, name=name, language=texts.language, timezone=zone, country=country, lon=lon, lat=lat,
        broker_port=broker_port, board_port=board_port, address=address,
    )  # fmt: skip


def _ports(options: argparse.Namespace) -> tuple[int, int]:
    """Return the node's port at the broker and the board's. Raises `CommandError` for what nobody can listen at."""
    broker = Broker().port if options.broker_port is None else options.broker_port
    board = BoardSettings().port if options.board_port is None else options.board_port
    taken = (broker, broker + 1, station_files.tls_port(broker), station_files.certificate_port(broker))
    for name, port, last in (("broker", broker, max(taken)), ("board", board, board)):
        if port < 1 or last > _LAST_PORT:
            raise CommandError(f"--{name}-port {port}: expected a port from 1 to {_LAST_PORT - last + port}", 2)
    if board in taken:
        raise CommandError(f"--board-port {board}: that is a port of the broker, which has {sorted(set(taken))}", 2)
    return broker, board


def _checked(key: str, text: str) -> None:
    """Raise ValueError for what a key of [site] cannot be."""
    try:
        with_values(Settings(), site={key: text})
    except SettingsError as error:  # it names the command line, where somebody may just have answered a question
        raise ValueError(str(error).partition(": ")[2]) from error


def _some(text: str) -> None:
    if not text.strip() or not text.isprintable():
        raise ValueError("expected a name")


def _has_holidays(country: str) -> bool:
    try:
        _country(country)
    except ValueError:
        return False
    return True


def _country(text: str) -> None:
    if text:
        _checked("country", text)
        load("models.calendar").Calendar("UTC", text)


def _position(text: str) -> tuple[float, float]:
    parts = text.replace("，", ",").split(",")
    try:
        lon, lat = map(float, parts)
    except ValueError:
        lon = lat = 1e9
    if not (abs(lon) <= 180 and abs(lat) <= 85):
        raise ValueError("expected longitude and latitude in degrees, such as 121.47,31.23")
    return lon, lat


def _address(text: str) -> None:
    if text and not is_private(text):
        raise ValueError("expected an address of a closed network, such as 10.1.2.3")


def _account(text: str) -> tuple[str, str]:
    """Return id and name of an account."""
    identifier, _, name = text.strip().partition(" ")
    if not ID_PATTERN.match(identifier):
        raise ValueError("expected an id of letters, digits, - and _, and behind a blank a name, such as: wang 王磊")
    return identifier, name.strip() or identifier


def _certificates(choices: Choices, pki: Pki) -> list[Path]:
    """Make the authority and the board's certificate, where others are to reach it. Raises `PkiError`."""
    names, addresses = own_names()
    addresses = list(dict.fromkeys([choices.address, *addresses]))
    pki.make_authority(choices.site, names)
    pki.issue_board(names, addresses)
    return [pki.board]


def _network(station: StationFolder, settings: Settings, address: str) -> list[Path]:
    """Write what the broker needs for devices in the network, as far as it is missing. Raises `PkiError`.

    Also for a station that was opened later, by `patrolgrid pki init` and the settings of the board.
    """
    pki, certificate, handed = Pki(settings.plate_key_file.with_name("tls")), "server.crt", "ca.crt"
    names, addresses = own_names()
    try:
        if not ipaddress.ip_address(address).is_unspecified:
            addresses = list(dict.fromkeys([address, *addresses]))
    except ValueError:
        names.append(address)
    pki.make_authority(settings.site.id, names)
    made = [station.broker / name for name in (certificate, handed) if not (station.broker / name).exists()]
    if station.broker / certificate in made:
        pki.issue_broker(
            (station.broker / certificate, station.broker / "server.key"), pki.speaks_for(names), addresses
        )
    if station.broker / handed in made:
        replace_file(station.broker / handed, pki.authority.read_bytes(), mode=0o644)
    certificates = DeviceCertificates(pki)
    certificates.publish()  # Mosquitto does not start without the list
    replace_file(station.broker / CRL, certificates.revoked.read_bytes(), mode=0o644)
    return made


def _first_account(settings: Settings, identifier: str, name: str) -> str:
    """Make the first account, of the head of the station; return a link that sets its password."""
    people, by = People(settings.site_dir), f"cli:{getpass.getuser()}"
    with closing(people.file):
        people.add(Person(identifier, name, "chief", settings.site.language), by)
        token = people.link(identifier, "password", _LINK_S, by=by)
    board = settings.board
    scheme = "http" if board.tls_cert is None else "https"
    return f"{scheme}://{board.host}:{board.port}/go#{token}"


def _tell(station: StationFolder, settings: Settings, made: list[Path], link: str, texts: Sentences) -> None:
    """Say what was made, and what comes next."""
    if not made and not link:
        print(texts("init-nothing", folder=station.folder))
        return
    print(texts("init-made", folder=station.folder, site=settings.site.id, zone=settings.site.timezone))
    for path in made:
        print(f"  {path.relative_to(station.folder)}")
    if tell_broker(station.broker):
        print(texts("init-broker-told"))
    if not link:
        return
    program = sys.argv[0] if sys.argv[0].endswith("patrolgrid") else "patrolgrid"
    topic = observations(settings.site.id, "old-market", _FIRST)
    word = '{"type":"count","ts":\'$(date +%s)\',"interval_s":60,"in":12,"out":9,"of":"person"}'
    steps = {
        "start": [
            "sudo systemctl disable --now mosquitto",
            f"sudo cp {station.units}/*.service /etc/systemd/system/",
            "sudo systemctl daemon-reload",
            "sudo systemctl enable --now patrolgrid-broker patrolgrid",
        ],
        "try": [
            f"/usr/sbin/mosquitto -c {station.broker}/patrolgrid.conf",
            f"{program} up --config {station.settings}",
        ],
        **({"trust": [str(station.broker / "ca.crt")]} if settings.board.tls_cert is not None else {}),
        "sign-in": [link],
        "doctor": [f"{program} doctor --config {station.settings}"],
        "device": [
            f"mosquitto_pub -p {settings.broker.port + 1} -u {_FIRST} -q 1 -t {topic} \\",
            f"  -P \"$(cat {station.secrets}/devices/{_FIRST}.password)\" -m '{word}'",
        ],
        "people": [f"{program} people add ID NAME --role duty --config {station.settings}"],
        "places": [f"{program} places import FILE.csv --without-example --config {station.settings}"],
    }
    print()
    print(texts("init-next"))
    for number, (step, lines) in enumerate(steps.items(), 1):
        print(f"{number}. {texts(f'init-step-{step}')}")
        for line in lines:
            print(f"     {line}")
