"""A city's processes: gateways from MQTT to Kafka, workers from Kafka to results, and the topics between them.

Every module needs the extra kafka.
"""

__all__ = ["gateway_service", "site_topics", "worker_service"]
