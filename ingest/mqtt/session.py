"""The gateway's connection to the broker: a persistent session, manual acknowledgement, reconnection with backoff.

Two threads meet here. paho's network thread runs the callbacks, which only put messages into an `Inbox`; the gateway's
writer takes them out and acknowledges them once they are on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.client import BufferedClient, Message
from ingest.mqtt.tls import Tls

_log = logging.getLogger(__name__)
_RETAINED_IF_NEW: Final = 1
"""Retain handling of MQTT 5: do not send all retained statuses again at every reconnection."""
_KEPT_OF_OVERSIZED: Final = 64 << 10
_MESSAGE_BYTES: Final = 300
"""What a message takes in memory beside its payload and topic, about: a flood of empty ones is bounded too."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Where and how to connect, and what to subscribe to (all with QoS 1)."""

    host: str
    port: int
    client_id: str
    filters: tuple[str, ...]
    username: str = ""
    password: str = ""
    tls: Tls | None = None
    version: int = 5
    """5 or 3 (3.1.1)."""
    keepalive_s: int = 30
    session_expiry_s: int = 7 * 86_400
    receive_maximum: int = 4_000
    max_payload: int = 256 << 10
    max_queued_bytes: int = 64 << 20
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0


class Arrived(NamedTuple):
    """A message as it came, or, where it is None, the sign that a connection (``generation``) began."""

    message: Message | None
    size: int
    """Bytes of the payload as it came; it is cut where that is more than is ever taken."""
    generation: int = 0


class Inbox:
    """Messages between the network thread, which puts, and the writer, which takes. Bounded in bytes.

    Of QoS 1 the broker sends no more than ``receive_maximum`` without acknowledgement; of QoS 0 it may send any number.
    Where their bytes reach the bound, `put` blocks: the socket is no longer read, and the broker keeps what comes.
    """

    def __init__(self, max_payload: int, max_bytes: int) -> None:
        self._max_payload, self._max_bytes = max_payload, max_bytes
        self._arrived: deque[Arrived] = deque()
        self._filled, self._emptied = threading.Event(), threading.Event()
        self._idle = False
        # Each is written by one thread only, so no lock is needed to compare them.
        self._bytes_in = self._bytes_out = 0
        self._closed = False

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._arrived)

    def put(self, message: Message) -> None:
        """Add a message (network thread). Dropped, unacknowledged, once the inbox is closed."""
        size = len(message.payload)
        if size > self._max_payload:
            message = message._replace(payload=message.payload[:_KEPT_OF_OVERSIZED])
        while self._bytes_in - self._bytes_out > self._max_bytes and not self._closed:
            self._emptied.clear()
            self._emptied.wait(0.1)
        if self._closed:
            return
        self._bytes_in += _memory_of(message)
        self._arrived.append(Arrived(message, size))
        if self._idle:
            self._filled.set()

    def mark(self, generation: int) -> None:
        """Note that messages put from now on belong to a new connection (network thread)."""
        self._arrived.append(Arrived(None, 0, generation))

    def take(self) -> Arrived | None:
        """Return the oldest message, None where there is none (writer)."""
        try:
            arrived = self._arrived.popleft()
        except IndexError:
            return None
        if arrived.message is not None:
            self._bytes_out += _memory_of(arrived.message)
            if not self._emptied.is_set():
                self._emptied.set()
        return arrived

    def wait(self, timeout_s: float) -> None:
        """Block until there is a message, `close`, or the time is over (writer)."""
        self._filled.clear()
        self._idle = True  # from here on `put` wakes us; what came before is seen by the next test
        if not self._arrived and not self._closed:
            self._filled.wait(timeout_s)
        self._idle = False

    def close(self) -> None:
        """Take no more messages, and wake whoever waits."""
        self._closed = True
        self._emptied.set()
        self._filled.set()


def _memory_of(message: Message) -> int:
    return len(message.payload) + len(message.topic) + _MESSAGE_BYTES


class MqttLink:
    """One persistent session with the broker. Reconnects by itself until `stop`."""

    def __init__(self, config: LinkConfig, inbox: Inbox) -> None:
        self._config, self._inbox = config, inbox
        self._lock = threading.Lock()
        self._generation = 0
        self._accepted = False
        self.connected = False
        """Whether the broker has accepted the connection and every subscription."""
        self.connections = 0
        self.last_error = ""
        self._client = self._make_client()

    def start(self) -> None:
        """Begin to connect, in the background; a broker that is not there yet is tried again."""
        config = self._config
        options: dict[str, Any] = {}
        if config.version == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = config.session_expiry_s
            properties.ReceiveMaximum = config.receive_maximum
            options = {"clean_start": False, "properties": properties}
        self._client.connect_async(config.host, config.port, keepalive=config.keepalive_s, **options)
        self._client.loop_start()

    def stop(self) -> None:
        """Send what is to be sent and disconnect; the session stays at the broker."""
        deadline = time.monotonic() + 2.0
        while self._client.want_write() and self.connected and time.monotonic() < deadline:
            time.sleep(0.005)
        self._client.disconnect()
        self._client.loop_stop()
        self.connected = False

    def acknowledge(self, generation: int, mids: Sequence[int]) -> bool:
        """Acknowledge messages of a connection, in the order in which they came.

        This does not wait for the subscription: a broker that kept messages may send them before it confirms that,
        and confirm it only when they have been acknowledged (rumqttd does).

        False where that connection is over: the broker sends them again, perhaps under other ids, so acknowledging
        the old ids could lose messages that have not been stored.
        """
        with self._lock:
            if generation != self._generation:
                return False
            self._client.acknowledge(mids)
            return True

    # -- callbacks: network thread, must not raise and must be quick ---------------------------------------------------

    def _make_client(self) -> BufferedClient:
        config = self._config
        version = MQTTv5 if config.version == 5 else MQTTv311
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            config.client_id,
            protocol=version,
            clean_session=None if version == MQTTv5 else False,
            manual_ack=True,
            receive=self._inbox.put,
        )
        if config.username:
            client.username_pw_set(config.username, config.password or None)
        if config.tls is not None:
            client.tls_set_context(config.tls.context())
        client.reconnect_delay_set(config.reconnect_min_s, config.reconnect_max_s)  # type: ignore[arg-type] # takes floats
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_pre_connect = lambda _client, _userdata: self._end_generation()
        client.on_connect_fail = lambda _client, _userdata: self._failed("the broker cannot be reached")
        return client

    def _on_connect(
        self, client: Client, _userdata: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:
            self._failed(f"the broker refused the connection: {code}")
            return
        with self._lock:
            self._generation += 1
            self._accepted = True
            self._inbox.mark(self._generation)
        options = SubscribeOptions(qos=1, retainHandling=_RETAINED_IF_NEW)
        if self._config.version == 5:
            client.subscribe([(topic_filter, options) for topic_filter in self._config.filters])
        else:
            client.subscribe([(topic_filter, 1) for topic_filter in self._config.filters])

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        refused = [name for name, code in zip(self._config.filters, codes, strict=False) if code.is_failure]
        if refused:
            self._failed(f"the broker refused the subscription to {', '.join(refused)}: check its access rules")
            return
        self.connected, self.last_error = True, ""
        self.connections += 1
        _log.info("connected to %s:%d", self._config.host, self._config.port)

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        accepted = self._accepted
        self._end_generation()
        if code.is_failure and accepted:  # else why it was refused has been told
            self._failed(f"the connection was lost: {code}")

    def _end_generation(self) -> None:
        with self._lock:
            self._generation += 1
            self._accepted = self.connected = False

    def _failed(self, text: str) -> None:
        self.connected = False
        if text != self.last_error:
            _log.warning("%s:%d: %s", self._config.host, self._config.port, text)
        self.last_error = text
