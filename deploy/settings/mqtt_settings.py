"""The broker of the settings, or the one that an option or a running node names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.settings.load import SettingsError, read_secret, with_values
from deploy.settings.sections import Settings
from ingest.login import BrokerAddress


def broker_address(settings: Settings) -> BrokerAddress:
    """Return how to reach the broker. Raises SettingsError where the password file cannot be read."""
    broker = settings.broker
    return BrokerAddress(
        host=broker.host,
        port=broker.port,
        protocol="5" if broker.protocol == "5" else "3.1.1",
        username=broker.username,
        password=read_secret(settings, "broker.password") or "",
        password_file=broker.password_file,
        tls=broker.tls,
        tls_ca=broker.tls_ca,
        tls_cert=broker.tls_cert,
        tls_key=broker.tls_key,
    )


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` (or ``[HOST]:PORT``). Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingsError(f"{text!r} is not an address, expected HOST:PORT such as 127.0.0.1:1883")
    return host.strip("[]"), int(port)


def at_broker(settings: Settings, address: str | None, node: Mapping[str, Any] | None = None) -> Settings:
    """Return settings with the broker of an option ``HOST:PORT``, else of a running node's ``node.json``."""
    if address is not None:
        host, port = parse_address(address)
    elif node is not None and isinstance(node.get("broker"), dict):
        host, port = str(node["broker"]["host"]), int(node["broker"]["port"])
    else:
        return settings
    return with_values(settings, broker={"host": host, "port": port})
