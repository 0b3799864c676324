"""Scenarios with known truth: who is affected, from when to when, and which alerts count as having found it.

`Schedule` lays them out in event time: each of the ten once in the first 55 minutes, then repeatedly with gaps of
hours. The effects of a scenario say what it does to the data; `simulators.world.life` applies them.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

import msgspec

from ingest.events import Incident
from simulators.world.ground import distance_m, shifted
from simulators.world.neighbourhood import Neighbourhood, Spec
from simulators.world.rhythm import HOUR_MS, MINUTE_MS, LocalDays


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario as it really was. Times are event time by a right clock, epoch milliseconds."""

    id: str
    name: str
    beat: str
    devices: tuple[str, ...]
    """Devices on which it shows; empty where it shows in incidents only."""
    start: int
    end: int
    kinds: tuple[str, ...]
    """Alert kinds that count as found, on any of the devices (without devices: in the beat)."""
    also: tuple[str, ...]
    """Kinds that it may raise besides, on the same devices: neither found nor false."""
    tolerance_s: int
    """An alert raised up to this long after the end still counts."""
    lon: float
    lat: float


class Effect(NamedTuple):
    """What a scenario does to one device."""

    what: str
    start: int
    end: int
    amount: float = 0.0


NIGHT: Final = (22 * 60 + 3, 29 * 60 + 30)
"""Minutes of the local day between which a stranger's vehicle is worth a word (22:03 to 05:30)."""


class Schedule:
    """Scenarios of a run, laid out as far ahead as is asked for; the same seed and start give the same ones.

    Parameters
    ----------
    site, calendar
        Where they happen.
    seed, origin_ms
        What chance starts from, and the event time at which the run starts.
    spared
        Devices that nothing may happen to, for example those with wrong clocks.
    """

    def __init__(
        self,
        site: Neighbourhood,
        calendar: LocalDays,
        *,
        seed: int,
        origin_ms: int,
        spared: frozenset[str] = frozenset(),
    ) -> None:
        self.site, self.calendar, self.origin_ms = site, calendar, origin_ms
        self.truths: list[Truth] = []
        self.effects: dict[str, list[Effect]] = defaultdict(list)
        self.incidents: list[Incident] = []
        """Reports that belong to scenarios, in no particular order."""
        self.rng = Random(f"{seed}|scenarios|{origin_ms}")
        self._seed = seed
        self._by_type: dict[str, list[Spec]] = defaultdict(list)
        for spec in site.specs:
            if spec.device.id not in spared:
                self._by_type[spec.device.type].append(spec)
        self._busy: dict[str, int] = {}
        self.numbers: dict[str, int] = defaultdict(int)
        """Scenarios so far, by name."""
        self._due: list[tuple[int, str]] = []
        for name, kind in KINDS.items():
            start = origin_ms + round((kind.offset_min + self.rng.uniform(-0.8, 0.8)) * MINUTE_MS)
            heapq.heappush(self._due, (self._allowed(kind, start), name))

    def until(self, ms: int) -> None:
        """Lay out everything that starts before an instant. Asking in small or in large steps gives the same."""
        while self._due and self._due[0][0] < ms:
            start, name = heapq.heappop(self._due)
            kind = KINDS[name]
            end = start + round(self.rng.uniform(*kind.length_min) * MINUTE_MS)
            self._happen(name, kind, start, end)
            gap = 2 * HOUR_MS + round(self.rng.expovariate(1 / (9 * HOUR_MS)))
            heapq.heappush(self._due, (self._allowed(kind, end + gap), name))

    def _allowed(self, kind: "ScenarioKind", start: int) -> int:
        if not kind.night_only:
            return start
        midnight = self.calendar.start_ms(self.calendar.day_of(start))
        minute = (start - midnight) / MINUTE_MS
        if minute < NIGHT[1] - 24 * 60 or minute >= NIGHT[0]:
            return start
        return midnight + round((NIGHT[0] + self.rng.uniform(0, 4)) * MINUTE_MS)

    def _happen(self, name: str, kind: "ScenarioKind", start: int, end: int) -> None:
        placed = kind.place(self, start, end)
        if placed is None:
            return
        for spec, effect in placed.effects:
            self._busy[spec.device.id] = end + 20 * MINUTE_MS
            self.effects[spec.device.id].append(effect)
        self.numbers[name] += 1
        self.truths.append(
            Truth(
                id=f"{name}-{self.numbers[name]:03d}",
                name=name,
                beat=placed.beat,
                devices=tuple(dict.fromkeys(spec.device.id for spec, _ in placed.effects)),
                start=start,
                end=end,
                kinds=kind.finds,
                also=kind.also,
                tolerance_s=kind.tolerance_s,
                lon=placed.lon,
                lat=placed.lat,
            )
        )

    def free(self, kind: str, now: int) -> list[Spec]:
        """Return devices of a type to which nothing is happening, and nothing happened just before."""
        return [spec for spec in self._by_type[kind] if self._busy.get(spec.device.id, 0) <= now]

    def one(self, kind: str, now: int) -> Spec | None:
        """Return one of `free` by chance, or None where there is none."""
        found = self.free(kind, now)
        return self.rng.choice(found) if found else None

    def busy_camera(self, now: int, least_h: float) -> Spec | None:
        """Return one of the eight busiest free cameras that sees at least so many people an hour now, or None."""
        rates = [
            (self.calendar.share(spec.profile, now) * spec.people_h, position, spec)
            for position, spec in enumerate(self.free("camera", now))
        ]
        best = [spec for rate, _, spec in sorted(rates, reverse=True)[:8] if rate >= least_h]
        return self.rng.choice(best) if best else None

    def beside(self, spec: Spec, kind: str, now: int, within_m: float) -> Spec | None:
        """Return the nearest free device of a type within a distance, or None."""
        here = (spec.device.lon, spec.device.lat)
        near = [
            (distance_m(here, (other.device.lon, other.device.lat)), other.device.id, other)
            for other in self.free(kind, now)
        ]
        best = min(near, default=None)
        return best[2] if best is not None and best[0] <= within_m else None

    def report(self, incident_id: str, ts: int, place: tuple[float, float], category: str) -> None:
        """Add a report that the dispatch system will send."""
        lon, lat = place
        self.incidents.append(Incident(id=f"{incident_id}-{self._seed}", ts=ts, lon=lon, lat=lat, category=category))


class _Placed(NamedTuple):
    """Where a scenario was put, and what it does."""

    beat: str
    lon: float
    lat: float
    effects: tuple[tuple[Spec, Effect], ...] = ()


Place = Callable[[Schedule, int, int], _Placed | None]
"""Chooses where a scenario happens between two instants; None where the site has nothing that it could happen to."""


def _at(spec: Spec, *effects: tuple[Spec, Effect]) -> _Placed:
    return _Placed(spec.device.beat, spec.device.lon, spec.device.lat, effects)


def _simple(device_type: str, what: str) -> Place:
    def place(schedule: Schedule, start: int, end: int) -> _Placed | None:
        spec = schedule.one(device_type, start)
        return None if spec is None else _at(spec, (spec, Effect(what, start, end)))

    return place


def _crowd(schedule: Schedule, start: int, end: int) -> _Placed | None:
    spec = schedule.busy_camera(start, 90.0)
    if spec is None:
        return None
    return _at(spec, (spec, Effect("crowd", start, end, schedule.rng.uniform(3.6, 5.0))))


def _dead(schedule: Schedule, start: int, end: int) -> _Placed | None:
    spec = schedule.busy_camera(start, 240.0)
    # By night no camera is busy enough for zeros to say anything; then it goes altogether.
    what = schedule.rng.choice(("dark", "gone", "lost"))
    if spec is None:
        spec, what = schedule.one("camera", start), "gone"
    return None if spec is None else _at(spec, (spec, Effect(what, start, end)))


def _fight(schedule: Schedule, start: int, end: int) -> _Placed | None:
    spec = schedule.one("noise", start)
    if spec is None:
        return None
    effects = [(spec, Effect("loud", start, end, schedule.rng.uniform(90.0, 97.0)))]
    camera = schedule.beside(spec, "camera", start, 120.0)
    if camera is not None:
        effects.append((camera, Effect("crowd", start, end, 2.5)))
    return _at(spec, *effects)


def _smoke(schedule: Schedule, start: int, end: int) -> _Placed | None:
    spec = schedule.one("smoke", start)
    if spec is None:
        return None
    effects = [(spec, Effect("smoke", start, end, schedule.rng.uniform(7.0, 12.0)))]
    heat = schedule.beside(spec, "heat", start, 60.0)
    if heat is not None:
        effects.append((heat, Effect("hot", start + MINUTE_MS, end, schedule.rng.uniform(62.0, 75.0))))
    return _at(spec, *effects)


def _burglaries(schedule: Schedule, start: int, end: int) -> _Placed | None:
    beat = schedule.rng.choice(list(schedule.site.places.beats.values()))
    lons, lats = [point[0] for point in beat.polygon[:-1]], [point[1] for point in beat.polygon[:-1]]
    centre = (round(sum(lons) / len(lons), 6), round(sum(lats) / len(lats), 6))
    name = f"burglary-{start}-{schedule.numbers['burglary_series'] + 1}"
    for step in range(4):
        where = shifted(centre, schedule.rng.uniform(-70, 70), schedule.rng.uniform(-70, 70))
        schedule.report(f"{name}-{step}", start + (end - start) * step // 3, where, "burglary")
    return _Placed(beat.id, *centre)


class ScenarioKind(NamedTuple):
    """What is known of a kind of scenario, before it happens."""

    offset_min: float
    """Minutes after the start of a run at which it first happens."""
    length_min: tuple[float, float]
    place: Place
    finds: tuple[str, ...]
    """Alert kinds of docs/architecture.md that count as found."""
    also: tuple[str, ...] = ()
    tolerance_s: int = 300
    night_only: bool = False


KINDS: Final[dict[str, ScenarioKind]] = {
    "crowd_surge": ScenarioKind(4, (16, 19), _crowd, ("surge",)),
    "burglary_series": ScenarioKind(6, (16, 18), _burglaries, ("burglary_series",), tolerance_s=900),
    "tailgating": ScenarioKind(9, (0.1, 0.1), _simple("gate", "tailgate"), ("tailgating",), ("stranger_vehicle",)),
    "manhole_open": ScenarioKind(11, (9, 12), _simple("manhole", "lifted"), ("cover_open",)),
    "smoke": ScenarioKind(14, (6, 8), _smoke, ("smoke", "fire"), ("heat",)),
    "camera_dead": ScenarioKind(16, (19, 22), _dead, ("dead", "silent", "camera_fault"), ("deficit",), 600),
    "fire_door_open": ScenarioKind(24, (6, 8), _simple("door", "open"), ("door_open",)),
    "stranger_vehicle": ScenarioKind(
        28, (0.1, 0.1), _simple("gate", "stranger"), ("stranger_vehicle",), ("tailgating",), night_only=True
    ),
    "gate_stuck": ScenarioKind(33, (9, 12), _simple("gate", "stuck"), ("gate_stuck", "silent")),
    "fight": ScenarioKind(39, (4, 5), _fight, ("noise_high", "surge")),
}
"""The ten scenarios."""
