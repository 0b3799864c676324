"""Hears a site's alerts over MQTT, as a patrol's phone would, and notes when each arrived."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from deploy.settings import Settings
from ingest import topics
from ingest.mqtt import Inbound, Session


@contextmanager
def heard_alerts(settings: Settings) -> Iterator[list[tuple[dict[str, Any], int]]]:
    """Give the alerts of a site's beats in order of arrival, each with the wall clock in ns, as long as the block runs.

    The broker has taken the subscription when the block begins. Raises ConnectionError where it does not answer, or
    refuses.
    """
    heard: list[tuple[dict[str, Any], int]] = []

    def on_message(message: Inbound) -> None:
        arrived = time.time_ns()
        try:
            alert = json.loads(message.payload)
        except ValueError:
            return
        if isinstance(alert, dict) and "state" in alert:
            heard.append((alert, arrived))

    session = Session(settings.broker, "", filters=(topics.alerts(settings.site.id, "+"),), on_message=on_message)
    with closing(session):
        session.connect()
        session.start()
        yield heard
