"""What can be replayed is a `Track`: places for the map, and messages with the time at which each is due."""

import math
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

from ingest import topics
from ingest.codecs.lenient import cut, trimmed
from ingest.login import BrokerAddress
from ingest.mqtt import Outbound, publish_all

_MOST: Final = 1_000
"""Observations that a gateway takes in one message."""


class TimedMessage(NamedTuple):
    """One message of a track."""

    offset_s: float
    """When it is due, since the track's beginning."""
    topic: str
    payload: bytes
    retain: bool = False


class Sent(NamedTuple):
    """What of a track went out."""

    messages: int
    """Acknowledged by the broker: statuses and incidents as well."""
    observations: int
    """In what was given to it, spoilt ones too: so many a node must have stored, quarantined, or known as repeats."""


class Track(Protocol):
    """Something to replay."""

    site: str
    timezone: str
    total: int
    """How far progress goes, in `unit`."""
    unit: str
    interval_s: float
    """Seconds that windows of it should at least have; 0 for as the settings say."""

    def places_geojson(self) -> dict[str, Any]:
        """Return its places, as `ingest.places.parse_places` reads them."""

    def messages(self) -> Iterator[tuple[int, TimedMessage]]:
        """Give its messages in order of time, each with the progress up to it."""


def publish(
    track: Track,
    broker: BrokerAddress,
    *,
    speed: float = math.inf,
    on_progress: Callable[[int], object] = lambda _done: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Sent:
    """Publish a track through one connection, so that its order holds.

    Those that only tell the time are not counted.

    Parameters
    ----------
    speed
        Seconds of the track in one second; infinity for as fast as the broker takes it. Times inside the payloads stay
        as they were: the node that listens must follow the data's clock.
    on_progress
        Called with the progress after each message.

    Raises
    ------
    ConnectionError
        Where no broker answers, it refuses, or it does not acknowledge within 30 s.
    """
    told = observations = 0

    def due() -> Iterator[Outbound | float]:
        nonlocal told, observations
        begun, clock = time.monotonic(), topics.clock(track.site)
        for done, message in track.messages():
            while (wait := begun + message.offset_s / speed - time.monotonic()) > 0:
                yield wait
            yield Outbound(message.topic, message.payload, message.retain)
            told += message.topic == clock
            observations += _observations(message)
            on_progress(done)

    acknowledged = publish_all(broker, due(), client_id=f"replay-{secrets.token_hex(4)}", stopped=stopped)
    return Sent(acknowledged - told, observations)


def _observations(message: TimedMessage) -> int:
    """Return how many observations a message holds, as the gateway counts them."""
    topic = topics.parse_device_topic(message.topic)
    if topic is None or topic.leaf != "obs":
        return 0
    payload = trimmed(message.payload)
    if payload[:1] not in {b"[", b"{"}:
        return 1
    elements, left, too_many = cut(payload, _MOST)
    return 1 if too_many else len(elements) + (left != b"")
