"""A person's word that how it is now is usual, through the log: alerts end and say who, and replays do the same."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from ingest.events import Belief
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Reason
from stream.output_codec import decode_output, encode_output
from stream.pipeline.pipeline import Pipeline
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Notice
from stream.sentences.catalogue import Sentences
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

WINDOW = 30 * MINUTE
DAY = 1440 * MINUTE
CONFIG = pipeline_with(site="test", country="", window_s=WINDOW // 1000)
SINCE = NOON - 8 * 60 * MINUTE
"""The camera was turned: six times as many pass."""


def word(log: Writer, metric: str = "", device: str = "cam-1", since_ms: int = SINCE) -> Record:
    belief = Belief(beat="b1", device=device, metric=metric, since_ms=since_ms, by="Wang Wei")
    return log._next(RecordKind.BELIEF, msgspec.json.encode(belief), log.newest)


@pytest.fixture(scope="module")
def lived() -> tuple[list[Record], Writer]:
    """The records of five days, and who goes on writing."""
    rng, log, records = np.random.default_rng(2), Writer(), []
    for end in range(NOON - 5 * DAY + WINDOW, NOON + 1, WINDOW):
        log.count("cam-1", end, int(rng.poisson(40 if end <= SINCE else 240)), interval=1800.0)
        log.level("noise-1", end - MINUTE, 50.0 + rng.normal())
        records.append(log.record())
    return records, log


def pipeline() -> Pipeline:
    return Pipeline(CONFIG, places(devices={"cam-1": "camera", "noise-1": "noise"}))


@pytest.fixture(scope="module")
def state(lived) -> bytes:
    """What the records have made of a pipeline."""
    return fed(lived[0]).snapshot()


def as_lived(state: bytes) -> Pipeline:
    pipe = pipeline()
    pipe.restore(state)
    return pipe


def fed(records: list[Record]) -> Pipeline:
    pipe = pipeline()
    for record in records:
        pipe.process(record)
    return pipe


def test_the_open_alert_ends_and_says_who_and_what_follows_is_usual(lived, state):
    records, _ = lived
    log = Writer()
    log.position, log.seqs, log.newest = records[-1].position, {("cam-1", "a"): 10_000}, NOON
    pipe = as_lived(state)
    (open_,) = pipe.site.book.open()
    assert (open_.kind, open_.device) == ("surge", "cam-1")
    said = word(log)
    results = pipe.process(said)
    assert as_lived(state).process(said).alerts == results.alerts
    (ended,) = results.alerts
    assert (ended.id, ended.state, ended.by) == (open_.id, "cleared", "Wang Wei")
    assert Sentences("en").why(ended.why).endswith("Wang Wei says that this is how it is now.")
    assert Sentences("zh-CN").why(ended.why).endswith("Wang Wei确认：现状如此，今后视为正常。")
    assert [anomaly.why.code for anomaly in results.anomalies] == ["believed"]
    assert results.refusals == []
    rng, alerts = np.random.default_rng(4), []
    for end in range(NOON + WINDOW, NOON + DAY, WINDOW):
        log.count("cam-1", end, int(rng.poisson(240)), interval=1800.0)
        alerts += pipe.process(log.record()).alerts
    assert [alert for alert in alerts if alert.device == "cam-1"] == []


def test_in_a_shard_of_a_city_it_is_the_same(lived, state):
    records, _ = lived
    log = Writer()
    log.position, log.newest = records[-1].position, NOON
    said, whole = word(log), as_lived(state)
    shard = ShardPipeline(CONFIG, places(devices={"cam-1": "camera", "noise-1": "noise"}), 0)
    shard.restore(whole.shards[0].capture())
    site = SiteStage(CONFIG, shard.catalog.places, 1, apart=True)
    site.restore(whole.site.capture())
    (ended,) = site.apply(decode_output(encode_output(shard.process(said)))).alerts
    assert [ended] == whole.process(said).alerts
    assert ended.by == "Wang Wei"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"device": "cam-9"}, "cam-9: nothing was counted or read of it since then"),
        ({"metric": "vehicle"}, "cam-1 vehicle: nothing was counted or read of it since then"),
        ({"since_ms": NOON - MINUTE}, "cam-1: nothing was counted or read of it since then"),
    ],
)
def test_what_cannot_be_believed_is_refused_and_changes_no_alert(lived, state, wrong, why):
    records, _ = lived
    log = Writer()
    log.position, log.newest = records[-1].position, NOON
    pipe = as_lived(state)
    results = pipe.process(word(log, **wrong))
    assert [(refusal.reason, refusal.detail) for refusal in results.refusals] == [(Reason.COMMAND, why)]
    assert [alert.state for alert in pipe.site.book.open()] == ["raised"]


def test_readings_are_believed_too_and_what_has_no_end_of_its_own_ends(lived, state):
    records, _ = lived
    log = Writer()
    log.position, log.newest = records[-1].position, NOON
    pipe = as_lived(state)
    step = Notice(act="rise", beat="b1", device="noise-1", kind="level_step", at_ms=NOON, ends=False)
    (raised,) = pipe.site.book.rise(step)
    results = pipe.process(word(log, device="noise-1"))
    assert results.refusals == []
    assert [(alert.id, alert.state, alert.by) for alert in results.alerts] == [(raised.id, "cleared", "Wang Wei")]


def test_bytes_that_are_no_word_are_refused():
    (refusal,) = pipeline().process(Record(RecordKind.BELIEF, NOON, b"{}", position=1)).refusals
    assert refusal.reason == Reason.COMMAND
