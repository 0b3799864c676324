"""The last word of every state series, so that only changes go on.

Last is by the device's time. Where several gateways share a site's messages, or one that was killed is back, words of
one device arrive in another order than it said them; the older one is then history, and not what the door does now.
"""

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array
from stream.windows.axes import SERIES

_NONE: Final = -1
_NO_TIME: Final = -(2**62)


class LastStates(Saved):
    """Last word per series, as a hash of 63 bits: a device that makes up words for ever fills no memory.

    Two words of one series are taken for the same with probability 1e-19.
    """

    _last = array(np.int64, SERIES, fill=_NONE)
    _newest = array(np.int64, SERIES, fill=_NO_TIME)

    def changes(
        self,
        series: NDArray[np.int64],
        ts: NDArray[np.int64],
        text: NDArray[np.integer[Any]],
        strings: list[str],
    ) -> NDArray[np.intp]:
        """Return the positions of rows whose word differs from the one before of the same series, in order of time.

        `series`, `ts` (event time, epoch ms) and `text` (an index into `strings`) have shape (rows,), in order of
        arrival, which decides between equal times. Rows older than their series' newest word are no change.
        """
        table = np.full(len(strings), _NONE, dtype=np.int64)
        for index in np.unique(text).tolist():
            table[index] = _code(strings[index])
        code = table[text]
        order = np.lexsort((ts, series))
        order = order[ts[order] >= self._newest[series[order]]]
        if not len(order):
            return order
        series, code = series[order], code[order]
        first = np.concatenate(([True], series[1:] != series[:-1]))
        before = np.where(first, self._last[series], np.concatenate(([0], code[:-1])))
        last = np.flatnonzero(np.append(first[1:], True))
        self._last[series[last]] = code[last]
        self._newest[series[last]] = ts[order[last]]
        changed = np.sort(order[code != before])
        return changed[np.argsort(ts[changed], kind="stable")]

    def set_back(self) -> None:
        """Forget when words were said, where the site's clock is put right: what comes now is the newest."""
        self._newest[:] = _NO_TIME


def _code(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") >> 1
