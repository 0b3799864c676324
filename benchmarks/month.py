"""A simulated month in a site's folder, without broker and log: ``python -m benchmarks.month FOLDER [DAYS]``.

Every fourth device of the quarter lives through it, with everything that the simulator lets happen. Officers go by
plans; people take alerts up, clear them, and say which were false. The node is down for a day and a half once, and a
camera is dark for a day. It is made for `benchmarks.report_agrees`, and takes minutes; the same arguments make the same
month.
"""

import math
import sys
from collections.abc import Iterator
from datetime import datetime
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec

from ingest import topics
from ingest.events import Command, FalseAlarm, PatrolPlan, PatrolStop
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log import Record, RecordKind
from simulators.devices.faults import FaultRates, skews
from simulators.devices.messages import Post, SimulatedMessage, live
from simulators.devices.officers import Beatwalkers
from simulators.world.life import World
from simulators.world.neighbourhood import Neighbourhood, places_geojson, quarter
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import Schedule
from stream.pipeline.pipeline import Pipeline
from stream.results import Alert, Results
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with

SITE = "quarter"
ZONE = "Asia/Shanghai"
BEGIN = "2026-10-19 00:00"
"""A Monday; the month ends on another one, at midnight."""
DAYS = 28.0
SEED = 11
STEP_MS = 60_000
HOUR_MS = 3_600_000
DOWN_H = (16 * 24 + 9, 17 * 24 + 21)
"""The node is down from and until so many hours after the beginning."""
DARK_H = (23 * 24 + 4, 24 * 24 + 7)
"""A camera is dark."""
SHIFTS = (("early", 6, 14), ("late", 14, 22))
OFFICERS = ("p1", "p2", "p3")
_TAKEN_UP = 0.8
_FALSE = 0.3
_AT_ONCE = 500
_REASONS = [reason for reason in get_args(FalseAlarm) if reason]


class Clock:
    """A clock that is set by hand."""

    live = True

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def observe(self, event_ms: int) -> None:
        """Take no notice."""


class Desk:
    """People who take alerts up, some late, some never; and clear them, some without a reason."""

    def __init__(self) -> None:
        self._random = Random(SEED)
        self._due: list[tuple[int, int, Command]] = []
        self._seen: set[str] = set()

    def hear(self, alert: Alert) -> None:
        if alert.id in self._seen or alert.severity == "info":
            return
        self._seen.add(alert.id)
        random = self._random
        if random.random() > _TAKEN_UP:
            return
        at = alert.raised_ms + round(random.lognormvariate(5.0, 1.2) * 1000)
        if random.random() < 0.9:
            self._say(at, "acknowledge", alert.id)
            at += round(random.lognormvariate(6.5, 1.0) * 1000)
        if random.random() < 0.7:
            self._say(at, "clear", alert.id, random.choice(_REASONS) if random.random() < _FALSE else "")

    def _say(self, at: int, action: str, alert: str, reason: str = "") -> None:
        said = {"id": f"c{len(self._seen)}-{action}", "action": action, "alert": alert, "by": "desk", "ts": at}
        heappush(self._due, (at, len(self._seen), msgspec.convert(said | {"reason": reason}, Command)))

    def says(self, now_ms: int) -> Iterator[Command]:
        while self._due and self._due[0][0] <= now_ms:
            yield heappop(self._due)[2]


def plans(site: Neighbourhood, day_ms: int, random: Random) -> Iterator[PatrolPlan]:
    """Yield a day's plans; of one shift in three a second one follows, which changes what is still to come."""
    beats = [(spec.device.beat, (spec.device.lon, spec.device.lat)) for spec in site.specs]
    for name, begin, end in SHIFTS:
        begin_ms, end_ms = day_ms + begin * HOUR_MS, day_ms + end * HOUR_MS
        shift = f"{name}-{datetime.fromtimestamp(begin_ms / 1000, ZoneInfo(site.timezone)):%Y-%m-%d}"
        for made_ms in (begin_ms, *([begin_ms + 3 * HOUR_MS] if random.random() < 0.3 else [])):
            stops = []
            for officer in OFFICERS[: random.choice((2, 3))]:
                at = max(made_ms + 20 * STEP_MS, begin_ms)
                while at < end_ms - HOUR_MS:
                    beat, (lon, lat) = random.choice(beats)
                    leave = at + random.randint(8, 25) * STEP_MS
                    identifier = f"{officer}-{shift}-{at // STEP_MS}"
                    stops.append(
                        PatrolStop(
                            id=identifier, officer=officer, lon=lon, lat=lat, arrive_ms=at, leave_ms=leave, beat=beat
                        )
                    )
                    at = leave + random.randint(10, 40) * STEP_MS
            yield PatrolPlan(
                shift=shift, name=name, begin_ms=begin_ms, end_ms=end_ms, made_ms=made_ms, solver="greedy",
                officers=OFFICERS, stops=tuple(stops),
            )  # fmt: skip


class Month:
    """Lives through it and writes what comes of it."""

    def __init__(self, folder: Path, days: float) -> None:
        (folder / SITE).mkdir(parents=True)
        document = places_geojson()
        (folder / SITE / "places.geojson").write_bytes(msgspec.json.encode(document))
        whole = quarter()
        self.site = site = whole.only(spec.device.id for spec in whole.specs[::4])
        self.begin = round(datetime.fromisoformat(BEGIN).replace(tzinfo=ZoneInfo(site.timezone)).timestamp() * 1000)
        self.end = self.begin + round(days * 86_400_000)
        self.clock = Clock()
        routes = Routes(SITE, site.places)
        self.intake = Intake(routes=routes, clock=self.clock, plates=Plates([("0a1b", b"month" * 8)]))
        config = pipeline_with(site=SITE, timezone=site.timezone, country=site.country)
        self.pipeline = Pipeline(config, site.places)
        self.store = StoreSink(folder / SITE / "store.db", SITE)
        self.desk, self.walkers = Desk(), Beatwalkers(SEED)
        self._waiting: list[Results] = []
        self._position = 0

    def live(self) -> None:
        site, begin = self.site, self.begin
        rates, calendar = FaultRates(), LocalDays(site.timezone, site.country)
        spared = frozenset(skews(site, rates, SEED))
        schedule = Schedule(site, calendar, seed=SEED, origin_ms=begin, spared=spared)
        world = World(site, calendar, seed=SEED, origin_ms=begin, schedule=schedule)
        post = Post(site, site_id=SITE, seed=SEED, origin_ms=begin, rates=rates)
        messages = live(world, post, self.end)
        one = next(messages, None)
        dark = next(at for at, spec in enumerate(site.specs) if spec.device.type == "camera")
        made, random = [], Random(SEED)
        for day in range(math.ceil((self.end - begin) / 86_400_000)):
            made += plans(site, begin + day * 86_400_000, random)
        for now in range(begin, self.end, STEP_MS):
            taken: list[SimulatedMessage] = []
            while one is not None and one.at < now + STEP_MS:
                taken.append(one)
                one = next(messages, None)
            hours = (now - begin) / HOUR_MS
            if DOWN_H[0] <= hours < DOWN_H[1]:
                continue
            self.clock.ms = now + STEP_MS
            while made and made[0].made_ms <= now:
                self._plan(made.pop(0), now)
            self._minute([m for m in taken if not (m.device == dark and DARK_H[0] <= hours < DARK_H[1])])
        self._write()
        self.store.close()

    def _minute(self, messages: list[SimulatedMessage]) -> None:
        intake, now = self.intake, self.clock.ms
        intake.begin()
        for one in messages:
            if one.course != "lost":
                intake.take(one.topic, one.payload)
        for command in self.desk.says(now):
            intake.take(topics.commands(SITE), msgspec.json.encode(command))
        for did in self.walkers.act(now):
            said = {name: value for name, value in msgspec.to_builtins(did).items() if value and name != "officer"}
            intake.take(topics.patrol_did(SITE, did.officer), msgspec.json.encode(said))
        records = intake.finish().records
        for record in records:
            self._take(record.kind, record.payload, record.received_ms)
        if not records:
            self._take(RecordKind.TICK, b"", now)

    def _plan(self, plan: PatrolPlan, now: int) -> None:
        self._take(RecordKind.PLAN, msgspec.json.encode(plan), now)
        for officer in OFFICERS:
            mine = [stop for stop in plan.stops if stop.officer == officer]
            self.walkers.take(msgspec.json.encode({"officer": officer, "stops": mine}))

    def _take(self, kind: RecordKind, payload: bytes, received_ms: int) -> None:
        self._position += 1
        results = self.pipeline.process(Record(kind, received_ms, payload, 0, self._position))
        for alert in results.alerts:
            if alert.state == "raised":
                self.desk.hear(alert)
        self._waiting.append(results)
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def _write(self) -> None:
        self.store.write(self._waiting)
        self._waiting = []


def make(folder: Path, days: float = DAYS) -> None:
    """Make the month below a folder, where it is not there yet."""
    if not (folder / SITE / "store.db").exists():
        Month(folder, days).live()


def main() -> int:
    make(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else DAYS)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
