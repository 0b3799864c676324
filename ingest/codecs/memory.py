"""What a codec must remember across restarts: the last totals, what was counted already, who has registered.

It is small and is saved with every message that changes it, so keys are few and values are short.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Final, TypeVar

import msgspec

_T = TypeVar("_T")
_MOST_KEYS: Final = 50_000
_REPEATS: Final = 100
"""Passages of a device that are known again: re-sends come soon after."""
_MANY, _BATCHES = 32, 2
"""A message with more of them than that is remembered by itself, and so many of these: else it would drive out its own
passages as it comes again."""


@dataclass(slots=True)
class _Passing:
    """A device's passages while one message is read."""

    last: list[str]
    batches: list[list[str]]
    known: set[str]
    new: list[str] = field(default_factory=list)
    marks: dict[str, None] = field(default_factory=dict)


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
        self._passing: dict[str, _Passing] = {}
        """Device → what of it stands in the message at hand."""

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
        """Tell whether this is said for the first time among a device's last ones; remembered as `whole` ends."""
        mark = blake2b(what.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        passing = self._passing.get(device)
        if passing is None:
            last = self.get(f"said/{device}", list[str]) or []
            batches = self.get(f"many/{device}", list[list[str]]) or []
            passing = self._passing[device] = _Passing(last, batches, {*last, *chain(*batches)})
        passing.marks[mark] = None
        if mark in passing.known:
            return False
        passing.known.add(mark)
        passing.new.append(mark)
        return True

    def _remember_passages(self) -> None:
        for device, passing in self._passing.items():
            if passing.new and len(passing.marks) > _MANY:
                self.put(f"many/{device}", [*passing.batches, list(passing.marks)][-_BATCHES:])
            elif passing.new:
                self.put(f"said/{device}", [*passing.last, *passing.new][-_REPEATS:])
        self._passing.clear()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Undo what was remembered inside where it ends with an error."""
        outer, self._changed = self._changed, {}
        self._passing.clear()
        try:
            yield
            self._remember_passages()
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
