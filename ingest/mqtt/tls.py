"""Who a client of ours is to the broker, and how it is encrypted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted. Files are PEM."""

    ca: Path | None = None
    """CA certificates that the broker's must be signed by; None takes the system's."""
    certificate: Path | None = None
    """The client's own, for brokers that ask for one."""
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a context that checks the broker's certificate and host name. Raises OSError, naming the file."""
        for path in (self.ca, self.certificate, self.key):
            if path is not None:
                path.open("rb").close()  # ssl's own error does not name the file
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Login:
    """What a broker may ask of who connects."""

    username: str = ""
    password: str = field(default="", repr=False)
    tls: Tls | None = None
