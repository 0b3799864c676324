"""Reads a CSV of the counts or readings of devices: every command that takes such a file takes its rows from here."""

import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median_low
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.codecs.csv_files import BadRows, CsvError, CsvTable, FileColumns, RowError, open_csv
from ingest.codecs.csv_values import Instants, TwiceTime, number
from ingest.observations import MAX_COUNT

MOST: Final = 1e9
"""Larger readings are typing errors."""
_MAX_SERIES: Final = 100_000
_MAX_NAME: Final = 200
_BROKEN: Final = "\ufffd"
_FAR_MS: Final = 3 * 3_600_000
"""Rows so far apart are not of one change of the clocks."""
_RUN: Final = 12
_USUAL_MS: Final = tuple(1000 * s for s in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 86_400))
_MOST_INTERVALS: Final = 4
_COUNTED: Final = ("person", "vehicle")
_METRICS: Final = {
    "people": "person", "persons": "person", "人": "person", "行人": "person", "人员": "person",
    "vehicles": "vehicle", "car": "vehicle", "cars": "vehicle", "车": "vehicle", "车辆": "vehicle", "机动车": "vehicle",
}  # fmt: skip
NAN: Final = float("nan")


class SeriesName(NamedTuple):
    """What a row is about."""

    device: str
    metric: str
    """What is counted or measured; nothing where that is not known."""


class Series:
    """The rows of one device and metric; 24 bytes each where times only rise or only fall."""

    def __init__(self, name: SeriesName, written: str) -> None:
        self.name = name
        self.written = written
        """The device in the file."""
        self.title = written
        """Its name, where a column beside the device has one."""
        self.times, self.values, self.lines = array("q"), array("d"), array("q")
        """Starts of intervals (epoch ms), values (NaN for a missing one), lines of the file; times rise in the end."""
        self.texts: list[str] = []
        """The times as the file has them, where that was asked for."""
        self.interval_ms = 0
        """What a row covers; 0 where nothing says so."""
        self._order = 0
        """1 while times have only risen, -1 while they have only fallen, 0 before the second row."""
        self._seen: dict[int, int] | None = None
        """Time → line, from when times have done neither."""
        self._twice: _TwiceHour | None = None

    def instant(self, at: TwiceTime) -> int:
        """Return which instant a time means that the clocks showed twice."""
        if self._twice is None or abs(at.local_ms - self._twice.local_ms) > _FAR_MS:
            self._twice = _TwiceHour(at.local_ms, falling=bool(self.times) and self.times[-1] > at.second_ms)
        return self._twice.instant(at)

    def add(self, start: int, value: float, line: int) -> None:
        """Add a row. Raises `RowError` where there is one for that time."""
        if self._seen is None and self.times:
            last = self.times[-1]
            order = (start > last) - (start < last)
            if not order:
                self._again(self.lines[-1])
            if self._order in {0, order}:
                self._order = order
            else:
                self._seen = dict(zip(self.times, self.lines, strict=True))
        if self._seen is not None:
            if start in self._seen:
                self._again(self._seen[start])
            self._seen[start] = line
        self.times.append(start)
        self.values.append(value)
        self.lines.append(line)

    def _again(self, line: int) -> None:
        raise RowError(f"is a second row of {self.written} for that time; the first is line {line}")

    def settle(self) -> None:
        """Put the rows into the order of time."""
        order: Sequence[int] | None = None
        if self._seen is not None:
            order = sorted(range(len(self.times)), key=self.times.__getitem__)
        elif self._order < 0:
            order = range(len(self.times) - 1, -1, -1)
        self._seen = self._twice = None
        if order is not None:
            self.times = array("q", map(self.times.__getitem__, order))
            self.values = array("d", map(self.values.__getitem__, order))
            self.lines = array("q", map(self.lines.__getitem__, order))
            self.texts = [self.texts[at] for at in order] if self.texts else []


class _TwiceHour:
    """The rows of a device in an hour that the clocks show twice.

    The first row of a time is of the first pass, the second of the second; when times go back, the second has begun.
    In a file that has the newest row first (`falling`) it is the other way round.
    """

    def __init__(self, local_ms: int, *, falling: bool) -> None:
        self.local_ms, self._falling = local_ms, falling
        self._second = False
        self._seen: set[int] = set()

    def instant(self, at: TwiceTime) -> int:
        ahead = self.local_ms - at.local_ms if self._falling else at.local_ms - self.local_ms
        self._second = self._second or ahead < 0
        second = self._second or at.local_ms in self._seen
        self._seen.add(at.local_ms)
        self.local_ms = at.local_ms
        return at.second_ms if second != self._falling else at.first_ms


@dataclass(slots=True)
class SeriesFile:
    """What a file says of devices, and what of it cannot be used."""

    table: CsvTable
    counts: bool
    """Whether the values are counts, else readings."""
    series: list[Series]
    """In the order in which they first occur."""
    bad: BadRows
    missing: int
    """Rows with an empty value."""

    @property
    def rows(self) -> int:
        """How many rows can be used; those without a value are not in it."""
        return sum(len(one.times) for one in self.series) - self.missing


def read_series(
    path: Path,
    zone: ZoneInfo,
    *,
    kinds: Sequence[str] = ("count", "value"),
    metric: str = "",
    resolve: Callable[[SeriesName], SeriesName] = lambda name: name,
    texts: bool = False,
) -> SeriesFile:
    """Read ``timestamp,device,count`` or ``timestamp,device,value``, with an optional ``metric``.

    Parameters
    ----------
    zone
        Of times that name none.
    kinds
        Which columns of values are possible; of several, the first that the file has by this very name.
    metric
        What is counted or measured where no column says so; by default persons are counted.
    resolve
        Tells what a device and metric of the file is called further on. Raises `RowError` for one that is refused.
    texts
        Whether to keep the times as the file has them.

    Returns
    -------
    SeriesFile
        With one `Series` for each name that `resolve` gives, or one for each interval of it, if the device changed from
        one to another; times rise in each, and no two of a name are the same.

    Raises
    ------
    CsvError
        For a file whose columns are others, or that has no row that can be used.
    OSError
        Where it cannot be read.
    """
    table = open_csv(path)
    exact = [name.lower() for name in table.header]
    kind = next((kind for kind in kinds if kind in exact), None) or next(filter(table.has, kinds), kinds[-1])
    found = table.columns(("timestamp", "device", kind), ("metric", "name"))
    reader = _Reader(table, found, kind, zone, metric, resolve)
    bad = BadRows()
    known: dict[str, str] = {}
    for line, cells in table.rows(bad):
        try:
            text = reader.take(line, cells)
        except RowError as error:
            table.refuse(bad, line, error, table.delimiter.join(cells))
        else:
            if texts:
                reader.last.texts.append(known.setdefault(text, text))
    used = [one for one in reader.series.values() if one.times]
    for one in used:
        one.settle()
    series = _with_intervals(used)
    result = SeriesFile(table, kind == "count", series, bad, reader.missing)
    if not result.rows:
        first = f"; line {bad[0].line}: {bad[0].why}" if bad else ""
        raise CsvError(f"{path}: has no rows that can be used{first}")
    return result


class _Reader:
    """Takes one row after another."""

    def __init__(
        self,
        table: CsvTable,
        columns: FileColumns,
        kind: str,
        zone: ZoneInfo,
        metric: str,
        resolve: Callable[[SeriesName], SeriesName],
    ) -> None:
        at, shown = columns.at, columns.shown
        self._time, self._device, self._value = at["timestamp"], at["device"], at[kind]
        self._metric, self._day = at.get("metric"), columns.day
        self._title = at.get("name")
        self._time_name, self._device_name, self._value_name = shown["timestamp"], shown["device"], shown[kind]
        self._metric_name = shown.get("metric", "metric")
        self._whole, self._most = kind == "count", MAX_COUNT if kind == "count" else MOST
        self._comma = table.decimal_comma
        self._instants, self._resolve = Instants(zone), resolve
        self._default = metric or ("person" if self._whole else "")
        self._names: dict[tuple[str, str], Series | str] = {}
        """(device, metric) as the file has them → where their rows go, or why they are refused."""
        self.series: dict[SeriesName, Series] = {}
        self.missing = 0
        self.last: Series
        """What the last row went to."""
        self._text, self._at = "", 0

    def take(self, line: int, cells: list[str]) -> str:
        """Take a row, and return its time as the file has it. Raises `RowError`."""
        text = cells[self._time].strip()
        if self._day is not None:
            text = f"{cells[self._day].strip()} {text}"
        if text == self._text:
            at: int | TwiceTime = self._at
        else:
            at = self._instants.of(text, self._time_name)
            if isinstance(at, int):
                self._text, self._at = text, at
        key = cells[self._device].strip(), "" if self._metric is None else cells[self._metric].strip()
        series = self._names.get(key)
        if series is None:
            series = self._names[key] = self._named(*key)
            title = "" if self._title is None else unicodedata.normalize("NFC", cells[self._title].strip())
            if isinstance(series, Series) and title.isprintable() and _BROKEN not in title:
                series.title = title[:_MAX_NAME] or series.title
        if isinstance(series, str):
            raise RowError(series)
        start = at if isinstance(at, int) else series.instant(at)  # also a row without a number stands in the order
        cell = cells[self._value].strip()
        value = (
            number(cell, self._value_name, most=self._most, whole=self._whole, decimal_comma=self._comma)
            if cell
            else NAN
        )
        series.add(start, value, line)
        self.missing += not cell
        self.last = series
        return text

    def _named(self, device: str, metric: str) -> Series | str:
        """Return the series of a device and metric, or why there is none."""
        if len(self._names) >= _MAX_SERIES:
            raise CsvError(f"more than {_MAX_SERIES} different devices; is {self._device_name!r} the device?")
        device = unicodedata.normalize("NFC", device)
        if not device or len(device) > _MAX_NAME or not device.isprintable() or _BROKEN in device:
            return f"{self._device_name} is {device[:50]!r}, expected a name of at most {_MAX_NAME} letters"
        metric = (_METRICS.get(metric.lower(), metric) if self._whole else metric) or self._default
        if self._whole and metric not in _COUNTED:
            return f"{self._metric_name} is {metric[:50]!r}, expected {' or '.join(_COUNTED)}"
        try:
            name = self._resolve(SeriesName(device, metric))
        except RowError as error:
            return str(error)
        return self.series.setdefault(name, Series(name, device))


def _with_intervals(series: Iterable[Series]) -> list[Series]:
    """Find what rows cover: the commonest step of their series, or where it has no two alike, of the file."""
    steps: Counter[int] = Counter()
    found: list[Series] = []
    unsure: list[Series] = []
    for one in series:
        own = Counter(second - first for first, second in pairwise(one.times))
        steps.update(own)
        one.interval_ms = _commonest(own)
        if own.total() < _RUN and max(own.values(), default=0) < 2:
            unsure.append(one)
        found += _parts(one, own)
    for one in unsure:
        one.interval_ms = _commonest(steps)
    return found


def _commonest(steps: Counter[int]) -> int:
    """Return the commonest step; of a clock that is a little early or late each time, the one that was meant."""
    best = max(steps, key=lambda step: (steps[step], -step), default=0)
    if steps[best] * 4 >= steps.total():
        return best
    middle = median_low(steps.elements())
    return next((usual for usual in _USUAL_MS if abs(middle - usual) * 50 <= usual), middle)


def _parts(one: Series, steps: Counter[int]) -> list[Series]:
    """Split a series where its device began to report at another interval; rows of one interval stay together.

    `_RUN` steps of one length in a row are no gaps. Steps that differ by less than a tenth are a clock that drifts.
    """
    usual = one.interval_ms
    others = {step for step, times in steps.items() if times >= _RUN and abs(step - usual) * 10 > usual}
    if not others or len(others) > _MOST_INTERVALS:
        return [one]
    intervals = array("q")
    current = usual
    for step, run in groupby(second - first for first, second in pairwise(one.times)):
        length = sum(1 for _ in run)
        if length >= _RUN:
            current = step if step in others else usual
        intervals.extend([current] * length)
    intervals.append(current)
    parts: dict[int, Series] = {}
    for at, interval_ms in enumerate(intervals):
        part = parts.setdefault(interval_ms, Series(one.name, one.written))
        part.interval_ms, part.title = interval_ms, one.title
        part.times.append(one.times[at])
        part.values.append(one.values[at])
        part.lines.append(one.lines[at])
        part.texts += one.texts[at : at + 1]
    return list(parts.values())
