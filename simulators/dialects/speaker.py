"""What every dialect's speaker does, and how it takes the place of our own payload in a run."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import ClassVar, Final

from ingest import topics
from ingest.codecs.bindings import Binding
from ingest.places import Device
from simulators.devices.messages import DISPATCH, Posting, SimulatedMessage, Spoken
from simulators.world.neighbourhood import Neighbourhood
from simulators.world.vehicles import Body

PICTURE: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00no picture\r\n--x{}\xff\xd9"
"""Stands for a JPEG: with a line in it that looks like the end of a part."""


class Speaker(ABC):
    """Devices of one vendor, with the totals that they keep.

    Parameters
    ----------
    zone
        Of the times that they write without one.
    """

    name: ClassVar[str]
    """That of its codec."""
    says: ClassVar[dict[str, tuple[str, ...]]]
    """Type of device → what it says of what that sees: ``count/person``, ``gate``, ``state/door``, ``level/noise``."""
    posts: ClassVar[bool] = False
    """Real ones post it by HTTP."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._totals: dict[tuple[str, str], int] = defaultdict(int)
        self.numbers: dict[str, int] = defaultdict(int)
        """Device → how many events it has numbered."""

    @abstractmethod
    def bindings(self, device: Device) -> list[Binding]:
        """Return what a technician would map for a device."""

    @abstractmethod
    def say(self, device: str, body: Body, ts: int) -> list[Spoken]:
        """Return the messages that say an observation; the first of a counter is preceded by how its totals stood."""

    def posting(self, device: str, spoken: Spoken) -> Posting:
        """Return how a message is posted; the account has the device's name."""
        return Posting(device, (("content-type", spoken.content_type),))

    def can_say(self, device: Device, body: Body) -> bool:
        """Tell whether a device of its type says this in the dialect."""
        return said_as(body) in self.says.get(device.type, ())

    def add(self, device: str, amounts: dict[str, int]) -> dict[str, int]:
        """Count, and return the totals by these names."""
        for name, amount in amounts.items():
            self._totals[device, name] += amount
        return {name: self._totals[device, name] for name in amounts}

    def next(self, device: str) -> int:
        """Return the number of a device's next event."""
        self.numbers[device] += 1
        return self.numbers[device]

    def local(self, ts: int) -> datetime:
        """Return an instant in the devices' zone."""
        return datetime.fromtimestamp(ts / 1000, self.zone)


def said_as(body: Body) -> str:
    """Return what an observation is, as `Speaker.says` has it.

    >>> said_as({"type": "state", "metric": "door"}), said_as({"type": "gate"})
    ('state/door', 'gate')
    """
    what = body.get("of") if body["type"] == "count" else body.get("metric")
    return f"{body['type']}/{what}" if what else str(body["type"])


def instant_of(body: Body) -> int:
    """Return the time of an observation as epoch milliseconds, however its device writes it."""
    ts = body["ts"]
    return ts if isinstance(ts, int) else round(datetime.fromisoformat(ts).timestamp() * 1000)


def translated(
    messages: Iterable[SimulatedMessage],
    speakers: Sequence[Speaker],
    site: Neighbourhood,
    site_id: str,
    *,
    own_topics: bool = False,
    posted: bool = False,
) -> Iterator[SimulatedMessage]:
    """Say messages of devices in the first dialect that knows their type.

    They go out on a topic below the device's own, which a station's broker lets it write; with `own_topics` on the
    vendor's, as at a broker beside an edge agent. What real devices post is `posted` to such an agent.
    What the dialect has no word for is lost, and stands so in the books. A message that is sent twice is the last one
    again. Spoilt ones are left out: they are of our own payload.
    """
    last: dict[int, list[SimulatedMessage]] = {}
    for message in messages:
        device = None if message.device == DISPATCH else site.specs[message.device].device
        speaker = next((one for one in speakers if device is not None and device.type in one.says), None)
        if device is None or speaker is None or message.course == "lost":
            yield message
            continue
        if message.course == "repeated":
            for one in last.get(message.device, ()):
                yield one._replace(at=message.at, course="repeated", causes=())
        elif message.course == "sent":
            by_http = posted and speaker.posts
            topic = topics.observations(site_id, device.beat, device.id).removesuffix("obs")
            said, unsaid = _said(message, device, speaker, "" if own_topics or by_http else topic, posted=by_http)
            last[message.device] = said[-1:]
            yield from said
            if unsaid:
                yield message._replace(course="lost", observations=unsaid, causes=())


def _said(
    message: SimulatedMessage, device: Device, speaker: Speaker, below: str, *, posted: bool
) -> tuple[list[SimulatedMessage], tuple[Body, ...]]:
    said, unsaid = list[SimulatedMessage](), list[Body]()
    for body in message.observations:
        ts = instant_of(body)
        spoken_now = speaker.say(device.id, body, ts) if speaker.can_say(device, body) else []
        if not spoken_now:
            unsaid.append(body)
            continue
        for spoken in spoken_now:
            said.append(
                message._replace(
                    topic=below + spoken.topic, payload=spoken.payload, observations=(), causes=(),
                    posting=speaker.posting(device.id, spoken) if posted else None,
                )
            )  # fmt: skip
        causes = tuple(cause for cause in message.causes if cause == (ts, body.get("seq", -1)))
        said[-1] = said[-1]._replace(observations=(body,), causes=causes)
    return said, tuple(unsaid)
