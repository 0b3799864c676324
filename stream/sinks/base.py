"""The sink protocol, and the waits between attempts.

One conformance suite (tests/stream/test_sink_conformance.py) holds for every implementation.
"""

from __future__ import annotations

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
        ...

    def flush(self) -> None:
        """Block until everything written is durable. The engine commits the log position only after this."""
        ...

    def close(self) -> None:
        """Flush and release. Called once, also after errors."""
        ...


class Backoff:
    """Waits that double from the first to the longest, seconds.

    Examples
    --------
    >>> waits = Backoff(0.1, 0.3)
    >>> [waits.next_s() for _ in range(4)]
    [0.1, 0.2, 0.3, 0.3]
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self.first_s, self.longest_s = first_s, longest_s
        self._wait_s = first_s

    def next_s(self) -> float:
        """Return how long to wait now."""
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, self.longest_s)
        return wait_s

    def reset(self) -> None:
        """Begin with the first wait again: it worked."""
        self._wait_s = self.first_s
