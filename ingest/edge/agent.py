"""The edge agent: takes a device's observations from local code, and sees to it that the broker gets every one.

What `EdgeAgent.observe` has returned for is on disk, and stays there until the broker has acknowledged it, through a
SIGKILL, a power cut or a week without network. The pipeline drops repeats by (device, boot, seq), so sending too often
does no harm and sending too seldom does: when in doubt the agent sends again.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ingest import topics
from ingest.edge.spool import Spool, SpoolStats
from ingest.mqtt.link import SETTLED, Link, LinkSettings, Version
from ingest.mqtt.tls import Tls
from ingest.observations import Observation

logger = logging.getLogger(__name__)
_TICK_S: Final = 1.0
_INPUT: Final = msgspec.json.Decoder(dict[str, object] | list[dict[str, object]])


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """One device's agent. Raises ValueError for an id that topics cannot carry."""

    site: str
    beat: str
    device: str
    spool: Path
    host: str = "127.0.0.1"
    port: int = 1883
    password: str = field(default="", repr=False)
    """Sent with the device id as the user name; without it no user name is sent either."""
    version: Version = "3.1.1"
    tls: Tls | None = None
    keepalive_s: int = 30
    batch: int = 50
    """Most observations in a message."""
    batch_bytes: int = 9_000
    linger_s: float = 0.05
    """Wait so long between messages that are not full, so that a burst becomes a batch."""
    window: int = 8
    """Messages in flight."""
    hold_s: float = 10.0
    """Keep what is acknowledged so long, and send it again after a reconnect: a broker forgets what it had not saved"""
    max_bytes: int = 64 << 20
    backoff_s: tuple[float, float] = (0.2, 30.0)

    def __post_init__(self) -> None:
        for name in ("site", "beat", "device"):
            if not topics.ID_PATTERN.match(getattr(self, name)):
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, expected letters, digits, - and _, at most 48, no leading -"
                )


class EdgeStats(NamedTuple):
    """What an agent has done since it started, and what lies in its spool."""

    connected: bool
    observed: int
    acknowledged: int
    """Observations whose PUBACK came, repeats included."""
    resent: int
    """Observations sent again after a reconnect although they had been acknowledged."""
    messages: int
    refused: int
    """Messages the broker acknowledged with an error; they go again after a reconnect."""
    spool: SpoolStats


class EdgeAgent:
    """Runs one thread that carries observations from the spool to the broker. Use as a context manager.

    Raises `ingest.edge.spool.SpoolError` where the spool cannot be opened, OSError for TLS files that cannot be read.
    """

    def __init__(self, settings: EdgeSettings) -> None:
        self.settings = settings
        self._topic = topics.observations(settings.site, settings.beat, settings.device)
        self._link = Link(
            LinkSettings(
                host=settings.host,
                port=settings.port,
                client_id=settings.device,
                username=settings.device if settings.password else "",
                password=settings.password,
                version=settings.version,
                keepalive_s=settings.keepalive_s,
                tls=settings.tls,
                status_topic=topics.status(settings.site, settings.beat, settings.device),
                backoff_s=settings.backoff_s,
            ),
            on_up=self._up,
            on_ack=self._acknowledged,
        )
        self.spool = Spool(settings.spool, max_bytes=settings.max_bytes, hold_s=settings.hold_s)
        self._in_flight: dict[int, list[int]] = {}
        self._cursor = -1
        self._observed = self._acked = self._resent = self._messages = 0
        self._next_message = self._next_forget = 0.0
        self._settles_at = float("inf")
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.settimeout(0.0)
        self._wake_out.settimeout(0.0)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"edge-{settings.device}", daemon=True)
        self._thread.start()

    def __enter__(self) -> EdgeAgent:  # noqa: PYI034 - not made to be subclassed
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def observe(self, *observations: Observation) -> list[int]:
        """Take observations and return their numbers; when this returns they are on disk and will arrive.

        Raises ValueError for one that breaks a limit of its type (none is then taken), `ingest.edge.spool.SpoolError`
        where the disk does not take them.
        """
        numbers = self.spool.append(observations)
        self._observed += len(numbers)
        self._wake()
        return numbers

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until the broker has acknowledged everything, and tell whether it was in time."""
        deadline = time.monotonic() + timeout_s
        while self.spool.stats().waiting:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def stats(self) -> EdgeStats:
        """Return counts; may be called at any time, from any thread."""
        return EdgeStats(
            self._link.up,
            self._observed,
            self._acked,
            self._resent,
            self._messages,
            self._link.refused,
            self.spool.stats(),
        )

    def close(self, *, flush_s: float = 0.0) -> None:
        """Stop, after waiting at most `flush_s` for acknowledgements; the rest goes when an agent runs here again."""
        if flush_s > 0.0:
            self.flush(flush_s)
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake()
        self._thread.join()
        self._wake_out.close()
        self._wake_in.close()
        self.spool.close()

    def _wake(self) -> None:
        # A full pipe means that the thread has been woken already; a closed one that it has ended.
        with contextlib.suppress(OSError):
            self._wake_in.send(b"\0")

    # The agent's thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._turn()
            except Exception:
                # The thread is all that moves observations: whatever happens, it goes on, and nothing is lost by it.
                logger.exception("%s: the agent's turn failed; trying again in a second", self.settings.device)
                self._closing.wait(1.0)
        self._link.close(last_words=b'{"state":"offline"}')

    def _turn(self) -> None:
        now = time.monotonic()
        wait = min(self._link.wait_s(now), _TICK_S)
        if self._next_message > now:
            wait = min(wait, self._next_message - now)
        readers: list[socket.socket] = [self._wake_out]
        writers: list[socket.socket] = []
        connection = self._link.socket
        if connection is not None:
            readers.append(connection)
            if self._link.wants_write:
                writers.append(connection)
            if getattr(connection, "pending", int)():
                wait = 0.0  # TLS has decrypted bytes that the socket no longer shows
        readable, writable, _ = select.select(readers, writers, [], wait)
        if self._wake_out in readable:
            self._wake_out.recv(4096)
        ready = connection is not None and (connection in readable or wait == 0.0)
        self._link.turn(readable=ready, writable=connection in writable)
        now = time.monotonic()
        if now >= self._settles_at:
            self._say_again()
            self._settles_at = float("inf")
        self._send()
        if now >= self._next_forget:
            self._next_forget = now + max(self.settings.hold_s / 4, 1.0)
            self.spool.forget()

    def _send(self) -> None:
        """Publish what waits, in order, as far as the window and the linger allow."""
        settings = self.settings
        while self._link.up and len(self._in_flight) < settings.window:
            rows = self.spool.waiting(self._cursor, limit=settings.batch, max_bytes=settings.batch_bytes)
            if not rows:
                self._next_message = 0.0
                return
            now = time.monotonic()
            if len(rows) < settings.batch and now < self._next_message:
                return
            self._next_message = now + settings.linger_s
            payload = rows[0].payload if len(rows) == 1 else b"[" + b",".join(row.payload for row in rows) + b"]"
            mid = self._link.publish(self._topic, payload)
            if mid is None:
                return
            self._in_flight[mid] = [row.seq for row in rows]
            self._cursor = rows[-1].seq
            self._messages += 1

    def _up(self) -> None:
        self._in_flight.clear()
        self._say_again()
        # Once more what is acknowledged until then: a broker that was started again may have had nobody to give it to.
        if self.settings.hold_s > 0.0:
            self._settles_at = time.monotonic() + self.settings.hold_s * SETTLED

    def _say_again(self) -> None:
        """Send again whatever is held, in its order."""
        self._cursor = -1
        self._resent += self.spool.rewind()

    def _acknowledged(self, mid: int) -> None:
        seqs = self._in_flight.pop(mid, None)
        if seqs is not None:
            self.spool.acknowledge(seqs)
            self._acked += len(seqs)


def feed(agent: EdgeAgent, lines: Iterable[bytes]) -> tuple[int, int]:
    """Take JSON lines, each one observation or an array of them, and return how many were taken and refused.

    ``ts`` may be left out and is then now. Numbers and boot ids in the input are replaced by the agent's. A line that
    is refused, whole or in part, is kept in the spool with its reason, and the next one is read.
    """
    taken = refused = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            document = _INPUT.decode(text)
        except msgspec.MsgspecError as error:
            refused += 1
            _refuse(agent, number, text, f"not a JSON object or array of objects: {error}")
            continue
        good: list[Observation] = []
        for item in document if isinstance(document, list) else [document]:
            try:
                good.append(msgspec.convert({"ts": time.time_ns() // 1_000_000, **item}, Observation))
            except msgspec.ValidationError as error:
                refused += 1
                _refuse(agent, number, msgspec.json.encode(item), str(error))
        agent.observe(*good)
        taken += len(good)
    return taken, refused


def _refuse(agent: EdgeAgent, number: int, text: bytes, reason: str) -> None:
    logger.warning("line %d refused: %s", number, reason)
    agent.spool.reject(text, reason)
