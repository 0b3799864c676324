"""Where a scenario happens and what it does there: chosen by chance among what is free, or as an order says."""

from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from ingest.events import Incident
from simulators.world.ground import distance_m, shifted
from simulators.world.neighbourhood import Neighbourhood, Spec
from simulators.world.ordered_scenario import OrderedScenario
from simulators.world.rhythm import MINUTE_MS, LocalDays


class Effect(NamedTuple):
    """What a scenario does to one device."""

    what: str
    start: int
    end: int
    amount: float = 0.0


class PlacedScenario(NamedTuple):
    """Where a scenario was put, and what it does."""

    beat: str
    lon: float
    lat: float
    effects: tuple[tuple[Spec, Effect], ...] = ()


class FreeDevices:
    """What scenarios are placed in: a site, and which of its devices something is happening to.

    Parameters
    ----------
    site, calendar
        Where they happen.
    seed
        Of the run: no two runs report the same incidents.
    spared
        Devices that nothing happens to by chance.
    """

    def __init__(self, site: Neighbourhood, calendar: LocalDays, seed: int, spared: frozenset[str]) -> None:
        self.site, self.calendar = site, calendar
        self.incidents: list[Incident] = []
        """Reports that belong to scenarios, in no particular order."""
        self.numbers: dict[str, int] = defaultdict(int)
        """Scenarios so far, by name."""
        self.busy: dict[str, int] = {}
        """Device → until when something happens to it, or has just happened; epoch ms."""
        self.seed = seed
        self._by_type: dict[str, list[Spec]] = defaultdict(list)
        for spec in site.specs:
            if spec.device.id not in spared:
                self._by_type[spec.device.type].append(spec)

    def free(self, kind: str, now: int) -> list[Spec]:
        """Return devices of a type to which nothing is happening, and nothing happened just before."""
        return [spec for spec in self._by_type[kind] if self.busy.get(spec.device.id, 0) <= now]

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
        self.incidents.append(Incident(id=f"{incident_id}-{self.seed}", ts=ts, lon=lon, lat=lat, category=category))


class Choice(NamedTuple):
    """What is left to chance, and what an order has decided."""

    around: FreeDevices
    rng: Random
    order: OrderedScenario | None = None

    def one(self, kind: str, now: int) -> Spec | None:
        """Return a device of a type: the one that was ordered, or a free one by chance; None where there is none."""
        found = self._wanted(kind, now)
        return self.rng.choice(found) if found else None

    def busy_camera(self, now: int, least_h: float) -> Spec | None:
        """Return one of the eight busiest free cameras that sees at least so many people an hour now, or None.

        A camera that was ordered by its name is taken however few it sees.
        """
        if self.order is not None and self.order.device:
            return self.one("camera", now)
        rates = [
            (self.people_h(spec, now), position, spec) for position, spec in enumerate(self._wanted("camera", now))
        ]
        best = [spec for rate, _, spec in sorted(rates, reverse=True)[:8] if rate >= least_h]
        return self.rng.choice(best) if best else None

    def people_h(self, spec: Spec, now: int) -> float:
        """Return how many people an hour pass a camera now."""
        return self.around.calendar.share(spec.profile, now) * spec.people_h

    def amount(self, usual: tuple[float, float]) -> float:
        """Return how strong it is."""
        drawn = self.rng.uniform(*usual)
        return drawn if self.order is None or self.order.strength is None else self.order.strength

    def _wanted(self, kind: str, now: int) -> list[Spec]:
        order = self.order
        if order is not None and order.device:
            return [spec for spec in self.around.site.specs if spec.device.id == order.device]
        free = self.around.free(kind, now)
        return [spec for spec in free if spec.device.beat == order.beat] if order is not None and order.beat else free


Place = Callable[[Choice, int, int], PlacedScenario | None]
"""Chooses where a scenario happens between two instants; None where the site has nothing that it could happen to."""


def _at(spec: Spec, *effects: tuple[Spec, Effect]) -> PlacedScenario:
    return PlacedScenario(spec.device.beat, spec.device.lon, spec.device.lat, effects)


def _simple(device_type: str, what: str) -> Place:
    def place(choice: Choice, start: int, end: int) -> PlacedScenario | None:
        spec = choice.one(device_type, start)
        return None if spec is None else _at(spec, (spec, Effect(what, start, end)))

    return place


def _crowd(choice: Choice, start: int, end: int) -> PlacedScenario | None:
    spec = choice.busy_camera(start, 90.0)
    if spec is None:
        return None
    return _at(spec, (spec, Effect("crowd", start, end, choice.amount(USUAL["crowd"]))))


def _dead(choice: Choice, start: int, end: int) -> PlacedScenario | None:
    spec = choice.busy_camera(start, _BUSY_H)
    # By night no camera is busy enough for zeros to say anything; then it goes altogether.
    what = choice.rng.choice(("dark", "gone", "lost"))
    if spec is None:
        spec, what = choice.one("camera", start), "gone"
    elif choice.people_h(spec, start) < _BUSY_H:
        what = "gone"
    return None if spec is None else _at(spec, (spec, Effect(what, start, end)))


def _fight(choice: Choice, start: int, end: int) -> PlacedScenario | None:
    spec = choice.one("noise", start)
    if spec is None:
        return None
    effects = [(spec, Effect("loud", start, end, choice.amount(USUAL["fight"])))]
    camera = choice.around.beside(spec, "camera", start, 120.0)
    if camera is not None:
        effects.append((camera, Effect("crowd", start, end, 2.5)))
    return _at(spec, *effects)


def _smoke(choice: Choice, start: int, end: int) -> PlacedScenario | None:
    spec = choice.one("smoke", start)
    if spec is None:
        return None
    effects = [(spec, Effect("smoke", start, end, choice.amount(USUAL["smoke"])))]
    heat = choice.around.beside(spec, "heat", start, 60.0)
    if heat is not None:
        effects.append((heat, Effect("hot", start + MINUTE_MS, end, choice.rng.uniform(62.0, 75.0))))
    return _at(spec, *effects)


def _burglaries(choice: Choice, start: int, end: int) -> PlacedScenario | None:
    around, beats = choice.around, choice.around.site.places.beats
    wanted = choice.order.beat if choice.order is not None else ""
    beat = beats[wanted] if wanted else choice.rng.choice(list(beats.values()))
    lons, lats = [point[0] for point in beat.polygon[:-1]], [point[1] for point in beat.polygon[:-1]]
    centre = (round(sum(lons) / len(lons), 6), round(sum(lats) / len(lats), 6))
    name = f"burglary-{start}-{around.numbers['burglary_series'] + 1}"
    for step in range(4):
        where = shifted(centre, choice.rng.uniform(-70, 70), choice.rng.uniform(-70, 70))
        around.report(f"{name}-{step}", start + (end - start) * step // 3, where, "burglary")
    return PlacedScenario(beat.id, *centre)


_BUSY_H: Final = 240.0
"""People an hour that a camera sees at least for its zeros to say anything."""
USUAL: Final = {"crowd": (3.6, 5.0), "smoke": (7.0, 12.0), "fight": (90.0, 97.0)}
"""How strong scenarios are by themselves: times as many people, percent of smoke a metre, dB."""
PLACES: Final[dict[str, Place]] = {
    "crowd": _crowd,
    "burglaries": _burglaries,
    "tailgate": _simple("gate", "tailgate"),
    "lifted": _simple("manhole", "lifted"),
    "smoke": _smoke,
    "dead": _dead,
    "open": _simple("door", "open"),
    "stranger": _simple("gate", "stranger"),
    "stuck": _simple("gate", "stuck"),
    "fight": _fight,
}
"""How each kind is placed."""
