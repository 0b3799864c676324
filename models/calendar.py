"""Which kind of day and which second of it an instant is, in a site's own time."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
import numpy as np
from numpy.typing import NDArray

from ingest.days.site_calendar import CalendarEntry, SiteCalendar
from models.occurrences import Occurrence, Occurrences

WORKING, SATURDAY, REST = 0, 1, 2
DAY_CLASSES: Final = 3
"""Working day, Saturday, Sunday or holiday."""
_QUARTER_MS: Final = 900_000
"""Offsets of all zones in use change on quarters of an hour, so one look-up a quarter is exact."""
_EPOCH: Final = date(1970, 1, 1)
_FIRST_MS: Final = -62_135_596_800_000 + 10 * 86_400_000
_LAST_MS: Final = 253_402_300_799_000 - 10 * 86_400_000
_CACHE_LIMIT: Final = 200_000
_INSTANTS: Final = 4096
_BRIDGE_DAYS: Final = 3
_FEASTS_APART: Final = 8
"""So near to one another, two holidays such as Boxing Day and New Year's make one of all that lies between."""
_PLANNED: Final = frozenset({"event", "maintenance"})


class Day(NamedTuple):
    """What a local day is: all that a habit may go by."""

    number: int
    """Local days since 1970."""
    day_class: int
    """`WORKING`, `SATURDAY` or `REST`."""
    weekday: int
    """0 (Monday) to 6 (Sunday), whatever the day's class."""
    holiday: bool
    """A public holiday, a rest day that the site has set, or a weekend's day between two of these."""
    bridge: bool
    """A working day that many take off: one or two between days off of which one is a holiday, or between two holidays
    about a week apart. It may be as a working day or as a rest day."""
    school: bool
    """Whether schools are closed for holidays."""

    @property
    def week(self) -> int:
        """Weeks since 1970, which begin on Mondays: even and odd ones take turns over the ends of years too."""
        return (self.number + _EPOCH.weekday()) // 7

    @property
    def as_usual(self) -> bool:
        """Whether the day is of the class that its weekday has where no calendar says otherwise."""
        return self.day_class == (WORKING, WORKING, WORKING, WORKING, WORKING, SATURDAY, REST)[self.weekday]


class Calendar:
    """Day classes and times of day of one site.

    Parameters
    ----------
    timezone
        IANA name, such as ``Asia/Shanghai``.
    country
        ISO 3166 code whose public holidays count as `REST` (package *holidays*); None for no holidays. Where the
        library knows of weekends that are worked in exchange (China), those days are `WORKING`.
    extra_holidays
        More days that count as `REST`.
    entries
        What else the site's calendar says (`ingest.days.site_calendar`). A worked day is one whatever else is said.

    Raises
    ------
    ValueError
        Where the zone or the country is not known; the text names it.
    """

    def __init__(
        self,
        timezone: str,
        country: str | None = None,
        extra_holidays: Sequence[date] = (),
        entries: Iterable[CalendarEntry] = (),
    ) -> None:
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time zone {timezone!r} is not known; expected a name such as Asia/Shanghai") from error
        self.timezone = timezone
        self.edition = 0
        """Changes with what it says."""
        more = (CalendarEntry("rest", f"{day}T00:00:00", 86_400) for day in extra_holidays)
        self.take(SiteCalendar(country or "", (*entries, *more)))

    def take(self, found: SiteCalendar) -> None:
        """Go by another calendar, and nothing else, from now on. Raises ValueError for an unknown country."""
        library: holidays.HolidayBase | None = None
        if found.country:
            try:
                library = _holidays_of(found.country)
            except NotImplementedError as error:
                raise ValueError(
                    f"country {found.country!r} has no calendar; expected an ISO 3166 code such as CN or NZ-AUK"
                ) from error
        self.country, self._holidays = found.country or None, library
        self._rest, self._worked, self._school = (
            Occurrences((one for one in found.entries if one.kind == kind), self._zone)
            for kind in ("rest", "worked", "school")
        )
        self._planned = Occurrences((one for one in found.entries if one.kind in _PLANNED), self._zone)
        self._instants: dict[int, tuple[Day, int]] = {}
        self._offsets: dict[int, int] = {}
        self._days: dict[int, Day] = {}
        self.edition += 1

    @property
    def plans(self) -> bool:
        """Whether there are planned events or maintenance at all."""
        return bool(self._planned.entries)

    def planned(self, start_ms: int, end_ms: int) -> list[Occurrence]:
        """Return the events and the maintenance that overlap a span of time (epoch ms)."""
        return self._planned.between(start_ms, end_ms)

    def ends(self, today: date) -> date | None:
        """Return the last day up to which it is known which weekends are worked; None where none ever are.

        That is the end of the last year for which the library, or the site, has any. The library knows them for as
        long as they were published when it was made.
        """
        if self._holidays is None:
            return None
        years = range(today.year - 4, today.year + 6)
        known = {day.year for day in _holidays_of(str(self.country), years).weekend_workdays}
        if not known:
            return None
        for year in years:
            begin, end = (round(datetime(one, 1, 1, tzinfo=self._zone).timestamp() * 1000) for one in (year, year + 1))
            if self._worked.between(begin, end):
                known.add(year)
        return date(max(known), 12, 31)

    def local(self, start_ms: int | NDArray[np.int64]) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """Return (day class, second of the local day) of epoch milliseconds; arrays of the shape of `start_ms`."""
        day, second = self._local(start_ms)
        return self._classes(day), second

    def instant(self, start_ms: int) -> tuple[int, int]:
        """Return what `local` does of one instant, as plain numbers."""
        day, second = self._at(start_ms)
        return day.day_class, second

    def day(self, number: int) -> Day:
        """Return what is known of a local day, by its number since 1970."""
        return self._day(number)

    def day_number(self, start_ms: int) -> int:
        """Return the local day, counted since 1970, that an instant (epoch ms) lies in."""
        return self._at(start_ms)[0].number

    def is_holiday(self, start_ms: int) -> bool:
        """Tell whether the local day of an instant (epoch ms) is a holiday."""
        return self._at(start_ms)[0].holiday

    def _at(self, start_ms: int) -> tuple[Day, int]:
        """Return the local day of an instant, and its second of it; kept, as the same windows are asked for often."""
        found = self._instants.get(start_ms)
        if found is None:
            if len(self._instants) >= _INSTANTS:
                self._instants.clear()
            ms = min(max(start_ms, _FIRST_MS), _LAST_MS)
            day, second = divmod(ms // 1000 + self._offset(ms // _QUARTER_MS), 86_400)
            found = self._instants[start_ms] = self._day(day), second
        return found

    def weekday(self, start_ms: int | NDArray[np.int64]) -> NDArray[np.int8]:
        """Return 0 (Monday) to 6 (Sunday) by local date, whatever the day's class."""
        day, _ = self._local(start_ms)
        return ((day + 3) % 7).astype(np.int8)

    def _local(self, start_ms: int | NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        ms = np.clip(np.asarray(start_ms, dtype=np.int64), _FIRST_MS, _LAST_MS)
        quarter = ms // _QUARTER_MS
        if (alike := _alike(quarter)) is not None:
            offset: int | NDArray[np.int64] = self._offset(alike)
        else:
            unique, inverse = np.unique(quarter, return_inverse=True)
            offset = np.array([self._offset(int(q)) for q in unique], dtype=np.int64)[inverse].reshape(ms.shape)
        local_s = ms // 1000 + offset
        day = local_s // 86_400
        return np.asarray(day), np.asarray(local_s - day * 86_400, dtype=np.int32)

    def _offset(self, quarter: int) -> int:
        found = self._offsets.get(quarter)
        if found is None:
            if len(self._offsets) >= _CACHE_LIMIT:
                self._offsets.clear()
            instant = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=quarter * _QUARTER_MS)
            delta = instant.astimezone(self._zone).utcoffset() or timedelta()
            found = self._offsets[quarter] = round(delta.total_seconds())
        return found

    def _classes(self, day: NDArray[np.int64]) -> NDArray[np.int8]:
        if (alike := _alike(day)) is not None:
            return np.full(day.shape, self._day(alike).day_class, dtype=np.int8)
        unique, inverse = np.unique(day, return_inverse=True)
        return np.array([self._day(int(d)).day_class for d in unique], dtype=np.int8)[inverse].reshape(day.shape)

    def _day(self, day: int) -> Day:
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= _CACHE_LIMIT:
                self._days.clear()
            local = _EPOCH + timedelta(days=day)
            holiday = self._is_holiday(local)
            found = self._days[day] = Day(
                number=day,
                day_class=self.day_class(local),
                weekday=local.weekday(),
                holiday=holiday,
                bridge=self._is_bridge(local),
                school=self._school.on(local),
            )
        return found

    def _is_holiday(self, day: date) -> bool:
        """Tell whether a day is a holiday, or a weekend's day between two of them: both are one feast."""
        if self._is_named(day):
            return True
        return self._is_free(day) and all(self._leads_to_holiday(day, timedelta(days=step)) for step in (-1, 1))

    def _leads_to_holiday(self, day: date, step: timedelta) -> bool:
        """Tell whether the first day from `day` on that is no ordinary day of a weekend is a holiday."""
        day += step
        while not self._is_named(day) and self._is_free(day):
            day += step
        return self._is_named(day)

    def _is_bridge(self, day: date) -> bool:
        if self.day_class(day) != WORKING:
            return False
        back, ahead = (self._days_to(day, way, self._is_off) for way in (-1, 1))
        ends = (day - timedelta(days=back), day + timedelta(days=ahead))
        if back + ahead - 1 <= _BRIDGE_DAYS and any(map(self._is_holiday, ends)):
            return True
        return sum(self._days_to(day, way, self._is_holiday) for way in (-1, 1)) <= _FEASTS_APART

    @staticmethod
    def _days_to(day: date, way: int, such: Callable[[date], bool]) -> int:
        """Return how far away the next such day is, to one side; too far where there is none near."""
        near = range(1, _FEASTS_APART)
        return next((days for days in near if such(day + timedelta(days=way * days))), _FEASTS_APART)

    def _is_off(self, day: date) -> bool:
        return self.day_class(day) != WORKING

    def _is_named(self, day: date) -> bool:
        if self._worked.on(day):
            return False
        return self._rest.on(day) or (self._holidays is not None and day in self._holidays)

    def _is_free(self, day: date) -> bool:
        return self._class_apart_from_holidays(day) != WORKING

    def day_class(self, day: date) -> int:
        """Return `WORKING`, `SATURDAY` or `REST` for a local day."""
        return REST if self._is_holiday(day) else self._class_apart_from_holidays(day)

    def _class_apart_from_holidays(self, day: date) -> int:
        if self._worked.on(day):
            return WORKING
        if self._holidays is not None:
            if day.weekday() >= 5 and self._holidays.is_working_day(day):
                # Other countries' weekends (Friday and Saturday, say) are known to the library as well.
                return WORKING
            if day.weekday() < 5 and not self._holidays.is_working_day(day):
                return REST
        return SATURDAY if day.weekday() == 5 else REST if day.weekday() == 6 else WORKING


def _holidays_of(country: str, years: Iterable[int] | None = None) -> holidays.HolidayBase:
    """Return the holidays of a country or of a part of it. Raises NotImplementedError where they are not known."""
    code, _, part = country.partition("-")
    return holidays.country_holidays(code, subdiv=part or None, years=years)


def _alike(numbers: NDArray[np.int64]) -> int | None:
    """Return the number that all are, which is so of most windows of one tick; None where they differ."""
    if numbers.size == 0:
        return None
    first = int(numbers.flat[0])
    return first if numbers.size == 1 or bool((numbers == first).all()) else None
