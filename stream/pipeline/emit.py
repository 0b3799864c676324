"""From arrays to result rows."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.events import Command, Incident, PatrolDid, PatrolPlan
from ingest.health import AgentReport
from ingest.log import Record, RecordKind
from ingest.refusal import SUMMED, Refusal
from ingest.vocabulary import KIND_NAMES, Kind, Reason, WindowStatus
from models.rules.word_times import Arrival
from stream.detect.rules_stage import RulesStage
from stream.results import GateRows, RecordOutput, ShardOutput, WindowRows
from stream.windows.columns import Columns, Prepared, Rows
from stream.windows.windows import Cells
from stream.windows.word_order import Arranged, WordOrder, Words

_KEPT: Final = 16
"""Refusals of one device and one reason in a record that keep what was refused."""
FURTHER_PART: Final = 1 << 48
"""Parts of windows after the time was put back are above the parts of late additions, which are log positions."""
T = TypeVar("T")


def window_rows(cells: Cells, status: WindowStatus, window_ms: int, part: int = 0) -> WindowRows:
    """Return rows of some windows' contents."""
    rows = len(cells.series)
    return WindowRows(
        series=cells.series,
        start=cells.number * window_ms,
        part=np.full(rows, part, dtype=np.int64),
        status=np.full(rows, status, dtype=np.uint8),
        **cells.fields,
    )


def addition_rows(new: Prepared, rows: NDArray[np.intp], window_ms: int, position: int) -> WindowRows:
    """Return observations older than the windows in memory as additions: one row a series and window.

    The log position tells additions of different records apart, so that writing them again changes nothing.
    """
    order = rows[np.lexsort((new.number[rows], new.series[rows]))]
    series, number = new.series[order], new.number[order]
    starts = np.flatnonzero(np.concatenate(([True], (series[1:] != series[:-1]) | (number[1:] != number[:-1]))))
    unknown = np.full(len(starts), np.nan, dtype=np.float32)
    fields = {
        "n": np.diff(np.append(starts, len(series))).astype(np.int32),
        "sum_a": np.add.reduceat(new.sum_a[order], starts),
        "sum_b": np.add.reduceat(new.sum_b[order], starts),
        "low": np.minimum.reduceat(new.value[order], starts),
        "high": np.maximum.reduceat(new.value[order], starts),
        "exposure": np.add.reduceat(new.exposure[order], starts).astype(np.float32),
        **dict.fromkeys(("expected", "lower", "upper", "p"), unknown),
        "state": np.zeros(len(starts), dtype=np.uint8),
    }
    cells = Cells(series[starts].astype(np.int32), number[starts], fields)
    return window_rows(cells, WindowStatus.LATE, window_ms, part=position)


def gate_rows(columns: Columns, rows: NDArray[np.intp], series: NDArray[np.int64]) -> GateRows:
    """Return one row a vehicle."""
    strings = columns.strings
    return GateRows(
        series=series.astype(np.int32),
        ts=columns.ts[rows],
        seq=columns.seq[rows],
        boot=columns.boot_names(rows),
        direction=columns.a[rows].astype(np.uint8),
        allowed=columns.b[rows].astype(np.int8),
        vehicle=[strings[index] for index in columns.metric[rows].tolist()],
        plate=[strings[index].partition(" ")[0] for index in columns.text[rows].tolist()],  # older tokens stand behind
    )


def stage_rows(
    columns: Columns, new: Prepared, picked: NDArray[np.intp], order: WordOrder, rules: RulesStage
) -> Rows | None:
    """Return those of some new observations that the rules have to look at, in the order in which they were said."""
    rows, series = new.rows[picked], new.series[picked]
    boot = columns.boots(rows)
    received, backfill, retained = new.received[picked], new.backfill[picked], columns.retained[rows]
    found = order.arrange(Words(series, boot, columns.seq[rows], columns.ts[rows], received, backfill, retained))
    wanted = rules.wanted(series, new.kind[picked] == Kind.LEVEL, new.value[picked])[found.order]
    if not wanted.any():
        return None
    if not wanted.all():
        found = Arranged(found.order[wanted], found.newest[wanted], found.until[wanted])
    rows, place = rows[found.order], picked[found.order]
    return Rows(
        place=place,
        kind=new.kind[place],
        series=new.series[place],
        device=new.device[place],
        ts=columns.ts[rows],
        at=new.at[place],
        how=Arrival(received[found.order], boot[found.order], found.newest, found.until, backfill[found.order]),
        retained=retained[found.order],
        seq=columns.seq[rows],
        a=columns.a[rows],
        b=columns.b[rows],
        text=columns.text[rows].astype(np.int64),
        strings=columns.strings,
    )


def decoded(record: Record, kind: type[T], reason: Reason, out: RecordOutput) -> list[T]:
    """Return what a record of JSON holds, or nothing where it is refused."""
    try:
        return [msgspec.json.decode(record.payload, type=kind)]
    except (ValueError, RecursionError) as error:
        refuse(out, record, reason, error)
        return []


def agents(record: Record, out: ShardOutput) -> list[AgentReport]:
    """Return, and give the sinks, what an edge agent says of itself."""
    out.agents += decoded(record, AgentReport, Reason.STATUS, out)
    return out.agents


_FOR_THE_SITE: Final[dict[RecordKind, tuple[str, Any, Reason]]] = {
    RecordKind.INCIDENT: ("incidents", Incident | list[Incident], Reason.INCIDENT),
    RecordKind.COMMAND: ("commands", Command, Reason.COMMAND),
    RecordKind.PLAN: ("plans", PatrolPlan, Reason.PATROL),
    RecordKind.DID: ("dids", PatrolDid, Reason.PATROL),
}
"""What concerns no shard -> the output's field, type and reason of refusal."""


def pass_on(record: Record, out: ShardOutput) -> None:
    """Give the site what concerns no shard."""
    if record.kind is RecordKind.FIT:
        out.fits.append(record.payload)
        return
    name, kind, reason = _FOR_THE_SITE[record.kind]
    for found in decoded(record, kind, reason, out):
        getattr(out, name).extend(found if isinstance(found, list) else [found])


def refuse(out: RecordOutput, record: Record, reason: Reason, error: object) -> None:
    """Add a whole record to what is refused."""
    out.refusals.append(refusal(record, reason, str(error)))


def refusal(record: Record, reason: Reason, detail: str) -> Refusal:
    """Return a whole record as refused."""
    return Refusal(
        topic=f"log position {record.position}",
        reason=reason,
        detail=detail,
        payload=record.payload,
        received_ms=record.received_ms,
    )


def coded_detail(columns: Columns, row: int) -> str:
    """Return what was wrong with a row that holds a code for a fault."""
    if columns.kind[row] != Kind.COUNT:
        return f"{columns.a[row]:g} is a code for a fault, far from all that was read"
    most, seconds = max(columns.a[row], columns.b[row]), columns.interval[row]
    return f"{most:.0f} in {seconds:g} s is a code for a fault, or more than can pass; far less is usual"


def refused_rows(
    record: Record, columns: Columns, rows: NDArray[np.intp], reason: Reason, detail: str | Callable[[int], str]
) -> list[Refusal]:
    """Return single observations as refused: `_KEPT` of a device with what is known as JSON, and the others summed.

    `detail` is what was wrong, of all or by row; of those that are summed, that of the last.
    """
    refusals: list[Refusal] = []
    every: Counter[str] = Counter()
    last: dict[str, int] = {}
    said = detail if callable(detail) else lambda _row: detail
    for row in rows.tolist():
        source = columns.sources[columns.source[row]]
        topic = f"{source.beat}/{source.device}"
        every[topic] += 1
        last[topic] = row
        if every[topic] > _KEPT:
            continue
        known = {
            "kind": KIND_NAMES[int(columns.kind[row])],
            "boot": source.boot,
            "seq": int(columns.seq[row]),
            "ts": int(columns.ts[row]),
            "a": float(columns.a[row]),
            "b": float(columns.b[row]),
            "metric": columns.strings[columns.metric[row]],
            "text": columns.strings[columns.text[row]],
        }
        refusals.append(Refusal(reason, said(row), msgspec.json.encode(known), topic, record.received_ms))
    return refusals + [
        Refusal(reason, f"{said(last[topic])} {SUMMED}", b"", topic, record.received_ms, times - _KEPT, times - _KEPT)
        for topic, times in every.items()
        if times > _KEPT
    ]
