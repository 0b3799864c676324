"""When somebody listened: spans of the log's time, so that a quiet week differs from one without a node.

Where records are further apart than `GAP_MS`, nothing ran here, or the log was not reached: a gateway that has nothing
else to say says the time every second.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from stream.results import Results

GAP_MS: Final = 300_000
Span = tuple[int, int]
"""From and until when, epoch ms."""


def write_watched(connection: sqlite3.Connection, results: Sequence[Results]) -> None:
    """Carry the newest span on, or begin another one, in the transaction that has begun."""
    newest = connection.execute("SELECT since_ms, until_ms FROM watched ORDER BY since_ms DESC LIMIT 1").fetchone()
    since_ms, until_ms = newest or (0, -GAP_MS)
    for result in results:
        now_ms = result.now_ms
        if result.put_back:  # the clock was ahead: nobody listened in a time to come
            connection.execute("DELETE FROM watched WHERE since_ms > ?", (now_ms,))
            connection.execute("UPDATE watched SET until_ms = min(until_ms, ?)", (now_ms,))
            since_ms, until_ms = connection.execute(
                "SELECT coalesce(max(since_ms), 0), coalesce(max(until_ms), ?) FROM watched", (-GAP_MS,)
            ).fetchone()
        if now_ms - until_ms > GAP_MS:
            connection.execute("UPDATE watched SET until_ms = ? WHERE since_ms = ?", (until_ms, since_ms))
            since_ms = now_ms
            connection.execute("INSERT OR REPLACE INTO watched VALUES (?, ?)", (since_ms, now_ms))
        until_ms = max(until_ms, now_ms)
    connection.execute("UPDATE watched SET until_ms = ? WHERE since_ms = ?", (until_ms, since_ms))


def watched_between(query: Callable[[str, Sequence[object]], list[Any]], since_ms: int, until_ms: int) -> list[Span]:
    """Return the spans within ``since_ms <= t < until_ms``, oldest first, none of which touch."""
    rows = query(
        "SELECT since_ms, until_ms FROM watched WHERE since_ms < ? AND until_ms > ? ORDER BY since_ms",
        (until_ms, since_ms),
    )
    spans: list[Span] = []
    for begin, end in ((max(row[0], since_ms), min(row[1], until_ms)) for row in rows):
        if spans and begin <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((begin, end))
    return spans
