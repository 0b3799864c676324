"""A week of a site: from Monday to Monday by its zone, as ISO 8601 counts them."""

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

HOUR_MS: Final = 3_600_000
DAYS: Final = 7
HOURS: Final = 24
_WEEK: Final = re.compile(r"(\d{4})-?W(\d{2})\Z", re.IGNORECASE)
_EXPECTED: Final = "expected a week such as 2026-W48"


class Week(NamedTuple):
    """One week.

    >>> str(Week(2026, 1)), str(Week(2026, 1).shifted(-1))
    ('2026-W01', '2025-W52')
    """

    year: int
    number: int

    def __str__(self) -> str:
        """Return it as ISO 8601 writes it."""
        return f"{self.year:04d}-W{self.number:02d}"

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    def shifted(self, weeks: int) -> "Week":
        """Return the week so many weeks later."""
        return week_of_day(self.monday + timedelta(days=DAYS * weeks))

    def begin_ms(self, zone: ZoneInfo) -> int:
        """Return when it begins (epoch ms): Monday's midnight."""
        return round(datetime.combine(self.monday, time(), zone).timestamp() * 1000)

    def end_ms(self, zone: ZoneInfo) -> int:
        """Return when the next one begins; 167, 168 or 169 hours later."""
        return self.shifted(1).begin_ms(zone)


def read_week(text: str) -> Week:
    """Return the week that a text names. Raises ValueError, which says what was expected.

    >>> read_week("2026-W48")
    Week(year=2026, number=48)
    """
    found = _WEEK.match(text)
    try:
        if found and 1971 <= int(found[1]) <= 2999:
            return week_of_day(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    except ValueError:  # a year has 52 or 53
        pass
    raise ValueError(f"{text[:24]!r} is no week, {_EXPECTED}")


def week_of_day(day: date) -> Week:
    """Return the week of a day."""
    year, number, _ = day.isocalendar()
    return Week(year, number)


def week_of(ms: int, zone: ZoneInfo) -> Week:
    """Return the week of an instant (epoch ms)."""
    return week_of_day(datetime.fromtimestamp(ms / 1000, zone).date())


def local_hour(ms: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the local weekday (0 is Monday) and hour of an instant (epoch ms)."""
    found = datetime.fromtimestamp(ms / 1000, zone)
    return found.weekday(), found.hour


def table() -> list[list[float]]:
    """Return a week's table of zeros, by weekday and hour."""
    return [[0.0] * HOURS for _ in range(DAYS)]


def spread(into: list[list[float]], begin_ms: int, end_ms: int, zone: ZoneInfo) -> None:
    """Add a span of time to a table by weekday and hour, in hours."""
    at = begin_ms
    while at < end_ms:
        until = min(end_ms, at - at % (HOUR_MS // 4) + HOUR_MS // 4)  # zones differ by quarters of an hour
        weekday, hour = local_hour(at, zone)
        into[weekday][hour] += (until - at) / HOUR_MS
        at = until
