"""What a worker tells: its metrics, and the status of the site while it has its topic."""

import time
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from prometheus_client.core import Metric

from deploy.node.status import Beside, SiteStatus
from deploy.processes.metrics import Family
from deploy.settings import Settings
from deploy.wiring import SiteSinks
from stream.engines.faust_app import FaustEngine
from stream.engines.partition_worker import PartitionWorker
from stream.engines.workloads import SiteWorkload

_COUNTERS: Final = {
    "records": "Records worked through",
    "repeated": "Records read again after a crash or a move",
    "observations": "Observations applied",
    "rejected": "What went to quarantine",
    "poison": "Records that made the pipeline fail, and were passed by",
    "restarts": "How often state was opened again after a failure",
    "checkpoints": "How often state was saved",
}


def metrics_of(engine: FaustEngine | None, site: str, worker: str, *, ready: bool) -> Iterator[Metric]:
    """Yield the metrics of a worker; without an engine only whether it is ready."""
    labels = {"site": site, "worker": worker}
    whole, each = Family("patrolgrid_worker", labels), Family("patrolgrid_worker", labels, "topic", "partition")
    yield whole.gauge("ready", "1 while all its partitions are worked on", ((), ready))
    if engine is None:
        return
    yield whole.counter("rebalances", "How often Kafka has assigned partitions again", ((), engine.rebalances))

    def rows(value: Callable[[PartitionWorker], float]) -> list[tuple[tuple[str, str], float]]:
        return [((one.topic, str(one.partition)), value(one)) for one in engine.workers]

    for name, doc in _COUNTERS.items():
        yield each.counter(name, doc, *rows(attrgetter(f"stats.{name}")))
    gauges: tuple[tuple[str, str, Callable[[PartitionWorker], float]], ...] = (
        ("checkpoint_seconds", "Seconds that the last checkpoint took", lambda one: one.stats.checkpoint_s),
        ("checkpoint_bytes", "Bytes that the last checkpoint wrote", lambda one: one.stats.checkpoint_bytes),
        ("recovery_seconds", "Seconds of reading the state when the partition came", lambda one: one.stats.recovery_s),
        ("position", "Position reached", lambda one: one.position),
        ("saved", "Position that the saved state belongs to", lambda one: one.saved),
        ("time_seconds", "Site time reached, epoch seconds", lambda one: one.stats.now_ms / 1000),
        ("failing", "1 while the partition is not worked on, or a sink fails", lambda one: bool(one.failing)),
        ("cold_start", "1 while its baselines learn from nothing", lambda one: one.stats.cold_start is not None),
        ("lag", "Records in Kafka that are still to be taken", engine.lag),
    )
    for name, doc, value in gauges:
        yield each.gauge(name, doc, *rows(value))


class WorkerStatus(SiteStatus):
    """The status of a site on Kafka, as far as the worker that has its topic knows it.

    What other workers and gateways do, their metrics tell.
    """

    def __init__(
        self,
        settings: Settings,
        sinks: SiteSinks,
        engine: Callable[[], FaustEngine | None],
        beside: Mapping[str, Beside],
    ) -> None:
        super().__init__(settings, sinks)
        self._engine, self._beside = engine, beside
        self._before = (time.monotonic(), 0)
        self._progress: dict[str, Any] = {"now_ms": 0, "watermark_ms": 0}

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return the status."""
        engine = self._engine()
        progress = self._progress = self.asked("store", self._reader.progress, self._progress)
        stored = self.asked("store", self._reader.counters, self._stored)
        workers = [] if engine is None else engine.workers
        (since, before), now = self._before, time.monotonic()
        self._before = now, stored["accepted"]
        rate = max(stored["accepted"] - before, 0) / max(now - since, 1e-3) if before else 0.0
        status = {
            **self.common(stored["accepted"] + stored["duplicates"], 0, 0, recount=last),
            "now_ms": progress["now_ms"],
            "watermark_ms": progress["watermark_ms"],
            "rates": {"observations_s": round(rate, 1), "messages_s": 0.0},
            "lag": {"records": 0 if engine is None else sum(map(engine.lag, workers)), "seconds": 0.0},
            "connected": True,
            "waiting": 0,
            "failing": {name: why for worker in workers for name, why in worker.failing.items()},
            **{name: one.status() for name, one in self._beside.items()},
        }
        cold_start = next((one.stats.cold_start for one in workers if one.stats.cold_start is not None), None)
        for worker in workers:
            if isinstance(worker.workload, SiteWorkload):
                stats = worker.stats
                learning = {"taught": stats.taught, "known": stats.known, "anew": msgspec.to_builtins(cold_start)}
                status |= {"budget": msgspec.to_builtins(stats.budget), "learning": learning}
        return {"status": status}
