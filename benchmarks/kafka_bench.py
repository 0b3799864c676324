"""The Kafka engine against a plain Faust agent, on a real Kafka of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from deploy.kafka import KafkaMissingError, KafkaNode

PLAIN_TOPIC: Final = "plain-observations"
_TIMEOUT_S: Final = 420


def plain_agents(bootstrap: str, *, quick: bool) -> dict[str, dict[str, float]]:
    """Rates of the plain agent, without and with a Table."""
    from benchmarks.plain_faust import observation  # noqa: PLC0415 - needs the extra

    count = 8_000 if quick else 40_000
    asyncio.run(fill(bootstrap, PLAIN_TOPIC, [observation(number) for number in range(count)]))
    found = {}
    for name, records, options in (("plain", count, []), ("table", count // 2, ["--table"])):
        command = [sys.executable, "-m", "benchmarks.plain_faust", bootstrap, PLAIN_TOPIC, str(records), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode:
            raise RuntimeError(f"the plain agent failed: {done.stderr[-400:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


async def fill(bootstrap: str, topic: str, values: list[bytes], partitions: list[int] | None = None) -> None:
    """Make a topic where there is none, and write values to it; `partitions` says where each goes (else to 0)."""
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - needs the extra
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # noqa: PLC0415 - same

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            await admin.create_topics([NewTopic(topic, max(partitions or [0]) + 1, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=1 << 18, max_request_size=16 << 20
    )
    await producer.start()
    try:
        for index, value in enumerate(values):
            await producer.send(topic, value, partition=partitions[index] if partitions else 0)
        await producer.flush()
    finally:
        await producer.stop()


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - the signature all benchmarks have
    """All of it; some minutes, or about one when `quick`."""
    try:
        import faust  # noqa: F401, PLC0415 - only to see whether the extra is here
    except ModuleNotFoundError:
        return {"kafka": {"note": "faust-streaming is not installed: pip install '.[kafka]'"}}
    with tempfile.TemporaryDirectory() as name:
        node = KafkaNode(Path(name))
        try:
            node.start()
        except KafkaMissingError as error:
            return {"kafka": {"note": str(error)}}
        try:
            plain = plain_agents(node.bootstrap, quick=quick)
        finally:
            node.stop()
    return {
        "plain Faust agent": {
            "value": round(plain["plain"]["per_s"]),
            "unit": "observations/s",
            "note": f"{plain['plain']['per_cpu_s']:,.0f} a second of processor time",
        },
        "plain Faust agent with a Table": {
            "value": round(plain["table"]["per_s"]),
            "unit": "observations/s",
            "note": f"{plain['table']['per_cpu_s']:,.0f} a second of processor time",
        },
    }
