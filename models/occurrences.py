"""When the entries of a site's calendar are: single ones and recurring ones, as instants and as local days."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from ingest.days.site_calendar import CalendarEntry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOON: Final = timedelta(hours=12)
_CHANGE_MS: Final = 86_400_000
"""What takes its time by the clock on the wall may take longer where that is put back."""
_LEAST_YEAR, _LAST_YEAR = 1971, 9990


class Occurrence(NamedTuple):
    """One time of an entry."""

    start_ms: int
    end_ms: int
    entry: CalendarEntry


class Occurrences:
    """The times of some entries, found year by year when they are asked for.

    Parameters
    ----------
    entries
        Checked ones, of `ingest.days.site_calendar`.
    zone
        The site's, for entries that name none.

    Recurrences follow RFC 5545 in the entry's own zone (by dateutil), so that a market at nine is at nine in summer and
    in winter. A beginning in the hour that the clocks skip is an hour later.
    """

    def __init__(self, entries: Iterable[CalendarEntry], zone: ZoneInfo) -> None:
        self._zone = zone
        self.entries = tuple(entries)
        self._longest_ms = max((entry.seconds for entry in self.entries), default=0) * 1000 + _CHANGE_MS
        self._years: dict[int, list[Occurrence]] = {}
        self._days: dict[int, frozenset[date]] = {}

    def between(self, start_ms: int, end_ms: int) -> list[Occurrence]:
        """Return what overlaps a span of time of up to a year, each occurrence once, in order."""
        if not self.entries:
            return []
        first, last = (_year(ms, self._zone) for ms in (start_ms, end_ms))
        found = []
        for year in range(first, last + 1):
            of_year = self._in_year(year)
            low = bisect_left(of_year, start_ms - self._longest_ms, key=_start)
            found += [one for one in of_year[low : bisect_left(of_year, end_ms, key=_start)] if one.end_ms > start_ms]
        return list(dict.fromkeys(found))

    def on(self, day: date) -> bool:
        """Tell whether any entry has a local day's noon in it."""
        if not self.entries:
            return False
        found = self._days.get(day.year)
        if found is None:
            found = self._days[day.year] = frozenset(self._noons(day.year))
        return day in found

    def _noons(self, year: int) -> Iterator[date]:
        for one in self._in_year(year):
            start, end = (_local(ms, self._zone) for ms in (one.start_ms, one.end_ms))
            day = start.date()
            while datetime.combine(day, datetime.min.time()) + _NOON < end:
                if datetime.combine(day, datetime.min.time()) + _NOON >= start:
                    yield day
                day += timedelta(days=1)

    def _in_year(self, year: int) -> list[Occurrence]:
        """Return what has some time in a year, or a day beside it."""
        found = self._years.get(year)
        if found is None:
            every = (one for entry in self.entries for one in _times(entry, self._zone, year))
            found = self._years[year] = sorted(every, key=lambda one: (one.start_ms, one.end_ms))
        return found


def _times(entry: CalendarEntry, site: ZoneInfo, year: int) -> Iterator[Occurrence]:
    zone, first = ZoneInfo(entry.zone) if entry.zone else site, datetime.fromisoformat(entry.start)
    long = timedelta(seconds=entry.seconds)
    begin, end = (datetime.combine(day, datetime.min.time()) for day in (date(year - 1, 12, 31), date(year + 1, 1, 2)))
    for start in _starts(entry, first, begin - long, end):
        if start + long > begin and start < end:
            yield Occurrence(_instant(start, zone), _instant(start + long, zone), entry)


def _starts(entry: CalendarEntry, first: datetime, begin: datetime, end: datetime) -> Iterable[datetime]:
    if not entry.rule:
        return (first,)
    if first < begin and {"COUNT=", "INTERVAL="}.isdisjoint(_parts(entry.rule)) and _plain(entry.rule):
        # What comes every day or week needs no counting from its first time on.
        first = datetime.combine(begin.date() - timedelta(days=8), first.time())
    but = {datetime.fromisoformat(start) for start in entry.but}
    return [start for start in rrulestr(entry.rule, dtstart=first).between(begin, end, inc=True) if start not in but]


def _parts(rule: str) -> set[str]:
    return {part.partition("=")[0] + "=" for part in rule.split(";")}


def _plain(rule: str) -> bool:
    """Tell whether a rule says by itself on which days it comes."""
    return "FREQ=DAILY" in rule or ("FREQ=WEEKLY" in rule and "BYDAY=" in rule)


def _start(one: Occurrence) -> int:
    return one.start_ms


def _instant(local: datetime, zone: ZoneInfo) -> int:
    return round((local.replace(tzinfo=zone) - _EPOCH).total_seconds() * 1000)


def _local(ms: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone).replace(tzinfo=None)


def _year(ms: int, zone: ZoneInfo) -> int:
    return min(max(_local(ms, zone).year, _LEAST_YEAR), _LAST_YEAR)
