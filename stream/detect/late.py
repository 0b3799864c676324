"""Late and backfilled observations wait here, so that the baselines learn from many at once.

Learning costs by the window, not by the observation: a fortnight of history comes in thousands of messages, a few
windows of one device each, and learning it message by message would visit every window once for every device.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.state import ROW, Saved, array

FULL: Final = 500_000
"""Observations from which waiting would cost more memory than it saves time."""
HISTORY: Final = 1_000
"""Observations learned at once from which they are a history to look at, and not just a few that were late."""


class Late(Saved):
    """Observations of one kind that wait to be learned; arrays of shape (rows,)."""

    _series = array(np.int64, ROW)
    _number = array(np.int64, ROW)
    _value = array(np.float64, ROW)
    _exposure = array(np.float64, ROW)

    @property
    def rows(self) -> int:
        """How many wait."""
        return self.size_of(ROW)

    def add(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Keep observations for later, in order of arrival."""
        new = slice(self.rows, self.rows + len(series))
        self.grow(ROW, new.stop)
        self._series[new], self._number[new], self._value[new], self._exposure[new] = series, number, value, exposure

    def take(self) -> dict[str, NDArray[Any]]:
        """Return everything that waits, by the names of `add`'s parameters, and forget it."""
        columns = {"series": self._series, "number": self._number, "value": self._value, "exposure": self._exposure}
        taken = {name: values[: self.rows] for name, values in columns.items()}
        self.reset()
        return taken
