"""A worker: takes a site's records from Kafka, with as many others as there are shards.

What is made, in order: places, the metrics' server, a look at the topics, the engine. It waits for Kafka where Kafka is
not there yet. The store, the quarantine and the other sinks are opened by whichever worker has the site's topic, and
closed when it is given to another: workers on several machines need the site's folder on storage that they share, or no
more of it than InfluxDB and MQTT take. On SIGTERM state is saved, and the others take over at once; ended in any other
way they do when the session is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, Final

import msgspec
from prometheus_client.core import Metric

from deploy.kafka import site_topics as topics
from deploy.kafka.worker_metrics import metrics_of
from deploy.node.lock import SiteLock
from deploy.node.status import write_node_file
from deploy.processes.metrics import MetricsServer
from deploy.processes.stopping import StopRequest
from deploy.settings.sections import Settings
from deploy.wiring import SiteSinks, kafka_of, open_sinks, pipeline_config
from ingest.log.kafka_address import KafkaAddress
from ingest.log.kafka_client import KafkaAwayError, KafkaTopicError
from ingest.places import load_places
from stream.detect.rules_stage import check_overrides
from stream.engines.faust_app import FaustEngine
from stream.engines.workloads import KafkaSite, Outlets, SiteWorkload
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

_LOG: Final = logging.getLogger("deploy.kafka.worker_service")
_AGAIN_S: Final = 2.0
_ASKED_S: Final = 0.1
_STATUS_S: Final = 1.0


class TopicsError(RuntimeError):
    """The site's topics are not what they must be; the text says which, and what to do."""


class WorkerService:
    """One worker as a process of its own.

    Parameters
    ----------
    settings
        The site's.
    name
        Tells this worker from the others, in metrics and log files.
    """

    def __init__(self, settings: Settings, name: str = "worker") -> None:
        self.settings, self.name = settings, name
        self._address: KafkaAddress = kafka_of(settings)
        self._engine: FaustEngine | None = None
        self._waiting_for = "starting"
        self._sinks: SiteSinks | None = None
        """What is open while this worker has the site's topic."""
        self._began = time.monotonic()
        self._counters: tuple[float, int] = (self._began, 0)

    def run(self, stop: StopRequest) -> int:
        """Work until asked to stop; return 0.

        Raises TopicsError where the topics are missing or of another number of partitions, SettingsError and
        PlacesError for what cannot be started with, OSError for a port that is taken, RuntimeError where Faust ends by
        itself.
        """
        settings = self.settings
        places = load_places(settings.places_file)
        check_overrides(places)
        site = KafkaSite(
            address=self._address,
            config=pipeline_config(settings),
            places=places,
            shards=settings.kafka.shards,
            open_outlets=self._open_outlets,
            name=f"patrolgrid-{settings.site.id}-{self.name}",
            checkpoint_s=settings.worker.checkpoint_s,
            timeout_s=max(settings.kafka.timeout_s, 30.0),
        )
        if not settings.metrics.port:
            return self._run(site, stop)
        with MetricsServer(settings.metrics.port, self.ready, self.collect, host=settings.metrics.host) as server:
            _LOG.info("metrics: http://%s:%d/metrics", settings.metrics.host, server.port)
            return self._run(site, stop)

    def _run(self, site: KafkaSite, stop: StopRequest) -> int:
        if not self._topics_are_there(stop):
            return 0
        engine = FaustEngine(site, self.settings.worker.session_s)
        _LOG.info("worker %s of site %s: %d shards", self.name, self.settings.site.id, site.shards)
        asyncio.run(self._work(engine, stop))
        return 0

    async def _work(self, engine: FaustEngine, stop: StopRequest) -> None:
        asked = asyncio.Event()
        watching = asyncio.create_task(_watch(stop, asked))
        telling = asyncio.create_task(self._tell(engine))
        self._engine = engine
        try:
            await engine.run(asked)
        finally:
            self._engine, self._waiting_for = None, "stopping"
            for task in (watching, telling):
                task.cancel()
            await asyncio.gather(watching, telling, return_exceptions=True)

    def _topics_are_there(self, stop: StopRequest) -> bool:
        """Compare the topics, trying again while Kafka is away; False where it was asked to stop before."""
        kafka, site = self.settings.kafka, self.settings.site.id
        wanted = topics.topics_of(site, kafka.shards, kafka.retention_h)
        told = ""
        while True:
            try:
                found = topics.check(self._address, wanted, kafka.replication)
            except KafkaAwayError as error:
                self._waiting_for = str(error)
                if told != self._waiting_for:
                    _LOG.error("waiting: %s", error)
                told = self._waiting_for
                if stop.wait(_AGAIN_S):
                    return False
                continue
            except KafkaTopicError as error:
                raise TopicsError(str(error)) from error
            wrong = [one for one in found if one.what in {"missing", "partitions"}]
            if wrong:
                told = "; ".join(f"{one.topic}: {one.what} {one.found}, expected {one.expected}" for one in wrong)
                raise TopicsError(
                    f"Kafka at {kafka.bootstrap}: {told}. `patrolgrid topics create` makes what is missing, "
                    "`patrolgrid topics check` says what to do about the rest"
                )
            for one in found:
                _LOG.warning("topic %s: %s is %s, expected %s", one.topic, one.what, one.found, one.expected)
            return True

    def _open_outlets(self, closing: ExitStack) -> Outlets:
        """Open the sinks, in their thread; this worker has the site's topic now."""
        settings = self.settings
        closing.enter_context(SiteLock(settings.site_dir))
        sinks = open_sinks(settings, load_places(settings.places_file), closing)
        started_ms = time.time_ns() // 1_000_000
        write_node_file(settings, started_ms=started_ms)
        self._sinks = sinks

        def over() -> None:
            self._sinks = None
            write_node_file(settings, started_ms=started_ms, stopped_ms=time.time_ns() // 1_000_000)

        closing.callback(over)
        return Outlets(sinks.all, sinks.quarantine.add_many)

    # -- what it tells -----------------------------------------------------------------------------------------------

    def ready(self) -> tuple[bool, str]:
        """Tell whether every partition assigned to it is worked on, and if not, why."""
        engine = self._engine
        return (False, self._waiting_for) if engine is None else engine.ready

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of now."""
        return metrics_of(self._engine, self.settings.site.id, self.name, ready=self.ready()[0])

    async def _tell(self, engine: FaustEngine) -> None:
        """Keep the status in the store, for the board and ``patrolgrid status``, while the site's topic is here."""
        told = ""
        while True:
            await asyncio.sleep(_STATUS_S)
            sinks = self._sinks
            if sinks is None:
                continue
            try:
                document = await asyncio.to_thread(self._put_status, sinks, engine)
            except (StoreError, OSError) as error:
                if str(error) != told and self._sinks is sinks:  # else they were closed meanwhile
                    _LOG.warning("the status cannot be written: %s", error)
                told = str(error)
                continue
            told = ""
            for listener in sinks.listeners:
                listener(document)

    def _put_status(self, sinks: SiteSinks, engine: FaustEngine) -> dict[str, Any]:
        document = self._status(sinks, engine)
        sinks.store.put_meta("status", document)
        return document

    def _status(self, sinks: SiteSinks, engine: FaustEngine) -> dict[str, Any]:
        """Return what the site's worker knows: what other workers and gateways do, their metrics tell."""
        reader = StoreReader(sinks.store.path)
        try:
            stored, counts, progress = reader.counters(), reader.counts(), reader.progress()
        finally:
            reader.close()
        before, at = self._counters[1], time.monotonic()
        rate = max(stored["accepted"] - before, 0) / max(at - self._counters[0], 1e-3) if before else 0.0
        self._counters = at, stored["accepted"]
        behind = sum(engine.lag(worker) for worker in engine.workers)
        return {
            "now_ms": progress["now_ms"],
            "watermark_ms": progress["watermark_ms"],
            "rates": {"observations_s": round(rate, 1), "messages_s": 0.0},
            "lag": {"records": behind, "seconds": 0.0},
            "counters": {
                "received": stored["accepted"] + stored["duplicates"],
                "messages": 0,
                "stored": stored["accepted"],
                "duplicates": stored["duplicates"],
                "late": stored["late"],
                **{key: counts[key] for key in ("windows", "anomalies", "alerts", "hotspots", "open_alerts")},
            },
            **_of_site(engine),
            "quarantined": sinks.quarantine.counts(),
            "connected": True,
            "waiting": 0,
            "failing": {name: why for worker in engine.workers for name, why in worker.failing.items()},
            "speed": self.settings.clock.speed if self.settings.clock.mode == "scaled" else 1.0,
            "wall_ms": time.time_ns() // 1_000_000,
            "uptime_s": round(at - self._began, 1),
        }


def _of_site(engine: FaustEngine) -> dict[str, Any]:
    """Return how the alert budget stands, what history has taught, and whether baselines of shards here start cold."""
    found: dict[str, Any] = {}
    cold_start = next((one.stats.cold_start for one in engine.workers if one.stats.cold_start is not None), None)
    for worker in engine.workers:
        if isinstance(worker.workload, SiteWorkload):
            stats = worker.stats
            learning = {"taught": stats.taught, "known": stats.known, "anew": msgspec.to_builtins(cold_start)}
            found = {"budget": msgspec.to_builtins(stats.budget), "learning": learning}
    return found


async def _watch(stop: StopRequest, asked: asyncio.Event) -> None:
    while not stop.asked:  # noqa: ASYNC110 - signals set a thread's event
        await asyncio.sleep(_ASKED_S)
    asked.set()
