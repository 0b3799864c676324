"""The topics of a site on Kafka: what they must be, what differs, and making the missing ones.

| topic | partitions | keeps | what it is |
|---|---|---|---|
| ``patrolgrid.{site}.records`` | one a shard | by time | what the gateways append, see `ingest.log.records` |
| ``patrolgrid.{site}.site`` | 1 | by time | what the shards' workers tell the site's stage |
| ``patrolgrid.{site}.state`` | one a shard | the newest of each key | changelog of the shards' state |
| ``patrolgrid.{site}.site-state`` | 1 | the newest of each key | changelog of the site's state |

A partition count is never changed here: the shard of a beat follows from it (`ingest.shards`), so that gateways,
workers and state would contradict each other. docs/operations.md says what to do instead.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ingest.log.kafka_address import (
    MAX_RECORD_BYTES,
    KafkaAddress,
    records_topic,
    site_state_topic,
    site_topic,
    state_topic,
)
from ingest.log.kafka_client import KafkaTopicError, explained

_T = TypeVar("_T")
_HOUR_MS: Final = 3_600_000
_SEEN_S: Final = 15.0
"""How long new topics may take until every client knows them."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic must be."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


class Difference(NamedTuple):
    """One thing that is not as it must be."""

    topic: str
    what: str
    """``missing``, ``partitions``, ``replication``, or the name of a topic's setting."""
    found: str
    expected: str


def topics_of(site: str, shards: int, retention_h: float) -> list[Topic]:
    """Return the topics that a site needs."""
    retention_ms = round(retention_h * _HOUR_MS)
    stream = {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        # Kafka removes whole segments: one must end long before its records are due.
        "segment.ms": str(max(min(retention_ms // 8, 24 * _HOUR_MS), _HOUR_MS // 4)),
        "segment.bytes": str(256 << 20),
        "max.message.bytes": str(MAX_RECORD_BYTES + 4_096),
        # By the broker's clock: a replay of last year's data would else be removed as it comes.
        "message.timestamp.type": "LogAppendTime",
    }
    state = {
        "cleanup.policy": "compact",
        # Small segments that are compacted soon: recovery reads little more than the state.
        "segment.ms": str(_HOUR_MS // 6),
        "segment.bytes": str(16 << 20),
        "min.cleanable.dirty.ratio": "0.1",
        "max.compaction.lag.ms": str(_HOUR_MS),
        "delete.retention.ms": str(_HOUR_MS),
        "max.message.bytes": str(MAX_RECORD_BYTES + 4_096),
    }
    return [
        Topic(records_topic(site), shards, stream),
        Topic(site_topic(site), 1, stream),
        Topic(state_topic(site), shards, state),
        Topic(site_state_topic(site), 1, state),
    ]


def check(address: KafkaAddress, topics: list[Topic], replication: int = 0) -> list[Difference]:
    """Return every difference between what is there and what must be; [] where all is well.

    ``replication`` 0 stands for three, or as many as there are brokers. Raises KafkaAwayError or KafkaTopicError
    (`ingest.log.kafka_client`) where Kafka does not answer, or refuses.
    """

    async def look(admin: AIOKafkaAdminClient) -> list[Difference]:
        copies = replication or min(3, await _brokers(admin))
        return await _differences(admin, [_with_replicas(topic, copies) for topic in topics], copies)

    return _with_admin(address, look)


def create(address: KafkaAddress, topics: list[Topic], replication: int = 0) -> list[str]:
    """Make the topics that are missing, and return their names when every client can see them.

    What is there already is left as it is, whatever differs in it.

    Raises as `check` does, and KafkaTopicError where a topic cannot be made, with Kafka's reason.
    """

    async def make(admin: AIOKafkaAdminClient) -> list[str]:
        copies = replication or min(3, await _brokers(admin))
        there = await _described(admin, [topic.name for topic in topics])
        missing = [_with_replicas(topic, copies) for topic in topics if topic.name not in there]
        return await _make(admin, missing, copies, address) if missing else []

    return _with_admin(address, make)


def _with_replicas(topic: Topic, copies: int) -> Topic:
    # One broker may be away without a stop; with fewer than three copies there is no such luxury.
    return Topic(topic.name, topic.partitions, topic.config | {"min.insync.replicas": "2" if copies >= 3 else "1"})


def _with_admin(address: KafkaAddress, work: Callable[[AIOKafkaAdminClient], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        admin = AIOKafkaAdminClient(**address.options(), client_id="patrolgrid-topics", request_timeout_ms=20_000)
        try:
            await admin.start()
            return await work(admin)
        finally:
            await admin.close()

    try:
        return asyncio.run(run())
    except (KafkaError, TimeoutError, OSError) as error:
        raise explained(error, f"Kafka at {address.bootstrap}") from error


async def _brokers(admin: AIOKafkaAdminClient) -> int:
    return len((await admin.describe_cluster())["brokers"])


async def _described(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, Any]]:
    # All of them: some clusters make a topic that is asked for by name, with a number of partitions of their own.
    return {
        topic["topic"]: topic
        for topic in await admin.describe_topics()
        if topic["topic"] in names and not topic["error_code"] and topic["partitions"]
    }


async def _differences(admin: AIOKafkaAdminClient, topics: list[Topic], copies: int) -> list[Difference]:
    there = await _described(admin, [topic.name for topic in topics])
    differences: list[Difference] = []
    for topic in topics:
        found = there.get(topic.name)
        if found is None:
            differences.append(Difference(topic.name, "missing", "-", f"{topic.partitions} x {copies}"))
            continue
        partitions = found["partitions"]
        if len(partitions) != topic.partitions:
            differences.append(Difference(topic.name, "partitions", str(len(partitions)), str(topic.partitions)))
        fewest = min(len(partition["replicas"]) for partition in partitions)
        if fewest < copies:
            differences.append(Difference(topic.name, "replication", str(fewest), str(copies)))
        config = await _config(admin, topic.name)
        differences += [
            Difference(topic.name, key, config.get(key, "-"), value)
            for key, value in topic.config.items()
            if config.get(key, "-") != value
        ]
    return differences


async def _config(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    config: dict[str, str] = {}
    for resource in answers[0].resources:
        code, message, _, _, entries = resource
        if code:
            raise for_code(code)(message)
        config |= {entry[0]: entry[1] for entry in entries}
    return config


async def _make(admin: AIOKafkaAdminClient, missing: list[Topic], copies: int, address: KafkaAddress) -> list[str]:
    wanted = [NewTopic(topic.name, topic.partitions, copies, topic_configs=topic.config) for topic in missing]
    for name, code, message in (await admin.create_topics(wanted)).topic_errors:
        if code and code != TopicAlreadyExistsError.errno:  # somebody else made it in this moment
            raise KafkaTopicError(
                errno.EINVAL, f"Kafka at {address.bootstrap}: topic {name} cannot be made: {message or for_code(code)}"
            )
    names = [topic.name for topic in missing]
    async with asyncio.timeout(_SEEN_S):
        while len(await _described(admin, names)) < len(names):  # noqa: ASYNC110 - Kafka tells by being asked
            await asyncio.sleep(0.05)
    return names
