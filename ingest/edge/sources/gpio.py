"""Contacts and pulses at the pins of a Pi: a door's reed contact, a button, a counting mat. Needs the extra gpio."""

import logging
import queue
from typing import Final

from gpiozero import BadPinFactory, DigitalInputDevice, GPIOZeroError

from ingest.clock import wall_ms
from ingest.edge.edge_file import GpioPart, PinPart
from ingest.edge.sources.source import Taker, ThreadSource
from ingest.observations import Count, Observation, State

logger = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_MOST: Final = 10_000
_CROSSING_S: Final = 1.0


class GpioSource(ThreadSource):
    """Says what a contact is when it changes and when the agent starts, and counts pulses.

    Raises ValueError where the machine has no such pins.
    """

    def __init__(self, settings: GpioPart, name: str, taker: Taker) -> None:
        super().__init__(name, taker)
        self._changes: queue.Queue[tuple[int, int, bool] | None] = queue.Queue(_MOST)
        """Place of a pin, when, and whether its contact closed."""
        self._pins: list[tuple[PinPart, DigitalInputDevice]] = []
        self._said: dict[int, bool] = {}
        try:
            for place, pin in enumerate(settings.pins):
                self._pins.append((pin, self._opened(place, pin)))
        except BadPinFactory as error:
            self._release()
            raise ValueError(
                f"{name}: no pins here can be used ({error}); expected a Raspberry Pi with the package lgpio"
            ) from error
        except (GPIOZeroError, OSError) as error:
            self._release()
            raise ValueError(
                f"{name}: pin {settings.pins[len(self._pins)].pin}: {error}; expected a pin of this machine that is"
                " free, numbered as the chip does (BCM)"
            ) from error

    def start(self) -> None:
        """Say what every contact is, and listen."""
        self._look()
        super().start()

    def close(self) -> None:
        """Hand over what has happened, and let the pins go."""
        self._release()
        self._changes.put(None)
        super().close()

    def _release(self) -> None:
        for _, device in self._pins:
            device.close()

    def _opened(self, place: int, pin: PinPart) -> DigitalInputDevice:
        device = DigitalInputDevice(pin.pin, pull_up=pin.pull_up, bounce_time=pin.bounce_s or None)
        device.when_activated = lambda: self._changed(place, closed=True)
        device.when_deactivated = lambda: self._changed(place, closed=False)
        return device

    def _changed(self, place: int, *, closed: bool) -> None:
        """Note a change, in the library's thread."""
        try:
            self._changes.put_nowait((place, wall_ms(), closed))
        except queue.Full:
            self.refused += 1

    def run(self) -> None:
        """Hand over changes."""
        while True:
            try:
                change = self._changes.get(timeout=_LOOK_S)
                if change is None:
                    return
                place, ts, closed = change
                self._take(place, ts, closed=closed)
            except queue.Empty:
                self._look()
            except Exception:  # the thread is all there is
                logger.exception("%s: a change could not be taken", self.name)
                self.refused += 1

    def _look(self) -> None:
        """Say what a contact is where that is not what was said: the change itself was too short, or was missed."""
        for place, (pin, device) in enumerate(self._pins):
            if not pin.counts and not device.closed and self._said.get(place) != (closed := bool(device.is_active)):
                self._take(place, wall_ms(), closed=closed)

    def _take(self, place: int, ts: int, *, closed: bool) -> None:
        pin = self._pins[place][0]
        observation: Observation
        if pin.counts:
            if not closed:
                return
            came, went = (1, 0) if pin.counts == "in" else (0, 1)
            observation = Count(ts, _CROSSING_S, came, went, pin.of)
        elif self._said.get(place) == closed:
            return
        else:
            observation = State(ts, pin.metric, pin.closed if closed else pin.open)
        self._said[place] = closed
        self.taken += 1
        self.refused += len(self.taker.observe(pin.device, [observation]))
