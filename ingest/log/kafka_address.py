"""Where Kafka is, who a client is to it, and how a site's topics are called. Imports no client of Kafka."""

from typing import Any, Final, Literal

from ingest.login import Login
from ingest.setup.settings import Addresses

MAX_RECORD_BYTES: Final = 16 << 20
"""Longest record that is written; topics are made to take as much."""


class KafkaAddress(Login, frozen=True, kw_only=True):
    """The brokers of Kafka to begin with, and what they ask of a client."""

    bootstrap: Addresses = ""
    """Brokers to begin with, as HOST:PORT, several with commas; empty: Kafka is not used."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How the password is proven (SASL)."""

    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that a password is sent to."""
        return tuple(one.rpartition(":")[0] for one in self.bootstrap.split(",") if one)

    def options(self) -> dict[str, Any]:
        """Return what aiokafka's clients are given.

        Raises OSError for a certificate file that cannot be read, SettingsError for a password file.
        """
        tls = self.tls_context()
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap.split(",")}
        if self.username:
            options["security_protocol"] = "SASL_PLAINTEXT" if tls is None else "SASL_SSL"
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"], options["sasl_plain_password"] = self.username, self.secret()
        elif tls is not None:
            options["security_protocol"] = "SSL"
        if tls is not None:
            options["ssl_context"] = tls
        return options


def records_topic(site: str) -> str:
    """Topic of what gateways append: one partition a shard, see `ingest.log.records`."""
    return f"patrolgrid.{site}.records"


def site_topic(site: str) -> str:
    """Topic of the shards' results, which the site's stage reads: one partition."""
    return f"patrolgrid.{site}.site"


def state_topic(site: str) -> str:
    """Changelog of the shards' state: partition = shard."""
    return f"patrolgrid.{site}.state"


def site_state_topic(site: str) -> str:
    """Changelog of the site's state: one partition."""
    return f"patrolgrid.{site}.site-state"
