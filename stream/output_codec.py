"""A shard's output as bytes: what travels from the process of a shard to that of the site's stage.

They are a frame (`ingest.frame`). Its meta data are single numbers, small structs, strings, and how long each table is;
its arrays are the columns of the tables, those of one kind joined. Only the series that the rows name are carried, so
that a message can be read by itself. Fields of the meta data that a reader does not know are passed over, and those
that a writer did not know have defaults: an addition needs no new version.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.events import Command, Incident, PatrolDid, PatrolPlan
from ingest.frame import Buffer, FrameError, FrameKind
from ingest.health import AgentReport
from ingest.refusal import Refusal
from models.frames import to_numpy
from stream.results import (
    Anomaly,
    DeviceHealth,
    GateRows,
    Notice,
    SeriesKey,
    ShardOutput,
    StateRows,
    Taught,
    WindowRows,
)

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


class _Header(msgspec.Struct, omit_defaults=True, kw_only=True):
    position: int
    now_ms: int
    watermark_ms: int
    shard: int = 0
    places: bytes = b""
    calendar: bytes = b""
    sure: bool = False
    put_back: bool = False
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
    incidents: list[Incident] = []
    commands: list[Command] = []
    plans: list[PatrolPlan] = []
    dids: list[PatrolDid] = []
    fits: list[bytes] = []
    notices: list[Notice] = []
    taught: Taught | None = None
    health: list[DeviceHealth] = []
    agents: list[AgentReport] = []
    refusals: list[Refusal] = []


_STRUCTS: Final = (
    "anomalies", "incidents", "commands", "plans", "dids", "fits", "notices", "taught", "health", "agents",
    "refusals",
)  # fmt: skip
_PLAIN: Final = (
    "position", "now_ms", "watermark_ms", "shard", "places", "calendar", "sure", "put_back", "closing", "accepted",
    "duplicates", "late",
)  # fmt: skip
_TABLES: Final[dict[str, tuple[type, dict[str, str]]]] = {
    "windows": (WindowRows, WINDOW_COLUMNS),
    "gates": (GateRows, GATE_COLUMNS),
    "states": (StateRows, STATE_COLUMNS),
}


def _plain(value: object) -> object:
    """Let a numpy number pass where a struct holds one."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} in results cannot be carried")


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_plain)


def encode_output(output: ShardOutput) -> bytes:
    """Return a shard's output as bytes; equal output gives equal bytes."""
    tables = {name: getattr(output, name) for name in _TABLES}
    used, number = _used_series(tables, len(output.catalog))
    fields: dict[str, Any] = {name: getattr(output, name) for name in (*_PLAIN, *_STRUCTS)}
    fields |= {name: [len(rows.series) for rows in blocks] for name, blocks in tables.items()}
    header = _Header(
        series=[(key.beat, key.device, key.kind, key.metric) for key in map(output.catalog.__getitem__, used)],
        gate_strings=[(rows.boot, rows.vehicle, rows.plate) for rows in output.gates],
        state_values=[rows.value for rows in output.states],
        **fields,
    )
    columns = {
        f"{name}/{column}": _column(blocks, column, dtype, number)
        for name, blocks in tables.items()
        if blocks
        for column, dtype in _TABLES[name][1].items()
    }
    return frame.encode(FrameKind.RESULTS, msgspec.Raw(_ENCODER.encode(header)), columns)


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


def decode_output(data: Buffer | None) -> ShardOutput:
    """Return the output that `encode_output` wrote; their arrays are read-only views of `data`.

    Raises `ingest.frame.FrameError` for any other bytes, and for tables that do not fit each other.
    """
    header, arrays = frame.decode(FrameKind.RESULTS, data, _Header)
    try:
        return _output(header, to_numpy(arrays))
    except (ValueError, KeyError) as error:
        raise FrameError(f"the parts of the message of results do not fit each other: {error}") from error


def _output(header: _Header, arrays: dict[str, NDArray[Any]]) -> ShardOutput:
    out = ShardOutput(
        catalog=[SeriesKey(beat=b, device=d, kind=k, metric=m) for b, d, k, m in header.series],
        **{name: getattr(header, name) for name in (*_PLAIN, *_STRUCTS)},
    )
    strings: dict[str, list[dict[str, list[str]]]] = {
        "windows": [{}] * len(header.windows),
        "gates": [{"boot": boot, "vehicle": vehicle, "plate": plate} for boot, vehicle, plate in header.gate_strings],
        "states": [{"value": values} for values in header.state_values],
    }
    for name, (rows_type, columns) in _TABLES.items():
        lengths: list[int] = getattr(header, name)
        if not lengths:
            continue
        whole = {column: arrays[f"{name}/{column}"] for column in columns}
        for column, values in whole.items():
            if values.dtype != columns[column] or values.shape != (sum(lengths),):
                raise ValueError(
                    f"{name} have {column} of type {values.dtype} and shape {values.shape}, "
                    f"expected {columns[column]} and ({sum(lengths)},)"
                )
        if len(whole["series"]) and int(whole["series"].max()) >= len(out.catalog):
            raise ValueError(f"{name} name series {int(whole['series'].max())} of {len(out.catalog)}")
        for end, rows, texts in zip(np.cumsum(lengths).tolist(), lengths, strings[name], strict=True):
            cut = slice(end - rows, end)
            getattr(out, name).append(rows_type(**{k: values[cut] for k, values in whole.items()}, **texts))
    return out
