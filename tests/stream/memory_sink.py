"""Results in memory, by key: for tests, and for programs that look at results and keep nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.events import Command, Incident
from ingest.refusal import Refusal
from stream.patrol_results import BeatShare, OfficerPlan
from stream.results import Alert, Anomaly, DeviceHealth, HotspotMap, Results, SeriesKey
from stream.sinks.result_rows import (
    NOTHING_WRITTEN,
    WINDOW_COLUMNS,
    after,
    check_series,
    merge_windows,
    order,
    plain,
    position_of,
)


class MemorySink:
    """Collects results in dicts under the keys that `stream.results` gives them.

    Examples
    --------
    >>> sink = MemorySink()
    >>> sink.write([])
    >>> sink.observations
    0
    """

    name = "memory"

    def __init__(self) -> None:
        self._reached = NOTHING_WRITTEN
        self.flushed = NOTHING_WRITTEN
        """Newest log position that `flush` was called for."""
        self.closed = False
        self.windows: dict[tuple[SeriesKey, int, int], dict[str, Any]] = {}
        """(series, start, part) → the row's columns, with NaN where there is no value."""
        self.gates: dict[tuple[SeriesKey, str, int], dict[str, Any]] = {}
        """(series, boot, seq) → the other columns."""
        self.states: dict[tuple[SeriesKey, int], str] = {}
        self.anomalies: dict[tuple[str, str, str, int], Anomaly] = {}
        """By (device, metric, kind, ts)."""
        self.alerts: dict[str, Alert] = {}
        """Each as it stands, by id."""
        self.alert_history: dict[tuple[str, int], Alert] = {}
        self.hotspots: dict[int, HotspotMap] = {}
        """By ts."""
        self.health: dict[tuple[str, int], DeviceHealth] = {}
        self.incidents: dict[str, Incident] = {}
        self.patrols: dict[tuple[str, str], OfficerPlan] = {}
        """By (shift, officer)."""
        self.shares: dict[tuple[int, str], BeatShare] = {}
        self.book: dict[str, Command] = {}
        self.refusals: list[Refusal] = []
        self.accepted = self.duplicates = self.late = 0

    @property
    def position(self) -> int:
        """Newest log position written, -1 before the first."""
        return position_of(self._reached)

    def write(self, results: Sequence[Results]) -> None:
        """Take what is new."""
        fresh = after(results, self._reached)
        if not fresh:
            return
        check_series(fresh)
        catalog = fresh[-1].catalog
        rows = merge_windows(fresh)
        if rows is not None:
            for values in zip(*(plain(getattr(rows, name)) for name in WINDOW_COLUMNS), strict=True):
                row = dict(zip(WINDOW_COLUMNS, values, strict=True))
                self.windows[catalog[row.pop("series")], row["start"], row["part"]] = row
        for result in fresh:
            self._take(result)
        self._reached = order(fresh[-1])

    def flush(self) -> None:
        """Note that everything written is as durable as it gets here."""
        self.flushed = self.position

    def close(self) -> None:
        """Flush, and note it."""
        self.flush()
        self.closed = True

    @property
    def observations(self) -> int:
        """Observations over all windows and their parts."""
        return sum(row["n"] for row in self.windows.values())

    def _take(self, result: Results) -> None:
        for gates in result.gates:
            columns = [plain(column) for column in (gates.series, gates.ts, gates.seq, gates.direction, gates.allowed)]
            for series, ts, seq, direction, allowed, boot, vehicle, plate in zip(
                *columns, gates.boot, gates.vehicle, gates.plate, strict=True
            ):
                row = {"ts": ts, "direction": direction, "allowed": allowed, "vehicle": vehicle, "plate": plate}
                self.gates[result.catalog[series], boot, seq] = row
        for states in result.states:
            for series, ts, value in zip(plain(states.series), plain(states.ts), states.value, strict=True):
                self.states[result.catalog[series], ts] = value
        self.anomalies |= {(item.device, item.metric, item.kind, item.ts): item for item in result.anomalies}
        for alert in result.alerts:
            self.alert_history[alert.id, alert.revision] = alert
            if alert.id not in self.alerts or self.alerts[alert.id].revision <= alert.revision:
                self.alerts[alert.id] = alert
        for hotspots in result.maps:
            self.hotspots[hotspots.ts] = hotspots
        self.health |= {(item.device, item.start): item for item in result.health}
        self.incidents |= {item.id: item for item in result.incidents}
        self.patrols |= {(item.shift, item.officer): item for item in result.patrols}
        self.shares |= {(item.ts, item.beat): item for item in result.shares}
        self.book |= {item.id: item for item in result.book}
        self.refusals += result.refusals
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.late += result.late
