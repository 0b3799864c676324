"""A site's calendar while its file is edited: what is whole is taken, of what is broken the last good one stays.

The settings' part is fixed while a process runs. All of it together goes through the log when it has changed; the file
of the last good one says with what the log ends, as for places (`ingest.gateway.places_file`).
"""

import logging
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from ingest.days.ics_file import read_ics
from ingest.days.site_calendar import (
    CalendarEntry,
    CalendarError,
    SiteCalendar,
    decode_calendar,
    encode_calendar,
)
from ingest.files import replace_file

_LOG: Final = logging.getLogger(__name__)
LAST_CALENDAR: Final = "calendar.good.json"
"""Name of the file with the last good calendar, in the site's folder."""
_READ_ANYWAY: Final = 10


class _Kept(msgspec.Struct):
    """What the file of the last good calendar holds."""

    calendar: SiteCalendar
    """All of it, as it is in the log."""
    from_file: tuple[CalendarEntry, ...] = ()
    """What of it the calendar file said."""


class TakesCalendar(Protocol):
    """A gateway, as far as the calendar goes."""

    calendar: bytes
    """The one that it has logged; empty where it has logged none."""

    def change_calendar(self, payload: bytes) -> None:
        """Bring a calendar into the log, soon."""


class CalendarFile:
    """Watches a site's calendar. `load` first, then `follow` every second or so; not for use by several threads.

    Parameters
    ----------
    fixed
        What the settings say.
    path
        The iCalendar file, None where there is none.
    last_good
        The file with the calendar that was good before.
    zone
        The site's.
    """

    def __init__(self, fixed: SiteCalendar, path: Path | None, last_good: Path, zone: ZoneInfo) -> None:
        self._fixed, self.path, self._last_good, self._zone = fixed, path, last_good, zone
        self.problem = ""
        """Why the file is not what is gone by; empty while it is."""
        self._from_file: tuple[CalendarEntry, ...] = ()
        self._content = self._due = b""
        """What the file held when it was good, and what the log is to have."""
        self._kept: _Kept | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._suspect = self._looks = 0

    @property
    def calendar(self) -> SiteCalendar:
        """What is gone by."""
        return SiteCalendar(self._fixed.country, self._fixed.entries + self._from_file)

    def load(self) -> SiteCalendar:
        """Return the calendar: of a file that cannot be used what it said when it could, which is said aloud."""
        self._kept = _read_kept(self._last_good)
        self._stamp = self._stamped()
        try:
            self._read()
        except (CalendarError, OSError) as error:
            self._from_file = () if self._kept is None else self._kept.from_file
            self._tell(str(error))
        return self.calendar

    def begin(self, gateway: TakesCalendar, *, log_is_new: bool) -> None:
        """Let a gateway log the calendar where the log ends with another, or nobody knows with which."""
        if self._kept is not None:
            news = self._kept.calendar != self.calendar
        else:
            more = bool(self._from_file) or any(entry.kind != "rest" for entry in self._fixed.entries)
            news = more or not log_is_new  # country and rest days alone the pipeline knows from its settings
        if news:
            self._change(gateway)

    def follow(self, gateway: TakesCalendar) -> None:
        """Let a gateway log what was edited, and keep what has got into the log; for every second."""
        if self._look():
            self._change(gateway)
        if self._due and gateway.calendar != self._due:
            return
        if self._kept is None or self._kept.calendar != self.calendar:
            kept = _Kept(self.calendar, self._from_file)
            try:
                replace_file(self._last_good, msgspec.json.encode(kept), mode=0o640)
            except OSError as error:
                _LOG.warning("%s cannot be written: %s", self._last_good, error)
            else:
                self._kept = kept

    def _change(self, gateway: TakesCalendar) -> None:
        self._due = encode_calendar(self.calendar)
        gateway.change_calendar(self._due)

    def _look(self) -> bool:
        """Look at the file; tell whether the calendar is another now. What is broken may still be being written."""
        if self.path is None:
            return False
        stamp, self._looks = self._stamped(), self._looks + 1
        settled, self._stamp = stamp == self._stamp, stamp
        if settled and not self._suspect and self._looks % _READ_ANYWAY:
            return False
        before = self._from_file
        try:
            self._read()
        except (CalendarError, OSError) as error:
            self._suspect = 0 if settled and self._suspect else 1
            if not self._suspect and str(error) != self.problem:
                self._tell(str(error))
            return False
        self._suspect = 0
        if self.problem:
            _LOG.warning("%s can be used again", self.path)
            self.problem = ""
        if before == self._from_file:
            return False
        _LOG.info("%s was edited: %d entries, %d before", self.path, len(self._from_file), len(before))
        return True

    def _tell(self, problem: str) -> None:
        self.problem = problem
        _LOG.error("%s; of the calendar file the last good content is used: %d entries", problem, len(self._from_file))

    def _read(self) -> None:
        if self.path is None:
            return
        content = self.path.read_bytes()
        if content != self._content or not content:
            self._from_file = read_ics(content, str(self.path), self._zone)
            self._content = content

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat() if self.path is not None else None
        except OSError:
            return None
        return None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def last_calendar(path: Path) -> SiteCalendar | None:
    """Return the calendar that a node goes by, from its file of the last good one; None where there is none."""
    kept = _read_kept(path)
    return None if kept is None else kept.calendar


def _read_kept(path: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        decode_calendar(encode_calendar(SiteCalendar("", kept.calendar.entries + kept.from_file)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _LOG.warning("%s cannot be used: %s", path, error)
        return None
    return kept
