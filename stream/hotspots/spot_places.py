"""Neighbouring cells become one place: the hours it is about, how much is expected there, how sure that is."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import ALERT_KINDS
from models.hotspots.grid import Grid, distance_m
from stream.results import HotspotPlace
from stream.sentences import Why

PERIOD_S: Final = 28 * 86_400
"""Four weeks: each day of the week is in it equally often, and numbers of one place are large enough to be told."""
_REACH_M: Final = 220.0
"""A place reaches so far from its first cell: an officer who stops there sees all of it."""
_MOST_OF: Final = 0.5
"""The hours of a place are the fewest in a row that hold this share of what is expected."""
_MOST_HOURS: Final = 8
"""What needs more hours than this has no hours of its own."""
_BUSY: Final = 1.5
"""And those beside them that bring so many times as much as an hour does in the mean."""
_NAMED: Final = 0.5
"""A category with this share of the risk gives the number its name; otherwise it counts incidents."""
_PARTS_OF_DAY: Final = ("night", "morning", "midday", "afternoon", "evening", "night")
_LONGEST_PART: Final = 6
"""More hours than this are no evening and no morning."""
_PARTS_BEGIN: Final = (5, 11, 14, 18, 23)
"""Hours at which the parts of a day begin, from morning on; before the first and from the last on it is night."""


def joined(grid: Grid, cells: Sequence[int]) -> list[list[int]]:
    """Return the cells of each place, in the order of its first cell.

    `cells` come highest risk first. A cell joins the first place that it touches, at a side or a corner, and whose
    first cell is near enough; otherwise a place begins with it.
    """
    lon, lat = grid.centres()
    found: list[list[int]] = []
    for cell in cells:
        row, column = divmod(cell, grid.columns)
        for place in found:
            touches = any(
                abs(other // grid.columns - row) <= 1 and abs(other % grid.columns - column) <= 1 for other in place
            )
            if touches and float(distance_m(lon[cell], lat[cell], lon[place[0]], lat[place[0]])) <= _REACH_M:
                place.append(cell)
                break
        else:
            found.append([cell])
    return found


def busy_hours(by_hour: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the fewest hours in a row that hold most of 24 expected numbers, as (from, until); None for no such hours.

    >>> busy_hours(np.array([1.0] * 20 + [9.0, 9.0, 9.0, 1.0]))
    (20, 23)
    >>> busy_hours(np.ones(24)) is None
    True
    """
    whole = by_hour.sum()
    if not whole > 0:
        return None
    twice = np.concatenate([[0.0], np.cumsum(np.tile(by_hour, 2))])
    held = np.array([twice[length : length + 24] - twice[:24] for length in range(_MOST_HOURS + 1)])
    enough = np.flatnonzero(held.max(axis=1) >= _MOST_OF * whole)
    if not len(enough):
        return None
    length, first = int(enough[0]), int(held[enough[0]].argmax())
    while length < _MOST_HOURS and by_hour[(first + length) % 24] >= _BUSY * whole / 24:
        length += 1
    while length < _MOST_HOURS and by_hour[first - 1] >= _BUSY * whole / 24:
        first, length = (first - 1) % 24, length + 1
    return first, (first + length) % 24


def hours_between(hours: tuple[int, int] | None) -> NDArray[np.int64]:
    """Return the hours of the day that are meant, all 24 for None.

    >>> hours_between((22, 1)).tolist()
    [22, 23, 0]
    """
    if hours is None:
        return np.arange(24)
    first, until = hours
    return (first + np.arange((until - first) % 24)) % 24


def describe(
    grid: Grid,
    cells: Sequence[int],
    by_hour: NDArray[np.float64],
    beat_by_hour: NDArray[np.float64],
    *,
    spread: tuple[float, float],
    drivers: dict[str, float],
    known: str,
) -> HotspotPlace:
    """Return what is to be said of a place.

    Parameters
    ----------
    by_hour
        Expected incidents of each of its cells in the coming `PERIOD_S`, by hour of the day, (cells, 24).
    beat_by_hour
        The mean of the beat's cells, (24,).
    spread
        What the whole expected number may be instead, as factors of it: (low, high).
    drivers
        Kind of event → its share of the place's risk.
    known
        What the map knows: "prior", "sensors", "young", "own".
    """
    hours = busy_hours(by_hour.sum(axis=0))
    meant = hours_between(hours)
    each = by_hour[:, meant].sum(axis=1)
    usual = float(beat_by_hour[meant].sum())
    category, share = max(drivers.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))
    if category in ALERT_KINDS and sum(of for name, of in drivers.items() if name in ALERT_KINDS) > _NAMED:
        known = "sensors" if known != "prior" else known
    if share < _NAMED or category in ALERT_KINDS:
        category, share = "", 1.0
    expected = float(each.sum()) * share
    low, high = (expected * factor for factor in spread)
    times = float(each.mean()) / usual if usual > 0 else None
    said: dict[str, int | float | str | Why | list[Why] | None] = {
        "known": known,
        "category": category or "any",
        "count": _told(expected),
        "part": _part_of_day(hours),
        "times": round(times) if times is not None and times >= 1.5 else 1,
    }
    lon, lat = grid.centres()
    weights = each + 1e-12
    return HotspotPlace(
        cells=[f"r{cell // grid.columns:03d}c{cell % grid.columns:03d}" for cell in cells],
        lon=round(float(np.average(lon[list(cells)], weights=weights)), 6),
        lat=round(float(np.average(lat[list(cells)], weights=weights)), 6),
        hours=hours,
        period_s=PERIOD_S,
        category=category,
        expected=round(expected, 4),
        low=round(low, 4),
        high=round(high, 4),
        times=None if times is None else round(times, 2),
        known=known,
        why_amount=Why("spot-amount", said),
        why_sure=Why("spot-sure", {"known": known, "low": round(low, 4), "high": round(high, 4)}),
    )


def _told(number: float) -> float | int:
    """Return a number as it will be told, so that "1" is followed by the singular: in tenths, whole from ten on."""
    told = round(number, 1) if number < 10 else float(round(number))
    return int(told) if told == int(told) else told


def _part_of_day(hours: tuple[int, int] | None) -> str:
    """Return the word for the middle of some hours, "long" for many; "" for no hours."""
    if hours is None:
        return ""
    meant = hours_between(hours)
    if len(meant) > _LONGEST_PART:
        return "long"
    return _PARTS_OF_DAY[int(np.searchsorted(_PARTS_BEGIN, meant[len(meant) // 2], side="right"))]
