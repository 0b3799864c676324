"""Delivery: brings results into every sink, in order, each sink at its own pace, until it has them.

What holds, on both engines:

* every sink has a queue and a thread of its own: one that fails or hangs holds up no other;
* a sink gets results in log order. What it refused is given to it again, with waits that double from 0.1 s to 10 s,
  until it is in; `Delivery.failing` names the sink and its last error meanwhile;
* `Delivery.reached` is how far *all* sinks have the results durably. An engine saves its state, and commits the log's
  position, only up to there: after a crash whatever a sink lacks is read from the log again;
* memory is bounded. A sink that works but is slow holds the engine up, for a second at most (`wait_for_room`); what
  its full queue then has no room for is passed over, as it is at once where the sink fails;
* what a sink has missed is made again for it alone, on its own thread, from the log and the last saved state (`Again`):
  nobody waits meanwhile, least of all an alarm. When it has what all others have, it gets the same results as they.
  On Kafka, where the log cannot be read again beside the worker, `behind` tells the worker to go back to its saved
  state, which is no newer than what the sink has, and results that a sink has already are not given to it twice;
* a sink that must have all that the log has (`CompleteSink`: the store) and lacks some, because its file was damaged,
  removed or replaced by an older one, gets it in the same way, from the log's beginning.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, runtime_checkable

from ingest.refusal import Refusal
from ingest.setup.backoff import Backoff
from stream.results import Alert, Results
from stream.sinks.result_rows import NOTHING_WRITTEN, after, order, position_of

_LOG: Final = logging.getLogger(__name__)
QUEUE_ROWS: Final = 100_000
"""Rows that wait for one sink at most: about 10 MB."""
_BATCH_ROWS: Final = 50_000
"""Rows given to a sink at once."""
_RETRY_S: Final = (0.1, 10.0)
_STUCK_S: Final = 2.0
_LEAVE_S: Final = 2.0
"""A sink that is still at it when all is closed is left to itself after this."""
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


@runtime_checkable
class CompleteSink(Sink, Protocol):
    """A sink that must have all that the log has."""

    def lacks(self, reached: int) -> bool:
        """Tell whether it has less than the results up to some `order`. Raises as `write` does."""


@runtime_checkable
class TellingSink(Sink, Protocol):
    """A sink that people hear."""

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Tell alerts at once, in any thread, outside the order of the log. The same come again by `write`."""


Again = Callable[[bool], Iterator[list[Results]]]
"""Makes results again, in log order: with True from the log's beginning, else from the last saved state on. An empty
list says that the log has no more for now; what came since follows when asked again."""


@runtime_checkable
class WaitingSink(Protocol):
    """A sink whose `flush` waits for somebody else: a broker that may not answer."""

    def hurry(self) -> None:
        """Have writes and flushes, and `Sink.close`, wait no longer: the process ends. For any thread."""


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
        self.again: Iterator[list[Results]] | None = None
        """Where it gets them from, while it does."""
        self.anew = False
        """Whether it needs all from the log's beginning."""
        self.asked = False
        """Whether it has been asked what it lacks, at the start."""
        self.error = ""
        self.retry_at = 0.0
        self.busy_since = math.inf
        self.backoff = Backoff(*_RETRY_S)

    @property
    def failing(self) -> str:
        """Why it does not take results; empty while it does."""
        busy_s = time.monotonic() - self.busy_since
        return self.error or (f"has not answered for {busy_s:.0f} s" if busy_s > _HANGS_S else "")

    @property
    def stuck(self) -> bool:
        """Whether it does not take results now: nobody waits long for it at a planned stop."""
        return bool(self.error) or time.monotonic() - self.busy_since > _STUCK_S

    def put(self, results: Sequence[Results], most: float) -> None:
        """Take results behind those it has, up to so many rows in all; a sink that fails has less room."""
        for result in after(results, self.taken):
            if self.missed or self.rows >= (QUEUE_ROWS if self.failing else most):
                self.missed = True
                return
            self.add(result)

    def add(self, result: Results) -> None:
        self.queue.append(result)
        self.rows += rows_of(result)
        self.taken = order(result)

    def start_over(self) -> None:
        self.queue.clear()
        self.rows, self.taken, self.reached = 0, NOTHING_WRITTEN, NOTHING_WRITTEN
        self.missed = self.anew = True
        self.again = None

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
    again
        Makes results again that a sink has missed; None where only the engine can, see `behind`.
    """

    def __init__(self, sinks: Sequence[Sink], again: Again | None = None) -> None:
        self._again = again
        self._lanes = [_Lane(sink) for sink in sinks]
        self._changed = threading.Condition()
        self.newest = NOTHING_WRITTEN
        """The `stream.sinks.result_rows.order` of the newest results that were handed over."""
        self._closing = self._ended = False
        self._threads: list[threading.Thread] = []

    def start(self, position: int) -> None:
        """Begin, or begin again after the engine went back: results behind a log position follow.

        The saved state of that position was written when every sink had the results up to there.
        """
        with self._changed:
            for lane in self._lanes:
                lane.missed = self._again is not None and lane.missed
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
                self._ended = results[-1].closing
            for lane in self._lanes:
                # Who cannot make results again for one sink alone waits for it, and never gives it too many.
                lane.put(results, math.inf if self._again is None else 2 * QUEUE_ROWS)
            self._changed.notify_all()

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Give alerts that no record of the log has yet to the sinks that tell people."""
        for lane in self._lanes:
            if isinstance(lane.sink, TellingSink):
                lane.sink.tell(alerts)

    @property
    def full(self) -> bool:
        """Whether a sink that works has more to do than its queue should hold."""
        return any(lane.rows >= QUEUE_ROWS and not lane.failing and not lane.missed for lane in self._lanes)

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
        return self._again is None and any(lane.missed and not lane.queue for lane in self._lanes)

    @property
    def catching_up(self) -> dict[str, int]:
        """Sink name → the log position it has reached, of those that get what they missed from the log again."""
        return {lane.sink.name: position_of(lane.reached) for lane in self._lanes if lane.missed and not lane.error}

    def wait_until_settled(self, timeout_s: float) -> bool:
        """Wait until every sink that works has all that was handed over; tell whether that was in time."""

        def settled(lane: _Lane) -> bool:
            return lane.asked and (lane.stuck or (not lane.missed and lane.reached >= self.newest))

        with self._changed:
            return self._changed.wait_for(lambda: all(map(settled, self._lanes)), timeout_s)

    @property
    def at_work(self) -> bool:
        """Whether a sink has something to do that neither fails nor waits for somebody else."""
        return any(lane.queue and not lane.failing and not isinstance(lane.sink, WaitingSink) for lane in self._lanes)

    @property
    def failing(self) -> dict[str, str]:
        """Sink name → its last error, of those that fail now."""
        return {lane.sink.name: why for lane in self._lanes if (why := lane.failing)}

    def close(self) -> None:
        """Stop, without waiting for what is still in queues: it is read from the log again at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for lane in self._lanes:
            if isinstance(lane.sink, WaitingSink):
                lane.sink.hurry()
        until = time.monotonic() + _LEAVE_S
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _run(self, lane: _Lane) -> None:
        try:
            self._lacks(lane)
        except Exception as error:  # noqa: BLE001 - it is asked again before the first results
            self._failed(lane, error)
        with self._changed:
            lane.asked = True
            self._changed.notify_all()
        while batch := self._next(lane):
            try:
                if self._lacks(lane):
                    continue
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

    def _lacks(self, lane: _Lane) -> bool:
        """Let a sink start over that has lost what it had; tell whether so."""
        if self._again is None or not isinstance(lane.sink, CompleteSink) or not lane.sink.lacks(lane.reached):
            return False
        _LOG.warning("%s lacks results that it had: they are made again from the log", lane.sink.name)
        with self._changed:
            lane.start_over()
            lane.error, lane.busy_since = "", math.inf
        return True

    def _next(self, lane: _Lane) -> list[Results]:
        """Wait until there is something to write and it is time to; nothing when it is time to stop."""
        while True:
            with self._changed:
                while not self._closing:
                    missed = lane.missed and self._again is not None
                    wait_s = lane.retry_at - time.monotonic() if lane.queue or missed else None
                    if wait_s is not None and wait_s <= 0:
                        break
                    self._changed.wait(wait_s)
                if self._closing:
                    return []
                if lane.queue:
                    lane.busy_since = time.monotonic()
                    return lane.batch()
            self._read_again(lane)

    def _read_again(self, lane: _Lane) -> None:
        """Fill the queue of a sink that has missed results, or let it go on with the others where it has them all."""
        newest = self.newest
        try:
            if lane.again is None and self._again is not None:
                lane.again = self._again(lane.anew)
            results = next(lane.again, []) if lane.again is not None else []
        except Exception as error:  # noqa: BLE001 - a log that cannot be read is tried again
            lane.again = None
            self._failed(lane, error)
            return
        with self._changed:
            for result in after(results, lane.taken):
                lane.add(result)
            if self._ended and lane.taken < self.newest and not results:
                # Only the engine has the rows of a planned stop: the next start makes them again.
                self._changed.wait(_STUCK_S)
            # Where nothing came and nothing was handed over meanwhile, it has all that the log still has.
            elif lane.taken >= self.newest or (not results and self.newest == newest):
                if not lane.queue:
                    lane.taken = lane.reached = max(lane.taken, self.newest)
                lane.missed = lane.anew = False
                lane.again = None
                self._changed.notify_all()
                _LOG.info("%s has what it had missed", lane.sink.name)

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
