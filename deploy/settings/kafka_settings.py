"""From settings to what the clients of Kafka are given. Raises SettingsError where Kafka is not set up."""

from __future__ import annotations

from deploy.settings.load import SettingsError, read_secret
from deploy.settings.sections import Settings
from ingest.log.kafka_address import KafkaAddress
from ingest.login import Login


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
        tls=kafka.tls,
        tls_ca=kafka.tls_ca,
        tls_cert=kafka.tls_cert,
        tls_key=kafka.tls_key,
    )
    return KafkaAddress(kafka.bootstrap, login, kafka.mechanism)
