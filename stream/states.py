"""The last word of every state series, so that only changes go on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stream.arrays import grown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_NONE: Final = -1


class LastStates:
    """Last word per series, as a hash of 63 bits: a device that makes up words for ever fills no memory.

    Two words of one series are taken for the same with probability 1e-19.
    """

    def __init__(self) -> None:
        self._last = np.full(0, _NONE, dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for series below `size`."""
        self._last = grown(self._last, size, _NONE)

    def changes(
        self, series: NDArray[np.int64], text: NDArray[np.integer[Any]], strings: list[str]
    ) -> NDArray[np.intp]:
        """Return the positions, rising, of rows whose word differs from the one before of the same series.

        `series` and `text` (an index into `strings`) have shape (rows,), in order of arrival.
        """
        table = np.full(len(strings), _NONE, dtype=np.int64)
        for index in np.unique(text).tolist():
            table[index] = _code(strings[index])
        code = table[text]
        order = np.argsort(series, kind="stable")
        series, code = series[order], code[order]
        first = np.concatenate(([True], series[1:] != series[:-1]))
        before = np.where(first, self._last[series], np.concatenate(([0], code[:-1])))
        last = np.flatnonzero(np.append(first[1:], True))
        self._last[series[last]] = code[last]
        return np.sort(order[code != before])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        return {"last": self._last.copy()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave."""
        self._last = arrays["last"].astype(np.int64)


def _code(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") >> 1
