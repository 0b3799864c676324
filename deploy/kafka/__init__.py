"""A city's processes: gateways from MQTT to Kafka, workers from Kafka to results, and the topics between them."""
