"""How a device gets its account with nothing but a code that works once. Standard library only.

The code on a device's sheet has two halves. The first names the claim: it is the account ``claim.ID`` at the broker,
which may write ``patrolgrid/v1/SITE/claim/claim.ID`` and read ``…/claim/answer/claim.ID``, and nothing else. The second
is the secret (80 bits), which is never sent: the account's password and the keys of both messages are derived from it.
So neither side has to be known beforehand. Who has no code can read nothing and forge nothing, whether the connection
is encrypted or not, and the certificate of the station's authority comes with the answer.

Each message is sealed by encrypt-then-MAC (Bellare and Namprempre, 2000): a fresh nonce of 16 bytes, the text under
HMAC-SHA-256 in counter mode (a pseudo-random function as key stream), and HMAC-SHA-256 over both. Keys are derived by
HMAC as in the expand step of RFC 5869. The answer repeats the request's number, so that an old one is none.
"""

import hashlib
import hmac
import re
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from ingest import topics
from ingest.login import BrokerAddress, parse_address
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session

ACCOUNT: Final = "claim."
"""What the accounts of claims begin with; no id of a device has a point in it."""
_MARK: Final = "PG1"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is read as a digit."""
_MISREAD: Final = str.maketrans("OIL", "011", "- ")
_ID, _SECRET = 6, 16
_CODE: Final = re.compile(rf"[{_ALPHABET}]{{{_ID + _SECRET}}}\Z")
_NONCE, _TAG = 16, 32
_MOST_BYTES: Final = 64 << 10
_STEP_S: Final = 0.1


class ClaimError(ValueError):
    """A code cannot be used, or was refused; the text says why and what to do."""


class Ticket(NamedTuple):
    """What stands on a device's sheet: where the station is, and the code.

    >>> Ticket.parse("PG1/quarter/10.1.2.3:8884/tls/7k3q9m-abcd-efgh-0123-4567").code
    '7K3Q9M-ABCD-EFGH-0123-4567'
    """

    site: str
    broker: str
    """HOST:PORT."""
    tls: bool
    code: str

    @classmethod
    def parse(cls, text: str) -> "Ticket":
        """Return the ticket in the text of a sheet's QR code. Raises `ClaimError`."""
        parts = text.strip().split("/")
        if len(parts) != 5 or parts[0].upper() != _MARK or parts[3] not in {"tls", "plain"}:
            raise ClaimError(
                f"{text[:12]!r}… is no ticket, expected the line of a device's sheet: {_MARK}/SITE/HOST:PORT/tls/CODE"
            )
        if not topics.ID_PATTERN.match(parts[1]):
            raise ClaimError(f"the ticket names the site {parts[1]!r}, expected letters, digits, - and _")
        try:
            parse_address(parts[2])
        except ValueError as error:
            raise ClaimError(str(error)) from error
        return cls(parts[1], parts[2], parts[3] == "tls", _grouped(plain_code(parts[4])))

    def __str__(self) -> str:
        """Return the text of the QR code."""
        return "/".join((_MARK, self.site, self.broker, "tls" if self.tls else "plain", self.code))

    @property
    def account(self) -> str:
        """The claim's account at the broker, and its level in topics."""
        return ACCOUNT + plain_code(self.code)[:_ID].lower()

    def keys(self) -> "ClaimKeys":
        """Return what is derived from the code."""
        code = plain_code(self.code)
        return ClaimKeys.of(
            _hmac(code[_ID:].encode(), "/".join(("patrolgrid-claim-1", self.site, code[:_ID])).encode())
        )


class ClaimKeys(NamedTuple):
    """What both sides derive from a code: the station keeps `master`, and not the code."""

    master: bytes
    password: str
    request: bytes
    answer: bytes

    @classmethod
    def of(cls, master: bytes) -> "ClaimKeys":
        """Return the keys of a master key."""
        password, request, answer = (_hmac(master, word) for word in (b"broker", b"request", b"answer"))
        return cls(master, password.hex()[:32], request, answer)


class ClaimRequest(msgspec.Struct, frozen=True):
    """What a device asks."""

    number: Annotated[str, msgspec.Meta(max_length=64)]
    """Random; the same when it asks again because no answer came."""
    csr: Annotated[str, msgspec.Meta(max_length=16_384)] = ""
    """A certificate signing request (PEM) where it has made a key of its own; else it gets a password."""
    about: dict[str, str] = {}
    """What it tells of itself, for people."""


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What a device is given."""

    site: str
    beat: str
    device: str
    type: str
    host: str
    port: int
    tls: bool
    username: str
    password: str = ""
    """Empty where it has a certificate."""
    certificate: str = ""
    """PEM, for the key of the request."""
    certificate_ends_ms: int = 0
    ca: str = ""
    """The station's authority, PEM; empty without TLS."""
    settings_key: str = ""
    """With what the station signs settings; 64 hexadecimal digits."""
    seal_key: str = ""
    """The line that plates are sealed to; empty where the station takes none."""


class ClaimAnswer(msgspec.Struct, frozen=True):
    """What the station answers."""

    number: str
    """Of the request."""
    enrolment: Enrolment | None = None
    refused: Literal["", "used", "expired", "locked", "gone", "csr", "failed"] = ""


_REFUSED: Final = {
    "used": "this code has been used already; if that was not you, tell the station: somebody else has the account",
    "expired": "this code is too old; `patrolgrid device sheet` at the station makes a new one",
    "locked": "this code was tried too often with a wrong secret; `patrolgrid device sheet` makes a new one",
    "gone": "the device is no longer in the station's places file",
    "csr": "the station does not take this request for a certificate",
    "failed": "the station could not make the account; its log says why; `patrolgrid device sheet` makes a new code",
}


def new_code() -> str:
    """Return a fresh code."""
    return _grouped("".join(secrets.choice(_ALPHABET) for _ in range(_ID + _SECRET)))


def plain_code(text: str) -> str:
    """Return the letters of a code as somebody types it. Raises `ClaimError`.

    >>> plain_code("7k3q9m-abcd-efgh-oil0-4567")
    '7K3Q9MABCDEFGH01104567'
    """
    found = text.upper().translate(_MISREAD)
    if not _CODE.match(found):
        raise ClaimError(f"this is no code: it has {len(found)} letters, expected {_ID + _SECRET} of a device's sheet")
    return found


def seal(key: bytes, text: bytes) -> bytes:
    """Return a message that only `unseal` with the same key reads."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + _mixed(key, nonce, text)
    return sealed + _hmac(_hmac(key, b"mac"), sealed)


def unseal(key: bytes, message: bytes) -> bytes:
    """Return the text in a sealed message. Raises `ClaimError` for one that was changed, or sealed with another key."""
    sealed, tag = message[:-_TAG], message[-_TAG:]
    if not _NONCE + _TAG <= len(message) <= _MOST_BYTES or not hmac.compare_digest(
        tag, _hmac(_hmac(key, b"mac"), sealed)
    ):
        raise ClaimError("a message that was changed on the way, or sealed with another code")
    return _mixed(key, sealed[:_NONCE], sealed[_NONCE:])


def claim(
    ticket: Ticket,
    *,
    csr: str = "",
    about: dict[str, str] | None = None,
    number: str = "",
    timeout_s: float = 30.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Enrolment:
    """Ask the station for the account that a ticket stands for, and return it.

    Parameters
    ----------
    csr
        A certificate signing request (PEM), for a certificate instead of a password.
    about
        What the station's people read of this machine: its name, its version.
    number
        That of a request before, whose answer may have been lost; the station answers it once more.

    Raises
    ------
    ClaimError
        The code was refused, or is none; the text says why.
    ConnectionError
        There is no way to the broker, or no answer: nothing was used up, and it can be tried again.
    """
    keys, number = ticket.keys(), number or secrets.token_hex(16)
    host, port = parse_address(ticket.broker)
    broker = _Unverified(host=host, port=port, username=ticket.account, password=keys.password, tls=ticket.tls)
    request = msgspec.json.encode(ClaimRequest(number, csr, about or {}))
    asked, answered = topics.claim(ticket.site, ticket.account), list[ClaimAnswer]()

    def hear(message: Inbound) -> None:
        try:
            answer = msgspec.json.decode(unseal(keys.answer, message.payload), type=ClaimAnswer)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return  # whoever may write there without the code's secret has said nothing
        if answer.number == number:
            answered.append(answer)

    waiting = MemoryStorage()
    answers = topics.claim_answer(ticket.site, ticket.account)
    session = Session(broker, ticket.account, outbox=Outbox(waiting), filters=(answers,), on_message=hear)
    try:
        session.connect(timeout_s, stopped)
    except ConnectionError as error:
        if session.refused:
            raise ClaimError(
                f"{error}: the code is wrong, too old, or already used up; `patrolgrid device sheet` makes a new one"
            ) from error
        raise
    waiting.put(Outbound(asked, seal(keys.request, request)))
    until = time.monotonic() + timeout_s
    try:
        while not answered and time.monotonic() < until and not stopped():
            session.wait(_STEP_S)
    finally:
        session.close()
    if not answered:
        raise ConnectionError(f"the station at {ticket.broker} does not answer: is its board running there?")
    answer = answered[0]
    if answer.enrolment is None:
        raise ClaimError(_REFUSED.get(answer.refused, _REFUSED["failed"]))
    return answer.enrolment


class _Unverified(BrokerAddress, frozen=True, kw_only=True):
    """A broker that is not known yet: who has the code is told apart by the code, not by a certificate."""

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a context that encrypts, and trusts whoever answers."""
        if not self.tls:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def in_clear(self) -> bool:
        """Tell whether a secret is sent in clear: none is."""
        return False


def _grouped(code: str) -> str:
    return "-".join((code[:_ID], *(code[at : at + 4] for at in range(_ID, len(code), 4))))


def _mixed(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """Return a text combined with the key stream of a nonce: once to seal, once more to open."""
    own = _hmac(key, b"stream")
    stream = b"".join(_hmac(own, nonce + at.to_bytes(4, "big")) for at in range(-(-len(text) // _TAG)))[: len(text)]
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()
