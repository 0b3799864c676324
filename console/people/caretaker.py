"""What a board looks after while it runs: the end of the audit log, forged commands, its certificate.

The head of the audit log goes to the broker, retained, whenever it has changed. Before the first time on a connection
the board reads the one that is kept there: where the log does not have that entry, it was cut short or made anew
meanwhile, and the board says so in the log itself before it goes on.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from console.people.audit import BROKEN, Head
from console.people.people import People
from console.people.pki import Certified
from ingest.clock import wall_ms
from ingest.sqlite import StorageError
from ingest.topics import audit_head

_LOG: Final = logging.getLogger(__name__)
_TURN_S: Final = 2.0
_CERTIFICATE_S: Final = 3_600.0
_MOST_SHOWN: Final = 200


class KeptHead(msgspec.Struct, frozen=True):
    """The payload of the retained message."""

    number: int
    hash: str
    ts: int
    """When it was published, by the machine's clock."""


class Wire(Protocol):
    """The board's way to the broker (`console.board.commands.MqttCommandPublisher`)."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""

    @property
    def connections(self) -> int:
        """How often there has been one."""

    kept_head: bytes | None

    def take_forged(self) -> list[bytes]:
        """Return commands of others since the last call."""

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish something retained."""


class Caretaker:
    """A thread beside the board's.

    Parameters
    ----------
    site, people, publisher
        Whose audit log, and the way to the broker, by which its head goes out and comes back.
    certificate
        The certificate that is renewed and taken up anew; None without TLS.
    also
        What else is to be done every two seconds; it must not raise.
    """

    def __init__(
        self,
        site: str,
        people: People,
        publisher: Wire,
        certificate: Certified | None = None,
        also: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic, self._people, self._publisher, self._certificate = audit_head(site), people, publisher, certificate
        self._also = also
        self._told, self._connection = Head(0, ""), 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caretaker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do once more what is due, and end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        certificate_s = 0.0
        while not self._stopping.wait(_TURN_S):
            self.turn()
            self._also()
            certificate_s -= _TURN_S
            if certificate_s <= 0:
                if self._certificate is not None:
                    self._certificate.refresh()
                certificate_s = _CERTIFICATE_S
        self.turn()

    def turn(self) -> None:
        """Note what was forged, and publish the head where it has changed."""
        forged = self._publisher.take_forged()
        try:
            if not self._people.anybody():
                return
            if forged:
                shown = forged[0][:_MOST_SHOWN].decode("utf-8", "replace")
                self._people.audit.note("", "command-refused", "mqtt", count=len(forged), first=shown)
            self._publish()
        except StorageError as error:
            _LOG.error("the audit log cannot be read or written: %s", error)

    def _publish(self) -> None:
        publisher, audit = self._publisher, self._people.audit
        if not publisher.connected:
            return
        if publisher.connections != self._connection:
            self._connection, self._told = publisher.connections, Head(0, "")
            return  # what is kept at the broker comes right behind the subscription
        if not self._told.number and (kept := publisher.kept_head):
            self._compare(kept)
        elif self._told.number and not audit.holds(self._told):
            self._broken(self._told, wall_ms())
        head = audit.head()
        if head.number and head != self._told:
            publisher.tell(self._topic, msgspec.json.encode(KeptHead(head.number, head.hash, wall_ms())))
            self._told = head

    def _compare(self, payload: bytes) -> None:
        """Say where the log has not the entry whose head is kept at the broker."""
        with suppress(msgspec.MsgspecError):
            kept = msgspec.json.decode(payload, type=KeptHead)
            if not self._people.audit.holds(Head(kept.number, kept.hash)):
                self._broken(Head(kept.number, kept.hash), kept.ts)

    def _broken(self, head: Head, published_ms: int) -> None:
        _LOG.error("the audit log does not have entry %d as it was: it was cut short or made anew", head.number)
        self._people.audit.note("", BROKEN, str(head.number), hash=head.hash, published_ms=published_ms)
