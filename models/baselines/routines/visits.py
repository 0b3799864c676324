"""What each of the last days of every series showed, in slots of ten minutes: the memory that routines are found in.

Sums that forget (`models.baselines.seasonal`) know what is usual; whether a rise came on most of the last visits or on
a few of them, and how far one visit strays from another, only the visits themselves can tell. A count is kept as a
logarithm in one byte: eight weeks are 8 kB a series. Days and slots are local, so routines move with the clock.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Rows, Seen, put
from models.baselines.scan import EXPOSURE, TOTAL, Ring
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

    def __init__(self, window_s: int) -> None:
        self.days, self.slot_s = DAYS, max(window_s, SLOT_S)
        self.slots = -(-_DAY_S // self.slot_s)
        self.pooled = self.slot_s <= _POOLED_S
        """Whether neighbouring slots count."""
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
            busiest = np.maximum(busiest, rate * (ring.start[place, at] == when))
        self.put(rows, day, slot, busiest, seen)

    def usual(self, codes: Codes) -> Floats:
        """Return what windows usually count where the busiest of a slot has some codes: by chance it is the busiest."""
        counts = decode(codes)
        return np.maximum(counts - busiest_by(0.5, counts), 0.0) if self.several else counts

    def at(self, days: list[int], slot: int) -> "Around":
        """Return what held days showed around a slot."""
        places = np.array(days, dtype=np.int64) % self.days
        here = self.code[places, slot, : self.size]
        if not self.pooled:
            return Around(here, here, here)
        low, high = here - np.uint8(1), here.copy()  # what was not seen is neither low nor high
        for away in (-1, 1, -2, 2):
            if abs(away) * self.slot_s <= _POOLED_S and 0 <= slot + away < self.slots:
                other = self.code[places, slot + away, : self.size]
                np.maximum(high, other, out=high)
                if abs(away) == 1:
                    np.minimum(low, other - np.uint8(1), out=low)
        seen = high > 0
        return Around(np.where(here > 0, here, high), np.where(seen, np.minimum(low + np.uint8(1), high), 0), high)


class Around(NamedTuple):
    """What visits showed at a slot, and least and most around it; codes (visits, series)."""

    here: Codes
    low: Codes
    high: Codes

    def of(self, which: list[int], rows: NDArray[np.intp]) -> "Around":
        """Return some of the visits of some of the rows."""
        some = np.ix_(np.array(which, dtype=np.intp), rows)
        return Around(self.here[some], self.low[some], self.high[some])


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


def agreement(high: Codes, all_of: int = 0) -> Agreement:
    """Return what visits, by the highest around a slot (visits, rows), have in common.

    `all_of` visits are enough, but they must all agree; without it most of them must.
    """
    found = _in_order(high)
    count = found.seen
    need = np.where(count >= all_of, count, 0) if all_of else _NEED[count]
    nothing, enough = np.zeros(high.shape[1], dtype=np.uint8), need > 0
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


def busiest_by(deviations: float, counts: Floats) -> Floats:
    """Return how much more than usual the busiest of some windows counts by chance."""
    more: Floats = np.sqrt(_GROUPS * counts) * np.float32(deviations)
    return more


def encode(count: Floats) -> Codes:
    """Return counts as codes, 1 to 255."""
    codes: Codes = np.minimum(np.log1p(count) * _STEPS + 1.5, 255.0).astype(np.uint8)
    return codes


def decode(codes: Codes) -> Floats:
    """Return the counts of codes; 0 where nothing was seen."""
    counts: Floats = _COUNTS[codes]
    return counts


def _sorted(values: Codes) -> Codes:
    """Return (visits, rows) sorted along the visits: by a network of comparisons, each of all rows at once."""
    if values.shape[1] < _FEW_ROWS:
        return np.sort(values, axis=0)
    values = values.copy()
    lower = np.empty(values.shape[1], dtype=np.uint8)
    for one, other in _network(len(values)):
        np.minimum(values[one], values[other], out=lower)
        np.maximum(values[one], values[other], out=values[other])
        values[one] = lower
    return values


def _network(size: int) -> list[tuple[int, int]]:
    """Return the comparisons of Batcher's merge exchange (1968; Knuth, volume 3, algorithm 5.2.2 M)."""
    pairs = []
    top = p = 1 << max(size - 1, 1).bit_length() - 1
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(size - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return pairs


_COUNTS: Final = np.expm1(np.maximum(np.arange(256, dtype=np.float32) - 1.0, 0.0) / np.float32(_STEPS))
_NEED: Final = np.array([0, 0, 0, 0] + [n if n <= _ALL_OF else -(-4 * n // 5) for n in range(4, DAYS + 1)])
