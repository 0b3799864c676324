"""The dashboards of the people who keep it running: Devices and data quality, Pipeline, Replay."""

# ruff: noqa: S608 - queries are made of names of our own; Grafana fills in the variables

from __future__ import annotations

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import BLUE, GREEN, RED, YELLOW, Json, Say, override, target, thresholds
from deploy.grafana.shared import BAD_GOOD, DEVICE, HERE, NOTHING, SITE, band, known, trouble


def devices(say: Say, language: str) -> list[Json]:
    """Return how good the data is."""

    def over_time(what: str, *by: str) -> str:
        groups = "".join(f', "{one}"' for one in by)
        return f'SELECT {what} FROM "device_health" WHERE {DEVICE} GROUP BY time($__interval){groups} fill(none)'

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
        trouble(say, language, (24, 12)),
        p.lines(
            say("Observations by beat", "各网格数据量"),
            [target(over_time('sum("received")', "beat"), alias="$tag_beat")],
            size=(24, 8),
            interval="5m",
        ),
    ]


def pipeline(say: Say, _language: str) -> list[Json]:
    """Return how the node does."""

    def over_time(what: str) -> str:
        return f'SELECT {what} FROM "pipeline" WHERE "reason" = \'\' AND {SITE} GROUP BY time($__interval) fill(none)'

    def last(field: str) -> str:
        return f'SELECT last("{field}") AS "{field}" FROM "pipeline" WHERE "reason" = \'\' AND {SITE}'

    reasons = (
        f'SELECT last("quarantined") FROM "pipeline" WHERE "reason" != \'\' AND {SITE} '
        'GROUP BY time($__interval), "reason" fill(none)'
    )
    lag = thresholds((None, GREEN), (5, YELLOW), (30, RED))
    bad = known((0, GREEN), (1, RED))
    return [
        p.stat(
            say("Behind", "处理滞后"),
            last("lag_s"),
            unit="s",
            steps=known((0, GREEN), (5, YELLOW), (30, RED)),
            no_value=NOTHING,
        ),
        p.stat(
            say("Waiting for InfluxDB", "待写入 InfluxDB"),
            last("backlog_lines"),
            steps=known((0, GREEN), (10_000, YELLOW), (1_000_000, RED)),
            no_value=NOTHING,
        ),
        p.stat(say("Parts failing", "故障部件"), last("failing"), steps=bad, no_value=NOTHING),
        p.stat(say("In quarantine", "隔离数据"), last("quarantined"), steps=known((0, BLUE)), no_value=NOTHING),
        p.stat(
            say("Refused by InfluxDB", "被 InfluxDB 拒收"),
            last("influx_rejected"),
            steps=bad,
            no_value=NOTHING,
        ),
        p.stat(
            say("Dropped from a full backlog", "积压溢出丢弃"),
            last("influx_dropped"),
            steps=bad,
            no_value=NOTHING,
        ),
        p.lines(
            say("Rates", "速率"),
            [
                target(
                    over_time(
                        f'mean("observations_s") AS "{say("observations", "观测")}", '
                        f'mean("messages_s") AS "{say("messages", "消息")}"'
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


def replay(say: Say, _language: str) -> list[Json]:
    """Return truth against detection."""
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
        p.stat(
            say("Found of what happened", "检出率"),
            found,
            unit="percentunit",
            steps=BAD_GOOD,
            size=(6, 8),
            no_value=NOTHING,
        ),
        p.table(
            say("Found, by scenario", "各场景检出"),
            score,
            size=(9, 8),
            overrides=[*words.columns(say, "name", "found", "happened"), *words.hidden("Time")],
        ),
        p.table(
            say("Mean delay, by scenario", "各场景平均延迟"),
            delay,
            size=(9, 8),
            overrides=[
                *words.columns(say, "name", "delay_s"),
                *words.hidden("Time"),
                override("delay_s", unit="s"),
            ],
        ),
        p.timeline(
            say("What really happened", "真实发生"), [target(truth, alias="$tag_name $tag_beat")], overrides=held
        ),
        p.timeline(
            say("What was alerted", "系统告警"),
            [target(alerts, alias="$tag_kind $tag_device")],
            size=(24, 14),
            overrides=held,
        ),
        p.bars(
            say("Anomalies, by kind", "异常（按类型）"),
            [target(anomalies, alias="$tag_kind")],
            interval="15m",
            overrides=words.kind_series(say),
        ),
        band(say("People against expected", "人流：实际与预期"), "people", HERE, say, (12, 8)),
    ]
