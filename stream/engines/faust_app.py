"""The Faust engine: a worker process of a site on Kafka.

Faust does what it is good at: it joins consumer groups, fetches, and commits offsets. Its agents only hand raw records
to partition workers (`stream.engines.partition_worker`): one per assigned partition of the records (a shard's), and one
for the site's topic, wherever that is assigned. What Faust is known for, and what keeps it away:

* an exception inside ``events()`` acknowledges and loses the event: nothing in the agents can raise, and the streams
  are ``noack()``, acknowledged by the workers when state is saved;
* a value that cannot be decoded ends an agent: values are raw bytes;
* tables lose their expiry after a rebalance and write each key by itself, and exactly-once mode crashes on one: neither
  is used, state has its own topic, transaction and fence (`stream.engines.kafka_state`);
* topics it makes itself have the wrong number of partitions: it is not allowed to, and `check` tells before;
* its web server shows everything to everybody: off.

The committed offset is a hint. What counts is the position that a shard's state carries: records before it are passed
over when they come again, and those that are missing are read again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import faust
from faust.types.auth import SASLMechanism
from faust.types.tuples import TP

from ingest.log.kafka_address import KafkaAddress, records_topic, site_topic
from ingest.setup.backoff import Backoff
from stream.engines.partition_worker import PartitionRecord, PartitionWorker
from stream.engines.workloads import KafkaSite, ShardWorkload, SiteWorkload

_LOG: Final = logging.getLogger(__name__)
_BUFFER: Final = 128
"""Records that Faust fetches ahead for an agent."""
_FETCH_BYTES: Final = 512 << 10
"""Of one partition at a time: with more, one shard would run ahead of the others while a backlog is worked off."""
_STOP_S: Final = 4.0
_AGAIN_S: Final = (0.5, 30.0)


class FaustEngine:
    """Works on the partitions that Kafka assigns to this process.

    Shards and the site's topic have a consumer group each: while shards work off what has piled up, their records must
    not stand in the way of what they have already found.

    Parameters
    ----------
    site
        What it works on.
    session_s
        After so long without a sign of life Kafka gives its partitions to others.
    """

    def __init__(self, site: KafkaSite, session_s: float = 6.0) -> None:
        name = site.config.site.id
        self._groups = [
            _Group(site, session_s, "shards", records_topic(name), partial(ShardWorkload, site)),
            _Group(site, session_s, "site", site_topic(name), lambda _: SiteWorkload(site)),
        ]

    @property
    def workers(self) -> list[PartitionWorker]:
        """Those of the partitions assigned now."""
        return [worker for group in self._groups for _, worker in sorted(group.workers.items())]

    @property
    def rebalances(self) -> int:
        """How often Kafka assigned partitions again."""
        return sum(group.rebalances for group in self._groups)

    @property
    def ready(self) -> tuple[bool, str]:
        """Whether every partition it has is worked on, and if not, why."""
        for group in self._groups:
            if not group.assigned:
                return False, group.trouble or f"waiting for Kafka to assign partitions of {group.topic}"
        for worker in self.workers:
            if not worker.ready:
                return False, f"{worker}: {worker.trouble}"
        return True, ""

    def lag(self, worker: PartitionWorker) -> int:
        """Return how many records are in Kafka that a worker has not taken yet."""
        return max(self._group(worker).end(worker.partition) - worker.position, 0)

    def _group(self, worker: PartitionWorker) -> "_Group":
        return next(group for group in self._groups if group.topic == worker.topic)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then save state and leave the groups. Raises only for a defect of ours."""
        running = [asyncio.create_task(group.run(stop), name=f"group {group.topic}") for group in self._groups]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            await asyncio.wait(running)
        for task in running:
            task.result()


class _Group:
    """One topic's consumer group, of which this process is a member: a Faust app with one agent."""

    def __init__(
        self,
        site: KafkaSite,
        session_s: float,
        name: str,
        topic: str,
        workload_of: Callable[[int], ShardWorkload | SiteWorkload],
    ) -> None:
        self.site, self.name, self.topic = site, name, topic
        self._session_s, self._workload_of = session_s, workload_of
        self._app: faust.App | None = None
        self.workers: dict[int, PartitionWorker] = {}
        """By partition."""
        self.assigned = False
        """Whether Kafka has assigned partitions, if only none to this process."""
        self.trouble = ""
        """What ended Faust, until Kafka has assigned partitions again."""
        self.rebalances = 0
        self._leaving: set[asyncio.Task[None]] = set()

    def end(self, partition: int) -> int:
        """Return the offset behind the newest record that Kafka has named."""
        consumer = None if self._app is None or not self.assigned else self._app.consumer
        return (consumer and consumer.highwater(TP(self.topic, partition))) or 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. A Faust that ends by itself, or does not start, is begun anew after a pause."""
        pause = Backoff(*_AGAIN_S)
        while not stop.is_set():
            try:
                await self._run_app(stop)
            except Exception as error:  # noqa: BLE001 - whatever ends it, nothing is lost by beginning anew
                if self.assigned:
                    pause.reset()
                wait_s, self.trouble = pause.next_s(), f"{type(error).__name__}: {error}"
                _LOG.warning("%s: begins anew in %.1f s: %s", self.topic, wait_s, self.trouble, exc_info=error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait_s)
            finally:
                self.assigned = False

    async def _run_app(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, or raise what ended Faust."""
        app = self._app = self._new_app()
        stopped = asyncio.create_task(stop.wait())
        try:
            starting = asyncio.create_task(app.start())
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
            else:
                starting.result()
            while not stopped.done() and not app.crashed and not app.should_stop:
                await asyncio.wait({stopped}, timeout=0.5)
            if not stopped.done():
                raise RuntimeError(f"Faust ended by itself: {app.crash_reason!r}") from app.crash_reason
        finally:
            stopped.cancel()
            await self._let_go(save=not app.crashed)
            await self._stop_app(app)

    async def _let_go(self, *, save: bool) -> None:
        workers = list(self.workers.values())
        await asyncio.gather(*(worker.stop(save=save, timeout_s=_STOP_S) for worker in workers), *self._leaving)
        self.workers.clear()

    @staticmethod
    async def _stop_app(app: faust.App) -> None:
        try:
            await asyncio.wait_for(app.stop(), _STOP_S)
        except TimeoutError:
            _LOG.warning("Faust did not stop within %.0f s; Kafka takes note of it by itself", _STOP_S)

    def _new_app(self) -> faust.App:
        address, site = self.site.address, self.site
        app = faust.App(
            f"patrolgrid-{site.config.site.id}-{self.name}",
            broker=";".join(f"kafka://{server}" for server in address.bootstrap.split(",")),
            broker_credentials=_credentials(address),
            broker_client_id=site.name,
            broker_session_timeout=self._session_s,
            broker_heartbeat_interval=self._session_s / 4,
            broker_rebalance_timeout=max(2 * self._session_s, 20.0),
            broker_commit_interval=1.0,
            broker_max_poll_records=_BUFFER,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=_FETCH_BYTES,
            stream_buffer_maxsize=_BUFFER,
            stream_wait_empty=False,
            processing_guarantee="at_least_once",
            topic_allow_declare=False,
            topic_disable_leader=True,
            autodiscover=False,
            web_enabled=False,
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
        )
        topic = app.topic(
            self.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
        )
        app.agent(topic, name=self.name)(self._agent)
        # Faust's types know neither signals with arguments nor `noack`.
        app.on_partitions_revoked.connect(self._revoked)  # type: ignore[arg-type]
        app.on_partitions_assigned.connect(self._assign)  # type: ignore[arg-type]
        return app

    async def _agent(self, stream: faust.StreamT[bytes]) -> None:
        """Hand records to their workers. Nothing here raises."""
        async for event in stream.noack().events():  # type: ignore[attr-defined]
            message = event.message
            worker = self.workers.get(message.partition)
            if worker is not None:
                await worker.offer(PartitionRecord(message.offset, message.value, event.ack))

    async def _revoked(self, _: faust.App, *places: Any, **_more: Any) -> None:  # noqa: ANN401 - as Faust calls
        """Stop taking records until Kafka has assigned partitions again: workers stay, for most will go on."""
        self.rebalances += 1
        for worker in self.workers.values():
            worker.pause()
        _LOG.info("%s: partitions are assigned again; had %s", self.topic, _named(*places))

    async def _assign(self, _: faust.App, *places: Any, **_more: Any) -> None:  # noqa: ANN401 - as Faust calls
        """Begin with what is new, go on with what is still ours, and let go of the rest."""
        wanted = {place.partition for place in places[0]}
        for partition in self.workers.keys() - wanted:
            task = asyncio.create_task(self.workers.pop(partition).stop(save=False))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        for partition in wanted:
            worker = self.workers.get(partition)
            if worker is None:
                worker = self.workers[partition] = PartitionWorker(self._workload_of(partition))
                worker.start()
            else:
                worker.resume()
        self.assigned, self.trouble = True, ""
        _LOG.info("%s: assigned %s", self.topic, _named(*places))


def _named(places: set[Any]) -> str:
    return ", ".join(str(place.partition) for place in sorted(places)) or "nothing"


def _credentials(address: KafkaAddress) -> Any:  # noqa: ANN401 - Faust's
    """Return what Faust is given to sign in with, None where Kafka asks for nothing."""
    context = address.tls_context()
    if address.username:
        return faust.SASLCredentials(
            username=address.username,
            password=address.secret(),
            ssl_context=context,
            mechanism=SASLMechanism(address.mechanism),
        )
    return faust.SSLCredentials(context) if context is not None else None
