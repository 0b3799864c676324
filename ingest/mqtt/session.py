"""A session with an MQTT broker: every connection that PatrolGrid makes is one of these.

Connects with TLS and a login, in MQTT 3.1.1 or 5, keeps a last will, subscribes, publishes what its outbox holds, and
connects again whenever the connection breaks. A new client of the library is made for each attempt, so that what is
sent after a reconnect, and in which order, is decided by the outbox and not by the library's own queue.

A session runs in a thread of its own (`start`), or its owner drives it: with `wait`, or by `socket` and `turn`.
"""

import contextlib
import itertools
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from paho.mqtt.client import Client, ConnectFlags, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.login import BrokerAddress
from ingest.mqtt.client import BufferedClient, Inbound, poll
from ingest.mqtt.conflicts import FORGOTTEN, IN_CLEAR, SHUT_OUT, Conflicts
from ingest.mqtt.last_words import LastWords
from ingest.mqtt.outbox import MemoryStorage, Outbox
from ingest.setup.backoff import Backoff, spread

logger = logging.getLogger(__name__)
_ANSWER_S: Final = 10.0
"""A broker that accepts a connection and has not confirmed the session by then is left, and tried again."""
_JOIN_S: Final = 1.0
"""How long `close` waits for an attempt to connect that is under way: a name server may take minutes."""
_KEEPALIVE_CHECK_S: Final = 1.0
_LAST_WRITES_S: Final = 1.0
_ONLINE, _OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'
_NUMBERS: Final = itertools.count(1)
"""Of connections, so that a message of one session is never acknowledged at another."""


class Session:
    """One connection, made again whenever it breaks.

    Parameters
    ----------
    broker, client_id
        Where to connect, and under which name; an empty one lets the broker choose.
    outbox
        What to publish; nothing by default.
    filters
        What to subscribe to, with QoS 1.
    on_message
        Called with each message, in the session's thread; it must not raise.
    status_topic
        Where ``online`` is kept retained, and ``offline`` at `close` or by the last will; empty for none.
    persistent
        Whether the broker keeps the session, and messages that come while there is no connection. Messages are then
        acknowledged by `acknowledge` alone.
    also, forget
        Further filters, which a broker may refuse: what comes by them comes by mistake. And what an earlier version
        subscribed to, which a session that outlives it still has.
    expiry_s
        How long it keeps them in MQTT 5; 0 takes what waits, and keeps nothing afterwards.
    receive_maximum
        Most messages that the broker sends without acknowledgement (MQTT 5).
    backoff_s
        First and longest wait before another attempt; each is the double of the one before, with a random part. Only a
        connection that lasted as long as the longest starts this over: two clients may share a client id.

    Raises OSError for TLS files that cannot be read, ValueError for such a password file.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        *,
        outbox: Outbox | None = None,
        filters: Sequence[str] = (),
        also: Sequence[str] = (),
        forget: Sequence[str] = (),
        on_message: Callable[[Inbound], None] = lambda _message: None,
        status_topic: str = "",
        persistent: bool = False,
        expiry_s: int = 0,
        receive_maximum: int = 65_535,
        keepalive_s: int = 30,
        backoff_s: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self.broker, self.client_id, self.outbox = broker, client_id, outbox or Outbox(MemoryStorage())
        self._filters, self._also, self._forget, self._on_message = filters, also, forget, on_message
        self._status_topic, self._persistent, self._keepalive_s = status_topic, persistent, keepalive_s
        self._expiry_s, self._receive_maximum, self._backoff = expiry_s, receive_maximum, Backoff(*backoff_s)
        self.up = False
        """Whether the broker has accepted the connection and every subscription, and it has not broken since."""
        self.connections = 0
        """How often it came up."""
        self.trouble = ""
        """Why it is not up, or was not before it came up; empty while all is well."""
        self.refused = False
        """Whether the broker answered the last attempt, and said no."""
        self.resumed = False
        """Whether the broker still had the session when the last connection was made."""
        self.forgotten = 0
        """How often it had no longer: what waited there for a persistent session is lost."""
        self.conflicts = Conflicts(client_id, backoff_s[1])
        """Whether another client uses the client id."""
        self._password, self._tls = broker.secret(), broker.tls_context()
        if broker.in_clear() and self._password:
            self._warn(IN_CLEAR)
        self.words = LastWords()
        if status_topic:
            self.words.say(status_topic, _ONLINE, retain=True)
        self._client: BufferedClient | None = None
        self._accepted_at: float | None = None
        self._next_attempt = self._next_check = self._answer_by = 0.0
        self._closing = self._abandoned = False
        self._thread: threading.Thread | None = None
        self._wake_out: socket.socket | None = None
        self._wake_in: socket.socket | None = None

    # -- for any thread ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own from now on."""
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.settimeout(0.0)
        self._wake_in.settimeout(0.0)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self.client_id}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the session's thread look at its outbox now."""
        # A full pipe means that the thread has been woken already; a closed one that it has ended.
        if self._wake_in is not None:
            with contextlib.suppress(OSError):
                self._wake_in.send(b"\0")

    def acknowledge(self, connection: int, mids: Sequence[int]) -> bool:
        """Acknowledge messages of a connection (`Inbound.connection`), in the order in which they came.

        This does not wait for the subscription: rumqttd confirms that when what it kept has been acknowledged.
        False where that connection is over: the broker sends them again, perhaps under other ids, so acknowledging
        the old ids could lose messages that have not been stored.
        """
        client = self._client
        if client is None or client.connection != connection:
            return False
        client.acknowledge(mids)  # where the connection ends at this moment, this goes nowhere
        self.wake()
        return True

    def hurry(self) -> None:
        """Try to connect now, where the wait for the next attempt is under way: somebody waits for what is sent."""
        self._next_attempt = 0.0
        self.wake()

    def close(self) -> None:
        """Send what waits to be sent, leave the last status, and disconnect. Further calls do nothing.

        It takes a few seconds at most: an attempt to connect that is still under way then is left to end by itself.
        """
        self._closing = True
        if self._thread is not None:
            self.wake()
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                self._abandoned = True
                return
        client = self._client
        if client is not None:
            if self.up and self._status_topic:
                client.publish(self._status_topic, _OFFLINE, qos=1, retain=True)
            client.disconnect()
            deadline = time.monotonic() + _LAST_WRITES_S
            while client.want_write() and (connection := self.socket) is not None and time.monotonic() < deadline:
                poll([], [connection], 0.1)
                client.loop_write()
        self._release()

    def _release(self) -> None:
        self._drop()
        for end in filter(None, (self._wake_out, self._wake_in)):
            end.close()

    # -- for the thread that drives it ---------------------------------------------------------------------------------

    def connect(self, timeout_s: float = 10.0, stopped: Callable[[], bool] = lambda: False) -> None:
        """Connect, once, and return when the session is up.

        Raises ConnectionError naming the broker and the reason, or that it was stopped; the session is closed then.
        """
        deadline = time.monotonic() + timeout_s
        while not self.up:
            if stopped():
                self._fail("asked to stop before it answered")
            elif time.monotonic() > deadline:
                self._fail(f"it does not answer within {timeout_s:g} s in MQTT {self.broker.protocol}")
            if self.trouble:
                self.close()
                raise ConnectionError(f"no connection to the MQTT broker at {self.broker}: {self.trouble}")
            self.wait(0.05)

    @property
    def socket(self) -> socket.socket | None:
        """What to wait on, None while there is no connection."""
        # The library types it as its own union of sockets.
        return None if self._client is None else self._client.socket()  # type: ignore[return-value]

    @property
    def wants_write(self) -> bool:
        """Whether something waits for room in the socket."""
        return self._client is not None and self._client.want_write()

    def wait_s(self) -> float:
        """Return the seconds until `turn` has something to do although nothing comes."""
        if self._client is None:
            due = self._next_attempt
        else:
            if self._client.pending():
                return 0.0
            due = min(self._next_check, self.outbox.due()) if self.up else self._next_check
        return max(due - time.monotonic(), 0.0)

    def wait(self, timeout_s: float) -> None:
        """Serve the connection, waiting for it at most so long; `wake` ends the wait."""
        timeout_s = min(timeout_s, self.wait_s())
        readers: list[socket.socket] = [] if self._wake_out is None else [self._wake_out]
        writers: list[socket.socket] = []
        connection = self.socket
        if connection is not None:
            readers.append(connection)
            if self.wants_write:
                writers.append(connection)
        readable = poll(readers, writers, timeout_s)
        if self._wake_out is not None and self._wake_out in readable:
            self._wake_out.recv(4096)
        self.turn(readable=connection in readable)

    def turn(self, *, readable: bool = False) -> None:
        """Do what is to be done: connect when it is time, read, keep alive, send. Raises nothing for the network."""
        now = time.monotonic()
        client = self._client
        if client is None:
            if now >= self._next_attempt:
                self._attempt()
            return
        if readable or client.pending():
            client.loop_read()
        if now >= self._next_check:
            self._next_check = now + _KEEPALIVE_CHECK_S
            client.loop_misc()
        if not self.up and now >= self._answer_by and client is self._client:
            self._fail(f"it accepts the connection and confirms nothing within {_ANSWER_S:g} s")
            self._lost()
        if self.up and self.outbox.stalled(now):
            self._fail("connected, but the broker does not acknowledge")
            self._lost()
        self.send()

    def send(self) -> None:
        """Publish what the outbox's window allows, and write what waits to be written."""
        client = self._client
        if client is None:
            return
        if self.up:
            self.words.publish(lambda topic, payload, retain: client.publish(topic, payload, qos=1, retain=retain))
            # Where this fails the connection is lost, and the outbox sends the message again on the next.
            self.outbox.send(lambda one: client.publish(one.topic, one.payload, qos=1, retain=one.retain).mid)
        if client.want_write():
            client.loop_write()

    def _run(self) -> None:
        while not self._closing:
            try:
                self.wait(_KEEPALIVE_CHECK_S)
            except Exception:
                # The thread is all that carries messages: it continues, and nothing is lost.
                logger.exception("%s: the session's turn failed; it connects again", self.client_id)
                self._lost()
        if self._abandoned:  # `close` did not wait
            self._release()

    def _attempt(self) -> None:
        """Make a client and connect it."""
        broker, version_5 = self.broker, self.broker.protocol == "5"
        client = BufferedClient(
            CallbackAPIVersion.VERSION2, self.client_id,
            clean_session=None if version_5 else not self._persistent, protocol=MQTTv5 if version_5 else MQTTv311,
            reconnect_on_failure=False, manual_ack=self._persistent,
            receive=self._on_message, connection=next(_NUMBERS),
        )  # fmt: skip
        if broker.username:
            client.username_pw_set(broker.username, self._password or None)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if self._status_topic:
            client.will_set(self._status_topic, _OFFLINE, qos=1, retain=True)
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_disconnect, client.on_publish = self._disconnected, self._published
        self._client, self.refused = client, False
        self._next_check = time.monotonic() + _KEEPALIVE_CHECK_S
        self._answer_by = math.inf  # connecting itself has a time-out
        try:
            client.open(broker, self._keepalive_s, self._expiry_s, self._receive_maximum)
            self._answer_by = time.monotonic() + _ANSWER_S
        except (OSError, ValueError) as error:
            self._fail(f"the broker cannot be reached: {getattr(error, 'strerror', None) or error}")
            self.conflicts.not_reached()
            self._lost()

    def _fail(self, text: str) -> None:
        if text != self.trouble and self._thread is not None:  # whoever drives a session sees its `trouble`
            self._warn(text)
        self.trouble = text

    def _warn(self, text: str) -> None:
        logger.warning("MQTT session %s at %s: %s", self.client_id or "without id", self.broker, text)

    def _drop(self) -> None:
        connection = self.socket
        if connection is not None:
            connection.close()
        self._client, self.up, self._accepted_at = None, False, None

    def _lost(self) -> None:
        """End the connection, and set the time of the next attempt."""
        now = time.monotonic()
        if self._accepted_at is not None and now - self._accepted_at >= self._backoff.longest_s:
            self._backoff.reset()
        self._drop()
        # Where two share a client id, each connection is taken from the other: few, then. Spread over half the wait,
        # so that a site's devices do not all come back in the same instant.
        wait_s = self._backoff.next_s(longest=bool(self.conflicts.text) and not self._persistent)
        self._next_attempt = now + spread(wait_s)

    # -- callbacks of the client, in the same thread -------------------------------------------------------------------

    def _connected(
        self, _client: object, _userdata: object, flags: ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        client = self._client
        if client is None or reason.is_failure:
            self.refused = True
            self._fail(f"the broker refused the connection: {reason}")
            return  # `_disconnected` follows
        self._accepted_at, self._answer_by = time.monotonic(), math.inf
        self.conflicts.accepted()
        self.resumed = flags.session_present
        if self._persistent and self.connections and not self.resumed:
            self.forgotten += 1
            self._warn(FORGOTTEN)
        self.words.reconnected()
        self.outbox.reconnected()
        if self.resumed and self._forget:
            client.unsubscribe([*self._forget])
        if self._filters or self._also:
            client.subscribe_all([*self._filters, *self._also])
        else:
            self._came_up()

    def _subscribed(
        self, _client: object, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        refused = [name for name, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        if refused:
            self.refused = True
            self._fail(f"the broker refused the subscription to {', '.join(refused)}: check its access rules")
        else:
            self._came_up()

    def _came_up(self) -> None:
        self.up, self.trouble = True, ""
        self.connections += 1
        if self._thread is not None:
            logger.info("MQTT session %s at %s: connected", self.client_id or "without id", self.broker)

    def _published(self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: object) -> None:
        if not reason.is_failure:
            self.outbox.acknowledge(mid)
        elif self.outbox.refuse(mid, str(reason)):
            self._fail(f"the broker refused a message: {self.outbox.refusal or reason}")
            client.disconnect()  # it is sent again on the next connection, after a wait

    def _disconnected(
        self, client: object, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if client is not self._client:
            return
        if reason.is_failure and self._accepted_at is not None:
            self._fail(f"the connection was lost: {reason}")
            if self.conflicts.ended(reason.value):
                self._warn(self.conflicts.text)
        elif (
            reason.is_failure and not self.refused and self._tls is not None
        ):  # as TLS 1.3 does with a certificate that was revoked or is unknown
            self._fail(f"the broker ended the connection before it let this client in ({reason}): {SHUT_OUT}")
        self._lost()
