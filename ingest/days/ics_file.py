"""Reads an iCalendar file (RFC 5545) as entries of a site's calendar; errors name the file and the event.

What an event is, its CATEGORIES say (`KINDS`), or the mark that Apple's calendars of holidays bear; where it is, its
LOCATION: ids of beats and devices. The package *icalendar* parses; recurrences are expanded where days are looked up
(`models.occurrences`).
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from ingest.days.site_calendar import MOST_ENTRIES, CalendarEntry, CalendarError, Kind
from ingest.setup.extras import load

_Event: TypeAlias = Any
"""An event, or a property, as *icalendar* has it."""
MOST_BYTES: Final = 4 << 20
KINDS: Final[dict[str, Kind]] = {
    "HOLIDAY": "rest", "放假": "rest", "WORKDAY": "worked", "上班": "worked",
    "SCHOOL-HOLIDAY": "school", "寒暑假": "school",
    "EVENT": "event", "活动": "event", "MAINTENANCE": "maintenance", "维护": "maintenance",
}  # fmt: skip
"""Category → what it means here."""
_APPLE: Final[dict[str, Kind]] = {"WORK-HOLIDAY": "rest", "ALTERNATE-WORKDAY": "worked"}
_DAY_S: Final = 86_400
_RULES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def read_ics(content: bytes, name: str, zone: ZoneInfo) -> tuple[CalendarEntry, ...]:
    """Return what a calendar file says; times without a zone are in the site's.

    Raises
    ------
    CalendarError
        For what is no calendar, or has an event that cannot be used.
    ingest.setup.extras.MissingExtraError
        Without the package.
    """
    if len(content) > MOST_BYTES:
        raise CalendarError(f"{name} has {len(content):,} bytes, expected at most {MOST_BYTES:,}")
    if not content.rstrip().endswith(b"END:VCALENDAR"):
        raise CalendarError(f"{name} does not end with END:VCALENDAR: it is cut short, or no iCalendar file")
    try:
        found = load("icalendar").Calendar.from_ical(content, multiple=True)
        events = [event for calendar in found for event in calendar.walk("VEVENT")]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise CalendarError(f"{name} cannot be read as an iCalendar file: {error}") from error
    if len(events) > MOST_ENTRIES:
        raise CalendarError(f"{name} has {len(events):,} events, expected at most {MOST_ENTRIES:,}")
    return tuple(_Reader(name, zone).entries(events))


class _Reader:
    """Reads the events of one file."""

    def __init__(self, name: str, zone: ZoneInfo) -> None:
        self._name, self._zone = name, zone
        self._label = ""

    def entries(self, events: list[_Event]) -> Iterable[CalendarEntry]:
        """Yield the entries; an event that stands for one time of another takes its place."""
        moved: dict[str, list[_Event]] = {}
        for event in events:
            if "RECURRENCE-ID" in event:
                moved.setdefault(str(event.get("UID", "")), []).append(event)
        for number, event in enumerate(events, 1):
            self._label = f"{self._name}: event {number} ({str(event.get('SUMMARY', '')) or 'without SUMMARY'!r})"
            if event.errors:
                raise self._error(f"has {event.errors[0][0]} that cannot be read: {event.errors[0][1]}")
            others = [] if "RECURRENCE-ID" in event else moved.get(str(event.get("UID", "")), [])
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            try:
                yield from self._entry(event, others)
            except (ValueError, OverflowError, AttributeError, TypeError) as error:
                if isinstance(error, CalendarError):
                    raise
                raise self._error(f"cannot be read: {error}") from error

    def _error(self, what: str) -> CalendarError:
        return CalendarError(f"{self._label} {what}")

    def _entry(self, event: _Event, others: list[_Event]) -> Iterable[CalendarEntry]:
        if "DTSTART" not in event:
            raise self._error("has no DTSTART, expected when it begins")
        begins = event["DTSTART"].dt
        start, zone = self._local(begins)
        seconds = self._seconds(event, begins)
        kind = self._kind(event)
        at = tuple(filter(None, re.split(r"[\s,;、，]", str(event.get("LOCATION", "")))))
        if kind == "maintenance" and not at:
            raise self._error("is maintenance without LOCATION, expected the ids of the beats or devices")
        but = {self._local(one.dt)[0] for part in _every(event.get("EXDATE")) for one in part.dts}
        but |= {self._local(one["RECURRENCE-ID"].dt)[0] for one in others}
        whole = CalendarEntry(
            kind,
            start.isoformat(),
            seconds,
            zone=zone,
            rule=self._rule(event, start, zone),
            but=tuple(sorted(one.isoformat() for one in but)),
            at=at,
            name=str(event.get("SUMMARY", "")).strip(),
        )
        yield whole
        for part in _every(event.get("RDATE")):
            for one in part.dts:
                again, its_zone = self._local(one.dt)
                yield CalendarEntry(kind, again.isoformat(), seconds, zone=its_zone, at=whole.at, name=whole.name)

    def _kind(self, event: _Event) -> Kind:
        special = _APPLE.get(str(event.get("X-APPLE-SPECIAL-DAY", "")).upper())
        said = [str(one).strip() for part in _every(event.get("CATEGORIES")) for one in part.cats]
        kinds = {KINDS[one.upper()] for one in said if one.upper() in KINDS} | ({special} if special else set())
        if len(kinds) != 1:
            shown = ", ".join(said) or "none"
            raise self._error(f"has the CATEGORIES {shown}, expected one of {', '.join(KINDS)}")
        return kinds.pop()

    def _local(self, when: date | datetime) -> tuple[datetime, str]:
        """Return the time on the wall, and the name of the zone it is in; empty for the site's."""
        if not isinstance(when, datetime):
            return datetime.combine(when, time()), ""
        if when.tzinfo is None:
            return when, ""
        key = "UTC" if when.tzinfo is UTC else str(getattr(when.tzinfo, "key", ""))
        if key and key != self._zone.key:
            try:
                ZoneInfo(key)
            except (ValueError, OSError, KeyError):
                key = ""
        if not key or key == self._zone.key:
            return when.astimezone(self._zone).replace(tzinfo=None), ""
        return when.replace(tzinfo=None), key

    def _seconds(self, event: _Event, begins: date | datetime) -> int:
        if "DTEND" in event:
            ends = event["DTEND"].dt
            if isinstance(ends, datetime) is not isinstance(begins, datetime):
                raise self._error("has a DTSTART and a DTEND of which one is a day and one a time, expected the same")
            took = ends - begins
        elif "DURATION" in event:
            took = event["DURATION"].dt
        else:
            took = timedelta() if isinstance(begins, datetime) else timedelta(days=1)
        seconds = int(took.total_seconds())
        if not 0 < seconds <= 366 * _DAY_S:
            raise self._error(f"lasts {seconds} s, expected an end after its beginning, at most 366 days later")
        return seconds

    def _rule(self, event: _Event, start: datetime, zone: str) -> str:
        rule = event.get("RRULE")
        if rule is None:
            return ""
        if isinstance(rule, list) or "EXRULE" in event:
            raise self._error("has several rules of recurrence, expected one RRULE (and EXDATE for what is left out)")
        freq = str(rule.get("FREQ", [""])[0]).upper()
        if freq not in _RULES:
            raise self._error(f"comes again {freq or 'without FREQ'}, expected one of {', '.join(_RULES)}")
        parts = [part for part in rule.to_ical().decode().split(";") if not part.startswith("UNTIL=")]
        for until in rule.get("UNTIL", []):
            last = datetime.combine(until, time.max) if not isinstance(until, datetime) else until
            if last.tzinfo is not None:
                last = last.astimezone(ZoneInfo(zone) if zone else self._zone).replace(tzinfo=None)
            parts.append(f"UNTIL={last:%Y%m%dT%H%M%S}")
        text = ";".join(parts)
        if next(iter(load("dateutil.rrule").rrulestr(text, dtstart=start)), None) is None:
            raise self._error(f"has the rule {text}, which never comes")
        return text


def _every(value: _Event) -> list[_Event]:
    """Return the values of a property that may be there several times, or not at all."""
    return [] if value is None else value if isinstance(value, list) else [value]
