"""What a device counted against what was expected, as a picture for the documentation.

    patrolgrid replay auckland --from 2024-01-01 --days 28 --speed max
    python docs/figure.py --site auckland --from 2024-01-15 --days 7 --out docs/img/auckland.svg

Needs matplotlib, which the development tools bring (``pip install --group dev``).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import matplotlib as mpl
from matplotlib import dates
from matplotlib import pyplot as plt

from console.common import add_settings_arguments, chosen_site, settings_of
from stream.sinks.store.reader import StoreReader

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "patrolgrid"  # the same data, the same file
_MAX_WINDOWS: Final = 200_000


def main() -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(prog="python docs/figure.py", description="Draw counts over what was expected.")
    add_settings_arguments(parser, site=True)
    parser.add_argument("--device", metavar="ID", help="which device (default: the busiest)")
    parser.add_argument("--from", dest="start", metavar="DATE", help="first day (default: the last seven days)")
    parser.add_argument("--days", type=int, default=7, help="how many days (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture to write: .svg, .png or .pdf")
    options = parser.parse_args()
    settings = settings_of(options)
    site = chosen_site(settings, options.site)
    zone = site.zone(settings)
    reader = StoreReader(site.store, zone)
    try:
        device = options.device or _busiest(reader.totals()["by_device"])
        rows = reader.windows(device, limit=_MAX_WINDOWS)
    finally:
        reader.close()
    rows = [row for row in rows if row["kind"] == "count"]
    if not rows:
        sys.exit(f"site {site.id} has no counts of a device {device!r}; `patrolgrid status` lists the devices")
    start = _start(options.start, rows[-1]["start"], options.days, zone)
    end = start + timedelta(days=options.days)
    chosen = [row for row in rows if start.timestamp() * 1000 <= row["start"] < end.timestamp() * 1000]
    if not chosen:
        sys.exit(
            f"{device} has no counts from {start:%Y-%m-%d} for {options.days} days; it has them from "
            f"{_at(rows[0], zone):%Y-%m-%d} to {_at(rows[-1], zone):%Y-%m-%d}"
        )
    draw(chosen, device, zone, options.out)
    print(f"{options.out}: {len(chosen)} windows of {device}")


def draw(rows: Sequence[dict[str, Any]], device: str, zone: ZoneInfo, path: Path) -> None:
    """Draw windows (as `StoreReader.windows` returns them) of one count series: observed over the expected band."""
    # matplotlib's stubs know no time zones and no lists of times; what is passed is what its guide passes.
    times: Any = [_at(row, zone) for row in rows]
    days: Any = dates
    figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
    lower, upper = ([_number(row[name]) for row in rows] for name in ("lower", "upper"))
    axes.fill_between(times, lower, upper, color="#9ecae1", alpha=0.6, linewidth=0, label="expected, 99 % band")
    axes.plot(times, [_number(row["expected"]) for row in rows], color="#3182bd", linewidth=1, label="expected")
    observed = [row["in"] + row["out"] for row in rows]
    axes.plot(times, observed, color="#222222", linewidth=1.1, label="observed")
    strange = [index for index, row in enumerate(rows) if row["state"] in {"surge", "deficit", "dead"}]
    axes.plot(
        [times[index] for index in strange],
        [observed[index] for index in strange],
        "o",
        color="#d7301f",
        markersize=4,
        label="unusual (hidden state not normal)",
    )
    axes.set_title(f"{device}: observed against expected", loc="left", fontsize=11)
    axes.set_ylabel("people per window")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(days.DayLocator(tz=zone))
    axes.xaxis.set_major_formatter(days.DateFormatter("%a %d %b", tz=zone))
    axes.xaxis.set_minor_locator(days.HourLocator(byhour=[12], tz=zone))
    axes.set_xlabel(f"local time ({zone.key}); the short marks are noon", fontsize=8)
    axes.legend(loc="upper left", ncols=4, fontsize=8, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=110, metadata=metadata)
    plt.close(figure)


def _busiest(totals: dict[str, dict[str, float]]) -> str:
    if not totals:
        sys.exit("the store is empty")
    return max(totals, key=lambda device: totals[device]["in"] + totals[device]["out"])


def _start(day: str | None, newest_ms: int, days: int, zone: ZoneInfo) -> datetime:
    if day is None:
        newest = datetime.fromtimestamp(newest_ms / 1000, zone)
        return newest.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    try:
        return datetime.fromisoformat(day).replace(tzinfo=zone)
    except ValueError:
        sys.exit(f"--from is {day!r}, expected a date such as 2024-01-15")


def _at(row: dict[str, Any], zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(row["start"] / 1000, zone)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


if __name__ == "__main__":
    main()
