"""One connection that publishes in order, waits while too much is unacknowledged, and goes on after a reconnect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, Self

from ingest.login import BrokerAddress
from ingest.mqtt.outbox import MemoryStorage, Outbox
from ingest.mqtt.session import Session

_STUCK_S: Final = 30.0
"""A broker that takes nothing for so long is given up."""


class Publisher:
    """Publishes QoS 1 messages of any topic through one connection, so that their order holds. A context manager.

    Parameters
    ----------
    broker, client_id
        The broker, and as whom.
    window
        Most messages in flight; `publish` waits when four times as many are pending.

    Raises
    ------
    ConnectionError
        On entering, where the broker does not answer or refuses.
    """

    def __init__(self, broker: BrokerAddress, client_id: str = "", *, window: int = 100) -> None:
        self._waiting = MemoryStorage()
        self._outbox = Outbox(self._waiting, window=window)
        self._session = Session(broker, client_id, outbox=self._outbox, backoff_s=(0.1, 3.0))
        self._limit = window * 4

    def __enter__(self) -> Self:
        self._session.connect()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Disconnect; what is not acknowledged is given up."""
        self._session.close()

    @property
    def acknowledged(self) -> int:
        """Messages whose PUBACK came."""
        return self._outbox.acknowledged

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, stopped: Callable[[], bool] = lambda: False
    ) -> bool:
        """Queue a message behind all others, waiting for room; False where `stopped` said so meanwhile."""
        while len(self._waiting) >= self._limit:
            if stopped():
                return False
            self.serve(0.05)
        self._waiting.put(topic, payload, retain=retain)
        self._session.send()
        if len(self._outbox.in_flight) >= self._outbox.window or self._session.wants_write:
            self.serve(0.0)
        return True

    def serve(self, timeout_s: float) -> None:
        """Serve the connection, waiting for it at most so long."""
        self._session.wait(timeout_s)

    def drain(self, timeout_s: float = _STUCK_S) -> bool:
        """Wait until everything is acknowledged, and tell whether it was in time."""
        deadline = time.monotonic() + timeout_s
        while len(self._waiting) and time.monotonic() < deadline:
            self.serve(0.05)
        return len(self._waiting) == 0


def publish_all(broker: BrokerAddress, messages: Iterable[tuple[str, bytes]]) -> int:
    """Publish (topic, payload) pairs, wait until all are acknowledged, and return how many.

    Raises ConnectionError where the broker does not answer or refuses, TimeoutError where it stops acknowledging.
    """
    with Publisher(broker) as publisher:
        all_sent = all(publisher.publish(topic, payload, stopped=_after(_STUCK_S)) for topic, payload in messages)
        if not all_sent or not publisher.drain():
            raise TimeoutError(f"the MQTT broker at {broker} stopped acknowledging")
        return publisher.acknowledged


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline
