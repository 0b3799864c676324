"""Hears a site's alerts over MQTT, as a patrol's phone would, and notes when each arrived."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from deploy.settings.mqtt_settings import make_client
from deploy.settings.sections import Settings
from ingest import topics


class AlertListener:
    """Subscribes to the alerts of all beats of a site. Use as a context manager.

    Raises OSError on entering where the broker does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = make_client(settings)
        self._subscribed = threading.Event()
        self.heard: list[tuple[dict[str, Any], int]] = []
        """Alerts in order of arrival, each with the wall clock in ns."""
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> AlertListener:  # noqa: PYI034 - final in practice
        """Connect, and wait until the broker has taken the subscription."""
        broker = self._settings.broker
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        if not self._subscribed.wait(10.0):
            self.__exit__()
            raise TimeoutError(f"broker {broker.host}:{broker.port} did not take the subscription to alerts")
        return self

    def __exit__(self, *_exc: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, *_arguments: object) -> None:
        self._client.subscribe(topics.alerts(self._settings.site.id, "+"), qos=1)

    def _on_subscribe(self, *_arguments: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: object, _data: object, message: Any) -> None:  # noqa: ANN401 - paho's type
        arrived = time.time_ns()
        try:
            alert = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(alert, dict) and "state" in alert:
            self.heard.append((alert, arrived))
