"""The settings of count baselines, and what they say of a window."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.baselines import hidden_states as states
from models.baselines.dispersion import DispersionConfig
from models.baselines.seasonal import SeasonalConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CountConfig:
    """Settings of a `CountBaseline`; times in seconds. Defaults follow from the nature of counts, not from a file."""

    window_s: int = 300
    seasonal: SeasonalConfig | None = None
    """None: derived from `window_s`."""
    dispersion: DispersionConfig = field(default_factory=DispersionConfig)
    filter: states.FilterConfig = field(default_factory=states.FilterConfig)
    level_half_life_s: float = 10_800.0
    level_spread: float = 0.1
    """How far (standard deviation, relative) the slow level usually strays from 1."""
    doubt_up: float = 0.8
    """Residual above which a window is learnt from less and less. Events add people, so the lower of two habits is
    the baseline, also where events are as frequent as their absence (a stadium with a game every other Sunday)."""
    doubt_low: float = 6.0
    """The same below the baseline: only what looks like a broken counter is doubted."""
    habit_half_life_s: float = 3 * 86_400.0
    """How long it takes until what was doubted day and night is believed."""
    lean: float = 0.25
    """What doubting one side takes from the mean of ordinary windows, in standard deviations; given back."""
    lean_busy: float = 0.6
    """How much more it takes per unit of α, where the distribution has a long upper side."""
    deficit_weight: float = 0.5
    """A deficit counts for less than a surge as rare: covered lenses, rain and holidays make them all the time."""
    least_visits: float = 2.0
    """Windows seen about this time of day before a series stops being young."""
    threshold: float = 5.0
    """Surprise from which a window is an alarm."""

    def __post_init__(self) -> None:
        if not 1 <= self.window_s <= 86_400:
            raise ValueError(f"window_s is {self.window_s}, expected 1 to 86400 seconds")


@dataclass
class CountTest:
    """What the baseline says of one window per row; all arrays (rows,)."""

    expected: Floats
    lower: Floats
    """Central 99 % band, with `upper`."""
    upper: Floats
    p_upper: Floats
    """Mid-p probability of at least what was seen."""
    p_lower: Floats
    surprise: Floats
    """About -log10 of the probability that ordinary days bring something as strange; higher is stranger."""
    alarm: NDArray[np.bool_]
    state: NDArray[np.uint8]
    """`HiddenState`."""
    onset_ms: NDArray[np.int64]
    """Start of the current episode that is not normal, else 0."""
