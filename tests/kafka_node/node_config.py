"""The configuration of a single Kafka node, as the broker reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

ADDRESS: Final = "127.0.0.1"
LOGGING: Final = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1}: %m%n
# Says when the broker is ready.
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def properties(folder: Path, port: int, controller_port: int, overrides: Mapping[str, str]) -> str:
    """Return ``server.properties`` for a node that is broker and controller in one, and has no other beside it."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{ADDRESS}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": f"PLAINTEXT://{ADDRESS}:{port},CONTROLLER://{ADDRESS}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ADDRESS}:{port}",
        "log.dirs": str(folder / "data"),
        # Topics are made by `patrolgrid topics create`, with the right number of partitions, or not at all.
        "auto.create.topics.enable": "false",
        # There is nobody to replicate to.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "min.insync.replicas": "1",
        # One node has few consumers: fewer internal partitions start sooner.
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.num.partitions": "8",
        # Tests do not wait for members that do not come.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # After a kill the node finds its own registration from before, and waits until that one has ended.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # The default, 128 MiB, is a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "log.cleaner.backoff.ms": "1000",
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
    values.update(overrides)
    return "".join(f"{key}={value}\n" for key, value in values.items())
