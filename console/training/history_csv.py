"""Reads a file of past counts or readings for `patrolgrid train`; rows that cannot be used are listed."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from console.errors import CommandError
from ingest.codecs.csv_files import BadRow, RowError, commonest_step, epoch_ms, header, instant, number, read_rows
from ingest.log import HistorySeries
from ingest.places import Places
from ingest.vocabulary import Kind

_MOST: Final = 1e9
"""Larger numbers are typing errors."""
_LONGEST_S: Final = 6 * 3600
"""Rows over longer intervals say nothing of the time of day."""
_METRICS: Final = {"noise": "noise", "smoke": "smoke", "heat": "temperature", "water": "water"}
"""Type of device → what it measures, where nothing else is given."""


@dataclass(slots=True)
class HistoryFile:
    """The rows of a file that can be used; arrays of shape (rows,)."""

    names: list[HistorySeries]
    which: NDArray[np.int64]
    """Index into `names`."""
    start_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    interval_ms: int
    """What a row covers."""
    missing: int
    """Rows with an empty value."""
    bad: list[BadRow] = field(default_factory=list)


def read_history(
    path: Path, places: Places, zone: ZoneInfo, *, metric: str | None = None, interval_s: float | None = None
) -> HistoryFile:
    """Read ``timestamp,device,count`` or ``timestamp,device,value``.

    Parameters
    ----------
    places
        Whose devices the rows may be of.
    zone
        Of times that name none.
    metric
        What is counted or measured; by default persons, or what the device's type measures. A column ``metric`` is
        used before both.
    interval_s
        Seconds that a row covers from its time on; by default the commonest step between a device's times.

    Raises
    ------
    CommandError
        For a file that has no usable row, or whose interval cannot be found.
    ingest.codecs.csv_files.CsvError
        For a file whose columns are others.
    OSError
        Where it cannot be read.
    """
    column = "count" if "count" in header(path) else "value"
    kind = Kind.COUNT if column == "count" else Kind.LEVEL
    names: dict[HistorySeries, int] = {}
    cells: dict[tuple[int, int], tuple[int, float]] = {}
    """(series, start) → (line, value), in the order of the file."""

    def parse(line: int, row: dict[str, str]) -> None:
        start = _start_ms(row["timestamp"], zone)
        series = _series(row, kind, places, metric)
        text = row[column]
        value = number(text, column, most=_MOST, whole=kind == Kind.COUNT) if text else math.nan
        cell = names.setdefault(series, len(names)), start
        if cell in cells:
            raise RowError(f"is a second row of {series.device} for that time; the first is line {cells[cell][0]}")
        cells[cell] = line, value

    bad: list[BadRow] = []
    for _ in read_rows(path, ("timestamp", "device", column), parse, bad):
        pass
    table = np.array([(*cell, value) for cell, (_, value) in cells.items()], dtype=np.float64).reshape(-1, 3)
    usable = np.isfinite(table[:, 2])
    if not usable.any():
        first = f"; line {bad[0].line}: {bad[0].why}" if bad else ""
        raise CommandError(f"{path}: no row can be used{first}")
    times: dict[int, list[int]] = defaultdict(list)
    for index, start in cells:
        times[index].append(start)
    seconds = interval_s if interval_s is not None else commonest_step(times.values()) / 1000
    if not seconds:
        raise CommandError(f"{path}: every device has one row only: say with --interval what it covers", 2)
    if not 1 <= seconds <= _LONGEST_S:
        raise CommandError(
            f"{path}: a row covers {seconds:g} seconds, expected 1 to {_LONGEST_S}: longer counts say nothing of the "
            f"time of day (--interval tells it, where it was guessed wrongly)",
            2,
        )
    which, start_ms, value = table[usable].T.copy()
    return HistoryFile(
        names=list(names),
        which=which.astype(np.int64),
        start_ms=start_ms.astype(np.int64),
        value=value,
        interval_ms=round(seconds * 1000),
        missing=int((~usable).sum()),
        bad=bad,
    )


def _start_ms(text: str, zone: ZoneInfo) -> int:
    milliseconds = epoch_ms(instant(text), zone)
    if milliseconds is None:
        raise RowError(f"timestamp is {text!r}, a time that the clocks of {zone.key} skipped")
    if milliseconds < 0:
        raise RowError(f"timestamp is {text!r}, expected one after 1970")
    return milliseconds


def _series(row: dict[str, str], kind: Kind, places: Places, metric: str | None) -> HistorySeries:
    name = row["device"]
    device = places.devices.get(name)
    if device is None:
        raise RowError(f"device {name!r} is not in the places file")
    measured = row.get("metric") or metric or ("person" if kind == Kind.COUNT else _METRICS.get(device.type, ""))
    if not measured:
        raise RowError(f"device {name!r} is a {device.type}: say what it measures with --metric")
    return HistorySeries(device.beat, device.id, int(kind), measured)
