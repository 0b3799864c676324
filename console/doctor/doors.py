"""The doctor on the board: its accounts, its certificate, its port, its account at the broker."""

import socket
from contextlib import closing
from typing import Final

from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from console.people.rights import may
from deploy.settings import Settings
from ingest.login import is_loopback
from ingest.setup.extras import MissingExtraError, load
from ingest.sqlite import StorageError

CERTIFICATE_DAYS: Final = 21
"""The board renews a certificate of the site's own authority 30 days before its end: below this it did not."""


def reach(settings: Settings) -> list[Finding]:
    """Tell whether those reach the board who should: its accounts, its certificate, its account at the broker."""
    board = settings.board
    if not board.enabled:
        return [ok("off")]
    accounts, found = False, list[Finding]()
    try:
        accounts, found = _accounts(settings)
    except MissingExtraError as error:
        found.append(fail("", "packages-do", error=str(error)))
    except (StorageError, OSError) as error:
        found.append(fail("", "people-do", error=str(error)))
    if not is_loopback(board.host) and not board.fenced and not (accounts and board.tls_cert):
        found.append(fail("open", "open-do", host=board.host))
    found += _certificate(settings)
    if accounts and settings.broker.mode == "external" and settings.broker.username and not board.broker_username:
        found.append(warn("account", "account-do", user=settings.broker.username))
    return or_ok(found, "accounts" if accounts else "alone", host=board.host)


def _accounts(settings: Settings) -> tuple[bool, list[Finding]]:
    """Tell whether there are accounts, and what is wrong with them. Raises StorageError for a file that is damaged."""
    folder = settings.site_dir
    people = load("console.people.people").People(folder)
    if not people.anybody():  # also raises where the file is gone and its key is there
        return False, []
    with closing(people.file):
        answers = any(may(person, "acknowledge") for person in people.all())
    return True, [] if answers else [warn("nobody", "nobody-do")]


def _certificate(settings: Settings) -> list[Finding]:
    cert, key = settings.board.tls_cert, settings.board.tls_key
    if cert is None or key is None:
        return []
    try:
        pki = load("console.people.pki")
        pki.Certified(cert, key)
        days = pki.read_certificate(cert).days_left()
    except MissingExtraError as error:
        return [fail("", "packages-do", error=str(error))]
    except (ValueError, OSError) as error:
        return [fail("", "bad-do", error=str(error))]
    if days >= CERTIFICATE_DAYS:
        return []
    return [warn("soon", "soon-do", days=days) if days >= 0 else fail("over", "soon-do", days=days)]


def ports(settings: Settings) -> Finding:
    """Look whether the board can listen where it is to."""
    board, shown = settings.board, {"port": str(settings.board.port), "host": settings.board.host}
    if not board.enabled:
        return ok("off")
    if why := _refusal(board.host, 0):
        return fail("address", "address-do", error=why, **shown)
    if not _refusal(board.host, board.port):
        return ok("ok", **shown)
    url = settings.site_dir / "board.url"
    ours = url.is_file() and f":{board.port}" in url.read_text(encoding="utf-8", errors="replace")
    return ok("ours", **shown) if ours else warn("taken", "do", **shown)


def _refusal(host: str, port: int) -> str:
    """Return why nobody can listen there, as the board would; empty where one can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""
