"""The dashboards of the command centre: Now, Beat, Hotspots."""

# ruff: noqa: S608 - queries are made of names of our own; Grafana fills in the variables

from __future__ import annotations

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import GREEN, RED, YELLOW, Json, Say, override, target
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


def now(say: Say, language: str) -> list[Json]:
    """Return what stands now."""
    latest = f'FROM "device_health" WHERE {HERE} {EACH}'
    return [
        p.stat(
            say("Open alerts", "未解除告警"),
            'SELECT sum("open") AS "open" FROM (SELECT last("open") AS "open" FROM "alert" '
            f'WHERE {HERE} GROUP BY "beat", "device", "kind")',
            steps=GOOD_BAD,
        ),
        p.stat(say("Anomalies", "异常"), f'SELECT count("observed") AS "anomalies" FROM "anomaly" WHERE {HERE}'),
        p.stat(
            say("Silent devices", "失联设备"),
            f'SELECT sum("silent") AS "silent" FROM (SELECT last("silent") AS "silent" {latest})',
            steps=known((0, GREEN), (1, YELLOW), (5, RED)),
            no_value=NOTHING,
            links=go(language, "devices", say("Devices", "设备")),
        ),
        p.stat(
            say("Data quality", "数据质量"),
            f'SELECT mean("quality") AS "quality" FROM (SELECT last("quality") AS "quality" {latest})',
            unit="percentunit",
            steps=BAD_GOOD,
            no_value=NOTHING,
        ),
        p.stat(
            say("People in the time shown", "时段内人流"),
            f'SELECT sum("in") + sum("out") AS "people" FROM "people" WHERE {HERE}',
        ),
        p.stat(
            say("Vehicles in the time shown", "时段内车流"),
            f'SELECT sum("in") + sum("out") AS "vehicles" FROM "vehicles" WHERE {HERE}',
        ),
        open_alerts(say, language, (16, 11)),
        hotspot_map(say, language, (8, 11)),
        band(say("People against expected", "人流：实际与预期"), "people", HERE, say, (12, 8)),
        band(
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
                    f'SELECT count("id") FROM "alert" WHERE "state" = \'raised\' AND {HERE} '
                    'GROUP BY time($__interval), "kind" fill(none)',
                    alias="$tag_kind",
                )
            ],
            interval="15m",
            overrides=words.kind_series(say),
        ),
        hazards(say, say("Hazards: share of the alarm limit", "险情指标：占报警阈值比例"), HERE),
        trouble(say, language, (24, 9)),
    ]


def beat(say: Say, language: str) -> list[Json]:
    """Return one beat through a day."""
    coming, going = say("in", "进"), say("out", "出")
    gate = (
        f'SELECT sum("in") AS "{coming}", sum("out") AS "{going}" FROM "vehicles" WHERE "of" = \'gate\' AND {DEVICE} '
        'GROUP BY time($__interval), "device" fill(none)'
    )
    states = f'SELECT "value" FROM "state" WHERE {DEVICE} GROUP BY "device", "metric"'
    counted = (
        f'SELECT sum("in") + sum("out") FROM "people" WHERE {DEVICE} GROUP BY time($__interval), "device" fill(none)'
    )
    return [
        open_alerts(say, language, (24, 6)),
        band(say("People against expected", "人流：实际与预期"), "people", DEVICE, say, (24, 9)),
        band(
            say("Vehicles against expected", "车流：实际与预期"), "vehicles", f"\"of\" = '' AND {DEVICE}", say, (12, 8)
        ),
        p.bars(
            say("Gates: vehicles in and out", "卡口：进出车辆"),
            [target(gate, alias="$tag_device $col")],
            interval="15m",
        ),
        p.lines(say("People by device", "各设备人流"), [target(counted, alias="$tag_device")], interval="15m"),
        hazards(say, say("Sensors: share of the alarm limit", "传感器：占报警阈值比例"), DEVICE, '"device"'),
        p.timeline(
            say("Doors, covers, barriers, cameras", "门、井盖、道闸、摄像头状态"),
            [target(states, alias="$tag_device $tag_metric")],
            overrides=words.device_states(say),
        ),
        alert_changes(say, language),
    ]


def hotspots(say: Say, language: str) -> list[Json]:
    """Return where to be next, and why."""
    risk = f'SELECT max("risk") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "cell" fill(none)'
    events = f'SELECT mean("expected") FROM "hotspot" WHERE {HERE} GROUP BY time($__interval), "beat" fill(none)'
    return [
        hotspot_map(say, language, (12, 14)),
        p.table(
            say("Top cells, and why", "重点格及成因"),
            newest_map(f'"rank", "risk", "expected", {text_field("drivers", language)}', '"beat", "cell"'),
            size=(12, 14),
            transformations=[p.smallest_first("rank"), p.ordered("rank", "risk", "cell", "beat")],
            overrides=[
                *words.columns(say, "beat", "cell", "rank", "risk", "expected", "drivers"),
                *words.hidden("Time", "current"),
                override(
                    "risk", unit="percentunit", custom_cellOptions={"type": "gauge", "mode": "basic"}, min=0, max=1
                ),
            ],
            links=go(language, "beat", say("The beat's day", "查看该网格"), "beat"),
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
