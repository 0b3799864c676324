"""Where a broker is (MQTT's or Kafka's), who a client is to it, and how the connection is encrypted.

Imports nothing that takes time: settings embed these structs, and every command reads settings.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal

import msgspec


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker may ask of a client. Files of certificates are PEM."""

    username: str = ""
    """Empty: none is sent."""
    password: str = ""
    """Comes from the environment, never from a settings file; it is used before `password_file`."""
    password_file: Path | None = None
    """Holds the password on its first line."""
    tls: bool = False
    """Whether to speak TLS."""
    tls_ca: Path | None = None
    """Certificates of the authorities to trust; None trusts the system's."""
    tls_cert: Path | None = None
    """The client's own certificate, for brokers that ask for one."""
    tls_key: Path | None = None
    """Private key of `tls_cert`."""

    def __repr__(self) -> str:
        """Leave the password out: settings are printed and logged."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name != "password"}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def secret(self) -> str:
        """Return the password; empty for none. Raises ValueError naming a file that cannot be read."""
        if self.password or self.password_file is None:
            return self.password
        try:
            return self.password_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"password_file: {self.password_file} cannot be read ({error}); expected a text file with one line"
            ) from error

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
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 1883
    """8883 is usual with TLS."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    """MQTT version to speak."""

    def __str__(self) -> str:
        """Return the address as people write it."""
        return f"{self.host}:{self.port}"
