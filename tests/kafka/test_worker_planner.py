"""On Kafka the worker that has the site's topic plans the site's patrols, beside its store."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from deploy.kafka import worker_service
from deploy.kafka.worker_service import WorkerService
from deploy.settings import with_values
from deploy.settings.sections import Settings
from ingest.clock import wall_ms
from ingest.log import RecordKind
from ingest.places import Places, PlacesRecord, encode_places, parse_places
from simulators.world.neighbourhood import places_geojson
from stream.sinks.store.patrol_tables import read_plans
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError
from tests.kafka.harness import SiteOnKafka
from tests.stream.build import Writer
from tests.stream.make_results import results
from tests.support import wait_for

BEGIN_MS = wall_ms() // 60_000 * 60_000 + 300_000


def coming() -> dict[str, Any]:
    """Return settings with a shift that begins in a few minutes, whatever the time is: so it is planned as a whole."""
    begin = datetime.fromtimestamp(BEGIN_MS / 1000, ZoneInfo(Settings().site.timezone))
    hours = f"{begin:%H:%M}-{begin + timedelta(hours=8):%H:%M}"
    return {"officers": ["p1: Li Wei"], "shifts": [f"daily {hours} @ p1: shift"], "effort_s": 0}


class Shelf:
    """A log that only takes."""

    def __init__(self):
        self.records, self.closed = [], False

    def append(self, records):
        self.records += records
        return len(self.records)

    def close(self):
        self.closed = True


def with_one_beat(places: Places, other_than: str) -> Places:
    """Return the places with a single beat."""
    beat = next(beat for beat in places.beats if beat != other_than)
    devices = {name: device for name, device in places.devices.items() if device.beat == beat}
    return replace(places, beats={beat: places.beats[beat]}, devices=devices)


def test_a_plan_is_appended_while_the_worker_has_the_sites_topic(tmp_path, monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(worker_service, "open_kafka_log", lambda _settings, _name: shelf)
    path = tmp_path / "places.geojson"
    path.write_text(json.dumps(places_geojson()), encoding="utf-8")
    settings = with_values(
        Settings(),
        data={"dir": tmp_path / "data"},
        site={"id": "s", "places": path},
        sinks={"mqtt": False},
        training={"enabled": False},
        patrol=coming(),
    )
    whole = parse_places(places_geojson())
    edited = with_one_beat(whole, other_than=next(iter(whole.beats)))
    service = WorkerService(settings)
    with ExitStack() as stack:
        sinks = service._open_sinks(stack, lambda: edited)
        sinks[0].write([results(1)])
        wait_for(lambda: shelf.records, "a plan in the log")
        assert not shelf.closed
    assert {record.kind for record in shelf.records} == {RecordKind.PLAN}
    stops = msgspec.json.decode(shelf.records[0].payload)["stops"]
    assert {stop["beat"] for stop in stops} == {*edited.beats}, "the file has beats that the log's places have not"
    assert shelf.closed


@pytest.mark.field
def test_plans_go_through_a_real_kafka_and_by_places_that_were_edited_meanwhile(kafka, tmp_path):
    with closing(SiteOnKafka(tmp_path, kafka.address, shards=1, site="patrolled")) as site:
        patrol = "\n".join(f"{name} = {json.dumps(one)}" for name, one in coming().items())
        site.config.write_text(f"{site.config.read_text()}\n[patrol]\n{patrol}\n", encoding="utf-8")
        writer = Writer()
        site.append([writer.tick(wall_ms())])
        site.worker("one")

        def plans():
            with closing(StoreReader(site.store)) as reader, suppress(StoreMissingError):
                return [plan for plan in read_plans(reader.query, at_ms=BEGIN_MS) if plan["stops"]]
            return []

        wait_for(plans, "the plan stands in the store")
        (first,) = plans()
        edited = with_one_beat(site.places, other_than=first["stops"][0]["beat"])
        record = writer._next(RecordKind.PLACES, encode_places(PlacesRecord(1, edited)), wall_ms())
        stop = first["stops"][-1]
        did = {"officer": "p1", "what": "skipped", "stop": stop["id"], "ts": wall_ms()}
        site.append([record, writer.tick(wall_ms()), writer.json(RecordKind.DID, wall_ms(), **did)])
        wait_for(lambda: plans()[0]["made_ms"] > first["made_ms"], "it is planned again")
        (second,) = plans()
        assert {stop["beat"] for stop in second["stops"] if stop["state"] == "planned"} == {*edited.beats}
