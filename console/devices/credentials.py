"""What a device connects with: given, renewed and taken away, at the Mosquitto of a station that `init` has made.

A change is in the files first and told to the running broker then (SIGHUP: accounts, rights, revoked certificates). A
connection that is there already outlives that, so who loses an account is thrown out: whoever connects under a client
id takes its connection, and only the node's own listener lets an account choose one.
"""

import contextlib
import ipaddress
import logging
from pathlib import Path
from typing import Final, NamedTuple

from console.devices.device_certificates import DeviceCertificates, Issued
from console.people.pki import Pki, PkiError, own_names
from deploy.processes.broker import MOSQUITTO_DIR
from deploy.settings import Settings
from deploy.station.station_accounts import (
    CONF,
    PROBE,
    accounts_of,
    listeners_of,
    remove_accounts,
    renew_account,
    tell_broker,
)
from deploy.station.station_files import StationFolder, station_of
from ingest.files import replace_file
from ingest.login import BrokerAddress, is_loopback
from ingest.mqtt import Session

_LOG: Final = logging.getLogger(__name__)
_THROW_S: Final = 5.0
_NO_CERTIFICATES: Final = (
    "has no listener for devices with certificates; move it away and call `patrolgrid init`, where broker and board "
    "have TLS (--address)"
)
_NO_PASSWORDS: Final = "has no listener for devices with passwords; move it away and call `patrolgrid init`"
_LISTS: Final = ("patrolgrid.acl", "devices.acl")
CRL: Final = "devices.crl"


class Door(NamedTuple):
    """A listener of the broker at which devices connect."""

    host: str
    port: int
    tls: bool
    certificates: bool
    """Whether it takes certificates; else passwords."""

    def __str__(self) -> str:
        """Return the address as people write it."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Credentials:
    """The accounts and certificates of a station's devices.

    Parameters
    ----------
    station, tls
        The station's folder, and the folder of its authority.
    login
        The node's or the board's account at the broker: what throws a connection out.
    """

    def __init__(self, station: StationFolder, tls: Path, login: BrokerAddress) -> None:
        self.station, self.pki, self._login = station, Pki(tls), login
        self.certificates = DeviceCertificates(self.pki)
        self.passwords, self._secrets = station.broker / "devices.passwd", station.secrets / "devices"

    @classmethod
    def of(cls, settings: Settings, login: BrokerAddress | None = None) -> "Credentials":
        """Return those of a site, with the node's `login` by default.

        Raises `PkiError` where the station was not made by `patrolgrid init`.
        """
        station = station_of(settings)
        if station is None:
            raise PkiError(
                f"{settings.places_file.parent}: is no folder that `patrolgrid init` has made, expected mosquitto/"
                "devices.passwd in it; accounts of another broker are made there"
            )
        return cls(station, settings.plate_key_file.with_name("tls"), settings.broker if login is None else login)

    def doors(self) -> list[Door]:
        """Return the listeners for devices, those in the network first. Raises OSError."""
        doors = []
        for one in listeners_of(self.station.broker / CONF):
            port, _, host = one["listener"].partition(" ")
            if one.get("use_username_as_clientid") == "true" and port.isdecimal():
                certificates = one.get("require_certificate") == "true"
                doors.append(Door(_reached(host), int(port), "certfile" in one, certificates))
        return sorted(doors, key=lambda door: (is_loopback(door.host) and not door.tls, door.port))

    def door(self, *, certificates: bool = False) -> Door:
        """Return where a device connects. Raises `PkiError` where there is no such listener."""
        for one in self.doors():
            if one.certificates == certificates:
                return one
        conf = self.station.broker / CONF
        raise PkiError(f"{conf}: {_NO_CERTIFICATES}" if certificates else f"{conf}: {_NO_PASSWORDS}")

    def give_password(self, device: str) -> str:
        """Give a device a fresh password, and return it; the one before is worth nothing. Raises OSError."""
        password = renew_account(self.passwords, device, self._secrets)
        self.tell()
        return password

    def give_certificate(self, device: str, csr: str = "") -> Issued:
        """Give a device a certificate, for the key of a request or with one of its own. Raises `PkiError`, OSError."""
        self.door(certificates=True)
        found = self.certificates.issue(device, csr)
        self.tell()
        return found

    def revoke(self, device: str, why: str = "") -> list[Issued]:
        """Revoke a device's certificates and end its connection; return them. Raises `PkiError`, OSError."""
        gone = self.certificates.revoke(device, why) if self.pki.authority.exists() else []
        self.tell()
        if gone:
            self._throw_out(device)
        return gone

    def take(self, device: str, why: str) -> None:
        """Take away all that a device connects with, and end its connection. Raises `PkiError`, OSError."""
        remove_accounts(self.passwords, [device])
        (self._secrets / f"{device}.password").unlink(missing_ok=True)
        if self.pki.authority.exists():
            self.certificates.revoke(device, why)
        self.tell()
        self._throw_out(device)

    def accounts(self) -> set[str]:
        """Return who has a password."""
        return accounts_of(self.passwords) - {PROBE}

    def password_file(self, device: str) -> Path:
        """Return the file of a device's password."""
        return self._secrets / f"{device}.password"

    def authority(self) -> str:
        """Return the certificate that devices know the broker by, PEM; empty where there is none."""
        handed = self.station.broker / "ca.crt"
        return handed.read_text(encoding="ascii") if handed.exists() else ""

    def tell(self) -> bool | None:
        """Bring the revocation list to the broker, and let it read its files anew: as `tell_broker`. Raises OSError."""
        if self.certificates.revoked.exists():
            content, there = self.certificates.revoked.read_bytes(), self.station.broker / CRL
            if not there.exists() or there.read_bytes() != content:
                replace_file(there, content, mode=0o644)
        told = tell_broker(self.station.broker)
        if told is False:
            _LOG.error("%s: the broker does not read its accounts; is it another user's?", self.station.broker)
        return told

    def outdated(self) -> dict[Path, list[str]]:
        """Return the access lists that an earlier version has made, with the rules that they lack."""
        lacking = {
            own: _missing(shipped, own)
            for shipped, own in ((MOSQUITTO_DIR / name, self.station.broker / name) for name in _LISTS)
        }
        return {path: lines for path, lines in lacking.items() if lines}

    def _throw_out(self, device: str) -> None:
        session = Session(self._login, device)
        try:
            session.connect(_THROW_S)
        except (ConnectionError, OSError, ValueError) as error:
            _LOG.warning("%s: whether it is still connected is not known: %s", device, error)
        session.close()


def _reached(host: str) -> str:
    """Return the address at which devices reach a listener: of one that listens everywhere this machine's first."""
    with contextlib.suppress(ValueError):
        host = "" if ipaddress.ip_address(host).is_unspecified else host
    if host:
        return host
    return next((one for one in own_names()[1] if not is_loopback(one)), "127.0.0.1")


def _missing(shipped: Path, own: Path) -> list[str]:
    try:
        known = _rules(own)
    except OSError as error:
        return [str(error.strerror)]
    return [line for line in _rules(shipped) if line not in known]


def _rules(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]
