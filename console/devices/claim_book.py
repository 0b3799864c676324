"""Which codes are out: for which device, until when, and whether one was used. One file, for its owner's eyes only."""

from pathlib import Path
from typing import Final

import msgspec

from console.devices.credentials import Credentials
from console.people.pki import PkiError, write_private
from deploy.station.station_accounts import remove_accounts, set_account
from ingest.clock import wall_ms
from ingest.edge.claim import Ticket, new_code
from ingest.files import locked

CLAIMS: Final = "claims.json"
"""Name of the file, in the folder of the site's keys."""
MOST_WRONG: Final = 5
"""Requests with a wrong secret, after which a code is worth nothing."""
_KEPT_MS: Final = 90 * 86_400_000
"""How long a used or old one is known, so that who comes with it is told what it was."""


class OpenClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was given out."""

    account: str
    device: str
    master: bytes
    """What the keys are derived from (`ingest.edge.claim.ClaimKeys.of`); the code itself is kept nowhere."""
    made_ms: int
    ends_ms: int
    used_ms: int = 0
    number: str = ""
    """Of the request that used it: the same one may ask again."""
    wrong: int = 0

    def is_open(self, now_ms: int) -> bool:
        """Tell whether it can still be used."""
        return not self.used_ms and self.wrong < MOST_WRONG and now_ms < self.ends_ms


class ClaimBook:
    """The codes of a site; several processes may use it at once. All methods raise `PkiError` and OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[OpenClaim]:
        """Return all that are known, oldest first."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[OpenClaim])
        except FileNotFoundError:
            return []
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PkiError(f"{self.path}: the list of codes cannot be read: {error}") from error

    def find(self, account: str) -> OpenClaim | None:
        """Return the code of an account."""
        return next((one for one in self.all() if one.account == account), None)

    def add(self, claim: OpenClaim) -> list[OpenClaim]:
        """Write a new code, and return those that it ends: unused ones of the same device."""
        with locked(self.path):
            now = wall_ms()
            known = [one for one in self.all() if one.ends_ms > now - _KEPT_MS]
            ended = [one for one in known if one.device == claim.device and one.is_open(now)]
            kept = [msgspec.structs.replace(one, ends_ms=now) if one in ended else one for one in known]
            self._write([*kept, claim])
            return ended

    def end(self, device: str) -> list[OpenClaim]:
        """Let no code of a device be used any more; return those that could be."""
        with locked(self.path):
            now, known = wall_ms(), self.all()
            ended = [one for one in known if one.device == device and one.is_open(now)]
            if ended:
                self._write([msgspec.structs.replace(one, ends_ms=now) if one in ended else one for one in known])
            return ended

    def use(self, account: str, number: str, now_ms: int) -> bool:
        """Note that a code is used, by the request of a number; tell whether it was the first."""
        with locked(self.path):
            known = self.all()
            found = next((one for one in known if one.account == account and one.is_open(now_ms)), None)
            if found is None:
                return False
            used = msgspec.structs.replace(found, used_ms=now_ms, number=number)
            self._write([used if one is found else one for one in known])
            return True

    def wrong(self, account: str) -> None:
        """Note a request with a wrong secret."""
        with locked(self.path):
            known = self.all()
            self._write(
                [msgspec.structs.replace(one, wrong=one.wrong + 1) if one.account == account else one for one in known]
            )

    def _write(self, known: list[OpenClaim]) -> None:
        lines = b",\n".join(map(msgspec.json.encode, known))
        write_private(self.path, b"[" + lines + b"]\n")


def give_out(
    credentials: Credentials, book: ClaimBook, site: str, device: str, hours: float
) -> tuple[Ticket, OpenClaim]:
    """Make a code for a device, with its account at the broker, and return the ticket for its sheet.

    Codes of the device that were not used are worth nothing from now on. Raises `PkiError`, OSError.
    """
    door, now = credentials.door(), wall_ms()
    ticket = Ticket(site, str(door), door.tls, new_code())
    keys = ticket.keys()
    claim = OpenClaim(
        account=ticket.account, device=device, master=keys.master, made_ms=now, ends_ms=now + round(hours * 3_600_000)
    )
    remove_accounts(credentials.passwords, [one.account for one in book.add(claim)])
    set_account(credentials.passwords, ticket.account, keys.password)
    credentials.tell()
    return ticket, claim
