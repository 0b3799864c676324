"""What several dashboards show, and the words that queries share."""

# ruff: noqa: S608 - queries are made of names of our own; Grafana fills in the variables

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from deploy.grafana import panels as p
from deploy.grafana.panels import BLUE, GREEN, GREY, RED, YELLOW, Json, override, target, thresholds

Say = Callable[[str, str], str]
"""Chooses between English and Chinese."""
HERE: Final = '"site" =~ /^$site$/ AND "beat" =~ /^$beat$/ AND $timeFilter'
SITE: Final = '"site" =~ /^$site$/ AND $timeFilter'
DEVICE: Final = f'"device" =~ /^$device$/ AND {HERE}'
EACH: Final = 'GROUP BY "beat", "device"'
BAD_GOOD: Final = thresholds((None, RED), (0.5, YELLOW), (0.8, GREEN))
GOOD_BAD: Final = thresholds((None, GREEN), (1, YELLOW), (5, RED))


def uid(name: str, language: str) -> str:
    """Return a dashboard's uid."""
    return f"patrolgrid-{name}-{'zh' if language == 'zh-CN' else 'en'}"


def text_field(name: str, language: str) -> str:
    """Return the field that holds a text in a language, under its English name."""
    return f'"{name}_zh" AS "{name}"' if language == "zh-CN" else f'"{name}"'


def go(language: str, name: str, title: str, *variables: str) -> list[Json]:
    """Return a link from a table's row to another dashboard, with the row's values as variables."""
    chosen = "".join(f"&var-{one}=${{__data.fields.{one}}}" for one in variables)
    return [{"title": title, "url": f"/d/{uid(name, language)}?${{__url_time_range}}&${{site:queryparam}}{chosen}"}]


def band(title: str, measurement: str, where: str, say: Say, size: tuple[int, int]) -> Json:
    """Return what was counted against what was expected, with the usual band."""
    seen, expected = say("seen", "实际"), say("expected", "预期")
    lower, upper = say("usual from", "常态下限"), say("usual to", "常态上限")
    query = (
        f'SELECT sum("in") + sum("out") AS "{seen}", sum("expected") AS "{expected}", sum("lower") AS "{lower}", '
        f'sum("upper") AS "{upper}" FROM "{measurement}" WHERE {where} GROUP BY time($__interval) fill(none)'
    )
    hidden: dict[str, Any] = {"color": {"mode": "fixed", "fixedColor": GREY}, "custom_lineWidth": 0}
    return p.lines(
        title,
        [target(query, alias="$col")],
        size=size,
        interval="5m",
        overrides=[
            override(seen, color={"mode": "fixed", "fixedColor": BLUE}),
            override(expected, color={"mode": "fixed", "fixedColor": "orange"}, custom_lineStyle={"fill": "dash"}),
            override(lower, **hidden),
            override(upper, custom_fillBelowTo=lower, **hidden),
        ],
    )


def open_alerts(say: Say, language: str, size: tuple[int, int]) -> Json:
    """Return the table of open alerts."""
    fields = f'"severity", "state", {text_field("place", language)}, {text_field("text", language)}'
    query = (
        f'SELECT * FROM (SELECT last("open") AS "open", {fields} FROM "alert" WHERE {HERE} '
        'GROUP BY "beat", "device", "kind") WHERE "open" = 1'
    )
    colors = {"critical": RED, "warning": YELLOW, "info": BLUE}
    mapping = {word: {"color": color, "text": word} for word, color in colors.items()}
    return p.table(
        say("Open alerts", "未解除告警"),
        query,
        size=size,
        links=go(language, "beat", say("The beat's day", "查看该网格"), "beat"),
        overrides=[
            override("open", custom_hidden=True),
            override(
                "severity",
                mappings=[{"type": "value", "options": mapping}],
                custom_cellOptions={"type": "color-background"},
            ),
        ],
    )


def alert_changes(say: Say, language: str) -> Json:
    """Return the table of every change of an alert."""
    query = (
        f'SELECT "state", "severity", {text_field("place", language)}, {text_field("text", language)}, "id" '
        f'FROM "alert" WHERE {HERE} GROUP BY "beat", "device", "kind"'
    )
    return p.table(say("Everything that happened to alerts", "告警处置记录"), query, size=(24, 8))


def hotspot_map(say: Say, language: str, size: tuple[int, int]) -> Json:
    """Return the map of hotspots."""
    query = (
        f'SELECT last("risk") AS "risk", "rank", "lon", "lat", "expected", {text_field("drivers", language)} '
        f'FROM "hotspot" WHERE {HERE} GROUP BY "cell", "beat"'
    )
    return p.risk_map(
        say("Hotspots", "热点分布"),
        query,
        size=size,
        description=say(
            "Cells of the maps in the chosen time, each as the newest one shows it; north is up.",
            "所选时段内上榜的格，各取最近一次的值；上方为北。",
        ),
        links=go(language, "hotspots", say("Hotspots", "巡逻热点"), "beat"),
        overrides=[override("risk", unit="percentunit", decimals=0)],
    )


METRIC_UNITS: Final = {"noise": "dB", "smoke": "suffix: %/m", "temperature": "celsius", "water": "suffix: cm"}
"""Metric → what Grafana calls its unit; it knows no centimetres and nothing per metre."""


def metric_units(pattern: str) -> list[Json]:
    """Return the units of series whose names have the metric where `pattern` has ``{}``."""
    return [override(pattern.format(metric), like=True, unit=unit) for metric, unit in METRIC_UNITS.items()]


def hazards(say: Say, where: str) -> Json:
    """Return the highest of each metric over time."""
    query = f'SELECT max("high") FROM "level" WHERE {where} GROUP BY time($__interval), "metric" fill(none)'
    return p.lines(
        say("Hazards: highest of each metric", "险情：各指标最高值"),
        [target(query, alias="$tag_metric")],
        interval="5m",
        overrides=metric_units("^{}$"),
    )


def trouble(say: Say, language: str, size: tuple[int, int]) -> Json:
    """Return the table of devices, the worst first."""
    query = (
        'SELECT last("quality") AS "quality", "online", "silent", "stuck", "missing", "late", "skew_s" '
        f'FROM "device_health" WHERE {HERE} {EACH}'
    )
    return p.table(
        say("Devices, the worst first", "设备（质量最差在前）"),
        query,
        size=size,
        links=go(language, "devices", say("This device", "查看该设备"), "beat", "device"),
        transformations=[{"id": "sortBy", "options": {"sort": [{"field": "quality"}]}}],
        overrides=[
            override(
                "quality", unit="percentunit", thresholds=BAD_GOOD, custom_cellOptions={"type": "color-background"}
            ),
            override("skew_s", unit="s"),
        ],
    )
