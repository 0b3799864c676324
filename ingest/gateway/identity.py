"""Under which client id a gateway is known to its broker, and how it leaves one that it had before.

Whoever connects under a gateway's client id throws it out, and where that client wants no session, the broker throws
away what waited for the gateway. So the id has a random part, which a file in the site's folder keeps: the session
outlives restarts, and nobody can guess its name. An id of before (version 0.2 had none with a random part; or
``gateway.client_id`` was changed) may still have a queue at the broker: that is taken first, in its order, and only
then is the old session removed.
"""

import json
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.files import replace_file
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, MemoryStorage, Outbound, Outbox, Session

logger = logging.getLogger(__name__)
_TURN_S: Final = 0.1
_AFTER_S: Final = 1.0
"""What may still come after the mark: brokers promise an order within a topic only."""
_JOIN_S: Final = 1.0
_QUIET_S: Final = 5.0
"""With nothing for this long the queue is empty, where a mark does not come: the account may not publish it."""


class _Kept(msgspec.Struct):
    """What the file holds."""

    client_id: str = ""
    """The id with a random part; empty until one was needed."""
    used: str = ""
    """The id of the last run."""
    leave: list[str] = []
    """Ids of before, whose sessions may still hold messages."""


class Identity:
    """A gateway's client id, and those that it has to leave.

    Parameters
    ----------
    path
        The file that keeps them; it is made where it is missing, readable for its owner alone. A copy stands beside
        it: whoever loses the id loses what waits at the broker. None: nothing is kept, and the id has no random part.
    name
        What the id begins with; alone, it was the id up to version 0.2.
    chosen
        An id that somebody has set instead.

    Raises OSError where the file cannot be read or written.
    """

    def __init__(self, path: Path | None, name: str, chosen: str = "") -> None:
        self._files = () if path is None else (path, path.with_name(f"{path.stem}.copy{path.suffix}"))
        self._written: dict[Path, bytes] = {}
        kept = _Kept(client_id=name) if path is None else self._read(name)
        if not chosen and not kept.client_id:
            kept.client_id = f"{name}-{secrets.token_hex(8)}"
        self.client_id = chosen or kept.client_id
        before = [kept.used] if kept.used else []
        kept.leave = [one for one in dict.fromkeys([*kept.leave, *before]) if one != self.client_id]
        kept.used = self.client_id
        self._kept = kept
        self._write()

    @property
    def leave(self) -> Sequence[str]:
        """Ids whose sessions are to be emptied and removed."""
        return tuple(self._kept.leave)

    def left(self, client_id: str) -> None:
        """Note that the session of an id of before is gone. Raises OSError."""
        self._kept.leave.remove(client_id)
        self._write()

    def _read(self, name: str) -> _Kept:
        """Return what the first file that can be read holds; without one what a new gateway, or one of 0.2, has."""
        found, damaged = None, False
        for path in self._files:
            try:
                self._written[path] = path.read_bytes()
                one = msgspec.json.decode(self._written[path], type=_Kept)
                found = found or (one if one.used else None)
            except FileNotFoundError:
                continue
            except (msgspec.MsgspecError, IsADirectoryError) as error:
                damaged = True
                logger.warning("%s cannot be used, and is written anew: %s", path, error)
        if found is None and damaged:
            logger.warning("the gateway takes a new client id, and what waits for the old one stays at the broker")
        return found or _Kept(used="" if damaged else name)

    def _write(self) -> None:
        """Write what has changed. Raises OSError."""
        content = msgspec.json.encode(self._kept)
        for path in self._files:
            if self._written.get(path) != content:
                replace_file(path, content, mode=0o600)
                self._written[path] = content


class Leaver:
    """Empties the session of a client id of before, and then removes it.

    Parameters
    ----------
    broker
        Where the session is.
    client_id
        Its name.
    filters
        What it subscribed to.
    mark_topic
        A topic among them, on which a mark is sent to see when the queue is through; empty: the session shares its
        messages with others, so new ones are left to those from the start.
    expiry_s
        How long the broker keeps it, should this be interrupted (MQTT 5).
    receive
        Takes each message; `acknowledge` is called when it is on disk.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        *,
        filters: Sequence[str],
        mark_topic: str,
        expiry_s: int,
        receive: Callable[[Inbound], None],
    ) -> None:
        self.client_id = client_id
        self._broker, self._filters, self._mark_topic, self._receive = broker, filters, mark_topic, receive
        self._expiry_s = expiry_s
        self._mark = json.dumps({"mark": secrets.token_hex(16)}).encode()
        self._marked_at = math.inf
        self._heard_at = 0.0
        self._open: set[int] = set()
        """Message ids of the connection that are not acknowledged."""
        self._connection = 0
        self._session: Session | None = None
        self.taken = 0
        """Messages that the old session held."""

    @property
    def up(self) -> bool:
        """Whether the old session is connected, and there was one: a new one has not subscribed to anything."""
        session = self._session
        return session is not None and session.up and session.resumed

    @property
    def trouble(self) -> str:
        """Why it is not."""
        return "" if self._session is None else self._session.trouble

    def acknowledge(self, connection: int, mids: Sequence[int]) -> bool:
        """Acknowledge messages that are on disk; see `Session.acknowledge`. For any thread."""
        session = self._session
        if session is None or not session.acknowledge(connection, mids):
            return False
        self._open.difference_update(mids)
        return True

    def catch_up(self, stop: threading.Event) -> bool:
        """Take what waits, in its order, while new messages go on coming; return False where `stop` came first."""
        if not self._mark_topic:
            return self.empty(stop)
        outbox = Outbox(MemoryStorage())
        outbox.storage.put(Outbound(self._mark_topic, self._mark))  # type: ignore[attr-defined]
        return self._drive(Session(**self._options(), outbox=outbox), stop, self._caught_up)

    def empty(self, stop: threading.Event) -> bool:
        """Let nothing new come, and take what is left; return False where `stop` came first."""
        return self._drive(Session(**self._options(), forget=self._filters), stop, lambda: self._quiet(_AFTER_S))

    def remove(self) -> None:
        """Have the broker forget the session. Raises ConnectionError."""
        session = Session(self._broker, self.client_id)
        session.connect()
        session.close()

    def _options(self) -> dict[str, Any]:
        return {
            "broker": self._broker,
            "client_id": self.client_id,
            "persistent": True,
            "expiry_s": self._expiry_s,
            "on_message": self._take,
        }

    def _drive(self, session: Session, stop: threading.Event, done: Callable[[], bool]) -> bool:
        self._session, self._marked_at = session, math.inf
        self._heard_at = math.inf  # nothing is quiet before the connection is up
        try:
            while not stop.is_set():
                session.wait(_TURN_S)
                if not session.up:
                    self._heard_at = math.inf
                elif not session.resumed:
                    return True  # there is none, or none any more
                elif self._heard_at is math.inf:
                    self._heard_at = time.monotonic()
                elif not self._open and done():
                    return True
            return False
        finally:
            self._session = None
            session.close()

    def _caught_up(self) -> bool:
        return time.monotonic() - self._marked_at > _AFTER_S or self._quiet(_QUIET_S)

    def _quiet(self, for_s: float) -> bool:
        return time.monotonic() - self._heard_at > for_s

    def _take(self, message: Inbound) -> None:
        """Pass a message on (in the thread of `_drive`)."""
        self._heard_at = time.monotonic()
        if message.connection != self._connection:
            self._connection, self._open = message.connection, set()
        if message.payload == self._mark:
            self._marked_at = self._heard_at
            if message.qos and self._session is not None:
                self._session.acknowledge(message.connection, [message.mid])
            return
        if message.qos:
            self._open.add(message.mid)
        self.taken += 1
        self._receive(message)


class Leaving:
    """Empties the sessions of before, then connects the one of now, then removes those of before.

    Parameters
    ----------
    identity
        Notes which are left.
    session
        The one of now.
    leavers
        Those of before; without any the session is connected at once.
    """

    def __init__(self, identity: Identity, session: Session, leavers: Sequence[Leaver]) -> None:
        self._identity, self._session, self._leavers = identity, session, leavers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"leaving for {session.client_id}", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        if self._leavers:
            self._thread.start()
        else:
            self._session.start()

    def stop(self) -> None:
        """End, or leave an attempt to connect behind that is under way: it ends by itself."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    @property
    def up(self) -> bool:
        """Whether a session of before is connected."""
        return any(leaver.up for leaver in self._leavers)

    @property
    def trouble(self) -> str:
        """Why one is not that should be."""
        return next((leaver.trouble for leaver in self._leavers if leaver.trouble), "")

    def acknowledge(self, connection: int, mids: Sequence[int]) -> bool:
        """Acknowledge messages that came by one of them, see `Session.acknowledge`."""
        return any(leaver.acknowledge(connection, mids) for leaver in self._leavers)

    def _run(self) -> None:
        stop = self._stopping
        for leaver in self._leavers:
            try:
                leaver.catch_up(stop)
            except Exception:
                logger.exception("the session %s cannot be emptied; the gateway goes on without it", leaver.client_id)
        if not stop.is_set():
            self._session.start()
        while not self._session.up:
            if stop.wait(_TURN_S):
                return
        for leaver in self._leavers:
            try:
                if leaver.empty(stop):
                    leaver.remove()
                    self._identity.left(leaver.client_id)
                    logger.info("session %s: %d messages taken, and removed", leaver.client_id, leaver.taken)
            except OSError as error:
                logger.warning("session %s is removed at the next start: %s", leaver.client_id, error)
