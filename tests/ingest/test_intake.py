"""Every observation of every message is a row, a counted repeat, or a refusal with a reason."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.clock import DataClock
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.intake import Intake
from ingest.gateway.numbering import RepeatFilter, refill
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log.batch import open_batch
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.observations import LATEST_MS
from ingest.places import parse_places
from ingest.vocabulary import Flag, Kind
from tests.support import examples

NOW = 1_795_421_105_000
PLATES = Plates([("aaaa", b"a" * 32)])
PLACES = parse_places(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "properties": {"kind": "beat", "id": "b1"},
                "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            },
            {
                "properties": {"kind": "device", "id": "cam", "beat": "b1", "type": "camera"},
                "geometry": {"type": "Point", "coordinates": [0, 0]},
            },
        ],
    }
)
OBS = topics.observations("s", "b1", "cam")
STATUS = topics.status("s", "b1", "cam")


class StillClock:
    live = True

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def observe(self, event_ms: int) -> None:
        pass


def make(**options) -> Intake:
    usual: dict[str, Any] = {"routes": Routes("s", PLACES), "clock": StillClock(), "plates": PLATES}
    return Intake(**(usual | options))


def count(**change) -> dict:
    return {"type": "count", "boot": "a1", "seq": 1, "ts": NOW, "interval_s": 60, "in": 3, "out": 2} | change


def send(intake: Intake, value: object, topic: str = OBS) -> None:
    intake.take(topic, value if isinstance(value, bytes) else json.dumps(value).encode())


def rows(taken) -> list[dict]:
    """Decode a batch the slow and plain way."""
    record = taken.records[0]
    assert record.kind is RecordKind.OBSERVATIONS
    batch = open_batch(record.payload)
    columns = {name: column.values().tolist() for name, column in batch.columns.items()}
    return [
        {name: column[i] for name, column in columns.items()}
        | {
            "source": tuple(batch.sources[columns["source"][i]]),
            "metric": batch.strings[columns["metric"][i]],
            "text": batch.strings[columns["text"][i]],
        }
        for i in range(batch.rows)
    ]


def reasons(taken) -> list[str]:
    return [str(refusal.reason) for refusal in taken.refusals]


def test_each_kind_has_its_columns():
    intake = make()
    send(intake, count(interval_s=60.5, of="vehicle"))
    send(intake, {"type": "gate", "ts": NOW, "seq": 2, "direction": "out", "plate": "吉A12345", "allowed": False})
    send(intake, {"type": "level", "ts": NOW, "seq": 3, "metric": "noise", "value": 63.2, "unit": "dB"})
    send(intake, {"type": "state", "ts": "2026-11-23T08:05:05+08:00", "seq": 4, "metric": "door", "value": "open"})
    taken = intake.finish()
    one, gate, level, state = rows(taken)
    assert one | {"received": 0} == {
        "kind": Kind.COUNT, "source": ("b1", "cam", "a1"), "seq": 1, "ts": NOW, "received": 0, "a": 3.0, "b": 2.0,
        "interval": 60.5, "metric": "vehicle", "text": "", "flags": 0,
    }  # fmt: skip
    assert (gate["kind"], gate["a"], gate["b"], gate["metric"]) == (Kind.GATE, 1.0, 0.0, "unknown")
    assert gate["text"] == PLATES.token("吉A12345")
    assert (level["a"], level["metric"], level["text"]) == (63.2, "noise", "dB")
    assert (state["metric"], state["text"], state["ts"]) == ("door", "open", 1_795_392_305_000)
    assert {row["received"] for row in rows(taken)} == {NOW}
    assert taken.refusals == []


one_kind = st.sampled_from(
    [
        count(),
        count(of="vehicle", interval_s=0.1),
        {"type": "gate", "ts": NOW, "plate": "京A00001", "allowed": None, "vehicle": "bus"},
        {"type": "level", "ts": NOW, "metric": "noise", "value": -1.5, "unit": "dB"},
        {"type": "state", "ts": "2026-11-23T08:05:05Z", "metric": "door", "value": "open"},
    ]
)


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.tuples(one_kind, st.none() | st.integers(0, 50), st.sampled_from(["", "a", "b"]), st.integers(-9, 9)),
        min_size=1,
        max_size=12,
    )
)
def test_a_message_at_once_is_the_same_as_its_observations_one_by_one(specs):
    payloads = []
    for value, seq, boot, shift in specs:
        ts = value["ts"] + shift * 60_000 if isinstance(value["ts"], int) else value["ts"]
        payloads.append(value | {"boot": boot, "ts": ts} | ({} if seq is None else {"seq": seq}))
    together, apart = make(), make()
    send(together, payloads)
    for payload in payloads:
        send(apart, payload)
    a, b = together.finish(), apart.finish()

    def plain(taken) -> list[dict]:
        """The rows, but for the boot that the gateway makes up, which is another for each intake."""
        found = rows(taken) if taken.records else []
        return [row | {"source": (*row["source"][:2], row["source"][2][:3])} for row in found]

    assert plain(a) == plain(b)
    assert reasons(a) == reasons(b)
    assert together.counts.repeats == apart.counts.repeats


def test_only_what_is_no_time_at_all_is_kept_out_and_alone():
    intake = make(settings=GatewaySettings(clock_ahead_s=120, backfill_days=1))
    no_time = count(seq=3, ts="1969-12-31T23:59:59Z")
    send(intake, [count(), count(seq=2, ts=LATEST_MS), no_time, count(seq=4, ts=0)])
    taken = intake.finish()
    assert [(row["seq"], row["ts"], row["received"]) for row in rows(taken)] == [
        (1, NOW, NOW),
        (2, LATEST_MS, NOW),
        (4, 0, NOW),
    ]
    assert reasons(taken) == ["clock"]
    assert [json.loads(refusal.payload) for refusal in taken.refusals] == [no_time]
    assert "not between 1970 and 2100" in taken.refusals[0].detail


@pytest.mark.parametrize("ts", ["0001-01-01T00:00:00Z", "2106-02-07T06:28:15Z", 0, -1, 2**62])
def test_a_hazard_without_any_time_counts_as_of_its_receipt(ts):
    intake = make()
    state = {"type": "state", "metric": "smoke", "value": "alarm", "seq": 2, "ts": ts}
    level = {"type": "level", "metric": "smoke", "value": 9.0, "seq": 3, "ts": ts}
    send(intake, [state, level])
    send(intake, state | {"seq": 4})
    taken = intake.finish()
    assert [(row["seq"], row["ts"], row["flags"]) for row in rows(taken)] == [
        (number, NOW, Flag.TIMELESS) for number in (2, 3, 4)
    ]
    assert taken.refusals == []


@pytest.mark.parametrize(
    ("said", "flag"), [(True, 2), ("true", 2), (1, 2), ("later", 2), (False, 0), (None, 0), ("no", 0)]
)
def test_what_was_kept_and_is_sent_later_can_say_so(said, flag):
    intake = make()
    for kind in (count(), {"type": "state", "metric": "smoke", "value": "alarm", "ts": NOW}):
        marked, plain = kind | {"seq": 2, "backfill": said}, kind | {"seq": 3}
        send(intake, [marked, plain])
        send(intake, marked | {"seq": 4})
    assert [row["flags"] for row in rows(intake.finish())] == [flag, 0, flag] * 2


def test_a_clock_that_follows_the_data_takes_any_time_and_shows_it():
    intake = make(clock=DataClock())
    send(intake, [count(ts=1_000), count(ts=5_000, seq=2), count(ts=2_000, seq=3)])
    send(intake, count(ts="1969-12-31T23:59:59Z", seq=4))
    taken = intake.finish()
    assert [row["received"] for row in rows(taken)] == [1_000, 5_000, 5_000]
    assert taken.records[0].received_ms == 5_000
    assert reasons(taken) == ["clock"]


def test_days_that_a_replay_brings_at_once_are_records_of_their_own_times():
    intake = make(clock=DataClock())
    intake.begin()
    times = [NOW + hour * 3_600_000 + second * 1_000 for hour in range(3) for second in range(3)]
    for seq, ts in enumerate(times):
        send(intake, count(seq=seq, ts=ts))
    taken = intake.finish()
    # The first of an hour is what moves the clock, and ends the record.
    assert [record.received_ms for record in taken.records] == [times[0], times[3], times[6], times[8]]
    batches = [open_batch(record.payload) for record in taken.records]
    assert [ts for batch in batches for ts in batch.columns["ts"].values().tolist()] == times
    assert (taken.observations, intake.counts.observations, intake.rows()) == (9, 9, 0)
    assert intake.finish().records == []


def test_devices_that_cannot_number_are_numbered_and_their_repeats_dropped():
    intake = make()
    naive = count()
    del naive["seq"], naive["boot"]
    send(intake, naive)
    send(intake, [naive, naive | {"in": 4}])
    send(intake, naive | {"ts": NOW + 1})
    taken = intake.finish()
    found = rows(taken)
    assert [row["seq"] for row in found] == [0, 1, 2]
    assert {row["flags"] for row in found} == {Flag.NUMBERED_HERE}
    assert all(row["source"][2].startswith("gw-") for row in found)
    assert intake.counts.repeats == 1
    assert make()._numbering.boot != intake._numbering.boot


def test_repeats_are_forgotten_after_their_window_and_memory_is_bounded():
    repeats = RepeatFilter(window_s=10, capacity=100)
    assert not repeats.seen("a", 0)
    assert repeats.seen("a", 9_999)
    assert not repeats.seen("b", 10_000)
    assert repeats.seen("a", 19_999), "at least one window"
    assert not repeats.seen("c", 40_000)
    assert not repeats.seen("d", 60_000)
    assert not repeats.seen("b", 60_001), "at most two"
    for n in range(1_000):
        repeats.seen(n, 60_002)
    assert len(repeats) <= 100
    assert repeats.seen(990, 60_003)


def test_repeats_are_known_again_after_a_restart(tmp_path):
    log = SqliteLog(tmp_path / "log.db", min_free_bytes=0)
    naive = [{"type": "state", "ts": NOW - n, "metric": "door", "value": "open"} for n in range(5)]
    naive.append({"type": "gate", "ts": NOW, "plate": "吉A12345"})
    naive.append({"type": "count", "ts": NOW, "interval_s": 0.1, "in": 1})
    for n, value in enumerate(naive):
        intake = make()
        send(intake, value)
        send(intake, count(seq=n))
        log.append(intake.finish().records)
    restarted = make()
    refill(restarted.repeats, log, NOW + 1_000)
    assert len(restarted.repeats) == len(naive)
    send(restarted, naive)
    assert restarted.rows() == 0
    assert restarted.counts.repeats == len(naive)
    log.append([Record(RecordKind.TICK, NOW + 5_000, b"")])
    later = RepeatFilter(window_s=1)
    refill(later, log, NOW + 5_000)
    assert len(later) == 0
    log.close()


def test_numbers_that_can_only_be_seconds_are_seconds_one_by_one_and_many_at_once():
    intake = make()
    send(intake, count(ts=NOW // 1000))
    send(intake, [count(ts=NOW // 1000, seq=2), count(ts=NOW // 1000 + 1, seq=3)])
    assert [row["ts"] for row in rows(intake.finish())] == [NOW, NOW, NOW + 1000]


def test_a_state_without_a_time_counts_as_of_its_receipt():
    """However often the same is said: without a time it cannot be told from a repeat, and an alarm must not be lost."""
    clock = StillClock()
    intake = make(clock=clock)
    for word in ("alarm", "ok", "alarm"):
        clock.now += 1
        intake.begin()
        send(intake, {"type": "state", "metric": "smoke", "value": word})
    found = rows(intake.finish())
    assert [(row["text"], row["ts"]) for row in found] == [("alarm", NOW + 1), ("ok", NOW + 2), ("alarm", NOW + 3)]
    assert {row["flags"] for row in found} == {Flag.NUMBERED_HERE | Flag.TIMELESS}


def test_a_plate_that_is_sent_as_a_word_is_hidden():
    intake = make()
    send(intake, {"type": "state", "metric": "吉A12345", "value": "吉A12345", "ts": NOW, "boot": "吉A12345"})
    assert "A12345" not in str(rows(intake.finish()))


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("patrolgrid/v1/s/b1/nobody/obs", "unknown_device"),
        ("patrolgrid/v1/s/b2/cam/obs", "unknown_device"),
        ("patrolgrid/v1/other/b1/cam/obs", "topic"),
        ("patrolgrid/v1/s/b1/cam/alerts", "topic"),
        ("patrolgrid/v1/s/b1/cam\n/obs", "topic"),
        ("patrolgrid/v1/s/b1/../obs", "topic"),
        ("patrolgrid/v1/s/incidents/cam/obs", "topic"),
        ("", "topic"),
        ("/" * 5000, "topic"),
    ],
)
def test_topics_that_lead_nowhere(topic, reason):
    intake = make()
    send(intake, count(), topic)
    taken = intake.finish()
    assert reasons(taken) == [reason]
    assert [one for one in taken.records if one.kind is not RecordKind.HEALTH] == []  # who is unknown waits


def test_unknown_devices_can_be_accepted():
    intake = make(routes=Routes("s", PLACES, accept_unknown=True))
    send(intake, count(), "patrolgrid/v1/s/b9/new/obs")
    assert intake.finish().observations == 1


def test_incidents_and_commands_and_statuses_become_records_after_the_batch():
    intake = make()
    send(intake, {"state": "online", "fw": 3}, STATUS)
    send(intake, {"id": "i", "ts": NOW, "lon": 1, "lat": 2, "category": "theft"}, topics.incidents("s"))
    send(intake, count())
    send(intake, {"id": "c", "ts": NOW, "alert": "a", "action": "clear", "by": "li"}, topics.commands("s"))
    taken = intake.finish()
    assert [record.kind.name for record in taken.records] == ["OBSERVATIONS", "STATUS", "INCIDENT", "COMMAND"]
    assert json.loads(taken.records[1].payload) == {"beat": "b1", "device": "cam", "state": "online", "ts": NOW}
    assert json.loads(taken.records[2].payload)["provenance"] == "reported"
    assert {record.received_ms for record in taken.records} == {NOW}


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", b"[" * 9999, b'{"id":"a b"}', b'{"state":"maybe"}'])
def test_malformed_incidents_commands_and_statuses_go_to_quarantine(payload):
    intake = make()
    for topic in (topics.incidents("s"), topics.commands("s"), STATUS):
        send(intake, payload, topic)
    expected = ["incident", "command", "status"]
    assert reasons(intake.finish()) == (expected[:2] if payload == b"" else expected)


def test_an_incident_at_no_time_at_all_has_a_wrong_clock():
    intake = make()
    incident = {"id": "i", "ts": LATEST_MS + 1, "lon": 1, "lat": 2, "category": "theft"}
    send(intake, incident, topics.incidents("s"))
    assert reasons(intake.finish()) == ["incident"]


def test_a_retained_observation_shown_again_long_after_is_not_counted_again():
    clock = StillClock()
    intake = make(clock=clock)
    kept = json.dumps(count(seq=None)).encode()
    intake.take(OBS, kept, retained=True)  # the first that is heard of it
    assert intake.finish().observations == 1
    for _ in range(5):
        clock.now += 1_000_000
        intake.begin()
        send(intake, count(seq=None, ts=clock.now))
        intake.take(OBS, kept, retained=True)
        assert intake.finish().observations == 1
    assert intake.counts.repeats == 5


def test_a_retained_status_shown_again_changes_nothing():
    intake = make()
    for retained in (True, True, False):
        intake.take(STATUS, b'{"state":"online"}', retained=retained)
    assert len(intake.finish().records) == 2


def test_what_was_cut_on_arrival_keeps_its_size():
    intake = make(settings=GatewaySettings(max_payload_bytes=1000))
    intake.take(OBS, b"x" * 500, size=5_000_000)
    intake.take(topics.incidents("s"), b"y" * 1001)
    intake.take(OBS, b" " * 1000 + b"{}")
    taken = intake.finish()
    assert reasons(taken) == ["size", "size", "size"]
    assert [refusal.size for refusal in taken.refusals] == [5_000_000, 1001, 1002]


def test_an_unexpected_error_leaves_whole_columns_and_a_refusal(monkeypatch):
    intake = make()
    send(intake, [count(), count(seq=2)])
    real = struct.pack

    def broken(form, *values):
        if form.endswith("f"):
            raise MemoryError("on purpose")
        return real(form, *values)

    monkeypatch.setattr("ingest.gateway.collector.struct.pack", broken)
    send(intake, [count(seq=3), count(seq=4)])
    monkeypatch.undo()
    send(intake, [count(seq=5), count(seq=6)])
    taken = intake.finish()
    assert [row["seq"] for row in rows(taken)] == [1, 2, 5, 6]
    assert reasons(taken) == ["processing"]
    assert "MemoryError: on purpose" in taken.refusals[0].detail


def test_a_batch_that_cannot_be_written_is_given_up_to_quarantine():
    intake = make()
    send(intake, count())
    taken = intake.give_up([(OBS, b"{}"), (OBS, b"[]")], "on purpose")
    assert reasons(taken) == ["processing", "processing"]
    assert taken.records == []
    send(intake, count())
    assert intake.finish().observations == 1


def test_devices_that_somebody_makes_up_do_not_fill_the_memory_where_any_is_let_in(monkeypatch):
    monkeypatch.setattr("ingest.gateway.routes.MAX_STRANGERS", 3)
    intake = make(routes=Routes("s", PLACES, accept_unknown=True))
    for number in range(6):
        send(intake, count(), topics.observations("s", "b1", f"made-up-{number}"))
    send(intake, count(), topics.status("s", "b1", "made-up-9"))
    send(intake, count(seq=2), topics.observations("s", "b1", "made-up-1"))
    send(intake, count(), OBS)
    taken = intake.finish()
    assert taken.observations == 5
    assert reasons(taken) == ["unknown_device"] * 4


def test_a_device_that_connects_again_and_again_is_named(caplog):
    intake = make(clock=(clock := StillClock()))
    for time_s in range(0, 60, 10):
        clock.now = NOW + time_s * 1_000
        intake.begin()
        send(intake, b'{"state":"online"}', STATUS)
    assert intake.restless.devices(intake._now) == ["cam"]
    assert caplog.text.count("device cam has connected 6 times within 50 s: a second agent uses its id") == 1
    assert intake.restless.devices(intake._now + 3_600_000) == []


def test_a_retained_status_is_no_connection():
    intake = make()
    for number in range(20):
        intake.begin()
        intake.take(STATUS, b'{"state":"online","n":%d}' % number, retained=True)
    assert intake.restless.devices(intake._now) == []


def test_what_may_be_news_does_not_wait_and_the_rest_does():
    box = make(routes=Routes("s", None))

    def may_wait(device, **fields):
        box.begin()
        box.take(topics.observations("s", "b1", device), json.dumps({"boot": "a", "ts": NOW} | fields).encode())
        return box.may_wait()

    counted = {"type": "count", "interval_s": 60, "in": 1, "out": 0}
    noise, door = {"type": "level", "metric": "noise", "unit": "dB"}, {"type": "state", "metric": "door"}
    assert may_wait("cam", seq=1, **counted)
    assert not may_wait("noise", seq=1, value=60.0, **noise), "a first reading"
    box.finish()
    assert may_wait("noise", seq=2, value=58.0, **noise)
    assert may_wait("noise", seq=3, value=59.9, **noise)
    assert not may_wait("noise", seq=4, value=60.1, **noise), "above what it has said"
    box.finish()
    assert may_wait("cam", seq=2, **counted), "what was looked at is logged"
    assert not may_wait("door", seq=1, value="closed", **door), "a first word"
    box.finish()
    assert may_wait("door", seq=2, value="closed", **door)
    assert not may_wait("door", seq=3, value="open", **door)
    box.finish()
    assert may_wait("noise", seq=5, value=50.0, **noise)
    assert not may_wait("noise", seq=6, value=58.0, **noise), "risen by more than a tenth of the highest"
    box.finish()
    for seq in range(7, 300):  # the highest of long ago is forgotten
        assert may_wait("noise", seq=seq + 2, value=50.0, **noise)
        box.finish()
    assert not may_wait("noise", seq=400, value=55.0, **noise)
    box.finish()
    assert all(may_wait("cam", seq=seq, **counted) for seq in range(10, 18))
    assert not may_wait("cam", seq=18, **counted), "brokers stop sending where many are not acknowledged"
    box.finish()
    box.take(topics.status("s", "b1", "cam"), b'{"state":"offline"}')
    assert not box.may_wait()


@pytest.mark.parametrize(
    "payload", [b"offline", b"OFFLINE\r\n", b'"offline"', b'\xef\xbb\xbf{"state":"offline"}', b"offline\0"]
)
def test_a_status_however_it_is_written(payload):
    intake = make()
    send(intake, payload, STATUS)
    taken = intake.finish()
    assert (reasons(taken), [json.loads(record.payload)["state"] for record in taken.records]) == ([], ["offline"])
