"""Rules on levels and states: hysteresis, minimum duration, debounce, timers; for many series at once.

Most calls bring thousands of ordinary values, and for them only arrays are touched. A value that crosses a threshold,
or that belongs to a rule which is on or waiting, is looked at one by one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from ingest.vocabulary import HAZARD_LEVELS, Kind
from models.state import ROW, Axis, Saved, array, value

_NONE: Final = np.iinfo(np.int64).min
"""No time."""
_MAX_WORDS: Final = 64
"""Bad words live in the bits of one uint64 per series."""
_LEVEL, _STATE = 0, 1
RULE: Final = Axis("rule")


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """On at `on` for `hold_s`, off below `off` for `release_s`."""

    kind: str
    on: float
    off: float
    hold_s: float = 0.0
    release_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StateRule:
    """On when a bad word has stood for its seconds."""

    kind: str
    bad: dict[str, float]
    release_s: float = 0.0


_LEVELS: Final[dict[str, ThresholdRule]] = {
    "noise": ThresholdRule("noise_high", HAZARD_LEVELS["noise"], 75.0, 10.0),
    "smoke": ThresholdRule("smoke", HAZARD_LEVELS["smoke"], 2.0),
    "temperature": ThresholdRule("heat", HAZARD_LEVELS["temperature"], 50.0),
    "water": ThresholdRule("water", HAZARD_LEVELS["water"], 20.0),
}
_STATES: Final[dict[str, StateRule]] = {
    "smoke": StateRule("smoke", {"alarm": 0.0}),
    "door": StateRule("door_open", {"open": 120.0}),
    "cover": StateRule("cover_open", {"open": 0.0, "tilted": 0.0}),
    "video": StateRule("camera_fault", {"blocked": 0.0, "lost": 0.0}),
    "barrier": StateRule("gate_stuck", {"stuck": 0.0, "up": 300.0}),
    "tamper": StateRule("tamper", {"alarm": 0.0}),
}
WITH_RULES: Final = (*((Kind.LEVEL, metric) for metric in _LEVELS), *((Kind.STATE, metric) for metric in _STATES))
"""(kind, metric) of everything that has a rule."""


@dataclass(frozen=True, slots=True)
class HazardEvent:
    """A hazard began (`on`) or ended."""

    row: int
    kind: str
    on: bool
    ts: int
    """Event time at which the condition began, or ended (epoch ms)."""
    value: float | str
    """The reading, or the word."""
    threshold: float
    """What was crossed; for states how long the word had to last, in seconds."""
    index: int
    """Position in the arrays given; -1 from `HazardRules.tick`."""


class _Rule(msgspec.Struct, array_like=True):
    row: int
    kind: str
    sort: int
    on: float
    off: float
    hold_ms: int
    release_ms: int
    bad: dict[str, int]
    """States: word → minimum duration, ms."""
    active: bool = False
    since: int = _NONE
    """Since when the condition (or, while active, its end) has been waiting; `_NONE`: not waiting."""
    wait_ms: int = 0
    value: float = 0.0
    word: str = ""
    seen: int = _NONE
    """Newest event time."""


class HazardRules(Saved):
    """All threshold and state rules of all series.

    A threshold rule turns on when the value reaches `on` and has stayed there for `hold_s`, confirmed by an
    observation (a single spike proves no duration); it turns off when the value falls below `off` and stays there for
    `release_s`. With `off` above `on` the rule watches for low values instead. A state rule turns on when a bad word
    has been the newest one for its hold time: a door that is left open says nothing more, so `tick` fires it.
    """

    _last = array(np.int64, 2, ROW, fill=_NONE)
    _rule_row = array(np.int64, RULE, of=ROW)
    _rules = value(list[_Rule], axis=RULE)
    # What the fast path looks at, per row: the nearest thresholds, and whether a rule needs every value.
    _high = array(np.float64, ROW, fill=np.inf, derived=True)
    _low = array(np.float64, ROW, fill=-np.inf, derived=True)
    _bad = array(np.uint64, ROW, derived=True)
    _busy = array(np.bool_, 2, ROW, derived=True)

    def __init__(self) -> None:
        super().__init__()
        self.restored()

    def set_rule(self, row: int, rule: ThresholdRule | StateRule) -> None:
        """Set (or change, keeping its state) a rule of a row. Raises ValueError for numbers that cannot be."""
        holds = rule.bad.values() if isinstance(rule, StateRule) else (rule.hold_s,)
        if not holds or not all(0 <= seconds < np.inf for seconds in (*holds, rule.release_s)):
            raise ValueError(f"rule {rule.kind!r} of row {row}: expected times from 0, not those of {rule}")
        kept = self._rule(row, rule.kind, _STATE if isinstance(rule, StateRule) else _LEVEL)
        kept.release_ms = round(rule.release_s * 1000)
        if isinstance(rule, ThresholdRule):
            if not np.isfinite([rule.on, rule.off]).all():
                raise ValueError(f"rule {rule.kind!r} of row {row}: expected finite numbers, not those of {rule}")
            kept.on, kept.off, kept.hold_ms = float(rule.on), float(rule.off), round(rule.hold_s * 1000)
        else:
            kept.bad = {word: round(seconds * 1000) for word, seconds in rule.bad.items()}
            for word in kept.bad:
                if self._words.setdefault(word, len(self._words)) >= _MAX_WORDS:
                    raise ValueError(f"rule {rule.kind!r} of row {row}: more than {_MAX_WORDS} bad words on one site")
        if kept.since != _NONE and not kept.active:  # it waits already: the new time counts
            kept.wait_ms = kept.hold_ms if kept.sort == _LEVEL else kept.bad.get(kept.word, kept.wait_ms)
        self._index(row)

    def keep_rules(self, row: int, kinds: Collection[str]) -> list[str]:
        """Switch off the rules of a row that are of other kinds; return the kinds of those that were on."""
        ended: list[str] = []
        for number in (*self._by_row.get((_LEVEL, row), ()), *self._by_row.get((_STATE, row), ())):
            rule = self._rules[number]
            if rule.kind in kinds:
                continue
            if rule.active:
                ended.append(rule.kind)
            rule.on = rule.off = np.inf
            rule.bad, rule.active, rule.since = {}, False, _NONE
            self._waiting.discard(number)
            self._mark(rule)
            self._index(row)
        return ended

    def levels(self, rows: ArrayLike, ts: ArrayLike, values: ArrayLike) -> list[HazardEvent]:
        """Look at values, each (n,), in time order per row; values older than the row's newest are ignored."""
        index, times = np.asarray(rows, dtype=np.intp), np.asarray(ts, dtype=np.int64)
        value = np.asarray(values, dtype=np.float64)
        if len(index) == 0:
            return []
        self.grow(ROW, int(index.max()) + 1)
        # NaN compares false: what is not a number crosses nothing and ends nothing.
        look = (value >= self._high[index]) | (value <= self._low[index]) | self._busy[_LEVEL][index]
        if look.any():
            # A rule that wakes in this call needs what follows in it, too.
            look = np.isin(index, index[look])
        look &= (times >= self._last[_LEVEL][index]) & np.isfinite(value)
        events: list[HazardEvent] = []
        for i in np.flatnonzero(look).tolist():
            row, at = int(index[i]), int(times[i])
            for number in self._by_row.get((_LEVEL, row), ()):
                self._level(self._rules[number], number, at, float(value[i]), i, events)
        np.maximum.at(self._last[_LEVEL], index, times)
        return events

    def states(self, rows: ArrayLike, ts: ArrayLike, values: Sequence[str]) -> list[HazardEvent]:
        """Look at words, each (n,), in time order per row; words older than the row's newest are ignored."""
        index, times = np.asarray(rows, dtype=np.intp), np.asarray(ts, dtype=np.int64)
        if len(index) == 0:
            return []
        self.grow(ROW, int(index.max()) + 1)
        words = self._words
        code = np.array([words.get(value, -1) for value in values], dtype=np.int64)
        bit = np.where(code >= 0, np.uint64(1) << np.maximum(code, 0).astype(np.uint64), np.uint64(0))
        look = ((self._bad[index] & bit) != 0) | self._busy[_STATE][index]
        if look.any():
            look = np.isin(index, index[look])
        look &= times >= self._last[_STATE][index]
        events: list[HazardEvent] = []
        for i in np.flatnonzero(look).tolist():
            row, at = int(index[i]), int(times[i])
            for number in self._by_row.get((_STATE, row), ()):
                self._word(self._rules[number], number, at, values[i], i, events)
        np.maximum.at(self._last[_STATE], index, times)
        return events

    def tick(self, now_ms: int) -> list[HazardEvent]:
        """Fire the timers that have run out by `now_ms`."""
        events: list[HazardEvent] = []
        for number in sorted(self._waiting):
            rule = self._rules[number]
            if rule.since + rule.wait_ms <= now_ms and (rule.sort == _STATE or rule.active):
                self._switch(rule, number, index=-1, events=events)
        return events

    def active(self, row: int, kind: str) -> bool:
        """Whether a rule is on."""
        number = self._keys.get((row, kind))
        return number is not None and self._rules[number].active

    def _level(self, rule: _Rule, number: int, at: int, value: float, i: int, events: list[HazardEvent]) -> None:
        if at < rule.seen:
            return
        rule.seen = at
        sign = 1.0 if rule.off <= rule.on else -1.0
        ends = sign * value < sign * rule.off
        reached = sign * value >= sign * rule.on
        self._move(rule, number, begins=reached, ends=ends, hold=rule.hold_ms, at=at)
        rule.value = value
        if rule.since != _NONE and at - rule.since >= rule.wait_ms:
            self._switch(rule, number, index=i, events=events)

    def _word(self, rule: _Rule, number: int, at: int, word: str, i: int, events: list[HazardEvent]) -> None:
        if at < rule.seen:
            return
        rule.seen = at
        bad = rule.bad.get(word)
        if not rule.active and rule.since != _NONE and at - rule.since >= rule.wait_ms:
            # The time ran out before this word came, only no tick has said so yet.
            self._switch(rule, number, index=i, events=events)
        if bad is not None and not rule.active and rule.since != _NONE:
            # From one bad word to another: the condition goes on, the more urgent hold time counts.
            rule.wait_ms = min(rule.wait_ms, bad)
        self._move(rule, number, begins=bad is not None, ends=bad is None, hold=bad or 0, at=at)
        rule.word = word
        if rule.since != _NONE and at - rule.since >= rule.wait_ms:
            self._switch(rule, number, index=i, events=events)

    def _move(self, rule: _Rule, number: int, *, begins: bool, ends: bool, hold: int, at: int) -> None:
        """Begin or stop waiting for a change."""
        wants = ends if rule.active else begins
        if wants and rule.since == _NONE:
            rule.since, rule.wait_ms = at, rule.release_ms if rule.active else hold
            self._waiting.add(number)
        elif not wants and rule.since != _NONE:
            rule.since = _NONE
            self._waiting.discard(number)
        self._mark(rule)

    def _switch(self, rule: _Rule, number: int, *, index: int, events: list[HazardEvent]) -> None:
        rule.active = not rule.active
        since, rule.since = rule.since, _NONE
        self._waiting.discard(number)
        self._mark(rule)
        level = rule.on if rule.active else rule.off
        threshold = level if rule.sort == _LEVEL else rule.wait_ms / 1000
        value = rule.value if rule.sort == _LEVEL else rule.word
        events.append(HazardEvent(rule.row, rule.kind, rule.active, since, value, threshold, index))

    def _mark(self, rule: _Rule) -> None:
        busy = rule.active or rule.since != _NONE
        if busy != self._busy[rule.sort, rule.row]:
            numbers = self._by_row[rule.sort, rule.row]
            self._busy[rule.sort, rule.row] = any(
                self._rules[n].active or self._rules[n].since != _NONE for n in numbers
            )

    def _rule(self, row: int, kind: str, sort: int) -> _Rule:
        self.grow(ROW, row + 1)
        number = self._keys.get((row, kind))
        if number is not None and self._rules[number].sort == sort:
            return self._rules[number]
        if number is not None:
            raise ValueError(f"rule {kind!r} of row {row} is already a rule on {('levels', 'states')[1 - sort]}")
        rule = _Rule(row, kind, sort, np.inf, np.inf, 0, 0, {})
        self._keys[row, kind] = len(self._rules)
        self._by_row.setdefault((sort, row), []).append(len(self._rules))
        self._rules.append(rule)
        self.grow(RULE, len(self._rules))
        self._rule_row[len(self._rules) - 1] = row
        return rule

    def _index(self, row: int) -> None:
        levels = [self._rules[n] for n in self._by_row.get((_LEVEL, row), ())]
        self._high[row] = min((r.on for r in levels if r.off <= r.on), default=np.inf)
        self._low[row] = max((r.on for r in levels if r.off > r.on), default=-np.inf)
        bits = 0
        for number in self._by_row.get((_STATE, row), ()):
            for word in self._rules[number].bad:
                bits |= 1 << self._words[word]
        self._bad[row] = np.uint64(bits)

    def restored(self) -> None:
        """Find the rules, and what waits, from the list of rules."""
        self._by_row: dict[tuple[int, int], list[int]] = {}
        self._keys: dict[tuple[int, str], int] = {}
        self._words: dict[str, int] = {}
        """Bad word → its bit."""
        self._waiting: set[int] = set()
        for number, rule in enumerate(self._rules):
            self._keys[rule.row, rule.kind] = number
            self._by_row.setdefault((rule.sort, rule.row), []).append(number)
            for word in rule.bad:
                self._words.setdefault(word, len(self._words))
        for number, rule in enumerate(self._rules):
            self._index(rule.row)
            self._mark(rule)
            if rule.since != _NONE:
                self._waiting.add(number)


def defaults_for(
    device_type: str, kind: int, metric: str, overrides: Mapping[str, Any] | None = None
) -> list[ThresholdRule | StateRule]:
    """Return the rules of one series.

    Parameters
    ----------
    device_type
        As in the places file; a heat sensor's and an environment station's temperature differ by it.
    kind
        `Kind`; only LEVEL and STATE have rules here.
    metric
        ``noise``, ``door``, …
    overrides
        Of the device: ``{metric}_on``, ``{metric}_off``, ``{metric}_hold_s`` for levels; ``open_s`` for doors and
        covers, ``up_s`` for barriers, in general ``{word}_s`` for states; ``{metric}_release_s`` for how long the end
        must last, ``{metric}_rule: false`` switches it off.

    Raises
    ------
    ValueError
        Where an override is not a number (or true/false for ``_rule``), or ``_off`` lies above ``_on``; the text names
        the key.
    """
    given = overrides or {}
    switch = given.get(f"{metric}_rule", True)
    if not isinstance(switch, bool):
        raise ValueError(f"override '{metric}_rule' is {switch!r}, expected true or false")  # noqa: TRY004 - a setting
    if not switch:
        return []
    if kind == Kind.LEVEL and metric in _LEVELS:
        base = _LEVELS[metric]
        # Open-air stations see hot summers and cars exhaust; only fire detectors mean fire by their temperature.
        explicit = any(key.startswith(f"{metric}_") for key in given)
        if metric == "temperature" and device_type not in {"heat", "smoke"} and not explicit:
            return []
        on = _number(given, f"{metric}_on", base.on)
        off = _number(given, f"{metric}_off", min(base.off, on))
        if off > on:
            raise ValueError(f"override '{metric}_off' is {off:g}, expected at most '{metric}_on', which is {on:g}")
        hold_s = _number(given, f"{metric}_hold_s", base.hold_s, least=0.0)
        return [ThresholdRule(base.kind, on, off, hold_s, _release(given, metric, base.release_s))]
    if kind == Kind.STATE and metric in _STATES:
        rule = _STATES[metric]
        bad = {word: _number(given, f"{word}_s", hold, least=0.0) for word, hold in rule.bad.items()}
        return [StateRule(rule.kind, bad, _release(given, metric, rule.release_s))]
    return []


def _release(overrides: Mapping[str, Any], metric: str, default: float) -> float:
    return _number(overrides, f"{metric}_release_s", default, least=0.0)


def _number(overrides: Mapping[str, Any], key: str, default: float, least: float = -1e9) -> float:
    value = overrides.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1e9:
        raise ValueError(f"override {key!r} is {value!r}, expected a number from {least:g}")
    return float(value)
