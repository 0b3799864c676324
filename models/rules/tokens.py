"""A table of fixed size: token → when it was last seen, and where. Memory is bounded whatever drives past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NEVER: Final = np.iinfo(np.int64).min
_WAYS: Final = 8
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


class TokenTable:
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

    def __init__(self, capacity: int = 65_536) -> None:
        if capacity < _WAYS:
            raise ValueError(f"a token table of {capacity} places: expected at least {_WAYS}")
        self.sets = 1 << (max(1, -(-capacity // _WAYS)) - 1).bit_length()
        self.token = np.zeros((self.sets, _WAYS), dtype=np.uint64)
        self.seen = np.full((self.sets, _WAYS), NEVER, dtype=np.int64)
        self.fields = np.zeros((self.sets, _WAYS, 3), dtype=np.int64)
        """What the caller keeps with a token."""

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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the table as arrays."""
        return {"token": self.token.copy(), "seen": self.seen.copy(), "fields": self.fields.copy()}

    def load(self, arrays: Mapping[str, NDArray[Any]], name: str = "token table") -> None:
        """Take over what `arrays` gave; a table of another size is moved over, newest last."""
        for key, like in self.arrays().items():
            given = np.asarray(arrays[key]) if key in arrays else None
            if given is None or given.dtype != like.dtype or given.shape[1:] != like.shape[1:]:
                shape = None if given is None else f"{given.dtype}{given.shape}"
                raise ValueError(f"state of {name}: array {key!r} is {shape}, expected {like.dtype}{like.shape}")
        if arrays["token"].shape == self.token.shape:
            self.token, self.seen = arrays["token"].copy(), arrays["seen"].copy()
            self.fields = arrays["fields"].copy()
            return
        order = np.argsort(arrays["seen"], axis=None, kind="stable")
        for at in order.tolist():
            token = int(arrays["token"].flat[at])
            if token:
                place = self.place(token)
                self.seen[place] = arrays["seen"].flat[at]
                self.fields[place] = arrays["fields"].reshape(-1, 3)[at]

    def _set(self, token: int) -> int:
        # Fibonacci hashing: the top bits of the product are well mixed even for poor tokens.
        return (((token * _MIX) & _MASK) >> 32) & (self.sets - 1)
