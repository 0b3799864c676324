"""The state of count baselines as arrays, the series last: made, grown, saved and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines import dispersion, scan
from models.baselines import hidden_states as states
from models.baselines.count_types import CountConfig
from models.baselines.rows import Rows
from models.baselines.seasonal import SeasonalConfig, SeasonalRates

Floats = NDArray[np.floating[Any]]

USUAL_DOUBT: Final = 0.2
"""Share of weight that is doubted in ordinary windows, at least."""
_PER_KIND: Final = frozenset({"kinds", "kinds_fresh", "kinds_strays"})
_PER_SITE: Final = frozenset({"kinds_ms"})


class CountState:
    """All that a `CountBaseline` remembers of `size` series."""

    def __init__(self, config: CountConfig) -> None:
        self.config = config
        self.rates = SeasonalRates(config.seasonal or SeasonalConfig(bin_s=max(config.window_s, 300)), config.window_s)
        self.ring = scan.Ring(config.window_s, scan.scales_for(config.window_s))
        self.size = 0
        self._make(0)

    def _make(self, capacity: int) -> None:
        self.pi = np.full((states.STATES, capacity), 1e-4, dtype=np.float32)
        """Probabilities of the hidden states."""
        self.pi[states.NORMAL] = 1.0 - 3e-4
        self.onset_ms = np.zeros(capacity, dtype=np.int64)
        self.last_ms = np.zeros(capacity, dtype=np.int64)
        """Start of the last window that was stepped over."""
        self.level = np.zeros((2, capacity), dtype=np.float32)
        """Forgetting sums of what was counted and what the season expected."""
        self.spread = np.zeros((dispersion.SUMS, len(self.ring.scales), capacity), dtype=np.float32)
        self.misfit = np.full(capacity, self.config.dispersion.misfit, dtype=np.float32)
        """What the α of single windows lacks."""
        self.kind = np.full(capacity, -1, dtype=np.int64)
        self.doubted = np.full(capacity, USUAL_DOUBT, dtype=np.float32)
        """Share of weight that was doubted lately."""
        self.solved = self._solution(self.spread)
        """φ and α of `spread`, (2, scales, series): asked for more often than they change, hence kept. Not saved."""

    def grow(self, size: int) -> None:
        """Make room for `size` series; the capacity grows by doubling."""
        if size <= self.size:
            return
        self.rates.grow(size)
        if self.rates.capacity > len(self.kind):
            self.ring.grow(self.rates.capacity)
            before, used = self._columns(), self.size
            self._make(self.rates.capacity)
            for name, values in self._columns().items():
                values[..., :used] = before[name][..., :used]
            self.solved[..., :used] = self._solution(self.spread[..., :used])
        self.size = size

    def solve(self, rank: int, rows: Rows, sums: Floats) -> None:
        """Write changed sums of spread (SUMS, rows) of one scale back, and what follows from them."""
        if not isinstance(rows, slice):  # else they have been changed in place
            self.spread[:, rank, rows] = sums
        self.solved[0, rank, rows], self.solved[1, rank, rows] = dispersion.solve(sums, self.config.dispersion)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the whole state as arrays, trimmed to size."""
        return {name: values[..., : self._width(name)].copy() for name, values in self._all().items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Fill a fresh state with what `arrays` gave. Raises ValueError naming the array that does not fit."""
        for name in ("onset_ms", "kinds"):
            if name not in arrays or np.ndim(arrays[name]) == 0:
                raise ValueError(f"state of counts: array {name!r} is missing or has no axis")
        self.grow(int(np.shape(arrays["onset_ms"])[-1]))
        self.rates.kinds.grow(int(np.shape(arrays["kinds"])[-1]))
        for name, holder in self._all().items():
            given = np.asarray(arrays[name]) if name in arrays else None
            width = self._width(name)
            shape = (*holder.shape[:-1], width)
            if given is None or given.shape != shape or given.dtype != holder.dtype:
                found = "missing" if given is None else f"{given.dtype}{given.shape}"
                raise ValueError(f"state of counts: array {name!r} is {found}, expected {holder.dtype}{shape}")
            holder[..., :width] = given
        self.solved = self._solution(self.spread)

    def _solution(self, sums: Floats) -> Floats:
        return np.stack(dispersion.solve(sums, self.config.dispersion))

    def _columns(self) -> dict[str, NDArray[Any]]:
        names = ("pi", "onset_ms", "last_ms", "level", "spread", "misfit", "kind", "doubted")
        return {name: getattr(self, name) for name in names}

    def _all(self) -> dict[str, NDArray[Any]]:
        """All arrays of the state by name, as they lie in memory."""
        rates, ring = self.rates, self.ring
        return self._columns() | {
            "fine": rates.fine,
            "coarse": rates.coarse,
            "overall": rates.overall,
            "kinds": rates.kinds.shown,
            "kinds_fresh": rates.kinds.fresh,
            "kinds_strays": rates.kinds.strays,
            "kinds_ms": rates.kinds.as_of,
            "ring_start": ring.start,
            "ring_value": ring.value,
        }

    def _width(self, name: str) -> int:
        return self.rates.kinds.count if name in _PER_KIND else 1 if name in _PER_SITE else self.size
