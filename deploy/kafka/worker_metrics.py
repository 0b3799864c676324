"""A worker's metrics: what it has, how far it is, how much is left, and what saving and recovering costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stream.engines.faust_app import FaustEngine

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
