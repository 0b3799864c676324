"""InfluxDB is killed in mid-load, is away for a while, and comes back: nothing may be lost, nothing doubled.

    python -m tests.influx.outage [--away 60] [--lines 2000] [--version 1|2]

Writes through a store and a sink as a node does, all the while, to a real server that is killed with SIGKILL and
started again on the same data; then compares what stands in it with what went in, value by value. Prints figures as
JSON; ends with 1 where something differs. ``make test`` runs the short form.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ingest.vocabulary import WindowStatus
from stream.results import Results, SeriesKey
from tests.influx import contents
from tests.influx.servers import One, Server, Two, running
from tests.influx.site import Site
from tests.stream.make_results import T0, WINDOW_MS, alert, health, hotspot_map, results, windows
from tests.support import wait_for

STEP_S = 0.25
OPEN_STEPS = 4
"""Every window is written so often while it is open, and once more when it closes."""


class Load:
    """Results without end: windows that are revised, old ones that get additions, alerts, maps, health."""

    def __init__(self, lines_s: int) -> None:
        self.rows = max(round(lines_s * STEP_S), 4)
        self.catalog = [SeriesKey(f"b{n % 12}", f"cam-{n}", 0, "person") for n in range(self.rows)]
        self.rng = np.random.default_rng(11)
        self.written: list[Results] = []

    def next(self) -> Results:
        position = len(self.written) + 1
        number, step = divmod(position - 1, OPEN_STEPS)
        start = T0 + number * WINDOW_MS
        rows = windows(*({"series": n, "start": start} for n in range(self.rows)))
        rows.n[:] = step + 1
        rows.sum_a[:], rows.sum_b[:] = self.rng.poisson(4 * (step + 1), (2, self.rows))
        rows.expected[:], rows.p[:] = self.rng.gamma(2, 6, (2, self.rows))
        rows.status[:] = WindowStatus.CLOSED if step == OPEN_STEPS - 1 else WindowStatus.OPEN
        found = [rows]
        if number > 8 and not step:
            late = {"series": number % self.rows, "start": start - 8 * WINDOW_MS, "n": 2, "sum_a": 3.0}
            found.append(windows(late | {"part": position, "status": WindowStatus.LATE}))
        key = self.catalog[number % self.rows]
        result = results(
            position,
            catalog=self.catalog,
            windows=found,
            alerts=[alert(f"a{number}", step, device=key.device, changed_ms=T0 + position * 1000)],
            health=[health(key.device, start, received=position)],
            maps=[hotspot_map(T0 + position * 1000, ("c1", "b1"), ("c2", "b2"))] if not step else [],
        )
        self.written.append(result)
        return result


def outage(
    server: Server,
    folder: Path,
    *,
    away_s: float = 60.0,
    around_s: float = 10.0,
    lines_s: int = 2000,
    max_wait_s: float = 5.0,
) -> dict[str, Any]:
    """Write for `around_s`, kill the server, write on for `away_s`, start it, write on; return figures.

    Raises AssertionError where what stands in the server is not what went in.
    """
    database = f"outage_{folder.name}"
    server.database(database)
    site, load = Site(folder, server.address(database), batch_lines=1000, max_wait_s=max_wait_s), Load(lines_s)
    longest_s, waiting = 0.0, 0

    def write_for(seconds: float) -> None:
        nonlocal longest_s, waiting
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            result = load.next()
            site.write(result)
            took = time.monotonic() - began
            longest_s, waiting = max(longest_s, took), max(waiting, site.sink.state["backlog_lines"])
            time.sleep(max(STEP_S - took, 0.0))

    write_for(around_s)
    server.stop(kill=True)
    write_for(away_s)
    wait_for(lambda: [write_for(STEP_S), site.sink.state["trouble"]][1], "the sink notices")
    size = site.sink.state["backlog_bytes"]
    server.start()
    back = time.monotonic()
    write_for(min(around_s, 2.0))
    assert site.sink.drain(120), site.sink.state
    caught_up_s = time.monotonic() - back
    write_for(max(around_s - 2.0, 0.0))
    assert site.sink.drain(60), site.sink.state
    state = site.sink.state
    site.close()
    contents.check(server, database, "s1", load.written)
    assert not site.refused
    return {
        "server": server.version,
        "away_s": away_s,
        "lines_written": state["lines"],
        "points_in_influxdb": sum(map(len, contents.stored(server, database, "s1").values())),
        "lost_or_doubled": 0,
        "attempts_that_failed": state["retries"],
        "most_lines_waiting": waiting,
        "backlog_bytes": size,
        "caught_up_s": round(caught_up_s, 2),
        "longest_write_s": round(longest_s, 3),
    }


def main() -> int:
    """Run it against the servers that are here."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--away", type=float, default=60.0, metavar="S", help="how long the server is away")
    parser.add_argument("--lines", type=int, default=2000, metavar="N", help="lines a second")
    parser.add_argument("--version", choices=("1", "2"), help="only this server")
    options = parser.parse_args()
    wrong = 0
    for kind in (One, Two):
        if options.version in (None, kind.version):
            with ExitStack() as stack:
                folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
                server = stack.enter_context(running(kind, folders[0]))
                try:
                    told = outage(server, folders[1], away_s=options.away, lines_s=options.lines)
                except AssertionError as error:
                    told, wrong = {"server": kind.version, "wrong": str(error)[:2000]}, 1
                print(json.dumps(told), flush=True)  # noqa: T201 - a program
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
