"""What a worker tells: its metrics, and the status of the site while it has its topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from deploy.node.status import SiteStatus
from deploy.settings.sections import Settings
from deploy.wiring import SiteSinks
from stream.engines.faust_app import FaustEngine
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
_POSITIONS: Final = {"position": "Position reached", "saved": "Position that the saved state belongs to"}
_GAUGES: Final = {
    "checkpoint_s": "Seconds that the last checkpoint took",
    "checkpoint_bytes": "Bytes that the last checkpoint wrote",
    "recovery_s": "Seconds that reading the state took when the partition came here",
}
_UNITS: Final = {"checkpoint_s": "checkpoint_seconds", "recovery_s": "recovery_seconds", "now_ms": "time_seconds"}


def metrics_of(engine: FaustEngine | None, site: str, worker: str, *, ready: bool) -> Iterator[Metric]:
    """Yield the metrics of a worker; without an engine only whether it is ready."""
    names, values = ["site", "worker"], [site, worker]
    gauge = GaugeMetricFamily("patrolgrid_worker_ready", "1 while all its partitions are worked on", labels=names)
    gauge.add_metric(values, float(ready))
    yield gauge
    if engine is None:
        return
    rebalances = CounterMetricFamily(
        "patrolgrid_worker_rebalances", "How often Kafka has assigned partitions again", labels=names
    )
    rebalances.add_metric(values, engine.rebalances)
    yield rebalances
    workers = engine.workers
    labels = [*names, "topic", "partition"]
    for name, doc in _COUNTERS.items():
        counter = CounterMetricFamily(f"patrolgrid_worker_{name}", doc, labels=labels)
        for one in workers:
            counter.add_metric([*values, one.topic, str(one.partition)], getattr(one.stats, name))
        yield counter
    for name, doc in _GAUGES.items():
        gauge = GaugeMetricFamily(f"patrolgrid_worker_{_UNITS.get(name, name)}", doc, labels=labels)
        for one in workers:
            gauge.add_metric([*values, one.topic, str(one.partition)], getattr(one.stats, name))
        yield gauge
    for name, doc in _POSITIONS.items():
        gauge = GaugeMetricFamily(f"patrolgrid_worker_{name}", doc, labels=labels)
        for one in workers:
            gauge.add_metric([*values, one.topic, str(one.partition)], getattr(one, name))
        yield gauge
    time_s = GaugeMetricFamily("patrolgrid_worker_time_seconds", "Site time reached, epoch seconds", labels=labels)
    failing = GaugeMetricFamily(
        "patrolgrid_worker_failing", "1 while the partition is not worked on, or a sink fails", labels=labels
    )
    cold_start = GaugeMetricFamily(
        "patrolgrid_worker_cold_start",
        "1 while its baselines learn from nothing: no saved state could be used",
        labels=labels,
    )
    behind = GaugeMetricFamily("patrolgrid_worker_lag", "Records in Kafka that are still to be taken", labels=labels)
    for one in workers:
        place = [*values, one.topic, str(one.partition)]
        time_s.add_metric(place, one.stats.now_ms / 1000)
        failing.add_metric(place, float(bool(one.failing)))
        cold_start.add_metric(place, float(one.stats.cold_start is not None))
        behind.add_metric(place, engine.lag(one))
    yield from (time_s, failing, cold_start, behind)


class WorkerStatus(SiteStatus):
    """The status of a site on Kafka, as far as the worker that has its topic knows it.

    What other workers and gateways do, their metrics tell.
    """

    def __init__(self, settings: Settings, sinks: SiteSinks, engine: Callable[[], FaustEngine | None]) -> None:
        super().__init__(settings, sinks)
        self._engine = engine
        self._before = (time.monotonic(), 0)

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return the status."""
        engine, progress, stored = self._engine(), self._reader.progress(), self._reader.counters()
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
        }
        cold_start = next((one.stats.cold_start for one in workers if one.stats.cold_start is not None), None)
        for worker in workers:
            if isinstance(worker.workload, SiteWorkload):
                stats = worker.stats
                learning = {"taught": stats.taught, "known": stats.known, "anew": msgspec.to_builtins(cold_start)}
                status |= {"budget": msgspec.to_builtins(stats.budget), "learning": learning}
        return {"status": status}
