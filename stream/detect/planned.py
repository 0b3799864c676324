"""What the site's calendar has planned for devices: events and maintenance. The calendar comes through the log."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.days.site_calendar import decode_calendar
from models.calendar import Calendar
from models.occurrences import Occurrence
from models.state import Saved, value
from stream.windows.catalog import Catalog

_KEPT: Final = 64
_MINUTE_MS: Final = 60_000
Mask = NDArray[np.bool_]


class Planned(Saved):
    """Which devices have something planned, and when; arrays of shape (devices,).

    During an event hazards are told, and what models find is not: a crowd was expected, of a size that nobody said. It
    teaches nothing either, so that a market is no habit of other Saturdays. During maintenance the same holds, and
    silence is no alarm; a hazard is told with a mark, because it may be the work.
    """

    _calendar = value(bytes)
    """The calendar as it last came through the log; empty before that: the settings' one."""

    def __init__(self, calendar: Calendar, catalog: Catalog) -> None:
        self.calendar, self.catalog = calendar, catalog
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Go by the calendar that the state knows; places may have changed as well."""
        self._quiet: dict[tuple[int, int], Mask | None] = {}
        self._works: tuple[int, Mask | None] = (-1, None)
        if self._calendar:
            self.calendar.take(decode_calendar(self._calendar))

    def take(self, payload: bytes) -> None:
        """Take over the calendar of a record. Raises ValueError where it cannot be: the one before then stays."""
        self.calendar.take(decode_calendar(payload))
        self._calendar = payload
        self.restored()

    def quiet(self, start_ms: int, end_ms: int) -> Mask | None:
        """Return which devices have an event or maintenance in some part of a window; None where none has."""
        if not self.calendar.plans:
            return None
        key = start_ms, len(self.catalog.devices)
        if key not in self._quiet:
            if len(self._quiet) >= _KEPT:
                self._quiet.clear()
            self._quiet[key] = self._devices(self.calendar.planned(start_ms, end_ms))
        return self._quiet[key]

    def works(self, now_ms: int) -> Mask | None:
        """Return which devices are under maintenance in a minute; None where none is."""
        if not self.calendar.plans:
            return None
        minute = now_ms // _MINUTE_MS
        if self._works[0] != minute or (self._works[1] is not None and len(self._works[1]) < len(self.catalog.devices)):
            self._works = minute, self._devices(self._works_at(now_ms))
        return self._works[1]

    def work(self, device: int, at_ms: int) -> Occurrence | None:
        """Return the maintenance that a device is under at an instant, None where there is none."""
        if not self.calendar.plans:
            return None
        return next((one for one in self._works_at(at_ms) if self._is_about(one, self.catalog.devices[device])), None)

    def left_out(self, series: NDArray[np.int64], number: NDArray[np.int64], window_ms: int) -> Mask:
        """Return which windows of series, both (rows,), nothing is to be learned from."""
        found = np.zeros(len(series), dtype=np.bool_)
        if not self.calendar.plans:
            return found
        for window in np.unique(number).tolist():
            quiet = self.quiet(window * window_ms, (window + 1) * window_ms)
            if quiet is not None:
                rows = np.flatnonzero(number == window)
                found[rows] = quiet[self.catalog.series_device[series[rows]]]
        return found

    def _works_at(self, at_ms: int) -> list[Occurrence]:
        return [one for one in self.calendar.planned(at_ms, at_ms + 1) if one.entry.kind == "maintenance"]

    def _devices(self, planned: list[Occurrence]) -> Mask | None:
        if not planned:
            return None
        devices = self.catalog.devices
        return np.fromiter(
            (any(self._is_about(one, place) for one in planned) for place in devices), bool, len(devices)
        )

    @staticmethod
    def _is_about(one: Occurrence, place: tuple[str, str]) -> bool:
        """Tell whether a time is about a (beat, device)."""
        return not one.entry.at or place[0] in one.entry.at or place[1] in one.entry.at
