"""Alert rules that watch the watcher: when data stops, lags, piles up or is refused, somebody must hear of it."""

import json
from typing import Any, Final

from deploy.grafana.outlines import names
from deploy.grafana.panels import DATASOURCE, Json, target
from deploy.grafana.shared import short
from ingest.places import Places
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

GROUP: Final = "patrolgrid-watcher"
FOLDER: Final = "patrolgrid-rules"
"""Uid of the rules' folder. They have their own: a language's folder may not be wanted, and rules are there once."""


def earlier(uid: str) -> tuple[str, ...]:
    """Return the uids that a rule had up to 0.2: one a language, so that two of each could call people twice."""
    return tuple(f"{uid}-{short(language)}" for language in LANGUAGES)


def rules(language: str, places: Places | None = None) -> list[Json]:
    """Return the rules in a language, as Grafana's provisioning API takes and gives them, without a folder.

    They call beats by their names of `places`, or by their ids.
    """
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
            beat=_beat_named(say, {} if places is None else names(places, language)),
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
    beat: str = "",
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
        "uid": f"patrolgrid-{name}",
        "title": say(f"grafana-rule-{name}"),
        "ruleGroup": GROUP,
        "orgID": 1,
        "condition": "C",
        "for": hold,
        "noDataState": no_data,
        "execErrState": "Error",
        "labels": {"app": "patrolgrid", "severity": "warning"},
        "annotations": {"summary": say(f"grafana-rule-{name}-help", beat="$beat").replace("$beat", beat)},
        "isPaused": False,
        "data": [
            {"refId": "A", "datasourceUid": DATASOURCE["uid"], "relativeTimeRange": span, "model": asked},
            {"refId": "B", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": reduce},
            {"refId": "C", "datasourceUid": "__expr__", "relativeTimeRange": span, "model": compare},
        ],
    }


def _beat_named(say: Sentences, named: dict[str, str]) -> str:
    """Return what Grafana's templates make a beat's name of; without the label nothing came from any beat."""
    # In quotes, as Go takes them: whatever stands in a name.
    quoted = [(json.dumps(beat), json.dumps(name, ensure_ascii=False)) for beat, name in named.items()]
    known = "".join(f"{{{{ else if eq $beat {beat} }}}}{{{{ {name} }}}}" for beat, name in quoted)
    # By index: asked as `$labels.beat` a label that is missing is an error in some versions.
    anyone = f'{{{{ $beat := index $labels "beat" }}}}{{{{ if not $beat }}}}{say("grafana-rule-any-beat")}'
    return f"{anyone}{known}{{{{ else }}}}{{{{ $beat }}}}{{{{ end }}}}"


_EXPRESSION: Final = {"type": "__expr__", "uid": "__expr__"}
