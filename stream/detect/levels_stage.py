"""The levels stage: noise, smoke density, water and temperature against their own seasons, window by window."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import AnomalyDirection, LevelState
from models.calendar import Calendar
from models.levels.level_baseline import LevelBaseline
from models.levels.level_test import LevelTest
from models.state import Saved, array, part
from stream.detect.findings import Findings
from stream.sentences import Why
from stream.windows.axes import LEVEL, SERIES

LEVEL_ALERTS: Final[dict[int, str]] = {
    LevelState.HIGH: "level_high",
    LevelState.LOW: "level_low",
    LevelState.STUCK: "level_stuck",
    LevelState.STEP: "level_step",
    LevelState.DRIFT: "level_drift",
}
"""State of a level series → the kind of what is found then."""
_STEP_MS: Final = 86_400_000
_DRIFT_MS: Final = 6 * 86_400_000
"""How long before it is told a step or a drift began."""


class LevelsStage(Saved):
    """Baselines of all level series of a shard. Thresholds that mean danger are the hazard rules' affair."""

    baseline: LevelBaseline = part(rows=LEVEL)
    series = array(np.int64, LEVEL, of=SERIES)
    """Series of each row of the baseline."""
    stuck = array(np.bool_, SERIES)
    """Whether the series' reading has not changed for too long; shape (all series,)."""
    _peak = array(np.float64, LEVEL, fill=np.nan)
    """The highest reading (of what is low, the lowest) since what is unusual has begun."""
    _row = array(np.int64, SERIES, fill=-1, derived=True)

    def __init__(self, window_s: int, calendar: Calendar, findings: Findings) -> None:
        self.window_ms = window_s * 1000
        self.findings = findings
        self.baseline = LevelBaseline(window_s, calendar)
        super().__init__()

    def add_series(self, added: NDArray[np.int64]) -> None:
        """Give new level series a baseline; there must be room for them."""
        rows = len(self.series) + np.arange(len(added))
        self.grow(LEVEL, len(self.series) + len(added))
        self.series[rows], self._row[added] = added, rows

    def believe(self, series: NDArray[np.int64], since_ms: int) -> NDArray[np.bool_]:
        """Take for usual what series have read since a time; return of which there is anything to go by."""
        return self.baseline.believe(self._row[series], since_ms)

    def codes(self, series: NDArray[np.int64], value: NDArray[np.float64], now_ms: int) -> NDArray[np.bool_]:
        """Return which readings, (readings,), of level series are codes for a fault and no measurement."""
        return self.baseline.coded(self._row[series], now_ms - now_ms % self.window_ms, value)

    def forget(self) -> None:
        """Give all series a baseline that knows nothing."""
        one = self.baseline
        one.restore(LevelBaseline(one.window_s, one.calendar, len(self.series)).capture())

    def restored(self) -> None:
        """Find the rows of series."""
        self._row[self.series] = np.arange(len(self.series))

    def close(self, number: int, fields: Mapping[str, NDArray[Any]], quiet: NDArray[np.bool_] | None = None) -> None:
        """Test a closed window, learn from it, and write expected, band and state into `fields`.

        Series that are `quiet` (all series,) are passed by: something is planned for them.
        """
        n = fields["n"][self.series]
        if quiet is not None:
            n = np.where(quiet[self.series], 0, n)
            passed = self.series[quiet[self.series] & self.stuck[self.series]]
            self.stuck[passed] = False
            for index in passed.tolist():
                self._moves(index, number * self.window_ms)
        rows = np.flatnonzero(n > 0)
        if not len(rows):
            return
        series, n = self.series[rows], n[rows]
        mean = fields["sum_a"][series] / n
        start_ms = number * self.window_ms
        test = self.baseline.step(rows, start_ms, mean, n)
        for name in ("expected", "lower", "upper", "state"):
            fields[name][series] = getattr(test, name)
        fields["p"][series] = np.minimum(test.p_upper, test.p_lower)
        self._tell(rows, start_ms, test, mean, fields)

    def _tell(
        self,
        rows: NDArray[np.int64],
        start_ms: int,
        test: LevelTest,
        mean: NDArray[np.float64],
        fields: Mapping[str, NDArray[Any]],
    ) -> None:
        """Note what is strange, and tell people of sensors that no longer measure what they did."""
        series = self.series[rows]
        before = self.stuck[series]
        self.stuck[series] = test.stuck
        self._peak[rows[(test.onset_ms == 0) | (test.onset_ms == start_ms)]] = np.nan
        for place in np.flatnonzero(before & ~test.stuck).tolist():
            self._moves(int(series[place]), start_ms)
        # What a loud evening means is for people to judge, and danger has thresholds: it is an anomaly, and no alert.
        for place in np.flatnonzero(test.alarm | (test.stuck & ~before)).tolist():
            kind = LEVEL_ALERTS.get(int(test.state[place]))
            if kind is None:
                continue
            index, value = int(series[place]), float(mean[place])
            expected, moved = float(test.expected[place]), float(test.moved[place])
            if kind == "level_stuck":
                self._fault(index, kind, int(test.onset_ms[place]), value, expected)
            elif moved:
                since_ms = start_ms - (_STEP_MS if kind == "level_step" else _DRIFT_MS)
                said = {"by": abs(moved), "higher": int(moved > 0), "days": _DRIFT_MS // _STEP_MS}
                self._fault(index, kind, since_ms, expected + moved, expected, said)
            else:
                self._found(int(rows[place]), kind, start_ms, test, place, value, fields)

    def _found(
        self,
        row: int,
        kind: str,
        start_ms: int,
        test: LevelTest,
        place: int,
        mean: float,
        fields: Mapping[str, NDArray[Any]],
    ) -> None:
        series, high = int(self.series[row]), kind == "level_high"
        reading = float(fields["high" if high else "low"][series])
        peak = np.fmax(self._peak[row], reading) if high else np.fmin(self._peak[row], reading)
        self._peak[row] = peak
        metric = self.findings.catalog.series[series].metric
        lower = float(test.lower[place])
        self.findings.unusual(
            series,
            kind,
            int(test.onset_ms[place]) or start_ms,
            mean,
            float(test.expected[place]),
            float(test.p[place]),
            # What cannot be below nothing is not said to be.
            lower=lower if metric == "temperature" or mean < 0 else max(lower, 0.0),
            upper=float(test.upper[place]),
            peak=float(peak),
        )

    def _moves(self, series: int, end_ms: int) -> None:
        """Note that a series is not stuck any more; its device is not, where none of its series is."""
        device = int(self.findings.catalog.series_device[series])
        owner = self.findings.catalog.series_device[self.series]
        if not self.stuck[self.series[owner == device]].any():
            self.findings.fall(device, "level_stuck", self.findings.now_ms, end_ms=end_ms)

    def _fault(
        self, series: int, kind: str, since_ms: int, value: float, expected: float, said: dict[str, Any] | None = None
    ) -> None:
        """Tell people of a sensor that is stuck, which ends, or has stepped or drifted, which is told once."""
        findings, key = self.findings, self.findings.catalog.series[series]
        direction: AnomalyDirection = "dead" if said is None else "surge" if said["higher"] else "deficit"
        more: dict[str, Any] = {"since_ms": since_ms} if said is None else said
        numbers: dict[str, Any] = {"metric": key.metric, "observed": value, "expected": expected}
        why = Why(kind, numbers | more)
        device = int(findings.catalog.series_device[series])
        found = findings.anomaly(device, key.metric, kind, direction, since_ms, why, observed=value, expected=expected)
        findings.alert(found, findings.now_ms, ends=said is None)

    def amend(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Let late or backfilled readings teach the baselines; they raise nothing. A reading has no exposure."""
        del exposure
        rows = self._row[series]
        order = np.lexsort((number, rows))
        rows, number, value = rows[order], number[order], value[order]
        starts = np.flatnonzero(np.concatenate(([True], (rows[1:] != rows[:-1]) | (number[1:] != number[:-1]))))
        n = np.diff(np.append(starts, len(rows)))
        self.baseline.amend(rows[starts], number[starts] * self.window_ms, np.add.reduceat(value, starts) / n, n)
