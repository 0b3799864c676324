"""What several dashboards show, and the words that queries share."""

from typing import Any, Final

from deploy.grafana import panels as p
from deploy.grafana import words
from deploy.grafana.panels import BLUE, GREEN, GREY, RED, YELLOW, Json, known, override, target
from ingest.vocabulary import Kind
from models.rules.defaults import ThresholdRule, defaults_for
from stream.sentences.catalogue import Sentences

_SITE: Final = '"site" =~ /^$site$/'
_PLACE: Final = f'{_SITE} AND "beat" =~ /^$beat$/'
HERE: Final = f"{_PLACE} AND $timeFilter"
SITE: Final = f"{_SITE} AND $timeFilter"
DEVICE: Final = f'"device" =~ /^$device$/ AND {HERE}'
EACH: Final = 'GROUP BY "beat", "device"'
OVER_TIME: Final = "GROUP BY time($__interval)"
BAD_GOOD: Final = known((0, RED), (0.5, YELLOW), (0.8, GREEN))
BAD_FINE: Final = known((0, RED), (0.5, YELLOW), (0.8, BLUE))
"""The same of what was, in the time shown: green is what somebody has just seen to be well."""
WINDOW: Final = "5m"
"""Sums are of a window each, so that a chart means the same however long the time that it shows."""


def ending(back: str) -> str:
    """Return the condition for what stands at the end of the time shown, however little of it is shown.

    What was said longer than `back` before is not what stands now: whoever said it may be dead.
    """
    return f"time > ${{__to}}ms - {back} AND time <= ${{__to}}ms"


STANDING: Final = f"{_PLACE} AND {ending('30d')}"
"""An alert is open until it is closed, and stays so when nobody is there to close it."""
LATELY: Final = f"{_PLACE} AND {ending('12m')}"
"""The newest closed windows: the last one began up to eleven minutes ago."""
NODE_NOW: Final = f"\"reason\" = '' AND {_SITE} AND {ending('2m')}"
"""What the node says of itself, every ten seconds."""
NODE_THEN: Final = f"\"reason\" = '' AND {SITE}"
"""The same, in the time shown."""


def nothing_else(name: str, where: str) -> str:
    """Return the query that answers 0 where the node was heard: without it, nothing found may be nobody looking."""
    return f'SELECT last("failing") * 0 AS "{name}" FROM "pipeline" WHERE {where}'


def last_word(say: Sentences) -> Json:
    """Return how long ago the node was heard, at the end of the time shown."""
    said = f"\"reason\" = '' AND {_SITE} AND {ending('30d')}"
    return p.stat(
        say("grafana-last-word"),
        f'SELECT (${{__to}} - last("now_ms")) / 1000 AS "age" FROM "pipeline" WHERE {said}',
        size=(3, 4),
        unit="dthms",
        decimals=0,
        steps=known((-60, GREEN), (60, YELLOW), (120, RED)),
        description=say("grafana-last-word-help"),
    )


def short(language: str) -> str:
    """Return a language without its country, as uids have it."""
    return language.partition("-")[0]


def uid(name: str, language: str) -> str:
    """Return a dashboard's uid."""
    return f"patrolgrid-{name}-{short(language)}"


def text_field(name: str, language: str) -> str:
    """Return the field that holds a text in a language, under its English name."""
    return f'"{name}_zh" AS "{name}"' if language == "zh-CN" else f'"{name}"'


def go(language: str, name: str, title: str, *variables: str) -> list[Json]:
    """Return a link from a table's row to another dashboard, with the row's values as variables."""
    chosen = "".join(f"&var-{one}=${{__data.fields.{one}}}" for one in variables)
    return [{"title": title, "url": f"/d/{uid(name, language)}?${{__url_time_range}}&${{site:queryparam}}{chosen}"}]


def band(title: str, measurement: str, where: str, say: Sentences, size: tuple[int, int]) -> Json:
    """Return what was counted against what was expected, with the usual band."""
    seen, expected = say("grafana-seen"), say("grafana-expected")
    lower, upper = say("grafana-usual-from"), say("grafana-usual-to")
    # The window that is still open would make the line plunge at its end.
    each = (
        'SELECT "in" + "out" AS "s", "expected" AS "e", pow("expected" - "lower", 2) AS "l", '
        f'pow("upper" - "expected", 2) AS "u" FROM "{measurement}" WHERE "status" != \'open\' AND {where}'
    )
    # Devices err for themselves, so it is the squares of what they err that add up. (A mean over several windows, for
    # which InfluxDB goes through all once for each column, takes it seconds for a day.)
    query = (
        f'SELECT sum("s") AS "{seen}", sum("e") AS "{expected}", sum("e") - sqrt(sum("l")) AS "{lower}", '
        f'sum("e") + sqrt(sum("u")) AS "{upper}" FROM ({each}) WHERE $timeFilter GROUP BY time({WINDOW}) fill(null)'
    )
    edge: dict[str, Any] = {
        "color": {"mode": "fixed", "fixedColor": GREY},
        "custom_lineWidth": 0,
        "custom_hideFrom": {"legend": True, "tooltip": False, "viz": False},
    }
    return p.lines(
        title,
        [target(query, alias="$col")],
        size=size,
        description=say("grafana-band-help"),
        overrides=[
            override(seen, color={"mode": "fixed", "fixedColor": BLUE}),
            override(expected, color={"mode": "fixed", "fixedColor": "orange"}, custom_lineStyle={"fill": "dash"}),
            override(lower, **edge),
            override(upper, custom_fillBelowTo=lower, **edge),
        ],
    )


def open_alerts(say: Sentences, size: tuple[int, int]) -> Json:
    """Return the table of open alerts, the gravest first, of those the newest."""
    fields = f'"severity", {text_field("place", say.language)}, {text_field("text", say.language)}, "state", "level"'
    query = (
        f'SELECT * FROM (SELECT last("open") AS "open", {fields} FROM "alert" WHERE {STANDING} '
        'GROUP BY "beat", "device", "kind") WHERE "open" = 1'
    )
    return p.table(
        say("grafana-open-alerts"),
        query,
        size=size,
        links=go(say.language, "beat", say("grafana-see-beat"), "beat"),
        linked="place",
        transformations=[p.sorted_by("Time", desc=True), p.sorted_by("level", desc=True), p.ordered(*words.ALERT)],
        overrides=[
            *words.alert_columns(say),
            *words.hidden("open", "level", "beat", "device"),
        ],
    )


def alert_changes(say: Sentences) -> Json:
    """Return the table of every change of an alert, the newest first."""
    query = (
        f'SELECT "state", "severity", {text_field("place", say.language)}, {text_field("text", say.language)} '
        f'FROM "alert" WHERE {HERE} GROUP BY "beat", "device", "kind"'
    )
    return p.table(
        say("grafana-alert-changes"),
        query,
        size=(24, 10),
        transformations=[p.sorted_by("Time", desc=True), p.ordered(*words.ALERT)],
        overrides=[
            *words.alert_columns(say),
            *words.hidden("beat", "device"),
        ],
    )


def newest_map(fields: str, by: str) -> str:
    """Return the query for the cells of the newest map: those that left it say so. It is made for eight hours."""
    return (
        f'SELECT * FROM (SELECT last("current") AS "current", {fields} FROM "hotspot" '
        f"WHERE {_PLACE} AND {ending('8h')} GROUP BY {by}) "
        'WHERE "current" = 1'
    )


def hotspot_map(say: Sentences, size: tuple[int, int]) -> Json:
    """Return the map of hotspots."""
    texts = ", ".join(text_field(name, say.language) for name in ("place", "drivers"))
    fields = f'"risk", "rank", "lon", "lat", {texts}'
    return p.risk_map(
        say("grafana-hotspot-map"),
        newest_map(fields, '"cell", "beat"'),
        size=size,
        description=say("grafana-map-help"),
        links=go(say.language, "hotspots", say("grafana-dashboard-hotspots"), "beat"),
        overrides=[
            *words.columns(say, "rank", "risk", "place", "drivers", "beat"),
            override("risk", unit="percentunit", decimals=0),
            # Where a cell lies is seen; what it is called helps nobody.
            *(
                override(name, custom_hideFrom={"tooltip": True, "legend": True, "viz": False})
                for name in ("Time", "current", "lon", "lat", "cell")
            ),
        ],
    )


def hazards(say: Sentences, title: str, where: str, *by: str, size: tuple[int, int] = (12, 8)) -> Json:
    """Return the highest of each metric as a share of its alarm limit: 100 % is where the alarm goes off.

    One scale for what is measured in decibels, degrees and centimetres. Limits are the default ones.
    """
    targets = []
    for number, (metric, (device, unit)) in enumerate(_ALARMS.items()):
        limit = next(rule.on for rule in defaults_for(device, Kind.LEVEL, metric) if isinstance(rule, ThresholdRule))
        name = f"{say('reading', metric=metric)} ({limit:g} {unit})"
        query = (
            f'SELECT max("high") / {limit:g} FROM "level" WHERE "metric" = \'{metric}\' AND {where} '
            f"{OVER_TIME}{''.join(f', {quoted}' for quoted in by)} fill(null)"
        )
        devices = "".join(f" $tag_{one.strip(chr(34))}" for one in by)
        targets.append(target(query, ref="ABCD"[number], alias=name + devices))
    return p.lines(
        title,
        targets,
        size=size,
        unit="percentunit",
        decimals=0,
        interval=WINDOW,
        description=say("grafana-limit-help"),
        custom={"thresholdsStyle": {"mode": "dashed"}},
        steps=known((1, RED)),
        color={"mode": "palette-classic"},
    )


_ALARMS: Final = {
    "noise": ("noise", "dB"),
    "smoke": ("smoke", "%/m"),
    "temperature": ("heat", "°C"),
    "water": ("water", "cm"),
}
"""Metric → the type of device that raises an alarm on it, and its unit."""


def trouble(say: Sentences, size: tuple[int, int]) -> Json:
    """Return the table of devices, the worst first."""
    query = (
        'SELECT last("quality") AS "quality", "online", "silent", "stuck", "missing", "late", "skew_s" '
        f'FROM "device_health" WHERE {LATELY} {EACH}'
    )
    return p.table(
        say("grafana-worst-devices"),
        query,
        size=size,
        links=go(say.language, "devices", say("grafana-see-device"), "beat", "device"),
        linked="device",
        transformations=[p.sorted_by("quality"), p.ordered("quality", "device", "beat")],
        overrides=[
            *words.columns(say, "beat", "device", "quality", "online", "silent", "stuck", "missing", "late", "skew_s"),
            *words.yes_no(say, 1, "online"),
            *words.yes_no(say, 0, "silent", "stuck"),
            *words.hidden("Time"),
            override(
                "quality",
                unit="percentunit",
                decimals=0,
                thresholds=BAD_GOOD,
                color={"mode": "thresholds"},
                custom_cellOptions={"type": "color-background"},
            ),
            override("skew_s", unit="s", decimals=1),
        ],
    )
