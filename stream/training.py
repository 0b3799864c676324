"""Making history for the baselines: windows of the store or of a file, cut into records for the log.

Windows are gathered oldest first and put into records of about a day: the baselines look at sums over up to an hour, so
a record should span many windows, but live data waits while one is learned.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.log import HistorySeries
from ingest.log.history import encode_history
from ingest.shards import ShardMap
from ingest.vocabulary import Kind, WindowStatus
from stream.results import RECALLED
from stream.sinks.store.reader import StoreReader

RECORD_MS: Final = 86_400_000
"""Longest span of a record."""
RECORD_ROWS: Final = 200_000
"""Most windows of a record: about a second of work."""
_PORTION_MS: Final = 6 * 3_600_000
"""What is read from the store at once."""
_LEVEL_MS: Final = 1_800_000
"""One reading in so long is learned where a row covers more: the season of levels has bins of half an hour."""
_SEED: Final = 20_250_801
"""Of the chance by which counts over long intervals are spread: the same file gives the same history."""


@dataclass(slots=True)
class PastWindows:
    """Windows of some series; all arrays have shape (rows,)."""

    names: list[HistorySeries]
    which: NDArray[np.int64]
    """Index into `names`."""
    number: NDArray[np.int64]
    """Start over length."""
    value: NDArray[np.float64]
    exposure: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.which)

    def chosen(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "PastWindows":
        """Return some of the windows."""
        return PastWindows(self.names, self.which[rows], self.number[rows], self.value[rows], self.exposure[rows])


def stored_windows(
    reader: StoreReader, window_ms: int, since_ms: int, until_ms: int, names: dict[int, HistorySeries]
) -> Iterator[PastWindows]:
    """Yield the closed windows of a store from `since_ms` on, oldest first, a portion at a time.

    Parameters
    ----------
    names
        Number of a series in the store → its name, for the series that are wanted; counts and levels only.

    Notes
    -----
    A window is the sum of its parts. Windows that were open when the node stopped are left out, and so are the
    expectations of windows without observations. Exposures of windows that had another length are counted anew.
    """
    changes = reader.window_lengths()
    numbers = sorted(names)
    listed = [names[number] for number in numbers]
    is_count = np.array([series.kind == Kind.COUNT for series in listed], dtype=np.bool_)
    for start in range(since_ms, until_ms, _PORTION_MS):
        found = reader.parts_between(start, min(start + _PORTION_MS, until_ms))
        if not found:
            continue
        table = np.array(found, dtype=np.float64)
        series, begin, part, status = (table[:, column].astype(np.int64) for column in range(4))
        wanted = np.isin(series, numbers) & (part != RECALLED) & (status != WindowStatus.OPEN) & (table[:, 4] > 0)
        series, begin, table = series[wanted], begin[wanted], np.nan_to_num(table[wanted])
        which = np.searchsorted(numbers, series)
        n, sum_a, sum_b, exposure = table[:, 4], table[:, 5], table[:, 6], table[:, 7]
        late = status[wanted] == WindowStatus.LATE  # its part is the log position it came at
        for since, window_s, position in changes:  # of several the last one that had begun counts
            begun = np.where(late, part[wanted] > position, begin >= since)
            exposure = np.where(begun, table[:, 7] * (1000 * window_s / window_ms), exposure)
        key, place = np.unique((begin // window_ms) * len(numbers) + which, return_inverse=True)
        which, number = key % max(len(numbers), 1), key // max(len(numbers), 1)
        total, seen, covered = (
            np.bincount(place, weights, len(key))
            for weights in (sum_a + np.where(is_count[which][place], sum_b, 0.0), n, exposure)
        )
        count = is_count[which]
        # A count that covers several windows is learned as its mean, as it is live.
        value = np.where(count, total / np.maximum(covered, 1.0), total / np.maximum(seen, 1.0))
        share = np.where(count, np.minimum(covered, 1.0), 1.0)
        yield PastWindows(listed, which, number, value, share).chosen(share > 0)


def fitted(
    names: list[HistorySeries],
    which: NDArray[np.int64],
    start_ms: NDArray[np.int64],
    value: NDArray[np.float64],
    interval_ms: int,
    window_ms: int,
) -> PastWindows:
    """Return rows that cover `interval_ms` each as windows of the site's length.

    Shorter rows are summed (levels: averaged). A count over a longer interval is dealt out to its windows by chance,
    as whole numbers (multinomial): so the mean is right and a window varies as counts do. A level over a longer
    interval is given to a window every half hour.
    """
    counts = np.array([series.kind == Kind.COUNT for series in names], dtype=np.bool_)[which]
    if interval_ms <= window_ms:
        number = (start_ms + interval_ms // 2) // window_ms
        covered = np.full(len(which), interval_ms / window_ms)
    else:
        pieces = -(-interval_ms // window_ms)
        step = max(_LEVEL_MS // window_ms, 1)
        offsets = np.arange(pieces)
        totals = np.rint(np.where(counts, value, 0.0)).astype(np.int64)
        dealt = np.random.default_rng(_SEED).multinomial(totals, np.full(pieces, 1.0 / pieces))
        spread = np.where(counts[:, None], dealt, value[:, None])
        used = counts[:, None] | (offsets % step == 0)[None, :]
        number = ((start_ms // window_ms)[:, None] + offsets)[used]
        which, value = np.repeat(which, used.sum(axis=1)), spread[used]
        covered = np.full(len(which), interval_ms / (pieces * window_ms))
        counts = np.repeat(counts, used.sum(axis=1))
    key, first, place = np.unique(number * max(len(names), 1) + which, return_index=True, return_inverse=True)
    total, rows, share = (np.bincount(place, weights, len(key)) for weights in (value, np.ones(len(value)), covered))
    count = counts[first]
    mean = np.where(count, total, total / np.maximum(rows, 1.0))
    return PastWindows(names, which[first], number[first], mean, np.where(count, np.minimum(share, 1.0), 1.0))


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of history to be appended."""

    shard: int
    payload: bytes
    windows: int
    end_ms: int
    """End of its newest window: how far time has come."""


def pieces(
    portions: Iterable[PastWindows],
    window_ms: int,
    *,
    shards: int = 1,
    again: bool = False,
    keep: Callable[[PastWindows], NDArray[np.bool_]] | None = None,
) -> Iterator[Piece]:
    """Cut windows, oldest first, into records of at most a day and `RECORD_ROWS` windows, each of one shard.

    `keep` says which windows of a portion are worth sending.
    """
    shard_map = ShardMap(shards)
    for portion in _gathered(portions, window_ms):
        wanted = portion if keep is None else portion.chosen(keep(portion))
        if not len(wanted):
            continue
        shard = np.array([shard_map.shard_of(series.beat) for series in wanted.names], dtype=np.int64)[wanted.which]
        for number in np.unique(shard).tolist():
            mine = wanted.chosen(shard == number)
            for begin in range(0, len(mine), RECORD_ROWS):
                part = mine.chosen(slice(begin, begin + RECORD_ROWS))
                yield Piece(
                    number, _payload(part, window_ms, again=again), len(part), (int(part.number.max()) + 1) * window_ms
                )


def _gathered(portions: Iterable[PastWindows], window_ms: int) -> Iterator[PastWindows]:
    """Join portions that follow one another, and cut them by the day, in order of time."""
    waiting: list[PastWindows] = []
    day = -1
    for portion in portions:
        ordered = portion.chosen(np.lexsort((portion.which, portion.number)))
        days = ordered.number * window_ms // RECORD_MS
        cuts = (np.flatnonzero(np.diff(days)) + 1).tolist()
        for begin, end in pairwise([0, *cuts, len(days)] if len(days) else []):
            if int(days[begin]) != day and waiting:
                yield joined(waiting)
                waiting = []
            day = int(days[begin])
            waiting.append(ordered.chosen(slice(begin, end)))
    if waiting:
        yield joined(waiting)


def joined(portions: Sequence[PastWindows]) -> PastWindows:
    """Return the windows of several portions of the same series as one."""
    first = portions[0]
    if len(portions) == 1:
        return first
    return PastWindows(
        first.names,
        *(np.concatenate([getattr(p, name) for p in portions]) for name in ("which", "number", "value", "exposure")),
    )


def _payload(windows: PastWindows, window_ms: int, *, again: bool) -> bytes:
    used, place = np.unique(windows.which, return_inverse=True)
    return encode_history(
        window_ms,
        [windows.names[index] for index in used.tolist()],
        place.tolist(),
        windows.number.tolist(),
        windows.value.tolist(),
        windows.exposure.tolist(),
        again=again,
    )
