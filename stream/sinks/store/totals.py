"""Totals per series, kept beside the windows: so that nobody has to add up a million rows to learn them.

Totals are additions: what a new row has more than the row it replaces. Only windows are written again while they
change; an addition to an old window is written once.
"""

import sqlite3
from collections import OrderedDict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import WindowStatus
from stream.results import WindowRows

_KEPT: Final = 16
"""Window starts whose rows are remembered: more than the pipeline keeps open at once."""
_ABSENT: Final = -1.0
_BEFORE: Final = (
    "SELECT n, coalesce(sum_a, 0), coalesce(sum_b, 0) FROM windows WHERE start = ? AND series = ? AND part = ?"
)


class WindowTotals:
    """Adds to the table ``totals`` what rows of windows change: windows (distinct series and start), n and sums."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._recent: OrderedDict[int, NDArray[np.float64]] = OrderedDict()
        """Start → (3, series): n, sum_a, sum_b of part 0; n is `_ABSENT` where the window has no row at all."""

    def forget(self) -> None:
        """Drop what is remembered: after a transaction was undone, or rows were deleted."""
        self._recent.clear()

    def add(self, rows: WindowRows, known: int) -> None:
        """Count rows (one a key, sorted by start) that are about to be written; `known` is the number of series.

        A window's row is compared with the row it replaces: of part 0 in memory, of a further part (the windows after
        a clock was set back) in the table.
        """
        values = np.stack([rows.n.astype(np.float64), np.nan_to_num(rows.sum_a), np.nan_to_num(rows.sum_b)])
        changed, slots = np.unique(rows.series, return_inverse=True)
        change = np.zeros((4, len(changed)))
        starts, first = np.unique(rows.start, return_index=True)
        for start, begin, end in zip(starts.tolist(), first, [*first[1:], len(rows)], strict=True):
            slot, whole, now = slots[begin:end], rows.part[begin:end] == 0, values[:, begin:end]
            seen = np.unique(slot)
            if whole.any():
                stored = self._rows(start, known)
                new = stored[0, changed[seen]] == _ABSENT
                stored[0, changed[seen[new]]] = 0
                replaced = changed[slot[whole]]
                change[:3, slot[whole]] -= stored[:, replaced]
                stored[:, replaced] = now[:, whole]
            else:
                new = self._new_late(start, changed[seen].tolist())
            change[3, seen[new]] += 1
            for row in range(3):
                np.add.at(change[row], slot, now[row])
        for row in np.flatnonzero((rows.part != 0) & (rows.status != WindowStatus.LATE)).tolist():
            key = int(rows.start[row]), int(rows.series[row]), int(rows.part[row])
            before = self._connection.execute(_BEFORE, key).fetchone()
            if before is not None:
                change[:3, slots[row]] -= before
        counts, sum_a, sum_b, windows = change[:, change.any(axis=0)]
        changed = changed[change.any(axis=0)]
        self._connection.executemany(
            """INSERT INTO totals (series, windows, n, sum_a, sum_b) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (series) DO UPDATE SET windows = windows + excluded.windows, n = n + excluded.n,
            sum_a = sum_a + excluded.sum_a, sum_b = sum_b + excluded.sum_b""",
            zip(
                changed.tolist(),
                windows.astype(np.int64).tolist(),
                counts.astype(np.int64).tolist(),
                sum_a.tolist(),
                sum_b.tolist(),
                strict=True,
            ),
        )

    def _new_late(self, start: int, series: list[int]) -> NDArray[np.bool_]:
        """Tell which series have no row of a start that gets nothing but additions.

        A look-up each: additions are few, and the start's other rows are many.
        """
        found = np.zeros(len(series), dtype=np.bool_)
        recent = self._recent.get(start)
        for index, one in enumerate(series):
            row = self._connection.execute(
                "SELECT 1 FROM windows WHERE start = ? AND series = ? LIMIT 1", (start, one)
            ).fetchone()
            found[index] = row is None
            if recent is not None and one < recent.shape[1]:
                recent[0, one] = max(recent[0, one], 0)
        return found

    def _rows(self, start: int, known: int) -> NDArray[np.float64]:
        """Return the sums of the windows of one start, from memory or from the table."""
        found = self._recent.pop(start, None)
        if found is None:
            found = np.zeros((3, known))
            found[0] = _ABSENT
            for series, part, *numbers in self._connection.execute(
                "SELECT series, part, n, coalesce(sum_a, 0), coalesce(sum_b, 0) FROM windows WHERE start = ?", (start,)
            ):
                if part == 0:
                    found[:, series] = numbers
                elif found[0, series] == _ABSENT:
                    found[0, series] = 0
        elif found.shape[1] < known:
            more = np.zeros((3, known - found.shape[1]))
            more[0] = _ABSENT
            found = np.concatenate([found, more], axis=1)
        self._recent[start] = found
        if len(self._recent) > _KEPT:
            self._recent.popitem(last=False)
        return found


def put_back(connection: sqlite3.Connection, newest: NDArray[np.int64], now_ms: int) -> NDArray[np.int64]:
    """Let nothing stand as the newest that was given a time later than `now_ms` (epoch ms): a clock was ahead.

    `newest` is the start of the newest window by series, shape (series,); it is returned as it is then. The rows stay.
    """
    connection.execute("DELETE FROM health_now WHERE start > ?", (now_ms,))
    newest = newest.copy()
    for number in np.flatnonzero(newest > now_ms).tolist():
        last = "SELECT max(start) FROM windows WHERE series = ? AND start <= ?"
        start = connection.execute(last, (number, now_ms)).fetchone()[0]
        newest[number] = -1 if start is None else start
        connection.execute("UPDATE series SET newest = ? WHERE id = ?", (start, number))
    return newest
