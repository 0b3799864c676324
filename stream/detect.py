"""The detection stage: calls the models on arrays, and turns what they find into anomalies and alerts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from ingest.batch import Kind
from models import explain
from models.calendar import Calendar
from models.counts import CountBaseline, CountConfig
from models.gates import GateRules
from models.hazard_defaults import defaults_for
from models.hazards import HazardRules
from stream.arrays import grown
from stream.results import Anomaly, CountState, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from models.counts import CountTest
    from models.gates import GateEvent
    from models.hazards import HazardEvent
    from stream.alerts import AlertBook
    from stream.catalog import Catalog
    from stream.config import PipelineConfig
    from stream.quality import Quality
    from stream.results import Results, Text

SEVERITY: Final[dict[str, Severity]] = {
    "smoke": "critical",
    "heat": "critical",
    "cover_open": "critical",
    "tailgating": "info",
    "silent": "info",
    "deficit": "info",
}
"""Severity by kind; everything else is a warning."""
_EPISODES: Final = {CountState.SURGE: "surge", CountState.DEFICIT: "deficit", CountState.DEAD: "dead"}
_NIGHT_FROM_S, _NIGHT_UNTIL_S = 22 * 3600, 6 * 3600
_UNITS: Final = {"noise": "dB", "smoke": "%/m", "temperature": "°C", "water": "cm"}
_GATES_EVERY_MS: Final = 60_000


@dataclass(slots=True)
class Rows:
    """Live observations of one kind, in arrival order; arrays of shape (rows,)."""

    series: NDArray[np.int64]
    device: NDArray[np.int64]
    ts: NDArray[np.int64]
    seq: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    text: NDArray[np.int64]
    """Index into `strings`."""
    strings: list[str]


class Detection:
    """All models of a shard, and which of their rows belongs to which series."""

    def __init__(
        self,
        config: PipelineConfig,
        catalog: Catalog,
        book: AlertBook,
        quality: Quality,
        calendar: Calendar | None = None,
    ) -> None:
        self.config, self.catalog, self.book, self.quality = config, catalog, book, quality
        self.calendar = calendar or Calendar(
            config.timezone, config.country, tuple(date.fromisoformat(day) for day in config.holidays)
        )
        self.counts = CountBaseline(CountConfig(window_s=config.window_s), self.calendar)
        self.hazards = HazardRules()
        self.gates = GateRules()
        self.count_series = np.zeros(0, dtype=np.int64)
        """Series of each row of the count baseline."""
        self._count_row = np.full(0, -1, dtype=np.int64)
        self._full: dict[int, NDArray[np.float64]] = {}
        """Window number → expected count of the whole window per baseline row; a cache, not state."""
        self._zone = ZoneInfo(config.timezone)
        self._gates_due_ms = 0

    def add_series(self, added: list[int]) -> None:
        """Give new series their models and rules."""
        size = len(self.catalog.series)
        self._count_row = grown(self._count_row, size, -1)
        self.hazards.grow(size)
        self.gates.grow(size)
        for index in added:
            key = self.catalog.series[index]
            place = self.catalog.places.devices.get(key.device)
            if key.kind == Kind.COUNT:
                self._count_row[index] = len(self.count_series)
                self.count_series = np.append(self.count_series, index)
            elif key.kind in {Kind.LEVEL, Kind.STATE}:
                kind = "environment" if place is None else place.type
                for rule in defaults_for(kind, key.kind, key.metric, {} if place is None else place.overrides):
                    rule.apply(self.hazards, index)
        self.counts.grow(len(self.count_series))
        self._full.clear()

    def levels(self, rows: Rows, now_ms: int, out: Results) -> None:
        """Check live levels against thresholds."""
        for event in self.hazards.levels(rows.series, rows.ts, rows.a):
            self._hazard(event, now_ms, int(rows.seq[event.index]), out)

    def states(self, rows: Rows, now_ms: int, out: Results) -> None:
        """Check live states (only the changes are needed) against the hazard rules."""
        values = [rows.strings[index] for index in rows.text.tolist()]
        for event in self.hazards.states(rows.series, rows.ts, values):
            self._hazard(event, now_ms, int(rows.seq[event.index]), out)

    def passes(self, rows: Rows, live: NDArray[np.bool_], now_ms: int, out: Results) -> None:
        """Check gate passes in order of arrival; late ones (not `live`) are remembered but raise nothing."""
        for event in self._pass(rows):
            if live[event.index]:
                self._gate(event, now_ms, int(rows.seq[event.index]), out)

    def _pass(self, rows: Rows) -> list[GateEvent]:
        used = np.unique(rows.text)
        table = np.zeros(len(rows.strings), dtype=np.uint64)
        table[used] = [_token(rows.strings[index]) for index in used.tolist()]
        _, second = self.calendar.local(rows.ts)
        night = (second >= _NIGHT_FROM_S) | (second < _NIGHT_UNTIL_S)
        return self.gates.passes(
            rows.series, rows.ts, rows.a.astype(np.int64), rows.b.astype(np.int64), table[rows.text], night
        )

    def tick(self, now_ms: int, out: Results) -> None:
        """Fire what only needs time to pass: doors left open, silent devices, alerts that expire."""
        for event in self.hazards.tick(now_ms):
            self._hazard(event, now_ms, -1, out)
        if now_ms >= self._gates_due_ms:
            self._gates_due_ms = now_ms + _GATES_EVERY_MS
            for overstay in self.gates.tick(now_ms):
                self._gate(overstay, now_ms, -1, out)
        silent = self.quality.newly_silent(now_ms)
        for device in silent:
            since = self.quality.heard_ms(device)
            text = explain.silent((now_ms - since) / 1000, self.quality.usual_s(device))
            self._rise(device, "silent", now_ms, text, out, cause_ms=since)
        out.alerts += self.book.expire(now_ms)

    def spoke(self, devices: list[int], now_ms: int, out: Results) -> None:
        """Devices that were silent are heard again."""
        for device in devices:
            out.alerts += self.book.fall(self.catalog.devices[device][1], "silent", now_ms)

    def open_windows(
        self, number: int, series: NDArray[np.int64], fields: Mapping[str, NDArray[Any]], now_ms: int, out: Results
    ) -> None:
        """Test counts of a window that is still open, so that a surge is seen before the window closes."""
        rows = self._count_row[series]
        total = fields["sum_a"][series] + fields["sum_b"][series]
        exposure = fields["exposure"][series].astype(np.float64)
        mean = self._expected(number)[rows] * exposure
        # No over-dispersed tail is rarer than the Poisson one: below this nothing can be an alarm.
        strange = np.flatnonzero((total > mean + 3 * np.sqrt(mean) + 3) & (exposure > 0))
        if not len(strange):
            return
        rows, total, exposure = rows[strange], total[strange], exposure[strange]
        start_ms = number * self.config.window_s * 1000
        test = self.counts.test(rows, start_ms, total, exposure)
        for place in np.flatnonzero(test.alarm & (total > test.expected)).tolist():
            onset = int(test.onset_ms[place]) or start_ms
            self._count(rows, test, total, place, "surge", onset, now_ms, out)

    def close(self, number: int, fields: Mapping[str, NDArray[Any]], now_ms: int, out: Results) -> None:
        """Test the counts of a closed window, learn from them, and write expected, band and state into `fields`."""
        series = self.count_series
        exposure = fields["exposure"][series].astype(np.float64)
        rows = np.flatnonzero(exposure > 0)
        self._full.pop(number, None)
        if not len(rows):
            return
        series, exposure = series[rows], exposure[rows]
        total = fields["sum_a"][series] + fields["sum_b"][series]
        start_ms = number * self.config.window_s * 1000
        test = self.counts.step(rows, start_ms, total, exposure)
        fields["expected"][series] = test.expected
        fields["lower"][series] = test.lower
        fields["upper"][series] = test.upper
        fields["p"][series] = np.minimum(test.p_upper, test.p_lower)
        fields["state"][series] = test.state
        for place in np.flatnonzero(test.alarm).tolist():
            kind = _EPISODES.get(CountState(int(test.state[place])))
            if kind is None:
                kind = "surge" if total[place] > test.expected[place] else "deficit"
            self._count(rows, test, total, place, kind, int(test.onset_ms[place]) or start_ms, now_ms, out)
        self._settle(series, test, now_ms, out)

    def _settle(self, series: NDArray[np.int64], test: CountTest, now_ms: int, out: Results) -> None:
        """Clear the count alerts of devices all of whose series are back to normal."""
        waiting = {(alert.device, alert.kind) for alert in self.book.open() if alert.kind in _EPISODES.values()}
        if not waiting:
            return
        strange = {self.catalog.series[int(series[place])].device for place in np.flatnonzero(test.alarm).tolist()}
        unsettled = (test.state != CountState.NORMAL) & (test.state != CountState.YOUNG)
        strange |= {self.catalog.series[int(series[place])].device for place in np.flatnonzero(unsettled).tolist()}
        seen = {self.catalog.series[index].device for index in series.tolist()}
        for device, kind in sorted(waiting):
            if device in seen and device not in strange:
                out.alerts += self.book.fall(device, kind, now_ms)

    def amend(
        self,
        series: NDArray[np.int64],
        number: NDArray[np.int64],
        total: NDArray[np.float64],
        exposure: NDArray[np.float64],
    ) -> None:
        """Let late or backfilled counts teach the baselines; they raise nothing."""
        start_ms = number * self.config.window_s * 1000
        self.counts.amend(self._count_row[series], start_ms, total, exposure)
        self._full.clear()

    def _expected(self, number: int) -> NDArray[np.float64]:
        cached = self._full.get(number)
        if cached is None:
            rows = np.arange(len(self.count_series))
            full = np.ones(len(rows))
            start_ms = number * self.config.window_s * 1000
            cached = self._full[number] = self.counts.test(rows, start_ms, np.zeros(len(rows)), full).expected
        return cached

    def _count(
        self,
        rows: NDArray[np.int64],
        test: CountTest,
        total: NDArray[np.float64],
        place: int,
        kind: str,
        onset_ms: int,
        now_ms: int,
        out: Results,
    ) -> None:
        index = int(self.count_series[rows[place]])
        key = self.catalog.series[index]
        device = int(self.catalog.series_device[index])
        upper = kind == "surge"
        p = float(test.p_upper[place] if upper else test.p_lower[place])
        observed, expected = float(total[place]), float(test.expected[place])
        text = explain.count(kind, key.metric, observed, expected, p, self._clock(onset_ms))
        severity: Severity = SEVERITY.get(kind, "warning")
        out.anomalies.append(
            Anomaly(
                beat=key.beat,
                device=key.device,
                metric=key.metric,
                kind=kind,
                direction="surge" if upper else "dead" if kind == "dead" else "deficit",
                severity=severity,
                ts=onset_ms,
                observed=observed,
                expected=expected,
                p=p,
                duration_s=max(now_ms - onset_ms, 0) / 1000,
                confidence=self._confidence(device),
                text=text,
            )
        )
        self._rise(device, kind, now_ms, text, out, cause_ms=onset_ms)

    def _hazard(self, event: HazardEvent, now_ms: int, seq: int, out: Results) -> None:
        key = self.catalog.series[event.row]
        device = int(self.catalog.series_device[event.row])
        if not event.on:
            out.alerts += self.book.fall(key.device, event.kind, now_ms)
            return
        unit = _UNITS.get(key.metric, "")
        text = explain.hazard(event.kind, key.metric, event.value, event.threshold, unit, self._clock(event.ts))
        value, threshold = (v if isinstance(v, float) else 1.0 for v in (event.value, event.threshold))
        self._rule(device, key.metric, event.kind, event.ts, value, threshold, text, out)
        self._rise(device, event.kind, now_ms, text, out, cause_ms=event.ts, cause_seq=seq)

    def _gate(self, event: GateEvent, now_ms: int, seq: int, out: Results) -> None:
        device = int(self.catalog.series_device[event.row])
        text = explain.gate(event.kind, event.value, event.threshold, self._clock(event.ts))
        self._rule(device, "gate", event.kind, event.ts, 1.0, 0.0, text, out)
        self._rise(device, event.kind, now_ms, text, out, cause_ms=event.ts, cause_seq=seq, ends=False)

    def _rule(
        self, device: int, metric: str, kind: str, ts: int, value: float, threshold: float, text: Text, out: Results
    ) -> None:
        beat, name = self.catalog.devices[device]
        out.anomalies.append(
            Anomaly(
                beat=beat,
                device=name,
                metric=metric,
                kind=kind,
                direction="hazard",
                severity=SEVERITY.get(kind, "warning"),
                ts=ts,
                observed=value,
                expected=threshold,
                p=float("nan"),
                duration_s=0.0,
                confidence=self._confidence(device),
                text=text,
            )
        )

    def _rise(
        self,
        device: int,
        kind: str,
        now_ms: int,
        text: Text,
        out: Results,
        *,
        cause_ms: int,
        cause_seq: int = -1,
        ends: bool = True,
    ) -> None:
        beat, name = self.catalog.devices[device]
        place = self.catalog.places.devices.get(name)
        out.alerts += self.book.rise(
            beat=beat,
            device=name,
            kind=kind,
            severity=SEVERITY.get(kind, "warning"),
            now_ms=now_ms,
            lonlat=(place.lon, place.lat) if place else (0.0, 0.0),
            place=place.name if place else {"en": name, "zh-CN": name},
            text=text,
            advice=explain.advice(kind),
            confidence=self._confidence(device),
            cause_ms=cause_ms,
            cause_seq=cause_seq,
            ends=ends,
        )

    def _confidence(self, device: int) -> float:
        return round(float(self.quality.quality[device]), 2) if device < self.quality.size else 1.0

    def _clock(self, ts: int) -> str:
        return explain.clock(ts, self._zone)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state of all models as arrays."""
        state: dict[str, NDArray[Any]] = {}
        for name, model in (("counts", self.counts), ("hazards", self.hazards), ("gates", self.gates)):
            state |= {f"{name}/{key}": values for key, values in model.arrays().items()}
        return state

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave. The catalogue must have been loaded before."""
        for name, model in (("counts", self.counts), ("hazards", self.hazards), ("gates", self.gates)):
            prefix = f"{name}/"
            model.load({key.removeprefix(prefix): v for key, v in arrays.items() if key.startswith(prefix)})
        self.count_series = np.zeros(0, dtype=np.int64)
        # Rules are set again, over their state, because the places file may have changed since.
        self.add_series(list(range(len(self.catalog.series))))


def _token(plate: str) -> int:
    """Return a 64-bit hash of a plate token, 0 for no plate."""
    return int.from_bytes(hashlib.blake2b(plate.encode(), digest_size=8).digest(), "little") if plate else 0
