"""Makes the plan of a shift from now on: from the newest forecast, the settings, and what has been done so far."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ingest.days.patrol_settings import PatrolSettings, roster_of
from ingest.events import PatrolPlan, PatrolStop, StopKind
from ingest.places import Places
from ingest.topics import id_of
from models.hotspots.grid import Grid
from models.occurrences import Occurrence, Occurrences
from models.patrols.ground import choose_places
from models.patrols.plan import Committed, Minimum, Officer, Stop, plan
from models.patrols.travel import street_travel
from stream.alerts.hotspot_stage import inside
from stream.hotspots.place_names import PlaceNames
from stream.patrol_results import ComingRisk
from stream.sentences.catalogue import in_all_languages

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
CALL_MIN: Final = 45
"""So long a call is expected to take an officer away; who is still away then is planned for again."""
_WAY_MIN: Final = 8.0
"""From stop to stop, about: for how many stops a shift has room."""
_AGAIN_S: Final = 0.3
"""Seconds of processor time for a plan that is made again: officers wait for it."""
_EXPLORE: Final = "explore-"
Row = Mapping[str, Any]


class ShiftTime(NamedTuple):
    """One shift of one day."""

    id: str
    """Such as ``early-2026-11-26``."""
    name: str
    begin_ms: int
    end_ms: int
    officers: tuple[str, ...]


class ShiftPlanner:
    """Plans the shifts of a site.

    Parameters
    ----------
    settings, timezone
        Section ``[patrol]``, and the zone that its times are in.
    places
        Beats, streets and names.
    cell_m
        Side of the map's cells.
    """

    def __init__(self, settings: PatrolSettings, timezone: str, places: Places, cell_m: float) -> None:
        self._settings, self._places, self._zone = settings, places, ZoneInfo(timezone)
        self._roster = roster_of(settings)
        self._shifts = Occurrences(self._roster.shifts, self._zone)
        self._committed = Occurrences(self._roster.committed, self._zone)
        self._grid = Grid(places.bounds(), cell_m)
        lon, lat = self._grid.centres()
        self._lonlat = np.column_stack([lon, lat])
        self._beat = self._beats(lon, lat)
        west, south, east, north = places.bounds()
        self._station = self._roster.station or ((west + east) / 2, (south + north) / 2)
        self._names = PlaceNames(places)
        self._travel = street_travel([np.array(street.line) for street in places.streets], settings.speed_kmh)

    def shifts(self, begin_ms: int, end_ms: int) -> list[ShiftTime]:
        """Return the shifts that overlap a span of time, in order."""
        found = []
        for one in self._shifts.between(begin_ms, end_ms):
            day = np.datetime64(one.start_ms + self._offset_ms(one.start_ms), "ms").astype("datetime64[D]")
            name = f"{id_of(one.entry.name, 'shift')}-{day}"
            found.append(ShiftTime(name, one.entry.name, one.start_ms, one.end_ms, one.entry.at))
        return found

    def plan(
        self,
        shift: ShiftTime,
        now_ms: int,
        coming: ComingRisk | None,
        rows: Sequence[Row],
        secret: bytes = b"",
        before: Sequence[Row] = (),
    ) -> PatrolPlan:
        """Return the plan of a shift from now on.

        Parameters
        ----------
        rows
            The shift's plans as the store has them (`stream.sinks.store.patrol_tables.plans_between`); none before the
            first plan.
        secret
            What nobody can guess: it decides between plans that are equally good, and where is explored.
        before
            Plans of such shifts before, as rows: who has watched them must not know the ways of this one.
        """
        settings = self._settings
        now_min = max(0, math.ceil((now_ms - shift.begin_ms) / _MINUTE_MS))
        length = (shift.end_ms - shift.begin_ms) // _MINUTE_MS
        stops = [stop for row in rows for stop in row["stops"]]
        away = {row["officer"] for row in rows if row["away_ms"]}
        officers = [
            self._officer(officer, number, shift, (now_min, length), stops, away=officer in away)
            for number, officer in enumerate(shift.officers)
        ]
        officers = [one for one in officers if one.begin_min < one.end_min]
        ground = choose_places(
            self._lonlat,
            self._risk(shift, coming),
            self._grid.cell_m,
            places=settings.candidates,
            beat=self._beat,
            in_beats=range(len(self._places.beats)) if settings.beat_min else (),
        )
        promised = self._promised(shift, now_min)
        explored = self._explored(shift, now_min, length, secret)
        made = plan(
            ground,
            officers,
            committed=[*promised, *explored],
            minima=[
                Minimum(beat, round(settings.beat_min)) for beat in range(len(self._places.beats)) if settings.beat_min
            ],
            kept=[_kept(stop, shift) for stop in stops if stop["state"] in {"arrived", "done", "skipped"}],
            watched=_watched(before),
            stop_min=round(settings.stop_min),
            travel=self._travel,
            # Who waits for a new plan waits for the best one; what was done so far nobody could guess.
            draw_seed=None if rows else _seed(secret, f"{shift.id}/{now_ms}"),
            effort_s=min(settings.effort_s, _AGAIN_S) if rows else settings.effort_s,
            solver="best" if settings.effort_s else "greedy",
        )
        fixed = {(one.lon, one.lat): one.name for one in (*promised, *explored)}
        return PatrolPlan(
            shift=shift.id,
            name=shift.name,
            begin_ms=shift.begin_ms,
            end_ms=shift.end_ms,
            made_ms=now_ms,
            solver=made.solver,
            officers=shift.officers,
            stops=tuple(self._stop(stop, shift, ground.cell, fixed) for stop in made.stops),
            covered=round(made.covered, 6),
            best=None if made.best is None else round(made.best, 6),
        )

    # -- what is asked of the plan ---------------------------------------------------------------------------------

    def _officer(
        self, officer: str, number: int, shift: ShiftTime, span: tuple[int, int], stops: Sequence[Row], *, away: bool
    ) -> Officer:
        """Return an officer as free from now on, or from the end of the stop under way, with a break and a call."""
        now_min, length = span
        mine = [stop for stop in stops if stop["officer"] == officer and stop["arrived_ms"]]
        last = max(mine, key=lambda stop: stop["arrived_ms"], default=None)
        begin, at = now_min, self._station
        if last is not None:
            at = (last["lon"], last["lat"])
            if last["state"] == "arrived":
                stay = (last["arrived_ms"] - shift.begin_ms) / _MINUTE_MS
                stay += (last["leave_ms"] - last["arrive_ms"]) / _MINUTE_MS
                begin = max(begin, math.ceil(stay))
        pauses = []
        rest = round(self._settings.break_min)
        if rest and length >= 4 * 60:
            # They take turns around the middle of the shift.
            turn = round(length / 2 + (number - (len(shift.officers) - 1) / 2) * rest)
            turn = min(max(turn, length // 4), length * 3 // 4 - rest)
            if turn + rest > begin:
                pauses.append((max(turn, begin), turn + rest))
        if away:
            pauses.append((now_min, min(now_min + CALL_MIN, length)))
        return Officer(officer, begin, length, *at, away=tuple(sorted(pauses)))

    def _risk(self, shift: ShiftTime, coming: ComingRisk | None) -> NDArray[np.float64]:
        """Return what is expected by cell and hour of the shift, (cells, hours); nothing at all without a forecast."""
        hours = math.ceil((shift.end_ms - shift.begin_ms) / _HOUR_MS)
        risk = np.zeros((self._grid.cells, hours))
        if coming is None:
            return risk
        by_hour = np.frombuffer(coming.hours, dtype="<f4").reshape(-1, 24).astype(np.float64)
        cells = np.array(coming.cells, dtype=np.int64)
        if (coming.bounds, coming.cell_m) != (self._grid.bounds, self._grid.cell_m):  # the places were edited
            lon, lat = Grid(coming.bounds, coming.cell_m).centres()
            cells = self._grid.cell_of(lon[cells], lat[cells])
        local = [
            (shift.begin_ms + hour * _HOUR_MS + self._offset_ms(shift.begin_ms)) // _HOUR_MS % 24
            for hour in range(hours)
        ]
        known = cells >= 0
        np.add.at(risk, cells[known], by_hour[known][:, local])
        return risk

    def _promised(self, shift: ShiftTime, now_min: int) -> list[Committed]:
        found = []
        for one in self._committed.between(shift.begin_ms, shift.end_ms):
            begin = round((one.start_ms - shift.begin_ms) / _MINUTE_MS)
            if begin >= now_min and one.end_ms <= shift.end_ms:
                found.append(_committed(one, begin))
        return found

    def _explored(self, shift: ShiftTime, now_min: int, length: int, secret: bytes) -> list[Committed]:
        """Return stops drawn at random over the beats and the shift: the same ones whenever it is planned again."""
        room = len(shift.officers) * length / (self._settings.stop_min + _WAY_MIN)
        draw = np.random.default_rng(_seed(secret, shift.id))
        cells = np.flatnonzero(self._beat >= 0)
        many = min(math.floor(room * self._settings.exploration + draw.random()), len(cells))
        stay = round(self._settings.stop_min)
        chosen = draw.permutation(cells)[:many].tolist()
        begins = [
            round((part + draw.random() * 0.5) * (length - 2 * stay) / max(many, 1)) + stay // 2 for part in range(many)
        ]
        return [
            Committed(f"{_EXPLORE}{number}", float(self._lonlat[cell, 0]), float(self._lonlat[cell, 1]), begin, stay)
            for number, (cell, begin) in enumerate(zip(chosen, begins, strict=True))
            if begin >= now_min
        ]

    # -- what comes of it ------------------------------------------------------------------------------------------

    def _stop(
        self, stop: Stop, shift: ShiftTime, cells: NDArray[np.int64], fixed: Mapping[tuple[float, float], str]
    ) -> PatrolStop:
        name = fixed.get((stop.lon, stop.lat), "") if stop.candidate < 0 else ""
        cell = int(cells[stop.candidate] if stop.candidate >= 0 else self._grid.cell_of(stop.lon, stop.lat)[()])
        beat = int(self._beat[cell]) if cell >= 0 else -1
        beat_id = [*self._places.beats][beat] if beat >= 0 else ""
        kind: Any = "exploration" if name.startswith(_EXPLORE) else stop.kind
        found: StopKind = kind
        told = {"en": name, "zh-CN": name} if name and found == "committed" else None
        arrive_ms = shift.begin_ms + stop.arrive_min * _MINUTE_MS
        return PatrolStop(
            id=self._stop_id(shift, stop, arrive_ms),
            officer=stop.officer,
            lon=round(stop.lon, 6),
            lat=round(stop.lat, 6),
            arrive_ms=arrive_ms,
            leave_ms=shift.begin_ms + stop.leave_min * _MINUTE_MS,
            kind=found,
            cell=self._grid.cell_ids()[cell] if cell >= 0 else "",
            beat=beat_id,
            place=told or in_all_languages(self._names.name(stop.lon, stop.lat, beat_id), self._zone),
        )

    def _stop_id(self, shift: ShiftTime, stop: Stop, arrive_ms: int) -> str:
        """Return an id that is short enough to be typed: officer, local time, and what tells it from others."""
        local = arrive_ms + self._offset_ms(arrive_ms)
        clock = f"{local // _HOUR_MS % 24:02d}{local // _MINUTE_MS % 60:02d}"
        key = f"{shift.id}/{stop.officer}/{arrive_ms}/{stop.lon:.5f}/{stop.lat:.5f}"
        return f"{stop.officer}-{clock}-{hashlib.blake2b(key.encode(), digest_size=2).hexdigest()}"

    def _offset_ms(self, at_ms: int) -> int:
        """Return how far local time is ahead of UTC."""
        offset = datetime.fromtimestamp(at_ms / 1000, self._zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds() * 1000)

    def _beats(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the beat of every cell, -1 for none."""
        found = np.full(len(lon), -1, dtype=np.int64)
        for number, beat in enumerate(self._places.beats.values()):
            found[inside(lon, lat, np.array(beat.polygon, dtype=np.float64))] = number
        return found


def _committed(one: Occurrence, begin_min: int) -> Committed:
    lon, lat = map(float, one.entry.at)
    return Committed(one.entry.name, lon, lat, begin_min, max((one.end_ms - one.start_ms) // _MINUTE_MS, 1))


def _kept(stop: Row, shift: ShiftTime) -> Stop:
    """Return a stop that was begun, as it really was; one that was skipped, so that nobody is sent there again soon."""
    planned = (stop["leave_ms"] - stop["arrive_ms"]) / _MINUTE_MS
    if stop["state"] == "skipped":
        arrive = max(round((stop["arrive_ms"] - shift.begin_ms) / _MINUTE_MS), 0)
        return Stop(stop["id"], stop["officer"], -1, stop["lon"], stop["lat"], arrive, arrive + 1, stop["kind"])
    begin = ((stop["arrived_ms"] or stop["done_ms"] - planned * _MINUTE_MS) - shift.begin_ms) / _MINUTE_MS
    stay = stop["delivered_min"] if stop["state"] == "done" else planned
    arrive = max(round(begin), 0)
    return Stop(
        stop["id"], stop["officer"], -1, stop["lon"], stop["lat"], arrive, arrive + max(round(stay), 1), stop["kind"]
    )


def _watched(rows: Sequence[Row]) -> list[list[Stop]]:
    """Return the stops of each shift; minutes count from its begin."""
    found: dict[str, list[Stop]] = {}
    for row in rows:
        found.setdefault(row["shift"], []).extend(
            Stop(stop["id"], stop["officer"], -1, stop["lon"], stop["lat"], *_minutes(stop, row), stop["kind"])
            for stop in row["stops"]
        )
    return [*found.values()]


def _minutes(stop: Row, row: Row) -> tuple[int, int]:
    arrive, leave = (round((stop[name] - row["begin_ms"]) / _MINUTE_MS) for name in ("arrive_ms", "leave_ms"))
    return arrive, leave


def _seed(secret: bytes, what: str) -> int:
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=7, key=secret).digest())
