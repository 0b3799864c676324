"""Alert rules that watch the watcher: when data stops, lags, piles up or is refused, somebody must hear of it."""

from __future__ import annotations

from typing import Any, Final

from deploy.grafana.panels import DATASOURCE, Json, target

GROUP: Final = "patrolgrid-watcher"


def rules(language: str) -> list[Json]:
    """Return the rules of a language, as Grafana's provisioning API takes and gives them, without a folder."""

    def say(english: str, chinese: str) -> str:
        return chinese if language == "zh-CN" else english

    node = 'FROM "pipeline" WHERE "reason" = \'\' AND $timeFilter GROUP BY "site"'
    return [
        _rule(
            language,
            "no-data",
            say("A beat sends no data", "网格无数据上报"),
            'SELECT sum("received") FROM "device_health" WHERE $timeFilter GROUP BY "site", "beat"',
            ("lt", 1),
            say("Nothing came from a beat for 15 minutes.", "某网格 15 分钟内无任何数据。"),
            back_s=900,
            no_data="Alerting",
        ),
        _rule(
            language,
            "node-down",
            say("The node says nothing", "节点无状态上报"),
            f'SELECT count("lag_s") {node}',
            ("lt", 1),
            say("The node has written no status for 5 minutes.", "节点 5 分钟内未上报运行状态。"),
            no_data="Alerting",
        ),
        _rule(
            language,
            "lag",
            say("Results lag behind", "处理滞后"),
            f'SELECT max("lag_s") {node}',
            ("gt", 60),
            say("Results are more than a minute behind.", "处理结果滞后超过 1 分钟。"),
            hold="2m",
        ),
        _rule(
            language,
            "backlog",
            say("InfluxDB does not keep up", "InfluxDB 写入积压"),
            f'SELECT max("backlog_s") {node}',
            ("gt", 300),
            say("Lines have waited for InfluxDB for more than 5 minutes.", "待写入数据已等待超过 5 分钟。"),
            hold="2m",
        ),
        _rule(
            language,
            "quarantine",
            say("Much goes to quarantine", "隔离数据激增"),
            f'SELECT spread("quarantined") {node}',
            ("gt", 100),
            say("More than 100 inputs were refused in 5 minutes.", "5 分钟内隔离数据超过 100 条。"),
        ),
        _rule(
            language,
            "dropped",
            say("Lines were dropped or refused", "数据被丢弃或拒收"),
            f'SELECT spread("influx_dropped") + spread("influx_rejected") {node}',
            ("gt", 0),
            say("A full backlog dropped lines, or InfluxDB refused some.", "积压溢出丢弃数据，或 InfluxDB 拒收数据。"),
        ),
    ]


def _rule(
    language: str,
    name: str,
    title: str,
    query: str,
    condition: tuple[str, float],
    summary: str,
    *,
    back_s: int = 300,
    hold: str = "0s",
    no_data: str = "OK",
) -> Json:
    short = "zh" if language == "zh-CN" else "en"
    asked = target(query) | {"intervalMs": 60_000, "maxDataPoints": 100}
    kind, limit = condition
    reduce: dict[str, Any] = {
        "refId": "B", "type": "reduce", "expression": "A", "reducer": "last", "datasource": _EXPRESSION,
    }  # fmt: skip
    compare: dict[str, Any] = {
        "refId": "C", "type": "threshold", "expression": "B", "datasource": _EXPRESSION,
        "conditions": [{"evaluator": {"type": kind, "params": [limit]}}],
    }  # fmt: skip
    span = {"from": back_s, "to": 0}
    return {
        "uid": f"patrolgrid-{name}-{short}",
        "title": title,
        "ruleGroup": GROUP,
        "orgID": 1,
        "condition": "C",
        "for": hold,
        "noDataState": no_data,
        "execErrState": "Error",
        "labels": {"app": "patrolgrid", "severity": "warning"},
        "annotations": {"summary": summary},
        "isPaused": False,
        "data": [
            {"refId": "A", "datasourceUid": DATASOURCE["uid"], "relativeTimeRange": span, "model": asked},
            {"refId": "B", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": reduce},
            {"refId": "C", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": compare},
        ],
    }


_EXPRESSION: Final = {"type": "__expr__", "uid": "__expr__"}
