"""The dashboards of the people who keep it running: Devices and data quality, Pipeline, Replay."""

from typing import Final

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import GREEN, RED, YELLOW, Json, known, override, target
from deploy.grafana.shared import (
    BAD_FINE,
    DEVICE,
    HERE,
    NODE_NOW,
    NODE_THEN,
    OVER_TIME,
    SITE,
    WINDOW,
    band,
    last_word,
    trouble,
)
from stream.sentences.catalogue import Sentences


def devices(say: Sentences) -> list[Json]:
    """Return how good the data is."""
    health = f'FROM "device_health" WHERE {DEVICE}'

    def over_time(what: str) -> str:
        return f"SELECT {what} {health} {OVER_TIME} fill(null)"

    def at_once(what: str, *by: str) -> str:
        """Return the query for what devices come to together, window by window."""
        groups = "".join(f', "{one}"' for one in by)
        return f"SELECT {what} {health} GROUP BY time({WINDOW}){groups} fill(null)"

    late, missing, twice = say("grafana-late"), say("grafana-missing"), say("grafana-duplicate")
    faulty = f'sum("late") AS "{late}", sum("missing") AS "{missing}", sum("duplicate") AS "{twice}"'
    return [
        p.lines(
            say("grafana-quality-over-time"),
            [
                target(
                    over_time(
                        f'min("quality") AS "{say("grafana-lowest")}", mean("quality") AS "{say("grafana-mean")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="percentunit",
            decimals=0,
            interval=WINDOW,
        ),
        p.bars(
            say("grafana-faulty-observations"),
            [target(f"SELECT {faulty} {health} GROUP BY time(15m) fill(none)", alias="$col")],
        ),
        p.lines(
            say("grafana-silent-and-stuck"),
            [
                target(
                    at_once(
                        f'sum("silent") AS "{say("grafana-silent")}", sum("stuck") AS "{say("grafana-stuck")}"',
                    ),
                    alias="$col",
                )
            ],
        ),
        p.lines(
            say("grafana-clock-skew"),
            [
                target(
                    over_time(
                        f'max("skew_s") AS "{say("grafana-slowest")}", min("skew_s") AS "{say("grafana-fastest")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="s",
            interval=WINDOW,
        ),
        trouble(say, (24, 12)),
        p.lines(
            say("grafana-observations-by-beat"),
            [target(at_once('sum("received")', "beat"), alias="$tag_beat")],
            size=(24, 8),
        ),
        p.lines(
            say("grafana-agents-waiting"),
            [target(f'SELECT max("queue") {health} GROUP BY time({WINDOW}), "device" fill(null)', alias="$tag_device")],
        ),
        p.lines(
            say("grafana-agents-disk"),
            [
                target(
                    f'SELECT min("disk_free_mb") {health} GROUP BY time({WINDOW}), "device" fill(null)',
                    alias="$tag_device",
                )
            ],
            unit="decmbytes",
        ),
    ]


def pipeline(say: Sentences) -> list[Json]:
    """Return how the node does."""

    def over_time(what: str) -> str:
        return f'SELECT {what} FROM "pipeline" WHERE {NODE_THEN} {OVER_TIME} fill(null)'

    def last(field: str) -> str:
        return f'SELECT last("{field}") AS "{field}" FROM "pipeline" WHERE {NODE_NOW}'

    def a_minute(**counters: str) -> str:
        """Return the query for how fast counters grow, which count from the node's first day on, by their names."""
        grown = ", ".join(f'non_negative_derivative(max("{field}"), 1m) AS "{field}"' for field in counters)
        shown = ", ".join(f'mean("{field}") AS "{name}"' for field, name in counters.items())
        minutes = f'SELECT {grown} FROM "pipeline" WHERE {NODE_THEN} GROUP BY time(1m)'
        return f"SELECT {shown} FROM ({minutes}) WHERE $timeFilter {OVER_TIME} fill(null)"

    refused = (
        f'SELECT non_negative_difference(max("quarantined")) FROM "pipeline" WHERE "reason" != \'\' AND {SITE} '
        'GROUP BY time(15m), "reason"'
    )
    bad = known((0, GREEN), (1, RED))
    return [
        last_word(say),
        p.stat(
            say("grafana-behind"),
            last("lag_s"),
            size=(4, 4),
            unit="s",
            steps=known((0, GREEN), (5, YELLOW), (30, RED)),
        ),
        p.stat(
            say("grafana-waiting-for-influxdb"),
            last("backlog_lines"),
            size=(4, 4),
            steps=known((0, GREEN), (10_000, YELLOW), (1_000_000, RED)),
        ),
        p.stat(say("grafana-parts-failing"), last("failing"), size=(3, 4), steps=bad),
        p.stat(say("grafana-in-quarantine"), last("quarantined"), size=(3, 4)),
        p.stat(say("grafana-refused"), last("influx_rejected"), size=(3, 4), steps=bad),
        p.stat(say("grafana-dropped"), last("influx_dropped"), steps=bad),
        p.lines(
            say("grafana-rates"),
            [
                target(
                    over_time(
                        f'mean("observations_s") AS "{say("grafana-observations")}", '
                        f'mean("messages_s") AS "{say("grafana-messages")}"'
                    ),
                    alias="$col",
                )
            ],
            unit="ops",
            interval=_WORDS,
        ),
        p.lines(
            say("grafana-how-far-behind"),
            [target(over_time('max("lag_s")'), alias=say("grafana-lag"))],
            unit="s",
            steps=known((5, YELLOW), (30, RED)),
            color={"mode": "palette-classic"},
            custom={"thresholdsStyle": {"mode": "dashed"}},
            interval=_WORDS,
        ),
        p.lines(
            say("grafana-backlog"),
            [
                target(over_time(f'max("backlog_lines") AS "{say("grafana-lines")}"'), alias="$col"),
                target(over_time(f'max("backlog_s") AS "{say("grafana-age")}"'), ref="B", alias="$col"),
            ],
            interval=_WORDS,
            overrides=[override(say("grafana-age"), unit="s", custom_axisPlacement="right")],
        ),
        p.bars(say("grafana-quarantine-by-reason"), [target(refused, alias="$tag_reason")]),
        p.lines(
            say("grafana-received-and-stored"),
            [target(a_minute(received=say("grafana-received"), stored=say("grafana-stored")), alias="$col")],
            interval="1m",
        ),
        p.lines(
            say("grafana-duplicate-and-late"),
            [target(a_minute(duplicates=say("grafana-duplicate"), late=say("grafana-late")), alias="$col")],
            interval="1m",
        ),
    ]


_WORDS: Final = "30s"
"""Long enough for three words of the node: a line is broken only where it said nothing."""


def replay(say: Sentences) -> list[Json]:
    """Return truth against detection."""
    truth = f'SELECT "active" FROM "truth" WHERE {HERE} GROUP BY "name", "beat"'
    alerts = f'SELECT "open" FROM "alert" WHERE {HERE} GROUP BY "kind", "device"'
    score = f'SELECT sum("found") AS "found", count("found") AS "happened" FROM "truth" WHERE {HERE} GROUP BY "name"'
    delay = f'SELECT mean("delay_s") AS "delay_s" FROM "truth" WHERE {HERE} GROUP BY "name"'
    found = f'SELECT sum("found") / count("found") AS "recall" FROM "truth" WHERE {HERE}'
    anomalies = f'SELECT count("observed") FROM "anomaly" WHERE {HERE} GROUP BY time(1h), "kind" fill(none)'
    on_off = [
        {
            "type": "value",
            "options": {"0": {"text": " ", "color": "transparent"}, "1": {"text": say("grafana-on"), "color": RED}},
        }
    ]
    held = [{"matcher": {"id": "byRegexp", "options": ".*"}, "properties": [{"id": "mappings", "value": on_off}]}]
    return [
        p.stat(
            say("grafana-found-share"),
            found,
            unit="percentunit",
            decimals=0,
            steps=BAD_FINE,
            size=(6, 8),
        ),
        p.table(
            say("grafana-found-by-scenario"),
            score,
            size=(9, 8),
            overrides=[*words.columns(say, "name", "found", "happened"), *words.hidden("Time")],
        ),
        p.table(
            say("grafana-delay-by-scenario"),
            delay,
            size=(9, 8),
            overrides=[
                *words.columns(say, "name", "delay_s"),
                *words.hidden("Time"),
                override("delay_s", unit="s", decimals=1),
            ],
        ),
        p.timeline(say("grafana-what-really-happened"), [target(truth, alias="$tag_name $tag_beat")], overrides=held),
        p.timeline(
            say("grafana-what-was-alerted"),
            [target(alerts, alias="$tag_kind $tag_device")],
            size=(24, 14),
            overrides=held,
        ),
        p.bars(
            say("grafana-anomalies-by-kind"),
            [target(anomalies, alias="$tag_kind")],
            overrides=words.kind_series(say),
        ),
        band(say("grafana-people-against-expected"), "people", HERE, say, (12, 8)),
    ]
