"""A batch of observations as numpy arrays, without a copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.frame import FrameError
from ingest.log.batch import COLUMNS, Source, open_batch
from ingest.vocabulary import Kind
from models.frames import to_numpy


class Columns:
    """Read-only columns of one batch, each of shape (rows,); see `ingest.log.batch.COLUMNS` for what they hold."""

    __slots__ = (
        "a",
        "b",
        "flags",
        "interval",
        "kind",
        "metric",
        "received",
        "rows",
        "seq",
        "source",
        "sources",
        "strings",
        "text",
        "ts",
    )

    kind: NDArray[np.uint8]
    source: NDArray[np.uint32]
    seq: NDArray[np.int64]
    ts: NDArray[np.int64]
    received: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    interval: NDArray[np.float32]
    metric: NDArray[np.uint32]
    text: NDArray[np.uint32]
    flags: NDArray[np.uint8]

    def __init__(self, payload: bytes) -> None:
        """Open an encoded batch.

        Raises `ingest.frame.FrameError` where it is not one, or where an index points outside its tables.
        """
        batch = open_batch(payload)
        self.rows: int = batch.rows
        self.sources: list[Source] = batch.sources
        self.strings: list[str] = batch.strings
        for name, values in to_numpy(batch.columns).items():
            if name in COLUMNS:
                setattr(self, name, values)
        if not self.rows:
            return
        for name, limit in (
            ("kind", len(Kind)),
            ("source", len(self.sources)),
            ("metric", len(self.strings)),
            ("text", len(self.strings)),
        ):
            highest = int(getattr(self, name).max())
            if highest >= limit:
                raise FrameError(f"column {name!r} points to entry {highest}, but its table has {limit}")
