"""The queue of a spool: which observations wait, which are held, and where each is. No disk, no threads.

An observation has a place, which no other gets. The files that nothing is appended to any more are segments of which
only an index is kept; the last segment, which is appended to, has its observations in memory.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest.edge.spool_file import OVERHEAD, Filed
from ingest.observations import Count, Gate, Level, Observation, State
from ingest.vocabulary import HAZARD_LEVELS, WITH_RULES, Kind

_METRICS: Final = 64
_BURST: Final = 20
_REST_S: Final = 5.0
WAITING, TAKEN, HELD, GONE = range(4)
"""What an observation is: not sent, on its way, acknowledged and kept in case the broker forgets, or no more wanted."""


class Worth(IntEnum):
    """What an observation is worth, the least first: where there is no room, they go in this order."""

    LEVEL = 0
    """Of a metric without a rule."""
    COUNT = 1
    READING = 2
    """A level of a metric that has a rule, below the value from which on it is a hazard."""
    STATE = 3
    """Of a metric without a rule."""
    GATE = 4
    HAZARD = 5
    """A level of a metric that has a rule, from that value on."""
    WORD = 6
    """A state's, of a metric with a rule."""


WORDS, REST = 0, 1
"""The two lanes of a device. Each has numbers of its own, so that what overtakes leaves no gap among the others', and
everything about one detector is in one lane, in its order."""
LANES: Final = tuple(WORDS if worth in {Worth.READING, Worth.HAZARD, Worth.WORD} else REST for worth in Worth)
Key = tuple[str, int]
"""Device and lane."""
_SPAN_BITS: Final = 20
SPAN: Final = (1 << _SPAN_BITS) - 1
"""The part of a span that is the payload's length; what is above it is where the payload begins."""


def span(at: int, size: int) -> int:
    """Return a span."""
    return at << _SPAN_BITS | size


def span_start(one: int) -> int:
    """Return where the payload of a span begins."""
    return one >> _SPAN_BITS


class SpoolStats(NamedTuple):
    """Counts of observations, and bytes."""

    waiting: int
    held: int
    """Acknowledged, and kept in case the broker forgets."""
    dropped: int
    """Never acknowledged, and given up or lost since the spool was made: the sum of `drops`."""
    unwritten: int
    """Of those that wait: only in memory, because the disk does not take them."""
    size: int
    """Bytes of all."""
    drops: dict[str, int]
    """Why and what (``full level``, ``old count``, ``memory gate``, ``damaged``) → how many."""
    oldest_s: float
    """How long something has waited, at least, while agents ran."""


class _Head(msgspec.Struct):
    type: str
    metric: str = ""
    value: float | str = 0.0


_HEADS: Final = msgspec.json.Decoder(_Head)
_PLAIN: Final = {"count": Worth.COUNT, "gate": Worth.GATE}


def worth_of(observation: Observation) -> Worth:
    """Return what an observation is worth."""
    if isinstance(observation, Count):
        return Worth.COUNT
    if isinstance(observation, Gate):
        return Worth.GATE
    return _worth(observation.metric, observation.value)


def payload_worth(payload: bytes) -> Worth:
    """Return what an observation of a file is worth."""
    try:
        head = _HEADS.decode(payload)
    except msgspec.MsgspecError:
        return Worth.LEVEL
    return _PLAIN[head.type] if head.type in _PLAIN else _worth(head.metric, head.value)


def _worth(metric: str, value: float | str) -> Worth:
    if isinstance(value, str):
        return Worth.WORD if (Kind.STATE, metric) in WITH_RULES else Worth.STATE
    limit = HAZARD_LEVELS.get(metric)
    if limit is None:
        return Worth.LEVEL
    return Worth.HAZARD if value >= limit else Worth.READING


class News:
    """Knows what detectors said last, and so what must not get lost: a new word, a reading that became a hazard.

    A metric that flaps is news `_BURST` times, and then once every `_REST_S` seconds: a card has only so many writes.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, type, str], str | None] = {}
        self._rests: dict[tuple[str, type, str], float] = {}
        """When a metric would have rested from all its news (monotonic)."""
        self._metrics: Counter[str] = Counter()

    def has_news(self, said: Sequence[tuple[str, Observation]], now: float) -> bool:
        """Take note of observations of devices, and tell whether one of them is news."""
        found = False
        for device, observation in said:
            if isinstance(observation, State):
                word: str | None = observation.value
            elif isinstance(observation, Level):
                word = "hazard" if observation.value >= HAZARD_LEVELS.get(observation.metric, math.inf) else None
            else:
                continue
            key = device, type(observation), observation.metric
            if key not in self._said:
                if self._metrics[device] >= _METRICS:
                    key = device, type(observation), ""  # so many are made up
                else:
                    self._metrics[device] += 1
            is_news = word is not None and self._said.get(key) != word
            self._said[key] = word
            rest = max(self._rests.get(key, now), now) + _REST_S
            if is_news and rest <= now + _BURST * _REST_S:
                self._rests[key], found = rest, True
        return found


@dataclass(slots=True, eq=False)
class Segment:
    """The rows of one file, in its order; a row's position is its place among them."""

    first: int
    """Place of the first row."""
    number: int = 0
    """Of the file; 0 for the one that is appended to."""
    path: Path | None = None
    state: bytearray = field(default_factory=bytearray)
    """By position."""
    worth: bytearray = field(default_factory=bytearray)
    places: "array[int] | None" = None
    """By position; None where they follow one another from `first`."""
    spans: "array[int]" = field(default_factory=lambda: array("Q"))
    """By position, of a file that is no longer appended to: where each payload is in it (`span`)."""
    index: dict[Key, "array[int]"] = field(default_factory=dict)
    """Device and lane → positions."""
    devices: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    puts: "array[float]" = field(default_factory=lambda: array("d"))
    """By position, of the last segment: when each was put (monotonic)."""
    size: int = 0
    """Bytes, as lines."""
    left: int = 0
    """Rows that are not gone."""
    until: float = -math.inf
    """When the newest row was put; far in the past where that was before the start."""
    is_indexed: bool = True
    keys: frozenset[Key] | None = None
    """Devices and lanes that it has; None where that is not known."""
    version: int = 0
    """Another one: the file was written again, and its rows have other positions."""

    def place(self, position: int) -> int:
        """Return a row's place."""
        return self.first + position if self.places is None else self.places[position]

    def position(self, place: int) -> int:
        """Return the position of the first row at a place or behind it."""
        if self.places is None:
            return max(place - self.first, 0)
        return bisect_left(self.places, place)

    def find(self, place: int) -> int | None:
        """Return the position of the row at a place, None where there is none."""
        position = self.position(place)
        if position < len(self.state) and self.place(position) == place:
            return position
        return None

    def enter(self, device: str, worth: int, place: int = 0) -> None:
        """Append a row that waits to the arrays and the index; its place counts where they do not follow another."""
        if self.places is not None:
            self.places.append(place)
        key = device, LANES[worth]
        positions = self.index.get(key)
        if positions is None:
            positions = self.index[key] = array("I")
        positions.append(len(self.state))
        self.state.append(WAITING)
        self.worth.append(worth)
        self.left += 1

    def waiting(self, start: int = 0) -> Iterator[int]:
        """Yield the positions, from one on, of what is not acknowledged."""
        state = self.state
        return (position for position in range(start, len(state)) if state[position] <= TAKEN)

    def wanted(self) -> list[int]:
        """Return the positions of what is not gone."""
        return [position for position, state in enumerate(self.state) if state != GONE]

    def compact(self, kept: Sequence[int]) -> None:
        """Let the rows that were at some positions be all there are."""
        self.version += 1
        if len(kept) == len(self.state):
            return
        self.places = array("q", map(self.place, kept))
        now_at = dict(zip(kept, range(len(kept)), strict=True))
        for key, positions in self.index.items():
            self.index[key] = array("I", (now_at[position] for position in positions if position in now_at))
        self.state = bytearray(map(self.state.__getitem__, kept))
        self.worth = bytearray(map(self.worth.__getitem__, kept if self.worth else ()))
        if self.path is None:
            self.devices = [self.devices[position] for position in kept]
            self.payloads = [self.payloads[position] for position in kept]
            self.puts = array("d", map(self.puts.__getitem__, kept))
            self.size = sum(map(line_size, self.devices, self.payloads))


class Queue:
    """Segments in the order in which their rows came."""

    def __init__(self) -> None:
        self.segments = [Segment(0)]
        self.next = 0
        """The next place."""
        self.waiting = self.held = 0
        """Rows that are not acknowledged, and those that are and are kept."""
        self.waits: Counter[str] = Counter()
        """Of which device how many wait, as far as the files have been looked into."""
        self.unseen = 0
        """Rows of files that have not been looked into."""

    @property
    def last(self) -> Segment:
        """The segment that is appended to."""
        return self.segments[-1]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(segment.size for segment in self.segments)

    def add(self, rows: Sequence[tuple[str, Worth, bytes]], now: float) -> None:
        """Append rows to the last segment."""
        last = self.last
        if not last.state:
            last.first, last.places = self.next, None
        for number, (device, worth, payload) in enumerate(rows, self.next):
            last.enter(device, worth, number)
            last.devices.append(device)
            last.payloads.append(payload)
            last.puts.append(now)
            last.size += line_size(device, payload)
            self.waits[device] += 1
        last.until = now
        self.next += len(rows)
        self.waiting += len(rows)

    def add_file(self, number: int, path: Path, count: int, size: int) -> None:
        """Append a file of so many rows and bytes, which has not been looked into. Before any row is added."""
        segment = Segment(self.next, number, path, bytearray(count), size=size, left=count, is_indexed=False)
        self.next += count
        self.waiting += count
        self.unseen += count
        self.segments.insert(-1, segment)
        self.last.first = self.next

    def close_last(self, number: int, path: Path, size: int, end: int) -> None:
        """Begin another segment at place `end`, and forget what is in the file of the one before."""
        last, fresh, split = self.last, Segment(end), self.last.position(end)
        for position in range(split, len(last.state)):
            fresh.enter(last.devices[position], last.worth[position])
            fresh.state[-1] = last.state[position]
        fresh.devices, fresh.payloads, fresh.puts = last.devices[split:], last.payloads[split:], last.puts[split:]
        fresh.size, fresh.until = sum(map(line_size, fresh.devices, fresh.payloads)), last.until
        fresh.left -= fresh.state.count(GONE)
        for position in range(split):
            if last.state[position] <= TAKEN:
                self.waits[last.devices[position]] -= 1
                self.unseen += 1
        last.state, last.worth = last.state[:split], bytearray()
        last.places = last.places[:split] if last.places is not None else None
        last.left = split - last.state.count(GONE)
        last.number, last.path, last.size, last.is_indexed = number, path, size, False
        last.index, last.devices, last.payloads, last.puts = {}, [], [], array("d")
        self.segments.append(fresh)

    def fill(self, segment: Segment, rows: Iterable[Filed]) -> None:
        """Index a segment by what its file was found to hold.

        Where it holds fewer rows than it was written with, all that it holds wait.
        """
        before, fresh = segment.state, Segment(segment.first)
        for row in islice(rows, len(before)):
            fresh.enter(row.device, payload_worth(row.payload))
            fresh.spans.append(span(row.at, len(row.payload)))
        self.unseen -= sum(state <= TAKEN for state in before)
        lost = len(before) - len(fresh.state)
        if lost:
            self.waiting += len(fresh.state) - sum(state <= TAKEN for state in before)
            self.held -= before.count(HELD)
            segment.state, segment.places = fresh.state, None
        segment.index, segment.worth, segment.is_indexed = fresh.index, fresh.worth, True
        segment.spans = fresh.spans
        for (device, _), positions in segment.index.items():
            self.waits[device] += sum(segment.state[position] <= TAKEN for position in positions)
        segment.left = len(segment.state) - segment.state.count(GONE)

    def segment_of(self, place: int) -> int:
        """Return the index of the segment that a place is in, or would be."""
        return max(bisect_right(self.segments, place, key=attrgetter("first")) - 1, 0)

    def turn(self, device: str, segment: Segment, position: int, state: int) -> None:
        """Make a row something else, and count."""
        before = segment.state[position]
        segment.state[position] = state
        gone = (before <= TAKEN) - (state <= TAKEN)
        self.waiting -= gone
        if segment.is_indexed:
            self.waits[device] -= gone
        else:
            self.unseen -= gone
        self.held += (state == HELD) - (before == HELD)
        segment.left -= (state == GONE) - (before == GONE)

    def forget_index(self, segment: Segment) -> None:
        """Keep of a file only which devices and lanes it has: memory is short."""
        for (device, _), positions in segment.index.items():
            waiting = sum(segment.state[position] <= TAKEN for position in positions)
            self.waits[device] -= waiting
            self.unseen += waiting
        segment.keys, segment.is_indexed = frozenset(segment.index), False
        segment.index, segment.worth, segment.spans = {}, bytearray(), array("Q")

    def wait_again(self, device: str, segment: Segment) -> None:
        """Let all that a device has on its way, or held, in a file wait."""
        for lane in (WORDS, REST):
            for position in segment.index.get((device, lane), ()):
                if segment.state[position] in {TAKEN, HELD}:
                    self.turn(device, segment, position, WAITING)

    def victims(self, segment: Segment, worth: int) -> list[tuple[str, int]]:
        """Return (device, position) of what may go of a worth, oldest first; of -1: of any, if it was acknowledged."""
        states = {HELD} if worth < 0 else {WAITING, HELD}
        return sorted(
            (
                (device, position)
                for (device, _), positions in segment.index.items()
                for position in positions
                if (worth < 0 or segment.worth[position] == worth) and segment.state[position] in states
            ),
            key=itemgetter(1),
        )

    def drop(self, segment: Segment, victims: Iterable[tuple[str, int]], why: str) -> Counter[str]:
        """Let rows go; return how many of what had waited."""
        dropped: Counter[str] = Counter()
        for device, position in victims:
            if segment.state[position] == WAITING:
                dropped[f"{why} {Worth(segment.worth[position]).name.lower()}"] += 1
            self.turn(device, segment, position, GONE)
        return dropped


def line_size(device: str, payload: bytes) -> int:
    """Return how many bytes a row takes as a line of its own."""
    return len(payload) + len(device) + 1 + OVERHEAD
