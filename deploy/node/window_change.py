"""Another ``window_s`` in the settings: what is saved is brought to an end in the old windows before new ones begin.

The store keeps windows of both lengths, and since when they have which (its entry ``windows``), so that what is learned
from it later knows what an exposure of one means.
"""

import logging
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from deploy.wiring import SiteSinks
from ingest.frame import FrameError
from ingest.log import ConsumedLog
from ingest.places import Places
from stream.config import PipelineConfig
from stream.engines.embedded import EmbeddedEngine
from stream.engines.snapshot_files import SnapshotFiles
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError
from stream.state.snapshot import about

_LOG: Final = logging.getLogger(__name__)
_DRAIN_S: Final = 120.0


def saved_window_s(state_dir: Path) -> int | None:
    """Return the length of the windows in the newest saved state, None where there is none that can be read."""
    if not state_dir.is_dir():
        return None
    for _, data in SnapshotFiles(state_dir).candidates():
        try:
            return int(about(data)["window_s"])
        except (FrameError, KeyError, TypeError, ValueError):
            continue
    return None


def finish_windows(
    config: PipelineConfig, places: Places, log: ConsumedLog, sinks: SiteSinks, folder: Path
) -> tuple[int, int] | None:
    """Work the log off in windows of the length that the saved state has, where the settings name another one.

    Nothing may be added to the log meanwhile. Returns (before, after), None where nothing is other. What this does not
    get done in two minutes is worked off in the new windows: counts of the last seconds before a crash may then be
    missing in the store.
    """
    before_s, after_s = saved_window_s(folder / "state"), config.pipeline.window_s
    if before_s is None or before_s == after_s:
        return None
    _LOG.warning(
        "window_s changes from %d to %d: what the baselines have learned is kept, dealt out to the new windows. Not "
        "kept are the sums of the last hour in which long events are found, which are learned at once, and the forest "
        "of the beats, which is trained again when there is enough of the new windows. To keep all, stop, and set "
        "window_s back to %d.", before_s, after_s, before_s,
    )  # fmt: skip
    old = replace(config, pipeline=replace(config.pipeline, window_s=before_s))
    engine = EmbeddedEngine(
        log, lambda: Pipeline(old, places), sinks.all, folder / "state", quarantine=sinks.quarantine.add_many
    )
    engine.start()
    engine.stop(timeout_s=_DRAIN_S)
    return before_s, after_s


def note_window_length(sinks: SiteSinks, window_s: int, changed: tuple[int, int] | None) -> None:
    """Note in the store since when its windows have which length. A store that cannot be written is told, no more."""
    with closing(StoreReader(sinks.store.path)) as reader:
        try:
            known = reader.window_lengths()
            if known and known[-1][1] == window_s:
                return
            if not known and changed is not None:
                known = [(0, changed[0], 0)]
            far = reader.progress() if known else {"now_ms": 0, "position": 0}
            sinks.store.put_meta("windows", [*known, (max(far["now_ms"], 0), window_s, max(far["position"], 0))])
        except StoreError as error:
            _LOG.warning("the store cannot be told of its windows' length: %s", error)
