"""Explanations: numbers in, sentences out, in both languages."""

from datetime import timedelta, timezone

import pytest

from models import explain, phrases


def test_a_surge_in_both_languages():
    text = explain.count("surge", "person", 41, 12, 1.2e-5, "21:05")
    assert text["en"] == "41 people, expected 12; about 1 in 80,000; since 21:05."
    assert text["zh-CN"] == "行人41人次，正常应为12人次，概率约为8万分之一，自21:05起。"


def test_dead_and_unknown_metrics():
    assert explain.count("dead", "vehicle", 0, 30.2, 1e-12)["en"].startswith("No vehicles counted, expected 30.2")
    assert "boats" in explain.count("surge", "boats", 5, 1, 0.01)["en"]


@pytest.mark.parametrize(
    ("p", "english"),
    [
        (0.9, "not unusual"),
        (0.05, "about 1 in 20"),
        (1.2e-5, "about 1 in 80,000"),
        (0.0, "less than 1 in 1,000,000,000"),
        (float("nan"), "less than 1 in 1,000,000,000"),
    ],
)
def test_odds(p: float, english: str):
    assert explain.odds(p)["en"] == english


def test_hazards():
    text = explain.hazard("noise_high", "noise", 91.3, 85.0, "dB", "02:10")
    assert text["en"] == "Loud noise: noise 91.3 dB, limit 85 dB; since 02:10."
    assert "阈值85 dB" in text["zh-CN"]
    text = explain.hazard("door_open", "door", "open", "120 s")
    assert text["en"] == "Door left open: door is open for more than 120 s."
    assert text["zh-CN"] == "门未关闭：状态为“打开”，已超过120秒。"


@pytest.mark.parametrize("kind", ["stranger_vehicle", "tailgating", "circling", "wrong_way", "overstay", "convoy", "?"])
def test_gates(kind: str):
    for value in (-1.0, 2.4, 40.0):
        text = explain.gate(kind, value, 28.0, "23:59")
        assert set(text) == {"en", "zh-CN"}
        assert text["en"].endswith("at 23:59.")


def test_the_rest():
    assert explain.silent(700, 60)["en"] == "Nothing heard for 12 min; it usually reports every 60 s."
    assert explain.series("burglary", 3, 300, 72)["zh-CN"] == "72小时内在300米范围内发生入室盗窃3起。"
    assert explain.hotspot({"burglary": 3, "theft": 0}, 72)["en"] == "3 burglaries within 72 h nearby."
    assert "80%" in explain.hotspot({}, 72, {"theft": 0.8})["en"]
    assert explain.hotspot({}, 72)["zh-CN"] == "暂无相关记录。"
    assert explain.level("noise", "dB", 90, 60, 1e-4, "01:00")["en"].startswith("Noise 90 dB, expected 60 dB")
    assert explain.clock(1_795_363_200_000, timezone(timedelta(hours=8))) == "00:00"


def test_every_kind_has_a_title_and_advice_in_both_languages():
    assert set(phrases.TITLES) == set(phrases.ADVICE)
    for kind in [*phrases.TITLES, "something_new"]:
        for text in (explain.title(kind), explain.advice(kind)):
            assert all(text[language].strip() for language in ("en", "zh-CN"))
            assert any("\u4e00" <= letter <= "\u9fff" for letter in text["zh-CN"]) or kind == "something_new"
