"""The hotspot stage: what happened, where, becomes a map of where to be next."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.days.site_calendar import decode_calendar
from ingest.events import Incident
from ingest.observations import epoch_ms
from ingest.places import Places
from models.calendar import Calendar
from models.hotspots import near_repeats
from models.hotspots.forecast import Forecast
from models.hotspots.grid import distance_m
from models.hotspots.near_repeats import IncidentSeries, NearRepeats
from models.state import FREE, Saved, State, array, part, value
from stream.alerts.alert_book import AlertBook
from stream.alerts.standing import innermost
from stream.config import PipelineConfig
from stream.hotspots.place_names import PlaceNames
from stream.hotspots.spot_places import PERIOD_S, describe, joined
from stream.patrol_results import ComingRisk
from stream.results import Alert, Anomaly, HotspotCell, HotspotMap, HotspotPlace, Notice
from stream.sentences import Why

PROVENANCE: Final = {"reported": 1.0, "sensor": 0.7, "patrol_discovered": 0.3}
"""Weight of an incident. Patrols find more where they are sent (Ensign et al., FAT* 2018): once it is known how much a
place was patrolled, what they find weighs 1 - that share, see `stream.patrol.dose`."""
_WEIGHT: Final = {"info": 0.05, "warning": 0.25, "critical": 0.5}
"""Weight of an anomaly beside a reported incident."""
_DRIVERS: Final = 16
"""Kinds of events kept apart as drivers; the last stands for all further ones."""
_RECENT_H: Final = 72.0
_MOST_DRIVERS: Final = 3
"""So many kinds of recent events are named."""
_MOST: Final = 0.5
"""A kind of event with this share of the risk is what it mostly comes from."""
_POINTS: Final = 64
_MAX_IDS: Final = 50_000
_MOST_OLD: Final = 1 << 20
"""Ids of history that are remembered: 8 MB."""
_DAY_MS: Final = 86_400_000
_COMING_MS: Final = 900_000
_MOST_COMING: Final = 400
"""Cells of `ComingRisk`."""
_LEAST_RISK: Final = 1e-3


class HotspotStage(Saved):
    """The risk map of a site and the series of incidents that stand close together."""

    grid: Forecast = part()
    series: NearRepeats = part()
    _drivers = value(list[str])
    """Driver name by number."""
    _ids = value(dict[str, None])
    _counted = value(dict[str, None])
    _due_ms = value(int)
    _coming_ms = value(int)
    _calendar = value(bytes)
    """The calendar as it last came through the log; empty before that: the settings' one."""
    _old_ids = array(np.int64, FREE)
    """Hashes of the ids of history, rising."""

    def __init__(self, config: PipelineConfig, places: Places, book: AlertBook) -> None:
        self.config, self.places, self.book = config, places, book
        site = config.site
        holidays = [date.fromisoformat(day) for day in site.holidays]
        self._days = Calendar(site.timezone, site.country or None, holidays)
        self.grid = Forecast(places.bounds(), config.pipeline.hotspot_cell_m, _DRIVERS, self._days.local)
        self.series = NearRepeats()
        super().__init__()
        self._beat_of_cell = self._beats()
        self._names = PlaceNames(places)
        beats = np.array(self._beat_of_cell)
        self._cells_of_beat = {beat: np.flatnonzero(beats == beat) for beat in dict.fromkeys(self._beat_of_cell)}

    def take_over(self, other: "HotspotStage") -> None:
        """Go on from a stage with other places: what it remembers stays where it was on earth."""
        self.restore(self.fitted(other.capture()))
        self._due_ms = 0

    def restored(self) -> None:
        """Go by the calendar that the state knows."""
        if self._calendar:
            self._days.take(decode_calendar(self._calendar))

    def take_calendar(self, payload: bytes) -> None:
        """Go by an edited calendar, of past days too: which kind of day each incident fell on is found anew."""
        self._days.take(decode_calendar(payload))
        self._calendar = payload
        self.grid.find_kinds_of_day()
        self._due_ms = self._coming_ms = 0

    def fitted(self, state: State, path: str = "") -> State:
        """Return a state, with this stage's below a path, whose map is of other cells, as this stage would have it."""
        calendar = state.get(f"{path}calendar", bytes)
        if calendar:  # before events are sorted by kinds of day again
            self._days.take(decode_calendar(calendar))
        grid = state.below(f"{path}grid")
        fitting = self.grid.fitted(grid)
        if fitting is grid:
            return state
        values = {f"{path}grid/{name}": one for name, one in fitting.values.items()}
        arrays = {f"{path}grid/{name}": one for name, one in fitting.arrays.items()}
        return State(state.values | values, state.arrays | arrays, state.columns)

    def _beats(self) -> list[str]:
        """Return the beat of every cell, empty where a centre lies in none."""
        lon, lat = self.grid.centres()
        beats = [""] * len(lon)
        for beat in self.places.beats.values():
            for cell in np.flatnonzero(inside(lon, lat, np.array(beat.polygon, dtype=np.float64))).tolist():
                beats[cell] = beat.id
        return beats

    def beats_of(self, incidents: Sequence[Incident]) -> list[str]:
        """Return the beats that incidents lie in, empty for none."""
        cells = self.grid.cell_of([one.lon for one in incidents], [one.lat for one in incidents])
        return [self._beat_of_cell[cell] if cell >= 0 else "" for cell in cells.tolist()]

    @property
    def points(self) -> NDArray[np.float64]:
        """Some points all over the beats, (points, 2) in degrees."""
        inner = np.flatnonzero(np.array(self._beat_of_cell) != "")
        cells = inner[np.linspace(0, len(inner) - 1, min(len(inner), _POINTS)).astype(np.int64)]
        return np.column_stack(self.grid.centres())[cells]

    def incident(
        self, incident: Incident, ts_ms: int, now_ms: int, patrolled: float | None = None
    ) -> list[Alert] | None:
        """Take an incident and return the alerts it gives; None where its id was taken before.

        `patrolled` is the share of `stream.patrol.dose.Dose.share`, where a patrol has discovered it.
        """
        if incident.id in self._ids or _hashes([incident])[0] in self._old_ids:
            return None
        self._ids[incident.id] = None
        if len(self._ids) > _MAX_IDS:
            del self._ids[next(iter(self._ids))]
        weight = PROVENANCE[incident.provenance] if patrolled is None else 1.0 - patrolled
        self.grid.add(incident.lon, incident.lat, ts_ms, weight, self._driver(incident.category))
        alerts: list[Alert] = []
        found = self.series.add(incident.category, incident.lon, incident.lat, ts_ms)
        if found is not None:
            cell = int(self.grid.cell_of(found.lon, found.lat)[()])
            kind = "burglary_series" if incident.category == "burglary" else "incident_series"
            going_on = self._going_on(kind, incident.category, found, now_ms)
            beat = going_on.beat if going_on else self._beat_of_cell[cell] if cell >= 0 else ""
            name = going_on.device if going_on else self._free_name(kind, cell)
            said: dict[str, Any] = {
                "category": incident.category,
                "count": found.count,
                "metres": near_repeats.RADIUS_M,
                "hours": near_repeats.HOURS,
            }
            alerts = self.book.rise(
                Notice(
                    act="rise",
                    beat=beat or next(iter(self.places.beats), "site"),
                    device=name,
                    kind=kind,
                    at_ms=now_ms,
                    lonlat=(found.lon, found.lat),
                    place=self.places.beats[beat].name if beat in self.places.beats else {},
                    why=Why("series", said),
                    cause_ms=ts_ms,
                    ends=False,
                )
            )
        self._due_ms = 0
        return alerts

    def _going_on(self, kind: str, category: str, found: IncidentSeries, now_ms: int) -> Alert | None:
        """Return the open alert of a series: its middle moves with every incident, even into another cell."""
        for alert in self.book.open():
            near = distance_m(alert.lon, alert.lat, found.lon, found.lat) <= near_repeats.RADIUS_M
            known = now_ms - alert.changed_ms < self.book.ttl_ms
            if near and known and alert.kind == kind and innermost(alert.why).args.get("category") == category:
                return alert
        return None

    def _free_name(self, kind: str, cell: int) -> str:
        """Return what a new series is called: its cell, with a number where that cell has one of another category."""
        name = self.grid.cell_ids()[cell] if cell >= 0 else "site"
        taken = {alert.device for alert in self.book.open() if alert.kind == kind}
        return next(one for one in (name, *(f"{name}.{n}" for n in range(2, 99))) if one not in taken)

    def history(self, incidents: Sequence[Incident]) -> list[Incident]:
        """Take incidents of the past, at once, and return those that were not taken before. They alert nobody."""
        hashes = _hashes(incidents)
        known = np.isin(hashes, self._old_ids)
        new: list[Incident] = []
        for incident, before in zip(incidents, known.tolist(), strict=True):
            if not before and incident.id not in self._ids:
                new.append(incident)
        new = list({incident.id: incident for incident in reversed(new)}.values())[::-1]
        if new:
            self._old_ids = np.union1d(self._old_ids, _hashes(new)[: _MOST_OLD - len(self._old_ids)])
            self.grid.add(
                [incident.lon for incident in new],
                [incident.lat for incident in new],
                [epoch_ms(incident.ts) for incident in new],
                [PROVENANCE[incident.provenance] for incident in new],
                [self._driver(incident.category) for incident in new],
            )
            self._due_ms = self._coming_ms = 0
        return new

    def anomalies(self, anomalies: list[Anomaly]) -> None:
        """Let new anomalies raise the risk around their devices; one that goes on counts once."""
        for anomaly in anomalies:
            place = self.places.devices.get(anomaly.device)
            key = f"{anomaly.device}/{anomaly.kind}/{anomaly.ts}"
            if place is None or key in self._counted:
                continue
            self._counted[key] = None
            if len(self._counted) > _MAX_IDS:
                del self._counted[next(iter(self._counted))]
            weight = _WEIGHT[anomaly.severity] * anomaly.confidence
            self.grid.excite(place.lon, place.lat, anomaly.ts, weight, self._driver(anomaly.kind))

    def set_back(self) -> None:
        """Make a new map at the next chance: the clock was set back."""
        self._due_ms = 0

    def due(self, now_ms: int) -> HotspotMap | None:
        """Return the map where it is time for a new one."""
        if now_ms < self._due_ms:
            return None
        self._due_ms = now_ms + round(self.config.hotspot_every_s * 1000)
        risk = self.grid.risk(now_ms)
        top = min(self.config.pipeline.hotspot_top, len(risk))
        best = np.argsort(-risk, kind="stable")[:top]
        highest = float(risk[best[0]]) if top else 0.0
        best = best[risk[best] > max(_LEAST_RISK * highest, 1e-9)]
        expected = self.grid.expected(now_ms, now_ms + round(self.config.hotspot_horizon_s * 1000))
        shares = self.grid.drivers(best, now_ms)
        recent = self.grid.recent_counts(best, now_ms, _RECENT_H)
        lon, lat = self.grid.centres()
        ids = self.grid.cell_ids()
        groups = joined(self.grid, best.tolist())
        lead_of = {cell: group[0] for group in groups for cell in group}
        where = {
            group[0]: self._names.name(float(lon[group[0]]), float(lat[group[0]]), self._beat_of_cell[group[0]])
            for group in groups
        }
        share_of = dict(zip(best.tolist(), shares, strict=True))
        spots = self._spots(groups, share_of, now_ms)
        return HotspotMap(
            ts=now_ms,
            horizon_s=self.config.hotspot_horizon_s,
            cell_m=self.config.pipeline.hotspot_cell_m,
            cells=[
                HotspotCell(
                    cell=ids[cell],
                    beat=self._beat_of_cell[cell],
                    lon=round(float(lon[cell]), 6),
                    lat=round(float(lat[cell]), 6),
                    risk=round(float(risk[cell]) / highest, 4),
                    rank=rank,
                    expected=round(float(expected[cell]), 4),
                    why=self._drivers_of(shares[rank - 1], recent[rank - 1]),
                    where=where[lead_of[cell]],
                    lead=ids[lead_of[cell]],
                    spot=spots.get(cell),
                )
                for rank, cell in enumerate(best.tolist(), 1)
            ],
        )

    def coming(self, now_ms: int) -> ComingRisk | None:
        """Return what is expected of the coming day, every quarter of an hour."""
        if now_ms // _COMING_MS == self._coming_ms // _COMING_MS:
            return None
        self._coming_ms = now_ms
        hours = self.grid.by_hour(np.arange(self.grid.cells), now_ms, now_ms + _DAY_MS)
        best = np.argsort(-hours.sum(axis=1), kind="stable")[:_MOST_COMING]
        return ComingRisk(
            ts=now_ms,
            bounds=self.grid.bounds,
            cell_m=self.grid.cell_m,
            cells=best.tolist(),
            hours=hours[best].astype("<f4").tobytes(),
        )

    def _spots(
        self, groups: list[list[int]], shares: dict[int, NDArray[np.float64]], now_ms: int
    ) -> dict[int, HotspotPlace]:
        """Return first cell → what is said of its place."""
        until_ms, known = now_ms + PERIOD_S * 1000, self.grid.knows()
        if not groups:
            return {}
        bounds = self.grid.spread(now_ms, until_ms, groups)
        hours = self.grid.by_hour(np.arange(self.grid.cells), now_ms, until_ms)
        found = {}
        for group, low, high in zip(groups, *(bound.tolist() for bound in bounds), strict=True):
            by_hour = hours[group]
            beat = self._beat_of_cell[group[0]]
            usual = hours[self._cells_of_beat[beat]].mean(axis=0)
            share = np.mean([shares[cell] for cell in group], axis=0)
            drivers = {name: float(of) for name, of in zip(self._drivers, share, strict=False)}
            whole = float(by_hour.sum()) or 1.0
            spread = (low / whole, high / whole)
            found[group[0]] = describe(self.grid, group, by_hour, usual, spread=spread, drivers=drivers, known=known)
        return found

    def _driver(self, name: str) -> int:
        if name not in self._drivers and len(self._drivers) < _DRIVERS - 1:
            self._drivers.append(name)
        return self._drivers.index(name) if name in self._drivers else _DRIVERS - 1

    def _drivers_of(self, shares: NDArray[np.float64], recent: NDArray[np.int64]) -> Why:
        """Return what drives a cell: what happened nearby lately, or else what its long memory holds."""
        counts = [(int(n), name) for name, n in zip(self._drivers, recent, strict=False) if n > 0]
        if counts:
            most = sorted(counts, key=lambda pair: (-pair[0], pair[1]))[:_MOST_DRIVERS]
            parts = [Why("hotspot-part", {"category": name, "count": n}) for n, name in most]
            return Why("hotspot", {"parts": parts, "hours": _RECENT_H})
        named = ((float(share), name) for name, share in zip(self._drivers, shares, strict=False))
        share, category = max(named, default=(0.0, ""))
        if share <= 0:
            return Why("hotspot-nothing")
        code = "hotspot-earlier" if share >= _MOST else "hotspot-mixed"
        return Why(code, {"category": category, "count": 0, "share": share})


def _hashes(incidents: Sequence[Incident]) -> NDArray[np.int64]:
    """Return what is remembered of ids, (incidents,)."""
    ids = (hashlib.blake2b(one.id.encode(), digest_size=8).digest() for one in incidents)
    return np.frombuffer(b"".join(ids), dtype="<i8").astype(np.int64)


def inside(lon: NDArray[np.float64], lat: NDArray[np.float64], ring: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points lie inside a polygon's outer ring, by the even-odd rule; shape (points,)."""
    inside = np.zeros(len(lon), dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (y0 > lat) != (y1 > lat)
        if y0 != y1:
            inside ^= crosses & (lon < x0 + (lat - y0) / (y1 - y0) * (x1 - x0))
    return inside
