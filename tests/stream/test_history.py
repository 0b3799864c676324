"""Records of history: they teach the baselines, once, and write nothing that was seen."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.frame import FrameError
from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Kind
from stream.pipeline.pipeline import Pipeline
from stream.results import RECALLED, Taught
from stream.windows.columns import HistoryColumns
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places

WINDOW = 30 * MINUTE
"""Long windows, for learning costs by the window."""
CONFIG = pipeline_with(site="test", country="", window_s=1800)
DAY = 48
NOW = NOON // WINDOW
CAMERA = HistorySeries("b1", "cam-1", Kind.COUNT, "person")
NOISE = HistorySeries("b1", "noise-1", Kind.LEVEL, "noise")


def pipeline() -> Pipeline:
    return Pipeline(CONFIG, places())


def days(first: int, last: int, *, again: bool = False, value: float = 40.0, series=CAMERA) -> HistoryBuilder:
    """Windows of some days, counted back from noon of today."""
    made = HistoryBuilder(WINDOW, again=again)
    for number in range(NOW - first * DAY, NOW - last * DAY):
        made.add(series, number, value)
    return made


def record(made: HistoryBuilder, position: int, received: int = NOON + 2 * MINUTE) -> Record:
    return Record(RecordKind.HISTORY, received, made.encode(), position=position)


def expected(pipe: Pipeline, series: int = 0) -> float:
    """What a count series expects of the window that starts now; NaN while it is too young."""
    row = pipe.shards[0].detection.counting._row[series]
    test = pipe.shards[0].detection.counting.baseline.test([row], NOON, [0.0], [1.0])
    return float(test.expected[0]) if test.state[0] != 4 else float("nan")


def test_history_teaches_and_writes_no_sums():
    pipe = pipeline()
    out = pipe.process(record(days(5, 0), 1))
    assert out.taught == Taught(learned=5 * DAY)
    assert expected(pipe) == pytest.approx(40, rel=0.1)
    assert (out.accepted, out.refusals, out.alerts) == (0, [], [])
    assert {int(part) for block in out.windows for part in block.part} == {RECALLED}, "only the band of the last day"
    assert sum(int(block.n.sum()) for block in out.windows) == 0
    assert sum(len(block) for block in out.windows) <= DAY


def test_the_same_history_teaches_once():
    pipe, once = pipeline(), pipeline()
    once.process(record(days(5, 0), 1))
    pipe.process(record(days(5, 2), 1))
    assert pipe.process(record(days(4, 0), 2)).taught == Taught(learned=2 * DAY, known=2 * DAY)
    before = expected(pipe)
    assert pipe.process(record(days(5, 0, value=90.0), 3)).taught == Taught(known=5 * DAY)
    assert expected(pipe) == before == pytest.approx(expected(once), rel=0.02)
    assert pipe.process(record(days(5, 0, value=90.0, again=True), 4)).taught == Taught(learned=5 * DAY)
    assert expected(pipe) > before


def test_what_was_observed_is_not_taught_again_and_what_is_not_over_waits():
    pipe, log = pipeline(), Writer()
    for number in range(NOW - 24, NOW + 1):
        log.count("cam-1", number * WINDOW + WINDOW, 4, interval=1800.0)
    pipe.process(log.record(NOON + WINDOW))
    assert pipe.process(record(days(1, 0), 2)).taught == Taught(learned=DAY - 24, known=24)
    ahead = HistoryBuilder(WINDOW)
    for number in range(NOW - 400, NOW + 10):
        ahead.add(CAMERA, number, 1.0)
    taught = pipe.process(record(ahead, 3)).taught
    assert taught is not None
    assert (taught.learned, taught.early) == (400 - DAY, 10)


def test_late_observations_of_a_history_do_not_teach_again():
    pipe, log = pipeline(), Writer()
    pipe.process(record(days(5, 1), 1))
    before = expected(pipe)
    log.position = 1
    for number in range(NOW - 5 * DAY, NOW - DAY):
        log.count("cam-1", number * WINDOW + WINDOW, 400, interval=1800.0, received=NOON)
    out = [pipe.process(log.record(NOON)), pipe.process(log.tick(NOON + 1000))]
    assert out[0].late == 4 * DAY
    assert sum(int(block.n.sum()) for results in out for block in results.windows) == 4 * DAY, "they are stored"
    assert expected(pipe) == before == pytest.approx(40, rel=0.1)


def test_levels_are_taught_too():
    pipe, log = pipeline(), Writer()
    assert pipe.process(record(days(2, 0, series=NOISE, value=61.0), 1)).taught == Taught(learned=2 * DAY)
    log.position = 1
    log.level("noise-1", NOON + MINUTE, 61.0)
    closed = pipe.process(log.record(NOON + MINUTE)).windows + pipe.process(log.tick(NOON + 40 * MINUTE)).windows
    assert [float(block.expected[0]) for block in closed if block.part[0] == 0][-1] == pytest.approx(61, abs=2)


def test_a_history_from_a_clock_behind_puts_no_clock_back():
    pipe, log = pipeline(), Writer()
    pipe.process(log.tick(NOON))
    out = pipe.process(record(days(2, 1), 2, received=NOON - 3_600_000))
    assert (out.now_ms, pipe.now_ms) == (NOON, NOON)


def test_a_state_with_history_goes_on_byte_for_byte():
    pipe, log = pipeline(), Writer()
    log.count("cam-1", NOON, 3)
    pipe.process(log.record(NOON))
    pipe.process(record(days(3, 1), 2))
    data = pipe.snapshot()
    again = pipeline()
    again.restore(data)
    assert again.snapshot() == data
    assert again.process(record(days(3, 1), 3)).taught == Taught(known=2 * DAY)


def broken(column: str, value: float) -> bytes:
    made = days(1, 0)
    getattr(made, column)[7] = value
    return made.encode()


def of_kind(kind: int) -> bytes:
    return days(1, 0, series=HistorySeries("b1", "door-1", kind, "door")).encode()


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"nothing", "starts with"),
        (HistoryBuilder(60_000).encode(), "windows of 60 s, expected 1800 s"),
        (broken("value", float("nan")), "row 7 .* not finite"),
        (broken("value", -1.0), "row 7 .cam-1 person. has a count below 0"),
        (broken("exposure", 0.0), "exposure outside"),
        (broken("exposure", 1.5), "exposure outside"),
        (broken("which", 3), "points to entry 3"),
        (of_kind(Kind.STATE), "kind 3, expected a count or level"),
    ],
    ids=["bytes", "length", "nan", "below", "nothing", "too-much", "series", "kind"],
)
def test_history_that_cannot_be_is_refused_whole(payload, error):
    with pytest.raises(FrameError, match=error):
        HistoryColumns(payload, WINDOW)
    pipe = pipeline()
    out = pipe.process(Record(RecordKind.HISTORY, NOON + 2 * MINUTE, payload, position=1))
    assert [(refusal.reason, refusal.payload) for refusal in out.refusals] == [("history", payload)]
    assert out.taught is None
    assert pipe.process(record(days(1, 0), 2)).taught == Taught(learned=DAY), "and the next one is learned"


def test_a_device_that_makes_up_metrics_is_told():
    pipe, made = pipeline(), HistoryBuilder(WINDOW)
    for index in range(20):
        made.add(HistorySeries("b1", "cam-1", Kind.COUNT, f"m{index}"), NOW - 10, 1.0)
    out = pipe.process(record(made, 1))
    assert out.taught == Taught(learned=16)
    assert [refusal.reason for refusal in out.refusals] == ["metrics"] * 4
    assert "cam-1 m16" in out.refusals[0].detail


def test_an_empty_history_is_nothing():
    assert pipeline().process(record(HistoryBuilder(WINDOW), 1)).taught == Taught()
    assert HistoryColumns(HistoryBuilder(WINDOW).encode(), WINDOW).number.dtype == np.int64
