"""Results that hold nothing but the time are held back while nothing else comes: a transaction costs the disk pages."""

import time
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from stream.results import Results

_LISTS: Final = tuple(field.name for field in fields(Results) if field.default_factory is list)
"""All that results may hold: what is added to them later is not forgotten here."""


class IdleResults:
    """Lets results through to the sinks; those of ticks with others, or after a while. The newest says it for all.

    Parameters
    ----------
    hold_s
        How long they are held back at most; 0: not at all.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self.held: Results | None = None
        self._since = 0.0

    def passed(self, gathered: Sequence[Results]) -> list[Results]:
        """Return what the sinks are to have now, in log order."""
        if not gathered:
            return []
        if all(map(_empty, gathered)):
            now = time.monotonic()
            if self.held is None:
                self._since = now
            self.held = gathered[-1]
            return self.released() if now - self._since >= self._hold_s else []
        return [*self.released(), *gathered]

    def released(self) -> list[Results]:
        """Return what is held back, and hold nothing."""
        held, self.held = self.held, None
        return [] if held is None else [held]


def _empty(one: Results) -> bool:
    """Tell whether results say no more than how far time has come."""
    counted = one.accepted or one.duplicates or one.late or one.taught is not None or one.closing
    return not counted and one.budget is None and one.coming is None and not any(getattr(one, name) for name in _LISTS)
