"""Where a broker is (MQTT's or Kafka's), who a client is to it, and how the connection is encrypted.

Imports nothing that takes time: settings embed these structs, and every command reads settings.
"""

import ssl
from pathlib import Path
from typing import Literal

from ingest.setup.settings import Port, Section, SettingsError


class Login(Section, frozen=True, kw_only=True):
    """What a broker may ask of a client. Files of certificates are PEM."""

    username: str = ""
    """User name at the broker; empty: none. Its password comes from password_file or from the environment."""
    password: str = ""
    password_file: Path | None = None
    """File that holds the password on its first line; nobody else should be able to read it."""
    tls: bool = False
    """Whether to speak TLS."""
    tls_ca: Path | None = None
    """Certificates of the authorities to trust; empty: the system's."""
    tls_cert: Path | None = None
    """The client's own certificate, where the broker asks for one."""
    tls_key: Path | None = None
    """Private key of tls_cert."""

    def secret(self) -> str:
        """Return the password, empty for none. Raises `ingest.setup.settings.SettingsError` for an unreadable file."""
        return self.read_secret("password")

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a context that checks the broker's certificate and host name, or None for a plain connection.

        Raises OSError naming a file that cannot be read, ssl.SSLError for one that is no certificate.
        """
        if not self.tls:
            return None
        for path in (self.tls_ca, self.tls_cert, self.tls_key):
            if path is not None:
                path.open("rb").close()  # ssl's own error does not name the file
        context = ssl.create_default_context(cafile=self.tls_ca)
        if self.tls_cert is not None:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        return context


class BrokerAddress(Login, frozen=True, kw_only=True):
    """An MQTT broker, and the login that it asks for."""

    host: str = "127.0.0.1"
    """Host of the broker."""
    port: Port = 1883
    """Port of the broker; 8883 is usual with TLS."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    """MQTT version to speak."""

    def __str__(self) -> str:
        """Return the address as people write it."""
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` (or ``[HOST]:PORT``). Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingsError(f"{text!r} is not an address, expected HOST:PORT such as 127.0.0.1:1883")
    return host.strip("[]"), int(port)
