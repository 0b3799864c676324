"""How fast one core takes a log's records through the pipeline, and what a device costs in memory."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.ingest_bench import decoding
from ingest.log.batch import Batch, Source
from ingest.log.records import Record, RecordKind
from ingest.places import Places, parse_places
from ingest.vocabulary import Kind
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with

START = 1_795_406_400_000
ROWS = 20_000
PER_MESSAGE = 50
_TYPES = ("camera", "camera", "noise", "smoke")


def places(devices: int) -> Places:
    """A square beat per 100 devices."""
    features: list[dict[str, Any]] = []
    for beat in range(-(-devices // 100)):
        west, south = 121.40 + 0.002 * (beat % 10), 31.20 + 0.002 * (beat // 10)
        ring = [[west, south], [west + 0.002, south], [west + 0.002, south + 0.002], [west, south + 0.002]]
        features.append(
            {
                "properties": {"kind": "beat", "id": f"b{beat}"},
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            }
        )
    for device in range(devices):
        beat = device // 100
        at = [121.401 + 0.002 * (beat % 10), 31.201 + 0.002 * (beat // 10)]
        features.append(
            {
                "properties": {
                    "kind": "device",
                    "id": f"d{device}",
                    "beat": f"b{beat}",
                    "type": _TYPES[device % len(_TYPES)],
                },
                "geometry": {"type": "Point", "coordinates": at},
            }
        )
    return parse_places({"type": "FeatureCollection", "features": features})


def records(devices: int, count: int, *, per_message: int = PER_MESSAGE, step_s: int = 1) -> list[Record]:
    """Records of ROWS observations each, as the gateway writes them: device after device, `per_message` at a time.

    Every device says something each `step_s` seconds; the fewer observations a window has, the more its closing costs
    each of them.
    """
    rng = np.random.default_rng(1)
    messages = ROWS // per_message
    result: list[Record] = []
    next_seq = np.zeros(devices, dtype=np.int64)
    turn = 0
    for position in range(1, count + 1):
        batch = Batch()
        who = (turn + np.arange(messages)) % devices
        turn += messages
        for name in ("person", "dB", "noise", "smoke", "%/m", ""):
            batch.string_index(name)
        sources = {int(d): batch.source_index(Source(f"b{d // 100}", f"d{d}", "boot")) for d in np.unique(who)}
        device = np.repeat(who, per_message)
        kind = np.where(device % 4 < 2, Kind.COUNT, Kind.LEVEL)
        # How far each device's own time has come.
        order = np.argsort(device, kind="stable")
        rank = np.empty(len(device), dtype=np.int64)
        runs = np.unique(device, return_counts=True)[1]
        rank[order] = np.concatenate([np.arange(n) for n in runs])
        seq = next_seq[device] + rank
        np.add.at(next_seq, device, 1)
        ts = START + seq * step_s * 1000
        values = {
            "kind": kind,
            "source": np.array([sources[int(d)] for d in device]),
            "seq": seq,
            "ts": ts,
            "received": np.maximum.accumulate(ts),
            "a": np.where(kind == Kind.COUNT, rng.poisson(0.2, len(device)), np.where(device % 4 == 2, 55.0, 0.3)),
            "b": np.where(kind == Kind.COUNT, rng.poisson(0.2, len(device)), 0.0),
            "interval": np.where(kind == Kind.COUNT, float(step_s), 0.0),
            "metric": np.where(kind == Kind.COUNT, 0, np.where(device % 4 == 2, 2, 3)),
            "text": np.where(kind == Kind.COUNT, 5, np.where(device % 4 == 2, 1, 4)),
            "flags": np.zeros(len(device)),
        }
        for name, column in batch.columns.items():
            column.frombytes(np.ascontiguousarray(values[name]).astype(column.typecode).tobytes())
        result.append(
            Record(
                kind=RecordKind.OBSERVATIONS,
                received_ms=int(values["received"][-1]),
                payload=batch.encode(),
                position=position,
            )
        )
    return result


def rate(devices: int, count: int, *, per_message: int = PER_MESSAGE, step_s: int = 1) -> tuple[float, Pipeline]:
    """Observations a second after a warm-up, closing of windows included, and the pipeline used."""
    pipeline = Pipeline(pipeline_with(site="bench", country=""), places(devices))
    warm = max(count // 5, -(-devices * per_message // ROWS))
    took = []
    for index, record in enumerate(records(devices, warm + count, per_message=per_message, step_s=step_s)):
        began = time.perf_counter()
        results = pipeline.process(record)
        spent = time.perf_counter() - began
        if results.accepted != ROWS:
            raise RuntimeError(f"only {results.accepted} of {ROWS} observations were applied: {results.refusals[:1]}")
        if index >= warm:
            took.append(spent)
    return ROWS * len(took) / sum(took), pipeline


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure; see docs/performance.md for what the figures mean."""
    count = 150 if quick else 450  # a window of 10,000 devices that speak each second is 150 records
    few, _ = rate(100, count)
    many, pipeline = rate(10_000, count)
    slow, _ = rate(10_000, count // 3, step_s=6)
    singles, _ = rate(10_000, count // 3, per_message=1)
    size = sum(array.nbytes for array in pipeline.shards[0].capture().arrays.values())
    alone = decoding(quick=True)["decode, in 50s"]["value"]
    saves = []
    for _ in range(3):
        began = time.perf_counter()
        data = pipeline.snapshot()
        saves.append(time.perf_counter() - began)
    return {
        "10,000 devices, each second": {"value": round(many), "unit": "observations/s", "target": 1_000_000},
        "same / decoding alone (in 50s)": {"value": round(many / alone, 2), "target": 0.3},
        "100 devices, each second": {"value": round(few), "unit": "observations/s"},
        "cost of an observation, 10,000 / 100 devices": {"value": round(few / many, 2), "target": 1.3, "at_most": True},
        "10,000 devices, each 6 s": {"value": round(slow), "unit": "observations/s"},
        "10,000 devices, single messages": {"value": round(singles), "unit": "observations/s"},
        "state per 1,000 devices": {"value": round(size / 10_000 * 1000 / 1024), "unit": "kB"},
        "snapshot of 10,000 devices": {"value": round(len(data) / 1e6, 1), "unit": "MB"},
        "time to make it": {"value": round(statistics.median(saves), 2), "unit": "s"},
    }


if __name__ == "__main__":
    print(run(quick=True))
