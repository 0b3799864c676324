"""From results to lines: which result fills which measurement."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.health import AgentHealth, AgentReport
from ingest.observations import epoch_ms
from ingest.vocabulary import (
    INCIDENT_CATEGORIES,
    LEVEL_STATE_NAMES,
    SEVERITY_RANK,
    STATE_NAMES,
    STATUS_NAMES,
    HiddenState,
    Kind,
)
from stream.patrol_results import BeatShare, StopNow
from stream.results import (
    Alert,
    Anomaly,
    DeviceHealth,
    HotspotCell,
    HotspotMap,
    PlacedIncident,
    Results,
    SeriesKey,
    StateRows,
    WindowRows,
)
from stream.sentences import OUTSIDE, Why, literal
from stream.sentences.catalogue import Sentences, spot_sentence
from stream.sinks.influx.lines import column_lines, point_line, string_text, tag_text
from stream.sinks.influx.schema import MEASUREMENTS
from stream.sinks.result_rows import WINDOW_COLUMNS
from stream.sinks.store.window_view import Part, whole

_STATES: Final = [string_text(name) for name in STATE_NAMES.values()]
_LEVEL_STATES: Final = [string_text(name) for name in LEVEL_STATE_NAMES.values()]
_STATUSES: Final = {number: string_text(name) for number, name in STATUS_NAMES.items()}
_YOUNG: Final = int(HiddenState.YOUNG)


def measurement_of(key: SeriesKey) -> tuple[str, dict[str, str]]:
    """Return the measurement and tags, but for the site, of a series' windows.

    What is neither a person nor a vehicle in front of a camera gets the tag ``of``, so that two series of one device
    never meet in one point.
    """
    place = {"beat": key.beat, "device": key.device}
    if key.kind == Kind.COUNT and key.metric == "person":
        return "people", place
    if key.kind == Kind.COUNT:
        return "vehicles", place if key.metric == "vehicle" else place | {"of": key.metric}
    if key.kind == Kind.GATE:
        return "vehicles", place | {"of": "gate"}
    return ("level" if key.kind == Kind.LEVEL else "state"), place | {"metric": key.metric}


class SeriesHeads:
    """Measurement and tags of every series as text, followed as the catalogue grows."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._catalog: Sequence[SeriesKey] = ()
        self.heads: list[str] = []
        self.measurements: NDArray[np.int8] = np.zeros(0, np.int8)
        """Index into `NAMES`."""

    NAMES: Final = ("people", "vehicles", "level", "state")

    def follow(self, catalog: Sequence[SeriesKey]) -> None:
        """Take in a catalogue: the same as before, grown, or another one."""
        if catalog is not self._catalog:
            self._catalog, self.heads = catalog, []
            self.measurements = np.zeros(0, np.int8)
        fresh = catalog[len(self.heads) :]
        if fresh:
            found = [measurement_of(key) for key in fresh]
            self.heads += [name + tag_text({**tags, "site": self.site}) for name, tags in found]
            self.measurements = np.concatenate(
                [self.measurements, np.array([self.NAMES.index(name) for name, _ in found], np.int8)]
            )


def window_lines(heads: SeriesHeads, rows: WindowRows) -> list[str]:
    """Return the lines of windows, one a row. Each row must be a whole window, not a part of one."""
    lines: list[str] = []
    kinds = heads.measurements[rows.series]
    for number, name in enumerate(SeriesHeads.NAMES):
        picked = np.flatnonzero(kinds == number)
        if not len(picked):
            continue
        texts = [heads.heads[series] for series in rows.series[picked].tolist()]
        seconds = (rows.start[picked] // 1000).tolist()
        # Mostly one window of every device: one text, then.
        times = [str(seconds[0])] * len(seconds) if len(set(seconds)) == 1 else list(map(str, seconds))
        n = rows.n[picked]
        words: dict[str, list[str]] = {}
        columns: dict[str, NDArray[np.generic]]
        if name == "state":
            columns = {"n": n}
        else:
            model = {field: getattr(rows, field)[picked] for field in ("expected", "lower", "upper", "p")}
            if name == "level":
                mean = np.divide(rows.sum_a[picked], n, where=n > 0, out=np.full(len(n), np.nan))
                columns = {"value": mean, "low": rows.low[picked], "high": rows.high[picked], "n": n, **model}
            else:
                # Of a window that is only expected, or recalled, nobody knows that it was empty.
                passing = {
                    field: np.where(n > 0, getattr(rows, column)[picked], np.nan)
                    for field, column in (("in", "sum_a"), ("out", "sum_b"))
                }
                columns = {**passing, "n": n, "exposure": rows.exposure[picked], **model}
            states = _LEVEL_STATES if name == "level" else _STATES
            words = {
                "state": [states[state] for state in rows.state[picked].tolist()],
                "status": [_STATUSES[status] for status in rows.status[picked].tolist()],
            }
        lines += column_lines(MEASUREMENTS[name], texts, columns, words, times)
    return lines


def state_lines(heads: SeriesHeads, rows: StateRows) -> Iterable[str]:
    """Return the lines of changes of state."""
    for series, ts, value in zip(rows.series.tolist(), rows.ts.tolist(), rows.value, strict=True):
        if heads.measurements[series] == SeriesHeads.NAMES.index("state"):
            yield f"{heads.heads[series]} value={string_text(value)} {ts // 1000}"


class TextFields:
    """The text fields of points, in the schema's two languages: ``text`` in English, ``text_zh`` in Chinese.

    Parameters
    ----------
    zone
        Zone of the times in sentences: the site's.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._languages = (("", Sentences("en", zone)), ("_zh", Sentences("zh-CN", zone)))

    def __call__(self, name: str, why: Why) -> dict[str, str | None]:
        """Return the fields of a sentence."""
        return {name + suffix: say.why(why) or None for suffix, say in self._languages}


def anomaly_line(site: str, anomaly: Anomaly, sentence: TextFields) -> str:
    """Return the line of an anomaly."""
    tags = {
        "beat": anomaly.beat,
        "device": anomaly.device,
        "kind": anomaly.kind,
        "metric": anomaly.metric,
        "severity": anomaly.severity,
        "site": site,
    }
    fields = {
        "observed": anomaly.observed,
        "expected": anomaly.expected,
        "p": anomaly.p,
        "duration_s": anomaly.duration_s,
        "confidence": anomaly.confidence,
        "direction": anomaly.direction,
        **sentence("text", anomaly.why),
    }
    return point_line("anomaly", tags, fields, anomaly.ts // 1000)


def alert_second(alert: Alert, before: Mapping[str, Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return under which name and when a change of an alert stands: ``[second, id, revision]``.

    A second after the change before it of the same beat, device and kind, at least; one that calls nobody stands in the
    place of that one, so that what was raised is counted once. `before` has those by name.
    """
    name = f"{alert.beat}/{alert.device}/{alert.kind}"
    time_s, identity = alert.changed_ms // 1000, [alert.id, alert.revision]
    last = before.get(name)
    if last is not None:
        again = list(last[1:]) == identity or (alert.quiet and last[1] == alert.id)
        time_s = last[0] if again else max(time_s, last[0] + 1)
    return name, [time_s, *identity]


def alert_line(alert: Alert, time_s: int, sentence: TextFields) -> str:
    """Return the line of one change of an alert at a time of its own."""
    tags = {"beat": alert.beat, "device": alert.device, "kind": alert.kind, "site": alert.site}
    place = literal(alert.place) if alert.place else OUTSIDE
    fields = {
        "id": alert.id,
        "revision": alert.revision,
        "state": alert.state,
        "open": int(alert.state in ("raised", "acknowledged")),
        "severity": alert.severity,
        "level": SEVERITY_RANK[alert.severity] + 1,
        **sentence("place", place),
        **sentence("title", Why("alert-title", {"kind": alert.kind, "place": place})),
        **sentence("text", alert.why),
        "lon": alert.lon,
        "lat": alert.lat,
        "confidence": alert.confidence,
        "changed_ms": alert.changed_ms,
        "raised_ms": alert.raised_ms,
    }
    return point_line("alert", tags, fields, time_s)


def hotspot_line(site: str, ts: int, cell: HotspotCell, sentence: TextFields) -> str:
    """Return the line of one cell of the map of a time."""
    fields: dict[str, Any] = {
        "lon": cell.lon,
        "lat": cell.lat,
        "risk": cell.risk,
        "rank": cell.rank,
        "expected": cell.expected,
        "current": 1,
        **sentence("drivers", cell.why),
        **sentence("place", cell.where),
        "lead": int(cell.spot is not None),
    }
    if cell.spot is not None:
        spot = cell.spot
        fields |= {"number": spot.expected, "low": spot.low, "high": spot.high, "times": spot.times}
        fields |= sentence("text", spot_sentence(cell.where, spot.hours, spot.why_amount, cell.why, spot.why_sure))
    return point_line("hotspot", {"beat": cell.beat, "cell": cell.cell, "site": site}, fields, ts // 1000)


def left_line(site: str, ts: int, cell: str, beat: str) -> str:
    """Return the line that says that a cell is not on the map of a time any more."""
    return point_line("hotspot", {"beat": beat, "cell": cell, "site": site}, {"risk": 0.0, "current": 0}, ts // 1000)


def map_lines(
    site: str, hotspots: HotspotMap, before: Iterable[Sequence[str]], sentence: TextFields
) -> tuple[list[Callable[[], str]], list[list[str]]]:
    """Return what makes the lines of a map, and its (cell, beat) for the next one.

    `before` has the (cell, beat) of the map before; those that are not on this one get a last point.
    """
    cells = [[cell.cell, cell.beat] for cell in hotspots.cells]
    makers: list[Callable[[], str]] = [
        partial(left_line, site, hotspots.ts, *one) for one in before if list(one) not in cells
    ]
    makers += [partial(hotspot_line, site, hotspots.ts, cell, sentence) for cell in hotspots.cells]
    return makers, cells


def health_line(site: str, row: DeviceHealth) -> str:
    """Return the line of a device's health in one window."""
    fields = {
        "received": row.received,
        "late": row.late,
        "missing": row.missing,
        "duplicate": row.duplicate,
        "stuck": int(row.stuck),
        "silent": int(row.silent),
        "online": int(row.online),
        "skew_s": row.skew_s,
        "quality": row.quality,
    }
    return point_line(
        "device_health", {"beat": row.beat, "device": row.device, "site": site}, fields, row.start // 1000
    )


def agent_line(site: str, report: AgentReport) -> str:
    """Return the line of what an edge agent says of itself: further fields of its device's health."""
    health = report.health or AgentHealth(ts=report.ts)
    fields = {
        "queue": health.queue,
        "oldest_s": float(health.oldest_s),
        "dropped": sum(health.dropped.values()),
        "refused": sum(health.refused.values()),
        "strangers": len(report.met),
        "disk_free_mb": _float(health.disk_free_mb),
        "memory_mb": _float(health.memory_mb),
        "written_mb": _float(health.written_mb),
        "temperature_c": _float(health.temperature_c),
        "undervoltage": None if health.undervoltage is None else int(health.undervoltage),
        "ahead_s": report.ahead_s,
        "settings": health.settings,
        "version": health.version or None,
    }
    tags = {"beat": report.beat, "device": report.device, "site": site}
    return point_line("device_health", tags, fields, report.ts // 1000)


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)


def incident_line(site: str, incident: PlacedIncident) -> str:
    """Return the line of an incident: a category that has no name, which anybody may send, makes no new series."""
    category = incident.category if incident.category in INCIDENT_CATEGORIES else "other"
    tags = {"beat": incident.beat, "category": category, "provenance": incident.provenance, "site": site}
    fields = {"count": 1, "id": incident.id, "lon": incident.lon, "lat": incident.lat, "said": incident.category}
    return point_line("incident", tags, fields, epoch_ms(incident.ts) // 1000)


def stop_line(site: str, stop: StopNow) -> str:
    """Return the line of a stop as it stands: an officer's stops never begin within one second."""
    counts = stop.state != "replaced"
    fields = {
        "stops": int(counts),
        "planned_min": stop.planned_min if counts else 0.0,
        "delivered_min": stop.delivered_min,
        "done": int(stop.state == "done"),
        "skipped": int(stop.state in ("skipped", "missed")),
        "state": stop.state,
        "kind": stop.kind,
        "cell": stop.cell or None,
        "lon": stop.lon,
        "lat": stop.lat,
    }
    return point_line(
        "patrol", {"beat": stop.beat, "officer": stop.officer, "site": site}, fields, stop.arrive_ms // 1000
    )


def share_line(site: str, share: BeatShare) -> str:
    """Return the line of a beat's shares."""
    fields = {"share": share.patrol, "reported": share.reported}
    return point_line("patrol", {"beat": share.beat, "site": site}, fields, share.ts // 1000)


def event_lines(site: str, result: Results, sentence: TextFields) -> Iterator[Callable[[], str]]:
    """Give what makes the line of each small result: one that fails leaves the others alone."""
    for anomaly in result.anomalies:
        yield partial(anomaly_line, site, anomaly, sentence)
    for row in result.health:
        yield partial(health_line, site, row)
    for report in (one for one in result.agents if one.health is not None and one.health.ts):
        yield partial(agent_line, site, report)
    for incident in result.incidents:
        yield partial(incident_line, site, incident)
    for stop in (stop for plan in result.patrols for stop in plan.stops):
        yield partial(stop_line, site, stop)
    for share in result.shares:
        yield partial(share_line, site, share)


def with_whole(rows: WindowRows, parts: Mapping[tuple[int, int], Sequence[Part]]) -> WindowRows:
    """Return rows in which every window of `parts` (by series, start) stands once, as the sum of its parts."""
    keep = [
        row for row, key in enumerate(zip(rows.series.tolist(), rows.start.tolist(), strict=True)) if key not in parts
    ]
    made = []
    for key, found in parts.items():
        *numbers, state = whole(found)
        made.append((*key, 0, *(np.nan if one is None else one for one in numbers), _YOUNG if state is None else state))
    columns = {}
    for name, values in zip(WINDOW_COLUMNS, zip(*made, strict=True), strict=True):
        old = getattr(rows, name)
        columns[name] = np.concatenate([old[keep], np.array(values, old.dtype)])
    return WindowRows(**columns)
