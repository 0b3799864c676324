"""The InfluxDB sink: results as line protocol, through a backlog on disk.

How nothing is lost, and nothing waits
--------------------------------------
1. `write` turns new results into lines and puts them into the backlog, in one synced transaction with how far the log
   is in. That is what durable means here: an InfluxDB that is away for hours costs nothing but delay.
2. A thread sends batches in order, tries again until they are in, and then takes them out of the backlog.
3. Points are named by measurement, tags and second, so a batch that is sent twice changes nothing.

A window is the sum of its parts, and a point can only be written over, so a window that got an addition after it had
left the pipeline's memory is written whole again, from the store. Each sink has a queue of its own, so the store may
not have every part yet: this one waits for it then. The backlog's file remembers which windows have such parts.
"""

import logging
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest.refusal import Refusal
from ingest.vocabulary import Reason
from stream.results import Alert, Results, WindowRows
from stream.sinks.influx.address import Address
from stream.sinks.influx.backlog import Backlog
from stream.sinks.influx.http import Endpoint, connect
from stream.sinks.influx.lines import WrongTypeError, point_line
from stream.sinks.influx.points import (
    SeriesHeads,
    TextFields,
    alert_line,
    alert_second,
    event_lines,
    map_lines,
    state_lines,
    window_lines,
    with_whole,
)
from stream.sinks.influx.sender import WORTH_LINES, Sender
from stream.sinks.result_rows import after, check_series, merge_windows, order, position_of
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

_LOG = logging.getLogger(__name__)
_MIB: Final = 1 << 20
_CLOSE_S: Final = 1.0
_STORE_S: Final = 5.0
"""How long a write waits for the store; then it fails, is told of, and is tried again."""
_STORE_LOOK_S: Final = 0.02
_LATE_KEPT_MS: Final = 60 * 86_400_000
_PIPELINE_EVERY_MS: Final = 10_000
_MAP: Final = "hotspots"
"""Under this name the backlog's file remembers which cells the last map had. Alerts have names with slashes."""


class InfluxSink:
    """Writes the results of one pipeline to InfluxDB.

    Parameters
    ----------
    address
        The server; not asked before there is something to send.
    site
        The site's id, a tag of every point.
    backlog_path
        The file in which lines wait.
    store
        Reads the store that the engine writes before this sink: it has the parts of windows.
    refused
        Takes lines that are wrong or that the server refuses: the quarantine's ``add_many``.
    zone
        Zone of the times in texts: the site's.
    connect_to
        Makes the endpoint of an address; for tests.

    Raises
    ------
    ingest.sqlite.StorageError
        The backlog cannot be opened; by `write`: nothing of the results went in.
    ValueError
        By `write`: a row's series is not in the catalogue.
    stream.sinks.store.tables.StoreError
        By `write`: the store cannot be read, or does not come as far as the results within some seconds.
    """

    name = "influx"

    def __init__(
        self,
        address: Address,
        site: str,
        *,
        backlog_path: Path,
        store: StoreReader,
        refused: Callable[[Sequence[Refusal]], None],
        zone: tzinfo = UTC,
        connect_to: Callable[[Address], Endpoint] = connect,
    ) -> None:
        self.address, self.site = address, site
        self._store, self._refused, self._batch_lines = store, refused, address.batch_lines
        self._backlog = Backlog(backlog_path, max_bytes=round(address.backlog_mb * _MIB))
        self._heads, self._sentence = SeriesHeads(site), TextFields(zone)
        self._pipeline_ms = 0
        self._closed = False
        self._sender = Sender(self._backlog, lambda: connect_to(address), refused, max_wait_s=address.max_wait_s)

    def write(self, results: Sequence[Results]) -> None:
        """Put what is new into the backlog; it is durable there when this returns."""
        fresh = self._new(results)
        if not fresh:
            return
        check_series(fresh)
        self._heads.follow(fresh[-1].catalog)
        rows = merge_windows(fresh)
        late: list[tuple[int, int]] = []
        apart: list[str] = []
        lines: list[str] = []
        if rows is not None:
            rows, late = self._whole_windows(rows, order(fresh[-1]))
            # Each window once: its lines may go in any order, which two connections at once make of them.
            apart = window_lines(self._heads, rows)
            if len(apart) < WORTH_LINES:
                apart, lines = [], apart
        changed: dict[str, Any] = {}
        wrong: list[Refusal] = []
        for result in fresh:
            for states in result.states:
                lines += state_lines(self._heads, states)
            makers = list(event_lines(self.site, result, self._sentence))
            for hotspots in result.maps:
                before = changed[_MAP] if _MAP in changed else self._backlog.remembered.get(_MAP, [])
                more, changed[_MAP] = map_lines(self.site, hotspots, before, self._sentence)
                makers += more
            makers += [partial(self._alert, alert, changed) for alert in result.alerts]
            for make in makers:
                try:
                    line = make()
                except WrongTypeError as error:
                    detail = f"log position {result.position}: {error}"
                    wrong.append(Refusal(Reason.TYPE, detail, str(error).encode(), "influxdb", result.now_ms))
                else:
                    lines += [line] if line else []
        if wrong:
            self._refused(wrong)
        size = self._batch_lines
        batches = [apart[at : at + size] for at in range(0, len(apart), size)]
        many = len(batches)
        batches += [lines[at : at + size] for at in range(0, len(lines), size)]
        now_ms = max(self._backlog.now_ms, *(result.now_ms for result in fresh))
        self._backlog.append(batches, apart=many, reached=order(fresh[-1]), now_ms=now_ms, late=late, remember=changed)
        if batches:
            self._sender.wake()

    def flush(self) -> None:
        """Return at once: what `write` returned for is on disk, and goes out from there."""

    def drain(self, timeout_s: float) -> bool:
        """Wait until InfluxDB has everything; tell whether that was in time."""
        return self._sender.drain(timeout_s)

    def put_status(self, status: Mapping[str, Any]) -> None:
        """Write what the node says of itself (`deploy.node.status.SiteStatus`) as ``pipeline``, now and then.

        Not part of the results: it is not the same when the log is read again.
        """
        now_ms = int(status["now_ms"])
        if abs(now_ms - self._pipeline_ms) < _PIPELINE_EVERY_MS:
            return
        self._pipeline_ms = now_ms
        waiting, counters = self._backlog.waiting(), status["counters"]
        fields = {
            "now_ms": now_ms,
            **status["rates"],
            **{name: counters[name] for name in ("received", "stored", "duplicates", "late", "open_alerts")},
            "lag_records": status["lag"]["records"],
            "lag_s": status["lag"]["seconds"],
            "quarantined": sum(status["quarantined"].values()),
            "failing": len(status["failing"]),
            "backlog_lines": waiting.lines,
            "backlog_s": waiting.oldest_s,
            "influx_rejected": self._sender.quarantined,
            "influx_dropped": waiting.dropped,
        }
        lines = [point_line("pipeline", {"site": self.site}, fields, now_ms // 1000)]
        lines += [
            point_line("pipeline", {"reason": reason, "site": self.site}, {"quarantined": count}, now_ms // 1000)
            for reason, count in status["quarantined"].items()
        ]
        try:
            self._backlog.append([lines])
        except OSError as error:
            # A full disk stops the engine's own writes, with a better word than a node that ends would have.
            _LOG.warning("the node's status could not be put into the backlog: %s", error)
            return
        self._sender.wake()

    @property
    def state(self) -> dict[str, Any]:
        """What the node's status says of this sink."""
        sender, waiting = self._sender, self._backlog.waiting()
        return {
            "lines": sender.lines,
            "rejected": sender.quarantined,
            "expired_batches": sender.expired,
            "retries": sender.retries,
            "backlog_lines": waiting.lines,
            "backlog_bytes": waiting.size,
            "backlog_s": round(waiting.oldest_s, 1),
            "dropped": waiting.dropped,
            "trouble": sender.trouble,
        }

    def close(self) -> None:
        """Send what waits for a few seconds at most, and release; the rest goes out after the next start."""
        if self._closed:
            return
        self._closed = True
        if not self._sender.trouble:
            self._sender.drain(_CLOSE_S)
        if not self._sender.close():
            _LOG.info("a request to InfluxDB is still under way; its lines wait in %s", self._backlog.path)
            return  # its thread still uses the file, and ends with the process
        waiting = self._backlog.waiting()
        if waiting.lines:
            _LOG.info("%d lines wait in %s for InfluxDB", waiting.lines, self._backlog.path)
        self._backlog.close()
        self._store.close()

    def _new(self, results: Sequence[Results]) -> list[Results]:
        """Return what is not in yet. Results of another log than before begin from nothing."""
        if any(order(one) <= self._backlog.reached and one.now_ms > self._backlog.now_ms for one in results):
            # What stands at or before the position reached was received by then: a later time means a new log.
            _LOG.warning("%s was of another log than these results; it begins from nothing", self._backlog.path)
            self._backlog.start_over()
        if results and self._backlog.now_ms and results[-1].watermark_ms > self._backlog.now_ms + 86_400_000:
            self._backlog.forget_late(results[-1].watermark_ms - _LATE_KEPT_MS)
        return after(results, self._backlog.reached)

    def _whole_windows(self, rows: WindowRows, reached: int) -> tuple[WindowRows, list[tuple[int, int]]]:
        """Return the rows with every window of several parts as its sum, and the (start, series) of those.

        `reached` is the `order` of the newest results, which the store must have for that.
        """
        keys = {(series, start) for series, start in self._backlog.late_series(np.unique(rows.start).tolist())}
        present = set(zip(rows.series.tolist(), rows.start.tolist(), strict=True)) if keys else set()
        parted = rows.part != 0
        added = set(zip(rows.series[parted].tolist(), rows.start[parted].tolist(), strict=True))
        wanted = sorted((keys & present) | added)
        if not wanted:
            return rows, []
        until = time.monotonic() + _STORE_S
        while (has := self._store.reached()) < reached:
            if time.monotonic() > until:
                raise StoreError(
                    f"{self._store.path}: has come to log position {position_of(has)}, and windows of "
                    f"{position_of(reached)}, which were added to, are waited for"
                )
            time.sleep(_STORE_LOOK_S)
        return with_whole(rows, self._store.parts(wanted)), [(start, series) for series, start in sorted(added)]

    def _alert(self, alert: Alert, changed: dict[str, Any]) -> str:
        """Return an alert's line, a second later than the change before it of the same beat, device and kind."""
        name, changed[name] = alert_second(alert, ChainMap(changed, self._backlog.remembered))
        return alert_line(alert, changed[name][0], self._sentence)
