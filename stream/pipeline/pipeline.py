"""The pipeline of a whole site in one process: its shards, and behind them the site's own stage.

A pure function of its state and the next record. On an engine that spreads shards over processes the same two parts,
`stream.pipeline.shard.ShardPipeline` and `stream.pipeline.site.SiteStage`, run apart.
"""

from typing import Any

from ingest.frame import FrameError
from ingest.log import Record
from ingest.places import Places
from ingest.shards import ShardMap
from ingest.vocabulary import Reason
from models.state import StateError
from stream.config import PipelineConfig
from stream.pipeline import emit
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Results
from stream.state import snapshot
from stream.state.other_settings import Length, adapted


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

    @property
    def clock_ahead_ms(self) -> int:
        """How far the node's clock is ahead of the site's time."""
        return self.shards[0].time.offset_ms

    @property
    def sure(self) -> bool:
        """Whether the time of all shards is confirmed (`stream.windows.site_time`)."""
        return all(shard.time.sure for shard in self.shards)

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
        parts = {"site": self.site.capture()} | {str(shard.shard): shard.capture() for shard in self.shards}
        return snapshot.pack(self._about() | {"position": self.position, "now_ms": self.now_ms}, parts)

    def _about(self) -> dict[str, Any]:
        """Return what a state depends on."""
        return {"site": self.config.site.id, "window_s": self.config.pipeline.window_s, "shards": len(self.shards)}

    def forget_models(self) -> None:
        """Begin with young models of counts and levels; all else stays as it is."""
        for shard in self.shards:
            shard.detection.forget()

    def restore(self, data: bytes) -> None:
        """Take over the state of a snapshot; call on a new pipeline only.

        A snapshot of an earlier version, or of other window settings, is brought up to date first. Raises
        `ingest.frame.FrameError` or `models.state.StateError` where it is damaged, of another site, of another number
        of shards, or of a later version.
        """
        about, parts = snapshot.unpack(data)
        for key, mine in self._about().items():
            if about.get(key) != mine and key != "window_s":
                raise FrameError(f"{key} is {about.get(key)!r} in the snapshot, expected {mine!r}")
        for key in ("window_s", "position", "now_ms"):
            if type(about.get(key)) is not int or about[key] < (key == "window_s"):
                raise FrameError(f"{key} is {about.get(key)!r} in the snapshot, expected a number")
        length = Length(about["window_s"], self.config.pipeline.window_s)
        try:
            for shard in self.shards:
                shard.restore(adapted(parts[str(shard.shard)], shard.windows, length))
            self.site.restore(parts["site"])
        except (FrameError, StateError):
            raise
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise StateError(f"the state is not what it should be: {type(error).__name__}: {error}") from error
        self.position, self.now_ms = about["position"], about["now_ms"]
