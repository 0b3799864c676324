"""What people say (acknowledge, clear, stops of a patrol) on its way to the node: MQTT, QoS 1, and heard back.

An MQTT 3.1.1 broker acknowledges also what its access list throws away. So the board listens on the topics itself, and
tells a person that something was sent when it has come back. What it hears there beside its own and is no command of
this site's board is somebody's attempt to give one: the gateway refuses it, and the audit log has it.
"""

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec

from ingest import topics
from ingest.events import Command, PatrolDid
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session
from ingest.mqtt.signing import is_signed, signed
from simulators.devices.ordered import Happening
from simulators.world.ordered_scenario import OrderedScenario

_HEAD: Final = b"/audit/head"
_TRUTH: Final = b"/simulate/truth"
_MOST_FORGED: Final = 99
"""Commands of others that are kept until somebody asks."""
_LOG: Final = logging.getLogger(__name__)
CONFIRM_S: Final = 5.0
"""How long a person waits for the broker's confirmation before the page says that there is none."""


class BrokerAwayError(ConnectionError):
    """There is no connection to the broker: nothing was sent."""


class UnconfirmedError(TimeoutError):
    """The command was handed over and the broker did not confirm it in time: it may or may not have arrived."""


class MqttCommandPublisher:
    """Publishes commands on ``patrolgrid/v1/{site}/commands``, and officers' words on ``…/patrol/{officer}/did``.

    Connects in the background and reconnects by itself. `publish` and `say` may be called from any thread.

    Parameters
    ----------
    site, broker
        Whose topics, and where.
    keys
        Secrets that commands are signed with, the newest last (`ingest.gateway.plate_keys.command_keys`); none: they
        are not signed.
    simulated
        Whether there is a simulator to be told what to let happen.

    Raises OSError or ValueError for a file of the login that cannot be used.
    """

    def __init__(
        self,
        site: str,
        broker: BrokerAddress,
        keys: Sequence[bytes] = (),
        *,
        simulated: bool = False,
    ) -> None:
        self.topic, self._site, self._keys = topics.commands(site), site, keys
        self._topic_bytes = self.topic.encode()
        self._forged: list[bytes] = []
        self.kept_head: bytes | None = None
        """What the broker keeps as the audit log's head, as far as it has told."""
        self.happening: Happening | None = None
        """What the simulator has said last of itself."""
        self.simulated = simulated
        self._broker, self._waiting = broker, MemoryStorage()
        simulator = (topics.simulate(site), topics.simulated(site)) if simulated else ()
        self._expected: dict[bytes, threading.Event] = {}
        self._outbox = Outbox(self._waiting, keep_refused=False)
        self._session = Session(
            broker,
            f"board-{site}-{uuid.uuid4().hex[:8]}",
            outbox=self._outbox,
            filters=(self.topic, topics.patrol_did(site, "+"), topics.audit_head(site), *simulator),
            on_message=self._hear,
            keepalive_s=15,
            backoff_s=(1.0, 15.0),
        )
        self._session.start()

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now."""
        return self._session.up

    @property
    def connections(self) -> int:
        """How often there has been a connection."""
        return self._session.connections

    def take_forged(self) -> list[bytes]:
        """Return the newest commands since the last call that this board did not send and nobody signed."""
        found, self._forged = self._forged, []
        return found

    def publish(self, command: Command) -> None:
        """Send a command and block until it has come back from the broker, for at most `CONFIRM_S`.

        Raises `BrokerAwayError` or `UnconfirmedError`.
        """
        payload = msgspec.json.encode(command)
        self._send(self.topic, signed(payload, self.topic, self._keys[-1]) if self._keys else payload)

    def say(self, officer: str, did: PatrolDid) -> None:
        """Send what an officer has done, as `publish` sends a command."""
        self._send(topics.patrol_did(self._site, officer), msgspec.json.encode(did))

    def order(self, order: OrderedScenario) -> None:
        """Tell the simulator what to let happen, as `publish` sends a command; it answers in `happening`."""
        topic, payload = topics.simulate(self._site), msgspec.json.encode(order)
        self._send(topic, signed(payload, topic, self._keys[-1]) if self._keys else payload)

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish something retained, without waiting; it is sent when there is a connection."""
        self._waiting.put(Outbound(topic, payload, retain=True))
        self._session.wake()

    def close(self) -> None:
        """Disconnect and end the background thread."""
        self._session.close()

    def _send(self, topic: str, payload: bytes) -> None:
        if not self._session.up:
            raise BrokerAwayError(f"no connection to the broker at {self._broker}")
        until, back = time.monotonic() + CONFIRM_S, threading.Event()
        self._expected[payload] = back
        try:
            sent = self._waiting.put(Outbound(topic, payload))
            self._session.wake()
            if not self._outbox.wait(lambda: sent.acknowledged or bool(sent.refusal), CONFIRM_S):
                raise UnconfirmedError(f"the broker at {self._broker} confirmed nothing within {CONFIRM_S:g} s")
            if sent.refusal:
                raise UnconfirmedError(f"the broker at {self._broker} refused the command: {sent.refusal}")
            if not back.wait(max(until - time.monotonic(), 0.0)):
                text = (
                    f"the broker at {self._broker} took the command and passed it on to nobody: may the account "
                    f"{self._broker.username or '(none)'} write {topic}? board.broker_username names another"
                )
                _LOG.error(text)
                raise UnconfirmedError(text)
        finally:
            del self._expected[payload]

    def _hear(self, message: Inbound) -> None:
        back = self._expected.get(message.payload)
        if back is not None:
            back.set()
        elif message.topic.endswith(_HEAD):
            self.kept_head = message.payload
        elif self.simulated and message.topic.endswith(_TRUTH):
            try:
                self.happening = msgspec.json.decode(message.payload, type=Happening)
            except (msgspec.MsgspecError, RecursionError) as error:
                _LOG.warning("what the simulator says cannot be read: %s", error)
        elif self._keys and message.topic == self._topic_bytes and not self._ours(message.payload):
            self._forged = [*self._forged[-_MOST_FORGED:], message.payload]

    def _ours(self, payload: bytes) -> bool:
        return is_signed(payload, self.topic, self._keys)
