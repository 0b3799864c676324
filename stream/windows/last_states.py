"""The last word of every state series, so that only changes go on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array
from stream.results import StateRows
from stream.windows.axes import SERIES
from stream.windows.columns import Rows
from stream.windows.word_order import NO_TIME, word_code

_NONE: Final = -1


class LastStates(Saved):
    """Last word per series, as a hash of 63 bits: a device that makes up words for ever fills no memory.

    Two words of one series are taken for the same with probability 1e-19.
    """

    _last = array(np.int64, SERIES, fill=_NONE)
    _newest = array(np.int64, SERIES, fill=NO_TIME)
    """The time under which the last word went on."""

    def changes(self, said: Rows) -> NDArray[np.bool_]:
        """Tell which words, shape (rows,), are the newest of their series and differ from the newest one before."""
        fresh = np.flatnonzero(said.how.newest)
        series, text = said.series[fresh], said.text[fresh]
        table = np.full(len(said.strings), _NONE, dtype=np.int64)
        for index in np.unique(text).tolist():
            table[index] = word_code(said.strings[index])
        order = np.argsort(series, kind="stable")
        series, code = series[order], table[text[order]]
        first = np.append(True, series[1:] != series[:-1])[: len(series)]
        before = np.where(first, self._last[series], np.append(0, code[:-1])[: len(series)])
        last = np.flatnonzero(np.append(first[1:], True)[: len(series)])
        self._last[series[last]] = code[last]
        changed = np.zeros(len(said), dtype=np.bool_)
        changed[fresh[order[code != before]]] = True
        return changed

    def rows(self, changed: Rows) -> StateRows:
        """Return changes as they go to the sinks, each under a time later than that of its series' change before.

        So whoever sorts them by time finds the newest word last, also where a device's clock was set back.
        """
        times = changed.at.copy()
        for row, series in enumerate(changed.series.tolist()):
            times[row] = self._newest[series] = max(int(times[row]), int(self._newest[series]) + 1)
        words = [changed.strings[index] for index in changed.text.tolist()]
        return StateRows(changed.series.astype(np.int32), times, words)

    def set_back(self) -> None:
        """Forget when words were said, where the site's clock is put right."""
        self._newest[:] = NO_TIME
