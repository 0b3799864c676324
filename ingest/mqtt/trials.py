"""The first messages after an end that was none of the gateway's own: one of them may have been its cause.

What was being read when the process died was not acknowledged, and the broker sends that before anything else. So the
first messages are read in a copy of the process before they are taken, see `ingest.setup.crash_marker`.
"""

import struct
from collections.abc import Callable
from typing import Final
from zlib import crc32

from ingest.mqtt.client import Inbound
from ingest.mqtt.inbox import Inbox
from ingest.setup.crash_marker import CrashMarker

TRIED_S: Final = 10.0
"""Processor time after which messages are taken for such as never end; twenty thousand take less than a second."""
_AT_ONCE: Final = 200
_MORE: Final = 1_000
"""So many more are tried than the broker sends unacknowledged, such as those that it retains."""
_MARK: Final = struct.Struct("<IH").pack
"""What names a message beside its topic: its length and half a check sum, which say nothing about a plate in it."""


class Trials:
    """How many messages are still to be tried, and what came of it. For the one thread that takes them.

    Parameters
    ----------
    marker
        What the process before has left.
    take
        Reads one message as it is read afterwards.
    unacknowledged
        How many messages the broker sends without acknowledgement.
    """

    def __init__(self, marker: CrashMarker, take: Callable[[Inbound], None], unacknowledged: int) -> None:
        self._marker, self._take = marker, take
        self.left = 0 if marker.suspect is None else unacknowledged + _MORE
        """How many messages are still to be tried."""

    def next(self, inbox: Inbox, waiting: int) -> tuple[list[Inbound], set[int]]:
        """Return the next messages, and the places of those that a copy of the process died of."""
        taken = (inbox.take() for _ in range(min(waiting, _AT_ONCE)))
        messages = [one for one in taken if one is not None]
        self.left -= len(messages)
        marks = [_MARK(len(one.payload), crc32(one.payload) & 0xFFFF) + one.topic for one in messages]
        return messages, self._marker.deadly(marks, lambda place: self._take(messages[place]), TRIED_S)
