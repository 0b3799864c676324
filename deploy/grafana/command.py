"""The dashboards of the command centre: Now, Beat, Hotspots."""

from typing import Final

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import GREEN, RED, YELLOW, Json, known, override, target
from deploy.grafana.patrols import incidents
from deploy.grafana.shared import (
    BAD_GOOD,
    DEVICE,
    EACH,
    HERE,
    LATELY,
    NODE_NOW,
    NODE_THEN,
    OVER_TIME,
    STANDING,
    WINDOW,
    alert_changes,
    band,
    go,
    hazards,
    hotspot_map,
    last_word,
    newest_map,
    nothing_else,
    open_alerts,
    text_field,
)
from stream.sentences.catalogue import Sentences

_TILE: Final = (3, 4)
"""Eight of them stand side by side."""


def now(say: Sentences) -> list[Json]:
    """Return what stands now."""
    latest = f'FROM "device_health" WHERE {LATELY} {EACH}'
    open_ones = (
        f'SELECT last("open") AS "open", "level" FROM "alert" WHERE {STANDING} GROUP BY "beat", "device", "kind"'
    )

    def standing(title: str, *steps: tuple[float, str], which: str = "") -> Json:
        return p.stat(
            title,
            f'SELECT sum("open") AS "open" FROM ({open_ones}) WHERE "open" = 1{which}',
            nothing_else("open", NODE_NOW),
            size=_TILE,
            steps=known((0, GREEN), *steps),
        )

    return [
        standing(say("grafana-critical-alerts"), (1, RED), which=' AND "level" = 3'),
        standing(say("grafana-open-alerts"), (1, YELLOW)),
        last_word(say),
        p.stat(
            say("grafana-silent-devices"),
            f'SELECT sum("silent") AS "silent" FROM (SELECT last("silent") AS "silent" {latest})',
            size=_TILE,
            steps=known((0, GREEN), (1, YELLOW), (5, RED)),
            links=go(say.language, "devices", say("grafana-devices")),
        ),
        p.stat(
            say("grafana-data-quality"),
            f'SELECT mean("quality") AS "quality" FROM (SELECT last("quality") AS "quality" {latest})',
            size=_TILE,
            unit="percentunit",
            decimals=0,
            steps=BAD_GOOD,
        ),
        p.stat(
            say("grafana-anomalies"),
            f'SELECT count("observed") AS "anomalies" FROM "anomaly" WHERE {HERE}',
            nothing_else("anomalies", NODE_THEN),
            size=_TILE,
        ),
        p.stat(
            say("grafana-people"),
            f'SELECT sum("in") + sum("out") AS "people" FROM "people" WHERE {HERE}',
            size=_TILE,
        ),
        p.stat(
            say("grafana-vehicles"),
            f'SELECT sum("in") + sum("out") AS "vehicles" FROM "vehicles" WHERE {HERE}',
            size=_TILE,
        ),
        open_alerts(say, (16, 10)),
        hotspot_map(say, (8, 10)),
        band(say("grafana-people-against-expected"), "people", HERE, say, (12, 7)),
        band(
            say("grafana-vehicles-against-expected-cameras"),
            "vehicles",
            f"\"of\" = '' AND {HERE}",
            say,
            (12, 7),
        ),
        p.bars(
            say("grafana-alerts-by-kind"),
            [
                target(
                    f'SELECT count("id") FROM "alert" WHERE "state" = \'raised\' AND {HERE} '
                    'GROUP BY time(1h), "kind" fill(none)',
                    alias="$tag_kind",
                )
            ],
            size=(12, 7),
            overrides=words.kind_series(say),
        ),
        hazards(say, say("grafana-hazards-of-limit"), HERE, size=(12, 7)),
    ]


def beat(say: Sentences) -> list[Json]:
    """Return one beat through a day."""
    coming, going = say("grafana-in"), say("grafana-out")
    gate = (
        f'SELECT sum("in") AS "{coming}", sum("out") AS "{going}" FROM "vehicles" WHERE "of" = \'gate\' AND {DEVICE} '
        'GROUP BY time(15m), "device" fill(none)'
    )
    states = f'SELECT "value" FROM "state" WHERE {DEVICE} GROUP BY "device", "metric"'
    counted = (
        f'SELECT mean("in") + mean("out") FROM "people" WHERE "status" != \'open\' AND {DEVICE} '
        f'{OVER_TIME}, "device" fill(null)'
    )
    return [
        open_alerts(say, (24, 6)),
        band(say("grafana-people-against-expected"), "people", DEVICE, say, (24, 9)),
        band(say("grafana-vehicles-against-expected"), "vehicles", f"\"of\" = '' AND {DEVICE}", say, (12, 8)),
        p.bars(say("grafana-gates-in-out"), [target(gate, alias="$tag_device $col")]),
        p.lines(say("grafana-people-by-device"), [target(counted, alias="$tag_device")], interval=WINDOW),
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
    risk = f'SELECT max("risk") FROM "hotspot" WHERE "beat" != \'\' AND {HERE} {OVER_TIME}, "beat" fill(null)'
    events = f'SELECT mean("expected") FROM "hotspot" WHERE "beat" != \'\' AND {HERE} {OVER_TIME}, "beat" fill(null)'
    return [
        hotspot_map(say, (12, 14)),
        p.table(
            say("grafana-top-places"),
            newest_map(f'"rank", "risk", "lead", {text_field("text", say.language)}', '"beat", "cell"')
            + ' AND "lead" = 1',
            size=(12, 14),
            transformations=[p.sorted_by("rank"), p.ordered("rank", "risk", "text", "beat", "Time")],
            overrides=[
                *words.columns(say, "beat", "rank", "risk", "text", "Time"),
                *words.hidden("current", "lead", "cell"),
                override(
                    "risk",
                    unit="percentunit",
                    decimals=0,
                    min=0,
                    max=1,
                    thresholds=p.RISK,
                    color={"mode": "thresholds"},
                    custom_cellOptions={"type": "gauge", "mode": "basic"},
                ),
            ],
            links=go(say.language, "beat", say("grafana-see-beat"), "beat"),
            linked="beat",
        ),
        p.lines(
            say("grafana-beat-risk"),
            [target(risk, alias="$tag_beat")],
            unit="percentunit",
            decimals=0,
            interval=WINDOW,
        ),
        p.lines(
            say("grafana-expected-events-by-beat"),
            [target(events, alias="$tag_beat")],
            unit="short",
            interval=WINDOW,
        ),
        *incidents(say),
    ]
