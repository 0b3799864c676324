"""From settings to what the clients of Kafka are given. Raises SettingsError where Kafka is not set up."""

from __future__ import annotations

from deploy.settings.load import SettingsError, read_secret
from deploy.settings.sections import Settings
from ingest.log.kafka_client import KafkaAddress
from ingest.mqtt.tls import Login, Tls


def kafka_address(settings: Settings) -> KafkaAddress:
    """Return how to reach the Kafka of the settings. Raises SettingsError where none is named."""
    kafka = settings.kafka
    if not kafka.bootstrap:
        raise SettingsError(
            "kafka.bootstrap is empty, expected the brokers as HOST:PORT, such as 127.0.0.1:9092; "
            "set it in [kafka], or PATROLGRID_KAFKA__BOOTSTRAP"
        )
    login = Login(
        username=kafka.username,
        password=read_secret(settings, "kafka.password") or "",
        tls=Tls(kafka.tls_ca, kafka.tls_cert, kafka.tls_key) if kafka.tls else None,
    )
    return KafkaAddress(kafka.bootstrap, login, kafka.mechanism)
