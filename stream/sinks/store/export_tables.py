"""What can be taken out of a store whole: tables of named columns, read in portions of a bounded size.

Each portion is a question of its own. So the node's write-ahead file can be emptied between them, however long a
reader takes, and memory holds one portion. A portion is as the store was when it was read; no row comes twice, and what
the node adds meanwhile at times that were read already is not seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import KIND_NAMES, LEVEL_STATE_NAMES, STATE_NAMES, STATUS_NAMES, Kind
from stream.sentences import OUTSIDE, Why, numbers_of
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import Row, StoreReader
from stream.sinks.store.window_view import PART_COLUMNS, whole

PORTION: Final = 20_000
"""Rows that are read at a time."""
_BODIES: Final = 2_000
"""Rows of JSON: each takes much more memory than one of numbers."""
_YOUNG: Final = "young"
_BY_NAME: Final = frozenset({"officer_help"})
"""Kinds of alerts whose sentences name a person, and say what that person wrote."""


ColumnType = Literal["time", "int", "float", "single", "bool", "name", "text"]
"""time: epoch ms; single: a float of 32 bits; name: a text of which few are different. Any may have gaps."""


class ExportColumn(NamedTuple):
    """A column of an export."""

    name: str
    type: ColumnType
    personal: bool = False
    """Says who, or what somebody wrote: left out unless it is asked for."""


class Coded(NamedTuple):
    """A column of names: a number into `names` for each row, -1 for a gap."""

    codes: NDArray[np.int64]
    names: list[str]


Values = NDArray[np.float64] | Coded | list[Any]
"""A column of a portion; a gap is NaN in an array, None in a list. Times and whole numbers in arrays are exact."""
Portion = dict[str, Values]


class ExportRequest(NamedTuple):
    """Which rows are asked for, and in which words."""

    since_ms: int
    until_ms: int
    """Rows with ``since_ms <= timestamp < until_ms``."""
    sentences: Sentences
    """In the reader's language, with times in the site's zone."""
    personal: bool = False
    """Say who, and what people wrote."""


class ExportTable(NamedTuple):
    """One table that can be exported."""

    columns: tuple[ExportColumn, ...]
    """The first is ``timestamp``, by which rows are chosen and in whose order they come."""
    read: Callable[[StoreReader, ExportRequest, int], Iterator[tuple[Portion, int]]]
    """Yields portions of at most so many rows, each with the time up to which rows have been read."""


def _columns(text: str) -> tuple[ExportColumn, ...]:
    """Return the columns of a list of ``name:type``, with a star before the names of those that are personal."""
    pairs = (word.split(":") for word in text.split())
    return tuple(ExportColumn(name.lstrip("*"), cast("ColumnType", kind), name.startswith("*")) for name, kind in pairs)


class _Select(NamedTuple):
    """Where the rows of a table of bodies come from, in the order of a time and a key."""

    source: str
    time: str
    key: tuple[str, ...]
    more: tuple[str, ...] = ()
    """What a row has beside time, key and body."""
    body: str = "a.body"


_More = Callable[[Row, Sequence[Any], ExportRequest], Mapping[str, Any]]
"""Takes a body, what its row has `more`, and what is asked; returns values under names of columns."""


def _bodies(
    select: _Select,
    columns: Sequence[ExportColumn],
    values: _More,
    reader: StoreReader,
    asked: ExportRequest,
    portion: int,
) -> Iterator[tuple[Portion, int]]:
    """Yield rows that stand as JSON in the store; `values` adds what a body has under another name, or not at all."""
    order = ", ".join((select.time, *select.key))
    statement = (
        f"SELECT {', '.join((order, select.body, *select.more))} FROM {select.source} "
        f"WHERE ({order}) > ({', '.join('?' * (1 + len(select.key)))}) AND {select.time} >= ? AND {select.time} < ? "
        f"ORDER BY {order} LIMIT ?"
    )
    last: Sequence[Any] = (asked.since_ms - 1, *("" for _ in select.key))
    portion = min(portion, _BODIES)
    rows: list[Any] = [()] * portion
    while len(rows) == portion:
        begin_ms = max(asked.since_ms, last[0])  # where the rest begins, also where a key is of two tables
        rows = reader.query(statement, (*last, begin_ms, asked.until_ms, portion))
        if rows:
            last = rows[-1][: 1 + len(select.key)]
            yield _portion(columns, [_row(one, select, values, asked) for one in rows]), last[0]


def _portion(columns: Sequence[ExportColumn], rows: Sequence[Row]) -> Portion:
    return {column.name: [row.get(column.name) for row in rows] for column in columns}


def _row(row: Sequence[Any], select: _Select, values: _More, asked: ExportRequest) -> Row:
    more = 2 + len(select.key)
    body: Row = msgspec.json.decode(row[more - 1])
    return {**body, "timestamp": row[0], **values(body, row[more:], asked)}


def _said(body: Row, asked: ExportRequest) -> dict[str, Any]:
    """Return code, text and numbers of a body's `why`; a row of version 0.1 has its text in it."""
    if "why" not in body:
        return {"text": asked.sentences.pick(body.get("text") or {})}
    text = _sentence(asked.sentences, msgspec.json.encode(body["why"]))
    return {"code": body["why"]["code"], "text": text, **numbers_of(body["why"])}


@lru_cache(8192)  # a hotspot says the same of a cell for hours
def _sentence(sentences: Sentences, why: bytes) -> str:
    return sentences.why(msgspec.json.decode(why, type=Why))


def _anomaly(body: Row, _more: Sequence[Any], asked: ExportRequest) -> dict[str, Any]:
    said = _said(body, asked)
    return {name: said.get(name) for name in ("code", "text")}


def _alert(body: Row, more: Sequence[Any], asked: ExportRequest) -> dict[str, Any]:
    ended = body["state"] in {"cleared", "expired"}
    place = asked.sentences.pick(body.get("place") or {}) or asked.sentences.why(OUTSIDE)
    said = _said(body, asked)
    if body["kind"] in _BY_NAME and not asked.personal:
        said["text"] = asked.sentences("alert-title", kind=body["kind"], place=place)
    return said | {
        "devices": " ".join(body.get("devices") or [body["device"]]),
        "place": place,
        "acknowledged": more[0],
        "ended": body["changed_ms"] if ended else None,
        "ended_by": ("people" if body.get("by") else "system") if ended else None,
        "caused": body.get("cause_ms") or None,
    }


def _hotspot(body: Row, more: Sequence[Any], asked: ExportRequest) -> dict[str, Any]:
    place = _sentence(asked.sentences, msgspec.json.encode(body["where"])) if "where" in body else ""
    return {"horizon_s": more[0], "cell_m": more[1], "place": place, "text": _said(body, asked)["text"]}


def _stop(body: Row, more: Sequence[Any], asked: ExportRequest) -> dict[str, Any]:
    return {
        "leave": body["leave_ms"],
        "shift": more[0],
        "planned_min": more[1],
        "shift_begin": more[2],
        "shift_end": more[3],
        "shift_name": (msgspec.json.decode(more[4]) if more[4] else {}).get("name"),
        "arrived": body.get("arrived_ms") or None,
        "done": body.get("done_ms") or None,
        "place": asked.sentences.pick(body.get("place") or {}),
    }


_FLOATS: Final = ("value", "low", "high", "exposure", "expected", "lower", "upper", "p")
_WINDOWS: Final = _columns(
    "timestamp:time beat:name device:name kind:name metric:name n:int count:int in:int out:int value:float low:float "
    "high:float exposure:single expected:single lower:single upper:single p:single state:name status:name length_s:int"
)
_ROWS: Final = f"""SELECT start, series, {", ".join(PART_COLUMNS)} FROM windows
WHERE (start, series) >= (?, ?) AND start < ? ORDER BY start, series, part LIMIT ?"""


def _windows(reader: StoreReader, asked: ExportRequest, portion: int) -> Iterator[tuple[Portion, int]]:
    """Yield windows, each the sum of its parts, as `StoreReader.windows` has them, in the order of start and series."""
    begin, series = asked.since_ms, -1
    while rows := reader.query(_ROWS, (begin, series, asked.until_ms, portion + 1)):
        more = len(rows) > portion
        table = np.array(rows, dtype=np.float64)
        first = np.flatnonzero(np.any(np.diff(table[:, :2], axis=0, prepend=-1.0) != 0, axis=1))
        if more and len(first) == 1:  # one window of very many parts
            portion *= 2
            continue
        if more:  # of the last one there may be more
            begin, series = rows[first[-1]][:2]
            table, first = table[: first[-1]], first[:-1]
        end = np.append(first[1:], len(table))
        for one in np.flatnonzero((end - first > 1) | (table[first, 2] != 0)):
            parts = [row[2:] for row in rows[first[one] : end[one]]]
            table[first[one], 3:] = [np.nan if value is None else value for value in whole(parts)]
        yield _window_columns(reader, table[first]), int(table[-1, 0])
        if not more:
            return


def _window_columns(reader: StoreReader, table: NDArray[np.float64]) -> Portion:
    """Return windows (start, series, part, status, n, …, p, state) as the columns of `_WINDOWS`."""
    known = reader.query("SELECT id, beat, device, kind, metric FROM series ORDER BY id")
    which = np.searchsorted([row[0] for row in known], table[:, 1])
    beat, device, kind_code, metric = (list(column) for column in [*zip(*known, strict=True)][1:])
    kind = np.array(kind_code, dtype=np.int64)[which]
    n, sum_a, sum_b = table[:, 4:7].T
    passing = np.isin(kind, (Kind.COUNT, Kind.GATE))
    into, out = (np.where(passing, np.rint(one), np.nan) for one in (sum_a, sum_b))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where((kind == Kind.LEVEL) & (n > 0), sum_a / n, np.nan)
    floats = dict(zip(_FLOATS, (value, *table[:, 7:14].T), strict=True))
    return {
        "timestamp": table[:, 0],
        "beat": Coded(which, beat),
        "device": Coded(which, device),
        "kind": Coded(which, [KIND_NAMES.get(code, str(code)) for code in kind_code]),
        "metric": Coded(which, metric),
        "n": n,
        "count": into + out,
        "in": into,
        "out": out,
        **floats,
        "state": _states(table[:, 14], kind == Kind.LEVEL),
        "status": Coded(table[:, 3].astype(np.int64), [STATUS_NAMES.get(code, str(code)) for code in range(256)]),
        "length_s": _lengths(reader, table[:, 0]),
    }


def _states(state: NDArray[np.float64], level: NDArray[np.bool_]) -> Coded:
    """Return the names of states, which are others for levels than for counts; young where there is none."""
    names = [one.get(code, str(code)) for one in (STATE_NAMES, LEVEL_STATE_NAMES) for code in range(256)]
    codes = np.where(np.isnan(state), names.index(_YOUNG), np.nan_to_num(state) + 256 * level)
    return Coded(codes.astype(np.int64), names)


def _lengths(reader: StoreReader, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long windows are, in seconds; NaN where nobody has said so."""
    changes = reader.window_lengths()
    lengths = np.array([np.nan, *(one[1] for one in changes)])
    return lengths[np.searchsorted([one[0] for one in changes], start, side="right")]


def _table(text: str, select: _Select, values: _More | None = None) -> ExportTable:
    columns = _columns(text)
    return ExportTable(columns, partial(_bodies, select, columns, values or (lambda _body, _more, _asked: {})))


_ACKNOWLEDGED: Final = """(SELECT min(h.changed_ms) FROM alert_history h
WHERE h.id = a.id AND json_extract(h.body, '$.state') = 'acknowledged')"""
_PLANS: Final = "officer_plans p ON p.shift = a.shift AND p.officer = a.officer"
TABLES: Final[dict[str, ExportTable]] = {
    "windows": ExportTable(_WINDOWS, _windows),
    "anomalies": _table(
        "timestamp:time beat:name device:name metric:name kind:name direction:name severity:name observed:float "
        "expected:float p:float duration_s:float confidence:float code:name text:text",
        _Select("anomalies a", "a.ts", ("a.device", "a.metric", "a.kind")),
        _anomaly,
    ),
    "alerts": _table(
        "timestamp:time id:text revision:int state:name severity:name kind:name beat:name device:name devices:text "
        "lon:float lat:float place:text observed:float expected:float p:float confidence:float caused:time "
        "acknowledged:time ended:time ended_by:name reason:name code:name text:text *by:name *note:text",
        _Select("alert_search s JOIN alerts a ON a.id = s.id", "s.raised_ms", ("s.id",), (_ACKNOWLEDGED,)),
        _alert,
    ),
    "revisions": _table(
        "timestamp:time id:text revision:int changed:time state:name severity:name kind:name beat:name device:name "
        "people:bool reason:name *by:name *note:text",
        _Select(
            "alert_search s CROSS JOIN alert_history a ON a.id = s.id", "s.raised_ms", ("s.id", "a.revision")
        ),  # CROSS JOIN keeps this order of loops in SQLite: by the index of what was raised when
        lambda body, _more, _asked: {"changed": body["changed_ms"], "people": bool(body.get("by"))},
    ),
    "hotspots": _table(
        "timestamp:time cell:name beat:name lon:float lat:float rank:int risk:float expected:float horizon_s:int "
        "cell_m:float place:text text:text",
        _Select("hotspots a JOIN hotspot_maps m ON m.ts = a.ts", "a.ts", ("a.cell",), ("m.horizon_s", "m.cell_m")),
        _hotspot,
    ),
    "incidents": _table(
        "timestamp:time id:text category:name provenance:name beat:name lon:float lat:float received:time "
        "backfill:bool *text:text",
        _Select("incidents a", "a.ts", ("a.id",), ("a.seen_ms",)),
        lambda body, more, _asked: {"received": more[0], "backfill": body.get("backfill", False)},
    ),
    "patrols": _table(
        "timestamp:time leave:time shift:name shift_name:name shift_begin:time shift_end:time kind:name beat:name "
        "cell:name lon:float lat:float place:text state:name planned_min:float delivered_min:float arrived:time "
        "done:time *id:text *officer:name *note:text",
        _Select(
            f"patrol_stops a LEFT JOIN {_PLANS}",
            "a.arrive_ms",
            ("a.id",),
            ("a.shift", "a.planned_min", "p.begin_ms", "p.end_ms", "p.body"),
        ),
        _stop,
    ),
    "plans": _table(
        "timestamp:time end:time shift:name name:name over:bool solver:name *officer:name",
        _Select("officer_plans a", "a.begin_ms", ("a.shift", "a.officer"), ("a.end_ms",)),
        lambda _body, more, _asked: {"end": more[0]},
    ),
    "health": _table(
        "timestamp:time beat:name device:name received:int late:int missing:int duplicate:int stuck:bool silent:bool "
        "online:bool skew_s:float quality:float",
        _Select("health a", "a.start", ("a.device",)),
    ),
    "watched": _table(
        "timestamp:time until:time",
        _Select("watched", "since_ms", (), ("until_ms",), "'{}'"),
        lambda _body, more, _asked: {"until": more[0]},
    ),
}
"""What can be exported, by the name that people type."""
