"""Combinations, stuck barriers, one-way gates, and how alerts and anomalies end, through the whole pipeline."""

from __future__ import annotations

import pytest

from ingest.places import PlacesError
from stream.detect.rules_stage import check_overrides
from stream.pipeline.pipeline import Pipeline
from stream.results import ShardOutput
from stream.sentences import literal
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places, text_of

CONFIG = pipeline_with(site="test", country="")
DEVICES = {"smoke-1": "smoke", "heat-1": "heat", "gate-1": "gate", "door-1": "door"}
"""About ten metres from one to the next."""


class Run:
    """A pipeline and its log; every call is a record of one observation, and what it changed."""

    def __init__(self, overrides=None):
        self.places = places(DEVICES, overrides)
        self.pipe, self.log = Pipeline(CONFIG, self.places), Writer()
        self.anomalies = []

    def _process(self, record):
        out = self.pipe.process(record)
        self.anomalies += out.anomalies
        return [(alert.kind, alert.device, alert.state) for alert in out.alerts], out.alerts

    def smoke(self, minute, density):
        self.log.level("smoke-1", NOON + minute * MINUTE, density, metric="smoke")
        return self._process(self.log.record())

    def heat(self, minute, degrees):
        self.log.level("heat-1", NOON + minute * MINUTE, degrees, metric="temperature")
        return self._process(self.log.record())

    def says(self, minute, word):
        self.log.state("smoke-1", NOON + minute * MINUTE, word, metric="smoke")
        return self._process(self.log.record())

    def restart(self):
        state, self.pipe = self.pipe.snapshot(), Pipeline(CONFIG, self.places)
        self.pipe.restore(state)


@pytest.mark.parametrize("restart", [False, True])
def test_smoke_and_heat_close_together_become_one_fire_in_their_place(restart):
    run = Run()
    changes, _ = run.smoke(0, 7.2)
    assert changes == [("smoke", "smoke-1", "raised")]
    if restart:
        run.restart()
    changes, (fire, smoke) = run.heat(2, 61.0)
    assert changes == [("fire", "smoke-1", "raised"), ("smoke", "smoke-1", "cleared")]
    assert (fire.severity, fire.devices, fire.cause_ms) == ("critical", ("smoke-1", "heat-1"), NOON)
    assert text_of(fire)["en"] == (
        "Smoke and heat within 10 m, probably a fire. smoke-1: Smoke density 7.2, limit 4; since 12:00. "
        "heat-1: Temperature 61 °C, limit 57 °C; since 12:02."
    ).replace("7.2, limit 4;", "7.2 %/m, limit 4 %/m;")
    assert text_of(fire)["zh-CN"].startswith("10米范围内烟感、温感同时报警，疑似起火。")
    assert text_of(smoke)["en"].endswith("Now part of the alert “Smoke and heat together”.")
    assert text_of(smoke)["zh-CN"].endswith("已并入“烟温复合火警”告警。")
    if restart:
        run.restart()
    assert run.smoke(3, 0.1)[0] == []
    assert run.heat(7, 60.0)[0] == []
    changes, (over,) = run.heat(12, 20.0)
    assert changes == [("fire", "smoke-1", "cleared")]
    assert text_of(over)["en"].endswith("Over after 12 min.")
    lasted = {(one.device, one.kind): one.duration_s for one in run.anomalies}
    assert lasted == {("smoke-1", "smoke"): 180.0, ("heat-1", "heat"): 600.0}


@pytest.mark.parametrize(
    ("metric", "kind", "severity", "sentence"),
    [
        ("water", "water", "warning", "The water detector gives alarm"),
        ("gas", "gas", "critical", "The gas detector gives alarm"),
        ("carbon_monoxide", "gas", "critical", "The gas detector gives alarm"),
        ("heat", "heat", "critical", "The heat detector gives alarm"),
    ],
)
def test_a_detector_that_knows_two_words_only_is_believed(metric, kind, severity, sentence):
    run = Run()
    run.log.state("heat-1", NOON, "alarm", metric=metric)
    changes, (alert,) = run._process(run.log.record())
    assert changes == [(kind, "heat-1", "raised")]
    assert alert.severity == severity
    assert text_of(alert)["en"].startswith(sentence)
    assert "探测器报警" in text_of(alert)["zh-CN"]
    run.log.state("heat-1", NOON + MINUTE, "ok", metric=metric)
    assert run._process(run.log.record())[0] == [(kind, "heat-1", "cleared")]


def test_smoke_and_a_heat_detectors_word_are_a_fire():
    run = Run()
    run.smoke(0, 7.2)
    run.log.state("heat-1", NOON + MINUTE, "alarm", metric="heat")
    assert ("fire", "smoke-1", "raised") in run._process(run.log.record())[0]


def test_a_fire_may_be_switched_off_for_a_device():
    run = Run({"heat-1": {"fire_rule": False}})
    run.smoke(0, 7.0)
    assert run.heat(1, 61.0)[0] == [("heat", "heat-1", "raised")]


def test_a_density_and_an_alarm_of_one_detector_are_one_alert_that_ends_with_both():
    run = Run()
    assert run.smoke(0, 5.0)[0] == [("smoke", "smoke-1", "raised")]
    assert run.says(1, "alarm")[0] == []
    assert run.says(2, "ok")[0] == []
    changes, (over,) = run.smoke(4, 0.1)
    assert changes == [("smoke", "smoke-1", "cleared")]
    assert text_of(over)["en"].endswith("since 12:00. Over after 4 min.")


def test_a_door_says_how_long_it_was_open():
    run = Run()
    run.log.state("door-1", NOON, "open")
    run._process(run.log.record())
    assert run._process(run.log.tick(NOON + 2 * MINUTE))[0] == [("door_open", "door-1", "raised")]
    run.log.state("door-1", NOON + 9 * MINUTE, "closed")
    changes, (over,) = run._process(run.log.record())
    assert changes == [("door_open", "door-1", "cleared")]
    assert text_of(over)["zh-CN"].endswith("现已结束，共持续9分钟。")
    assert [(one.ts, one.duration_s) for one in run.anomalies] == [(NOON, 0.0), (NOON, 540.0)]


def test_vehicles_that_pass_a_barrier_said_to_be_down_tell_that_it_is_stuck():
    run, now, found = Run(), NOON, []
    for _ in range(25):
        now += MINUTE
        run.log.state("gate-1", now - 2_000, "up", metric="barrier")
        run.log.gate("gate-1", now)
        run.log.state("gate-1", now + 4_000, "down", metric="barrier")
        found += run._process(run.log.record())[0]
    assert found == []
    run.restart()
    for _ in range(3):
        now += 2 * MINUTE
        run.log.gate("gate-1", now)
        found += run._process(run.log.record())[0]
    found += run._process(run.log.tick(now + 2 * MINUTE))[0]
    assert found == [("gate_stuck", "gate-1", "raised")]
    run.log.state("gate-1", now + 5 * MINUTE, "up", metric="barrier")
    assert run._process(run.log.record())[0] == [("gate_stuck", "gate-1", "cleared")]


def test_a_gate_that_the_places_file_calls_one_way():
    run = Run({"gate-1": {"one_way": "in"}})
    run.log.gate("gate-1", NOON, direction=0)
    assert run._process(run.log.record())[0] == []
    run.log.gate("gate-1", NOON + MINUTE, direction=1)
    assert run._process(run.log.record())[0] == [("wrong_way", "gate-1", "raised")]


@pytest.mark.parametrize("overrides", [{"one_way": "up"}, {"room": 1}, {"fire_m": "near"}, {"fire_rule": "no"}])
def test_wrong_overrides_are_told_before_the_node_starts(overrides):
    with pytest.raises(PlacesError, match=f"device 'gate-1'.*{next(iter(overrides))}"):
        check_overrides(places(DEVICES, {"gate-1": overrides}))


def test_a_camera_that_falls_silent_in_a_crowd_leaves_no_alert_open_for_ever():
    pipe, log = Pipeline(CONFIG, places({"cam-1": "camera", "cam-2": "camera"})), Writer()
    for minute in range(20):
        log.count("cam-1", NOON + minute * MINUTE, 5).count("cam-2", NOON + minute * MINUTE, 5)
        pipe.process(log.record())
    now = NOON + 20 * MINUTE
    out = ShardOutput(pipe.position, now, now, pipe.shards[0].catalog.series)
    text = literal({"en": "41 people.", "zh-CN": "41人。"})
    findings = pipe.shards[0].detection.findings
    findings.rise(*findings.catalog.devices[0], "surge", now, text, cause_ms=now, surprise=6.0)
    out.anomalies, out.notices = findings.take()
    (alert,) = pipe.site.apply(out).alerts
    found = []
    for minute in range(20, 30):
        log.count("cam-2", NOON + minute * MINUTE, 5)
        found += pipe.process(log.record()).alerts
    assert [(one.kind, one.state, one.device) for one in found] == [
        ("silent", "raised", "cam-1"),
        ("surge", "cleared", "cam-1"),
    ]
    assert found[1].id == alert.id


def test_a_reading_in_a_unit_that_is_not_known_is_judged_as_it_is_and_says_so():
    run = Run()
    run.log.level("heat-1", NOON, 95.0, metric="temperature", unit="Delisle")
    changes, (alert,) = run._process(run.log.record())
    assert changes == [("heat", "heat-1", "raised")]
    assert "“Delisle”" in text_of(alert)["en"]
    assert "“Delisle”" in text_of(alert)["zh-CN"]


class Noise:
    """A noise sensor that reads every ten seconds, and a camera that is always heard."""

    def __init__(self):
        self.pipe, self.log, self.at = Pipeline(CONFIG, places({"noise-1": "noise", "cam-1": "camera"})), Writer(), NOON
        self.alerts = []

    def minutes(self, minutes, value=None):
        before = len(self.alerts)
        for _ in range(6 * minutes):
            self.at += 10_000
            if value is not None:
                self.log.level("noise-1", self.at, value, metric="noise", unit="dB")
            self.log.count("cam-1", self.at, 1, interval=10.0)
            self.alerts += self.pipe.process(self.log.record(self.at)).alerts
        return [(alert.kind, alert.state) for alert in self.alerts[before:] if alert.kind == "noise_high"]

    @property
    def noise(self):
        return next(alert for alert in reversed(self.alerts) if alert.kind == "noise_high")


def test_a_hazard_is_not_stretched_over_a_gap_in_its_readings():
    site = Noise()
    site.minutes(10, 60.0)
    assert site.minutes(5, 95.0) == [("noise_high", "raised")]
    assert site.minutes(20) == [("noise_high", "raised")]
    assert site.noise.quiet
    assert text_of(site.noise)["en"].endswith("No readings since 12:15: how it is now is not known.")
    assert site.minutes(1, 60.0) == [("noise_high", "cleared")]
    assert text_of(site.noise)["en"].endswith("No readings between 12:15 and 12:35. Over after 5 min.")


def test_a_hazard_that_is_read_again_after_a_gap_goes_on():
    site = Noise()
    site.minutes(10, 60.0)
    site.minutes(5, 95.0)
    site.minutes(20)
    site.minutes(3, 95.0)
    assert "No readings" not in text_of(site.noise)["en"]
    site.minutes(1, 60.0)
    assert text_of(site.noise)["en"].endswith("Over after 28 min.")


def test_readings_that_always_come_far_apart_have_no_gap():
    pipe, log = Pipeline(CONFIG, places({"water-1": "water"})), Writer()
    found = []
    for hour in range(12):
        log.level("water-1", NOON + 60 * hour * MINUTE, 45.0 if 7 <= hour < 10 else 1.0, metric="water", unit="cm")
        found += pipe.process(log.record(NOON + 60 * hour * MINUTE)).alerts
    raised, *_, cleared = found
    assert (raised.kind, cleared.state) == ("water", "cleared")
    assert text_of(cleared)["en"].endswith("Over after 3 h.")
