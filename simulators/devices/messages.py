"""From what devices saw to what they send: numbering, batches, faults, and the order in which messages leave."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

import msgspec

from ingest import topics
from ingest.events import Incident
from simulators.devices.faults import FaultRates, Faults, skews
from simulators.world.life import Event, World
from simulators.world.neighbourhood import Neighbourhood, Spec
from simulators.world.reports import epoch_ms, incidents
from simulators.world.vehicles import Body

MAX_PAYLOAD: Final = 9_000
"""Bytes after which a batch is cut: small brokers accept little more than 10 kB."""
MAX_BATCH: Final = 200
DISPATCH: Final = -1
"""Stands for the dispatch system where a message's device would stand."""

Course = Literal["sent", "lost", "repeated", "spoilt", "incident"]


class Spoken(NamedTuple):
    """One message as a device of some vendor sends it."""

    topic: str
    """The vendor's own, as at a broker beside the devices; of a dialect that is posted the path, without its slash."""
    payload: bytes
    content_type: str = "application/json"


class Posting(NamedTuple):
    """How a message goes by HTTP."""

    account: str
    headers: tuple[tuple[str, str], ...]
    first: Spoken | None = None
    """What whoever is not known says before it."""


class SimulatedMessage(NamedTuple):
    """One MQTT message, or one that was lost on its way to being one."""

    at: int
    """Event time at which it leaves."""
    device: int
    """Position in `Neighbourhood.specs`, or `DISPATCH`."""
    topic: str
    payload: bytes
    course: Course
    observations: tuple[Body, ...] = ()
    """What is in it, with time and number as sent; empty for spoilt ones and incidents."""
    causes: tuple[tuple[int, int], ...] = ()
    """(ts, seq) of observations that show a scenario by themselves; seq -1 for devices that cannot number."""
    spoilt: str = ""
    late: bool = False
    posting: Posting | None = None
    """None: it goes by MQTT."""


def boot_of(seed: int, origin_ms: int) -> str:
    """Return the boot id of a run: the same for the same seed and start."""
    return blake2b(f"{seed}|{origin_ms}".encode(), digest_size=5).hexdigest()


class Post:
    """Numbers, batches and delays the observations of a site's devices.

    Parameters
    ----------
    site, site_id
        Who sends, and the site's word in topics.
    seed, origin_ms
        What chance starts from.
    rates
        What goes wrong.
    boot
        Identifies this numbering; a run that starts its numbers at 0 needs another.
    """

    def __init__(
        self, site: Neighbourhood, *, site_id: str, seed: int, origin_ms: int, rates: FaultRates, boot: str = ""
    ) -> None:
        self.site, self.site_id, self.seed = site, site_id, seed
        wrong = skews(site, rates, seed)
        boot = boot or boot_of(seed, origin_ms)
        self._senders = [
            _Sender(position, spec, site_id, boot, Faults(
                rates, seed=seed, device=spec.device.id, origin_ms=origin_ms, skew_ms=wrong.get(spec.device.id, 0)
            ))
            for position, spec in enumerate(site.specs)
        ]  # fmt: skip
        self._order = 0
        self._queue: list[tuple[int, int, SimulatedMessage]] = []

    def minute(self, events: Iterable[Event], end: int) -> Iterator[SimulatedMessage]:
        """Take a minute's events, in order, and give what leaves before `end`, in order."""
        open_now: dict[int, _Sender] = {}
        for event in events:
            sender = self._senders[event.device]
            if sender.is_due(event.ts):
                self._seal(sender)
            sender.add(event)
            if sender.is_full(event.ts):
                self._seal(sender)
            open_now[event.device] = sender
        for sender in open_now.values():
            if not sender.batch_ms:
                self._seal(sender)
        return self._leaving(end)

    def rest(self, end: int) -> Iterator[SimulatedMessage]:
        """Give everything that is still on its way, as if it left at `end`."""
        for sender in self._senders:
            self._seal(sender)
        for message in self._leaving(None):
            yield message._replace(at=min(message.at, end))

    def incident(self, report: Incident) -> None:
        """Queue a report of the dispatch system."""
        topic, payload = topics.incidents(self.site_id), msgspec.json.encode(report)
        self._push(SimulatedMessage(epoch_ms(report), DISPATCH, topic, payload, "incident"))

    def pack(self, device: int, rows: Iterable[tuple[int, Body]]) -> Iterator[SimulatedMessage]:
        """Give one device's rows numbers, in batches as large as a message may be. Nothing goes wrong here."""
        sender = self._senders[device]
        batch: list[Body] = []
        encoded: list[bytes] = []
        at = 0

        def message() -> SimulatedMessage:
            return SimulatedMessage(at, device, sender.topic, b"[" + b",".join(encoded) + b"]", "sent", tuple(batch))

        for ts, body in rows:
            observation = sender.number(ts, body)
            raw = msgspec.json.encode(observation)
            if batch and (sum(map(len, encoded)) + len(batch) + len(raw) + 1 > MAX_PAYLOAD or len(batch) >= MAX_BATCH):
                yield message()
                batch, encoded = [], []
            batch.append(observation)
            encoded.append(raw)
            at = ts
        if batch:
            yield message()

    def _seal(self, sender: "_Sender") -> None:
        for message in sender.seal():
            self._push(message)

    def _push(self, message: SimulatedMessage) -> None:
        self._order += 1
        heapq.heappush(self._queue, (message.at, self._order, message))

    def _leaving(self, end: int | None) -> Iterator[SimulatedMessage]:
        while self._queue and (end is None or self._queue[0][0] < end):
            yield heapq.heappop(self._queue)[2]


class _Sender:
    """One device's end of the line."""

    __slots__ = (
        "_at",
        "_boot",
        "_causes",
        "_faults",
        "_first",
        "_open",
        "_seq",
        "_spec",
        "batch_ms",
        "position",
        "topic",
    )

    def __init__(self, position: int, spec: Spec, site_id: str, boot: str, faults: Faults) -> None:
        self.position, self._spec, self._boot, self._faults = position, spec, boot, faults
        self.topic = topics.observations(site_id, spec.device.beat, spec.device.id)
        self.batch_ms = spec.batch_ms
        self._seq = 0
        self._open: list[Body] = []
        self._causes: list[tuple[int, int]] = []
        self._first = self._at = 0

    def is_due(self, ts: int) -> bool:
        """Tell whether the open batch leaves before an observation of `ts`: what is seen at once goes at once."""
        return bool(self._open) and not self.batch_ms and ts != self._first

    def is_full(self, ts: int) -> bool:
        """Tell whether the open batch leaves with the observation of `ts` that was just added."""
        return self.batch_ms > 0 and ts >= self._first + self.batch_ms

    def number(self, ts: int, body: Body) -> Body:
        """Return an observation as the device says it: with its own idea of the time, and its next number."""
        said = ts + self._faults.skew_ms
        when: int | str = said
        if self._spec.text_time:
            when = datetime.fromtimestamp(said / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if not self._spec.numbered:
            return {**body, "ts": when}
        seq = self._seq
        self._seq = seq + 1
        return {**body, "ts": when, "seq": seq, "boot": self._boot}

    def add(self, event: Event) -> None:
        """Put an observation into the open batch."""
        observation = self.number(event.ts, event.body)
        if not self._open:
            self._first = event.ts
        if event.cause:
            self._causes.append((event.ts + self._faults.skew_ms, observation.get("seq", -1)))
        self._open.append(observation)
        self._at = event.ts

    def seal(self) -> list[SimulatedMessage]:
        """Close the open batch and return what becomes of it."""
        if not self._open:
            return []
        batch, causes, at = tuple(self._open), tuple(self._causes), self._at
        self._open, self._causes = [], []
        payload = msgspec.json.encode(batch[0] if len(batch) == 1 else batch)
        fate = self._faults.fate(spare=bool(causes))
        if fate.lost:
            return [SimulatedMessage(at, self.position, self.topic, payload, "lost", batch)]
        late = fate.delay_ms > 0
        messages = [
            SimulatedMessage(at + fate.delay_ms, self.position, self.topic, payload, "sent", batch, causes, "", late)
        ]
        if fate.repeat_ms is not None:
            messages.append(
                SimulatedMessage(at + fate.repeat_ms, self.position, self.topic, payload, "repeated", batch)
            )
        if fate.spoilt:
            wrong = self._faults.spoil(fate.spoilt, self.number(at, batch[-1]), at)
            raw = wrong if isinstance(wrong, bytes) else msgspec.json.encode(wrong)
            messages.append(SimulatedMessage(at, self.position, self.topic, raw, "spoilt", (), (), fate.spoilt))
        return messages


def live(world: World, post: Post, until: int) -> Iterator[SimulatedMessage]:
    """Give every message of a world's life up to an instant, in the order in which they leave."""
    schedule, queued = world.schedule, 0
    while world.minute_start < until:
        for report in incidents(
            world.site, world.calendar, world.seed, world.minute_start, world.minute_start + 60_000
        ):
            post.incident(report)
        events = world.minute()
        if schedule is not None:
            for report in schedule.incidents[queued:]:
                post.incident(report)
            queued = len(schedule.incidents)
        yield from post.minute(events, world.minute_start)
    yield from post.rest(world.minute_start)
