"""The doctor on who may connect: the broker's access lists, devices' certificates, and what was revoked."""

from pathlib import Path
from typing import Final

from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from deploy.processes.broker import MOSQUITTO_DIR
from deploy.settings import Settings
from deploy.station.station_files import station_of
from ingest.setup.extras import MissingExtraError, load

_LISTS: Final = ("patrolgrid.acl", "devices.acl")


def admission(settings: Settings) -> list[Finding]:
    """Look at what the broker of a station that `init` has made goes by, and how long certificates are good."""
    station = station_of(settings)
    if station is None:
        return [ok("none")]
    found = [
        fail("rules", "rules-do", file=station.broker / name, folder=station.folder, lines="; ".join(lines))
        for name in _LISTS
        if (lines := _missing(MOSQUITTO_DIR / name, station.broker / name))
    ]
    try:
        credentials = load("console.devices.credentials").Credentials.of(settings)
        newest = credentials.certificates.newest()
    except (MissingExtraError, ValueError, OSError) as error:
        return [*found, fail("bad", "bad-do", error=str(error))]
    days = {device: one.days_left() for device, one in newest.items()}
    soon = load("console.devices.device_certificates").SOON_DAYS
    over = sorted(device for device, left in days.items() if left < 0)
    ending = sorted(f"{device} ({left})" for device, left in days.items() if 0 <= left < soon)
    if over:
        found.append(fail("over", "soon-do", names=", ".join(over)))
    if ending:
        found.append(warn("soon", "soon-do", names=", ".join(ending)))
    revoked, there = credentials.certificates.revoked, station.broker / "devices.crl"
    if revoked.exists() and (not there.exists() or there.read_bytes() != revoked.read_bytes()):
        found.append(fail("revoked", "revoked-do", file=there, own=revoked))
    return or_ok(found, "ok", count=len(days), accounts=len(credentials.accounts()))


def _missing(shipped: Path, own: Path) -> list[str]:
    """Return the rules of the shipped list that a station's has not: it was made by an earlier version."""
    try:
        known = _rules(own)
    except OSError as error:
        return [str(error.strerror)]
    return [line for line in _rules(shipped) if line not in known]


def _rules(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]
