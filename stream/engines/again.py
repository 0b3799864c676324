"""Results made again from the log, for a sink that has missed some: beside the engine, which goes on meanwhile.

From the last snapshot on this gives what the engine gave, because the pipeline is deterministic.

A store that has to be written from the log's beginning needs more: the state at that time is long gone. So a pipeline
without a state takes the records up to the snapshot. Its sums are exact, as far as the log reaches; what models
expected of those windows is what they can say who know nothing else. Alerts are then set right by the snapshot, which
knows all that are open.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from ingest.log import ConsumedLog
from stream.engines.snapshot_files import SnapshotFiles
from stream.pipeline.pipeline import Pipeline
from stream.results import Results

_LOG: Final = logging.getLogger(__name__)
_RECORDS: Final = 256


def results_again(
    log: ConsumedLog,
    make_pipeline: Callable[[], Pipeline],
    files: SnapshotFiles,
    poison: Mapping[int, str],
    *,
    anew: bool,
) -> Iterator[list[Results]]:
    """Yield results in log order, from the log's beginning (`anew`) or from the last snapshot on.

    An empty list says that there is no more for now. Records in `poison` are passed by, and so is one that fails here.
    Raises OSError where the log cannot be read.
    """
    known: dict[int, str] = {}
    while True:  # from the beginning again where a record has left the state half changed
        pipeline = _saved(make_pipeline, files)
        try:
            if anew and pipeline.position > 0:
                yield from _before(log, make_pipeline(), pipeline, poison, known)
            while True:
                yield _step(log, pipeline, poison, known)
        except _FailedError:
            continue


class _FailedError(Exception):
    """A record cannot be processed; it is noted, and the state it left cannot be used."""


def _saved(make_pipeline: Callable[[], Pipeline], files: SnapshotFiles) -> Pipeline:
    for position, data in files.candidates():
        pipeline = make_pipeline()
        try:
            pipeline.restore(data)
        except (ValueError, KeyError, TypeError) as error:
            _LOG.warning("the state saved at log position %d cannot be used: %s", position, error)
        else:
            return pipeline
    return make_pipeline()


def _before(
    log: ConsumedLog, young: Pipeline, saved: Pipeline, poison: Mapping[int, str], known: dict[int, str]
) -> Iterator[list[Results]]:
    """Yield what the log holds of the time up to a saved state, and then the alerts as that state knows them."""
    while results := _step(log, young, poison, known, until=saved.position):
        yield results
    last = young.flush()
    open_now = {alert.id: alert for alert in saved.site.book.open()}
    ended = [
        msgspec.structs.replace(alert, revision=alert.revision + 1, state="expired", changed_ms=saved.now_ms)
        for alert in young.site.book.open()
        if alert.id not in open_now
    ]
    last.alerts = [*open_now.values(), *ended]
    yield [last]


def _step(
    log: ConsumedLog, pipeline: Pipeline, poison: Mapping[int, str], known: dict[int, str], *, until: int | None = None
) -> list[Results]:
    found = []
    for record in log.read(pipeline.position, limit=_RECORDS):
        if until is not None and record.position > until:
            break
        why = poison.get(record.position) or known.get(record.position)
        try:
            found.append(pipeline.process(record) if why is None else pipeline.pass_by(record, why))
        except Exception as error:
            _LOG.exception("record at log position %d cannot be processed again", record.position)
            known[record.position] = f"{type(error).__name__}: {error}"
            raise _FailedError from error
    return found
