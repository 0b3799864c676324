"""Ways of patrolling that a backtest compares, and the shift in which they are carried out."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.patrols.ground import Ground
from models.patrols.plan import STOP_MIN, Officer, Plan, Stop, plan
from models.patrols.task import Cover, make_task
from models.patrols.travel import straight_minutes

CUT_MIN: Final = 5
"""A stop that a call cuts short counts if it lasted so long."""


class Called(NamedTuple):
    """A call that takes an officer away."""

    officer: int
    begin: int
    end: int
    lon: float
    lat: float


class Going(NamedTuple):
    """Where an officer goes next; a rule numbers its places itself."""

    lon: float
    lat: float
    arrive: int
    place: int


class Free(NamedTuple):
    """An officer as he or she will be free next."""

    minute: int
    lon: float
    lat: float


class Rule(Protocol):
    """A way of patrolling."""

    def next(self, officer: int, free: Free, end: int) -> Going | None:
        """Return where the officer goes; None: nowhere any more."""
        ...

    def called(self, free: list[Free], done: list[Stop], end: int) -> None:
        """Hear of a call: what officers will be free when, and the stops done and under way."""
        ...


class Told:
    """A shift of officers who begin in one place and stop for so many minutes.

    A rule knows nothing of calls before they come; it decides when an officer is free, and what was decided is gone
    through with unless that officer is called away.
    """

    def __init__(self, officers: int, end: int, stop_min: int, start: NDArray[np.float64]) -> None:
        self.officers, self.end, self.stop_min = officers, end, stop_min
        self.start = Free(0, float(start[0]), float(start[1]))

    def run(self, rule: Rule, calls: list[Called]) -> list[tuple[float, float, int, int]]:
        """Return the stops that came about: lon, lat, from, until."""
        free = [self.start] * self.officers
        over = [False] * self.officers
        done: list[Stop] = []
        rule.called(free, done, self.end)
        waiting = list(calls)
        while True:
            left = [at for at in range(self.officers) if not over[at]]
            number = min(left, key=lambda at: (free[at].minute, at)) if left else -1
            if waiting and (number < 0 or waiting[0].begin <= free[number].minute):
                call = waiting.pop(0)
                done = [_cut(stop, call) for stop in done]
                done = [stop for stop in done if stop.leave_min - stop.arrive_min >= CUT_MIN]
                free[call.officer] = Free(call.end, call.lon, call.lat)
                over = [False] * self.officers
                rule.called(free, done, self.end)
                continue
            if number < 0:
                return [(stop.lon, stop.lat, stop.arrive_min, stop.leave_min) for stop in done]
            going = rule.next(number, free[number], self.end)
            if going is None:
                over[number] = True
                continue
            leave = going.arrive + self.stop_min
            done.append(Stop("", str(number), going.place, going.lon, going.lat, going.arrive, leave, "risk"))
            free[number] = Free(leave, going.lon, going.lat)


class ByPlan:
    """Plans of ours, made again at every call.

    The first is drawn from many with `draw_seed`, where there is one, and goes other ways than those `watched` before;
    those after a call are the best found.
    """

    def __init__(
        self,
        ground: Ground,
        solver: str,
        effort_s: float,
        draw_seed: int | None = None,
        watched: Sequence[Sequence[Stop]] = (),
    ) -> None:
        self.ground, self.solver, self.effort_s, self.draw_seed = ground, solver, effort_s, draw_seed
        self.watched = watched
        self.routes: list[list[Stop]] = []
        self.first: Plan | None = None

    def called(self, free: list[Free], done: list[Stop], end: int) -> None:
        """Plan again."""
        officers = [Officer(str(at), min(one.minute, end), end, one.lon, one.lat) for at, one in enumerate(free)]
        draws = self.draw_seed if self.first is None else None
        effort = self.effort_s if self.first is None else self.effort_s / 5
        seed = self.draw_seed or 0
        made = plan(
            self.ground,
            officers,
            kept=done,
            watched=self.watched,
            seed=seed,
            effort_s=effort,
            solver=self.solver,
            draw_seed=draws,
        )
        self.first = self.first or made
        self.routes = [[stop for stop in made.stops if stop.officer == one.id] for one in officers]

    def next(self, officer: int, free: Free, end: int) -> Going | None:
        """Return the plan's next stop."""
        del free, end
        if not self.routes[officer]:
            return None
        stop = self.routes[officer].pop(0)
        return Going(stop.lon, stop.lat, stop.arrive_min, stop.candidate)


class Hottest:
    """Greedy hottest-first: whoever is free goes where a stop would cover most, however far it is."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.task = make_task(ground, [], [], [], [], STOP_MIN, straight_minutes)
        self.cover = Cover(self.task)

    def called(self, free: list[Free], done: list[Stop], end: int) -> None:
        """Count what is done, and what is under way."""
        del free, end
        self.cover = Cover(self.task)
        for stop in done:
            self.cover.add(stop.candidate, stop.arrive_min)

    def next(self, officer: int, free: Free, end: int) -> Going | None:
        """Return the place where a stop covers most."""
        del officer
        ways = _ways(self.ground.lonlat, free)
        arrive = free.minute + ways
        gain = np.where(arrive + STOP_MIN <= end, self.cover.gains(arrive), -1.0)
        best = int(np.argmax(gain))
        if gain[best] < 0:
            return None
        self.cover.add(best, int(arrive[best]))
        lon, lat = self.ground.lonlat[best].tolist()
        return Going(lon, lat, int(arrive[best]), best)


class Equal:
    """Equal rounds of all beats: each officer goes round a share of them, one stop a beat where its risk is highest."""

    def __init__(self, lonlat: NDArray[np.float64], officers: int, turn: int) -> None:
        self.lonlat = lonlat
        self.shares = np.array_split(np.arange(len(lonlat)), officers)
        # A shift begins where those before it may have come to.
        self.at = [turn * 29 % max(len(share), 1) for share in self.shares]

    def called(self, free: list[Free], done: list[Stop], end: int) -> None:
        """Go on with the round."""
        del free, done, end

    def next(self, officer: int, free: Free, end: int) -> Going | None:
        """Return the next beat of the officer's round."""
        share = self.shares[officer]
        if not len(share):
            return None
        beat = int(share[self.at[officer] % len(share)])
        arrive = free.minute + int(_ways(self.lonlat[beat : beat + 1], free)[0])
        if arrive + STOP_MIN > end:
            return None
        self.at[officer] += 1
        lon, lat = self.lonlat[beat].tolist()
        return Going(lon, lat, arrive, beat)


def _cut(stop: Stop, call: Called) -> Stop:
    """Return a stop as a call leaves it: that officer's ends when the call comes."""
    if stop.officer != str(call.officer):
        return stop
    return msgspec.structs.replace(stop, leave_min=min(stop.leave_min, call.begin))


def _ways(lonlat: NDArray[np.float64], free: Free) -> NDArray[np.int64]:
    """Return minutes from where an officer is to places (n, 2)."""
    return straight_minutes(np.vstack([[free.lon, free.lat], lonlat]))[0, 1:]
