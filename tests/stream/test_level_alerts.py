"""Sensors that no longer measure what they did, from their readings to what people are told."""

from __future__ import annotations

import json

import numpy as np

from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places, text_of

CONFIG = pipeline_with(site="test", country="", window_s=1800)
DAY = 48
"""Windows."""


def told(values: np.ndarray, calm: int):
    """What people are told of a smoke detector with a reading per half hour: (hour, alert); of calm days at once."""
    pipe, log, out = Pipeline(CONFIG, places()), Writer(), []
    for at, value in enumerate(values.tolist()):
        log.level("smoke-1", NOON + at * 30 * MINUTE, value, metric="smoke")
        if at % 2 and at >= calm * DAY:
            out += [(at // 2, alert) for alert in pipe.process(log.record()).alerts if alert.kind.startswith("level_")]
    return out


def test_a_stuck_sensor_is_told_and_over_when_it_moves():
    values = np.abs(0.1 + np.random.default_rng(3).normal(0, 0.03, 4 * DAY)).round(3)
    values[3 * DAY : 3 * DAY + 20] = 0.107
    (began, raised), (ended, cleared) = told(values, 3)
    assert (raised.kind, raised.device, raised.state, raised.severity) == (
        "level_stuck",
        "smoke-1",
        "raised",
        "warning",
    )
    assert 77 <= began <= 79
    assert "without any change" in text_of(raised)["en"]
    assert (cleared.kind, cleared.state) == ("level_stuck", "cleared")
    assert 81 <= ended <= 83


def test_a_step_is_told_once_with_the_level_before_and_after():
    values = np.abs(0.5 + np.random.default_rng(4).normal(0, 0.03, 9 * DAY)).round(3)
    values[7 * DAY :] += 0.4
    (hour, raised), *rest = told(values, 7)
    assert (raised.kind, raised.state) == ("level_step", "raised")
    assert 7 * 24 + 20 <= hour <= 7 * 24 + 36
    assert [alert.state for _, alert in rest] == ["expired"]
    assert "0.38 %/m higher than it was, and has been for a day: 0.91 %/m, expected 0.53 %/m" in text_of(raised)["en"]


def test_codes_of_known_devices_are_no_readings_but_refusals_with_device_and_value():
    values = np.random.default_rng(5).normal(0, 1, 3 * DAY).round(2)
    devices = {"warm-1": "environment", "cold-1": "environment", "smoke-1": "smoke"}
    pipe, log = Pipeline(CONFIG, places(devices)), Writer()

    def read(at: int, warm: float, cold: float, smoke: float):
        for device, metric, value in (
            ("warm-1", "temperature", warm), ("cold-1", "temperature", cold), ("smoke-1", "smoke", smoke)
        ):  # fmt: skip
            log.level(device, NOON + at * 30 * MINUTE, value, metric=metric)

    for at, value in enumerate(values.tolist()):
        read(at, 20 + value, value, 0.1 + 0.01 * abs(value))
    pipe.process(log.record())
    codes = (65_535.0, 32_767.0, 9_999.0, -999.0, -1.0)
    for at, code in enumerate(codes, len(values)):
        read(at, code, code, code)
    result = pipe.process(log.record())
    refused = {(one.reason, one.topic, json.loads(one.payload)["a"]) for one in result.refusals}
    wanted = {("range", f"b1/{device}", code) for device in devices for code in codes}
    wanted -= {("range", "b1/cold-1", -1.0)}  # which may well be one degree below zero
    assert refused == wanted - {("range", "b1/smoke-1", code) for code in codes if code > 0}
    assert all("is a code for a fault" in one.detail for one in result.refusals)
    # A smoke detector at the end of its scale may stand in a fire.
    assert {alert.kind for alert in result.alerts} == {"smoke"}
    read(len(values) + len(codes), 20, 0, 0.1)
    result = pipe.process(log.record())
    assert {alert.kind for alert in result.alerts} <= {"smoke"}
    assert {anomaly.kind for anomaly in result.anomalies} <= {"smoke"}  # its end
    assert not result.refusals
