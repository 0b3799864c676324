"""One node of Apache Kafka on the loopback interface, for tests, trials and benchmarks. Not for production.

    python -m deploy.kafka start --data DIR --port 9092
    python -m deploy.kafka status --data DIR
    python -m deploy.kafka stop --data DIR

In production Kafka is a cluster of at least three nodes that somebody operates (docs/operations.md); what our topics
need there is checked by ``patrolgrid topics check``.
"""

from deploy.kafka.node import KafkaMissingError, KafkaNode, kafka_jars

__all__ = ["KafkaMissingError", "KafkaNode", "kafka_jars"]
