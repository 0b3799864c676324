"""A site's calendar: rest days and worked days, school holidays, planned events and maintenance, from its settings.

One document holds all of it, what stands in the settings and what the calendar file says (`ingest.days.ics_file`).
It goes through the log, so that every engine, and every replay, judges by the calendar that was in force then.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from ingest.setup.settings import Day, Section

Kind = Literal["rest", "worked", "school", "event", "maintenance"]
MOST_ENTRIES: Final = 10_000
_DAY_S: Final = 86_400
_EXAMPLE: Final = "Sat 09:00-13:00 @ beat-3: market day"
_EXAMPLES: Final = f"'{_EXAMPLE}', or a time such as '2026-12-31 20:00/2027-01-01 02:00' instead of the weekdays"
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class CalendarError(ValueError):
    """A calendar cannot be used; the text names the file and the event, what was wrong, and what was expected."""


class CalendarEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a site's calendar says, once or again and again."""

    kind: Kind
    start: str
    """Local time of its (first) beginning, ``YYYY-MM-DDTHH:MM:SS``."""
    seconds: int
    """How long it takes by the clock on the wall."""
    zone: str = ""
    """IANA zone that `start` and the rule are in; empty for the site's."""
    rule: str = ""
    """How it comes again: a rule of RFC 5545, daily or slower, without its last beginning in another zone."""
    but: tuple[str, ...] = ()
    """Beginnings that the rule gives and that are left out."""
    at: tuple[str, ...] = ()
    """Ids of the beats and devices that it is about; none: the whole site."""
    name: str = ""
    """What people call it."""


class SiteCalendar(msgspec.Struct, frozen=True):
    """All that is known of a site's days."""

    country: str = ""
    """ISO 3166 code whose public holidays count; empty for none."""
    entries: tuple[CalendarEntry, ...] = ()


class CalendarSettings(Section, frozen=True, kw_only=True):
    """What days and planned times of this site are like, beside its country's holidays and `holidays` of [site]."""

    file: Path | None = None
    """iCalendar file (.ics) with more of all this; what its CATEGORIES may be is in docs/calendar.md. Empty: none."""
    worked_days: tuple[Day, ...] = ()
    """Weekend days or holidays that are worked, as YYYY-MM-DD, where the country's calendar does not know them yet."""
    school_holidays: tuple[str, ...] = ()
    """Days without school: YYYY-MM-DD, or the first and the last as YYYY-MM-DD/YYYY-MM-DD."""
    events: tuple[str, ...] = ()
    """Crowds that are planned: hazards are told, what models find is not, nor learned. WHEN @ WHERE: NAME, such as
    "Sat 09:00-13:00 @ beat-3: market day" or "2026-12-31 20:00/2027-01-01 02:00: New Year's Eve". WHERE is ids of beats
    or devices with spaces between; without it the whole site is meant. WHEN is days of the week (Mon-Fri, Sat Sun,
    daily) or dates, with a time or without."""
    maintenance: tuple[str, ...] = ()
    """Work on devices or beats: neither judged nor learned, and no alarm if they fall silent; hazards are told, marked.
    Written as events are; WHERE is needed."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        try:
            entries_of(self, ())
        except CalendarError as error:
            return str(error)
        return ""


def entries_of(settings: CalendarSettings, holidays: tuple[str, ...]) -> tuple[CalendarEntry, ...]:
    """Return what the settings say, `holidays` being further rest days. Raises `CalendarError` naming the key."""
    found = [_days("rest", day) for day in holidays] + [_days("worked", day) for day in settings.worked_days]
    for text in settings.school_holidays:
        when = _span(text.strip())
        if when is None:
            raise CalendarError(f"school_holidays has {text!r}, expected YYYY-MM-DD or YYYY-MM-DD/YYYY-MM-DD")
        found.append(CalendarEntry("school", when[0].isoformat(), when[1]))
    found += [timed_entry("event", "events", text) for text in settings.events]
    for text in settings.maintenance:
        entry = timed_entry("maintenance", "maintenance", text)
        if not entry.at:
            raise CalendarError(
                f"maintenance has {text!r}, expected the ids of beats or devices after an @: {_EXAMPLES}"
            )
        found.append(entry)
    return tuple(found)


def encode_calendar(calendar: SiteCalendar) -> bytes:
    """Return the payload of a `RecordKind.CALENDAR`: equal calendars give equal bytes."""
    return msgspec.json.encode(calendar)


def decode_calendar(payload: bytes) -> SiteCalendar:
    """Return what `encode_calendar` was given. Raises `CalendarError` for any other bytes."""
    try:
        found = msgspec.json.decode(payload, type=SiteCalendar)
        for entry in found.entries:
            datetime.fromisoformat(entry.start)
            [datetime.fromisoformat(start) for start in entry.but]
    except (ValueError, RecursionError) as error:  # of msgspec, and of times
        raise CalendarError(f"the calendar in the log cannot be read: {error}") from error
    return found


def _days(kind: Kind, day: str) -> CalendarEntry:
    return CalendarEntry(kind, f"{day}T00:00:00", _DAY_S)


def timed_entry(kind: Kind, key: str, text: str, examples: str = _EXAMPLES) -> CalendarEntry:
    """Return the entry of a text such as ``Sat 09:00-13:00 @ beat-3: market day``.

    Raises `CalendarError`, which names the settings' key and shows `examples`.
    """
    head, _, name = text.partition(": ")
    when, _, where = head.partition("@")
    at = tuple(where.split())
    found = _weekly(when.strip()) or _span(when.strip())
    if found is None:
        raise CalendarError(f"{key} has {text!r}, expected WHEN @ WHERE: NAME, such as {examples}")
    start, seconds, *rule = found
    return CalendarEntry(kind, start.isoformat(), seconds, rule=rule[0] if rule else "", at=at, name=name.strip())


def _weekly(when: str) -> tuple[datetime, int, str] | None:
    """Return start, seconds and rule of weekdays with a time; None for anything else."""
    words = when.split()
    times = _hours(words[-1]) if words else None
    names = " ".join(words[:-1] if times else words).replace(",", " ")
    days = sorted(set(_weekdays(names)))
    if not days:
        return None
    begin, seconds = times or (timedelta(), _DAY_S)
    # A Monday long ago: a market that is held now was held in the history that the site learns from, too.
    start = datetime.combine(date(2001, 1, 1), datetime.min.time()) + timedelta(days=days[0]) + begin
    return start, seconds, "FREQ=WEEKLY;BYDAY=" + ",".join(_WEEKDAYS[day][:2].upper() for day in days)


def _weekdays(names: str) -> Iterator[int]:
    """Yield the numbers of the weekdays that are named, as ``Sat Sun``, ``Mon-Fri`` or ``daily``; none for others."""
    if names == "daily":
        yield from range(7)
        return
    if not re.fullmatch(r"(?:[A-Z][a-z]{2}(?:-[A-Z][a-z]{2})?\s{0,9}){1,99}", names):
        return
    for first, last in re.findall(r"([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))?", names):
        if first not in _WEEKDAYS or (last or first) not in _WEEKDAYS:
            return
        one, end = _WEEKDAYS.index(first), _WEEKDAYS.index(last or first)
        yield from ((one + step) % 7 for step in range((end - one) % 7 + 1))


def _span(when: str) -> tuple[datetime, int] | None:
    """Return start and seconds of ``DAY``, ``DAY/DAY``, ``DAY HH:MM-HH:MM`` or ``DAY HH:MM/DAY HH:MM``."""
    try:
        if "/" in when:
            begin, _, end = (part.strip() for part in when.partition("/"))
            start, stop = _instant(begin), _instant(end)
            if len(end) == len("YYYY-MM-DD"):  # the last day is whole
                stop += timedelta(days=1)
            seconds = round((stop - start).total_seconds())
            return (start, seconds) if 0 < seconds <= 366 * _DAY_S else None
        day, _, hours = when.partition(" ")
        start = _instant(day)
        if not hours:
            return start, _DAY_S
        times = _hours(hours.strip())
    except ValueError:
        return None
    return None if times is None else (start + times[0], times[1])


def _instant(text: str) -> datetime:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return datetime.combine(date.fromisoformat(text), datetime.min.time())
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _hours(text: str) -> tuple[timedelta, int] | None:
    """Return the beginning and the seconds of ``HH:MM-HH:MM``; an end before the beginning is on the next day."""
    found = re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", text)
    if found is None:
        return None
    hour, minute, last_hour, last_minute = map(int, found.groups())
    begin, end = 3600 * hour + 60 * minute, 3600 * last_hour + 60 * last_minute
    if begin >= _DAY_S or end > _DAY_S:
        return None
    return timedelta(seconds=begin), (end - begin) % _DAY_S or _DAY_S
