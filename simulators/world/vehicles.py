"""What goes through a vehicle gate on a day: residents with habits, visitors by day, and the barrier that lets them in.

A day of a gate depends on the seed, the gate and the date alone, so that history and live data agree on who is known.
Plates are invented and start with 测 ("test"), which no real plate does; the gateway hashes them.
"""

from bisect import bisect_left, bisect_right
from datetime import date
from random import Random
from typing import Any, Final, NamedTuple

from models.calendar import REST, WORKING
from simulators.world.rhythm import HOUR_MS, MINUTE_MS, LocalDays, poisson

Body = dict[str, Any]
"""An observation without time and number."""
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
APART_MS: Final = 9_000
"""Vehicles of a normal day pass this far apart at least, well beyond the 3 s of tailgating."""
OPEN_BEFORE_MS, OPEN_AFTER_MS = 1_400, 5_300
"""The barrier is up so long before a vehicle passes, and stays up so long behind it."""
_LAST_VISIT_MS: Final = 21 * HOUR_MS + 40 * MINUTE_MS
"""Visitors have left by 21:40, so that whoever is not on the list by night is out of the ordinary."""


class Car(NamedTuple):
    """A resident's car and its driver's habits, in hours of the day."""

    plate: str
    vehicle: str
    leaves: float
    returns: float
    works: float
    """Chance of going out on a working day."""


def plate(rng: Random) -> str:
    """Draw an invented plate."""
    return "测" + "".join(rng.choice(_LETTERS[:24] if place == 0 else _LETTERS) for place in range(6))


class GateLife:
    """All days of one gate."""

    def __init__(self, seed: int, gate: str, cars: int, calendar: LocalDays) -> None:
        self._key, self._calendar = f"{seed}|gate|{gate}", calendar
        rng = Random(f"{self._key}|cars")
        self.cars = [
            Car(
                plate(rng),
                rng.choices(("car", "van", "motorcycle"), (90, 5, 5))[0],
                rng.gauss(7.9, 0.7),
                min(rng.gauss(18.5, 1.4), 23.4),
                rng.uniform(0.4, 0.95),
            )
            for _ in range(cars)
        ]
        self._callers = [plate(rng) for _ in range(40)]
        self._days: dict[date, tuple[list[int], list[Body]]] = {}

    def day(self, day: date) -> tuple[list[int], list[Body]]:
        """Return the times (epoch ms, rising) and the observations of a local day, passes and barrier."""
        if day not in self._days:
            if len(self._days) > 3:
                self._days.clear()
            self._days[day] = self._live(day)
        return self._days[day]

    def barrier(self, ts: int) -> str:
        """Return whether the barrier is up or down at an instant."""
        times, bodies = self.day(self._calendar.day_of(ts))
        for position in range(bisect_right(times, ts) - 1, -1, -1):
            if bodies[position]["type"] == "state":
                return str(bodies[position]["value"])
        return "down"

    def between(self, start: int, end: int) -> list[tuple[int, Body]]:
        """Return what happens from `start` up to but not at `end`, in order."""
        found: list[tuple[int, Body]] = []
        for day in dict.fromkeys((self._calendar.day_of(start), self._calendar.day_of(end - 1))):
            times, bodies = self.day(day)
            low, high = bisect_left(times, start), bisect_left(times, end)
            found += zip(times[low:high], bodies[low:high], strict=True)
        return found

    def _live(self, day: date) -> tuple[list[int], list[Body]]:
        rng = Random(f"{self._key}|{day.isoformat()}")
        kind = self._calendar.day_class(day)
        wanted: list[tuple[float, Body]] = []
        for car in self.cars:
            if rng.random() < (car.works if kind == WORKING else 0.5):
                if kind == WORKING:
                    leaves, returns = rng.gauss(car.leaves, 0.25), rng.gauss(car.returns, 0.5)
                else:
                    leaves = rng.gauss(10.4 if kind == REST else 9.8, 1.6)
                    returns = leaves + rng.uniform(1.0, 8.0)
                wanted.append((leaves, gate_pass(car.plate, "out", car.vehicle, allowed=True)))
                wanted.append((max(returns, leaves + 0.4), gate_pass(car.plate, "in", car.vehicle, allowed=True)))
        for _ in range(poisson(rng, 14.0)):
            caller = rng.choice(self._callers) if rng.random() < 0.7 else plate(rng)
            vehicle = rng.choice(("van", "car", "motorcycle", "truck"))
            arrives = rng.uniform(7.5, 20.6)
            allowed = None if rng.random() < 0.5 else False
            wanted.append((arrives, gate_pass(caller, "in", vehicle, allowed=allowed)))
            wanted.append((arrives + rng.uniform(0.1, 0.9), gate_pass(caller, "out", vehicle, allowed=allowed)))
        return self._timed(day, wanted)

    def _timed(self, day: date, wanted: list[tuple[float, Body]]) -> tuple[list[int], list[Body]]:
        """Set the passes on the clock, far enough apart, and move the barrier around them."""
        midnight = self._calendar.start_ms(day)
        wanted.sort(key=lambda item: item[0])
        rows: list[tuple[int, Body]] = []
        earliest, down_at = 0, None
        for hour, body in wanted:
            moment = max(round(hour * HOUR_MS), earliest)
            latest = 23 * HOUR_MS + 58 * MINUTE_MS if body["allowed"] else _LAST_VISIT_MS
            if moment > latest:
                continue
            earliest = moment + APART_MS
            ts = midnight + moment - moment % 1000 + 611
            if down_at is None or ts - OPEN_BEFORE_MS > down_at:
                if down_at is not None:
                    rows.append((down_at, state("barrier", "down")))
                rows.append((ts - OPEN_BEFORE_MS, state("barrier", "up")))
            rows.append((ts, body))
            down_at = ts + OPEN_AFTER_MS
        if down_at is not None:
            rows.append((down_at, state("barrier", "down")))
        rows.sort(key=lambda row: row[0])
        return [ts for ts, _ in rows], [body for _, body in rows]


def gate_pass(number: str, direction: str, vehicle: str, *, allowed: bool | None) -> Body:
    """Return the observation of a vehicle at a gate."""
    return {"type": "gate", "direction": direction, "plate": number, "vehicle": vehicle, "allowed": allowed}


def state(metric: str, value: str) -> Body:
    """Return the observation of a state."""
    return {"type": "state", "metric": metric, "value": value}
