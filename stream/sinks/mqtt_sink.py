"""Alerts and hotspots over MQTT: what phones, pagers and other systems hear.

How nothing is lost
-------------------
1. A message stays in the sink's own queue until the broker has acknowledged it (QoS 1), through lost connections and
   through clients given up; `flush` returns when the queue is empty.
2. Then, and only if something was sent, a small file remembers the newest log position that was delivered whole.
3. When the log is read again after a crash, results up to that position are passed over, so that phones do not ring
   for old alerts. What lies behind it is sent again: at least once, never less.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple

import msgspec
import paho.mqtt.client as paho

from ingest.files import replace_file
from ingest.topics import alerts as alerts_topic
from ingest.topics import hotspots as hotspots_topic
from stream.results import HotspotMap, Results
from stream.sentences.catalogue import with_texts
from stream.sinks.rows import NOTHING_WRITTEN, after, order, position_of

_log = logging.getLogger(__name__)
_IN_FLIGHT: Final = 20
"""Messages under way at once: what Mosquitto takes by default."""
_LOOK_S: Final = 0.02
"""How often to look whether there is a connection while something waits for one."""


class MqttSinkError(ConnectionError):
    """The broker did not take the messages in time; they wait in the sink, and the engine tries again."""


class _Message(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


class _Ack(NamedTuple):
    mid: int
    refusal: str
    """Why the broker would not take it (MQTT 5 only); empty where it did."""


class _Delivered(msgspec.Struct):
    """What the file holds."""

    site: str
    position: int
    beats: list[str]
    """Beats whose retained hotspots are not empty."""


class MqttSink:
    """Publishes every change of an alert, and the hotspots of each beat as a retained message.

    Parameters
    ----------
    make_client
        Makes an unconnected paho client (callback version 2, clean session) with its user name, password and TLS.
        It is asked again when a client had to be given up. The client id must be one that nobody else uses.
    host, port
        The broker.
    site
        The site's id, in every topic.
    delivered_path
        The small file that remembers what was delivered.
    beats
        All beats of the site: those without hotspots in the first map get an empty list, which also takes away what
        an earlier run left at the broker. Without it only beats known from `delivered_path` do.
    timeout_s
        How long to wait without any message being acknowledged before `MqttSinkError`.
    queue_limit
        Messages kept unacknowledged; `write` waits for room above it.
    backoff_s
        Shortest and longest wait between attempts to connect, seconds.
    zone
        Zone of the times in texts: the site's.

    Notes
    -----
    Payloads are JSON of `stream.results.Alert` with its texts (``text``, ``advice``), and a list of
    `stream.results.HotspotCell` with ``drivers`` as text and the map's ``ts`` and ``horizon_s`` added. Of several maps
    written at once only the newest is published. Cells outside every beat have no topic and stand in the store only.
    Only MQTT 5 tells when the broker's access list refuses a message; with 3.1.1 it looks delivered.
    """

    name = "mqtt"

    def __init__(
        self,
        make_client: Callable[[], paho.Client],
        host: str,
        port: int,
        site: str,
        *,
        delivered_path: Path,
        beats: Iterable[str] = (),
        timeout_s: float = 10.0,
        queue_limit: int = 1000,
        backoff_s: tuple[int, int] = (1, 30),
        zone: tzinfo = UTC,
    ) -> None:
        self.host, self.port, self.site, self._zone = host, port, site, zone
        self._make_client, self._path = make_client, delivered_path
        self._timeout_s, self._limit, self._backoff_s = timeout_s, max(1, queue_limit), backoff_s
        delivered = self._read_delivered()
        # A planned stop has no messages of its own, so a position that was delivered was so with its stop.
        self._delivered = self._taken = 2 * delivered.position + 1
        self._beats = {*delivered.beats, *beats}
        self._unsaved = False
        self._waiting: deque[_Message] = deque()
        """Taken and not handed to the client yet."""
        self._sent: dict[int, _Message] = {}
        """Handed to the client and not acknowledged, by message id, in order."""
        self._acks: SimpleQueue[_Ack] = SimpleQueue()
        self._client: paho.Client | None = None
        self._trouble = "not connected yet"
        self._connect()

    def write(self, results: Sequence[Results]) -> None:
        """Queue what is new for the broker; waits only where the queue is full.

        Raises `MqttSinkError` when the queue stays full for `timeout_s`. Results that were queued by then are not
        queued again when they are written again.
        """
        fresh = after(results, self._taken)
        newest_map = max((number for number, result in enumerate(fresh) if result.hotspots is not None), default=None)
        for number, result in enumerate(fresh):
            messages = [
                _Message(
                    alerts_topic(self.site, alert.beat),
                    msgspec.json.encode(with_texts(msgspec.structs.asdict(alert), self._zone)),
                    retain=False,
                )
                for alert in result.alerts
            ]
            beats = self._beats
            if number == newest_map and result.hotspots is not None:
                more, beats = self._hotspot_messages(result.hotspots)
                messages += more
            elif result.hotspots is not None:
                # Passed over now, but a run before a crash may have published it: its beats have to be emptied.
                beats = beats | {cell.beat for cell in result.hotspots.cells if cell.beat}
            # All messages of a record or none, so that a record is never queued in part and then again.
            while self._unacknowledged and self._unacknowledged + len(messages) > self._limit:
                self._await_ack()
            self._waiting.extend(messages)
            self._taken, self._beats = order(result), beats
            self._unsaved = self._unsaved or bool(messages)
        self._send()

    def flush(self) -> None:
        """Block until the broker has acknowledged everything.

        Raises `MqttSinkError` when for `timeout_s` it acknowledged nothing.
        """
        self._send()
        while self._unacknowledged:
            self._await_ack()
        if self._unsaved:
            delivered = _Delivered(self.site, position_of(self._taken), sorted(self._beats))
            replace_file(self._path, msgspec.json.encode(delivered))
            self._unsaved = False
        self._delivered = self._taken

    def close(self) -> None:
        """Flush and disconnect; disconnects also where the flush fails, and then raises what it raised."""
        try:
            self.flush()
        finally:
            self._drop_client()

    @property
    def delivered(self) -> int:
        """Newest log position that was delivered whole, -1 before the first."""
        return position_of(self._delivered)

    @property
    def _unacknowledged(self) -> int:
        return len(self._waiting) + len(self._sent)

    def _hotspot_messages(self, hotspots: HotspotMap) -> tuple[list[_Message], set[str]]:
        by_beat: dict[str, list[dict[str, Any]]] = {beat: [] for beat in sorted(self._beats)}
        for cell in hotspots.cells:
            if not cell.beat:
                continue  # no patrol's ground; the store has it
            extra = {"ts": hotspots.ts, "horizon_s": hotspots.horizon_s}
            row = with_texts(msgspec.structs.asdict(cell), self._zone, "drivers")
            by_beat.setdefault(cell.beat, []).append(row | extra)
        messages = [
            _Message(hotspots_topic(self.site, beat), msgspec.json.encode(cells), retain=True)
            for beat, cells in by_beat.items()
        ]
        return messages, {beat for beat, cells in by_beat.items() if cells}

    def _send(self) -> None:
        """Hand waiting messages to the client, as many as may be under way at once.

        Not before the broker has answered: between the connection and its answer paho sends what is new at once, and
        what it was given before only afterwards.
        """
        client = self._client or self._connect()
        while self._waiting and len(self._sent) < self._limit and client.is_connected():
            message = self._waiting[0]
            info = client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            if info.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN):
                raise MqttSinkError(f"{self._address}: {message.topic} was not taken: {paho.error_string(info.rc)}")
            self._sent[info.mid] = self._waiting.popleft()

    def _await_ack(self) -> None:
        """Wait for one acknowledgement; raise `MqttSinkError` where none comes or a message is refused."""
        ack = self._next_ack()
        if ack is None:
            client = self._client
            trouble = self._trouble
            if client is not None and client.is_connected():
                # Connected and silent: only a new connection makes a broker take up what it has forgotten.
                trouble = "connected, but it does not acknowledge"
                self._drop_client()
            raise MqttSinkError(
                f"{self._address}: {self._unacknowledged} messages not acknowledged, "
                f"none for {self._timeout_s:g} s ({trouble}); they are kept and tried again"
            )
        if ack.refusal:
            topic = self._sent[ack.mid].topic if ack.mid in self._sent else "a message"
            self._drop_client()
            raise MqttSinkError(
                f"{self._address}: refused {topic}: {ack.refusal}; the node's user must be allowed to write there"
            )
        self._sent.pop(ack.mid, None)

    def _next_ack(self) -> _Ack | None:
        """Wait for an acknowledgement, handing over what waits for a connection; None where none comes in time."""
        until = time.monotonic() + self._timeout_s
        while (left := until - time.monotonic()) > 0:
            self._send()
            with suppress(Empty):
                return self._acks.get(timeout=min(left, _LOOK_S) if self._waiting else left)
        return None

    @property
    def _address(self) -> str:
        return f"MQTT broker {self.host}:{self.port}"

    def _connect(self) -> paho.Client:
        """Make a client that connects by itself, and again whenever the connection is lost."""
        client = self._make_client()
        acks: SimpleQueue[_Ack] = SimpleQueue()
        self._acks = acks

        def on_publish(_client: object, _data: object, mid: int, reason: Any, _properties: object) -> None:  # noqa: ANN401 - paho's type differs by version
            # Nothing but a hand-over: paho holds a lock of its own that `publish` wants too.
            acks.put(_Ack(mid, str(reason) if reason.is_failure else ""))

        def on_connect(_client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:  # noqa: ANN401 - same
            self._trouble = f"refused the connection: {reason}" if reason.is_failure else ""

        def on_disconnect(_client: object, _data: object, _flags: object, reason: object, _properties: object) -> None:
            self._trouble = self._trouble or f"connection lost: {reason}"

        def on_connect_fail(_client: object, _data: object) -> None:
            self._trouble = "cannot be reached"

        untyped: Any = client  # the stubs that go round know only the first callback version
        untyped.on_publish, untyped.on_connect = on_publish, on_connect
        untyped.on_disconnect, untyped.on_connect_fail = on_disconnect, on_connect_fail
        untyped.connect_timeout = min(5.0, self._timeout_s)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.max_queued_messages_set(0)  # the sink's own queue has the limit
        client.reconnect_delay_set(*self._backoff_s)
        client.connect_async(self.host, self.port)
        client.loop_start()
        self._client = client
        return client

    def _drop_client(self) -> None:
        """Give the client up; what it had under way goes back to the head of the queue, in order."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
        while not self._acks.empty():
            ack = self._acks.get_nowait()
            if not ack.refusal:
                self._sent.pop(ack.mid, None)
        self._waiting.extendleft(reversed(self._sent.values()))
        self._sent.clear()

    def _read_delivered(self) -> _Delivered:
        nothing = _Delivered(self.site, NOTHING_WRITTEN, [])
        try:
            delivered = msgspec.json.decode(self._path.read_bytes(), type=_Delivered)
        except FileNotFoundError:
            return nothing
        except msgspec.MsgspecError as error:
            # To send old alerts again is better than to send none.
            _log.warning("%s cannot be read (%s): alerts may be sent a second time", self._path, error)
            return nothing
        if delivered.site != self.site:
            raise ValueError(f"{self._path}: is of site {delivered.site!r}, expected {self.site!r}")
        return delivered
