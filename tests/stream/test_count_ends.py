"""The end of too little: an empty night is no evidence that a street is as usual, or that its camera works."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import HiddenState, Kind
from models.baselines.count_judge import CountTest
from models.state import ROW
from stream.detect.count_ends import CountEnds
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places

WINDOW = 5 * MINUTE
HOUR = 12
"""Windows."""


def usual(window):
    """People in a window so long after noon: a street that is all but empty at two at night."""
    return 0.05 + 40.0 * ((1.0 + math.cos(2 * math.pi * (window / HOUR - 2.0) / 24.0)) / 2.0) ** 3


@pytest.fixture(scope="module")
def taught():
    """A pipeline's state after ten days of that street."""
    pipe, rng, made = new(), np.random.default_rng(7), HistoryBuilder(WINDOW)
    for camera in ("cam-1", "cam-2"):
        series = HistorySeries("b1", camera, Kind.COUNT, "person")
        for window in range(-10 * 24 * HOUR, 0):
            made.add(series, NOON // WINDOW + window, float(rng.poisson(usual(window) * rng.gamma(40.0, 1 / 40.0))))
    pipe.process(Record(RecordKind.HISTORY, NOON, made.encode(), position=0))
    return pipe.snapshot()


def new():
    # Time is UTC, so that noon is noon.
    return Pipeline(
        pipeline_with(site="s", country="", group_m=0.0, timezone="UTC"), places({"cam-1": "camera", "cam-2": "camera"})
    )


class Days:
    """Two cameras of which the first counts only a share of the usual for some time."""

    def __init__(self, state):
        self.pipe, self.log, self.rng, self.window, self.alerts = new(), Writer(), np.random.default_rng(1), 0, []
        self.pipe.restore(state)

    def count(self, hours, share=1.0, silent=False):
        """Let hours pass; return what is told meanwhile, as (kind, state, hours since noon)."""
        before = len(self.alerts)
        for _ in range(round(hours * HOUR)):
            self.window += 1
            at = NOON + self.window * WINDOW
            people = self.rng.poisson(usual(self.window - 1), 2)
            if not silent:
                self.log.count("cam-1", at, int(self.rng.binomial(people[0], share)), interval=300.0)
            self.log.count("cam-2", at, int(people[1]), interval=300.0)
            self.alerts += self.pipe.process(self.log.record(at)).alerts
        return [
            (alert.kind, alert.state, (alert.changed_ms - NOON) / MINUTE / 60)
            for alert in self.alerts[before:]
            if not alert.quiet and alert.device == "cam-1"
        ]


def test_a_dead_counter_stays_dead_through_silence_and_night_until_it_counts(taught):
    days = Days(taught)
    ((kind, state, told),) = days.count(2, share=0.0)
    assert (kind, state) == ("dead", "raised")
    assert told <= 0.5
    assert [one[:2] for one in days.count(1, silent=True)] == [("silent", "raised")]
    assert [one[:2] for one in days.count(16, share=0.0)] == [("silent", "cleared")]
    ((kind, state, ended),) = days.count(2)
    assert (kind, state) == ("dead", "cleared")
    assert 19 < ended <= 20
    assert 18.5 * 3600 < days.alerts[-1].why.args["lasted_s"] < 20 * 3600


def test_a_deficit_of_the_evening_is_not_over_before_the_morning_and_says_how_long_it_is_known_to_have_been(taught):
    days = Days(taught)
    days.count(4)
    ((kind, state, _),) = days.count(6.5, share=0.3)  # until 22:30
    assert (kind, state) == ("deficit", "raised")
    assert days.count(6) == []  # until 4:30
    ((kind, state, _),) = days.count(5)
    assert (kind, state) == ("deficit", "cleared")
    assert 3.5 * 3600 <= days.alerts[-1].why.args["lasted_s"] <= 7 * 3600


def test_a_deficit_by_day_is_over_as_soon_as_the_street_is_as_usual(taught):
    days = Days(taught)
    days.count(1)
    days.count(2, share=0.3)
    ((_, state, ended),) = days.count(1)
    assert state == "cleared"
    assert ended <= 3.5


def test_the_quality_of_a_device_whose_counter_is_dead_is_lower(taught):
    days = Days(taught)
    days.count(2, share=0.0)
    days.log.count("cam-1", NOON + (days.window + 1) * WINDOW, 0, interval=300.0)
    out = days.pipe.process(days.log.record(NOON + (days.window + 1) * WINDOW))
    health = {one.device: one for one in out.health}
    assert (health["cam-1"].stuck, health["cam-2"].stuck) == (True, False)


@pytest.mark.parametrize("told", [HiddenState.DEAD, HiddenState.DEFICIT])
def test_a_kind_of_day_that_is_not_known_yet_ends_nothing(told):
    ends, one = CountEnds(), np.ones(1)
    ends.grow(ROW, 1)
    ends.begins(0, told, 0)
    young = CountTest(
        expected=0.1 * one, lower=0.0 * one, upper=one, p_upper=one, p_lower=one, surprise=0.0 * one,
        alarm=np.zeros(1, dtype=np.bool_), state=np.full(1, HiddenState.YOUNG, dtype=np.uint8),
        onset_ms=np.zeros(1, dtype=np.int64), grounds=np.zeros((1, 4)),
    )  # fmt: skip
    assert ends.look(np.zeros(1, dtype=np.intp), young, 0.0 * one, WINDOW, 0.05).tolist() == [True]
