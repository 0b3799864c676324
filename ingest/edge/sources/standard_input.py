"""Lines: of standard input, and what all sources of lines share."""

import logging
import os
import select
import sys
from typing import ClassVar, Final

from ingest.clock import wall_ms
from ingest.codecs.codec import VendorMessage
from ingest.edge.edge_file import StdinPart
from ingest.edge.plain_lines import MOST_BYTES, NATIVE, understood
from ingest.edge.sources.source import Taker, ThreadSource

logger = logging.getLogger(__name__)
_PIECE: Final = 64 << 10
_LOOK_S: Final = 0.5


class Lines:
    r"""Cuts bytes into lines. Of one that is too long the rest is passed over; it is refused by its beginning.

    >>> lines = Lines()
    >>> lines.cut(b"a\nb"), lines.cut(b"c\n"), lines.rest()
    ([b'a\n'], [b'bc\n'], b'')
    """

    def __init__(self) -> None:
        self._left = b""
        self._passing = False

    def cut(self, more: bytes) -> list[bytes]:
        """Return the whole lines that are there now."""
        *whole, self._left = (self._left + more).split(b"\n")
        if self._passing and whole:
            del whole[0]
            self._passing = False
        if len(self._left) > MOST_BYTES:
            if not self._passing:
                whole.append(self._left[: MOST_BYTES + 1])
            self._left, self._passing = b"", True
        elif self._passing:
            self._left = b""
        return [line + b"\n" for line in whole]

    def rest(self) -> bytes:
        """Return a last line that has no end, and forget it."""
        left, self._left = self._left, b""
        return left


class LineSource(ThreadSource):
    """Understands lines: our own words of one device, or messages of a codec, each a line."""

    def __init__(self, name: str, taker: Taker, codec: str, device: str) -> None:
        super().__init__(name, taker)
        self._codec, self._device = codec, device

    def take_line(self, line: bytes, topic: str) -> None:
        """Hand over one line; refusals are told in the log, without what the line held."""
        if not line.strip():
            return
        if self._codec == NATIVE:
            good, wrong = understood(line, lambda observation: observation)
            wrong += self.taker.observe(self._device, good)
        else:
            meaning = self.taker.take(self._codec, VendorMessage(topic, line.rstrip(b"\r\n"), wall_ms()))
            wrong = [refusal.detail for refusal in meaning.refusals]
        self.taken += 1
        self.refused += len(wrong)
        for why in wrong:
            logger.warning("%s: refused: %s", self.name, why)


class StdinSource(LineSource):
    """Standard input, until its end."""

    _lines: ClassVar = Lines()
    """There is one standard input: what was read of a line outlives a change of the settings."""

    def __init__(self, settings: StdinPart, name: str, taker: Taker) -> None:
        super().__init__(name, taker, settings.codec, settings.device)
        self._at_end = False

    @property
    def ended(self) -> bool:
        """Whether the input is at its end, and all of it handed over."""
        return self._at_end

    def run(self) -> None:
        """Read lines."""
        file = sys.stdin.fileno()
        while not self.closing.is_set():
            if not select.select([file], [], [], _LOOK_S)[0]:
                continue
            more = os.read(file, _PIECE)
            for line in self._lines.cut(more):
                self.take_line(line, "stdin")
            if not more:
                self.take_line(self._lines.rest(), "stdin")
                self._at_end = True
                return
