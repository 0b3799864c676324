"""One node of Apache Kafka on the loopback interface, for tests, trials and benchmarks. Not for production.

    python -m tests.kafka_node start --data DIR --port 9092
    python -m tests.kafka_node status --data DIR
    python -m tests.kafka_node stop --data DIR

In production Kafka is a cluster of at least three nodes that somebody operates (docs/operations.md); what our topics
need there is checked by ``patrolgrid topics check``.
"""

from tests.kafka_node.node import KafkaMissingError, KafkaNode, kafka_jars

__all__ = ["KafkaMissingError", "KafkaNode", "kafka_jars"]
