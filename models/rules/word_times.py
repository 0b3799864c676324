"""When a word was said: by its device's clock where that can be right, by its receipt where it cannot.

How long a door has been open goes by time, and devices' clocks are slow, fast, unset, or put right in between. A word
is known to have been said before it was received, before what the same boot said later, and after the row's newest word
by then. Within these bounds its own time is believed; outside them the clock is off, by at least as much as brings the
word back to where it can have been said. A word that comes a second time with the same long delay was not delayed: the
clock is slow, by that much.

Fails for the first word of a device whose clock is slow, which looks like a word that was delayed: what must last some
time is then told as if it had lasted that much longer.
"""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

_NONE: Final = np.iinfo(np.int64).min
_DAY_MS: Final = 86_400_000
_OLDEST_MS: Final = 30 * _DAY_MS
"""A word that is older when it comes is of a wrong clock."""
_DELAYED_MS: Final = 10_000
_SAME_MS: Final = 2_000
"""Two delays that differ by no more are the same."""
_APART_MS: Final = 1_000
"""Words received so far apart were not delayed by the same outage, or one would be delayed less."""


class Arrival(NamedTuple):
    """How words came; all arrays of shape (n,), beside the words and in the order in which they are to be taken."""

    received: NDArray[np.int64]
    """Time of receipt, epoch ms."""
    boot: NDArray[np.int64]
    """Which of its device's boots it is of: times of one boot can be compared."""
    newest: NDArray[np.bool_]
    """Whether it is the newest word of its row so far. Another one is over, whatever it says."""
    until: NDArray[np.int64]
    """Event time of the row's newest word by then (epoch ms), far in the past where there is none."""
    backfill: NDArray[np.bool_]
    """Whether it was sent late on purpose, with all that was said around it."""

    def where(self, chosen: NDArray[Any]) -> "Arrival":
        """Return how some of them came; `chosen` is what numpy takes as an index."""
        return Arrival(
            self.received[chosen], self.boot[chosen], self.newest[chosen], self.until[chosen], self.backfill[chosen]
        )


class WordClock(msgspec.Struct, array_like=True):
    """What is known of the clock behind the words of one rule."""

    shift: int = 0
    """How far it is behind, ms: what has to be added to its times."""
    delay: int = 0
    """How long after its event time the newest word came, ms."""
    heard: int = _NONE
    """When the newest word came, epoch ms."""

    def when(self, ts: int, received: int, latest: int, seen: int, *, put_back: bool = False) -> tuple[int, int]:
        """Return when a row's newest word was said (epoch ms), and by how much earlier times are to be moved.

        `ts` is its event time; it was said until `latest`, which is not after `received`, and since `seen`. `put_back`:
        its event time is before that of the word before it.
        """
        delay, before = received - ts, self.shift
        same = self.heard != _NONE and received - self.heard >= _APART_MS and abs(delay - self.delay) <= _SAME_MS
        if self.shift < 0 and ts <= latest:
            self.shift = 0  # a clock that was fast has been put right
        at, moved = ts + self.shift, 0
        if not self.shift and same and delay > _DELAYED_MS:
            self.shift = latest - ts
            moved = self.shift - before
        elif put_back or not max(seen, latest - _OLDEST_MS) <= at <= latest:
            self.shift = latest - ts
        self.delay, self.heard = delay, received
        return max(ts + self.shift, seen), moved


def latest_times(
    row: NDArray[np.intp], boot: NDArray[np.int64], ts: NDArray[np.int64], received: NDArray[np.int64]
) -> list[int]:
    """Return until when each word can have been said, epoch ms.

    All arrays have shape (n,), in the order in which words were said. A word was said before its receipt, and by as
    much before a later word of its row and boot as its clock says; a clock that was put ahead by days says nothing.
    """
    latest: list[int] = received.tolist()
    after: dict[tuple[int, int], tuple[int, int]] = {}
    """(row, boot) → event time of the latest word, and until when it can have been said."""
    for i in range(len(latest) - 1, -1, -1):
        key, at = (int(row[i]), int(boot[i])), int(ts[i])
        top, bound = after.get(key, (at, latest[i]))
        if 0 <= top - at <= _DAY_MS:
            latest[i] = min(latest[i], bound - (top - at))
            after[key] = (top, bound)
        else:
            after[key] = (at, latest[i])
    return latest
