"""Answers codes that work once: gives the device that has one its password or certificate, and nobody else.

Runs in the board's process, at stations whose broker `patrolgrid init` has made. What a code stands for is in
`ClaimBook`; `ingest.edge.claim` has the messages. Whatever is refused is in the audit log.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from console.devices.claim_book import MOST_WRONG, ClaimBook, OpenClaim
from console.devices.credentials import Credentials
from console.people.pki import PkiError
from deploy.station.station_accounts import remove_accounts
from ingest import topics
from ingest.clock import wall_ms
from ingest.edge.claim import ClaimAnswer, ClaimKeys, ClaimRequest, Enrolment, seal, unseal
from ingest.health import CERTIFICATE_DAYS
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session
from ingest.places import Device, Places

_LOG: Final = logging.getLogger(__name__)
_AGAIN_MS: Final = 3_600_000
"""So long after its answer the same request is answered again: the answer may have been lost."""
_NOTED: Final = 10
"""Refusals of one code in the audit log; the rest only counts."""
_TURN_MS: Final = 60_000
_ABOUT: Final = 200


class Noting(Protocol):
    """The audit log (`console.people.audit.Audit`)."""

    def note(self, by: str, what: str, about: str = "", **detail: object) -> int:
        """Add an entry."""


class ClaimDesk:
    """Listens at the broker from `start` to `stop`; `turn` does what is due by the clock.

    Parameters
    ----------
    site, credentials, book
        Whose devices; what they get; the codes.
    places
        Returns the places in force: in which beat a device is.
    keys_of
        Returns what signs a device's settings, and what plates are sealed to; each may be empty.
    login, audit
        The board's account at the broker, and the audit log.
    """

    def __init__(
        self,
        site: str,
        credentials: Credentials,
        book: ClaimBook,
        *,
        places: Callable[[], Places | None],
        keys_of: Callable[[Device], tuple[str, str]],
        login: BrokerAddress,
        audit: Noting,
    ) -> None:
        self._site, self._credentials, self._book, self._places = site, credentials, book, places
        self._keys_of, self._audit = keys_of, audit
        self._noted: Counter[str] = Counter()
        self._turned_ms = 0
        self._waiting = MemoryStorage()
        self._session = Session(
            login, f"desk-{site}-{uuid.uuid4().hex[:8]}", outbox=Outbox(self._waiting, keep_refused=False),
            filters=(topics.claim(site, "+"),), on_message=self._hear, backoff_s=(1.0, 15.0),
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        self._session.start()

    def stop(self) -> None:
        """End, after what is under way."""
        self._session.close()

    @property
    def up(self) -> bool:
        """Whether it is connected and listens."""
        return self._session.up

    def turn(self, now_ms: int | None = None) -> None:
        """Take the accounts of old codes away, and tell whose certificate is about to end; once a minute."""
        now_ms = wall_ms() if now_ms is None else now_ms
        try:
            if abs(now_ms - self._turned_ms) >= _TURN_MS:
                self._turned_ms = now_ms
                self._sweep(now_ms)
                self._tell_certificates(now_ms)
        except (PkiError, OSError) as error:
            _LOG.error("codes and certificates of devices: %s", error)

    def _sweep(self, now_ms: int) -> None:
        known = self._credentials.accounts()
        old = [one.account for one in self._book.all() if now_ms >= one.ends_ms and one.account in known]
        if old:
            remove_accounts(self._credentials.passwords, old)
            self._credentials.tell()

    def _tell_certificates(self, now_ms: int) -> None:
        """Tell it in the name of the devices: an alert is raised, and is over when nobody tells it any more."""
        days = {name: one.days_left(now_ms) for name, one in self._credentials.certificates.newest().items()}
        ending = [device for device, left in days.items() if left <= CERTIFICATE_DAYS]
        places = self._places() if ending and self.up else None
        for device in ending:
            at = None if places is None else places.devices.get(device)
            if at is not None:
                payload = msgspec.json.encode({"certificate_days": days[device]})
                self._waiting.put(Outbound(topics.health(self._site, at.beat, device), payload))
        self._session.wake()

    def _hear(self, message: Inbound) -> None:
        """Answer a request; runs in the session's thread."""
        account = message.topic.decode("utf-8", "replace").rpartition("/")[2]
        try:
            answer = self._answer(account, message.payload)
        except (OSError, ValueError, LookupError) as error:  # the session's thread carries the next request, too
            _LOG.error("the code %s cannot be answered: %s", account, error)
            return
        if answer is not None:
            self._waiting.put(Outbound(topics.claim_answer(self._site, account), answer))
            self._session.wake()

    def _answer(self, account: str, payload: bytes) -> bytes | None:
        """Return the sealed answer to a request; None to what is not even one of somebody who has the code."""
        claim, now_ms = self._book.find(account), wall_ms()
        if claim is None:
            self._refuse(account, "", "unknown")
            return None
        keys = ClaimKeys.of(claim.master)
        try:
            request = msgspec.json.decode(unseal(keys.request, payload), type=ClaimRequest)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            if claim.wrong < MOST_WRONG:
                self._book.wrong(account)
            self._refuse(account, claim.device, "secret")
            return None
        answer = self._decide(claim, request, now_ms)
        if answer.refused:
            self._refuse(account, claim.device, answer.refused)
        return seal(keys.answer, msgspec.json.encode(answer))

    def _decide(self, claim: OpenClaim, request: ClaimRequest, now_ms: int) -> ClaimAnswer:
        number = request.number
        again = bool(claim.used_ms) and claim.number == number and now_ms - claim.used_ms < _AGAIN_MS
        places = self._places()
        device = None if places is None else places.devices.get(claim.device)
        if claim.used_ms and not again:
            return ClaimAnswer(number, refused="used")
        if not again and not claim.is_open(now_ms):
            return ClaimAnswer(number, refused="locked" if claim.wrong >= MOST_WRONG else "expired")
        if device is None:
            return ClaimAnswer(number, refused="gone")
        return self._given(claim, request, device, now_ms, again=again)

    def _given(
        self, claim: OpenClaim, request: ClaimRequest, device: Device, now_ms: int, *, again: bool
    ) -> ClaimAnswer:
        """Use a code up, and return what its device gets. A code is used before anything is made: never twice."""
        number = request.number
        try:
            if not again and not self._book.use(claim.account, number, now_ms):
                return ClaimAnswer(number, refused="used")
            enrolment = self._enrol(device, request, again=again)
        except PkiError as error:
            _LOG.warning("%s: the code of %s: %s", claim.account, device.id, error)
            return ClaimAnswer(number, refused="csr" if request.csr else "failed")
        except OSError as error:
            _LOG.error("%s: the account of %s cannot be made: %s", claim.account, device.id, error)
            return ClaimAnswer(number, refused="failed")
        if not again:
            about = {key[:_ABOUT]: text[:_ABOUT] for key, text in list(request.about.items())[:8]}
            kind = "certificate" if enrolment.certificate else "password"
            self._audit.note("", "claim", device.id, code=claim.account, gave=kind, machine=about)
            _LOG.warning("%s: the device %s has claimed its account (%s)", claim.account, device.id, kind)
        return ClaimAnswer(number, enrolment)

    def _enrol(self, device: Device, request: ClaimRequest, *, again: bool) -> Enrolment:
        credentials, certificates = self._credentials, self._credentials.certificates
        wants = bool(request.csr) and any(door.certificates for door in credentials.doors())
        door, password, certificate, ends_ms = credentials.door(certificates=wants), "", "", 0
        if wants:
            if not again:
                credentials.give_certificate(device.id, request.csr)
            certificate = certificates.certificate(device.id).read_text(encoding="ascii")
            ends_ms = certificates.newest()[device.id].ends_ms
        else:
            file = credentials.password_file(device.id)
            password = file.read_text("utf-8").strip() if again else credentials.give_password(device.id)
        settings_key, seal_key = self._keys_of(device)
        return Enrolment(
            site=self._site, beat=device.beat, device=device.id, type=device.type,
            host=door.host, port=door.port, tls=door.tls, username=device.id, password=password,
            certificate=certificate, certificate_ends_ms=ends_ms, ca=credentials.authority() if door.tls else "",
            settings_key=settings_key, seal_key=seal_key,
        )  # fmt: skip

    def _refuse(self, account: str, device: str, why: str) -> None:
        if self._noted[account] >= _NOTED or len(self._noted) > 1_000:
            return
        self._noted[account] += 1
        _LOG.warning("%s: a code was refused (%s)", account, why)
        self._audit.note("", "claim-refused", device, code=account, why=why)
