"""The rules stage: hazards and gate passes; what is alerted at once, or as soon as time has passed."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.places import CLOCK_OFFSET, MOST_OFFSET_S, PLATE_TOKENS, Places, PlacesError
from ingest.vocabulary import Direction, Kind
from models.calendar import Calendar
from models.rules.barriers import BarrierEvent, Barriers
from models.rules.defaults import READ_KINDS, WITH_RULES, defaults_for
from models.rules.fires import FIRE_KINDS, Fire, FireWatch, Spot, spot_of
from models.rules.gates import GateEvent, GateRules
from models.rules.hazards import HazardEvent, HazardRules
from models.state import Saved, array, part, value
from stream.detect.device_watch import DeviceWatch
from stream.detect.findings import Findings
from stream.detect.hazard_words import further, hazard_why, in_its_unit, told_late
from stream.sentences import Why, literal
from stream.windows.axes import SERIES
from stream.windows.columns import Rows
from stream.windows.device_clocks import Found

_LOG = logging.getLogger(__name__)
_NIGHT_FROM_S, _NIGHT_UNTIL_S = 22 * 3600, 6 * 3600
_GATES_EVERY_MS: Final = 60_000
_STUCK: Final = "gate_stuck"
_ONE_WAY: Final = {"in": Direction.IN, "out": Direction.OUT}
_LATE: Final = frozenset({"late", "late_over", "ahead"})
_LATE_CONFIDENCE: Final = 0.8
"""What late words say is believed by so much less: something may have changed, or the clock is wrong."""


def check_overrides(places: Places) -> None:
    """Check the rule settings of all devices of a places file.

    Raises `ingest.places.PlacesError` naming the device and the key.
    """
    for device in places.devices.values():
        for kind, metric in WITH_RULES:
            try:
                defaults_for(device.type, kind, metric, device.overrides)
            except ValueError as error:
                raise PlacesError(f"places: device {device.id!r}: {error}") from error
        ahead_s = device.overrides.get(CLOCK_OFFSET, 0)
        if isinstance(ahead_s, bool) or not isinstance(ahead_s, int | float) or not abs(ahead_s) <= MOST_OFFSET_S:
            raise PlacesError(
                f"places: device {device.id!r}: {CLOCK_OFFSET!r} is {ahead_s!r}, expected the seconds by which its "
                f"clock is ahead (below 0: behind), at most {MOST_OFFSET_S}"
            )
        made_here = device.overrides.get(PLATE_TOKENS, False)
        if not isinstance(made_here, bool):
            raise PlacesError(
                f"places: device {device.id!r}: {PLATE_TOKENS!r} is {made_here!r}, expected true or false"
            )
        try:
            spot_of(device.id, device.beat, (device.lon, device.lat), device.overrides)
            _one_way(device.overrides)
        except ValueError as error:
            raise PlacesError(f"places: device {device.id!r}: {error}") from error


class RulesStage(Saved):
    """Hazard rules and gate rules of all devices of a shard, and the watch on the devices themselves."""

    hazards: HazardRules = part(rows=SERIES)
    gates: GateRules = part(rows=SERIES)
    barriers: Barriers = part()
    fires: FireWatch = part()
    _gates_due_ms = value(int)
    _barrier = array(np.bool_, SERIES, derived=True)
    """Which series are the words of a barrier."""
    ruled = array(np.bool_, SERIES, derived=True)
    """Which series are shown to the rules: all states and gates, and levels that have a rule."""

    def __init__(self, calendar: Calendar, findings: Findings) -> None:
        self.calendar, self.findings = calendar, findings
        self.watch = DeviceWatch(findings, ZoneInfo(calendar.timezone))
        self.hazards, self.gates, self.barriers, self.fires = HazardRules(), GateRules(), Barriers(), FireWatch()
        self._back: list[int] = []
        """Devices that this record has brought back from silence."""
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Forget whose rules there are; the series must be added again."""
        self._rows: dict[tuple[int, str], list[int]] = {}
        """(device, kind) → series with a hazard rule of that kind: a smoke detector reports a density and an alarm."""
        self._kinds: dict[int, list[str]] = {}
        """Level series → kinds of its hazard rules."""

    def add_series(self, added: Sequence[int]) -> None:
        """Give new series their rules; the places file may override the defaults."""
        catalog = self.findings.catalog
        ended: list[tuple[int, str]] = []
        """(device, kind) of hazards that go on under a rule which the places file has switched off."""
        for index in added:
            key = catalog.series[index]
            place = catalog.places.devices.get(key.device)
            kind, overrides = ("environment", {}) if place is None else (place.type, place.overrides)
            self.ruled[index] = key.kind in {Kind.GATE, Kind.STATE}
            if key.kind == Kind.GATE:
                self._set_way(index, key.device, overrides)
            if key.kind not in {Kind.LEVEL, Kind.STATE}:
                continue
            self._barrier[index] = key.metric == "barrier"
            try:
                rules = defaults_for(kind, key.kind, key.metric, overrides)
            except ValueError as error:
                # The node refuses such a places file at its start; a device must not be unwatched all the same.
                _LOG.warning("device %s: %s; its rules are the defaults", key.device, error)
                rules = defaults_for(kind, key.kind, key.metric)
            self.ruled[index] |= bool(rules)
            for rule in rules:
                self.hazards.set_rule(index, rule)
                self._rows.setdefault((int(catalog.series_device[index]), rule.kind), []).append(index)
                if key.kind == Kind.LEVEL:
                    self._kinds.setdefault(index, []).append(rule.kind)
            off = self.hazards.keep_rules(index, {rule.kind for rule in rules})
            ended += [(int(catalog.series_device[index]), hazard) for hazard in off]
        for device, hazard in ended:
            self._hazard_over(device, hazard, self.findings.now_ms, self.findings.now_ms)

    def _set_way(self, row: int, device: str, overrides: Mapping[str, Any]) -> None:
        try:
            self.gates.set_one_way(row, _one_way(overrides))
        except ValueError as error:
            _LOG.warning("device %s: %s; it is taken as open both ways", device, error)

    def wanted(
        self, series: NDArray[np.int64], levels: NDArray[np.bool_], value: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell which observations, all (rows,), have to be shown: all but the `levels` that no rule looks at."""
        wanted = ~levels
        rows = np.flatnonzero(levels)
        wanted[rows] = self.hazards.wakes(series[rows], value[rows])
        return wanted

    def levels(self, rows: Rows, now_ms: int) -> None:
        """Check levels against thresholds."""
        rows = rows.where(rows.how.newest | ~rows.retained)
        for event in self.hazards.levels(rows.series, rows.ts, rows.a, rows.how):
            self._hazard(event, now_ms, rows)
        newest = rows.where(rows.how.newest & ~rows.how.backfill)
        for series in np.unique(newest.series).tolist():
            self._goesfurther(series, newest.a[newest.series == series], now_ms)

    def _goesfurther(self, series: int, values: NDArray[np.float64], now_ms: int) -> None:
        """Tell of a reading further over its threshold than all before it; the alert book decides what people hear."""
        active, key = self.findings.active, self.findings.catalog.series[series]
        for kind in self._kinds.get(series, ()):
            before = active.kept(key.device, kind, key.metric)
            if before is None or not (active.has(key.device, kind) and self.hazards.active(series, kind)):
                continue
            high = before.observed >= before.expected
            value = float(values.max() if high else values.min())
            why = further(before.why, value, high=high)
            if why is not None and (value > before.observed if high else value < before.observed):
                self.findings.alert(msgspec.structs.replace(before, observed=value, why=why), now_ms)

    def states(self, rows: Rows, now_ms: int) -> None:
        """Check states against the hazard rules; of newest words, only the changes are needed."""
        rows = rows.where(rows.how.newest | ~rows.retained)
        values = [rows.strings[index] for index in rows.text.tolist()]
        for row in np.flatnonzero(self._barrier[rows.series] & rows.how.newest).tolist():
            for moved in self.barriers.says(int(rows.device[row]), int(rows.ts[row]), values[row]):
                self._passed_down(moved, now_ms)
        for event in self.hazards.states(rows.series, rows.ts, values, rows.how):
            self._hazard(event, now_ms, rows)

    def passes(self, rows: Rows, live: NDArray[np.bool_], now_ms: int) -> None:
        """Check gate passes in order of arrival; late ones (not `live`) are remembered but raise nothing."""
        used = np.unique(rows.text)
        table = np.zeros(len(rows.strings), dtype=np.uint64)
        for index in used.tolist():
            token, *older = map(_token, rows.strings[index].split(" "))
            table[index] = token
            for one in older:
                self.gates.table.rename(one, token)
        _, second = self.calendar.local(rows.ts)
        night = (second >= _NIGHT_FROM_S) | (second < _NIGHT_UNTIL_S)
        direction, allowed = rows.a.astype(np.int64), rows.b.astype(np.int64)
        newest = rows.how.newest
        for event in self.gates.passes(rows.series, rows.ts, direction, allowed, table[rows.text], night, newest):
            if live[event.index]:
                self._gate(event, now_ms, int(rows.seq[event.index]))
        for row in np.flatnonzero(live).tolist():
            self.barriers.passed(int(rows.device[row]), int(rows.ts[row]))

    def tick(self, now_ms: int) -> None:
        """Fire what only needs time to pass: doors left open, silent devices, vehicles that stay.

        Nothing is fired where the time has just stepped: it may be wrong.
        """
        for device in self._back:
            for kind in self._read(device):
                self._say(device, kind, now_ms)
        self._back = []
        if self.findings.quality.time.resting:
            return
        for event in self.hazards.tick(now_ms):
            self._hazard(event, now_ms)
        if now_ms >= self._gates_due_ms:
            self._gates_due_ms = now_ms + _GATES_EVERY_MS
            for overstay in self.gates.tick(now_ms):
                self._gate(overstay, now_ms, -1)
            for stuck in self.barriers.tick(now_ms):
                self._passed_down(stuck, now_ms)
        for device in self.watch.tick(now_ms):
            for kind in self._read(device):
                self._say(device, kind, now_ms, "unread", since_ms=self.findings.quality.heard_ms(device))

    def heard(self, devices: list[int], clocks: Found, now_ms: int) -> None:
        """Devices that were silent are heard again, and clocks are found to be wrong or right."""
        self._back += devices
        self.watch.heard(devices, now_ms)
        self.watch.clocks(clocks, now_ms)

    def _hazard(self, event: HazardEvent, now_ms: int, rows: Rows | None = None) -> None:
        """Tell of a hazard's beginning or end; `rows` are those among which it was found."""
        findings = self.findings
        device = int(findings.catalog.series_device[event.row])
        if not event.on:
            end_ms = event.ts
            if event.until is not None and end_ms - event.until > self._longest_ms(device):
                # It is not known what was between the readings: it is over as of the last that said it went on.
                self._say(device, event.kind, now_ms, "unread_between", since_ms=event.until, until_ms=end_ms)
                end_ms = event.until
            self._hazard_over(device, event.kind, end_ms, now_ms, event.row)
            return
        metric = findings.catalog.series[event.row].metric
        why = hazard_why(event, metric)
        late_s, seq = 0.0, -1
        if rows is not None and event.index >= 0:
            if why.code == "threshold":
                why = in_its_unit(why, metric, rows.strings[int(rows.text[event.index])])
            late_s = int(rows.how.received[event.index] - rows.ts[event.index]) / 1000
            seq = int(rows.seq[event.index])
        if event.until is not None:
            late_s = max(late_s, (now_ms - event.ts) / 1000)
        elif rows is None and isinstance(event.value, str):  # a timer that ran out before its word came
            late_s = (now_ms - event.ts) / 1000 - event.threshold
        why = told_late(why, late_s, over=event.until is not None)
        doubtful, work = why.code in _LATE, findings.planned.work(device, event.ts)
        if work is not None:
            why = Why("at_work", {"why": why, "name": work.entry.name or " ".join(work.entry.at)})
        observed, expected = (1.0, 1.0) if isinstance(event.value, str) else (event.value, event.threshold)
        anomaly = findings.anomaly(
            device, metric, event.kind, "hazard", event.ts, why, observed=observed, expected=expected,
            confidence=round(findings.confidence(device) * (_LATE_CONFIDENCE if doubtful or work else 1.0), 2),
        )  # fmt: skip
        if event.until is not None and (event.beside or self._goes_on(device, event.kind, event.row)):
            return  # people know of the same already, and that does not end
        spot = self._spot(device) if event.kind in FIRE_KINDS else None
        fire = None
        if spot is not None:
            # Of what was over, only its beginning is known for sure.
            until = None if event.until is None else event.ts
            fire = self.fires.on(spot, event.kind, event.ts, msgspec.to_builtins(why), until)
        if fire is None:
            findings.alert(anomaly, now_ms, cause_seq=seq)
        else:
            findings.active.add(anomaly)
            self._fire(fire, now_ms)
        if event.until is not None:
            self._hazard_over(device, event.kind, event.until, now_ms, event.row)

    def _longest_ms(self, device: int) -> float:
        """Return how far apart two readings of a device may be for nothing to be missing between them."""
        quality = self.findings.quality
        return max(quality.silent_ms, 3000 * quality.usual_s(device))

    def _say(self, device: int, kind: str, now_ms: int, code: str = "", **said: int) -> None:
        """Add something to what is said of a hazard that goes on; without a code, say only what it is."""
        findings, (beat, name) = self.findings, self.findings.catalog.devices[device]
        found = findings.active.anomalies(name, kind)
        if found and findings.active.has(name, kind):
            anomaly = found[-1]
            why = Why(code, {"why": anomaly.why, **said}) if code else anomaly.why
            findings.rise(beat, name, kind, now_ms, why, cause_ms=anomaly.ts, confidence=anomaly.confidence, quiet=True)

    def _read(self, device: int) -> list[str]:
        """Return the kinds of a device's hazards that go on by its readings alone; a word stands until the next."""
        series = self.findings.catalog.series
        every = ((kind, row) for kind in READ_KINDS for row in self._rows.get((device, kind), ()))
        return [kind for kind, row in every if series[row].kind == Kind.LEVEL and self.hazards.active(row, kind)]

    def _goes_on(self, device: int, kind: str, but: int = -1) -> bool:
        """Tell whether anything of a device, `but` for one series, says that a hazard goes on."""
        if any(row != but and self.hazards.active(row, kind) for row in self._rows.get((device, kind), ())):
            return True
        return kind == _STUCK and self.barriers.active(device)

    def _hazard_over(self, device: int, kind: str, end_ms: int, now_ms: int, row: int = -1) -> None:
        """End a device's hazard that a series told of, unless something else of the device says the same."""
        findings = self.findings
        if self._goes_on(device, kind, row):
            return
        findings.fall(device, kind, now_ms, end_ms=end_ms)
        fire = self.fires.off(findings.catalog.devices[device][1], kind, end_ms) if kind in FIRE_KINDS else None
        if fire is not None and fire.over:
            first = fire.parts[0].spot
            findings.fall(findings.catalog.device(first.beat, first.device), "fire", now_ms, end_ms=end_ms)

    def _spot(self, device: int) -> Spot | None:
        """Return where a detector is, None where that is not known or it is not to be combined."""
        beat, name = self.findings.catalog.devices[device]
        place = self.findings.places.devices.get(name)
        if place is None:
            return None
        try:
            return spot_of(name, beat, (place.lon, place.lat), place.overrides)
        except ValueError:
            return spot_of(name, beat, (place.lon, place.lat))

    def _fire(self, fire: Fire, now_ms: int) -> None:
        """Tell of smoke and heat together, in place of the smoke and the heat."""
        findings = self.findings
        first = fire.parts[0].spot
        for one in fire.parts:
            findings.active.end(*one.key)
        devices = tuple(dict.fromkeys(one.spot.device for one in fire.parts))
        parts = [
            Why("part", {"place": literal(findings.called(one.spot.device)), "why": msgspec.convert(one.why, Why)})
            for one in fire.parts
        ]
        findings.rise(
            first.beat,
            first.device,
            "fire",
            now_ms,
            Why("fire", {"metres": fire.metres, "parts": parts}),
            cause_ms=min(one.since_ms for one in fire.parts),
            devices=devices if len(devices) > 1 else (),
            takes=tuple(one.key for one in fire.parts),
        )

    def _passed_down(self, event: BarrierEvent, now_ms: int) -> None:
        """Tell of vehicles that pass a barrier which says it is down."""
        findings, device = self.findings, event.row
        if not event.on:
            self._hazard_over(device, _STUCK, event.ts, now_ms)
            return
        why = Why("barrier_down", {"passes": event.passes, "since_ms": event.ts})
        findings.alert(
            findings.anomaly(
                device, "gate", _STUCK, "hazard", event.ts, why, observed=float(event.passes), expected=0.0
            ),
            now_ms,
        )

    def _gate(self, event: GateEvent, now_ms: int, seq: int) -> None:
        findings = self.findings
        device = int(findings.catalog.series_device[event.row])
        why = Why(event.kind, {"value": event.value, "limit": event.threshold, "at_ms": event.ts})
        findings.alert(
            findings.anomaly(
                device, "gate", event.kind, "hazard", event.ts, why, observed=event.value, expected=event.threshold
            ),
            now_ms,
            cause_seq=seq,
            ends=False,
        )

    def set_back(self, now_ms: int) -> None:
        """Let nothing wait for a time that is far ahead: the clock was set back."""
        self._gates_due_ms = 0
        self.hazards.set_back(now_ms)


def _one_way(overrides: Mapping[str, Any]) -> int:
    """Return the only direction in which a gate may be passed. Raises ValueError naming a wrong setting."""
    given = overrides.get("one_way", "")
    if given not in ("", *_ONE_WAY):
        raise ValueError(f"override 'one_way' is {given!r}, expected 'in' or 'out'")
    return _ONE_WAY.get(given, Direction.UNKNOWN)


def _token(plate: str) -> int:
    """Return a 64-bit hash of a plate token, 0 for no plate."""
    return int.from_bytes(hashlib.blake2b(plate.encode(), digest_size=8).digest(), "little") if plate else 0
