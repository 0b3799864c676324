"""Reads a file of past counts or readings for `patrolgrid train`. A row that cannot be used is told, never dropped."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from console.errors import CommandError
from ingest.log.history import HistorySeries
from ingest.places import Places
from ingest.vocabulary import Kind

_MOST: Final = 1e9
"""Larger numbers are typing errors."""
_LONGEST_S: Final = 6 * 3600
"""Rows over longer intervals say nothing of the time of day."""
_METRICS: Final = {"noise": "noise", "smoke": "smoke", "heat": "temperature", "water": "water"}
"""Type of device → what it measures, where nothing else is told."""
_UTF8_HINT: Final = "expected a text file in UTF-8 with commas"


class BadRow(NamedTuple):
    """A row that teaches nothing, and why."""

    line: int
    why: str
    text: str


class _RowError(ValueError):
    """What is wrong with a row."""


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

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.which)


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
        What is counted or measured; by default persons, or what the device's type measures. A column ``metric`` goes
        before both.
    interval_s
        Seconds that a row covers from its time on; by default the commonest step between a device's times.

    Raises
    ------
    CommandError
        For a file whose columns are others, that has no usable row, or whose interval cannot be found.
    OSError
        Where it cannot be read.
    """
    reader = _Reader(path, places, zone, metric)
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.reader(file)
        try:
            reader.head(next(rows, []))
            for fields in rows:
                if fields:
                    reader.row(rows.line_num, fields)
        except csv.Error as error:
            raise CommandError(f"{path}, line {rows.line_num}: {error}; {_UTF8_HINT}") from error
    return reader.result(interval_s)


class _Reader:
    def __init__(self, path: Path, places: Places, zone: ZoneInfo, metric: str | None) -> None:
        self.path, self.places, self.zone, self.metric = path, places, zone, metric
        self.kind, self.columns = Kind.COUNT, dict[str, int]()
        self.names: dict[HistorySeries, int] = {}
        self.cells: dict[tuple[int, int], tuple[int, float]] = {}
        """(series, start) → (line, value)."""
        self.instants: dict[str, int] = {}
        self.missing = 0
        self.bad: list[BadRow] = []

    def head(self, fields: Sequence[str]) -> None:
        self.columns = {name.strip().lower(): place for place, name in enumerate(fields)}
        value = next((name for name in ("count", "value") if name in self.columns), "")
        missing = [name for name in ("timestamp", "device") if name not in self.columns]
        if missing or not value:
            found = ", ".join(repr(name) for name in fields[:8]) or "nothing"
            raise CommandError(
                f"{self.path}, line 1: has the columns {found}; expected timestamp,device,count or "
                f"timestamp,device,value"
            )
        self.kind = Kind.COUNT if value == "count" else Kind.LEVEL
        self.columns["value"] = self.columns[value]

    def row(self, line: int, fields: Sequence[str]) -> None:
        try:
            self._row(line, fields)
        except _RowError as error:
            self.bad.append(BadRow(line, str(error), ",".join(fields)))

    def _row(self, line: int, fields: Sequence[str]) -> None:
        if len(fields) <= max(self.columns.values()):
            raise _RowError(f"has {len(fields)} fields, expected {max(self.columns.values()) + 1}")
        start = self._instant(fields[self.columns["timestamp"]].strip())
        series = self._series(fields)
        text = fields[self.columns["value"]].strip()
        value = self._value(text) if text else math.nan
        index = self.names.setdefault(series, len(self.names))
        before = self.cells.get((index, start))
        if before is not None:
            raise _RowError(f"is a second row of {series.device} for that time; the first is line {before[0]}")
        self.cells[index, start] = line, value
        self.missing += not text

    def _instant(self, text: str) -> int:
        known = self.instants.get(text)
        if known is not None:
            return known
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise _RowError(f"timestamp is {text!r}, expected one like 2026-11-23 08:05:00") from None
        if when.tzinfo is None:
            local = when.replace(tzinfo=self.zone)
            if local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != when:
                raise _RowError(f"timestamp is {text!r}, a time that the clocks of {self.zone.key} skipped")
            when = local
        milliseconds = round(when.timestamp() * 1000)
        if milliseconds < 0:
            raise _RowError(f"timestamp is {text!r}, expected one after 1970")
        self.instants[text] = milliseconds
        return milliseconds

    def _series(self, fields: Sequence[str]) -> HistorySeries:
        name = fields[self.columns["device"]].strip()
        device = self.places.devices.get(name)
        if device is None:
            raise _RowError(f"device {name!r} is not in the places file")
        metric = fields[self.columns["metric"]].strip() if "metric" in self.columns else ""
        metric = metric or self.metric or ("person" if self.kind == Kind.COUNT else _METRICS.get(device.type, ""))
        if not metric:
            raise _RowError(f"device {name!r} is a {device.type}: say what it measures with --metric")
        return HistorySeries(device.beat, device.id, int(self.kind), metric)

    def _value(self, text: str) -> float:
        what = "count" if self.kind == Kind.COUNT else "value"
        try:
            value = float(text)
        except ValueError:
            raise _RowError(f"{what} is {text!r}, expected a number") from None
        if not abs(value) <= _MOST:  # also NaN
            raise _RowError(f"{what} is {text!r}, expected a number of at most {_MOST:,.0f}")
        if self.kind == Kind.COUNT and (value < 0 or value != int(value)):
            raise _RowError(f"{what} is {text!r}, expected a whole number from 0")
        return value

    def result(self, interval_s: float | None) -> HistoryFile:
        if len(self.cells) == self.missing:
            first = f"; line {self.bad[0].line}: {self.bad[0].why}" if self.bad else ""
            raise CommandError(f"{self.path}: no row can be used{first}")
        seconds = interval_s if interval_s is not None else self._interval()
        if not 1 <= seconds <= _LONGEST_S:
            raise CommandError(
                f"{self.path}: a row covers {seconds:g} seconds, expected 1 to {_LONGEST_S}: longer counts say nothing "
                f"of the time of day (--interval tells it, where it was guessed wrongly)",
                2,
            )
        table = np.array([(index, start, value) for (index, start), (_, value) in self.cells.items()], dtype=np.float64)
        table = table[np.isfinite(table[:, 2])]
        return HistoryFile(
            names=list(self.names),
            which=table[:, 0].astype(np.int64),
            start_ms=table[:, 1].astype(np.int64),
            value=table[:, 2],
            interval_ms=round(seconds * 1000),
            missing=self.missing,
            bad=self.bad,
        )

    def _interval(self) -> float:
        steps: Counter[int] = Counter()
        for times in self._times():
            steps.update(np.diff(np.sort(np.array(times, dtype=np.int64))).tolist())
        if not steps:
            raise CommandError(f"{self.path}: every device has one row only: say with --interval what it covers", 2)
        return steps.most_common(1)[0][0] / 1000

    def _times(self) -> Iterable[list[int]]:
        times: dict[int, list[int]] = {}
        for index, start in self.cells:
            times.setdefault(index, []).append(start)
        return times.values()
