"""What is known of a week: when somebody listened, and when anything came; and what the rest may have held."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from console.report.week import HOUR_MS
from stream.sinks.store.watched import Span, watched_between

Query = Callable[[str, Sequence[object]], list[Any]]
MOST_UNKNOWN_H: Final = 24.0
"""With more unknown hours a week before counts for nothing."""
_SURE: Final = 0.95
_MOST_HIGH: Final = 1_000_000


class Known(NamedTuple):
    """What is known of a span of time."""

    span: Span
    away: list[Span]
    """When nobody listened."""
    blank: list[Span]
    """Hours in which nothing came."""

    @property
    def unknown(self) -> list[Span]:
        """Spans that are one or the other, or both; none of which touch."""
        return joined([*self.away, *self.blank])

    @property
    def unknown_h(self) -> float:
        """The same in hours."""
        return hours_of(self.unknown)

    @property
    def whole_h(self) -> float:
        """All hours of the span."""
        return hours_of([self.span])


def known_of(query: Query, begin_ms: int, until_ms: int) -> Known:
    """Return what is known of ``begin_ms <= t < until_ms``; an hour is blank where no window of it has observations."""
    watched = watched_between(query, begin_ms, until_ms)
    edges = [begin_ms, *(edge for span in watched for edge in span), until_ms]
    away = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    blank = [
        (at, min(at + HOUR_MS, until_ms))
        for at in range(begin_ms, until_ms, HOUR_MS)
        if not query("SELECT 1 FROM windows WHERE start >= ? AND start < ? AND n > 0 LIMIT 1", (at, at + HOUR_MS))
    ]
    return Known((begin_ms, until_ms), away, joined(blank))


def joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans with those that touch made one, oldest first."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def hours_of(spans: Sequence[Span]) -> float:
    """Return how long spans are together, in hours."""
    return sum(end - begin for begin, end in spans) / HOUR_MS


def most_in(count: int, known_h: float, unknown_h: float) -> int:
    """Return how many events there may have been in unknown hours: the 95 % quantile of what is to be expected.

    The number is negative binomial: Poisson with a rate of which `count` events in `known_h` hours tell, and Jeffreys'
    prior (r = count + 1/2, p = known / (known + unknown); Gelman et al., Bayesian Data Analysis, 2.6).

    >>> most_in(20, 160, 8), most_in(0, 160, 8), most_in(5, 100, 0)
    (3, 0, 0)
    """
    if unknown_h <= 0 or known_h <= 0:
        return 0
    r, p = count + 0.5, known_h / (known_h + unknown_h)
    found, logarithm, total = 0, r * math.log(p), 0.0
    while found < _MOST_HIGH:
        total += math.exp(logarithm)
        if total >= _SURE:
            return found
        logarithm += math.log((found + r) / (found + 1)) + math.log1p(-p)
        found += 1
    return found
