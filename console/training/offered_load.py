"""Reads a file of officer-hours that were asked for: ``hour,beat,officer_hours``."""

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from ingest.codecs.csv_files import BadRows, RowError, read_rows
from ingest.codecs.csv_values import Instants, number
from models.calendar import Calendar
from models.patrols.staffing import ShiftRules
from stream.patrol.staffing_sheet import PastLoad

COLUMNS: Final = ("hour", "beat", "officer_hours")
_MOST_DAYS: Final = 3_700
_MOST_H: Final = 10_000.0


def read_load(path: Path, calendar: Calendar, bad: BadRows | None = None) -> PastLoad:
    """Read past load; hours without a zone are the site's. Several rows of one hour and beat are added up.

    Raises `ingest.codecs.csv_files.CsvError` for a file that is none, or has no row, and OSError.
    """
    instants = Instants(ZoneInfo(calendar.timezone))

    def parse(_line: int, row: dict[str, str]) -> tuple[int, str, float]:
        hours = number(row["officer_hours"], "officer_hours", most=_MOST_H)
        if hours < 0:
            raise RowError(f"officer_hours is {hours:g}, expected 0 or more")
        if not row["beat"]:
            raise RowError("beat is empty, expected a beat's id")
        return instants.first(row["hour"], "hour"), row["beat"], hours

    rows = list(read_rows(path, COLUMNS, parse, bad))
    if not rows:
        raise RowError(f"{path}: no rows, expected columns {', '.join(COLUMNS)}")
    days = [calendar.day_number(ms) for ms, _, _ in rows]
    first, last = min(days), max(days)
    if last - first >= _MOST_DAYS:
        raise RowError(f"{path}: rows from {last - first} days, expected at most {_MOST_DAYS}: one has a wrong year")
    beats = tuple(dict.fromkeys(beat for _, beat, _ in rows))
    at = {beat: place for place, beat in enumerate(beats)}
    load = np.full((last - first + 1, 24, len(beats)), np.nan)
    for day, (ms, beat, hours) in zip(days, rows, strict=True):
        cell = (day - first, calendar.instant(ms)[1] // 3600, at[beat])
        load[cell] = np.nan_to_num(load[cell]) + hours
    return PastLoad(beats, first, load)


def rules_of(lengths: str, starts: int, least: int) -> ShiftRules:
    """Return the rules of shifts that options ask for. Raises ValueError for what is no list of whole hours."""
    try:
        hours = tuple(sorted({int(one) for one in lengths.split(",")}))
    except ValueError as error:
        raise ValueError(f"--lengths {lengths!r}: expected whole hours such as 6,8,10") from error
    if not all(1 <= one <= 24 for one in hours) or starts < 1:
        raise ValueError(f"--lengths {lengths}, --starts {starts}: expected lengths of 1 to 24 hours, and a start")
    return ShiftRules(lengths_h=hours, most_starts=starts, least=least)
