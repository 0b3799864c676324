"""The last windows of every series: sums over several of them, and how odd each was, once the next ones are known.

An event that lasts an hour shows in the hour's sum long before it shows in one window. And a window is learned from
only when it leaves this ring: by then it is known whether it belonged to an event.
"""

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Rows, Seen, put, some_of
from models.state import ROW, Saved, array

Floats = NDArray[np.floating[Any]]
Held = NDArray[np.bool_] | None

TOTAL, MEAN, EXPOSURE, BASE, UP, LOW, LEAST, MOST = range(8)
"""What was counted and expected by the base (with and without the slow level), for which share of the window; the worst
residuals of the sums it was part of; and what the routine makes ordinary, between the least and the most."""
_FIELDS: Final = 8
NEVER: Final = np.iinfo(np.int64).min
_FAR: Final = 8.0
_FEW: Final = 20.0
"""Where nothing is known, a window is believed up to `_FAR` times the median of those around it, and `_FEW`; else
these stand for it."""
_NEIGHBOURS: Final = 3
"""So many of them must be there; else what was expected takes their place."""


def scales_for(window_s: int) -> tuple[int, ...]:
    """Return how many windows are summed up: one, and about a quarter of an hour, half an hour, an hour."""
    return tuple(max(rank + 1, round(length / window_s)) for rank, length in enumerate((0, 900, 1800, 3600)))


class Ring(Saved):
    """The newest windows per series: arrays (slots, …, series); a window lives in slot (start // window) % slots."""

    start = array(np.int64, "slots", ROW, fill=NEVER)
    value = array(np.float32, "slots", _FIELDS, ROW)

    def __init__(self, window_s: int, size: int = 0) -> None:
        self.window_ms, self.scales = window_s * 1000, scales_for(window_s)
        self.slots = max(self.scales)
        super().__init__()
        self.restored()
        self.grow(ROW, size)

    def restored(self) -> None:
        """Forget what was known of another state."""
        self._whole: tuple[Rows, int] | None = None
        """A run of rows that holds all windows before one; asked for each tick, and nearly always so."""

    def slot(self, start_ms: int) -> int:
        """Return the slot of a window."""
        return (start_ms // self.window_ms) % self.slots

    def held(self, rows: Rows, start_ms: int) -> NDArray[np.bool_] | None:
        """Return which rows hold which of the windows before one, (slots, rows); None where all hold all."""
        run = isinstance(rows, slice)
        if run and self._whole == (rows, start_ms):
            return None
        here = self.slot(start_ms)
        back = (here - np.arange(self.slots)) % self.slots
        there: NDArray[np.bool_] = self.start[:, rows] == (start_ms - back * self.window_ms)[:, None]
        there[here] = True
        if not there.all():
            return there
        if run:
            self._whole = rows, start_ms
        return None

    def sums(self, rows: Rows, start_ms: int, total: Floats, mean: Floats, held: Held) -> Floats:
        """Return totals and means, (2, scales, rows), for every scale: over the given window and the ones before it."""
        found = np.empty((MEAN + 1, len(self.scales), len(total)), dtype=np.float32)
        found[TOTAL, 0], found[MEAN, 0] = total, mean
        for rank, (shorter, longer) in enumerate(pairwise(self.scales), 1):
            before = found[:, rank - 1]
            for part in self._slots(start_ms, shorter, longer):
                value = self.value[part, : MEAN + 1, rows]
                more = value.sum(axis=0) if held is None else (value * held[part][:, None]).sum(axis=0)
                before = np.add(before, more, out=found[:, rank])
        return found

    def whole(self, start_ms: int, windows: int, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows, shape (rows,), hold all of the newest so many windows; `held` is of `held`."""
        found: NDArray[np.bool_] = np.logical_and.reduce(
            [held[part].all(axis=0) for part in self._slots(start_ms, 0, windows)]
        )
        return found

    def between(self, some: NDArray[np.intp], start_ms: int, ends: tuple[Floats, Floats], held: Held) -> list[Floats]:
        """Return for every scale (least, most), (2, some), of what is ordinary: of a window's and those before it."""
        found = np.stack(ends)
        out = [found]
        for shorter, longer in pairwise(self.scales):
            for part in self._slots(start_ms, shorter, longer):
                value = self.value[part, LEAST : MOST + 1][:, :, some]
                found = found + (value if held is None else value * held[part][:, None]).sum(axis=0)
            out.append(found)
        return out

    def before(self, rows: Rows, start_ms: int, held: Held) -> tuple[Floats, Floats]:
        """Return (total, mean) of the window before one, each (rows,); nothing where it is not there."""
        slot = self.slot(start_ms - self.window_ms)
        total, mean = self.value[slot][: MEAN + 1, rows]
        return (total, mean) if held is None else (total * held[slot], mean * held[slot])

    def watched(self, rows: NDArray[np.intp], start_ms: int, windows: NDArray[np.int64]) -> Floats:
        """Return how much of the windows before one its sums over so many `windows` (rows,) have seen, in windows."""
        back = np.arange(1, self.slots)[:, None]
        slot = (self.slot(start_ms) - back) % self.slots
        there = (self.start[slot, rows] == start_ms - back * self.window_ms) & (back < windows)
        seen: Floats = (self.value[slot, EXPOSURE, rows] * there).sum(axis=0)
        return seen

    def believed(self, rows: NDArray[np.intp], slot: int) -> Floats:
        """Return the totals (rows,) of a slot of which nothing is known yet, as far as the windows around say so, too.

        A counter can begin with its lifetime total, a code, or all that it had kept.
        """
        others = np.arange(self.slots) != slot
        value = self.value[:, :, rows]
        there = (self.start[:, rows] != NEVER) & (value[:, EXPOSURE] > 0) & others[:, None]
        each = np.where(there, value[:, TOTAL] / np.maximum(value[:, EXPOSURE], 1e-3), np.inf)
        each.sort(axis=0)
        held = there.sum(axis=0)
        middle = np.take_along_axis(each, np.maximum(held - 1, 0)[None] // 2, axis=0)[0]
        few = held < _NEIGHBOURS
        near = np.where(few, value[slot, MEAN], np.where(few, 0.0, middle) * value[slot, EXPOSURE])
        total = value[slot, TOTAL]
        known: Floats = np.where(total > _FAR * near + _FEW, near, total)
        return known

    def judge(
        self,
        rows: Rows,
        start_ms: int,
        up: Floats,
        z: Floats,
        held: Held,
        least: float,
        seen: Seen,
    ) -> None:
        """Tell every window the worst residuals (scales, rows) of the sums it is part of.

        `up` are not negative, and zero where nothing was seen; of the residuals `z` those below -`least` are told.
        """
        self._raise(UP, rows, start_ms, up, held)
        deep = z.min(axis=0) < -least
        odd = deep if seen is None else deep & seen
        if odd.any():
            low = np.maximum(-z[:, odd], 0.0)
            self._raise(LOW, some_of(rows, odd), start_ms, low, None if held is None else held[:, odd])

    def _raise(self, which: int, rows: Rows, start_ms: int, residuals: Floats, held: Held) -> None:
        worst = residuals[-1]
        for rank in range(len(self.scales) - 1, -1, -1):
            worst = np.maximum(worst, residuals[rank])
            for part in self._slots(start_ms, self.scales[rank - 1] if rank else 0, self.scales[rank]):
                value = self.value[part, which, rows]
                np.maximum(value, worst if held is None else worst * held[part], out=value)
                if not isinstance(rows, slice):  # else it is changed in place
                    self.value[part, which, rows] = value

    def put(self, rows: Rows, start_ms: int, fields: tuple[Floats, ...], seen: Seen) -> None:
        """Write the newest window over the one that leaves: digest that one first.

        `fields` are total, mean, exposure, base, least, most.
        """
        slot = self.slot(start_ms)
        still = seen is None and isinstance(rows, slice) and self._whole == (rows, start_ms)
        self._whole = (rows, start_ms + self.window_ms) if still else None
        put(self.start[slot], rows, start_ms, seen)
        value = self.value[slot]
        for which, values in zip((TOTAL, MEAN, EXPOSURE, BASE, LEAST, MOST), fields, strict=True):
            put(value[which], rows, values, seen)
        for which in (UP, LOW):
            put(value[which], rows, 0.0, seen)

    def _slots(self, start_ms: int, first: int, last: int) -> list[slice]:
        """Return the slots of the windows from `first` to before `last` back, as one or two runs."""
        end = (self.slot(start_ms) - first) % self.slots + 1
        begin = end - (last - first)
        return [slice(begin, end)] if begin >= 0 else [slice(0, end), slice(begin + self.slots, self.slots)]
