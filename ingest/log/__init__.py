"""The durable log between gateway and pipeline, and the records in it: on SQLite for one box, on Kafka for a city."""
