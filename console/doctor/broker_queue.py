"""How many messages a broker keeps for a client that is away: measured, since no broker tells its limits."""

import secrets
import time
from typing import Final, NamedTuple

from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, Outbound, Session, publish_all
from ingest.topics import ROOT

MESSAGES: Final = 10_000
"""Messages that are sent: more than a short queue holds, little enough to take a second or two."""
_DROPPED: Final = "$SYS/broker/publish/messages/dropped"
_QUIET_S: Final = 2.0
_SHOWN_S: Final = 1.0
_EXPIRY_S: Final = 60


class Measured(NamedTuple):
    """What came of it."""

    sent: int
    kept: int
    """How many of them were there when the client came back."""
    dropped: int
    """Messages that the broker says it has dropped since its start, before the measurement; 0 where it does not say."""


def measure(broker: BrokerAddress, messages: int = MESSAGES) -> Measured:
    """Let messages wait for a client of our own, on a topic of its own, and count those that are still there.

    Nothing is left behind. Raises ConnectionError where the broker refuses or does not answer, OSError or ValueError
    for a login that cannot be used.
    """
    name = f"patrolgrid-doctor-{secrets.token_hex(8)}"
    topic = f"{ROOT}/-/{name}"  # no site is called so: no gateway hears it
    kept: set[bytes] = set()
    dropped = 0
    heard_at = time.monotonic()

    def take(message: Inbound) -> None:
        nonlocal dropped, heard_at
        heard_at = time.monotonic()
        if message.topic == topic.encode():
            kept.add(message.payload)
        elif message.payload.isdigit():
            dropped = int(message.payload)
        session.acknowledge(message.connection, [message.mid] if message.qos else [])

    session = Session(
        broker, name, filters=[topic], also=[_DROPPED], on_message=take, persistent=True, expiry_s=_EXPIRY_S
    )
    try:
        session.connect()
        until = time.monotonic() + _SHOWN_S
        while time.monotonic() < until:
            session.wait(0.1)
        session.close()
        before = dropped
        publish_all(broker, (Outbound(topic, b"%d" % number) for number in range(messages)))
        session = Session(broker, name, on_message=take, persistent=True, expiry_s=_EXPIRY_S)
        session.connect()
        heard_at = time.monotonic()
        while len(kept) < messages and time.monotonic() - heard_at < _QUIET_S:
            session.wait(0.1)
        session.close()
    finally:
        last = Session(broker, name)  # wants no session: the broker throws the old one away
        last.connect()
        last.close()
    return Measured(messages, len(kept), before)
