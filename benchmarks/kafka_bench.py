"""The Kafka engine on a real Kafka of its own: its workers against a plain Faust agent, and how it comes back.

What each figure is, and what limits it, is told in docs/performance.md. Rates are also given a second of processor
time: on a machine that others use too, those are the ones to compare.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.kafka_city import KafkaCity, cpu_s
from benchmarks.kafka_latency import latency
from benchmarks.plain_faust import observation
from deploy.processes.supervisor import free_port
from tests.kafka_node import KafkaMissingError, KafkaNode

PLAIN_TOPIC: Final = "plain-observations"
_TIMEOUT_S: Final = 420


def plain_agents(bootstrap: str, *, quick: bool) -> dict[str, dict[str, float]]:
    """Rates of the plain agent, without and with a Table."""
    count = 8_000 if quick else 40_000
    asyncio.run(_fill(bootstrap, PLAIN_TOPIC, [observation(number) for number in range(count)]))
    found = {}
    for name, records, options in (("plain", count, []), ("table", count // 2, ["--table"])):
        command = [sys.executable, "-m", "benchmarks.plain_faust", bootstrap, PLAIN_TOPIC, str(records), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode:
            raise RuntimeError(f"the plain agent failed: {done.stderr[-400:]}")
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _fill(bootstrap: str, topic: str, values: list[bytes]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=1 << 18)
    await producer.start()
    try:
        for value in values:
            await producer.send(topic, value, partition=0)
        await producer.flush()
    finally:
        await producer.stop()


def worker_rate(city: KafkaCity, observations: int, workers: int, rows: int) -> dict[str, float]:
    """Observations a second from Kafka into the store, from the first that a worker takes to the last that is stored.

    Starting, joining the group and reading state do not count, as with the plain agent.
    """

    def taken() -> float:
        return sum(_taken(city.ask(process, "/metrics") or "") for process in processes)

    wanted = city.fill(observations, rows)
    processes = [city.start("worker", f"worker-{number}") for number in range(workers)]
    city.until(lambda: taken() > 0, "nothing is taken")
    before, began, worked = taken(), time.perf_counter(), sum(map(cpu_s, processes))
    city.until(lambda: city.stored() >= wanted, f"not all {wanted:,} observations are stored", _TIMEOUT_S)
    took, worked = time.perf_counter() - began, sum(map(cpu_s, processes)) - worked
    done = wanted - before
    return {"per_s": done / took, "per_cpu_s": done / worked, "cores": worked / took}


def _taken(metrics: str) -> float:
    """Observations that a worker's shards have applied."""
    pattern = r'^patrolgrid_worker_observations_total{[^}]*records"[^}]*} (\S+)$'
    return sum(float(found) for found in re.findall(pattern, metrics, flags=re.MULTILINE))


def lag_recovery(city: KafkaCity, rate: int, away_s: float) -> dict[str, float]:
    """Kill the only worker under a steady load, and measure from its next start until nothing waits any more."""
    feeder = _Feeder(city, rate)
    worker = city.start("worker", "worker")
    feeder.start()
    try:
        city.until(lambda: 0 < feeder.appended - city.stored() < rate, "the worker does not keep up")
        time.sleep(3.0)
        worker.kill()
        worker.wait(10)
        time.sleep(away_s)
        behind, began = feeder.appended - city.stored(), time.perf_counter()
        stored = city.stored()
        worker = city.start("worker", "worker")
        city.until(lambda: city.stored() > stored, "the worker does not go on")
        first = time.perf_counter() - began
        # At any moment what has just been appended is under way: a second's worth.
        city.until(lambda: feeder.appended - city.stored() < rate, "the worker does not catch up", _TIMEOUT_S)
        took = time.perf_counter() - began
    finally:
        feeder.stop()
    return {"behind": behind, "until_first_s": first, "took_s": took}


class _Feeder(threading.Thread):
    """Appends records at a steady rate, as gateways do: one a shard, four times a second."""

    def __init__(self, city: KafkaCity, rate: int) -> None:
        super().__init__(daemon=True)
        self.city, self.rate, self.appended = city, rate, 0
        self._asked = threading.Event()

    def run(self) -> None:
        each = max(self.rate // (4 * self.city.shards), 1)
        started, number = time.monotonic(), 0
        while not self._asked.is_set():
            self.appended += self.city.fill(each * self.city.shards, each, first=number)
            number += 1
            self._asked.wait(max(started + number / 4 - time.monotonic(), 0))

    def stop(self) -> None:
        self._asked.set()
        self.join()


def recovery(city: KafkaCity, observations: int) -> dict[str, float]:
    """Seconds that a killed worker's successor needs for a shard's state, and in all until it is ready."""
    wanted = city.fill(observations)
    worker = city.start("worker", "worker")
    city.until(lambda: city.stored() >= wanted, "not everything is stored", _TIMEOUT_S)
    city.until(lambda: _metric(city, worker, "saved") == _metric(city, worker, "position") > 0, "no state is saved")
    worker.kill()
    worker.wait(10)
    began = time.perf_counter()
    worker = city.start("worker", "worker")
    city.until(lambda: city.ready(worker), "the worker is not ready")
    took = time.perf_counter() - began
    return {"took_s": took, "state_s": _metric(city, worker, "recovery_seconds")}


def _metric(city: KafkaCity, process: subprocess.Popen[bytes], name: str) -> float:
    """A worker's figure of the first shard."""
    text = city.ask(process, "/metrics") or ""
    pattern = rf'^patrolgrid_worker_{name}{{(?=[^}}]*records")(?=[^}}]*partition="0")[^}}]*}} (\S+)$'
    found = re.search(pattern, text, flags=re.MULTILINE)
    return float(found.group(1)) if found else -1.0


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - the signature all benchmarks have
    """All of it; about eight minutes, or two when `quick`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        node = KafkaNode(folder / "kafka", heap_mb=1_024)
        try:
            node.start()
        except KafkaMissingError as error:
            return {"kafka": {"note": str(error)}}
        try:
            return _measure(node.bootstrap, folder, quick=quick)
        finally:
            node.stop()


def _measure(bootstrap: str, folder: Path, *, quick: bool) -> dict[str, Any]:
    def city(name: str, work: Callable[[KafkaCity], Any], **more: Any) -> Any:
        with KafkaCity(folder / name, bootstrap, name, **more) as made:
            return work(made)

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every leader that is not elected yet
    plain = plain_agents(bootstrap, quick=quick)
    total = 800_000 if quick else 4_000_000
    one = city("one", lambda made: worker_rate(made, total, 1, 20_000))
    small = city("small", lambda made: worker_rate(made, total // 4, 1, 1_000))
    two = city("two", lambda made: worker_rate(made, total, 2, 20_000))
    load, away_s = (20_000, 10.0) if quick else (20_000, 60.0)
    lag = city("lag", lambda made: lag_recovery(made, load, away_s))
    back = city("back", lambda made: recovery(made, total // 4), shards=1)
    tenth = round(one["per_s"] / 10)
    port = free_port()
    times = city(
        "fast",
        lambda made: latency(made, port, tenth, 20 if quick else 60),
        devices=2_000,
        more_settings=f'[broker]\nport = {port}\nprotocol = "5"\n',
    )
    return {
        "plain Faust agent": _rate(plain["plain"]),
        "plain Faust agent with a Table": _rate(plain["table"]),
        "one worker, Kafka to store, records of 20,000": _rate(one),
        "one worker / plain agent": {
            "value": round(one["per_s"] / plain["plain"]["per_s"], 1),
            "target": 20,
            "note": f"{one['per_cpu_s'] / plain['plain']['per_cpu_s']:.0f} by processor time",
        },
        "one worker / plain agent with a Table": {"value": round(one["per_s"] / plain["table"]["per_s"], 1)},
        "one worker, records of 1,000": _rate(small),
        "two workers": _rate(two),
        "two workers / one": {"value": round(two["per_s"] / one["per_s"], 2), "note": _cores(one, two)},
        f"back to no lag after {away_s:.0f} s away at {load:,}/s": {
            "value": round(lag["took_s"], 1),
            "unit": "s",
            "note": f"{lag['behind']:,.0f} behind; the first after {lag['until_first_s']:.1f} s",
        },
        "state of a shard with 1,000 devices, after a kill": {
            "value": round(back["state_s"], 2),
            "unit": "s",
            "target": 10,
            "at_most": True,
            "note": f"{back['took_s']:.1f} s from the start of the process until it is ready",
        },
        "hazard: publish to alert, p50": {"value": round(times["p50_ms"]), "unit": "ms", "note": times["note"]},
        "hazard: publish to alert, p99": {"value": round(times["p99_ms"]), "unit": "ms"},
    }


def _rate(found: dict[str, float]) -> dict[str, Any]:
    note = f"{found['per_cpu_s']:,.0f} a second of processor time"
    return {"value": round(found["per_s"]), "unit": "observations/s", "note": note}


def _cores(one: dict[str, float], two: dict[str, float]) -> str:
    return f"busy cores: {one['cores']:.2f} with one, {two['cores']:.2f} with two; Kafka needs some, too"
