"""What holds nothing but the time is held back while nothing else comes, and never overtaken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest.log.sqlite_log import SqliteLog
from stream.engines.embedded import EmbeddedEngine
from stream.engines.idle_results import IdleResults
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream import make_results as make
from tests.stream.build import MINUTE, NOON, Writer, forget, places
from tests.stream.memory_sink import MemorySink
from tests.stream.test_embedded_engine import unplaced
from tests.support import wait_for


def results(ticks: int):
    pipe, writer = Pipeline(pipeline_with(country=""), places()), Writer()
    pipe.process(writer.tick(NOON))  # the first map
    return [pipe.process(writer.tick(NOON + second * 1000)) for second in range(1, ticks + 1)]


@pytest.fixture
def now(monkeypatch):
    moment = [50.0]
    monkeypatch.setattr("stream.engines.idle_results.time.monotonic", lambda: moment[0])
    return moment


def test_ticks_wait_for_others_or_for_a_while(now):
    idle, ticks = IdleResults(10.0), results(9)
    assert idle.passed(ticks[:2]) == []
    now[0] += 9
    assert idle.passed(ticks[2:3]) == []
    assert idle.held is ticks[2]
    news = replace(ticks[3], accepted=1)
    assert idle.passed([news]) == [ticks[2], news]
    assert (idle.passed([]), idle.held) == ([], None)
    assert idle.passed(ticks[4:5]) == []
    now[0] += 10
    assert idle.passed(ticks[5:6]) == ticks[5:6], "the newest says it for all"
    assert idle.passed(ticks[6:7]) == []
    assert (idle.released(), idle.released()) == (ticks[6:7], [])
    assert IdleResults(0.0).passed(ticks[7:9]) == ticks[8:9]


def test_what_people_say_is_never_held_back(now):
    """An officer's word and a note may be all that happens in an hour of the night."""
    idle, (first, second, third) = IdleResults(10.0), results(3)
    assert idle.passed([replace(first, patrols=[make.officer_plan()])]) != []
    assert idle.passed([replace(second, book=[make.note()]), third]) != []
    assert idle.held is None


def test_a_snapshot_and_a_stop_wait_for_what_is_held_back(tmp_path):
    log, sink = SqliteLog(tmp_path / "log.db", min_free_bytes=0), MemorySink()
    writer = Writer()
    engine = EmbeddedEngine(
        log, lambda: Pipeline(pipeline_with(country=""), places()), [sink], tmp_path / "state",
        quarantine=forget, hold_s=3600.0,
    )  # fmt: skip
    engine.start()
    log.append([unplaced(writer.count("cam-1", NOON, 5).record(NOON))])
    wait_for(lambda: engine.delivery.position == 1, "what was counted is in the sink")
    for second in range(1, 6):
        log.append([unplaced(writer.tick(NOON + second * 1000))])
    wait_for(lambda: engine.position == 6, "ticks count as worked off")
    assert engine.delivery.position == 1, "though no sink has been told"
    log.append([unplaced(writer.count("cam-1", NOON + MINUTE, 5).record(NOON + MINUTE))])
    wait_for(lambda: engine.delivery.position == 7, "what comes next is not held back")
    log.append([unplaced(writer.tick(NOON + MINUTE + 1000))])
    engine.stop()
    assert engine.delivery.position == 8
    log.close()
