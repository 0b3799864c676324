"""Times as vendors write them: with a zone or without, as text, as fourteen digits, as seconds or milliseconds."""

import re
from datetime import datetime, tzinfo
from typing import Final

from ingest.codecs.lenient import UnreadableError, instant
from ingest.observations import LATEST_MS

OLDEST_MS: Final = 1_104_537_600_000
"""2005: a device whose clock says less has none, and has counted from 1970 or 2000 since it was switched on."""
_DIGITS: Final = re.compile(r"([0-9]{8})([0-9]{6})([0-9]{3})?\Z")
_PLAIN: Final = re.compile(
    r"([0-9]{4}).([0-9]{1,2}).([0-9]{1,2})[Tt ]{1,2}([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?\Z"
)


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
