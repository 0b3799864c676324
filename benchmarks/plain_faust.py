"""What everybody would write first: a Faust agent with one JSON record an observation. The measure for our worker.

Run as a program: ``python -m benchmarks.plain_faust BOOTSTRAP TOPIC RECORDS [--table]``. It reads RECORDS records from
the topic's beginning and sums people per device, in a `Table` with ``--table``, else in a dict. It prints as JSON how
many observations it took a second, and a second of its own processor time, from its first record to its last: starting
and joining the group do not count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import uuid
from typing import Any

import faust


class Observation(faust.Record, serializer="json"):
    """One count of a camera, as our devices send it."""

    type: str
    device: str
    boot: str
    seq: int
    ts: int
    interval_s: int
    people_in: int
    people_out: int
    of: str


def observation(number: int, devices: int = 1_000) -> bytes:
    """Return the JSON of one observation; devices take turns."""
    document = {
        "type": "count",
        "device": f"d{number % devices}",
        "boot": "a1",
        "seq": number // devices,
        "ts": 1_795_406_400_000 + number // devices * 60_000,
        "interval_s": 60,
        "people_in": number % 30,
        "people_out": number % 20,
        "of": "person",
    }
    return json.dumps(document, separators=(",", ":")).encode()


async def consume(bootstrap: str, topic: str, records: int, *, table: bool) -> dict[str, float]:
    """Run one agent over a topic's first records."""
    name = f"plain-{uuid.uuid4().hex[:8]}"
    app = faust.App(name, broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False, topic_partitions=1)
    totals: Any = app.Table("totals", default=int, partitions=1) if table else {}
    done, count, began, worked = asyncio.Event(), 0, 0.0, 0.0

    @app.agent(app.topic(topic, value_type=Observation, partitions=1))
    async def total(stream: Any) -> None:
        nonlocal count, began, worked
        async for seen in stream:
            if not count:
                began, worked = time.perf_counter(), time.process_time()
            count += 1
            people = seen.people_in + seen.people_out
            if table:
                totals[seen.device] += people
            else:
                totals[seen.device] = totals.get(seen.device, 0) + people
            if count == records:
                done.set()

    app.finalize()
    await app.start()
    try:
        await asyncio.wait_for(done.wait(), 300)
        took, worked = time.perf_counter() - began, time.process_time() - worked
        return {"per_s": (records - 1) / took, "per_cpu_s": (records - 1) / worked}
    finally:
        await app.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("records", type=int)
    parser.add_argument("--table", action="store_true", help="keep the sums in a Table, with its changelog")
    options = parser.parse_args()
    rates = asyncio.run(consume(options.bootstrap, options.topic, options.records, table=options.table))
    print(json.dumps(rates), flush=True)
