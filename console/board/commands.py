"""Commands of people (acknowledge, clear) on their way to the node: MQTT, QoS 1, confirmed before the page says so."""

import uuid
from typing import Final

import msgspec

from ingest import topics
from ingest.events import Command
from ingest.login import BrokerAddress
from ingest.mqtt import MemoryStorage, Outbound, Outbox, Session

CONFIRM_S: Final = 5.0
"""How long a person waits for the broker's confirmation before the page says that there is none."""


class BrokerAwayError(ConnectionError):
    """There is no connection to the broker: nothing was sent."""


class UnconfirmedError(TimeoutError):
    """The command was handed over and the broker did not confirm it in time: it may or may not have arrived."""


class MqttCommandPublisher:
    """Publishes commands on ``patrolgrid/v1/{site}/commands``.

    Connects in the background and reconnects by itself. `publish` may be called from any thread. Raises OSError or
    ValueError for a file of the login that cannot be used.
    """

    def __init__(self, site: str, broker: BrokerAddress) -> None:
        self.topic = topics.commands(site)
        self._broker, self._waiting = broker, MemoryStorage()
        self._outbox = Outbox(self._waiting, keep_refused=False)
        self._session = Session(
            broker, f"board-{site}-{uuid.uuid4().hex[:8]}", outbox=self._outbox, keepalive_s=15, backoff_s=(1.0, 15.0)
        )
        self._session.start()

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now."""
        return self._session.up

    def publish(self, command: Command) -> None:
        """Send a command and block until the broker has it, for at most `CONFIRM_S`.

        Raises `BrokerAwayError` or `UnconfirmedError`.
        """
        if not self._session.up:
            raise BrokerAwayError(f"no connection to the broker at {self._broker}")
        sent = self._waiting.put(Outbound(self.topic, msgspec.json.encode(command)))
        self._session.wake()
        if not self._outbox.wait(lambda: sent.acknowledged or bool(sent.refusal), CONFIRM_S):
            raise UnconfirmedError(f"the broker at {self._broker} confirmed nothing within {CONFIRM_S:g} s")
        if sent.refusal:
            raise UnconfirmedError(f"the broker at {self._broker} refused the command: {sent.refusal}")

    def close(self) -> None:
        """Disconnect and end the background thread."""
        self._session.close()
