"""Alerts, hotspots and patrols' plans over MQTT: what phones, pagers and other systems hear.

How nothing is lost
-------------------
1. A message stays in the sink's own queue until the broker has acknowledged it (QoS 1), through lost connections and
   through clients given up; `flush` returns when the queue is empty.
2. Then, and only if something was sent, a small file remembers the newest log position that was delivered whole.
3. When the log is read again after a crash, results up to that position are passed over, so that phones do not ring
   for old alerts. What lies behind it is sent again: at least once, never less.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from ingest.files import replace_file
from ingest.login import BrokerAddress
from ingest.mqtt import MemoryStorage, Outbound, Outbox, Session
from ingest.topics import alerts as alerts_topic
from ingest.topics import hotspots as hotspots_topic
from ingest.topics import patrol_plan
from stream.patrol_results import OfficerPlan
from stream.results import Alert, HotspotMap, Results
from stream.sentences.catalogue import with_texts
from stream.sinks.result_rows import NOTHING_WRITTEN, after, order, position_of

_log = logging.getLogger(__name__)


class MqttSinkError(ConnectionError):
    """The broker did not take the messages in time; they wait in the sink, and the engine tries again."""


class _Delivered(msgspec.Struct):
    """What the file holds."""

    site: str
    position: int
    beats: list[str]
    """Beats whose retained hotspots are not empty."""


class MqttSink:
    """Publishes every change of an alert; the hotspots of each beat, and each officer's plan, as retained messages.

    Parameters
    ----------
    broker
        The broker, which chooses the client id.
    site
        The site's id, in every topic.
    delivered_path
        The small file that remembers what was delivered.
    beats
        All beats of the site: those without hotspots in the first map get an empty list, which also takes away what
        an earlier run left at the broker. Without it only beats known from `delivered_path` do.
    timeout_s
        How long to wait without any message being acknowledged before `MqttSinkError`.
    backoff_s
        Shortest and longest wait between attempts to connect, seconds.
    zone
        Zone of the times in texts: the site's.

    Notes
    -----
    Payloads are JSON of `stream.results.Alert` with its texts (``text``, ``advice``), and a list of
    `stream.results.HotspotCell` with ``drivers`` as text and the map's ``ts`` and ``horizon_s`` added; plans are
    `stream.results.OfficerPlan` with the stops that count, none of them once the shift is over. Of several maps
    written at once only the newest is published. Cells outside every beat have no topic and stand in the store only.
    Only MQTT 5 tells when the broker's access list refuses a message; with 3.1.1 it looks delivered.
    """

    name = "mqtt"

    def __init__(
        self,
        broker: BrokerAddress,
        site: str,
        *,
        delivered_path: Path,
        beats: Iterable[str] = (),
        timeout_s: float = 10.0,
        backoff_s: tuple[float, float] = (1.0, 30.0),
        zone: tzinfo = UTC,
    ) -> None:
        self.site, self._path, self._zone, self._timeout_s = site, delivered_path, zone, timeout_s
        delivered = self._read_delivered()
        # A planned stop has no messages of its own, so a position that was delivered was so with its stop.
        self._taken = 2 * delivered.position + 1
        self._beats = {*delivered.beats, *beats}
        self._unsaved = self._unnoted = self._hurried = False
        self._waiting = MemoryStorage()
        self._outbox = Outbox(self._waiting, ack_timeout_s=timeout_s)
        self._refused = 0
        """Refusals that have been raised."""
        self._session = Session(broker, "", outbox=self._outbox, backoff_s=backoff_s)
        self._session.start()

    def write(self, results: Sequence[Results]) -> None:
        """Queue what is new for the broker. Results that were queued are passed over when they are written again."""
        fresh = after(results, self._taken)
        newest = next((result.maps[-1] for result in reversed(fresh) if result.maps), None)
        for result in fresh:
            messages = [*map(self._message, result.alerts), *map(self._plan, result.patrols)]
            beats = self._beats
            for hotspots in result.maps:
                if hotspots is newest:
                    more, beats = self._hotspot_messages(hotspots, beats)
                    messages += more
                else:
                    # Passed over now, but a run before a crash may have published it: its beats have to be emptied.
                    beats = beats | {cell.beat for cell in hotspots.cells if cell.beat}
            for message in messages:
                self._waiting.put(message)
            self._taken, self._beats = order(result), beats
            self._unsaved = self._unsaved or bool(messages)
        self._session.wake()

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Publish alerts whose records the log cannot take yet. They come again, by `write`, when it can."""
        for alert in alerts:
            self._waiting.put(self._message(alert))
        self._session.wake()

    def _message(self, alert: Alert) -> Outbound:
        text = msgspec.json.encode(with_texts(msgspec.structs.asdict(alert), self._zone))
        return Outbound(alerts_topic(self.site, alert.beat), text)

    def _plan(self, plan: OfficerPlan) -> Outbound:
        """Return the plan that an officer's phone shows: of a shift that is over there is nothing left to do."""
        stops = [] if plan.over else [stop for stop in plan.stops if stop.state != "replaced"]
        text = msgspec.json.encode(msgspec.structs.replace(plan, stops=stops))
        return Outbound(patrol_plan(self.site, plan.officer), text, retain=True)

    def flush(self) -> None:
        """Block until the broker has acknowledged everything.

        Raises `MqttSinkError` when for `timeout_s` it acknowledged nothing, or it refused a message.
        """
        while self._waiting:
            self._await_ack()
        if self._unsaved:
            delivered = _Delivered(self.site, position_of(self._taken), sorted(self._beats))
            try:
                replace_file(self._path, msgspec.json.encode(delivered))
            except OSError as error:  # a disk that fails must not keep alerts from going out
                if not self._unnoted:
                    _log.warning("%s cannot be written, alerts may be sent a second time: %s", self._path, error)
                self._unnoted = True
            else:
                self._unsaved = self._unnoted = False

    def hurry(self) -> None:
        """Wait for no acknowledgement any more; see `stream.sinks.delivery.WaitingSink`."""
        self._hurried = True
        self._outbox.interrupt()

    def close(self) -> None:
        """Flush, unless there is a hurry, and disconnect; disconnects also where the flush fails, and then raises."""
        try:
            if not self._hurried:
                self.flush()
        finally:
            self._session.close()

    def _hotspot_messages(self, hotspots: HotspotMap, before: set[str]) -> tuple[list[Outbound], set[str]]:
        by_beat: dict[str, list[dict[str, Any]]] = {beat: [] for beat in sorted(before)}
        for cell in hotspots.cells:
            if not cell.beat:
                continue  # no patrol's ground; the store has it
            extra = {"ts": hotspots.ts, "horizon_s": hotspots.horizon_s}
            by_beat.setdefault(cell.beat, []).append(
                with_texts(msgspec.structs.asdict(cell), self._zone, "drivers") | extra
            )
        messages = [
            Outbound(hotspots_topic(self.site, beat), msgspec.json.encode(cells), retain=True)
            for beat, cells in by_beat.items()
        ]
        return messages, {beat for beat, cells in by_beat.items() if cells}

    def _await_ack(self) -> None:
        """Wait for an acknowledgement; raise `MqttSinkError` where none comes or a message is refused."""
        outbox, before = self._outbox, self._outbox.acknowledged
        came = outbox.wait(
            lambda: outbox.acknowledged > before or outbox.refused > self._refused or self._hurried, self._timeout_s
        )
        came = came and (not self._hurried or outbox.acknowledged > before)
        if outbox.refused > self._refused:
            self._refused = outbox.refused
            raise MqttSinkError(
                f"MQTT broker {self._session.broker}: refused {outbox.refusal}; "
                "the node's user must be allowed to write there"
            )
        if not came:
            trouble = self._session.trouble or "connected, but it does not acknowledge"
            raise MqttSinkError(
                f"MQTT broker {self._session.broker}: {len(self._waiting)} messages not acknowledged, "
                f"none for {self._timeout_s:g} s ({trouble}); they are kept and tried again"
            )

    def _read_delivered(self) -> _Delivered:
        nothing = _Delivered(self.site, NOTHING_WRITTEN, [])
        try:
            delivered = msgspec.json.decode(self._path.read_bytes(), type=_Delivered)
        except FileNotFoundError:
            return nothing
        except (OSError, msgspec.MsgspecError) as error:
            # To send old alerts again is better than to send none.
            _log.warning("%s cannot be read (%s): alerts may be sent a second time", self._path, error)
            return nothing
        if delivered.site != self.site:
            raise ValueError(f"{self._path}: is of site {delivered.site!r}, expected {self.site!r}")
        return delivered
