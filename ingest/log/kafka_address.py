"""Where Kafka is, who a client is to it, and how a site's topics are called. Imports no client of Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ingest.login import Login

MAX_RECORD_BYTES: Final = 16 << 20
"""Longest record that is written; topics are made to take as much."""


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """The brokers to begin with, and what they ask of who connects."""

    bootstrap: str
    """``HOST:PORT``, several with commas; the clients find the other brokers through any of them."""
    login: Login = field(default_factory=Login)
    mechanism: str = "SCRAM-SHA-512"
    """SASL mechanism that the user name and password are for."""

    def options(self) -> dict[str, Any]:
        """Return what aiokafka's clients are given. Raises OSError for a certificate file that cannot be read."""
        login = self.login
        tls = login.tls_context()
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap.split(",")}
        if login.username:
            options["security_protocol"] = "SASL_PLAINTEXT" if tls is None else "SASL_SSL"
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"], options["sasl_plain_password"] = login.username, login.secret()
        elif tls is not None:
            options["security_protocol"] = "SSL"
        if tls is not None:
            options["ssl_context"] = tls
        return options


def records_topic(site: str) -> str:
    """Topic of what gateways append: one partition a shard, see `ingest.log.records`."""
    return f"patrolgrid.{site}.records"


def site_topic(site: str) -> str:
    """Topic of what the shards' workers tell the site's stage: one partition."""
    return f"patrolgrid.{site}.site"


def state_topic(site: str) -> str:
    """Changelog of the shards' state: partition = shard."""
    return f"patrolgrid.{site}.state"


def site_state_topic(site: str) -> str:
    """Changelog of the site's state: one partition."""
    return f"patrolgrid.{site}.site-state"
