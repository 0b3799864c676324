"""Times as vendors write them: with a zone or without, as text, as fourteen digits, as seconds or milliseconds."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from ingest.codecs.lenient import UnreadableError, instant
from ingest.observations import LATEST_MS

_NEAR: Final = timedelta(minutes=30)
OLDEST_MS: Final = 1_104_537_600_000
"""2005: a device whose clock says less has none, and has counted from 1970 or 2000 since it was switched on."""
_DIGITS: Final = re.compile(r"([0-9]{8})([0-9]{6})([0-9]{3})?\Z")
_PLAIN: Final = re.compile(
    r"([0-9]{4}).([0-9]{1,2}).([0-9]{1,2})[Tt ]{1,2}([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?\Z"
)


class NearZone(tzinfo):
    """A site's zone in which a time of the hour that comes twice is the one near to receipt, else the first.

    >>> from zoneinfo import ZoneInfo
    >>> berlin = NearZone(ZoneInfo("Europe/Berlin"))
    >>> berlin.near_ms = round(datetime(2026, 10, 25, 1, 30, 5, tzinfo=UTC).timestamp() * 1000)
    >>> datetime(2026, 10, 25, 2, 30, tzinfo=berlin).isoformat()
    '2026-10-25T02:30:00+01:00'
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone, self.near_ms = zone, 0

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """Return what the zone is ahead of UTC by."""
        if when is None:
            return None
        first, second = (self.zone.utcoffset(when.replace(tzinfo=self.zone, fold=fold)) for fold in (0, 1))
        if first == second or first is None or second is None or first < second:  # once, or skipped
            return first
        apart = when.replace(tzinfo=UTC) - second - datetime.fromtimestamp(self.near_ms / 1000, UTC)
        return second if when.fold or abs(apart) <= _NEAR else first

    def dst(self, when: datetime | None) -> timedelta | None:
        """Return the zone's own."""
        return self.zone.dst(when)

    def tzname(self, when: datetime | None) -> str | None:
        """Return the zone's own."""
        return self.zone.tzname(when)

    def fromutc(self, when: datetime) -> datetime:
        """Return the zone's own."""
        return self.zone.fromutc(when.replace(tzinfo=self.zone))


def instant_ms(value: object, zone: tzinfo) -> int | None:
    """Return a time as epoch milliseconds, None where it is none: missing, before 2005, or not to be read.

    Text without a zone is in `zone`, of a repeated hour the first.

    >>> from datetime import UTC
    >>> instant_ms("20261120080512", UTC) == instant_ms("2026-11-20 08:05:12", UTC) == instant_ms(1795161912, UTC)
    True
    >>> instant_ms(1.33, UTC) is None and instant_ms("", UTC) is None
    True
    """
    if isinstance(value, str):
        text = value.strip()
        if digits := _DIGITS.match(text):
            text = f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}.{digits[3] or 0}"
        if plain := _PLAIN.match(text):
            year, month, day, hour, minute, second = (int(part) for part in plain.groups()[:6])
            try:
                when = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
            except ValueError:
                return None
            return _checked(round(when.timestamp() * 1000) + round(1000 * float(f"0.{plain[7] or 0}")))
        value = text
    try:
        return _checked(instant("time", value))
    except UnreadableError:
        return None


def _checked(ts_ms: int) -> int | None:
    return ts_ms if OLDEST_MS <= ts_ms <= LATEST_MS else None
