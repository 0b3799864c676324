"""What codecs remember, what is bound, and totals: whatever happens in between, what was counted stays exact."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import meters
from ingest.codecs.bindings import Binding, BindingError, Bindings, fits, part_of
from ingest.codecs.memory import Memory
from tests.support import examples

START = 1_795_134_000_000
KEYS = st.sampled_from("abcd")
increment: Any = meters.increment
STEP = st.tuples(st.sampled_from(["put", "forget", "fail", "save"]), KEYS, st.integers(0, 3))


class Counting:
    """As much of a codec as totals need."""

    name, received_ms = "x", 0

    def __init__(self, memory):
        self.memory, self.told = memory, Counter()

    def tell(self, what, times=1):
        self.told[what] += times


def torn(memory, key, value):
    with memory.whole():
        memory.put(key, value)
        memory.put("new", 1)
        memory.put(key, None)
        raise ValueError("torn")


@given(st.lists(STEP, max_size=30))
def test_what_was_saved_is_what_is_remembered(steps):
    memory, saved, known = Memory(), {}, {}

    def save():
        for key, value in memory.changes().items():
            if value is None:
                saved.pop(key, None)
            else:
                saved[key] = value

    for what, key, value in steps:
        if what == "save":
            save()
            memory = Memory(saved)
        elif what == "fail":
            with pytest.raises(ValueError, match="torn"):
                torn(memory, key, value)
        else:
            with memory.whole():
                memory.put(key, None if what == "forget" else value)
            known.pop(key, None)
            if what == "put":
                known[key] = value
        assert {key: memory.get(key, int) for key in "abcd" if memory.get(key, int) is not None} == known
    save()
    assert {key: Memory(saved).get(key, int) for key in saved} == known


def test_changes_are_those_since_the_last_time_and_none_where_all_is_as_it_was():
    memory = Memory({"a": b"1"})
    memory.put("a", 2)
    memory.put("b", 1)
    memory.put("a", 1)
    memory.put("b", None)
    changed = memory.changes()
    assert changed.get("a", b"1") == b"1"
    assert changed.get("b") is None
    assert memory.changes() == {}


def test_what_cannot_be_read_any_more_is_not_remembered():
    assert Memory({"a": b"{"}).get("a", int) is None
    assert Memory({"a": b'"x"'}).get("a", int) is None


def test_of_far_too_many_keys_the_oldest_are_forgotten_and_saved_as_gone(monkeypatch):
    monkeypatch.setattr("ingest.codecs.memory._MOST_KEYS", 3)
    memory = Memory({str(number): b"1" for number in range(3)})
    memory.put("new", 1)
    assert memory.changes() == {"0": None, "new": b"1"}
    memory.put("1", 2)
    memory.put("newer", 1)
    assert memory.changes() == {"1": b"2", "2": None, "newer": b"1"}


NUMBERS = st.integers(0, 400)
MESSAGE = st.lists(NUMBERS, max_size=5) | st.lists(NUMBERS, min_size=33, max_size=120)


@settings(max_examples=examples(40))
@given(st.lists(st.tuples(MESSAGE, st.booleans()), max_size=10))
def test_a_passage_is_known_again_while_it_is_among_the_last(messages):
    """Among the last hundred that came alone or with few, or in one of the last two messages with many."""
    memory, few, many = Memory(), [], []
    for message, restart in messages:
        known, new = {*few, *(one for batch in many for one in batch)}, []
        with memory.whole():
            for one in message:
                assert memory.once("d", str(one)) == (one not in known)
                new += [one] if one not in known else []
                known.add(one)
        if new and len(set(message)) > 32:
            many = [*many, message][-2:]
        else:
            few = [*few, *new][-100:]
        if restart:
            memory = Memory(memory.all())


def test_passages_of_what_is_refused_are_not_remembered():
    memory = Memory()
    with pytest.raises(ValueError, match="torn"), memory.whole():
        torn_passage(memory)
    with memory.whole():
        assert memory.once("d", "one")


def torn_passage(memory):
    assert memory.once("d", "one")
    raise ValueError("torn")


LEVEL = st.text("ab", min_size=1, max_size=2)


@given(st.lists(LEVEL | st.just("+"), min_size=1, max_size=4), st.booleans(), st.lists(LEVEL, min_size=1, max_size=5))
def test_a_pattern_fits_as_a_broker_would_have_it(pattern, rest, topic):
    import re

    text = "/".join("[^/]*" if level == "+" else level for level in pattern) + ("(/.*)?" if rest else "")
    assert fits("/".join([*pattern, *(["#"] if rest else [])]), "/".join(topic)) == bool(
        re.fullmatch(text, "/".join(topic))
    )


def test_a_binding_is_found_by_its_own_match_before_a_pattern():
    exact, pattern = Binding("x", "d1", "a/b"), Binding("x", "d2", "a/+")
    part = Binding("x", "d3", "a/+", part="zone")
    bindings = Bindings([pattern, exact, part])
    assert bindings.find("x", "a/b") == [exact]
    assert bindings.find("x", "serial", "a/b") == [exact]
    assert list(bindings.find("x", "a/c")) == [pattern, part]
    assert not bindings.find("y", "a/b")
    assert part_of(bindings.find("x", "a/c"), "zone") == part
    assert part_of(bindings.find("x", "a/c"), "other") == pattern
    assert part_of([part], "other") is None
    assert bindings.devices() == {"d1", "d2", "d3"}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ([Binding("x", "d 1", "a")], r"binding 1 \(x, 'a'\): device is 'd 1', expected letters"),
        ([Binding("x", "d1", "")], "match is empty"),
        ([Binding("y", "d1", "a")], "codec is 'y', expected one of x"),
        ([Binding("x", "d1", "a"), Binding("x", "d2", "a")], r"binding 2 \(x, 'a'\): a binding before it"),
    ],
)
def test_a_binding_that_cannot_be_is_refused_by_its_name(given, wrong):
    with pytest.raises(BindingError, match=wrong):
        Bindings(given, codecs=["x"])


def test_a_way_and_a_word_are_the_bindings_where_it_has_them():
    binding = Binding("x", "d", "m", direction="in", directions={"3": "out"}, states={"true": "open", "on": "open"})
    assert (binding.way(3), binding.way("3"), binding.way(4), binding.way()) == ("out", "out", "in", "in")
    assert (binding.word(True), binding.word("ON"), binding.word("off")) == ("open", "open", "off")
    assert Binding("x", "d", "m").way(3) == "unknown"


EVENT = st.tuples(
    st.sampled_from(["count", "count", "count", "reset", "resend", "restart", "again"]), st.integers(0, 50)
)


@settings(max_examples=examples(200))
@given(st.lists(EVENT, max_size=40), st.integers(0, 50_000), st.booleans())
def test_what_was_counted_is_exact_whatever_happens_to_the_total(events, first, told):
    """A reset counts what came since; what comes again, or late, counts nothing; a restart of ours loses nothing.

    Where the device tells since when it counts, a reset is seen even if the total is higher than before.
    """
    codec, ts, total, since = Counting(Memory()), START, first, START - 1
    words = [(ts, total, since)]
    increment(codec, "k", ts, {"in": total}, epoch_ms=since if told else 0)
    counted = wanted = 0
    for what, number in events:
        word = None
        if what == "count":
            # Longer than a total that was misread is believed to come back.
            ts, total, wanted = ts + 700_000, total + number, wanted + number
        elif what == "reset" and (told or total > number):
            ts += 700_000
            since, total, wanted = ts - 1_000, number, wanted + number
        elif what == "resend":
            word = words[number % len(words)]
        elif what == "restart":
            codec = Counting(Memory({key: value for key, value in codec.memory.changes().items() if value}))
            codec.memory.put("x", 1)
            for key in list(codec.memory._values):  # all of it is saved again at the next restart
                codec.memory._changed.setdefault(key, None)
            continue
        if word is None:
            word = (ts, total, since)
            words.append(word)
        found = increment(codec, "k", word[0], {"in": word[1]}, epoch_ms=word[2] if told else 0)
        counted += found.counted["in"] if found else 0
    assert counted == wanted


@pytest.mark.parametrize("bits", [16, 31, 32])
def test_a_total_that_goes_round_is_told_and_counts_on(bits):
    codec, top = Counting(Memory()), 1 << bits
    assert increment(codec, "k", START, {"in": top - 3}) is None
    found = increment(codec, "k", START + 60_000, {"in": 4})
    assert found is not None
    assert (found.counted, found.interval_s) == ({"in": 7}, 60.0)
    assert codec.told == {"wrap": 1}


def test_a_total_that_falls_and_is_back_at_its_height_was_misread():
    codec = Counting(Memory())
    increment(codec, "k", START, {"in": 5_000})
    assert increment(codec, "k", START + 60_000, {"in": 0}).counted == {"in": 0}
    assert increment(codec, "k", START + 120_000, {"in": 5_003}).counted == {"in": 3}


def test_a_total_that_fell_and_has_counted_since_does_not_come_back():
    codec = Counting(Memory())
    increment(codec, "k", START, {"in": 40})
    counted = [increment(codec, "k", START + at * 60_000, {"in": at * 10}).counted["in"] for at in range(1, 7)]
    assert counted == [10, 10, 10, 10, 10, 10]


def test_a_small_total_that_falls_was_reset_whatever_comes_next():
    codec = Counting(Memory())
    increment(codec, "k", START, {"in": 10})
    assert increment(codec, "k", START + 60_000, {"in": 0}).counted == {"in": 0}
    assert increment(codec, "k", START + 120_000, {"in": 12}).counted == {"in": 12}


def test_more_than_can_pass_is_a_new_baseline():
    codec = Counting(Memory())
    increment(codec, "k", START, {"in": 10})
    assert increment(codec, "k", START + 1_000, {"in": 100_000}) is None
    assert codec.told == {"jump": 1}
    assert increment(codec, "k", START + 2_000, {"in": 100_002}).counted == {"in": 2}


def test_a_name_that_is_new_is_a_baseline_of_its_own():
    codec = Counting(Memory())
    increment(codec, "k", START, {"in": 1})
    assert increment(codec, "k", START + 1_000, {"in": 2, "out": 50}).counted == {"in": 1}
    assert increment(codec, "k", START + 2_000, {"out": 51}).counted == {"out": 1}
    assert increment(codec, "k", START + 3_000, {"in": 4}).counted == {"in": 2}
