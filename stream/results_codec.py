"""A shard's results as bytes: what travels from the process of a shard to that of the site's stage.

Layout (little-endian): ``b"PGR"``, one version byte, ``u32`` header length, a MessagePack header (single numbers, small
structs, strings, how long each table is), padding to 8 bytes, the columns of the tables one after another, each padded
to 8 bytes, and last a ``u32`` CRC-32 of all that stands before it. Only the series that the rows name are carried, so
that a message stands for itself. Header fields that a reader does not know are passed over, and those that a writer did
not know have defaults: what is added needs no new version.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.events import Command, Incident
from stream.results import (
    Alert,
    Anomaly,
    BudgetState,
    DeviceHealth,
    GateRows,
    HotspotMap,
    Notice,
    Reject,
    Results,
    SeriesKey,
    StateRows,
    Taught,
    WindowRows,
)

MAGIC: Final = b"PGR"
VERSION: Final = 1
_PREFIX: Final = struct.Struct("<3sBI")

WINDOW_COLUMNS: Final[dict[str, str]] = {
    "series": "<i4",
    "start": "<i8",
    "part": "<i8",
    "status": "<u1",
    "n": "<i4",
    "sum_a": "<f8",
    "sum_b": "<f8",
    "low": "<f8",
    "high": "<f8",
    "exposure": "<f4",
    "expected": "<f4",
    "lower": "<f4",
    "upper": "<f4",
    "p": "<f4",
    "state": "<u1",
}
GATE_COLUMNS: Final[dict[str, str]] = {
    "series": "<i4",
    "ts": "<i8",
    "seq": "<i8",
    "direction": "<u1",
    "allowed": "<i1",
}
STATE_COLUMNS: Final[dict[str, str]] = {"series": "<i4", "ts": "<i8"}
"""Column → type; the strings of gates and states are in the header."""


class ResultsCodecError(ValueError):
    """Bytes are no results: cut short, altered, or of a version not known here."""


class _Header(msgspec.Struct, omit_defaults=True, kw_only=True):
    position: int
    now_ms: int
    watermark_ms: int
    shard: int = 0
    closing: bool = False
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    series: list[tuple[str, str, int, str]] = []
    windows: list[int] = []
    """Rows of each table, here and in `gates` and `states`."""
    gates: list[int] = []
    gate_strings: list[tuple[list[str], list[str], list[str]]] = []
    """boot, vehicle and plate of each table."""
    states: list[int] = []
    state_values: list[list[str]] = []
    anomalies: list[Anomaly] = []
    alerts: list[Alert] = []
    incidents: list[Incident] = []
    commands: list[Command] = []
    notices: list[Notice] = []
    hotspots: HotspotMap | None = None
    budget: BudgetState | None = None
    taught: Taught | None = None
    health: list[DeviceHealth] = []
    rejects: list[Reject] = []


_STRUCTS: Final = (
    "anomalies",
    "alerts",
    "incidents",
    "commands",
    "notices",
    "hotspots",
    "budget",
    "taught",
    "health",
    "rejects",
)
_NUMBERS: Final = ("position", "now_ms", "watermark_ms", "shard", "closing", "accepted", "duplicates", "late")
_TABLES: Final[dict[str, tuple[type, dict[str, str]]]] = {
    "windows": (WindowRows, WINDOW_COLUMNS),
    "gates": (GateRows, GATE_COLUMNS),
    "states": (StateRows, STATE_COLUMNS),
}
CARRIED: Final = frozenset((*_STRUCTS, *_NUMBERS, *_TABLES, "catalog"))
"""Fields of `Results` that are carried; a test holds them against the class."""


def _plain(value: object) -> object:
    """Let a numpy number pass where a struct holds one."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} in results cannot be carried")


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
_DECODER: Final = msgspec.msgpack.Decoder(_Header)


def encode_results(results: Results) -> bytes:
    """Return results as bytes; equal results give equal bytes."""
    tables = {name: getattr(results, name) for name in _TABLES}
    used, number = _used_series(tables, len(results.catalog))
    told: dict[str, Any] = {name: getattr(results, name) for name in (*_NUMBERS, *_STRUCTS)}
    told |= {name: [len(rows.series) for rows in blocks] for name, blocks in tables.items()}
    header = _Header(
        series=[(key.beat, key.device, key.kind, key.metric) for key in map(results.catalog.__getitem__, used)],
        gate_strings=[(rows.boot, rows.vehicle, rows.plate) for rows in results.gates],
        state_values=[rows.value for rows in results.states],
        **told,
    )
    encoded = _ENCODER.encode(header)
    head = _PREFIX.pack(MAGIC, VERSION, len(encoded)) + encoded
    parts = [head, b"\0" * (-len(head) % 8)]
    for name, blocks in tables.items():
        if blocks:
            for column, dtype in _TABLES[name][1].items():
                raw = _column(blocks, column, dtype, number).tobytes()
                parts += [raw, b"\0" * (-len(raw) % 8)]
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(4, "little")


def _used_series(tables: dict[str, list[Any]], size: int) -> tuple[list[int], NDArray[np.int32]]:
    """Return the indices of the series that rows name, rising, and by index the number each gets."""
    used = np.zeros(size, dtype=np.bool_)
    for blocks in tables.values():
        for rows in blocks:
            used[rows.series] = True
    return np.flatnonzero(used).tolist(), (np.cumsum(used) - 1).astype(np.int32)


def _column(blocks: Sequence[Any], column: str, dtype: str, number: NDArray[np.int32]) -> NDArray[Any]:
    values = [getattr(rows, column) for rows in blocks]
    joined = values[0] if len(values) == 1 else np.concatenate(values)
    return np.ascontiguousarray(number[joined] if column == "series" else joined, dtype=dtype)


def decode_results(data: bytes | memoryview) -> Results:
    """Return the results that `encode_results` wrote; their arrays are read-only views of `data`.

    Raises
    ------
    ResultsCodecError
        Naming what is wrong: too few bytes, another format, a version of a newer program, a check sum that differs,
        tables that do not fit.
    """
    if len(data) < _PREFIX.size + 4:
        raise ResultsCodecError(f"{len(data)} bytes are too few for results: they were cut short")
    magic, version, length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise ResultsCodecError(f"results start with {bytes(magic)!r}, expected {MAGIC!r}")
    if version > VERSION:
        raise ResultsCodecError(
            f"results are of version {version}, expected at most {VERSION}: they were written by a newer program"
        )
    view = memoryview(data)
    if zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
        raise ResultsCodecError("check sum of results differs: they were cut short or altered")
    try:
        header = _DECODER.decode(view[_PREFIX.size : _PREFIX.size + length])
        return _results(header, view[:-4], _PREFIX.size + length)
    except (msgspec.MsgspecError, ValueError, IndexError) as error:
        raise ResultsCodecError(f"results of version {version} do not fit: {error}") from error


def _results(header: _Header, view: memoryview, start: int) -> Results:
    out = Results(
        catalog=[SeriesKey(beat=b, device=d, kind=k, metric=m) for b, d, k, m in header.series],
        **{name: getattr(header, name) for name in (*_NUMBERS, *_STRUCTS)},
    )
    start += -start % 8
    strings: dict[str, list[dict[str, list[str]]]] = {
        "windows": [{}] * len(header.windows),
        "gates": [{"boot": boot, "vehicle": vehicle, "plate": plate} for boot, vehicle, plate in header.gate_strings],
        "states": [{"value": values} for values in header.state_values],
    }
    for name, (rows_type, columns) in _TABLES.items():
        lengths: list[int] = getattr(header, name)
        if not lengths:
            continue
        whole: dict[str, NDArray[Any]] = {}
        for column, dtype in columns.items():
            whole[column] = np.frombuffer(view, dtype=dtype, count=sum(lengths), offset=start)
            start += whole[column].nbytes + -whole[column].nbytes % 8
        if len(whole["series"]) and int(whole["series"].max()) >= len(out.catalog):
            raise ValueError(f"{name} name series {int(whole['series'].max())} of {len(out.catalog)}")
        ends = np.cumsum(lengths).tolist()
        for end, rows, texts in zip(ends, lengths, strings[name], strict=True):
            cut = slice(end - rows, end)
            getattr(out, name).append(rows_type(**{k: values[cut] for k, values in whole.items()}, **texts))
    return out
