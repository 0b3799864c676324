"""How a word is written does not decide whether an alarm exists."""

from __future__ import annotations

import json

import pytest

from ingest.codecs import words
from ingest.codecs.native import NativeCodec
from ingest.observations import Level
from ingest.vocabulary import Kind, Reason
from models.rules.defaults import WITH_RULES, StateRule, defaults_for

NOW = 1_795_421_105_000


def level(metric: str, value: float | str, unit: str, codec: NativeCodec | None = None) -> tuple[str, float, str]:
    payload = json.dumps({"type": "level", "ts": NOW, "metric": metric, "value": value, "unit": unit})
    decoded = (codec or NativeCodec()).decode(payload.encode())
    assert decoded.refusals == []
    (one,) = decoded.observations
    assert isinstance(one, Level)
    return one.metric, round(one.value, 2), one.unit


def state(metric, value):
    return NativeCodec().decode(json.dumps({"type": "state", "ts": NOW, "metric": metric, "value": value}).encode())


def test_what_has_a_rule_is_known_by_name():
    assert words._SCALES.keys() == {metric for kind, metric in WITH_RULES if kind == Kind.LEVEL}
    assert words._STATES.keys() == {metric for kind, metric in WITH_RULES if kind == Kind.STATE}
    for metric, said in words._STATES.items():
        (rule,) = defaults_for("smoke", Kind.STATE, metric)
        assert isinstance(rule, StateRule)
        assert rule.bad.keys() <= said.keys()


@pytest.mark.parametrize(
    "unit",
    [
        "°C",
        "℃",
        "C",
        "c",
        " °C ",
        "ºC",
        "˚C",
        "° C",
        "degC",
        "Celsius",
        "CELSIUS",
        "摄氏度",
        "Ｃ",
        "°\u200bC",
        "℃\0",
        "℃\n",
        "",
    ],
)
def test_celsius_however_it_is_written(unit):
    assert level("temperature", 95, unit) == ("temperature", 95.0, "°C" if unit else "")


@pytest.mark.parametrize(
    "unit", ["dB", "db", "DB", "dB(A)", "dBA", "dB（A）", "ｄＢ（Ａ）", "㏈", "dB (A)", "分贝", "LAeq"]
)
def test_decibels_however_they_are_written(unit):
    assert level("noise", 95, unit) == ("noise", 95.0, "dB")


@pytest.mark.parametrize(
    ("metric", "value", "unit", "found"),
    [
        ("temperature", 135, "°F", 57.22), ("temperature", 134.6, "℉", 57.0), ("temperature", 330.15, "K", 57.0),
        ("water", 0.3, "m", 30.0), ("water", 300, "ｍｍ", 30.0), ("water", 12, "in", 30.48),
        ("water", 1, "ft", 30.48), ("smoke", 4, "％/m", 4.0), ("smoke", 10, "dB/m", 90.0), ("smoke", 1, "%/ft", 3.24),
    ],
)  # fmt: skip
def test_a_reading_is_judged_in_the_unit_of_its_rule(metric, value, unit, found):
    assert level(metric, value, unit) == (metric, found, words._SCALES[metric].unit)


@pytest.mark.parametrize(
    ("value", "unit", "found"),
    [
        ("95", "℃", 95.0),
        ("95.5 ℃", "", 95.5),
        ("95,5", "", 95.5),
        ("203°F", "", 95.0),
        (" ９５ ", "°C", 95.0),
        ("95℃", "°C", 95.0),
    ],
)
def test_a_value_that_is_a_text_is_read(value, unit, found):
    assert level("temperature", value, unit)[1] == found


@pytest.mark.parametrize("value", ["95,500", "1,234.5", "95 96", "hot", "", "0x5f", "--5", "9" * 30, "NaN", "Infinity"])
def test_a_value_that_could_be_meant_otherwise_is_refused(value):
    payload = json.dumps({"type": "level", "ts": NOW, "metric": "temperature", "value": value})
    assert NativeCodec().decode(payload.encode()).observations == []


def test_a_unit_that_is_not_known_is_taken_judged_as_it_is_and_counted():
    codec = NativeCodec()
    for _ in range(3):
        assert level("temperature", 95, "°De", codec) == ("temperature", 95.0, "°De")
    assert codec.odd_units == {("temperature", "°De"): 3}


@pytest.mark.parametrize("unit", ["μg/m³", "µg/m³", "㎍/㎥", "ug/m3"])
def test_any_printable_unit_of_a_metric_without_a_rule(unit):
    codec = NativeCodec()
    assert level("PM2.5", 35, unit, codec)[:2] == ("PM2.5", 35.0)
    assert codec.odd_units == {}


@pytest.mark.parametrize("metric", ["noise", "Noise", "NOISE", " noise ", "ｎｏｉｓｅ", "noise\r\n", "noise\0\0"])
def test_a_metric_with_a_rule_however_it_is_written(metric):
    assert level(metric, 95, "dB")[0] == "noise"


@pytest.mark.parametrize(
    ("metric", "value", "word"),
    [
        ("smoke", "ALARM", "alarm"), ("Smoke", "Alarm ", "alarm"), ("smoke", "ＡＬＡＲＭ", "alarm"),
        ("smoke", True, "alarm"),
        ("smoke", 1, "alarm"), ("smoke", "1", "alarm"), ("smoke", 1.0, "alarm"), ("smoke", "True", "alarm"),
        ("smoke", False, "ok"), ("smoke", "Normal", "ok"), ("smoke", "报警", "alarm"), ("smoke", "ALARM!", "alarm"),
        ("door", "OPEN", "open"), ("door", 1, "open"), ("door", False, "closed"), ("cover", "Tilted", "tilted"),
        ("cover", "开", "open"), ("tamper", "true", "alarm"),
        ("video", "Blocked", "blocked"), ("barrier", "STUCK", "stuck"),
        ("door", "ajar", "ajar"), ("pump", "Running", "Running"), ("pump", True, "true"), ("pump", 3, "3"),
    ],
)  # fmt: skip
def test_a_word_however_it_is_written(metric, value, word):
    assert [one.value for one in state(metric, value).observations] == [word]


@pytest.mark.parametrize(
    ("metric", "value"),
    [("video", True), ("barrier", 1), ("smoke", "al\x07arm"), ("smoke", ""), ("smoke", None), ("smoke", "x" * 65),
     ("door", "<b>"), ("do\x00or", "open"), ("door", [1]), ("door", 1.5)],
)  # fmt: skip
def test_what_says_nothing_is_refused_with_a_reason(metric, value):
    (refusal,) = state(metric, value).refusals
    assert refusal.reason in {Reason.RANGE, Reason.TYPE}
    assert refusal.detail


def test_made_up_words_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(words, "_REMEMBERED", 10)
    codec = NativeCodec()
    for number in range(100):
        level(f"m{number}", 1, f"Ｕ{number}", codec)
        level("temperature", 1, f"u{number}", codec)
    memory = codec._words
    assert max(len(memory._boots), len(memory._levels), len(memory._changed)) <= 10
    assert len(codec.odd_units) == words._MANY_UNITS
