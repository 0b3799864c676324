"""A shift as arrays: minutes between places, what officers cannot move, what a stop covers, what each beat needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.patrols.ground import REACH_M, Ground
from models.patrols.shift import Committed, Minimum, Officer, Stop
from models.patrols.travel import Travel, flat

HOLD_MIN: Final = 60
"""A stop covers its place for so long before it begins and after it ends."""


PAUSE_MIN: Final = 24
"""From one stop to the next at the same place by the same officer at least: two on end are one long stop."""


class Visit(NamedTuple):
    """One stop of a plan that is being made."""

    officer: int
    place: int
    arrive: int


class Where(NamedTuple):
    """How far an officer's route has come."""

    minute: int
    point: int
    block: int
    """Number of the next block (break, promised stop) ahead; one past the last block: the end of duty."""
    ended: bool = False


class Block(NamedTuple):
    """A time in which an officer's stops are none of the plan's choosing."""

    begin: int
    end: int
    point: int
    """Where, of a promised stop; -1: wherever the officer is."""
    committed: int = -1


@dataclass
class Task:
    """Everything that making a plan needs; points are the candidates, then officers' places, then promised stops."""

    ground: Ground
    officers: Sequence[Officer]
    committed: Sequence[Committed]
    stop_min: int
    minutes: NDArray[np.int64]
    """(points, points): travel."""
    blocks: list[list[Block]]
    deadline: list[NDArray[np.int64]]
    """For each officer (blocks + 1, candidates): when to have left a place before the next block, or duty's end."""
    missed: list[str]
    rate: NDArray[np.float64]
    """(pieces, minutes): risk a minute that nothing kept or promised covers."""
    needs: NDArray[np.int64]
    """(groups,): stops still to be made in each beat with a minimum, and at each place to explore."""
    member: NDArray[np.bool_]
    """(candidates, groups)."""
    need_beats: NDArray[np.int64]
    """(groups,): the beat, -1 of a place to explore."""

    def __post_init__(self) -> None:
        places, pieces = np.nonzero(self.ground.covers)
        # A place that covers nothing still needs an entry: sums over entries know no empty group.
        bare = np.setdiff1d(np.arange(self.places), places)
        order = np.argsort(np.concatenate([places, bare]), kind="stable")
        self.pair_place = np.concatenate([places, bare])[order]
        self.pair_piece = np.concatenate([pieces, np.full(len(bare), len(self.rate))])[order]
        self.first = np.searchsorted(self.pair_place, np.arange(self.places))
        self.horizon = self.rate.shape[1]
        self.weight = 1.0 + float(self.rate.sum())
        """What a stop that is needed counts: more than all the risk there is."""

    @property
    def places(self) -> int:
        """Return how many candidates there are."""
        return len(self.ground.lonlat)

    def span(self, arrive: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return from and until which minute stops cover."""
        low = np.clip(arrive - HOLD_MIN, 0, self.horizon)
        return low, np.clip(arrive + self.stop_min + HOLD_MIN, 0, self.horizon)

    def start(self, number: int) -> Where:
        """Return where an officer's route begins."""
        return Where(self.officers[number].begin_min, self.places + number, 0)

    def reachable(self, number: int, where: Where) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return when the officer would arrive at each candidate, and whether a stop fits before what is fixed."""
        arrive = where.minute + self.minutes[where.point, : self.places]
        return arrive, arrive + self.stop_min <= self.deadline[number][where.block]

    def skip(self, number: int, where: Where) -> Where:
        """Return the officer after the next block, or at the end of duty."""
        blocks = self.blocks[number]
        if where.block == len(blocks):
            return where._replace(ended=True)
        block = blocks[where.block]
        return Where(block.end, where.point if block.point < 0 else block.point, where.block + 1)

    def after(self, where: Where, visit: Visit) -> Where:
        """Return the officer after a stop."""
        return Where(visit.arrive + self.stop_min, visit.place, where.block)

    def bonus(self, needs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what each candidate counts beside its risk while groups need stops, (candidates,)."""
        found: NDArray[np.float64] = (self.member & (needs > 0)).sum(axis=1) * self.weight
        return found

    def left(self, visits: Iterable[Visit]) -> NDArray[np.int64]:
        """Return what groups still need after these visits."""
        needs = self.needs.copy()
        for visit in visits:
            needs -= self.member[visit.place]
        return np.maximum(needs, 0)

    def cover(self, visits: Iterable[Visit] = ()) -> "Cover":
        """Return what is uncovered after these visits."""
        found = Cover(self)
        for visit in visits:
            found.add(visit.place, visit.arrive)
        return found

    def value(self, visits: Sequence[Visit]) -> float:
        """Return the risk that visits cover, less what is needed and missing."""
        uncovered = float(self.cover(visits).rate.sum())
        return float(self.rate.sum()) - uncovered - self.weight * float(self.left(visits).sum())


class Cover:
    """The risk that is not covered yet."""

    def __init__(self, task: Task) -> None:
        self.task = task
        # One more row, of nothing, stands for the ground of places that cover none.
        self.rate = np.vstack([task.rate, np.zeros(task.horizon)])
        self._sums: NDArray[np.float64] | None = None

    @property
    def sums(self) -> NDArray[np.float64]:
        """(pieces + 1, minutes + 1): uncovered risk before each minute."""
        if self._sums is None:
            self._sums = np.zeros((len(self.rate), self.task.horizon + 1))
            np.cumsum(self.rate, axis=1, out=self._sums[:, 1:])
        return self._sums

    def add(self, place: int, arrive: int) -> None:
        """Make a stop."""
        task = self.task
        pieces = task.pair_piece[task.first[place] :][: np.count_nonzero(task.pair_place == place)]
        begin, end = max(arrive - HOLD_MIN, 0), max(arrive + task.stop_min + HOLD_MIN, 0)
        self.rate[pieces, begin:end] = 0.0
        if self._sums is not None:
            self._sums[pieces, 1:] = np.cumsum(self.rate[pieces], axis=1)

    def tasted(self, taste: NDArray[np.float64], block_min: int) -> "Cover":
        """Return the same with risks times `taste` (pieces, blocks of so many minutes)."""
        found = Cover(self.task)
        times = np.repeat(taste, block_min, axis=1)[:, : self.task.horizon]
        found.rate[:-1] = self.rate[:-1] * times
        return found

    def gains(self, arrive: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what a stop at each candidate would add, for its own time of arrival, (candidates,)."""
        task = self.task
        low, high = task.span(arrive)
        sums = self.sums
        each = sums[task.pair_piece, high[task.pair_place]] - sums[task.pair_piece, low[task.pair_place]]
        found: NDArray[np.float64] = np.add.reduceat(each, task.first)
        return found


def make_task(
    ground: Ground,
    officers: Sequence[Officer],
    committed: Sequence[Committed],
    minima: Sequence[Minimum],
    kept: Sequence[Stop],
    stop_min: int,
    travel: Travel,
) -> Task:
    """Return the task of a plan; the parameters are those of `models.patrols.plan.plan`, which says what it raises."""
    if stop_min < 1:
        raise ValueError(f"a stop of {stop_min} minutes, expected at least 1")
    names = [officer.id for officer in officers]
    if len(set(names)) < len(names):
        raise ValueError(f"officers {names}: expected each once")
    for officer in officers:
        if officer.end_min < officer.begin_min:
            raise ValueError(f"officer {officer.id}: duty ends ({officer.end_min}) before it begins")
    places = len(ground.lonlat)
    points = [*ground.lonlat.tolist(), *((o.lon, o.lat) for o in officers), *((c.lon, c.lat) for c in committed)]
    minutes = travel(np.array(points, dtype=np.float64).reshape(-1, 2)) if points else np.zeros((0, 0), dtype=np.int64)
    np.fill_diagonal(minutes[:places, :places], PAUSE_MIN)
    blocks, missed = _blocks(officers, committed, minutes, places)
    deadline = [_deadlines(o, own, minutes[:places], places) for o, own in zip(officers, blocks, strict=True)]
    needs, member, need_beats = _needs(ground, minima, kept, stop_min)
    rate = _rates(ground)
    promised = [
        (committed[b.committed].lon, committed[b.committed].lat, b.begin, b.end)
        for o in blocks
        for b in o
        if b.committed >= 0
    ]
    _cover_fixed(rate, ground, [(s.lon, s.lat, s.arrive_min, s.leave_min) for s in kept] + promised)
    return Task(
        ground, officers, committed, stop_min, minutes, blocks, deadline, missed, rate, needs, member, need_beats
    )


def _rates(ground: Ground) -> NDArray[np.float64]:
    """Return risk a minute, (pieces, minutes)."""
    pieces, periods = ground.risk.shape
    horizon = int(np.ceil(periods * ground.period_min))
    edges = np.minimum(np.arange(horizon + 1) / ground.period_min, periods)
    sums = np.column_stack([np.zeros(pieces), np.cumsum(ground.risk, axis=1)])
    at = np.minimum(edges.astype(np.int64), max(periods - 1, 0))
    until = sums[:, at] + (edges - at) * ground.risk[:, at] if periods else np.zeros((pieces, 1))
    return np.maximum(np.diff(until, axis=1), 0.0)


def _cover_fixed(rate: NDArray[np.float64], ground: Ground, stops: list[tuple[float, float, int, int]]) -> None:
    """Take out what fixed stops cover: the pieces of every candidate within reach of them."""
    if not stops or not len(ground.lonlat):
        return
    base = ground.lonlat[0]
    here = flat(ground.lonlat, base)
    for lon, lat, begin, end in stops:
        metres = np.hypot(*(here - flat(np.array([[lon, lat]]), base)).T)
        # Pieces have no place of their own; one is covered where the stop stands nearly at its candidate.
        near = metres <= REACH_M / 2
        pieces = ground.covers[near].any(axis=0)
        rate[pieces, max(begin - HOLD_MIN, 0) : max(end + HOLD_MIN, 0)] = 0.0


def _needs(
    ground: Ground, minima: Sequence[Minimum], kept: Sequence[Stop], stop_min: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return stops that groups of candidates need, who is in which group, and the groups' beats."""
    needs, members, beats = [], [], []
    for wanted in minima:
        inside = ground.beat == wanted.beat
        had = sum(
            s.leave_min - s.arrive_min for s in kept if s.candidate >= 0 and ground.beat[s.candidate] == wanted.beat
        )
        needs.append(max(0, -((had - wanted.minutes) // stop_min)))
        members.append(inside)
        beats.append(wanted.beat)
    for place in np.flatnonzero(ground.explore).tolist():
        needs.append(0 if any(s.candidate == place for s in kept) else 1)
        members.append(np.arange(len(ground.lonlat)) == place)
        beats.append(-1)
    shape = (len(ground.lonlat), len(needs))
    member = np.array(members, dtype=np.bool_).T.reshape(shape)
    return np.array(needs, dtype=np.int64), member, np.array(beats, dtype=np.int64)


def _blocks(
    officers: Sequence[Officer], committed: Sequence[Committed], minutes: NDArray[np.int64], places: int
) -> tuple[list[list[Block]], list[str]]:
    """Return each officer's blocks in the order of time, and the names of promised stops that nobody can keep.

    What stands first in the list is promised first: what is explored at random takes nobody away from a promise.
    """
    blocks = [
        [
            Block(max(begin, officer.begin_min), min(end, officer.end_min), -1)
            for begin, end in sorted(officer.away)
            if end > officer.begin_min and begin < officer.end_min and end > begin
        ]
        for officer in officers
    ]
    missed = []
    first = places + len(officers)
    for at, stop in enumerate(committed):
        block = Block(stop.begin_min, stop.begin_min + stop.minutes, first + at, at)
        ways: list[tuple[int, int]] = []
        for number, officer in enumerate(officers):
            if stop.officer in ("", officer.id):
                way = _way(officer, blocks[number], block, places + number, minutes)
                ways += [(way, number)] if way is not None else []
        if ways:
            number = min(ways)[1]
            blocks[number] = sorted([*blocks[number], block])
        else:
            missed.append(stop.name)
    return blocks, missed


def _way(officer: Officer, blocks: list[Block], block: Block, point: int, minutes: NDArray[np.int64]) -> int | None:
    """Return the minutes to a promised stop from what the officer is bound to before it; None: not possible."""
    if block.begin < officer.begin_min or block.end > officer.end_min:
        return None
    if any(other.begin < block.end and block.begin < other.end for other in blocks):
        return None
    free = officer.begin_min
    gaps = []
    for other in blocks:
        if other.begin >= block.end:
            break
        gaps.append(other.begin - free)
        free = other.end
        if other.point >= 0:
            point, gaps = other.point, []
    way = int(minutes[point, block.point])
    if max([*gaps, block.begin - free]) < way:
        return None
    free, gaps = block.end, []
    for other in (one for one in blocks if one.begin >= block.end):
        gaps.append(other.begin - free)
        free = other.end
        if other.point >= 0:  # what was promised before must still be reached
            return way if max(gaps) >= minutes[block.point, other.point] else None
    return way


def _deadlines(officer: Officer, blocks: list[Block], minutes: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    """Return when each candidate must have been left, before each block and before the end of duty."""
    found = np.full((len(blocks) + 1, places), officer.end_min, dtype=np.int64)
    for at, block in enumerate(blocks):
        found[at] = block.begin
        ahead = next((k for k in range(at, len(blocks)) if blocks[k].point >= 0), None)
        if ahead is None:
            continue
        way = minutes[:, blocks[ahead].point]
        # The way may fit between two breaks later; if not, it must fit before this block.
        later = max((blocks[k + 1].begin - blocks[k].end for k in range(at, ahead)), default=-1)
        found[at] = np.where(way <= later, block.begin, block.begin - way)
    return found
