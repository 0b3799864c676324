"""What a topic means to the gateway of one site: parsed once for every topic that a device uses."""

from enum import IntEnum
from typing import Final, NamedTuple

from ingest import topics
from ingest.places import PLATE_TOKENS, Places
from ingest.refusal import Refusal
from ingest.shards import ShardMap
from ingest.vocabulary import Reason

_CACHED: Final = 100_000
MAX_STRANGERS: Final = 50_000
"""Devices outside the places file that are let in where the settings allow any: each costs memory for good."""


class Leaf(IntEnum):
    """What a message on a topic is."""

    OBSERVATIONS = 0
    STATUS = 1
    INCIDENT = 2
    COMMAND = 3
    DID = 6
    HEALTH = 7
    """An edge agent's word on itself."""
    CLOCK = 5
    """What time a recording has come to."""
    OUTPUT = 4
    """What the house itself sends: a gateway hears it because it hears everything below its site."""


class Route(NamedTuple):
    """Where a message belongs. Beat and device are empty for what people say, which goes to shard 0."""

    leaf: Leaf
    beat: str = ""
    device: str = ""
    shard: int = 0
    officer: str = ""
    rest: str = ""
    """Of a device that may speak a dialect: what stands behind its id."""


OUTPUT: Final = Route(Leaf.OUTPUT)
_LEAVES: Final = {"obs": Leaf.OBSERVATIONS, "status": Leaf.STATUS, "health": Leaf.HEALTH}
_ITS_OWN: Final = frozenset({"status", "health"})
"""What a device says in our words, whatever it speaks."""


class Routes:
    """Looks topics up; remembers only those that lead somewhere, so that hostile topics fill no memory."""

    def __init__(
        self,
        site: str,
        places: Places | None,
        *,
        accept_unknown: bool = False,
        shards: ShardMap | None = None,
        dialects: bool = False,
    ) -> None:
        """Take the site's places; with `accept_unknown` (or no places) any device of any beat is taken.

        Without `shards` there is one. With `dialects`, devices that have bindings may say anything below their id.
        """
        self._site, self._places = site, places
        self.shards = shards or ShardMap(1)
        self._accept_unknown = accept_unknown or places is None
        devices = () if places is None else tuple(places.devices.values())
        self.with_tokens = frozenset(device.id for device in devices if device.overrides.get(PLATE_TOKENS) is True)
        """Devices that may send tokens in the place of plates."""
        self._speaking = frozenset(device.id for device in devices if dialects and device.bindings)
        self._strangers: set[str] = set()
        self._known: dict[str, Route] = {
            topics.incidents(site): Route(Leaf.INCIDENT),
            topics.commands(site): Route(Leaf.COMMAND),
            topics.clock(site): Route(Leaf.CLOCK),
        }

    def find(self, topic: str) -> Route | Refusal:
        """Return where a topic leads, or why nowhere."""
        route = self._known.get(topic)
        if route is not None:
            return route
        if topics.is_output(topic, self._site):
            return OUTPUT
        officer = topics.officer_of(topic, self._site)
        if officer is not None:
            return Route(Leaf.DID, officer=officer)
        parsed, below = topics.parse_device_topic(topic), topics.below_device(topic)
        speaks = self.speaks(topic)
        if speaks:
            parsed = below
        wrong = ""
        if parsed is None:
            wrong = f"expected {topics.ROOT}/{self._site}/BEAT/DEVICE/obs or …/status"
        elif parsed.site != self._site:
            wrong = f"site {parsed.site!r}, this gateway serves {self._site!r}"
        elif parsed.beat in topics.RESERVED_BEATS:
            wrong = f"{parsed.beat!r} is a reserved word, no beat"
        if parsed is None or wrong:
            return Refusal(Reason.TOPIC, wrong)
        unknown = self._unknown(parsed)
        if unknown is not None:
            return Refusal(Reason.UNKNOWN_DEVICE, unknown)
        route = Route(
            _LEAVES.get(parsed.leaf, Leaf.OBSERVATIONS),
            parsed.beat,
            parsed.device,
            self.shards.shard_of(parsed.beat),
            rest=parsed.leaf if speaks else "",
        )
        if parsed.leaf in _LEAVES and len(self._known) < _CACHED:
            self._known[topic] = route
        return route

    def speaks(self, topic: str) -> bool:
        """Tell whether a vendor's message may come on a topic: no byte of it is kept where it is refused.

        There may be names in it, and pictures of people.
        """
        below = topics.below_device(topic)
        return below is not None and below.device in self._speaking and below.leaf not in _ITS_OWN

    def _unknown(self, parsed: topics.DeviceTopic) -> str | None:
        device = None if self._places is None else self._places.devices.get(parsed.device)
        if self._accept_unknown:
            if device is None and parsed.device not in self._strangers:
                if len(self._strangers) >= MAX_STRANGERS:
                    return (
                        f"device {parsed.device!r} is not in the places file, and {MAX_STRANGERS} such devices are in"
                    )
                self._strangers.add(parsed.device)
            return None
        if device is None:
            return f"device {parsed.device!r} is not in the places file"
        if device.beat != parsed.beat:
            return f"device {parsed.device!r} belongs to beat {device.beat!r}, not {parsed.beat!r}"
        return None
