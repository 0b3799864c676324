"""Builds `Results` for tests, from few words or at random by hypothesis."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ingest.events import Command, Incident
from ingest.refusal import Refusal
from ingest.vocabulary import Kind, WindowStatus
from stream.patrol_results import BeatShare, OfficerPlan, StopNow
from stream.results import (
    Alert,
    Anomaly,
    DeviceHealth,
    GateRows,
    HotspotCell,
    HotspotMap,
    HotspotPlace,
    PlacedIncident,
    RecordOutput,
    Results,
    SeriesKey,
    ShardOutput,
    StateRows,
    WindowRows,
)
from stream.sentences import Why, literal

SURGE = Why(
    "surge",
    {
        "metric": "person", "observed": 40.0, "expected": 12.5, "p": 1e-7, "since_ms": 1_795_420_800_000,
        "period_s": 300.0, "window_s": 300.0, "most": 0,
    },
)  # fmt: skip
NAN = math.nan
WINDOW_MS = 300_000
T0 = 1_795_420_800_000
"""2026-11-23T08:00:00Z, the start of a window."""
CATALOG = [
    SeriesKey("b1", "cam-1", int(Kind.COUNT), "person"),
    SeriesKey("b1", "cam-1", int(Kind.COUNT), "vehicle"),
    SeriesKey("b1", "gate-1", int(Kind.GATE), "gate"),
    SeriesKey("b2", "noise-1", int(Kind.LEVEL), "noise"),
    SeriesKey("b2", "door-1", int(Kind.STATE), "door"),
]


def results(position: int, *, catalog: list[SeriesKey] | None = None, **more: Any) -> Results:
    """Results of one record, received `position` seconds after T0."""
    now_ms = more.pop("now_ms", T0 + position * 1000)
    watermark_ms = more.pop("watermark_ms", now_ms - 30_000)
    return Results(position, now_ms, watermark_ms, CATALOG if catalog is None else catalog, **more)


def shard_output(given: Results) -> ShardOutput:
    """What a shard would have given, had the sinks got these results."""
    names = [field.name for field in fields(RecordOutput)] + ["incidents"]
    parts = {name: getattr(given, name) for name in names}
    plain = [{name: getattr(one, name) for name in Incident.__struct_fields__} for one in given.incidents]
    return ShardOutput(**parts | {"incidents": [Incident(**one) for one in plain]})


def windows(*rows: dict[str, Any]) -> WindowRows:
    """Window rows from dicts; what is not told has a usual value."""
    usual: dict[str, Any] = {
        "series": 0,
        "start": T0,
        "part": 0,
        "status": WindowStatus.OPEN,
        "n": 1,
        "sum_a": 1.0,
        "sum_b": 0.0,
        "low": 1.0,
        "high": 1.0,
        "exposure": 1.0,
        "expected": NAN,
        "lower": NAN,
        "upper": NAN,
        "p": NAN,
        "state": 4,
    }
    types: dict[str, Any] = {
        "series": np.int32,
        "n": np.int32,
        "start": np.int64,
        "part": np.int64,
        "status": np.uint8,
        "state": np.uint8,
    }
    types |= dict.fromkeys(("sum_a", "sum_b", "low", "high"), np.float64)
    full = [usual | row for row in rows]
    return WindowRows(**{name: np.array([row[name] for row in full], types.get(name, np.float32)) for name in usual})


def gates(*rows: dict[str, Any]) -> GateRows:
    """Gate rows from dicts."""
    usual = {
        "series": 2,
        "ts": T0,
        "seq": 0,
        "boot": "a",
        "direction": 0,
        "allowed": 1,
        "vehicle": "car",
        "plate": "h1:x",
    }
    full = [usual | row for row in rows]
    types = {"series": np.int32, "ts": np.int64, "seq": np.int64, "direction": np.uint8, "allowed": np.int8}
    columns: dict[str, Any] = {
        name: np.array([row[name] for row in full], types[name]) if name in types else [row[name] for row in full]
        for name in usual
    }
    return GateRows(**columns)


def states(*rows: tuple[int, int, str]) -> StateRows:
    """State rows from (series, ts, value)."""
    return StateRows(
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        [row[2] for row in rows],
    )


def anomaly(ts: int = T0, **more: Any) -> Anomaly:
    """An anomaly of cam-1."""
    usual: dict[str, Any] = {
        "beat": "b1",
        "device": "cam-1",
        "metric": "person",
        "kind": "surge",
        "direction": "surge",
        "severity": "warning",
        "ts": ts,
        "observed": 40.0,
        "expected": 12.5,
        "p": 1e-7,
        "duration_s": 60.0,
        "confidence": 0.9,
        "why": SURGE,
    }
    return Anomaly(**(usual | more))


def alert(identifier: str = "al-1", revision: int = 0, **more: Any) -> Alert:
    """An alert of cam-1."""
    usual: dict[str, Any] = {
        "id": identifier,
        "revision": revision,
        "site": "s1",
        "beat": "b1",
        "device": "cam-1",
        "kind": "surge",
        "state": "raised",
        "severity": "warning",
        "raised_ms": T0,
        "changed_ms": T0 + revision * 1000,
        "lon": 116.4,
        "lat": 39.9,
        "place": {"en": "West gate", "zh-CN": "西门"},
        "why": SURGE,
    }
    return Alert(**(usual | more))


def hotspot_place(cell: str) -> HotspotPlace:
    """What the first cell of a place says of it."""
    said = Why("spot-amount", {"known": "own", "category": "theft", "count": 0.4, "part": "evening", "times": 6})
    return HotspotPlace(
        cells=[cell], lon=116.0, lat=39.0, hours=(20, 23), period_s=28 * 86_400, category="theft", expected=0.4,
        low=0.2, high=0.8, times=6.0, known="own", why_amount=said,
        why_sure=Why("spot-sure", {"known": "own", "low": 0.2, "high": 0.8}),
    )  # fmt: skip


def hotspot_map(ts: int, *cells: tuple[str, str]) -> HotspotMap:
    """A map of (cell, beat) in order of rank."""
    return HotspotMap(
        ts=ts,
        horizon_s=7200,
        cell_m=250.0,
        cells=[
            HotspotCell(
                cell=cell,
                beat=beat,
                lon=116.0,
                lat=39.0,
                risk=1 / rank,
                rank=rank,
                expected=0.5,
                why=literal({"en": "theft"}),
                where=literal({"en": f"Lane {cell}", "zh-CN": f"{cell}巷"}),
                lead=cell,
                spot=hotspot_place(cell),
            )
            for rank, (cell, beat) in enumerate(cells, 1)
        ],
    )


def health(device: str = "cam-1", start: int = T0, **more: Any) -> DeviceHealth:
    """A device's data quality."""
    usual: dict[str, Any] = {
        "beat": "b1",
        "device": device,
        "start": start,
        "received": 5,
        "late": 0,
        "missing": 1,
        "duplicate": 0,
        "stuck": False,
        "silent": False,
        "skew_s": 0.25,
        "quality": 0.8,
        "online": True,
    }
    return DeviceHealth(**(usual | more))


def stop(identifier: str = "a", slot: int = 0, **more: Any) -> StopNow:
    """A planned stop of twelve minutes, `slot` quarters of an hour after `T0`."""
    begin = T0 + slot * 15 * 60_000
    usual: dict[str, Any] = {
        "id": identifier, "officer": "p1", "lon": 116.403, "lat": 39.904, "arrive_ms": begin,
        "leave_ms": begin + 12 * 60_000, "cell": "r1c1", "beat": "b1", "place": {"en": "Long Street", "zh-CN": "长街"},
    }  # fmt: skip
    return StopNow(**(usual | more))


def officer_plan(*stops: StopNow, **more: Any) -> OfficerPlan:
    """An officer's plan of a shift that has begun an hour before `T0`."""
    usual: dict[str, Any] = {
        "shift": "late-1", "name": "late", "officer": "p1", "begin_ms": T0 - 3_600_000, "end_ms": T0 + 7 * 3_600_000,
        "made_ms": T0 - 60_000, "solver": "search", "changed_ms": T0, "stops": list(stops),
    }  # fmt: skip
    return OfficerPlan(**(usual | more))


def beat_share(beat: str = "b1", **more: Any) -> BeatShare:
    """A beat's shares of patrol and of reports."""
    usual: dict[str, Any] = {"ts": T0, "minutes": 30.0, "patrol": 0.75, "reports": 2.0, "reported": 0.5}
    return BeatShare(beat=beat, **(usual | more))


def note(identifier: str = "n-1", ts: int = T0, **more: Any) -> Command:
    """A note in the shift book."""
    usual: dict[str, Any] = {"action": "note", "by": "li", "name": "Li Na", "note": "the key is with the neighbour"}
    return Command(id=identifier, ts=ts, **(usual | more))


def hand_over(identifier: str = "h-1", ts: int = T0, **more: Any) -> Command:
    """A shift handed over."""
    return note(identifier, ts, **({"action": "hand_over", "about": "late-1", "to": "Wang Lei"} | more))


def incident(identifier: str = "in-1", ts: Any = T0, **more: Any) -> PlacedIncident:
    """A reported burglary."""
    usual: dict[str, Any] = {"id": identifier, "ts": ts, "lon": 116.4, "lat": 39.9, "category": "burglary"}
    return PlacedIncident(**(usual | more))


def refusal(**more: Any) -> Refusal:
    """A refused observation."""
    usual: dict[str, Any] = {
        "topic": "t",
        "reason": "clock",
        "detail": "old",
        "payload": b"\x00\xff",
        "received_ms": T0,
    }
    return Refusal(**(usual | more))


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_number = st.floats(-1e9, 1e9) | st.just(NAN)
_small = st.floats(-1e6, 1e6, width=32) | st.just(NAN)
_counts = st.integers(0, len(CATALOG) - 1)
_starts = st.integers(0, 3).map(lambda step: T0 + step * WINDOW_MS)


@st.composite
def _window_rows(draw: st.DrawFn, position: int) -> WindowRows:
    row = st.fixed_dictionaries(
        {
            "series": _counts,
            "start": _starts,
            "part": st.sampled_from([0, position]),
            "status": st.integers(0, 3),
            "n": st.integers(0, 100),
            "sum_a": _number,
            "sum_b": _number,
            "low": _number,
            "high": _number,
            "exposure": _small,
            "expected": _small,
            "p": _small,
            "state": st.integers(0, 4),
        }
    )
    return windows(*draw(st.lists(row, max_size=6)))


@st.composite
def _one(draw: st.DrawFn, position: int, catalog: list[SeriesKey]) -> Results:
    few = draw(st.integers(0, 2))
    whys = st.builds(
        lambda metric, observed, p: Why("surge", dict(SURGE.args) | {"metric": metric, "observed": observed, "p": p}),
        _text,
        _number,
        _number,
    )
    return results(
        position,
        catalog=catalog,
        windows=draw(st.lists(_window_rows(position), max_size=2)),
        gates=[
            gates(
                *draw(
                    st.lists(
                        st.fixed_dictionaries({"seq": st.integers(0, 3), "boot": _text, "plate": _text}), max_size=3
                    )
                )
            )
        ],
        states=[states(*draw(st.lists(st.tuples(_counts, _starts, _text), max_size=3)))],
        anomalies=[anomaly(draw(_starts), kind=draw(_text), p=draw(_number), why=draw(whys)) for _ in range(few)],
        alerts=[
            alert(draw(st.sampled_from(["x", "y"])), position, why=draw(whys), note=draw(_text)) for _ in range(few)
        ],
        patrols=[officer_plan(stop(), changed_ms=T0 + position, away_ms=position) for _ in range(few)],
        shares=[beat_share(ts=draw(_starts)) for _ in range(few)],
        book=[note(f"n{position}", draw(_starts), note=draw(_text) or "-") for _ in range(few)],
        incidents=[incident(draw(st.sampled_from(["i", "j"])), draw(_starts), text=draw(_text)) for _ in range(few)],
        maps=[
            hotspot_map(
                draw(_starts),
                *draw(
                    st.lists(
                        st.tuples(st.sampled_from("abc"), st.sampled_from(["b1", "b2"])),
                        max_size=3,
                        unique_by=lambda c: c[0],
                    )
                ),
            )
            for _ in range(draw(st.integers(0, 2)))
        ],
        health=[
            health(draw(st.sampled_from(["cam-1", "d2"])), draw(_starts), skew_s=draw(_number)) for _ in range(few)
        ],
        refusals=[refusal(detail=draw(_text)) for _ in range(few)],
        accepted=draw(st.integers(0, 50)),
        duplicates=draw(st.integers(0, 5)),
        late=draw(st.integers(0, 5)),
    )


@st.composite
def result_lists(draw: st.DrawFn) -> list[Results]:
    """Up to six records' results in log order, with gaps, sharing a catalogue."""
    positions = sorted(draw(st.sets(st.integers(1, 20), max_size=6)))
    catalog = list(CATALOG)
    return [draw(_one(position, catalog)) for position in positions]
