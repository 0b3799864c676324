"""The native codec: what is good comes out, what is bad is named and stays alone."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs.native import NativeCodec, deeper
from ingest.observations import MAX_SEQ, Count, Gate, Level, Observation, State
from ingest.vocabulary import Reason
from tests.support import examples

NOW = 1_795_421_105_000
COUNT = {"type": "count", "boot": "a1", "seq": 18, "ts": NOW, "interval_s": 60, "in": 12, "out": 9, "of": "person"}
CODEC = NativeCodec()


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_four_observations_of_the_contract():
    payloads = [
        b'{"type":"count","boot":"a1","seq":18,"ts":"2026-11-23T08:05:00Z","interval_s":60,"in":12,"out":9,"of":"person"}',
        b'{"type":"gate","boot":"a1","seq":19,"ts":1795421105000,"direction":"in","plate":"h1:9f3c","vehicle":"car","allowed":true}',
        b'{"type":"level","seq":20,"ts":1795421105000,"metric":"noise","value":63.2,"unit":"dB"}',
        b'{"type":"state","seq":21,"ts":1795421105000,"metric":"door","value":"open"}',
    ]
    found = [CODEC.decode(payload) for payload in payloads]
    assert all(not decoded.refusals for decoded in found)
    kinds = [decoded.observations[0] for decoded in found]
    assert [isinstance(o, t) for o, t in zip(kinds, (Count, Gate, Level, State), strict=True)] == [True] * 4
    together = CODEC.decode(b"[" + b",".join(payloads) + b"]")
    assert together.observations == kinds
    assert CODEC.decode(b"[]") == ([], [], None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"in": -1}, Reason.RANGE),
        ({"in": 1_000_001}, Reason.RANGE),
        ({"in": 10**30}, Reason.RANGE),
        ({"in": "1,2"}, Reason.TYPE),
        ({"in": 1.5}, Reason.TYPE),
        ({"in": True}, Reason.TYPE),
        ({"interval_s": 0}, Reason.RANGE),
        ({"interval_s": None}, Reason.TYPE),
        ({"of": "dog"}, Reason.RANGE),
        ({"seq": MAX_SEQ + 1}, Reason.RANGE),
        ({"seq": -1}, Reason.RANGE),
        ({"boot": "<a>"}, Reason.RANGE),
        ({"boot": "a\nb"}, Reason.RANGE),
        ({"boot": "x" * 33}, Reason.RANGE),
        ({"ts": "yesterday"}, Reason.TYPE),
        ({"ts": "2026-11-23T08:05:00"}, Reason.TYPE),
        ({"ts": -5}, Reason.RANGE),
        ({"ts": 10**19}, Reason.RANGE),
        ({"type": "camera"}, Reason.TYPE),
        ({"type": 5}, Reason.TYPE),
        ({"type": "level", "metric": "<b>", "value": 1}, Reason.RANGE),
        ({"type": "level", "metric": "noi\nse", "value": 1}, Reason.RANGE),
        ({"type": "level", "metric": "noise", "value": 1e300}, Reason.RANGE),
        ({"type": "state", "metric": "door", "value": ""}, Reason.RANGE),
    ],
)
def test_each_fault_is_named_and_its_neighbours_go_on(change, reason):
    bad = encoded(COUNT | change)
    alone = CODEC.decode(bad)
    assert alone.observations == []
    assert [(refusal.reason, refusal.payload) for refusal in alone.refusals] == [(reason, bad)]
    assert alone.refusals[0].detail
    good = encoded(COUNT)
    among = CODEC.decode(b"[" + good + b",  " + bad + b" ," + good + b"]")
    assert len(among.observations) == 2
    assert among.raws == [good, good]
    assert [(refusal.reason, refusal.payload) for refusal in among.refusals] == [(reason, bad)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.JSON),
        (b"   ", Reason.JSON),
        (b"hello", Reason.JSON),
        (b"\xff\xfe", Reason.JSON),
        (b"{", Reason.JSON),
        (b"}" + encoded(COUNT), Reason.JSON),
        (b'{"type":"level","ts":1,"metric":"a","value":NaN}', Reason.RANGE),
        (b'{"type":"level","ts":1,"metric":"a","value":Infinity}', Reason.RANGE),
        (b'{"type":"level","ts":1,"metric":"a","value":1e999}', Reason.RANGE),
        (b'{"type":"gate","ts":1,"plate":"\xbc\xaaA12345"}', Reason.JSON),
        (b"3", Reason.TYPE),
        (b'"text"', Reason.TYPE),
        (b"null", Reason.TYPE),
        (b"{}", Reason.TYPE),
        (b"[" * 100_000, Reason.DEPTH),
        (b'{"a":' * 40_000, Reason.DEPTH),
        (b'{"type":"count","ts":1,"interval_s":1,"x":' + b"[" * 9 + b"]" * 9 + b"}", Reason.DEPTH),
        (encoded(COUNT | {"x": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}}), Reason.DEPTH),
        (b"[" + b",".join([b'{"type":"state","ts":1,"metric":"a","value":"b"}'] * 1001) + b"]", Reason.SIZE),
    ],
)
def test_what_is_no_payload_is_refused_whole(payload, reason):
    decoded = CODEC.decode(payload)
    assert decoded.observations == []
    assert [(refusal.reason, refusal.payload) for refusal in decoded.refusals] == [(reason, payload)]


def test_unknown_fields_are_passed_over_up_to_the_depth():
    extra = COUNT | {"firmware": "1.2", "extra": {"a": [1, {"b": "}}}]]]{{{"}]}}
    assert CODEC.decode(encoded(extra)).refusals == []
    assert CODEC.decode(encoded([extra] * 3)).refusals == []


def test_one_deep_element_does_not_take_the_others_with_it():
    deep = encoded(COUNT | {"x": [[[[[[[[1]]]]]]]]})
    decoded = CODEC.decode(b"[" + encoded(COUNT) + b"," + deep + b"]")
    assert len(decoded.observations) == 1
    assert [(refusal.reason, refusal.payload) for refusal in decoded.refusals] == [(Reason.DEPTH, deep)]


def test_limits_are_settings():
    codec = NativeCodec(max_observations=2, max_depth=3)
    assert codec.decode(encoded([COUNT] * 3)).refusals[0].reason is Reason.SIZE
    assert len(codec.decode(encoded([COUNT] * 2)).observations) == 2
    assert codec.decode(encoded(COUNT | {"x": [[[]]]})).refusals[0].reason is Reason.DEPTH


def test_depth_is_counted_outside_strings():
    assert not deeper(b'{"a":"[[[[[[[\\"[[["}', 1)
    assert deeper(b'[["a"]]', 1)
    assert not deeper(b"[]" * 1000, 1)


instants = st.integers(0, 4_102_444_800_000)
words = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_./%°-]{0,20}\Z")
boots = st.from_regex(r"\A[A-Za-z0-9._-]{0,12}\Z")
seqs = st.none() | st.integers(0, MAX_SEQ)
amounts = st.integers(0, 1_000_000)
observations = st.one_of(
    st.builds(
        Count,
        ts=instants,
        interval_s=st.floats(0.001, 86_400, allow_nan=False),
        in_=amounts,
        out=amounts,
        of=st.sampled_from(["person", "vehicle"]),
        seq=seqs,
        boot=boots,
    ),
    st.builds(
        Gate,
        ts=instants,
        direction=st.sampled_from(["in", "out", "unknown"]),
        plate=st.text(max_size=20),
        vehicle=st.sampled_from(["car", "truck", "unknown"]),
        allowed=st.none() | st.booleans(),
        seq=seqs,
        boot=boots,
    ),
    st.builds(Level, ts=instants, metric=words, value=st.floats(-1e9, 1e9), unit=st.just("dB"), seq=seqs, boot=boots),
    st.builds(State, ts=instants, metric=words, value=words, seq=seqs, boot=boots),
)


@settings(max_examples=examples(80))
@given(st.lists(observations, max_size=8))
def test_what_is_encoded_is_decoded(given_observations):
    decoded = CODEC.decode(msgspec.json.encode(given_observations))
    assert decoded.refusals == []
    assert [msgspec.structs.asdict(o) for o in decoded.observations] == [
        msgspec.structs.asdict(o) for o in given_observations
    ]
    strict = msgspec.json.decode(msgspec.json.encode(given_observations), type=list[Observation])
    assert [msgspec.to_builtins(o) for o in decoded.observations] == [msgspec.to_builtins(o) for o in strict]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
mutated = st.dictionaries(
    st.sampled_from(["type", "ts", "seq", "boot", "in", "out", "of", "interval_s", "metric", "value", "unit", "plate"]),
    json_values,
    max_size=3,
)


@settings(max_examples=examples(150))
@given(st.lists(mutated, min_size=1, max_size=4))
def test_what_the_strict_types_take_is_taken_as_it_is(changes):
    """And each of the others is taken in one form, or refused by itself, whatever is beside it."""
    rows = [COUNT | change for change in changes]
    raws = [json.dumps(row).encode() for row in rows]
    whole = [CODEC.decode(raw) for raw in raws]
    decoded = CODEC.decode(b"[" + b",".join(raws) + b"]")
    assert list(map(msgspec.to_builtins, decoded.observations)) == [
        msgspec.to_builtins(one) for alone in whole for one in alone.observations
    ]
    assert len(decoded.observations) + len(decoded.refusals) == len(rows)
    for raw, alone in zip(raws, whole, strict=True):
        try:
            strict = msgspec.json.decode(raw, type=Observation)
        except (msgspec.MsgspecError, UnicodeError):
            continue
        if isinstance(strict, Count | Gate):
            assert [msgspec.to_builtins(one) for one in alone.observations] == [msgspec.to_builtins(strict)]


@settings(max_examples=examples(200))
@given(st.binary(max_size=200))
def test_random_bytes_never_raise(payload):
    decoded = CODEC.decode(payload)
    assert decoded.observations or decoded.refusals or not payload.strip(b" \t\r\n[]")
