"""Servers that tests of several rooms share."""

from tests.kafka.servers import kafka

__all__ = ["kafka"]
