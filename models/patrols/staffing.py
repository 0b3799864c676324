"""How many officers are needed when, and the fewest officer-hours that give them: shifts with staggered starts.

The work of an hour is its *offered load* in officer-hours: alerts to answer, stops, routine duty. It is forecast by
kind of day and hour, with its spread; then shifts are chosen that serve a given share of it with the fewest
officer-hours (shift covering, Dantzig 1954). For a price of an hour served this is a linear programme whose best corner
is whole: each shift covers hours in a row, so its matrix is an interval matrix (Fulkerson and Gross 1965). The price is
sought by halving, which gives a bound as well (Lagrange); then officers are taken away while the share allows it.

What officers on duty can serve is the lesser of load and officers, hour by hour. How long a caller waits within an hour
is not modelled: Kolesar et al. (1975) do that with queues.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

Floats = NDArray[np.float64]
HOLIDAY: Final = 7
"""Kind of a day that is a holiday; other days are of their weekday's kind, 0 (Monday) to 6."""
WORKED: Final = 8
"""Kind of a Saturday or Sunday that is worked."""
_KINDS: Final = 9
_WORKING, _FREE = (0, 1, 2, 3, 4, WORKED), (5, 6, HOLIDAY)
_HALF_LIFE: Final = 182.0
"""Days after which a day counts half as much for what is usual."""
_DOUBT: Final = 1.0
"""Days of its own that a kind of day needs to count as much as the days that are like it."""
_RATIOS: Final = 24
"""So many equally likely ratios of an hour's load to its forecast stand for its spread."""
_BREAK_H: Final = 0.5
_HALVINGS: Final = 10
"""Of the price: a thousandth of an officer-hour."""
_MOVE_H: Final = 8
"""Officers are moved by so many hours at most."""
_DEAREST: Final = 1000.0
"""Officer-hours that an hour served may cost at most."""


class ShiftRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a shift may look like."""

    lengths_h: tuple[int, ...] = (8,)
    """Whole hours of duty, breaks included."""
    starts_h: tuple[int, ...] = tuple(range(24))
    """Full hours of the day at which a shift may begin."""
    most_starts: int = 5
    """So many different hours of beginning in a plan, at most: each is a hand-over."""
    least: int = 1
    """Officers that are there at any hour, breaks not counted."""


class Shift(msgspec.Struct, frozen=True):
    """Officers who begin together."""

    begin: int
    """Hour, counted from the first of the plan."""
    length_h: int
    officers: int
    breaks: tuple[tuple[int, int], ...]
    """(hour counted from the plan's first, officers whose half hour of break lies in it)."""


@dataclass(frozen=True, slots=True)
class ShiftPlan:
    """Shifts, and who is there by them."""

    shifts: list[Shift]
    there: Floats
    """Officers there, breaks taken off, (hours,)."""
    served: float
    """Share of the expected load that is served."""
    officer_hours: float
    """Paid hours of the shifts that begin within the plan, breaks included."""
    bound: float
    """Officer-hours that no plan with these hours of beginning can go below; 0 where they were given."""


class LoadForecast:
    """What load is usual by beat, kind of day and hour, and how far it strays.

    Parameters
    ----------
    load
        Past officer-hours, (days, 24, beats), not below 0; NaN where unknown.
    kinds
        Kind of each day: its weekday, `HOLIDAY` or `WORKED`, (days,), oldest first.

    Notes
    -----
    A kind of day with few days leans on the days that are like it: working days on all working days, holidays and
    weekends on all free days, an hour that was never seen on the mean of all.
    """

    def __init__(self, load: Floats, kinds: NDArray[np.int64]) -> None:
        if load.ndim != 3 or load.shape[1] != 24 or len(load) != len(kinds) or not len(load):
            raise ValueError(f"load is of shape {load.shape} for {len(kinds)} days, expected (days, 24, beats)")
        weight = np.isfinite(load) * 0.5 ** (np.arange(len(load))[::-1] / _HALF_LIFE)[:, None, None]
        value = np.nan_to_num(load)
        member = np.zeros((_KINDS, len(load)))
        member[kinds, np.arange(len(load))] = 1.0
        n, total = (np.einsum("kd,dhb->khb", member, x) for x in (weight, weight * value))
        over_all = total.sum(axis=(0, 1)) / np.maximum(n.sum(axis=(0, 1)), 1e-9)
        self.mean = np.empty_like(n)
        for group in (_WORKING, _FREE):
            rows = list(group)
            alike = (total[rows].sum(axis=0) + _DOUBT * over_all) / (n[rows].sum(axis=0) + _DOUBT)
            self.mean[rows] = (total[rows] + _DOUBT * alike) / (n[rows] + _DOUBT)
        summed = value.sum(axis=2)[np.isfinite(load).all(axis=2)]
        usual = self.of(kinds).sum(axis=2)[np.isfinite(load).all(axis=2)]
        ratio = summed[usual > 0] / usual[usual > 0]
        at = (np.arange(_RATIOS) + 0.5) / _RATIOS
        self.ratios: Floats = np.quantile(ratio, at) if len(ratio) else np.ones(_RATIOS)

    def of(self, kinds: NDArray[np.int64]) -> Floats:
        """Return the expected load of days of given kinds, (days, 24, beats) officer-hours."""
        found: Floats = self.mean[kinds]
        return found

    def likely(self, expected: Floats) -> Floats:
        """Return equally likely loads of a station's hours from their expectations: (hours,) to (hours, 24)."""
        return expected[:, None] * self.ratios


def served(likely: Floats, there: Floats) -> float:
    """Return the share of equally likely loads, (hours, n), that officers who are there, (hours,), can serve."""
    total = likely.sum()
    return float(np.minimum(likely, there[:, None]).sum() / total) if total > 0 else 1.0


def cover(likely: Floats, share: float, rules: ShiftRules, *, before: Floats | None = None) -> ShiftPlan:
    """Choose shifts and breaks that serve a share of the load with the fewest officer-hours.

    Parameters
    ----------
    likely
        Equally likely loads of every hour, (hours, n) officer-hours; hour 0 is a midnight.
    share
        Of the expected load that is to be served, 0-1.
    before
        Officers there from shifts that began earlier, (hours,); none by default.

    Raises
    ------
    ValueError
        Where the rules leave some hour of the day without a shift.
    """
    before = np.zeros(len(likely)) if before is None else before
    problem = _Problem(likely, rules, before)
    if not problem.reaches(set(problem.starts)):
        raise ValueError(
            f"shifts of {list(rules.lengths_h)} hours that begin at {problem.starts} o'clock leave hours of the day "
            "without anybody; expected more hours of beginning, or longer shifts"
        )
    problem.settle_starts(share)
    officers, bound = problem.cheapest(share)
    shifts = problem.improved(officers, share)
    there = there_of(shifts, before)
    return ShiftPlan(shifts, there, served(likely, there), _paid(shifts), bound)


def there_of(shifts: list[Shift], before: Floats) -> Floats:
    """Return who is there by hour: those of earlier shifts and of these, breaks taken off."""
    there = before.copy()
    for one in shifts:
        there[one.begin : one.begin + one.length_h] += one.officers
        for hour, officers in one.breaks:
            if hour < len(there):
                there[hour] -= _BREAK_H * officers
    return there


def equal_shifts(likely: Floats, officers: int, first_h: int, rules: ShiftRules) -> ShiftPlan:
    """Return three shifts a day of eight hours and the same number of officers, the first at `first_h` (0-7).

    Their breaks are placed as well as those of `cover`, so that shifts are compared and nothing else.
    """
    hours = len(likely)
    before = np.zeros(hours)
    before[:first_h] = officers
    problem = _Problem(likely, msgspec.structs.replace(rules, lengths_h=(8,), starts_h=tuple(range(24))), before)
    each = np.array([officers * ((begin - first_h) % 8 == 0) for begin, _ in problem.shifts])
    shifts = problem.with_breaks(each)
    there = there_of(shifts, before)
    return ShiftPlan(shifts, there, served(likely, there), _paid(shifts), 0.0)


def _paid(shifts: list[Shift]) -> float:
    return float(sum(one.officers * one.length_h for one in shifts))


class _Problem:
    """Which shifts there may be, and what officers serve in each hour."""

    def __init__(self, likely: Floats, rules: ShiftRules, before: Floats) -> None:
        self.likely, self.rules, self.before, self.total = likely, rules, before, max(float(likely.sum()), 1e-9)
        self.starts = sorted(set(rules.starts_h))
        # What the first officer serves of an hour, the second, …: each less than the one before.
        steps = np.arange(int(np.ceil(likely.max(initial=0.0))) + 1)
        self.gain = np.diff(np.minimum(likely[:, :, None], steps).mean(axis=1), axis=1)
        self._list()

    def _list(self) -> None:
        hours = len(self.likely)
        self.shifts = [
            (begin, length) for begin in range(hours) if begin % 24 in self.starts for length in self.rules.lengths_h
        ]
        self.cost = np.array([length for _, length in self.shifts], dtype=np.float64)
        row = [hour for begin, length in self.shifts for hour in range(begin, min(begin + length, hours))]
        column = [k for k, (begin, length) in enumerate(self.shifts) for _ in range(min(length, hours - begin))]
        self.covers = csr_array((np.ones(len(row)), (row, column)), shape=(hours, len(self.shifts)))

    def settle_starts(self, share: float) -> None:
        """Give up the hours of beginning that are used least, one after the other, until few enough are left."""
        while len(self.starts) > self.rules.most_starts:
            officers, _ = self.cheapest(share, halvings=3)
            used = dict.fromkeys(self.starts, 0.0)
            for (begin, length), number in zip(self.shifts, officers.tolist(), strict=True):
                used[begin % 24] += number * length
            spare = sorted(self.starts, key=lambda start: used[start])
            gone = next((one for one in spare if self.reaches({*self.starts} - {one})), None)
            if gone is None:
                return
            self.starts.remove(gone)
            # Those that nobody uses go at once: nothing is lost by that.
            for start in spare:
                few = len(self.starts) <= self.rules.most_starts
                if not used[start] and start != gone and not few and self.reaches({*self.starts} - {start}):
                    self.starts.remove(start)
            self._list()

    def reaches(self, starts: set[int]) -> bool:
        """Tell whether somebody can be there at every hour of a day."""
        longest = max(self.rules.lengths_h)
        return len({(start + hour) % 24 for start in starts for hour in range(longest)}) == 24

    def cheapest(self, share: float, halvings: int = _HALVINGS) -> tuple[NDArray[np.int64], float]:
        """Return officers by shift that serve the share, breaks and all, and a bound on their hours."""
        low, high, bound = 0.0, _DEAREST, 0.0
        best = self._priced(high)[0]
        for _ in range(halvings):
            price = float(np.sqrt(max(low, 0.05) * high))
            officers, worth = self._priced(price)
            bound = max(bound, worth + price * share * self.total / self.likely.shape[1])
            if self._share(officers) >= share:
                best, high = officers, price
            else:
                low = price
        return best, bound

    def _priced(self, price: float) -> tuple[NDArray[np.int64], float]:
        """Return the officers by shift that cost least where an hour served is worth a price, and what they cost.

        Somebody is asked for in those hours only that a shift can cover: a plan's first may lie before any.
        """
        hours, steps = self.gain.shape
        shape = (hours, hours * steps)
        at = (np.repeat(np.arange(hours), steps), np.arange(hours * steps))
        use = csr_array((np.ones(hours * steps), at), shape=shape)
        empty = csr_array(shape)
        least = np.where(self.covers.sum(axis=1) > 0, self.rules.least - np.ceil(self.before), -np.inf)
        upper = np.concatenate([np.full(len(self.shifts), np.inf), np.ones(self.gain.size)])
        found = milp(
            np.concatenate([self.cost, -price * self.gain.ravel()]),
            constraints=[
                LinearConstraint(hstack([self.covers, -use]).tocsr(), -self.before, np.inf),
                LinearConstraint(hstack([self.covers, empty]).tocsr(), least, np.inf),
            ],
            bounds=Bounds(np.zeros(len(upper)), upper),
        )
        if found.x is None or found.fun is None:  # cannot be: shifts have no upper bound
            raise ValueError(f"HiGHS found no shifts: {found.message}")
        return np.ceil(found.x[: len(self.shifts)] - 1e-6).astype(np.int64), float(found.fun)

    def _share(self, officers: NDArray[np.int64]) -> float:
        return served(self.likely, there_of(self.with_breaks(officers), self.before))

    def with_breaks(self, officers: NDArray[np.int64]) -> list[Shift]:
        """Return the shifts with their breaks, each where it costs least of the load served, officer by officer."""
        there = self.before + self.covers @ officers
        shifts: list[Shift] = []
        for (begin, length), number in zip(self.shifts, officers.tolist(), strict=True):
            if not number:
                continue
            window = [hour for hour in _break_hours(begin, length) if hour < len(there)]
            taken: dict[int, int] = {}
            for _ in range(number if window else 0):
                hour = min(window, key=lambda hour: self._loss(hour, float(there[hour])))
                there[hour] -= _BREAK_H
                taken[hour] = taken.get(hour, 0) + 1
            shifts.append(Shift(begin, length, number, tuple(sorted(taken.items()))))
        return shifts

    def _loss(self, hour: int, there: float) -> float:
        """Return what a break takes of the load served in an hour in which so many officers are there."""
        likely = self.likely[hour]
        return float(np.minimum(likely, there).sum() - np.minimum(likely, there - _BREAK_H).sum())

    def improved(self, officers: NDArray[np.int64], share: float) -> list[Shift]:
        """Take officers away where the share allows it, and move them to where they allow more to be taken away."""
        while True:
            officers = self._trimmed(officers, share)
            moved = self._moved(officers)
            fewer = self._trimmed(moved, share)
            if self.cost @ fewer >= self.cost @ officers:
                return self.with_breaks(moved)
            officers = fewer

    def _trimmed(self, officers: NDArray[np.int64], share: float) -> NDArray[np.int64]:
        """Take officers away as long as the share is served, those first whose hours serve least."""
        officers = officers.copy()
        kept = np.zeros(len(officers), dtype=np.bool_)
        while True:
            free = (officers > 0) & ~kept
            if not free.any():
                return officers
            there = (self.before + self.covers @ officers)[:, None]
            lost = (np.minimum(self.likely, there) - np.minimum(self.likely, there - 1.0)).sum(axis=1)
            least = int(np.argmin(np.where(free, (self.covers.T @ lost) / self.cost, np.inf)))
            officers[least] -= 1
            if not self._is_staffed(officers) or self._share(officers) < share:
                officers[least] += 1
                kept[least] = True

    def _moved(self, officers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Let officers begin earlier or later, or serve shorter, where more is served, breaks left out for speed."""
        officers = officers.copy()
        share = served(self.likely, self.before + self.covers @ officers)
        for one in np.flatnonzero(officers).tolist():
            near = [k for k, (begin, _) in enumerate(self.shifts) if abs(begin - self.shifts[one][0]) <= _MOVE_H]
            for other in near:
                if other == one or self.cost[other] > self.cost[one] or not officers[one]:
                    continue
                officers[one] -= 1
                officers[other] += 1
                tried = served(self.likely, self.before + self.covers @ officers)
                if tried > share + 1e-9 and self._is_staffed(officers):
                    share = tried
                else:
                    officers[one] += 1
                    officers[other] -= 1
        return officers

    def _is_staffed(self, officers: NDArray[np.int64]) -> bool:
        """Tell whether as many as the rules ask for are there, in all hours that a shift can cover."""
        there = np.ceil(self.before) + self.covers @ officers
        return bool((there[self.covers.sum(axis=1) > 0] >= self.rules.least).all())


def _break_hours(begin: int, length: int) -> range:
    """Return the hours that a break may lie in: the middle of a shift; none of shifts under six hours."""
    return range(begin + length // 2 - 1, begin + length // 2 + 2) if length >= 6 else range(0)
