"""Reads the times and numbers of CSV files, in the spellings that exports of every country have."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ingest.codecs.csv_files import RowError
from ingest.observations import LATEST_MS, SECONDS_FROM

_EXAMPLE: Final = "expected one like 2026-11-23 08:05:00"
_EPOCH: Final = datetime.fromisoformat("1970-01-01")
"""As a local time, of whatever zone."""
_QUARTER_MS: Final = 900_000
"""Clocks are changed at a quarter of an hour, everywhere since 1973."""
_MAX_CACHED: Final = 200_000
_PATTERN: Final = re.compile(
    r"(?:(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    r"|(?P<y3>\d{4})(?P<m3>\d\d)(?P<d3>\d\d))"
    r"(?:[T\s]{0,20}(?P<half>上午|下午|[AaPp][Mm])?\s{0,20}(?P<hour>\d{1,2})[:时點点](?P<minute>\d{1,2})?"
    r"(?:[:分](?P<second>\d{1,2})?(?:[.,](?P<part>\d{1,9}))?秒?)?\s{0,20}(?P<half2>[AaPp][Mm])?)?"
    r"\s{0,20}(?P<zone>Z|z|UTC|GMT|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?",
    re.ASCII,
)
_COMPACT: Final = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,9})?")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")


class TwiceTime:
    """A local time that the clocks of a zone showed twice."""

    __slots__ = ("first_ms", "local_ms", "second_ms")

    def __init__(self, local_ms: int, first_ms: int, second_ms: int) -> None:
        self.local_ms = local_ms
        """As if it were UTC."""
        self.first_ms, self.second_ms = first_ms, second_ms
        """The two instants, epoch ms."""


class Instants:
    """Tells the instants of times, in any spelling; of those that name no zone, by the clocks of one."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[int, int]] = {}
        """Quarter of an hour, local → ms by which the clocks are ahead of UTC the first and the second time."""

    def of(self, text: str, name: str = "timestamp") -> int | TwiceTime:
        """Return epoch ms from 1970 to 2100, or both where the clocks showed the time twice.

        Raises `RowError` for what is no time, and for one that the clocks skipped.
        """
        when = _parsed(text)
        if when is None:
            raise RowError(f"{name} is {text!r}, {_EXAMPLE}")
        if isinstance(when, int):
            milliseconds = when
        elif when.tzinfo is not None:
            milliseconds = _since_epoch(when.astimezone(UTC).replace(tzinfo=None)) if 1 < when.year < 9999 else -1
        else:
            local = _since_epoch(when)
            quarter = local // _QUARTER_MS
            offsets = self._offsets.get(quarter) or self._ahead(when, quarter, text, name)
            milliseconds = local - offsets[0]
            if offsets[0] != offsets[1]:
                return TwiceTime(local, milliseconds, local - offsets[1])
        if not 0 <= milliseconds < LATEST_MS:
            raise RowError(f"{name} is {text!r}, expected one from 1970 to 2100")
        return milliseconds

    def first(self, text: str, name: str = "timestamp") -> int:
        """Return epoch ms; of a time that the clocks showed twice the first. Raises `RowError`."""
        found = self.of(text, name)
        return found.first_ms if isinstance(found, TwiceTime) else found

    def _ahead(self, when: datetime, quarter: int, text: str, name: str) -> tuple[int, int]:
        """Return by how much the clocks are ahead of UTC in a quarter of an hour. Raises `RowError` for one skipped."""
        if not 1969 <= when.year <= 2100:
            raise RowError(f"{name} is {text!r}, expected one from 1970 to 2100")
        one, two = (when.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
        if one < two:
            raise RowError(f"{name} is {text!r}, a time that the clocks of {self._zone.key} skipped")
        if len(self._offsets) > _MAX_CACHED:
            self._offsets.clear()
        found = self._offsets[quarter] = round(one.total_seconds() * 1000), round(two.total_seconds() * 1000)
        return found


def wall_ms(text: str, name: str = "timestamp") -> int:
    """Return what a clock on the wall showed, as if it were UTC: epoch ms. Raises `RowError`."""
    when = _parsed(text)
    if when is None:
        raise RowError(f"{name} is {text!r}, {_EXAMPLE}")
    return when if isinstance(when, int) else _since_epoch(when.replace(tzinfo=None))


def _since_epoch(when: datetime) -> int:
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + (since.microseconds + 500) // 1000


def _parsed(text: str) -> datetime | int | None:
    """Return a local time, one with a zone, epoch ms, or None for what is none."""
    if text[4:5] == "-":  # the usual one, and the fastest
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    if not text.isascii():
        text = text.translate(_NARROW)
    digits = text.replace(".", "", 1)
    if digits.isascii() and digits.isdigit() and len(text) != 8:
        compact = _COMPACT.fullmatch(text)
        return _made(compact.groups(default="0")) if compact else _epoch(text)
    found = _PATTERN.fullmatch(text)
    if found is None:
        return _basic(text)
    got = found.groupdict()
    day = [got[f"{part}{which}"] for which in ("", "2", "3") for part in "ymd" if got[f"{part}{which}"]]
    hour = int(got["hour"] or 0)
    half = (got["half"] or got["half2"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in {"下午", "pm"} else 0)
    when = _made((*day, str(hour), got["minute"] or "0", got["second"] or "0", got["part"] or "0"))
    zone = got["zone"]
    if when is None or zone is None:
        return when
    return when.replace(tzinfo=datetime.strptime(zone if zone[0] in "+-" else "+0000", "%z").tzinfo)


_NARROW: Final = {0xFF01 + n: 0x21 + n for n in range(94)} | {0x3000: 0x20}
"""Full-width characters → the usual ones."""


def _basic(text: str) -> datetime | None:
    """Return a time without hyphens and colons, as in ``20261123T080500Z``."""
    try:
        return datetime.fromisoformat(text) if text[8:9] == "T" else None
    except ValueError:
        return None


def _epoch(text: str) -> int | None:
    """Return epoch ms of a number of seconds, ms, microseconds or nanoseconds from 2000 on; None for another."""
    whole, _, part = text.partition(".")
    number = int(whole) if len(whole) <= 19 else 0
    for scale in (1_000, 1, -1_000, -1_000_000):
        milliseconds = number * scale if scale > 0 else (number - scale // 2) // -scale
        if SECONDS_FROM * 1000 <= milliseconds < LATEST_MS:
            return milliseconds + (round(float(f"0.{part or 0}") * 1000) if scale == 1_000 else 0)
    return None


def _made(parts: tuple[str, ...]) -> datetime | None:
    """Return year, month, day, hour, minute, second and its decimals as a time; 24:00 is the end of the day."""
    year, month, day, hour, minute, second = map(int, parts[:6])
    part = round(float(f"0.{parts[6]}") * 1e6) if len(parts) > 6 else 0
    try:
        if hour == 24 and not minute and not second and not part:
            return datetime.combine(date(year, month, day) + timedelta(days=1), time())
        return datetime.combine(date(year, month, day), time(hour, minute, second, min(part, 999_999)))
    except (ValueError, OverflowError):
        return None


def number(text: str, name: str, *, most: float = math.inf, whole: bool = False, decimal_comma: bool = False) -> float:
    """Return a finite number of at most `most` either way, with `whole` a count. Raises `RowError`.

    With `decimal_comma`, a comma stands for the point. ``1.234`` may then be one thousand or one and a bit, and is
    refused as a count.
    """
    if whole and text.isdecimal() and int(text[:20]) <= most and len(text) <= 20:
        return float(text)
    plain = text.replace(",", ".", 1) if decimal_comma and "." not in text else text
    value = float(plain) if _NUMBER.fullmatch(plain) else math.nan
    if whole and decimal_comma and _GROUPED.fullmatch(text):
        value = math.nan
    if not math.isfinite(value) or abs(value) > most or (whole and (value < 0 or value != int(value))):
        expected = "a whole number from 0" if whole else "a number"
        expected += f" of at most {most:,.0f}" if most < math.inf else ""
        raise RowError(f"{name} is {text!r}, expected {expected}")
    return value + 0.0
