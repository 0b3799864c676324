"""Publishes as the devices do: one MQTT session each, with a last will, all driven by one thread."""

import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from ingest import topics
from ingest.clock import Clock
from ingest.login import BrokerAddress
from ingest.mqtt import MemoryStorage, Outbound, Outbox, Session
from simulators.devices.ledger import Ledger
from simulators.devices.messages import DISPATCH, SimulatedMessage
from simulators.world.neighbourhood import Neighbourhood

_IDLE_S: Final = 0.05
_TIMERS_S: Final = 0.1
_MAX_UNACKNOWLEDGED: Final = 600
"""Messages that have never been acknowledged, over all connections; the simulator waits beyond that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """How a fleet connects."""

    broker: BrokerAddress
    """With a password, every device gives its id as the user name."""
    site_id: str = "quarter"
    shared_connections: int = 0
    """Send through so many connections instead of one a device (for sites of thousands)."""
    post: Callable[[SimulatedMessage], bool] | None = None
    """Posts what goes by HTTP, and tells whether it was taken."""
    hold_s: float = 0.0
    """After a reconnect, send again what was acknowledged so recently: a broker killed between saves forgets it."""


class _Connection:
    """A session, the messages that wait for it, and what the selector watches of it."""

    def __init__(self, fleet: "Fleet", name: str, status_topic: str) -> None:
        settings, broker = fleet.settings, fleet.settings.broker
        if broker.secret():
            broker = msgspec.structs.replace(broker, username=name)
        self.waiting = MemoryStorage(hold_s=settings.hold_s)
        self.outbox = Outbox(self.waiting, on_acknowledged=fleet.acknowledged)
        self.session = Session(broker, name, outbox=self.outbox, status_topic=status_topic, backoff_s=(0.1, 3.0))
        self.watched: tuple[int, int] | None = None
        """File number and events."""


class Fleet:
    """All connections of a site, until `close`.

    Parameters
    ----------
    site, settings
        Who speaks, and through what.
    ledger
        Where everything is noted.
    """

    def __init__(self, site: Neighbourhood, settings: FleetSettings, ledger: Ledger) -> None:
        self.settings, self.ledger = settings, ledger
        self._unacknowledged = 0
        self._selector = selectors.DefaultSelector()
        self._next_timers = 0.0
        if settings.shared_connections:
            names = [(f"sim-{number:03d}", "") for number in range(settings.shared_connections)]
        else:
            names = [
                (spec.device.id, topics.status(settings.site_id, spec.device.beat, spec.device.id))
                for spec in site.specs
            ]
        self._devices = [_Connection(self, name, status) for name, status in names]
        self._dispatch = _Connection(self, "dispatch", "")
        self._all = [*self._devices, self._dispatch]

    @property
    def up(self) -> int:
        """How many connections are up."""
        return sum(connection.session.up for connection in self._all)

    @property
    def trouble(self) -> str:
        """Why a connection is not up, of one that is not."""
        return next((c.session.trouble for c in self._all if not c.session.up), "")

    @property
    def pending(self) -> int:
        """Messages that wait for an acknowledgement, those that are sent again included."""
        return sum(len(connection.waiting) for connection in self._all)

    def acknowledged(self, message: Outbound) -> None:
        """Note the first acknowledgement of a message."""
        self._unacknowledged -= 1
        self.ledger.acknowledged(message.source)

    def connect(self, timeout_s: float = 20.0, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Connect everything, and tell whether all were up within the time; the rest keeps trying."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not stopped():
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
    ) -> bool:
        """Send messages in order, each when the clock shows its time (without a clock, as fast as possible).

        Returns False when it was stopped before the last. Waits while too much is unacknowledged.
        """
        halfway = False  # what one observation takes several messages to say is said whole
        for message in messages:
            while self._unacknowledged >= _MAX_UNACKNOWLEDGED or (clock is not None and clock.now_ms() < message.at):
                if stopped():
                    return False
                self.poll(self._patience(message, clock))
            if stopped() and not halfway:
                return False
            self._send(message)
            halfway = message.course == "sent" and not message.observations
            self._timers()
        return True

    def _patience(self, message: SimulatedMessage, clock: Clock | None) -> float:
        if clock is None:
            return _IDLE_S
        return min(max((message.at - clock.now_ms()) / 1000 / getattr(clock, "speed", 1.0), 0.001), _IDLE_S)

    def _send(self, message: SimulatedMessage) -> None:
        self.ledger.handed(message)
        if message.course == "lost":
            return
        if message.posting is not None and self.settings.post is not None:
            if self.settings.post(message):
                self.ledger.acknowledged(message)
            return
        self._unacknowledged += 1
        devices = self._devices
        connection = self._dispatch if message.device == DISPATCH else devices[message.device % len(devices)]
        connection.waiting.put(Outbound(message.topic, message.payload, source=message))
        connection.session.send()
        self._watch(connection)

    def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything is acknowledged, and tell whether it was in time."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:
            self.poll(_IDLE_S)
        return self.pending == 0

    def poll(self, timeout_s: float) -> None:
        """Wait for the sockets, at most so long, and serve those that are ready and those whose time has come."""
        for key, mask in self._selector.select(timeout_s):
            connection: _Connection = key.data
            connection.session.turn(readable=bool(mask & selectors.EVENT_READ))
            self._watch(connection)
        self._timers()

    def _timers(self) -> None:
        now = time.monotonic()
        if now < self._next_timers:
            return
        self._next_timers = now + _TIMERS_S
        for connection in self._all:
            if connection.session.wait_s() <= 0.0:
                connection.session.turn()
            self._watch(connection)

    def _watch(self, connection: _Connection) -> None:
        """Have the selector wait for what this connection waits for now."""
        found = connection.session.socket
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.session.wants_write else 0)
        wanted = None if found is None or found.fileno() < 0 else (found.fileno(), events)
        if wanted == connection.watched:
            return
        if connection.watched is not None:
            self._selector.unregister(connection.watched[0])
        if wanted is not None:
            self._selector.register(*wanted, connection)
        connection.watched = wanted

    def close(self) -> None:
        """Say goodbye on every connection, leaving `offline` retained, and release the sockets."""
        for connection in self._all:
            connection.session.close()
        self._selector.close()
        report = self.ledger.report
        report.reconnects = sum(max(connection.session.connections - 1, 0) for connection in self._all)
        report.resent = sum(connection.outbox.resent for connection in self._all)
