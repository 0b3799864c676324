"""Messages between a session's thread, which puts them, and a writer's, which takes them; bounded in bytes."""

import threading
from collections import deque
from typing import Final

from ingest.mqtt.client import Inbound

_KEPT_OF_OVERSIZED: Final = 64 << 10
_MESSAGE_BYTES: Final = 300
"""What a message takes in memory beside its payload and topic, about: a flood of empty ones is bounded too."""


class Inbox:
    """Messages that wait, oldest first.

    Of QoS 1 the broker sends no more than ``receive_maximum`` without acknowledgement; of QoS 0 it may send any number.
    Where their bytes reach the bound, `put` blocks: the socket is no longer read, and the broker keeps what comes.
    """

    def __init__(self, max_payload: int, max_bytes: int) -> None:
        self._max_payload, self._max_bytes = max_payload, max_bytes
        self._messages: deque[Inbound] = deque()
        self._filled, self._emptied = threading.Event(), threading.Event()
        self._idle = False
        # Each is written by one thread only, so no lock is needed to compare them.
        self._bytes_in = self._bytes_out = 0
        self._closed = False

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def put(self, message: Inbound) -> None:
        """Add a message (session's thread), cut where it is too large. Dropped once the inbox is closed."""
        if message.size > self._max_payload:
            message = message._replace(payload=message.payload[:_KEPT_OF_OVERSIZED])
        while self._bytes_in - self._bytes_out > self._max_bytes and not self._closed:
            self._emptied.clear()
            self._emptied.wait(0.1)
        if self._closed:
            return
        self._bytes_in += len(message.payload) + len(message.topic) + _MESSAGE_BYTES
        self._messages.append(message)
        if self._idle:
            self._filled.set()

    def take(self) -> Inbound | None:
        """Return the oldest message, None where there is none (writer)."""
        try:
            message = self._messages.popleft()
        except IndexError:
            return None
        self._bytes_out += len(message.payload) + len(message.topic) + _MESSAGE_BYTES
        if not self._emptied.is_set():
            self._emptied.set()
        return message

    def wait(self, timeout_s: float) -> None:
        """Block until there is a message, `close`, or the time is over (writer)."""
        self._filled.clear()
        self._idle = True  # from here on `put` wakes us; what came before is seen by the next test
        if not self._messages and not self._closed:
            self._filled.wait(timeout_s)
        self._idle = False

    def close(self) -> None:
        """Take no more messages, and wake whoever waits."""
        self._closed = True
        self._emptied.set()
        self._filled.set()
