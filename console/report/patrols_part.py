"""Patrol of a week, planned against delivered, and officers: needed, asked for and there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from console.report.alerts_part import AlertStory
from console.report.document import Names, PatrolPart, PatrolSum, StaffPart
from console.report.plain_names import PlainNames
from console.report.week import HOURS, local_hour, spread, table
from ingest.days.patrol_settings import PatrolSettings
from stream.patrol.staffing_sheet import sheet_of
from stream.sinks.store.patrol_tables import delivered

Query = Callable[[str, Sequence[object]], list[Any]]
Table = list[list[float]]
_SUMS = ("stops", "planned_min", "delivered_min", "done", "skipped", "missed")


def patrol_part(query: Query, begin_ms: int, until_ms: int, names: PlainNames) -> PatrolPart:
    """Return minutes planned and delivered by beat and by shift, of stops that were to begin in a span of time."""
    by_beat = delivered(query, begin_ms, until_ms, by="beat")
    called = dict(query("SELECT shift, json_extract(body, '$.name') FROM officer_plans ORDER BY begin_ms", ()))
    by_shift: dict[str, dict[str, float]] = {}
    for row in delivered(query, begin_ms, until_ms, by="shift"):
        sums = by_shift.setdefault(names.text(called.get(row["shift"]) or row["shift"]), dict.fromkeys(_SUMS, 0.0))
        for name in _SUMS:
            sums[name] += row[name]
    beats = [_patrolled(row["beat"], row, names.beat(row["beat"])) for row in by_beat]
    return PatrolPart(
        beats=beats,
        shifts=[_patrolled(name, sums, {}) for name, sums in by_shift.items()],
        stops=sum(one.stops for one in beats),
        planned_min=round(sum(one.planned_min for one in beats), 3),
        delivered_min=round(sum(one.delivered_min for one in beats), 3),
    )


def _patrolled(identifier: str, sums: Mapping[str, Any], name: Names) -> PatrolSum:
    return PatrolSum(
        id=identifier,
        name=name,
        stops=int(sums["stops"]),
        planned_min=round(sums["planned_min"], 3),
        delivered_min=round(sums["delivered_min"], 3),
        done=int(sums["done"]),
        skipped=int(sums["skipped"]),
        missed=int(sums["missed"]),
    )


def staff_part(
    query: Query,
    span: tuple[int, int],
    stories: Iterable[AlertStory],
    beats: int,
    patrol: PatrolSettings,
    zone: ZoneInfo,
    folder: Path,
) -> StaffPart:
    """Return officer-hours by weekday and hour: what alerts needed, what the sheet asked for, and who was there.

    `span` is the week as far as it is reckoned, `beats` how many there are, `folder` has the sheets.
    """
    begin_ms, until_ms = span
    hours = table()
    spread(hours, begin_ms, until_ms, zone)
    needed = [[patrol.routine_h * beats * share for share in day] for day in hours]
    for one in stories:
        weekday, hour = local_hour(one.newest.raised_ms, zone)
        needed[weekday][hour] += patrol.answer_min / 60
    sheet = sheet_of(folder, begin_ms)
    asked: Table | None = None
    if sheet is not None:
        whole = np.array([one["asked"] for one in sheet["beats"]], dtype=np.float64).sum(axis=0)
        asked = (whole.reshape(len(hours), HOURS) * np.minimum(np.array(hours), 1.0)).tolist()
    there = _there(query, span, zone)
    wanted = np.array(needed if asked is None else asked)
    ((first_ms,),) = query("SELECT min(begin_ms) FROM officer_plans", ())
    planned = table()
    spread(planned, max(begin_ms, first_ms or until_ms), until_ms, zone)
    return StaffPart(
        needed=_rounded(needed),
        asked=None if asked is None else _rounded(asked),
        there=None if there is None else _rounded(there),
        needed_h=_sum(needed),
        asked_h=None if asked is None else _sum(asked),
        there_h=None if there is None else _sum(there),
        short_h=None
        if there is None
        else round(float(np.maximum(wanted * np.minimum(planned, 1.0) - there, 0.0).sum()), 3),
        since_ms=first_ms if first_ms is not None and begin_ms < first_ms < until_ms else None,
    )


def _there(query: Query, span: tuple[int, int], zone: ZoneInfo) -> Table | None:
    """Return officer-hours of the shifts' plans; None where nothing was planned in that week."""
    rows = query("SELECT begin_ms, end_ms FROM officer_plans WHERE begin_ms < ? AND end_ms > ?", (span[1], span[0]))
    if not rows:
        return None
    found = table()
    for begin_ms, end_ms in rows:
        spread(found, max(begin_ms, span[0]), min(end_ms, span[1]), zone)
    return found


def _rounded(values: Table) -> Table:
    found: Table = np.round(values, 3).tolist()
    return found


def _sum(values: Table) -> float:
    return round(float(np.sum(values)), 3)
