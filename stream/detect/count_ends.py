"""When a deficit, or a dead counter, is over: not before something was seen that could not be if it went on.

An empty night is no evidence that a camera works: it counts nobody whether it is dead or not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import HiddenState
from models.baselines.count_judge import CountTest
from models.state import ROW, Saved, array

_LEAST: Final = 20.0
"""So many have to be expected before it says anything that they came."""
_SHARE: Final = 0.8
"""Share of these that has to have come."""
_RARE_P: Final = 0.01
_DAY_MS: Final = 86_400_000
_WEEK_MS: Final = 7 * _DAY_MS


class CountEnds(Saved):
    """What speaks for the end of what is too little; arrays of shape (rows,), one row a count series.

    A dead counter is over when it counts and the hidden state believes it. A deficit is over when since the last
    strange window enough was expected that its absence would show, and it came; or after a day with that much expected
    in which no window was strange. Both are over, too, when for a week nothing was strange: this is the habit now. A
    kind of day that the model does not know yet is no evidence.
    """

    low = array(np.int8, ROW)
    """`HiddenState.DEFICIT` or `DEAD` for what is told of a series and not over, else 0."""
    _came = array(np.float32, ROW)
    _expected = array(np.float32, ROW)
    """Since the last strange window."""
    _strange_ms = array(np.int64, ROW)
    """Start of the last window that shows it."""

    def begins(self, row: int, state: HiddenState, start_ms: int) -> None:
        """Note that a deficit, or that a counter is dead, is told in the window from `start_ms` on."""
        if not self.low[row]:
            self._came[row] = self._expected[row] = 0.0
        self.low[row], self._strange_ms[row] = state, start_ms

    def look(
        self, rows: NDArray[np.intp], test: CountTest, total: NDArray[np.float64], start_ms: int, ordinary_p: float
    ) -> NDArray[np.bool_]:
        """Take a closed window of some rows; return of which, shape (rows,), something is told that is not over."""
        goes_on = self.low[rows] > 0
        at = np.flatnonzero(goes_on)
        if not len(at):
            return goes_on
        row, state = rows[at], test.state[at]
        dead = self.low[row] == HiddenState.DEAD
        too_few = test.alarm[at] & (test.grounds[at, 0] < test.grounds[at, 1])
        few = test.p_lower[at] <= ordinary_p
        strange = np.where(dead, state == HiddenState.DEAD, few | too_few)
        # (one ordinary window in twenty is that low by chance)
        shows = np.where(dead, strange, few & (too_few | (test.p_lower[at] <= _RARE_P)))
        self._came[row] = np.where(strange, 0.0, self._came[row] + total[at])
        self._expected[row] = np.where(strange, 0.0, self._expected[row] + test.expected[at])
        self._strange_ms[row] = np.where(shows, start_ms, self._strange_ms[row])
        quiet_ms = start_ms - self._strange_ms[row]
        enough = self._expected[row] >= _LEAST
        back = enough & ((self._came[row] >= _SHARE * self._expected[row]) | (quiet_ms >= _DAY_MS))
        over = np.where(dead, self._came[row] > 0, back) | (quiet_ms >= _WEEK_MS)
        goes_on[at] = ~over
        return goes_on

    def end(self, rows: NDArray[np.intp]) -> None:
        """Note that all is over for some rows."""
        self.low[rows] = 0

    def strange_ms(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the start of the last window that showed a deficit, shape (rows,); 0 for rows without one."""
        at: NDArray[np.int64] = np.where(self.low[rows] == HiddenState.DEFICIT, self._strange_ms[rows], 0)
        return at
