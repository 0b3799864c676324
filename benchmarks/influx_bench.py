"""InfluxDB: lines encoded, and what the real servers take from the sink, from pre-made bytes, and from `Point`.

All measurements of a server are of the same run, the same lines and the same batch size; each way of writing has a
database of its own, and takes turns.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions

from stream.results import Results, SeriesKey
from stream.sinks.influx.address import Address
from stream.sinks.influx.http import connect
from stream.sinks.influx.points import SeriesHeads, window_lines
from stream.sinks.influx.sink import InfluxSink
from stream.sinks.store.reader import StoreReader
from tests.influx.servers import One, Server, Two, running
from tests.stream.make_results import T0, windows

SERIES = 5000
CATALOG = [SeriesKey(f"b{n % 40}", f"cam-{n:05}", 0, "person") for n in range(SERIES)]


def made(count: int) -> list[Results]:
    """Windows of all series, one window after the other."""
    rng = np.random.default_rng(7)
    out = []
    for position in range(1, count + 1):
        rows = windows(*({"series": n} for n in range(SERIES)))
        rows.start[:] = T0 + position * 300_000
        rows.n[:] = 5
        rows.sum_a[:] = rng.poisson(12, SERIES)
        rows.sum_b[:] = rng.poisson(9, SERIES)
        for name in ("expected", "lower", "upper", "p"):
            getattr(rows, name)[:] = rng.gamma(2, 6, SERIES)
        out.append(Results(position, T0 + position * 300_000, T0 + position * 300_000, CATALOG, windows=[rows]))
    return out


def encoded(results: list[Results]) -> tuple[float, list[bytes]]:
    """Return lines a second, and the batches."""
    heads = SeriesHeads("bench")
    heads.follow(CATALOG)
    began, bodies, count = time.perf_counter(), [], 0
    for result in results:
        lines = window_lines(heads, result.windows[0])
        count += len(lines)
        bodies.append("\n".join(lines).encode())
    return count / (time.perf_counter() - began), bodies


def through_sink(address: Address, results: list[Results]) -> float:
    """Return lines a second from results to the server's answer to the last batch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        sink = InfluxSink(
            address, "bench", backlog_path=path / "b.db", store=StoreReader(path / "none.db"), refused=print
        )
        began = time.perf_counter()
        for result in results:
            sink.write([result])
            sink.flush()
        if not sink.drain(600):
            raise RuntimeError(sink.state["trouble"])
        took = time.perf_counter() - began
        sink.close()
    return len(results) * SERIES / took


def ready_made(address: Address, bodies: list[bytes]) -> float:
    """Return lines a second of the same bytes, sent one batch after the other."""
    endpoint = connect(address)
    began = time.perf_counter()
    for body in bodies:
        endpoint.write(body)
    took = time.perf_counter() - began
    endpoint.close()
    return len(bodies) * SERIES / took


def two_at_once(address: Address, bodies: list[bytes]) -> float:
    """Return lines a second of the same bytes in the same batches, each as two halves over two connections."""
    endpoint = connect(address)
    halves = [(body[:middle], body[middle + 1 :]) for body in bodies if (middle := body.find(b"\n", len(body) // 2))]
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        for pair in halves:
            list(pool.map(endpoint.write, pair))
        took = time.perf_counter() - began
    endpoint.close()
    return len(bodies) * SERIES / took


def by_points(address: Address, results: list[Results]) -> float:
    """Return lines a second through influxdb-client's Point and its batching API."""

    client = InfluxDBClient(address.url, address.token, org=address.org)
    began, count = time.perf_counter(), 0
    with client.write_api(write_options=WriteOptions(batch_size=address.batch_lines, flush_interval=60_000)) as api:
        for result in results:
            rows = result.windows[0]
            for n in range(len(rows)):
                key = CATALOG[rows.series[n]]
                point = Point("people").tag("site", "bench").tag("beat", key.beat).tag("device", key.device)
                point.field("in", int(rows.sum_a[n])).field("out", int(rows.sum_b[n])).field("n", int(rows.n[n]))
                for name in ("exposure", "expected", "lower", "upper", "p"):
                    point.field(name, float(getattr(rows, name)[n]))
                point.field("state", "young").field("status", "open")
                api.write(bucket=address.bucket, record=point.time(int(rows.start[n]) // 1000, "s"))
                count += 1
    took = time.perf_counter() - began
    client.close()
    return count / took


class Nothing(BaseHTTPRequestHandler):
    """Takes whatever comes: what is left is the cost on our side."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - the frame calls it so
    count, rounds = (10, 1) if quick else (40, 3)
    results = made(count)
    rates, bodies = zip(*(encoded(results) for _ in range(3)), strict=True)
    out: dict[str, Any] = {"lines encoded": {"value": max(rates), "unit": "lines/s"}}
    few = results[: max(count // 8, 2)]
    null = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    process = multiprocessing.get_context("fork").Process(target=null.serve_forever, daemon=True)
    process.start()
    empty = Address(url=f"http://127.0.0.1:{null.server_port}", bucket="x", org="x", token="x")  # noqa: S106 - nobody asks
    ours, theirs = through_sink(empty, results), by_points(empty, few)
    process.kill()
    process.join()
    null.server_close()
    out["sink, empty server"] = {"value": ours, "unit": "lines/s", "note": "durable on disk on the way"}
    out["Point and batching, empty server"] = {"value": theirs, "unit": "lines/s"}
    out["sink / Point, empty server"] = {"value": ours / theirs, "target": 10}
    for kind, name in ((One, "1.6"), (Two, "2.7")):
        try:
            out |= against(kind, name, results, bodies[0], few, rounds)
        except (pytest.skip.Exception, pytest.fail.Exception) as error:
            out[f"InfluxDB {name}"] = {"value": None, "note": str(error)}
    return out


def against(
    kind: type[Server], name: str, results: list[Results], bodies: list[bytes], few: list[Results], rounds: int
) -> dict[str, Any]:
    """Measure against one real server."""
    sink, bytes_, twice, points = [], [], [], []
    with ExitStack() as stack:
        server = stack.enter_context(running(kind, Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        server.database("warm")
        ready_made(server.address("warm"), bodies[:4])
        for one in range(rounds):
            for way in ("a", "b", "c", "d"):
                server.database(f"{way}{one}")
            bytes_.append(ready_made(server.address(f"a{one}"), bodies))
            twice.append(two_at_once(server.address(f"d{one}"), bodies))
            sink.append(through_sink(server.address(f"b{one}"), results))
            if kind is Two:
                points.append(by_points(server.address(f"c{one}"), few))
    ours, theirs = median(sink), median(bytes_)
    out = {
        f"InfluxDB {name}, sink": {"value": ours, "unit": "lines/s"},
        f"InfluxDB {name}, pre-made bytes": {"value": theirs, "unit": "lines/s"},
        f"InfluxDB {name}, sink / bytes": {"value": ours / theirs, "target": 0.8},
        f"InfluxDB {name}, pre-made bytes, two connections": {"value": median(twice), "unit": "lines/s"},
        f"InfluxDB {name}, sink / bytes, two connections": {"value": ours / median(twice)},
    }
    if points:
        out[f"InfluxDB {name}, Point"] = {"value": median(points), "unit": "lines/s"}
        out[f"InfluxDB {name}, sink / Point"] = {"value": ours / median(points), "target": 10}
    return out
