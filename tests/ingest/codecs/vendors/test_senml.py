"""SenML as sensors send it: base fields, times, units, CBOR, and what is refused."""

from __future__ import annotations

import json

import cbor2
import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.observations import Count, Level, State
from tests.ingest.codecs.cases import Feed

NOW = 1_795_134_110_000
BASE = "urn:dev:mac:00005efffe005381:"
LABELS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6} | {
    name: label for label, name in enumerate(("n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"))
}


def device(**more):
    return Binding("senml", "mast-1", BASE, **more)


def fed(pack, *bindings, form="json", feed=None):
    if form == "json":
        payload = json.dumps(pack).encode()
    elif form == "text labels":
        payload = cbor2.dumps(pack)
    else:
        payload = cbor2.dumps([{LABELS.get(key, key): value for key, value in record.items()} for record in pack])
    feed = feed or Feed("senml", bindings or (device(),))
    return feed(VendorMessage("senml/mast-1", payload, NOW))


def said(meaning):
    return [one for _, one in meaning.observations]


@pytest.mark.parametrize("form", ["json", "cbor", "text labels"])
def test_base_fields_are_worked_into_the_records_behind_them(form):
    pack = [
        {"bn": BASE, "bt": 1_795_134_000.0, "bu": "Cel", "bv": 20, "n": "temp", "v": 1.5},
        {"n": "temp", "t": -5, "v": 2},
        {"bv": 0, "bu": "%RH", "n": "hum", "v": 40.5},
    ]
    assert said(fed(pack, form=form)) == [
        Level(1_795_134_000_000, "temperature", 21.5, "°C"),
        Level(1_795_133_995_000, "temperature", 22.0, "°C"),
        Level(1_795_134_000_000, "humidity", 40.5, "%"),
    ]


@pytest.mark.parametrize(
    ("times", "ts"),
    [
        ({}, NOW),
        ({"t": -60}, NOW - 60_000),
        ({"bt": -60, "t": -1.5}, NOW - 61_500),
        ({"bt": 1_795_134_000, "t": 1.5}, 1_795_134_001_500),
        ({"t": 1_795_134_000}, 1_795_134_000_000),
        ({"bt": 1_795_134_000_000}, 1_795_134_000_000),
    ],
)
def test_a_time_below_two_to_the_28_is_relative_to_receipt(times, ts):
    [one] = said(fed([{"bn": BASE, "n": "noise", "u": "dB", "v": 60, **times}]))
    assert one.ts == ts


def test_a_decimal_fraction_is_a_number():
    from decimal import Decimal

    payload = cbor2.dumps([{-2: BASE, 0: "noise", 1: "dB", 2: Decimal("61.5")}])
    [(_, one)] = Feed("senml", [device()])(VendorMessage("x", payload, NOW)).observations
    assert one == Level(NOW, "noise", 61.5, "dB")


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"vb": True}, "open"),
        ({"vb": False}, "closed"),
        ({"v": 1, "u": "/"}, "open"),
        ({"v": 0, "u": "/"}, "closed"),
        ({"vs": "open"}, "open"),
    ],
)
def test_what_a_door_says_is_a_state_however_it_says_it(record, word):
    assert said(fed([{"bn": BASE, "n": "door", **record}])) == [State(NOW, "door", word)]


def test_a_name_may_be_divided_anywhere():
    for record in (
        {"bn": BASE, "n": "temp"},
        {"n": BASE + "temp"},
        {"bn": BASE + "temp"},
        {"bn": "urn:", "n": BASE[4:] + "temp"},
    ):
        assert said(fed([{**record, "u": "Cel", "v": 20}])) == [Level(NOW, "temperature", 20.0, "°C")]


def test_the_part_with_its_own_binding_goes_before_the_device():
    own = device(part="temp2", metric="cellar", unit="°C")
    found = said(fed([{"bn": BASE, "n": "temp", "v": 20}, {"n": "temp2", "v": 9}], device(), own))
    assert [(one.metric, one.value) for one in found] == [("temperature", 20.0), ("cellar", 9.0)]


def test_a_topic_can_be_bound_where_names_change():
    bound = Binding("senml", "mast-1", "senml/mast-1")
    assert said(fed([{"n": "noise", "u": "dB", "v": 60}], bound)) == [Level(NOW, "noise", 60.0, "dB")]


def test_a_total_becomes_what_passed_and_a_sum_is_a_total():
    feed = Feed("senml", [device(part="cars", direction="in", of="vehicle", meaning="total")])
    for total, wanted in ((500, []), (503, [3]), (503, []), (2, [2])):
        pack = [{"bn": BASE, "n": "cars", "t": 1_795_134_000 + total, "s": total}]
        found = said(fed(pack, feed=feed)) if total != 2 else said(fed([{**pack[0], "t": 1_795_135_000}], feed=feed))
        assert [one.in_ for one in found if isinstance(one, Count)] == wanted
        feed.restart()


def test_where_a_total_is_meant_the_sum_goes_before_the_rate():
    feed = Feed("senml", [device(part="flow", direction="in", of="vehicle", meaning="total")])
    for at, total in enumerate((100, 104)):
        heard = fed([{"bn": BASE, "n": "flow", "t": 1_795_134_000 + at * 60, "v": 2.5, "s": total}], feed=feed)
    assert [one.in_ for one in said(heard)] == [4]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_may_begin_with_a_mark(encoding):
    payload = json.dumps([{"bn": BASE, "n": "noise", "u": "dB", "v": 60}]).encode(encoding)
    assert Feed("senml", [device()])(VendorMessage("x", payload, NOW)).observations


def test_passages_of_an_interval_are_counted_once():
    feed = Feed("senml", [device(part="people", direction="out", meaning="interval")])
    pack = [{"bn": BASE, "n": "people", "bt": 1_795_134_000, "v": 7}]
    assert [(one.in_, one.out, one.of) for one in said(fed(pack, feed=feed))] == [(0, 7, "person")]
    assert said(fed(pack, feed=feed)) == []


@pytest.mark.parametrize("number", [40, 900])
def test_many_passages_in_one_message_are_all_known_again(number):
    feed = Feed("senml", [device(part="people", direction="out", meaning="crossings")])
    pack = [{"bn": BASE, "n": "people", "bt": 1_795_134_000, "v": 1}]
    pack += [{"n": "people", "t": second, "v": 1} for second in range(1, number)]
    assert len(said(fed(pack, feed=feed))) == number
    feed.restart()
    assert said(fed(pack, feed=feed)) == []
    assert said(fed([{**pack[0], "t": 2_000}], feed=feed))
    assert said(fed(pack, feed=feed)) == []


def test_texts_places_and_batteries_are_left_out_where_no_part_is_bound():
    pack = [
        {"bn": BASE, "n": "owner", "vs": "somebody"},
        {"n": "lon", "u": "lon", "v": 121.4},
        {"n": "batt", "u": "%EL", "v": 88},
        {"n": "photo", "vd": "AAAA"},
    ]
    meaning = fed(pack)
    assert not meaning.observations
    assert not meaning.refusals


def test_what_is_not_bound_is_a_stranger_with_a_guess():
    meaning = fed([{"bn": "urn:dev:ow:10e2073a01080063:", "n": "smoke", "v": 1}, {"bn": "", "n": "other", "v": 1}])
    assert [(one.match, one.part, one.guess) for one in meaning.strangers] == [
        ("urn:dev:ow:10e2073a01080063:", "smoke", "smoke"),
        ("senml/mast-1", "other", ""),
    ]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "json"),
        (b"[", "json"),
        (b"\x9f", "json"),
        (b"<sensml/>", "type"),
        (b'"text"', "type"),
        (b"[1]", "type"),
        (b'[{"v":1}]', "type"),
        (b'[{"n":5,"v":1}]', "type"),
        (b'[{"n":"a","v":1,"crypt_":2}]', "type"),
        (b'[{"bver":11,"n":"a","v":1}]', "type"),
        (b'[{"bn":"urn:dev:mac:00005efffe005381:","n":"a","v":"x"}]', "type"),
        (b"[" + b'{"n":"a","v":1},' * 2_000 + b'{"n":"a","v":1}]', "size"),
    ],
)
def test_what_cannot_be_read_is_refused(payload, reason):
    meaning = Feed("senml", [device()])(VendorMessage("senml/mast-1", payload, NOW))
    assert [refusal.reason for refusal in meaning.refusals] == [reason]
    assert not meaning.observations


def test_one_wrong_value_does_not_refuse_the_others():
    meaning = fed([{"bn": BASE, "n": "noise", "u": "dB", "v": None}, {"n": "noise", "u": "dB", "v": 61}])
    assert said(meaning) == [Level(NOW, "noise", 61.0, "dB")]
    assert len(meaning.refusals) == 1


def test_cbor_may_say_that_it_is_cbor_and_have_no_lengths():
    record = cbor2.dumps({-2: BASE, 0: "temp", 1: "Cel", 2: 21.5})
    for payload in (b"\xd9\xd9\xf7\x81" + record, b"\x9f" + record + b"\xff", b"\x81\xbf" + record[1:] + b"\xff"):
        heard = Feed("senml", [device()])(VendorMessage("senml/mast-1", payload, NOW))
        assert [(one.metric, one.value) for one in said(heard)] == [("temperature", 21.5)]


def test_a_sum_is_the_total_also_beside_a_value():
    feed, heard = Feed("senml", [device(part="people", meaning="total", direction="in")]), []
    for at, summed in enumerate((10, 13, 13)):
        heard += said(fed([{"bn": BASE, "n": "people", "v": 1, "s": summed, "t": at - 60}], feed=feed))
    assert [one.in_ for one in heard] == [3, 0]


def test_passages_without_a_time_that_are_alike_are_several_unless_they_come_at_once():
    feed = Feed("senml", [device(part="people", meaning="interval", direction="in")])
    pack = json.dumps([{"bn": BASE, "n": "people", "v": 2}]).encode()
    heard = [feed(VendorMessage("senml/mast-1", pack, NOW + at)) for at in (0, 0, 60_000, 120_000, 120_000)]
    assert [len(said(one)) for one in heard] == [1, 0, 1, 1, 0]
