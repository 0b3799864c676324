"""Writes a station's folder, from what is shipped for production with its places replaced.

    FOLDER/patrolgrid.toml    settings; all paths are relative to the folder
    FOLDER/places.geojson     an example
    FOLDER/mosquitto/         the broker's configuration, access lists, password files, what waits
    FOLDER/secrets/           a file a password
    FOLDER/systemd/           the units

Each file is written whole, and only where there is none.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deploy.processes.broker import MOSQUITTO_DIR
from deploy.settings import Settings
from deploy.settings.load import toml
from deploy.settings.sections import Broker
from deploy.station.example_places import example_places
from deploy.station.station_accounts import PID_FILE, add_accounts, add_officers
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file
from ingest.places import PlacesError, load_places
from ingest.places.importing import dump
from ingest.places.place_findings import ACCOUNTS

_UNITS: Final = Path(__file__).parents[1] / "systemd"
_DOCS: Final = Path(__file__).parents[2] / "docs"
BROKER_UNIT, STATION_UNIT = "patrolgrid-broker.service", "patrolgrid.service"
_CONF: Final = "/etc/mosquitto/patrolgrid/"
_TLS_PORT, _CERTIFICATE_PORT = 8884, 8883
_TLS_BLOCKS: Final = re.compile(r"^#listener 888[34]\n(?:#[a-z].{0,200}\n?){1,30}", flags=re.MULTILINE)
_HOMES: Final = ("/home/", "/root/", "/run/user/")
_PLAIN: Final = re.compile(r"[\w./+@-]{1,4096}")


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose of a new station; the rest is as it is shipped."""

    site: str
    name: str
    language: str
    timezone: str
    country: str
    lon: float
    lat: float
    broker_port: int = 1883
    """Of the node's own listener; that of devices is the next one."""
    board_port: int = 8060
    address: str = ""
    """Of this machine in the station's network: devices reach the broker there, people the board. Empty: neither."""


class StationFolder(NamedTuple):
    """Where a station's files are."""

    folder: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "patrolgrid.toml"

    @property
    def places(self) -> Path:
        """The places file."""
        return self.folder / "places.geojson"

    @property
    def broker(self) -> Path:
        """The folder of Mosquitto's files."""
        return self.folder / "mosquitto"

    @property
    def secrets(self) -> Path:
        """The folder of passwords."""
        return self.folder / "secrets"

    @property
    def units(self) -> Path:
        """The folder of systemd units."""
        return self.folder / "systemd"

    def add_devices(self, devices: list[str]) -> list[str]:
        """Make the accounts of devices that have none at the broker, and return these. Raises OSError."""
        users = [device for device in devices if device not in ACCOUNTS]
        return add_accounts(self.broker / "devices.passwd", users, self.secrets / "devices")


def station_of(settings: Settings) -> StationFolder | None:
    """Return the folder that `patrolgrid init` made for these settings; None where the station was set up otherwise."""
    found = StationFolder(settings.places_file.parent)
    return found if (found.broker / "devices.passwd").exists() else None


def tls_port(broker_port: int) -> int:
    """Return the port at which devices in the network reach the broker: the usual one, or with others beside them."""
    return _TLS_PORT if broker_port == Broker().port else broker_port + 2


def certificate_port(broker_port: int) -> int:
    """Return the port at which those reach it that have a certificate."""
    return _CERTIFICATE_PORT if broker_port == Broker().port else broker_port + 3


def check_folder(folder: Path) -> None:
    """Raise ValueError for a folder whose name systemd or Mosquitto would read as something else."""
    if not _PLAIN.fullmatch(str(folder)):
        raise ValueError(f"{folder}: expected a folder of letters, digits, - _ . + @, without blanks")


def write_settings(
    station: StationFolder, choices: Choices, tls: tuple[Path, Path] | None, say: Callable[..., str]
) -> None:
    """Write the settings file.

    `tls` is the board's certificate and its key, `say` gives the sentences of comments.
    """
    sections: dict[str, dict[str, object]] = {
        "site": {
            "id": choices.site,
            "timezone": choices.timezone,
            "language": choices.language,
            "country": choices.country,
            "places": "places.geojson",
        },
        "data": {"dir": "data"},
        "broker": {"port": choices.broker_port, "username": "node", "password_file": "secrets/node.password"},
        "board": {
            "port": choices.board_port,
            "broker_username": "board",
            "broker_password_file": "secrets/board.password",
        },
    }
    if tls is not None:
        certificate, key = (path.relative_to(station.folder) for path in tls)
        sections["board"] |= {"host": choices.address, "tls_cert": str(certificate), "tls_key": str(key)}
    lines = [f"# {line}" for line in say("init-file-settings").splitlines()]
    for section, keys in sections.items():
        lines += ["", f"# {say(f'init-section-{section}')}", f"[{section}]"]
        lines += [f"{key} = {toml(value)}" for key, value in keys.items()]
    _new(station.settings, "\n".join(lines) + "\n", mode=0o640)


def write_places(station: StationFolder, choices: Choices, say: Callable[..., str]) -> bool:
    """Write the example of a places file where there is none; tell whether it was written."""
    document = example_places(choices.name, choices.lon, choices.lat, lambda what: say(f"init-example-{what}"))
    return _new(station.places, dump(document).decode(), mode=0o640)


def write_broker(station: StationFolder, settings: Settings, address: str, user: str) -> list[Path]:
    """Write what is missing of the broker's files, and return it, with the accounts that are missing.

    Parameters
    ----------
    address
        Where devices in the network reach the broker, over TLS; empty: they do not.
    user
        Whose process it is.
    """
    folder = station.broker
    (folder / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
    shipped = {name: (MOSQUITTO_DIR / name).read_text(encoding="utf-8") for name in ("patrolgrid.acl", "devices.acl")}
    texts = {**shipped, "patrolgrid.conf": _conf(folder, settings.broker.port, address, user)}
    made = [folder / name for name, text in texts.items() if _new(folder / name, text, mode=0o600)]
    if add_accounts(folder / "patrolgrid.passwd", ["node", "board"], station.secrets):
        made.append(folder / "patrolgrid.passwd")
    officers = list(roster_of(settings.patrol).officers)
    others = ["console", *officers]
    if add_officers(folder / "devices.acl", officers) and folder / "devices.acl" not in made:
        made.append(folder / "devices.acl")
    new = add_accounts(folder / "devices.passwd", others, station.secrets / "devices")
    if new + station.add_devices(_devices(station.places)):
        made.append(folder / "devices.passwd")
    return made


def _devices(path: Path) -> list[str]:
    """Return the devices of the places file; none where it cannot be read, which the doctor tells."""
    try:
        return list(load_places(path).devices)
    except (PlacesError, OSError):
        return []


def _conf(folder: Path, port: int, address: str, user: str) -> str:
    """Return the shipped configuration with this station's places."""
    text = (MOSQUITTO_DIR / "patrolgrid.conf").read_text(encoding="utf-8")
    mark = "# Each line below"
    head = f"# Mosquitto of this station, made by `patrolgrid init`:\n#   mosquitto -c {folder}/patrolgrid.conf\n{mark}"
    text = head + text.partition(mark)[2]
    text = text.replace("/var/lib/mosquitto/", f"{folder}/data/").replace(_CONF, f"{folder}/")
    text = text.replace("listener 1883 ", f"listener {port} ").replace("listener 1884 ", f"listener {port + 1} ")
    if address:
        text = _TLS_BLOCKS.sub(lambda found: found[0].replace("#", ""), text)
        for shipped, here in ((_TLS_PORT, tls_port(port)), (_CERTIFICATE_PORT, certificate_port(port))):
            text = text.replace(f"listener {shipped}\n", f"listener {here} {address}\n")
    # Started by root it would become the user `mosquitto`, whose the folder is not.
    own = f"# Whose process it is, and where it says which.\nuser {user}\npid_file {folder / PID_FILE}\n"
    return text.replace("# --- What it tells", f"{own}\n# --- What it tells")


def write_units(station: StationFolder, user: str) -> list[Path]:
    """Write the systemd units that are missing, for this folder, this program and a user; return them."""
    made = []
    for name in (BROKER_UNIT, STATION_UNIT):
        text = (_UNITS / name).read_text(encoding="utf-8")
        if _new(station.units / name, _unit(text, station.folder, user), mode=0o644):
            made.append(station.units / name)
    return made


def _unit(text: str, folder: Path, user: str) -> str:
    program = Path(sys.executable).with_name("patrolgrid")
    command = str(program) if program.exists() else f"{sys.executable} -m console.cli"
    for shipped, here in (
        ("User=patrolgrid", f"User={user}"),
        ("User=mosquitto", f"User={user}"),
        ("/opt/patrolgrid/.venv/bin/patrolgrid", command),
        ("/opt/patrolgrid/docs", str(_DOCS)),
        ("/etc/patrolgrid/patrolgrid.toml", f"{folder}/patrolgrid.toml"),
        ("/etc/patrolgrid/secrets.env", f"{folder}/secrets/secrets.env"),
        (_CONF, f"{folder}/mosquitto/"),
        ("WorkingDirectory=/var/lib/patrolgrid", f"WorkingDirectory={folder}"),
        (" mosquitto.service", f" {BROKER_UNIT}"),
        ("StateDirectory=patrolgrid patrolgrid.keys\nStateDirectoryMode=0700", f"ReadWritePaths={folder}"),
        ("StateDirectory=mosquitto", f"ReadWritePaths={folder}/mosquitto"),
    ):
        text = text.replace(shipped, here)
    rest = text.partition("[Unit]")[2]
    if any(f"{path}/".startswith(_HOMES) for path in (folder, program)):
        rest = rest.replace("ProtectHome=yes", "ProtectHome=read-only")
    return f"# Made by `patrolgrid init` for {folder}.\n[Unit]{rest}"


def _new(path: Path, text: str, *, mode: int) -> bool:
    """Write a file where there is none; tell whether it was written."""
    if path.exists():
        return False
    replace_file(path, text.encode(), mode=mode, create_only=True)
    return True
