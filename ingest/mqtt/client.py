"""paho's client with a fast lane for what a gateway gets most: PUBLISH packets of QoS 0 and 1.

paho needs four system calls and some forty Python calls for each message, and three system calls more to acknowledge
it; MQTT 5 doubles the Python part. Measured, that is more than all the rest of the gateway's work. Here the socket is
read in large pieces, complete PUBLISH packets are taken out of them directly, and any number of acknowledgements goes
out in one write. Everything else (connecting, subscribing, pings, QoS 2, disconnecting, reconnecting) is paho's.

The fast lane leans on four members of paho's client that are not public (``_create_socket``, ``_in_packet``,
``_packet_queue``, and that it reads by ``recv``). Where a later paho lacks one of the first three, messages simply
take paho's own way; tests hold both ways.
"""

import contextlib
import selectors
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.login import BrokerAddress

_CONNECT_TIMEOUT_S: Final = 4.0
_READ_BYTES: Final = 64 << 10
_READS: Final = 8
"""Pieces read before acknowledgements that wait get their turn."""
_LARGEST: Final = 4 << 20
"""Packets larger than this are read in paho's way, which gathers them without copying again and again."""
_PUBLISH, _PUBACK = 0x30, 0x40
_RETAINED_IF_NEW: Final = 1
"""Retain handling of MQTT 5: do not send all retained messages again at every reconnection."""
_Selector: Final[Any] = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""Not `select.select`, which fails from the 1,024th open file on, where the system has something else."""


def poll(readers: Sequence[socket.socket], writers: Sequence[socket.socket], timeout_s: float) -> list[socket.socket]:
    """Wait for sockets, at most so long, and return those that can be read."""
    with _Selector() as ready:
        for one in {*readers, *writers}:
            ready.register(one, selectors.EVENT_READ * (one in readers) | selectors.EVENT_WRITE * (one in writers))
        found: list[Any] = [key.fileobj for key, mask in ready.select(timeout_s) if mask & selectors.EVENT_READ]
    return found


class Inbound(NamedTuple):
    """A message as it came."""

    topic: bytes
    payload: bytes
    qos: int
    mid: int
    """0 for QoS 0."""
    retain: bool
    size: int
    """Bytes of the whole payload, also where only a part of it is kept."""
    connection: int = 0
    """Number of the connection, without which the message id means nothing."""


class BufferedSocket:
    """A connected socket that reads ahead. What it does not have itself it passes on to the socket."""

    def __init__(self, connected: Any, *, properties: bool, connection: int = 0) -> None:  # noqa: ANN401 - plain and SSL sockets share no base
        self._socket, self._properties, self._connection = connected, properties, connection
        self._data, self._at = b"", 0
        self._stalled = False
        self.ended = False
        """Whether the socket has nothing more to give: paho has to find out why."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the socket has
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes, empty at the end of the stream. Raises what the socket raises."""
        if self._at >= len(self._data):
            self._data, self._at = self._socket.recv(_READ_BYTES), 0
        found = self._data[self._at : self._at + size]
        self._at += len(found)
        self._stalled = False
        return found

    def pending(self) -> int:
        """Return how many bytes can be used without waiting: none where a packet's end has not come yet.

        paho asks this before it waits for the socket.
        """
        beneath = getattr(self._socket, "pending", None)
        ahead = 0 if self._stalled else len(self._data) - self._at
        return ahead + (beneath() if beneath is not None else 0)

    def fill(self) -> bool:
        """Read on where nothing more can be done with what has been read; False where nothing has come.

        At the end of the stream and after errors `ended` is set, and `recv` will tell paho.
        """
        if self._at < len(self._data) and not self._stalled:
            return True
        try:
            more = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            more = b""
        self.ended = not more
        self._data, self._at = self._data[self._at :] + more, 0
        self._stalled = False
        return True

    def publishes(self) -> list[Inbound]:
        """Take the complete PUBLISH packets of QoS 0 and 1 that stand at the front."""
        found = []
        data, at, end = self._data, self._at, len(self._data)
        while at < end:
            first = data[at]
            if first & 0xF0 != _PUBLISH or first & 0x06 > 0x02:
                break
            length, start, shift = 0, at + 1, 0
            while start < end and shift <= 21:
                byte = data[start]
                start += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                self._stalled = shift <= 21
                break
            stop = start + length
            if stop > end:
                self._stalled = length <= _LARGEST
                break
            message = self._parse(data, start, stop, first)
            if message is None:  # malformed: paho says so, and closes the connection
                break
            found.append(message)
            at = stop
        self._at = at
        return found

    def _parse(self, data: bytes, start: int, stop: int, first: int) -> Inbound | None:
        """Return the PUBLISH packet whose content is ``data[start:stop]``, None where it is malformed."""
        body = start + 2 + int.from_bytes(data[start : start + 2], "big")
        topic = data[start + 2 : body]
        qos, mid = (first >> 1) & 3, 0
        if qos:
            mid = int.from_bytes(data[body : body + 2], "big")
            body += 2
        if self._properties:  # user properties and the like, of no use here: a length, and that many bytes
            length, shift = 0, 0
            while body < stop:
                byte = data[body]
                body += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                return None
            body += length
        if body > stop or (qos and not mid):
            return None
        return Inbound(topic, data[body:stop], qos, mid, bool(first & 1), stop - body, self._connection)

    def has_other(self) -> bool:
        """Tell whether what comes next is for paho: another packet, or the end of the stream."""
        return self.ended or (not self._stalled and self._at < len(self._data))


class BufferedClient(Client):
    """`paho.mqtt.client.Client` that hands messages to `receive` and acknowledges many at once.

    ``receive`` runs in the network thread, for every message, whichever way it came; it must not raise.
    """

    receive: Callable[[Inbound], None]

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - paho's
        receive: Callable[[Inbound], None],
        connection: int = 0,
        **options: Any,  # noqa: ANN401 - paho's
    ) -> None:
        super().__init__(*args, **options)
        self.receive, self.connection, self._manual = receive, connection, options.get("manual_ack", False)
        self.on_message = self._on_slow_message
        self.connect_timeout = _CONNECT_TIMEOUT_S
        self.max_inflight_messages_set(0)  # the outbox bounds what is in flight
        self.max_queued_messages_set(0)
        # Else the library writes in whichever thread publishes or acknowledges.
        self.on_socket_register_write = lambda _client, _userdata, _socket: None

    def open(self, broker: BrokerAddress, keepalive_s: int, expiry_s: int, receive_maximum: int) -> None:
        """Connect. Raises what the network raises; the last two are for MQTT 5, see `ingest.mqtt.session`."""
        if self.protocol != MQTTv5:
            self.connect(broker.host, broker.port, keepalive=keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expiry_s
        properties.ReceiveMaximum = receive_maximum
        clean = not self._manual
        self.connect(broker.host, broker.port, keepalive=keepalive_s, clean_start=clean, properties=properties)

    def subscribe_all(self, filters: Sequence[str]) -> None:
        """Subscribe with QoS 1, in one packet."""
        if self.protocol == MQTTv5:
            options = SubscribeOptions(qos=1, retainHandling=_RETAINED_IF_NEW)
            self.subscribe([(topic_filter, options) for topic_filter in filters])
        else:
            self.subscribe([(topic_filter, 1) for topic_filter in filters])

    def pending(self) -> int:
        """Return how many bytes have been read from the socket and can be used without waiting."""
        found: int = getattr(self.socket(), "pending", int)()
        return found

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge QoS 1 messages, in this order: 4 bytes each, one after another, in one write."""
        queue = getattr(self, "_packet_queue", None)
        if queue is None:
            for mid in mids:
                self.ack(mid, 1)
        elif mids:
            packet = struct.pack("!" + "HH" * len(mids), *(part for mid in mids for part in (_PUBACK << 8 | 2, mid)))
            queue(_PUBACK, packet, mids[-1], 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle what has come, several packets at once where it can be done without waiting for the socket."""
        for _ in range(_READS):
            connected: Any = self.socket()
            packet = getattr(self, "_in_packet", None)
            if not isinstance(connected, BufferedSocket) or packet is None or packet["command"]:
                return super().loop_read(max_packets)  # paho is within a packet
            if not connected.fill():
                break
            messages = connected.publishes()
            for message in messages:
                self.receive(message)
            if messages and not self._manual:
                self.acknowledge([message.mid for message in messages if message.qos])
            if connected.has_other():
                code = super().loop_read(max_packets)
                if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return code
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _create_socket(self) -> Any:  # noqa: ANN401 - paho's own type for it is private
        connected: Any = super()._create_socket()
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return BufferedSocket(connected, properties=self.protocol == MQTTv5, connection=self.connection)

    def _on_slow_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            topic = b"\xff"
        payload = bytes(message.payload)
        retain, size = message.retain, len(payload)
        self.receive(Inbound(topic, payload, message.qos, message.mid, retain, size, self.connection))
