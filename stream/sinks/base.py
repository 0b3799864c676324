"""The sink protocol. One conformance suite (tests/stream/test_sink_conformance.py) holds for every implementation."""

from collections.abc import Sequence
from typing import Protocol

from stream.results import Results


class Sink(Protocol):
    """Takes results. Writing is idempotent: the same results again, whole or in part, change nothing."""

    name: str

    def write(self, results: Sequence[Results]) -> None:
        """Take results in log order.

        When `flush` returns, all results written before are durable at the destination. An exception means that none,
        some or all went in; `stream.sinks.delivery` writes the same results again, after a wait, until they are in.
        """

    def flush(self) -> None:
        """Block until everything written is durable. The engine commits the log position only after this."""

    def close(self) -> None:
        """Flush and release. Called once, also after errors."""
