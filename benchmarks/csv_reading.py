"""How fast a CSV of counts is read, and in how much memory: ``python -m benchmarks.csv_reading [ROWS]``.

Each command's own way of reading, in a process of its own, over the same file of 20 devices.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from console.training.history_csv import read_history
from ingest.codecs.csv_series import read_series
from ingest.places import parse_places
from simulators.replay.csv_counts import csv_track
from simulators.world import ground

ZONE = "America/New_York"
DEVICES = 20


def make(path: Path, rows: int) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        file.write("timestamp,device,count\n")
        for row in range(rows):
            file.write(f"{at:%Y-%m-%d %H:%M:%S},cam-{row % DEVICES},{row * 7919 % 97}\n")
            at += timedelta(minutes=5) * (row % DEVICES == DEVICES - 1)


def read(command: str, path: Path) -> None:
    if command == "replay":
        csv_track(path, timezone=ZONE)
    elif command == "train":
        names = {f"cam-{number}": f"cam-{number}" for number in range(DEVICES)}
        features, _ = ground.square("b1", names, (0.0, 0.0), device_type="camera")
        read_history(path, parse_places(ground.collection(features)), ZoneInfo(ZONE))
    else:
        read_series(path, ZoneInfo(ZONE), kinds=("count",), texts=True)


def main() -> int:
    if len(sys.argv) == 4:
        command, path, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
        before = time.process_time()
        read(command, path)
        seconds, peak = time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{command:10} {rows / seconds:10,.0f} rows/s of processor time, {peak:5.0f} MB at most")
        return 0
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 600_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.csv"
        make(path, rows)
        for command in ("replay", "train", "backtest"):
            subprocess.run([sys.executable, "-m", "benchmarks.csv_reading", command, path, str(rows)], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
