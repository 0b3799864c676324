"""Fits the hotspot forecast to a site's own incidents, once, in a process of its own.

    python -m deploy.node.fit_process --store store.db --places places.geojson --out fit.bin

The node starts it (`deploy.node.trainer`). It only reads the store.
"""

import argparse
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from deploy.node.trainer import TOO_LITTLE
from ingest.days.calendar_file import last_calendar
from ingest.files import replace_file
from ingest.places import load_places
from models.calendar import Calendar
from models.hotspots.forecast import Forecast
from models.hotspots.mixing import History
from stream.alerts.hotspot_stage import PROVENANCE
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

LEAST: Final = 100
"""Incidents that a history has at least."""
_MOST: Final = 1_000_000


def read_history(path: Path) -> tuple[History, int]:
    """Return the incidents of a store, in order of time, and the site's time (epoch ms). Raises `StoreError`."""
    with closing(StoreReader(path)) as reader:
        now_ms = int(reader.progress()["now_ms"])
        found = reader.incidents(limit=_MOST)[::-1]
    lon, lat, weight = (np.array(column, dtype=np.float64) for column in (
        [one["lon"] for one in found], [one["lat"] for one in found], [PROVENANCE[one["provenance"]] for one in found],
    ))  # fmt: skip
    ts = np.array([one["ts"] for one in found], dtype=np.int64)
    return History(lon, lat, ts, weight, np.zeros(len(found), dtype=np.int64)), now_ms


def main(arguments: list[str] | None = None) -> int:
    """Fit once. Returns 0; 1 for a failure; 3 where there is too little history yet, which the last line tells."""
    parser = argparse.ArgumentParser(prog="python -m deploy.node.fit_process", description="Fits a site's forecast.")
    parser.add_argument("--store", type=Path, required=True, help="the node's store, which is only read")
    parser.add_argument("--out", type=Path, required=True, help="file to write the fit to")
    parser.add_argument("--places", type=Path, required=True, help="the site's last good places")
    parser.add_argument("--or-places", type=Path, help="its places file, where there are none kept")
    parser.add_argument("--cell-m", type=float, default=100.0)
    parser.add_argument("--timezone", default="Asia/Shanghai")
    parser.add_argument("--country", default="", help="whose public holidays count")
    parser.add_argument("--calendar", type=Path, help="the node's file of its last good calendar")
    parser.add_argument("--nice", type=int, default=19, help="how far to stand back behind other processes")
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    try:
        history, now_ms = read_history(options.store)
        if len(history.ts_ms) < LEAST:
            sys.stderr.write(f"{len(history.ts_ms)} incidents, expected {LEAST}" + "\n")
            return TOO_LITTLE
        places = load_places(options.places if options.places.is_file() else options.or_places)
        known = None if options.calendar is None else last_calendar(options.calendar)
        country = options.country if known is None else known.country
        days = Calendar(options.timezone, country or None, entries=() if known is None else known.entries)
        began = time.monotonic()
        fit = Forecast(places.bounds(), options.cell_m, local=days.local).fit(history, now_ms)
        replace_file(options.out, fit.encode())
    except (StoreError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}" + "\n")
        return 1
    sys.stdout.write(f"fitted to {fit.events} incidents in {time.monotonic() - began:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
