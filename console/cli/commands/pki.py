"""``patrolgrid pki``: the site's certificate authority and the board's certificate, so that phones reach the board."""

import argparse
import ipaddress
import re
from pathlib import Path
from typing import Final

from console.common import add_settings_arguments, print_json, settings_and_texts
from console.errors import CommandError
from console.people.pki import Certificate, Pki, own_names, read_certificate
from deploy.settings import Settings
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid pki init                                    for this machine's own names and addresses
  patrolgrid pki init --name board.station.example --address 10.1.2.3
  patrolgrid pki show                                    what phones are to trust, and until when

`init` makes the authority once, and the board's certificate anew each time. The board renews its certificate by itself,
30 days before its end. What phones are given is ca.crt; docs/security.md tells how. Keep ca.key secret.
"""
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("init", "make the authority, and the board's certificate"), ("show", "tell what there is")):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--dir", type=Path, metavar="DIR", help="folder of the files (default: tls beside the keys)")
        child.add_argument("--json", action="store_true", help="print JSON")
        if name == "init":
            child.add_argument("--name", action="append", default=[], metavar="NAME", help="a name of the board")
            child.add_argument("--address", action="append", default=[], metavar="ADDR", help="an address of the board")
            child.add_argument(
                "--only", action="store_true", help="only these: not those that this machine knows itself"
            )


def run(options: argparse.Namespace) -> int:
    """Make or show the certificates. Raises `CommandError` for a wrong name, `PkiError` for files of no use."""
    settings, texts = settings_and_texts(options)
    pki = Pki(options.dir or settings.plate_key_file.with_name("tls"))
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
    print(texts("pki-settings"))
    print(
        f'  [board]\n  host = "0.0.0.0"\n  tls_cert = "{pki.board.resolve()}"\n  tls_key = "{pki.board_key.resolve()}"'
    )
