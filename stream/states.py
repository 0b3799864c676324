"""The last word of every state series, so that only changes go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream.arrays import grown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class LastStates:
    """Last word per series, as a number; words of a site are few and are kept once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._last = np.full(0, -1, dtype=np.int32)

    def grow(self, size: int) -> None:
        """Make room for series below `size`."""
        self._last = grown(self._last, size, -1)

    def changes(
        self, series: NDArray[np.int64], text: NDArray[np.integer[Any]], strings: list[str]
    ) -> NDArray[np.intp]:
        """Return the positions, rising, of rows whose word differs from the one before of the same series.

        `series` and `text` (an index into `strings`) have shape (rows,), in order of arrival.
        """
        table = np.full(len(strings), -1, dtype=np.int32)
        for index in np.unique(text).tolist():
            table[index] = self._codes.setdefault(strings[index], len(self._codes))
        code = table[text]
        order = np.argsort(series, kind="stable")
        series, code = series[order], code[order]
        first = np.concatenate(([True], series[1:] != series[:-1]))
        before = np.where(first, self._last[series], np.concatenate(([0], code[:-1])))
        last = np.flatnonzero(np.append(first[1:], True))
        self._last[series[last]] = code[last]
        return np.sort(order[code != before])

    def meta(self) -> dict[str, Any]:
        """Return the words."""
        return {"words": list(self._codes)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the last words' numbers."""
        return {"last": self._last.copy()}

    def load(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `meta` and `arrays` gave."""
        self._codes = {word: index for index, word in enumerate(meta["words"])}
        self._last = arrays["last"].copy()
