"""Commands of people (acknowledge, clear) on their way to the node: MQTT, QoS 1, confirmed before anyone is told."""

from __future__ import annotations

import logging
import uuid
from typing import Any, Final, Protocol

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest import topics
from ingest.events import Command
from ingest.mqtt.tls import Tls

_log = logging.getLogger(__name__)
CONFIRM_S: Final = 5.0
"""How long a person waits for the broker's confirmation before being told that there is none."""


class BrokerAwayError(ConnectionError):
    """There is no connection to the broker: nothing was sent."""


class UnconfirmedError(TimeoutError):
    """The command was handed over and the broker did not confirm it in time: it may or may not have arrived."""


class CommandPublisher(Protocol):
    """Takes commands to the node."""

    def publish(self, command: Command) -> None:
        """Send a command and block until the broker has it.

        Raises `BrokerAwayError` or `UnconfirmedError`.
        """
        ...


class MqttCommandPublisher:
    """Publishes commands on ``patrolgrid/v1/{site}/commands``.

    Connects in the background and reconnects by itself with a growing wait (1 to 15 s). `publish` may be called from
    any thread.
    """

    def __init__(
        self,
        *,
        site: str,
        host: str,
        port: int,
        username: str = "",
        password: str = "",
        protocol: str = "3.1.1",
        tls: Tls | None = None,
    ) -> None:
        """Begin to connect. Raises OSError where a file of `tls` cannot be used."""
        self.topic = topics.commands(site)
        self._where = f"{host}:{port}"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"board-{site}-{uuid.uuid4().hex[:8]}",
            protocol=mqtt.MQTTv5 if protocol == "5" else mqtt.MQTTv311,
        )
        if username:
            self._client.username_pw_set(username, password or None)
        if tls is not None:
            self._client.tls_set_context(tls.context())
        self._client.reconnect_delay_set(min_delay=1, max_delay=15)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.connect_async(host, port, keepalive=15)
        self._client.loop_start()

    def publish(self, command: Command) -> None:
        """Send a command and block until the broker has it, for at most `CONFIRM_S`."""
        if not self._client.is_connected():
            raise BrokerAwayError(f"no connection to the broker at {self._where}")
        sent = self._client.publish(self.topic, msgspec.json.encode(command), qos=1)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerAwayError(f"the broker at {self._where} took nothing: {mqtt.error_string(sent.rc)}")
        sent.wait_for_publish(CONFIRM_S)
        if not sent.is_published():
            raise UnconfirmedError(f"the broker at {self._where} confirmed nothing within {CONFIRM_S:g} s")

    def close(self) -> None:
        """Disconnect and end the background thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, _client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:  # noqa: ANN401 - paho gives a type of its own per protocol version
        if reason.is_failure:
            _log.warning("the broker at %s refuses the board: %s", self._where, reason)
        else:
            _log.info("connected to the broker at %s", self._where)

    def _disconnected(self, _client: object, _data: object, _flags: object, reason: Any, _properties: object) -> None:  # noqa: ANN401 - see above
        if reason.is_failure:
            _log.warning("lost the broker at %s (%s); trying again", self._where, reason)
