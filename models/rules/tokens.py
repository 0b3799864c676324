"""A table of fixed size: token → when it was last seen, and where. Memory is bounded whatever drives past."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.state import Saved, array

NEVER: Final = np.iinfo(np.int64).min
_WAYS: Final = 8
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


class TokenTable(Saved):
    """A set-associative table: each token has eight places it may stand in, the oldest of them gives way.

    Parameters
    ----------
    capacity
        Places in all, rounded up to a power of two; 40 bytes each.

    Notes
    -----
    When more tokens pass than it has places for, the longest unseen are forgotten first, within their set. A forgotten
    token looks like a stranger: size it to the vehicles of `remember` weeks, with half as much to spare.
    """

    token = array(np.uint64, "sets", _WAYS)
    seen = array(np.int64, "sets", _WAYS, fill=NEVER)
    fields = array(np.int64, "sets", _WAYS, 3)
    """What the caller keeps with a token."""

    def __init__(self, capacity: int = 65_536) -> None:
        if capacity < _WAYS:
            raise ValueError(f"a token table of {capacity} places: expected at least {_WAYS}")
        self.sets = 1 << (max(1, -(-capacity // _WAYS)) - 1).bit_length()
        super().__init__()

    def find(self, token: int) -> tuple[int, int] | None:
        """Return the place of a token, or None."""
        row = self._set(token)
        ways = np.flatnonzero(self.token[row] == np.uint64(token))
        return (row, int(ways[0])) if len(ways) else None

    def place(self, token: int) -> tuple[int, int]:
        """Return the place of a token, made by forgetting the longest unseen of its set if need be."""
        found = self.find(token)
        if found is not None:
            return found
        row = self._set(token)
        way = int(self.seen[row].argmin())
        self.token[row, way], self.seen[row, way], self.fields[row, way] = np.uint64(token), NEVER, 0
        return row, way

    def _set(self, token: int) -> int:
        # Fibonacci hashing: the top bits of the product are well mixed even for poor tokens.
        return (((token * _MIX) & _MASK) >> 32) & (self.sets - 1)
