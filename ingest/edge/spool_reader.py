"""What one device's connection takes out of the spool: live before backlog, and detectors' words before the rest.

While little waits, everything goes in its order. Where much waits when a connection comes up, all of that is backlog,
and what is put from then on is live: it overtakes. The order is: live words, what else is live, words of the backlog,
the rest of it. Numbers tell the station what was said first, see `ingest.edge.spool`; what went late by more than
`_LATE_S` is marked as backfill on its way.
"""

import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.edge.spool_queue import GONE, HELD, REST, SPAN, TAKEN, WAITING, WORDS, Key, Queue, Segment, Worth

LITTLE: Final = 1_000
"""So many observations go in their order. Until a reconnect is over no more of a backlog is sent: it goes once more."""
_LATE_S: Final = 60.0
_BEHIND_S: Final = 5.0
"""Where what is live waits for so long, it has become backlog."""


@dataclass(slots=True)
class NextRows:
    """Rows of one device and lane."""

    segment: Segment
    positions: list[int]
    lane: int
    is_live: bool
    is_late: bool
    """Whether they go out of their order, long after they were put."""

    @property
    def has_hazard(self) -> bool:
        """Whether one of them may be an alarm."""
        return any(self.segment.worth[position] >= Worth.HAZARD for position in self.positions)

    def fitting(self, max_bytes: int) -> int:
        """Return how many of the first are no more than so many bytes together; one at least."""
        segment, size = self.segment, 2
        for count, position in enumerate(self.positions):
            size += 1 + (len(segment.payloads[position]) if segment.path is None else segment.spans[position] & SPAN)
            if size > max_bytes:
                return max(count, 1)
        return len(self.positions)


class Reader:
    """One device's view of the queue. Methods are for who holds the spool's lock.

    Parameters
    ----------
    hold_s
        How long an acknowledged observation is kept.
    wake
        Called when something was put, in any thread.
    """

    def __init__(self, queue: Queue, device: str, hold_s: float, wake: Callable[[], None]) -> None:
        self.device, self.wake = device, wake
        self.is_up: Callable[[], bool] = lambda: True
        """Whether there is a connection: without one nothing that is held is let go."""
        self._queue, self._hold_s = queue, hold_s
        self._mark = 0
        """Place from which on everything is live."""
        self._at = [0, 0, 0, 0]
        """Places up to which was looked: live words, other live, words of the backlog, its rest."""
        self._held: deque[tuple[float, Sequence[int]]] = deque()
        self._backlog = 0
        """Observations of the backlog that were sent since the last `rewind`."""

    @property
    def waiting(self) -> int:
        """How many of the device's observations wait; those of files that were not looked into may be others'."""
        return self._queue.waits[self.device] + self._queue.unseen

    def next(self, limit: int, reach: int, *, is_settled: bool) -> NextRows | Segment | None:
        """Return what is to be sent next, at most so many of one lane; or a segment that must be looked into first.

        Parameters
        ----------
        reach
            The first place that may not be sent yet: it is in no file.
        is_settled
            Whether the connection is known to be good.
        """
        now = time.monotonic()
        for turn, (lane, is_live) in enumerate(((WORDS, True), (REST, True), (WORDS, False), (REST, False))):
            if not is_live and not is_settled and self._backlog >= LITTLE:
                return None
            found = self._look(turn, (self.device, lane), limit, reach if is_live else min(reach, self._mark))
            if isinstance(found, Segment):
                return found
            if found is not None:
                segment, positions = found
                at = self._put_at(segment, positions[0])
                if is_live and at < now - _BEHIND_S and self.waiting > LITTLE:
                    self._overtake()
                    return self.next(limit, reach, is_settled=is_settled)
                is_late = not is_live and self._put_at(segment, positions[-1]) < now - _LATE_S
                return NextRows(segment, positions, lane, is_live, is_late)
        return None

    def _look(self, turn: int, key: Key, limit: int, end: int) -> tuple[Segment, list[int]] | Segment | None:
        segments = self._queue.segments
        start = self._at[turn]
        for segment in segments[self._queue.segment_of(start) :]:
            if segment.first >= end:
                break
            may_have = segment.keys is None or key in segment.keys
            if not segment.is_indexed and may_have and WAITING in segment.state:
                return segment
            positions = segment.index.get(key)
            if positions is None:
                continue
            state, found = segment.state, list[int]()
            for position in positions[bisect_left(positions, segment.position(start)) :]:
                if state[position] == WAITING:
                    if segment.place(position) >= end:
                        break
                    found.append(position)
                    if len(found) == limit:
                        break
            if found:
                return segment, found
            if segment.path is not None:  # nothing comes behind what is there
                self._at[turn] = min(max(start, segment.place(len(state) - 1) + 1), end)
        return None

    def _put_at(self, segment: Segment, position: int) -> float:
        return segment.puts[position] if segment.path is None else segment.until

    def take(self, found: NextRows, count: int) -> "array[int]":
        """Pass over the first `count` rows that were found, and return their places."""
        segment, positions = found.segment, found.positions[:count]
        for position in positions:
            segment.state[position] = TAKEN
        places = array("q", map(segment.place, positions))
        self._at[(0 if found.is_live else 2) + found.lane] = places[-1] + 1
        self._backlog += 0 if found.is_live else count
        return places

    def acknowledge(self, places: Sequence[int], now: float) -> None:
        """Hold rows. Places without a row that is on its way are passed over."""
        if not places:
            return
        for segment, position in self._rows(places):
            if segment.state[position] <= TAKEN:
                self._queue.turn(self.device, segment, position, HELD)
        self._held.append((now, places))

    def rewind(self, in_flight: Iterable[Sequence[int]]) -> int:
        """Let all that is held or on its way wait again; return how many were held."""
        if self.is_up():
            self.forget(time.monotonic() - self._hold_s)
        count = 0
        for places in (*(places for _, places in self._held), *in_flight):
            for segment, position in self._rows(places):
                state = segment.state[position]
                if state in {TAKEN, HELD}:
                    count += state == HELD
                    self._queue.turn(self.device, segment, position, WAITING)
        self._held.clear()
        self._backlog = 0
        self._at = [0, 0, 0, 0]
        self._mark = 0
        if self.waiting > LITTLE:
            self._overtake()
        return count

    def forget(self, until: float) -> None:
        """Let go what was acknowledged up to a time."""
        while self._held and self._held[0][0] <= until:
            for segment, position in self._rows(self._held.popleft()[1]):
                if segment.state[position] == HELD:
                    self._queue.turn(self.device, segment, position, GONE)

    def give_up(self, places: Sequence[int]) -> int:
        """Let go what was taken and cannot be read; return how much that is."""
        lost = [(segment, position) for segment, position in self._rows(places) if segment.state[position] == TAKEN]
        for segment, position in lost:
            self._queue.turn(self.device, segment, position, GONE)
        return len(lost)

    def oldest_held(self) -> float | None:
        """Return when the first of those that are held was acknowledged."""
        return self._held[0][0] if self._held else None

    def _overtake(self) -> None:
        """Let what is put from now on go before what waits."""
        self._mark = self._queue.next
        self._at[0] = self._at[1] = self._mark

    def _rows(self, places: Sequence[int]) -> Iterable[tuple[Segment, int]]:
        segment = self._queue.segments[self._queue.segment_of(places[0])] if places else None
        for place in places:
            if segment is None or place < segment.first or (position := segment.find(place)) is None:
                segment = self._queue.segments[self._queue.segment_of(place)]
                position = segment.find(place)
            if position is not None:
                yield segment, position
