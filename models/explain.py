"""Why: findings as sentences with numbers, in English and Chinese. Pure functions of what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from models import phrases

Text = dict[str, str]
"""Language code (``en``, ``zh-CN``) → sentence."""
_NAMED: Final = 5
"""So many devices of a group are called by their names."""


def title(kind: str) -> Text:
    """Return what a kind of finding is called; an unknown kind is called by its own name."""
    return _pair(phrases.TITLES.get(kind, (kind.replace("_", " "), kind)))


def advice(kind: str) -> Text:
    """Return what to do about it."""
    return _pair(phrases.ADVICE.get(kind, ("Find out what happened on site.", "派员到现场核实情况。")))


def clock(ms: int, zone: tzinfo | None = None) -> str:
    """Return the local time of an instant as ``21:05``."""
    return datetime.fromtimestamp(ms / 1000, zone or UTC).strftime("%H:%M")


def number(value: float) -> str:
    """Return a number as people write it: three significant digits, thousands grouped."""
    if not math.isfinite(value):
        return "?"
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def odds(p: float) -> Text:
    """Return a probability as ``about 1 in 80,000`` (one significant digit; at most a thousand million)."""
    inverse = 1e9 if not math.isfinite(p) or p <= 0 else min(1.0 / min(p, 1.0), 1e9)
    if inverse < 2:
        return {"en": "not unusual", "zh-CN": "属正常范围"}
    step = 10.0 ** math.floor(math.log10(inverse))
    rounded = round(inverse / step) * step
    if inverse >= 1e9:
        return {"en": "less than 1 in 1,000,000,000", "zh-CN": "概率不到十亿分之一"}
    chinese = f"{rounded / 10_000:g}万" if rounded >= 10_000 else f"{rounded:.0f}"
    return {"en": f"about 1 in {rounded:,.0f}", "zh-CN": f"概率约为{chinese}分之一"}


def length(seconds: float) -> Text:
    """Return a duration: seconds below two minutes, minutes below two hours, else hours, days from two."""
    value = max(seconds, 0.0)
    for limit, unit, english, chinese in (
        (120, 1, "s", "秒"),
        (7_200, 60, "min", "分钟"),
        (172_800, 3_600, "h", "小时"),
    ):
        if value < limit:
            return {"en": f"{value / unit:.0f} {english}", "zh-CN": f"{value / unit:.0f}{chinese}"}
    return {"en": f"{value / 86_400:.0f} days", "zh-CN": f"{value / 86_400:.0f}天"}


def count(kind: str, metric: str, observed: float, expected: float, p: float, since: str = "") -> Text:
    """Explain surge, deficit or dead: ``41 people, expected 12, about 1 in 80,000, since 21:05``.

    Parameters
    ----------
    kind
        ``surge``, ``deficit`` or ``dead``.
    metric
        ``person`` or ``vehicle``.
    observed, expected
        Counts of the window.
    p
        Tail probability of the window.
    since
        Local time of the onset, from `clock`; empty: left out.
    """
    english, chinese, measure = phrases.METRICS.get(metric, (metric, metric, ""))
    chance = odds(p)
    seen, normal = number(observed), number(expected)
    if kind == "dead":
        en = f"No {english} counted, expected {normal}"
        zh = f"未统计到{chinese}，正常应为{normal}{measure}"
    else:
        en = f"{seen} {english}, expected {normal}"
        zh = f"{chinese}{seen}{measure}，正常应为{normal}{measure}"
    en += f"; {chance['en']}"
    zh += f"，{chance['zh-CN']}"
    if since:
        en, zh = f"{en}; since {since}", f"{zh}，自{since}起"
    return {"en": f"{en}.", "zh-CN": f"{zh}。"}


def level(metric: str, unit: str, observed: float, expected: float, p: float, since: str = "") -> Text:
    """Explain a reading that is unusual for its time."""
    english, chinese = phrases.READINGS.get(metric, (metric, metric))
    chance = odds(p)
    space = f" {unit}" if unit else ""
    en = f"{english.capitalize()} {number(observed)}{space}, expected {number(expected)}{space}; {chance['en']}"
    zh = f"{chinese}{number(observed)}{space}，正常应为{number(expected)}{space}，{chance['zh-CN']}"
    if since:
        en, zh = f"{en}; since {since}", f"{zh}，自{since}起"
    return {"en": f"{en}.", "zh-CN": f"{zh}。"}


def hazard(kind: str, metric: str, value: float | str, threshold: float | str, unit: str = "", since: str = "") -> Text:
    """Explain a hazard: a reading over its threshold, or a state that lasts too long."""
    name = title(kind)
    if isinstance(value, str):
        en = f"{name['en']}: {metric} is {value}"
        zh = f"{name['zh-CN']}：状态为“{phrases.WORDS.get(value, value)}”"
        if isinstance(threshold, str) and threshold not in {"", "0 s"}:
            limit = threshold.removesuffix(" s")
            en, zh = f"{en} for more than {limit} s", f"{zh}，已超过{limit}秒"
    else:
        space = f" {unit}" if unit else ""
        english, chinese = phrases.READINGS.get(metric, (metric, metric))
        limit = number(threshold) if isinstance(threshold, int | float) else str(threshold)
        en = f"{name['en']}: {english} {number(value)}{space}, limit {limit}{space}"
        zh = f"{name['zh-CN']}：{chinese}{number(value)}{space}，阈值{limit}{space}"
    if since:
        en, zh = f"{en}; since {since}", f"{zh}，自{since}起"
    return {"en": f"{en}.", "zh-CN": f"{zh}。"}


def gate(kind: str, value: float, threshold: float, at: str = "") -> Text:
    """Explain a gate finding; `value` and `threshold` as in `models.rules.gates.GateEvent`."""
    days, v, limit = number(threshold), number(value), number(threshold)
    name = title(kind)
    sentences: dict[str, tuple[str, str]] = {
        "stranger_vehicle": (
            f"Vehicle not on the list, {'never seen here before' if value < 0 else f'last seen {v} days ago'}",
            f"未登记车辆，{f'近{days}天内首次出现' if value < 0 else f'距上次出现已{v}天'}",
        ),
        "tailgating": (
            f"A vehicle that was not let in followed another {value:.1f} s behind (limit {limit} s)",
            f"未获准车辆紧跟前车通过，间隔{value:.1f}秒（阈值{limit}秒）",
        ),
        "circling": (
            f"The same vehicle passed the gates {v} times within an hour or less",
            f"同一车辆短时间内{v}次经过卡口",
        ),
        "wrong_way": ("A vehicle passed against the permitted direction", "车辆逆向通过单行卡口"),
        "overstay": (
            f"A visitor's vehicle has been inside for {v} h (limit {limit} h)",
            f"外来车辆已滞留{v}小时（上限{limit}小时）",
        ),
        "convoy": (
            f"{v} unknown vehicles passed one behind the other",
            f"{v}辆陌生车辆接连通过卡口",
        ),
    }
    en, zh = sentences.get(kind, (name["en"], name["zh-CN"]))
    if at:
        en, zh = f"{en}, at {at}", f"{at}，{zh}"
    return {"en": f"{en}.", "zh-CN": f"{zh}。"}


class Channel(NamedTuple):
    """One channel of a beat's context, as a sentence tells it."""

    name: str
    """``people``, ``vehicles`` or ``noise``."""
    direction: int
    """1 for more than expected, -1 for less, 0 for as usual."""
    observed: float
    """Counts in all, noise on average."""
    expected: float


def context(channels: Sequence[Channel], p: float, day: Text, at: str, minutes: float, since: str = "") -> Text:
    """Explain an unusual mix: ``Few people (3 in 30 min, expected 14) but many vehicles (22, expected 9) for …``.

    Parameters
    ----------
    channels
        What drives it first, the strongest on top; channels as usual (direction 0) behind.
    p
        Tail probability of the mix.
    day, at
        Class of day, from `day`, and local time, from `clock`.
    minutes
        What the numbers cover.
    since
        Local time of the onset, from `clock`; empty: left out.
    """
    en, zh, before = "", "", 0
    span_en, span_zh = f" in {minutes:.0f} min", f"{minutes:.0f}分钟内"
    for channel in channels:
        english, chinese, unit, measure = phrases.CHANNELS[channel.name]
        if not channel.direction:
            continue
        more, counted = channel.direction > 0, not unit
        seen, normal = number(channel.observed), number(channel.expected)
        word = ("many" if more else "few") if counted else ("high" if more else "low")
        en += (" but " if before == -channel.direction else " and ") if before else ""
        zh += ("，而" if before == -channel.direction else "，且") if before else ""
        en += f"{word} {english} ({seen}{unit}{span_en}, expected {normal}{unit})"
        zh += f"{chinese}偏{('多' if more else '少') if counted else ('高' if more else '低')}"
        zh += f"（{span_zh}{seen}{measure}，正常应为{normal}{measure}）"
        before, span_en, span_zh = channel.direction, "", ""
    calm = [phrases.CHANNELS[channel.name] for channel in channels if not channel.direction]
    chance = odds(p)
    en = f"{en[:1].upper()}{en[1:]} for {day['en']} around {at}"
    zh = f"{day['zh-CN']}{at}前后{zh}"
    if calm:
        en += f", {' and '.join(names[0] for names in calm)} as usual"
        zh += f"，{'、'.join(names[1] for names in calm)}正常"
    en, zh = f"{en}; such a mix: {chance['en']}", f"{zh}；此类组合{chance['zh-CN']}"
    if since:
        en, zh = f"{en}; since {since}", f"{zh}，自{since}起"
    return {"en": f"{en}.", "zh-CN": f"{zh}。"}


def day(weekday: int, *, working: bool) -> Text:
    """Return what a day is called: ``a Tuesday``, ``a holiday``, ``a working Saturday``; 0 is Monday."""
    english, chinese = phrases.DAYS[weekday]
    if working and weekday >= 5:
        return {"en": f"a working {english}", "zh-CN": f"调休上班的{chinese}"}
    if not working and weekday < 5:
        return {"en": "a holiday", "zh-CN": "节假日"}
    return {"en": f"a {english}", "zh-CN": chinese}


def silent(seconds: float, usual_s: float) -> Text:
    """Explain a device that has said nothing for `seconds`, where it usually speaks every `usual_s`."""
    gone, usual = length(seconds), length(usual_s)
    return {
        "en": f"Nothing heard for {gone['en']}; it usually reports every {usual['en']}.",
        "zh-CN": f"已{gone['zh-CN']}未收到数据，正常每{usual['zh-CN']}上报一次。",
    }


def feed_lost(lost: int, heard: int) -> Text:
    """Explain a beat most of whose devices have fallen silent at once."""
    return {
        "en": f"{lost} of {heard} devices in this beat have gone silent; the area is not being watched.",
        "zh-CN": f"本网格{heard}台设备中有{lost}台失联，该区域目前无法监测。",
    }


def over(text: Text, seconds: float) -> Text:
    """Complete the sentence of a finding that is over with how long it went on."""
    lasted = length(seconds)
    return {
        "en": f"{text['en']} Over after {lasted['en']}.",
        "zh-CN": f"{text['zh-CN']}现已结束，共持续{lasted['zh-CN']}。",
    }


def taken_over(text: Text, kind: str) -> Text:
    """Complete the sentence of an alert that another one, of `kind`, has taken the place of."""
    name = title(kind)
    return {
        "en": f"{text['en']} Now part of the alert “{name['en']}”.",
        "zh-CN": f"{text['zh-CN']}已并入“{name['zh-CN']}”告警。",
    }


def together(device_type: str, names: Sequence[Text], distance_m: float, place: Text, strongest: Text) -> Text:
    """Explain one finding of several neighbouring devices.

    Parameters
    ----------
    device_type
        Type of all the devices, as in the places file; empty where they differ.
    names
        What the devices are called, in the order in which they joined; from the sixth on they are only counted.
    distance_m
        How far apart they are at most.
    place, strongest
        Name of the device where it shows most, and what is said of that one.
    """
    english, chinese = phrases.DEVICES.get(device_type, phrases.DEVICES[""])
    metres, count = _tens(distance_m), len(names)
    en = ", ".join(name["en"] for name in names[:_NAMED])
    zh = "、".join(name["zh-CN"] for name in names[:_NAMED])
    if count > _NAMED:
        en, zh = f"{en} and {count - _NAMED} more", f"{zh}等"
    return {
        "en": f"{count} {english} within {metres} m: {en}. Strongest at {place['en']}: {strongest['en']}",
        "zh-CN": f"{metres}米范围内{count}{chinese}同时异常：{zh}。{place['zh-CN']}最为明显：{strongest['zh-CN']}",
    }


def fire(distance_m: float, parts: Sequence[tuple[Text, Text]]) -> Text:
    """Explain smoke and heat close together; `parts` are pairs of a detector's name and what is said of it."""
    metres = _tens(distance_m)
    en = " ".join(f"{name['en']}: {text['en']}" for name, text in parts)
    zh = "".join(f"{name['zh-CN']}：{text['zh-CN']}" for name, text in parts)
    near_en, near_zh = (f"within {metres} m", f"{metres}米范围内") if distance_m > 0 else ("in one place", "同一位置")
    return {
        "en": f"Smoke and heat {near_en}, probably a fire. {en}",
        "zh-CN": f"{near_zh}烟感、温感同时报警，疑似起火。{zh}",
    }


def barrier_down(passes: float, at: str) -> Text:
    """Explain vehicles that pass a barrier which says that it is down."""
    n = number(passes)
    return {
        "en": f"{n} vehicles in a row passed while the barrier said it was down; since {at}.",
        "zh-CN": f"道闸显示为落下状态，仍连续有{n}辆车通过，自{at}起。",
    }


def series(category: str, how_many: int, radius_m: float, hours: float) -> Text:
    """Explain a series of incidents."""
    english, chinese = phrases.CATEGORIES.get(category, (f"incidents ({category})", category))
    en = f"{how_many} {english} within {radius_m:.0f} m and {hours:.0f} h."
    return {"en": en, "zh-CN": f"{hours:.0f}小时内在{radius_m:.0f}米范围内发生{chinese}{how_many}起。"}


def hotspot(counts: dict[str, int], hours: float, shares: dict[str, float] | None = None) -> Text:
    """Explain a hotspot: recent events nearby by class, or else what its long memory holds.

    Parameters
    ----------
    counts
        Class → events nearby within `hours`, from `HotspotGrid.recent_counts`; zeros are left out.
    shares
        Class → share of the risk, from `HotspotGrid.drivers`, used where nothing is recent.
    """
    named = sorted(((n, c) for c, n in counts.items() if n > 0), key=lambda pair: (-pair[0], pair[1]))[:3]
    if named:
        pairs = [(n, *phrases.CATEGORIES.get(c, (c, c))) for n, c in named]
        en = ", ".join(f"{n} {english}" for n, english, _ in pairs)
        zh = "、".join(f"{chinese}{n}起" for n, _, chinese in pairs)
        return {"en": f"{en} within {hours:.0f} h nearby.", "zh-CN": f"附近{hours:.0f}小时内{zh}。"}
    top = max((shares or {}).items(), key=lambda pair: (pair[1], pair[0]), default=("", 0.0))
    if top[1] <= 0:
        return {"en": "Nothing known here yet.", "zh-CN": "暂无相关记录。"}
    english, chinese = phrases.CATEGORIES.get(top[0], (top[0], top[0]))
    return {
        "en": f"Mostly earlier {english} ({top[1]:.0%} of the risk).",
        "zh-CN": f"主要来自以往{chinese}（占风险{top[1]:.0%}）。",
    }


def _tens(metres: float) -> int:
    """Return a distance as people say it: whole tens of metres, rounded up."""
    return max(math.ceil(metres / 10 - 1e-9), 1) * 10


def _pair(pair: tuple[str, str]) -> Text:
    return {"en": pair[0], "zh-CN": pair[1]}
