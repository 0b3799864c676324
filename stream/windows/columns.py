"""A batch of observations as numpy arrays, without a copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.log.batch import BatchError, Kind, Source, open_batch

_DTYPES = {"B": "<u1", "H": "<u2", "I": "<u4", "q": "<i8", "d": "<f8", "f": "<f4"}


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

        Raises `ingest.log.batch.BatchError` where it is not one, or where an index points outside its tables.
        """
        batch = open_batch(payload)
        self.rows: int = batch.rows
        self.sources: list[Source] = batch.sources
        self.strings: list[str] = batch.strings
        for name, (code, view) in batch.columns.items():
            if name in self.__slots__:
                setattr(self, name, np.frombuffer(view, dtype=_DTYPES[code]))
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
                raise BatchError(f"column {name!r} points to entry {highest}, but its table has {limit}")
