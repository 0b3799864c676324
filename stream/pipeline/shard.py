"""A shard's part of the pipeline: everything that concerns single devices and beats.

A pure function of its state and the next record. It knows nothing of brokers, files or clocks. What happens to a record
of observations, in order:

1. `Columns`: arrays over the record's bytes;
2. `judge`: repeats are dropped, by (device, boot, number) and by content (`stream.windows.once`);
3. `Catalog`: every row gets its series; a count or a passage at an impossible time is refused, and all that is new,
   the refused included, is a sign of life of its device (`Quality`);
4. the watermark rises row by row, and where it passes a window's end the window is closed before the row is applied;
5. `Windows`: sums; rows older than what is in memory become additions of their own;
6. `Detection`: hazards and gate passes at once, levels and states whatever their event time; then counts.

What needs the whole site (alerts, hotspots, incidents, people's commands) leaves the shard as notices, anomalies and
events for `stream.pipeline.site`.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.clock import ClockGuard
from ingest.events import DeviceFault, DeviceStatus
from ingest.frame import FrameError
from ingest.log import Record, RecordKind
from ingest.places import Places, PlacesError
from ingest.refusal import Refusal
from ingest.vocabulary import Kind, Reason, WindowStatus
from models.state import Saved, array, part, value
from stream.config import PipelineConfig
from stream.detect.detection import Detection
from stream.detect.learned_windows import FULL
from stream.pipeline import emit
from stream.results import ShardOutput
from stream.windows.axes import DEVICE, SERIES
from stream.windows.catalog import Catalog
from stream.windows.clocks import Clocks
from stream.windows.columns import Columns, HistoryColumns, Prepared, opened_batch, prepare
from stream.windows.last_states import LastStates
from stream.windows.once import judge
from stream.windows.quality import Quality
from stream.windows.repeats import Repeats
from stream.windows.sequences import Sequences
from stream.windows.site_time import SiteTime
from stream.windows.windows import Windows
from stream.windows.word_order import NO_TIME, WordOrder


class ShardPipeline(Saved):
    """One shard: a group of beats with all their devices.

    `process` is deterministic: the same records in the same order from the same state give equal results, and a state
    taken with `capture` and given to `restore` continues exactly where it was taken.

    Parameters
    ----------
    config
        Settings of the site.
    places
        The shard's beats and devices, and no others'.
    shard
        Its number, which its results carry.
    """

    position = value(int)
    watermark_ms = value(int, NO_TIME)
    now_ms = value(int)
    _part = value(int)
    _emit_open_ms = value(int)
    time: SiteTime = part()
    catalog: Catalog = part()
    sequences: Sequences = part()
    repeats: Repeats = part()
    windows: Windows = part()
    quality: Quality = part()
    detection: Detection = part()
    order: WordOrder = part()
    states: LastStates = part()
    _touched = array(np.bool_, SERIES, derived=True)
    """Series that got something since the open windows were tested."""

    def __init__(self, config: PipelineConfig, places: Places, shard: int = 0) -> None:
        self.config, self.shard = config, shard
        self._window_ms = config.pipeline.window_s * 1000
        self._guard = ClockGuard(config.ahead_s, config.backfill_s)
        self._too_many = f"more than {config.pipeline.max_metrics} different metrics from one device"
        ahead = math.ceil((config.pipeline.lateness_s + config.ahead_s) / config.pipeline.window_s) + 2
        self.catalog = Catalog(places, config.pipeline.max_metrics)
        self.sequences = Sequences()
        self.repeats = Repeats()
        self.windows = Windows(ring=config.pipeline.keep_windows + ahead, keep=config.pipeline.keep_windows)
        self.time = SiteTime()
        self.quality = Quality(self.catalog, silent_s=config.pipeline.silent_s, time=self.time)
        self.clocks = Clocks(self.time, self.catalog, self.quality.clocks)
        self.detection = Detection(config, self.catalog, self.quality)
        self.order, self.states = WordOrder(), LastStates()
        super().__init__()
        self._begin(0, 0)

    def process(self, record: Record) -> ShardOutput:
        """Apply one record and return what it gave.

        `ShardOutput.refusals` lists what could not be applied. An exception means a defect: the state may then be half
        changed, and the engine goes back to its last snapshot and passes the record by.
        """
        opened = opened_batch(record)
        now_ms, put_back = self.clocks.read(record, opened, self.now_ms)
        out = self._begin(record.position, now_ms)
        if put_back:
            self._set_back(record)
        match record.kind:
            case RecordKind.OBSERVATIONS:
                self._observations(record, opened)
            case RecordKind.INCIDENT | RecordKind.COMMAND | RecordKind.PLAN | RecordKind.DID | RecordKind.FIT:
                emit.pass_on(record, out)
            case RecordKind.STATUS:
                self._status(record)
            case RecordKind.FAULT:
                self.detection.faults.take(emit.decoded(record, DeviceFault, Reason.STATUS, out), now_ms)
            case RecordKind.HEALTH:
                self.detection.faults.agents(emit.agents(record, out), now_ms)
            case RecordKind.TICK:
                self._learn_late()  # nothing else came for a while
            case RecordKind.HISTORY:
                self._history(record)
            case RecordKind.PLACES:
                self._places(record)
            case RecordKind.MODEL | RecordKind.CALENDAR | RecordKind.BELIEF:
                self._take(record)
        self._advance(max(self.watermark_ms, now_ms - round(self.config.pipeline.grace_s * 1000)))
        self.detection.tick(now_ms)
        self._test_open()
        self._write_revised()
        if now_ms >= self._emit_open_ms and self._write_open():
            self._emit_open_ms = now_ms + round(self.config.emit_open_s * 1000)
        out.anomalies, out.notices = self.detection.findings.take()
        self.position, self.now_ms, out.watermark_ms = record.position, now_ms, self.watermark_ms
        return out

    def _begin(self, position: int, now_ms: int) -> ShardOutput:
        """Return the output that what follows is added to."""
        self._out = ShardOutput(position, now_ms, self.watermark_ms, self.catalog.series, shard=self.shard)
        self._out.sure = self.time.sure and self.time.now_ms == now_ms
        self.detection.findings.now_ms = now_ms
        return self._out

    def pass_by(self, position: int, refusal: Refusal) -> ShardOutput:
        """Return results that say only that the record of a log position is refused; nothing else changes."""
        self.position = position
        out = self._begin(position, self.now_ms)
        out.refusals.append(refusal)
        return out

    def flush(self) -> ShardOutput:
        """Return rows of every window that changed since it was last written; for a planned stop."""
        out = self._begin(self.position, self.now_ms)
        out.closing = True
        self._write_revised()
        self._write_open()
        return out

    def _set_back(self, record: Record) -> None:
        """Begin again in time, which was ahead: windows begun are written and left, and go on as further parts."""
        self._out.put_back = True
        self._write_revised()
        self._write_open()
        self.windows.clear()
        self.watermark_ms = NO_TIME
        self._part = emit.FURTHER_PART + record.position
        self._emit_open_ms = 0
        self.detection.rules.set_back(self.time.now_ms)
        self.states.set_back()
        self.quality.set_back(self.time.now_ms)

    # -- the kinds of records ------------------------------------------------------------------------------------

    def _observations(self, record: Record, columns: Columns | FrameError | None) -> None:
        if not isinstance(columns, Columns):
            emit.refuse(self._out, record, Reason.BATCH, columns)
            return
        if not columns.rows:
            return
        verdict = judge(columns, self.catalog, self.sequences, self.repeats)
        self._make_room()
        device = verdict.device
        for counted in verdict.skipped:
            self.quality.count("missing", *counted)
        series, added = self.catalog.rows_series(columns, device)
        self._make_room(added)
        self.repeats.drop_shown(columns, series, verdict.new)
        signs = verdict.new & ~columns.retained  # what was kept shows no life
        fresh = slice(None) if signs.all() else np.flatnonzero(signs)
        behind, backfill = columns.behind, columns.backfill
        heard = self.quality.heard(device[fresh], behind[fresh], columns.received[fresh], backfill[fresh])
        self.detection.rules.heard(*heard, self._out.now_ms)
        wrong = (behind > self._guard.backfill_ms) | (behind < -self._guard.ahead_ms)
        doubted = wrong | self.quality.clocks.doubts(device, behind)
        nameless = verdict.new & (series < 0)
        coded = self.detection.codes(columns, series, verdict.new & ~nameless, self.watermark_ms)
        outside = verdict.new & ~nameless & wrong & (columns.kind <= Kind.GATE)  # counts and passages
        for refused, reason, detail in (
            (verdict.unknown, Reason.SEQUENCE, "the number is older than everything still remembered of this device"),
            (nameless, Reason.METRICS, self._too_many),
            (coded, Reason.RANGE, lambda row: emit.coded_detail(columns, row)),
            (outside, Reason.CLOCK, lambda row: self._guard.reason(int(columns.ts[row]), int(columns.received[row]))),
        ):
            if refused.any():
                self._out.refusals += emit.refused_rows(record, columns, np.flatnonzero(refused), reason, detail)
                if reason is Reason.METRICS:
                    self.detection.faults.made_up(device[refused], record.received_ms)
        keep = np.flatnonzero(verdict.new & ~nameless & ~outside & ~coded)
        repeats = np.flatnonzero(~verdict.new & ~verdict.unknown)
        self._out.accepted, self._out.duplicates = len(keep), len(repeats)
        self.quality.count("duplicate", device[repeats])
        self.quality.count("received", device[keep])
        if len(keep):
            new = prepare(columns, keep, series, device, self.config, self.watermark_ms, doubted)
            self._apply(record, columns, new)

    def _make_room(self, added: Sequence[int] = ()) -> None:
        """Make room for the catalogue's devices, and for new series and what watches them."""
        devices = len(self.catalog.devices)
        if devices > self.size_of(DEVICE):
            self.grow(DEVICE, devices)
        if added:
            self.grow(SERIES, len(self.catalog.series))
            self.detection.add_series(added)

    def restored(self) -> None:
        """Make room for devices that the places file has gained."""
        self._make_room()

    def _apply(self, record: Record, columns: Columns, new: Prepared) -> None:
        """Apply new observations, closing windows between them where the watermark passes."""
        live = np.zeros(len(new.rows), dtype=np.bool_)
        old: list[NDArray[np.intp]] = []
        for start, end in new.segments(self._window_ms):
            self._advance(int(new.watermark[start]))
            number, sure = new.number[start:end], ~new.doubtful[start:end]
            live[start:end] = (number >= self.windows.open_from) & sure
            held = self.windows.holds(number) & sure
            inside: slice | NDArray[np.intp] = slice(start, end)  # a slice copies nothing
            if not held.all():
                inside = start + np.flatnonzero(held)
                old.append(start + np.flatnonzero(~held))
            if held.any():
                self.windows.add(new, inside)
                self._touched[new.series[inside]] = True
            self._words(columns, new, start, end, live)
        self.watermark_ms = int(new.watermark[-1])
        self._late(new, np.flatnonzero(~live))
        passes = np.flatnonzero(new.kind == Kind.GATE)
        if len(passes):
            self._out.gates.append(emit.gate_rows(columns, new.rows[passes], new.series[passes]))
        if old:
            self._out.windows.append(emit.addition_rows(new, np.concatenate(old), self._window_ms, record.position))

    def _late(self, new: Prepared, late: NDArray[np.intp]) -> None:
        """Keep late observations for the baselines to learn; they raise nothing."""
        if not len(late):
            return
        self._out.late += len(late)
        self.quality.count("late", new.device[late])
        late = late[~new.doubtful[late]]
        for kind, waiting in self.detection.late():
            rows = late[new.kind[late] == kind]
            if len(rows):
                value = new.sum_a[rows] + new.sum_b[rows]
                waiting.add(new.series[rows], new.number[rows], value, new.exposure[rows])
                if waiting.rows > FULL:
                    self._learn_late()

    def _words(self, columns: Columns, new: Prepared, start: int, end: int, live: NDArray[np.bool_]) -> None:
        """Show the rules at once what was said, in time or late; of gate passes, late ones are only remembered."""
        rules = self.detection.rules
        chosen = start + np.flatnonzero(rules.ruled[new.series[start:end]])
        if not len(chosen):
            return
        said, now_ms = emit.stage_rows(columns, new, chosen, self.order, rules), int(new.received[end - 1])
        if said is None:
            return
        kinds = set(said.kind.tolist())
        if Kind.GATE in kinds:
            passes = said.where(said.kind == Kind.GATE)
            rules.passes(passes, live[passes.place] & ~passes.how.backfill, now_ms)
        if Kind.LEVEL in kinds:
            rules.levels(said.where(said.kind == Kind.LEVEL), now_ms)
        if Kind.STATE in kinds:
            states = said.where(said.kind == Kind.STATE)
            changed = self.states.changes(states)
            rules.states(states.where(changed | ~states.how.newest), now_ms)
            if changed.any():
                self._out.states.append(self.states.rows(states.where(changed)))

    def _status(self, record: Record) -> None:
        for status in emit.decoded(record, DeviceStatus, Reason.STATUS, self._out):
            index = self.catalog.device(status.beat, status.device)
            self._make_room()
            self.quality.offline[index] = status.state == "offline"

    def _take(self, record: Record) -> None:
        """Give a record's payload to what takes it over, or refuse it: what was there before then stays."""
        take, reason = self.detection.takers[record.kind]
        try:
            take(record.payload)
        except (ValueError, RecursionError) as error:
            emit.refuse(self._out, record, reason, error)
        else:  # the site's map goes by kinds of day, too
            self._out.calendar = record.payload if record.kind is RecordKind.CALENDAR else b""

    def _places(self, record: Record) -> None:
        """Take over edited places: what follows from them is found anew, as after a restart."""
        before = self.catalog.places.devices.keys()
        try:
            if self.catalog.take_places(record.payload, self.shard):
                self.restore(self.capture())
        except PlacesError as error:
            emit.refuse(self._out, record, Reason.PLACES, error)
            return
        self.detection.findings.end_all(before - self.catalog.places.devices.keys())
        self._out.catalog, self._out.places = self.catalog.series, record.payload

    def _history(self, record: Record) -> None:
        """Let the baselines learn windows that they have not learned before. Writes none of them."""
        try:
            history = HistoryColumns(record.payload, self._window_ms)
        except FrameError as error:
            emit.refuse(self._out, record, Reason.HISTORY, error)
            return
        found, added = self.catalog.named(history.names)
        self._make_room(added)
        now = (self._out.now_ms - round(self.config.pipeline.grace_s * 1000)) // self._window_ms
        early = history.number >= (self.windows.open_from if self.windows.open_from >= 0 else now)
        recent = now - 86_400_000 // self._window_ms
        self._out.taught, recalled = self.detection.teach(history, found[history.which], early, recent)
        self._out.windows += recalled
        for name in (history.names[index] for index in np.flatnonzero(found < 0).tolist()):
            emit.refuse(self._out, record, Reason.METRICS, f"{name.device} {name.metric}: {self._too_many}")

    # -- windows -------------------------------------------------------------------------------------------------

    def _advance(self, watermark_ms: int) -> None:
        """Raise the watermark, closing every window it passes."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
        target = self.watermark_ms // self._window_ms
        if self.windows.open_from < 0:
            self.windows.move(target)
            return
        if target <= self.windows.open_from:
            return
        self._write_revised()
        self._learn_late()
        for number in self.windows.numbers():
            if self.windows.open_from <= number < target:
                self._close(number)
                self.windows.move(number + 1)
        self.windows.move(target)

    def _close(self, number: int) -> None:
        fields = self.windows.column(number)
        self.detection.close(number, fields)
        self._write(number, np.flatnonzero(fields["n"]), WindowStatus.CLOSED)
        stuck = self.detection.stuck_devices(len(self.catalog.devices))
        self._out.health += self.quality.report(number * self._window_ms, stuck)

    def _test_open(self) -> None:
        """Test the counts of open windows that got something new."""
        counting = self.detection.counting
        touched = counting.series[self._touched[counting.series]]
        self._touched[:] = False
        if not len(touched):
            return
        for number in self.windows.numbers():
            if number >= self.windows.open_from:
                self.detection.open_window(number, touched, self.windows.column(number))

    def _write_revised(self) -> None:
        for number in self.windows.numbers():
            if number < self.windows.open_from:
                self._write(number, self.windows.changed(number), WindowStatus.REVISED)

    def _write_open(self) -> bool:
        """Write what has changed in open windows; tell whether anything had."""
        written = len(self._out.windows)
        for number in self.windows.numbers():
            if number >= self.windows.open_from:
                self._write(number, self.windows.changed(number), WindowStatus.OPEN)
        return len(self._out.windows) > written

    def _learn_late(self) -> None:
        self._out.windows += self.detection.learn_late()

    def _write(self, number: int, series: NDArray[np.intp], status: WindowStatus) -> None:
        if len(series):
            cells = self.windows.take(series, number)
            self._out.windows.append(emit.window_rows(cells, status, self._window_ms, self._part))
