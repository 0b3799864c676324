"""Delivery as a whole: alerts in, from the store and over MQTT, and a worker for every channel.

The store has every alert, also of the time when nobody delivered. MQTT has them also while the store cannot be
written; but whoever may write the topic can make one there. So what is heard waits a moment for the store, which
decides, where it is whole, whether an alert was taken up or is over. A revision that is known changes nothing.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from console.common import failing_parts
from console.deliver.channel import Surroundings
from console.deliver.channel_file import Declared, open_channel
from console.deliver.message_box import MessageBox
from console.deliver.mutes import Mutes, muted_until
from console.deliver.orders import Order
from console.deliver.outbox_file import FILE, STATUS
from console.deliver.telling import Telling
from console.deliver.worker import Worker
from deploy.node.status_file import read_status
from ingest.clock import wall_ms
from ingest.files import read_json, replace_json
from ingest.mqtt import Inbound, Session
from ingest.observations import LATEST_MS
from ingest.topics import ID_PATTERN
from ingest.topics import alerts as alerts_topic
from stream.results import Alert
from stream.sentences.catalogue import with_why
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 0.05
_CONFIRM_S: Final = 1.0
"""So long the store has to bring what was heard over MQTT."""
_HAND_ON_S: Final = 0.5
_CALL_S: Final = 1.0
_DISK_S: Final = 5.0
_FILE_S: Final = 1.0
_CHECK_S: Final = 60.0
_STATUS_S: Final = 2.0
_PRUNE_S: Final = 3_600.0
_STOP_S: Final = 3.0
_DAY_MS: Final = 86_400_000
_HISTORY: Final = 1_000
"""Revisions of an alert that are looked through for what came while nobody delivered."""
_AT_ONCE: Final = 100
"""Alerts that are taken in one transaction: an acknowledgement that comes behind thousands waits for no more."""
_MOST_REVISION: Final = 1 << 31
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
        self._folder, self._telling, self._limits, self._site = folder, telling, limits, around.site
        anew = read_json(folder / STATUS).get("anew")
        self._anew: dict[str, Any] = anew if isinstance(anew, dict) else {}
        """When and why the outbox had to be made anew, and whether anything was lost."""
        self._box = MessageBox(folder / FILE)
        if self._box.anew:
            self._note_anew("was removed", kept=False)
        self._box.drop_channels(declared, wall_ms())
        self._mutes = Mutes(folder)
        self._reader = StoreReader(folder / "store.db", around.zone)
        self._workers = {
            name: Worker(name, settings, _opener(name, declared, around), self._box)
            for name, settings in declared.items()
        }
        self._heard: queue.SimpleQueue[Alert] = queue.SimpleQueue()
        self._unconfirmed: dict[tuple[str, int], tuple[Alert, float]] = {}
        """Alerts over MQTT, and since when (steady seconds) they wait for the store."""
        self._readable = True
        """Whether the store could be read at the last look."""
        self._bell = threading.Event()
        self._session = Session(
            around.broker, "", filters=[alerts_topic(around.site, "+")], on_message=self._on_message
        )
        self._version: int | None = None
        self._since_ms, self._fault, self._on_disk = -1, "", True
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
            self._every(_FILE_S, self._look_at_file)
            self._every(_CHECK_S, self._box.check)
            self._take_heard()
            self._look()
            self._every(_HAND_ON_S, self._hand_on)
            self._every(_CALL_S, self._call_again)
            self._every(_PRUNE_S, self._prune)
            self._every(_DISK_S, self._to_disk)
            self._every(_DISK_S, self._look_at_clock)
        except sqlite3.Error as error:
            self._box.to_memory(error)
            trouble = self._box.trouble()  # then it is made anew, as soon as the disk lets us
            self._on_disk = bool(trouble)
            why = f"{FILE} {trouble}" if trouble else "the disk takes nothing, so messages are kept in memory"
            self._tell_fault(f"{why}: {error}")
        except (StoreError, OSError) as error:
            self._tell_fault(str(error))
        else:
            self._tell_fault("" if self._on_disk else self._fault)
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
        self._box.close()
        self._mutes.close()

    def _on_message(self, message: Inbound) -> None:
        try:
            self._heard.put(_checked(msgspec.json.decode(message.payload, type=Alert), self._site))
        except (ValueError, RecursionError) as error:
            _LOG.warning("an alert over MQTT cannot be read, the store will have it: %s", error)
        self._bell.set()

    def _take_heard(self) -> None:
        """Take what was heard over MQTT and the store does not bring: of a whole store only what is new, and calls."""
        while not self._heard.empty():
            alert = self._heard.get()
            self._unconfirmed.setdefault((alert.id, alert.revision), (alert, time.monotonic()))
        if not self._unconfirmed:
            return
        whole = self._readable and "store" not in failing_parts(read_status(self._folder))
        taken, over = list[Alert](), list[tuple[str, int]]()
        for key, (alert, since) in sorted(self._unconfirmed.items(), key=_silences_first):
            known = self._box.knows(*key)
            if not known and whole and time.monotonic() - since < _CONFIRM_S:
                continue
            if not known and whole and (alert.state != "raised" or self._in_store(alert.id)):
                _LOG.warning("alert %s, revision %d, came over MQTT, and the store does not have it: left out", *key)
            elif not known:
                taken.append(alert)
            over.append(key)
            if len(taken) == _AT_ONCE:
                self._bell.set()
                break
        self._take((alert, False) for alert in taken)  # where the disk fails they wait on, and are taken in memory
        for key in over:
            del self._unconfirmed[key]

    def _in_store(self, identifier: str) -> bool:
        return bool(self._reader.query("SELECT 1 FROM alerts WHERE id = ?", (identifier,)))

    def _look(self) -> None:
        """Take what is new in the store, first what silences; of very much a part, and soon the rest."""
        self._readable = False
        try:
            version = self._reader.version()
            self._readable = True
            if version == self._version:
                return
            rows = self._reader.query(
                "SELECT id, revision, state, changed_ms FROM alerts WHERE changed_ms >= ? ORDER BY changed_ms, id",
                (self._since_ms,),
            )
            now_ms = int(self._reader.progress()["now_ms"])
        except StoreMissingError:
            return
        first = self._box.new
        new = [row for row in rows if not self._box.knows(*row[:2])]
        new.sort(key=lambda row: 1 if row[2] == "raised" else 0 if self._box.knows(row[0], 0) else 2)
        told_from_ms = now_ms - _FIRST_MS if first else None
        self._take(one for identifier, *_ in new[:_AT_ONCE] for one in self._revisions(identifier, told_from_ms))
        if len(new) > _AT_ONCE:
            self._bell.set()
            return
        if first:
            self._box.begin()
        self._since_ms = max([self._since_ms, *(changed_ms - _DAY_MS for *_, changed_ms in rows)])
        self._version = version

    def _revisions(self, identifier: str, told_from_ms: int | None) -> Iterable[tuple[Alert, bool]]:
        """Yield what is new of an alert: its last call, where that holds; what was before only says who had it.

        With each whether it is taken silently.
        """
        rows = self._reader.query(
            "SELECT body FROM alert_history WHERE id = ? ORDER BY revision DESC LIMIT ?", (identifier, _HISTORY)
        )
        rows += self._reader.query("SELECT body FROM alerts WHERE id = ?", (identifier,))
        found = {alert.revision: alert for alert in (_alert(body) for (body,) in rows) if alert is not None}
        alerts = [found[revision] for revision in sorted(found)]
        calls = [alert.revision for alert in alerts if alert.state == "raised" and not alert.quiet]
        holds = bool(alerts) and alerts[-1].state == "raised"
        told_from = max(calls, default=0) if holds else alerts[-1].revision if alerts else 0
        for alert in alerts:
            old = told_from_ms is not None and max(alert.heard_ms, alert.raised_ms) < told_from_ms
            yield alert, old or alert.revision < told_from

    def _take(self, alerts: Iterable[tuple[Alert, bool]]) -> None:
        """Take alerts, those silently that say so, in one transaction: each of its own waits for the disk."""
        found = list(alerts)
        if not found:
            return
        now_ms, channels = wall_ms(), set[str]()
        mutes = self._mutes.now(now_ms)
        with self._box.together():
            for alert, silently in found:
                muted_ms = muted_until(mutes, alert)
                orders = [] if silently else self._telling.orders(alert, now_ms)
                orders = [order._replace(due_ms=max(order.due_ms, muted_ms)) for order in orders]
                channels |= self._box.take(alert, orders, now_ms, silently=silently)
        self._ring(channels)

    def announce(self, alert: Alert, orders: Sequence[Order]) -> None:
        """Tell what asks for no answer, once; see `MessageBox.announce`. Threads may call it.

        Raises `sqlite3.Error` where the disk does not take it.
        """
        self._ring(self._box.announce(alert, orders, wall_ms()))

    def knows(self, identifier: str) -> bool:
        """Tell whether something was told, or announced."""
        return self._box.knows(identifier, 1)

    def _hand_on(self) -> None:
        self._ring(self._box.hand_on(self._telling.way, self._limits.hand_on_ms, wall_ms()))

    def _call_again(self) -> None:
        """Ask who is next, and remind, where nobody has taken an alert up; of very many some each second."""
        now_ms, asked, channels = wall_ms(), 0, set[str]()
        mutes = self._mutes.now(now_ms)
        with self._box.together():
            for called in self._box.called():
                alert, waited_ms = called.alert, now_ms - called.called_ms
                if muted_until(mutes, alert):
                    continue
                every_ms = self._telling.reminder_ms(alert, now_ms)
                steps = [rule for rule in self._telling.escalations(alert, now_ms) if rule.after_ms <= waited_ms]
                if len(steps) > called.escalated:  # who is asked now is not reminded in the same breath
                    new = steps[called.escalated :]
                    orders = [order for rule in new for order in self._telling.escalation(rule, alert, now_ms)]
                    again = called._replace(escalated=len(steps))
                    channels |= self._box.call_again(again, orders, "escalation", now_ms)
                elif every_ms and waited_ms // every_ms > called.reminded:
                    again = called._replace(reminded=waited_ms // every_ms)
                    orders = self._telling.reminder(alert, called.escalated, now_ms)
                    channels |= self._box.call_again(again, orders, "reminder", now_ms)
                else:
                    continue
                asked += 1
                if asked == _AT_ONCE:
                    break
        self._ring(channels)

    def _ring(self, channels: Collection[str]) -> None:
        for channel in channels:
            self._workers[channel].ring()

    def _to_disk(self) -> None:
        self._on_disk = self._box.to_disk()

    def _look_at_file(self) -> None:
        """Make the outbox anew where somebody has removed it, or it is damaged; what cannot be kept is told again."""
        why = self._box.trouble()
        if why:
            self._mutes.close()
            try:
                kept = self._box.renew(why)
            finally:
                self._mutes = Mutes(self._folder)
            self._version, self._since_ms = None, -1  # what is open in the store and not known any more is told again
            self._note_anew(why, kept=kept)

    def _note_anew(self, why: str, *, kept: bool) -> None:
        self._anew = {"at_ms": wall_ms(), "why": why, "kept": kept}
        lost = "nothing of it is lost" if kept else "what waited is lost, and alerts that are open are told again"
        _LOG.error("%s %s; it was made anew, and %s", self._folder / FILE, why, lost)

    def _look_at_clock(self) -> None:
        self._box.clock_set_back(wall_ms())

    def _prune(self) -> None:
        self._box.prune(wall_ms() - self._limits.keep_ms)

    def _write_status(self) -> None:
        channels = {name: {"trouble": worker.trouble} for name, worker in self._workers.items()}
        document = {"pid": os.getpid(), "at_ms": wall_ms(), "fault": self._fault, "channels": channels}
        document["anew"] = self._anew
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


def _silences_first(heard: tuple[tuple[str, int], tuple[Alert, float]]) -> bool:
    return heard[1][0].state == "raised"


def _checked(alert: Alert, site: str) -> Alert:
    """Return an alert that came over MQTT, which whoever may write the topic has made. Raises ValueError.

    Its id and site become names of files and headers, its numbers columns of the outbox.
    """
    if alert.site != site or not ID_PATTERN.match(alert.id):
        raise ValueError(f"alert {alert.id[:48]!r} of {alert.site[:48]!r}, expected an id, and the site {site!r}")
    times = (alert.raised_ms, alert.changed_ms, alert.heard_ms)
    if not 0 < alert.revision < _MOST_REVISION or not all(0 <= one <= LATEST_MS for one in times):
        raise ValueError(f"alert {alert.id!r}: revision {alert.revision} at {times}, expected numbers that can be")
    return alert


def _alert(body: str | bytes) -> Alert | None:
    """Return an alert of the store; None for one that cannot be read."""
    try:
        return msgspec.convert(with_why(msgspec.json.decode(body)), Alert)
    except msgspec.MsgspecError as error:
        _LOG.warning("an alert in the store cannot be read, and is not told: %s", error)
        return None


def _opener(name: str, declared: Declared, around: Surroundings) -> Callable[[], Any]:
    return lambda: open_channel(name, declared[name], around)
