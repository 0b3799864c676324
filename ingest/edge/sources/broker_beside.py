"""A broker beside the agent: Zigbee2MQTT, Frigate and cameras publish there, and the agent takes what they say.

The session is one that the broker keeps, and a message is acknowledged when the spool has it: what was on its way when
the agent was killed comes again.
"""

import logging
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from ingest.clock import wall_ms
from ingest.codecs.bindings import Binding, fits
from ingest.codecs.codec import MOST_BYTES, VendorMessage
from ingest.codecs.vendors import codec_class
from ingest.edge.edge_file import MqttPart, mqtt_address
from ingest.edge.sources.source import Taker, ThreadSource
from ingest.mqtt.client import Inbound
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.session import Session

logger = logging.getLogger(__name__)
_INBOX_BYTES: Final = 8 << 20
_LOOK_S: Final = 0.5
_WINDOW: Final = 32
"""Messages that may be on their way without acknowledgement, and some more: brokers allow twenty."""
_EXPIRY_S: Final = 7 * 86_400
"""How long a broker of MQTT 5 keeps what comes while the agent is away."""


class MqttSource(ThreadSource):
    """One connection, and a thread that hands over what it brings."""

    def __init__(
        self, settings: MqttPart, name: str, taker: Taker, bindings: Sequence[Binding], client_id: str
    ) -> None:
        super().__init__(name, taker)
        self._routes = routes(settings, bindings)
        self._bound = [(one.codec, one.match.strip("/#+")) for one in bindings]
        self._handed = Handed(name, taker)
        self._inbox = Inbox(MOST_BYTES, _INBOX_BYTES)
        self._session = Session(
            mqtt_address(settings), settings.client_id or client_id,
            filters=[topic for topic, _ in self._routes], on_message=self._inbox.put,
            persistent=True, expiry_s=_EXPIRY_S, receive_maximum=20,
        )  # fmt: skip

    @property
    def up(self) -> bool:
        """Whether the broker is there, and lets the agent hear what it wants to."""
        self.trouble = "" if self._session.up else self._session.trouble or "connecting"
        return self._session.up

    def start(self) -> None:
        """Connect, and hand over."""
        self._session.start()
        super().start()

    def close(self) -> None:
        """Disconnect; what has not been handed over, the broker keeps."""
        self._inbox.close()
        super().close()
        self._session.close()

    def run(self) -> None:
        """Hand over what comes."""
        while not self.closing.is_set():
            message = self._inbox.take()
            if message is None:
                self._inbox.wait(_LOOK_S)
                continue
            try:
                self._hand_over(message)
            except Exception:  # the thread is all that hands over: it goes on, and the broker has the message
                logger.exception("%s: a message could not be handed over", self.name)
                self.refused += 1
            if message.qos:
                self._session.acknowledge(message.connection, [message.mid])

    def _codec(self, topic: str) -> str | None:
        """Return whose a topic is; where it could be several dialects', the one to which something of it is bound."""
        fitting = dict.fromkeys(name for pattern, name in self._routes if fits(pattern, topic))
        if len(fitting) > 1:
            return next(
                (name for name, match in self._bound if name in fitting and match in topic), next(iter(fitting))
            )
        return next(iter(fitting), None)

    def _hand_over(self, message: Inbound) -> None:
        try:
            topic = message.topic.decode()
        except UnicodeDecodeError:
            self.refused += 1
            return
        codec = self._codec(topic)
        if codec is None:  # of a filter that an earlier start subscribed to
            return
        if message.size > len(message.payload):
            self.refused += 1
            logger.warning("%s: %d bytes on %s, at most %d are taken", self.name, message.size, topic, MOST_BYTES)
            return
        vendors = VendorMessage(topic, message.payload, wall_ms(), message.retain)
        if not message.qos:
            self.taken += 1
            self.taker.take(codec, vendors)
        elif not self._handed.knows(message, resumed=self._session.resumed):
            self.taken += 1
            self.taker.take(codec, vendors, self._handed.marks(message))


class Handed:
    """Knows which of the last messages have been handed over: what was not acknowledged in time comes again.

    It is saved with what they meant, so that an agent that was killed between the two takes nothing twice. One that
    comes again has its old message id, in a session that the broker has kept (MQTT 3.1.1, section 4.4).
    """

    def __init__(self, name: str, taker: Taker) -> None:
        self._prefix = f"{name}/"
        self._marks = taker.recall(self._prefix)
        self._next, self._connection = len(self._marks), 0
        self._gone: dict[str, None] = {}

    def knows(self, message: Inbound, *, resumed: bool) -> bool:
        """Tell whether a message comes again; `resumed` says whether the broker still had the session."""
        if message.connection != self._connection:
            self._connection = message.connection
            if not resumed:  # ids begin anew, and mean other messages
                self._gone = dict.fromkeys(self._marks)
                self._marks = {}
        return _mark(message) in self._marks.values()

    def marks(self, message: Inbound) -> dict[str, bytes | None]:
        """Return what is to be remembered with a message that is handed over now."""
        key = f"{self._prefix}{self._next % _WINDOW}"
        self._next, self._marks[key] = self._next + 1, _mark(message)
        gone, self._gone = self._gone, {}
        return {**gone, key: self._marks[key]}


def _mark(message: Inbound) -> bytes:
    said = b"\0".join((message.mid.to_bytes(2, "big"), message.topic, message.payload))
    return b'"%s"' % blake2b(said, digest_size=6).hexdigest().encode()


def routes(settings: MqttPart, bindings: Sequence[Binding]) -> list[tuple[str, str]]:
    """Return which topics go to which codec: (filter, codec), the first that fits.

    Those that are bound and not among the usual ones of a codec are subscribed to as well, with what is below them.
    Raises ValueError for a codec that has no topics and no bindings: it would hear nothing.
    """
    found: list[tuple[str, str]] = []
    for codec in settings.codecs:
        usual = settings.topics or codec_class(codec).topics
        bound = [one.match for one in bindings if one.codec == codec and "/" in one.match.strip("/")]
        more = [topic for topic in dict.fromkeys(bound) if not any(fits(one, topic) for one in usual)]
        below = [f"{topic}/#" for topic in more if not topic.endswith("#")]
        mine = [*usual, *more, *below] if not settings.topics else [*usual]
        if not mine:
            raise ValueError(f"{codec}: there is no topic to subscribe to; expected topics, or bindings with topics")
        # What is bound is told apart before what only looks like a dialect's.
        found = [*((topic, codec) for topic in (*more, *below)), *found] if not settings.topics else found
        found += [(topic, codec) for topic in mine if (topic, codec) not in found]
    return found
