"""A person's word that how it is now is usual, through the log: alerts end and say who, and replays do the same."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from ingest.events import Belief
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Reason
from stream.pipeline.pipeline import Pipeline
from stream.results import Notice
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

WINDOW = 30 * MINUTE
DAY = 1440 * MINUTE
CONFIG = pipeline_with(site="test", country="", window_s=WINDOW // 1000)
SINCE = NOON - 8 * 60 * MINUTE
"""The camera was turned: four times as many pass."""


def word(log: Writer, metric: str = "", device: str = "cam-1", since_ms: int = SINCE) -> Record:
    belief = Belief(beat="b1", device=device, metric=metric, since_ms=since_ms, by="Wang Wei")
    return log._next(RecordKind.BELIEF, msgspec.json.encode(belief), log.newest)


@pytest.fixture(scope="module")
def lived() -> tuple[list[Record], Writer]:
    """The records of four days, and who goes on writing."""
    rng, log, records = np.random.default_rng(2), Writer(), []
    for end in range(NOON - 4 * DAY + WINDOW, NOON + 1, WINDOW):
        log.count("cam-1", end, int(rng.poisson(40 if end <= SINCE else 160)), interval=1800.0)
        log.level("noise-1", end - MINUTE, 50.0 + rng.normal())
        records.append(log.record())
    return records, log


def pipeline() -> Pipeline:
    return Pipeline(CONFIG, places(devices={"cam-1": "camera", "noise-1": "noise"}))


def fed(records: list[Record]) -> Pipeline:
    pipe = pipeline()
    for record in records:
        pipe.process(record)
    return pipe


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"device": "cam-9"}, "cam-9: nothing was counted or read of it since then"),
        ({"metric": "vehicle"}, "cam-1 vehicle: nothing was counted or read of it since then"),
        ({"since_ms": NOON - MINUTE}, "cam-1: nothing was counted or read of it since then"),
    ],
)
def test_what_cannot_be_believed_is_refused_and_changes_no_alert(lived, wrong, why):
    records, _ = lived
    log = Writer()
    log.position, log.newest = records[-1].position, NOON
    pipe = fed(records)
    results = pipe.process(word(log, **wrong))
    assert [(refusal.reason, refusal.detail) for refusal in results.refusals] == [(Reason.COMMAND, why)]
    assert [alert.state for alert in pipe.site.book.open()] == ["raised"]


def test_readings_are_believed_too_and_what_has_no_end_of_its_own_ends(lived):
    records, _ = lived
    log = Writer()
    log.position, log.newest = records[-1].position, NOON
    pipe = fed(records)
    step = Notice(act="rise", beat="b1", device="noise-1", kind="level_step", at_ms=NOON, ends=False)
    (raised,) = pipe.site.book.rise(step)
    results = pipe.process(word(log, device="noise-1"))
    assert results.refusals == []
    assert [(alert.id, alert.state, alert.by) for alert in results.alerts] == [(raised.id, "cleared", "Wang Wei")]


def test_bytes_that_are_no_word_are_refused():
    (refusal,) = pipeline().process(Record(RecordKind.BELIEF, NOON, b"{}", position=1)).refusals
    assert refusal.reason == Reason.COMMAND
