"""What one device may use of what all share, and what becomes of the rest.

A device has *seconds* to spend. A message costs as many seconds as the device may take for so many observations, or
for so many bytes, whichever is more. Seconds come back as time passes, up to a burst. They also come back as the times
of its observations go on: what a device kept while it was cut off counts by when it was observed, not by how fast it
comes.

What is over is refused, summed, and told as the device's fault. Two things are never lost by that:

- **A hazard's word.** Of levels and states that have a rule, over the quota, every flush takes the newest of each
  word, and the lowest, highest and newest of each level (`Condensed`). So a detector that sends ten thousand times a
  second is heard like one that sends as often as the gateway writes, and an alarm among ten thousand words is seen.
- **A status**: the newest of each flush.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final, TypeGuard

import msgspec

from ingest.events import DeviceFault, Fault
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.routes import Route
from ingest.observations import Level, Observation, State, epoch_ms
from ingest.refusal import SUMMED, Refusal
from ingest.vocabulary import WITH_RULES, Kind

_STATUS_S: Final = 1.0
"""What a status costs: it makes a record of its own. A device that comes and goes every second may do so for ever."""
_BOOTS: Final = 64
"""Boots of a device that are known not to be new."""
_LOW: Final = 0.1
_BACKLOG_MS: Final = 60_000
_OLDEST_MS: Final = 90 * 86_400_000
"""What a device had kept is older than this, and not older than that."""
_WORDS: Final = 8
"""Words of one state that are told apart in one flush over the quota; a detector has two or three."""
_TELL_MS: Final = 60_000
"""A fault that lasts is told again so often; `stream.detect.device_faults` takes it for over after twice as long."""
_KEPT_BURST, _KEPT_PER_S = 256 << 10, 1 << 10
_KEPT_BURST_ALL, _KEPT_PER_S_ALL = 4 << 20, 256 << 10
"""Bytes of refusals that are searched for plates and kept: of one device, and of all. The others are summed."""
_REFUSAL_BYTES: Final = 512
"""What a refusal costs beside its payload."""
STRANGERS: Final = "(strangers)"
"""Who shares one quota: topics that are none, and devices that are not known."""
UNREAD: Final = 1_024
"""Only messages longer than this are refused without being read."""
_HAZARDS: Final = (*(f'"{metric}"'.encode() for _, metric in sorted(WITH_RULES)), b"\\u")
"""A message that names no metric with a rule has none of these in it."""


@dataclass(slots=True, eq=False)
class Share:
    """What one device has left."""

    at_ms: int
    seconds: float
    boots_left: float
    kept: float = float(_KEPT_BURST)
    boots: dict[str, None] = field(default_factory=dict)
    boot: str = ""
    """While it has plenty: whose observations are taken unasked."""
    rows: int = 0
    """How many were."""
    backlog_ms: dict[bool, int] = field(default_factory=dict)
    """Newest event time of what it had kept, from when its seconds first ran out: of what has rules, which edge agents
    send first, and of the rest."""
    over_ms: int = -1
    """When it was over its quota last: it stays so until the flush ends, so that nothing overtakes."""
    over: Fault = "rate"
    refused: int = 0
    """Not told yet."""
    told_ms: int | None = None


class Quotas:
    """The shares of all devices. For the gateway's one writer thread."""

    def __init__(self, settings: GatewaySettings, *, live: bool) -> None:
        """Take the settings; where time follows the data (not `live`) there is no rate, and nothing is limited."""
        self.live = live
        self._row_s = 1 / settings.device_observations_s if live and settings.device_observations_s else 0.0
        self._byte_s = 1 / settings.device_bytes_s if live and settings.device_bytes_s else 0.0
        self._burst_s = settings.device_burst_s
        self._low_s = _LOW * self._burst_s
        self._plenty_s = self._low_s + (settings.max_rows + 1) * self._row_s
        self.plenty: dict[str, Share] = {}
        """Devices that have more left, in this flush, than a flush can take."""
        self._boots = float(settings.device_boots_h) if live else 0.0
        self._settings = settings
        self._shares: dict[str, Share] = {}
        self._all = Share(0, 0.0, 0.0, float(_KEPT_BURST_ALL))
        self._at_fault: dict[str, tuple[Share, str]] = {}
        """Device → its share and beat, while something is to be told."""

    def share(self, device: str, now_ms: int) -> Share:
        """Return a device's share, with what has come back since it was asked for last."""
        share = self._shares.get(device)
        if share is None:
            share = self._shares[device] = Share(now_ms, self._burst_s, self._boots)
        elif now_ms != share.at_ms:
            gone_s = max(now_ms - share.at_ms, 0) / 1000
            share.at_ms = now_ms
            share.seconds = min(share.seconds + gone_s, self._burst_s)
            share.boots_left = min(share.boots_left + gone_s * self._boots / 3600, self._boots)
            share.kept = min(share.kept + gone_s * _KEPT_PER_S, _KEPT_BURST)
        return share

    def may_be_left_unread(self, share: Share, payload: bytes) -> bool:
        """Tell whether a message is too many bytes and is refused unread: a long one that names no hazard."""
        if len(payload) * self._byte_s <= share.seconds:
            return False
        if any(word in payload for word in _HAZARDS):
            return False
        self._is_over(share, "bytes")
        return True

    def allows(self, device: str, observations: Sequence[Observation], size: int, now_ms: int) -> bool:
        """Charge a device for a message; tell whether all of it may be taken. Else `Share.over` says what is too much.

        Over ``boots``, only observations of boots that are not in `Share.boots` are too many; else all are.
        A device that has plenty is in `plenty` afterwards: more of the same boot are not charged one by one.
        """
        share = self.share(device, now_ms)
        if not self._charged(share, observations, size):
            return False
        if share.seconds >= self._plenty_s and share.over_ms != now_ms:
            share.boot = observations[0].boot
            self.plenty[device] = share
        return True

    def settle(self) -> None:
        """Charge what was taken of those that have plenty; a flush ends."""
        for share in self.plenty.values():
            share.seconds -= share.rows * self._row_s
            share.rows = 0
        self.plenty.clear()

    def _charged(self, share: Share, observations: Sequence[Observation], size: int) -> bool:
        if share.over_ms == share.at_ms and share.over != "boots":
            return False
        rows_s, bytes_s = len(observations) * self._row_s, size * self._byte_s
        cost = max(rows_s, bytes_s)
        if cost > share.seconds - self._low_s:  # before they have run out: what is live has none to get back
            self._credit(share, observations, cost)
        if cost > share.seconds:
            self._is_over(share, "rate" if rows_s >= bytes_s else "bytes")
            return False
        share.seconds -= cost
        if self._boots:
            boots = share.boots
            for one in observations:
                if one.boot not in boots:
                    if share.boots_left < 1:
                        self._is_over(share, "boots")
                        return False
                    share.boots_left -= 1
                    boots[one.boot] = None
                    if len(boots) > _BOOTS:
                        del boots[next(iter(boots))]
        return True

    def pay(self, device: str, size: int, now_ms: int) -> None:
        """Charge a device for a message that is refused: it costs the gateway time, and nobody else."""
        self.share(device, now_ms).seconds -= size * self._byte_s

    def over_status(self, share: Share) -> bool:
        """Charge a share for a status; tell whether it is too many."""
        if not self.live or not self._row_s:
            return False
        if share.seconds < _STATUS_S or share.over_ms == share.at_ms:
            self._is_over(share, "rate")
            return True
        share.seconds -= _STATUS_S
        return False

    def _is_over(self, share: Share, what: Fault) -> None:
        share.over_ms, share.over = share.at_ms, what

    def _credit(self, share: Share, observations: Sequence[Observation], cost: float) -> None:
        """Give back as many seconds as a backlog's own time has gone on."""
        newest, ruled = max(epoch_ms(one.ts) for one in observations), has_rule(observations[0])
        before = share.backlog_ms.get(ruled)
        if newest > share.at_ms - _BACKLOG_MS:
            return
        newest = max(newest, share.at_ms - _OLDEST_MS)
        share.backlog_ms[ruled] = newest if before is None else max(newest, before)
        # Where the backlog began is not known before its seconds run low: one message is free.
        gone_s = cost if before is None else max(newest - before, 0) / 1000
        share.seconds = min(share.seconds + gone_s, max(self._burst_s, cost))

    def keeps(self, source: str, size: int, now_ms: int) -> bool:
        """Charge a source for a refusal; tell whether its bytes are kept, or whether it is only counted."""
        if not self.live:
            return True
        share, every, cost = self.share(source, now_ms), self._all, size + _REFUSAL_BYTES
        if now_ms != every.at_ms:
            every.kept = min(every.kept + max(now_ms - every.at_ms, 0) / 1000 * _KEPT_PER_S_ALL, _KEPT_BURST_ALL)
            every.at_ms = now_ms
        if share.kept < cost or every.kept < cost:
            return False
        share.kept -= cost
        every.kept -= cost
        return True

    def blame(self, beat: str, device: str, what: Fault, now_ms: int, times: int = 1) -> None:
        """Note a device's fault, which `faults` will tell."""
        share = self.share(device, now_ms)
        share.over, share.refused = what, share.refused + times
        self._at_fault[device] = share, beat

    def faults(self, now_ms: int) -> list[DeviceFault]:
        """Return the faults that are to be told now: new ones at once, one that lasts every minute."""
        due = [
            (device, beat, share)
            for device, (share, beat) in self._at_fault.items()
            if share.told_ms is None or not 0 <= now_ms - share.told_ms < _TELL_MS
        ]
        told: list[DeviceFault] = []
        for device, beat, share in due:
            told.append(
                DeviceFault(
                    beat=beat, device=device, what=share.over, refused=share.refused, limit=self._limit(share.over)
                )
            )
            share.told_ms, share.refused = now_ms, 0
            del self._at_fault[device]
        return told

    def _limit(self, what: Fault) -> float:
        settings = self._settings
        limits = {
            "rate": settings.device_observations_s,
            "bytes": settings.device_bytes_s,
            "boots": settings.device_boots_h,
        }
        return float(limits.get(what, 0))


class Condensed(msgspec.Struct):
    """What is taken all the same of one device's hazards over its quota, in one flush."""

    topic: str
    route: Route
    came: int = 0
    _held: dict[tuple[type, str, str], tuple[int, State | Level]] = msgspec.field(default_factory=dict)
    """What of which metric → when it came, and what."""

    def add(self, observation: State | Level) -> None:
        """Note the next observation, of a kind and metric that has a rule."""
        self.came += 1
        held, kind, metric, now = self._held, type(observation), observation.metric, (self.came, observation)
        if isinstance(observation, State):
            word = (kind, metric, observation.value)
            if word not in held and sum(key[:2] == word[:2] for key in held) >= _WORDS:
                word = (kind, metric, "")
            held[word] = now
            return
        value = observation.value
        held[kind, metric, "newest"] = now
        for name, better in (("lowest", float.__lt__), ("highest", float.__gt__)):
            before = held.get((kind, metric, name))
            if before is None or (isinstance(before[1], Level) and better(float(value), float(before[1].value))):
                held[kind, metric, name] = now

    def taken(self) -> list[State | Level]:
        """Return what is taken, in the order in which it came."""
        return [one for _, one in sorted(set(self._held.values()), key=lambda entry: entry[0])]


def has_rule(observation: Observation) -> TypeGuard[State | Level]:
    """Tell whether an observation may be a hazard's word."""
    if isinstance(observation, State):
        return (Kind.STATE, observation.metric) in WITH_RULES
    return isinstance(observation, Level) and (Kind.LEVEL, observation.metric) in WITH_RULES


class Condenser:
    """What is taken over the quotas of all devices, in one flush."""

    def __init__(self) -> None:
        self.held: dict[str, Condensed] = {}
        """By device."""

    def within(
        self, share: Share, topic: str, route: Route, observations: Sequence[Observation]
    ) -> tuple[list[Observation], int]:
        """Return those of a message that are within the quota, and how many are refused; hazards are condensed."""
        within: list[Observation] = []
        refused = 0
        for one in observations:
            if share.over == "boots" and one.boot in share.boots:
                within.append(one)
            elif has_rule(one):
                self.held.setdefault(route.device, Condensed(topic, route)).add(one)
            else:
                refused += 1
        return within, refused


class RefusalSums:
    """Refusals that are only counted, by source and reason, until they are written."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Refusal] = {}

    def __bool__(self) -> bool:
        """Tell whether there is something to write."""
        return bool(self._sums)

    def add(self, source: str, refusal: Refusal) -> None:
        """Count a refusal of a source. Its texts hold no plates."""
        before = self._sums.get((source, refusal.reason))
        size, times = refusal.size, refusal.times
        if before is None:
            detail, size = f"{refusal.detail} {SUMMED}", max(size, 1)
        else:
            refusal, detail, size, times = before, before.detail, before.size + size, before.times + times
        self._sums[source, refusal.reason] = msgspec.structs.replace(
            refusal, detail=detail, payload=b"", size=size, times=times
        )

    def take(self) -> list[Refusal]:
        """Return the sums, and begin anew."""
        sums, self._sums = list(self._sums.values()), {}
        return sums


def source_of(topic: str) -> str:
    """Return the device that a topic of the gateway, or BEAT/DEVICE of the pipeline, names; empty where none."""
    parts = topic.split("/")
    return parts[4] if len(parts) == 6 else parts[1] if len(parts) == 2 else ""


def in_turn(entries: Sequence[tuple[str, int]]) -> Iterator[int]:
    """Yield the places of entries, (source, weight) in order of age, in which they make room for others.

    It is always the oldest of the source that weighs most: one device's flood does not push out what others have.
    """
    waiting: dict[str, deque[int]] = {}
    weights: Counter[str] = Counter()
    for place, (source, weight) in enumerate(entries):
        waiting.setdefault(source, deque()).append(place)
        weights[source] += weight
    heaviest = [(-weight, source) for source, weight in weights.items()]
    heapify(heaviest)
    while heaviest:
        weight, source = heappop(heaviest)
        place = waiting[source].popleft()
        yield place
        if waiting[source]:
            heappush(heaviest, (weight + entries[place][1], source))
