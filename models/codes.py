"""Numbers that devices send where they have nothing to say: a broken wire, no answer, a register at its end.

Whether one is meant as such is for the series to say (`LevelBaseline.coded`, `CountBaseline.coded`): it may be -1
degree. What no counter can have counted is none whatever the series says: a lifetime total, hours sent in one minute,
the difference after a total of 16 bits has begun again.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

READINGS: Final = (
    -1.0, -99.0, -127.0, -999.0, -9999.0, 9999.0, 99999.0,
    32767.0, -32768.0, 65534.0, 65535.0, 3276.7, -3276.8, 6553.4, 6553.5, 327.67, -327.68, 655.34, 655.35,
)  # fmt: skip
"""Sentinels, a thermometer's -127 for no answer, and the ends of 16 bits, in tenths and hundredths too. The decoder
refuses those of 32."""
COUNTS: Final = (9_999.0, 32_767.0, 65_534.0, 65_535.0, 99_999.0, 999_999.0)
"""Those that a count may have: no smaller one can be told from a crowd, and a larger one is refused by its decoder."""
HARD: Final = 99.0
"""From here on, above and below zero, a code begins no series; -1 may be a degree."""
IMPOSSIBLE: Final = 3000.0
"""From here on a code is no temperature, noise or water level that could be."""
_MOST_A_SECOND: Final = 100.0
"""No counter sees more than so many pass: a line of 30 m of people shoulder to shoulder lets 40 through."""


def may_be_code(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where readings have exactly the value of a code."""
    return np.isin(x, READINGS)


def are_small(total: Floats) -> bool:
    """Tell whether none of some counts can be a code or more than can pass; nearly always so."""
    return not len(total) or bool(total.max() < COUNTS[0])


def may_be_count_code(total: Floats) -> NDArray[np.bool_]:
    """Return where counts have exactly the value of a code."""
    return np.zeros(len(total), dtype=np.bool_) if are_small(total) else np.isin(total, COUNTS)


def cannot_pass(total: Floats, seconds: Floats | float) -> NDArray[np.bool_]:
    """Return where counts are more than can pass in so many seconds; of small ones none is, however short the time."""
    return np.asarray((total >= COUNTS[0]) & (total > _MOST_A_SECOND * seconds))
