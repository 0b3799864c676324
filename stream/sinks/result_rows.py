"""What every sink does with results before it writes them: leave out what is in, merge columns, name numbers."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.results import Results, WindowRows

NOTHING_WRITTEN: Final = -1
"""The `order` that a destination has reached, and its position, before it has taken any results."""
WINDOW_COLUMNS: Final = tuple(field.name for field in fields(WindowRows))


def order(result: Results) -> int:
    """Return where results stand in the order of writing: by log position, those of a planned stop behind its own."""
    return 2 * result.position + result.closing


def position_of(reached: int) -> int:
    """Return the log position of an `order`."""
    return reached // 2


def after(results: Sequence[Results], reached: int) -> list[Results]:
    """Return the results behind `reached`, an `order`: those that a destination which reached it does not have.

    Results are a pure function of the log and are written in log order, so whatever stands at or before the newest
    written results is in already, and is passed over rather than written again. To write it again would be wrong, not
    just slow: an older row of an open window would for a while replace the newer one.
    """
    return [result for result in results if order(result) > reached]


def merge_windows(results: Sequence[Results]) -> WindowRows | None:
    """Return the window rows of all results as one, or None where there is none.

    Keeps the last row of every key (series, start, part), sorted by start, series and part: an open window that
    fifty records changed is written once, and neighbours on disk are written together.
    """
    parts = [rows for result in results for rows in result.windows if len(rows)]
    if not parts:
        return None
    merged = {name: np.concatenate([getattr(rows, name) for rows in parts]) for name in WINDOW_COLUMNS}
    start, series, part = merged["start"], merged["series"], merged["part"]
    order = np.lexsort((np.arange(len(start)), part, series, start))
    start, series, part = start[order], series[order], part[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (start[1:] != start[:-1]) | (series[1:] != series[:-1]) | (part[1:] != part[:-1])
    keep = order[last]
    return WindowRows(**{name: column[keep] for name, column in merged.items()})


def plain(column: NDArray[Any]) -> list[Any]:
    """Return a column as Python numbers, with NaN for what is not finite (SQLite and JSON make it null).

    The minimum of an empty window is infinite; no reader can use it, and JSON has no word for it.
    """
    if column.dtype.kind == "f":
        finite = np.isfinite(column)
        if not finite.all():
            column = np.where(finite, column, np.nan)
    values: list[Any] = column.tolist()
    return values


def check_series(results: Sequence[Results]) -> None:
    """Raise `ValueError` where a row's series is not in the catalogue: nobody could say later which device it is of."""
    for result in results:
        known = len(result.catalog)
        for name, tables in (("windows", result.windows), ("gates", result.gates), ("states", result.states)):
            for rows in tables:
                series = rows.series
                if len(series) and (series.min() < 0 or series.max() >= known):
                    wrong = int(series.min() if series.min() < 0 else series.max())
                    raise ValueError(
                        f"{name} of log position {result.position} name series {wrong}, "
                        f"expected 0 to {known - 1}, the catalogue's indices"
                    )
