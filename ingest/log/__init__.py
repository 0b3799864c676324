"""The durable log between gateway and pipeline, and the records in it: on SQLite for one box, on Kafka for a city.

`records` has `Record` and the protocols `Log` and `ConsumedLog`; `batch` and `history` are what records hold;
`sqlite_log` and `kafka_log` are the two logs. `kafka_address` imports no client of Kafka, the other Kafka modules do.
"""
