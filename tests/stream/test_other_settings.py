"""Settings of windows and maps that change: what was learned is kept, and no count is lost or doubled."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Kind
from models.baselines.rebin import rebin_counts
from models.state import State
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places

PLACES = places({"cam-1": "camera", "cam-2": "camera", "noise-1": "noise"})
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
DAYS = 8


def config(**keys):
    return pipeline_with(site="test", country="", emit_open_s=0.0, **keys)


def an_hour(hour: int) -> int:
    """What a camera counts in five minutes at an hour of the day."""
    return 2 + 3 * hour


def taught(window_s: int = 300) -> tuple[Pipeline, Writer]:
    """A pipeline that knows some days."""
    pipe, writer = Pipeline(config(window_s=window_s), PLACES), Writer()
    pipe.restore(state_of(window_s))
    writer.position = pipe.position
    return pipe, writer


@cache
def state_of(window_s: int) -> bytes:
    pipe, writer = Pipeline(config(window_s=window_s), PLACES), Writer()
    window_ms = window_s * 1000
    for day in range(DAYS, 0, -1):
        made = HistoryBuilder(window_ms)
        for number in range((NOON - day * DAY) // window_ms, (NOON - day * DAY + DAY) // window_ms):
            hour = number * window_ms // HOUR % 24
            share = window_ms / (5 * MINUTE)
            made.add(HistorySeries("b1", "cam-1", Kind.COUNT, "person"), number, float(round(an_hour(hour) * share)))
            made.add(HistorySeries("b1", "noise-1", Kind.LEVEL, "noise"), number, 50.0 + hour)
        pipe.process(writer._next(RecordKind.HISTORY, made.encode(), NOON - MINUTE))
    return pipe.snapshot()


def live(pipe: Pipeline, writer: Writer, start: int, minutes: int) -> list:
    """Let the cameras count for a while, as they usually do at noon, one minute a record."""
    results = []
    for minute in range(minutes):
        now = start + (minute + 1) * MINUTE
        writer.count("cam-1", now, 3).count("cam-2", now, 1).level("noise-1", now, 62.0)
        results.append(pipe.process(writer.record(now)))
    return results


def totals(results: list) -> dict[tuple[int, int, int], float]:
    """(series, start, part) → what the store would hold in the end: rows overwrite each other by key."""
    rows: dict[tuple[int, int, int], float] = {}
    for one in results:
        for table in one.windows:
            keys = zip(table.series.tolist(), table.start.tolist(), table.part.tolist(), strict=True)
            rows |= dict(zip(keys, (table.sum_a + table.sum_b).tolist(), strict=True))
    return rows


def expectation(pipe: Pipeline, at_ms: int) -> float:
    """What is expected of cam-1 in five minutes at a time."""
    base = pipe.shards[0].detection.counting.baseline
    window_ms = pipe.config.pipeline.window_s * 1000
    start = at_ms // window_ms * window_ms
    rows = np.array([0])
    test = base.test(rows, start, np.array([0.0]), np.array([1.0]))
    return float(test.expected[0]) * (5 * MINUTE / window_ms)


def again(pipe: Pipeline, **keys) -> Pipeline:
    new = Pipeline(config(**keys), PLACES)
    new.restore(pipe.snapshot())
    return new


@pytest.mark.parametrize("keys", [{"keep_windows": 1}, {"keep_windows": 12}, {"lateness_s": 1500.0}])
def test_more_or_fewer_windows_in_memory_lose_nothing(keys):
    pipe, writer = taught()
    before = live(pipe, writer, NOON, 33)
    other = again(pipe, **keys)
    assert expectation(other, NOON + DAY) == expectation(pipe, NOON + DAY)
    record = writer.count("cam-1", NOON + 34 * MINUTE, 7).count("cam-1", NOON + 29 * MINUTE, 9).record()
    results = [*before, other.process(record), *live(other, writer, NOON + 34 * MINUTE, 10)]
    assert sum(one.duplicates for one in results) == 0
    held = totals(results)
    assert sum(value for (series, *_), value in held.items() if series == 0) == 33 * 3 + 7 + 9 + 10 * 3
    assert again(other).snapshot() == again(again(other)).snapshot()


@pytest.mark.parametrize(("before", "after"), [(300, 60), (300, 600), (300, 420), (600, 300), (120, 900), (900, 3600)])
def test_another_window_length_keeps_what_was_learned_and_counts_once(before, after):
    pipe, writer = taught(window_s=before)
    results = live(pipe, writer, NOON, 33)
    results.append(pipe.flush())  # a planned stop
    other = again(pipe, window_s=after)
    for hour in range(24):
        at = NOON + DAY + hour * HOUR + 1800_000
        # (within an hour's bin or beside its edge: an hour is what the history changes by)
        assert expectation(other, at) == pytest.approx(expectation(pipe, at), rel=0.12, abs=4.0), hour
    stage = other.shards[0].detection
    assert stage.learned.knows(np.array([0, 0]), np.array([(NOON - DAY) // (1000 * after), NOON * 2])).tolist() == [
        True, False,
    ]  # fmt: skip
    levels = pipe.shards[0].detection.leveling.baseline.season
    assert np.array_equal(stage.leveling.baseline.season, levels)
    writer.count("cam-1", NOON + 34 * MINUTE, 7).count("cam-1", NOON + 29 * MINUTE, 9).count("cam-1", NOON + MINUTE, 1)
    results.append(other.process(writer.record(NOON + 34 * MINUTE)))
    results += live(other, writer, NOON + 34 * MINUTE, 2 * after // 60 + 20)
    results.append(other.flush())
    assert sum(one.duplicates for one in results) == 0
    assert not any(one.refusals for one in results)
    held = totals(results)
    counted = 33 * 3 + 7 + 9 + 1 + (2 * after // 60 + 20) * 3
    assert sum(value for (series, *_), value in held.items() if series == 0) == counted
    starts = {start for _, start, part in held if part == 0 and start >= NOON + 34 * MINUTE}
    assert all(start % (1000 * after) == 0 for start in starts)
    told = {(alert.kind, alert.device) for one in results for alert in one.alerts}
    assert not told & {(kind, "cam-1") for kind in ("surge", "deficit", "dead")}
    assert again(other, window_s=after).snapshot() == other.snapshot()


def test_what_is_expected_of_an_hour_is_the_same_to_the_digit_where_bins_are_joined():
    pipe, _ = taught(window_s=300)
    state = pipe.shards[0].capture().below("detection/counting/baseline")
    there = rebin_counts(state, 300, 600)
    back = rebin_counts(there, 600, 300)
    for name in ("fine", "coarse", "overall"):
        old, new = state.arrays[f"rates/{name}"], there.arrays[f"rates/{name}"]
        assert new[0].sum() == pytest.approx(old[0].sum())
        assert new[1].sum() * 2 == pytest.approx(old[1].sum())
        assert back.arrays[f"rates/{name}"].shape == old.shape
    assert isinstance(there, State)


def test_a_map_of_other_cells_stays_where_it_was():
    pipe, writer = taught()
    fields = {"ts": NOON, "lon": 121.4751, "lat": 31.2349, "category": "burglary", "provenance": "reported"}
    pipe.process(writer.json(RecordKind.INCIDENT, NOON, id="i1", **fields))
    for cell in (50.0, 150.0, 100.0):
        other = again(pipe, hotspot_cell_m=cell)
        grid = other.site.hotspots.grid
        lon, lat = grid.centres()
        best = int(np.argmax(grid.risk(NOON)))
        assert abs(lon[best] - 121.4751) < 0.0017
        assert abs(lat[best] - 31.2349) < 0.0017
        assert again(other, hotspot_cell_m=cell).snapshot() == other.snapshot()


def test_a_record_of_history_in_other_windows_is_refused_by_name():
    pipe = again(taught()[0], window_s=600)
    made = HistoryBuilder(300_000)
    made.add(HistorySeries("b1", "cam-1", Kind.COUNT, "person"), 5, 1.0)
    refused = pipe.process(Record(RecordKind.HISTORY, NOON, made.encode(), position=999)).refusals
    assert "has windows of 300 s, expected 600 s" in refused[0].detail
