"""The six dashboards, in English and Simplified Chinese from one source.

Every query is InfluxQL; names come from `stream.sinks.influx.schema`, which a test checks them against. A measurement
of its own gets its panels in one function of `deploy.grafana.command` or `deploy.grafana.engineers`.
"""

# ruff: noqa: S608 - queries are made of names of our own; Grafana fills in the variables

from __future__ import annotations

from typing import Final

from deploy.grafana import command, engineers
from deploy.grafana import panels as p
from deploy.grafana.outlines import LABEL
from deploy.grafana.panels import Json, Say
from deploy.grafana.shared import HERE, text_field, uid

LANGUAGES: Final = ("en", "zh-CN")
FOLDERS: Final = {"en": ("patrolgrid-en", "PatrolGrid"), "zh-CN": ("patrolgrid-zh", "PatrolGrid 网格巡防")}
"""Language → uid and title of its folder."""


def dashboards(language: str, outlines: str | None = None) -> dict[str, Json]:
    """Return the dashboards of a language by uid.

    `outlines` is where maps find the site's beats (`deploy.grafana.outlines`); without it they look for the file that
    `deploy.grafana.panels.OUTLINES` names.
    """

    def say(english: str, chinese: str) -> str:
        return chinese if language == "zh-CN" else english

    made = [
        _dashboard(language, name, title, make(say, language), say)
        for name, title, make in (
            ("now", say("Now", "实时态势"), command.now),
            ("beat", say("Beat", "网格一日"), command.beat),
            ("hotspots", say("Hotspots", "巡逻热点"), command.hotspots),
            ("devices", say("Devices and data quality", "设备与数据质量"), engineers.devices),
            ("pipeline", say("Pipeline", "数据管道"), engineers.pipeline),
            ("replay", say("Replay", "回放评估"), engineers.replay),
        )
    ]
    if outlines is not None:
        for one in made:
            one["panels"] = [p.with_outlines(panel, outlines, LABEL) for panel in one["panels"]]
    return {one["uid"]: one for one in made}


def _dashboard(language: str, name: str, title: str, found: list[Json], say: Say) -> Json:
    variables = [
        p.variable("site", say("Site", "站点"), 'SHOW TAG VALUES FROM "device_health" WITH KEY = "site"', many=False)
    ]
    beats = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "beat" WHERE "site" =~ /^$site$/'
    devices = 'SHOW TAG VALUES FROM "device_health" WITH KEY = "device" WHERE "beat" =~ /^$beat$/'
    variables.append(p.variable("beat", say("Beat", "网格"), beats))
    variables.append(p.variable("device", say("Device", "设备"), devices))
    annotation = {
        "name": say("Alerts", "告警"),
        "datasource": p.DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "target": {
            "query": f'SELECT {text_field("text", language)} FROM "alert" WHERE "state" = \'raised\' AND {HERE}',
            "rawQuery": True,
            "refId": "Anno",
            "resultFormat": "table",
            "textEditor": True,
            "fromAnnotations": True,
            "textColumn": "text",
            "tagsColumn": "kind,device",
        },
    }
    tag = f"patrolgrid-{language}"
    return {
        "uid": uid(name, language),
        "title": title,
        "tags": ["patrolgrid", tag],
        "schemaVersion": 39,
        "version": 0,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s" if name in {"now", "pipeline"} else "1m",
        "time": {"from": "now-6h" if name == "now" else "now-24h", "to": "now"},
        "templating": {"list": variables},
        "annotations": {"list": [annotation]},
        "links": [
            {
                "type": "dashboards",
                "title": say("Dashboards", "看板"),
                "tags": [tag],
                "asDropdown": False,
                "keepTime": True,
                "includeVars": True,
                "targetBlank": False,
            }
        ],
        "panels": p.lay_out(found),
    }
