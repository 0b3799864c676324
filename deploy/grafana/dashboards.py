"""The six dashboards, in English and Simplified Chinese from one source.

Every query is InfluxQL; names come from `stream.sinks.influx_schema`, which a test checks them against. A measurement
of its own gets its panels here, in one function.
"""

# ruff: noqa: S608 - queries are made of names of our own; Grafana fills in the variables

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.grafana import panels as p
from deploy.grafana.panels import BLUE, GREEN, GREY, RED, YELLOW, Json, override, target, thresholds

if TYPE_CHECKING:
    from collections.abc import Callable

LANGUAGES: Final = ("en", "zh-CN")
FOLDERS: Final = {"en": ("patrolgrid-en", "PatrolGrid"), "zh-CN": ("patrolgrid-zh", "PatrolGrid 网格巡防")}
"""Language → uid and title of its folder."""
HERE: Final = '"site" =~ /^$site$/ AND "beat" =~ /^$beat$/ AND $timeFilter'
SITE: Final = '"site" =~ /^$site$/ AND $timeFilter'
_DEVICE: Final = f'"device" =~ /^$device$/ AND {HERE}'
_EACH: Final = 'GROUP BY "beat", "device"'
_BAD_GOOD: Final = thresholds((None, RED), (0.5, YELLOW), (0.8, GREEN))
_GOOD_BAD: Final = thresholds((None, GREEN), (1, YELLOW), (5, RED))


def dashboards(language: str) -> dict[str, Json]:
    """Return the dashboards of a language by uid."""

    def say(english: str, chinese: str) -> str:
        return chinese if language == "zh-CN" else english

    made = [
        _dashboard(language, name, title, make(say, language), say)
        for name, title, make in (
            ("now", say("Now", "实时态势"), _now),
            ("beat", say("Beat", "网格一日"), _beat),
            ("hotspots", say("Hotspots", "巡逻热点"), _hotspots),
            ("devices", say("Devices and data quality", "设备与数据质量"), _devices),
            ("pipeline", say("Pipeline", "数据管道"), _pipeline),
            ("replay", say("Replay", "回放评估"), _replay),
        )
    ]
    return {one["uid"]: one for one in made}


def uid(name: str, language: str) -> str:
    """Return a dashboard's uid."""
    return f"patrolgrid-{name}-{'zh' if language == 'zh-CN' else 'en'}"


def _text(name: str, language: str) -> str:
    """Return the field that holds a text in a language, under its English name."""
    return f'"{name}_zh" AS "{name}"' if language == "zh-CN" else f'"{name}"'


def _dashboard(language: str, name: str, title: str, found: list[Json], say: Callable[[str, str], str]) -> Json:
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
            "query": f'SELECT {_text("text", language)} FROM "alert" WHERE "state" = \'raised\' AND {HERE}',
            "rawQuery": True,
            "refId": "Anno",
            "resultFormat": "table",
            "textEditor": True,
        },
        "textColumn": "text",
        "tagsColumn": "kind,device",
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


def _go(language: str, name: str, title: str, *variables: str) -> list[Json]:
    """Return a link from a table's row to another dashboard, with the row's values as variables."""
    chosen = "".join(f"&var-{one}=${{__data.fields.{one}}}" for one in variables)
    return [{"title": title, "url": f"/d/{uid(name, language)}?${{__url_time_range}}&${{site:queryparam}}{chosen}"}]


def _band(title: str, measurement: str, where: str, say: Callable[[str, str], str], size: tuple[int, int]) -> Json:
    """Return what was counted against what was expected, with the usual band."""
    seen, expected = say("seen", "实际"), say("expected", "预期")
    lower, upper = say("usual, lower", "常态下限"), say("usual, upper", "常态上限")
    query = (
        f'SELECT sum("in") + sum("out") AS "{seen}", sum("expected") AS "{expected}", sum("lower") AS "{lower}", '
        f'sum("upper") AS "{upper}" FROM "{measurement}" WHERE {where} GROUP BY time($__interval) fill(none)'
    )
    hidden = {"color": {"mode": "fixed", "fixedColor": GREY}, "custom_lineWidth": 0}
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


def _open_alerts(say: Callable[[str, str], str], language: str, size: tuple[int, int]) -> Json:
    fields = f'"severity", "state", {_text("place", language)}, {_text("text", language)}'
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
        links=_go(language, "beat", say("The beat's day", "查看该网格"), "beat"),
        overrides=[
            override("open", custom_hidden=True),
            override(
                "severity",
                mappings=[{"type": "value", "options": mapping}],
                custom_cellOptions={"type": "color-background"},
            ),
        ],
    )


def _hotspot_map(say: Callable[[str, str], str], language: str, size: tuple[int, int]) -> Json:
    query = (
        f'SELECT last("risk") AS "risk", "rank", "lon", "lat", "expected", {_text("drivers", language)} '
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
        links=_go(language, "hotspots", say("Hotspots", "巡逻热点"), "beat"),
    )


def _now(say: Callable[[str, str], str], language: str) -> list[Json]:
    latest = f'FROM "device_health" WHERE {HERE} {_EACH}'
    return [
        p.stat(
            say("Open alerts", "未解除告警"),
            f'SELECT sum("open") AS "open" FROM (SELECT last("open") AS "open" FROM "alert" WHERE {HERE} GROUP BY "beat", "device", "kind")',
            steps=_GOOD_BAD,
        ),
        p.stat(say("Anomalies", "异常"), f'SELECT count("observed") AS "anomalies" FROM "anomaly" WHERE {HERE}'),
        p.stat(
            say("Silent devices", "失联设备"),
            f'SELECT sum("silent") AS "silent" FROM (SELECT last("silent") AS "silent" {latest})',
            steps=_GOOD_BAD,
            links=_go(language, "devices", say("Devices", "设备")),
        ),
        p.stat(
            say("Data quality", "数据质量"),
            f'SELECT mean("quality") AS "quality" FROM (SELECT last("quality") AS "quality" {latest})',
            unit="percentunit",
            steps=_BAD_GOOD,
        ),
        p.stat(
            say("People in the time shown", "时段内人流"),
            f'SELECT sum("in") + sum("out") AS "people" FROM "people" WHERE {HERE}',
        ),
        p.stat(
            say("Vehicles in the time shown", "时段内车流"),
            f'SELECT sum("in") + sum("out") AS "vehicles" FROM "vehicles" WHERE {HERE}',
        ),
        _open_alerts(say, language, (14, 10)),
        _hotspot_map(say, language, (10, 10)),
        _band(say("People against expected", "人流：实际与预期"), "people", HERE, say, (12, 8)),
        _band(
            say("Vehicles against expected (cameras)", "车流：实际与预期（摄像头）"),
            "vehicles",
            f"\"of\" = '' AND {HERE}",
            say,
            (12, 8),
        ),
        p.bars(
            say("Alerts raised, by kind", "新增告警（按类型）"),
            [
                target(
                    f'SELECT count("id") FROM "alert" WHERE "state" = \'raised\' AND {HERE} GROUP BY time($__interval), "kind" fill(none)',
                    alias="$tag_kind",
                )
            ],
            interval="5m",
        ),
        _hazards(say, HERE),
        _trouble(say, language, (24, 8)),
    ]


def _hazards(say: Callable[[str, str], str], where: str) -> Json:
    units = {"noise": "dB", "smoke": "%/m", "temperature": "celsius", "water": "lengthcm"}
    query = f'SELECT max("high") FROM "level" WHERE {where} GROUP BY time($__interval), "metric" fill(none)'
    return p.lines(
        say("Hazards: highest of each metric", "险情：各指标最高值"),
        [target(query, alias="$tag_metric")],
        interval="5m",
        overrides=[override(metric, unit=unit) for metric, unit in units.items()],
    )


def _trouble(say: Callable[[str, str], str], language: str, size: tuple[int, int]) -> Json:
    query = (
        'SELECT last("quality") AS "quality", "online", "silent", "stuck", "missing", "late", "skew_s" '
        f'FROM "device_health" WHERE {HERE} {_EACH}'
    )
    return p.table(
        say("Devices, the worst first", "设备（质量最差在前）"),
        query,
        size=size,
        links=_go(language, "devices", say("This device", "查看该设备"), "beat", "device"),
        transformations=[{"id": "sortBy", "options": {"sort": [{"field": "quality"}]}}],
        overrides=[
            override(
                "quality", unit="percentunit", thresholds=_BAD_GOOD, custom_cellOptions={"type": "color-background"}
            ),
            override("skew_s", unit="s"),
        ],
    )


def _beat(say: Callable[[str, str], str], language: str) -> list[Json]:
    gate = f'SELECT sum("in") AS "in", sum("out") AS "out" FROM "vehicles" WHERE "of" = \'gate\' AND {_DEVICE} GROUP BY time($__interval), "device" fill(none)'
    states = f'SELECT "value" FROM "state" WHERE {_DEVICE} GROUP BY "device", "metric"'
    levels = (
        f'SELECT max("high") FROM "level" WHERE {_DEVICE} GROUP BY time($__interval), "device", "metric" fill(none)'
    )
    counted = (
        f'SELECT sum("in") + sum("out") FROM "people" WHERE {_DEVICE} GROUP BY time($__interval), "device" fill(none)'
    )
    return [
        _band(say("People against expected", "人流：实际与预期"), "people", _DEVICE, say, (24, 9)),
        _band(
            say("Vehicles against expected", "车流：实际与预期"), "vehicles", f"\"of\" = '' AND {_DEVICE}", say, (12, 8)
        ),
        p.lines(
            say("Gates: vehicles in and out", "卡口：进出车辆"), [target(gate, alias="$tag_device $col")], interval="5m"
        ),
        p.lines(say("People by device", "各设备人流"), [target(counted, alias="$tag_device")], interval="5m"),
        p.lines(
            say("Sensors: highest", "传感器：最高值"), [target(levels, alias="$tag_device $tag_metric")], interval="5m"
        ),
        p.timeline(
            say("Doors, covers, barriers", "门、井盖、道闸状态"), [target(states, alias="$tag_device $tag_metric")]
        ),
        _open_alerts(say, language, (24, 8)),
        _alert_changes(say, language),
    ]


def _alert_changes(say: Callable[[str, str], str], language: str) -> Json:
    query = f'SELECT "state", "severity", {_text("place", language)}, {_text("text", language)}, "id" FROM "alert" WHERE {HERE} GROUP BY "beat", "device", "kind"'
    return p.table(say("Everything that happened to alerts", "告警处置记录"), query, size=(24, 8))


def _hotspots(say: Callable[[str, str], str], language: str) -> list[Json]:
    cells = f'SELECT last("rank") AS "rank", "risk", "expected", {_text("drivers", language)} FROM "hotspot" WHERE {HERE} GROUP BY "beat", "cell"'
    risk = f'SELECT max("risk") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "cell" fill(none)'
    events = f'SELECT mean("expected") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "beat" fill(none)'
    return [
        _hotspot_map(say, language, (12, 14)),
        p.table(
            say("Top cells, and why", "重点格及成因"),
            cells,
            size=(12, 14),
            transformations=[{"id": "sortBy", "options": {"sort": [{"field": "rank"}]}}],
            overrides=[
                override(
                    "risk", unit="percentunit", custom_cellOptions={"type": "gauge", "mode": "basic"}, min=0, max=1
                )
            ],
            links=_go(language, "beat", say("The beat's day", "查看该网格"), "beat"),
        ),
        p.lines(
            say("How a cell's risk went", "各格风险走势"),
            [target(risk, alias="$tag_cell")],
            unit="percentunit",
            interval="5m",
        ),
        p.lines(
            say("Expected events a cell, by beat", "各网格每格预期事件数"),
            [target(events, alias="$tag_beat")],
            interval="5m",
        ),
    ]


def _devices(say: Callable[[str, str], str], language: str) -> list[Json]:
    def over_time(what: str, *by: str) -> str:
        groups = "".join(f', "{one}"' for one in by)
        return f'SELECT {what} FROM "device_health" WHERE {_DEVICE} GROUP BY time($__interval){groups} fill(none)'

    late, missing, twice = say("late", "迟到"), say("missing", "缺失"), say("duplicate", "重复")
    silent, stuck = say("silent", "失联"), say("stuck", "卡死")
    return [
        p.lines(
            say("Data quality: lowest and mean", "数据质量：最低与平均"),
            [
                target(
                    over_time(
                        f'min("quality") AS "{say("lowest", "最低")}", mean("quality") AS "{say("mean", "平均")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="percentunit",
            interval="5m",
        ),
        p.bars(
            say("Late, missing, duplicate observations", "迟到、缺失、重复的数据"),
            [
                target(
                    over_time(f'sum("late") AS "{late}", sum("missing") AS "{missing}", sum("duplicate") AS "{twice}"'),
                    alias="$col",
                )
            ],
            interval="5m",
        ),
        p.bars(
            say("Silent and stuck devices", "失联与卡死设备数"),
            [target(over_time(f'sum("silent") AS "{silent}", sum("stuck") AS "{stuck}"'), alias="$col")],
            interval="5m",
        ),
        p.lines(
            say("Clock skew", "时钟偏差"),
            [
                target(
                    over_time(
                        f'max("skew_s") AS "{say("slowest", "最慢")}", min("skew_s") AS "{say("fastest", "最快")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="s",
            interval="5m",
        ),
        _trouble(say, language, (24, 12)),
        p.lines(
            say("Observations by beat", "各网格数据量"),
            [target(over_time('sum("received")', "beat"), alias="$tag_beat")],
            size=(24, 8),
            interval="5m",
        ),
    ]


def _pipeline(say: Callable[[str, str], str], language: str) -> list[Json]:
    del language

    def over_time(what: str) -> str:
        return f'SELECT {what} FROM "pipeline" WHERE "reason" = \'\' AND {SITE} GROUP BY time($__interval) fill(none)'

    def last(field: str) -> str:
        return f'SELECT last("{field}") AS "{field}" FROM "pipeline" WHERE "reason" = \'\' AND {SITE}'

    reasons = f'SELECT last("quarantined") FROM "pipeline" WHERE "reason" != \'\' AND {SITE} GROUP BY time($__interval), "reason" fill(none)'
    lag = thresholds((None, GREEN), (5, YELLOW), (30, RED))
    return [
        p.stat(say("Behind", "处理滞后"), last("lag_s"), unit="s", steps=lag),
        p.stat(
            say("Waiting for InfluxDB", "待写入 InfluxDB"),
            last("backlog_lines"),
            steps=thresholds((None, GREEN), (10_000, YELLOW), (1_000_000, RED)),
        ),
        p.stat(say("Parts failing", "故障部件"), last("failing"), steps=thresholds((None, GREEN), (1, RED))),
        p.stat(say("In quarantine", "隔离数据"), last("quarantined"), steps=thresholds((None, BLUE))),
        p.stat(
            say("Refused by InfluxDB", "被 InfluxDB 拒收"),
            last("influx_rejected"),
            steps=thresholds((None, GREEN), (1, RED)),
        ),
        p.stat(
            say("Dropped from a full backlog", "积压溢出丢弃"),
            last("influx_dropped"),
            steps=thresholds((None, GREEN), (1, RED)),
        ),
        p.lines(
            say("Rates", "速率"),
            [
                target(
                    over_time(
                        f'mean("observations_s") AS "{say("observations", "观测")}", mean("messages_s") AS "{say("messages", "消息")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="ops",
            interval="10s",
        ),
        p.lines(
            say("How far behind", "滞后"),
            [target(over_time('max("lag_s")'), alias=say("lag", "滞后"))],
            unit="s",
            steps=lag,
            interval="10s",
        ),
        p.lines(
            say("Backlog of the InfluxDB sink", "InfluxDB 写入积压"),
            [
                target(over_time(f'max("backlog_lines") AS "{say("lines", "行数")}"'), alias="$col"),
                target(over_time(f'max("backlog_s") AS "{say("age", "最久等待")}"'), ref="B", alias="$col"),
            ],
            interval="10s",
            overrides=[override(say("age", "最久等待"), unit="s", custom_axisPlacement="right")],
        ),
        p.lines(
            say("Quarantine, by reason", "隔离数据（按原因）"), [target(reasons, alias="$tag_reason")], interval="10s"
        ),
        p.lines(
            say("Observations: received and stored", "数据：接收与入库"),
            [
                target(
                    over_time(
                        f'max("received") AS "{say("received", "接收")}", max("stored") AS "{say("stored", "入库")}"'
                    ),
                    alias="$col",
                )
            ],
            interval="10s",
        ),
        p.lines(
            say("Duplicate and late observations", "重复与迟到的数据"),
            [
                target(
                    over_time(
                        f'max("duplicates") AS "{say("duplicate", "重复")}", max("late") AS "{say("late", "迟到")}"'
                    ),
                    alias="$col",
                )
            ],
            interval="10s",
        ),
    ]


def _replay(say: Callable[[str, str], str], language: str) -> list[Json]:
    truth = f'SELECT "active" FROM "truth" WHERE {HERE} GROUP BY "name", "beat"'
    alerts = f'SELECT "open" FROM "alert" WHERE {HERE} GROUP BY "kind", "device"'
    score = f'SELECT sum("found") AS "found", count("found") AS "happened" FROM "truth" WHERE {HERE} GROUP BY "name"'
    delay = f'SELECT mean("delay_s") AS "delay_s" FROM "truth" WHERE {HERE} GROUP BY "name"'
    found = f'SELECT sum("found") / count("found") AS "recall" FROM "truth" WHERE {HERE}'
    anomalies = f'SELECT count("observed") FROM "anomaly" WHERE {HERE} GROUP BY time($__interval), "kind" fill(none)'
    on_off = [
        {
            "type": "value",
            "options": {"0": {"text": " ", "color": "transparent"}, "1": {"text": say("on", "发生"), "color": RED}},
        }
    ]
    held = [{"matcher": {"id": "byRegexp", "options": ".*"}, "properties": [{"id": "mappings", "value": on_off}]}]
    return [
        p.stat(say("Found of what happened", "检出率"), found, unit="percentunit", steps=_BAD_GOOD, size=(6, 8)),
        p.table(say("Found, by scenario", "各场景检出"), score, size=(9, 8)),
        p.table(
            say("Mean delay, by scenario", "各场景平均延迟"),
            delay,
            size=(9, 8),
            overrides=[override("delay_s", unit="s")],
        ),
        p.timeline(
            say("What really happened", "真实发生"), [target(truth, alias="$tag_name $tag_beat")], overrides=held
        ),
        p.timeline(
            say("What was alerted", "系统告警"),
            [target(alerts, alias="$tag_kind $tag_device")],
            size=(24, 12),
            overrides=held,
        ),
        p.bars(say("Anomalies, by kind", "异常（按类型）"), [target(anomalies, alias="$tag_kind")], interval="5m"),
        _band(say("People against expected", "人流：实际与预期"), "people", HERE, say, (12, 8)),
    ]
