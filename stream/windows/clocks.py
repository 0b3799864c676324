"""The times of a record: put right by what is known of the clocks they come from, before anything is done with it."""

from functools import partial
from typing import Final

import numpy as np

from ingest.frame import FrameError
from ingest.log import AWAY, Record, RecordKind
from ingest.places import CLOCK_OFFSET, MOST_OFFSET_S, Device, Places
from ingest.vocabulary import Flag
from stream.windows.catalog import Catalog
from stream.windows.columns import Columns
from stream.windows.device_clocks import DeviceClocks
from stream.windows.site_time import SLACK_MS, SiteTime, Votes

_BESIDE: Final = frozenset(
    {
        RecordKind.HISTORY,
        RecordKind.MODEL,
        RecordKind.PLACES,
        RecordKind.CALENDAR,
        RecordKind.BELIEF,
        RecordKind.PLAN,
        RecordKind.FIT,
    }
)
"""Who appends them knows the log's time only roughly: they say nothing of it, unless they are the first of all."""


class Clocks:
    """Knows what the places file says of devices' clocks (`CLOCK_OFFSET`), and shows the site's time every record."""

    def __init__(self, time: SiteTime, catalog: Catalog, devices: DeviceClocks) -> None:
        self._time, self._catalog, self._devices = time, catalog, devices
        self._places: Places | None = None
        self._ahead_ms: dict[str, int] = {}
        """Of the devices whose clocks these places correct."""

    def read(self, record: Record, columns: Columns | FrameError | None, before_ms: int) -> tuple[int, bool]:
        """Let the site's time go on by a record, and correct the times in it.

        Returns the time (epoch ms, `before_ms` at the record before), and whether it was put back.
        """
        if record.kind in _BESIDE:
            return before_ms or record.received_ms, False
        put_back = self._read(record, columns)
        if isinstance(columns, Columns) and columns.any(Flag.TIMELESS):
            columns.ts = np.where(columns.flags & Flag.TIMELESS, columns.received, columns.ts)
        return self._time.now_ms, put_back

    def _read(self, record: Record, columns: Columns | FrameError | None) -> bool:
        if not isinstance(columns, Columns) or not columns.rows:
            return self._time.read(record.received_ms, away=record.payload == AWAY and record.kind is RecordKind.TICK)
        if self._places is not self._catalog.places:
            self._places = self._catalog.places
            every = self._places.devices.values()
            self._ahead_ms = {place.id: ahead_ms for place in every if (ahead_ms := _ahead_ms(place))}
        if self._ahead_ms:
            ahead = [self._ahead_ms.get(source.device, 0) for source in columns.sources]
            if any(ahead):
                columns.ts = columns.ts - np.array(ahead, dtype=np.int64)[columns.source]
        received = columns.received
        if received[0] == received[-1] == record.received_ms:  # as good as always: nothing can have happened between
            put_back = self._time.read(record.received_ms, votes=partial(self._votes, columns, 0, columns.rows))
            if self._time.offset_ms:
                columns.received = received - self._time.offset_ms
            return put_back
        gaps, right = np.diff(received), received
        start, put_back = 0, False
        while start < columns.rows:
            # The clock may have stepped between two rows: each piece has a time of its own.
            inner = gaps[start:]
            cuts = np.flatnonzero((inner > self._time.limit_ms) | (inner < -SLACK_MS))
            end = start + int(cuts[0]) + 1 if len(cuts) else columns.rows
            last_ms = int(received[end - 1])
            put_back |= self._time.read(
                last_ms,
                span_ms=last_ms - int(received[start]),
                widest_ms=int(gaps[start : end - 1].max(initial=0)),
                votes=partial(self._votes, columns, start, end),
            )
            if self._time.offset_ms:
                right = received.copy() if right is received else right
                right[start:end] -= self._time.offset_ms
            start = end
        if record.received_ms > last_ms:  # it had to wait for the log
            put_back |= self._time.read(record.received_ms)
        columns.received = right
        return put_back

    def _votes(self, columns: Columns, start: int, end: int) -> Votes:
        part = slice(start, end)
        source, ts = columns.source[part], columns.ts[part]
        if columns.any(Flag.BACKFILL | Flag.RETAINED):
            rows = ~(columns.backfill | columns.retained)[part]
            source, ts = source[rows], ts[rows]
        newest = np.full(len(columns.sources), -1, dtype=np.int64)
        np.maximum.at(newest, source, ts)
        device = self._catalog.devices_of(columns)
        device, newest = device[newest >= 0], newest[newest >= 0]
        behind = np.zeros(len(device), dtype=np.int64)
        known = device < len(self._devices.wrong)
        behind[known] = self._devices.known(device[known])
        return Votes(device, newest, behind)


def _ahead_ms(place: Device) -> int:
    """Return how far the places file says that a device's clock is ahead."""
    given = place.overrides.get(CLOCK_OFFSET, 0)
    usable = isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= MOST_OFFSET_S
    return round(given * 1000) if usable else 0
