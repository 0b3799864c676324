"""Which shard a beat belongs to: the unit in which a city's stream is divided among processes.

A beat is never divided: its devices are seen together. Where the places file names no shard for it, the shard is found
by rendezvous hashing (Thaler and Ravishankar, 1998): a new beat moves no other, and a further shard moves only the
beats it takes over. Neighbouring beats that shall be together name the same ``shard`` in their properties.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ingest.places import Beat, Places, PlacesError

_REMEMBERED: Final = 100_000
"""Beats that somebody makes up cost no memory beyond this."""


class ShardMap:
    """Beat id → shard, for a fixed number of shards.

    Parameters
    ----------
    shards
        How many there are.
    beats
        The site's beats: those that name a shard have that one. Raises `PlacesError` where there is no such shard.
    """

    def __init__(self, shards: int, beats: Mapping[str, Beat] | None = None) -> None:
        if shards < 1:
            raise ValueError(f"{shards} shards, expected at least 1")
        self.shards = shards
        self._known: dict[str, int] = {}
        for beat in (beats or {}).values():
            if beat.shard is None:
                continue
            if beat.shard >= shards:
                raise PlacesError(f"beat {beat.id!r} names shard {beat.shard}, expected 0 to {shards - 1}")
            self._known[beat.id] = beat.shard

    def shard_of(self, beat: str) -> int:
        """Return the shard of a beat, known or not, 0 to ``shards - 1``."""
        shard = self._known.get(beat)
        if shard is None:
            shard = 0 if self.shards == 1 else max(range(self.shards), key=lambda number: _weight(beat, number))
            if len(self._known) < _REMEMBERED:
                self._known[beat] = shard
        return shard

    def split(self, places: Places) -> list[Places]:
        """Return the beats and devices of each shard; streets and name are everyone's.

        Beats of `places` that name a shard have that one.
        """
        find = ShardMap(self.shards, places.beats).shard_of
        beats = [{k: v for k, v in places.beats.items() if find(k) == n} for n in range(self.shards)]
        devices = [{k: v for k, v in places.devices.items() if find(v.beat) == n} for n in range(self.shards)]
        return [replace(places, beats=b, devices=d) for b, d in zip(beats, devices, strict=True)]


def _weight(beat: str, shard: int) -> bytes:
    return hashlib.blake2b(f"{shard}/{beat}".encode(), digest_size=8).digest()
