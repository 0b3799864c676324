"""What the log holds: records, in order, each with the time at which the gateway received it.

Time enters the pipeline only through the log: every record carries ``received_ms``, and the gateway appends a
``TICK`` when nothing else arrived for a while. Results are therefore a pure function of the log's contents, and the
same log gives the same results on every engine.
"""

from enum import IntEnum
from typing import Final, Protocol

import msgspec

from ingest import frame
from ingest.frame import Buffer, FrameError, FrameKind, NewerFrameError

AWAY: Final = b"away"
"""Payload of a tick by which a gateway says that it has no connection to its broker: nobody is listened to."""


class RecordKind(IntEnum):
    """What a record's payload is."""

    OBSERVATIONS = 1
    """A columnar batch, see `ingest.log.batch`."""
    INCIDENT = 2
    """JSON of an `ingest.events.Incident`, or of a list of them."""
    COMMAND = 3
    """JSON of `ingest.events.Command`."""
    TICK = 4
    """Empty: only time has passed."""
    STATUS = 5
    """JSON of `ingest.events.DeviceStatus`."""
    MODEL = 6
    """A model of a beat's context that was trained beside the pipeline; see `models.context.beat_forest`."""
    HISTORY = 7
    """Windows for the baselines to learn from, which are stored already or belong to no store; see
    `ingest.log.history`."""
    PLACES = 8
    """All beats and devices of the site, after the places file was edited; see `ingest.places.encode_places`."""

    FAULT = 9
    """JSON of `ingest.events.DeviceFault`."""
    CALENDAR = 10
    """The site's calendar, after its settings or its calendar file have changed; see
    `ingest.days.site_calendar.encode_calendar`."""
    BELIEF = 11
    """JSON of `ingest.events.Belief`."""
    PLAN = 12
    """JSON of `ingest.events.PatrolPlan`: where a shift's officers are to be, made beside the pipeline."""
    DID = 13
    """JSON of `ingest.events.PatrolDid`."""
    FIT = 14
    """Weights of the hotspot forecast that were fitted beside the pipeline; see `models.hotspots`."""
    HEALTH = 15
    """JSON of `ingest.health.AgentReport`."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One entry of the log.

    ``position`` is given by the log (0 before it is appended); positions of a shard rise, gaps are allowed.
    """

    kind: RecordKind
    received_ms: int
    payload: bytes
    shard: int = 0
    position: int = 0


class _Meta(msgspec.Struct, array_like=True):
    kind: int
    received_ms: int


def encode_record(record: Record) -> bytes:
    """Return a record as the value of one Kafka record. Its shard and position are the partition and the offset."""
    return frame.encode(FrameKind.RECORD, _Meta(record.kind, record.received_ms), {"payload": record.payload})


def decode_record(value: Buffer | None, *, shard: int = 0, position: int = 0) -> Record:
    """Return the record that a value holds, with the shard and the position it was read at.

    Raises
    ------
    ingest.frame.NewerFrameError
        For a record of a later version, or of a kind that is not known here.
    ingest.frame.FrameError
        For any other value that `encode_record` does not give.
    """
    meta, arrays = frame.decode(FrameKind.RECORD, value, _Meta)
    if "payload" not in arrays:
        raise FrameError("the record on Kafka has no payload")
    try:
        kind = RecordKind(meta.kind)
    except ValueError:
        raise NewerFrameError(
            f"the record on Kafka is of kind {meta.kind}, known are {min(RecordKind)} to {max(RecordKind)}: "
            "upgrade this node"
        ) from None
    return Record(kind, meta.received_ms, bytes(arrays["payload"].data), shard, position)


class Log(Protocol):
    """A durable, ordered log of records. One conformance suite (tests/ingest/test_log_conformance.py) holds for all."""

    def append(self, records: list[Record]) -> int:
        """Write all records or none, and return the last position.

        When this returns the records are on disk (or acknowledged by every in-sync replica): only then may MQTT be
        acknowledged. Raises `LogFullError` when there is no room; nothing is then written.
        """

    def read(self, after: int, *, limit: int, shard: int | None = None) -> list[Record]:
        """Return up to `limit` records with a position greater than `after`, in order; empty where there are none."""

    def head(self, shard: int = 0) -> int:
        """Return the newest position of a shard, 0 for an empty one.

        Where a log numbers all shards together (SQLite), it may be another shard's.
        """

    def close(self) -> None:
        """Release files and connections; appended records stay."""


class ConsumedLog(Log, Protocol):
    """A log that remembers how far its consumers are. On Kafka the consumers' own clients do that."""

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is a record after `after`, or the time is over; return which."""

    def commit(self, consumer: str, position: int, sure_ms: int | None = None) -> None:
        """Remember durably that `consumer` has done with everything up to and including `position`.

        `sure_ms` is the time (epoch ms) where the consumer knows it from more than this node's clock: records may go
        by their age then.
        """

    def committed(self, consumer: str) -> int:
        """Return the committed position, 0 for a consumer never seen."""


class LogFullError(OSError):
    """The log's disk, or its allowance, is full. The gateway stops acknowledging until there is room."""
