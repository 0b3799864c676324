"""The edge agent: takes a device's observations from local code, and sees to it that the broker gets every one.

What `EdgeAgent.observe` has returned for is in the spool until the broker has acknowledged it, through a SIGKILL or a
week without network; a power cut costs the last seconds before it at most (`ingest.edge.spool`). The pipeline drops
repeats by (device, boot, seq), so sending too often does no harm and sending too seldom does: when in doubt the agent
sends again.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest import topics
from ingest.edge.plate_guard import PlateGuard
from ingest.edge.spool import Spool
from ingest.edge.spool_queue import SpoolStats
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, Outbound, Outbox, Session
from ingest.observations import Observation

_BATCH: Final = 50
"""Most observations in a message."""
_BATCH_BYTES: Final = 9_000
_LINGER_S: Final = 0.05
"""Wait so long between messages that are not full, so that a burst becomes a batch."""
_IN_FLIGHT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """One device's agent. Raises ValueError for an id that topics cannot carry."""

    site: str
    beat: str
    device: str
    spool: Path
    broker: BrokerAddress
    """With a password and no user name, the device id is the user name."""
    seal_key: Path | None = None
    """File with the station's public key, to which number plates are sealed; without it they are left out."""
    hold_s: float = 10.0
    """Keep what is acknowledged so long, and send it again after a reconnect: a broker forgets what it had not saved"""
    backoff_s: tuple[float, float] = (0.2, 30.0)

    def __post_init__(self) -> None:
        for name in ("site", "beat", "device"):
            if not topics.ID_PATTERN.match(getattr(self, name)):
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, expected letters, digits, - and _, at most 48, no leading -"
                )


class EdgeStats(NamedTuple):
    """What an agent has done since it started, and what lies in its spool."""

    connected: bool
    observed: int
    acknowledged: int
    """Observations whose PUBACK came, repeats included."""
    resent: int
    """Observations sent again after a reconnect although they had been acknowledged."""
    messages: int
    refused: int
    """Messages the broker acknowledged with an error; they go again after a reconnect."""
    plates_removed: int
    """Passages taken without their plate, because there was no key to seal it; by an agent with its own spool."""
    spool: SpoolStats
    """Of all devices that share it."""
    conflict: str
    """What to do about another client that uses this device's id; empty while none is seen."""


class _SpoolStorage:
    """What the spool has of one device, as an outbox sees it: batches of the observations that wait."""

    def __init__(self, spool: Spool, device: str, topic: str, wake: Callable[[], None]) -> None:
        self.hold_s, self.due = spool.hold_s, math.inf
        self.acknowledged = 0
        """Observations."""
        self.is_settled: Callable[[], bool] = lambda: True
        self.reader = spool.reader(device, wake)
        self._spool, self._topic = spool, topic
        self._next_batch = 0.0

    def take(self) -> Outbound | None:
        """Return the next batch, None where there is none or where it is soon to be larger."""
        now, self.due = time.monotonic(), math.inf
        may_wait = now < self._next_batch
        batch = self._spool.take(
            self.reader, limit=_BATCH, max_bytes=_BATCH_BYTES, is_settled=self.is_settled(), may_wait=may_wait
        )
        if batch is None or not batch.payloads:
            self.due = math.inf if batch is None else self._next_batch
            return None
        self._next_batch = now + _LINGER_S
        payloads = batch.payloads
        payload = payloads[0] if len(payloads) == 1 else b"[" + b",".join(payloads) + b"]"
        return Outbound(self._topic, payload, source=batch.places)

    def acknowledge(self, message: Outbound) -> None:
        """Hold a batch's observations."""
        self._spool.acknowledge(self.reader, message.source)
        self.acknowledged += len(message.source)

    def is_empty(self) -> bool:
        """Tell whether nothing of the device waits."""
        return not self._spool.waiting(self.reader)

    def rewind(self, in_flight: Iterable[Outbound]) -> int:
        """Begin again with the oldest observation that waits or is held; return how many were held."""
        return self._spool.rewind(self.reader, [message.source for message in in_flight])


class EdgeAgent:
    """Runs one thread that carries a device's observations from the spool to the broker, until `close`.

    Parameters
    ----------
    settings
        The device's.
    spool
        The one that several devices' agents share, and that their owner closes; else the agent has its own.
    hears
        Called with what the station sends to the device (its settings), in the session's thread.

    Raises `ingest.edge.spool_file.SpoolError` where the spool cannot be opened, OSError for TLS files that cannot be
    read, and what `ingest.edge.plate_guard.PlateGuard` raises for the key.
    """

    def __init__(
        self, settings: EdgeSettings, spool: Spool | None = None, *, hears: Callable[[Inbound], None] | None = None
    ) -> None:
        self.settings = settings
        broker = settings.broker
        if broker.secret() and not broker.username:
            broker = msgspec.structs.replace(broker, username=settings.device)
        where = settings.site, settings.beat, settings.device
        # First, since it reads TLS files, which may not be there.
        self.session = Session(
            broker, settings.device, status_topic=topics.status(*where), backoff_s=settings.backoff_s,
            also=(topics.settings(*where),) if hears else (), on_message=hears or _nothing,
        )  # fmt: skip
        self._plates = PlateGuard(None if spool else settings.seal_key)
        self._owns = spool is None
        self.spool = spool or Spool(
            settings.spool, owner=settings.device, hold_s=settings.hold_s, protect=self._plates.protect
        )
        self._storage = _SpoolStorage(self.spool, settings.device, topics.observations(*where), self.session.wake)
        self._outbox = self.session.outbox = Outbox(self._storage, window=_IN_FLIGHT)
        self._storage.is_settled = lambda: self._outbox.is_settled
        self._storage.reader.is_up = lambda: self.session.up
        self._observed = 0
        self.session.start()

    def observe(self, *observations: Observation) -> list[int]:
        """Take observations and return their numbers: they are on their way, and in the spool when this returns.

        Where the disk does not take them, or not within two seconds, they are in memory: `ingest.edge.spool` tells
        what becomes of them. Raises ValueError for one that breaks a limit of its type; none is then taken.
        """
        numbers = self.spool.put([(self.settings.device, observation) for observation in observations])
        self._observed += len(numbers)
        self.spool.settle()
        return numbers

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until the broker has acknowledged everything, and tell whether it was in time.

        An attempt to connect that is due later is made now.
        """
        self.session.hurry()
        return self._outbox.wait(self._storage.is_empty, timeout_s)

    def stats(self) -> EdgeStats:
        """Return counts; may be called at any time, from any thread."""
        up, acknowledged, outbox = self.session.up, self._storage.acknowledged, self._outbox
        return EdgeStats(
            up, self._observed, acknowledged, outbox.resent, outbox.sent, outbox.refused,
            self._plates.removed, self.spool.stats(),
            self.session.conflicts.text,
        )  # fmt: skip

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker."""
        return self.session.up

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty while there is one."""
        return self.session.trouble

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish beside the observations, ahead of them: of each topic the last word, on no disk."""
        self.session.words.say(topic, payload, retain=retain)
        self.session.wake()

    def close(self) -> None:
        """Stop. What is not acknowledged goes out when an agent runs here again."""
        self.session.close()
        if self._owns:
            self.spool.close()


def _nothing(_message: Inbound) -> None:
    """Hear nothing."""
