"""From columns to what windows need: for every new observation its window, its sums, and how far time has come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Flag, Kind
from stream.config import PipelineConfig
from stream.windows.columns import Columns


@dataclass(slots=True)
class Prepared:
    """New observations of one record, in order of arrival; all arrays have shape (rows,)."""

    rows: NDArray[np.intp]
    """Position in the record's columns."""
    series: NDArray[np.int64]
    device: NDArray[np.int64]
    kind: NDArray[np.uint8]
    received: NDArray[np.int64]
    watermark: NDArray[np.int64]
    """Watermark when the row has been seen, epoch ms."""
    number: NDArray[np.int64]
    """Window number."""
    sum_a: NDArray[np.float64]
    sum_b: NDArray[np.float64]
    value: NDArray[np.float64]
    """What lowest and highest are of."""
    exposure: NDArray[np.float64]
    """How much of a window a count covers, above 1 where it covers several; 0 for other kinds."""
    backfill: NDArray[np.bool_]
    """Sent late on purpose."""

    def segments(self, window_ms: int) -> list[tuple[int, int]]:
        """Return [start, end) of the runs of rows between which the watermark passes a window's end."""
        cuts = (np.flatnonzero(np.diff(self.watermark // window_ms)) + 1).tolist()
        return list(zip([0, *cuts], [*cuts, len(self.rows)], strict=True))


def prepare(
    columns: Columns,
    rows: NDArray[np.intp],
    series: NDArray[np.int64],
    device: NDArray[np.int64],
    config: PipelineConfig,
    watermark_ms: int,
) -> Prepared:
    """Work out the window and the sums of every row, and the watermark row by row, from `watermark_ms` on."""
    window_ms = config.pipeline.window_s * 1000
    lateness, grace = round(config.pipeline.lateness_s * 1000), round(config.pipeline.grace_s * 1000)
    ts, received, kind = columns.ts[rows], columns.received[rows], columns.kind[rows]
    a, b = columns.a[rows], columns.b[rows]
    is_count, is_gate = kind == Kind.COUNT, kind == Kind.GATE
    # A clock that runs ahead must not close everybody's windows: event time counts up to the time of receipt.
    rising = np.maximum(np.minimum(ts, received) - lateness, received - grace)
    interval_ms = columns.interval[rows].astype(np.float64) * 1000
    # A count covers the interval before its time stamp and belongs to the window its middle lies in; one that is longer
    # than a window to the window it ends in, or it would always come late.
    back_ms = np.where(interval_ms > window_ms, 1, (interval_ms / 2).astype(np.int64))
    middle = np.where(is_count, ts - back_ms, ts)
    return Prepared(
        rows=rows,
        series=series,
        device=device,
        kind=kind,
        received=received,
        watermark=np.maximum(np.maximum.accumulate(rising), watermark_ms),
        number=middle // window_ms,
        sum_a=np.where(is_gate, a == 0, np.where(kind == Kind.STATE, 1.0, a)),
        sum_b=np.where(is_gate, a == 1, np.where(is_count, b, 0.0)),
        value=np.where(is_count, a + b, np.where(kind == Kind.LEVEL, a, 0.0)),
        exposure=np.where(is_count, interval_ms / window_ms, 0.0),
        backfill=(columns.flags[rows] & Flag.BACKFILL) != 0,
    )
