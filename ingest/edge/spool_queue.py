"""The queue of a spool: which observations wait, which are held, and in which file each is. No disk, no threads."""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from ingest.edge.spool_file import OVERHEAD
from ingest.observations import Level, Observation, State
from ingest.vocabulary import HAZARD_LEVELS

_METRICS: Final = 64
_BURST: Final = 20
_REST_S: Final = 5.0
_STATE: Final = b'{"type":"state"'


class SpooledRow(NamedTuple):
    """One observation that waits."""

    place: int
    """In the queue."""
    payload: bytes
    """JSON, with number and boot id."""


class SpoolStats(NamedTuple):
    """Counts of observations, and bytes."""

    waiting: int
    held: int
    """Acknowledged, and kept in case the broker forgets."""
    dropped: int
    """Never acknowledged, and pushed out since the start because there was no room."""
    unwritten: int
    """Of those that wait: only in memory, because the disk does not take them."""
    size: int
    """Bytes of all."""


class News:
    """Knows what detectors said last, and so what must not get lost: a new word, a reading that became a hazard.

    A metric that flaps is news `_BURST` times, and then once every `_REST_S` seconds: a card has only so many writes.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[type, str], str | None] = {}
        self._rests: dict[tuple[type, str], float] = {}
        """When a metric would have rested from all its news (monotonic)."""

    def has_news(self, observations: Sequence[Observation], now: float) -> bool:
        """Take note of observations, and tell whether one of them is news."""
        found = False
        for observation in observations:
            if isinstance(observation, State):
                said: str | None = observation.value
            elif isinstance(observation, Level):
                said = "hazard" if observation.value >= HAZARD_LEVELS.get(observation.metric, math.inf) else None
            else:
                continue
            key = type(observation), observation.metric
            if key not in self._said and len(self._said) >= _METRICS:
                key = type(observation), ""  # so many are made up
            is_news = said is not None and self._said.get(key) != said
            self._said[key] = said
            rest = max(self._rests.get(key, now), now) + _REST_S
            if is_news and rest <= now + _BURST * _REST_S:
                self._rests[key], found = rest, True
        return found


@dataclass(slots=True)
class Row:
    """One observation."""

    payload: bytes
    put: float
    """When it was put here (monotonic)."""
    acknowledged: bool = False


@dataclass(slots=True, eq=False)
class Segment:
    """The rows of one file, numbered from `first` up to and without `end`."""

    first: int
    end: int
    count: int = 0
    """Rows that are still wanted."""
    size: int = 0
    """Their bytes, as lines; where the file has not been read, all its bytes."""
    on_disk: int = 0
    """Bytes of a file that is no longer appended to."""
    path: Path | None = None
    """None: the file that is appended to, which is always the last."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By place, in this order."""
    is_read: bool = True
    """Whether `rows` has what is in the file."""

    def payloads(self) -> Iterator[bytes]:
        """Yield what is still wanted, in order."""
        return (row.payload for row in self.rows.values())

    def waiting(self, start: int, end: int) -> Iterator[tuple[int, Row]]:
        """Yield what waits from place `start` up to and without `end`."""
        rows = self.rows
        for place in range(max(start, next(iter(rows), end)), min(end, self.end)):
            row = rows.get(place)
            if row is not None and not row.acknowledged:
                yield place, row


class Queue:
    """Rows in the order in which they came, each at its place; places are never used twice."""

    def __init__(self) -> None:
        self.segments = [Segment(0, 0)]
        self.next = 0
        """The next place."""
        self.size = 0
        self._held: deque[tuple[float, Segment, int]] = deque()

    @property
    def last(self) -> Segment:
        """The segment that is appended to."""
        return self.segments[-1]

    @property
    def held(self) -> int:
        """How many are acknowledged and kept."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many are not acknowledged."""
        return sum(segment.count for segment in self.segments) - len(self._held)

    def oldest_held(self) -> float | None:
        """Return when the first of those that are held was acknowledged."""
        return self._held[0][0] if self._held else None

    def add(self, payloads: Sequence[bytes], now: float) -> None:
        """Append rows to the last segment."""
        last = self.last
        for payload in payloads:
            last.rows[self.next] = Row(payload, now)
            self.next += 1
        last.end = self.next
        self._grow(last, len(payloads), sum(map(len, payloads)) + OVERHEAD * len(payloads))

    def add_file(self, path: Path, count: int, size: int) -> None:
        """Append a file of so many rows and bytes, which has not been read. Before any row is added."""
        segment = Segment(self.next, self.next + count, on_disk=size, path=path, is_read=False)
        self.next += count
        self.segments.insert(-1, segment)
        self.last.first = self.last.end = self.next
        self._grow(segment, count, size)

    def fill(self, segment: Segment, payloads: Sequence[bytes]) -> None:
        """Give a segment the rows that its file was found to hold: no more than it was said to."""
        if segment.is_read:
            return
        segment.is_read = True
        segment.rows = {segment.first + n: Row(payload, 0.0) for n, payload in enumerate(payloads)}
        size = sum(map(len, payloads)) + OVERHEAD * len(payloads)
        self._grow(segment, len(payloads) - segment.count, size - segment.size)

    def split(self, end: int, path: Path, on_disk: int) -> Segment:
        """Close the last segment before place `end`, begin another, and return the closed one."""
        closed = self.last
        fresh = Segment(end, self.next)
        for place in range(end, self.next):
            row = closed.rows.pop(place, None)
            if row is not None:
                fresh.rows[place] = row
        moved = sum(len(payload) + OVERHEAD for payload in fresh.payloads())
        fresh.count, fresh.size = len(fresh.rows), moved
        closed.end, closed.path, closed.on_disk = end, path, on_disk
        closed.count, closed.size = closed.count - fresh.count, closed.size - moved
        self._held = deque(
            (when, fresh if place >= end and segment is closed else segment, place)
            for when, segment, place in self._held
        )
        self.segments.append(fresh)
        return closed

    def after(self, place: int) -> list[Segment]:
        """Return the segments that may hold rows behind a place."""
        return self.segments[self._index(place + 1) :]

    def acknowledge(self, places: Iterable[int], now: float) -> None:
        """Hold rows. Places without a row that waits are passed over."""
        for place in places:
            segment = self.segments[self._index(place)]
            row = segment.rows.get(place)
            if row is not None and not row.acknowledged:
                row.acknowledged = True
                self._held.append((now, segment, place))

    def rewind(self) -> int:
        """Let all that is held wait again; return how many."""
        for _, segment, place in self._held:
            segment.rows[place].acknowledged = False
        count = len(self._held)
        self._held.clear()
        return count

    def forget(self, until: float) -> None:
        """Take out what was acknowledged up to a time."""
        while self._held and self._held[0][0] <= until:
            _, segment, place = self._held.popleft()
            self._remove(segment, place)

    def emptied(self) -> list[Path]:
        """Take out the segments that nothing is wanted of, and return their files."""
        empty = [segment for segment in self.segments[:-1] if not segment.count]
        self.segments = [segment for segment in self.segments if segment not in empty]
        return [segment.path for segment in empty if segment.path is not None]

    def make_room(self, most: int, most_in_last: int) -> int:
        """Drop the oldest rows above so many bytes, in all and in the last segment; return how many had waited.

        Other segments go whole; `emptied` has their files.
        """
        if self.size <= most and self.last.size <= most_in_last:
            return 0
        before = self.waiting
        for segment in self.segments[:-1]:
            if self.size > most:
                segment.is_read, segment.rows = True, {}
                self._grow(segment, -segment.count, -segment.size)
        last, limit = self.last, min(most, most_in_last)
        if last.size > limit:
            limit -= limit // 100  # some more, so that this is not done for every observation
            rows = last.rows
            for word in (_STATE, b""):  # what a detector said last goes last
                for place in [place for place, row in rows.items() if not (word and row.payload.startswith(word))]:
                    if last.size <= limit:
                        break
                    self._remove(last, place)
        self._held = deque(one for one in self._held if one[2] in one[1].rows)
        return before - self.waiting

    def _index(self, place: int) -> int:
        return max(bisect_right(self.segments, place, key=attrgetter("first")) - 1, 0)

    def _remove(self, segment: Segment, place: int) -> None:
        row = segment.rows.pop(place, None)
        if row is not None:
            self._grow(segment, -1, -len(row.payload) - OVERHEAD)

    def _grow(self, segment: Segment, rows: int, size: int) -> None:
        segment.count += rows
        segment.size += size
        self.size += size
