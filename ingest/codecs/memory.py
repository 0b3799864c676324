"""What a codec must remember across restarts: the last totals, what was counted already, who has registered.

It is small and is saved with every message that changes it, so keys are few and values are short.
"""

import contextlib
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

_T = TypeVar("_T")
_MOST_KEYS: Final = 50_000
_REPEATS: Final = 32
"""Passages of a device that are known again: re-sends come soon after."""


class Memory:
    """Keys with small values. Not for use by several threads at once.

    Parameters
    ----------
    saved
        What was saved: key → value as `changes` gave it.
    """

    def __init__(self, saved: Mapping[str, bytes] | None = None) -> None:
        self._values: dict[str, bytes] = dict(saved or {})
        self._changed: dict[str, bytes | None] = {}
        """Key → what it was at the last `changes`."""

    def get(self, key: str, kind: type[_T]) -> _T | None:
        """Return what is remembered, None where nothing is, or where it cannot be read any more."""
        raw = self._values.get(key)
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.MsgspecError:
            return None

    def put(self, key: str, value: object) -> None:
        """Remember a small value; None forgets. Where there are far too many keys, the oldest is forgotten."""
        before = self._values.get(key)
        raw = None if value is None else msgspec.json.encode(value)
        if raw == before:
            return
        self._changed.setdefault(key, before)
        if raw is None:
            del self._values[key]
            return
        self._values.pop(key, None)  # at the end again: what is said often outlives what somebody makes up
        self._values[key] = raw
        while len(self._values) > _MOST_KEYS:
            oldest = next(iter(self._values))
            self._changed.setdefault(oldest, self._values.pop(oldest))

    def all(self) -> dict[str, bytes]:
        """Return everything that is remembered, as `changes` gives it."""
        return dict(self._values)

    def once(self, device: str, what: str) -> bool:
        """Tell whether this is said for the first time among a device's last ones, and remember it."""
        mark = blake2b(what.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        key = f"said/{device}"
        marks = self.get(key, list[str]) or []
        if mark in marks:
            return False
        self.put(key, [*marks, mark][-_REPEATS:])
        return True

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Undo what was remembered inside where it ends with an error."""
        outer, self._changed = self._changed, {}
        try:
            yield
        except BaseException:
            for key, before in self._changed.items():
                if before is None:
                    self._values.pop(key, None)
                else:
                    self._values[key] = before
            self._changed = outer
            raise
        self._changed = {**self._changed, **outer}

    def changes(self) -> dict[str, bytes | None]:
        """Return what has changed since the last call, to be saved; None: the key is gone."""
        changed, self._changed = self._changed, {}
        return {key: self._values.get(key) for key in changed}
