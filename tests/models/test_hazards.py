"""Hazard rules: hysteresis, minimum duration, timers, late values, overrides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import Kind
from models.rules.defaults import StateRule, ThresholdRule, defaults_for
from models.rules.hazards import HazardRules
from models.rules.word_times import Arrival
from tests.support import examples


def noisy() -> HazardRules:
    rules = HazardRules()
    rules.set_rule(0, ThresholdRule("noise_high", 85.0, 75.0, hold_s=10.0))
    return rules


def level(rules: HazardRules, *pairs: tuple[int, float], row: int = 0):
    return rules.levels([row] * len(pairs), [at * 1000 for at, _ in pairs], [value for _, value in pairs])


def test_a_level_must_stay_and_then_fall_below_the_lower_limit():
    events = level(noisy(), (0, 90), (5, 92), (10, 91), (15, 80), (20, 74))
    assert [(e.on, e.ts, e.value, e.threshold, e.index) for e in events] == [
        (True, 0, 91.0, 85.0, 2),
        (False, 20_000, 74.0, 75.0, 4),
    ]


def test_a_spike_is_not_a_duration_and_time_alone_does_not_make_it_one():
    rules = noisy()
    assert level(rules, (0, 90), (5, 84), (12, 90)) == []
    assert rules.tick(60_000) == []


def test_an_instant_rule_fires_on_the_value_itself():
    rules = HazardRules()
    rules.set_rule(3, ThresholdRule("smoke", 4.0, 2.0))
    events = level(rules, (1, 4.0), (2, 3.0), (3, 1.9), row=3)
    assert [(e.on, e.ts) for e in events] == [(True, 1000), (False, 3000)]


def test_low_values_can_be_watched_too():
    rules = HazardRules()
    rules.set_rule(0, ThresholdRule("cold", on=0.0, off=3.0))
    assert [e.on for e in level(rules, (0, 5), (1, -1), (2, 2), (3, 4))] == [True, False]


def test_a_door_fires_by_the_timer_alone():
    rules = HazardRules()
    rules.set_rule(1, StateRule("door_open", {"open": 120.0}))
    assert rules.states([1], [0], ["open"]) == []
    assert rules.tick(119_999) == []
    (event,) = rules.tick(120_000)
    assert (event.kind, event.on, event.ts, event.value, event.index) == (
        "door_open",
        True,
        0,
        "open",
        -1,
    )
    assert rules.tick(500_000) == []
    assert rules.active(1, "door_open")
    (event,) = rules.states([1], [600_000], ["closed"])
    assert not event.on
    assert not rules.active(1, "door_open")


def test_a_door_that_closed_before_any_tick_said_so_is_still_told():
    rules = HazardRules()
    rules.set_rule(1, StateRule("door_open", {"open": 120.0}))
    rules.states([1], [0], ["open"])
    events = rules.states([1], [300_000], ["closed"])
    assert [(e.on, e.ts) for e in events] == [(True, 0), (False, 300_000)]


def test_a_worse_word_shortens_the_wait():
    rules = HazardRules()
    rules.set_rule(0, StateRule("gate_stuck", {"up": 300.0, "stuck": 0.0}))
    assert rules.states([0], [0], ["up"]) == []
    (event,) = rules.states([0], [10_000], ["stuck"])
    assert event.on
    assert event.ts == 0


def how(received: list[int], newest: list[bool], until: list[int]) -> Arrival:
    rows, none = len(received), np.zeros(len(received), dtype=np.int64)
    return Arrival(
        np.array(received), none, np.array(newest), np.array(until, dtype=np.int64), np.zeros(rows, dtype=np.bool_)
    )


def test_a_value_is_late_by_its_place_and_not_by_its_time():
    rules = HazardRules()
    rules.set_rule(0, ThresholdRule("smoke", 4.0, 2.0))
    level(rules, (100, 1.0))
    (event,) = rules.levels([0], [50_000], [9.0], how([101_000], [False], [100_000]))
    assert (event.on, event.ts, event.until, event.value) == (True, 50_000, 100_000, 9.0)
    assert not rules.active(0, "smoke")
    (event,) = rules.levels([0], [60_000], [9.0], how([102_000], [True], [100_000]))  # its clock was put back
    assert (event.on, event.ts, event.until) == (True, 102_000, None)
    assert rules.active(0, "smoke")


def test_what_is_not_a_number_starts_and_ends_nothing():
    rules = noisy()
    assert level(rules, (0, float("nan")), (1, float("inf")), (20, float("-inf"))) == []
    level(rules, (30, 90), (40, 90))
    assert level(rules, (50, float("nan"))) == []
    assert rules.active(0, "noise_high")


def test_changing_a_rule_keeps_its_state():
    rules = noisy()
    level(rules, (0, 90), (10, 90))
    rules.set_rule(0, ThresholdRule("noise_high", 95.0, 85.0))
    assert [e.on for e in level(rules, (20, 84))] == [False]


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 100)), max_size=60), st.integers(1, 7))
def test_the_size_of_calls_does_not_matter(steps: list[tuple[int, int, float]], chunk: int):
    def run(size: int) -> list[tuple]:
        rules = HazardRules()
        for row in range(4):
            rules.set_rule(row, ThresholdRule("high", 60.0, 40.0, hold_s=2.0))
        now, rows, times, values = 0, [], [], []
        for row, wait, value in steps:
            now += wait * 1000
            rows.append(row), times.append(now), values.append(value)
        out = []
        for at in range(0, len(rows), size):
            part = slice(at, at + size)
            out += [(e.row, e.on, e.ts, e.index + at) for e in rules.levels(rows[part], times[part], values[part])]
        return out

    assert run(chunk) == run(1000)


def test_defaults_follow_the_table_and_overrides():
    assert defaults_for("door", Kind.STATE, "door", {"open_s": 60}) == [StateRule("door_open", {"open": 60.0})]
    assert defaults_for("noise", Kind.LEVEL, "noise") == [ThresholdRule("noise_high", 85.0, 75.0, 10.0)]
    assert defaults_for("noise", Kind.LEVEL, "noise", {"noise_on": 70}) == [
        ThresholdRule("noise_high", 70.0, 70.0, 10.0)
    ]
    assert defaults_for("environment", Kind.LEVEL, "temperature") == []
    assert defaults_for("heat", Kind.LEVEL, "temperature")[0].kind == "heat"
    assert defaults_for("smoke", Kind.STATE, "smoke")[0].kind == "smoke"
    assert defaults_for("camera", Kind.COUNT, "person") == []
    assert defaults_for("water", Kind.LEVEL, "water", {"water_rule": False}) == []


def test_an_end_that_must_last_stops_a_rule_from_chattering():
    (rule,) = defaults_for("water", Kind.LEVEL, "water", {"water_on": 30, "water_off": 20, "water_release_s": 60})
    rules = HazardRules()
    rules.set_rule(0, rule)
    assert [e.on for e in level(rules, (0, 31), (10, 19), (40, 25), (50, 19), (100, 19))] == [True]
    (over,) = level(rules, (110, 19))
    assert (over.on, over.ts) == (False, 50_000)
    (contact,) = defaults_for("door", Kind.STATE, "door", {"open_s": 0, "door_release_s": 30})
    rules.set_rule(1, contact)
    assert [e.on for e in rules.states([1] * 3, [0, 1000, 2000], ["open", "closed", "open"])] == [True]
    rules.states([1], [3000], ["closed"])
    assert [(e.on, e.ts) for e in rules.tick(33_000)] == [(False, 3000)]


def test_limits_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match="'noise_off' is 80, expected at most 'noise_on', which is 70"):
        defaults_for("noise", Kind.LEVEL, "noise", {"noise_on": 70, "noise_off": 80})


@pytest.mark.parametrize("bad", ["many", True, None, float("nan"), -3])
def test_a_bad_override_is_named(bad: object):
    with pytest.raises(ValueError, match="open_s"):
        defaults_for("door", Kind.STATE, "door", {"open_s": bad})


def test_bad_rules_are_refused():
    rules = HazardRules()
    with pytest.raises(ValueError, match="rule 'x' of row 0"):
        rules.set_rule(0, ThresholdRule("x", float("nan"), 1.0))
    with pytest.raises(ValueError, match="expected times"):
        rules.set_rule(0, StateRule("x", {}))
    rules.set_rule(0, ThresholdRule("x", 1.0, 0.0))
    with pytest.raises(ValueError, match="already a rule on levels"):
        rules.set_rule(0, StateRule("x", {"open": 0.0}))


def test_thousands_of_ordinary_values_give_no_event():
    rules = HazardRules()
    for row in range(2000):
        rules.set_rule(row, ThresholdRule("noise_high", 85.0, 75.0))
    assert rules.levels(np.arange(2000), np.full(2000, 5), np.full(2000, 60.0)) == []
