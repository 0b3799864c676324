"""Beats by hours of a week: officers asked for against officers there, and the shifts that bring them there."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.files import read_json, replace_json
from models.calendar import WORKING, Calendar
from models.patrols.staffing import HOLIDAY, WORKED, LoadForecast, ShiftRules, cover, equal_shifts
from stream.sinks.store.reader import StoreReader

SHEET: Final = "staffing.json"
"""The newest sheet, in the site's folder."""
_OF_WEEK: Final = "staffing-{begin_ms}.json"
"""Beside it: the sheet of the week that begins then, for who asks later what was asked for."""
_KEPT: Final = 12
WEEKS: Final = 26
"""Of alerts that a sheet rests on."""
SERVED: Final = 0.95
"""Share of the load that is to be served where nothing else is asked for."""
HOURS: Final = 7 * 24
AHEAD: Final = 8
"""Days that are planned for a week: those who begin on its last evening are of use on the morning after."""
MOST_EQUAL: Final = 60
"""Officers of an equal shift, at most, where it is asked how many would serve as much."""
_EPOCH: Final = date(1970, 1, 1)


class PastLoad(msgspec.Struct, frozen=True):
    """Officer-hours that were asked for, by local day, hour and beat."""

    beats: tuple[str, ...]
    first_day: int
    """Local days since 1970."""
    load: NDArray[np.float64]
    """(days, 24, beats); NaN where nothing is known."""


def kinds_of(calendar: Calendar, first_day: int, days: int) -> NDArray[np.int64]:
    """Return the kind of days in a row, as `models.patrols.staffing` has them, (days,)."""
    found = [calendar.day(first_day + number) for number in range(days)]
    return np.array(
        [
            HOLIDAY if day.holiday else WORKED if day.weekday >= 5 and day.day_class == WORKING else day.weekday
            for day in found
        ],
        dtype=np.int64,
    )


def load_of_alerts(
    reader: StoreReader,
    calendar: Calendar,
    beats: Sequence[str],
    until_ms: int,
    *,
    weeks: int,
    answer_min: float,
    routine_h: float,
) -> PastLoad:
    """Return what the alerts of past weeks asked for, at so many officer-minutes each, and routine duty.

    Days before the first alert are not known: nobody was told anything, or nobody was there to keep it.
    """
    last = calendar.day_number(until_ms)
    first = last - weeks * 7
    since_ms = until_ms - (weeks * 7 + 1) * 86_400_000
    found = reader.query(
        "SELECT raised_ms, json_extract(body, '$.beat') FROM alerts WHERE raised_ms >= ? AND raised_ms < ?",
        (since_ms, until_ms),
    )
    at = {beat: number for number, beat in enumerate(beats)}
    load = np.full((last - first, 24, len(beats)), routine_h)
    days: list[int] = []
    for raised_ms, beat in found:
        day = calendar.day_number(raised_ms) - first
        if 0 <= day < len(load) and beat in at:
            _, second = calendar.instant(raised_ms)
            load[day, second // 3600, at[beat]] += answer_min / 60.0
            days.append(day)
    load[: min(days, default=len(load))] = np.nan
    return PastLoad(tuple(beats), first, load)


def staffing_sheet(
    past: PastLoad, calendar: Calendar, first_day: int, rules: ShiftRules, *, share: float
) -> dict[str, Any]:
    """Return the sheet of the week that begins with a local day, as JSON values.

    Parameters
    ----------
    past
        What was asked for before.
    share
        Of the expected load that is to be served, 0-1.

    Returns
    -------
    dict
        ``begin_ms, hours, beats [{id, asked, there}], shifts [{begin_ms, end_ms, officers, breaks}], served,
        officer_hours, bound_hours, equal_officers, equal_hours, days`` (of the past that it rests on). Those who are
        there are shared among beats as is asked for. ``equal_officers`` of each of three equal shifts would serve as
        much; null where not even `MOST_EQUAL` would.

    Raises
    ------
    ValueError
        Where nothing is known of the past, or `rules` leave an hour without anybody.
    """
    known = int(np.isfinite(past.load).any(axis=(1, 2)).sum())
    if not known:
        raise ValueError("no day of the past is known, expected alerts or a file of officer-hours of a week at least")
    forecast = LoadForecast(past.load, kinds_of(calendar, past.first_day, len(past.load)))
    asked = forecast.of(kinds_of(calendar, first_day, AHEAD)).reshape(AHEAD * 24, -1)
    likely = forecast.likely(asked.sum(axis=1))
    plan = cover(likely, share, rules)
    begins = [_hour_ms(calendar, first_day, hour) for hour in range(AHEAD * 24 + 25)]
    whole = np.maximum(asked.sum(axis=1), 1e-9)
    there = plan.there[:, None] * asked / whole[:, None]
    shifts = [one for one in plan.shifts if one.begin < HOURS]
    equal = next(
        (n for n in range(1, MOST_EQUAL + 1) if equal_shifts(likely, n, 7, rules).served >= plan.served - 1e-9), None
    )
    return {
        "begin_ms": begins[0],
        "hours": HOURS,
        "days": known,
        "beats": [
            {"id": beat, "asked": _round(asked[:HOURS, at]), "there": _round(there[:HOURS, at])}
            for at, beat in enumerate(past.beats)
        ],
        "shifts": [
            {
                "begin_ms": begins[one.begin],
                "end_ms": begins[one.begin + one.length_h],
                "officers": one.officers,
                "breaks": [[begins[hour], officers] for hour, officers in one.breaks],
            }
            for one in shifts
        ],
        "share": share,
        "served": round(plan.served, 4),
        "officer_hours": sum(one.officers * one.length_h for one in shifts),
        "bound_hours": round(plan.bound * HOURS / len(likely), 1),
        "equal_officers": equal,
        "equal_hours": None if equal is None else equal * HOURS,
    }


def keep_sheet(folder: Path, sheet: dict[str, Any]) -> None:
    """Write a sheet as the newest, and as its week's; those of the oldest weeks go. Raises OSError."""
    replace_json(folder / _OF_WEEK.format(begin_ms=sheet["begin_ms"]), sheet)
    replace_json(folder / SHEET, sheet)
    weeks = sorted(folder.glob(_OF_WEEK.format(begin_ms="*")), key=lambda path: (len(path.name), path.name))
    for path in weeks[:-_KEPT]:
        path.unlink(missing_ok=True)


def sheet_of(folder: Path, begin_ms: int) -> dict[str, Any] | None:
    """Return the sheet of the week that begins then (epoch ms); None where there is none that can be read."""
    for name in (_OF_WEEK.format(begin_ms=begin_ms), SHEET):
        found = read_json(folder / name)
        if found.get("begin_ms") == begin_ms:
            return found
    return None


def monday_of(calendar: Calendar, now_ms: int) -> int:
    """Return the local day that the week of an instant begins with, a Monday, counted since 1970."""
    day = calendar.day_number(now_ms)
    return day - calendar.day(day).weekday


def _hour_ms(calendar: Calendar, first_day: int, hour: int) -> int:
    day, rest = divmod(hour, 24)
    local = datetime.combine(_EPOCH + timedelta(days=first_day + day), time(rest), ZoneInfo(calendar.timezone))
    return round(local.timestamp() * 1000)


def _round(values: NDArray[np.float64]) -> list[float]:
    found: list[float] = np.round(values, 2).tolist()
    return found
