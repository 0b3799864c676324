"""How fast results go into the store, and how long the board waits for an answer."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from stream.results import Results, SeriesKey, WindowRows
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink

DEVICES = 10_000
START = 1_795_420_800_000
WINDOW_MS = 300_000
CATALOG = [SeriesKey(f"b{n % 40}", f"cam-{n:05d}", 0, "person") for n in range(DEVICES)]


def rows(start: int, devices: np.ndarray) -> WindowRows:
    """One window of each of these devices."""
    n, rng = len(devices), np.random.default_rng(start // WINDOW_MS)
    amount = rng.poisson(12.0, n).astype(np.float64)
    return WindowRows(
        series=devices.astype(np.int32),
        start=np.full(n, start),
        part=np.zeros(n, np.int64),
        status=np.zeros(n, np.uint8),
        n=np.full(n, 5, np.int32),
        sum_a=amount,
        sum_b=amount,
        low=np.zeros(n),
        high=amount,
        exposure=np.ones(n, np.float32),
        expected=np.full(n, 11.7, np.float32),
        lower=np.full(n, 4.0, np.float32),
        upper=np.full(n, 23.0, np.float32),
        p=rng.random(n, np.float32),
        state=np.zeros(n, np.uint8),
    )


def result(position: int, windows: list[WindowRows]) -> Results:
    now_ms = START + position * 100
    return Results(position, now_ms, now_ms - 30_000, CATALOG, windows=windows, accepted=1)


def write_rate(sink: Any, results: list[Results]) -> float:
    """Window rows a second, durable, one write and flush for each of the results."""
    begin = time.perf_counter()
    for one in results:
        sink.write([one])
        sink.flush()
    return sum(len(w) for r in results for w in r.windows) / (time.perf_counter() - begin)


def wait_ms(question: Any, times: int) -> float:
    """Median wait for an answer, milliseconds."""
    waits = []
    for _ in range(times):
        begin = time.perf_counter()
        question()
        waits.append((time.perf_counter() - begin) * 1000)
    return statistics.median(waits)


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - how every benchmark here is called
    """Measure; quick writes a tenth."""
    windows = 3 if quick else 30
    everyone = np.arange(DEVICES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sink = StoreSink(folder / "store.db", "bench")
        fresh = [result(n, [rows(START + n * WINDOW_MS, everyone)]) for n in range(1, windows + 1)]
        inserted = write_rate(sink, fresh)
        newest = START + windows * WINDOW_MS
        rng, count = np.random.default_rng(7), windows * 20
        some = [np.sort(rng.choice(DEVICES, 500, replace=False)) for _ in range(count)]
        updated = write_rate(sink, [result(100 + n, [rows(newest, devices)]) for n, devices in enumerate(some)])
        one = [result(10_000 + n, [rows(newest, everyone[n : n + 1])]) for n in range(count)]
        begin = time.perf_counter()
        write_rate(sink, one)
        commits = count / (time.perf_counter() - begin)
        reader = StoreReader(folder / "store.db")
        series = wait_ms(lambda: reader.windows("cam-05000"), 20)
        totals = wait_ms(reader.totals, 20)
        stored = reader.totals()["windows"]
        reader.close()
        sink.close()
        size = (folder / "store.db").stat().st_size / stored
        lines = write_rate(JsonLinesSink(folder / "r.jsonl"), fresh[:3])
    return {
        "store, new window rows, 10,000 a write": {"value": inserted, "unit": "rows/s"},
        "store, open window rows again, 500 a write": {"value": updated, "unit": "rows/s"},
        "store, durable writes of one row": {"value": commits, "unit": "writes/s"},
        "store, bytes a window row": {"value": size, "unit": "bytes", "at_most": True},
        "reader, a device's windows": {"value": series, "unit": "ms", "at_most": True},
        "reader, totals of 10,000 devices": {"value": totals, "unit": "ms", "at_most": True},
        "JSON lines, window rows": {"value": lines, "unit": "rows/s"},
    }


if __name__ == "__main__":
    for label, measured in run(quick=False).items():
        print(f"{label}: {measured['value']:,.1f} {measured['unit']}")
