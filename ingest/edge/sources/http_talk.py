"""One connection to a port of the edge agent: HTTP/1.1 by h11, with bounds for everything that a sender decides.

Whoever has not proved itself is heard no further than its headers: its body is thrown away as it comes. A request that
two programs could take apart in two ways is refused (RFC 9112, section 11.2).
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

import h11

from ingest.codecs.codec import Reply

_HEADER_BYTES: Final = 16 << 10
_HEADERS: Final = 64
_BODY_S: Final = 30.0
_IDLE_S: Final = 130.0
"""Between requests: systems keep alive every 90 s."""
_ANSWER_S: Final = 10.0
_THROWN_BYTES: Final = 8 << 20
CHUNK: Final = 64 << 10
_PATH: Final = re.compile(r"/[!-~]{0,1023}\Z")
_ESCAPED: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
_ONCE: Final = frozenset({
    "authorization", "content-length", "content-type", "content-encoding", "expect", "host", "transfer-encoding",
    "user-identify",
})  # fmt: skip
UNPROVED: Final = "no proof"
"""Why the first request of every Digest is refused: nothing to be told."""


class NotTakenError(Exception):
    """A request that is not taken: the status of the answer, and why, for the log."""

    def __init__(self, status: int, detail: str, *, stale: bool = False, end: bool = False) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.stale = stale
        """The sender may try again at once, with a new nonce."""
        self.end = end
        """No other request may follow."""


class Request(NamedTuple):
    """A request without its body."""

    method: str
    target: str
    """As it was sent: what a Digest is about."""
    path: str
    headers: Mapping[str, str]


class Admitted(NamedTuple):
    """A request whose sender is known."""

    account: str
    codec: str
    most_bytes: int
    devices: frozenset[str] = frozenset()
    """Those that the account may speak for, as in `VendorMessage`."""


class Port(Protocol):
    """What a connection asks of its port."""

    header_s: float
    stopping: bool

    def admit(self, request: Request, peer: str) -> Admitted:
        """Return whose a request is. Raises `NotTakenError`."""

    async def take(self, request: Request, admitted: Admitted, body: bytes, peer: str) -> Reply:
        """Hand over a request and return the answer."""

    def challenges(self, *, stale: bool, old: bool) -> list[str]:
        """Return what stands in WWW-Authenticate."""

    async def room(self, size: int) -> None:
        """Wait for room for a body of so many bytes. Raises `NotTakenError` where there is none for long."""

    async def release(self, size: int) -> None:
        """Give room back."""

    def tell(self, peer: str, detail: str) -> None:
        """Count a refusal, and say why."""


class Talk:
    """One connection: request after request."""

    def __init__(self, port: Port, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port, self._peer, self._reader, self._writer = port, peer, reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADER_BYTES)
        self._known = False
        """Whether somebody has proved itself here."""
        self.busy = False
        """Whether a request has begun and is not answered."""

    async def hold(self) -> None:
        """Answer requests until one of both sides has enough."""
        while not self._port.stopping and await self._begins():
            self.busy = True
            try:
                more = await self._one()
            except h11.RemoteProtocolError as error:
                await self._refuse(NotTakenError(error.error_status_hint, "no HTTP that can be read", end=True))
                return
            if not more or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self.busy = False
            self._http.start_next_cycle()

    async def _begins(self) -> bool:
        """Wait for the first byte of a request; tell whether there is one."""
        if not self._http.trailing_data[0]:
            async with asyncio.timeout(_IDLE_S if self._known else self._port.header_s):
                data = await self._reader.read(CHUNK)
            if not data:
                return False
            self._http.receive_data(data)
        return True

    async def _one(self) -> bool:
        """Answer a request; tell whether another may follow."""
        old = False
        try:
            async with asyncio.timeout(self._port.header_s):
                event = await self._event()
            if not isinstance(event, h11.Request):
                return False
            request = _checked(event)
            old = "user-identify" in request.headers
            admitted = self._port.admit(request, self._peer)
            self._known = True
            size = _length(request, admitted.most_bytes)
            await self._port.room(size)
        except NotTakenError as error:
            return await self._refuse(error, old=old)
        except TimeoutError:
            return await self._refuse(NotTakenError(408, "a request that took too long", end=True))
        try:
            async with asyncio.timeout(_BODY_S):
                body = await self._body(admitted.most_bytes)
            reply = await self._port.take(request, admitted, body, self._peer)
        except NotTakenError as error:
            return await self._refuse(error, old=old)
        except TimeoutError:
            return await self._refuse(NotTakenError(408, "a request that took too long", end=True))
        finally:
            await self._port.release(size)
        await self._answer(reply, old=old)
        return True

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
            self._http.receive_data(await self._reader.read(CHUNK))
        return event

    async def _body(self, most: int) -> bytes:
        """Return the body. Raises `NotTakenError` for one that is too long."""
        found = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            if len(found) + len(event.data) > most:
                raise _too_long(most)
            found += event.data
        return bytes(found)

    # -- answers -------------------------------------------------------------------------------------------------------

    async def _refuse(self, error: NotTakenError, *, old: bool = False) -> bool:
        """Answer that a request is not taken; tell whether another may follow."""
        if error.detail != UNPROVED:
            self._port.tell(self._peer, error.detail)
        end = error.end or not await self._throw_away()
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._answer(Reply(error.status, b"", ""), stale=error.stale, old=old, end=end)
        if end:
            await self._linger()
        return not end

    async def _throw_away(self) -> bool:
        """Read a body that is not wanted, without keeping any of it; tell whether it came to its end."""
        if self._http.they_are_waiting_for_100_continue:
            return False
        left = _THROWN_BYTES
        with contextlib.suppress(TimeoutError, h11.RemoteProtocolError):
            async with asyncio.timeout(_BODY_S):
                while left > 0 and isinstance(event := await self._event(), h11.Data):
                    left -= len(event.data)
                return left > 0 and isinstance(event, h11.EndOfMessage)
        return False

    async def _linger(self) -> None:
        """Hear out, for a moment, who is still sending: it would else lose the answer."""
        left = _THROWN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._port.header_s / 10):
                while left > 0 and (data := await self._reader.read(CHUNK)):
                    left -= len(data)

    async def _answer(self, reply: Reply, *, stale: bool = False, old: bool = False, end: bool = False) -> None:
        headers = [("content-length", str(len(reply.body))), ("cache-control", "no-store")]
        if reply.body:
            headers.append(("content-type", reply.content_type))
        if reply.status == 401:
            headers.extend(("www-authenticate", one) for one in self._port.challenges(stale=stale, old=old))
        if reply.status in {429, 503}:
            headers.append(("retry-after", "60" if reply.status == 429 else "5"))
        if reply.status == 405:
            headers.append(("allow", "POST, PUT"))
        if end:
            headers.append(("connection", "close"))
        send = self._http.send
        head = send(h11.Response(status_code=reply.status, headers=headers)) or b""
        await self._send(head + (send(h11.Data(data=reply.body)) or b"") + (send(h11.EndOfMessage()) or b""))

    async def _send(self, data: bytes | None) -> None:
        self._writer.write(data or b"")
        async with asyncio.timeout(_ANSWER_S):
            await self._writer.drain()


def _length(request: Request, most: int) -> int:
    """Return how long a body may become. Raises `NotTakenError` where it says that it is longer than is taken."""
    length = int(request.headers.get("content-length", "0"))
    if length > most:
        raise _too_long(most)
    return most if "transfer-encoding" in request.headers else length


def _too_long(most: int) -> NotTakenError:
    return NotTakenError(413, f"a body of more than {most} bytes", end=True)


def _checked(event: h11.Request) -> Request:
    """Return a request that can be understood in one way only. Raises `NotTakenError`."""
    headers: dict[str, str] = {}
    if event.http_version not in {b"1.0", b"1.1"}:
        raise NotTakenError(505, "another HTTP than 1.0 and 1.1", end=True)
    size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
    if len(event.headers) > _HEADERS or size > _HEADER_BYTES:
        raise NotTakenError(431, f"more than {_HEADERS} headers, or {_HEADER_BYTES} bytes of them", end=True)
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if name in headers and name in _ONCE:
            raise NotTakenError(400, f"two headers {name}", end=True)
        headers.setdefault(name, value)
    if "transfer-encoding" in headers and ("content-length" in headers or event.http_version != b"1.1"):
        raise NotTakenError(400, "a body with two lengths", end=True)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise NotTakenError(415, "a compressed body")
    if "upgrade" in headers:
        raise NotTakenError(400, "another protocol", end=True)
    target = event.target.decode("latin-1")
    return Request(event.method.decode("ascii").upper(), target, path_of(target), headers)


def path_of(target: str) -> str:
    """Return the path of a target, its escapes resolved once. Raises `NotTakenError` for one with tricks in it.

    >>> path_of("/VIID/System/Time?a=1"), path_of("/%E9%97%A8")
    ('/VIID/System/Time', '/门')
    """
    path = target.partition("?")[0]
    if not _PATH.match(path) or _ESCAPED.search(path) or "#" in target:
        raise NotTakenError(400, "a path that is none", end=True)
    try:
        plain = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise NotTakenError(400, "a path that is no text", end=True) from None
    steps = plain.split("/")
    if not plain.isprintable() or not {"\\", "%"}.isdisjoint(plain) or not {".", ".."}.isdisjoint(steps):
        raise NotTakenError(400, "a path with tricks in it", end=True)
    if "" in steps[1:-1]:
        raise NotTakenError(400, "a path with an empty step", end=True)
    return plain
