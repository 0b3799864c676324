"""Trains the forest of `models.context.beat_forest` on a site's store, once, in a process of its own.

    python -m deploy.node.forest_process --store store.db --out model.pgb --timezone Asia/Shanghai

The node starts it (`deploy.node.trainer`). It trains on the history of the site's beats: one row a window, beat and
channel, summed by SQLite. Only windows as they were when they closed are taken: they have what was expected then, so
training sees what the stage sees. A window that late observations have changed since is left out.
"""

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from deploy.node.trainer import TOO_LITTLE
from ingest.days.calendar_file import last_calendar
from ingest.files import replace_file
from ingest.sqlite import read_only
from ingest.vocabulary import Kind, WindowStatus
from models.calendar import Calendar
from models.context import beat_forest as context
from models.context.forest_training import TREES, BeatHistory, TooLittleError, train
from stream.detect.context_stage import ALARMED, CHANNEL_OF, UNKNOWN
from stream.sinks.store.tables import VERSION, StoreError, StoreMissingError, StoreVersionError, stored_version

MOST_CELLS: Final = 2_000_000
"""Windows times beats that are read: 200 MB. A city has its newest days only."""
_DAY_MS: Final = 86_400_000


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(str(int(value)) for value in values)


def _states(states: Mapping[Kind, Sequence[int]]) -> str:
    """Return the SQL condition that a series `s` was in one of some states in a window `w`."""
    return " OR ".join(f"(s.kind = {int(kind)} AND w.state IN ({_numbers(which)}))" for kind, which in states.items())


_CHANNEL: Final = (
    "CASE " + " ".join(f"WHEN s.kind = {int(kind)} AND s.metric = '{metric}' THEN {channel}"
                       for (kind, metric), channel in CHANNEL_OF.items()) + " END"
)  # fmt: skip
_COUNT: Final = f"kind = {int(Kind.COUNT)}"
_QUERY: Final = f"""
SELECT start, beat, channel, TOTAL(known * observed),
    TOTAL(known * CASE WHEN {_COUNT} THEN MAX(expected, 0.0) ELSE expected END),
    TOTAL(known * CASE WHEN {_COUNT} THEN MAX(spread * spread, expected, 0.0) ELSE spread * spread END),
    TOTAL(known), MAX(alarmed)
FROM (
    SELECT w.start, s.beat, s.kind, {_CHANNEL} AS channel, w.expected,
        (w.upper - w.lower) / {context.BAND_WIDTH!r} AS spread,
        CASE WHEN s.{_COUNT} THEN w.sum_a + w.sum_b ELSE w.sum_a / w.n END AS observed,
        NOT ({_states(UNKNOWN)}) AND w.expected IS NOT NULL AS known, ({_states(ALARMED)}) AS alarmed
    FROM windows w JOIN series s ON s.id = w.series
    WHERE w.start >= ? AND w.start < ? AND w.part = 0 AND w.status = {int(WindowStatus.CLOSED)} AND w.n > 0
)
WHERE channel IS NOT NULL GROUP BY start, beat, channel ORDER BY start
"""


def most_days(beats: int, window_s: int) -> float:
    """Return how many days of a site with so many beats are read at most."""
    return max(MOST_CELLS // max(beats, 1), 1) * window_s / 86_400


def read_history(path: Path, *, days: float, window_s: int) -> BeatHistory:
    """Return the newest days of a store that a node may be writing to; nothing is changed, and nobody waits.

    `days` count back from the newest window. A site with so many beats that they would not fit into memory
    (`MOST_CELLS`) has fewer days. Raises `StoreError` where there is no store, or not one of this version.
    """
    if not path.is_file():
        raise StoreMissingError(f"{path}: there is no store yet; start the node first")
    try:
        connection = read_only(path)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened for reading: {error}") from error
    try:
        version = stored_version(connection, path)
        if version != VERSION:
            raise StoreVersionError(f"{path}: is a store of version {version}, expected {VERSION}")
        beats = [beat for (beat,) in connection.execute("SELECT DISTINCT beat FROM series ORDER BY beat")]
        newest = connection.execute("SELECT MAX(newest) FROM series").fetchone()[0]
        if newest is None or not beats:
            return _history([], [], [])
        first = newest - round(min(days, most_days(len(beats), window_s)) * _DAY_MS)
        for (body,) in connection.execute("SELECT value FROM meta WHERE key = 'windows'"):
            # Windows of another length tell nothing of how these deviate.
            changes = msgspec.json.decode(body, type=list[tuple[int, int, int]])
            first = max([first, *(since for since, *_ in changes[-1:])])
        rows = [row for since in range(first, newest + 1, _DAY_MS) for row in _day(connection, since, newest + 1)]
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    finally:
        connection.close()
    starts = sorted({row[0] for row in rows})
    return _history(beats, starts, rows)


_Row = tuple[int, str, int, float, float, float, float, int]


def _day(connection: sqlite3.Connection, since: int, until: int) -> Iterator[_Row]:
    yield from connection.execute(_QUERY, (since, min(since + _DAY_MS, until)))


def _history(beats: Sequence[str], starts: Sequence[int], rows: Sequence[_Row]) -> BeatHistory:
    sums = np.zeros((len(starts), context.SUMS, len(context.CHANNELS), len(beats)))
    alarmed = np.zeros((len(starts), len(beats)), dtype=np.bool_)
    if rows:
        at = np.searchsorted(np.array(starts), np.array([row[0] for row in rows]))
        place = {beat: number for number, beat in enumerate(beats)}
        beat = np.array([place[row[1]] for row in rows])
        channel = np.array([row[2] for row in rows])
        sums[at, :, channel, beat] = np.array([row[3:7] for row in rows])
        np.logical_or.at(alarmed, (at, beat), np.array([row[7] for row in rows], dtype=np.bool_))
    return BeatHistory(tuple(beats), np.array(starts, dtype=np.int64), sums, alarmed)


def main(arguments: list[str] | None = None) -> int:
    """Train once. Returns 0; 1 for a failure; 3 where there is too little history yet, which the last line tells."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.node.forest_process", description="Trains the forest of a site."
    )
    parser.add_argument("--store", type=Path, required=True, help="the node's store, which is only read")
    parser.add_argument("--out", type=Path, required=True, help="file to write the model to")
    parser.add_argument("--timezone", default="Asia/Shanghai")
    parser.add_argument("--country", default="", help="whose public holidays count")
    parser.add_argument("--calendar", type=Path, help="the node's file of its last good calendar")
    parser.add_argument("--window-s", type=int, default=300)
    parser.add_argument("--days", type=float, default=14.0, help="how far back to look")
    parser.add_argument("--least-days", type=int, default=10)
    parser.add_argument("--nice", type=int, default=19, help="how far to stand back behind other processes")
    parser.add_argument("--trees", type=int, default=TREES)
    options = parser.parse_args(arguments)
    os.nice(options.nice)
    try:
        calendar = Calendar(options.timezone, options.country or None)
        found = None if options.calendar is None else last_calendar(options.calendar)
        if found is not None:
            calendar.take(found)
        history = read_history(options.store, days=options.days, window_s=options.window_s)
        least_days = min(options.least_days, int(most_days(len(history.beats), options.window_s)))
        forest = train(history, calendar, options.window_s, trees=options.trees, least_days=least_days)
        replace_file(options.out, forest.pack(), durable=False)
    except TooLittleError as error:
        print(error, flush=True)
        return TOO_LITTLE
    except (StoreError, OSError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
