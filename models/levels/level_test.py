"""What the baselines of readings say of a window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.levels.level_tails import Doubles


@dataclass
class LevelTest:
    """What the baseline says of one window per row; all arrays (rows,)."""

    expected: Doubles
    lower: Doubles
    """Central 99 % band, with `upper`."""
    upper: Doubles
    p_upper: Doubles
    """Probability of at least what was seen."""
    p_lower: Doubles
    p: Doubles
    """Probability of at least what was strangest, the window or the mean of the last ones, on its side."""
    surprise: Doubles
    """-log10 of the probability of something as strange, on either side."""
    alarm: NDArray[np.bool_]
    state: NDArray[np.uint8]
    """`LevelState`."""
    stuck: NDArray[np.bool_]
    step: NDArray[np.bool_]
    """The level has changed for good, a day ago; told once."""
    drift: NDArray[np.bool_]
    """The level has crept away for days; told once."""
    moved: Doubles
    """By how much it has stepped or drifted, else 0."""
    onset_ms: NDArray[np.int64]
    """Start of the current episode that is not normal, else 0."""
