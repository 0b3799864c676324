"""MQTT: sessions that come back by themselves, what they publish (`Outbox`), and what they take in (`inbox`).

Every connection to a broker is a `Session`. `Outbox` decides what goes out and when, from messages in memory
(`MemoryStorage`) or from the spool of an edge device; `publish_all` sends messages once and ends. `client` is paho's
client with a fast lane for many small messages.
"""

from ingest.mqtt.client import Inbound
from ingest.mqtt.outbox import MemoryStorage, Outbound, Outbox
from ingest.mqtt.publisher import publish_all
from ingest.mqtt.session import Session

__all__ = ["Inbound", "MemoryStorage", "Outbound", "Outbox", "Session", "publish_all"]
