"""How soon a surge to three times the expected count is told, through the real pipeline.

``python -m benchmarks.delay --seeds 5`` teaches a pipeline two ordinary weeks of the simulator's quarter, then lets
every camera see some crowds of exactly three times its usual people (the simulator's `crowd`), at moments of chance
over a day. A camera reports each minute. Two delays are measured in event time, to the first finding of the pipeline on
that camera:

from the beginning
    of the crowd. Nobody can know of it before the first report that shows it: 30 to 90 seconds later, 60 on average.
from the first effect
    that is, from the first report most of whose minute lies in the crowd.

A third of a window is 100 seconds.
"""

import argparse
import json
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ingest.log.batch import Batch, Source
from ingest.log.history import HistorySeries, encode_history
from ingest.log.records import Record, RecordKind
from ingest.vocabulary import Kind
from simulators.devices.faults import FaultRates
from simulators.devices.messages import Post
from simulators.devices.warm_start import history
from simulators.world.life import Event, World
from simulators.world.neighbourhood import COUNTRY, TIMEZONE, Neighbourhood, quarter
from simulators.world.placing import Effect
from simulators.world.rhythm import LocalDays
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with

MONDAY = 1_795_363_200_000
"""Midnight of Monday, 2026-11-23, in Shanghai."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WINDOW = 300_000
SIZES = (0.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, np.inf)
"""Classes of the expected count per window."""
FLAWLESS = FaultRates(loss=0.0, duplicate=0.0, late=0.0, spoilt=0.0, skewed=0.0)
SLICE = 5_000
"""A gateway writes more often than this."""


class Crowds:
    """A schedule with nothing but crowds: every camera, each some hours after the one before."""

    def __init__(self, site: Neighbourhood, seed: int, begin: int, end: int) -> None:
        rng = Random(f"{seed}|delay")
        self.effects: dict[str, list[Effect]] = defaultdict(list)
        for spec in site.specs:
            at = begin + rng.uniform(0.5, 3.0) * HOUR
            while spec.device.type == "camera" and at < end - HOUR:
                self.effects[spec.device.id].append(Effect("crowd", round(at), round(at) + 15 * MINUTE, 3.0))
                at += rng.uniform(3.0, 5.0) * HOUR

    def until(self, _ms: int) -> None:
        """Everything is laid out already."""


class Log:
    """Writes what devices saw as the records of a log."""

    def __init__(self, site: Neighbourhood) -> None:
        self.site, self.position = site, 0
        self._seq: dict[str, int] = defaultdict(int)

    def observations(self, events: list[Event]) -> Record:
        batch, newest = Batch(), 0
        for event in events:
            device, body = self.site.specs[event.device].device, event.body
            newest = max(newest, event.ts)
            self._seq[device.id] += 1
            row: dict[str, Any] = {
                "kind": Kind.COUNT,
                "source": batch.source_index(Source(device.beat, device.id, "live")),
                "seq": self._seq[device.id],
                "ts": event.ts,
                "received": newest,
                "a": float(body["in"]),
                "b": float(body["out"]),
                "interval": float(body["interval_s"]),
                "metric": batch.string_index(body["of"]),
                "text": batch.string_index(""),
                "flags": 0,
            }
            for name, value in row.items():
                batch.columns[name].append(value)
        return self._next(RecordKind.OBSERVATIONS, newest, batch.encode())

    def taught(self, world: World, post: Post, days: float, end: int) -> Record:
        rows: list[tuple[HistorySeries, int, float]] = []
        for message in history(world, post, days=days, end_ms=end):
            if message.device < 0 or self.site.specs[message.device].device.type != "camera":
                continue
            device = self.site.specs[message.device].device
            for body in message.observations:
                series = HistorySeries(device.beat, device.id, Kind.COUNT, body["of"])
                ts = body["ts"]
                if isinstance(ts, str):
                    ts = round(datetime.fromisoformat(ts).timestamp() * 1000)
                rows.append((series, ts // WINDOW - 1, body["in"] + body["out"]))
        which = {series: place for place, series in enumerate(dict.fromkeys(row[0] for row in rows))}
        places, number, value = [which[row[0]] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
        payload = encode_history(WINDOW, list(which), places, number, value, [1.0] * len(rows))
        return self._next(RecordKind.HISTORY, end, payload)

    def _next(self, kind: RecordKind, received: int, payload: bytes) -> Record:
        self.position += 1
        return Record(kind, received, payload, position=self.position)


def follow(seed: int, weeks: int) -> tuple[list[dict[str, float]], float]:
    """Return one row per crowd, and how many surges a camera-week were told away from any.

    A row has the expected count per window and the delays in seconds, infinite where the crowd was not told.
    """
    whole = quarter()
    site = whole.only([spec.device.id for spec in whole.specs if spec.device.type == "camera"])
    begin, end = MONDAY + 6 * HOUR, MONDAY + 23 * HOUR
    calendar = LocalDays(TIMEZONE, COUNTRY)
    crowds: Any = Crowds(site, seed, begin, end)
    world = World(site, calendar, seed=seed, origin_ms=begin, schedule=crowds)
    log = Log(site)
    pipeline = Pipeline(pipeline_with(site="delay"), site.places)
    post = Post(site, site_id="delay", seed=seed, origin_ms=begin, rates=FLAWLESS, boot="past")
    pipeline.process(log.taught(world, post, 7.0 * weeks, begin))
    told: dict[str, list[int]] = defaultdict(list)
    shown: dict[str, list[int]] = defaultdict(list)
    while world.minute_start < end:
        slices: dict[int, list[Event]] = defaultdict(list)
        for event in world.minute():
            if event.body["type"] == "count":
                slices[event.ts // SLICE].append(event)
                shown[site.specs[event.device].device.id].append(event.ts)
        for _, events in sorted(slices.items()):
            out = pipeline.process(log.observations(events))
            for anomaly in out.anomalies:
                if anomaly.kind == "surge" and anomaly.metric == "person":
                    told[anomaly.device].append(out.now_ms)
    rows = []
    for spec in site.specs:
        for effect in crowds.effects[spec.device.id]:
            first = next(ts for ts in shown[spec.device.id] if ts >= effect.start + MINUTE // 2)
            alarm = next((ts for ts in told[spec.device.id] if effect.start <= ts < effect.end + WINDOW), np.inf)
            usual = spec.people_h * calendar.share(spec.profile, effect.start) / 12
            rows.append({"expected": usual, "begin": (alarm - effect.start) / 1000, "first": (alarm - first) / 1000})
    false, ordinary_ms = 0, 0
    for spec in site.specs:
        spans = [(effect.start, effect.end + 90 * MINUTE) for effect in crowds.effects[spec.device.id]]
        ordinary_ms += end - begin - sum(min(last, end) - first for first, last in spans)
        times = [ts for ts in told[spec.device.id] if not any(first <= ts <= last for first, last in spans)]
        false += sum(at - before > HOUR for before, at in pairwise([-HOUR, *times]))
    return rows, false / (ordinary_ms / (7 * DAY))


def quantiles(values: list[float]) -> str:
    """Half of them, three quarters, nine tenths, as seconds."""
    ordered = sorted(values)
    picked = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.5, 0.75, 0.9))
    return " / ".join("-" if value == np.inf else f"{value:.0f}" for value in picked)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.delay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--weeks", type=int, default=2, help="of history")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs = [follow(seed, options.weeks) for seed in range(options.seeds)]
    rows = [row for run, _ in runs for row in run]
    print(f"{np.mean([false for _, false in runs]):.2f} surges a camera-week told where there was none")
    print(f"{len(rows)} crowds of three times the expected count, {options.seeds} days of chance; a third is 100 s")
    head = ("expected a window", "crowds", "told", "in a third", "s from beginning", "s from first effect")
    print("{:<20}{:>8}{:>8}{:>12}   {:<22}{}".format(*head) + "   (50 / 75 / 90 %)")
    report = []
    for low, high in [*pairwise(SIZES), (0.0, np.inf)]:
        some = [row for row in rows if low <= row["expected"] < high]
        if not some:
            continue
        begin, first = [row["begin"] for row in some], [row["first"] for row in some]
        told = sum(value < np.inf for value in begin) / len(some)
        third = sum(value <= WINDOW / 3000 for value in first) / len(some)
        label = (
            "all" if (low, high) == (0.0, np.inf) else f"{low:g} and more" if high == np.inf else f"{low:g}-{high:g}"
        )
        print(f"{label:<20}{len(some):>8}{told:>8.0%}{third:>12.0%}   {quantiles(begin):<22}{quantiles(first)}")
        report.append({"expected": label, "crowds": len(some), "told": told, "in a third": third})
        report[-1] |= {"from the beginning": quantiles(begin), "from the first effect": quantiles(first)}
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
