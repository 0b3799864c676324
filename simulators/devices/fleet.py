"""Publishes as the devices do: one MQTT connection each, with a last will, all driven by one thread."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ingest import topics
from ingest.clock import Clock
from ingest.mqtt.link import Link, LinkSettings, Outbox, Version
from ingest.mqtt.tls import Tls
from simulators.devices.ledger import Ledger
from simulators.devices.messages import DISPATCH, SimulatedMessage
from simulators.world.neighbourhood import Neighbourhood

_IDLE_S: Final = 0.05
_TIMERS_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """How a fleet connects."""

    host: str = "127.0.0.1"
    port: int = 1883
    site_id: str = "quarter"
    version: Version = "3.1.1"
    shared_connections: int = 0
    """Send through so many connections instead of one a device (for sites of thousands)."""
    window: int = 20
    """Messages in flight on one connection."""
    max_pending: int = 600
    """Messages not yet acknowledged, over all connections; the simulator waits beyond that."""
    hold_s: float = 0.0
    """After a reconnect, send again what was acknowledged so recently: a broker killed between saves forgets it."""
    password: str = field(default="", repr=False)
    """Given by every device, with its id as the user name."""
    tls: Tls | None = None


class _Item:
    """A message in an outbox; acknowledged once in its life, however often it is sent."""

    __slots__ = ("done", "message")

    def __init__(self, message: SimulatedMessage) -> None:
        self.message, self.done = message, False


class _Line:
    """One connection with its outbox."""

    def __init__(self, fleet: Fleet, settings: LinkSettings, outbox: Outbox[_Item]) -> None:
        self.fleet, self.outbox = fleet, outbox
        self.link = Link(settings, on_up=self._up, on_ack=self._ack)
        self.ups = 0
        self.registered: tuple[int, int] | None = None

    def send(self) -> None:
        """Publish what the window allows."""
        self.outbox.send(self._publish)

    def _publish(self, item: _Item) -> int | None:
        return self.link.publish(item.message.topic, item.message.payload)

    def _up(self) -> None:
        self.ups += 1
        if self.ups > 1:
            before = len(self.outbox)
            report = self.fleet.ledger.report
            report.reconnects += 1
            report.resent += self.outbox.reconnected(time.monotonic())
            self.fleet.pending += len(self.outbox) - before
        self.send()

    def settle(self, now: float) -> None:
        """Say again, some time after a reconnect, what may have had no destination."""
        again = self.outbox.settled(now)
        if again:
            self.fleet.ledger.report.resent += again
            self.fleet.pending += again
            self.send()

    def _ack(self, mid: int) -> None:
        item = self.outbox.acknowledge(mid, time.monotonic())
        if item is None:
            return
        self.fleet.pending -= 1
        if not item.done:
            item.done = True
            self.fleet.ledger.acknowledged(item.message)
        self.send()


class Fleet:
    """All connections of a site. Use as a context manager, or call `close`.

    Parameters
    ----------
    site, settings
        Who speaks, and through what.
    ledger
        Where everything is noted.
    """

    def __init__(self, site: Neighbourhood, settings: FleetSettings, ledger: Ledger) -> None:
        self.settings, self.ledger = settings, ledger
        self.pending = 0
        """Messages handed over and not acknowledged."""
        self._selector = selectors.DefaultSelector()
        self._next_timers = 0.0
        if settings.shared_connections:
            names = [(f"sim-{number:03d}", "") for number in range(settings.shared_connections)]
        else:
            names = [
                (spec.device.id, topics.status(settings.site_id, spec.device.beat, spec.device.id))
                for spec in site.specs
            ]
        self._lines = [self._line(name, status) for name, status in names]
        self._dispatch = self._line("dispatch", "")
        self._all = [*self._lines, self._dispatch]

    def _line(self, name: str, status: str) -> _Line:
        settings = self.settings
        link = LinkSettings(
            host=settings.host,
            port=settings.port,
            client_id=name,
            username=name if settings.password else "",
            password=settings.password,
            tls=settings.tls,
            version=settings.version,
            status_topic=status,
            backoff_s=(0.1, 3.0),
        )
        return _Line(self, link, Outbox(window=settings.window, hold_s=settings.hold_s))

    def __enter__(self) -> Fleet:  # noqa: PYI034 - not made to be subclassed
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def up(self) -> int:
        """Connections that stand."""
        return sum(line.link.up for line in self._all)

    def connect(self, timeout_s: float = 20.0) -> bool:
        """Connect everything, and tell whether all connections stood within the time; the rest keeps trying."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.poll(_IDLE_S)
            if self.up == len(self._all):
                return True
        return False

    def play(
        self,
        messages: Iterable[SimulatedMessage],
        *,
        clock: Clock | None,
        stopped: Callable[[], bool] = lambda: False,
        on_progress: Callable[[SimulatedMessage], None] | None = None,
    ) -> bool:
        """Send messages in order, each when the clock shows its time (without a clock, as fast as possible).

        Returns False when it was stopped before the last. Waits while too much is unacknowledged.
        """
        for message in messages:
            while self.pending >= self.settings.max_pending or (clock is not None and clock.now_ms() < message.at):
                if stopped():
                    return False
                self.poll(self._patience(message, clock))
            if stopped():
                return False
            self._hand(message)
            if on_progress is not None:
                on_progress(message)
            self._timers()
        return True

    def _patience(self, message: SimulatedMessage, clock: Clock | None) -> float:
        if clock is None:
            return _IDLE_S
        speed = getattr(clock, "speed", 1.0)
        return min(max((message.at - clock.now_ms()) / 1000 / speed, 0.001), _IDLE_S)

    def _hand(self, message: SimulatedMessage) -> None:
        self.ledger.handed(message)
        if message.course == "lost":
            return
        line = self._dispatch if message.device == DISPATCH else self._lines[message.device % len(self._lines)]
        line.outbox.put(_Item(message))
        self.pending += 1
        line.send()
        self._watch(line)

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything is acknowledged, and tell whether it was in time."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:
            self.poll(_IDLE_S)
        return self.pending == 0

    def idle(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Keep the connections alive for a while without sending."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stopped():
            self.poll(_IDLE_S)

    def poll(self, timeout_s: float) -> None:
        """Wait for the sockets, at most so long, and serve those that are ready and those whose time has come."""
        for key, mask in self._selector.select(timeout_s):
            line: _Line = key.data
            line.link.turn(readable=bool(mask & selectors.EVENT_READ), writable=bool(mask & selectors.EVENT_WRITE))
            self._watch(line)
        self._timers()

    def _timers(self) -> None:
        now = time.monotonic()
        if now < self._next_timers:
            return
        self._next_timers = now + _TIMERS_S
        for line in self._all:
            line.settle(now)
            if line.link.wait_s(now) <= 0.0:
                line.link.turn(now=now)
            self._watch(line)

    def _watch(self, line: _Line) -> None:
        """Tell the selector what this connection waits for now."""
        found = line.link.socket
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.link.wants_write else 0)
        wanted = None if found is None else (found.fileno(), events)
        if wanted is not None and wanted[0] < 0:
            wanted = None
        if wanted == line.registered:
            return
        if line.registered is not None and wanted is not None and wanted[0] == line.registered[0]:
            self._selector.modify(wanted[0], events, line)
        else:
            if line.registered is not None:
                self._selector.unregister(line.registered[0])
            if wanted is not None:
                self._selector.register(wanted[0], events, line)
        line.registered = wanted

    def close(self) -> None:
        """Say goodbye on every connection, leaving `offline` retained, and release the sockets."""
        for line in self._all:
            if line.registered is not None:
                self._selector.unregister(line.registered[0])
                line.registered = None
            line.link.close(last_words=b'{"state":"offline"}')
        self._selector.close()
