"""Detection: the stages that look at observations and windows, and what state they have together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.events import Belief
from ingest.log import RecordKind
from ingest.vocabulary import COUNT_ALERTS, Kind, Reason
from models.calendar import Calendar
from models.codes import COUNTS, IMPOSSIBLE, cannot_pass, may_be_code, may_be_count_code
from models.state import Saved, part
from stream.config import PipelineConfig
from stream.detect.context_stage import ContextStage
from stream.detect.counts_stage import CountsStage
from stream.detect.device_faults import DeviceFaults
from stream.detect.findings import ActiveConditions, Findings
from stream.detect.learned_windows import AT_ONCE, HISTORY, Late, LearnedWindows
from stream.detect.levels_stage import LEVEL_ALERTS, LevelsStage
from stream.detect.planned import Planned
from stream.detect.rules_stage import RulesStage
from stream.results import Taught, WindowRows
from stream.windows.axes import LATE_COUNT, LATE_LEVEL
from stream.windows.catalog import Catalog
from stream.windows.columns import Columns, HistoryColumns
from stream.windows.quality import Quality


class Detection(Saved):
    """The stages of a shard: rules, counts, levels, and the context of its beats."""

    planned: Planned = part()
    active: ActiveConditions = part()
    rules: RulesStage = part()
    faults: DeviceFaults = part()
    counting: CountsStage = part()
    leveling: LevelsStage = part()
    context: ContextStage = part()
    late_counts: Late = part(rows=LATE_COUNT)
    late_levels: Late = part(rows=LATE_LEVEL)
    """What the baselines are still to learn."""
    learned: LearnedWindows = part()
    """Which windows they have learned."""

    def __init__(self, config: PipelineConfig, catalog: Catalog, quality: Quality) -> None:
        site = config.site
        holidays = tuple(date.fromisoformat(day) for day in site.holidays)
        calendar = Calendar(site.timezone, site.country or None, holidays)
        self.planned = Planned(calendar, catalog)
        findings = self.findings = Findings(catalog, quality, self.planned)
        self.catalog, self.active = catalog, findings.active
        self.rules = RulesStage(calendar, findings)
        self.faults = DeviceFaults(findings, config.pipeline.max_metrics)
        self.counting = CountsStage(config.pipeline.window_s, calendar, findings)
        self.leveling = LevelsStage(config.pipeline.window_s, calendar, findings)
        self.context = ContextStage(config.pipeline.window_s, calendar, findings)
        self.late_counts, self.late_levels = Late(), Late()
        self.learned = LearnedWindows(config.pipeline.window_s)
        super().__init__()
        self.takers: dict[RecordKind, tuple[Callable[[bytes], None], Reason]] = {
            RecordKind.MODEL: (self.context.take, Reason.MODEL),
            RecordKind.CALENDAR: (self.planned.take, Reason.CALENDAR),
            RecordKind.BELIEF: (self.believe, Reason.COMMAND),
        }
        """Who takes over what is in a record, or raises ValueError; and why it is then refused."""

    def tick(self, now_ms: int) -> None:
        """Fire what only needs time to pass."""
        self.rules.tick(now_ms)
        self.faults.tick(now_ms)

    def late(self) -> tuple[tuple[Kind, Late], ...]:
        """Return what waits to be learned, by kind."""
        return (Kind.COUNT, self.late_counts), (Kind.LEVEL, self.late_levels)

    def codes(
        self, columns: Columns, series: NDArray[np.int64], new: NDArray[np.bool_], now_ms: int
    ) -> NDArray[np.bool_]:
        """Find the new readings and counts that are a device's codes for a fault, or more than anything can count.

        Where they keep coming, the device's fault is told. No hazard begins or ends by them either. Where a rule
        watches for danger, a code that could be measured (655.35 degrees) is left to it, and any of smoke: a detector
        of unknown scale may end at 65,535, and a fire that is not told is worse than a wire's.
        """
        out: NDArray[np.bool_] = new & (columns.kind == Kind.LEVEL) & may_be_code(columns.a)
        at = np.flatnonzero(out)
        if len(at):
            mine, value = series[at], columns.a[at]
            smoke = np.array([self.catalog.series[one].metric == "smoke" for one in mine.tolist()])
            spared = self.rules.ruled[mine] & (value > 0) & (smoke | (value < IMPOSSIBLE))
            out[at] = self.leveling.codes(mine, value, now_ms) & ~spared
        most = np.maximum(columns.a, columns.b)
        counted = np.flatnonzero((most >= COUNTS[0]) & new & (columns.kind == Kind.COUNT))
        if len(counted):
            out[counted] = self._impossible(columns, counted, series[counted], now_ms)
        self.faults.coded(columns, np.flatnonzero(out), series)
        return out

    def _impossible(
        self, columns: Columns, at: NDArray[np.intp], series: NDArray[np.int64], now_ms: int
    ) -> NDArray[np.bool_]:
        """Return which of some rows (rows,) count what nobody has counted, in one direction or in both."""
        interval_s = columns.interval[at].astype(np.float64)
        out = np.zeros(len(at), dtype=np.bool_)
        for value in (columns.a[at], columns.b[at]):
            out |= cannot_pass(value, interval_s)
            may = np.flatnonzero(may_be_count_code(value) & ~out)
            if len(may):
                out[may] = self.counting.codes(series[may], value[may], interval_s[may], now_ms)
        return out

    def add_series(self, added: Sequence[int]) -> None:
        """Give new series their models and rules."""
        self.rules.add_series(added)
        for kind, stage in ((Kind.COUNT, self.counting), (Kind.LEVEL, self.leveling)):
            mine = [index for index in added if self.catalog.series[index].kind == kind]
            stage.add_series(np.array(mine, dtype=np.int64))
        self.context.add_series(added)

    def learn_late(self) -> list[WindowRows]:
        """Let the baselines learn what came late, which raises nothing; return what they expect of it."""
        recalled: list[WindowRows] = []
        if self.late_counts.rows:
            counts = self._fresh(self.late_counts.take())
            self.counting.amend(**counts)
            much = len(counts["series"]) >= HISTORY or len(np.unique(counts["number"])) > AT_ONCE // 2
            if much and not self.late_counts.rows:  # the newest are recalled, and they are learned last
                recalled = self.counting.recall(counts["series"], counts["number"], counts["exposure"])
        if self.late_levels.rows:
            levels = self._fresh(self.late_levels.take())
            if len(levels["series"]):
                self.leveling.amend(**levels)
        return recalled

    def _fresh(self, late: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Leave out windows that history has taught already, and note the others as learned."""
        fresh = ~self.learned.from_history(late["series"], late["number"])
        kept = {name: values[fresh] for name, values in late.items()}
        self.learned.late(kept["series"], kept["number"])
        planned = self.planned.left_out(kept["series"], kept["number"], self.counting.window_ms)
        return {name: values[~planned] for name, values in kept.items()}

    def teach(
        self, history: HistoryColumns, series: NDArray[np.int64], early: NDArray[np.bool_], recent: int
    ) -> tuple[Taught, list[WindowRows]]:
        """Let the baselines learn the windows of a history that they have not learned before.

        `series` are those of the rows (below 0: not known here), `early` tells which windows are not over yet. Returns
        what became of the windows, and what the baselines expect of those from number `recent` on.
        """
        number, recalled = history.number, []
        known = np.zeros(len(series), dtype=np.bool_) if history.again else self.learned.knows(series, number)
        fresh = ~early & ~known & (series >= 0)
        kind = history.kind[history.which]
        for stage_kind, stage in ((Kind.COUNT, self.counting), (Kind.LEVEL, self.leveling)):
            rows = np.flatnonzero(fresh & (kind == stage_kind))
            if not len(rows):
                continue
            self.learned.history(series[rows], number[rows])
            rows = rows[~self.planned.left_out(series[rows], number[rows], self.counting.window_ms)]
            if not len(rows):
                continue
            stage.amend(series[rows], number[rows], history.value[rows], history.exposure[rows])
            lately = rows[number[rows] >= recent]
            if stage_kind == Kind.COUNT and len(lately):
                recalled = self.counting.recall(series[lately], number[lately], history.exposure[lately])
        return Taught(int(fresh.sum()), int((known & ~early).sum()), int(early.sum())), recalled

    def believe(self, payload: bytes) -> None:
        """Take for usual what a person says is how it is now, and end what models have found of it.

        Raises ValueError where there is nothing to go by; all then stays as it was.
        """
        one = msgspec.json.decode(payload, type=Belief)
        wanted = [
            index
            for index, key in enumerate(self.catalog.series)
            if key.device == one.device and one.metric in {"", key.metric}
        ]
        kinds: set[str] = set()
        for kind, stage, found in (
            (Kind.COUNT, self.counting, COUNT_ALERTS.values()),
            (Kind.LEVEL, self.leveling, LEVEL_ALERTS.values()),
        ):
            series = np.array([index for index in wanted if self.catalog.series[index].kind == kind], dtype=np.int64)
            if len(series) and stage.believe(series, one.since_ms).any():
                kinds.update(found)
        if not kinds:
            named = f"{one.device} {one.metric}".strip()
            raise ValueError(f"{named}: nothing was counted or read of it since then")
        device = int(self.catalog.series_device[wanted[0]])
        for ended in sorted(kinds):
            self.findings.fall(device, ended, self.findings.now_ms, by=one.by)

    def forget(self) -> None:
        """Let the baselines know nothing. Which windows they had learned stays known."""
        self.counting.forget()
        self.leveling.forget()

    def open_window(self, number: int, series: NDArray[np.int64], fields: Mapping[str, NDArray[Any]]) -> None:
        """Test the counts of a window that is still open."""
        quiet = self._quiet(number)
        self.counting.open_window(number, series if quiet is None else series[~quiet[series]], fields)

    def _quiet(self, number: int) -> NDArray[np.bool_] | None:
        """Return which series, shape (series,), have something planned in a window; None where none has."""
        window_ms = self.counting.window_ms
        quiet = self.planned.quiet(number * window_ms, (number + 1) * window_ms)
        return None if quiet is None else quiet[self.catalog.series_device[: len(self.catalog.series)]]

    def close(self, number: int, fields: Mapping[str, NDArray[Any]]) -> None:
        """Test a closed window and learn from it; devices that have something planned are passed by."""
        quiet = self._quiet(number)
        self.counting.close(number, fields, quiet)
        self.leveling.close(number, fields, quiet)
        self.context.close(number, fields, quiet)
        counted, measured = self.counting.series, self.leveling.series
        learned = [counted[fields["exposure"][counted] > 0], measured[fields["n"][measured] > 0]]
        self.learned.live(np.concatenate(learned), number)

    def stuck_devices(self, devices: int) -> NDArray[np.bool_]:
        """Return which devices, shape (devices,), have a reading that does not change, or count nobody any more."""
        stuck = np.zeros(devices, dtype=np.bool_)
        stuck[self.catalog.series_device[np.flatnonzero(self.leveling.stuck)]] = True
        stuck[self.catalog.series_device[self.counting.dead]] = True
        return stuck

    def restored(self) -> None:
        """Add the series again to what has rules or places for them, which may have changed."""
        every = list(range(len(self.catalog.series)))
        self.rules.add_series(every)
        self.context.add_series(every)
