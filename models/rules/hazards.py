"""Rules on levels and states: hysteresis, minimum duration, debounce, timers; for many series at once.

Most calls bring thousands of ordinary values, and for them only arrays are touched. A value that crosses a threshold,
or that belongs to a rule which is on or waiting, is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.rules.hazard_defaults import StateRule, ThresholdRule, defaults_for

__all__ = ["HazardEvent", "HazardRules", "StateRule", "ThresholdRule", "defaults_for"]

_NONE: Final = np.iinfo(np.int64).min
"""No time."""
_MAX_WORDS: Final = 64
"""Bad words live in the bits of one uint64 per series."""
_KIND_BYTES: Final = 48
_LEVEL, _STATE = 0, 1


@dataclass(frozen=True, slots=True)
class HazardEvent:
    """A hazard began (`on`) or ended."""

    row: int
    kind: str
    on: bool
    ts: int
    """Event time at which the condition began, or ended (epoch ms)."""
    fired_ms: int
    """Event time of the observation that fired it, or the time of the tick."""
    value: float | str
    threshold: float | str
    """What was crossed, or for states the minimum duration, as text such as ``120 s``."""
    index: int
    """Position in the arrays given; -1 from `HazardRules.tick`."""


@dataclass(slots=True)
class _Rule:
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


class HazardRules:
    """All threshold and state rules of all series.

    A threshold rule turns on when the value reaches `on` and has stayed there for `hold_s`, confirmed by an
    observation (a single spike proves no duration); it turns off when the value falls below `off` and stays there for
    `release_s`. With `off` above `on` the rule watches for low values instead. A state rule turns on when a bad word
    has been the newest one for its hold time: a door that is left open says nothing more, so `tick` fires it.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._by_row: dict[tuple[int, int], list[int]] = {}
        self._keys: dict[tuple[int, str], int] = {}
        self._words: dict[str, int] = {}
        size = 64
        # What the fast path looks at, per row: the nearest thresholds, and whether a rule needs every value.
        self._high = np.full(size, np.inf)
        self._low = np.full(size, -np.inf)
        self._bad = np.zeros(size, dtype=np.uint64)
        self._busy = np.zeros((2, size), dtype=bool)
        self._last = np.full((2, size), _NONE, dtype=np.int64)
        self._waiting: set[int] = set()

    def grow(self, size: int) -> None:
        """Make room for rows below `size`; rules do it by themselves."""
        have = len(self._high)
        if size <= have:
            return
        more = max(size, 2 * have) - have
        self._high = np.concatenate([self._high, np.full(more, np.inf)])
        self._low = np.concatenate([self._low, np.full(more, -np.inf)])
        self._bad = np.concatenate([self._bad, np.zeros(more, dtype=np.uint64)])
        self._busy = np.concatenate([self._busy, np.zeros((2, more), dtype=bool)], axis=1)
        self._last = np.concatenate([self._last, np.full((2, more), _NONE, dtype=np.int64)], axis=1)

    def set_threshold(
        self, row: int, kind: str, on: float, off: float, hold_s: float = 0.0, release_s: float = 0.0
    ) -> None:
        """Set (or change, keeping its state) a threshold rule of a row. Raises ValueError for values not finite."""
        if not np.isfinite([on, off, hold_s, release_s]).all() or hold_s < 0 or release_s < 0:
            raise ValueError(
                f"rule {kind!r} of row {row}: on {on}, off {off}, hold_s {hold_s}, release_s {release_s}; "
                "expected finite numbers and times from 0"
            )
        rule = self._rule(row, kind, _LEVEL)
        rule.on, rule.off = float(on), float(off)
        rule.hold_ms, rule.release_ms = round(hold_s * 1000), round(release_s * 1000)
        self._index(row)

    def set_states(self, row: int, kind: str, bad: Mapping[str, float], release_s: float = 0.0) -> None:
        """Set (or change, keeping its state) a state rule of a row: bad word → minimum duration in seconds."""
        if not bad or not all(np.isfinite(hold) and hold >= 0 for hold in bad.values()):
            raise ValueError(f"rule {kind!r} of row {row}: bad states {dict(bad)}; expected words with seconds from 0")
        rule = self._rule(row, kind, _STATE)
        rule.bad = {word: round(hold * 1000) for word, hold in bad.items()}
        rule.release_ms = round(release_s * 1000)
        for word in rule.bad:
            if word not in self._words:
                if len(self._words) >= _MAX_WORDS:
                    raise ValueError(f"rule {kind!r} of row {row}: more than {_MAX_WORDS} bad words on one site")
                self._words[word] = len(self._words)
        self._index(row)

    def set_rule(self, row: int, rule: ThresholdRule | StateRule) -> None:
        """Set (or change, keeping its state) a rule of a row."""
        if isinstance(rule, ThresholdRule):
            self.set_threshold(row, rule.kind, rule.on, rule.off, rule.hold_s, rule.release_s)
        else:
            self.set_states(row, rule.kind, rule.bad, rule.release_s)

    def levels(self, rows: ArrayLike, ts: ArrayLike, values: ArrayLike) -> list[HazardEvent]:
        """Look at values, each (n,), in time order per row; values older than the row's newest are ignored."""
        index, times = np.asarray(rows, dtype=np.intp), np.asarray(ts, dtype=np.int64)
        value = np.asarray(values, dtype=np.float64)
        if len(index) == 0:
            return []
        self.grow(int(index.max()) + 1)
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
        self.grow(int(index.max()) + 1)
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
                self._switch(rule, number, fired=now_ms, index=-1, events=events)
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
            self._switch(rule, number, fired=at, index=i, events=events)

    def _word(self, rule: _Rule, number: int, at: int, word: str, i: int, events: list[HazardEvent]) -> None:
        if at < rule.seen:
            return
        rule.seen = at
        bad = rule.bad.get(word)
        if not rule.active and rule.since != _NONE and at - rule.since >= rule.wait_ms:
            # The time ran out before this word came, only no tick has said so yet.
            self._switch(rule, number, fired=at, index=i, events=events)
        if bad is not None and not rule.active and rule.since != _NONE:
            # From one bad word to another: the condition goes on, the more urgent hold time counts.
            rule.wait_ms = min(rule.wait_ms, bad)
        self._move(rule, number, begins=bad is not None, ends=bad is None, hold=bad or 0, at=at)
        rule.word = word
        if rule.since != _NONE and at - rule.since >= rule.wait_ms:
            self._switch(rule, number, fired=at, index=i, events=events)

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

    def _switch(self, rule: _Rule, number: int, *, fired: int, index: int, events: list[HazardEvent]) -> None:
        rule.active = not rule.active
        since, rule.since = rule.since, _NONE
        self._waiting.discard(number)
        self._mark(rule)
        level = rule.on if rule.active else rule.off
        threshold: float | str = level if rule.sort == _LEVEL else f"{rule.wait_ms / 1000:g} s"
        value = rule.value if rule.sort == _LEVEL else rule.word
        events.append(HazardEvent(rule.row, rule.kind, rule.active, since, fired, value, threshold, index))

    def _mark(self, rule: _Rule) -> None:
        busy = rule.active or rule.since != _NONE
        if busy != self._busy[rule.sort, rule.row]:
            numbers = self._by_row[rule.sort, rule.row]
            self._busy[rule.sort, rule.row] = any(
                self._rules[n].active or self._rules[n].since != _NONE for n in numbers
            )

    def _rule(self, row: int, kind: str, sort: int) -> _Rule:
        if row < 0 or len(kind.encode()) > _KIND_BYTES or not kind:
            raise ValueError(f"rule {kind!r} of row {row}: expected a row from 0 and 1 to {_KIND_BYTES} bytes of kind")
        self.grow(row + 1)
        number = self._keys.get((row, kind))
        if number is not None and self._rules[number].sort == sort:
            return self._rules[number]
        if number is not None:
            raise ValueError(f"rule {kind!r} of row {row} is already a rule on {('levels', 'states')[1 - sort]}")
        rule = _Rule(row, kind, sort, np.inf, np.inf, 0, 0, {})
        self._keys[row, kind] = len(self._rules)
        self._by_row.setdefault((sort, row), []).append(len(self._rules))
        self._rules.append(rule)
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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return rules and their state as arrays of fixed types."""
        rules = self._rules
        bad = [(n, word, ms) for n, rule in enumerate(rules) for word, ms in rule.bad.items()]
        return {
            "row": np.array([r.row for r in rules], dtype=np.int64),
            "kind": np.array([r.kind.encode() for r in rules], dtype=f"S{_KIND_BYTES}"),
            "sort": np.array([r.sort for r in rules], dtype=np.uint8),
            "limits": np.array([(r.on, r.off, r.value) for r in rules], dtype=np.float64).reshape(-1, 3),
            "times": np.array(
                [(r.hold_ms, r.release_ms, r.since, r.wait_ms, r.seen) for r in rules], dtype=np.int64
            ).reshape(-1, 5),
            "active": np.array([r.active for r in rules], dtype=np.bool_),
            "word": np.array([r.word.encode() for r in rules], dtype="S256"),
            "bad_rule": np.array([n for n, _, _ in bad], dtype=np.int64),
            "bad_word": np.array([word.encode() for _, word, _ in bad], dtype="S256"),
            "bad_ms": np.array([ms for _, _, ms in bad], dtype=np.int64),
            "last": self._last.copy(),
        }

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `arrays` gave: rules and state. Raises ValueError naming the array that does not fit."""
        fresh = HazardRules()
        for name, like in fresh.arrays().items():
            if name not in arrays:
                raise ValueError(f"state of hazards: array {name!r} is missing")
            given = np.asarray(arrays[name])
            if given.dtype.kind != like.dtype.kind or given.ndim != like.ndim:
                raise ValueError(
                    f"state of hazards: array {name!r} is {given.dtype} with {given.ndim} axes, "
                    f"expected {like.dtype} with {like.ndim}"
                )
        count = len(arrays["row"])
        for name in ("kind", "sort", "limits", "times", "active", "word"):
            if len(arrays[name]) != count:
                raise ValueError(f"state of hazards: array {name!r} has {len(arrays[name])} rules, expected {count}")
        for n in range(count):
            rule = fresh._rule(int(arrays["row"][n]), arrays["kind"][n].decode(), int(arrays["sort"][n]))
            rule.on, rule.off, rule.value = (float(x) for x in arrays["limits"][n])
            rule.hold_ms, rule.release_ms, rule.since, rule.wait_ms, rule.seen = (int(x) for x in arrays["times"][n])
            rule.active, rule.word = bool(arrays["active"][n]), arrays["word"][n].decode()
        for n, word, ms in zip(arrays["bad_rule"], arrays["bad_word"], arrays["bad_ms"], strict=True):
            if not 0 <= int(n) < count:
                raise ValueError(f"state of hazards: array 'bad_rule' names rule {n}, there are {count}")
            fresh._rules[int(n)].bad[word.decode()] = int(ms)
            fresh._words.setdefault(word.decode(), len(fresh._words))
        fresh.grow(arrays["last"].shape[1])
        fresh._last = np.array(arrays["last"], dtype=np.int64)
        fresh._high = fresh._high[: fresh._last.shape[1]]
        self.__dict__.update(fresh.__dict__)
        self._high, self._low = np.full(self._last.shape[1], np.inf), np.full(self._last.shape[1], -np.inf)
        self._bad = np.zeros(self._last.shape[1], dtype=np.uint64)
        self._busy = np.zeros((2, self._last.shape[1]), dtype=bool)
        for n, rule in enumerate(self._rules):
            self._index(rule.row)
            self._mark(rule)
            if rule.since != _NONE:
                self._waiting.add(n)
