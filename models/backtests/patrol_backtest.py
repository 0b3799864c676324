"""Backtest of plans: shifts of the past, planned from what was known, with calls that take officers away.

What each way of patrolling covers is measured by rates fitted on all incidents, later ones included, so that luck is
out of it; incidents really hit are counted beside it. A place is covered within 250 m and an hour of a stop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.backtests.hotspot_backtest import DAY_MS, IncidentFile
from models.backtests.patrol_guesser import PAST, Guesses, SeenStop
from models.backtests.patrol_rules import ByPlan, Called, Equal, Free, Hottest, Rule, Told
from models.hotspots.forecast import Forecast
from models.hotspots.grid import METRES_PER_DEGREE
from models.patrols.bound import optimum, upper_bound
from models.patrols.ground import PLACES, REACH_M, Ground, choose_places, simple_ground
from models.patrols.plan import STOP_MIN, Officer, Stop, plan
from models.patrols.task import HOLD_MIN, make_task
from models.patrols.travel import flat, straight_minutes

SHIFT_MIN: Final = 480
_HOUR_MS: Final = 3_600_000
_CALLS: Final = 1.5
"""Calls that take an officer away, in a shift on average."""
_CALL_MIN: Final = 40.0
"""How long one takes, on average."""
_SPREAD_M: Final = 150.0
"""Bandwidth of the true rates: of kernel densities, what predicted St. Louis best."""
_BEAT_M: Final = 1000.0


@dataclass
class PatrolScore:
    """What one way of patrolling reached, a row a shift."""

    covered: list[float] = field(default_factory=list)
    """Expected incidents covered an officer-hour."""
    hit: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)


@dataclass
class PatrolReport:
    """Scores of each way of patrolling, over the same shifts and the same calls."""

    shifts: int
    officers: int
    incidents: int
    scores: dict[str, PatrolScore]
    cost: list[float] = field(default_factory=list)
    """What share of the best plan's cover each drawn plan gave up, by the forecast, before any call."""
    of_best: list[float] = field(default_factory=list)
    """What share of the exact optimum plans of small cases cover: two officers, six places, two and a half hours."""
    of_bound: list[float] = field(default_factory=list)
    """What share of a bound that no plan can exceed the best plan of a shift covers, before any call."""
    seen: tuple[list[list[SeenStop]], ...] = field(default_factory=lambda: ([], [], []))
    """The plans of each of the day's three shifts, day by day."""
    plans: tuple[list[Sequence[Stop]], ...] = field(default_factory=lambda: ([], [], []))
    """The same, as they were made."""

    def run(
        self, told: Told, rules: dict[str, Rule], calls: list[Called], truth: "TrueRates", at_ms: int, inside: slice
    ) -> None:
        """Patrol one shift in each way and score it; `inside` are the incidents that came in it."""
        hours = (told.officers * told.end - sum(call.end - call.begin for call in calls)) / 60
        for name, rule in rules.items():
            stops = told.run(rule, calls)
            score = self.scores[name]
            score.covered.append(truth.covered(stops, at_ms) / hours)
            score.hit.append(truth.hit(stops, at_ms, inside))
            score.stops.append(len(stops))
        self.shifts += 1
        self.incidents += inside.stop - inside.start

    def note(self, rule: ByPlan, shift: int, cells: NDArray[np.int64]) -> None:
        """Note what a shift's first plan was; `cells` (candidates,) are places of the same number in every shift."""
        made = rule.first
        if made is not None and made.best:
            self.cost.append(1.0 - made.covered / made.best)
            stops = [SeenStop(int(s.officer), int(cells[s.candidate]), s.arrive_min) for s in made.stops]
            self.seen[shift].append(stops)
            self.plans[shift].append(made.stops)

    def check(self, ground: Ground, start: Free, officers: int, effort_s: float) -> None:
        """Hold plans against the optimum of a small part of the ground and against the bound of the whole."""
        xy = flat(ground.lonlat)
        near = np.argsort(np.hypot(*(xy - xy[0]).T), kind="stable")[:6]
        small = simple_ground(ground.place_risk[near, :3], ground.lonlat[near])
        lon, lat = ground.lonlat[0].tolist()
        two = [Officer(name, 0, 150, lon, lat) for name in ("a", "b")]
        best, _ = optimum(make_task(small, two, (), (), (), STOP_MIN, _sixes), 6)
        if best > 0:
            self.of_best.append(plan(small, two, travel=_sixes, effort_s=effort_s).covered / best)
        everyone = [Officer(str(at), 0, SHIFT_MIN, start.lon, start.lat) for at in range(officers)]
        made = plan(ground, everyone, effort_s=effort_s)
        task = make_task(ground, everyone, (), (), (), STOP_MIN, straight_minutes)
        self.of_bound.append(made.covered / max(upper_bound(task, made.covered), 1e-12))

    def guesses(self, by: Callable[[Sequence[Sequence[SeenStop]], int], Guesses], past: int = PAST) -> Guesses:
        """Return what a guesser learns from the plans before each of the same shift; zeros for `past` or fewer."""
        found = [by(shifts, past) for shifts in self.seen]
        return Guesses(*(sum(one[at] for one in found) for at in range(3)))

    def ratio(self, one: str, other: str, what: str = "covered", seed: int = 0) -> tuple[float, float, float]:
        """Return how many times `other` covers (or hits) `one` does, with the 95 % interval of paired resamples."""
        first, second = (np.asarray(getattr(self.scores[name], what), dtype=np.float64) for name in (one, other))
        rows = np.random.default_rng(seed).integers(0, len(first), (2000, len(first)))
        # No hit at all counts as one: nothing is infinitely better.
        least = 1.0 if what == "hit" else 1e-12
        low, high = np.percentile(first[rows].sum(axis=1) / np.maximum(second[rows].sum(axis=1), least), [2.5, 97.5])
        return float(first.sum() / max(second.sum(), least)), float(low), float(high)


def patrols(
    file: IncidentFile,
    *,
    officers: int,
    every: int = 1,
    effort_s: float = 1.0,
    places: int = PLACES,
    checks: int = 5,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PatrolReport:
    """Patrol three shifts a day of the file's days, each way with the same officers, calls and forecast.

    Parameters
    ----------
    officers
        On duty in each shift; all begin in the middle of the domain.
    every
        Patrol every so manieth day only.
    effort_s
        Of each plan made at a shift's begin; those made again after a call get a fifth.
    places
        Candidate places of each shift.
    checks
        So many shifts' plans are held against the optimum and the bound.
    """
    cells, cell_m, ts, x, y = file.cells, file.grid.cell_m, file.ts_ms, file.lon, file.lat
    centres = np.column_stack(file.grid.centres())[cells]
    truth = TrueRates(ts, x, y, centres, cell_m)
    model = Forecast(file.grid.bounds, cell_m, drivers=1, domain=cells, more=file.more)
    past = file.history()
    model.add(past.lon, past.lat, past.ts_ms, past.weight, past.driver)
    model.take(model.fit(past, file.first * DAY_MS))
    beats = _beats(centres)
    report = PatrolReport(0, officers, 0, {name: PatrolScore() for name in ("plan", "greedy", "hottest", "rounds")})
    begin = len(past.ts_ms)
    for day in range(file.first, file.last + 1):
        for shift in range(3):
            at_ms = day * DAY_MS + shift * SHIFT_MIN * 60_000
            if (day - file.first) % every == 0:
                hours = model.by_hour(cells, at_ms, at_ms + SHIFT_MIN * 60_000)[:, shift * 8 : shift * 8 + 8]
                ground = choose_places(centres, hours, cell_m, places=places)
                luck = np.random.default_rng((seed, day, shift))
                planned = ByPlan(ground, "best", effort_s, int(luck.integers(1 << 31)), report.plans[shift][-PAST:])
                best = _hottest_of(beats, hours.sum(axis=1))
                rules: dict[str, Rule] = {
                    "plan": planned,
                    "greedy": ByPlan(ground, "greedy", 0.0),
                    "hottest": Hottest(ground),
                    "rounds": Equal(centres[best], officers, report.shifts),
                }
                told = Told(officers, SHIFT_MIN, STOP_MIN, centres.mean(axis=0))
                inside = slice(*np.searchsorted(ts, (at_ms, at_ms + SHIFT_MIN * 60_000)).tolist())
                report.run(told, rules, _calls(luck, officers, centres, truth.rate), truth, at_ms, inside)
                report.note(planned, shift, cells[ground.cell])
                if report.shifts <= checks:
                    report.check(ground, told.start, officers, effort_s)
            until = int(np.searchsorted(ts, at_ms + SHIFT_MIN * 60_000))
            if until > begin:
                model.add(x[begin:until], y[begin:until], ts[begin:until], 1.0, 0)
                begin = until
        if progress is not None:
            progress(day - file.first + 1, file.last - file.first + 1)
    return report


def _sixes(lonlat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ways in minutes rounded up to sixes: an exact optimum needs few times."""
    return -(-straight_minutes(lonlat) // 6) * 6


class TrueRates:
    """What incidents come at: rates in space (kernel density on exact positions) and by hour of the week."""

    def __init__(
        self, ts: NDArray[np.int64], lon: NDArray[np.float64], lat: NDArray[np.float64], centres: NDArray[np.float64],
        cell_m: float,
    ) -> None:  # fmt: skip
        self.base = centres[0]
        side = max(1, int(np.ceil(cell_m / 90.0)))
        off = ((np.arange(side) + 0.5) / side - 0.5) * cell_m
        shift = np.stack(np.meshgrid(off, off), axis=-1).reshape(-1, 2)
        self.points = (flat(centres, self.base)[:, None] + shift[None]).reshape(-1, 2)
        self.tree = cKDTree(self.points)
        self.ts, self.where = ts, flat(np.column_stack([lon, lat]), self.base)
        rate = np.zeros(len(self.points))
        for near, place in zip(self.tree.query_ball_point(self.where, 4 * _SPREAD_M), self.where, strict=True):
            weight = np.exp(-0.5 * ((self.points[near] - place) ** 2).sum(axis=1) / _SPREAD_M**2)
            rate[near] += weight / max(weight.sum(), 1e-9)
        days = (int(ts[-1]) - int(ts[0])) / DAY_MS + 1
        self.point_rate = rate / days
        """Incidents a day, (points,)."""
        self.rate = self.point_rate.reshape(len(centres), -1).sum(axis=1)
        hours = np.bincount((ts // _HOUR_MS) % 168, minlength=168).astype(np.float64)
        smooth = (np.roll(hours, -1) + 2 * hours + np.roll(hours, 1)) / 4
        self.hours = smooth / smooth.mean() / 24
        """What share of a day's rate each hour of the week has, (168,)."""

    def covered(self, stops: list[tuple[float, float, int, int]], at_ms: int) -> float:
        """Return expected incidents within reach of stops (lon, lat, from, until) and an hour of them."""
        if not stops:
            return 0.0
        where = flat(np.array([stop[:2] for stop in stops]), self.base)
        near = self.tree.query_ball_point(where, REACH_M)
        touched = np.unique(np.concatenate([np.asarray(one, dtype=np.int64) for one in near]))
        held = np.zeros((len(touched), SHIFT_MIN), dtype=np.bool_)
        for points, (_, _, begin, end) in zip(near, stops, strict=True):
            held[np.searchsorted(touched, points), max(begin - HOLD_MIN, 0) : end + HOLD_MIN] = True
        hour = (at_ms // _HOUR_MS + np.arange(SHIFT_MIN) // 60) % 168
        return float(self.point_rate[touched] @ (held @ (self.hours[hour] / 60)))

    def hit(self, stops: list[tuple[float, float, int, int]], at_ms: int, inside: slice) -> int:
        """Return how many incidents lay within reach of a stop and an hour of it."""
        here, minute = self.where[inside], (self.ts[inside] - at_ms) // 60_000
        if not stops or not len(here):
            return 0
        there = np.array(stops)
        stand = flat(there[:, :2], self.base)
        near = np.hypot(*(here[:, None] - stand[None]).transpose(2, 0, 1)) <= REACH_M
        soon = (minute[:, None] >= there[:, 2] - HOLD_MIN) & (minute[:, None] <= there[:, 3] + HOLD_MIN)
        return int((near & soon).any(axis=1).sum())


def _beats(centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the square of 1 km that each cell lies in, numbered row by row and every other row backwards."""
    base = centres.min(axis=0)
    column = ((centres[:, 0] - base[0]) * METRES_PER_DEGREE * np.cos(np.radians(base[1])) // _BEAT_M).astype(np.int64)
    row = ((centres[:, 1] - base[1]) * METRES_PER_DEGREE // _BEAT_M).astype(np.int64)
    wide = int(column.max()) + 1
    number = row * wide + np.where(row % 2 == 0, column, wide - 1 - column)
    return np.unique(number, return_inverse=True)[1].ravel()


def _hottest_of(beats: NDArray[np.int64], risk: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the cell with the highest risk of each beat, in the beats' order."""
    order = np.lexsort((-risk, beats))
    return order[np.unique(beats[order], return_index=True)[1]]


def _calls(
    luck: np.random.Generator, officers: int, centres: NDArray[np.float64], rate: NDArray[np.float64]
) -> list[Called]:
    """Draw the calls of a shift: who, from when until when, and where."""
    found = []
    for officer in range(officers):
        free = 0
        for begin in np.sort(luck.integers(10, SHIFT_MIN - 30, luck.poisson(_CALLS))).tolist():
            end = min(begin + 10 + round(luck.exponential(_CALL_MIN - 10)), SHIFT_MIN)
            if begin > free:
                cell = luck.choice(len(centres), p=rate / rate.sum())
                found.append(Called(officer, begin, end, *centres[cell].tolist()))
                free = end
    return sorted(found, key=lambda call: (call.begin, call.officer))
