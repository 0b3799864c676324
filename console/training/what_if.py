"""What the alerts of some past days would have been with other settings, places or models: nothing is changed by it.

A site's log, or a recording, goes through two pipelines side by side: one as the node has it, one as it is tried.
Both begin with the same state: the newest snapshot from before the time asked for, of those that the node keeps, or,
where there is none that can be used, models that have learned from the windows of the store. What was told at the time
is not looked at: an older version of the program may have told it, or a model that has learned more since.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from console.common import FoundSite
from console.errors import CommandError
from console.training.record_sources import LoggedSource, RecordSource
from console.training.teaching import stored_series
from deploy.settings import Settings
from deploy.wiring import pipeline_config
from ingest.frame import FrameError
from ingest.log import Record, RecordKind
from ingest.places import Places, PlacesRecord, encode_places
from stream.config import PipelineConfig
from stream.engines.poison_notes import PoisonNotes
from stream.engines.side_by_side import AlertDifference, ProcessingError, Run, ToldAlert, differences, run_both
from stream.engines.snapshot_files import kept_snapshots, read_snapshot
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError
from stream.state.snapshot import about
from stream.training import pieces, stored_windows

_DAY_MS: Final = 86_400_000
_LEAD_MS: Final = 14 * _DAY_MS
"""Without a snapshot so much of the log before the time asked for is read as well: the budget looks back so far."""
_LEARN_MS: Final = 84 * _DAY_MS
"""How far back models learn from the store; most of what is older they would have forgotten."""
_MOST_POISON: Final = 20
_NEVER_S: Final = 1e9
_LEARNING: Final = 0.3
"""Share of the time that learning from the store takes, where models have to."""
Progress = Callable[[int, int], None]
"""Is told how much is done of how much."""


@dataclass(slots=True)
class Trial:
    """What is tried, and on what."""

    settings: Settings
    """As the node has them."""
    other: Settings
    """As they are tried."""
    places: Places
    other_places: Places | None = None
    """Where other places are tried."""
    calendar: bytes = b""
    """The site's, as a `RecordKind.CALENDAR` has it."""
    other_calendar: bytes = b""
    """Where another one is tried."""
    models: str = "kept"
    """``kept`` as they were; ``store``: learned anew from the store; ``none``: young."""
    site: FoundSite | None = None
    """None where there is only a recording."""


@dataclass(slots=True)
class Begun:
    """What both pipelines began with."""

    how: str
    """``snapshot``, ``store`` or ``nothing``."""
    position: int
    ms: int
    """Its time: of the snapshot, or where the log is read from."""
    windows: int = 0
    """Learned from the store."""
    data: bytes = b""
    problems: list[str] = field(default_factory=list)
    """Snapshots that could not be used."""


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    begun: Begun
    since_ms: int
    until_ms: int
    now: list[ToldAlert]
    then: list[ToldAlert]
    differences: list[AlertDifference]
    records: int
    passed_by: dict[int, str]
    """Records that could not be processed, with the reason."""


def try_out(trial: Trial, source: RecordSource, since_ms: int, until_ms: int, progress: Progress) -> Outcome:
    """Run the records of a span of time through both pipelines.

    Raises `CommandError` and OSError where the source cannot be read, or so many records fail that nothing can be said.
    """
    begun = _begun(trial, source, since_ms)
    poison: dict[int, str] = {}
    if trial.site is not None and isinstance(source, LoggedSource):
        notes = PoisonNotes(trial.site.folder / "state")
        notes.read()
        poison |= notes.known
    shared = _Shared(progress)
    while True:
        runs = _runs(trial, begun, source.shards, shared)
        records = 0

        def counted(portions: Iterator[list[Record]]) -> Iterator[list[Record]]:
            nonlocal records
            for portion in portions:
                records += len(portion)
                yield portion

        try:
            run_both(
                counted(source.portions(begun.position, until_ms)),
                runs,
                poison,
                lambda ms: shared.run(ms - begun.ms, until_ms - begun.ms),
            )
        except ProcessingError as error:  # the state is half changed: from the beginning again, without the record
            poison[error.position] = error.why
            if len(poison) > _MOST_POISON:
                raise CommandError(f"{source.name}: {error}; so did too many before it") from error
            continue
        break
    slack_ms = 2 * max(one.pipeline.window_s for one in (trial.settings, trial.other)) * 1000
    now, then = (run.told(since_ms, until_ms) for run in runs)
    found = differences(*runs, since_ms, until_ms, slack_ms)
    return Outcome(begun, since_ms, until_ms, now, then, found, records, poison)


class _Shared:
    """Shares the progress out between learning, which two pipelines do in turn, and running: it takes no step back."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._learned, self._most = progress, 0.0, 0.0

    def learn(self, done: int, total: int) -> None:
        """Tell how far the pipeline is that learns just now."""
        self._tell(self._learned + (_LEARNING - self._learned) / 2 * done / max(total, 1))

    def learned(self) -> None:
        """Note that one has learned."""
        self._learned += (_LEARNING - self._learned) / 2

    def run(self, done: int, total: int) -> None:
        """Tell how far the records are."""
        begin = _LEARNING if self._learned else 0.0
        self._tell(begin + (1.0 - begin) * done / max(total, 1))

    def _tell(self, share: float) -> None:
        self._most = max(self._most, min(share, 1.0))
        self._progress(round(1000 * self._most), 1000)


def _begun(trial: Trial, source: RecordSource, since_ms: int) -> Begun:
    """Find what to begin with: the newest snapshot before a time that can be used, or else a place in the log."""
    problems: list[str] = []
    least, most = source.positions()
    for position, now_ms, path in _snapshots(trial.site):
        if not least <= position <= most or now_ms > since_ms:
            continue
        try:
            data = read_snapshot(path)
            Pipeline(_config(trial.settings), trial.places).restore(data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        return Begun("snapshot", source.begin(now_ms, position), now_ms, data=data, problems=problems)
    ms = max(source.first_ms, since_ms - _LEAD_MS)
    return Begun("nothing", source.begin(ms, None), ms, problems=problems)


def _snapshots(site: FoundSite | None) -> list[tuple[int, int, Path]]:
    """Return the (position, time, file) of a site's snapshots, newest first."""
    if site is None:
        return []
    folder = site.folder / "state"
    found = [(one.position, one.now_ms, one.path) for one in kept_snapshots(folder)]
    for path in folder.glob("*.pgs"):
        try:
            known = about(read_snapshot(path))
            found.append((int(known["position"]), int(known["now_ms"]), path))
        except (OSError, FrameError, KeyError, TypeError, ValueError):
            continue  # the engine puts it aside
    return sorted(found, reverse=True)


def _config(settings: Settings) -> PipelineConfig:
    """Return what the pipeline goes by, without what no alert follows from: rows of open windows, and maps."""
    return msgspec.structs.replace(pipeline_config(settings), emit_open_s=_NEVER_S, hotspot_every_s=_NEVER_S)


def _runs(trial: Trial, begun: Begun, shards: int, progress: _Shared) -> tuple[Run, Run]:
    """Return both pipelines in the state to begin with."""
    now = Pipeline(_config(trial.settings), trial.places, shards)
    then = Pipeline(_config(trial.other), trial.other_places or trial.places, shards)
    if begun.data:
        now.restore(begun.data)
        then.restore(begun.data)
        keeps = _tell_other(trial, then, begun)
        if trial.models != "kept":
            then.forget_models()
        if trial.models == "store":
            _learn(trial, then, begun, progress, again=True)
    else:
        if trial.calendar:
            for pipeline in (now, then):
                _tell(pipeline, RecordKind.CALENDAR, trial.calendar, begun)
        keeps = _tell_other(trial, then, begun)
        begun.windows = _learn(trial, now, begun, progress)
        begun.how = "store" if begun.windows else "nothing"
        if trial.models != "none":
            # Learned each by itself: another calendar sorts the days in another way.
            _learn(trial, then, begun, progress)
    if trial.other.alerts.per_day != trial.settings.alerts.per_day:
        then.site.budget.choose_anew()
    return Run(now), Run(then, keeps)


def _tell_other(trial: Trial, pipeline: Pipeline, begun: Begun) -> set[RecordKind]:
    """Let a pipeline go by the places and the calendar that are tried; return what it is not to take from the log."""
    told: dict[RecordKind, bytes] = {}
    if trial.other_places is not None:
        told[RecordKind.PLACES] = encode_places(PlacesRecord(len(pipeline.shards), trial.other_places))
    if trial.other_calendar:
        told[RecordKind.CALENDAR] = trial.other_calendar
    for kind, payload in told.items():
        _tell(pipeline, kind, payload, begun)
    return {*told}


def _tell(pipeline: Pipeline, kind: RecordKind, payload: bytes, begun: Begun) -> None:
    for shard in range(len(pipeline.shards)):
        pipeline.process(_record(kind, payload, pipeline, begun, shard))


def _record(kind: RecordKind, payload: bytes, pipeline: Pipeline, begun: Begun, shard: int) -> Record:
    return Record(kind, pipeline.now_ms or begun.ms, payload, shard, begun.position)


def _learn(trial: Trial, pipeline: Pipeline, begun: Begun, progress: _Shared, *, again: bool = False) -> int:
    """Let a pipeline learn what the store holds of the time before it begins; return how many windows that were."""
    if trial.site is None or not trial.site.store.exists():
        return 0
    learned = 0
    window_ms = pipeline.config.pipeline.window_s * 1000
    with closing(StoreReader(trial.site.store, untouched=True)) as reader:
        try:
            names, _ = stored_series(reader, trial.places, accept_unknown=trial.settings.gateway.accept_unknown)
            span = reader.span()
            if not names or span is None:
                return 0
            since = max(span[0], begun.ms - _LEARN_MS)
            windows = stored_windows(reader, window_ms, since, begun.ms // window_ms * window_ms, names)
            for piece in pieces(windows, window_ms, shards=len(pipeline.shards), again=again):
                results = pipeline.process(_record(RecordKind.HISTORY, piece.payload, pipeline, begun, piece.shard))
                learned += 0 if results.taught is None else results.taught.learned
                progress.learn(piece.end_ms - since, begun.ms - since)
            progress.learned()
        except StoreError as error:
            raise CommandError(f"{error}; nothing can be learned from it") from error
    return learned
