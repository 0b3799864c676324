"""Rules on levels and states: hysteresis, minimum duration, debounce, timers; for many series at once.

Most calls bring thousands of ordinary values, and for them only arrays are touched. A value that crosses a threshold,
or that belongs to a rule which is on or waiting, is looked at one by one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.rules.defaults import StateRule, ThresholdRule
from models.rules.word_times import Arrival, WordClock, latest_times
from models.state import ROW, Axis, Saved, array, value

_NONE: Final = np.iinfo(np.int64).min
"""No time."""
_MAX_WORDS: Final = 64
"""Bad words live in the bits of one uint64 per series."""
_LEVEL, _STATE = 0, 1
_ONE_MS: Final = 300_000
"""Backfilled words of one condition are no further apart."""
_AWAIT_MS: Final = 60_000
"""So long the word is awaited that ended a condition which is over."""
RULE: Final = Axis("rule")


@dataclass(frozen=True, slots=True)
class HazardEvent:
    """A hazard began (`on`) or ended."""

    row: int
    kind: str
    on: bool
    ts: int
    """When the condition began, or ended (epoch ms), by the site's clock as far as that can be told."""
    value: float | str
    """The reading, or the word."""
    threshold: float
    """What was crossed; for states how long the word had to last, in seconds."""
    index: int
    """Position in the arrays given; -1 from `HazardRules.tick`."""
    until: int | None = None
    """When it ended, where it was over before it became known; it needs no event of its own for its end. Of the end of
    a level: when it was last read that it went on."""
    beside: bool = False
    """Whether the rule was on then, for something newer than what was over."""


class _Over(msgspec.Struct, array_like=True):
    """Words of a condition that was over before they came; event times."""

    boot: int
    start: int
    last: int
    until: int
    """Time of what is known to have been said after it."""
    said: float | str
    hold: int
    received: int
    told: bool = False


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
    """When its newest word was said, as far as that can be told."""
    clock: WordClock = msgspec.field(default_factory=WordClock)
    over: _Over | None = None
    """The newest condition that was over before it became known."""
    read: int = _NONE
    """When the newest value was read that is no end."""

    @property
    def waits(self) -> bool:
        """Whether something is told when time has passed."""
        return self.since != _NONE or (self.over is not None and not self.over.told)


class HazardRules(Saved):
    """All threshold and state rules of all series.

    A threshold rule turns on when the value reaches `on` and has stayed there for `hold_s`, confirmed by an
    observation (a single spike proves no duration); it turns off when the value falls below `off` and stays there for
    `release_s`. With `off` above `on` the rule watches for low values instead. A state rule turns on when a bad word
    has been the newest one for its hold time: a door that is left open says nothing more, so `tick` fires it.

    What is newest does not go by time: whoever calls knows it (`Arrival`), and gives words in their order. How long a
    condition has lasted does; `models.rules.word_times` says when a word was said. What was over before it came is an
    event, too, with its end.
    """

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
            rule.bad, rule.active, rule.since, rule.over = {}, False, _NONE, None
            self._mark(rule)
            self._index(row)
        return ended

    def wakes(self, index: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which values of rows that there is room for, both (n,), a rule has to look at: few, of thousands."""
        # NaN compares false: what is not a number crosses nothing and ends nothing.
        look: NDArray[np.bool_] = (value >= self._high[index]) | (value <= self._low[index]) | self._busy[_LEVEL][index]
        if look.any():
            # A rule that wakes with one of them needs what follows, too.
            look = np.isin(index, index[look])
        return look

    def levels(
        self, rows: ArrayLike, ts: ArrayLike, values: ArrayLike, how: Arrival | None = None
    ) -> list[HazardEvent]:
        """Look at values, each (n,), at their event times (epoch ms); without `how`, they come in time and in order."""
        index, value = np.asarray(rows, dtype=np.intp), np.asarray(values, dtype=np.float64)
        if len(index) == 0:
            return []
        self.grow(ROW, int(index.max()) + 1)
        picked = np.flatnonzero(self.wakes(index, value) & np.isfinite(value))
        return self._looked(_LEVEL, index, ts, picked, value[picked].tolist(), how)

    def states(
        self, rows: ArrayLike, ts: ArrayLike, values: Sequence[str], how: Arrival | None = None
    ) -> list[HazardEvent]:
        """Look at words, each (n,), as `levels` does at values."""
        index = np.asarray(rows, dtype=np.intp)
        if len(index) == 0:
            return []
        self.grow(ROW, int(index.max()) + 1)
        picked = np.flatnonzero(self._bad[index])
        return self._looked(_STATE, index, ts, picked, [values[i] for i in picked.tolist()], how)

    def _looked(
        self,
        sort: int,
        index: NDArray[np.intp],
        ts: ArrayLike,
        picked: NDArray[np.intp],
        values: Sequence[float | str],
        how: Arrival | None,
    ) -> list[HazardEvent]:
        """Show the words at the `picked` positions, which are `values`, to the rules of their rows."""
        events: list[HazardEvent] = []
        if not len(picked):
            return events
        times = np.asarray(ts, dtype=np.int64)
        if how is None:
            same, new = np.zeros(len(index), dtype=np.int64), np.ones(len(index), dtype=np.bool_)
            how = Arrival(times, same, new, times, ~new)
        came = how.where(picked)
        latest = latest_times(index[picked], came.boot, times[picked], came.received)
        lists = [column.tolist() for column in (picked, index[picked], times[picked], *came)]
        touched: dict[int, int] = {}
        for i, row, at, received, boot, newest, until, backfill, due, said in zip(*lists, latest, values, strict=True):
            for number in self._by_row.get((sort, row), ()):
                rule = self._rules[number]
                if newest:
                    self._newest(rule, said, (at, received, due, boot, until), i, events)
                else:
                    word = _Over(boot, at, at, until, said, 0, received)
                    self._older(rule, word, i, events, backfill=backfill)
                    touched[number] = i
        for number, i in touched.items():
            self._finish(self._rules[number], i, events, known=None)
        return events

    def _newest(
        self, rule: _Rule, said: float | str, when: tuple[int, int, int, int, int], i: int,
        events: list[HazardEvent],
    ) -> None:  # fmt: skip
        """Act upon the newest word of a row; `when`: event time, receipt, until when said, boot, the one before."""
        ts, received, due, boot, before = when
        if rule.over is not None and not rule.over.told:
            self._finish(rule, i, events, known=ts if boot == rule.over.boot else rule.over.until)
        at, moved = rule.clock.when(ts, received, due, rule.seen, put_back=ts < before)
        if moved and rule.since != _NONE:
            rule.since = min(rule.since + moved, at)
        rule.seen = at
        if isinstance(said, str):
            self._word(rule, at, said, i, events)
        else:
            self._level(rule, at, said, i, events)

    def _older(self, rule: _Rule, word: _Over, i: int, events: list[HazardEvent], *, backfill: bool) -> None:
        """Take a word that was followed by others before it came: what it tells of is over."""
        begins, ends, word.hold = _judged(rule, word.said)
        over = rule.over
        if over is not None:
            goes_on = over.boot == word.boot and not ends and 0 <= word.start - over.last <= _ONE_MS
            if goes_on and (backfill or not over.told):
                over.last, over.until = word.start, word.until
                return
            self._finish(rule, i, events, known=word.start if ends and over.boot == word.boot else over.until)
            rule.over = None
        if begins:
            rule.over = word
        self._mark(rule)

    def _finish(self, rule: _Rule, i: int, events: list[HazardEvent], *, known: int | None) -> None:
        """Tell of a condition that was over before it became known, where it lasted as long as it has to.

        `known` is when something else was said; without it, the end is still awaited of what has to last.
        """
        over = rule.over
        if over is None or over.told:
            return
        end = max(over.until if known is None else known, over.last)
        # Only a further reading proves that a level has stayed; a word stands until the next one.
        proof = over.last if rule.sort == _LEVEL or known is None else end
        if proof - over.start >= over.hold:
            at = min(over.start + rule.clock.shift, over.received)
            threshold = rule.on if rule.sort == _LEVEL else over.hold / 1000
            events.append(
                HazardEvent(
                    rule.row, rule.kind, on=True, ts=at, value=over.said, threshold=threshold, index=i,
                    until=at + end - over.start, beside=rule.active,
                )
            )  # fmt: skip
            over.told = True
        elif known is not None:
            rule.over = None
        self._mark(rule)

    def tick(self, now_ms: int) -> list[HazardEvent]:
        """Fire the timers that have run out by `now_ms`."""
        events: list[HazardEvent] = []
        for number in sorted(self._waiting):
            rule = self._rules[number]
            if rule.over is not None and not rule.over.told and rule.over.received + _AWAIT_MS <= now_ms:
                self._finish(rule, -1, events, known=rule.over.until)
            due = rule.since != _NONE and rule.since + rule.wait_ms <= now_ms
            if due and (rule.sort == _STATE or rule.active):
                self._switch(rule, index=-1, events=events)
        return events

    def active(self, row: int, kind: str) -> bool:
        """Whether a rule is on."""
        number = self._keys.get((row, kind))
        return number is not None and self._rules[number].active

    def set_back(self, now_ms: int) -> None:
        """Let nothing wait for a time that is far ahead: the site's clock was, and has been put right."""
        for rule in self._rules:
            rule.seen, rule.since, rule.read = (min(at, now_ms) for at in (rule.seen, rule.since, rule.read))
            rule.clock = WordClock()

    def _level(self, rule: _Rule, at: int, value: float, i: int, events: list[HazardEvent]) -> None:
        begins, ends, hold = _judged(rule, value)
        self._move(rule, begins=begins, ends=ends, hold=hold, at=at)
        rule.value, rule.read = value, rule.read if ends else at
        if rule.since != _NONE and at - rule.since >= rule.wait_ms:
            self._switch(rule, index=i, events=events)

    def _word(self, rule: _Rule, at: int, word: str, i: int, events: list[HazardEvent]) -> None:
        bad = rule.bad.get(word)
        if not rule.active and rule.since != _NONE and at - rule.since >= rule.wait_ms:
            # The time ran out before this word came, only no tick has said so yet.
            self._switch(rule, index=i, events=events)
        if bad is not None and not rule.active and rule.since != _NONE:
            # From one bad word to another: the condition goes on, the more urgent hold time counts.
            rule.wait_ms = min(rule.wait_ms, bad)
        self._move(rule, begins=bad is not None, ends=bad is None, hold=bad or 0, at=at)
        rule.word = word
        if rule.since != _NONE and at - rule.since >= rule.wait_ms:
            self._switch(rule, index=i, events=events)

    def _move(self, rule: _Rule, *, begins: bool, ends: bool, hold: int, at: int) -> None:
        """Begin or stop waiting for a change."""
        wants = ends if rule.active else begins
        if wants and rule.since == _NONE:
            rule.since, rule.wait_ms = at, rule.release_ms if rule.active else hold
        elif not wants and rule.since != _NONE:
            rule.since = _NONE
        self._mark(rule)

    def _switch(self, rule: _Rule, *, index: int, events: list[HazardEvent]) -> None:
        rule.active = not rule.active
        since, rule.since = rule.since, _NONE
        self._mark(rule)
        level = rule.on if rule.active else rule.off
        threshold = level if rule.sort == _LEVEL else rule.wait_ms / 1000
        value = rule.value if rule.sort == _LEVEL else rule.word
        read = rule.read if rule.sort == _LEVEL and not rule.active and rule.read != _NONE else None
        events.append(HazardEvent(rule.row, rule.kind, rule.active, since, value, threshold, index, read))

    def _mark(self, rule: _Rule) -> None:
        """Note whether a rule waits, and whether it needs every value of its row."""
        number = self._keys[rule.row, rule.kind]
        (self._waiting.add if rule.waits else self._waiting.discard)(number)
        busy = rule.active or rule.waits
        if busy != self._busy[rule.sort, rule.row]:
            rules = [self._rules[n] for n in self._by_row[rule.sort, rule.row]]
            self._busy[rule.sort, rule.row] = any(one.active or one.waits for one in rules)

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
        self.grow(ROW, max((rule.row + 1 for rule in self._rules), default=0))
        for rule in self._rules:
            self._index(rule.row)
            self._mark(rule)


def _judged(rule: _Rule, said: float | str) -> tuple[bool, bool, int]:
    """Return whether a word, or a value, begins the condition of a rule or ends it, and how long it has to last, ms."""
    if isinstance(said, str):
        hold = rule.bad.get(said)
        return hold is not None, hold is None, hold or 0
    sign = 1.0 if rule.off <= rule.on else -1.0
    return sign * said >= sign * rule.on, sign * said < sign * rule.off, rule.hold_ms
