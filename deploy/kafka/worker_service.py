"""A worker: takes a site's records from Kafka, with as many others as there are shards.

What is made, in order: places, the metrics' server, a look at the topics, the engine. It waits for Kafka where Kafka is
not there yet. The store, the quarantine and the other sinks are opened by whichever worker has the site's topic, and
closed when it is given to another: workers on several machines need the site's folder on storage that they share, or no
more of it than InfluxDB and MQTT take. On SIGTERM state is saved, and the others take over at once; ended in any other
way they do when the session is over.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from typing import Final

from prometheus_client.core import Metric

from deploy.kafka import site_topics as topics
from deploy.kafka.worker_status import WorkerStatus, metrics_of
from deploy.node.lock import site_lock
from deploy.node.planner import Planner
from deploy.node.status import Beside, write_node_file
from deploy.node.trainer import Trainer, fit_job
from deploy.node.window_change import note_window_length
from deploy.processes import StopRequest
from deploy.processes.metrics import MetricsServer
from deploy.settings import Settings
from deploy.wiring import kafka_of, make_clock, open_kafka_log, open_sinks, pipeline_config
from ingest.clock import wall_ms
from ingest.log.kafka_client import KafkaAwayError, KafkaTopicError
from ingest.places import Places, load_places
from stream.detect.rules_stage import check_overrides
from stream.engines.faust_app import FaustEngine
from stream.engines.workloads import KafkaSite
from stream.sinks.delivery import QuarantineSink, Sink

_LOG: Final = logging.getLogger("deploy.kafka.worker_service")
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
        self._engine: FaustEngine | None = None
        self._waiting_for = "starting"
        self._status: WorkerStatus | None = None
        """Of the site, while this worker has its topic."""

    def run(self, stop: StopRequest) -> int:
        """Work until asked to stop; return 0.

        Raises TopicsError where the topics are missing or of another number of partitions, SettingsError and
        PlacesError for what cannot be started with, OSError for a port that is taken.
        """
        settings = self.settings
        places = load_places(settings.places_file)  # until the state, or the log, says otherwise
        check_overrides(places)
        site = KafkaSite(
            address=kafka_of(settings),
            config=pipeline_config(settings),
            places=places,
            shards=settings.kafka.shards,
            open_sinks=self._open_sinks,
            name=f"patrolgrid-{settings.site.id}-{self.name}",
            checkpoint_s=settings.worker.checkpoint_s,
            timeout_s=max(settings.kafka.timeout_s, 30.0),
        )
        if not settings.metrics.port:
            return self._run(site, stop)
        with closing(
            MetricsServer(settings.metrics.port, self.ready, self.collect, host=settings.metrics.host)
        ) as server:
            _LOG.info("metrics: http://%s:%d/metrics", settings.metrics.host, server.port)
            return self._run(site, stop)

    def _run(self, site: KafkaSite, stop: StopRequest) -> int:
        if not stop.retry(self._check_topics, KafkaAwayError, self._waits):
            return 0
        engine = FaustEngine(site, self.settings.worker.session_s)
        _LOG.info("worker %s of site %s: %d shards", self.name, self.settings.site.id, site.shards)
        asyncio.run(self._work(engine, stop))
        return 0

    async def _work(self, engine: FaustEngine, stop: StopRequest) -> None:
        asked = asyncio.Event()
        watching = asyncio.create_task(_watch(stop, asked))
        telling = asyncio.create_task(self._tell())
        self._engine = engine
        try:
            await engine.run(asked)
        finally:
            self._engine, self._waiting_for = None, "stopping"
            for task in (watching, telling):
                task.cancel()
            await asyncio.gather(watching, telling, return_exceptions=True)

    def _check_topics(self) -> None:
        kafka, site = self.settings.kafka, self.settings.site.id
        try:
            found = topics.check(kafka, topics.topics_of(site, kafka.shards, kafka.retention_h), kafka.replication)
        except KafkaTopicError as error:
            raise TopicsError(str(error)) from error
        wrong = [one for one in found if one.what in {"missing", "partitions"}]
        if wrong:
            differences = "; ".join(f"{one.topic}: {one.what} {one.found}, expected {one.expected}" for one in wrong)
            raise TopicsError(
                f"Kafka at {kafka.bootstrap}: {differences}. `patrolgrid topics create` makes what is missing, "
                "`patrolgrid topics check` says what to do about the rest"
            )
        for one in found:
            _LOG.warning("topic %s: %s is %s, expected %s", one.topic, one.what, one.found, one.expected)

    def _waits(self, why: str) -> None:
        self._waiting_for = why

    def _open_sinks(self, stack: ExitStack, places: Callable[[], Places]) -> list[Sink]:
        """Open the sinks, in their thread; this worker has the site's topic now, and `places` are as its log says."""
        settings = self.settings
        stack.enter_context(site_lock(settings.site_dir))
        sinks = open_sinks(settings, load_places(settings.places_file), stack)
        note_window_length(sinks, settings.pipeline.window_s, None)
        started_ms = wall_ms()
        write_node_file(settings, started_ms=started_ms)
        log = open_kafka_log(settings, f"{self.name}-planner")
        stack.callback(log.close)
        clock = make_clock(settings)
        beside: dict[str, Beside] = {
            "fitting": Trainer(settings, clock, log, fit_job(settings)),
            "planning": Planner(settings, clock, log, places),
        }
        self._status = status = WorkerStatus(settings, sinks, lambda: self._engine, beside)
        for one in beside.values():
            one.start()

        def over() -> None:
            for one in beside.values():
                one.stop()
            self._status = None
            status.close()
            write_node_file(settings, started_ms=started_ms, stopped_ms=wall_ms())

        stack.callback(over)
        return [*sinks.all, QuarantineSink(sinks.quarantine.add_many)]

    # -- what it tells -----------------------------------------------------------------------------------------------

    def ready(self) -> tuple[bool, str]:
        """Tell whether every partition assigned to it is worked on, and if not, why."""
        engine = self._engine
        return (False, self._waiting_for) if engine is None else engine.ready

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of now."""
        return metrics_of(self._engine, self.settings.site.id, self.name, ready=self.ready()[0])

    async def _tell(self) -> None:
        """Keep the status in the store while the site's topic is here."""
        while True:
            await asyncio.sleep(_STATUS_S)
            if self._status is not None:
                await asyncio.to_thread(self._status.put)


async def _watch(stop: StopRequest, asked: asyncio.Event) -> None:
    while not stop.asked:  # noqa: ASYNC110 - signals set a thread's event
        await asyncio.sleep(_ASKED_S)
    asked.set()
