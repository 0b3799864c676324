"""Cumulative totals to increments: what a counter has counted since its last word."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from ingest.codecs.codec import Codec

_RETURN_MS: Final = 600_000
"""A total that falls and is back at its height so soon was misread, or came from a device in its start,"""
_FALL: Final = 20
"""where it fell by so much at least: a small one may count so far again."""
_AHEAD_MS: Final = 3_600_000
"""A device's clock that is farther ahead is wrong: once it is set, every later word would be older than that."""
_MOST_PER_S: Final = 100
"""Passages a second, of one line, above which a total cannot be."""
_MOST_AFTER_RESET: Final = 5
"""The same for a total that fell: a device that was replaced shows the total of its own life."""
_MODULI: Final = (1 << 16, 1 << 31, 1 << 32)


class Increment(NamedTuple):
    """What was counted since the last word."""

    counted: dict[str, int]
    """By the names of the totals."""
    interval_s: float


class _Last(msgspec.Struct, array_like=True):
    ts: int
    totals: dict[str, int]
    epoch: int = 0
    """Since when the device counts, epoch ms, where it says so."""
    fell: int = 0
    """When a total last fell, epoch ms, and"""
    height: dict[str, int] = {}
    """what they were before it."""


def increment(codec: Codec, key: str, ts_ms: int, totals: Mapping[str, int], *, epoch_ms: int = 0) -> Increment | None:
    """Return what was counted since the last word of these totals, None where that is not known or nothing is new.

    The first word is a baseline. A total that is lower than before was reset and has counted that much since; near the
    end of 16, 31 or 32 bits it went round; one that is at its height in the next word, within ten minutes, never fell.
    A word that is older than the newest, or the same again, is left out. More than a hundred a second cannot be: a new
    baseline.

    Parameters
    ----------
    key
        Of these totals, among all that the codec remembers.
    totals
        Name → total; a name that is new is a baseline of its own.
    epoch_ms
        Since when the device says that it has counted: a later one is a reset, whatever the totals say.
    """
    memory, key = codec.memory, f"total/{codec.name}/{key}"
    ts_ms = min(ts_ms, (codec.received_ms or ts_ms) + _AHEAD_MS)
    last = memory.get(key, _Last)
    if last is None:
        memory.put(key, _Last(ts_ms, dict(totals), epoch_ms))
        return None
    if ts_ms < last.ts or (ts_ms == last.ts and all(last.totals.get(name) == total for name, total in totals.items())):
        codec.tell("resent")
        return None
    seconds = max((ts_ms - last.ts) / 1000, 1.0)
    restarted = epoch_ms > last.epoch > 0
    counted: dict[str, int] = {}
    now = _Last(ts_ms, {**last.totals, **totals}, max(epoch_ms, last.epoch), last.fell, last.height)
    for name, total in totals.items():
        before = last.totals.get(name)
        if before is None:
            continue
        if restarted:
            counted[name] = total
        elif total >= before:
            height = last.height.get(name)
            back = height is not None and height <= total and ts_ms - last.fell <= _RETURN_MS
            counted[name] = total - height if back and height is not None else total - before
            if total > before and height is not None:  # it counts again from where it fell to, or never fell
                now.height = {other: high for other, high in now.height.items() if other != name}
        elif (wrapped := _wrapped(before, total)) is not None and wrapped <= _MOST_PER_S * seconds:
            counted[name] = wrapped
            codec.tell("wrap")
        else:
            counted[name] = total
            now.fell = ts_ms
            if before - total >= _FALL:
                now.height = {**now.height, name: before}
            codec.tell("reset")
    if restarted:
        codec.tell("reset")
    memory.put(key, now)
    fell = restarted or now.fell == ts_ms
    if any(amount > (_MOST_AFTER_RESET if fell else _MOST_PER_S) * seconds for amount in counted.values()):
        codec.tell("jump")
        return None
    return Increment(counted, seconds) if counted else None


def _wrapped(before: int, total: int) -> int | None:
    for modulus in _MODULI:
        if before < modulus and before > modulus - modulus // 16:
            return total + modulus - before
    return None
