"""The dashboards of the command centre: Now, Beat, Hotspots."""

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import GREEN, RED, YELLOW, Json, target
from deploy.grafana.patrols import incidents
from deploy.grafana.shared import (
    BAD_GOOD,
    DEVICE,
    EACH,
    GOOD_BAD,
    HERE,
    NOTHING,
    alert_changes,
    band,
    go,
    hazards,
    hotspot_map,
    known,
    newest_map,
    open_alerts,
    text_field,
    trouble,
)
from stream.sentences.catalogue import Sentences


def now(say: Sentences) -> list[Json]:
    """Return what stands now."""
    latest = f'FROM "device_health" WHERE {HERE} {EACH}'
    return [
        p.stat(
            say("grafana-open-alerts"),
            'SELECT sum("open") AS "open" FROM (SELECT last("open") AS "open" FROM "alert" '
            f'WHERE {HERE} GROUP BY "beat", "device", "kind")',
            steps=GOOD_BAD,
        ),
        p.stat(say("grafana-anomalies"), f'SELECT count("observed") AS "anomalies" FROM "anomaly" WHERE {HERE}'),
        p.stat(
            say("grafana-silent-devices"),
            f'SELECT sum("silent") AS "silent" FROM (SELECT last("silent") AS "silent" {latest})',
            steps=known((0, GREEN), (1, YELLOW), (5, RED)),
            no_value=NOTHING,
            links=go(say.language, "devices", say("grafana-devices")),
        ),
        p.stat(
            say("grafana-data-quality"),
            f'SELECT mean("quality") AS "quality" FROM (SELECT last("quality") AS "quality" {latest})',
            unit="percentunit",
            steps=BAD_GOOD,
            no_value=NOTHING,
        ),
        p.stat(
            say("grafana-people"),
            f'SELECT sum("in") + sum("out") AS "people" FROM "people" WHERE {HERE}',
        ),
        p.stat(
            say("grafana-vehicles"),
            f'SELECT sum("in") + sum("out") AS "vehicles" FROM "vehicles" WHERE {HERE}',
        ),
        open_alerts(say, (16, 11)),
        hotspot_map(say, (8, 11)),
        band(say("grafana-people-against-expected"), "people", HERE, say, (12, 8)),
        band(
            say("grafana-vehicles-against-expected-cameras"),
            "vehicles",
            f"\"of\" = '' AND {HERE}",
            say,
            (12, 8),
        ),
        p.bars(
            say("grafana-alerts-by-kind"),
            [
                target(
                    f'SELECT count("id") FROM "alert" WHERE "state" = \'raised\' AND {HERE} '
                    'GROUP BY time($__interval), "kind" fill(none)',
                    alias="$tag_kind",
                )
            ],
            interval="15m",
            overrides=words.kind_series(say),
        ),
        hazards(say, say("grafana-hazards-of-limit"), HERE),
        trouble(say, (24, 9)),
    ]


def beat(say: Sentences) -> list[Json]:
    """Return one beat through a day."""
    coming, going = say("grafana-in"), say("grafana-out")
    gate = (
        f'SELECT sum("in") AS "{coming}", sum("out") AS "{going}" FROM "vehicles" WHERE "of" = \'gate\' AND {DEVICE} '
        'GROUP BY time($__interval), "device" fill(none)'
    )
    states = f'SELECT "value" FROM "state" WHERE {DEVICE} GROUP BY "device", "metric"'
    counted = (
        f'SELECT sum("in") + sum("out") FROM "people" WHERE {DEVICE} GROUP BY time($__interval), "device" fill(none)'
    )
    return [
        open_alerts(say, (24, 6)),
        band(say("grafana-people-against-expected"), "people", DEVICE, say, (24, 9)),
        band(say("grafana-vehicles-against-expected"), "vehicles", f"\"of\" = '' AND {DEVICE}", say, (12, 8)),
        p.bars(
            say("grafana-gates-in-out"),
            [target(gate, alias="$tag_device $col")],
            interval="15m",
        ),
        p.lines(say("grafana-people-by-device"), [target(counted, alias="$tag_device")], interval="15m"),
        hazards(say, say("grafana-sensors-of-limit"), DEVICE, '"device"'),
        p.timeline(
            say("grafana-device-states"),
            [target(states, alias="$tag_device $tag_metric")],
            overrides=words.device_states(say),
        ),
        alert_changes(say),
    ]


def hotspots(say: Sentences) -> list[Json]:
    """Return where to be next, and why."""
    risk = f'SELECT max("risk") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "cell" fill(none)'
    events = f'SELECT mean("expected") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "beat" fill(none)'
    return [
        hotspot_map(say, (12, 14)),
        p.table(
            say("grafana-top-places"),
            newest_map(f'"rank", "lead", {text_field("text", say.language)}', '"beat", "cell"') + ' AND "lead" = 1',
            size=(12, 14),
            transformations=[p.sorted_by("rank"), p.ordered("rank", "text", "beat")],
            overrides=[
                *words.columns(say, "beat", "rank", "text"),
                *words.hidden("Time", "current", "lead", "cell"),
            ],
            links=go(say.language, "beat", say("grafana-see-beat"), "beat"),
        ),
        p.lines(
            say("grafana-cell-risk"),
            [target(risk, alias="$tag_cell")],
            unit="percentunit",
            interval="5m",
        ),
        p.lines(
            say("grafana-expected-events-by-beat"),
            [target(events, alias="$tag_beat")],
            interval="5m",
        ),
        *incidents(say),
    ]
