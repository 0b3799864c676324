"""Messages over MQTT: for pagers, sirens and programs inside the station."""

from typing import ClassVar, Final

import msgspec

from console.deliver.channel import Channel, ChannelRefusedError, ChannelSettings, LaterError, Surroundings
from console.deliver.orders import Message
from console.deliver.wording import Writer
from ingest.login import BrokerAddress
from ingest.mqtt import MemoryStorage, Outbound, Outbox, Session
from ingest.topics import told

_BACKOFF_S: Final = (0.2, 10.0)


class MqttSettings(ChannelSettings, frozen=True, kw_only=True, tag="mqtt"):
    """A topic of its own at the site's broker: ``patrolgrid/v1/{site}/told/{channel}``."""

    retain: bool = False
    """Whether the broker keeps the newest message for whoever comes later."""
    per_minute: int = 600

    SECRETS: ClassVar[tuple[str, ...]] = ()

    def open(self, writer: Writer, name: str, around: Surroundings) -> Channel:
        """Return the channel; see `ChannelSettings.open`."""
        return Mqtt(self, writer, name, around.site, around.broker)


class Mqtt:
    """Publishes messages with QoS 1; accepted is what the broker has acknowledged."""

    def __init__(self, settings: MqttSettings, writer: Writer, name: str, site: str, broker: BrokerAddress) -> None:
        self._mqtt, self._writer, self.topic = settings, writer, told(site, name)
        self._waiting: MemoryStorage = MemoryStorage()
        self._outbox = Outbox(self._waiting, keep_refused=False)
        self._session = Session(broker, "", outbox=self._outbox, backoff_s=_BACKOFF_S)
        self._session.start()
        self._sent: dict[bytes, Outbound] = {}

    def send(self, message: Message) -> str:
        """Publish a message."""
        document = msgspec.json.encode(self._writer.document(message))
        return self._publish(message.key.encode(), document, retain=self._mqtt.retain)

    def check(self, text: str) -> str:
        """Publish a test: ``{"test": true, …}``, never retained."""
        title, lines = self._writer.test(text)
        document = msgspec.json.encode({"test": True, "title": title, "text": "\n".join(lines)})
        return self._publish(b"", document, retain=False)

    def close(self) -> None:
        """Disconnect."""
        self._session.close()

    def _publish(self, key: bytes, document: bytes, *, retain: bool) -> str:
        if not self._outbox.wait(lambda: self._session.up, min(self._mqtt.timeout_s, 2.0)):
            raise LaterError("away", self._session.trouble)
        sent = self._sent.pop(key, None)
        if sent is None:  # else it still waits in the session: it must not go twice
            sent = self._waiting.put(Outbound(self.topic, document, retain=retain))
            self._session.wake()
        if not self._outbox.wait(lambda: sent.acknowledged or bool(sent.refusal), self._mqtt.timeout_s):
            self._sent = {key: sent}
            raise LaterError("hangs", "the broker has not acknowledged it")
        if sent.refusal:
            raise ChannelRefusedError("login", sent.refusal)
        return "PUBACK"
