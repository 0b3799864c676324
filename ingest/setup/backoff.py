"""The wait between attempts: of connections, of writes, of deliveries."""

import random
from typing import Final

_RANDOM: Final = random.Random()  # noqa: S311 - no secret
"""Of its own: a thread that waits to try again changes nothing of what others draw."""


def spread(wait_s: float) -> float:
    """Return between half a wait and all of it: those who lost one server must not all come back at once."""
    return wait_s * _RANDOM.uniform(0.5, 1.0)


class Backoff:
    """Waits that double from the first to the longest, seconds.

    Examples
    --------
    >>> waits = Backoff(0.1, 0.3)
    >>> [waits.next_s() for _ in range(4)]
    [0.1, 0.2, 0.3, 0.3]
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self.first_s, self.longest_s = first_s, longest_s
        self._wait_s = first_s

    def next_s(self, *, longest: bool = False) -> float:
        """Return how long to wait now; with `longest` that is the longest wait, from now on."""
        if longest:
            self._wait_s = self.longest_s
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, self.longest_s)
        return wait_s

    def reset(self) -> None:
        """Begin with the first wait again: it worked."""
        self._wait_s = self.first_s
