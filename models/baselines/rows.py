"""Which series a call is about: a run of them, read and written in place, or some of them, picked out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp] | slice
Seen = NDArray[np.bool_] | None


def as_run(index: NDArray[np.intp]) -> Rows:
    """Return a slice where the rows are a run: numpy then reads memory in place."""
    if len(index) and index[-1] - index[0] == len(index) - 1 and bool((index[1:] > index[:-1]).all()):
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


def nearly_a_run(index: NDArray[np.intp]) -> slice | None:
    """Return the run that the rows are most of, in rising order; None where they are scattered or not in order.

    Out of ten thousand devices a few are always silent: to skip over them in place is cheaper than to pick the others.
    """
    if len(index) < 2 or not 0 < index[-1] - index[0] < 2 * len(index) or not bool((index[1:] > index[:-1]).all()):
        return None
    return slice(int(index[0]), int(index[-1]) + 1)


def some_of(rows: Rows, which: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rows for which `which` (rows,) holds, as indices."""
    return np.flatnonzero(which) + rows.start if isinstance(rows, slice) else rows[which]


def picked(rows: Rows, places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows at some places among `rows`, as indices."""
    return places + rows.start if isinstance(rows, slice) else rows[places]


def columns(values: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
    """Return values (…, rows) at some places. In rows of memory again, which `values[..., places]` would not be."""
    return values.take(places, axis=-1)


def put(array: NDArray[Any], rows: Rows, values: NDArray[Any] | float, seen: Seen = None) -> None:
    """Write values (…, rows) into an array (…, series); only those seen, where `seen` (rows,) is given."""
    if seen is None:
        array[..., rows] = values
    elif isinstance(rows, slice):
        np.copyto(array[..., rows], values, where=seen)
    else:
        array[..., rows[seen]] = values[..., seen] if isinstance(values, np.ndarray) else values


def fade(sums: NDArray[Any], rows: Rows, keep: NDArray[Any] | float, more: NDArray[Any], seen: Seen = None) -> None:
    """Let forgetting sums (series,) of some rows fade and add more (rows,) to them."""
    some = sums[rows]
    if seen is None and isinstance(rows, slice):  # in place
        some *= keep
        some += more
    else:
        put(sums, rows, some * keep + more, seen)


def drawn(number: int) -> int:
    """Return a whole number that looks like chance, but is the same for the same window."""
    return (number * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF) >> 40
