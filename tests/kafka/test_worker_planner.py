"""On Kafka the worker that has the site's topic plans the site's patrols, beside its store."""

import json
from contextlib import ExitStack

from deploy.kafka import worker_service
from deploy.kafka.worker_service import WorkerService
from deploy.settings import with_values
from deploy.settings.sections import Settings
from ingest.log import RecordKind
from simulators.world.neighbourhood import places_geojson
from tests.stream.make_results import results
from tests.support import wait_for


class Shelf:
    """A log that only takes."""

    def __init__(self):
        self.records, self.closed = [], False

    def append(self, records):
        self.records += records
        return len(self.records)

    def close(self):
        self.closed = True


def test_a_plan_is_appended_while_the_worker_has_the_sites_topic(tmp_path, monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(worker_service, "open_kafka_log", lambda _settings, _name: shelf)
    places = tmp_path / "places.geojson"
    places.write_text(json.dumps(places_geojson()), encoding="utf-8")
    settings = with_values(
        Settings(),
        data={"dir": tmp_path / "data"},
        site={"id": "s", "places": places},
        sinks={"mqtt": False},
        training={"enabled": False},
        patrol={"officers": ["p1: Li Wei"], "shifts": ["daily 00:00-24:00 @ p1: day"], "effort_s": 0},
    )
    service = WorkerService(settings)
    with ExitStack() as stack:
        sinks = service._open_sinks(stack)
        sinks[0].write([results(1)])
        wait_for(lambda: shelf.records, "a plan in the log")
        assert not shelf.closed
    assert {record.kind for record in shelf.records} == {RecordKind.PLAN}
    assert shelf.closed
