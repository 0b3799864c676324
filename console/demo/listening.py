"""Hears a site's alerts over MQTT, as a patrol's phone would, and notes when each arrived."""

import json
import time
from typing import Any, Self

from deploy.settings.sections import Settings
from ingest import topics
from ingest.mqtt.client import Inbound
from ingest.mqtt.session import Session


class AlertListener:
    """Subscribes to the alerts of all beats of a site. Use as a context manager.

    Raises ConnectionError on entering where the broker does not answer or refuses.
    """

    def __init__(self, settings: Settings) -> None:
        self.heard: list[tuple[dict[str, Any], int]] = []
        """Alerts in order of arrival, each with the wall clock in ns."""
        alerts = topics.alerts(settings.site.id, "+")
        self._session = Session(settings.broker, "", filters=(alerts,), on_message=self._on_message)

    def __enter__(self) -> Self:
        """Connect, and wait until the broker has taken the subscription."""
        self._session.connect()
        self._session.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Disconnect."""
        self._session.close()

    def _on_message(self, message: Inbound) -> None:
        arrived = time.time_ns()
        try:
            alert = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(alert, dict) and "state" in alert:
            self.heard.append((alert, arrived))
