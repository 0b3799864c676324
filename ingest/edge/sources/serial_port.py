"""Lines from a serial port. Needs the extra serial."""

import logging
import time
from typing import Final

import serial

from ingest.edge.edge_file import SerialPart
from ingest.edge.sources.source import Taker
from ingest.edge.sources.standard_input import Lines, LineSource
from ingest.setup.backoff import Backoff

logger = logging.getLogger(__name__)
_READ_S: Final = 0.5
_PIECE: Final = 4_096


class SerialSource(LineSource):
    """A port that is opened again whenever its device was away."""

    def __init__(self, settings: SerialPart, name: str, taker: Taker) -> None:
        super().__init__(name, taker, settings.codec, settings.device)
        self._settings, self._lines = settings, Lines()
        self.trouble = "not open yet"

    def run(self) -> None:
        """Read the port, and open it again whenever its device was away."""
        backoff = Backoff(0.5, 15.0)
        while not self.closing.is_set():
            opened = time.monotonic()
            try:
                self._read()
            except (OSError, ValueError) as error:  # SerialException is an OSError
                trouble = f"{self._settings.port}: {getattr(error, 'strerror', None) or error}"
                if trouble != self.trouble:
                    logger.warning("%s: %s", self.name, trouble)
                self.trouble = trouble
            except Exception:  # the thread is all there is
                logger.exception("%s: %s could not be read", self.name, self._settings.port)
            if time.monotonic() - opened > backoff.longest_s:
                backoff.reset()
            self.closing.wait(backoff.next_s())

    def _read(self) -> None:
        with serial.Serial(self._settings.port, self._settings.baud, timeout=_READ_S) as port:
            self.trouble = ""
            self._lines.rest()  # what was cut off when the device went away
            while not self.closing.is_set():
                more = port.read(max(1, min(port.in_waiting, _PIECE)))
                for line in self._lines.cut(more):
                    self.take_line(line, f"serial/{self._settings.port}")
