"""Alert rules that watch the watcher: when data stops, lags, piles up or is refused, somebody must hear of it."""

from typing import Any, Final

from deploy.grafana.panels import DATASOURCE, Json, target
from deploy.grafana.shared import uid
from stream.sentences.catalogue import Sentences

GROUP: Final = "patrolgrid-watcher"


def rules(language: str) -> list[Json]:
    """Return the rules of a language, as Grafana's provisioning API takes and gives them, without a folder."""
    say = Sentences(language)
    node = 'FROM "pipeline" WHERE "reason" = \'\' AND $timeFilter GROUP BY "site"'
    return [
        _rule(
            say,
            "no-data",
            'SELECT sum("received") FROM "device_health" WHERE $timeFilter GROUP BY "site", "beat"',
            ("lt", 1),
            back_s=900,
            no_data="Alerting",
        ),
        _rule(
            say,
            "node-down",
            f'SELECT count("lag_s") {node}',
            ("lt", 1),
            no_data="Alerting",
        ),
        _rule(
            say,
            "lag",
            f'SELECT max("lag_s") {node}',
            ("gt", 60),
            hold="2m",
        ),
        _rule(
            say,
            "backlog",
            f'SELECT max("backlog_s") {node}',
            ("gt", 300),
            hold="2m",
        ),
        _rule(
            say,
            "quarantine",
            f'SELECT spread("quarantined") {node}',
            ("gt", 100),
        ),
        _rule(
            say,
            "dropped",
            f'SELECT spread("influx_dropped") + spread("influx_rejected") {node}',
            ("gt", 0),
        ),
    ]


def _rule(
    say: Sentences,
    name: str,
    query: str,
    condition: tuple[str, float],
    *,
    back_s: int = 300,
    hold: str = "0s",
    no_data: str = "OK",
) -> Json:
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
        "uid": uid(name, say.language),
        "title": say(f"grafana-rule-{name}"),
        "ruleGroup": GROUP,
        "orgID": 1,
        "condition": "C",
        "for": hold,
        "noDataState": no_data,
        "execErrState": "Error",
        "labels": {"app": "patrolgrid", "severity": "warning"},
        "annotations": {"summary": say(f"grafana-rule-{name}-help")},
        "isPaused": False,
        "data": [
            {"refId": "A", "datasourceUid": DATASOURCE["uid"], "relativeTimeRange": span, "model": asked},
            {"refId": "B", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": reduce},
            {"refId": "C", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": compare},
        ],
    }


_EXPRESSION: Final = {"type": "__expr__", "uid": "__expr__"}
