"""Counts in open windows: a surge is told before the window closes, also where it began late in it."""

import numpy as np
import pytest

from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Kind
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places

WINDOW = 5 * MINUTE
DAYS = 10
USUAL = 100.0


@pytest.fixture(scope="module")
def taught() -> bytes:
    """A pipeline's state after ten days of about a hundred people a window."""
    pipe, rng = Pipeline(pipeline_with(site="s", country=""), places()), np.random.default_rng(2)
    made, camera = HistoryBuilder(WINDOW), HistorySeries("b1", "cam-1", Kind.COUNT, "person")
    for number in range((NOON - DAYS * 24 * 60 * MINUTE) // WINDOW, NOON // WINDOW):
        made.add(camera, number, float(rng.poisson(USUAL * rng.gamma(25.0, 1 / 25.0))))
    pipe.process(Record(RecordKind.HISTORY, NOON, made.encode(), position=0))
    return pipe.snapshot()


def fresh(state) -> Pipeline:
    pipe = Pipeline(pipeline_with(site="s", country=""), places())
    pipe.restore(state)
    return pipe


def told(pipe: Pipeline, log: Writer, counts: list[float], first: int = 0, *, restart: bool = False) -> list[int]:
    """Minutes of the window after which a surge was told."""
    out = []
    for minute, count in enumerate(counts, start=first + 1):
        result = pipe.process(log.count("cam-1", NOON + minute * MINUTE, count).record())
        out += [minute for anomaly in result.anomalies if anomaly.kind == "surge"]
        if restart:
            pipe = fresh(pipe.snapshot())
    return out


def test_a_surge_that_begins_late_in_a_window_is_not_thinned_by_what_was_before(taught):
    usual = USUAL / 5
    assert told(fresh(taught), Writer(), [usual] * 5) == []
    # Over the whole window these are 180 people where 100 are usual: no more than a busy day.
    assert min(told(fresh(taught), Writer(), [usual, usual, usual, 3 * usual, 3 * usual])) in {4, 5}
    assert min(told(fresh(taught), Writer(), [3 * usual, 3 * usual])) <= 2


def test_an_open_window_is_judged_the_same_after_a_restart(taught):
    counts = [15.0, 28.0, 20.0, 55.0, 70.0, 31.0, 20.0]
    assert told(fresh(taught), Writer(), counts) == told(fresh(taught), Writer(), counts, restart=True) != []
