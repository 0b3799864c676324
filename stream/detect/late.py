"""Late and backfilled observations wait here, so that the baselines learn from many at once.

Learning costs by the window, not by the observation: a fortnight of history comes in thousands of messages, a few
windows of one device each, and learning it message by message would visit every window once for every device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.state.arrays import grown

FULL: Final = 500_000
"""Observations from which waiting would cost more memory than it saves time."""
HISTORY: Final = 1_000
"""Observations learnt at once from which they are a history to look at, and not just a few that were late."""
_FIELDS: Final = {"series": "i8", "number": "i8", "value": "f8", "exposure": "f8"}


class Late:
    """Observations of one kind that wait to be learnt; arrays of shape (rows,)."""

    def __init__(self) -> None:
        self.rows = 0
        self._data = {name: np.zeros(0, dtype=dtype) for name, dtype in _FIELDS.items()}

    def add(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Keep observations for later, in order of arrival."""
        end = self.rows + len(series)
        for name, values in zip(_FIELDS, (series, number, value, exposure), strict=True):
            self._data[name] = grown(self._data[name], end)
            self._data[name][self.rows : end] = values
        self.rows = end

    def take(self) -> dict[str, NDArray[Any]]:
        """Return everything that waits, by the names of `add`'s parameters, and forget it."""
        taken = {name: values[: self.rows] for name, values in self._data.items()}
        self._data = {name: np.zeros(0, dtype=dtype) for name, dtype in _FIELDS.items()}
        self.rows = 0
        return taken

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        return {name: values[: self.rows].copy() for name, values in self._data.items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave."""
        self._data = {name: arrays[name].copy() for name in _FIELDS}
        self.rows = len(self._data["series"])
