"""Edited places come through the log: what they change, what stays, and what is told."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from ingest.log.records import Record, RecordKind
from ingest.places import Places, PlacesError, PlacesRecord, decode_places, encode_places
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

CONFIG = pipeline_with(site="test", country="", flap_s=0.0)
INCIDENT = {
    "id": "i1", "ts": NOON, "lon": 121.4751, "lat": 31.2349, "category": "burglary", "provenance": "reported",
}  # fmt: skip
FIRST = places({"cam-1": "camera", "smoke-1": "smoke", "door-1": "door"})


def edited(record: Writer, new: Places, received: int, shard: int = 0, shards: int = 1) -> Record:
    payload = encode_places(PlacesRecord(shards, new))
    made = record._next(RecordKind.PLACES, payload, received)
    return Record(made.kind, made.received_ms, made.payload, shard, made.position)


def with_device(old: Places, device: str, **fields) -> Places:
    return replace(old, devices=old.devices | {device: replace(old.devices[device], **fields)})


def told(results) -> list[tuple[str, str, str]]:
    return [(alert.device, alert.kind, alert.state) for alert in results.alerts]


def test_a_changed_threshold_takes_effect_and_one_that_is_switched_off_ends_its_alert():
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    assert told(pipe.process(writer.level("smoke-1", NOON, 3.0, metric="smoke").record(NOON))) == []
    pipe.process(edited(writer, with_device(FIRST, "smoke-1", overrides={"smoke_on": 2.5}), NOON + 1000))
    results = pipe.process(writer.level("smoke-1", NOON + 2000, 3.0, metric="smoke").record(NOON + 2000))
    assert told(results) == [("smoke-1", "smoke", "raised")]
    off = with_device(FIRST, "smoke-1", overrides={"smoke_rule": False})
    assert told(pipe.process(edited(writer, off, NOON + 3000))) == [("smoke-1", "smoke", "cleared")]
    assert told(pipe.process(writer.level("smoke-1", NOON + 4000, 99.0, metric="smoke").record(NOON + 4000))) == []
    pipe.process(edited(writer, FIRST, NOON + 5000))
    results = pipe.process(writer.level("smoke-1", NOON + 400_000, 99.0, metric="smoke").record(NOON + 400_000))
    assert told(results) == [("smoke-1", "smoke", "raised")]


def test_a_door_that_stands_open_already_goes_by_the_new_time():
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    pipe.process(writer.state("door-1", NOON, "open").record(NOON))
    pipe.process(edited(writer, with_device(FIRST, "door-1", overrides={"open_s": 30}), NOON + 1000))
    assert told(pipe.process(writer.tick(NOON + 29_000))) == []
    assert told(pipe.process(writer.tick(NOON + 31_000))) == [("door-1", "door_open", "raised")]


def test_what_is_taken_out_of_the_file_has_no_alerts_any_more():
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    writer.state("door-1", NOON, "open").level("smoke-1", NOON, 9.0, metric="smoke")
    pipe.process(writer.record(NOON))
    pipe.process(writer.tick(NOON + 3 * MINUTE))
    less = replace(FIRST, devices={"cam-1": FIRST.devices["cam-1"]})
    results = pipe.process(edited(writer, less, NOON + 4 * MINUTE))
    assert sorted(told(results)) == [("door-1", "door_open", "cleared"), ("smoke-1", "smoke", "cleared")]


def test_a_device_that_moves_to_another_beat_keeps_its_baseline_and_is_told_of_there():
    beat = FIRST.beats["b1"]
    other = replace(beat, id="b2", name={"en": "Beat 2", "zh-CN": "二"})
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    pipe.process(writer.level("smoke-1", NOON, 0.1, metric="smoke").record(NOON))
    moved = replace(with_device(FIRST, "smoke-1", beat="b2"), beats={"b1": beat, "b2": other})
    results = pipe.process(edited(writer, moved, NOON + 1000))
    assert [(key.beat, key.device) for key in results.catalog] == [("b2", "smoke-1")]
    results = pipe.process(writer.level("smoke-1", NOON + 2000, 9.0, metric="smoke", beat="b2").record(NOON + 2000))
    assert [(alert.beat, alert.kind) for alert in results.alerts] == [("b2", "smoke")]
    assert results.duplicates == 0
    assert results.accepted == 1


def test_new_devices_and_renamed_ones_are_known_at_once():
    more = places({"cam-1": "camera", "smoke-1": "smoke", "door-1": "door", "heat-9": "heat"})
    more = with_device(more, "heat-9", name={"en": "boiler room", "zh-CN": "锅炉房"})
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    pipe.process(edited(writer, more, NOON))
    results = pipe.process(writer.level("heat-9", NOON, 70.0, metric="temperature", unit="°C").record(NOON))
    assert [(alert.kind, alert.place["en"]) for alert in results.alerts] == [("heat", "boiler room")]


def test_a_snapshot_knows_its_places_whatever_the_file_says_by_then():
    wide = with_device(FIRST, "smoke-1", overrides={"smoke_on": 2.5}, lon=121.5, lat=31.25)  # a larger map, too
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    pipe.process(writer.json(RecordKind.INCIDENT, NOON, **INCIDENT))
    pipe.process(edited(writer, wide, NOON + 1000))
    again = Pipeline(CONFIG, FIRST)
    again.restore(pipe.snapshot())
    assert again.snapshot() == pipe.snapshot()
    record = writer.level("smoke-1", NOON + 2000, 3.0, metric="smoke").record(NOON + 2000)
    first, second = pipe.process(record), again.process(record)
    assert told(first) == told(second) == [("smoke-1", "smoke", "raised")]
    assert first.alerts == second.alerts
    assert again.snapshot() == pipe.snapshot()


def highest(pipe: Pipeline, now: int) -> tuple[float, float, float]:
    """Where the map's highest cell is, and what is expected on the whole map."""
    grid = pipe.site.hotspots.grid
    cell = int(np.argmax(grid.risk(now)))
    lon, lat = grid.centres()
    return float(lon[cell]), float(lat[cell]), float(grid.expected(now, now + 3_600_000).sum())


def test_the_map_of_hotspots_stays_where_it_was_when_its_bounds_change():
    pipe, writer = Pipeline(CONFIG, FIRST), Writer()
    pipe.process(writer.json(RecordKind.INCIDENT, NOON, **INCIDENT))
    lon, lat, whole = highest(pipe, NOON)
    for west, south in ((121.44, 31.21), (121.46, 31.2255), (121.4699, 31.23)):
        wide = with_device(FIRST, "cam-1", lon=west, lat=south)
        pipe.process(edited(writer, wide, NOON))
        new_lon, new_lat, new_whole = highest(pipe, NOON)
        assert abs(new_lon - lon) < 0.0015
        assert abs(new_lat - lat) < 0.0015
        # A wider map has a little more of what is expected before anything is known.
        assert new_whole == pytest.approx(whole, rel=0.2)
    far = {"west": 122.0, "south": 31.8}
    beat = replace(FIRST.beats["b1"], polygon=tuple((x + 0.5, y + 0.5) for x, y in FIRST.beats["b1"].polygon))
    devices = {name: replace(one, lon=far["west"], lat=far["south"]) for name, one in FIRST.devices.items()}
    pipe.process(edited(writer, replace(FIRST, beats={"b1": beat}, devices=devices), NOON))
    assert pipe.site.hotspots.grid.risk(NOON).max() == 0.0  # nothing of it is on the new ground
    assert pipe.process(writer.json(RecordKind.INCIDENT, NOON, **INCIDENT)).duplicates == 1  # it is still known


def test_every_shard_takes_its_part_and_the_site_all_of_it():
    beats = {name: replace(FIRST.beats["b1"], id=name, shard=number) for number, name in enumerate(("b1", "b2"))}
    devices = {name: replace(one, beat="b2" if name == "smoke-1" else "b1") for name, one in FIRST.devices.items()}
    both = replace(FIRST, beats=beats, devices=devices)
    pipe, writer = Pipeline(CONFIG, FIRST, shards=2), Writer()
    for shard in (0, 1):
        pipe.process(edited(writer, both, NOON, shard, shards=2))
    assert [sorted(part.catalog.places.devices) for part in pipe.shards] == [["cam-1", "door-1"], ["smoke-1"]]
    for shard in (0, 1):
        tick = writer.tick(NOON + 1000)
        pipe.process(Record(tick.kind, tick.received_ms, tick.payload, shard, tick.position))
    assert pipe.site.hotspots.places == both
    record = writer.level("smoke-1", NOON + 2000, 9.0, metric="smoke", beat="b2").record(NOON + 2000)
    results = pipe.process(Record(record.kind, record.received_ms, record.payload, 1, record.position))
    assert [(alert.beat, alert.kind) for alert in results.alerts] == [("b2", "smoke")]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", encode_places(PlacesRecord(1, FIRST))[:-3], b"\x78\x9c123", zlib.compress(b'{"a":' * 100_000)],
    ids=["nothing", "plain", "cut", "damaged", "deep"],
)
def test_a_record_of_places_that_cannot_be_read_is_refused_and_changes_nothing(payload):
    with pytest.raises(PlacesError, match="cannot be read"):
        decode_places(payload)
    pipe = Pipeline(CONFIG, FIRST)
    results = pipe.process(Record(RecordKind.PLACES, NOON, payload, position=1))
    assert [refusal.reason for refusal in results.refusals] == ["places"]
    assert pipe.shards[0].catalog.places == FIRST


def test_places_pass_through_the_log_unchanged():
    assert decode_places(encode_places(PlacesRecord(3, FIRST))) == PlacesRecord(3, FIRST)
