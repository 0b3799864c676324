"""MQTT clients made from settings: one place that knows user names, passwords, TLS and protocol versions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from deploy.settings.load import SettingsError, read_secret, with_values
from deploy.settings.sections import Settings
from ingest.mqtt.tls import Login, Tls


def broker_tls(settings: Settings) -> Tls | None:
    """Return how the broker's connections are encrypted, or None without TLS."""
    broker = settings.broker
    return Tls(broker.tls_ca, broker.tls_cert, broker.tls_key) if broker.tls else None


def broker_login(settings: Settings) -> Login:
    """Return what the broker is told of us. Raises SettingsError where the password file cannot be read."""
    return Login(settings.broker.username, read_secret(settings, "broker.password") or "", broker_tls(settings))


def make_client(settings: Settings, client_id: str = "") -> mqtt.Client:
    """Return an unconnected client with the broker's protocol, user name, password and TLS."""
    protocol = mqtt.MQTTv5 if settings.broker.protocol == "5" else mqtt.MQTTv311
    clean = True if protocol == mqtt.MQTTv311 else None
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, clean_session=clean)
    if settings.broker.username:
        client.username_pw_set(settings.broker.username, read_secret(settings, "broker.password"))
    tls = broker_tls(settings)
    if tls is not None:
        client.tls_set_context(tls.context())
    return client


def connect_once(settings: Settings, timeout_s: float = 5.0) -> str:
    """Connect and disconnect; return the broker's reason for a refusal, empty where it accepts.

    Raises OSError where nothing answers within `timeout_s`, SettingsError where the password file cannot be read.
    """
    client = make_client(settings)
    answers: list[str] = []

    def on_connect(_client: object, _data: object, _flags: object, reason: object, _properties: object) -> None:
        answers.append("" if str(reason) == "Success" else str(reason))

    client.on_connect = on_connect
    client.connect_timeout = timeout_s
    client.connect(settings.broker.host, settings.broker.port, keepalive=10)
    deadline = time.monotonic() + timeout_s
    while not answers and time.monotonic() < deadline:
        if client.loop(timeout=0.1) != mqtt.MQTT_ERR_SUCCESS and not answers:
            break
    client.disconnect()
    if not answers:
        raise TimeoutError(f"accepts the connection, and does not speak MQTT {settings.broker.protocol}")
    return answers[0]


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


def publish_all(settings: Settings, messages: Iterable[tuple[str, bytes]], timeout_s: float = 30.0) -> int:
    """Publish (topic, payload) pairs with QoS 1, wait until all are acknowledged, and return how many.

    Raises OSError where the broker cannot be reached or stops acknowledging for `timeout_s`.
    """
    client = make_client(settings)
    connected = threading.Event()
    refusal: list[str] = []

    def on_connect(_client: object, _data: object, _flags: object, reason: object, _properties: object) -> None:
        if str(reason) != "Success":
            refusal.append(str(reason))
        connected.set()

    client.on_connect = on_connect
    broker = settings.broker
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        if not connected.wait(timeout_s) or refusal:
            why = refusal[0] if refusal else "no answer"
            raise ConnectionError(f"broker {broker.host}:{broker.port}: {why}")
        under_way = [client.publish(topic, payload, qos=1) for topic, payload in messages]
        for message in under_way:
            message.wait_for_publish(timeout_s)
            if not message.is_published():
                raise TimeoutError(f"broker {broker.host}:{broker.port} stopped acknowledging")
        return len(under_way)
    finally:
        client.disconnect()
        client.loop_stop()
