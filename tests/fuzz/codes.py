"""What somebody may send to the desk for codes, or type as one: tickets, sealed messages, requests for certificates."""

from __future__ import annotations

import base64
import contextlib
import json
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from console.devices.claim_book import ClaimBook, OpenClaim
from console.devices.claim_desk import ClaimDesk
from console.devices.credentials import Credentials
from console.devices.device_certificates import requested_key
from console.people.pki import PkiError
from deploy.station.station_files import StationFolder
from ingest.edge.claim import ClaimError, ClaimKeys, Ticket, new_code, seal
from ingest.login import BrokerAddress
from tests.fuzz.mutations import damaged, nasty_bytes

if TYPE_CHECKING:
    from tests.fuzz.entries import Entry, Take

END = 1 << 60


class _Notes:
    def note(self, by: str, what: str, about: str = "", **detail: object) -> int:
        del by, what, about, detail
        return 0


@contextlib.contextmanager
def codes() -> Iterator[Entry]:
    """Everything that reads what comes with a code."""
    key = ec.generate_private_key(ec.SECP256R1())
    good = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    der = good.public_bytes(Encoding.DER)
    ticket = Ticket("s", "10.1.2.3:8884", tls=True, code=new_code())
    keys = ticket.keys()
    request = {"number": "0" * 32, "csr": _pem(der), "about": {"host": "pi-1"}}
    from tests.fuzz.entries import _folder

    with _folder() as folder:
        book = ClaimBook(folder / "claims.json")
        claim = OpenClaim(account=ticket.account, device="cam-1", master=keys.master, made_ms=1, ends_ms=END)
        login = BrokerAddress(port=1)
        desk = ClaimDesk(
            "s", Credentials(StationFolder(folder), folder, login), book, places=lambda: None,
            keys_of=lambda _device: ("", ""), login=login, audit=_Notes(),
        )  # fmt: skip

        def one(rng: random.Random) -> Take:
            kind = rng.random()
            if kind < 0.3:
                text = damaged(rng, str(ticket).encode(), 3).decode("utf-8", "replace")
                return lambda: _ticket(text)
            if kind < 0.6:
                csr = _pem(damaged(rng, der, 3)) if rng.random() < 0.8 else nasty_bytes(rng, request).decode("latin-1")
                return lambda: _request(csr)
            asked = nasty_bytes(rng, request) if rng.random() < 0.7 else json.dumps(request).encode()
            sealed = seal(keys.request, asked)
            sealed = damaged(rng, sealed, 2) if rng.random() < 0.3 else sealed
            if claim not in book.all():
                book._write([claim])  # open again: five wrong ones would be the end of it

            def answered() -> None:
                answer = desk._answer(ticket.account, sealed)
                assert answer is None or len(answer) < 1_000

            return answered

        yield one


def _pem(der: bytes) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def _ticket(text: str) -> None:
    with contextlib.suppress(ClaimError):
        ClaimKeys.of(Ticket.parse(text).keys().master)


def _request(csr: str) -> None:
    with contextlib.suppress(PkiError):
        requested_key(csr)
