"""The pipeline: a pure function of its state and the next record. It knows nothing of brokers, files or clocks.

What happens to a record of observations, in order:

1. `Columns`: arrays over the record's bytes;
2. `Sequences`: repeats are dropped, by (device, boot, number);
3. `Catalog`: every row gets its series;
4. the watermark rises row by row, and where it passes a window's end the window is closed before the row is applied;
5. `Windows`: sums; rows older than what is in memory become additions of their own;
6. `Detection`: hazards and gate passes at once, counts of open windows, counts of closed ones;
7. `HotspotStage`: anomalies and incidents raise the risk around them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ingest.batch import BatchError, Flag, Kind
from ingest.events import Command, DeviceStatus, Incident
from ingest.observations import epoch_ms
from ingest.records import Record, RecordKind
from stream import snapshot
from stream.alerts import AlertBook
from stream.arrays import grown
from stream.catalog import Catalog
from stream.columns import Columns
from stream.detect import Detection, Rows
from stream.hotspots import HotspotStage
from stream.quality import Quality
from stream.results import GateRows, Reject, Results, StateRows, WindowRows, WindowStatus
from stream.sequences import Sequences, Verdict
from stream.states import LastStates
from stream.windows import Cells, Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.places import Places
    from stream.config import PipelineConfig

STATE_VERSION: Final = 1
_NO_TIME: Final = -(2**62)


class Pipeline:
    """One shard's pipeline.

    `process` is deterministic: the same records in the same order from the same state give equal results, and
    `restore` of a `snapshot` continues exactly where the snapshot was taken.
    """

    def __init__(self, config: PipelineConfig, places: Places) -> None:
        self.config, self.places = config, places
        self._window_ms = config.window_s * 1000
        ahead = math.ceil((config.lateness_s + config.ahead_s) / config.window_s) + 2
        self.catalog = Catalog(places, config.max_metrics)
        self.sequences = Sequences()
        self.windows = Windows(ring=config.keep_windows + ahead, keep=config.keep_windows)
        self.quality = Quality(silent_s=config.silent_s)
        self.quality.grow(self.catalog)
        self.book = AlertBook(config.site, ttl_ms=round(config.alert_ttl_s * 1000), flap_ms=round(config.flap_s * 1000))
        self.detection = Detection(config, self.catalog, self.book, self.quality)
        self.hotspots = HotspotStage(config, places, self.book)
        self.states = LastStates()
        self.watermark_ms = _NO_TIME
        self.position = 0
        self.now_ms = 0
        self._emit_open_ms = 0
        self._touched = np.zeros(0, dtype=np.bool_)

    def process(self, record: Record) -> Results:
        """Apply one record and return what it gave.

        What cannot be applied is in `Results.rejects`. An exception means a defect: the state may then be half
        changed, and the engine goes back to its last snapshot and passes the record by.
        """
        now_ms = record.received_ms
        out = Results(record.position, now_ms, self.watermark_ms, self.catalog.series)
        match record.kind:
            case RecordKind.OBSERVATIONS:
                self._observations(record, out)
            case RecordKind.INCIDENT:
                self._incident(record, out)
            case RecordKind.COMMAND:
                self._command(record, out)
            case RecordKind.STATUS:
                self._status(record, out)
            case RecordKind.TICK:
                pass
        self._advance(max(self.watermark_ms, now_ms - round(self.config.grace_s * 1000)), now_ms, out)
        self.detection.tick(now_ms, out)
        self._test_open(now_ms, out)
        self.hotspots.anomalies(out.anomalies)
        self._write_revised(out)
        if now_ms >= self._emit_open_ms:
            self._emit_open_ms = now_ms + round(self.config.emit_open_s * 1000)
            self._write_open(out)
        out.hotspots = self.hotspots.due(now_ms)
        out.watermark_ms = self.watermark_ms
        self.position, self.now_ms = record.position, now_ms
        return out

    def flush(self) -> Results:
        """Return rows of every window that changed since it was last written; for a planned stop."""
        out = Results(self.position, self.now_ms, self.watermark_ms, self.catalog.series)
        self._write_revised(out)
        self._write_open(out)
        return out

    # -- the kinds of records ------------------------------------------------------------------------------------

    def _observations(self, record: Record, out: Results) -> None:
        try:
            columns = Columns(record.payload)
        except BatchError as error:
            out.rejects.append(_reject(record, "batch", str(error)))
            return
        if not columns.rows:
            return
        source_slot, source_device = self.catalog.slots(columns.sources, self.sequences)
        self.quality.grow(self.catalog)
        slot, device = source_slot[columns.source], source_device[columns.source]
        verdict = self._once(slot, device, columns.seq)
        series, added = self.catalog.rows_series(columns, device)
        if added:
            self._add_series(added)
        if verdict.unknown.any():
            self._reject_rows(record, columns, np.flatnonzero(verdict.unknown), "sequence", out)
        nameless = verdict.new & (series < 0)
        if nameless.any():
            self._reject_rows(record, columns, np.flatnonzero(nameless), "metrics", out)
        keep = np.flatnonzero(verdict.new & (series >= 0))
        repeats = np.flatnonzero(~verdict.new & ~verdict.unknown)
        out.accepted, out.duplicates = len(keep), len(repeats)
        self.quality.count("duplicate", device[repeats])
        self.quality.count("received", device[keep])
        if len(keep):
            self._apply(record, columns, keep, series[keep], device[keep], out)

    def _once(self, slot: NDArray[np.int64], device: NDArray[np.int64], seq: NDArray[np.int64]) -> Verdict:
        """Drop repeats, and count the numbers that were skipped as missing (until they come after all)."""
        touched, first = np.unique(slot, return_index=True)
        before = self.sequences.highest(touched).copy()
        unseen = before < 0
        if unseen.any():
            lowest = np.full(len(before), np.iinfo(np.int64).max)
            np.minimum.at(lowest, np.searchsorted(touched, slot), seq)
            before[unseen] = lowest[unseen] - 1
        verdict = self.sequences.apply(slot, seq)
        fresh = np.bincount(np.searchsorted(touched, slot[verdict.new]), minlength=len(touched))
        self.quality.count("missing", device[first], self.sequences.highest(touched) - before - fresh)
        return verdict

    def _apply(
        self,
        record: Record,
        columns: Columns,
        keep: NDArray[np.intp],
        series: NDArray[np.int64],
        device: NDArray[np.int64],
        out: Results,
    ) -> None:
        ts, received = columns.ts[keep], columns.received[keep]
        kind = columns.kind[keep]
        is_count = kind == Kind.COUNT
        lateness, grace = round(self.config.lateness_s * 1000), round(self.config.grace_s * 1000)
        # A clock that runs ahead must not close everybody's windows: event time counts up to the time of receipt.
        rising = np.maximum(np.minimum(ts, received) - lateness, received - grace)
        watermark = np.maximum(np.maximum.accumulate(rising), self.watermark_ms)
        interval_ms = columns.interval[keep].astype(np.float64) * 1000
        # A count covers the interval before its time stamp, and belongs to the window its middle lies in.
        middle = np.where(is_count, ts - (interval_ms / 2).astype(np.int64), ts)
        number = middle // self._window_ms
        a, b = columns.a[keep], columns.b[keep]
        is_gate = kind == Kind.GATE
        sum_a = np.where(is_gate, a == 0, np.where(kind == Kind.STATE, 1.0, a))
        sum_b = np.where(is_gate, a == 1, np.where(is_count, b, 0.0))
        value = np.where(is_count, a + b, np.where(kind == Kind.LEVEL, a, 0.0))
        exposure = np.where(is_count, interval_ms / self._window_ms, 0.0)
        first_open = watermark // self._window_ms
        cuts = np.flatnonzero(np.diff(first_open)) + 1
        live = np.zeros(len(keep), dtype=np.bool_)
        old: list[NDArray[np.intp]] = []
        for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(keep)], strict=True):
            self._advance(int(watermark[start]), int(received[start]), out)
            rows = np.arange(start, end)
            live[start:end] = number[start:end] >= self.windows.open_from
            held = self.windows.holds(number[start:end])
            inside = rows[held]
            if len(inside):
                self.windows.add(
                    series[inside], number[inside], sum_a[inside], sum_b[inside], value[inside], exposure[inside]
                )
                self._touched[series[inside]] = True
            if not held.all():
                old.append(rows[~held])
            self._passes(columns, keep[rows], series[rows], device[rows], live[rows], out)
            now = rows[live[rows]]
            self._live(columns, keep[now], series[now], device[now], out)
        self.watermark_ms = int(watermark[-1])
        late = np.flatnonzero(~live)
        out.late += len(late)
        self.quality.count("late", device[late])
        self._store_passes(columns, keep, series, out)
        if len(late):
            backwards = late[is_count[late]]
            self.detection.amend(series[backwards], number[backwards], (a + b)[backwards], exposure[backwards])
        if old:
            rows = np.concatenate(old)
            self._write_old(
                record, series[rows], number[rows], sum_a[rows], sum_b[rows], value[rows], exposure[rows], out
            )

    def _passes(
        self,
        columns: Columns,
        picked: NDArray[np.intp],
        series: NDArray[np.int64],
        device: NDArray[np.int64],
        live: NDArray[np.bool_],
        out: Results,
    ) -> None:
        """Show the gate rules every pass, in order of arrival, so that late ones are at least remembered."""
        chosen = np.flatnonzero(columns.kind[picked] == Kind.GATE)
        if len(chosen):
            rows = picked[chosen]
            now_ms = int(columns.received[rows[-1]])
            alive = live[chosen] & (columns.flags[rows] & Flag.BACKFILL == 0)
            self.detection.passes(_rows(columns, rows, series[chosen], device[chosen]), alive, now_ms, out)

    def _live(
        self,
        columns: Columns,
        picked: NDArray[np.intp],
        series: NDArray[np.int64],
        device: NDArray[np.int64],
        out: Results,
    ) -> None:
        """Look at once at what came in time: hazards, changes of state, signs of life."""
        current = columns.flags[picked] & Flag.BACKFILL == 0
        picked, series, device = picked[current], series[current], device[current]
        if not len(picked):
            return
        kind = columns.kind[picked]
        now_ms = int(columns.received[picked[-1]])
        back = self.quality.heard(device, columns.ts[picked], columns.received[picked])
        self.detection.spoke(back, now_ms, out)
        chosen = np.flatnonzero(kind == Kind.LEVEL)
        if len(chosen):
            self.detection.levels(_rows(columns, picked[chosen], series[chosen], device[chosen]), now_ms, out)
        chosen = np.flatnonzero(kind == Kind.STATE)
        if len(chosen):
            changed = chosen[self.states.changes(series[chosen], columns.text[picked[chosen]], columns.strings)]
            if len(changed):
                news = _rows(columns, picked[changed], series[changed], device[changed])
                self.detection.states(news, now_ms, out)
                words = [columns.strings[index] for index in news.text.tolist()]
                out.states.append(StateRows(news.series.astype(np.int32), news.ts, words))

    def _incident(self, record: Record, out: Results) -> None:
        try:
            incident = msgspec.json.decode(record.payload, type=Incident)
        except msgspec.MsgspecError as error:
            out.rejects.append(_reject(record, "incident", str(error)))
            return
        if self.hotspots.incident(incident, epoch_ms(incident.ts), record.received_ms, out):
            out.incidents.append(incident)
        else:
            out.duplicates += 1

    def _command(self, record: Record, out: Results) -> None:
        try:
            command = msgspec.json.decode(record.payload, type=Command)
            out.alerts += self.book.command(
                command.id, command.action, command.alert, command.by, command.note, record.received_ms
            )
        except msgspec.MsgspecError as error:
            out.rejects.append(_reject(record, "command", str(error)))
        except KeyError as error:
            out.rejects.append(_reject(record, "command", str(error.args[0])))

    def _status(self, record: Record, out: Results) -> None:
        try:
            status = msgspec.json.decode(record.payload, type=DeviceStatus)
        except msgspec.MsgspecError as error:
            out.rejects.append(_reject(record, "status", str(error)))
            return
        index = self.catalog.device(status.beat, status.device)
        self.quality.grow(self.catalog)
        self.quality.offline[index] = status.state == "offline"

    # -- windows -------------------------------------------------------------------------------------------------

    def _advance(self, watermark_ms: int, now_ms: int, out: Results) -> None:
        """Raise the watermark, closing every window it passes."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
        target = self.watermark_ms // self._window_ms
        if self.windows.open_from < 0:
            self.windows.move(target)
            return
        if target <= self.windows.open_from:
            return
        self._write_revised(out)
        for number in self.windows.numbers():
            if self.windows.open_from <= number < target:
                self._close(number, now_ms, out)
                self.windows.move(number + 1)
        self.windows.move(target)

    def _close(self, number: int, now_ms: int, out: Results) -> None:
        fields = self.windows.column(number)
        self.detection.close(number, fields, now_ms, out)
        series = np.flatnonzero(fields["n"])
        self._write(self.windows.take(series, number), WindowStatus.CLOSED, out)
        stuck = np.zeros(self.quality.size, dtype=np.bool_)
        out.health += self.quality.report(number * self._window_ms, self.catalog, stuck)

    def _test_open(self, now_ms: int, out: Results) -> None:
        """Test the counts of open windows that got something new."""
        touched = self.detection.count_series[self._touched[self.detection.count_series]]
        self._touched[:] = False
        if not len(touched):
            return
        for number in self.windows.numbers():
            if number >= self.windows.open_from:
                self.detection.open_windows(number, touched, self.windows.column(number), now_ms, out)

    def _write_revised(self, out: Results) -> None:
        for number in self.windows.numbers():
            if number < self.windows.open_from:
                changed = self.windows.changed(number)
                if len(changed):
                    self._write(self.windows.take(changed, number), WindowStatus.REVISED, out)

    def _write_open(self, out: Results) -> None:
        for number in self.windows.numbers():
            if number >= self.windows.open_from:
                changed = self.windows.changed(number)
                if len(changed):
                    self._write(self.windows.take(changed, number), WindowStatus.OPEN, out)

    def _write(self, cells: Cells, status: WindowStatus, out: Results, part: int = 0) -> None:
        rows = len(cells.series)
        if not rows:
            return
        fields = cells.fields
        out.windows.append(
            WindowRows(
                series=cells.series,
                start=cells.number * self._window_ms,
                part=np.full(rows, part, dtype=np.int64),
                status=np.full(rows, status, dtype=np.uint8),
                n=fields["n"],
                sum_a=fields["sum_a"],
                sum_b=fields["sum_b"],
                low=fields["low"],
                high=fields["high"],
                exposure=fields["exposure"],
                expected=fields["expected"],
                lower=fields["lower"],
                upper=fields["upper"],
                p=fields["p"],
                state=fields["state"],
            )
        )

    def _write_old(
        self,
        record: Record,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        sum_a: NDArray[np.float64],
        sum_b: NDArray[np.float64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
        out: Results,
    ) -> None:
        """Write observations older than the windows in memory as additions, one row a window and record."""
        order = np.lexsort((number, series))
        series, number = series[order], number[order]
        starts = np.flatnonzero(np.concatenate(([True], (series[1:] != series[:-1]) | (number[1:] != number[:-1]))))
        rows = len(starts)
        nothing = np.full(rows, np.nan, dtype=np.float32)
        fields = {
            "n": np.diff(np.append(starts, len(series))).astype(np.int32),
            "sum_a": np.add.reduceat(sum_a[order], starts),
            "sum_b": np.add.reduceat(sum_b[order], starts),
            "low": np.minimum.reduceat(value[order], starts),
            "high": np.maximum.reduceat(value[order], starts),
            "exposure": np.add.reduceat(exposure[order], starts).astype(np.float32),
            **dict.fromkeys(("expected", "lower", "upper", "p"), nothing),
            "state": np.zeros(rows, dtype=np.uint8),
        }
        cells = Cells(series[starts].astype(np.int32), number[starts], fields)
        self._write(cells, WindowStatus.LATE, out, part=record.position)

    def _store_passes(self, columns: Columns, keep: NDArray[np.intp], series: NDArray[np.int64], out: Results) -> None:
        chosen = np.flatnonzero(columns.kind[keep] == Kind.GATE)
        if not len(chosen):
            return
        rows = keep[chosen]
        strings = columns.strings
        out.gates.append(
            GateRows(
                series=series[chosen].astype(np.int32),
                ts=columns.ts[rows],
                seq=columns.seq[rows],
                boot=[columns.sources[index].boot for index in columns.source[rows].tolist()],
                direction=columns.a[rows].astype(np.uint8),
                allowed=columns.b[rows].astype(np.int8),
                vehicle=[strings[index] for index in columns.metric[rows].tolist()],
                plate=[strings[index] for index in columns.text[rows].tolist()],
            )
        )

    # -- housekeeping --------------------------------------------------------------------------------------------

    def _add_series(self, added: list[int]) -> None:
        size = len(self.catalog.series)
        self.windows.grow(size)
        self.states.grow(size)
        self.detection.add_series(added)
        self._touched = grown(self._touched, size)

    def _reject_rows(self, record: Record, columns: Columns, rows: NDArray[np.intp], reason: str, out: Results) -> None:
        detail = {
            "sequence": "the number is older than everything that is still remembered of this device",
            "metrics": f"the device reports more than {self.config.max_metrics} different metrics",
        }[reason]
        for row in rows.tolist():
            source = columns.sources[columns.source[row]]
            told = {
                "kind": Kind(int(columns.kind[row])).name.lower(),
                "boot": source.boot,
                "seq": int(columns.seq[row]),
                "ts": int(columns.ts[row]),
                "a": float(columns.a[row]),
                "b": float(columns.b[row]),
                "metric": columns.strings[columns.metric[row]],
                "text": columns.strings[columns.text[row]],
            }
            out.rejects.append(
                Reject(
                    topic=f"{source.beat}/{source.device}",
                    reason=reason,
                    detail=detail,
                    payload=msgspec.json.encode(told),
                    received_ms=record.received_ms,
                )
            )

    def snapshot(self) -> bytes:
        """Return the whole state, to continue from with `restore`."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in self._parts().items():
            arrays |= {f"{name}/{key}": values for key, values in part.arrays().items()}
        meta = {
            "state_version": STATE_VERSION,
            "site": self.config.site,
            "window_s": self.config.window_s,
            "position": self.position,
            "watermark_ms": self.watermark_ms,
            "now_ms": self.now_ms,
            "emit_open_ms": self._emit_open_ms,
            "catalog": self.catalog.meta(),
            "alerts": self.book.meta(),
            "hotspots": self.hotspots.meta(),
            "states": self.states.meta(),
        }
        return snapshot.pack(meta, arrays)

    def restore(self, data: bytes) -> None:
        """Take over the state of a snapshot; call on a new pipeline only.

        Raises `stream.snapshot.SnapshotError` where it is damaged, of another site, version or window length.
        """
        meta, arrays = snapshot.unpack(data)
        for key, mine in (
            ("state_version", STATE_VERSION),
            ("site", self.config.site),
            ("window_s", self.config.window_s),
        ):
            if meta.get(key) != mine:
                raise snapshot.SnapshotError(f"{key} is {meta.get(key)!r} in the snapshot, expected {mine!r}")
        parts: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in self._parts()}
        for name, values in arrays.items():
            part, _, key = name.partition("/")
            parts[part][key] = values
        self.catalog.load(meta["catalog"], parts["catalog"])
        self.sequences.load(parts["sequences"])
        self.windows.load(parts["windows"])
        self.quality.load(parts["quality"], self.catalog)
        self.book.load(meta["alerts"])
        self.detection.load(parts["detection"])
        self.hotspots.load(meta["hotspots"], parts["hotspots"])
        self.states.load(meta["states"], parts["states"])
        self.watermark_ms, self.position = meta["watermark_ms"], meta["position"]
        self.now_ms, self._emit_open_ms = meta["now_ms"], meta["emit_open_ms"]
        self._touched = np.zeros(len(self.catalog.series), dtype=np.bool_)

    def _parts(self) -> dict[str, Any]:
        return {
            "catalog": self.catalog,
            "sequences": self.sequences,
            "windows": self.windows,
            "quality": self.quality,
            "detection": self.detection,
            "hotspots": self.hotspots,
            "states": self.states,
        }


def _rows(columns: Columns, rows: NDArray[np.intp], series: NDArray[np.int64], device: NDArray[np.int64]) -> Rows:
    return Rows(
        series=series,
        device=device,
        ts=columns.ts[rows],
        seq=columns.seq[rows],
        a=columns.a[rows],
        b=columns.b[rows],
        text=columns.text[rows].astype(np.int64),
        strings=columns.strings,
    )


def _reject(record: Record, reason: str, detail: str) -> Reject:
    return Reject(
        topic=f"log position {record.position}",
        reason=reason,
        detail=detail,
        payload=record.payload,
        received_ms=record.received_ms,
    )
