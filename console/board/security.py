"""What keeps the page to itself: strict headers on every answer, and no command from another site's page."""

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMMAND_HEADER: Final = "x-patrolgrid"
"""A header that only the board's own page sends; another origin's would need a CORS preflight, never granted."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def host_allowed(host: str, names: Collection[str]) -> bool:
    """Tell whether a Host header is an address, localhost or a configured name.

    A name that somebody else's DNS points at this machine (DNS rebinding) is none of these, so that a page of that
    name can neither read the board nor command it.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(request: Request) -> bool:
    """Tell whether a request that changes something comes from the board's own page.

    It must carry `COMMAND_HEADER`; where the browser tells an Origin it must be the Host, and where it tells
    Sec-Fetch-Site that must be same-origin.
    """
    if COMMAND_HEADER not in request.headers:
        return False
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        return False
    return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


class SecureHeaders:
    """ASGI middleware: refuses foreign Host headers and adds the security headers to every answer.

    Plain ASGI and no more, so that an event stream passes through without being held up.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app, self.names = app, frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for key, value in _HEADERS.items():
                    headers[key] = value
                # Static files are revalidated by ETag; everything else is never kept.
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
            await send(message)

        if not host_allowed(Headers(scope=scope).get("host", ""), self.names):
            await _refuse(send_secured)
            return
        await self.app(scope, receive, send_secured)


async def _refuse(send: Send) -> None:
    body = b"This board does not go by that name. Add it to the setting board.hosts.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body})
