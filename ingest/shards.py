"""Which shard a beat belongs to: the unit in which a city's stream is divided among processes.

A beat is never divided: its devices are seen together. The shard is found by rendezvous hashing (Thaler and
Ravishankar, 1998), so that a new beat moves no other, and a further shard moves only the beats it takes over.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.places import Places


class ShardMap:
    """Beat id → shard, for a fixed number of shards."""

    def __init__(self, shards: int) -> None:
        if shards < 1:
            raise ValueError(f"{shards} shards, expected at least 1")
        self.shards = shards
        self._known: dict[str, int] = {}

    def shard_of(self, beat: str) -> int:
        """Return the shard of a beat, known or not, 0 to ``shards - 1``."""
        shard = self._known.get(beat)
        if shard is None:
            shard = self._known[beat] = max(range(self.shards), key=lambda number: _weight(beat, number))
        return shard

    def split(self, places: Places) -> list[Places]:
        """Return the beats and devices of each shard; streets and name are everyone's."""
        beats = [{k: v for k, v in places.beats.items() if self.shard_of(k) == n} for n in range(self.shards)]
        devices = [{k: v for k, v in places.devices.items() if self.shard_of(v.beat) == n} for n in range(self.shards)]
        return [replace(places, beats=b, devices=d) for b, d in zip(beats, devices, strict=True)]


def _weight(beat: str, shard: int) -> bytes:
    return hashlib.blake2b(f"{shard}/{beat}".encode(), digest_size=8).digest()
