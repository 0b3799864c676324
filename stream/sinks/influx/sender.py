"""A thread that brings the backlog to InfluxDB, one batch after the other.

In order, since a window is written again whenever it changes and the newest row must stay. The two halves of a large
batch in which every point stands once go at the same time: while the server waits for its disk with one, it reads the
other. What the server refuses for
what stands in it is halved until the bad line is alone: that goes to quarantine, all others go in. Everything else
(no connection, a full or restarting server, a wrong token) is tried again until it works.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

from ingest.refusal import Refusal
from ingest.setup.backoff import Backoff, spread
from ingest.vocabulary import Reason
from stream.sinks.influx.backlog import Backlog, LineBatch
from stream.sinks.influx.http import Endpoint, ExpiredError, RefusedError, UnavailableError

_LOG = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 0.25
_IDLE_S: Final = 5.0
_LAST_REQUEST_S: Final = 1.0
_LONGEST_AFTER_S: Final = 300.0
WORTH_LINES: Final = 2000
"""Lines from which two halves at once are worth it."""


class Sender:
    """Sends batches until it is closed.

    Parameters
    ----------
    backlog
        Where batches come from; one is taken out when the server has it.
    connect
        Makes the endpoint, in the thread: it may take its time.
    refused
        Takes lines that the server refuses. Called before the batch is taken out.
    max_wait_s
        Longest wait between two attempts.

    Attributes
    ----------
    lines, retries
        What it sent since it started, and how often it had to try again.
    quarantined
        Lines that went to quarantine.
    expired
        Batches in which lines were older than the server keeps.
    trouble
        Why nothing goes in just now; empty where all is well.
    """

    def __init__(
        self,
        backlog: Backlog,
        connect: Callable[[], Endpoint],
        refused: Callable[[Sequence[Refusal]], None],
        *,
        max_wait_s: float = 30.0,
    ) -> None:
        self._backlog, self._connect, self._refused, self._max_wait_s = backlog, connect, refused, max_wait_s
        self.lines = self.quarantined = self.expired = self.retries = 0
        self.trouble = ""
        self._wake, self._stop, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._endpoint: Endpoint | None = None
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="influx-half")
        self._thread = threading.Thread(target=self._run, name="influx", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Tell that there is something to send."""
        self._idle.clear()
        self._wake.set()

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing waits any more; tell whether that was in time."""
        until = time.monotonic() + timeout_s
        while self._backlog.waiting().batches:
            self._wake.set()
            if time.monotonic() >= until or not self._thread.is_alive():
                return False
            self._idle.wait(0.02)
        return True

    def close(self) -> bool:
        """Stop after the request that is under way; what waits stays in the backlog.

        Tells whether it has ended: a server that hangs is not waited for.
        """
        self._stop.set()
        self._wake.set()
        self._thread.join(_LAST_REQUEST_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        backoff = Backoff(_FIRST_WAIT_S, self._max_wait_s)
        while not self._stop.is_set():
            try:
                busy = self._step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the lines are on disk and are tried again
                self.retries += 1
                text = str(error) or type(error).__name__
                if self.trouble != text:
                    _LOG.warning("InfluxDB does not take lines, they wait on disk: %s", text)
                self.trouble = text
                after_s = min(getattr(error, "after_s", 0.0), _LONGEST_AFTER_S)
                # Jitter: many nodes that lost one server must not come back all at once.
                self._stop.wait(max(after_s, spread(backoff.next_s())))
                continue
            backoff.reset()
            if not busy:
                self._idle.set()
                self._wake.wait(_IDLE_S)
                self._wake.clear()
        self._helper.shutdown()
        if self._endpoint is not None:
            self._endpoint.close()

    def _step(self) -> bool:
        """Send one batch; tell whether there was one."""
        batch = self._backlog.oldest()
        if batch is None:
            return False
        if self._endpoint is None:
            self._endpoint = self._connect()
        bad, expired = self._deliver(self._endpoint, batch)
        if bad:
            self._refused(bad)
            self.quarantined += len(bad)
        self.expired += expired
        self._backlog.remove(batch)
        if self.trouble:
            _LOG.info("InfluxDB takes lines again")
            self.trouble = ""
        self.lines += batch.lines - len(bad)
        return True

    def _deliver(self, endpoint: Endpoint, batch: LineBatch) -> tuple[list[Refusal], int]:
        """Send a batch, as two halves where that is worth it. Raises where one of them did not go in."""
        middle = batch.body.find(b"\n", len(batch.body) // 2) if batch.apart and batch.lines >= WORTH_LINES else -1
        if middle < 0:
            return deliver(endpoint, batch.body, self._stop.is_set)
        other = self._helper.submit(deliver, endpoint, batch.body[middle + 1 :], self._stop.is_set)
        try:
            bad, expired = deliver(endpoint, batch.body[:middle], self._stop.is_set)
        finally:
            wait([other])  # the next try must not overtake it
        more, old = other.result()
        return bad + more, expired + old


def deliver(endpoint: Endpoint, body: bytes, stopped: Callable[[], bool]) -> tuple[list[Refusal], int]:
    """Send lines; return those the server refused, and how many requests had lines older than it keeps.

    What is refused is halved until the bad line is alone. Raises `UnavailableError` where the server is away, or
    `stopped` says so: then some of the lines are in, and all are to be sent again.
    """
    if stopped():
        raise UnavailableError("stopped")
    try:
        endpoint.write(body)
    except ExpiredError as error:
        _LOG.info("InfluxDB does not keep lines that old: %s", error)
        return [], 1
    except RefusedError as error:
        # No field holds a line break (`lines.clean`), so lines can be separated.
        lines = body.split(b"\n")
        if len(lines) == 1:
            now_ms = time.time_ns() // 1_000_000
            return [Refusal(Reason.PROCESSING, f"InfluxDB refused the line: {error}", body, "influxdb", now_ms)], 0
        half = len(lines) // 2
        bad, expired = deliver(endpoint, b"\n".join(lines[:half]), stopped)
        more, old = deliver(endpoint, b"\n".join(lines[half:]), stopped)
        return bad + more, expired + old
    return [], 0
