"""The dashboards of the people who keep it running: Devices and data quality, Pipeline, Replay."""

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import BLUE, GREEN, RED, YELLOW, Json, override, target, thresholds
from deploy.grafana.shared import BAD_GOOD, DEVICE, HERE, NOTHING, SITE, band, known, trouble
from stream.sentences.catalogue import Sentences


def devices(say: Sentences) -> list[Json]:
    """Return how good the data is."""

    def over_time(what: str, *by: str) -> str:
        groups = "".join(f', "{one}"' for one in by)
        return f'SELECT {what} FROM "device_health" WHERE {DEVICE} GROUP BY time($__interval){groups} fill(none)'

    late, missing, twice = say("grafana-late"), say("grafana-missing"), say("grafana-duplicate")
    silent, stuck = say("grafana-silent"), say("grafana-stuck")
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
            interval="5m",
        ),
        p.bars(
            say("grafana-faulty-observations"),
            [
                target(
                    over_time(f'sum("late") AS "{late}", sum("missing") AS "{missing}", sum("duplicate") AS "{twice}"'),
                    alias="$col",
                )
            ],
            interval="5m",
        ),
        p.bars(
            say("grafana-silent-and-stuck"),
            [target(over_time(f'sum("silent") AS "{silent}", sum("stuck") AS "{stuck}"'), alias="$col")],
            interval="5m",
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
            interval="5m",
        ),
        trouble(say, (24, 12)),
        p.lines(
            say("grafana-observations-by-beat"),
            [target(over_time('sum("received")', "beat"), alias="$tag_beat")],
            size=(24, 8),
            interval="5m",
        ),
    ]


def pipeline(say: Sentences) -> list[Json]:
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
            say("grafana-behind"),
            last("lag_s"),
            unit="s",
            steps=known((0, GREEN), (5, YELLOW), (30, RED)),
            no_value=NOTHING,
        ),
        p.stat(
            say("grafana-waiting-for-influxdb"),
            last("backlog_lines"),
            steps=known((0, GREEN), (10_000, YELLOW), (1_000_000, RED)),
            no_value=NOTHING,
        ),
        p.stat(say("grafana-parts-failing"), last("failing"), steps=bad, no_value=NOTHING),
        p.stat(say("grafana-in-quarantine"), last("quarantined"), steps=known((0, BLUE)), no_value=NOTHING),
        p.stat(
            say("grafana-refused"),
            last("influx_rejected"),
            steps=bad,
            no_value=NOTHING,
        ),
        p.stat(
            say("grafana-dropped"),
            last("influx_dropped"),
            steps=bad,
            no_value=NOTHING,
        ),
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
            interval="10s",
        ),
        p.lines(
            say("grafana-how-far-behind"),
            [target(over_time('max("lag_s")'), alias=say("grafana-lag"))],
            unit="s",
            steps=lag,
            interval="10s",
        ),
        p.lines(
            say("grafana-backlog"),
            [
                target(over_time(f'max("backlog_lines") AS "{say("grafana-lines")}"'), alias="$col"),
                target(over_time(f'max("backlog_s") AS "{say("grafana-age")}"'), ref="B", alias="$col"),
            ],
            interval="10s",
            overrides=[override(say("grafana-age"), unit="s", custom_axisPlacement="right")],
        ),
        p.lines(say("grafana-quarantine-by-reason"), [target(reasons, alias="$tag_reason")], interval="10s"),
        p.lines(
            say("grafana-received-and-stored"),
            [
                target(
                    over_time(
                        f'max("received") AS "{say("grafana-received")}", max("stored") AS "{say("grafana-stored")}"'
                    ),
                    alias="$col",
                )
            ],
            interval="10s",
        ),
        p.lines(
            say("grafana-duplicate-and-late"),
            [
                target(
                    over_time(
                        f'max("duplicates") AS "{say("grafana-duplicate")}", max("late") AS "{say("grafana-late")}"'
                    ),
                    alias="$col",
                )
            ],
            interval="10s",
        ),
    ]


def replay(say: Sentences) -> list[Json]:
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
            "options": {"0": {"text": " ", "color": "transparent"}, "1": {"text": say("grafana-on"), "color": RED}},
        }
    ]
    held = [{"matcher": {"id": "byRegexp", "options": ".*"}, "properties": [{"id": "mappings", "value": on_off}]}]
    return [
        p.stat(
            say("grafana-found-share"),
            found,
            unit="percentunit",
            steps=BAD_GOOD,
            size=(6, 8),
            no_value=NOTHING,
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
                override("delay_s", unit="s"),
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
            interval="15m",
            overrides=words.kind_series(say),
        ),
        band(say("grafana-people-against-expected"), "people", HERE, say, (12, 8)),
    ]
