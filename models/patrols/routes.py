"""The best route of one officer while the others keep theirs, by dynamic programming over places and minutes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.patrols.task import HOLD_MIN, Cover, Task, Visit

_NEIGHBOURS: Final = 16
"""Places from which another is reached in one move; others are met by the way over these."""
_TURN: Final = 6000
"""What a turn of the loop costs beside its moves, in moves."""
_NOT: Final = -1e30


class RouteSearch:
    """Finds routes of one task.

    For every place and minute the best way to be free there is kept, with what it covered on the way, so that a second
    stop soon after counts for what it adds. That is exact but for one thing: of two ways to the same place and minute
    the one that covered more is kept, though the other may have left more for later.
    """

    def __init__(self, task: Task, luck: np.random.Generator | None = None) -> None:
        self.task = task
        ways = task.minutes[: task.places, : task.places]
        near = min(_NEIGHBOURS, task.places)
        order = ways if luck is None else luck.random(ways.shape)
        self.origin = np.argsort(order, axis=0, kind="stable")[:near].T.copy()
        """(candidates, neighbours): from where each is reached: the nearest, or with `luck` any."""
        self._ways = np.take_along_axis(ways.T, self.origin, axis=1)

    def cost(self, number: int) -> int:
        """Return how many moves looking for an officer's route weighs."""
        officer, pairs = self.task.officers[number], len(self.task.pair_place)
        minutes = officer.end_min - officer.begin_min
        return minutes * pairs * (int(self.origin.shape[1]) + 1) + _TURN * (minutes // self.task.stop_min + 1)

    def best(
        self, number: int, cover: Cover, needs: NDArray[np.int64], toll: NDArray[np.float64] | None = None
    ) -> tuple[list[Visit], float]:
        """Return an officer's stops, and what they add to what `cover` leaves and `needs` ask for.

        `toll` (candidates, candidates) is what going from one to another costs beside the time; the value is less it.
        """
        return _Sweep(self, number, cover, needs, toll).run()

    def moves(self, special: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return from where each candidate is reached and in how many minutes; the last is the point `special`."""
        places = self.task.places
        extra = self.task.minutes[special, :places]
        return (
            np.column_stack([self.origin, np.full(places, places)]),
            np.column_stack([self._ways, extra]),
        )


class _Sweep:
    """One pass over an officer's hours. Labels are ways to be free at a place; label 0 is the way of no stop."""

    def __init__(
        self,
        search: RouteSearch,
        number: int,
        cover: Cover,
        needs: NDArray[np.int64],
        toll: NDArray[np.float64] | None,
    ) -> None:
        self.search, self.task, self.number = search, search.task, number
        self.groups = np.flatnonzero(needs > 0)
        task = self.task
        tolls = np.zeros((task.places, search.origin.shape[1] + 1))
        if toll is not None:
            tolls[:, :-1] = np.take_along_axis(toll.T, search.origin, axis=1)
        self.toll = tolls
        self.sums = cover.sums.ravel()
        self.width = cover.sums.shape[1]
        officer = task.officers[number]
        room = 1 + max(officer.end_min - officer.begin_min + 1, 1) * task.places
        self.until = np.zeros((room, len(cover.sums)), dtype=np.int32)
        self.needs = np.zeros((room, len(self.groups)), dtype=np.int32)
        self.needs[0] = needs[self.groups]
        self.before = np.zeros(room, dtype=np.int64)
        self.place = np.zeros(room, dtype=np.int64)
        self.arrive = np.zeros(room, dtype=np.int64)
        self.made = 1

    def run(self) -> tuple[list[Visit], float]:
        task, number = self.task, self.number
        officer = task.officers[number]
        places = task.places
        value, label = np.full(places + 1, _NOT), np.zeros(places + 1, dtype=np.int64)
        value[places] = 0.0
        special, now = places + number, officer.begin_min
        ends = [(block.begin, block.end, block.point) for block in task.blocks[number]]
        for at, (begin, end, point) in enumerate([*ends, (officer.end_min, officer.end_min, -1)]):
            if begin > now:
                value, label = self._stretch(now, begin, special, task.deadline[number][at], value, label)
            if point >= 0:  # everybody who could be there in time is there now
                best = int(np.argmax(value))
                top, which = value[best], label[best]
                value, label = np.full(places + 1, _NOT), np.zeros(places + 1, dtype=np.int64)
                value[places], label[places] = top, which
                special = point
            now = end
        best = int(np.argmax(value))
        return self._trace(int(label[best])), float(value[best])

    def _stretch(
        self,
        begin: int,
        end: int,
        special: int,
        deadline: NDArray[np.int64],
        value: NDArray[np.float64],
        label: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Go from one fixed thing to the next; returns values and labels of being at each point at the end."""
        stop = self.task.stop_min
        origin, ways = self.search.moves(special)
        length = end - begin + 1
        values = np.full((len(value), length), _NOT)
        labels = np.zeros((len(value), length), dtype=np.int64)
        values[:, :stop], labels[:, :stop] = value[:, None], label[:, None]
        values[-1], labels[-1] = value[-1], label[-1]
        # A stop that ends in these minutes began before them: what it depends on is done.
        for first in range(stop, length, stop):
            leave = np.arange(first, min(first + stop, length))
            ready = leave[:, None, None] - stop - ways[None]
            flat = origin[None] * length + np.maximum(ready, 0)
            held = values.ravel()[flat]
            lab = labels.ravel()[flat]
            total = held + self._gain(begin + leave - stop, lab) - self.toll
            late = (begin + leave)[:, None] > deadline[None]
            total = np.where((ready < 0) | late[:, :, None], _NOT, total)
            best = np.argmax(total, axis=2)
            top = np.take_along_axis(total, best[..., None], axis=2)[..., 0]
            before = np.take_along_axis(lab, best[..., None], axis=2)[..., 0]
            ids = self._label(begin + leave, before)
            for row, minute in enumerate(leave.tolist()):
                better = top[row] > values[:-1, minute - 1]
                values[:-1, minute] = np.where(better, top[row], values[:-1, minute - 1])
                labels[:-1, minute] = np.where(better, ids[row], labels[:-1, minute - 1])
        return values[:, -1].copy(), labels[:, -1].copy()

    def _gain(self, arrive: NDArray[np.int64], lab: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what stops would add, (minutes, candidates, origins), to the ways `lab` of that shape."""
        task = self.task
        piece, place = task.pair_piece, task.pair_place
        low, high = task.span(arrive)
        before = lab if len(piece) == task.places else lab[:, place]
        until = self.until.ravel()[before * self.until.shape[1] + piece[None, :, None]]
        since = np.minimum(np.maximum(until, low[:, None, None]), high[:, None, None])
        base = piece * self.width
        each = self.sums[base[None, :] + high[:, None]][:, :, None] - self.sums[base[None, :, None] + since]
        gain: NDArray[np.float64] = each if len(piece) == task.places else np.add.reduceat(each, task.first, axis=1)
        for at, group in enumerate(self.groups.tolist()):
            inside = np.flatnonzero(task.member[:, group])
            gain[:, inside] += task.weight * (self.needs[lab[:, inside], at] > 0)
        return gain

    def _label(self, leave: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
        """Make a way of each stop that ends at `leave` (minutes,) at each candidate, after `before`."""
        task = self.task
        many = before.size
        ids = np.arange(self.made, self.made + many).reshape(before.shape)
        part = slice(self.made, self.made + many)
        self.made += many
        self.until[part] = self.until[before.ravel()]
        hold = np.clip(leave + HOLD_MIN, 0, task.horizon).astype(np.int32)
        self.until[ids[:, task.pair_place], task.pair_piece[None]] = hold[:, None]
        if len(self.groups):
            self.needs[part] = self.needs[before.ravel()] - np.tile(task.member[:, self.groups], (len(leave), 1))
        self.before[part] = before.ravel()
        self.place[part] = np.tile(np.arange(task.places), len(leave))
        self.arrive[part] = np.repeat(leave - task.stop_min, task.places)
        return ids

    def _trace(self, label: int) -> list[Visit]:
        visits = []
        while label:
            visits.append(Visit(self.number, int(self.place[label]), int(self.arrive[label])))
            label = int(self.before[label])
        return visits[::-1]
