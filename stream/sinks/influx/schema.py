"""What stands in InfluxDB: the one place that names measurements, tags, fields, types and units.

The encoder takes names and types from here, ``docs/schema.md`` is made from here (``python -m
tests.influx.schema_page``), and the dashboards are checked against it. A new result needs an entry here, the
lines that fill it in `stream.sinks.influx.points`, and its panels.
"""

from dataclasses import dataclass
from typing import Final, Literal

FieldType = Literal["float", "integer", "string"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a measurement. ``unit`` is for people: ``1`` is a plain number."""

    name: str
    type: FieldType
    unit: str
    doc: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement; ``tags`` in the order in which they are written (sorted, as InfluxDB likes them)."""

    name: str
    doc: str
    time: str
    """What the time of a point is."""
    tags: tuple[str, ...]
    fields: tuple[Field, ...]
    example: str
    """An InfluxQL query that answers something people ask."""
    written: bool = True
    """False where the name is reserved for a result that the pipeline does not give yet."""

    @property
    def types(self) -> dict[str, FieldType]:
        """Return the type of each field by name."""
        return {field.name: field.type for field in self.fields}


TAGS: Final[dict[str, str]] = {
    "site": "the site's id",
    "beat": "the beat's id; absent where a result belongs to none",
    "device": "the device's id; for alerts without a device the cell or beat they are about",
    "metric": "what is measured: noise, smoke, temperature, water; door, cover, barrier, tamper …",
    "of": "absent for cameras; `gate` where a gate counted its passages, else the class that was counted",
    "kind": "the rule: surge, deficit, dead, smoke, cover_open … (docs/architecture.md)",
    "severity": "info, warning or critical",
    "officer": "the officer's id; absent for a beat's shares",
    "category": "what was reported: burglary, theft …; `other` where it has no name here",
    "provenance": "reported, sensor or patrol_discovered",
    "cell": "id of a hotspot cell, such as r012c034",
    "reason": "why something is in quarantine",
    "name": "the simulated scenario",
    "community": "the community's name in the places file",
}


def _count(name: str, what: str) -> Measurement:
    return Measurement(
        name,
        f"{what} passing a device, per window; written again whenever the window changes.",
        "start of the window",
        ("beat", "device", "of", "site"),
        (
            Field("in", "integer", "count", f"{what} in"),
            Field("out", "integer", "count", f"{what} out"),
            Field("n", "integer", "count", "observations the window is made of"),
            Field("exposure", "float", "0-1", "share of the window that was observed"),
            Field("expected", "float", "count", "expected in + out; absent while the series is young"),
            Field("lower", "float", "count", "lower end of the usual band of in + out"),
            Field("upper", "float", "count", "upper end of the usual band of in + out"),
            Field("p", "float", "probability", "tail probability of what was seen"),
            Field("state", "string", "word", "normal, surge, deficit, dead or young"),
            Field("status", "string", "word", "open, closed, revised, or late where nothing came on time"),
        ),
        f'SELECT sum("in") + sum("out") AS seen, sum("expected") AS expected FROM "{name}" '
        "WHERE $timeFilter GROUP BY time(5m)",
    )


_TEXTS: Final = (
    Field("text", "string", "sentence", "why, in English"),
    Field("text_zh", "string", "sentence", "why, in Simplified Chinese"),
)

MEASUREMENTS: Final[dict[str, Measurement]] = {
    measurement.name: measurement
    for measurement in (
        _count("people", "people"),
        _count("vehicles", "vehicles"),
        Measurement(
            "level",
            "A number with a unit that a sensor measures (noise dB, smoke %/m, temperature °C, water cm), per window.",
            "start of the window",
            ("beat", "device", "metric", "site"),
            (
                Field("value", "float", "of the metric", "mean over the window"),
                Field("low", "float", "of the metric", "lowest"),
                Field("high", "float", "of the metric", "highest"),
                Field("n", "integer", "count", "observations the window is made of"),
                Field("expected", "float", "of the metric", "expected mean; absent without a model"),
                Field("lower", "float", "of the metric", "lower end of the usual band"),
                Field("upper", "float", "of the metric", "upper end of the usual band"),
                Field("p", "float", "probability", "tail probability of what was seen"),
                Field("state", "string", "word", "normal, high, low, stuck, step, drift or young"),
                Field("status", "string", "word", "open, closed, revised or late"),
            ),
            'SELECT max("high") FROM "level" WHERE "metric" = \'noise\' AND $timeFilter GROUP BY time(5m), "device"',
        ),
        Measurement(
            "state",
            "Changes of state (door open/closed, smoke ok/alarm …). Of several within one second the last one stands.",
            "time of the change; for n the start of the window",
            ("beat", "device", "metric", "site"),
            (
                Field("value", "string", "word", "the new state"),
                Field("n", "integer", "count", "observations in the window that starts here"),
            ),
            'SELECT last("value") FROM "state" WHERE $timeFilter GROUP BY "device", "metric"',
        ),
        Measurement(
            "anomaly",
            "Something the model or a rule finds unlikely.",
            "its onset",
            ("beat", "device", "kind", "metric", "severity", "site"),
            (
                Field("observed", "float", "of the metric", "what was seen"),
                Field("expected", "float", "of the metric", "what was expected"),
                Field("p", "float", "probability", "tail probability; absent for rules"),
                Field("duration_s", "float", "s", "how long it had lasted when it was found"),
                Field("confidence", "float", "0-1", "lowered by the device's data quality"),
                Field("direction", "string", "word", "surge, deficit, hazard or dead"),
                *_TEXTS,
            ),
            'SELECT count("observed") FROM "anomaly" WHERE $timeFilter GROUP BY time(1h), "kind"',
        ),
        Measurement(
            "hotspot",
            "One cell of the hotspot map. A cell that leaves the map gets a last point with a risk of 0.",
            "time of the map",
            ("beat", "cell", "site"),
            (
                Field("lon", "float", "degrees", "longitude of the cell's centre, WGS 84"),
                Field("lat", "float", "degrees", "latitude of the cell's centre, WGS 84"),
                Field("risk", "float", "0-1", "relative to the highest cell of the map"),
                Field("rank", "integer", "1", "1 is the highest"),
                Field("current", "integer", "0/1", "1 while the cell is on the map; 0 on the map that it left"),
                Field("expected", "float", "events", "expected events in the coming period"),
                Field("drivers", "string", "sentence", "what drives it, in English"),
                Field("drivers_zh", "string", "sentence", "what drives it, in Simplified Chinese"),
                Field("place", "string", "name", "the place it is in, in English"),
                Field("place_zh", "string", "name", "the place it is in, in Simplified Chinese"),
                Field("lead", "integer", "0/1", "1 for the first cell of its place: the fields below are the place's"),
                Field("number", "float", "incidents", "expected in the coming four weeks, in the hours of the place"),
                Field("low", "float", "incidents", "it is probably between `low` and `high`"),
                Field("high", "float", "incidents", "see `low`"),
                Field("times", "float", "1", "so many times as much as in a cell of the beat"),
                Field("text", "string", "sentence", "all that is to be said of the place, in English"),
                Field("text_zh", "string", "sentence", "all that is to be said of the place, in Simplified Chinese"),
            ),
            'SELECT * FROM (SELECT last("current") AS "current", "rank", "lead", "text" FROM "hotspot" '
            'WHERE $timeFilter GROUP BY "beat", "cell") WHERE "current" = 1 AND "lead" = 1',
        ),
        Measurement(
            "alert",
            "One change of an alert. A device has at most one open alert of a kind, so the last point of beat, device "
            "and kind tells whether one is open. Two changes within one second stand a second apart. "
            "What only brings the numbers of an open alert up to date stands in the place of the change before it.",
            "time of the change",
            ("beat", "device", "kind", "site"),
            (
                Field("id", "string", "id", "the alert's id"),
                Field("revision", "integer", "1", "number of the change"),
                Field("state", "string", "word", "raised, acknowledged, cleared or expired"),
                Field("open", "integer", "0/1", "1 for raised and acknowledged"),
                Field("severity", "string", "word", "info, warning or critical"),
                Field("level", "integer", "1-3", "the severity as a number"),
                Field("place", "string", "name", "where, in English"),
                Field("place_zh", "string", "name", "where, in Simplified Chinese"),
                Field("title", "string", "sentence", "what and where, in English"),
                Field("title_zh", "string", "sentence", "what and where, in Simplified Chinese"),
                *_TEXTS,
                Field("lon", "float", "degrees", "longitude, WGS 84"),
                Field("lat", "float", "degrees", "latitude, WGS 84"),
                Field("confidence", "float", "0-1", "lowered by the device's data quality"),
                Field("changed_ms", "integer", "ms", "time of the change, epoch milliseconds"),
                Field("raised_ms", "integer", "ms", "when it was raised, epoch milliseconds"),
            ),
            'SELECT * FROM (SELECT last("open") AS "open", "severity", "text", "place" FROM "alert" WHERE $timeFilter '
            'GROUP BY "beat", "device", "kind") WHERE "open" = 1',
        ),
        Measurement(
            "device_health",
            "A device's data quality over one closed window; and, once a minute, how its edge agent is: `queue` and "
            "what follows it, of an agent with several devices on the one that it speaks through.",
            "start of the window; of an agent's word, when it came",
            ("beat", "device", "site"),
            (
                Field("received", "integer", "count", "observations received"),
                Field("late", "integer", "count", "of them late"),
                Field("missing", "integer", "count", "numbers that never came"),
                Field("duplicate", "integer", "count", "repeats"),
                Field("stuck", "integer", "0/1", "the same value again and again"),
                Field("silent", "integer", "0/1", "nothing came"),
                Field("online", "integer", "0/1", "its status says online"),
                Field("skew_s", "float", "s", "received time less event time; positive is behind"),
                Field("quality", "float", "0-1", "quality score"),
                Field("queue", "integer", "count", "observations that wait at the agent for the broker"),
                Field("oldest_s", "float", "s", "age of the oldest of them"),
                Field("dropped", "integer", "count", "observations that it gave up, in all"),
                Field("refused", "integer", "count", "what it could not take of vendors' devices since it started"),
                Field("strangers", "integer", "count", "what speaks to it and is bound to no device"),
                Field("disk_free_mb", "float", "MB", "free where it keeps what waits"),
                Field("memory_mb", "float", "MB", "memory that it uses"),
                Field("written_mb", "float", "MB", "written to its disk since it started"),
                Field("temperature_c", "float", "°C", "temperature of its processor"),
                Field("undervoltage", "integer", "0/1", "its power supply was too weak since its last word"),
                Field("ahead_s", "float", "s", "its clock less the station's"),
                Field("settings", "integer", "number", "version of the station's settings that it goes by"),
                Field("version", "string", "", "version of its program"),
            ),
            'SELECT last("quality") FROM "device_health" WHERE $timeFilter GROUP BY "beat", "device"',
        ),
        Measurement(
            "pipeline",
            "What the node says of itself, every 10 seconds of the site's clock at most.",
            "the site's clock",
            ("reason", "site"),
            (
                Field("now_ms", "integer", "ms", "the point's own time as a number, epoch milliseconds: for its age"),
                Field("observations_s", "float", "1/s", "observations taken a second"),
                Field("messages_s", "float", "1/s", "messages taken a second"),
                Field("received", "integer", "count", "observations received, in all"),
                Field("stored", "integer", "count", "observations applied, in all"),
                Field("duplicates", "integer", "count", "repeats left out, in all"),
                Field("late", "integer", "count", "applied late, in all"),
                Field("lag_records", "integer", "count", "records of the log not yet processed"),
                Field("lag_s", "float", "s", "how far behind the results are"),
                Field("open_alerts", "integer", "count", "open alerts"),
                Field("quarantined", "integer", "count", "in quarantine, in all; with the tag reason: for that reason"),
                Field("failing", "integer", "count", "parts of the node that fail just now"),
                Field("backlog_lines", "integer", "count", "lines that wait for InfluxDB"),
                Field("backlog_s", "float", "s", "how long the oldest of them has waited"),
                Field("influx_rejected", "integer", "count", "lines InfluxDB refused, since the node's start"),
                Field("influx_dropped", "integer", "count", "lines that a full backlog could not keep, in all"),
            ),
            'SELECT max("lag_s"), max("backlog_lines") FROM "pipeline" WHERE $timeFilter GROUP BY time(1m)',
        ),
        Measurement(
            "truth",
            "What a simulator says really happened, and whether an alert found it; by `patrolgrid demo --influx`.",
            "its start and its end",
            ("beat", "name", "site"),
            (
                Field("active", "integer", "0/1", "1 at the start, 0 at the end"),
                Field("found", "integer", "0/1", "whether an alert found it; at the start only"),
                Field("delay_s", "float", "s", "from the start to the first alert that found it"),
                Field("devices", "string", "ids", "devices on which it showed"),
            ),
            'SELECT sum("found") / count("found") FROM "truth" WHERE $timeFilter GROUP BY "name"',
        ),
        Measurement(
            "patrol",
            "A planned stop of a patrol, written again as it is worked off; and, without an officer, a beat's share of "
            "patrol beside its share of reports, once an hour.",
            "planned arrival; of shares, when they were reckoned",
            ("beat", "officer", "site"),
            (
                Field("stops", "integer", "count", "1; 0 for a stop that a newer plan has replaced"),
                Field("planned_min", "float", "min", "planned time at the stop"),
                Field("delivered_min", "float", "min", "time really spent there"),
                Field("done", "integer", "0/1", "1 when it is done"),
                Field("skipped", "integer", "0/1", "1 where it was skipped, or missed"),
                Field("state", "string", "word", "planned, arrived, done, skipped, missed or replaced"),
                Field("kind", "string", "word", "risk, committed, minimum or exploration"),
                Field("cell", "string", "id", "the cell of the hotspot map"),
                Field("lon", "float", "degrees", "longitude, WGS 84"),
                Field("lat", "float", "degrees", "latitude, WGS 84"),
                Field("share", "float", "0-1", "the beat's share of delivered minutes, older ones counting less"),
                Field("reported", "float", "0-1", "its share of what people reported, older ones counting less"),
            ),
            'SELECT sum("delivered_min") / sum("planned_min") FROM "patrol" WHERE $timeFilter GROUP BY "beat"',
        ),
        Measurement(
            "incident",
            "Something that people, a sensor or a patrol reported. Of several of one beat, category and provenance "
            "within a second the last one stands.",
            "when it happened",
            ("beat", "category", "provenance", "site"),
            (
                Field("count", "integer", "1", "1"),
                Field("id", "string", "id", "its id"),
                Field("lon", "float", "degrees", "longitude, WGS 84"),
                Field("lat", "float", "degrees", "latitude, WGS 84"),
                Field("said", "string", "category", "the category as it was told"),
            ),
            'SELECT sum("count") FROM "incident" WHERE $timeFilter GROUP BY time(1d), "category"',
        ),
        Measurement(
            "safety_index",
            "A community's score with its parts.",
            "the site's midnight of the day",
            ("community", "site"),
            (Field("score", "float", "0-100", "the index"),),
            'SELECT last("score") FROM "safety_index" WHERE $timeFilter GROUP BY "community"',
            written=False,
        ),
    )
}
"""Measurement by name."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """One field of the coarse values."""

    measurement: str
    name: str
    function: Literal["sum", "mean", "max", "min", "count"]
    field: str
    only: str = ""
    """Count only points whose field has this value."""


COARSE: Final = (
    *(Coarse(name, field, "sum", field) for name in ("people", "vehicles") for field in ("in", "out", "n", "expected")),
    Coarse("level", "value", "mean", "value"),
    Coarse("level", "high", "max", "high"),
    Coarse("level", "low", "min", "low"),
    Coarse("anomaly", "anomalies", "count", "direction"),
    Coarse("alert", "raised", "count", "state", only="raised"),
    Coarse("device_health", "quality", "mean", "quality"),
    Coarse("device_health", "received", "sum", "received"),
    Coarse("device_health", "missing", "sum", "missing"),
    Coarse("hotspot", "risk", "max", "risk"),
    Coarse("pipeline", "lag_s", "max", "lag_s"),
    Coarse("pipeline", "backlog_lines", "max", "backlog_lines"),
)
"""In order of measurements, which is how both languages write them."""
