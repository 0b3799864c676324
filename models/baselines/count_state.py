"""The state of count baselines as arrays, the series last."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines import dispersion, scan
from models.baselines import hidden_states as states
from models.baselines.rows import Rows
from models.baselines.seasonal import SeasonalRates
from models.baselines.visits import Visits
from models.state import ROW, Axis, Saved, array, part

Floats = NDArray[np.floating[Any]]

USUAL_DOUBT: Final = 0.2
"""Share of weight that is doubted in ordinary windows, at least."""
CALM: Final = np.array([[1.0 - 3e-4 if one == states.NORMAL else 1e-4] for one in range(states.STATES)])
"""Probabilities of the hidden states (states, 1) of a series that nothing is known of."""


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
    ring: scan.Ring = part()

    def __init__(self, window_s: int) -> None:
        self.window_s = window_s
        self.rates = SeasonalRates(window_s)
        self.visits = Visits(window_s)
        self.ring = scan.Ring(window_s)
        self.scales = len(self.ring.scales)
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
