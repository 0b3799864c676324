"""The two kinds of keepers: a shard's, which drives a `ShardPipeline`, and the site's, which drives the `SiteStage`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from ingest.frame import FrameError
from ingest.log.kafka_client import KafkaAddress
from ingest.log.kafka_topics import records_topic, site_state_topic, site_topic, state_topic
from ingest.log.records import decode_record
from ingest.places import Places
from ingest.refusal import Refusal
from ingest.shards import ShardMap
from ingest.vocabulary import Reason
from stream.config import PipelineConfig
from stream.engines.kafka_state import ResultsTopic, StateTopic
from stream.engines.partition_worker import Keeper
from stream.engines.worker_types import PoisonError
from stream.pipeline.pipeline import STATE_VERSION
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Results
from stream.results_codec import decode_results, encode_results
from stream.sinks.base import Sink
from stream.state.changelog import State
from stream.state.chunks import Joiner, split
from stream.state.migrations import migrate

_LOG: Final = logging.getLogger(__name__)
_SHARD_PAGE: Final = 2_048
_SITE_PAGE: Final = 8_192
_MAX_ROWS: Final = 50_000
_MAX_RESULTS: Final = 256
"""Result rows, and results, gathered before the sinks get them."""
_GATHER_S: Final = 0.05
"""So long results are gathered at most: it bounds how late an alert is under load."""
_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 10.0


class Rejected(Protocol):
    """Where refusals go."""

    def __call__(self, refusals: Sequence[Refusal]) -> None:
        """Keep them durably."""
        ...


class Outlets(NamedTuple):
    """Where the site's results go."""

    sinks: Sequence[Sink]
    rejected: Rejected


@dataclass(frozen=True, slots=True)
class KafkaSite:
    """A site on Kafka: what every keeper of it is told."""

    address: KafkaAddress
    config: PipelineConfig
    places: Places
    shards: int
    open_outlets: Callable[[ExitStack], Outlets]
    """Opens what the site's results go to, in a thread of its own, and leaves with the stack how to close it."""
    name: str = "worker"
    """The worker's, for Kafka's log files."""
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
            "site": config.site,
            "window_s": config.window_s,
            "shards": self.shards,
        }


class ShardKeeper(Keeper):
    """Keeps a shard: records in, results out to the site's topic."""

    def __init__(self, site: KafkaSite, shard: int) -> None:
        name = f"patrolgrid-{site.config.site}-state-{shard}"
        state = StateTopic(site.address, state_topic(site.config.site), shard, name, site.timeout_s, plain=site.plain)
        about = site.about(f"shard {shard}")
        super().__init__(
            site.address, records_topic(site.config.site), shard, state, about, site.checkpoint_s, _SHARD_PAGE
        )
        self._site, self.shard = site, shard
        self._places = ShardMap(site.shards).split(site.places)[shard]
        sender = f"{site.name}-results-{shard}"
        topic = site_topic(site.config.site)
        self._results = ResultsTopic(site.address, topic, sender, site.timeout_s, plain=site.plain)
        self._key = b"%d" % shard
        self.pipeline = ShardPipeline(site.config, self._places, shard)

    async def connect(self) -> None:
        """Connect to the site's topic."""
        await self._results.open()

    async def disconnect(self) -> None:
        """Leave it."""
        await self._results.close()

    def restore(self, state: State | None) -> None:
        """Begin with a state, or with none."""
        self.pipeline = ShardPipeline(self._site.config, self._places, self.shard)
        if state is not None:
            self.pipeline.load(*state)

    def upgrade(self, state: State, version: int) -> State:
        """Bring an earlier version's state up to date, as that of a pipeline with this shard only."""
        meta = self._about | {"state_version": version, "shards": 1, "parts": [state.meta], "whole": {}}
        arrays = {f"0/{name}": values for name, values in state.arrays.items()}
        meta, arrays = migrate(meta, arrays, STATE_VERSION)
        return State(meta["parts"][0], {name.removeprefix("0/"): values for name, values in arrays.items()})

    def capture(self) -> State:
        """Return the shard's state."""
        return State(self.pipeline.meta(), self.pipeline.arrays())

    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Process a record and send on what it gave; what is none goes to quarantine by the same way."""
        position = offset + 1
        if poison:
            results = self._refused(position, value, Reason.PROCESSING, poison)
        else:
            try:
                record = decode_record(value, shard=self.shard, position=position)
            except FrameError as error:
                results = self._refused(position, value, Reason.RECORD, str(error))
            else:
                try:
                    results = self.pipeline.process(record)
                except Exception as error:
                    raise PoisonError(position, f"{type(error).__name__}: {error}") from error
        stats = self.stats
        stats.observations += results.accepted
        stats.rejected += len(results.refusals)
        stats.now_ms = results.now_ms
        if results.taught is not None and (results.taught.learnt or results.taught.known):
            self.anew = None  # what was lost is there again
        for piece in split(encode_results(results), self.shard):
            await self._results.send(self._key, piece)

    async def settle(self, *, idle: bool) -> None:
        """Wait until Kafka has the results, before a checkpoint."""
        if not idle:
            await self._results.flush()

    def _refused(self, position: int, value: bytes | None, reason: Reason, why: str) -> Results:
        """Return results that say only that a value was not taken."""
        pipeline = self.pipeline
        now_ms = pipeline.now_ms
        refusal = Refusal(
            topic=f"{self.topic}/{self.partition} offset {position - 1}",
            reason=reason,
            detail=why,
            payload=value or b"",
            received_ms=now_ms,
        )
        return Results(position, now_ms, pipeline.watermark_ms, [], refusals=[refusal], shard=self.shard)


class SiteKeeper(Keeper):
    """Keeps the site's stage: results of shards in, and out to the sinks."""

    def __init__(self, site: KafkaSite) -> None:
        name = f"patrolgrid-{site.config.site}-site-state"
        state = StateTopic(site.address, site_state_topic(site.config.site), 0, name, site.timeout_s, plain=site.plain)
        super().__init__(
            site.address, site_topic(site.config.site), 0, state, site.about("site"), site.checkpoint_s, _SITE_PAGE
        )
        self._site = site
        self.stage = self._new_stage()
        self.taught = self.known = 0
        """Windows that history has taught since the keeper began, and those it could not teach again."""
        self._joiner = Joiner()
        self._watermark_ms = 0
        self._gathered: list[Results] = []
        self._gathered_since = 0.0
        self._rows = 0
        self._thread: ThreadPoolExecutor | None = None
        self._closing = ExitStack()
        self._outlets = Outlets([], _nowhere)

    def _new_stage(self) -> SiteStage:
        return SiteStage(self._site.config, self._site.places, self._site.shards, apart=True)

    async def connect(self) -> None:
        """Open the sinks, in the thread that will write to them."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sinks")
        self._closing = ExitStack()
        self._outlets = await self._in_thread(self._site.open_outlets, self._closing)

    async def disconnect(self) -> None:
        """Close the sinks."""
        thread, self._thread = self._thread, None
        self._gathered, self._rows, self._joiner = [], 0, Joiner()
        if thread is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._closing.close)
            except Exception as error:  # noqa: BLE001 - it is let go of because something failed; the state is safe
                _LOG.warning("%s: a sink did not close: %s", self, error)
            thread.shutdown(wait=False)

    def restore(self, state: State | None) -> None:
        """Begin with a state, or with none."""
        self.stage = self._new_stage()
        if state is not None:
            self.stats.now_ms, self._watermark_ms = state.meta.pop("told")
            self.stage.load(*state)

    def upgrade(self, state: State, version: int) -> State:
        """Bring an earlier version's state up to date, as that of a pipeline without shards."""
        meta = self._about | {"state_version": version, "parts": [], "whole": state.meta}
        arrays = {f"site/{name}": values for name, values in state.arrays.items()}
        meta, arrays = migrate(meta, arrays, STATE_VERSION)
        return State(meta["whole"], {name.removeprefix("site/"): values for name, values in arrays.items()})

    def capture(self) -> State:
        """Return the stage's state."""
        meta = self.stage.meta() | {"told": [self.stats.now_ms, self._watermark_ms]}
        return State(meta, {name: values.copy() for name, values in self.stage.arrays().items()})

    def kept_position(self) -> int:
        """Return where the oldest message begins that has not come as a whole."""
        since = self._joiner.since
        return self.position if since is None else min(since, self.position)

    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Apply a shard's results that are new; gather what comes of it for the sinks."""
        try:
            out = self._applied(offset, value, poison)
        except FrameError as error:
            out = self._nothing(self._refused(offset, value, Reason.RECORD, str(error)))
        out.position = offset + 1
        if out.now_ms or out.refusals:
            self._gathered.append(out)
        self._rows += sum(len(rows) for rows in out.windows) + out.accepted
        now = time.monotonic()
        if len(self._gathered) <= 1:
            self._gathered_since = now
        # Under load there is always more to take: an alert must not wait for the inbox to be empty.
        old = now - self._gathered_since > _GATHER_S
        if old or self._rows > _MAX_ROWS or len(self._gathered) >= _MAX_RESULTS:
            await self.settle(idle=False)

    def _applied(self, offset: int, value: bytes | None, poison: str) -> Results:
        if poison:
            return self._nothing(self._refused(offset, value, Reason.PROCESSING, poison))
        if value is None:
            raise FrameError("the message of results is missing: there is no value (a tombstone)")
        message = self._joiner.join(value, offset)
        if message is None:
            return self._nothing()
        results = decode_results(message)
        if self.stage.knows(results.shard, results.position):
            return self._nothing()
        try:
            out = self.stage.apply(results)
        except Exception as error:
            raise PoisonError(offset + 1, f"{type(error).__name__}: {error}") from error
        stats = self.stats
        stats.observations += out.accepted
        stats.now_ms = max(stats.now_ms, out.now_ms)
        self._watermark_ms = out.watermark_ms
        if out.taught is not None:
            self.taught += out.taught.learnt
            self.known += out.taught.known
        return out

    async def settle(self, *, idle: bool) -> None:
        """Bring what was gathered into every sink, trying again until it is in."""
        del idle
        gathered, self._gathered, self._rows = self._gathered, [], 0
        if not gathered:
            return
        for sink in self._outlets.sinks:
            await self._until_done(sink.name, _bring, sink, gathered)
        refusals = [refusal for results in gathered for refusal in results.refusals]
        if refusals:
            await self._until_done("quarantine", self._outlets.rejected, refusals)
            self.stats.rejected += len(refusals)

    async def _until_done(self, name: str, write: Callable[..., None], *arguments: object) -> None:
        wait_s = _RETRY_S
        while True:
            try:
                await self._in_thread(write, *arguments)
            except Exception as error:
                self.stats.failing = f"{name}: {type(error).__name__}: {error}"
                _LOG.warning("%s: %s fails, again in %.1f s: %s", self, name, wait_s, error)
                if self._ending:
                    raise
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_RETRY_S)
            else:
                self.stats.failing = ""
                return

    async def _in_thread(self, work: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever it gives
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _nothing(self, *refusals: Refusal) -> Results:
        """Return results that say only how far the topic was read."""
        now_ms, catalog = self.stats.now_ms, self.stage.catalog.series
        return Results(0, now_ms, self._watermark_ms, catalog, refusals=list(refusals))

    def _refused(self, offset: int, value: bytes | None, reason: Reason, why: str) -> Refusal:
        return Refusal(
            topic=f"{self.topic}/{self.partition} offset {offset}",
            reason=reason,
            detail=why,
            payload=value or b"",
            received_ms=self.stats.now_ms,
        )


def _bring(sink: Sink, gathered: Sequence[Results]) -> None:
    sink.write(gathered)
    sink.flush()


def _nowhere(refusals: Sequence[Refusal]) -> None:
    raise RuntimeError(f"{len(refusals)} refusals before the quarantine is open")
