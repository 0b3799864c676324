"""Numbers the observations of devices that cannot number, and drops their exact repeats.

MQTT delivers at least once. A device that numbers its observations needs no help: the pipeline applies every number
once. For the others the gateway gives the numbers, so a message delivered twice would be counted twice; it is
recognised by its content instead (same device, kind, event time and values).
"""

import secrets
from collections.abc import Hashable, Iterator
from typing import Final

from ingest.frame import FrameError
from ingest.log import Log, Record, RecordKind
from ingest.log.batch import open_batch
from ingest.vocabulary import Flag

CAPACITY: Final = 200_000
BOOT_PREFIX: Final = "gw-"
_CHUNK: Final = 50
"""Positions looked at in one step, from the log's end backwards."""
_REFILL_BYTES: Final = 128 << 20


class RepeatFilter:
    """Remembers what was seen for at least a window of time, in bounded memory.

    Two generations of a set: when the newer is a window old, or holds half the capacity, the older is forgotten. An
    entry is thus remembered for one to two windows, or for the last ``capacity / 2`` entries under a flood. Entries
    are 64-bit hashes (about 70 bytes each): two different observations of one device are taken for the same with
    probability 1e-14 at full capacity.
    """

    def __init__(self, window_s: float, capacity: int = CAPACITY) -> None:
        if window_s <= 0 or capacity < 2:
            raise ValueError(f"repeat window {window_s} s, capacity {capacity}: expected above 0 and at least 2")
        self.window_ms, self._half = round(window_s * 1000), capacity // 2
        self._new: set[int] = set()
        self._old: set[int] = set()
        self._turned_ms: int | None = None

    def __len__(self) -> int:
        """Return how many entries are remembered."""
        return len(self._new) + len(self._old)

    def has_room(self) -> bool:
        """Tell whether another entry can be remembered without forgetting older ones."""
        return len(self._new) < self._half

    def seen(self, key: Hashable, now_ms: int) -> bool:
        """Tell whether `key` was given before, and remember it."""
        if self._turned_ms is None:
            self._turned_ms = now_ms
        if now_ms - self._turned_ms >= self.window_ms or len(self._new) >= self._half:
            self._old, self._new, self._turned_ms = self._new, set(), now_ms
        entry = hash(key)
        if entry in self._new:
            return True
        known = entry in self._old
        self._new.add(entry)
        return known


class Numbering:
    """Boot and sequence numbers for devices that have none. ``boot`` is new at every start of the gateway."""

    def __init__(self) -> None:
        self.boot = f"{BOOT_PREFIX}{secrets.token_hex(8)}"
        self._next: dict[str, int] = {}

    def next(self, device: str) -> int:
        """Return the device's next number, from 0."""
        number = self._next.get(device, 0)
        self._next[device] = number + 1
        return number


def repeat_key(device: str, kind: int, ts: int, a: float, b: float, metric: str, text: str) -> Hashable:
    """Return what makes two observations of a device the same. Interval is left out: the log keeps it rounded."""
    return device, kind, ts, a, b, metric, text


def refill(repeats: RepeatFilter, log: Log, now_ms: int, shards: int = 1) -> None:
    """Rebuild the memory from the end of the log after a restart.

    Without it a message that was appended, but not yet acknowledged when the gateway died, would be numbered and
    counted a second time when the broker repeats it. Every shard is read backwards, as far as the window, the filter's
    capacity or 128 MB in all reach: what was not yet acknowledged is at its very end. The window is counted back from
    the newest record, because this node's clock may be wrong, or the node was away for long; `now_ms` is what
    `RepeatFilter.seen` will be given.
    """
    for shard in range(shards):
        _refill_shard(repeats, log, now_ms, shard, _REFILL_BYTES // shards)


def _refill_shard(repeats: RepeatFilter, log: Log, now_ms: int, shard: int, allowance: int) -> None:
    since, end, size = -1, log.head(shard), 0
    while end > 0 and size < allowance and repeats.has_room():
        start = max(0, end - _CHUNK)
        records = _between(log, shard, start, end)
        if records and since < 0:
            since = max(records[-1].received_ms - repeats.window_ms, 0)
        for record in reversed(records):
            size += len(record.payload)
            if record.kind is RecordKind.OBSERVATIONS and record.received_ms >= since:
                for key in _keys(record.payload):
                    repeats.seen(key, now_ms)
        if records and records[0].received_ms < since:
            break
        end = start


def _between(log: Log, shard: int, start: int, end: int) -> list[Record]:
    """Return a shard's records after `start` up to `end`, however many reads that takes."""
    records: list[Record] = []
    while start < end:
        found = [record for record in log.read(start, limit=_CHUNK, shard=shard) if record.position <= end]
        if not found:
            break
        records += found
        start = found[-1].position
    return records


def _keys(payload: bytes) -> Iterator[Hashable]:
    """Yield the keys of a batch's observations that were numbered by a gateway."""
    try:
        batch = open_batch(payload)
    except FrameError:  # of a later version: the pipeline says so, here nothing is known about it
        return
    if not any(source.boot.startswith(BOOT_PREFIX) for source in batch.sources):
        return
    names = ("flags", "source", "kind", "ts", "a", "b", "metric", "text")
    columns = (batch.columns[name].values() for name in names)
    for flags, source, kind, ts, a, b, metric, text in zip(*columns, strict=True):
        if flags & Flag.NUMBERED_HERE:
            yield repeat_key(batch.sources[source].device, kind, ts, a, b, batch.strings[metric], batch.strings[text])
