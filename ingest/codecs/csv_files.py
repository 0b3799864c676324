"""Reads CSV files of past counts, readings and places: columns by name, bad rows named by file and line."""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
_MAX_LINE: Final = 1 << 20


class CsvError(ValueError):
    """A file is wrong; the text names the file, the line, what was found and what was expected."""


class RowError(ValueError):
    """One row is wrong; the text says how, without file and line."""


class BadRow(NamedTuple):
    """A row that was left out, and why."""

    line: int
    why: str
    text: str


def header(path: Path) -> list[str]:
    """Return the names of a file's columns, in small letters. Raises OSError where it cannot be read."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        return [name.strip().lower() for name in next(csv.reader(_lines(file, path)), [])]


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Give a file's lines; a file that is one endless line is not read into memory."""
    number = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        if len(line) == _MAX_LINE:
            raise CsvError(
                f"{path}, line {number}: is longer than {_MAX_LINE} characters; expected a text file in UTF-8"
            )
        yield line


def read_rows(
    path: Path, columns: Sequence[str], parse: Callable[[int, dict[str, str]], T], bad: list[BadRow] | None = None
) -> Iterator[T]:
    """Give what `parse` makes of each row; empty lines are left out.

    Parameters
    ----------
    columns
        Names that the file's first line must have; there may be others, in any order.
    parse
        Called with the line and the row: column → text without spaces around it. Raises `RowError`.
    bad
        Takes the rows that are wrong; without it, the first of them ends the reading.

    Raises
    ------
    CsvError
        For other columns, a row that is wrong, or a file that is no CSV.
    OSError
        Where it cannot be read.
    """
    names = header(path)
    if not set(columns) <= set(names):
        found = ", ".join(repr(name) for name in names[:8]) or "nothing"
        raise CsvError(f"{path}, line 1: has the columns {found}; expected {','.join(columns)}")
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.reader(_lines(file, path))
        try:
            next(rows)
            for fields in filter(None, rows):
                try:
                    parsed = parse(rows.line_num, _by_name(names, fields))
                except RowError as error:
                    if bad is None:
                        raise CsvError(f"{path}, line {rows.line_num}: {error}") from error
                    bad.append(BadRow(rows.line_num, str(error), ",".join(fields)))
                else:
                    yield parsed
        except csv.Error as error:
            raise CsvError(
                f"{path}, line {rows.line_num}: {error}; expected a text file in UTF-8 with commas"
            ) from error


def _by_name(names: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    if len(fields) < len(names):
        raise RowError(f"has {len(fields)} fields, expected {len(names)}")
    return dict(zip(names, map(str.strip, fields), strict=False))


def instant(text: str, name: str = "timestamp") -> datetime:
    """Return a time, aware where the text names a zone. Raises `RowError`."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise RowError(f"{name} is {text!r}, expected one like 2026-11-23 08:05:00") from None


def epoch_ms(when: datetime, zone: ZoneInfo) -> int | None:
    """Return a time, local where it names no zone, as epoch ms; None for one that the clocks of the zone skipped."""
    if when.tzinfo is None:
        local = when.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
            return None
        when = local
    return round(when.timestamp() * 1000)


def number(text: str, name: str, *, most: float = math.inf, whole: bool = False) -> float:
    """Return a finite number of at most `most` either way, with `whole` a count. Raises `RowError`."""
    expected = "a whole number from 0" if whole else "a number"
    expected += f" of at most {most:,.0f}" if most < math.inf else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > most or (whole and (value < 0 or value != int(value))):
        raise RowError(f"{name} is {text!r}, expected {expected}")
    return value


def commonest_step(times: Iterable[Iterable[int]]) -> int:
    """Return the commonest step between the times of any one series, in their unit; 0 where no series has two."""
    steps: Counter[int] = Counter()
    for series in times:
        steps.update(second - first for first, second in pairwise(sorted(series)))
    return max(steps.items(), key=lambda item: item[1], default=(0, 0))[0]
