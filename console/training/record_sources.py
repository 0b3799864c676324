"""Where the records come from that are run again: a node's own log, a city's on Kafka, or a recording."""

import heapq
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import msgspec

from console.errors import CommandError
from deploy.settings import Settings
from ingest.clock import DataClock
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log import Log, Record
from ingest.log.log_view import LogView
from ingest.places import Places
from simulators.replay.recording import RecordingTrack

_RECORDS: Final = 256
_FLUSH_MS: Final = 1_000


class RecordSource(Protocol):
    """Where records come from."""

    name: str
    first_ms: int
    last_ms: int
    """When the oldest and the newest record were received, epoch ms."""
    shards: int
    """How many the records belong to."""

    def positions(self) -> tuple[int, int]:
        """Return the least and the greatest position that a snapshot to begin with may have."""

    def begin(self, ms: int, position: int | None, /) -> int:
        """Return the position behind which reading begins: a snapshot's, or else that of a time."""

    def portions(self, after: int, until_ms: int) -> Iterator[list[Record]]:
        """Give the records behind a position that were received before a time, in order."""

    def close(self) -> None:
        """Let go of what it holds open."""


class LoggedSource:
    """The log of a site's node.

    Raises `CommandError` for a log that is empty, `ingest.sqlite.StorageError` for one that cannot be read.
    """

    shards = 1

    def __init__(self, path: Path) -> None:
        self._log = LogView(path)
        self.name = str(path)
        span = self._log.span()
        if span is None:
            raise CommandError(f"{path}: the log is empty: there is nothing to run again")
        self._oldest, self._newest = span
        self.first_ms, self.last_ms = (self._log.received_ms(position) for position in span)

    def positions(self) -> tuple[int, int]:
        """See `RecordSource`: what follows a snapshot must be there."""
        return self._oldest - 1, self._newest

    def begin(self, ms: int, position: int | None, /) -> int:
        """See `RecordSource`."""
        return self._log.first_from(ms) - 1 if position is None else position

    def portions(self, after: int, until_ms: int) -> Iterator[list[Record]]:
        """See `RecordSource`. Raises `CommandError` where the node drops records before they are read."""
        position = after
        while records := self._log.read(position, _RECORDS):
            if records[0].position != position + 1 and position > 0:
                raise CommandError(
                    f"{self.name}: the node has dropped records before they were read, as they are older than "
                    "log.max_age_days or the log is full; ask again with a later --from"
                )
            position = records[-1].position
            yield [record for record in records if record.received_ms < until_ms]
            if records[-1].received_ms >= until_ms:
                return

    def close(self) -> None:
        """See `RecordSource`: it holds nothing open."""


class CityLogSource:
    """The log of a site on Kafka: the records of all shards, in the order in which they were received.

    Its workers' states are of different times, and no older ones are kept: there is no snapshot to begin with.
    Raises `CommandError` for a log that is empty. All methods raise OSError where Kafka does not answer.
    """

    def __init__(self, log: Log, shards: int, name: str) -> None:
        self._log, self.shards, self.name = log, shards, name
        oldest = [log.read(0, limit=1, shard=shard) for shard in range(shards)]
        self._ends = [log.head(shard) for shard in range(shards)]
        self._starts = [found[0].position if found else end + 1 for found, end in zip(oldest, self._ends, strict=True)]
        self._from = [*self._starts]
        if not any(oldest):
            raise CommandError(f"{name}: the log is empty: there is nothing to run again")
        # Where a shard begins later than the others, nothing is known of its beats before.
        self.first_ms = max(found[0].received_ms for found in oldest if found)
        self.last_ms = max(self._received_ms(shard, end) for shard, end in enumerate(self._ends))

    def positions(self) -> tuple[int, int]:
        """See `RecordSource`: none."""
        return 1, 0

    def begin(self, ms: int, _position: int | None, /) -> int:
        """See `RecordSource`; what is read is numbered from 1 on, as shards have positions of their own."""
        for shard, end in enumerate(self._ends):
            known = range(self._starts[shard], end + 1)
            self._from[shard] = known.start + bisect_left(known, ms, key=partial(self._received_ms, shard))
        return 0

    def portions(self, after: int, until_ms: int) -> Iterator[list[Record]]:
        """See `RecordSource`. Raises `CommandError` where Kafka drops records before they are read."""
        each = (self._of_shard(shard, until_ms) for shard in range(self.shards))
        merged = heapq.merge(*each, key=lambda record: record.received_ms)
        while records := _numbered(list(islice(merged, _RECORDS)), after):
            after += len(records)
            yield records

    def close(self) -> None:
        """See `RecordSource`."""
        self._log.close()

    def _of_shard(self, shard: int, until_ms: int) -> Iterator[Record]:
        at, end = self._from[shard] - 1, self._ends[shard]
        while at < end and (records := self._log.read(at, limit=_RECORDS, shard=shard)):
            if records[0].position > at + 1 and self._log.read(0, limit=1, shard=shard)[0].position > at + 1:
                raise CommandError(
                    f"{self.name}: Kafka has dropped records before they were read, as they are older than its topic "
                    "keeps them; ask again with a later --from"
                )
            for record in records:
                if record.position > end or record.received_ms >= until_ms:
                    return
                yield record
            at = records[-1].position

    def _received_ms(self, shard: int, position: int) -> int:
        found = self._log.read(position - 1, limit=1, shard=shard)
        return found[0].received_ms if found else 0


class RecordedSource:
    """A recording made by `patrolgrid record`, as a gateway of the site takes it."""

    shards = 1

    def __init__(self, track: RecordingTrack, settings: Settings, places: Places) -> None:
        self._track, self._settings, self._places = track, settings, places
        track.tells_time = True
        self.name = str(track.path)
        self.first_ms = self.last_ms = track.started_ms
        for record in (record for portion in self.portions(0, 1 << 62) for record in portion):
            self.last_ms = max(self.last_ms, record.received_ms)

    def positions(self) -> tuple[int, int]:
        """See `RecordSource`: a recording has positions of its own."""
        return 0, 1 << 62

    def begin(self, _ms: int, position: int | None, /) -> int:
        """See `RecordSource`."""
        return position or 0

    def portions(self, after: int, until_ms: int) -> Iterator[list[Record]]:
        """See `RecordSource`; records are numbered from `after` on."""
        clock = DataClock()
        gateway = self._settings.gateway
        routes = Routes(self._track.site, self._places, accept_unknown=gateway.accept_unknown)
        plates = Plates([("0", bytes(32))])  # a recording's plates are tokens already
        intake = Intake(routes=routes, clock=clock, plates=plates, settings=gateway)
        flushed_ms = 0
        for _, message in self._track.messages():
            now_ms = self._track.started_ms + round(message.offset_s * 1000)
            if now_ms >= until_ms:
                break
            if now_ms >= flushed_ms + _FLUSH_MS or intake.rows() >= gateway.max_rows:
                records = _numbered(intake.finish().records, after)
                after, flushed_ms = after + len(records), now_ms
                yield records
            intake.begin()
            intake.take(message.topic, message.payload, retained=message.retain)
        yield _numbered(intake.finish().records, after)

    def close(self) -> None:
        """See `RecordSource`: it holds nothing open."""


def _numbered(records: list[Record], after: int) -> list[Record]:
    return [msgspec.structs.replace(record, position=after + at) for at, record in enumerate(records, 1)]
