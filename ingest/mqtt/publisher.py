"""Publishes many messages through one connection, in order, and continues after a reconnect."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from ingest.login import BrokerAddress
from ingest.mqtt.outbox import MemoryStorage, Outbound, Outbox
from ingest.mqtt.session import Session

_IN_FLIGHT: Final = 100
_PENDING: Final = 4 * _IN_FLIGHT
"""Messages queued and not acknowledged, above which the next one is not asked for."""
_STUCK_S: Final = 30.0
_SERVE_S: Final = 0.05


def publish_all(
    broker: BrokerAddress,
    messages: Iterable[Outbound | float],
    *,
    client_id: str = "",
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Publish messages, wait until all are acknowledged, and return how many were.

    Parameters
    ----------
    messages
        What to publish; a number among them is seconds to wait before the next.
    stopped
        Whether to end early, with the acknowledgement of what has been published.

    Raises
    ------
    ConnectionError
        The broker does not answer, refuses, or acknowledges nothing for 30 s.
    """
    waiting = MemoryStorage()
    outbox = Outbox(waiting, window=_IN_FLIGHT)
    session = Session(broker, client_id, outbox=outbox, backoff_s=(0.1, 3.0))
    session.connect()
    try:
        for message in messages:
            if isinstance(message, Outbound):
                waiting.put(message)
                session.send()
                if len(outbox.in_flight) >= _IN_FLIGHT or session.wants_write:
                    session.wait(0.0)
                _wait_for_room(session, waiting, _PENDING, stopped)
            else:
                session.wait(min(message, _SERVE_S))
            if stopped():
                break
        _wait_for_room(session, waiting, 0, lambda: False)
        return outbox.acknowledged
    finally:
        session.close()


def _wait_for_room(session: Session, waiting: MemoryStorage, most: int, stopped: Callable[[], bool]) -> None:
    """Serve the session until at most so many messages wait for an acknowledgement."""
    before, deadline = session.outbox.acknowledged, time.monotonic() + _STUCK_S
    while len(waiting) > most and not stopped():
        session.wait(_SERVE_S)
        if session.outbox.acknowledged > before:
            before, deadline = session.outbox.acknowledged, time.monotonic() + _STUCK_S
        elif time.monotonic() > deadline:
            raise ConnectionError(f"the MQTT broker at {session.broker} acknowledged nothing for {_STUCK_S:g} s")
