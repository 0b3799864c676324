"""How much memory and time an export of windows takes: ``python -m benchmarks.export_bench [WINDOWS] [FOLDER]``.

Makes a store of 1,000 devices (kept in FOLDER, where one is named) and exports it to both forms, each by the command
itself in a process of its own, while another process goes on writing windows as a node does: the write-ahead file must
not grow with the time that an export takes.
"""

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from console.cli.main import main as command
from ingest.sqlite import transaction
from ingest.vocabulary import Kind, WindowStatus
from stream.results import Results, SeriesKey
from stream.sinks.store.store_sink import StoreSink

DEVICES = 1_000
WINDOW_MS = 300_000
FIRST_MS = 1_792_800_000_000 // WINDOW_MS * WINDOW_MS
_INSERT = "INSERT INTO windows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
LATE_EVERY = 97
"""Every so manieth window has a late addition."""


def rows(first: int, count: int, seed: int) -> Iterator[tuple[object, ...]]:
    """Yield windows of all devices, from the window with number `first` on."""
    random = np.random.default_rng(seed)
    for number in range(first, first + count):
        start = FIRST_MS + number * WINDOW_MS
        expected = random.gamma(4.0, 5.0, DEVICES).astype(np.float32).tolist()
        seen = random.poisson(expected, (2, DEVICES)).tolist()
        p = random.random(DEVICES, np.float32).tolist()
        for series in range(DEVICES):
            a, b, mean = float(seen[0][series]), float(seen[1][series]), expected[series]
            said = (1.0, mean, mean / 2, mean * 2, p[series], 0)
            yield (series, start, 0, int(WindowStatus.CLOSED), 5, a, b, 0.0, a, *said)
            if (number + series) % LATE_EVERY == 0:
                yield (series, start, 7, int(WindowStatus.LATE), 1, 1.0, 0.0, 1.0, 1.0, 1.0, *[None] * 4, 4)


def make(folder: Path, windows: int) -> None:
    path = folder / "made" / "store.db"
    if path.exists():
        return
    path.parent.mkdir(parents=True)
    with closing(StoreSink(path, "made")) as sink:
        catalog = [SeriesKey(f"b{n // 20}", f"cam-{n:04}", int(Kind.COUNT), "person") for n in range(DEVICES)]
        sink.write([Results(0, FIRST_MS + windows // DEVICES * WINDOW_MS, FIRST_MS, catalog)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for first in range(0, windows // DEVICES, 500):
            with transaction(connection):
                connection.executemany(_INSERT, rows(first, min(500, windows // DEVICES - first), first))


def export(folder: Path, form: str, file: str) -> int:
    began, used = time.perf_counter(), time.process_time()
    code = command(["export", "windows", f"--{form}", file, "--data-dir", str(folder), "--quiet", "--lang", "en"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(f"{form:8} {seconds:6.1f} s ({used:.1f} s of processor time), {peak:4.0f} MB resident at most", flush=True)
    return code


def measure(folder: Path, form: str, windows: int) -> None:
    """Run an export, and write windows beside it, a minute's worth every tenth of a second."""
    path, wal, number = folder / "made" / "store.db", folder / "made" / "store.db-wal", windows // DEVICES
    with tempfile.TemporaryDirectory(dir=folder) as out:
        arguments = ["export", str(folder), form, f"{out}/windows.{form}"]
        with (
            subprocess.Popen([sys.executable, "-m", "benchmarks.export_bench", *arguments]) as child,
            closing(sqlite3.connect(path, isolation_level=None)) as connection,
        ):
            largest = written = 0
            while child.poll() is None:
                with transaction(connection):
                    connection.executemany(_INSERT.replace("INSERT", "INSERT OR REPLACE"), rows(number, 1, written))
                written += 1
                largest = max(largest, wal.stat().st_size)
                time.sleep(0.1)
        print(
            f"{'':8} beside {written} writes of {DEVICES} windows; the write-ahead file had {largest >> 20} MB at most"
        )


def main() -> int:
    if sys.argv[1:2] == ["export"]:
        return export(Path(sys.argv[2]), *sys.argv[3:])
    windows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        make(folder, windows)
        for form in ("csv", "parquet"):
            measure(folder, form, windows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
