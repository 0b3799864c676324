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

from console.csv_cells import guarded
from ingest.setup.extras import load
from stream.sinks.store.export_tables import Coded, ColumnType, ExportColumn, Portion, Values

ROW_GROUP: Final = 131_072
"""Rows of a Parquet file that are read together; two or three portions."""
_WHOLE: Final = frozenset({"time", "int", "bool"})
_MARK: Final = "\ufeff"


_DTYPES: Final = {"int32": "<i4", "double": "<f8", "float": "<f4"}
"""Types of numbers that are not of 64 bits and whole, as those and times are."""
Arrow = Any
"""What pyarrow has: it ships no types."""


class ExportWriter(Protocol):
    """Takes portions, one after another."""

    def write(self, portion: Portion) -> None:
        """Write the rows of a portion."""


@contextmanager
def csv_writer(file: TextIO, columns: Sequence[ExportColumn], zone: tzinfo, *, mark: bool) -> Iterator[ExportWriter]:
    """Give a writer of CSV (RFC 4180): a line of names, times in RFC 3339 with the zone's offset, gaps empty.

    With a `mark` of UTF-8 at its beginning Excel shows Chinese.
    """
    file.write(_MARK if mark else "")
    yield _CsvWriter(file, columns, zone)


class _CsvWriter:
    def __init__(self, file: TextIO, columns: Sequence[ExportColumn], zone: tzinfo) -> None:
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
        names = [*(guarded(name) for name in values.names), None]
        return [names[code] for code in values.codes.tolist()]
    listed = _listed(values, whole=kind in _WHOLE)
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


def _listed(values: NDArray[np.float64] | list[Any], *, whole: bool) -> list[Any]:
    """Return a column as a list, with None for what is not there."""
    if isinstance(values, list):
        return [None if isinstance(value, float) and math.isnan(value) else value for value in values]
    gaps = np.isnan(values)
    listed: list[Any] = (np.where(gaps, 0, values).astype(np.int64) if whole else values).tolist()
    for at in np.flatnonzero(gaps).tolist():
        listed[at] = None
    return listed


def _time(ms: int, zone: tzinfo) -> str:
    precise = "milliseconds" if ms % 1000 else "seconds"
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec=precise)


@contextmanager
def parquet_writer(file: IO[bytes], columns: Sequence[ExportColumn], told: Mapping[str, str]) -> Iterator[ExportWriter]:
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
    """Gathers portions to row groups, in which names that come often are written once.

    Arrays are made by their buffers: pyarrow's own ways from Python import pandas where it is installed, 50 MB.
    """

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
        if arrow.types.is_string(kind):
            return self._texts([*values])
        if arrow.types.is_dictionary(kind):
            coded = values if isinstance(values, Coded) else _coded([*values])
            used, codes = np.unique(coded.codes[coded.codes >= 0], return_inverse=True)
            numbers = np.full(len(coded.codes), np.nan)
            numbers[coded.codes >= 0] = codes
            names = self._texts([coded.names[code] for code in used.tolist()])
            return arrow.DictionaryArray.from_arrays(self._numbers(numbers, kind.index_type), names)
        return self._numbers(np.array(values, np.float64), kind)

    def _numbers(self, values: NDArray[np.float64], kind: Arrow) -> Arrow:
        gaps = np.isnan(values)
        known = np.where(gaps, 0, values)
        bits = self._arrow.types.is_boolean(kind)
        return self._made(
            kind,
            ~gaps,
            np.packbits(known > 0, bitorder="little") if bits else known.astype(_DTYPES.get(str(kind), "<i8")),
        )

    def _texts(self, values: Sequence[Any]) -> Arrow:
        encoded = [(value or "").encode() for value in values]
        ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
        return self._made(
            self._arrow.string(), np.array([bool(one) for one in values], np.bool_), ends, b"".join(encoded)
        )

    def _made(self, kind: Arrow, there: NDArray[np.bool_], *buffers: object) -> Arrow:
        """Return an array of its bits of what is there and its other buffers (Arrow columnar format 1.5)."""
        parts = [np.packbits(there, bitorder="little"), *buffers]
        return self._arrow.Array.from_buffers(kind, len(there), [self._arrow.py_buffer(one) for one in parts])


def _coded(values: Sequence[str | None]) -> Coded:
    """Return texts as numbers of names, -1 for a gap."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(value, len(numbers)) if value else -1 for value in values]
    return Coded(np.array(codes, np.int64), [*numbers])
