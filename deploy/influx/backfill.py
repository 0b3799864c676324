"""Bringing to InfluxDB what only the store has: results from before it was named, or from while it was switched off."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from ingest.refusal import Refusal
from stream.sinks.influx.address import Address
from stream.sinks.influx.http import connect
from stream.sinks.influx.past import Past, Span
from stream.sinks.influx.sender import deliver

_PASSES: Final = 5


@dataclass(slots=True)
class Fed:
    """What a backfill did."""

    lines: int = 0
    refused: list[Refusal] = field(default_factory=list)
    """Lines that InfluxDB refused for what stands in them."""
    expired: int = 0
    """Batches in which lines were older than it keeps."""


def backfill(
    store: Path,
    address: Address,
    site: str,
    *,
    zone: tzinfo = UTC,
    since_ms: int | None = None,
    until_ms: int | None = None,
    on_span: Callable[[Span], None] = lambda _: None,
) -> Fed:
    """Send what a store holds to InfluxDB, oldest first; `on_span` is called with each part that is in.

    May be run again, and while the node runs: after each part is sent the store is read again, and what has changed
    meanwhile is sent once more, so that an older row does not stay over a newer one.

    Raises
    ------
    stream.sinks.store.tables.StoreError
        There is no store, or it cannot be read.
    stream.sinks.influx.http.UnavailableError
        InfluxDB is away, or refuses us. What is in stays in; run it again.
    """
    fed = Fed()
    past = Past(store, site, zone)
    endpoint = connect(address)

    def send(lines: list[str]) -> None:
        for at in range(0, len(lines), address.batch_lines):
            body = "\n".join(lines[at : at + address.batch_lines]).encode("utf-8", "replace")
            refused, expired = deliver(endpoint, body, lambda: False)
            fed.refused += refused
            fed.expired += expired

    try:
        extent = past.extent()
        if extent is None:
            return fed
        begin = extent[0] if since_ms is None else max(extent[0], since_ms)
        end = extent[1] if until_ms is None else min(extent[1], until_ms)
        for span in past.spans(begin, end):
            send(span.lines)
            fed.lines += len(span.lines)
            known = set(span.lines)
            for _ in range(_PASSES):
                changed = [line for line in past.lines(span.since_ms, span.until_ms) if line not in known]
                if not changed:
                    break
                send(changed)
                known.update(changed)
            on_span(span)
    finally:
        endpoint.close()
        past.close()
    return fed
