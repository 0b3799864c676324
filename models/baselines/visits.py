"""What each of the last days of every series showed, in slots of ten minutes: the memory that routines are found in.

Sums that forget (`models.baselines.seasonal`) know what is usual; whether a rise came on most of the last visits or on
a few of them, and how far one visit strays from another, only the visits themselves can tell. A count is kept as a
logarithm in one byte: eight weeks are 8 kB a series.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.rows import Rows, Seen, put
from models.state import ROW, Saved, array

Floats = NDArray[np.floating[Any]]

DAYS: Final = 56
SLOT_S: Final = 600
_DAY_S: Final = 86_400
_NEVER: Final = 0
_STEPS: Final = 20.0
"""Codes a unit of log(1 + count): neighbours differ by a twentieth."""


class Visits(Saved):
    """Counts by local day and slot; a day lives in row (day % `DAYS`) until eight weeks later."""

    code = array(np.uint8, "days", "slots", ROW)
    """0: not seen; else 1 + 20 log(1 + what a slot counts)."""
    day = array(np.int64, "days", fill=-1)
    """Which local day (since 1970) a row holds."""

    def __init__(self, window_s: int) -> None:
        self.days, self.slot_s = DAYS, max(window_s, SLOT_S)
        self.slots = -(-_DAY_S // self.slot_s)
        self.windows = self.slot_s / window_s
        """Windows a slot."""
        super().__init__()

    def slot(self, second: int) -> int:
        """Return the slot that a second of the local day lies in."""
        return second // self.slot_s

    def put(self, rows: Rows, day: int, slot: int, rate: Floats, seen: Seen) -> None:
        """Keep what rows counted per window in a slot of a day; days older than those held are past remembering."""
        place = day % self.days
        if self.day[place] > day:
            return
        if self.day[place] < day:
            self.code[place] = _NEVER
            self.day[place] = day
        put(self.code[place, slot], rows, encode(rate * self.windows), seen)


def encode(count: Floats) -> NDArray[np.uint8]:
    """Return counts of a slot as codes, 1 to 255."""
    codes: NDArray[np.uint8] = np.minimum(np.log1p(count) * _STEPS + 1.5, 255.0).astype(np.uint8)
    return codes


def decode(codes: NDArray[np.uint8]) -> Floats:
    """Return the counts of codes; 0 where nothing was seen."""
    counts: Floats = _COUNTS[codes]
    return counts


_COUNTS: Final = np.expm1(np.maximum(np.arange(256, dtype=np.float32) - 1.0, 0.0) / _STEPS)
