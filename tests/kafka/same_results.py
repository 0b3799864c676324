"""The strong comparison: a site's records, read again from the beginning in one process, against what workers stored.

What is compared, row by row and field by field: windows (every series, start and part, with sums, extremes,
expectation, probability and state), passages, changes of state, anomalies, alerts with every revision they went
through, hotspot maps with every cell, incidents, and data quality per device and window. Left out is only what belongs
to the way of running: rows' numbers, positions, a node's own status.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ingest.log.kafka_address import KafkaAddress, records_topic
from ingest.log.kafka_log import KafkaLog
from ingest.log.records import Record
from ingest.places import Places
from stream.config import PipelineConfig
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.store_sink import StoreSink

Rows = dict[tuple[Any, ...], tuple[Any, ...]]
_TABLES: Final[dict[str, tuple[int, str]]] = {
    "windows": (
        6,
        """SELECT s.beat, s.device, s.kind, s.metric, start, part, status, n, sum_a, sum_b, low, high, exposure,
        expected, lower, upper, p, state FROM windows w JOIN series s ON s.id = w.series""",
    ),
    "gates": (
        6,
        """SELECT s.beat, s.device, s.kind, s.metric, boot, seq, ts, direction, allowed, vehicle, plate
        FROM gates g JOIN series s ON s.id = g.series""",
    ),
    "states": (
        5,
        "SELECT s.beat, s.device, s.kind, s.metric, ts, value FROM states t JOIN series s ON s.id = t.series",
    ),
    "anomalies": (4, "SELECT device, metric, kind, ts, body FROM anomalies"),
    "alerts": (1, "SELECT id, body FROM alerts"),
    "alert revisions": (2, "SELECT id, revision, body FROM alert_history"),
    "hotspot maps": (1, "SELECT ts, horizon_s, cell_m FROM hotspot_maps"),
    "hotspots": (2, "SELECT ts, cell, body FROM hotspots"),
    "incidents": (1, "SELECT id, body FROM incidents"),
    "health": (2, "SELECT device, start, body FROM health"),
}
"""What is compared → how many of its columns are the key, and how it is read."""


def contents(store: Path) -> dict[str, Rows]:
    """Return all that a store says, by what it is and by key."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        found: dict[str, Rows] = {}
        for name, (keys, query) in _TABLES.items():
            found[name] = {row[:keys]: row[keys:] for row in connection.execute(query)}
    connection.close()
    return found


def records(address: KafkaAddress, site: str, shards: int) -> list[list[Record]]:
    """Return every record of a site, by shard, in order."""
    log = KafkaLog(address, records_topic(site), shards=shards, timeout_s=60)
    try:
        found = []
        for shard in range(shards):
            mine: list[Record] = []
            while more := log.read(mine[-1].position if mine else 0, limit=10_000, shard=shard):
                mine += more
            found.append(mine)
        return found
    finally:
        log.close()


def merged(by_shard: list[list[Record]]) -> Iterator[Record]:
    """Yield all records: each shard's in their order, and the shards as far apart as time allows."""
    heads = [(mine[0].received_ms, shard, 0) for shard, mine in enumerate(by_shard) if mine]
    heapq.heapify(heads)
    while heads:
        _, shard, index = heapq.heappop(heads)
        yield by_shard[shard][index]
        if index + 1 < len(by_shard[shard]):
            heapq.heappush(heads, (by_shard[shard][index + 1].received_ms, shard, index + 1))


def replay(by_shard: list[list[Record]], config: PipelineConfig, places: Places, store: Path) -> int:
    """Process all records with the embedded pipeline into a new store; return how many there were."""
    pipeline, sink = Pipeline(config, places, shards=len(by_shard)), StoreSink(store, config.site.id)
    count, waiting = 0, []
    try:
        for record in merged(by_shard):
            results = pipeline.process(record)
            count += 1
            # Offsets of shards cannot be compared; the store wants one order, as the site's topic gives it.
            results.position = count
            waiting.append(results)
            if len(waiting) >= 100:
                sink.write(waiting)
                waiting = []
        sink.write(waiting)
    finally:
        sink.close()
    return count


def differences(found: dict[str, Rows], expected: dict[str, Rows], most: int = 5) -> dict[str, dict[str, Any]]:
    """Return what differs, by what it is: how much is missing, too much and different, with examples."""
    result: dict[str, dict[str, Any]] = {}
    for name, wanted in expected.items():
        there = found[name]
        missing = [key for key in wanted if key not in there]
        surplus = [key for key in there if key not in wanted]
        other = [key for key, row in wanted.items() if key in there and there[key] != row]
        if missing or surplus or other:
            examples = [{"missing": key, "expected": wanted[key]} for key in missing[:most]]
            examples += [{"too much": key, "found": there[key]} for key in surplus[:most]]
            examples += [{"differs": key, "found": there[key], "expected": wanted[key]} for key in other[:most]]
            counts = {"missing": len(missing), "too_much": len(surplus), "different": len(other)}
            result[name] = {**counts, "examples": json.loads(json.dumps(examples, default=str))}
    return result
