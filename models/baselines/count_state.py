"""The state of count baselines as arrays, the series last; and a person's word that what is counted now is how it is.

The models believe a lasting change by themselves, after days of doubt. Whoever has turned the camera, or opened the
gate, knows it at once (`believe`). What was counted since then (`routines.visits`) becomes the rate of those
times; kinds of day that have not come since are scaled by the same change, so that a Saturday stays a Saturday. The new
rates weigh as little as they are known: three visits at most.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines import dispersion, scan
from models.baselines import hidden_states as states
from models.baselines.routines.strays import Strays
from models.baselines.routines.visits import Visits
from models.baselines.rows import Rows
from models.baselines.seasonal import SeasonalRates
from models.calendar import DAY_CLASSES, Calendar
from models.state import ROW, Axis, Saved, array, part

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

USUAL_DOUBT: Final = 0.2
"""Share of weight that is doubted in ordinary windows, at least."""
CALM: Final = np.array([[1.0 - 3e-4 if one == states.NORMAL else 1e-4] for one in range(states.STATES)])
"""Probabilities of the hidden states (states, 1) of a series that nothing is known of."""

_VISITS: Final = 3.0
"""What is known of a time weighs no more than so many visits to it."""
_LEAST_SLOTS: Final = 6
"""Seen since, or nothing can be said: an hour."""
_SOME: Final = 0.5
"""Counts a window that nobody knows what to make of: they are added to both sides of a ratio."""
_MOST: Final = 50.0
_SMOOTH_S: Final = 900
"""Slots up to this length are averaged with their neighbours: two or three visits are few."""


class CountMemory(Saved):
    """All that a `CountBaseline` remembers."""

    pi = array(np.float32, states.STATES, ROW, fill=CALM)
    """Probabilities of the hidden states."""
    onset_ms = array(np.int64, ROW)
    last_ms = array(np.int64, ROW)
    """Start of the last window that was stepped over."""
    level = array(np.float32, 2, ROW)
    """Forgetting sums of what was counted and what the season expected."""
    spread = array(np.float32, dispersion.SUMS, "scales", ROW)
    misfit = array(np.float32, ROW, fill=dispersion.MISFIT)
    """What the α of single windows lacks."""
    kind = array(np.int64, ROW, fill=-1)
    doubted = array(np.float32, ROW, fill=USUAL_DOUBT)
    """Share of weight that was doubted lately."""
    routine_ms = array(np.int64, ROW)
    """Start of the last window in which the routine, and not the base, said what is ordinary."""
    rates: SeasonalRates = part()
    visits: Visits = part()
    strays: Strays = part()
    ring: scan.Ring = part()

    def __init__(self, window_s: int) -> None:
        self.window_s = window_s
        self.rates = SeasonalRates(window_s)
        self.visits = Visits(window_s)
        self.ring = scan.Ring(window_s)
        self.scales = len(self.ring.scales)
        self.strays = Strays(window_s, self.scales)
        super().__init__()
        self.restored()

    def grow(self, axis: Axis, size: int) -> None:
        """Make room for series; see `Saved.grow`."""
        super().grow(axis, size)
        if self.solved.shape[-1] < self.spread.shape[-1]:
            self.restored()

    def restored(self) -> None:
        """Solve what is asked for more often than it changes, and hence kept."""
        self.solved: Floats = np.stack(dispersion.solve(self.spread))
        """φ and α of `spread`, (2, scales, series). Not saved."""

    def solve(self, rank: int, rows: Rows, sums: Floats) -> None:
        """Write changed sums of spread (SUMS, rows) of one scale back, and what follows from them."""
        if not isinstance(rows, slice):  # else they have been changed in place
            self.spread[:, rank, rows] = sums
        self.solved[0, rank, rows], self.solved[1, rank, rows] = dispersion.solve(sums)


def believe(memory: CountMemory, row: int, since_ms: int, now_ms: int, calendar: Calendar) -> bool:
    """Let a series take for usual what it counted between two times (epoch ms), and forget doubts and what was before.

    Returns False, and changes nothing, where less than an hour was counted: there is nothing to go by.
    """
    seen, count = _visited(memory, row, since_ms, now_ms, calendar)
    if (seen.sum(axis=0) > 0).sum() < min(_LEAST_SLOTS, memory.visits.slots):
        return False
    rates, visits = memory.rates, memory.visits
    slot = np.minimum(np.arange(rates.bins) * rates.bin_s // visits.slot_s, visits.slots - 1)
    seen, count = seen[:, slot], count[:, slot]
    before = _before(memory, row)
    target, change = _moved(before, seen, count)
    windows = 1.0 / rates.visit
    fine = rates.fine[..., row]
    fine[1] = np.maximum(np.minimum(fine[1], _VISITS * windows), np.minimum(seen, _VISITS) * windows)
    fine[0] = target * fine[1]
    hour = np.minimum(np.arange(rates.bins) * rates.bin_s // rates.coarse_s, rates.coarse_bins - 1)
    inside = np.bincount(hour, minlength=rates.coarse_bins)
    coarse = rates.coarse[..., row]
    for which in range(DAY_CLASSES):
        known = np.bincount(hour, np.minimum(seen[which], _VISITS) * windows, rates.coarse_bins)
        mean = np.bincount(hour, target[which], rates.coarse_bins) / np.maximum(inside, 1)
        coarse[1, which] = np.maximum(np.minimum(coarse[1, which], _VISITS * windows * inside), known)
        coarse[0, which] = mean * coarse[1, which]
    rates.overall[0, row] *= change
    _forget(memory, row, since_ms, calendar)
    return True


def _visited(memory: CountMemory, row: int, since_ms: int, now_ms: int, calendar: Calendar) -> tuple[Doubles, Doubles]:
    """Return visits and what they counted a window on the average, both (classes of day, slots)."""
    visits = memory.visits
    seen, total = np.zeros((2, DAY_CLASSES, visits.slots))
    first, last = calendar.day_number(since_ms), calendar.day_number(now_ms)
    for day in range(max(first, last - visits.days + 1), last + 1):
        place = day % visits.days
        if visits.day[place] != day or calendar.day(day).holiday:
            continue
        code = visits.code[place, :, row].copy()
        if day == first:
            code[: _slots_before(memory, since_ms, calendar)] = 0
        which = calendar.day(day).day_class
        seen[which] += code > 0
        total[which] += visits.usual(code) * (code > 0)
    if visits.slot_s <= _SMOOTH_S:
        seen, total = ((np.roll(one, 1, axis=1) + 2.0 * one + np.roll(one, -1, axis=1)) * 0.25 for one in (seen, total))
    return seen, total / np.maximum(seen, 1e-9)


def _slots_before(memory: CountMemory, since_ms: int, calendar: Calendar) -> int:
    return -(-calendar.instant(since_ms)[1] // memory.visits.slot_s)


def _before(memory: CountMemory, row: int) -> Doubles:
    """Return the rate a window that was usual, (classes of day, bins)."""
    rates = memory.rates
    hour = np.minimum(np.arange(rates.bins) * rates.bin_s // rates.coarse_s, rates.coarse_bins - 1)
    amount, exposure = (rates.overall[which, row].astype(np.float64) for which in (0, 1))
    overall = (amount + 0.05) / (exposure + 0.1)
    coarse, fine = (one[..., row].astype(np.float64) for one in (rates.coarse, rates.fine))
    around = (coarse[0] + overall) / (coarse[1] + 1.0)
    before: Doubles = (fine[0] + around[:, hour]) / (fine[1] + 1.0)
    return before


def _moved(before: Doubles, seen: Doubles, count: Doubles) -> tuple[Doubles, float]:
    """Return the rate a window that is usual from now on, (classes of day, bins), and by what all has changed."""
    visits = seen.sum(axis=0)
    there = visits > 0
    now = (seen * count).sum(axis=0) / np.maximum(visits, 1e-9)
    then = (seen * before).sum(axis=0) / np.maximum(visits, 1e-9)
    change = float(np.clip((now[there].mean() + 1e-3) / (then[there].mean() + 1e-3), 1.0 / _MOST, _MOST))
    ratio = np.where(there, np.clip((now + _SOME * change) / (then + _SOME), 1.0 / _MOST, _MOST), change)
    # Where hardly anything was usual, the other kinds of day show what is counted now.
    scaled = np.where(there & (then < _SOME), np.maximum(now, before * ratio), before * ratio)
    target: Doubles = np.where(seen > 0, count, scaled)
    return target, change


def _forget(memory: CountMemory, row: int, since_ms: int, calendar: Calendar) -> None:
    """Let go of what a series remembers of the time before, and of what it doubts."""
    visits, day = memory.visits, calendar.day_number(since_ms)
    visits.code[visits.day < day, :, row] = 0
    visits.code[visits.day == day, : _slots_before(memory, since_ms, calendar), row] = 0
    visits.past[..., row] = 0
    visits.restored()
    memory.strays.code[..., row] = 0
    memory.strays.restored()
    memory.pi[:, row] = CALM[:, 0]
    memory.onset_ms[row] = memory.routine_ms[row] = 0
    memory.level[:, row] = 0.0
    memory.doubted[row] = USUAL_DOUBT
    memory.ring.start[:, row] = scan.NEVER
    memory.ring.restored()
    memory.ring.value[:, scan.UP : scan.LOW + 1, row] = 0.0
