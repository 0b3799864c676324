"""The records that this tree's intake made of the recording, worked off by real workers on a Kafka of their own."""

import base64
import gzip
import json
from pathlib import Path

import msgspec

from deploy.settings.load import load_settings
from deploy.wiring import pipeline_config
from ingest.log.kafka_address import KafkaAddress
from ingest.log.records import Record, RecordKind
from stream.config import PipelineConfig, Site
from tests.kafka.harness import SiteOnKafka
from tests.kafka_node import KafkaNode
from tests.same.contents import Dump, read_store

_WORKERS = 2


def worked_off(folder: Path, records: Path, shards: int, wait_s: float) -> Dump:
    """Append records to a site's topic, let workers work them off, and return what is in their store.

    Raises AssertionError where a worker ends with another code than 0.
    """
    with KafkaNode(folder / "kafka") as node:
        site = SiteOnKafka(folder, KafkaAddress(bootstrap=node.bootstrap), shards=shards, checkpoint_s=5.0)
        try:
            told = pipeline_config(load_settings(site.config))
            expected = PipelineConfig(site=Site(id=site.site))
            assert told == msgspec.structs.replace(expected, site=told.site), f"{told}, expected {expected}"
            for name in ("id", "timezone", "country"):
                assert getattr(told.site, name) == getattr(expected.site, name), name
            site.append(_read(records))
            processes = [site.worker(f"worker-{number + 1}") for number in range(_WORKERS)]
            site.settle(wait_s)
            codes = [site.end(process) for process in processes]
            assert not any(codes), f"the workers ended with {codes}"
        finally:
            site.close()
    return read_store(site.store)


def _read(path: Path) -> list[Record]:
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            kind, received_ms, payload, shard = json.loads(line)
            found.append(Record(RecordKind[kind], received_ms, base64.b64decode(payload), shard))
    return found
