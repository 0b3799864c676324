"""One real Apache Kafka for all tests of a run, and topics of their own for each."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.log.kafka_address import KafkaAddress, records_topic
from tests.kafka_node import KafkaMissingError, KafkaNode, kafka_jars

GROUP = pytest.mark.xdist_group("kafka")
"""Marks tests on the shared server: they run in one process, so that one server is started, and not one each."""
_NUMBERS = itertools.count(1)


def require_kafka() -> None:
    """Skip with the reason where Kafka, or its client, is not here, and fail in CI."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("aiokafka", reason="the extra `kafka` is not installed")
    try:
        kafka_jars()
    except KafkaMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


class Kafka:
    """A running node, and what tests ask of it."""

    def __init__(self, node: KafkaNode) -> None:
        self.node = node

    @property
    def address(self) -> KafkaAddress:
        return KafkaAddress(bootstrap=self.node.bootstrap)

    def new_site(self, shards: int = 1) -> str:
        """Return a site that nobody has used, with its topics made."""
        from deploy.kafka import site_topics as topics

        site = f"t{next(_NUMBERS)}"
        topics.create(self.address, topics.topics_of(site, shards, 24))
        return site

    def new_records(self, shards: int = 1) -> str:
        """Return a topic of records that nobody has used."""
        from deploy.kafka import site_topics as topics

        site = f"t{next(_NUMBERS)}"
        topics.create(self.address, topics.topics_of(site, shards, 24)[:1])
        return records_topic(site)


def small_node(folder: Path) -> KafkaNode:
    """Return a node as tests start it; for tests that end their server themselves."""
    require_kafka()
    return KafkaNode(folder, heap_mb=256, quick=True)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The server that all tests of this process share. They must not stop it."""
    with small_node(tmp_path_factory.mktemp("kafka")) as node:
        yield Kafka(node)
