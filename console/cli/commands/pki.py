"""``patrolgrid pki``: the site's certificate authority, the board's certificate, and those of devices."""

import argparse
import ipaddress
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from console.common import add_settings_arguments, print_json, print_table, settings_and_texts
from console.devices.credentials import Credentials
from console.devices.device_certificates import DEVICE_DAYS, DeviceCertificates, Issued
from console.errors import CommandError
from console.people.pki import Certificate, Pki, PkiError, own_names, read_certificate
from deploy.settings import Settings
from deploy.station.station_files import station_of
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid pki init                                    for this machine's own names and addresses
  patrolgrid pki init --name board.station.example --address 10.1.2.3
  patrolgrid pki show                                    what phones are to trust, and until when
  patrolgrid pki issue cam-07                            a certificate for a device, and a key
  patrolgrid pki issue cam-07 --csr cam-07.csr           for a key that stays in the device
  patrolgrid pki renew cam-07                            for the key that it has
  patrolgrid pki revoke cam-07 --why stolen              the broker lets it in no more, and ends its connection
  patrolgrid pki list

`init` makes the authority once, and the board's certificate anew each time. The board renews its certificate by itself,
30 days before its end. What phones are given is ca.crt; docs/security.md tells how. Keep ca.key secret. A device with
an edge agent gets its certificate by a code instead (`patrolgrid device sheet`).
"""
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_MOST_CSR: Final = 64 << 10
_SUMMARIES: Final = {
    "init": "make the authority, and the board's certificate",
    "show": "tell what there is",
    "issue": "make a certificate for a device",
    "renew": "make a device's certificate anew, for the key that it has",
    "revoke": "let a device's certificates be accepted no more",
    "list": "show the certificates of devices",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions, children = parser.add_subparsers(dest="action", required=True, metavar="ACTION"), {}
    for name, text in _SUMMARIES.items():
        children[name] = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(children[name])
        children[name].add_argument(
            "--dir", type=Path, metavar="DIR", help="folder of the files (default: tls beside the keys)"
        )
    for name in ("init", "show", "list"):
        children[name].add_argument("--json", action="store_true", help="print JSON")
    for name in ("issue", "renew", "revoke"):
        children[name].add_argument("device", metavar="DEVICE", help="the device's id, which is its account")
    for name in ("issue", "renew"):
        children[name].add_argument(
            "--days", type=int, default=DEVICE_DAYS, metavar="N", help="how long it is good for (default: 825)"
        )
    children["issue"].add_argument("--csr", type=Path, metavar="FILE", help="a request (PEM) that the device has made")
    children["revoke"].add_argument("--why", default="", metavar="TEXT", help="stolen, lost, exchanged …")
    child = children["init"]
    child.add_argument("--name", action="append", default=[], metavar="NAME", help="a name of the board")
    child.add_argument("--address", action="append", default=[], metavar="ADDR", help="an address of the board")
    child.add_argument("--only", action="store_true", help="only these: not those that this machine knows itself")


def run(options: argparse.Namespace) -> int:
    """Make or show certificates. Raises `CommandError` for a wrong name, `PkiError` for files of no use."""
    settings, texts = settings_and_texts(options)
    pki = Pki(options.dir or settings.plate_key_file.with_name("tls"))
    if options.action not in {"init", "show"}:
        return _of_devices(options, settings, pki, texts)
    made = options.action == "init" and _init(options, settings, pki)
    if not pki.board.exists():
        raise CommandError(texts("pki-none", folder=pki.folder))
    board, authority = read_certificate(pki.board), read_certificate(pki.authority)
    if options.json:
        print_json(
            {
                "made": made,
                "authority": str(pki.authority),
                "fingerprint": authority.fingerprint,
                "authority_ends": authority.ends.isoformat(),
                "certificate": str(pki.board),
                "key": str(pki.board_key),
                "ends": board.ends.isoformat(),
                "names": board.names,
                "addresses": board.addresses,
            }
        )
    else:
        _tell(pki, authority, board, texts, made=made)
        if settings.board.tls_cert is None or settings.board.tls_cert.resolve() != pki.board.resolve():
            _tell_settings(pki, texts)
    return 0


def _init(options: argparse.Namespace, settings: Settings, pki: Pki) -> bool:
    names, addresses = ([], []) if options.only else own_names()
    names += [*settings.board.hosts, *options.name]
    addresses += options.address
    wrong = [one for one in names if not _NAME.fullmatch(one)]
    if wrong:
        raise CommandError(f"{wrong[0]!r} is no name of a host, expected letters, digits, dots and hyphens", 2)
    try:
        addresses = [str(ipaddress.ip_address(one)) for one in addresses]
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    if not names and not addresses:
        raise CommandError("--only without --name or --address leaves the board without a name", 2)
    made = pki.make_authority(settings.site.id, names)
    pki.issue_board(list(dict.fromkeys(names)), list(dict.fromkeys(addresses)))
    return made


def _tell(pki: Pki, authority: Certificate, board: Certificate, texts: Sentences, *, made: bool) -> None:
    print(
        texts("pki-authority" if made else "pki-authority-known", file=pki.authority, ends=f"{authority.ends:%Y-%m-%d}")
    )
    print("  " + authority.fingerprint)
    shown = ", ".join((*board.names, *board.addresses))
    print(texts("pki-board", file=pki.board, ends=f"{board.ends:%Y-%m-%d}", names=shown))


def _tell_settings(pki: Pki, texts: Sentences) -> None:
    print(texts("pki-settings"))
    print(
        f'  [board]\n  host = "0.0.0.0"\n  tls_cert = "{pki.board.resolve()}"\n  tls_key = "{pki.board_key.resolve()}"'
    )


def _of_devices(options: argparse.Namespace, settings: Settings, pki: Pki, texts: Sentences) -> int:
    """Issue, renew, revoke or list; the station's broker is told where `init` has made it."""
    if not pki.authority.exists():
        raise CommandError(texts("pki-none", folder=pki.folder))
    credentials = Credentials.of(settings) if station_of(settings) is not None and options.dir is None else None
    certificates = credentials.certificates if credentials is not None else DeviceCertificates(pki)
    if options.action == "list":
        return _list(options, certificates, texts)
    if options.action == "revoke":
        revoke = credentials.revoke if credentials is not None else certificates.revoke
        gone = revoke(options.device, options.why)
        if not gone:
            raise CommandError(f"device {options.device!r} has no certificate that could be revoked")
        print(texts("pki-revoked", device=options.device, count=len(gone)))
        if credentials is None:
            print(texts("pki-list-file", file=certificates.revoked))
        return 0
    if not 1 <= options.days <= 10 * 366:
        raise CommandError(f"--days {options.days}: expected 1 to 3660", 2)
    if options.action == "renew":
        made = certificates.renew(options.device, days=options.days)
    else:
        if credentials is not None:
            credentials.door(certificates=True)
        made = certificates.issue(options.device, _csr(options.csr), days=options.days)
    if credentials is not None:
        credentials.tell()
    _tell_issued(certificates, made, credentials, texts)
    return 0


def _csr(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_bytes()[:_MOST_CSR].decode("ascii", "replace")
    except OSError as error:
        raise PkiError(f"{path}: {error.strerror}") from error


def _tell_issued(
    certificates: DeviceCertificates, made: Issued, credentials: Credentials | None, texts: Sentences
) -> None:
    print(texts("pki-issued", device=made.device, ends=_day(made.ends_ms)))
    print(f"  {certificates.certificate(made.device)}")
    if certificates.key(made.device).exists():
        print(f"  {certificates.key(made.device)}")
    if credentials is not None:
        print(f"  {credentials.station.broker / 'ca.crt'}")
        print(texts("pki-connect", address=str(credentials.door(certificates=True))))


def _list(options: argparse.Namespace, certificates: DeviceCertificates, texts: Sentences) -> int:
    found = certificates.all()
    newest = certificates.newest()
    if options.json:
        print_json([_document(one, newest) for one in found])
        return 0
    if not found:
        print(texts("pki-no-devices"))
    header = [texts(f"pki-col-{name}") for name in ("device", "serial", "ends", "state")]
    print_table(header, [[one.device, one.serial[:16], _day(one.ends_ms), _state(one, newest, texts)] for one in found])
    return 0


def _document(one: Issued, newest: dict[str, Issued]) -> dict[str, Any]:
    said = {"device": one.device, "serial": one.serial, "days": one.days_left(), "ends": _day(one.ends_ms)}
    return {**said, "revoked": bool(one.revoked_ms), "why": one.why, "newest": newest.get(one.device) == one}


def _state(one: Issued, newest: dict[str, Issued], texts: Sentences) -> str:
    if one.revoked_ms:
        return texts("pki-state-revoked", why=one.why or "-")
    if one.days_left() < 0:
        return texts("pki-state-over")
    return texts("pki-state-days", days=one.days_left()) if newest.get(one.device) == one else texts("pki-state-older")


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"
