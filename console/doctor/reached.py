"""Whether a server can be reached, and until when its certificate is good. Nothing is said to it."""

import socket
import ssl
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from console.deliver.channel import ChannelSettings, LaterError
from console.deliver.http_post import trouble

_TIMEOUT_S: Final = 5.0
_IMPLICIT_TLS: Final = 465


class Place(NamedTuple):
    """Where a server listens."""

    host: str
    port: int
    tls: bool = False
    context: ssl.SSLContext | None = None
    """What its certificate is checked with; None: the system's authorities."""

    def __str__(self) -> str:
        """Return it as people write it; a path may hold a key, and is left out."""
        return f"{self.host}:{self.port}"

    @classmethod
    def of_url(cls, url: str) -> Self | None:
        """Return the place of an address; None where it is empty, or is no address of the web."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        return cls(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), parts.scheme == "https")


class Reached(NamedTuple):
    """How it answered."""

    trouble: str = ""
    """Why it cannot be reached, in words; empty where it can."""
    days_left: int | None = None
    """Until its certificate ends; None where it shows none."""


def place_of(channel: ChannelSettings) -> Place | None:
    """Return where a channel's server is; None for one that has none, or whose address only its package knows."""
    host = getattr(channel, "host", None)
    if host is not None:
        port = int(getattr(channel, "port", _IMPLICIT_TLS))
        return Place(host, port, tls=port == _IMPLICIT_TLS)
    url = getattr(channel, "base_url", getattr(channel, "url", ""))
    return Place.of_url(url) if isinstance(url, str) else None


def reached(place: Place) -> Reached:
    """Connect, with TLS where it is spoken, and hang up."""
    try:
        with socket.create_connection((place.host, place.port), timeout=_TIMEOUT_S) as plain:
            if not place.tls:
                return Reached()
            context = place.context or ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=place.host) as secure:
                ends = str((secure.getpeercert() or {}).get("notAfter", ""))
    except TimeoutError:
        return Reached(f"no answer within {_TIMEOUT_S:g} s")
    except OSError as error:
        why: LaterError = trouble(error)
        return Reached(why.said)
    if not ends:
        return Reached()
    return Reached("", (datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - datetime.now(UTC)).days)
