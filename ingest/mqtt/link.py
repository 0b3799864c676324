"""One MQTT connection of a device, driven from outside, and the queue that outlives it.

`Link` keeps nothing itself and starts no thread: whoever owns it waits on `socket` and calls `turn`. A new client is
made for every connection attempt, so that what is sent after a reconnect, and in which order, is decided here and not
by the library's own queue: first what a broker may have forgotten (acknowledged within the last `hold_s` seconds), then
what was never acknowledged, then what is new. Once more, some time after the reconnect, goes what was acknowledged
since: a broker that was started again may acknowledge what nobody is subscribed to yet. (Mosquitto keeps subscriptions
on disk, but not shared ones; until the gateways are back, what comes has no destination.)
"""

from __future__ import annotations

import logging
import random
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, Generic, Literal, TypeVar

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from ingest.mqtt.tls import Tls

logger = logging.getLogger(__name__)
Version = Literal["3.1.1", "5"]
_CONNECT_TIMEOUT_S: Final = 10.0
_MISC_EVERY_S: Final = 1.0
SETTLED: Final = 0.8
"""Share of `hold_s` after which a reconnect is thought to be over: what was acknowledged since is still held then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """Where and as whom to connect."""

    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str
    username: str = ""
    password: str = field(default="", repr=False)
    version: Version = "3.1.1"
    keepalive_s: int = 30
    tls: Tls | None = None
    status_topic: str = ""
    """Where `online` is kept retained, and `offline` by the last will; empty for none."""
    backoff_s: tuple[float, float] = (0.2, 15.0)
    """First and longest wait before another attempt; each is the double of the one before, with a random part."""


class Link:
    """One connection, made again whenever it breaks.

    Parameters
    ----------
    settings
        Where and as whom.
    on_up
        Called when the broker has accepted the connection.
    on_ack
        Called with a message id when its PUBACK came, whose reason says that the broker took it.
    """

    def __init__(self, settings: LinkSettings, *, on_up: Callable[[], None], on_ack: Callable[[int], None]) -> None:
        self.settings = settings
        self.up = False
        """Whether the broker has accepted the connection and it has not broken since."""
        self.refused = 0
        """Publications the broker acknowledged with an error (MQTT 5); they are sent again after a reconnect."""
        self.attempts = 0
        self._on_up, self._on_ack = on_up, on_ack
        self._client: mqtt.Client | None = None
        self._tls = None if settings.tls is None else settings.tls.context()
        self._next_attempt = 0.0
        self._failures = 0
        self._up_since = 0.0
        self._next_misc = 0.0
        self._closing = False

    @property
    def socket(self) -> socket.socket | None:
        """What to wait on, None while there is no connection."""
        client = self._client
        found: Any = None if client is None else client.socket()
        return found  # type: ignore[no-any-return]  # the library types it as its own union of sockets

    @property
    def wants_write(self) -> bool:
        """Whether something waits for room in the socket."""
        return self._client is not None and self._client.want_write()

    def wait_s(self, now: float) -> float:
        """Return the seconds until `turn` has something to do without the socket (monotonic time)."""
        due = self._next_attempt if self._client is None else self._next_misc
        return max(due - now, 0.0)

    def turn(self, *, readable: bool = False, writable: bool = False, now: float | None = None) -> None:
        """Do what is to be done: connect when it is time, read, write, keep alive. Raises nothing for the network."""
        now = time.monotonic() if now is None else now
        if self._client is None:
            if not self._closing and now >= self._next_attempt:
                self._connect(now)
            return
        client = self._client
        if readable:
            client.loop_read(max_packets=100)
        if writable and client.want_write():
            client.loop_write()
        if now >= self._next_misc:
            self._next_misc = now + _MISC_EVERY_S
            client.loop_misc()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Hand one QoS 1 message to the connection and return its id, or None where there is no connection."""
        if not self.up or self._client is None:
            return None
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc in {mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_AGAIN}:
            return info.mid
        return None

    def close(self, *, last_words: bytes | None = None) -> None:
        """Disconnect in good order, leaving `last_words` retained as the status; the last will then stays unsaid."""
        self._closing = True
        client = self._client
        if client is None:
            return
        if self.up:
            if last_words is not None and self.settings.status_topic:
                client.publish(self.settings.status_topic, last_words, qos=1, retain=True)
            deadline = time.monotonic() + 2.0
            while client.want_write() and time.monotonic() < deadline and self._client is client:
                client.loop_write()
            client.disconnect()
        self._drop()

    def abort(self) -> None:
        """Drop the connection without a word, as a device that loses its power does."""
        self._closing = True
        found = self.socket
        if found is not None:
            found.close()
        self._client, self.up = None, False

    def _connect(self, now: float) -> None:
        settings = self.settings
        self.attempts += 1
        version = mqtt.MQTTv5 if settings.version == "5" else mqtt.MQTTv311
        # A session that the broker does not keep: what is in flight is known here, and sent again from here.
        clean = None if settings.version == "5" else True
        client = mqtt.Client(CallbackAPIVersion.VERSION2, settings.client_id, clean_session=clean, protocol=version)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # the owner bounds what is in flight
        client.max_queued_messages_set(0)
        if settings.username:
            client.username_pw_set(settings.username, settings.password or None)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if settings.status_topic:
            client.will_set(settings.status_topic, b'{"state":"offline"}', qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        self._client, self._next_misc = client, now + _MISC_EVERY_S
        try:
            client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
        except (OSError, ValueError) as error:
            logger.debug("%s: cannot reach %s:%d: %s", settings.client_id, settings.host, settings.port, error)
            self._broken()

    def _connected(
        self, _client: object, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            logger.warning("%s: the broker refused the connection: %s", self.settings.client_id, reason)
            return  # the broker closes; on_disconnect follows
        self.up, self._up_since = True, time.monotonic()
        if self.settings.status_topic:
            self.publish(self.settings.status_topic, b'{"state":"online"}', retain=True)
        self._on_up()

    def _published(self, _client: object, _userdata: object, mid: int, reason: ReasonCode, _properties: object) -> None:
        if reason.is_failure:
            self.refused += 1
            logger.warning("%s: the broker refused a message: %s", self.settings.client_id, reason)
            if self._client is not None:
                self._client.disconnect()  # it is sent again on the next connection, after a wait
            return
        self._failures = 0
        self._on_ack(mid)

    def _disconnected(self, client: object, *_rest: object) -> None:
        if client is self._client:
            self._broken()

    def _broken(self) -> None:
        first, longest = self.settings.backoff_s
        if self.up and time.monotonic() - self._up_since > longest:
            self._failures = 0
        wait = min(first * 2.0 ** min(self._failures, 20), longest)
        self._failures += 1
        self._drop()
        # Spread over half the wait, so that a site's devices do not all come back in the same instant.
        self._next_attempt = time.monotonic() + wait * (0.5 + random.random() / 2)  # noqa: S311 - no secret

    def _drop(self) -> None:
        self._client, self.up = None, False


T = TypeVar("T")


class Outbox(Generic[T]):
    """Messages on their way to the broker: waiting, in flight, and acknowledged but held for a while.

    Parameters
    ----------
    window
        Most messages in flight at once.
    hold_s
        How long an acknowledged message is kept, to be sent again after a reconnect.
    held_limit
        Most messages held; the oldest go first.
    """

    def __init__(self, *, window: int = 20, hold_s: float = 0.0, held_limit: int = 5_000) -> None:
        self.window, self.hold_s = window, hold_s
        self.waiting: deque[tuple[int, T]] = deque()
        """(number in the order of `put`, message), the next one first."""
        self.in_flight: dict[int, tuple[int, T]] = {}
        self._held: deque[tuple[float, int, T]] = deque(maxlen=held_limit)
        self._next = 0
        self._settles_at = float("inf")

    def __len__(self) -> int:
        """Messages that the broker has not acknowledged since they were last queued."""
        return len(self.waiting) + len(self.in_flight)

    def put(self, item: T) -> None:
        """Queue a message behind all others."""
        self.waiting.append((self._next, item))
        self._next += 1

    def send(self, publish: Callable[[T], int | None]) -> int:
        """Publish what the window allows, in order, and return how many; `publish` returns a message id or None."""
        sent = 0
        while self.waiting and len(self.in_flight) < self.window:
            mid = publish(self.waiting[0][1])
            if mid is None:
                break
            self.in_flight[mid] = self.waiting.popleft()
            sent += 1
        return sent

    def acknowledge(self, mid: int, now: float) -> T | None:
        """Take a message out of flight and return it, or None for an id that is not one of its own."""
        found = self.in_flight.pop(mid, None)
        if found is None:
            return None
        number, item = found
        if self.hold_s > 0.0:
            self._held.append((now, number, item))
            while self._held and self._held[0][0] < now - self.hold_s:
                self._held.popleft()
        return item

    def reconnected(self, now: float) -> int:
        """Queue again what was held and what was in flight, in the order in which it was put, and return how many."""
        again = [(number, item) for acknowledged, number, item in self._held if acknowledged >= now - self.hold_s]
        again += self.in_flight.values()
        again.sort(key=itemgetter(0))
        self._held.clear()
        self.in_flight.clear()
        self.waiting.extendleft(reversed(again))
        if self.hold_s > 0.0:
            self._settles_at = now + self.hold_s * SETTLED
        return len(again)

    def settled(self, now: float) -> int:
        """Where a reconnect is long enough ago, queue once more what was acknowledged since; return how many.

        To be called now and then; what is sent twice is dropped by its number.
        """
        if now < self._settles_at:
            return 0
        self._settles_at = float("inf")
        again = [(number, item) for _, number, item in self._held]
        self._held.clear()
        self.waiting.extendleft(reversed(again))
        return len(again)
