"""What each of the last days of every series showed, in slots of ten minutes: the memory that routines are found in.

Sums that forget (`models.baselines.seasonal`) know what is usual; whether a rise came on most of the last visits or on
a few of them, and how far one visit strays from another, only the visits themselves can tell. A count is kept as a
logarithm in one byte: eight weeks are 8 kB a series. Days and slots are local, so routines move with the clock.
"""

from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Rows, Seen, put
from models.baselines.scan import EXPOSURE, TOTAL, Ring
from models.calendar import DAY_CLASSES, WORKING, Day
from models.state import ROW, Axis, Saved, array

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.uint8]

DAYS: Final = 56
SLOT_S: Final = 600
_DAY_S: Final = 86_400
_STEPS: Final = 20.0
"""Codes a unit of log(1 + count): neighbours differ by a twentieth."""
_POOLED_S: Final = 1200
"""Up to this length of a slot its neighbours count: rushes are ten minutes early or late."""
_GROUPS: Final = 1.4
"""Variance of a count by chance, relative to a Poisson's: people come in groups."""
_LEAST_SHARE: Final = 0.5
"""Of less of a window than this nobody can say what the whole would have counted."""
_QUARTERS: Final = 3
"""So many, with the current one, are remembered: holidays end, and a street is opened again."""
_QUARTER_DAYS: Final = 91
_TEN: Final = 10
"""Visits that are asked whether they agree; of working days as many before them must, too: four weeks."""
_FEW_ROWS: Final = 256
_ALL_OF: Final = 5
"""So few visits must all agree; of more, four fifths."""
_APART: Final = 6
"""From so many visits on, the one that strays furthest to either side says nothing of what is ordinary."""
NEVER: Final = 255


class Agreement(NamedTuple):
    """What some visits to a slot have in common; codes (rows,)."""

    reached: Codes
    """Nearly every visit reached it, within twenty minutes; 0 where there were too few visits."""
    kept: Codes
    """Nearly no visit exceeded it; `NEVER` where there were too few."""


class Extent(NamedTuple):
    """What some visits to a slot showed; codes (rows,)."""

    least: Codes
    """Within ten minutes."""
    usual: Codes
    most: Codes
    usual_high: Codes
    """The highest within twenty minutes, usually and at most."""
    high: Codes


class Visits(Saved):
    """Counts by local day and slot; a day lives in row (day % `DAYS`) until eight weeks later."""

    code = array(np.uint8, "days", "slots", ROW)
    """(day, slot, series): 0 for not seen, else 1 + 20 log(1 + what the busiest window of a slot counted)."""
    day = array(np.int64, "days", fill=-1)
    """Which local day (since 1970) a row holds."""
    past = array(np.uint8, _QUARTERS, DAY_CLASSES, "slots", ROW)
    """What nearly all visits of some four weeks reached, at most, in a quarter of a year: (quarter, class, slot,
    series), codes."""
    quarter = array(np.int64, _QUARTERS, fill=-1)
    """Which quarter (91 days, since 1970) a row of `past` holds."""

    def __init__(self, window_s: int) -> None:
        self.days, self.slot_s = DAYS, max(window_s, SLOT_S)
        self.slots = -(-_DAY_S // self.slot_s)
        self.reach = _POOLED_S // self.slot_s
        """How many neighbouring slots to either side count."""
        self.several = window_s < self.slot_s
        """Whether a slot has more than one window."""
        self.version = 0
        """Changes whenever something other than the newest day does."""
        super().__init__()

    @property
    def size(self) -> int:
        """How many series there are."""
        return self.size_of(ROW)

    def grow(self, axis: Axis, size: int) -> None:
        """Make room for series; see `Saved.grow`."""
        super().grow(axis, size)
        self.version += 1

    def restored(self) -> None:
        """Forget what was found in another state."""
        self.version += 1

    def put(self, rows: Rows, day: int, slot: int, rate: Floats, seen: Seen) -> None:
        """Keep what rows counted in a window of a slot of a day; days older than those held are past remembering."""
        place = day % self.days
        if self.day[place] > day:
            return
        if self.day[place] < day:
            self.code[place] = 0
            self.day[place] = day
        if day < int(self.day.max()):
            self.version += 1
        put(self.code[place, slot], rows, encode(rate), seen)

    def remember(self, ring: Ring, at: Rows, rows: Rows, start_ms: int, local: tuple[int, int], seen: Seen) -> None:
        """Keep what the busiest window of a slot counted, up to the one given, as a ring has them.

        A train each half hour fills one window in six: what is ordinary there is what the busiest showed. `local` is
        the window's day and its second of that.
        """
        day, second = local
        slot, window_ms = second // self.slot_s, ring.window_ms
        windows = (second - slot * self.slot_s) * 1000 // window_ms + 1
        busiest: Floats = np.zeros(1, dtype=np.float32)
        for when in range(start_ms, start_ms - windows * window_ms, -window_ms):
            place = ring.slot(when)
            value = ring.value[place]
            rate = value[TOTAL, at] / np.maximum(value[EXPOSURE, at], _LEAST_SHARE)
            there = ring.start[place, at] == when
            if not there.all():
                rate *= there
            busiest = np.maximum(busiest, rate, out=rate)
        self.put(rows, day, slot, busiest, seen)

    def keep(self, rows: Rows, today: Day, alike: list[Day], slot: int, seen: Seen) -> None:
        """Keep for longer what nearly all visits of four weeks to a slot of a day reached; `alike`, newest first.

        Working days are many: each slot is looked at on one of the week's.
        """
        working = today.day_class == WORKING
        if len(alike) < (2 * _TEN if working else 1) or (working and slot % 5 != today.weekday):
            return
        high = np.stack([self.code[one.number % self.days, self._around(slot)][:, rows].max(axis=0) for one in alike])
        reached = agreement(high[:_TEN]).reached
        if working:
            reached = np.minimum(reached, agreement(high[_TEN : 2 * _TEN]).reached)
        number = today.number // _QUARTER_DAYS
        place = number % _QUARTERS
        if self.quarter[place] > number:
            return
        if self.quarter[place] < number:
            self.past[place], self.quarter[place] = 0, number
        held = self.past[place, today.day_class, slot]
        put(held, rows, np.maximum(held[rows], reached, out=reached), seen)

    def once(self, today: Day, slot: int) -> Codes:
        """Return what days of today's class reached in the last quarters, (series,); 0 where they never agreed."""
        held = self.quarter > today.number // _QUARTER_DAYS - _QUARTERS
        most: Codes = self.past[held, today.day_class, slot, : self.size].max(axis=0, initial=0)
        return most

    def before(self, today: int) -> list[int]:
        """Return which days before one are held, newest first."""
        held = (self.day >= 0) & (self.day < today) & (self.day > today - self.days)
        return sorted(self.day[held].tolist(), reverse=True)

    def usual(self, codes: Codes) -> Floats:
        """Return what windows usually count where the busiest of a slot has some codes: by chance it is the busiest."""
        counts = decode(codes)
        return np.maximum(counts - busiest_by(0.5, counts), 0.0) if self.several else counts

    def highest(self, days: list[int], slot: int) -> tuple[Codes, Codes]:
        """Return the highest that held days showed within twenty minutes of a slot, and on its calmer side.

        Both (days, series). A lull begins beside what is as busy as ever, and only on one of its sides.
        """
        span = self._around(slot)
        before, after = (self._most(days, side) for side in (slice(span.start, slot + 1), slice(slot, span.stop)))
        high = np.maximum(before, after)
        # (what was not seen, 0, becomes the largest)
        before -= np.uint8(1)
        after -= np.uint8(1)
        calm = np.minimum(before, after, out=before)
        calm += np.uint8(1)
        return high, calm

    def _most(self, days: list[int], span: slice) -> Codes:
        high = np.empty((len(days), self.size), dtype=np.uint8)
        for day, out in zip(days, high, strict=True):
            np.maximum.reduce(self.code[day % self.days, span, : self.size], axis=0, out=out)
        return high

    def around(self, days: list[int], slot: int, series: NDArray[np.intp]) -> "Around":
        """Return what held days showed around a slot, of some series."""
        here, span = slot, self._around(slot)
        places = np.array(days, dtype=np.intp) % self.days
        codes = self.code[places[:, None, None], np.arange(span.start, span.stop)[:, None], series]
        here -= span.start
        high, own = codes.max(axis=1), codes[:, here]
        near = codes[:, max(here - 1, 0) : here + 2] if self.reach else codes
        # (what was not seen is neither low nor high)
        low = (near - np.uint8(1)).min(axis=1) + np.uint8(1)
        return Around(np.where(own > 0, own, high), low, high)

    def _around(self, slot: int) -> slice:
        return slice(max(slot - self.reach, 0), min(slot + self.reach + 1, self.slots))


class Around(NamedTuple):
    """What visits showed at a slot, least within ten minutes and most within twenty; codes (visits, rows)."""

    here: Codes
    low: Codes
    high: Codes


class _Sorted(NamedTuple):
    """Visits in increasing order; those that were not seen come first."""

    values: Codes
    seen: NDArray[np.int64]
    """How many were seen, (rows,), or (1,) where it is the same for all, as nearly always."""

    def pick(self, place: NDArray[np.int64]) -> Codes:
        """Return the value at a place (rows,) or (1,) of each row."""
        place = np.minimum(np.maximum(place, 0), len(self.values) - 1)
        if len(place) == 1:
            one: Codes = self.values[int(place[0])]
            return one
        found: Codes = np.take_along_axis(self.values, place[None], axis=0)[0]
        return found


def needed(seen: NDArray[Any], all_of: int) -> NDArray[np.int64]:
    """Return how many of so many visits must agree; more than there can be where they are too few.

    `all_of` visits are enough, but they must all agree; without it (0) most of them must.
    """
    return np.where(seen >= all_of, seen, NEVER) if all_of else _NEED[seen]


def agreement(high: Codes, all_of: int = 0) -> Agreement:
    """Return what visits, by the highest around a slot (visits, rows), have in common; see `needed`."""
    nothing = np.zeros(high.shape[1], dtype=np.uint8)
    if not len(high):
        return Agreement(nothing, nothing + np.uint8(NEVER))
    found = _in_order(high)
    count, need = found.seen, needed(found.seen, all_of)
    enough = need < NEVER
    return Agreement(
        reached=np.where(enough, found.pick(len(high) - need), nothing),
        kept=np.where(enough, found.pick(len(high) - count + need - 1), nothing + np.uint8(NEVER)),
    )


def extent(visits: Around) -> Extent:
    """Return what visits showed; of six and more without the one that strays furthest to either side."""
    here, low, high = (_in_order(codes) for codes in visits)
    count = high.seen
    apart = (count >= _APART).astype(np.int64)
    last = len(visits.high) - 1
    first = last + 1 - count
    middle = first + count // 2
    return Extent(
        least=low.pick(first + apart),
        usual=here.pick(middle),
        most=here.pick(last - apart),
        usual_high=high.pick(middle),
        high=high.pick(last - apart),
    )


def _in_order(codes: Codes) -> _Sorted:
    count = (codes > 0).sum(axis=0)
    if len(count) and int(count.min()) == int(count.max()):
        count = count[:1]
    return _Sorted(_sorted(codes), count)


def nearly_most(codes: Codes) -> Codes:
    """Return the most that visits (visits, rows) showed; of six and more without the one that strays furthest."""
    found = _in_order(codes)
    return found.pick(len(codes) - 1 - (found.seen >= _APART).astype(np.int64))


def kindred(days: list[Day], today: Day) -> tuple[list[Day], list[Day]]:
    """Return which days are of today's kind, and which of these of its class, too.

    Feasts are days apart, and so are those without school: they neither make a routine of others nor break one.
    """
    kind = [one for one in days if (one.holiday, one.school) == (today.holiday, today.school) and not one.bridge]
    return kind, [one for one in kind if one.day_class == today.day_class]


def busiest_by(deviations: float, counts: Floats) -> Floats:
    """Return how much more than usual the busiest of some windows counts by chance."""
    more: Floats = np.sqrt(_GROUPS * counts) * np.float32(deviations)
    return more


def encode(count: Floats) -> Codes:
    """Return counts as codes, 1 to 255."""
    scaled = 1.0 + count
    np.log(scaled, out=scaled)
    scaled *= _STEPS
    scaled += 1.5
    codes: Codes = np.minimum(scaled, 255.0, out=scaled).astype(np.uint8)
    return codes


def bounds(above: Floats, below: Floats) -> tuple[Codes, Codes]:
    """Return codes that counts are beyond if they are more than `above`, and short of if less than `below`; (rows,)."""
    codes: Floats = np.maximum((above, below), np.float32(0.0))
    codes += 1.0
    np.log(codes, out=codes)
    codes *= np.float32(_STEPS)
    codes += 1.0
    np.minimum(codes, 255.0, out=codes)
    np.ceil(codes[1], out=codes[1])
    more, less = codes.astype(np.uint8)
    return more, less


def decode(codes: Codes) -> Floats:
    """Return the counts of codes; 0 where nothing was seen."""
    counts: Floats = _COUNTS[codes]
    return counts


def _sorted(values: Codes) -> Codes:
    """Return (visits, rows) sorted along the visits: by comparisons of all rows at once, as visits are few."""
    if values.shape[1] < _FEW_ROWS:
        return np.sort(values, axis=0)
    values = values.copy()
    lower = np.empty(values.shape[1], dtype=np.uint8)
    for end in range(len(values) - 1, 0, -1):
        for one, other in pairwise(values[: end + 1]):
            np.minimum(one, other, out=lower)
            np.maximum(one, other, out=other)
            one[:] = lower
    return values


_COUNTS: Final = np.expm1(np.maximum(np.arange(256, dtype=np.float32) - 1.0, 0.0) / np.float32(_STEPS))
_NEED: Final = np.array([NEVER] * 4 + [n if n <= _ALL_OF else -(-4 * n // 5) for n in range(4, DAYS + 1)])
