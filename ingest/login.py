"""Where a broker is (MQTT's or Kafka's), who a client is to it, and how the connection is encrypted.

Imports nothing that takes time: settings embed these structs, and every command reads settings.
"""

import ipaddress
import ssl
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

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

    def mistake(self) -> str:
        """Return what cannot be meant, as a sentence; empty where there is nothing."""
        given = [name for name in ("tls_ca", "tls_cert", "tls_key") if getattr(self, name) is not None]
        if given and not self.tls:
            return (
                f"{given[0]} is set and tls is false, so nothing would be encrypted and a password would go in clear; "
                f"expected tls = true, or no {given[0]}"
            )
        if self.tls_key is not None and self.tls_cert is None:
            return "tls_key is set and tls_cert is not; expected the certificate that belongs to the key"
        return ""

    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that a password is sent to."""
        return ()

    def in_clear(self) -> bool:
        """Tell whether a password goes over a network without encryption."""
        has_password = bool(self.password or self.password_file)
        return has_password and not self.tls and not all(map(is_loopback, self.hosts()))

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a context that checks the broker's certificate and host name, or None for a plain connection.

        Raises OSError naming a file that cannot be read, ssl.SSLError for one that is no certificate, SettingsError for
        a `mistake`.
        """
        if self.mistake():
            raise SettingsError(self.mistake())
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

    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that a password is sent to."""
        return (self.host,)

    def __str__(self) -> str:
        """Return the address as people write it."""
        return f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, as far as its name says.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.5", "broker")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def url_in_clear(url: str) -> bool:
    """Tell whether what is sent to an address goes over a network without encryption.

    >>> [url_in_clear(url) for url in ("http://10.0.0.5:8086", "https://10.0.0.5", "http://localhost", "")]
    [True, False, False, False]
    """
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` (or ``[HOST]:PORT``). Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingsError(f"{text!r} is not an address, expected HOST:PORT such as 127.0.0.1:1883")
    return host.strip("[]"), int(port)
