"""Scenarios with known truth: who is affected, from when to when, and which alerts count as having found it.

`Schedule` lays them out in event time: each of the ten once in the first 55 minutes, then repeatedly with gaps of
hours; and it takes orders for more of them while it runs. The effects of a scenario say what it does to the data;
`simulators.world.life` applies them.
"""

import heapq
import threading
from collections import defaultdict
from random import Random
from typing import Final, NamedTuple

import msgspec

from simulators.world.neighbourhood import Neighbourhood
from simulators.world.ordered_scenario import OrderedScenario, OrderRefusedError
from simulators.world.placing import PLACES, USUAL, Choice, Effect, FreeDevices, Place
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
    order: str = ""
    """Id of the order for it; empty for what the schedule laid out by itself."""
    strength: float | None = None
    """As it was asked for; None for what is usual, and for what comes in one strength only."""


NIGHT: Final = (22 * 60 + 3, 29 * 60 + 30)
"""Minutes of the local day between which a stranger's vehicle is worth a word (22:03 to 05:30)."""


_AFTER_MS: Final = 2_000
"""What is ordered begins so long after the beginning of a minute: a barrier goes up before a vehicle passes."""
_AHEAD_MS: Final = 24 * HOUR_MS


class Schedule(FreeDevices):
    """Scenarios of a run, laid out as far ahead as is asked for; the same seed and start give the same ones.

    Parameters
    ----------
    site, calendar
        Where they happen.
    seed, origin_ms
        What chance starts from, and the event time at which the run starts.
    spared
        Devices that nothing happens to by chance, for example those with wrong clocks.
    alone
        Whether anything happens that nobody has ordered.

    `until` and `take` may be called from several threads.
    """

    def __init__(
        self,
        site: Neighbourhood,
        calendar: LocalDays,
        *,
        seed: int,
        origin_ms: int,
        spared: frozenset[str] = frozenset(),
        alone: bool = True,
    ) -> None:
        super().__init__(site, calendar, seed, spared)
        self.origin_ms = origin_ms
        self.truths: list[Truth] = []
        self.effects: dict[str, list[Effect]] = defaultdict(list)
        self.rng = Random(f"{seed}|scenarios|{origin_ms}")
        self._due: list[tuple[int, str]] = []
        self.lock = threading.RLock()
        self._laid_ms = origin_ms
        """Devices have lived up to here: nothing can be ordered before."""
        for name, kind in KINDS.items() if alone else ():
            start = origin_ms + round((kind.offset_min + self.rng.uniform(-0.8, 0.8)) * MINUTE_MS)
            heapq.heappush(self._due, (self._allowed(kind, start), name))

    def until(self, ms: int) -> None:
        """Lay out everything that starts before an instant. Asking in small or in large steps gives the same."""
        with self.lock:
            self._laid_ms = max(self._laid_ms, ms)
            while self._due and self._due[0][0] < ms:
                start, name = heapq.heappop(self._due)
                kind = KINDS[name]
                end = start + round(self.rng.uniform(*kind.length_min) * MINUTE_MS)
                self._happen(name, kind, Choice(self, self.rng), start, end)
                gap = 2 * HOUR_MS + round(self.rng.expovariate(1 / (9 * HOUR_MS)))
                heapq.heappush(self._due, (self._allowed(kind, end + gap), name))

    def take(self, order: OrderedScenario) -> Truth:
        """Let something happen that was ordered, and return how: at once is at the next minute that devices live.

        Raises `OrderRefusedError` where it cannot happen; nothing has changed then.
        """
        with self.lock:
            kind = KINDS.get(order.scenario)
            if kind is None:
                raise OrderRefusedError("unknown", scenario=order.scenario)
            start = max(order.at, self._laid_ms + _AFTER_MS)
            if start > self._laid_ms + _AHEAD_MS:
                raise OrderRefusedError("too_late")
            self._check(order, kind, start)
            # Chance of its own: what happens by itself stays as it would have been.
            rng = Random(f"{self.seed}|order|{order.id}")
            length = rng.uniform(*kind.length_min) if order.minutes is None else order.minutes
            found = self._happen(
                order.scenario, kind, Choice(self, rng, order), start, start + round(length * MINUTE_MS)
            )
            if found is None:
                raise OrderRefusedError("nobody" if order.device or order.beat else "nowhere")
            return found

    def _check(self, order: OrderedScenario, kind: "ScenarioKind", start: int) -> None:
        """Raise `OrderRefusedError` for an order that fits neither its kind nor the site."""
        if kind.night_only and not self._by_night(start):
            raise OrderRefusedError("by_day")
        for name, value, limits in (
            ("strength", order.strength, kind.strengths),
            ("minutes", order.minutes, kind.minutes),
        ):
            if value is not None and (limits is None or not limits[0] <= value <= limits[1]):
                least, most = limits or (0.0, 0.0)
                raise OrderRefusedError(f"no_{name}" if limits is None else name, least=least, most=most)
        places = self.site.places
        if order.beat and order.beat not in places.beats:
            raise OrderRefusedError("no_beat", id=order.beat)
        if not order.device:
            return
        device = places.devices.get(order.device)
        if device is None or device.type != kind.device:
            raise OrderRefusedError("no_device", id=order.device)
        if order.beat not in {"", device.beat}:
            raise OrderRefusedError("other_beat", id=order.device)
        if self.busy.get(order.device, 0) > start:
            raise OrderRefusedError("busy", id=order.device)

    def _allowed(self, kind: "ScenarioKind", start: int) -> int:
        if not kind.night_only or self._by_night(start):
            return start
        midnight = self.calendar.start_ms(self.calendar.day_of(start))
        return midnight + round((NIGHT[0] + self.rng.uniform(0, 4)) * MINUTE_MS)

    def _by_night(self, ms: int) -> bool:
        minute = self.calendar.minute_of_day(ms)
        return minute < NIGHT[1] - 24 * 60 or minute >= NIGHT[0]

    def _happen(self, name: str, kind: "ScenarioKind", choice: Choice, start: int, end: int) -> Truth | None:
        placed = kind.place(choice, start, end)
        if placed is None:
            return None
        for spec, effect in placed.effects:
            self.busy[spec.device.id] = end + 20 * MINUTE_MS
            self.effects[spec.device.id].append(effect)
        self.numbers[name] += 1
        truth = Truth(
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
            order="" if choice.order is None else choice.order.id,
            strength=None if choice.order is None else choice.order.strength,
        )
        self.truths.append(truth)
        return truth


class ScenarioKind(NamedTuple):
    """What is known of a kind of scenario, before it happens."""

    offset_min: float
    """Minutes after the start of a run at which it first happens."""
    length_min: tuple[float, float]
    device: str
    """Type of the devices that it can happen to; empty where it happens to a beat."""
    place: Place
    finds: tuple[str, ...]
    """Alert kinds of docs/architecture.md that count as found."""
    also: tuple[str, ...] = ()
    tolerance_s: int = 300
    night_only: bool = False
    usual: tuple[float, float] | None = None
    """How strong it is by itself; None where it comes in one strength only."""
    strengths: tuple[float, float] | None = None
    """How strong it can be ordered, in `unit`."""
    unit: str = ""
    """``times`` as many people, ``dB``, or ``%/m`` of smoke."""

    @property
    def minutes(self) -> tuple[float, float] | None:
        """How long it can be ordered to last; None where it is over at once."""
        return None if self.length_min[1] < 1.0 else LENGTHS


LENGTHS: Final = (1.0, 180.0)
KINDS: Final[dict[str, ScenarioKind]] = {
    "crowd_surge": ScenarioKind(
        4, (16, 19), "camera", PLACES["crowd"], ("surge",), usual=USUAL["crowd"], strengths=(1.2, 12.0), unit="times"
    ),
    "burglary_series": ScenarioKind(6, (16, 18), "", PLACES["burglaries"], ("burglary_series",), tolerance_s=900),
    "tailgating": ScenarioKind(9, (0.1, 0.1), "gate", PLACES["tailgate"], ("tailgating",), ("stranger_vehicle",)),
    "manhole_open": ScenarioKind(11, (9, 12), "manhole", PLACES["lifted"], ("cover_open",)),
    "smoke": ScenarioKind(
        14, (6, 8), "smoke", PLACES["smoke"], ("smoke", "fire"), ("heat",),
        usual=USUAL["smoke"], strengths=(1.0, 20.0), unit="%/m",
    ),
    "camera_dead": ScenarioKind(
        16, (19, 22), "camera", PLACES["dead"], ("dead", "silent", "camera_fault"), ("deficit",), 600
    ),
    "fire_door_open": ScenarioKind(24, (6, 8), "door", PLACES["open"], ("door_open",)),
    "stranger_vehicle": ScenarioKind(
        28, (0.1, 0.1), "gate", PLACES["stranger"], ("stranger_vehicle",), ("tailgating",), night_only=True
    ),
    "gate_stuck": ScenarioKind(33, (9, 12), "gate", PLACES["stuck"], ("gate_stuck", "silent")),
    "fight": ScenarioKind(
        39, (4, 5), "noise", PLACES["fight"], ("noise_high", "surge"),
        usual=USUAL["fight"], strengths=(60.0, 110.0), unit="dB",
    ),
}  # fmt: skip
"""The ten scenarios."""
