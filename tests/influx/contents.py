"""What should stand in InfluxDB after some results, the slow and obvious way, and what does."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from ingest.vocabulary import STATUS_NAMES, Kind, WindowStatus, state_name
from stream.results import RECALLED, HotspotCell, HotspotPlace, Results
from stream.sentences import Why, literal
from stream.sentences.catalogue import in_all_languages, spot_sentence
from stream.sinks.influx.lines import clean, clean_tag
from tests.influx.servers import Server
from tests.stream.sink_tools import expected

Points = dict[tuple[Any, ...], dict[str, Any]]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(why: Why, language: str) -> str | None:
    return clean(in_all_languages(why)[language]) or None


def points(written: list[Results]) -> dict[str, Points]:  # noqa: C901, PLR0912, PLR0915 - one branch a measurement
    """Measurement → (second, tag values but the site's, in order of their names) → fields that are not None."""
    out: dict[str, Points] = defaultdict(dict)
    parts: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for (series, start, part), row in expected(written)["windows"].items():
        parts[series, start].append((part, row))
    for ((beat, device, kind, metric), start), found in parts.items():
        found.sort(key=lambda pair: pair[0])
        rows = [row for _, row in found]
        # What the model said stands in part 0, else in what it recalled later; additions have no say.
        part, first = next((one for one in found if one[0] == 0), found[0])
        whole = part in (0, RECALLED)
        n = sum(row["n"] for row in rows)
        sums = [sum(row[name] for row in rows if row[name] is not None) for name in ("sum_a", "sum_b")]
        if len(rows) == 1 and whole:
            sums = [first["sum_a"], first["sum_b"]]
        low = [row["low"] for row in rows if row["low"] is not None]
        high = [row["high"] for row in rows if row["high"] is not None]
        status = first["status"]
        if status == WindowStatus.CLOSED and found[-1][0] > 0:
            status = WindowStatus.REVISED
        model = {name: first[name] if whole else None for name in ("expected", "lower", "upper", "p")}
        if part == 0 and model["expected"] is None and found[0][0] == RECALLED:
            model |= {name: rows[0][name] for name in ("expected", "lower", "upper")}
        words = {"state": state_name(kind, first["state"] if whole else 4), "status": STATUS_NAMES[status]}
        second = start // 1000
        if kind in (Kind.COUNT, Kind.GATE):
            came = [_round(one) if n else None for one in sums]
            fields = {"in": came[0], "out": came[1], "n": n, **model, **words}
            fields["exposure"] = first["exposure"] if whole else None
            name = "people" if metric == "person" else "vehicles"
            of = {"gate": "gate"}.get(metric, "")
            out[name][second, beat, device, of] = fields
        elif kind == Kind.LEVEL:
            fields = {"value": sums[0] / n if n and sums[0] is not None else None, "n": n, **model, **words}
            fields |= {"low": min(low) if low else None, "high": max(high) if high else None}
            out["level"][second, beat, device, metric] = fields
        else:
            out["state"].setdefault((second, beat, device, metric), {})["n"] = n
    alerts: dict[Any, Any] = {}
    before: set[tuple[str, str]] = set()
    for result in written:
        for states in result.states:
            for series, ts, value in zip(states.series.tolist(), states.ts.tolist(), states.value, strict=True):
                key = result.catalog[series]
                if key.kind == Kind.STATE:
                    where = (ts // 1000, key.beat, key.device, key.metric)
                    out["state"].setdefault(where, {})["value"] = clean(value)
        for a in result.anomalies:
            point = (a.ts // 1000, a.beat, a.device, clean_tag(a.kind), a.metric, a.severity)
            fields = {name: getattr(a, name) for name in ("observed", "expected", "p", "duration_s", "confidence")}
            new = fields | {"direction": a.direction, "text": _text(a.why, "en"), "text_zh": _text(a.why, "zh-CN")}
            # What a point had and a new one does not say stays: InfluxDB writes fields over, not points.
            old = out["anomaly"].get(point, {})
            out["anomaly"][point] = old | {k: v for k, v in new.items() if _finite(v) is not None}
        for row in result.health:
            fields = {name: getattr(row, name) for name in ("received", "late", "missing", "duplicate", "quality")}
            fields |= {name: int(getattr(row, name)) for name in ("stuck", "silent", "online")}
            old = out["device_health"].get((row.start // 1000, row.beat, row.device), {})
            skew = {} if _finite(row.skew_s) is None else {"skew_s": row.skew_s}
            out["device_health"][row.start // 1000, row.beat, row.device] = old | fields | skew
        for alert in result.alerts:
            old = alerts.get((alert.id, alert.revision), {})
            new = {"state": alert.state, "severity": alert.severity, "changed_ms": alert.changed_ms, "lon": alert.lon}
            new |= {"text": _text(alert.why, "en"), "place_zh": clean(alert.place["zh-CN"])}
            new["title"] = _text(Why("alert-title", {"kind": alert.kind, "place": literal(alert.place)}), "en")
            alerts[alert.id, alert.revision] = old | {k: v for k, v in new.items() if v is not None}
        for hotspots in result.maps:
            second, now = hotspots.ts // 1000, {(cell.beat, cell.cell) for cell in hotspots.cells}
            for beat, gone in before - now:
                out["hotspot"].setdefault((second, beat, gone), {}).update({"current": 0, "risk": 0.0})
            before = now
            for cell in hotspots.cells:
                out["hotspot"][second, cell.beat, cell.cell] = {
                    "current": 1,
                    "lon": cell.lon, "lat": cell.lat, "risk": cell.risk, "rank": cell.rank, "expected": cell.expected,
                    "drivers": _text(cell.why, "en"), "drivers_zh": _text(cell.why, "zh-CN"),
                    "place": _text(cell.where, "en"), "place_zh": _text(cell.where, "zh-CN"),
                    "lead": int(cell.spot is not None),
                    **(_spot(cell, cell.spot) if cell.spot else {}),
                }  # fmt: skip
    out["alert"] = alerts
    return {name: {key: _clean(row) for key, row in rows.items()} for name, rows in out.items() if rows}


def _spot(cell: HotspotCell, spot: HotspotPlace) -> dict[str, Any]:
    said = spot_sentence(cell.where, spot.hours, spot.why_amount, cell.why, spot.why_sure)
    numbers = {"number": spot.expected, "low": spot.low, "high": spot.high, "times": spot.times}
    return numbers | {"text": _text(said, "en"), "text_zh": _text(said, "zh-CN")}


def _round(value: float | None) -> int | None:
    return None if value is None else round(value)


def _clean(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if _finite(value) is not None}


_TAGS = {
    "people": ("beat", "device", "of"),
    "vehicles": ("beat", "device", "of"),
    "level": ("beat", "device", "metric"),
    "state": ("beat", "device", "metric"),
    "anomaly": ("beat", "device", "kind", "metric", "severity"),
    "device_health": ("beat", "device"),
    "hotspot": ("beat", "cell"),
}


def stored(server: Server, database: str, site: str) -> dict[str, Points]:
    """What the server has of a site, in the same form."""
    out: dict[str, Points] = defaultdict(dict)
    # One question for all: most of the time of a small test goes into asking.
    asked = "; ".join(f"SELECT * FROM \"{name}\" WHERE site = '{site}'" for name in (*_TAGS, "alert"))  # noqa: S608 - ours
    for found in server.query(database, asked):
        row = found
        name = row["measurement"]
        second = row.pop("time") // 1000
        row.pop("measurement")
        row.pop("site")
        if name == "alert":
            kept = ("state", "severity", "changed_ms", "lon", "title", "text", "place_zh")
            key: tuple[Any, ...] = (row["id"], row["revision"])
            row = {field: row.get(field) for field in kept}
        else:
            key = (second, *(row.pop(tag, None) or "" for tag in _TAGS[name]))
        assert key not in out[name], (name, key)
        out[name][key] = _clean(row)
    return {name: rows for name, rows in out.items() if rows}


_WINDOWS = ("people", "vehicles", "level", "state")


def check(server: Server, database: str, site: str, written: list[Results]) -> None:
    """Assert that the server holds what these results say, value by value."""
    wanted, found = points(written), stored(server, database, site)
    assert {name: set(rows) for name, rows in found.items()} == {name: set(rows) for name, rows in wanted.items()}
    for name, rows in wanted.items():
        for key, fields in rows.items():
            have = found[name][key]
            # A window that had a number and has none any more keeps it: InfluxDB writes fields over, not points.
            extra = set(have) - set(fields) if name in _WINDOWS else set()
            assert set(have) - extra == set(fields), (name, key, have, fields)
            for field, value in fields.items():
                assert _same(have[field], value), (name, key, field, have[field], value)


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and not isinstance(found, str):
        close = math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-300)
        return close or bool(np.float32(found) == np.float32(wanted) and float(np.float32(wanted)) == wanted)
    return bool(found == wanted)
