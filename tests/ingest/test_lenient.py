"""What is not quite a payload: taken is what can only be meant one way; the rest is refused alone, and by name."""

from __future__ import annotations

import gzip
import json
import math
import time
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs.lenient import NO_TIME, cut
from ingest.codecs.native import NativeCodec
from ingest.observations import epoch_ms
from ingest.vocabulary import Reason
from tests.support import examples

NOW = 1_795_421_105_000
COUNT = {"type": "count", "boot": "a1", "seq": 18, "ts": NOW, "interval_s": 60, "in": 12, "out": 9}
LEVEL = {"type": "level", "boot": "a1", "ts": NOW, "metric": "noise", "value": 63.5, "unit": "dB"}
CODEC = NativeCodec()


def raw(thing: object, **change) -> bytes:
    return json.dumps(thing | change if isinstance(thing, dict) else thing).encode()


def only(payload: bytes):
    decoded = CODEC.decode(payload)
    assert decoded.refusals == []
    assert len(decoded.observations) == 1
    return decoded.observations[0]


def plainly(payload: bytes):
    return msgspec.to_builtins(only(payload))


BAD = {
    "NaN": b"NaN", "minus infinity": b"-Infinity", "null": b"null", "1e400": b"1e400", "401 digits": b"1" + b"0" * 400,
    "two points": b"1.2.3", "word": b"loud", "not UTF-8": b'"\xff"', "half a character": b'"\\ud800"',
    "list": b"[1, 2]", "text": b'"loud, {}]["', "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("place", [0, 25, 49])
def test_one_bad_element_costs_itself_and_goes_to_quarantine_with_its_own_bytes(bad, place):
    elements = [raw(LEVEL, seq=seq, value=50.0 + seq) for seq in range(50)]
    elements[place] = raw(LEVEL, value=7).replace(b'"value": 7', b'"value": ' + bad)
    decoded = CODEC.decode(b" [" + b", ".join(elements) + b"]\n")
    assert [one.seq for one in decoded.observations] == [seq for seq in range(50) if seq != place]
    assert [refusal.payload for refusal in decoded.refusals] == [elements[place]]
    assert decoded.raws == [one for number, one in enumerate(elements) if number != place]


@pytest.mark.parametrize(
    ("text", "found"),
    [(b"12.0", 12), (b"1e1", 10), (b'"12"', 12), (b'" 12.0 "', 12), ('"１２"'.encode(), 12), (b"0.0", 0), (b"-0.0", 0)],
)
def test_a_whole_number_is_taken_however_it_is_written(text, found):
    assert only(raw(COUNT).replace(b'"in": 12', b'"in": ' + text)).in_ == found


@pytest.mark.parametrize(
    ("field", "text"),
    [("in", b"1.5"), ("in", b"true"), ("in", b"null"), ("in", b'"1.5"'), ("in", b'"1_0"'), ("in", b'"1,5"'),
     ("in", b"-1"), ("interval_s", b"0"), ("interval_s", b"NaN"), ("seq", b"1.5"), ("seq", b"9007199254740992"),
     ("of", b'"dog"'), ("ts", b'"2026-11-25T23:30:00"'), ("ts", b"null"), ("ts", b"1e30")],
)  # fmt: skip
def test_what_a_count_cannot_mean_is_refused_by_its_name(field, text):
    said = json.dumps(COUNT[field]) if field in COUNT else '"person"'
    payload = raw(COUNT | {"of": "person"}).replace(f'"{field}": {said}'.encode(), f'"{field}": '.encode() + text)
    decoded = CODEC.decode(payload)
    assert decoded.observations == []
    assert field in decoded.refusals[0].detail


TIMES = [
    NOW, NOW + 0.25, NOW // 1000, NOW / 1000, NOW * 1000, NOW * 1_000_000, str(NOW), str(NOW // 1000),
    "2026-11-23T08:05:05Z",
    "2026-11-23T08:05:05z", "2026-11-23 08:05:05 Z", "2026-11-23T16:05:05+0800", "2026-11-23T16:05:05+08",
    "20261123T080505Z",
    "2026-11-23T16:05:05 +08:00", "2026-11-23T08:05:05.000000000Z", "2026-11-23T08:05:05,0Z",
    "２０２６-11-23T08:05:05Z",
    "2026-11-23T08:05:05 UTC",
]  # fmt: skip


@pytest.mark.parametrize("ts", TIMES)
def test_a_time_is_taken_in_whatever_it_can_only_be_meant(ts):
    assert abs(epoch_ms(only(raw(COUNT, ts=ts)).ts) - NOW) <= 1


def test_the_last_second_of_a_day_may_be_a_leap_second_or_the_24th_hour():
    wanted = 1_483_228_800_000
    for text in ("2016-12-31T23:59:60Z", "2016-12-31T24:00:00Z", "2017-01-01T07:59:60+08:00"):
        assert epoch_ms(only(raw(COUNT, ts=text)).ts) == wanted


@pytest.mark.parametrize("ts", ["2026-11-25T23:30:00", None, "soon", 10**30, math.nan, True, [], -5])
def test_a_level_or_state_whose_time_cannot_be_read_is_taken_without(ts):
    assert only(raw(LEVEL, ts=ts)).ts == NO_TIME
    assert only(raw({"type": "state", "metric": "smoke", "value": "alarm", "ts": ts})).value == "alarm"
    assert only(b'{"type":"state","metric":"smoke","value":"alarm"}').ts == NO_TIME


def test_a_level_or_state_whose_number_cannot_be_kept_is_numbered_by_the_gateway():
    for seq in (2**60, -1, "x", 1.5):
        assert only(raw(LEVEL, seq=seq)).seq is None


@pytest.mark.parametrize(
    "around",
    [
        (b"", b"\0"),
        (b"", b"\0\0\0\r\n"),
        (b"\xef\xbb\xbf", b""),
        (b"\n \xef\xbb\xbf", b"\n"),
        (b"", b"\r\n  "),
        (b"\x1e", b"\n"),
    ],
)
def test_what_stands_around_the_text_does_not_matter(around):
    assert plainly(around[0] + raw(COUNT) + around[1]) == plainly(raw(COUNT))
    assert len(CODEC.decode(around[0] + raw([COUNT, COUNT]) + around[1]).observations) == 2


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"", b",", b" \n\n", b"\0\n", b"\n\x1e"])
def test_objects_one_after_another_are_taken_each(between):
    decoded = CODEC.decode(between.join(raw(COUNT, seq=seq) for seq in range(3)))
    assert ([one.seq for one in decoded.observations], decoded.refusals) == ([0, 1, 2], [])
    decoded = CODEC.decode(between.join([raw(COUNT), raw(COUNT, **{"in": -1}), raw(COUNT)]))
    assert (len(decoded.observations), len(decoded.refusals)) == (2, 1)


def test_what_breaks_off_gives_what_is_whole_and_a_refusal_of_the_rest():
    good = raw(COUNT)
    decoded = CODEC.decode(b"[" + good + b"," + good + b"," + good[:40])
    assert len(decoded.observations) == 2
    assert [refusal.payload for refusal in decoded.refusals] == [good[:40]]
    decoded = CODEC.decode(good + b"23}")  # a buffer that held a longer message before
    assert len(decoded.observations) == 1
    assert [refusal.payload for refusal in decoded.refusals] == [b"23}"]
    for broken in (b"[" + good, b"[" + good + b",]", b"[" + good + b","):
        assert plainly(broken) == plainly(good)


def test_an_object_in_a_text_is_unwrapped_once():
    assert plainly(json.dumps(raw(COUNT).decode()).encode()) == plainly(raw(COUNT))
    assert CODEC.decode(json.dumps(json.dumps(raw(COUNT).decode())).encode()).observations == []


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (gzip.compress(raw(COUNT), mtime=0), "gzip"),
        (zlib.compress(raw(COUNT)), "zlib"),
        (raw(COUNT).decode().encode("utf-16"), "UTF-16"),
        (raw(COUNT).decode().encode("utf-16-le"), "UTF-16"),
        (raw(COUNT).decode().encode("utf-32-be"), "UTF-32"),
        ('{"type":"gate","ts":1,"plate":"吉A12345"}'.encode("gbk"), "GBK"),
        (b"", "empty"),
    ],
)
def test_what_is_no_text_in_utf8_is_refused_with_what_to_do(payload, says):
    decoded = CODEC.decode(payload)
    assert decoded.observations == []
    assert [refusal.reason for refusal in decoded.refusals] == [Reason.JSON]
    assert says in decoded.refusals[0].detail


def test_words_of_a_choice_are_taken_in_any_case_and_null_as_not_given():
    count = only(raw(COUNT, of=" Person ", type="Count", boot=None, seq=None))
    assert (count.of, count.boot, count.seq) == ("person", "", None)
    gate = only(raw({"type": "GATE", "ts": NOW, "vehicle": "CAR", "direction": "In", "allowed": "yes", "plate": None}))
    assert (gate.vehicle, gate.direction, gate.allowed, gate.plate) == ("car", "in", True, "")


@settings(max_examples=examples(150))
@given(st.lists(st.sampled_from(["{", "}", "[", "]", ",", '"', "\\", '{"a":1}', "x", " "]), max_size=30).map("".join))
def test_cutting_loses_no_byte_that_is_not_a_comma_or_a_bracket(text):
    elements, left, _ = cut(text.encode(), 1000)
    kept = b"".join([*elements, left])
    for sign in b"x\\":
        assert kept.count(sign) == text.encode().count(sign)


HOSTILE = {
    "commas": b"[" + b"," * 200_000, "strings": b"[" + b'"",' * 60_000, "objects": b"{}" * 100_000,
    "opening": b"[{" * 100_000,
    "quotes": b'["' * 100_000, "backslashes": b'["' + b"\\" * 200_000, "digits": b'[{"in":' + b"9" * 200_000 + b"}]",
    "bad elements": b"[" + b",".join([b'{"type":"count","in":NaN}'] * 999) + b"]",
    "long texts": raw({"type": "level", "metric": "℃" * 60_000, "value": 1}),
}  # fmt: skip


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_what_is_hostile_takes_no_long_time(payload):
    NativeCodec().decode(payload)
    began = time.process_time()
    assert CODEC.decode(payload).observations == []
    assert time.process_time() - began < 0.25
