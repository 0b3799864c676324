"""The counting stage: people and vehicles against their baselines, in open windows and in closed ones."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.places import DEVICE_TYPES
from ingest.vocabulary import COUNT_ALERTS, HiddenState, WindowStatus
from models.baselines.clean_counts import not_counted
from models.baselines.count_judge import CountTest
from models.baselines.count_state import believe
from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.state import Saved, array, part
from stream.detect.count_ends import CountEnds
from stream.detect.findings import Findings
from stream.results import RECALLED, WindowRows
from stream.windows.axes import COUNT, SERIES

_ORDINARY_P: Final = 0.05
_STRANGE_P: Final = 1e-4
_CALM: Final = 2
"""So many ordinary windows in a row end an alert. The hidden state is slower: it asks whether the event is over, the
alert whether anything is left to see."""
_RECALL_MS: Final = 86_400_000
_CALM_PART: Final = 1.5
"""Up to so much of the usual, a part of an open window is nothing special."""
_METRICS: Final = ("person", "vehicle")
_EPISODE_KINDS: Final = frozenset(COUNT_ALERTS.values())
_SURGE: Final = COUNT_ALERTS[HiddenState.SURGE]
_DEFICIT: Final = COUNT_ALERTS[HiddenState.DEFICIT]


class CountsStage(Saved):
    """Baselines of all count series of a shard."""

    baseline: CountBaseline = part(rows=COUNT)
    ends: CountEnds = part(rows=COUNT)
    series = array(np.int64, COUNT, of=SERIES)
    """Series of each row of the baseline."""
    _calm = array(np.int8, COUNT)
    """Ordinary windows in a row, up to `_CALM`."""
    _dismissed_ms = array(np.int64, COUNT)
    """Onset of the last episode whose alert has ended though the hidden state goes on."""
    _since_window = array(np.int64, SERIES)
    """Window whose part up to the last look that was nothing special is in the next two."""
    _since_total = array(np.float64, SERIES)
    _since_exposure = array(np.float64, SERIES)
    _row = array(np.int64, SERIES, fill=-1, derived=True)

    def __init__(self, window_s: int, calendar: Calendar, findings: Findings) -> None:
        self.window_ms = window_s * 1000
        self.findings = findings
        self.baseline, self.ends = CountBaseline(window_s, calendar), CountEnds()
        self._full: dict[int, NDArray[np.float64]] = {}
        """Window number → expected count of the whole window per row, infinite where too young to judge; a cache."""
        super().__init__()

    def add_series(self, added: NDArray[np.int64]) -> None:
        """Give new count series a baseline; there must be room for them."""
        rows = len(self.series) + np.arange(len(added))
        self.grow(COUNT, len(self.series) + len(added))
        self.series[rows] = added
        self._find(rows)

    def believe(self, series: NDArray[np.int64], since_ms: int) -> NDArray[np.bool_]:
        """Take for usual what series have counted since a time; return of which there is anything to go by."""
        one, now_ms = self.baseline, self.findings.now_ms
        rows = self._row[series]
        done = np.array([believe(one, row, since_ms, now_ms, one.calendar) for row in rows.tolist()], dtype=np.bool_)
        self.ends.end(rows[done])
        self._full.clear()
        return done

    def codes(
        self, series: NDArray[np.int64], said: NDArray[np.float64], interval_s: NDArray[np.float64], now_ms: int
    ) -> NDArray[np.bool_]:
        """Return which counts, (counts,), of some series nobody has counted; each covers `interval_s`."""
        total, exposure, _ = _per_window(said, interval_s * 1000.0 / self.window_ms)
        return not_counted(self.baseline, self._row[series], now_ms, total, exposure, said)

    def forget(self) -> None:
        """Give all series a baseline that knows nothing."""
        one = self.baseline
        one.restore(CountBaseline(one.window_s, one.calendar, len(self.series)).capture())
        self.restored()

    def restored(self) -> None:
        """Find the rows and the kinds of all series."""
        self._find(np.arange(len(self.series)))

    def _find(self, rows: NDArray[np.int64]) -> None:
        series = self.series[rows]
        self._row[series] = rows
        self.baseline.set_kinds(rows, [self._kind(index) for index in series.tolist()])
        self._full.clear()

    def _kind(self, index: int) -> int:
        """Return what a series is one of, such as the people that cameras count; a new one borrows from the others.

        A number that stays the same whichever series come first; -1 for devices that the places file does not have.
        """
        catalog = self.findings.catalog
        key = catalog.series[index]
        device = catalog.places.devices.get(key.device)
        if device is None or key.metric not in _METRICS:
            return -1
        return DEVICE_TYPES.index(device.type) * len(_METRICS) + _METRICS.index(key.metric)

    def open_window(self, number: int, series: NDArray[np.int64], fields: Mapping[str, NDArray[Any]]) -> None:
        """Test a window that is still open, so that a surge is seen before it closes."""
        exposure = fields["exposure"][series].astype(np.float64)
        if not exposure.any():
            return
        rows = self._row[series]
        total, exposure, windows = _per_window(fields["sum_a"][series] + fields["sum_b"][series], exposure)
        usual = self._expected(number)[rows]
        self._surges(number, rows, total, exposure, windows, usual)
        # What came since the last look that was nothing special: a surge that begins late in a window is not thinned
        # by the ordinary part before it (a cumulative sum with restarts: Page, 1954).
        known = self._since_window[series] == number
        before, seen = self._since_total[series] * known, self._since_exposure[series] * known
        part, share = total - before, exposure - seen
        late = np.flatnonzero((seen > 0) & (share > 0))
        self._surges(number, rows[late], part[late], share[late], windows[late], usual[late])
        calm = np.flatnonzero(part <= _CALM_PART * usual * np.maximum(share, 1e-9))
        self._since_window[series[calm]] = number
        self._since_total[series[calm]], self._since_exposure[series[calm]] = total[calm], exposure[calm]

    def _surges(
        self,
        number: int,
        rows: NDArray[np.int64],
        total: NDArray[np.float64],
        exposure: NDArray[np.float64],
        windows: NDArray[np.float64],
        usual: NDArray[np.float64],
    ) -> None:
        """Tell of rows that have counted too much in the observed share of a window; `usual` is its whole.

        A device's own interval covers so many `windows`, by which what it counted is divided.
        """
        # (inf where young; 0 * inf is no number, hence the floor)
        mean = usual * np.maximum(exposure, 1e-9)
        # No over-dispersed tail is rarer than the Poisson one: below this nothing can be an alarm.
        strange = np.flatnonzero(total > np.where(exposure > 0, mean + 3 * np.sqrt(mean) + 3, np.inf))
        if not len(strange):
            return
        rows, total, exposure, windows = rows[strange], total[strange], exposure[strange], windows[strange]
        start_ms = number * self.window_ms
        test = self.baseline.test(rows, start_ms, total, exposure)
        rising = test.grounds[:, 0] > test.grounds[:, 1]
        for place in np.flatnonzero(self._news(rows, test) & rising).tolist():
            seen = float(total[place]), float(exposure[place]), float(windows[place])
            self._found(rows, number, test, place, *seen)

    def close(self, number: int, fields: Mapping[str, NDArray[Any]], quiet: NDArray[np.bool_] | None = None) -> None:
        """Test a closed window, learn from it, and write expected, band and state into `fields`.

        Series that are `quiet` (all series,) are neither tested nor learned from: something is planned for them.
        """
        exposure = fields["exposure"][self.series].astype(np.float64)
        rows = np.flatnonzero(exposure > 0)
        self._full.clear()  # what closes is learned: windows still open are judged by it, too, here and after a restart
        if quiet is not None:
            hushed = quiet[self.series[rows]]
            self._pass_by(rows[hushed], number, fields)
            rows = rows[~hushed]
        if not len(rows):
            return
        series, exposure = self.series[rows], exposure[rows]
        total, exposure, windows = _per_window(fields["sum_a"][series] + fields["sum_b"][series], exposure)
        start_ms = number * self.window_ms
        test = self.baseline.step(rows, start_ms, total, exposure)
        for name in ("expected", "lower", "upper"):
            fields[name][series] = getattr(test, name) * windows
        fields["state"][series] = test.state
        fields["p"][series] = np.minimum(test.p_upper, test.p_lower)
        for place in np.flatnonzero(self._news(rows, test)).tolist():
            seen = float(total[place]), float(exposure[place]), float(windows[place])
            self._found(rows, number, test, place, *seen)
        ordinary = np.minimum(test.p_upper, test.p_lower) > _ORDINARY_P
        self._calm[rows] = np.where(ordinary, np.minimum(self._calm[rows] + 1, _CALM), 0)
        over = (test.state == HiddenState.NORMAL) | (test.state == HiddenState.YOUNG)
        settled = (over & ~test.alarm) | (self._calm[rows] >= _CALM)
        self._dismissed_ms[rows] = np.where(settled & ~over, test.onset_ms, self._dismissed_ms[rows])
        low = self.ends.look(rows, test, total, start_ms, _ORDINARY_P)
        self._settle(rows, settled, low, start_ms + self.window_ms)
        self.ends.end(rows[settled & ~low])

    @property
    def dead(self) -> NDArray[np.int64]:
        """The series that are told to count nobody any more."""
        dead: NDArray[np.int64] = self.series[np.flatnonzero(self.ends.low[: len(self.series)] == HiddenState.DEAD)]
        return dead

    def _pass_by(self, rows: NDArray[np.int64], number: int, fields: Mapping[str, NDArray[Any]]) -> None:
        """Write what would be usual of rows that are not judged, and end what was told of them: now it is expected."""
        if not len(rows):
            return
        series, start_ms = self.series[rows], number * self.window_ms
        _, exposure, windows = _per_window(np.zeros(len(rows)), fields["exposure"][series].astype(np.float64))
        test = self.baseline.test(rows, start_ms, np.zeros(len(rows)), exposure)
        for name in ("expected", "lower", "upper"):
            fields[name][series] = np.where(test.state == HiddenState.YOUNG, np.nan, getattr(test, name) * windows)
        self._calm[rows] = 0
        dead = self.ends.low[rows] == HiddenState.DEAD  # nothing that is planned brings a counter back
        self._settle(rows, np.ones(len(rows), dtype=np.bool_), dead, start_ms + self.window_ms)
        self.ends.end(rows[~dead])

    def amend(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        value: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Let late or backfilled counts teach the baselines; they raise nothing."""
        value, exposure, _ = _per_window(value, exposure)
        self.baseline.amend(self._row[series], number * self.window_ms, value, exposure)
        self._full.clear()

    def recall(
        self, series: NDArray[np.int64], number: NDArray[np.int64], exposure: NDArray[np.float64]
    ) -> list[WindowRows]:
        """Return what the model expects of the newest late windows, so that people see a band over a fresh history.

        These rows hold no observations; see `RECALLED`. They cost a test per window, so only a day is recalled.
        """
        newest = number > int(number.max()) - _RECALL_MS // self.window_ms
        pair, where = np.unique((number[newest] << 32) | series[newest], return_inverse=True)
        covered = np.minimum(np.bincount(where, exposure[newest]), 1.0)
        number, series = pair >> 32, pair & 0xFFFF_FFFF
        rows = self._row[series]
        tested = {name: np.full(len(pair), np.nan, dtype=np.float32) for name in ("expected", "lower", "upper")}
        for window in np.unique(number).tolist():
            at = np.flatnonzero((number == window) & (covered > 0))
            test = self.baseline.test(rows[at], window * self.window_ms, np.zeros(len(at)), covered[at])
            known = test.state != HiddenState.YOUNG
            for name, values in tested.items():
                values[at[known]] = getattr(test, name)[known]
        keep = ~np.isnan(tested["expected"])
        if not keep.any():
            return []
        return [_recalled(series[keep], number[keep] * self.window_ms, covered[keep], tested, keep)]

    def _expected(self, number: int) -> NDArray[np.float64]:
        cached = self._full.get(number)
        if cached is None:
            rows = np.arange(len(self.series))
            test = self.baseline.test(rows, number * self.window_ms, np.zeros(len(rows)), np.ones(len(rows)))
            cached = self._full[number] = np.where(test.state == HiddenState.YOUNG, np.inf, test.expected)
        return cached

    def _news(self, rows: NDArray[np.int64], test: CountTest) -> NDArray[np.bool_]:
        """Return which alarms are new: not those that only remember an episode whose alert has ended.

        The model looks at sums over up to an hour, and its hidden state is slow to believe that an event is over.
        """
        known = (test.onset_ms > 0) & (test.onset_ms == self._dismissed_ms[rows])
        news: NDArray[np.bool_] = test.alarm & (~known | (np.minimum(test.p_upper, test.p_lower) < _STRANGE_P))
        return news

    def _settle(self, rows: NDArray[np.intp], settled: NDArray[np.bool_], low: NDArray[np.bool_], end_ms: int) -> None:
        """Clear the alerts of devices all of whose series have settled, unless a later window raised them.

        Those of series that are `low` only for a surge: the end of too little needs evidence (`CountEnds`).
        """
        findings = self.findings
        waiting = findings.active.begun_before(_EPISODE_KINDS, end_ms)
        if not waiting:
            return
        catalog, series = findings.catalog.series, self.series[rows]
        names = [catalog[index].device for index in series.tolist()]
        held = {_SURGE: ~settled}
        unsettled = {
            kind: {names[place] for place in np.flatnonzero(held.get(kind, ~settled | low)).tolist()}
            for kind in _EPISODE_KINDS
        }
        seen = dict(zip(names, findings.catalog.series_device[series].tolist(), strict=True))
        # What is over was over with the last window that was not ordinary.
        ended: dict[str, int] = {}
        few_ended: dict[str, int] = {}
        over_ms = end_ms - self._calm[rows].astype(np.int64) * self.window_ms
        for device, at_ms, strange_ms in zip(names, over_ms.tolist(), self.ends.strange_ms(rows).tolist(), strict=True):
            ended[device] = max(ended.get(device, 0), at_ms)
            if strange_ms:
                few_ended[device] = max(few_ended.get(device, 0), strange_ms + self.window_ms)
        for (device, kind), since_ms in waiting:
            if device in seen and device not in unsettled[kind]:
                last_ms = ended[device] if kind != _DEFICIT else few_ended.get(device, ended[device])
                # (an open window that was ordinary when it closed is a window, too)
                findings.fall(seen[device], kind, findings.now_ms, end_ms=max(last_ms, since_ms + self.window_ms))

    def _found(
        self,
        rows: NDArray[np.int64],
        number: int,
        test: CountTest,
        place: int,
        total: float,
        share: float,
        windows: float,
    ) -> None:
        """Tell of an alarm by the numbers that it rests on, which say, too, whether it is too much or too little.

        `total` was counted in the observed `share` of the window; a device's own interval covers so many `windows`.
        """
        findings, series = self.findings, int(self.series[rows[place]])
        observed, expected, watched, p = test.grounds[place].tolist()
        if watched <= share + 1e-6:  # the window alone; the model has rounded what was counted
            observed, watched = total, share
        key = findings.catalog.series[series]
        # A counter that counts again stays in the sums of the next hour: that is no second thing to tell.
        dead = test.state[place] == HiddenState.DEAD or findings.active.has(key.device, "dead")
        kind = "surge" if observed > expected else "dead" if dead else "deficit"
        since_ms = findings.active.began(key.device, kind, key.metric)
        if since_ms is None:
            # What the sum of an hour shows began before its last window. (An episode may be of another kind.)
            since_ms = min(number * self.window_ms, round((number + share - watched * windows) * self.window_ms))
            if (kind == "surge") == (test.state[place] == HiddenState.SURGE) and test.onset_ms[place]:
                since_ms = min(since_ms, int(test.onset_ms[place]))
        if kind != _SURGE:
            self.ends.begins(
                int(rows[place]), HiddenState.DEAD if dead else HiddenState.DEFICIT, number * self.window_ms
            )
        anomaly = findings.unusual(
            series,
            kind,
            since_ms,
            observed * windows,
            expected * windows,
            p,
            period_s=float(round(watched * windows * self.window_ms / 1000)),
            window_s=self.window_ms / 1000,
            most=0,
        )
        findings.alert(anomaly, findings.now_ms, surprise=float(test.surprise[place]))


def _per_window(
    total: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bring counts that cover several windows to one: (total, exposure up to 1, windows covered from 1).

    A device that counts by the half hour is judged by its mean over the half hour.
    """
    windows = np.maximum(exposure, 1.0)
    return total / windows, exposure / windows, windows


def _recalled(
    series: NDArray[np.int64],
    start: NDArray[np.int64],
    exposure: NDArray[np.float64],
    tested: Mapping[str, NDArray[np.float32]],
    keep: NDArray[np.bool_],
) -> WindowRows:
    size = len(series)
    nothing, unknown = np.zeros(size), np.full(size, np.nan)
    return WindowRows(
        series=series.astype(np.int32),
        start=start,
        part=np.full(size, RECALLED, dtype=np.int64),
        status=np.full(size, WindowStatus.LATE, dtype=np.uint8),
        n=np.zeros(size, dtype=np.int32),
        sum_a=nothing,
        sum_b=nothing,
        low=unknown,
        high=unknown,
        exposure=exposure.astype(np.float32),
        expected=tested["expected"][keep],
        lower=tested["lower"][keep],
        upper=tested["upper"][keep],
        p=unknown.astype(np.float32),
        state=np.zeros(size, dtype=np.uint8),
    )
