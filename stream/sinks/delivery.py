"""Delivery: brings results into every sink, in order, each sink at its own pace, until it has them.

What holds, on both engines:

* every sink has a queue and a thread of its own: one that fails or hangs holds up no other;
* a sink gets results in log order. What it refused is given to it again, with waits that double from 0.1 s to 10 s,
  until it is in; `Delivery.failing` names the sink and its last error meanwhile;
* `Delivery.reached` is how far *all* sinks have the results durably. An engine saves its state, and commits the log's
  position, only up to there: after a crash whatever a sink lacks is read from the log again;
* memory is bounded. A healthy sink that is slow holds the engine up (`wait_for_room`). A failing one does not: what
  its full queue has no room for is passed over. When the sink works again, `behind` tells the engine to go back to its
  saved state and to read the log again from there: that state is no newer than what the sink has, so nothing is
  missing. Results that a sink already has, or has in its queue, are not given to it a second time.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ingest.backoff import Backoff
from ingest.refusal import Refusal
from stream.results import Results
from stream.sinks.result_rows import NOTHING_WRITTEN, after, order, position_of

_LOG: Final = logging.getLogger(__name__)
QUEUE_ROWS: Final = 100_000
"""Rows that wait for one sink at most: about 10 MB."""
_BATCH_ROWS: Final = 50_000
"""Rows given to a sink at once."""
_RETRY_S: Final = (0.1, 10.0)
_HANGS_S: Final = 30.0
"""A sink that has not come back from a write for so long counts as failing."""


class Sink(Protocol):
    """Takes results. Writing is idempotent: the same results again, whole or in part, change nothing.

    One conformance suite (tests/stream/test_sink_conformance.py) holds for every implementation.
    """

    name: str

    def write(self, results: Sequence[Results]) -> None:
        """Take results in log order.

        When `flush` returns, all results written before are durable at the destination. An exception means that none,
        some or all went in; `Delivery` writes the same results again, after a wait, until they are in.
        """

    def flush(self) -> None:
        """Block until everything written is durable. The engine commits the log position only after this."""

    def close(self) -> None:
        """Flush and release. Called once, also after errors."""


class QuarantineSink:
    """Gives what the pipeline refused to `take`, which keeps it durably; for `Delivery` a sink like the others."""

    name = "quarantine"

    def __init__(self, take: Callable[[Sequence[Refusal]], None]) -> None:
        self._take = take

    def write(self, results: Sequence[Results]) -> None:
        """Keep the refusals of some results durably."""
        refusals = [refusal for result in results for refusal in result.refusals]
        if refusals:
            self._take(refusals)

    def flush(self) -> None:
        """Return at once: `write` is durable."""

    def close(self) -> None:
        """Do nothing: the quarantine belongs to whoever opened it."""


class _Lane:
    """One sink's queue. `Delivery` holds its lock around every access."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.queue: deque[Results] = deque()
        self.rows = 0
        self.taken = self.reached = NOTHING_WRITTEN
        """The `order` of the newest results that are in the queue or the sink, and of those the sink has."""
        self.missed = False
        """Whether results behind `taken` were passed over."""
        self.error = ""
        self.retry_at = 0.0
        self.busy_since = math.inf
        self.backoff = Backoff(*_RETRY_S)

    @property
    def failing(self) -> str:
        """Why it does not take results; empty while it does."""
        busy_s = time.monotonic() - self.busy_since
        return self.error or (f"has not answered for {busy_s:.0f} s" if busy_s > _HANGS_S else "")

    def put(self, results: Sequence[Results]) -> None:
        for result in after(results, self.taken):
            if self.missed or (self.rows >= QUEUE_ROWS and self.failing):
                self.missed = True
                return
            self.queue.append(result)
            self.rows += rows_of(result)
            self.taken = order(result)

    def batch(self) -> list[Results]:
        """Return the oldest results, which stay in the queue until they are in the sink."""
        found, rows = [], 0
        for result in self.queue:
            found.append(result)
            rows += rows_of(result)
            if rows >= _BATCH_ROWS:
                break
        return found

    def remove(self, batch: list[Results]) -> None:
        for result in batch:
            self.queue.popleft()
            self.rows -= rows_of(result)
        self.reached = order(batch[-1])


class Delivery:
    """Runs a thread for every sink, from the first `start` until `close`.

    Parameters
    ----------
    sinks
        Where results go. They are closed by whoever opened them, after `close`.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._lanes = [_Lane(sink) for sink in sinks]
        self._changed = threading.Condition()
        self.newest = NOTHING_WRITTEN
        """The `stream.sinks.result_rows.order` of the newest results that were handed over."""
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self, position: int) -> None:
        """Begin, or begin again after the engine went back: results behind a log position follow.

        The saved state of that position was written when every sink had the results up to there.
        """
        with self._changed:
            for lane in self._lanes:
                lane.missed = False
        if self.newest == NOTHING_WRITTEN:
            self.newest = 2 * position + 1
            for lane in self._lanes:
                lane.taken = lane.reached = self.newest
            self._threads = [
                threading.Thread(target=self._run, args=(lane,), name=f"sink {lane.sink.name}", daemon=True)
                for lane in self._lanes
            ]
            for thread in self._threads:
                thread.start()

    def put(self, results: Sequence[Results]) -> None:
        """Hand over results in log order. Never waits."""
        with self._changed:
            if results:
                self.newest = max(self.newest, order(results[-1]))
            for lane in self._lanes:
                lane.put(results)
            self._changed.notify_all()

    @property
    def full(self) -> bool:
        """Whether a sink that works has more to do than its queue should hold."""
        return any(lane.rows >= QUEUE_ROWS and not lane.failing for lane in self._lanes)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until no sink that works has a full queue; tell whether that was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closing or not self.full, timeout_s)

    def wait_until_reached(self, wanted: int, timeout_s: float) -> bool:
        """Wait until `reached` is as high as wanted; tell whether that was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.reached >= wanted, timeout_s)

    @property
    def reached(self) -> int:
        """The `stream.sinks.result_rows.order` up to which every sink has all results durably."""
        return min((lane.reached for lane in self._lanes), default=self.newest)

    @property
    def position(self) -> int:
        """The log position up to which every sink has all results durably, -1 before `start`."""
        return position_of(self.reached)

    @property
    def behind(self) -> bool:
        """Whether a sink that works again has missed results: the engine then goes back to its saved state."""
        return any(lane.missed and not lane.queue for lane in self._lanes)

    @property
    def failing(self) -> dict[str, str]:
        """Sink name → its last error, of those that fail now."""
        return {lane.sink.name: why for lane in self._lanes if (why := lane.failing)}

    def close(self) -> None:
        """Stop, without waiting for what is still in queues: it is read from the log again at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(30.0)

    def _run(self, lane: _Lane) -> None:
        while batch := self._next(lane):
            try:
                lane.sink.write(batch)
                lane.sink.flush()
            except Exception as error:  # noqa: BLE001 - whatever a sink fails with, it gets the same results again
                self._failed(lane, error)
            else:
                with self._changed:
                    lane.remove(batch)
                    lane.error, lane.busy_since = "", math.inf
                    lane.backoff.reset()
                    self._changed.notify_all()

    def _next(self, lane: _Lane) -> list[Results]:
        """Wait until there is something to write and it is time to; nothing when it is time to stop."""
        with self._changed:
            while not self._closing:
                wait_s = lane.retry_at - time.monotonic() if lane.queue else None
                if wait_s is not None and wait_s <= 0:
                    lane.busy_since = time.monotonic()
                    return lane.batch()
                self._changed.wait(wait_s)
        return []

    def _failed(self, lane: _Lane, error: Exception) -> None:
        with self._changed:
            wait_s = lane.backoff.next_s()
            lane.error, lane.busy_since = f"{type(error).__name__}: {error}", math.inf
            lane.retry_at = time.monotonic() + wait_s
            self._changed.notify_all()
        _LOG.warning("%s fails, again in %.1f s: %s", lane.sink.name, wait_s, error)


def rows_of(result: Results) -> int:
    """Return how many rows results have in all, and at least one."""
    tables = (result.windows, result.gates, result.states)
    return 1 + sum(len(rows.series) for blocks in tables for rows in blocks) + len(result.alerts) + len(result.refusals)
