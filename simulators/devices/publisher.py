"""One connection that publishes in order, waits while too much is unacknowledged, and goes on after a broken line."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import NamedTuple

from ingest.mqtt.link import Link, LinkSettings, Outbox
from ingest.mqtt.tls import Login


class _Letter(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


class Publisher:
    """Publishes QoS 1 messages of any topic through one connection, so that their order holds.

    Parameters
    ----------
    host, port, client_id
        The broker, and as whom.
    login
        What the broker asks for; nothing by default.
    window
        Most messages in flight; `publish` waits when four times as many are pending.
    """

    def __init__(self, host: str, port: int, *, client_id: str, login: Login | None = None, window: int = 100) -> None:
        login = login or Login()
        settings = LinkSettings(
            host=host,
            port=port,
            client_id=client_id,
            username=login.username,
            password=login.password,
            tls=login.tls,
            backoff_s=(0.1, 3.0),
        )
        self._link = Link(settings, on_up=self._up, on_ack=self._acknowledged)
        self._outbox: Outbox[_Letter] = Outbox(window=window)
        self._limit = window * 4
        self._address = f"{host}:{port}"
        self.acknowledged = 0
        """Messages whose PUBACK came."""

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect. Raises ConnectionError naming the broker where none answers in time."""
        deadline = time.monotonic() + timeout_s
        while not self._link.up:
            if time.monotonic() > deadline:
                raise ConnectionError(f"no MQTT broker answers at {self._address} within {timeout_s:g} s")
            self.turn(0.05)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, stopped: Callable[[], bool] = lambda: False
    ) -> bool:
        """Queue a message behind all others, waiting for room; False where `stopped` said so meanwhile."""
        while len(self._outbox) >= self._limit:
            if stopped():
                return False
            self.turn(0.05)
        self._outbox.put(_Letter(topic, payload, retain))
        self._send()
        if len(self._outbox.in_flight) >= self._outbox.window or self._link.wants_write:
            self.turn(0.0)
        return True

    def drain(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything is acknowledged, and tell whether it was in time."""
        deadline = time.monotonic() + timeout_s
        while len(self._outbox) and time.monotonic() < deadline:
            self.turn(0.05)
        return len(self._outbox) == 0

    def turn(self, timeout_s: float) -> None:
        """Serve the connection, waiting for it at most so long."""
        connection = self._link.socket
        if connection is None:
            time.sleep(min(timeout_s, self._link.wait_s(time.monotonic())))
            self._link.turn()
        else:
            writers = [connection] if self._link.wants_write else []
            readable, writable, _ = select.select([connection], writers, [], timeout_s)
            self._link.turn(readable=bool(readable), writable=bool(writable))
        self._send()

    def close(self) -> None:
        """Disconnect; what is not acknowledged is given up."""
        self._link.close()

    def _send(self) -> None:
        self._outbox.send(lambda letter: self._link.publish(letter.topic, letter.payload, retain=letter.retain))

    def _up(self) -> None:
        self._outbox.reconnected(time.monotonic())

    def _acknowledged(self, mid: int) -> None:
        if self._outbox.acknowledge(mid, time.monotonic()) is not None:
            self.acknowledged += 1
