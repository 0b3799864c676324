"""A stretch of the simulated quarter's life, faults included, as the records that gateways would have appended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log.records import Record, RecordKind
from ingest.places import Places, parse_places
from ingest.shards import ShardMap
from simulators.devices.faults import FaultRates, skews
from simulators.devices.messages import Post, live
from simulators.world.life import World
from simulators.world.neighbourhood import places_geojson, quarter
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import Schedule

SITE = "quarter"
_FLUSH_MS = 5_000
_QUIET_MS = 20 * 60_000


class _Hand:
    """A clock that is set by hand."""

    live = True

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def observe(self, event_ms: int) -> None:
        """Take no notice."""


def places() -> Places:
    return parse_places(places_geojson())


def recorded(hours: float, shards: int, *, start: str = "2026-11-20 18:00", seed: int = 7) -> list[Record]:
    """Return the records of some hours, each shard's positions from 1 on: as a partition would give them."""
    positions = [0] * shards
    found = []
    for record in _records(hours, shards, start, seed):
        positions[record.shard] += 1
        found.append(Record(record.kind, record.received_ms, record.payload, record.shard, positions[record.shard]))
    return found


def _records(hours: float, shards: int, start: str, seed: int) -> Iterator[Record]:
    site, rates = quarter(), FaultRates()
    origin = round(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(site.timezone)).timestamp() * 1000)
    calendar = LocalDays(site.timezone, site.country)
    spared = frozenset(skews(site, rates, seed))
    schedule = Schedule(site, calendar, seed=seed, origin_ms=origin, spared=spared)
    post = Post(site, site_id=SITE, seed=seed, origin_ms=origin, rates=rates)
    world = World(site, calendar, seed=seed, origin_ms=origin, schedule=schedule)
    clock, known = _Hand(), places()
    routes = Routes(SITE, known, shards=ShardMap(shards, known.beats))
    intake = Intake(routes=routes, clock=clock, plates=Plates([("k", b"x" * 32)]))

    def flush(now: int) -> Iterator[Record]:
        taken = intake.finish()
        yield from taken.records
        silent = set(range(shards)) - {record.shard for record in taken.records}
        yield from (Record(RecordKind.TICK, now, b"", shard) for shard in sorted(silent))

    end = origin + round(hours * 3_600_000)
    clock.ms = origin + _FLUSH_MS
    intake.begin()
    for message in live(world, post, end):
        while message.at >= clock.ms:
            yield from flush(clock.ms)
            clock.ms += _FLUSH_MS
            intake.begin()
        if message.course != "lost":
            intake.take(message.topic, message.payload)
    yield from flush(clock.ms)
    for now in range(clock.ms, clock.ms + _QUIET_MS, 60_000):
        yield from (Record(RecordKind.TICK, now, b"", shard) for shard in range(shards))
