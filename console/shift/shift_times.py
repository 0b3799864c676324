"""Which shifts a site has: those of the plan, and between them day and night from eight to eight."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.days.patrol_settings import PatrolSettings, roster_of
from ingest.days.site_calendar import CalendarEntry
from ingest.topics import id_of
from models.occurrences import Occurrences

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_AROUND_MS: Final = 3 * _DAY_MS
_ONE_GAP_MS: Final = 16 * _HOUR_MS
"""A gap in the plan that is no longer is one shift; a longer one has days and nights."""
_FIRST, _LAST = date(2000, 1, 1), date(3000, 1, 1)
FIRST_MS, LAST_MS = (round(datetime.combine(day, time(), UTC).timestamp() * 1000) for day in (_FIRST, _LAST))
"""Between which times there are shifts at all (epoch ms)."""
_USUAL: Final = tuple(
    CalendarEntry("event", f"1999-01-01T{begin:02}:00:00", 12 * 3600, rule="FREQ=DAILY", name=name)
    for begin, name in ((8, "day"), (20, "night"))
)
_DATED: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:-\d{4})?\Z")


class ShiftSpan(NamedTuple):
    """One shift of one day."""

    id: str
    """Such as ``early-2026-11-26``: as in the plan, with the local day of its beginning."""
    name: str
    """What people call it; empty where the plan has none, and `usual` says which it is."""
    usual: str
    """``day`` or ``night`` for what no plan names, else empty."""
    begin_ms: int
    end_ms: int
    officers: tuple[str, ...] = ()


class ShiftTimes:
    """The shifts of a site. They leave no time out: what happens always belongs to some shift.

    Parameters
    ----------
    settings
        Section ``[patrol]``; shifts of it with the same hours are one. Without any there are days and nights.
    zone
        The site's.
    """

    def __init__(self, settings: PatrolSettings, zone: ZoneInfo) -> None:
        self.zone = zone
        self._planned = Occurrences(roster_of(settings).shifts, zone)
        self._usual = Occurrences(_USUAL, zone)

    def between(self, begin_ms: int, end_ms: int) -> list[ShiftSpan]:
        """Return the shifts that overlap a span of time of some weeks at most (epoch ms), in order."""
        low, high = begin_ms - _AROUND_MS, end_ms + _AROUND_MS
        planned = self._plans(low, high)
        found = [*planned, *self._between_plans(planned, low, high)]
        found.sort(key=lambda shift: (shift.begin_ms, shift.end_ms))
        used: set[str] = set()
        for number, shift in enumerate(found):
            if shift.id in used:  # a name that comes twice a day
                found[number] = shift._replace(id=f"{shift.id}-{self._local(shift.begin_ms):%H%M}")
            used.add(shift.id)
        return [shift for shift in found if shift.begin_ms < end_ms and shift.end_ms > begin_ms]

    def at(self, ms: int) -> ShiftSpan:
        """Return the shift that runs at a time; where several do, the one that has begun last."""
        return self.between(ms, ms + 1)[-1]

    def find(self, identifier: str) -> ShiftSpan | None:
        """Return a shift by its id, None where there is none (any more)."""
        dated = _DATED.search(identifier[:64])
        try:
            day = date.fromisoformat(dated[1] if dated else "")
        except ValueError:
            return None
        if not _FIRST <= day < _LAST:
            return None
        begin_ms = round(datetime.combine(day, time(), self.zone).timestamp() * 1000)
        shifts = self.between(begin_ms, begin_ms + 25 * _HOUR_MS)
        return next((shift for shift in shifts if shift.id == identifier), None)

    def beside(self, shift: ShiftSpan) -> tuple[ShiftSpan | None, ShiftSpan | None]:
        """Return the shift before and the one after."""
        found = self.between(shift.begin_ms - 2 * _DAY_MS, shift.end_ms + 2 * _DAY_MS)
        here = found.index(shift) if shift in found else 0
        return found[here - 1] if here else None, found[here + 1] if here + 1 < len(found) else None

    def _plans(self, low: int, high: int) -> list[ShiftSpan]:
        """Return the plan's shifts, those of the same hours as one."""
        found: dict[tuple[int, int], ShiftSpan] = {}
        for one in self._planned.between(low, high):
            entry, hours = one.entry, (one.start_ms, one.end_ms)
            new = ShiftSpan(self._id(id_of(entry.name, "shift"), one.start_ms), entry.name, "", *hours, entry.at)
            known = found.setdefault(hours, new)
            if known is not new:
                names = known.name if entry.name in known.name.split(" · ") else f"{known.name} · {entry.name}"
                officers = tuple(dict.fromkeys(known.officers + entry.at))
                found[hours] = known._replace(name=names, officers=officers)
        return list(found.values())

    def _between_plans(self, planned: list[ShiftSpan], low: int, high: int) -> Iterator[ShiftSpan]:
        reached, gaps = low, []
        for begin, end in sorted((shift.begin_ms, shift.end_ms) for shift in planned):
            if begin > reached:
                gaps.append((reached, begin))
            reached = max(reached, end)
        if high > reached:
            gaps.append((reached, high))
        for begin, end in gaps:
            usual = self._usual.between(begin, end)
            if end - begin <= _ONE_GAP_MS:
                middle = (begin + end) // 2
                usual = [one for one in usual if one.start_ms <= middle < one.end_ms]
                cuts = [begin, end]
            else:
                cuts = sorted({begin, end, *(one.start_ms for one in usual if one.start_ms > begin)})
            for one, (since, until) in zip(usual, pairwise(cuts), strict=True):
                yield ShiftSpan(self._id(one.entry.name, since), "", one.entry.name, since, until)

    def _id(self, name: str, begin_ms: int) -> str:
        return f"{name[:48]}-{self._local(begin_ms):%Y-%m-%d}"

    def _local(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone)


@lru_cache(4)
def times_of(settings: PatrolSettings, timezone: str) -> ShiftTimes:
    """Return the shifts of a site; they are reckoned once a year and kept, for a page asks often."""
    return ShiftTimes(settings, ZoneInfo(timezone))
