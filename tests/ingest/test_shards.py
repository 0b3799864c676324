"""Which shard a beat belongs to, and what the intake makes of it: one record for every shard that got something."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log.batch import open_batch
from ingest.log.records import RecordKind
from ingest.places import PlacesError, parse_places
from ingest.shards import ShardMap
from simulators.world.neighbourhood import places_geojson
from tests.support import examples

BEATS = st.lists(st.text("abcdefgh-_0123", min_size=1, max_size=8), min_size=1, max_size=30, unique=True)


def places(**shards: int):
    """Return the simulated quarter, some of whose beats name a shard."""
    document = json.loads(json.dumps(places_geojson()))
    for feature in document["features"]:
        if feature["properties"].get("id") in shards:
            feature["properties"]["shard"] = shards[feature["properties"]["id"]]
    return parse_places(document)


@settings(max_examples=examples(30))
@given(beats=BEATS, shards=st.integers(1, 40))
def test_a_further_shard_moves_only_the_beats_it_takes(beats, shards):
    before, after = ShardMap(shards), ShardMap(shards + 1)
    for beat in beats:
        was, now = before.shard_of(beat), after.shard_of(beat)
        assert 0 <= was < shards
        assert now in {was, shards}
        assert ShardMap(shards).shard_of(beat) == was, "it depends on the beat alone"


def test_beats_are_spread_and_stay_where_they_are():
    found = Counter(ShardMap(8).shard_of(f"beat-{n}") for n in range(800))
    assert min(found.values()) > 60
    # Written down: another answer would send a running site's devices to workers that do not know them.
    assert [ShardMap(4).shard_of(beat) for beat in ("old-market", "riverside", "b1", "b2")] == [1, 0, 2, 1]


def test_a_beat_that_names_a_shard_has_it_and_moves_no_other():
    plain = places()
    first, *others = plain.beats
    pinned = places(**{first: 2})
    shards = ShardMap(3, pinned.beats)
    assert shards.shard_of(first) == 2
    assert [shards.shard_of(beat) for beat in others] == [ShardMap(3).shard_of(beat) for beat in others]
    parts = ShardMap(3).split(pinned)
    assert first in parts[2].beats
    assert sum(len(part.devices) for part in parts) == len(pinned.devices)
    assert all(device.beat in part.beats for part in parts for device in part.devices.values())


def test_a_beat_that_names_a_shard_there_is_not_is_an_error_with_its_name():
    first = next(iter(places().beats))
    with pytest.raises(PlacesError, match=f"'{first}' names shard 3, expected 0 to 2"):
        ShardMap(3, places(**{first: 3}).beats)
    with pytest.raises(PlacesError, match=f"'{first}'.* has shard -1, expected a whole number"):
        places(**{first: -1})
    with pytest.raises(ValueError, match="0 shards"):
        ShardMap(0)


def intake(shards: int) -> Intake:
    routes = Routes("s", None, shards=ShardMap(shards))
    return Intake(routes=routes, clock=SystemClock(), plates=Plates([("0000", bytes(32))]))


def level(seq: int | None, now_ms: int) -> dict[str, object]:
    observation = {"type": "level", "ts": now_ms, "metric": "noise", "value": 50.0, "unit": "dB"}
    return observation if seq is None else observation | {"boot": "a", "seq": seq}


@settings(max_examples=examples(25))
@given(
    messages=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.booleans()), max_size=40),
    shards=st.integers(1, 5),
)
def test_one_batch_for_every_shard_that_got_something(messages, shards):
    taking, now_ms = intake(shards), SystemClock().now_ms()
    expected: Counter[tuple[str, int]] = Counter()
    statuses = 0
    for number, (beat, size, with_status) in enumerate(messages):
        observations = [level(number * 10 + k, now_ms) for k in range(size)]
        taking.take(topics.observations("s", f"b{beat}", f"d{beat}"), json.dumps(observations).encode())
        for k in range(size):
            expected[f"b{beat}", number * 10 + k] += 1
        if with_status:
            state = {"state": "online", "n": number}
            taking.take(topics.status("s", f"b{beat}", f"d{beat}"), json.dumps(state).encode())
            statuses += 1
    longest = taking.rows()
    taken = taking.finish()
    batches = [record for record in taken.records if record.kind is RecordKind.OBSERVATIONS]
    assert [record.shard for record in batches] == sorted({record.shard for record in batches})
    assert taken.records[: len(batches)] == batches
    found: Counter[tuple[str, int]] = Counter()
    sizes = [0]
    for record in batches:
        batch = open_batch(record.payload)
        sizes.append(batch.rows)
        for source, seq in zip(batch.columns["source"].values(), batch.columns["seq"].values(), strict=True):
            assert ShardMap(shards).shard_of(batch.sources[source].beat) == record.shard
            found[batch.sources[source].beat, seq] += 1
    assert found == expected
    assert taken.observations == sum(expected.values())
    assert longest == max(sizes)
    others = taken.records[len(batches) :]
    assert len(others) == statuses
    for record in others:
        assert record.shard == ShardMap(shards).shard_of(json.loads(record.payload)["beat"])
    assert taking.finish().records == []
    assert taking.rows() == 0


def test_a_message_that_fails_in_the_middle_leaves_nothing_in_its_shard(monkeypatch):
    taking, now_ms = intake(4), SystemClock().now_ms()
    taking.take(topics.observations("s", "b1", "d1"), json.dumps([level(1, now_ms)]).encode())
    monkeypatch.setattr(Intake, "_take_one", fail_at_second())
    taking.take(topics.observations("s", "b2", "d2"), json.dumps([level(None, now_ms), level(None, now_ms)]).encode())
    monkeypatch.undo()
    taken = taking.finish()
    assert (taken.observations, [refusal.reason for refusal in taken.refusals]) == (1, ["processing"])


def fail_at_second():
    take_one, calls = Intake._take_one, []

    def failing(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("a defect of ours")
        return take_one(self, *arguments, **options)

    return failing
