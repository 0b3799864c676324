"""How an open alert of counts stands: its numbers, when people are called again, what it came to."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Command
from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import COUNT_ALERTS, Kind
from stream.alerts.alert_book import QUIET_MS
from stream.alerts.standing import fuller, growth, together
from stream.pipeline.pipeline import Pipeline
from stream.sentences import Why
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places, text_of

WINDOW = 5 * MINUTE
CAMERAS = ("cam-1", "cam-2", "cam-3")
USUAL = (50.0, 8.0, 0.3)
"""People each camera counts in a window."""


def new() -> Pipeline:
    """Three cameras, each the only one of its place."""
    return Pipeline(pipeline_with(site="s", country="", group_m=0.0), places(dict.fromkeys(CAMERAS, "camera")))


@pytest.fixture(scope="module")
def taught() -> bytes:
    """A pipeline's state after ten days of three streets."""
    pipe, rng = new(), np.random.default_rng(4)
    made = HistoryBuilder(WINDOW)
    for camera, usual in zip(CAMERAS, USUAL, strict=True):
        series = HistorySeries("b1", camera, Kind.COUNT, "person")
        for number in range((NOON - 10 * 24 * 60 * MINUTE) // WINDOW, NOON // WINDOW):
            made.add(series, number, float(rng.poisson(usual * rng.gamma(25.0, 1 / 25.0))))
    pipe.process(Record(RecordKind.HISTORY, NOON, made.encode(), position=0))
    return pipe.snapshot()


class Street:
    """One camera, told by the window or by the minute what it counts."""

    def __init__(self, state, camera=0):
        self.pipe, self.log, self.camera, self.at = new(), Writer(), CAMERAS[camera], NOON
        self.pipe.restore(state)
        self.alerts, self.anomalies = [], []

    def count(self, *counts, minutes=5):
        """Count so many in each of some intervals; return the alerts that this makes."""
        before = len(self.alerts)
        for count in counts:
            self.at += minutes * MINUTE
            self.log.count(self.camera, self.at, count, interval=60.0 * minutes)
            self._go(self.log.record(self.at))
            self._go(self.log.tick(self.at + 40_000))
        return self.alerts[before:]

    def _go(self, record):
        out = self.pipe.process(record)
        self.alerts += out.alerts
        self.anomalies += out.anomalies

    def acknowledge(self):
        command = Command(id=f"c{self.at}", action="acknowledge", alert=self.alerts[-1].id, by="li", ts=self.at)
        self._go(self.log.json(RecordKind.COMMAND, self.at, **_plain(command)))
        return self.alerts[-1]


def _plain(command: Command) -> dict:
    return {name: getattr(command, name) for name in command.__struct_fields__}


def numbers(alert) -> str:
    """What an alert says was counted, in English."""
    return text_of(alert)["en"].partition(" in ")[0]


def test_a_crowd_that_grows_is_told_again_each_time_it_has_doubled_and_its_end_says_what_it_came_to(taught):
    street = Street(taught)
    street.count(50, 52)
    found = street.count(160, 180, 220, 330, 480, 700, 1000, 1400, 2000, 1900, 300, 150, 52, 48, 51, 50)
    called = [alert for alert in found if not alert.quiet]
    assert [(alert.state, numbers(alert)) for alert in called] == [
        ("raised", "160 people"),
        ("raised", "Up to 330 people"),
        ("raised", "Up to 700 people"),
        ("raised", "Up to 1,400 people"),
        ("cleared", "Up to 2,000 people"),
    ]
    assert {alert.id for alert in found} == {found[0].id}
    assert [alert.revision for alert in found] == list(range(1, len(found) + 1))
    for alert in called[1:4]:
        assert text_of(alert)["en"].endswith("since 12:10. Twice as many as last told.")
        assert text_of(alert)["zh-CN"].endswith("自12:10起。比上次通知时增加一倍。")
    quiet = [numbers(alert) for alert in found if alert.quiet]
    assert quiet == ["Up to 220 people", "Up to 480 people", "Up to 1,000 people", "Up to 2,000 people"]
    assert all(re.search(r" people in 5 min, (4|5)\d expected; ", text_of(alert)["en"]) for alert in found)
    assert text_of(called[-1])["en"].endswith("since 12:10. Over after 60 min.")
    assert [one.observed for one in street.anomalies][-1] == 2000.0


def test_reports_of_each_minute_make_no_revision_of_each_minute(taught):
    street = Street(taught)
    found = street.count(*[30] * 5, *[45] * 20, *[60] * 20, minutes=1)
    assert (found[0].state, found[0].quiet) == ("raised", False)
    assert text_of(found[0])["en"].startswith("60 people in 2 min, 20 expected; ")
    assert numbers(found[1]) == "Up to 150 people"
    assert found[1].quiet
    calm = [one.changed_ms for one in found if one.quiet]
    assert len(found) <= 6
    assert all(later - earlier >= QUIET_MS for earlier, later in pairwise(calm[1:]))


def test_who_has_taken_it_up_is_called_again_when_it_has_doubled_since(taught):
    street = Street(taught)
    street.count(160, 240)
    taken = street.acknowledge()
    assert (taken.state, taken.by, taken.heard_ms) == ("acknowledged", "li", taken.changed_ms)
    (grown,) = street.count(330, 280)
    assert (grown.state, grown.by, grown.quiet, grown.heard_ms) == ("acknowledged", "li", True, taken.heard_ms)
    (doubled,) = street.count(500)
    assert (doubled.state, doubled.by, doubled.quiet) == ("raised", "", False)
    assert numbers(doubled) == "Up to 500 people"


def test_a_restart_changes_nothing_of_it(taught):
    through, again = Street(taught), Street(taught)
    for count in (160, 200, 260, 300, 410, 900, 60, 50, 50, 50):
        through.count(count)
        again.count(count)
        again.pipe = _restored(again.pipe)
    assert through.alerts == again.alerts
    assert len(through.alerts) > 3


def _restored(pipe: Pipeline) -> Pipeline:
    fresh = new()
    fresh.restore(pipe.snapshot())
    return fresh


def test_what_only_the_sum_of_an_hour_shows_is_told_with_that_sum(taught):
    street = Street(taught, camera=1)
    found = street.count(*[15] * 24)
    assert found, "twice the usual for two hours"
    first = re.match(r"(\d+) people in (\d+) min, (\d+) expected; ", text_of(found[0])["en"])
    assert first
    people, minutes, usual = map(int, first.groups())
    assert minutes > 5
    assert people == 15 * minutes / 5
    assert usual == pytest.approx(8 * minutes / 5, rel=0.3)
    assert found[0].why.args["since_ms"] <= found[0].raised_ms - minutes * MINUTE


def test_a_quiet_street_and_a_dead_counter_say_how_little_was_counted(taught):
    street = Street(taught)
    (first, *_) = street.count(*[6] * 12)
    said = re.match(r"(\d+) people in (\d+) min, ", text_of(first)["en"])
    assert first.kind == "deficit"
    assert said
    assert int(said[1]) == 6 * int(said[2]) // 5
    street = Street(taught)
    (dead,) = street.count(*[0] * 24)
    assert dead.kind == "dead"
    assert re.match(r"No people counted in 5 min, \d+ expected; .*; since 12:00", text_of(dead)["en"])
    assert re.match(r"5分钟内未统计到行人，正常应为\d+人次，.*，自12:00起", text_of(dead)["zh-CN"])
    # It counts again: what the last hour lacks has been told, and as many as ever are no crowd.
    assert {alert.id for alert in street.count(*[50] * 24)} <= {dead.id}


def test_a_device_that_counts_by_the_half_hour_is_told_in_half_hours(taught):
    street = Street(taught)
    (first, *_) = street.count(301, 299, 1201, minutes=30)
    assert re.match(r"1,201 people in 30 min, 2\d\d expected; .*; since 13:00", text_of(first)["en"])


def test_an_alert_lasts_at_least_a_window(taught):
    street = Street(taught)
    # Two busy minutes, and then so few that the window is an ordinary one when it closes.
    found = street.count(40, 45, 0, 0, 0, *[10] * 30, minutes=1)
    assert [one.state for one in found if not one.quiet] == ["raised", "cleared"]
    lasted = found[-1].why.args["lasted_s"]
    assert isinstance(lasted, float)
    assert lasted >= 300


def test_a_reading_says_its_band_and_the_highest_so_far():
    pipe, log, rng = Pipeline(pipeline_with(site="s", country=""), places()), Writer(), np.random.default_rng(1)
    anomalies = []
    for window in range(-4 * 288, 6):
        loud = {0: 86.0, 1: 110.0}.get(window, 50.0)
        for part in (1, 2, 3):
            at = NOON + window * WINDOW + part * MINUTE
            log.level("noise-1", at, loud + (5.0 if (window, part) == (1, 2) else rng.normal(0, 1)))
        anomalies += pipe.process(log.record()).anomalies
    found = [one for one in anomalies if one.kind == "level_high" and one.ts >= NOON]
    told = [text_of(one)["en"] for one in found]
    assert len(found) == 2
    assert re.match(r"Noise 8\d(\.\d)? dB \(highest 8\d.* dB\), usually \d+.* to 5\d.* dB; .*; since 12:00", told[0])
    assert "(highest 115 dB)" in told[1]
    assert {one.ts for one in found} == {NOON}


class Sensor:
    """One sensor with a threshold, that says a reading every ten seconds."""

    def __init__(self, device, metric):
        self.pipe, self.log = Pipeline(pipeline_with(site="s", country=""), places({device: metric})), Writer()
        self.device, self.metric, self.at, self.alerts, self.anomalies = device, metric, NOON, [], []

    def say(self, *values):
        before = len(self.alerts)
        for value in values:
            self.at += 10_000
            out = self.pipe.process(self.log.level(self.device, self.at, value, metric=self.metric).record())
            self.alerts += out.alerts
            self.anomalies += out.anomalies
        return self.alerts[before:]


def test_water_that_rises_is_told_again_when_it_has_doubled_and_its_end_says_how_high_it_came():
    sensor = Sensor("water-1", "water")
    sensor.say(5, 6)
    found = sensor.say(*[level for level in range(30, 131, 2) for _ in range(6)], *[4] * 60)
    called = [alert for alert in found if not alert.quiet]
    assert [alert.state for alert in called] == ["raised", "raised", "raised", "cleared"]
    limit = called[0].why.args["limit"]
    first = called[0].why.args["observed"]
    assert isinstance(first, int | float)
    second, third = (_inner(alert).args["observed"] for alert in called[1:3])
    assert (second, third) == (2 * first, 4 * first)
    assert text_of(called[1])["en"] == (
        f"Water depth up to {2 * first:g} cm, limit {limit:g} cm; since 12:00. Twice as much as last told."
    )
    assert text_of(called[1])["zh-CN"].endswith("比上次通知时增加一倍。")
    assert text_of(called[-1])["en"].startswith("Water depth up to 130 cm, ")
    quiet = [one for one in found if one.quiet]
    assert 0 < len(quiet) <= len(found) * MINUTE * 51 / QUIET_MS
    assert sensor.anomalies[-1].observed == 130


def _inner(alert) -> Why:
    return alert.why.args["why"]


def test_smoke_that_grows_less_than_double_is_in_the_last_word_of_it():
    sensor = Sensor("smoke-1", "smoke")
    found = sensor.say(0.1, 5.0, 5.5, 5.9, 6.1, *[0.1] * 40)
    assert [(one.state, one.quiet) for one in found] == [("raised", False), ("cleared", False)]
    assert text_of(found[1])["en"].startswith("Smoke density up to 6.1 %/m, limit ")
    assert text_of(found[1])["zh-CN"].startswith("烟雾浓度最高6.1 %/m，")


def test_noise_has_doubled_when_it_is_heard_twice_as_loud():
    quiet, loud = (Why("threshold", {"metric": "noise", "observed": db, "limit": 85.0}) for db in (87.0, 97.0))
    assert growth("noise_high", loud, Why("late", {"why": quiet, "late_s": 90.0})) == pytest.approx(2.0)


def counted(observed, expected=50.0, period_s=300.0, metric="person", since_ms=NOON):
    return Why(
        "surge",
        {
            "metric": metric, "observed": observed, "expected": expected, "period_s": period_s, "window_s": 300.0,
            "p": 1e-8, "since_ms": since_ms, "most": 0,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "new_", "old", "expected"),
    [
        ("surge", counted(320.0), counted(160.0), 2.0),
        ("surge", counted(900.0, 600.0, 3600.0), counted(160.0), 75 / 160),
        ("surge", counted(160.0), counted(900.0, 600.0, 3600.0), 160 / 75),
        # A part of a window counts for all of it, and goes on as it began.
        ("surge", counted(160.0, 10.0, 60.0), counted(160.0), 1.0),
        ("surge", counted(160.0), counted(37.0, 10.0, 60.0), 160 / 185),
        ("surge", counted(99.0, 49.0, metric="vehicle"), counted(149.0, 49.0), 2 / 3),
        ("deficit", counted(4.0, 99.0), counted(19.0, 99.0), 4.0),
        ("deficit", counted(0.0, 99.0), counted(4.0, 99.0), 1.0),
        ("dead", counted(0.0, 99.0), counted(0.0, 9.0), 1.0),
        ("context", Why("context", {"p": 1e-7}), counted(4.0), 1.0),
    ],
)
def test_how_much_more_a_finding_says(kind, new_, old, expected):
    assert growth(kind, new_, old) == pytest.approx(expected)


def test_a_whole_window_goes_before_a_part_of_one():
    assert fuller(counted(160.0), counted(37.0, 10.0, 60.0))
    assert not fuller(counted(37.0, 10.0, 60.0), counted(160.0))
    assert not fuller(counted(160.0), counted(150.0))
    assert not fuller(counted(160.0, metric="vehicle"), counted(37.0, 10.0, 60.0))


def test_neighbours_together_are_no_more_than_is_known():
    strongest = counted(200.0)
    found = together(
        strongest, [strongest, counted(600.0, 300.0, 1800.0), counted(30.0, 10.0, 60.0), counted(9.0, metric="vehicle")]
    )
    assert {name: found[name] for name in ("observed", "expected", "period_s")} == {
        "observed": 200 + 100 + 30,
        "expected": 50 + 50 + 10,
        "period_s": 300.0,
    }
    assert together(Why("context", {"p": 1e-7}), [Why("context", {"p": 1e-7})]) == {}


@settings(max_examples=15)
@given(
    camera=st.integers(0, 2),
    counts=st.lists(st.one_of(st.integers(0, 30), st.integers(0, 400), st.just(0)), min_size=4, max_size=40),
    minutes=st.sampled_from([1, 5]),
)
def test_no_alert_of_counts_gives_odds_that_are_common(taught, camera, counts, minutes):
    street = Street(taught, camera)
    street.count(*counts, minutes=minutes)
    for found in [*street.alerts, *street.anomalies]:
        if found.kind not in COUNT_ALERTS.values():
            continue
        odds = re.findall(r"1 in ([\d,]+)", text_of(found)["en"])
        assert odds
        assert all(int(one.replace(",", "")) >= 1000 for one in odds)
        assert "several windows" not in text_of(found)["en"]
        assert re.search(r" in \d+ (s|min|h)", text_of(found)["en"])
        assert not re.search(r"Over after 0 ", text_of(found)["en"])
