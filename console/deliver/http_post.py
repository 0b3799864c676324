"""One POST, over and done within its time: a server that hangs, drips or floods holds nobody longer than that.

`http.client` and a watchdog are all that is needed; a client with pools and redirects would hide what happened.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from console.deliver.channel import ChannelRefusedError, LaterError

_MOST: Final = 64 << 10
"""Bytes of an answer that are read."""
_SHOWN: Final = 200
_BUSY_S: Final = 10.0
_LONGEST_WAIT_S: Final = 3_600.0


class Answer(NamedTuple):
    """What a server said with a 2xx status."""

    status: int
    body: bytes


@contextlib.contextmanager
def deadline(connected: Callable[[], socket.socket | None], timeout_s: float) -> Iterator[None]:
    """Cut a connection after `timeout_s`, whatever it waits for; errors of the network become `LaterError`.

    `connected` returns its socket, None as long as there is none.
    """
    over = threading.Event()

    def cut() -> None:
        over.set()
        sock = connected()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, cut)
    timer.daemon = True
    timer.start()
    hangs = LaterError("hangs", f"no answer within {timeout_s:g} s")
    try:
        yield
        if over.is_set():  # what was read until then looks whole
            raise hangs
    except LaterError as error:
        if over.is_set():
            raise hangs from error
        raise
    except (OSError, HTTPException) as error:
        raise hangs if over.is_set() or isinstance(error, TimeoutError) else trouble(error) from error
    finally:
        timer.cancel()


def trouble(error: Exception) -> LaterError:
    """Return what an error of the network means: nothing of it is the message's fault."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return LaterError("away", f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, ConnectionRefusedError):
        return LaterError("away", "nobody listens there")
    if isinstance(error, socket.gaierror):
        return LaterError("away", "its name is not known")
    if isinstance(error, RemoteDisconnected | ConnectionError):
        return LaterError("cut", "the connection was cut")
    if isinstance(error, HTTPException):
        return LaterError("unclear", f"its answer cannot be read ({type(error).__name__})")
    return LaterError("away", getattr(error, "strerror", None) or type(error).__name__)


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, context: ssl.SSLContext | None = None
) -> Answer:
    """POST a body; return the answer where its status is 2xx. Redirects are not followed: nobody asked to go there.

    Raises `LaterError` where the server is away, hangs, is busy (429) or in trouble (5xx), `ChannelRefusedError` for
    any other status.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path + (f"?{parts.query}" if parts.query else "")
    connection: HTTPConnection = (
        HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=timeout_s)
    )
    held: list[socket.socket] = []  # the connection forgets its socket once the answer has begun
    try:
        with deadline(lambda: held[0] if held else None, timeout_s):
            connection.connect()
            held.append(connection.sock)
            connection.request("POST", path or "/", body, dict(headers))
            with connection.getresponse() as response:
                answer = Answer(response.status, response.read(_MOST))
                wait = response.getheader("Retry-After") or ""
    finally:
        connection.close()
    status = answer.status
    if 200 <= status < 300:
        return answer
    said = f"HTTP {status}"
    if status == 429:
        raise LaterError("busy", said, min(float(wait), _LONGEST_WAIT_S) if wait.isdecimal() else _BUSY_S)
    if status >= 500 or status == 408:
        raise LaterError("error", said)
    raise ChannelRefusedError("login" if status in {401, 403} else "refused", said)


def shown(text: object) -> str:
    """Return what a server said, short and in one line."""
    return " ".join(str(text).split())[:_SHOWN]
