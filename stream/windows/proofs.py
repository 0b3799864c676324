"""Proof of what was said under a number, for the newest numbers of every slot.

A slot (a device and its boot) has a ring of `PROOFS` numbers with 31 bits of the content each, 4 kB. Slots are given
from the lowest on; those beyond `EACH` for every device, of a device that makes up boots, have none.
"""

from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Flag, Kind
from models.state import Saved, array
from stream.windows.axes import PROVEN, SLOT
from stream.windows.columns import Columns

PROOFS: Final = 1024
"""Numbers of which the content is remembered; a power of two."""
EACH: Final = 8


class Proofs(Saved):
    """Contents by slot and number."""

    _slot = array(np.int64, PROVEN, of=SLOT)
    _held = array(np.uint32, PROOFS, PROVEN)
    """By number modulo `PROOFS`, and slot; 0 where nothing is known, as in a state of before version 4."""

    def room(self, slots: int, devices: int) -> None:
        """Make room for so many slots, as far as there may be for so many devices."""
        before, size = self.size_of(PROVEN), min(slots, EACH * devices)
        if size > before:
            self.grow(PROVEN, size)
            self._slot[before:size] = np.arange(before, size)

    def forget(self, slot: int) -> None:
        """Make a slot as new."""
        if slot < self.size_of(PROVEN):
            self._held[:, slot] = 0

    def held(self, slot: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return what was said in each slot under each number, or under another of the ring; 0 for not known."""
        size = self.size_of(PROVEN)
        if not size:
            return np.zeros(len(slot), dtype=np.uint32)
        found: NDArray[np.uint32] = self._held[seq & (PROOFS - 1), np.minimum(slot, size - 1)]
        return np.where(slot < size, found, np.uint32(0))

    def keep(self, slot: NDArray[np.int64], seq: NDArray[np.int64], said: NDArray[np.uint32]) -> None:
        """Remember what was said; slots rise."""
        if slot[-1] >= self.size_of(PROVEN):
            known = slot < self.size_of(PROVEN)
            slot, seq, said = slot[known], seq[known], said[known]
        self._held.reshape(-1)[(seq & (PROOFS - 1)) * self._held.shape[1] + slot] = said


def contents(columns: Columns) -> NDArray[np.uint32]:
    """Return 31 bits of what was said in each row: kind, time, values, metric and text. Never 0. Shape (rows,).

    The upper half of a sum of products with odd constants (multiply-shift hashing: Dietzfelbinger et al., 1997): two
    contents agree by chance with a probability of about 2**-31. A time that the gateway filled in is left out, because
    it is another at every delivery. Every observation passes through here, so each step counts.
    """
    texts = np.array([crc32(text.encode("utf-8", "surrogatepass")) for text in columns.strings], dtype=np.uint64)
    # Counts have all their bits in the upper half of a double, where those of the second value find room below.
    said: NDArray[np.uint64] = (columns.a + 0.0).view(np.uint64)  # a copy, in which -0.0 is 0.0
    part = columns.b.view(np.uint64) >> _HALF  # one array for all parts, because making one costs more than filling it
    said ^= part
    np.right_shift(said, _HALF, out=part)
    said ^= part
    said *= _FACTORS[0]
    np.multiply(columns.said.view(np.uint64), _FACTORS[1], out=part)
    if columns.any(Flag.TIMELESS):
        part[columns.flags & Flag.TIMELESS != 0] = 0
    said += part
    for table, index in (
        (texts * _FACTORS[2], columns.metric),
        (texts * _FACTORS[3], columns.text),
        (_KINDS, columns.kind),
    ):
        said += table.take(index, out=part, mode="clip")  # indices were checked
    found: NDArray[np.uint32] = said.view(np.uint32)[1::2] | np.uint32(1)  # the upper halves
    return found


_HALF: Final = np.uint64(32)
_FACTORS: Final = [
    np.uint64(factor)
    for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xC2B2AE3D27D4EB4F)
]
"""Odd, with bits as of chance: of SplitMix64 and of xxHash."""
_KINDS: Final = np.arange(len(Kind), dtype=np.uint64) * _FACTORS[4]
