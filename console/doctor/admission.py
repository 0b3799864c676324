"""The doctor on who may connect: the broker's access lists, devices' certificates, and what was revoked."""

from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from deploy.settings import Settings
from deploy.station.station_files import station_of
from ingest.setup.extras import MissingExtraError, load


def admission(settings: Settings) -> list[Finding]:
    """Look at what the broker of a station that `init` has made goes by, and how long certificates are good."""
    station = station_of(settings)
    if station is None:
        return [ok("none")]
    found = list[Finding]()
    try:
        credentials = load("console.devices.credentials").Credentials.of(settings)
        found += [
            fail("rules", "rules-do", file=path, folder=station.folder, lines="; ".join(lines))
            for path, lines in credentials.outdated().items()
        ]
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
