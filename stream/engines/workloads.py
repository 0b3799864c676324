"""The two workloads of partition workers: a shard's, which drives a `ShardPipeline`, and the site's (`SiteStage`)."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from ingest.frame import FrameError
from ingest.log.kafka_address import KafkaAddress, records_topic, site_state_topic, site_topic, state_topic
from ingest.log.records import decode_record
from ingest.places import Places
from ingest.refusal import Refusal
from ingest.shards import ShardMap
from ingest.vocabulary import Reason
from models.state import State
from stream.config import PipelineConfig
from stream.engines.kafka_state import ResultsTopic, StateTopic
from stream.engines.stats import EngineStats
from stream.output_codec import decode_output, encode_output
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Results, ShardOutput
from stream.sinks.delivery import Delivery, Sink
from stream.state.chunks import Joiner, split
from stream.state.other_settings import Length, adapted
from stream.state.snapshot import STATE_VERSION

_LOG: Final = logging.getLogger(__name__)
_WAIT_S: Final = 0.5


class PoisonError(Exception):
    """A record makes the pipeline fail: a defect of ours."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"position {position}: {why}")
        self.position, self.why = position, why


@dataclass(frozen=True, slots=True)
class KafkaSite:
    """A site on Kafka, as all its partition workers know it."""

    address: KafkaAddress
    config: PipelineConfig
    places: Places
    shards: int
    open_sinks: Callable[[ExitStack, Callable[[], Places]], Sequence[Sink]]
    """Opens what the site's results go to, in a thread of its own, and leaves with the stack how to close it. What the
    pipeline refused goes to a sink, too (`stream.sinks.delivery.QuarantineSink`). It may ask, in any thread, for the
    places that the site goes by then."""
    name: str = "worker"
    """The worker process's, for Kafka's log files."""
    checkpoint_s: float = 5.0
    timeout_s: float = 30.0
    plain: bool = False
    """For brokers without transactions, in tests; see `stream.engines.kafka_state.StateTopic`."""

    def about(self, part: str) -> dict[str, Any]:
        """Return what a state depends on."""
        config = self.config
        return {
            "program": STATE_VERSION,
            "part": part,
            "site": config.site.id,
            "window_s": config.pipeline.window_s,
            "shards": self.shards,
        }

    def state(self, topic: str, partition: int, name: str) -> StateTopic:
        """Return where the state of a partition is kept."""
        writer = f"patrolgrid-{self.config.site.id}-{name}"
        return StateTopic(self.address, topic, partition, writer, self.timeout_s, plain=self.plain)


class ShardWorkload:
    """Works on a shard's records: its results go to the site's topic."""

    page = 2_048
    """See `stream.state.changelog.Changelog`."""
    behind = False
    failing: Final[dict[str, str]] = {}

    def __init__(self, site: KafkaSite, shard: int) -> None:
        name = site.config.site.id
        self.stats, self.about = EngineStats(), site.about(f"shard {shard}")
        self.site, self.topic, self.partition = site, records_topic(name), shard
        self.state = site.state(state_topic(name), shard, f"state-{shard}")
        self._places = ShardMap(site.shards).split(site.places)[shard]
        sender = f"{site.name}-results-{shard}"
        self._results = ResultsTopic(site.address, site_topic(name), sender, site.timeout_s, plain=site.plain)
        self.pipeline = ShardPipeline(site.config, self._places, shard)

    async def open(self) -> None:
        """Connect to the site's topic. Called before `restore`."""
        await self._results.open()

    async def close(self) -> None:
        """Leave it, at once."""
        await self._results.close()

    def restore(self, state: State | None, position: int, window_s: int = 0) -> bool:
        """Begin with a state, which was saved with windows of `window_s`, or with none; tell whether it fits as it is.

        Raises ValueError, KeyError or TypeError for one that cannot be used.
        """
        del position
        self.pipeline = ShardPipeline(self.site.config, self._places, self.partition)
        if state is None:
            return True
        fitting = adapted(state, self.pipeline.windows, Length(window_s, self.site.config.pipeline.window_s))
        self.pipeline.restore(fitting)
        return fitting is state

    def capture(self) -> State:
        """Return the shard's state as it is now, with arrays of its own."""
        return self.pipeline.capture()

    def needed_from(self, position: int) -> int:
        """Return the position from which a state captured now needs the records: nothing before it is needed."""
        return position

    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Process the next record and send on its results; what is not a record goes to quarantine by the same way.

        Where `poison` says why the record cannot be processed, it is only refused. Raises `PoisonError`.
        """
        output = self._processed(offset, value, poison)
        stats = self.stats
        stats.observations += output.accepted
        stats.rejected += len(output.refusals)
        stats.now_ms = output.now_ms
        if output.taught is not None and (output.taught.learned or output.taught.known):
            stats.cold_start = None  # what was lost is there again
        for piece in split(encode_output(output), self.partition):
            await self._results.send(b"%d" % self.partition, piece)

    def _processed(self, offset: int, value: bytes | None, poison: str) -> ShardOutput:
        position = offset + 1
        if poison:
            return self._refused(offset, value, Reason.PROCESSING, poison)
        try:
            record = decode_record(value, shard=self.partition, position=position)
        except FrameError as error:
            return self._refused(offset, value, Reason.RECORD, str(error))
        try:
            return self.pipeline.process(record)
        except Exception as error:
            raise PoisonError(position, f"{type(error).__name__}: {error}") from error

    def _refused(self, offset: int, value: bytes | None, reason: Reason, why: str) -> ShardOutput:
        where = f"{self.topic}/{self.partition}"
        return self.pipeline.pass_by(offset + 1, _refusal(where, offset, value, reason, why, self.pipeline.now_ms))

    async def settle(self) -> None:
        """Wait until Kafka has the results of everything before the newest `capture`."""
        await self._results.flush()


class SiteWorkload:
    """Works on the results of shards: through the site's stage to the sinks. Its methods are `ShardWorkload`'s."""

    page = 8_192

    def __init__(self, site: KafkaSite) -> None:
        self.stats, self.about = EngineStats(), site.about("site")
        self.site, self.topic, self.partition = site, site_topic(site.config.site.id), 0
        self.state = site.state(site_state_topic(site.config.site.id), 0, "site-state")
        self.stage = self._new_stage()
        self._joiner = Joiner()
        self._delivery = Delivery([])
        self._captured = -1
        self._thread: ThreadPoolExecutor | None = None
        self._closing = ExitStack()

    def _new_stage(self) -> SiteStage:
        return SiteStage(self.site.config, self.site.places, self.site.shards, apart=True)

    async def open(self) -> None:
        """Open the sinks, in a thread, where they are not open."""
        if self._thread is not None:
            return
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outlets")
        self._closing = ExitStack()
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(self._thread, self.site.open_sinks, self._closing, self.places)
        self._delivery = Delivery(await opening)
        self._closing.callback(self._delivery.close)

    def places(self) -> Places:
        """Return the places as the log has last said."""
        return self.stage.hotspots.places

    async def close(self) -> None:
        """Close the sinks."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._closing.close)
            except Exception as error:  # noqa: BLE001 - it is released because something failed; the state is safe
                _LOG.warning("%s: a sink did not close: %s", self.topic, error)
            thread.shutdown(wait=False)

    def restore(self, state: State | None, position: int, window_s: int = 0) -> bool:
        """Begin with a state, or with none; it fits whatever the windows are."""
        del window_s
        self.stage, self._joiner = self._new_stage(), Joiner()
        if state is not None:
            self.stats.now_ms, self.stats.watermark_ms = state.take("times")
            self.stage.restore(state)
        self._delivery.start(position)
        return True

    def capture(self) -> State:
        """Return the stage's state."""
        self._captured = self._delivery.newest
        state = self.stage.capture()
        state.put("times", [self.stats.now_ms, self.stats.watermark_ms])
        return state

    def needed_from(self, position: int) -> int:
        """Return where the oldest message begins that has not come as a whole."""
        since = self._joiner.since
        return position if since is None else min(since, position)

    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Apply a shard's results that are new, and hand over to the sinks what comes of it."""
        if poison:
            out: Results | None = self._refused(offset, value, Reason.PROCESSING, poison)
        else:
            try:
                out = self._applied(offset, value)
            except FrameError as error:
                out = self._refused(offset, value, Reason.RECORD, str(error))
        if out is None:
            return
        self._delivery.put([out])
        while self._delivery.full:
            await asyncio.to_thread(self._delivery.wait_for_room, _WAIT_S)

    def _applied(self, offset: int, value: bytes | None) -> Results | None:
        """Return what a shard's results give; None where they were applied before, or come in further pieces."""
        if value is None:
            raise FrameError("the message of results is missing: there is no value (a tombstone)")
        message = self._joiner.join(value, offset)
        if message is None:
            return None
        output = decode_output(message)
        if self.stage.knows(output.shard, output.position):
            return None
        try:
            out = self.stage.apply(output, offset + 1)
        except Exception as error:
            raise PoisonError(offset + 1, f"{type(error).__name__}: {error}") from error
        stats = self.stats
        stats.observations += out.accepted
        stats.rejected += len(out.refusals)
        stats.now_ms = max(stats.now_ms, out.now_ms)
        stats.watermark_ms = out.watermark_ms
        stats.budget = out.budget or stats.budget
        if out.taught is not None:
            stats.taught += out.taught.learned
            stats.known += out.taught.known
        return out

    def _refused(self, offset: int, value: bytes | None, reason: Reason, why: str) -> Results:
        stats = self.stats
        stats.rejected += 1
        refusal = _refusal(f"{self.topic}/0", offset, value, reason, why, stats.now_ms)
        return self.stage.refuse(refusal, offset + 1, stats.watermark_ms)

    async def settle(self) -> None:
        """Wait until every sink has what was handed over before the newest `capture`."""
        wanted = self._captured
        while not await asyncio.to_thread(self._delivery.wait_until_reached, wanted, _WAIT_S):
            pass

    @property
    def behind(self) -> bool:
        """Whether a sink that works again has missed results."""
        return self._delivery.behind

    @property
    def failing(self) -> dict[str, str]:
        """Sinks that do not take results."""
        return self._delivery.failing


def _refusal(where: str, offset: int, value: bytes | None, reason: Reason, why: str, now_ms: int) -> Refusal:
    return Refusal(
        topic=f"{where} offset {offset}", reason=reason, detail=why, payload=value or b"", received_ms=now_ms
    )
