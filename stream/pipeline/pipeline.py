"""The pipeline of a whole site in one process: its shards, and behind them the site's own stage.

A pure function of its state and the next record. On an engine that spreads shards over processes the same two parts,
`stream.pipeline.shard.ShardPipeline` and `stream.pipeline.site.SiteStage`, run apart.
"""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray

from ingest import frame
from ingest.frame import FrameError, FrameKind
from ingest.log.records import Record
from ingest.places import Places
from ingest.shards import ShardMap
from ingest.vocabulary import Reason
from models.frames import unpack
from stream.config import PipelineConfig
from stream.pipeline import emit
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Results
from stream.state.migrations import migrate

STATE_VERSION: Final = 2


class Pipeline:
    """All of a site.

    `process` is deterministic: the same records in the same order from the same state give equal results, and
    `restore` of a `snapshot` continues exactly where the snapshot was taken.

    Parameters
    ----------
    config, places
        Settings, beats and devices of the site.
    shards
        How many shards the log has; every record names its own.
    """

    def __init__(self, config: PipelineConfig, places: Places, shards: int = 1) -> None:
        self.config = config
        parts = [places] if shards == 1 else ShardMap(shards).split(places)
        self.shards = [ShardPipeline(config, part, number) for number, part in enumerate(parts)]
        self.site = SiteStage(config, places, shards)
        self.position = 0
        self.now_ms = 0

    def process(self, record: Record) -> Results:
        """Apply one record and return what it gave.

        `Results.refusals` lists what could not be applied. An exception means a defect, or a record of a shard that
        does not exist: the state may then be half changed, and the engine goes back to its last snapshot and passes
        the record by.
        """
        if not 0 <= record.shard < len(self.shards):
            raise IndexError(f"a record of shard {record.shard}, expected one of 0 to {len(self.shards) - 1}")
        out = self.site.apply(self.shards[record.shard].process(record))
        self.position, self.now_ms = record.position, out.now_ms
        return out

    def pass_by(self, record: Record, why: str) -> Results:
        """Return results that say only that a record cannot be processed."""
        shard = self.shards[record.shard if 0 <= record.shard < len(self.shards) else 0]
        out = self.site.apply(shard.pass_by(record.position, emit.refusal(record, Reason.PROCESSING, why)))
        self.position = record.position
        return out

    def flush(self) -> Results:
        """Return rows of every window that changed since it was last written; for a planned stop."""
        parts = [self.site.apply(shard.flush()) for shard in self.shards]
        watermark_ms = max(part.watermark_ms for part in parts)
        out = Results(self.position, self.now_ms, watermark_ms, parts[-1].catalog, closing=True)
        out.windows = [rows for part in parts for rows in part.windows]
        return out

    def snapshot(self) -> bytes:
        """Return the whole state, to continue from with `restore`."""
        arrays: dict[str, NDArray[Any]] = {f"site/{name}": values for name, values in self.site.arrays().items()}
        for shard in self.shards:
            arrays |= {f"{shard.shard}/{name}": values for name, values in shard.arrays().items()}
        meta = {
            "state_version": STATE_VERSION,
            "site": self.config.site.id,
            "window_s": self.config.pipeline.window_s,
            "shards": len(self.shards),
            "position": self.position,
            "now_ms": self.now_ms,
            "parts": [shard.meta() for shard in self.shards],
            "whole": self.site.meta(),
        }
        return frame.encode(FrameKind.SNAPSHOT, meta, arrays)

    def restore(self, data: bytes) -> None:
        """Take over the state of a snapshot; call on a new pipeline only.

        A snapshot of an earlier version is brought up to date first (`stream.state.migrations`). Raises
        `ingest.frame.FrameError` where it is damaged, of another site or window length, of another number
        of shards, or of a later version.
        """
        meta, arrays = migrate(*unpack(FrameKind.SNAPSHOT, data), STATE_VERSION)
        for key, mine in (
            ("site", self.config.site.id),
            ("window_s", self.config.pipeline.window_s),
            ("shards", len(self.shards)),
        ):
            if meta.get(key) != mine:
                raise FrameError(f"{key} is {meta.get(key)!r} in the snapshot, expected {mine!r}")
        parts: dict[str, dict[str, NDArray[Any]]] = {"site": {}, **{str(shard.shard): {} for shard in self.shards}}
        for name, values in arrays.items():
            part, _, key = name.partition("/")
            parts[part][key] = values
        for shard, shard_meta in zip(self.shards, meta["parts"], strict=True):
            shard.load(shard_meta, parts[str(shard.shard)])
        self.site.load(meta["whole"], parts["site"])
        self.position, self.now_ms = meta["position"], meta["now_ms"]
