"""Long messages in chunks: a topic takes records up to a size, and a day of recalled history is longer.

A message that fits is sent as it is. A longer one is divided into chunks, each a frame (`ingest.frame`).
"""

import zlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ingest import frame
from ingest.frame import FrameError, FrameKind

LIMIT: Final = 4 << 20
"""Bytes of a chunk: well below what the topics take."""


class _Meta(msgspec.Struct, array_like=True):
    source: int
    """Whose message it is."""
    number: int
    """The chunk's place in the message, from 0."""
    count: int
    check: int
    """CRC-32 of the whole message."""


@dataclass(slots=True)
class _Open:
    count: int
    check: int
    since: int
    """Where the message begins."""
    chunks: dict[int, memoryview] = field(default_factory=dict)


def split(message: bytes, source: int = 0, limit: int = LIMIT) -> list[bytes]:
    """Return a message of a source as one value, or as chunks of `limit` bytes each."""
    if len(message) <= limit:
        return [message]
    chunks = [message[start : start + limit] for start in range(0, len(message), limit)]
    check, count = zlib.crc32(message), len(chunks)
    return [
        frame.encode(FrameKind.CHUNK, _Meta(source, number, count, check), {"chunk": chunk})
        for number, chunk in enumerate(chunks)
    ]


class Joiner:
    """Puts the chunks of messages together.

    A source that was interrupted sends its message from the beginning, and for a while two processes may send the
    same: chunks of equal messages are equal. A message that never becomes whole is dropped when its source sends the
    next one.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    @property
    def since(self) -> int | None:
        """Where the oldest message begins that is not whole yet, None where there is none."""
        return min((message.since for message in self._open.values()), default=None)

    def join(self, value: bytes, at: int) -> bytes | None:
        """Take the next value, which stands at offset `at`; return it, or the message that is whole with it, or None.

        Raises `ingest.frame.FrameError` for a chunk that is damaged, and for chunks that do not fit each other; what
        the source had sent is then dropped.
        """
        if not value.startswith(FrameKind.CHUNK.mark):
            return value
        meta, arrays = frame.decode(FrameKind.CHUNK, value, _Meta)
        if not 0 <= meta.number < meta.count or "chunk" not in arrays:
            raise FrameError(f"the chunk of a message is number {meta.number} of {meta.count}, expected one of them")
        message = self._open.get(meta.source)
        if message is None or (message.count, message.check) != (meta.count, meta.check):
            message = self._open[meta.source] = _Open(meta.count, meta.check, at)
        message.chunks[meta.number] = arrays["chunk"].data
        if len(message.chunks) < meta.count:
            return None
        del self._open[meta.source]
        whole = b"".join(message.chunks[number] for number in range(meta.count))
        if zlib.crc32(whole) != meta.check:
            raise FrameError(f"the check sum of a message in {meta.count} chunks differs")
        return whole
