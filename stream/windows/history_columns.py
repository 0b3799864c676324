"""History as arrays, checked: windows for the baselines to learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.frame import FrameError
from ingest.log.history import HistorySeries, open_history
from ingest.vocabulary import MODELLED, Kind
from models.frames import to_numpy


class HistoryColumns:
    """Columns of one record of history, shape (rows,), with what they hold checked.

    Raises `ingest.frame.FrameError` that says what is wrong, for bytes that are no history, for windows of
    another length than `window_ms`, and for values that cannot be. A record is taken whole or not at all.
    """

    def __init__(self, payload: bytes, window_ms: int) -> None:
        opened, arrays = open_history(payload)
        if opened.window_ms != window_ms:
            raise FrameError(
                f"has windows of {opened.window_ms / 1000:g} s, expected {window_ms / 1000:g} s as the site has them"
            )
        columns = to_numpy(arrays)
        self.again = opened.again
        self.names: list[HistorySeries] = opened.series
        self.which: NDArray[np.int64] = columns["series"].astype(np.int64)
        self.number: NDArray[np.int64] = columns["window"].astype(np.int64) + opened.first
        self.value: NDArray[np.float64] = columns["value"]
        self.exposure: NDArray[np.float64] = columns["exposure"].astype(np.float64)
        self.kind = np.array([series.kind for series in self.names], dtype=np.int64)
        self._check()

    def _check(self) -> None:
        for series in self.names:
            if series.kind not in MODELLED:
                raise FrameError(
                    f"series {series.device} {series.metric} is of kind {series.kind}, expected a count or level"
                )
        if not len(self.which):
            return
        if int(self.which.max()) >= len(self.names):
            raise FrameError(f"column 'series' points to entry {self.which.max()}, but there are {len(self.names)}")
        counts = self.kind[self.which] == Kind.COUNT
        for wrong, what in (
            (~np.isfinite(self.value), "a value that is not finite"),
            (counts & (self.value < 0), "a count below 0"),
            (~((self.exposure > 0) & (self.exposure <= 1)), "an exposure outside 0-1"),
            (self.number >= 1 << 40, "a window beyond all times"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                name = self.names[int(self.which[row])]
                raise FrameError(f"row {row} ({name.device} {name.metric}) has {what}")
