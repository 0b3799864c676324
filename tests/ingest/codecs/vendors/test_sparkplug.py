"""Sparkplug B as nodes publish it: births and aliases, restarts, old deaths, types, and what is refused."""

from __future__ import annotations

import struct

import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.observations import Count, Level, State
from tests.ingest.codecs.cases import Feed

NOW = 1_795_134_000_000
GATE = "demo/edge-1/gate"
INT8, INT16, INT32, INT64, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING, DATE = 1, 2, 3, 4, 8, 9, 10, 11, 12, 13
FIELDS = {"name": 1, "alias": 2, "ts": 3, "kind": 4, "historical": 5, "null": 7, "properties": 9, "int": 10, "long": 11}
FIELDS |= {"float": 12, "double": 13, "bool": 14, "text": 15}


def varint(number):
    found = b""
    while True:
        found += bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
        number >>= 7
        if not number:
            return found


def field(number, value):
    if isinstance(value, bytes | str):
        raw = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(raw)) + raw
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(int(value))


def metric(**said):
    short = said.pop("float", None)
    raw = b"".join(field(FIELDS[key], value) for key, value in said.items())
    return raw + (b"" if short is None else varint(12 << 3 | 5) + struct.pack("<f", short))


def payload(*metrics, ts=NOW, seq=None):
    raw = field(1, ts) + b"".join(field(2, one) for one in metrics)
    return raw + (b"" if seq is None else field(3, seq))


def message(what, *metrics, device="gate", ts=NOW, seq=None, at=NOW):
    topic = f"spBv1.0/demo/{what}/edge-1" + (f"/{device}" if what[0] == "D" else "")
    return VendorMessage(topic, payload(*metrics, ts=ts, seq=seq), at)


def bind(part="", **more):
    return Binding("sparkplug", more.pop("device", "gate-10"), more.pop("match", GATE), part=part, **more)


BOUND = (
    bind("Count/In", of="vehicle", direction="in"),
    bind("Door/Open", metric="door", states={"true": "open", "false": "closed"}),
    bind("Temp", metric="temperature", unit="°C"),
)
NBIRTH = message("NBIRTH", metric(name="bdSeq", kind=INT64, long=3), seq=0)
DBIRTH = message(
    "DBIRTH",
    metric(name="Count/In", alias=1, kind=UINT64, long=512),
    metric(name="Door/Open", alias=2, kind=BOOLEAN, bool=False),
    metric(name="Temp", alias=3, kind=DOUBLE, double=21.5),
    metric(name="Other", alias=9, kind=DOUBLE, double=1.0),
    seq=1,
)


def begun(bindings=BOUND):
    feed = Feed("sparkplug", bindings)
    feed(NBIRTH)
    feed(DBIRTH)
    return feed


def said(meaning):
    return [one for _, one in meaning.observations]


def count(total, ts, **more):
    return message("DDATA", metric(alias=1, ts=ts, long=total), at=ts + 500, **more)


def test_aliases_are_what_the_birth_called_them_also_after_a_restart():
    feed = begun()
    feed.restart()
    heard = feed(
        message("DDATA", metric(alias=2, bool=True), metric(alias=3, double=19.0), metric(alias=9, double=2.0))
    )
    assert said(heard) == [State(NOW, "door", "open"), Level(NOW, "temperature", 19.0, "°C")]
    assert not heard.refusals


def test_an_alias_that_no_birth_explained_is_refused_and_the_named_rest_is_taken():
    heard = Feed("sparkplug", BOUND)(message("DDATA", metric(alias=1, long=5), metric(name="Temp", double=20.0)))
    assert [refusal.reason for refusal in heard.refusals] == ["birth_missing"]
    assert said(heard) == [Level(NOW, "temperature", 20.0, "°C")]


@pytest.mark.parametrize(
    "between",
    [
        message("NBIRTH", metric(name="bdSeq", kind=INT64, long=4), ts=NOW + 60_000, seq=0),
        message("NDEATH", metric(name="bdSeq", kind=INT64, long=3)),
        message("DDEATH", seq=2),
    ],
    ids=["the node is born anew", "the node is dead", "the device is dead"],
)
def test_aliases_of_an_earlier_birth_are_void(between):
    feed = begun()
    feed(between)
    assert [refusal.reason for refusal in feed(count(515, NOW + 90_000)).refusals] == ["birth_missing"]


def test_what_was_bound_after_the_birth_needs_another():
    feed = begun(BOUND[:1])
    again = Feed("sparkplug", BOUND)
    again.saved = feed.saved
    again.restart()
    assert [refusal.reason for refusal in again(count(515, NOW + 30_000)).refusals] == ["birth_missing"]


def test_a_total_goes_on_over_births_and_begins_anew_after_a_reset():
    feed = begun()
    found = [said(feed(count(total, NOW + at * 60_000))) for at, total in ((1, 515), (2, 515), (3, 520))]
    assert [one.in_ for some in found for one in some] == [3, 0, 5]
    feed(message("NBIRTH", metric(name="bdSeq", kind=INT64, long=4), ts=NOW + 240_000, seq=0))
    later = message("DBIRTH", metric(name="Count/In", alias=7, kind=UINT64, long=2), ts=NOW + 300_000, seq=1)
    assert [one.in_ for one in said(feed(later))] == [2]
    again = message("DDATA", metric(alias=7, ts=NOW + 360_000, long=6))
    assert [one.in_ for one in said(feed(again))] == [4]


def test_what_is_sent_later_on_purpose_is_marked_and_counts_nothing_twice():
    feed = begun()
    old = message("DDATA", metric(alias=3, ts=NOW - 60_000, historical=1, double=12.0))
    assert said(feed(old)) == [Level(NOW - 60_000, "temperature", 12.0, "°C", backfill=True)]
    assert [one.in_ for one in said(feed(count(520, NOW + 60_000)))] == [8]
    past = message("DDATA", metric(alias=1, ts=NOW + 30_000, historical=1, long=515))
    assert said(feed(past)) == []


def test_who_comes_and_goes_is_told_but_not_by_an_old_death():
    feed = Feed("sparkplug", [*BOUND, bind("Temp", device="cabin-1", match="demo/edge-1")])
    assert feed(NBIRTH).statuses == [("cabin-1", "online")]
    assert feed(DBIRTH).statuses == [("gate-10", "online")]
    assert feed(message("NDEATH", metric(name="bdSeq", kind=INT64, long=2))).statuses == []
    assert feed(message("DDEATH", seq=2)).statuses == [("gate-10", "offline")]
    ends = feed(message("NDEATH", metric(name="bdSeq", kind=INT64, long=3)))
    assert ends.statuses == [("gate-10", "offline"), ("cabin-1", "offline")]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"kind": INT8, "int": 0xFB}, -5.0),
        ({"kind": INT8, "int": 0xFFFF_FFFB}, -5.0),
        ({"kind": INT16, "int": 0xFFFB}, -5.0),
        ({"kind": INT32, "int": 0xFFFF_FFFB}, -5.0),
        ({"kind": INT64, "long": 2**64 - 5}, -5.0),
        ({"kind": FLOAT, "float": 2.5}, 2.5),
        ({"kind": DOUBLE, "double": 2.5}, 2.5),
        ({"kind": DOUBLE, "double": float("nan")}, None),
        ({"kind": DOUBLE, "double": 2.5, "null": 1}, None),
        ({"kind": DATE, "long": NOW}, None),
        ({"kind": DOUBLE}, None),
    ],
)
def test_values_of_every_type(given, value):
    feed = Feed("sparkplug", [bind("Temp", metric="temperature")])
    assert [one.value for one in said(feed(message("DDATA", metric(name="Temp", **given))))] == (
        [] if value is None else [value]
    )


def test_the_type_and_unit_of_the_birth_hold_for_what_comes_after_it():
    unit = field(1, "engUnit") + field(2, field(1, STRING) + field(8, "Cel"))
    feed = Feed("sparkplug", [bind("Temp")])
    feed(NBIRTH)
    feed(message("DBIRTH", metric(name="Temp", alias=3, kind=INT16, int=20, properties=unit), seq=1))
    assert said(feed(message("DDATA", metric(alias=3, int=0xFFFB)))) == [Level(NOW, "temperature", -5.0, "°C")]


def test_a_value_of_bad_quality_is_none():
    bad = field(1, "Quality") + field(2, field(1, INT32) + field(3, 0))
    assert not said(Feed("sparkplug", [bind()])(message("DDATA", metric(name="Temp", double=99.0, properties=bad))))


def test_a_metric_of_a_device_can_be_bound_at_its_node():
    feed = Feed("sparkplug", [bind("gate/Temp", match="demo/edge-1", metric="temperature")])
    assert [one.value for one in said(feed(message("DDATA", metric(name="Temp", double=20.0))))] == [20.0]
    assert said(feed(message("DDATA", metric(name="Other", double=20.0)))) == []


def test_a_device_bound_whole_counts_by_the_names_of_its_counters_and_measures_the_rest():
    feed = Feed("sparkplug", [bind(of="person", directions={"In": "in", "Out": "out"})])
    for at, came, went in ((0, 100, 90), (60_000, 104, 97)):
        some = metric(name="Count/In", long=came), metric(name="Count/Out", long=went), metric(name="Temp", double=21.5)
        heard = feed(message("DDATA", *some, ts=NOW + at, at=NOW + at))
    assert [(one.in_, one.out) for one in said(heard) if isinstance(one, Count)] == [(4, 0), (0, 7)]
    assert [one.value for one in said(heard) if isinstance(one, Level)] == [21.5]


def test_a_counter_that_cannot_be_does_not_hide_the_alarm_beside_it():
    feed = Feed("sparkplug", BOUND)
    heard = feed(
        message("DDATA", metric(name="Count/In", kind=INT32, int=0xFFFF_FFFF), metric(name="Door/Open", bool=True))
    )
    assert [one.value for one in said(heard)] == ["open"]
    assert [refusal.reason for refusal in heard.refusals] == ["range"]


def test_what_a_node_says_of_itself_is_no_reading():
    feed = Feed("sparkplug", [bind(match="demo/edge-1")])
    control = metric(name="Node Control/Rebirth", kind=BOOLEAN, bool=False)
    heard = feed(
        message("NBIRTH", metric(name="bdSeq", kind=INT64, long=3), control, metric(name="Noise", double=61.0))
    )
    assert [one.metric for one in said(heard)] == ["noise"]


def test_an_unbound_device_is_a_stranger_with_its_metrics():
    heard = Feed("sparkplug", ())(DBIRTH)
    assert {(one.match, one.part, one.guess) for one in heard.strangers} == {
        (GATE, "Count/In", ""), (GATE, "Door/Open", "door"), (GATE, "Temp", "environment"), (GATE, "Other", ""),
    }  # fmt: skip


def test_numbers_go_round_at_255_and_what_is_missing_is_told():
    feed = begun()
    told = [
        feed(message("DDATA", metric(name="Temp", double=1.0), seq=seq)).told["gap"] for seq in (2, 3, 3, 7, 255, 0, 1)
    ]
    assert told == [0, 0, 0, 1, 1, 0, 0]


def test_a_device_without_a_clock_is_heard_now():
    [one] = said(Feed("sparkplug", BOUND)(message("DDATA", metric(name="Door/Open", ts=1_330, bool=True), ts=1_330)))
    assert one == State(NOW, "door", "open")


@pytest.mark.parametrize(
    ("topic", "raw", "reason"),
    [
        ("spBv1.0/demo/DDATA/edge-1/gate", b"\x12\x7f", "json"),
        ("spBv1.0/demo/DDATA/edge-1/gate", b"\x0b", "json"),
        ("spBv1.0/demo/DDATA/edge-1/gate", b"\x08" + b"\xff" * 12, "json"),
        ("spBv1.0/demo/DDATA/edge-1/gate", b"\x08\x01" * 30_000, "size"),
        ("spBv1.0/demo/DDATA/edge-1/gate", field(2, field(1, b"\xff\xfe")), "json"),
        ("spBv1.0/demo/DDATA/edge-1/gate", field(4, "SPBV1.0_COMPRESSED") + field(5, b"x"), "type"),
        ("some/where", b"", "topic"),
    ],
)
def test_what_cannot_be_read_is_refused(topic, raw, reason):
    heard = Feed("sparkplug", BOUND)(VendorMessage(topic, raw, NOW))
    assert [refusal.reason for refusal in heard.refusals] == [reason]


@pytest.mark.parametrize("topic", ["spBv1.0/STATE/host", "spBv1.0/demo/NCMD/edge-1", "spBv1.0/demo/DDATA/edge-1"])
def test_what_is_of_no_node_or_no_news_says_nothing(topic):
    heard = Feed("sparkplug", BOUND)(VendorMessage(topic, payload(metric(name="Temp", double=1.0)), NOW))
    assert not heard.observations
    assert not heard.refusals
