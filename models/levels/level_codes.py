"""Numbers that sensors send where they have nothing to say: a broken wire, no answer, a register at its end.

Whether one is meant as such is for the series to say (`level_baseline.LevelBaseline.coded`): it may be -1 degree.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CODES: Final = (
    -1.0, -99.0, -127.0, -999.0, -9999.0, 9999.0, 99999.0,
    32767.0, -32768.0, 65535.0, 3276.7, -3276.8, 6553.5, 327.67, -327.68, 655.35,
)  # fmt: skip
"""Sentinels, a thermometer's -127 for no answer, and the ends of 16 bits, in tenths and hundredths too."""

IMPOSSIBLE: Final = 3000.0
"""From here on a code is no temperature, noise or water level that could be."""


def may_be_code(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where readings have exactly the value of a code."""
    return np.isin(x, CODES)
