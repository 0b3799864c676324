"""Devices that speak a dialect to the gateway: what reaches the log, what is kept of it, and what a crash costs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import SystemClock
from ingest.codecs.bindings import Binding, BindingError
from ingest.codecs.site_dialects import check_bindings
from ingest.gateway.gateway import Gateway
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.log import RecordKind
from ingest.log.batch import open_batch
from ingest.log.sqlite_log import SqliteLog
from ingest.mqtt import Inbound
from ingest.places import Beat, Device, Places
from ingest.vocabulary import Flag, Kind
from tests.configs import gateway_with
from tests.ingest.brokers import Broker, Publisher
from tests.support import examples, wait_for

PLATES = Plates([("aaaa", b"a" * 32)])
DOOR = Binding("zigbee2mqtt", "door-1", "zigbee2mqtt/front")
CARS = Binding("senml", "mast-1", "mast:", part="cars", of="vehicle", direction="in", meaning="total")
PEOPLE = Binding("senml", "mast-1", "mast:", part="people", direction="in", meaning="crossings")


def places(*bindings):
    devices: dict[str, list[Binding]] = {"cam-1": []}
    for one in bindings:
        devices.setdefault(one.device, []).append(one)
    return Places(
        {"b1": Beat("b1", {}, ())},
        {name: Device(name, "b1", "camera", {}, 0, 0, bindings=tuple(some)) for name, some in devices.items()},
    )


def gateway_of(folder, broker, known):
    log, quarantine = SqliteLog(folder / "log.db", min_free_bytes=0), Quarantine(folder / "quarantine.db")
    config = gateway_with("s", broker, dialects=folder / "dialects.db", zone="Asia/Shanghai", backoff_s=(0.1, 0.5))
    return Gateway(config, known, log, quarantine, SystemClock(), PLATES), log, quarantine


class Hand:
    """A gateway that is not connected, given messages by hand. A crash is a new one over the same files."""

    def __init__(self, folder, *bindings):
        self.log = SqliteLog(folder / "log.db", min_free_bytes=0)
        self.quarantine = Quarantine(folder / "quarantine.db")
        self.file = folder / "dialects.db"
        config = gateway_with("s", dialects=self.file, zone="Asia/Shanghai")
        self.gateway = Gateway(config, places(*bindings), self.log, self.quarantine, SystemClock(), PLATES)
        self.gateway._dialects.keep_in(self.file, self.log)  # as `start` does
        self.gateway._dialects.go_by(places(*bindings).devices)

    def give(self, topic, payload, *, retained=False):
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        inbox = self.gateway._inbox
        inbox.put(Inbound(f"patrolgrid/v1/s/b1/{topic}".encode(), raw, 1, 0, retained, len(raw)))
        self.gateway._flush(inbox, 1)

    def rows(self):
        """Return what is in the log of every device: (device, kind, a, b, word, flags)."""
        found = []
        for record in self.log.read(0, limit=100_000):
            if record.kind is RecordKind.OBSERVATIONS:
                batch = open_batch(record.payload)
                columns = [list(batch.columns[name].values()) for name in ("source", "kind", "a", "b", "text", "flags")]
                found += [
                    (batch.sources[source][1], Kind(kind), a, b, batch.strings[text], flags)
                    for source, kind, a, b, text, flags in zip(*columns, strict=True)
                ]
        return found

    def other(self, kind):
        return [json.loads(one.payload) for one in self.log.read(0, limit=100_000) if one.kind is kind]

    def counted(self):
        return sum(row[2] for row in self.rows() if row[1] is Kind.COUNT)


def total(number):
    return [{"bn": "mast:", "n": "cars", "v": number}]


def test_a_door_is_heard_below_its_own_topic_and_goes_on_to_speak_our_words(tmp_path):
    hand = Hand(tmp_path, DOOR)
    hand.give("door-1/zigbee2mqtt/front", {"contact": False})
    hand.give("door-1/obs", {"type": "state", "metric": "door", "value": "closed"})
    hand.give("door-1/status", b'{"state":"online"}')
    assert [row[:2] + row[4:5] for row in hand.rows()] == [
        ("door-1", Kind.STATE, "open"),
        ("door-1", Kind.STATE, "closed"),
    ]
    assert [one["state"] for one in hand.other(RecordKind.STATUS)] == ["online"]
    assert not hand.quarantine.list()


def test_a_dialect_may_come_on_obs_and_a_match_may_be_the_whole_topic(tmp_path):
    whole = Binding("zigbee2mqtt", "door-1", "patrolgrid/v1/s/b1/door-1/obs")
    hand = Hand(tmp_path, whole, CARS)
    hand.give("door-1/obs", {"contact": False})
    hand.give("mast-1/obs", total(500))
    hand.give("mast-1/obs", total(503))
    assert [row[:3] + row[4:5] for row in hand.rows()] == [
        ("door-1", Kind.STATE, 0.0, "open"),
        ("mast-1", Kind.COUNT, 3.0, ""),
    ]


def test_a_device_without_bindings_says_nothing_below_its_topic(tmp_path):
    hand = Hand(tmp_path, DOOR)
    hand.give("cam-1/zigbee2mqtt/front", {"contact": False})
    [entry] = hand.quarantine.list()
    assert (entry.reason, hand.rows()) == ("topic", [])


def test_a_device_cannot_speak_for_another(tmp_path):
    hand = Hand(tmp_path, DOOR, CARS)
    hand.give("mast-1/zigbee2mqtt/front", {"contact": False})
    assert hand.rows() == []


def test_two_that_are_alike_are_two(tmp_path):
    hand = Hand(tmp_path, PEOPLE)
    one = {"n": "people", "v": 1}
    hand.give("mast-1/senml", [{"bn": "mast:", **one}, one])
    assert hand.counted() == 2


def test_what_a_broker_kept_is_judged_by_the_codec(tmp_path):
    hand = Hand(tmp_path, DOOR)
    for _ in range(2):
        hand.give("door-1/zigbee2mqtt/front", {"contact": False}, retained=True)
        hand.give("door-1/zigbee2mqtt/front/availability", b"online", retained=True)
    [(_, _, _, _, word, flags)] = hand.rows()
    assert (word, flags & Flag.RETAINED) == ("open", 0)
    assert hand.gateway.stats().told["retained"] == 1
    assert len(hand.other(RecordKind.STATUS)) == 1


def test_who_is_bound_to_nothing_is_met_and_told(tmp_path):
    hand = Hand(tmp_path, DOOR)
    hand.give("door-1/zigbee2mqtt/back", {"smoke": True})
    [entry] = hand.quarantine.list()
    assert (entry.reason, entry.payload) == ("unknown_device", b"")
    assert "zigbee2mqtt/back" in entry.detail
    [report] = hand.other(RecordKind.HEALTH)
    assert [one["match"] for one in report["strangers"]] == ["zigbee2mqtt/back"]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"PersonListObject":{"PersonObject":[{"Name":"ZHANGSAN-SECRET"}]}}',
        b'{"contact": "ZHANGSAN-SECRET',
        b"ZHANGSAN-SECRET" * 30_000,
        b"\xff\xd8\xffZHANGSAN-SECRET",
    ],
    ids=["another's", "broken", "too large", "a picture"],
)
@pytest.mark.parametrize("topic", ["door-1/zigbee2mqtt/front", "door-1/obs", "door-1/snapshot"])
def test_of_what_is_refused_no_byte_is_kept(payload, topic, tmp_path, caplog):
    hand = Hand(tmp_path, DOOR)
    hand.give(topic, payload)
    hand.gateway._intake.pass_by(f"patrolgrid/v1/s/b1/{topic}", payload, len(payload))
    taken = hand.gateway._intake.give_up([(f"patrolgrid/v1/s/b1/{topic}", payload)], "it failed")
    hand.quarantine.add_many(taken.refusals)
    hand.log.close()
    hand.quarantine.close()
    assert hand.gateway.stats().quarantined.total() >= 2
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"SECRET" not in files
    assert "SECRET" not in caplog.text


def test_there_is_no_file_before_a_device_has_bindings(tmp_path):
    hand = Hand(tmp_path)
    hand.give("cam-1/obs", {"type": "state", "metric": "door", "value": "closed"})
    assert not hand.file.exists()
    hand.gateway._take_places(places(CARS))
    hand.give("mast-1/senml", total(500))
    again = Hand(tmp_path, CARS)
    again.give("mast-1/senml", total(503))
    assert again.counted() == 3


def test_other_places_change_what_is_bound_and_keep_totals(tmp_path):
    hand = Hand(tmp_path, CARS)
    hand.give("mast-1/senml", total(500))
    hand.gateway._take_places(places(CARS, DOOR))
    hand.give("mast-1/senml", total(504))
    hand.give("door-1/zigbee2mqtt/front", {"contact": False})
    assert hand.counted() == 4
    assert len(hand.rows()) == 2
    hand.gateway._take_places(places())
    hand.give("mast-1/senml", total(509))
    assert len(hand.rows()) == 2


STEP = st.tuples(st.integers(0, 30), st.sampled_from(["", "", "before", "after", "clean"]))


@settings(max_examples=examples(12))
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_a_total_is_exact_wherever_the_gateway_is_killed(steps, tmp_path_factory):
    """Before the log has it, the message comes again; after that, it comes again all the same."""
    folder = tmp_path_factory.mktemp("killed")
    hand, number = Hand(folder, CARS), 500
    hand.give("mast-1/senml", total(number))
    for rise, crash in steps:
        number += rise
        if crash in {"before", "after"}:
            append = hand.log.append

            def dying(records, append=append, crash=crash):
                if crash == "after":
                    append(records)
                raise KeyboardInterrupt

            hand.log.append = dying
            with suppress(KeyboardInterrupt):
                hand.give("mast-1/senml", total(number))
        elif crash == "clean":
            hand.gateway._dialects.close()
        if crash:
            hand.log.close()
            hand = Hand(folder, CARS)
        hand.give("mast-1/senml", total(number))
        assert hand.counted() == number - 500


def test_a_log_that_takes_nothing_for_a_while_costs_nothing(tmp_path, monkeypatch):
    hand = Hand(tmp_path, CARS)
    hand.give("mast-1/senml", total(500))
    with monkeypatch.context() as patched:
        patched.setattr(hand.log, "append", lambda _: (_ for _ in ()).throw(OSError("the disk is full")))
        hand.give("mast-1/senml", total(503))
        hand.give("mast-1/senml", total(507))
        assert hand.gateway._keeper.trouble == "the disk is full"
    hand.gateway._keeper.turn(now=True)
    assert hand.counted() == 7
    again = Hand(tmp_path, CARS)
    again.give("mast-1/senml", total(508))
    assert again.counted() == 8


def test_a_file_that_cannot_be_written_holds_nothing_up_and_is_written_later(tmp_path, caplog):
    hand = Hand(tmp_path, CARS)
    hand.give("mast-1/senml", total(500))
    other = sqlite3.connect(tmp_path / "dialects.db", isolation_level=None)
    file: Any = hand.gateway._dialects._file
    file._connection.execute("PRAGMA busy_timeout=0")
    other.execute("BEGIN EXCLUSIVE")
    hand.give("mast-1/senml", total(503))
    assert hand.counted() == 3
    assert "dialects.db" in caplog.text
    other.execute("ROLLBACK")
    hand.give("mast-1/senml", total(504))
    again = Hand(tmp_path, CARS)
    again.give("mast-1/senml", total(510))
    assert again.counted() == 10


def test_a_damaged_file_is_put_aside_and_the_totals_begin_anew(tmp_path):
    hand = Hand(tmp_path, CARS)
    hand.give("mast-1/senml", total(500))
    hand.gateway._dialects.close()
    (tmp_path / "dialects.db").write_bytes(b"no database at all" * 300)
    again = Hand(tmp_path, CARS)
    again.give("mast-1/senml", total(503))
    again.give("mast-1/senml", total(505))
    assert again.counted() == 2


def test_a_binding_that_no_codec_can_use_is_refused_by_its_device():
    with pytest.raises(BindingError, match=r"device 'door-1': binding 1 .* codec is 'zigbee', expected one of"):
        check_bindings(places(Binding("zigbee", "door-1", "a")).devices.values())


def connected(gateway):
    return gateway.stats().connected


def online(gateway):
    return gateway.stats().statuses == 1


def test_over_a_real_broker_and_a_restart(tmp_path):
    broker = Broker("mosquitto", 5, tmp_path)
    try:
        publisher = Publisher(broker.port, 5)
        for run in range(2):
            gateway, log, quarantine = gateway_of(tmp_path, broker.address, places(DOOR, CARS))
            gateway.start()
            wait_for(partial(connected, gateway), "the gateway connects")
            publisher.send("patrolgrid/v1/s/b1/mast-1/senml", json.dumps(total(500 + 3 * run)).encode())
            publisher.send("patrolgrid/v1/s/b1/door-1/zigbee2mqtt/front", b'{"contact": false}', retain=True)
            publisher.send("patrolgrid/v1/s/b1/door-1/status", b'{"state":"online"}')
            wait_for(partial(online, gateway), "all before it is taken")
            gateway.stop()
            log.close()
            quarantine.close()
        publisher.close()
    finally:
        broker.stop()
    hand = Hand(tmp_path, DOOR, CARS)
    assert hand.counted() == 3
    assert [row[4] for row in hand.rows() if row[1] is Kind.STATE] == ["open", "open"]
    assert not hand.quarantine.list()
