"""Writes an export: CSV for everybody, Parquet (Apache Parquet format 2.6) where its package is installed.

A writer takes portions of columns and keeps no more than one row group of them.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import cache
from typing import IO, Any, Final, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from ingest.setup.extras import load
from stream.sinks.store.export_tables import Coded, Column, ColumnType, Portion, Values

ROW_GROUP: Final = 131_072
"""Rows of a Parquet file that are read together; two or three portions."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WHOLE: Final = frozenset({"time", "int", "bool"})
BOM: Final = "\ufeff"


Arrow = Any
"""What pyarrow has: it ships no types."""


class ExportWriter(Protocol):
    """Takes portions, one after another."""

    def write(self, portion: Portion) -> None:
        """Write the rows of a portion."""


def guarded(text: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula: with an apostrophe before it where it would."""
    return f"'{text}" if text.startswith(_FORMULA) else text


@contextmanager
def csv_writer(file: TextIO, columns: Sequence[Column], zone: tzinfo) -> Iterator[ExportWriter]:
    """Give a writer of CSV (RFC 4180): a line of names, times in RFC 3339 with the zone's offset, gaps empty."""
    yield _CsvWriter(file, columns, zone)


class _CsvWriter:
    def __init__(self, file: TextIO, columns: Sequence[Column], zone: tzinfo) -> None:
        self._columns, self._zone = columns, zone
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow([column.name for column in columns])

    def write(self, portion: Portion) -> None:
        self._rows.writerows(
            zip(*(_cells(portion[column.name], column.type, self._zone) for column in self._columns), strict=True)
        )


def _cells(values: Values, kind: ColumnType, zone: tzinfo) -> list[Any]:
    """Return a column as the csv module takes it: None is an empty cell."""
    if isinstance(values, Coded):
        names = [guarded(name) for name in values.names]
        return [names[code] for code in values.codes.tolist()]
    listed = _whole(values) if isinstance(values, np.ndarray) and kind in _WHOLE else _listed(values)
    if kind == "time":
        shown = cache(lambda ms: _time(ms, zone))
        return [None if value is None else shown(value) for value in listed]
    if kind in {"name", "text"}:
        return [guarded(str(value)) if value else None for value in listed]
    if kind == "single":
        return [None if value is None else f"{value:.7g}" for value in listed]
    if kind == "bool":
        return [None if value is None else str(bool(value)).lower() for value in listed]
    return listed


def _time(ms: int, zone: tzinfo) -> str:
    precise = "milliseconds" if ms % 1000 else "seconds"
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec=precise)


def _whole(values: NDArray[np.float64]) -> list[int | None]:
    gaps = np.isnan(values)
    whole: list[int | None] = np.where(gaps, 0, values).astype(np.int64).tolist()
    for at in np.flatnonzero(gaps).tolist():
        whole[at] = None
    return whole


def _listed(values: Values) -> list[Any]:
    if isinstance(values, np.ndarray):
        return [None if math.isnan(value) else value for value in values.tolist()]
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


@contextmanager
def parquet_writer(file: IO[bytes], columns: Sequence[Column], told: Mapping[str, str]) -> Iterator[ExportWriter]:
    """Give a writer of Parquet with Zstandard; times are milliseconds in UTC, `told` stands in the file's metadata.

    Raises `MissingExtraError` where pyarrow is not installed.
    """
    arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    types = {
        "time": arrow.timestamp("ms", "UTC"),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "single": arrow.float32(),
        "bool": arrow.bool_(),
        "name": arrow.dictionary(arrow.int32(), arrow.string()),
        "text": arrow.string(),
    }
    schema = arrow.schema([(column.name, types[column.type]) for column in columns], metadata=dict(told))
    with parquet.ParquetWriter(file, schema, compression="zstd", version="2.6") as inner:
        writer = _ParquetWriter(arrow, inner, schema)
        yield writer
        writer.flush(1)


class _ParquetWriter:
    """Gathers portions to row groups; names that come often are written once in each."""

    def __init__(self, arrow: Arrow, inner: Arrow, schema: Arrow) -> None:
        self._arrow, self._inner, self._schema = arrow, inner, schema
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, portion: Portion) -> None:
        arrays = [self._array(portion[field.name], field.type) for field in self._schema]
        self._waiting.append(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows += self._waiting[-1].num_rows
        self.flush(ROW_GROUP)

    def flush(self, least: int) -> None:
        """Write what waits as one row group, where it has so many rows."""
        if self._rows >= least:
            table = self._arrow.concat_tables(self._waiting).unify_dictionaries()
            self._waiting, self._rows = [], 0
            self._inner.write_table(table, row_group_size=len(table))

    def _array(self, values: Values, kind: Arrow) -> Arrow:
        arrow = self._arrow
        if isinstance(values, Coded):
            used, codes = np.unique(values.codes, return_inverse=True)
            names = arrow.array([values.names[code] for code in used.tolist()], arrow.string())
            return arrow.DictionaryArray.from_arrays(arrow.array(codes, arrow.int32()), names)
        if isinstance(values, np.ndarray):
            gaps = np.isnan(values)
            whole = arrow.types.is_integer(kind) or arrow.types.is_timestamp(kind)
            known = np.where(gaps, 0, values).astype(np.int64) if whole else values
            return arrow.array(known, mask=gaps).cast(kind)
        if arrow.types.is_dictionary(kind):
            return arrow.array(values, arrow.string()).dictionary_encode()
        return arrow.array(values, kind, from_pandas=True)
