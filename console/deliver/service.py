"""Delivery as a whole: alerts in, from the store and over MQTT, and a worker for every channel.

The store has every alert, also of the time when nobody delivered. MQTT has them at once, and also while the store
cannot be written. Whichever comes first is taken; a revision that is known already changes nothing.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from console.deliver.channel import Surroundings
from console.deliver.channel_file import Declared, open_channel
from console.deliver.outbox import FILE, Outbox
from console.deliver.telling import Telling
from console.deliver.worker import Worker
from ingest.clock import wall_ms
from ingest.files import replace_json
from ingest.mqtt import Inbound, Session
from ingest.topics import alerts as alerts_topic
from stream.results import Alert
from stream.sentences.catalogue import with_why
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

_LOG: Final = logging.getLogger(__name__)
STATUS: Final = "deliver.json"
"""In the site's folder: which channels there are, and what is wrong with them."""
_LOOK_S: Final = 0.05
_HAND_ON_S: Final = 0.5
_STATUS_S: Final = 2.0
_PRUNE_S: Final = 3_600.0
_STOP_S: Final = 3.0
_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = 15 * 60_000
"""Where nothing was ever delivered, only what people were called for in the last minutes is told."""


class Limits(NamedTuple):
    """What the settings say of time."""

    hand_on_ms: int
    keep_ms: int


class Deliverer:
    """Delivers a site's alerts until it is closed. Raises OSError where the outbox cannot be opened."""

    def __init__(
        self, folder: Path, declared: Declared, around: Surroundings, telling: Telling, limits: Limits
    ) -> None:
        self._folder, self._telling, self._limits = folder, telling, limits
        self._outbox = Outbox(folder / FILE)
        self._outbox.drop_channels(declared, wall_ms())
        self._reader = StoreReader(folder / "store.db", around.zone)
        self._workers = {
            name: Worker(name, settings, _opener(name, declared, around), self._outbox)
            for name, settings in declared.items()
        }
        self._heard: queue.SimpleQueue[Alert] = queue.SimpleQueue()
        self._bell = threading.Event()
        self._session = Session(
            around.broker, "", filters=[alerts_topic(around.site, "+")], on_message=self._on_message
        )
        self._version: int | None = None
        self._since_ms, self._fault = -1, ""
        self._due: dict[Callable[[], None], float] = {}

    def start(self) -> None:
        """Begin: workers with what waits since the last run, and the ear on MQTT."""
        for worker in self._workers.values():
            worker.start()
        self._session.start()

    @property
    def hears(self) -> bool:
        """Whether alerts come over MQTT now."""
        return self._session.up

    def step(self, wait_s: float = _LOOK_S) -> None:
        """Wait for something new, at most so long, and take it; look after what waits. No error ends it."""
        self._bell.wait(wait_s)
        self._bell.clear()
        try:
            self._take_heard()
            self._look()
            self._every(_HAND_ON_S, self._hand_on)
            self._every(_PRUNE_S, self._prune)
        except (sqlite3.Error, StoreError) as error:
            self._tell_fault(str(error))
        else:
            self._tell_fault("")
        self._every(_STATUS_S, self._write_status)

    def close(self) -> None:
        """End; what waits stays in the outbox. A message that is on its way has a few seconds."""
        self._session.close()
        for worker in self._workers.values():
            worker.ask()
        deadline = time.monotonic() + _STOP_S
        for worker in self._workers.values():
            worker.join(max(deadline - time.monotonic(), 0.0))
        self._reader.close()
        self._outbox.close()

    def _on_message(self, message: Inbound) -> None:
        try:
            self._heard.put(msgspec.json.decode(message.payload, type=Alert))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            _LOG.warning("an alert over MQTT cannot be read, the store will have it: %s", error)
        self._bell.set()

    def _take_heard(self) -> None:
        while not self._heard.empty():
            alert = self._heard.get()
            try:
                self._take(alert)
            except sqlite3.Error:
                self._heard.put(alert)  # again, when the disk lets us
                raise

    def _look(self) -> None:
        """Take what is new in the store."""
        try:
            version = self._reader.version()
            if version == self._version:
                return
            rows = self._reader.query(
                "SELECT id, revision, state, changed_ms FROM alerts WHERE changed_ms >= ? ORDER BY changed_ms, id",
                (self._since_ms,),
            )
            now_ms = int(self._reader.progress()["now_ms"])
        except StoreMissingError:
            return
        first = self._outbox.new
        for identifier, revision, _state, changed_ms in rows:
            self._since_ms = max(self._since_ms, changed_ms - _DAY_MS)
            if not self._outbox.knows(identifier, revision):
                found = self._reader.query("SELECT body FROM alerts WHERE id = ?", (identifier,))
                self._take_row(found, None if not first else now_ms - _FIRST_MS)
        if first:
            self._outbox.begin()
        self._version = version

    def _take_row(self, rows: list[Any], told_from_ms: int | None) -> None:
        for (body,) in rows:
            try:
                alert = msgspec.convert(with_why(msgspec.json.decode(body)), Alert)
            except msgspec.MsgspecError as error:
                _LOG.warning("an alert in the store cannot be read, and is not told: %s", error)
                continue
            old = told_from_ms is not None and max(alert.heard_ms, alert.raised_ms) < told_from_ms
            self._take(alert, silently=old)

    def _take(self, alert: Alert, *, silently: bool = False) -> None:
        orders = [] if silently else self._telling.orders(alert)
        for channel in self._outbox.take(alert, orders, wall_ms()):
            self._workers[channel].ring()

    def _hand_on(self) -> None:
        for channel in self._outbox.hand_on(self._telling.ways, self._limits.hand_on_ms, wall_ms()):
            self._workers[channel].ring()

    def _prune(self) -> None:
        self._outbox.prune(wall_ms() - self._limits.keep_ms)

    def _write_status(self) -> None:
        channels = {name: {"trouble": worker.trouble} for name, worker in self._workers.items()}
        document = {"pid": os.getpid(), "at_ms": wall_ms(), "fault": self._fault, "channels": channels}
        try:
            replace_json(self._folder / STATUS, document)
        except OSError as error:
            self._tell_fault(f"{STATUS} cannot be written: {error}")

    def _every(self, seconds: float, work: Callable[[], None]) -> None:
        if time.monotonic() >= self._due.get(work, 0.0):
            self._due[work] = time.monotonic() + seconds
            work()

    def _tell_fault(self, fault: str) -> None:
        if fault and fault != self._fault:
            _LOG.error("alerts cannot be taken, and are tried again: %s", fault)
        self._fault = fault


def _opener(name: str, declared: Declared, around: Surroundings) -> Callable[[], Any]:
    return lambda: open_channel(name, declared[name], around)
