"""HTTP connections that cannot lock the board: clients that are slow, half open, idle or many.

What uvicorn does not do by itself: a request has to be whole within some seconds, an answer that nobody reads is given
up, a peer that is gone is noticed, and where there are too many connections the oldest of whoever has most gives way
to the new one, so that the next person can always open the page.
"""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_PEER_S: Final = 30
"""How long a peer may leave unacknowledged what it was sent, and how long nothing is said before it is asked."""


class Connection(H11Protocol):
    """One connection. Its application finds it in the request's ``state`` as ``connection``."""

    request_s = 15.0
    """From the first byte (or the connection's beginning) to the end of a request."""
    write_s = 30.0
    """How long nothing of what was written may be taken."""
    most = 256

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)
        self._clocks: dict[str, asyncio.TimerHandle] = {}
        self.since = 0.0
        """When it was made, by the event loop's clock."""

    @property
    def peer(self) -> str:
        """The address of the other side."""
        return self.client[0] if self.client else ""

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is None or bool(cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for a request; make room where there are too many connections."""
        super().connection_made(transport)
        self.since = self.loop.time()
        _notice_when_gone(transport.get_extra_info("socket"))
        self._start_clock("request", self.request_s)
        if len(self.connections) > self.most:
            others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
            gives_way([one for one in others if one.idle] or others).abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the time for a request runs from its first one."""
        super().data_received(data)
        if self.idle or self.cycle.more_body:
            self._start_clock("request", self.request_s)
        else:
            self._stop_clock("request")

    def pause_writing(self) -> None:
        """Note that the other side does not take what was written."""
        super().pause_writing()
        self._start_clock("write", self.write_s)

    def resume_writing(self) -> None:
        """Note that it takes it again."""
        super().resume_writing()
        self._stop_clock("write")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_clock("request")
        self._stop_clock("write")
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close at once, whatever has not been sent."""
        self.transport.abort()

    def _start_clock(self, name: str, limit_s: float) -> None:
        if name not in self._clocks:
            self._clocks[name] = self.loop.call_later(limit_s, self.abort)

    def _stop_clock(self, name: str) -> None:
        if name in self._clocks:
            self._clocks.pop(name).cancel()


def gives_way(candidates: Iterable[Connection]) -> Connection:
    """Return the oldest connection of the peer that has most of them."""
    found = list(candidates)
    peers = Counter(one.peer for one in found)
    return max(found, key=lambda one: (peers[one.peer], -one.since))


def _notice_when_gone(sock: socket.socket | None) -> None:
    """Have the system close a connection whose other side is gone without a word, where it can."""
    if sock is None:
        return
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", _PEER_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _PEER_S * 1000),
    ):
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(level, getattr(socket, name), value)
