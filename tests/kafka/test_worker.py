"""Workers on real Kafka: the same results as the embedded engine's, whoever is killed when."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.settings.load import load_settings
from deploy.wiring import pipeline_config
from ingest.log.records import Record
from tests.kafka.day import recorded
from tests.kafka.harness import SiteOnKafka
from tests.kafka.same_results import contents, differences, replay
from tests.kafka.servers import Kafka
from tests.support import wait_for

SHARDS = 2


@pytest.fixture
def site(kafka: Kafka, tmp_path: Path) -> Iterator[SiteOnKafka]:
    made = SiteOnKafka(tmp_path, kafka.address, shards=SHARDS)
    yield made
    made.close()


def expected(site: SiteOnKafka, records: list[Record]) -> dict:
    path = site.folder / "expected.db"
    by_shard = [[record for record in records if record.shard == shard] for shard in range(site.shards)]
    replay(by_shard, pipeline_config(load_settings(site.config)), site.places, path)
    return contents(path)


def test_equal_to_the_embedded_engine_though_a_worker_is_killed(site):
    records = recorded(0.5, SHARDS)
    half = len(records) // 2
    workers = [site.worker("one"), site.worker("two")]
    for worker in workers:
        wait_for(partial(site.ready, worker.name), f"worker {worker.name} is ready")
    site.append(records[:half])
    wait_for(lambda: site.stored() > half // 3, "the first records are stored")
    victim = next(worker for worker in workers if "site/0" in site.metric(worker.name, "position"))
    victim.kill()
    site.append(records[half:])
    site.settle()
    (other,) = (worker for worker in workers if worker is not victim)
    assert set(site.metric(other.name, "lag")) == {"records/0", "records/1", "site/0"}
    assert site.end(other) == 0
    wanted = expected(site, records)
    assert len(wanted["windows"]) > 500
    assert wanted["alerts"]
    assert not differences(contents(site.store), wanted)


def test_topics_that_are_not_there_are_named(kafka, tmp_path):
    site = SiteOnKafka(tmp_path, kafka.address, shards=1, site="nowhere")
    site.config.write_text(site.config.read_text().replace("shards = 1", "shards = 5"))
    worker = site.worker("one")
    assert worker.wait() == 1
    said = (tmp_path / "one.log").read_text()
    assert "patrolgrid.nowhere.records: partitions 1, expected 5" in said
    assert "patrolgrid topics create" in said
    site.close()
